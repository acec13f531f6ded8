/* SPDX-License-Identifier: GPL-2.0 */
/* As much of the kernel as pool.c needs, in user space: the headers in linux/ beside this one all lead here. One thread, so locks do nothing. */
#ifndef GLUE_TEST_KERNEL_H
#define GLUE_TEST_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint64_t dma_addr_t;
typedef uint64_t phys_addr_t;
typedef unsigned int gfp_t;
typedef struct {
	int held;
} spinlock_t;

#define GFP_KERNEL	       0u
#define PAGE_SIZE	       4096u
#define PAGE_ALIGN(n)	       (((n) + PAGE_SIZE - 1) & ~((size_t)PAGE_SIZE - 1))
#define SZ_64K		       0x10000u
#define DMA_MAPPING_ERROR      (~(dma_addr_t)0)
#define DMA_ATTR_SKIP_CPU_SYNC (1ul << 5)
#define DIV_ROUND_UP(n, d)     (((n) + (d)-1) / (d))
#define max(a, b)	       ((a) > (b) ? (a) : (b))
#define max_t(type, a, b)      max((type)(a), (type)(b))
#define __init

extern unsigned int warnings;
static inline bool warn_on(bool condition)
{
	warnings += condition;
	return condition;
}
#define WARN_ON(condition)	warn_on(condition)
#define WARN_ON_ONCE(condition) warn_on(condition)

static inline size_t roundup_pow_of_two(size_t n)
{
	size_t power = 1;

	while (power < n)
		power <<= 1;
	return power;
}

#define spin_lock_init(lock)		    ((lock)->held = 0)
#define spin_lock_irqsave(lock, flags)	    ((flags) = 0, (lock)->held++)
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), (lock)->held--)

/* A bitmap is a byte for each bit here, which is all the same to its user. */
static inline unsigned long *bitmap_zalloc(unsigned int bits, gfp_t gfp)
{
	(void)gfp;
	return calloc(bits, sizeof(unsigned long));
}
static inline void bitmap_free(unsigned long *map)
{
	free(map);
}
static inline void bitmap_set(unsigned long *map, unsigned int from, unsigned int count)
{
	while (count--)
		map[from++] = 1;
}
static inline void bitmap_clear(unsigned long *map, unsigned int from, unsigned int count)
{
	while (count--)
		map[from++] = 0;
}
static inline void __clear_bit(unsigned int bit, unsigned long *map)
{
	map[bit] = 0;
}
static inline unsigned long bitmap_find_next_zero_area(unsigned long *map, unsigned long size,
						       unsigned long from, unsigned int count,
						       unsigned long align_mask)
{
	for (from = (from + align_mask) & ~align_mask; from + count <= size;
	     from += align_mask + 1) {
		unsigned int i = 0;

		while (i < count && !map[from + i])
			i++;
		if (i == count)
			return from;
	}
	return size + 1;
}

static inline void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	(void)gfp;
	return calloc(n, size);
}
static inline void kvfree(void *memory)
{
	free(memory);
}

struct page;
struct platform_device;
struct device {
	void *pool;
};
static inline void *page_address(struct page *page)
{
	return page;
}

enum dma_data_direction { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE };

struct scatterlist {
	struct page *page;
	unsigned int offset, length;
	dma_addr_t dma_address;
	unsigned int dma_length;
};
#define sg_page(s)		   ((s)->page)
#define sg_dma_address(s)	   ((s)->dma_address)
#define sg_dma_len(s)		   ((s)->dma_length)
#define for_each_sg(list, s, n, i) for ((i) = 0, (s) = (list); (i) < (n); (i)++, (s)++)

struct dma_map_ops {
	void *(*alloc)(struct device *, size_t, dma_addr_t *, gfp_t, unsigned long);
	void (*free)(struct device *, size_t, void *, dma_addr_t, unsigned long);
	dma_addr_t (*map_page)(struct device *, struct page *, unsigned long, size_t,
			       enum dma_data_direction, unsigned long);
	void (*unmap_page)(struct device *, dma_addr_t, size_t, enum dma_data_direction,
			   unsigned long);
	int (*map_sg)(struct device *, struct scatterlist *, int, enum dma_data_direction,
		      unsigned long);
	void (*unmap_sg)(struct device *, struct scatterlist *, int, enum dma_data_direction,
			 unsigned long);
	void (*sync_single_for_cpu)(struct device *, dma_addr_t, size_t, enum dma_data_direction);
	void (*sync_single_for_device)(struct device *, dma_addr_t, size_t,
				       enum dma_data_direction);
	int (*dma_supported)(struct device *, u64);
	size_t (*max_mapping_size)(struct device *);
};

#endif
