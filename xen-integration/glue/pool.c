// SPDX-License-Identifier: GPL-2.0
/*
 * The pool and its DMA operations (pool.h).
 *
 * The pool is cut into slots; a mapping takes a run of them, copies what the device shall read, and copies back what it wrote. The device
 * can reach nothing else of this kernel, whatever its descriptors say. Nearly every frame takes one slot, so single ones are kept at hand.
 */
#include <linux/bitmap.h>
#include <linux/dma-map-ops.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "device.h"
#include "pool.h"

/* Receive buffers may take at most 3/4: a driver fills its receive ring as far as memory goes, and could not send then. */
static bool rx_room(const struct guestlane_pool *pool, unsigned int slots)
{
	return pool->used_rx + slots <= pool->slots / 4 * 3;
}

/* Slots of a mapping or of coherent memory; at least one. */
static unsigned int slots_of(size_t bytes)
{
	return max_t(size_t, 1, DIV_ROUND_UP(bytes, GUESTLANE_SLOT));
}

static unsigned int slot_of(const struct guestlane_pool *pool, dma_addr_t address)
{
	return (address - pool->base) / GUESTLANE_SLOT;
}

static void *memory_of(const struct guestlane_pool *pool, dma_addr_t address)
{
	return pool->memory + (address - pool->base);
}

static unsigned long find(const struct guestlane_pool *pool, unsigned long from, unsigned int count,
			  unsigned long align_mask)
{
	return bitmap_find_next_zero_area(pool->taken, pool->slots, from, count, align_mask);
}

/* The first slot of a free run, now taken; pool->slots if there is none. */
static unsigned long take_run(struct guestlane_pool *pool, unsigned int count,
			      unsigned long align_mask)
{
	unsigned long first = find(pool, pool->next, count, align_mask);

	if (first >= pool->slots)
		first = find(pool, 0, count, align_mask);
	if (first >= pool->slots && pool->spares) {
		while (pool->spares)
			__clear_bit(pool->spare[--pool->spares], pool->taken);
		first = find(pool, 0, count, align_mask);
	}
	if (first >= pool->slots)
		return pool->slots;
	bitmap_set(pool->taken, first, count);
	pool->next = first + count;
	return first;
}

/* Takes a run of slots; the DMA address of the first, or DMA_MAPPING_ERROR. */
static dma_addr_t take(struct guestlane_pool *pool, size_t bytes, unsigned long align_mask,
		       void *original, bool rx)
{
	unsigned int count = slots_of(bytes), i;
	unsigned long first, flags;

	if (bytes > (size_t)pool->slots * GUESTLANE_SLOT)
		return DMA_MAPPING_ERROR;
	spin_lock_irqsave(&pool->lock, flags);
	if (rx && !rx_room(pool, count))
		first = pool->slots;
	else if (count == 1 && !align_mask && pool->spares)
		first = pool->spare[--pool->spares];
	else
		first = take_run(pool, count, align_mask);
	if (first < pool->slots) {
		for (i = 0; i < count; i++)
			pool->original[first + i] =
				original ? original + (size_t)i * GUESTLANE_SLOT : NULL;
		pool->used += count;
		pool->used_rx += rx ? count : 0;
		pool->peak = max(pool->peak, pool->used);
	} else {
		pool->failed++;
	}
	spin_unlock_irqrestore(&pool->lock, flags);
	return first < pool->slots ? pool->base + first * GUESTLANE_SLOT : DMA_MAPPING_ERROR;
}

static void give(struct guestlane_pool *pool, dma_addr_t address, size_t bytes, bool rx)
{
	unsigned int count = slots_of(bytes);
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	if (count == 1 && pool->spares < GUESTLANE_SPARES)
		pool->spare[pool->spares++] = slot_of(pool, address);
	else
		bitmap_clear(pool->taken, slot_of(pool, address), count);
	pool->used -= count;
	pool->used_rx -= rx ? count : 0;
	spin_unlock_irqrestore(&pool->lock, flags);
}

/* Copies between a slot (or a part of one mapping) and what it stands for. */
static void copy(struct guestlane_pool *pool, dma_addr_t address, size_t bytes, bool to_device)
{
	void *original = pool->original[slot_of(pool, address)];

	if (WARN_ON_ONCE(!original))
		return;
	original += (address - pool->base) % GUESTLANE_SLOT;
	if (to_device)
		memcpy(memory_of(pool, address), original, bytes);
	else
		memcpy(original, memory_of(pool, address), bytes);
}

static void *pool_alloc(struct device *dev, size_t bytes, dma_addr_t *address, gfp_t gfp,
			unsigned long attrs)
{
	struct guestlane_pool *pool = guestlane_device_pool(dev);
	/* Aligned to the smallest power of two pages that holds it (core-api/dma-api). */
	unsigned long align = roundup_pow_of_two(PAGE_ALIGN(bytes)) / GUESTLANE_SLOT;

	*address = take(pool, PAGE_ALIGN(bytes), align - 1, NULL, false);
	if (*address == DMA_MAPPING_ERROR)
		return NULL;
	return memset(memory_of(pool, *address), 0, PAGE_ALIGN(bytes));
}

static void pool_free(struct device *dev, size_t bytes, void *memory, dma_addr_t address,
		      unsigned long attrs)
{
	give(guestlane_device_pool(dev), address, PAGE_ALIGN(bytes), false);
}

static dma_addr_t pool_map_page(struct device *dev, struct page *page, unsigned long offset,
				size_t bytes, enum dma_data_direction direction,
				unsigned long attrs)
{
	struct guestlane_pool *pool = guestlane_device_pool(dev);
	dma_addr_t address =
		take(pool, bytes, 0, page_address(page) + offset, direction == DMA_FROM_DEVICE);

	/*
	 * Not for the device to write to: one copy for each frame, in either direction. What the device leaves out of such a buffer becomes what
	 * an earlier frame left in the slot; a driver reads only as much as the device says that it wrote.
	 */
	if (address != DMA_MAPPING_ERROR && direction != DMA_FROM_DEVICE &&
	    !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		copy(pool, address, bytes, true);
	return address;
}

static void pool_unmap_page(struct device *dev, dma_addr_t address, size_t bytes,
			    enum dma_data_direction direction, unsigned long attrs)
{
	struct guestlane_pool *pool = guestlane_device_pool(dev);

	if (direction != DMA_TO_DEVICE && !(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		copy(pool, address, bytes, false);
	give(pool, address, bytes, direction == DMA_FROM_DEVICE);
}

static void pool_unmap_sg(struct device *dev, struct scatterlist *list, int count,
			  enum dma_data_direction direction, unsigned long attrs)
{
	struct scatterlist *s;
	int i;

	for_each_sg(list, s, count, i)
		pool_unmap_page(dev, sg_dma_address(s), sg_dma_len(s), direction, attrs);
}

static int pool_map_sg(struct device *dev, struct scatterlist *list, int count,
		       enum dma_data_direction direction, unsigned long attrs)
{
	struct scatterlist *s;
	int i;

	for_each_sg(list, s, count, i)
	{
		sg_dma_address(s) =
			pool_map_page(dev, sg_page(s), s->offset, s->length, direction, attrs);
		sg_dma_len(s) = s->length;
		if (sg_dma_address(s) == DMA_MAPPING_ERROR) {
			pool_unmap_sg(dev, list, i, direction, attrs | DMA_ATTR_SKIP_CPU_SYNC);
			return -EIO;
		}
	}
	return count;
}

static void pool_sync_for_cpu(struct device *dev, dma_addr_t address, size_t bytes,
			      enum dma_data_direction direction)
{
	if (direction != DMA_TO_DEVICE)
		copy(guestlane_device_pool(dev), address, bytes, false);
}

static void pool_sync_for_device(struct device *dev, dma_addr_t address, size_t bytes,
				 enum dma_data_direction direction)
{
	if (direction != DMA_FROM_DEVICE)
		copy(guestlane_device_pool(dev), address, bytes, true);
}

static int pool_dma_supported(struct device *dev, u64 mask)
{
	const struct guestlane_pool *pool = guestlane_device_pool(dev);

	return pool->base + (u64)pool->slots * GUESTLANE_SLOT - 1 <= mask;
}

/* A larger buffer could be refused for want of a long enough run of free slots. */
static size_t pool_max_mapping_size(struct device *dev)
{
	return SZ_64K;
}

const struct dma_map_ops guestlane_pool_ops = {
	.alloc = pool_alloc,
	.free = pool_free,
	.map_page = pool_map_page,
	.unmap_page = pool_unmap_page,
	.map_sg = pool_map_sg,
	.unmap_sg = pool_unmap_sg,
	.sync_single_for_cpu = pool_sync_for_cpu,
	.sync_single_for_device = pool_sync_for_device,
	.dma_supported = pool_dma_supported,
	.max_mapping_size = pool_max_mapping_size,
};

int guestlane_pool_init(struct guestlane_pool *pool, void *memory, size_t bytes, dma_addr_t base)
{
	*pool = (struct guestlane_pool){
		.memory = memory,
		.base = base,
		.slots = bytes / GUESTLANE_SLOT,
	};
	spin_lock_init(&pool->lock);
	pool->taken = bitmap_zalloc(pool->slots, GFP_KERNEL);
	pool->original = kvcalloc(pool->slots, sizeof(*pool->original), GFP_KERNEL);
	if (!pool->taken || !pool->original) {
		guestlane_pool_exit(pool);
		return -ENOMEM;
	}
	/* Address 0 reads as "none" in places: that page is never used. */
	if (!base)
		bitmap_set(pool->taken, 0, PAGE_SIZE / GUESTLANE_SLOT);
	return 0;
}

void guestlane_pool_exit(struct guestlane_pool *pool)
{
	WARN_ON(pool->used);
	bitmap_free(pool->taken);
	kvfree(pool->original);
	pool->taken = NULL;
	pool->original = NULL;
}
