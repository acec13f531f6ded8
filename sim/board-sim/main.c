// SPDX-License-Identifier: Apache-2.0
// board-sim: the RTL of a whole board - NIC, MACs, host link - with its two Ethernet ports on wires of this machine.
#include "board_model.h"
#include "internal.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM	      "board-sim"
/* Cycles between two looks at the descriptors. */
#define SLICE	      64
/* The board must have been idle so long before time is skipped: longer than any path from a pin to a busy flag. */
#define IDLE_BEFORE   32
/* A sleeping board looks at its timers once in so many milliseconds, which pass for it then. */
#define WAKE_MS	      200
#define CYCLES_PER_MS 125000u
#define SKIP_MARGIN   8
/* The firmware's heartbeat is let go by this often at once after activity (sim/glane-sim). */
#define WAKES_AT_ONCE 4

/* A port: a struct gls that has a wire and nothing else, so that wires and sim/lib/wire.c serve it as they serve a NIC. */
struct port {
	struct gls gls;
	struct glane_wire *wire;
	struct board_gmii *gmii;
};

struct program {
	const char *link, *wire, *stats;
	struct board_model *model;
	struct board_pins pins;
	struct port host, net;
	int epoll, signals;
	unsigned idle_cycles, wakes;
	uint64_t now, simulated;
	bool stop, up;
};

static const char help[] =
	"Usage: board-sim --link WIRE [OPTION]...\n"
	"The simulated board: the NIC behind its host link, with two Ethernet ports.\n"
	"\n"
	"  -l, --link WIRE    the port of the host link (needed)\n"
	"  -w, --wire WIRE    the port of the network: none (default)\n"
	"  -m, --mac MAC      address of the host link's port (02:47:4c:00:00:01)\n"
	"  -j, --stats FILE   write cycles and frames at exit\n"
	"  -h, --help         show this\n"
	"\n"
	"WIRE: iface:NAME (raw packet socket), tap:NAME, unix:PATH, pcap:IN,OUT[,fast],\n"
	"loopback or none.\n";

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, PROGRAM ": ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

static uint64_t parse_mac(const char *text)
{
	uint8_t mac[6];
	uint64_t value = 0;
	int used = 0;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5, &used) != 6 ||
	    text[used] || mac[0] & 1)
		die("--mac is '%s'; give an address as in 02:47:4c:00:00:01", text);
	for (int i = 6; i--;)
		value = value << 8 | mac[i];
	return value;
}

static void parse(struct program *p, int argc, char **argv)
{
	static const struct option names[] = {
		{ "link", required_argument, NULL, 'l' }, { "wire", required_argument, NULL, 'w' },
		{ "mac", required_argument, NULL, 'm' },  { "stats", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },	  { 0 },
	};
	int c;
	opterr = 0;
	p->pins.mac = parse_mac("02:47:4c:00:00:01");
	while ((c = getopt_long(argc, argv, ":l:w:m:j:h", names, NULL)) != -1) {
		const char *word = argv[optind - 1];
		switch (c) {
		case 'l':
			p->link = optarg;
			break;
		case 'w':
			p->wire = optarg;
			break;
		case 'm':
			p->pins.mac = parse_mac(optarg);
			break;
		case 'j':
			p->stats = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		case ':':
			die("%s needs a value; see " PROGRAM " --help", word);
		default:
			die("'%s' is no option that is known; see " PROGRAM " --help", word);
		}
	}
	if (optind < argc)
		die("'%s' is too much; see " PROGRAM " --help", argv[optind]);
	if (!p->link)
		die("--link is missing; give the wire of the host link, as in --link iface:veth1");
}

/* --- What wires ask of a simulation (guestlane_sim.h) ---------------------------------------------------------------------------------- */

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
	return 1000 * CYCLES_PER_MS;
}

/* Only a capture wire asks, and only of a NIC that it waits for. */
bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	(void)s;
	(void)limit;
	return done(arg);
}

/* --- Cycles ---------------------------------------------------------------------------------------------------------------------------- */

static void drive(struct port *t, const struct program *p)
{
	struct gls *s = &t->gls;
	s->now = p->now;
	s->simulated = p->simulated;
	wire_drive(s);
	t->gmii->rxd = s->pins.gmii_rxd;
	t->gmii->rx_dv = s->pins.gmii_rx_dv;
	t->gmii->rx_er = s->pins.gmii_rx_er;
}

static void sample(struct port *t, bool enabled)
{
	struct gls *s = &t->gls;
	s->pins.gmii_txd = t->gmii->txd;
	s->pins.gmii_tx_en = t->gmii->tx_en;
	s->pins.gmii_tx_er = t->gmii->tx_er;
	s->pins.rx_enabled = enabled;
	wire_sample(s);
}

static void cycle(struct program *p, uint32_t skip)
{
	p->pins.time_skip = skip;
	drive(&p->host, p);
	drive(&p->net, p);
	board_model_cycle(p->model, &p->pins);
	sample(&p->host, true);
	sample(&p->net, p->pins.rx_enabled);
	p->idle_cycles = p->pins.idle && !skip ? p->idle_cycles + 1 : 0;
	p->simulated++;
	p->now += 1 + skip;
}

static bool asleep(const struct program *p)
{
	return p->idle_cycles >= IDLE_BEFORE && !wire_busy(&p->host.gls) && !wire_busy(&p->net.gls);
}

/* At most so many cycles pass at once, and no more than until a timer of the NIC fires. */
static void skip(struct program *p, uint32_t most)
{
	uint32_t wake = p->pins.up ? p->pins.wake_cycles : UINT32_MAX;
	if (wake > most)
		wake = most;
	cycle(p, wake > SKIP_MARGIN ? wake - SKIP_MARGIN : 0);
}

/* --- The loop ------------------------------------------------------------------------------------------------------------------------ */

static bool look(struct program *p, int milliseconds)
{
	struct epoll_event events[3];
	int n = epoll_wait(p->epoll, events, 3, milliseconds);
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == p->signals)
			p->stop = true;
	glane_wire_service(p->host.wire);
	glane_wire_service(p->net.wire);
	if (p->up != p->pins.up)
		fprintf(stderr, PROGRAM ": the host link is %s\n", p->pins.up ? "up" : "down");
	p->up = p->pins.up;
	return n > 0;
}

static uint64_t traffic(const struct program *p)
{
	struct glane_wire_stats h = glane_wire_stats(p->host.wire),
				n = glane_wire_stats(p->net.wire);
	return h.to_nic + h.from_nic + n.to_nic + n.from_nic;
}

static void loop(struct program *p)
{
	uint64_t moved = 0;
	while (!p->stop) {
		for (unsigned i = 0; i < SLICE && !asleep(p); i++)
			cycle(p, 0);
		if (!asleep(p)) {
			look(p, 0);
			continue;
		}
		if (traffic(p) != moved) {
			moved = traffic(p);
			p->wakes = 0;
		}
		bool timer = p->pins.up && p->pins.wake_cycles != UINT32_MAX;
		if (timer && p->wakes < WAKES_AT_ONCE) {
			p->wakes++;
			if (!look(p, 0))
				skip(p, UINT32_MAX / 4);
			continue;
		}
		if (!look(p, WAKE_MS))
			skip(p, WAKE_MS * CYCLES_PER_MS);
	}
}

static void write_stats(const struct program *p, double seconds)
{
	struct glane_wire_stats h = glane_wire_stats(p->host.wire),
				n = glane_wire_stats(p->net.wire);
	FILE *f = p->stats ? fopen(p->stats, "w") : NULL;
	if (!f)
		return;
	fprintf(f,
		"{\"seconds\": %.3f, \"cycles\": %llu, \"simulated\": %llu,\n"
		" \"link\": {\"in\": %llu, \"in_octets\": %llu, \"out\": %llu, \"out_octets\": "
		"%llu},\n"
		" \"wire\": {\"in\": %llu, \"in_octets\": %llu, \"out\": %llu, \"out_octets\": "
		"%llu}}\n",
		seconds, (unsigned long long)p->now, (unsigned long long)p->simulated,
		(unsigned long long)h.to_nic, (unsigned long long)h.to_nic_octets,
		(unsigned long long)h.from_nic, (unsigned long long)h.from_nic_octets,
		(unsigned long long)n.to_nic, (unsigned long long)n.to_nic_octets,
		(unsigned long long)n.from_nic, (unsigned long long)n.from_nic_octets);
	fclose(f);
}

static void open_port(struct program *p, struct port *t, const char *spec, struct board_gmii *gmii)
{
	char error[512] = "";
	struct epoll_event e = { .events = EPOLLIN };
	t->gmii = gmii;
	if (wire_new(&t->gls))
		die("not enough memory");
	t->wire = glane_wire_open(spec, &t->gls, error, sizeof(error));
	if (!t->wire)
		die("%s", error);
	e.data.fd = glane_wire_fd(t->wire);
	if (e.data.fd >= 0 && epoll_ctl(p->epoll, EPOLL_CTL_ADD, e.data.fd, &e))
		die("epoll: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	static struct program p;
	struct timespec start, end;
	parse(&p, argc, argv);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p.epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.fd = p.signals };
	if (p.signals < 0 || p.epoll < 0 || epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.signals, &e))
		die("cannot wait for signals: %s", strerror(errno));
	/* As a board's nonces differ from one power-up to the next by when frames come. */
	if (getrandom(&p.pins.seed, sizeof(p.pins.seed), 0) != sizeof(p.pins.seed))
		die("no random numbers: %s", strerror(errno));
	open_port(&p, &p.host, p.link, &p.pins.host);
	open_port(&p, &p.net, p.wire, &p.pins.net);
	clock_gettime(CLOCK_MONOTONIC, &start);
	p.model = board_model_new();
	p.pins.rst = true;
	for (int i = 0; i < 16; i++)
		cycle(&p, 0);
	p.pins.rst = false;
	fprintf(stderr, PROGRAM ": running\n");
	loop(&p);
	clock_gettime(CLOCK_MONOTONIC, &end);
	write_stats(&p, (double)(end.tv_sec - start.tv_sec) +
				(double)(end.tv_nsec - start.tv_nsec) / 1e9);
	glane_wire_close(p.host.wire);
	glane_wire_close(p.net.wire);
	wire_free(&p.host.gls);
	wire_free(&p.net.gls);
	board_model_free(p.model);
	return 0;
}
