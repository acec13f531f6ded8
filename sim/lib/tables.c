// SPDX-License-Identifier: Apache-2.0
// Translation tables as dom0 keeps them (docs/isolation.md): radix trees (host-driver/lib/radix.h, as libguestlane has them) in a region of
// host memory whose pages are given out at random.
#include "internal.h"
#include "radix.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>

#define CONTEXTS     256u
/* The region crosses a multiple of 4 GiB. */
#define REGION_AT    0x00000001ff7ff000ull
#define REGION_PAGES 4096u

struct tables {
	struct radix radix;
	uint64_t root[CONTEXTS]; /* host address, 0: the context has no table */
};

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
	reg(s, GL_BAR0_INV_PAGE, (uint32_t)(guest_address / RADIX_PAGE));
	reg(s, GL_BAR0_INV_PAGES, (uint32_t)(bytes / RADIX_PAGE));
	reg(s, GL_BAR0_INV_CONTROL, bytes ? 0 : GL_BAR0_INV_CONTROL_ALL_MASK);
	int error = gls_wait_clear(s, GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK);
	if (error)
		return gls_fail(s, -error, "context %u: the invalidation does not end", context);
	return gls_read(s, GLS_BAR0, GL_BAR0_INV_CYCLES, 4);
}

/* --- The library's part ------------------------------------------------------------------------------------------------------ */

static uint64_t chance(void *arg)
{
	return gls_rand(arg);
}

int tables_start(struct gls *s)
{
	struct tables *t = s->tables;
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t || gls_memory_add(s, REGION_AT, (size_t)REGION_PAGES * RADIX_PAGE) ||
		    !radix_new(&t->radix,
			       gls_memory(s, REGION_AT, (size_t)REGION_PAGES * RADIX_PAGE),
			       REGION_AT, REGION_PAGES)) {
			free(t);
			return gls_fail(s, ENOMEM, "not enough memory for the translation tables");
		}
		t->radix.random = chance;
		t->radix.random_arg = s;
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
	radix_drop(&s->tables->radix, s->tables->root[context]);
	s->tables->root[context] = 0;
}

void tables_free(struct gls *s)
{
	if (s->tables)
		radix_free(&s->tables->radix);
	free(s->tables);
	s->tables = NULL;
}

/* --- Map, unmap, walk --------------------------------------------------------------------------------------------------------- */

static int check_range(struct gls *s, unsigned context, uint64_t guest, uint64_t bytes,
		       uint64_t unit)
{
	if (context >= gls_contexts(s))
		return gls_fail(s, EINVAL, "there is no context %u", context);
	if (!bytes || guest % unit || bytes % unit || guest >> RADIX_GUEST_BITS ||
	    bytes > (1ull << RADIX_GUEST_BITS) - guest)
		return gls_fail(s, EINVAL,
				"context %u: guest addresses 0x%llx, 0x%llx bytes: use multiples "
				"of 0x%llx below 2^%u",
				context, (unsigned long long)guest, (unsigned long long)bytes,
				(unsigned long long)unit, RADIX_GUEST_BITS);
	return 0;
}

int gls_map(struct gls *s, unsigned context, uint64_t guest_address, uint64_t host_address,
	    uint64_t bytes, unsigned flags)
{
	bool huge = flags & GLS_HUGE;
	uint64_t unit = huge ? RADIX_HUGE : RADIX_PAGE;
	int error = check_range(s, context, guest_address, bytes, unit);
	if (error)
		return error;
	if (host_address % unit || host_address & ~RADIX_ADDRESS ||
	    (host_address + bytes - 1) & ~(RADIX_ADDRESS | 0xfff) ||
	    !(flags & (GLS_READ | GLS_WRITE)) || flags & ~(GLS_READ | GLS_WRITE | GLS_HUGE))
		return gls_fail(s, EINVAL, "context %u: cannot map to 0x%llx with flags 0x%x",
				context, (unsigned long long)host_address, flags);
	struct radix *x = &s->tables->radix;
	uint64_t root = s->tables->root[context];
	uint64_t first = radix_first(x, root, guest_address, bytes);
	if (first != guest_address + bytes)
		return gls_fail(s, EEXIST, "context %u: guest address 0x%llx is mapped already",
				context, (unsigned long long)first);
	if (radix_need(x, root, guest_address, bytes, huge) > x->free_count)
		return gls_fail(s, ENOMEM, "no page is left in the table region");
	if (!root) {
		root = s->tables->root[context] = radix_root(x);
		set_root(s, context, root);
	}
	radix_map(x, root, guest_address, host_address, bytes,
		  (flags & GLS_READ ? RADIX_READ : 0) | (flags & GLS_WRITE ? RADIX_WRITE : 0),
		  huge);
	return 0;
}

int gls_unmap(struct gls *s, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	int error = check_range(s, context, guest_address, bytes, RADIX_PAGE);
	if (error)
		return error;
	struct radix *x = &s->tables->radix;
	uint64_t root = s->tables->root[context], at;
	if (radix_cuts(x, root, guest_address, bytes, &at))
		return gls_fail(s, EINVAL,
				"context %u: 0x%llx lies in a 2 MiB page, which is unmapped as a "
				"whole only",
				context, (unsigned long long)at);
	/* Tables with nothing in them leave the tree now, and become free when the NIC has forgotten them. */
	radix_clear(x, root, guest_address, bytes);
	int64_t cycles = gls_invalidate(s, context, guest_address, bytes);
	if (cycles < 0)
		return (int)cycles;
	radix_reclaim(x);
	return 0;
}

uint64_t *gls_entry(struct gls *s, unsigned context, uint64_t guest_address, unsigned level)
{
	return radix_entry(&s->tables->radix, s->tables->root[context], guest_address, level);
}

int gls_translate(const struct gls *s, unsigned context, uint64_t guest_address, bool write,
		  uint64_t *host_address)
{
	return radix_translate(&s->tables->radix, s->tables->root[context], guest_address, write,
			       host_address);
}

uint64_t gls_root(const struct gls *s, unsigned context)
{
	return s->tables->root[context];
}

void gls_table_region(const struct gls *s, uint64_t *address, uint64_t *bytes)
{
	(void)s;
	*address = REGION_AT;
	*bytes = (uint64_t)REGION_PAGES * RADIX_PAGE;
}
