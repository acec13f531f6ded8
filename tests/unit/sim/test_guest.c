// SPDX-License-Identifier: Apache-2.0
// The guests of the co-simulation library without a NIC: a small virtio-net device in C, which sends each frame back, stands behind the
// functions that guest.c calls. It serves split and packed rings, chains and indirect tables, merges receive buffers, suppresses events,
// and on request breaks the standard, which the guest must notice.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "internal.h"
#include "virtq.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

enum crime {
	INNOCENT,
	WRONG_ID,
	USED_TWICE,
	LENGTH_TOO_LONG,
	WRITE_BEHIND,
	WRITE_BEYOND_LENGTH,
	WRITE_TO_READABLE,
	WRITE_IN_CHAIN,
	MERGED_ONE_BY_ONE,
	NO_BUFFERS_COUNT,
	HEADER_FLAGS,
	INDEX_JUMP,
};

struct host_range {
	uint64_t address;
	size_t bytes;
	uint8_t *data;
};

struct window {
	uint64_t guest, host, bytes;
};

struct dev_queue {
	uint32_t ready, size;
	uint32_t area[6];     /* desc, driver, device; low and high */
	uint16_t avail, used; /* packed: positions; split: free-running */
	bool avail_wrap, used_wrap;
	bool event_quiet; /* interrupt not wanted by the driver */
};

struct chain {
	struct {
		uint64_t address;
		uint32_t bytes;
		bool writable;
	} part[64];
	unsigned parts;
	uint16_t id, descriptors;
};

static struct {
	struct gls s;
	struct host_range range[16];
	unsigned ranges;
	struct window window[1024];
	unsigned windows;
	uint32_t status, isr, feature_sel[2], queue_sel;
	uint64_t driver_features, features;
	struct gl_mbox_ctx_config config;
	bool created, enabled;
	struct dev_queue q[2];
	uint32_t rung;
	bool always_quiet;		/* never wants a doorbell but at the beginning */
	unsigned doorbells, interrupts; /* doorbells of the transmit queue */
	void (*irq)(void *arg);
	void *irq_arg;
	enum crime crime;
	bool out_of_order;
} d;

/* --- The library's functions that guest.c calls ------------------------------------------------------------------------------ */

int gls_fail(struct gls *s, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->error, sizeof(s->error), format, args);
	va_end(args);
	return -error;
}

uint64_t gls_rand(struct gls *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dull;
}

uint32_t gls_below(struct gls *s, uint32_t limit)
{
	return limit ? (uint32_t)((gls_rand(s) >> 32) * limit >> 32) : 0;
}

uint64_t gls_now(const struct gls *s)
{
	return s->now;
}

uint32_t gls_contexts(const struct gls *s)
{
	(void)s;
	return 4;
}

void gls_at(struct gls *s, uint64_t cycle, void (*fn)(void *arg), void *arg)
{
	(void)s, (void)cycle, (void)fn, (void)arg;
	fail_msg("no timer is used here");
}

int gls_memory_add(struct gls *s, uint64_t address, size_t bytes)
{
	(void)s;
	assert_true(d.ranges < 16);
	d.range[d.ranges].data = calloc(1, bytes);
	d.range[d.ranges].address = address;
	d.range[d.ranges++].bytes = bytes;
	return 0;
}

void *gls_memory(struct gls *s, uint64_t address, size_t bytes)
{
	(void)s;
	for (unsigned i = 0; i < d.ranges; i++)
		if (address >= d.range[i].address &&
		    address + bytes <= d.range[i].address + d.range[i].bytes)
			return d.range[i].data + (address - d.range[i].address);
	return NULL;
}

int gls_map(struct gls *s, unsigned context, uint64_t guest, uint64_t host, uint64_t bytes,
	    unsigned flags)
{
	(void)s, (void)context, (void)flags;
	assert_true(d.windows < 1024);
	d.window[d.windows++] = (struct window){ guest, host, bytes };
	return 0;
}

uint64_t gls_root(const struct gls *s, unsigned context)
{
	(void)s, (void)context;
	return d.windows != 0;
}

int64_t gls_revoke(struct gls *s, unsigned context)
{
	(void)s, (void)context;
	d.created = d.enabled = false;
	d.windows = 0;
	return 0;
}

void gls_set_switch(struct gls *s, unsigned context, const struct gls_switch_entry *entry)
{
	(void)s, (void)context, (void)entry;
}

void gls_enable_context(struct gls *s, unsigned context, bool enable)
{
	(void)s, (void)context;
	d.enabled = enable;
}

void gls_on_irq(struct gls *s, unsigned vector, void (*fn)(void *arg), void *arg)
{
	(void)s, (void)vector;
	d.irq = fn;
	d.irq_arg = arg;
}

int gls_mailbox(struct gls *s, const void *request, size_t bytes, void *response, size_t room)
{
	(void)s, (void)bytes;
	const struct gl_mbox_req *req = request;
	struct gl_mbox_resp resp = { 0 };
	switch (req->command) {
	case GL_MBOX_CTX_CREATE:
		if (d.created) {
			resp.status = GL_MBOX_STATUS_STATE;
			break;
		}
		memcpy(&d.config, req->payload, sizeof(d.config));
		d.created = true;
		break;
	case GL_MBOX_CTX_GET:
		resp.payload[0] = d.created ? GL_CTX_LIVE : GL_CTX_ABSENT;
		break;
	case GL_MBOX_CTX_DESTROY:
		d.created = false;
		break;
	default:
		break;
	}
	memcpy(response, &resp, room);
	return (int)room;
}

static void device_step(void);

bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	for (; !done(arg); limit--) {
		if (!limit)
			return false;
		s->now++;
		device_step();
	}
	return true;
}

/* --- Device page ------------------------------------------------------------------------------------------------------------- */

static struct dev_queue *selected(void)
{
	static struct dev_queue none;
	return d.queue_sel < 2 ? &d.q[d.queue_sel] : &none;
}

static uint32_t config_byte(uint32_t at)
{
	if (at < 6)
		return d.config.mac[at];
	if (at == 10 || at == 11)
		return d.config.mtu >> 8 * (at - 10) & 0xff;
	return 0;
}

uint32_t gls_read(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size)
{
	(void)s;
	if (bar == GLS_BAR0)
		return d.enabled ? GL_BAR0_CTX_CONTROL_ENABLE_MASK : 0;
	offset &= 0xfff;
	if (offset >= GL_DEV_CONFIG) {
		uint32_t v = 0;
		for (unsigned i = 0; i < size; i++)
			v |= config_byte(offset - GL_DEV_CONFIG + i) << 8 * i;
		return v;
	}
	switch (offset) {
	case GL_DEV_MAGIC:
		return 0x74726976;
	case GL_DEV_VERSION:
		return 2;
	case GL_DEV_DEVICE_ID:
		return d.enabled;
	case GL_DEV_DEVICE_FEATURES:
		return (uint32_t)(d.features >> 32 * (d.feature_sel[0] & 1));
	case GL_DEV_QUEUE_NUM_MAX:
		return d.config.queue_size;
	case GL_DEV_QUEUE_READY:
		return selected()->ready;
	case GL_DEV_INTERRUPT_STATUS:
		return d.isr;
	case GL_DEV_STATUS:
		return d.status;
	default:
		return 0;
	}
}

void gls_write(struct gls *s, enum gls_bar bar, uint32_t offset, uint32_t value, unsigned size)
{
	(void)s, (void)size;
	if (bar == GLS_BAR0)
		return;
	offset &= 0xfff;
	struct dev_queue *q = selected();
	switch (offset) {
	case GL_DEV_DEVICE_FEATURES_SEL:
		d.feature_sel[0] = value;
		break;
	case GL_DEV_DRIVER_FEATURES_SEL:
		d.feature_sel[1] = value;
		break;
	case GL_DEV_DRIVER_FEATURES:
		d.driver_features =
			d.feature_sel[1] ? (d.driver_features & UINT32_MAX) | (uint64_t)value << 32
					 : (d.driver_features >> 32 << 32) | value;
		break;
	case GL_DEV_QUEUE_SEL:
		d.queue_sel = value;
		break;
	case GL_DEV_QUEUE_NUM:
		q->size = value;
		break;
	case GL_DEV_QUEUE_READY:
		q->ready = value;
		break;
	case GL_DEV_QUEUE_NOTIFY:
		d.doorbells += value == 1;
		d.rung |= 1u << value;
		break;
	case GL_DEV_INTERRUPT_ACK:
		d.isr &= ~value;
		break;
	case GL_DEV_STATUS:
		d.status = value;
		if (!value) {
			memset(d.q, 0, sizeof(d.q));
			d.isr = d.rung = 0;
			d.driver_features = 0;
			d.q[0].avail_wrap = d.q[0].used_wrap = d.q[1].avail_wrap =
				d.q[1].used_wrap = true;
		}
		break;
	case GL_DEV_QUEUE_DESC_LO:
	case GL_DEV_QUEUE_DESC_HI:
	case GL_DEV_QUEUE_DRIVER_LO:
	case GL_DEV_QUEUE_DRIVER_HI:
	case GL_DEV_QUEUE_DEVICE_LO:
	case GL_DEV_QUEUE_DEVICE_HI:
		q->area[(offset - GL_DEV_QUEUE_DESC_LO) / 16 * 2 + (offset >> 2 & 1)] = value;
		break;
	default:
		break;
	}
}

void gls_read_async(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size,
		    void (*done)(void *arg, uint32_t value), void *arg)
{
	done(arg, gls_read(s, bar, offset, size));
}

/* --- The device's side of the rings -------------------------------------------------------------------------------------------- */

static uint8_t *dma(uint64_t guest)
{
	for (unsigned w = 0; w < d.windows; w++)
		if (guest >= d.window[w].guest && guest - d.window[w].guest < d.window[w].bytes)
			return gls_memory(&d.s, d.window[w].host + (guest - d.window[w].guest), 1);
	fail_msg("guest address 0x%llx is not mapped", (unsigned long long)guest);
	return NULL;
}

static void dma_get(uint64_t at, void *to, size_t n)
{
	for (uint8_t *p = to; n--; at++)
		*p++ = *dma(at);
}

static void dma_put(uint64_t at, const void *from, size_t n)
{
	for (const uint8_t *p = from; n--; at++)
		*dma(at) = *p++;
}

static uint16_t dma16(uint64_t at)
{
	uint16_t v;
	dma_get(at, &v, 2);
	return v;
}

static void dma_put16(uint64_t at, uint16_t v)
{
	dma_put(at, &v, 2);
}

static uint64_t area(const struct dev_queue *q, unsigned n)
{
	return q->area[2 * n] | (uint64_t)q->area[2 * n + 1] << 32;
}

static bool has(unsigned feature)
{
	return d.driver_features >> feature & 1;
}

static void part(struct chain *c, const struct virtq_desc *v, uint16_t flags)
{
	assert_true(c->parts < 64);
	assert_true(v->bytes > 0);
	c->part[c->parts].address = v->address;
	c->part[c->parts].bytes = v->bytes;
	c->part[c->parts++].writable = flags & VIRTQ_WRITE;
}

static bool pop_packed(struct dev_queue *q, struct chain *c)
{
	uint64_t ring = area(q, 0);
	memset(c, 0, sizeof(*c));
	uint16_t flags = dma16(ring + 16 * q->avail + 14);
	if (!!(flags & VIRTQ_AVAIL) != q->avail_wrap || !!(flags & VIRTQ_USED) == q->avail_wrap)
		return false;
	do {
		struct virtq_desc v;
		dma_get(ring + 16 * q->avail, &v, 16);
		flags = v.b;
		c->id = v.a;
		c->descriptors++;
		if (flags & VIRTQ_INDIRECT) {
			assert_true(has(GL_FEATURE_INDIRECT_DESC));
			for (uint32_t i = 0; i < v.bytes; i += 16) {
				struct virtq_desc e;
				dma_get(v.address + i, &e, 16);
				part(c, &e, e.b);
			}
		} else {
			part(c, &v, flags);
		}
		if (++q->avail == q->size) {
			q->avail = 0;
			q->avail_wrap = !q->avail_wrap;
		}
	} while (flags & VIRTQ_NEXT);
	return true;
}

static bool pop_split(struct dev_queue *q, struct chain *c)
{
	memset(c, 0, sizeof(*c));
	if (dma16(area(q, 1) + 2) == q->avail)
		return false;
	c->id = dma16(area(q, 1) + 4 + 2 * (q->avail++ % q->size));
	uint16_t at = c->id;
	struct virtq_desc v;
	do {
		dma_get(area(q, 0) + 16 * at, &v, 16);
		if (v.a & VIRTQ_INDIRECT) {
			assert_true(has(GL_FEATURE_INDIRECT_DESC));
			uint64_t table = v.address;
			at = 0;
			do {
				dma_get(table + 16 * at, &v, 16);
				part(c, &v, v.a);
				at = v.b;
			} while (v.a & VIRTQ_NEXT);
			break;
		}
		part(c, &v, v.a);
		at = v.b;
	} while (v.a & VIRTQ_NEXT);
	if (has(GL_FEATURE_EVENT_IDX))
		dma_put16(area(q, 2) + 4 + 8 * q->size,
			  d.always_quiet ? (uint16_t)(q->avail - 2) : q->avail);
	return true;
}

static bool pop(struct dev_queue *q, struct chain *c)
{
	return has(GL_FEATURE_RING_PACKED) ? pop_packed(q, c) : pop_split(q, c);
}

/* Writes a used entry, and raises the interrupt if the driver wants it. `show`: the used flags or index, too. */
static void use(struct dev_queue *q, const struct chain *c, uint32_t bytes, bool interrupt)
{
	bool want;
	if (has(GL_FEATURE_RING_PACKED)) {
		uint16_t flags = (uint16_t)((q->used_wrap ? VIRTQ_AVAIL | VIRTQ_USED : 0) |
					    (bytes ? VIRTQ_WRITE : 0));
		struct virtq_desc v = { 0, bytes, c->id, flags };
		uint16_t event = dma16(area(q, 1)), mode = dma16(area(q, 1) + 2), old = q->used;
		dma_put(area(q, 0) + 16 * q->used + 8, &v.bytes, 8);
		q->used = (uint16_t)(q->used + c->descriptors);
		bool wrapped = q->used >= q->size;
		if (mode == VIRTQ_EVENT_DESC) {
			uint16_t at = event & 0x7fff;
			if (event >> 15 != q->used_wrap)
				at = (uint16_t)(at + q->size);
			want = at >= old && at < q->used;
		} else {
			want = mode == VIRTQ_EVENT_ENABLE;
		}
		if (wrapped) {
			q->used = (uint16_t)(q->used - q->size);
			q->used_wrap = !q->used_wrap;
		}
	} else {
		uint32_t e[2] = { c->id, bytes };
		dma_put(area(q, 2) + 4 + 8 * (q->used % q->size), e, 8);
		q->used++;
		dma_put16(area(q, 2) + 2, (uint16_t)(q->used + (d.crime == INDEX_JUMP ? 300 : 0)));
		uint16_t event = dma16(area(q, 1) + 4 + 2 * q->size);
		want = has(GL_FEATURE_EVENT_IDX) ? event == (uint16_t)(q->used - 1)
						 : !(dma16(area(q, 1)) & 1);
	}
	if (want)
		d.isr |= 1;
	if ((want || q->event_quiet) && interrupt) {
		q->event_quiet = false;
		d.interrupts++;
		if (d.irq)
			d.irq(d.irq_arg);
	} else if (want) {
		q->event_quiet = true; /* told with the last buffer of the frame */
	}
}

static uint8_t frame[16384];

/* Delivers frame[12..] into receive buffers; false: not enough of them. */
static bool deliver(uint32_t bytes)
{
	struct dev_queue *q = &d.q[0], before = *q;
	struct chain chain[80];
	uint32_t length[80], left = bytes + 12;
	unsigned n = 0;
	while (left) {
		if (n == 80 || !pop(q, &chain[n])) {
			*q = before;
			return false;
		}
		uint32_t room = 0;
		for (unsigned i = 0; i < chain[n].parts; i++)
			room += chain[n].part[i].bytes;
		length[n] = left < room ? left : room;
		left -= length[n++];
		assert_true(!left || has(GL_FEATURE_MRG_RXBUF));
	}
	memset(frame, 0, 12);
	frame[10] = (uint8_t)(d.crime == NO_BUFFERS_COUNT ? 0 : n);
	frame[0] = d.crime == HEADER_FLAGS;
	uint8_t *from = frame;
	for (unsigned k = 0; k < n; k++) {
		uint32_t rest = length[k];
		struct chain *c = &chain[k];
		for (unsigned i = 0; i < c->parts && rest; i++) {
			uint32_t m = rest < c->part[i].bytes ? rest : c->part[i].bytes;
			assert_true(c->part[i].writable);
			dma_put(c->part[i].address, from, m);
			from += m;
			rest -= m;
		}
		if (d.crime == WRITE_BEYOND_LENGTH || d.crime == WRITE_BEHIND)
			dma_put16(c->part[c->parts - 1].address + c->part[c->parts - 1].bytes +
					  (d.crime == WRITE_BEHIND ? 340 : -2),
				  0);
	}
	if (d.crime == WRONG_ID)
		chain[0].id = (uint16_t)(chain[0].id ^ 0x300);
	if (d.crime == LENGTH_TOO_LONG)
		length[0] = 0x20000;
	/* Shown from the last to the first, so that the driver never sees a part of them. */
	if (has(GL_FEATURE_RING_PACKED) && n > 1 && d.crime != MERGED_ONE_BY_ONE) {
		void (*irq)(void *) = d.irq;
		d.irq = NULL;
		for (unsigned k = 0; k < n; k++)
			use(q, &chain[k], length[k], true);
		d.irq = irq;
		if (d.isr && irq)
			irq(d.irq_arg);
	} else {
		for (unsigned k = 0; k < n; k++)
			use(q, &chain[k], length[k], k + 1 == n || d.crime == MERGED_ONE_BY_ONE);
	}
	if (d.crime == USED_TWICE)
		use(q, &chain[0], length[0], true);
	return true;
}

/* Takes a frame from the transmit queue and sends it back. */
static bool transmit(void)
{
	struct dev_queue *q = &d.q[1];
	struct chain c;
	struct dev_queue before = *q;
	if (!pop(q, &c))
		return false;
	uint32_t bytes = 0;
	for (unsigned i = 0; i < c.parts; i++) {
		assert_false(c.part[i].writable);
		dma_get(c.part[i].address, frame + bytes, c.part[i].bytes);
		bytes += c.part[i].bytes;
	}
	assert_true(bytes >= 12 + 14);
	if (!deliver(bytes - 12)) {
		*q = before;
		return false;
	}
	if (d.crime == WRITE_TO_READABLE)
		dma_put16(c.part[0].address, 0xbad);
	if (d.crime == WRITE_IN_CHAIN)
		dma_put16(area(q, 0) + 16 * ((before.avail + 1u) % q->size), 0xbad);
	use(q, &c, 0, true);
	return true;
}

static void device_step(void)
{
	if (!(d.status & 4) || !d.q[0].ready || !d.q[1].ready)
		return;
	if (!(d.rung & 2) && !d.always_quiet)
		return;
	d.rung &= ~2u;
	while (transmit())
		;
	if (has(GL_FEATURE_RING_PACKED))
		dma_put16(area(&d.q[1], 2) + 2,
			  d.always_quiet ? VIRTQ_EVENT_DISABLE : VIRTQ_EVENT_ENABLE);
	else if (!has(GL_FEATURE_EVENT_IDX))
		dma_put16(area(&d.q[1], 2), d.always_quiet ? VIRTQ_USED_NO_NOTIFY : 0);
}

/* --- Tests ----------------------------------------------------------------------------------------------------------------------- */

#define QUEUED 512
static struct {
	uint8_t *frame[QUEUED];
	size_t bytes[QUEUED];
	unsigned first, count;
	unsigned received, sent, wrong;
} flow;

static void on_receive(void *arg, const uint8_t *data, size_t bytes)
{
	(void)arg;
	flow.received++;
	unsigned i = flow.first % QUEUED;
	if (!flow.count || flow.bytes[i] != bytes || memcmp(flow.frame[i], data, bytes))
		flow.wrong++;
	if (flow.count) {
		free(flow.frame[i]);
		flow.first++;
		flow.count--;
	}
}

static void on_sent(void *arg)
{
	(void)arg;
	flow.sent++;
}

static uint64_t seed = 0x6c61e5;

static void begin(void)
{
	memset(&d, 0, sizeof(d));
	d.s.random = seed ? seed : 1;
	d.features = 1ull << GL_FEATURE_MTU | 1ull << GL_FEATURE_MAC |
		     1ull << GL_FEATURE_MRG_RXBUF | 1ull << GL_FEATURE_STATUS |
		     1ull << GL_FEATURE_INDIRECT_DESC | 1ull << GL_FEATURE_EVENT_IDX |
		     1ull << GL_FEATURE_VERSION_1 | 1ull << GL_FEATURE_ACCESS_PLATFORM |
		     1ull << GL_FEATURE_RING_PACKED | 1ull << GL_FEATURE_IN_ORDER;
	while (flow.count) {
		free(flow.frame[flow.first++ % QUEUED]);
		flow.count--;
	}
	memset(&flow, 0, sizeof(flow));
}

static void end(struct gls_guest *g)
{
	gls_guest_free(g);
	assert_int_equal(d.windows, 0);
	pages_free(&d.s);
	for (unsigned i = 0; i < d.ranges; i++)
		free(d.range[i].data);
}

static struct gls_guest *guest(const struct gls_guest_config *c)
{
	struct gls_guest_config config = *c;
	memcpy(config.mac, "\2gl\0\0\1", 6);
	struct gls_guest *g = gls_guest_new(&d.s, &config);
	if (!g)
		fail_msg("%s", d.s.error);
	gls_guest_on_receive(g, on_receive, NULL);
	gls_guest_on_sent(g, on_sent, NULL);
	return g;
}

static bool send_one(struct gls_guest *g, size_t bytes, bool kick)
{
	uint8_t data[9100];
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)gls_rand(&d.s);
	unsigned i = (flow.first + flow.count) % QUEUED;
	assert_true(flow.count < QUEUED);
	flow.frame[i] = malloc(bytes);
	flow.bytes[i] = bytes;
	memcpy(flow.frame[i], data, bytes);
	flow.count++; /* it may come back inside the call */
	int error = gls_guest_send(g, data, bytes, kick);
	if (!error)
		return true;
	assert_int_equal(error, -ENOSPC);
	flow.count--;
	free(flow.frame[i]);
	return false;
}

static void no_faults(struct gls_guest *g)
{
	char text[2048];
	if (gls_guest_faults(g, text, sizeof(text)))
		fail_msg("%s", text);
	assert_int_equal(flow.wrong, 0);
}

static void traffic(const struct gls_guest_config *c, unsigned frames)
{
	begin();
	struct gls_guest *g = guest(c);
	unsigned sent = 0, mtu = c->mtu ? c->mtu : 1500;
	for (unsigned turn = 0; sent < frames; turn++) {
		assert_true(turn < 100 * frames);
		if (send_one(g, 14 + gls_below(&d.s, gls_below(&d.s, 3) ? 100 : mtu),
			     !gls_below(&d.s, 3)))
			sent++;
		else
			gls_guest_kick(g);
		if (!gls_below(&d.s, 3))
			device_step();
		if (turn % 500 == 250) {
			gls_guest_kick(g);
			device_step();
			assert_int_equal(flow.received, sent);
			assert_int_equal(gls_guest_restart(g), 0);
		}
	}
	gls_guest_kick(g);
	device_step();
	assert_int_equal(flow.received, frames);
	assert_true(gls_guest_tx_free(g) > 0);
	no_faults(g);
	end(g);
}

static void every_ring(void **state)
{
	(void)state;
	unsigned sizes[] = { 256, 64, 8, 2 };
	for (unsigned i = 0; i < 256; i++) {
		struct gls_guest_config c = {
			.split = i & 1,
			.event_idx = i & 2,
			.indirect = i & 4,
			.random_layout = i & 8,
			.tx_interrupts = i & 16,
			.in_order = i & 32,
			.queue_size = sizes[i >> 6],
			.chain = i % 3 ? 1 : 4,
			.no_mergeable = i % 5 == 0,
			.scatter = i % 7 == 1,
			.huge = i % 7 == 2,
			.all_memory = i % 7 == 4 || i % 14 == 1,
			.memory = 2 << 20,
		};
		traffic(&c, 300);
	}
}

static void jumbo_frames(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct gls_guest_config c = {
			.split = i & 1,
			.random_layout = i & 2,
			.no_mergeable = i & 4,
			.mtu = 9000,
			.chain = 3,
			.indirect = i & 2,
		};
		traffic(&c, 400);
		c.rx_buffer = 200;
		traffic(&c, 100);
	}
}

/* The doorbell rings only while the device wants it. */
static void doorbells_are_suppressed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin();
		struct gls_guest_config c = { .split = i & 1, .event_idx = i & 2 };
		struct gls_guest *g = guest(&c);
		d.always_quiet = true;
		for (unsigned k = 0; k < 3; k++) {
			send_one(g, 60, true);
			device_step();
		}
		unsigned before = d.doorbells;
		for (unsigned k = 0; k < 100; k++) {
			send_one(g, 60, true);
			device_step();
		}
		assert_int_equal(d.doorbells, before);
		no_faults(g);
		end(g);
	}
}

/* Without tx_interrupts, transmit completions raise none; with event_idx even fewer than one for each batch. */
static void interrupts_are_suppressed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin();
		struct gls_guest_config c = { .split = i & 1, .event_idx = i & 2 };
		struct gls_guest *g = guest(&c);
		for (unsigned k = 0; k < 50; k++) {
			send_one(g, 60, true);
			device_step();
		}
		assert_int_equal(d.interrupts, 50); /* one for each frame received */
		no_faults(g);
		end(g);
	}
}

static const char *const evidence[] = {
	[WRONG_ID] = "is not one that the device has",
	[USED_TWICE] = "",
	[LENGTH_TOO_LONG] = "are writable",
	[WRITE_BEHIND] = "bytes around the buffer",
	[WRITE_BEYOND_LENGTH] = "beyond the used length",
	[WRITE_TO_READABLE] = "was written",
	[WRITE_IN_CHAIN] = "inside a chain",
	[MERGED_ONE_BY_ONE] = "are missing",
	[NO_BUFFERS_COUNT] = "num_buffers",
	[HEADER_FLAGS] = "header of a frame",
	[INDEX_JUMP] = "used index moved",
};

static void crimes_are_noticed(void **state)
{
	(void)state;
	for (unsigned crime = WRONG_ID; crime <= INDEX_JUMP; crime++)
		for (unsigned split = 0; split < 2; split++) {
			if ((crime == INDEX_JUMP && !split) || (crime == WRITE_IN_CHAIN && split))
				continue;
			begin();
			struct gls_guest_config c = {
				.split = split, .chain = 3, .mtu = 3000, .rx_buffer = 1000
			};
			struct gls_guest *g = guest(&c);
			send_one(g, 100, true);
			device_step();
			no_faults(g);
			d.crime = (enum crime)crime;
			send_one(g, crime == MERGED_ONE_BY_ONE ? 2500 : 100, true);
			device_step();
			gls_guest_tx_free(g);
			char text[2048];
			if (!gls_guest_faults(g, text, sizeof(text)) ||
			    !strstr(text, evidence[crime]))
				fail_msg("crime %u, %s ring: noticed \"%s\"", crime,
					 split ? "split" : "packed", text);
			end(g);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_ring),
		cmocka_unit_test(jumbo_frames),
		cmocka_unit_test(doorbells_are_suppressed),
		cmocka_unit_test(interrupts_are_suppressed),
		cmocka_unit_test(crimes_are_noticed),
	};
	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
