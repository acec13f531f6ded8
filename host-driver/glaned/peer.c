// SPDX-License-Identifier: Apache-2.0
// Connections of the control socket. A peer may send anything, at any speed, and close at any moment: that costs its connection only.
#include "glaned.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

void peer_close(struct peer *peer, const char *why)
{
	struct daemon *d = peer->daemon;
	for (struct peer **p = &d->peers; *p; p = &(*p)->next) {
		if (*p == peer) {
			*p = peer->next;
			break;
		}
	}
	d->peer_count--;
	sd_event_source_disable_unref(peer->source);
	int k = peer->attached;
	if (k >= 0)
		d->context[k].attachment.peer = NULL;
	glc_disconnect(peer->connection);
	glc_request_free(&peer->later);
	free(peer->metrics);
	free(peer);
	if (k >= 0)
		context_detach(d, (unsigned)k, why);
}

static void watch(struct peer *peer)
{
	/* While an answer waits nothing more is read: the peer waits for itself. */
	sd_event_source_set_io_events(peer->source, glc_pending(peer->connection) ? EPOLLOUT
						    : peer->later.object	  ? 0
										  : EPOLLIN);
}

static int send_reply(struct peer *peer, struct glc_request *request, struct reply *reply)
{
	if (reply->code)
		return glc_answer_error(peer->connection, request, reply->code, reply->error, "%s",
					reply->text);
	return glc_answer(peer->connection, request, reply->result, reply->fds, reply->fd_count);
}

void peer_answer(struct peer *peer, struct reply *reply)
{
	/* A connection that broke is noticed when it is read. */
	send_reply(peer, &peer->later, reply);
	glc_request_free(&peer->later);
	watch(peer);
}

static void tell_lost(struct peer *peer)
{
	if (!peer->lost || glc_pending(peer->connection))
		return;
	json_t *params = json_pack("{s:f, s:s, s:s}", "time", now_wall(), "kind", "lost", "text",
				   "this connection was too slow: events are missing");
	peer->lost = glc_notify(peer->connection, "event", params) != 0;
	json_decref(params);
}

/* One request for each turn of the loop: no peer keeps others from being served. */
static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)fd;
	struct peer *peer = arg;
	struct daemon *d = peer->daemon;
	int error = 0;
	if (glc_pending(peer->connection)) {
		if ((events & (EPOLLHUP | EPOLLERR)))
			error = -ECONNRESET;
		else
			error = glc_flush(peer->connection);
	} else if (peer->later.object) {
		if ((events & (EPOLLHUP | EPOLLERR)))
			error = -ECONNRESET;
	} else {
		struct glc_request request;
		error = glc_receive(peer->connection, &request);
		if (error == 1) {
			struct reply reply = { 0 };
			method_call(d, peer, &request, &reply);
			if (reply.later) {
				peer->later = request;
			} else {
				error = send_reply(peer, &request, &reply);
				glc_request_free(&request);
			}
		} else if (error == 0 && (events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN)) {
			error = -ECONNRESET;
		}
	}
	if (error < 0) {
		peer_close(peer, error == -ECONNRESET ? "its connection closed" : strerror(-error));
		return 0;
	}
	tell_lost(peer);
	watch(peer);
	return 0;
}

int peer_add(struct daemon *d, struct glc_connection *connection, struct peer **added)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	const struct glc_peer *who = glc_connection_peer(connection);
	int error = -ENOMEM;
	if (!peer)
		goto refuse;
	peer->daemon = d;
	peer->connection = connection;
	peer->attached = -1;
	peer->privileged = who->uid == 0 || who->uid == geteuid();
	strcpy(peer->program, "?");
	size_t others = 0;
	for (const struct peer *p = d->peers; p; p = p->next)
		others += !p->privileged;
	error = -EMFILE;
	if (d->peer_count >= PEERS_MAX || (!peer->privileged && others >= PEERS_MAX_USER))
		goto refuse;
	error = sd_event_add_io(d->event, &peer->source, glc_connection_fd(connection), EPOLLIN,
				on_io, peer);
	if (error < 0)
		goto refuse;
	peer->next = d->peers;
	d->peers = peer;
	d->peer_count++;
	if (added)
		*added = peer;
	return 0;
refuse:
	glc_disconnect(connection);
	free(peer);
	return error;
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)events;
	struct daemon *d = arg;
	static bool told;
	struct glc_connection *connection;
	int error = glc_accept(fd, &connection);
	if (!error)
		error = peer_add(d, connection, NULL);
	if (error && error != -EAGAIN && !told) {
		log_line(LOG_WARNING, NO_CONTEXT, "connection",
			 "a connection was refused: %s (told once)", strerror(-error));
		told = true;
	}
	return 0;
}

int peers_listen(struct daemon *d)
{
	d->listener = glc_listen(d->config.socket, d->config.socket_mode);
	if (d->listener == -EADDRINUSE)
		return daemon_fail(d, EADDRINUSE, "another daemon listens on %s", d->config.socket);
	if (d->listener < 0)
		return daemon_fail(d, -d->listener, "cannot listen on %s: %s", d->config.socket,
				   strerror(-d->listener));
	if (d->config.socket_group != (gid_t)-1 &&
	    chown(d->config.socket, (uid_t)-1, d->config.socket_group))
		return daemon_fail(d, errno, "cannot give %s to its group: %s", d->config.socket,
				   strerror(errno));
	return sd_event_add_io(d->event, &d->listener_source, d->listener, EPOLLIN, on_listener, d);
}

void peers_close(struct daemon *d)
{
	d->listener_source = sd_event_source_disable_unref(d->listener_source);
	if (d->listener >= 0) {
		unlink(d->config.socket);
		close(d->listener);
		d->listener = -1;
	}
	while (d->peers) {
		/* What it was attached to is dealt with by who calls this. */
		if (d->peers->attached >= 0)
			d->context[d->peers->attached].attachment.peer = NULL;
		d->peers->attached = -1;
		peer_close(d->peers, "the daemon stops");
	}
}

void tell(struct daemon *d, int level, int context, const char *kind, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line(level, context, kind, "%s", text);
	json_t *params = NULL;
	for (struct peer *p = d->peers; p; p = p->next) {
		if (!p->subscribed)
			continue;
		if (!params) {
			json_t *words = json_string(text);
			params = json_pack("{s:f, s:s, s:o}", "time", now_wall(), "kind", kind,
					   "text", words ? words : json_string(kind));
			if (context >= 0)
				json_object_set_new(params, "context", json_integer(context));
			const struct context *c = context >= 0 ? &d->context[context] : NULL;
			if (c && c->exists && c->owner == OWNER_VIF) {
				json_object_set_new(params, "domain", json_integer(c->vif.domain));
				json_object_set_new(params, "handle", json_integer(c->vif.handle));
			}
		}
		/* A connection that broke is noticed when it is read. */
		if (p->lost || glc_notify(p->connection, "event", params))
			p->lost = true;
		watch(p);
	}
	json_decref(params);
}
