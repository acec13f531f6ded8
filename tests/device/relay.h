/* SPDX-License-Identifier: Apache-2.0 */
/* A relay between a vfio-user client and a server that keeps the descriptors of DMA maps and answers the server's DMA messages itself. */
#ifndef RELAY_H
#define RELAY_H

#include <sys/types.h>

/* Forks a process that listens on `path` and takes one client after the other to the server at `server`. */
pid_t relay_start(const char *path, const char *server);

#endif
