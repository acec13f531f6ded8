// SPDX-License-Identifier: GPL-2.0
/* Granted memory (grants.h). */
#include <linux/ioport.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "grants.h"

#define REFS_PER_PAGE (PAGE_SIZE / sizeof(u32))

static int granted_init(struct guestlane_granted *granted, domid_t domain, unsigned int count,
			bool readonly)
{
	granted->pages = kvcalloc(count, sizeof(*granted->pages), GFP_KERNEL);
	granted->refs = kvcalloc(count, sizeof(*granted->refs), GFP_KERNEL);
	if (!granted->pages || !granted->refs)
		return -ENOMEM;
	for (; granted->count < count; granted->count++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		int ref;

		if (!page)
			return -ENOMEM;
		ref = gnttab_grant_foreign_access(domain, xen_page_to_gfn(page), readonly);
		if (ref < 0) {
			__free_page(page);
			return ref;
		}
		granted->pages[granted->count] = page;
		granted->refs[granted->count] = ref;
	}
	granted->data = vmap(granted->pages, count, VM_MAP, PAGE_KERNEL);
	return granted->data ? 0 : -ENOMEM;
}

/* Ends one grant. Of a page that is still mapped the kernel keeps a reference, and frees page and grant when that has ended. */
static unsigned int end_grant(grant_ref_t ref, struct page *page)
{
	if (gnttab_try_end_foreign_access(ref)) {
		if (page)
			__free_page(page);
		return 0;
	}
	gnttab_end_foreign_access(ref, page);
	return 1;
}

static unsigned int granted_exit(struct guestlane_granted *granted)
{
	unsigned int kept = 0, i;

	vunmap(granted->data);
	for (i = 0; i < granted->count; i++)
		kept += end_grant(granted->refs[i], granted->pages[i]);
	kvfree(granted->pages);
	kvfree(granted->refs);
	*granted = (struct guestlane_granted){};
	return kept;
}

static int directory_init(struct guestlane_memory *memory, domid_t domain, unsigned long entries)
{
	if (entries > GUESTLANE_DIRECTORY_MAX * REFS_PER_PAGE)
		return -E2BIG;
	memory->count = entries;
	return granted_init(&memory->directory, domain, DIV_ROUND_UP(entries, REFS_PER_PAGE), true);
}

int guestlane_memory_pool(struct guestlane_memory *memory, domid_t domain, unsigned int pages)
{
	unsigned int i;
	u32 *refs;
	int error;

	memory->address = SZ_2M;
	error = directory_init(memory, domain, pages);
	if (!error)
		error = granted_init(&memory->pool, domain, pages, false);
	if (error)
		return error;
	refs = memory->directory.data;
	for (i = 0; i < pages; i++)
		refs[i] = memory->pool.refs[i];
	return 0;
}

/* --- All of this guest's memory ----------------------------------------------------------------------------------------------- */

/* A page that the balloon takes and later fills again is another machine page; the device would go on with the old one. */
static bool balloon_is_idle(void)
{
	unsigned int most = xenbus_read_unsigned("memory", "static-max", 0);
	unsigned int video = xenbus_read_unsigned("memory", "videoram", 0);
	unsigned int target = xenbus_read_unsigned("memory", "target", 0);

	return target + video + SZ_1M / SZ_1K >= most;
}

struct walk {
	struct guestlane_memory *memory;
	domid_t domain;
	unsigned long end;
};

static int find_end(struct resource *ram, void *data)
{
	struct walk *walk = data;

	walk->end = max_t(unsigned long, walk->end, PHYS_PFN(ram->end + 1));
	return 0;
}

static int grant_range(struct resource *ram, void *data)
{
	struct walk *walk = data;
	u32 *refs = walk->memory->directory.data;
	unsigned long pfn;

	/* Address 0 reads as "none" in places; and memory may have been plugged in since the first walk. */
	for (pfn = max(PFN_UP(ram->start), 1ul);
	     pfn < PHYS_PFN(ram->end + 1) && pfn < walk->memory->count; pfn++) {
		struct page *page = pfn_to_online_page(pfn);
		int ref;

		if (!page || PageOffline(page))
			continue;
		ref = gnttab_grant_foreign_access(walk->domain, xen_page_to_gfn(page), 0);
		if (ref < 0)
			return ref;
		refs[pfn] = ref;
	}
	return 0;
}

static int walk_ram(struct walk *walk, int (*range)(struct resource *, void *))
{
	return walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0,
				   U64_MAX, walk, range);
}

int guestlane_memory_whole(struct guestlane_memory *memory, domid_t domain)
{
	struct walk walk = { .memory = memory, .domain = domain };
	int error;

	if (xen_pv_domain())
		return -EOPNOTSUPP;
	if (!balloon_is_idle())
		return -EBUSY;
	memory->whole = true;
	walk_ram(&walk, find_end);
	error = directory_init(memory, domain, walk.end);
	if (error)
		return error;
	return walk_ram(&walk, grant_range);
}

unsigned int guestlane_memory_exit(struct guestlane_memory *memory)
{
	const u32 *refs = memory->directory.data;
	unsigned int kept = 0, i;

	for (i = 0; memory->whole && refs && i < memory->count; i++)
		if (refs[i])
			kept += end_grant(refs[i], NULL);
	kept += granted_exit(&memory->pool);
	kept += granted_exit(&memory->directory);
	*memory = (struct guestlane_memory){};
	return kept;
}
