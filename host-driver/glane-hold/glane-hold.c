// SPDX-License-Identifier: Apache-2.0
// glane-hold: keeps descriptors of a NIC while no glaned lives. It does nothing else, so that nothing can go wrong in it.
#include "hold.h"
#include "packet.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef GLANED_VERSION
#define GLANED_VERSION "0.5"
#endif

#define PEERS	4
#define IDLE_MS 30000 /* with nothing to keep and nobody connected */

static const char usage[] = "Usage: glane-hold [--listen-fd N]\n"
			    "Keeps the descriptors of a NIC while no glaned lives; glaned starts "
			    "it and tells it to end.\n"
			    "\n"
			    "      --listen-fd N  descriptor of the listening socket (default: 3)\n"
			    "  -h, --help         show this help\n"
			    "  -V, --version      show the version\n";

static struct {
	char name[33];
	int fd;
} held[HOLD_FDS_MAX];
static size_t held_count;
static int peers[PEERS];
static size_t peer_count;
static int quitter = -1; /* who told us to end: we do when it has closed */

static void forget(const char *name)
{
	for (size_t i = 0; i < held_count; i++) {
		if (strcmp(held[i].name, name))
			continue;
		close(held[i].fd);
		held[i] = held[--held_count];
		return;
	}
}

/* False: the connection is finished. */
static bool serve(int fd)
{
	const char *data;
	int fds[GLC_FDS_MAX];
	size_t fd_count;
	char text[64] = "";
	ssize_t n = packet_receive(fd, &data, fds, &fd_count);
	if (n == -EAGAIN)
		return true;
	if (n < 0)
		return false;
	if ((size_t)n < sizeof(text))
		memcpy(text, data, (size_t)n);
	char *name = strchr(text, ' ');
	if (name)
		*name++ = 0;
	bool fine = true;
	if (!strcmp(text, HOLD_ADD) && name && strlen(name) < sizeof(held[0].name) &&
	    fd_count == 1) {
		forget(name);
		fine = held_count < HOLD_FDS_MAX;
		if (fine) {
			strcpy(held[held_count].name, name);
			held[held_count++].fd = fds[0];
			fd_count = 0;
		}
	} else if (!strcmp(text, HOLD_REMOVE) && name) {
		forget(name);
	} else if (!strcmp(text, HOLD_LIST)) {
		for (size_t i = 0; i < held_count && fine; i++)
			fine = !packet_send(fd, held[i].name, strlen(held[i].name), &held[i].fd, 1);
		fine = fine && !packet_send(fd, HOLD_OK, strlen(HOLD_OK), NULL, 0);
	} else if (!strcmp(text, HOLD_SYNC)) {
		fine = !packet_send(fd, HOLD_OK, strlen(HOLD_OK), NULL, 0);
	} else if (!strcmp(text, HOLD_QUIT)) {
		while (held_count)
			close(held[--held_count].fd);
		quitter = fd;
	} else {
		fine = false;
	}
	packet_close(fds, fd_count);
	return fine;
}

static void admit(int listener)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	/* A list is long: its reader is waited for, but not for ever. */
	struct timeval limit = { .tv_sec = 5 };
	if (peer_count == PEERS || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) ||
	    (peer.uid != geteuid() && peer.uid != 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		close(fd);
	else
		peers[peer_count++] = fd;
}

int main(int argc, char **argv)
{
	int listener = 3, is_listening = 0;
	socklen_t size = sizeof(is_listening);
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 2 && (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))) {
		puts("glane-hold " GLANED_VERSION);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "--listen-fd")) {
		char *end;
		listener = (int)strtol(argv[2], &end, 10);
		if (*end || end == argv[2] || listener < 0) {
			fprintf(stderr,
				"glane-hold: --listen-fd is the number of a descriptor, not "
				"\"%s\"\n",
				argv[2]);
			return 2;
		}
	} else if (argc != 1) {
		fprintf(stderr, "glane-hold: \"%s\" is not an option; see glane-hold --help\n",
			argv[1]);
		return 2;
	}
	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) ||
	    !is_listening) {
		fprintf(stderr,
			"glane-hold: descriptor %d is not a listening socket; glaned starts this "
			"program\n",
			listener);
		return 1;
	}
	/* Its own session already; a terminal that closes must not end it. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (chdir("/"))
		return 1;
	for (bool over = false; !over;) {
		struct pollfd p[PEERS + 1] = { { .fd = listener, .events = POLLIN } };
		for (size_t i = 0; i < peer_count; i++)
			p[i + 1] = (struct pollfd){ .fd = peers[i], .events = POLLIN };
		const size_t before = peer_count;
		int ready = poll(p, before + 1, peer_count || held_count ? -1 : IDLE_MS);
		if (ready < 0 && errno != EINTR)
			return 1;
		if (ready == 0)
			break;
		if (ready < 0)
			continue;
		for (size_t i = before; i-- > 0;) {
			if (!p[i + 1].revents || serve(peers[i]))
				continue;
			over |= peers[i] == quitter;
			close(peers[i]);
			peers[i] = peers[--peer_count];
		}
		if (p[0].revents)
			admit(listener);
	}
	return 0;
}
