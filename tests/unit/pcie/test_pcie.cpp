// SPDX-License-Identifier: Apache-2.0
// PCI Express transaction layer: every rule on its own, then random traffic of everything at once.
#include "rc.h"

// How long random traffic goes on.
#ifndef ROUNDS
#define ROUNDS 12
#endif

static void start(void **state)
{
	(void)state;
	rc_start();
}

static void program_vector(unsigned v, bool masked)
{
	msi_entry e = { ((uint64_t)(v & 1) << 33) + 0xfee00000u + 16 * v, 0x4000 + v };
	rc_write32(BAR4_AT + 16 * v + 0, (uint32_t)e.addr);
	rc_write32(BAR4_AT + 16 * v + 4, (uint32_t)(e.addr >> 32));
	rc_write32(BAR4_AT + 16 * v + 8, e.data);
	rc_write32(BAR4_AT + 16 * v + 12, masked);
	msi_table[v] = e;
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
		{ 0x10, 0xffff0000, 0 },
		{ 0x14, 0, 0 },
		{ 0x18, 0u - BAR2_SIZE, 12 },
		{ 0x1c, 0xffffffff, 0 },
		{ 0x20, 0u - BAR4_SIZE, 0 },
		{ 0x24, 0, 0 },
		{ 0x30, 0, 0 },
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
	rc_write32(BAR2_AT + BAR2_SIZE - 0x90, 0x55667788);
	assert_int_equal(bar_read(BAR2_AT + BAR2_SIZE - 0x90), 0x55667788);
	assert_int_equal(tgt_log.size(), 4);
	assert_true(tgt_log[0].we && tgt_log[0].bar == 0 && tgt_log[0].addr == 0x1c &&
		    tgt_log[0].be == 15);
	assert_true(tgt_log[2].we && tgt_log[2].bar == 1 && tgt_log[2].addr == BAR2_SIZE - 0x90);
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
	const unsigned v = 5 % VECTORS;
	start(state);
	rc_write32(BAR4_AT + 16 * v + 0, 0xfee01004);
	rc_write32(BAR4_AT + 16 * v + 4, 0x00000001);
	rc_write32(BAR4_AT + 16 * v + 8, 0x00004031);
	rc_write32(BAR4_AT + 16 * v + 12, 0);
	assert_int_equal(bar_read(BAR4_AT + 16 * v + 8), 0x4031);
	msi_table[v].addr = 0x1fee01004ull;
	msi_table[v].data = 0x4031;
	nic_write(0x7000, 200);
	msix_queue.push_back(v);
	step_until(msi_got.size() == 1, 2000);
	settle(1000);
	assert_int_equal(ev.msix_sent, 1);
}

// --- More of configuration space ---

static void capabilities_are_linked(void **state)
{
	unsigned at, n = 0, seen = 0;
	start(state);
	for (at = cfg_read(0x34) & 0xff; at && n < 8; at = cfg_read(at) >> 8 & 0xff, n++)
		seen |= 1u << (cfg_read(at) & 31);
	assert_int_equal(n, 3);
	assert_int_equal(seen, 1u << 1 | 1u << 0x11 | 1u << 0x10);
	assert_int_equal(cfg_read(0x50) >> 16 & 0x7ff, VECTORS - 1);
	assert_int_equal(cfg_read(0x54), 4);		  // table: BAR4, 0
	assert_int_equal(cfg_read(0x58), PBA | 4);	  // PBA: in its second half
	assert_int_equal(cfg_read(0x60) >> 16 & 0xff, 2); // endpoint, version 2
	assert_int_equal(cfg_read(0x64) & 7, 1);	  // 256 bytes
	assert_int_equal(cfg_read(0x64) >> 28 & 1, 1);	  // function level reset
	assert_int_equal(cfg_read(0x68) >> 12 & 7, 2);	  // 512 bytes after reset
}

static void configuration_writes_honour_byte_enables(void **state)
{
	start(state);
	cfg_write(0x3c, 0xffffff5a, 15);
	assert_int_equal(cfg_read(0x3c), 0x5a);
	cfg_write(0x3c, 0xa5, 14);
	assert_int_equal(cfg_read(0x3c), 0x5a);
	cfg_write(0x3c, 0xa5, 0);
	assert_int_equal(cfg_read(0x3c), 0x5a);
	cfg_write(0x04, 0xffff, 2); // the upper half of command only
	assert_int_equal(cfg_read(0x04) & 0xffff, 0x0506);
	cfg_write(0x00, 0xffffffff);
	assert_int_equal(cfg_read(0x00), GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID);
}

static void status_and_control_bits(void **state)
{
	start(state);
	opt.latency_min = 50;
	next_fault = F_POISON;
	cfg_write(0x04, 0x46, 1); // parity error response on
	nic_read_mem(0x1000, 16);
	step_until(reads_failed == 1, 500);
	assert_int_equal(cfg_read(0x04) >> 16 & 0xf900,
			 0x8100); // detected, and master data parity error
	cfg_write(0x04, 0x8100u << 16, 8);
	assert_int_equal(cfg_read(0x04) >> 16 & 0xf900, 0);
	cfg_write(0x70, 0xffffffff); // link control: ASPM, RCB, common clock, extended synch
	assert_int_equal(cfg_read(0x70), 0x001100cb);
	cfg_write(0x90, 0x2, 1);
	assert_int_equal(cfg_read(0x90), 0x2);
	cfg_write(0x0c, 0xffffff10);
	assert_int_equal(cfg_read(0x0c), 0x10);
	cfg_write(0x68, 0xf, 1);
	assert_int_equal(cfg_read(0x68) & 0xf, 0xf);
}

static void completer_id_is_captured_by_configuration_writes(void **state)
{
	dws_t d(1, 0);
	unsigned tag;
	start(state);
	nic_id = 0x7110;
	tag = rc_other_np(2, 4, 1, 0x71100000 | 0x3c, d, SC, false, 0);
	step_until(np_tab[tag].done, 500);
	nic_write(0x1000, 64); // requester ID too
	settle(1000);
	tag = rc_other_np(0, 4, 1, 0x55500000 | 0x3c, dws_t(), SC, true); // reads do not capture
	step_until(np_tab[tag].done, 500);
}

static void unsupported_requests_are_answered_so(void **state)
{
	dws_t one(1, 0x55), four(4, 1);
	unsigned before;
	start(state);
	before = ur_wanted;
	rc_other_np(0, 2, 1, 0x1000, dws_t(), UR, false);     // I/O read
	rc_other_np(2, 2, 1, 0x1000, one, UR, false);	      // I/O write
	rc_other_np(0, 5, 1, 0x3a280000, dws_t(), UR, false); // configuration, type 1
	rc_other_np(2, 5, 1, 0x3a280000, one, UR, false);
	rc_other_np(0, 4, 1, 0x3a290000, dws_t(), UR, false); // function 1
	rc_other_np(2, 4, 1, 0x3a290010, one, UR, false);
	rc_other_np(0, 4, 2, 0x3a280000, dws_t(), UR, false); // two DWs
	rc_other_np(2, 4, 4, 0x3a280010, four, UR, false);
	rc_other_np(2, 12, 1, BAR0_AT, one, UR, false);		// FetchAdd
	rc_other_np(2, 13, 2, BAR0_AT, dws_t(2, 3), UR, false); // Swap
	rc_other_np(2, 14, 4, BAR0_AT, four, UR, false);	// CAS
	rc_other_np(3, 14, 4, BAR0_AT, four, UR, false);	// CAS, 4-DW header
	rc_read(BAR0_AT, 1, 15, 0, true);			// locked
	rc_read(BAR2_AT, 3, 15, 15, true);
	rc_read(0x1000, 1, 15, 0); // no BAR
	rc_read(BAR0_AT + 0x10000, 1, 15, 0);
	rc_read(BAR0_AT - 4, 2, 15, 15);
	rc_read(BAR2_AT + BAR2_SIZE, 4, 12, 1);
	rc_read((1ull << 32) + BAR0_AT, 1, 15, 0); // BAR0 is below 4 GiB
	rc_read(BAR0_AT + 0xff8, 3, 15, 15);	   // crosses 4 KiB
	rc_read(BAR0_AT, 1, 15, 1);		   // last byte enables of one DW
	rc_read(BAR0_AT, 2, 15, 0);
	rc_read(BAR0_AT, 2, 0, 15);
	rc_write(BAR0_AT + 0xff8, dws_t(3, 7), 15, 15);
	rc_write(0x5000, one, 15, 0);
	rc_write(BAR2_AT + BAR2_SIZE, four, 15, 15);
	settle(3000);
	assert_int_equal(ur_wanted - before, 26);
	assert_int_equal(ev.ur, 26);
	assert_int_equal(tgt_reads + tgt_writes, 0);
	assert_int_equal(cfg_read(0x68) >> 16 & 0xf, 0xb); // UR, correctable and non-fatal detected
	cfg_write(0x68, 0xf << 16, 4);
	assert_int_equal(cfg_read(0x68) >> 16 & 0xf, 0);
	assert_int_equal(cfg_read(0x10), BAR0_AT); // poisoned or long writes changed nothing
}

static void memory_space_and_power_state_gate_the_bars(void **state)
{
	start(state);
	for (unsigned i = 0; i < 3; i++) {
		cfg_write(i == 0 ? 0x04 : 0x44, i == 0 ? 4 : i == 1 ? 3 : 0, 1);
		if (i == 1)
			assert_int_equal(cfg_read(0x44) & 3, 3);
		host_mem_on = i == 2;
		rc_write32(BAR0_AT + 4, 1);
		rc_read(BAR0_AT + 4, 1, 15, 0);
		rc_read(BAR4_AT, 1, 15, 0);
		settle(500);
		assert_int_equal(ev.ur, ur_wanted);
		cfg_write(0x04, 6, 1);
	}
	cfg_write(0x44, 2, 1); // D2 does not exist
	assert_int_equal(cfg_read(0x44) & 3, 0);
}

static void poisoned_writes_change_nothing(void **state)
{
	dws_t dw;
	unsigned tag;
	start(state);
	dw.push_back(0x40000001 | 1u << 14);
	dw.push_back((uint32_t)host_id << 16 | 15);
	dw.push_back(BAR0_AT + 8);
	dw.push_back(0x1234);
	rc_send_raw(dw, false);
	settle(500);
	assert_int_equal(ev.poisoned, 1);
	tag = rc_other_np(2, 4, 1, 0x3a280010, dws_t(1, 0xffffffff), UR, false);
	out_np.back().dw[0] |= 1u << 14;
	step_until(np_tab[tag].done, 500);
	assert_int_equal(cfg_read(0x10), BAR0_AT);
	assert_int_equal(cfg_read(0x04) >> 31, 1); // detected parity error
	assert_int_equal(tgt_writes, 0);
}

static void messages_are_taken_silently(void **state)
{
	start(state);
	for (unsigned r = 0; r < 8; r++) {
		for (unsigned len = 0; len < 3; len++) {
			dws_t dw;
			dw.push_back((len ? 0x60000000u : 0x20000000u) | (16 + r) << 24 | len);
			dw.push_back((uint32_t)host_id << 16 | (len ? 0x50 : 0x19));
			dw.push_back(0);
			dw.push_back(0);
			dw.resize(4 + len, 0xabcd);
			rc_send_raw(dw, false);
		}
	}
	settle(1000);
	assert_int_equal(ev.ur + ev.malformed + ev.poisoned, 0);
}

// --- Target accesses ---

static void every_byte_enable_of_short_requests(void **state)
{
	start(state);
	for (unsigned len = 1; len < 4; len++) {
		for (unsigned be = 0; be < (len == 1 ? 16u : 256u); be++) {
			for (unsigned at = 0; at < 2; at++) {
				uint64_t addr = (be & 1 ? BAR0_AT : BAR2_AT) + 0x78 + 4 * at;
				dws_t d;
				for (unsigned i = 0; i < len; i++)
					d.push_back((uint32_t)tb_rand());
				rc_write(addr, d, be & 15, be >> 4);
				rc_read(addr, len, be & 15, be >> 4);
			}
			settle(2000);
		}
	}
	assert_int_equal(ev.ur, ur_wanted);
	assert_int_equal(ev.malformed, 0);
}

static void a_zero_length_read_touches_no_target(void **state)
{
	start(state);
	rc_write32(BAR0_AT + 0x100, 5);
	rc_read(BAR0_AT + 0x100, 1, 0, 0);
	settle(500);
	assert_int_equal(tgt_reads, 0);
	assert_int_equal(tgt_writes, 1);
}

static void long_reads_are_split_at_128_bytes(void **state)
{
	start(state);
	rc_read(BAR2_AT + BAR2_SIZE - 0x1000, 1024, 15, 15);
	rc_read(BAR2_AT + BAR2_SIZE - 4, 1, 8, 0);
	rc_read(BAR0_AT + 0x007c, 33, 8, 1);
	rc_read(BAR0_AT + 0x0000, 32, 15, 15);
	rc_read(BAR0_AT + 0x0004, 32, 14, 7);
	settle(50000);
	assert_int_equal(tgt_reads, 1024 + 1 + 33 + 32 + 32);
}

static void random_target_accesses(void **state)
{
	start(state);
	for (unsigned round = 0; round < 12; round++) {
		opt.tgt_stall = 40 * tb_below(3);
		opt.tgt_latency = 10 * tb_below(3);
		opt.tx_stall = 40 * tb_below(3);
		opt.rx_gap = 40 * tb_below(3);
		for (unsigned i = 0; i < 80; i++) {
			uint64_t base = tb_percent(50) ? BAR0_AT + 0x1000 * tb_below(16)
						       : BAR2_AT + 0x1000 * tb_below(NCTX);
			unsigned dw = tb_below(1024), len = 1 + tb_below(tb_percent(80) ? 8 : 64),
				 fbe, lbe;
			if (dw + len > 1024 && tb_percent(90))
				len = 1024 - dw;
			if (len * 4 > opt.mps)
				len = opt.mps / 4;
			fbe = 1 + tb_below(15);
			lbe = len > 1 ? 1 + tb_below(15) : 0;
			if (tb_percent(50)) {
				dws_t d;
				for (unsigned k = 0; k < len; k++)
					d.push_back((uint32_t)tb_rand());
				rc_write(base + 4 * dw, d, fbe, lbe);
			} else {
				rc_read(base + 4 * dw, len, fbe, lbe);
			}
		}
		for (unsigned i = 0; i < 30; i++)
			nic_random(true);
		settle(200000);
	}
	assert_int_equal(ev.ur, ur_wanted);
	assert_int_equal(ev.malformed + ev.poisoned + ev.bad_cpl, 0);
	assert_in_range(np_most, 2, 15 + 16); // those in the completion FIFO count no more
}

static void posted_writes_pass_reads_that_are_stuck(void **state)
{
	start(state);
	opt.tx_block = true;
	ignore_np_ok = true;
	for (unsigned i = 0; i < 14; i++) // more than the completion FIFO holds
		rc_read(BAR0_AT, 32, 15, 15);
	steps(3000);
	for (unsigned i = 0; i < 200; i++)
		rc_write32(BAR0_AT + 4 * i, i);
	step_until(writes_done == 200, 8000);
	opt.tx_block = false;
	settle(20000);
}

static void posted_writes_do_not_wait_for_ours(void **state)
{
	start(state);
	for (unsigned v = 0; v < VECTORS; v++)
		program_vector(v, false);
	settle(100 * VECTORS + 2000);
	opt.tx_block = true;
	for (unsigned i = 0; i < 20; i++)
		nic_write(0x40001000, 256);
	for (unsigned i = 0; i < 20; i++)
		msix_queue.push_back(i % VECTORS);
	steps(1000);
	for (unsigned i = 0; i < 200; i++) {
		rc_write32(BAR4_AT + 16 * (i % VECTORS) + 8, i);
		msi_table[i % VECTORS].data = i;
		rc_write32(BAR0_AT + 4 * i, i);
	}
	// The message that waits has its data already.
	msi_table.clear();
	step_until(writes_done == 200, 8000);
	opt.tx_block = false;
	steps(100);
}

static void np_ok_bounds_the_reads_inside(void **state)
{
	start(state);
	opt.tx_block = true;
	for (unsigned i = 0; i < 100; i++)
		rc_read(BAR0_AT + 4 * i, 1, 15, 0);
	steps(2000);
	assert_false(dut->tlp_rx_np_ok_o);
	assert_in_range(np_sent_unanswered, 8, 15 + 16);
	opt.tx_block = false;
	settle(20000);
	assert_true(dut->tlp_rx_np_ok_o);
}

// --- Requester ---

static void a_64_byte_write_costs_at_most_12_cycles(void **state)
{
	// Header 3 or 4 DWs + 16 DWs of data = 10 beats; one cycle to choose the next TLP; 12 leaves one to spare.
	start(state);
	for (unsigned wide = 0; wide < 2; wide++) {
		for (unsigned off = 0; off < 8; off++) {
			uint64_t first;
			for (unsigned i = 0; i < 100; i++)
				nic_write(((uint64_t)wide << 40) + 0x100000 + 4096 * i + 64 + off,
					  64 - off);
			step_until(count_write_tlps >= 10, 1000);
			first = tb_cycles;
			step_until(count_write_tlps >= 90, 5000);
			CHECK((tb_cycles - first) <= 80 * 12, "%llu cycles for 80 writes",
			      (unsigned long long)(tb_cycles - first));
			if (off == 0)
				printf("# %.2f cycles for a write of 64 bytes (%s header)\n",
				       (double)(tb_cycles - first) / 80, wide ? "4-DW" : "3-DW");
			settle(5000);
			count_write_tlps = 0;
		}
	}
}

static void reads_keep_the_link_busy(void **state)
{
	uint64_t first;
	start(state);
	opt.rcb = 128;
	dut->cpl_timeout_i = 100000;
	for (unsigned mps = 128; mps <= 256; mps += 128) {
		unsigned done = reads_done;
		set_sizes(mps, 512);
		for (unsigned i = 0; i < 80; i++)
			nic_read_mem(0x100000 + 4096ull * i, 1536);
		step_until(reads_done == done + 10, 20000);
		first = tb_cycles;
		step_until(reads_done == done + 70, 50000);
		printf("# %.2f bits per cycle read with %u-byte completions\n",
		       60 * 1536 * 8.0 / (double)(tb_cycles - first), mps);
		assert_true(60 * 1536 * 8 / (tb_cycles - first) >= 32);
		settle(20000);
	}
}

static void page_sized_requests_and_page_ends(void **state)
{
	start(state);
	for (unsigned r = 0; r < 6; r++) {
		set_sizes(r & 1 ? 256 : 128, 128u << r);
		nic_write(0x7000, 4096);
		nic_read_mem(0x9000, 4096);
		nic_write(0x1800001000ull, 4096);
		nic_read_mem(0x1800003000ull, 4096);
		for (unsigned n = 1; n < 9; n++) {
			nic_write(0x1000 - n, n);
			nic_read_mem(0x6000 - n, n);
			nic_write(0x2000000001000ull - n, n);
			nic_read_mem(0x2000000006000ull - n, n);
		}
		settle(100000);
	}
	assert_int_equal(reads_failed, 0);
}

static void max_payload_and_read_request_follow_the_register(void **state)
{
	start(state);
	cfg_write(0x68, 7u << 5 | 7u << 12, 3); // beyond what is supported: the largest there is
	assert_int_equal(cfg_read(0x68) >> 5 & 7, 7);
	opt.mps = 256;
	opt.mrrs = 4096;
	nic_write(0x7000, 1024);
	nic_read_mem(0x9000, 4096);
	settle(10000);
	assert_int_equal(count_write_tlps, 4);
	assert_int_equal(count_read_tlps, 1);
}

static void without_bus_master_nothing_is_sent(void **state)
{
	start(state);
	cfg_write(0x04, 2, 1);
	assert_false(dut->cfg_bus_master_o);
	drop_writes = true;
	for (unsigned i = 0; i < 40; i++)
		nic_random(tb_percent(50));
	nic_read_mem(0x2000, 4096);
	settle(100000);
	assert_int_equal(count_write_tlps + count_read_tlps, 0);
	assert_true(reads_failed > 0 && reads_failed == reads_done);
	cfg_write(0x04, 6, 1);
	drop_writes = false;
	for (unsigned i = 0; i < 20; i++)
		nic_random(tb_percent(50));
	settle(100000);
}

static void reads_never_pass_writes(void **state)
{
	start(state);
	opt.wdat_gap = 70;
	opt.tx_stall = 50;
	for (unsigned i = 0; i < 100; i++) {
		nic_write(0x40001000, 1 + tb_below(300));
		nic_read_mem(0x1000 + 32 * i, 1 + tb_below(16));
	}
	settle(200000);
}

static void writes_pass_reads_that_have_no_credit(void **state)
{
	start(state);
	dut->cpl_timeout_i = 1000000;
	opt.np_block = true;
	credits = 0;
	for (unsigned i = 0; i < IDS; i++)
		nic_read_mem(0x1000 + 4096 * i, 4096);
	for (unsigned i = 0; i < 50; i++)
		nic_write(0x40001000, 256);
	step_until(wr_seen == 50 * 256 && wr_sent == 50, 10000);
	assert_int_equal(bar_read(BAR0_AT), tgt_get(0, 0)); // completions too
	assert_int_equal(count_read_tlps, 0);
	opt.np_block = false;
	settle(100000);
	assert_int_equal(reads_done, IDS);
}

// The walker's reads do not queue behind those of the DMA engine.
static void ids_from_16_on_go_first(void **state)
{
	start(state);
	dut->cpl_timeout_i = 1000000;
	opt.np_block = true;
	credits = 0;
	only_ids = WALKER;
	for (unsigned i = 0; i < WALKER; i++)
		nic_read_mem(0x1000 + 4096 * i, 4096);
	step_until(req_queue.empty() && !req_shown, 200);
	only_ids = IDS;
	for (unsigned i = 0; i < 16; i++) { // all ids below 16 are out
		nic_read_mem(0x100000 + 4096 * i, tb_percent(50) ? 8 : 64);
	}
	step_until(req_queue.empty() && !req_shown, 200);
	assert_int_equal(walk_order.size(), 16);
	opt.np_block = false;
	step_until(walk_order.empty(), 5000);
	assert_true(read_order.size() >= 15); // one had begun
	settle(100000);
}

// An MSI-X message is not a write of the requester, and a write that is dropped counts as sent.
static void wr_sent_counts_writes(void **state)
{
	start(state);
	program_vector(1, false);
	opt.tx_stall = 60;
	for (unsigned i = 0; i < 40; i++) {
		nic_write(0x40001000 + 8 * i, 1 + tb_below(400));
		if (i % 3 == 0)
			msix_queue.push_back(1);
	}
	settle(20000);
	assert_int_equal(wr_sent, 40);
	// The last beat of a write waits for the link while later ones are dropped: they do not overtake it.
	opt.tx_stall = 0;
	nic_write(0x40001000, 64);
	step_until(dut->tlp_tx_valid_o && dut->tlp_tx_eop_o, 100);
	opt.tx_block = true;
	rc_other_np(2, 4, 1, (uint32_t)nic_id << 16 | 4, dws_t(1, 2), SC, false, 3);
	step_until(!dut->cfg_bus_master_o, 100);
	drop_writes = true;
	for (unsigned i = 0; i < 5; i++)
		nic_write(0x40001000, 64);
	steps(200);
	assert_int_equal(wr_sent, 40);
	opt.tx_block = false;
	settle(1000);
	assert_int_equal(wr_sent, 46);
}

static void a_read_without_credit_times_out(void **state)
{
	start(state);
	dut->cpl_timeout_i = 1000;
	opt.np_block = true;
	credits = 0;
	nic_read_mem(0x1000, 700);
	steps(20);
	assert_true(reads[0].active || !read_order.empty() || !walk_order.empty());
	for (int i = 0; i < IDS; i++)
		reads[i].may_fail = 1u << ST_TIMEOUT;
	read_order.clear();
	walk_order.clear();
	step_until(reads_done == 1, 5000);
	assert_int_equal(reads_failed, 1);
	opt.np_block = false;
	nic_read_mem(0x2000, 700);
	settle(5000);
	assert_int_equal(reads_failed, 1);
}

// One kind of fault in answer to single reads, then a good read.
static void one_fault(fault f, unsigned status)
{
	unsigned failed = reads_failed;
	for (unsigned i = 0; i < 12; i++) {
		unsigned done = reads_done;
		next_fault = f;
		nic_read_mem(0x1000 + tb_below(2000), 1 + tb_below(600));
		step_until(reads_done > done, 8 * dut->cpl_timeout_i);
		failed += status != ST_OK;
		assert_int_equal(reads_failed, failed);
	}
	steps(3 * dut->cpl_timeout_i);
	nic_read_mem(0x3000, 500);
	settle(5000);
	assert_int_equal(reads_failed, failed);
}

static void faults_of_each_kind(void **state)
{
	static const unsigned status[F_COUNT] = { ST_OK,       ST_ABORT,   ST_ABORT,   ST_ABORT,
						  ST_POISONED, ST_TIMEOUT, ST_TIMEOUT, ST_TIMEOUT };
	start(state);
	dut->cpl_timeout_i = 1500;
	for (unsigned f = 1; f < F_COUNT; f++)
		one_fault((fault)f, status[f]);
	assert_int_equal(ev.bad_cpl, count_bad_expected);
	assert_int_equal(cfg_read(0x04) >> 28 & 0xb,
			 0xb); // master abort, target abort and parity error were seen
}

static void random_faults(void **state)
{
	start(state);
	dut->cpl_timeout_i = 20000;
	opt.fault_percent = 15;
	for (unsigned round = 0; round < 12; round++) {
		set_sizes(round & 1 ? 256 : 128, 128u << tb_below(6));
		opt.rcb = round & 2 ? 128 : 64;
		opt.split = 25 * tb_below(4);
		opt.latency = tb_below(4) * 100;
		opt.rx_gap = tb_below(2) * 30;
		opt.rdat_stall = tb_below(2) * 30;
		for (unsigned i = 0; i < 40; i++)
			nic_random(tb_percent(20));
		settle(2000000);
		step_until(host_pending.empty(), 200000);
	}
	settle(1000);
	assert_true(reads_failed > 20);
	assert_int_equal(ev.bad_cpl, count_bad_expected);
	assert_int_equal(ev.ur + ev.malformed, 0);
}

static void time_outs_race_with_completions(void **state)
{
	// Completions come about when the time is up: both endings are right, but a time-out only when the time is up.
	start(state);
	dut->cpl_timeout_i = 3000;
	for (unsigned round = 0; round < 40; round++) {
		opt.latency = 2000 + tb_below(1500);
		opt.rdat_stall = 30 * tb_below(3);
		check_timeouts = true;
		for (unsigned i = 0; i < 40; i++)
			nic_read_mem(0x1000 + tb_below(1000),
				     1 + tb_below(tb_percent(50) ? 2000 : 50));
		settle(100000);
		step_until(host_pending.empty(), 10000);
	}
	assert_true(reads_failed > 20 && reads_failed < reads_done - 20);
}

static void time_outs_can_be_switched_off(void **state)
{
	start(state);
	dut->cpl_timeout_i = 300;
	cfg_write(0x88, 0x10, 1);
	assert_int_equal(cfg_read(0x88), 0x10);
	opt.latency_min = 1500;
	for (unsigned i = 0; i < 8; i++)
		nic_read_mem(0x1000, 700);
	settle(20000);
	assert_int_equal(reads_failed, 0);
}

static void all_tags_lost_and_found(void **state)
{
	// 32 tags time out; only after a second time-out do they serve again.
	uint64_t lost;
	start(state);
	dut->cpl_timeout_i = 2000;
	set_sizes(128, 128);
	for (unsigned i = 0; i < 8; i++)
		nic_read_mem(0x1000, 512);
	while (count_read_tlps < 32) {
		next_fault = F_SILENT;
		step();
	}
	next_fault = F_NONE;
	step_until(reads_done == 8, 10000);
	assert_int_equal(dut->req_flight_o, 0);
	lost = tb_cycles;
	nic_read_mem(0x1000, 512);
	step_until(reads_done == 9, 10000);
	assert_in_range(tb_cycles - lost, 1000, 4500);
	assert_int_equal(reads_failed, 8);
	settle(5000);
}

// --- MSI-X ---

static void the_table_keeps_what_is_written(void **state)
{
	start(state);
	assert_int_equal(bar_read(BAR4_AT + 12), 1); // masked after reset
	assert_int_equal(bar_read(BAR4_AT + (VECTORS - 1) * 16 + 12), 1);
	for (unsigned i = 0; i < VECTORS * 4u; i++)
		rc_write32(BAR4_AT + 4 * i, i * 0x01234567u);
	for (unsigned i = 0; i < VECTORS * 4u; i++) {
		uint32_t want = i * 0x01234567u & ((i & 3) == 0 ? ~3u : (i & 3) == 3 ? 1u : ~0u);
		assert_int_equal(bar_read(BAR4_AT + 4 * i), want);
	}
	rc_write(BAR4_AT + 8, dws_t(1, 0xaabbccdd), 6, 0);
	assert_int_equal(bar_read(BAR4_AT + 8), (2 * 0x01234567u & 0xff0000ff) | 0x00bbcc00);
	rc_write32(BAR4_AT + VECTORS * 16, 0xffffffff); // beyond the table
	assert_int_equal(bar_read(BAR4_AT + VECTORS * 16), 0);
	rc_write32(BAR4_AT + PBA, 0xffffffff); // the PBA is read-only
	assert_int_equal(bar_read(BAR4_AT + PBA), 0);
	assert_int_equal(bar_read(BAR4_AT + BAR4_SIZE - 4), 0);
	{ // a read of several entries at once
		unsigned tag = rc_read(BAR4_AT, 8, 15, 15);
		step_until(np_tab[tag].done, 2000);
		assert_int_equal(np_tab[tag].data[5], 5 * 0x01234567u);
	}
}

// Word of the pending bit array.
static uint32_t pba(unsigned word)
{
	return bar_read(BAR4_AT + PBA + 4 * word);
}

static void a_masked_vector_is_sent_at_unmask(void **state)
{
	const unsigned low = 0, high = VECTORS - 1;
	start(state);
	program_vector(low, true);
	program_vector(high, true);
	settle(500);
	msix_queue.push_back(low);
	msix_queue.push_back(low);
	msix_queue.push_back(high);
	steps(200);
	assert_int_equal(msi_got.size(), 0);
	assert_int_equal(ev.msix_masked, 2);
	assert_true(pba(0) & 1u << low);
	assert_true(pba(high / 32) & 1u << high % 32);
	rc_write32(BAR4_AT + low * 16 + 12, 0);
	step_until(msi_got.size() == 1, 3 * VECTORS + 500);
	assert_int_equal(msi_got[0], low);
	assert_false(pba(0) & 1u << low);
	rc_write32(BAR4_AT + high * 16 + 12, 0);
	step_until(msi_got.size() == 2, 3 * VECTORS + 500);
	assert_int_equal(pba(high / 32), 0);
	steps(500);
	assert_int_equal(msi_got.size(), 2);
	assert_int_equal(ev.msix_sent, 2);
}

// Revocation: what was pending of the vector is forgotten, and no message of it is on its way; others keep theirs.
static void a_cleared_vector_sends_nothing(void **state)
{
	start(state);
	for (unsigned v = 0; v < VECTORS; v++)
		program_vector(v, true);
	settle(100 * VECTORS + 2000);
	for (unsigned n = 0; n < 60; n++) {
		const unsigned c = tb_below(VECTORS), other = (c + 1) % VECTORS;
		const bool masked = tb_percent(70);

		rc_write32(BAR4_AT + 16 * c + 12, masked);
		settle(5000);
		msi_got.clear();
		opt.tx_stall = masked ? 0 : 90; // a message may be on its way
		msix_queue.push_back(other);
		msix_queue.push_back(c);
		while (!msix_queue.empty())
			steps(1);
		steps(masked ? tb_below(40) : tb_below(10));
		dut->msix_clr_valid_i = 1;
		dut->msix_clr_vector_i = c;
		step_until(dut->msix_clr_done_o, 20000);
		assert_false(pba(c / 32) >> c % 32 & 1);
		assert_int_equal(msi_got.size(), !masked); // its message was sent before
		dut->msix_clr_valid_i = 0;
		opt.tx_stall = 0;
		steps(2);
		assert_false(dut->msix_clr_done_o);
		msi_got.clear();
		rc_write32(BAR4_AT + 16 * c + 12, 0);
		settle(5000);
		steps(3 * VECTORS);
		assert_int_equal(msi_got.size(), 0);
		rc_write32(BAR4_AT + 16 * c + 12, 1);
		rc_write32(BAR4_AT + 16 * other + 12, 0);
		step_until(msi_got.size() == 1, 3 * VECTORS + 500);
		assert_int_equal(msi_got[0], other);
		rc_write32(BAR4_AT + 16 * other + 12, 1);
		settle(5000);
		msi_before.clear(); // what was forgotten is owed no more
	}
}

static void function_mask_enable_and_bus_master_hold_all(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t off, on;
		unsigned be;
	} gate[] = { { 0x50, 0xc0000000, 0x80000000, 8 },
		     { 0x50, 0, 0x80000000, 8 },
		     { 0x04, 2, 6, 1 } };
	start(state);
	for (unsigned v = 0; v < VECTORS; v++)
		program_vector(v, false);
	settle(100 * VECTORS + 2000);
	for (unsigned g = 0; g < 3; g++) {
		msi_got.clear();
		cfg_write(gate[g].reg, gate[g].off, gate[g].be);
		unsigned asked = 0;
		for (unsigned v = 0; v < VECTORS; v += 3, asked++)
			msix_queue.push_back(v);
		steps(10 * VECTORS);
		assert_int_equal(msi_got.size(), 0);
		assert_int_equal(pba(0), (uint32_t)(0x249249249ull &
						    ((1ull << (VECTORS < 32 ? VECTORS : 32)) - 1)));
		cfg_write(gate[g].reg, gate[g].on, gate[g].be);
		step_until(msi_got.size() == asked, 30 * VECTORS + 500);
		assert_int_equal(pba(0), 0);
	}
	msi_got.clear();
	msix_queue.push_back(VECTORS); // no such vector
	msix_queue.push_back(511);
	msix_queue.push_back(1);
	step_until(msi_got.size() == 1, 500);
	settle(500);
}

static void random_masks(void **state)
{
	bool masked[VECTORS];
	start(state);
	for (unsigned v = 0; v < VECTORS; v++) {
		program_vector(v, true);
		masked[v] = true;
	}
	opt.tx_stall = 30;
	opt.wdat_gap = 30;
	for (unsigned i = 0; i < 1500; i++) {
		unsigned v = tb_below(VECTORS);
		if (tb_percent(50)) {
			masked[v] = !masked[v];
			rc_write32(BAR4_AT + 16 * v + 12, masked[v]);
		}
		if (tb_percent(70))
			msix_queue.push_back(tb_below(VECTORS));
		if (tb_percent(20))
			nic_random(true);
		if (tb_percent(10))
			rc_read(BAR4_AT + PBA, 2, 15, 15);
		steps(tb_below(60));
	}
	for (unsigned v = 0; v < VECTORS; v++)
		rc_write32(BAR4_AT + 16 * v + 12, 0);
	settle(100000);
	steps(1000);
	check_no_vector_lost();
	assert_int_equal(ev.msix_sent, msi_got.size());
	for (unsigned i = 0; i < (VECTORS + 31) / 32; i++)
		assert_int_equal(pba(i), 0);
}

// --- Malformed TLPs ---

static dws_t good_write(unsigned len)
{
	dws_t dw;
	dw.push_back(0x40000000 | len);
	dw.push_back((uint32_t)host_id << 16 | (len > 1 ? 0xff : 0x0f));
	dw.push_back(BAR0_AT + 0x40);
	for (unsigned i = 0; i < len; i++)
		dw.push_back(0xbad00000 + i);
	return dw;
}

static void malformed_tlps_are_counted_and_dropped(void **state)
{
	unsigned want = 0;
	dws_t d;
	start(state);
	for (unsigned len = 2; len < 6; len++) {
		for (int delta = -2; delta <= 3; delta++) { // cut off, too long
			if (delta == 0)
				continue;
			d = good_write(len);
			d.resize(d.size() + (size_t)delta, 1);
			rc_send_raw(d, false);
			want++;
		}
	}
	d = good_write(40); // above Max_Payload_Size
	rc_send_raw(d, false);
	d = good_write(33);
	d[0] = (d[0] & ~0xff000000u) | 0x4a000000; // completion above Max_Payload_Size
	rc_send_raw(d, false);
	want += 2;
	static const uint32_t unknown[] = {
		0x80, 0xa0, 0xc0, 0xe0,	       0x41, 0x61, 0x03, 0x06, 0x22,
		0x62, 0x24, 0x64, 0x4c ^ 0x40, 0x2d, 0x0e, 0x0f, 0x10, 0x50,
		0x2a, 0x6a, 0x1b, 0x5b,	       0x5f, 0x07, 0x08, 0x09, 0x68,
	};
	for (unsigned i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		d = good_write(1);
		d[0] = unknown[i] << 24 | 1;
		rc_send_raw(d, false);
		want++;
	}
	d.resize(2); // a single beat
	rc_send_raw(d, false);
	want++;
	d = good_write(8);
	rc_send_raw(d, false);
	out_pc.back().no_sop = true; // no start
	want++;
	d = good_write(8);
	rc_send_raw(d, false);
	out_pc.back().no_eop = true; // no end: the next sop cuts it
	d.resize(7);
	rc_send_raw(d, false);
	out_pc.back().no_eop = true;
	want += 2;
	rc_write32(BAR0_AT + 0x44, 0x600d); // all well again
	settle(5000);
	steps(100);
	assert_int_equal(ev.malformed, want);
	assert_int_equal(tgt_writes, 1);
	assert_int_equal(ev.ur, 0);
	assert_int_equal(cfg_read(0x68) >> 18 & 1, 1); // fatal error detected
	assert_int_equal(bar_read(BAR0_AT + 0x44), 0x600d);
}

static void any_garbage_is_survived(void **state)
{
	start(state);
	tgt_log_on = false;
	for (unsigned round = 0; round < 60; round++) {
		unsigned before = ev.malformed;
		for (unsigned i = 0; i < 20; i++) {
			dws_t d;
			unsigned n = 1 + tb_below(12);
			for (unsigned k = 0; k < n; k++)
				d.push_back((uint32_t)tb_rand());
			// Nothing that would be carried out: Fmt and Type that are unknown, or a length that does not fit.
			if (tb_percent(50))
				d[0] |= 0x80000000;
			else
				d[0] = (d[0] & ~0x3ffu) | (n + 2 + tb_below(20)) | 0x40000000;
			rc_send_raw(d, false);
			out_pc.back().no_sop = tb_percent(20);
			out_pc.back().no_eop = tb_percent(20);
		}
		rc_write32(BAR0_AT + 0x48, round);
		rc_read(BAR0_AT + 0x48, 1, 15, 0);
		nic_random(true);
		nic_random(false);
		settle(20000);
		assert_true(ev.malformed > before);
	}
}

static void unexpected_completions_are_counted(void **state)
{
	start(state);
	for (unsigned tag = 0; tag < 64; tag += 3) {
		bool data = tb_percent(50);
		rc_complete(tag, nic_id, tb_below(3), 4, 0, dws_t(data, 5), data, false, false);
		count_bad_expected++;
		steps(30);
	}
	settle(1000);
	assert_int_equal(ev.bad_cpl, count_bad_expected);
	nic_read_mem(0x100, 100);
	settle(1000);
}

// --- Resets ---

static void function_level_reset(void **state)
{
	dws_t d(1, 0x8000);
	unsigned tag;
	start(state);
	set_sizes(256, 1024);
	program_vector(1, false);
	settle(1000);
	tag = rc_other_np(2, 4, 1, 0x3a280068, d, SC, false, 2);
	step_until(np_tab[tag].done, 500);
	steps(300);
	assert_int_equal(ev.flr, 1);
	assert_int_equal(cfg_read(0x04) & 0x7ff, 0);
	assert_int_equal(cfg_read(0x10), 0);
	assert_int_equal(cfg_read(0x50) >> 30, 0);
	assert_int_equal(cfg_read(0x68) >> 5 & 7, 1); // Max_Payload_Size stays
	assert_int_equal(cfg_read(0x68) >> 12 & 7, 2);
	host_mem_on = false;
	cfg_write(0x10, BAR0_AT);
	cfg_write(0x20, BAR4_AT);
	cfg_write(0x04, 6, 3);
	host_mem_on = true;
	assert_int_equal(bar_read(BAR4_AT + 1 * 16 + 12), 1);
	assert_int_equal(bar_read(BAR4_AT + 1 * 16 + 8), 0);
}

static void function_level_reset_forgets_reads(void **state)
{
	unsigned tag, n;
	start(state);
	opt.latency_min = 400;
	for (unsigned i = 0; i < 6; i++)
		nic_read_mem(0x1000, 64);
	step_until(count_read_tlps == 6, 500);
	assert_int_equal(cfg_read(0x68) >> 21 & 1, 1); // transactions pending
	n = (unsigned)host_pending.size();
	assert_int_equal(n, 6);
	tag = rc_other_np(2, 4, 1, 0x3a280068, dws_t(1, 0x8000), SC, false, 2);
	step_until(np_tab[tag].done, 500);
	host_mem_on = false;
	for (int i = 0; i < IDS; i++)
		reads[i].active = false;
	assert_int_equal(cfg_read(0x68) >> 21 & 1, 0);
	step_until(host_pending.empty(), 2000);
	settle(16 * VECTORS + 1000); // the MSI-X table is swept again
	assert_int_equal(ev.bad_cpl, 6);
	assert_int_equal(reads_done, 0);
}

static void target_accesses_wait_while_the_nic_side_is_in_reset(void **state)
{
	unsigned tag;
	start(state);
	opt.tgt_latency = 0;
	tgt_silent = true;
	tag = rc_read(BAR0_AT + 8, 1, 15, 0);
	step_until(tgt_pending, 500);
	dut->nic_rst_i = 1;
	tgt_pending = tgt_silent = false;
	np_tab[tag].want[0] = 0xffffffff; // the target will not answer any more
	step_until(np_tab[tag].done, 100);
	assert_int_equal(cfg_read(0x10), BAR0_AT); // configuration goes on
	rc_write32(BAR0_AT + 12, 7);
	rc_read(BAR0_AT + 12, 1, 15, 0);
	steps(200);
	assert_int_equal(writes_done, 0);
	dut->nic_rst_i = 0;
	settle(500);
	assert_int_equal(writes_done, 1);
}

// The NIC side is reset at a random moment: what was not sent never is, what was sent ends in quarantine.
static void reset_of_the_nic_side(void **state)
{
	start(state);
	dut->cpl_timeout_i = 3000;
	for (unsigned round = 0; round < 150; round++) {
		opt.latency = tb_below(400);
		opt.tx_stall = 30 * tb_below(3);
		opt.wdat_gap = 30 * tb_below(3);
		opt.rdat_stall = 30 * tb_below(3);
		opt.np_stall = 40 * tb_below(3);
		opt.rcb = 64 << tb_below(2);
		opt.split = 25 * tb_below(4);
		for (unsigned i = 0; i < 12; i++)
			nic_random(tb_percent(50));
		steps(tb_below(600));
		// From here on the users are gone; what is in the posted store may still come out, in order.
		dut->nic_rst_i = 1;
		req_queue.clear();
		req_shown = false;
		wdat_queue.clear();
		wr_ends.clear(); // of what was accepted before nothing is told
		orphans = 2;	 // one may be on its way to the link, and one chosen to follow
		steps(1);
		read_order.clear();
		walk_order.clear();
		for (int i = 0; i < IDS; i++)
			reads[i].active = false;
		steps(tb_below(20));
		dut->nic_rst_i = 0;
		// Late completions: every one is counted as bad, none is delivered.
		step_until(dut->idle_o && host_pending.empty() && out_pc.empty() && !out_busy,
			   20000);
		wr_accepted = wr_seen;
		wr_expect.clear();
		steps(100);
		orphans = 0;
		nic_random(true);
		nic_random(false);
		rc_read(BAR0_AT + 4 * tb_below(100), 1, 15, 0);
		settle(20000);
	}
	assert_int_equal(reads_failed, 0);
	assert_int_equal(ev.ur + ev.malformed, 0);
}

// --- Everything at once ---

static void everything_at_once(void **state)
{
	start(state);
	for (unsigned v = 0; v < VECTORS; v++)
		program_vector(v, false);
	for (unsigned round = 0; round < ROUNDS; round++) {
		opt.fault_percent = 0;
		dut->cpl_timeout_i = 150000;
		set_sizes(128u << tb_below(2), 128u << tb_below(6));
		opt.rcb = 64u << tb_below(2);
		opt.split = 25 * tb_below(4);
		opt.latency = tb_below(3) * 200;
		opt.rx_gap = tb_below(3) * 25;
		opt.tx_stall = tb_below(3) * 25;
		opt.np_stall = tb_below(4) * 30;
		opt.tgt_stall = tb_below(3) * 30;
		opt.tgt_latency = tb_below(3) * 5;
		opt.wdat_gap = tb_below(3) * 25;
		opt.rdat_stall = tb_below(3) * 25;
		opt.req_gap = tb_below(3) * 45;
		opt.fault_percent = tb_percent(50) ? 2 : 0;
		opt.in_order = opt.fault_percent == 0 && tb_percent(50);
		for (unsigned i = 0; i < 400; i++) {
			switch (tb_below(8)) {
			case 0:
			case 1:
				nic_random(true);
				break;
			case 2:
			case 3:
				nic_random(false);
				break;
			case 4:
				rc_read((tb_percent(50) ? BAR0_AT : BAR2_AT) + 4 * tb_below(900),
					1 + tb_below(20), 1 + tb_below(15), 1 + tb_below(15));
				break;
			case 5: {
				unsigned len = 1 + tb_below(20);
				dws_t d;
				for (unsigned k = 0; k < len; k++)
					d.push_back((uint32_t)tb_rand());
				rc_write((tb_percent(50) ? BAR0_AT : BAR2_AT) + 4 * tb_below(900),
					 d, 1 + tb_below(15), len > 1 ? 1 + tb_below(15) : 0);
				break;
			}
			case 6:
				msix_queue.push_back(tb_below(VECTORS));
				break;
			default: {
				unsigned v = tb_below(VECTORS);
				rc_write32(BAR4_AT + 16 * v + 12, tb_percent(40));
				break;
			}
			}
			steps(tb_below(120));
		}
		for (unsigned v = 0; v < VECTORS; v++)
			rc_write32(BAR4_AT + 16 * v + 12, 0);
		settle(3000000);
		step_until(host_pending.empty(), 200000);
		steps(500);
		check_no_vector_lost();
	}
	settle(1000);
	assert_int_equal(ev.bad_cpl, count_bad_expected);
	assert_int_equal(ev.ur, ur_wanted);
	assert_int_equal(ev.malformed + ev.poisoned, 0);
	printf("# %llu cycles: %llu writes, %llu reads, %zu messages, %llu + %llu target "
	       "accesses\n",
	       (unsigned long long)tb_cycles, (unsigned long long)count_write_tlps,
	       (unsigned long long)count_read_tlps, msi_got.size(), (unsigned long long)tgt_writes,
	       (unsigned long long)tgt_reads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(the_header_says_what_the_function_is),
		TB_TEST(bars_show_their_sizes),
		TB_TEST(bar0_and_bar2_reach_the_targets),
		TB_TEST(writes_reach_host_memory),
		TB_TEST(reads_bring_host_memory),
		TB_TEST(random_dma),
		TB_TEST(a_vector_sends_its_message),
		TB_TEST(capabilities_are_linked),
		TB_TEST(configuration_writes_honour_byte_enables),
		TB_TEST(status_and_control_bits),
		TB_TEST(completer_id_is_captured_by_configuration_writes),
		TB_TEST(unsupported_requests_are_answered_so),
		TB_TEST(memory_space_and_power_state_gate_the_bars),
		TB_TEST(poisoned_writes_change_nothing),
		TB_TEST(messages_are_taken_silently),
		TB_TEST(every_byte_enable_of_short_requests),
		TB_TEST(a_zero_length_read_touches_no_target),
		TB_TEST(long_reads_are_split_at_128_bytes),
		TB_TEST(random_target_accesses),
		TB_TEST(posted_writes_pass_reads_that_are_stuck),
		TB_TEST(posted_writes_do_not_wait_for_ours),
		TB_TEST(np_ok_bounds_the_reads_inside),
		TB_TEST(a_64_byte_write_costs_at_most_12_cycles),
		TB_TEST(reads_keep_the_link_busy),
		TB_TEST(page_sized_requests_and_page_ends),
		TB_TEST(max_payload_and_read_request_follow_the_register),
		TB_TEST(without_bus_master_nothing_is_sent),
		TB_TEST(reads_never_pass_writes),
		TB_TEST(writes_pass_reads_that_have_no_credit),
		TB_TEST(ids_from_16_on_go_first),
		TB_TEST(wr_sent_counts_writes),
		TB_TEST(a_read_without_credit_times_out),
		TB_TEST(faults_of_each_kind),
		TB_TEST(random_faults),
		TB_TEST(time_outs_race_with_completions),
		TB_TEST(time_outs_can_be_switched_off),
		TB_TEST(all_tags_lost_and_found),
		TB_TEST(the_table_keeps_what_is_written),
		TB_TEST(a_masked_vector_is_sent_at_unmask),
		TB_TEST(a_cleared_vector_sends_nothing),
		TB_TEST(function_mask_enable_and_bus_master_hold_all),
		TB_TEST(random_masks),
		TB_TEST(malformed_tlps_are_counted_and_dropped),
		TB_TEST(any_garbage_is_survived),
		TB_TEST(unexpected_completions_are_counted),
		TB_TEST(function_level_reset),
		TB_TEST(function_level_reset_forgets_reads),
		TB_TEST(target_accesses_wait_while_the_nic_side_is_in_reset),
		TB_TEST(reset_of_the_nic_side),
		TB_TEST(everything_at_once),
	};
	return TB_RUN(tests);
}
