// SPDX-License-Identifier: Apache-2.0
/*
 * Conformance of a vfio-user server: every message of the protocol (docs/interop/vfio-user.rst of QEMU), right, and wrong in every way that was thought
 * of. A wrong one gets an error reply, or an end of the connection where nothing else makes sense; the server goes on, and keeps nothing of it.
 *
 *   conformance PROGRAM ARGUMENT...    starts the server; SOCKET among the arguments stands for its socket
 *
 * Without arguments the server of glane-sim with a device of ours, fake_device beside this program, which also shows DMA, doorbells and interrupts.
 */
#include "fake_device.h"
#include "vfu.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/vfio.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define MEMORY "gl-conformance" /* name of every memfd here */

static struct vfu_server server;
static int nic;	      /* the connection of the test */
static unsigned calm; /* descriptors of the server with one connection and nothing else */
static bool fake;
static uint64_t region_bytes[VFIO_PCI_NUM_REGIONS];
static unsigned vectors;

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

/* Waits for the server to have as many descriptors as it should. */
static void descriptors_become(unsigned count)
{
	for (int i = 0; i < VFU_PATIENCE_MS / 5 && vfu_descriptors(&server) != count; i++)
		nap();
	assert_int_equal(vfu_descriptors(&server), count);
}

static void mappings_become(unsigned count)
{
	for (int i = 0; i < VFU_PATIENCE_MS / 5 && vfu_mappings(&server, MEMORY) != count; i++)
		nap();
	assert_int_equal(vfu_mappings(&server, MEMORY), count);
}

static int memory(size_t bytes)
{
	int fd = memfd_create(MEMORY, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static uint32_t word(unsigned offset)
{
	uint32_t value = 0;

	assert_int_equal(vfu_read(nic, 0, offset, &value, 4), 0);
	return value;
}

static void set_word(unsigned offset, uint32_t value)
{
	assert_int_equal(vfu_write(nic, 0, offset, &value, 4), 0);
}

static int info(int connection)
{
	struct vfio_device_info request = { .argsz = 16 };

	return vfu_call(connection, VFIO_USER_DEVICE_GET_INFO, &request, 16, NULL, 0, NULL, 0);
}

/* The connection still serves, and answers belong to their questions. */
static void usable(void)
{
	static uint32_t value = 0x1000;

	assert_int_equal(info(nic), 16);
	set_word(FAKE_SCRATCH, ++value);
	assert_int_equal(word(FAKE_SCRATCH), value);
}

static bool sensible(int result)
{
	static const int errors[] = { EINVAL, ENOTSUP, ENOSYS, EEXIST,	  ENOSPC, E2BIG,  EMSGSIZE,
				      EACCES, EPERM,   EBADF,  ENODEV,	  ENOENT, ERANGE, EFAULT,
				      EPROTO, ENOMEM,  EMFILE, EOVERFLOW, ENXIO,  EIO };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (result == -errors[i])
			return true;
	return false;
}

#define refused(call)                                                              \
	do {                                                                       \
		int result_ = (call);                                              \
		if (!sensible(result_))                                            \
			fail_msg("%s: %d is no sensible refusal", #call, result_); \
	} while (0)
#define taken_or_refused(call)                                                     \
	do {                                                                       \
		int result_ = (call);                                              \
		if (result_ < 0 && !sensible(result_))                             \
			fail_msg("%s: %d is no sensible refusal", #call, result_); \
	} while (0)

static int call(unsigned command, const void *payload, size_t bytes)
{
	return vfu_call(nic, command, payload, bytes, NULL, 0, NULL, 0);
}

static int join(void **state)
{
	(void)state;
	nic = vfu_open(&server);
	return nic < 0;
}

/* Whatever a test did: the server is there, keeps nothing and serves the next. */
static int leave(void **state)
{
	(void)state;
	close(nic);
	mappings_become(0);
	nic = vfu_open(&server);
	if (nic < 0)
		return -1;
	usable();
	descriptors_become(calm);
	close(nic);
	return !vfu_running(&server);
}

/* --- VERSION ---------------------------------------------------------------------------------------------------------------- */

static int hello(int connection, unsigned major, unsigned minor, const void *text, size_t bytes,
		 void *answer, size_t room)
{
	struct vfio_user_version version = { (uint16_t)major, (uint16_t)minor };
	char *all = malloc(sizeof(version) + bytes);

	assert_non_null(all);
	memcpy(all, &version, sizeof(version));
	if (bytes)
		memcpy(all + sizeof(version), text, bytes);
	int result = vfu_call(connection, VFIO_USER_VERSION, all, sizeof(version) + bytes, NULL, 0,
			      answer, room);
	free(all);
	return result;
}

/* A connection on which nothing was said yet: the one of the test makes room. */
static void start_over(void)
{
	close(nic);
	for (int i = 0; i < VFU_PATIENCE_MS / 5; i++) {
		nic = vfu_open(&server); /* has seen the other one off */
		assert_true(nic >= 0);
		close(nic);
		nic = vfu_connect(&server);
		struct pollfd p = { nic, POLLIN, 0 };
		/* A server that has not seen the end of the last one yet closes this one at once. */
		if (nic >= 0 && poll(&p, 1, 20) == 0)
			return;
		close(nic);
	}
	fail_msg("no fresh connection");
}

static void version_is_agreed(void **state)
{
	static const char *const proposals[] = {
		"{}",
		"{\"capabilities\":{}}",
		"{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":4096,\"write_"
		"multiple\":true}}",
		"{\"capabilities\":{\"twin_socket\":{\"supported\":true},\"migration\":{\"pgsize\":"
		"4096}},\"x\":[1,{}]}",
	};
	struct {
		struct vfio_user_version version;
		char text[4096];
	} answer;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const char *text = i < 4 ? proposals[i] : NULL;
		start_over();
		memset(&answer, 0x55, sizeof(answer));
		int bytes = hello(nic, 0, (unsigned)i, text, text ? strlen(text) + 1 : 0, &answer,
				  sizeof(answer));
		if (bytes < 4)
			fail_msg("proposal %zu: %d", i, bytes);
		assert_int_equal(answer.version.major, 0);
		assert_true(answer.version.minor <= i);
		assert_true(bytes > 5 && bytes <= (int)sizeof(answer));
		assert_int_equal(answer.text[bytes - 5], 0);
		assert_int_equal(strlen(answer.text), bytes - 5);
		json_t *json = json_loads(answer.text, 0, NULL);
		assert_non_null(json);
		json_t *capabilities = json_object_get(json, "capabilities");
		assert_true(json_is_object(capabilities));
		assert_true(json_integer_value(json_object_get(capabilities, "max_msg_fds")) >= 1);
		json_int_t most =
			json_integer_value(json_object_get(capabilities, "max_data_xfer_size"));
		assert_true(most >= 4096 && most <= 1 << 20);
		assert_true(json_integer_value(json_object_get(capabilities, "pgsizes")) & 4096);
		assert_true(json_is_true(json_object_get(capabilities, "write_multiple")));
		/* We did not ask for a socket of its own, or it would have to come with this reply. */
		json_decref(json);
		usable();
	}
}

static void a_version_that_is_wrong(void **state)
{
	static const struct {
		unsigned major;
		const char *text;
		size_t bytes; /* 0: with the end */
	} wrong[] = {
		{ 1, "{}", 0 },
		{ 0xffff, "{}", 0 },
		{ 0, "{", 0 },
		{ 0, "{}", 2 },
		{ 0, "{}\0{}", 6 },
		{ 0, "", 0 },
		{ 0, "[]", 0 },
		{ 0, "nonsense", 0 },
		{ 0, "{\"capabilities\":3}", 0 },
		{ 0, "{\"capabilities\":{\"max_msg_fds\":\"x\"}}", 0 },
		{ 0, "{\"capabilities\":{\"max_data_xfer_size\":-1}}", 0 },
		{ 0, "{\"capabilities\":{\"max_data_xfer_size\":1e999}}", 0 },
		{ 0, "{\"a\":\"\xff\xfe\"}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start_over();
		size_t bytes = wrong[i].bytes ? wrong[i].bytes : strlen(wrong[i].text) + 1;
		int result = hello(nic, wrong[i].major, 0, wrong[i].text, bytes, NULL, 0);
		if (result != VFU_CLOSED && !sensible(result))
			fail_msg("case %zu: %d", i, result);
	}
	/* Too short for the numbers. */
	for (size_t bytes = 0; bytes < 4; bytes++) {
		start_over();
		int result = vfu_call(nic, VFIO_USER_VERSION, "\0\0\0", bytes, NULL, 0, NULL, 0);
		assert_true(result == VFU_CLOSED || sensible(result));
	}
	/* Deep and long. */
	size_t much = 60000;
	char *deep = malloc(much + 1);
	assert_non_null(deep);
	memset(deep, '[', much);
	deep[much] = 0;
	start_over();
	int result = hello(nic, 0, 0, deep, much + 1, NULL, 0);
	assert_true(result == VFU_CLOSED || sensible(result));
	free(deep);
}

static void version_comes_first(void **state)
{
	int fd = memory(4096);

	(void)state;
	for (unsigned command = 0; command < 20; command++) {
		uint8_t payload[64] = { 64 };
		if (command == VFIO_USER_VERSION)
			continue;
		start_over();
		int result = vfu_call(nic, command, payload, sizeof(payload), &fd, 1, NULL, 0);
		if (result != VFU_CLOSED && !sensible(result))
			fail_msg("command %u: %d", command, result);
	}
	close(fd);
}

static void version_comes_once(void **state)
{
	(void)state;
	refused(hello(nic, 0, 0, "{}", 3, NULL, 0));
	usable();
}

/* --- Frames ----------------------------------------------------------------------------------------------------------------- */

static void a_size_that_lies(void **state)
{
	static const uint32_t small[] = { 0, 1, 15 }, huge[] = { 0x7fffffff, 0xffffffff, 3u << 20 };
	int fd = memory(4096);
	struct {
		struct vfio_user_header head;
		struct vfio_device_info info;
	} message = { { 77, VFIO_USER_DEVICE_GET_INFO, 0, 0, 0 }, { .argsz = 16 } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		message.head.size = small[i];
		vfu_send(nic, &message, 32, &fd, 1);
		assert_true(vfu_closed(nic));
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
		usable();
	}
	/* Longer than any message may be: not kept anywhere, whether it comes or not. */
	for (size_t i = 0; i < 3; i++) {
		message.head.size = huge[i];
		vfu_send(nic, &message, 32, &fd, 1);
		usleep(1000);
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
		usable();
	}
	char *long_one = calloc(1, 3u << 20);
	assert_non_null(long_one);
	int result = call(VFIO_USER_DEVICE_GET_INFO, long_one, (3u << 20) - 16);
	if (result == VFU_CLOSED) {
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
	} else {
		refused(result);
	}
	free(long_one);
	close(fd);
	usable();
}

static void flags_that_are_not(void **state)
{
	static const uint32_t flags[] = { 2, 15, 0x20, 0x40, 0x80000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct vfio_device_info request = { .argsz = 16 };
		struct vfu_message reply;
		uint16_t id = vfu_request(nic, VFIO_USER_DEVICE_GET_INFO, flags[i], &request, 16,
					  NULL, 0);
		int result = vfu_receive(nic, &reply, VFU_PATIENCE_MS);
		if (result < 0) {
			close(nic);
			nic = vfu_open(&server);
			assert_true(nic >= 0);
		} else {
			assert_int_equal(result, 1);
			assert_int_equal(reply.head.id, id);
			assert_int_equal(reply.head.flags, VFIO_USER_REPLY | VFIO_USER_ERROR);
			assert_true(sensible(-(int)reply.head.error));
		}
		vfu_drop(&reply);
		usable();
	}
}

/* Replies to questions that the server never asked: passed over, or the end of the connection; never answered. */
static void replies_that_nobody_asked_for(void **state)
{
	(void)state;
	for (unsigned command = 0; command < 20; command++) {
		for (unsigned error = 0; error < 2; error++) {
			uint8_t all[16 + 64] = { 0 };
			struct vfio_user_header head = {
				.id = (uint16_t)command,
				.command = (uint16_t)command,
				.size = command % 3 ? sizeof(all) : 16,
				.flags = VFIO_USER_REPLY | (error ? VFIO_USER_ERROR : 0),
				.error = error ? EIO : 0,
			};
			memcpy(all, &head, sizeof(head));
			assert_true(vfu_send(nic, all, head.size, NULL, 0));
			int result = info(nic);
			if (result == VFU_CLOSED) {
				close(nic);
				nic = vfu_open(&server);
				assert_true(nic >= 0);
			} else {
				assert_int_equal(result, 16);
			}
		}
	}
	usable();
}

static void unknown_commands(void **state)
{
	static const unsigned commands[] = {
		0, 14, 16, 17, 18, 19, 255, 0x7fff, 0xffff, VFIO_USER_DMA_READ, VFIO_USER_DMA_WRITE
	};
	uint8_t payload[4096] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		refused(call(commands[i], NULL, 0));
		refused(call(commands[i], payload, 16));
		refused(call(commands[i], payload, sizeof(payload)));
	}
	usable();
}

/* Every command with a payload of every short length, and with bytes too many. */
static void payloads_of_every_length(void **state)
{
	static const struct {
		unsigned command;
		size_t bytes;
	} commands[] = {
		{ VFIO_USER_DMA_MAP, 32 },
		{ VFIO_USER_DMA_UNMAP, 24 },
		{ VFIO_USER_DEVICE_GET_INFO, 16 },
		{ VFIO_USER_DEVICE_GET_REGION_INFO, 32 },
		{ VFIO_USER_DEVICE_GET_REGION_IO_FDS, 16 },
		{ VFIO_USER_DEVICE_GET_IRQ_INFO, 16 },
		{ VFIO_USER_DEVICE_SET_IRQS, 20 },
		{ VFIO_USER_REGION_READ, 16 },
		{ VFIO_USER_REGION_WRITE, 16 },
		{ VFIO_USER_REGION_WRITE_MULTI, 8 },
	};
	uint8_t payload[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		for (unsigned fill = 0; fill < 3; fill++) {
			memset(payload, fill == 0 ? 0 : fill == 1 ? 0xff : 0x20, sizeof(payload));
			for (size_t bytes = 0; bytes < commands[i].bytes; bytes++)
				refused(call(commands[i].command, payload, bytes));
			taken_or_refused(call(commands[i].command, payload, commands[i].bytes));
			taken_or_refused(call(commands[i].command, payload, commands[i].bytes + 1));
			taken_or_refused(call(commands[i].command, payload, sizeof(payload)));
		}
	}
	usable();
}

/* Descriptors where none belong, and more than anybody announced. */
static void descriptors_that_are_not_wanted(void **state)
{
	static const struct {
		unsigned command;
		size_t bytes;
	} commands[] = {
		{ VFIO_USER_VERSION, 4 },
		{ VFIO_USER_DMA_UNMAP, 24 },
		{ VFIO_USER_DEVICE_GET_INFO, 16 },
		{ VFIO_USER_DEVICE_GET_REGION_INFO, 32 },
		{ VFIO_USER_DEVICE_GET_REGION_IO_FDS, 16 },
		{ VFIO_USER_DEVICE_GET_IRQ_INFO, 16 },
		{ VFIO_USER_REGION_READ, 16 },
		{ VFIO_USER_REGION_WRITE_MULTI, 8 },
		{ VFIO_USER_DEVICE_RESET, 0 },
		{ 99, 16 },
	};
	int fds[253], pipes[2];
	uint8_t payload[64] = { 16 };

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (size_t i = 0; i < 253; i++)
		fds[i] = pipes[i % 2];
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		static const unsigned counts[] = { 1, 2, 253 };
		for (unsigned n = 0; n < 3; n++) {
			int result = vfu_call(nic, commands[i].command, payload, commands[i].bytes,
					      fds, counts[n], NULL, 0);
			if (result == VFU_CLOSED) {
				close(nic);
				nic = vfu_open(&server);
				assert_true(nic >= 0);
			} else {
				assert_true(result >= 0 || sensible(result));
			}
			descriptors_become(calm);
		}
	}
	/* More than one set within a message. */
	struct {
		struct vfio_user_header head;
		struct vfio_device_info info;
	} message = { { 5, VFIO_USER_DEVICE_GET_INFO, 32, 0, 0 }, { .argsz = 16 } };
	for (size_t at = 0; at < 32; at++)
		vfu_send(nic, (char *)&message + at, 1, fds, 253);
	struct vfu_message reply;
	if (vfu_receive(nic, &reply, VFU_PATIENCE_MS) < 0) {
		close(nic);
		nic = vfu_open(&server);
	}
	vfu_drop(&reply);
	descriptors_become(calm);
	close(pipes[0]);
	close(pipes[1]);
	usable();
}

/* A stream has no edges: bytes one by one, and many messages at once. */
static void messages_in_pieces_and_in_heaps(void **state)
{
	struct {
		struct vfio_user_header head;
		struct vfio_user_region_access access;
		uint32_t value;
	} write = { { 1, VFIO_USER_REGION_WRITE, 36, 0, 0 }, { FAKE_SCRATCH, 0, 4 }, 0 };
	struct {
		struct vfio_user_header head;
		struct vfio_user_region_access access;
	} heap[1000];
	struct vfu_message reply;

	(void)state;
	write.value = 0xabcd1234;
	for (size_t at = 0; at < 36; at++)
		assert_true(vfu_send(nic, (char *)&write + at, 1, NULL, 0));
	assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
	assert_int_equal(reply.head.flags, VFIO_USER_REPLY);
	vfu_drop(&reply);
	assert_int_equal(word(FAKE_SCRATCH), 0xabcd1234);

	for (unsigned i = 0; i < 1000; i++) {
		heap[i].head = (struct vfio_user_header){ (uint16_t)(i * 7), VFIO_USER_REGION_READ,
							  32, 0, 0 };
		heap[i].access = (struct vfio_user_region_access){ FAKE_SCRATCH, 0, 4 };
	}
	assert_true(vfu_send(nic, heap, sizeof(heap), NULL, 0));
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
		assert_int_equal(reply.head.id, (uint16_t)(i * 7));
		assert_int_equal(reply.head.flags, VFIO_USER_REPLY);
		assert_int_equal(reply.bytes, 20);
		assert_memory_equal(reply.payload + 16, &write.value, 4);
		vfu_drop(&reply);
	}
}

/* A descriptor counts for the message whose bytes it came with, in pieces or not. */
static void descriptors_of_messages_in_pieces(void **state)
{
	struct {
		struct vfio_user_header head;
		struct vfio_user_dma_map map;
	} message = { { 3, VFIO_USER_DMA_MAP, 48, 0, 0 }, { 32, 3, 0, 0x10000, 0x1000 } };
	int fd = memory(4096);
	struct vfu_message reply;

	(void)state;
	for (size_t first = 1; first < 48; first += 15) {
		for (int late = 0; late < 2; late++) {
			message.map.address += 0x1000;
			assert_true(vfu_send(nic, &message, first, &fd, !late));
			assert_true(vfu_send(nic, (char *)&message + first, 48 - first, &fd, late));
			assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
			assert_int_equal(reply.head.flags, VFIO_USER_REPLY);
			vfu_drop(&reply);
		}
	}
	mappings_become(8);
	close(fd);
}

static void the_end_in_the_middle(void **state)
{
	struct {
		struct vfio_user_header head;
		struct vfio_user_dma_map map;
	} message = { { 3, VFIO_USER_DMA_MAP, 48, 0, 0 }, { 32, 3, 0, 0x10000, 0x1000 } };
	int fds[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		fds[i] = memory(4096);
	for (size_t bytes = 1; bytes < 48; bytes += 3) {
		assert_true(vfu_send(nic, &message, bytes, fds, 1 + bytes % 16));
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
	}
	descriptors_become(calm);
	mappings_become(0);
	/* Only our direction ends. */
	assert_true(vfu_send(nic, &message, 20, fds, 2));
	assert_int_equal(shutdown(nic, SHUT_WR), 0);
	assert_true(vfu_closed(nic));
	for (int i = 0; i < 16; i++)
		close(fds[i]);
}

/* A client that asks and asks and never listens is its own problem. */
static void answers_that_nobody_reads(void **state)
{
	struct vfio_user_region_access access = { 0, VFIO_PCI_CONFIG_REGION_INDEX, 256 };

	(void)state;
	assert_int_equal(fcntl(nic, F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < 100000; i++) {
		struct {
			struct vfio_user_header head;
			struct vfio_user_region_access access;
		} message = { { 1, VFIO_USER_REGION_READ, 32, 0, 0 }, access };
		if (send(nic, &message, 32, MSG_NOSIGNAL) != 32) {
			if (i % 2)
				break;
			nap();
		}
	}
	assert_true(vfu_running(&server));
}

static void a_second_client_has_to_wait(void **state)
{
	(void)state;
	int second = vfu_connect(&server);
	if (second >= 0) {
		struct vfio_user_version version = { 0, 0 };
		vfu_request(second, VFIO_USER_VERSION, 0, &version, 4, NULL, 0);
		struct vfu_message reply;
		int result = vfu_receive(second, &reply, 300);
		/* Turned away, or not served yet; never served. */
		if (result == 1)
			assert_true(reply.head.flags & VFIO_USER_ERROR);
		vfu_drop(&reply);
	}
	usable();
	if (second >= 0)
		close(second);
	usable();
}

static void requests_without_reply(void **state)
{
	static const uint32_t no_reply = VFIO_USER_NO_REPLY;
	struct {
		struct vfio_user_region_access access;
		uint32_t value;
	} write = { { FAKE_SCRATCH, 0, 4 }, 0 };
	struct vfio_device_info get = { .argsz = 16 };

	(void)state;
	for (uint32_t i = 1; i <= 200; i++) {
		write.value = i;
		vfu_request(nic, VFIO_USER_REGION_WRITE, no_reply, &write, 20, NULL, 0);
		/* vfu_call() complains of any reply but its own. */
		if (i % 20 == 0)
			assert_int_equal(word(FAKE_SCRATCH), i);
	}
	struct {
		struct vfio_user_region_access access;
		uint32_t value;
	} bad = { { 0, 77, 4 }, 0 };
	struct vfio_user_dma_map map = { 32, 3, 0, 1, 2 };
	vfu_request(nic, VFIO_USER_REGION_WRITE, no_reply, &bad, 20, NULL, 0);
	vfu_request(nic, VFIO_USER_REGION_WRITE, no_reply, &bad, 3, NULL, 0);
	vfu_request(nic, VFIO_USER_REGION_READ, no_reply, &bad, 16, NULL, 0);
	vfu_request(nic, VFIO_USER_REGION_WRITE_MULTI, no_reply, &bad, 20, NULL, 0);
	vfu_request(nic, VFIO_USER_DMA_MAP, no_reply, &map, 32, NULL, 0);
	vfu_request(nic, VFIO_USER_DEVICE_GET_INFO, no_reply, &get, 16, NULL, 0);
	vfu_request(nic, VFIO_USER_DEVICE_SET_IRQS, no_reply, &get, 16, NULL, 0);
	vfu_request(nic, 4711, no_reply, NULL, 0, NULL, 0);
	usable();
}

/* --- What the device is ----------------------------------------------------------------------------------------------------- */

static void device_info(void **state)
{
	struct vfio_device_info request = { .argsz = 16 }, answer;

	(void)state;
	assert_int_equal(
		vfu_call(nic, VFIO_USER_DEVICE_GET_INFO, &request, 16, NULL, 0, &answer, 16), 16);
	assert_int_equal(answer.argsz, 16);
	assert_int_equal(answer.flags, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	assert_int_equal(answer.num_regions, VFIO_PCI_NUM_REGIONS);
	assert_int_equal(answer.num_irqs, VFIO_PCI_NUM_IRQS);
	request.argsz = 0xffffffff;
	assert_int_equal(call(VFIO_USER_DEVICE_GET_INFO, &request, 16), 16);
	for (request.argsz = 0; request.argsz < 16; request.argsz += 5)
		refused(call(VFIO_USER_DEVICE_GET_INFO, &request, 16));
}

static void regions(void **state)
{
	struct vfio_region_info request = { .argsz = 32 }, answer;

	(void)state;
	for (uint32_t i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		request.index = i;
		assert_int_equal(vfu_call(nic, VFIO_USER_DEVICE_GET_REGION_INFO, &request, 32, NULL,
					  0, &answer, 32),
				 32);
		assert_int_equal(answer.argsz, 32);
		assert_int_equal(answer.index, i);
		assert_int_equal(answer.size, region_bytes[i]);
		/* Nothing can be mapped: that would end posted writes for the whole device. */
		assert_int_equal(answer.flags, answer.size ? VFIO_REGION_INFO_FLAG_READ |
								     VFIO_REGION_INFO_FLAG_WRITE
							   : answer.flags & 3);
	}
	assert_true(region_bytes[0] && region_bytes[2] && region_bytes[4]);
	assert_true(region_bytes[VFIO_PCI_CONFIG_REGION_INDEX] == 256 ||
		    region_bytes[VFIO_PCI_CONFIG_REGION_INDEX] == 4096);
	static const uint32_t wrong[] = { 9, 10, 255, 0x80000000, 0xffffffff };
	for (size_t i = 0; i < 5; i++) {
		request.index = wrong[i];
		refused(call(VFIO_USER_DEVICE_GET_REGION_INFO, &request, 32));
	}
	request.index = 0;
	for (request.argsz = 0; request.argsz < 32; request.argsz++)
		refused(call(VFIO_USER_DEVICE_GET_REGION_INFO, &request, 32));
	request.argsz = 0xffffffff;
	assert_int_equal(call(VFIO_USER_DEVICE_GET_REGION_INFO, &request, 32), 32);
}

static void irqs(void **state)
{
	struct vfio_irq_info request = { .argsz = 16 }, answer;
	static const unsigned counts[] = { 0, 0, 0, 1, 1 };

	(void)state;
	for (uint32_t i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		request.index = i;
		assert_int_equal(vfu_call(nic, VFIO_USER_DEVICE_GET_IRQ_INFO, &request, 16, NULL, 0,
					  &answer, 16),
				 16);
		assert_int_equal(answer.argsz, 16);
		assert_int_equal(answer.index, i);
		assert_int_equal(answer.count, i == VFIO_PCI_MSIX_IRQ_INDEX ? vectors : counts[i]);
		if (answer.count)
			assert_true(answer.flags & VFIO_IRQ_INFO_EVENTFD);
	}
	static const uint32_t wrong[] = { 5, 255, 0x80000000, 0xffffffff };
	for (size_t i = 0; i < 4; i++) {
		request.index = wrong[i];
		refused(call(VFIO_USER_DEVICE_GET_IRQ_INFO, &request, 16));
	}
	request.index = 0;
	for (request.argsz = 0; request.argsz < 16; request.argsz++)
		refused(call(VFIO_USER_DEVICE_GET_IRQ_INFO, &request, 16));
}

/* --- Regions ---------------------------------------------------------------------------------------------------------------- */

static void accesses(void **state)
{
	uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, back[8];

	(void)state;
	/* Vendor and device of configuration space, in all widths. */
	uint32_t id = 0;
	uint16_t half = 0;
	uint8_t octet = 0;
	assert_int_equal(vfu_read(nic, VFIO_PCI_CONFIG_REGION_INDEX, 0, &id, 4), 0);
	assert_int_equal(vfu_read(nic, VFIO_PCI_CONFIG_REGION_INDEX, 2, &half, 2), 0);
	assert_int_equal(vfu_read(nic, VFIO_PCI_CONFIG_REGION_INDEX, 1, &octet, 1), 0);
	assert_int_equal(half, id >> 16);
	assert_int_equal(octet, id >> 8 & 0xff);
	if (!fake)
		assert_int_equal(id, 0x474c1209);
	/* In memory of the fake any length goes. */
	for (uint32_t n = 1; fake && n <= 8; n++) {
		assert_int_equal(vfu_write(nic, 2, 0x800 + 16 * n, bytes, n), 0);
		memset(back, 0, sizeof(back));
		assert_int_equal(vfu_read(nic, 2, 0x800 + 16 * n, back, n), 0);
		assert_memory_equal(back, bytes, n);
		assert_int_equal(vfu_read(nic, 2, 0x800 + 16 * n + n, back, 1), 0);
		assert_int_equal(back[0], 0);
	}
}

static void accesses_to_nowhere(void **state)
{
	char data[64] = { 0 };

	(void)state;
	for (unsigned region = 0; region < VFIO_PCI_NUM_REGIONS; region++) {
		uint64_t size = region_bytes[region];
		const struct {
			uint64_t offset;
			uint32_t count;
		} wrong[] = {
			{ size, 1 },	    { size, 4 },       { size - 1, 2 }, { size - 4, 8 },
			{ size + 4096, 4 }, { 1ull << 63, 4 }, { ~0ull, 1 },	{ ~0ull - 3, 4 },
			{ ~0ull - 3, 8 },   { 1ull << 32, 4 },
		};
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			if (!size && wrong[i].offset + wrong[i].count - 1 < wrong[i].offset &&
			    wrong[i].offset > ~63ull)
				continue;
			refused(vfu_read(nic, region, wrong[i].offset, data, wrong[i].count));
			refused(vfu_write(nic, region, wrong[i].offset, data, wrong[i].count));
		}
	}
	static const unsigned nowhere[] = { 9, 10, 100, 0x80000000, 0xffffffff };
	for (size_t i = 0; i < 5; i++) {
		refused(vfu_read(nic, nowhere[i], 0, data, 4));
		refused(vfu_write(nic, nowhere[i], 0, data, 4));
	}
	usable();
}

/* The count and the bytes that follow do not agree, or are too many. */
static void counts_that_lie(void **state)
{
	static const struct {
		uint32_t count;
		size_t follow;
	} wrong[] = { { 4, 0 },		 { 4, 3 },	    { 8, 4 },
		      { 0xffffffff, 4 }, { 0x80000000, 8 }, { 0xfffffff0, 16 } };
	struct {
		struct vfio_user_region_access access;
		uint8_t data[64];
	} write = { { FAKE_SCRATCH, 0, 0 }, { 0 } };

	(void)state;
	set_word(FAKE_SCRATCH, 0x600d600d);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		write.access.count = wrong[i].count;
		refused(call(VFIO_USER_REGION_WRITE, &write, 16 + wrong[i].follow));
	}
	assert_int_equal(word(FAKE_SCRATCH), 0x600d600d);
	write.access.count = 4;
	taken_or_refused(call(VFIO_USER_REGION_WRITE, &write, 16 + 8));
	static const uint32_t lengths[] = { 0x80000000, 0xffffffff, 0xfffffff0, (1 << 20) + 1,
					    1 << 24 };
	for (size_t i = 0; i < 5; i++) {
		struct vfio_user_region_access read = { 0, 2, lengths[i] };
		refused(call(VFIO_USER_REGION_READ, &read, 16));
	}
	struct vfio_user_region_access none = { 0, 0, 0 };
	taken_or_refused(call(VFIO_USER_REGION_READ, &none, 16));
	taken_or_refused(call(VFIO_USER_REGION_WRITE, &none, 16));
	usable();
}

static void writes_in_one_message(void **state)
{
	struct {
		uint64_t count;
		struct vfio_user_write_multi_entry entry[8];
	} multi = { .count = 3 };
	uint64_t done = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		multi.entry[i] = (struct vfio_user_write_multi_entry){
			FAKE_SCRATCH, 0, 4, { (uint8_t)(i + 1) }
		};
	assert_int_equal(vfu_call(nic, VFIO_USER_REGION_WRITE_MULTI, &multi, 8 + 3 * 24, NULL, 0,
				  &done, 8),
			 8);
	assert_int_equal(done, 3);
	assert_int_equal(word(FAKE_SCRATCH), 3);
	if (fake) {
		for (unsigned i = 0; i < 8; i++) {
			multi.entry[i].region = 2;
			multi.entry[i].offset = 0x900 + 8 * i;
			multi.entry[i].count = 1 + i;
			memset(multi.entry[i].data, 0x40 + (int)i, 8);
		}
		multi.count = 8;
		assert_int_equal(call(VFIO_USER_REGION_WRITE_MULTI, &multi, sizeof(multi)), 8);
		uint8_t back[64];
		assert_int_equal(vfu_read(nic, 2, 0x900, back, 64), 0);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(back[i], i % 8 <= i / 8 ? 0x40 + i / 8 : 0);
	}
}

static void writes_in_one_message_that_lie(void **state)
{
	static const struct {
		uint64_t count;
		size_t entries;
	} wrong[] = { { 1, 0 },		 { 2, 1 },     { 1, 2 },	  { 0x0aaaaaaaaaaaaaab, 1 },
		      { 1ull << 61, 1 }, { ~0ull, 1 }, { 1ull << 32, 1 }, { 1ull << 63, 0 } };
	struct {
		uint64_t count;
		struct vfio_user_write_multi_entry entry[2];
	} multi = { 0, { { FAKE_SCRATCH, 0, 4, { 9 } }, { FAKE_SCRATCH, 0, 4, { 9 } } } };

	(void)state;
	set_word(FAKE_SCRATCH, 0x77);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		multi.count = wrong[i].count;
		refused(call(VFIO_USER_REGION_WRITE_MULTI, &multi, 8 + wrong[i].entries * 24));
	}
	/* A part of an entry. */
	multi.count = 1;
	refused(call(VFIO_USER_REGION_WRITE_MULTI, &multi, 8 + 23));
	assert_int_equal(word(FAKE_SCRATCH), 0x77);
	multi.count = 0;
	taken_or_refused(call(VFIO_USER_REGION_WRITE_MULTI, &multi, 8));
	/* Entries that cannot be carried out: the reply does not count them, or is an error. */
	static const struct vfio_user_write_multi_entry bad[] = {
		{ FAKE_SCRATCH, 0, 9, { 0 } },
		{ FAKE_SCRATCH, 0, 0xffffffff, { 0 } },
		{ ~0ull, 0, 4, { 0 } },
		{ 0, 9, 4, { 0 } },
		{ 0, 0xffffffff, 4, { 0 } },
		{ 0x10000, 0, 4, { 0 } },
		{ 0, 5, 4, { 0 } },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t done = 0;
		multi.count = 1;
		multi.entry[0] = bad[i];
		int result = vfu_call(nic, VFIO_USER_REGION_WRITE_MULTI, &multi, 8 + 24, NULL, 0,
				      &done, 8);
		if (!(result == 8 && done == 0) && !sensible(result))
			fail_msg("case %zu: %d", i, result);
	}
	assert_int_equal(word(FAKE_SCRATCH), 0x77);
	usable();
}

/* --- Memory ----------------------------------------------------------------------------------------------------------------- */

static void maps(void **state)
{
	int fd = memory(0x8000);

	(void)state;
	assert_int_equal(vfu_map(nic, 0x100000, 0x4000, 3, fd, 0x1000), 0);
	mappings_become(1);
	/* Over it, in every way. */
	static const struct {
		uint64_t address, bytes;
	} over[] = {
		{ 0x100000, 0x4000 }, { 0x100000, 0x1000 }, { 0x101000, 0x1000 },
		{ 0x103000, 0x1000 }, { 0xff000, 0x2000 },  { 0x103000, 0x2000 },
		{ 0xff000, 0x8000 },  { 0, 0x200000 },
	};
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		assert_int_equal(vfu_map(nic, over[i].address, over[i].bytes, 3, -1, 0), -EEXIST);
		if (over[i].bytes <= 0x8000)
			assert_int_equal(vfu_map(nic, over[i].address, over[i].bytes, 3, fd, 0),
					 -EEXIST);
	}
	/* Beside it. */
	assert_int_equal(vfu_map(nic, 0xff000, 0x1000, 1, fd, 0), 0);
	assert_int_equal(vfu_map(nic, 0x104000, 0x1000, 2, fd, 0x7000), 0);
	/* By messages, at the ends of the address space. */
	assert_int_equal(vfu_map(nic, 0, 0x1000, 3, -1, 0), 0);
	taken_or_refused(vfu_map(nic, ~0xfffull, 0x1000, 3, -1, 0));
	mappings_become(3);
	assert_int_equal(vfu_unmap(nic, 0x100000, 0x4000), 0);
	mappings_become(2);
	assert_int_equal(vfu_map(nic, 0x101000, 0x1000, 3, fd, 0), 0);
	/* What the server keeps of a descriptor goes with the last map. */
	assert_int_equal(vfu_unmap(nic, 0xff000, 0x1000), 0);
	assert_int_equal(vfu_unmap(nic, 0x101000, 0x1000), 0);
	assert_int_equal(vfu_unmap(nic, 0x104000, 0x1000), 0);
	mappings_become(0);
	descriptors_become(calm);
	close(fd);
}

static void maps_that_are_wrong(void **state)
{
	static const struct vfio_user_dma_map wrong[] = {
		{ 32, 3, 0, 0x100000, 0 },     /* nothing */
		{ 32, 3, 0, 0x100000, 0x800 }, /* not pages */
		{ 32, 3, 0, 0x100800, 0x1000 },
		{ 32, 3, 0x800, 0x100000, 0x1000 },
		{ 32, 3, 0, ~0xfffull, 0x2000 }, /* wraps */
		{ 32, 3, 0, 0x100000, ~0xfffull },
		{ 32, 3, 0, 0x100000, 1ull << 63 },
		{ 32, 3, ~0xfffull, 0x100000, 0x1000 }, /* offsets that wrap, or are negative */
		{ 32, 3, 1ull << 63, 0x100000, 0x1000 },
		{ 32, 3, (1ull << 63) - 0x1000, 0x100000, 0x2000 },
		{ 32, 3, 0x8000, 0x100000, 0x1000 }, /* behind the end of the file */
		{ 32, 3, 0x7000, 0x100000, 0x2000 },
		{ 32, 3, 0, 0x100000, 0x9000 },
		{ 32, 3, 0, 0x100000, 1ull << 40 },
		{ 32, 0, 0, 0x100000, 0x1000 },	   /* neither readable nor writable */
		{ 32, 0x83, 0, 0x100000, 0x1000 }, /* unknown flags */
		{ 32, 0x80000003, 0, 0x100000, 0x1000 },
	};
	int fd = memory(0x8000);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int result = vfu_call(nic, VFIO_USER_DMA_MAP, &wrong[i], 32, &fd, 1, NULL, 0);
		if (!sensible(result))
			fail_msg("case %zu: %d", i, result);
	}
	struct vfio_user_dma_map map = { 31, 3, 0, 0x100000, 0x1000 };
	refused(vfu_call(nic, VFIO_USER_DMA_MAP, &map, 32, &fd, 1, NULL, 0));
	map.argsz = 0;
	refused(vfu_call(nic, VFIO_USER_DMA_MAP, &map, 32, &fd, 1, NULL, 0));
	if (fake)
		refused(vfu_map(nic, FAKE_RESERVED - 0x1000, 0x2000, 3, fd, 0));
	descriptors_become(calm);
	mappings_become(0);
	/* None of them is there. */
	assert_int_equal(vfu_map(nic, 0x100000, 0x1000, 3, fd, 0), 0);
	close(fd);
	usable();
}

static void descriptors_that_are_wrong(void **state)
{
	char path[] = "/tmp/gl-vfu-file-XXXXXX";
	int pipes[2], sockets[2], both[2];
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, 0x1000), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	int readonly = open(path, O_RDONLY), writeonly = open(path, O_WRONLY),
	    name = open(path, O_PATH);
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY), event = eventfd(0, 0);
	int null = open("/dev/null", O_RDWR), sealed = memory(0x1000);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	const struct {
		int fd;
		uint32_t flags;
	} wrong[] = {
		{ pipes[0], 3 },  { pipes[1], 3 },  { sockets[0], 3 }, { folder, 1 },
		{ event, 3 },	  { null, 3 },	    { readonly, 3 },   { readonly, 2 },
		{ writeonly, 1 }, { writeonly, 3 }, { name, 1 },       { sealed, 3 },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int result = vfu_map(nic, 0x100000, 0x1000, wrong[i].flags, wrong[i].fd, 0);
		if (!sensible(result))
			fail_msg("case %zu: %d", i, result);
		descriptors_become(calm);
	}
	/* Two where one belongs. */
	both[0] = both[1] = file;
	struct vfio_user_dma_map map = { 32, 3, 0, 0x100000, 0x1000 };
	refused(vfu_call(nic, VFIO_USER_DMA_MAP, &map, 32, both, 2, NULL, 0));
	descriptors_become(calm);
	/* What may be read may be read. */
	assert_int_equal(vfu_map(nic, 0x100000, 0x1000, 1, readonly, 0), 0);
	assert_int_equal(vfu_unmap(nic, 0x100000, 0x1000), 0);
	descriptors_become(calm);
	unlink(path);
	int all[] = { pipes[0], pipes[1], sockets[0], sockets[1], readonly, writeonly,
		      name,	folder,	  event,      null,	  sealed,   file };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		close(all[i]);
	usable();
}

static void unmaps(void **state)
{
	int fd = memory(0x10000);

	(void)state;
	/* What is not there may go. */
	assert_int_equal(vfu_unmap(nic, 0x700000, 0x1000), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(vfu_map(nic, 0x100000 + 0x4000 * i, 0x2000, 3, fd, 0x2000 * i), 0);
	mappings_become(8);
	/* A part of one stays whole. */
	static const struct {
		uint64_t address, bytes;
	} part[] = { { 0x100000, 0x1000 },
		     { 0x101000, 0x1000 },
		     { 0x101000, 0x4000 },
		     { 0x101000, 0x2000 },
		     { 0xff000, 0x2000 } };
	for (size_t i = 0; i < 5; i++) {
		refused(vfu_unmap(nic, part[i].address, part[i].bytes));
		mappings_become(8);
		assert_int_equal(vfu_map(nic, 0x100000, 0x1000, 3, -1, 0), -EEXIST);
		assert_int_equal(vfu_map(nic, 0x101000, 0x1000, 3, -1, 0), -EEXIST);
	}
	/* Many, with gaps, and more around them. */
	assert_int_equal(vfu_unmap(nic, 0x103000, 0x8000), 0);
	mappings_become(6);
	assert_int_equal(vfu_map(nic, 0x104000, 0x6000, 3, fd, 0), 0);
	/* Wrong. */
	static const struct vfio_user_dma_unmap wrong[] = {
		{ 24, 0, 0x100000, 0 },	      { 24, 0, 0x100000, 0x800 },
		{ 24, 0, 0x100800, 0x1000 },  { 24, 0, ~0xfffull, 0x2000 },
		{ 24, 0, 0x2000, ~0xfffull }, { 24, 0x80, 0x100000, 0x2000 },
		{ 24, 1, 0x100000, 0x2000 },  { 23, 0, 0x100000, 0x2000 },
		{ 0, 0, 0x100000, 0x2000 },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int result = call(VFIO_USER_DMA_UNMAP, &wrong[i], 24);
		if (!sensible(result))
			fail_msg("case %zu: %d", i, result);
	}
	mappings_become(7);
	/* Everything. */
	struct vfio_user_dma_unmap all = { 24, VFIO_USER_DMA_UNMAP_ALL, 0, 0 };
	assert_int_equal(call(VFIO_USER_DMA_UNMAP, &all, 24), 24);
	mappings_become(0);
	descriptors_become(calm);
	close(fd);
}

static void thousands_of_maps(void **state)
{
	enum { MAPS = 3000 };
	int fd = memory(MAPS * 4096u);

	(void)state;
	for (unsigned i = 0; i < MAPS; i++)
		assert_int_equal(
			vfu_map(nic, 0x1000000 + 0x2000ull * i, 0x1000, 3, fd, 0x1000ull * i), 0);
	assert_true(vfu_descriptors(&server) < calm + 16);
	assert_int_equal(vfu_map(nic, 0x1000000 + 0x2000ull * 1234, 0x2000, 3, fd, 0), -EEXIST);
	assert_int_equal(vfu_unmap(nic, 0x1000000, 0x2000ull * MAPS), 0);
	mappings_become(0);
	/* By message, more than the server announced: an end, not a crash. */
	unsigned count = 0;
	int result = 0;
	while (count < 70000 && !(result = vfu_map(nic, 0x2000ull * count, 0x1000, 3, -1, 0)))
		count++;
	assert_true(count >= 65535);
	assert_true(sensible(result));
	usable();
	close(fd);
}

/* --- Interrupts ------------------------------------------------------------------------------------------------------------- */

static int set_irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		    const void *data, size_t bytes, const int *fds, unsigned fd_count)
{
	struct {
		uint32_t argsz, flags, index, start, count;
		uint8_t data[512];
	} set = { (uint32_t)(20 + bytes), flags, index, start, count, { 0 } };

	if (bytes)
		memcpy(set.data, data, bytes);
	return vfu_call(nic, VFIO_USER_DEVICE_SET_IRQS, &set, 20 + bytes, fds, fd_count, NULL, 0);
}

enum {
	NONE = VFIO_IRQ_SET_DATA_NONE,
	BOOL = VFIO_IRQ_SET_DATA_BOOL,
	EVENT = VFIO_IRQ_SET_DATA_EVENTFD,
	MASK = VFIO_IRQ_SET_ACTION_MASK,
	UNMASK = VFIO_IRQ_SET_ACTION_UNMASK,
	TRIGGER = VFIO_IRQ_SET_ACTION_TRIGGER,
	MSIX = VFIO_PCI_MSIX_IRQ_INDEX,
};

static uint64_t events(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, 8) == 8 ? count : 0;
}

static void interrupts(void **state)
{
	int fd[4], more;

	(void)state;
	for (int i = 0; i < 4; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK);
	more = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(set_irqs(EVENT | TRIGGER, MSIX, 1, 4, NULL, 0, fd, 4), 0);
	descriptors_become(calm + 4);
	/* Loopback, on some of them. */
	assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 2, 2, NULL, 0, NULL, 0), 0);
	assert_int_equal(events(fd[0]), 0);
	assert_int_equal(events(fd[1]), 1);
	assert_int_equal(events(fd[2]), 1);
	assert_int_equal(events(fd[3]), 0);
	assert_int_equal(set_irqs(BOOL | TRIGGER, MSIX, 1, 4, "\1\0\0\1", 4, NULL, 0), 0);
	assert_int_equal(events(fd[0]), 1);
	assert_int_equal(events(fd[1]), 0);
	assert_int_equal(events(fd[2]), 0);
	assert_int_equal(events(fd[3]), 1);
	/* Another in its place; the old one goes. */
	assert_int_equal(set_irqs(EVENT | TRIGGER, MSIX, 3, 1, NULL, 0, &more, 1), 0);
	descriptors_become(calm + 4);
	assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 3, 1, NULL, 0, NULL, 0), 0);
	assert_int_equal(events(fd[2]), 0);
	assert_int_equal(events(more), 1);
	if (fake) {
		set_word(FAKE_IRQ, 1 + 4);
		usable();
		assert_int_equal(events(fd[3]), 1);
		set_word(FAKE_IRQ, 1 + 9); /* nobody there */
		usable();
	}
	/* Taken away: some, all. */
	assert_int_equal(set_irqs(EVENT | TRIGGER, MSIX, 1, 2, NULL, 0, NULL, 0), 0);
	descriptors_become(calm + 2);
	assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 1, 1, NULL, 0, NULL, 0), 0);
	assert_int_equal(events(fd[0]), 0);
	assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 0, 0, NULL, 0, NULL, 0), 0);
	descriptors_become(calm);
	/* Errors and requests to let go are never raised, but may be asked for. */
	assert_int_equal(set_irqs(EVENT | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, NULL, 0, &more, 1),
			 0);
	assert_int_equal(set_irqs(EVENT | TRIGGER, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, NULL, 0, &more, 1),
			 0);
	assert_int_equal(set_irqs(NONE | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 0, 0, NULL, 0, NULL, 0),
			 0);
	assert_int_equal(set_irqs(NONE | TRIGGER, VFIO_PCI_REQ_IRQ_INDEX, 0, 0, NULL, 0, NULL, 0),
			 0);
	descriptors_become(calm);
	/* All of them. */
	int *every = malloc(vectors * sizeof(int));
	assert_non_null(every);
	for (unsigned i = 0; i < vectors; i++)
		every[i] = fd[i % 4];
	unsigned at_once = vectors < 250 ? vectors : 250;
	assert_int_equal(set_irqs(EVENT | TRIGGER, MSIX, vectors - at_once, at_once, NULL, 0, every,
				  at_once),
			 0);
	descriptors_become(calm + at_once);
	free(every);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	close(more);
}

static void masks(void **state)
{
	static const uint32_t actions[] = { MASK, UNMASK };

	(void)state;
	uint32_t before[2] = { fake ? word(FAKE_MASKS) : 0, fake ? word(FAKE_UNMASKS) : 0 };
	int fd = eventfd(0, EFD_NONBLOCK);
	for (unsigned i = 0; i < 2; i++) {
		taken_or_refused(set_irqs(NONE | actions[i], MSIX, 0, 2, NULL, 0, NULL, 0));
		taken_or_refused(set_irqs(BOOL | actions[i], MSIX, 0, 3, "\1\0\1", 3, NULL, 0));
		taken_or_refused(set_irqs(EVENT | actions[i], MSIX, 0, 1, NULL, 0, &fd, 1));
	}
	if (fake && word(FAKE_MASKS) != before[0]) {
		assert_int_equal(word(FAKE_MASKS), before[0] + 4);
		assert_int_equal(word(FAKE_UNMASKS), before[1] + 4);
	}
	assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 0, 0, NULL, 0, NULL, 0), 0);
	descriptors_become(calm);
	close(fd);
}

static void interrupts_that_are_wrong(void **state)
{
	const struct {
		uint32_t flags, index, start, count, bytes, fds;
	} wrong[] = {
		/* both or neither of what excludes the other */
		{ 0, MSIX, 0, 1, 0, 0 },
		{ NONE, MSIX, 0, 1, 0, 0 },
		{ TRIGGER, MSIX, 0, 1, 0, 0 },
		{ NONE | BOOL | TRIGGER, MSIX, 0, 1, 1, 0 },
		{ NONE | EVENT | TRIGGER, MSIX, 0, 1, 0, 1 },
		{ BOOL | EVENT | TRIGGER, MSIX, 0, 1, 1, 1 },
		{ NONE | MASK | UNMASK, MSIX, 0, 1, 0, 0 },
		{ NONE | MASK | TRIGGER, MSIX, 0, 1, 0, 0 },
		{ EVENT | MASK | UNMASK | TRIGGER, MSIX, 0, 1, 0, 1 },
		{ 0x40 | NONE | TRIGGER, MSIX, 0, 1, 0, 0 },
		{ 0x80000000 | NONE | TRIGGER, MSIX, 0, 1, 0, 0 },
		{ 0xffffffff, MSIX, 0, 1, 0, 0 },
		/* nobody there */
		{ NONE | TRIGGER, 5, 0, 1, 0, 0 },
		{ NONE | TRIGGER, 0xffffffff, 0, 1, 0, 0 },
		{ EVENT | TRIGGER, 0, 0, 1, 0, 1 },
		{ EVENT | TRIGGER, 1, 0, 1, 0, 1 },
		{ EVENT | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 1, 1, 0, 1 },
		{ NONE | TRIGGER, MSIX, vectors, 1, 0, 0 },
		{ NONE | TRIGGER, MSIX, vectors - 1, 2, 0, 0 },
		{ NONE | TRIGGER, MSIX, 0, vectors + 1, 0, 0 },
		{ NONE | TRIGGER, MSIX, 0xffffffff, 1, 0, 0 },
		{ NONE | TRIGGER, MSIX, 0xffffffff, 2, 0, 0 },
		{ NONE | TRIGGER, MSIX, 1, 0xffffffff, 0, 0 },
		{ EVENT | TRIGGER, MSIX, 0xffffffff, 2, 0, 2 },
		{ EVENT | TRIGGER, MSIX, vectors, 1, 0, 1 },
		{ BOOL | TRIGGER, MSIX, 0x80000000, 0x80000000, 8, 0 },
		/* data that are not there */
		{ BOOL | TRIGGER, MSIX, 0, 4, 3, 0 },
		{ BOOL | TRIGGER, MSIX, 0, 4, 0, 0 },
		{ BOOL | MASK, MSIX, 0, 4, 0, 0 },
		/* descriptors that do not fit */
		{ EVENT | TRIGGER, MSIX, 0, 4, 0, 3 },
		{ EVENT | TRIGGER, MSIX, 0, 1, 0, 2 },
		{ EVENT | TRIGGER, MSIX, 0, 0, 0, 1 },
		{ NONE | TRIGGER, MSIX, 0, 1, 0, 1 },
		{ BOOL | TRIGGER, MSIX, 0, 1, 1, 1 },
	};
	int fd[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int result =
			set_irqs(wrong[i].flags, wrong[i].index, wrong[i].start, wrong[i].count,
				 "\1\1\1\1\1\1\1\1", wrong[i].bytes, fd, wrong[i].fds);
		if (!sensible(result))
			fail_msg("case %zu: %d", i, result);
		descriptors_become(calm);
	}
	struct {
		uint32_t argsz, flags, index, start, count;
	} set = { 19, NONE | TRIGGER, MSIX, 0, 1 };
	refused(call(VFIO_USER_DEVICE_SET_IRQS, &set, 20));
	set.argsz = 0;
	refused(call(VFIO_USER_DEVICE_SET_IRQS, &set, 20));
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	usable();
}

/* Descriptors that are no eventfds, or cannot take more: refused, or triggered without harm, and never waited for. */
static void eventfds_that_are_wrong(void **state)
{
	int pipes[2], broken[2], sockets[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	char much[4096] = { 0 };
	while (write(pipes[1], much, sizeof(much)) > 0)
		;
	assert_int_equal(fcntl(pipes[1], F_SETFL, 0), 0); /* full, and a write would wait */
	assert_int_equal(pipe(broken), 0);
	close(broken[0]); /* a write would be SIGPIPE */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	close(sockets[0]);
	int full = eventfd(0, 0); /* a write would wait */
	uint64_t most = 0xfffffffffffffffe;
	assert_int_equal(write(full, &most, 8), 8);
	int null = open("/dev/null", O_RDONLY), file = memory(4096);
	int wrong[] = { pipes[1], pipes[0], broken[1], sockets[1], full, null, file };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		taken_or_refused(set_irqs(EVENT | TRIGGER, MSIX, 0, 1, NULL, 0, &wrong[i], 1));
		taken_or_refused(set_irqs(NONE | TRIGGER, MSIX, 0, 1, NULL, 0, NULL, 0));
		assert_int_equal(info(nic), 16);
		if (fake) {
			set_word(FAKE_IRQ, 1);
			usable();
		}
		assert_int_equal(set_irqs(NONE | TRIGGER, MSIX, 0, 0, NULL, 0, NULL, 0), 0);
		descriptors_become(calm);
	}
	/* A full one is still an eventfd: it stays signalled. */
	assert_int_equal(read(full, &most, 8), 8);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		close(wrong[i]);
}

/* --- Descriptors for doorbells ---------------------------------------------------------------------------------------------- */

static void io_descriptors(void **state)
{
	struct vfio_user_io_fds request = { .argsz = sizeof(request), .index = 2 };
	struct vfu_message reply;
	enum { MOST = 4096 };

	(void)state;
	/* Too small for the list: the answer says how much it takes. */
	struct vfio_user_io_fds answer = { 0 };
	int result = vfu_call(nic, VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16, NULL, 0,
			      &answer, 16);
	assert_int_equal(result, 16);
	assert_true(answer.argsz > 16 && answer.argsz <= 16 + MOST * 40);
	request.argsz = answer.argsz;
	vfu_request(nic, VFIO_USER_DEVICE_GET_REGION_IO_FDS, 0, &request, 16, NULL, 0);
	assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
	assert_int_equal(reply.head.flags, VFIO_USER_REPLY);
	assert_int_equal(reply.bytes, request.argsz);
	memcpy(&answer, reply.payload, 16);
	assert_int_equal(answer.index, 2);
	assert_int_equal(answer.argsz, 16 + answer.count * 40);
	assert_true(answer.count > 0 && reply.fd_count > 0 && reply.fd_count <= 253);
	for (unsigned i = 0; i < answer.count; i++) {
		struct vfio_user_ioeventfd sub;
		memcpy(&sub, reply.payload + 16 + 40 * i, 40);
		assert_int_equal(sub.type, VFIO_USER_IO_FD_IOEVENTFD);
		assert_true(sub.fd_index < reply.fd_count);
		assert_true(sub.size <= 8 && sub.offset <= region_bytes[2] - sub.size);
		assert_int_equal(sub.padding, 0);
		if (fake) {
			uint64_t one = 1;
			uint32_t before = word(FAKE_RINGS);
			assert_int_equal(write(reply.fds[sub.fd_index], &one, 8), 8);
			for (int wait = 0; word(FAKE_RINGS) == before && wait < 1000; wait++)
				nap();
			assert_int_equal(word(FAKE_RINGS), before + 1);
			unsigned ring = word(FAKE_LAST_RING);
			assert_int_equal(sub.offset, ring / 2 * 4096 + 0x50);
			assert_int_equal(sub.datamatch, ring % 2);
			assert_int_equal(sub.flags, VFIO_USER_IOEVENTFD_DATAMATCH);
		}
	}
	vfu_drop(&reply);
	/* Once more: the same ones, not more of them. */
	unsigned before = vfu_descriptors(&server);
	assert_int_equal(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16),
			 (int)request.argsz);
	descriptors_become(before);
	/* None in other regions; wrong questions. */
	for (request.index = 0; request.index < VFIO_PCI_NUM_REGIONS; request.index++)
		if (request.index != 2)
			taken_or_refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	for (request.index = 9; request.index; request.index *= 16)
		refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	request.index = 2;
	for (request.argsz = 0; request.argsz < 16; request.argsz++)
		refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	request.argsz = 0xffffffff;
	taken_or_refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	request.argsz = 17;
	taken_or_refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	request.flags = 1;
	refused(call(VFIO_USER_DEVICE_GET_REGION_IO_FDS, &request, 16));
	usable();
}

/* --- Reset ------------------------------------------------------------------------------------------------------------------ */

static void reset(void **state)
{
	int fd = memory(4096);

	(void)state;
	assert_int_equal(vfu_map(nic, 0x100000, 0x1000, 3, fd, 0), 0);
	set_word(FAKE_SCRATCH, 0x12345678);
	assert_int_equal(call(VFIO_USER_DEVICE_RESET, NULL, 0), 0);
	/* Of a NIC whose memory decoding is off now, reads give all ones. */
	if (fake)
		assert_int_equal(word(FAKE_SCRATCH), 0);
	else
		assert_int_not_equal(word(FAKE_SCRATCH), 0x12345678);
	/* Memory stays. */
	assert_int_equal(vfu_map(nic, 0x100000, 0x1000, 3, fd, 0), -EEXIST);
	taken_or_refused(call(VFIO_USER_DEVICE_RESET, "12345678", 8));
	assert_int_equal(info(nic), 16);
	close(fd);
}

/* --- DMA, with the device of ours ------------------------------------------------------------------------------------------- */

static void start_dma(unsigned command, uint64_t address, uint32_t bytes)
{
	set_word(FAKE_DMA_STATUS, 0);
	set_word(FAKE_DMA_ADDRESS, (uint32_t)address);
	set_word(FAKE_DMA_ADDRESS + 4, (uint32_t)(address >> 32));
	set_word(FAKE_DMA_BYTES, bytes);
	set_word(FAKE_DMA_COMMAND, command);
}

static unsigned dma(unsigned command, uint64_t address, uint32_t bytes)
{
	start_dma(command, address, bytes);
	return word(FAKE_DMA_STATUS);
}

static void dma_by_descriptor(void **state)
{
	int fd = memory(0x4000);
	uint8_t *data = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t back[64];
	enum { READ = FAKE_DMA_READ, WRITE = FAKE_DMA_WRITE };

	(void)state;
	for (unsigned i = 0; i < 0x4000; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8));
	/* Offset of the file and of the address are two things. */
	assert_int_equal(vfu_map(nic, 0x7000000000, 0x1000, 3, fd, 0x2000), 0);
	assert_int_equal(vfu_map(nic, 0x7000001000, 0x1000, 1, fd, 0x0000), 0);
	assert_int_equal(vfu_map(nic, 0x7000002000, 0x1000, 2, fd, 0x3000), 0);
	assert_int_equal(dma(READ, 0x7000000123, 61), FAKE_DMA_OK);
	assert_int_equal(vfu_read(nic, 0, FAKE_BUFFER, back, 61), 0);
	assert_memory_equal(back, data + 0x2123, 61);
	assert_int_equal(vfu_write(nic, 0, FAKE_BUFFER, "0123456789abcdef", 16), 0);
	assert_int_equal(dma(WRITE, 0x7000000ff0, 16), FAKE_DMA_OK);
	assert_memory_equal(data + 0x2ff0, "0123456789abcdef", 16);
	/* What is only readable is not written, what is only writable is not read, and neither is what is nowhere. */
	assert_int_equal(dma(READ, 0x7000001000, 64), FAKE_DMA_OK);
	assert_int_equal(dma(WRITE, 0x7000001000, 4), FAKE_DMA_ERROR);
	assert_int_equal(data[0], 0);
	assert_int_equal(dma(WRITE, 0x7000002ffc, 4), FAKE_DMA_OK);
	assert_int_equal(dma(READ, 0x7000002000, 4), FAKE_DMA_ERROR);
	static const uint64_t nowhere[] = { 0,		 0x6fffffffff, 0x7000003000,
					    ~0ull - 3,	 0x7000002ffd, 0x8000000000,
					    0x6ffffffffd };
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		uint8_t before[0x1000];
		memcpy(before, data + 0x2000, 0x1000);
		assert_int_equal(dma(READ, nowhere[i], 4), FAKE_DMA_ERROR);
		assert_int_equal(dma(WRITE, nowhere[i], 4), FAKE_DMA_ERROR);
		assert_memory_equal(before, data + 0x2000, 0x1000);
	}
	/* Gone is gone. */
	assert_int_equal(vfu_unmap(nic, 0x7000000000, 0x1000), 0);
	assert_int_equal(dma(READ, 0x7000000000, 4), FAKE_DMA_ERROR);
	assert_int_equal(dma(WRITE, 0x7000000000, 4), FAKE_DMA_ERROR);
	assert_int_equal(dma(READ, 0x7000001000, 4), FAKE_DMA_OK);
	/* A reset of the device does not take memory away. */
	assert_int_equal(call(VFIO_USER_DEVICE_RESET, NULL, 0), 0);
	assert_int_equal(dma(READ, 0x7000001000, 4), FAKE_DMA_OK);
	/* The owner cuts the file short behind our back. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(dma(READ, 0x7000001000, 4), FAKE_DMA_ERROR);
	assert_int_equal(dma(WRITE, 0x7000002000, 4), FAKE_DMA_ERROR);
	munmap(data, 0x4000);
	close(fd);
	usable();
}

/* Takes the server's next request, while replies to our own are dropped. */
static void server_asks(struct vfu_message *request)
{
	for (;;) {
		assert_int_equal(vfu_receive(nic, request, VFU_PATIENCE_MS), 1);
		if ((request->head.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_REQUEST)
			return;
		vfu_drop(request);
	}
}

/* The server's DMA message is there: its access. */
static struct vfio_user_dma_access dma_message(struct vfu_message *request, unsigned command,
					       size_t data)
{
	struct vfio_user_dma_access access;

	server_asks(request);
	assert_int_equal(request->head.command, command);
	assert_int_equal(request->head.flags, 0);
	assert_int_equal(request->bytes, sizeof(access) + data);
	assert_int_equal(request->fd_count, 0);
	memcpy(&access, request->payload, sizeof(access));
	return access;
}

static void answer(const struct vfio_user_header *to, uint32_t flags, uint32_t error,
		   const struct vfio_user_dma_access *access, size_t access_bytes, size_t data)
{
	uint8_t all[16 + 16 + 8192] = { 0 };
	struct vfio_user_header head = { to->id, to->command,
					 (uint32_t)(sizeof(head) + access_bytes + data),
					 VFIO_USER_REPLY | flags, error };

	memcpy(all, &head, sizeof(head));
	if (access_bytes)
		memcpy(all + sizeof(head), access, access_bytes);
	for (size_t i = 0; i < data; i++)
		all[sizeof(head) + access_bytes + i] = (uint8_t)(i * 3 + 1);
	assert_true(vfu_send(nic, all, head.size, NULL, 0));
}

/* The words that start a DMA, without a wait for replies: the last of these makes the server ask. */
static void post_dma(unsigned command, uint64_t address, uint32_t bytes)
{
	const uint32_t words[][2] = { { FAKE_DMA_STATUS, 0 },
				      { FAKE_DMA_ADDRESS, (uint32_t)address },
				      { FAKE_DMA_ADDRESS + 4, (uint32_t)(address >> 32) },
				      { FAKE_DMA_BYTES, bytes },
				      { FAKE_DMA_COMMAND, command } };

	for (size_t i = 0; i < 5; i++) {
		struct {
			struct vfio_user_region_access access;
			uint32_t value;
		} write = { { words[i][0], 0, 4 }, words[i][1] };
		vfu_request(nic, VFIO_USER_REGION_WRITE, VFIO_USER_NO_REPLY, &write, 20, NULL, 0);
	}
}

static void dma_by_message(void **state)
{
	struct vfu_message request;
	uint8_t expected[100], back[100];

	(void)state;
	assert_int_equal(vfu_map(nic, 0x40000000, 0x10000, 3, -1, 0), 0);
	assert_int_equal(vfu_map(nic, 0x50000000, 0x1000, 1, -1, 0), 0);
	assert_int_equal(vfu_map(nic, 0x60000000, 0x1000, 2, -1, 0), 0);
	post_dma(FAKE_DMA_READ, 0x40000ff0, 100);
	struct vfio_user_dma_access access = dma_message(&request, VFIO_USER_DMA_READ, 0);
	assert_int_equal(access.address, 0x40000ff0);
	assert_int_equal(access.count, 100);
	/* The server still serves us while it waits. */
	assert_int_equal(word(FAKE_DMA_STATUS), FAKE_DMA_BUSY);
	usable();
	answer(&request.head, 0, 0, &access, 16, 100);
	vfu_drop(&request);
	assert_int_equal(word(FAKE_DMA_STATUS), FAKE_DMA_OK);
	assert_int_equal(vfu_read(nic, 0, FAKE_BUFFER, back, 100), 0);
	for (unsigned i = 0; i < 100; i++)
		expected[i] = (uint8_t)(i * 3 + 1);
	assert_memory_equal(back, expected, 100);

	assert_int_equal(vfu_write(nic, 0, FAKE_BUFFER, "what the device sends", 21), 0);
	post_dma(FAKE_DMA_WRITE, 0x40001003, 21);
	access = dma_message(&request, VFIO_USER_DMA_WRITE, 21);
	assert_int_equal(access.address, 0x40001003);
	assert_int_equal(access.count, 21);
	assert_memory_equal(request.payload + 16, "what the device sends", 21);
	/* An interrupt that follows shows after the data have arrived. */
	int fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(set_irqs(EVENT | TRIGGER, MSIX, 0, 1, NULL, 0, &fd, 1), 0);
	set_word(FAKE_IRQ, 1);
	usable();
	assert_int_equal(events(fd), 0);
	answer(&request.head, 0, 0, &access, 16, 0);
	vfu_drop(&request);
	for (int i = 0; i < 2000; i++) {
		struct pollfd p = { fd, POLLIN, 0 };
		if (poll(&p, 1, 10) == 1)
			break;
	}
	assert_int_equal(events(fd), 1);
	close(fd);
	/* No permission: no message. */
	assert_int_equal(dma(FAKE_DMA_WRITE, 0x50000000, 4), FAKE_DMA_ERROR);
	assert_int_equal(dma(FAKE_DMA_READ, 0x60000000, 4), FAKE_DMA_ERROR);
	assert_int_equal(dma(FAKE_DMA_READ, 0x40010000, 4), FAKE_DMA_ERROR);
	usable();
}

/* What answers to DMA messages may be: none of them may pass as data, and none may stop the server. */
static void dma_answers_that_are_wrong(void **state)
{
	enum {
		SHORT_DATA,
		LONG_DATA,
		NO_DATA,
		HEADER_ONLY,
		OTHER_COUNT,
		HUGE_COUNT,
		OTHER_ADDRESS,
		REFUSAL,
		REFUSAL_WITHOUT_REASON,
		REFUSAL_WITH_DATA,
		OTHER_COMMAND,
		OTHER_ID,
		TWICE,
		KINDS
	};

	(void)state;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		for (unsigned write = 0; write < 2; write++) {
			struct vfu_message request;
			assert_int_equal(vfu_map(nic, 0x40000000, 0x10000, 3, -1, 0), 0);
			post_dma(write ? FAKE_DMA_WRITE : FAKE_DMA_READ, 0x40000000, 64);
			struct vfio_user_dma_access access =
				dma_message(&request,
					    write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
					    write ? 64 : 0);
			struct vfio_user_header head = request.head, other = head;
			size_t data = write ? 0 : 64;
			vfu_drop(&request);
			other.id += 1000;
			switch (kind) {
			case SHORT_DATA:
				answer(&head, 0, 0, &access, 16, write ? 0 : 63);
				break;
			case LONG_DATA:
				answer(&head, 0, 0, &access, 16, data + 4096);
				break;
			case NO_DATA:
				answer(&head, 0, 0, &access, 15, 0);
				break;
			case HEADER_ONLY:
				answer(&head, 0, 0, NULL, 0, 0);
				break;
			case OTHER_COUNT:
				access.count = 32;
				answer(&head, 0, 0, &access, 16, data);
				break;
			case HUGE_COUNT:
				access.count = ~0ull;
				answer(&head, 0, 0, &access, 16, data);
				break;
			case OTHER_ADDRESS:
				access.address += 8;
				answer(&head, 0, 0, &access, 16, data);
				break;
			case REFUSAL:
				answer(&head, VFIO_USER_ERROR, EFAULT, NULL, 0, 0);
				break;
			case REFUSAL_WITHOUT_REASON:
				answer(&head, VFIO_USER_ERROR, 0, NULL, 0, 0);
				break;
			case REFUSAL_WITH_DATA:
				answer(&head, VFIO_USER_ERROR, 0xffffffff, &access, 16, data);
				break;
			case OTHER_COMMAND:
				other = head;
				other.command = write ? VFIO_USER_DMA_READ : VFIO_USER_DMA_WRITE;
				answer(&other, 0, 0, &access, 16, data);
				answer(&head, VFIO_USER_ERROR, EIO, NULL, 0, 0);
				break;
			case OTHER_ID:
				answer(&other, 0, 0, &access, 16, data);
				answer(&head, VFIO_USER_ERROR, EIO, NULL, 0, 0);
				break;
			case TWICE:
				answer(&head, 0, 0, &access, 16, data);
				answer(&head, 0, 0, &access, 16, data);
				break;
			}
			uint32_t status = 0;
			int result = vfu_read(nic, 0, FAKE_DMA_STATUS, &status, 4);
			if (result == VFU_CLOSED) {
				close(nic);
				nic = vfu_open(&server);
				assert_true(nic >= 0);
				continue;
			}
			assert_int_equal(result, 0);
			if (write)
				assert_true(status == FAKE_DMA_OK || status == FAKE_DMA_ERROR);
			else if (kind == TWICE)
				assert_int_equal(status, FAKE_DMA_OK);
			else if (kind == OTHER_ADDRESS || kind == LONG_DATA)
				assert_true(status == FAKE_DMA_OK || status == FAKE_DMA_ERROR);
			else if (status != FAKE_DMA_ERROR)
				fail_msg("kind %u: status 0x%x", kind, status);
			usable();
			close(nic);
			nic = vfu_open(&server);
			assert_true(nic >= 0);
		}
	}
}

/* Memory goes, or the client, while a DMA message waits for its answer. */
static void dma_that_is_cut_off(void **state)
{
	struct vfu_message request;

	(void)state;
	assert_int_equal(vfu_map(nic, 0x40000000, 0x1000, 3, -1, 0), 0);
	post_dma(FAKE_DMA_READ, 0x40000000, 64);
	struct vfio_user_dma_access access = dma_message(&request, VFIO_USER_DMA_READ, 0);
	/* The reply to an unmapping says that nothing of it is used any more, so an answer may have to come first. */
	struct vfio_user_dma_unmap unmap = { 24, 0, 0x40000000, 0x1000 };
	vfu_request(nic, VFIO_USER_DMA_UNMAP, 0, &unmap, 24, NULL, 0);
	answer(&request.head, 0, 0, &access, 16, 64);
	vfu_drop(&request);
	assert_int_equal(vfu_receive(nic, &request, VFU_PATIENCE_MS), 1);
	assert_int_equal(request.head.command, VFIO_USER_DMA_UNMAP);
	assert_int_equal(request.head.flags, VFIO_USER_REPLY);
	vfu_drop(&request);
	uint32_t status = word(FAKE_DMA_STATUS);
	assert_true(status == FAKE_DMA_OK || status == FAKE_DMA_ERROR);
	usable();

	for (unsigned write = 0; write < 2; write++) {
		assert_int_equal(vfu_map(nic, 0x40000000, 0x1000, 3, -1, 0), 0);
		post_dma(write ? FAKE_DMA_WRITE : FAKE_DMA_READ, 0x40000000, 64);
		dma_message(&request, write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
			    write ? 64 : 0);
		vfu_drop(&request);
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
		usable();
		/* The next client's memory is not what the last one's device asked for. */
		struct pollfd p = { nic, POLLIN, 0 };
		assert_int_equal(poll(&p, 1, 50), 0);
	}
}

/* A client that is inside an access may be unable to answer: the server must not ask it anything then, but takes answers. */
static void no_dma_message_during_an_access(void **state)
{
	struct vfio_user_region_access access = { FAKE_SCRATCH, 0, 4 };
	struct vfio_user_dma_access dma_access = { 0x40000000, 64 };
	struct vfu_message message;

	(void)state;
	assert_int_equal(vfu_map(nic, 0x40000000, 0x1000, 3, -1, 0), 0);
	post_dma(FAKE_DMA_READ, 0x40000000, 64);
	dma_message(&message, VFIO_USER_DMA_READ, 0);
	struct vfio_user_header head = message.head;
	vfu_drop(&message);
	set_word(FAKE_SLOW, 50);
	uint16_t id = vfu_request(nic, VFIO_USER_REGION_READ, 0, &access, 16, NULL, 0);
	answer(&head, 0, 0, &dma_access, 16, 64);
	assert_int_equal(vfu_receive(nic, &message, VFU_PATIENCE_MS), 1);
	assert_int_equal(message.head.id, id);
	assert_int_equal(message.head.flags, VFIO_USER_REPLY);
	vfu_drop(&message);
	set_word(FAKE_SLOW, 0);
	assert_int_equal(word(FAKE_DMA_STATUS), FAKE_DMA_OK);

	/* The device begins its DMA while the access is under way: we get our reply, then the question. */
	for (unsigned write = 0; write < 2; write++) {
		set_word(FAKE_EAGER, write ? FAKE_DMA_WRITE : FAKE_DMA_READ);
		set_word(FAKE_SLOW, 50);
		id = vfu_request(nic, VFIO_USER_REGION_READ, 0, &access, 16, NULL, 0);
		assert_int_equal(vfu_receive(nic, &message, VFU_PATIENCE_MS), 1);
		assert_int_equal(message.head.id, id);
		assert_int_equal(message.head.flags, VFIO_USER_REPLY);
		vfu_drop(&message);
		dma_message(&message, write ? VFIO_USER_DMA_WRITE : VFIO_USER_DMA_READ,
			    write ? 64 : 0);
		answer(&message.head, 0, 0, &dma_access, 16, write ? 0 : 64);
		vfu_drop(&message);
		set_word(FAKE_SLOW, 0);
		assert_int_equal(word(FAKE_DMA_STATUS), FAKE_DMA_OK);
	}
}

static void slow_and_failing_accesses(void **state)
{
	struct vfu_message reply;
	struct vfio_user_region_access access = { FAKE_ID, 0, 4 };
	struct vfio_device_info request = { .argsz = 16 };

	(void)state;
	/* Answers keep their order, whatever is slow. */
	set_word(FAKE_SLOW, 20);
	uint16_t first = vfu_request(nic, VFIO_USER_REGION_READ, 0, &access, 16, NULL, 0);
	uint16_t second = vfu_request(nic, VFIO_USER_DEVICE_GET_INFO, 0, &request, 16, NULL, 0);
	assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
	assert_int_equal(reply.head.id, first);
	assert_int_equal(reply.bytes, 20);
	vfu_drop(&reply);
	assert_int_equal(vfu_receive(nic, &reply, VFU_PATIENCE_MS), 1);
	assert_int_equal(reply.head.id, second);
	vfu_drop(&reply);
	/* The client goes in the middle of one. */
	for (int i = 0; i < 3; i++) {
		set_word(FAKE_SLOW, 30);
		vfu_request(nic, i % 2 ? VFIO_USER_REGION_WRITE : VFIO_USER_REGION_READ, 0, &access,
			    16, NULL, 0);
		access.count = 0x1000;
		vfu_request(nic, VFIO_USER_REGION_READ, 0, &access, 16, NULL, 0);
		access.count = 4;
		nanosleep(&(struct timespec){ 0, i * 15000000 }, NULL);
		close(nic);
		nic = vfu_open(&server);
		assert_true(nic >= 0);
		usable();
	}
	/* What the device refuses. */
	uint32_t value = EIO, back;
	assert_int_equal(vfu_write(nic, 0, FAKE_FAIL, &value, 4), -EIO);
	usable();
	set_word(FAKE_SLOW, 10);
	assert_int_equal(vfu_write(nic, 0, FAKE_FAIL, &value, 4), -EIO);
	assert_int_equal(vfu_read(nic, 0, FAKE_ID, &back, 4), 0);
	set_word(FAKE_SLOW, 0);
}

/* The greatest transfers there are. */
static void long_accesses(void **state)
{
	uint8_t *data = malloc(FAKE_BAR2_BYTES), *back = malloc(FAKE_BAR2_BYTES);

	(void)state;
	assert_true(data && back);
	for (unsigned i = 0; i < FAKE_BAR2_BYTES; i++)
		data[i] = (uint8_t)(i * 11 + (i >> 8));
	assert_int_equal(vfu_write(nic, 2, 0, data, FAKE_BAR2_BYTES), 0);
	assert_int_equal(vfu_read(nic, 2, 0, back, FAKE_BAR2_BYTES), 0);
	assert_memory_equal(data, back, FAKE_BAR2_BYTES);
	refused(vfu_read(nic, 2, 1, back, FAKE_BAR2_BYTES));
	free(data);
	free(back);
}

/* --- At rest ---------------------------------------------------------------------------------------------------------------- */

static void sleeps_when_nothing_happens(void **state)
{
	(void)state;
	usable();
	unsigned long before = vfu_ticks(&server);
	nanosleep(&(struct timespec){ 0, 500000000 }, NULL);
	/* Half a second is 50 ticks. */
	assert_true(vfu_ticks(&server) - before <= 5);
}

/* What all tests know of the server before they begin. */
static bool look(void)
{
	nic = vfu_open(&server);
	if (nic < 0)
		return false;
	for (uint32_t i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		struct vfio_region_info request = { .argsz = 32, .index = i }, answer = { 0 };
		if (vfu_call(nic, VFIO_USER_DEVICE_GET_REGION_INFO, &request, 32, NULL, 0, &answer,
			     32) != 32)
			return false;
		region_bytes[i] = answer.size;
	}
	struct vfio_irq_info request = { .argsz = 16, .index = MSIX }, answer = { 0 };
	if (vfu_call(nic, VFIO_USER_DEVICE_GET_IRQ_INFO, &request, 16, NULL, 0, &answer, 16) != 16)
		return false;
	vectors = answer.count;
	uint32_t id = 0;
	if (vfu_read(nic, 0, FAKE_ID, &id, 4))
		return false;
	fake = id == FAKE_ID_VALUE;
	calm = vfu_descriptors(&server);
	close(nic);
	return vectors >= 5 && region_bytes[0];
}

int main(int argc, char **argv)
{
#define test(name) cmocka_unit_test_setup_teardown(name, join, leave)
	const struct CMUnitTest tests[] = {
		test(version_is_agreed),
		test(a_version_that_is_wrong),
		test(version_comes_first),
		test(version_comes_once),
		test(a_size_that_lies),
		test(flags_that_are_not),
		test(replies_that_nobody_asked_for),
		test(unknown_commands),
		test(payloads_of_every_length),
		test(descriptors_that_are_not_wanted),
		test(messages_in_pieces_and_in_heaps),
		test(descriptors_of_messages_in_pieces),
		test(the_end_in_the_middle),
		test(answers_that_nobody_reads),
		test(a_second_client_has_to_wait),
		test(requests_without_reply),
		test(device_info),
		test(regions),
		test(irqs),
		test(accesses),
		test(accesses_to_nowhere),
		test(counts_that_lie),
		test(writes_in_one_message),
		test(writes_in_one_message_that_lie),
		test(maps),
		test(maps_that_are_wrong),
		test(descriptors_that_are_wrong),
		test(unmaps),
		test(thousands_of_maps),
		test(interrupts),
		test(masks),
		test(interrupts_that_are_wrong),
		test(eventfds_that_are_wrong),
		test(io_descriptors),
		test(reset),
		test(sleeps_when_nothing_happens),
		/* With the device of ours only. */
		test(dma_by_descriptor),
		test(dma_by_message),
		test(dma_answers_that_are_wrong),
		test(dma_that_is_cut_off),
		test(no_dma_message_during_an_access),
		test(slow_and_failing_accesses),
		test(long_accesses),
	};
	const size_t own = 7, all = sizeof(tests) / sizeof(tests[0]);
	char beside[PATH_MAX];
	char *usual[] = { beside, "SOCKET", NULL };

	const char *slash = strrchr(argv[0], '/');
	snprintf(beside, sizeof(beside), "%.*sfake_device", slash ? (int)(slash - argv[0] + 1) : 0,
		 argv[0]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!vfu_start(&server, argc > 1 ? argv + 1 : usual) || !look()) {
		printf("Bail out! %s does not answer\n", argc > 1 ? argv[1] : beside);
		vfu_stop(&server);
		return 1;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed =
		_cmocka_run_group_tests("vfio-user", tests, fake ? all : all - own, NULL, NULL);
	/* Sanitizers speak at the end. */
	int status = vfu_stop(&server);
	if (status) {
		printf("Bail out! the server ended with status 0x%x\n", status);
		return 1;
	}
	return failed;
}
