// SPDX-License-Identifier: Apache-2.0
/*
 * unix:PATH: the wire ends at another glane-sim, or at a glane-hostlink, on this machine. A packet of a SOCK_SEQPACKET socket is a frame. Whoever finds nobody listening
 * listens, and its socket appears under PATH complete (it is bound elsewhere and renamed), replacing a dead one. Four times a second who has no peer
 * looks whether PATH still leads to it, and starts anew if not.
 */
#include "wire_kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

/* Room for two seconds of a sleeping peer at the speeds of a simulator. */
#define SEND_BUFFER (1 << 20)

struct unix_wire {
	struct sockaddr_un address;
	int listener; /* -1: the peer listens */
	int timer;
	struct stat own; /* of the listener's file */
};

static int seqpacket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The timer runs while there is no peer. */
static void set_timer(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	struct timespec period = { 0, w->data < 0 ? 250000000 : 0 };
	struct itimerspec t = { period, period };
	timerfd_settime(u->timer, 0, &t, NULL);
}

static void set_peer(struct glane_wire *w, int fd)
{
	int old = w->data, room = SEND_BUFFER;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	wire_set_data(w, fd);
	if (old >= 0)
		close(old);
	set_timer(w);
}

static void stop_listening(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	struct stat now;
	if (u->listener < 0)
		return;
	if (!stat(u->address.sun_path, &now) && now.st_ino == u->own.st_ino &&
	    now.st_dev == u->own.st_dev)
		unlink(u->address.sun_path);
	close(u->listener); /* leaves the epoll set with its last descriptor */
	u->listener = -1;
}

static int start_listening(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	struct sockaddr_un elsewhere = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN };
	int n = snprintf(elsewhere.sun_path, sizeof(elsewhere.sun_path), "%s.%ld",
			 u->address.sun_path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(elsewhere.sun_path))
		return -ENAMETOOLONG;
	int fd = seqpacket();
	if (fd < 0)
		return -errno;
	unlink(elsewhere.sun_path); /* of a process that had our number and was killed here */
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&elsewhere, sizeof(elsewhere)))
		goto fail;
	if (listen(fd, 4) || stat(elsewhere.sun_path, &u->own) ||
	    epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ||
	    rename(elsewhere.sun_path, u->address.sun_path)) {
		int error = errno;
		unlink(elsewhere.sun_path);
		errno = error;
		goto fail;
	}
	u->listener = fd;
	return 0;
fail:;
	int error = errno;
	close(fd);
	return -error;
}

/* Connects, or listens if nobody else does. 0, or why neither is possible. */
static int start(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	stop_listening(w);
	int fd = seqpacket();
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&u->address, sizeof(u->address))) {
		set_peer(w, fd);
		return 0;
	}
	int error = errno;
	close(fd);
	struct stat file;
	if (error == EAGAIN) /* it listens, and has too much to do to see us now */
		return 0;
	if (error != ENOENT && error != ECONNREFUSED)
		return -error;
	if (!lstat(u->address.sun_path, &file) && !S_ISSOCK(file.st_mode))
		return -EEXIST;
	return start_listening(w);
}

static void look_for_peer(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	struct stat now;
	uint64_t ticks;
	if (read(u->timer, &ticks, sizeof(ticks)) != sizeof(ticks) || w->data >= 0)
		return;
	if (u->listener < 0 || stat(u->address.sun_path, &now) || now.st_ino != u->own.st_ino ||
	    now.st_dev != u->own.st_dev)
		start(w);
}

static void accept_peer(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	while (u->listener >= 0) {
		int fd = accept4(u->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (w->data < 0)
			set_peer(w, fd);
		else
			close(fd); /* a wire has two ends */
	}
}

static void receive(struct glane_wire *w)
{
	while (w->data >= 0 && wire_has_room(w)) {
		struct iovec part = { w->frame, sizeof(w->frame) };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n = recvmsg(w->data, &m, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			set_peer(w, -1);
			return;
		}
		wire_give(w, w->frame, (size_t)n);
	}
}

static void service(struct glane_wire *w)
{
	receive(w); /* sees that the old peer has gone before the new one is taken */
	accept_peer(w);
	if (w->data < 0)
		look_for_peer(w);
}

static enum wire_fate take(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	if (w->data < 0)
		return WIRE_NO_PEER;
	if (send(w->data, frame, bytes, MSG_NOSIGNAL) >= 0)
		return WIRE_TAKEN;
	return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? WIRE_FULL : WIRE_NO_PEER;
}

static int close_unix(struct glane_wire *w)
{
	struct unix_wire *u = w->state;
	stop_listening(w);
	int fd = w->data;
	wire_set_data(w, -1);
	if (fd >= 0)
		close(fd);
	if (u->timer >= 0)
		close(u->timer);
	free(u);
	return 0;
}

static int open_unix(struct glane_wire *w, const char *path)
{
	struct unix_wire *u = calloc(1, sizeof(*u));
	struct epoll_event event = { .events = EPOLLIN };
	if (!u)
		return wire_fail(w, "not enough memory for the wire");
	w->state = u;
	u->listener = u->timer = -1;
	u->address.sun_family = AF_UNIX;
	/* with room for what start_listening() appends */
	if (strlen(path) + 24 > sizeof(u->address.sun_path)) {
		wire_fail(w, "'%s' is too long for a socket; give a path of at most %zu letters",
			  path, sizeof(u->address.sun_path) - 24);
		goto fail;
	}
	strcpy(u->address.sun_path, path);
	u->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (u->timer < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, u->timer, &event)) {
		wire_fail(w, "the wire to '%s' cannot have a timer: %s", path, strerror(errno));
		goto fail;
	}
	int status = start(w);
	if (status == -EEXIST) {
		wire_fail(w, "'%s' is there and is not a socket", path);
		goto fail;
	}
	if (status == -EPROTOTYPE) {
		wire_fail(w, "'%s' is the socket of something else", path);
		goto fail;
	}
	if (status) {
		wire_fail(w, "cannot use the socket '%s': %s", path, strerror(-status));
		goto fail;
	}
	set_timer(w);
	return 0;
fail:
	close_unix(w);
	return -1;
}

const struct wire_kind wire_unix = { "unix", "PATH", open_unix, close_unix, take, service };
