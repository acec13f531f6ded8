// SPDX-License-Identifier: Apache-2.0
// The client's side of the control protocol.
#include "packet.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct glc_client {
	int fd;
	unsigned timeout_ms;
	json_int_t next_id;
	json_t *hello;
	json_t *events; /* array of notifications that came while an answer was awaited */
	int code;
	bool broken; /* an answer is missing: nothing can be trusted any more */
	char error[512];
};

static int fail(struct glc_client *c, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct glc_client *c, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the socket is ready. until: in now_ms(), negative: for ever. 0 or -ETIMEDOUT. */
static int wait_for(struct glc_client *c, short events, int64_t until)
{
	for (;;) {
		int64_t left = until < 0 ? -1 : until - now_ms();
		if (until >= 0 && left < 0)
			left = 0;
		struct pollfd p = { .fd = c->fd, .events = events };
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

/* One packet as a JSON object; its descriptors go to fds. */
static int receive(struct glc_client *c, int64_t until, json_t **object, int fds[GLC_FDS_MAX],
		   size_t *fd_count)
{
	*fd_count = 0;
	int error = wait_for(c, POLLIN, until);
	if (error)
		return error;
	const char *data;
	ssize_t bytes = packet_receive(c->fd, &data, fds, fd_count);
	if (bytes == -EAGAIN)
		return -ETIMEDOUT;
	if (bytes < 0)
		return fail(c, ECONNRESET,
			    bytes == -ECONNRESET ? "glaned has closed the connection"
						 : "the connection to glaned broke: %s",
			    strerror((int)-bytes));
	*object = json_loadb(data, (size_t)bytes, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*object)) {
		json_decref(*object);
		*object = NULL;
		packet_close(fds, *fd_count);
		*fd_count = 0;
		return fail(c, EPROTO, "glaned sent something that is not a JSON object");
	}
	return 0;
}

static void keep_event(struct glc_client *c, json_t *event)
{
	if (json_array_size(c->events) >= GLC_EVENTS_KEPT)
		json_array_remove(c->events, 0);
	json_array_append_new(c->events, event);
}

static int error_answer(struct glc_client *c, const char *method, const json_t *error)
{
	const char *words = json_string_value(json_object_get(error, "message"));
	const char *name =
		json_string_value(json_object_get(json_object_get(error, "data"), "errno"));
	c->code = (int)json_integer_value(json_object_get(error, "code"));
	int number = EPROTO;
	if (name)
		number = glc_errno_number(name);
	else if (c->code == GLC_NO_METHOD)
		number = ENOSYS;
	else if (c->code == GLC_INVALID_PARAMS)
		number = EINVAL;
	return words ? fail(c, number, "%s", words)
		     : fail(c, number, "glaned refused %s and does not say why", method);
}

int glc_call_fds(struct glc_client *c, const char *method, json_t *params, const int *fds,
		 size_t fd_count, json_t **result, int *got, size_t got_room, size_t *got_count)
{
	int error = 0;
	json_t *request = NULL;
	char *text = NULL;
	if (result)
		*result = NULL;
	if (got_count)
		*got_count = 0;
	c->code = 0;
	if (c->fd < 0 || c->broken) {
		error = fail(c, ECONNRESET, "there is no connection to glaned");
		goto out;
	}
	if (!params)
		params = json_object();
	if (fd_count)
		json_object_set_new(params, "fds", json_integer((json_int_t)fd_count));
	json_int_t id = ++c->next_id;
	request = json_pack("{s:s, s:I, s:s, s:O}", "jsonrpc", "2.0", "id", id, "method", method,
			    "params", params);
	text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	if (!text) {
		error = fail(c, ENOMEM, "no memory, or bytes that are not UTF-8, in %s", method);
		goto out;
	}
	int64_t until = now_ms() + c->timeout_ms;
	do {
		error = packet_send(c->fd, text, strlen(text), fds, fd_count);
	} while (error == -EAGAIN && !(error = wait_for(c, POLLOUT, until)));
	if (error == -EMSGSIZE) {
		fail(c, EMSGSIZE, "%s has too much in its parameters", method);
		goto out;
	}
	if (error) {
		c->broken = true;
		error = error == -ETIMEDOUT
				? fail(c, ETIMEDOUT, "glaned does not take %s", method)
				: fail(c, ECONNRESET, "glaned has closed the connection");
		goto out;
	}
	for (;;) {
		json_t *answer = NULL;
		int came[GLC_FDS_MAX];
		size_t came_count;
		error = receive(c, until, &answer, came, &came_count);
		if (error) {
			if (error == -ETIMEDOUT)
				fail(c, ETIMEDOUT, "glaned did not answer %s within %u ms", method,
				     c->timeout_ms);
			c->broken = true;
			break;
		}
		const json_t *answer_id = json_object_get(answer, "id");
		if (!answer_id && json_is_string(json_object_get(answer, "method"))) {
			packet_close(came, came_count);
			keep_event(c, answer);
			continue;
		}
		json_t *value = json_object_get(answer, "result");
		const json_t *refusal = json_object_get(answer, "error");
		if (json_is_object(refusal) &&
		    (json_is_null(answer_id) || json_integer_value(answer_id) == id)) {
			error = error_answer(c, method, refusal);
		} else if (!value || json_integer_value(answer_id) != id) {
			error = fail(c, EPROTO, "glaned's answer to %s is malformed", method);
			c->broken = true;
		} else {
			if (result)
				*result = json_incref(value);
			size_t kept = came_count < got_room ? came_count : got_room;
			if (kept)
				memcpy(got, came, kept * sizeof(int));
			if (got_count)
				*got_count = kept;
			packet_close(came + kept, came_count - kept);
			came_count = 0;
		}
		packet_close(came, came_count);
		json_decref(answer);
		break;
	}
out:
	free(text);
	json_decref(request);
	json_decref(params);
	return error;
}

int glc_call(struct glc_client *c, const char *method, json_t *params, json_t **result)
{
	return glc_call_fds(c, method, params, NULL, 0, result, NULL, 0, NULL);
}

int glc_event(struct glc_client *c, int timeout_ms, json_t **event)
{
	if (json_array_size(c->events)) {
		*event = json_incref(json_array_get(c->events, 0));
		json_array_remove(c->events, 0);
		return 1;
	}
	if (c->fd < 0 || c->broken)
		return fail(c, ECONNRESET, "there is no connection to glaned");
	int64_t until = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	for (;;) {
		int fds[GLC_FDS_MAX];
		size_t fd_count;
		int error = receive(c, until, event, fds, &fd_count);
		if (error == -ETIMEDOUT)
			return 0;
		if (error) {
			c->broken = true;
			return error;
		}
		packet_close(fds, fd_count);
		if (json_is_string(json_object_get(*event, "method")))
			return 1;
		json_decref(*event); /* an answer that nobody waits for */
	}
}

int glc_open(struct glc_client **client, const char *path, const char *program, unsigned timeout_ms)
{
	struct glc_client *c = calloc(1, sizeof(*c));
	*client = c;
	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->timeout_ms = timeout_ms;
	c->events = json_array();
	if (!c->events)
		return fail(c, ENOMEM, "no memory");
	if (!path)
		path = GLC_SOCKET;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(c, ENAMETOOLONG, "the socket's path %s is too long (at most %zu bytes)",
			    path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return fail(c, errno, "cannot make a socket: %s", strerror(errno));
	/* Non-blocking: a full backlog is -EAGAIN at once; the daemon then accepts as soon as it can. */
	int64_t until = now_ms() + timeout_ms;
	while (connect(c->fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = errno;
		if (error == EINTR)
			continue;
		if (error == EAGAIN && now_ms() < until) {
			poll(NULL, 0, 20);
			continue;
		}
		close(c->fd);
		c->fd = -1;
		switch (error) {
		case ENOENT:
		case ECONNREFUSED:
			return fail(c, error,
				    "no glaned listens at %s; start it, or name its socket", path);
		case EACCES:
		case EPERM:
			return fail(c, error,
				    "this user may not connect to %s; be root or in the group of "
				    "the socket",
				    path);
		case EPROTOTYPE:
			return fail(c, error, "%s is not a socket of glaned", path);
		case EAGAIN:
			return fail(c, ETIMEDOUT, "the glaned at %s accepts nobody", path);
		default:
			return fail(c, error, "cannot connect to %s: %s", path, strerror(error));
		}
	}
	int error = glc_call(c, "hello",
			     json_pack("{s:i, s:s}", "protocol", GLC_PROTOCOL, "program", program),
			     &c->hello);
	if (error)
		return error;
	if (json_integer_value(json_object_get(c->hello, "protocol")) != GLC_PROTOCOL) {
		c->broken = true;
		return fail(c, EPROTO, "glaned answers with protocol %lld; this program speaks %d",
			    (long long)json_integer_value(json_object_get(c->hello, "protocol")),
			    GLC_PROTOCOL);
	}
	return 0;
}

void glc_close(struct glc_client *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	json_decref(c->hello);
	json_decref(c->events);
	free(c);
}

const char *glc_error(const struct glc_client *c)
{
	return c ? c->error : "no memory";
}

int glc_error_code(const struct glc_client *c)
{
	return c->code;
}

const json_t *glc_hello(const struct glc_client *c)
{
	return c->hello;
}

int glc_fd(const struct glc_client *c)
{
	return c->fd;
}
