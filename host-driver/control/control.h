/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol of glaned (docs/control.md) in code: SOCK_SEQPACKET, one JSON-RPC 2.0 object in each packet, descriptors beside it.
 *
 * The client side blocks, with a time-out, and is what glanectl and glane-tap use. The server side never blocks; it belongs into an event
 * loop. Both need jansson only. Functions return 0 (or a count) or a negative errno. A handle belongs to one thread at a time.
 * Nothing here raises SIGPIPE or installs a handler. All descriptors that are received are close-on-exec.
 */
#ifndef GL_CONTROL_H
#define GL_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GLC_PROTOCOL   1 /* the number in hello */
#define GLC_SOCKET     "/run/guestlane/glaned.sock"
#define GLC_PACKET_MAX (128 * 1024) /* bytes of one packet, both directions */
#define GLC_FDS_MAX    8	    /* descriptors with one packet */
#define GLC_TIMEOUT_MS \
	20000 /* for programs without a better idea; firmware.load and selftest take seconds */
#define GLC_EVENTS_KEPT \
	1024 /* notifications that a client keeps while it waits for an answer; the oldest are lost */

/* Codes of JSON-RPC 2.0, and ours. */
enum glc_code {
	GLC_PARSE_ERROR = -32700,
	GLC_INVALID_REQUEST = -32600,
	GLC_NO_METHOD = -32601,
	GLC_INVALID_PARAMS = -32602,
	GLC_INTERNAL = -32603,
	GLC_FAILED = -32000, /* the method failed: error.data.errno names an errno */
};

/* --- Client ---------------------------------------------------------------------------------------------------------------- */

struct glc_client;

/*
 * Connects to the socket (NULL: GLC_SOCKET) and says hello as `program`. timeout_ms bounds this and each later call.
 * *client is set in any case but -ENOMEM, so that glc_error() has the sentence; free it with glc_close() either way.
 * -ENOENT, -ECONNREFUSED: no daemon there; -EACCES: not for this user; -EPROTO: the daemon speaks other versions.
 */
int glc_open(struct glc_client **client, const char *path, const char *program,
	     unsigned timeout_ms);
void glc_close(struct glc_client *client); /* NULL: nothing */
/* What failed last, one sentence; never NULL. The daemon's own words where it answered. */
const char *glc_error(const struct glc_client *client);
/* The code of the last answer that was an error (enum glc_code), 0 otherwise. */
int glc_error_code(const struct glc_client *client);
/* The result of hello: {"protocol", "version", "nic"}. Belongs to the client. */
const json_t *glc_hello(const struct glc_client *client);
/* For poll(): readable when a notification came or the daemon went away. Belongs to the client. */
int glc_fd(const struct glc_client *client);

/*
 * Calls a method and waits for its answer. `params` (an object; NULL: none) is consumed in any case. With `fd_count` descriptors, which
 * stay the caller's, "fds" is added to params. On success *result (unless NULL) is a new reference, and at most got_room descriptors
 * go to `got`, which the caller closes (others are closed); *got_count tells how many (all may be NULL or 0).
 * Error answers give -(data.errno), -ENOSYS for an unknown method, -EINVAL for bad parameters, -EPROTO otherwise. -ETIMEDOUT: no answer; the
 * connection must be closed then. -ECONNRESET: the daemon is gone.
 */
int glc_call_fds(struct glc_client *client, const char *method, json_t *params, const int *fds,
		 size_t fd_count, json_t **result, int *got, size_t got_room, size_t *got_count);
/* The same without descriptors. */
int glc_call(struct glc_client *client, const char *method, json_t *params, json_t **result);

/*
 * The next notification: 1 and in *event the whole object {"jsonrpc", "method", "params"} as a new reference; 0: none came within
 * timeout_ms (0: do not wait; negative: for ever); -ECONNRESET: the daemon is gone.
 */
int glc_event(struct glc_client *client, int timeout_ms, json_t **event);

/* --- Server ---------------------------------------------------------------------------------------------------------------- */

/*
 * A listening socket at `path`, with that mode, non-blocking. A socket file that nobody listens on is replaced; -EADDRINUSE: somebody does.
 * The descriptor, or a negative errno.
 */
int glc_listen(const char *path, mode_t mode);

struct glc_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

struct glc_connection;

/* Accepts one connection: 0, -EAGAIN when there is none, or another negative errno. */
int glc_accept(int listener, struct glc_connection **connection);
/* The same on a socket that is connected already, which the connection owns from then on (also on failure); for tests. */
int glc_adopt(int fd, struct glc_connection **connection);
void glc_disconnect(struct glc_connection *connection);
int glc_connection_fd(const struct glc_connection *connection);
const struct glc_peer *glc_connection_peer(const struct glc_connection *connection);

/* A request or, with id NULL, a notification. */
struct glc_request {
	const char *method; /* inside `object` */
	json_t *params;	    /* an object, never NULL; inside `object` */
	json_t *id;	    /* inside `object` */
	int fds[GLC_FDS_MAX];
	size_t fd_count;
	json_t *object;
};
/* Closes descriptors that were not taken out (set to -1) and frees the rest. */
void glc_request_free(struct glc_request *request);

/*
 * Takes the next packet. 1: *request is a well-formed request, free it; 0: nothing there now, or something malformed that has been answered;
 * negative: the connection is finished (-ECONNRESET: closed by the peer; -EMSGSIZE, -EPROTO: a packet that is too long, or with too many descriptors).
 * Do not call it while glc_pending(): that is what makes a peer that never reads its answers wait, not the daemon.
 */
int glc_receive(struct glc_connection *connection, struct glc_request *request);

/*
 * Answers a request (nothing happens for one without id). `result` (an object; NULL: {}) is consumed; descriptors stay the caller's (they
 * are duplicated if the packet must wait) and "fds" is added to the result. -ENOBUFS, -ECONNRESET ...: the connection is finished.
 */
int glc_answer(struct glc_connection *connection, const struct glc_request *request, json_t *result,
	       const int *fds, size_t fd_count);
/* error: positive errno or 0 (no data). */
int glc_answer_error(struct glc_connection *connection, const struct glc_request *request, int code,
		     int error, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Sends a notification; `params` is borrowed. -ENOBUFS: more than GLC_QUEUE_MAX packets wait for this peer: disconnect it. */
int glc_notify(struct glc_connection *connection, const char *method, json_t *params);
#define GLC_QUEUE_MAX 256

/* Packets that wait until the peer reads: poll for writing, then call glc_flush(). */
bool glc_pending(const struct glc_connection *connection);
int glc_flush(
	struct glc_connection *connection); /* 0, or a negative errno: the connection is finished */

/* --- Both ------------------------------------------------------------------------------------------------------------------ */

/* "EEXIST" and back; an unknown name is EIO. Both positive. */
const char *glc_errno_name(int error);
int glc_errno_number(const char *name);

#endif
