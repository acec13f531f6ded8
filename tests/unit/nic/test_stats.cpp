// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_stats: every pulse and every context event is counted once, whatever the rates; reads see all that came before
// them, in bounded time; the two halves of a 64-bit counter belong together.

#include "tb.h"
#include "guestlane_regs.h"

#define EVENTS	  49
#define CONTEXTS  32
#define SOURCES	  5
#define READ_NIC  (EVENTS + 8) // cycles until a read is answered
#define READ_CTX  48
#define READ_HELD 3

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

static uint64_t nic[EVENTS], ctx[CONTEXTS][16];
static bool mute[CONTEXTS]; // cleared, and not enabled since
static uint64_t accepted;   // context events
static unsigned waits[SOURCES], worst_wait, worst_read[3];

static void put(unsigned s, unsigned c, unsigned i, unsigned add)
{
	dut->cst_valid_i |= 1u << s;
	dut->cst_ctx_i &= ~(0xffull << 8 * s);
	dut->cst_ctx_i |= (uint64_t)c << 8 * s;
	dut->cst_idx_i &= ~(0xfu << 4 * s);
	dut->cst_idx_i |= i << 4 * s;
	uint32_t shift = 16 * s % 32;
	dut->cst_add_i[16 * s / 32] &= ~(0xffffu << shift);
	dut->cst_add_i[16 * s / 32] |= add << shift;
}

static void cycle(void)
{
	tb_eval();
	for (unsigned e = 0; e < EVENTS; e++)
		nic[e] += dut->ev_i >> e & 1;
	CHECK((dut->cst_ready_o & (dut->cst_ready_o - 1)) == 0, "two sources at once");
	unsigned taken = dut->cst_valid_i & dut->cst_ready_o;
	for (unsigned s = 0; s < SOURCES; s++) {
		if (taken >> s & 1) {
			unsigned c = dut->cst_ctx_i >> 8 * s & 0xff;

			if (c < CONTEXTS && !mute[c])
				ctx[c][dut->cst_idx_i >> 4 * s & 15] +=
					dut->cst_add_i[16 * s / 32] >> 16 * s % 32 & 0xffff;
			accepted++;
			waits[s] = 0;
		} else if (dut->cst_valid_i >> s & 1) {
			if (++waits[s] > worst_wait)
				worst_wait = waits[s];
		}
	}
	tb_tick();
	dut->cst_valid_i &= ~taken;
	dut->ev_i = 0;
}

static void (*background)(void); // sets inputs before each cycle

static void run(unsigned n)
{
	while (n--) {
		if (background)
			background();
		cycle();
	}
}

static void start(void)
{
	memset(nic, 0, sizeof(nic));
	memset(ctx, 0, sizeof(ctx));
	memset(waits, 0, sizeof(waits));
	memset(worst_read, 0, sizeof(worst_read));
	accepted = 0;
	background = NULL;
	dut->ev_i = 0;
	dut->cst_valid_i = 0;
	dut->rd_valid_i = dut->clr_valid_i = dut->on_valid_i = 0;
	memset(mute, 0, sizeof(mute));
	run(16 * CONTEXTS + 10); // the counters of contexts are being cleared
	worst_wait = 0;
}

// level: rd_valid_i stays up until the answer; else it is a pulse. kind tells the bound.
static uint32_t read_half(bool ctx_sel, unsigned index, bool high, unsigned kind)
{
	static const unsigned bound[3] = { READ_NIC, READ_CTX, READ_HELD };
	bool level = tb_percent(50);
	unsigned t = 0;

	dut->rd_valid_i = 1;
	dut->rd_ctx_sel_i = ctx_sel;
	dut->rd_index_i = index;
	dut->rd_high_i = high;
	for (;; t++) {
		run(1);
		tb_eval();
		if (!level)
			dut->rd_valid_i = 0;
		if (dut->rd_rvalid_o)
			break;
		CHECK(t < bound[kind], "read of %u takes more than %u cycles", index, bound[kind]);
	}
	uint32_t value = dut->rd_data_o;
	run(1); // a level ends with the answer
	dut->rd_valid_i = 0;
	if (t > worst_read[kind])
		worst_read[kind] = t;
	return value;
}

static uint64_t read_nic(unsigned index)
{
	uint32_t low = read_half(false, index, false, 0);
	return low | (uint64_t)read_half(false, index, true, 2) << 32;
}

static uint64_t read_ctx(unsigned c, unsigned i)
{
	uint32_t low = read_half(true, 16 * c + i, false, 1);
	return low | (uint64_t)read_half(true, 16 * c + i, true, 2) << 32;
}

static void compare_all(void)
{
	for (unsigned e = 0; e < EVENTS; e++) {
		uint64_t v = read_nic(e);
		CHECK(v == nic[e], "counter %u is %llu, not %llu", e, (unsigned long long)v,
		      (unsigned long long)nic[e]);
	}
	for (unsigned c = 0; c < CONTEXTS; c++)
		for (unsigned i = 0; i < 16; i++) {
			uint64_t v = read_ctx(c, i);
			CHECK(v == ctx[c][i], "counter %u of context %u is %llu, not %llu", i, c,
			      (unsigned long long)v, (unsigned long long)ctx[c][i]);
		}
}

static void all_are_zero_after_reset(void **state)
{
	(void)state;
	start();
	compare_all();
	// Again after a reset with other contents.
	dut->ev_i = ~0ull >> (64 - EVENTS);
	put(0, 3, 3, 77);
	run(100);
	tb_reset(3);
	start();
	compare_all();
	assert_int_equal(read_half(false, EVENTS, false, 2), 0); // no such counter
	assert_int_equal(read_half(true, 16 * CONTEXTS, false, 2), 0);
}

// A pulse in the very cycle of the read request is seen by it or not; one before it always is.
static void read_sees_every_pulse_before_it(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 400; n++) {
		unsigned e = tb_below(EVENTS);

		run(tb_below(EVENTS));
		dut->ev_i = 1ull << e;
		run(1);
		uint64_t v = read_nic(e);
		CHECK(v == nic[e], "counter %u is %llu after %llu pulses", e, (unsigned long long)v,
		      (unsigned long long)nic[e]);
	}
}

static void read_sees_every_context_event_before_it(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 200; n++) {
		// All sources offer the same counter: the slowest case.
		unsigned c = tb_below(CONTEXTS), i = tb_below(16);

		for (unsigned s = 0; s < SOURCES; s++)
			put(s, c, i, tb_below(65536));
		uint64_t want = ctx[c][i];
		for (unsigned s = 0; s < SOURCES; s++)
			want += dut->cst_add_i[16 * s / 32] >> 16 * s % 32 & 0xffff;
		uint64_t v = read_ctx(c, i);
		CHECK(v == want, "counter is %llu, not %llu", (unsigned long long)v,
		      (unsigned long long)want);
		assert_int_equal(ctx[c][i], want);
	}
}

static unsigned rate;

static void all_events(void)
{
	if (tb_percent(rate))
		dut->ev_i = ~0ull >> (64 - EVENTS);
	for (unsigned s = 0; s < SOURCES; s++)
		if (!(dut->cst_valid_i >> s & 1))
			put(s, tb_percent(50) ? 5 : tb_below(CONTEXTS + (rate == 100 ? 0 : 2)),
			    tb_below(4), tb_below(65536));
}

static void nothing_is_lost_at_any_rate(void **state)
{
	static const unsigned rates[] = { 100, 50, 3 };

	(void)state;
	start();
	for (unsigned i = 0; i < 3; i++) {
		rate = rates[i];
		background = all_events;
		run(5000);
		for (unsigned n = 0; n < 20; n++) { // reads in between
			read_nic(tb_below(EVENTS));
			read_ctx(tb_below(CONTEXTS), tb_below(16));
		}
		background = NULL;
		run(200);
		assert_int_equal(dut->cst_valid_i, 0);
		compare_all();
	}
	printf("# %llu context events; a source waits %u cycles at most\n",
	       (unsigned long long)accepted, worst_wait);
	assert_true(worst_wait <= READ_CTX);
}

// One source with a different counter each time is served every second cycle, with the same counter every fifth.
static void rate_of_context_events(void **state)
{
	(void)state;
	start();
	for (unsigned same = 0; same < 2; same++) {
		uint64_t from = accepted;

		for (unsigned n = 0; n < 1000; n++) {
			if (!dut->cst_valid_i)
				put(0, same ? 1 : n % CONTEXTS, 2, 1);
			run(1);
		}
		CHECK(accepted - from >= (same ? 200u : 490u), "%u in 1000 cycles",
		      (unsigned)(accepted - from));
	}
	run(20);
	compare_all();
}

// The low half is about to overflow: both halves are from one moment.
static void halves_belong_together(void **state)
{
	(void)state;
	start();
	background = NULL;
	// 65535 * 65538 > 2^32: count a context's octets up to it.
	for (unsigned n = 0; n < 65538; n++) {
		put(0, 7, 1, 65535);
		while (dut->cst_valid_i)
			cycle();
	}
	assert_int_equal(read_ctx(7, 1), 65535ull * 65538);
	uint64_t near = ctx[7][1];
	assert_true(near > 0xffff0000ull);
	uint32_t low = read_half(true, 16 * 7 + 1, false, 1);
	uint64_t held = ctx[7][1];
	for (unsigned n = 0; n < 65538; n++) {
		put(0, 7, 1, 65535);
		while (dut->cst_valid_i)
			cycle();
	}
	uint32_t high = read_half(true, 16 * 7 + 1, true, 2);
	assert_int_equal(((uint64_t)high << 32 | low), held);
	// On its own the high half is fresh, and another counter's hold is not taken for it.
	high = read_half(true, 16 * 7 + 1, true, 1);
	assert_int_equal(high, ctx[7][1] >> 32);
	assert_true(high > held >> 32);
	read_half(true, 16 * 7 + 2, false, 1);
	assert_int_equal(read_half(true, 16 * 7 + 1, true, 1), ctx[7][1] >> 32);
	read_half(false, 5, false, 0);
	assert_int_equal(read_half(true, 5, true, 1), 0);
}

// Revocation: the context's counters are 0 and stay so until it is enabled; the others miss nothing; reads go on.
static void clear_bus_clears_one_context(void **state)
{
	(void)state;
	start();
	rate = 99;
	for (unsigned n = 0; n < 60; n++) {
		const unsigned c = tb_percent(50) ? 5 : tb_below(CONTEXTS);

		background = NULL;
		run(60);
		for (unsigned i = 0; i < 16; i++) {
			put(0, c, i, 1);
			run(8);
		}
		background = all_events;
		run(tb_below(300));
		if (tb_percent(50)) // a read is going on
			dut->rd_valid_i = 1;
		dut->rd_ctx_sel_i = tb_percent(80);
		dut->rd_index_i = 16 * (dut->rd_ctx_sel_i ? c : 0) + tb_below(4);
		dut->rd_high_i = 0;
		run(1);
		dut->rd_valid_i = 0;
		run(tb_below(45));
		dut->clr_valid_i = 1;
		dut->clr_ctx_i = (uint8_t)c;
		mute[c] = true; // what is in work ends before the counters are written
		unsigned t = 0;
		for (tb_eval(); !dut->clr_done_o; tb_eval(), t++) {
			run(1);
			CHECK(t < 40, "takes too long");
		}
		memset(ctx[c], 0, sizeof(ctx[c]));
		if (tb_percent(50))
			run(tb_below(50)); // other blocks take longer
		dut->clr_valid_i = 0;
		run(tb_below(200));
		background = NULL;
		run(60);
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(read_ctx(c, i), 0);
		background = all_events;
		dut->on_valid_i = 1;
		dut->on_ctx_i = (uint8_t)c;
		background = NULL;
		run(1);
		dut->on_valid_i = 0;
		mute[c] = false;
		put(0, c, 3, 17);
		run(1 + tb_below(5));
		assert_int_equal(read_ctx(c, 3), 17);
	}
	background = NULL;
	run(200);
	compare_all();
}

// The high half that a read of the low half held was the old guest's.
static void clear_bus_clears_the_held_half(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 65540; n++) {
		put(0, 7, 1, 65535);
		while (dut->cst_valid_i)
			cycle();
	}
	read_half(true, 16 * 7 + 1, false, 1);
	dut->clr_valid_i = 1;
	dut->clr_ctx_i = 7;
	run(50);
	dut->clr_valid_i = 0;
	assert_int_equal(read_half(true, 16 * 7 + 1, true, 1), 0);
}

static void idle_when_all_is_counted(void **state)
{
	(void)state;
	start();
	run(EVENTS + 10);
	assert_true(dut->idle_o);
	for (unsigned e = 0; e < EVENTS; e++) {
		dut->ev_i = 1ull << e;
		run(1);
		assert_false(dut->idle_o);
		run(EVENTS + 6);
		assert_true(dut->idle_o);
	}
	put(SOURCES - 1, 1, 1, 1);
	run(1);
	assert_false(dut->idle_o);
	run(8);
	assert_true(dut->idle_o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(all_are_zero_after_reset),
		TB_TEST(read_sees_every_pulse_before_it),
		TB_TEST(read_sees_every_context_event_before_it),
		TB_TEST(nothing_is_lost_at_any_rate),
		TB_TEST(rate_of_context_events),
		TB_TEST(halves_belong_together),
		TB_TEST(clear_bus_clears_one_context),
		TB_TEST(clear_bus_clears_the_held_half),
		TB_TEST(idle_when_all_is_counted),
	};
	return TB_RUN(tests);
}
