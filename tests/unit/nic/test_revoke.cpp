// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_revoke: the steps come in their order, each when the one before is done, whatever time the blocks take; one
// revocation at a time; the bound is asserted.

#include "tb.h"
#include "guestlane_regs.h"

// What the blocks do: each answers after a delay.
static unsigned inv_wait, inv_work, switch_work, clear_work;
static unsigned
	step; // 0 nothing, 1 disabled, 2 invalidation taken, 3 invalidated, 4 switch cleared, 5 all cleared
static unsigned ctx; // expected
static unsigned timer, events, cycles;
static bool free_always;

static void each(void)
{
	events += dut->ev_done_o;
	cycles += dut->busy_o;
	dut->inv_done_i = dut->inv_ready_i = 0;
	dut->free_i = free_always;
	if (dut->dis_valid_o) {
		assert_int_equal(step, 0);
		assert_int_equal(dut->ctx_o, ctx);
		step = 1;
		timer = 0;
	}
	if (dut->inv_valid_o) {
		assert_int_equal(step, 1);
		assert_int_equal(dut->ctx_o, ctx);
		if (timer++ >= inv_wait) {
			dut->inv_ready_i = 1;
			step = 2;
			timer = 0;
		}
	} else if (step == 2 && timer++ >= inv_work) {
		dut->inv_done_i = 1;
		step = 3;
		timer = 0;
	}
	if (dut->clr_switch_valid_o) {
		assert_int_equal(step, 3);
		assert_int_equal(dut->ctx_o, ctx);
		if (timer++ >= switch_work)
			dut->clr_switch_done_i = 1;
	} else {
		if (dut->clr_switch_done_i) {
			assert_int_equal(step, 3);
			step = 4;
			timer = 0;
		}
		dut->clr_switch_done_i = 0; // falls with valid
	}
	if (dut->clr_valid_o) {
		assert_int_equal(step, 4);
		assert_int_equal(dut->ctx_o, ctx);
		if (timer++ >= clear_work)
			dut->clr_done_i = 1;
	} else {
		if (dut->clr_done_i) {
			assert_int_equal(step, 4);
			step = 5;
		}
		dut->clr_done_i = 0;
	}
	assert_false(dut->clr_switch_valid_o && dut->clr_valid_o);
	assert_true(dut->busy_o || !(dut->dis_valid_o || dut->inv_valid_o ||
				     dut->clr_switch_valid_o || dut->clr_valid_o));
	dut->eval();
}

static void start(void)
{
	dut->cfg_we_i = 0;
	dut->inv_ready_i = dut->inv_done_i = dut->clr_switch_done_i = dut->clr_done_i = 0;
	inv_wait = inv_work = switch_work = clear_work = 0;
	step = timer = events = cycles = 0;
	free_always = true;
	tb_each = each;
}

static void write(uint32_t offset, unsigned c, uint32_t value)
{
	dut->cfg_we_i = 1;
	dut->cfg_addr_i = offset & 0xff;
	dut->cfg_ctx_i = (uint8_t)c;
	dut->cfg_wdata_i = value;
	tb_tick();
	dut->cfg_we_i = 0;
	dut->cfg_ctx_i = (uint8_t)tb_below(32);
	dut->cfg_wdata_i = (uint32_t)tb_rand();
}

static uint32_t reg(uint32_t offset)
{
	dut->cfg_addr_i = offset & 0xff;
	tb_tick();
	return dut->cfg_rdata_o;
}

static void revoke(unsigned c)
{
	ctx = c;
	step = events = cycles = 0;
	write(GL_BAR0_REVOKE, c, GL_BAR0_REVOKE_START_MASK);
}

static void steps_come_in_order(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 2000; n++) {
		const unsigned most = tb_percent(70) ? 4 : 300;
		inv_wait = tb_below(most);
		inv_work = tb_below(most);
		switch_work = tb_below(most);
		clear_work = tb_below(most);
		revoke(tb_below(32));
		assert_true(dut->busy_o);
		tb_wait(!dut->busy_o, 1300);
		assert_int_equal(events, 0);
		tb_tick();
		assert_int_equal(step, 5);
		assert_int_equal(events, 1);
		assert_int_equal(reg(GL_BAR0_REVOKE_CYCLES), cycles);
		tb_ticks(tb_below(5));
		assert_int_equal(events, 1);
	}
}

static void busy_shows_and_a_second_start_is_ignored(void **state)
{
	(void)state;
	start();
	assert_int_equal(reg(GL_BAR0_REVOKE), 0);
	inv_wait = inv_work = switch_work = clear_work = 100;
	revoke(7);
	for (unsigned n = 0; n < 18; n++) {
		assert_int_equal(reg(GL_BAR0_REVOKE), GL_BAR0_REVOKE_BUSY_MASK);
		write(GL_BAR0_REVOKE, 9, GL_BAR0_REVOKE_START_MASK); // each() checks the context
		tb_ticks(19);
	}
	tb_wait(!dut->busy_o, 500);
	assert_int_equal(reg(GL_BAR0_REVOKE), 0);
	tb_ticks(50);
	assert_int_equal(events, 1);
	assert_int_equal(reg(0x60), 0); // another block's register
}

static void other_writes_start_nothing(void **state)
{
	(void)state;
	start();
	write(GL_BAR0_REVOKE, 3, ~GL_BAR0_REVOKE_START_MASK);
	write(GL_BAR0_REVOKE_CYCLES, 3, 1);
	write(GL_BAR0_INV_CONTROL, 3, 1);
	tb_ticks(20);
	assert_false(dut->busy_o);
	assert_int_equal(step, 0);
}

// Cycles in which reads are outstanding, or in which the link refuses, do not count for the bound.
static void a_slow_host_does_not_break_the_bound(void **state)
{
	(void)state;
	start();
	free_always = false;
	inv_work = 100000;
	revoke(1);
	tb_wait(!dut->busy_o, 101000);
	assert_in_range(reg(GL_BAR0_REVOKE_CYCLES), 100000, 100020);
	tb_tick();
	assert_int_equal(events, 1);
}

static void reset_ends_it(void **state)
{
	(void)state;
	start();
	inv_work = 1000;
	revoke(1);
	tb_ticks(20);
	tb_each = NULL;
	tb_reset(2);
	start();
	assert_false(dut->busy_o);
	assert_int_equal(reg(GL_BAR0_REVOKE_CYCLES), 0);
	tb_ticks(1500);
	assert_int_equal(events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(steps_come_in_order),
		TB_TEST(busy_shows_and_a_second_start_is_ignored),
		TB_TEST(other_writes_start_nothing),
		TB_TEST(a_slow_host_does_not_break_the_bound),
		TB_TEST(reset_ends_it),
	};
	return TB_RUN(tests);
}
