// SPDX-License-Identifier: Apache-2.0
// Granted pages and dom0's own, mapped for a device (Xen's public header grant_table.h).
//
// PV dom0: GNTMAP_device_map alone. Xen takes a reference to the page, enters it in dom0's IOMMU table if that is kept strictly, and tells the machine address.
// PVH dom0: Xen refuses GNTMAP_device_map; GNTMAP_host_map at a guest-physical address enters the page in dom0's physical memory map, and so in its IOMMU
// table. We take addresses at which the machine has nothing, so the kernel is not concerned.
#define _GNU_SOURCE
#include "glx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xencall.h>
#include <xengnttab.h>
#include <xen/sys/gntalloc.h>

#define BATCH	       1024u
#define EAGAIN_MAX     1000 /* tries, a millisecond apart, while Xen fetches a page that is paged out */
#define VIEW_MAX       1024u
#define GNTALLOC       "/dev/xen/gntalloc"
#define GNTALLOC_LIMIT "/sys/module/xen_gntalloc/parameters/limit"

static const char *status_name(int status)
{
	static const char *const names[] = GNTTABOP_error_msgs;

	return status <= 0 && -status < (int)(sizeof(names) / sizeof(*names)) ? names[-status]
									      : "no answer";
}

/* --- Hypercalls over an array ------------------------------------------------------------------------------------------------------ */

/* The next run of entries that are to be done, from *first on: its length. */
static size_t next_run(const struct glx_set *set, bool map, size_t *first)
{
	size_t count = set->head->count, i = *first, n = 0;

#define STATUS(k) (map ? set->map[k].status : set->unmap[k].status)
	while (i < count && STATUS(i) != GLX_TODO)
		i++;
	while (n < BATCH && i + n < count && STATUS(i + n) == GLX_TODO)
		n++;
#undef STATUS
	*first = i;
	return n;
}

static int call_all(struct glx *x, struct glx_set *set, bool map)
{
	size_t at = 0;

	for (size_t n; (n = next_run(set, map, &at)); at += n) {
		uint64_t array = map ? (uintptr_t)&set->map[at] : (uintptr_t)&set->unmap[at];
		if (xencall3(x->call, __HYPERVISOR_grant_table_op,
			     map ? GNTTABOP_map_grant_ref : GNTTABOP_unmap_grant_ref, array, n) < 0)
			return glx_fail(x, errno, "Xen refuses %s: %s",
					map ? "to map grants" : "to unmap grants", strerror(errno));
	}
	return 0;
}

static bool any_eagain(struct glx_set *set)
{
	bool any = false;

	for (size_t i = 0; i < set->head->count; i++)
		if (set->map[i].status == GNTST_eagain) {
			set->map[i].status = GLX_TODO;
			any = true;
		}
	return any;
}

static int unmap_set(struct glx *x, struct glx_set *set)
{
	struct glx_head *head = set->head;
	int error = glx_file_lock(x, head, set->bytes);

	if (error)
		return error;
	if (head->state != GLX_UNMAPPING) {
		for (size_t i = 0; i < head->count; i++) {
			const struct gnttab_map_grant_ref *m = &set->map[i];
			set->unmap[i] = (struct gnttab_unmap_grant_ref){
				.host_addr = m->flags & GNTMAP_host_map ? m->host_addr : 0,
				.dev_bus_addr = m->flags & GNTMAP_host_map ? 0 : m->dev_bus_addr,
				.handle = m->handle,
				.status = m->status == GNTST_okay ? GLX_TODO : GLX_HOLE,
			};
		}
		glx_set_state(set, GLX_UNMAPPING);
	}
	error = call_all(x, set, false);
	for (size_t i = 0; i < head->count && !error; i++) {
		int status = set->unmap[i].status;
		/* Not there any more: as good. */
		if (status < 0 && status != GNTST_bad_handle)
			error = glx_fail(x, EIO, "grant reference %u of domain %u stays mapped: %s",
					 set->map[i].ref, head->domain, status_name(status));
	}
	if (error)
		return error;
	return glx_set_remove(x, set);
}

/* --- Addresses in a PVH dom0 -------------------------------------------------------------------------------------------------------- */

static uint64_t set_end(const struct glx_set *set)
{
	return set->head->address + (uint64_t)set->head->count * GLX_PAGE;
}

/* The lowest free place. */
static uint64_t find_place(const struct glx *x, uint64_t bytes)
{
	uint64_t at = x->window;
	bool moved;

	do {
		moved = false;
		for (size_t i = 0; i < x->set_count; i++) {
			const struct glx_set *s = x->sets[i];
			if (s->head->address && at < set_end(s) && s->head->address < at + bytes) {
				at = set_end(s);
				moved = true;
			}
		}
	} while (moved);
	return at >= x->window_end || bytes > x->window_end - at ? 0 : at;
}

/* --- Grants of a guest --------------------------------------------------------------------------------------------------------------- */

static void fill(struct glx *x, struct glx_set *set, const uint32_t *refs)
{
	const struct glx_head *head = set->head;
	uint32_t flags = (x->pv ? GNTMAP_device_map : GNTMAP_host_map) |
			 (head->writable ? 0 : GNTMAP_readonly);

	for (size_t i = 0; i < head->count; i++)
		set->map[i] = (struct gnttab_map_grant_ref){
			.host_addr = x->pv ? 0 : head->address + i * GLX_PAGE,
			.flags = flags,
			.ref = refs[i],
			.dom = (domid_t)head->domain,
			.status = refs[i] ? GLX_TODO : GLX_HOLE,
		};
}

static uint64_t bus_of(const struct gnttab_map_grant_ref *m)
{
	if (m->status == GLX_ADDRESS)
		return m->dev_bus_addr;
	if (m->status != GNTST_okay)
		return 0;
	return m->flags & GNTMAP_host_map ? m->host_addr : m->dev_bus_addr;
}

/* The set is filled: enters it in the journal, maps it. If that fails there is no set. */
static int map_set(struct glx *x, struct glx_set *set, uint64_t *bus)
{
	struct glx_head *head = set->head;
	int error = glx_set_commit(x, set);

	if (error)
		return error;
	error = call_all(x, set, true);
	for (int tries = 0; !error && tries < EAGAIN_MAX && any_eagain(set); tries++) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		error = call_all(x, set, true);
	}
	for (size_t i = 0; i < head->count && !error; i++) {
		int status = set->map[i].status;
		if (status <= 0 && status != GNTST_okay)
			error = glx_fail(x, status == GNTST_no_device_space ? ENOSPC : EINVAL,
					 "grant reference %u of domain %u (page %zu): %s",
					 set->map[i].ref, head->domain, i, status_name(status));
		bus[i] = bus_of(&set->map[i]);
	}
	if (error) {
		char text[sizeof(x->error)];
		memcpy(text, x->error, sizeof(text));
		if (!unmap_set(x, set))
			memcpy(x->error, text, sizeof(text));
		return error;
	}
	glx_set_state(set, GLX_LIVE);
	glx_file_unlock(head, set->bytes);
	return 0;
}

int glx_grants_map(struct glx *x, const char *name, uint32_t domain, const uint32_t *refs,
		   size_t count, bool writable, uint64_t *bus)
{
	struct glx_set *set;
	uint64_t place = 0;

	if (!x->pv && count && count <= SIZE_MAX / GLX_PAGE) {
		place = find_place(x, (uint64_t)count * GLX_PAGE);
		if (!place)
			return glx_fail(x, ENOSPC,
					"dom0 has no physical addresses left for %zu pages", count);
	}
	int error = glx_set_new(x, name, domain, count, writable, &set);
	if (error)
		return error;
	set->head->address = place;
	fill(x, set, refs);
	return map_set(x, set, bus);
}

int glx_grants_unmap(struct glx *x, const char *name)
{
	struct glx_set *set = glx_set_find(x, name);

	if (!set)
		return glx_fail(x, ENOENT, "there is no set '%s'", name);
	return unmap_set(x, set);
}

bool glx_grants_next(const struct glx *x, size_t *at, char name[GLX_SET_NAME], uint32_t *domain,
		     size_t *count)
{
	if (*at >= x->set_count)
		return false;
	const struct glx_head *head = x->sets[(*at)++]->head;
	memcpy(name, head->name, GLX_SET_NAME);
	*domain = head->domain;
	*count = head->count;
	return true;
}

int glx_grants_bus(const struct glx *x, const char *name, uint64_t *bus, size_t count)
{
	const struct glx_set *set = glx_set_find(x, name);

	if (!set || set->head->count != count || set->head->state != GLX_LIVE)
		return -ENOENT;
	for (size_t i = 0; i < count; i++)
		bus[i] = bus_of(&set->map[i]);
	return 0;
}

int glx_grants_recover(struct glx *x)
{
	int first = 0;

	for (size_t i = x->set_count; i-- > 0;) {
		int error = 0;
		/* Removing one moves the last into its place, which has been looked at. */
		if (x->sets[i]->head->state != GLX_LIVE)
			error = unmap_set(x, x->sets[i]);
		first = first ? first : error;
	}
	return first;
}

/* --- Views ---------------------------------------------------------------------------------------------------------------------------- */

int glx_view(struct glx *x, uint32_t domain, const uint32_t *refs, size_t count, const void **data)
{
	uint32_t own[VIEW_MAX];

	*data = NULL;
	if (!count || count > VIEW_MAX)
		return glx_fail(x, EINVAL, "%zu pages to look at; use 1 to %u", count, VIEW_MAX);
	if (!x->gnttab)
		x->gnttab = xengnttab_open(NULL, 0);
	if (!x->gnttab)
		return glx_fail(x, errno, "cannot open /dev/xen/gntdev (modprobe xen-gntdev): %s",
				strerror(errno));
	memcpy(own, refs, count * sizeof(*own));
	*data = xengnttab_map_domain_grant_refs(x->gnttab, (uint32_t)count, domain, own, PROT_READ);
	if (*data)
		return 0;
	return glx_fail(x, errno ? errno : EINVAL,
			"cannot look at %zu pages of domain %u (the first by reference %u): %s",
			count, domain, own[0], strerror(errno));
}

void glx_view_close(struct glx *x, const void *data, size_t count)
{
	if (data)
		xengnttab_unmap(x->gnttab, (void *)data, (uint32_t)count);
}

void glx_grants_close(struct glx *x)
{
	if (x->gnttab)
		xengnttab_close(x->gnttab);
}

/* --- dom0's own pages ------------------------------------------------------------------------------------------------------------------ */

static bool raise_limit(size_t count)
{
	char text[32] = "";
	int fd = open(GNTALLOC_LIMIT, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	long limit = n > 0 ? strtol(text, NULL, 10) : -1;
	n = snprintf(text, sizeof(text), "%ld", limit + (long)count);
	bool good = limit >= 0 && limit + (long)count <= INT32_MAX &&
		    pwrite(fd, text, (size_t)n, 0) == n;
	close(fd);
	return good;
}

/* Pages of the kernel, granted to domain 0, which is not DOMID_SELF there. */
static int allocate(struct glx *x, size_t count, int *out, uint32_t *refs, void **data)
{
	size_t bytes = sizeof(struct ioctl_gntalloc_alloc_gref) + count * sizeof(uint32_t);
	struct ioctl_gntalloc_alloc_gref *alloc = calloc(1, bytes);
	int error = 0, fd = open(GNTALLOC, O_RDWR | O_CLOEXEC);

	if (!alloc || fd < 0) {
		error = glx_fail(x, fd < 0 ? errno : ENOMEM, "cannot open " GNTALLOC "%s: %s",
				 errno == ENOENT ? " (modprobe xen-gntalloc)" : "",
				 strerror(fd < 0 ? errno : ENOMEM));
		goto out;
	}
	alloc->flags = GNTALLOC_FLAG_WRITABLE;
	alloc->count = (uint32_t)count;
	int result = ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc);
	if (result && errno == ENOSPC && raise_limit(count))
		result = ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc);
	if (result) {
		error = glx_fail(x, errno, "the kernel does not give %zu pages to share: %s%s",
				 count, strerror(errno),
				 errno == ENOSPC ? " (limit in " GNTALLOC_LIMIT ")" : "");
		goto out;
	}
	memcpy(refs, alloc->gref_ids, count * sizeof(*refs));
	*data = mmap(NULL, count * GLX_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     (off_t)alloc->index);
	if (alloc->index || *data == MAP_FAILED) {
		error = glx_fail(x, errno, "cannot map %zu pages of " GNTALLOC ": %s", count,
				 strerror(errno));
		goto out;
	}
	madvise(*data, count * GLX_PAGE, MADV_DONTFORK);
	*out = fd;
	fd = -1;
out:
	if (fd >= 0)
		close(fd);
	free(alloc);
	return error;
}

int glx_pages_new(struct glx *x, const char *name, size_t count, int *fd, void **data,
		  uint64_t *bus)
{
	struct glx_set *set;
	int error;

	*fd = -1;
	*data = NULL;
	if (glx_set_find(x, name))
		return glx_fail(x, EEXIST, "there is a set '%s' already", name);
	if (!count || count > UINT32_MAX / GLX_PAGE)
		return glx_fail(x, EINVAL, "%zu pages of memory at once", count);
	uint32_t *refs = calloc(count, sizeof(*refs));
	if (!refs)
		return glx_fail(x, ENOMEM, "no memory");
	error = allocate(x, count, fd, refs, data);
	if (error)
		goto out;
	error = glx_set_new(x, name, 0, count, true, &set);
	if (error)
		goto out;
	fill(x, set, refs);
	set->head->identity = glx_physical(*data);
	if (!x->pv) {
		for (size_t i = 0; i < count; i++) {
			set->map[i].dev_bus_addr = glx_physical((char *)*data + i * GLX_PAGE);
			set->map[i].status = GLX_ADDRESS;
			set->map[i].flags = 0;
		}
	}
	error = map_set(x, set, bus);
	for (size_t i = 0; i < count && !error; i++)
		if (!bus[i]) {
			error = glx_fail(x, EPERM,
					 "addresses of pages are shown with CAP_SYS_ADMIN only");
			glx_grants_unmap(x, name);
		}
out:
	free(refs);
	if (error && *data)
		munmap(*data, count * GLX_PAGE);
	if (error && *fd >= 0)
		close(*fd);
	if (error) {
		*data = NULL;
		*fd = -1;
	}
	return error;
}

int glx_pages_find(struct glx *x, const char *name, size_t count, int fd, void **data,
		   uint64_t *bus)
{
	const struct glx_set *set = glx_set_find(x, name);

	*data = NULL;
	if (!set || set->head->domain || set->head->count != count || set->head->state != GLX_LIVE)
		return glx_fail(x, ENOENT, "there is no set '%s' of %zu pages", name, count);
	void *at = mmap(NULL, count * GLX_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return glx_fail(x, errno, "cannot map the pages of '%s': %s", name,
				strerror(errno));
	/* Another descriptor under the same name would be other pages. */
	if (glx_physical(at) != set->head->identity) {
		munmap(at, count * GLX_PAGE);
		return glx_fail(x, ESTALE, "the descriptor has other pages than '%s'", name);
	}
	madvise(at, count * GLX_PAGE, MADV_DONTFORK);
	*data = at;
	return glx_grants_bus(x, name, bus, count);
}

int glx_pages_free(struct glx *x, const char *name, int fd, void *data, size_t count)
{
	int error = glx_grants_unmap(x, name);

	if (error)
		return error;
	if (data)
		munmap(data, count * GLX_PAGE);
	if (fd >= 0)
		close(fd);
	return 0;
}
