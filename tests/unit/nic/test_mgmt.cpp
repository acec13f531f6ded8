// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_mgmt with its watchdog: configuration bus, events and vector 0, RESTART, resets. NCTX is 20.

#include "tb.h"
#include "guestlane_regs.h"

#define CONTEXTS 20

static unsigned irqs, events[5]; // pulses of mg_irq_o; pulses given
static unsigned flow_cycles, reset_cycles, run_cycles;
static struct {
	bool we;
	unsigned addr, ctx, count;
	uint32_t data;
} bus;			// the last access on the configuration bus, and how many there were
static uint32_t answer; // what the blocks answer to the next read
static unsigned since_read = 99;				      // cycles since cfg_re_o
static unsigned pend_reads, pend_clears, pend_group, since_pend = 99; // reads of IRQ_PENDING
static uint32_t pend_answer;
static unsigned enables;
static bool enable_value;

static void each(void)
{
	irqs += dut->mg_irq_o;
	flow_cycles += dut->flow_rst_o;
	reset_cycles += dut->nic_rst_o;
	run_cycles += dut->core_run_o;
	if (dut->en_we_o) {
		enables++;
		enable_value = dut->en_value_o;
		assert_true(dut->en_ctx_o < CONTEXTS);
	}
	since_read++;
	// The bits stand from the cycle after the read on.
	if (since_pend == 0)
		dut->pend_data_i = pend_answer;
	since_pend++;
	if (dut->pend_re_o) {
		pend_reads++;
		pend_clears += dut->pend_clear_o;
		pend_group = dut->pend_group_o;
		since_pend = 0;
		dut->pend_data_i = (uint32_t)tb_rand();
	}
	if (dut->cfg_we_o || dut->cfg_re_o) {
		assert_false(dut->cfg_we_o && dut->cfg_re_o);
		bus.we = dut->cfg_we_o;
		bus.addr = dut->cfg_addr_o;
		bus.ctx = dut->cfg_ctx_o;
		bus.data = dut->cfg_wdata_o;
		bus.count++;
		assert_true(bus.ctx < CONTEXTS);
		if (dut->cfg_re_o)
			since_read = 0;
	}
	// Steady in the third and fourth cycle after the request, anything at all otherwise.
	dut->cfg_rdata_i = since_read == 3 || since_read == 4 ? answer : (uint32_t)tb_rand();
	dut->eval();
}

static void start(void)
{
	memset(&bus, 0, sizeof(bus));
	answer = 0;
	dut->tables_ready_i = 1;
	dut->dma_idle_i = 1;
	dut->dma_flight_i = dut->mac_sending_i = 0;
	dut->tgt_valid_i = dut->flr_i = dut->heartbeat_i = dut->mbox_done_i = 0;
	dut->ev_fault_i = dut->ev_inv_i = dut->ev_revoke_i = 0;
	dut->revoke_busy_i = 0;
	dut->time_skip_i = 0;
	tb_each = each;
	tb_ticks(3);
	irqs = flow_cycles = reset_cycles = run_cycles = enables = 0;
}

static void write_be(uint32_t offset, uint32_t value, unsigned be)
{
	dut->tgt_valid_i = 1;
	dut->tgt_we_i = 1;
	dut->tgt_addr_i = (uint16_t)offset;
	dut->tgt_wdata_i = value;
	dut->tgt_be_i = (uint8_t)be;
	tb_wait(dut->tgt_ready_o, 1000);
	tb_tick();
	dut->tgt_valid_i = 0;
}

static void write(uint32_t offset, uint32_t value)
{
	write_be(offset, value, 15);
}

static uint32_t read_be(uint32_t offset, unsigned be)
{
	dut->tgt_valid_i = 1;
	dut->tgt_we_i = 0;
	dut->tgt_addr_i = (uint16_t)offset;
	dut->tgt_be_i = (uint8_t)be;
	tb_wait(dut->tgt_ready_o, 1000);
	tb_tick();
	dut->tgt_valid_i = 0;
	tb_wait(dut->tgt_rvalid_o, 100);
	return dut->tgt_rdata_o;
}

static uint32_t read(uint32_t offset)
{
	return read_be(offset, 15);
}

static const uint32_t own[] = { GL_BAR0_WATCHDOG, GL_BAR0_WATCHDOG_STATE, GL_BAR0_RESTART,
				GL_BAR0_EVENT, GL_BAR0_EVENT_ENABLE };

static bool is_own(uint32_t offset)
{
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i] == offset)
			return true;
	return false;
}

static void config_bus_reaches_the_blocks(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 3000; n++) {
		const uint32_t offset = 0x100 + 4 * tb_below(64), data = (uint32_t)tb_rand();
		const unsigned c = tb_below(tb_percent(80) ? CONTEXTS : 256);

		if (is_own(offset))
			continue;
		write(GL_BAR0_CTX_INDEX, c);
		assert_int_equal(read(GL_BAR0_CTX_INDEX), c);
		bus.count = 0;
		const bool we = tb_percent(50);
		if (we) {
			const unsigned be = tb_percent(80) ? 15 : tb_below(15);
			write_be(offset, data, be);
			tb_ticks(3);
			assert_int_equal(bus.count, c < CONTEXTS && be == 15);
		} else {
			answer = data;
			assert_int_equal(read(offset), c < CONTEXTS ? data : 0);
			assert_int_equal(bus.count, c < CONTEXTS);
			answer = 0;
		}
		if (bus.count) {
			assert_int_equal(bus.we, we);
			assert_int_equal(bus.addr, offset & 0xff);
			assert_int_equal(bus.ctx, c);
			if (we)
				assert_int_equal(bus.data, data);
		}
	}
	// Registers elsewhere do not reach it.
	bus.count = 0;
	write(GL_BAR0_SCRATCH, 5);
	write(GL_BAR0_STAT + 0x100, 5);
	write(0x8100, 5);
	assert_int_equal(read(GL_BAR0_SCRATCH), 5);
	assert_int_equal(read(0x0200), 0);
	assert_int_equal(bus.count, 0);
}

static void capabilities(void **state)
{
	(void)state;
	start();
	const uint32_t caps = read(GL_BAR0_CAPS);
	assert_int_equal(caps & GL_BAR0_CAPS_CONTEXTS_MASK, CONTEXTS);
	assert_int_equal((caps & GL_BAR0_CAPS_LEVELS_MASK) >> GL_BAR0_CAPS_LEVELS_LSB, 3);
}

// Gives the event of one bit, MBOX to REVOKE but WATCHDOG.
static void raise(unsigned bit)
{
	switch (bit) {
	case GL_BAR0_EVENT_MBOX_LSB:
		dut->mbox_done_i = 1;
		break;
	case GL_BAR0_EVENT_FAULT_LSB:
		dut->ev_fault_i = 1;
		break;
	case GL_BAR0_EVENT_INV_LSB:
		dut->ev_inv_i = 1;
		break;
	default:
		dut->ev_revoke_i = 1;
		break;
	}
	tb_eval();
	assert_false(dut->idle_o);
	tb_tick();
	dut->mbox_done_i = dut->ev_fault_i = dut->ev_inv_i = dut->ev_revoke_i = 0;
}

static void mailbox_alone_sends_after_reset(void **state)
{
	(void)state;
	start();
	assert_int_equal(read(GL_BAR0_EVENT_ENABLE), GL_BAR0_EVENT_MBOX_MASK);
	for (unsigned round = 0; round < 2; round++) {
		irqs = 0;
		for (unsigned bit = 0; bit < 5; bit++)
			if (bit != GL_BAR0_EVENT_WATCHDOG_LSB) {
				raise(bit);
				tb_ticks(3);
				assert_int_equal(irqs, 1);
			}
		assert_int_equal(read(GL_BAR0_EVENT), 0x1b);
		write(GL_BAR0_EVENT_ENABLE, 0x1f);
		tb_each = NULL;
		dut->flr_i = 1;
		tb_tick();
		dut->flr_i = 0;
		tb_ticks(100);
		tb_each = each;
		assert_int_equal(read(GL_BAR0_EVENT), 0);
		assert_int_equal(read(GL_BAR0_EVENT_ENABLE), GL_BAR0_EVENT_MBOX_MASK);
	}
}

static void events_set_clear_and_send(void **state)
{
	(void)state;
	start();
	uint32_t want = 0, enable = 1;
	for (unsigned n = 0; n < 2000; n++) {
		const unsigned bit = (unsigned[]){ 0, 1, 3, 4 }[tb_below(4)];
		irqs = 0;
		switch (tb_below(4)) {
		case 0: {
			const uint32_t clear = tb_below(64);
			write(GL_BAR0_EVENT, clear);
			tb_tick();
			want &= ~clear;
			break;
		}
		case 1:
			enable = tb_below(32);
			write(GL_BAR0_EVENT_ENABLE, enable);
			tb_tick();
			assert_int_equal(read(GL_BAR0_EVENT_ENABLE), enable);
			break;
		default:
			raise(bit);
			tb_ticks(2);
			want |= 1u << bit;
			assert_int_equal(irqs, enable >> bit & 1);
			break;
		}
		assert_int_equal(read(GL_BAR0_EVENT), want);
	}
}

// An event in the cycle of its clearing stays.
static void a_new_event_wins_over_its_clearing(void **state)
{
	(void)state;
	start();
	for (unsigned t = 0; t < 6; t++) {
		raise(1);
		dut->tgt_valid_i = dut->tgt_we_i = 1;
		dut->tgt_addr_i = GL_BAR0_EVENT;
		dut->tgt_wdata_i = 0x1f;
		dut->tgt_be_i = 15;
		for (unsigned i = 0; i < 8; i++) {
			dut->ev_fault_i = i == t;
			tb_eval();
			const bool taken = dut->tgt_valid_i && dut->tgt_ready_o;
			tb_tick();
			if (taken)
				dut->tgt_valid_i = 0;
		}
		// The write takes effect in the second cycle.
		assert_int_equal(read(GL_BAR0_EVENT), t >= 1 ? 2 : 0);
		write(GL_BAR0_EVENT, 2);
	}
}

static void a_revoked_context_stays_disabled(void **state)
{
	(void)state;
	start();
	dut->revoke_busy_i = 1;
	dut->revoke_ctx_i = 4;
	for (unsigned c = 0; c < 8; c++) {
		write(GL_BAR0_CTX_INDEX, c);
		enables = 0;
		write(GL_BAR0_CTX_CONTROL, 1);
		tb_ticks(3);
		assert_int_equal(enables, c != 4);
	}
	dut->revoke_busy_i = 0;
	write(GL_BAR0_CTX_INDEX, 4);
	enables = 0;
	write(GL_BAR0_CTX_CONTROL, 1);
	tb_ticks(3);
	assert_int_equal(enables, 1);
	assert_true(enable_value);
}

static void the_watchdog_holds_the_core(void **state)
{
	(void)state;
	start();
	write(GL_BAR0_EVENT_ENABLE, GL_BAR0_EVENT_WATCHDOG_MASK);
	write(GL_BAR0_WATCHDOG, 500);
	assert_int_equal(read(GL_BAR0_WATCHDOG), 500);
	write(GL_BAR0_CONTROL, 0xf);
	for (unsigned n = 0; n < 10; n++) {
		tb_ticks(400);
		dut->heartbeat_i = 1;
		tb_tick();
		dut->heartbeat_i = 0;
		assert_true(dut->core_run_o);
	}
	dut->dma_idle_i = 0;
	assert_int_equal(irqs, 0);
	tb_wait(!dut->core_run_o, 510);
	tb_ticks(3);
	assert_int_equal(irqs, 1);
	assert_false(dut->halt_o); // DMA goes on
	assert_int_equal(read(GL_BAR0_EVENT), GL_BAR0_EVENT_WATCHDOG_MASK);
	assert_int_equal(read(GL_BAR0_WATCHDOG_STATE), GL_BAR0_WATCHDOG_STATE_FIRED_MASK);
	assert_int_equal(read(GL_BAR0_CONTROL), 0xf);
	tb_ticks(100);
	dut->dma_idle_i = 1;
	tb_ticks(50);
	assert_int_equal(read(GL_BAR0_WATCHDOG_STATE), 3);
	write(GL_BAR0_CONTROL, 0xe);
	write(GL_BAR0_CONTROL, 0xf); // not without RESTART
	tb_ticks(10);
	assert_false(dut->core_run_o);
	write(GL_BAR0_RESTART, 1);
	assert_int_equal(read(GL_BAR0_WATCHDOG_STATE), 0);
	assert_int_equal(read(GL_BAR0_CONTROL), 0xe);
	assert_int_equal(read(GL_BAR0_WATCHDOG), 500);
	write(GL_BAR0_CONTROL, 0xf);
	tb_ticks(3);
	assert_true(dut->core_run_o);
}

// RESTART at a busy moment: it waits for DMA and for the revocation, nothing else is reset, BAR0 waits.
/* IRQ_PENDING: each read takes its bits exactly once, and only a whole one does; nothing else reads them. */
static void pending_contexts_are_read_once(void **state)
{
	(void)state;
	start();
	assert_int_equal(read(GL_BAR0_IRQ_MODE), 0);
	assert_false(dut->irq_bits_o);
	write(GL_BAR0_IRQ_MODE, 0xffffffff);
	assert_int_equal(read(GL_BAR0_IRQ_MODE), GL_BAR0_IRQ_MODE_BIT_VECTOR_MASK);
	assert_true(dut->irq_bits_o);
	pend_reads = pend_clears = 0;
	for (unsigned n = 0; n < 1000; n++) {
		const unsigned group = tb_below(8), be = tb_percent(70) ? 15 : tb_below(15);
		const uint32_t other = 4 * tb_below(0xe0 / 4);
		pend_answer = (uint32_t)tb_rand();
		pend_reads = pend_clears = 0;
		assert_int_equal(read_be(GL_BAR0_IRQ_PENDING + 4 * group, be), pend_answer);
		assert_int_equal(pend_reads, 1);
		assert_int_equal(pend_clears, be == 15);
		assert_int_equal(pend_group, group);
		read(other);
		read(GL_BAR0_IRQ_PENDING + 4 * group + 0x100);
		read(GL_BAR0_IRQ_PENDING + 4 * group + 0x200);
		write(GL_BAR0_IRQ_PENDING + 4 * group, ~0u);
		assert_int_equal(pend_reads, 1);
	}
	write(GL_BAR0_IRQ_MODE, 0);
	assert_int_equal(read(GL_BAR0_IRQ_MODE), 0);
	assert_false(dut->irq_bits_o);
	write(GL_BAR0_IRQ_MODE, 1);
	write(GL_BAR0_RESET, 1);
	assert_int_equal(read(GL_BAR0_IRQ_MODE), 0);
}

static void restart(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 200; n++) {
		const uint32_t scratch = (uint32_t)tb_rand();
		write(GL_BAR0_SCRATCH, scratch);
		write(GL_BAR0_CONTROL, 0xf);
		write(GL_BAR0_IRQ_MODERATION, 77);
		write(GL_BAR0_MBOX_DOORBELL, 1);
		tb_ticks(2);
		assert_true(dut->mbox_busy_o);
		assert_true(dut->core_run_o);
		dut->dma_idle_i = tb_percent(50);
		dut->dma_flight_i = tb_percent(50) ? tb_below(32) : 0;
		dut->revoke_busy_i = tb_percent(50);
		dut->mac_sending_i = tb_percent(50);
		const bool waits = !dut->dma_idle_i || dut->dma_flight_i || dut->revoke_busy_i ||
				   dut->mac_sending_i;
		flow_cycles = 0;
		write(GL_BAR0_RESTART, tb_percent(90) ? 1 : 0xffffffff);
		tb_ticks(2);
		run_cycles = 0;
		assert_false(dut->mac_tx_en_o); // no further frame begins
		dut->tgt_valid_i = 1;
		dut->tgt_we_i = 0;
		dut->tgt_addr_i = GL_BAR0_SCRATCH;
		if (waits) {
			for (unsigned t = 0; t < 200; t++) {
				tb_eval();
				assert_false(dut->tgt_ready_o);
				assert_false(dut->idle_o);
				tb_tick();
			}
			assert_int_equal(flow_cycles, 0);
			// Idle in between for less than 32 cycles is not idle.
			const uint8_t mac = dut->mac_sending_i, idle = dut->dma_idle_i,
				      flight = dut->dma_flight_i, busy = dut->revoke_busy_i;
			for (unsigned i = 0; i < 4; i++) {
				dut->dma_idle_i = 1;
				dut->dma_flight_i = 0;
				dut->revoke_busy_i = dut->mac_sending_i = 0;
				tb_ticks(tb_below(31));
				dut->dma_idle_i = idle;
				dut->dma_flight_i = flight;
				dut->revoke_busy_i = busy;
				dut->mac_sending_i = mac;
				tb_ticks(1 + tb_below(10));
			}
			assert_int_equal(flow_cycles, 0);
			dut->dma_idle_i = 1;
			dut->dma_flight_i = 0;
			dut->revoke_busy_i = dut->mac_sending_i = 0;
		}
		tb_wait(dut->tgt_ready_o, 100);
		tb_tick();
		dut->tgt_valid_i = 0;
		tb_wait(dut->tgt_rvalid_o, 100);
		assert_int_equal(dut->tgt_rdata_o, scratch);
		assert_int_equal(flow_cycles, 32);
		assert_int_equal(run_cycles, 0);
		assert_int_equal(reset_cycles, 0);
		assert_false(dut->mbox_busy_o);
		assert_int_equal(read(GL_BAR0_CONTROL), 0xe);
		assert_true(dut->mac_tx_en_o);
		assert_int_equal(read(GL_BAR0_IRQ_MODERATION), 77);
		assert_int_equal(flow_cycles, 32);
	}
	flow_cycles = 0;
	write(GL_BAR0_RESTART, 0);
	write(GL_BAR0_RESTART, 2);
	tb_ticks(100);
	assert_int_equal(flow_cycles, 0);
}

static void reset_stops_all_first(void **state)
{
	(void)state;
	start();
	write(GL_BAR0_CONTROL, 0xf);
	write(GL_BAR0_WATCHDOG, 5000);
	dut->dma_idle_i = 0;
	write(GL_BAR0_RESET, 1);
	tb_ticks(3);
	assert_true(dut->halt_o);
	assert_false(dut->core_run_o);
	tb_ticks(300);
	assert_int_equal(reset_cycles, 0);
	dut->dma_idle_i = 1;
	tb_wait(dut->nic_rst_o, 50);
	assert_int_equal(read(GL_BAR0_CONTROL), 0);
	assert_int_equal(read(GL_BAR0_WATCHDOG), 0);
	assert_int_equal(reset_cycles, 32);
	assert_int_equal(flow_cycles, 0);
	assert_false(dut->halt_o);
}

// A function level reset in the middle of another wait: the requester has forgotten everything, DMA will never be idle.
static void function_level_reset_at_any_moment(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 300; n++) {
		write(GL_BAR0_CONTROL, 1);
		dut->dma_idle_i = tb_percent(50);
		dut->dma_flight_i = dut->dma_idle_i ? 0 : 3;
		const unsigned kind = tb_below(3);
		reset_cycles = 0;
		if (kind == 0)
			write(GL_BAR0_RESET, 1);
		if (kind == 1)
			write(GL_BAR0_RESTART, 1);
		tb_ticks(tb_below(kind == 2 ? 4 : 90));
		dut->flr_i = 1;
		tb_tick();
		dut->flr_i = 0;
		for (unsigned t = 0; t < 200; t++) {
			if (dut->nic_rst_o) {
				dut->dma_idle_i = 1;
				dut->dma_flight_i = 0;
			}
			tb_tick();
		}
		assert_in_range(reset_cycles, 32, 64);
		assert_int_equal(read(GL_BAR0_CONTROL), 0);
		assert_int_equal(read(GL_BAR0_ID), GL_ID_VALUE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(config_bus_reaches_the_blocks),
		TB_TEST(capabilities),
		TB_TEST(mailbox_alone_sends_after_reset),
		TB_TEST(events_set_clear_and_send),
		TB_TEST(a_new_event_wins_over_its_clearing),
		TB_TEST(a_revoked_context_stays_disabled),
		TB_TEST(the_watchdog_holds_the_core),
		TB_TEST(pending_contexts_are_read_once),
		TB_TEST(restart),
		TB_TEST(reset_stops_all_first),
		TB_TEST(function_level_reset_at_any_moment),
	};
	return TB_RUN(tests);
}
