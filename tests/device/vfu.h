/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the vfio-user protocol that can say anything, right or wrong, and the server process that it talks to. */
#ifndef VFU_H
#define VFU_H

#include "vfio_user.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- The server ------------------------------------------------------------------------------------------------------------ */

struct vfu_server {
	pid_t pid;
	char folder[64], path[128];
};

/* Starts argv[0] with its arguments, in which SOCKET stands for the path of the socket, and waits until it answers. */
bool vfu_start(struct vfu_server *server, char **argv);
/* Its wait status, with 0 for a clean end of a process that was still there. Sends SIGTERM. */
int vfu_stop(struct vfu_server *server);
bool vfu_running(const struct vfu_server *server);
unsigned vfu_descriptors(const struct vfu_server *server);
/* Lines of /proc/PID/maps that have the word. */
unsigned vfu_mappings(const struct vfu_server *server, const char *word);
/* Clock ticks of processor time. */
unsigned long vfu_ticks(const struct vfu_server *server);

/* --- Messages -------------------------------------------------------------------------------------------------------------- */

/* How long a server may take for anything, unless VFU_PATIENCE in the environment says so: milliseconds. */
int vfu_patience(void);
#define VFU_PATIENCE_MS vfu_patience()
enum { VFU_FDS = 256 };

struct vfu_message {
	struct vfio_user_header head;
	uint8_t *payload; /* bytes of it; belongs to the message */
	size_t bytes;
	int fds[VFU_FDS];
	unsigned fd_count;
};
void vfu_drop(struct vfu_message *message);

int vfu_connect(const struct vfu_server *server); /* a socket, or -errno */
/* Sends bytes as they are, with descriptors on the first one; whether all went out. */
bool vfu_send(int socket, const void *data, size_t bytes, const int *fds, unsigned fd_count);
/* A request with a new ID, which comes back; flags beside the type. */
uint16_t vfu_request(int socket, unsigned command, uint32_t flags, const void *payload,
		     size_t bytes, const int *fds, unsigned fd_count);
/* 1: a message; 0: none in time; -1: the connection is closed. */
int vfu_receive(int socket, struct vfu_message *message, int timeout_ms);
/*
 * A request and its reply, which must be one in form. Payload bytes of the reply, -errno of an error reply (-EIO if it has none), or VFU_CLOSED.
 * `answer` may be NULL; descriptors that come are closed.
 */
enum { VFU_CLOSED = -1000, VFU_SILENT = -1001, VFU_MALFORMED = -1002 };
int vfu_call(int socket, unsigned command, const void *payload, size_t bytes, const int *fds,
	     unsigned fd_count, void *answer, size_t room);
/* Connects and agrees on the version; again while an earlier connection is being cleared away. */
int vfu_open(const struct vfu_server *server);
/* Whether the peer has closed, within the patience. Drops what comes before. */
bool vfu_closed(int socket);

/* Accesses to a region: 0 or -errno as above. */
int vfu_read(int socket, unsigned region, uint64_t offset, void *data, uint32_t bytes);
int vfu_write(int socket, unsigned region, uint64_t offset, const void *data, uint32_t bytes);
int vfu_map(int socket, uint64_t address, uint64_t bytes, uint32_t flags, int fd, uint64_t offset);
int vfu_unmap(int socket, uint64_t address, uint64_t bytes);

#endif
