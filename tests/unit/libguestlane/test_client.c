// SPDX-License-Identifier: Apache-2.0
// The vfio-user back end against servers that do not keep to the protocol: an error within the time-out, no crash, no descriptor left.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "rig.h"
#include "nic.h"
#include "guestlane_regs.h"
#include "vfio_user.h"

enum { TIMEOUT = 300 };

struct packet {
	struct vfio_user_header h;
	uint8_t body[4096];
};

static char directory[64], path[96], device[128];

/* --- A server that keeps to the protocol, but for what a test changes ------------------------------------------------------------- */

/* Changes the answer before it is sent; false: nothing is to be sent any more. */
typedef bool (*twist_fn)(int fd, const struct packet *request, struct packet *answer);

static void send_all(int fd, const void *data, size_t bytes)
{
	if (send(fd, data, bytes, MSG_NOSIGNAL) < 0)
		_exit(0);
}

static void answer_to(const struct packet *q, struct packet *a)
{
	static const char version[] = "{\"capabilities\":{\"max_msg_fds\":8}}";
	memset(a, 0, sizeof(*a));
	a->h = q->h;
	a->h.flags = VFIO_USER_REPLY;
	size_t n = q->h.size - sizeof(q->h);
	uint32_t *word = (uint32_t *)(void *)a->body;
	memcpy(a->body, q->body, n < 64 ? n : 64);
	switch (q->h.command) {
	case VFIO_USER_VERSION:
		n = 4 + sizeof(version);
		memcpy(a->body + 4, version, sizeof(version));
		break;
	case VFIO_USER_DEVICE_GET_INFO:
		n = 16;
		word[1] = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		break;
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		word[3] = 3;
		break;
	case VFIO_USER_REGION_READ:
		n = 16 + word[3];
		if (word[2] == VFIO_PCI_CONFIG_REGION_INDEX)
			word[4] = GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID;
		else
			word[4] = word[0] == GL_BAR0_ID		? GL_ID_VALUE
				  : word[0] == GL_BAR0_VERSION	? GL_VERSION_VALUE
				  : word[0] == GL_BAR0_CAPS	? 2
				  : word[0] == GL_BAR0_CLOCK_HZ ? 1000000
								: 0;
		break;
	case VFIO_USER_REGION_WRITE:
		n = 16;
		break;
	default:
		n = 0;
	}
	a->h.size = (uint32_t)(sizeof(a->h) + n);
}

static bool receive_all(int fd, void *data, size_t bytes)
{
	return bytes == 0 || recv(fd, data, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

static void serve(int fd, twist_fn twist)
{
	struct packet q, a;
	while (receive_all(fd, &q.h, sizeof(q.h)) && q.h.size >= sizeof(q.h) &&
	       q.h.size <= sizeof(q) && receive_all(fd, q.body, q.h.size - sizeof(q.h))) {
		if (q.h.flags & VFIO_USER_NO_REPLY ||
		    (q.h.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_REPLY)
			continue;
		answer_to(&q, &a);
		if (!twist || twist(fd, &q, &a))
			send_all(fd, &a, a.h.size < sizeof(a) ? a.h.size : sizeof(a));
	}
}

/* Serves one client in a process of its own. */
static int begin(twist_fn twist)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	strcpy(at.sun_path, path);
	unlink(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	fflush(stdout);
	int pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = accept(listener, NULL, NULL);
		close(listener);
		serve(fd, twist);
		_exit(0);
	}
	close(listener);
	return pid;
}

static void end(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* gl_open's error with such a server; within the time-out, and nothing stays open. */
static int open_with(twist_fn twist, struct gl_nic **nic)
{
	struct gl_config config = { .device = device, .timeout_ms = TIMEOUT };
	unsigned before = open_descriptors();
	int pid = begin(twist);
	uint64_t start = rig_now_ms();
	struct gl_nic *own;
	int error = gl_open(&own, &config);
	if (rig_now_ms() - start > 40 * TIMEOUT)
		fail_msg("took %llu ms", (unsigned long long)(rig_now_ms() - start));
	if (error) {
		assert_true(strlen(gl_error(NULL)) > 10);
	} else if (nic) {
		*nic = own;
		return pid;
	} else {
		gl_close(own);
	}
	end(pid);
	assert_int_equal(open_descriptors(), before);
	return error;
}

/* --- Cases ------------------------------------------------------------------------------------------------------------------------------ */

static uint16_t twisted; /* the command whose answer is twisted; 0: all */
static uint32_t value;

static bool mine(const struct packet *q)
{
	return !twisted || q->h.command == twisted;
}

static void a_good_server_is_liked(void **state)
{
	(void)state;
	assert_int_equal(open_with(NULL, NULL), 0);
}

static bool close_at_once(int fd, const struct packet *q, struct packet *a)
{
	(void)a;
	if (mine(q))
		close(fd);
	return !mine(q);
}

static void a_server_that_hangs_up(void **state)
{
	(void)state;
	twisted = VFIO_USER_VERSION;
	assert_int_equal(open_with(close_at_once, NULL), -EBUSY);
	static const uint16_t commands[] = { VFIO_USER_DEVICE_GET_INFO, VFIO_USER_DEVICE_RESET,
					     VFIO_USER_DMA_MAP, VFIO_USER_REGION_READ,
					     VFIO_USER_DEVICE_SET_IRQS };
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		twisted = commands[i];
		assert_int_equal(open_with(close_at_once, NULL), -ENODEV);
	}
}

static bool silence(int fd, const struct packet *q, struct packet *a)
{
	(void)fd, (void)a;
	return !mine(q);
}

static void a_server_that_says_nothing(void **state)
{
	(void)state;
	twisted = VFIO_USER_VERSION;
	assert_int_equal(open_with(silence, NULL), -ETIMEDOUT);
	twisted = VFIO_USER_DMA_MAP;
	assert_int_equal(open_with(silence, NULL), -ENODEV);
}

static bool refuse(int fd, const struct packet *q, struct packet *a)
{
	(void)fd;
	if (mine(q)) {
		a->h.flags |= VFIO_USER_ERROR;
		a->h.error = value;
		a->h.size = sizeof(a->h);
	}
	return true;
}

static void a_server_that_refuses(void **state)
{
	(void)state;
	twisted = VFIO_USER_VERSION;
	value = EBUSY;
	assert_int_equal(open_with(refuse, NULL), -EBUSY);
	value = EINVAL;
	assert_int_equal(open_with(refuse, NULL), -EINVAL);
	value = 0; /* an error without a number */
	assert_int_equal(open_with(refuse, NULL), -EIO);
	value = 0x80000001;
	assert_int_equal(open_with(refuse, NULL), -EIO);
	twisted = VFIO_USER_DMA_MAP;
	value = ENOSPC;
	assert_int_equal(open_with(refuse, NULL), -ENOSPC);
	twisted = VFIO_USER_DEVICE_SET_IRQS;
	value = EPERM;
	assert_int_equal(open_with(refuse, NULL), -EPERM);
}

static bool resize(int fd, const struct packet *q, struct packet *a)
{
	if (!mine(q))
		return true;
	uint32_t size = a->h.size;
	a->h.size = value;
	send_all(fd, a, value >= sizeof(a->h) && value < size ? value : size);
	return false;
}

static void absurd_sizes(void **state)
{
	(void)state;
	static const uint32_t sizes[] = { 0, 15, 8193, 0x7fffffff, 0xffffffff };
	twisted = VFIO_USER_VERSION;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		value = sizes[i];
		assert_int_equal(open_with(resize, NULL), -EPROTO);
	}
	/* Too short for what was asked. */
	static const uint16_t commands[] = { VFIO_USER_VERSION, VFIO_USER_DEVICE_GET_INFO,
					     VFIO_USER_DEVICE_GET_IRQ_INFO };
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		twisted = commands[i];
		value = 16;
		assert_int_equal(open_with(resize, NULL), -EPROTO);
	}
	twisted = VFIO_USER_REGION_READ;
	value = 16 + 16 + 3;
	assert_int_equal(open_with(resize, NULL), -ENODEV);
}

static bool other_version(int fd, const struct packet *q, struct packet *a)
{
	(void)fd;
	if (q->h.command == VFIO_USER_VERSION)
		a->body[0] = 5;
	return true;
}

static bool bad_words(int fd, const struct packet *q, struct packet *a)
{
	static const char words[] = "{\"capabilities\":[{\"max_msg_fds\":-8},";
	(void)fd;
	if (q->h.command == VFIO_USER_VERSION)
		memcpy(a->body + 4, words, sizeof(words) - 1);
	return true;
}

static void other_versions_and_words(void **state)
{
	(void)state;
	assert_int_equal(open_with(other_version, NULL), -EPROTO);
	assert_non_null(strstr(gl_error(NULL), "5.0"));
	assert_int_equal(open_with(bad_words, NULL), 0);
}

static bool in_halves(int fd, const struct packet *q, struct packet *a)
{
	(void)q;
	size_t first = a->h.size > 20 && value ? value : 7;
	send_all(fd, a, first);
	usleep(3000);
	send_all(fd, (const uint8_t *)a + first, a->h.size - first);
	return false;
}

static bool only_half(int fd, const struct packet *q, struct packet *a)
{
	if (!mine(q))
		return true;
	send_all(fd, a, value);
	return false;
}

static void messages_in_pieces(void **state)
{
	(void)state;
	value = 0;
	assert_int_equal(open_with(in_halves, NULL), 0);
	value = 19;
	assert_int_equal(open_with(in_halves, NULL), 0);
	twisted = VFIO_USER_VERSION;
	value = 3;
	assert_int_equal(open_with(only_half, NULL), -ETIMEDOUT);
	value = 17;
	assert_int_equal(open_with(only_half, NULL), -ETIMEDOUT);
}

static bool strangers_first(int fd, const struct packet *q, struct packet *a)
{
	struct packet s = *a;
	(void)q;
	for (uint16_t i = 1; i < 4; i++) {
		s.h.id = (uint16_t)(a->h.id + i);
		send_all(fd, &s, s.h.size);
	}
	return true;
}

static bool strangers_only(int fd, const struct packet *q, struct packet *a)
{
	(void)q;
	a->h.id++;
	for (;;) {
		send_all(fd, a, a->h.size);
		usleep(100);
	}
	return false;
}

static bool asks_back(int fd, const struct packet *q, struct packet *a)
{
	struct packet s = { .h = { .id = 7, .command = VFIO_USER_DMA_READ, .size = 32 } }, reply;
	(void)q, (void)a;
	send_all(fd, &s, s.h.size);
	if (!receive_all(fd, &reply.h, sizeof(reply.h)) || reply.h.id != 7 ||
	    reply.h.flags != (VFIO_USER_REPLY | VFIO_USER_ERROR) || reply.h.error != EFAULT ||
	    reply.h.size != sizeof(reply.h))
		_exit(1);
	s.h.flags = VFIO_USER_NO_REPLY;
	send_all(fd, &s, s.h.size);
	return true;
}

static void messages_that_nobody_asked_for(void **state)
{
	(void)state;
	assert_int_equal(open_with(strangers_first, NULL), 0);
	assert_int_equal(open_with(strangers_only, NULL), -ETIMEDOUT);
	assert_int_equal(open_with(asks_back, NULL), 0);
}

/* With every answer some descriptors. */
static bool gifts(int fd, const struct packet *q, struct packet *a)
{
	union {
		char data[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec io = { .iov_base = a, .iov_len = a->h.size };
	struct msghdr msg = { .msg_iov = &io,
			      .msg_iovlen = 1,
			      .msg_control = control.data,
			      .msg_controllen = sizeof(control.data) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fds[4];
	(void)q;
	for (int i = 0; i < 4; i++)
		fds[i] = eventfd(0, 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		_exit(0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	return false;
}

static bool doorbells(int fd, const struct packet *q, struct packet *a)
{
	if (q->h.command != VFIO_USER_DEVICE_GET_REGION_IO_FDS)
		return true;
	struct vfio_user_io_fds head = { .argsz = 4096, .index = 2, .count = value };
	struct vfio_user_ioeventfd e[3] = {
		{ .offset = GL_DEV_QUEUE_NOTIFY,
		  .size = 4,
		  .fd_index = 2,
		  .flags = VFIO_USER_IOEVENTFD_DATAMATCH },
		{ .offset = GL_DEV_QUEUE_NOTIFY,
		  .size = 4,
		  .fd_index = 900,
		  .datamatch = 1,
		  .flags = VFIO_USER_IOEVENTFD_DATAMATCH },
		{ .offset = GL_DEV_QUEUE_NOTIFY + 4096, .size = 4, .fd_index = 0, .type = 7 },
	};
	memcpy(a->body, &head, sizeof(head));
	memcpy(a->body + sizeof(head), e, sizeof(e));
	a->h.size = sizeof(a->h) + sizeof(head) + sizeof(e);
	return gifts(fd, q, a);
}

static void descriptors_that_nobody_asked_for(void **state)
{
	(void)state;
	struct gl_nic *nic;
	static const uint32_t counts[] = { 3, 1, 0, 4, UINT32_MAX };
	assert_int_equal(open_with(gifts, NULL), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		unsigned before = open_descriptors();
		value = counts[i];
		int pid = open_with(doorbells, &nic);
		assert_true(pid > 0);
		int bell = gl_doorbell_fd(nic, 0, 0);
		assert_true(counts[i] ? bell >= 0 : bell == -ENOTSUP);
		assert_int_equal(gl_doorbell_fd(nic, 0, 1), -ENOTSUP); /* names no descriptor */
		assert_int_equal(gl_doorbell_fd(nic, 1, 0), -ENOTSUP); /* of an unknown type */
		gl_close(nic);
		end(pid);
		assert_int_equal(open_descriptors(), before);
	}
}

/* Blocks are given in words to a server that takes no more. */
static bool words_only(int fd, const struct packet *q, struct packet *a)
{
	(void)fd;
	if (q->h.command == VFIO_USER_REGION_WRITE && q->h.size > sizeof(q->h) + 16 + 8) {
		a->h.flags |= VFIO_USER_ERROR;
		a->h.error = EINVAL;
		a->h.size = sizeof(a->h);
	}
	return true;
}

static void a_server_of_registers_only(void **state)
{
	(void)state;
	struct gl_nic *nic;
	uint8_t block[1000] = { 0 };
	int pid = open_with(words_only, &nic);
	assert_true(pid > 0);
	assert_int_equal(gl_write_block(nic, GL_BAR0_WINDOW_DATA, block, sizeof(block)), 0);
	assert_int_equal(gl_alive(nic), 0);
	gl_close(nic);
	end(pid);
}

static uint64_t chance;
static uint32_t below(uint32_t limit)
{
	chance = chance * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((chance >> 33) % limit);
}

/* Some answers have wrong bits, lengths, and more or less behind them. */
static bool noise(int fd, const struct packet *q, struct packet *a)
{
	(void)q;
	if (below(6))
		return true;
	uint32_t size = a->h.size;
	switch (below(4)) {
	case 0:
		for (unsigned i = 1 + below(3); i; i--)
			((uint8_t *)a)[below(size)] ^= 1 << below(8);
		break;
	case 1:
		size = below(size + 1);
		break;
	case 2:
		a->h.size = size = sizeof(a->h) + below(300);
		break;
	default:
		for (unsigned i = 0; i < size; i++)
			((uint8_t *)a)[i] = (uint8_t)below(256);
	}
	send_all(fd, a, size);
	return false;
}

static void noise_is_survived(void **state)
{
	(void)state;
	struct gl_config config = { .device = device, .timeout_ms = 20 };
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 4711;
	unsigned before = open_descriptors(), good = 0, bad = 0;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < 150; i++) {
		struct gl_nic *nic;
		chance = seed + i;
		int pid = begin(noise);
		int error = gl_open(&nic, &config);
		if (!error) {
			good++;
			gl_doorbell_fd(nic, 0, 0);
			for (unsigned n = 0; n < 10; n++)
				gl_read(nic, GL_BAR0, GL_BAR0_SCRATCH, 4);
			gl_close(nic);
		}
		bad += error != 0;
		end(pid);
	}
	assert_int_equal(open_descriptors(), before);
	assert_true(bad > 0);
	printf("# opened %u, refused %u\n", good, bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_server_is_liked),
		cmocka_unit_test(a_server_that_hangs_up),
		cmocka_unit_test(a_server_that_says_nothing),
		cmocka_unit_test(a_server_that_refuses),
		cmocka_unit_test(absurd_sizes),
		cmocka_unit_test(other_versions_and_words),
		cmocka_unit_test(messages_in_pieces),
		cmocka_unit_test(messages_that_nobody_asked_for),
		cmocka_unit_test(descriptors_that_nobody_asked_for),
		cmocka_unit_test(a_server_of_registers_only),
		cmocka_unit_test(noise_is_survived),
	};
	strcpy(directory, "/tmp/vfio-user-client.XXXXXX");
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/s.sock", directory);
	snprintf(device, sizeof(device), "vfio-user:%s", path);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests_name("vfio-user client", tests, NULL, NULL);
	unlink(path);
	rmdir(directory);
	return failed;
}
