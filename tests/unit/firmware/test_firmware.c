/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware on the host, against the model of its hardware: every ring format and feature, reset, hostile guests. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

#define ALL_LO (FEATURES_LO)
#define F(bit) (1u << (bit))

static uint32_t seed;
static struct guest guests[MODEL_CTX];

static int setup(void **state)
{
	(void)state;
	model_reset(seed);
	memset(&shm, 0, sizeof(shm));
	memset(vqs, 0, sizeof(struct vq) * GL_MAX_VQ);
	memset(ctxs, 0, sizeof(struct context) * GL_MAX_CTX);
	memset(&checkpoint, 0, sizeof(checkpoint));
	fw_reset_state();
	fw_init();
	assert_int_equal(model.fw_state, GL_FW_RUN);
	for (uint32_t c = 0; c < MODEL_CTX; c++)
		guest_create(&guests[c], c);
	assert_true(model_settle(1000));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (model.complaint)
		printf("# model: %s (%u times)\n", model.complaint, model.stray);
	const int bad = model.stray != 0;
	model_free();
	return bad;
}

static void fill(uint8_t *data, uint32_t len, uint32_t token)
{
	uint32_t x = token * 2654435761u + 12345;

	for (uint32_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (uint8_t)(x >> 24);
	}
	if (len >= 18) {
		memcpy(data + 14, &token, 4);
	}
}

/* Posts a frame with a 12-byte header, cut into n pieces at random places. Returns false if the ring is full. */
static bool post_tx(struct guest *g, uint32_t len, uint32_t token, uint32_t n, bool indirect,
		    uint64_t at)
{
	struct segment seg[40];
	uint8_t data[9200];
	uint32_t cut[41];
	const uint32_t total = len + 12;

	if (n > total / 2)
		n = total / 2; /* no empty pieces */

	memset(data, 0, 12);
	fill(data + 12, len, token);
	cut[0] = 0;
	for (uint32_t i = 1; i < n; i++)
		cut[i] = total * i / n;
	cut[n] = total;
	for (uint32_t i = 0; i < n; i++) {
		seg[i].addr = at;
		seg[i].len = cut[i + 1] - cut[i];
		memcpy(model_at(g->ctx, at), data + cut[i], seg[i].len);
		at += seg[i].len + model_rand(3);
	}
	return ring_add(&g->q[1], seg, n, indirect, token);
}

static void expect_sent(uint32_t ctx, uint32_t len, uint32_t token)
{
	static struct model_frame f;
	uint8_t want[9200];

	assert_true(model_sent(&f));
	fill(want, len, token);
	assert_int_equal(f.ctx, ctx);
	assert_int_equal(f.len, len);
	assert_memory_equal(f.data, want, len);
}

static void expect_used(struct ring *r, uint32_t token, uint32_t written)
{
	struct buffer b;
	uint32_t w;

	assert_int_equal(ring_used(r, &b, &w), 1);
	assert_int_equal(b.token, token);
	assert_int_equal(w, written);
}

static void expect_none_used(struct ring *r)
{
	struct buffer b;
	uint32_t w;

	assert_int_equal(ring_used(r, &b, &w), 0);
}

static void start(uint32_t ctx, uint32_t features, bool packed, uint32_t size)
{
	guest_start(&guests[ctx], features, packed, size, size);
	assert_true(model_settle(2000));
	assert_int_equal(ctxs[ctx].state, GL_CTX_LIVE);
}

static void post_rx(struct guest *g, uint32_t len, uint32_t token)
{
	const struct segment seg = { guest_alloc(g, len, 1), len };

	assert_int_not_equal(seg.addr, 0);
	assert_true(ring_add(&g->q[0], &seg, 1, false, token));
}

static void receive(uint32_t ctx, uint32_t len, uint32_t token)
{
	uint8_t data[9100];

	fill(data, len, token);
	assert_true(model_receive(ctx, data, len));
}

/* One frame in one buffer each way. */
static void one_each_way(bool packed)
{
	struct guest *g = &guests[1];

	start(1, 0, packed, 8);
	assert_true(post_tx(g, 60, 7, 1, false, guest_alloc(g, 2000, 1)));
	ring_kick(&g->q[1]);
	assert_int_equal(g->q[1].kicks, 1);
	assert_true(model_settle(1000));
	expect_sent(1, 60, 7);
	expect_used(&g->q[1], 7, 0);
	assert_int_equal(model.irqs[1], 1);

	post_rx(g, 1526, 9);
	ring_kick(&g->q[0]);
	assert_true(model_settle(1000));
	receive(1, 64, 5);
	assert_true(model_settle(1000));
	struct buffer b;
	uint32_t w;
	uint8_t want[76] = { 0 };
	want[10] = 1;
	fill(want + 12, 64, 5);
	assert_int_equal(ring_used(&g->q[0], &b, &w), 1);
	assert_int_equal(w, 76);
	assert_memory_equal(model_at(1, b.seg[0].addr), want, 76);
	assert_int_equal(model.irqs[1], 2);
	assert_int_equal(model_slots_used(), 0);
}

static void packed_one_each_way(void **state)
{
	(void)state;
	one_each_way(true);
}

static void split_one_each_way(void **state)
{
	(void)state;
	one_each_way(false);
}

/* Frames for a context whose driver is not there, and for a queue it has not set up, are dropped and counted. */
static void frames_for_nobody(void **state)
{
	(void)state;
	receive(2, 60, 1);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[2][GL_CSTAT_RX_DROP_NOTREADY], 1);
	guest_start(&guests[2], 0, true, 8, 8);
	model.regs[2][GL_CTX_Q_NUM / 4] = 0;
	assert_true(model_settle(1000));
	assert_int_equal(ctxs[2].state, GL_CTX_LIVE);
	receive(2, 60, 2);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[2][GL_CSTAT_RX_DROP_NOTREADY], 2);
	assert_int_equal(model_slots_used(), 0);
}

/* --- Random traffic --- */

struct flow {
	uint32_t tx_token, tx_seen, tx_used; /* posted, seen on the wire, given back */
	uint32_t rx_token, rx_seen;
	uint64_t pool; /* receive half, transmit half */
	uint32_t pool_at[2];
	uint32_t rx_buffer;
};

struct plan {
	uint32_t features;
	bool packed;
	uint32_t size_rx, size_tx;
	uint32_t max_pieces;
	bool indirect;
	uint32_t rx_len;    /* size of receive buffers */
	uint32_t rx_pieces; /* descriptors of a receive buffer */
	uint32_t max_frame;
	uint32_t frames;
	bool resets;
};

static uint32_t tx_len_of(const struct plan *p, uint32_t ctx, uint32_t token)
{
	uint32_t x = (token + ctx * 7919u) * 2246822519u;

	x ^= x >> 13;
	return 18 + x % (p->max_frame - 17);
}

static uint64_t pool_take(struct flow *f, uint32_t queue, uint32_t bytes)
{
	if (f->pool_at[queue] + bytes > 240000)
		f->pool_at[queue] = 0;
	f->pool_at[queue] += bytes;
	return f->pool + queue * 250000 + f->pool_at[queue] - bytes;
}

static void refill_rx(struct guest *g, struct flow *f, const struct plan *p)
{
	struct ring *r = &g->q[0];

	for (uint32_t i = 0; i < 1 + model_rand(8); i++) {
		struct segment seg[8];
		for (uint32_t k = 0; k < p->rx_pieces; k++) {
			seg[k].len = p->rx_len;
			seg[k].addr = 0;
		}
		if (r->room < p->rx_pieces)
			break;
		for (uint32_t k = 0; k < p->rx_pieces; k++)
			seg[k].addr = pool_take(f, 0, p->rx_len);
		if (!ring_add(r, seg, p->rx_pieces, p->indirect && p->rx_pieces > 1,
			      f->rx_buffer++))
			break;
	}
	ring_kick(r);
}

/* Takes used receive buffers; frames must be the tokens sent, in order, perhaps with gaps (drops). */
static void take_rx(struct guest *g, struct flow *f, const struct plan *p)
{
	struct ring *r = &g->q[0];
	struct buffer b;
	uint32_t w;
	int got;

	while ((got = ring_used(r, &b, &w)) == 1) {
		uint8_t data[9300], want[9300];
		uint32_t n = 0, buffers = 1;
		for (uint32_t i = 0; i < buffers; i++) {
			uint32_t left = w;
			if (i) {
				got = ring_used(r, &b, &w);
				assert_int_equal(got, 1);
				left = w;
			}
			for (uint32_t k = 0; k < b.n && left; k++) {
				const uint32_t take = left < b.seg[k].len ? left : b.seg[k].len;
				memcpy(data + n, model_at(g->ctx, b.seg[k].addr), take);
				n += take;
				left -= take;
			}
			assert_int_equal(left, 0);
			if (!i) {
				buffers = data[10] | (uint32_t)data[11] << 8;
				assert_in_range(buffers, 1, 16);
			}
		}
		assert_true(n >= 12 + 18);
		uint32_t token;
		memcpy(&token, data + 12 + 14, 4);
		assert_true(token >= f->rx_seen);
		assert_true(token < f->rx_token);
		f->rx_seen = token + 1;
		assert_int_equal(n, 12 + tx_len_of(p, g->ctx + 100, token));
		memset(want, 0, 12);
		want[10] = (uint8_t)buffers;
		fill(want + 12, n - 12, token);
		assert_memory_equal(data, want, n);
	}
	assert_int_equal(got, 0);
}

static void take_tx(struct guest *g, struct flow *f)
{
	struct buffer b;
	uint32_t w;
	int got;

	while ((got = ring_used(&g->q[1], &b, &w)) == 1) {
		assert_int_equal(b.token, f->tx_used);
		assert_int_equal(w, 0);
		f->tx_used++;
	}
	assert_int_equal(got, 0);
}

/* The driver's interrupt handler and its way back to sleep: process, ask for an interrupt, look once more. */
static void sleep_again(struct guest *g, struct flow *f, const struct plan *p, uint32_t queue)
{
	struct ring *r = &g->q[queue];

	for (;;) {
		const uint32_t before = queue ? f->tx_used : f->rx_seen;
		queue ? take_tx(g, f) : take_rx(g, f, p);
		ring_wish(r, r->event_idx ? WISH_EVENT : WISH_ALL, 0);
		queue ? take_tx(g, f) : take_rx(g, f, p);
		if (before == (queue ? f->tx_used : f->rx_seen))
			break;
	}
}

static void take_wire(struct flow *flows, const struct plan *p)
{
	static struct model_frame fr;
	uint8_t want[9200];

	while (model_sent(&fr)) {
		struct flow *f = &flows[fr.ctx];
		const uint32_t len = tx_len_of(p, fr.ctx, f->tx_seen);
		assert_int_equal(fr.len, len);
		fill(want, len, f->tx_seen);
		assert_memory_equal(fr.data, want, len);
		f->tx_seen++;
	}
}

static void traffic(const struct plan *p)
{
	struct flow flows[MODEL_CTX];
	uint32_t irqs[MODEL_CTX] = { 0 };

	memset(flows, 0, sizeof(flows));
	model.delay = 2u << model_rand(9);
	model.tx_room = 1 + model_rand(64);
	for (uint32_t c = 0; c < MODEL_CTX; c++) {
		guest_start(&guests[c], p->features, p->packed, p->size_rx, p->size_tx);
		flows[c].pool = guest_alloc(&guests[c], 500000, 1);
		assert_int_not_equal(flows[c].pool, 0);
	}
	bool busy = true;
	for (uint32_t turn = 0; busy && turn < 400000; turn++) {
		const uint32_t c = model_rand(MODEL_CTX);
		struct guest *g = &guests[c];
		struct flow *f = &flows[c];
		for (uint32_t i = model_rand(30); i; i--)
			fw_step();
		take_wire(flows, p);
		if (irqs[c] != model.irqs[c]) {
			irqs[c] = model.irqs[c];
			sleep_again(g, f, p, 0);
			sleep_again(g, f, p, 1);
		}
		switch (model_rand(4)) {
		case 0:
			for (uint32_t i = model_rand(6); i && f->tx_token < p->frames; i--) {
				const uint32_t len = tx_len_of(p, c, f->tx_token);
				if (f->tx_token - f->tx_used >= 16)
					break; /* the pool of memory holds no more */
				if (!post_tx(g, len, f->tx_token, 1 + model_rand(p->max_pieces),
					     p->indirect && model_rand(2),
					     pool_take(f, 1, len + 12 + 3 * 40)))
					break;
				f->tx_token++;
			}
			ring_kick(&g->q[1]);
			break;
		case 1:
			refill_rx(g, f, p);
			break;
		case 2:
			for (uint32_t i = model_rand(3); i && f->rx_token < p->frames; i--) {
				uint8_t data[9100];
				const uint32_t len = tx_len_of(p, c + 100, f->rx_token);
				fill(data, len, f->rx_token);
				if (!model_receive(c, data, len))
					break;
				f->rx_token++;
			}
			break;
		default:
			break;
		}
		busy = false;
		for (uint32_t k = 0; k < MODEL_CTX; k++)
			busy |= flows[k].tx_used < p->frames || flows[k].rx_token < p->frames;
	}
	if (!model_settle(200000)) {
		for (uint32_t i = 0; i < 2 * MODEL_CTX; i++)
			print_message("# queue %u: live %u busy %u head %u lap %u fetched %u used "
				      "%u more %u walker %u blocked %u pending %u\n",
				      i, vqs[i].live, vqs[i].busy, vqs[i].head, vqs[i].lap,
				      vqs[i].fetched, vqs[i].used, vqs[i].more, vqs[i].walker,
				      vqs[i].in_ready, vqs[i].pending_n);
		fail();
	}
	take_wire(flows, p);
	for (uint32_t c = 0; c < MODEL_CTX; c++) {
		const uint32_t delivered = model.cstat[c][GL_CSTAT_RX_FRAMES];
		uint32_t drops = model.cstat[c][GL_CSTAT_RX_DROP_NODESC];
		assert_int_equal(model.broken[c], 0);
		assert_int_equal(flows[c].tx_seen, p->frames);
		take_tx(&guests[c], &flows[c]);
		take_rx(&guests[c], &flows[c], p);
		assert_int_equal(flows[c].tx_used, p->frames);
		drops += model.cstat[c][GL_CSTAT_RX_DROP_NOTREADY]; /* before the driver was up */
		assert_int_equal(delivered + drops, p->frames);
		assert_int_equal(model.cstat[c][GL_CSTAT_RX_DROP_ERROR], 0);
		assert_true(delivered * 16 >= p->frames);
	}
	assert_int_equal(model_slots_used(), 0);
	assert_int_equal(model_sent_bad(), 0);
}

#define TRAFFIC(name, ...)                             \
	static void name(void **state)                 \
	{                                              \
		const struct plan p = { __VA_ARGS__ }; \
		(void)state;                           \
		traffic(&p);                           \
	}

TRAFFIC(packed_traffic, .packed = true, .size_rx = 64, .size_tx = 64, .max_pieces = 1,
	.rx_len = 1600, .rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(packed_odd_size, .packed = true, .size_rx = 23, .size_tx = 13, .max_pieces = 1,
	.rx_len = 1600, .rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(packed_tiny_ring, .packed = true, .size_rx = 1, .size_tx = 1, .max_pieces = 1,
	.rx_len = 1600, .rx_pieces = 1, .max_frame = 200, .frames = 100)
TRAFFIC(packed_event_idx, .features = F(GL_FEATURE_EVENT_IDX), .packed = true, .size_rx = 32,
	.size_tx = 32, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1, .max_frame = 1514,
	.frames = 400)
TRAFFIC(packed_chains, .packed = true, .size_rx = 64, .size_tx = 64, .max_pieces = 6, .rx_len = 400,
	.rx_pieces = 4, .max_frame = 1514, .frames = 300)
TRAFFIC(packed_long_chains, .packed = true, .size_rx = 32, .size_tx = 64, .max_pieces = 40,
	.rx_len = 1600, .rx_pieces = 1, .max_frame = 1514, .frames = 200)
TRAFFIC(packed_indirect, .features = F(GL_FEATURE_INDIRECT_DESC) | F(GL_FEATURE_EVENT_IDX),
	.packed = true, .size_rx = 16, .size_tx = 16, .max_pieces = 40, .indirect = true,
	.rx_len = 400, .rx_pieces = 4, .max_frame = 1514, .frames = 200)
TRAFFIC(packed_mergeable, .features = F(GL_FEATURE_MRG_RXBUF) | F(GL_FEATURE_EVENT_IDX),
	.packed = true, .size_rx = 64, .size_tx = 16, .max_pieces = 2, .rx_len = 1500,
	.rx_pieces = 1, .max_frame = 9014, .frames = 200)
TRAFFIC(split_traffic, .size_rx = 64, .size_tx = 64, .max_pieces = 1, .rx_len = 1600,
	.rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(split_tiny_ring, .size_rx = 1, .size_tx = 2, .max_pieces = 1, .rx_len = 1600,
	.rx_pieces = 1, .max_frame = 200, .frames = 100)
TRAFFIC(split_event_idx, .features = F(GL_FEATURE_EVENT_IDX), .size_rx = 32, .size_tx = 32,
	.max_pieces = 1, .rx_len = 1600, .rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(split_chains, .size_rx = 64, .size_tx = 64, .max_pieces = 6, .rx_len = 400, .rx_pieces = 4,
	.max_frame = 1514, .frames = 300)
TRAFFIC(split_long_chains, .size_rx = 32, .size_tx = 64, .max_pieces = 40, .rx_len = 1600,
	.rx_pieces = 1, .max_frame = 1514, .frames = 200)
TRAFFIC(split_indirect, .features = F(GL_FEATURE_INDIRECT_DESC) | F(GL_FEATURE_EVENT_IDX),
	.size_rx = 16, .size_tx = 16, .max_pieces = 40, .indirect = true, .rx_len = 400,
	.rx_pieces = 4, .max_frame = 1514, .frames = 200)
TRAFFIC(split_mergeable, .features = F(GL_FEATURE_MRG_RXBUF), .size_rx = 64, .size_tx = 16,
	.max_pieces = 2, .rx_len = 1500, .rx_pieces = 1, .max_frame = 9014, .frames = 200)

/* A chain of a split ring may end in an indirect table. */
static void chain_into_table(uint32_t first, uint32_t in_table)
{
	struct guest *g = &guests[1];
	struct ring *r = &g->q[1];
	uint8_t data[2000];

	start(1, ALL_LO, false, 64);
	memset(data, 0, 12);
	fill(data + 12, 600, 5);
	const uint64_t at = guest_alloc(g, 2000, 1);
	const uint64_t table = guest_alloc(g, 16 * 100, 16);
	memcpy(model_at(1, at), data, 612);
	const uint32_t pieces = first + in_table;
	for (uint32_t i = 0; i < pieces; i++) {
		const uint64_t from = at + 612 * i / pieces;
		const uint32_t len = 612 * (i + 1) / pieces - 612 * i / pieces;
		if (i < first)
			put_desc(1, r->desc + i * 32, from, len, DESC_NEXT | (2 * i + 2) << 16);
		else
			put_desc(1, table + (i - first) * 16, from, len,
				 i + 1 < pieces ? DESC_NEXT | (i - first + 1) << 16 : 0);
	}
	put_desc(1, r->desc + first * 32, table, in_table * 16, DESC_INDIRECT);
	put16(1, r->driver + 4, 0);
	put16(1, r->driver + 2, 1);
	model_ring(1, 1);
	assert_true(model_settle(2000));
	assert_int_equal(model.broken[1], 0);
	expect_sent(1, 600, 5);
	assert_int_equal(get16(1, r->device + 2), 1);
	guest_reset(g);
	assert_true(model_settle(2000));
}

static void split_chain_into_table(void **state)
{
	(void)state;
	chain_into_table(1, 1);
	chain_into_table(2, 5);
	chain_into_table(20, 30);
	chain_into_table(3, 90);
}

/* --- Reset at any time --- */

/* Context 3 is reset, disabled and set up anew at random moments while context 1 moves frames undisturbed. */
static void resets(bool packed)
{
	static struct model_frame f;
	struct guest *calm = &guests[1];
	struct guest *wild = &guests[3];
	uint32_t sent = 0, seen = 0, received = 0, delivered = 0;
	uint8_t want[2000];

	start(1, 0, packed, 16);
	const uint64_t pool = guest_alloc(calm, 40000, 1);
	for (uint32_t i = 0; i < 8; i++)
		post_rx(calm, 1600, 0);
	ring_kick(&calm->q[0]);

	model.delay = 2u << model_rand(8);
	for (uint32_t turn = 0; turn < 600; turn++) {
		const bool odd = model_rand(2);
		guest_start(wild, model_rand(2) ? ALL_LO : 0, odd, 1u << model_rand(7),
			    1u << model_rand(7));
		for (uint32_t i = model_rand(20); i; i--)
			fw_step();
		const uint64_t at = guest_alloc(wild, 200000, 1);
		for (uint32_t i = 0; i < model_rand(20); i++)
			post_tx(wild, 60 + model_rand(1400), turn * 100 + i, 1 + model_rand(38),
				wild->features_lo >> GL_FEATURE_INDIRECT_DESC & 1u && model_rand(2),
				at + i * 2000);
		ring_kick(&wild->q[1]);
		for (uint32_t i = 0; i < model_rand(20); i++) {
			const struct segment seg = { at + 100000 + i * 1600, 1600 };
			ring_add(&wild->q[0], &seg, 1, false, i);
		}
		ring_kick(&wild->q[0]);
		for (uint32_t i = 0; i < model_rand(20); i++)
			receive(3, 60 + model_rand(1400), i);
		/* the calm one */
		if (sent - calm->q[1].used < 4 || !packed)
			sent += post_tx(calm, 300, sent, 1, false, pool + sent % 16 * 400);
		ring_kick(&calm->q[1]);
		if (model_rand(3) == 0) {
			receive(1, 100, received);
			received++;
		}
		for (uint32_t i = model_rand(150); i; i--)
			fw_step();
		struct buffer b;
		uint32_t w;
		while (ring_used(&calm->q[1], &b, &w) == 1)
			;
		while (ring_used(&calm->q[0], &b, &w) == 1) {
			fill(want, 100, delivered);
			assert_int_equal(w, 112);
			assert_memory_equal(model_at(1, b.seg[0].addr) + 12, want, 100);
			delivered++;
			assert_true(ring_add(&calm->q[0], b.seg, 1, false, 0));
		}
		ring_kick(&calm->q[0]);
		while (model_sent(&f)) {
			uint32_t token;
			memcpy(&token, f.data + 14, 4);
			fill(want, f.len, token);
			assert_memory_equal(f.data, want, f.len);
			if (f.ctx == 1)
				assert_int_equal(token, seen++);
		}
		switch (model_rand(4)) {
		case 0:
			model_enable(3, false);
			for (uint32_t i = model_rand(40); i; i--)
				fw_step();
			model_enable(3, true);
			break;
		case 1:
			model_enable(3, false);
			assert_int_equal(model_mailbox(GL_MBOX_CTX_DISABLE, 3, NULL, 0),
					 GL_MBOX_STATUS_OK);
			assert_int_equal(model_mailbox(GL_MBOX_CTX_ENABLE, 3, NULL, 0),
					 GL_MBOX_STATUS_OK);
			model_enable(3, true);
			break;
		default:
			guest_reset(wild);
			break;
		}
	}
	assert_true(model_settle(200000));
	while (model_sent(&f)) {
		if (f.ctx == 1)
			seen++;
	}
	assert_int_equal(seen, sent);
	assert_int_equal(model.cstat[1][GL_CSTAT_RX_FRAMES], received);
	assert_int_equal(model_slots_used(), 0);
	assert_int_equal(model.broken[3], 0);
	guest_reset(wild);
	start(3, 0, true, 8);
	assert_true(post_tx(wild, 60, 7, 1, false, guest_alloc(wild, 2000, 1)));
	ring_kick(&wild->q[1]);
	assert_true(model_settle(1000));
	expect_sent(3, 60, 7);
	expect_used(&wild->q[1], 7, 0);
}

static void packed_resets(void **state)
{
	(void)state;
	resets(true);
}

static void split_resets(void **state)
{
	(void)state;
	resets(false);
}

/* --- Hostile guests --- */

#define BAD 2u /* the hostile context */

/* The hostile context needs a reset for that reason, nothing is held, and another context works. Then it may start over. */
static void expect_broken(uint32_t reason)
{
	struct guest *g = &guests[1];

	assert_true(model_settle(20000));
	assert_int_equal(model.broken[BAD], reason);
	assert_int_equal(ctxs[BAD].state, GL_CTX_BROKEN);
	assert_int_equal(model.cstat[BAD][GL_CSTAT_NEEDS_RESET], 1);
	assert_int_equal(model_slots_used(), 0);
	receive(BAD, 60, 1); /* nothing goes there */
	start(1, 0, true, 8);
	assert_true(post_tx(g, 60, 7, 1, false, guest_alloc(g, 2000, 1)));
	ring_kick(&g->q[1]);
	assert_true(model_settle(1000));
	expect_sent(1, 60, 7);
	assert_int_equal(model_slots_used(), 0);

	guest_reset(&guests[BAD]);
	assert_true(model_settle(1000));
	start(BAD, ALL_LO, true, 8);
	assert_true(post_tx(&guests[BAD], 60, 8, 1, false, guest_alloc(&guests[BAD], 2000, 1)));
	ring_kick(&guests[BAD].q[1]);
	assert_true(model_settle(1000));
	expect_sent(BAD, 60, 8);
	assert_int_equal(model.cstat[BAD][GL_CSTAT_NEEDS_RESET], 1);
}

static struct guest *hostile(uint32_t features, bool packed, uint32_t size)
{
	start(BAD, features, packed, size);
	return &guests[BAD];
}

/* One descriptor with these flags (NEXT, WRITE, INDIRECT) in the first place of a queue. */
static void post_raw(struct ring *r, uint64_t addr, uint32_t len, uint32_t flags)
{
	if (r->packed) {
		put_desc(r->ctx, r->desc, addr, len, (flags | DESC_AVAIL) << 16);
	} else {
		put_desc(r->ctx, r->desc, addr, len, flags);
		put16(r->ctx, r->driver + 4, 0);
		put16(r->ctx, r->driver + 2, 1);
	}
	model_ring(r->ctx, r->queue);
}

#define HOSTILE_TX(name, reason, features, packed, addr, len, flags) \
	static void name(void **state)                               \
	{                                                            \
		struct guest *g = hostile(features, packed, 8);      \
		const uint64_t good = guest_alloc(g, 20000, 16);     \
		(void)state;                                         \
		(void)good;                                          \
		post_raw(&g->q[1], addr, len, flags);                \
		expect_broken(GL_RESET_REASON_##reason);             \
	}

#define INDIRECT F(GL_FEATURE_INDIRECT_DESC)
#define OUTSIDE	 (MODEL_BASE(BAD) + MODEL_MEM)
HOSTILE_TX(packed_tx_empty, BAD_LENGTH, 0, true, good, 0, 0)
HOSTILE_TX(packed_tx_short, BAD_LENGTH, 0, true, good, 12 + 13, 0)
HOSTILE_TX(packed_tx_long, BAD_LENGTH, 0, true, good, 12 + FRAME_MAX + 1, 0)
HOSTILE_TX(packed_tx_absurd, BAD_LENGTH, 0, true, good, 0xffffffffu, 0)
HOSTILE_TX(packed_tx_write, BAD_FLAGS, 0, true, good, 100, DESC_WRITE)
HOSTILE_TX(packed_tx_outside, DMA_REFUSED, 0, true, OUTSIDE - 50, 100, 0)
HOSTILE_TX(packed_tx_far_outside, DMA_REFUSED, 0, true, ~0ull - 5, 100, 0)
HOSTILE_TX(packed_indirect_refused, BAD_FLAGS, 0, true, good, 32, DESC_INDIRECT)
HOSTILE_TX(packed_indirect_next, BAD_FLAGS, INDIRECT, true, good, 32, DESC_INDIRECT | DESC_NEXT)
HOSTILE_TX(packed_indirect_empty, BAD_LENGTH, INDIRECT, true, good, 0, DESC_INDIRECT)
HOSTILE_TX(packed_indirect_odd, BAD_LENGTH, INDIRECT, true, good, 40, DESC_INDIRECT)
HOSTILE_TX(packed_indirect_long, BAD_LENGTH, INDIRECT, true, good, 257 * 16, DESC_INDIRECT)
HOSTILE_TX(packed_indirect_outside, DMA_REFUSED, INDIRECT, true, OUTSIDE, 32, DESC_INDIRECT)
HOSTILE_TX(packed_indirect_zeros, BAD_LENGTH, INDIRECT, true, good, 32, DESC_INDIRECT)
HOSTILE_TX(split_tx_empty, BAD_LENGTH, 0, false, good, 0, 0)
HOSTILE_TX(split_tx_long, BAD_LENGTH, 0, false, good, 12 + FRAME_MAX + 1, 0)
HOSTILE_TX(split_tx_write, BAD_FLAGS, 0, false, good, 100, DESC_WRITE)
HOSTILE_TX(split_tx_outside, DMA_REFUSED, 0, false, OUTSIDE - 50, 100, 0)
HOSTILE_TX(split_next_outside, BAD_DESC, 0, false, good, 100, DESC_NEXT | 8u << 16)
HOSTILE_TX(split_next_self, LOOP, 0, false, good, 100, DESC_NEXT)
HOSTILE_TX(split_indirect_next, BAD_FLAGS, INDIRECT, false, good, 32, DESC_INDIRECT | DESC_NEXT)
HOSTILE_TX(split_indirect_odd, BAD_LENGTH, INDIRECT, false, good, 17, DESC_INDIRECT)

/* All descriptors of the ring say NEXT. */
static void packed_loop(void **state)
{
	struct guest *g = hostile(0, true, 64);
	struct ring *r = &g->q[1];
	const uint64_t good = guest_alloc(g, 2000, 1);

	(void)state;
	for (uint32_t i = 0; i < 64; i++)
		put_desc(BAD, r->desc + i * 16, good, 20, (DESC_NEXT | DESC_AVAIL) << 16);
	model_ring(BAD, 1);
	expect_broken(GL_RESET_REASON_LOOP);
}

static void packed_loop_small(void **state)
{
	struct guest *g = hostile(0, true, 4);
	struct ring *r = &g->q[1];
	const uint64_t good = guest_alloc(g, 2000, 1);

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		put_desc(BAD, r->desc + i * 16, good, 20, (DESC_NEXT | DESC_AVAIL) << 16);
	model_ring(BAD, 1);
	expect_broken(GL_RESET_REASON_LOOP);
}

/* Two descriptors that name each other. */
static void split_loop(void **state)
{
	struct guest *g = hostile(0, false, 64);
	struct ring *r = &g->q[1];
	const uint64_t good = guest_alloc(g, 2000, 1);

	(void)state;
	put_desc(BAD, r->desc + 16 * 5, good, 20, DESC_NEXT | 9u << 16);
	put_desc(BAD, r->desc + 16 * 9, good, 20, DESC_NEXT | 5u << 16);
	put16(BAD, r->driver + 4, 5);
	put16(BAD, r->driver + 2, 1);
	model_ring(BAD, 1);
	expect_broken(GL_RESET_REASON_LOOP);
}

static void table(bool packed, uint32_t tail, uint32_t len, uint32_t reason)
{
	struct guest *g = hostile(INDIRECT, packed, 8);
	const uint64_t good = guest_alloc(g, 2000, 1);
	const uint64_t at = guest_alloc(g, 48, 16);

	for (uint32_t i = 0; i < 3; i++)
		put_desc(BAD, at + 16 * i, good, i == 1 ? len : 50,
			 i == 1	  ? tail
			 : packed ? 0
				  : DESC_NEXT | (i + 1) << 16);
	post_raw(&g->q[1], at, 48, DESC_INDIRECT);
	expect_broken(reason);
}

static void packed_table_in_table(void **state)
{
	(void)state;
	table(true, DESC_INDIRECT << 16, 48, GL_RESET_REASON_BAD_FLAGS);
}

static void packed_table_write(void **state)
{
	(void)state;
	table(true, DESC_WRITE << 16, 48, GL_RESET_REASON_BAD_FLAGS);
}

static void packed_table_absurd_length(void **state)
{
	(void)state;
	table(true, 0, 0xfffffff0u, GL_RESET_REASON_BAD_LENGTH);
}

static void split_table_in_table(void **state)
{
	(void)state;
	table(false, DESC_INDIRECT, 48, GL_RESET_REASON_BAD_FLAGS);
}

static void split_table_loop(void **state)
{
	(void)state;
	table(false, DESC_NEXT | 0u << 16, 48, GL_RESET_REASON_LOOP);
}

static void split_table_next_outside(void **state)
{
	(void)state;
	table(false, DESC_NEXT | 3u << 16, 48, GL_RESET_REASON_BAD_DESC);
}

static void split_index_jump(void **state)
{
	struct guest *g = hostile(0, false, 8);

	(void)state;
	put16(BAD, g->q[1].driver + 2, 9);
	model_ring(BAD, 1);
	expect_broken(GL_RESET_REASON_BAD_INDEX);
}

static void split_index_back(void **state)
{
	struct guest *g = hostile(0, false, 8);

	(void)state;
	put16(BAD, g->q[0].driver + 2, 0xffff);
	model_ring(BAD, 0);
	expect_broken(GL_RESET_REASON_BAD_INDEX);
}

static void split_head_outside(void **state)
{
	struct guest *g = hostile(0, false, 8);

	(void)state;
	put16(BAD, g->q[1].driver + 4, 8);
	put16(BAD, g->q[1].driver + 2, 1);
	model_ring(BAD, 1);
	expect_broken(GL_RESET_REASON_BAD_DESC);
}

/* A receive buffer of that length and flags, then a frame. */
static void bad_buffer(bool packed, uint32_t features, uint64_t addr, uint32_t len, uint32_t flags,
		       uint32_t reason)
{
	struct guest *g = hostile(features, packed, 8);

	if (!addr)
		addr = guest_alloc(g, 4000, 1);
	post_raw(&g->q[0], addr, len, flags);
	assert_true(model_settle(1000));
	receive(BAD, 100, 1);
	expect_broken(reason);
}

static void packed_rx_readonly(void **state)
{
	(void)state;
	bad_buffer(true, 0, 0, 1600, 0, GL_RESET_REASON_BAD_FLAGS);
}

static void packed_rx_empty(void **state)
{
	(void)state;
	bad_buffer(true, 0, 0, 0, DESC_WRITE, GL_RESET_REASON_BAD_LENGTH);
}

static void packed_rx_tiny_mergeable(void **state)
{
	(void)state;
	bad_buffer(true, F(GL_FEATURE_MRG_RXBUF), 0, 11, DESC_WRITE, GL_RESET_REASON_BAD_LENGTH);
}

static void packed_rx_outside(void **state)
{
	(void)state;
	bad_buffer(true, 0, OUTSIDE - 50, 1600, DESC_WRITE, GL_RESET_REASON_DMA_REFUSED);
}

static void split_rx_readonly(void **state)
{
	(void)state;
	bad_buffer(false, 0, 0, 1600, 0, GL_RESET_REASON_BAD_FLAGS);
}

static void split_rx_outside(void **state)
{
	(void)state;
	bad_buffer(false, 0, OUTSIDE, 1600, DESC_WRITE, GL_RESET_REASON_DMA_REFUSED);
}

/* A ring area outside of the guest's memory: `word` of the queue registers (2 descriptors, 4 driver, 6 device). */
static void area(bool packed, uint32_t word, uint32_t value, uint32_t reason)
{
	struct guest *g = &guests[BAD];

	guest_start(g, 0, packed, 8, 8);
	assert_true(post_tx(g, 60, 1, 1, false, guest_alloc(g, 2000, 1)));
	ring_wish(&g->q[1], WISH_ALL, 0);
	if (word == 0)
		model.regs[BAD][GL_CTX_Q_NUM / 4 + 8] = 0x80000000u | value;
	else
		model.regs[BAD][GL_CTX_Q_NUM / 4 + 8 + word] += value;
	expect_broken(reason);
}

#define AREA(name, packed, word, value, reason)                      \
	static void name(void **state)                               \
	{                                                            \
		(void)state;                                         \
		area(packed, word, value, GL_RESET_REASON_##reason); \
		(void)model_sent_bad();                              \
	}

AREA(packed_ring_outside, true, 2, MODEL_MEM, DMA_REFUSED)
AREA(split_ring_outside, false, 4, MODEL_MEM, DMA_REFUSED)
AREA(packed_ring_misaligned, true, 2, 8, BAD_QUEUE)
AREA(packed_driver_misaligned, true, 4, 2, BAD_QUEUE)
AREA(split_used_misaligned, false, 6, 2, BAD_QUEUE)
AREA(split_avail_misaligned, false, 4, 1, BAD_QUEUE)
AREA(packed_size_zero, true, 0, 0, BAD_QUEUE)
AREA(packed_size_large, true, 0, 257, BAD_QUEUE)
AREA(split_size_odd, false, 0, 12, BAD_QUEUE)

/* The device area of the used ring is outside: the frame goes out, then the context breaks. */
static void split_used_outside(void **state)
{
	static struct model_frame f;
	struct guest *g = &guests[BAD];

	(void)state;
	guest_start(g, 0, false, 8, 8);
	assert_true(post_tx(g, 60, 1, 1, false, guest_alloc(g, 2000, 1)));
	model.regs[BAD][GL_CTX_Q_NUM / 4 + 8 + 6] += MODEL_MEM;
	assert_true(model_settle(1000));
	assert_true(model_sent(&f));
	expect_broken(GL_RESET_REASON_DMA_REFUSED);
}

/* A chain of a split ring into a table that the driver has not negotiated, or of an absurd length; a next beyond the ring. */
static void split_walk(uint32_t features, uint32_t tail, uint32_t len, uint32_t reason)
{
	struct guest *g = hostile(features, false, 8);
	const uint64_t good = guest_alloc(g, 2000, 1);

	put_desc(BAD, g->q[1].desc + 32, good, len, tail);
	post_raw(&g->q[1], good, 100, DESC_NEXT | 2u << 16);
	expect_broken(reason);
}

static void split_chain_table_refused(void **state)
{
	(void)state;
	split_walk(0, DESC_INDIRECT, 32, GL_RESET_REASON_BAD_FLAGS);
}

static void split_chain_table_odd(void **state)
{
	(void)state;
	split_walk(INDIRECT, DESC_INDIRECT, 33, GL_RESET_REASON_BAD_LENGTH);
}

static void split_chain_next_outside(void **state)
{
	(void)state;
	split_walk(0, DESC_NEXT | 100u << 16, 33, GL_RESET_REASON_BAD_DESC);
}

/* A receive chain with a descriptor that the device may not write. */
static void rx_chain_readonly(void **state)
{
	struct guest *g = hostile(0, true, 8);
	const uint64_t good = guest_alloc(g, 2000, 1);

	(void)state;
	put_desc(BAD, g->q[0].desc + 16, good, 1000, DESC_AVAIL << 16);
	post_raw(&g->q[0], good, 1000, DESC_WRITE | DESC_NEXT);
	assert_true(model_settle(1000));
	receive(BAD, 100, 1);
	expect_broken(GL_RESET_REASON_BAD_FLAGS);
}

/* A PCI Express error while a frame is read costs the frame; while a ring is read, the device. */
static void frame_read_error(void **state)
{
	struct guest *g = hostile(0, true, 8);
	const uint64_t at = guest_alloc(g, 6000, 1);

	(void)state;
	model.fail_ctx = BAD;
	model.fail_from = at + 2000;
	model.fail_to = at + 2001;
	model.fail_status = GL_DMA_STATUS_POISONED;
	assert_true(post_tx(g, 60, 1, 1, false, at));
	assert_true(post_tx(g, 600, 2, 3, false, at + 1800));
	assert_true(post_tx(g, 60, 3, 1, false, at + 4000));
	ring_kick(&g->q[1]);
	assert_true(model_settle(1000));
	assert_int_equal(model.broken[BAD], 0);
	assert_int_equal(model.cstat[BAD][GL_CSTAT_TX_DROP_ERROR], 1);
	assert_int_equal(model_sent_bad(), 1);
	expect_sent(BAD, 60, 1);
	expect_sent(BAD, 60, 3);
	for (uint32_t i = 1; i <= 3; i++)
		expect_used(&g->q[1], i, 0);
}

static void ring_read_error(void **state)
{
	struct guest *g = hostile(0, true, 8);

	(void)state;
	model.fail_ctx = BAD;
	model.fail_from = g->q[1].desc;
	model.fail_to = g->q[1].desc + 16;
	model.fail_status = GL_DMA_STATUS_TIMEOUT;
	assert_true(post_tx(g, 60, 1, 1, false, guest_alloc(g, 2000, 1)));
	ring_kick(&g->q[1]);
	assert_true(model_settle(1000));
	model.fail_to = 0;
	expect_broken(GL_RESET_REASON_DMA_ERROR);
}

/* The driver leaves a hole in the ring: what follows is not taken, and the firmware does not go round in circles. */
static void packed_hole(void **state)
{
	struct guest *g = hostile(0, true, 16);
	struct ring *r = &g->q[1];
	const uint64_t at = guest_alloc(g, 4000, 1);

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		put_desc(BAD, r->desc + i * 16, at, 100, i == 3 ? 0 : i | DESC_AVAIL << 16);
	model_ring(BAD, 1);
	assert_true(model_settle(2000));
	assert_int_equal(model.broken[BAD], 0);
	uint32_t n = 0;
	static struct model_frame f;
	while (model_sent(&f))
		n++;
	assert_int_equal(n, 3);
}

/* --- Events --- */

/* No interrupt is raised while the driver does not want one, and exactly one when the entry it names is used. */
static void events(bool packed)
{
	struct guest *g = &guests[1];
	struct ring *r = &g->q[1];
	const uint64_t at = guest_alloc(g, 4000, 1);
	uint32_t token = 0;

	start(1, F(GL_FEATURE_EVENT_IDX), packed, 8);
	const uint64_t buffer = guest_alloc(g, 4000, 1);
	(void)at;
	for (uint32_t turn = 0; turn < 40; turn++) {
		const uint32_t before = model.irqs[1];
		const uint32_t wait = model_rand(4);
		const bool none = model_rand(4) == 0;
		ring_wish(r, none ? WISH_NONE : WISH_EVENT, wait);
		for (uint32_t i = 0; i < 5; i++) {
			assert_true(post_tx(g, 60, token, 1, false, buffer));
			ring_kick(r);
			assert_true(model_settle(1000));
			expect_sent(1, 60, token);
			expect_used(r, token, 0);
			token++;
			assert_int_equal(model.irqs[1] - before, !none && i >= wait);
		}
	}
}

static void packed_events(void **state)
{
	(void)state;
	events(true);
}

static void split_events(void **state)
{
	(void)state;
	events(false);
}

/* Without EVENT_IDX: the flag alone decides. */
static void no_interrupt_flag(void **state)
{
	(void)state;
	for (uint32_t packed = 0; packed < 2; packed++) {
		struct guest *g = &guests[packed];
		start(packed, 0, packed, 8);
		const uint64_t buffer = guest_alloc(g, 4000, 1);
		for (uint32_t i = 0; i < 10; i++) {
			const uint32_t before = model.irqs[packed];
			ring_wish(&g->q[1], i % 3 ? WISH_NONE : WISH_ALL, 0);
			assert_true(post_tx(g, 60, i, 1, false, buffer));
			ring_kick(&g->q[1]);
			assert_true(model_settle(1000));
			expect_sent(packed, 60, i);
			expect_used(&g->q[1], i, 0);
			assert_int_equal(model.irqs[packed] - before, i % 3 == 0);
		}
	}
}

/* A driver that keeps the ring full is told not to ring. */
static void few_doorbells(void **state)
{
	(void)state;
	for (uint32_t packed = 0; packed < 2; packed++) {
		struct guest *g = &guests[packed];
		struct ring *r = &g->q[1];
		start(packed, packed ? 0 : F(GL_FEATURE_EVENT_IDX), packed, 128);
		const uint64_t buffer = guest_alloc(g, 4000, 1);
		uint32_t posted = 0, used = 0;
		struct buffer b;
		uint32_t w;
		ring_wish(r, WISH_NONE, 0);
		while (used < 2000) {
			while (posted < 2000 && post_tx(g, 60, posted, 1, false, buffer))
				posted++;
			ring_kick(r);
			fw_step();
			static struct model_frame f;
			while (model_sent(&f))
				;
			while (ring_used(r, &b, &w) == 1)
				assert_int_equal(b.token, used++);
		}
		assert_true(r->kicks <
			    300); /* 2000 frames in bursts; one ring each would be 2000 */
	}
}

/* --- Receive corner cases --- */

static void no_buffers(void **state)
{
	struct guest *g = &guests[1];

	(void)state;
	start(1, 0, true, 8);
	receive(1, 60, 1);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[1][GL_CSTAT_RX_DROP_NODESC], 1);
	post_rx(g, 1600, 1); /* no doorbell: found when the next frame comes */
	receive(1, 60, 2);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[1][GL_CSTAT_RX_FRAMES], 1);
	expect_used(&g->q[0], 1, 72);
	assert_int_equal(model_slots_used(), 0);
}

/* A frame that does not fit is dropped; its buffer waits for one that does. */
static void small_buffer(void **state)
{
	(void)state;
	for (uint32_t packed = 0; packed < 2; packed++) {
		struct guest *g = &guests[packed];
		start(packed, 0, packed, 8);
		post_rx(g, 200, 1);
		ring_kick(&g->q[0]);
		assert_true(model_settle(1000));
		receive(packed, 189, 1);
		assert_true(model_settle(1000));
		assert_int_equal(model.cstat[packed][GL_CSTAT_RX_DROP_ERROR], 1);
		expect_none_used(&g->q[0]);
		receive(packed, 188, 2);
		assert_true(model_settle(1000));
		expect_used(&g->q[0], 1, 200);
		assert_int_equal(model_slots_used(), 0);
	}
}

/* A frame over more buffers than can be merged is dropped. */
static void too_many_buffers(void **state)
{
	struct guest *g = &guests[1];

	(void)state;
	start(1, F(GL_FEATURE_MRG_RXBUF), true, 64);
	for (uint32_t i = 0; i < 40; i++)
		post_rx(g, 100, i);
	ring_kick(&g->q[0]);
	assert_true(model_settle(1000));
	receive(1, 1500 - 11, 1);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[1][GL_CSTAT_RX_DROP_ERROR], 1);
	receive(1, 1500 - 12, 2);
	assert_true(model_settle(1000));
	for (uint32_t i = 0; i < 15; i++)
		expect_used(&g->q[0], i, 100);
	expect_none_used(&g->q[0]);
}

/* Transmit slots run out and come back: nothing is lost. */
static void transmit_ring_full(void **state)
{
	struct guest *g = &guests[1];

	(void)state;
	start(1, 0, true, 64);
	const uint64_t buffer = guest_alloc(g, 4000, 1);
	model.tx_room = 0;
	for (uint32_t i = 0; i < 40; i++)
		assert_true(post_tx(g, 60, 5, 1, false, buffer));
	assert_true(post_tx(g, 60, 5, 4, false, buffer + 1000));
	ring_kick(&g->q[1]);
	for (uint32_t i = 0; i < 200; i++)
		fw_step();
	model.tx_room = 3;
	assert_true(model_settle(100000));
	for (uint32_t i = 0; i < 41; i++) {
		expect_sent(1, 60, 5);
		expect_used(&g->q[1], 5, 0);
	}
}

/* A chain that is too small for the frame: the frame is dropped, the chain waits for one that fits. */
static void small_chain(void **state)
{
	(void)state;
	for (uint32_t packed = 0; packed < 2; packed++) {
		struct guest *g = &guests[packed];
		struct segment seg[3];
		start(packed, 0, packed, 8);
		for (uint32_t i = 0; i < 3; i++) {
			seg[i].addr = guest_alloc(g, 100, 1);
			seg[i].len = 100;
		}
		assert_true(ring_add(&g->q[0], seg, 3, false, 7));
		ring_kick(&g->q[0]);
		assert_true(model_settle(1000));
		receive(packed, 289, 1);
		assert_true(model_settle(1000));
		assert_int_equal(model.cstat[packed][GL_CSTAT_RX_DROP_ERROR], 1);
		expect_none_used(&g->q[0]);
		receive(packed, 288, 2);
		assert_true(model_settle(1000));
		expect_used(&g->q[0], 7, 300);
		assert_int_equal(model_slots_used(), 0);
	}
}

/* A mergeable queue with a chain between single buffers: no frame is merged over it, small ones fit before and into it. */
static void merge_stops_at_chain(void **state)
{
	struct guest *g = &guests[1];
	struct segment seg[2];

	(void)state;
	start(1, F(GL_FEATURE_MRG_RXBUF), true, 16);
	post_rx(g, 200, 1);
	for (uint32_t i = 0; i < 2; i++) {
		seg[i].addr = guest_alloc(g, 300, 1);
		seg[i].len = 300;
	}
	assert_true(ring_add(&g->q[0], seg, 2, false, 2));
	post_rx(g, 200, 3);
	ring_kick(&g->q[0]);
	assert_true(model_settle(1000));
	receive(1, 400, 1);
	assert_true(model_settle(1000));
	assert_int_equal(model.cstat[1][GL_CSTAT_RX_DROP_ERROR], 1);
	receive(1, 100, 2);
	receive(1, 500, 3);
	receive(1, 100, 4);
	assert_true(model_settle(1000));
	expect_used(&g->q[0], 1, 112);
	expect_used(&g->q[0], 2, 512);
	expect_used(&g->q[0], 3, 112);
	assert_int_equal(model_slots_used(), 0);
}

/* While one guest waits for room with a large frame, small frames of another do not pass it for ever. */
static void large_frame_gets_room(void **state)
{
	static struct model_frame f;
	struct guest *small = &guests[0];
	struct guest *large = &guests[1];
	uint32_t seen = 0, passed = 0, posted = 0;

	(void)state;
	start(0, 0, true, 64);
	start(1, 0, true, 64);
	const uint64_t at_small = guest_alloc(small, 4000, 1);
	const uint64_t at_large = guest_alloc(large, 12000, 1);
	model.tx_room = 0;
	assert_true(post_tx(large, 9000, 5, 1, false, at_large));
	ring_kick(&large->q[1]);
	for (uint32_t i = 0; i < 300; i++)
		fw_step();
	for (uint32_t i = 0; i < 40; i++)
		posted += post_tx(small, 60, 5, 1, false, at_small);
	ring_kick(&small->q[1]);
	for (uint32_t i = 0; i < 300; i++)
		fw_step();
	model.tx_room = 1;
	assert_true(model_settle(100000));
	while (model_sent(&f)) {
		if (f.ctx == 1)
			passed = seen;
		seen++;
	}
	assert_int_equal(seen, posted + 1);
	assert_int_equal(passed, 0);
}

/* A context that gets few frames is told of them in bounded time while another one gets frames without end. */
static void quiet_beside_busy(void **state)
{
	struct guest *calm = &guests[0];
	struct guest *busy = &guests[1];
	struct buffer b;
	uint32_t w;

	(void)state;
	start(0, 0, true, 64);
	start(1, 0, true, 64);
	for (uint32_t i = 0; i < 60; i++) {
		post_rx(calm, 100, i);
		post_rx(busy, 100, i);
	}
	ring_kick(&calm->q[0]);
	ring_kick(&busy->q[0]);
	assert_true(model_settle(1000));
	for (uint32_t round = 0; round < 10; round++) {
		bool given = false;
		uint32_t from = 0;
		for (;;) {
			uint8_t data[60] = { 0 };
			if (!given && model_receive(0, data, 60)) {
				given = true;
				from = model.time;
			}
			for (uint32_t i = 0; i < 40; i++)
				model_receive(1, data, 60);
			fw_step();
			while (ring_used(&busy->q[0], &b, &w) == 1)
				assert_true(ring_add(&busy->q[0], b.seg, 1, false, b.token));
			if (given && ring_used(&calm->q[0], &b, &w) == 1)
				break;
			assert_true(!given || model.time - from < 2 * FLUSH_AGE);
		}
	}
}

/* --- Mailbox --- */

static void mailbox(void **state)
{
	struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_ALL,
					     .mtu = 1500,
					     .link_up = 1 };
	struct gl_mbox_ctx_state s;
	struct gl_mbox_info info;
	struct gl_mbox_log_level level = { 3 };

	(void)state;
	assert_int_equal(model_mailbox(GL_MBOX_NOP, 0, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(model_mailbox(99, 0, NULL, 0), GL_MBOX_STATUS_COMMAND);
	assert_int_equal(model_mailbox(GL_MBOX_GET_INFO, 0, NULL, 0), GL_MBOX_STATUS_OK);
	memcpy(&info, shm.response.payload, sizeof(info));
	assert_int_equal(info.contexts, MODEL_CTX);
	assert_int_equal(info.features_lo, FEATURES_LO);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_GET, MODEL_CTX, NULL, 0),
			 GL_MBOX_STATUS_CONTEXT);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_CREATE, 0, &config, sizeof(config)),
			 GL_MBOX_STATUS_STATE);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_ENABLE, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DESTROY, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_CONFIGURE, 0, &config, 8),
			 GL_MBOX_STATUS_LENGTH);
	config.mtu = 67;
	assert_int_equal(model_mailbox(GL_MBOX_CTX_CONFIGURE, 0, &config, sizeof(config)),
			 GL_MBOX_STATUS_VALUE);
	assert_int_equal(model_mailbox(GL_MBOX_SET_LOG_LEVEL, 0, &level, sizeof(level)),
			 GL_MBOX_STATUS_VALUE);
	level.level = GL_LOG_DEBUG;
	assert_int_equal(model_mailbox(GL_MBOX_SET_LOG_LEVEL, 0, &level, sizeof(level)),
			 GL_MBOX_STATUS_OK);

	/* the link goes down under a live driver: configuration interrupt, new generation */
	start(0, ALL_LO, true, 8);
	const uint32_t generation = model.regs[0][GL_CTX_CONFIG_GENERATION / 4];
	config.fields = GL_MBOX_FIELD_LINK | GL_MBOX_FIELD_FEATURES;
	config.link_up = 0;
	config.features_lo = F(GL_FEATURE_MAC);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_CONFIGURE, 0, &config, sizeof(config)),
			 GL_MBOX_STATUS_OK);
	assert_true(model_settle(1000));
	assert_int_equal(model.config_irqs[0], 1);
	assert_int_equal(model.regs[0][GL_CTX_CONFIG_GENERATION / 4], generation + 1);
	assert_int_equal(model.regs[0][GL_CTX_CONFIG / 4 + 1] >> 16, 0);
	assert_int_equal(model.regs[0][GL_CTX_DEVICE_FEATURES_LO / 4],
			 FEATURES_LO); /* not before its reset */
	assert_int_equal(model_mailbox(GL_MBOX_CTX_GET, 0, NULL, 0), GL_MBOX_STATUS_OK);
	memcpy(&s, shm.response.payload, sizeof(s));
	assert_int_equal(s.state, GL_CTX_LIVE);
	assert_int_equal(s.link_up, 0);
	assert_int_equal(s.mtu, 9000);
	assert_int_equal(s.queue[1].size, 8);
	assert_int_equal(s.queue[1].packed, 1);
	guest_reset(&guests[0]);
	assert_true(model_settle(1000));
	assert_int_equal(model.regs[0][GL_CTX_DEVICE_FEATURES_LO / 4], F(GL_FEATURE_MAC));

	/* disable, destroy */
	model_enable(0, false);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DISABLE, 0, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DISABLE, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DESTROY, 0, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_CONFIGURE, 0, &config, sizeof(config)),
			 GL_MBOX_STATUS_STATE);
	assert_int_equal(model.regs[0][GL_CTX_DEVICE_FEATURES_LO / 4], 0);
	shm.request.version = 7;
	model.mbox_busy = 1;
	assert_true(model_settle(100));
	assert_int_equal(shm.response.status, GL_MBOX_STATUS_VERSION);
	assert_int_equal(shm.response.version, GL_MBOX_VERSION);
}

/* CTX_DISABLE is answered when no command of the context is left. */
static void disable_waits(void **state)
{
	struct guest *g = &guests[1];

	(void)state;
	start(1, 0, true, 64);
	const uint64_t buffer = guest_alloc(g, 4000, 1);
	model.delay = 400;
	for (uint32_t i = 0; i < 40; i++)
		assert_true(post_tx(g, 60, 5, 1, false, buffer));
	ring_kick(&g->q[1]);
	for (uint32_t i = 0; i < 5; i++)
		fw_step();
	assert_false(model_dma_idle());
	model_enable(1, false);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DISABLE, 1, NULL, 0), GL_MBOX_STATUS_OK);
	assert_true(model_dma_idle());
	assert_int_equal(ctxs[1].state, GL_CTX_DISABLED);
	static struct model_frame f;
	while (model_sent(&f))
		;
	assert_int_equal(model_slots_used(), 0);
}

/* A context without tokens waits and delays nobody; its frames go when there are some. */
static void no_tokens(void **state)
{
	struct guest *g[2] = { &guests[0], &guests[1] };

	(void)state;
	model.limited[1] = true;
	for (uint32_t c = 0; c < 2; c++) {
		start(c, 0, c, 64);
		const uint64_t buffer = guest_alloc(g[c], 4000, 1);
		for (uint32_t i = 0; i < 20; i++)
			assert_true(post_tx(g[c], 60, i, 1, false, buffer + i * 100));
		assert_true(post_tx(g[c], 300, 20, 4, false, buffer + 2100));
		ring_kick(&g[c]->q[1]);
	}
	for (uint32_t i = 0; i < 300; i++)
		fw_step();
	for (uint32_t i = 0; i < 20; i++)
		expect_sent(0, 60, i);
	expect_sent(0, 300, 20);
	static struct model_frame f;
	assert_false(model_sent(&f));
	assert_true(shm.info.limited > 0);
	assert_int_equal(shm.info.stuck, 0);
	model.limited[1] = false;
	model.time += LIMIT_CYCLES << LIMIT_DOUBLED;
	assert_true(model_settle(20000));
	for (uint32_t i = 0; i < 20; i++)
		expect_sent(1, 60, i);
	expect_sent(1, 300, 20);
	assert_int_equal(model_slots_used(), 0);
}

/* A tag is left out or inserted: in one buffer, over merged ones of every size, in chains, and for frames that had to wait. */
static void tags_in(bool packed, uint32_t features, uint32_t buffer, uint32_t pieces, uint32_t vlan)
{
	struct guest *g = &guests[1];
	const uint32_t len = 200;
	const uint32_t out = vlan == GL_RX_VLAN_STRIP ? len - 4 : len + 4;
	uint8_t data[400], want[400], got[2000];

	start(1, features, packed, 64);
	for (uint32_t late = 0; late < 2; late++) {
		uint32_t n = 0, w = 0, buffers = 1;
		struct buffer b;
		fill(data, len, late + 7);
		memcpy(want, data, 12);
		if (vlan == GL_RX_VLAN_STRIP) {
			memcpy(want + 12, data + 16, len - 16);
		} else {
			memcpy(want + 12, "\x81\x00\x20\x05", 4);
			memcpy(want + 16, data + 12, len - 12);
		}
		for (uint32_t turn = 0; turn < 2; turn++) {
			if (turn == late) {
				for (uint32_t i = 0; i < 300 / buffer + 1; i++) {
					struct segment seg[8];
					for (uint32_t k = 0; k < pieces; k++)
						seg[k] =
							(struct segment){ guest_alloc(g, buffer, 1),
									  buffer };
					if (pieces == 1 || !i)
						assert_true(
							ring_add(&g->q[0], seg, pieces, false, i));
				}
				if (!late)
					ring_kick(&g->q[0]);
				if (!late)
					assert_true(model_settle(1000));
			} else {
				assert_true(model_receive_tagged(1, data, len, vlan, 0x05200081));
			}
		}
		ring_kick(&g->q[0]);
		assert_true(model_settle(2000));
		for (uint32_t i = 0; i < buffers; i++) {
			assert_int_equal(ring_used(&g->q[0], &b, &w), 1);
			for (uint32_t k = 0; k < b.n && w; k++) {
				const uint32_t take = w < b.seg[k].len ? w : b.seg[k].len;
				memcpy(got + n, model_at(1, b.seg[k].addr), take);
				n += take;
				w -= take;
			}
			if (!i)
				buffers = got[10] | (uint32_t)got[11] << 8;
		}
		assert_int_equal(n, 12 + out);
		assert_memory_equal(got + 12, want, out);
		assert_int_equal(model_slots_used(), 0);
		guest_reset(g);
		assert_true(model_settle(1000));
		start(1, features, packed, 64);
	}
	guest_reset(g);
	assert_true(model_settle(1000));
}

static void tags(void **state)
{
	(void)state;
	for (uint32_t packed = 0; packed < 2; packed++) {
		for (uint32_t vlan = GL_RX_VLAN_STRIP; vlan <= GL_RX_VLAN_INSERT; vlan++) {
			tags_in(packed, 0, 400, 1, vlan);
			tags_in(packed, 0, 60, 5, vlan);
			for (uint32_t size = 20; size < 40; size++)
				tags_in(packed, F(GL_FEATURE_MRG_RXBUF), size, 1, vlan);
		}
	}
}

/* --- A start after RESTART --- */

/* Queues go on where their used entries end; what was sent and not returned is sent again, nothing else changes. */
static void goes_on(bool packed, uint32_t features, uint32_t size)
{
	struct guest *g = &guests[1];
	static struct model_frame f;
	uint32_t posted = 0, used = 0, seen = 0, twice = 0, received = 0;
	struct buffer b;
	uint32_t w;

	start(1, features, packed, size);
	const uint64_t pool = guest_alloc(g, 64 * 200, 1);
	for (uint32_t turn = 0; turn < 60; turn++) {
		while (posted - used < 20 &&
		       post_tx(g, 60 + posted % 50, posted, 1, false, pool + posted % 64 * 200))
			posted++;
		ring_kick(&g->q[1]);
		if (g->q[0].room) {
			if (g->next + 4000 > MODEL_BASE(1) + MODEL_MEM)
				g->next = pool + 64 * 200;
			post_rx(g, 300, turn);
			ring_kick(&g->q[0]);
		}
		for (uint32_t i = model_rand(60); i; i--)
			fw_step();
		if (model_rand(2))
			receive(1, 100, turn);
		for (uint32_t i = model_rand(20); i; i--)
			fw_step();
		const uint32_t irqs = model.irqs[1];
		model_restart();
		assert_int_equal(shm.info.resumed[0], 2);
		assert_int_equal(ctxs[1].state, GL_CTX_LIVE);
		assert_true(model_settle(20000));
		assert_true(model.irqs[1] > irqs);
		while (model_sent(&f)) {
			uint32_t token;
			memcpy(&token, f.data + 14, 4);
			assert_true(token <= seen);
			twice += token < seen;
			if (token == seen)
				seen++;
		}
		int got;
		while ((got = ring_used(&g->q[1], &b, &w)) == 1)
			assert_int_equal(b.token, used++);
		assert_int_equal(got, 0);
		while ((got = ring_used(&g->q[0], &b, &w)) == 1)
			received++;
		assert_int_equal(got, 0);
		assert_int_equal(used, posted);
		assert_int_equal(seen, posted);
	}
	assert_int_equal(model.broken[1], 0);
	printf("# %u frames, %u of them sent twice, %u received, in 60 restarts\n", posted, twice,
	       received);
}

static void restart_packed(void **state)
{
	(void)state;
	goes_on(true, 0, 64);
}

static void restart_split(void **state)
{
	(void)state;
	goes_on(false, F(GL_FEATURE_EVENT_IDX), 64);
}

static void restart_odd_size(void **state)
{
	(void)state;
	goes_on(true, F(GL_FEATURE_EVENT_IDX), 23);
}

/* A queue in the middle of its used entries needs a reset, a split one also if its index in memory says otherwise. */
static void restart_torn(void **state)
{
	(void)state;
	start(0, 0, true, 16);
	start(1, 0, true, 16);
	start(2, 0, false, 16);
	vqs[1 * 2 + 1].flushing = 1;
	put16(2, guests[2].q[1].device + 2, 3);
	model_restart();
	assert_true(model_settle(2000));
	assert_int_equal(model.broken[0], 0);
	assert_int_equal(model.broken[1], GL_RESET_REASON_WATCHDOG);
	assert_int_equal(model.broken[2], GL_RESET_REASON_WATCHDOG);
	assert_int_equal(shm.info.resumed[0], 1);
	guest_reset(&guests[1]);
	assert_true(model_settle(1000));
	start(1, 0, true, 8);
	assert_true(post_tx(&guests[1], 60, 7, 1, false, guest_alloc(&guests[1], 2000, 1)));
	ring_kick(&guests[1].q[1]);
	assert_true(model_settle(1000));
	expect_sent(1, 60, 7);
}

/* What lies in memory after power-on, or is of contexts that are disabled, or whose record is damaged, is not believed. */
static void restart_garbage(void **state)
{
	struct gl_mbox_ctx_state s;

	(void)state;
	start(0, 0, true, 16);
	start(1, 0, true, 16);
	start(2, 0, true, 16);
	model_enable(0, false);
	ctxs[1].mac[3] ^= 4;
	model_restart();
	assert_int_equal(shm.info.resumed[0], 4);
	for (uint32_t c = 0; c < 2; c++) {
		assert_int_equal(model_mailbox(GL_MBOX_CTX_GET, c, NULL, 0), GL_MBOX_STATUS_OK);
		memcpy(&s, shm.response.payload, sizeof(s));
		assert_int_equal(s.state, GL_CTX_ABSENT);
	}
	for (uint32_t turn = 0; turn < 50; turn++) {
		for (uint32_t i = 0; i < sizeof(struct vq) * GL_MAX_VQ; i++)
			((uint8_t *)vqs)[i] = (uint8_t)model_rand(256);
		for (uint32_t i = 0; i < sizeof(struct context) * GL_MAX_CTX; i++)
			((uint8_t *)ctxs)[i] = (uint8_t)model_rand(256);
		if (turn % 2) /* else with a magic number that fits */
			checkpoint.magic = model_rand(0xffffffff);
		model_restart();
		assert_int_equal(shm.info.resumed[0], 0);
		for (uint32_t c = 0; c < MODEL_CTX; c++)
			assert_int_equal(ctxs[c].state, GL_CTX_ABSENT);
	}
}

/* Nothing of a guest is left when its context is destroyed. */
static void nothing_is_left(void **state)
{
	static const uint8_t zeros[sizeof(struct queue_dma)];
	struct guest *g = &guests[1];

	(void)state;
	start(1, ALL_LO, true, 64);
	const uint64_t buffer = guest_alloc(g, 4000, 1);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(post_tx(g, 300, i, 1 + i % 3, i % 2, buffer));
	ring_kick(&g->q[1]);
	for (uint32_t i = 0; i < 12; i++)
		fw_step();
	model_enable(1, false);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DISABLE, 1, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(model_mailbox(GL_MBOX_CTX_DESTROY, 1, NULL, 0), GL_MBOX_STATUS_OK);
	for (uint32_t q = 2; q < 4; q++) {
		assert_memory_equal(&shm.queue[q], zeros, sizeof(zeros));
		assert_int_equal(vqs[q].desc | vqs[q].driver | vqs[q].device | vqs[q].buffers, 0);
	}
	for (uint32_t i = 0; i < SMALL_WALKERS; i++)
		assert_memory_equal(shm.small_chain[i], zeros, 64);
	assert_int_equal(ctxs[1].features_lo | ctxs[1].mac[0] | ctxs[1].accepted_lo, 0);
}

/* The log has lines, the heart beats. */
static void log_and_heartbeat(void **state)
{
	(void)state;
	assert_true(model.log_head > 20);
	assert_non_null(memmem(shm.log, LOG_SIZE, "firmware runs", 13));
	assert_int_equal(model.fw_info, GL_MBOX_SIZE);
	assert_int_equal(shm.info.magic, GL_FW_INFO_MAGIC);
	const uint32_t beats = model.beats;
	model.time += HEARTBEAT_CYCLES;
	fw_step();
	assert_int_equal(model.beats, beats + 1);
	model.time += HEARTBEAT_CYCLES;
	fw_step();
	assert_int_equal(model.beats, beats + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packed_one_each_way),
		TEST(split_one_each_way),
		TEST(frames_for_nobody),
		TEST(packed_traffic),
		TEST(packed_odd_size),
		TEST(packed_tiny_ring),
		TEST(packed_event_idx),
		TEST(packed_chains),
		TEST(packed_long_chains),
		TEST(packed_indirect),
		TEST(packed_mergeable),
		TEST(split_traffic),
		TEST(split_tiny_ring),
		TEST(split_event_idx),
		TEST(split_chains),
		TEST(split_long_chains),
		TEST(split_indirect),
		TEST(split_mergeable),
		TEST(packed_tx_empty),
		TEST(packed_tx_short),
		TEST(packed_tx_long),
		TEST(packed_tx_absurd),
		TEST(packed_tx_write),
		TEST(packed_tx_outside),
		TEST(packed_tx_far_outside),
		TEST(packed_indirect_refused),
		TEST(packed_indirect_next),
		TEST(packed_indirect_empty),
		TEST(packed_indirect_odd),
		TEST(packed_indirect_long),
		TEST(packed_indirect_outside),
		TEST(packed_indirect_zeros),
		TEST(split_tx_empty),
		TEST(split_tx_long),
		TEST(split_tx_write),
		TEST(split_tx_outside),
		TEST(split_next_outside),
		TEST(split_next_self),
		TEST(split_indirect_next),
		TEST(split_indirect_odd),
		TEST(packed_ring_outside),
		TEST(split_ring_outside),
		TEST(packed_ring_misaligned),
		TEST(packed_driver_misaligned),
		TEST(split_used_misaligned),
		TEST(split_avail_misaligned),
		TEST(packed_size_zero),
		TEST(packed_size_large),
		TEST(split_size_odd),
		TEST(split_chain_into_table),
		TEST(quiet_beside_busy),
		TEST(small_chain),
		TEST(merge_stops_at_chain),
		TEST(large_frame_gets_room),
		TEST(split_chain_table_refused),
		TEST(split_chain_table_odd),
		TEST(split_chain_next_outside),
		TEST(rx_chain_readonly),
		TEST(packed_resets),
		TEST(split_resets),
		TEST(packed_loop),
		TEST(packed_loop_small),
		TEST(split_loop),
		TEST(packed_table_in_table),
		TEST(packed_table_write),
		TEST(packed_table_absurd_length),
		TEST(split_table_in_table),
		TEST(split_table_loop),
		TEST(split_table_next_outside),
		TEST(split_index_jump),
		TEST(split_index_back),
		TEST(split_head_outside),
		TEST(packed_rx_readonly),
		TEST(packed_rx_empty),
		TEST(packed_rx_tiny_mergeable),
		TEST(packed_rx_outside),
		TEST(split_rx_readonly),
		TEST(split_rx_outside),
		TEST(split_used_outside),
		TEST(frame_read_error),
		TEST(ring_read_error),
		TEST(packed_hole),
		TEST(packed_events),
		TEST(split_events),
		TEST(no_interrupt_flag),
		TEST(few_doorbells),
		TEST(no_buffers),
		TEST(small_buffer),
		TEST(too_many_buffers),
		TEST(transmit_ring_full),
		TEST(no_tokens),
		TEST(tags),
		TEST(restart_packed),
		TEST(restart_split),
		TEST(restart_odd_size),
		TEST(restart_torn),
		TEST(restart_garbage),
		TEST(nothing_is_left),
		TEST(mailbox),
		TEST(disable_waits),
		TEST(log_and_heartbeat),
	};
	const char *s = getenv("SEED");

	seed = s ? (uint32_t)strtoul(s, NULL, 0) : 0x5eed1e55u;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	printf("# seed 0x%x\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
