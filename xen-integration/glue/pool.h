/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DMA memory of one device: a pool of fixed pages that its context's translation table leads to, and the DMA operations that copy
 * through it. DMA address = base + offset in the pool.
 */
#ifndef GUESTLANE_POOL_H
#define GUESTLANE_POOL_H

#include <linux/device.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define GUESTLANE_SLOT \
	2048u /* bytes; one holds a full-size Ethernet frame with its virtio header */

#define GUESTLANE_SPARES 128 /* single free slots that are kept at hand */

struct guestlane_pool {
	void *memory;
	dma_addr_t base;
	unsigned int slots;
	spinlock_t lock;
	unsigned long *taken; /* bit for each slot, also for spare ones */
	void **original;      /* what a slot stands for, NULL: nothing (coherent memory) */
	unsigned int next;    /* where to look first */
	unsigned int spares;
	u32 spare[GUESTLANE_SPARES]; /* free slots, the last one goes first */
	unsigned int used, used_rx, peak;
	unsigned long failed;
};

/* memory: contiguous in kernel addresses, zeroed, a multiple of PAGE_SIZE; stays the caller's. */
int guestlane_pool_init(struct guestlane_pool *pool, void *memory, size_t bytes, dma_addr_t base);
void guestlane_pool_exit(struct guestlane_pool *pool);

/* The operations; they take the pool from guestlane_device_pool(). */
extern const struct dma_map_ops guestlane_pool_ops;

#endif
