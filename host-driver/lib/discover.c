// SPDX-License-Identifier: Apache-2.0
// Which NICs there are: PCI functions in sysfs, sockets of servers. Nothing is opened, so nobody is disturbed.
#define _GNU_SOURCE
#include "backend.h"
#include "guestlane_regs.h"
#include "xen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define SOCKET_DIR  "/run/guestlane"

struct list {
	struct gl_found *found;
	int count;
};

static struct gl_found *add(struct list *l)
{
	struct gl_found *more = realloc(l->found, (size_t)(l->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	l->found = more;
	memset(&more[l->count], 0, sizeof(*more));
	return &more[l->count++];
}

static unsigned long read_number(const char *directory, const char *name, const char *file)
{
	char path[PATH_MAX], text[32];
	snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ULONG_MAX;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return ULONG_MAX;
	text[n] = 0;
	return strtoul(text, NULL, 0);
}

/* The last part of what a link points to, or "". */
static void read_link(const char *name, const char *file, char *text, size_t room)
{
	char path[PATH_MAX], target[PATH_MAX];
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", name, file);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	const char *slash = strrchr(target, '/');
	snprintf(text, room, "%.31s", slash ? slash + 1 : target);
}

static int find_functions(struct list *l)
{
	DIR *d = opendir(PCI_DEVICES);
	int error = 0;
	for (struct dirent *e; d && !error && (e = readdir(d));) {
		char driver[32], group[32];
		if (e->d_name[0] == '.' ||
		    read_number(PCI_DEVICES, e->d_name, "vendor") != GL_PCI_VENDOR_ID ||
		    read_number(PCI_DEVICES, e->d_name, "device") != GL_PCI_DEVICE_ID)
			continue;
		struct gl_found *f = add(l);
		if (!f) {
			error = -ENOMEM;
			break;
		}
		read_link(e->d_name, "driver", driver, sizeof(driver));
		read_link(e->d_name, "iommu_group", group, sizeof(group));
		if (!*driver && glx_is_dom0()) {
			/* As the back end `xen` wants it, which a PVH dom0 has no use for. */
			f->usable = glx_is_pv();
			snprintf(f->device, sizeof(f->device), "%s:%.64s",
				 f->usable ? "xen" : "vfio-noiommu", e->d_name);
			snprintf(f->detail, sizeof(f->detail), "driver none, dom0 of Xen%s",
				 f->usable ? "" : " (PVH: bind it to vfio-pci)");
			continue;
		}
		f->usable = !strcmp(driver, "vfio-pci");
		snprintf(f->device, sizeof(f->device), "%s:%.64s", *group ? "vfio" : "vfio-noiommu",
			 e->d_name);
		snprintf(f->detail, sizeof(f->detail), "driver %.31s%s, %s%.31s",
			 *driver ? driver : "none", f->usable ? "" : " (bind it to vfio-pci)",
			 *group ? "IOMMU group " : "no IOMMU", group);
	}
	if (d)
		closedir(d);
	return error;
}

/* The type of the socket that listens at that path in this network namespace (proc(5), net/unix); 0: none does. */
static int listens(const char *path)
{
	FILE *f = fopen("/proc/net/unix", "re");
	char line[512];
	int found = 0;
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long flags = 0;
		unsigned type = 0;
		int at = 0;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%*s %*s %*s %lx %x %*s %*s %n", &flags, &type, &at) >= 2 && at &&
		    flags & 0x10000 && !strcmp(line + at, path))
			found = (int)type;
	}
	if (f)
		fclose(f);
	return found;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct gl_found *)a)->device, ((const struct gl_found *)b)->device);
}

static int find_sockets(struct list *l, const char *directory)
{
	DIR *d = opendir(directory);
	int error = 0;
	for (struct dirent *e; d && !error && (e = readdir(d));) {
		char path[200];
		struct stat st;
		size_t n = strlen(e->d_name);
		if (n < 6 || strcmp(e->d_name + n - 5, ".sock") ||
		    snprintf(path, sizeof(path), "%s/%s", directory, e->d_name) >=
			    (int)sizeof(path) ||
		    lstat(path, &st) || !S_ISSOCK(st.st_mode) || !strcmp(e->d_name, "glaned.sock"))
			continue;
		/* One with packets belongs to a daemon. */
		int type = listens(path);
		if (type && type != SOCK_STREAM)
			continue;
		struct gl_found *f = add(l);
		if (!f) {
			error = -ENOMEM;
			break;
		}
		f->usable = type;
		snprintf(f->device, sizeof(f->device), "vfio-user:%s", path);
		snprintf(f->detail, sizeof(f->detail), "%s",
			 f->usable ? "socket of a server" : "socket on which nobody listens");
	}
	if (d)
		closedir(d);
	return error;
}

int gl_discover(const char *socket_dir, struct gl_found **found)
{
	struct list l = { NULL, 0 };
	*found = NULL;
	int error = find_functions(&l);
	if (!error)
		error = find_sockets(&l, socket_dir ? socket_dir : SOCKET_DIR);
	if (error) {
		free(l.found);
		return gl_fail(NULL, error, "not enough memory for a list of devices");
	}
	if (l.count)
		qsort(l.found, (size_t)l.count, sizeof(*l.found), compare);
	*found = l.found;
	return l.count;
}
