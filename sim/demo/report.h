/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's figures: a table for people, report.json for machines, report.png to look at. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guestlane_regs.h"

#define REPORT_CONTEXTS 33			     /* at most 32 guests, and the wire */
#define REPORT_COUNTERS (GL_CSTAT_RX_DROP_LIMIT + 1) /* enum CSTAT */

struct report_context {
	uint8_t mac[6];
	bool moved; /* its host is at the far end of the wire in the second pass */
	uint64_t frames_sent, bytes_sent, frames_received, bytes_received;
	uint64_t counter[REPORT_COUNTERS]; /* the NIC's own, enum CSTAT */
	uint64_t *latency; /* cycles from send to receive of each frame that arrived here */
	size_t latency_count;
};

struct report {
	unsigned contexts; /* guests; context[contexts] is the wire */
	uint32_t clock_hz;
	uint64_t cycles, simulated_cycles;
	double wall_seconds;
	uint64_t frames_in, frames_out, frames_expected, lost, corrupted, reordered, violations;
	double cycles_per_frame_tx, cycles_per_frame_rx;
	uint64_t cycles_firmware, cycles_dma_wait, cycles_idle;
	struct report_context context[REPORT_CONTEXTS];
};

void report_latency(struct report *r, unsigned endpoint, uint64_t cycles);
void report_print(struct report *r);
/* 0, or -1 with a sentence. */
int report_write(struct report *r, const char *folder, const char *capture, char *error,
		 size_t room);
void report_free(struct report *r);

#endif
