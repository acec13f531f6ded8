// SPDX-License-Identifier: Apache-2.0
// Guests: the virtio-net driver of a virtual machine (virtio 1.2, 4.2.2 and 5.1), with register accesses in the order of Linux's
// virtio_mmio and virtio_net, and dom0's part of its set-up. All that the NIC writes into guest memory is checked.
#include "internal.h"
#include "virtq.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RX = 0, TX = 1 };

/* Device status (virtio 1.2, 2.1). */
#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER	   0x02u
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u

#define INTERRUPT_USED	 1u
#define INTERRUPT_CONFIG 2u

#define PAGE_BYTES 4096u /* of a device page */

#define CONFIG_MAC    (GL_DEV_CONFIG + 0)
#define CONFIG_STATUS (GL_DEV_CONFIG + 6)
#define CONFIG_MTU    (GL_DEV_CONFIG + 10)

#define ETH_MIN	      14u
#define ETH_MORE      18u /* Ethernet header and a VLAN tag, beyond the MTU */
/* Guard bytes before and after the room of a buffer, and what guards and rooms are filled with. */
#define GUARD	      64u
#define GUARD_BYTE    0x5a
#define ROOM_BYTE     0xa5
/* Where Linux puts the virtio header of a frame to send, so that the IP header is aligned to 4. */
#define TX_OFFSET     54u
/* Free bytes in a room for pieces at random places. */
#define LAYOUT_SLACK  320u
#define POLL_CYCLES   1000u
#define NAPI_BUDGET   64u
#define FREE_LIMIT    4000000u
#define RANDOM_PIECES 8u

/* A buffer's place in guest memory; it is free, or the device has it. */
struct slot {
	uint64_t at;   /* of the room; guards lie around it */
	uint64_t hash; /* transmit: of the room when the frame was handed over */
	struct virtq_segment segment[VIRTQ_SEGMENTS];
	unsigned segments;
	bool given;	   /* to the device */
	unsigned restarts; /* of the NIC when it was given */
};

struct queue {
	struct virtq vq;
	struct virtq_config config;
	struct slot *slots;
	uint64_t slot_bytes; /* from one to the next */
	uint16_t *
		idle; /* free slots, a ring: taken at `first`, given back there or behind the last */
	unsigned slot_count, idle_count, idle_first;
	bool in_turn;  /* the slot that has been free for longest is taken */
	uint32_t room; /* bytes of each */
};

struct gls_guest {
	struct gls *s;
	struct gls_guest_config c;
	unsigned size;
	struct vmem memory;
	uint64_t *host;	    /* address of each page */
	bool mapped;	    /* the NIC may reach the memory */
	uint64_t allocated; /* bytes of guest memory given out */
	uint64_t features;
	struct queue queue[2];
	struct virtq_faults faults;
	uint32_t frame_max, rx_bytes;
	uint8_t *frame;	  /* being received */
	uint8_t *scratch; /* a room */
	/* a frame in several receive buffers */
	unsigned merge_left;
	uint32_t frame_bytes;
	bool frame_bad;
	/* interrupt handler */
	bool live, handling, again, polling, poll_armed, reclaiming, receiving, tx_stopped;
	unsigned epoch; /* counts restarts: what an earlier driver asked for is nobody's now */
	unsigned reads; /* register reads under way */
	uint32_t status;
	void (*on_receive)(void *arg, const uint8_t *frame, size_t bytes);
	void *on_receive_arg;
	void (*on_sent)(void *arg);
	void *on_sent_arg;
};

/* --- Registers ------------------------------------------------------------------------------------------------------------------ */

static uint32_t page(const struct gls_guest *g)
{
	return g->c.context * PAGE_BYTES;
}

uint32_t gls_guest_read(struct gls_guest *g, uint32_t offset, unsigned size)
{
	return gls_read(g->s, GLS_BAR2, page(g) + offset, size);
}

void gls_guest_write(struct gls_guest *g, uint32_t offset, uint32_t value, unsigned size)
{
	gls_write(g->s, GLS_BAR2, page(g) + offset, value, size);
}

static uint32_t get(struct gls_guest *g, uint32_t offset)
{
	return gls_guest_read(g, offset, 4);
}

static void put(struct gls_guest *g, uint32_t offset, uint32_t value)
{
	gls_guest_write(g, offset, value, 4);
}

static void put64(struct gls_guest *g, uint32_t offset, uint64_t value)
{
	put(g, offset, (uint32_t)value);
	put(g, offset + 4, (uint32_t)(value >> 32));
}

static void ring(struct gls_guest *g, unsigned queue)
{
	if (virtq_kick_wanted(&g->queue[queue].vq))
		put(g, GL_DEV_QUEUE_NOTIFY, queue);
}

/* --- Memory: pages of host memory in an order that is not theirs ------------------------------------------------------------------- */

#define PIECES	   4u
#define HUGE_PAGES 512u /* in a page of 2 MiB */

static uint32_t page_count(const struct gls_guest *g)
{
	return (uint32_t)(g->memory.bytes / VMEM_PAGE);
}

/* Pages from here on that follow each other in the host. */
static uint32_t run_from(const struct gls_guest *g, uint32_t page)
{
	uint32_t n = 1;
	while (page + n < page_count(g) &&
	       g->host[page + n] == g->host[page] + (uint64_t)n * VMEM_PAGE)
		n++;
	return n;
}

static int take_memory(struct gls_guest *g)
{
	uint64_t unit = VMEM_PAGE * (g->c.huge ? HUGE_PAGES : 1ull);
	g->memory.base = g->c.memory_at;
	g->memory.bytes = (g->c.memory + unit - 1) / unit * unit;
	uint32_t pages = page_count(g), run = (pages + PIECES - 1) / PIECES;
	if (g->c.scatter)
		run = 1;
	if (g->c.huge)
		run = HUGE_PAGES;
	g->host = calloc(pages, sizeof(*g->host));
	g->memory.page = calloc(pages, sizeof(*g->memory.page));
	if (!g->host || !g->memory.page)
		return -ENOMEM;
	for (uint32_t at = 0; at < pages; at += run) {
		uint32_t count = pages - at < run ? pages - at : run;
		uint64_t host = pages_take(g->s, g->c.context, count, g->c.huge);
		if (!host)
			return -ENOMEM;
		for (uint32_t i = 0; i < count; i++) {
			g->host[at + i] = host + (uint64_t)i * VMEM_PAGE;
			g->memory.page[at + i] = gls_memory(g->s, g->host[at + i], VMEM_PAGE);
		}
	}
	return 0;
}

static void give_memory(struct gls_guest *g)
{
	/* What the NIC can still reach is nobody else's. */
	for (uint32_t i = 0; g->host && !g->mapped && i < page_count(g); i++)
		if (g->host[i])
			pages_give(g->s, g->host[i], 1);
	free(g->host);
	free(g->memory.page);
}

static int map_memory(struct gls_guest *g)
{
	uint32_t n;
	g->mapped = true;
	for (uint32_t at = 0; at < page_count(g); at += n) {
		n = run_from(g, at);
		int error = gls_map(g->s, g->c.context, g->memory.base + (uint64_t)at * VMEM_PAGE,
				    g->host[at], (uint64_t)n * VMEM_PAGE,
				    GLS_READ | GLS_WRITE | (g->c.huge ? GLS_HUGE : 0));
		if (error)
			return error;
	}
	return 0;
}

/* Guest memory, given out from the bottom until the next layout. */
static uint64_t take(struct gls_guest *g, uint64_t bytes, uint64_t align)
{
	uint64_t at = (g->allocated + align - 1) / align * align;
	g->allocated = at + bytes;
	return g->memory.base + at;
}

static uint64_t take_ring(struct gls_guest *g, uint64_t bytes, uint64_t align)
{
	/* Linux takes whole pages; the standard asks for much less. */
	if (!g->c.random_layout)
		return take(g, bytes, 4096);
	take(g, align * gls_below(g->s, 64) + GUARD, align);
	uint64_t at = take(g, bytes, align);
	take(g, GUARD, 1);
	return at;
}

static int queue_memory(struct gls_guest *g, unsigned n, uint32_t room, uint64_t budget)
{
	struct queue *q = &g->queue[n];
	struct virtq_config *c = &q->config;
	bool packed = g->features >> GL_FEATURE_RING_PACKED & 1;
	uint64_t begin = g->allocated;
	c->name = n == RX ? "receiveq" : "transmitq";
	c->memory = &g->memory;
	c->faults = &g->faults;
	c->size = g->size;
	c->packed = packed;
	c->event_idx = g->features >> GL_FEATURE_EVENT_IDX & 1;
	c->in_order = g->features >> GL_FEATURE_IN_ORDER & 1;
	c->desc = take_ring(g, virtq_desc_bytes(g->size), 16);
	c->driver = take_ring(g, virtq_driver_bytes(g->size, packed), packed ? 4 : 2);
	c->device = take_ring(g, virtq_device_bytes(g->size, packed), 4);
	c->tables = 0;
	if (g->features >> GL_FEATURE_INDIRECT_DESC & 1)
		c->tables = take_ring(g, virtq_tables_bytes(g->size), 16);
	q->room = room;
	q->in_turn = g->c.all_memory;
	uint64_t each = (room + 2 * GUARD + 63) / 64 * 64;
	if (g->allocated - begin + 2 * each > budget)
		return -ENOMEM;
	q->slot_count = g->c.all_memory ? UINT16_MAX : g->size;
	if (q->slot_count > (budget - (g->allocated - begin) - 64) / each)
		q->slot_count = (unsigned)((budget - (g->allocated - begin) - 64) / each);
	free(q->slots);
	free(q->idle);
	q->slots = calloc(q->slot_count, sizeof(*q->slots));
	q->idle = calloc(q->slot_count, sizeof(*q->idle));
	if (!q->slots || !q->idle)
		return -ENOMEM;
	q->slot_bytes = each;
	uint64_t first = take(g, each * q->slot_count, 64);
	vmem_fill(&g->memory, first, GUARD_BYTE, each * q->slot_count);
	for (unsigned i = 0; i < q->slot_count; i++)
		q->slots[i].at = first + i * each + GUARD;
	return 0;
}

static void queue_empty(struct queue *q)
{
	q->idle_first = 0;
	q->idle_count = q->slot_count;
	for (unsigned i = 0; i < q->slot_count; i++)
		q->idle[i] = (uint16_t)i;
	virtq_init(&q->vq, &q->config);
}

static unsigned first_idle(const struct queue *q)
{
	return q->idle[q->idle_first];
}

static void take_idle(struct queue *q)
{
	q->idle_first = (q->idle_first + 1) % q->slot_count;
	q->idle_count--;
}

static void give_idle(struct queue *q, unsigned slot)
{
	unsigned at =
		(q->idle_first + (q->in_turn ? q->idle_count : q->slot_count - 1)) % q->slot_count;
	q->idle[at] = (uint16_t)slot;
	if (!q->in_turn)
		q->idle_first = at;
	q->idle_count++;
}

/* Lays out rings and buffers anew. */
static int lay_out(struct gls_guest *g)
{
	bool merge = g->features >> GL_FEATURE_MRG_RXBUF & 1;
	g->rx_bytes = g->c.rx_buffer;
	if (!merge && g->rx_bytes < GL_HDR_LEN + g->frame_max)
		g->rx_bytes += 9216;
	uint32_t tx_room =
		TX_OFFSET + GL_HDR_LEN + (g->frame_max < 1600 ? 1600 : g->frame_max) + LAYOUT_SLACK;
	g->allocated = GUARD;
	int error = queue_memory(g, RX, g->rx_bytes + LAYOUT_SLACK, g->memory.bytes / 2);
	if (!error)
		error = queue_memory(g, TX, tx_room, g->memory.bytes - g->allocated - 4096);
	if (error || g->allocated > g->memory.bytes)
		return gls_fail(g->s, ENOMEM,
				"context %u: %llu bytes of guest memory are too few for its rings "
				"and buffers",
				g->c.context, (unsigned long long)g->memory.bytes);
	uint32_t room = g->queue[RX].room > tx_room ? g->queue[RX].room : tx_room;
	free(g->scratch);
	g->scratch = malloc(room);
	return g->scratch ? 0 : gls_fail(g->s, ENOMEM, "not enough memory for a guest");
}

/* --- Buffers -------------------------------------------------------------------------------------------------------------------------- */

static uint64_t hash(const uint8_t *p, size_t bytes)
{
	uint64_t h = bytes;
	for (; bytes >= 8; bytes -= 8, p += 8) {
		uint64_t v;
		memcpy(&v, p, 8);
		h = (h ^ v) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	while (bytes--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h;
}

/* Cuts `bytes` at random into at most `most` pieces. Returns their number. */
static unsigned cut(struct gls *s, uint32_t bytes, unsigned most, uint32_t *piece)
{
	unsigned n = 0;
	while (n + 1 < most && bytes > 1) {
		uint32_t part = 1 + gls_below(s, gls_below(s, 4) ? bytes - 1
						 : bytes - 1 < 8 ? bytes - 1
								 : 8);
		piece[n++] = part;
		bytes -= part;
	}
	piece[n++] = bytes;
	return n;
}

/* Places pieces into a slot's room, each behind a random gap if the layout is random. */
static void place(struct gls_guest *g, struct slot *slot, uint32_t offset, const uint32_t *piece,
		  unsigned count, bool writable)
{
	uint64_t at = slot->at + offset;
	slot->segments = 0;
	for (unsigned i = 0; i < count; i++) {
		if (g->c.random_layout)
			at += gls_below(g->s, 17);
		slot->segment[slot->segments++] = (struct virtq_segment){ at, piece[i], writable };
		at += piece[i];
	}
}

static bool guards_hold(struct gls_guest *g, const struct queue *q, const struct slot *slot)
{
	return vmem_is(&g->memory, slot->at - GUARD, GUARD_BYTE, GUARD) &&
	       vmem_is(&g->memory, slot->at + q->room, GUARD_BYTE, GUARD);
}

static void check_guards(struct gls_guest *g, const struct queue *q, const struct slot *slot)
{
	if (guards_hold(g, q, slot))
		return;
	virtq_fault(&g->faults, "%s: bytes around the buffer at 0x%llx were written",
		    q->config.name, (unsigned long long)slot->at);
	vmem_fill(&g->memory, slot->at - GUARD, GUARD_BYTE, GUARD);
	vmem_fill(&g->memory, slot->at + q->room, GUARD_BYTE, GUARD);
}

/* --- Receive ---------------------------------------------------------------------------------------------------------------------------- */

static bool refill(struct gls_guest *g)
{
	struct queue *q = &g->queue[RX];
	bool some = false;
	while (q->idle_count && q->vq.free) {
		unsigned n = first_idle(q);
		struct slot *slot = &q->slots[n];
		uint32_t piece[RANDOM_PIECES + 1];
		unsigned pieces = 1;
		piece[0] = g->rx_bytes;
		/* Buffers that are merged are single descriptors, as Linux's are. */
		if (g->c.random_layout && g->rx_bytes >= GL_HDR_LEN + g->frame_max &&
		    !gls_below(g->s, 4)) {
			pieces = cut(g->s, g->rx_bytes, 2 + gls_below(g->s, 3), piece);
		} else if (!g->c.random_layout && g->c.chain > 1 && g->rx_bytes > 4096) {
			/* Linux without mergeable buffers and a large MTU: the header, then pages. */
			uint32_t left = g->rx_bytes - GL_HDR_LEN;
			for (piece[0] = GL_HDR_LEN; left; pieces++) {
				piece[pieces] =
					left < 4096 || pieces == RANDOM_PIECES ? left : 4096;
				left -= piece[pieces];
			}
		}
		if (pieces > q->vq.free)
			pieces = 1, piece[0] = g->rx_bytes;
		vmem_fill(&g->memory, slot->at, ROOM_BYTE, q->room);
		place(g, slot, 0, piece, pieces, true);
		if (!virtq_add(&q->vq, slot->segment, slot->segments,
			       pieces > 1 && (!g->c.random_layout || gls_below(g->s, 2)), n))
			break;
		take_idle(q);
		slot->given = true;
		slot->restarts = g->s->restarts;
		some = true;
	}
	return some;
}

/* Copies what the device wrote; the rest of the room must be as it was. Returns the bytes copied. */
static uint32_t take_bytes(struct gls_guest *g, struct queue *q, struct slot *slot, uint32_t bytes,
			   uint8_t *to, uint32_t room)
{
	uint32_t copied = 0;
	vmem_read(&g->memory, slot->at, g->scratch, q->room);
	for (unsigned i = 0; i < slot->segments && copied < bytes; i++) {
		uint8_t *from = g->scratch + (slot->segment[i].address - slot->at);
		uint32_t part = slot->segment[i].bytes < bytes - copied ? slot->segment[i].bytes
									: bytes - copied;
		if (copied + part <= room)
			memcpy(to + copied, from, part);
		memset(from, ROOM_BYTE, part);
		copied += part;
	}
	/* A frame that was written but not returned before a RESTART is lost, and its buffer takes another one. */
	if (slot->restarts == g->s->restarts &&
	    (g->scratch[0] != ROOM_BYTE || memcmp(g->scratch, g->scratch + 1, q->room - 1)))
		virtq_fault(
			&g->faults,
			"%s: bytes beyond the used length %u were written in the buffer at 0x%llx",
			q->config.name, bytes, (unsigned long long)slot->at);
	check_guards(g, q, slot);
	return copied;
}

/* One used buffer; the frame is whole when merge_left is 0. struct virtio_net_hdr: virtio 1.2, 5.1.6. */
static void receive_buffer(struct gls_guest *g, struct virtq_used used)
{
	struct queue *q = &g->queue[RX];
	struct slot *slot = &q->slots[used.cookie];
	uint32_t room = GL_HDR_LEN + 65536;
	bool first = !g->merge_left;
	if (used.bytes == VIRTQ_BYTES_UNKNOWN) {
		virtq_fault(&g->faults, "receiveq: a buffer was used without its length");
		used.bytes = 0;
		g->frame_bad = true;
	}
	if (first) {
		g->frame_bytes = 0;
		g->merge_left = 1;
	}
	uint32_t n = take_bytes(g, q, slot, used.bytes, g->frame + g->frame_bytes,
				room - g->frame_bytes);
	give_idle(q, used.cookie);
	slot->given = false;
	g->frame_bytes += n;
	if (first) {
		static const uint8_t plain[10];
		uint16_t buffers = (uint16_t)(g->frame[10] | g->frame[11] << 8);
		bool merge = g->features >> GL_FEATURE_MRG_RXBUF & 1;
		if (n < GL_HDR_LEN + ETH_MIN && (buffers < 2 || n < GL_HDR_LEN)) {
			virtq_fault(&g->faults, "receiveq: a frame of %u bytes with its header", n);
			g->frame_bad = true;
		} else if (memcmp(g->frame, plain, sizeof(plain))) {
			virtq_fault(
				&g->faults,
				"receiveq: the header of a frame is not 0 in its first 10 bytes");
		}
		if (n >= GL_HDR_LEN &&
		    (!buffers || buffers > g->size || (!merge && buffers != 1))) {
			virtq_fault(&g->faults, "receiveq: num_buffers is %u", buffers);
			buffers = 1;
			g->frame_bad = true;
		}
		g->merge_left = n >= GL_HDR_LEN ? buffers : 1;
	} else if (!n) {
		virtq_fault(&g->faults, "receiveq: a buffer of a merged frame is empty");
		g->frame_bad = true;
	}
	/* A frame goes on in the next buffer only when this one is full. */
	if (--g->merge_left && used.bytes != g->rx_bytes)
		virtq_fault(&g->faults,
			    "receiveq: a buffer of %u bytes holds %u, and the frame goes on in the "
			    "next",
			    g->rx_bytes, used.bytes);
	if (g->merge_left)
		return;
	if (!g->frame_bad && g->on_receive)
		g->on_receive(g->on_receive_arg, g->frame + GL_HDR_LEN,
			      g->frame_bytes - GL_HDR_LEN);
	g->frame_bad = false;
}

static void receive(struct gls_guest *g)
{
	struct queue *q = &g->queue[RX];
	struct virtq_used used;
	if (g->receiving)
		return;
	g->receiving = true;
	do {
		virtq_callbacks_off(&q->vq);
		while (virtq_get(&q->vq, &used)) {
			receive_buffer(g, used);
			/* The device shows all buffers of a frame together (5.1.6.4.2). */
			while (g->merge_left && virtq_get(&q->vq, &used))
				receive_buffer(g, used);
			if (g->merge_left) {
				virtq_fault(&g->faults,
					    "receiveq: %u buffers of a merged frame are missing",
					    g->merge_left);
				g->merge_left = 0;
			}
		}
		/* As Linux: when more than half of a poll's budget is free, or when what is left might not take a frame. */
		unsigned least = g->size < NAPI_BUDGET ? g->size / 2 : NAPI_BUDGET / 2;
		bool scarce = (uint64_t)q->vq.outstanding * g->rx_bytes <
			      4ull * (GL_HDR_LEN + g->frame_max);
		unsigned room = q->idle_count < q->vq.free ? q->idle_count : q->vq.free;
		if ((room > least || scarce) && refill(g))
			ring(g, RX);
	} while (!g->polling && virtq_callbacks_on(&q->vq));
	g->receiving = false;
}

/* --- Transmit ----------------------------------------------------------------------------------------------------------------------------- */

static void reclaim(struct gls_guest *g)
{
	struct queue *q = &g->queue[TX];
	struct virtq_used used;
	if (g->reclaiming)
		return;
	g->reclaiming = true;
	while (virtq_get(&q->vq, &used)) {
		struct slot *slot = &q->slots[used.cookie];
		if (used.bytes && used.bytes != VIRTQ_BYTES_UNKNOWN)
			virtq_fault(&g->faults, "transmitq: used length %u of a buffer to read",
				    used.bytes);
		vmem_read(&g->memory, slot->at, g->scratch, q->room);
		if (hash(g->scratch, q->room) != slot->hash)
			virtq_fault(&g->faults, "transmitq: the buffer at 0x%llx was written",
				    (unsigned long long)slot->at);
		check_guards(g, q, slot);
		give_idle(q, used.cookie);
		slot->given = false;
		if (g->on_sent)
			g->on_sent(g->on_sent_arg);
	}
	g->reclaiming = false;
}

/* Wants interrupts for used buffers if the configuration says so, or if a sender waits for room. */
static void transmit_done(struct gls_guest *g)
{
	struct virtq *vq = &g->queue[TX].vq;
	do {
		reclaim(g);
		g->tx_stopped = g->tx_stopped && !g->queue[TX].idle_count;
		if (g->polling || (!g->c.tx_interrupts && !g->tx_stopped)) {
			virtq_callbacks_off(vq);
			return;
		}
	} while (virtq_callbacks_delayed(vq));
}

int gls_guest_send(struct gls_guest *g, const void *frame, size_t bytes, bool kick)
{
	static const uint8_t header[GL_HDR_LEN];
	struct queue *q = &g->queue[TX];
	uint32_t piece[2 * RANDOM_PIECES + 2];
	unsigned pieces = 0;
	bool indirect = g->c.chain > 1;
	if (!g->live)
		return gls_fail(g->s, ENOTCONN, "context %u: the driver is not up", g->c.context);
	if (bytes + TX_OFFSET + GL_HDR_LEN + LAYOUT_SLACK > q->room)
		return gls_fail(g->s, EMSGSIZE,
				"a frame of %zu bytes is longer than the guest's buffers", bytes);
	reclaim(g);
	if (g->c.random_layout) {
		indirect = gls_below(g->s, 2);
		unsigned most = 1 + gls_below(g->s, g->c.chain > 1 ? g->c.chain : 4);
		switch (gls_below(g->s, 3)) {
		case 0: /* header and the beginning of the frame in one descriptor */
			pieces = cut(g->s, GL_HDR_LEN + (uint32_t)bytes, most, piece);
			break;
		case 1: /* header apart */
			piece[pieces++] = GL_HDR_LEN;
			break;
		default: /* header in pieces */
			pieces = cut(g->s, GL_HDR_LEN, 2, piece);
			break;
		}
		if (bytes && piece[0] <= GL_HDR_LEN && pieces < 3) {
			uint32_t sum = 0;
			for (unsigned i = 0; i < pieces; i++)
				sum += piece[i];
			if (sum == GL_HDR_LEN)
				pieces += cut(g->s, (uint32_t)bytes, most, piece + pieces);
		}
	} else if (g->c.chain > 1) {
		piece[pieces++] = GL_HDR_LEN;
		uint32_t left = (uint32_t)bytes, part = (left + g->c.chain - 1) / g->c.chain;
		for (; left; left -= piece[pieces++])
			piece[pieces] = left < part ? left : part;
	} else {
		piece[pieces++] = GL_HDR_LEN + (uint32_t)bytes;
	}
	/* A small ring may never have room for the chain. */
	if (pieces > g->size && !(indirect && q->config.tables))
		pieces = 1, piece[0] = GL_HDR_LEN + (uint32_t)bytes;
	if (!q->idle_count || (indirect && q->config.tables ? 1 : pieces) > q->vq.free) {
		g->tx_stopped = true;
		transmit_done(g);
		if (!q->idle_count || (indirect && q->config.tables ? 1 : pieces) > q->vq.free)
			return gls_fail(g->s, ENOSPC, "context %u: the transmit queue is full",
					g->c.context);
	}
	unsigned n = first_idle(q);
	struct slot *slot = &q->slots[n];
	take_idle(q);
	memset(g->scratch, ROOM_BYTE, q->room);
	place(g, slot, TX_OFFSET, piece, pieces, false);
	uint32_t at = 0;
	for (unsigned i = 0; i < slot->segments; i++) {
		uint8_t *to = g->scratch + (slot->segment[i].address - slot->at);
		for (uint32_t left = slot->segment[i].bytes; left;) {
			bool head = at < GL_HDR_LEN;
			uint32_t part = head && left > GL_HDR_LEN - at ? GL_HDR_LEN - at : left;
			memcpy(to, head ? header + at : (const uint8_t *)frame + (at - GL_HDR_LEN),
			       part);
			to += part, at += part, left -= part;
		}
	}
	vmem_write(&g->memory, slot->at, g->scratch, q->room);
	slot->hash = hash(g->scratch, q->room);
	if (!virtq_add(&q->vq, slot->segment, slot->segments, indirect, n)) {
		give_idle(q, n);
		return gls_fail(g->s, EIO, "context %u: the transmit queue is broken",
				g->c.context);
	}
	slot->given = true;
	if (kick)
		ring(g, TX);
	return 0;
}

void gls_guest_kick(struct gls_guest *g)
{
	if (g->live)
		ring(g, TX);
}

unsigned gls_guest_tx_free(struct gls_guest *g)
{
	if (!g->live)
		return 0;
	reclaim(g);
	const struct queue *q = &g->queue[TX];
	unsigned most = g->c.random_layout ? (g->c.chain > 1 ? g->c.chain : 4) + 2
			: g->c.chain > 1   ? g->c.chain + 1
					   : 1;
	if (most > g->size)
		most = g->size;
	unsigned room = q->config.tables && !g->c.random_layout ? q->vq.free : q->vq.free / most;
	return room < q->idle_count ? room : q->idle_count;
}

/* --- Interrupts: vm_interrupt() and the callbacks of virtio_net ------------------------------------------------------------------------------ */

/* A register read of the interrupt handler. */
struct handler_read {
	struct gls_guest *g;
	unsigned epoch;
};

static void read_for_handler(struct gls_guest *g, uint32_t offset,
			     void (*done)(void *arg, uint32_t value))
{
	struct handler_read *r = malloc(sizeof(*r));
	if (!r)
		abort();
	*r = (struct handler_read){ g, g->epoch };
	g->reads++;
	gls_read_async(g->s, GLS_BAR2, page(g) + offset, 4, done, r);
}

/* The guest, if it is still the driver that asked. */
static struct gls_guest *asked(void *arg)
{
	struct handler_read r = *(struct handler_read *)arg;
	free(arg);
	r.g->reads--;
	return r.epoch == r.g->epoch ? r.g : NULL;
}

static void on_status(void *arg, uint32_t value)
{
	struct gls_guest *g = asked(arg);
	if (g)
		g->status = value;
}

static void process(struct gls_guest *g)
{
	if (!g->live)
		return;
	if (virtq_more(&g->queue[TX].vq))
		transmit_done(g);
	if (virtq_more(&g->queue[RX].vq) || g->polling)
		receive(g);
}

static void on_irq(void *arg);

static void on_interrupt_status(void *arg, uint32_t value)
{
	struct gls_guest *g = asked(arg);
	if (!g)
		return;
	g->handling = false;
	if (value == UINT32_MAX)
		return; /* the read failed: no device there */
	put(g, GL_DEV_INTERRUPT_ACK, value);
	if (value & INTERRUPT_CONFIG)
		read_for_handler(g, GL_DEV_STATUS, on_status);
	if (value & INTERRUPT_USED)
		process(g);
	if (g->again) {
		g->again = false;
		on_irq(g);
	}
}

static void on_irq(void *arg)
{
	struct gls_guest *g = arg;
	if (g->handling) {
		g->again = true;
		return;
	}
	g->handling = true;
	read_for_handler(g, GL_DEV_INTERRUPT_STATUS, on_interrupt_status);
}

static void on_poll(void *arg)
{
	struct gls_guest *g = arg;
	g->poll_armed = false;
	if (!g->polling)
		return;
	process(g);
	g->poll_armed = true;
	gls_at(g->s, gls_now(g->s) + POLL_CYCLES, on_poll, g);
}

void gls_guest_poll(struct gls_guest *g, bool on)
{
	if (g->polling == on)
		return;
	g->polling = on;
	if (on) {
		virtq_callbacks_off(&g->queue[RX].vq);
		virtq_callbacks_off(&g->queue[TX].vq);
		if (!g->poll_armed)
			on_poll(g);
	} else {
		transmit_done(g);
		receive(g);
	}
}

/* --- Driver: bring-up in the order of Linux 6.12 ----------------------------------------------------------------------------------------------- */

static uint64_t wanted(const struct gls_guest *g)
{
	uint64_t f = 1ull << GL_FEATURE_MTU | 1ull << GL_FEATURE_MAC | 1ull << GL_FEATURE_STATUS |
		     1ull << GL_FEATURE_VERSION_1 | 1ull << GL_FEATURE_ACCESS_PLATFORM |
		     1ull << GL_FEATURE_ORDER_PLATFORM;
	if (!g->c.no_mergeable)
		f |= 1ull << GL_FEATURE_MRG_RXBUF;
	if (!g->c.split)
		f |= 1ull << GL_FEATURE_RING_PACKED;
	if (g->c.event_idx)
		f |= 1ull << GL_FEATURE_EVENT_IDX;
	if (g->c.indirect)
		f |= 1ull << GL_FEATURE_INDIRECT_DESC;
	if (g->c.in_order)
		f |= 1ull << GL_FEATURE_IN_ORDER;
	return f;
}

static uint32_t add_status(struct gls_guest *g, uint32_t bits)
{
	put(g, GL_DEV_STATUS, get(g, GL_DEV_STATUS) | bits);
	return bits;
}

static int negotiate(struct gls_guest *g)
{
	uint32_t magic = get(g, GL_DEV_MAGIC), version = get(g, GL_DEV_VERSION),
		 id = get(g, GL_DEV_DEVICE_ID);
	get(g, GL_DEV_VENDOR_ID);
	if (magic != 0x74726976 || version != 2 || id != 1)
		return gls_fail(g->s, ENODEV,
				"context %u: no network device in its page (magic %08x, version "
				"%u, device %u)",
				g->c.context, magic, version, id);
	put(g, GL_DEV_STATUS, 0);
	uint32_t status = get(g, GL_DEV_STATUS);
	if (status)
		return gls_fail(g->s, EIO, "context %u: Status reads 0x%x after a reset",
				g->c.context, status);
	add_status(g, STATUS_ACKNOWLEDGE);
	add_status(g, STATUS_DRIVER);
	put(g, GL_DEV_DEVICE_FEATURES_SEL, 1);
	uint64_t offered = (uint64_t)get(g, GL_DEV_DEVICE_FEATURES) << 32;
	put(g, GL_DEV_DEVICE_FEATURES_SEL, 0);
	offered |= get(g, GL_DEV_DEVICE_FEATURES);
	g->features = offered & wanted(g);
	if (g->features >> GL_FEATURE_MTU & 1) { /* virtnet_validate() */
		get(g, GL_DEV_CONFIG_GENERATION);
		uint32_t mtu = gls_guest_read(g, CONFIG_MTU, 2);
		get(g, GL_DEV_CONFIG_GENERATION);
		if (mtu != g->c.mtu)
			return gls_fail(g->s, EIO, "context %u: the device has MTU %u, not %u",
					g->c.context, mtu, g->c.mtu);
	}
	put(g, GL_DEV_DRIVER_FEATURES_SEL, 1);
	put(g, GL_DEV_DRIVER_FEATURES, (uint32_t)(g->features >> 32));
	put(g, GL_DEV_DRIVER_FEATURES_SEL, 0);
	put(g, GL_DEV_DRIVER_FEATURES, (uint32_t)g->features);
	add_status(g, STATUS_FEATURES_OK);
	status = get(g, GL_DEV_STATUS);
	if (!(status & STATUS_FEATURES_OK))
		return gls_fail(g->s, EIO,
				"context %u: the device refuses features 0x%llx of 0x%llx",
				g->c.context, (unsigned long long)g->features,
				(unsigned long long)offered);
	uint8_t mac[6];
	uint32_t before, after;
	do {
		before = get(g, GL_DEV_CONFIG_GENERATION);
		for (unsigned i = 0; i < 6; i++)
			mac[i] = (uint8_t)gls_guest_read(g, CONFIG_MAC + i, 1);
		after = get(g, GL_DEV_CONFIG_GENERATION);
	} while (before != after);
	if (memcmp(mac, g->c.mac, 6))
		return gls_fail(g->s, EIO,
				"context %u: the device has another MAC address than it was given",
				g->c.context);
	return 0;
}

static int set_up_queue(struct gls_guest *g, unsigned n)
{
	const struct virtq_config *c = &g->queue[n].config;
	put(g, GL_DEV_QUEUE_SEL, n);
	if (get(g, GL_DEV_QUEUE_READY))
		return gls_fail(g->s, EIO, "context %u: queue %u is ready before its set-up",
				g->c.context, n);
	uint32_t most = get(g, GL_DEV_QUEUE_NUM_MAX);
	if (most != g->size)
		return gls_fail(g->s, EIO, "context %u: QueueNumMax is %u, not %u", g->c.context,
				most, g->size);
	put(g, GL_DEV_QUEUE_NUM, c->size);
	put64(g, GL_DEV_QUEUE_DESC_LO, c->desc);
	put64(g, GL_DEV_QUEUE_DRIVER_LO, c->driver);
	put64(g, GL_DEV_QUEUE_DEVICE_LO, c->device);
	put(g, GL_DEV_QUEUE_READY, 1);
	return 0;
}

static int bring_up(struct gls_guest *g)
{
	g->live = false;
	g->epoch++;
	g->handling = g->again = g->tx_stopped = g->frame_bad = false;
	g->merge_left = 0;
	int error = negotiate(g);
	if (!error)
		error = lay_out(g);
	for (unsigned n = 0; n < 2 && !error; n++) {
		queue_empty(&g->queue[n]);
		error = set_up_queue(g, n);
	}
	if (error)
		return error;
	if (!g->c.tx_interrupts || g->polling)
		virtq_callbacks_off(&g->queue[TX].vq);
	if (g->polling)
		virtq_callbacks_off(&g->queue[RX].vq);
	add_status(g, STATUS_DRIVER_OK);
	g->live = true;
	g->status = get(g, GL_DEV_STATUS);
	if (refill(g))
		ring(g, RX);
	return 0;
}

/* --- dom0's part ------------------------------------------------------------------------------------------------------------------------------- */

/* Sends a mailbox command; its status, or a negative errno. */
static int command(struct gls_guest *g, enum gl_mbox_command what, const void *payload,
		   size_t bytes)
{
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = (uint16_t)what,
				   .sequence = g->epoch,
				   .context = (uint16_t)g->c.context,
				   .length = (uint16_t)bytes };
	struct gl_mbox_resp resp;
	if (bytes)
		memcpy(req.payload, payload, bytes);
	int n = gls_mailbox(g->s, &req, offsetof(struct gl_mbox_req, payload) + bytes, &resp,
			    offsetof(struct gl_mbox_resp, payload));
	return n < 0 ? n : resp.status;
}

/* enum gl_ctx_state, or a negative errno. */
static int context_state(struct gls_guest *g)
{
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = GL_MBOX_CTX_GET,
				   .context = (uint16_t)g->c.context };
	struct gl_mbox_resp resp;
	struct gl_mbox_ctx_state state;
	int n = gls_mailbox(g->s, &req, offsetof(struct gl_mbox_req, payload), &resp,
			    offsetof(struct gl_mbox_resp, payload) + sizeof(state));
	if (n < 0)
		return n;
	memcpy(&state, resp.payload, sizeof(state));
	return resp.status ? GL_CTX_ABSENT : state.state;
}

static void take_away(struct gls_guest *g)
{
	/* A table that is gone was taken by a revocation or a reset; only the firmware does not know. */
	int64_t error;
	if (gls_root(g->s, g->c.context)) {
		error = gls_revoke(g->s, g->c.context);
	} else {
		error = command(g, GL_MBOX_CTX_DISABLE, NULL, 0);
		if (error >= 0)
			error = command(g, GL_MBOX_CTX_DESTROY, NULL, 0);
	}
	if (error >= 0)
		g->mapped = false;
}

static int hand_out(struct gls_guest *g)
{
	struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_ALL,
					     .mtu = g->c.mtu,
					     .queue_size = (uint16_t)g->size,
					     .link_up = 1 };
	memcpy(config.mac, g->c.mac, 6);
	int status = command(g, GL_MBOX_CTX_CREATE, &config, sizeof(config));
	if (status == GL_MBOX_STATUS_STATE) {
		take_away(g);
		status = command(g, GL_MBOX_CTX_CREATE, &config, sizeof(config));
	}
	if (status < 0)
		return status;
	if (status)
		return gls_fail(g->s, EIO,
				"context %u: the firmware refuses to create it (status %d)",
				g->c.context, status);
	struct gls_switch_entry entry = { .control = g->c.switch_control };
	memcpy(entry.mac, g->c.mac, 6);
	gls_set_switch(g->s, g->c.context, &entry);
	int error = map_memory(g);
	if (error)
		return error;
	status = command(g, GL_MBOX_CTX_ENABLE, NULL, 0);
	if (status)
		return status < 0 ? status
				  : gls_fail(g->s, EIO,
					     "context %u: the firmware refuses to enable it "
					     "(status %d)",
					     g->c.context, status);
	gls_enable_context(g->s, g->c.context, true);
	return 0;
}

static int check_config(struct gls *s, struct gls_guest_config *c)
{
	if (!c->mtu)
		c->mtu = 1500;
	if (!c->memory)
		c->memory = 4ull << 20;
	if (!c->memory_at)
		c->memory_at = c->huge ? 0x200000 : 0x100000;
	if (!c->queue_size)
		c->queue_size = VIRTQ_SIZE_MAX;
	if (!c->rx_buffer)
		c->rx_buffer = 1536;
	if (!c->chain)
		c->chain = 1;
	if (!c->switch_control)
		c->switch_control =
			GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_BROADCAST_MASK |
			GL_BAR0_SW_CONTROL_MULTICAST_MASK | GL_BAR0_SW_CONTROL_TO_WIRE_MASK;
	if (c->context >= gls_contexts(s))
		return gls_fail(s, EINVAL, "there is no context %u; the NIC has %u", c->context,
				gls_contexts(s));
	if (c->queue_size < 2 || c->queue_size > VIRTQ_SIZE_MAX ||
	    (c->split && (c->queue_size & (c->queue_size - 1))))
		return gls_fail(s, EINVAL,
				"queue_size is %u; use 2 to %u, a power of two for split rings",
				c->queue_size, VIRTQ_SIZE_MAX);
	if (c->chain > 8)
		return gls_fail(s, EINVAL, "chain is %u; use 1 to 8", c->chain);
	if (c->rx_buffer < GL_HDR_LEN + 1 || c->rx_buffer > 65536)
		return gls_fail(s, EINVAL, "rx_buffer is %u; use %u to 65536", c->rx_buffer,
				GL_HDR_LEN + 1);
	if (c->mtu < 68 || c->mtu > 9000)
		return gls_fail(s, EINVAL, "mtu is %u; use 68 to 9000", c->mtu);
	if (c->memory_at % (c->huge ? 0x200000 : 4096))
		return gls_fail(s, EINVAL, "memory_at is 0x%llx; use a multiple of %s",
				(unsigned long long)c->memory_at, c->huge ? "2 MiB" : "4096");
	return 0;
}

struct gls_guest *gls_guest_new(struct gls *s, const struct gls_guest_config *config)
{
	struct gls_guest *g = calloc(1, sizeof(*g));
	if (!g) {
		gls_fail(s, ENOMEM, "not enough memory for a guest");
		return NULL;
	}
	g->s = s;
	g->c = *config;
	if (check_config(s, &g->c))
		goto fail;
	g->size = g->c.queue_size;
	g->frame_max = g->c.mtu + ETH_MORE;
	g->frame = calloc(1, GL_HDR_LEN + 65536);
	if (!g->frame || take_memory(g)) {
		gls_fail(s, ENOMEM, "not enough memory for a guest");
		goto fail;
	}
	if (hand_out(g))
		goto fail;
	gls_on_irq(s, 1 + g->c.context, on_irq, g);
	if (bring_up(g))
		goto fail;
	return g;
fail:
	gls_on_irq(s, 1 + g->c.context, NULL, NULL);
	g->live = false;
	gls_guest_free(g);
	return NULL;
}

static bool at_rest(void *arg)
{
	const struct gls_guest *g = arg;
	return !g->poll_armed && !g->reads;
}

void gls_guest_free(struct gls_guest *g)
{
	if (!g)
		return;
	if (g->live || g->mapped)
		take_away(g);
	g->live = g->polling = false;
	if (g->c.context < gls_contexts(g->s))
		gls_on_irq(g->s, 1 + g->c.context, NULL, NULL);
	/* What still points to the guest: its poll timer and reads of its interrupt handler. Else better leak it. */
	g->epoch++;
	if (!gls_run_until(g->s, at_rest, g, FREE_LIMIT))
		return;
	for (unsigned n = 0; n < 2; n++) {
		free(g->queue[n].slots);
		free(g->queue[n].idle);
	}
	give_memory(g);
	free(g->frame);
	free(g->scratch);
	free(g);
}

int gls_guest_restart(struct gls_guest *g)
{
	g->live = false;
	g->epoch++;
	/* dom0 notices when the NIC has lost the context: after a reset of the NIC, or with new firmware. */
	int state = context_state(g);
	if (state < 0)
		return state;
	if (state == GL_CTX_ABSENT) {
		take_away(g);
		int error = hand_out(g);
		return error ? error : bring_up(g);
	}
	/* virtio_net's remove: reset, then the queues are taken down one by one. */
	put(g, GL_DEV_STATUS, 0);
	for (unsigned n = 0; n < 2; n++) {
		put(g, GL_DEV_QUEUE_SEL, n);
		put(g, GL_DEV_QUEUE_READY, 0);
		if (get(g, GL_DEV_QUEUE_READY))
			return gls_fail(g->s, EIO, "context %u: queue %u stays ready", g->c.context,
					n);
	}
	return bring_up(g);
}

/* --- What tests look at ------------------------------------------------------------------------------------------------------------------------- */

void gls_guest_on_receive(struct gls_guest *g,
			  void (*fn)(void *arg, const uint8_t *frame, size_t bytes), void *arg)
{
	g->on_receive = fn;
	g->on_receive_arg = arg;
}

void gls_guest_on_sent(struct gls_guest *g, void (*fn)(void *arg), void *arg)
{
	g->on_sent = fn;
	g->on_sent_arg = arg;
}

uint32_t gls_guest_status(const struct gls_guest *g)
{
	return g->status;
}

unsigned gls_guest_context(const struct gls_guest *g)
{
	return g->c.context;
}

uint64_t gls_guest_features(const struct gls_guest *g)
{
	return g->features;
}

void *gls_guest_memory(struct gls_guest *g, uint64_t guest_address, size_t bytes)
{
	if (!bytes || !vmem_has(&g->memory, guest_address, bytes))
		return NULL;
	uint64_t at = guest_address - g->memory.base;
	uint32_t page = (uint32_t)(at / VMEM_PAGE);
	if ((at + bytes - 1) / VMEM_PAGE - page >= run_from(g, page))
		return NULL;
	return vmem_at(&g->memory, guest_address);
}

uint64_t gls_guest_host_address(const struct gls_guest *g, uint64_t guest_address)
{
	if (!vmem_has(&g->memory, guest_address, 1))
		return 0;
	uint64_t at = guest_address - g->memory.base;
	return g->host[at / VMEM_PAGE] + at % VMEM_PAGE;
}

static bool inside(uint64_t address, size_t bytes, uint64_t area, size_t area_bytes)
{
	return address >= area && address - area <= area_bytes &&
	       bytes <= area_bytes - (address - area);
}

bool gls_guest_given(const struct gls_guest *g, uint64_t host_address, size_t bytes, bool write)
{
	uint64_t at = 0;
	for (uint32_t p = 0; p < page_count(g); p++)
		if (inside(host_address, bytes, g->host[p], VMEM_PAGE)) {
			at = g->memory.base + (uint64_t)p * VMEM_PAGE + host_address - g->host[p];
			break;
		}
	for (unsigned n = 0; n < 2 && at; n++) {
		const struct queue *q = &g->queue[n];
		const struct virtq_config *c = &q->config;
		/* The device writes into descriptor rings, but not into split descriptor tables. */
		if ((!write || c->packed) && inside(at, bytes, c->desc, virtq_desc_bytes(c->size)))
			return true;
		/* It may read again what it wrote (firmware that was loaded anew looks where it was). */
		if (inside(at, bytes, c->device, virtq_device_bytes(c->size, c->packed)))
			return true;
		if (!write &&
		    (inside(at, bytes, c->driver, virtq_driver_bytes(c->size, c->packed)) ||
		     (c->tables && inside(at, bytes, c->tables, virtq_tables_bytes(c->size)))))
			return true;
		if (write != (n == RX) || !q->slot_count || at < q->slots[0].at)
			continue;
		uint64_t i = (at - q->slots[0].at) / q->slot_bytes;
		if (i >= q->slot_count || !q->slots[i].given)
			continue;
		for (unsigned k = 0; k < q->slots[i].segments; k++)
			if (inside(at, bytes, q->slots[i].segment[k].address,
				   q->slots[i].segment[k].bytes))
				return true;
	}
	return false;
}

void gls_guest_ring(const struct gls_guest *g, unsigned queue, struct gls_ring_info *info)
{
	const struct virtq_config *c = &g->queue[queue & 1].config;
	*info = (struct gls_ring_info){ c->desc, c->driver, c->device, c->size, c->packed };
}

int gls_guest_faults(struct gls_guest *g, char *text, size_t room)
{
	/* Guards of all buffers, also of those that the device has had all the time. */
	for (unsigned n = 0; n < 2; n++)
		for (unsigned i = 0; i < g->queue[n].slot_count; i++)
			check_guards(g, &g->queue[n], &g->queue[n].slots[i]);
	if (text && room) {
		size_t bytes = g->faults.used < room - 1 ? g->faults.used : room - 1;
		memcpy(text, g->faults.text, bytes);
		text[bytes] = 0;
	}
	return g->faults.count;
}
