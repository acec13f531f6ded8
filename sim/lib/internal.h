/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of libguestlane-sim share: the simulation loop (gls.c), errors, random numbers and timers (common.c), root complex (root.c), firmware (core.c),
 * bring-up (boot.c), wire (wire.c), pages for guests (pages.c), translation tables (tables.c).
 *
 * A host link to a board (sim/hostlink) takes common.c, root.c and core.c, and has a struct gls without a model: TLPs go by root_take() and
 * root_receive() instead of pins, and cycles are the time of day.
 */
#ifndef GLS_INTERNAL_H
#define GLS_INTERNAL_H

#include "guestlane_sim.h"
#include "model.h"

#define GLS_VECTORS 257 /* management and at most 256 contexts */

struct root;
struct wire;
struct pages;
struct tables;

struct timer {
	uint64_t cycle, order;
	void (*fn)(void *arg);
	void *arg;
};

struct gls {
	unsigned restarts; /* gls_restart() calls */
	struct gls_config config;
	struct model *model;
	struct model_pins pins;
	uint64_t now, simulated, random;
	struct timer *timers; /* binary heap by cycle, then order of calls */
	size_t timer_count, timer_room;
	uint64_t timer_order;
	unsigned idle_cycles; /* cycles in a row in which the NIC said idle */
	uint32_t link_credit_down, link_credit_up;
	struct root *root;
	struct wire *wire;
	struct pages *pages;
	struct tables *tables;
	uint64_t read_limit; /* cycles after which a register read is given up */
	unsigned patience; /* cycles that the core's firmware may take, in units of what it needs */
	struct hostlink *link; /* sim/hostlink: instead of model and pins */
	char error[256];
};

#define GLS_READ_LIMIT 50000000u

/* common.c */
int gls_fail(struct gls *s, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint32_t gls_below(struct gls *s, uint32_t limit); /* random number in 0..limit-1 */
/* Calls what is due at s->now. */
void timers_run(struct gls *s);
/* The error of the last gls_open() that failed. */
void gls_keep_error(const struct gls *s);

/* root.c: before and after each cycle's settling */
int root_new(struct gls *s);
void root_free(struct gls *s);
void root_drive(struct gls *s);
void root_sample(struct gls *s);
bool root_busy(const struct gls *s); /* something is on its way to the NIC or to a caller */
void root_reset(struct gls *s);	     /* forgets all that is under way */
/* The next TLP for the NIC, taken out: its DWs, 0 if there is none that may go. One longer than `room` is lost. */
size_t root_take(struct gls *s, bool np_ok, uint32_t *dw, size_t room, bool *non_posted);
/* A TLP from the NIC. */
void root_receive(struct gls *s, const uint32_t *dw, size_t count);
void root_write_block(struct gls *s, enum gls_bar bar, uint32_t offset, const void *data,
		      size_t bytes);

/* wire.c */
int wire_new(struct gls *s);
void wire_free(struct gls *s);
void wire_drive(struct gls *s);
void wire_sample(struct gls *s);
bool wire_busy(const struct gls *s);

/* core.c: loads an ELF file into the core's memories; starts core and MAC, and waits until the firmware serves */
int core_load_segment(struct gls *s, const char *name, uint32_t address, const uint8_t *data,
		      size_t bytes);
int core_start(struct gls *s);

/* boot.c */
int boot(struct gls *s);
/* Runs until those bits of a BAR0 register are 0. */
int gls_wait_clear(struct gls *s, uint32_t offset, uint32_t bits);

/* pages.c: a run of pages of host memory for a guest, zeroed; its address, or 0. `huge`: multiples of 2 MiB, in place too. */
uint64_t pages_take(struct gls *s, unsigned owner, uint32_t count, bool huge);
void pages_give(struct gls *s, uint64_t address, uint32_t count);
void pages_free(struct gls *s);

/* tables.c: programs the table region, with no table in it */
int tables_start(struct gls *s);
/* The NIC has forgotten the context's table: its pages are free. */
void tables_forget(struct gls *s, unsigned context);
void tables_free(struct gls *s);

#endif
