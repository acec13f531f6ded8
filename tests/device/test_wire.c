// SPDX-License-Identifier: Apache-2.0
/*
 * Wires of glane-sim, with a NIC that this test plays: it takes frames into a list and sends what it is told. TAPs are in a network namespace of
 * the test's own; where the kernel allows none, those tests are skipped.
 */
#include "wire.h"
#include "guestlane_sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* --- The NIC ----------------------------------------------------------------------------------------------------------------- */

#define FRAMES 256

struct gls {
	void (*on_wire)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok);
	void *arg;
	uint64_t now, simulated, timer;
	bool listening;
	size_t pending; /* what gls_wire_pending() says beyond what lies in the list */
	bool keep;	/* frames in the list count as pending */
	unsigned count;
	struct {
		uint8_t data[16000];
		size_t bytes;
		uint64_t at;
	} got[FRAMES];
	char recorded[PATH_MAX];
};

static struct gls *nic_new(void)
{
	struct gls *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	s->listening = true;
	return s;
}

void gls_on_wire(struct gls *s, void (*fn)(void *, const uint8_t *, size_t, bool), void *arg)
{
	s->on_wire = fn;
	s->arg = arg;
}

void gls_wire_send(struct gls *s, const void *frame, size_t bytes, enum gls_wire_fault fault)
{
	assert_int_equal(fault, GLS_WIRE_OK);
	assert_true(s->count < FRAMES);
	assert_true(bytes >= 14 && bytes <= sizeof(s->got[0].data));
	memcpy(s->got[s->count].data, frame, bytes);
	s->got[s->count].bytes = bytes;
	s->got[s->count++].at = s->now;
}

size_t gls_wire_pending(const struct gls *s)
{
	return s->pending + (s->keep ? s->count : 0);
}

bool gls_wire_listening(const struct gls *s)
{
	return s->listening;
}

uint64_t gls_now(const struct gls *s)
{
	return s->now;
}

uint64_t gls_simulated(const struct gls *s)
{
	return s->simulated;
}

uint32_t gls_clock_hz(const struct gls *s)
{
	(void)s;
	return 125000000;
}

void gls_at(struct gls *s, uint64_t cycle, void (*fn)(void *arg), void *arg)
{
	(void)fn;
	(void)arg;
	s->timer = cycle;
}

/* A sleeping NIC: time is skipped to the timer. */
bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	uint64_t end = s->now + limit;
	if (s->timer > s->now && s->timer < end)
		end = s->timer;
	s->now = end;
	s->simulated += 20;
	return done(arg);
}

int gls_wire_record(struct gls *s, const char *file)
{
	if (file && !strncmp(file, "/nonexistent/", 13))
		return -ENOENT;
	if (file)
		snprintf(s->recorded, sizeof(s->recorded), "%s", file);
	return 0;
}

const char *gls_error(const struct gls *s)
{
	(void)s;
	return "cannot write /nonexistent/x: No such file or directory";
}

static void nic_sends(struct gls *s, const void *frame, size_t bytes, bool fcs_ok)
{
	s->on_wire(s->arg, frame, bytes, fcs_ok);
}

/* --- Tools -------------------------------------------------------------------------------------------------------------------- */

static char folder[64];

static const char *file(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static struct glane_wire *open_wire(struct gls *s, const char *format, ...)
{
	char spec[256], error[512] = "";
	va_list args;
	va_start(args, format);
	vsnprintf(spec, sizeof(spec), format, args);
	va_end(args);
	struct glane_wire *w = glane_wire_open(spec, s, error, sizeof(error));
	if (!w)
		fail_msg("%s: %s", spec, error);
	return w;
}

static bool readable(const struct glane_wire *w, int milliseconds)
{
	struct pollfd p = { .fd = glane_wire_fd(w), .events = POLLIN };
	return poll(&p, 1, milliseconds) == 1;
}

/* The loop of glane-sim while the NIC sleeps, until the NIC has `count` frames. */
static void serve(struct glane_wire *w, struct gls *s, unsigned count)
{
	while (s->count < count) {
		if (!readable(w, 20000))
			fail_msg("%u of %u frames came", s->count, count);
		glane_wire_service(w);
	}
}

static void make_frame(uint8_t *frame, size_t bytes, uint8_t seed)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = (uint8_t)(seed + i * 7);
	frame[0] &= 0xfe;
}

/* --- Tests --------------------------------------------------------------------------------------------------------------------- */

static void bad_specs_get_a_sentence(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *word;
	} bad[] = {
		{ "tup:x", "'tup'" },
		{ "", "''" },
		{ "tap", "NAME" },
		{ "tap:", "NAME" },
		{ "tap:a-name-that-is-too-long", "'a-name-that-is-too-long'" },
		{ "tap:a/b", "'a/b'" },
		{ "tap:..", "'..'" },
		{ "loopback:x", "'loopback'" },
		{ "none:x", "'none'" },
		{ "pcap:", "IN,OUT" },
		{ "pcap:x", "'pcap:x'" },
		{ "pcap:/nonexistent/in,", "'/nonexistent/in'" },
		{ "pcap:,/nonexistent/x", "/nonexistent/x" },
		{ "pcap:,,slow", "'slow'" },
		{ "pcap:a,a", "'a'" },
		{ "pcap:/dev/null,", "'/dev/null'" },
		{ "unix", "PATH" },
		{ "unix:/nonexistent/socket", "'/nonexistent/socket'" },
		{ "unix:/dev/null", "'/dev/null'" },
		{ "unix:/tmp/"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "too long" },
	};
	struct gls *s = nic_new();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char error[512] = "";
		assert_null(glane_wire_open(bad[i].spec, s, error, sizeof(error)));
		if (!strstr(error, bad[i].word) || strchr(error, '\n'))
			fail_msg("'%s': %s", bad[i].spec, error);
		assert_null(s->on_wire);
	}
	free(s);
}

static void none_drops_and_counts(void **state)
{
	(void)state;
	struct gls *s = nic_new();
	char error[512];
	struct glane_wire *w = glane_wire_open(NULL, s, error, sizeof(error));
	uint8_t frame[60] = { 0 };
	assert_non_null(w);
	assert_int_equal(glane_wire_fd(w), -1);
	nic_sends(s, frame, sizeof(frame), true);
	nic_sends(s, frame, sizeof(frame), false);
	glane_wire_service(w);
	struct glane_wire_stats st = glane_wire_stats(w);
	assert_int_equal(st.from_nic, 2);
	assert_int_equal(st.from_nic_octets, 120);
	assert_int_equal(st.dropped, 2);
	assert_int_equal(st.dropped_no_peer, 1);
	assert_int_equal(st.dropped_bad_fcs, 1);
	assert_int_equal(s->count, 0);
	assert_int_equal(glane_wire_close(w), 0);
	assert_null(s->on_wire);
	free(s);
}

static void loopback_gives_frames_back(void **state)
{
	(void)state;
	struct gls *s = nic_new();
	struct glane_wire *w = open_wire(s, "loopback");
	uint8_t frame[1514];
	s->keep = true;
	for (unsigned i = 0; i < GLANE_WIRE_QUEUE + 3; i++) {
		make_frame(frame, sizeof(frame), (uint8_t)i);
		nic_sends(s, frame, sizeof(frame), true);
	}
	struct glane_wire_stats st = glane_wire_stats(w);
	assert_int_equal(s->count, GLANE_WIRE_QUEUE);
	assert_int_equal(st.to_nic, GLANE_WIRE_QUEUE);
	assert_int_equal(st.dropped_full, 3);
	for (unsigned i = 0; i < s->count; i++) {
		make_frame(frame, sizeof(frame), (uint8_t)i);
		assert_int_equal(s->got[i].bytes, sizeof(frame));
		assert_memory_equal(s->got[i].data, frame, sizeof(frame));
	}
	glane_wire_close(w);
	free(s);
}

static void exchange(struct gls *a, struct glane_wire *wa, struct gls *b, struct glane_wire *wb,
		     uint8_t seed)
{
	static const size_t sizes[] = { 60, 61, 1514, 9018 };
	uint8_t frame[9018];
	for (unsigned i = 0; i < 4; i++) {
		unsigned before = b->count;
		make_frame(frame, sizes[i], (uint8_t)(seed + i));
		nic_sends(a, frame, sizes[i], true);
		serve(wb, b, before + 1);
		assert_int_equal(b->got[before].bytes, sizes[i]);
		assert_memory_equal(b->got[before].data, frame, sizes[i]);
		before = a->count;
		nic_sends(b, frame, sizes[i], true);
		serve(wa, a, before + 1);
		assert_memory_equal(a->got[before].data, frame, sizes[i]);
	}
}

static void two_of_unix_find_each_other(void **state)
{
	(void)state;
	struct gls *a = nic_new(), *b = nic_new(), *c = nic_new();
	struct glane_wire *wa = open_wire(a, "unix:%s", file("wire"));
	uint8_t frame[60] = { 0 };
	nic_sends(a, frame, sizeof(frame), true);
	assert_int_equal(glane_wire_stats(wa).dropped_no_peer, 1);
	struct glane_wire *wb = open_wire(b, "unix:%s", file("wire"));
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	exchange(a, wa, b, wb, 1);
	/* A third one finds no place. */
	struct glane_wire *wc = open_wire(c, "unix:%s", file("wire"));
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	assert_true(readable(wc, 20000));
	glane_wire_service(wc);
	nic_sends(c, frame, sizeof(frame), true);
	assert_int_equal(glane_wire_stats(wc).dropped_no_peer, 1);
	glane_wire_close(wc);
	exchange(a, wa, b, wb, 2);
	/* The one that connected is replaced. */
	glane_wire_close(wb);
	wb = open_wire(b, "unix:%s", file("wire"));
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	exchange(a, wa, b, wb, 3);
	/* The one that listened is replaced: the other sees it go, and finds the new one soon. */
	glane_wire_close(wa);
	assert_true(readable(wb, 20000));
	glane_wire_service(wb);
	wa = open_wire(a, "unix:%s", file("wire"));
	assert_true(readable(wb, 20000));
	glane_wire_service(wb);
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	exchange(a, wa, b, wb, 4);
	glane_wire_close(wa);
	glane_wire_close(wb);
	assert_int_not_equal(access(file("wire"), F_OK), 0);
	free(a);
	free(b);
	free(c);
}

static void a_dead_socket_is_replaced(void **state)
{
	(void)state;
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	snprintf(u.sun_path, sizeof(u.sun_path), "%s", file("dead"));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&u, sizeof(u)), 0);
	close(fd);
	struct gls *a = nic_new(), *b = nic_new();
	struct glane_wire *wa = open_wire(a, "unix:%s", file("dead"));
	/* Somebody takes the file away: found out within a second or so. */
	assert_int_equal(unlink(u.sun_path), 0);
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	struct glane_wire *wb = open_wire(b, "unix:%s", file("dead"));
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	exchange(a, wa, b, wb, 5);
	glane_wire_close(wb);
	glane_wire_close(wa);
	/* A stream socket is not ours. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&u, sizeof(u)), 0);
	assert_int_equal(listen(fd, 1), 0);
	char spec[128], error[512] = "";
	snprintf(spec, sizeof(spec), "unix:%s", u.sun_path);
	assert_null(glane_wire_open(spec, a, error, sizeof(error)));
	assert_non_null(strstr(error, "something else"));
	assert_int_equal(access(u.sun_path, F_OK), 0);
	close(fd);
	free(a);
	free(b);
}

/* A peer that sends what is no frame, then more than fits the NIC's queue, and that does not read. */
static void a_hostile_peer_is_bounded(void **state)
{
	(void)state;
	struct gls *a = nic_new();
	struct glane_wire *wa = open_wire(a, "unix:%s", file("peer"));
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	snprintf(u.sun_path, sizeof(u.sun_path), "%s", file("peer"));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&u, sizeof(u)), 0);
	static uint8_t big[20000];
	assert_int_equal(send(fd, big, 13, 0), 13);
	assert_int_equal(send(fd, big, 16001, 0), 16001);
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(send(fd, big, 16000, 0), 16000);
	assert_int_equal(send(fd, big, 14, 0), 14);
	serve(wa, a, 2);
	assert_int_equal(glane_wire_stats(wa).refused, 3);
	assert_int_equal(a->got[0].bytes, 16000);
	assert_int_equal(a->got[1].bytes, 14);
	/* No room at the NIC: the descriptor sleeps until there is some. */
	a->keep = true;
	unsigned sent = 0;
	while (sent < GLANE_WIRE_QUEUE + 10 && send(fd, big, 60, 0) == 60)
		sent++;
	assert_int_equal(sent, GLANE_WIRE_QUEUE + 10);
	serve(wa, a, GLANE_WIRE_QUEUE);
	assert_int_equal(a->count, GLANE_WIRE_QUEUE);
	assert_false(readable(wa, 0));
	a->keep = false;
	glane_wire_service(wa);
	assert_int_equal(a->count, sent + 2);
	assert_false(readable(wa, 0));
	/* It never reads: frames are dropped and counted, nothing blocks. */
	for (unsigned i = 0; i < 100000 && !glane_wire_stats(wa).dropped_full; i++)
		nic_sends(a, big, 9018, true);
	assert_true(glane_wire_stats(wa).dropped_full > 0);
	close(fd);
	assert_true(readable(wa, 20000));
	glane_wire_service(wa);
	nic_sends(a, big, 60, true);
	assert_int_equal(glane_wire_stats(wa).dropped_no_peer, 1);
	glane_wire_close(wa);
	free(a);
}

static void write_capture(const char *path, int linktype)
{
	static const struct {
		long long ns;
		unsigned bytes, kept;
	} frames[] = {
		{ 5000000000ll, 60, 60 },  { 5000000800ll, 1514, 1514 },
		{ 5000000900ll, 100, 50 }, { 4000000000ll, 61, 61 },	/* before the first one */
		{ 5000000800ll, 62, 62 },  { 3605000000000ll, 63, 63 }, /* an hour later */
	};
	pcap_t *p =
		pcap_open_dead_with_tstamp_precision(linktype, 65535, PCAP_TSTAMP_PRECISION_NANO);
	pcap_dumper_t *d = pcap_dump_open(p, path);
	assert_non_null(d);
	uint8_t data[1514];
	for (unsigned i = 0; i < 6; i++) {
		struct pcap_pkthdr h = { { frames[i].ns / 1000000000, frames[i].ns % 1000000000 },
					 frames[i].kept,
					 frames[i].bytes };
		make_frame(data, sizeof(data), (uint8_t)i);
		pcap_dump((u_char *)d, &h, data);
	}
	pcap_dump_close(d);
	pcap_close(p);
}

static void captures_go_at_their_times(void **state)
{
	(void)state;
	static const struct {
		size_t bytes;
		uint64_t at;
	} want[] = { { 60, 0 }, { 1514, 100 }, { 61, 100 }, { 62, 100 }, { 63, 450000000000ull } };
	write_capture(file("in.pcap"), DLT_EN10MB);
	for (int fast = 0; fast < 2; fast++) {
		struct gls *s = nic_new();
		struct glane_wire *w = open_wire(s, "pcap:%s,%s%s", file("in.pcap"),
						 file("out.pcapng"), fast ? ",fast" : "");
		assert_string_equal(s->recorded, file("out.pcapng"));
		s->listening = false;
		glane_wire_service(w);
		assert_int_equal(s->count, 0);
		assert_false(readable(w, 0));
		s->now = 7777;
		s->listening = true;
		glane_wire_service(w);
		serve(w, s, 5);
		for (unsigned i = 0; i < 5; i++) {
			assert_int_equal(s->got[i].bytes, want[i].bytes);
			assert_int_equal(s->got[i].at, 7777 + (fast ? 0 : want[i].at));
		}
		assert_int_equal(glane_wire_stats(w).refused, 1);
		assert_int_equal(glane_wire_stats(w).to_nic, 5);
		assert_false(readable(w, 0)); /* nothing more to do */
		nic_sends(s, s->got[0].data, 60, true);
		assert_int_equal(glane_wire_stats(w).dropped, 0);
		glane_wire_close(w);
		free(s);
	}
}

static void captures_of_other_links_are_refused(void **state)
{
	(void)state;
	struct gls *s = nic_new();
	char spec[256], error[512] = "";
	write_capture(file("raw.pcap"), DLT_RAW);
	snprintf(spec, sizeof(spec), "pcap:%s,", file("raw.pcap"));
	assert_null(glane_wire_open(spec, s, error, sizeof(error)));
	assert_non_null(strstr(error, "RAW"));
	assert_non_null(strstr(error, file("raw.pcap")));
	/* Cut in a frame: what came before is sent. */
	write_capture(file("cut.pcap"), DLT_EN10MB);
	assert_int_equal(truncate(file("cut.pcap"), 24 + 16 + 60 + 16 + 100), 0);
	struct glane_wire *w = open_wire(s, "pcap:%s,", file("cut.pcap"));
	serve(w, s, 0);
	glane_wire_service(w);
	glane_wire_service(w);
	assert_int_equal(s->count, 1);
	assert_false(readable(w, 0));
	glane_wire_close(w);
	free(s);
}

/* --- TAP ------------------------------------------------------------------------------------------------------------------------- */

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A namespace of our own; TAPs vanish with it. */
static bool own_network(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	bool ok = write_text("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map) && ok && !access("/dev/net/tun", R_OK | W_OK);
}

static void set_up(const char *name, bool up)
{
	struct ifreq r = { .ifr_flags = (short)(up ? IFF_UP : 0) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(0x88b5),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Frames of the kernel's own (neighbour discovery) may come between. */
static void expect_from_tap(struct glane_wire *w, struct gls *s, const uint8_t *frame, size_t bytes)
{
	for (unsigned seen = 0;;) {
		for (; seen < s->count; seen++)
			if (s->got[seen].bytes == bytes && !memcmp(s->got[seen].data, frame, bytes))
				return;
		serve(w, s, seen + 1);
	}
}

static void frames_cross_a_tap(void)
{
	struct gls *s = nic_new();
	struct glane_wire *w = open_wire(s, "tap:wire0");
	uint8_t frame[1514] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	char error[512] = "";
	nic_sends(s, frame, 60, true); /* the interface is down */
	assert_int_equal(glane_wire_stats(w).dropped_no_peer, 1);
	struct gls *other = nic_new();
	assert_null(glane_wire_open("tap:wire0", other, error, sizeof(error)));
	assert_non_null(strstr(error, "in use"));
	assert_null(glane_wire_open("tap:lo", other, error, sizeof(error)));
	assert_non_null(strstr(error, "not a TAP"));
	set_up("wire0", true);
	int fd = packet_socket("wire0");
	for (unsigned i = 0; i < 20; i++) {
		size_t bytes = i & 1 ? 1514 : 60;
		frame[20] = (uint8_t)i;
		nic_sends(s, frame, bytes, true);
		uint8_t got[2000];
		assert_int_equal(recv(fd, got, sizeof(got), 0), bytes);
		assert_memory_equal(got, frame, bytes);
		frame[20] = (uint8_t)(100 + i);
		assert_int_equal(send(fd, frame, bytes, 0), bytes);
		expect_from_tap(w, s, frame, bytes);
	}
	assert_int_equal(glane_wire_stats(w).dropped, 1);
	close(fd);
	glane_wire_close(w);
	assert_int_equal(if_nametoindex("wire0"), 0); /* was ours, is gone */
	free(other);
	free(s);
}

static void tap_carries_frames(void **state)
{
	(void)state;
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (!own_network())
			_exit(77);
		frames_cross_a_tap();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no network namespaces or no /dev/net/tun here\n");
		skip();
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/wire-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	static const char *const names[] = { "wire",	"dead",	    "peer",
					     "in.pcap", "raw.pcap", "cut.pcap" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(file(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_specs_get_a_sentence),
		cmocka_unit_test(none_drops_and_counts),
		cmocka_unit_test(loopback_gives_frames_back),
		cmocka_unit_test(two_of_unix_find_each_other),
		cmocka_unit_test(a_dead_socket_is_replaced),
		cmocka_unit_test(a_hostile_peer_is_bounded),
		cmocka_unit_test(captures_go_at_their_times),
		cmocka_unit_test(captures_of_other_links_are_refused),
		cmocka_unit_test(tap_carries_frames),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
