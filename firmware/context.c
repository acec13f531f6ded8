/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a context: what is offered to its driver, DRIVER_OK, reset at any time, DEVICE_NEEDS_RESET.
 *
 * After a reset nothing of the old incarnation may be left: the context's queues go dead, pending frames are dropped and one
 * more command, the fence, is queued. Completions come in command order, so when the fence is reported (usually with status
 * STOPPED) no command of the context is left in the engine. Only then CTX_ACK lets its DMA run again.
 *
 * A revocation looks like a disable. The hardware has then dropped the frames that wait for the context and its unfinished
 * transmit slots; giving a frame up that is gone is ignored.
 *
 * Starting, stopping and resetting costs thousands of cycles, so it is charged; a context that keeps on is put off while frames
 * of others have work for the core (main.c).
 */
#include "fw.h"

struct checkpoint checkpoint CHECKPOINT("head");
struct context ctxs[GL_MAX_CTX] CHECKPOINT("contexts");
struct vq vqs[GL_MAX_VQ] CHECKPOINT("queues");
uint32_t pending[GL_MAX_CTX][PENDING];
uint32_t pending_tag[GL_MAX_CTX][PENDING];

static void queue_dead(struct vq *q)
{
	q->live = 0;
	q->busy = 0;
	if (q->is_tx) {
		tx_flights -= q->in_flight;
		q->in_flight = 0;
	} else {
		q->fast_end = q->head;
		rx_drop_pending(q, GL_CSTAT_RX_DROP_NOTREADY);
	}
}

static void queues_dead(uint32_t ctx)
{
	queue_dead(&vqs[ctx * 2]);
	queue_dead(&vqs[ctx * 2 + 1]);
}

/*
 * Writes a word of the device page if it changes. Writing the features forgets what the driver accepted, and a driver may be
 * half through its bring-up when its reset is handled here.
 */
static void offer(uint32_t ctx, uint32_t word, uint32_t value)
{
	if (ctx_read(ctx, word) != value)
		ctx_write(ctx, word, value);
}

/* Writes what the context offers into its device page. */
void context_offer(uint32_t ctx)
{
	const struct context *c = &ctxs[ctx];
	const uint8_t *m = c->mac;

	if (!(ctx_read(ctx, GL_CTX_STATUS) & STATUS_FEATURES_OK)) { /* else at its next reset */
		offer(ctx, GL_CTX_DEVICE_FEATURES_LO, c->features_lo);
		offer(ctx, GL_CTX_DEVICE_FEATURES_HI, c->features_hi);
		offer(ctx, GL_CTX_Q_NUM_MAX, c->queue_size);
		offer(ctx, GL_CTX_Q_NUM_MAX + GL_CTX_QUEUE_STRIDE, c->queue_size);
	}
	/* struct virtio_net_config: mac[6], status, max_virtqueue_pairs, mtu */
	offer(ctx, GL_CTX_CONFIG,
	      m[0] | (uint32_t)m[1] << 8 | (uint32_t)m[2] << 16 | (uint32_t)m[3] << 24);
	offer(ctx, GL_CTX_CONFIG + 4, m[4] | (uint32_t)m[5] << 8 | (uint32_t)c->link_up << 16);
	offer(ctx, GL_CTX_CONFIG + 8, 1u | (uint32_t)c->mtu << 16);
}

/* Where a queue's used entries ended when the firmware before this one stopped. */
struct position {
	uint8_t live;
	uint8_t wrap;
	uint16_t pos;  /* packed */
	uint16_t used; /* split */
};

/* Takes queue registers over; the queue goes on at `from` if that is live. Returns false if they are illegal. */
static bool queue_start(uint32_t ctx, uint32_t queue, uint32_t accepted_lo, uint32_t accepted_hi,
			const struct position *from)
{
	struct vq *q = &vqs[ctx * 2 + queue];
	const uint32_t regs = queue * GL_CTX_QUEUE_STRIDE;
	const uint32_t num = ctx_read(ctx, GL_CTX_Q_NUM + regs);
	const uint32_t size = num & 0xffffu;
	const uint32_t index = ctx * 2 + queue;
	const int32_t deficit = q->deficit;
	const uint32_t credited = q->credited;

	/* the queue may still be in a list; what a context owes outlives a reset */
	*q = (struct vq){ .in_dirty = q->in_dirty,
			  .in_ready = q->in_ready,
			  .flushing = from->live };
	barrier();
	if (queue) {
		q->deficit = deficit;
		q->credited = credited;
		q->weight = ctxs[ctx].weight;
	}
	q->window = shm.queue[index].window;
	q->ctx_cmd = ctx << GL_FWIO_DMA_CMD_CTX_LSB | queue << GL_FWIO_DMA_CMD_QUEUE_LSB;
	q->is_tx = (uint8_t)queue;
	q->data_cmd = q->ctx_cmd | DMA_LAST | (queue ? DMA_READ : DMA_WRITE);
	q->cookie = COOKIE(COOKIE_DATA, index);
	if (!(num >> 31))
		return true;
	q->size = (uint16_t)size;
	q->desc = ctx_read(ctx, GL_CTX_Q_DESC_LO + regs) |
		  (uint64_t)ctx_read(ctx, GL_CTX_Q_DESC_HI + regs) << 32;
	q->driver = ctx_read(ctx, GL_CTX_Q_DRIVER_LO + regs) |
		    (uint64_t)ctx_read(ctx, GL_CTX_Q_DRIVER_HI + regs) << 32;
	q->device = ctx_read(ctx, GL_CTX_Q_DEVICE_LO + regs) |
		    (uint64_t)ctx_read(ctx, GL_CTX_Q_DEVICE_HI + regs) << 32;
	q->split = !(accepted_hi >> (GL_FEATURE_RING_PACKED - 32) & 1u);
	q->event_idx = accepted_lo >> GL_FEATURE_EVENT_IDX & 1u;
	q->indirect = accepted_lo >> GL_FEATURE_INDIRECT_DESC & 1u;
	q->mergeable = accepted_lo >> GL_FEATURE_MRG_RXBUF & 1u;
	/* Alignments: virtio 1.2, 2.7 and 2.8.10.1; a split ring's size is a power of two */
	if (!size || size > GL_QUEUE_SIZE_MAX || q->desc & 15u || q->device & 3u ||
	    q->driver & (q->split ? 1u : 3u) || (q->split && size & (size - 1u)))
		return false;
	q->fetch_wrap = q->used_wrap = 1;
	if (from->live && q->split) {
		q->used = q->head = q->lap = q->fetched = q->done = q->fence = from->used;
		q->heads_end = q->avail_end = from->used;
	} else if (from->live) {
		if (from->pos >= size)
			return false;
		q->fetch_pos = q->used_pos = from->pos;
		q->fetch_wrap = q->used_wrap = from->wrap;
	}
	q->expect = q->split ? 0 : (uint32_t)(q->used_wrap ? DESC_AVAIL : DESC_USED) << 16;
	if (!q->is_tx)
		q->expect |= q->split ? DESC_WRITE : (uint32_t)DESC_WRITE << 16;
	q->mask = q->split ? SPLIT_MASK : PACKED_MASK;
	q->depth = (uint8_t)min_u32(WINDOW, size);
	if (!q->is_tx) {
		q->flush_at = q->depth / 2 ? q->depth / 2 : 1;
		q->fast_end = q->head;
		q->event_at = q->head + 1;
	}
	q->quiet = from->live; /* the driver may have been told not to ring */
	q->more = 1;
	barrier();
	q->flushing = 0;
	q->live = 1;
	return true;
}

/* Raises InterruptStatus bits. */
static void interrupt(uint32_t ctx, uint32_t bits)
{
	dma_room(1);
	fwio_write(GL_FWIO_DMA_COOKIE, COOKIE(COOKIE_RING, ctx * 2));
	fwio_write(GL_FWIO_DMA_CMD, bits | ctx << GL_FWIO_DMA_CMD_CTX_LSB | DMA_IRQ);
}

/* A split ring says itself how far its used entries go: the queue waits for that. */
static void queue_verify(struct vq *q)
{
	q->busy = 1;
	dma_room(1);
	dma_mem(q, DMA_READ | DMA_NOTIFY, q->device + 2, &vq_dma(q)->used_idx, 2,
		COOKIE(COOKIE_RESUME, vq_index(q)));
}

/* The used index of a split queue that is to go on was read. */
void queue_resumed(struct vq *q, uint32_t status)
{
	if (!q->live)
		return;
	if (status != GL_DMA_STATUS_OK) {
		dma_failed(COOKIE_RING, vq_index(q), status);
	} else if (vq_dma(q)->used_idx != (uint16_t)q->used) {
		shm.info.resumed[vq_ctx(q) / 32] &= ~(1u << vq_ctx(q) % 32);
		context_broken(vq_ctx(q), GL_RESET_REASON_WATCHDOG);
	} else {
		q->busy = 0;
		service(q);
	}
}

static void context_start(uint32_t ctx, const struct position from[2])
{
	struct context *c = &ctxs[ctx];

	c->accepted_lo = ctx_read(ctx, GL_CTX_DRIVER_FEATURES_LO);
	c->accepted_hi = ctx_read(ctx, GL_CTX_DRIVER_FEATURES_HI);
	c->state = GL_CTX_LIVE;
	n_live++;
	const bool good = queue_start(ctx, 0, c->accepted_lo, c->accepted_hi, &from[0]) &
			  queue_start(ctx, 1, c->accepted_lo, c->accepted_hi, &from[1]);
	if (ctx_read(ctx, GL_CTX_STATUS) & GL_CTX_STATUS_RESET_MASK) {
		/* reset meanwhile: what was read means nothing, and an event for it is on its way */
		queues_dead(ctx);
		return;
	}
	const bool resumed = from[0].live | from[1].live;
	if (!good) {
		context_broken(ctx, resumed ? GL_RESET_REASON_WATCHDOG : GL_RESET_REASON_BAD_QUEUE);
		return;
	}
	if (!overdrawn(ctx))
		log_line(GL_LOG_INFO, resumed ? "resumed" : "driver ok", ctx,
			 c->accepted_hi << 24 | c->accepted_lo >> 8);
	if (resumed)
		interrupt(ctx, 1);		   /* that of the last used entries may be lost */
	for (uint32_t i = 0; i < GL_QUEUES; i++) { /* bound: 2 */
		struct vq *q = &vqs[ctx * 2 + i];
		if (q->live && q->split && from[i].live)
			queue_verify(q);
		else if (q->live)
			service(q);
	}
}

static uint8_t at_rest(const struct context *c)
{
	return !c->created ? GL_CTX_ABSENT : c->enabled ? GL_CTX_IDLE : GL_CTX_DISABLED;
}

/* Stops the context's queues and queues the fence; context_fenced() follows when none of its commands is left. */
static void context_stop(uint32_t ctx, enum gl_ctx_state state)
{
	struct context *c = &ctxs[ctx];

	queues_dead(ctx);
	n_live -= c->state == GL_CTX_LIVE;
	c->state = (uint8_t)state;
	if (c->fenced)
		return; /* nothing was queued since */
	c->fenced = 1;
	dma_room(1);
	fwio_write(GL_FWIO_DMA_ADDR_LO, 0);
	fwio_write(GL_FWIO_DMA_ADDR_HI, 0);
	fwio_write(GL_FWIO_DMA_LOCAL, dma_off(shm.scratch));
	fwio_write(GL_FWIO_DMA_COOKIE, COOKIE(COOKIE_FENCE, ctx));
	fwio_write(GL_FWIO_DMA_CMD, 4u | ctx << GL_FWIO_DMA_CMD_CTX_LSB | DMA_READ | DMA_NOTIFY);
}

static void context_drain(uint32_t ctx)
{
	ctxs[ctx].accepted_lo = ctxs[ctx].accepted_hi = 0;
	context_stop(ctx, GL_CTX_DRAIN);
}

/* Nothing of the context is under way any more: its driver's reset is done. */
static void reset_done(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	c->resets++;
	if (c->created)
		context_offer(ctx);
	fwio_write(GL_FWIO_CTX_ACK, ctx << GL_FWIO_CTX_ACK_CTX_LSB);
	if (!overdrawn(ctx))
		log_line(GL_LOG_DEBUG, "reset", ctx, c->resets);
}

/* Looks at the context's status and goes where it says. */
static void context_follow(uint32_t ctx)
{
	static const struct position anew[2];
	struct context *c = &ctxs[ctx];
	const uint32_t status = ctx_read(ctx, GL_CTX_STATUS);
	const bool reset = status & GL_CTX_STATUS_RESET_MASK;

	if (c->state == GL_CTX_DRAIN)
		return; /* looks again when the fence is reported */
	if (c->state == GL_CTX_LIVE && status & STATUS_NEEDS_RESET && !reset)
		context_stop(ctx, GL_CTX_BROKEN); /* the guard has refused an address */
	if (reset || !(status & GL_CTX_STATUS_ENABLE_MASK)) {
		if (c->state == GL_CTX_LIVE || c->state == GL_CTX_BROKEN) {
			context_drain(ctx);
			return;
		}
		if (reset)
			reset_done(ctx);
		if (!(status & GL_CTX_STATUS_ENABLE_MASK))
			return;
	}
	if (c->state == GL_CTX_IDLE && status & STATUS_DRIVER_OK && !(status & STATUS_NEEDS_RESET))
		context_start(ctx, anew);
}

/* The same, and the context pays for it. */
void context_look(uint32_t ctx)
{
	const uint32_t from = time_now();

	context_follow(ctx);
	charge(ctx, time_now() - from + START_WORK);
}

/* FWIO.CTX_EVENT named the context. Returns false if it has to wait. */
bool context_event(uint32_t ctx)
{
	if (ctx >= n_ctx)
		return false;
	if (overdrawn(ctx)) {
		context_later(ctx);
		return false;
	}
	context_look(ctx);
	return true;
}

/* The fence was reported: nothing of the context is in the DMA engine. */
void context_fenced(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	c->fenced = 0;
	walkers_release(ctx);
	if (c->state == GL_CTX_BROKEN)
		return; /* until its reset */
	c->state = at_rest(c);
	context_event(ctx);
}

/* The driver broke the rules or its memory cannot be reached: DEVICE_NEEDS_RESET. Only this context stops. */
void context_broken(uint32_t ctx, uint32_t reason)
{
	struct context *c = &ctxs[ctx];

	if (c->state != GL_CTX_LIVE)
		return;
	const uint32_t from = time_now();
	c->reason = (uint8_t)reason;
	/* of no effect when the guard was faster (DMA_REFUSED), or when the driver has reset its device meanwhile */
	fwio_write(GL_FWIO_NEEDS_RESET, ctx << GL_FWIO_NEEDS_RESET_CTX_LSB | reason);
	if (!overdrawn(ctx))
		log_line(GL_LOG_ERROR, "needs reset", ctx, reason);
	context_stop(ctx, GL_CTX_BROKEN);
	charge(ctx, time_now() - from + START_WORK);
}

/* Mailbox: stop serving the context; context_drained() tells when that is done. */
void context_disable(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	c->enabled = 0;
	if (c->state == GL_CTX_LIVE || c->state == GL_CTX_BROKEN)
		context_drain(ctx);
	else if (c->state != GL_CTX_DRAIN)
		c->state = GL_CTX_DISABLED;
}

bool context_drained(uint32_t ctx)
{
	return ctxs[ctx].state != GL_CTX_DRAIN;
}

/* A command of kind `kind` failed for queue `index` (context * 2 + queue). */
void dma_failed(uint32_t kind, uint32_t index, uint32_t status)
{
	const uint32_t ctx = index / 2;

	if (ctx >= n_ctx || status == GL_DMA_STATUS_STOPPED || ctxs[ctx].state != GL_CTX_LIVE)
		return; /* the reset or disable that stopped it has an event of its own */
	if (!overdrawn(ctx))
		log_line(GL_LOG_ERROR, "dma failed", index, kind << 4 | status);
	charge(ctx, START_WORK);
	if (kind == COOKIE_DATA && index % 2 && status != GL_DMA_STATUS_REFUSED &&
	    status != GL_DMA_STATUS_OWNER) {
		/* a PCI Express error while reading a frame costs that frame only */
		fwio_write(GL_FWIO_CSTAT_ADD,
			   ctx << GL_FWIO_CSTAT_ADD_CTX_LSB | GL_CSTAT_TX_DROP_ERROR);
		return;
	}
	context_broken(ctx, status == GL_DMA_STATUS_REFUSED ? GL_RESET_REASON_DMA_REFUSED
							    : GL_RESET_REASON_DMA_ERROR);
}

/* --- Configuration and checkpoint --- */

static uint32_t context_sum(const struct context *c)
{
	uint32_t sum = CHECKPOINT_MAGIC;

	for (uint32_t i = 0; i < CONFIG_WORDS; i++) /* bound: CONFIG_WORDS */
		sum = (sum ^ c->config[i]) * 0x01000193u + (sum >> 15);
	return sum;
}

/* The context's configuration is complete: a firmware after this one may trust it. */
void context_seal(struct context *c)
{
	barrier();
	c->sum = context_sum(c);
}

/* Nothing of the context's last guest may be left (no DMA of it is under way). */
void context_forget(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	*c = (struct context){
		.state = c->state == GL_CTX_DRAIN ? GL_CTX_DRAIN : GL_CTX_ABSENT,
		.fenced = c->fenced,
		.in_later = c->in_later,
		.paid_at = time_now(),
	};
	walkers_forget(ctx);
	memset(pending[ctx], 0, sizeof(pending[ctx]));
	memset(pending_tag[ctx], 0, sizeof(pending_tag[ctx]));
	for (uint32_t i = 0; i < GL_QUEUES; i++) { /* bound: 2 */
		struct vq *q = &vqs[ctx * 2 + i];
		memset(vq_dma(q), 0, sizeof(struct queue_dma));
		*q = (struct vq){
			.window = q->window,
			.in_dirty = q->in_dirty,
			.in_ready = q->in_ready,
			.is_tx = (uint8_t)i,
		};
	}
}

/*
 * At the start, `kept`: with a checkpoint. A context whose device page is enabled and of whose configuration there is a good
 * record exists as before; if its driver was up too, its queues go on behind their last used entry. All that is not returned as
 * used is taken from the ring again, so frames that were sent but not returned are sent twice, and received ones that were
 * not returned are lost with those in the packet buffers. `flushing` of a queue: its position may be wrong.
 */
void contexts_init(bool kept)
{
	for (uint32_t ctx = 0; ctx < GL_MAX_CTX; ctx++) { /* bound: GL_MAX_CTX */
		struct context *c = &ctxs[ctx];
		const uint32_t status = ctx < n_ctx ? ctx_read(ctx, GL_CTX_STATUS) : 0;
		struct position from[2];
		bool torn = false;
		const bool exists = kept && c->created && c->sum == context_sum(c) &&
				    status & GL_CTX_STATUS_ENABLE_MASK;
		const bool up = exists && c->enabled && c->state == GL_CTX_LIVE &&
				status & STATUS_DRIVER_OK &&
				!(status & (STATUS_NEEDS_RESET | GL_CTX_STATUS_RESET_MASK));
		if (!exists)
			memset(c, 0, sizeof(*c));
		if (!up) /* else LIVE remains, for yet another start */
			c->state =
				exists && status & STATUS_NEEDS_RESET ? GL_CTX_BROKEN : at_rest(c);
		c->fenced = c->in_later = 0;
		c->accepted_lo = c->accepted_hi = 0;
		c->paid_at = time_now();
		for (uint32_t i = 0; i < GL_QUEUES; i++) { /* bound: 2 */
			struct vq *q = &vqs[ctx * 2 + i];
			from[i] = (struct position){
				.live = up && q->live == 1,
				.wrap = q->used_wrap & 1,
				.pos = q->used_pos,
				.used = (uint16_t)q->used,
			};
			torn |= up && q->flushing;
			/* the fast path looks before it knows that a queue is dead */
			*q = (struct vq){
				.window = shm.queue[ctx * 2 + i].window,
				.flushing = up,
				.is_tx = (uint8_t)i,
			};
		}
		if (torn) {
			n_live++;
			context_broken(ctx, GL_RESET_REASON_WATCHDOG);
		} else if (up) {
			context_start(ctx, from);
			if (c->state == GL_CTX_LIVE)
				shm.info.resumed[ctx / 32] |= 1u << ctx % 32;
		} else if (ctx < n_ctx) {
			/* what happened to it before this firmware started */
			context_follow(ctx);
		}
	}
	barrier();
	checkpoint.version = CHECKPOINT_VERSION;
	checkpoint.sizes = CHECKPOINT_SIZES;
	checkpoint.magic = CHECKPOINT_MAGIC;
}
