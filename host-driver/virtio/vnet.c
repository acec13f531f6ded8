// SPDX-License-Identifier: Apache-2.0
// A virtio-net driver in user space: bring-up (virtio 1.2, 3.1.1 and 4.2.3.1), frames, interrupts. Rings are in vring.c.
#include "vnet.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "guestlane_regs.h"

/* Device status (2.1). */
#define ACKNOWLEDGE 0x01u
#define DRIVER	    0x02u
#define DRIVER_OK   0x04u
#define FEATURES_OK 0x08u
#define NEEDS_RESET 0x40u
#define GONE	    0xffffffffu

#define INTERRUPT_CONFIG 2u /* of InterruptStatus (4.2.2) */

/* struct virtio_net_config (5.1.4) behind the registers. */
#define CONFIG_MAC    (GL_DEV_CONFIG + 0)
#define CONFIG_STATUS (GL_DEV_CONFIG + 6)
#define CONFIG_MTU    (GL_DEV_CONFIG + 10)
#define LINK_UP	      1u

#define HDR_NEEDS_CSUM 1u

#define PAGE	     4096ul
#define ETHERNET     18u /* header with one VLAN tag */
#define TSO_BYTES    (VNET_HDR_BYTES + ETHERNET + 65536u)
#define RESET_READS  1000		   /* a reset that is not over then never will be */
#define MAGIC	     0x74656e76656e616cull /* "lanevnet" */
#define STATE_FORMAT 1u

#define BIT(f)	  (1ull << (f))
#define TSO	  (BIT(VNET_F_HOST_TSO4) | BIT(VNET_F_HOST_TSO6) | BIT(VNET_F_HOST_ECN))
#define GUEST_TSO (BIT(VNET_F_GUEST_TSO4) | BIT(VNET_F_GUEST_TSO6) | BIT(VNET_F_GUEST_ECN))
#define REQUIRED  (BIT(VNET_F_VERSION_1) | BIT(VNET_F_IN_ORDER))
#define WANTED                                                                       \
	(REQUIRED | BIT(VNET_F_ACCESS_PLATFORM) | BIT(VNET_F_ORDER_PLATFORM) |       \
	 BIT(VNET_F_RING_PACKED) | BIT(VNET_F_EVENT_IDX) | BIT(VNET_F_MRG_RXBUF) |   \
	 BIT(VNET_F_MAC) | BIT(VNET_F_MTU) | BIT(VNET_F_STATUS) | BIT(VNET_F_CSUM) | \
	 BIT(VNET_F_GUEST_CSUM) | TSO | GUEST_TSO)

/* The first page of the memory: all that a successor needs beside the rings. The device could write it too, so nothing of it is believed unchecked. */
struct state {
	uint64_t magic;
	uint32_t format;
	_Atomic uint32_t up; /* set last */
	uint64_t features;
	uint32_t queue_size;
	uint16_t mtu;
	uint8_t mac[6];
	uint64_t guest_address;
	struct vring_state queue[2];
};

struct layout {
	size_t ring[2], buffer[2], bytes;
	uint32_t stride[2];
};

static int fail(struct vnet *v, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct vnet *v, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(v->error, sizeof(v->error), format, args);
	va_end(args);
	return -error;
}

static int broken(struct vnet *v, unsigned queue)
{
	v->stats.errors += v->up;
	v->up = false;
	return fail(v, EPROTO, "%s queue: %s", queue == VNET_RX ? "receive" : "transmit",
		    v->ring[queue].fault);
}

static uint32_t get(const struct vnet *v, uint32_t offset)
{
	return v->c.device.read(v->c.device.arg, offset, 4);
}

static void put(const struct vnet *v, uint32_t offset, uint32_t value)
{
	v->c.device.write(v->c.device.arg, offset, value, 4);
}

static void put64(const struct vnet *v, uint32_t offset, uint64_t value)
{
	put(v, offset, (uint32_t)value);
	put(v, offset + 4, (uint32_t)(value >> 32));
}

/* --- Memory -------------------------------------------------------------------------------------------------------------- */

/*
 * Bytes left out before each buffer: behind them and the header the frame begins on a multiple of 8, as it does in the NIC's packet buffers. What lies
 * alike on both sides moves as whole words, twice as fast.
 */
#define LEAD (8 - VNET_HDR_BYTES % 8)

/* A frame of the MTU fits one buffer. Up to half a page a buffer never crosses a page: each is one translation and fewer TLPs. */
static uint32_t buffer_bytes(uint32_t least)
{
	return least <= PAGE / 2 ? PAGE / 2 : least <= PAGE ? PAGE : (least + 63) / 64 * 64;
}

static struct layout lay_out(uint64_t features, unsigned size, unsigned mtu)
{
	struct layout l = { .bytes = PAGE };
	bool packed = features >> VNET_F_RING_PACKED & 1;
	l.stride[VNET_RX] = l.stride[VNET_TX] =
		buffer_bytes(LEAD + VNET_HDR_BYTES + ETHERNET + mtu);
	if (features & TSO)
		l.stride[VNET_TX] = buffer_bytes(LEAD + TSO_BYTES);
	for (unsigned q = 0; q < 2; q++) {
		l.ring[q] = l.bytes;
		l.bytes += (vring_bytes(size, packed) + PAGE - 1) / PAGE * PAGE;
	}
	for (unsigned q = 0; q < 2; q++) {
		l.buffer[q] = l.bytes;
		l.bytes += ((size_t)l.stride[q] * size + PAGE - 1) / PAGE * PAGE;
	}
	return l;
}

size_t vnet_bytes(unsigned queue_size, unsigned mtu)
{
	size_t split = lay_out(0, queue_size, mtu).bytes;
	size_t packed = lay_out(BIT(VNET_F_RING_PACKED), queue_size, mtu).bytes;
	return split > packed ? split : packed;
}

static struct state *state_of(const struct vnet *v)
{
	return v->c.memory;
}

static uint8_t *at(const struct vnet *v, size_t offset)
{
	return (uint8_t *)v->c.memory + offset;
}

static uint8_t *buffer_of(const struct vnet *v, unsigned queue, unsigned index)
{
	return at(v, (size_t)(v->ring[queue].c.buffer_address - v->c.guest_address) +
			     (size_t)index * v->ring[queue].c.stride);
}

static struct vring_config ring_config(const struct vnet *v, const struct layout *l, unsigned queue,
				       unsigned size)
{
	return (struct vring_config){
		.ring = at(v, l->ring[queue]),
		.ring_address = v->c.guest_address + l->ring[queue],
		.buffer_address = v->c.guest_address + l->buffer[queue] + LEAD,
		.stride = l->stride[queue],
		.room = l->stride[queue] - LEAD,
		.size = size,
		.packed = vnet_has(v, VNET_F_RING_PACKED),
		.event_idx = vnet_has(v, VNET_F_EVENT_IDX),
		.writable = queue == VNET_RX,
		.state = &state_of(v)->queue[queue],
	};
}

/* --- Bring-up ------------------------------------------------------------------------------------------------------------ */

static int reset(struct vnet *v)
{
	uint32_t magic = get(v, GL_DEV_MAGIC), id = get(v, GL_DEV_DEVICE_ID);
	if (magic == GONE)
		return fail(v, ENODEV, "the device does not answer");
	if (magic != 0x74726976 || get(v, GL_DEV_VERSION) != 2 || id != 1)
		return fail(v, ENODEV,
			    id ? "the device is no virtio network device of version 2"
			       : "the context is not enabled: its page shows no device");
	put(v, GL_DEV_STATUS, 0);
	for (unsigned i = 0; i < RESET_READS; i++)
		if (!get(v, GL_DEV_STATUS))
			return 0;
	return fail(v, EIO, "the device's reset does not end");
}

static void add_status(struct vnet *v, uint32_t bits)
{
	put(v, GL_DEV_STATUS, get(v, GL_DEV_STATUS) | bits);
}

/* Fields of more than a byte are read until the generation stays (2.5.1). */
static void read_config(struct vnet *v)
{
	uint32_t before, after;
	uint16_t status = LINK_UP, mtu = 1500;
	unsigned tries = 0;
	do {
		before = get(v, GL_DEV_CONFIG_GENERATION);
		if (vnet_has(v, VNET_F_MAC))
			for (unsigned i = 0; i < 6; i++)
				v->mac[i] = (uint8_t)v->c.device.read(v->c.device.arg,
								      CONFIG_MAC + i, 1);
		if (vnet_has(v, VNET_F_STATUS))
			status = (uint16_t)v->c.device.read(v->c.device.arg, CONFIG_STATUS, 2);
		if (vnet_has(v, VNET_F_MTU))
			mtu = (uint16_t)v->c.device.read(v->c.device.arg, CONFIG_MTU, 2);
		after = get(v, GL_DEV_CONFIG_GENERATION);
	} while (before != after && ++tries < 100);
	v->link_up = status & LINK_UP;
	v->mtu = mtu < 68 ? 68 : mtu;
}

static int negotiate(struct vnet *v)
{
	add_status(v, ACKNOWLEDGE);
	add_status(v, DRIVER);
	put(v, GL_DEV_DEVICE_FEATURES_SEL, 1);
	uint64_t offered = (uint64_t)get(v, GL_DEV_DEVICE_FEATURES) << 32;
	put(v, GL_DEV_DEVICE_FEATURES_SEL, 0);
	offered |= get(v, GL_DEV_DEVICE_FEATURES);
	if ((offered & REQUIRED) != REQUIRED)
		return fail(v, ENOTSUP,
			    "the device does not offer VERSION_1 and IN_ORDER, which this driver "
			    "needs (its features are 0x%llx)",
			    (unsigned long long)offered);
	uint64_t f = offered & WANTED;
	if (v->c.split)
		f &= ~BIT(VNET_F_RING_PACKED);
	/* Dependencies of 5.1.3.1. */
	if (!(f & BIT(VNET_F_CSUM)))
		f &= ~TSO;
	if (!(f & BIT(VNET_F_GUEST_CSUM)) || !(f & BIT(VNET_F_MRG_RXBUF)))
		f &= ~GUEST_TSO;
	v->features = f;
	read_config(v);
	/* Segmentation takes 64 KiB buffers: only where they were provided. */
	if (lay_out(f, v->c.queue_size, v->mtu).bytes > v->c.bytes)
		v->features = f &= ~TSO;
	put(v, GL_DEV_DRIVER_FEATURES_SEL, 1);
	put(v, GL_DEV_DRIVER_FEATURES, (uint32_t)(f >> 32));
	put(v, GL_DEV_DRIVER_FEATURES_SEL, 0);
	put(v, GL_DEV_DRIVER_FEATURES, (uint32_t)f);
	add_status(v, FEATURES_OK);
	uint32_t status = get(v, GL_DEV_STATUS);
	if (status == GONE || !(status & FEATURES_OK))
		return fail(v, EIO, "the device refuses features 0x%llx, which it offered",
			    (unsigned long long)f);
	return 0;
}

static int set_up_queue(struct vnet *v, unsigned queue, unsigned size)
{
	const struct vring_config *c = &v->ring[queue].c;
	put(v, GL_DEV_QUEUE_SEL, queue);
	if (get(v, GL_DEV_QUEUE_READY))
		return fail(v, EIO, "queue %u is ready before its set-up", queue);
	put(v, GL_DEV_QUEUE_NUM, size);
	put64(v, GL_DEV_QUEUE_DESC_LO, c->ring_address);
	put64(v, GL_DEV_QUEUE_DRIVER_LO, c->ring_address + vring_driver_offset(size));
	put64(v, GL_DEV_QUEUE_DEVICE_LO, c->ring_address + vring_device_offset(size, c->packed));
	put(v, GL_DEV_QUEUE_READY, 1);
	return 0;
}

/* The largest power of two that is neither above what was asked for nor above what the device takes. */
static unsigned queue_size(struct vnet *v, unsigned queue)
{
	put(v, GL_DEV_QUEUE_SEL, queue);
	uint32_t most = get(v, GL_DEV_QUEUE_NUM_MAX);
	unsigned size = VRING_SIZE_MAX;
	while (size > most || size > v->c.queue_size)
		size /= 2;
	return size;
}

static void fill_receive_queue(struct vnet *v)
{
	struct vring *r = &v->ring[VNET_RX];
	while (vring_free(r))
		vring_post(r, r->c.room);
	vring_publish(r);
}

static bool good_config(const struct vnet_config *c)
{
	return c->queue_size >= 2 && c->queue_size <= VRING_SIZE_MAX && c->bytes >= PAGE &&
	       c->guest_address % PAGE == 0;
}

int vnet_start(struct vnet *v, const struct vnet_config *config)
{
	struct vnet_stats stats = v->stats;
	int error;
	memset(v, 0, sizeof(*v));
	v->c = *config;
	v->stats = stats;
	if (!good_config(config))
		return fail(v, EINVAL, "the queue size is %u; use 2 to %u", config->queue_size,
			    VRING_SIZE_MAX);
	if ((error = reset(v)))
		return error;
	struct state *s = state_of(v);
	memset(s, 0, sizeof(*s));
	if ((error = negotiate(v)))
		return error;
	unsigned size = queue_size(v, VNET_RX), tx_size = queue_size(v, VNET_TX);
	size = tx_size < size ? tx_size : size;
	if (size < 2)
		return fail(v, EIO, "the device's queues have no room");
	struct layout l = lay_out(v->features, size, v->mtu);
	if (l.bytes > v->c.bytes)
		return fail(v, ENOSPC,
			    "an MTU of %u takes %zu bytes of memory, but there are only %zu",
			    v->mtu, l.bytes, v->c.bytes);
	for (unsigned q = 0; q < 2; q++) {
		struct vring_config c = ring_config(v, &l, q, size);
		vring_init(&v->ring[q], &c);
		if ((error = set_up_queue(v, q, size)))
			return error;
	}
	v->tx_max = VNET_HDR_BYTES + ETHERNET + v->mtu;
	s->magic = MAGIC;
	s->format = STATE_FORMAT;
	s->features = v->features;
	s->queue_size = size;
	s->mtu = v->mtu;
	memcpy(s->mac, v->mac, 6);
	s->guest_address = v->c.guest_address;
	add_status(v, DRIVER_OK);
	uint32_t status = get(v, GL_DEV_STATUS);
	if (status == GONE || (status & (DRIVER_OK | NEEDS_RESET)) != DRIVER_OK)
		return fail(v, EIO, "the device did not come up (status 0x%x)", status);
	atomic_store(&s->up, 1);
	v->up = true;
	fill_receive_queue(v);
	vnet_kick(v);
	return 0;
}

int vnet_resume(struct vnet *v, const struct vnet_config *config)
{
	memset(v, 0, sizeof(*v));
	v->c = *config;
	if (!good_config(config))
		return fail(v, EINVAL, "the queue size is %u; use 2 to %u", config->queue_size,
			    VRING_SIZE_MAX);
	struct state s;
	bool up = atomic_load(&state_of(v)->up) == 1;
	memcpy(&s, state_of(v), sizeof(s));
	if (!up || s.magic != MAGIC || s.format != STATE_FORMAT ||
	    s.guest_address != config->guest_address)
		return fail(v, ESTALE, "the memory is not that of a running device");
	if ((s.features & ~WANTED) || (s.features & REQUIRED) != REQUIRED || s.queue_size < 2 ||
	    s.queue_size > VRING_SIZE_MAX || (s.queue_size & (s.queue_size - 1)) || s.mtu < 68)
		return fail(v, ESTALE, "the saved state makes no sense");
	v->features = s.features;
	struct layout l = lay_out(s.features, s.queue_size, s.mtu);
	if (l.bytes > config->bytes)
		return fail(v, ESTALE, "the saved state makes no sense");
	uint32_t status = get(v, GL_DEV_STATUS);
	if (status == GONE || (status & (DRIVER_OK | NEEDS_RESET)) != DRIVER_OK)
		return fail(v, ESTALE, "the device does not run any more (status 0x%x)", status);
	for (unsigned q = 0; q < 2; q++) {
		struct vring_config c = ring_config(v, &l, q, s.queue_size);
		if (vring_resume(&v->ring[q], &c))
			return fail(v, ESTALE, "%s", v->ring[q].fault);
	}
	v->tx_max = VNET_HDR_BYTES + ETHERNET + s.mtu;
	read_config(v);
	memcpy(v->mac, s.mac, 6);
	v->up = true;
	fill_receive_queue(v);
	vnet_kick(v);
	return 0;
}

void vnet_stop(struct vnet *v)
{
	atomic_store(&state_of(v)->up, 0);
	v->up = false;
	reset(v);
}

int vnet_check(struct vnet *v)
{
	uint32_t status = get(v, GL_DEV_STATUS);
	/* Each read is a round trip: two while nothing is new. */
	uint32_t interrupt = status == GONE ? 0 : get(v, GL_DEV_INTERRUPT_STATUS);
	if (status == GONE || (!status && !get(v, GL_DEV_DEVICE_ID)))
		return fail(v, ENODEV, "the device is gone");
	if ((status & (DRIVER_OK | NEEDS_RESET)) != DRIVER_OK) {
		v->up = false;
		return fail(v, EPROTO,
			    status & NEEDS_RESET ? "the device wants a reset"
						 : "somebody has reset the device");
	}
	/* Used buffers are found in the rings: only a change of the configuration counts here. */
	if (interrupt & INTERRUPT_CONFIG) {
		put(v, GL_DEV_INTERRUPT_ACK, interrupt & INTERRUPT_CONFIG);
		read_config(v);
	}
	return 0;
}

/* --- Receive ------------------------------------------------------------------------------------------------------------- */

static void take_header(const struct vnet *v, const uint8_t *from, struct vnet_hdr *hdr)
{
	memcpy(hdr, from, sizeof(*hdr));
	/* What was not negotiated is not there (5.1.6.4.1): flags DATA_VALID and NEEDS_CSUM, segmentation. */
	if (!vnet_has(v, VNET_F_GUEST_CSUM))
		hdr->flags = 0;
	if (!hdr->flags)
		hdr->csum_start = hdr->csum_offset = 0;
	if (!(v->features & GUEST_TSO))
		hdr->gso_type = 0;
	if (!hdr->gso_type)
		hdr->hdr_len = hdr->gso_size = 0;
}

int vnet_receive(struct vnet *v, struct vnet_frame *frame)
{
	struct vring *r = &v->ring[VNET_RX];
	unsigned index, count = 1;
	uint32_t bytes;
	if (!v->up)
		return 0;
	frame->parts = 0;
	frame->bytes = 0;
	v->rx_part = 0;
	for (unsigned i = 0; i < count; i++) {
		int n = vring_used(r, v->rx_ahead + i, &index, &bytes);
		if (n < 0)
			return broken(v, VNET_RX);
		/* A device that spreads a frame makes its first buffer used last; one that does not may still be at it. */
		if (!n) {
			v->rx_part = i;
			return 0;
		}
		uint32_t header = i ? 0 : VNET_HDR_BYTES;
		if (bytes == VRING_SKIPPED || bytes <= header) {
			r->fault =
				"a received buffer has no length, or one shorter than the header";
			return broken(v, VNET_RX);
		}
		uint8_t *data = buffer_of(v, VNET_RX, index);
		if (!i) {
			take_header(v, data, &frame->hdr);
			if (vnet_has(v, VNET_F_MRG_RXBUF))
				count = le16toh(frame->hdr.num_buffers);
			if (!count || count > VNET_PARTS || count > r->c.size) {
				r->fault = "a frame has an impossible number of buffers";
				return broken(v, VNET_RX);
			}
		}
		frame->part[i] = (struct iovec){ data + header, bytes - header };
		frame->bytes += bytes - header;
	}
	frame->parts = count;
	v->rx_ahead += count;
	v->stats.rx_frames++;
	v->stats.rx_bytes += frame->bytes;
	return 1;
}

void vnet_rx_release(struct vnet *v)
{
	if (!v->rx_ahead)
		return;
	vring_release(&v->ring[VNET_RX], v->rx_ahead);
	v->rx_ahead = 0;
	fill_receive_queue(v);
}

/* --- Transmit ------------------------------------------------------------------------------------------------------------ */

void *vnet_tx_buffer(struct vnet *v, size_t *room)
{
	struct vring *r = &v->ring[VNET_TX];
	if (!v->up)
		return NULL;
	if (!vring_free(r) || vring_free(r) < r->c.size / 4)
		if (vring_reclaim(r) < 0) {
			broken(v, VNET_TX);
			return NULL;
		}
	if (!vring_free(r))
		return NULL;
	*room = v->features & TSO ? r->c.room : v->tx_max;
	return buffer_of(v, VNET_TX, vring_next(r));
}

void vnet_tx_send(struct vnet *v, size_t bytes)
{
	/* The header says only what was negotiated (5.1.6.2). */
	struct vnet_hdr *hdr =
		(struct vnet_hdr *)buffer_of(v, VNET_TX, vring_next(&v->ring[VNET_TX]));
	hdr->flags = vnet_has(v, VNET_F_CSUM) ? hdr->flags & HDR_NEEDS_CSUM : 0;
	if (!(v->features & TSO))
		hdr->gso_type = 0;
	hdr->num_buffers = 0;
	v->stats.tx_frames++;
	v->stats.tx_bytes += bytes - VNET_HDR_BYTES;
	vring_post(&v->ring[VNET_TX], (uint32_t)bytes);
}

/* --- Doorbells and interrupts ---------------------------------------------------------------------------------------------- */

void vnet_flush(struct vnet *v)
{
	for (unsigned q = 0; q < 2 && v->up; q++) {
		vring_publish(&v->ring[q]);
		if (vring_kick_wanted(&v->ring[q])) {
			v->stats.kicks++;
			v->c.device.kick(v->c.device.arg, q);
		}
	}
}

void vnet_kick(struct vnet *v)
{
	for (unsigned q = 0; q < 2 && v->up; q++) {
		vring_publish(&v->ring[q]);
		vring_kick_wanted(&v->ring[q]);
		v->stats.kicks++;
		v->c.device.kick(v->c.device.arg, q);
	}
}

void vnet_quiet(struct vnet *v)
{
	if (!v->up)
		return;
	vring_quiet(&v->ring[VNET_RX]);
	vring_quiet(&v->ring[VNET_TX]);
}

bool vnet_arm(struct vnet *v, bool tx_wait)
{
	bool more = false;
	if (!v->up)
		return false;
	if (vring_arm(&v->ring[VNET_RX], v->rx_part))
		more = true;
	if (!tx_wait)
		vring_quiet(&v->ring[VNET_TX]);
	else if (vring_arm(&v->ring[VNET_TX], v->ring[VNET_TX].c.size / 2))
		more = true;
	return more;
}
