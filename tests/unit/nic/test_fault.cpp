// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_fault: the first fault of each context is kept until its record is cleared, later ones are counted; every
// fault asks for DEVICE_NEEDS_RESET; a fault of one context changes no other's record.

#include "tb.h"
#include "guestlane_regs.h"

#ifndef CONTEXTS
#define CONTEXTS 20
#endif

struct fault {
	unsigned ctx, kind, queue;
	uint64_t addr;
	bool write;
};

static struct record {
	bool valid;
	struct fault first;
	uint32_t count;
} records[CONTEXTS];

static unsigned events, events_want;
static unsigned nr_delay; // percent of cycles in which nic_devpage is not ready
static struct fault nr_queue[8];
static unsigned nr_head, nr_tail;

static void each(void)
{
	events += dut->ev_new_o;
	dut->nr_ready_i = !tb_percent(nr_delay);
	dut->eval();
	if (dut->nr_valid_o && dut->nr_ready_i) {
		assert_int_not_equal(nr_head, nr_tail);
		assert_int_equal(dut->nr_ctx_o, nr_queue[nr_head % 8].ctx);
		assert_int_equal(dut->nr_reason_o, GL_RESET_REASON_DMA_REFUSED);
		nr_head++;
	}
}

static void start(void)
{
	memset(records, 0, sizeof(records));
	events = events_want = nr_head = nr_tail = 0;
	nr_delay = 0;
	dut->cfg_we_i = dut->cfg_re_i = dut->flt_valid_i = dut->clr_valid_i = 0;
	tb_each = each;
}

static struct fault some_fault(unsigned ctx)
{
	struct fault f = { ctx, tb_range(1, 7), tb_below(16), tb_rand(), tb_percent(50) };
	return f;
}

static void note(const struct fault *f)
{
	struct record *r = &records[f->ctx];
	if (!r->valid) {
		r->valid = true;
		r->first = *f;
		r->count = 0;
		events_want++;
	}
	if (r->count < 65535)
		r->count++;
	nr_queue[nr_tail++ % 8] = *f;
}

static void offer(const struct fault *f)
{
	dut->flt_valid_i = 1;
	dut->flt_ctx_i = (uint8_t)f->ctx;
	dut->flt_addr_i = f->addr;
	dut->flt_kind_i = (uint8_t)f->kind;
	dut->flt_write_i = f->write;
	dut->flt_queue_i = (uint8_t)f->queue;
}

static void give(const struct fault *f)
{
	offer(f);
	tb_wait(dut->flt_ready_o, 200);
	tb_tick();
	dut->flt_valid_i = 0;
	note(f);
}

static void quiet(void)
{
	tb_wait(dut->idle_o, 200);
	tb_ticks(3);
}

// As nic_mgmt reads: the answer is taken three cycles after the request.
static uint32_t reg(uint32_t offset, unsigned ctx)
{
	dut->cfg_addr_i = offset & 0xff;
	dut->cfg_ctx_i = (uint8_t)ctx;
	dut->cfg_re_i = 1;
	tb_tick();
	dut->cfg_re_i = 0;
	tb_ticks(2);
	tb_eval();
	const uint32_t value = dut->cfg_rdata_o;
	tb_tick();
	assert_int_equal(dut->cfg_rdata_o, value);
	return value;
}

static void clear(unsigned ctx)
{
	dut->cfg_addr_i = GL_BAR0_FAULT_INFO & 0xff;
	dut->cfg_ctx_i = (uint8_t)ctx;
	dut->cfg_we_i = 1;
	tb_tick();
	dut->cfg_we_i = 0;
	records[ctx].valid = false;
}

static void compare(unsigned ctx)
{
	const struct record *r = &records[ctx];
	const uint32_t lo = reg(GL_BAR0_FAULT_LO, ctx), hi = reg(GL_BAR0_FAULT_HI, ctx);
	const uint32_t info = reg(GL_BAR0_FAULT_INFO, ctx);

	if (!r->valid) {
		assert_int_equal(info, 0);
		assert_int_equal(lo | hi, 0);
		return;
	}
	assert_int_equal((uint64_t)hi << 32 | lo, r->first.addr);
	assert_int_equal(info, 1 | r->first.kind << 1 | (uint32_t)r->first.write << 4 |
				       r->first.queue << 8 | r->count << 16);
}

static void compare_next(void)
{
	uint32_t want = 0;
	for (unsigned c = 0; c < CONTEXTS && !want; c++)
		if (records[c].valid)
			want = GL_BAR0_FAULT_NEXT_VALID_MASK | c;
	assert_int_equal(reg(GL_BAR0_FAULT_NEXT, tb_below(CONTEXTS)), want);
}

static void no_records_after_reset(void **state)
{
	(void)state;
	start();
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned c = 0; c < CONTEXTS; c++)
			compare(c);
		compare_next();
		for (unsigned c = 0; c < CONTEXTS; c++) {
			struct fault f = some_fault(c);
			give(&f);
		}
		quiet();
		tb_reset(2);
		memset(records, 0, sizeof(records));
	}
}

static void first_is_kept_and_all_are_counted(void **state)
{
	(void)state;
	start();
	const unsigned c = CONTEXTS - 1;
	for (unsigned n = 0; n < 9; n++) {
		struct fault f = some_fault(c);
		give(&f);
		quiet();
		compare(c);
		assert_int_equal(events, 1);
	}
	assert_int_equal(records[c].count, 9);
	clear(c);
	compare(c);
	struct fault f = some_fault(c);
	give(&f);
	quiet();
	compare(c);
	assert_int_equal(events, 2);
	assert_int_equal(nr_head, 10);
}

static void count_stops_at_its_end(void **state)
{
	(void)state;
	start();
	struct fault f = some_fault(0);
	for (unsigned n = 0; n < 65540; n++)
		give(&f);
	quiet();
	assert_int_equal(records[0].count, 65535);
	compare(0);
}

static void random_faults_and_clears(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 6000; n++) {
		const unsigned c = tb_below(CONTEXTS);
		nr_delay = tb_percent(50) ? 0 : 80;
		switch (tb_below(8)) {
		case 0:
		case 1:
		case 2: {
			struct fault f = some_fault(c);
			give(&f);
			break;
		}
		case 3:
			quiet();
			clear(c);
			break;
		case 4:
			quiet();
			compare_next();
			break;
		default:
			quiet();
			compare(c);
			break;
		}
	}
	quiet();
	for (unsigned c = 0; c < CONTEXTS; c++)
		compare(c);
	assert_int_equal(events, events_want);
	assert_int_equal(nr_head, nr_tail);
}

// The host reads while faults come: an answer is in time and whole.
static void reads_in_the_middle(void **state)
{
	(void)state;
	start();
	struct fault old = some_fault(0);
	give(&old);
	quiet();
	for (unsigned n = 0; n < 2000; n++) {
		struct fault f = some_fault(CONTEXTS - 1);
		if (CONTEXTS == 1)
			f = old;
		if (tb_percent(70))
			give(&f);
		tb_ticks(tb_below(6));
		assert_int_equal(reg(GL_BAR0_FAULT_LO, 0), (uint32_t)old.addr);
		assert_int_equal(reg(GL_BAR0_FAULT_HI, 0), (uint32_t)(old.addr >> 32));
		assert_int_equal(reg(GL_BAR0_FAULT_INFO, 0) & 0xfff,
				 1 | old.kind << 1 | (uint32_t)old.write << 4 | old.queue << 8);
	}
}

// A clear at any moment of a fault of the same context: the record is there or not, whole, and the next fault makes a new one.
static void clear_races_with_a_fault(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 300; n++) {
		const unsigned c = tb_below(CONTEXTS);
		struct fault f = some_fault(c);
		give(&f);
		tb_ticks(n % 10);
		clear(c);
		quiet();
		const uint32_t info = reg(GL_BAR0_FAULT_INFO, c);
		if (info) {
			assert_int_equal(info >> 16, 1);
			assert_int_equal(reg(GL_BAR0_FAULT_LO, c), (uint32_t)f.addr);
			assert_int_equal(reg(GL_BAR0_FAULT_HI, c), (uint32_t)(f.addr >> 32));
			clear(c);
		}
		compare(c);
	}
}

// Clear bus: when it is done the context has no record, even if a fault of it was in work; the others keep theirs.
static void clear_bus(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 400; n++) {
		const unsigned c = tb_below(CONTEXTS), other = tb_below(CONTEXTS);
		nr_delay = tb_below(90);
		struct fault f = some_fault(tb_percent(70) ? c : other);
		struct fault g = some_fault(other);
		if (tb_percent(50))
			give(&g);
		give(&f);
		tb_ticks(n % 8);
		dut->clr_valid_i = 1;
		dut->clr_ctx_i = (uint8_t)c;
		tb_eval();
		assert_false(dut->clr_done_o);
		// A fault that is offered but not taken may still be of the context.
		bool waiting = !dut->idle_o && tb_percent(50);
		struct fault h = some_fault(c);
		if (waiting)
			offer(&h);
		unsigned limit = 400;
		while (!dut->clr_done_o) {
			assert_int_not_equal(limit--, 0);
			tb_eval();
			const bool taken = waiting && dut->flt_ready_o;
			if (taken)
				nr_queue[nr_tail++ % 8] = h;
			tb_tick();
			if (taken)
				dut->flt_valid_i = waiting = false;
		}
		if (waiting) { // withdrawn: its context was stopped
			tb_wait(dut->flt_ready_o, 400);
			dut->flt_valid_i = 0;
		}
		dut->clr_valid_i = 0;
		tb_tick();
		assert_false(dut->clr_done_o);
		records[c].valid = false;
		events_want = events; // whether it came before or after is the unit's choice
		quiet();
		compare(c);
		compare(other);
		compare_next();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(no_records_after_reset),
		TB_TEST(first_is_kept_and_all_are_counted),
		TB_TEST(count_stops_at_its_end),
		TB_TEST(random_faults_and_clears),
		TB_TEST(reads_in_the_middle),
		TB_TEST(clear_races_with_a_fault),
		TB_TEST(clear_bus),
	};
	return TB_RUN(tests);
}
