// SPDX-License-Identifier: Apache-2.0
// Pages of host memory for guests. All guests take theirs from the same few ranges, at random places, so that the page beside a guest's
// is another guest's, and a page that was one guest's is another's later.
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	    4096u
#define RANGE_PAGES 8192u /* 32 MiB */
#define RANGES	    256u
#define TRIES	    64u

struct pages_range {
	uint64_t address;
	uint32_t free;
	bool huge; /* 2 MiB pages only, so that small ones do not leave holes everywhere */
	int16_t owner[RANGE_PAGES]; /* context, or NOBODY */
};

#define NOBODY (-1)

struct pages {
	struct pages_range *range[RANGES];
	unsigned ranges;
};

/* One below 4 GiB, where requests have a short header, one as high as table entries reach; the others between. */
static uint64_t place_of(unsigned n)
{
	return n == 0	? 0x0000000010000000ull
	       : n == 1 ? 0x000fedcb40000000ull
			: 0x0000000400000000ull * n;
}

static struct pages_range *add_range(struct gls *s, bool huge)
{
	struct pages *p = s->pages;
	if (p->ranges == RANGES)
		return NULL;
	struct pages_range *r = malloc(sizeof(*r));
	if (!r)
		return NULL;
	r->address = place_of(p->ranges);
	r->free = RANGE_PAGES;
	r->huge = huge;
	for (unsigned i = 0; i < RANGE_PAGES; i++)
		r->owner[i] = NOBODY;
	if (gls_memory_add(s, r->address, (size_t)RANGE_PAGES * PAGE)) {
		free(r);
		return NULL;
	}
	p->range[p->ranges++] = r;
	return r;
}

static bool is_free(const struct pages_range *r, uint32_t at, uint32_t count)
{
	if (at + count > RANGE_PAGES)
		return false;
	for (uint32_t i = at; i < at + count; i++)
		if (r->owner[i] != NOBODY)
			return false;
	return true;
}

/* A run in this range: at random, else the first one. RANGE_PAGES: there is none. */
static uint32_t find_run(struct gls *s, const struct pages_range *r, uint32_t count, uint32_t align)
{
	if (count > r->free)
		return RANGE_PAGES;
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t at = gls_below(s, RANGE_PAGES / align) * align;
		if (is_free(r, at, count))
			return at;
	}
	for (uint32_t at = 0; at < RANGE_PAGES; at += align)
		if (is_free(r, at, count))
			return at;
	return RANGE_PAGES;
}

uint64_t pages_take(struct gls *s, unsigned owner, uint32_t count, bool huge)
{
	struct pages *p = s->pages;
	if (!p)
		p = s->pages = calloc(1, sizeof(*p));
	if (!p || count > RANGE_PAGES)
		return 0;
	unsigned fitting[RANGES], n = 0;
	for (unsigned i = 0; i < p->ranges; i++)
		if (p->range[i]->huge == huge && p->range[i]->free > RANGE_PAGES / 4)
			fitting[n++] = i;
	struct pages_range *r = NULL;
	uint32_t at = RANGE_PAGES;
	for (unsigned first = gls_below(s, n), i = 0; i < n && at == RANGE_PAGES; i++) {
		r = p->range[fitting[(first + i) % n]];
		at = find_run(s, r, count, huge ? 512 : 1);
	}
	/* Two ranges of a kind at least, and a new one where none has room. */
	if (at == RANGE_PAGES || n < 2) {
		struct pages_range *more = add_range(s, huge);
		if (more) {
			r = more;
			at = find_run(s, r, count, huge ? 512 : 1);
		}
	}
	if (!r || at == RANGE_PAGES)
		return 0;
	for (uint32_t i = at; i < at + count; i++)
		r->owner[i] = (int16_t)owner;
	r->free -= count;
	uint64_t address = r->address + (uint64_t)at * PAGE;
	memset(gls_memory(s, address, (size_t)count * PAGE), 0, (size_t)count * PAGE);
	return address;
}

static int16_t *owner_of(const struct gls *s, uint64_t address, struct pages_range **range)
{
	const struct pages *p = s->pages;
	for (unsigned i = 0; p && i < p->ranges; i++) {
		*range = p->range[i];
		uint64_t at = address - p->range[i]->address;
		if (at < (uint64_t)RANGE_PAGES * PAGE)
			return &p->range[i]->owner[at / PAGE];
	}
	return NULL;
}

void pages_give(struct gls *s, uint64_t address, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct pages_range *r;
		int16_t *owner = owner_of(s, address + (uint64_t)i * PAGE, &r);
		if (owner && *owner != NOBODY) {
			*owner = NOBODY;
			r->free++;
		}
	}
}

int gls_owner(const struct gls *s, uint64_t host_address)
{
	struct pages_range *r;
	const int16_t *owner = owner_of(s, host_address, &r);
	return owner ? *owner : NOBODY;
}

void pages_free(struct gls *s)
{
	if (!s->pages)
		return;
	for (unsigned i = 0; i < s->pages->ranges; i++)
		free(s->pages->range[i]);
	free(s->pages);
	s->pages = NULL;
}
