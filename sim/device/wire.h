/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the NIC's wire: a TAP, capture files, another glane-sim, or a loopback. A wire takes frames of the NIC with gls_on_wire() and
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
	/* Frames of the NIC that did not get to the other end: */
	uint64_t dropped;	  /* all of them, which are: */
	uint64_t dropped_full;	  /* the other end had no room */
	uint64_t dropped_no_peer; /* there is no other end, or it is down */
	uint64_t dropped_bad_fcs; /* the NIC cut the frame or gave it a bad FCS */
	/* What came from the other end and is no frame: shorter than 14 octets or longer than 16,000. */
	uint64_t refused;
};

/*
 * Opens what `spec` names. NULL on failure, with a sentence in error[room] that names the offending word.
 *
 *   tap:NAME            attaches to the TAP interface NAME, or creates it; its addresses and its state are the administrator's
 *   iface:NAME          every frame of the interface NAME, by a raw packet socket
 *   pcap:IN,OUT[,fast]  sends the frames of the pcap or pcapng file IN from the moment the NIC's receiver is enabled, at their own relative
 *                       times in virtual time or, with `fast`, one behind the other; records both directions in OUT (pcapng). IN may be
 *                       empty (nothing is sent), OUT too (nothing is recorded)
 *   unix:PATH           another glane-sim with the same wire: one listens, the other connects; again when the other one was restarted
 *   loopback            every frame of the NIC comes back to it
 *   none, or NULL       no other end: frames of the NIC are counted and dropped
 */
struct glane_wire *glane_wire_open(const char *spec, struct gls *s, char *error, size_t room);
/* The result is 0 or a negative errno: something of a record could not be written. */
int glane_wire_close(struct glane_wire *wire);

/*
 * A descriptor (an epoll instance) that is readable when glane_wire_service() has something to do; -1: none. It is not readable while
 * GLANE_WIRE_QUEUE frames wait for the NIC.
 */
int glane_wire_fd(const struct glane_wire *wire);

/* Moves what can be moved without waiting. Called when the descriptor is readable and, cheaply, every few cycles while the NIC runs. */
void glane_wire_service(struct glane_wire *wire);

struct glane_wire_stats glane_wire_stats(const struct glane_wire *wire);

#endif
