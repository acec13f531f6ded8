/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records of the plugin to instructions per frame: who executed them (Xen by address, domains by who owns the page the code lies in), in which
 * functions, and how many more they are for each frame more.
 */
#ifndef ANALYSE_H
#define ANALYSE_H

#include "record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum owner { OWNER_XEN, OWNER_DOM0, OWNER_GUEST, OWNER_NONE, OWNERS };
/* "xen", "dom0", "guest", "none" (not in RAM) */
const char *owner_name(enum owner o);

/* --- Whose a piece of code is --- */

struct pages; /* ranges of machine pages and their domains */
struct symbols;

/* Lines "DOMAIN FIRST END", numbers of pages hexadecimal (glane-pages). NULL: no memory, or *line has the line that makes no sense. */
struct pages *pages_read(FILE *f, unsigned *line);
void pages_free(struct pages *p);
/* -1: nobody's */
int pages_domain(const struct pages *p, uint64_t page);

/* As in /proc/kallsyms: address, type, name, and possibly [module]; only code is kept. Appended to *s (NULL at first). False: no memory. */
bool symbols_read(struct symbols **s, FILE *f);
void symbols_free(struct symbols *s);
/* The function that an address is in, or "?". */
const char *symbols_find(const struct symbols *s, uint64_t address);

/* Pages that nobody has are a guest's: a translated domain (PVH) does not tell its own. */
enum owner owner_of(const struct pages *p, const struct record_block *b);
bool is_user(const struct record_block *b);

/* --- Runs --- */

struct count {
	char *name; /* of a function, with who executes it before it: "xen do_softirq" */
	double instructions;
};

struct run {
	unsigned number, frames;
	char name[48];
	bool recorded;
	struct record_header header;
	double owner[OWNERS], user[OWNERS], repeat; /* instructions */
	struct count *profile;
	size_t functions;
};

struct runs {
	struct run *run;
	size_t count;
};

/* Where to find what: files of a folder as bench-xen leaves them. */
struct runs *runs_load(const char *directory, char *error, size_t room);
void runs_free(struct runs *r);

/* Parts of runs_load(), for tests: lines "NUMBER NAME FRAMES", and records, whose runs are in *r. False: *error says why. */
bool runs_read_names(struct runs *r, FILE *f, char *error, size_t room);
bool runs_read_records(struct runs *r, FILE *f, const struct pages *pages,
		       const struct symbols *xen, const struct symbols *dom0,
		       const struct symbols *guest, char *error, size_t room);

/* --- Slopes --- */

/*
 * A workload with few and with many frames: what each frame more costs. Runs of one name are taken in pairs, in their order, few and many; several pairs, also of
 * several boots, give mean and range.
 */
struct slope {
	char name[48];
	unsigned few, many, pairs;
	double owner[OWNERS], user[OWNERS], repeat; /* per frame */
	double total, least, most;
	double offload_least, offload_most; /* range of Xen and dom0 together */
	double interrupts, from_wire, to_wire;
	struct count *profile; /* per frame, the most expensive first */
	size_t functions;
};

struct slopes {
	struct slope *slope;
	size_t count;
};

bool slopes_make(struct slopes *s, const struct runs *const *runs, size_t folders);
const struct slope *slopes_find(const struct slopes *s, const char *name);
/*
 * For each rx-X with a ref-X: what receives, without what makes the frames come, as rx-X; what was measured is rx-X-gross then.
 */
bool slopes_subtract(struct slopes *s);
void slopes_free(struct slopes *s);

#endif
