/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a frame: records of received frames to receive buffers, transmit descriptors to packet buffers, used entries
 * back. Everything that is not a single plain descriptor goes to queue.c.
 */
#include "fw.h"

#define FLAGS_MASK ((uint32_t)(DESC_AVAIL | DESC_USED | DESC_NEXT | DESC_WRITE | DESC_INDIRECT) << 16)
#define SPLIT_MASK ((uint32_t)(DESC_NEXT | DESC_WRITE | DESC_INDIRECT))
#define AVAIL_MASK ((uint32_t)(DESC_AVAIL | DESC_USED) << 16)
#define USED_TOGGLE ((uint32_t)DESC_USED << 16)

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- Receive --- */

/* Takes up to RX_BATCH records and writes the frames into receive buffers. */
void rx_records(void)
{
	uint32_t n = RX_BATCH;

	dma_room(RX_BATCH);
	do {
		const uint32_t record = fwio_read(GL_FWIO_RX_RECORD);
		if (!(record & GL_FWIO_RX_RECORD_VALID_MASK))
			return;
		const uint32_t ctx = record >> GL_FWIO_RX_RECORD_CTX_LSB & 0xffu;
		struct vq *q = &vqs[ctx * 2];
		const uint32_t head = q->head;
		struct desc *d = &q->window[head % WINDOW];
		const uint32_t len = (record & GL_FWIO_RX_RECORD_LEN_MASK) + GL_HDR_LEN;

		if (head == q->fast_end || d->len < len) {
			if (rx_slow(q, record) != DELIVERED && !q->busy)
				service(q);
			dma_room(RX_BATCH);
			continue;
		}
		fwio_write(GL_FWIO_DMA_ADDR_LO, d->addr_lo);
		fwio_write(GL_FWIO_DMA_ADDR_HI, d->addr_hi);
		fwio_write(GL_FWIO_DMA_LOCAL, (record >> 8 & GL_FWIO_DMA_LOCAL_SLOT_MASK) |
						      (GL_FWIO_DMA_LOCAL_KIND_MASK | GL_SLOT_HDR));
		fwio_write(GL_FWIO_DMA_COOKIE, q->data_cookie);
		fwio_write(GL_FWIO_DMA_CMD,
			   len | (record & GL_FWIO_RX_RECORD_CTX_MASK) | (DMA_WRITE | DMA_LAST));
		if (q->split) {
			struct used_elem *e = &q->dma->used[head % WINDOW];
			e->id = q->dma->heads[head % HEADS];
			e->len = len;
		} else {
			d->len = len;
			d->tail ^= USED_TOGGLE;
		}
		q->head = head + 1;
		if (head == q->used) {
			q->stamp = time_now();
			dirty_push(q);
		} else if (head + 1 - q->used >= FLUSH_AT && !q->busy) {
			service(q);
			dma_room(RX_BATCH);
		}
	} while (--n); /* bound: RX_BATCH */
}

/* --- Rounds --- */

/* Moves `scan` over simple available descriptors; cuts `fetched` at the first one that is not available. */
void scan_window(struct vq *q)
{
	struct desc *const w = q->window;
	const uint32_t end = q->fetched;
	uint32_t i = q->scan;

	if (q->split) {
		const uint32_t want = q->is_tx ? 0 : DESC_WRITE;
		while (i != end && ((w[i % WINDOW].tail ^ want) & SPLIT_MASK) == 0) /* bound: WINDOW */
			i++;
	} else {
		const uint32_t want = q->expect;
		while (i != end && ((w[i % WINDOW].tail ^ want) & FLAGS_MASK) == 0) /* bound: WINDOW */
			i++;
	}
	q->scan = i;
	if (!q->is_tx && !q->pending_n)
		q->fast_end = i;
}

/* Ends the fetch of a packed ring: how many of the descriptors are available? Returns true if all were. */
static inline bool packed_fetched(struct vq *q)
{
	struct desc *const w = q->window;
	const uint32_t n = q->fetch_n;
	const uint32_t end = q->fetched + n;
	const uint32_t want = q->expect;
	uint32_t i = q->fetched;

	while (i != end && ((w[i % WINDOW].tail ^ want) & FLAGS_MASK) == 0) /* bound: BURST */
		i++;
	if (q->scan == q->fetched)
		q->scan = i;
	while (i != end && ((w[i % WINDOW].tail ^ want) & AVAIL_MASK) == 0) /* bound: BURST */
		i++;
	const uint32_t got = i - q->fetched;
	uint32_t pos = q->fetch_pos + got;
	if (pos == q->size) {
		pos = 0;
		q->fetch_wrap ^= 1;
	}
	q->fetch_pos = (uint16_t)pos;
	q->fetched = i;
	q->fetch_n = 0;
	if (!q->is_tx && !q->pending_n)
		q->fast_end = q->scan;
	return got == n;
}

/* Starts reading descriptors from a packed ring into the free part of the window. `space` > 0. */
static inline void packed_fetch(struct vq *q, uint32_t space)
{
	const uint32_t at = q->fetched % WINDOW;
	const uint32_t pos = q->fetch_pos;
	uint32_t n = min_u32(min_u32(space, BURST), min_u32(WINDOW - at, q->size - pos));
	const uint32_t avail = q->fetch_wrap ? DESC_AVAIL : DESC_USED;

	q->expect = (avail | (q->is_tx ? 0 : DESC_WRITE)) << 16;
	q->fetch_n = (uint8_t)n;
	dma_mem(q, DMA_READ | DMA_NOTIFY, q->desc + pos * sizeof(struct desc), &q->window[at],
		n * sizeof(struct desc), q->round_cookie);
}

/* Writes the used entries [used, end) back. At most 4 commands (more only where chains interrupt the burst). */
static inline void flush(struct vq *q, uint32_t end)
{
	uint32_t used = q->used;
	uint32_t n = end - used;

	q->buffers += n;
	*(q->is_tx ? &shm.info.tx_frames : &shm.info.rx_frames) += n;
	if (q->split) {
		struct queue_dma *m = q->dma;
		const uint32_t mask = q->size - 1u;
		q->flushed = (uint16_t)n;
		while (n) { /* bound: 3 (ends of the window and of the ring) */
			const uint32_t pos = used & mask;
			const uint32_t run =
				min_u32(n, min_u32(WINDOW - used % WINDOW, q->size - pos));
			dma_mem(q, DMA_WRITE, q->device + 4 + pos * sizeof(struct used_elem),
				&m->used[used % WINDOW], run * sizeof(struct used_elem),
				COOKIE(COOKIE_RING, vq_index(q)));
			used += run;
			n -= run;
		}
		m->used_idx = (uint16_t)end;
		dma_mem(q, DMA_WRITE, q->device + 2, &m->used_idx, 2, COOKIE(COOKIE_RING, vq_index(q)));
	} else if (q->chains | q->merged) {
		q->flushed = (uint16_t)flush_slow(q, end);
	} else {
		uint32_t pos = q->used_pos;
		q->flushed = (uint16_t)n;
		do { /* bound: 3 */
			const uint32_t run =
				min_u32(n, min_u32(WINDOW - used % WINDOW, q->size - pos));
			dma_mem(q, DMA_WRITE, q->desc + pos * sizeof(struct desc),
				&q->window[used % WINDOW], run * sizeof(struct desc),
				COOKIE(COOKIE_RING, vq_index(q)));
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
	dma_mem(q, DMA_READ | notify, addr, &q->dma->event, len, q->round_cookie);
}

/*
 * Does the driver want an interrupt for the used entries just written (virtio 1.2, 2.7.7 and 2.8.10)? An event index is
 * "crossed" when it is one of the last `flushed` positions.
 */
static inline bool wants_interrupt(const struct vq *q)
{
	const uint32_t event = q->dma->event;
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

static inline void interrupt(struct vq *q)
{
	q->event_read = 0;
	if (!q->flushed)
		return;
	if (wants_interrupt(q)) {
		dma_room(1);
		fwio_write(GL_FWIO_DMA_COOKIE, COOKIE(COOKIE_RING, vq_index(q)));
		fwio_write(GL_FWIO_DMA_CMD, 1u | q->ctx_cmd | DMA_IRQ);
		shm.info.interrupts++;
	} else {
		shm.info.interrupts_suppressed++;
	}
	q->flushed = 0;
}

/* --- Transmit --- */

enum tx_end { TX_OK, TX_BLOCKED, TX_BAD };

/* Reads the frames of the simple entries [head, end) into packet buffers. */
static inline enum tx_end tx_frames(struct vq *q, uint32_t end, bool split)
{
	struct desc *const w = q->window;
	const uint32_t alloc = q->ctx_cmd;
	const uint32_t cmd = q->ctx_cmd | DMA_READ | DMA_LAST;
	uint32_t i = q->head;
	enum tx_end result = TX_OK;

	fwio_write(GL_FWIO_DMA_COOKIE, q->data_cookie);
	do { /* bound: BURST */
		struct desc *const d = &w[i % WINDOW];
		const uint32_t len = d->len - GL_HDR_LEN;
		if (len - FRAME_MIN > FRAME_MAX - FRAME_MIN) {
			result = TX_BAD;
			break;
		}
		fwio_write(GL_FWIO_TX_ALLOC, len | alloc);
		const uint32_t lo = d->addr_lo + GL_HDR_LEN;
		const uint32_t hi = d->addr_hi + (lo < GL_HDR_LEN);
		fwio_write(GL_FWIO_DMA_ADDR_LO, lo);
		fwio_write(GL_FWIO_DMA_ADDR_HI, hi);
		const uint32_t slot = fwio_read(GL_FWIO_TX_SLOT);
		if (!(slot & GL_FWIO_TX_SLOT_OK_MASK)) {
			result = TX_BLOCKED;
			break;
		}
		fwio_write(GL_FWIO_DMA_LOCAL, slot << GL_FWIO_DMA_LOCAL_SLOT_LSB |
						      (GL_FWIO_DMA_LOCAL_KIND_MASK | GL_SLOT_DATA));
		fwio_write(GL_FWIO_DMA_CMD, len | cmd);
		if (split) {
			struct used_elem *e = &q->dma->used[i % WINDOW];
			e->id = q->dma->heads[i % HEADS];
			e->len = 0;
		} else {
			d->len = 0;
			d->tail ^= USED_TOGGLE;
		}
		i++;
	} while (i != end);
	q->head = i;
	return result;
}

/* Sends what is available, in order, up to a burst. Returns false if the context is broken. */
static inline bool tx_run(struct vq *q)
{
	for (uint32_t turn = 0; turn < BURST; turn++) { /* bound: BURST */
		const uint32_t n = min_u32(q->scan - q->head, BURST);
		if (n) {
			const uint32_t end = q->head + n;
			dma_room(BURST + 4);
			const enum tx_end result = q->split ? tx_frames(q, end, true) :
							      tx_frames(q, end, false);
			if (result == TX_BAD) {
				context_broken(vq_ctx(q), GL_RESET_REASON_BAD_LENGTH);
				return false;
			}
			if (result == TX_BLOCKED) {
				blocked_push(q);
				return true;
			}
			if (n == BURST)
				return true;
		}
		if (q->head == q->fetched || !tx_special(q))
			return q->live;
	}
	return true;
}

static inline void tx_service(struct vq *q)
{
	dma_room(BURST + 6);
	const bool flushed = q->done != q->used;
	if (flushed)
		flush(q, q->done);

	const uint32_t before = q->head;
	if (q->head != q->fetched && !tx_run(q))
		return;
	const bool sent = q->head != before;
	q->fence = q->head;

	if (q->kick) {
		q->kick = 0;
		q->more = 1;
	}
	const uint32_t space = WINDOW - (q->fetched - q->used);
	const bool fetch = q->more && q->scan == q->fetched && space;
	if (!fetch && !flushed && !sent)
		return;
	q->busy = 1;
	dma_room(BURST + 4);
	if (flushed)
		read_event(q, fetch ? 0 : DMA_NOTIFY);
	else if (!fetch)
		read_event(q, DMA_NOTIFY); /* only to learn that the frames were read */
	if (!fetch)
		return;
	if (q->split)
		split_fetch(q, space, DMA_NOTIFY);
	else
		packed_fetch(q, space);
}

static inline void rx_service(struct vq *q)
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
	if (q->kick) {
		q->kick = 0;
		q->more = 1;
	}
	const uint32_t have = q->fetched - q->head;
	const bool fetch = q->scan == q->fetched &&
			   (q->pending_n ? have < WINDOW : q->more && have <= WINDOW - BURST);
	if (!fetch && !flushed)
		return;
	q->busy = 1;
	if (flushed)
		read_event(q, fetch ? 0 : DMA_NOTIFY);
	if (!fetch)
		return;
	if (q->split)
		split_fetch(q, WINDOW - have, DMA_NOTIFY);
	else
		packed_fetch(q, WINDOW - have);
}

/* Starts the next round of a queue that has none under way, if there is anything to do. */
void service(struct vq *q)
{
	if (q->is_tx)
		tx_service(q);
	else
		rx_service(q);
}

/* The last command of the queue's round is done. */
void round_done(struct vq *q)
{
	q->busy = 0;
	shm.info.rounds++;
	q->done = q->fence;
	if (q->event_read)
		interrupt(q);
	if (q->fetch_n | q->heads_n | q->index_read) {
		const uint32_t asked = q->fetch_n;
		const bool all = q->split ? split_fetched(q) : packed_fetched(q);
		if (!q->live)
			return;
		if (all) {
			q->more = 1;
			if (asked == BURST && !q->quiet)
				notify_driver_off(q);
		} else if (q->quiet) {
			notify_driver_on(q);
			q->more = 1; /* look once more: the driver may just have missed that */
		} else {
			q->more = 0;
		}
		if (!q->is_tx && q->pending_n) {
			rx_pending(q);
			if (!q->more && q->live && q->pending_n && !q->walker && !q->in_blocked)
				rx_drop_pending(q, GL_CSTAT_RX_DROP_NODESC);
			if (!q->live)
				return;
		}
	}
	service(q);
}

/* An entry of FWIO.DOORBELL. */
void doorbell(uint32_t entry)
{
	const uint32_t ctx = entry >> GL_FWIO_DOORBELL_CTX_LSB & 0xffu;
	const uint32_t queue = entry & GL_FWIO_DOORBELL_QUEUE_MASK;

	if (ctx >= n_ctx || queue >= GL_QUEUES)
		return;
	struct vq *q = &vqs[ctx * 2 + queue];
	if (!q->live)
		return;
	q->kick = 1;
	if (!q->busy)
		service(q);
}
