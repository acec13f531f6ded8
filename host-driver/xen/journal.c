// SPDX-License-Identifier: Apache-2.0
// The journal: a folder on tmpfs, a file for each set. Knows files only, not Xen.
#define _GNU_SOURCE
#include "glx.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SUFFIX			  ".grants"
#define NEW			  "new-" /* before the name of a file that does not count yet */
#define COUNT_MAX		  (1u << 24)
#define STATE_STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

/* --- Files ---------------------------------------------------------------------------------------------------------------------- */

int glx_file_lock(struct glx *x, void *data, size_t bytes)
{
	if (!mlock(data, bytes))
		return 0;
	return glx_fail(
		x, errno, "cannot lock %zu KiB of the journal in memory: %s%s", bytes >> 10,
		strerror(errno),
		errno == ENOMEM || errno == EPERM ? " (`ulimit -l`, LimitMEMLOCK= in a unit)" : "");
}

void glx_file_unlock(void *data, size_t bytes)
{
	munlock(data, bytes);
}

static int map_file(struct glx *x, int fd, const char *name, size_t bytes, void **data)
{
	*data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (*data != MAP_FAILED)
		return 0;
	*data = NULL;
	return glx_fail(x, errno, "cannot map %s/%s: %s", x->folder, name, strerror(errno));
}

int glx_file_new(struct glx *x, const char *name, size_t bytes, void **data)
{
	char path[96];
	int error;

	*data = NULL;
	snprintf(path, sizeof(path), NEW "%s", name);
	int fd = openat(x->lock, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return glx_fail(x, errno, "cannot make %s/%s: %s", x->folder, name,
				strerror(errno));
	/* All of it now: a store to a full tmpfs later would be the end of the process. */
	error = posix_fallocate(fd, 0, (off_t)bytes);
	if (error)
		error = glx_fail(x, error, "no room for %zu KiB of journal in %s: %s", bytes >> 10,
				 x->folder, strerror(error));
	if (!error)
		error = map_file(x, fd, name, bytes, data);
	if (!error) {
		/* Mapped for writing, page by page, before Xen writes. */
		memset(*data, 0, bytes);
		error = glx_file_lock(x, *data, bytes);
	}
	close(fd);
	if (error) {
		if (*data)
			munmap(*data, bytes);
		*data = NULL;
		unlinkat(x->lock, path, 0);
	}
	return error;
}

int glx_file_open(struct glx *x, const char *name, size_t *bytes, void **data)
{
	struct stat st;
	int error;

	*data = NULL;
	int fd = openat(x->lock, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : glx_fail(x, errno, "cannot open %s/%s: %s", x->folder,
						  name, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)GLX_PAGE ||
	    st.st_size % GLX_PAGE)
		error = glx_fail(x, EINVAL, "%s/%s is no file of the journal", x->folder, name);
	else
		error = map_file(x, fd, name, *bytes = (size_t)st.st_size, data);
	close(fd);
	return error;
}

int glx_file_commit(struct glx *x, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), NEW "%s", name);
	if (!renameat(x->lock, path, x->lock, name))
		return 0;
	return glx_fail(x, errno, "cannot make %s/%s: %s", x->folder, name, strerror(errno));
}

int glx_file_remove(struct glx *x, const char *name)
{
	if (!unlinkat(x->lock, name, 0) || errno == ENOENT)
		return 0;
	return glx_fail(x, errno, "cannot remove %s/%s: %s", x->folder, name, strerror(errno));
}

/* --- Sets ------------------------------------------------------------------------------------------------------------------------ */

bool glx_name_is_good(const char *name)
{
	size_t n = name ? strnlen(name, GLX_SET_NAME) : 0;

	if (!n || n >= GLX_SET_NAME || *name == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i]))
			return false;
	return true;
}

static uint32_t check_of(const struct glx_head *head)
{
	/* FNV-1a: against files that were cut or made by something else, not against malice. */
	const uint8_t *at = (const uint8_t *)head;
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < offsetof(struct glx_head, check); i++)
		sum = (sum ^ at[i]) * 16777619u;
	return sum;
}

static size_t pages_of(size_t bytes)
{
	return (bytes + GLX_PAGE - 1) / GLX_PAGE * GLX_PAGE;
}

static size_t map_bytes(size_t count)
{
	return pages_of(count * sizeof(struct gnttab_map_grant_ref));
}

static size_t set_bytes(size_t count)
{
	return GLX_PAGE + map_bytes(count) +
	       pages_of(count * sizeof(struct gnttab_unmap_grant_ref));
}

static void file_name(char path[64], const char *set)
{
	snprintf(path, 64, "%.*s" SUFFIX, GLX_SET_NAME - 1, set);
}

static struct glx_set *new_set(void *data, size_t bytes, size_t count)
{
	struct glx_set *set = calloc(1, sizeof(*set));

	if (set)
		*set = (struct glx_set){
			.head = data,
			.map = (void *)((char *)data + GLX_PAGE),
			.unmap = (void *)((char *)data + GLX_PAGE + map_bytes(count)),
			.bytes = bytes,
		};
	return set;
}

static void drop_set(struct glx_set *set)
{
	munmap(set->head, set->bytes);
	free(set);
}

static int remember(struct glx *x, struct glx_set *set)
{
	struct glx_set **more = realloc(x->sets, (x->set_count + 1) * sizeof(*more));

	if (!more)
		return glx_fail(x, ENOMEM, "no memory");
	x->sets = more;
	x->sets[x->set_count++] = set;
	return 0;
}

struct glx_set *glx_set_find(const struct glx *x, const char *name)
{
	for (size_t i = 0; i < x->set_count; i++)
		if (!strcmp(x->sets[i]->head->name, name))
			return x->sets[i];
	return NULL;
}

int glx_set_new(struct glx *x, const char *name, uint32_t domain, size_t count, bool writable,
		struct glx_set **out)
{
	char path[64];
	void *data;

	*out = NULL;
	if (!glx_name_is_good(name))
		return glx_fail(x, EINVAL,
				"'%s' cannot be the name of a set: use 1 to %d letters, digits, "
				"'-', '.' and '_'",
				name ? name : "", GLX_SET_NAME - 1);
	if (glx_set_find(x, name))
		return glx_fail(x, EEXIST, "there is a set '%s' already", name);
	if (!count || count > COUNT_MAX)
		return glx_fail(x, EINVAL, "a set of %zu pages; use 1 to %u", count, COUNT_MAX);
	file_name(path, name);
	int error = glx_file_new(x, path, set_bytes(count), &data);
	if (error)
		return error;
	struct glx_set *set = new_set(data, set_bytes(count), count);
	if (!set) {
		munmap(data, set_bytes(count));
		return glx_fail(x, ENOMEM, "no memory");
	}
	*set->head = (struct glx_head){
		.magic = GLX_MAGIC,
		.version = GLX_VERSION,
		.domain = domain,
		.count = (uint32_t)count,
		.writable = writable,
		.state = GLX_MAPPING,
	};
	strcpy(set->head->name, name);
	strcpy(set->head->boot, x->boot);
	for (size_t i = 0; i < count; i++)
		set->map[i].status = GLX_TODO;
	*out = set;
	return 0;
}

int glx_set_commit(struct glx *x, struct glx_set *set)
{
	char path[64];
	int error = remember(x, set);

	set->head->check = check_of(set->head);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	file_name(path, set->head->name);
	if (error) {
		drop_set(set);
		return error;
	}
	error = glx_file_commit(x, path);
	if (error) {
		x->set_count--;
		drop_set(set);
	}
	return error;
}

void glx_set_state(struct glx_set *set, enum glx_set_state state)
{
	STATE_STORE(set->head->state, (uint32_t)state);
}

int glx_set_remove(struct glx *x, struct glx_set *set)
{
	char path[64];

	file_name(path, set->head->name);
	int error = glx_file_remove(x, path);
	if (error)
		return error;
	for (size_t i = 0; i < x->set_count; i++)
		if (x->sets[i] == set)
			x->sets[i--] = x->sets[--x->set_count];
	drop_set(set);
	return 0;
}

/* --- The folder ------------------------------------------------------------------------------------------------------------------- */

/* Nothing that is used as an index or in a loop may be absurd. */
static bool is_whole(const struct glx_head *head, size_t bytes, const char *file)
{
	char path[64];

	if (head->magic != GLX_MAGIC || head->version != GLX_VERSION ||
	    head->check != check_of(head) || !memchr(head->name, 0, sizeof(head->name)) ||
	    !memchr(head->boot, 0, sizeof(head->boot)) || !glx_name_is_good(head->name) ||
	    !head->count || head->count > COUNT_MAX || set_bytes(head->count) != bytes ||
	    head->state < GLX_MAPPING || head->state > GLX_UNMAPPING)
		return false;
	file_name(path, head->name);
	return !strcmp(path, file);
}

static int read_set(struct glx *x, const char *file)
{
	size_t bytes;
	void *data;
	int error = glx_file_open(x, file, &bytes, &data);

	if (error && error != -EINVAL)
		return error;
	if (error || !is_whole(data, bytes, file)) {
		char aside[80];
		snprintf(aside, sizeof(aside), "%.63s.damaged", file);
		glx_fail(x, EINVAL, "%s/%s is damaged and was set aside; what it said is lost",
			 x->folder, file);
		if (data)
			munmap(data, bytes);
		return renameat(x->lock, file, x->lock, aside)
			       ? glx_fail(x, errno, "cannot rename %s/%s: %s", x->folder, file,
					  strerror(errno))
			       : 0;
	}
	const struct glx_head *head = data;
	if (strcmp(head->boot, x->boot)) {
		/* Of a Xen that runs no more. */
		munmap(data, bytes);
		return glx_file_remove(x, file);
	}
	struct glx_set *set = new_set(data, bytes, head->count);
	if (!set) {
		munmap(data, bytes);
		return glx_fail(x, ENOMEM, "no memory");
	}
	error = remember(x, set);
	if (error)
		drop_set(set);
	return error;
}

static int compare(const void *a, const void *b)
{
	return strcmp((*(struct glx_set *const *)a)->head->name,
		      (*(struct glx_set *const *)b)->head->name);
}

static int read_folder(struct glx *x)
{
	int fd = fcntl(x->lock, F_DUPFD_CLOEXEC, 0), error = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return glx_fail(x, errno, "cannot read %s: %s", x->folder, strerror(errno));
	}
	rewinddir(dir);
	for (struct dirent *e; !error && (e = readdir(dir));) {
		size_t n = strlen(e->d_name), s = strlen(SUFFIX);
		if (!strncmp(e->d_name, NEW, strlen(NEW)))
			unlinkat(x->lock, e->d_name, 0);
		else if (n > s && n < 64 && !strcmp(e->d_name + n - s, SUFFIX))
			error = read_set(x, e->d_name);
	}
	closedir(dir);
	if (!error && x->set_count)
		qsort(x->sets, x->set_count, sizeof(*x->sets), compare);
	return error;
}

static void read_boot(struct glx *x)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, x->boot, sizeof(x->boot) - 1);

	if (fd >= 0)
		close(fd);
	x->boot[n > 0 ? n : 0] = 0;
	x->boot[strcspn(x->boot, "\n")] = 0;
}

int glx_journal_open(struct glx *x, const char *folder)
{
	struct statfs fs;

	if (snprintf(x->folder, sizeof(x->folder), "%s", folder) >= (int)sizeof(x->folder))
		return glx_fail(x, ENAMETOOLONG, "the path of the journal is too long: %s", folder);
	x->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->lock < 0 || fstatfs(x->lock, &fs))
		return glx_fail(x, errno, "cannot open the folder %s: %s", folder, strerror(errno));
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		return glx_fail(
			x, EINVAL,
			"%s is not on tmpfs: what Xen has mapped is kept in a place that is "
			"memory and ends with Xen, such as /run",
			folder);
	if (flock(x->lock, LOCK_EX | LOCK_NB))
		return glx_fail(x, EBUSY, "%s belongs to another process", folder);
	read_boot(x);
	return read_folder(x);
}

void glx_journal_close(struct glx *x)
{
	while (x->set_count)
		drop_set(x->sets[--x->set_count]);
	free(x->sets);
	x->sets = NULL;
	if (x->lock >= 0)
		close(x->lock);
	x->lock = -1;
}
