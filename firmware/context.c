/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a context: what is offered to its driver, DRIVER_OK, reset at any time, DEVICE_NEEDS_RESET.
 *
 * After a reset nothing of the old incarnation may be left: the context's queues go dead, pending frames are dropped and one
 * more command, the fence, is queued. Completions come in command order, so when the fence is reported (usually with status
 * STOPPED) no command of the context is left in the engine. Only then CTX_ACK lets its DMA run again.
 */
#include "fw.h"

struct context ctxs[GL_MAX_CTX];
struct vq vqs[GL_MAX_VQ];
uint32_t pending[GL_MAX_CTX][PENDING];

static void queue_dead(struct vq *q)
{
	q->live = 0;
	q->busy = 0;
	q->fast_end = q->head;
	if (!q->is_tx)
		rx_drop_pending(q, GL_CSTAT_RX_DROP_NOTREADY);
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

/* Takes queue registers over. Returns false if they are illegal. */
static bool queue_start(uint32_t ctx, uint32_t queue, uint32_t accepted_lo, uint32_t accepted_hi)
{
	struct vq *q = &vqs[ctx * 2 + queue];
	const uint32_t regs = queue * GL_CTX_QUEUE_STRIDE;
	const uint32_t num = ctx_read(ctx, GL_CTX_Q_NUM + regs);
	const uint32_t size = num & 0xffffu;
	const uint32_t index = ctx * 2 + queue;

	/* the queue may still be in a list */
	*q = (struct vq){ .in_dirty = q->in_dirty, .in_ready = q->in_ready };
	q->window = shm.queue[index].window;
	q->ctx_cmd = ctx << GL_FWIO_DMA_CMD_CTX_LSB;
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
	q->expect = q->split ? 0 : (uint32_t)DESC_AVAIL << 16;
	if (!q->is_tx)
		q->expect |= q->split ? DESC_WRITE : (uint32_t)DESC_WRITE << 16;
	q->mask = q->split ? SPLIT_MASK : PACKED_MASK;
	q->depth = (uint8_t)min_u32(WINDOW, size);
	q->flush_at = q->depth / 2 ? q->depth / 2 : 1;
	q->event_at = 1;
	q->fetch_wrap = q->used_wrap = 1;
	q->more = 1;
	q->live = 1;
	return true;
}

static void context_start(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	c->accepted_lo = ctx_read(ctx, GL_CTX_DRIVER_FEATURES_LO);
	c->accepted_hi = ctx_read(ctx, GL_CTX_DRIVER_FEATURES_HI);
	c->state = GL_CTX_LIVE;
	const bool good = queue_start(ctx, 0, c->accepted_lo, c->accepted_hi) &
			  queue_start(ctx, 1, c->accepted_lo, c->accepted_hi);
	if (ctx_read(ctx, GL_CTX_STATUS) & GL_CTX_STATUS_RESET_MASK) {
		/* reset meanwhile: what was read means nothing, and an event for it is on its way */
		queues_dead(ctx);
		return;
	}
	if (!good) {
		context_broken(ctx, GL_RESET_REASON_BAD_QUEUE);
		return;
	}
	log_line(GL_LOG_INFO, "driver ok", ctx, c->accepted_hi << 24 | c->accepted_lo >> 8);
	for (uint32_t i = 0; i < GL_QUEUES; i++) { /* bound: 2 */
		if (vqs[ctx * 2 + i].live)
			service(&vqs[ctx * 2 + i]);
	}
}

/* Stops the context's queues and queues the fence; context_fenced() follows when none of its commands is left. */
static void context_stop(uint32_t ctx, enum gl_ctx_state state)
{
	struct context *c = &ctxs[ctx];

	queues_dead(ctx);
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
	log_line(GL_LOG_DEBUG, "reset", ctx, c->resets);
}

/* Looks at the context's status and goes where it says. */
static void context_look(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];
	const uint32_t status = ctx_read(ctx, GL_CTX_STATUS);
	const bool reset = status & GL_CTX_STATUS_RESET_MASK;

	if (c->state == GL_CTX_DRAIN)
		return; /* looks again when the fence is reported */
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
		context_start(ctx);
}

/* FWIO.CTX_EVENT named the context. */
void context_event(uint32_t ctx)
{
	if (ctx < n_ctx)
		context_look(ctx);
}

/* The fence was reported: nothing of the context is in the DMA engine. */
void context_fenced(uint32_t ctx)
{
	struct context *c = &ctxs[ctx];

	c->fenced = 0;
	walkers_release(ctx);
	if (c->state == GL_CTX_BROKEN)
		return; /* until its reset */
	c->state = !c->created ? GL_CTX_ABSENT : c->enabled ? GL_CTX_IDLE : GL_CTX_DISABLED;
	context_look(ctx);
}

/* The driver broke the rules or its memory cannot be reached: DEVICE_NEEDS_RESET. Only this context stops. */
void context_broken(uint32_t ctx, uint32_t reason)
{
	struct context *c = &ctxs[ctx];

	if (c->state != GL_CTX_LIVE)
		return;
	c->reason = (uint8_t)reason;
	fwio_write(GL_FWIO_NEEDS_RESET, ctx << GL_FWIO_NEEDS_RESET_CTX_LSB | reason);
	log_line(GL_LOG_ERROR, "needs reset", ctx, reason);
	context_stop(ctx, GL_CTX_BROKEN);
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
	log_line(GL_LOG_ERROR, "dma failed", index, kind << 4 | status);
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
