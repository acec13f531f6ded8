// SPDX-License-Identifier: Apache-2.0
/*
 * The back ends vfio and vfio-noiommu over a kernel of our own: the linker sends open(), ioctl() and their like here (--wrap). sysfs is a tree of
 * files in a temporary folder, the device is a sparse file whose offsets are those of the regions, and every call of interest is written down.
 */
#define _GNU_SOURCE
#include "xen_part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cmocka.h>

/* What the back end has from Xen in a dom0 is not played here. */
int gl_xen_open(struct gl_nic *nic, const char *function, struct gl_xen **xen)
{
	(void)nic, (void)function;
	*xen = NULL;
	return -ENODEV;
}

void gl_xen_close(struct gl_xen *xen)
{
	assert_null(xen);
}

void gl_xen_leave(struct gl_xen *xen)
{
	(void)xen;
}

#define NOT_PLAYED(name, ...)   \
	int name(__VA_ARGS__)   \
	{                       \
		return -ENODEV; \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
NOT_PLAYED(gl_xen_irqs, struct gl_xen *x, const char *function, uint64_t bar, unsigned vectors)
NOT_PLAYED(gl_xen_pages_new, struct gl_xen *x, const char *n, size_t c, int *f, void **d,
	   uint64_t *b)
NOT_PLAYED(gl_xen_pages_find, struct gl_xen *x, const char *n, size_t c, int f, void **d,
	   uint64_t *b)
NOT_PLAYED(gl_xen_pages_bus, struct gl_xen *x, const char *n, size_t c, uint64_t *b)
NOT_PLAYED(gl_xen_pages_free, struct gl_xen *x, const char *n, int f, void *d, size_t c)
NOT_PLAYED(gl_xen_pages_sweep, struct gl_xen *x)
NOT_PLAYED(gl_xen_bar, struct gl_nic *nic, const char *f, unsigned bar, uint64_t *a, uint64_t *b)
NOT_PLAYED(gl_xen_told, const struct gl_xen *x, int error)
NOT_PLAYED(glx_irqs_eventfd_to_guest, struct glx_irqs *q, unsigned v, int f, uint32_t d, uint32_t p)
NOT_PLAYED(glx_irqs_drop, struct glx_irqs *q, unsigned v)
#pragma GCC diagnostic pop

bool glx_irqs_pass(struct glx_irqs *q, unsigned vector)
{
	(void)q, (void)vector;
	return false;
}

uint64_t glx_irqs_count(const struct glx_irqs *q, unsigned vector)
{
	(void)q, (void)vector;
	return 0;
}

#define ADDRESS	     "0000:01:00.0"
#define REGION(n)    ((uint64_t)(n) << 40)
#define BAR0_BYTES   0x10000
#define BAR2_BYTES   0x20000
#define CONFIG_BYTES 4096

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_readlink(const char *path, char *target, size_t room);
int __real_access(const char *path, int mode);
DIR *__real_opendir(const char *path);
ssize_t __real_pread(int fd, void *data, size_t bytes, off_t offset);
ssize_t __real_pwrite(int fd, const void *data, size_t bytes, off_t offset);
void *__real_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
int __real_fstatfs(int fd, struct statfs *fs);

/* --- The kernel --------------------------------------------------------------------------------------------------------- */

static char root[64]; /* of sysfs */

static struct {
	int container, group, device, pagemap; /* -1: not open */
	char log[4096];
	/* What it is like: set by tests before they open. */
	int open_error_vfio, open_error_group, api_version, no_extension, not_viable, container_set;
	int set_container_error, set_iommu_error, get_device_error, not_pci, no_mmap, sparse,
		bad_caps;
	int no_reset, reset_again, irqs, irqs_at_most, grows, no_ioeventfd, no_ranges, map_error;
	int page_size, not_huge, no_frames, frame_gap;
	/* What it keeps. */
	struct vfio_iommu_type1_dma_map maps[64];
	unsigned map_count;
	int vectors;	   /* that can be connected */
	int connected[64]; /* their eventfds */
	uint64_t rings[8]; /* offsets of write eventfds */
	unsigned ring_count;
	unsigned preads, pwrites; /* of BARs */
} k;

static char sentence[1024];

int gl_fail(struct gl_nic *nic, int error, const char *format, ...)
{
	va_list list;

	(void)nic;
	va_start(list, format);
	vsnprintf(sentence, sizeof(sentence), format, list);
	va_end(list);
	assert_true(error > 0);
	assert_true(strlen(sentence) > 8);
	return -error;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
	va_list list;
	size_t used = strlen(k.log);

	va_start(list, format);
	vsnprintf(k.log + used, sizeof(k.log) - used, format, list);
	va_end(list);
	strncat(k.log, "\n", sizeof(k.log) - strlen(k.log) - 1);
}

static int token(const char *name, off_t bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	return fd;
}

static const char *moved(const char *path, char *room)
{
	if (strncmp(path, "/sys/", 5))
		return path;
	snprintf(room, PATH_MAX, "%s%s", root, path);
	return room;
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	char room[PATH_MAX];
	int error = 0, *fd = NULL;

	if (!strcmp(path, "/proc/self/pagemap")) {
		fd = &k.pagemap;
	} else if (!strcmp(path, "/dev/vfio/vfio")) {
		fd = &k.container;
		error = k.open_error_vfio;
	} else if (!strncmp(path, "/dev/vfio/", 10)) {
		fd = &k.group;
		error = k.open_error_group;
		assert_true(flags & O_CLOEXEC);
	}
	if (!fd)
		return __real_open(moved(path, room), flags);
	note("open %s", path);
	if (error) {
		errno = error;
		return -1;
	}
	return *fd = token(path, 4096);
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
	struct {
		int *fd;
		const char *name;
	} ours[] = { { &k.container, "container" },
		     { &k.group, "group" },
		     { &k.device, "device" },
		     { &k.pagemap, "pagemap" } };

	for (unsigned i = 0; i < 4; i++)
		if (fd == *ours[i].fd) {
			note("close %s", ours[i].name);
			*ours[i].fd = -1;
		}
	return __real_close(fd);
}

ssize_t __wrap_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
	char room[PATH_MAX];

	return __real_readlink(moved(path, room), target, size);
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
	char room[PATH_MAX];

	return __real_access(moved(path, room), mode);
}

DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	char room[PATH_MAX];

	return __real_opendir(moved(path, room));
}

static bool memory_on(void)
{
	uint16_t command = 0;

	__real_pread(k.device, &command, 2,
		     (off_t)REGION(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND);
	return command & PCI_COMMAND_MEMORY;
}

static uint64_t frame_of(uint64_t page)
{
	/* Neighbours in memory are neighbours in the pagemap, but for a gap that a test wants. */
	return page + (k.frame_gap && page % 2 ? 77 : 0);
}

ssize_t __wrap_pread(int fd, void *data, size_t bytes, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t bytes, off_t offset)
{
	if (fd == k.pagemap) {
		uint64_t entry = 1ull << 63 | (k.no_frames ? 0 : frame_of((uint64_t)offset / 8));
		assert_int_equal(bytes, 8);
		memcpy(data, &entry, 8);
		return 8;
	}
	if (fd == k.device && offset < (off_t)REGION(VFIO_PCI_CONFIG_REGION_INDEX)) {
		k.preads++;
		if (!memory_on()) {
			errno = EIO;
			return -1;
		}
	}
	return __real_pread(fd, data, bytes, offset);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
	if (fd == k.device && offset < (off_t)REGION(VFIO_PCI_CONFIG_REGION_INDEX)) {
		k.pwrites++;
		assert_true(bytes <= 4);
		if (!memory_on()) {
			errno = EIO;
			return -1;
		}
	} else if (fd == k.device) {
		note("config write 0x%x %zu", (unsigned)(offset & 0xfff), bytes);
	}
	return __real_pwrite(fd, data, bytes, offset);
}

void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0 && fd == k.device)
		note("mmap region %u offset 0x%x bytes 0x%zx", (unsigned)(offset >> 40),
		     (unsigned)(offset & 0xffffffff), bytes);
	return __real_mmap(at, bytes, prot, flags, fd, offset);
}

int __wrap_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs)
{
	int result = __real_fstatfs(fd, fs);

	if (!k.not_huge)
		fs->f_type = HUGETLBFS_MAGIC;
	return result;
}

static int fails(int error)
{
	errno = error;
	return -1;
}

static int iommu_info(struct vfio_iommu_type1_info *info)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint32_t padding;
		struct vfio_info_cap_header other;
		struct vfio_iommu_type1_info_cap_iova_range cap;
		struct vfio_iova_range ranges[2];
	} full = {
		.info = { sizeof(full), VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, 0x40201000,
			  0 },
		.cap = { { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 }, 2, 0 },
		.ranges = { { 0, 0xfedfffff }, { 0xfef00000, (1ull << 39) - 1 } },
	};
	uint32_t room = info->argsz;

	note("GET_INFO iommu");
	full.info.cap_offset = (uint32_t)((char *)&full.other - (char *)&full);
	full.other = (struct vfio_info_cap_header){ VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1,
						    (uint32_t)((char *)&full.cap - (char *)&full) };
	if (k.page_size)
		full.info.iova_pgsizes = (uint64_t)k.page_size;
	if (k.bad_caps == 1)
		full.other.next = full.info.cap_offset; /* a loop */
	if (k.bad_caps == 2)
		full.other.next = sizeof(full) - 4;
	if (k.bad_caps == 3)
		full.cap.nr_iovas = 1u << 30;
	if (k.no_ranges)
		full.info.flags = VFIO_IOMMU_INFO_PGSIZES, full.info.argsz = 16, room = 16;
	if (room < sizeof(full)) {
		full.info.cap_offset = 0;
		memcpy(info, &full, room < sizeof(full.info) ? room : sizeof(full.info));
	} else {
		memcpy(info, &full, sizeof(full));
	}
	return 0;
}

static int region_info(struct vfio_region_info *info)
{
	static const uint64_t sizes[] = {
		BAR0_BYTES, 0, BAR2_BYTES, 0, 0x1000, 0, 0, CONFIG_BYTES
	};
	struct {
		struct vfio_region_info info;
		struct vfio_region_info_cap_sparse_mmap cap;
		struct vfio_region_sparse_mmap_area areas[2];
	} full = {
		.info = { .argsz = sizeof(full.info), .index = info->index },
		.cap = { { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, 2, 0 },
		.areas = { { 0x1000, 0x1000 }, { 0x3000, 0x2000 } },
	};
	uint32_t room = info->argsz;

	if (info->index >= 8)
		return fails(EINVAL);
	full.info.size = sizes[info->index];
	full.info.offset = REGION(info->index);
	full.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (info->index <= 4 && full.info.size && !k.no_mmap)
		full.info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (k.sparse && info->index == 2) {
		full.info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		full.info.argsz = sizeof(full);
		full.info.cap_offset = sizeof(full.info);
		if (k.bad_caps == 1)
			full.cap.nr_areas = 1u << 30;
		if (k.bad_caps == 2)
			full.areas[1].offset = BAR2_BYTES - 0x1000;
		if (k.bad_caps == 3)
			full.areas[1].offset = ~0ull - 0xfff;
	}
	if (room < full.info.argsz)
		full.info.cap_offset = 0;
	memcpy(info, &full, room < full.info.argsz ? sizeof(full.info) : full.info.argsz);
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	assert_int_equal(set->index, VFIO_PCI_MSIX_IRQ_INDEX);
	if (set->flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER) && !set->count) {
		note("SET_IRQS off");
		k.vectors = 0;
		memset(k.connected, 0xff, sizeof(k.connected));
		return 0;
	}
	assert_int_equal(set->flags, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(set->argsz, sizeof(*set) + 4 * set->count);
	note("SET_IRQS %u+%u", set->start, set->count);
	int last = (int)(set->start + set->count);
	if (!k.vectors) {
		if (k.irqs_at_most && last > k.irqs_at_most)
			return k.irqs_at_most;
		k.vectors = last;
	} else if (last > k.vectors && !k.grows) {
		return fails(EINVAL);
	}
	memcpy(k.connected + set->start, set->data, 4 * set->count);
	return 0;
}

static int container_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		note("GET_API_VERSION");
		return k.api_version;
	case VFIO_CHECK_EXTENSION:
		note("CHECK_EXTENSION %lu", (unsigned long)arg);
		return !k.no_extension;
	case VFIO_SET_IOMMU:
		note("SET_IOMMU %lu", (unsigned long)arg);
		return k.set_iommu_error ? fails(k.set_iommu_error) : 0;
	case VFIO_IOMMU_GET_INFO:
		return iommu_info(arg);
	case VFIO_IOMMU_MAP_DMA: {
		struct vfio_iommu_type1_dma_map *m = arg;
		note("MAP_DMA 0x%llx+0x%llx", m->iova, m->size);
		assert_int_equal(m->argsz, sizeof(*m));
		assert_int_equal(m->flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
		if (k.map_error)
			return fails(k.map_error);
		if (m->iova + m->size - 1 >= 1ull << 39 ||
		    (m->iova < 0xfef00000 && m->iova + m->size > 0xfee00000))
			return fails(EINVAL);
		for (unsigned i = 0; i < k.map_count; i++)
			if (m->iova < k.maps[i].iova + k.maps[i].size &&
			    k.maps[i].iova < m->iova + m->size)
				return fails(EEXIST);
		assert_true(k.map_count < 64);
		k.maps[k.map_count++] = *m;
		return 0;
	}
	case VFIO_IOMMU_UNMAP_DMA: {
		struct vfio_iommu_type1_dma_unmap *m = arg;
		note("UNMAP_DMA 0x%llx+0x%llx", m->iova, m->size);
		assert_int_equal(m->flags, 0);
		uint64_t size = 0;
		for (unsigned i = 0; i < k.map_count; i++)
			if (k.maps[i].iova >= m->iova &&
			    k.maps[i].iova + k.maps[i].size <= m->iova + m->size) {
				size += k.maps[i].size;
				k.maps[i--] = k.maps[--k.map_count];
			}
		m->size = size;
		return 0;
	}
	}
	return fails(ENOTTY);
}

static int group_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_GROUP_GET_STATUS: {
		struct vfio_group_status *status = arg;
		note("GET_STATUS");
		assert_int_equal(status->argsz, sizeof(*status));
		status->flags = (k.not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE) |
				(k.container_set ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
		return 0;
	}
	case VFIO_GROUP_SET_CONTAINER:
		note("SET_CONTAINER");
		assert_int_equal(*(int *)arg, k.container);
		return k.set_container_error ? fails(k.set_container_error) : 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		note("GET_DEVICE_FD %s", (char *)arg);
		if (k.get_device_error)
			return fails(k.get_device_error);
		k.device = token("device", (off_t)REGION(9));
		/* Power management at 0x40, MSI-X at 0x50 */
		static const uint8_t head[] = {
			[PCI_STATUS] = PCI_STATUS_CAP_LIST, [PCI_CAPABILITY_LIST] = 0x40
		};
		static const uint8_t caps[] = {
			PCI_CAP_ID_PM,	 0x50, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			PCI_CAP_ID_MSIX, 0x00
		};
		__real_pwrite(k.device, head, sizeof(head), (off_t)REGION(7));
		__real_pwrite(k.device, caps, sizeof(caps), (off_t)REGION(7) + 0x40);
		return k.device;
	}
	return fails(ENOTTY);
}

static int device_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_DEVICE_GET_INFO: {
		struct vfio_device_info *info = arg;
		note("GET_INFO device");
		info->flags = (k.not_pci ? VFIO_DEVICE_FLAGS_PLATFORM : VFIO_DEVICE_FLAGS_PCI) |
			      (k.no_reset ? 0 : VFIO_DEVICE_FLAGS_RESET);
		info->num_regions = VFIO_PCI_NUM_REGIONS;
		info->num_irqs = VFIO_PCI_NUM_IRQS;
		return 0;
	}
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO: {
		struct vfio_irq_info *info = arg;
		assert_int_equal(info->index, VFIO_PCI_MSIX_IRQ_INDEX);
		info->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		info->count = (uint32_t)k.irqs;
		return 0;
	}
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_IOEVENTFD: {
		struct vfio_device_ioeventfd *ring = arg;
		note("IOEVENTFD region %u 0x%x := %llu%s", (unsigned)(ring->offset >> 40),
		     (unsigned)ring->offset, ring->data, ring->fd < 0 ? " off" : "");
		assert_int_equal(ring->argsz, sizeof(*ring));
		assert_int_equal(ring->flags, VFIO_DEVICE_IOEVENTFD_32);
		if (k.no_ioeventfd)
			return fails(k.no_ioeventfd);
		for (unsigned i = 0; i < k.ring_count; i++)
			if (k.rings[i] == ring->offset) {
				if (ring->fd >= 0)
					return fails(EEXIST);
				k.rings[i] = k.rings[--k.ring_count];
				return 0;
			}
		assert_true(ring->fd >= 0);
		k.rings[k.ring_count++] = ring->offset;
		return 0;
	}
	case VFIO_DEVICE_RESET:
		note("RESET");
		return k.reset_again-- > 0 ? fails(EAGAIN) : 0;
	}
	return fails(ENOTTY);
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;

	va_start(list, request);
	void *arg = va_arg(list, void *);
	va_end(list);
	assert_true(fd >= 0);
	if (fd == k.container)
		return container_ioctl(request, arg);
	if (fd == k.group)
		return group_ioctl(request, arg);
	if (fd == k.device)
		return device_ioctl(request, arg);
	return fails(ENOTTY);
}

/* --- sysfs -------------------------------------------------------------------------------------------------------------- */

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
	char command[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	assert_int_equal(system(command), 0);
}

/* A function, its driver and its IOMMU group (NULL: none of them). */
static void function(const char *address, const char *driver, const char *group)
{
	shell("mkdir -p %s/sys/bus/pci/devices/%s", root, address);
	if (driver)
		shell("ln -s ../../../../bus/pci/drivers/%s %s/sys/bus/pci/devices/%s/driver",
		      driver, root, address);
	if (!group)
		return;
	shell("ln -s ../../../kernel/iommu_groups/%s %s/sys/bus/pci/devices/%s/iommu_group", group,
	      root, address);
	shell("mkdir -p %s/sys/kernel/iommu_groups/%s/devices/%s", root, group, address);
}

static int fresh(void **state)
{
	(void)state;
	memset(&k, 0, sizeof(k));
	k.container = k.group = k.device = k.pagemap = -1;
	k.irqs = 33;
	memset(k.connected, 0xff, sizeof(k.connected));
	sentence[0] = 0;
	shell("rm -rf %s/sys", root);
	return 0;
}

static void usual(void)
{
	function(ADDRESS, "vfio-pci", "7");
}

static const struct gl_backend_ops *const ops = &gl_backend_vfio, *const noiommu =
									  &gl_backend_vfio_noiommu;

static void *opened(void)
{
	void *backend = NULL;

	if (ops->open(NULL, ADDRESS, &backend))
		fail_msg("%s", sentence);
	k.log[0] = 0;
	return backend;
}

static void closed(void *backend)
{
	ops->close(backend);
	assert_int_equal(k.device, -1);
	assert_int_equal(k.group, -1);
	assert_int_equal(k.container, -1);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;
	DIR *dir = __real_opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* --- Opening ------------------------------------------------------------------------------------------------------------ */

static void opens_in_order(void **state)
{
	void *backend = NULL;

	(void)state;
	usual();
	assert_int_equal(ops->open(NULL, ADDRESS, &backend), 0);
	assert_string_equal(k.log, "open /dev/vfio/vfio\n"
				   "open /dev/vfio/7\n"
				   "GET_API_VERSION\n"
				   "CHECK_EXTENSION 3\n"
				   "GET_STATUS\n"
				   "SET_CONTAINER\n"
				   "SET_IOMMU 3\n"
				   "GET_DEVICE_FD " ADDRESS "\n"
				   "GET_INFO iommu\n"
				   "GET_INFO iommu\n"
				   "GET_INFO device\n"
				   "mmap region 0 offset 0x0 bytes 0x10000\n"
				   "mmap region 2 offset 0x0 bytes 0x20000\n"
				   "config write 0x4 2\n");
	uint32_t command = 0;
	assert_int_equal(ops->read(backend, GL_REGION_CONFIG, PCI_COMMAND, 2, &command), 0);
	assert_int_equal(command, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(ops->irq_count(backend), 33);
	k.log[0] = 0;
	closed(backend);
	assert_string_equal(k.log, "close device\nclose group\nclose container\n");
}

static void noiommu_opens_in_order(void **state)
{
	void *backend = NULL;

	(void)state;
	usual();
	shell("echo vfio-noiommu > %s/sys/kernel/iommu_groups/7/name", root);
	assert_int_equal(noiommu->open(NULL, ADDRESS, &backend), 0);
	assert_non_null(strstr(k.log, "open /dev/vfio/noiommu-7\n"));
	assert_non_null(strstr(k.log, "CHECK_EXTENSION 8\n"));
	assert_non_null(strstr(k.log, "SET_IOMMU 8\n"));
	assert_null(strstr(k.log, "GET_INFO iommu"));
	noiommu->close(backend);
}

static void no_such_function(void)
{
	shell("mkdir -p %s/sys/bus/pci/devices", root);
}
static void no_driver(void)
{
	function(ADDRESS, NULL, "7");
}
static void other_driver(void)
{
	function(ADDRESS, "e1000e", "7");
}
static void no_group(void)
{
	function(ADDRESS, "vfio-pci", NULL);
}
static void no_iommu(void)
{
	usual();
	shell("echo vfio-noiommu > %s/sys/kernel/iommu_groups/7/name", root);
}
static void no_module(void)
{
	usual();
	k.open_error_vfio = ENOENT;
}
static void no_permission(void)
{
	usual();
	k.open_error_group = EACCES;
}
static void in_use(void)
{
	usual();
	k.open_error_group = EBUSY;
}
static void no_rawio(void)
{
	no_iommu();
	k.open_error_group = EPERM;
}
static void other_version(void)
{
	usual();
	k.api_version = 1;
}
static void no_type1(void)
{
	usual();
	k.no_extension = 1;
}
static void not_viable(void)
{
	usual();
	function("0000:01:00.1", "ahci", "7");
	k.not_viable = 1;
}
static void has_container(void)
{
	usual();
	k.container_set = 1;
}
static void set_container_fails(void)
{
	usual();
	k.set_container_error = EINVAL;
}
static void no_remapping(void)
{
	usual();
	k.set_iommu_error = EPERM;
}
static void get_device_fails(void)
{
	usual();
	k.get_device_error = ENODEV;
}
static void not_pci(void)
{
	usual();
	k.not_pci = 1;
}
static void no_msix(void)
{
	usual();
	k.irqs = 0;
}

static const struct {
	void (*prepare)(void);
	const struct gl_backend_ops *const *ops;
	int error;
	const char *address, *words[2];
} refusals[] = {
	{ usual, &ops, EINVAL, "1:00.0", { "\"1:00.0\" is not a PCI address", "0000:01:00.0" } },
	{ usual, &ops, EINVAL, "0000:01:00.8", { "not a PCI address", "" } },
	{ usual, &ops, EINVAL, "../../../../etc", { "not a PCI address", "" } },
	{ no_such_function, &ops, ENODEV, ADDRESS, { "no PCI function " ADDRESS, "lspci" } },
	{ no_driver, &ops, ENODEV, ADDRESS, { "has no driver", "modprobe vfio-pci" } },
	{ other_driver,
	  &ops,
	  EBUSY,
	  ADDRESS,
	  { "bound to e1000e, not vfio-pci: echo " ADDRESS, "drivers_probe" } },
	{ no_group, &ops, ENOTSUP, ADDRESS, { "behind no IOMMU", "intel_iommu=on" } },
	{ no_group,
	  &noiommu,
	  ENOTSUP,
	  ADDRESS,
	  { "without an IOMMU", "enable_unsafe_noiommu_mode" } },
	{ no_iommu, &ops, ENOTSUP, ADDRESS, { "behind no IOMMU", "vfio-noiommu:" ADDRESS } },
	{ usual, &noiommu, EINVAL, ADDRESS, { "behind an IOMMU", "use vfio:" ADDRESS } },
	{ no_module, &ops, ENODEV, ADDRESS, { "there is no /dev/vfio/vfio", "modprobe vfio-pci" } },
	{ no_permission, &ops, EACCES, ADDRESS, { "no permission for /dev/vfio/7", "root" } },
	{ in_use, &ops, EBUSY, ADDRESS, { "in use by another process", "fuser" } },
	{ no_rawio, &noiommu, EPERM, ADDRESS, { "/dev/vfio/noiommu-7", "CAP_SYS_RAWIO" } },
	{ other_version, &ops, EPROTO, ADDRESS, { "version of VFIO", "" } },
	{ no_type1, &ops, ENOTSUP, ADDRESS, { "type1", "modprobe vfio_iommu_type1" } },
	{ not_viable, &ops, EPERM, ADDRESS, { "group 7", "0000:01:00.1 (ahci)" } },
	{ has_container, &ops, EBUSY, ADDRESS, { "another process", "" } },
	{ set_container_fails, &ops, EINVAL, ADDRESS, { "SET_CONTAINER", "" } },
	{ no_remapping, &ops, EPERM, ADDRESS, { "remap interrupts", "allow_unsafe_interrupts" } },
	{ get_device_fails, &ops, ENODEV, ADDRESS, { "GET_DEVICE_FD", "" } },
	{ not_pci, &ops, EPROTO, ADDRESS, { "not a vfio-pci device", "" } },
	{ no_msix, &ops, EPROTO, ADDRESS, { "MSI-X", "" } },
};

static void every_refusal_says_what_to_do(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		void *backend = (void *)1;
		fresh(state);
		refusals[i].prepare();
		unsigned before = open_descriptors();
		int result = (*refusals[i].ops)->open(NULL, refusals[i].address, &backend);
		if (result != -refusals[i].error)
			fail_msg("case %zu: %d, not %d: %s", i, result, -refusals[i].error,
				 sentence);
		for (int word = 0; word < 2; word++)
			if (!strstr(sentence, refusals[i].words[word]))
				fail_msg("case %zu: no \"%s\" in \"%s\"", i,
					 refusals[i].words[word], sentence);
		assert_int_equal(open_descriptors(), before);
		assert_int_equal(k.container, -1);
	}
}

static void damaged_capabilities_do_no_harm(void **state)
{
	for (int bad = 1; bad <= 3; bad++) {
		fresh(state);
		usual();
		k.bad_caps = bad;
		k.sparse = 1;
		void *backend = opened();
		/* What cannot be mapped is read and written. */
		uint32_t value;
		assert_int_equal(ops->write(backend, 2, BAR2_BYTES - 4, 4, 0x12345678), 0);
		assert_int_equal(ops->read(backend, 2, BAR2_BYTES - 4, 4, &value), 0);
		assert_int_equal(value, 0x12345678);
		assert_int_equal(k.pwrites, 1);
		closed(backend);
	}
}

/* --- Registers ---------------------------------------------------------------------------------------------------------- */

static void registers(void *backend, unsigned expected_calls)
{
	uint32_t value;
	uint8_t bytes[4];

	k.preads = k.pwrites = 0;
	assert_int_equal(ops->write(backend, 0, 0x104, 4, 0xa1b2c3d4), 0);
	assert_int_equal(ops->write(backend, 0, 0x106, 1, 0x55), 0);
	assert_int_equal(ops->write(backend, 0, 0x104, 2, 0x6677), 0);
	__real_pread(k.device, bytes, 4, (off_t)REGION(0) + 0x104);
	assert_memory_equal(bytes, "\x77\x66\x55\xa1", 4);
	assert_int_equal(ops->read(backend, 0, 0x104, 4, &value), 0);
	assert_int_equal(value, 0xa1556677);
	assert_int_equal(ops->read(backend, 0, 0x106, 2, &value), 0);
	assert_int_equal(value, 0xa155);
	assert_int_equal(ops->read(backend, 0, 0x107, 1, &value), 0);
	assert_int_equal(value, 0xa1);
	assert_int_equal(k.preads, expected_calls);
	assert_int_equal(k.pwrites, expected_calls);
	static const uint32_t block[3] = { 0x01020304, 0x05060708, 0x090a0b0c };
	assert_int_equal(ops->write_block(backend, 2, 0x1ff4, block, 12), 0);
	assert_int_equal(ops->read(backend, 2, 0x1ffc, 4, &value), 0);
	assert_int_equal(value, 0x090a0b0c);
}

static void registers_by_mapping(void **state)
{
	(void)state;
	usual();
	void *backend = opened();
	registers(backend, 0);
	closed(backend);
}

static void registers_by_calls(void **state)
{
	(void)state;
	usual();
	k.no_mmap = 1;
	void *backend = opened();
	registers(backend, 3);
	closed(backend);
}

static void only_sparse_areas_are_mapped(void **state)
{
	void *backend = NULL;
	uint32_t value;

	(void)state;
	usual();
	k.sparse = 1;
	assert_int_equal(ops->open(NULL, ADDRESS, &backend), 0);
	assert_non_null(strstr(k.log, "mmap region 2 offset 0x1000 bytes 0x1000\n"
				      "mmap region 2 offset 0x3000 bytes 0x2000\n"));
	assert_null(strstr(k.log, "mmap region 2 offset 0x0 "));
	assert_null(strstr(k.log, "mmap region 4"));
	static const uint32_t offsets[] = { 0,	    0xffc,  0x1000, 0x1ffc, 0x2000,	   0x2ffc,
					    0x3000, 0x3ff0, 0x4ffc, 0x5000, BAR2_BYTES - 4 };
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		uint32_t offset = offsets[i];
		k.preads = 0;
		assert_int_equal(ops->write(backend, 2, offset, 4, ~offset), 0);
		assert_int_equal(ops->read(backend, 2, offset, 4, &value), 0);
		assert_int_equal(value, ~offset);
		bool inside = (offset >= 0x1000 && offset < 0x2000) ||
			      (offset >= 0x3000 && offset < 0x5000);
		assert_int_equal(k.preads, inside ? 0 : 1);
	}
	closed(backend);
}

static void no_access_outside(void **state)
{
	static const struct {
		unsigned region;
		uint32_t offset;
		unsigned size;
	} bad[] = {
		{ 0, BAR0_BYTES, 4 }, { 0, BAR0_BYTES - 2, 4 },
		{ 0, 0xfffffffc, 4 }, { 0, 2, 4 },
		{ 0, 1, 2 },	      { 0, 0, 3 },
		{ 0, 0, 8 },	      { 0, 0, 0 },
		{ 1, 0, 4 },	      { 6, 0, 4 },
		{ 8, 0, 4 },	      { 99, 0, 4 },
		{ 7, 4096, 1 },	      { 7, 4095, 2 },
	};
	uint32_t value;

	(void)state;
	usual();
	void *backend = opened();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ops->read(backend, bad[i].region, bad[i].offset, bad[i].size,
					   &value),
				 -EINVAL);
		assert_int_equal(value, 0xffffffff);
		assert_int_equal(ops->write(backend, bad[i].region, bad[i].offset, bad[i].size, 0),
				 -EINVAL);
	}
	assert_int_equal(ops->write_block(backend, 2, BAR2_BYTES - 8, "0123456789ab", 12), -EINVAL);
	assert_int_equal(ops->write_block(backend, 2, 0, "0123456789ab", 6), -EINVAL);
	assert_int_equal(k.preads + k.pwrites, 0);
	closed(backend);
}

/* With memory decoding off, or in D3hot, a mapped BAR would be SIGBUS. */
static void a_silent_bar_is_an_error(void **state)
{
	uint32_t value;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->write(backend, GL_REGION_CONFIG, PCI_COMMAND, 1, 0), 0);
	assert_int_equal(ops->read(backend, 0, 0, 4, &value), -EIO);
	assert_int_equal(value, 0xffffffff);
	assert_int_equal(ops->write(backend, 2, 0, 4, 1), -EIO);
	assert_int_equal(k.preads, 1);
	assert_int_equal(ops->write(backend, GL_REGION_CONFIG, PCI_COMMAND, 1, PCI_COMMAND_MEMORY),
			 0);
	assert_int_equal(ops->read(backend, 0, 0, 4, &value), 0);
	assert_int_equal(k.preads, 1);
	assert_int_equal(ops->write(backend, GL_REGION_CONFIG, 0x40 + PCI_PM_CTRL, 2, 3), 0);
	assert_int_equal(ops->read(backend, 0, 0, 4, &value), 0);
	assert_int_equal(k.preads, 2);
	closed(backend);
}

/* --- Memory ------------------------------------------------------------------------------------------------------------- */

static void maps_and_unmaps(void **state)
{
	int fd = token("memory", 0x6000);
	void *data = __real_mmap(NULL, 0x6000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint64_t bus = 0x40000000;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->dma_map(backend, fd, data, 0x6000, &bus), 0);
	assert_int_equal(bus, 0x40000000);
	assert_int_equal(k.maps[0].vaddr, (uintptr_t)data);
	assert_int_equal(ops->dma_unmap(backend, bus, 0x6000), 0);
	assert_string_equal(k.log, "MAP_DMA 0x40000000+0x6000\nUNMAP_DMA 0x40000000+0x6000\n");
	assert_int_equal(ops->dma_unmap(backend, bus, 0x6000), -EINVAL);
	assert_non_null(strstr(sentence, "0x40000000"));
	assert_int_equal(ops->dma_map(backend, fd, data, 0, &bus), -EINVAL);
	assert_int_equal(ops->dma_map(backend, fd, data, 100, &bus), -EINVAL);
	closed(backend);
	munmap(data, 0x6000);
	__real_close(fd);
}

static void memory_that_is_not_mapped_here(void **state)
{
	char path[] = "/tmp/gl-vfio-XXXXXX";
	uint64_t bus = 0x200000;
	int fd = token("memory", 0x1000);
	int temporary = mkstemp(path);

	(void)state;
	assert_true(temporary >= 0);
	assert_int_equal(ftruncate(temporary, 4096), 0);
	int readonly = __real_open(path, O_RDONLY);
	unlink(path);
	usual();
	void *backend = opened();
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x1000, &bus), 0);
	assert_int_not_equal(k.maps[0].vaddr, 0);
	bus = 0x300000;
	assert_int_equal(ops->dma_map(backend, readonly, NULL, 0x1000, &bus), -EPERM);
	assert_non_null(strstr(sentence, "read-only"));
	assert_int_equal(k.map_count, 1);
	closed(backend);
	__real_close(fd);
	__real_close(temporary);
	__real_close(readonly);
}

static void addresses_are_those_of_the_iommu(void **state)
{
	static const uint64_t wanted[] = {
		0,	    /* never */
		1ull << 39, /* beyond its width */
		~0xfffull,  /* wraps */
		0xfee00000, /* interrupts */
		0xfedff000, /* reaches into it */
		0x12345678, /* not a page */
	};
	int fd = token("memory", 0x400000);

	(void)state;
	usual();
	void *backend = opened();
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint64_t bus = wanted[i];
		assert_int_equal(ops->dma_map(backend, fd, NULL, 0x3000, &bus), 0);
		assert_int_not_equal(bus, wanted[i]);
		assert_int_equal(k.maps[i].iova, bus);
		assert_int_equal(bus % 4096, 0);
	}
	/* Large ones lie so that the IOMMU can use large pages. */
	uint64_t bus = 0;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x400000, &bus), 0);
	assert_int_equal(bus % 0x200000, 0);
	/* More than there is. */
	k.log[0] = 0;
	closed(backend);
	__real_close(fd);
}

static void a_taken_address_moves(void **state)
{
	int fd = token("memory", 0x4000);
	uint64_t first = 0x800000, second = 0x801000;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &first), 0);
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &second), 0);
	assert_int_equal(first, 0x800000);
	assert_true(second + 0x4000 <= first || second >= first + 0x4000);
	/* What an earlier process left at the place that would be next. */
	k.maps[k.map_count++] =
		(struct vfio_iommu_type1_dma_map){ .iova = 0x100000, .size = 0x10000 };
	uint64_t third = 0;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &third), 0);
	assert_true(third >= 0x110000);
	closed(backend);
	__real_close(fd);
}

static void an_iommu_that_does_not_tell(void **state)
{
	int fd = token("memory", 0x4000);
	uint64_t bus = 0xfee00000;

	(void)state;
	usual();
	k.no_ranges = 1;
	void *backend = opened();
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), 0);
	assert_int_not_equal(bus, 0xfee00000);
	closed(backend);

	fresh(state);
	usual();
	k.page_size = 0x10000;
	backend = opened();
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), -EINVAL);
	assert_non_null(strstr(sentence, "pages of 65536"));
	closed(backend);
	__real_close(fd);
}

static void a_refused_mapping_says_why(void **state)
{
	struct rlimit before, low;
	int fd = token("memory", 0x4000);
	uint64_t bus = 0x800000;

	(void)state;
	usual();
	void *backend = opened();
	getrlimit(RLIMIT_MEMLOCK, &before);
	low = (struct rlimit){ 4096, before.rlim_max };
	setrlimit(RLIMIT_MEMLOCK, &low);
	k.map_error = ENOMEM;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), -ENOMEM);
	assert_non_null(strstr(sentence, "LimitMEMLOCK"));
	setrlimit(RLIMIT_MEMLOCK, &before);
	k.map_error = ENOSPC;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), -ENOSPC);
	assert_non_null(strstr(sentence, "dma_entry_limit"));
	k.map_error = EFAULT;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), -EFAULT);
	/* Nothing is remembered of those. */
	k.map_error = 0;
	assert_int_equal(ops->dma_map(backend, fd, NULL, 0x4000, &bus), 0);
	assert_int_equal(bus, 0x800000);
	closed(backend);
	__real_close(fd);
}

static void without_iommu_memory_is_physical(void **state)
{
	int fd = token("memory", 0x8000);
	void *data = __real_mmap(NULL, 0x8000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *backend = NULL;
	uint64_t bus = 1;

	(void)state;
	no_iommu();
	assert_int_equal(noiommu->open(NULL, ADDRESS, &backend), 0);
	assert_true(noiommu->memfd_flags & MFD_HUGETLB);
	assert_int_equal(noiommu->dma_map(backend, fd, data, 0x8000, &bus), 0);
	assert_int_equal(bus, frame_of((uintptr_t)data / 4096) * 4096);
	assert_int_equal(noiommu->dma_map(backend, fd, NULL, 0x8000, &bus), 0);
	assert_int_equal(noiommu->dma_unmap(backend, bus, 0x8000), 0);
	uint64_t kept = bus;
	k.frame_gap = 1;
	assert_int_equal(noiommu->dma_map(backend, fd, data, 0x8000, &bus), -EINVAL);
	assert_non_null(strstr(sentence, "contiguous"));
	k.frame_gap = 0;
	k.no_frames = 1;
	assert_int_equal(noiommu->dma_map(backend, fd, data, 0x8000, &bus), -EPERM);
	assert_non_null(strstr(sentence, "CAP_SYS_ADMIN"));
	k.no_frames = 0;
	k.not_huge = 1;
	assert_int_equal(noiommu->dma_map(backend, fd, data, 0x8000, &bus), -EINVAL);
	assert_non_null(strstr(sentence, "nr_hugepages"));
	assert_int_equal(bus, kept);
	assert_int_equal(k.pagemap, -1);
	assert_null(strstr(k.log, "MAP_DMA"));
	noiommu->close(backend);
	munmap(data, 0x8000);
	__real_close(fd);
}

/* --- Interrupts, doorbells, reset ------------------------------------------------------------------------------------------ */

static void interrupts(void **state)
{
	static const int fds[3] = { 101, -1, 103 };
	static const int other = 200;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->set_irqs(backend, 4, 3, fds), 0);
	assert_int_equal(ops->set_irqs(backend, 32, 1, &other), 0);
	/* All at first, then only what changes. */
	assert_string_equal(k.log, "SET_IRQS 0+33\nSET_IRQS 32+1\n");
	assert_int_equal(k.connected[3], -1);
	assert_int_equal(k.connected[4], 101);
	assert_int_equal(k.connected[5], -1);
	assert_int_equal(k.connected[6], 103);
	assert_int_equal(k.connected[32], 200);
	assert_int_equal(ops->set_irqs(backend, 33, 1, &other), -EINVAL);
	assert_int_equal(ops->set_irqs(backend, 32, 2, fds), -EINVAL);
	assert_int_equal(ops->set_irqs(backend, 0xffffffff, 2, fds), -EINVAL);
	assert_int_equal(ops->set_irqs(backend, 0, 0, fds), -EINVAL);
	closed(backend);
}

static void fewer_vectors_than_wanted(void **state)
{
	static const int fd = 100;

	(void)state;
	usual();
	k.irqs_at_most = 16;
	void *backend = opened();
	assert_int_equal(ops->set_irqs(backend, 0, 1, &fd), -ENOSPC);
	assert_non_null(strstr(sentence, "33"));
	assert_non_null(strstr(sentence, "16"));
	closed(backend);
}

static void doorbells(void **state)
{
	int first = -1, second = -1;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->write_fd(backend, 2, 0x3050, 1, &first), 0);
	assert_int_equal(k.rings[0], REGION(2) + 0x3050);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	/* A second one for the same place takes over. */
	k.log[0] = 0;
	assert_int_equal(ops->write_fd(backend, 2, 0x3050, 1, &second), 0);
	assert_string_equal(k.log, "IOEVENTFD region 2 0x3050 := 1\n"
				   "IOEVENTFD region 2 0x3050 := 1 off\n"
				   "IOEVENTFD region 2 0x3050 := 1\n");
	__real_close(first);
	__real_close(second);
	unsigned before = open_descriptors();
	assert_int_equal(ops->write_fd(backend, 2, BAR2_BYTES, 1, &first), -EINVAL);
	assert_int_equal(ops->write_fd(backend, GL_REGION_CONFIG, 0, 1, &first), -EINVAL);
	k.no_ioeventfd = ENOTTY;
	assert_int_equal(ops->write_fd(backend, 2, 0x4050, 1, &first), -ENOTSUP);
	k.no_ioeventfd = ENOSPC;
	assert_int_equal(ops->write_fd(backend, 2, 0x4050, 1, &first), -ENOSPC);
	assert_int_equal(open_descriptors(), before);
	closed(backend);
}

static void resets(void **state)
{
	(void)state;
	usual();
	void *backend = opened();
	k.reset_again = 2;
	assert_int_equal(ops->reset(backend), 0);
	assert_string_equal(k.log, "RESET\nRESET\nRESET\n");
	k.reset_again = 1000;
	assert_int_equal(ops->reset(backend), -EAGAIN);
	closed(backend);
	fresh(state);
	usual();
	k.no_reset = 1;
	backend = opened();
	assert_int_equal(ops->reset(backend), -ENOTSUP);
	closed(backend);
}

/* --- Outliving the process --------------------------------------------------------------------------------------------------- */

static void a_successor_goes_on(void **state)
{
	int memory = token("memory", 0x4000);
	uint64_t bus = 0x800000, more = 0x800000;
	struct gl_fd fds[8];
	static const int event = 55, later = 56;

	(void)state;
	usual();
	void *backend = opened();
	assert_int_equal(ops->dma_map(backend, memory, NULL, 0x4000, &bus), 0);
	assert_int_equal(ops->set_irqs(backend, 3, 1, &event), 0);
	assert_int_equal(ops->fds(backend, fds, 2), 3);
	assert_int_equal(ops->fds(backend, fds, 8), 3);
	fds[3] = (struct gl_fd){ "other", memory };
	k.log[0] = 0;

	/* One is missing: refused, and nothing is closed. */
	for (int missing = 0; missing < 3; missing++) {
		struct gl_fd some[3];
		void *none = NULL;
		for (int i = 0, n = 0; i < 4; i++)
			if (i != missing)
				some[n++] = fds[i];
		assert_int_equal(ops->adopt(NULL, ADDRESS, some, 3, &none), -EINVAL);
		assert_non_null(strstr(sentence, fds[missing].name));
		assert_null(strstr(k.log, "close"));
	}
	k.log[0] = 0;
	void *successor = NULL;
	assert_int_equal(ops->adopt(NULL, ADDRESS, fds, 4, &successor), 0);
	/* It looks, but touches nothing. */
	assert_null(strstr(k.log, "write"));
	assert_null(strstr(k.log, "RESET"));
	assert_null(strstr(k.log, "SET_"));
	k.log[0] = 0;
	assert_int_equal(ops->set_irqs(successor, 3, 1, &later), 0);
	assert_string_equal(k.log, "SET_IRQS 3+1\n");
	assert_int_equal(k.connected[3], 56);
	/* The old mapping is there still and does not collide. */
	assert_int_equal(ops->dma_map(successor, memory, NULL, 0x4000, &more), 0);
	assert_int_not_equal(more, bus);
	assert_int_equal(ops->dma_unmap(successor, bus, 0x4000), 0);
	registers(successor, 0);
	closed(successor);
	/* The first handle's own memory; its descriptors are closed already. */
	ops->close(backend);
	__real_close(memory);
}

/* The owner died before it connected interrupts, on a kernel that cannot add vectors. */
static void a_successor_connects_all(void **state)
{
	struct gl_fd fds[3];
	static const int event = 55, low = 44;
	void *successor = NULL;

	(void)state;
	usual();
	void *backend = opened();
	ops->fds(backend, fds, 3);
	assert_int_equal(ops->adopt(NULL, ADDRESS, fds, 3, &successor), 0);
	assert_int_equal(ops->set_irqs(successor, 0, 1, &low), 0);
	assert_int_equal(ops->set_irqs(successor, 3, 1, &event), 0);
	assert_string_equal(strstr(k.log, "SET_IRQS"),
			    "SET_IRQS 0+1\nSET_IRQS 3+1\nSET_IRQS off\nSET_IRQS 0+33\n");
	assert_int_equal(k.connected[0], 44);
	assert_int_equal(k.connected[3], 55);
	closed(successor);
	ops->close(backend);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		test(opens_in_order),
		test(noiommu_opens_in_order),
		test(every_refusal_says_what_to_do),
		test(damaged_capabilities_do_no_harm),
		test(registers_by_mapping),
		test(registers_by_calls),
		test(only_sparse_areas_are_mapped),
		test(no_access_outside),
		test(a_silent_bar_is_an_error),
		test(maps_and_unmaps),
		test(memory_that_is_not_mapped_here),
		test(addresses_are_those_of_the_iommu),
		test(a_taken_address_moves),
		test(an_iommu_that_does_not_tell),
		test(a_refused_mapping_says_why),
		test(without_iommu_memory_is_physical),
		test(interrupts),
		test(fewer_vectors_than_wanted),
		test(doorbells),
		test(resets),
		test(a_successor_goes_on),
		test(a_successor_connects_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	strcpy(root, "/tmp/gl-sysfs-XXXXXX");
	if (!mkdtemp(root))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	char command[96];
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) || failed;
}
