// SPDX-License-Identifier: Apache-2.0
// nic_guard: windows, permissions, reset sweep, read back, and lookups at random against a model.
#include "tb.h"
#include "guestlane_regs.h"

#define NCTX	32
#define WINDOWS 4
#define PAGE	((1ull << 52) - 1)

struct window {
	uint64_t gpage, hpage;
	uint32_t pages;
	unsigned ctl; // 1 valid, 2 read, 4 write
};

static struct window table[NCTX][WINDOWS];

static void ready(void)
{
	memset(table, 0, sizeof(table));
	tb_wait(dut->ready_o, 4 * NCTX + 2);
}

static void put(unsigned ctx, unsigned win, struct window w)
{
	dut->tbl_we_i = 1;
	dut->tbl_ctx_i = ctx;
	dut->tbl_win_i = win;
	dut->tbl_gpage_i = w.gpage;
	dut->tbl_pages_i = w.pages;
	dut->tbl_hpage_i = w.hpage;
	dut->tbl_ctl_i = w.ctl;
	tb_tick();
	dut->tbl_we_i = 0;
	if (ctx < NCTX && win < WINDOWS)
		table[ctx][win] = w;
}

static void expect_window(unsigned ctx, unsigned win, struct window w)
{
	dut->tbl_re_i = 1;
	dut->tbl_ctx_i = ctx;
	dut->tbl_win_i = win;
	tb_tick();
	dut->tbl_re_i = 0;
	tb_tick();
	assert_true(dut->tbl_gpage_o == w.gpage);
	assert_true(dut->tbl_hpage_o == w.hpage);
	assert_int_equal(dut->tbl_pages_o, w.pages);
	assert_int_equal(dut->tbl_ctl_o, w.ctl);
}

// Asks, gives the cycles from acceptance to the answer.
static unsigned ask(unsigned ctx, uint64_t gpage, bool write)
{
	unsigned cycles = 1;

	tb_wait(dut->gq_ready_o, 20);
	dut->gq_valid_i = 1;
	dut->gq_ctx_i = ctx;
	dut->gq_gpage_i = gpage;
	dut->gq_write_i = write;
	tb_tick();
	dut->gq_valid_i = 0;
	dut->gq_ctx_i = tb_below(256); // nobody may look at these now
	dut->gq_gpage_i = tb_rand() & PAGE;
	dut->gq_write_i = tb_below(2);
	for (; !dut->gr_valid_o; cycles++) {
		assert_true(cycles < 20);
		tb_tick();
	}
	return cycles;
}

static bool model(unsigned ctx, uint64_t gpage, bool write, uint64_t *hpage)
{
	for (unsigned w = 0; w < WINDOWS && ctx < NCTX; w++) {
		const struct window *e = &table[ctx][w];
		if (!(e->ctl & 1) || !(e->ctl & (write ? 4 : 2)))
			continue;
		if (gpage < e->gpage || gpage - e->gpage >= e->pages)
			continue;
		*hpage = (e->hpage + (gpage - e->gpage)) & PAGE;
		return true;
	}
	return false;
}

static void check(unsigned ctx, uint64_t gpage, bool write)
{
	uint64_t hpage = 0;
	bool ok = model(ctx, gpage, write, &hpage);

	ask(ctx, gpage, write);
	if (dut->gr_status_o != (ok ? GL_DMA_STATUS_OK : GL_DMA_STATUS_REFUSED))
		fail_msg("context %u page 0x%llx %s: status %u", ctx, (unsigned long long)gpage,
			 write ? "write" : "read", dut->gr_status_o);
	if (ok && dut->gr_hpage_o != hpage)
		fail_msg("context %u page 0x%llx: host page 0x%llx, not 0x%llx", ctx,
			 (unsigned long long)gpage, (unsigned long long)dut->gr_hpage_o,
			 (unsigned long long)hpage);
	tb_tick();
	assert_false(dut->gr_valid_o); // one answer per question
}

static void nothing_is_mapped_after_reset(void **state)
{
	(void)state;
	dut->gq_valid_i = 1;
	tb_eval();
	assert_false(dut->gq_ready_o);
	dut->gq_valid_i = 0;
	ready();
	for (unsigned c = 0; c < NCTX; c++)
		for (unsigned w = 0; w < WINDOWS; w++)
			put(c, w, { 0, 5, 100, 7 });
	check(3, 5, true);
	tb_reset(1);
	ready();
	for (unsigned c = 0; c < 256; c++) {
		check(c, 5, false);
		check(c, 5, true);
	}
}

static void a_window_maps_exactly_its_pages(void **state)
{
	(void)state;
	ready();
	put(7, 2, { 1000, 5000, 3, 7 });
	for (uint64_t g = 990; g < 1010; g++)
		check(7, g, g & 1);
	check(6, 1000, false);
	check(8, 1000, false);
	check(7 + 32, 1000, false); // contexts that do not exist
	check(7 + 64, 1000, false);
	check(7 + 128, 1000, false);
	put(7, 2, { 0, 5000, 0, 7 }); // no page at all
	check(7, 0, false);
	put(7, 2, { 0, 5000, 0xffffff, 7 }); // the largest
	check(7, 0xfffffe, false);
	check(7, 0xffffff, false);
	check(7, 0x1000000, false);
	put(7, 2, { PAGE - 1, 10, 100, 7 }); // to the end of the address space: no wrap
	check(7, PAGE - 2, false);
	check(7, PAGE, false);
	check(7, 0, false);
	put(7, 2, { 0, 0, 1, 7 });
	check(7, 1ull << 24, false); // distances that only differ above the page count
	check(7, 1ull << 51, false);
	check(7, 0, false);
}

static void permissions_are_apart(void **state)
{
	(void)state;
	ready();
	for (unsigned ctl = 0; ctl < 8; ctl++) {
		put(0, 0, { 16, 32, 4, ctl });
		check(0, 17, false);
		check(0, 17, true);
	}
	put(0, 0, { 16, 32, 4, 3 }); // read here
	put(0, 3, { 16, 96, 4, 5 }); // write there
	check(0, 18, false);
	check(0, 18, true);
}

static void answers_come_soon(void **state)
{
	(void)state;
	ready();
	for (unsigned w = 0; w < WINDOWS; w++)
		put(1, w, { 100 * w, 1, 10, 7 });
	for (unsigned w = 0; w < WINDOWS; w++)
		assert_int_equal(ask(1, 100 * w, false), 6 + w);
	assert_int_equal(ask(1, 99, false), 9);
}

static void table_reads_back(void **state)
{
	(void)state;
	ready();
	for (unsigned i = 0; i < 300; i++)
		put(tb_below(NCTX), tb_below(WINDOWS),
		    { tb_rand() & PAGE, tb_rand() & PAGE, tb_below(1 << 24), tb_below(8) });
	put(40, 0, { 1, 2, 3, 7 }); // context and windows that do not exist: nothing changes
	put(0, 4, { 1, 2, 3, 7 });
	put(0, 15, { 1, 2, 3, 7 });
	for (unsigned c = 0; c < NCTX; c++)
		for (unsigned w = 0; w < WINDOWS; w++)
			expect_window(c, w, table[c][w]);
	expect_window(32, 0, { 0, 0, 0, 0 });
	expect_window(0, 4, { 0, 0, 0, 0 });
}

static void lookups_at_random(void **state)
{
	(void)state;
	ready();
	for (unsigned i = 0; i < 20000; i++) {
		unsigned c = tb_percent(5) ? tb_below(256) : tb_below(NCTX);
		if (tb_percent(20)) {
			uint64_t base = tb_percent(10) ? PAGE - tb_below(8) : tb_below(64);
			put(c, tb_below(WINDOWS),
			    { base, tb_rand() & PAGE,
			      tb_percent(5) ? tb_below(1 << 24) : tb_below(16),
			      tb_percent(80) ? 7 : tb_below(8) });
		} else {
			check(c, tb_percent(10) ? PAGE - tb_below(8) : tb_below(80), tb_below(2));
		}
	}
}

// A read back takes the port from a lookup in any of its cycles; neither may notice.
static void read_back_and_lookup_do_not_disturb(void **state)
{
	(void)state;
	ready();
	for (unsigned c = 0; c < NCTX; c++)
		for (unsigned w = 0; w < WINDOWS; w++)
			put(c, w, { 64 * c + 16 * w, tb_rand() & PAGE, 8, 7 });
	for (unsigned i = 0; i < 4000; i++) {
		unsigned c = tb_below(NCTX), tc = tb_below(NCTX), tw = tb_below(WINDOWS);
		unsigned at = tb_below(10), n = 1 + tb_below(4), cycle;
		uint64_t gpage = 64 * c + tb_below(64), hpage = 0;
		bool ok = model(c, gpage, false, &hpage), re = false, re1 = false, answered = false;

		tb_wait(dut->gq_ready_o, 20);
		dut->gq_valid_i = 1;
		dut->gq_ctx_i = c;
		dut->gq_gpage_i = gpage;
		dut->gq_write_i = 0;
		dut->tbl_ctx_i = tc;
		dut->tbl_win_i = tw;
		for (cycle = 0; !answered || re || re1; cycle++) {
			assert_true(cycle < 30);
			re1 = re;
			re = cycle >= at && cycle < at + n;
			dut->tbl_re_i = re;
			tb_tick();
			dut->gq_valid_i = 0;
			if (re1)
				assert_true(dut->tbl_hpage_o == table[tc][tw].hpage);
			if (dut->gr_valid_o) {
				answered = true;
				assert_int_equal(dut->gr_status_o,
						 ok ? GL_DMA_STATUS_OK : GL_DMA_STATUS_REFUSED);
				if (ok)
					assert_true(dut->gr_hpage_o == hpage);
			}
		}
		dut->tbl_re_i = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(nothing_is_mapped_after_reset),
		TB_TEST(a_window_maps_exactly_its_pages),
		TB_TEST(permissions_are_apart),
		TB_TEST(answers_come_soon),
		TB_TEST(table_reads_back),
		TB_TEST(lookups_at_random),
		TB_TEST(read_back_and_lookup_do_not_disturb),
	};
	return TB_RUN(tests);
}
