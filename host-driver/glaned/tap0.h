/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Context 0: dom0's own interface, a TAP with virtio-net headers whose driver (host-driver/virtio) runs inside glaned.
 *
 * glaned creates and enables the context (gl_context_create, gl_context_enable); this part brings the memory of its queues ("tap0" for context 0, which the library's
 * descriptors include), the mapping, the TAP and the driver. All of the driver's state is in that memory and in the TAP's descriptor, so
 * a successor that has both goes on where the predecessor was killed.
 */
#ifndef GLANED_TAP0_H
#define GLANED_TAP0_H

#include "guestlane.h"

struct tap0;

struct tap0_config {
	unsigned context;    /* 0 */
	const char *name;    /* of the TAP; made if it does not exist. At most 15 characters */
	bool split;	     /* split rings; else packed */
	unsigned queue_size; /* 2 to 256; 0: 256 */
	int tap_fd; /* -1, or the TAP's descriptor from the keeper, which belongs to *tap0 from a successful return on */
};

/*
 * With memory "tap0" in the handle (after gl_adopt) and config->tap_fd: goes on with the running device. With either missing, or
 * when the device does not run any more: begins anew. 0 or a negative errno, and a sentence in error.
 */
int tap0_open(struct tap0 **tap0, struct gl_nic *nic, const struct tap0_config *config, char *error,
	      size_t room);
/* Resets the device and takes the mapping and memory back. To leave it running for a successor just exit. */
void tap0_close(struct tap0 *tap0);

/* For the keeper, under a name such as "tap0.tap". Belongs to tap0. */
int tap0_tap_fd(const struct tap0 *tap0);
/* For the event loop: readable when tap0_run() has something to do. Belongs to tap0. */
int tap0_fd(const struct tap0 *tap0);
/* Moves frames, a bounded number. 0, or -EPROTO when the device broke a rule or wants a reset: the sentence is in tap0_error(); tap0_restart() begins anew. */
int tap0_run(struct tap0 *tap0);
const char *tap0_error(const struct tap0 *tap0);
/* The device has lost its queues (firmware loaded anew, the context created anew): brings the driver up again. */
int tap0_restart(struct tap0 *tap0);
/* Whether the state of the link or the MTU may have changed (after gl_context_configure). */
void tap0_config_changed(struct tap0 *tap0);

struct tap0_stats {
	uint64_t rx_frames, rx_bytes; /* from the NIC to the TAP */
	uint64_t tx_frames, tx_bytes;
	uint64_t rx_dropped; /* the TAP did not take them */
	uint64_t tx_dropped; /* longer than the device takes */
	uint64_t kicks, interrupts, errors, restarts;
};
void tap0_stats(const struct tap0 *tap0, struct tap0_stats *stats);

#endif
