// SPDX-License-Identifier: Apache-2.0
// Driver side of packed virtqueues (virtio 1.2, 2.8).
#include "virtq.h"

static uint16_t availability(bool wrap)
{
	return wrap ? VIRTQ_AVAIL : VIRTQ_USED;
}

bool virtq_packed_add(struct virtq *q, const struct virtq_segment *segment, unsigned count,
		      bool indirect, uint32_t cookie)
{
	uint16_t id = q->first_free, head = q->next_avail, at = head, head_flags = 0;
	struct virtq_buffer *b = &q->buffer[id];
	struct virtq_segment whole = { q->c.tables + 16ul * VIRTQ_SEGMENTS * id, 16 * count,
				       false };
	b->cookie = cookie;
	b->writable = 0;
	for (unsigned i = 0; i < count; i++)
		b->writable += segment[i].writable ? segment[i].bytes : 0;
	if (indirect) {
		for (unsigned i = 0; i < count; i++) {
			/* In a table only WRITE counts; the buffer id is reserved (2.8.8). */
			struct virtq_desc d = { segment[i].address, segment[i].bytes, 0,
						segment[i].writable ? VIRTQ_WRITE : 0 };
			vmem_write(q->c.memory, whole.address + 16ul * i, &d, sizeof(d));
		}
		segment = &whole;
		count = 1;
	}
	for (unsigned i = 0; i < count; i++) {
		bool last = i + 1 == count;
		uint16_t flags =
			(uint16_t)(availability(q->avail_wrap) |
				   (segment[i].writable ? VIRTQ_WRITE : 0) |
				   (last ? 0 : VIRTQ_NEXT) | (indirect ? VIRTQ_INDIRECT : 0));
		/* The id of the last descriptor is the one that counts (2.8.6); the others have one that nobody may use. */
		struct virtq_desc d = { segment[i].address, segment[i].bytes,
					last ? id : (uint16_t)~id, flags };
		q->shadow[at] = d;
		if (at == head) {
			/* The first descriptor's flags make all of the chain available; they are written last (2.8.19). */
			head_flags = flags;
			vmem_write(q->c.memory, q->c.desc + 16ul * at, &d, sizeof(d) - sizeof(d.b));
		} else {
			vmem_write(q->c.memory, q->c.desc + 16ul * at, &d, sizeof(d));
		}
		if (++at == q->c.size) {
			at = 0;
			q->avail_wrap = !q->avail_wrap;
		}
	}
	vmem_put16(q->c.memory, q->c.desc + 16ul * head + 14, head_flags);
	b->descriptors = (uint16_t)count;
	q->first_free = b->next;
	q->free -= count;
	q->next_avail = at;
	q->added = (uint16_t)(q->added + count);
	virtq_order_add(q, id);
	return true;
}

bool virtq_packed_next(struct virtq *q, uint16_t *id, uint32_t *bytes)
{
	if (!virtq_more(q))
		return false;
	struct virtq_desc d;
	vmem_read(q->c.memory, q->c.desc + 16ul * q->last_used, &d, sizeof(d));
	*id = d.a;
	/* Without WRITE the length is reserved (2.8.5). */
	*bytes = d.b & VIRTQ_WRITE ? d.bytes : 0;
	if (!q->outstanding) {
		virtq_fault(q->c.faults, "%s: used descriptor at %u while the device has no buffer",
			    q->c.name, q->last_used);
		q->broken = true;
		return false;
	}
	return true;
}

/* The ring positions of the chain follow each other; the device may have written the first of them only. */
void virtq_packed_consume(struct virtq *q, uint16_t id)
{
	unsigned at = q->last_used;
	for (unsigned i = 0; i < q->buffer[id].descriptors; i++) {
		struct virtq_desc d;
		vmem_read(q->c.memory, q->c.desc + 16ul * at, &d, sizeof(d));
		if (i && memcmp(&d, &q->shadow[at], sizeof(d)))
			virtq_fault(q->c.faults,
				    "%s: descriptor %u, inside a chain, was written by the device",
				    q->c.name, at);
		if (++at == q->c.size) {
			at = 0;
			q->used_wrap = !q->used_wrap;
		}
	}
	q->last_used = (uint16_t)at;
	q->free += q->buffer[id].descriptors;
	q->buffer[id].next = q->first_free;
	q->first_free = id;
}
