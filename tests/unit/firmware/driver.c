/* SPDX-License-Identifier: Apache-2.0 */
/* See driver.h. */
#include "driver.h"

#include <string.h>

void put16(uint32_t ctx, uint64_t addr, uint32_t v)
{
	const uint16_t x = (uint16_t)v;
	memcpy(model_at(ctx, addr), &x, 2);
}

void put32(uint32_t ctx, uint64_t addr, uint32_t v)
{
	memcpy(model_at(ctx, addr), &v, 4);
}

uint32_t get16(uint32_t ctx, uint64_t addr)
{
	uint16_t x;
	memcpy(&x, model_at(ctx, addr), 2);
	return x;
}

uint32_t get32(uint32_t ctx, uint64_t addr)
{
	uint32_t x;
	memcpy(&x, model_at(ctx, addr), 4);
	return x;
}

void put_desc(uint32_t ctx, uint64_t at, uint64_t addr, uint32_t len, uint32_t tail)
{
	put32(ctx, at, (uint32_t)addr);
	put32(ctx, at + 4, (uint32_t)(addr >> 32));
	put32(ctx, at + 8, len);
	put32(ctx, at + 12, tail);
}

uint64_t guest_alloc(struct guest *g, uint32_t bytes, uint32_t align)
{
	const uint64_t at = (g->next + align - 1) & ~(uint64_t)(align - 1);

	g->next = at + bytes;
	return g->next <= MODEL_BASE(g->ctx) + MODEL_MEM ? at : 0;
}

void guest_create(struct guest *g, uint32_t ctx)
{
	const struct gl_mbox_ctx_config config = {
		.fields = GL_MBOX_FIELD_ALL,
		.mtu = 9000,
		.mac = { 2, 0, 0, 0, 0, (uint8_t)ctx },
		.link_up = 1,
	};

	memset(g, 0, sizeof(*g));
	g->ctx = ctx;
	model_mailbox(GL_MBOX_CTX_CREATE, ctx, &config, sizeof(config));
	model_mailbox(GL_MBOX_CTX_ENABLE, ctx, NULL, 0);
	model_enable(ctx, true);
}

static void ring_setup(struct guest *g, uint32_t queue, bool packed, uint32_t size)
{
	struct ring *r = &g->q[queue];
	uint32_t *regs = &model.regs[g->ctx][GL_CTX_Q_NUM / 4 + queue * 8];

	memset(r, 0, sizeof(*r));
	r->ctx = g->ctx;
	r->queue = queue;
	r->packed = packed;
	r->event_idx = g->features_lo >> GL_FEATURE_EVENT_IDX & 1u;
	r->size = r->room = size;
	r->avail_wrap = r->used_wrap = 1;
	r->desc = guest_alloc(g, size * 16, 16);
	r->driver = guest_alloc(g, packed ? 4 : 6 + 2 * size, packed ? 4 : 2);
	r->device = guest_alloc(g, packed ? 4 : 6 + 8 * size, 4);
	memset(model_at(g->ctx, r->desc), 0, size * 16);
	memset(model_at(g->ctx, r->driver), 0, packed ? 4 : 6 + 2 * size);
	memset(model_at(g->ctx, r->device), 0, packed ? 4 : 6 + 8 * size);
	for (uint32_t i = 0; i < DRIVER_BUFFERS; i++)
		r->table[i] = guest_alloc(g, 40 * 16, 16);
	while (r->free_n < size) {
		r->free_desc[r->free_n] = size - 1 - r->free_n;
		r->free_n++;
	}
	r->wish = WISH_ALL;
	regs[0] = 0x80000000u | size;
	regs[2] = (uint32_t)r->desc;
	regs[3] = (uint32_t)(r->desc >> 32);
	regs[4] = (uint32_t)r->driver;
	regs[5] = (uint32_t)(r->driver >> 32);
	regs[6] = (uint32_t)r->device;
	regs[7] = (uint32_t)(r->device >> 32);
}

void guest_start(struct guest *g, uint32_t features_lo, bool packed, uint32_t size_rx,
		 uint32_t size_tx)
{
	g->next = MODEL_BASE(g->ctx);
	g->features_lo = features_lo & model.regs[g->ctx][GL_CTX_DEVICE_FEATURES_LO / 4];
	g->features_hi = 1u << (GL_FEATURE_VERSION_1 - 32) |
			 1u << (GL_FEATURE_ACCESS_PLATFORM - 32) |
			 (packed ? 1u << (GL_FEATURE_RING_PACKED - 32) : 0);
	model.regs[g->ctx][GL_CTX_DRIVER_FEATURES_LO / 4] = g->features_lo;
	model.regs[g->ctx][GL_CTX_DRIVER_FEATURES_HI / 4] = g->features_hi;
	ring_setup(g, 0, packed, size_rx);
	ring_setup(g, 1, packed, size_tx);
	model_status(g->ctx, 0x0f);
}

void guest_reset(struct guest *g)
{
	model_status(g->ctx, 0);
}

static uint32_t packed_flags(uint32_t wrap)
{
	return wrap ? DESC_AVAIL : DESC_USED;
}

static void write_table(struct ring *r, uint32_t id, const struct segment *seg, uint32_t n,
			uint32_t dir)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t tail =
			r->packed ? dir << 16 : dir | (i + 1 < n ? DESC_NEXT | (i + 1) << 16 : 0);
		put_desc(r->ctx, r->table[id] + i * 16, seg[i].addr, seg[i].len, tail);
	}
}

bool ring_add(struct ring *r, const struct segment *seg, uint32_t n, bool indirect, uint32_t token)
{
	const uint32_t need = indirect ? 1 : n;
	const uint32_t dir = r->queue == 0 ? DESC_WRITE : 0;
	uint32_t id = 0;

	if (r->room < need)
		return false;
	if (r->packed) {
		id = model_rand(r->size);
		while (r->buffer[id].busy)
			id = (id + 1) % r->size;
		const uint32_t first = r->avail;
		uint32_t first_tail = 0;
		if (indirect)
			write_table(r, id, seg, n, dir);
		for (uint32_t i = 0; i < need; i++) {
			const uint32_t flags = packed_flags(r->avail_wrap) | dir |
					       (i + 1 < need ? DESC_NEXT : 0) |
					       (indirect ? DESC_INDIRECT : 0);
			/* the id counts only in the last descriptor of a chain */
			const uint32_t tail = (i + 1 < need ? 0xbeefu : id) | flags << 16;
			const uint64_t at = r->desc + r->avail * 16;
			if (i)
				put_desc(r->ctx, at, seg[i].addr, seg[i].len, tail);
			else
				first_tail = tail;
			if (++r->avail == r->size) {
				r->avail = 0;
				r->avail_wrap ^= 1;
			}
		}
		put_desc(r->ctx, r->desc + first * 16, indirect ? r->table[id] : seg[0].addr,
			 indirect ? n * 16 : seg[0].len, first_tail);
	} else {
		uint32_t next = 0;
		for (uint32_t i = need; i--;) { /* from the last one, so that each knows its next */
			const uint32_t pick = model_rand(r->free_n);
			const uint32_t index = r->free_desc[pick];
			r->free_desc[pick] = r->free_desc[--r->free_n];
			if (indirect) {
				write_table(r, index, seg, n, dir);
				put_desc(r->ctx, r->desc + index * 16, r->table[index], n * 16,
					 DESC_INDIRECT);
			} else {
				put_desc(r->ctx, r->desc + index * 16, seg[i].addr, seg[i].len,
					 dir | (i + 1 < need ? DESC_NEXT | next << 16 : 0));
			}
			next = index;
		}
		id = next;
		put16(r->ctx, r->driver + 4 + 2 * (r->avail % r->size), id);
		r->avail++;
		put16(r->ctx, r->driver + 2, r->avail);
	}
	r->room -= need;
	r->buffer[id].busy = true;
	r->buffer[id].descs = need;
	r->buffer[id].token = token;
	r->buffer[id].n = n;
	memcpy(r->buffer[id].seg, seg, n * sizeof(*seg));
	return true;
}

void ring_kick(struct ring *r)
{
	bool ring;

	if (r->packed) {
		ring = (get32(r->ctx, r->device) >> 16 & 3u) != 1u;
	} else if (!r->event_idx) {
		ring = !(get16(r->ctx, r->device) & 1u);
	} else {
		const uint16_t event = (uint16_t)get16(r->ctx, r->device + 4 + 8 * r->size);
		ring = (uint16_t)(r->avail - event - 1) < (uint16_t)(r->avail - r->rung);
	}
	r->rung = r->avail;
	if (ring) {
		r->kicks++;
		model_ring(r->ctx, r->queue);
	}
}

int ring_used(struct ring *r, struct buffer *b, uint32_t *written)
{
	uint32_t id;

	if (r->packed) {
		const uint64_t at = r->desc + r->used * 16;
		const uint32_t flags = get32(r->ctx, at + 12) >> 16;
		if (!(flags & DESC_AVAIL) != !r->used_wrap || !(flags & DESC_USED) != !r->used_wrap)
			return 0;
		id = get16(r->ctx, at + 12);
		*written = get32(r->ctx, at + 8);
		if (id >= r->size || !r->buffer[id].busy)
			return -1;
		if (r->queue == 0 && !(flags & DESC_WRITE))
			return -1;
		r->used += r->buffer[id].descs;
		if (r->used >= r->size) {
			r->used -= r->size;
			r->used_wrap ^= 1;
		}
	} else {
		if ((uint16_t)r->used == get16(r->ctx, r->device + 2))
			return 0;
		const uint64_t at = r->device + 4 + 8 * (r->used % r->size);
		id = get32(r->ctx, at);
		*written = get32(r->ctx, at + 4);
		if (id >= r->size || !r->buffer[id].busy)
			return -1;
		r->used++;
		/* give the chain's descriptors back */
		uint32_t index = id;
		for (uint32_t i = 0; i < r->buffer[id].descs; i++) {
			r->free_desc[r->free_n++] = index;
			index = get16(r->ctx, r->desc + index * 16 + 14);
		}
	}
	*b = r->buffer[id];
	r->buffer[id].busy = false;
	r->room += b->descs;
	return 1;
}

void ring_wish(struct ring *r, enum wish wish, uint32_t after)
{
	r->wish = wish;
	if (r->packed) {
		uint32_t pos = r->used + after, wrap = r->used_wrap;
		if (pos >= r->size) {
			pos -= r->size;
			wrap ^= 1;
		}
		put32(r->ctx, r->driver,
		      wish == WISH_NONE	 ? 1u << 16
		      : wish == WISH_ALL ? 0
					 : 2u << 16 | wrap << 15 | pos);
	} else if (!r->event_idx) {
		put16(r->ctx, r->driver, wish == WISH_NONE);
	} else {
		put16(r->ctx, r->driver + 4 + 2 * r->size,
		      wish == WISH_NONE ? r->used - 1 : /* behind: not crossed for 2^16 entries */
			      r->used + after);
	}
}
