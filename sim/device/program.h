/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs with wires have in common: sentences, option values, and the signals and descriptors of their loops. */
#ifndef GLANE_PROGRAM_H
#define GLANE_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define GLANE_VERSION "0.5"

struct option;

/* Each program's own, in its main.c. */
extern const char program_name[], program_help[];

/* Says "name: sentence" and ends with status 2. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * getopt_long() with its complaints as sentences; -1 at the end. --help and --version are answered here. `letters` begins with a colon.
 */
int program_option(int argc, char **argv, const char *letters, const struct option *names);

/* Values of --option, or a sentence and the end. */
uint64_t number_option(const char *option, const char *text, uint64_t low, uint64_t high);
double real_option(const char *option, const char *text, double high);
void mac_option(uint8_t mac[6], const char *option, const char *text);

struct program_events {
	int epoll, signals;
	bool stop;   /* SIGTERM or SIGINT has come */
	bool report; /* SIGUSR1 has, for events_report() */
};

/* From here on SIGPIPE is ignored, and the other three signals are events. */
void events_begin(struct program_events *e);
/* Waits for a descriptor, too; -1: there is none. */
void events_watch(struct program_events *e, int fd);
/* Waits so long, -1: for ever. Returns how many descriptors have something. */
int events_wait(struct program_events *e, int milliseconds);
/* Whether SIGUSR1 has come since this was asked last: statistics are wanted. */
bool events_report(struct program_events *e);

double seconds_since(struct timespec from);

#endif
