/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that dom0 may map for the device: a pool of pages of its own, or all of this guest's memory, with the directory that lists the
 * grant references (docs/xen-interface.md). A page that dom0 still maps when its grant ends stays out of use until dom0 lets it go.
 */
#ifndef GUESTLANE_GRANTS_H
#define GUESTLANE_GRANTS_H

#include <linux/types.h>
#include <xen/grant_table.h>

#define GUESTLANE_POOL_PAGES_MIN 64
#define GUESTLANE_POOL_PAGES_MAX 4096
#define GUESTLANE_DIRECTORY_MAX	 1024 /* pages */

/* Pages of our own, granted, and contiguous in kernel addresses. */
struct guestlane_granted {
	unsigned int count;
	struct page **pages;
	grant_ref_t *refs;
	void *data;
};

struct guestlane_memory {
	bool whole;
	u64 address;			    /* DMA address of the directory's first entry */
	unsigned int count;		    /* entries of the directory */
	struct guestlane_granted pool;	    /* not if whole */
	struct guestlane_granted directory; /* read-only for dom0 */
};

/* `memory` is zeroed before; after an error guestlane_memory_exit() gives back what there is. */
int guestlane_memory_pool(struct guestlane_memory *memory, domid_t domain, unsigned int pages);
/* -EOPNOTSUPP: not in a PV guest; -EBUSY: the balloon holds or will hold pages; -E2BIG; -ENOSPC: the grant table is too small. */
int guestlane_memory_whole(struct guestlane_memory *memory, domid_t domain);
/* How many pages dom0 still maps. */
unsigned int guestlane_memory_exit(struct guestlane_memory *memory);

#endif
