/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-net driver for tests of the firmware: packed and split rings, chains, indirect tables, every mode of event
 * suppression. It rings and reads used entries only when the rules of virtio 1.2 say it must, so a lost notification shows.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "model.h"

#define DRIVER_BUFFERS 256u

struct segment {
	uint64_t addr;
	uint32_t len;
};

/* A buffer (chain) that the device has. */
struct buffer {
	bool busy;
	uint32_t descs; /* ring entries it takes */
	uint32_t token;
	uint32_t n;
	struct segment seg[40];
};

enum wish { WISH_NONE, WISH_ALL, WISH_EVENT }; /* which interrupts the driver asks for */

struct ring {
	uint32_t ctx, queue;
	bool packed, event_idx;
	uint32_t size;
	uint64_t desc, driver, device;
	uint32_t avail, used; /* packed: positions; split: free-running */
	uint32_t avail_wrap, used_wrap;
	uint32_t room; /* free ring entries */
	uint32_t rung; /* split: avail at the last kick decision; packed: unused */
	uint32_t free_desc[DRIVER_BUFFERS], free_n; /* split: free descriptors */
	struct buffer buffer[DRIVER_BUFFERS];	    /* by id (packed) or head (split) */
	uint64_t table[DRIVER_BUFFERS];		    /* memory for an indirect table of each */
	uint32_t kicks;
	enum wish wish;
	uint32_t irqs_seen;
};

struct guest {
	uint32_t ctx;
	uint32_t features_lo, features_hi;
	struct ring q[2];
	uint64_t next; /* memory not handed out yet */
};

void guest_create(struct guest *g, uint32_t ctx); /* mailbox: create and enable */
/* Sets up both queues and DRIVER_OK. */
void guest_start(struct guest *g, uint32_t features_lo, bool packed, uint32_t size_rx,
		 uint32_t size_tx);
void guest_reset(struct guest *g);
uint64_t guest_alloc(struct guest *g, uint32_t bytes, uint32_t align);

/* Makes a chain available; false if the ring has no room. The caller kicks. */
bool ring_add(struct ring *r, const struct segment *seg, uint32_t n, bool indirect, uint32_t token);
void ring_kick(struct ring *r); /* rings if the device wants it */
/* Takes a used buffer: 1 and *b, *written; 0: none; -1: the device wrote nonsense. */
int ring_used(struct ring *r, struct buffer *b, uint32_t *written);
void ring_wish(struct ring *r, enum wish wish,
	       uint32_t after); /* WISH_EVENT: after so many more used entries */

void put16(uint32_t ctx, uint64_t addr, uint32_t v);
void put32(uint32_t ctx, uint64_t addr, uint32_t v);
uint32_t get16(uint32_t ctx, uint64_t addr);
uint32_t get32(uint32_t ctx, uint64_t addr);
void put_desc(uint32_t ctx, uint64_t at, uint64_t addr, uint32_t len, uint32_t tail);

#endif
