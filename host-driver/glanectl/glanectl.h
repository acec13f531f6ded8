/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glanectl, the command line of glaned: what its files share. table.c lists commands and options; parse.c reads the command line by that list, help.c
 * makes --help and shell completion of it. The other files do the commands.
 */
#ifndef GLANECTL_H
#define GLANECTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses. */
enum { CTL_OK = 0, CTL_REFUSED = 1, CTL_USAGE = 2, CTL_NO_DAEMON = 3 };

#define CTL_SOCKET \
	"/run/guestlane/glaned.sock" /* GLC_SOCKET of control.h, as a string for help texts */
/* Firmware load and selftest of a simulated NIC take their time. */
#define CTL_TIMEOUT_MS 120000

/* --- The list of commands and options --- */

enum option_kind {
	OPT_FLAG,     /* no value */
	OPT_NUMBER,   /* whole, low to high */
	OPT_SECONDS,  /* with a fraction, low to high in milliseconds */
	OPT_WORD,     /* one of `words` */
	OPT_WORDS,    /* some of `words`, commas between them; any word if `words` is NULL */
	OPT_BOOL,     /* yes or no */
	OPT_TEXT,     /* anything */
	OPT_FILE,     /* a path, which a shell may complete */
	OPT_MAC,      /* six octets in hexadecimal, colons between them */
	OPT_RATE,     /* bit/s; k, M, G may follow */
	OPT_OCTETS,   /* octets; k, M (1000), KiB, MiB (1024) may follow */
	OPT_VIDS,     /* numbers and ranges of low to high, commas between them */
	OPT_FEATURES, /* names of features, commas between them; "all": no limit */
};

struct option_spec {
	const char *name; /* without "--"; NULL ends a list */
	char letter;	  /* short form, or 0 */
	enum option_kind kind;
	const char *value; /* name of the value in help texts, NULL: none */
	const char *words; /* blanks between them */
	uint64_t low, high;
	const char *help;
};

struct ctl;

struct command_spec {
	const char *name; /* one or two words; NULL ends the list */
	const char *
		operand; /* "CONTEXT", "FILE", "SHELL", in brackets if it may be left out; NULL: none */
	const char *summary;		      /* half a line */
	const char *text;		      /* what else --help says, or NULL */
	const struct option_spec *options[2]; /* its own, and a list that several commands share */
	int (*run)(struct ctl *ctl);	      /* exit status */
};

extern const struct command_spec command_table[];
extern const struct option_spec global_options[]; /* of every command */
/* Feature names for completion; the daemon decides which there are. */
extern const char feature_words[];

/* --- One run of the program --- */

struct glc_client;

struct ctl {
	const struct command_spec
		*command;    /* NULL: none was named, and --help or --version was given */
	const char *operand; /* as it was written, or NULL */
	/*
	 * Options that were given: key is the name with '_' for '-'. Flags and yes/no are booleans; numbers, rates, octets integers; seconds reals;
	 * lists arrays; else strings. The same form as the control protocol's config.
	 */
	json_t *given;
	const char *socket;
	bool json;
	unsigned timeout_ms; /* of each request */
	struct glc_client *client;
	const json_t *hello; /* belongs to the client */
	bool hold;	     /* sentences go to `held` until the terminal is a plain one again */
	char held[1100];
};

/* Reads the command line. CTL_OK, or CTL_USAGE after a sentence on standard error. */
int parse(struct ctl *ctl, int argc, char **argv);
/* The nearest of `count` words, or NULL if none is near. */
const char *parse_nearest(const char *word, const char *const *words, size_t count);

void help_program(FILE *out);
void help_command(FILE *out, const struct command_spec *command);
int run_completion(struct ctl *ctl);

/* A sentence on standard error, "glanectl: " before it, and, with --json, {"error": {...}} on standard output. Returns `status`. */
int fail(struct ctl *ctl, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Connects and says hello, unless done already. CTL_OK, or an exit status after a sentence. */
int ctl_connect(struct ctl *ctl);
/* The sentence and exit status for a negative errno of a call. */
int ctl_refused(struct ctl *ctl, int error);
/*
 * A request; connects first if need be. Takes the reference of params (NULL: {}). The result is the caller's; NULL after a sentence, *status is the exit status then.
 */
json_t *ctl_call(struct ctl *ctl, int *status, const char *method, json_t *params);
json_t *ctl_call_fd(struct ctl *ctl, int *status, const char *method, json_t *params, int fd);
/* All contexts, as an array of the caller's; NULL as ctl_call(). */
json_t *ctl_contexts(struct ctl *ctl, int *status);
/* The answer of stats.get with all contexts, or NULL. */
json_t *ctl_stats(struct ctl *ctl, int *status);
/* The context that the operand names, checked against the NIC; -1: there is no operand. CTL_OK, or an exit status after a sentence. */
int ctl_context(struct ctl *ctl, int *context);
/* Waits until `fd` (or -1) is readable or an event is there: 1, or 0 after timeout_ms (-1: for ever) or when stop_asked is set. */
int ctl_wait(struct ctl *ctl, int fd, int timeout_ms);
/* Contexts of Xen's guests get "vif", as vif.list has it. */
void vif_owners(struct ctl *ctl, json_t *contexts);
/* "guest1 (vif3.0)" of such a context; NULL of others. */
const char *vif_words(const json_t *context);
/* show.c: how the NIC interrupts. */
const char *irq_words(const json_t *nic);
/* Whether an option was given, and its value. */
bool given_flag(const struct ctl *ctl, const char *key);
int64_t given_number(const struct ctl *ctl, const char *key, int64_t otherwise);
double given_seconds(const struct ctl *ctl, const char *key, double otherwise);
const char *given_text(const struct ctl *ctl, const char *key, const char *otherwise);
/* Prints a result as --json does and takes its reference: indented, or in one line for streams. */
void print_json(json_t *value, bool one_line);

/* --- Commands --- */

int run_list(struct ctl *ctl);
int run_show(struct ctl *ctl);
int run_set(struct ctl *ctl);
int run_stats(struct ctl *ctl);
int run_top(struct ctl *ctl);
int run_context_add(struct ctl *ctl);
int run_context_set(struct ctl *ctl);
int run_context_remove(struct ctl *ctl);
int run_context_enable(struct ctl *ctl);
int run_context_disable(struct ctl *ctl);
int run_vif_add(struct ctl *ctl);
int run_vif_remove(struct ctl *ctl);
int run_vif_list(struct ctl *ctl);
int run_firmware_load(struct ctl *ctl);
int run_firmware_log(struct ctl *ctl);
int run_trace(struct ctl *ctl);
int run_capture(struct ctl *ctl);
int run_selftest(struct ctl *ctl);
int run_metrics(struct ctl *ctl);

/*
 * Set by SIGINT, SIGTERM and SIGHUP once stop_signals() was called; the signals interrupt poll(). A second one, while a daemon lets us wait, ends the
 * program at once, after stop_hook (unless NULL), which may do what a signal handler may.
 */
extern volatile int stop_asked;
extern void (*stop_hook)(void);
void stop_signals(void);

#endif
