// SPDX-License-Identifier: Apache-2.0
// DMA maps of the vfio-user server: a balanced tree of disjoint ranges, and guarded access to memory whose owner is not trusted.
#include "vfio_user_dma.h"

#include <errno.h>
#include <linux/magic.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PAGE 4096u

struct vfio_user_maps {
	void *tree;
	size_t count, most;
	struct vfio_user_map *last; /* found last, most likely to be asked for again */
};

/* --- Memory that may vanish -------------------------------------------------------------------------------------------------- */

static sigjmp_buf bus_error;
static volatile sig_atomic_t guarded;

static void on_sigbus(int signal)
{
	if (guarded)
		siglongjmp(bus_error, 1);
	/* Not ours: die of it. */
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigaction(signal, &action, NULL);
}

static void guard_install(void)
{
	/* The jump leaves the handler, so the signal must not stay blocked. */
	struct sigaction action = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };
	sigaction(SIGBUS, &action, NULL);
}

/* Bytes of the next single access: the largest power of two up to 8 that address and length allow. */
static uint32_t piece(uint64_t address, uint32_t bytes)
{
	uint32_t n = 8;
	while (n > bytes || (address & (n - 1)))
		n /= 2;
	return n;
}

/* `p` is aligned to n. */
static void load(const volatile uint8_t *p, uint8_t *to, uint32_t n)
{
	uint64_t v = n == 8   ? *(const volatile uint64_t *)p
		     : n == 4 ? *(const volatile uint32_t *)p
		     : n == 2 ? *(const volatile uint16_t *)p
			      : *p;
	memcpy(to, &v, n);
}

static void store(volatile uint8_t *p, const uint8_t *from, uint32_t n)
{
	uint64_t v = 0;
	memcpy(&v, from, n);
	if (n == 8)
		*(volatile uint64_t *)p = v;
	else if (n == 4)
		*(volatile uint32_t *)p = (uint32_t)v;
	else if (n == 2)
		*(volatile uint16_t *)p = (uint16_t)v;
	else
		*p = (uint8_t)v;
}

int vfio_user_map_copy(const struct vfio_user_map *map, uint64_t address, void *data,
		       uint32_t bytes, bool write)
{
	volatile uint8_t *p = map->data + (address - map->address);
	if (sigsetjmp(bus_error, 0)) {
		guarded = 0;
		return -EFAULT;
	}
	guarded = 1;
	for (uint32_t at = 0; at < bytes;) {
		uint32_t n = piece(address + at, bytes - at);
		if (write)
			store(p + at, (uint8_t *)data + at, n);
		else
			load(p + at, (uint8_t *)data + at, n);
		at += n;
	}
	guarded = 0;
	return 0;
}

/* --- The tree ------------------------------------------------------------------------------------------------------------------- */

/* Ranges that overlap compare as equal; those in the tree never do. Last addresses, because a range may end at 2^64. */
static int compare(const void *a, const void *b)
{
	const struct vfio_user_map *x = a, *y = b;
	if (x->address + (x->bytes - 1) < y->address)
		return -1;
	return x->address > y->address + (y->bytes - 1);
}

struct vfio_user_maps *vfio_user_maps_new(size_t most)
{
	struct vfio_user_maps *m = calloc(1, sizeof(*m));
	if (m)
		m->most = most;
	guard_install();
	return m;
}

static void map_free(void *map)
{
	struct vfio_user_map *x = map;
	if (x->mapped)
		munmap(x->mapped, x->mapped_bytes);
	free(x);
}

void vfio_user_maps_clear(struct vfio_user_maps *m)
{
	tdestroy(m->tree, map_free);
	m->tree = NULL;
	m->count = 0;
	m->last = NULL;
}

void vfio_user_maps_free(struct vfio_user_maps *m)
{
	if (!m)
		return;
	vfio_user_maps_clear(m);
	free(m);
}

size_t vfio_user_maps_count(const struct vfio_user_maps *m)
{
	return m->count;
}

static bool range_ok(uint64_t address, uint64_t bytes)
{
	return bytes && !(address % PAGE) && !(bytes % PAGE) && address + (bytes - 1) >= address;
}

static struct vfio_user_map *overlap(struct vfio_user_maps *m, uint64_t address, uint64_t bytes)
{
	struct vfio_user_map key = { .address = address, .bytes = bytes };
	struct vfio_user_map **found = tfind(&key, &m->tree, compare);
	return found ? *found : NULL;
}

/* Maps the file's bytes; on a hugetlbfs whole huge pages around them. */
static int map_file(struct vfio_user_map *x, int fd, uint64_t offset)
{
	struct stat st;
	struct statfs fs;
	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return -errno;
	if (offset > INT64_MAX || x->bytes > INT64_MAX - offset || x->bytes > SIZE_MAX / 2)
		return -EINVAL;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < offset + x->bytes)
		return -EINVAL;
	uint64_t unit = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : PAGE;
	uint64_t before = offset % unit, all = before + x->bytes;
	if (unit > PAGE)
		all = (all + unit - 1) / unit * unit;
	else if (before)
		return -EINVAL;
	int prot = (x->readable ? PROT_READ : 0) | (x->writable ? PROT_WRITE : 0);
	void *at = mmap(NULL, all, prot, MAP_SHARED, fd, (off_t)(offset - before));
	if (at == MAP_FAILED)
		return -errno;
	x->mapped = at;
	x->mapped_bytes = all;
	x->data = (uint8_t *)at + before;
	return 0;
}

int vfio_user_maps_add(struct vfio_user_maps *m, uint64_t address, uint64_t bytes, bool readable,
		       bool writable, int fd, uint64_t offset)
{
	if (!range_ok(address, bytes) || !(readable || writable))
		return -EINVAL;
	if (overlap(m, address, bytes))
		return -EEXIST;
	if (m->count >= m->most)
		return -ENOSPC;
	struct vfio_user_map *x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->address = address;
	x->bytes = bytes;
	x->readable = readable;
	x->writable = writable;
	int error = fd >= 0 ? map_file(x, fd, offset) : 0;
	if (!error && !tsearch(x, &m->tree, compare))
		error = -ENOMEM;
	if (error) {
		map_free(x);
		return error;
	}
	m->count++;
	return 0;
}

static bool inside(const struct vfio_user_map *x, uint64_t address, uint64_t bytes)
{
	return x->address >= address && x->bytes <= bytes &&
	       x->address - address <= bytes - x->bytes;
}

int vfio_user_maps_remove(struct vfio_user_maps *m, uint64_t address, uint64_t bytes,
			  void (*removed)(void *arg, const struct vfio_user_map *map), void *arg)
{
	if (!range_ok(address, bytes))
		return -EINVAL;
	/* Only the maps at the two ends can stick out. */
	const struct vfio_user_map *first = overlap(m, address, PAGE);
	const struct vfio_user_map *last = overlap(m, address + (bytes - PAGE), PAGE);
	if ((first && !inside(first, address, bytes)) || (last && !inside(last, address, bytes)))
		return -EINVAL;
	struct vfio_user_map *x;
	while ((x = overlap(m, address, bytes))) {
		if (removed)
			removed(arg, x);
		tdelete(x, &m->tree, compare);
		if (m->last == x)
			m->last = NULL;
		map_free(x);
		m->count--;
	}
	return 0;
}

const struct vfio_user_map *vfio_user_maps_find(struct vfio_user_maps *m, uint64_t address,
						uint64_t bytes)
{
	if (!bytes || address + (bytes - 1) < address)
		return NULL;
	struct vfio_user_map *x = m->last;
	if (!x || address < x->address || address - x->address >= x->bytes)
		x = overlap(m, address, 1);
	if (!x || bytes > x->bytes - (address - x->address))
		return NULL;
	m->last = x;
	return x;
}
