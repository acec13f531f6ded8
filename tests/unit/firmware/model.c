/* SPDX-License-Identifier: Apache-2.0 */
/* See model.h. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_DEPTH 32u
#define COMP_DEPTH  16u
#define RECORDS	    128u
#define SLOTS	    128u
#define SENT	    4096u

struct model model;

struct command {
	uint64_t addr;
	uint32_t local, cookie, cmd;
	uint32_t due;
	uint32_t done; /* bytes of a ring WRITE that the guest can see already */
};

struct slot {
	uint8_t taken, submitted, bad;
	uint32_t owner; /* transmit */
	uint32_t refs;	/* receive: contexts */
	uint32_t len;
	uint8_t data[9100];
};

static struct command queue[QUEUE_DEPTH];
static uint32_t q_first, q_count;
static uint32_t tags[RECORDS], tag;
static uint32_t comps[COMP_DEPTH], c_first, c_count;
static uint32_t records[RECORDS], r_first, r_count;
static struct slot slots[SLOTS];
static uint32_t addr_lo, addr_hi, local, cookie, alloc_result;
static uint8_t bells[MODEL_CTX][2], events[MODEL_CTX];
static uint32_t next_bell, next_event;
static struct model_frame *sent[SENT];
static uint32_t s_first, s_count, sent_bad;

static void complain(const char *what)
{
	model.stray++;
	if (!model.complaint)
		model.complaint = what;
}

uint32_t model_rand(uint32_t n)
{
	model.seed ^= model.seed << 13;
	model.seed ^= model.seed >> 17;
	model.seed ^= model.seed << 5;
	return n ? model.seed % n : 0;
}

void model_free(void)
{
	for (uint32_t c = 0; c < MODEL_CTX; c++) {
		free(model.mem[c]);
		model.mem[c] = NULL;
	}
	while (s_count) {
		free(sent[s_first]);
		s_first = (s_first + 1) % SENT;
		s_count--;
	}
}

void model_reset(uint32_t seed)
{
	model_free();
	memset(&model, 0, sizeof(model));
	model.seed = seed ? seed : 1;
	model.delay = 40;
	model.tx_room = 64;
	q_first = q_count = c_first = c_count = r_first = r_count = s_first = s_count = sent_bad =
		0;
	memset(slots, 0, sizeof(slots));
	memset(bells, 0, sizeof(bells));
	memset(events, 0, sizeof(events));
	for (uint32_t c = 0; c < MODEL_CTX; c++)
		model.mem[c] = calloc(1, MODEL_MEM);
}

uint8_t *model_at(uint32_t ctx, uint64_t addr)
{
	if (addr < MODEL_BASE(ctx) || addr >= MODEL_BASE(ctx) + MODEL_MEM)
		return NULL;
	return model.mem[ctx] + (addr - MODEL_BASE(ctx));
}

/* --- DMA engine --- */

static uint32_t execute(const struct command *c)
{
	const uint32_t op = c->cmd >> 24 & 3u;
	const uint32_t ctx = c->cmd >> 16 & 0xffu;
	const uint32_t len = c->cmd & 0xffffu;
	const bool last = c->cmd & DMA_LAST;
	const bool in_slot = c->local >> 31;
	const uint32_t number = c->local >> 16 & 0x7fu;
	const uint32_t off = c->local & 0xffffu;
	struct slot *s = in_slot ? &slots[number] : NULL;
	uint32_t status = GL_DMA_STATUS_OK;
	uint8_t *guest;

	if (ctx >= MODEL_CTX) {
		complain("command for no context");
		return GL_DMA_STATUS_STOPPED;
	}
	if (op == GL_DMA_OP_IRQ) {
		if (!model.run[ctx])
			return GL_DMA_STATUS_STOPPED;
		if (len & 1)
			model.irqs[ctx]++;
		if (len & 2)
			model.config_irqs[ctx]++;
		return GL_DMA_STATUS_OK;
	}
	if (!len || len > 9216)
		complain("length of a command");
	if (in_slot) {
		const bool write = op == GL_DMA_OP_WRITE;
		if (!s->taken || off + len > 16 + s->len ||
		    (write ? !(s->refs >> ctx & 1u)
			   : number < 64 || s->owner != ctx || s->submitted || off < 16)) {
			complain("slot is not the context's");
			return GL_DMA_STATUS_OWNER;
		}
	} else if (off + len > sizeof(shm)) {
		complain("data memory offset");
		return GL_DMA_STATUS_OWNER;
	}
	guest = model_at(ctx, c->addr);
	if (!model.run[ctx])
		status = GL_DMA_STATUS_STOPPED;
	else if (!guest || !model_at(ctx, c->addr + len - 1))
		status = GL_DMA_STATUS_REFUSED;
	else if (op == GL_DMA_OP_READ && ctx == model.fail_ctx && c->addr < model.fail_to &&
		 c->addr + len > model.fail_from)
		status = model.fail_status;
	if (status == GL_DMA_STATUS_OK) {
		uint8_t *here = in_slot ? s->data + off : (uint8_t *)&shm + off;
		if (op == GL_DMA_OP_READ) {
			memcpy(here, guest, len);
		} else if (in_slot) {
			memcpy(guest, here, len);
		} else {
			const uint32_t left = len - c->done;
			memcpy(guest + c->done, here + c->done, left < 16 ? left : 16);
			model.writes += !c->done;
		}
	}
	if (in_slot && op == GL_DMA_OP_READ) {
		if (status != GL_DMA_STATUS_OK)
			s->bad = 1;
		if (last) {
			s->submitted = 1;
			if (s->bad) {
				sent_bad++;
			} else if (s_count == SENT) {
				complain("test takes no frames");
			} else {
				struct model_frame *f = malloc(sizeof(*f));
				f->ctx = ctx;
				f->len = s->len;
				memcpy(f->data, s->data + 16, s->len);
				sent[(s_first + s_count++) % SENT] = f;
			}
			s->taken = 0;
		}
	} else if (in_slot && last) {
		if (status == GL_DMA_STATUS_OK)
			model.cstat[ctx][GL_CSTAT_RX_FRAMES]++;
		s->refs &= ~(1u << ctx);
		if (!s->refs)
			s->taken = 0;
	}
	if (status != GL_DMA_STATUS_OK)
		model.cstat[ctx][GL_CSTAT_DMA_FAILED]++;
	return status;
}

/* One unit of time. */
static void tick(void)
{
	model.time++;
	while (q_count && (int32_t)(model.time - queue[q_first].due) >= 0 && c_count < COMP_DEPTH) {
		struct command *c = &queue[q_first];
		const uint32_t status = execute(c);
		if (!status && (c->cmd >> 24 & 3u) == GL_DMA_OP_WRITE && !(c->local >> 31)) {
			c->done += 16;
			if (c->done < (c->cmd & 0xffffu))
				break; /* a descriptor per unit of time */
		}
		if (status || c->cmd & DMA_NOTIFY)
			comps[(c_first + c_count++) % COMP_DEPTH] =
				c->cookie | status << 28 | 0x80000000u;
		q_first = (q_first + 1) % QUEUE_DEPTH;
		q_count--;
	}
}

bool model_dma_idle(void)
{
	return !q_count && !c_count;
}

/* --- FWIO --- */

static uint32_t tx_used(void)
{
	uint32_t used = 0;

	for (uint32_t i = 64; i < SLOTS; i++)
		used += slots[i].taken;
	return used;
}

static uint32_t event(void)
{
	uint32_t e = 0;

	for (uint32_t c = 0; c < MODEL_CTX; c++) {
		if (bells[c][0] | bells[c][1])
			e |= GL_FWIO_EVENT_DOORBELL_MASK;
		if (events[c])
			e |= GL_FWIO_EVENT_CTX_MASK;
	}
	return e | (c_count ? GL_FWIO_EVENT_DMA_MASK : 0) | (r_count ? GL_FWIO_EVENT_RX_MASK : 0) |
	       (model.mbox_busy ? GL_FWIO_EVENT_MBOX_MASK : 0) |
	       (q_count <= 16 ? GL_FWIO_EVENT_DMA_FREE_MASK : 0) |
	       (tx_used() < model.tx_room ? GL_FWIO_EVENT_TX_ROOM_MASK : 0);
}

uint32_t fwio_read(uint32_t offset)
{
	uint32_t v;

	tick();
	if (offset >= GL_FWIO_CTX) {
		const uint32_t c = (offset - GL_FWIO_CTX) / 256;
		if (c >= MODEL_CTX) {
			complain("CTX window");
			return 0;
		}
		return model.regs[c][offset % 256 / 4];
	}
	switch (offset) {
	case GL_FWIO_EVENT:
		return event();
	case GL_FWIO_DMA_FREE:
		return QUEUE_DEPTH - q_count;
	case GL_FWIO_DMA_COMP:
		if (!c_count)
			return 0;
		v = comps[c_first];
		c_first = (c_first + 1) % COMP_DEPTH;
		c_count--;
		return v;
	case GL_FWIO_RX_RECORD:
		if (!r_count)
			return 0;
		v = records[r_first];
		tag = tags[r_first];
		r_first = (r_first + 1) % RECORDS;
		r_count--;
		return v;
	case GL_FWIO_RX_TAG:
		return tag;
	case GL_FWIO_TX_SLOT:
		return alloc_result;
	case GL_FWIO_DOORBELL:
		for (uint32_t i = 0; i < MODEL_CTX * 2; i++) {
			const uint32_t n = next_bell++ % (MODEL_CTX * 2);
			if (bells[n / 2][n % 2]) {
				bells[n / 2][n % 2] = 0;
				return 0x80000000u | (n / 2) << 16 | n % 2;
			}
		}
		return 0;
	case GL_FWIO_CTX_EVENT:
		for (uint32_t i = 0; i < MODEL_CTX; i++) {
			const uint32_t n = next_event++ % MODEL_CTX;
			if (events[n]) {
				events[n] = 0;
				return 0x80000000u | n << 16;
			}
		}
		return 0;
	case GL_FWIO_NCTX:
		return MODEL_CTX;
	case GL_FWIO_TIME_LO:
		return model.time;
	default:
		return 0;
	}
}

void fwio_write(uint32_t offset, uint32_t value)
{
	const uint32_t ctx = value >> 16 & 0xffu;

	tick();
	if (offset >= GL_FWIO_CTX) {
		const uint32_t c = (offset - GL_FWIO_CTX) / 256;
		if (c >= MODEL_CTX)
			complain("CTX window");
		else
			model.regs[c][offset % 256 / 4] = value;
		return;
	}
	switch (offset) {
	case GL_FWIO_DMA_ADDR_LO:
		addr_lo = value;
		break;
	case GL_FWIO_DMA_ADDR_HI:
		addr_hi = value;
		break;
	case GL_FWIO_DMA_LOCAL:
		local = value;
		break;
	case GL_FWIO_DMA_COOKIE:
		cookie = value;
		break;
	case GL_FWIO_DMA_CMD:
		for (uint32_t i = 0; q_count == QUEUE_DEPTH; i++) {
			tick();
			if (i > 100000) {
				complain("the core hangs on a full command queue");
				return;
			}
		}
		queue[(q_first + q_count++) % QUEUE_DEPTH] = (struct command){
			.addr = (uint64_t)addr_hi << 32 | addr_lo,
			.local = local,
			.cookie = cookie,
			.cmd = value,
			.due = model.time + 1 + model_rand(model.delay),
		};
		model.commands++;
		break;
	case GL_FWIO_SLOT_DROP: {
		struct slot *s = &slots[value >> 24 & 0x7fu];
		if (!s->taken || !(s->refs >> ctx & 1u))
			complain("dropped a slot it does not hold");
		s->refs &= ~(1u << ctx);
		if (!s->refs)
			s->taken = 0;
		model.cstat[ctx][value & 0xfu]++;
		break;
	}
	case GL_FWIO_TX_ALLOC: {
		uint32_t used = 0, at = SLOTS;
		for (uint32_t i = 64; i < SLOTS; i++) {
			used += slots[i].taken;
			if (!slots[i].taken)
				at = i;
		}
		alloc_result = 0;
		if ((value & 0x3fffu) < 14 || (value & 0x3fffu) > 9022)
			complain("length of a transmit slot");
		if (model.limited[ctx]) {
			alloc_result = GL_FWIO_TX_SLOT_LIMITED_MASK;
		} else if (used < model.tx_room && at < SLOTS) {
			memset(&slots[at], 0, sizeof(slots[at]));
			memset(slots[at].data, 0xee, sizeof(slots[at].data));
			slots[at].taken = 1;
			slots[at].owner = ctx;
			slots[at].len = value & 0x3fffu;
			alloc_result = 0x80000000u | at;
		}
		break;
	}
	case GL_FWIO_CTX_ACK:
		model.acks[ctx]++;
		model.regs[ctx][0] &= ~(uint32_t)GL_CTX_STATUS_RESET_MASK;
		if (model.regs[ctx][0] & GL_CTX_STATUS_ENABLE_MASK)
			model.run[ctx] = 1;
		for (uint32_t i = 0; i < q_count; i++) {
			if ((queue[(q_first + i) % QUEUE_DEPTH].cmd >> 16 & 0xffu) == ctx)
				complain("reset acknowledged with a command under way");
		}
		break;
	case GL_FWIO_NEEDS_RESET:
		model.broken[ctx] = value & 0xffu;
		model.cstat[ctx][GL_CSTAT_NEEDS_RESET]++;
		model.regs[ctx][0] |= STATUS_NEEDS_RESET;
		model.run[ctx] = 0;
		bells[ctx][0] = bells[ctx][1] = 0;
		break;
	case GL_FWIO_CSTAT_ADD:
		model.cstat[ctx][value & 0xfu]++;
		break;
	case GL_FWIO_FW_STATE:
		model.fw_state = value;
		break;
	case GL_FWIO_FW_INFO:
		model.fw_info = value;
		break;
	case GL_FWIO_LOG_HEAD:
		model.log_head = value;
		break;
	case GL_FWIO_HEARTBEAT:
		model.beats++;
		break;
	case GL_FWIO_MBOX_DONE:
		model.mbox_busy = 0;
		break;
	default:
		break;
	}
}

/* --- The outside --- */

bool model_receive(uint32_t ctx, const uint8_t *data, uint32_t len)
{
	return model_receive_tagged(ctx, data, len, GL_RX_VLAN_KEEP, 0);
}

bool model_receive_tagged(uint32_t ctx, const uint8_t *data, uint32_t len, uint32_t vlan,
			  uint32_t with)
{
	if (r_count == RECORDS)
		return false;
	for (uint32_t i = 0; i < 64; i++) {
		struct slot *s = &slots[i];
		if (s->taken)
			continue;
		memset(s, 0, sizeof(*s));
		s->taken = 1;
		s->refs = 1u << ctx;
		s->len = len;
		s->data[14] = 1;
		memcpy(s->data + 16, data, len);
		tags[(r_first + r_count) % RECORDS] = with;
		records[(r_first + r_count++) % RECORDS] =
			0x80000000u | i << 24 | ctx << 16 | vlan << 14 | len;
		return true;
	}
	return false;
}

bool model_sent(struct model_frame *frame)
{
	if (!s_count)
		return false;
	*frame = *sent[s_first];
	free(sent[s_first]);
	s_first = (s_first + 1) % SENT;
	s_count--;
	return true;
}

uint32_t model_sent_bad(void)
{
	return sent_bad;
}

uint32_t model_slots_used(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		n += slots[i].taken;
	return n;
}

void model_restart(void)
{
	while (q_count) /* what was given ends */
		tick(), c_count = 0;
	c_count = r_count = 0;
	memset(slots, 0, sizeof(slots));
	memset(bells, 0, sizeof(bells));
	memset(events, 1, sizeof(events));
	model.mbox_busy = 0;
	model.fw_state = 0;
	fw_reset_state();
	fw_init();
}

void model_status(uint32_t ctx, uint32_t status)
{
	if (!status) {
		const uint32_t keep = model.regs[ctx][0] & GL_CTX_STATUS_ENABLE_MASK;
		model.regs[ctx][0] = keep | GL_CTX_STATUS_RESET_MASK;
		model.regs[ctx][GL_CTX_Q_NUM / 4] = 0;
		model.regs[ctx][GL_CTX_Q_NUM / 4 + 8] = 0;
		model.run[ctx] = 0;
		bells[ctx][0] = bells[ctx][1] = 0;
	} else {
		model.regs[ctx][0] = (model.regs[ctx][0] & ~0xffu) | status;
	}
	events[ctx] = 1;
}

void model_enable(uint32_t ctx, bool on)
{
	model.regs[ctx][0] = (on ? GL_CTX_STATUS_ENABLE_MASK : 0) | GL_CTX_STATUS_RESET_MASK;
	model.regs[ctx][GL_CTX_Q_NUM / 4] = 0;
	model.regs[ctx][GL_CTX_Q_NUM / 4 + 8] = 0;
	model.run[ctx] = 0;
	bells[ctx][0] = bells[ctx][1] = 0;
	events[ctx] = 1;
}

void model_ring(uint32_t ctx, uint32_t n)
{
	bells[ctx][n] = 1;
}

bool model_settle(uint32_t steps)
{
	uint32_t idle = 0;

	while (steps--) {
		if (fw_step() && model_dma_idle() &&
		    !(event() &
		      ~(uint32_t)(GL_FWIO_EVENT_DMA_FREE_MASK | GL_FWIO_EVENT_TX_ROOM_MASK))) {
			if (++idle == 3)
				return true;
		} else {
			idle = 0;
		}
	}
	return false;
}

uint32_t model_mailbox(uint32_t command, uint32_t ctx, const void *payload, uint32_t length)
{
	static uint32_t sequence;

	memset(&shm.request, 0, sizeof(shm.request));
	shm.request.version = GL_MBOX_VERSION;
	shm.request.command = (uint16_t)command;
	shm.request.context = (uint16_t)ctx;
	shm.request.length = (uint16_t)length;
	shm.request.sequence = ++sequence;
	if (length)
		memcpy(shm.request.payload, payload, length);
	model.mbox_busy = 1;
	for (uint32_t i = 0; i < 20000 && model.mbox_busy; i++)
		fw_step();
	if (model.mbox_busy || shm.response.sequence != sequence)
		return 0xffff;
	return shm.response.status;
}
