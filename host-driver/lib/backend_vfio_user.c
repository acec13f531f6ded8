// SPDX-License-Identifier: Apache-2.0
// The vfio-user back end: one stream socket to a server such as glane-sim (host-driver/vfio-user/vfio_user.h).
//
// The socket outlives this process, so the stream must be whole after a kill at any instruction. A request goes out by one sendmsg() and is
// short enough for the kernel to take all of it or nothing. A message is looked at with MSG_PEEK until all of it is there and then
// taken by one recvmsg(). A successor therefore finds whole messages: at most the answers to what its predecessor asked, whose
// identifiers it does not know, and which it drops.
#define _GNU_SOURCE
#include "backend.h"
#include "nic.h"
#include "vfio_user.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Longest request and answer. A stream socket of Linux takes up to 32 KiB at once or not at all. */
#define MESSAGE_MAX 8192u
/* Descriptors in one message that every server takes (the protocol's default is 1, and ours and others' say more). */
#define BLOCK_BYTES 4096u

struct vu {
	struct gl_nic *nic;
	int socket;
	uint16_t id;
	int lost;	    /* errno of what ended the connection */
	unsigned fds_max;   /* in a message */
	uint32_t bytes_max; /* of a region access */
	bool words_only;    /* the server refuses accesses of more than a word */
	unsigned vectors;
	/* Doorbells as the server gave them. */
	bool bells_asked;
	unsigned bell_count;
	struct {
		uint64_t offset, value;
		uint32_t region, bytes;
		int fd;
	} * bell;
};

struct message {
	struct vfio_user_header header;
	uint8_t body[MESSAGE_MAX - sizeof(struct vfio_user_header)];
};
static_assert(sizeof(struct message) == MESSAGE_MAX, "message");

/* --- The stream ----------------------------------------------------------------------------------------------------------------------- */

static int lose(struct vu *v, int error, const char *why)
{
	if (!v->lost)
		gl_fail(v->nic, error, "%s: %s", v->nic->device, why);
	else
		gl_fail(v->nic, ENODEV, "%s: the connection is lost", v->nic->device);
	v->lost = v->lost ? v->lost : error;
	return -ENODEV;
}

/* Waits for the socket; 0, or an error when the time is up. */
static int wait_socket(struct vu *v, short events, uint64_t limit)
{
	for (;;) {
		struct pollfd p = { .fd = v->socket, .events = events };
		uint64_t now = gl_now_ms();
		if (now >= limit)
			return lose(v, ETIMEDOUT, "the server did not answer in time");
		int n = poll(&p, 1, (int)(limit - now));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return lose(v, errno, strerror(errno));
	}
}

static int send_message(struct vu *v, struct message *m, const int *fds, unsigned count,
			uint64_t limit)
{
	union {
		char data[CMSG_SPACE(sizeof(int) * VFIO_USER_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec io = { .iov_base = m, .iov_len = m->header.size };
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1 };

	if (count) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.data;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
	}
	for (;;) {
		if (v->lost)
			return -ENODEV;
		ssize_t n = sendmsg(v->socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == (ssize_t)m->header.size)
			return 0;
		if (n >= 0)
			return lose(v, EPROTO, "the socket took half a message");
		if (errno == EAGAIN) {
			int error = wait_socket(v, POLLOUT, limit);
			if (error)
				return error;
		} else if (errno != EINTR) {
			return lose(v, ENODEV,
				    errno == EPIPE || errno == ECONNRESET
					    ? "the server has closed the connection"
					    : strerror(errno));
		}
	}
}

static void close_fds(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

/* The next whole message, with at most `room` descriptors; others are closed. Their number, or an error. */
static int receive(struct vu *v, struct message *m, int *fds, unsigned room, uint64_t limit)
{
	union {
		char data[CMSG_SPACE(sizeof(int) * VFIO_USER_MAX_FDS)];
		struct cmsghdr align;
	} control;
	struct iovec io = { .iov_base = m };
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1 };
	unsigned count = 0;

	for (;;) {
		if (v->lost)
			return -ENODEV;
		/* All of it must be there: at most once in a while it is not. */
		ssize_t n = recv(v->socket, m, sizeof(*m), MSG_PEEK | MSG_DONTWAIT);
		if (n == 0)
			return lose(v, ENODEV, "the server has closed the connection");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return lose(v, ENODEV,
				    errno == ECONNRESET ? "the server has closed the connection"
							: strerror(errno));
		if (n >= (ssize_t)sizeof(m->header) &&
		    (m->header.size < sizeof(m->header) || m->header.size > sizeof(*m)))
			return lose(v, EPROTO, "the server sent a message with an absurd length");
		if (n >= (ssize_t)sizeof(m->header) && n >= (ssize_t)m->header.size)
			break;
		if (n > 0) { /* the rest is on its way: poll() would not wait for it */
			if (gl_now_ms() >= limit)
				return lose(v, ETIMEDOUT, "the server sent half a message");
			gl_pause(32);
			continue;
		}
		int error = wait_socket(v, POLLIN, limit);
		if (error)
			return error;
	}
	io.iov_len = m->header.size;
	msg.msg_control = control.data;
	msg.msg_controllen = sizeof(control.data);
	ssize_t n;
	do {
		n = recvmsg(v->socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	for (struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL; c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned have = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < have; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < room)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	if (n != (ssize_t)m->header.size) {
		close_fds(fds, count);
		return lose(v, EPROTO, "the server's messages are cut");
	}
	return (int)count;
}

/* A request of the server: there is no memory of ours that it cannot reach by itself. */
static int refuse(struct vu *v, const struct message *request, uint64_t limit)
{
	struct message answer = { .header = { .id = request->header.id,
					      .command = request->header.command,
					      .size = sizeof(answer.header),
					      .flags = VFIO_USER_REPLY | VFIO_USER_ERROR,
					      .error = EFAULT } };
	if (request->header.flags & VFIO_USER_NO_REPLY)
		return 0;
	return send_message(v, &answer, NULL, 0, limit);
}

struct call {
	enum vfio_user_command command;
	const void *head, *data; /* of the request */
	size_t head_bytes, data_bytes;
	const int *fds;
	unsigned fd_count;
	int *answer_fds;
	unsigned answer_room, answer_count;
	bool posted;
};

/* Sends a request and, unless it is posted, waits for its answer in *m: the answer's bytes behind the header, or a negative errno. */
static int call(struct vu *v, struct call *c, struct message *m)
{
	uint64_t limit = gl_now_ms() + v->nic->timeout_ms;
	const uint16_t id = v->id++;

	if (v->lost)
		return lose(v, ENODEV, "");
	m->header = (struct vfio_user_header){
		.id = id,
		.command = (uint16_t)c->command,
		.size = (uint32_t)(sizeof(m->header) + c->head_bytes + c->data_bytes),
		.flags = VFIO_USER_REQUEST | (c->posted ? VFIO_USER_NO_REPLY : 0),
	};
	if (c->head_bytes)
		memcpy(m->body, c->head, c->head_bytes);
	if (c->data_bytes)
		memcpy(m->body + c->head_bytes, c->data, c->data_bytes);
	int error = send_message(v, m, c->fds, c->fd_count, limit);
	while (!error && !c->posted) {
		int n = receive(v, m, c->answer_fds, c->answer_room, limit);
		if (n < 0)
			return n;
		uint32_t type = m->header.flags & VFIO_USER_TYPE_MASK;
		if (type == VFIO_USER_REPLY && m->header.id == id &&
		    m->header.command == c->command) {
			c->answer_count = (unsigned)n;
			if (m->header.flags & VFIO_USER_ERROR) {
				close_fds(c->answer_fds, (unsigned)n);
				/* Callers add what it was about. */
				int e = m->header.error && m->header.error < 4096
						? (int)m->header.error
						: EIO;
				return gl_fail(v->nic, e, "%s: the server refuses: %s",
					       v->nic->device, strerror(e));
			}
			return (int)(m->header.size - sizeof(m->header));
		}
		/* An answer to a predecessor, or a request. */
		close_fds(c->answer_fds, (unsigned)n);
		if (type == VFIO_USER_REQUEST)
			error = refuse(v, m, limit);
		if (!error && gl_now_ms() >= limit)
			return lose(v, ETIMEDOUT, "the server did not answer in time");
	}
	return error;
}

static int short_answer(struct vu *v)
{
	return lose(v, EPROTO, "the server's answer is too short");
}

/* --- Regions --------------------------------------------------------------------------------------------------------------------------- */

static int vu_read(void *backend, unsigned region, uint32_t offset, unsigned size, uint32_t *value)
{
	struct vu *v = backend;
	struct vfio_user_region_access a = { .offset = offset, .region = region, .count = size };
	struct call c = { .command = VFIO_USER_REGION_READ, .head = &a, .head_bytes = sizeof(a) };
	struct message m;
	int n = call(v, &c, &m);
	if (n < 0)
		return n;
	if (n < (int)(sizeof(a) + size))
		return short_answer(v);
	*value = 0;
	memcpy(value, m.body + sizeof(a), size);
	return 0;
}

static int write_bytes(struct vu *v, unsigned region, uint32_t offset, const void *data,
		       size_t bytes, bool posted)
{
	struct vfio_user_region_access a = { .offset = offset,
					     .region = region,
					     .count = (uint32_t)bytes };
	struct call c = { .command = VFIO_USER_REGION_WRITE,
			  .head = &a,
			  .head_bytes = sizeof(a),
			  .data = data,
			  .data_bytes = bytes,
			  .posted = posted };
	struct message m;
	int n = call(v, &c, &m);
	return n < 0 ? n : 0;
}

static int vu_write(void *backend, unsigned region, uint32_t offset, unsigned size, uint32_t value)
{
	/* Configuration writes are not posted on PCI Express either. */
	return write_bytes(backend, region, offset, &value, size, region != GL_REGION_CONFIG);
}

static int vu_write_block(void *backend, unsigned region, uint32_t offset, const void *data,
			  size_t bytes)
{
	struct vu *v = backend;
	const uint8_t *from = data;
	int error = 0;
	while (bytes && !error) {
		size_t most = v->words_only || v->bytes_max < 4 ? 4 : v->bytes_max & ~3u;
		size_t chunk = bytes < most ? bytes : most;
		error = write_bytes(v, region, offset, from, chunk, chunk <= 4);
		if (error && !v->lost && chunk > 4) { /* a server that knows registers only */
			v->words_only = true;
			error = 0;
			continue;
		}
		from += chunk;
		offset += (uint32_t)chunk;
		bytes -= chunk;
	}
	return error;
}

static int vu_write_fd(void *backend, unsigned region, uint32_t offset, uint32_t value, int *fd)
{
	struct vu *v = backend;
	if (!v->bells_asked) {
		struct vfio_user_io_fds q = { .argsz =
						      MESSAGE_MAX - sizeof(struct vfio_user_header),
					      .index = region };
		int fds[VFIO_USER_MAX_FDS];
		struct call c = { .command = VFIO_USER_DEVICE_GET_REGION_IO_FDS,
				  .head = &q,
				  .head_bytes = sizeof(q),
				  .answer_fds = fds,
				  .answer_room = VFIO_USER_MAX_FDS };
		struct message m;
		int n = call(v, &c, &m);
		if (n < 0)
			return n == -ENODEV ? n : -ENOTSUP;
		if (n < (int)sizeof(q)) {
			close_fds(fds, c.answer_count);
			return short_answer(v);
		}
		memcpy(&q, m.body, sizeof(q));
		size_t room = ((size_t)n - sizeof(q)) / sizeof(struct vfio_user_ioeventfd);
		if (q.count > room)
			q.count = (uint32_t)room;
		v->bell = q.count ? calloc(q.count, sizeof(*v->bell)) : NULL;
		if (q.count && !v->bell) {
			close_fds(fds, c.answer_count);
			return gl_fail(v->nic, ENOMEM, "not enough memory for doorbells");
		}
		for (uint32_t i = 0; i < q.count; i++) {
			struct vfio_user_ioeventfd e;
			memcpy(&e, m.body + sizeof(q) + i * sizeof(e), sizeof(e));
			if (e.type != VFIO_USER_IO_FD_IOEVENTFD || e.fd_index >= c.answer_count ||
			    !(e.flags & VFIO_USER_IOEVENTFD_DATAMATCH))
				continue;
			int own = fcntl(fds[e.fd_index], F_DUPFD_CLOEXEC, 0);
			if (own < 0)
				continue;
			v->bell[v->bell_count].offset = e.offset;
			v->bell[v->bell_count].value = e.datamatch;
			v->bell[v->bell_count].region = region;
			v->bell[v->bell_count].bytes = (uint32_t)e.size;
			v->bell[v->bell_count++].fd = own;
		}
		close_fds(fds, c.answer_count);
		v->bells_asked = true;
	}
	for (unsigned i = 0; i < v->bell_count; i++) {
		if (v->bell[i].fd < 0 || v->bell[i].region != region ||
		    v->bell[i].offset != offset || v->bell[i].value != value)
			continue;
		*fd = v->bell[i].fd;
		v->bell[i].fd = -1;
		return 0;
	}
	return gl_fail(v->nic, ENOTSUP,
		       "%s: the server has no doorbell by descriptor at 0x%x of region %u",
		       v->nic->device, offset, region);
}

/* --- Memory, interrupts, reset ---------------------------------------------------------------------------------------------------------- */

static int vu_dma_map(void *backend, int fd, void *data, size_t bytes, uint64_t *bus)
{
	struct vu *v = backend;
	struct vfio_user_dma_map a = { .argsz = sizeof(a),
				       .flags = VFIO_USER_DMA_READABLE | VFIO_USER_DMA_WRITABLE,
				       .address = *bus,
				       .size = bytes };
	struct call c = { .command = VFIO_USER_DMA_MAP,
			  .head = &a,
			  .head_bytes = sizeof(a),
			  .fds = &fd,
			  .fd_count = 1 };
	struct message m;
	(void)data;
	int n = call(v, &c, &m);
	return n < 0 ? n : 0;
}

static int vu_dma_unmap(void *backend, uint64_t bus, size_t bytes)
{
	struct vu *v = backend;
	struct vfio_user_dma_unmap a = { .argsz = sizeof(a), .address = bus, .size = bytes };
	struct call c = { .command = VFIO_USER_DMA_UNMAP, .head = &a, .head_bytes = sizeof(a) };
	struct message m;
	int n = call(v, &c, &m);
	return n < 0 ? n : 0;
}

static int vu_set_irqs(void *backend, unsigned first, unsigned count, const int *eventfds)
{
	struct vu *v = backend;
	int error = 0;
	for (unsigned done = 0; done < count && !error;) {
		unsigned part = 1,
			 most = v->fds_max < VFIO_USER_MAX_FDS ? v->fds_max : VFIO_USER_MAX_FDS;
		/* A run of vectors with descriptors, or without. */
		const bool some = eventfds[done] >= 0;
		while (part < most && done + part < count && (eventfds[done + part] >= 0) == some)
			part++;
		struct vfio_irq_set a = { .argsz = sizeof(a),
					  .flags = VFIO_IRQ_SET_DATA_EVENTFD |
						   VFIO_IRQ_SET_ACTION_TRIGGER,
					  .index = VFIO_PCI_MSIX_IRQ_INDEX,
					  .start = first + done,
					  .count = part };
		struct call c = { .command = VFIO_USER_DEVICE_SET_IRQS,
				  .head = &a,
				  .head_bytes = sizeof(a),
				  .fds = eventfds + done,
				  .fd_count = some ? part : 0 };
		struct message m;
		int n = call(v, &c, &m);
		error = n < 0 ? n : 0;
		done += part;
	}
	return error;
}

static unsigned vu_irq_count(void *backend)
{
	struct vu *v = backend;
	return v->vectors;
}

static int vu_reset(void *backend)
{
	struct call c = { .command = VFIO_USER_DEVICE_RESET };
	struct message m;
	int n = call(backend, &c, &m);
	return n < 0 ? n : 0;
}

/* --- Connection --------------------------------------------------------------------------------------------------------------------------- */

static int connect_to(struct vu *v, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(a.sun_path))
		return gl_fail(v->nic, EINVAL,
			       "the socket's path '%s' has no or more than %zu characters", path,
			       sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	v->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->socket < 0)
		return gl_fail(v->nic, errno, "cannot make a socket: %s", strerror(errno));
	uint64_t limit = gl_now_ms() + v->nic->timeout_ms;
	while (connect(v->socket, (struct sockaddr *)&a, sizeof(a))) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) /* EAGAIN: its queue of waiting clients is full */
			return gl_fail(v->nic, errno == ECONNREFUSED ? ENOENT : errno,
				       "cannot connect to %s: %s; is glane-sim running?", path,
				       errno == ECONNREFUSED ? "nobody listens there"
							     : strerror(errno));
		if (gl_now_ms() >= limit)
			return gl_fail(
				v->nic, EBUSY,
				"%s: the server takes no connection; another process has the "
				"NIC",
				path);
		gl_pause(64);
	}
	return 0;
}

/* What the server says of itself: limits. Unknown words are passed over. */
static void capabilities(struct vu *v, const char *text, size_t bytes)
{
	json_t *root = bytes ? json_loadb(text, bytes - 1, 0, NULL) : NULL;
	json_t *c = json_object_get(root, "capabilities");
	json_int_t fds = json_integer_value(json_object_get(c, "max_msg_fds"));
	json_int_t most = json_integer_value(json_object_get(c, "max_data_xfer_size"));
	if (fds > 1)
		v->fds_max = fds < VFIO_USER_MAX_FDS ? (unsigned)fds : VFIO_USER_MAX_FDS;
	if (most > 0 && most < BLOCK_BYTES)
		v->bytes_max = (uint32_t)most;
	json_decref(root);
}

static int negotiate(struct vu *v)
{
	static const char own[] = "{\"capabilities\":{\"max_msg_fds\":253,\"max_data_xfer_size\":"
				  "4096,\"pgsizes\":4096}}";
	struct vfio_user_version version = { .major = 0, .minor = 0 };
	struct call c = { .command = VFIO_USER_VERSION,
			  .head = &version,
			  .head_bytes = sizeof(version),
			  .data = own,
			  .data_bytes = sizeof(own) };
	struct message m;
	int n = call(v, &c, &m);
	if (n == -EBUSY || n == -EUSERS || v->lost == ENODEV)
		return gl_fail(
			v->nic, EBUSY,
			"%s: the server takes no other client now; another process has the NIC",
			v->nic->device);
	if (n < 0)
		return n;
	if (n < (int)sizeof(version))
		return short_answer(v);
	memcpy(&version, m.body, sizeof(version));
	if (version.major != 0)
		return gl_fail(
			v->nic, EPROTO,
			"%s: the server speaks vfio-user %u.%u; this library understands 0.x",
			v->nic->device, version.major, version.minor);
	capabilities(v, (const char *)m.body + sizeof(version), (size_t)n - sizeof(version));
	return 0;
}

/* The function must have our regions and vectors. */
static int look(struct vu *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct call c = { .command = VFIO_USER_DEVICE_GET_INFO, .head = &info, .head_bytes = 16 };
	struct message m;
	int n = call(v, &c, &m);
	if (n < 0)
		return n;
	if (n < 16)
		return short_answer(v);
	memcpy(&info, m.body, 16);
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return gl_fail(v->nic, ENODEV, "%s: the server's device is no PCI function",
			       v->nic->device);
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	c = (struct call){ .command = VFIO_USER_DEVICE_GET_IRQ_INFO,
			   .head = &irq,
			   .head_bytes = sizeof(irq) };
	n = call(v, &c, &m);
	if (n < 0)
		return n;
	if (n < (int)sizeof(irq))
		return short_answer(v);
	memcpy(&irq, m.body, sizeof(irq));
	v->vectors = irq.count;
	return 0;
}

static void vu_close(void *backend)
{
	struct vu *v = backend;
	if (v->socket >= 0)
		close(v->socket);
	for (unsigned i = 0; i < v->bell_count; i++)
		if (v->bell[i].fd >= 0)
			close(v->bell[i].fd);
	free(v->bell);
	free(v);
}

static struct vu *vu_new(struct gl_nic *nic)
{
	struct vu *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->nic = nic;
	v->socket = -1;
	v->fds_max = 1;
	v->bytes_max = BLOCK_BYTES;
	if (getrandom(&v->id, sizeof(v->id), 0) != sizeof(v->id))
		v->id = (uint16_t)gl_now_ms();
	return v;
}

static int vu_open(struct gl_nic *nic, const char *address, void **backend)
{
	struct vu *v = vu_new(nic);
	if (!v)
		return gl_fail(nic, ENOMEM, "not enough memory for a connection");
	int error = connect_to(v, address);
	if (!error)
		error = negotiate(v);
	if (!error)
		error = look(v);
	if (error) {
		error = error == -ENODEV && v->lost ? -v->lost : error;
		vu_close(v);
		return error;
	}
	*backend = v;
	return 0;
}

/* The connection stands; what the server said at its beginning is asked for again where there is a question for it. */
static int vu_adopt(struct gl_nic *nic, const char *address, const struct gl_fd *fds, size_t count,
		    void **backend)
{
	(void)address;
	struct vu *v = vu_new(nic);
	if (!v)
		return gl_fail(nic, ENOMEM, "not enough memory for a connection");
	for (size_t i = 0; i < count; i++)
		if (!strcmp(fds[i].name, "device"))
			v->socket = fds[i].fd;
	if (v->socket < 0) {
		vu_close(v);
		return gl_fail(nic, EINVAL, "the descriptor 'device' is missing");
	}
	int error = look(v);
	if (error) {
		v->socket = -1; /* stays the caller's */
		vu_close(v);
		return error;
	}
	*backend = v;
	return 0;
}

static size_t vu_fds(void *backend, struct gl_fd *fds, size_t room)
{
	struct vu *v = backend;
	if (room)
		fds[0] = (struct gl_fd){ .name = "device", .fd = v->socket };
	return 1;
}

const struct gl_backend_ops gl_backend_vfio_user = {
	.scheme = "vfio-user",
	.open = vu_open,
	.adopt = vu_adopt,
	.close = vu_close,
	.fds = vu_fds,
	.read = vu_read,
	.write = vu_write,
	.write_block = vu_write_block,
	.dma_map = vu_dma_map,
	.dma_unmap = vu_dma_unmap,
	.set_irqs = vu_set_irqs,
	.irq_count = vu_irq_count,
	.write_fd = vu_write_fd,
	.reset = vu_reset,
};
