// SPDX-License-Identifier: Apache-2.0
/*
 * glane-load: what the machines of a measurement do, in guests and dom0. `glane-load --run N COMMAND` executes the markers of record.h around the
 * part that counts, as run N; without --run nothing is marked. Statically linked: it runs in whatever a guest is made of.
 */
#include "frame.h"
#include "record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define COUNTERS "/run/glane-load.counters"
#define TCP_PORT 5002
/* What TCP sends before it is measured: its window has grown then. */
#define TCP_WARM (256 * 1024)

static unsigned run;
static bool marked;
static char zeros[65536];

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "glane-load: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* --- Markers -------------------------------------------------------------------------------------------------------------------- */

/* An instruction cannot be made at run time: one for each number. */
#define MARK_ONE(base, i)           \
	case i:                     \
		MARK((base) | (i)); \
		break
#define MARK_16(base, value)        \
	switch (value) {            \
		MARK_ONE(base, 0);  \
		MARK_ONE(base, 1);  \
		MARK_ONE(base, 2);  \
		MARK_ONE(base, 3);  \
		MARK_ONE(base, 4);  \
		MARK_ONE(base, 5);  \
		MARK_ONE(base, 6);  \
		MARK_ONE(base, 7);  \
		MARK_ONE(base, 8);  \
		MARK_ONE(base, 9);  \
		MARK_ONE(base, 10); \
		MARK_ONE(base, 11); \
		MARK_ONE(base, 12); \
		MARK_ONE(base, 13); \
		MARK_ONE(base, 14); \
		MARK_ONE(base, 15); \
	}

static void mark_start(void)
{
	if (!marked)
		return;
	for (int shift = 12; shift >= 0; shift -= 4)
		MARK_16(MARK_DIGIT, run >> shift & 15);
	MARK(MARK_START);
}

static void mark_end(void)
{
	if (marked)
		MARK(MARK_END);
}

static void mark_burst(unsigned i)
{
	MARK_16(MARK_BURST, i & 15);
}

/* --- Words of the command line ---------------------------------------------------------------------------------------------------- */

static unsigned long number(const char *text)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-')
		die("'%s' is not a whole number", text);
	return v;
}

static struct sockaddr_in address(const char *host, unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		die("'%s' is not an IPv4 address", host);
	return a;
}

static void parse_mac(uint8_t *mac, const char *text)
{
	char rest;
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx%c", mac, mac + 1, mac + 2, mac + 3, mac + 4,
		   mac + 5, &rest) != 6)
		die("'%s' is not a MAC address", text);
}

static void nap(unsigned long microseconds)
{
	struct timespec t = { (time_t)(microseconds / 1000000),
			      (long)(microseconds % 1000000) * 1000 };
	while (microseconds && nanosleep(&t, &t) && errno == EINTR)
		;
}

struct counters {
	uint64_t udp_frames, tcp_octets;
	/* Frames that one system call takes at most (sendmmsg(), recvmmsg()); 0 or 1: send(), recv(). */
	uint64_t batch;
};
#define BATCH_MAX 64

static struct counters *open_counters(void)
{
	int fd = open(COUNTERS, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4096))
		die("cannot keep counters in %s: %s", COUNTERS, strerror(errno));
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die("cannot keep counters in %s: %s", COUNTERS, strerror(errno));
	close(fd);
	return at;
}

/* --- What is measured ----------------------------------------------------------------------------------------------------------------- */

/* COUNT OCTETS BURST GAP SETTLE: frames, of so many octets of UDP; after each burst (0: none) a pause, and one at the end, in microseconds. */
struct load {
	unsigned long count, octets, burst, gap, settle, errors;
};

static struct load parse_load(char **word)
{
	struct load l = { number(word[0]), number(word[1]), number(word[2]),
			  number(word[3]), number(word[4]), 0 };
	if (l.octets > FRAME_PAYLOAD)
		die("a frame has at most %u octets of UDP", FRAME_PAYLOAD);
	return l;
}

static int send_all(struct load *l, int fd, const void *data, size_t bytes,
		    const struct sockaddr_ll *to)
{
	mark_start();
	for (unsigned long i = 0; i < l->count; i++) {
		if (sendto(fd, data, bytes, 0, (const struct sockaddr *)to, to ? sizeof(*to) : 0) <
		    0)
			l->errors++;
		if (l->burst && (i + 1) % l->burst == 0)
			nap(l->gap);
	}
	nap(l->settle);
	mark_end();
	if (l->errors)
		printf("not sent: %lu, %s\n", l->errors, strerror(errno));
	return l->errors ? 1 : 0;
}

/* A stream, so many frames in each system call. */
static int send_batches(struct load *l, int fd, unsigned long batch)
{
	static struct mmsghdr message[BATCH_MAX];
	struct iovec data = { zeros, l->octets };
	for (unsigned i = 0; i < BATCH_MAX; i++)
		message[i].msg_hdr = (struct msghdr){ .msg_iov = &data, .msg_iovlen = 1 };
	mark_start();
	for (unsigned long sent = 0; sent < l->count;) {
		unsigned long left = l->count - sent;
		int n = sendmmsg(fd, message, (unsigned)(left < batch ? left : batch), 0);
		if (n <= 0)
			die("not sent: %s", strerror(errno));
		sent += (unsigned long)n;
	}
	nap(l->settle);
	mark_end();
	return 0;
}

static int do_udp(char **word)
{
	struct sockaddr_in to = address(word[0], FRAME_PORT);
	struct load l = parse_load(word + 1);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("UDP: %s", strerror(errno));
	unsigned long batch = open_counters()->batch;
	if (!l.burst && batch > 1)
		return send_batches(&l, fd, batch);
	return send_all(&l, fd, zeros, l.octets, NULL);
}

static int do_raw(char **word)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(word[0]),
				  .sll_halen = 6 };
	uint8_t frame[FRAME_HEADERS + FRAME_PAYLOAD];
	parse_mac(to.sll_addr, word[1]);
	struct load l = parse_load(word + 3);
	size_t bytes = frame_build(frame, to.sll_addr, (unsigned)number(word[2]), l.octets);
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !to.sll_ifindex)
		die("'%s': %s", word[0], strerror(errno));
	return send_all(&l, fd, frame, bytes, &to);
}

static int do_wire(char **word)
{
	unsigned long burst = number(word[0]), times = number(word[1]), gap = number(word[2]),
		      settle = number(word[3]);
	mark_start();
	for (unsigned long i = 0; i < times; i++) {
		mark_burst((unsigned)burst);
		nap(gap);
	}
	nap(settle);
	mark_end();
	return 0;
}

static void send_stream(int fd, unsigned long octets)
{
	while (octets) {
		ssize_t n = send(fd, zeros, octets < sizeof(zeros) ? octets : sizeof(zeros), 0);
		if (n <= 0)
			die("TCP: %s", strerror(errno));
		octets -= (unsigned long)n;
	}
}

static int do_tcp(char **word)
{
	struct sockaddr_in to = address(word[0], TCP_PORT);
	unsigned long octets = number(word[1]), settle = number(word[2]);
	int fd = socket(AF_INET, SOCK_STREAM, 0), left;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("TCP to %s: %s", word[0], strerror(errno));
	send_stream(fd, TCP_WARM);
	nap(100000);
	mark_start();
	send_stream(fd, octets);
	do
		nap(2000);
	while (!ioctl(fd, SIOCOUTQ, &left) && left);
	nap(settle);
	mark_end();
	return 0;
}

/* System calls that do nothing: in a PV guest each enters Xen, whatever it is for. */
static int do_calls(char **word)
{
	unsigned long count = number(word[0]), settle = number(word[1]);
	mark_start();
	for (unsigned long i = 0; i < count; i++)
		syscall(SYS_getppid);
	nap(settle);
	mark_end();
	return 0;
}

static int do_idle(char **word)
{
	mark_start();
	nap(number(word[0]));
	mark_end();
	return 0;
}

/* What other machines do, from one of which another process of dom0 marks begin and end. */
static int do_mark(char **word)
{
	if (!strcmp(word[0], "start"))
		mark_start();
	else
		mark_end();
	return 0;
}

/* --- What is not --------------------------------------------------------------------------------------------------------------------------- */

static int listener(int type, unsigned port)
{
	struct sockaddr_in a = address("0.0.0.0", port);
	int fd = socket(AF_INET, type, 0), on = 1, room = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    (type == SOCK_STREAM && listen(fd, 5)))
		die("port %u: %s", port, strerror(errno));
	return fd;
}

/* Waits for frames; how many came. */
static unsigned receive_udp(int fd, uint64_t batch)
{
	static struct mmsghdr message[BATCH_MAX];
	struct iovec data = { zeros, sizeof(zeros) };
	if (batch <= 1)
		return recv(fd, zeros, sizeof(zeros), 0) >= 0;
	for (unsigned i = 0; i < batch; i++)
		message[i].msg_hdr = (struct msghdr){ .msg_iov = &data, .msg_iovlen = 1 };
	int n = recvmmsg(fd, message, (unsigned)batch, MSG_WAITFORONE, NULL);
	return n > 0 ? (unsigned)n : 0;
}

static int do_batch(char **word)
{
	unsigned long batch = number(word[0]);
	if (batch > BATCH_MAX)
		die("a system call takes up to %d frames", BATCH_MAX);
	open_counters()->batch = batch;
	return 0;
}

/* Receives for ever; two processes, which count. */
static int do_serve(char **word)
{
	struct counters *c = open_counters();
	int udp = listener(SOCK_DGRAM, FRAME_PORT), tcp = listener(SOCK_STREAM, TCP_PORT);
	(void)word;
	pid_t pid = fork();
	if (pid < 0)
		die("%s", strerror(errno));
	if (!pid)
		for (;;)
			c->udp_frames += receive_udp(udp, c->batch);
	for (;;) {
		int fd = accept(tcp, NULL, NULL);
		ssize_t n;
		while ((n = recv(fd, zeros, sizeof(zeros), 0)) > 0)
			c->tcp_octets += (uint64_t)n;
		close(fd);
	}
}

static int do_count(char **word)
{
	const struct counters *c = open_counters();
	(void)word;
	printf("udp %llu tcp %llu\n", (unsigned long long)c->udp_frames,
	       (unsigned long long)c->tcp_octets);
	return 0;
}

/* A neighbour that is not asked for. */
static int do_arp(char **word)
{
	struct arpreq r = { .arp_flags = ATF_PERM | ATF_COM, .arp_ha.sa_family = ARPHRD_ETHER };
	struct sockaddr_in a = address(word[0], 0);
	memcpy(&r.arp_pa, &a, sizeof(a));
	parse_mac((uint8_t *)r.arp_ha.sa_data, word[1]);
	snprintf(r.arp_dev, sizeof(r.arp_dev), "%s", word[2]);
	if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSARP, &r))
		die("neighbour %s: %s", word[0], strerror(errno));
	return 0;
}

static int do_feature(char **word)
{
	static const struct {
		const char *name;
		uint32_t command;
	} known[] = { { "tso", ETHTOOL_STSO },
		      { "gso", ETHTOOL_SGSO },
		      { "gro", ETHTOOL_SGRO },
		      { "sg", ETHTOOL_SSG },
		      { "tx", ETHTOOL_STXCSUM } };
	struct ifreq r = { 0 };
	struct ethtool_value v = { .data = !strcmp(word[2], "on") };
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", word[0]);
	r.ifr_data = (void *)&v;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].name, word[1]))
			v.cmd = known[i].command;
	if (!v.cmd)
		die("'%s' is no feature that is known", word[1]);
	if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &r))
		die("%s of %s: %s", word[1], word[0], strerror(errno));
	return 0;
}

/*
 * Runs each line that comes from a terminal (a guest's console) as a command, whose output goes there; "@@ STATUS" ends it. So a guest is told what to do
 * without a frame.
 */
static int do_agent(char **word)
{
	int fd = open(word[0], O_RDWR | O_NOCTTY);
	struct termios t;
	if (fd < 0)
		die("%s: %s", word[0], strerror(errno));
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	FILE *in = fdopen(fd, "r");
	char line[1024];
	dup2(fd, 1);
	dup2(fd, 2);
	dprintf(fd, "@@ ready\n");
	while (in && fgets(line, sizeof(line), in)) {
		int status = system(line);
		dprintf(fd, "@@ %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	}
	return 0;
}

static const struct command {
	const char *name, *arguments;
	int words;
	int (*run)(char **word);
} commands[] = {
	{ "udp", "HOST COUNT OCTETS BURST GAP SETTLE", 6, do_udp },
	{ "raw", "INTERFACE MAC LAST-OCTET COUNT OCTETS BURST GAP SETTLE", 8, do_raw },
	{ "wire", "BURST TIMES GAP SETTLE", 4, do_wire },
	{ "tcp", "HOST OCTETS SETTLE", 3, do_tcp },
	{ "calls", "COUNT SETTLE", 2, do_calls },
	{ "idle", "MICROSECONDS", 1, do_idle },
	{ "mark", "start|end", 1, do_mark },
	{ "serve", "", 0, do_serve },
	{ "count", "", 0, do_count },
	{ "batch", "FRAMES", 1, do_batch },
	{ "arp", "HOST MAC INTERFACE", 3, do_arp },
	{ "feature", "INTERFACE tso|gso|gro|sg|tx on|off", 3, do_feature },
	{ "agent", "TERMINAL", 1, do_agent },
};

static void usage(FILE *to)
{
	fprintf(to, "Usage: glane-load [--run NUMBER] COMMAND\n"
		    "What machines do while their instructions are counted. Pauses are "
		    "microseconds.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].arguments);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	argv++;
	argc--;
	if (argc && !strcmp(argv[0], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc >= 2 && !strcmp(argv[0], "--run")) {
		unsigned long n = number(argv[1]);
		if (n > MARK_MAX_RUNS)
			die("runs have numbers up to %u", MARK_MAX_RUNS);
		run = (unsigned)n;
		marked = true;
		argv += 2;
		argc -= 2;
	}
	for (size_t i = 0; argc && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[0], commands[i].name) && argc == 1 + commands[i].words)
			return commands[i].run(argv + 1);
	usage(stderr);
	return 2;
}
