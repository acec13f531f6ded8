// SPDX-License-Identifier: Apache-2.0
// glane-bench: what isolation costs. Translation of addresses, buffers that no IOTLB can hold, revocation, shares between contexts, and what
// a guest keeps while others do their worst. Every figure stands beside its limit.
#include "bench.h"
#include "guestlane_regs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		4096u
#define MEMORY		(8ull << 20) /* of each guest */
#define WIRE_QUEUE	8u
#define WARM_CYCLES	100000u
#define REVOCATION_GOAL 2500u /* 20 us at 125 MHz */
#define JAIN_GOAL	0.99
#define SHARE_GOAL	99.0 /* percent */

/* --- A NIC under load ------------------------------------------------------------------------------------------------------ */

struct load;

struct sender {
	struct load *l;
	unsigned index;
	struct gls_guest *g;
	unsigned room;	  /* frames that its empty transmit ring takes */
	size_t tx_octets; /* of the frames it sends, 0: it sends none */
	bool rx;	  /* frames from the wire go to it */
	uint64_t sent_frames, sent_octets, got_frames;
};

struct load {
	struct gls *s;
	struct sender guest[BENCH_CONTEXTS];
	size_t rx_octets; /* of frames from the wire, 0: none come */
	bool running, feeding;
	unsigned next; /* guest of the next one */
};

/* Frames under way: enough to hide every latency. */
static unsigned window_of(size_t octets)
{
	return octets < 512 ? 64 : 16;
}

static void build(uint8_t *frame, size_t octets)
{
	for (size_t i = 12; i < octets; i++)
		frame[i] = (uint8_t)(i * 7);
	frame[12] = 0x88; /* IEEE 802, local experimental 1 */
	frame[13] = 0xb5;
}

static void fill_ring(struct sender *g)
{
	uint8_t frame[FULL_FRAME];
	if (!g->l->running || !g->tx_octets)
		return;
	build(frame, g->tx_octets);
	bench_wire_mac(frame);
	bench_guest_mac(frame + 6, g->index);
	unsigned kept = g->room - window_of(g->tx_octets);
	while (gls_guest_tx_free(g->g) > kept)
		if (gls_guest_send(g->g, frame, g->tx_octets, true))
			break;
}

static void on_sent(void *arg)
{
	fill_ring(arg);
}

static void on_receive(void *arg, const uint8_t *frame, size_t bytes)
{
	(void)frame, (void)bytes;
	((struct sender *)arg)->got_frames++;
}

static void on_wire(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct load *l = arg;
	unsigned index = frame[11];
	if (fcs_ok && bytes > 12 && index < BENCH_CONTEXTS) {
		l->guest[index].sent_frames++;
		l->guest[index].sent_octets += bytes;
	}
}

static void feed(void *arg)
{
	struct load *l = arg;
	uint8_t frame[FULL_FRAME];
	l->feeding = l->running && l->rx_octets;
	if (!l->feeding)
		return;
	build(frame, l->rx_octets);
	bench_wire_mac(frame + 6);
	while (gls_wire_pending(l->s) < WIRE_QUEUE) {
		unsigned tries = 0;
		while (!l->guest[l->next].rx && tries++ < BENCH_CONTEXTS)
			l->next = (l->next + 1) % BENCH_CONTEXTS;
		bench_guest_mac(frame, l->next);
		gls_wire_send(l->s, frame, l->rx_octets, GLS_WIRE_OK);
		l->next = (l->next + 1) % BENCH_CONTEXTS;
	}
	gls_at(l->s, gls_now(l->s) + (l->rx_octets + WIRE_EXTRA) * WIRE_QUEUE / 2, feed, l);
}

static bool add_guest(struct load *l, unsigned index, struct gls_guest_config *c)
{
	struct sender *g = &l->guest[index];
	c->context = index;
	c->switch_control = GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_TO_WIRE_MASK;
	bench_guest_mac(c->mac, index);
	g->l = l;
	g->index = index;
	g->g = gls_guest_new(l->s, c);
	if (!g->g) {
		fprintf(stderr, "glane-bench: guest %u does not come up: %s\n", index,
			gls_error(l->s));
		return false;
	}
	g->room = gls_guest_tx_free(g->g);
	gls_guest_on_receive(g->g, on_receive, g);
	gls_guest_on_sent(g->g, on_sent, g);
	gls_guest_poll(g->g, true);
	return true;
}

static bool open_load(struct load *l, const struct bench_options *o, unsigned guests,
		      const struct gls_guest_config *like)
{
	*l = (struct load){ .s = gls_open(&o->config) };
	if (!l->s) {
		fprintf(stderr, "glane-bench: %s\n", gls_error(NULL));
		return false;
	}
	gls_on_wire(l->s, on_wire, l);
	for (unsigned i = 0; i < guests; i++) {
		struct gls_guest_config c = *like;
		c.split = o->split;
		if (!add_guest(l, i, &c))
			return false;
	}
	return true;
}

static void close_load(struct load *l)
{
	if (!l->s)
		return;
	l->running = false;
	for (unsigned i = 0; i < BENCH_CONTEXTS; i++)
		gls_guest_free(l->guest[i].g);
	gls_close(l->s);
}

static void start_load(struct load *l)
{
	l->running = true;
	for (unsigned i = 0; i < BENCH_CONTEXTS; i++)
		if (l->guest[i].g)
			fill_ring(&l->guest[i]);
	if (!l->feeding)
		feed(l);
}

struct totals {
	uint64_t cycles, tx, rx, lost, hits, misses, walk_reads;
};

static struct totals look(struct load *l)
{
	struct totals t = {
		.cycles = gls_now(l->s),
		.lost = gls_stat(l->s, GL_STAT_RX_DROP_FULL),
		.hits = gls_stat(l->s, GL_STAT_IOTLB_HIT),
		.misses = gls_stat(l->s, GL_STAT_IOTLB_MISS),
		.walk_reads = gls_stat(l->s, GL_STAT_WALK_READS),
	};
	for (unsigned i = 0; i < BENCH_CONTEXTS; i++) {
		if (!l->guest[i].g)
			continue;
		t.tx += l->guest[i].sent_frames;
		t.rx += l->guest[i].got_frames;
		t.lost += gls_context_stat(l->s, i, GL_CSTAT_RX_DROP_NODESC) +
			  gls_context_stat(l->s, i, GL_CSTAT_RX_DROP_ERROR) +
			  gls_context_stat(l->s, i, GL_CSTAT_TX_DROP_ERROR);
	}
	return t;
}

static struct totals measure(struct load *l, uint64_t cycles)
{
	struct totals a = look(l);
	gls_run(l->s, cycles);
	struct totals b = look(l);
	return (struct totals){ b.cycles - a.cycles,
				b.tx - a.tx,
				b.rx - a.rx,
				b.lost - a.lost,
				b.hits - a.hits,
				b.misses - a.misses,
				b.walk_reads - a.walk_reads };
}

static double per(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

/* --- Translation --------------------------------------------------------------------------------------------------------------- */

#define BURSTS 8

struct timing {
	struct load *l;
	uint64_t first, last; /* guest addresses of buffers to send */
	uint64_t *host;	      /* their host pages, sorted */
	size_t pages;
	uint64_t seen; /* cycle of the last read of such a page */
	unsigned reads;
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void on_tlp(void *arg, const uint32_t *dw, size_t count)
{
	struct timing *t = arg;
	uint32_t type = dw[0] >> 24;
	(void)count;
	if (type != 0x00 && type != 0x20)
		return;
	uint64_t page = (type ? (uint64_t)dw[2] << 32 | dw[3] : dw[2]) & ~(uint64_t)(PAGE - 1);
	if (!bsearch(&page, t->host, t->pages, sizeof(page), by_value))
		return;
	t->seen = gls_now(t->l->s);
	t->reads++;
}

/* Cycles from the doorbell to the last read of a buffer, for a burst of short frames each in pages of its own. */
static uint64_t burst(struct timing *t, unsigned frames)
{
	struct sender *g = &t->l->guest[0];
	uint8_t frame[60];
	build(frame, sizeof(frame));
	bench_wire_mac(frame);
	bench_guest_mac(frame + 6, 0);
	/* The first buffer shares its page with a ring: it is not one of those that count. */
	for (unsigned i = 0; i <= frames; i++)
		gls_guest_send(g->g, frame, sizeof(frame), false);
	t->reads = 0;
	uint64_t from = gls_now(t->l->s);
	gls_guest_kick(g->g);
	gls_settle(t->l->s, 20000);
	gls_run(t->l->s, 4000);
	return t->seen - from;
}

static json_t *misses(const struct bench_options *o, bool huge)
{
	struct timing t = { 0 };
	struct load l;
	json_t *list = NULL;
	/* Buffers of more than two pages each: every frame has its own. */
	struct gls_guest_config c = {
		.mtu = 9000, .memory = MEMORY, .huge = huge, .scatter = !huge
	};
	if (!open_load(&l, o, 1, &c))
		goto out;
	struct gls_ring_info ring;
	gls_guest_ring(l.guest[0].g, 1, &ring);
	t.l = &l;
	t.first = ring.desc > ring.driver ? ring.desc : ring.driver;
	t.first = ((t.first > ring.device ? t.first : ring.device) / PAGE + 1) * PAGE;
	t.last = (huge ? 0x200000 : 0x100000) + MEMORY;
	t.host = malloc((t.last - t.first) / PAGE * sizeof(*t.host));
	if (!t.host)
		goto out;
	for (uint64_t at = t.first; at < t.last; at += PAGE)
		t.host[t.pages++] = gls_guest_host_address(l.guest[0].g, at);
	qsort(t.host, t.pages, sizeof(*t.host), by_value);
	gls_on_tlp(l.s, on_tlp, &t);
	list = json_array();
	static const unsigned outstanding[] = { 1, 4, 16 };
	for (unsigned n = 0; n < 3; n++) {
		uint64_t warm = 0, cold = 0, reads = 0, walks = 0;
		/* Buffers are taken in the opposite order each time: every other burst counts. */
		burst(&t, outstanding[n]);
		burst(&t, outstanding[n]);
		for (unsigned i = 0; i < BURSTS; i++) {
			warm += burst(&t, outstanding[n]);
			burst(&t, outstanding[n]);
			gls_invalidate(l.s, 0, t.first, t.last - t.first);
			uint64_t before = gls_stat(l.s, GL_STAT_WALK_READS);
			cold += burst(&t, outstanding[n]);
			walks += gls_stat(l.s, GL_STAT_WALK_READS) - before;
			reads += t.reads;
			burst(&t, outstanding[n]);
		}
		double hit = per(warm, BURSTS), miss = per(cold, BURSTS);
		double each = (miss - hit) / outstanding[n];
		printf("%-7s %11u %10.1f %10.1f %14.1f %12.2f\n", huge ? "2 MiB" : "4 KiB",
		       outstanding[n], hit, miss, each, per(walks, reads));
		json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f}", "pages",
						      huge ? "2 MiB" : "4 KiB", "outstanding",
						      (int)outstanding[n], "hit_cycles", hit,
						      "miss_cycles", miss, "cycles_per_miss", each,
						      "table_reads_per_miss", per(walks, reads)));
	}
out:
	free(t.host);
	close_load(&l);
	return list;
}

/* One guest at the wire's rate in both directions: over the same few buffers, or over 8 MiB of them page after page. */
static json_t *sequential(const struct bench_options *o, const char *name, bool all, bool huge)
{
	struct load l;
	json_t *j = NULL;
	struct gls_guest_config c = {
		.memory = MEMORY, .all_memory = all, .huge = huge, .scatter = !huge
	};
	if (!open_load(&l, o, 1, &c))
		goto out;
	l.guest[0].tx_octets = l.rx_octets = FULL_FRAME;
	l.guest[0].rx = true;
	start_load(&l);
	gls_run(l.s, WARM_CYCLES);
	struct totals t = measure(&l, 300 * (FULL_FRAME + WIRE_EXTRA));
	double tx = per(t.cycles, t.tx), rx = per(t.cycles, t.rx),
	       miss = per(t.misses, t.tx + t.rx);
	printf("%-28s %8u %8.1f %8.1f %8.2f %8.2f %6llu\n", name, FULL_FRAME + WIRE_EXTRA, tx, rx,
	       miss, per(t.walk_reads, t.tx + t.rx), (unsigned long long)t.lost);
	j = json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:I}", "buffers", name,
		      "limit_cycles_per_frame", FULL_FRAME + WIRE_EXTRA,
		      "transmit_cycles_per_frame", tx, "receive_cycles_per_frame", rx,
		      "misses_per_frame", miss, "table_reads_per_frame",
		      per(t.walk_reads, t.tx + t.rx), "lost", (json_int_t)t.lost);
out:
	close_load(&l);
	return j;
}

json_t *bench_translation(const struct bench_options *o)
{
	printf("\nTranslation: cycles from the doorbell to the last read of a burst's buffers, all "
	       "of "
	       "them known to the IOTLB or none.\nA table read takes the host %u cycles.\n\n",
	       o->config.latency ? o->config.latency : 100);
	printf("%-7s %11s %10s %10s %14s %12s\n", "pages", "outstanding", "hit", "miss",
	       "each miss", "reads/miss");
	json_t *small = misses(o, false), *large = misses(o, true);
	printf("\nSequential pages, one guest, 1514 octets, both directions\n\n%-28s %8s %8s %8s "
	       "%8s %8s "
	       "%6s\n",
	       "buffers", "limit", "tx", "rx", "miss/frm", "read/frm", "lost");
	json_t *few = sequential(o, "few, known", false, false),
	       *pages = sequential(o, "8 MiB, 4 KiB pages", true, false),
	       *huge = sequential(o, "8 MiB, 2 MiB pages", true, true);
	if (!small || !large || !few || !pages || !huge)
		return NULL;
	json_array_extend(small, large);
	json_decref(large);
	return json_pack("{s:o, s:[o,o,o]}", "burst", small, "sequential", few, pages, huge);
}

/* --- Buffers ------------------------------------------------------------------------------------------------------------------------ */

json_t *bench_buffers(const struct bench_options *o)
{
	json_t *list = json_array();
	printf("\nBuffers: 32 contexts, each cycling over 8 MiB, 1514 octets, both directions; "
	       "cycles per "
	       "frame and direction\n\n%-8s %8s %8s %8s %8s %8s %8s %6s\n",
	       "pages", "limit", "tx", "rx", "worst", "miss/frm", "read/frm", "lost");
	for (unsigned huge = 0; huge < 2; huge++) {
		struct load l;
		struct gls_guest_config c = {
			.memory = MEMORY, .all_memory = true, .huge = huge, .scatter = !huge
		};
		if (!open_load(&l, o, BENCH_CONTEXTS, &c)) {
			close_load(&l);
			json_decref(list);
			return NULL;
		}
		l.rx_octets = FULL_FRAME;
		for (unsigned i = 0; i < BENCH_CONTEXTS; i++) {
			l.guest[i].tx_octets = FULL_FRAME;
			l.guest[i].rx = true;
		}
		start_load(&l);
		gls_run(l.s, 2 * WARM_CYCLES);
		struct totals t = measure(&l, 1000 * (FULL_FRAME + WIRE_EXTRA));
		double tx = per(t.cycles, t.tx), rx = per(t.cycles, t.rx),
		       line = FULL_FRAME + WIRE_EXTRA, worst = 100 * line / (tx > rx ? tx : rx);
		printf("%-8s %8.0f %8.1f %8.1f %7.2f%% %8.2f %8.2f %6llu\n",
		       huge ? "2 MiB" : "4 KiB", line, tx, rx, worst, per(t.misses, t.tx + t.rx),
		       per(t.walk_reads, t.tx + t.rx), (unsigned long long)t.lost);
		json_array_append_new(
			list,
			json_pack("{s:s, s:i, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "pages",
				  huge ? "2 MiB" : "4 KiB", "contexts", (int)BENCH_CONTEXTS,
				  "limit_cycles_per_frame", (int)line, "bytes_per_context",
				  (json_int_t)MEMORY, "transmit_cycles_per_frame", tx,
				  "receive_cycles_per_frame", rx, "line_rate_percent", worst,
				  "misses_per_frame", per(t.misses, t.tx + t.rx),
				  "table_reads_per_frame", per(t.walk_reads, t.tx + t.rx), "lost",
				  (json_int_t)t.lost));
		close_load(&l);
	}
	return list;
}

/* --- Revocation ------------------------------------------------------------------------------------------------------------------------ */

#define REVOCATIONS   96
#define REVOKE_GUESTS 8u

json_t *bench_revocation(const struct bench_options *o)
{
	struct load l;
	uint64_t cycles[REVOCATIONS], whole = 0;
	json_t *j = NULL;
	struct gls_guest_config c = { .memory = 2 << 20, .scatter = true, .all_memory = true };
	if (!open_load(&l, o, REVOKE_GUESTS, &c))
		goto out;
	l.rx_octets = 500;
	for (unsigned i = 0; i < REVOKE_GUESTS; i++) {
		l.guest[i].tx_octets = i & 1 ? FULL_FRAME : 60;
		l.guest[i].rx = true;
	}
	start_load(&l);
	gls_run(l.s, WARM_CYCLES);
	for (unsigned n = 0; n < REVOCATIONS; n++) {
		struct sender *g = &l.guest[n % REVOKE_GUESTS];
		gls_run(l.s, 2000 + gls_rand(l.s) % 4000);
		uint64_t from = gls_now(l.s);
		gls_revoke_start(l.s, g->index);
		int64_t took = gls_revoke_wait(l.s, g->index);
		if (took < 0) {
			fprintf(stderr, "glane-bench: %s\n", gls_error(l.s));
			goto out;
		}
		cycles[n] = (uint64_t)took;
		gls_guest_free(g->g);
		g->g = NULL;
		struct gls_guest_config again = c;
		again.split = o->split;
		if (!add_guest(&l, g->index, &again))
			goto out;
		whole += gls_now(l.s) - from;
		fill_ring(g);
	}
	qsort(cycles, REVOCATIONS, sizeof(*cycles), by_value);
	uint64_t median = cycles[REVOCATIONS / 2], p90 = cycles[REVOCATIONS * 9 / 10],
		 longest = cycles[REVOCATIONS - 1];
	printf("\nRevocation: %u of them, of %u contexts that send and receive; cycles. Until the "
	       "next "
	       "guest's driver is up: %.0f on average.\n\n%8s %8s %8s %8s %8s %8s\n",
	       REVOCATIONS, REVOKE_GUESTS, per(whole, REVOCATIONS), "goal", "least", "median",
	       "90 %", "most", "reached");
	printf("%8u %8llu %8llu %8llu %8llu %8s\n", REVOCATION_GOAL, (unsigned long long)cycles[0],
	       (unsigned long long)median, (unsigned long long)p90, (unsigned long long)longest,
	       longest <= REVOCATION_GOAL ? "yes" : "no");
	j = json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:f}", "revocations", REVOCATIONS,
		      "goal_cycles", (int)REVOCATION_GOAL, "least", (json_int_t)cycles[0], "median",
		      (json_int_t)median, "percentile_90", (json_int_t)p90, "most",
		      (json_int_t)longest, "cycles_to_next_guest", per(whole, REVOCATIONS));
out:
	close_load(&l);
	return j;
}

/* --- Fairness ---------------------------------------------------------------------------------------------------------------------------- */

enum mix { EQUAL, MIXED, WEIGHTED };
static const char *const mix_names[] = { "equal", "mixed sizes", "weights 1-4" };

/* Jain's index of what each context got for a unit of its weight: 1 when all got the same, 1/n when one got all. */
static double jain(const double *x, unsigned n)
{
	double sum = 0, squares = 0;
	for (unsigned i = 0; i < n; i++) {
		sum += x[i];
		squares += x[i] * x[i];
	}
	return squares > 0 ? sum * sum / (n * squares) : 0;
}

static json_t *share_case(const struct bench_options *o, unsigned contexts, enum mix mix)
{
	struct load l;
	json_t *j = NULL;
	double x[BENCH_CONTEXTS], least = INFINITY, most = 0, weights = 0;
	uint64_t octets = 0, before[BENCH_CONTEXTS];
	struct gls_guest_config c = { .memory = 2 << 20 };
	if (!open_load(&l, o, contexts, &c))
		goto out;
	for (unsigned i = 0; i < contexts; i++) {
		unsigned weight = mix == WEIGHTED ? 8 * (1 + i % 4) : 16;
		if (gls_set_weight(l.s, i, weight)) {
			fprintf(stderr, "glane-bench: %s\n", gls_error(l.s));
			goto out;
		}
		l.guest[i].tx_octets = mix == MIXED && i & 1 ? 300 : FULL_FRAME;
	}
	start_load(&l);
	gls_run(l.s, WARM_CYCLES * 2);
	for (unsigned i = 0; i < contexts; i++)
		before[i] = l.guest[i].sent_octets;
	uint64_t from = gls_now(l.s), cycles = (uint64_t)contexts * 50000;
	gls_run(l.s, cycles < 400000 ? 400000 : cycles);
	for (unsigned i = 0; i < contexts; i++) {
		unsigned weight = mix == WEIGHTED ? 1 + i % 4 : 1;
		uint64_t sent = l.guest[i].sent_octets - before[i];
		x[i] = (double)sent / weight;
		weights += weight;
		octets += sent;
		least = fmin(least, x[i]);
		most = fmax(most, x[i]);
	}
	double index = jain(x, contexts), rate = per(octets, gls_now(l.s) - from);
	printf("%8u %-12s %8.2f %8.5f %10.3f %10.3f %8.3f %8s\n", contexts, mix_names[mix],
	       JAIN_GOAL, index, least * weights / (double)octets, most * weights / (double)octets,
	       rate, index >= JAIN_GOAL ? "yes" : "no");
	j = json_pack("{s:i, s:s, s:f, s:f, s:f, s:f}", "contexts", (int)contexts, "load",
		      mix_names[mix], "goal", JAIN_GOAL, "jain_index", index, "octets_per_cycle",
		      rate, "least_to_most", most > 0 ? least / most : 0);
out:
	close_load(&l);
	return j;
}

json_t *bench_fairness(const struct bench_options *o)
{
	static const unsigned contexts[] = { 2, 8, 32 };
	json_t *list = json_array();
	printf("\nFairness: contexts that all send as much as they can; Jain's index of octets by "
	       "weight, "
	       "least and most in shares, octets sent per cycle\n\n%8s %-12s %8s %8s %10s %10s %8s "
	       "%8s\n",
	       "contexts", "load", "goal", "Jain", "least", "most", "oct/cyc", "reached");
	for (unsigned n = 0; n < 3; n++)
		for (enum mix mix = EQUAL; mix <= WEIGHTED; mix++) {
			json_t *j = share_case(o, contexts[n], mix);
			if (!j) {
				json_decref(list);
				return NULL;
			}
			json_array_append_new(list, j);
		}
	return list;
}

/* --- Floods ------------------------------------------------------------------------------------------------------------------------------ */

enum flood { QUIET, DOORBELLS, ERRORS };
static const char *const flood_names[] = { "none", "doorbells", "descriptor errors" };

struct attack {
	struct load *l;
	enum flood kind;
	unsigned next;
	uint64_t acts;
	bool armed;
};

#define BELL_CYCLES  16u /* a doorbell each: what the device pages take */
/* Until the firmware has found out who causes work: it lets each context have some of it (firmware/fw.h, AHEAD_CYCLES). */
#define FLOOD_WARM   2000000u
#define ERROR_CYCLES 600u /* from one attacker's broken descriptor to the next one's */

static void put(struct attack *a, uint32_t offset, uint32_t value)
{
	gls_write(a->l->s, GLS_BAR2, a->next * PAGE + offset, value, 4);
}

static void put64(struct attack *a, uint32_t offset, uint64_t value)
{
	put(a, offset, (uint32_t)value);
	put(a, offset + 4, (uint32_t)(value >> 32));
}

/* Resets its device and brings it up without waiting for anything, with a descriptor that is too long or lies outside its memory. */
static void break_rules(struct attack *a)
{
	struct gls_guest *g = a->l->guest[a->next].g;
	struct gls_ring_info r[2];
	uint64_t features = gls_guest_features(g);
	static const uint32_t steps[] = { 0, 1, 3 };
	for (unsigned i = 0; i < 3; i++)
		put(a, GL_DEV_STATUS, steps[i]);
	for (unsigned i = 0; i < 2; i++) {
		put(a, GL_DEV_DRIVER_FEATURES_SEL, i);
		put(a, GL_DEV_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	put(a, GL_DEV_STATUS, 11);
	for (unsigned q = 0; q < 2; q++) {
		gls_guest_ring(g, q, &r[q]);
		put(a, GL_DEV_QUEUE_SEL, q);
		put(a, GL_DEV_QUEUE_NUM, r[q].size);
		put64(a, GL_DEV_QUEUE_DESC_LO, r[q].desc);
		put64(a, GL_DEV_QUEUE_DRIVER_LO, r[q].driver);
		put64(a, GL_DEV_QUEUE_DEVICE_LO, r[q].device);
		put(a, GL_DEV_QUEUE_READY, 1);
	}
	bool outside = gls_rand(a->l->s) & 1 << 20;
	struct {
		uint64_t address;
		uint32_t bytes;
		uint16_t a, b;
	} d = { outside ? 0x7f00000000ull : r[1].desc, outside ? 100 : 0xffffffff, 0, 0 };
	if (r[1].packed)
		d.b = 0x80; /* available, virtio 1.2, 2.8.1 */
	memcpy(gls_guest_memory(g, r[1].desc, 16), &d, 16);
	if (!r[1].packed)
		memcpy(gls_guest_memory(g, r[1].driver, 6), (uint16_t[]){ 0, 1, 0 }, 6);
	put(a, GL_DEV_STATUS, 15);
	put(a, GL_DEV_QUEUE_NOTIFY, 1);
}

/* Guests 1 and on attack, one after the other. */
static void attack(void *arg)
{
	struct attack *a = arg;
	a->armed = a->l->running;
	if (!a->armed)
		return;
	if (++a->next >= BENCH_CONTEXTS || !a->l->guest[a->next].g)
		a->next = 1;
	if (a->kind == DOORBELLS)
		put(a, GL_DEV_QUEUE_NOTIFY, a->acts & 1);
	else
		break_rules(a);
	a->acts++;
	gls_at(a->l->s, gls_now(a->l->s) + (a->kind == DOORBELLS ? BELL_CYCLES : ERROR_CYCLES),
	       attack, a);
}

static bool attack_over(void *arg)
{
	return !((struct attack *)arg)->armed;
}

/* What guest 0 sends and gets, in frames per cycle, while all others attack. */
static bool under(const struct bench_options *o, enum flood kind, size_t octets, double *tx,
		  double *rx, uint64_t *acts)
{
	struct load l;
	struct attack a = { .l = &l, .kind = kind };
	bool ok = false;
	struct gls_guest_config c = { .memory = 2 << 20 };
	if (!open_load(&l, o, BENCH_CONTEXTS, &c))
		goto out;
	l.guest[0].tx_octets = l.rx_octets = octets;
	l.guest[0].rx = true;
	for (unsigned i = 1; i < BENCH_CONTEXTS; i++)
		gls_guest_poll(l.guest[i].g, false);
	start_load(&l);
	if (kind != QUIET)
		attack(&a);
	gls_run(l.s, FLOOD_WARM);
	struct totals t = measure(&l, 400000);
	*tx = per(t.tx, t.cycles);
	*rx = per(t.rx, t.cycles);
	*acts = a.acts;
	l.running = false;
	gls_run_until(l.s, attack_over, &a, 10000);
	ok = true;
out:
	close_load(&l);
	return ok;
}

json_t *bench_flood(const struct bench_options *o)
{
	static const size_t sizes[] = { FULL_FRAME, 60 };
	json_t *list = json_array();
	printf("\nFlood: one guest sends and receives while %u others attack; cycles per frame, "
	       "and percent "
	       "of what it has when they are quiet\n\n%6s %-18s %8s %8s %8s %8s %8s %8s %8s\n",
	       BENCH_CONTEXTS - 1, "octets", "attack", "limit", "tx", "rx", "tx %", "rx %",
	       "goal %", "reached");
	for (unsigned n = 0; n < 2; n++) {
		double tx0 = 0, rx0 = 0;
		for (enum flood kind = QUIET; kind <= ERRORS; kind++) {
			double tx, rx;
			uint64_t acts;
			if (!under(o, kind, sizes[n], &tx, &rx, &acts)) {
				json_decref(list);
				return NULL;
			}
			if (kind == QUIET)
				tx0 = tx, rx0 = rx;
			double tx_share = 100 * tx / tx0, rx_share = 100 * rx / rx0;
			bool reached = tx_share >= SHARE_GOAL && rx_share >= SHARE_GOAL;
			printf("%6zu %-18s %8zu %8.1f %8.1f %7.2f%% %7.2f%% %8.0f %8s\n", sizes[n],
			       flood_names[kind], sizes[n] + WIRE_EXTRA, 1 / tx, 1 / rx, tx_share,
			       rx_share, SHARE_GOAL, reached ? "yes" : "no");
			fflush(stdout);
			json_array_append_new(
				list,
				json_pack("{s:i, s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "octets",
					  (int)sizes[n], "attack", flood_names[kind], "acts",
					  (json_int_t)acts, "limit_cycles_per_frame",
					  (int)(sizes[n] + WIRE_EXTRA), "transmit_cycles_per_frame",
					  1 / tx, "receive_cycles_per_frame", 1 / rx,
					  "transmit_percent_of_share", tx_share,
					  "receive_percent_of_share", rx_share, "goal_percent",
					  SHARE_GOAL));
		}
	}
	return list;
}
