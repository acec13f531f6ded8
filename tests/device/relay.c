// SPDX-License-Identifier: Apache-2.0
// See relay.h. Every message passes through in order; a client that shares its memory is made into one that does not.
#include "relay.h"
#include "vfio_user.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <signal.h>
#include <unistd.h>

#define MESSAGE_ROOM (VFIO_USER_MAX_TRANSFER + 4096)
#define MAPS	     256

struct memory {
	uint64_t address, bytes;
	uint8_t *data;
};

static struct memory memory[MAPS];
static unsigned maps;
static uint8_t buffer[MESSAGE_ROOM];
static int fds[VFIO_USER_MAX_FDS];
static unsigned fd_count;

/* One whole message into the buffer; 0 at the end of the connection. */
static size_t receive(int from)
{
	size_t got = 0, want = sizeof(struct vfio_user_header);
	fd_count = 0;
	while (got < want) {
		char control[CMSG_SPACE(sizeof(fds))];
		struct iovec iov = { buffer + got, want - got };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(from, &m, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return 0;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds + fd_count, CMSG_DATA(c), count * sizeof(int));
			fd_count += (unsigned)count;
		}
		got += (size_t)n;
		if (got == sizeof(struct vfio_user_header))
			memcpy(&want, &((struct vfio_user_header *)buffer)->size, sizeof(uint32_t));
		if (want > sizeof(buffer))
			return 0;
	}
	return want;
}

static void send_on(int to, size_t bytes)
{
	char control[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = { buffer, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd_count) {
		memset(control, 0, sizeof(control));
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	if (sendmsg(to, &m, MSG_NOSIGNAL) != (ssize_t)bytes)
		_exit(1);
	for (unsigned i = 0; i < fd_count; i++)
		close(fds[i]);
	fd_count = 0;
}

static void client_message(int server, size_t bytes)
{
	struct vfio_user_header *h = (void *)buffer;
	if (h->command == VFIO_USER_DMA_MAP && fd_count == 1 && maps < MAPS) {
		struct vfio_user_dma_map *q = (void *)(buffer + sizeof(*h));
		void *data = mmap(NULL, q->size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0],
				  (off_t)q->offset);
		if (data == MAP_FAILED)
			_exit(1);
		memory[maps++] = (struct memory){ q->address, q->size, data };
		close(fds[0]);
		fd_count = 0;
	}
	send_on(server, bytes);
}

static void server_message(int client, int server, size_t bytes)
{
	struct vfio_user_header *h = (void *)buffer;
	struct vfio_user_dma_access *a = (void *)(buffer + sizeof(*h));
	uint8_t *data = buffer + sizeof(*h) + sizeof(*a);
	bool write = h->command == VFIO_USER_DMA_WRITE;
	if ((h->flags & VFIO_USER_TYPE_MASK) == VFIO_USER_REPLY ||
	    (!write && h->command != VFIO_USER_DMA_READ)) {
		send_on(client, bytes);
		return;
	}
	h->flags = VFIO_USER_REPLY | VFIO_USER_ERROR;
	h->size = sizeof(*h);
	for (unsigned i = 0; i < maps; i++) {
		struct memory *m = &memory[i];
		if (a->address < m->address || a->address - m->address >= m->bytes ||
		    a->count > m->bytes - (a->address - m->address))
			continue;
		uint8_t *at = m->data + (a->address - m->address);
		h->flags = VFIO_USER_REPLY;
		h->size = (uint32_t)(sizeof(*h) + sizeof(*a) + (write ? 0 : a->count));
		if (write)
			memcpy(at, data, a->count);
		else
			memcpy(data, at, a->count);
	}
	send_on(server, h->size);
}

static int stream(const char *path, bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = listening ? bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 4)
			      : connect(fd, (struct sockaddr *)&a, sizeof(a));
	if (fd < 0 || error)
		_exit(1);
	return fd;
}

static void relay_client(int client, int server)
{
	for (;;) {
		struct pollfd p[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
		if (poll(p, 2, -1) < 0)
			return;
		for (int i = 0; i < 2; i++) {
			if (!p[i].revents)
				continue;
			size_t bytes = receive(p[i].fd);
			if (!bytes)
				return;
			if (i)
				server_message(client, server, bytes);
			else
				client_message(server, bytes);
		}
	}
}

pid_t relay_start(const char *path, const char *server)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int listener = stream(path, true);
	for (;;) {
		int client = accept(listener, NULL, NULL);
		int to = stream(server, false);
		relay_client(client, to);
		close(client);
		close(to);
		while (maps) {
			maps--;
			munmap(memory[maps].data, memory[maps].bytes);
		}
	}
}
