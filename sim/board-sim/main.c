// SPDX-License-Identifier: Apache-2.0
// board-sim: the RTL of a whole board - NIC, MACs, host link - with its two Ethernet ports on wires of this machine.
#include "board_model.h"
#include "internal.h"
#include "program.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
	struct program_events events;
	struct timespec started;
	unsigned idle_cycles, wakes;
	uint64_t now, simulated;
	bool up;
};

const char program_name[] = PROGRAM;
const char program_help[] =
	"Usage: board-sim --link WIRE [OPTION]...\n"
	"The simulated board: the NIC behind its host link, with two Ethernet ports.\n"
	"\n"
	"  -l, --link WIRE    the port of the host link (needed)\n"
	"  -w, --wire WIRE    the port of the network: none (default)\n"
	"  -m, --mac MAC      address of the host link's port (02:47:4c:00:00:01)\n"
	"  -j, --stats FILE   write cycles and frames at exit and on SIGUSR1\n"
	"  -h, --help         show this\n"
	"  -V, --version      show the version\n"
	"\n"
	"WIRE: iface:NAME (raw packet socket), tap:NAME, unix:PATH, pcap:IN,OUT[,fast],\n"
	"loopback or none.\n";

static uint64_t parse_mac(const char *text)
{
	uint8_t mac[6];
	uint64_t value = 0;
	mac_option(mac, "--mac", text);
	for (int i = 6; i--;)
		value = value << 8 | mac[i];
	return value;
}

static void parse(struct program *p, int argc, char **argv)
{
	static const struct option names[] = {
		{ "link", required_argument, NULL, 'l' },
		{ "wire", required_argument, NULL, 'w' },
		{ "mac", required_argument, NULL, 'm' },
		{ "stats", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;
	p->pins.mac = parse_mac("02:47:4c:00:00:01");
	while ((c = program_option(argc, argv, ":l:w:m:j:hV", names)) != -1) {
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

static void write_stats(const struct program *p)
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
		seconds_since(p->started), (unsigned long long)p->now,
		(unsigned long long)p->simulated, (unsigned long long)h.to_nic,
		(unsigned long long)h.to_nic_octets, (unsigned long long)h.from_nic,
		(unsigned long long)h.from_nic_octets, (unsigned long long)n.to_nic,
		(unsigned long long)n.to_nic_octets, (unsigned long long)n.from_nic,
		(unsigned long long)n.from_nic_octets);
	fclose(f);
}

static bool look(struct program *p, int milliseconds)
{
	int n = events_wait(&p->events, milliseconds);
	if (events_report(&p->events))
		write_stats(p);
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
	while (!p->events.stop) {
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

static void open_port(struct program *p, struct port *t, const char *spec, struct board_gmii *gmii)
{
	char error[512] = "";
	t->gmii = gmii;
	if (wire_new(&t->gls))
		die("not enough memory");
	t->wire = glane_wire_open(spec, &t->gls, error, sizeof(error));
	if (!t->wire)
		die("%s", error);
	events_watch(&p->events, glane_wire_fd(t->wire));
}

int main(int argc, char **argv)
{
	static struct program p;
	parse(&p, argc, argv);
	events_begin(&p.events);
	/* As a board's nonces differ from one power-up to the next by when frames come. */
	if (getrandom(&p.pins.seed, sizeof(p.pins.seed), 0) != sizeof(p.pins.seed))
		die("no random numbers: %s", strerror(errno));
	open_port(&p, &p.host, p.link, &p.pins.host);
	open_port(&p, &p.net, p.wire, &p.pins.net);
	clock_gettime(CLOCK_MONOTONIC, &p.started);
	p.model = board_model_new();
	p.pins.rst = true;
	for (int i = 0; i < 16; i++)
		cycle(&p, 0);
	p.pins.rst = false;
	fprintf(stderr, PROGRAM ": running\n");
	loop(&p);
	write_stats(&p);
	glane_wire_close(p.host.wire);
	glane_wire_close(p.net.wire);
	wire_free(&p.host.gls);
	wire_free(&p.net.gls);
	board_model_free(p.model);
	return 0;
}
