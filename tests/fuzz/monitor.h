/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor: sees every TLP on both directions of the NIC's link and decides from its own books which ones the NIC may send. It shares
 * no code with the RTL nor with the code that builds translation tables: it decodes TLPs, registers and tables (docs/isolation.md) by
 * itself, and reads the tables' bytes in host memory.
 *
 * What the NIC may send:
 *   - memory reads and writes inside one page which a table of an enabled context names with that permission. A page that leaves the
 *     table stays allowed until an invalidation or revocation that was started after the store is seen done: from the completion of
 *     the register read that shows it, the page is forbidden;
 *   - reads of 8 or 64 aligned bytes of tables that can be reached from a valid root, inside the table region;
 *   - MSI-X messages as programmed, but none for a context that was revoked and not enabled since;
 *   - completions for requests that it was sent.
 * Everything else is an escape.
 */
#ifndef FUZZ_MONITOR_H
#define FUZZ_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONITOR_CONTEXTS 256
#define MONITOR_NOBODY	 0xffffu /* no context */

struct monitor;

struct monitor_config {
	unsigned contexts;
	uint64_t bar0, bar4; /* addresses of BAR0 and BAR4 (the MSI-X table) */
	uint64_t region;     /* table region now */
	uint64_t region_pages;
	/* most bytes of a write and of a read request; 0: not checked */
	uint32_t max_payload, max_read_request;
	/* cycles after which the NIC may give up a read that was not answered; 0: never */
	uint32_t completion_timeout;
	void *arg;
	/* Bytes of host memory, or NULL. */
	const void *(*memory)(void *arg, uint64_t address, size_t bytes);
	uint64_t (*now)(void *arg); /* cycle, for reports */
	/* May be NULL. Whether a strict context's driver has given these bytes to the device (for writing, or at all). */
	bool (*given)(void *arg, unsigned context, uint64_t address, size_t bytes, bool write);
	/* May be NULL. Called with each escape: a sentence. */
	void (*escape)(void *arg, unsigned context, const char *text);
};

struct monitor_counts {
	uint64_t upstream, reads, writes, table_reads, messages, completions;
	uint64_t invalidations, revocations; /* seen done */
	/* cycles from the start of a revocation to its end, as the host saw it */
	uint64_t revocation_most;
	uint64_t escapes;
	uint64_t pages; /* in the books now */
};

struct monitor *monitor_new(const struct monitor_config *config);
void monitor_free(struct monitor *m);

/* A TLP that the NIC sent, and one that it has taken. dw: header and payload. */
void monitor_up(struct monitor *m, const uint32_t *dw, size_t count);
void monitor_down(struct monitor *m, const uint32_t *dw, size_t count);

/* The tables of a context are about to change, or have changed: note what they hold. */
void monitor_look(struct monitor *m, unsigned context);
/* Contexts whose accesses must also lie in what their driver has given to the device (config.given). */
void monitor_strict(struct monitor *m, unsigned context, bool strict);
/* Pages allowed without a table. Permission bits as in a table entry. Withdrawing takes all of a context's away at once. */
void monitor_grant(struct monitor *m, unsigned context, uint64_t address, uint64_t pages,
		   unsigned permissions);
void monitor_withdraw(struct monitor *m, unsigned context);
/* What was said before by writes that the monitor has not seen. */
void monitor_vector(struct monitor *m, unsigned vector, uint64_t address, uint32_t data);
void monitor_enabled(struct monitor *m, unsigned context, bool enabled);

const struct monitor_counts *monitor_counts(struct monitor *m);

#endif
