// SPDX-License-Identifier: Apache-2.0
// Translation tables as bytes in memory (radix.h).
#include "radix.h"
#include "guestlane_regs.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES	 512u
#define GIB	 0x40000000ull
#define SPAN_MAX (((1ull << 24) - 1) * RADIX_PAGE) /* BAR0.REGION_PAGES */

/* --- Pages ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t chance(struct radix *x)
{
	return x->random ? x->random(x->random_arg) : 0;
}

static bool is_usable(const struct radix *x, uint32_t page)
{
	return !x->bus || (x->bus[page] >= x->base && x->bus[page] - x->base < radix_span(x));
}

static bool new_lists(struct radix *x, uint8_t *data, uint32_t pages)
{
	x->data = data;
	x->pages = pages;
	x->free = calloc(pages, sizeof(uint32_t));
	x->unlinked = calloc(pages, sizeof(uint32_t));
	for (uint32_t i = 0; i < pages && x->free; i++)
		if (is_usable(x, i))
			x->free[x->free_count++] = i;
	return x->free && x->unlinked;
}

bool radix_new(struct radix *x, uint8_t *data, uint64_t base, uint32_t pages)
{
	x->base = base;
	return new_lists(x, data, pages);
}

/* qsort() hands no argument over, so what is sorted has the key with it. */
struct place {
	uint64_t bus;
	uint32_t page;
};

static int by_bus(const void *a, const void *b)
{
	uint64_t left = ((const struct place *)a)->bus, right = ((const struct place *)b)->bus;
	return left < right ? -1 : left > right;
}

bool radix_new_scattered(struct radix *x, uint8_t *data, const uint64_t *bus, uint32_t pages)
{
	struct place *places = calloc(pages, sizeof(*places));
	x->bus = calloc(pages, sizeof(*x->bus));
	x->order = calloc(pages, sizeof(*x->order));
	if (!places || !x->bus || !x->order) {
		free(places);
		return false;
	}
	for (uint32_t i = 0; i < pages; i++)
		places[i] = (struct place){ .bus = bus[i], .page = i };
	qsort(places, pages, sizeof(*places), by_bus);
	for (uint32_t i = 0; i < pages; i++) {
		x->bus[i] = bus[i];
		x->order[i] = places[i].page;
	}
	/* The piece with most pages that a region can span. */
	x->count = 0;
	for (uint32_t first = 0, end = 0; first < pages; first++) {
		while (end < pages && places[end].bus - places[first].bus < SPAN_MAX)
			end++;
		if (end - first > x->count) {
			x->first = first;
			x->count = end - first;
		}
	}
	x->base = places[x->first].bus;
	free(places);
	return new_lists(x, data, pages);
}

uint64_t radix_span(const struct radix *x)
{
	return x->bus ? x->bus[x->order[x->first + x->count - 1]] - x->base + RADIX_PAGE
		      : (uint64_t)x->pages * RADIX_PAGE;
}

void radix_free(struct radix *x)
{
	free(x->free);
	free(x->unlinked);
	free(x->bus);
	free(x->order);
	x->free = x->unlinked = x->order = NULL;
	x->bus = NULL;
	x->free_count = x->unlinked_count = 0;
}

void radix_set_free(struct radix *x, const uint8_t *used)
{
	x->free_count = 0;
	for (uint32_t i = 0; i < x->pages; i++)
		if (!used[i] && is_usable(x, i))
			x->free[x->free_count++] = i;
}

static bool find_page(const struct radix *x, uint64_t address, uint32_t *page)
{
	if (address % RADIX_PAGE || address < x->base)
		return false;
	if (!x->bus) {
		*page = (uint32_t)((address - x->base) / RADIX_PAGE);
		return (address - x->base) / RADIX_PAGE < x->pages;
	}
	uint32_t low = x->first, high = x->first + x->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		*page = x->order[middle];
		if (x->bus[*page] == address)
			return true;
		if (x->bus[*page] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool in_region(const struct radix *x, uint64_t address)
{
	uint32_t page;
	return find_page(x, address, &page);
}

/* Of an address in the region. */
static uint32_t page_of(const struct radix *x, uint64_t address)
{
	uint32_t page = 0;
	find_page(x, address, &page);
	return page;
}

static uint64_t address_of(const struct radix *x, uint32_t page)
{
	return x->bus ? x->bus[page] : x->base + (uint64_t)page * RADIX_PAGE;
}

static uint64_t *entries(const struct radix *x, uint64_t table)
{
	return (uint64_t *)(void *)(x->data + (uint64_t)page_of(x, table) * RADIX_PAGE);
}

static void set(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static uint64_t take_page(struct radix *x)
{
	uint32_t n =
		x->random ? (uint32_t)((chance(x) >> 32) * x->free_count >> 32) : x->free_count - 1;
	uint32_t page = x->free[n];
	x->free[n] = x->free[--x->free_count];
	memset(x->data + (uint64_t)page * RADIX_PAGE, 0, RADIX_PAGE);
	return address_of(x, page);
}

/* A page that is no table any more gets all bits set: whatever still reads it faults. */
static void give_page(struct radix *x, uint32_t page)
{
	memset(x->data + (uint64_t)page * RADIX_PAGE, 0xff, RADIX_PAGE);
	x->free[x->free_count++] = page;
}

static unsigned shift_of(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static uint64_t *entry_in(const struct radix *x, uint64_t table, unsigned level, uint64_t guest)
{
	return entries(x, table) + (guest >> shift_of(level)) % ENTRIES;
}

bool radix_present(uint64_t entry)
{
	return entry & (RADIX_READ | RADIX_WRITE);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level == 2 && entry & RADIX_LEAF);
}

/* --- Whole trees -------------------------------------------------------------------------------------------------------------------- */

static bool mark(const struct radix *x, uint8_t *used, uint64_t table, unsigned level)
{
	if (!in_region(x, table) || used[page_of(x, table)])
		return false;
	used[page_of(x, table)] = 1;
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t e = entries(x, table)[i];
		if (radix_present(e) && !is_leaf(e, level) &&
		    (e & RADIX_LEAF || !mark(x, used, e & RADIX_ADDRESS, level - 1)))
			return false;
	}
	return true;
}

bool radix_mark(const struct radix *x, uint8_t *used, uint64_t root)
{
	return mark(x, used, root, RADIX_LEVELS);
}

uint64_t radix_root(struct radix *x)
{
	return take_page(x);
}

static void drop(struct radix *x, uint64_t table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t e = entries(x, table)[i];
		if (radix_present(e) && !is_leaf(e, level) && in_region(x, e & RADIX_ADDRESS))
			drop(x, e & RADIX_ADDRESS, level - 1);
	}
	give_page(x, page_of(x, table));
}

void radix_drop(struct radix *x, uint64_t root)
{
	if (root)
		drop(x, root, RADIX_LEVELS);
}

/* --- Ranges ---------------------------------------------------------------------------------------------------------------------------- */

uint64_t *radix_entry(const struct radix *x, uint64_t root, uint64_t guest, unsigned level)
{
	uint64_t table = root;
	for (unsigned at = RADIX_LEVELS; table && in_region(x, table); at--) {
		uint64_t *e = entry_in(x, table, at, guest);
		if (at == level)
			return e;
		if (!radix_present(*e) || is_leaf(*e, at))
			return NULL;
		table = *e & RADIX_ADDRESS;
	}
	return NULL;
}

/* The huge page that an address lies in, or NULL. */
static uint64_t *huge_at(const struct radix *x, uint64_t root, uint64_t guest)
{
	uint64_t *e = radix_entry(x, root, guest, 2);
	return e && radix_present(*e) && *e & RADIX_LEAF ? e : NULL;
}

static uint64_t next(uint64_t at, uint64_t unit)
{
	return at + unit - at % unit;
}

uint64_t radix_first(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes)
{
	uint64_t end = guest + bytes;
	for (uint64_t at = guest; at < end;) {
		const uint64_t *e = radix_entry(x, root, at, 1);
		if (huge_at(x, root, at) || (e && radix_present(*e)))
			return at;
		at = e ? at + RADIX_PAGE : next(at, RADIX_HUGE);
	}
	return end;
}

uint64_t radix_need(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes, bool huge)
{
	uint64_t end = guest + bytes, n = !root;
	for (uint64_t at = guest; at < end; at = next(at, GIB)) {
		const uint64_t *e3 = radix_entry(x, root, at, 3);
		n += !e3 || !radix_present(*e3);
	}
	for (uint64_t at = guest; !huge && at < end; at = next(at, RADIX_HUGE)) {
		const uint64_t *e2 = radix_entry(x, root, at, 2);
		n += !e2 || !radix_present(*e2);
	}
	return n;
}

static uint64_t *make(struct radix *x, uint64_t root, uint64_t guest, unsigned level)
{
	uint64_t table = root;
	for (unsigned at = RADIX_LEVELS; at > level; at--) {
		uint64_t *e = entry_in(x, table, at, guest);
		if (!radix_present(*e)) {
			uint64_t page = take_page(x);
			set(e, page | RADIX_READ | RADIX_WRITE | (chance(x) & RADIX_SOFTWARE));
		}
		table = *e & RADIX_ADDRESS;
	}
	return entry_in(x, table, level, guest);
}

void radix_map(struct radix *x, uint64_t root, uint64_t guest, uint64_t bus, uint64_t bytes,
	       uint64_t rights, bool huge)
{
	uint64_t unit = huge ? RADIX_HUGE : RADIX_PAGE;
	for (uint64_t at = 0; at < bytes; at += unit) {
		uint64_t *e = make(x, root, guest + at, huge ? 2 : 1);
		set(e,
		    (bus + at) | rights | (huge ? RADIX_LEAF : 0) | (chance(x) & RADIX_SOFTWARE));
	}
}

bool radix_cuts(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes, uint64_t *at)
{
	const uint64_t edge[2] = { guest, guest + bytes };
	for (unsigned i = 0; i < 2; i++)
		if (edge[i] % RADIX_HUGE && huge_at(x, root, edge[i])) {
			*at = edge[i];
			return true;
		}
	return false;
}

static bool empty(const struct radix *x, uint64_t table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (radix_present(entries(x, table)[i]))
			return false;
	return true;
}

/* Takes the table below an entry out of the tree if it is empty. */
static void prune(struct radix *x, uint64_t *entry)
{
	uint64_t table = *entry & RADIX_ADDRESS;
	if (in_region(x, table) && empty(x, table)) {
		x->unlinked[x->unlinked_count++] = page_of(x, table);
		set(entry, 0);
	}
}

void radix_clear(struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes)
{
	uint64_t end = guest + bytes;
	for (uint64_t at = guest; at < end;) {
		uint64_t *huge = huge_at(x, root, at),
			 *e = huge ? huge : radix_entry(x, root, at, 1);
		bool inside = !huge || (at % RADIX_HUGE == 0 && end - at >= RADIX_HUGE);
		/* The other bits of an entry that is not present do not count. */
		if (e && inside)
			set(e, chance(x) & (RADIX_SOFTWARE | RADIX_ADDRESS));
		at = e && !huge ? at + RADIX_PAGE : next(at, RADIX_HUGE);
	}
	for (uint64_t at = guest - guest % RADIX_HUGE; at < end;) {
		uint64_t *e3 = radix_entry(x, root, at, 3);
		if (!e3 || !radix_present(*e3)) {
			at = next(at, GIB);
			continue;
		}
		uint64_t *e2 = radix_entry(x, root, at, 2);
		if (e2 && radix_present(*e2) && !(*e2 & RADIX_LEAF))
			prune(x, e2);
		prune(x, e3);
		at += RADIX_HUGE;
	}
}

void radix_reclaim(struct radix *x)
{
	while (x->unlinked_count)
		give_page(x, x->unlinked[--x->unlinked_count]);
}

/* --- Leaves into a piece of memory, and the NIC's own walk --------------------------------------------------------------------------------- */

struct search {
	uint64_t bus, bytes;
	const uint64_t *list; /* pages in place of bus and bytes, */
	size_t count;	      /* so many */
	bool cut;
	uint64_t guest; /* of the first leaf found */
};

static bool is_wanted(const struct search *s, uint64_t to, uint64_t size)
{
	if (!s->list)
		return to < s->bus + s->bytes && s->bus < to + size;
	size_t low = 0, high = s->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->list[middle] >= to && s->list[middle] < to + size)
			return true;
		if (s->list[middle] < to)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool search(const struct radix *x, uint64_t table, unsigned level, uint64_t guest,
		   struct search *s)
{
	bool found = false;
	uint64_t size = 1ull << shift_of(level);
	for (unsigned i = 0; in_region(x, table) && i < ENTRIES; i++, guest += size) {
		uint64_t *e = entries(x, table) + i, to = *e & RADIX_ADDRESS;
		if (!radix_present(*e))
			continue;
		if (!is_leaf(*e, level)) {
			found |= search(x, to, level - 1, guest, s);
		} else if (is_wanted(s, to, size)) {
			if (s->cut)
				set(e, 0);
			else
				s->guest = guest;
			found = true;
		}
		if (found && !s->cut)
			return true;
	}
	return found;
}

bool radix_reach(const struct radix *x, uint64_t root, uint64_t bus, uint64_t bytes,
		 uint64_t *guest)
{
	struct search s = { .bus = bus, .bytes = bytes };
	bool found = root && search(x, root, RADIX_LEVELS, 0, &s);
	*guest = s.guest;
	return found;
}

bool radix_cut(const struct radix *x, uint64_t root, uint64_t bus, uint64_t bytes)
{
	struct search s = { .bus = bus, .bytes = bytes, .cut = true };
	return root && search(x, root, RADIX_LEVELS, 0, &s);
}

bool radix_reach_pages(const struct radix *x, uint64_t root, const uint64_t *bus, size_t count,
		       uint64_t *guest)
{
	struct search s = { .list = bus, .count = count };
	bool found = root && search(x, root, RADIX_LEVELS, 0, &s);
	*guest = s.guest;
	return found;
}

bool radix_cut_pages(const struct radix *x, uint64_t root, const uint64_t *bus, size_t count)
{
	struct search s = { .list = bus, .count = count, .cut = true };
	return root && search(x, root, RADIX_LEVELS, 0, &s);
}

int radix_translate(const struct radix *x, uint64_t root, uint64_t guest, bool write, uint64_t *bus)
{
	uint64_t table = root, allowed = RADIX_READ | RADIX_WRITE;
	if (guest >> RADIX_GUEST_BITS)
		return GL_FAULT_KIND_RANGE;
	if (!table)
		return GL_FAULT_KIND_ROOT;
	for (unsigned level = RADIX_LEVELS;; level--) {
		if (!in_region(x, table))
			return GL_FAULT_KIND_REGION;
		uint64_t e = *entry_in(x, table, level, guest);
		if (!radix_present(e))
			return GL_FAULT_KIND_NOT_PRESENT;
		bool leaf = is_leaf(e, level);
		if (e & RADIX_HIGHEST || (level != 2 && e & RADIX_LEAF) ||
		    (level == 2 && leaf && e & (RADIX_HUGE - RADIX_PAGE)))
			return GL_FAULT_KIND_RESERVED;
		allowed &= e;
		if (!leaf) {
			table = e & RADIX_ADDRESS;
			continue;
		}
		if (!(allowed & (write ? RADIX_WRITE : RADIX_READ)))
			return GL_FAULT_KIND_PERMISSION;
		uint64_t below = (1ull << shift_of(level)) - 1;
		if (bus)
			*bus = (e & RADIX_ADDRESS & ~below) | (guest & below);
		return GL_FAULT_KIND_NONE;
	}
}
