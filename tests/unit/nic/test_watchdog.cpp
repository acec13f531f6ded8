// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_watchdog: it fires when the firmware is silent for too long, whether time runs or is skipped, and never
// before; it says when DMA has stopped.

#include "tb.h"
#include "guestlane_regs.h"

// From the last heartbeat to the pulse it takes that many cycles more than the limit says.
#define LATENCY 3

static void start(void)
{
	dut->cfg_we_i = 0;
	dut->run_i = 1;
	dut->heartbeat_i = 0;
	dut->time_skip_i = 0;
	dut->dma_idle_i = 1;
	dut->clear_i = 0;
	tb_ticks(3);
}

static void limit(uint32_t cycles)
{
	dut->cfg_we_i = 1;
	dut->cfg_addr_i = GL_BAR0_WATCHDOG & 0xff;
	dut->cfg_wdata_i = cycles;
	tb_tick();
	dut->cfg_we_i = 0;
}

static uint32_t reg(uint32_t offset)
{
	dut->cfg_addr_i = offset & 0xff;
	tb_tick();
	return dut->cfg_rdata_o;
}

static void beat(void)
{
	dut->heartbeat_i = 1;
	tb_tick();
	dut->heartbeat_i = 0;
}

// Cycles until it fires, 0: not within the most.
static unsigned fires_in(unsigned most)
{
	for (unsigned t = 1; t <= most; t++) {
		tb_tick();
		if (dut->ev_fired_o)
			return t;
	}
	return 0;
}

static void silent_without_a_limit(void **state)
{
	(void)state;
	start();
	assert_int_equal(reg(GL_BAR0_WATCHDOG), 0);
	assert_int_equal(fires_in(5000), 0);
	assert_int_equal(dut->wake_cycles_o, 0xffffffff);
	assert_int_equal(reg(GL_BAR0_WATCHDOG_STATE), 0);
	assert_int_equal(reg(0x60), 0); // another block's register
}

static void fires_after_the_limit_and_once(void **state)
{
	(void)state;
	start();
	limit(1000);
	assert_int_equal(reg(GL_BAR0_WATCHDOG), 1000);
	tb_ticks(300);
	beat();
	unsigned t = fires_in(2000);
	assert_in_range(t, 1000, 1000 + LATENCY);
	assert_true(dut->fired_o);
	tb_tick();
	assert_false(dut->ev_fired_o);
	assert_int_equal(fires_in(3000), 0);
	assert_true(dut->fired_o);
	beat(); // too late
	tb_ticks(3);
	assert_true(dut->fired_o);
}

static void heartbeats_and_writes_put_it_off(void **state)
{
	(void)state;
	start();
	limit(100);
	for (unsigned n = 0; n < 50; n++) {
		assert_int_equal(fires_in(tb_range(0, 98)), 0);
		if (tb_percent(80))
			beat();
		else
			limit(100);
	}
	assert_in_range(fires_in(200), 100, 100 + LATENCY);
}

static void counts_only_while_the_core_runs(void **state)
{
	(void)state;
	start();
	limit(50);
	tb_ticks(40);
	dut->run_i = 0;
	assert_int_equal(fires_in(500), 0);
	assert_int_equal(dut->wake_cycles_o, 0xffffffff);
	dut->run_i = 1;
	assert_in_range(fires_in(100), 50, 50 + LATENCY);
}

static void limit_of_zero_disarms(void **state)
{
	(void)state;
	start();
	limit(50);
	tb_ticks(40);
	limit(0);
	assert_int_equal(fires_in(500), 0);
}

// The simulator skips to a moment before wake_cycles_o: the watchdog fires at the same time as without skipping.
static void skipped_time_counts(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 200; n++) {
		const uint32_t cycles = tb_range(200, 3000000);
		limit(cycles);
		tb_ticks(tb_range(4, 40));
		beat();
		uint64_t elapsed = 0;
		unsigned since = 0; // the last skip: the simulator lets some cycles pass
		const bool overshoot = tb_percent(20);
		while (!dut->ev_fired_o) {
			uint32_t skip = 0;
			if (tb_percent(30) && dut->wake_cycles_o > 40 && since > 4)
				skip = overshoot ? dut->wake_cycles_o + tb_below(100000)
						 : tb_below(dut->wake_cycles_o - 30);
			dut->time_skip_i = skip;
			tb_tick();
			dut->time_skip_i = 0;
			elapsed += 1 + skip;
			since = skip ? 0 : since + 1;
			assert_true(elapsed <= cycles + 200000);
		}
		assert_true(elapsed >= cycles);
		if (!overshoot)
			assert_true(elapsed <= cycles + LATENCY);
		dut->clear_i = 1;
		tb_tick();
		dut->clear_i = 0;
		assert_false(dut->fired_o);
	}
}

// What is left is never told too large, or the simulator would skip past the moment.
static void tells_what_is_left(void **state)
{
	(void)state;
	start();
	limit(500);
	beat();
	tb_ticks(2);
	for (unsigned t = 0; t < 490; t++) {
		assert_in_range(dut->wake_cycles_o, 500 - t - LATENCY, 500 - t);
		tb_tick();
	}
}

static void clear_starts_anew_and_keeps_the_limit(void **state)
{
	(void)state;
	start();
	limit(100);
	assert_int_not_equal(fires_in(200), 0);
	dut->run_i = 0;
	dut->clear_i = 1;
	tb_ticks(32);
	dut->clear_i = 0;
	assert_int_equal(reg(GL_BAR0_WATCHDOG_STATE), 0);
	assert_int_equal(reg(GL_BAR0_WATCHDOG), 100);
	tb_ticks(300);
	dut->run_i = 1;
	assert_in_range(fires_in(200), 100, 100 + LATENCY);
	tb_reset(2);
	assert_false(dut->fired_o);
	assert_int_equal(reg(GL_BAR0_WATCHDOG), 0);
	assert_int_equal(fires_in(500), 0);
}

// STOPPED: after it fired, DMA idle for 32 cycles in a row.
static void stopped_when_dma_is_idle(void **state)
{
	(void)state;
	start();
	dut->dma_idle_i = 0;
	limit(100);
	assert_int_not_equal(fires_in(200), 0);
	for (unsigned n = 0; n < 20; n++) {
		dut->dma_idle_i = 0;
		tb_ticks(tb_range(1, 30));
		dut->dma_idle_i = 1;
		tb_ticks(tb_range(1, 30));
		assert_int_equal(reg(GL_BAR0_WATCHDOG_STATE), GL_BAR0_WATCHDOG_STATE_FIRED_MASK);
	}
	tb_ticks(40);
	assert_int_equal(reg(GL_BAR0_WATCHDOG_STATE),
			 GL_BAR0_WATCHDOG_STATE_FIRED_MASK | GL_BAR0_WATCHDOG_STATE_STOPPED_MASK);
}

static void not_stopped_before_it_fires(void **state)
{
	(void)state;
	start();
	limit(100);
	tb_ticks(60);
	assert_int_equal(reg(GL_BAR0_WATCHDOG_STATE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(silent_without_a_limit),
		TB_TEST(fires_after_the_limit_and_once),
		TB_TEST(heartbeats_and_writes_put_it_off),
		TB_TEST(counts_only_while_the_core_runs),
		TB_TEST(limit_of_zero_disarms),
		TB_TEST(skipped_time_counts),
		TB_TEST(tells_what_is_left),
		TB_TEST(clear_starts_anew_and_keeps_the_limit),
		TB_TEST(stopped_when_dma_is_idle),
		TB_TEST(not_stopped_before_it_fires),
	};
	return TB_RUN(tests);
}
