// SPDX-License-Identifier: Apache-2.0
// The user-space virtio-net driver (host-driver/virtio) against a small device in C, in the same memory: both rings, wrap-around, frames
// over several buffers, suppression of doorbells and interrupts, a device that breaks the rules, and drivers that are killed.
//
// VIRTIO_SEED=n repeats a random run.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "guestlane_regs.h"
#include "vnet.h"

#define BASE	   0x200000ull /* guest address of the memory */
#define FRAME_MAX  1514u
#define DESC_WRITE 2u
#define DESC_AVAIL 0x80u
#define DESC_USED  0x8000u

static uint64_t seed;

static uint64_t random64(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static unsigned below(uint64_t *state, unsigned limit)
{
	return (unsigned)((random64(state) >> 32) % limit);
}

/* --- The device ------------------------------------------------------------------------------------------------------------- */

enum crime {
	INNOCENT,
	WRONG_ID,
	ID_OUTSIDE,
	TOO_LONG,
	NO_LENGTH,
	NO_BUFFERS,
	TOO_MANY_BUFFERS,
	INDEX_JUMP,
	USED_TOO_MANY,
	CRIMES
};

struct dev_queue {
	uint32_t num, ready;
	uint64_t area[3];     /* descriptors, driver, device */
	uint32_t taken, used; /* positions since the beginning */
	uint32_t told;	      /* `used` when an interrupt was decided last */
};

struct device {
	uint8_t *memory;
	size_t bytes;
	uint64_t offered, features;
	uint32_t status, feature_sel, queue_sel, generation, isr;
	uint16_t mtu, link;
	uint8_t mac[6];
	struct dev_queue q[2];
	_Atomic unsigned kicks[2], interrupts;
	bool always_quiet; /* never wants a doorbell */
	enum crime crime;
};

static void *mem(struct device *d, uint64_t address, size_t bytes)
{
	assert_true(address >= BASE && address - BASE <= d->bytes &&
		    bytes <= d->bytes - (address - BASE));
	return d->memory + (address - BASE);
}

static uint32_t dev_read(void *arg, uint32_t offset, unsigned size)
{
	struct device *d = arg;
	struct dev_queue *q = &d->q[d->queue_sel & 1];
	(void)size;
	switch (offset) {
	case GL_DEV_MAGIC:
		return 0x74726976;
	case GL_DEV_VERSION:
		return 2;
	case GL_DEV_DEVICE_ID:
		return 1;
	case GL_DEV_DEVICE_FEATURES:
		return (uint32_t)(d->offered >> 32 * d->feature_sel);
	case GL_DEV_QUEUE_NUM_MAX:
		return 256;
	case GL_DEV_QUEUE_READY:
		return q->ready;
	case GL_DEV_STATUS:
		return d->status;
	case GL_DEV_INTERRUPT_STATUS:
		return d->isr;
	case GL_DEV_CONFIG_GENERATION:
		return d->generation;
	case GL_DEV_CONFIG + 6:
		return d->link;
	case GL_DEV_CONFIG + 10:
		return d->mtu;
	default:
		return offset >= GL_DEV_CONFIG && offset < GL_DEV_CONFIG + 6
			       ? d->mac[offset - GL_DEV_CONFIG]
			       : 0;
	}
}

static void dev_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	struct device *d = arg;
	struct dev_queue *q = &d->q[d->queue_sel & 1];
	(void)size;
	switch (offset) {
	case GL_DEV_DEVICE_FEATURES_SEL:
	case GL_DEV_DRIVER_FEATURES_SEL:
		d->feature_sel = value;
		return;
	case GL_DEV_DRIVER_FEATURES:
		d->features &= ~(0xffffffffull << 32 * d->feature_sel);
		d->features |= (uint64_t)value << 32 * d->feature_sel;
		return;
	case GL_DEV_STATUS:
		if (!value) {
			memset(d->q, 0, sizeof(d->q));
			d->features = 0;
		}
		if (value & 8 && d->features & ~d->offered)
			value &= ~8u;
		d->status = value;
		return;
	case GL_DEV_INTERRUPT_ACK:
		d->isr &= ~value;
		return;
	case GL_DEV_QUEUE_SEL:
		d->queue_sel = value;
		return;
	case GL_DEV_QUEUE_NUM:
		q->num = value;
		return;
	case GL_DEV_QUEUE_READY:
		q->ready = value;
		return;
	default:
		for (unsigned a = 0; a < 3; a++) {
			uint32_t low = GL_DEV_QUEUE_DESC_LO + 0x10 * a;
			if (offset == low)
				q->area[a] = (q->area[a] & ~0xffffffffull) | value;
			if (offset == low + 4)
				q->area[a] = (uint32_t)q->area[a] | (uint64_t)value << 32;
		}
	}
}

static void dev_kick(void *arg, unsigned queue)
{
	struct device *d = arg;
	atomic_fetch_add(&d->kicks[queue], 1);
}

static bool is_packed(const struct device *d)
{
	return d->features >> VNET_F_RING_PACKED & 1;
}

static bool wrap_at(const struct dev_queue *q, uint32_t position)
{
	return !(position / q->num & 1);
}

static uint16_t load16(const void *from)
{
	return atomic_load((const _Atomic uint16_t *)from);
}

static void store16(void *to, uint16_t value)
{
	atomic_store((_Atomic uint16_t *)to, value);
}

struct dev_desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t a, b; /* packed: id, flags; split: flags, next */
};

/* The next available buffer; false: none. */
static bool dev_take(struct device *d, struct dev_queue *q, struct dev_desc *out)
{
	uint32_t at = q->taken % q->num;
	if (is_packed(d)) {
		struct dev_desc *e = mem(d, q->area[0] + 16ul * at, 16);
		uint16_t flags = load16(&e->b);
		bool wrap = wrap_at(q, q->taken);
		if (!!(flags & DESC_AVAIL) != wrap || !!(flags & DESC_USED) == wrap)
			return false;
		*out = *e;
	} else {
		if (load16(mem(d, q->area[1] + 2, 2)) == (uint16_t)q->taken)
			return false;
		uint16_t head = load16(mem(d, q->area[1] + 4 + 2ul * at, 2));
		assert_true(head < q->num);
		*out = *(struct dev_desc *)mem(d, q->area[0] + 16ul * head, 16);
		out->b = out->a;
		out->a = head;
	}
	q->taken++;
	return true;
}

/* One used entry for `count` buffers, of which the last has that id. Visible at once in packed rings, with dev_publish() in split ones. */
static void dev_used(struct device *d, struct dev_queue *q, uint32_t position, unsigned count,
		     uint32_t id, uint32_t bytes, bool write)
{
	uint32_t at = position % q->num;
	if (is_packed(d)) {
		struct dev_desc *e = mem(d, q->area[0] + 16ul * at, 16);
		bool wrap = wrap_at(q, position);
		e->a = (uint16_t)id;
		e->bytes = bytes;
		store16(&e->b,
			(uint16_t)((wrap ? DESC_AVAIL | DESC_USED : 0) | (write ? DESC_WRITE : 0)));
	} else {
		uint32_t *e = mem(d, q->area[2] + 4 + 8ul * at, 8);
		e[0] = id;
		e[1] = bytes;
	}
	(void)count;
}

static void dev_publish(struct device *d, struct dev_queue *q, uint32_t used)
{
	q->used = used;
	if (!is_packed(d))
		store16(mem(d, q->area[2] + 2, 2), (uint16_t)used);
}

/* Interrupts as the driver wants them. */
static void dev_interrupt(struct device *d, struct dev_queue *q)
{
	uint32_t before = q->told;
	bool event_idx = d->features >> VNET_F_EVENT_IDX & 1, wanted;
	q->told = q->used;
	if (before == q->used)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	if (!is_packed(d)) {
		uint16_t event = load16(mem(d, q->area[1] + 4 + 2ul * q->num, 2));
		wanted = event_idx ? (uint16_t)(q->used - event - 1) < (uint16_t)(q->used - before)
				   : !(load16(mem(d, q->area[1], 2)) & 1);
	} else {
		uint32_t both = atomic_load((_Atomic uint32_t *)mem(d, q->area[1], 4));
		unsigned flags = both >> 16 & 3;
		uint32_t event = q->used / q->num * q->num + (both & 0x7fff);
		if ((both >> 15 & 1) != wrap_at(q, q->used))
			event -= q->num;
		wanted = flags == 2 ? q->used - event - 1 < q->used - before : !flags;
	}
	if (wanted)
		atomic_fetch_add(&d->interrupts, 1);
}

/* Tells the driver whether to ring. */
static void dev_notify(struct device *d, struct dev_queue *q)
{
	bool event_idx = d->features >> VNET_F_EVENT_IDX & 1;
	if (!is_packed(d)) {
		if (event_idx)
			store16(mem(d, q->area[2] + 4 + 8ul * q->num, 2),
				(uint16_t)(q->taken - d->always_quiet));
		else
			store16(mem(d, q->area[2], 2), d->always_quiet);
		return;
	}
	uint32_t both = d->always_quiet ? 1u << 16 : 0;
	if (!d->always_quiet && event_idx)
		both = (q->taken % q->num) | (uint32_t)wrap_at(q, q->taken) << 15 | 2u << 16;
	atomic_store((_Atomic uint32_t *)mem(d, q->area[2], 4), both);
}

/* --- What the device does with frames ----------------------------------------------------------------------------------------- */

/* Content by number, so that both ends can check. */
static size_t make_frame(uint8_t *frame, uint32_t number)
{
	size_t bytes = 18 + number * 37 % (FRAME_MAX - 18);
	for (size_t i = 0; i < bytes; i++)
		frame[i] = (uint8_t)(number + i * 7);
	memcpy(frame + 14, &number, 4);
	return bytes;
}

static uint32_t number_of(const uint8_t *frame)
{
	uint32_t number;
	memcpy(&number, frame + 14, 4);
	return number;
}

static bool is_frame(const uint8_t *frame, size_t bytes, uint32_t number)
{
	uint8_t good[FRAME_MAX];
	return bytes == make_frame(good, number) && !memcmp(good, frame, bytes);
}

/* Takes up to `most` sent frames, checks each, and uses them with one entry; the number. */
static unsigned dev_transmit(struct device *d, unsigned most, uint32_t *number, bool repeats)
{
	struct dev_queue *q = &d->q[VNET_TX];
	struct dev_desc e = { 0 };
	unsigned n = 0;
	uint32_t position = q->taken;
	dev_notify(d, q);
	while (n < most && dev_take(d, q, &e)) {
		uint8_t frame[FRAME_MAX];
		assert_false(e.b & DESC_WRITE);
		assert_true(e.bytes >= VNET_HDR_BYTES + 18 &&
			    e.bytes <= VNET_HDR_BYTES + FRAME_MAX);
		memcpy(frame, (uint8_t *)mem(d, e.address, e.bytes) + VNET_HDR_BYTES,
		       e.bytes - VNET_HDR_BYTES);
		uint32_t got = number_of(frame);
		assert_true(is_frame(frame, e.bytes - VNET_HDR_BYTES, got));
		if (!repeats || got > *number)
			assert_int_equal(got, *number);
		*number = got + 1;
		n++;
	}
	if (n) {
		dev_used(d, q, position, n, e.a, 0, false);
		dev_publish(d, q, position + n);
	}
	dev_interrupt(d, q);
	return n;
}

/* Delivers frame `number` into buffers of which it fills `fill` bytes at most (0: all); false: not enough buffers. */
static bool dev_receive(struct device *d, uint32_t number, uint32_t fill)
{
	struct dev_queue *q = &d->q[VNET_RX];
	struct dev_desc e[64];
	uint8_t data[VNET_HDR_BYTES + FRAME_MAX] = { 0 };
	size_t bytes = VNET_HDR_BYTES + make_frame(data + VNET_HDR_BYTES, number), done = 0;
	uint32_t position = q->taken, length[64];
	unsigned n = 0;
	dev_notify(d, q);
	for (; done < bytes; n++) {
		if (!dev_take(d, q, &e[n])) {
			q->taken = position;
			return false;
		}
		assert_true(e[n].b & DESC_WRITE);
		length[n] = fill && fill < e[n].bytes ? fill : e[n].bytes;
		if (length[n] > bytes - done)
			length[n] = (uint32_t)(bytes - done);
		done += length[n];
	}
	((struct vnet_hdr *)data)->num_buffers = (uint16_t)n;
	if (d->crime == NO_BUFFERS)
		((struct vnet_hdr *)data)->num_buffers = 0;
	if (d->crime == TOO_MANY_BUFFERS)
		((struct vnet_hdr *)data)->num_buffers = 0xfff0;
	done = 0;
	for (unsigned i = 0; i < n; i++) {
		memcpy(mem(d, e[i].address, length[i]), data + done, length[i]);
		done += length[i];
	}
	if (d->crime == WRONG_ID)
		e[0].a = (uint16_t)((e[0].a + q->num - 1) % q->num);
	if (d->crime == ID_OUTSIDE)
		e[0].a = 0x8000;
	if (d->crime == TOO_LONG)
		length[0] = 0x7fffffff;
	if (d->crime == NO_LENGTH)
		length[0] = 0;
	/* The first entry of a frame last (5.1.6.4 wants all of them at once). */
	for (unsigned i = n; i--;)
		dev_used(d, q, position + i, 1, e[i].a, length[i], true);
	if (d->crime == INDEX_JUMP)
		n += q->num;
	dev_publish(d, q, position + n);
	dev_interrupt(d, q);
	return true;
}

/* --- A driver on it ----------------------------------------------------------------------------------------------------------- */

struct rig {
	struct device d;
	struct vnet v;
	struct vnet_config config;
};

static const uint64_t plain = 1ull << VNET_F_VERSION_1 | 1ull << VNET_F_ACCESS_PLATFORM |
			      1ull << VNET_F_IN_ORDER | 1ull << VNET_F_MAC | 1ull << VNET_F_MTU |
			      1ull << VNET_F_STATUS | 1ull << VNET_F_MRG_RXBUF;

struct kind {
	bool packed, event_idx;
	unsigned size;
};

static void rig_lay(struct rig *g, void *memory, size_t bytes, const struct kind *k)
{
	memset(g, 0, sizeof(*g));
	g->d.memory = memory;
	g->d.bytes = bytes;
	g->d.offered = plain | (uint64_t)k->packed << VNET_F_RING_PACKED |
		       (uint64_t)k->event_idx << VNET_F_EVENT_IDX;
	g->d.mtu = 1500;
	g->d.link = 1;
	memcpy(g->d.mac, "\x02\0\0\0\0\x07", 6);
	g->config = (struct vnet_config){ .memory = memory,
					  .bytes = bytes,
					  .guest_address = BASE,
					  .queue_size = k->size,
					  .device = { dev_read, dev_write, dev_kick, &g->d } };
}

static struct rig *rig_new(const struct kind *k)
{
	struct rig *g = malloc(sizeof(*g));
	size_t bytes = vnet_bytes(k->size, 1500);
	void *memory = aligned_alloc(4096, bytes);
	memset(memory, 0, bytes);
	rig_lay(g, memory, bytes, k);
	assert_int_equal(vnet_start(&g->v, &g->config), 0);
	return g;
}

static void rig_free(struct rig *g)
{
	free(g->d.memory);
	free(g);
}

static bool drv_send(struct vnet *v, uint32_t number)
{
	size_t room;
	uint8_t *to = vnet_tx_buffer(v, &room);
	if (!to)
		return false;
	assert_true(room >= VNET_HDR_BYTES + FRAME_MAX);
	memset(to, 0, VNET_HDR_BYTES);
	vnet_tx_send(v, VNET_HDR_BYTES + make_frame(to + VNET_HDR_BYTES, number));
	return true;
}

/* Joins a received frame; its number. */
static uint32_t drv_frame(const struct vnet_frame *f)
{
	uint8_t frame[FRAME_MAX];
	size_t done = 0;
	assert_true(f->bytes <= sizeof(frame) && f->bytes >= 18);
	for (unsigned i = 0; i < f->parts; i++) {
		memcpy(frame + done, f->part[i].iov_base, f->part[i].iov_len);
		done += f->part[i].iov_len;
	}
	assert_int_equal(done, f->bytes);
	assert_true(is_frame(frame, done, number_of(frame)));
	return number_of(frame);
}

static const struct kind kinds[] = {
	{ true, true, 256 },   { true, false, 8 }, { false, true, 64 },
	{ false, false, 256 }, { true, true, 2 },  { false, true, 2 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void test_bring_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct rig *g = rig_new(&kinds[i]);
		assert_int_equal(g->d.status, 0x0f);
		assert_int_equal(g->d.features, g->d.offered);
		assert_int_equal(g->v.mtu, 1500);
		assert_true(g->v.link_up);
		assert_memory_equal(g->v.mac, g->d.mac, 6);
		assert_int_equal(g->d.q[0].num, kinds[i].size);
		/* All receive buffers are there, and the device has been told. */
		assert_int_equal(vring_free(&g->v.ring[VNET_RX]), 0);
		assert_int_equal(g->d.kicks[VNET_RX], 1);
		vnet_stop(&g->v);
		assert_int_equal(g->d.status, 0);
		rig_free(g);
	}
}

static void test_odd_queue_size(void **state)
{
	struct rig *g = rig_new(&kinds[0]);
	(void)state;
	g->config.queue_size = 100;
	assert_int_equal(vnet_start(&g->v, &g->config), 0);
	assert_int_equal(g->d.q[VNET_TX].num, 64);
	g->config.queue_size = 257;
	assert_int_equal(vnet_start(&g->v, &g->config), -EINVAL);
	rig_free(g);
}

static void test_features(void **state)
{
	struct kind k = kinds[0];
	struct rig *g = rig_new(&k);
	(void)state;
	/* Offloads only with what they depend on, and segmentation only with memory for it. */
	g->d.offered |= 1ull << VNET_F_HOST_TSO4 | 1ull << VNET_F_GUEST_TSO4 | 1ull << 40;
	assert_int_equal(vnet_start(&g->v, &g->config), 0);
	assert_false(vnet_has(&g->v, VNET_F_HOST_TSO4) || vnet_has(&g->v, VNET_F_GUEST_TSO4) ||
		     vnet_has(&g->v, 40));
	g->d.offered |= 1ull << VNET_F_CSUM | 1ull << VNET_F_GUEST_CSUM;
	assert_int_equal(vnet_start(&g->v, &g->config), 0);
	assert_true(vnet_has(&g->v, VNET_F_CSUM) && vnet_has(&g->v, VNET_F_GUEST_TSO4));
	assert_false(vnet_has(&g->v, VNET_F_HOST_TSO4));
	g->config.split = true;
	assert_int_equal(vnet_start(&g->v, &g->config), 0);
	assert_false(vnet_has(&g->v, VNET_F_RING_PACKED));
	g->d.offered &= ~(1ull << VNET_F_IN_ORDER);
	assert_int_equal(vnet_start(&g->v, &g->config), -ENOTSUP);
	assert_true(strstr(g->v.error, "IN_ORDER") != NULL);
	rig_free(g);
}

static void test_mtu_beyond_memory(void **state)
{
	struct rig *g = rig_new(&kinds[0]);
	(void)state;
	g->d.mtu = 9000;
	assert_int_equal(vnet_start(&g->v, &g->config), -ENOSPC);
	rig_free(g);
}

static void test_configuration_change(void **state)
{
	struct rig *g = rig_new(&kinds[0]);
	(void)state;
	g->d.link = 0;
	g->d.mtu = 1400;
	g->d.generation++;
	assert_int_equal(vnet_check(&g->v), 0);
	assert_true(g->v.link_up);
	g->d.isr = 3;
	assert_int_equal(vnet_check(&g->v), 0);
	assert_int_equal(g->d.isr, 1);
	assert_false(g->v.link_up);
	assert_int_equal(g->v.mtu, 1400);
	g->d.status |= 0x40;
	assert_int_equal(vnet_check(&g->v), -EPROTO);
	assert_false(g->v.up);
	rig_free(g);
}

/* A doorbell is rung for a frame when the device waits, not when it says that it looks by itself. */
static void test_doorbell_suppression(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct rig *g = rig_new(&kinds[i]);
		uint32_t number = 0;
		dev_transmit(&g->d, 1, &number, false);
		unsigned kicks = g->d.kicks[VNET_TX];
		assert_true(drv_send(&g->v, 0));
		vnet_flush(&g->v);
		assert_int_equal(g->d.kicks[VNET_TX], kicks + 1);
		g->d.always_quiet = true;
		dev_transmit(&g->d, 1, &number, false);
		dev_notify(&g->d, &g->d.q[VNET_TX]);
		assert_true(drv_send(&g->v, 1));
		vnet_flush(&g->v);
		assert_int_equal(g->d.kicks[VNET_TX], kicks + 1);
		vnet_flush(&g->v);
		assert_int_equal(g->d.kicks[VNET_TX], kicks + 1);
		rig_free(g);
	}
}

static void test_interrupt_suppression(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		struct rig *g = rig_new(&kinds[i]);
		struct vnet_frame f;
		assert_false(vnet_arm(&g->v, false));
		dev_receive(&g->d, 0, 0);
		assert_int_equal(g->d.interrupts, 1);
		vnet_quiet(&g->v);
		dev_receive(&g->d, 1, 0);
		assert_int_equal(g->d.interrupts, 1);
		/* What came while nobody wanted to know is seen when somebody does. */
		assert_true(vnet_arm(&g->v, false));
		assert_int_equal(vnet_receive(&g->v, &f), 1);
		assert_int_equal(vnet_receive(&g->v, &f), 1);
		vnet_rx_release(&g->v);
		assert_false(vnet_arm(&g->v, false));
		assert_true(dev_receive(&g->d, 2, 0));
		assert_int_equal(g->d.interrupts, 2);
		rig_free(g);
	}
}

/* Random turns of driver and device, many times around each ring; the driver is replaced now and then. */
static void run_random(const struct kind *k, uint64_t *random, unsigned steps, bool resume)
{
	struct rig *g = rig_new(k);
	uint32_t sent = 0, transmitted = 0, delivered = 0, received = 0;
	for (unsigned s = 0; s < steps; s++) {
		struct vnet_frame f;
		switch (below(random, 6)) {
		case 0:
			for (unsigned n = below(random, 40); n-- && drv_send(&g->v, sent);)
				sent++;
			break;
		case 1:
			dev_transmit(&g->d, 1 + below(random, 30), &transmitted, false);
			break;
		case 2:
			for (unsigned n = below(random, 40); n--;)
				delivered +=
					dev_receive(&g->d, delivered,
						    k->size > 2 ? 400 + below(random, 2000) : 0);
			break;
		case 3:
			for (unsigned n = below(random, 40); n--;) {
				int one = vnet_receive(&g->v, &f);
				assert_true(one >= 0);
				if (!one)
					break;
				assert_int_equal(drv_frame(&f), received);
				received++;
			}
			vnet_rx_release(&g->v);
			break;
		case 4:
			vnet_flush(&g->v);
			break;
		case 5:
			if (resume && !below(random, 4)) {
				/* Split rings lose what was not published: the device has not seen it. */
				memset(&g->v, 0xa5, sizeof(g->v));
				assert_int_equal(vnet_resume(&g->v, &g->config), 0);
				sent = (uint32_t)g->v.ring[VNET_TX].avail;
			} else if (below(random, 2)) {
				vnet_quiet(&g->v);
			} else {
				vnet_arm(&g->v, below(random, 2));
			}
		}
		assert_true(g->v.up);
	}
	vnet_flush(&g->v);
	while (dev_transmit(&g->d, 30, &transmitted, false)) {
	}
	assert_int_equal(sent, transmitted);
	struct vnet_frame f;
	while (vnet_receive(&g->v, &f) == 1)
		assert_int_equal(drv_frame(&f), received++);
	assert_int_equal(received, delivered);
	assert_true(sent > k->size * 4 && received > k->size * 4);
	assert_int_equal(g->v.stats.errors, 0);
	rig_free(g);
}

static void test_random(void **state)
{
	uint64_t random = seed;
	(void)state;
	for (unsigned i = 0; i < KINDS; i++) {
		run_random(&kinds[i], &random, 6000, false);
		run_random(&kinds[i], &random, 6000, true);
	}
}

/* The other process was killed after it posted a packed descriptor and before it noted that. */
static void test_resume_unnoted(void **state)
{
	struct rig *g = rig_new(&kinds[0]);
	uint32_t number = 0;
	(void)state;
	assert_true(drv_send(&g->v, 0));
	assert_true(drv_send(&g->v, 1));
	assert_int_equal(dev_transmit(&g->d, 1, &number, false), 1);
	memset(&g->v, 0, sizeof(g->v));
	assert_int_equal(vnet_resume(&g->v, &g->config), 0);
	assert_int_equal(g->v.ring[VNET_TX].avail, 2);
	assert_true(drv_send(&g->v, 2));
	assert_int_equal(dev_transmit(&g->d, 9, &number, false), 2);
	rig_free(g);
}

static void test_resume_refused(void **state)
{
	struct rig *g = rig_new(&kinds[0]);
	uint8_t *copy = malloc(4096);
	uint64_t random = seed;
	(void)state;
	memcpy(copy, g->d.memory, 4096);
	g->d.status |= 0x40;
	assert_int_equal(vnet_resume(&g->v, &g->config), -ESTALE);
	g->d.status &= ~0x40u;
	assert_int_equal(vnet_resume(&g->v, &g->config), 0);
	g->d.status = 0;
	assert_int_equal(vnet_resume(&g->v, &g->config), -ESTALE);
	g->d.status = 0x0f;
	memset(g->d.memory, 0, 4096);
	assert_int_equal(vnet_resume(&g->v, &g->config), -ESTALE);
	/* A page that the device scribbled over: refused or used, but only what is ours is touched (the sanitizer watches). */
	for (unsigned i = 0; i < 3000; i++) {
		memcpy(g->d.memory, copy, 4096);
		for (unsigned n = 1 + below(&random, 3); n--;)
			g->d.memory[below(&random, 96)] = (uint8_t)random64(&random);
		if (vnet_resume(&g->v, &g->config))
			continue;
		struct vnet_frame f;
		size_t room;
		vnet_receive(&g->v, &f);
		vnet_rx_release(&g->v);
		uint8_t *to = vnet_tx_buffer(&g->v, &room);
		if (to) {
			memset(to, 0, room);
			vnet_tx_send(&g->v, room);
		}
		vnet_flush(&g->v);
	}
	free(copy);
	rig_free(g);
}

/* Each crime is seen, counted once and ends the queue; a restart brings it back. */
static void test_crimes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KINDS; i++)
		for (enum crime c = WRONG_ID; c < CRIMES; c++) {
			const struct kind *k = &kinds[i];
			struct vnet_frame f;
			size_t room;
			if ((c == INDEX_JUMP || c == USED_TOO_MANY) && k->packed)
				continue;
			struct rig *g = rig_new(k);
			assert_true(dev_receive(&g->d, 0, 0));
			assert_int_equal(vnet_receive(&g->v, &f), 1);
			vnet_rx_release(&g->v);
			g->d.crime = c;
			if (c == USED_TOO_MANY) {
				while (vnet_tx_buffer(&g->v, &room))
					vnet_tx_send(&g->v, room);
				dev_publish(&g->d, &g->d.q[VNET_TX], k->size + 1);
				assert_null(vnet_tx_buffer(&g->v, &room));
			} else {
				assert_true(dev_receive(&g->d, 1, 0));
				assert_int_equal(vnet_receive(&g->v, &f), -EPROTO);
			}
			assert_false(g->v.up);
			assert_int_equal(g->v.stats.errors, 1);
			assert_true(strstr(g->v.error, "queue: ") != NULL);
			assert_int_equal(vnet_receive(&g->v, &f), 0);
			assert_null(vnet_tx_buffer(&g->v, &room));
			g->d.crime = INNOCENT;
			assert_int_equal(vnet_start(&g->v, &g->config), 0);
			assert_true(dev_receive(&g->d, 0, 0));
			assert_int_equal(vnet_receive(&g->v, &f), 1);
			assert_int_equal(g->v.stats.errors, 1);
			rig_free(g);
		}
}

/* A frame whose further buffers do not come: no frame, no error, and no reason to look again before they do. */
static void test_incomplete_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct rig *g = rig_new(&kinds[i]);
		struct vnet_frame f;
		struct dev_desc e;
		struct dev_queue *q = &g->d.q[VNET_RX];
		assert_true(dev_take(&g->d, q, &e));
		memset(mem(&g->d, e.address, e.bytes), 0, e.bytes);
		((struct vnet_hdr *)mem(&g->d, e.address, VNET_HDR_BYTES))->num_buffers = 2;
		dev_used(&g->d, q, 0, 1, e.a, 100, true);
		dev_publish(&g->d, q, 1);
		assert_int_equal(vnet_receive(&g->v, &f), 0);
		assert_false(vnet_arm(&g->v, false));
		rig_free(g);
	}
}

/* A device that writes anything anywhere in the memory, at random. */
static void test_scribble(void **state)
{
	uint64_t random = seed;
	unsigned broken = 0;
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		const struct kind *k = &kinds[below(&random, KINDS)];
		struct rig *g = rig_new(k);
		struct vnet_frame f;
		size_t room;
		size_t rings = (size_t)(g->v.ring[VNET_RX].c.buffer_address - BASE);
		for (unsigned turn = 0; turn < 20 && g->v.up; turn++) {
			for (unsigned n = below(&random, 40); n--;)
				g->d.memory[below(&random, (unsigned)rings)] =
					(uint8_t)random64(&random);
			if (g->d.features >> VNET_F_RING_PACKED & 1) {
				dev_used(&g->d, &g->d.q[0], (uint32_t)g->v.ring[0].used, 1,
					 (uint32_t)g->v.ring[0].used % k->size,
					 below(&random, 4000), true);
			}
			while (vnet_receive(&g->v, &f) == 1)
				for (unsigned p = 0; p < f.parts; p++)
					assert_true(mem(&g->d,
							BASE + (uint64_t)((uint8_t *)f.part[p]
										  .iov_base -
									  g->d.memory),
							f.part[p].iov_len) != NULL);
			vnet_rx_release(&g->v);
			for (unsigned n = 3; n-- && vnet_tx_buffer(&g->v, &room);)
				vnet_tx_send(&g->v, room);
			vnet_flush(&g->v);
			vnet_arm(&g->v, true);
		}
		broken += !g->v.up;
		rig_free(g);
	}
	assert_true(broken > 100);
}

/* --- Another process ------------------------------------------------------------------------------------------------------------ */

struct shared {
	struct rig rig;
	_Atomic uint32_t sent, received; /* by the driver */
	_Atomic bool stop;
};

static void nap(unsigned us)
{
	struct timespec t = { .tv_nsec = us * 1000l };
	nanosleep(&t, NULL);
}

/* The driver: sends and receives as fast as it can, and notes what it did behind doing it. */
static void drive(struct shared *s, struct vnet *v)
{
	struct vnet_frame f;
	while (!atomic_load(&s->stop)) {
		bool idle = true;
		while (vnet_receive(v, &f) == 1) {
			uint32_t number = drv_frame(&f), expected = atomic_load(&s->received);
			/* Again what was taken and not given back, never a gap. */
			if (number > expected)
				_exit(3);
			if (number == expected)
				atomic_store(&s->received, number + 1);
			vnet_rx_release(v);
			idle = false;
		}
		for (unsigned n = 8; n--;) {
			uint32_t number = atomic_load(&s->sent);
			if (!drv_send(v, number))
				break;
			vring_publish(&v->ring[VNET_TX]);
			atomic_store(&s->sent, number + 1);
			idle = false;
		}
		vnet_flush(v);
		if (!v->up)
			_exit(4);
		if (idle)
			nap(20);
	}
}

static void *device_thread(void *arg)
{
	struct shared *s = arg;
	uint32_t transmitted = 0, delivered = 0;
	while (!atomic_load(&s->stop)) {
		bool idle = !dev_transmit(&s->rig.d, 16, &transmitted, true);
		for (unsigned n = 16; n-- && dev_receive(&s->rig.d, delivered, 700);)
			delivered++, idle = false;
		if (idle)
			nap(20);
	}
	return NULL;
}

/* Drivers are killed at any instruction; the next one goes on, and no frame is lost, changed or out of order. */
static void run_killed(const struct kind *k, unsigned kills, uint64_t *random)
{
	size_t bytes = vnet_bytes(k->size, 1500);
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	assert_true(memory != MAP_FAILED && s != MAP_FAILED);
	rig_lay(&s->rig, memory, bytes, k);
	assert_int_equal(vnet_start(&s->rig.v, &s->rig.config), 0);
	assert_int_equal(pthread_create(&thread, NULL, device_thread, s), 0);
	for (unsigned i = 0; i < kills; i++) {
		pid_t child = fork();
		if (!child) {
			struct vnet v;
			if (vnet_resume(&v, &s->rig.config))
				_exit(2);
			drive(s, &v);
			_exit(0);
		}
		assert_true(child > 0);
		nap(500 + below(random, 4000));
		kill(child, SIGKILL);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status))
			fail_msg("the driver ended with %d", WEXITSTATUS(status));
	}
	atomic_store(&s->stop, true);
	pthread_join(thread, NULL);
	print_message("# %s, %u buffers: %u frames sent, %u received, %u drivers killed\n",
		      k->packed ? "packed" : "split", k->size, s->sent, s->received, kills);
	assert_true(s->sent > kills && s->received > kills);
	munmap(s, sizeof(*s));
	munmap(memory, bytes);
}

static void test_killed(void **state)
{
	uint64_t random = seed;
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		run_killed(&kinds[i], 40, &random);
}

int main(void)
{
	const char *text = getenv("VIRTIO_SEED");
	seed = text ? strtoull(text, NULL, 0) : ((uint64_t)time(NULL) << 20 ^ (uint64_t)getpid());
	seed |= 1;
	printf("# VIRTIO_SEED=%llu\n", (unsigned long long)seed);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bring_up),
		cmocka_unit_test(test_odd_queue_size),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_mtu_beyond_memory),
		cmocka_unit_test(test_configuration_change),
		cmocka_unit_test(test_doorbell_suppression),
		cmocka_unit_test(test_interrupt_suppression),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_resume_unnoted),
		cmocka_unit_test(test_resume_refused),
		cmocka_unit_test(test_crimes),
		cmocka_unit_test(test_incomplete_frame),
		cmocka_unit_test(test_scribble),
		cmocka_unit_test(test_killed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
