// SPDX-License-Identifier: Apache-2.0
// A glaned that answers by a script and has no NIC: the other side in glanectl's tests.
//
//   fake-glaned SOCKET SCRIPT LOG
//
// SCRIPT is a JSON object: the name of a method -> a list of steps, one for each call of a connection, the last again and again. A step:
//   {"result": {...}}                                        answers
//   {"error": "a sentence", "errno": "EEXIST", "code": -32000}    refuses
//   {"close": true}                                          closes the connection instead
//   {"silent": true}                                         never answers
// and after the answer, if given:
//   "events": [{...}, ...]      sends notifications
//   "write": "hexadecimal"      writes octets into the descriptor that came with the request, "keep": true and keeps it open
//   "hang_up": true             closes the connection
// LOG gets a line "method params" for each request. It ends when its standard input does.
#include "control.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METHODS 32

static json_t *script;
static FILE *log_file;
static struct {
	const char *method;
	size_t calls;
} counts[METHODS];
static int kept_fd = -1;

static json_t *next_step(const char *method)
{
	json_t *steps = json_object_get(script, method);
	size_t n = json_array_size(steps), i = 0;
	if (!n)
		return NULL;
	while (i < METHODS - 1 && counts[i].method && strcmp(counts[i].method, method))
		i++;
	/* Keys of the script live as long as the program. */
	if (!counts[i].method) {
		const char *key;
		json_t *value;
		json_object_foreach(script, key, value)
		{
			if (!strcmp(key, method))
				counts[i].method = key;
		}
	}
	size_t call = counts[i].calls++;
	return json_array_get(steps, call < n ? call : n - 1);
}

static void write_hex(int fd, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		unsigned octet;
		if (sscanf(hex, "%2x", &octet) != 1 ||
		    write(fd, &(uint8_t){ (uint8_t)octet }, 1) != 1)
			return;
	}
}

/* false: close the connection. */
static bool serve(struct glc_connection *c, struct glc_request *r)
{
	char *params = json_dumps(r->params, JSON_COMPACT | JSON_SORT_KEYS);
	fprintf(log_file, "%s %s\n", r->method, params);
	fflush(log_file);
	free(params);
	json_t *step = next_step(r->method), *event;
	size_t i;
	if (!step)
		return glc_answer_error(c, r, GLC_NO_METHOD, 0, "there is no method '%s'",
					r->method) == 0;
	if (json_object_get(step, "close"))
		return false;
	if (json_object_get(step, "silent"))
		return true;
	const char *error = json_string_value(json_object_get(step, "error"));
	const char *name = json_string_value(json_object_get(step, "errno"));
	int code = (int)json_integer_value(json_object_get(step, "code"));
	if (error)
		glc_answer_error(c, r, code ? code : GLC_FAILED, name ? glc_errno_number(name) : 0,
				 "%s", error);
	else
		glc_answer(c, r, json_incref(json_object_get(step, "result")), NULL, 0);
	json_array_foreach(json_object_get(step, "events"), i, event) glc_notify(c, "event", event);
	const char *hex = json_string_value(json_object_get(step, "write"));
	if (hex && r->fd_count) {
		write_hex(r->fds[0], hex);
		if (json_object_get(step, "keep")) {
			kept_fd = r->fds[0];
			r->fds[0] = -1;
		}
	}
	return !json_object_get(step, "hang_up");
}

static void connection(struct glc_connection *c)
{
	bool on = true;
	memset(counts, 0, sizeof(counts));
	while (on) {
		struct pollfd p[2] = { { .fd = glc_connection_fd(c), .events = POLLIN },
				       { .fd = STDIN_FILENO, .events = 0 } };
		struct glc_request request;
		poll(p, 2, -1);
		if (p[1].revents)
			exit(0);
		int n = glc_receive(c, &request);
		if (n < 0)
			break;
		if (n) {
			on = serve(c, &request);
			glc_request_free(&request);
		}
	}
	if (kept_fd >= 0)
		close(kept_fd);
	kept_fd = -1;
	glc_disconnect(c);
}

int main(int argc, char **argv)
{
	json_error_t error;
	if (argc != 4) {
		fputs("usage: fake-glaned SOCKET SCRIPT LOG\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	script = json_load_file(argv[2], 0, &error);
	log_file = fopen(argv[3], "w");
	int listener = glc_listen(argv[1], 0600);
	if (!script || !log_file || listener < 0) {
		fprintf(stderr, "fake-glaned: %s\n",
			!script ? error.text : "cannot open the log or the socket");
		return 2;
	}
	for (;;) {
		struct pollfd p[2] = { { .fd = listener, .events = POLLIN },
				       { .fd = STDIN_FILENO, .events = 0 } };
		struct glc_connection *c;
		poll(p, 2, -1);
		if (p[1].revents)
			return 0;
		if (!glc_accept(listener, &c))
			connection(c);
	}
}
