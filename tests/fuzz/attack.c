// SPDX-License-Identifier: Apache-2.0
// What a hostile guest does: anything that a guest can do with its device page and its memory.
#include "fuzz.h"

#define NEXT	 1u
#define WRITE	 2u
#define INDIRECT 4u
#define AVAIL	 0x80u
#define USED	 0x8000u

#define PAGE 4096u

struct desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t a, b; /* packed: id, flags; split: flags, next */
};

uint64_t any64(struct rng *r)
{
	/* splitmix64 */
	uint64_t x = r->state += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint32_t below(struct rng *r, uint32_t n)
{
	return n ? (uint32_t)((any64(r) >> 32) * n >> 32) : 0;
}

static struct gls_guest *guest_of(const struct hostile *h)
{
	return guest[h->context];
}

static void put(struct hostile *h, uint32_t offset, uint32_t value, unsigned size)
{
	gls_write(nic, GLS_BAR2, h->context * PAGE + offset, value, size);
}

/* --- Values that are worth trying ------------------------------------------------------------------------------------------ */

static uint32_t some_value(struct rng *r)
{
	static const uint32_t values[] = {
		0,	1,	 2,	     3,		 4,	     8,		11,
		15,	0x40,	 0x7f,	     0x80,	 0xff,	     0x100,	0x101,
		0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff
	};
	unsigned n = sizeof(values) / sizeof(values[0]);
	return below(r, 4) ? values[below(r, n)] : (uint32_t)any64(r);
}

static uint32_t some_length(struct rng *r)
{
	static const uint32_t lengths[] = {
		0,    1,    4,	   11,	  12,	    13,		16,	    25,	       26,   27,
		32,   60,   72,	   76,	  100,	    128,	512,	    1024,      1500, 1526,
		1530, 1531, 2048,  4095,  4096,	    4097,	8192,	    9030,      9034, 9035,
		9216, 9217, 65535, 65536, 0x100000, 0x7fffffff, 0xfffffff0, 0xffffffff
	};
	unsigned n = sizeof(lengths) / sizeof(lengths[0]);
	return below(r, 3) ? lengths[below(r, n)] : 1 + below(r, 2000);
}

uint64_t some_address(struct hostile *h, struct rng *r)
{
	static const uint64_t places[] = {
		0,
		0x1000,
		0x10000000,
		0x20000000,
		0xfee00000,
		0xf0000000,
		0xf0008000,
		0xf0100000,
		0xc000000000,
		1ull << 39,
		(1ull << 39) - PAGE,
		(1ull << 38),
		1ull << 40,
		1ull << 52,
		1ull << 63,
		0ull - PAGE,
		0ull - 64,
		0xffffffffull,
		0x100000000ull,
		0x100000,
	};
	uint64_t region, region_bytes;
	const struct victim_queue *q = &h->queue[below(r, 2)];
	switch (below(r, 16)) {
	default:
		return h->memory + below(r, (uint32_t)h->bytes);
	case 6: /* near the end of a page */
		return h->memory + (below(r, (uint32_t)(h->bytes / PAGE)) + 1) * PAGE - 1 -
		       below(r, 100);
	case 7: /* across the end of all */
		return h->memory + h->bytes - 1 - below(r, 3000);
	case 8: /* host address of another guest's page */
		if (fuzz.innocents) {
			struct gls_guest *g = guest[fuzz.innocent[below(r, fuzz.innocents)]];
			return gls_guest_host_address(g, 0x100000 + below(r, 2 << 20));
		}
		return 0x100000;
	case 9: /* where others have their memory */
		return 0x100000 + below(r, 4 << 20);
	case 10:
		gls_table_region(nic, &region, &region_bytes);
		return region + below(r, (uint32_t)region_bytes);
	case 11:
	case 12:
		return places[below(r, sizeof(places) / sizeof(places[0]))] + below(r, 3) * 4;
	case 13: /* the rings themselves */
		return q->area[below(r, 3)] + below(r, q->size ? 16 * q->size : 16);
	case 14:
		return any64(r) & ((1ull << 39) - 1);
	case 15:
		return any64(r);
	}
}

static void poke(struct hostile *h, uint64_t address, const void *from, size_t bytes)
{
	void *to = gls_guest_memory(guest_of(h), address, bytes);
	if (to)
		memcpy(to, from, bytes);
}

/* --- Rings ----------------------------------------------------------------------------------------------------------------- */

void hostile_rings(struct hostile *h)
{
	for (unsigned q = 0; q < 2; q++) {
		struct gls_ring_info info;
		gls_guest_ring(guest_of(h), q, &info);
		h->packed = info.packed;
		h->queue[q] =
			(struct victim_queue){ .area = { info.desc, info.driver, info.device },
					       .size = info.size,
					       .wrap = true };
	}
}

/* Descriptor i of a table at an address; `chain` as a split ring's or indirect table's next. */
static void set_desc(struct hostile *h, uint64_t table, unsigned i, uint64_t address,
		     uint32_t bytes, unsigned flags, unsigned next)
{
	struct desc d = { address, bytes, 0, 0 };
	if (h->packed) {
		d.a = (uint16_t)i;
		d.b = (uint16_t)flags;
	} else {
		d.a = (uint16_t)flags;
		d.b = (uint16_t)next;
	}
	poke(h, table + 16ull * i, &d, sizeof(d));
}

static unsigned some_flags(struct rng *r)
{
	return below(r, 3) ? (below(r, 2) ? NEXT : 0) | (below(r, 3) ? 0 : WRITE)
			   : below(r, 8) | (below(r, 8) ? 0 : (unsigned)any64(r) & 0xffff);
}

/* Shows the driver's `count` further descriptors (packed: they are in the ring; split: one head) to the device. */
static void offer(struct hostile *h, unsigned q, unsigned head, unsigned count)
{
	struct victim_queue *v = &h->queue[q];
	if (!h->packed && v->size) {
		uint16_t entry = (uint16_t)head, index;
		poke(h, v->area[1] + 4 + 2 * (v->at % v->size), &entry, 2);
		v->at++;
		index = (uint16_t)v->at;
		poke(h, v->area[1] + 2, &index, 2);
	} else if (v->size) {
		v->at += count;
		if (v->at >= v->size) {
			v->at %= v->size;
			v->wrap = !v->wrap;
		}
	}
	put(h, GL_DEV_QUEUE_NOTIFY, q, 4);
}

static unsigned mark(const struct victim_queue *v, unsigned i)
{
	bool wrap = v->at + i >= v->size ? !v->wrap : v->wrap;
	return wrap ? AVAIL : USED;
}

/* A chain of random descriptors where the driver would put its next one. */
static void chain(struct hostile *h, struct rng *r)
{
	unsigned q = below(r, 4) ? 1 : 0;
	struct victim_queue *v = &h->queue[q];
	if (!v->size)
		return;
	unsigned n = 1 + below(r, below(r, 8) ? 4 : 300);
	unsigned first = v->at % v->size;
	bool table = !below(r, 4);
	uint64_t indirect = h->memory + h->bytes - PAGE * (1ull + below(r, 8));
	for (unsigned i = n; i--;) {
		unsigned at = (first + i) % v->size;
		unsigned flags = i + 1 < n ? NEXT : 0;
		uint64_t address =
			below(r, 3) ? h->memory + below(r, (uint32_t)h->bytes) : some_address(h, r);
		uint32_t bytes = below(r, 3) ? 1 + below(r, 400) : some_length(r);
		if (q == 0)
			flags |= WRITE;
		if (!below(r, 10))
			flags ^= 1u << below(r, 3);
		if (!below(r, 30))
			flags = some_flags(r);
		unsigned next = below(r, 20)  ? (at + 1) % v->size
				: below(r, 2) ? first
					      : some_value(r);
		if (table)
			set_desc(h, indirect, i, address, bytes, flags,
				 below(r, 20) ? i + 1 : next);
		else
			set_desc(h, v->area[0], at, address, bytes,
				 flags | (h->packed ? mark(v, i) : 0), next);
	}
	if (table)
		set_desc(h, v->area[0], first, below(r, 12) ? indirect : some_address(h, r),
			 below(r, 8) ? 16 * n : some_length(r),
			 INDIRECT | (below(r, 10) ? 0 : some_flags(r)) |
				 (h->packed ? mark(v, 0) : 0),
			 (first + 1) % v->size);
	offer(h, q, below(r, 20) ? first : some_value(r), table ? 1 : n);
}

/* Changes fields of descriptors that the device may have, or is about to read. */
static void spoil_one(struct hostile *h, struct rng *r)
{
	const struct victim_queue *v = &h->queue[below(r, 2)];
	struct desc d;
	if (!v->size)
		return;
	uint64_t at = v->area[0] + 16ull * below(r, below(r, 3) ? v->size : 16);
	const void *from = gls_guest_memory(guest_of(h), at, sizeof(d));
	if (!from)
		return;
	memcpy(&d, from, sizeof(d));
	switch (below(r, 6)) {
	case 0:
	case 1:
		d.address = some_address(h, r);
		break;
	case 2:
		d.bytes = some_length(r);
		break;
	case 3:
		d.a ^= (uint16_t)(1u << below(r, 16));
		break;
	case 4:
		d.b ^= (uint16_t)(1u << below(r, 16));
		break;
	default:
		d = (struct desc){ some_address(h, r), some_length(r), (uint16_t)any64(r),
				   (uint16_t)any64(r) };
		break;
	}
	poke(h, at, &d, sizeof(d));
}

static void noise(struct hostile *h, struct rng *r)
{
	for (unsigned n = 1 + below(r, 80); n--;) {
		const struct victim_queue *v = &h->queue[below(r, 2)];
		unsigned area = below(r, 3);
		uint32_t bytes = v->size * (area ? 4 : 16);
		uint8_t value = (uint8_t)some_value(r);
		poke(h, v->area[area] + below(r, below(r, 2) ? bytes / 16 + 4 : bytes), &value, 1);
	}
	put(h, GL_DEV_QUEUE_NOTIFY, below(r, 2), 4);
}

static void indices(struct hostile *h, struct rng *r)
{
	unsigned q = below(r, 2);
	struct victim_queue *v = &h->queue[q];
	uint16_t value = (uint16_t)some_value(r);
	if (h->packed) { /* the wrap of a whole stretch of the ring */
		unsigned n = below(r, v->size + 1);
		for (unsigned i = 0; i < n; i++) {
			uint16_t flags = (uint16_t)(below(r, 2) ? AVAIL : USED | below(r, 8));
			poke(h, v->area[0] + 16ull * ((v->at + i) % v->size) + 14, &flags, 2);
		}
	} else {
		if (below(r, 2))
			value = (uint16_t)(v->at + below(r, v->size + 2));
		poke(h, v->area[1] + 2, &value, 2);
		if (below(r, 2) && v->size) {
			uint16_t head = (uint16_t)some_value(r);
			poke(h, v->area[1] + 4 + 2 * below(r, v->size), &head, 2);
		}
	}
	put(h, GL_DEV_QUEUE_NOTIFY, q, 4);
}

/* Event suppression: packed flags and offsets, split flags and used_event. */
static void events(struct hostile *h, struct rng *r)
{
	const struct victim_queue *v = &h->queue[below(r, 2)];
	uint32_t value = some_value(r);
	poke(h, v->area[1], &value, below(r, 2) ? 4 : 2);
	if (!h->packed)
		poke(h, v->area[1] + 4 + 2ull * v->size, &value, 2);
	put(h, GL_DEV_INTERRUPT_ACK, below(r, 4), 4);
	gls_read_async(nic, GLS_BAR2, h->context * PAGE + GL_DEV_INTERRUPT_STATUS, 4, NULL, NULL);
}

/* --- Frames ---------------------------------------------------------------------------------------------------------------- */

/* A frame that breaks some rule of the network, or none, correctly sent. */
static void frame(struct hostile *h, struct rng *r, bool keep)
{
	uint8_t octet[9300], to[6], from[6];
	struct victim_queue *v = &h->queue[1];
	size_t bytes = below(r, 3) ? 14 + below(r, 1501) : 14 + below(r, 60);
	if (!below(r, 8))
		bytes = 1500 + below(r, 7600);
	if (!v->size)
		return;
	net_mac(h->context, from);
	unsigned whom = below(r, 8);
	net_mac(whom < 2 && fuzz.innocents ? fuzz.innocent[below(r, fuzz.innocents)]
		: whom < 5		   ? fuzz.hostile[below(r, fuzz.hostiles)].context
		: whom < 6		   ? WIRE
					   : NOBODY,
		to);
	if (!below(r, 12))
		memset(to, 255, 6);
	else if (!below(r, 12))
		to[0] |= 1; /* a multicast address */
	if (!below(r, 4)) { /* somebody else's source */
		if (below(r, 2) && fuzz.innocents)
			net_mac(fuzz.innocent[below(r, fuzz.innocents)], from);
		else
			from[below(r, 6)] ^= (uint8_t)(1u << below(r, 8));
	}
	net_build(octet, bytes < 20 ? 20 : bytes, to, from, below(r, 5) ? 0 : 1 + below(r, 4095));
	for (size_t i = 14; i < bytes; i++)
		octet[i] = (uint8_t)(i < 60 ? octet[i] : i);
	/* The header of virtio_net: zero, or something. */
	uint8_t header[12] = { 0 };
	for (unsigned i = 0; i < 12 && !below(r, 4); i++)
		header[i] = (uint8_t)any64(r);
	uint64_t at = h->memory + h->bytes - 3 * 16384 + 16384ull * below(r, 3) + below(r, 64);
	for (size_t i = 0; i < 12 + bytes;) { /* guest memory is not contiguous */
		uint8_t byte = i < 12 ? header[i] : octet[i - 12];
		poke(h, at + i, &byte, 1);
		i++;
	}
	unsigned slot = v->at % v->size;
	set_desc(h, v->area[0], slot, at, (uint32_t)(12 + bytes), h->packed ? mark(v, 0) : 0, 0);
	if (keep)
		offer(h, 1, slot, 1);
	else
		put(h, GL_DEV_QUEUE_NOTIFY, 1, 4);
}

void hostile_use(struct hostile *h, struct rng *r, uint64_t address, uint64_t bytes)
{
	struct victim_queue *rx = &h->queue[0], *tx = &h->queue[1];
	if (!rx->size || !tx->size || h->absent)
		return;
	uint32_t room = bytes > 0x10000 ? 0x10000 : (uint32_t)bytes;
	for (unsigned n = 1 + below(r, 6); n--;) {
		struct desc d;
		uint64_t at = rx->area[0] + 16ull * below(r, below(r, 2) ? 24 : rx->size);
		const void *from = gls_guest_memory(guest_of(h), at, sizeof(d));
		if (!from)
			continue;
		memcpy(&d, from, sizeof(d));
		d.address = address + below(r, room);
		poke(h, at, &d, sizeof(d));
	}
	for (unsigned n = 1 + below(r, 3); n--;) {
		unsigned slot = tx->at % tx->size;
		set_desc(h, tx->area[0], slot, address + below(r, room), 26 + below(r, 1500),
			 h->packed ? mark(tx, 0) : 0, 0);
		offer(h, 1, slot, 1);
	}
}

/* --- Registers ------------------------------------------------------------------------------------------------------------- */

static uint32_t some_register(struct rng *r)
{
	static const uint16_t registers[] = {
		GL_DEV_DEVICE_FEATURES_SEL, GL_DEV_DRIVER_FEATURES, GL_DEV_DRIVER_FEATURES_SEL,
		GL_DEV_QUEUE_SEL,	    GL_DEV_QUEUE_NUM,	    GL_DEV_QUEUE_READY,
		GL_DEV_QUEUE_NOTIFY,	    GL_DEV_INTERRUPT_ACK,   GL_DEV_STATUS,
		GL_DEV_QUEUE_DESC_LO,	    GL_DEV_QUEUE_DESC_HI,   GL_DEV_QUEUE_DRIVER_LO,
		GL_DEV_QUEUE_DRIVER_HI,	    GL_DEV_QUEUE_DEVICE_LO, GL_DEV_QUEUE_DEVICE_HI,
		GL_DEV_QUEUE_RESET,	    GL_DEV_CONFIG,	    GL_DEV_MAGIC
	};
	return below(r, 4) ? registers[below(r, sizeof(registers) / sizeof(registers[0]))]
			   : below(r, below(r, 4) ? 0x140 : 0x1000);
}

static void registers(struct hostile *h, struct rng *r)
{
	for (unsigned n = 1 + below(r, 6); n--;) {
		unsigned size = below(r, 4) ? 4 : 1u << below(r, 3);
		uint32_t offset = some_register(r) & ~(size - 1);
		if (below(r, 4))
			put(h, offset, some_value(r), size);
		else
			gls_read_async(nic, GLS_BAR2, h->context * PAGE + offset, size, NULL, NULL);
	}
}

/* A processor that combines writes, or reads more than a word: TLPs of several DW with any byte enables, inside the page. */
static void register_burst(struct hostile *h, struct rng *r)
{
	uint32_t count = 1 + below(r, below(r, 4) ? 8 : 32), dw[4 + 32];
	uint64_t address = fuzz.bar2 + h->context * PAGE +
			   (below(r, 2) ? below(r, PAGE - 4 * count + 4) : below(r, 0x100)) / 4 * 4;
	bool write = below(r, 4);
	uint32_t be =
		count > 1 ? (below(r, 3) ? 0xff : 0x80 | below(r, 8) << 4 | 1 | below(r, 8) << 1)
			  : below(r, 16);
	dw[0] = (write ? 0x60000000u : 0x20000000u) | count;
	dw[1] = (0x40 + below(r, 64)) << 8 | be;
	dw[2] = (uint32_t)(address >> 32);
	dw[3] = (uint32_t)address;
	for (uint32_t i = 0; i < count; i++)
		dw[4 + i] = some_value(r);
	gls_tlp_send(nic, dw, write ? 4 + count : 4);
}

static void negotiate(struct hostile *h, struct rng *r)
{
	static const uint8_t statuses[] = { 0, 1, 3, 11, 15, 7, 5, 0x0f, 0x4b, 0x8f, 0x40, 8 };
	for (unsigned n = 1 + below(r, 10); n--;)
		switch (below(r, 4)) {
		case 0:
			put(h, GL_DEV_DRIVER_FEATURES_SEL,
			    below(r, 4) ? below(r, 2) : some_value(r), 4);
			put(h, GL_DEV_DRIVER_FEATURES,
			    below(r, 2) ? (uint32_t)any64(r)
					: (uint32_t)(gls_guest_features(guest_of(h)) >>
						     (below(r, 2) ? 32 : 0)),
			    4);
			break;
		case 1:
			put(h, GL_DEV_DEVICE_FEATURES_SEL, some_value(r), 4);
			break;
		default:
			put(h, GL_DEV_STATUS, statuses[below(r, sizeof(statuses))], 4);
			break;
		}
}

/* Brings the driver up by hand, mostly in order, with areas that are mostly where they may be. */
static void set_up(struct hostile *h, struct rng *r)
{
	uint64_t features = gls_guest_features(guest_of(h));
	unsigned skip = below(r, 3) ? 100 : below(r, 12); /* a step that is left out */
	unsigned step = 0;
#define STEP(offset, value)                       \
	do {                                      \
		if (step++ != skip)               \
			put(h, offset, value, 4); \
	} while (0)
	if (!below(r, 4))
		features ^= 1ull << below(r, 37);
	STEP(GL_DEV_STATUS, 0);
	STEP(GL_DEV_STATUS, 3);
	STEP(GL_DEV_DRIVER_FEATURES_SEL, 1);
	STEP(GL_DEV_DRIVER_FEATURES, (uint32_t)(features >> 32));
	STEP(GL_DEV_DRIVER_FEATURES_SEL, 0);
	STEP(GL_DEV_DRIVER_FEATURES, (uint32_t)features);
	STEP(GL_DEV_STATUS, 11);
	h->packed = features >> GL_FEATURE_RING_PACKED & 1;
	for (unsigned q = 0; q < 2; q++) {
		struct victim_queue *v = &h->queue[q];
		v->size = below(r, 3)	? 1u << below(r, 9)
			  : below(r, 4) ? 1 + below(r, 256)
					: some_value(r) & 0xffff;
		v->at = 0;
		v->wrap = true;
		STEP(GL_DEV_QUEUE_SEL, q);
		put(h, GL_DEV_QUEUE_NUM, v->size, 4);
		for (unsigned i = 0; i < 3; i++) {
			v->area[i] = h->memory + below(r, (uint32_t)(h->bytes / 64)) * 64ull;
			if (!below(r, 4))
				v->area[i] = some_address(h, r);
			put(h, GL_DEV_QUEUE_DESC_LO + 16 * i, (uint32_t)v->area[i], 4);
			put(h, GL_DEV_QUEUE_DESC_HI + 16 * i, (uint32_t)(v->area[i] >> 32), 4);
		}
		STEP(GL_DEV_QUEUE_READY, 1);
		if (!v->size)
			v->size = 1;
		if (v->size > 256)
			v->size = 256;
	}
	STEP(GL_DEV_STATUS, 15);
#undef STEP
	for (unsigned q = 0; q < 2; q++)
		put(h, GL_DEV_QUEUE_NOTIFY, q, 4);
}

/* --- At any cycle ---------------------------------------------------------------------------------------------------------- */

struct later {
	struct hostile *h;
	struct gls_guest *guest;
	struct rng r;
	unsigned what;
};

static void now(void *arg)
{
	struct later l = *(struct later *)arg;
	free(arg);
	/* The guest may be gone by now, and another one in its place. */
	if (guest_of(l.h) != l.guest)
		return;
	switch (l.what) {
	case 0:
		spoil_one(l.h, &l.r);
		break;
	case 1:
		put(l.h, GL_DEV_QUEUE_NOTIFY, below(&l.r, 2), 4);
		break;
	default:
		put(l.h, some_register(&l.r) & ~3u, some_value(&l.r), 4);
		break;
	}
}

static void later(struct hostile *h, struct rng *r, uint32_t cycles, unsigned what)
{
	struct later *l = malloc(sizeof(*l));
	if (!l)
		abort();
	*l = (struct later){ h, guest_of(h), { any64(r) }, what };
	gls_at(nic, gls_now(nic) + 1 + below(r, cycles), now, l);
}

void hostile_storm(struct hostile *h, struct rng *r, unsigned writes, uint32_t cycles)
{
	while (writes--)
		later(h, r, cycles, below(r, 8) ? 1 : below(r, 3) ? 0 : 2);
}

void attack(struct hostile *h, enum op_kind kind, struct rng *r)
{
	if (h->absent || !guest_of(h))
		return;
	h->dirty = true;
	switch (kind) {
	case OP_REGISTER:
		registers(h, r);
		break;
	case OP_REGISTER_BURST:
		register_burst(h, r);
		break;
	case OP_DOORBELLS:
		for (unsigned n = 1 + below(r, 150); n--;)
			put(h, GL_DEV_QUEUE_NOTIFY, below(r, 8) ? below(r, 2) : some_value(r), 4);
		break;
	case OP_RESET:
		hostile_storm(h, r, below(r, 6), 300);
		gls_run(nic, below(r, 200));
		put(h, GL_DEV_STATUS, 0, 4);
		break;
	case OP_NEGOTIATE:
		negotiate(h, r);
		break;
	case OP_SET_UP:
		set_up(h, r);
		break;
	case OP_NOISE:
		noise(h, r);
		break;
	case OP_CHAIN:
		for (unsigned n = 1 + below(r, 3); n--;)
			chain(h, r);
		break;
	case OP_SPOIL:
		for (unsigned n = 1 + below(r, 30); n--;)
			spoil_one(h, r);
		break;
	case OP_INDEX:
		indices(h, r);
		break;
	case OP_EVENTS:
		events(h, r);
		break;
	case OP_FRAME:
		frame(h, r, true);
		break;
	case OP_FLOOD:
		for (unsigned n = 2 + below(r, 14); n--;)
			frame(h, r, true);
		break;
	case OP_RACE: /* descriptors change around the moment in which the device reads them */
		for (unsigned n = 1 + below(r, 12); n--;)
			later(h, r, 1200, 0);
		frame(h, r, true);
		chain(h, r);
		break;
	default:
		hostile_storm(h, r, 1 + below(r, 60), 1 + below(r, 4000));
		break;
	}
}
