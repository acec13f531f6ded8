/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a frame: records of received frames to receive buffers, transmit descriptors to packet buffers, used entries
 * back. Everything that is not a single plain descriptor goes to queue.c.
 *
 * Measured in co-simulation: core cycles per 64-octet frame, packed rings, one direction loaded with more than the wire carries
 * (both: each way at the same time). Full-size frames go at line rate both ways. tests/unit/firmware/test_cycles.c holds the
 * code to these figures plus 10 %.
 *
 *             1 context   32 contexts
 *   transmit         85            84   (the wire carries one in 84)
 *   receive         102           102
 *   both            183           191
 *
 * Of a received frame's 102 cycles the loop in rx_records() takes 54, a sixteenth of a round 24, the main loop the rest; of a
 * transmitted frame's share tx_frames() takes 35. A core cycle is one instruction but for loads used at once (2 more, also from
 * FWIO) and taken branches (1 more).
 */
#include "fw.h"

/* Keeps the compiler from computing a pointer again and again where one register would do. */
#define IN_REGISTER(x) __asm__ volatile("" : "+r"(x))

/* --- Rounds: parts that both directions share --- */

/* Goes to the ring's next lap when head has come to the end of this one. */
static inline void next_lap(struct vq *q)
{
	if (q->head == q->lap && q->lap != q->fetched) {
		q->expect ^= AVAIL_MASK;
		q->lap = q->fetched;
	}
}

/* The window holds descriptors of at most two laps. */
static inline bool may_fetch(const struct vq *q)
{
	return q->lap == q->fetched || q->fetch_pos;
}

/* Starts reading descriptors from a packed ring into the free part of the window. `space` > 0. Ends the round. */
static inline void packed_fetch(struct vq *q, uint32_t space)
{
	const uint32_t at = q->fetched % WINDOW;
	const uint32_t pos = q->fetch_pos;
	const uint32_t n = min_u32(min_u32(space, BURST), min_u32(WINDOW - at, q->size - pos));

	q->fetch_n = (uint8_t)n;
	dma_mem(q, DMA_READ | DMA_NOTIFY, q->desc + pos * sizeof(struct desc), &q->window[at],
		n * sizeof(struct desc), ROUND_COOKIE(q));
}

/*
 * Ends the fetch of a packed ring: how many of the descriptors are available? Drivers make them available in order, so the
 * last one tells for all (the first one too, so that a ring that breaks this cannot keep us busy); flags are looked at again
 * when a descriptor is used. Returns true if all are available.
 */
static inline bool packed_fetched(struct vq *q)
{
	const uint32_t n = q->fetch_n;
	const uint32_t first = q->fetched;
	const uint32_t avail = (q->fetch_wrap ? DESC_AVAIL : DESC_USED) << 16;
	uint32_t got = n;

	if (((q->window[(first + n - 1) % WINDOW].tail ^ avail) |
	     (q->window[first % WINDOW].tail ^ avail)) &
	    AVAIL_MASK) {
		got = 0;
		while (got < n && !((q->window[(first + got) % WINDOW].tail ^ avail) &
				    AVAIL_MASK)) /* bound: BURST */
			got++;
	}
	if (q->lap == first && !((q->expect ^ avail) & AVAIL_MASK))
		q->lap = first + got; /* the same lap as before */
	q->fetched = first + got;
	uint32_t pos = q->fetch_pos + got;
	if (pos == q->size) {
		pos = 0;
		q->fetch_wrap ^= 1;
	}
	q->fetch_pos = (uint16_t)pos;
	return got == n;
}

/* Writes the used entries [used, end) back: at most 4 commands, or 2 for each chain or frame over several buffers. */
static inline void flush(struct vq *q, uint32_t end)
{
	uint32_t used = q->used;
	uint32_t n = end - used;

	q->flushing = 1;
	barrier();
	q->buffers += n;
	if (!q->is_tx)
		shm.info.rx_frames += n;
	if (q->split) {
		struct queue_dma *m = vq_dma(q);
		q->flushed = (uint16_t)n;
		while (n) { /* bound: 3 (ends of the window and of the ring) */
			const uint32_t pos = used & (q->size - 1u);
			const uint32_t at = used % WINDOW;
			const uint32_t run = min_u32(n, min_u32(WINDOW - at, q->size - pos));
			struct used_elem *e = (struct used_elem *)(void *)&q->window[at];
			for (uint32_t i = 0; i < run;
			     i++) { /* bound: WINDOW. Element i lies before descriptor i */
				const uint32_t len = q->window[at + i].len;
				e[i].id = m->heads[(used + i) % HEADS];
				e[i].len = len;
			}
			dma_mem(q, DMA_WRITE, q->device + 4 + pos * sizeof(*e), e, run * sizeof(*e),
				ROUND_COOKIE(q));
			used += run;
			n -= run;
		}
		m->used_idx = (uint16_t)end;
		dma_mem(q, DMA_WRITE, q->device + 2, &m->used_idx, 2, ROUND_COOKIE(q));
	} else if (q->chains | q->merged) {
		q->flushed = (uint16_t)flush_slow(q, end);
	} else {
		uint32_t pos = q->used_pos;
		q->flushed = (uint16_t)n;
		do { /* bound: 3 (ends of the window and of the ring) */
			const uint32_t at = used % WINDOW;
			const uint32_t run = min_u32(n, min_u32(WINDOW - at, q->size - pos));
			dma_mem(q, DMA_WRITE, q->desc + pos * sizeof(struct desc), &q->window[at],
				run * sizeof(struct desc), ROUND_COOKIE(q));
			used += run;
			n -= run;
			pos += run;
			if (pos == q->size) {
				pos = 0;
				q->used_wrap ^= 1;
			}
		} while (n);
		q->used_pos = (uint16_t)pos;
	}
	q->used = end;
	barrier();
	q->flushing = 0;
}

/* Reads what the driver wants to be interrupted for; behind the used entries written before. */
static inline void read_event(struct vq *q, uint32_t notify)
{
	uint64_t addr = q->driver;
	uint32_t len = 4;

	if (q->split) {
		if (q->event_idx)
			addr += 4u + 2u * q->size;
		len = 2;
	}
	q->event_read = 1;
	dma_mem(q, DMA_READ | notify, addr, &vq_dma(q)->event, len, ROUND_COOKIE(q));
}

/*
 * Does the driver want an interrupt for the used entries just written (virtio 1.2, 2.7.7 and 2.8.10)? An event index is
 * "crossed" when it is one of the last `flushed` positions.
 */
static inline bool wants_interrupt(const struct vq *q)
{
	const uint32_t event = vq_dma(q)->event;
	const uint32_t passed = q->flushed;

	if (q->split) {
		if (!q->event_idx)
			return !(event & 1u);
		return (uint16_t)(q->used - event - 1u) < passed;
	}
	const uint32_t flags = event >> 16 & 3u;
	if (flags != 2u || !q->event_idx)
		return flags != 1u;
	uint32_t at = event & 0x7fffu;
	if (event >> 15 & 1u ? !q->used_wrap : q->used_wrap)
		at -= q->size;
	return (uint16_t)(q->used_pos - at - 1u) < passed;
}

/* --- Transmit --- */

uint32_t tx_entries; /* sent so far */

enum tx_end { TX_OK, TX_SPECIAL, TX_BLOCKED, TX_LIMITED, TX_BAD };

/*
 * Reads the frames of n simple entries from head on into packet buffers, as far as the queue's deficit goes: the last frame may
 * go beyond it. All n lie in the window without a wrap.
 */
static inline enum tx_end tx_frames(struct vq *q, uint32_t n)
{
	struct desc *d = window_at(q, q->head);
	const struct desc *const first = d;
	const struct desc *const end = d + n;
	const uint32_t ctx = q->ctx_cmd & GL_FWIO_TX_ALLOC_CTX_MASK;
	const uint32_t cmd = q->data_cmd;
	const uint32_t expect = q->expect;
	const uint32_t mask = q->mask;
	int32_t deficit = q->deficit;
	enum tx_end result = TX_OK;

	fwio_write(GL_FWIO_DMA_COOKIE, q->cookie);
	do { /* bound: BURST */
		const uint32_t whole = d->len;
		const uint32_t tail = d->tail;
		const uint32_t addr_lo = d->addr_lo;
		const uint32_t addr_hi = d->addr_hi;
		const uint32_t len = whole - GL_HDR_LEN;
		if ((tail ^ expect) & mask) {
			result = TX_SPECIAL;
			break;
		}
		if (len - FRAME_MIN > FRAME_MAX - FRAME_MIN) {
			result = TX_BAD;
			break;
		}
		fwio_write(GL_FWIO_TX_ALLOC, len | ctx);
		const uint32_t lo = addr_lo + GL_HDR_LEN;
		fwio_write(GL_FWIO_DMA_ADDR_LO, lo);
		fwio_write(GL_FWIO_DMA_ADDR_HI, addr_hi + (lo < GL_HDR_LEN));
		const uint32_t slot = fwio_read(GL_FWIO_TX_SLOT);
		d->len = 0; /* for the used entry; and it fills the time until the slot is known */
		d->tail = tail ^ USED_TOGGLE;
		if (!(slot & GL_FWIO_TX_SLOT_OK_MASK)) {
			d->len = whole;
			d->tail = tail;
			result = slot & GL_FWIO_TX_SLOT_LIMITED_MASK ? TX_LIMITED : TX_BLOCKED;
			break;
		}
		fwio_write(GL_FWIO_DMA_LOCAL, slot << GL_FWIO_DMA_LOCAL_SLOT_LSB |
						      (GL_FWIO_DMA_LOCAL_KIND_MASK | GL_SLOT_DATA));
		deficit -= (int32_t)len;
		fwio_write(GL_FWIO_DMA_CMD, len | cmd);
		d++;
	} while (deficit > 0 && d != end);
	q->head += (uint32_t)(d - first);
	q->deficit = deficit;
	return result;
}

/* Sends what is available, in order, up to a burst or the end of the queue's share. Returns false if the context is broken. */
static inline bool tx_run(struct vq *q)
{
	uint32_t left = BURST;

	for (uint32_t turn = 0; turn < 2 * BURST; turn++) { /* bound: 2 * BURST */
		next_lap(q);
		const uint32_t before = q->head;
		const uint32_t n =
			min_u32(min_u32(q->lap - before, left), WINDOW - before % WINDOW);
		if (!n || q->deficit <= 0)
			return true;
		const enum tx_end result = tx_frames(q, n);
		left -= q->head - before;
		switch (result) {
		case TX_OK:
			break;
		case TX_BAD:
			context_broken(vq_ctx(q), GL_RESET_REASON_BAD_LENGTH);
			return false;
		case TX_BLOCKED:
			blocked_push(q);
			return true;
		case TX_LIMITED:
			limited_push(q);
			return true;
		case TX_SPECIAL:
			if (unavailable(q))
				return true;
			if (!tx_special(q))
				return q->live;
			dma_room(BURST + 6);
			left--;
			break;
		}
	}
	return true;
}

/* A round of a transmit queue; without `send` while it waits for its turn. */
static void tx_service(struct vq *q, bool send)
{
	dma_room(BURST + 6);
	const bool flushed = q->done != q->used;
	if (flushed)
		flush(q, q->done);

	const uint32_t before = q->head;
	const int32_t octets = q->deficit;
	if (send && before != q->fetched && !tx_run(q))
		return;
	const uint32_t sent = q->head - before;
	q->fence = q->head;
	tx_entries += sent;
	/* small or few frames cost the core more than their octets say */
	const int32_t work = (int32_t)(ROUND_WORK + FRAME_WORK * sent);
	if (octets - q->deficit < work)
		q->deficit = octets > -DEBT_MOST ? octets - work : octets;

	const uint32_t space = q->depth - (q->fetched - q->used);
	const bool fetch = q->more && space && may_fetch(q);
	if (!q->in_flight && (q->head != q->fetched ? fetch || flushed || sent : sent && q->more)) {
		q->in_flight = 1;
		tx_flights++;
	}
	if (fetch) {
		q->busy = 1;
		if (flushed)
			read_event(q, 0);
		if (q->split)
			split_fetch(q, space);
		else
			packed_fetch(q, space);
	} else if (flushed ||
		   sent) { /* if not for the event, then to learn that the frames were read */
		q->busy = 1;
		read_event(q, DMA_NOTIFY);
	}
}

/* --- Receive --- */

/* The simple, available descriptor at `head` takes the frame of `record`, `len` bytes with its header. */
static inline void rx_write(struct vq *q, struct desc *d, uint32_t head, uint32_t record,
			    uint32_t len, uint32_t tail, uint32_t slot_mask, uint32_t slot_kind)
{
	const uint32_t cookie = q->cookie;
	const uint32_t cmd = q->data_cmd;

	fwio_write(GL_FWIO_DMA_ADDR_LO, d->addr_lo);
	fwio_write(GL_FWIO_DMA_ADDR_HI, d->addr_hi);
	fwio_write(GL_FWIO_DMA_LOCAL, (record >> 8 & slot_mask) | slot_kind);
	fwio_write(GL_FWIO_DMA_COOKIE, cookie);
	fwio_write(GL_FWIO_DMA_CMD, len | cmd);
	d->len = len;
	d->tail = tail ^ USED_TOGGLE;
	q->head = head + 1;
}

#define SLOT_KIND (GL_FWIO_DMA_LOCAL_KIND_MASK | GL_SLOT_HDR)

/*
 * There are used entries not written back: notes the time of the first one. Returns true when it is time to write them.
 */
bool rx_note(struct vq *q)
{
	q->event_at = q->used + q->flush_at;
	if (!q->in_dirty) {
		q->stamp = time_now();
		dirty_push(q);
	} else if (q->head - q->used == 1) { /* those it was put in the list for were written */
		q->stamp = time_now();
		q->in_dirty = 2;
	}
	return q->head - q->used >= q->flush_at;
}

/* Delivers pending frames as far as descriptors go. */
static void rx_pending(struct vq *q)
{
	const uint32_t before = q->head;

	while (q->pending_n) { /* bound: PENDING */
		const uint32_t record = pending[vq_ctx(q)][q->pending_at];
		const uint32_t len = rx_length(record);
		const uint32_t head = q->head;
		struct desc *d = window_at(q, head);
		const uint32_t tail = d->tail;
		dma_room(1);
		if (head != q->lap && d->len >= len &&
		    !((tail ^ q->expect) & q->mask || record & GL_FWIO_RX_RECORD_VLAN_MASK))
			rx_write(q, d, head, record, len, tail, GL_FWIO_DMA_LOCAL_SLOT_MASK,
				 SLOT_KIND);
		else if (rx_deliver(q, record, pending_tag[vq_ctx(q)][q->pending_at]) != DELIVERED)
			break;
		q->pending_at = (q->pending_at + 1u) % PENDING;
		q->pending_n--;
	}
	if (q->live && q->head != before)
		rx_note(q);
}

static void rx_service(struct vq *q)
{
	if (q->pending_n) {
		rx_pending(q);
		if (!q->live)
			return;
	}
	dma_room(BURST + 6);
	const bool flushed = q->head != q->used;
	if (flushed)
		flush(q, q->head);
	next_lap(q);
	q->fast_end = q->pending_n ? q->head : q->lap;
	q->event_at = q->head + 1;

	const uint32_t have = q->fetched - q->head;
	const uint32_t space = q->depth - have;
	const bool fetch = may_fetch(q) && (q->pending_n ? space : q->more && have <= space);
	if (fetch) {
		q->busy = 1;
		if (flushed)
			read_event(q, 0);
		if (q->split)
			split_fetch(q, space);
		else
			packed_fetch(q, space);
	} else if (flushed) {
		q->busy = 1;
		read_event(q, DMA_NOTIFY);
	}
}

/* Takes up to n records, at most RX_BATCH_ONLY, and writes the frames into receive buffers. */
void rx_records(uint32_t n)
{
	const uint32_t contexts = n_ctx;
	uint32_t slot_mask = GL_FWIO_DMA_LOCAL_SLOT_MASK;
	uint32_t slot_kind = SLOT_KIND;
	IN_REGISTER(slot_mask);
	IN_REGISTER(slot_kind);

	dma_room(RX_BATCH_ONLY);
	do {
		const uint32_t record = fwio_read(GL_FWIO_RX_RECORD);
		struct vq *q = vqs;
		if (!(record & GL_FWIO_RX_RECORD_VALID_MASK))
			return;
		const uint32_t ctx = record >> GL_FWIO_RX_RECORD_CTX_LSB & 0xffu;
		if (ctx >= contexts) { /* the hardware has more than we serve */
			fwio_write(GL_FWIO_SLOT_DROP, (record & ~GL_FWIO_RX_RECORD_LEN_MASK) |
							      GL_CSTAT_RX_DROP_NOTREADY);
			continue;
		}
		q += ctx * 2;
		IN_REGISTER(q);
		const uint32_t head = q->head;
		const uint32_t end = q->fast_end;
		const uint32_t event_at = q->event_at;
		struct desc *d = window_at(q, head);
		IN_REGISTER(d);
		const uint32_t expect = q->expect;
		const uint32_t mask = q->mask;
		const uint32_t room = d->len;
		const uint32_t tail = d->tail;
		const uint32_t len = (record & GL_FWIO_RX_RECORD_LEN_MASK) + GL_HDR_LEN;

		if (head != end && room >= len &&
		    !(((tail ^ expect) & mask) | (record & GL_FWIO_RX_RECORD_VLAN_MASK))) {
			rx_write(q, d, head, record, len, tail, slot_mask, slot_kind);
			if (head + 1 != event_at || !rx_note(q))
				continue;
		} else {
			if (!rx_slow(q, record))
				continue;
			if (q->pending_n)
				n = 1; /* look for the descriptors' completion before the next record */
		}
		if (!q->busy)
			rx_service(q);
		dma_room(RX_BATCH_ONLY);
	} while (--n); /* bound: RX_BATCH_ONLY */
}

/* --- Rounds --- */

/* Starts the next round of a queue that has none under way, if there is anything to do. */
void service(struct vq *q)
{
	if (q->is_tx)
		tx_service(q, true);
	else
		rx_service(q);
}

/* What the round's fetch tells about the ring: is there more, and shall the driver ring? */
static inline void after_fetch(struct vq *q, bool all)
{
	if (all) {
		q->more = 1;
		if (!q->quiet && (q->fetch_n >= QUIET_AT || q->fetched - q->head >= QUIET_AT))
			notify_driver_off(q);
	} else if (q->quiet) {
		notify_driver_on(q);
		q->more = 1; /* look once more: the driver may just have missed that */
	} else {
		q->more = q->kick;
		q->rung = q->kick;
	}
	q->kick = 0;
	q->fetch_n = 0;
}

/* The last command of the queue's round is done. */
void round_done(struct vq *q)
{
	q->busy = 0;
	shm.info.rounds++;
	q->done = q->fence;
	if (q->event_read) {
		q->event_read = 0;
		if (q->flushed) {
			if (wants_interrupt(q)) {
				dma_room(1);
				fwio_write(GL_FWIO_DMA_COOKIE, ROUND_COOKIE(q));
				fwio_write(GL_FWIO_DMA_CMD, 1u | q->ctx_cmd | DMA_IRQ);
				shm.info.interrupts++;
			} else {
				shm.info.interrupts_suppressed++;
			}
			q->flushed = 0;
		}
	}
	if (q->fetch_n | q->index_read) {
		const bool rung = q->rung;
		const uint32_t before = q->split ? q->avail_end : q->fetched;
		const bool all = q->split ? split_fetched(q) : packed_fetched(q);
		if (!q->live)
			return;
		q->rung = 0;
		if (rung && before == (q->split ? q->avail_end : q->fetched))
			charge(vq_ctx(q), ROUND_WORK); /* the driver rang for nothing */
		after_fetch(q, all);
		if (q->pending_n && !q->more) {
			rx_pending(q);
			if (q->pending_n && !q->walker && !q->in_ready)
				rx_drop_pending(q, GL_CSTAT_RX_DROP_NODESC);
			if (!q->live)
				return;
		}
	} else if (q->kick) {
		q->kick = 0;
		q->rung = !q->more;
		q->more = 1;
	}
	if (q->is_tx) {
		tx_flights -= q->in_flight;
		q->in_flight = 0;
		if (q->head != q->fetched) {
			if (turn_now(q))
				tx_service(q, true);
			return;
		}
	}
	if (q->rung && overdrawn(vq_ctx(q))) { /* it looks at the ring later, main.c */
		q->more = 0;
		ready_push(q);
	}
	if (q->is_tx) {
		tx_service(q, true); /* nothing to send: no need to wait for its turn */
		return;
	}
	if (q->head - q->used >= q->flush_at || q->pending_n ||
	    (q->more && q->fetched - q->head < q->flush_at)) {
		rx_service(q);
		return;
	}
	next_lap(q);
	q->fast_end = q->lap;
	if (q->head != q->used)
		dirty_push(
			q); /* a few used entries: with the next ones, or when there is nothing else to do */
}

/* An entry of FWIO.DOORBELL. Returns false if it tells nothing new: who rings without need may be made to wait. */
bool doorbell(uint32_t entry)
{
	const uint32_t ctx = entry >> GL_FWIO_DOORBELL_CTX_LSB & 0xffu;
	const uint32_t queue = entry & GL_FWIO_DOORBELL_QUEUE_MASK;

	if (ctx >= n_ctx || queue >= GL_QUEUES)
		return false;
	struct vq *q = &vqs[ctx * 2 + queue];
	if (!q->live)
		return false;
	if (q->busy) {
		const bool news = !q->kick;
		q->kick = 1;
		return news;
	}
	const bool news = !q->in_ready;
	q->rung = !q->more;
	q->more = 1;
	if (news) {
		ready_push(q);
	} else if (q->is_tx && q->head != q->fetched && !q->quiet && !overdrawn(ctx)) {
		/* it waits with frames: read on, and when the window is full there is no need to ring */
		if (q->fetched - q->used < q->depth)
			tx_service(q, false);
		else
			notify_driver_off(q);
	}
	return news;
}
