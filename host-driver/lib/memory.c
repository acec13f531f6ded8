// SPDX-License-Identifier: Apache-2.0
// Memory that the NIC can reach: memfds with a bus address, of this process or given by another one.
#define _GNU_SOURCE
#include "nic.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGE_BYTES (2u << 20)
/* Bus addresses are given out from 4 GiB on: below lie holes and the range of interrupts (0xfee00000). */
#define BUS_BASE   GL_FOUR_GIB
/* What the narrowest IOMMUs in use translate. */
#define BUS_END	   (1ull << 39)
#define NAME_MAX_  20

int gl_new_memfd(const char *name, size_t bytes, unsigned flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

uint64_t gl_memfd_bytes(const struct gl_nic *nic, uint64_t bytes)
{
	return nic->ops->memfd_flags & MFD_HUGETLB
		       ? (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES
		       : bytes;
}

/* --- Pages that lie anywhere ---------------------------------------------------------------------------------------------------------- */

bool gl_is_paged(const struct gl_nic *nic)
{
	return nic->ops->pages_new;
}

void gl_memory_label(char label[16], unsigned id)
{
	snprintf(label, 16, "memory-%u", id % GL_MEMORIES);
}

uint64_t gl_real_bus(const struct gl_nic *nic, uint64_t at)
{
	for (unsigned i = 0; i < GL_MEMORIES; i++) {
		const struct gl_memory *m = &nic->memory[i];
		if (nic->pages[i] && at >= m->bus && at - m->bus < m->bytes)
			return nic->pages[i][(at - m->bus) / GL_PAGE] | (at & (GL_PAGE - 1));
	}
	return 0;
}

uint64_t gl_stand_in(const struct gl_nic *nic, uint64_t bus)
{
	for (unsigned i = 0; i < GL_MEMORIES; i++)
		for (size_t k = 0; nic->pages[i] && k < nic->memory[i].bytes / GL_PAGE; k++)
			if (nic->pages[i][k] == (bus & ~(uint64_t)(GL_PAGE - 1)))
				return nic->memory[i].bus + k * GL_PAGE + (bus & (GL_PAGE - 1));
	return bus;
}

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

/* The lowest place that is free, at a multiple of 2 MiB so that huge pages fit. */
uint64_t gl_choose_bus(const struct gl_nic *nic, size_t bytes)
{
	const struct gl_session *s = nic->session;
	uint64_t at = gl_is_paged(nic) ? GL_STAND_IN : BUS_BASE;
	uint64_t end = gl_is_paged(nic) ? 1ull << 52 : BUS_END;
	bool moved;
	do {
		moved = false;
		for (int i = -1; i < GL_MEMORIES; i++) {
			uint64_t bus = i < 0 ? s->table_bus : s->memory[i].bus;
			uint64_t taken = i < 0 ? s->table_bytes : s->memory[i].bytes;
			if (i >= 0 && s->memory[i].state == GL_MEMORY_FREE)
				continue;
			if (taken && overlaps(at, bytes, bus, taken)) {
				at = (bus + taken + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
				moved = true;
			}
		}
	} while (moved);
	return bytes > end || at > end - bytes ? 0 : at;
}

static int check_name(struct gl_nic *nic, const char *name)
{
	size_t n = name ? strlen(name) : 0;
	bool good = n && n <= NAME_MAX_;
	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '.';
	if (!good)
		return gl_fail(nic, EINVAL,
			       "'%s' cannot be a name of memory: use 1 to %d letters, digits, '-' "
			       "and '.'",
			       name ? name : "", NAME_MAX_);
	if (gl_memory_find(nic, name))
		return gl_fail(nic, EEXIST, "there is memory with the name '%s' already", name);
	return 0;
}

/* Takes fd over, also when it fails. */
static int add(struct gl_nic *nic, const char *name, int fd, size_t bytes, bool imported,
	       const struct gl_memory **memory)
{
	struct gl_session *s = nic->session;
	struct stat st;
	void *data = NULL;
	unsigned id = 0;
	int error;

	while (id < GL_MEMORIES && s->memory[id].state != GL_MEMORY_FREE)
		id++;
	uint64_t bus = gl_choose_bus(nic, bytes);
	if (id == GL_MEMORIES || !bus) {
		error = gl_fail(
			nic, ENOSPC,
			"no room for '%s': %zu bytes among the bus addresses below 2^39, in "
			"at most %u pieces",
			name, bytes, (unsigned)GL_MEMORIES);
		goto out;
	}
	if (!imported) {
		data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED) {
			data = NULL;
			error = gl_fail(nic, errno, "cannot map %zu bytes for '%s': %s", bytes,
					name, strerror(errno));
			goto out;
		}
	}
	struct gl_kept_memory *k = &s->memory[id];
	memset(k->name, 0, sizeof(k->name));
	memcpy(k->name, name, strlen(name));
	k->imported = imported;
	k->inode = fstat(fd, &st) ? 0 : st.st_ino;
	k->bytes = bytes;
	GL_KEEP(k->bus, bus);
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_CHANGING);
	error = nic->ops->dma_map(nic->backend, fd, data, bytes, &bus);
	if (error) {
		GL_KEEP(k->state, (uint8_t)GL_MEMORY_FREE);
		goto out;
	}
	GL_KEEP(k->bus, bus);
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_LIVE);
	nic->memory[id] =
		(struct gl_memory){ .data = data, .bus = bus, .bytes = bytes, .fd = fd, .id = id };
	nic->generation++;
	*memory = &nic->memory[id];
	return 0;
out:
	if (data)
		munmap(data, bytes);
	close(fd);
	return error;
}

/* The same where the back end makes the memory. */
static int add_pages(struct gl_nic *nic, const char *name, size_t bytes,
		     const struct gl_memory **memory)
{
	struct gl_session *s = nic->session;
	char label[16];
	unsigned id = 0;
	int fd = -1;
	void *data = NULL;

	while (id < GL_MEMORIES && s->memory[id].state != GL_MEMORY_FREE)
		id++;
	uint64_t bus = gl_choose_bus(nic, bytes);
	if (id == GL_MEMORIES || !bus)
		return gl_fail(nic, ENOSPC, "no room for '%s': %zu bytes in at most %u pieces",
			       name, bytes, (unsigned)GL_MEMORIES);
	uint64_t *pages = calloc(bytes / GL_PAGE, sizeof(*pages));
	if (!pages)
		return gl_fail(nic, ENOMEM, "not enough memory for '%s'", name);
	struct gl_kept_memory *k = &s->memory[id];
	memset(k->name, 0, sizeof(k->name));
	memcpy(k->name, name, strlen(name));
	k->imported = false;
	k->inode = 0;
	k->bytes = bytes;
	GL_KEEP(k->bus, bus);
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_CHANGING);
	gl_memory_label(label, id);
	int error = nic->ops->pages_new(nic->backend, label, bytes / GL_PAGE, &fd, &data, pages);
	if (error) {
		GL_KEEP(k->state, (uint8_t)GL_MEMORY_FREE);
		free(pages);
		return error;
	}
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_LIVE);
	nic->memory[id] =
		(struct gl_memory){ .data = data, .bus = bus, .bytes = bytes, .fd = fd, .id = id };
	nic->pages[id] = pages;
	nic->generation++;
	*memory = &nic->memory[id];
	return 0;
}

int gl_memory_adopt_pages(struct gl_nic *nic, unsigned id)
{
	struct gl_kept_memory *k = &nic->session->memory[id];
	struct gl_memory *m = &nic->memory[id];
	size_t count = k->bytes / GL_PAGE;
	char label[16];
	void *data;

	uint64_t *pages = calloc(count ? count : 1, sizeof(*pages));
	if (!pages)
		return gl_fail(nic, ENOMEM, "not enough memory for '%s'", k->name);
	gl_memory_label(label, id);
	int error = nic->ops->pages_find(nic->backend, label, count, m->fd, &data, pages);
	if (error) {
		free(pages);
		return error;
	}
	m->bus = k->bus;
	m->bytes = k->bytes;
	m->data = data;
	nic->pages[id] = pages;
	return 0;
}

int gl_memory_drop(struct gl_nic *nic, unsigned id)
{
	struct gl_kept_memory *k = &nic->session->memory[id];
	size_t count = k->bytes / GL_PAGE;
	char label[16];
	int error;

	if (!gl_is_paged(nic)) {
		error = gl_tables_cut(nic, k->bus, k->bytes);
		if (error)
			return error;
		error = nic->ops->dma_unmap(nic->backend, k->bus, k->bytes);
		return error && gl_alive(nic) ? -ENODEV : 0;
	}
	uint64_t *pages = calloc(count ? count : 1, sizeof(*pages));
	if (!pages)
		return gl_fail(nic, ENOMEM, "not enough memory for '%s'", k->name);
	gl_memory_label(label, id);
	error = nic->ops->pages_bus(nic->backend, label, count, pages);
	if (!error)
		error = gl_tables_cut_pages(nic, pages, count);
	if (!error)
		error = nic->ops->pages_free(nic->backend, label, -1, NULL, count);
	free(pages);
	return error == -ENOENT ? 0 : error;
}

static int check_bytes(struct gl_nic *nic, const char *name, size_t bytes)
{
	if (bytes && bytes % GL_PAGE == 0)
		return 0;
	return gl_fail(nic, EINVAL, "'%s' is to have %zu bytes; use a multiple of 4096", name,
		       bytes);
}

int gl_memory_new(struct gl_nic *nic, const char *name, size_t bytes,
		  const struct gl_memory **memory)
{
	*memory = NULL;
	int error = check_name(nic, name);
	if (!error)
		error = check_bytes(nic, name, bytes);
	if (error)
		return error;
	if (gl_is_paged(nic))
		return add_pages(nic, name, bytes, memory);
	bytes = gl_memfd_bytes(nic, bytes);
	int fd = gl_new_memfd(name, bytes, nic->ops->memfd_flags);
	if (fd < 0)
		return gl_fail(nic, -fd, "cannot make %zu bytes of memory for '%s': %s", bytes,
			       name, strerror(-fd));
	return add(nic, name, fd, bytes, false, memory);
}

int gl_memory_import(struct gl_nic *nic, const char *name, int fd, size_t bytes,
		     const struct gl_memory **memory)
{
	struct stat st;
	struct statfs fs;

	*memory = NULL;
	int error = check_name(nic, name);
	if (!error)
		error = check_bytes(nic, name, bytes);
	if (error)
		return error;
	if (gl_is_paged(nic))
		return gl_fail(nic, ENOTSUP,
			       "%s cannot reach the memory for '%s': under Xen only memory that "
			       "Xen has given has an address for the NIC",
			       nic->device, name);
	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return gl_fail(nic, errno, "the descriptor for '%s' cannot be used: %s", name,
			       strerror(errno));
	int seals = fcntl(fd, F_GET_SEALS);
	if (!S_ISREG(st.st_mode) ||
	    ((seals < 0 || !(seals & F_SEAL_SHRINK)) && fs.f_type != HUGETLBFS_MAGIC))
		return gl_fail(nic, EPERM,
			       "the memory for '%s' could be taken away by its owner: use a memfd "
			       "sealed with F_SEAL_SHRINK, or hugetlbfs",
			       name);
	if (st.st_size < 0 || (uint64_t)st.st_size < bytes)
		return gl_fail(nic, EINVAL, "the memory for '%s' has %lld bytes, not %zu", name,
			       (long long)st.st_size, bytes);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return gl_fail(nic, errno, "cannot duplicate the descriptor for '%s': %s", name,
			       strerror(errno));
	return add(nic, name, own, bytes, true, memory);
}

const struct gl_memory *gl_memory_find(const struct gl_nic *nic, const char *name)
{
	for (unsigned i = 0; i < GL_MEMORIES; i++)
		if (nic->session->memory[i].state == GL_MEMORY_LIVE &&
		    !strcmp(nic->session->memory[i].name, name))
			return &nic->memory[i];
	return NULL;
}

int gl_memory_free(struct gl_nic *nic, const struct gl_memory *memory)
{
	struct gl_memory *m = &nic->memory[memory->id];
	struct gl_kept_memory *k = &nic->session->memory[memory->id];
	unsigned context;
	uint64_t guest;

	int error = gl_begin(nic);
	if (error)
		return error;
	uint64_t *pages = nic->pages[memory->id];
	if (pages ? gl_tables_reach_pages(nic, pages, m->bytes / GL_PAGE, &context, &guest)
		  : gl_tables_reach(nic, m->bus, m->bytes, &context, &guest))
		return gl_fail(nic, EBUSY,
			       "context %u reaches '%s' at guest address 0x%llx still; unmap it "
			       "first",
			       context, k->name, (unsigned long long)guest);
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_CHANGING);
	char label[16];
	gl_memory_label(label, memory->id);
	error = pages ? nic->ops->pages_free(nic->backend, label, m->fd, m->data,
					     m->bytes / GL_PAGE)
		      : nic->ops->dma_unmap(nic->backend, m->bus, m->bytes);
	if (error) {
		GL_KEEP(k->state, (uint8_t)GL_MEMORY_LIVE);
		return error;
	}
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_FREE);
	if (pages) {
		/* The back end has closed and unmapped it. */
		free(pages);
		nic->pages[memory->id] = NULL;
		*m = (struct gl_memory){ .fd = -1, .id = memory->id };
		nic->generation++;
		return 0;
	}
	if (m->data)
		munmap(m->data, m->bytes);
	close(m->fd);
	*m = (struct gl_memory){ .fd = -1, .id = memory->id };
	nic->generation++;
	return 0;
}
