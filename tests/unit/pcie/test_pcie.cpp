// SPDX-License-Identifier: Apache-2.0
// PCI Express transaction layer: every rule on its own, then random traffic of everything at once.
#include "rc.h"

static void start(void **state)
{
	(void)state;
	rc_start();
}

// --- Configuration space ---

static void the_header_says_what_the_function_is(void **state)
{
	start(state);
	assert_int_equal(cfg_read(0x00), GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID);
	assert_int_equal(cfg_read(0x08) >> 8, 0x020000);
	assert_int_equal(cfg_read(0x0c) >> 16 & 0xff, 0);
	assert_int_equal(cfg_read(0x04) >> 16 & 0x10, 0x10); // capabilities list
	assert_int_equal(cfg_read(0x100), 0);
	assert_int_equal(cfg_read(0xffc), 0);
}

static void bars_show_their_sizes(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t mask, type;
	} bars[] = {
		{ 0x10, 0xffff0000, 0 }, { 0x14, 0, 0 },	  { 0x18, 0xfffe0000, 12 }, { 0x1c, 0xffffffff, 0 },
		{ 0x20, 0xfffff000, 0 }, { 0x24, 0, 0 }, { 0x30, 0, 0 },
	};
	start(state);
	for (unsigned i = 0; i < sizeof bars / sizeof bars[0]; i++) {
		cfg_write(bars[i].reg, 0xffffffff);
		assert_int_equal(cfg_read(bars[i].reg), bars[i].mask | bars[i].type);
		cfg_write(bars[i].reg, 0);
		assert_int_equal(cfg_read(bars[i].reg), bars[i].type);
		cfg_write(bars[i].reg, 0xa5c3b7e9, 5);
		assert_int_equal(cfg_read(bars[i].reg), (0x00c300e9 & bars[i].mask) | bars[i].type);
	}
}

static void bar0_and_bar2_reach_the_targets(void **state)
{
	start(state);
	tgt_log_on = true;
	rc_write32(BAR0_AT + 0x1c, 0x11223344);
	assert_int_equal(bar_read(BAR0_AT + 0x1c), 0x11223344);
	rc_write32(BAR2_AT + 0x1f070, 0x55667788);
	assert_int_equal(bar_read(BAR2_AT + 0x1f070), 0x55667788);
	assert_int_equal(tgt_log.size(), 4);
	assert_true(tgt_log[0].we && tgt_log[0].bar == 0 && tgt_log[0].addr == 0x1c && tgt_log[0].be == 15);
	assert_true(tgt_log[2].we && tgt_log[2].bar == 1 && tgt_log[2].addr == 0x1f070);
	assert_int_equal(ev.ur + ev.malformed, 0);
}

static void writes_reach_host_memory(void **state)
{
	start(state);
	for (unsigned wide = 0; wide < 2; wide++) {
		for (unsigned off = 0; off < 16; off++) {
			for (unsigned len = 1; len < 24; len++)
				nic_write(((uint64_t)wide << 36) + 0x5000 + off, len);
			settle(20000);
		}
	}
}

static void reads_bring_host_memory(void **state)
{
	start(state);
	for (unsigned wide = 0; wide < 2; wide++) {
		for (unsigned off = 0; off < 16; off++) {
			for (unsigned len = 1; len < 24; len++)
				nic_read_mem(((uint64_t)wide << 36) + 0x5000 + off, len);
			settle(20000);
		}
	}
	assert_int_equal(reads_done, 2 * 16 * 23);
	assert_int_equal(reads_failed, 0);
}

static void random_dma(void **state)
{
	start(state);
	dut->cpl_timeout_i = 500000; // the link may be much slower than the NIC
	for (unsigned round = 0; round < 24; round++) {
		set_sizes(round & 1 ? 256 : 128, 128u << tb_below(6));
		opt.rcb = round & 2 ? 128 : 64;
		opt.split = 25 * tb_below(4);
		opt.latency = tb_below(4) * 150;
		opt.tx_stall = tb_below(3) * 30;
		opt.np_stall = tb_below(3) * 30;
		opt.rx_gap = tb_below(3) * 30;
		opt.wdat_gap = tb_below(3) * 30;
		opt.rdat_stall = tb_below(3) * 30;
		for (unsigned i = 0; i < 60; i++)
			nic_random(tb_percent(50));
		settle(300000);
	}
	assert_int_equal(reads_failed, 0);
	assert_int_equal(ev.ur + ev.malformed + ev.poisoned + ev.bad_cpl, 0);
}

static void a_vector_sends_its_message(void **state)
{
	start(state);
	rc_write32(BAR4_AT + 16 * 5 + 0, 0xfee01004);
	rc_write32(BAR4_AT + 16 * 5 + 4, 0x00000001);
	rc_write32(BAR4_AT + 16 * 5 + 8, 0x00004031);
	rc_write32(BAR4_AT + 16 * 5 + 12, 0);
	assert_int_equal(bar_read(BAR4_AT + 16 * 5 + 8), 0x4031);
	msi_table[5].addr = 0x1fee01004ull;
	msi_table[5].data = 0x4031;
	nic_write(0x7000, 200);
	msix_queue.push_back(5);
	step_until(msi_got.size() == 1, 2000);
	settle(1000);
	assert_int_equal(ev.msix_sent, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(the_header_says_what_the_function_is),
		TB_TEST(bars_show_their_sizes),
		TB_TEST(bar0_and_bar2_reach_the_targets),
		TB_TEST(writes_reach_host_memory),
		TB_TEST(reads_bring_host_memory),
		TB_TEST(a_vector_sends_its_message),
		TB_TEST(random_dma),
	};
	return TB_RUN(tests);
}
