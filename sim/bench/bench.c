// SPDX-License-Identifier: Apache-2.0
// glane-bench: what the NIC carries, in exact clock cycles. Throughput: for each frame size, direction and number of contexts it is loaded
// as hard as the wire allows, and cycles per frame, rate, distance from line rate and the core's time are read from the NIC's
// own counters. isolation.c has the other parts.
//
// Frame sizes up to 1024 count the FCS (RFC 2544: 64 is the shortest Ethernet frame); 1514 and 9014 do not (full
// frames at an MTU of 1500 and 9000). A frame's slot on the wire is its octets with FCS plus 20 (preamble, inter-frame gap).
#include "bench.h"
#include "guestlane_regs.h"
#include "option.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WARM_CYCLES    60000
#define MEASURE_CYCLES 400000
#define DRAIN_CYCLES   20000
#define DRAIN_LIMIT    100000000
#define WIRE_QUEUE     8 /* frames kept waiting for the NIC's receiver */
/* Goals of the project in cycles per frame and direction: a full-size frame slot, and the shortest frame now and in the end. */
#define GOAL_FULL      1538
#define GOAL_SHORT_NOW 250
#define GOAL_SHORT     84

enum direction { TX = 1, RX = 2, BOTH = 3 };

struct bench_case {
	unsigned frame; /* as named */
	size_t octets;	/* without FCS */
	enum direction direction;
	unsigned contexts;
};

struct counts {
	uint64_t cycles, simulated, tx, rx, lost, firmware, dma_wait, idle;
};

struct bench {
	struct gls *s;
	struct gls_guest *guest[BENCH_CONTEXTS];
	const struct bench_case *now;
	bool running;
	unsigned tx_room[BENCH_CONTEXTS]; /* frames that an empty transmit ring takes */
	uint64_t tx_frames, rx_frames;	  /* seen by the wire, by the guests */
	unsigned next_rx;		  /* context of the next frame from the wire */
	uint8_t frame[9100];
};

struct guest_ref {
	struct bench *b;
	unsigned index;
};

void bench_wire_mac(uint8_t *mac)
{
	memcpy(mac, (uint8_t[]){ 0x02, 0x47, 0x4c, 0xee, 0, 1 }, 6);
}

void bench_guest_mac(uint8_t *mac, unsigned index)
{
	memcpy(mac, (uint8_t[]){ 0x02, 0x47, 0x4c, 0, 0, (uint8_t)index }, 6);
}

/* Frames that a guest keeps under way: enough to hide every latency, few enough that the queue empties soon. */
static unsigned tx_window(const struct bench_case *c)
{
	return c->octets < 512 ? 64 : c->octets < 4096 ? 16 : 8;
}

static void fill_transmit(struct bench *b, unsigned index)
{
	uint8_t frame[9100];
	memcpy(frame, b->frame, b->now->octets);
	bench_wire_mac(frame);
	bench_guest_mac(frame + 6, index);
	unsigned kept = b->tx_room[index] - tx_window(b->now);
	while (b->running && b->now->direction & TX && index < b->now->contexts &&
	       gls_guest_tx_free(b->guest[index]) > kept)
		if (gls_guest_send(b->guest[index], frame, b->now->octets, true))
			break;
}

static void on_sent(void *arg)
{
	struct guest_ref *r = arg;
	fill_transmit(r->b, r->index);
}

static void on_receive(void *arg, const uint8_t *frame, size_t bytes)
{
	struct guest_ref *r = arg;
	(void)frame;
	(void)bytes;
	r->b->rx_frames++;
}

static void on_wire(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct bench *b = arg;
	(void)frame;
	(void)bytes;
	if (fcs_ok)
		b->tx_frames++;
}

/* Keeps the wire busy towards the NIC, one context after the other. */
static void fill_wire(void *arg)
{
	struct bench *b = arg;
	if (!b->running || !(b->now->direction & RX))
		return;
	while (gls_wire_pending(b->s) < WIRE_QUEUE) {
		bench_guest_mac(b->frame, b->next_rx);
		bench_wire_mac(b->frame + 6);
		gls_wire_send(b->s, b->frame, b->now->octets, GLS_WIRE_OK);
		b->next_rx = (b->next_rx + 1) % b->now->contexts;
	}
	gls_at(b->s, gls_now(b->s) + (b->now->octets + WIRE_EXTRA) * WIRE_QUEUE / 2, fill_wire, b);
}

static struct counts snapshot(struct bench *b)
{
	struct counts c = {
		.lost = gls_stat(b->s, GL_STAT_RX_DROP_FULL),
		.firmware = gls_read64(b->s, GLS_BAR0, GL_BAR0_CYC_FIRMWARE_LO),
		.dma_wait = gls_read64(b->s, GLS_BAR0, GL_BAR0_CYC_DMAWAIT_LO),
		.idle = gls_read64(b->s, GLS_BAR0, GL_BAR0_CYC_IDLE_LO),
	};
	for (unsigned i = 0; i < b->now->contexts; i++)
		c.lost += gls_context_stat(b->s, i, GL_CSTAT_RX_DROP_NODESC) +
			  gls_context_stat(b->s, i, GL_CSTAT_RX_DROP_NOTREADY) +
			  gls_context_stat(b->s, i, GL_CSTAT_RX_DROP_ERROR) +
			  gls_context_stat(b->s, i, GL_CSTAT_TX_DROP_ERROR);
	c.tx = b->tx_frames;
	c.rx = b->rx_frames;
	c.cycles = gls_now(b->s);
	c.simulated = gls_simulated(b->s);
	return c;
}

/* Every transmit ring is empty and the wire is silent: the next case starts from nothing. */
static bool drained(void *arg)
{
	struct bench *b = arg;
	for (unsigned i = 0; i < BENCH_CONTEXTS && b->guest[i]; i++)
		if (gls_guest_tx_free(b->guest[i]) < b->tx_room[i])
			return false;
	return !gls_wire_pending(b->s);
}

static struct counts run(struct bench *b, const struct bench_case *c)
{
	b->now = c;
	b->running = true;
	b->next_rx = 0;
	for (size_t i = 12; i < c->octets; i++)
		b->frame[i] = (uint8_t)(i * 7);
	b->frame[12] = 0x88; /* local experimental ethertype */
	b->frame[13] = 0xb5;
	for (unsigned i = 0; i < c->contexts; i++)
		fill_transmit(b, i);
	fill_wire(b);
	uint64_t slot = c->octets + WIRE_EXTRA;
	gls_run(b->s, WARM_CYCLES + 8 * slot);
	struct counts before = snapshot(b);
	gls_run(b->s, MEASURE_CYCLES > 60 * slot ? MEASURE_CYCLES : 60 * slot);
	struct counts after = snapshot(b);
	b->running = false;
	gls_run_until(b->s, drained, b, DRAIN_LIMIT);
	gls_run(b->s, DRAIN_CYCLES);
	return (struct counts){
		after.cycles - before.cycles,
		after.simulated - before.simulated,
		after.tx - before.tx,
		after.rx - before.rx,
		after.lost - before.lost,
		after.firmware - before.firmware,
		after.dma_wait - before.dma_wait,
		after.idle - before.idle,
	};
}

static double per(uint64_t cycles, uint64_t frames)
{
	return frames ? (double)cycles / (double)frames : 0;
}

static json_t *direction_json(const struct bench *b, const struct bench_case *c,
			      const struct counts *n, uint64_t frames)
{
	double slot = (double)c->octets + WIRE_EXTRA;
	double rate = per(n->cycles, frames);
	return json_pack("{s:I, s:f, s:f, s:f}", "frames", (json_int_t)frames, "cycles_per_frame",
			 rate, "gbit_per_second",
			 rate ? 8e-9 * (double)c->octets * gls_clock_hz(b->s) / rate : 0,
			 "line_rate_percent", rate ? 100 * slot / rate : 0);
}

static const char *direction_name(enum direction d)
{
	return d == TX ? "transmit" : d == RX ? "receive" : "both";
}

static json_t *case_json(const struct bench *b, const struct bench_case *c, const struct counts *n,
			 double seconds)
{
	double core = (double)(n->firmware + n->dma_wait + n->idle);
	json_t *j =
		json_pack("{s:i, s:i, s:s, s:i, s:I, s:i, s:I, s:{s:f, s:f, s:f}, s:f}", "frame",
			  (int)c->frame, "octets_without_fcs", (int)c->octets, "direction",
			  direction_name(c->direction), "contexts", (int)c->contexts, "cycles",
			  (json_int_t)n->cycles, "line_rate_cycles_per_frame",
			  (int)(c->octets + WIRE_EXTRA), "lost", (json_int_t)n->lost,
			  "core_percent", "firmware", 100 * (double)n->firmware / core, "dma_wait",
			  100 * (double)n->dma_wait / core, "idle", 100 * (double)n->idle / core,
			  "sim_cycles_per_second", (double)n->simulated / seconds);
	if (c->direction & TX)
		json_object_set_new(j, "transmit", direction_json(b, c, n, n->tx));
	if (c->direction & RX)
		json_object_set_new(j, "receive", direction_json(b, c, n, n->rx));
	return j;
}

static void print_direction(const struct bench *b, const struct bench_case *c,
			    const struct counts *n, uint64_t frames, bool shown)
{
	double rate = per(n->cycles, frames), slot = (double)c->octets + WIRE_EXTRA;
	if (!shown)
		printf(" %8s %6s %6s", "-", "-", "-");
	else
		printf(" %8.1f %6.3f %5.1f%%", rate,
		       rate ? 8e-9 * (double)c->octets * gls_clock_hz(b->s) / rate : 0,
		       rate ? 100 * slot / rate : 0);
}

static void print_case(const struct bench *b, const struct bench_case *c, const struct counts *n,
		       double seconds)
{
	double core = (double)(n->firmware + n->dma_wait + n->idle);
	printf("%6u %-9s %4u %6zu", c->frame, direction_name(c->direction), c->contexts,
	       c->octets + WIRE_EXTRA);
	print_direction(b, c, n, n->tx, c->direction & TX);
	print_direction(b, c, n, n->rx, c->direction & RX);
	printf(" %6llu %6.1f %6.1f %6.1f %7.2f\n", (unsigned long long)n->lost,
	       100 * (double)n->firmware / core, 100 * (double)n->dma_wait / core,
	       100 * (double)n->idle / core, (double)n->simulated / seconds / 1e6);
	fflush(stdout);
}

static int make_guests(struct bench *b, bool split)
{
	static struct guest_ref ref[BENCH_CONTEXTS];
	for (unsigned i = 0; i < BENCH_CONTEXTS && i < gls_contexts(b->s); i++) {
		struct gls_guest_config c = {
			.context = i,
			.switch_control =
				GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_TO_WIRE_MASK,
			.mtu = 9000,
			.split = split,
			.rx_buffer = 9216,
			.memory = 8 << 20,
		};
		bench_guest_mac(c.mac, i);
		b->guest[i] = gls_guest_new(b->s, &c);
		if (!b->guest[i]) {
			fprintf(stderr, "glane-bench: guest %u does not come up: %s\n", i,
				gls_error(b->s));
			return -1;
		}
		b->tx_room[i] = gls_guest_tx_free(b->guest[i]);
		ref[i] = (struct guest_ref){ b, i };
		gls_guest_on_receive(b->guest[i], on_receive, &ref[i]);
		gls_guest_on_sent(b->guest[i], on_sent, &ref[i]);
		/* The guest's processor is not what is measured: it looks at its rings all the time. */
		gls_guest_poll(b->guest[i], true);
	}
	gls_on_wire(b->s, on_wire, b);
	return 0;
}

/* The cases of a throughput run. */
struct cases {
	unsigned frames[16], frame_count, contexts[16], context_count, direction_count;
	enum direction directions[16];
};

static bool throughput(const struct bench_options *o, const struct cases *set, json_t *root)
{
	struct bench b = { 0 };
	b.s = gls_open(&o->config);
	if (!b.s) {
		fprintf(stderr, "glane-bench: %s\n", gls_error(NULL));
		return false;
	}
	bool ok = !make_guests(&b, o->split);
	json_t *cases = json_array();
	if (!ok)
		goto out;
	printf("%s rings, host memory answers after %.0f ns, clock %.0f MHz. Goals in cycles per "
	       "frame and direction: %u at 1514, "
	       "%u at 64 now, %u at 64 in the end.\n\n",
	       o->split ? "Split" : "Packed",
	       1e9 * (o->config.latency ? o->config.latency : 100) / gls_clock_hz(b.s),
	       gls_clock_hz(b.s) / 1e6, GOAL_FULL, GOAL_SHORT_NOW, GOAL_SHORT);
	printf("                           ------- transmit ------ ------- receive -------        "
	       "----- core, %% ----     sim\n");
	printf("%6s %-9s %4s %6s %8s %6s %6s %8s %6s %6s %6s %6s %6s %6s %7s\n", "frame",
	       "direction", "ctx", "limit", "cyc/frm", "Gb/s", "line", "cyc/frm", "Gb/s", "line",
	       "lost", "firmw", "dma", "idle", "Mcyc/s");
	for (unsigned f = 0; f < set->frame_count; f++)
		for (unsigned d = 0; d < set->direction_count; d++)
			for (unsigned n = 0; n < set->context_count; n++) {
				if (set->contexts[n] > gls_contexts(b.s))
					continue;
				struct bench_case c = { set->frames[f],
							set->frames[f] <= 1024 ? set->frames[f] - 4
									       : set->frames[f],
							set->directions[d], set->contexts[n] };
				struct timespec t0, t1;
				uint64_t s0 = gls_simulated(b.s);
				clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
				struct counts r = run(&b, &c);
				clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
				double seconds = (double)(t1.tv_sec - t0.tv_sec) +
						 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec);
				r.simulated = gls_simulated(b.s) - s0;
				print_case(&b, &c, &r, seconds);
				json_array_append_new(cases, case_json(&b, &c, &r, seconds));
			}
	printf("\nlimit: cycles of a frame slot on the wire; line: share of line rate. core: "
	       "running firmware, asleep with DMA "
	       "outstanding, asleep otherwise.\n");
	json_object_set_new(root, "goal_cycles_per_frame",
			    json_pack("{s:i, s:i, s:i}", "1514", GOAL_FULL, "64_now",
				      GOAL_SHORT_NOW, "64", GOAL_SHORT));
	json_object_set(root, "cases", cases);
out:
	json_decref(cases);
	for (unsigned i = 0; i < BENCH_CONTEXTS; i++)
		if (b.guest[i])
			gls_guest_free(b.guest[i]);
	gls_close(b.s);
	return ok;
}

static const struct {
	const char *name;
	json_t *(*run)(const struct bench_options *o);
} parts[] = {
	{ "throughput", NULL },		{ "translation", bench_translation },
	{ "buffers", bench_buffers },	{ "revocation", bench_revocation },
	{ "fairness", bench_fairness }, { "flood", bench_flood },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void usage(FILE *out)
{
	fputs("usage: glane-bench [--json FILE] [--part P]... [--frame N]... [--contexts N]... "
	      "[--direction transmit|receive|both]...\n"
	      "                   [--split] [--latency CYCLES] [--firmware ELF]\n"
	      "\n"
	      "Loads the simulated NIC with frames as fast as the wire goes and counts clock "
	      "cycles.\n"
	      "\n"
	      "  --json FILE       the figures for machines (build/bench/bench.json)\n"
	      "  --part P          only this part: throughput, translation, buffers, "
	      "revocation, fairness, flood; may be repeated\n"
	      "  --frame N         throughput: only this frame size: 64, 128, 256, 512, 1024 (with "
	      "FCS), 1514, "
	      "9014 (without); may be repeated\n"
	      "  --contexts N      throughput: only this many contexts, 1 to 32 (1, 8 and 32); may "
	      "be "
	      "repeated\n"
	      "  --direction D     throughput: only this direction; may be repeated\n"
	      "  --split           split instead of packed rings\n"
	      "  --latency CYCLES  of the host's memory (100, i.e. 800 ns)\n"
	      "  --firmware ELF    firmware (build/firmware/guestlane.elf)\n"
	      "  --help            this text\n",
	      out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "part", required_argument, NULL, 'p' },
		{ "frame", required_argument, NULL, 'f' },
		{ "contexts", required_argument, NULL, 'c' },
		{ "direction", required_argument, NULL, 'd' },
		{ "split", no_argument, NULL, 's' },
		{ "latency", required_argument, NULL, 'l' },
		{ "firmware", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct cases set = { 0 };
	struct bench_options o = { 0 };
	const char *json = "build/bench/bench.json";
	unsigned chosen = 0, part; /* a bit for each part */
	int option;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = optarg;
			break;
		case 'p':
			for (part = 0; part < PARTS && strcmp(optarg, parts[part].name); part++)
				;
			if (part == PARTS) {
				fprintf(stderr,
					"glane-bench: --part is '%s'; give throughput, "
					"translation, "
					"buffers, revocation, fairness or flood\n",
					optarg);
				return 2;
			}
			chosen |= 1u << part;
			break;
		case 'f':
			if (set.frame_count < 16)
				set.frames[set.frame_count++] =
					option_number("glane-bench", "frame", optarg, 64, 9014);
			break;
		case 'c':
			if (set.context_count < 16)
				set.contexts[set.context_count++] = option_number(
					"glane-bench", "contexts", optarg, 1, BENCH_CONTEXTS);
			break;
		case 'd':
			if (strcmp(optarg, "transmit") && strcmp(optarg, "receive") &&
			    strcmp(optarg, "both")) {
				fprintf(stderr,
					"glane-bench: --direction is '%s'; give transmit, receive "
					"or both\n",
					optarg);
				return 2;
			}
			if (set.direction_count < 16)
				set.directions[set.direction_count++] = *optarg == 't'	 ? TX
									: *optarg == 'r' ? RX
											 : BOTH;
			break;
		case 's':
			o.split = true;
			break;
		case 'l':
			o.config.latency =
				option_number("glane-bench", "latency", optarg, 1, 100000);
			break;
		case 'w':
			o.config.firmware = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case ':':
			fprintf(stderr, "glane-bench: %s needs a value (try --help)\n",
				argv[optind - 1]);
			return 2;
		default:
			fprintf(stderr, "glane-bench: there is no option %s (try --help)\n",
				argv[optind - 1]);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "glane-bench: '%s' is not an option (try --help)\n", argv[optind]);
		return 2;
	}
	if (!set.frame_count)
		for (unsigned i = 0; i < 7; i++)
			set.frames[set.frame_count++] =
				(unsigned[]){ 64, 128, 256, 512, 1024, 1514, 9014 }[i];
	if (!set.context_count)
		for (unsigned i = 0; i < 3; i++)
			set.contexts[set.context_count++] = (unsigned[]){ 1, 8, 32 }[i];
	if (!set.direction_count)
		for (unsigned i = 0; i < 3; i++)
			set.directions[set.direction_count++] =
				(enum direction[]){ TX, RX, BOTH }[i];

	/* Before the minutes that the measurement takes. */
	FILE *out = fopen(json, "w");
	if (!out) {
		fprintf(stderr, "glane-bench: cannot write '%s': %s; give another --json\n", json,
			strerror(errno));
		return 2;
	}
	json_t *root = json_pack("{s:i, s:s, s:i}", "clock_hz", (int)gls_clock_hz(NULL), "rings",
				 o.split ? "split" : "packed", "memory_latency_cycles",
				 (int)(o.config.latency ? o.config.latency : 100));
	bool ok = true;
	if (!chosen || chosen & 1)
		ok = throughput(&o, &set, root);
	for (unsigned i = 1; i < PARTS && ok; i++)
		if (!chosen || chosen >> i & 1) {
			json_t *j = parts[i].run(&o);
			ok = j && !json_object_set_new(root, parts[i].name, j);
			fflush(stdout);
		}
	if (ok && (json_dumpf(root, out, JSON_INDENT(2)) || fflush(out))) {
		fprintf(stderr, "glane-bench: cannot write '%s': %s\n", json, strerror(errno));
		ok = false;
	}
	if (ok)
		printf("\n%s is written.\n", json);
	json_decref(root);
	fclose(out);
	return ok ? 0 : 2;
}
