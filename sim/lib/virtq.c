// SPDX-License-Identifier: Apache-2.0
// Driver side of a virtqueue: what split and packed rings have in common.
#include "virtq.h"

#include <stdarg.h>
#include <stdio.h>

/* --- Guest memory ---------------------------------------------------------------------------------------------------------- */

/* The longest run from an address that stays in one page. */
static size_t run_of(const struct vmem *m, uint64_t address, size_t bytes)
{
	uint64_t left = VMEM_PAGE - (address - m->base) % VMEM_PAGE;
	return bytes < left ? bytes : (size_t)left;
}

void vmem_read(const struct vmem *m, uint64_t address, void *to, size_t bytes)
{
	for (uint8_t *p = to; bytes;) {
		size_t n = run_of(m, address, bytes);
		memcpy(p, vmem_at(m, address), n);
		p += n, address += n, bytes -= n;
	}
}

void vmem_write(const struct vmem *m, uint64_t address, const void *from, size_t bytes)
{
	for (const uint8_t *p = from; bytes;) {
		size_t n = run_of(m, address, bytes);
		memcpy(vmem_at(m, address), p, n);
		p += n, address += n, bytes -= n;
	}
}

void vmem_fill(const struct vmem *m, uint64_t address, uint8_t value, size_t bytes)
{
	while (bytes) {
		size_t n = run_of(m, address, bytes);
		memset(vmem_at(m, address), value, n);
		address += n, bytes -= n;
	}
}

bool vmem_is(const struct vmem *m, uint64_t address, uint8_t value, size_t bytes)
{
	while (bytes) {
		size_t n = run_of(m, address, bytes);
		const uint8_t *p = vmem_at(m, address);
		if (p[0] != value || memcmp(p, p + 1, n - 1))
			return false;
		address += n, bytes -= n;
	}
	return true;
}

/* --- Faults ------------------------------------------------------------------------------------------------------------------ */

void virtq_fault(struct virtq_faults *f, const char *format, ...)
{
	va_list args;
	f->count++;
	size_t room = sizeof(f->text) - f->used;
	if (room < 2)
		return;
	va_start(args, format);
	int n = vsnprintf(f->text + f->used, room - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	f->used += (size_t)n < room - 1 ? (size_t)n : room - 2;
	f->text[f->used++] = '\n';
	f->text[f->used] = 0;
}

/* --- The queue ------------------------------------------------------------------------------------------------------------------ */

size_t virtq_desc_bytes(unsigned size)
{
	return 16ul * size;
}

size_t virtq_driver_bytes(unsigned size, bool packed)
{
	return packed ? 4 : 6 + 2ul * size;
}

size_t virtq_device_bytes(unsigned size, bool packed)
{
	return packed ? 4 : 6 + 8ul * size;
}

size_t virtq_tables_bytes(unsigned size)
{
	return 16ul * VIRTQ_SEGMENTS * size;
}

void virtq_init(struct virtq *q, const struct virtq_config *config)
{
	memset(q, 0, sizeof(*q));
	q->c = *config;
	q->free = q->c.size;
	q->avail_wrap = q->used_wrap = true;
	q->callbacks = true;
	for (unsigned i = 0; i < q->c.size; i++)
		q->buffer[i].next = (uint16_t)(i + 1);
	vmem_fill(q->c.memory, q->c.desc, 0, virtq_desc_bytes(q->c.size));
	vmem_fill(q->c.memory, q->c.driver, 0, virtq_driver_bytes(q->c.size, q->c.packed));
	vmem_fill(q->c.memory, q->c.device, 0, virtq_device_bytes(q->c.size, q->c.packed));
}

void virtq_order_add(struct virtq *q, uint16_t id)
{
	q->order[(q->order_first + q->outstanding) % q->c.size] = id;
	q->outstanding++;
	q->buffer[id].outstanding = true;
}

bool virtq_add(struct virtq *q, const struct virtq_segment *segment, unsigned count, bool indirect,
	       uint32_t cookie)
{
	indirect = indirect && q->c.tables;
	if (q->broken || !count || count > VIRTQ_SEGMENTS || (indirect ? 1 : count) > q->free)
		return false;
	return q->c.packed ? virtq_packed_add(q, segment, count, indirect, cookie)
			   : virtq_split_add(q, segment, count, indirect, cookie);
}

/* Event suppression of the device: flags, and with event_idx the index at which it wants the doorbell. */
bool virtq_kick_wanted(struct virtq *q)
{
	uint16_t added = q->added;
	q->added = 0;
	if (!added || q->broken)
		return false;
	if (!q->c.packed) {
		if (!q->c.event_idx)
			return !(vmem_get16(q->c.memory, q->c.device) & VIRTQ_USED_NO_NOTIFY);
		uint16_t event = vmem_get16(q->c.memory, q->c.device + 4 + 8ul * q->c.size);
		return virtq_need_event(event, q->next_avail, (uint16_t)(q->next_avail - added));
	}
	uint16_t event = vmem_get16(q->c.memory, q->c.device),
		 flags = vmem_get16(q->c.memory, q->c.device + 2);
	if (flags > VIRTQ_EVENT_DESC || (flags == VIRTQ_EVENT_DESC && !q->c.event_idx)) {
		virtq_fault(q->c.faults, "%s: device event suppression has flags 0x%x", q->c.name,
			    flags);
		return true;
	}
	if (flags != VIRTQ_EVENT_DESC)
		return flags == VIRTQ_EVENT_ENABLE;
	uint16_t index = event & 0x7fff;
	if (event >> 15 != q->avail_wrap)
		index = (uint16_t)(index - q->c.size);
	return virtq_need_event(index, q->next_avail, (uint16_t)(q->next_avail - added));
}

static bool next_used(struct virtq *q, uint16_t *id, uint32_t *bytes)
{
	return q->c.packed ? virtq_packed_next(q, id, bytes) : virtq_split_next(q, id, bytes);
}

bool virtq_more(const struct virtq *q)
{
	if (q->broken)
		return false;
	if (q->batch)
		return true;
	if (!q->c.packed)
		return vmem_get16(q->c.memory, q->c.device + 2) != q->last_used;
	uint16_t flags = vmem_get16(q->c.memory, q->c.desc + 16ul * q->last_used + 14);
	return !!(flags & VIRTQ_AVAIL) == q->used_wrap && !!(flags & VIRTQ_USED) == q->used_wrap;
}

/* With in_order the device may name the last buffer of a batch only (2.7.9, 2.8.9). */
static bool batch_before(struct virtq *q, uint16_t id)
{
	for (unsigned i = 0; i < q->outstanding; i++)
		if (q->order[(q->order_first + i) % q->c.size] == id) {
			q->batch = i + 1;
			return true;
		}
	return false;
}

bool virtq_get(struct virtq *q, struct virtq_used *used)
{
	uint16_t id;
	uint32_t bytes;
	if (q->broken)
		return false;
	if (!q->batch) {
		if (!next_used(q, &id, &bytes))
			return false;
		if (id >= q->c.size || !q->buffer[id].outstanding) {
			virtq_fault(q->c.faults,
				    "%s: used buffer %u at %u is not one that the device has",
				    q->c.name, id, q->last_used);
			q->broken = true;
			return false;
		}
		if (bytes > q->buffer[id].writable) {
			virtq_fault(q->c.faults,
				    "%s: used buffer %u with %u bytes; only %u are writable",
				    q->c.name, id, bytes, q->buffer[id].writable);
			bytes = q->buffer[id].writable;
		}
		q->batch = 1;
		q->batch_id = id;
		q->batch_bytes = bytes;
		if (q->c.in_order)
			batch_before(q, id);
	}
	id = q->c.in_order ? q->order[q->order_first] : q->batch_id;
	used->cookie = q->buffer[id].cookie;
	used->bytes = q->batch == 1 ? q->batch_bytes : VIRTQ_BYTES_UNKNOWN;
	q->batch--;
	q->order_first = (q->order_first + 1) % q->c.size;
	q->outstanding--;
	q->buffer[id].outstanding = false;
	if (q->c.packed)
		virtq_packed_consume(q, id);
	else
		virtq_split_consume(q, id);
	/* As long as interrupts are wanted, the event index follows. */
	if (q->c.event_idx && q->callbacks) {
		if (q->c.packed)
			vmem_put16(q->c.memory, q->c.driver,
				   (uint16_t)(q->last_used | q->used_wrap << 15));
		else
			vmem_put16(q->c.memory, q->c.driver + 4 + 2ul * q->c.size, q->last_used);
	}
	return true;
}

void virtq_callbacks_off(struct virtq *q)
{
	q->callbacks = false;
	if (q->c.packed)
		vmem_put16(q->c.memory, q->c.driver + 2, VIRTQ_EVENT_DISABLE);
	else if (!q->c.event_idx)
		vmem_put16(q->c.memory, q->c.driver, VIRTQ_AVAIL_NO_INTERRUPT);
	else /* as far from where the device is as can be */
		vmem_put16(q->c.memory, q->c.driver + 4 + 2ul * q->c.size,
			   (uint16_t)(q->last_used ^ 0x8000));
}

static bool callbacks_after(struct virtq *q, unsigned buffers)
{
	q->callbacks = true;
	if (q->c.packed) {
		if (q->c.event_idx) {
			unsigned at = q->last_used + buffers;
			bool wrap = q->used_wrap;
			if (at >= q->c.size) {
				at -= q->c.size;
				wrap = !wrap;
			}
			vmem_put16(q->c.memory, q->c.driver, (uint16_t)(at | wrap << 15));
		}
		vmem_put16(q->c.memory, q->c.driver + 2,
			   q->c.event_idx ? VIRTQ_EVENT_DESC : VIRTQ_EVENT_ENABLE);
	} else if (q->c.event_idx) {
		vmem_put16(q->c.memory, q->c.driver + 4 + 2ul * q->c.size,
			   (uint16_t)(q->last_used + buffers));
	} else {
		vmem_put16(q->c.memory, q->c.driver, 0);
	}
	return virtq_more(q);
}

bool virtq_callbacks_on(struct virtq *q)
{
	return callbacks_after(q, 0);
}

bool virtq_callbacks_delayed(struct virtq *q)
{
	unsigned busy = q->c.packed ? q->c.size - q->free : q->outstanding;
	return callbacks_after(q, busy * 3 / 4);
}
