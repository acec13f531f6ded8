// SPDX-License-Identifier: Apache-2.0
// hostlink-relay: a bad cable. Carries frames between two wires, and loses, repeats, delays and overtakes some, by a seed that repeats the run. It breaks none:
// a frame with a bad check sequence gets through no Ethernet interface, so it is lost.
#include "guestlane_sim.h"
#include "program.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define PROGRAM	    "hostlink-relay"
/* Frames that are under way on one direction, at most: more are lost, as on any cable. */
#define UNDER_WAY   4096
#define CYCLES_A_MS 125000u

struct frame {
	uint64_t at, order; /* ns; the first one in the heap goes next */
	size_t bytes;
	uint8_t octet[];
};

/* One end: what wires call a simulation (guestlane_sim.h). A frame of its wire goes to the other end. */
struct gls {
	struct gls *other;
	struct glane_wire *wire;
	void (*on_frame)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok);
	void *on_frame_arg;
	struct frame *heap[UNDER_WAY]; /* for this end's wire */
	size_t count;
	uint64_t last; /* arrival of the last one that nothing overtakes */
	uint64_t passed, lost, repeated, overtaken;
};

struct program {
	const char *stats;
	double loss, repeat, reorder; /* shares of 1 */
	uint64_t delay, jitter;	      /* ns */
	uint64_t seed, random, order;
	struct gls end[2];
	struct program_events events;
};

static struct program p;

const char program_name[] = PROGRAM;
const char program_help[] =
	"Usage: hostlink-relay WIRE WIRE [OPTION]...\n"
	"Carries frames between two wires (as glane-sim has them: iface:NAME, unix:PATH), badly.\n"
	"\n"
	"  -l, --loss PERCENT     frames that are lost (0)\n"
	"  -r, --repeat PERCENT   frames that come twice (0)\n"
	"  -o, --reorder PERCENT  frames that wait for --jitter more, and are overtaken (0)\n"
	"  -d, --delay US         of every frame, in microseconds (0)\n"
	"  -J, --jitter US        see --reorder (1000)\n"
	"  -s, --seed N           of all of it (at random, and printed)\n"
	"  -j, --stats FILE       write counts at exit and on SIGUSR1\n"
	"  -h, --help             show this\n"
	"  -V, --version          show the version\n";

static void parse(int argc, char **argv, const char *wires[2])
{
	static const struct option names[] = {
		{ "loss", required_argument, NULL, 'l' },
		{ "repeat", required_argument, NULL, 'r' },
		{ "reorder", required_argument, NULL, 'o' },
		{ "delay", required_argument, NULL, 'd' },
		{ "jitter", required_argument, NULL, 'J' },
		{ "seed", required_argument, NULL, 's' },
		{ "stats", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;
	p.jitter = 1000000;
	if (getrandom(&p.seed, sizeof(p.seed), 0) != sizeof(p.seed))
		p.seed = (uint64_t)time(NULL);
	while ((c = program_option(argc, argv, ":l:r:o:d:J:s:j:hV", names)) != -1) {
		switch (c) {
		case 'l':
			p.loss = real_option("--loss", optarg, 100) / 100;
			break;
		case 'r':
			p.repeat = real_option("--repeat", optarg, 100) / 100;
			break;
		case 'o':
			p.reorder = real_option("--reorder", optarg, 100) / 100;
			break;
		case 'd':
			p.delay = (uint64_t)(1000 * real_option("--delay", optarg, 1e6));
			break;
		case 'J':
			p.jitter = (uint64_t)(1000 * real_option("--jitter", optarg, 1e6));
			break;
		case 's':
			p.seed = number_option("--seed", optarg, 0, UINT64_MAX);
			break;
		case 'j':
			p.stats = optarg;
			break;
		}
	}
	if (argc - optind != 2)
		die("give two wires; see " PROGRAM " --help");
	wires[0] = argv[optind];
	wires[1] = argv[optind + 1];
	p.random = p.seed * 0x9e3779b97f4a7c15ull | 1;
}

/* xorshift64*; a number in [0, 1). */
static double chance(void)
{
	p.random ^= p.random >> 12;
	p.random ^= p.random << 25;
	p.random ^= p.random >> 27;
	return (double)((p.random * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- Frames under way: a binary heap for each direction --------------------------------------------------------------------------------- */

static bool before(const struct frame *a, const struct frame *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void add(struct gls *to, struct frame *f)
{
	size_t i = to->count++;
	for (; i && before(f, to->heap[(i - 1) / 2]); i = (i - 1) / 2)
		to->heap[i] = to->heap[(i - 1) / 2];
	to->heap[i] = f;
}

static struct frame *take(struct gls *to)
{
	struct frame *first = to->heap[0], *last = to->heap[--to->count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= to->count)
			break;
		if (child + 1 < to->count && before(to->heap[child + 1], to->heap[child]))
			child++;
		if (!before(to->heap[child], last))
			break;
		to->heap[i] = to->heap[child];
		i = child;
	}
	to->heap[i] = last;
	return first;
}

static void send_on(struct gls *to, const uint8_t *frame, size_t bytes)
{
	if (chance() < p.loss || to->count == UNDER_WAY) {
		to->lost++;
		return;
	}
	struct frame *f = malloc(sizeof(*f) + bytes);
	if (!f)
		die("not enough memory");
	f->bytes = bytes;
	f->order = p.order++;
	f->at = now_ns() + p.delay;
	memcpy(f->octet, frame, bytes);
	if (chance() < p.reorder) {
		f->at += (uint64_t)(chance() * (double)p.jitter);
		to->overtaken++;
	} else if (f->at < to->last) {
		f->at = to->last;
	} else {
		to->last = f->at;
	}
	add(to, f);
}

/* --- What wires ask ----------------------------------------------------------------------------------------------------------------------- */

uint64_t gls_now(const struct gls *s)
{
	(void)s;
	return now_ns() / 8;
}

uint64_t gls_simulated(const struct gls *s)
{
	return gls_now(s);
}

uint32_t gls_clock_hz(const struct gls *s)
{
	(void)s;
	return 1000 * CYCLES_A_MS;
}

void gls_on_wire(struct gls *s,
		 void (*fn)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok), void *arg)
{
	s->on_frame = fn;
	s->on_frame_arg = arg;
}

void gls_wire_send(struct gls *s, const void *frame, size_t bytes, enum gls_wire_fault fault)
{
	(void)fault;
	send_on(s->other, frame, bytes);
	if (chance() < p.repeat) {
		s->other->repeated++;
		send_on(s->other, frame, bytes);
	}
}

size_t gls_wire_pending(const struct gls *s)
{
	(void)s;
	return 0;
}

bool gls_wire_listening(const struct gls *s)
{
	(void)s;
	return true;
}

int gls_wire_record(struct gls *s, const char *file)
{
	(void)s;
	return file ? -ENOTSUP : 0;
}

bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	(void)s;
	(void)limit;
	return done(arg);
}

void gls_at(struct gls *s, uint64_t cycle, void (*fn)(void *arg), void *arg)
{
	(void)s;
	(void)cycle;
	(void)fn;
	(void)arg;
}

const char *gls_error(const struct gls *s)
{
	(void)s;
	return "a relay records nothing";
}

/* --- The loop ---------------------------------------------------------------------------------------------------------------------------- */

/* Gives the wire what has arrived; milliseconds until the next frame does, -1: there is none. */
static int deliver(struct gls *to, uint64_t now)
{
	while (to->count && to->heap[0]->at <= now) {
		struct frame *f = take(to);
		to->passed++;
		if (to->on_frame)
			to->on_frame(to->on_frame_arg, f->octet, f->bytes, true);
		free(f);
	}
	return to->count ? (int)((to->heap[0]->at - now) / 1000000 + 1) : -1;
}

static void write_stats(void)
{
	FILE *f = p.stats ? fopen(p.stats, "w") : NULL;
	struct gls *a = &p.end[0], *b = &p.end[1];
	if (!f)
		return;
	fprintf(f,
		"{\"seed\": %llu, \"passed\": %llu, \"lost\": %llu, \"repeated\": %llu, "
		"\"reordered\": %llu}\n",
		(unsigned long long)p.seed, (unsigned long long)(a->passed + b->passed),
		(unsigned long long)(a->lost + b->lost),
		(unsigned long long)(a->repeated + b->repeated),
		(unsigned long long)(a->overtaken + b->overtaken));
	fclose(f);
}

static void loop(void)
{
	while (!p.events.stop) {
		glane_wire_service(p.end[0].wire);
		glane_wire_service(p.end[1].wire);
		uint64_t now = now_ns();
		int a = deliver(&p.end[0], now), b = deliver(&p.end[1], now);
		events_wait(&p.events, a < 0 ? b : b < 0 || a < b ? a : b);
		if (events_report(&p.events))
			write_stats();
	}
}

int main(int argc, char **argv)
{
	const char *wires[2];
	char error[512] = "";
	parse(argc, argv, wires);
	events_begin(&p.events);
	for (int i = 0; i < 2; i++) {
		p.end[i].other = &p.end[!i];
		p.end[i].wire = glane_wire_open(wires[i], &p.end[i], error, sizeof(error));
		if (!p.end[i].wire)
			die("%s", error);
		events_watch(&p.events, glane_wire_fd(p.end[i].wire));
	}
	fprintf(stderr, PROGRAM ": seed %llu\n", (unsigned long long)p.seed);
	loop();
	write_stats();
	for (int i = 0; i < 2; i++) {
		while (p.end[i].count)
			free(take(&p.end[i]));
		glane_wire_close(p.end[i].wire);
	}
	return 0;
}
