/* SPDX-License-Identifier: Apache-2.0 */
/* A NIC that the test plays: the functions of guestlane.h over a few arrays, and what a test looks at or does to them. */
#ifndef FAKE_NIC_H
#define FAKE_NIC_H

#include "guestlane.h"

#define FAKE_CONTEXTS 8
#define FAKE_MEMORIES 16
#define FAKE_GRANTED  4096

struct fake_context {
	bool exists, enabled, table;
	struct gl_context_config config;
	uint64_t mapped; /* bytes at the daemon's guest address */
	uint64_t bus;
	uint64_t granted[FAKE_GRANTED]; /* bus addresses of gl_map_pages() */
	unsigned granted_count;
	uint32_t page[1024];
	struct gl_fault fault; /* kind 0: none */
	uint16_t resets;
};

struct gl_nic {
	struct fake_context context[FAKE_CONTEXTS];
	struct gl_memory memory[FAKE_MEMORIES]; /* fd -1: free */
	char memory_name[FAKE_MEMORIES][24];
	int irq_shared;
	enum gl_irq_mode irq_mode;
	unsigned irq_moderation, pending;
	int irq[FAKE_CONTEXTS + 1], bell[FAKE_CONTEXTS][2];
	uint64_t generation;
	uint32_t events, watchdog_state;
	unsigned loads, restarts, page_accesses;
	bool gone;
	int fail_in; /* the so-many'th call from now that can fail fails; 0: none */
	char error[128];
};

struct gl_nic *fake_open(void);
unsigned fake_memories(const struct gl_nic *nic); /* in use */

#endif
