// SPDX-License-Identifier: Apache-2.0
// --settle: says when the NIC is at rest.
#include "settle.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct settle {
	struct sockaddr_un address;
	struct stat own; /* of the socket's file */
	int epoll, listener;
	int client; /* -1: there is none */
	bool asked;
};

static int watch(struct settle *t, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };
	return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void drop(struct settle *t)
{
	close(t->client); /* leaves the epoll set with its last descriptor */
	t->client = -1;
	t->asked = false;
}

struct settle *settle_open(const char *path, char *error, size_t room)
{
	struct settle *t = calloc(1, sizeof(*t));
	if (!t) {
		snprintf(error, room, "not enough memory");
		return NULL;
	}
	t->client = -1;
	t->address.sun_family = AF_UNIX;
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	t->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof(t->address.sun_path)) {
		snprintf(error, room, "'%s' is too long for a socket", path);
		goto fail;
	}
	strcpy(t->address.sun_path, path);
	/* Left by one that was killed. */
	if (!lstat(path, &t->own) && S_ISSOCK(t->own.st_mode))
		unlink(path);
	if (t->epoll < 0 || t->listener < 0 ||
	    bind(t->listener, (struct sockaddr *)&t->address, sizeof(t->address)) ||
	    listen(t->listener, 1) || stat(path, &t->own) || watch(t, t->listener)) {
		snprintf(error, room, "cannot listen on '%s': %s", path, strerror(errno));
		goto fail;
	}
	return t;
fail:
	t->own.st_ino = 0;
	settle_close(t);
	return NULL;
}

void settle_close(struct settle *t)
{
	struct stat now;
	if (!t)
		return;
	if (t->own.st_ino && !stat(t->address.sun_path, &now) && now.st_ino == t->own.st_ino &&
	    now.st_dev == t->own.st_dev)
		unlink(t->address.sun_path);
	if (t->client >= 0)
		close(t->client);
	if (t->listener >= 0)
		close(t->listener);
	if (t->epoll >= 0)
		close(t->epoll);
	free(t);
}

int settle_fd(const struct settle *t)
{
	return t ? t->epoll : -1;
}

void settle_service(struct settle *t)
{
	char question[64];
	if (!t)
		return;
	while (t->client >= 0) {
		ssize_t n = recv(t->client, question, sizeof(question), 0);
		if (n > 0)
			t->asked = true;
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		else
			drop(t);
	}
	int fd = accept4(t->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (t->client >= 0 || watch(t, fd))
		close(fd);
	else
		t->client = fd;
}

void settle_answer(struct settle *t, const struct settle_answer *a)
{
	if (!t || !t->asked)
		return;
	t->asked = false;
	if (send(t->client, a, sizeof(*a), MSG_NOSIGNAL) < 0)
		drop(t);
}
