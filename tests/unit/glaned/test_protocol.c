// SPDX-License-Identifier: Apache-2.0
// The daemon's request handling over a played NIC, under the sanitizers: what methods do and refuse, what hostile peers cost, and random
// sequences of all of it (SEED, STEPS from the environment).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_nic.h"
#include "glaned.h"
#include "guestlane_regs.h"
#include "packet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct daemon d;
static char folder[32];

static int set_up(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	d.lock = d.listener = -1;
	assert_true(sd_event_new(&d.event) >= 0);
	d.nic = fake_open();
	d.count = gl_contexts(d.nic);
	d.context = calloc(d.count, sizeof(*d.context));
	d.config.attach_bytes_max = 64ull << 20;
	d.config.attach_timeout_s = 1;
	d.config.device = strdup("fake:0");
	d.config.firmware = strdup("/nonexistent.fw");
	d.started = now_wall();
	assert_true(asprintf(&d.state_file, "%s/state", folder) > 0);
	assert_int_equal(keeper_open(&d.keeper, KEEPER_NONE, NULL, false), 0);
	d.running = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	captures_stop(&d);
	peers_close(&d);
	unlink(d.state_file);
	free(d.state_file);
	keeper_close(d.keeper);
	gl_close(d.nic);
	gl_firmware_free(d.firmware);
	free(d.context);
	free(d.config.device);
	free(d.config.firmware);
	sd_event_unref(d.event);
	return 0;
}

static void settle(void)
{
	for (int turn = 0; turn < 1000; turn++) {
		int n = sd_event_run(d.event, 0);
		assert_true(n >= 0);
		if (!n)
			return;
	}
	fail_msg("the loop does not come to rest");
}

/* The client's end of a new connection. */
static int dial(bool privileged)
{
	int pair[2];
	struct glc_connection *connection;
	struct peer *peer;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(glc_adopt(pair[1], &connection), 0);
	assert_int_equal(peer_add(&d, connection, &peer), 0);
	peer->privileged = privileged;
	return pair[0];
}

/* The next packet as JSON, or NULL; descriptors to fds. */
static json_t *hear(int fd, int fds[GLC_FDS_MAX], size_t *count)
{
	const char *data;
	int own[GLC_FDS_MAX];
	size_t own_count;
	ssize_t n = packet_receive(fd, &data, own, &own_count);
	if (n < 0)
		return NULL;
	if (fds) {
		memcpy(fds, own, own_count * sizeof(int));
		*count = own_count;
	} else {
		packet_close(own, own_count);
	}
	json_t *object = json_loadb(data, (size_t)n, 0, NULL);
	assert_non_null(object);
	return object;
}

/* Sends a text and returns the answer; notifications before it are passed over. */
static json_t *ask_text(int fd, const char *text, const int *fds, size_t fd_count)
{
	assert_int_equal(packet_send(fd, text, strlen(text), fds, fd_count), 0);
	settle();
	json_t *answer;
	while ((answer = hear(fd, NULL, NULL))) {
		if (json_object_get(answer, "id"))
			return answer;
		json_decref(answer);
	}
	return NULL;
}

static json_t *ask(int fd, const char *method, json_t *params, const int *fds, size_t fd_count)
{
	if (!params)
		params = json_object();
	if (fd_count)
		json_object_set_new(params, "fds", json_integer((json_int_t)fd_count));
	json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method",
				    method, "params", params);
	char *text = json_dumps(request, 0);
	json_t *answer = ask_text(fd, text, fds, fd_count);
	free(text);
	json_decref(request);
	return answer;
}

static json_t *granted(json_t *answer)
{
	assert_non_null(answer);
	json_t *result = json_object_get(answer, "result");
	if (!result) {
		char *text = json_dumps(answer, 0);
		print_message("%s\n", text);
		free(text);
	}
	assert_true(json_is_object(result));
	json_incref(result);
	json_decref(answer);
	return result;
}

static void refused(json_t *answer, int code, const char *name, const char *words)
{
	assert_non_null(answer);
	json_t *error = json_object_get(answer, "error");
	assert_true(json_is_object(error));
	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	const char *message = json_string_value(json_object_get(error, "message"));
	if (!strstr(message, words))
		fail_msg("'%s' is not in '%s'", words, message);
	if (name)
		assert_string_equal(
			json_string_value(json_object_get(json_object_get(error, "data"), "errno")),
			name);
	json_decref(answer);
}

static int dial_and_greet(bool privileged)
{
	int fd = dial(privileged);
	json_decref(granted(ask(
		fd, "hello", json_pack("{s:i, s:s}", "protocol", 1, "program", "test"), NULL, 0)));
	return fd;
}

static int memory_of(size_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static json_t *attach(int fd, int k, int memory, json_int_t bytes, bool resume)
{
	json_t *params = json_pack("{s:i, s:I}", "context", k, "bytes", bytes);
	if (resume)
		json_object_set_new(params, "resume", json_true());
	return ask(fd, "context.attach", params, &memory, 1);
}

static void add(int fd, int k)
{
	json_decref(granted(ask(fd, "context.add", json_pack("{s:i}", "context", k), NULL, 0)));
}

/* --- Greeting, form, permissions --- */

static void hello_comes_first(void **state)
{
	(void)state;
	int fd = dial(true);
	refused(ask(fd, "nic.show", NULL, NULL, 0), -32000, "EPROTO", "hello");
	refused(ask(fd, "hello", json_pack("{s:i, s:s}", "protocol", 7, "program", "x"), NULL, 0),
		-32000, "EPROTO", "protocol 1");
	refused(ask(fd, "hello", json_pack("{s:s}", "program", "x"), NULL, 0), -32602, NULL,
		"\"protocol\"");
	refused(ask(fd, "hello", json_pack("{s:i}", "protocol", 1), NULL, 0), -32602, NULL,
		"\"program\"");
	json_t *r = granted(
		ask(fd, "hello", json_pack("{s:i, s:s}", "protocol", 1, "program", "x"), NULL, 0));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "nic"), "contexts")),
			 FAKE_CONTEXTS);
	json_decref(r);
	json_decref(granted(ask(fd, "nic.show", NULL, NULL, 0)));
	close(fd);
}

static void malformed_requests_are_answered(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	static const struct {
		const char *text;
		int code;
		const char *words;
	} bad[] = {
		{ "{", -32700, "not JSON" },
		{ "\xff\xfe", -32700, "not JSON" },
		{ "[]", -32600, "one JSON object" },
		{ "7", -32600, "one JSON object" },
		{ "{\"id\": 1}", -32600, "jsonrpc" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1}", -32600, "method" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": [1], \"method\": \"nic.show\"}", -32600, "id" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"nic.show\", \"params\": []}",
		  -32602, "params" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1, \"id\": 2, \"method\": \"nic.show\"}", -32700,
		  "not JSON" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"nic.fly\"}", -32601, "nic.fly" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"nic.show\", \"params\": {\"x\": "
		  "1}}",
		  -32602, "\"x\"" },
		{ "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"nic.show\", \"params\": "
		  "{\"fds\": 1}}",
		  -32602, "\"fds\"" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(ask_text(fd, bad[i].text, NULL, 0), bad[i].code, NULL, bad[i].words);
	/* A notification gets no answer, even if it is wrong. */
	assert_null(ask_text(fd, "{\"jsonrpc\": \"2.0\", \"method\": \"nic.fly\"}", NULL, 0));
	json_decref(granted(ask(fd, "nic.show", NULL, NULL, 0)));
	close(fd);
}

static void others_may_only_read(void **state)
{
	(void)state;
	static const char *const changes[] = {
		"nic.set",	  "context.add",     "context.set",    "context.remove",
		"context.enable", "context.disable", "context.attach", "page.read",
		"page.write",	  "firmware.load",   "capture.start",  "selftest"
	};
	static const char *const reads[] = { "nic.show", "context.list", "stats.get",
					     "metrics",	 "firmware.log", "events.subscribe" };
	int fd = dial_and_greet(false);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		refused(ask(fd, changes[i], NULL, NULL, 0), -32000, "EPERM", changes[i]);
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		json_decref(granted(ask(fd, reads[i], NULL, NULL, 0)));
	close(fd);
}

/* --- Contexts --- */

/* Those from a number on, which is how a client reads a list that does not fit into one packet. */
static void contexts_are_listed_from_a_number_on(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	add(fd, 0);
	add(fd, 5);
	for (int from = 0; from <= FAKE_CONTEXTS; from++) {
		json_t *r =
			granted(ask(fd, "context.list", json_pack("{s:i}", "from", from), NULL, 0));
		const json_t *list = json_object_get(r, "contexts");
		assert_int_equal(json_array_size(list), (from == 0) + (from <= 5));
		if (from == 1)
			assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0),
									    "context")),
					 5);
		assert_null(json_object_get(r, "next"));
		json_decref(r);
	}
	refused(ask(fd, "context.list", json_pack("{s:i}", "from", FAKE_CONTEXTS + 1), NULL, 0),
		-32602, NULL, "from");
	close(fd);
}

static void contexts_come_and_go(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	json_t *r = granted(
		ask(fd, "context.add",
		    json_pack("{s:s, s:s, s:[i,i], s:I}", "mac", "02:00:00:00:00:33", "vlan",
			      "trunk", "vids", 10, 20, "tx_rate", (json_int_t)10000000),
		    NULL, 0));
	assert_int_equal(json_integer_value(json_object_get(r, "context")), 0);
	assert_int_equal(json_array_size(json_object_get(r, "vids")), 2);
	json_decref(r);
	assert_int_equal(d.nic->context[0].config.tx_rate, 10000000);
	assert_int_equal(d.nic->context[0].config.vid_count, 2);
	assert_true(d.nic->context[0].enabled);
	add(fd, 5);
	refused(ask(fd, "context.add", json_pack("{s:i}", "context", 5), NULL, 0), -32000, "EEXIST",
		"context 5");
	refused(ask(fd, "context.add", json_pack("{s:i}", "context", 8), NULL, 0), -32602, NULL,
		"0 to 7");
	refused(ask(fd, "context.add", json_pack("{s:s}", "mac", "02:00:00:00:00:33"), NULL, 0),
		-32000, "EADDRINUSE", "context 0");
	r = granted(ask(fd, "context.set", json_pack("{s:i, s:i}", "context", 5, "mtu", 9000), NULL,
			0));
	assert_int_equal(json_integer_value(json_object_get(r, "mtu")), 9000);
	json_decref(r);
	assert_int_equal(d.nic->context[5].config.mtu, 9000);
	/* One that the firmware refuses changes nothing. */
	d.nic->fail_in = 1;
	refused(ask(fd, "context.set", json_pack("{s:i, s:i}", "context", 5, "mtu", 1400), NULL, 0),
		-32000, "EIO", "refuses");
	assert_int_equal(d.context[5].config.gl.mtu, 9000);
	r = granted(ask(fd, "context.disable", json_pack("{s:i}", "context", 5), NULL, 0));
	assert_string_equal(json_string_value(json_object_get(r, "state")), "disabled");
	json_decref(r);
	r = granted(ask(fd, "context.remove", json_pack("{s:i}", "context", 0), NULL, 0));
	assert_int_equal(json_integer_value(json_object_get(r, "cycles")), 1000);
	json_decref(r);
	refused(ask(fd, "context.get", json_pack("{s:i}", "context", 0), NULL, 0), -32000, "ENOENT",
		"context 0");
	assert_false(d.nic->context[0].exists);
	/* A failed creation leaves nothing. */
	d.nic->fail_in = 2;
	refused(ask(fd, "context.add", json_pack("{s:i}", "context", 1), NULL, 0), -32000, "EIO",
		"refuses");
	assert_false(d.nic->context[1].exists);
	assert_false(d.context[1].exists);
	close(fd);
}

static void wrong_values_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value, *words;
	} bad[] = {
		{ "mac", "\"03:00:00:00:00:00\"", "group address" },
		{ "mac", "\"00:00:00:00:00:00\"", "null address" },
		{ "mac", "\"02:0g:00:00:00:00\"", "02:0g" },
		{ "mac", "7", "mac" },
		{ "mtu", "67", "68 to 9000" },
		{ "mtu", "9001", "68 to 9000" },
		{ "mtu", "-1", "mtu" },
		{ "mtu", "1500.0", "mtu" },
		{ "weight", "0", "1 to 255" },
		{ "link", "\"sideways\"", "sideways" },
		{ "link", "true", "link" },
		{ "queue_size", "300", "queue_size" },
		{ "queue_size", "100", "power of two" },
		{ "features", "[\"warp\"]", "warp" },
		{ "features", "[1]", "features" },
		{ "features", "{}", "features" },
		{ "vlan", "\"trunc\"", "trunc" },
		{ "vlan", "\"access\"", "vid" },
		{ "vlan", "\"trunk\"", "vids" },
		{ "vid", "4095", "4094" },
		{ "vids", "[0]", "1 to 4094" },
		{ "vids", "[5, 5]", "twice" },
		{ "vids", "[5]", "trunk" },
		{ "vids", "5", "vids" },
		{ "wire", "1", "true or false" },
		{ "tx_burst", "100", "tx_rate" },
		{ "tx_burst", "1048576", "tx_burst" },
		{ "rx_share", "65", "rx_share" },
		{ "colour", "1", "colour" },
	};
	int fd = dial_and_greet(true);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *params = json_object();
		json_object_set_new(params, bad[i].key,
				    json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
		refused(ask(fd, "context.add", params, NULL, 0), -32602, NULL, bad[i].words);
	}
	assert_int_equal(context_free(&d), 0);
	close(fd);
}

/* --- Attachment --- */

static void attachment_gives_a_device(void **state)
{
	(void)state;
	int before = descriptors();
	int fd = dial_and_greet(true), other = dial_and_greet(true);
	int memory = memory_of(8192, F_SEAL_SHRINK), fds[GLC_FDS_MAX];
	size_t count = 0;
	add(fd, 3);
	refused(ask(fd, "page.read", json_pack("{s:i, s:i}", "offset", 0, "size", 4), NULL, 0),
		-32000, "ENOTCONN", "context.attach");
	const char *text =
		"{\"jsonrpc\": \"2.0\", \"id\": 9, \"method\": \"context.attach\", \"params\": "
		"{\"context\": 3, \"bytes\": 8192, \"fds\": 1}}";
	assert_int_equal(packet_send(fd, text, strlen(text), &memory, 1), 0);
	settle();
	json_t *answer = hear(fd, fds, &count);
	json_t *result = granted(answer);
	assert_int_equal(count, 3);
	assert_int_equal(json_integer_value(json_object_get(result, "fds")), 3);
	assert_int_not_equal(json_integer_value(json_object_get(result, "guest_address")), 0);
	json_decref(result);
	/* They are the NIC's eventfds. */
	uint64_t one = 1, value = 0;
	assert_int_equal(write(d.nic->irq[4], &one, 8), 8);
	assert_int_equal(read(fds[0], &value, 8), 8);
	assert_int_equal(write(fds[2], &one, 8), 8);
	assert_int_equal(read(d.nic->bell[3][1], &value, 8), 8);
	assert_int_equal(d.nic->context[3].mapped, 8192);

	json_decref(granted(ask(
		fd, "page.write",
		json_pack("{s:i, s:i, s:i}", "offset", 0x70, "size", 4, "value", 15), NULL, 0)));
	json_t *r = granted(
		ask(fd, "page.read", json_pack("{s:i, s:i}", "offset", 0x70, "size", 4), NULL, 0));
	assert_int_equal(json_integer_value(json_object_get(r, "value")), 15);
	json_decref(r);
	/* Its own page only. */
	unsigned accesses = d.nic->page_accesses;
	refused(ask(fd, "page.read", json_pack("{s:i, s:i}", "offset", 4096, "size", 4), NULL, 0),
		-32602, NULL, "offset");
	refused(ask(fd, "page.read", json_pack("{s:i, s:i}", "offset", 4094, "size", 4), NULL, 0),
		-32602, NULL, "multiple");
	refused(ask(fd, "page.write",
		    json_pack("{s:i, s:i, s:i}", "offset", 0, "size", 3, "value", 1), NULL, 0),
		-32602, NULL, "size");
	assert_int_equal(d.nic->page_accesses, accesses);
	/* One owner. */
	refused(attach(other, 3, memory, 8192, false), -32000, "EBUSY", "test");
	refused(attach(fd, 3, memory, 8192, false), -32000, "EBUSY", "already");
	r = granted(ask(other, "context.get", json_pack("{s:i}", "context", 3), NULL, 0));
	assert_string_equal(json_string_value(json_object_get(r, "owner")), "attached");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(r, "peer"), "pid")),
			 getpid());
	json_decref(r);
	/* The end of the connection takes all of it away, and leaves a context for the next. */
	close(fd);
	settle();
	assert_int_equal(fake_memories(d.nic), 0);
	assert_int_equal(d.nic->context[3].mapped, 0);
	assert_true(d.nic->context[3].exists && d.nic->context[3].enabled);
	assert_int_equal(d.nic->context[3].page[0x70 / 4], 0);
	/* Its interrupts are not the next one's. */
	assert_int_equal(write(d.nic->irq[4], &one, 8), 8);
	assert_int_equal(read(fds[0], &value, 8), -1);
	packet_close(fds, 3);
	json_decref(granted(attach(other, 3, memory, 4096, false)));
	/* So does the removal of the context; the driver's connection ends with it. */
	int third = dial_and_greet(true);
	json_decref(
		granted(ask(third, "context.remove", json_pack("{s:i}", "context", 3), NULL, 0)));
	assert_int_equal(fake_memories(d.nic), 0);
	settle();
	json_t *rest;
	while ((rest = hear(other, NULL, NULL)))
		json_decref(rest);
	assert_int_equal(recv(other, &one, 1, 0), 0);
	close(other);
	close(third);
	close(memory);
	settle();
	assert_int_equal(d.peer_count, 0);
	for (int q = 0; q < 2; q++) { /* the NIC's own */
		close(d.nic->bell[3][q]);
		d.nic->bell[3][q] = -1;
	}
	assert_int_equal(descriptors(), before);
}

static void interrupts_are_set_and_shared(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	json_t *nic = granted(ask(fd, "nic.show", NULL, NULL, 0));
	assert_string_equal(json_string_value(json_object_get(nic, "irq_mode")), "per-context");
	assert_int_equal(json_integer_value(json_object_get(nic, "irq_moderation")), 0);
	json_decref(nic);
	nic = granted(ask(fd, "nic.set",
			  json_pack("{s:s, s:i}", "irq_mode", "bit-vector", "irq_moderation", 394),
			  NULL, 0));
	assert_string_equal(json_string_value(json_object_get(nic, "irq_mode")), "bit-vector");
	assert_int_equal(json_integer_value(json_object_get(nic, "irq_moderation")), 394);
	json_decref(nic);
	nic = granted(ask(fd, "nic.set", json_pack("{s:i}", "irq_moderation", 0), NULL, 0));
	assert_string_equal(json_string_value(json_object_get(nic, "irq_mode")), "bit-vector");
	json_decref(nic);
	refused(ask(fd, "nic.set", json_pack("{s:s}", "irq_mode", "ring"), NULL, 0), -32602, NULL,
		"bit-vector");
	refused(ask(fd, "nic.set", json_pack("{s:i}", "irq_mode", 1), NULL, 0), -32602, NULL,
		"irq_mode");
	refused(ask(fd, "nic.set", json_pack("{s:i}", "irq_moderation", 100001), NULL, 0), -32602,
		NULL, "irq_moderation");
	refused(ask(fd, "nic.set", json_pack("{s:i}", "moderation", 1), NULL, 0), -32602, NULL,
		"moderation");
	assert_int_equal(gl_irq_moderation_now(d.nic), 0);
	close(fd);
}

static void wrong_memory_is_refused(void **state)
{
	(void)state;
	int fd = dial_and_greet(true), pipes[2];
	add(fd, 1);
	assert_int_equal(pipe(pipes), 0);
	int good = memory_of(8192, F_SEAL_SHRINK), unsealed = memory_of(8192, 0);
	refused(attach(fd, 1, unsealed, 8192, false), -32000, "EPERM", "sealed");
	refused(attach(fd, 1, pipes[0], 8192, false), -32000, "EINVAL", "memfd");
	refused(attach(fd, 1, good, 12288, false), -32000, "EINVAL", "12288");
	refused(attach(fd, 1, good, 100, false), -32602, NULL, "multiple of 4096");
	refused(attach(fd, 1, good, 0, false), -32602, NULL, "multiple of 4096");
	refused(attach(fd, 1, good, (64 << 20) + 4096, false), -32602, NULL, "67108864");
	refused(attach(fd, 1, good, -4096, false), -32602, NULL, "bytes");
	refused(attach(fd, 1, good, 4096, true), -32000, "ENOENT", "resume");
	refused(attach(fd, 2, good, 4096, false), -32000, "ENOENT", "context 2");
	refused(ask(fd, "context.attach", json_pack("{s:i, s:i}", "context", 1, "bytes", 4096),
		    NULL, 0),
		-32602, NULL, "1 descriptor");
	int two[2] = { good, good };
	refused(ask(fd, "context.attach", json_pack("{s:i, s:i}", "context", 1, "bytes", 4096), two,
		    2),
		-32602, NULL, "1 descriptor");
	json_decref(granted(ask(fd, "context.disable", json_pack("{s:i}", "context", 1), NULL, 0)));
	refused(attach(fd, 1, good, 4096, false), -32000, "ENETDOWN", "enable it");
	json_decref(granted(ask(fd, "context.enable", json_pack("{s:i}", "context", 1), NULL, 0)));
	/* Whatever fails on the way leaves nothing. */
	for (int i = 1; i <= 4; i++) {
		d.nic->fail_in = i;
		json_t *answer = attach(fd, 1, good, 4096, false);
		assert_non_null(json_object_get(answer, "error"));
		json_decref(answer);
		settle();
		assert_int_equal(fake_memories(d.nic), 0);
		assert_int_equal(d.context[1].owner, OWNER_NONE);
		d.nic->fail_in = 0;
	}
	json_decref(granted(attach(fd, 1, good, 4096, false)));
	close(fd);
	close(good);
	close(unsealed);
	close(pipes[0]);
	close(pipes[1]);
	settle();
}

/* As after a restart: the attachment is there, its peer is not. */
static void orphan(int k)
{
	d.context[k].attachment.peer->attached = -1;
	d.context[k].attachment.peer = NULL;
	d.context[k].attachment.deadline = now_us() + 1000000;
}

static void drivers_resume(void **state)
{
	(void)state;
	int first = dial_and_greet(true), memory = memory_of(4096, F_SEAL_SHRINK),
	    other = memory_of(4096, F_SEAL_SHRINK);
	add(first, 2);
	json_decref(granted(attach(first, 2, memory, 4096, false)));
	orphan(2);
	int fd = dial_and_greet(true);
	refused(attach(fd, 2, other, 4096, true), -32000, "EPERM", "another memory");
	refused(attach(fd, 2, memory, 8192, true), -32000, "EPERM", "another memory");
	refused(attach(fd, 2, memory, 4096, false), -32000, "EBUSY", "context 2");
	json_decref(granted(attach(fd, 2, memory, 4096, true)));
	refused(attach(first, 2, memory, 4096, true), -32000, "ENOENT", "resume");
	json_decref(granted(
		ask(fd, "page.read", json_pack("{s:i, s:i}", "offset", 0, "size", 4), NULL, 0)));
	assert_int_equal(fake_memories(d.nic), 1);
	close(first);
	settle();
	assert_int_equal(fake_memories(d.nic), 1);
	close(fd);
	settle();
	assert_int_equal(fake_memories(d.nic), 0);
	close(memory);
	close(other);
}

/* --- Slow, rude and many peers --- */

static void flood_of_requests_waits_for_its_reader(void **state)
{
	(void)state;
	int rude = dial_and_greet(true), fd = dial_and_greet(true);
	const char *text = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"stats.get\"}";
	int sent = 0;
	for (int turn = 0; turn < 200; turn++) {
		while (!packet_send(rude, text, strlen(text), NULL, 0))
			sent++;
		settle();
	}
	assert_true(sent > 20);
	/* The daemon keeps one answer and reads no more: others are served. */
	json_decref(granted(ask(fd, "nic.show", NULL, NULL, 0)));
	int answers = 0;
	json_t *answer;
	do {
		while ((answer = hear(rude, NULL, NULL))) {
			json_decref(answer);
			answers++;
		}
		settle();
	} while (answers < sent && (answer = hear(rude, NULL, NULL)) &&
		 (json_decref(answer), answers++, true));
	assert_int_equal(answers, sent);
	close(rude);
	close(fd);
}

static void slow_subscribers_lose_events(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	json_decref(granted(ask(fd, "events.subscribe", NULL, NULL, 0)));
	for (int i = 0; i < 5000; i++)
		tell(&d, LOG_DEBUG, 1, "state", "context 1: turn %d", i);
	int events = 0;
	bool lost = false;
	json_t *event;
	for (int turn = 0; turn < 50; turn++) {
		while ((event = hear(fd, NULL, NULL))) {
			const json_t *params = json_object_get(event, "params");
			events++;
			lost |= !strcmp(json_string_value(json_object_get(params, "kind")), "lost");
			assert_true(json_is_real(json_object_get(params, "time")));
			json_decref(event);
		}
		settle();
	}
	assert_true(events > GLC_QUEUE_MAX / 2 && events < 5000);
	assert_true(lost);
	tell(&d, LOG_DEBUG, 1, "state", "context 1: after");
	settle();
	event = hear(fd, NULL, NULL);
	assert_non_null(event);
	json_decref(event);
	close(fd);
}

static void bad_packets_end_the_connection_only(void **state)
{
	(void)state;
	int before, fds[20];
	static char big[GLC_PACKET_MAX + 1];
	memset(big, ' ', sizeof(big));
	before = descriptors();
	/* Too long. */
	int fd = dial_and_greet(true);
	int room = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	settle();
	assert_int_equal(d.peer_count, 0);
	close(fd);
	/* Too many descriptors. */
	fd = dial_and_greet(true);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { 0 };
	struct iovec iov = { "{}", 2 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(fds)) };
	for (int i = 0; i < 20; i++)
		fds[i] = 0;
	memcpy(CMSG_DATA(head), fds, sizeof(fds));
	assert_int_equal(sendmsg(fd, &message, 0), 2);
	settle();
	assert_int_equal(d.peer_count, 0);
	close(fd);
	/* Empty. */
	fd = dial_and_greet(true);
	assert_int_equal(send(fd, "", 0, 0), 0);
	settle();
	assert_int_equal(d.peer_count, 0);
	close(fd);
	assert_int_equal(descriptors(), before);
}

static void connections_are_limited(void **state)
{
	(void)state;
	int fds[PEERS_MAX + 1][2], n = 0;
	struct glc_connection *connection;
	for (; n <= PEERS_MAX; n++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds[n]), 0);
		assert_int_equal(glc_adopt(fds[n][1], &connection), 0);
		if (peer_add(&d, connection, NULL))
			break;
	}
	assert_int_equal(n, PEERS_MAX);
	for (int i = 0; i <= n; i++)
		close(fds[i][0]);
	settle();
	assert_int_equal(d.peer_count, 0);
}

/* --- What the NIC reports --- */

static void faults_and_hangs_are_told(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	add(fd, 4);
	json_decref(granted(ask(fd, "events.subscribe", NULL, NULL, 0)));
	d.nic->context[4].fault =
		(struct gl_fault){ .address = 0x1234, .kind = 1, .write = true, .count = 3 };
	d.nic->events = GL_BAR0_EVENT_FAULT_MASK;
	daemon_events(&d);
	json_t *event = hear(fd, NULL, NULL);
	const json_t *params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "kind")), "fault");
	assert_int_equal(json_integer_value(json_object_get(params, "context")), 4);
	assert_non_null(strstr(json_string_value(json_object_get(params, "text")), "0x1234"));
	json_decref(event);
	assert_int_equal(d.context[4].faults, 3);
	/* More of them at once are told together, later: a guest floods nobody. */
	for (int i = 0; i < 100; i++) {
		d.nic->context[4].fault = (struct gl_fault){ .address = 1, .kind = 2, .count = 5 };
		d.nic->events = GL_BAR0_EVENT_FAULT_MASK;
		daemon_events(&d);
	}
	assert_int_equal(d.context[4].faults, 3);
	assert_true(d.context[4].fault_waits);
	assert_int_equal(d.nic->context[4].fault.kind, 2);
	assert_null(hear(fd, NULL, NULL));
	d.context[4].fault_told -= 2000000;
	context_faulted(&d, 4);
	assert_int_equal(d.context[4].faults, 8);
	event = hear(fd, NULL, NULL);
	json_decref(event);
	/* Needs reset. */
	d.nic->context[4].page[GL_DEV_STATUS / 4] = 0x4f;
	context_look(&d, 4);
	event = hear(fd, NULL, NULL);
	params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "kind")), "needs_reset");
	json_decref(event);
	/* A hang: contexts go on. */
	d.nic->events = GL_BAR0_EVENT_WATCHDOG_MASK;
	daemon_events(&d);
	assert_int_equal(d.nic->restarts, 1);
	assert_int_equal(d.nic->loads, 0);
	event = hear(fd, NULL, NULL);
	params = json_object_get(event, "params");
	assert_string_equal(json_string_value(json_object_get(params, "kind")), "firmware");
	json_decref(event);
	/* A hang that a restart does not end: firmware anew, contexts anew. */
	d.nic->events = GL_BAR0_EVENT_WATCHDOG_MASK;
	d.nic->fail_in = 1;
	daemon_events(&d);
	assert_int_equal(d.nic->loads, 1);
	assert_true(d.nic->context[4].exists && d.nic->context[4].enabled);
	close(fd);
}

static void vanished_nic_ends_the_loop(void **state)
{
	(void)state;
	int fd = dial_and_greet(true);
	add(fd, 0);
	d.nic->gone = true;
	daemon_events(&d);
	assert_int_equal(d.exit_status, EXIT_VANISHED);
	assert_int_equal(sd_event_loop(d.event), EXIT_VANISHED);
	/* What was is still in the file. */
	bool damaged;
	json_t *kept = state_read(d.state_file, &damaged);
	assert_non_null(kept);
	assert_int_equal(json_array_size(json_object_get(kept, "contexts")), 1);
	json_decref(kept);
	close(fd);
}

static void state_file_says_all(void **state)
{
	(void)state;
	bool damaged;
	int fd = dial_and_greet(true), memory = memory_of(4096, F_SEAL_SHRINK);
	json_decref(
		granted(ask(fd, "context.add",
			    json_pack("{s:i, s:s, s:i, s:s, s:i}", "context", 6, "mac",
				      "02:00:00:00:00:66", "mtu", 4000, "vlan", "access", "vid", 7),
			    NULL, 0)));
	json_decref(granted(attach(fd, 6, memory, 4096, false)));
	json_t *kept = state_read(d.state_file, &damaged);
	assert_non_null(kept);
	struct context before = d.context[6];
	memset(d.context, 0, d.count * sizeof(*d.context));
	assert_int_equal(state_apply(&d, kept), 0);
	const struct context *c = &d.context[6];
	assert_true(c->exists && c->enabled);
	assert_int_equal(c->owner, OWNER_ATTACHED);
	assert_int_equal(c->phase, PHASE_STEADY);
	assert_int_equal(c->config.gl.mtu, 4000);
	assert_int_equal(c->config.gl.vid, 7);
	assert_memory_equal(c->config.gl.mac, before.config.gl.mac, 6);
	assert_string_equal(c->attachment.memory_name, before.attachment.memory_name);
	assert_int_equal(c->attachment.pid, getpid());
	d.context[6] = before;
	json_decref(kept);
	/* Damage is seen. */
	FILE *f = fopen(d.state_file, "w");
	fputs("{\"version\": 1, \"nic\"", f);
	fclose(f);
	assert_null(state_read(d.state_file, &damaged));
	assert_true(damaged);
	close(fd);
	close(memory);
	settle();
}

/* --- Everything at random --- */

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * 0x2545f4914f6cdd1dull >> 16) % below;
}

static json_t *some_value(int depth)
{
	static const char *const words[] = { "up",     "trunk", "access",  "02:00:00:00:00:07",
					     "mtu",    "",	"down",	   "ring_packed",
					     "bit_63", "x y z", "\xc3\xa4" };
	switch (chance(depth > 2 ? 7 : 9)) {
	case 0:
		return json_integer((json_int_t)chance(10));
	case 1:
		return json_integer((json_int_t)(chance(UINT64_MAX) >> chance(64)));
	case 2:
		return json_boolean(chance(2));
	case 3:
		return json_null();
	case 4:
		return json_real((double)chance(100) / 7);
	case 5:
	case 6:
		return json_string(words[chance(sizeof(words) / sizeof(words[0]))]);
	case 7: {
		json_t *list = json_array();
		for (uint64_t n = chance(5); n; n--)
			json_array_append_new(list, some_value(depth + 1));
		return list;
	}
	default: {
		json_t *object = json_object();
		json_object_set_new(object, "x", some_value(depth + 1));
		return object;
	}
	}
}

static json_t *some_params(void)
{
	static const char *const keys[] = { "context", "bytes",	     "offset",	 "size",
					    "value",   "resume",     "mac",	 "mtu",
					    "weight",  "link",	     "vlan",	 "vid",
					    "vids",    "tx_rate",    "tx_burst", "from",
					    "snaplen", "queue_size", "path",	 "fds",
					    "wire",    "program",    "protocol", "features" };
	json_t *params = json_object();
	if (chance(4))
		json_object_set_new(params, "context",
				    json_integer((json_int_t)chance(FAKE_CONTEXTS)));
	for (uint64_t n = chance(4); n; n--)
		json_object_set_new(params, keys[chance(sizeof(keys) / sizeof(keys[0]))],
				    some_value(0));
	return params;
}

struct fuzzed {
	int fd; /* -1: not connected */
	int memory;
};

static void send_something(struct fuzzed *f)
{
	static const char *const methods[] = {
		"hello",	   "nic.show",	       "context.list",	 "context.get",
		"context.add",	   "context.set",      "context.remove", "context.enable",
		"context.disable", "context.attach",   "page.read",	 "page.write",
		"stats.get",	   "events.subscribe", "firmware.load",	 "firmware.log",
		"capture.start",   "selftest",	       "metrics",	 "context.add",
		"context.attach",  "context.attach",   "nothing"
	};
	int fds[3], pipes[2] = { -1, -1 };
	size_t count = 0;
	const char *method = methods[chance(sizeof(methods) / sizeof(methods[0]))];
	json_t *params = some_params();
	int fresh = -1;
	if (!strcmp(method, "hello") && chance(8)) {
		json_object_set_new(params, "protocol", json_integer(1));
		json_object_set_new(params, "program", json_string("fuzz"));
	}
	if (!strcmp(method, "context.attach") && chance(8)) {
		json_object_set_new(params, "bytes",
				    json_integer(4096 * (json_int_t)(1 + chance(2))));
		json_object_del(params, "resume");
		if (chance(4) == 0)
			json_object_set_new(params, "resume", json_true());
		fds[count++] = f->memory;
	}
	switch (chance(10)) {
	case 0:
		fresh = memory_of(chance(2) * 8192, chance(2) ? F_SEAL_SHRINK : 0);
		fds[count++] = fresh;
		break;
	case 1:
		if (!pipe2(pipes, O_CLOEXEC))
			fds[count++] = pipes[1];
		break;
	case 2:
		fds[count++] = f->fd; /* the connection itself */
		break;
	}
	if (count && chance(10))
		json_object_set_new(params, "fds", json_integer((json_int_t)count));
	json_t *request =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);
	if (chance(10))
		json_object_set_new(request, "id",
				    chance(10) ? json_integer((json_int_t)chance(100))
					       : some_value(0));
	char *text = json_dumps(request, 0);
	size_t bytes = text ? strlen(text) : 0;
	if (text && chance(10) == 0)
		for (uint64_t n = 1 + chance(4); n; n--)
			text[chance(bytes)] = (char)chance(256);
	if (text && chance(20) == 0)
		bytes = chance(bytes);
	if (text)
		packet_send(f->fd, text, bytes, fds, count);
	free(text);
	json_decref(request);
	if (fresh >= 0)
		close(fresh);
	packet_close(pipes, 2);
}

static void check_books(bool lucky)
{
	unsigned attachments = 0, ports = 0;
	for (unsigned k = 0; k < d.count; k++) {
		const struct context *c = &d.context[k];
		if (lucky && c->exists != d.nic->context[k].exists)
			fail_msg("context %u: the daemon says %d, the NIC %d", k, c->exists,
				 d.nic->context[k].exists);
		if (!c->exists)
			continue;
		assert_int_equal(c->phase, PHASE_STEADY);
		attachments += c->owner == OWNER_ATTACHED;
		ports += c->owner == OWNER_CAPTURE || c->owner == OWNER_SELFTEST;
		if (c->owner == OWNER_ATTACHED) {
			assert_non_null(c->attachment.peer);
			assert_int_equal(c->attachment.peer->attached, k);
			assert_non_null(c->attachment.memory);
		}
	}
	assert_int_equal(ports, 0);
	assert_int_equal(fake_memories(d.nic), attachments);
}

static void anything_at_random(void **state)
{
	(void)state;
	const char *given = getenv("SEED"), *steps_given = getenv("STEPS");
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u ^ getpid();
	seed |= 1;
	print_message("# seed 0x%" PRIx64 "\n", seed);
	unsigned steps = steps_given ? (unsigned)strtoul(steps_given, NULL, 0) : 12000;
	struct fuzzed peer[6];
	bool lucky = true;
	for (int i = 0; i < 6; i++) {
		peer[i].fd = -1;
		peer[i].memory = memory_of(8192, F_SEAL_SHRINK);
	}
	for (unsigned step = 0; step < steps; step++) {
		struct fuzzed *f = &peer[chance(6)];
		if (f->fd < 0)
			f->fd = chance(4) ? dial_and_greet(chance(8)) : dial(chance(8));
		switch (chance(16)) {
		case 0:
			close(f->fd);
			f->fd = -1;
			break;
		case 1:
			if (chance(4) == 0) {
				lucky = false;
				d.nic->fail_in = (int)chance(5);
			}
			break;
		case 2:
			d.nic->context[chance(FAKE_CONTEXTS)].fault.kind = 1 + (unsigned)chance(7);
			d.nic->events = (uint32_t)chance(32);
			daemon_events(&d);
			break;
		case 3: { /* reads what is there, or not */
			json_t *answer;
			while ((answer = hear(f->fd, NULL, NULL)))
				json_decref(answer);
			break;
		}
		case 4:
			context_look(&d, (unsigned)chance(d.count));
			break;
		default:
			send_something(f);
		}
		if (chance(3))
			settle();
		if (d.exit_status)
			fail_msg("the daemon wants to end");
		if (chance(50) == 0) {
			settle();
			check_books(lucky);
		}
	}
	for (int i = 0; i < 6; i++) {
		if (peer[i].fd >= 0)
			close(peer[i].fd);
		close(peer[i].memory);
	}
	d.nic->fail_in = 0;
	settle();
	settle();
	assert_int_equal(d.peer_count, 0);
	assert_int_equal(fake_memories(d.nic), 0);
	check_books(lucky);
}

int main(void)
{
	/* In memory, where the daemon has it too: its state file is written with fsync(). */
	strcpy(folder,
	       access("/dev/shm", W_OK) ? "/tmp/guestlane.XXXXXX" : "/dev/shm/guestlane.XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	log_open(LOG_TEXT);
	if (!getenv("VERBOSE"))
		(void)!freopen("/dev/null", "w", stderr);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(hello_comes_first),
		T(malformed_requests_are_answered),
		T(others_may_only_read),
		T(contexts_are_listed_from_a_number_on),
		T(contexts_come_and_go),
		T(wrong_values_are_named),
		T(attachment_gives_a_device),
		T(interrupts_are_set_and_shared),
		T(wrong_memory_is_refused),
		T(drivers_resume),
		T(flood_of_requests_waits_for_its_reader),
		T(slow_subscribers_lose_events),
		T(bad_packets_end_the_connection_only),
		T(connections_are_limited),
		T(faults_and_hangs_are_told),
		T(vanished_nic_ends_the_loop),
		T(state_file_says_all),
		T(anything_at_random),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
