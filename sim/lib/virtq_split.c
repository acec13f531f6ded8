// SPDX-License-Identifier: Apache-2.0
// Driver side of split virtqueues (virtio 1.2, 2.7).
#include "virtq.h"

static void put_desc(const struct virtq *q, uint64_t at, const struct virtq_segment *s,
		     uint16_t flags, uint16_t next)
{
	struct virtq_desc d = { s->address, s->bytes, flags, next };
	vmem_write(q->c.memory, at, &d, sizeof(d));
}

static uint16_t flags_of(const struct virtq_segment *s, bool last)
{
	return (uint16_t)((s->writable ? VIRTQ_WRITE : 0) | (last ? 0 : VIRTQ_NEXT));
}

bool virtq_split_add(struct virtq *q, const struct virtq_segment *segment, unsigned count,
		     bool indirect, uint32_t cookie)
{
	uint16_t head = q->first_free, at = head;
	struct virtq_buffer *b = &q->buffer[head];
	b->cookie = cookie;
	b->writable = 0;
	for (unsigned i = 0; i < count; i++)
		b->writable += segment[i].writable ? segment[i].bytes : 0;
	if (indirect) {
		uint64_t table = q->c.tables + 16ul * VIRTQ_SEGMENTS * head;
		for (unsigned i = 0; i < count; i++)
			put_desc(q, table + 16ul * i, &segment[i],
				 flags_of(&segment[i], i + 1 == count),
				 (uint16_t)(i + 1 == count ? 0 : i + 1));
		struct virtq_segment whole = { table, 16 * count, false };
		put_desc(q, q->c.desc + 16ul * head, &whole, VIRTQ_INDIRECT, 0);
		b->descriptors = 1;
		at = b->next;
	} else {
		for (unsigned i = 0; i < count; i++) {
			uint16_t next = q->buffer[at].next;
			bool last = i + 1 == count;
			put_desc(q, q->c.desc + 16ul * at, &segment[i], flags_of(&segment[i], last),
				 last ? 0 : next);
			at = next;
		}
		b->descriptors = (uint16_t)count;
	}
	q->first_free = at;
	q->free -= b->descriptors;
	virtq_order_add(q, head);
	vmem_put16(q->c.memory, q->c.driver + 4 + 2ul * (q->next_avail % q->c.size), head);
	q->next_avail++;
	vmem_put16(q->c.memory, q->c.driver + 2, q->next_avail);
	q->added++;
	return true;
}

bool virtq_split_next(struct virtq *q, uint16_t *id, uint32_t *bytes)
{
	uint16_t index = vmem_get16(q->c.memory, q->c.device + 2);
	uint16_t waiting = (uint16_t)(index - q->last_used);
	if (!waiting)
		return false;
	if (waiting > q->outstanding) {
		virtq_fault(q->c.faults, "%s: used index moved from %u to %u with %u buffers out",
			    q->c.name, q->last_used, index, q->outstanding);
		q->broken = true;
		return false;
	}
	uint64_t at = q->c.device + 4 + 8ul * (q->last_used % q->c.size);
	uint32_t wide = vmem_get32(q->c.memory, at);
	*id = wide > UINT16_MAX ? UINT16_MAX : (uint16_t)wide;
	*bytes = vmem_get32(q->c.memory, at + 4);
	return true;
}

/* Gives the chain's descriptors back: the list of free ones runs through `next` of the buffers, in the chain's own order. */
void virtq_split_consume(struct virtq *q, uint16_t id)
{
	uint16_t last = id;
	for (unsigned i = 1; i < q->buffer[id].descriptors; i++)
		last = q->buffer[last].next;
	q->buffer[last].next = q->first_free;
	q->first_free = id;
	q->free += q->buffer[id].descriptors;
	q->last_used++;
}
