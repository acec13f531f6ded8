// SPDX-License-Identifier: Apache-2.0
// A client of the vfio-user protocol that can say anything, right or wrong, and the server process that it talks to.
#include "vfu.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int vfu_patience(void)
{
	static int patience;

	if (!patience) {
		const char *text = getenv("VFU_PATIENCE");
		patience = text && atoi(text) > 0 ? atoi(text) : 20000;
	}
	return patience;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

/* --- The server ------------------------------------------------------------------------------------------------------------ */

bool vfu_start(struct vfu_server *server, char **argv)
{
	const char *temporary = getenv("TMPDIR");

	/* The path of a socket has no more than 107 characters. */
	if (!temporary || strlen(temporary) > 40)
		temporary = "/tmp";
	snprintf(server->folder, sizeof(server->folder), "%s/gl-vfu-XXXXXX", temporary);
	if (!mkdtemp(server->folder))
		return false;
	snprintf(server->path, sizeof(server->path), "%s/nic.sock", server->folder);
	for (char **word = argv; *word; word++)
		if (!strcmp(*word, "SOCKET"))
			*word = server->path;
	server->pid = fork();
	if (server->pid < 0)
		return false;
	if (!server->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], argv);
		fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	int socket = vfu_open(server);
	if (socket < 0)
		return false;
	close(socket);
	return true;
}

int vfu_stop(struct vfu_server *server)
{
	int status = 0;

	kill(server->pid, SIGTERM);
	for (long end = now_ms() + VFU_PATIENCE_MS; waitpid(server->pid, &status, WNOHANG) == 0;
	     nap())
		if (now_ms() > end) {
			kill(server->pid, SIGKILL);
			waitpid(server->pid, &status, 0);
			break;
		}
	unlink(server->path);
	rmdir(server->folder);
	return status;
}

bool vfu_running(const struct vfu_server *server)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

unsigned vfu_descriptors(const struct vfu_server *server)
{
	char path[64];
	unsigned count = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)server->pid);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

unsigned vfu_mappings(const struct vfu_server *server, const char *word)
{
	char path[64], line[512];
	unsigned count = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)server->pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		count += strstr(line, word) != NULL;
	if (file)
		fclose(file);
	return count;
}

unsigned long vfu_ticks(const struct vfu_server *server)
{
	char path[64], line[1024] = "";
	unsigned long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)server->pid);
	FILE *file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file)) {
		const char *rest = strrchr(line, ')'); /* the name may hold anything */
		if (rest)
			sscanf(rest + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
			       &user, &system);
	}
	if (file)
		fclose(file);
	return user + system;
}

/* --- Messages -------------------------------------------------------------------------------------------------------------- */

void vfu_drop(struct vfu_message *message)
{
	for (unsigned i = 0; i < message->fd_count; i++)
		close(message->fds[i]);
	free(message->payload);
	memset(message, 0, sizeof(*message));
}

int vfu_connect(const struct vfu_server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	strcpy(address.sun_path, server->path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

bool vfu_send(int socket, const void *data, size_t bytes, const int *fds, unsigned fd_count)
{
	const char *from = data;
	long end = now_ms() + VFU_PATIENCE_MS;

	while (bytes) {
		char control[CMSG_SPACE(VFU_FDS * sizeof(int))] = { 0 };
		struct iovec part = { (void *)from, bytes };
		struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
		if (fd_count) {
			m.msg_control = control;
			m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
			memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
		}
		ssize_t sent = sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN && now_ms() < end) {
			struct pollfd p = { socket, POLLOUT, 0 };
			poll(&p, 1, 100);
			continue;
		}
		if (sent <= 0)
			return false;
		fd_count = 0;
		from += sent;
		bytes -= (size_t)sent;
	}
	return true;
}

uint16_t vfu_request(int socket, unsigned command, uint32_t flags, const void *payload,
		     size_t bytes, const int *fds, unsigned fd_count)
{
	static uint16_t last;
	struct vfio_user_header head = { .id = ++last,
					 .command = (uint16_t)command,
					 .size = (uint32_t)(sizeof(head) + bytes),
					 .flags = VFIO_USER_REQUEST | flags };
	char *all = malloc(sizeof(head) + bytes);

	if (!all)
		abort();
	memcpy(all, &head, sizeof(head));
	if (bytes)
		memcpy(all + sizeof(head), payload, bytes);
	vfu_send(socket, all, sizeof(head) + bytes, fds,
		 fd_count); /* a failure shows when nothing comes back */
	free(all);
	return head.id;
}

/* Fills `data`; descriptors that come with it go to the message. */
static int receive_bytes(int socket, void *data, size_t bytes, struct vfu_message *message,
			 long end)
{
	char *to = data;

	while (bytes) {
		struct pollfd p = { socket, POLLIN, 0 };
		long left = end - now_ms();
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return 0;
		char control[CMSG_SPACE(VFU_FDS * sizeof(int))];
		struct iovec part = { to, bytes };
		struct msghdr m = { .msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
		if (got <= 0)
			return -1;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
				continue;
			unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			for (unsigned i = 0; i < count; i++) {
				int fd;
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
				if (message->fd_count < VFU_FDS)
					message->fds[message->fd_count++] = fd;
				else
					close(fd);
			}
		}
		to += got;
		bytes -= (size_t)got;
	}
	return 1;
}

int vfu_receive(int socket, struct vfu_message *message, int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	memset(message, 0, sizeof(*message));
	int result = receive_bytes(socket, &message->head, sizeof(message->head), message, end);
	if (result <= 0)
		goto out;
	if (message->head.size < sizeof(message->head) || message->head.size > 4u << 20) {
		result = -1;
		goto out;
	}
	message->bytes = message->head.size - sizeof(message->head);
	message->payload = malloc(message->bytes + 1);
	if (!message->payload)
		abort();
	result = receive_bytes(socket, message->payload, message->bytes, message, end);
out:
	if (result <= 0)
		vfu_drop(message);
	return result;
}

int vfu_call(int socket, unsigned command, const void *payload, size_t bytes, const int *fds,
	     unsigned fd_count, void *answer, size_t room)
{
	struct vfu_message reply;
	uint16_t id = vfu_request(socket, command, 0, payload, bytes, fds, fd_count);
	int result = vfu_receive(socket, &reply, VFU_PATIENCE_MS);

	if (result <= 0)
		return result ? VFU_CLOSED : VFU_SILENT;
	const struct vfio_user_header *head = &reply.head;
	bool error = head->flags & VFIO_USER_ERROR;
	if (head->id != id || head->command != command ||
	    (head->flags & ~(uint32_t)VFIO_USER_ERROR) != VFIO_USER_REPLY ||
	    (error && reply.bytes) || (!error && head->error))
		result = VFU_MALFORMED;
	else if (error)
		result = head->error ? -(int)head->error : -EIO;
	else
		result = (int)reply.bytes;
	if (result > 0 && answer)
		memcpy(answer, reply.payload, reply.bytes < room ? reply.bytes : room);
	vfu_drop(&reply);
	return result;
}

int vfu_open(const struct vfu_server *server)
{
	static const struct {
		struct vfio_user_version version;
		char text[64];
	} hello = { { 0, 0 }, "{\"capabilities\":{\"max_msg_fds\":253}}" };

	for (long end = now_ms() + VFU_PATIENCE_MS; now_ms() < end; nap()) {
		int socket = vfu_connect(server);
		if (socket < 0)
			continue;
		if (vfu_call(socket, VFIO_USER_VERSION, &hello, 4 + strlen(hello.text) + 1, NULL, 0,
			     NULL, 0) >= 4)
			return socket;
		close(socket);
		if (!vfu_running(server))
			break;
	}
	return -1;
}

bool vfu_closed(int socket)
{
	for (;;) {
		struct vfu_message message;
		int result = vfu_receive(socket, &message, VFU_PATIENCE_MS);
		if (result <= 0)
			return result < 0;
		vfu_drop(&message);
	}
}

int vfu_read(int socket, unsigned region, uint64_t offset, void *data, uint32_t bytes)
{
	struct vfio_user_region_access access = { offset, region, bytes };
	char *answer = calloc(1, sizeof(access) + bytes);

	if (!answer)
		abort();
	int result = vfu_call(socket, VFIO_USER_REGION_READ, &access, sizeof(access), NULL, 0,
			      answer, sizeof(access) + bytes);
	if (result >= 0) {
		bool whole = result == (int)(sizeof(access) + bytes) &&
			     !memcmp(answer, &access, sizeof(access));
		result = whole ? 0 : VFU_MALFORMED;
	}
	if (!result)
		memcpy(data, answer + sizeof(access), bytes);
	free(answer);
	return result;
}

int vfu_write(int socket, unsigned region, uint64_t offset, const void *data, uint32_t bytes)
{
	struct vfio_user_region_access access = { offset, region, bytes }, answer;
	char *all = malloc(sizeof(access) + bytes);

	if (!all)
		abort();
	memcpy(all, &access, sizeof(access));
	memcpy(all + sizeof(access), data, bytes);
	int result = vfu_call(socket, VFIO_USER_REGION_WRITE, all, sizeof(access) + bytes, NULL, 0,
			      &answer, sizeof(answer));
	free(all);
	if (result >= 0)
		result = result == sizeof(answer) && !memcmp(&answer, &access, sizeof(access))
				 ? 0
				 : VFU_MALFORMED;
	return result;
}

int vfu_map(int socket, uint64_t address, uint64_t bytes, uint32_t flags, int fd, uint64_t offset)
{
	struct vfio_user_dma_map map = { sizeof(map), flags, offset, address, bytes };

	return vfu_call(socket, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd, fd >= 0, NULL, 0);
}

int vfu_unmap(int socket, uint64_t address, uint64_t bytes)
{
	struct vfio_user_dma_unmap unmap = { sizeof(unmap), 0, address, bytes }, answer;
	int result = vfu_call(socket, VFIO_USER_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0, &answer,
			      sizeof(answer));

	if (result >= 0)
		result = result == sizeof(answer) && answer.address == address &&
					 answer.size == bytes
				 ? 0
				 : VFU_MALFORMED;
	return result;
}
