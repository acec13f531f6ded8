/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation tables as bytes in memory (docs/isolation.md): a region whose pages are given out one by one, and in it radix trees of three
 * levels, each named by the bus address of its root page (0: no tree). Knows no NIC: whoever changes a tree has to invalidate. libguestlane and
 * libguestlane-sim keep their tables with it.
 *
 * The process may be killed anywhere. Each store leaves trees that a walk from the roots can follow: a page is zeroed before it is linked, and given
 * back by the caller when nothing leads to it and the NIC has forgotten it. Which pages are free is not stored: radix_mark() finds it.
 */
#ifndef GL_RADIX_H
#define GL_RADIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RADIX_PAGE	 4096u
#define RADIX_HUGE	 0x200000ull /* bytes of a leaf of level 2 */
#define RADIX_GUEST_BITS 39
#define RADIX_LEVELS	 3u

/* Bits of an entry. */
#define RADIX_READ     0x0000000000000001ull
#define RADIX_WRITE    0x0000000000000002ull
#define RADIX_LEAF     0x0000000000000080ull /* in level 2 */
#define RADIX_ADDRESS  0x000ffffffffff000ull
#define RADIX_SOFTWARE 0x7ff0000000000f7cull
#define RADIX_HIGHEST  0x8000000000000000ull

struct radix {
	uint8_t *data; /* of the region */
	uint64_t base; /* its lowest bus address */
	uint32_t pages;
	uint64_t *bus;	       /* of each page, if they do not lie together; else NULL */
	uint32_t *order;       /* then: numbers of pages by bus address, */
	uint32_t first, count; /* of which these are in the region */
	uint32_t *free;	       /* numbers of free pages */
	uint32_t free_count;
	uint32_t *unlinked; /* pages that left a tree and wait for an invalidation */
	uint32_t unlinked_count;
	uint64_t (*random)(
		void *arg); /* fills software's bits, picks pages; NULL: 0, and the last free one */
	void *random_arg;
};

/* All pages are free. false: no memory. */
bool radix_new(struct radix *x, uint8_t *data, uint64_t base, uint32_t pages);
/*
 * The same for pages that lie anywhere. The region, from x->base on, spans radix_span() bytes, fewer than 2^24 pages: pages outside of it are not used, and those
 * are as few as can be. What lies in it and is none of the pages is never linked.
 */
bool radix_new_scattered(struct radix *x, uint8_t *data, const uint64_t *bus, uint32_t pages);
uint64_t radix_span(const struct radix *x);
void radix_free(struct radix *x);
/* Marks the pages of a tree in used[pages]; false: it is damaged, or has pages that are marked already. */
bool radix_mark(const struct radix *x, uint8_t *used, uint64_t root);
/* After all were marked: only the others are free. */
void radix_set_free(struct radix *x, const uint8_t *used);

/* A new empty tree; there must be a free page. */
uint64_t radix_root(struct radix *x);
/* Gives the pages of a tree back that nothing leads to any more. */
void radix_drop(struct radix *x, uint64_t root);

/* The entry of an address at a level, or NULL: an upper level is not present, or a leaf. */
uint64_t *radix_entry(const struct radix *x, uint64_t root, uint64_t guest, unsigned level);
bool radix_present(uint64_t entry);
/* The lowest address in a range where something is present, or its end. */
uint64_t radix_first(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes);
/* Pages that a map of an empty range needs, the root's too if there is none. */
uint64_t radix_need(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes,
		    bool huge);
/* Maps an empty range; there must be enough free pages. `rights`: RADIX_READ, RADIX_WRITE. */
void radix_map(struct radix *x, uint64_t root, uint64_t guest, uint64_t bus, uint64_t bytes,
	       uint64_t rights, bool huge);
/* Whether a huge page lies across an end of the range; its address there in *at. */
bool radix_cuts(const struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes, uint64_t *at);
/* Takes everything in a range away that lies wholly in it; tables that became empty go to `unlinked`. */
void radix_clear(struct radix *x, uint64_t root, uint64_t guest, uint64_t bytes);
/* After the invalidation. */
void radix_reclaim(struct radix *x);

/* A leaf that leads into [bus, bus + bytes): true, and its guest address. */
bool radix_reach(const struct radix *x, uint64_t root, uint64_t bus, uint64_t bytes,
		 uint64_t *guest);
/* Takes all of these away; whether there were any. */
bool radix_cut(const struct radix *x, uint64_t root, uint64_t bus, uint64_t bytes);
/* Both for pages that lie anywhere, in ascending order. */
bool radix_reach_pages(const struct radix *x, uint64_t root, const uint64_t *bus, size_t count,
		       uint64_t *guest);
bool radix_cut_pages(const struct radix *x, uint64_t root, const uint64_t *bus, size_t count);
/* Walks as the NIC does: GL_FAULT_KIND_NONE and the bus address (unless NULL), or the kind of the fault. */
int radix_translate(const struct radix *x, uint64_t root, uint64_t guest, bool write,
		    uint64_t *bus);

#endif
