/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen that the test plays: xenstore (xenstore.h) and dom0's part of Xen (xen.h) over a few arrays. They outlive the daemon that the test plays too. Whatever would harm a
 * real machine - grants given back while a table leads there, a context that runs meanwhile - fails the test at once.
 */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include "xen.h"

#include "guestlane.h"

#define FAKE_NODES   512
#define FAKE_SETS    64
#define FAKE_DOMAINS 16

struct fake_xen {
	bool dom0;
	struct gl_nic *nic;
	char *path[FAKE_NODES], *value[FAKE_NODES]; /* NULL: free */
	uint32_t owner[FAKE_NODES];
	struct {
		char name[GLX_SET_NAME];
		uint32_t domain;
		size_t count;
		uint64_t bus; /* of the first */
	} set[FAKE_SETS];     /* count 0: free */
	struct {
		bool lives;
		enum glx_type type;
		uint32_t *directory[8]; /* directory page of reference 1000 + i */
	} domain[FAKE_DOMAINS];
	struct {
		uint32_t domain; /* 0: in no guest */
		uint64_t machine, address;
	} page[8];
	struct {
		uint32_t domain, port; /* 0: to the host */
		unsigned signals;
	} irq[8];
	uint64_t next_bus;
	int fail_in; /* the so-many'th change of Xen or xenstore from now fails; 0: none */
	int kill_in; /* the daemon dies before the so-many'th change of anything; 0: never */
	void (*kill)(void);
};

extern struct fake_xen xen;
void fake_xen_reset(void);
/* Counts a change: here a daemon may die. */
void fake_change(void);
const char *fake_node(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A guest or a toolstack writes: watches fire. value NULL: removes it and what is below. */
void fake_write(const char *value, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fake_release(void); /* @releaseDomain */
unsigned fake_sets(void);
unsigned fake_nodes(void);

#endif
