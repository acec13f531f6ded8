/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues beside the fast path: chains and indirect tables, frames over several receive buffers, frames that wait for
 * descriptors, the three-step fetch of split rings, and telling drivers when to ring.
 *
 * A *walker* reads a chain that does not lie complete in its queue's window: an indirect table, a chain of a split ring, or
 * a long chain of a packed ring. While it works, its queue's later entries wait; other queues do not.
 */
#include "fw.h"

enum walker_state { WALKER_FREE, WALKER_READING, WALKER_READY };
enum walker_kind { WALK_INDIRECT, WALK_PACKED, WALK_SPLIT };

struct walker {
	struct vq *q;
	struct desc *list;
	uint16_t capacity;
	uint16_t n;	/* descriptors in the list */
	uint16_t asked; /* descriptors that the read under way brings */
	uint16_t pos;	/* next ring position (packed), index of the first one asked for (split) */
	uint16_t base;	/* where an indirect table begins in the list */
	uint8_t state;
	uint8_t kind;
};

#define WALKERS	   (SMALL_WALKERS + 1)
#define BIG_WALKER SMALL_WALKERS
#define WALK_BURST 4u /* descriptors read at once along a chain */

static struct walker walkers[WALKERS];

/* A chain of descriptors in data memory. */
struct chain {
	struct desc *list;
	uint32_t n;    /* descriptors, those of a table that are not used included */
	uint32_t base; /* from here on follow NEXT and next (split indirect table) */
	uint32_t step; /* window entries it takes */
	uint32_t skip; /* ring positions it takes */
	uint32_t id;   /* buffer id (packed) */
};

#define TAG_AT	(GL_HDR_LEN + 12u) /* of a VLAN tag behind the virtio_net_hdr */
#define TAG_LEN 4u

enum gather { GATHERED, GATHER_WAIT, GATHER_BROKEN };

static uint64_t desc_addr(const struct desc *d)
{
	return (uint64_t)d->addr_hi << 32 | d->addr_lo;
}

static uint32_t ring_cookie(const struct vq *q)
{
	return COOKIE(COOKIE_RING, vq_index(q));
}

static void broken(struct vq *q, uint32_t reason)
{
	context_broken(vq_ctx(q), reason);
}

/* Flags and id or next of a descriptor of q's ring kind. */
static uint32_t flags_of(const struct vq *q, const struct desc *d)
{
	return q->split ? d->tail & 0xffffu : d->tail >> 16;
}

static uint32_t other_half(const struct vq *q, const struct desc *d)
{
	return q->split ? d->tail >> 16 : d->tail & 0xffffu;
}

/* --- Telling the driver whether to ring (virtio 1.2, 2.7.9 and 2.8.10) --- */

void notify_driver_off(struct vq *q)
{
	q->quiet = 1;
	if (!q->split) {
		dma_room(1);
		dma_mem(q, DMA_WRITE, q->device, &shm.notify_off, 4, ring_cookie(q));
	} else if (!q->event_idx) {
		dma_room(1);
		dma_mem(q, DMA_WRITE, q->device, &shm.no_notify, 2, ring_cookie(q));
	}
	/* split with EVENT_IDX: an avail_event that stays behind is enough */
}

void notify_driver_on(struct vq *q)
{
	q->quiet = 0;
	dma_room(1);
	if (!q->split) {
		dma_mem(q, DMA_WRITE, q->device, &shm.notify_on, 4, ring_cookie(q));
	} else if (!q->event_idx) {
		dma_mem(q, DMA_WRITE, q->device, &shm.notify_on, 2, ring_cookie(q));
	} else {
		vq_dma(q)->avail_event = q->avail_end;
		dma_mem(q, DMA_WRITE, q->device + 4 + sizeof(struct used_elem) * q->size,
			&vq_dma(q)->avail_event, 2, ring_cookie(q));
	}
}

/* --- Split rings: available index -> available ring entries -> descriptors, all three in each round --- */

/* Starts the reads of a round; the last one, of the available index, is the one that is reported. */
void split_fetch(struct vq *q, uint32_t space)
{
	struct queue_dma *m = vq_dma(q);
	const uint32_t n = min_u32(min_u32(q->heads_end - q->fetched, BURST), space);

	dma_room(BURST + 2);
	for (uint32_t i = 0; i < n;) { /* bound: BURST */
		const uint32_t at = q->fetched + i;
		const uint32_t index = m->heads[at % HEADS];
		uint32_t run = 1;
		if (index >= q->size) {
			q->busy = 0;
			broken(q, GL_RESET_REASON_BAD_DESC);
			return;
		}
		while (i + run < n && (at + run) % WINDOW && index + run < q->size &&
		       m->heads[(at + run) % HEADS] == index + run) /* bound: BURST */
			run++;
		dma_mem(q, DMA_READ, q->desc + index * sizeof(struct desc), &q->window[at % WINDOW],
			run * sizeof(struct desc), ring_cookie(q));
		i += run;
	}
	q->fetch_n = (uint8_t)n;

	const uint32_t pos = q->heads_end & (q->size - 1u);
	const uint32_t to = q->heads_end % HEADS;
	const uint32_t entries =
		min_u32(min_u32(q->avail_end - q->heads_end, HEADS - (q->heads_end - q->used)),
			min_u32(q->size - pos, HEADS - to));
	if (entries)
		dma_mem(q, DMA_READ, q->driver + 4 + 2 * pos, &m->heads[to], 2 * entries,
			ring_cookie(q));
	q->heads_n = (uint8_t)entries;

	q->index_read = 1;
	dma_mem(q, DMA_READ | DMA_NOTIFY, q->driver + 2, &m->avail_idx, 2, ROUND_COOKIE(q));
}

/* Takes in what the round read. Returns true if the driver has made more available than was read. */
bool split_fetched(struct vq *q)
{
	const uint16_t index = vq_dma(q)->avail_idx;
	const uint16_t moved = (uint16_t)(index - (uint16_t)q->avail_end);

	q->fetched += q->fetch_n;
	q->lap = q->fetched;
	q->heads_end += q->heads_n;
	q->heads_n = q->index_read = 0;
	if ((uint16_t)(index - (uint16_t)q->used) > q->size || moved > q->size) {
		broken(q, GL_RESET_REASON_BAD_INDEX);
		return false;
	}
	q->avail_end += moved;
	if (q->event_idx && moved)
		q->quiet = 1;
	return q->fetched != q->avail_end;
}

/* --- Used entries of packed rings that are not a plain burst --- */

static bool bit_of(uint32_t bits, uint32_t entry)
{
	return bits >> (entry % WINDOW) & 1u;
}

static void write_used(struct vq *q, uint32_t entry, uint32_t pos, uint32_t n)
{
	dma_room(1);
	dma_mem(q, DMA_WRITE, q->desc + pos * sizeof(struct desc), &q->window[entry % WINDOW],
		n * sizeof(struct desc), ring_cookie(q));
}

/*
 * Writes the used entries [q->used, end) back where some are chains or belong to one frame. A burst ends behind each chain,
 * because its further ring positions are the driver's already. Of a frame in several buffers the first entry is written last:
 * a driver that sees it expects all of them. Returns the number of ring positions passed.
 */
uint32_t flush_slow(struct vq *q, uint32_t end)
{
	uint32_t used = q->used;
	uint32_t pos = q->used_pos;
	uint32_t passed = 0;

	while (used != end) { /* bound: WINDOW */
		const uint32_t first = used;
		const uint32_t first_pos = pos;
		struct desc *d = &q->window[used % WINDOW];
		uint32_t step = 1;
		uint32_t skip = 1;
		uint32_t n = 1;
		if (bit_of(q->chains, used)) {
			step = d->addr_lo;
			skip = d->addr_hi;
			d->addr_lo = d->addr_hi = 0;
		} else if (used + 1 != end && bit_of(q->merged, used + 1)) {
			uint32_t from = used + 1;
			uint32_t from_pos = pos + 1;
			while (from != end && bit_of(q->merged, from)) { /* bound: WINDOW */
				if (from_pos == q->size)
					from_pos = 0;
				n = 1;
				while (from + n != end && bit_of(q->merged, from + n) &&
				       (from + n) % WINDOW &&
				       from_pos + n < q->size) /* bound: WINDOW */
					n++;
				write_used(q, from, from_pos, n);
				from += n;
				from_pos += n;
			}
			n = 1;
			step = skip = from - used;
		} else {
			while (used + n != end && !bit_of(q->chains | q->merged, used + n) &&
			       !(used + n + 1 != end && bit_of(q->merged, used + n + 1)) &&
			       (used + n) % WINDOW && pos + n < q->size) /* bound: WINDOW */
				n++;
			step = skip = n;
		}
		write_used(q, first, first_pos, n);
		for (uint32_t i = 0; i < step; i++) { /* bound: WINDOW */
			const uint32_t bit = 1u << ((used + i) % WINDOW);
			q->chains &= ~bit;
			q->merged &= ~bit;
		}
		used += step;
		pos += skip;
		passed += skip;
		if (pos >= q->size) {
			pos -= q->size;
			q->used_wrap ^= 1;
		}
	}
	q->used_pos = (uint16_t)pos;
	return passed;
}

/* --- Walkers --- */

static struct walker *walker_take(struct vq *q, uint32_t need)
{
	/*
	 * The first one is for receive queues: transmit queues that wait for packet buffer space hold theirs, and the space may
	 * be that of a frame which waits for a receive chain.
	 */
	for (uint32_t i = need > CHAIN_SMALL ? BIG_WALKER : q->is_tx; i < WALKERS;
	     i++) { /* bound: WALKERS */
		struct walker *w = &walkers[i];
		if (w->state != WALKER_FREE)
			continue;
		w->state = WALKER_READING;
		w->q = q;
		w->list = i == BIG_WALKER ? shm.big_chain : shm.small_chain[i];
		w->capacity = i == BIG_WALKER ? GL_QUEUE_SIZE_MAX : CHAIN_SMALL;
		w->n = 0;
		w->base = 0;
		q->walker = (uint8_t)(i + 1);
		shm.info.slow_chains++;
		return w;
	}
	ready_push(q);
	return NULL;
}

static void walker_free(struct vq *q)
{
	if (q->walker) {
		walkers[q->walker - 1].state = WALKER_FREE;
		q->walker = 0;
	}
}

/* Frees the walkers of a context that has no DMA under way. */
void walkers_release(uint32_t ctx)
{
	walker_free(&vqs[ctx * 2]);
	walker_free(&vqs[ctx * 2 + 1]);
}

/* Clears what walkers last read for the context. */
void walkers_forget(uint32_t ctx)
{
	for (uint32_t i = 0; i < WALKERS; i++) { /* bound: WALKERS */
		struct walker *w = &walkers[i];
		if (w->q != &vqs[ctx * 2] && w->q != &vqs[ctx * 2 + 1])
			continue;
		memset(w->list, 0, w->capacity * sizeof(struct desc));
		*w = (struct walker){ 0 };
	}
}

#ifdef GL_HOST
void walkers_reset(void)
{
	for (uint32_t i = 0; i < WALKERS; i++)
		walkers[i] = (struct walker){ 0 };
}
#endif

static void walker_read(struct walker *w, uint64_t addr, uint32_t n)
{
	w->asked = (uint16_t)n;
	dma_room(1);
	dma_mem(w->q, DMA_READ | DMA_NOTIFY, addr, &w->list[w->n], n * sizeof(struct desc),
		COOKIE(COOKIE_WALK, w - walkers));
}

/* Reads on along a chain in the ring from ring position or index `pos`. */
static void walker_more(struct walker *w, uint32_t pos)
{
	w->pos = (uint16_t)pos;
	walker_read(w, w->q->desc + pos * sizeof(struct desc),
		    min_u32(min_u32(WALK_BURST, (uint32_t)w->capacity - w->n), w->q->size - pos));
}

static void walker_ready(struct walker *w)
{
	struct vq *q = w->q;

	w->state = WALKER_READY;
	if (!q->busy)
		ready_push(q);
}

/* Asks for the big walker instead of w. */
static void walker_too_small(struct walker *w)
{
	struct vq *q = w->q;

	walker_free(q);
	q->long_chain = 1;
	if (!q->busy)
		ready_push(q);
}

/*
 * A chain of a split ring may end with a descriptor that refers to a table (virtio 1.2, 2.7.5.3.2): the table takes that
 * descriptor's place in the list.
 */
static void walker_table(struct walker *w)
{
	struct vq *q = w->q;
	const struct desc d = w->list[--w->n];
	const uint32_t n = d.len / sizeof(struct desc);

	if (!q->indirect) {
		broken(q, GL_RESET_REASON_BAD_FLAGS);
	} else if (!n || n > GL_QUEUE_SIZE_MAX || d.len % sizeof(struct desc) ||
		   w->n + n > GL_QUEUE_SIZE_MAX) {
		broken(q, GL_RESET_REASON_BAD_LENGTH);
	} else if (w->n + n > w->capacity) {
		walker_too_small(w);
	} else {
		w->kind = WALK_INDIRECT;
		w->base = w->n;
		walker_read(w, desc_addr(&d), n);
	}
}

/* A read of walker `number` has ended. */
void walker_done(uint32_t number, uint32_t status)
{
	struct walker *w = &walkers[number];
	struct vq *q = w->q;

	if (w->state != WALKER_READING || !q->live)
		return;
	if (status != GL_DMA_STATUS_OK) {
		dma_failed(COOKIE_RING, vq_index(q), status);
		return;
	}
	if (w->kind == WALK_INDIRECT) {
		w->n = (uint16_t)(w->n + w->asked);
		walker_ready(w);
		return;
	}
	uint32_t pos = w->pos;
	for (uint32_t i = 0; i < w->asked; i++) { /* bound: WALK_BURST */
		const struct desc *d = &w->list[w->n++];
		const uint32_t next = other_half(q, d);
		if (!(flags_of(q, d) & DESC_NEXT)) {
			if (q->split && flags_of(q, d) & DESC_INDIRECT)
				walker_table(w);
			else
				walker_ready(w);
			return;
		}
		if (w->n >= q->size) {
			broken(q, GL_RESET_REASON_LOOP);
			return;
		}
		if (w->n == w->capacity) {
			walker_too_small(w);
			return;
		}
		pos++;
		if (!q->split) {
			if (pos == q->size)
				pos = 0;
		} else {
			if (next >= q->size) {
				broken(q, GL_RESET_REASON_BAD_DESC);
				return;
			}
			if (next != pos) {
				pos = next;
				break;
			}
		}
	}
	walker_more(w, pos);
}

/* Forgets the window's entries from `entry` on (packed): they will be read again. */
static void cut(struct vq *q, uint32_t entry)
{
	const uint32_t back = q->fetched - entry;
	uint32_t pos = q->fetch_pos;

	if (pos < back) {
		pos += q->size;
		q->fetch_wrap ^= 1;
	}
	q->fetch_pos = (uint16_t)(pos - back);
	q->fetched = entry;
	if ((int32_t)(q->lap - entry) > 0)
		q->lap = entry;
	q->more = 1;
}

/* Is `entry` a simple, available descriptor of the right direction? */
static bool simple(const struct vq *q, uint32_t entry)
{
	uint32_t expect = q->expect;

	if (!q->split && (int32_t)(entry - q->lap) >= 0)
		expect ^= AVAIL_MASK;
	return !((window_at(q, entry)->tail ^ expect) & q->mask);
}

/*
 * True if the entry at `entry` turns out not to be available (packed: the driver is still writing it); then it will be read
 * again.
 */
static bool not_available(struct vq *q, uint32_t entry)
{
	uint32_t expect = q->expect;

	if ((int32_t)(entry - q->lap) >= 0)
		expect ^= AVAIL_MASK;
	if (q->split || !((window_at(q, entry)->tail ^ expect) & AVAIL_MASK))
		return false;
	cut(q, entry);
	return true;
}

bool unavailable(struct vq *q)
{
	return not_available(q, q->head);
}

/*
 * Brings the chain at head together. GATHERED: *c describes it; GATHER_WAIT: a walker works on it, or waits for a free one;
 * GATHER_BROKEN: the driver broke the rules and the context is broken.
 */
static enum gather gather(struct vq *q, struct chain *c)
{
	struct desc *d = window_at(q, q->head);
	const uint32_t flags = flags_of(q, d);
	static struct desc list[WINDOW];

	c->step = c->skip = 1;
	c->base = 0xffffffffu;
	c->id = d->tail & 0xffffu;
	if (q->walker) {
		struct walker *w = &walkers[q->walker - 1];
		if (w->state != WALKER_READY)
			return GATHER_WAIT;
		c->list = w->list;
		c->n = w->n;
		if (q->split && w->kind == WALK_INDIRECT)
			c->base = w->base;
		if (w->kind == WALK_PACKED) {
			c->skip = w->n;
			c->id = w->list[w->n - 1].tail & 0xffffu;
		}
		return GATHERED;
	}
	if (flags & DESC_INDIRECT) {
		const uint32_t n = d->len / sizeof(struct desc);
		if (!q->indirect || flags & DESC_NEXT) {
			broken(q, GL_RESET_REASON_BAD_FLAGS);
			return GATHER_BROKEN;
		}
		if (!n || n > GL_QUEUE_SIZE_MAX || d->len % sizeof(struct desc)) {
			broken(q, GL_RESET_REASON_BAD_LENGTH);
			return GATHER_BROKEN;
		}
		struct walker *w = walker_take(q, n);
		if (w) {
			w->kind = WALK_INDIRECT;
			walker_read(w, desc_addr(d), n);
		}
		return GATHER_WAIT;
	}
	if (!(flags & DESC_NEXT)) { /* a single descriptor of the wrong direction */
		broken(q, GL_RESET_REASON_BAD_FLAGS);
		return GATHER_BROKEN;
	}
	if (!q->split) {
		uint32_t n = 0;
		for (uint32_t i = q->head; i != q->fetched; i++) { /* bound: WINDOW */
			list[n] = q->window[i % WINDOW];
			if (list[n++].tail >> 16 & DESC_NEXT)
				continue;
			if (n > q->size)
				break;
			c->list = list;
			c->n = c->step = c->skip = n;
			c->id = list[n - 1].tail & 0xffffu;
			return GATHERED;
		}
		if (n >= q->size) {
			broken(q, GL_RESET_REASON_LOOP);
			return GATHER_BROKEN;
		}
	}
	struct walker *w = walker_take(q, q->long_chain ? GL_QUEUE_SIZE_MAX : 1);
	if (!w)
		return GATHER_WAIT;
	q->long_chain = 0;
	if (!q->split) {
		w->kind = WALK_PACKED;
		const uint32_t back = q->fetched - q->head;
		walker_more(w, q->fetch_pos >= back ? q->fetch_pos - back
						    : q->fetch_pos + q->size - back);
		return GATHER_WAIT;
	}
	w->kind = WALK_SPLIT;
	if (d->tail >> 16 >= q->size) {
		broken(q, GL_RESET_REASON_BAD_DESC);
		return GATHER_BROKEN;
	}
	w->list[w->n++] = *d;
	if (w->n >= q->size) {
		broken(q, GL_RESET_REASON_LOOP);
		return GATHER_BROKEN;
	}
	walker_more(w, d->tail >> 16);
	return GATHER_WAIT;
}

/* The chain at head was used; `written` bytes of it. Moves head behind it. */
static void chain_used(struct vq *q, const struct chain *c, uint32_t written)
{
	struct desc *d = window_at(q, q->head);

	if (q->split) {
		d->len = written;
		q->head++;
	} else {
		const uint32_t wrap = d->tail & (uint32_t)DESC_AVAIL << 16;
		d->len = written;
		d->tail = c->id | (wrap ? DESC_AVAIL | DESC_USED : 0u) << 16 |
			  (q->is_tx ? 0u : DESC_WRITE) << 16;
		if (c->skip > 1) {
			d->addr_lo = c->step;
			d->addr_hi = c->skip;
			q->chains |= 1u << q->head % WINDOW;
		}
		if (c->step !=
		    c->skip) { /* a walker went beyond the window: read on behind the chain */
			cut(q, q->head);
			uint32_t pos = q->fetch_pos + c->skip;
			if (pos >= q->size) {
				pos -= q->size;
				q->fetch_wrap ^= 1;
			}
			q->fetch_pos = (uint16_t)pos;
			q->fetched = q->lap = q->head + 1;
		}
		q->head += c->step;
		if ((int32_t)(q->head - q->lap) > 0) { /* it went on into the ring's next lap */
			q->expect ^= AVAIL_MASK;
			q->lap = q->fetched;
		}
	}
	walker_free(q);
}

/* Next descriptor of a chain behind `i`, or c->n at its end. */
static uint32_t chain_next(const struct chain *c, uint32_t i)
{
	if (i < c->base)
		return i + 1;
	return c->list[i].tail & DESC_NEXT ? c->base + (c->list[i].tail >> 16) : c->n;
}

/*
 * Checks a chain (direction, lengths, no loop, no table in a table) and adds up its length, at most 0x100000. Returns false
 * if the context is broken.
 */
static bool chain_length(struct vq *q, const struct chain *c, uint32_t *length)
{
	const uint32_t want = q->is_tx ? 0 : DESC_WRITE;
	uint32_t total = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->n;
	     i = chain_next(c, i)) { /* bound: c->n, at most GL_QUEUE_SIZE_MAX */
		const struct desc *d = &c->list[i];
		const uint32_t flags = flags_of(q, d);
		if ((flags & DESC_WRITE) != want || flags & DESC_INDIRECT) {
			broken(q, GL_RESET_REASON_BAD_FLAGS);
			return false;
		}
		if (!d->len) {
			broken(q, GL_RESET_REASON_BAD_LENGTH);
			return false;
		}
		total = min_u32(total + min_u32(d->len, 0x80000u), 0x100000u);
		if (i >= c->base && flags & DESC_NEXT) {
			if ((d->tail >> 16) >= c->n - c->base) {
				broken(q, GL_RESET_REASON_BAD_DESC);
				return false;
			}
			if (++count >= c->n - c->base) {
				broken(q, GL_RESET_REASON_LOOP);
				return false;
			}
		}
	}
	*length = total;
	return true;
}

/* --- Transmit: a chain or indirect table at head. Returns true if it is on its way and the next entry may follow. --- */

bool tx_special(struct vq *q)
{
	struct chain c;
	uint32_t length;

	if (gather(q, &c) != GATHERED || !chain_length(q, &c, &length))
		return false;
	length -= GL_HDR_LEN;
	if (length - FRAME_MIN > FRAME_MAX - FRAME_MIN) {
		broken(q, GL_RESET_REASON_BAD_LENGTH);
		return false;
	}
	const uint32_t work = CHAIN_WORK + PIECE_WORK * c.n;
	const uint32_t cost = length > work ? length : work;
	fwio_write(GL_FWIO_TX_ALLOC, length | (q->ctx_cmd & GL_FWIO_TX_ALLOC_CTX_MASK));
	uint32_t skip = GL_HDR_LEN; /* bytes of the virtio_net_hdr still to pass over */
	uint32_t offset = GL_SLOT_DATA;
	/* two instructions until TX_SLOT shows the result */
	fwio_write(GL_FWIO_DMA_COOKIE, q->cookie);
	fwio_write(GL_FWIO_DMA_ADDR_HI, 0);
	const uint32_t slot = fwio_read(GL_FWIO_TX_SLOT);
	if (!(slot & GL_FWIO_TX_SLOT_OK_MASK)) {
		if (q->walker == BIG_WALKER + 1)
			walker_free(q); /* there is one only: the chain is read again later */
		if (slot & GL_FWIO_TX_SLOT_LIMITED_MASK)
			limited_push(q);
		else
			blocked_push(q);
		return false;
	}
	q->deficit -= (int32_t)cost;
	for (uint32_t i = 0; i < c.n && length;
	     i = chain_next(&c, i)) { /* bound: GL_QUEUE_SIZE_MAX */
		const struct desc *d = &c.list[i];
		if (skip >= d->len) {
			skip -= d->len;
			continue;
		}
		const uint64_t addr = desc_addr(d) + skip;
		const uint32_t n = d->len - skip;
		skip = 0;
		length -= n;
		dma_room(1);
		fwio_write(GL_FWIO_DMA_ADDR_LO, (uint32_t)addr);
		fwio_write(GL_FWIO_DMA_ADDR_HI, (uint32_t)(addr >> 32));
		fwio_write(GL_FWIO_DMA_LOCAL, slot << GL_FWIO_DMA_LOCAL_SLOT_LSB |
						      GL_FWIO_DMA_LOCAL_KIND_MASK | offset);
		fwio_write(GL_FWIO_DMA_COOKIE, q->cookie);
		fwio_write(GL_FWIO_DMA_CMD, n | q->ctx_cmd | DMA_READ | (length ? 0 : DMA_LAST));
		offset += n;
	}
	chain_used(q, &c, 0);
	return true;
}

/* --- Receive --- */

static void rx_drop(uint32_t record, uint32_t counter)
{
	fwio_write(GL_FWIO_SLOT_DROP,
		   (record & (GL_FWIO_RX_RECORD_SLOT_MASK | GL_FWIO_RX_RECORD_CTX_MASK)) | counter);
}

/* Writes n bytes of the record's slot from `offset` on to addr. */
static void rx_slot(struct vq *q, uint32_t record, uint32_t offset, uint64_t addr, uint32_t n,
		    bool last)
{
	dma_room(1);
	fwio_write(GL_FWIO_DMA_ADDR_LO, (uint32_t)addr);
	fwio_write(GL_FWIO_DMA_ADDR_HI, (uint32_t)(addr >> 32));
	fwio_write(GL_FWIO_DMA_LOCAL, (record >> 8 & GL_FWIO_DMA_LOCAL_SLOT_MASK) |
					      GL_FWIO_DMA_LOCAL_KIND_MASK | offset);
	fwio_write(GL_FWIO_DMA_COOKIE, q->cookie);
	fwio_write(GL_FWIO_DMA_CMD, n | q->ctx_cmd | DMA_WRITE | (last ? DMA_LAST : 0));
}

/*
 * Writes octets [at, at + n) of what the guest gets, header first, to addr: the slot's, without a tag that is to be left out, or
 * with the one in *tag behind the source address. last: there are no more.
 */
static void rx_piece(struct vq *q, uint32_t record, const uint32_t *tag, uint32_t at, uint64_t addr,
		     uint32_t n, bool last)
{
	const uint32_t vlan = (record & GL_FWIO_RX_RECORD_VLAN_MASK) >> GL_FWIO_RX_RECORD_VLAN_LSB;
	uint32_t offset = GL_SLOT_HDR + at; /* in the slot */

	if (vlan == GL_RX_VLAN_STRIP || vlan == GL_RX_VLAN_INSERT) {
		if (at < TAG_AT) {
			const uint32_t part = min_u32(n, TAG_AT - at);
			rx_slot(q, record, offset, addr, part, last && part == n);
			at += part;
			addr += part;
			n -= part;
		}
		if (n && vlan == GL_RX_VLAN_INSERT && at < TAG_AT + TAG_LEN) {
			const uint32_t part = min_u32(n, TAG_AT + TAG_LEN - at);
			dma_room(1);
			dma_mem(q, DMA_WRITE, addr, (const uint8_t *)tag + (at - TAG_AT), part,
				q->cookie);
			at += part;
			addr += part;
			n -= part;
		}
		offset = GL_SLOT_HDR + at;
		offset = vlan == GL_RX_VLAN_STRIP ? offset + TAG_LEN : offset - TAG_LEN;
	}
	if (n)
		rx_slot(q, record, offset, addr, n, last);
}

/* A place for the tag until it is in the guest's memory. */
static const uint32_t *rx_tag(uint32_t record, uint32_t tag)
{
	static uint32_t next;
	const uint32_t vlan = (record & GL_FWIO_RX_RECORD_VLAN_MASK) >> GL_FWIO_RX_RECORD_VLAN_LSB;

	if (vlan != GL_RX_VLAN_INSERT)
		return NULL;
	next = (next + 1u) % TAGS;
	shm.tag[next] = tag;
	return &shm.tag[next];
}

/* The simple entry at head was used for `written` bytes. */
static void rx_entry_used(struct vq *q, uint32_t written)
{
	struct desc *d = window_at(q, q->head);

	d->len = written;
	d->tail ^= USED_TOGGLE; /* means something in packed rings only */
	q->head++;
	if ((int32_t)(q->head - q->lap) > 0) {
		q->expect ^= AVAIL_MASK;
		q->lap = q->fetched;
	}
}

/* Writes one frame into n simple buffers, n > 1 (virtio 1.2, 5.1.6.4). */
static void rx_merge(struct vq *q, uint32_t record, const uint32_t *tag, uint32_t n)
{
	uint32_t left = rx_length(record);
	uint32_t at = GL_HDR_LEN;

	for (uint32_t i = 0; i < n; i++) { /* bound: MERGE_MAX */
		const struct desc *d = window_at(q, q->head);
		uint64_t addr = desc_addr(d);
		const uint32_t take = min_u32(d->len, left);
		uint32_t data = take;
		left -= take;
		if (i == 0) {
			dma_room(1);
			dma_mem(q, DMA_WRITE, addr, shm.header[n], GL_HDR_LEN, q->cookie);
			addr += GL_HDR_LEN;
			data -= GL_HDR_LEN;
		}
		if (data)
			rx_piece(q, record, tag, at, addr, data, left == 0);
		at += data;
		if (i && !q->split)
			q->merged |= 1u << q->head % WINDOW;
		rx_entry_used(q, take);
	}
}

/* Writes one frame into the chain at head. */
static enum deliver rx_chain(struct vq *q, uint32_t record, uint32_t tag)
{
	const uint32_t length = rx_length(record);
	struct chain c;
	uint32_t room;
	uint32_t left = length;

	switch (gather(q, &c)) {
	case GATHER_WAIT:
		return WAITS;
	case GATHER_BROKEN:
		return REFUSED;
	case GATHERED:
		break;
	}
	if (!chain_length(q, &c, &room))
		return REFUSED;
	if (room < length) {
		rx_drop(record, GL_CSTAT_RX_DROP_ERROR);
		walker_free(q);
		return DELIVERED;
	}
	const uint32_t *const place = rx_tag(record, tag);
	for (uint32_t i = 0; i < c.n && left;
	     i = chain_next(&c, i)) { /* bound: GL_QUEUE_SIZE_MAX */
		const uint32_t n = min_u32(c.list[i].len, left);
		rx_piece(q, record, place, length - left, desc_addr(&c.list[i]), n, left == n);
		left -= n;
	}
	chain_used(q, &c, length);
	return DELIVERED;
}

/*
 * Delivers one frame. WAITS: it needs descriptors that have not been read yet, or a walker. DELIVERED: it is on its way, or
 * dropped because its buffer is too small (the buffer stays for the next frame). REFUSED: the context is broken; the record is
 * still the caller's.
 */
enum deliver rx_deliver(struct vq *q, uint32_t record, uint32_t tag)
{
	const uint32_t length = rx_length(record);
	uint32_t total = 0;
	uint32_t n = 0;

	if (q->head == q->fetched)
		return WAITS;
	while (total < length && q->head + n != q->fetched &&
	       n < MERGE_MAX) { /* bound: MERGE_MAX */
		const uint32_t entry = q->head + n;
		const uint32_t len = window_at(q, entry)->len;
		if (!simple(q, entry)) {
			if (not_available(q, entry))
				break;
			if (!n)
				return rx_chain(q, record, tag);
			n = MERGE_MAX; /* a frame is not merged over a chain */
			break;
		}
		if (!len || (q->mergeable && len < GL_HDR_LEN)) {
			broken(q, GL_RESET_REASON_BAD_LENGTH);
			return REFUSED;
		}
		total += min_u32(len, 0x10000u);
		n++;
		if (!q->mergeable)
			break;
	}
	if (!n)
		return WAITS;
	if (total < length) {
		if (q->mergeable && n < MERGE_MAX && n < q->depth)
			return WAITS; /* for more buffers */
		rx_drop(record, GL_CSTAT_RX_DROP_ERROR);
		return DELIVERED;
	}
	if (n == 1) {
		const struct desc *d = window_at(q, q->head);
		rx_piece(q, record, rx_tag(record, tag), 0, desc_addr(d), length, true);
		rx_entry_used(q, length);
	} else {
		rx_merge(q, record, rx_tag(record, tag), n);
	}
	return DELIVERED;
}

/*
 * A record that the fast path cannot take: delivered, dropped, or pending until there are descriptors. Returns true if the
 * queue wants service.
 */
bool rx_slow(struct vq *q, uint32_t record)
{
	const uint32_t before = q->head;
	const uint32_t tag = fwio_read(GL_FWIO_RX_TAG); /* before the next record is taken */

	if (!q->live) {
		rx_drop(record, GL_CSTAT_RX_DROP_NOTREADY);
		return false;
	}
	if (!q->pending_n) {
		const enum deliver result = rx_deliver(q, record, tag);
		if (result == REFUSED) {
			rx_drop(record, GL_CSTAT_RX_DROP_NOTREADY);
			return false;
		}
		if (result == DELIVERED) {
			q->fast_end = q->lap;
			return q->head != before && rx_note(q);
		}
	}
	if (q->pending_n == PENDING) {
		rx_drop(record, GL_CSTAT_RX_DROP_NODESC);
	} else {
		const uint32_t at = (q->pending_at + q->pending_n) % PENDING;
		pending[vq_ctx(q)][at] = record;
		pending_tag[vq_ctx(q)][at] = tag;
		q->pending_n++;
	}
	q->fast_end = q->head;
	return true;
}

/* Gives up all pending frames. */
void rx_drop_pending(struct vq *q, uint32_t counter)
{
	while (q->pending_n) { /* bound: PENDING */
		rx_drop(pending[vq_ctx(q)][q->pending_at], counter);
		q->pending_at = (q->pending_at + 1u) % PENDING;
		q->pending_n--;
	}
	q->fast_end = q->head;
}
