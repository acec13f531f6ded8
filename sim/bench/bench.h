/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of glane-bench: each loads a NIC of its own, prints a table and gives its figures as JSON. */
#ifndef BENCH_H
#define BENCH_H

#include "guestlane_sim.h"

#include <jansson.h>

struct bench_options {
	struct gls_config config;
	bool split;
};

#define BENCH_CONTEXTS 32u
#define WIRE_EXTRA \
	24u /* cycles of a frame slot beside its octets: preamble 8, FCS 4, inter-frame gap 12 */
#define FULL_FRAME 1514u

/* MAC addresses of the station on the wire and of the guest of a context. */
void bench_wire_mac(uint8_t *mac);
void bench_guest_mac(uint8_t *mac, unsigned index);

/* isolation.c: NULL when something failed and a sentence was printed. */
json_t *bench_translation(const struct bench_options *o);
json_t *bench_buffers(const struct bench_options *o);
json_t *bench_revocation(const struct bench_options *o);
json_t *bench_fairness(const struct bench_options *o);
json_t *bench_flood(const struct bench_options *o);

#endif
