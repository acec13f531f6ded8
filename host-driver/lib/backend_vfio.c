// SPDX-License-Identifier: Apache-2.0
/*
 * The back ends `vfio` (type1 IOMMU, version 2) and `vfio-noiommu`: a PCI function bound to vfio-pci, through container, group and device
 * descriptors (linux/vfio.h; the kernel's documentation driver-api/vfio.rst). BARs are mapped where the kernel lets us, else read and written by
 * pread() and pwrite(). A mapping of memory lives in the container, not in the process: pages stay pinned while any process holds the container.
 */
#define _GNU_SOURCE
#include "xen_part.h"

#include <ctype.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SYSFS_DEVICES "/sys/bus/pci/devices"
#define SYSFS_DRIVERS "/sys/bus/pci/drivers"
#define SYSFS_GROUPS  "/sys/kernel/iommu_groups"

enum {
	ADDRESS_CHARS = 12, /* 0000:01:00.0 */
	REGIONS = VFIO_PCI_CONFIG_REGION_INDEX + 1,
	AREAS = 16,
	RANGES = 32,
	IRQS_MAX = 2048, /* MSI-X */
	RESET_TRIES = 50,
	CAPABILITIES_MAX = 48, /* of configuration space, each 4 octets or more behind the header */
};

/* Bus addresses that software may give away start here: 0 helps to find bugs, and the rest is where PCs keep old things. */
static const uint64_t bus_first = 0x100000;
static const uint64_t huge_page = 0x200000;

struct range {
	uint64_t first, last;
};

struct area {
	unsigned region;
	uint64_t offset, bytes;
	volatile uint8_t *data;
};

struct mapping {
	uint64_t bus, bytes;
};

struct vfio {
	struct gl_nic *nic;
	bool noiommu;
	char address[ADDRESS_CHARS + 1];
	int container, group, device;
	bool can_reset;
	struct {
		uint64_t offset, bytes;
	} regions[REGIONS];
	struct area areas[AREAS]; /* mapped parts of BARs */
	size_t area_count;
	bool direct;	/* BARs answer: else a mapped access would be SIGBUS */
	unsigned power; /* offset of the power management capability, or 0 */
	struct range ranges[RANGES];
	size_t range_count;
	uint64_t page;		  /* smallest that the IOMMU maps */
	struct mapping *mappings; /* made by this handle, in no order */
	size_t mapping_count;
	unsigned irq_total;
	bool irqs_on;
	int *eventfds;	    /* as given, not ours */
	struct gl_xen *xen; /* in a dom0 without an IOMMU of its own */
};

/* --- sysfs ------------------------------------------------------------------------------------------------------------------ */

static void path_of(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void path_of(char *path, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(path, PATH_MAX, format, list);
	va_end(list);
}

/* The last component of what a link points to. */
static int link_name(const char *path, char *name, size_t room)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = 0;
	const char *slash = strrchr(target, '/');
	const char *last = slash ? slash + 1 : target;
	if (!*last || strlen(last) >= room)
		return -ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}

static int read_word(const char *path, char *word, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t length = read(fd, word, room - 1);
	int result = length < 0 ? -errno : 0;
	close(fd);
	if (result)
		return result;
	word[length] = 0;
	word[strcspn(word, "\n")] = 0;
	return 0;
}

static bool is_address(const char *text)
{
	static const char form[] = "xxxx:xx:xx.d";

	if (strlen(text) != ADDRESS_CHARS)
		return false;
	for (int i = 0; i < ADDRESS_CHARS; i++) {
		if (form[i] == 'x' && !isxdigit((unsigned char)text[i]))
			return false;
		if (form[i] == 'd' && (text[i] < '0' || text[i] > '7'))
			return false;
		if (ispunct((unsigned char)form[i]) && text[i] != form[i])
			return false;
	}
	return true;
}

/* Finds the IOMMU group; every failure says which command helps. */
static int find_group(struct vfio *v, char *group, size_t room)
{
	char path[PATH_MAX], driver[64], name[64] = "";
	const char *a = v->address;

	path_of(path, SYSFS_DEVICES "/%s", a);
	if (access(path, F_OK))
		return gl_fail(v->nic, ENODEV,
			       "there is no PCI function %s; `lspci -D` lists those that exist", a);
	path_of(path, SYSFS_DEVICES "/%s/driver", a);
	int error = link_name(path, driver, sizeof(driver));
	if (error == -ENOENT)
		return gl_fail(v->nic, ENODEV,
			       "%s has no driver: modprobe vfio-pci; "
			       "echo vfio-pci > " SYSFS_DEVICES "/%s/driver_override; "
			       "echo %s > /sys/bus/pci/drivers_probe",
			       a, a, a);
	if (error)
		return gl_fail(v->nic, -error, "cannot read %s: %s", path, strerror(-error));
	if (strcmp(driver, "vfio-pci"))
		return gl_fail(v->nic, EBUSY,
			       "%s is bound to %s, not vfio-pci: "
			       "echo %s > " SYSFS_DRIVERS "/%s/unbind; "
			       "echo vfio-pci > " SYSFS_DEVICES "/%s/driver_override; "
			       "echo %s > /sys/bus/pci/drivers_probe",
			       a, driver, a, driver, a, a);

	path_of(path, SYSFS_DEVICES "/%s/iommu_group", a);
	error = link_name(path, group, room);
	if (error && v->noiommu)
		return gl_fail(v->nic, ENOTSUP,
			       "the kernel does not let %s be used without an IOMMU: "
			       "echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode "
			       "and bind it to vfio-pci again (needs CONFIG_VFIO_NOIOMMU)",
			       a);
	if (error)
		return gl_fail(
			v->nic, ENOTSUP,
			"%s is behind no IOMMU: switch it on (intel_iommu=on on the kernel's "
			"command line, VT-d or AMD-Vi in the firmware's setup), or use "
			"vfio-noiommu:%s",
			a, a);
	path_of(path, SYSFS_GROUPS "/%s/name", group);
	bool without = !read_word(path, name, sizeof(name)) && !strcmp(name, "vfio-noiommu");
	if (without && !v->noiommu)
		return gl_fail(v->nic, ENOTSUP,
			       "%s is behind no IOMMU; vfio-noiommu:%s uses it unprotected", a, a);
	if (!without && v->noiommu)
		return gl_fail(v->nic, EINVAL, "%s is behind an IOMMU; use vfio:%s", a, a);
	return 0;
}

/* Says which function makes the group not viable. */
static int fail_viable(struct vfio *v, const char *group)
{
	char path[PATH_MAX], driver[64], culprit[160] = "one of its functions";

	path_of(path, SYSFS_GROUPS "/%s/devices", group);
	DIR *dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (!is_address(entry->d_name))
			continue;
		path_of(path, SYSFS_DEVICES "/%s/driver", entry->d_name);
		if (link_name(path, driver, sizeof(driver)) || !strcmp(driver, "vfio-pci") ||
		    !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub"))
			continue;
		snprintf(culprit, sizeof(culprit), "%.12s (%.63s)", entry->d_name, driver);
		break;
	}
	if (dir)
		closedir(dir);
	return gl_fail(v->nic, EPERM,
		       "IOMMU group %s of %s cannot be used while %s has another driver: unbind "
		       "it, or bind it to "
		       "vfio-pci",
		       group, v->address, culprit);
}

/* --- Opening ---------------------------------------------------------------------------------------------------------------- */

static int open_node(struct vfio *v, const char *path, int *fd)
{
	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENODEV:
		return gl_fail(v->nic, ENODEV, "there is no %s: modprobe vfio-pci", path);
	case EBUSY:
		return gl_fail(v->nic, EBUSY,
			       "%s is in use by another process (`fuser -v %s` names it)",
			       v->address, path);
	case EACCES:
		return gl_fail(v->nic, EACCES,
			       "no permission for %s: run as root, or give this user the file",
			       path);
	case EPERM:
		return gl_fail(v->nic, EPERM, "%s may be opened only with CAP_SYS_RAWIO", path);
	default: {
		int error = errno;
		return gl_fail(v->nic, error, "cannot open %s: %s", path, strerror(error));
	}
	}
}

static int fail_ioctl(struct vfio *v, const char *what)
{
	int error = errno;

	return gl_fail(v->nic, error, "%s: %s: %s", v->address, what, strerror(error));
}

/* Walks a capability chain of an INFO structure; NULL: not there, or the chain is damaged. */
static const void *find_capability(const void *info, uint32_t bytes, uint32_t offset, uint16_t id,
				   size_t need)
{
	for (uint32_t hops = 0; offset && hops < 64; hops++) {
		struct vfio_info_cap_header header;
		if (offset > bytes || bytes - offset < sizeof(header))
			return NULL;
		memcpy(&header, (const char *)info + offset, sizeof(header));
		if (header.id == id)
			return bytes - offset < need ? NULL : (const char *)info + offset;
		offset = header.next;
	}
	return NULL;
}

static void add_range(struct vfio *v, uint64_t first, uint64_t last)
{
	if (first < bus_first)
		first = bus_first;
	if (last > (1ull << 52) - 1) /* what a table entry can say */
		last = (1ull << 52) - 1;
	if (first < last && v->range_count < RANGES)
		v->ranges[v->range_count++] = (struct range){ first, last };
}

/*
 * An INFO structure, which tells in its first word how long it is with its capabilities: asked for once more when it is longer than `question`.
 * 0, and *answer of *bytes is the caller's.
 */
static int get_info(struct vfio *v, int fd, unsigned long request, const char *name,
		    const void *question, uint32_t *bytes, void **answer)
{
	uint32_t least = *bytes;

	*answer = NULL;
	for (int round = 0; round < 2; round++) {
		free(*answer);
		uint32_t *info = *answer = calloc(1, *bytes);
		if (!info)
			return gl_fail(v->nic, ENOMEM, "no memory");
		memcpy(info, question, least);
		info[0] = *bytes; /* argsz */
		if (ioctl(fd, request, info)) {
			int error = fail_ioctl(v, name);
			free(info);
			*answer = NULL;
			return error;
		}
		if (info[0] <= *bytes || info[0] > 1 << 20)
			break;
		*bytes = info[0];
	}
	return 0;
}

/* Which bus addresses the IOMMU can translate. */
static int get_iommu_info(struct vfio *v)
{
	const struct vfio_iommu_type1_info question = { 0 };
	uint32_t bytes = sizeof(question);
	void *answer;
	int error = get_info(v, v->container, VFIO_IOMMU_GET_INFO, "VFIO_IOMMU_GET_INFO", &question,
			     &bytes, &answer);
	if (error)
		return error;
	const struct vfio_iommu_type1_info *info = answer;

	v->page = 4096;
	if ((info->flags & VFIO_IOMMU_INFO_PGSIZES) && info->iova_pgsizes)
		v->page = info->iova_pgsizes & -info->iova_pgsizes;

	const struct vfio_iommu_type1_info_cap_iova_range *cap = NULL;
	if ((info->flags & VFIO_IOMMU_INFO_CAPS) && bytes >= sizeof(*info))
		cap = find_capability(info, bytes, info->cap_offset,
				      VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(*cap));
	uint64_t room = cap ? bytes - (uint64_t)((const char *)cap - (const char *)info) : 0;
	if (cap && cap->nr_iovas <= (room - sizeof(*cap)) / sizeof(cap->iova_ranges[0])) {
		for (uint32_t i = 0; i < cap->nr_iovas; i++)
			add_range(v, cap->iova_ranges[i].start, cap->iova_ranges[i].end);
	}
	if (!v->range_count) {
		/* A kernel that does not tell: three levels of page tables, without the interrupt window of PCs. */
		add_range(v, 0, 0xfedfffff);
		add_range(v, 0xfef00000, (1ull << 39) - 1);
	}
	free(answer);
	return 0;
}

static int map_area(struct vfio *v, unsigned region, uint64_t offset, uint64_t bytes)
{
	if (v->area_count == AREAS || !bytes || offset > v->regions[region].bytes ||
	    bytes > v->regions[region].bytes - offset)
		return 0; /* reached by pread() and pwrite() */
	void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->device,
			  (off_t)(v->regions[region].offset + offset));
	if (data == MAP_FAILED)
		return 0;
	/* A child that is forked later has no business there. */
	madvise(data, bytes, MADV_DONTFORK);
	v->areas[v->area_count++] = (struct area){ region, offset, bytes, data };
	return 0;
}

static int get_region(struct vfio *v, unsigned index)
{
	const struct vfio_region_info question = { .index = index };
	uint32_t bytes = sizeof(question);
	void *answer;
	int result = get_info(v, v->device, VFIO_DEVICE_GET_REGION_INFO,
			      "VFIO_DEVICE_GET_REGION_INFO", &question, &bytes, &answer);
	if (result)
		return result;
	const struct vfio_region_info *info = answer;

	v->regions[index].bytes = info->size;
	v->regions[index].offset = info->offset;
	/* BAR4 has the MSI-X table, which the kernel keeps to itself. */
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || (index != GL_BAR0 && index != GL_BAR2))
		goto out;
	const struct vfio_region_info_cap_sparse_mmap *sparse = NULL;
	if (info->flags & VFIO_REGION_INFO_FLAG_CAPS)
		sparse = find_capability(info, bytes, info->cap_offset,
					 VFIO_REGION_INFO_CAP_SPARSE_MMAP, sizeof(*sparse));
	if (!sparse) {
		result = map_area(v, index, 0, info->size);
		goto out;
	}
	uint64_t room = bytes - (uint64_t)((const char *)sparse - (const char *)info);
	if (sparse->nr_areas <= (room - sizeof(*sparse)) / sizeof(sparse->areas[0]))
		for (uint32_t i = 0; i < sparse->nr_areas && !result; i++)
			result = map_area(v, index, sparse->areas[i].offset, sparse->areas[i].size);
out:
	free(answer);
	return result;
}

static int config_access(struct vfio *v, bool write, uint32_t offset, unsigned size,
			 uint32_t *value)
{
	uint8_t bytes[4];
	ssize_t done;

	if (offset > v->regions[GL_REGION_CONFIG].bytes ||
	    size > v->regions[GL_REGION_CONFIG].bytes - offset)
		return -EINVAL;
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*value >> (8 * i));
	off_t place = (off_t)(v->regions[GL_REGION_CONFIG].offset + offset);
	done = write ? pwrite(v->device, bytes, size, place) : pread(v->device, bytes, size, place);
	if (done != (ssize_t)size)
		return done < 0 ? -errno : -EIO;
	if (!write) {
		*value = 0;
		for (unsigned i = 0; i < size; i++)
			*value |= (uint32_t)bytes[i] << (8 * i);
	}
	return 0;
}

/* Whether BARs answer now: a mapped access to one that does not is SIGBUS. */
static void look_at_command(struct vfio *v)
{
	uint32_t command = 0, control = 0;

	v->direct = !config_access(v, false, PCI_COMMAND, 2, &command) && command != 0xffff &&
		    (command & PCI_COMMAND_MEMORY);
	if (v->direct && v->power)
		v->direct = !config_access(v, false, v->power + PCI_PM_CTRL, 2, &control) &&
			    (control & PCI_PM_CTRL_STATE_MASK) < 3;
}

static void find_power_capability(struct vfio *v)
{
	uint32_t status = 0, next = 0;

	if (config_access(v, false, PCI_STATUS, 2, &status) || !(status & PCI_STATUS_CAP_LIST) ||
	    config_access(v, false, PCI_CAPABILITY_LIST, 1, &next))
		return;
	for (int i = 0; i < CAPABILITIES_MAX && (next &= ~3u) >= PCI_STD_HEADER_SIZEOF; i++) {
		uint32_t header = 0;
		if (config_access(v, false, next, 2, &header))
			return;
		if ((header & 0xff) == PCI_CAP_ID_PM) {
			v->power = next;
			return;
		}
		next = header >> 8;
	}
}

/* What is the same for a device that is opened and one that is taken over. Does not touch the device itself. */
static int look_at_device(struct vfio *v)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = VFIO_PCI_MSIX_IRQ_INDEX };

	if (ioctl(v->device, VFIO_DEVICE_GET_INFO, &info))
		return fail_ioctl(v, "VFIO_DEVICE_GET_INFO");
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI) || info.num_regions < REGIONS ||
	    info.num_irqs <= VFIO_PCI_MSIX_IRQ_INDEX)
		return gl_fail(v->nic, EPROTO, "%s is not a vfio-pci device", v->address);
	v->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	for (unsigned i = 0; i < REGIONS; i++) {
		/* Read-only memory and VGA are no business of ours. */
		if (i == VFIO_PCI_ROM_REGION_INDEX)
			continue;
		int error = get_region(v, i);
		if (error)
			return error;
	}
	if (v->regions[GL_REGION_CONFIG].bytes < PCI_STD_HEADER_SIZEOF)
		return gl_fail(v->nic, EPROTO, "%s has no configuration space", v->address);
	if (!v->regions[GL_BAR0].bytes || !v->regions[GL_BAR2].bytes)
		return gl_fail(v->nic, EPROTO, "%s has no memory BAR 0 or 2: not a Guestlane NIC",
			       v->address);
	if (ioctl(v->device, VFIO_DEVICE_GET_IRQ_INFO, &irq))
		return fail_ioctl(v, "VFIO_DEVICE_GET_IRQ_INFO");
	if (!irq.count || irq.count > IRQS_MAX || !(irq.flags & VFIO_IRQ_INFO_EVENTFD))
		return gl_fail(v->nic, EPROTO, "%s has no MSI-X", v->address);
	v->irq_total = irq.count;
	v->eventfds = malloc(irq.count * sizeof(int));
	if (!v->eventfds)
		return gl_fail(v->nic, ENOMEM, "no memory");
	for (unsigned i = 0; i < irq.count; i++)
		v->eventfds[i] = -1;
	find_power_capability(v);
	look_at_command(v);
	return 0;
}

static struct vfio *new_vfio(struct gl_nic *nic, const char *address, bool noiommu)
{
	struct vfio *v = NULL;

	if (!is_address(address)) {
		gl_fail(nic, EINVAL, "\"%s\" is not a PCI address such as 0000:01:00.0", address);
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		gl_fail(nic, ENOMEM, "no memory");
		return NULL;
	}
	v->nic = nic;
	v->noiommu = noiommu;
	strcpy(v->address, address);
	for (char *c = v->address; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	v->container = v->group = v->device = -1;
	return v;
}

static void vfio_close(void *backend)
{
	struct vfio *v = backend;

	for (size_t i = 0; i < v->area_count; i++)
		munmap((void *)v->areas[i].data, v->areas[i].bytes);
	gl_xen_close(v->xen);
	/* The device first: the last one to close it resets the function, while its memory is still mapped. */
	if (v->device >= 0)
		close(v->device);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	free(v->mappings);
	free(v->eventfds);
	free(v);
}

static int connect_container(struct vfio *v, const char *group)
{
	unsigned long type = v->noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;

	if (ioctl(v->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return gl_fail(v->nic, EPROTO,
			       "/dev/vfio/vfio speaks another version of VFIO than %d",
			       VFIO_API_VERSION);
	if (ioctl(v->container, VFIO_CHECK_EXTENSION, type) <= 0)
		return gl_fail(v->nic, ENOTSUP, "the kernel's VFIO has no %s",
			       v->noiommu ? "mode without an IOMMU (CONFIG_VFIO_NOIOMMU)"
					  : "type1 IOMMU, version 2: modprobe vfio_iommu_type1");
	struct vfio_group_status status = { .argsz = sizeof(status) };
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		return fail_ioctl(v, "VFIO_GROUP_GET_STATUS");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return fail_viable(v, group);
	if (status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET)
		return gl_fail(v->nic, EBUSY, "IOMMU group %s of %s belongs to another process",
			       group, v->address);
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container))
		return fail_ioctl(v, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(v->container, VFIO_SET_IOMMU, type)) {
		if (errno == EPERM && !v->noiommu)
			return gl_fail(
				v->nic, EPERM,
				"the IOMMU does not remap interrupts, so VFIO refuses %s: switch "
				"interrupt remapping on, or "
				"echo 1 > "
				"/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
				v->address);
		return fail_ioctl(v, "VFIO_SET_IOMMU");
	}
	return 0;
}

static int open_function(struct gl_nic *nic, const char *address, bool noiommu, void **backend)
{
	char group[16], path[64];
	struct vfio *v = new_vfio(nic, address, noiommu);
	uint32_t command = 0;
	int error;

	if (!v)
		return is_address(address) ? -ENOMEM : -EINVAL;
	error = find_group(v, group, sizeof(group));
	if (error)
		goto out;
	error = open_node(v, "/dev/vfio/vfio", &v->container);
	if (error)
		goto out;
	snprintf(path, sizeof(path), "/dev/vfio/%s%s", noiommu ? "noiommu-" : "", group);
	error = open_node(v, path, &v->group);
	if (error)
		goto out;
	error = connect_container(v, group);
	if (error)
		goto out;
	v->device = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, v->address);
	if (v->device < 0) {
		error = fail_ioctl(v, "VFIO_GROUP_GET_DEVICE_FD");
		goto out;
	}
	if (!noiommu)
		error = get_iommu_info(v);
	if (!error)
		error = look_at_device(v);
	if (error)
		goto out;

	/* The kernel has reset the function, if that can be done, and left both off (PCI 3.0, 6.2.2). */
	error = config_access(v, false, PCI_COMMAND, 2, &command);
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (!error)
		error = config_access(v, true, PCI_COMMAND, 2, &command);
	if (error) {
		gl_fail(nic, -error, "%s: no access to configuration space: %s", v->address,
			strerror(-error));
		goto out;
	}
	look_at_command(v);
out:
	if (error)
		vfio_close(v);
	else
		*backend = v;
	return error;
}

static int vfio_open(struct gl_nic *nic, const char *address, void **backend)
{
	return open_function(nic, address, false, backend);
}

static int noiommu_open(struct gl_nic *nic, const char *address, void **backend)
{
	return open_function(nic, address, true, backend);
}

static int adopt_function(struct gl_nic *nic, const char *address, const struct gl_fd *fds,
			  size_t count, bool noiommu, void **backend)
{
	struct vfio *v = new_vfio(nic, address, noiommu);
	int error = 0;

	if (!v)
		return is_address(address) ? -ENOMEM : -EINVAL;
	struct {
		const char *name;
		int *fd;
	} wanted[] = { { "container", &v->container },
		       { "group", &v->group },
		       { "device", &v->device } };
	for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++) {
		for (size_t i = 0; i < count; i++)
			if (!strcmp(fds[i].name, wanted[w].name))
				*wanted[w].fd = fds[i].fd;
		if (*wanted[w].fd < 0 && !error)
			error = gl_fail(nic, EINVAL, "the descriptor \"%s\" of %s is missing",
					wanted[w].name, v->address);
	}
	if (!error && !noiommu)
		error = get_iommu_info(v);
	if (!error)
		error = look_at_device(v);
	if (error) {
		/* The descriptors stay the caller's. */
		v->container = v->group = v->device = -1;
		vfio_close(v);
		return error;
	}
	v->irqs_on = true;
	*backend = v;
	return 0;
}

static int vfio_adopt(struct gl_nic *nic, const char *address, const struct gl_fd *fds,
		      size_t count, void **backend)
{
	return adopt_function(nic, address, fds, count, false, backend);
}

static int noiommu_adopt(struct gl_nic *nic, const char *address, const struct gl_fd *fds,
			 size_t count, void **backend)
{
	return adopt_function(nic, address, fds, count, true, backend);
}

static size_t vfio_fds(void *backend, struct gl_fd *fds, size_t room)
{
	struct vfio *v = backend;
	struct gl_fd all[] = { { "container", v->container },
			       { "group", v->group },
			       { "device", v->device } };
	size_t count = sizeof(all) / sizeof(all[0]);

	for (size_t i = 0; i < count && i < room; i++)
		fds[i] = all[i];
	return count;
}

/* --- Registers -------------------------------------------------------------------------------------------------------------- */

static volatile uint8_t *mapped(const struct vfio *v, unsigned region, uint32_t offset,
				uint64_t bytes)
{
	if (!v->direct)
		return NULL;
	for (size_t i = 0; i < v->area_count; i++) {
		const struct area *a = &v->areas[i];
		if (a->region == region && offset >= a->offset && bytes <= a->bytes &&
		    offset - a->offset <= a->bytes - bytes)
			return a->data + (offset - a->offset);
	}
	return NULL;
}

static int check_access(struct vfio *v, unsigned region, uint32_t offset, uint64_t bytes,
			unsigned size)
{
	if (size != 1 && size != 2 && size != 4)
		return gl_fail(v->nic, EINVAL, "an access of %u bytes", size);
	if (region >= REGIONS || region == VFIO_PCI_ROM_REGION_INDEX || offset % size ||
	    bytes > v->regions[region].bytes || offset > v->regions[region].bytes - bytes)
		return gl_fail(v->nic, EINVAL, "no place at 0x%x of region %u", offset, region);
	return 0;
}

static int fail_access(struct vfio *v, const char *what, unsigned region, uint32_t offset,
		       int error)
{
	return gl_fail(v->nic, error, "%s: cannot %s 0x%x of region %u: %s", v->address, what,
		       offset, region, strerror(error));
}

static int vfio_read(void *backend, unsigned region, uint32_t offset, unsigned size,
		     uint32_t *value)
{
	struct vfio *v = backend;
	int error = check_access(v, region, offset, size, size);

	*value = ~0u;
	if (error)
		return error;
	if (region == GL_REGION_CONFIG) {
		error = config_access(v, false, offset, size, value);
		return error ? fail_access(v, "read", region, offset, -error) : 0;
	}
	volatile uint8_t *data = mapped(v, region, offset, size);
	if (data) {
		if (size == 1)
			*value = *data;
		else if (size == 2)
			*value = le16toh(*(volatile uint16_t *)data);
		else
			*value = le32toh(*(volatile uint32_t *)data);
		/* What the device wrote before it answered is seen behind the answer. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		return 0;
	}
	uint8_t bytes[4] = { 0 };
	ssize_t done = pread(v->device, bytes, size, (off_t)(v->regions[region].offset + offset));
	if (done != (ssize_t)size)
		return fail_access(v, "read", region, offset, done < 0 ? errno : EIO);
	*value = 0;
	for (unsigned i = 0; i < size; i++)
		*value |= (uint32_t)bytes[i] << (8 * i);
	return 0;
}

static int vfio_write(void *backend, unsigned region, uint32_t offset, unsigned size,
		      uint32_t value)
{
	struct vfio *v = backend;
	int error = check_access(v, region, offset, size, size);

	if (error)
		return error;
	if (region == GL_REGION_CONFIG) {
		error = config_access(v, true, offset, size, &value);
		look_at_command(v);
		return error ? fail_access(v, "write", region, offset, -error) : 0;
	}
	volatile uint8_t *data = mapped(v, region, offset, size);
	if (data) {
		/* The device, told by this write, sees memory as it is now. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (size == 1)
			*data = (uint8_t)value;
		else if (size == 2)
			*(volatile uint16_t *)data = htole16((uint16_t)value);
		else
			*(volatile uint32_t *)data = htole32(value);
		return 0;
	}
	uint8_t bytes[4];
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	ssize_t done = pwrite(v->device, bytes, size, (off_t)(v->regions[region].offset + offset));
	if (done != (ssize_t)size)
		return fail_access(v, "write", region, offset, done < 0 ? errno : EIO);
	return 0;
}

static int vfio_write_block(void *backend, unsigned region, uint32_t offset, const void *data,
			    size_t bytes)
{
	struct vfio *v = backend;
	int error = check_access(v, region, offset, bytes, 4);

	if (!error && (region == GL_REGION_CONFIG || bytes % 4))
		error = gl_fail(v->nic, EINVAL, "a block is words of a BAR");
	for (size_t done = 0; !error && done < bytes; done += 4) {
		uint32_t word;
		memcpy(&word, (const char *)data + done, 4);
		error = vfio_write(v, region, offset + (uint32_t)done, 4, le32toh(word));
	}
	return error;
}

/* --- Memory ------------------------------------------------------------------------------------------------------------------ */

static int remember(struct vfio *v, uint64_t bus, uint64_t bytes)
{
	struct mapping *more = realloc(v->mappings, (v->mapping_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	v->mappings = more;
	v->mappings[v->mapping_count++] = (struct mapping){ bus, bytes };
	return 0;
}

static bool in_range(const struct vfio *v, uint64_t bus, uint64_t bytes)
{
	for (size_t i = 0; i < v->range_count; i++)
		if (bus >= v->ranges[i].first && bus <= v->ranges[i].last &&
		    bytes - 1 <= v->ranges[i].last - bus)
			return true;
	return false;
}

/* The lowest place for so many bytes at `from` or above that the IOMMU translates and nothing of ours is at; 0: none. */
static uint64_t find_place(const struct vfio *v, uint64_t from, uint64_t bytes)
{
	uint64_t align = bytes >= huge_page ? huge_page : v->page;

	for (size_t r = 0; r < v->range_count; r++) {
		const struct range *range = &v->ranges[r];
		uint64_t bus = from > range->first ? from : range->first;
		for (;;) {
			bus = (bus + align - 1) & ~(align - 1);
			if (bus > range->last || bytes - 1 > range->last - bus)
				break;
			uint64_t next = bus;
			for (size_t i = 0; i < v->mapping_count; i++) {
				const struct mapping *m = &v->mappings[i];
				if (bus < m->bus + m->bytes && m->bus < bus + bytes &&
				    m->bus + m->bytes > next)
					next = m->bus + m->bytes;
			}
			if (next == bus)
				return bus;
			bus = next;
		}
	}
	return 0;
}

static int fail_map(struct vfio *v, int error, uint64_t bytes)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	switch (error) {
	case ENOMEM:
		getrlimit(RLIMIT_MEMLOCK, &limit);
		if (limit.rlim_cur != RLIM_INFINITY)
			return gl_fail(v->nic, ENOMEM,
				       "the kernel does not pin %llu KiB for %s: the limit of "
				       "locked memory is %llu KiB "
				       "(`ulimit -l`, LimitMEMLOCK= in a unit)",
				       (unsigned long long)bytes >> 10, v->address,
				       (unsigned long long)limit.rlim_cur >> 10);
		break;
	case ENOSPC:
		return gl_fail(v->nic, ENOSPC,
			       "%s has as many mappings as the kernel allows "
			       "(vfio_iommu_type1.dma_entry_limit)",
			       v->address);
	}
	return gl_fail(v->nic, error, "%s: cannot map %llu KiB of memory for DMA: %s", v->address,
		       (unsigned long long)bytes >> 10, strerror(error));
}

/* Maps fd for the time of a call, or takes `data`. */
static int see_memory(struct vfio *v, int fd, void *data, size_t bytes, void **here)
{
	*here = data;
	if (data)
		return 0;
	*here = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*here == MAP_FAILED)
		return gl_fail(v->nic, errno == EACCES ? EPERM : errno,
			       "cannot map memory to share: %s",
			       errno == EACCES ? "it is read-only" : strerror(errno));
	return 0;
}

static int vfio_dma_map(void *backend, int fd, void *data, size_t bytes, uint64_t *bus)
{
	struct vfio *v = backend;
	void *here;

	if (!bytes || bytes % 4096)
		return gl_fail(v->nic, EINVAL, "memory of %zu bytes, which 4096 does not divide",
			       bytes);
	if (bytes % v->page)
		return gl_fail(v->nic, EINVAL,
			       "memory of %zu bytes, but the IOMMU of %s maps pages of %llu", bytes,
			       v->address, (unsigned long long)v->page);
	int error = see_memory(v, fd, data, bytes, &here);
	if (error)
		return error;

	uint64_t place = *bus;
	if (place % v->page || !in_range(v, place, bytes))
		place = find_place(v, 0, bytes);
	for (;;) {
		if (!place) {
			error = gl_fail(v->nic, ENOSPC,
					"the IOMMU of %s has no addresses left for %zu bytes",
					v->address, bytes);
			break;
		}
		struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
							.flags = VFIO_DMA_MAP_FLAG_READ |
								 VFIO_DMA_MAP_FLAG_WRITE,
							.vaddr = (uintptr_t)here,
							.iova = place,
							.size = bytes };
		if (!ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map)) {
			if (remember(v, place, bytes)) {
				struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
									    .iova = place,
									    .size = bytes };
				ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
				error = gl_fail(v->nic, ENOMEM, "no memory");
			} else {
				*bus = place;
			}
			break;
		}
		if (errno != EEXIST) {
			error = fail_map(v, errno, bytes);
			break;
		}
		/* Something of an earlier process is there: the next place. */
		place = find_place(v, place + v->page, bytes);
	}
	if (!data)
		munmap(here, bytes); /* the pages stay pinned */
	return error;
}

static int vfio_dma_unmap(void *backend, uint64_t bus, size_t bytes)
{
	struct vfio *v = backend;
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
						    .iova = bus,
						    .size = bytes };

	if (ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return fail_ioctl(v, "VFIO_IOMMU_UNMAP_DMA");
	for (size_t i = 0; i < v->mapping_count; i++)
		if (v->mappings[i].bus == bus)
			v->mappings[i--] = v->mappings[--v->mapping_count];
	/* The kernel tells how much it found. */
	if (unmap.size != bytes)
		return gl_fail(v->nic, EINVAL, "%s: no memory of %zu bytes is mapped at 0x%llx",
			       v->address, bytes, (unsigned long long)bus);
	return 0;
}

/*
 * Without an IOMMU the bus address is the physical one. It must not change and must be contiguous, so only pages of hugetlbfs will do: the kernel
 * neither swaps nor migrates them. /proc/self/pagemap has a word per 4 KiB page: bit 63 present, bits 54:0 the frame (0 without CAP_SYS_ADMIN).
 */
static int noiommu_dma_map(void *backend, int fd, void *data, size_t bytes, uint64_t *bus)
{
	struct vfio *v = backend;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct statfs fs;
	void *here;
	uint64_t first = 0;

	if (!bytes || bytes % 4096)
		return gl_fail(v->nic, EINVAL, "memory of %zu bytes, which 4096 does not divide",
			       bytes);
	if (fstatfs(fd, &fs))
		return fail_ioctl(v, "fstatfs");
	if (fs.f_type != HUGETLBFS_MAGIC)
		return gl_fail(v->nic, EINVAL,
			       "without an IOMMU the NIC can only reach memory that stays where it "
			       "is: give huge pages "
			       "(memfd_create with MFD_HUGETLB), and reserve some with sysctl "
			       "vm.nr_hugepages");
	int error = see_memory(v, fd, data, bytes, &here);
	if (error)
		return error;
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0) {
		error = gl_fail(v->nic, errno, "cannot open /proc/self/pagemap: %s",
				strerror(errno));
		goto out;
	}
	for (size_t offset = 0; offset < bytes; offset += page) {
		uint64_t entry = 0;
		volatile char *touch = (char *)here + offset;
		(void)*touch; /* faults it in */
		if (pread(pagemap, &entry, 8, (off_t)(((uintptr_t)touch / page) * 8)) != 8 ||
		    !(entry >> 63)) {
			error = gl_fail(v->nic, EIO, "/proc/self/pagemap does not know the memory");
			goto out;
		}
		uint64_t physical = (entry & ((1ull << 55) - 1)) * page;
		if (!physical) {
			error = gl_fail(
				v->nic, EPERM,
				"/proc/self/pagemap shows addresses only with CAP_SYS_ADMIN");
			goto out;
		}
		if (!offset)
			first = physical;
		if (physical != first + offset) {
			error = gl_fail(v->nic, EINVAL,
					"without an IOMMU memory must be contiguous, but %zu KiB "
					"were got in pieces; the first "
					"has %zu KiB: ask for less at once, or reserve huge pages "
					"when the machine starts (hugepages=)",
					bytes >> 10, offset >> 10);
			goto out;
		}
	}
	*bus = first;
out:
	if (pagemap >= 0)
		close(pagemap);
	if (!data)
		munmap(here, bytes);
	return error;
}

static int noiommu_dma_unmap(void *backend, uint64_t bus, size_t bytes)
{
	(void)backend, (void)bus, (void)bytes;
	return 0;
}

/* --- Interrupts and doorbells -------------------------------------------------------------------------------------------------- */

static unsigned vfio_irq_count(void *backend)
{
	return ((struct vfio *)backend)->irq_total;
}

/* 0, -errno, or how many vectors the kernel could have given. */
static int set_vectors(struct vfio *v, unsigned first, unsigned count)
{
	size_t bytes = sizeof(struct vfio_irq_set) + count * sizeof(int32_t);
	struct vfio_irq_set *set = calloc(1, bytes);

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)bytes;
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		     (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE);
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->start = first;
	set->count = count;
	for (unsigned i = 0; i < count; i++)
		memcpy(set->data + i * sizeof(int32_t), &v->eventfds[first + i], sizeof(int32_t));
	int result = ioctl(v->device, VFIO_DEVICE_SET_IRQS, set);
	if (result < 0)
		result = -errno;
	free(set);
	return result;
}

static int vfio_set_irqs(void *backend, unsigned first, unsigned count, const int *eventfds)
{
	struct vfio *v = backend;
	int result;

	if (!count || first >= v->irq_total || count > v->irq_total - first)
		return gl_fail(v->nic, EINVAL, "%s has no interrupt vectors %u to %u", v->address,
			       first, first + count - 1);
	memcpy(v->eventfds + first, eventfds, count * sizeof(int));
	/* Kernels before 6.5 give all vectors when the first is connected, and none later: ask for all then. */
	if (v->irqs_on) {
		result = set_vectors(v, first, count);
		if (result != -EINVAL)
			goto out;
		result = set_vectors(v, 0, 0);
		if (result)
			goto out;
	}
	result = set_vectors(v, 0, v->irq_total);
out:
	if (result > 0)
		return gl_fail(v->nic, ENOSPC,
			       "%s wants %u interrupt vectors, the kernel has only %d", v->address,
			       v->irq_total, result);
	if (result)
		return gl_fail(v->nic, -result, "%s: cannot connect interrupts: %s", v->address,
			       strerror(-result));
	v->irqs_on = true;
	return 0;
}

static int vfio_write_fd(void *backend, unsigned region, uint32_t offset, uint32_t value, int *fd)
{
	struct vfio *v = backend;
	int error = check_access(v, region, offset, 4, 4);

	if (error)
		return error;
	if (region > VFIO_PCI_BAR5_REGION_INDEX)
		return gl_fail(v->nic, EINVAL, "doorbells are in BARs");
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return gl_fail(v->nic, errno, "no eventfd: %s", strerror(errno));
	struct vfio_device_ioeventfd ring = { .argsz = sizeof(ring),
					      .flags = VFIO_DEVICE_IOEVENTFD_32,
					      .offset = v->regions[region].offset + offset,
					      .data = value,
					      .fd = event };
	int result = ioctl(v->device, VFIO_DEVICE_IOEVENTFD, &ring);
	if (result && errno == EEXIST) {
		/* One that an earlier process made, and whose descriptor is lost. */
		ring.fd = -1;
		ioctl(v->device, VFIO_DEVICE_IOEVENTFD, &ring);
		ring.fd = event;
		result = ioctl(v->device, VFIO_DEVICE_IOEVENTFD, &ring);
	}
	if (result) {
		error = errno;
		close(event);
		if (error == ENOTTY || error == ENODEV || error == EINVAL)
			return gl_fail(v->nic, ENOTSUP, "the kernel has no write eventfds for %s",
				       v->address);
		if (error == ENOSPC)
			return gl_fail(v->nic, ENOSPC,
				       "%s has as many write eventfds as the kernel allows",
				       v->address);
		return gl_fail(v->nic, error, "%s: VFIO_DEVICE_IOEVENTFD: %s", v->address,
			       strerror(error));
	}
	*fd = event;
	return 0;
}

static int vfio_reset(void *backend)
{
	struct vfio *v = backend;
	int result;

	if (!v->can_reset)
		return gl_fail(v->nic, ENOTSUP, "%s has no function reset", v->address);
	/* -EAGAIN: the kernel could not lock the function just now. */
	for (int i = 0; (result = ioctl(v->device, VFIO_DEVICE_RESET)) && errno == EAGAIN; i++) {
		if (i == RESET_TRIES)
			break;
		usleep(10000);
	}
	if (result)
		return fail_ioctl(v, "VFIO_DEVICE_RESET");
	/* The kernel has restored configuration space, the command register with it. */
	look_at_command(v);
	return 0;
}

/* --- Without an IOMMU in a dom0 of Xen: memory, and event channels ------------------------------------------------------------------ */

static int dom0_part(struct gl_nic *nic, struct vfio *v, void **backend)
{
	int error = gl_xen_open(nic, v->address, &v->xen);

	if (!error)
		error = gl_xen_irqs(v->xen, v->address, 0, v->irq_total);
	if (!error)
		*backend = v;
	return error;
}

static int dom0_open(struct gl_nic *nic, const char *address, void **backend)
{
	void *v;
	int error = open_function(nic, address, true, &v);

	if (!error) {
		error = dom0_part(nic, v, backend);
		if (error)
			vfio_close(v);
	}
	return error;
}

static int dom0_adopt(struct gl_nic *nic, const char *address, const struct gl_fd *fds,
		      size_t count, void **backend)
{
	void *adopted;
	int error = adopt_function(nic, address, fds, count, true, &adopted);

	if (error)
		return error;
	struct vfio *v = adopted;
	error = dom0_part(nic, v, backend);
	if (error) {
		/* The descriptors stay the caller's. */
		v->container = v->group = v->device = -1;
		vfio_close(v);
	}
	return error;
}

static int vfio_bar_address(void *backend, unsigned bar, uint64_t *address)
{
	struct vfio *v = backend;
	uint64_t bytes;

	return gl_xen_bar(v->nic, v->address, bar, address, &bytes);
}

static int dom0_pages_new(void *backend, const char *name, size_t count, int *fd, void **data,
			  uint64_t *bus)
{
	return gl_xen_pages_new(((struct vfio *)backend)->xen, name, count, fd, data, bus);
}

static int dom0_pages_find(void *backend, const char *name, size_t count, int fd, void **data,
			   uint64_t *bus)
{
	return gl_xen_pages_find(((struct vfio *)backend)->xen, name, count, fd, data, bus);
}

static int dom0_pages_bus(void *backend, const char *name, size_t count, uint64_t *bus)
{
	return gl_xen_pages_bus(((struct vfio *)backend)->xen, name, count, bus);
}

static int dom0_pages_free(void *backend, const char *name, int fd, void *data, size_t count)
{
	return gl_xen_pages_free(((struct vfio *)backend)->xen, name, fd, data, count);
}

static int dom0_pages_sweep(void *backend)
{
	return gl_xen_pages_sweep(((struct vfio *)backend)->xen);
}

static int dom0_irq_to_guest(void *backend, unsigned vector, int eventfd, unsigned domain,
			     uint32_t port)
{
	struct vfio *v = backend;

	return gl_xen_told(v->xen,
			   glx_irqs_eventfd_to_guest(v->xen->irqs, vector, eventfd, domain, port));
}

static int dom0_irq_to_host(void *backend, unsigned vector)
{
	struct vfio *v = backend;

	return gl_xen_told(v->xen, glx_irqs_drop(v->xen->irqs, vector));
}

static bool dom0_irq_pass(void *backend, unsigned vector)
{
	return glx_irqs_pass(((struct vfio *)backend)->xen->irqs, vector);
}

static uint64_t dom0_irq_passed(void *backend, unsigned vector)
{
	return glx_irqs_count(((struct vfio *)backend)->xen->irqs, vector);
}

static void dom0_leave(void *backend)
{
	gl_xen_leave(((struct vfio *)backend)->xen);
}

const struct gl_backend_ops gl_backend_vfio = {
	.scheme = "vfio",
	.open = vfio_open,
	.adopt = vfio_adopt,
	.close = vfio_close,
	.fds = vfio_fds,
	.read = vfio_read,
	.write = vfio_write,
	.write_block = vfio_write_block,
	.dma_map = vfio_dma_map,
	.dma_unmap = vfio_dma_unmap,
	.set_irqs = vfio_set_irqs,
	.irq_count = vfio_irq_count,
	.write_fd = vfio_write_fd,
	.reset = vfio_reset,
	.bar_address = vfio_bar_address,
};

const struct gl_backend_ops gl_backend_vfio_noiommu = {
	.scheme = "vfio-noiommu",
	.memfd_flags = MFD_HUGETLB,
	.open = noiommu_open,
	.adopt = noiommu_adopt,
	.close = vfio_close,
	.fds = vfio_fds,
	.read = vfio_read,
	.write = vfio_write,
	.write_block = vfio_write_block,
	.dma_map = noiommu_dma_map,
	.dma_unmap = noiommu_dma_unmap,
	.set_irqs = vfio_set_irqs,
	.irq_count = vfio_irq_count,
	.write_fd = vfio_write_fd,
	.reset = vfio_reset,
	.bar_address = vfio_bar_address,
};

const struct gl_backend_ops gl_backend_vfio_noiommu_xen = {
	.scheme = "vfio-noiommu",
	.open = dom0_open,
	.adopt = dom0_adopt,
	.close = vfio_close,
	.fds = vfio_fds,
	.read = vfio_read,
	.write = vfio_write,
	.write_block = vfio_write_block,
	.pages_new = dom0_pages_new,
	.pages_find = dom0_pages_find,
	.pages_bus = dom0_pages_bus,
	.pages_free = dom0_pages_free,
	.pages_sweep = dom0_pages_sweep,
	.set_irqs = vfio_set_irqs,
	.irq_count = vfio_irq_count,
	.write_fd = vfio_write_fd,
	.reset = vfio_reset,
	.bar_address = vfio_bar_address,
	.irq_to_guest = dom0_irq_to_guest,
	.irq_to_host = dom0_irq_to_host,
	.irq_pass = dom0_irq_pass,
	.irq_passed = dom0_irq_passed,
	.leave = dom0_leave,
};
