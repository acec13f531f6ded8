// SPDX-License-Identifier: Apache-2.0
// glanectl: runs one command; what commands share with each other: the connection, errors, options that were given.
#include "glanectl.h"
#include "text.h"

#include "control.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef GL_VERSION
#define GL_VERSION "0.5"
#endif

_Static_assert(sizeof(CTL_SOCKET) == sizeof(GLC_SOCKET), "the help texts name the daemon's socket");

volatile int stop_asked;
void (*stop_hook)(void);

static void on_stop(int signal)
{
	if (stop_asked) {
		if (stop_hook)
			stop_hook();
		_exit(128 + signal);
	}
	stop_asked = 1;
}

void stop_signals(void)
{
	/* No SA_RESTART: poll() shall return. */
	struct sigaction action = { .sa_handler = on_stop };
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int report(struct ctl *ctl, int status, const char *name, const char *message)
{
	if (ctl->hold) {
		snprintf(ctl->held, sizeof(ctl->held), "%s", message);
		return status;
	}
	fflush(stdout);
	fprintf(stderr, "glanectl: %s\n", message);
	if (ctl->json) {
		json_t *text = json_string(message);
		print_json(json_pack("{s:{s:i, s:s, s:o}}", "error", "status", status, "errno",
				     name, "message", text ? text : json_string("?")),
			   true);
	}
	return status;
}

int fail(struct ctl *ctl, int status, const char *format, ...)
{
	char message[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Words of the command line go to the terminal as they are there, but for control characters. */
	for (unsigned char *p = (unsigned char *)message; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return report(ctl, status, "", message);
}

void print_json(json_t *value, bool one_line)
{
	json_dumpf(value, stdout,
		   JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15) |
			   (one_line ? JSON_COMPACT : JSON_INDENT(2)));
	putchar('\n');
	if (one_line)
		fflush(stdout);
	json_decref(value);
}

int ctl_refused(struct ctl *ctl, int error)
{
	bool lost = error == -ECONNRESET || error == -ETIMEDOUT;
	if (lost && !glc_error_code(ctl->client)) {
		const char *message = glc_error(ctl->client);
		return report(ctl, CTL_NO_DAEMON, glc_errno_name(-error),
			      text_format("%s (%s)", clean(message), ctl->socket));
	}
	return report(ctl, CTL_REFUSED, glc_errno_name(-error), clean(glc_error(ctl->client)));
}

int ctl_connect(struct ctl *ctl)
{
	if (ctl->client)
		return CTL_OK;
	int error = glc_open(&ctl->client, ctl->socket, "glanectl", ctl->timeout_ms);
	if (error) {
		/* The daemon's own refusal of hello is one like others. */
		int status =
			ctl->client && glc_error_code(ctl->client) ? CTL_REFUSED : CTL_NO_DAEMON;
		report(ctl, status, glc_errno_name(-error), clean(glc_error(ctl->client)));
		glc_close(ctl->client);
		ctl->client = NULL;
		return status;
	}
	ctl->hello = glc_hello(ctl->client);
	return CTL_OK;
}

json_t *ctl_call_fd(struct ctl *ctl, int *status, const char *method, json_t *params, int fd)
{
	json_t *result = NULL;
	*status = ctl_connect(ctl);
	if (*status) {
		json_decref(params);
		return NULL;
	}
	int error = glc_call_fds(ctl->client, method, params, &fd, fd >= 0, &result, NULL, 0, NULL);
	if (error)
		*status = ctl_refused(ctl, error);
	return result;
}

json_t *ctl_call(struct ctl *ctl, int *status, const char *method, json_t *params)
{
	return ctl_call_fd(ctl, status, method, params, -1);
}

json_t *ctl_contexts(struct ctl *ctl, int *status)
{
	json_t *all = json_array();
	json_int_t from = 0;
	for (;;) {
		json_t *list = ctl_call(ctl, status, "context.list",
					from ? json_pack("{s:I}", "from", from) : NULL);
		if (!list) {
			json_decref(all);
			return NULL;
		}
		json_array_extend(all, json_object_get(list, "contexts"));
		json_int_t next = json_integer_value(json_object_get(list, "next"));
		json_decref(list);
		/* Forwards only, or a daemon that counts wrongly keeps us for ever. */
		if (next <= from)
			return all;
		from = next;
	}
}

json_t *ctl_stats(struct ctl *ctl, int *status)
{
	json_t *stats = ctl_call(ctl, status, "stats.get", NULL);
	json_int_t from = 0, next;
	while (stats && (next = json_integer_value(json_object_get(stats, "next"))) > from) {
		json_t *more = ctl_call(ctl, status, "stats.get", json_pack("{s:I}", "from", next));
		json_object_del(stats, "next");
		if (!more) {
			json_decref(stats);
			return NULL;
		}
		from = next;
		json_array_extend(json_object_get(stats, "contexts"),
				  json_object_get(more, "contexts"));
		if (json_object_get(more, "next"))
			json_object_set(stats, "next", json_object_get(more, "next"));
		json_decref(more);
	}
	if (stats)
		json_object_del(stats, "next");
	return stats;
}

int ctl_context(struct ctl *ctl, int *context)
{
	*context = -1;
	if (!ctl->operand)
		return CTL_OK;
	char *end;
	errno = 0;
	unsigned long k = strtoul(ctl->operand, &end, 10);
	if (errno || *end || ctl->operand[0] < '0' || ctl->operand[0] > '9' || k > 0xffff)
		return fail(ctl, CTL_USAGE,
			    "the context is '%s'; give a number, as `glanectl list` shows them",
			    ctl->operand);
	int status = ctl_connect(ctl);
	if (status)
		return status;
	int64_t contexts = json_number(json_object_get(ctl->hello, "nic"), "contexts");
	if (contexts > 0 && k >= (uint64_t)contexts)
		return fail(ctl, CTL_REFUSED, "context %lu: this NIC has contexts 0 to %lld", k,
			    (long long)contexts - 1);
	*context = (int)k;
	return CTL_OK;
}

int ctl_wait(struct ctl *ctl, int fd, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = ctl->client ? glc_fd(ctl->client) : -1, .events = POLLIN },
			       { .fd = fd, .events = POLLIN } };
	if (stop_asked)
		return 0;
	return poll(p, 2, timeout_ms) > 0 && !stop_asked;
}

bool given_flag(const struct ctl *ctl, const char *key)
{
	return json_is_true(json_object_get(ctl->given, key));
}

int64_t given_number(const struct ctl *ctl, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(ctl->given, key);
	return value ? json_integer_value(value) : otherwise;
}

double given_seconds(const struct ctl *ctl, const char *key, double otherwise)
{
	const json_t *value = json_object_get(ctl->given, key);
	return value ? json_real_value(value) : otherwise;
}

const char *given_text(const struct ctl *ctl, const char *key, const char *otherwise)
{
	const json_t *value = json_object_get(ctl->given, key);
	return value ? json_string_value(value) : otherwise;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .given = json_object(), .timeout_ms = CTL_TIMEOUT_MS };
	setlocale(LC_CTYPE, "");
	/* An error is told in JSON too, wherever --json stands. */
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		ctl.json = ctl.json || !strcmp(argv[i], "--json");
	int status = parse(&ctl, argc, argv);
	if (status)
		goto out;
	ctl.socket = given_text(&ctl, "socket", GLC_SOCKET);
	if (given_flag(&ctl, "help")) {
		if (ctl.command)
			help_command(stdout, ctl.command);
		else
			help_program(stdout);
	} else if (given_flag(&ctl, "version")) {
		puts("glanectl " GL_VERSION);
	} else {
		status = ctl.command->run(&ctl);
	}
out:
	glc_close(ctl.client);
	json_decref(ctl.given);
	if ((fflush(stdout) || ferror(stdout)) && !status) {
		fprintf(stderr, "glanectl: cannot write the output: %s\n", strerror(errno));
		status = CTL_REFUSED;
	}
	return status;
}
