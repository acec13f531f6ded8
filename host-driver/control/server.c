// SPDX-License-Identifier: Apache-2.0
// The daemon's side of the control protocol: takes requests apart, queues what a slow peer does not read yet.
#include "packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct waiting {
	struct waiting *next;
	int fds[GLC_FDS_MAX];
	size_t fd_count;
	size_t bytes;
	char data[];
};

struct glc_connection {
	int fd;
	struct glc_peer peer;
	struct waiting *first, **last;
	size_t queued;
};

int glc_listen(const char *path, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	struct stat status;
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode)) {
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) || errno == EAGAIN) {
			close(fd);
			return -EADDRINUSE;
		}
		if (errno == ECONNREFUSED)
			unlink(path);
		close(fd);
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return -errno;
	}
	/* Nobody can connect before listen(), so that the mode is in force in time. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || chmod(path, mode) ||
	    listen(fd, 64)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int glc_adopt(int fd, struct glc_connection **connection)
{
	struct glc_connection *c = calloc(1, sizeof(*c));
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	int flags = fcntl(fd, F_GETFL);
	if (!c || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size)) {
		int error = c ? errno : ENOMEM;
		free(c);
		close(fd);
		return -error;
	}
	c->fd = fd;
	c->peer = (struct glc_peer){ credentials.pid, credentials.uid, credentials.gid };
	c->last = &c->first;
	*connection = c;
	return 0;
}

int glc_accept(int listener, struct glc_connection **connection)
{
	int fd;
	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	return fd < 0 ? -errno : glc_adopt(fd, connection);
}

static void drop_first(struct glc_connection *c)
{
	struct waiting *w = c->first;
	c->first = w->next;
	if (!c->first)
		c->last = &c->first;
	c->queued--;
	packet_close(w->fds, w->fd_count);
	free(w);
}

void glc_disconnect(struct glc_connection *c)
{
	if (!c)
		return;
	while (c->first)
		drop_first(c);
	close(c->fd);
	free(c);
}

int glc_connection_fd(const struct glc_connection *c)
{
	return c->fd;
}

const struct glc_peer *glc_connection_peer(const struct glc_connection *c)
{
	return &c->peer;
}

bool glc_pending(const struct glc_connection *c)
{
	return c->first != NULL;
}

int glc_flush(struct glc_connection *c)
{
	while (c->first) {
		int error = packet_send(c->fd, c->first->data, c->first->bytes, c->first->fds,
					c->first->fd_count);
		if (error == -EAGAIN)
			return 0;
		if (error)
			return error;
		drop_first(c);
	}
	return 0;
}

static int enqueue(struct glc_connection *c, const char *text, size_t bytes, const int *fds,
		   size_t fd_count)
{
	if (c->queued >= GLC_QUEUE_MAX)
		return -ENOBUFS;
	struct waiting *w = calloc(1, sizeof(*w) + bytes);
	if (!w)
		return -ENOMEM;
	for (size_t i = 0; i < fd_count; i++) {
		w->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (w->fds[i] < 0) {
			int error = errno;
			packet_close(w->fds, i);
			free(w);
			return -error;
		}
	}
	w->fd_count = fd_count;
	w->bytes = bytes;
	memcpy(w->data, text, bytes);
	*c->last = w;
	c->last = &w->next;
	c->queued++;
	return 0;
}

/* Consumes object. */
static int send_object(struct glc_connection *c, json_t *object, const int *fds, size_t fd_count)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (!text)
		return -ENOMEM;
	size_t bytes = strlen(text);
	int error = -EAGAIN;
	if (!c->first)
		error = packet_send(c->fd, text, bytes, fds, fd_count);
	if (error == -EAGAIN)
		error = enqueue(c, text, bytes, fds, fd_count);
	free(text);
	return error;
}

int glc_answer(struct glc_connection *c, const struct glc_request *request, json_t *result,
	       const int *fds, size_t fd_count)
{
	if (!request->id) {
		json_decref(result);
		return 0;
	}
	if (!result)
		result = json_object();
	if (fd_count)
		json_object_set_new(result, "fds", json_integer((json_int_t)fd_count));
	int error = send_object(c,
				json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", request->id,
					  "result", result),
				fds, fd_count);
	if (error == -EMSGSIZE)
		return glc_answer_error(c, request, GLC_INTERNAL, EMSGSIZE,
					"the answer to %s is longer than a packet",
					request->method);
	return error;
}

int glc_answer_error(struct glc_connection *c, const struct glc_request *request, int code,
		     int error, const char *format, ...)
{
	if (request && request->object && !request->id)
		return 0;
	char words[512];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (length >= (int)sizeof(words))
		length = sizeof(words) - 1;
	/* What a peer sent may be quoted in it, cut in the middle of a character. */
	json_t *message = NULL;
	for (int cut = 0; !message && cut < 4 && length >= cut; cut++)
		message = json_stringn(words, (size_t)(length - cut));
	if (!message)
		message = json_string("refused");
	json_t *body = json_pack("{s:i, s:o}", "code", code, "message", message);
	if (error)
		json_object_set_new(body, "data",
				    json_pack("{s:s}", "errno", glc_errno_name(error)));
	return send_object(c,
			   json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id",
				     request && request->id ? json_incref(request->id)
							    : json_null(),
				     "error", body),
			   NULL, 0);
}

int glc_notify(struct glc_connection *c, const char *method, json_t *params)
{
	return send_object(c,
			   json_pack("{s:s, s:s, s:O}", "jsonrpc", "2.0", "method", method,
				     "params", params),
			   NULL, 0);
}

void glc_request_free(struct glc_request *request)
{
	packet_close(request->fds, request->fd_count);
	json_decref(request->object);
	*request = (struct glc_request){ 0 };
}

/* What is wrong with a request, or NULL. Fills it. */
static const char *take_apart(struct glc_request *r, int *code)
{
	*code = GLC_INVALID_REQUEST;
	if (!json_is_object(r->object))
		return "a request is one JSON object";
	const char *version = json_string_value(json_object_get(r->object, "jsonrpc"));
	if (!version || strcmp(version, "2.0"))
		return "a request has \"jsonrpc\": \"2.0\"";
	json_t *id = json_object_get(r->object, "id");
	if (id && !json_is_integer(id) && !json_is_string(id) && !json_is_null(id))
		return "the id of a request is a whole number or a string";
	r->id = id;
	r->method = json_string_value(json_object_get(r->object, "method"));
	if (!r->method)
		return "a request has a \"method\"";
	*code = GLC_INVALID_PARAMS;
	json_t *params = json_object_get(r->object, "params");
	if (!params) {
		params = json_object();
		json_object_set_new(r->object, "params", params);
	}
	if (!json_is_object(params))
		return "\"params\" is an object";
	r->params = params;
	json_t *fds = json_object_get(params, "fds");
	if (fds && (!json_is_integer(fds) || json_integer_value(fds) != (json_int_t)r->fd_count))
		return "\"fds\" is not the number of descriptors that came with the request";
	if (!fds && r->fd_count)
		return "descriptors came with a request that has no \"fds\"";
	return NULL;
}

int glc_receive(struct glc_connection *c, struct glc_request *request)
{
	*request = (struct glc_request){ 0 };
	const char *data;
	ssize_t bytes = packet_receive(c->fd, &data, request->fds, &request->fd_count);
	if (bytes == -EAGAIN)
		return 0;
	if (bytes < 0)
		return (int)bytes;
	json_error_t where;
	request->object =
		json_loadb(data, (size_t)bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
	int error;
	if (!request->object) {
		error = glc_answer_error(c, NULL, GLC_PARSE_ERROR, 0, "not JSON: %s", where.text);
	} else {
		int code;
		const char *wrong = take_apart(request, &code);
		if (!wrong)
			return 1;
		/* An id that is not one must not come back. */
		error = glc_answer_error(c, request->id ? request : NULL, code, 0, "%s", wrong);
	}
	glc_request_free(request);
	return error;
}
