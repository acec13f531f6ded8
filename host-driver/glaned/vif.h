/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of Xen: the back end of xenbus device class `guestlane` (docs/xen-interface.md). vif.c has the life of a vif, vif_store.c its nodes in xenstore,
 * vif_memory.c what a guest grants. Nothing here waits for a guest.
 */
#ifndef GLANED_VIF_H
#define GLANED_VIF_H

#include "guestlane.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct context;
struct context_config;
struct glx;
struct peer;
struct reply;
struct xs_handle;

/* In the state file before the first step of each. The number is the back end's xenbus state meanwhile. */
enum vif_phase {
	VIF_ADDING,	/* 1: the nodes are being made; a successor undoes it */
	VIF_WAITING,	/* 2: for the front end's nodes */
	VIF_CONNECTING, /* 2: some of what the guest granted may be mapped; a successor undoes it */
	VIF_CONNECTED,	/* 4 */
	VIF_CLOSING,	/* 5: the front end is to stop its driver */
	VIF_RETURNING,	/* 5: everything is given back, part by part; a successor goes on */
	VIF_CLOSED,	/* 6 */
};

/* What the front end's nodes said, checked. */
struct vif_front {
	bool whole;
	uint32_t pages, directory_pages, port;
	uint64_t guest_address;
};

struct vif {
	uint32_t domain, handle;
	enum vif_phase phase;
	bool whole; /* what the vif line asks for */
	uint32_t pool_pages;
	struct vif_front front; /* from VIF_CONNECTING on */
	uint64_t machine;	/* of the device page in the guest; 0: not mapped there */
	uint64_t address;	/* guest-physical */
	bool removing;		/* ends with the vif itself */
	/* not kept */
	uint32_t done;	   /* directory pages that are mapped */
	uint64_t grants;   /* pages that are mapped */
	bool look;	   /* the front end's state may have changed */
	bool undo;	   /* VIF_RETURNING ends in VIF_WAITING */
	bool failed;	   /* it could not be connected: VIF_RETURNING ends in VIF_CLOSING */
	bool revoked;	   /* in VIF_RETURNING: context and page are done */
	uint64_t looked;   /* when, in now_us() */
	uint64_t again;	   /* not connected before */
	unsigned refusals; /* in a row */
	uint64_t deadline; /* of VIF_CLOSING; 0: none */
	uint64_t began;	   /* vif.remove, or the start of VIF_CONNECTING */
	char error[256];   /* why it is not connected */
};

/* Of one daemon. NULL handles: there is no Xen. */
struct vifs {
	struct glx *glx;
	struct xs_handle *xs;
	struct sd_event_source *source, *timer;
	char missing[256]; /* why there is none */
	uint64_t pace_us;  /* between two looks at one front end */
	uint64_t again_us; /* before a vif is connected again, or what failed is tried again */
	uint64_t connects, refusals, cut_off; /* since the start */
};

/* --- vif.c --- */
void vifs_open(struct daemon *d); /* after the contexts are there: recovers and sweeps */
void vifs_close(struct daemon *d);
/* Everything is given back, guests or not: the daemon stops. */
void vifs_stop(struct daemon *d);
/* The NIC has gone: guests shall go over to their other path. */
void vifs_gone(struct daemon *d);
/* Once in a second. */
void vifs_look(struct daemon *d);
/* 0 or a negative errno with a sentence in d->error: whether there is a Xen to serve. */
int vifs_ready(struct daemon *d);
int vif_add(struct daemon *d, const struct vif *wish, const struct context_config *config,
	    unsigned *context);
/* 1: under way, `peer` is answered when it is done; 0: there is none. */
int vif_remove(struct daemon *d, struct peer *peer, uint32_t domain, uint32_t handle,
	       double seconds);
json_t *vif_json(struct daemon *d, unsigned context);
const char *vif_phase_name(enum vif_phase phase);
/* Whether a context may go to a domain (0: to nobody's guest). Sets d->error. */
int vif_may_have(struct daemon *d, unsigned context, uint32_t domain);
/* Its device was made anew: the guest's driver must start over. */
void vif_again(struct daemon *d, unsigned context);
/* Its nodes belong to no context: takes away what they tell of. */
void vif_orphan(struct daemon *d, uint32_t domain, uint64_t machine, uint64_t address);
/* For the state file. */
json_t *vif_kept(const struct vif *vif);
int vif_from_kept(struct vif *vif, const json_t *kept);
int vif_number(const char *text, uint64_t most, uint64_t *value); /* decimal */

/* --- vif_store.c: all return 0 or a negative errno and leave a sentence in d->error --- */
enum xenbus {
	XB_UNKNOWN,
	XB_INITIALISING,
	XB_INIT_WAIT,
	XB_INITIALISED,
	XB_CONNECTED,
	XB_CLOSING,
	XB_CLOSED,
	XB_NONE /* there is no such node */
};
int store_open(struct daemon *d);
void store_close(struct daemon *d);
int store_add(struct daemon *d, unsigned context); /* both folders, back end in state 1, watched */
int store_watch(struct daemon *d, unsigned context);  /* the front end's state */
int store_remove(struct daemon *d, unsigned context); /* both folders */
/* Whether somebody has written that nobody wants it any more. */
bool store_offline(struct daemon *d, unsigned context);
/* XB_NONE: there is none. */
int store_front_state(struct daemon *d, unsigned context, unsigned *state);
int store_back_state(struct daemon *d, unsigned context, enum xenbus state);
int store_back_write(struct daemon *d, unsigned context, const char *node, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void store_back_clear(struct daemon *d, unsigned context, const char *node);
int store_front(struct daemon *d, unsigned context, struct vif_front *front);
int store_front_reference(struct daemon *d, unsigned context, unsigned i, uint32_t *reference);
/* The domain's name, or "". */
void store_name(struct daemon *d, uint32_t domain, char *name, size_t room);
/* Folders of this NIC's back end that belong to no vif of it. */
void store_sweep(struct daemon *d);
/* Which vif an event is about: 1, its context or -1 for "@releaseDomain"; 0: no event waits; -EIO: the connection broke. */
int store_event(struct daemon *d, int *context);

/* --- vif_memory.c --- */
/* Maps the pages of the next directory page. 1: there are more. */
int memory_map(struct daemon *d, unsigned context);
/* Unmaps one set of a vif. 1: there may be more. Nothing may lead there. */
int memory_unmap(struct daemon *d, uint32_t domain, uint32_t handle);
/* Sets that belong to no vif that has any. */
void memory_sweep(struct daemon *d);
/* Whether all that the front end told is mapped, after a restart; counts it. */
bool memory_complete(struct daemon *d, unsigned context);

#endif
