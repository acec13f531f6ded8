// SPDX-License-Identifier: Apache-2.0
// nic_guard: translation tables in a model of dom0's memory, read at any time and in any order; faults, permissions, the IOTLB,
// hints, invalidation, revocation. translate() is the tables' definition (docs/isolation.md) and knows nothing of the RTL.
#include "tb.h"
#include "guestlane_regs.h"

#ifndef NCTX
#define NCTX 32
#endif
#define TABLES 4096	       // table pages
#define REGION 0x00a5c37e10ull // page where the region begins
#define RW     3ull	       // permissions of an entry
#define PAGES  (1ull << 27)    // guest pages of a context
#define ALL    (~0ull)	       // invalidate(): all of the context
#define LAST   (NCTX - 1)

struct result {
	unsigned kind; // enum FAULT_KIND
	bool r, w;
	uint64_t hpage;
};

struct answer {
	unsigned status, kind, cycles, reads;
	uint64_t hpage;
};

struct walk {
	bool busy;
	uint64_t addr, born, due, data[8];
	unsigned len, left, status;
	bool sampled;
};

static uint64_t table[TABLES][512];
static unsigned tables;	   // pages given out
static uint64_t root[256]; // page, with bit 63: valid
static uint64_t region_base, region_pages;

static struct walk walks[16];
static unsigned reads, under_way, most_under_way;
static unsigned latency_min, latency_max;
static bool hold;			 // no read is answered
static bool mixed;			 // words and reads are answered in any order
static unsigned fail_percent;		 // reads that fail
static bool missing_byte;		 // ... because a byte is missing
static unsigned wk_percent, flt_percent; // how often wk_ready_i, flt_ready_i is high
static unsigned fence_cycles, fence_left;
static unsigned faults;
static struct {
	unsigned ctx, kind, write, queue;
	uint64_t addr;
} fault;
static bool run[256];
static unsigned hits, misses, fault_events, inv_events;
static struct {
	bool valid;
	unsigned ctx;
	uint64_t page;
} hint;
static struct {
	bool come;
	unsigned status;
	uint64_t hpage;
} given; // the last answer

// --- The tables ---

// The page number of table t: not contiguous, but inside the region.
static uint64_t table_page(unsigned t)
{
	return REGION + (t * 1031 + 17) % TABLES;
}

static uint64_t *table_at(uint64_t page)
{
	static unsigned index[TABLES];
	static bool made;

	for (unsigned t = 0; !made && t < TABLES; t++)
		index[table_page(t) - REGION] = t;
	made = true;
	assert_true(page >= REGION && page < REGION + TABLES);
	return table[index[page - REGION]];
}

static uint64_t new_table(void)
{
	assert_true(tables < TABLES);
	memset(table[tables], 0, sizeof(table[tables]));
	return table_page(tables++);
}

// The entry of a guest page at a level; tables above it are made with all permissions.
static uint64_t *entry(unsigned ctx, uint64_t page, int level)
{
	uint64_t at = root[ctx] & ~(1ull << 63);

	for (int l = 3;; l--) {
		uint64_t *e = &table_at(at)[page >> (9 * (l - 1)) & 511];
		if (l == level)
			return e;
		if (!*e)
			*e = new_table() << 12 | RW;
		at = *e >> 12 & ((1ull << 40) - 1);
	}
}

// What the tables say: each level's entry, from the root on.
static struct result translate(unsigned ctx, uint64_t page)
{
	struct result x = { GL_FAULT_KIND_NONE, true, true, 0 };
	uint64_t at;

	if (page >= PAGES)
		return { GL_FAULT_KIND_RANGE, false, false, 0 };
	if (ctx >= NCTX || !(root[ctx] >> 63))
		return { GL_FAULT_KIND_ROOT, false, false, 0 };
	at = root[ctx] & ~(1ull << 63);
	for (int level = 3; level; level--) {
		uint64_t e;
		bool large;

		if (at < region_base || at >= region_base + region_pages)
			return { GL_FAULT_KIND_REGION, false, false, 0 };
		e = table_at(at)[page >> (9 * (level - 1)) & 511];
		large = level == 2 && (e & 0x80);
		if (!(e & RW))
			return { GL_FAULT_KIND_NOT_PRESENT, false, false, 0 };
		if (e >> 63 || ((e & 0x80) && level != 2) || (large && (e & 0x1ff000)))
			return { GL_FAULT_KIND_RESERVED, false, false, 0 };
		x.r = x.r && (e & 1);
		x.w = x.w && (e & 2);
		at = e >> 12 & ((1ull << 40) - 1);
		if (large) {
			x.hpage = at + (page & 511);
			return x;
		}
	}
	x.hpage = at;
	return x;
}

static struct result translate_for(unsigned ctx, uint64_t page, bool write)
{
	struct result x = translate(ctx, page);

	if (x.kind == GL_FAULT_KIND_NONE && !(write ? x.w : x.r))
		x.kind = GL_FAULT_KIND_PERMISSION;
	return x;
}

// --- One cycle: memory, fence, faults ---

static void deliver(void)
{
	int order[16], n = 0, pick;
	struct walk *k;
	unsigned word;

	dut->wd_valid_i = 0;
	for (int i = 0; i < 16; i++)
		if (walks[i].busy && walks[i].due <= tb_cycles)
			order[n++] = i;
	if (hold || !n || (mixed && tb_percent(20)))
		return;
	pick = order[0];
	for (int i = 1; i < n; i++)
		if (walks[order[i]].due < walks[pick].due)
			pick = order[i];
	if (mixed)
		pick = order[tb_below(n)];
	k = &walks[pick];
	do
		word = mixed ? tb_below(k->len / 8) : (unsigned)__builtin_ctz(k->left);
	while (!(k->left >> word & 1));
	k->left &= ~(1u << word);
	dut->wd_valid_i = 1;
	dut->wd_id_i = pick;
	dut->wd_off_i = word * 8;
	dut->wd_data_i =
		k->sampled ? k->data[word] : table_at(k->addr >> 12)[(k->addr >> 3 & 511) + word];
	dut->wd_be_i = 0xff;
	dut->wd_last_i = !k->left;
	dut->wd_status_i = !k->left ? k->status : 0;
	if (k->status && missing_byte) {
		dut->wd_be_i = 0xff & ~(1u << tb_below(8));
		dut->wd_status_i = 0;
	}
	if (!k->left) {
		k->busy = false;
		under_way--;
	}
}

static void take_read(void)
{
	struct walk *k = &walks[dut->wk_id_o];
	uint64_t page = dut->wk_addr_o >> 12;

	assert_false(k->busy);
	assert_true(page >= region_base && page < region_base + region_pages);
	assert_true(dut->wk_len_o == 8 || dut->wk_len_o == 64);
	assert_int_equal(dut->wk_addr_o % dut->wk_len_o, 0);
	*k = {};
	k->busy = true;
	k->born = tb_cycles;
	k->addr = dut->wk_addr_o;
	k->len = dut->wk_len_o;
	k->left = (1u << k->len / 8) - 1;
	k->due = tb_cycles + tb_range(latency_min, latency_max);
	k->sampled = tb_below(2); // read at once, or when it is answered
	for (unsigned i = 0; i < k->len / 8; i++)
		k->data[i] = table_at(page)[(k->addr >> 3 & 511) + i];
	k->status =
		tb_percent(fail_percent) ? tb_range(GL_DMA_STATUS_ABORT, GL_DMA_STATUS_TIMEOUT) : 0;
	reads++;
	if (++under_way > most_under_way)
		most_under_way = under_way;
}

static bool inv_ended; // an invalidation has, since this was cleared

static void step(void)
{
	uint32_t *bits = (uint32_t *)&dut->run_i;

	for (unsigned c = 0; c < NCTX; c++)
		bits[c / 32] = (bits[c / 32] & ~(1u << c % 32)) | (uint32_t)run[c] << c % 32;
	deliver();
	dut->wk_ready_i = tb_percent(wk_percent);
	dut->flt_ready_i = tb_percent(flt_percent);
	dut->fence_done_i = 0;
	if (dut->fence_valid_o) {
		if (!fence_left)
			dut->fence_done_i = 1;
		else
			fence_left--;
	} else {
		fence_left = fence_cycles;
	}
	dut->hq_valid_i = hint.valid;
	dut->hq_ctx_i = hint.ctx;
	dut->hq_gpage_i = hint.page;
	tb_eval();
	if (dut->wk_valid_o && dut->wk_ready_i)
		take_read();
	if (dut->hq_valid_i && dut->hq_ready_o)
		hint.valid = false;
	if (dut->flt_valid_o && dut->flt_ready_i) {
		faults++;
		fault.ctx = dut->flt_ctx_o;
		fault.kind = dut->flt_kind_o;
		fault.write = dut->flt_write_o;
		fault.queue = dut->flt_queue_o;
		fault.addr = dut->flt_addr_o;
	}
	hits += dut->ev_hit_o;
	misses += dut->ev_miss_o;
	fault_events += dut->ev_fault_o;
	inv_events += dut->ev_inv_o;
	tb_tick();
	inv_ended = inv_ended || dut->ev_inv_o || dut->inv_done_o;
	if (dut->gr_valid_o) {
		given.come = true;
		given.status = dut->gr_status_o;
		given.hpage = dut->gr_hpage_o;
	}
}

#define step_until(condition, limit)                                               \
	do {                                                                       \
		uint64_t end_ = tb_cycles + (limit);                               \
		for (tb_eval(); !(condition); step())                              \
			if (tb_cycles >= end_)                                     \
				fail_msg("not within %llu cycles: %s",             \
					 (unsigned long long)(limit), #condition); \
	} while (0)

// --- Registers ---

static void cfg_write(unsigned reg, unsigned ctx, uint32_t value)
{
	dut->cfg_we_i = 1;
	dut->cfg_addr_i = reg & 0xff;
	dut->cfg_ctx_i = ctx;
	dut->cfg_wdata_i = value;
	step();
	dut->cfg_we_i = 0;
	dut->cfg_addr_i = tb_rand();
	dut->cfg_ctx_i = tb_rand();
	dut->cfg_wdata_i = tb_rand();
}

static uint32_t cfg_read(unsigned reg, unsigned ctx)
{
	uint32_t value;

	dut->cfg_re_i = 1;
	dut->cfg_addr_i = reg & 0xff;
	dut->cfg_ctx_i = ctx;
	step();
	dut->cfg_re_i = 0;
	dut->cfg_addr_i = tb_rand();
	dut->cfg_ctx_i = tb_rand();
	step();
	step();
	value = dut->cfg_rdata_o;
	step();
	assert_int_equal(dut->cfg_rdata_o, value);
	return value;
}

static void set_region(uint64_t base, uint64_t pages)
{
	cfg_write(GL_BAR0_REGION_LO, 0, (uint32_t)(base << 12));
	cfg_write(GL_BAR0_REGION_HI, 0, base >> 20);
	cfg_write(GL_BAR0_REGION_PAGES, 0, pages);
	region_base = base;
	region_pages = pages;
}

static void set_root(unsigned ctx, uint64_t page, bool valid)
{
	cfg_write(GL_BAR0_ROOT_HI, ctx, page >> 20);
	cfg_write(GL_BAR0_ROOT_LO, ctx, (uint32_t)(page << 12) | valid);
	root[ctx] = page | (uint64_t)valid << 63;
}

static void begin_invalidation(unsigned ctx, uint64_t first, uint64_t pages)
{
	if (first == ALL) {
		cfg_write(GL_BAR0_INV_CONTROL, ctx, GL_BAR0_INV_CONTROL_ALL_MASK);
		return;
	}
	cfg_write(GL_BAR0_INV_PAGE, ctx, first);
	cfg_write(GL_BAR0_INV_PAGES, ctx, pages);
	cfg_write(GL_BAR0_INV_CONTROL, ctx, 0);
}

static void end_invalidation(void)
{
	unsigned events = inv_events;

	for (unsigned i = 0; cfg_read(GL_BAR0_INV_CONTROL, 0); i++)
		assert_true(i < 2000);
	assert_int_equal(inv_events, events + (inv_events > events));
}

static void invalidate(unsigned ctx, uint64_t first, uint64_t pages)
{
	begin_invalidation(ctx, first, pages);
	end_invalidation();
}

static void take_away(unsigned ctx)
{
	run[ctx] = false;
	dut->inv_valid_i = 1;
	dut->inv_ctx_i = ctx;
	step_until(dut->inv_ready_o, 5000);
	step();
	dut->inv_valid_i = 0;
	dut->inv_ctx_i = tb_rand();
	step_until(dut->inv_done_o, 5000);
	root[ctx] = 0;
	step();
}

// --- Queries ---

static unsigned q_reads;
static uint64_t q_start;

static void put_query(unsigned ctx, uint64_t page, bool write)
{
	dut->gq_valid_i = 1;
	dut->gq_ctx_i = ctx;
	dut->gq_gpage_i = page;
	dut->gq_write_i = write;
	dut->gq_queue_i = (ctx + page) & 15;
	dut->gq_low_i = (page * 7 + ctx) & 0xfff;
	step_until(dut->gq_ready_o, 3000);
	q_reads = reads;
	step();
	q_start = tb_cycles;
	dut->gq_valid_i = 0;
	dut->gq_ctx_i = tb_rand(); // nobody may look at these now
	dut->gq_gpage_i = tb_rand();
	dut->gq_write_i = tb_rand();
	dut->gq_queue_i = tb_rand();
	dut->gq_low_i = tb_rand();
}

static struct answer get_answer(void)
{
	struct answer a = {};
	unsigned before = faults;

	step_until(dut->gr_valid_o, 6000);
	a.status = dut->gr_status_o;
	a.hpage = dut->gr_hpage_o;
	a.cycles = tb_cycles - q_start + 1;
	a.reads = reads - q_reads;
	a.kind = a.status == GL_DMA_STATUS_REFUSED ? fault.kind : 0;
	(void)before;
	return a;
}

static struct answer ask(unsigned ctx, uint64_t page, bool write)
{
	struct answer a;
	unsigned before = faults;

	put_query(ctx, page, write);
	a = get_answer();
	if (a.status == GL_DMA_STATUS_REFUSED) {
		assert_int_equal(faults, before + 1); // taken before the answer
		assert_int_equal(fault.ctx, ctx);
		assert_int_equal(fault.write, write);
		assert_int_equal(fault.queue, (ctx + page) & 15);
		assert_true(fault.addr == (page << 12 | ((page * 7 + ctx) & 0xfff)));
	} else {
		assert_int_equal(faults, before);
	}
	step();
	assert_false(dut->gr_valid_o); // one answer per question
	return a;
}

// Asks, and the answer must be what the tables say.
static struct answer check(unsigned ctx, uint64_t page, bool write)
{
	struct result x = translate_for(ctx, page, write);
	struct answer a = ask(ctx, page, write);
	unsigned status = x.kind ? GL_DMA_STATUS_REFUSED : GL_DMA_STATUS_OK;

	if (a.status != status || a.kind != x.kind || (!x.kind && a.hpage != x.hpage))
		fail_msg("context %u page 0x%llx %s: status %u kind %u page 0x%llx, not status %u "
			 "kind %u page 0x%llx",
			 ctx, (unsigned long long)page, write ? "write" : "read", a.status, a.kind,
			 (unsigned long long)a.hpage, status, x.kind, (unsigned long long)x.hpage);
	return a;
}

static void give_hint(unsigned ctx, uint64_t page)
{
	hint.valid = true;
	hint.ctx = ctx;
	hint.page = page;
	step_until(!hint.valid, 3000);
}

static void quiet(void)
{
	step_until(dut->idle_o, 10000);
}

// After the reset: memory answers after 20 cycles, every context has a root and runs.
static void start(void)
{
	tables = 0;
	memset(walks, 0, sizeof(walks));
	memset(root, 0, sizeof(root));
	reads = under_way = most_under_way = faults = hits = misses = fault_events = inv_events = 0;
	latency_min = latency_max = 20;
	hold = mixed = missing_byte = false;
	fail_percent = 0;
	wk_percent = flt_percent = 100;
	fence_cycles = 5;
	hint.valid = false;
	dut->flow_rst_i = 0;
	for (unsigned c = 0; c < 256; c++)
		run[c] = c < NCTX;
	step_until(dut->ready_o, NCTX > 32 ? 16 * NCTX + 4 : 516);
	set_region(REGION, TABLES);
	for (unsigned c = 0; c < NCTX; c++)
		set_root(c, new_table(), true);
}

static void map(unsigned ctx, uint64_t page, uint64_t hpage, uint64_t perm)
{
	*entry(ctx, page, 1) = hpage << 12 | perm;
}

static uint64_t some_hpage(void)
{
	return tb_rand() & ((1ull << 40) - 1);
}

// --- Tests ---

static void nothing_is_asked_before_the_tables_are_clear(void **state)
{
	(void)state;
	dut->gq_valid_i = 1;
	dut->hq_valid_i = 1;
	dut->inv_valid_i = 1;
	tb_eval();
	assert_false(dut->ready_o);
	assert_false(dut->gq_ready_o);
	assert_false(dut->hq_ready_o);
	assert_false(dut->inv_ready_o);
	assert_false(dut->idle_o);
	dut->gq_valid_i = 0;
	dut->hq_valid_i = 0;
	dut->inv_valid_i = 0;
	start();
	quiet();
}

static void a_reset_forgets_all(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 20; i++)
		map(LAST, 77 + i * 16, 0x1234 + i, RW);
	for (unsigned i = 0; i < 40; i++) // fills the private part and the shared one
		check(LAST, 77 + i % 20 * 16, false);
	assert_true(hits == 20);
	tb_reset(1);
	step_until(dut->ready_o, 16 * NCTX + 516);
	memset(root, 0, sizeof(root));
	for (unsigned c = 0; c < NCTX; c++)
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(check(c, 77 + i * 16, false).kind, GL_FAULT_KIND_ROOT);
	assert_int_equal(cfg_read(GL_BAR0_REGION_PAGES, 0), 0);
	root[LAST] = table_page(LAST) | 1ull << 63;
	cfg_write(GL_BAR0_ROOT_HI, LAST, table_page(LAST) >> 20);
	cfg_write(GL_BAR0_ROOT_LO, LAST, (uint32_t)(table_page(LAST) << 12) | 1);
	region_pages = 0;
	assert_int_equal(check(LAST, 77, false).kind, GL_FAULT_KIND_REGION);
}

static void three_levels_are_walked(void **state)
{
	(void)state;
	start();
	for (int bit = 0; bit < 27; bit++)
		map(0, 1ull << bit, some_hpage(), RW);
	map(0, PAGES - 1, some_hpage(), RW);
	for (int bit = 0; bit < 27; bit++) {
		check(0, 1ull << bit, bit & 1);
		check(0, 1ull << bit, !(bit & 1));
		check(0, (1ull << bit) ^ 8, false);
	}
	check(0, PAGES - 1, true);
	check(0, 0, true);
	for (int bit = 0; bit < 40; bit++) { // all address bits of the host page
		map(0, 4096 + bit, 1ull << bit, RW);
		check(0, 4096 + bit, true);
	}
}

static void software_bits_are_ignored(void **state)
{
	(void)state;
	start();
	for (int level = 1; level <= 3; level++) {
		map(0, 5, 0x123456, RW);
		*entry(0, 5, level) |= 0x7ff0000000000f7cull;
		check(0, 5, true);
		invalidate(0, ALL, 0);
		*entry(0, 5, level) &= ~0x7ff0000000000f7cull;
	}
	*entry(0, 512, 2) = 0x7ff0000000000f7cull | 0x80 | RW | 77ull << 21;
	check(0, 512 + 9, true);
}

static void large_pages(void **state)
{
	struct answer a;

	(void)state;
	start();
	for (int bit = 0; bit < 31; bit++) {
		uint64_t page = (uint64_t)bit << 9;
		*entry(0, page, 2) = 1ull << (21 + bit) | 0x80 | RW;
		check(0, page, true);
		check(0, page + 511, false);
		a = check(0, page + tb_below(512), true);
		assert_int_equal(a.reads, 0); // the walk cache knows it
	}
}

static void every_reserved_bit_faults(void **state)
{
	(void)state;
	start();
	for (int level = 1; level <= 3; level++) {
		for (int bit = 0; bit < 64; bit++) {
			uint64_t *e, old;

			map(0, 5, 0x123456, RW);
			e = entry(0, 5, level);
			old = *e;
			if (level == 2 && bit == 7)
				continue;
			if (bit >= 12 && bit < 52) // address bits
				continue;
			*e ^= 1ull << bit;
			check(0, 5, true);
			*e = old;
			invalidate(0, ALL, 0);
		}
	}
	for (int bit = 12; bit < 64; bit++) {
		*entry(0, 512, 2) = (1ull << bit) | 0x80 | RW;
		check(0, 512 + 3, true);
		invalidate(0, ALL, 0);
	}
}

static void every_level_must_permit(void **state)
{
	uint64_t *e[4];

	(void)state;
	start();
	map(0, 5, 0x123456, RW);
	for (int level = 1; level <= 3; level++)
		e[level] = entry(0, 5, level);
	for (unsigned p = 0; p < 64; p++) {
		for (int level = 1; level <= 3; level++)
			*e[level] = (*e[level] & ~RW) | (p >> 2 * (level - 1) & 3);
		check(0, 5, p & 1); // which comes first may not matter
		check(0, 5, !(p & 1));
		check(0, 5, p & 1);
		invalidate(0, ALL, 0);
	}
	*e[3] |= RW;
	for (unsigned p = 0; p < 16; p++) {
		*entry(0, 512, 2) = 0x80 | 0x200000 | (p & 3);
		*e[3] = (*e[3] & ~RW) | p >> 2;
		for (unsigned i = 0; i < 4; i++)
			check(0, 512 + i / 2, i & 1);
		invalidate(0, ALL, 0);
		*e[3] |= RW;
	}
}

// A page that no access may use is not kept either.
static void a_page_without_permission_is_read_again(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x123456, 2);
	*entry(0, 5, 3) &= ~2ull;
	for (int i = 0; i < 4; i++)
		assert_in_range(check(0, 5, i & 1).reads, 1, 3);
	assert_int_equal(hits, 0);
}

static void addresses_beyond_39_bits_fault(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x123456, RW);
	check(0, 5, true);
	for (int bit = 27; bit < 52; bit++) {
		assert_int_equal(check(0, 5 | 1ull << bit, true).kind, GL_FAULT_KIND_RANGE);
		check(0, 5, true);
	}
	assert_int_equal(check(0, (1ull << 52) - 1, false).kind, GL_FAULT_KIND_RANGE);
}

static void refusals_are_not_remembered(void **state)
{
	(void)state;
	start();
	check(0, 5, true);
	map(0, 5, 0x123456, RW);
	check(0, 5, true);
	check(0, 6, true);
	map(0, 6, 0x123457, RW);
	check(0, 6, true);
	check(0, 1 << 20, false);
	*entry(0, 1 << 20, 2) = 0x80 | 0x40000000 | RW;
	check(0, 1 << 20, false);
	check(0, 1ull << 26, true);
	map(0, 1ull << 26, 0x99, RW);
	check(0, 1ull << 26, true);
	check(0, (1ull << 26) + 1, true);
	assert_int_equal(hits, 0);
}

static void the_walker_stays_in_the_region(void **state)
{
	static const uint64_t base[] = { REGION, REGION + 1, REGION - 1, REGION - (1ull << 20),
					 0,	 1ull << 35 };

	(void)state;
	start();
	map(0, 5, 0x123456, RW);
	for (unsigned i = 0; i < sizeof(base) / sizeof(*base); i++) {
		for (int level = 3; level >= 1; level--) {
			uint64_t at = level == 3
					      ? root[0] & ~(1ull << 63)
					      : *entry(0, 5, level + 1) >> 12 & ((1ull << 40) - 1);
			uint64_t n;

			if (at < base[i]) {
				set_region(base[i], 0xffffff);
				check(0, 5, true);
				invalidate(0, ALL, 0);
				continue;
			}
			n = at - base[i];
			for (uint64_t pages = n ? n - 1 : 0; pages <= n + 2; pages++) {
				if (pages > 0xffffff)
					continue;
				set_region(base[i], pages);
				check(0, 5, true);
				check(0, 6, true);
				invalidate(0, ALL, 0);
			}
		}
	}
	// addresses that are far outside
	set_region(REGION, TABLES);
	for (int bit = 12; bit < 52; bit++) {
		uint64_t *e = entry(0, 5, 2), old = *e;

		*e ^= 1ull << bit;
		if ((*e >> 12 & ((1ull << 40) - 1)) - REGION >= TABLES)
			assert_int_equal(check(0, 5, true).kind, GL_FAULT_KIND_REGION);
		*e = old;
		invalidate(0, ALL, 0);
	}
	for (int bit = 0; bit < 52; bit++) {
		uint64_t at = (table_page(0) ^ 1ull << bit);

		if (at - REGION < TABLES)
			continue;
		set_root(0, at, true);
		assert_int_equal(check(0, 5, true).kind, GL_FAULT_KIND_REGION);
	}
}

// The region is asked again when the walk cache gives a table.
static void the_region_holds_for_cached_tables_too(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x123456, RW);
	map(0, 100, 0x123457, RW);
	check(0, 5, true);
	set_region(REGION, 0);
	assert_int_equal(check(0, 100, true).kind, GL_FAULT_KIND_REGION);
}

static void contexts_are_apart(void **state)
{
	(void)state;
	start();
	for (unsigned c = 0; c < NCTX; c++)
		if (c != NCTX / 2)
			map(c, 5, 0x1000 + c, c & 1 ? 1 : 3);
	for (int round = 0; round < 2; round++)
		for (unsigned c = 0; c < NCTX; c++) {
			check(c, 5, false);
			check(c, 5, true);
		}
	for (unsigned c = NCTX; c < 256; c += 13) // contexts that do not exist do not run
		assert_int_equal(ask(c, 5, false).status, GL_DMA_STATUS_STOPPED);
}

static void a_hit_takes_six_cycles(void **state)
{
	struct answer a;

	(void)state;
	start();
	map(0, 5, 0x123456, RW);
	a = check(0, 5, true);
	assert_int_equal(a.reads, 3);
	assert_int_equal(misses, 1);
	quiet();
	for (int i = 0; i < 5; i++) {
		a = check(0, 5, i & 1);
		assert_int_equal(a.cycles, 6);
		assert_int_equal(a.reads, 0);
	}
	assert_int_equal(hits, 5);
	assert_int_equal(misses, 1);
}

static void upper_levels_are_remembered(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < 4; j++)
			map(0, i * 512 + j * 64, some_hpage(), RW);
	map(0, 4 * 512, 0x55, RW);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(check(0, i * 512, true).reads, 3);
	for (unsigned j = 1; j < 4; j++)
		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(check(0, i * 512 + j * 64, true).reads, 1);
	assert_int_equal(check(0, 4 * 512, true).reads, 3); // replaces the first of the four
	assert_int_equal(check(0, 8, true).reads, 3);
}

static void neighbours_come_along(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 24; i++)
		map(0, i, some_hpage(), i == 13 ? 0 : i == 14 ? 1 : 3);
	*entry(0, 15, 1) |= 1ull << 63;
	check(0, 10, true);
	quiet();
	for (unsigned i = 8; i < 16; i++) {
		struct answer a = check(0, i, true);
		assert_int_equal(a.reads, i == 13 || i == 15);
	}
	assert_int_equal(check(0, 14, false).reads, 0);
	assert_int_equal(check(0, 7, true).reads, 1);
	assert_int_equal(check(0, 16, true).reads, 1);
}

// Neighbours are put away when nobody waits for the walker.
static void neighbours_hold_nobody_up(void **state)
{
	unsigned slowest = 0;

	(void)state;
	start();
	for (unsigned i = 0; i < 64 * 64; i++)
		map(0, i, some_hpage(), RW);
	check(0, 4095, true);
	quiet();
	for (unsigned i = 0; i < 8; i++)
		check(0, i * 512, true); // the first four are in the walk cache no more
	for (unsigned i = 0; i < 60; i++) {
		struct answer a;

		check(0, 7 * 512 + 8 + i * 8 % 500, true);
		for (unsigned k = 0; k < i; k++)
			step();
		a = check(0, 6 * 512 + 8 + i * 8 % 500, true);
		assert_int_equal(a.reads, 1);
		if (a.cycles > slowest)
			slowest = a.cycles;
		quiet();
	}
	print_message("# a miss with one read: at most %u cycles, %u of them memory\n", slowest,
		      latency_max + 8);
	assert_in_range(slowest, 50, 75);
}

// Cycles for each of many pages that follow each other by `stride`, when the hints run so far ahead that `walks` walks are under way.
static double cost(unsigned walks, unsigned stride)
{
	const unsigned n = 200;
	unsigned hinted = 1;
	uint64_t from;

	invalidate(0, ALL, 0);
	for (unsigned i = 0; i < 4; i++)
		check(0, 512 * i + 511, true); // the walk cache has the upper levels
	quiet();
	from = tb_cycles;
	for (unsigned i = 0; i < n; i++) {
		given.come = false;
		put_query(0, i * stride % 2040 + i * stride / 2040 + 1, true);
		while (!given.come) {
			if (!hint.valid && hinted < i + walks && hinted < n) {
				hint.valid = true;
				hint.page = hinted * stride % 2040 + hinted * stride / 2040 + 1;
				hinted++;
			}
			step();
		}
		assert_int_equal(given.status, GL_DMA_STATUS_OK);
		if (hinted < i + 2)
			hinted = i + 2;
	}
	return (double)(tb_cycles - from) / n;
}

// Cycles of an answer, on average, when pages are asked for in a row, 100 cycles after each other and with no hint.
static double cost_in_a_row(void)
{
	unsigned cycles = 0;

	invalidate(0, ALL, 0);
	check(0, 511, true);
	for (unsigned i = 0; i < 160; i++) {
		quiet();
		for (unsigned k = 0; k < 100; k++)
			step();
		cycles += check(0, i, i & 1).cycles;
	}
	return cycles / 160.0;
}

// The figures of docs/isolation.md
static void cost_of_translation(void **state)
{
	static const unsigned latency[] = { 50, 125, 250 };

	(void)state;
	start();
	hint.ctx = 0;
	for (unsigned i = 0; i < 2048 + 16; i++)
		map(0, i, some_hpage(), RW);
	*entry(0, 512 * 100, 2) = 77ull << 21 | 0x80 | RW;
	for (unsigned l = 0; l < 3; l++) {
		unsigned root, one, large, found;
		double alone, four, sixteen, line;

		latency_min = latency_max = latency[l];
		invalidate(0, ALL, 0);
		root = check(0, 1, true).cycles;
		quiet();
		one = check(0, 64, true).cycles;
		quiet();
		found = check(0, 1, true).cycles;
		check(0, 512 * 100, true);
		quiet();
		large = check(0, 512 * 100 + 1, true).cycles;
		alone = cost(1, 8);
		four = cost(4, 8);
		sixteen = cost(16, 8);
		line = cost_in_a_row();
		print_message("# memory %u cycles: hit %u, 2 MiB page %u, one read %u, three %u; a "
			      "miss each %.0f, with 4 "
			      "walks %.0f, with 16 %.0f; in a row without hints %.0f\n",
			      latency[l], found, large, one, root, alone, four, sixteen, line);
		assert_int_equal(found, 6);
		assert_in_range(large, 6, 25);
		assert_in_range(one, latency[l] + 8, latency[l] + 50);
		assert_in_range(root, 3 * latency[l], 3 * latency[l] + 90);
		assert_true(four < 0.55 * alone && sixteen <= four && line < one / 8.0 + 10);
	}
}

// A context's own 16 entries are safe from the others, and what is displaced is found in the shared part.
static void a_flood_leaves_private_entries(void **state)
{
	(void)state;
	start();
	if (NCTX == 1)
		return;
	for (unsigned i = 0; i < 16; i++) {
		map(0, 1000 + i * 17, some_hpage(), RW);
		map(0, 9192 + i * 17, some_hpage(), RW);
	}
	for (unsigned i = 0; i < 16; i++) {
		check(0, 1000 + i * 17, true);
		check(0, 9192 + i * 17, true); // takes its place,
		check(0, 1000 + i * 17, true); // and it comes back
	}
	for (unsigned i = 64; i < 72; i++)
		map(0, i, some_hpage(), RW);
	check(0, 64, true); // its neighbours replace nothing
	for (unsigned c = 1; c < NCTX && c < 8; c++)
		for (unsigned i = 0; i < 512; i++)
			map(c, 0x8000 + i * 8 + i % 8, some_hpage(), RW);
	for (unsigned n = 0; n < 3000; n++) {
		unsigned i = tb_below(512);
		check(1 + tb_below(NCTX < 8 ? NCTX - 1 : 7), 0x8000 + i * 8 + i % 8, true);
	}
	quiet();
	for (unsigned i = 0; i < 16; i++) {
		struct answer a;

		if ((1000 + i * 17) % 16 == 64 % 16)
			continue;
		a = check(0, 1000 + i * 17, true);
		assert_int_equal(a.reads, 0);
		assert_int_equal(a.cycles, 6);
	}
}

static void displaced_entries_are_shared(void **state)
{
	unsigned before;

	(void)state;
	start();
	for (unsigned i = 0; i < 20; i++)
		map(0, i * 16, some_hpage(), RW); // all in one private place
	for (unsigned i = 0; i < 20; i++)
		check(0, i * 16, true);
	quiet();
	before = reads;
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 20; i++)
			check(0, i * 16, round & 1);
	assert_int_equal(reads, before);
}

static void sixteen_walks(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 40; i++)
		map(i % NCTX, 1 + i * 512, some_hpage(), RW);
	hold = true;
	for (unsigned i = 0; i < 15; i++)
		give_hint(i % NCTX, 1 + i * 512);
	for (unsigned i = 0; i < 100; i++)
		step();
	assert_int_equal(under_way, 15);
	hint.valid = true; // one more is taken in and waits
	hint.ctx = 15 % NCTX;
	hint.page = 1 + 15 * 512;
	for (unsigned i = 0; i < 100; i++)
		step();
	assert_int_equal(under_way, 15);
	put_query(16 % NCTX, 1 + 16 * 512, true); // the query's walk starts all the same
	for (unsigned i = 0; i < 60; i++)
		step();
	assert_int_equal(under_way, 16);
	hold = false;
	mixed = true;
	assert_int_equal(get_answer().status, GL_DMA_STATUS_OK);
	quiet();
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(check(i % NCTX, 1 + i * 512, false).reads, 0);
	assert_int_equal(faults, 0);
}

static void a_query_waits_for_the_walk_under_way(void **state)
{
	struct answer a;

	(void)state;
	start();
	map(0, 5, 0x77, RW);
	for (unsigned wait = 0; wait < 120; wait++) {
		latency_min = latency_max = 25;
		reads = 0;
		give_hint(0, 5);
		for (unsigned i = 0; i < wait; i++)
			step();
		a = check(0, 5, true);
		quiet();
		assert_int_equal(reads, 3);
		give_hint(0, 5); // known: nothing is read
		quiet();
		assert_int_equal(reads, 3);
		invalidate(0, ALL, 0);
	}
}

static void hints_never_fault(void **state)
{
	(void)state;
	start();
	set_root(0, 0, false);
	give_hint(0, 5);
	quiet();
	set_root(0, table_page(0), true);
	give_hint(0, 5);
	quiet();
	give_hint(200, 5);
	quiet();
	map(0, 5, 0x77, RW);
	*entry(0, 5, 1) |= 1ull << 63;
	give_hint(0, 5);
	quiet();
	fail_percent = 100;
	give_hint(0, 5);
	quiet();
	assert_int_equal(faults, 0);
	assert_int_equal(fault_events, 0);
}

// A refusal that a hint's walk met may be old when a query waits for that walk.
static void a_hint_gives_no_old_refusal(void **state)
{
	(void)state;
	start();
	map(0, 13, 0x77, RW);
	check(0, 13, true);
	latency_min = latency_max = 100;
	for (unsigned at = 0; at < 140; at += 3) {
		uint64_t page = 64 + at * 8;

		give_hint(0, page);
		for (unsigned i = 0; i < at; i++)
			step();
		map(0, page, 0x78 + at, RW);
		check(0, page, true);
	}
}

static void failed_reads_fault_and_heal(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x77, RW);
	for (int round = 0; round < 2; round++) {
		missing_byte = round;
		for (int level = 0; level < 3; level++) {
			struct answer a;
			unsigned from = reads;

			put_query(0, 5, true);
			while (reads < from + level)
				step();
			fail_percent = 100;
			a = get_answer();
			assert_int_equal(a.status, GL_DMA_STATUS_REFUSED);
			assert_int_equal(a.kind, GL_FAULT_KIND_WALK_ERROR);
			fail_percent = 0;
			step();
			invalidate(0, ALL, 0);
		}
		check(0, 5, true);
		invalidate(0, ALL, 0);
	}
}

static void an_answer_waits_until_its_fault_is_taken(void **state)
{
	(void)state;
	start();
	flt_percent = 0;
	put_query(0, 9, true);
	for (int i = 0; i < 300; i++) {
		step();
		assert_false(dut->gr_valid_o);
	}
	assert_true(dut->flt_valid_o);
	assert_false(dut->gq_ready_o);
	flt_percent = 100;
	assert_int_equal(get_answer().status, GL_DMA_STATUS_REFUSED);
	assert_int_equal(faults, 1);
	assert_int_equal(fault_events, 1);
	step();
	flt_percent = 20;
	for (int i = 0; i < 50; i++)
		check(0, 9 + i, i & 1);
	assert_int_equal(faults, 51);
}

static void a_stopped_context_walks_not(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x77, RW);
	map(0, 6, 0x78, RW);
	for (unsigned at = 0; at < 360; at++) {
		static const uint64_t page[] = { 5, 1 << 20,
						 1ull << 30 }; // mapped, not present, out of range
		struct answer a;

		run[0] = true;
		invalidate(0, 5, 1);
		faults = 0;
		put_query(0, page[at % 3], true);
		for (unsigned i = 0; i < at / 3 && !dut->gr_valid_o; i++)
			step();
		if (dut->gr_valid_o) {
			step();
			continue;
		}
		run[0] = false;
		for (int i = 0; i < 8 && !dut->gr_valid_o;
		     i++) // what was decided before may still come
			step();
		if (!dut->gr_valid_o) {
			q_reads = reads;
			a = get_answer();
			assert_true(a.status == GL_DMA_STATUS_STOPPED ||
				    (a.status == GL_DMA_STATUS_OK && page[at % 3] == 5));
			assert_int_equal(reads, q_reads);
			assert_int_equal(faults, 0);
		}
		q_reads = reads;
		faults = 0;
		step();
		assert_int_equal(ask(0, 999, true).status, GL_DMA_STATUS_STOPPED);
		assert_int_equal(ask(0, 1ull << 30, true).status, GL_DMA_STATUS_STOPPED);
		give_hint(0, 512);
		quiet();
		assert_int_equal(reads, q_reads);
	}
	run[0] = true;
	assert_int_equal(check(0, 6, true).status, GL_DMA_STATUS_OK);
}

static void registers_read_back(void **state)
{
	(void)state;
	start();
	cfg_write(GL_BAR0_REGION_LO, 0, 0xffffffff);
	cfg_write(GL_BAR0_REGION_HI, 0, 0x89abcdef);
	cfg_write(GL_BAR0_REGION_PAGES, 0, 0xffffffff);
	assert_int_equal(cfg_read(GL_BAR0_REGION_LO, 1), 0xfffff000);
	assert_int_equal(cfg_read(GL_BAR0_REGION_HI, 2), 0x89abcdef);
	assert_int_equal(cfg_read(GL_BAR0_REGION_PAGES, 3), 0xffffff);
	for (unsigned c = 0; c < NCTX; c++)
		set_root(c, 0xabcde12345678ull + c * 0x100001ull, c & 1);
	cfg_write(GL_BAR0_ROOT_HI, 0, 0); // not committed
	for (unsigned c = 0; c < NCTX; c++) {
		uint64_t page = 0xabcde12345678ull + c * 0x100001ull;
		assert_int_equal(cfg_read(GL_BAR0_ROOT_LO, c), (uint32_t)(page << 12) | (c & 1));
		assert_int_equal(cfg_read(GL_BAR0_ROOT_HI, c), (uint32_t)(page >> 20));
	}
	cfg_write(GL_BAR0_INV_PAGE, 0, 0xffffffff);
	cfg_write(GL_BAR0_INV_PAGES, 0, 0xffffffff);
	assert_int_equal(cfg_read(GL_BAR0_INV_PAGE, 0), 0x7ffffff);
	assert_int_equal(cfg_read(GL_BAR0_INV_PAGES, 0), 0xfffffff);
	for (unsigned reg = 0; reg < 0x100; reg += 4)
		if (reg > 0x24 || reg == 0xc)
			assert_int_equal(cfg_read(reg, 0), 0); // somebody else's
}

// Reads and writes of a root take a port from the walker in any cycle; it finds what it would find without them.
static void root_accesses_disturb_nobody(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 4; i++)
		for (unsigned k = 0; k < 64; k++)
			map(0, 512 * i + 8 * k, some_hpage(), RW);
	for (unsigned i = 0; i < 4; i++)
		*entry(0, 512 * (64 + i), 2) = (uint64_t)(77 + i) << 21 | 0x80 | RW;
	for (unsigned variant = 0; variant < 4; variant++) {
		for (unsigned at = 0; at < 180; at++) {
			// first a walk from the root or from the walk cache, then one that must find the walk cache filled
			bool large = variant & 1, write = variant & 2, answered = false;
			uint64_t base = large ? 512 * 64 : 0,
				 page = base + 512 * (at % 4) + 8 * (at % 60);
			struct result x = translate(0, page);

			if (at >= 60) // from the root, else from the walk cache
				invalidate(0, ALL, 0);
			given.come = false;
			put_query(0, page, true);
			for (unsigned i = 0; i < (at < 60 ? at : at - 60); i++)
				step();
			if (write) {
				set_root(LAST, root[LAST] & ~(1ull << 63), true);
			} else {
				dut->cfg_re_i = 1;
				dut->cfg_ctx_i = LAST;
				dut->cfg_addr_i = GL_BAR0_ROOT_LO & 0xff;
				step();
				dut->cfg_re_i = 0;
				step();
				step();
				assert_int_equal(dut->cfg_rdata_o,
						 (uint32_t)(root[LAST] << 12) | 1);
			}
			for (unsigned i = 0; !(answered = given.come); i++) {
				assert_true(i < 300);
				step();
			}
			assert_true(given.status == GL_DMA_STATUS_OK && given.hpage == x.hpage);
			if (at) // else the walk cache knows it
				assert_true(reads - q_reads <= (at >= 60 ? 3u : 1u) - large);
			step();
			quiet();
			assert_true(check(0, base + 512 * (at % 4) + 8 * 61 + large, true).reads <=
				    !large);
			quiet();
			invalidate(0, ALL, 0);
			check(0, base + 512 * ((at + 1) % 4) + 8 * 62,
			      true); // what the next round begins with
			quiet();
		}
	}
}

// --- Invalidation ---

static void invalidation_by_range(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n < 60; n++) {
		unsigned ctx = tb_below(NCTX), first = tb_below(100), pages = 1 + tb_below(60);
		unsigned other = (ctx + 1) % NCTX;

		for (unsigned i = 0; i < 128; i++) {
			map(ctx, i, some_hpage(), RW);
			map(other, i, some_hpage(), RW);
		}
		invalidate(ctx, ALL, 0);
		invalidate(other, ALL, 0);
		for (unsigned i = 0; i < 128; i++)
			check(ctx, i, true);
		for (unsigned i = 64; i < 80; i++)
			check(other, i, true);
		quiet();
		invalidate(ctx, first, pages);
		for (unsigned i = first; i < first + pages && i < 128; i++)
			map(ctx, i, some_hpage(), RW);
		for (unsigned i = 0; i < 128; i++)
			check(ctx, i, true);
		quiet();
		if (other != ctx)
			for (unsigned i = 64; i < 80; i++)
				assert_int_equal(check(other, i, true).reads, 0);
	}
}

// What lies just outside of the range stays, at the edges of the address space too. (No two of these pages displace each other.)
static void ranges_are_exact(void **state)
{
	static const uint64_t page[] = { 0,	1,	   15,	      16,	 0x7ff,	   0x800,
					 0x801, 0x3ffffff, 0x4000000, PAGES - 2, PAGES - 1 };
	const unsigned n = sizeof(page) / sizeof(*page);

	(void)state;
	start();
	for (unsigned i = 0; i < n; i++)
		map(0, page[i], some_hpage(), RW);
	for (unsigned a = 0; a < n; a++) {
		for (unsigned b = a; b < n; b++) {
			for (unsigned i = 0; i < n; i++)
				check(0, page[i], true);
			quiet();
			invalidate(0, page[a], page[b] - page[a] + 1);
			for (unsigned i = a; i <= b; i++)
				map(0, page[i], some_hpage(), RW);
			for (unsigned i = 0; i < n; i++)
				if (i < a || i > b)
					assert_int_equal(check(0, page[i], true).reads, 0);
			for (unsigned i = a; i <= b; i++) {
				assert_int_equal(check(0, page[i], true).reads == 0,
						 i > a && page[i] / 8 == page[i - 1] / 8);
				quiet(); // the neighbour has come along
			}
		}
	}
	invalidate(0, 5, PAGES); // beyond the end
	assert_true(check(0, PAGES - 1, true).reads > 0);
	assert_int_equal(check(0, 1, true).reads, 0);
}

static void invalidation_takes_the_walk_cache(void **state)
{
	(void)state;
	start();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 4; i++) {
			*entry(0, 512 * i, 2) = new_table() << 12 | RW;
			map(0, 512 * i + 8, some_hpage(), RW);
			map(0, 512 * i + 16, some_hpage(), RW);
			if (round)
				continue;
			check(0, 512 * i + 8, true);
		}
		invalidate(0, round == 1 ? 0 : ALL, PAGES);
		for (unsigned i = 0; i < 4; i++)
			check(0, 512 * i + 16, true);
		for (unsigned i = 0; i < 4; i++)
			check(0, 512 * i + 8, true);
	}
}

static void invalidation_time(void **state)
{
	uint32_t cycles;
	uint64_t from;

	(void)state;
	start();
	map(0, 5, 0x77, RW);
	check(0, 5, true);
	quiet();
	begin_invalidation(0, 5, 1);
	from = tb_cycles - 1; // the cycle of the write
	step_until(dut->ev_inv_o, 1000);
	from = tb_cycles - from;
	end_invalidation();
	cycles = cfg_read(GL_BAR0_INV_CYCLES, 0);
	assert_int_equal(cycles, from);
	print_message("# invalidation: %u cycles, %u of them fence\n", cycles, fence_cycles + 1);
	assert_in_range(cycles, 528, 560);
	fence_cycles = 1000;
	invalidate(0, 5, 1);
	assert_in_range(cfg_read(GL_BAR0_INV_CYCLES, 0), cycles + 995, cycles + 995);
}

// Whatever other queries, hints and fills there are, a sweep gets its turn.
static void invalidation_is_bounded(void **state)
{
	unsigned slowest = 0;

	(void)state;
	start();
	latency_min = 1;
	latency_max = 30;
	for (unsigned i = 0; i < 2048; i++)
		map(LAST, i, some_hpage(), RW);
	for (unsigned n = 0; n < 60; n++) {
		begin_invalidation(0, 5, 1);
		while (!dut->ev_inv_o) {
			dut->gq_valid_i = 1;
			dut->gq_ctx_i = LAST;
			dut->gq_gpage_i = n & 1 ? tb_below(2048) : n;
			dut->gq_write_i = 1;
			if (!hint.valid) {
				hint.valid = true;
				hint.ctx = LAST;
				hint.page = tb_below(2048);
			}
			step();
		}
		dut->gq_valid_i = 0;
		end_invalidation();
		quiet();
		if (cfg_read(GL_BAR0_INV_CYCLES, 0) > slowest)
			slowest = cfg_read(GL_BAR0_INV_CYCLES, 0);
	}
	print_message("# invalidation while others are busy: at most %u cycles\n", slowest);
	// 33 parts of 16 entries and 6 cycles, between two of them two lookups and a fill or a hint, of 6 cycles each; mark, fence
	assert_in_range(slowest, 600, 33 * (22 + 18) + 120);
}

// A write of INV_CONTROL while BUSY is ignored, a write of INV_PAGE does not change what is under way.
static void one_invalidation_at_a_time(void **state)
{
	unsigned events;

	(void)state;
	start();
	if (NCTX == 1)
		return;
	map(0, 5, 0x77, RW);
	map(1, 5, 0x78, RW);
	check(0, 5, true);
	check(1, 5, true);
	quiet();
	begin_invalidation(0, 5, 1);
	cfg_write(GL_BAR0_INV_PAGE, 1, 99);
	cfg_write(GL_BAR0_INV_CONTROL, 1, 1);
	events = inv_events;
	end_invalidation();
	quiet();
	assert_int_equal(inv_events, events + 1);
	assert_int_equal(check(1, 5, true).reads, 0);
	assert_int_equal(check(0, 5, true).reads, 3);
}

// The table changes at any cycle of a query's walk, and then an invalidation begins: after its end nobody sees the old page.
static void invalidation_during_a_walk(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x1000, RW);
	for (unsigned variant = 0; variant < 12; variant++) {
		for (unsigned at = 0; at < 110; at++) {
			struct answer a;
			uint64_t now = translate(0, 5).hpage + 1, begin;
			bool query = variant & 1, use_all = variant & 2, answered = false,
			     done = false;

			latency_min = latency_max = variant < 4	  ? 20
						    : variant < 8 ? 35
						    : at & 1	  ? 300
								  : 900;
			if (query)
				put_query(0, 5, true);
			else
				give_hint(0, 5);
			for (unsigned i = 0; i < at && !answered; i++) {
				step();
				answered = query && dut->gr_valid_o;
			}
			if (query && answered)
				step();
			map(0, 5, now, RW);
			begin = tb_cycles + 2;
			dut->cfg_we_i = 1;
			dut->cfg_addr_i = GL_BAR0_INV_PAGE & 0xff;
			dut->cfg_wdata_i = 5;
			for (int i = 0; i < 3; i++) {
				if (i == 1) {
					dut->cfg_addr_i = GL_BAR0_INV_PAGES & 0xff;
					dut->cfg_wdata_i = 1;
				} else if (i == 2) {
					dut->cfg_addr_i = GL_BAR0_INV_CONTROL & 0xff;
					dut->cfg_ctx_i = 0;
					dut->cfg_wdata_i = use_all;
				}
				step();
				if (query && dut->gr_valid_o)
					answered = true;
			}
			dut->cfg_we_i = 0;
			for (unsigned i = 0; !done; i++) {
				assert_true(i < 3000);
				step();
				done = dut->ev_inv_o;
				if (query && dut->gr_valid_o)
					answered = true;
			}
			for (int k = 0; k < 16; k++) // no walk that began before is still out
				assert_false(walks[k].busy && walks[k].born <= begin);
			if (query && !answered) {
				a = get_answer();
				assert_int_equal(a.status, GL_DMA_STATUS_OK);
				assert_true(a.hpage == now);
			}
			step();
			check(0, 5, true);
			check(0, 5, true);
			quiet();
			invalidate(0, ALL, 0);
		}
	}
}

// What a context's invalidation makes stale are its own walks: those of others go on, and what they find is remembered.
static void invalidation_leaves_the_walks_of_others(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x77, RW);
	hold = true;
	give_hint(0, 5);
	for (unsigned i = 0; i < 60; i++)
		step();
	assert_int_equal(under_way, 1);
	invalidate(1, ALL, 0);
	assert_int_equal(under_way, 1);
	hold = false;
	quiet();
	assert_int_equal(check(0, 5, false).reads, 0);
}

// Entries that lie in the shared part and are asked for at any cycle of a sweep: none of the old ones is left after it, and
// what other contexts have there stays.
static void nothing_slips_past_a_sweep(void **state)
{
	const unsigned pages = 24;

	(void)state;
	start();
	for (unsigned i = 0; i < pages; i++)
		map(0, 5 + i * 16, 0x80 + i, RW);
	map(LAST, 7, 0x77, RW);
	map(LAST, 7 + 16, 0x78, RW);
	for (unsigned at = 0; at < 560; at += 1 + tb_below(3)) {
		unsigned k = tb_below(pages);

		for (unsigned i = 0; i < pages; i++)
			check(0, 5 + i * 16, true);
		if (NCTX > 1) {
			check(LAST, 7, true);
			check(LAST, 7 + 16, true);
		}
		quiet();
		for (unsigned i = 0; i < pages; i++)
			map(0, 5 + i * 16, 0x100 * (at + 1) + i, RW);
		begin_invalidation(0, 5, 16 * pages);
		for (unsigned i = 0; i < at; i++)
			step();
		put_query(0, 5 + k * 16, true);
		get_answer();
		step();
		put_query(0, 5 + 16 * ((k + 1) % pages), true);
		get_answer();
		step();
		end_invalidation();
		for (unsigned i = 0; i < pages; i++)
			check(0, 5 + (k + i) % pages * 16, true);
		if (NCTX > 1) {
			assert_int_equal(check(LAST, 7, true).reads, 0);
			assert_int_equal(check(LAST, 7 + 16, true).reads, 0);
		}
		quiet();
	}
}

static void revocation_takes_the_root(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x77, RW);
	map(LAST, 6, 0x78, RW);
	for (unsigned at = 0; at < 100; at++) {
		for (int i = 0; i < 3; i++)
			if (!at)
				check(LAST, 6, true);
		put_query(0, 5, true);
		for (unsigned i = 0; i < at && !dut->gr_valid_o; i++)
			step();
		if (!dut->gr_valid_o) {
			run[0] = false;
			dut->inv_valid_i = 1;
			dut->inv_ctx_i = 0;
			bool answered = false, taken = false;
			for (int i = 0; !dut->inv_done_o; i++) {
				assert_true(i < 2000);
				step();
				answered = answered || dut->gr_valid_o;
				taken = taken || !dut->inv_ready_o;
				if (taken)
					dut->inv_valid_i = 0;
			}
			assert_true(answered);
			assert_int_equal(under_way, 0);
			root[0] = 0;
		}
		step();
		if (run[0])
			take_away(0);
		assert_int_equal(faults, 0);
		assert_int_equal(cfg_read(GL_BAR0_ROOT_LO, 0), 0);
		assert_int_equal(cfg_read(GL_BAR0_ROOT_HI, 0), 0);
		assert_int_equal(ask(0, 5, true).status, GL_DMA_STATUS_STOPPED);
		run[0] = true;
		assert_int_equal(check(0, 5, true).kind, GL_FAULT_KIND_ROOT);
		faults = 0;
		if (NCTX > 1)
			assert_int_equal(check(LAST, 6, true).reads, 0);
		else
			set_root(0, table_page(0), true);
		set_root(0, table_page(0), true);
		check(0, 5, true);
	}
}

static void revocation_and_invalidation_take_turns(void **state)
{
	(void)state;
	start();
	if (NCTX == 1)
		return;
	for (unsigned at = 0; at < 12; at++) {
		map(0, 5, 0x77 + at, RW);
		map(1, 5, 0x177 + at, RW);
		check(0, 5, true);
		check(1, 5, true);
		quiet();
		map(1, 5, 0x277 + at, RW);
		begin_invalidation(1, 5, 1);
		for (unsigned i = 0; i < at; i++)
			step();
		take_away(0);
		end_invalidation();
		check(1, 5, true);
		run[0] = true;
		assert_int_equal(check(0, 5, true).kind, GL_FAULT_KIND_ROOT);
		set_root(0, table_page(0), true);
		invalidate(1, ALL, 0);
	}
}

// RESTART at any cycle: the query and the walks are forgotten, tables and a running invalidation are not.
static void flow_reset_at_any_cycle(void **state)
{
	(void)state;
	start();
	map(0, 5, 0x77, RW);
	map(0, 6, 0x78, RW);
	for (unsigned at = 0; at < 160; at++) {
		bool invalidating = at & 1;

		map(0, 5, 0x1000 + at, RW);
		invalidate(0, ALL, 0);
		if (invalidating) {
			begin_invalidation(0, 6, 1);
			for (unsigned i = 0; i < at * 4; i++)
				step();
		}
		give_hint(0, 0x1000 + at);
		put_query(0, at % 3 ? 5 : 1000, true);
		for (unsigned i = 0; i < at / 2; i++)
			step();
		dut->flow_rst_i = 1;
		step();
		memset(walks, 0, sizeof(walks)); // what was under way never comes
		under_way = 0;
		dut->flow_rst_i = 0;
		step();
		assert_false(dut->gr_valid_o);
		memset(walks, 0, sizeof(walks));
		under_way = 0;
		faults = 0;
		if (invalidating)
			end_invalidation();
		check(0, 6, true);
		check(0, 5, true);
		assert_int_equal(check(0, 5, true).reads, 0);
		quiet();
	}
}

// --- At random ---

#define R_PAGES 96 // guest pages that the random test uses, of each context

struct change {
	uint64_t since; // cycle from which the tables say this
	struct result x;
};

static struct change history[256][R_PAGES][64];
static unsigned changes[256][R_PAGES];
static uint64_t valid_since[256][R_PAGES]; // answers may not be older than this

static uint64_t r_page(unsigned i)
{
	return i < 32	? i
	       : i < 64 ? 0x200 * (i - 31) + i % 24
	       : i < 80 ? (0x40000ull * (i - 60) + 0x1ff)
			: 0x7fffe00 + (i - 80) * 3;
}

static void note_change(unsigned ctx)
{
	for (unsigned i = 0; i < R_PAGES; i++) {
		struct result x = translate(ctx, r_page(i));
		struct change *last = &history[ctx][i][(changes[ctx][i] - 1) % 64];

		if (changes[ctx][i] && last->x.kind == x.kind && last->x.r == x.r &&
		    last->x.w == x.w && last->x.hpage == x.hpage)
			continue;
		history[ctx][i][changes[ctx][i]++ % 64] = { tb_cycles, x };
	}
}

// Was the answer true at some time from `from` on?
static bool was_true(unsigned ctx, unsigned i, bool write, struct answer a, uint64_t from)
{
	for (unsigned n = changes[ctx][i], end = n > 64 ? n - 64 : 0; n > end; n--) {
		struct change *c = &history[ctx][i][(n - 1) % 64];
		unsigned kind = c->x.kind;
		uint64_t until = n == changes[ctx][i] ? ~0ull : history[ctx][i][n % 64].since;

		if (until < from)
			return false;
		if (!kind && !(write ? c->x.w : c->x.r))
			kind = GL_FAULT_KIND_PERMISSION;
		if (a.kind == kind && (kind || a.hpage == c->x.hpage))
			return true;
	}
	return false;
}

// One entry changes: a leaf, an upper entry, or its permissions. Missing tables are made on the way.
static void change_table(unsigned ctx)
{
	uint64_t page = r_page(tb_below(R_PAGES));
	int level = tb_percent(94) ? 1 : tb_percent(80) ? 2 : 3;
	uint64_t at = root[ctx] & ~(1ull << 63), *e = NULL;

	for (int l = 3;; l--) {
		e = &table_at(at)[page >> (9 * (l - 1)) & 511];
		if (l == level)
			break;
		if (!(*e & RW) || *e >> 63 || *e & 0x80 ||
		    (*e >> 12 & ((1ull << 40) - 1)) - REGION >= TABLES)
			*e = new_table() << 12 | RW;
		at = *e >> 12 & ((1ull << 40) - 1);
	}
	if (level == 1)
		*e = some_hpage() << 12 | (tb_percent(75) ? RW : tb_below(4)) |
		     (tb_percent(5) ? 1ull << 63 : 0);
	else if (tb_percent(30))
		*e = (*e & ~RW) | (tb_percent(60) ? RW : tb_below(4));
	else if (level == 2 && tb_percent(60))
		*e = (some_hpage() << 12 & ~0x1ff000ull) | 0x80 |
		     (tb_percent(80) ? RW : tb_below(4));
	else
		*e = tb_percent(50) ? 0
				    : some_hpage() << 12 | RW; // most likely outside of the region
}

static void at_random(void **state)
{
	bool inv = false, inv_revoke = false, query = false;
	unsigned inv_ctx = 0, q_ctx = 0, q_i = 0, q_faults = 0, n_ok = 0, n_refused = 0, n_inv = 0,
		 n_rev = 0, n_stop = 0;
	uint64_t inv_first = 0, inv_last = 0, inv_begin = 0, inv_end = 0, q_since = 0, q_from = 0;
	bool q_write = false, revoked[256] = {}, was_stopped = false;
	unsigned contexts = NCTX < 6 ? NCTX : 6, ctx_of[6];
	unsigned rounds = 300000;

	(void)state;
	start();
	for (unsigned c = 0; c < contexts; c++)
		ctx_of[c] = NCTX < 6 ? c : c * (NCTX - 1) / 5;
	memset(changes, 0, sizeof(changes));
	memset(valid_since, 0, sizeof(valid_since));
	for (unsigned c = 0; c < contexts; c++) {
		for (int i = 0; i < 250; i++)
			change_table(ctx_of[c]);
		note_change(ctx_of[c]);
	}
	mixed = true;
	latency_min = 1;
	for (unsigned n = 0; n < rounds; n++) {
		unsigned c = ctx_of[tb_below(contexts)];

		if (n % 5000 == 0) {
			latency_max = tb_percent(50) ? 30 : 400;
			wk_percent = tb_percent(50) ? 100 : 30;
			flt_percent = tb_percent(50) ? 100 : 30;
			fence_cycles = tb_below(50);
		}
		// The tables change; most changes are followed by an invalidation of what they touch.
		// (BUSY is seen to fall only after the event: a write in the cycle of the event would be ignored.)
		if (!inv && tb_cycles > inv_end + 1 && !revoked[c] &&
		    !tb_below(n / 10000 & 1 ? 50 : 1500)) {
			unsigned kind = tb_below(10);
			uint64_t page = r_page(tb_below(R_PAGES));

			if (tables <= TABLES - 8) {
				change_table(c);
				note_change(c);
			}
			inv = true;
			inv_ended = false;
			inv_ctx = c;
			inv_begin = tb_cycles;
			inv_revoke = kind == 0;
			if (kind == 0) {
				dut->inv_valid_i = 1;
				dut->inv_ctx_i = c;
				run[c] = false;
				revoked[c] = true;
			} else {
				inv_first = kind < 4 ? page : 0;
				inv_last =
					kind < 4 ? page + tb_below(1 << tb_below(20)) : PAGES - 1;
				begin_invalidation(c, kind < 7 ? inv_first : ALL,
						   inv_last - inv_first + 1);
				inv_begin =
					tb_cycles; // the new entries have been in memory since before
				if (inv_last >= PAGES)
					inv_last = PAGES - 1;
			}
		}
		if (revoked[c] && !inv && tb_percent(1)) {
			revoked[c] = false;
			set_root(c, root[c] & ~(1ull << 63), true);
			run[c] = true;
			note_change(c);
		}
		if (!hint.valid && tb_percent(20)) {
			hint.valid = true;
			hint.ctx = c;
			hint.page = r_page(tb_below(R_PAGES));
		}
		if (!query && tb_percent(40)) {
			dut->gq_valid_i = 1;
			dut->gq_ctx_i = q_ctx = ctx_of[tb_below(contexts)];
			q_i = tb_below(tb_percent(50) ? 24 : R_PAGES);
			q_write = tb_below(2);
			dut->gq_gpage_i = r_page(q_i);
			dut->gq_write_i = q_write;
			step_until(dut->gq_ready_o, 100);
			q_since = tb_cycles;
			q_faults = faults;
			q_from = valid_since[q_ctx][q_i];
			was_stopped = !run[q_ctx];
			query = true;
			given.come = false;
			step();
			dut->gq_valid_i = 0;
		} else {
			step();
		}
		if (query)
			was_stopped = was_stopped || !run[q_ctx];
		if (inv && inv_revoke && !dut->inv_ready_o)
			dut->inv_valid_i = 0;
		if (inv && inv_ended) {
			for (unsigned i = 0; i < R_PAGES; i++)
				if (inv_revoke || (r_page(i) >= inv_first && r_page(i) <= inv_last))
					valid_since[inv_ctx][i] = inv_begin;
			inv = false;
			inv_end = tb_cycles;
			(inv_revoke ? n_rev : n_inv)++;
			if (inv_revoke) {
				root[inv_ctx] &= ~(1ull << 63);
				note_change(inv_ctx);
			}
			// An answer from now on is as new as this; one that came before (in this very cycle too) need not be.
			if (query && !given.come)
				q_from = valid_since[q_ctx][q_i];
		}
		if (query && given.come) {
			struct answer a = {};

			query = false;
			a.status = given.status;
			a.hpage = given.hpage;
			a.kind = a.status == GL_DMA_STATUS_REFUSED ? fault.kind : 0;
			if (a.status == GL_DMA_STATUS_STOPPED) {
				assert_true(was_stopped || !run[q_ctx]);
				n_stop++;
				assert_int_equal(faults, q_faults);
				continue;
			}
			assert_int_equal(faults, q_faults + (a.status == GL_DMA_STATUS_REFUSED));
			if (!was_true(q_ctx, q_i, q_write, a, q_from))
				fail_msg("cycle %llu: context %u page 0x%llx: kind %u host page "
					 "0x%llx was never so since cycle %llu (asked at %llu)",
					 (unsigned long long)tb_cycles, q_ctx,
					 (unsigned long long)r_page(q_i), a.kind,
					 (unsigned long long)a.hpage, (unsigned long long)q_from,
					 (unsigned long long)q_since);
			(a.kind ? n_refused : n_ok)++;
		}
	}
	print_message("# %u translated (%u found), %u refused, %u stopped, %u invalidations, %u "
		      "revocations, %u walks at once\n",
		      n_ok, hits, n_refused, n_stop, n_inv, n_rev, most_under_way);
	assert_true(n_ok > 200 && n_refused > 200 && n_inv > 20 && n_rev > 0 && n_stop > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(nothing_is_asked_before_the_tables_are_clear),
		TB_TEST(a_reset_forgets_all),
		TB_TEST(three_levels_are_walked),
		TB_TEST(software_bits_are_ignored),
		TB_TEST(large_pages),
		TB_TEST(every_reserved_bit_faults),
		TB_TEST(every_level_must_permit),
		TB_TEST(a_page_without_permission_is_read_again),
		TB_TEST(addresses_beyond_39_bits_fault),
		TB_TEST(refusals_are_not_remembered),
		TB_TEST(the_walker_stays_in_the_region),
		TB_TEST(the_region_holds_for_cached_tables_too),
		TB_TEST(contexts_are_apart),
		TB_TEST(a_hit_takes_six_cycles),
		TB_TEST(upper_levels_are_remembered),
		TB_TEST(neighbours_come_along),
		TB_TEST(neighbours_hold_nobody_up),
		TB_TEST(cost_of_translation),
		TB_TEST(a_flood_leaves_private_entries),
		TB_TEST(displaced_entries_are_shared),
		TB_TEST(sixteen_walks),
		TB_TEST(a_query_waits_for_the_walk_under_way),
		TB_TEST(hints_never_fault),
		TB_TEST(a_hint_gives_no_old_refusal),
		TB_TEST(failed_reads_fault_and_heal),
		TB_TEST(an_answer_waits_until_its_fault_is_taken),
		TB_TEST(a_stopped_context_walks_not),
		TB_TEST(registers_read_back),
		TB_TEST(root_accesses_disturb_nobody),
		TB_TEST(invalidation_by_range),
		TB_TEST(ranges_are_exact),
		TB_TEST(invalidation_takes_the_walk_cache),
		TB_TEST(invalidation_time),
		TB_TEST(invalidation_is_bounded),
		TB_TEST(one_invalidation_at_a_time),
		TB_TEST(invalidation_during_a_walk),
		TB_TEST(invalidation_leaves_the_walks_of_others),
		TB_TEST(nothing_slips_past_a_sweep),
		TB_TEST(revocation_takes_the_root),
		TB_TEST(revocation_and_invalidation_take_turns),
		TB_TEST(flow_reset_at_any_cycle),
		TB_TEST(at_random),
	};
	return TB_RUN(tests);
}
