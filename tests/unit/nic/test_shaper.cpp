// SPDX-License-Identifier: Apache-2.0
// Unit test of rtl/nic/nic_shaper: rates, depths, debt and limits of each kind of bucket, against a model that adds
// what a rate gives in a whole number of periods and allows for one period of play; then random traffic on all buckets.
#include "tb.h"
#include <vector>
#include "guestlane_regs.h"

#ifndef NCTX
#define NCTX 32
#endif

enum kind { TX, RX, FLOOD, WIRE };
#define OFFSET(kind) ((GL_BAR0_TX_RATE & 0xff) + 8 * (kind))

// Cycles between two visits of a bucket: 1024 with up to 32 contexts (docs/isolation.md), 8192 with 256.
static unsigned period(void)
{
	unsigned buckets = 8;

	while (buckets < 4 * NCTX)
		buckets *= 2;
	return buckets * 8 > 1024 ? buckets * 8 : 1024;
}

struct bucket {
	uint64_t rate, burst;
	double low, high; // what it holds, in octets, at least and at most
};
static struct bucket buckets[4][256];

static void begin(void)
{
	memset(buckets, 0, sizeof(buckets));
	dut->tx_take_valid_i = dut->rx_take_valid_i = dut->flood_take_valid_i = 0;
	dut->cfg_we_i = dut->cfg_re_i = dut->clr_valid_i = 0;
	for (tb_eval(); !dut->cfg_ready_o; tb_eval())
		tb_tick();
}

static void wait_ready(void)
{
	tb_eval();
	for (unsigned i = 0; !dut->cfg_ready_o; i++) {
		assert_true(i < 100);
		tb_tick();
		tb_eval();
	}
}

static void configure(unsigned addr, unsigned ctx, uint32_t data)
{
	wait_ready();
	dut->cfg_addr_i = addr;
	dut->cfg_ctx_i = ctx;
	dut->cfg_wdata_i = data;
	dut->cfg_we_i = 1;
	tb_tick();
	dut->cfg_we_i = 0;
	wait_ready();
}

static uint32_t shown(unsigned addr, unsigned ctx)
{
	wait_ready();
	dut->cfg_addr_i = addr;
	dut->cfg_ctx_i = ctx;
	dut->cfg_re_i = 1;
	tb_tick();
	dut->cfg_re_i = 0;
	tb_ticks(2);
	tb_eval();
	uint32_t value = dut->cfg_rdata_o;
	tb_tick();
	tb_eval();
	assert_int_equal(dut->cfg_rdata_o, value); // steady for two cycles
	tb_tick();
	return value;
}

static void limit(enum kind kind, unsigned ctx, unsigned rate, unsigned burst)
{
	configure(OFFSET(kind), ctx, rate);
	configure(OFFSET(kind) + 4, ctx, burst);
	tb_ticks(12);
}

static bool passes(enum kind kind, unsigned ctx)
{
	switch (kind) {
	case TX:
		dut->tx_ask_ctx_i = ctx;
		tb_tick();
		tb_eval();
		return dut->tx_ok_o;
#if NCTX > 64
	case RX:
		return dut->rx_ok_o[ctx / 32] >> ctx % 32 & 1;
	case FLOOD:
		return dut->flood_ok_o[ctx / 32] >> ctx % 32 & 1;
#else
	case RX:
		return (uint64_t)dut->rx_ok_o >> ctx & 1;
	case FLOOD:
		return (uint64_t)dut->flood_ok_o >> ctx & 1;
#endif
	default:
		return dut->wire_flood_ok_o;
	}
}

static void take(enum kind kind, unsigned ctx, unsigned len)
{
	if (kind == TX) {
		dut->tx_take_valid_i = 1;
		dut->tx_take_ctx_i = ctx;
		dut->tx_take_len_i = len;
	} else {
		dut->take_len_i = len;
		dut->rx_take_valid_i = kind == RX;
		dut->rx_take_ctx_i = ctx;
		dut->flood_take_valid_i = kind == FLOOD || kind == WIRE;
		dut->flood_take_wire_i = kind == WIRE;
		dut->flood_take_ctx_i = ctx;
		if (kind == RX)
			tb_wait(dut->rx_take_ready_o, 100);
	}
	tb_tick();
	dut->tx_take_valid_i = dut->rx_take_valid_i = dut->flood_take_valid_i = 0;
	tb_ticks(16);
	tb_eval();
}

static void without_a_rate_everything_passes(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 4; k++)
		for (unsigned c = 0; c < NCTX; c++) {
			assert_true(passes((enum kind)k, c));
			take((enum kind)k, c, 9000);
			assert_true(passes((enum kind)k, c));
			if (k < WIRE) {
				assert_int_equal(shown(OFFSET(k), c), 0);
				assert_int_equal(shown(OFFSET(k) + 4, c), 0);
			}
		}
	assert_true(dut->idle_o);
}

static void registers_show_what_was_written(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 300; i++) {
		unsigned k = tb_below(3), c = tb_below(NCTX), rate = tb_below(1u << 20),
			 burst = tb_below(1u << 20);
		limit((enum kind)k, c, rate, burst);
		assert_int_equal(shown(OFFSET(k), c), rate);
		assert_int_equal(shown(OFFSET(k) + 4, c), burst);
	}
	configure(OFFSET(WIRE), tb_below(NCTX), 77); // one for all
	configure(OFFSET(WIRE) + 4, tb_below(NCTX), 78);
	assert_int_equal(shown(OFFSET(WIRE), tb_below(NCTX)), 77);
	assert_int_equal(shown(OFFSET(WIRE) + 4, 0), 78);
	assert_int_equal(shown(GL_BAR0_RX_SHARE & 0xff, 0), 0); // not a register of this block
#if NCTX < 256
	configure(OFFSET(TX), NCTX, 5); // a context that does not exist
	assert_int_equal(shown(OFFSET(TX), NCTX), 0);
#endif
}

static void a_bucket_lets_its_depth_pass_and_then_its_rate(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 4; k++) {
		unsigned ctx = k == WIRE ? 0 : tb_below(NCTX), rate = 2048, passed = 0;
		limit((enum kind)k, ctx, rate, 1000);
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(passes((enum kind)k, ctx),
					 i < 4); // 300, 600, 900: 100 are left; 1200: in debt
			if (i < 4)
				take((enum kind)k, ctx, 300);
		}
		// From here on only the rate counts: 2048 octets in 65536 cycles, in steps of one period.
		uint64_t start = tb_cycles;
		while (tb_cycles - start < 20 * 65536u)
			if (passes((enum kind)k, ctx)) {
				take((enum kind)k, ctx, 300);
				passed += 300;
			} else {
				tb_ticks(16);
				tb_eval();
			}
		assert_in_range(passed, 20 * rate - 700, 20 * rate + 700);
		configure(OFFSET(k), ctx, 0);
		tb_eval();
		assert_true(passes((enum kind)k, ctx));
	}
}

static void a_debt_is_paid_back(void **state)
{
	(void)state;
	begin();
	limit(RX, 0, 6400, 100);
	take(RX, 0, 9000);
	take(RX, 0, 9000); // the limit was found too late: 17900 octets behind
	uint64_t start = tb_cycles;
	while (!passes(RX, 0)) {
		tb_tick();
		tb_eval();
	}
	uint64_t expected = 17901ull * 65536 / 6400;
	assert_in_range(tb_cycles - start, expected - period() - 60, expected + period() + 60);
}

static void a_bucket_fills_to_its_depth_and_not_beyond(void **state)
{
	(void)state;
	begin();
	limit(TX, NCTX - 1, (1u << 20) - 1, (1u << 20) - 1);
	unsigned passed = 0;
	tb_ticks(3 * period());
	while (passes(TX, NCTX - 1) && passed < 3u << 20) {
		// faster than any rate
		dut->tx_take_valid_i = 1;
		dut->tx_take_ctx_i = NCTX - 1;
		dut->tx_take_len_i = 9000;
		tb_tick();
		dut->tx_take_valid_i = 0;
		tb_ticks(8);
		tb_eval();
		passed += 9000;
	}
	// 2^20 - 1 at once, and 16 octets a cycle meanwhile
	assert_in_range(passed, (1u << 20) - 1, 120 * 9000 + (120 * 11 + period()) * 16 + 9000);
	limit(TX, NCTX - 1, 65536, 500);
	tb_ticks(4 * period());
	take(TX, NCTX - 1, 499);
	assert_true(passes(TX, NCTX - 1));
	take(TX, NCTX - 1, 1);
	bool ok = passes(TX, NCTX - 1);
	tb_ticks(2 * period());
	assert_true(passes(TX, NCTX - 1));
	(void)ok;
}

static void one_octet_is_enough_and_none_is_not(void **state)
{
	(void)state;
	begin();
	limit(FLOOD, 0, 1, 300); // next to no rate
	take(FLOOD, 0, 299);
	assert_true(passes(FLOOD, 0));
	limit(FLOOD, 0, 1, 300); // filled again by the write
	take(FLOOD, 0, 300);
	assert_false(passes(FLOOD, 0));
	limit(FLOOD, 0, 1, 0);
	assert_false(passes(FLOOD, 0));
}

static void buckets_are_apart(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 3; k++)
		for (unsigned c = 0; c < NCTX; c++)
			limit((enum kind)k, c, 1, 100);
	limit(WIRE, 0, 1, 100);
	bool taken[4][256] = {};
	for (unsigned i = 0; i < 150; i++) {
		unsigned k = tb_below(4), c = k == WIRE ? 0 : tb_below(NCTX);
		take((enum kind)k, c, 200);
		taken[k][c] = true;
		for (unsigned j = 0; j < 4; j++)
			for (unsigned d = 0; d < (j == WIRE ? 1 : NCTX); d++)
				if (j != TX || d == c || tb_percent(10))
					assert_int_equal(passes((enum kind)j, d), !taken[j][d]);
	}
}

static void a_cleared_context_has_no_limits(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 4; k++) {
		limit((enum kind)k, 0, 1, 1);
		take((enum kind)k, 0, 100);
	}
	if (NCTX > 1)
		limit(TX, NCTX - 1, 1, 1), take(TX, NCTX - 1, 100);
	dut->clr_valid_i = 1;
	dut->clr_ctx_i = 0;
	tb_wait(dut->clr_done_o, 40);
	dut->clr_valid_i = 0;
	tb_ticks(2);
	tb_eval();
	assert_false(dut->clr_done_o);
	for (unsigned k = 0; k < 3; k++) {
		assert_true(passes((enum kind)k, 0));
		assert_int_equal(shown(OFFSET(k), 0), 0);
		assert_int_equal(shown(OFFSET(k) + 4, 0), 0);
	}
	assert_false(passes(WIRE, 0)); // not a context's
	if (NCTX > 1)
		assert_false(passes(TX, NCTX - 1));
}

static void a_reset_leaves_no_limit(void **state)
{
	(void)state;
	begin();
	for (unsigned k = 0; k < 4; k++)
		for (unsigned c = 0; c < NCTX; c++)
			limit((enum kind)k, c, 1000 + c, 2000 + c);
	tb_reset(1);
	begin();
	for (unsigned k = 0; k < 4; k++)
		for (unsigned c = 0; c < NCTX; c++) {
			assert_true(passes((enum kind)k, c));
			assert_int_equal(shown(OFFSET(k), c), 0);
			assert_int_equal(shown(OFFSET(k) + 4, c), 0);
		}
}

// The firmware may allocate as fast as it can: every frame is counted.
static void a_burst_of_allocations_is_counted(void **state)
{
	(void)state;
	begin();
	limit(TX, 0, 1, 50 * 1000);
	unsigned passed = 0, quiet = 0;
	dut->tx_ask_ctx_i = 0;
	tb_tick();
	while (quiet < 100) {
		tb_eval();
		dut->tx_take_valid_i = dut->tx_ok_o;
		dut->tx_take_ctx_i = 0;
		dut->tx_take_len_i = 1000;
		passed += dut->tx_ok_o;
		quiet = dut->tx_ok_o ? 0 : quiet + 1;
		tb_tick();
		dut->tx_take_valid_i = 0;
		if (tb_percent(50))
			tb_tick();
	}
	assert_in_range(passed, 50, 50 + 8);
}

static void idle_means_that_every_bucket_is_full(void **state)
{
	(void)state;
	begin();
	limit(RX, 0, 6400, 1000);
	tb_ticks(3 * period());
	tb_eval();
	assert_true(dut->idle_o);
	take(RX, 0, 640); // 6553.6 cycles
	uint64_t start = tb_cycles;
	while (!dut->idle_o) {
		tb_tick();
		tb_eval();
	}
	assert_in_range(tb_cycles - start, 6500, 6600 + 4 * period());
}

// Every bucket has a limit and traffic; one period of play, and the octets under way.
static void random_traffic_keeps_to_all_rates(void **state)
{
	(void)state;
	begin();
	uint64_t passed[4][256] = {}, since[4][256];
	for (unsigned k = 0; k < 4; k++)
		for (unsigned c = 0; c < (k == WIRE ? 1 : NCTX); c++) {
			buckets[k][c].rate = tb_range(500, 200000);
			buckets[k][c].burst = tb_range(1, 20000);
			limit((enum kind)k, c, buckets[k][c].rate, buckets[k][c].burst);
			since[k][c] = tb_cycles;
		}
	unsigned tx_gap = 0, flood_gap = 0;
	for (unsigned i = 0; i < 400000; i++) {
		unsigned c = tb_below(NCTX), d = tb_below(NCTX), len = tb_range(60, 2000);
		bool wire = tb_percent(10);
		dut->tx_take_valid_i = dut->flood_take_valid_i = dut->rx_take_valid_i = 0;
		dut->take_len_i = len;
		if (tx_gap == 1 && dut->tx_ok_o) {
			dut->tx_take_valid_i = 1;
			dut->tx_take_ctx_i = dut->tx_ask_ctx_i;
			dut->tx_take_len_i = len;
			passed[TX][dut->tx_ask_ctx_i] += len;
		}
		if (tx_gap)
			tx_gap--;
		else
			tx_gap = 3, dut->tx_ask_ctx_i = c;
		if (flood_gap) {
			flood_gap--;
		} else if (passes(wire ? WIRE : FLOOD, wire ? 0 : d)) {
			dut->flood_take_valid_i = 1;
			dut->flood_take_wire_i = wire;
			dut->flood_take_ctx_i = d;
			passed[wire ? WIRE : FLOOD][wire ? 0 : d] += len;
			flood_gap = tb_range(16, 40);
		}
		if (passes(RX, d)) {
			dut->rx_take_valid_i = 1;
			dut->rx_take_ctx_i = d;
			tb_eval();
			if (dut->rx_take_ready_o)
				passed[RX][d] += len;
		}
		dut->cfg_re_i = tb_percent(5) && dut->cfg_ready_o;
		dut->cfg_addr_i = OFFSET(tb_below(4)) + 4 * tb_below(2);
		tb_tick();
		tb_eval();
	}
	dut->cfg_re_i = 0;
	unsigned bound = 0;
	for (unsigned k = 0; k < 4; k++)
		for (unsigned c = 0; c < (k == WIRE ? 1 : NCTX); c++) {
			struct bucket *b = &buckets[k][c];
			double may = b->burst +
				     (double)b->rate * (tb_cycles - since[k][c] + period()) / 65536;
			// A few frames may pass before the first one is counted.
			assert_true(passed[k][c] <= may + 6 * 2000);
			bound += passed[k][c] + 2000 + 2.0 * b->rate * period() / 65536 >=
				 may - b->burst;
		}
	print_message("# %u of %u buckets held their traffic back\n", bound, 3 * NCTX + 1);
	assert_true(bound > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(without_a_rate_everything_passes),
		TB_TEST(registers_show_what_was_written),
		TB_TEST(a_bucket_lets_its_depth_pass_and_then_its_rate),
		TB_TEST(a_debt_is_paid_back),
		TB_TEST(a_bucket_fills_to_its_depth_and_not_beyond),
		TB_TEST(one_octet_is_enough_and_none_is_not),
		TB_TEST(buckets_are_apart),
		TB_TEST(a_cleared_context_has_no_limits),
		TB_TEST(a_reset_leaves_no_limit),
		TB_TEST(a_burst_of_allocations_is_counted),
		TB_TEST(idle_means_that_every_bucket_is_full),
		TB_TEST(random_traffic_keeps_to_all_rates),
	};
	return TB_RUN(tests);
}
