/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of wire (wire_*.c) and what they have in common (wire.c) know of each other. */
#ifndef GLANE_WIRE_KIND_H
#define GLANE_WIRE_KIND_H

#include "wire.h"

enum {
	WIRE_FRAME_MIN = 14,
	WIRE_FRAME_MAX = 16000, /* more than any frame that the NIC can be told to take */
};

/* What became of a frame of the NIC. */
enum wire_fate { WIRE_TAKEN, WIRE_FULL, WIRE_NO_PEER };

struct wire_kind {
	const char *name;
	const char *argument; /* what stands behind the colon, for messages; NULL: nothing */
	/* 0, or -1 after wire_fail(). `argument` is not empty, unless the kind has none. */
	int (*open)(struct glane_wire *w, const char *argument);
	int (*close)(struct glane_wire *w);
	enum wire_fate (*take)(struct glane_wire *w, const uint8_t *frame, size_t bytes);
	/* Gives the NIC frames as long as wire_has_room(). NULL: there is nothing to give. */
	void (*service)(struct glane_wire *w);
};

extern const struct wire_kind wire_tap, wire_pcap, wire_unix, wire_iface;

struct glane_wire {
	struct gls *s;
	const struct wire_kind *kind;
	void *state;  /* the kind's own */
	int epoll;    /* -1: the kind has no descriptors */
	int data;     /* descriptor that frames come from; -1: none now */
	bool watched; /* it is in the epoll set */
	uint64_t last_look, last_cycles;
	struct glane_wire_stats stats;
	char *error; /* while it is being opened */
	size_t error_room;
	uint8_t frame[WIRE_FRAME_MAX + 1];
};

/* Writes the sentence about a failure to open; -1. */
int wire_fail(struct glane_wire *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool wire_has_room(const struct glane_wire *w);
/* A frame, in w->frame or elsewhere, goes to the NIC, if it is one. */
void wire_give(struct glane_wire *w, const uint8_t *frame, size_t bytes);
/* The descriptor that frames come from is another one now, or none (-1). */
void wire_set_data(struct glane_wire *w, int fd);

#endif
