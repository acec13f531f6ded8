/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware on the host, against the model of its hardware: every ring format and feature, reset, hostile guests. */
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
static bool post_tx(struct guest *g, uint32_t len, uint32_t token, uint32_t n, bool indirect, uint64_t at)
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

__attribute__((unused)) static void expect_none_used(struct ring *r)
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
	uint32_t rx_len;   /* size of receive buffers */
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
		if (!ring_add(r, seg, p->rx_pieces, p->indirect && p->rx_pieces > 1, f->rx_buffer++))
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
					     p->indirect && model_rand(2), pool_take(f, 1, len + 12 + 3 * 40)))
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
	if (!model_settle(20000)) {
		for (uint32_t i = 0; i < 2 * MODEL_CTX; i++)
			print_message("# queue %u: live %u busy %u head %u lap %u fetched %u used %u more %u walker %u blocked %u pending %u\n", i, vqs[i].live, vqs[i].busy, vqs[i].head, vqs[i].lap, vqs[i].fetched, vqs[i].used, vqs[i].more, vqs[i].walker, vqs[i].in_blocked, vqs[i].pending_n);
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
		assert_int_equal(delivered + drops, p->frames);
		assert_int_equal(model.cstat[c][GL_CSTAT_RX_DROP_ERROR], 0);
		assert_true(delivered * 4 >= p->frames);
	}
	assert_int_equal(model_slots_used(), 0);
	assert_int_equal(model_sent_bad(), 0);
}

#define TRAFFIC(name, ...)                                                                                                     \
	static void name(void **state)                                                                                         \
	{                                                                                                                      \
		const struct plan p = { __VA_ARGS__ };                                                                         \
		(void)state;                                                                                                   \
		traffic(&p);                                                                                                   \
	}

TRAFFIC(packed_traffic, .packed = true, .size_rx = 64, .size_tx = 64, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1,
	.max_frame = 1514, .frames = 400)
TRAFFIC(packed_odd_size, .packed = true, .size_rx = 23, .size_tx = 13, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1,
	.max_frame = 1514, .frames = 400)
TRAFFIC(packed_tiny_ring, .packed = true, .size_rx = 1, .size_tx = 1, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1,
	.max_frame = 200, .frames = 100)
TRAFFIC(packed_event_idx, .features = F(GL_FEATURE_EVENT_IDX), .packed = true, .size_rx = 32, .size_tx = 32,
	.max_pieces = 1, .rx_len = 1600, .rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(packed_chains, .packed = true, .size_rx = 64, .size_tx = 64, .max_pieces = 6, .rx_len = 400, .rx_pieces = 4,
	.max_frame = 1514, .frames = 300)
TRAFFIC(packed_long_chains, .packed = true, .size_rx = 32, .size_tx = 64, .max_pieces = 40, .rx_len = 1600, .rx_pieces = 1,
	.max_frame = 1514, .frames = 200)
TRAFFIC(packed_indirect, .features = F(GL_FEATURE_INDIRECT_DESC) | F(GL_FEATURE_EVENT_IDX), .packed = true, .size_rx = 16,
	.size_tx = 16, .max_pieces = 40, .indirect = true, .rx_len = 400, .rx_pieces = 4, .max_frame = 1514, .frames = 200)
TRAFFIC(packed_mergeable, .features = F(GL_FEATURE_MRG_RXBUF) | F(GL_FEATURE_EVENT_IDX), .packed = true, .size_rx = 64,
	.size_tx = 16, .max_pieces = 2, .rx_len = 1500, .rx_pieces = 1, .max_frame = 9014, .frames = 200)
TRAFFIC(split_traffic, .size_rx = 64, .size_tx = 64, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1, .max_frame = 1514,
	.frames = 400)
TRAFFIC(split_tiny_ring, .size_rx = 1, .size_tx = 2, .max_pieces = 1, .rx_len = 1600, .rx_pieces = 1, .max_frame = 200,
	.frames = 100)
TRAFFIC(split_event_idx, .features = F(GL_FEATURE_EVENT_IDX), .size_rx = 32, .size_tx = 32, .max_pieces = 1, .rx_len = 1600,
	.rx_pieces = 1, .max_frame = 1514, .frames = 400)
TRAFFIC(split_chains, .size_rx = 64, .size_tx = 64, .max_pieces = 6, .rx_len = 400, .rx_pieces = 4, .max_frame = 1514,
	.frames = 300)
TRAFFIC(split_long_chains, .size_rx = 32, .size_tx = 64, .max_pieces = 40, .rx_len = 1600, .rx_pieces = 1,
	.max_frame = 1514, .frames = 200)
TRAFFIC(split_indirect, .features = F(GL_FEATURE_INDIRECT_DESC) | F(GL_FEATURE_EVENT_IDX), .size_rx = 16, .size_tx = 16,
	.max_pieces = 40, .indirect = true, .rx_len = 400, .rx_pieces = 4, .max_frame = 1514, .frames = 200)
TRAFFIC(split_mergeable, .features = F(GL_FEATURE_MRG_RXBUF), .size_rx = 64, .size_tx = 16, .max_pieces = 2, .rx_len = 1500,
	.rx_pieces = 1, .max_frame = 9014, .frames = 200)

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packed_one_each_way), TEST(split_one_each_way), TEST(frames_for_nobody),TEST(packed_traffic),
		TEST(packed_odd_size),	   TEST(packed_tiny_ring),   TEST(packed_event_idx),
		TEST(packed_chains),	   TEST(packed_long_chains), TEST(packed_indirect),
		TEST(packed_mergeable),	   TEST(split_traffic),	     TEST(split_tiny_ring),
		TEST(split_event_idx),	   TEST(split_chains),	     TEST(split_long_chains),
		TEST(split_indirect),	   TEST(split_mergeable),
	};
	const char *s = getenv("SEED");

	seed = s ? (uint32_t)strtoul(s, NULL, 0) : 0x5eed1e55u;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	printf("# seed 0x%x\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
