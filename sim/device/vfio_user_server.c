// SPDX-License-Identifier: Apache-2.0
// vfio-user server: the connection, requests and their checks, interrupts, DMA messages (docs/interop/vfio-user.rst of QEMU).
#include "vfio_user_server.h"
#include "vfio_user.h"
#include "vfio_user_dma.h"

#include <errno.h>
#include <jansson.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Longest message that is looked at: a transfer and its headers. Longer ones are passed over and answered with EMSGSIZE. */
#define MESSAGE_MAX	 (VFIO_USER_MAX_TRANSFER + 4096u)
/* Requests read ahead while one is under way and replies to DMA messages are to come, and their bytes. */
#define AHEAD_MESSAGES	 256
#define AHEAD_BYTES	 (4u << 20)
/* Bytes of replies that a client may leave unread; with any, no further request is served. */
#define OUT_BYTES_MAX	 (8u << 20)
/* DMA messages that a client may owe answers to. */
#define DMA_MESSAGES_MAX 4096
/* Requests served in one vfio_user_server_run(), so that the device gets its turn. */
#define REQUESTS_A_RUN	 64
#define REFUSED_MAX	 8

/* epoll tags */
enum { TAG_LISTEN, TAG_CLIENT, TAG_REFUSED, TAG_DOORBELL = TAG_REFUSED + REFUSED_MAX };

struct message {
	struct message *next;
	struct vfio_user_header header;
	uint32_t bytes; /* of the body */
	bool too_long;
	unsigned fd_count;
	int *fds;
	uint8_t body[];
};

/* What did not fit into the socket. */
struct out {
	struct out *next;
	size_t bytes, sent;
	unsigned fd_count;
	int fds[VFIO_USER_MAX_FDS];
	uint8_t data[];
};

/* A DMA message: held, or sent and not answered. */
struct dma_message {
	struct dma_message *next;
	uint16_t id;
	bool write, sent, cancelled;
	uint64_t address, token;
	uint32_t bytes;
	uint8_t data[]; /* of a write */
};

struct refused {
	int fd;
	size_t got;
	uint8_t header[sizeof(struct vfio_user_header)];
};

struct vector {
	int fd;
	bool held; /* raised, waits for `after` DMA writes to be acknowledged */
	uint64_t after;
};

struct vfio_user_server {
	struct vfio_user_device ops;
	void *device;
	int epoll, listener, client;
	uint32_t interest; /* epoll events of the client */
	struct sockaddr_un address;
	dev_t file_dev;
	ino_t file_ino;
	struct refused refused[REFUSED_MAX];
	char reason[96]; /* not empty: the client is to be dropped */
	char left[96];	 /* why the last one was */
	bool running;

	/* the client's session */
	bool negotiated;
	uint32_t client_fds; /* most descriptors it takes in a message */
	uint8_t head[sizeof(struct vfio_user_header)];
	size_t head_got, body_got;
	uint64_t skip; /* bytes of a message that is too long */
	struct message *incoming;
	int in_fds[VFIO_USER_MAX_FDS]; /* came with incoming */
	unsigned in_fd_count;
	bool in_fds_lost;
	struct message *queue, **queue_last;
	unsigned queued;
	size_t queued_bytes;
	struct out *out, **out_last;
	size_t out_bytes;

	/* the request under way */
	struct message *current;
	uint64_t step, steps;
	bool waiting, in_current;
	int error;
	uint8_t *data; /* of a read */

	struct vfio_user_maps *maps;
	struct dma_message *dma, **dma_last;
	unsigned dma_count, dma_held, dma_cancelled; /* cancelled: sent before */
	uint16_t next_id;
	uint64_t writes_sent, writes_done; /* DMA writes by message */

	struct vector *vectors;
	timer_t alarm;
	bool has_alarm;
	int err_fd, req_fd;
	int *doorbells; /* eventfds, -1: not made yet */

	struct vfio_user_stats stats;
};

static void drop(struct vfio_user_server *v);
static void run_current(struct vfio_user_server *v);
static void close_fd(int *fd);

/* --- Sending ---------------------------------------------------------------------------------------------------------------------- */

static void fail_client(struct vfio_user_server *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void fail_client(struct vfio_user_server *v, const char *format, ...)
{
	if (v->reason[0])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(v->reason, sizeof(v->reason), format, args);
	va_end(args);
}

static ssize_t send_some(int fd, struct iovec *iov, unsigned parts, const int *fds,
			 unsigned fd_count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * VFIO_USER_MAX_FDS)];
	} control;
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = parts };
	if (fd_count) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

static void out_free(struct out *o)
{
	for (unsigned i = 0; i < o->fd_count; i++)
		close(o->fds[i]);
	free(o);
}

/* One message in one sendmsg(); what the socket does not take is kept. The descriptors stay the caller's. */
static void send_message(struct vfio_user_server *v, struct iovec *iov, unsigned parts,
			 const int *fds, unsigned fd_count)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < parts; i++)
		bytes += iov[i].iov_len;
	ssize_t sent = 0;
	if (v->client < 0 || v->reason[0])
		return;
	if (!v->out) {
		sent = send_some(v->client, iov, parts, fds, fd_count);
		if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
			fail_client(v, "writing to it failed: %s", strerror(errno));
			return;
		}
		if (sent < 0)
			sent = 0;
		if ((size_t)sent == bytes)
			return;
	}
	if (v->out_bytes + bytes > OUT_BYTES_MAX) {
		fail_client(v, "it does not read its replies");
		return;
	}
	struct out *o = calloc(1, sizeof(*o) + bytes);
	if (!o) {
		fail_client(v, "no memory for a reply");
		return;
	}
	for (unsigned i = 0; i < parts; i++) {
		memcpy(o->data + o->bytes, iov[i].iov_base, iov[i].iov_len);
		o->bytes += iov[i].iov_len;
	}
	o->sent = (size_t)sent;
	if (!sent)
		for (unsigned i = 0; i < fd_count; i++) {
			o->fds[i] = dup(fds[i]);
			if (o->fds[i] < 0) {
				fail_client(v, "no descriptor for a reply");
				break;
			}
			o->fd_count++;
		}
	*v->out_last = o;
	v->out_last = &o->next;
	v->out_bytes += bytes;
}

static void flush(struct vfio_user_server *v)
{
	while (v->out && !v->reason[0]) {
		struct out *o = v->out;
		struct iovec iov = { o->data + o->sent, o->bytes - o->sent };
		ssize_t n = send_some(v->client, &iov, 1, o->fds, o->sent ? 0 : o->fd_count);
		if (n < 0) {
			if (errno != EAGAIN && errno != ENOBUFS)
				fail_client(v, "writing to it failed: %s", strerror(errno));
			return;
		}
		o->sent += (size_t)n;
		if (o->sent < o->bytes)
			return;
		v->out_bytes -= o->bytes;
		v->out = o->next;
		if (!v->out)
			v->out_last = &v->out;
		out_free(o);
	}
}

/* Answers a request: with an error only the header, as the protocol says. */
static void reply(struct vfio_user_server *v, const struct message *m, int error,
		  const void *payload, size_t bytes, const void *more, size_t more_bytes,
		  const int *fds, unsigned fd_count)
{
	if (error)
		v->stats.errors++;
	if (m->header.flags & VFIO_USER_NO_REPLY)
		return;
	if (error)
		bytes = more_bytes = fd_count = 0;
	struct vfio_user_header h = {
		.id = m->header.id,
		.command = m->header.command,
		.size = (uint32_t)(sizeof(h) + bytes + more_bytes),
		.flags = VFIO_USER_REPLY | (error ? VFIO_USER_ERROR : 0),
		.error = (uint32_t)error,
	};
	struct iovec iov[3] = {
		{ &h, sizeof(h) },
		{ (void *)payload, bytes },
		{ (void *)more, more_bytes },
	};
	send_message(v, iov, 3, fds, fd_count);
}

/* --- DMA messages ------------------------------------------------------------------------------------------------------------------ */

static void dma_send(struct vfio_user_server *v, struct dma_message *d)
{
	struct vfio_user_dma_access a = { d->address, d->bytes };
	struct vfio_user_header h = {
		.id = d->id,
		.command = d->write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
		.size = (uint32_t)(sizeof(h) + sizeof(a) + (d->write ? d->bytes : 0)),
		.flags = VFIO_USER_REQUEST,
	};
	struct iovec iov[3] = {
		{ &h, sizeof(h) },
		{ &a, sizeof(a) },
		{ d->data, d->write ? d->bytes : 0 },
	};
	d->sent = true;
	v->dma_held--;
	send_message(v, iov, 3, NULL, 0);
}

/* No DMA message while the client waits for an answer. */
static bool dma_may_go(const struct vfio_user_server *v)
{
	return !v->waiting || (v->current->header.flags & VFIO_USER_NO_REPLY);
}

static void dma_flush(struct vfio_user_server *v)
{
	if (!v->dma_held || !dma_may_go(v))
		return;
	for (struct dma_message *d = v->dma; d && v->dma_held; d = d->next)
		if (!d->sent)
			dma_send(v, d);
}

static int dma_ask(struct vfio_user_server *v, bool write, uint64_t address, const void *data,
		   uint32_t bytes, uint64_t token)
{
	if (v->dma_count >= DMA_MESSAGES_MAX)
		fail_client(v, "it does not answer DMA messages");
	struct dma_message *d = v->reason[0] ? NULL : malloc(sizeof(*d) + (write ? bytes : 0));
	if (!d)
		return -EFAULT;
	*d = (struct dma_message){
		.id = v->next_id++,
		.write = write,
		.address = address,
		.token = token,
		.bytes = bytes,
	};
	if (write) {
		memcpy(d->data, data, bytes);
		v->writes_sent++;
	}
	*v->dma_last = d;
	v->dma_last = &d->next;
	v->dma_count++;
	v->dma_held++;
	v->stats.dma_messages++;
	if (v->dma_held == 1 && dma_may_go(v))
		dma_send(v, d);
	return write ? 0 : 1;
}

int vfio_user_dma_read(struct vfio_user_server *v, uint64_t address, void *data, uint32_t bytes,
		       uint64_t token)
{
	const struct vfio_user_map *map =
		v->client < 0 ? NULL : vfio_user_maps_find(v->maps, address, bytes);
	int error = -EFAULT;
	if (map && map->readable && bytes <= VFIO_USER_DMA_BYTES)
		error = map->data ? vfio_user_map_copy(map, address, data, bytes, false)
				  : dma_ask(v, false, address, NULL, bytes, token);
	if (error < 0) {
		v->stats.refused_reads++;
		return error;
	}
	v->stats.dma_reads++;
	v->stats.dma_read_bytes += bytes;
	return error;
}

int vfio_user_dma_write(struct vfio_user_server *v, uint64_t address, const void *data,
			uint32_t bytes)
{
	const struct vfio_user_map *map =
		v->client < 0 ? NULL : vfio_user_maps_find(v->maps, address, bytes);
	int error = -EFAULT;
	if (map && map->writable && bytes <= VFIO_USER_DMA_BYTES)
		error = map->data ? vfio_user_map_copy(map, address, (void *)data, bytes, true)
				  : dma_ask(v, true, address, data, bytes, 0);
	if (error < 0) {
		v->stats.refused_writes++;
		return error;
	}
	v->stats.dma_writes++;
	v->stats.dma_write_bytes += bytes;
	return 0;
}

unsigned vfio_user_dma_pending(const struct vfio_user_server *v)
{
	return v->dma_count - v->dma_cancelled;
}

static void fire_held(struct vfio_user_server *v);

/* Takes one out of the list; its place is `at`. */
static void dma_unlink(struct vfio_user_server *v, struct dma_message **at)
{
	struct dma_message *d = *at;
	*at = d->next;
	if (!d->next)
		v->dma_last = at;
	v->dma_count--;
	if (!d->sent)
		v->dma_held--;
	else if (d->cancelled)
		v->dma_cancelled--;
}

/* Ends reads that touch the range (all if bytes is 0) and forgets writes to it that were not sent. */
static void dma_cancel(struct vfio_user_server *v, uint64_t address, uint64_t bytes)
{
	struct dma_message **at = &v->dma;
	while (*at) {
		struct dma_message *d = *at;
		bool hit = !bytes || (d->address <= address + (bytes - 1) &&
				      address <= d->address + (d->bytes - 1));
		if (!hit || d->cancelled || (d->write && d->sent)) {
			at = &d->next;
			continue;
		}
		if (d->write)
			v->writes_done++;
		else if (v->ops.dma_done)
			v->ops.dma_done(v->device, d->token, -ECANCELED, NULL);
		if (d->sent) { /* its reply is still to come */
			d->cancelled = true;
			v->dma_cancelled++;
			at = &d->next;
		} else {
			dma_unlink(v, at);
			free(d);
		}
	}
	fire_held(v);
}

void vfio_user_dma_cancel(struct vfio_user_server *v)
{
	for (struct dma_message **at = &v->dma; *at;) {
		struct dma_message *d = *at;
		if (!d->write && !d->cancelled) {
			if (v->ops.dma_done)
				v->ops.dma_done(v->device, d->token, -ECANCELED, NULL);
			d->cancelled = d->sent;
			v->dma_cancelled += d->sent;
		}
		if (!d->write && !d->sent) {
			dma_unlink(v, at);
			free(d);
		} else {
			at = &d->next;
		}
	}
}

static void dma_reply(struct vfio_user_server *v, const struct message *m)
{
	struct dma_message **at = &v->dma;
	while (*at && !((*at)->sent && (*at)->id == m->header.id))
		at = &(*at)->next;
	struct dma_message *d = *at;
	if (!d || m->header.command != (d->write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ)) {
		v->stats.errors++;
		return; /* answers nothing that was asked */
	}
	dma_unlink(v, at);
	if (d->write) {
		v->writes_done++;
		fire_held(v);
	} else if (!d->cancelled && v->ops.dma_done) {
		struct vfio_user_dma_access a = { 0 };
		if (m->bytes >= sizeof(a))
			memcpy(&a, m->body, sizeof(a));
		bool good = !(m->header.flags & VFIO_USER_ERROR) && !m->too_long &&
			    m->bytes == sizeof(a) + d->bytes && a.count == d->bytes &&
			    a.address == d->address;
		if (!good)
			v->stats.errors++;
		v->ops.dma_done(v->device, d->token, good ? 0 : -EIO,
				good ? m->body + sizeof(a) : NULL);
	}
	free(d);
}

/* --- Interrupts --------------------------------------------------------------------------------------------------------------------- */

/* Only eventfds: a write to anything else could block, or be a way to write into a file. */
static bool is_eventfd(int fd)
{
	char path[32], target[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return !strcmp(target, "anon_inode:[eventfd]");
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal that ends a system call, and a timer that sends it. */
static int alarm_new(timer_t *timer)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 6 };
	return sigaction(event.sigev_signo, &action, NULL) ||
	       timer_create(CLOCK_MONOTONIC, &event, timer);
}

/*
 * An eventfd whose counter is full says all that it can say. A client that fills it between our look and our write, which would wait then
 * (the descriptor's flags are the client's too), gains 20 ms.
 */
static void fire(struct vfio_user_server *v, int fd)
{
	static const struct itimerspec soon = { { 0, 20000000 }, { 0, 20000000 } }, never;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t one = 1;
	v->stats.interrupts++;
	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return;
	timer_settime(v->alarm, 0, &soon, NULL);
	if (write(fd, &one, sizeof(one)) < 0)
		v->stats.lost_interrupts++;
	timer_settime(v->alarm, 0, &never, NULL);
}

static void fire_held(struct vfio_user_server *v)
{
	for (unsigned i = 0; i < v->ops.vectors; i++) {
		struct vector *x = &v->vectors[i];
		if (x->held && x->after <= v->writes_done) {
			x->held = false;
			if (x->fd >= 0)
				fire(v, x->fd);
		}
	}
}

void vfio_user_irq(struct vfio_user_server *v, unsigned vector)
{
	if (vector >= v->ops.vectors || v->vectors[vector].fd < 0) {
		v->stats.lost_interrupts++;
		return;
	}
	struct vector *x = &v->vectors[vector];
	if (v->writes_sent != v->writes_done) {
		x->held = true;
		x->after = v->writes_sent;
		return;
	}
	fire(v, x->fd);
}

bool vfio_user_irq_wanted(const struct vfio_user_server *v, unsigned vector)
{
	return vector < v->ops.vectors && v->vectors[vector].fd >= 0;
}

static unsigned irq_count(const struct vfio_user_server *v, uint32_t index)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX					    ? v->ops.vectors
	       : index == VFIO_PCI_ERR_IRQ_INDEX || index == VFIO_PCI_REQ_IRQ_INDEX ? 1
										    : 0;
}

static int *irq_slot(struct vfio_user_server *v, uint32_t index, uint32_t n)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX	 ? &v->vectors[n].fd
	       : index == VFIO_PCI_ERR_IRQ_INDEX ? &v->err_fd
						 : &v->req_fd;
}

/* --- Requests ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t json_limit(json_t *capabilities, const char *name, uint32_t without, int *error)
{
	json_t *value = json_object_get(capabilities, name);
	if (!value)
		return without;
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		*error = EINVAL;
		return 0;
	}
	json_int_t n = json_integer_value(value);
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void do_version(struct vfio_user_server *v, struct message *m)
{
	/* QEMU refuses a server that takes more than 16 descriptors at once; we do take more. */
	static const char text[] =
		"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
		"\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}";
	struct vfio_user_version version;
	int error = 0;
	uint32_t fds = 1, transfer = VFIO_USER_MAX_TRANSFER;
	if (m->bytes < sizeof(version)) {
		reply(v, m, EINVAL, NULL, 0, NULL, 0, NULL, 0);
		return;
	}
	memcpy(&version, m->body, sizeof(version));
	size_t left = m->bytes - sizeof(version);
	if (left) {
		const char *from = (const char *)m->body + sizeof(version);
		json_t *all = memchr(from, 0, left) == from + left - 1
				      ? json_loadb(from, left - 1, 0, NULL)
				      : NULL;
		json_t *capabilities = json_object_get(all, "capabilities");
		if (!json_is_object(all) || (capabilities && !json_is_object(capabilities)))
			error = EINVAL;
		fds = json_limit(capabilities, "max_msg_fds", 1, &error);
		transfer = json_limit(capabilities, "max_data_xfer_size", VFIO_USER_MAX_TRANSFER,
				      &error);
		json_decref(all);
	}
	if (!error && version.major != 0)
		error = ENOTSUP;
	/* A TLP's read or write goes in one message. */
	if (!error && transfer < VFIO_USER_DMA_BYTES)
		error = EINVAL;
	if (error) {
		reply(v, m, error, NULL, 0, NULL, 0, NULL, 0);
		return;
	}
	v->negotiated = true;
	v->client_fds = fds < VFIO_USER_MAX_FDS ? fds : VFIO_USER_MAX_FDS;
	version.minor = 0;
	reply(v, m, 0, &version, sizeof(version), text, sizeof(text), NULL, 0);
}

static int do_dma_map(struct vfio_user_server *v, struct message *m)
{
	struct vfio_user_dma_map q;
	memcpy(&q, m->body, sizeof(q));
	uint64_t last = q.address + (q.size - 1);
	if (q.argsz < sizeof(q) ||
	    (q.flags & ~(uint32_t)(VFIO_USER_DMA_READABLE | VFIO_USER_DMA_WRITABLE)) || !q.size ||
	    last < q.address)
		return EINVAL;
	if (v->ops.reserved_bytes && q.address <= v->ops.reserved + (v->ops.reserved_bytes - 1) &&
	    v->ops.reserved <= last)
		return EINVAL;
	return -vfio_user_maps_add(v->maps, q.address, q.size, q.flags & VFIO_USER_DMA_READABLE,
				   q.flags & VFIO_USER_DMA_WRITABLE, m->fd_count ? m->fds[0] : -1,
				   q.offset);
}

static void map_removed(void *arg, const struct vfio_user_map *map)
{
	if (!map->data)
		dma_cancel(arg, map->address, map->bytes);
}

static void do_dma_unmap(struct vfio_user_server *v, struct message *m)
{
	struct vfio_user_dma_unmap q;
	int error = EINVAL;
	memcpy(&q, m->body, sizeof(q));
	if (q.argsz < sizeof(q) || (q.flags & ~(uint32_t)VFIO_USER_DMA_UNMAP_ALL)) {
		error = EINVAL;
	} else if (q.flags & VFIO_USER_DMA_UNMAP_ALL) {
		if (!q.address && !q.size) {
			dma_cancel(v, 0, 0);
			vfio_user_maps_clear(v->maps);
			error = 0;
		}
	} else {
		error = -vfio_user_maps_remove(v->maps, q.address, q.size, map_removed, v);
	}
	reply(v, m, error, &q, sizeof(q), NULL, 0, NULL, 0);
}

static void do_get_info(struct vfio_user_server *v, struct message *m)
{
	struct {
		uint32_t argsz, flags, regions, irqs;
	} q;
	memcpy(&q, m->body, sizeof(q));
	int error = q.argsz < sizeof(q) ? EINVAL : 0;
	q.argsz = sizeof(q);
	q.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	q.regions = VFIO_USER_REGIONS;
	q.irqs = VFIO_USER_IRQS;
	reply(v, m, error, &q, sizeof(q), NULL, 0, NULL, 0);
}

static void do_get_region_info(struct vfio_user_server *v, struct message *m)
{
	struct vfio_region_info q;
	memcpy(&q, m->body, sizeof(q));
	int error = q.argsz < sizeof(q) || q.index >= VFIO_USER_REGIONS ? EINVAL : 0;
	uint64_t size = error ? 0 : v->ops.region_size[q.index];
	/* Nothing is mapped by the client: one mappable region would turn posted writes off for all of them in QEMU. */
	q = (struct vfio_region_info){
		.argsz = sizeof(q),
		.index = q.index,
		.flags = size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0,
		.size = size,
	};
	reply(v, m, error, &q, sizeof(q), NULL, 0, NULL, 0);
}

/*
 * The doorbells' eventfds. With more of them than one message takes, `count` of the request tells how many to pass over (0 in the
 * protocol); count of the reply is the number in it, and argsz what all that are left would need.
 */
static void do_get_io_fds(struct vfio_user_server *v, struct message *m)
{
	struct vfio_user_io_fds q;
	struct vfio_user_ioeventfd parts[VFIO_USER_MAX_FDS];
	int fds[VFIO_USER_MAX_FDS], error = 0;
	memcpy(&q, m->body, sizeof(q));
	unsigned all = q.index == v->ops.doorbell_region ? v->ops.doorbells : 0, n = 0;
	if (q.argsz < sizeof(q) || q.flags || q.index >= VFIO_USER_REGIONS || q.count > all)
		error = EINVAL;
	unsigned left = error ? 0 : all - q.count;
	unsigned room = error ? 0 : (q.argsz - (uint32_t)sizeof(q)) / (uint32_t)sizeof(parts[0]);
	unsigned most = left < room ? left : room;
	if (most > v->client_fds)
		most = v->client_fds;
	for (; n < most && !error; n++) {
		unsigned index = q.count + n;
		int *fd = &v->doorbells[index];
		struct vfio_user_doorbell d = { 0 };
		v->ops.doorbell(v->device, index, &d);
		if (*fd < 0) {
			struct epoll_event e = { .events = EPOLLIN,
						 .data.u32 = TAG_DOORBELL + index };
			*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
			if (*fd < 0 || epoll_ctl(v->epoll, EPOLL_CTL_ADD, *fd, &e)) {
				error = errno;
				close_fd(fd);
				break;
			}
		}
		fds[n] = *fd;
		parts[n] = (struct vfio_user_ioeventfd){
			.offset = d.offset,
			.size = d.bytes,
			.fd_index = n,
			.type = VFIO_USER_IO_FD_IOEVENTFD,
			.flags = VFIO_USER_IOEVENTFD_DATAMATCH,
			.datamatch = d.value,
		};
	}
	q.argsz = (uint32_t)(sizeof(q) + left * sizeof(parts[0]));
	q.count = n;
	reply(v, m, error, &q, sizeof(q), parts, n * sizeof(parts[0]), fds, n);
}

static void do_get_irq_info(struct vfio_user_server *v, struct message *m)
{
	struct vfio_irq_info q;
	memcpy(&q, m->body, sizeof(q));
	int error = q.argsz < sizeof(q) || q.index >= VFIO_USER_IRQS ? EINVAL : 0;
	unsigned count = error ? 0 : irq_count(v, q.index);
	q = (struct vfio_irq_info){
		.argsz = sizeof(q),
		.flags = (count ? VFIO_IRQ_INFO_EVENTFD : 0) |
			 (q.index == VFIO_PCI_MSIX_IRQ_INDEX ? VFIO_IRQ_INFO_MASKABLE : 0),
		.index = q.index,
		.count = count,
	};
	reply(v, m, error, &q, sizeof(q), NULL, 0, NULL, 0);
}

static int do_set_irqs(struct vfio_user_server *v, struct message *m)
{
	struct vfio_irq_set q;
	memcpy(&q, m->body, sizeof(q));
	const uint8_t *bools = m->body + sizeof(q);
	uint32_t data = q.flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = q.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	if (q.argsz < sizeof(q) || q.index >= VFIO_USER_IRQS || (q.flags & ~(data | action)) ||
	    (data & (data - 1)) || !data || (action & (action - 1)) || !action)
		return EINVAL;
	unsigned count = irq_count(v, q.index);
	if (q.start > count || q.count > count - q.start)
		return EINVAL;
	if (m->bytes - sizeof(q) != (data == VFIO_IRQ_SET_DATA_BOOL ? q.count : 0))
		return EINVAL;
	if (data != VFIO_IRQ_SET_DATA_EVENTFD && m->fd_count)
		return EINVAL;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER &&
	    (q.index != VFIO_PCI_MSIX_IRQ_INDEX || data == VFIO_IRQ_SET_DATA_EVENTFD))
		return ENOTSUP;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD) {
		if (!q.count || (m->fd_count && m->fd_count != q.count))
			return EINVAL;
		for (unsigned i = 0; i < m->fd_count; i++)
			if (!is_eventfd(m->fds[i]))
				return EINVAL;
		for (unsigned i = 0; i < q.count; i++) {
			int *slot = irq_slot(v, q.index, q.start + i);
			close_fd(slot);
			if (m->fd_count) {
				*slot = m->fds[i];
				m->fds[i] = -1;
			}
		}
	} else if (action == VFIO_IRQ_SET_ACTION_TRIGGER && data == VFIO_IRQ_SET_DATA_NONE &&
		   !q.count) {
		if (q.start)
			return EINVAL;
		for (unsigned i = 0; i < count; i++)
			close_fd(irq_slot(v, q.index, i));
	} else {
		for (unsigned i = 0; i < q.count; i++) {
			int fd = *irq_slot(v, q.index, q.start + i);
			if (data == VFIO_IRQ_SET_DATA_BOOL && !bools[i])
				continue;
			if (action != VFIO_IRQ_SET_ACTION_TRIGGER) {
				if (v->ops.irq_mask)
					v->ops.irq_mask(v->device, q.start + i,
							action == VFIO_IRQ_SET_ACTION_MASK);
			} else if (fd >= 0) {
				fire(v, fd);
			}
		}
		return 0;
	}
	if (q.index == VFIO_PCI_MSIX_IRQ_INDEX && v->ops.irqs_changed)
		v->ops.irqs_changed(v->device);
	return 0;
}

static bool range_in_region(const struct vfio_user_server *v, uint32_t region, uint64_t offset,
			    uint32_t count)
{
	uint64_t size = region < VFIO_USER_REGIONS ? v->ops.region_size[region] : 0;
	return count && offset <= size && count <= size - offset;
}

/* Checks a request that the device is to work on; 0 or an errno. */
static int begin_access(struct vfio_user_server *v, struct message *m)
{
	struct vfio_user_region_access a;
	v->steps = 1;
	switch (m->header.command) {
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		memcpy(&a, m->body, sizeof(a));
		if (!range_in_region(v, a.region, a.offset, a.count) ||
		    a.count > VFIO_USER_MAX_TRANSFER)
			return EINVAL;
		if (m->header.command == VFIO_USER_REGION_WRITE) {
			v->stats.region_writes++;
			return m->bytes - sizeof(a) == a.count ? 0 : EINVAL;
		}
		v->stats.region_reads++;
		if (m->bytes != sizeof(a))
			return EINVAL;
		v->data = calloc(1, a.count);
		return v->data ? 0 : ENOMEM;
	case VFIO_USER_REGION_WRITE_MULTI: {
		uint64_t n;
		memcpy(&n, m->body, sizeof(n));
		size_t room = m->bytes - sizeof(n);
		struct vfio_user_write_multi_entry e;
		if (n != room / sizeof(e) || room % sizeof(e))
			return EINVAL;
		for (uint64_t i = 0; i < n; i++) {
			memcpy(&e, m->body + sizeof(n) + i * sizeof(e), sizeof(e));
			if (e.count > sizeof(e.data) ||
			    !range_in_region(v, e.region, e.offset, e.count))
				return EINVAL;
		}
		v->stats.region_writes += n;
		v->steps = n;
		return 0;
	}
	default: /* reset */
		return 0;
	}
}

static void start_step(struct vfio_user_server *v)
{
	struct message *m = v->current;
	struct vfio_user_region_access a;
	uint8_t *data = v->data;
	if (m->header.command == VFIO_USER_DEVICE_RESET) {
		if (v->ops.reset)
			v->ops.reset(v->device);
		else
			vfio_user_access_done(v, 0);
		return;
	}
	if (m->header.command == VFIO_USER_REGION_WRITE_MULTI) {
		struct vfio_user_write_multi_entry e;
		uint8_t *at = m->body + sizeof(uint64_t) + v->step * sizeof(e);
		memcpy(&e, at, sizeof(e));
		a = (struct vfio_user_region_access){ e.offset, e.region, e.count };
		data = at + offsetof(struct vfio_user_write_multi_entry, data);
	} else {
		memcpy(&a, m->body, sizeof(a));
		if (m->header.command == VFIO_USER_REGION_WRITE)
			data = m->body + sizeof(a);
	}
	if (v->ops.access)
		v->ops.access(v->device, a.region, a.offset, a.count,
			      m->header.command != VFIO_USER_REGION_READ, data);
	else
		vfio_user_access_done(v, 0);
}

static void message_free(struct message *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->fd_count; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	free(m->fds);
	free(m);
}

static void end_current(struct vfio_user_server *v)
{
	struct message *m = v->current;
	size_t bytes = 0, more = 0;
	struct vfio_user_region_access a;
	switch (m->header.command) {
	case VFIO_USER_REGION_READ:
		memcpy(&a, m->body, sizeof(a));
		bytes = sizeof(a);
		more = a.count;
		break;
	case VFIO_USER_REGION_WRITE:
		bytes = sizeof(a);
		break;
	case VFIO_USER_REGION_WRITE_MULTI:
		bytes = sizeof(uint64_t);
		break;
	default:
		break;
	}
	v->current = NULL;
	reply(v, m, v->error, m->body, bytes, v->data, more, NULL, 0);
	free(v->data);
	v->data = NULL;
	message_free(m);
	dma_flush(v);
}

/* Goes on with the request under way until the device has to finish something. */
static void run_current(struct vfio_user_server *v)
{
	if (v->in_current)
		return;
	v->in_current = true;
	while (v->current && !v->waiting) {
		if (v->error || v->step == v->steps) {
			end_current(v);
			continue;
		}
		v->waiting = true;
		start_step(v);
		v->step++;
	}
	v->in_current = false;
}

void vfio_user_access_done(struct vfio_user_server *v, int error)
{
	if (!v->waiting)
		return;
	v->waiting = false;
	v->error = error;
	run_current(v);
}

bool vfio_user_access_pending(const struct vfio_user_server *v)
{
	return v->current;
}

/* Least and most bytes of a request's body. */
static bool body_size_ok(const struct message *m)
{
	static const struct {
		uint32_t low, high;
	} size[] = {
		[VFIO_USER_VERSION] = { 4, MESSAGE_MAX },
		[VFIO_USER_DMA_MAP] = { 32, 32 },
		[VFIO_USER_DMA_UNMAP] = { 24, 24 },
		[VFIO_USER_DEVICE_GET_INFO] = { 16, 16 },
		[VFIO_USER_DEVICE_GET_REGION_INFO] = { 32, 32 },
		[VFIO_USER_DEVICE_GET_REGION_IO_FDS] = { 16, 16 },
		[VFIO_USER_DEVICE_GET_IRQ_INFO] = { 16, 16 },
		[VFIO_USER_DEVICE_SET_IRQS] = { 20, MESSAGE_MAX },
		[VFIO_USER_REGION_READ] = { 16, 16 },
		[VFIO_USER_REGION_WRITE] = { 16, MESSAGE_MAX },
		[VFIO_USER_DEVICE_RESET] = { 0, 0 },
		[VFIO_USER_REGION_WRITE_MULTI] = { 8, MESSAGE_MAX },
	};
	unsigned c = m->header.command;
	return c < sizeof(size) / sizeof(size[0]) && m->bytes >= size[c].low &&
	       m->bytes <= size[c].high;
}

static bool command_known(unsigned command)
{
	return (command >= VFIO_USER_VERSION && command <= VFIO_USER_REGION_WRITE) ||
	       command == VFIO_USER_DEVICE_RESET || command == VFIO_USER_REGION_WRITE_MULTI;
}

static unsigned fds_allowed(const struct message *m)
{
	return m->header.command == VFIO_USER_DMA_MAP		? 1
	       : m->header.command == VFIO_USER_DEVICE_SET_IRQS ? VFIO_USER_MAX_FDS
								: 0;
}

static int check_request(const struct vfio_user_server *v, const struct message *m)
{
	if (m->too_long)
		return EMSGSIZE;
	if (m->header.flags & ~(uint32_t)VFIO_USER_NO_REPLY)
		return EINVAL;
	if (!command_known(m->header.command))
		return ENOTSUP;
	if (v->negotiated == (m->header.command == VFIO_USER_VERSION))
		return EINVAL; /* first, and only once */
	return body_size_ok(m) && m->fd_count <= fds_allowed(m) ? 0 : EINVAL;
}

static void serve(struct vfio_user_server *v, struct message *m)
{
	int error = check_request(v, m);
	v->stats.requests++;
	if (error) {
		reply(v, m, error, NULL, 0, NULL, 0, NULL, 0);
		message_free(m);
		return;
	}
	switch (m->header.command) {
	case VFIO_USER_VERSION:
		do_version(v, m);
		break;
	case VFIO_USER_DMA_MAP:
		reply(v, m, do_dma_map(v, m), NULL, 0, NULL, 0, NULL, 0);
		break;
	case VFIO_USER_DMA_UNMAP:
		do_dma_unmap(v, m);
		break;
	case VFIO_USER_DEVICE_GET_INFO:
		do_get_info(v, m);
		break;
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		do_get_region_info(v, m);
		break;
	case VFIO_USER_DEVICE_GET_REGION_IO_FDS:
		do_get_io_fds(v, m);
		break;
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		do_get_irq_info(v, m);
		break;
	case VFIO_USER_DEVICE_SET_IRQS:
		reply(v, m, do_set_irqs(v, m), NULL, 0, NULL, 0, NULL, 0);
		break;
	default: /* accesses and reset, which the device works on */
		v->current = m;
		v->step = v->steps = 0;
		v->error = begin_access(v, m);
		run_current(v);
		return;
	}
	message_free(m);
}

/* --- Receiving ------------------------------------------------------------------------------------------------------------------------- */

/* As recv(), without waiting; descriptors that come along belong to the message being received. 0: nothing there, or the client is gone. */
static size_t receive(struct vfio_user_server *v, void *to, size_t bytes)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * VFIO_USER_MAX_FDS)];
	} control;
	struct iovec iov = { to, bytes };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t n;
	do
		n = recvmsg(v->client, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		if (errno != EAGAIN)
			fail_client(v, "reading from it failed: %s", strerror(errno));
		return 0;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (v->in_fd_count < VFIO_USER_MAX_FDS) {
				v->in_fds[v->in_fd_count++] = fd;
			} else {
				close(fd);
				v->in_fds_lost = true;
			}
		}
	}
	if (m.msg_flags & MSG_CTRUNC)
		v->in_fds_lost = true;
	if (!n)
		fail_client(v, "it closed the socket");
	return (size_t)n;
}

/* Gives the message what came with it, and begins anew. NULL: no memory. */
static struct message *take_incoming(struct vfio_user_server *v)
{
	struct message *m = v->incoming;
	v->incoming = NULL;
	v->head_got = v->body_got = 0;
	if (v->in_fd_count) {
		m->fds = malloc(v->in_fd_count * sizeof(int));
		if (m->fds) {
			memcpy(m->fds, v->in_fds, v->in_fd_count * sizeof(int));
			m->fd_count = v->in_fd_count;
		} else {
			for (unsigned i = 0; i < v->in_fd_count; i++)
				close(v->in_fds[i]);
			fail_client(v, "no memory for a message");
		}
		v->in_fd_count = 0;
	}
	if (v->in_fds_lost)
		m->too_long = true;
	v->in_fds_lost = false;
	return m;
}

/* A whole message, or NULL if there is none yet. */
static struct message *receive_message(struct vfio_user_server *v)
{
	if (!v->incoming) {
		v->head_got += receive(v, v->head + v->head_got, sizeof(v->head) - v->head_got);
		if (v->head_got < sizeof(v->head))
			return NULL;
		struct vfio_user_header h;
		memcpy(&h, v->head, sizeof(h));
		bool bad = h.size<sizeof(h), too_long = h.size> MESSAGE_MAX;
		uint32_t body = bad || too_long ? 0 : h.size - (uint32_t)sizeof(h);
		struct message *m = malloc(sizeof(*m) + body);
		if (!m) {
			fail_client(v, "no memory for a message");
			return NULL;
		}
		*m = (struct message){ .header = h, .bytes = body, .too_long = too_long };
		v->incoming = m;
		v->skip = too_long ? h.size - sizeof(h) : 0;
		if (bad) {
			/* Where the next message begins nobody knows. */
			m->header.flags &= ~(uint32_t)VFIO_USER_NO_REPLY;
			reply(v, m, EINVAL, NULL, 0, NULL, 0, NULL, 0);
			fail_client(v, "its message has a size of %u", h.size);
			return NULL;
		}
	}
	while (v->skip) {
		uint8_t waste[16384];
		size_t n = receive(v, waste, v->skip < sizeof(waste) ? v->skip : sizeof(waste));
		if (!n)
			return NULL;
		v->skip -= n;
	}
	struct message *m = v->incoming;
	while (v->body_got < m->bytes) {
		size_t n = receive(v, m->body + v->body_got, m->bytes - v->body_got);
		if (!n)
			return NULL;
		v->body_got += n;
	}
	return take_incoming(v);
}

/* --- Clients -------------------------------------------------------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void watch(struct vfio_user_server *v, int fd, uint32_t tag)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = tag };
	if (epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e))
		fail_client(v, "epoll failed: %s", strerror(errno));
}

/* Everything of the client goes. */
static void drop(struct vfio_user_server *v)
{
	if (v->client < 0)
		return;
	close_fd(&v->client);
	v->negotiated = false;
	memcpy(v->left, v->reason, sizeof(v->left));
	v->reason[0] = 0;
	v->head_got = v->body_got = 0;
	v->skip = 0;
	message_free(v->incoming);
	v->incoming = NULL;
	for (unsigned i = 0; i < v->in_fd_count; i++)
		close(v->in_fds[i]);
	v->in_fd_count = 0;
	v->in_fds_lost = false;
	while (v->queue) {
		struct message *m = v->queue;
		v->queue = m->next;
		message_free(m);
	}
	v->queue_last = &v->queue;
	v->queued = 0;
	v->queued_bytes = 0;
	while (v->out) {
		struct out *o = v->out;
		v->out = o->next;
		out_free(o);
	}
	v->out_last = &v->out;
	v->out_bytes = 0;
	message_free(v->current);
	v->current = NULL;
	v->waiting = false;
	free(v->data);
	v->data = NULL;
	while (v->dma) {
		struct dma_message *d = v->dma;
		v->dma = d->next;
		free(d);
	}
	v->dma_last = &v->dma;
	v->dma_count = v->dma_held = v->dma_cancelled = 0;
	v->writes_sent = v->writes_done = 0;
	vfio_user_maps_clear(v->maps);
	for (unsigned i = 0; i < v->ops.vectors; i++) {
		close_fd(&v->vectors[i].fd);
		v->vectors[i].held = false;
	}
	close_fd(&v->err_fd);
	close_fd(&v->req_fd);
	for (unsigned i = 0; i < v->ops.doorbells; i++)
		close_fd(&v->doorbells[i]);
	if (v->ops.client)
		v->ops.client(v->device, false);
}

void vfio_user_disconnect(struct vfio_user_server *v, const char *reason)
{
	fail_client(v, "%s", reason);
	if (!v->running)
		drop(v);
}

static void greet(struct vfio_user_server *v, int fd)
{
	v->client = fd;
	v->interest = EPOLLIN;
	v->reason[0] = 0;
	watch(v, fd, TAG_CLIENT);
	v->stats.clients++;
	if (v->ops.client)
		v->ops.client(v->device, true);
}

/* A second client gets EBUSY for its first message. */
static void accept_client(struct vfio_user_server *v)
{
	int fd = accept4(v->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (v->client < 0) {
		greet(v, fd);
		return;
	}
	v->stats.refused_clients++;
	for (unsigned i = 0; i < REFUSED_MAX; i++)
		if (v->refused[i].fd < 0) {
			v->refused[i] = (struct refused){ .fd = fd };
			watch(v, fd, TAG_REFUSED + i);
			return;
		}
	close(fd);
}

static void refuse(struct refused *r)
{
	if (r->fd < 0)
		return;
	ssize_t n = recv(r->fd, r->header + r->got, sizeof(r->header) - r->got, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		r->got += (size_t)n;
	if (n > 0 && r->got < sizeof(r->header))
		return;
	if (n > 0) {
		struct vfio_user_header h;
		memcpy(&h, r->header, sizeof(h));
		h.size = sizeof(h);
		h.flags = VFIO_USER_REPLY | VFIO_USER_ERROR;
		h.error = EBUSY;
		struct iovec iov = { &h, sizeof(h) };
		send_some(r->fd, &iov, 1, NULL, 0);
		/* What the client has sent beyond is read, or closing would take the reply away from it. */
		uint8_t waste[4096];
		while (recv(r->fd, waste, sizeof(waste), MSG_DONTWAIT) > 0)
			;
	}
	close_fd(&r->fd);
}

/* --- Running ---------------------------------------------------------------------------------------------------------------------------- */

/* Whether more requests may be read: none waits, or a reply to a DMA message may be behind them. */
static bool may_receive(const struct vfio_user_server *v)
{
	if (v->reason[0] || v->client < 0)
		return false;
	if (!v->queue && !v->current && !v->out)
		return true;
	return v->dma_count && v->queued < AHEAD_MESSAGES && v->queued_bytes < AHEAD_BYTES;
}

static bool may_serve(const struct vfio_user_server *v)
{
	return v->queue && !v->current && !v->out && !v->reason[0] && v->client >= 0 &&
	       (!v->ops.ready || v->ops.ready(v->device));
}

static void enqueue(struct vfio_user_server *v, struct message *m)
{
	*v->queue_last = m;
	v->queue_last = &m->next;
	v->queued++;
	v->queued_bytes += m->bytes;
}

static void serve_next(struct vfio_user_server *v)
{
	struct message *m = v->queue;
	v->queue = m->next;
	if (!v->queue)
		v->queue_last = &v->queue;
	v->queued--;
	v->queued_bytes -= m->bytes;
	m->next = NULL;
	serve(v, m);
}

static void serve_client(struct vfio_user_server *v)
{
	for (unsigned n = 0; n < REQUESTS_A_RUN && v->client >= 0;) {
		struct message *m = may_receive(v) ? receive_message(v) : NULL;
		if (m && (m->header.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_REPLY) {
			dma_reply(v, m);
			message_free(m);
		} else if (m) {
			enqueue(v, m);
		}
		bool served = may_serve(v);
		if (served) {
			serve_next(v);
			n++;
		}
		if (!m && !served)
			break;
	}
}

/* The socket wakes us only for what can be done then. */
static void set_interest(struct vfio_user_server *v)
{
	if (v->client < 0)
		return;
	uint32_t want = (may_receive(v) ? EPOLLIN : 0) | (v->out ? EPOLLOUT : 0);
	if (want == v->interest || (v->current && !v->out))
		return; /* an access is short: not worth two system calls */
	struct epoll_event e = { .events = want, .data.u32 = TAG_CLIENT };
	if (!epoll_ctl(v->epoll, EPOLL_CTL_MOD, v->client, &e))
		v->interest = want;
}

void vfio_user_server_run(struct vfio_user_server *v)
{
	struct epoll_event events[64];
	v->running = true;
	int count = epoll_wait(v->epoll, events, 64, 0);
	bool hangup = false, listening = false;
	for (int i = 0; i < count; i++) {
		uint32_t tag = events[i].data.u32;
		if (tag == TAG_LISTEN) {
			listening = true;
		} else if (tag == TAG_CLIENT) {
			hangup = events[i].events & (EPOLLHUP | EPOLLERR);
		} else if (tag < TAG_DOORBELL) {
			refuse(&v->refused[tag - TAG_REFUSED]);
		} else if (tag - TAG_DOORBELL < v->ops.doorbells) {
			uint64_t rings;
			int fd = v->doorbells[tag - TAG_DOORBELL];
			if (fd >= 0 && read(fd, &rings, sizeof(rings)) == sizeof(rings)) {
				v->stats.doorbells++;
				v->ops.ring(v->device, tag - TAG_DOORBELL);
			}
		}
	}
	if (v->out)
		flush(v);
	if (v->client >= 0)
		serve_client(v);
	/* Gone, and what it left is not to be read: nobody would get the answers. */
	if (hangup && v->client >= 0 && (v->out || !(v->interest & EPOLLIN)))
		fail_client(v, "it closed the socket");
	if (v->reason[0])
		drop(v);
	dma_flush(v);
	if (listening)
		accept_client(v);
	set_interest(v);
	v->running = false;
}

bool vfio_user_server_ready(const struct vfio_user_server *v)
{
	return v->reason[0] || may_serve(v);
}

int vfio_user_server_fd(const struct vfio_user_server *v)
{
	return v->epoll;
}

const char *vfio_user_left(const struct vfio_user_server *v)
{
	return v->left;
}

bool vfio_user_connected(const struct vfio_user_server *v)
{
	return v->client >= 0;
}

struct vfio_user_stats vfio_user_stats(const struct vfio_user_server *v)
{
	struct vfio_user_stats s = v->stats;
	s.maps = vfio_user_maps_count(v->maps);
	return s;
}

/* --- Begin and end ------------------------------------------------------------------------------------------------------------------------ */

static struct vfio_user_server *server_new(const struct vfio_user_device *ops, void *device)
{
	struct vfio_user_server *v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->ops = *ops;
	v->device = device;
	v->listener = v->client = v->err_fd = v->req_fd = -1;
	v->queue_last = &v->queue;
	v->out_last = &v->out;
	v->dma_last = &v->dma;
	for (unsigned i = 0; i < REFUSED_MAX; i++)
		v->refused[i].fd = -1;
	v->epoll = epoll_create1(EPOLL_CLOEXEC);
	v->maps = vfio_user_maps_new(VFIO_USER_MAX_MAPS);
	v->vectors = calloc(ops->vectors + 1, sizeof(*v->vectors));
	v->doorbells = calloc(ops->doorbells + 1, sizeof(*v->doorbells));
	v->has_alarm = !alarm_new(&v->alarm);
	if (!v->has_alarm || v->epoll < 0 || !v->maps || !v->vectors || !v->doorbells) {
		vfio_user_server_free(v);
		return NULL;
	}
	for (unsigned i = 0; i < ops->vectors; i++)
		v->vectors[i].fd = -1;
	for (unsigned i = 0; i < ops->doorbells; i++)
		v->doorbells[i] = -1;
	return v;
}

struct vfio_user_server *vfio_user_server_on(int socket, const struct vfio_user_device *ops,
					     void *device)
{
	struct vfio_user_server *v = server_new(ops, device);
	if (v)
		greet(v, socket);
	return v;
}

/* Whether somebody listens on the socket. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool served = fd < 0 || !connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
		      errno == EAGAIN;
	if (fd >= 0)
		close(fd);
	return served;
}

static int listen_on(struct vfio_user_server *v, const char *path, char *error, size_t room)
{
	struct stat st;
	v->address.sun_family = AF_UNIX;
	if (!path[0] || strlen(path) >= sizeof(v->address.sun_path)) {
		snprintf(error, room, "the socket path '%s' must have 1 to %zu characters", path,
			 sizeof(v->address.sun_path) - 1);
		return -1;
	}
	strcpy(v->address.sun_path, path);
	v->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listener < 0) {
		snprintf(error, room, "cannot make a socket: %s", strerror(errno));
		return -1;
	}
	if (!lstat(path, &st)) {
		if (!S_ISSOCK(st.st_mode)) {
			snprintf(error, room,
				 "'%s' exists and is not a socket; it was left as it is", path);
			return -1;
		}
		if (is_served(&v->address)) {
			snprintf(error, room, "another process listens on '%s'", path);
			return -1;
		}
		unlink(path);
	}
	if (bind(v->listener, (const struct sockaddr *)&v->address, sizeof(v->address)) ||
	    listen(v->listener, 8) || lstat(path, &st)) {
		snprintf(error, room, "cannot listen on '%s': %s", path, strerror(errno));
		return -1;
	}
	v->file_dev = st.st_dev;
	v->file_ino = st.st_ino;
	watch(v, v->listener, TAG_LISTEN);
	return 0;
}

struct vfio_user_server *vfio_user_server_new(const char *path, const struct vfio_user_device *ops,
					      void *device, char *error, size_t room)
{
	struct vfio_user_server *v = server_new(ops, device);
	if (!v) {
		snprintf(error, room, "not enough memory for the server");
		return NULL;
	}
	if (listen_on(v, path, error, room)) {
		vfio_user_server_free(v);
		return NULL;
	}
	return v;
}

void vfio_user_server_free(struct vfio_user_server *v)
{
	struct stat st;
	if (!v)
		return;
	fail_client(v, "this process ends");
	drop(v);
	for (unsigned i = 0; i < REFUSED_MAX; i++)
		close_fd(&v->refused[i].fd);
	/* Only if the file is ours still. */
	if (v->file_ino && !lstat(v->address.sun_path, &st) && st.st_dev == v->file_dev &&
	    st.st_ino == v->file_ino)
		unlink(v->address.sun_path);
	close_fd(&v->listener);
	close_fd(&v->epoll);
	if (v->has_alarm)
		timer_delete(v->alarm);
	vfio_user_maps_free(v->maps);
	free(v->vectors);
	free(v->doorbells);
	free(v);
}
