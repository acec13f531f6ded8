// SPDX-License-Identifier: Apache-2.0
// Who keeps the NIC's descriptors while no daemon lives: systemd's descriptor store (sd_notify(3), FDSTORE=1), or glane-hold, whose protocol is
// in host-driver/glane-hold/hold.h.
#include "glaned.h"
#include "hold.h"
#include "packet.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define HOLD_TIMEOUT_S 10
#define SPARE_FD       3 /* number of the listening socket in glane-hold */

/* What tells whether a descriptor of the same name is still the same file. */
struct mark {
	char name[32];
	dev_t device;
	ino_t inode;
	long long eventfd; /* all eventfds share an inode; -1: none */
	bool seen;
};

struct keeper {
	enum keeper_kind kind;
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int hold; /* connection to glane-hold */
	struct gl_fd *found;
	size_t found_count;
	struct mark *kept;
	size_t kept_count;
};

static struct mark mark_of(const struct gl_fd *fd)
{
	struct mark m = { .eventfd = -1 };
	struct stat status;
	char path[64], line[128];
	memcpy(m.name, fd->name, sizeof(m.name));
	if (!fstat(fd->fd, &status)) {
		m.device = status.st_dev;
		m.inode = status.st_ino;
	}
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd->fd);
	FILE *info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "eventfd-id: %lld", &m.eventfd) == 1)
			break;
	if (info)
		fclose(info);
	return m;
}

static bool same(const struct mark *a, const struct mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->eventfd == b->eventfd;
}

static struct mark *find(struct keeper *k, const char *name)
{
	for (size_t i = 0; i < k->kept_count; i++)
		if (!strncmp(k->kept[i].name, name, sizeof(k->kept[i].name)))
			return &k->kept[i];
	return NULL;
}

/* --- glane-hold --- */

static int hold_send(struct keeper *k, const char *verb, const char *name, int fd)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s%s%.32s", verb, name ? " " : "", name ? name : "");
	return packet_send(k->hold, text, (size_t)n, &fd, fd >= 0);
}

/* Waits until glane-hold has done what it was told. */
static int hold_sync(struct keeper *k)
{
	const char *data;
	int fds[GLC_FDS_MAX];
	size_t fd_count;
	int error = hold_send(k, HOLD_SYNC, NULL, -1);
	if (error)
		return error;
	ssize_t n = packet_receive(k->hold, &data, fds, &fd_count);
	if (n < 0)
		return (int)n;
	packet_close(fds, fd_count);
	return (size_t)n >= strlen(HOLD_OK) && !memcmp(data, HOLD_OK, strlen(HOLD_OK)) ? 0 : -EIO;
}

static int hold_start(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -errno;
	int error = 0;
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || chmod(path, 0600) ||
	    listen(listener, 4)) {
		error = -errno;
		goto out;
	}
	/* Beside this program, else in $PATH. */
	char program[4096 + 16], *slash;
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 16);
	program[n > 0 ? n : 0] = 0;
	slash = strrchr(program, '/');
	if (slash)
		strcpy(slash + 1, "glane-hold");
	if (!slash || access(program, X_OK))
		strcpy(program, "glane-hold");
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	posix_spawn_file_actions_adddup2(&actions, 0, 2);
	/* Even if it has that number already, dup2 takes close-on-exec off in the child. */
	posix_spawn_file_actions_adddup2(&actions, listener, SPARE_FD);
	pid_t pid;
	char fd_text[16];
	snprintf(fd_text, sizeof(fd_text), "%d", SPARE_FD);
	char *arguments[] = { "glane-hold", "--listen-fd", fd_text, NULL };
	error = -posix_spawnp(&pid, program, &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
out:
	close(listener);
	if (error)
		unlink(path);
	return error;
}

static int hold_connect(struct keeper *k, bool only_if_there)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", k->socket);
	for (int try = 0; try < 2; try++) {
		k->hold = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (k->hold < 0)
			return -errno;
		struct timeval limit = { .tv_sec = HOLD_TIMEOUT_S };
		setsockopt(k->hold, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(k->hold, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (!connect(k->hold, (struct sockaddr *)&address, sizeof(address)))
			return 0;
		int error = -errno;
		close(k->hold);
		k->hold = -1;
		if (only_if_there || try || (error != -ENOENT && error != -ECONNREFUSED))
			return error;
		error = hold_start(k->socket);
		if (error)
			return error;
	}
	return -EIO;
}

static int found_add(struct keeper *k, const char *name, int fd)
{
	struct gl_fd *more = realloc(k->found, (k->found_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	k->found = more;
	memset(&more[k->found_count], 0, sizeof(*more));
	snprintf(more[k->found_count].name, sizeof(more->name), "%s", name);
	more[k->found_count++].fd = fd;
	struct mark *marks = realloc(k->kept, (k->kept_count + 1) * sizeof(*marks));
	if (!marks)
		return -ENOMEM;
	k->kept = marks;
	marks[k->kept_count++] = mark_of(&k->found[k->found_count - 1]);
	return 0;
}

static int hold_list(struct keeper *k)
{
	int error = hold_send(k, HOLD_LIST, NULL, -1);
	while (!error) {
		const char *data;
		int fds[GLC_FDS_MAX];
		size_t fd_count;
		char name[40] = "";
		ssize_t n = packet_receive(k->hold, &data, fds, &fd_count);
		if (n < 0)
			return (int)n;
		if ((size_t)n < sizeof(name))
			memcpy(name, data, (size_t)n);
		if (fd_count != 1) {
			packet_close(fds, fd_count);
			return !strncmp(name, HOLD_OK, strlen(HOLD_OK)) ? 0 : -EIO;
		}
		error = found_add(k, name, fds[0]);
	}
	return error;
}

/* --- systemd --- */

static int systemd_store(const char *name, int fd)
{
	char text[128];
	/* FDPOLL=0: also a socket whose other end has closed stays until it is removed. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%.32s\nFDPOLL=0", name);
	int error = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	return error < 0 ? error : 0;
}

static int systemd_remove(const char *name)
{
	char text[128];
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%.32s", name);
	int error = sd_notify(0, text);
	return error < 0 ? error : 0;
}

static int systemd_list(struct keeper *k)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names), error = 0;
	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (!error)
			error = found_add(k, names[i], fd);
		free(names[i]);
	}
	free(names);
	return error ? error : count < 0 ? count : 0;
}

/* --- both --- */

static int put(struct keeper *k, const char *name, int fd)
{
	return k->kind == KEEPER_SYSTEMD ? systemd_store(name, fd)
					 : hold_send(k, HOLD_ADD, name, fd);
}

static int drop(struct keeper *k, const char *name)
{
	return k->kind == KEEPER_SYSTEMD ? systemd_remove(name)
					 : hold_send(k, HOLD_REMOVE, name, -1);
}

static int settle(struct keeper *k)
{
	if (k->kind == KEEPER_HOLD)
		return hold_sync(k);
	int error = sd_notify_barrier(0, HOLD_TIMEOUT_S * 1000000ull);
	return error < 0 ? error : 0;
}

int keeper_open(struct keeper **keeper, enum keeper_kind kind, const char *socket,
		bool only_if_there)
{
	struct keeper *k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->kind = kind;
	k->hold = -1;
	int error = 0;
	if (kind == KEEPER_HOLD && strlen(socket) >= sizeof(k->socket)) {
		error = -ENAMETOOLONG;
	} else if (kind == KEEPER_HOLD) {
		strcpy(k->socket, socket);
		error = hold_connect(k, only_if_there);
		if (!error)
			error = hold_list(k);
	} else if (kind == KEEPER_SYSTEMD) {
		error = systemd_list(k);
	}
	if (error) {
		keeper_close(k);
		return error;
	}
	*keeper = k;
	return 0;
}

const struct gl_fd *keeper_found(const struct keeper *k, size_t *count)
{
	*count = k->found_count;
	return k->found;
}

/* They stay kept until the next keeper_prune(). */
void keeper_taken(struct keeper *k)
{
	free(k->found);
	k->found = NULL;
	k->found_count = 0;
}

int keeper_add(struct keeper *k, const struct gl_fd *fds, size_t count)
{
	if (k->kind == KEEPER_NONE)
		return 0;
	int error = 0;
	bool sent = false;
	for (size_t i = 0; i < count && !error; i++) {
		struct mark m = mark_of(&fds[i]), *before = find(k, fds[i].name);
		if (before && same(before, &m))
			continue;
		sent = true;
		if (before && k->kind == KEEPER_SYSTEMD)
			error = drop(k, fds[i].name); /* the store keeps several of one name */
		if (!error)
			error = put(k, fds[i].name, fds[i].fd);
		if (error)
			break;
		if (before) {
			*before = m;
			continue;
		}
		struct mark *more = realloc(k->kept, (k->kept_count + 1) * sizeof(*more));
		if (!more) {
			error = -ENOMEM;
			break;
		}
		k->kept = more;
		more[k->kept_count++] = m;
	}
	/* A successor's list must not overtake what was only sent. */
	if (!error && sent && k->kind == KEEPER_HOLD)
		error = hold_sync(k);
	if (error)
		log_line(LOG_ERR, NO_CONTEXT, "keeper",
			 "%s does not take a descriptor: %s; the contexts will not survive this "
			 "daemon",
			 k->kind == KEEPER_HOLD ? "glane-hold" : "systemd", strerror(-error));
	return error;
}

void keeper_prune(struct keeper *k, const struct gl_fd *fds, size_t count)
{
	if (k->kind == KEEPER_NONE)
		return;
	for (size_t j = 0; j < k->kept_count; j++)
		k->kept[j].seen = false;
	for (size_t i = 0; i < count; i++) {
		struct mark *m = find(k, fds[i].name);
		if (m)
			m->seen = true;
	}
	size_t left = 0;
	for (size_t j = 0; j < k->kept_count; j++) {
		if (k->kept[j].seen)
			k->kept[left++] = k->kept[j];
		else
			drop(k, k->kept[j].name);
	}
	k->kept_count = left;
}

void keeper_release(struct keeper *k, bool end)
{
	if (!k || k->kind == KEEPER_NONE)
		return;
	for (size_t i = 0; i < k->found_count; i++)
		close(k->found[i].fd);
	free(k->found);
	k->found = NULL;
	k->found_count = 0;
	for (size_t i = 0; i < k->kept_count; i++)
		drop(k, k->kept[i].name);
	k->kept_count = 0;
	if (k->kind == KEEPER_HOLD && end) {
		hold_send(k, HOLD_QUIT, NULL, -1);
		unlink(k->socket);
	}
	settle(k);
}

void keeper_close(struct keeper *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->found_count; i++)
		close(k->found[i].fd);
	if (k->hold >= 0)
		close(k->hold);
	free(k->found);
	free(k->kept);
	free(k);
}

int keeper_fd(const struct keeper *k)
{
	return k->hold;
}

int keeper_again(struct keeper *k)
{
	close(k->hold);
	k->hold = -1;
	k->kept_count = 0;
	return hold_connect(k, false);
}
