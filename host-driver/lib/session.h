/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a NIC outlives the process that owns it: a memfd, shared by descriptor, that every change goes to with stores in an order such
 * that a successor finds sense in it wherever the process was killed.
 *
 * Whatever takes several steps is announced in `job` before the first one and struck off after the last; a successor (or the same
 * process, after an error in the middle) first finishes it or undoes it: gl_begin(). Tables themselves are in a memfd of their own;
 * the walk from `root` finds which of its pages are in use.
 */
#ifndef GL_SESSION_H
#define GL_SESSION_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	GL_CONTEXTS = 256,
	GL_VECTORS = 1 + GL_CONTEXTS,
	GL_MEMORIES = 512,
	GL_VLANS = 64, /* entries of the NIC; 0 stands for none */
	GL_MEMORY_NAME = 24,
};

#define GL_SESSION_MAGIC   0x53534c47u /* "GLSS" */
#define GL_SESSION_VERSION 3u

enum gl_job {
	GL_JOB_NONE,
	GL_JOB_RESET,
	GL_JOB_MAP, /* undone: all of the range was not mapped */
	GL_JOB_UNMAP,
	GL_JOB_CREATE, /* undone, as the others are finished */
	GL_JOB_CONFIGURE,
	GL_JOB_ENABLE,
	GL_JOB_DISABLE,
	GL_JOB_DESTROY,
};

/* struct gl_context_config without pointers. */
struct gl_kept_config {
	uint64_t features, multicast_filter;
	uint64_t tx_rate, rx_rate, flood_rate;
	uint64_t vlans; /* bit e: member of VLAN entry e */
	uint32_t tx_burst, rx_burst, flood_burst;
	uint16_t mtu, queue_size, vid;
	uint8_t mac[6];
	uint8_t weight, link_down, vlan_mode, untagged, no_wire, promiscuous, any_source,
		filter_multicast, rx_share, fallback, reserved[6];
};
static_assert(sizeof(struct gl_kept_config) == 88, "kept configuration");

struct gl_kept_context {
	uint8_t exists, enabled;
	uint8_t current; /* which of the two configurations counts: the other one is written, then this */
	uint8_t reserved[5];
	struct gl_kept_config config[2];
};

enum gl_memory_state { GL_MEMORY_FREE, GL_MEMORY_CHANGING, GL_MEMORY_LIVE };

struct gl_kept_memory {
	uint64_t bus, bytes;
	uint64_t inode; /* of the descriptor: a keeper may have an older one under the same name */
	uint8_t state; /* enum gl_memory_state; CHANGING: the NIC may or may not reach it, nobody uses it */
	uint8_t imported;
	char name[GL_MEMORY_NAME - 2];
};

struct gl_session {
	uint32_t magic, version, bytes;
	uint32_t nonce; /* in BAR0.SCRATCH */
	uint32_t contexts;
	uint32_t
		resume; /* the firmware is being restarted: contexts that it has lost are to be created again */
	uint32_t irq_mode;	 /* enum gl_irq_mode; GL_IRQ_CHANGING: the change is not finished */
	uint32_t irq_moderation; /* cycles */
	uint64_t table_bus, table_bytes;
	uint64_t
		region_bytes; /* from the lowest to the highest page of the tables, which need not lie together */
	struct {
		uint32_t what; /* enum gl_job */
		uint32_t context;
		uint64_t guest, bytes;
	} job;
	uint64_t root[GL_CONTEXTS]; /* bus address of the root page, 0: none */
	uint16_t vid[GL_VLANS];	    /* of VLAN entry e; 0: free */
	struct gl_kept_context context[GL_CONTEXTS];
	struct gl_kept_memory memory[GL_MEMORIES];
};

#define GL_IRQ_CHANGING 0x100u

/* A store that is not torn and stays in its place among others. */
#define GL_KEEP(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

#endif
