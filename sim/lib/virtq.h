/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver side of a virtqueue, split or packed (virtio 1.2, 2.7 and 2.8), in guest memory that a device reaches too. It knows no
 * NIC: guest.c puts a network driver on it, tests/unit/sim a device in C. Everything the device writes is checked; what breaks the
 * standard is noted as a fault.
 */
#ifndef GLS_VIRTQ_H
#define GLS_VIRTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Descriptor flags (virtio 1.2, 2.7.5 and 2.8.1). */
#define VIRTQ_NEXT		 0x0001u
#define VIRTQ_WRITE		 0x0002u
#define VIRTQ_INDIRECT		 0x0004u
#define VIRTQ_AVAIL		 0x0080u
#define VIRTQ_USED		 0x8000u
/* Event suppression (2.7.7, 2.7.10, 2.8.7). */
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY	 1u
#define VIRTQ_EVENT_ENABLE	 0u
#define VIRTQ_EVENT_DISABLE	 1u
#define VIRTQ_EVENT_DESC	 2u

#define VIRTQ_SEGMENTS 24 /* most elements of a buffer */
#define VIRTQ_SIZE_MAX 256

/* --- Guest memory: pages that lie anywhere in the host ---------------------------------------------------------------------- */

#define VMEM_PAGE 4096u

struct vmem {
	uint64_t base, bytes; /* guest addresses [base, base + bytes) */
	uint8_t **page;	      /* the bytes of each page */
};

/* Whether all of [address, address + bytes) is guest memory. */
static inline bool vmem_has(const struct vmem *m, uint64_t address, uint64_t bytes)
{
	return address >= m->base && address - m->base <= m->bytes &&
	       bytes <= m->bytes - (address - m->base);
}

/* The byte at an address that is guest memory. */
static inline uint8_t *vmem_at(const struct vmem *m, uint64_t address)
{
	uint64_t at = address - m->base;
	return m->page[at / VMEM_PAGE] + at % VMEM_PAGE;
}

void vmem_read(const struct vmem *m, uint64_t address, void *to, size_t bytes);
void vmem_write(const struct vmem *m, uint64_t address, const void *from, size_t bytes);
void vmem_fill(const struct vmem *m, uint64_t address, uint8_t value, size_t bytes);
/* Whether every byte has that value. */
bool vmem_is(const struct vmem *m, uint64_t address, uint8_t value, size_t bytes);

/* Naturally aligned fields of rings; they never straddle two pages. */
static inline uint16_t vmem_get16(const struct vmem *m, uint64_t address)
{
	uint16_t v;
	memcpy(&v, vmem_at(m, address), sizeof(v));
	return v;
}

static inline uint32_t vmem_get32(const struct vmem *m, uint64_t address)
{
	uint32_t v;
	memcpy(&v, vmem_at(m, address), sizeof(v));
	return v;
}

static inline void vmem_put16(const struct vmem *m, uint64_t address, uint16_t v)
{
	memcpy(vmem_at(m, address), &v, sizeof(v));
}

/* --- Faults of the device --------------------------------------------------------------------------------------------------- */

struct virtq_faults {
	int count;
	size_t used;
	char text[2048]; /* one line each, the first ones */
};

void virtq_fault(struct virtq_faults *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- The queue ---------------------------------------------------------------------------------------------------------------- */

struct virtq_config {
	const char *name; /* for faults */
	const struct vmem *memory;
	struct virtq_faults *faults;
	uint64_t desc, driver, device; /* areas in guest memory */
	uint64_t
		tables; /* guest memory for indirect tables (virtq_tables_bytes()), or 0: none are made */
	unsigned size;
	bool packed;
	bool event_idx;
	bool in_order;
};

/* Bytes and alignment of the areas of a queue (2.7.2, 2.8.10.1). */
size_t virtq_desc_bytes(unsigned size);
size_t virtq_driver_bytes(unsigned size, bool packed);
size_t virtq_device_bytes(unsigned size, bool packed);
size_t virtq_tables_bytes(unsigned size);

struct virtq_segment {
	uint64_t address;
	uint32_t bytes;
	bool writable;
};

struct virtq_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t a, b; /* packed: id, flags; split: flags, next */
};

/* A buffer that the device has, by its id (packed) or its first descriptor (split). */
struct virtq_buffer {
	bool outstanding;
	uint16_t descriptors; /* of the ring */
	uint16_t next;	      /* of the list of free ids or descriptors */
	uint32_t writable;    /* bytes that the device may write */
	uint32_t cookie;
};

struct virtq {
	struct virtq_config c;
	bool broken;	      /* after a fault nothing of it is believed */
	unsigned free;	      /* descriptors */
	unsigned outstanding; /* buffers */
	uint16_t first_free;
	uint16_t next_avail; /* packed: ring position; split: free-running */
	uint16_t last_used;  /* likewise */
	bool avail_wrap, used_wrap;
	uint16_t added; /* since the last virtq_kick_wanted() */
	bool callbacks;
	bool skip_event; /* the device area says nothing yet */
	struct virtq_buffer buffer[VIRTQ_SIZE_MAX];
	struct virtq_desc shadow[VIRTQ_SIZE_MAX]; /* descriptors as the driver wrote them */
	uint16_t order
		[VIRTQ_SIZE_MAX]; /* ids of outstanding buffers in order of virtq_add(), for in_order */
	unsigned order_first;
	unsigned batch; /* in_order: buffers before the one that the device named */
	uint16_t batch_id;
	uint32_t batch_bytes;
};

/* Writes the empty rings. Callbacks are on. */
void virtq_init(struct virtq *q, const struct virtq_config *config);

/*
 * Makes a buffer available: readable segments first. `indirect` puts them into an indirect table. False: no room. `cookie`
 * comes back from virtq_get().
 */
bool virtq_add(struct virtq *q, const struct virtq_segment *segment, unsigned count, bool indirect,
	       uint32_t cookie);

/* Whether the device wants a doorbell for what was added since the last call. */
bool virtq_kick_wanted(struct virtq *q);

#define VIRTQ_BYTES_UNKNOWN UINT32_MAX /* of a buffer inside an in_order batch */
struct virtq_used {
	uint32_t cookie;
	uint32_t bytes;
};
/* Takes the next used buffer; false: none. */
bool virtq_get(struct virtq *q, struct virtq_used *used);
bool virtq_more(const struct virtq *q);

void virtq_callbacks_off(struct virtq *q);
/* True: used buffers came in the meantime, and no interrupt will tell. */
bool virtq_callbacks_on(struct virtq *q);
/* Wants the interrupt when three quarters of the outstanding buffers are used (without event_idx: at the next one). */
bool virtq_callbacks_delayed(struct virtq *q);

/* The two formats; called by the functions above. */
bool virtq_split_add(struct virtq *q, const struct virtq_segment *segment, unsigned count,
		     bool indirect, uint32_t cookie);
bool virtq_split_next(struct virtq *q, uint16_t *id, uint32_t *bytes);
void virtq_split_consume(struct virtq *q, uint16_t id);
bool virtq_packed_add(struct virtq *q, const struct virtq_segment *segment, unsigned count,
		      bool indirect, uint32_t cookie);
bool virtq_packed_next(struct virtq *q, uint16_t *id, uint32_t *bytes);
void virtq_packed_consume(struct virtq *q, uint16_t id);
void virtq_order_add(struct virtq *q, uint16_t id);
/* vring_need_event() of 2.7.10. */
static inline bool virtq_need_event(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

#endif
