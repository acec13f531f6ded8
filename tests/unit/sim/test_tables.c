// SPDX-License-Identifier: Apache-2.0
// Translation tables of the co-simulation library without a NIC: random maps and unmaps are compared with a list, by a walk of the test's
// own that reads nothing but the memory and the registers written; at each invalidation nothing of the range may be present.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "internal.h"
#include "guestlane_regs.h"

#define CONTEXTS 4u
#define PAGES	 6144u /* of guest memory that is played with, from BASE on */
#define BASE	 (0x7fff400000ull - PAGES * 4096ull)
#define HUGE	 512u

static struct {
	struct gls s;
	uint64_t region, region_bytes, root[CONTEXTS];
	uint8_t *memory;
	uint64_t memory_at;
	size_t memory_bytes;
	uint32_t context, root_hi, inv_page, inv_pages;
	unsigned invalidations;
	struct {
		uint64_t host;
		unsigned flags;
	} page[CONTEXTS][PAGES];
} d;

static uint64_t seed = 0x6c61e5;

/* --- What tables.c calls ---------------------------------------------------------------------------------------------------- */

int gls_fail(struct gls *s, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	return -error;
}

uint64_t gls_rand(struct gls *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

uint32_t gls_below(struct gls *s, uint32_t limit)
{
	return limit ? (uint32_t)((gls_rand(s) >> 32) * limit >> 32) : 0;
}

uint32_t gls_contexts(const struct gls *s)
{
	(void)s;
	return CONTEXTS;
}

int gls_memory_add(struct gls *s, uint64_t address, size_t bytes)
{
	(void)s;
	d.memory = calloc(1, bytes);
	d.memory_at = address;
	d.memory_bytes = bytes;
	return 0;
}

void *gls_memory(struct gls *s, uint64_t address, size_t bytes)
{
	(void)s;
	assert_true(address >= d.memory_at && address + bytes <= d.memory_at + d.memory_bytes);
	return d.memory + (address - d.memory_at);
}

uint32_t gls_read(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size)
{
	(void)s, (void)bar, (void)offset, (void)size;
	return 0;
}

int gls_wait_clear(struct gls *s, uint32_t offset, uint32_t bits)
{
	(void)s, (void)offset, (void)bits;
	return 0;
}

/* A walk by docs/isolation.md: 0 if the address is not present, else the host address of its page and the permissions. */
static uint64_t walk(unsigned context, uint64_t guest, unsigned *flags)
{
	uint64_t table = d.root[context];
	*flags = 3;
	for (int shift = 30; table; shift -= 9) {
		uint64_t e;
		assert_int_equal(table % 4096, 0);
		assert_true(table >= d.region && table < d.region + d.region_bytes);
		memcpy(&e, gls_memory(&d.s, table + (guest >> shift) % 512 * 8, 8), 8);
		*flags &= e & 3;
		if (!(e & 3))
			return 0;
		assert_int_equal(e >> 63, 0);
		table = e & 0x000ffffffffff000ull;
		if (shift == 12)
			return table;
		if (e & 0x80) {
			assert_int_equal(shift, 21);
			assert_int_equal(table % 0x200000, 0);
			return table + guest % 0x200000 / 4096 * 4096;
		}
	}
	*flags = 0;
	return 0;
}

void gls_write(struct gls *s, enum gls_bar bar, uint32_t offset, uint32_t value, unsigned size)
{
	(void)s;
	unsigned flags;
	assert_true(bar == GLS_BAR0 && size == 4);
	switch (offset) {
	case GL_BAR0_CTX_INDEX:
		d.context = value;
		break;
	case GL_BAR0_REGION_LO:
		d.region = (d.region & ~0xffffffffull) | value;
		break;
	case GL_BAR0_REGION_HI:
		d.region = (uint32_t)d.region | (uint64_t)value << 32;
		break;
	case GL_BAR0_REGION_PAGES:
		d.region_bytes = value * 4096ull;
		break;
	case GL_BAR0_ROOT_HI:
		d.root_hi = value;
		break;
	case GL_BAR0_ROOT_LO:
		d.root[d.context] = value & 1 ? (uint64_t)d.root_hi << 32 | (value & ~0xfffu) : 0;
		break;
	case GL_BAR0_INV_PAGE:
		d.inv_page = value;
		break;
	case GL_BAR0_INV_PAGES:
		d.inv_pages = value;
		break;
	case GL_BAR0_INV_CONTROL:
		d.invalidations++;
		for (uint64_t p = 0; p < PAGES; p++) {
			uint64_t page = BASE / 4096 + p;
			if (value & 1 || (page >= d.inv_page && page - d.inv_page < d.inv_pages))
				assert_int_equal(walk(d.context, page * 4096, &flags), 0);
		}
		break;
	default:
		fail_msg("BAR0 0x%x is written", offset);
	}
}

/* --- Tests --------------------------------------------------------------------------------------------------------------------- */

static void begin(void)
{
	memset(&d, 0, sizeof(d));
	d.s.random = seed;
	assert_int_equal(tables_start(&d.s), 0);
	assert_true(d.region % 4096 == 0 && d.region_bytes > 0);
}

static void end(void)
{
	tables_free(&d.s);
	free(d.memory);
}

static void compare(unsigned context)
{
	for (uint64_t p = 0; p < PAGES; p++) {
		unsigned flags = 0;
		uint64_t host = 0, found = walk(context, BASE + p * 4096, &flags);
		assert_int_equal(found, d.page[context][p].host);
		assert_int_equal(flags, d.page[context][p].flags);
		uint64_t guest = BASE + p * 4096 + 123;
		for (unsigned write = 0; write < 2; write++) {
			int kind = gls_translate(&d.s, context, guest, write, &host);
			if (flags & (write ? GLS_WRITE : GLS_READ)) {
				assert_int_equal(kind, GL_FAULT_KIND_NONE);
				assert_int_equal(host, found + 123);
			} else {
				assert_int_equal(kind, !d.root[context] ? GL_FAULT_KIND_ROOT
						       : found		? GL_FAULT_KIND_PERMISSION
							       : GL_FAULT_KIND_NOT_PRESENT);
			}
		}
	}
}

static bool any_mapped(unsigned c, uint32_t at, uint32_t count)
{
	for (uint32_t i = at; i < at + count; i++)
		if (d.page[c][i].flags)
			return true;
	return false;
}

static void random_maps(void **state)
{
	(void)state;
	begin();
	unsigned refused = 0, huge_pages = 0;
	bool is_huge[CONTEXTS][PAGES / HUGE] = { { 0 } };
	for (unsigned turn = 0; turn < 1000; turn++) {
		unsigned c = gls_below(&d.s, CONTEXTS - 1); /* the last one keeps no table */
		bool huge = !gls_below(&d.s, 4);
		uint32_t count = huge ? HUGE * (1 + gls_below(&d.s, 3))
				      : 1 + gls_below(&d.s, gls_below(&d.s, 4) ? 20 : 1500);
		uint32_t at = gls_below(&d.s, PAGES - count);
		if (huge)
			at -= at % HUGE;
		uint64_t guest = BASE + at * 4096ull;
		if (gls_below(&d.s, 2)) {
			uint64_t host = (gls_rand(&d.s) & 0x000ff000fffff000ull) + 0x200000;
			unsigned flags = 1 + gls_below(&d.s, 3);
			if (huge)
				host &= ~0x1fffffull;
			int error = gls_map(&d.s, c, guest, host, count * 4096ull,
					    flags | (huge ? GLS_HUGE : 0));
			/* A table that is empty but still there may stand in the way of a 2 MiB page: never here. */
			if (any_mapped(c, at, count)) {
				assert_int_equal(error, -EEXIST);
				refused++;
				continue;
			}
			assert_int_equal(error, 0);
			huge_pages += huge;
			for (uint32_t i = 0; i < count; i++) {
				d.page[c][at + i].host = host + i * 4096ull;
				d.page[c][at + i].flags = flags;
				if (huge)
					is_huge[c][(at + i) / HUGE] = true;
			}
		} else {
			/* No 2 MiB page is cut. */
			bool cut = false;
			for (uint32_t i = at / HUGE; i <= (at + count - 1) / HUGE; i++)
				cut |= is_huge[c][i] &&
				       (i * HUGE < at || (i + 1) * HUGE > at + count);
			int error = gls_unmap(&d.s, c, guest, count * 4096ull);
			if (cut) {
				assert_int_equal(error, -EINVAL);
				refused++;
				continue;
			}
			assert_int_equal(error, 0);
			assert_int_equal(d.inv_page, guest / 4096);
			assert_int_equal(d.inv_pages, count);
			for (uint32_t i = at; i < at + count; i++) {
				d.page[c][i].host = d.page[c][i].flags = 0;
				is_huge[c][i / HUGE] = false;
			}
		}
		if (turn % 20 == 0)
			for (unsigned k = 0; k < CONTEXTS; k++)
				compare(k);
	}
	for (unsigned k = 0; k < CONTEXTS; k++)
		compare(k);
	printf("# %u refused, %u runs of 2 MiB pages\n", refused, huge_pages);
	assert_true(refused > 20 && huge_pages > 3);
	end();
}

static void addresses_are_checked(void **state)
{
	(void)state;
	begin();
	assert_int_equal(gls_map(&d.s, 4, 0x1000, 0x1000, 4096, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1001, 0x1000, 4096, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1000, 0x1001, 4096, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1000, 0x1000, 4095, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1000, 0x1000, 0, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 1ull << 39, 0x1000, 4096, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, (1ull << 39) - 4096, 0x1000, 8192, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1000, 1ull << 52, 4096, GLS_READ), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x1000, 0x1000, 4096, 0), -EINVAL);
	assert_int_equal(gls_map(&d.s, 0, 0x200000, 0x1000, 0x200000, GLS_READ | GLS_HUGE),
			 -EINVAL);
	assert_int_equal(gls_root(&d.s, 0), 0);
	assert_int_equal(gls_map(&d.s, 0, (1ull << 39) - 4096, 0xffffffffff000, 4096, GLS_READ), 0);
	assert_int_equal(gls_root(&d.s, 0), d.root[0]);
	end();
}

/* Forgotten tables come back, whatever a test wrote into them; the region does not run dry. */
static void tables_come_back(void **state)
{
	(void)state;
	begin();
	for (unsigned turn = 0; turn < 400; turn++) {
		for (unsigned i = 0; i < 40; i++)
			assert_int_equal(gls_map(&d.s, 0, i * 0x40000000ull, 0x1000, 4096,
						 GLS_READ | GLS_WRITE),
					 0);
		*gls_entry(&d.s, 0, 0, 2) = 0x123456789003ull;
		*gls_entry(&d.s, 0, 0x40000000, 3) |= 0x80;
		d.root[0] = 0;
		tables_forget(&d.s, 0);
	}
	/* A start with live tables takes them out of the NIC first. */
	assert_int_equal(gls_map(&d.s, 1, 0x1000, 0x1000, 4096, GLS_READ), 0);
	assert_true(d.root[1] != 0);
	unsigned before = d.invalidations;
	assert_int_equal(tables_start(&d.s), 0);
	assert_int_equal(d.root[1], 0);
	assert_int_equal(d.invalidations, before + 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_maps),
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(tables_come_back),
	};
	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
