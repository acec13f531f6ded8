/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC in C, as the host sees it through BAR0: registers, a firmware that answers the mailbox, and a table walker that watches how the
 * tables change. It stands behind glane-sim's vfio-user server, in a process of its own, so it goes on when a client is killed. Its state
 * is shared memory: tests look into it and set how it behaves.
 */
#ifndef LIBGUESTLANE_MODEL_H
#define LIBGUESTLANE_MODEL_H

#include "gl_mbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { M_CONTEXTS = 6, M_PAGES = 1024, M_LEAVES = 4096, M_MEMORY = 0x8000 };

struct m_context {
	uint32_t control, sw_control, share;
	uint64_t sw_mac, root, filter;
	uint32_t rate[3][2]; /* TX, RX, FLOOD: octets in 65536 cycles, depth */
	uint64_t member;     /* bit e: trunk member of VLAN entry e */
	/* firmware */
	bool created, enabled;
	struct gl_mbox_ctx_config config;
	bool fault;
	bool rung[2];
};

struct m_leaf { /* what the NIC may remember */
	uint64_t guest, value;
	uint32_t context;
	bool known;
};

struct model {
	/* how it behaves */
	uint32_t version;
	unsigned slow;	  /* reads for which a BUSY bit stays */
	bool hung;	  /* the firmware does not answer; the watchdog has seen it */
	bool stuck;	  /* BUSY of an invalidation or revocation never falls */
	uint32_t forgets; /* contexts that the firmware does not find after a restart */
	bool fails;	  /* the firmware does not start */
	uint32_t fw_contexts;
	uint32_t log_head; /* bytes ever written to the log */
	bool refuses;	   /* the firmware refuses each CTX_CONFIGURE */
	bool reset_refused;
	unsigned vectors; /* of MSI-X, 0: enough */

	/* what it has */
	uint32_t scratch, core_run, fw_state, window, sw_index, ctx_index, watchdog;
	uint32_t region_lo, region_hi, region_pages, root_hi, inv_page, inv_pages, event,
		event_enable, vlan_read;
	uint32_t irq_mode, irq_moderation, pending;
	uint32_t sw_lo, sw_hi, vlan_choice, member_choice;
	uint16_t command;
	bool fired, bus_master;
	unsigned inv_busy, revoke_busy, mbox_busy;
	uint8_t vlan[4096];
	uint8_t imem[M_MEMORY], dmem[2 * M_MEMORY];
	struct m_context context[M_CONTEXTS];
	uint64_t maps;

	/* what it has seen */
	unsigned resets, restarts, starts, invalidations, revocations, commands, requests;
	uint64_t key[M_CONTEXTS]
		    [M_PAGES]; /* 0, or where in the context's tree the page may be remembered */
	struct m_leaf leaf[M_LEAVES];
	unsigned faults; /* rules that the host has broken */
	char fault[512];
};

/* In shared memory, as after power-up. */
struct model *model_new(void);
void model_free(struct model *m);
/*
 * A process that serves it to one client after the other; its process identifier, and in *socket the path of its socket (static). Ends by
 * SIGKILL, or when the test ends.
 */
int model_serve(struct model *m, const char *path);
/* A firmware image that the model takes. */
void model_image(const char *path, uint32_t abi);

#endif
