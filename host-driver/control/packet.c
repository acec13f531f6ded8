// SPDX-License-Identifier: Apache-2.0
// Packets with descriptors (unix(7): SCM_RIGHTS), and names of errors.
#include "packet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int packet_send(int fd, const char *data, size_t bytes, const int *fds, size_t fd_count)
{
	if (bytes > GLC_PACKET_MAX || fd_count > GLC_FDS_MAX)
		return -EMSGSIZE;
	struct iovec iov = { .iov_base = (void *)data, .iov_len = bytes };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * GLC_FDS_MAX)];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd_count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
	}
	ssize_t sent;
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

void packet_close(const int *fds, size_t fd_count)
{
	for (size_t i = 0; i < fd_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

ssize_t packet_receive(int fd, const char **data, int fds[GLC_FDS_MAX], size_t *fd_count)
{
	/* Touched only as far as packets are long; each thread of a client has its own. */
	static _Thread_local char buffer[GLC_PACKET_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * GLC_FDS_MAX)];
	} control;
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(buffer) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t got;
	do
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	*data = buffer;
	*fd_count = 0;
	if (got < 0)
		return -errno;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head;
	     head = CMSG_NXTHDR(&message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int one;
			memcpy(&one, CMSG_DATA(head) + i * sizeof(int), sizeof(one));
			if (*fd_count < GLC_FDS_MAX)
				fds[(*fd_count)++] = one;
			else
				close(one);
		}
	}
	int error = 0;
	if (message.msg_flags & MSG_TRUNC)
		error = -EMSGSIZE;
	else if (message.msg_flags & MSG_CTRUNC)
		error = -EPROTO;
	else if (got == 0)
		error = -ECONNRESET;
	if (error) {
		packet_close(fds, *fd_count);
		*fd_count = 0;
		return error;
	}
	return got;
}

const char *glc_errno_name(int error)
{
	const char *name = strerrorname_np(error);
	return name ? name : "EIO";
}

int glc_errno_number(const char *name)
{
	for (int error = 1; name && error < 200; error++) {
		const char *known = strerrorname_np(error);
		if (known && !strcmp(known, name))
			return error;
	}
	return EIO;
}
