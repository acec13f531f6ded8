/* SPDX-License-Identifier: Apache-2.0 */
/* One packet of the control protocol with its descriptors; inside host-driver/control only. */
#ifndef GL_CONTROL_PACKET_H
#define GL_CONTROL_PACKET_H

#include "control.h"

/* 0, or a negative errno: -EAGAIN when a non-blocking socket is full, -EMSGSIZE when the packet is too long. */
int packet_send(int fd, const char *data, size_t bytes, const int *fds, size_t fd_count);
/*
 * Receives one packet into the process-wide buffer of GLC_PACKET_MAX bytes that *data then points to. Bytes, or a negative errno: -ECONNRESET at
 * the end, -EMSGSIZE for a packet that is too long, -EPROTO for one with too many descriptors (all are closed then).
 */
ssize_t packet_receive(int fd, const char **data, int fds[GLC_FDS_MAX], size_t *fd_count);
void packet_close(const int *fds, size_t fd_count); /* those that are not -1 */

#endif
