// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_doorbell: a set of rung queues is the model. Latency, throughput, fairness and forgetting of rings.

#include "tb.h"

#ifndef CONTEXTS
#define CONTEXTS 32
#endif
#define LATENCY 6 // from a ring to its offer when nothing else waits, in cycles

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

static bool rung[CONTEXTS][2];
static bool spared[CONTEXTS][2]; // forgotten, but it was offered already: may still come, once
static int pop_ctx, pop_queue;	 // taken in the last cycle, or -1

static unsigned waiting(void)
{
	unsigned n = 0;

	for (unsigned c = 0; c < CONTEXTS; c++)
		n += rung[c][0] + rung[c][1];
	return n;
}

static void start(void)
{
	memset(rung, 0, sizeof(rung));
	memset(spared, 0, sizeof(spared));
	dut->pop_ready_i = 0;
	dut->set_i = dut->clear_i = dut->clr_valid_i = 0;
}

// One cycle with the inputs as they are; set_i and clear_i are pulses.
static void cycle(void)
{
	unsigned c = dut->ctx_i, q = dut->queue_i;

	tb_eval();
	pop_ctx = pop_queue = -1;
	if (dut->pop_valid_o) {
		unsigned pc = dut->pop_ctx_o, pq = dut->pop_queue_o;

		CHECK(pc < CONTEXTS && pq < 2, "offers context %u queue %u", pc, pq);
		CHECK(rung[pc][pq] || spared[pc][pq],
		      "offers context %u queue %u, which nobody rang", pc, pq);
		if (dut->clear_i && c == pc)
			spared[pc][pq] = true;
		if (dut->pop_ready_i) {
			rung[pc][pq] = spared[pc][pq] = false;
			pop_ctx = (int)pc;
			pop_queue = (int)pq;
		}
	}
	if (dut->clear_i)
		rung[c][0] = rung[c][1] = false;
	if (dut->set_i)
		rung[c][q] = true; // what is offered but not taken in this cycle covers it
	tb_tick();
	dut->set_i = dut->clear_i = 0;
}

static void ring(unsigned c, unsigned q)
{
	dut->set_i = 1;
	dut->ctx_i = c;
	dut->queue_i = q;
	cycle();
}

static void forget(unsigned c)
{
	dut->clear_i = 1;
	dut->ctx_i = c;
	cycle();
}

static void ring_is_offered_within_its_latency(void **state)
{
	unsigned worst = 0;

	(void)state;
	start();
	for (unsigned n = 0; n < 300; n++) {
		unsigned c = tb_below(CONTEXTS), q = tb_below(2), t = 1;

		for (unsigned i = tb_below(12); i; i--)
			cycle();
		ring(c, q);
		for (tb_eval(); !dut->pop_valid_o; tb_eval(), t++)
			cycle();
		if (t > worst)
			worst = t;
		CHECK(t <= LATENCY, "offered after %u cycles", t);
		assert_int_equal(dut->pop_ctx_o, c);
		assert_int_equal(dut->pop_queue_o, q);
		dut->pop_ready_i = 1;
		cycle();
		dut->pop_ready_i = 0;
		tb_eval();
		assert_false(dut->pop_valid_o);
	}
	printf("# at most %u cycles\n", worst);
}

static void a_thousand_rings_are_one(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 1000; n++)
		ring(CONTEXTS - 1, n & 1);
	dut->pop_ready_i = 1;
	unsigned taken = 0;
	for (unsigned n = 0; n < 50; n++) {
		cycle();
		taken += pop_ctx >= 0;
	}
	assert_int_equal(taken, 2);
}

// All queues rung: contexts come in turn, one item per at most four cycles, two per context.
static void full_vector_drains_in_turn(void **state)
{
	(void)state;
	start();
	for (unsigned c = 0; c < CONTEXTS; c++)
		for (unsigned q = 0; q < 2; q++)
			ring(c, q);
	dut->pop_ready_i = 1;
	int last = -1;
	unsigned taken = 0, cycles = 0;
	while (waiting()) {
		cycle();
		cycles++;
		if (pop_ctx < 0)
			continue;
		CHECK(pop_ctx == (pop_queue ? last : (last + 1) % CONTEXTS) || last < 0,
		      "context %d after %d", pop_ctx, last);
		last = pop_ctx;
		taken++;
	}
	printf("# %u items in %u cycles\n", taken, cycles);
	assert_int_equal(taken, 2 * CONTEXTS);
	assert_true(cycles <= 4 * taken);
}

// One queue each, far apart: still at most four cycles for each item.
static void sparse_vector_drains_fast(void **state)
{
	(void)state;
	start();
	for (unsigned c = 0; c < CONTEXTS; c += 5)
		ring(c, 1);
	dut->pop_ready_i = 1;
	unsigned taken = 0, cycles = 0;
	while (waiting()) {
		cycle();
		cycles++;
		taken += pop_ctx >= 0;
	}
	assert_true(cycles <= 4 * taken + LATENCY);
}

// Contexts that ring all the time get their turn, no more.
static void flood_starves_nobody(void **state)
{
	static unsigned got[CONTEXTS][2];
	unsigned flooders = CONTEXTS < 3 ? CONTEXTS : 3;
	uint64_t rung_at = 0;

	(void)state;
	start();
	memset(got, 0, sizeof(got));
	dut->pop_ready_i = 1;
	for (unsigned n = 0; n < 6000; n++) {
		unsigned victim = CONTEXTS - 1;

		if (CONTEXTS > 3 && n % 100 == 50) {
			ring(victim, 1);
			rung_at = tb_cycles;
		} else {
			ring(n % flooders, n / flooders % 2);
		}
		if (pop_ctx >= 0)
			got[pop_ctx][pop_queue]++;
		if (CONTEXTS > 3 && pop_ctx == (int)victim)
			// each flooder may come with two queues before it, and one may be prefetched
			CHECK(tb_cycles - rung_at <= 4 * (2 * flooders + 4), "waited %llu cycles",
			      (unsigned long long)(tb_cycles - rung_at));
	}
	for (unsigned c = 0; c < flooders; c++)
		for (unsigned q = 0; q < 2; q++)
			CHECK(got[c][q] > 6000 / 4 / (2 * flooders + 1) - 20,
			      "context %u queue %u was served %u times", c, q, got[c][q]);
}

static void forgotten_rings_do_not_come(void **state)
{
	(void)state;
	start();
	for (unsigned phase = 0; phase < 16; phase++) {
		unsigned c = CONTEXTS / 2;

		// In front of it, so that it waits behind the offered one, is prefetched, or is being looked for.
		ring(0, 0);
		for (unsigned i = 0; i < LATENCY; i++)
			cycle();
		ring(c, 0);
		ring(c, 1);
		for (unsigned i = 0; i < phase; i++)
			cycle();
		forget(c);
		dut->pop_ready_i = 1;
		unsigned taken = 0;
		for (unsigned n = 0; n < 40; n++) {
			cycle();
			taken += pop_ctx >= 0;
			CHECK(CONTEXTS == 1 || pop_ctx <= 0, "a forgotten ring came");
		}
		assert_true(taken <= 1);
		dut->pop_ready_i = 0;
		// And it can ring again.
		ring(c, 1);
		for (unsigned i = 0; i < LATENCY; i++)
			cycle();
		assert_true(dut->pop_valid_o);
		dut->pop_ready_i = 1;
		cycle();
		dut->pop_ready_i = 0;
		assert_int_equal(pop_ctx, c);
	}
}

// Revocation: when the clear is done nothing of the context is offered, not even what was; the others' rings stay.
static void clear_bus_takes_the_offer_back(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 500; n++) {
		const unsigned c = tb_below(CONTEXTS);

		for (unsigned i = tb_below(8); i; i--) {
			ring(tb_percent(50) ? c : tb_below(CONTEXTS), tb_below(2));
			for (unsigned t = tb_below(4); t; t--)
				cycle();
		}
		dut->clr_valid_i = 1;
		dut->clr_ctx_i = (uint8_t)c;
		memset(spared, 0, sizeof(spared));
		rung[c][0] = rung[c][1] = false;
		spared[c][0] = spared[c][1] = true; // until the done
		unsigned t = 0;
		for (tb_eval(); !dut->clr_done_o; tb_eval(), t++) {
			cycle();
			CHECK(t < 10, "takes too long");
		}
		spared[c][0] = spared[c][1] = false;
		dut->pop_ready_i = tb_percent(50);
		for (unsigned i = tb_below(10); i; i--)
			cycle();
		dut->clr_valid_i = 0;
		dut->pop_ready_i = 1;
		for (unsigned i = 0; i < 100; i++)
			cycle();
		dut->pop_ready_i = 0;
		CHECK(waiting() == 0, "a ring of another context was lost");
		assert_false(dut->clr_done_o);
	}
}

static void random_against_the_model(void **state)
{
	unsigned taken = 0;

	(void)state;
	start();
	for (unsigned round = 0; round < 60; round++) {
		unsigned sets = tb_below(60), clears = tb_below(3), ready = tb_range(1, 100);
		unsigned span = tb_percent(50) ? CONTEXTS : tb_range(1, CONTEXTS);

		for (unsigned n = 0; n < 2000; n++) {
			dut->ctx_i = tb_below(span);
			dut->queue_i = tb_below(2);
			if (tb_percent(clears))
				dut->clear_i = 1;
			else
				dut->set_i = tb_percent(sets);
			dut->pop_ready_i = tb_percent(ready);
			cycle();
			taken += pop_ctx >= 0;
		}
		// Everything that was rung and not forgotten comes out, and nothing else.
		dut->pop_ready_i = 1;
		for (unsigned n = 0; n < 8 * CONTEXTS + 20; n++)
			cycle();
		CHECK(waiting() == 0, "%u rings were lost", waiting());
		tb_eval();
		CHECK(!dut->pop_valid_o, "offers something at the end");
		memset(spared, 0, sizeof(spared));
	}
	printf("# %u rings taken\n", taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(ring_is_offered_within_its_latency),
		TB_TEST(a_thousand_rings_are_one),
		TB_TEST(full_vector_drains_in_turn),
		TB_TEST(sparse_vector_drains_fast),
		TB_TEST(flood_starves_nobody),
		TB_TEST(forgotten_rings_do_not_come),
		TB_TEST(clear_bus_takes_the_offer_back),
		TB_TEST(random_against_the_model),
	};
	return TB_RUN(tests);
}
