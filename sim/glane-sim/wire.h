/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the NIC's wire: a TAP, pcapng files, another glane-sim, or a loopback. A wire takes frames of the NIC with gls_on_wire() and
 * gives it frames with gls_wire_send(); everything is non-blocking, and glane-sim's loop sleeps on its descriptor.
 */
#ifndef GLANE_WIRE_H
#define GLANE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gls;
struct glane_wire;

/* Frames that wait for the NIC's receiver: with more, a wire does not read its descriptors any more (gls_wire_pending()). */
enum { GLANE_WIRE_QUEUE = 64 };

struct glane_wire_stats {
	uint64_t to_nic, from_nic; /* frames */
	uint64_t to_nic_octets, from_nic_octets;
	uint64_t dropped; /* frames of the NIC that nobody took, or with a bad FCS */
};

/*
 * Opens what `spec` names: "tap:NAME", "pcap:IN,OUT", "unix:PATH", "loopback", or NULL or "none": no other end, frames of the NIC are
 * counted and dropped. NULL on failure, with a sentence in error[room] that names the offending word.
 */
struct glane_wire *glane_wire_open(const char *spec, struct gls *s, char *error, size_t room);
void glane_wire_close(struct glane_wire *wire);

/*
 * A descriptor (it may be an epoll instance over several) that is readable when glane_wire_service() has something to do; -1: none. It must not
 * stay readable while more than GLANE_WIRE_QUEUE frames wait, or the loop would not sleep.
 */
int glane_wire_fd(const struct glane_wire *wire);

/* Moves what can be moved without waiting. Called when the descriptor is readable and, cheaply, every few cycles while the NIC runs. */
void glane_wire_service(struct glane_wire *wire);

struct glane_wire_stats glane_wire_stats(const struct glane_wire *wire);

#endif
