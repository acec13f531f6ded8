/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of the host link (docs/hostlink.md): pairs with a board, carries TLPs to and from it. Protocol only: frames go in and out by functions,
 * and so does the time.
 */
#ifndef HOSTLINK_LINK_H
#define HOSTLINK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LINK_ETHERTYPE = 0x88b5,
	LINK_TLP_DW = 72, /* longest TLP that a frame takes */
	LINK_FRAME_MAX = 32 + 8 * 128,
};

enum link_state { LINK_DOWN, LINK_CONFIRMING, LINK_UP };

struct link_ops {
	void *arg;
	void (*send)(void *arg, const uint8_t *frame, size_t bytes);
	/* The next TLP for the board, its DWs; 0: none. Non-posted ones only if np_ok; *non_posted tells which it was. */
	size_t (*take)(void *arg, bool np_ok, uint32_t *dw, size_t room, bool *non_posted);
	void (*give)(void *arg, const uint32_t *dw, size_t count); /* a TLP of the board */
	uint32_t (*nonce)(void *arg);
};

struct link_stats {
	uint64_t sessions, frames_in, frames_out, words_in, words_out;
	uint64_t foreign, malformed, forged, replayed, gaps,
		refused;	/* dropped frames; refused: ACCEPT of a second board */
	uint64_t resent;	/* times we went back */
	uint64_t busy;		/* REFUSE of a board */
	uint64_t round_trip_us; /* smoothed */
	uint16_t board
		[8]; /* its counters, as they came last: bad, foreign, malformed, forged, replayed, gap, refused, resent */
};

struct hostlink;

/* mac: our address. board: the only one to pair with, or NULL: the first that answers, from then on. Times are in ns. */
struct hostlink *link_new(const struct link_ops *ops, const uint8_t mac[6], const uint8_t *board,
			  uint64_t silence);
void link_free(struct hostlink *l);
/* A frame has come. */
void link_frame(struct hostlink *l, const uint8_t *frame, size_t bytes, uint64_t now);
/* Sends what is to be sent. Returns when to call it again at the latest, also if nothing comes. */
uint64_t link_run(struct hostlink *l, uint64_t now);
/* Ends the session, if there is one, and begins to look for the board. */
void link_reset(struct hostlink *l, uint64_t now);
/* Tells the board that we go. */
void link_close(struct hostlink *l);
enum link_state link_state(const struct hostlink *l);
/* Whether TLPs have moved in this session. */
bool link_used(const struct hostlink *l);
/* Something is not acknowledged. */
bool link_busy(const struct hostlink *l);
const uint8_t *link_board(const struct hostlink *l);
struct link_stats link_stats(const struct hostlink *l);

#endif
