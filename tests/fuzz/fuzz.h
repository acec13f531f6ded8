/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the fuzzer share: the run (fuzz.c), what hostile guests do (attack.c), what dom0 and the wire do meanwhile (dom0.c),
 * the innocent guests and their traffic (innocent.c), the coverage signal (coverage.c).
 *
 * A program of operations is a list of struct op. An operation is a kind, a hostile guest and a seed of its own, so that a list
 * that is repeated or mutated does the same things again.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "../cosim/cosim.h"
#include "monitor.h"

#define OPS_MOST 48 /* of a program */

enum op_kind {
	/* what a guest does */
	OP_REGISTER,
	OP_REGISTER_BURST,
	OP_DOORBELLS,
	OP_RESET,
	OP_NEGOTIATE,
	OP_SET_UP,
	OP_RESTART,
	OP_NOISE,
	OP_CHAIN,
	OP_SPOIL,
	OP_INDEX,
	OP_EVENTS,
	OP_FRAME,
	OP_FLOOD,
	OP_RACE,
	OP_STORM,
	/* what dom0 and the wire do */
	OP_LOOK,
	OP_PROTECT,
	OP_UNMAP,
	OP_BREAK_TABLE,
	OP_INVALIDATE,
	OP_REVOKE,
	OP_REPLACE,
	OP_ENABLE,
	OP_LIMIT,
	OP_PORT,
	OP_LINK_FAULT,
	OP_WIRE,
	OP_HANG,
	OP_FIRMWARE_BUG,
	OP_KINDS
};
extern const char *const op_names[OP_KINDS];

struct op {
	uint8_t kind;
	uint8_t who;   /* number of a hostile guest, modulo their number */
	uint16_t wait; /* cycles to run afterwards */
	uint32_t seed;
};

/* A queue of a hostile guest as its device was last told, and where its driver would go on. */
struct victim_queue {
	uint64_t area[3]; /* desc, driver, device */
	unsigned size, at;
	bool wrap;
};

struct hostile {
	unsigned context;
	struct gls_guest_config config;
	uint64_t memory, bytes; /* guest addresses */
	bool packed;
	bool absent;	     /* revoked, and no guest was put there yet */
	bool dirty;	     /* something was done to it since its last restart */
	uint16_t generation; /* counts the guests of this context */
	uint64_t fell;	     /* bit g % 64: the entry of generation g had FALLBACK */
	struct victim_queue queue[2];
};

extern struct fuzz {
	struct hostile *hostile;
	unsigned hostiles;
	unsigned innocent[32], innocents;
	struct monitor *monitor;
	uint64_t bar2;
	/* RX_SHARE: frames of 64 in a ring that may wait for a guest */
	unsigned share, innocent_share;
	uint64_t revocation_most; /* cycles, as the NIC says */
	uint64_t revocation_bound;
	bool swallowed_reads;	      /* the link may leave reads unanswered in this run */
	struct gls_config link;	      /* of this run */
	unsigned restarted_innocents; /* drivers that had to start anew after firmware hung */
	bool firmware_broken;	      /* its memory was spoiled, and it was not loaded anew since */
	unsigned repeated;	      /* frames that came twice after a hang */
	unsigned forgiven;	      /* frames that were lost when firmware hung */
} fuzz;

/* A generator of one operation. */
struct rng {
	uint64_t state;
};
uint32_t below(struct rng *r, uint32_t n);
uint64_t any64(struct rng *r);

/* attack.c */
void attack(struct hostile *h, enum op_kind kind, struct rng *r);
void hostile_rings(struct hostile *h); /* takes the rings from the guest's driver */
/* Schedules register writes of the guest in the next cycles. */
void hostile_storm(struct hostile *h, struct rng *r, unsigned writes, uint32_t cycles);
uint64_t some_address(struct hostile *h, struct rng *r);
/* Has its device send from a range and receive into it. */
void hostile_use(struct hostile *h, struct rng *r, uint64_t address, uint64_t bytes);
/* First octets of a frame from the wire to a generation of a hostile context, to be found again in memory. */
#define TAG_BYTES 10
void generation_tag(const struct hostile *h, uint8_t tag[TAG_BYTES]);
/* Whether a frame from the wire to a generation of a hostile context may have gone to context 0 in its place. */
bool may_have_fallen(unsigned to, const uint8_t *frame, size_t bytes);

/* dom0.c */
void dom0(struct hostile *h, enum op_kind kind, struct rng *r);
void dom0_new_hostile(struct hostile *h, struct rng *r);
/* Brings a hostile guest's device back; false: it does not come back. */
bool dom0_revive(struct hostile *h);
/* Loads the firmware anew; false: the NIC does not come to rest for it. */
bool dom0_mend_firmware(void);
void dom0_monitor(void (*escape)(void *arg, unsigned context, const char *text));

/* innocent.c */
struct innocent_report {
	uint64_t sent, received, octets;
	uint64_t named_drops;		     /* that the NIC counted at innocent guests by name */
	double latency_alone, latency_worst; /* mean cycles from send to arrival in a window */
	double delivered_alone, delivered_worst; /* frames of a sender that arrived in a window */
	unsigned windows, slow_latency, slow_delivered; /* and whose they were */
};
extern struct innocent_report innocents;
void innocent_new(unsigned context, struct rng *r);
void innocent_start(uint64_t seed, unsigned period);
void innocent_stop(void);
/* Nobody sends while on; what is measured meanwhile does not count. */
void innocent_pause(bool on);
/* Whether all that innocent guests had to send came back to their drivers. */
bool innocent_sent_all(void);
/* From now on hostile guests act: what was measured before is the measure. */
void innocent_baseline_ends(void);
/* Problems of innocent guests: "" if there is none. */
const char *innocent_check(bool thorough);
/* Waits until all their frames have arrived. */
bool innocent_drain(void);

/* coverage.c */
void coverage_new(void);
/* Reads counters and states of the hostile guests' contexts; the number of points that were new. */
unsigned coverage_take(enum op_kind last);
unsigned coverage_points(void);

#endif
