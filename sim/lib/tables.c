// SPDX-License-Identifier: Apache-2.0
// Translation tables as dom0 keeps them (docs/isolation.md): a region of host memory, its pages given out at random, and in it a radix
// tree of three levels for each context.
#include "internal.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	     4096u
#define HUGE_BYTES   0x200000ull
#define GUEST_BITS   39
#define CONTEXTS     256u
#define ENTRIES	     512u
/* The region crosses a multiple of 4 GiB. */
#define REGION_AT    0x00000001ff7ff000ull
#define REGION_PAGES 4096u

/* Bits of a table entry. */
#define E_READ	   0x0000000000000001ull
#define E_WRITE	   0x0000000000000002ull
#define E_HUGE	   0x0000000000000080ull
#define E_ADDRESS  0x000ffffffffff000ull
#define E_SOFTWARE 0x7ff0000000000f7cull
#define E_HIGHEST  0x8000000000000000ull

struct tables {
	uint8_t *data; /* of the region */
	unsigned free_count;
	uint16_t free[REGION_PAGES];
	uint64_t root[CONTEXTS]; /* host address, 0: the context has no table */
};

/* --- Pages of the region ------------------------------------------------------------------------------------------------- */

static uint64_t take_page(struct gls *s)
{
	struct tables *t = s->tables;
	if (!t->free_count)
		return 0;
	unsigned n = gls_below(s, t->free_count);
	uint16_t page = t->free[n];
	t->free[n] = t->free[--t->free_count];
	memset(t->data + (size_t)page * PAGE, 0, PAGE);
	return REGION_AT + (uint64_t)page * PAGE;
}

/* A page that is no table any more gets all bits set: whatever still reads it faults. */
static void give_page(struct gls *s, uint64_t address)
{
	struct tables *t = s->tables;
	uint64_t page = (address - REGION_AT) / PAGE;
	memset(t->data + page * PAGE, 0xff, PAGE);
	t->free[t->free_count++] = (uint16_t)page;
}

static uint64_t *entries(const struct gls *s, uint64_t table)
{
	return (uint64_t *)(void *)(s->tables->data + (table - REGION_AT));
}

static unsigned shift_of(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static uint64_t *entry_in(const struct gls *s, uint64_t table, unsigned level, uint64_t guest)
{
	return entries(s, table) + (guest >> shift_of(level)) % ENTRIES;
}

static bool present(uint64_t e)
{
	return e & (E_READ | E_WRITE);
}

static bool in_region(uint64_t address)
{
	return address >= REGION_AT && address < REGION_AT + (uint64_t)REGION_PAGES * PAGE;
}

/* Frees a table and all below it. */
static void give_table(struct gls *s, uint64_t table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t e = entries(s, table)[i];
		if (present(e) && !(level == 2 && e & E_HUGE) && in_region(e & E_ADDRESS))
			give_table(s, e & E_ADDRESS, level - 1);
	}
	give_page(s, table);
}

/* --- Registers ------------------------------------------------------------------------------------------------------------- */

static void reg(struct gls *s, uint32_t offset, uint32_t value)
{
	gls_write(s, GLS_BAR0, offset, value, 4);
}

static void set_root(struct gls *s, unsigned context, uint64_t root)
{
	reg(s, GL_BAR0_CTX_INDEX, context);
	reg(s, GL_BAR0_ROOT_HI, (uint32_t)(root >> 32));
	reg(s, GL_BAR0_ROOT_LO, (uint32_t)root | (root ? GL_BAR0_ROOT_LO_VALID_MASK : 0));
}

int64_t gls_invalidate(struct gls *s, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	reg(s, GL_BAR0_CTX_INDEX, context);
	reg(s, GL_BAR0_INV_PAGE, (uint32_t)(guest_address / PAGE));
	reg(s, GL_BAR0_INV_PAGES, (uint32_t)(bytes / PAGE));
	reg(s, GL_BAR0_INV_CONTROL, bytes ? 0 : GL_BAR0_INV_CONTROL_ALL_MASK);
	int error = gls_wait_clear(s, GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK);
	if (error)
		return gls_fail(s, -error, "context %u: the invalidation does not end", context);
	return gls_read(s, GLS_BAR0, GL_BAR0_INV_CYCLES, 4);
}

/* --- The library's part ------------------------------------------------------------------------------------------------------ */

int tables_start(struct gls *s)
{
	struct tables *t = s->tables;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t || gls_memory_add(s, REGION_AT, (size_t)REGION_PAGES * PAGE)) {
			free(t);
			return gls_fail(s, ENOMEM, "not enough memory for the translation tables");
		}
		t->data = gls_memory(s, REGION_AT, (size_t)REGION_PAGES * PAGE);
		for (unsigned i = 0; i < REGION_PAGES; i++)
			t->free[t->free_count++] = (uint16_t)i;
		s->tables = t;
	}
	/* What an earlier firmware's contexts left. */
	for (unsigned c = 0; c < CONTEXTS; c++) {
		if (!t->root[c])
			continue;
		set_root(s, c, 0);
		int64_t error = gls_invalidate(s, c, 0, 0);
		if (error < 0)
			return (int)error;
		tables_forget(s, c);
	}
	reg(s, GL_BAR0_REGION_LO, (uint32_t)REGION_AT);
	reg(s, GL_BAR0_REGION_HI, (uint32_t)(REGION_AT >> 32));
	reg(s, GL_BAR0_REGION_PAGES, REGION_PAGES);
	return 0;
}

void tables_forget(struct gls *s, unsigned context)
{
	uint64_t root = s->tables->root[context];
	if (root)
		give_table(s, root, 3);
	s->tables->root[context] = 0;
}

void tables_free(struct gls *s)
{
	free(s->tables);
	s->tables = NULL;
}

/* --- Map, unmap, walk --------------------------------------------------------------------------------------------------------- */

static int check_range(struct gls *s, unsigned context, uint64_t guest, uint64_t bytes,
		       uint64_t unit)
{
	if (context >= gls_contexts(s))
		return gls_fail(s, EINVAL, "there is no context %u", context);
	if (!bytes || guest % unit || bytes % unit || guest >> GUEST_BITS ||
	    bytes > (1ull << GUEST_BITS) - guest)
		return gls_fail(s, EINVAL,
				"context %u: guest addresses 0x%llx, 0x%llx bytes: use multiples "
				"of 0x%llx below 2^%u",
				context, (unsigned long long)guest, (unsigned long long)bytes,
				(unsigned long long)unit, GUEST_BITS);
	return 0;
}

/* The entry for an address at a level (1 or 2), or NULL: an upper level is not present. A leaf above it is given instead. */
static uint64_t *find(const struct gls *s, unsigned context, uint64_t guest, unsigned level)
{
	uint64_t table = s->tables->root[context];
	for (unsigned at = 3; table; at--) {
		uint64_t *e = entry_in(s, table, at, guest);
		if (at == level || (at == 2 && *e & E_HUGE && present(*e)))
			return e;
		if (!present(*e))
			return NULL;
		table = *e & E_ADDRESS;
	}
	return NULL;
}

static uint64_t *make(struct gls *s, unsigned context, uint64_t guest, unsigned level)
{
	struct tables *t = s->tables;
	if (!t->root[context]) {
		uint64_t root = take_page(s);
		if (!root)
			return NULL;
		t->root[context] = root;
		set_root(s, context, root);
	}
	uint64_t table = t->root[context];
	for (unsigned at = 3; at > level; at--) {
		uint64_t *e = entry_in(s, table, at, guest);
		if (!present(*e)) {
			uint64_t page = take_page(s);
			if (!page)
				return NULL;
			*e = page | E_READ | E_WRITE | (gls_rand(s) & E_SOFTWARE);
		}
		table = *e & E_ADDRESS;
	}
	return entry_in(s, table, level, guest);
}

int gls_map(struct gls *s, unsigned context, uint64_t guest_address, uint64_t host_address,
	    uint64_t bytes, unsigned flags)
{
	bool huge = flags & GLS_HUGE;
	uint64_t unit = huge ? HUGE_BYTES : PAGE;
	int error = check_range(s, context, guest_address, bytes, unit);
	if (error)
		return error;
	if (host_address % unit || host_address & ~E_ADDRESS ||
	    (host_address + bytes - 1) & ~(E_ADDRESS | 0xfff) ||
	    !(flags & (GLS_READ | GLS_WRITE)) || flags & ~(GLS_READ | GLS_WRITE | GLS_HUGE))
		return gls_fail(s, EINVAL, "context %u: cannot map to 0x%llx with flags 0x%x",
				context, (unsigned long long)host_address, flags);
	for (uint64_t at = 0; at < bytes; at += unit) {
		const uint64_t *e = find(s, context, guest_address + at, huge ? 2 : 1);
		if (e && present(*e))
			return gls_fail(s, EEXIST,
					"context %u: guest address 0x%llx is mapped already",
					context, (unsigned long long)(guest_address + at));
	}
	for (uint64_t at = 0; at < bytes; at += unit) {
		uint64_t *e = make(s, context, guest_address + at, huge ? 2 : 1);
		if (!e)
			return gls_fail(s, ENOMEM, "no page is left in the table region");
		*e = (host_address + at) | (flags & GLS_READ ? E_READ : 0) |
		     (flags & GLS_WRITE ? E_WRITE : 0) | (huge ? E_HUGE : 0) |
		     (gls_rand(s) & E_SOFTWARE);
	}
	return 0;
}

static bool empty(const struct gls *s, uint64_t table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (present(entries(s, table)[i]))
			return false;
	return true;
}

int gls_unmap(struct gls *s, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	int error = check_range(s, context, guest_address, bytes, PAGE);
	if (error)
		return error;
	uint64_t end = guest_address + bytes;
	/* Leaves: first a look at all of them, then they go. The other bits of an entry that is not present do not count. */
	for (int go = 0; go < 2; go++)
		for (uint64_t at = guest_address; at < end;) {
			uint64_t *e = find(s, context, at, 1);
			bool huge = e && e == find(s, context, at, 2);
			if (huge && (at % HUGE_BYTES || end - at < HUGE_BYTES))
				return gls_fail(s, EINVAL,
						"context %u: 0x%llx lies in a 2 MiB page, which is "
						"unmapped as a whole only",
						context, (unsigned long long)at);
			if (e && go)
				*e = gls_rand(s) & (E_SOFTWARE | E_ADDRESS);
			at += huge ? HUGE_BYTES : e ? PAGE : HUGE_BYTES - at % HUGE_BYTES;
		}
	/* Tables with nothing in them leave the tree now, and become free when the NIC has forgotten them. */
	uint64_t unused[64];
	unsigned count = 0;
	for (uint64_t at = guest_address - guest_address % HUGE_BYTES; at < end && count < 62;
	     at += HUGE_BYTES) {
		uint64_t *e2 = find(s, context, at, 2);
		if (e2 && present(*e2) && !(*e2 & E_HUGE) && empty(s, *e2 & E_ADDRESS)) {
			unused[count++] = *e2 & E_ADDRESS;
			*e2 = 0;
		}
		uint64_t *e3 = s->tables->root[context]
				       ? entry_in(s, s->tables->root[context], 3, at)
				       : NULL;
		if (e3 && present(*e3) && empty(s, *e3 & E_ADDRESS)) {
			unused[count++] = *e3 & E_ADDRESS;
			*e3 = 0;
		}
	}
	int64_t cycles = gls_invalidate(s, context, guest_address, bytes);
	if (cycles < 0)
		return (int)cycles;
	while (count)
		give_page(s, unused[--count]);
	return 0;
}

uint64_t *gls_entry(struct gls *s, unsigned context, uint64_t guest_address, unsigned level)
{
	uint64_t table = s->tables->root[context];
	for (unsigned at = 3; table; at--) {
		uint64_t *e = entry_in(s, table, at, guest_address);
		if (at == level)
			return e;
		if (!present(*e) || (at == 2 && *e & E_HUGE))
			return NULL;
		table = *e & E_ADDRESS;
	}
	return NULL;
}

int gls_translate(const struct gls *s, unsigned context, uint64_t guest_address, bool write,
		  uint64_t *host_address)
{
	if (guest_address >> GUEST_BITS)
		return GL_FAULT_KIND_RANGE;
	uint64_t table = s->tables->root[context], allowed = E_READ | E_WRITE;
	if (!table)
		return GL_FAULT_KIND_ROOT;
	for (unsigned level = 3;; level--) {
		if (!in_region(table))
			return GL_FAULT_KIND_REGION;
		uint64_t e = *entry_in(s, table, level, guest_address);
		if (!present(e))
			return GL_FAULT_KIND_NOT_PRESENT;
		bool leaf = level == 1 || (level == 2 && e & E_HUGE);
		if (e & E_HIGHEST || (level != 2 && e & E_HUGE) ||
		    (level == 2 && leaf && e & (HUGE_BYTES - PAGE)))
			return GL_FAULT_KIND_RESERVED;
		allowed &= e;
		if (!leaf) {
			table = e & E_ADDRESS;
			continue;
		}
		if (!(allowed & (write ? E_WRITE : E_READ)))
			return GL_FAULT_KIND_PERMISSION;
		uint64_t below = (1ull << shift_of(level)) - 1;
		if (host_address)
			*host_address = (e & E_ADDRESS & ~below) | (guest_address & below);
		return GL_FAULT_KIND_NONE;
	}
}

uint64_t gls_root(const struct gls *s, unsigned context)
{
	return s->tables->root[context];
}

void gls_table_region(const struct gls *s, uint64_t *address, uint64_t *bytes)
{
	(void)s;
	*address = REGION_AT;
	*bytes = (uint64_t)REGION_PAGES * PAGE;
}
