/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-net driver in user space (virtio 1.2, 5.1) for one device page: a receive and a transmit queue in memory that both sides share.
 *
 * Frames stay in that memory: a received one is read where the device wrote it, one to send is built where the device will read it.
 * All state that counts is in the memory's first page, so another process that has the memory goes on (vnet_resume).
 * Nothing here blocks. The device is not trusted: see vring.h.
 */
#ifndef GL_VNET_H
#define GL_VNET_H

#include <sys/uio.h>

#include "vring.h"

/* struct virtio_net_hdr of 5.1.6, little-endian, 12 bytes in front of each frame. */
struct vnet_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
#define VNET_HDR_BYTES 12u
static_assert(sizeof(struct vnet_hdr) == VNET_HDR_BYTES, "virtio 1.2, 5.1.6");

/* Feature bits (5.1.3, 6). */
#define VNET_F_CSUM	       0
#define VNET_F_GUEST_CSUM      1
#define VNET_F_MTU	       3
#define VNET_F_MAC	       5
#define VNET_F_GUEST_TSO4      7
#define VNET_F_GUEST_TSO6      8
#define VNET_F_GUEST_ECN       9
#define VNET_F_HOST_TSO4       11
#define VNET_F_HOST_TSO6       12
#define VNET_F_HOST_ECN	       13
#define VNET_F_MRG_RXBUF       15
#define VNET_F_STATUS	       16
#define VNET_F_EVENT_IDX       29
#define VNET_F_VERSION_1       32
#define VNET_F_ACCESS_PLATFORM 33
#define VNET_F_RING_PACKED     34
#define VNET_F_IN_ORDER	       35
#define VNET_F_ORDER_PLATFORM  36

enum { VNET_RX = 0, VNET_TX = 1 };

/* How to reach the device. */
struct vnet_device {
	/* Registers of the device page; a read that fails gives all ones. */
	uint32_t (*read)(void *arg, uint32_t offset, unsigned size);
	void (*write)(void *arg, uint32_t offset, uint32_t value, unsigned size);
	/* Rings the doorbell of a queue. */
	void (*kick)(void *arg, unsigned queue);
	void *arg;
};

struct vnet_config {
	void *memory;		/* shared with the device, zeroed, aligned to 4096 */
	size_t bytes;		/* vnet_bytes() or more */
	uint64_t guest_address; /* of its first byte */
	bool split;		/* do not accept packed rings */
	unsigned queue_size;	/* most buffers of a queue, a power of two, 2 to 256 */
	struct vnet_device device;
};

struct vnet_stats {
	uint64_t rx_frames, rx_bytes, tx_frames,
		tx_bytes; /* bytes of frames, without virtio_net_hdr */
	uint64_t kicks;	  /* doorbells rung */
	uint64_t errors;  /* times the device broke a rule */
};

struct vnet {
	struct vnet_config c;
	struct vring ring[2];
	uint64_t features; /* accepted */
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t tx_max; /* bytes of the longest frame with header, as the MTU was at bring-up */
	bool link_up;
	bool up;	   /* the queues work */
	unsigned rx_ahead; /* buffers of frames that were received and not given back */
	unsigned rx_part;  /* buffers of a frame that is not complete */
	struct vnet_stats stats;
	char error[160];
};

/* Memory that queues of that size need for a device of that MTU (with segmentation offload: TX buffers of 64 KiB). */
size_t vnet_bytes(unsigned queue_size, unsigned mtu);

/*
 * Resets the device and brings it up, in the order of 3.1.1; receive buffers are posted. -ENODEV: no such device; -ENOTSUP: it lacks a
 * feature; -EIO: it does not do what was asked; -ENOSPC: the memory is too small. vnet->error has a sentence.
 */
int vnet_start(struct vnet *v, const struct vnet_config *config);
/*
 * Goes on with a device that another process started with this memory, without touching the device but for a look at its status.
 * -ESTALE: it does not run any more, or the memory says otherwise; vnet_start() is the way then.
 */
int vnet_resume(struct vnet *v, const struct vnet_config *config);
/* Resets the device: the memory is ours alone afterwards. */
void vnet_stop(struct vnet *v);
/* Looks at the device's status and configuration: 0, or -EPROTO if it wants a reset, -ENODEV if it is gone. link_up and mtu follow. */
int vnet_check(struct vnet *v);

/* --- Receive ------------------------------------------------------------------------------------------------------------- */

#define VNET_PARTS 64
struct vnet_frame {
	struct vnet_hdr hdr; /* checked against the features; as a TAP takes it */
	struct iovec part[VNET_PARTS];
	unsigned parts; /* buffers, too */
	size_t bytes;
};
/* The next received frame: 1, 0 if there is none, -EPROTO. It stays where it is until vnet_rx_release(), which gives back all that were received. */
int vnet_receive(struct vnet *v, struct vnet_frame *frame);
void vnet_rx_release(struct vnet *v);

/* --- Transmit ------------------------------------------------------------------------------------------------------------ */

/* Where the next frame goes, header first; NULL: no buffer is free, or the device broke a rule (v->up is false then). */
void *vnet_tx_buffer(struct vnet *v, size_t *room);
/* Sends what was put there: `bytes` with the header. The device sees it with vnet_flush() at the latest. */
void vnet_tx_send(struct vnet *v, size_t bytes);

/* --- Doorbells and interrupts ---------------------------------------------------------------------------------------------- */

/* Makes everything available and rings where the device wants it. */
void vnet_flush(struct vnet *v);
/* Rings both queues whatever the device wants. */
void vnet_kick(struct vnet *v);
/* No interrupts while the queues are polled. */
void vnet_quiet(struct vnet *v);
/*
 * Interrupts at the next received frame and, with tx_wait, when half of the transmit queue is free. True: there is work already.
 */
bool vnet_arm(struct vnet *v, bool tx_wait);

static inline bool vnet_has(const struct vnet *v, unsigned feature)
{
	return v->features >> feature & 1;
}

#endif
