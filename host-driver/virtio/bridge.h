/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves frames between a virtio-net device and a TAP: used by glane-tap and, for context 0, by glaned. Neither side is read faster than
 * the other takes: with the transmit queue full the TAP is left alone, and the kernel's queue in front of it does the rest.
 */
#ifndef GL_BRIDGE_H
#define GL_BRIDGE_H

#include "vnet.h"

struct bridge_stats {
	uint64_t
		rx_dropped; /* received frames that the TAP did not take (down, or without memory) */
	uint64_t tx_dropped; /* frames of the TAP longer than the device takes */
	uint64_t interrupts; /* eventfd wake-ups */
	uint64_t tx_full;    /* times the transmit queue was full */
};

struct bridge {
	struct vnet *v;
	int tap, irq; /* -1: none; not closed here */
	int epoll, again, timer;
	unsigned mtu_limit; /* of the TAP, beside that of the device; 0: none */
	bool tap_waits;	    /* the transmit queue is full */
	bool check_armed;
	struct bridge_stats stats;
};

int bridge_open(struct bridge *b, struct vnet *v, int tap);
void bridge_close(struct bridge *b);
/* The device's interrupt eventfd, from now on. Closing it takes it away: then call with -1 before. */
int bridge_set_irq(struct bridge *b, int irq);
/* Readable when bridge_run() has something to do. */
static inline int bridge_fd(const struct bridge *b)
{
	return b->epoll;
}

#define BRIDGE_CHECK \
	1 /* there were interrupts: call bridge_check() when the device's registers can be reached */
/* Moves a bounded number of frames. 0, BRIDGE_CHECK, -EPROTO: the device broke a rule (v->error), or -ENODEV: the TAP has been deleted. */
int bridge_run(struct bridge *b);
/* Looks at the device's status (vnet_check) and makes the TAP follow its link and MTU. */
int bridge_check(struct bridge *b);
/* The same in two steps, for a look that another thread took with a copy of the driver: link_up and mtu of `seen` are taken over. */
void bridge_follow(struct bridge *b, const struct vnet *seen);
/* After vnet_start(): MAC address, MTU, link and offloads of the TAP as the device has them. *what names what could not be set. */
int bridge_configure(struct bridge *b, const char **what);

#endif
