/* SPDX-License-Identifier: Apache-2.0 */
/* A TAP interface with virtio-net headers (Linux, linux/if_tun.h). */
#ifndef GL_TAP_H
#define GL_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the TAP, or takes one that exists: a non-blocking descriptor, or a negative errno (-EINVAL: no such name possible; -EBUSY: another process has it). */
int tap_open(const char *name);
/* Name behind a descriptor: 0 or a negative errno (then it is no TAP). */
int tap_name(int tap, char name[16]);
/* The kernel leaves to whoever reads the TAP what these features say (5.1.3), and does the rest itself. */
int tap_set_offload(int tap, uint64_t features);
int tap_set_mac(int tap, const uint8_t mac[6]);
int tap_set_mtu(int tap, unsigned mtu); /* in the network namespace of the caller */
int tap_set_link(int tap, bool up);

#endif
