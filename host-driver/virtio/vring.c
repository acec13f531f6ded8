// SPDX-License-Identifier: Apache-2.0
// Driver side of packed and split virtqueues whose state survives the process.
//
// Order of memory accesses: what the device must see before a buffer is available goes before a store-release of the word that says so;
// what it wrote with a used buffer is read after a load-acquire of the word that says so; and between telling (available, interrupt
// wanted) and asking (doorbell wanted, more used) stands a full fence, which 2.7.13.3.1 and 2.8.21.3 ask for. Doorbells are system calls.
#include "vring.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Descriptor flags (2.7.5, 2.8.1) and event suppression (2.7.7, 2.7.10, 2.8.10). */
#define DESC_WRITE	 0x0002u
#define DESC_AVAIL	 0x0080u
#define DESC_USED	 0x8000u
#define NO_INTERRUPT	 1u
#define NO_NOTIFY	 1u
#define EVENT_ENABLE	 0u
#define EVENT_DISABLE	 1u
#define EVENT_DESCRIPTOR 2u

struct packed_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t id;
	_Atomic uint16_t flags;
};

struct split_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags, next;
};

struct split_used {
	_Atomic uint32_t id, bytes;
};

static_assert(sizeof(struct packed_desc) == 16 && sizeof(struct split_desc) == 16, "2.7.5, 2.8.13");

static struct packed_desc *packed_at(const struct vring *r, uint64_t position)
{
	return (struct packed_desc *)r->c.ring + (position & (r->c.size - 1));
}

/* The ring wrap counter of 2.8.1 at a position. */
static bool wrap_at(const struct vring *r, uint64_t position)
{
	return !(position >> r->shift & 1);
}

static uint8_t *driver_area(const struct vring *r)
{
	return (uint8_t *)r->c.ring + vring_driver_offset(r->c.size);
}

static uint8_t *device_area(const struct vring *r)
{
	return (uint8_t *)r->c.ring + vring_device_offset(r->c.size, r->c.packed);
}

static uint16_t load16(const void *at, memory_order order)
{
	return le16toh(atomic_load_explicit((const _Atomic uint16_t *)at, order));
}

static void store16(void *at, uint16_t value, memory_order order)
{
	atomic_store_explicit((_Atomic uint16_t *)at, htole16(value), order);
}

static int fault(struct vring *r, const char *text)
{
	if (!r->fault)
		r->fault = text;
	return -EPROTO;
}

size_t vring_driver_offset(unsigned size)
{
	return 16ul * size;
}

size_t vring_device_offset(unsigned size, bool packed)
{
	size_t end = vring_driver_offset(size) + (packed ? 4 : 6 + 2ul * size);
	return (end + 63) / 64 * 64;
}

size_t vring_bytes(unsigned size, bool packed)
{
	return vring_device_offset(size, packed) + (packed ? 4 : 6 + 8ul * size);
}

static void set_up(struct vring *r, const struct vring_config *config)
{
	memset(r, 0, sizeof(*r));
	r->c = *config;
	while (1u << r->shift < r->c.size)
		r->shift++;
}

void vring_init(struct vring *r, const struct vring_config *config)
{
	set_up(r, config);
	memset(r->c.ring, 0, vring_bytes(r->c.size, r->c.packed));
	atomic_store(&r->c.state->avail, 0);
	atomic_store(&r->c.state->used, 0);
	/* Buffers do not move: what a split ring says of them is written once. */
	for (unsigned i = 0; i < r->c.size && !r->c.packed; i++) {
		struct split_desc *d = (struct split_desc *)r->c.ring + i;
		d->address = htole64(r->c.buffer_address + (uint64_t)i * r->c.stride);
		d->flags = htole16(r->c.writable ? DESC_WRITE : 0);
		store16(driver_area(r) + 4 + 2 * i, (uint16_t)i, memory_order_relaxed);
	}
	vring_arm(r, 0);
}

int vring_resume(struct vring *r, const struct vring_config *config)
{
	set_up(r, config);
	r->used = atomic_load(&r->c.state->used);
	r->avail = atomic_load(&r->c.state->avail);
	if (r->avail - r->used > r->c.size)
		return fault(r, "the saved positions are further apart than the ring is long");
	if (r->c.packed) {
		/* Posted but not noted: the last that the other process did. */
		while (vring_free(r)) {
			uint16_t flags =
				load16(&packed_at(r, r->avail)->flags, memory_order_acquire);
			if (!!(flags & DESC_AVAIL) != wrap_at(r, r->avail))
				break;
			r->avail++;
		}
	} else if (load16(driver_area(r) + 2, memory_order_acquire) != (uint16_t)r->avail) {
		/* Of a split ring the index in the ring is the one that counts. */
		uint16_t more = (uint16_t)(load16(driver_area(r) + 2, memory_order_acquire) -
					   (uint16_t)r->avail);
		if (more > vring_free(r))
			return fault(r, "the available index is further than the ring is long");
		r->avail += more;
	}
	atomic_store(&r->c.state->avail, r->avail);
	r->kicked = r->avail;
	vring_arm(r, 0);
	return 0;
}

void vring_post(struct vring *r, uint32_t bytes)
{
	unsigned index = vring_next(r);
	if (r->c.packed) {
		struct packed_desc *d = packed_at(r, r->avail);
		d->address = htole64(r->c.buffer_address + (uint64_t)index * r->c.stride);
		d->bytes = htole32(bytes);
		d->id = htole16((uint16_t)index);
		store16(&d->flags,
			(uint16_t)((wrap_at(r, r->avail) ? DESC_AVAIL : DESC_USED) |
				   (r->c.writable ? DESC_WRITE : 0)),
			memory_order_release);
	} else {
		((struct split_desc *)r->c.ring)[index].bytes = htole32(bytes);
	}
	r->avail++;
}

void vring_publish(struct vring *r)
{
	if (!r->c.packed)
		store16(driver_area(r) + 2, (uint16_t)r->avail, memory_order_release);
	atomic_store_explicit(&r->c.state->avail, r->avail, memory_order_release);
}

bool vring_kick_wanted(struct vring *r)
{
	uint64_t before = r->kicked;
	r->kicked = r->avail;
	if (before == r->avail)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	uint64_t event;
	if (!r->c.packed) {
		if (!r->c.event_idx)
			return !(load16(device_area(r), memory_order_relaxed) & NO_NOTIFY);
		uint16_t index = load16(device_area(r) + 4 + 8ul * r->c.size, memory_order_relaxed);
		return (uint16_t)((uint16_t)r->avail - index - 1u) < r->avail - before;
	}
	/* Both halves at once: the device may change them at any time. */
	uint32_t both = le32toh(atomic_load_explicit((const _Atomic uint32_t *)device_area(r),
						     memory_order_relaxed));
	uint16_t flags = (uint16_t)(both >> 16) & 3;
	if (flags != EVENT_DESCRIPTOR || !r->c.event_idx)
		return flags != EVENT_DISABLE;
	event = (r->avail & ~(uint64_t)(r->c.size - 1)) + (both & 0x7fff);
	if ((both >> 15 & 1) != wrap_at(r, r->avail))
		event -= r->c.size;
	return r->avail - event - 1 < r->avail - before;
}

/* How many buffers from `position` on are used by the entry there, which names buffer id as the last one; 0: it must not. */
static unsigned batch_to(const struct vring *r, uint64_t position, uint32_t id)
{
	unsigned mask = r->c.size - 1;
	unsigned count = ((id - (unsigned)position) & mask) + 1;
	return id <= mask && count <= r->avail - position ? count : 0;
}

static int packed_used(struct vring *r, uint64_t position, uint32_t *id, uint32_t *bytes)
{
	struct packed_desc *d = packed_at(r, position);
	bool wrap = wrap_at(r, position);
	uint16_t flags = load16(&d->flags, memory_order_acquire);
	if (!!(flags & DESC_AVAIL) != wrap || !!(flags & DESC_USED) != wrap)
		return 0;
	*id = le16toh(*(volatile uint16_t *)&d->id);
	/* Without WRITE the length is reserved (2.8.5). */
	*bytes = flags & DESC_WRITE ? le32toh(*(volatile uint32_t *)&d->bytes) : 0;
	return 1;
}

static int split_used(struct vring *r, uint64_t position, uint32_t *id, uint32_t *bytes)
{
	uint16_t index = load16(device_area(r) + 2, memory_order_acquire);
	uint16_t ahead = (uint16_t)(index - (uint16_t)r->used);
	if (ahead > r->avail - r->used)
		return fault(r, "the device's used index is beyond what it was given");
	if (position - r->used >= ahead)
		return 0;
	struct split_used *e =
		(struct split_used *)(device_area(r) + 4) + (position & (r->c.size - 1));
	*id = le32toh(atomic_load_explicit(&e->id, memory_order_relaxed));
	*bytes = le32toh(atomic_load_explicit(&e->bytes, memory_order_relaxed));
	return 1;
}

int vring_used(struct vring *r, unsigned ahead, unsigned *index, uint32_t *bytes)
{
	uint32_t id;
	uint64_t position = r->used + ahead;
	if (r->fault)
		return -EPROTO;
	if (ahead >= r->avail - r->used)
		return 0;
	*index = (unsigned)position & (r->c.size - 1);
	if (position >= r->batch_from && position < r->batch_end) {
		*bytes = position + 1 == r->batch_end ? r->batch_bytes : VRING_SKIPPED;
		return 1;
	}
	int n = r->c.packed ? packed_used(r, position, &id, bytes)
			    : split_used(r, position, &id, bytes);
	if (n <= 0)
		return n;
	unsigned count = batch_to(r, position, id);
	if (!count)
		return fault(r, "the device used a buffer that it was not given");
	if (*bytes > (r->c.writable ? r->c.room : 0)) {
		if (r->c.writable)
			return fault(r, "the device wrote more than the buffer holds");
		*bytes = 0;
	}
	if (count > 1) {
		r->batch_from = position;
		r->batch_end = position + count;
		r->batch_bytes = *bytes;
		*bytes = VRING_SKIPPED;
	}
	return 1;
}

void vring_release(struct vring *r, unsigned count)
{
	r->used += count;
	/* A packed descriptor works from vring_post() on and may be used before it was published. */
	if (r->c.packed)
		atomic_store_explicit(&r->c.state->avail, r->avail, memory_order_release);
	atomic_store_explicit(&r->c.state->used, r->used, memory_order_release);
}

int vring_reclaim(struct vring *r)
{
	unsigned count = 0, index;
	uint32_t bytes;
	int n;
	while ((n = vring_used(r, count, &index, &bytes)) > 0)
		count++;
	if (count)
		vring_release(r, count);
	return n < 0 ? n : (int)count;
}

void vring_quiet(struct vring *r)
{
	/* With event_idx an event that stays behind is enough, once the device has passed it. */
	if (r->c.packed)
		store16(driver_area(r) + 2, EVENT_DISABLE, memory_order_relaxed);
	else if (!r->c.event_idx)
		store16(driver_area(r), NO_INTERRUPT, memory_order_relaxed);
	else
		store16(driver_area(r) + 4 + 2ul * r->c.size, (uint16_t)(r->used ^ 0x8000),
			memory_order_relaxed);
}

bool vring_arm(struct vring *r, unsigned more)
{
	uint64_t event = r->used + more;
	unsigned index;
	uint32_t bytes;
	if (!r->c.event_idx) {
		/* The next used buffer interrupts, whichever it is. */
		if (r->c.packed)
			store16(driver_area(r) + 2, EVENT_ENABLE, memory_order_relaxed);
		else
			store16(driver_area(r), 0, memory_order_relaxed);
	} else if (!r->c.packed) {
		store16(driver_area(r) + 4 + 2ul * r->c.size, (uint16_t)event,
			memory_order_relaxed);
	} else {
		uint32_t both = (uint32_t)(event & (r->c.size - 1)) |
				(uint32_t)wrap_at(r, event) << 15 | EVENT_DESCRIPTOR << 16;
		atomic_store_explicit((_Atomic uint32_t *)driver_area(r), htole32(both),
				      memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_seq_cst);
	/* A buffer in the middle of a batch (in_order) has no entry of its own: ask from the oldest one on. */
	unsigned ahead = 0;
	while (vring_used(r, ahead, &index, &bytes) > 0)
		if (ahead++ == more)
			return true;
	return false;
}
