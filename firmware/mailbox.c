/* SPDX-License-Identifier: Apache-2.0 */
/* The management mailbox: commands of gl_mbox.h, one at a time. CTX_DISABLE is answered when the context has drained. */
#include "fw.h"

#ifndef GL_BUILD_ID
#define GL_BUILD_ID 0u
#endif

static uint8_t waiting; /* a CTX_DISABLE of context `waiting_ctx` is not answered yet */
static uint16_t waiting_ctx;

static void answer(uint32_t status, uint32_t length)
{
	const struct gl_mbox_req *req = &shm.request;
	struct gl_mbox_resp *resp = &shm.response;

	resp->version = GL_MBOX_VERSION;
	resp->command = req->command;
	resp->sequence = req->sequence;
	resp->status = (uint16_t)status;
	resp->length = (uint16_t)length;
	resp->reserved = 0;
	waiting = 0;
	fwio_write(GL_FWIO_MBOX_DONE, 1);
}

static void copy(void *to, const void *from, uint32_t n)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (uint32_t i = 0; i < n; i++) /* bound: GL_MBOX_PAYLOAD_SIZE */
		t[i] = f[i];
}

static uint32_t configure(uint32_t ctx, const struct gl_mbox_ctx_config *config, uint32_t fields)
{
	struct context *c = &ctxs[ctx];
	const uint32_t hi =
		1u << (GL_FEATURE_VERSION_1 - 32) | 1u << (GL_FEATURE_ACCESS_PLATFORM - 32);
	bool changed = false;

	if (fields & ~GL_MBOX_FIELD_ALL || (fields & GL_MBOX_FIELD_MAC && config->mac[0] & 1) ||
	    (fields & GL_MBOX_FIELD_MTU && (config->mtu < 68 || config->mtu > 9000)) ||
	    (fields & GL_MBOX_FIELD_LINK && config->link_up > 1) ||
	    (fields & GL_MBOX_FIELD_QUEUE_SIZE && config->queue_size > GL_QUEUE_SIZE_MAX))
		return GL_MBOX_STATUS_VALUE;
	if (fields & GL_MBOX_FIELD_FEATURES) {
		const bool all = !config->features_lo && !config->features_hi;
		c->features_lo = all ? FEATURES_LO : config->features_lo & FEATURES_LO;
		c->features_hi = hi | (all ? FEATURES_HI : config->features_hi & FEATURES_HI);
	}
	if (fields & GL_MBOX_FIELD_QUEUE_SIZE)
		c->queue_size = config->queue_size;
	if (fields & GL_MBOX_FIELD_WEIGHT) {
		c->weight = config->weight ? config->weight : GL_WEIGHT_DEFAULT;
		vqs[ctx * 2 + 1].weight = c->weight;
	}
	if (fields & GL_MBOX_FIELD_MTU && c->mtu != config->mtu) {
		c->mtu = config->mtu;
		changed = true;
	}
	if (fields & GL_MBOX_FIELD_LINK && c->link_up != config->link_up) {
		c->link_up = config->link_up;
		changed = true;
	}
	if (fields & GL_MBOX_FIELD_MAC) {
		copy(c->mac, config->mac, sizeof(c->mac));
		changed = true;
	}
	context_offer(ctx);
	if (changed) {
		ctx_write(ctx, GL_CTX_CONFIG_GENERATION,
			  ctx_read(ctx, GL_CTX_CONFIG_GENERATION) + 1);
		if (c->state == GL_CTX_LIVE) { /* configuration change interrupt */
			dma_room(1);
			fwio_write(GL_FWIO_DMA_COOKIE, COOKIE(COOKIE_RING, ctx * 2));
			fwio_write(GL_FWIO_DMA_CMD, 2u | ctx << GL_FWIO_DMA_CMD_CTX_LSB | DMA_IRQ);
		}
	}
	return GL_MBOX_STATUS_OK;
}

static void queue_state(const struct vq *q, struct gl_mbox_queue_state *s)
{
	s->size = q->size;
	s->ready = q->live;
	s->packed = !q->split;
	s->next_available = q->split ? (uint16_t)q->fetched : q->fetch_pos;
	s->next_used = q->split ? (uint16_t)q->used : q->used_pos;
	s->buffers = q->buffers;
}

static void get_state(uint32_t ctx, struct gl_mbox_ctx_state *s)
{
	const struct context *c = &ctxs[ctx];

	*s = (struct gl_mbox_ctx_state){
		.state = c->state,
		.reason = c->reason,
		.resets = c->resets,
		.features_lo = c->features_lo,
		.features_hi = c->features_hi,
		.accepted_lo = c->accepted_lo,
		.accepted_hi = c->accepted_hi,
		.mtu = c->mtu,
		.queue_size = c->queue_size,
		.link_up = c->link_up,
		.weight = c->weight,
	};
	copy(s->mac, c->mac, sizeof(s->mac));
	queue_state(&vqs[ctx * 2], &s->queue[0]);
	queue_state(&vqs[ctx * 2 + 1], &s->queue[1]);
}

/* Commands on a context. Returns the status; *length is the payload of the answer. */
static uint32_t context_command(const struct gl_mbox_req *req, uint32_t *length)
{
	const uint32_t ctx = req->context;
	const void *payload = req->payload;
	struct context *c;
	uint32_t status;

	if (ctx >= n_ctx)
		return GL_MBOX_STATUS_CONTEXT;
	c = &ctxs[ctx];
	switch (req->command) {
	case GL_MBOX_CTX_CREATE:
		if (req->length < sizeof(struct gl_mbox_ctx_config))
			return GL_MBOX_STATUS_LENGTH;
		if (c->created)
			return GL_MBOX_STATUS_STATE;
		context_forget(ctx);
		status = configure(ctx, payload, GL_MBOX_FIELD_ALL);
		if (status == GL_MBOX_STATUS_OK) {
			c->created = 1;
			if (c->state == GL_CTX_ABSENT)
				c->state = GL_CTX_DISABLED;
			log_line(GL_LOG_INFO, "created", ctx, c->mtu);
		}
		return status;
	case GL_MBOX_CTX_DESTROY:
		if (!c->created || c->enabled)
			return GL_MBOX_STATUS_STATE;
		context_forget(ctx);
		ctx_write(ctx, GL_CTX_DEVICE_FEATURES_LO, 0);
		ctx_write(ctx, GL_CTX_DEVICE_FEATURES_HI, 0);
		log_line(GL_LOG_INFO, "destroyed", ctx, 0);
		return GL_MBOX_STATUS_OK;
	case GL_MBOX_CTX_ENABLE:
		if (!c->created || c->enabled)
			return GL_MBOX_STATUS_STATE;
		c->enabled = 1;
		if (c->state == GL_CTX_DISABLED)
			c->state = GL_CTX_IDLE;
		context_event(ctx);
		return GL_MBOX_STATUS_OK;
	case GL_MBOX_CTX_DISABLE:
		if (!c->enabled)
			return GL_MBOX_STATUS_STATE;
		waiting = 1;
		waiting_ctx = (uint16_t)ctx;
		context_disable(ctx);
		return GL_MBOX_STATUS_OK;
	case GL_MBOX_CTX_CONFIGURE:
		if (req->length < sizeof(struct gl_mbox_ctx_config))
			return GL_MBOX_STATUS_LENGTH;
		if (!c->created)
			return GL_MBOX_STATUS_STATE;
		return configure(ctx, payload,
				 ((const struct gl_mbox_ctx_config *)payload)->fields);
	default: /* GL_MBOX_CTX_GET */
		*length = sizeof(struct gl_mbox_ctx_state);
		get_state(ctx, (void *)shm.response.payload);
		return GL_MBOX_STATUS_OK;
	}
}

/* The host rang the mailbox; called until MBOX_DONE. */
void mailbox_request(void)
{
	const struct gl_mbox_req *req = &shm.request;
	uint32_t status = GL_MBOX_STATUS_OK;
	uint32_t length = 0;

	if (waiting) { /* the request under way still rings */
		if (context_drained(waiting_ctx))
			answer(GL_MBOX_STATUS_OK, 0);
		return;
	}
	if (req->version != GL_MBOX_VERSION) {
		answer(GL_MBOX_STATUS_VERSION, 0);
		return;
	}
	switch (req->command) {
	case GL_MBOX_NOP:
		break;
	case GL_MBOX_GET_INFO:
		*(struct gl_mbox_info *)(void *)shm.response.payload = (struct gl_mbox_info){
			.abi_version = GL_MBOX_VERSION,
			.build_id = GL_BUILD_ID,
			.contexts = (uint16_t)n_ctx,
			.queue_size_max = GL_QUEUE_SIZE_MAX,
			.features_lo = FEATURES_LO,
			.features_hi = FEATURES_HI,
			.frame_max = FRAME_MAX,
		};
		length = sizeof(struct gl_mbox_info);
		break;
	case GL_MBOX_CTX_CREATE:
	case GL_MBOX_CTX_DESTROY:
	case GL_MBOX_CTX_ENABLE:
	case GL_MBOX_CTX_DISABLE:
	case GL_MBOX_CTX_CONFIGURE:
	case GL_MBOX_CTX_GET:
		status = context_command(req, &length);
		if (status != GL_MBOX_STATUS_CONTEXT)
			context_seal(&ctxs[req->context]);
		break;
	case GL_MBOX_SET_LOG_LEVEL: {
		const struct gl_mbox_log_level *level = (const void *)req->payload;
		if (req->length < sizeof(*level))
			status = GL_MBOX_STATUS_LENGTH;
		else if (level->level > GL_LOG_DEBUG)
			status = GL_MBOX_STATUS_VALUE;
		else
			log_level = level->level;
		break;
	}
	default:
		status = GL_MBOX_STATUS_COMMAND;
	}
	if (!waiting)
		answer(status, length);
}

uint32_t build_id(void)
{
	return GL_BUILD_ID;
}
