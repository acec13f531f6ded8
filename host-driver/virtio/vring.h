/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver side of one virtqueue, packed or split (virtio 1.2, 2.7 and 2.8), over memory that a device in another process or in
 * hardware reaches too. One descriptor is one buffer; buffer i of the ring always lies at the same place, and the device uses buffers
 * in order (VIRTIO_F_IN_ORDER, 2.7.9 and 2.8.9). So two counters say all there is to know of a queue, and a process that finds them in
 * the shared memory goes on where another was killed: vring_resume().
 *
 * The device is not trusted: what it writes is read once, checked, and ends in -EPROTO if it cannot be, with a sentence in `fault`.
 */
#ifndef GL_VRING_H
#define GL_VRING_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VRING_SIZE_MAX 256u /* a power of two */

/* Positions of a queue, in the shared memory, for whoever goes on with it. They count buffers since the queue was set up. */
struct vring_state {
	_Atomic uint64_t
		avail; /* made available; packed rings may be further: their descriptors tell */
	_Atomic uint64_t used; /* taken back */
};

struct vring_config {
	void *ring;		 /* vring_bytes(), aligned to 16 */
	uint64_t ring_address;	 /* guest address of it */
	uint64_t buffer_address; /* guest address of buffer 0 */
	uint32_t stride;	 /* from one buffer to the next */
	uint32_t room;		 /* the most that one holds */
	unsigned size;		 /* a power of two, 2 to VRING_SIZE_MAX */
	bool packed, event_idx;
	bool writable; /* the device writes the buffers (receive queue) */
	struct vring_state *state;
};

struct vring {
	struct vring_config c;
	unsigned shift; /* log2 of size */
	uint64_t avail; /* our own copies: the device cannot change these */
	uint64_t used;
	uint64_t kicked; /* `avail` when vring_kick_wanted() looked last */
	/* Several buffers that the device used with one entry: from, up to, and the bytes of the last one. */
	uint64_t batch_from, batch_end;
	uint32_t batch_bytes;
	const char *fault; /* what the device did wrong; it is not believed any more */
};

/* Bytes of a ring with its driver and device areas, and where these begin. */
size_t vring_bytes(unsigned size, bool packed);
size_t vring_driver_offset(unsigned size);
size_t vring_device_offset(unsigned size, bool packed);

/* An empty ring. Interrupts are wanted. */
void vring_init(struct vring *r, const struct vring_config *config);
/* Goes on with a ring that works. -EPROTO: its state makes no sense. Callers kick the device and look for used buffers. */
int vring_resume(struct vring *r, const struct vring_config *config);

/* Buffers that may be posted, and the index of the buffer that is posted next. */
static inline unsigned vring_free(const struct vring *r)
{
	return r->c.size - (unsigned)(r->avail - r->used);
}
static inline unsigned vring_next(const struct vring *r)
{
	return (unsigned)r->avail & (r->c.size - 1);
}
/* Gives the next buffer, with that many bytes, to the device, which may see it at once or after vring_publish(). One must be free. */
void vring_post(struct vring *r, uint32_t bytes);
void vring_publish(struct vring *r);
/* Whether the device wants a doorbell for what was published since the last call. */
bool vring_kick_wanted(struct vring *r);

/*
 * The used buffer `ahead` places behind the oldest one that was not given back: 1 and its index, 0 if the device still has it, or
 * -EPROTO. *bytes: what the device says that it wrote, never more than the buffer has; VRING_SKIPPED if it did not say (several used
 * at once). `ahead` counts from 0 without gaps.
 */
#define VRING_SKIPPED UINT32_MAX
int vring_used(struct vring *r, unsigned ahead, unsigned *index, uint32_t *bytes);
/* Takes the `count` oldest used buffers back. */
void vring_release(struct vring *r, unsigned count);
/* Takes back all that are used, or -EPROTO; for queues whose buffers hold no answer. */
int vring_reclaim(struct vring *r);

/* No interrupts are wanted for a while. */
void vring_quiet(struct vring *r);
/* An interrupt is wanted when `more` further buffers beyond the next one are used. True: they are already, and no interrupt may come. */
bool vring_arm(struct vring *r, unsigned more);

#endif
