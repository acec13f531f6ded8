/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for people: tables, numbers with units, colours, text from elsewhere made harmless. */
#ifndef GLANECTL_TEXT_H
#define GLANECTL_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum style { PLAIN, BOLD, DIM, GOOD, WARN, BAD };
/* Escape sequences, empty strings unless `out` is a terminal and NO_COLOR is unset. */
const char *style_on(FILE *out, enum style style);
const char *style_off(FILE *out);

/* Text of others for a terminal: control characters become '?'. Lives until the 64th call after this one; cut at 500 octets. */
const char *clean(const char *text);
const char *json_text(const json_t *object, const char *key); /* clean, "" if it is not there */
int64_t json_number(const json_t *object, const char *key);   /* 0 if it is not there */
bool json_flag(const json_t *object, const char *key);

/* Strings like those of clean(): the same ring of 64. */
const char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *text_rate(uint64_t bits);		/* as configured, exact: "100 Mb/s" */
const char *text_octets(uint64_t octets);	/* as configured, exact: "64 KiB", "1500 octets" */
const char *text_measure(double value);		/* three digits and a prefix: "1.23k", "987" */
const char *text_duration(double seconds);	/* "2 d 3 h", "4 min 5 s" */
const char *text_clock(double unix_seconds);	/* local time of day, "15:04:05.123" */
const char *text_ranges(const json_t *numbers); /* "10, 20-25" */
const char *text_names(const json_t *names);	/* "mac mtu" */
/* The word's meaning in the lists of docs/registers.md (reset reasons, fault kinds, counters), or NULL. */
const char *meaning_reset_reason(const char *name);
const char *meaning_fault_kind(const char *name);
const char *meaning_stat(const char *name);
const char *meaning_context_stat(const char *name);

/* A table whose columns are as wide as their widest cell. */
struct grid;
/* One letter for each column: 'l' left, 'r' right. */
struct grid *grid_new(const char *columns);
void grid_cell(struct grid *grid, enum style style, const char *text);
/* Prints and frees it; each line begins with `indent` blanks. The first row is a heading if `heading`. */
void grid_print(struct grid *grid, FILE *out, unsigned indent, bool heading);

/* Words of `text` in lines of at most `width` columns, each after `indent` blanks but the first, which stands at column `column` already. */
void print_wrapped(FILE *out, const char *text, unsigned column, unsigned indent, unsigned width);

#endif
