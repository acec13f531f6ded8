// SPDX-License-Identifier: Apache-2.0
/*
 * The back end `xen`: a PCI function that no driver of the dom0 kernel has. BARs and configuration space through sysfs (resourceN, config), memory by grants,
 * interrupts as pirqs and event channels (host-driver/xen). Nothing but memory has descriptors that outlive the process: what else there is, is found again.
 */
#define _GNU_SOURCE
#include "xen_part.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSFS "/sys/bus/pci/devices"
#define STATE "/run/guestlane/xen"

enum {
	ADDRESS_CHARS = 12, /* 0000:01:00.0 */
	BARS = 6,
	CAPABILITIES_MAX = 48,
	CONFIG_BYTES = 4096,
};

/* --- What every back end in a dom0 has ------------------------------------------------------------------------------------------- */

int gl_xen_told(const struct gl_xen *xen, int error)
{
	return error ? gl_fail(xen->nic, error, "%s", glx_error(xen->x)) : 0;
}

static int make_folder(struct gl_nic *nic, const char *function, char path[96])
{
	static const char *const parents[] = { "/run/guestlane", STATE };

	snprintf(path, 96, STATE "/%.*s", ADDRESS_CHARS, function);
	for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++)
		mkdir(parents[i], i ? 0700 : 0755);
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	return gl_fail(nic, errno, "cannot make the folder %s: %s", path, strerror(errno));
}

int gl_xen_open(struct gl_nic *nic, const char *function, struct gl_xen **out)
{
	char path[96];
	struct gl_xen *xen = NULL;
	int error;

	*out = NULL;
	if (!glx_is_dom0())
		return gl_fail(nic, ENODEV, "this is not the dom0 of a Xen");
	error = make_folder(nic, function, path);
	if (error)
		return error;
	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return gl_fail(nic, ENOMEM, "no memory");
	xen->nic = nic;
	error = glx_open(&xen->x, path);
	if (error) {
		if (error == -EBUSY)
			gl_fail(nic, EBUSY, "%s belongs to another process (%s)", function,
				glx_error(NULL));
		else
			gl_fail(nic, error, "%s", glx_error(NULL));
		free(xen);
		return error;
	}
	*out = xen;
	return 0;
}

int gl_xen_irqs(struct gl_xen *xen, const char *function, uint64_t msix_bar, unsigned vectors)
{
	return gl_xen_told(xen, glx_irqs_open(xen->x, msix_bar ? function : NULL, msix_bar, vectors,
					      &xen->irqs));
}

void gl_xen_close(struct gl_xen *xen)
{
	if (!xen)
		return;
	glx_irqs_close(xen->irqs);
	glx_close(xen->x);
	free(xen);
}

void gl_xen_leave(struct gl_xen *xen)
{
	glx_irqs_leave(xen->irqs);
	glx_leave(xen->x);
}

int gl_xen_pages_new(struct gl_xen *xen, const char *name, size_t count, int *fd, void **data,
		     uint64_t *bus)
{
	return gl_xen_told(xen, glx_pages_new(xen->x, name, count, fd, data, bus));
}

int gl_xen_pages_find(struct gl_xen *xen, const char *name, size_t count, int fd, void **data,
		      uint64_t *bus)
{
	return gl_xen_told(xen, glx_pages_find(xen->x, name, count, fd, data, bus));
}

int gl_xen_pages_bus(struct gl_xen *xen, const char *name, size_t count, uint64_t *bus)
{
	return glx_grants_bus(xen->x, name, bus, count);
}

int gl_xen_pages_free(struct gl_xen *xen, const char *name, int fd, void *data, size_t count)
{
	return gl_xen_told(xen, glx_pages_free(xen->x, name, fd, data, count));
}

int gl_xen_pages_sweep(struct gl_xen *xen)
{
	char name[GLX_SET_NAME];
	uint32_t domain;
	size_t count, at = 0;
	int error = 0;

	while (!error && glx_grants_next(xen->x, &at, name, &domain, &count)) {
		error = glx_pages_free(xen->x, name, -1, NULL, count);
		at = 0;
	}
	return gl_xen_told(xen, error);
}

int gl_xen_bar(struct gl_nic *nic, const char *function, unsigned bar, uint64_t *address,
	       uint64_t *bytes)
{
	char path[96];
	unsigned long long first = 0, last = 0, flags = 0;

	snprintf(path, sizeof(path), SYSFS "/%.*s/resource", ADDRESS_CHARS, function);
	FILE *f = fopen(path, "re");
	for (unsigned i = 0; f && i <= bar; i++)
		if (fscanf(f, "%llx %llx %llx", &first, &last, &flags) != 3)
			first = last = 0;
	if (f)
		fclose(f);
	if (!first || last <= first)
		return gl_fail(nic, ENODEV, "%s has no memory BAR %u (%s)", function, bar, path);
	*address = first;
	*bytes = last - first + 1;
	return 0;
}

/* --- The function ------------------------------------------------------------------------------------------------------------------- */

struct xen {
	struct gl_nic *nic;
	struct gl_xen *part;
	char address[ADDRESS_CHARS + 1];
	int config;
	struct {
		volatile uint8_t *data; /* of BARs 0 and 2 */
		uint64_t bytes;
	} bar[BARS];
	unsigned msix; /* offset of the capability */
	unsigned vectors;
	bool irqs_on;
};

static int config_access(struct xen *v, bool write, uint32_t offset, unsigned size, uint32_t *value)
{
	uint8_t bytes[4];

	if (offset > CONFIG_BYTES - size)
		return -EINVAL;
	for (unsigned i = 0; i < size; i++)
		bytes[i] = (uint8_t)(*value >> (8 * i));
	ssize_t done = write ? pwrite(v->config, bytes, size, (off_t)offset)
			     : pread(v->config, bytes, size, (off_t)offset);
	if (done != (ssize_t)size)
		return done < 0 ? -errno : -EIO;
	if (!write) {
		*value = 0;
		for (unsigned i = 0; i < size; i++)
			*value |= (uint32_t)bytes[i] << (8 * i);
	}
	return 0;
}

static int find_msix(struct xen *v, uint64_t *bar)
{
	uint32_t status = 0, next = 0, header = 0, table = 0;
	uint64_t bytes;

	if (!config_access(v, false, PCI_STATUS, 2, &status) && status & PCI_STATUS_CAP_LIST)
		config_access(v, false, PCI_CAPABILITY_LIST, 1, &next);
	for (int i = 0; i < CAPABILITIES_MAX && (next &= ~3u) >= PCI_STD_HEADER_SIZEOF; i++) {
		if (config_access(v, false, next, 4, &header))
			break;
		if ((header & 0xff) == PCI_CAP_ID_MSIX) {
			v->msix = next;
			break;
		}
		next = header >> 8 & 0xff;
	}
	if (!v->msix || config_access(v, false, v->msix + PCI_MSIX_TABLE, 4, &table))
		return gl_fail(v->nic, EPROTO, "%s has no MSI-X: not a Guestlane NIC", v->address);
	v->vectors = (header >> 16 & PCI_MSIX_FLAGS_QSIZE) + 1;
	return gl_xen_bar(v->nic, v->address, table & PCI_MSIX_TABLE_BIR, bar, &bytes);
}

static int set_msix(struct xen *v)
{
	uint32_t control = 0;
	int error = config_access(v, false, v->msix + PCI_MSIX_FLAGS, 2, &control);

	control = (control | PCI_MSIX_FLAGS_ENABLE) & ~(uint32_t)PCI_MSIX_FLAGS_MASKALL;
	if (!error)
		error = config_access(v, true, v->msix + PCI_MSIX_FLAGS, 2, &control);
	return error ? gl_fail(v->nic, error, "%s: cannot enable MSI-X: %s", v->address,
			       strerror(-error))
		     : 0;
}

static int map_bar(struct xen *v, unsigned bar)
{
	char path[96];
	uint64_t address, bytes;
	int error = gl_xen_bar(v->nic, v->address, bar, &address, &bytes);

	if (error)
		return error;
	snprintf(path, sizeof(path), SYSFS "/%s/resource%u", v->address, bar);
	int fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return gl_fail(v->nic, errno, "cannot open %s: %s", path, strerror(errno));
	void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	error = data == MAP_FAILED ? errno : 0;
	close(fd);
	if (error)
		return gl_fail(v->nic, error, "cannot map %s: %s", path, strerror(error));
	/* A child that is forked later has no business there. */
	madvise(data, bytes, MADV_DONTFORK);
	v->bar[bar].data = data;
	v->bar[bar].bytes = bytes;
	return 0;
}

static bool is_address(const char *text)
{
	static const char form[] = "xxxx:xx:xx.d";

	for (int i = 0; i <= ADDRESS_CHARS; i++) {
		if (form[i] == 'x'   ? !isxdigit((unsigned char)text[i])
		    : form[i] == 'd' ? text[i] < '0' || text[i] > '7'
				     : text[i] != form[i])
			return false;
	}
	return true;
}

static int check_driver(struct xen *v)
{
	char path[96], target[PATH_MAX];

	snprintf(path, sizeof(path), SYSFS "/%s", v->address);
	if (access(path, F_OK))
		return gl_fail(v->nic, ENODEV,
			       "there is no PCI function %s; `lspci -D` lists those that exist",
			       v->address);
	snprintf(path, sizeof(path), SYSFS "/%s/driver", v->address);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return 0;
	target[n] = 0;
	const char *name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	return gl_fail(v->nic, EBUSY, "%s is bound to %s: echo %s > " SYSFS "/%s/driver/unbind",
		       v->address, name, v->address, v->address);
}

static void xen_close(void *backend)
{
	struct xen *v = backend;

	gl_xen_close(v->part);
	for (unsigned i = 0; i < BARS; i++)
		if (v->bar[i].data)
			munmap((void *)v->bar[i].data, v->bar[i].bytes);
	if (v->config >= 0)
		close(v->config);
	free(v);
}

static int look_at(struct gl_nic *nic, const char *address, void **backend)
{
	char path[96];
	uint64_t msix_bar;
	uint32_t command = 0;

	if (!is_address(address))
		return gl_fail(nic, EINVAL, "\"%s\" is not a PCI address such as 0000:01:00.0",
			       address);
	struct xen *v = calloc(1, sizeof(*v));
	if (!v)
		return gl_fail(nic, ENOMEM, "no memory");
	v->nic = nic;
	v->config = -1;
	for (int i = 0; i < ADDRESS_CHARS; i++)
		v->address[i] = (char)tolower((unsigned char)address[i]);
	int error = glx_is_dom0() && !glx_is_pv()
			    ? gl_fail(nic, ENOTSUP,
				      "this dom0 is PVH, where Xen gives no interrupts to "
				      "programs; use vfio-noiommu:%s (make vfio-noiommu)",
				      v->address)
			    : check_driver(v);
	if (!error)
		error = gl_xen_open(nic, v->address, &v->part);
	if (error)
		goto out;
	snprintf(path, sizeof(path), SYSFS "/%s/config", v->address);
	v->config = open(path, O_RDWR | O_CLOEXEC);
	if (v->config < 0) {
		error = gl_fail(nic, errno, "cannot open %s: %s", path, strerror(errno));
		goto out;
	}
	error = config_access(v, false, PCI_COMMAND, 2, &command);
	command |= PCI_COMMAND_MEMORY;
	if (!error)
		error = config_access(v, true, PCI_COMMAND, 2, &command);
	if (error) {
		gl_fail(nic, error, "%s: no access to configuration space: %s", v->address,
			strerror(-error));
		goto out;
	}
	error = map_bar(v, GL_BAR0);
	if (!error)
		error = map_bar(v, GL_BAR2);
	if (!error)
		error = find_msix(v, &msix_bar);
	if (!error)
		error = gl_xen_irqs(v->part, v->address, msix_bar, v->vectors);
out:
	if (error)
		xen_close(v);
	else
		*backend = v;
	return error;
}

static int xen_open(struct gl_nic *nic, const char *address, void **backend)
{
	return look_at(nic, address, backend);
}

static int xen_adopt(struct gl_nic *nic, const char *address, const struct gl_fd *fds, size_t count,
		     void **backend)
{
	(void)fds, (void)count;
	return look_at(nic, address, backend);
}

static size_t xen_fds(void *backend, struct gl_fd *fds, size_t room)
{
	(void)backend, (void)fds, (void)room;
	return 0;
}

/* --- Registers ------------------------------------------------------------------------------------------------------------------------ */

static volatile uint8_t *place(struct xen *v, unsigned region, uint32_t offset, uint64_t bytes)
{
	if (region < BARS && v->bar[region].data && bytes <= v->bar[region].bytes &&
	    offset <= v->bar[region].bytes - bytes)
		return v->bar[region].data + offset;
	gl_fail(v->nic, EINVAL, "no place at 0x%x of region %u", offset, region);
	return NULL;
}

static int xen_read(void *backend, unsigned region, uint32_t offset, unsigned size, uint32_t *value)
{
	struct xen *v = backend;

	if (region == GL_REGION_CONFIG) {
		int error = config_access(v, false, offset, size, value);
		return error ? gl_fail(v->nic, error, "%s: cannot read 0x%x of configuration space",
				       v->address, offset)
			     : 0;
	}
	volatile uint8_t *data = place(v, region, offset, size);
	if (!data)
		return -EINVAL;
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

static int xen_write(void *backend, unsigned region, uint32_t offset, unsigned size, uint32_t value)
{
	struct xen *v = backend;

	if (region == GL_REGION_CONFIG) {
		int error = config_access(v, true, offset, size, &value);
		return error ? gl_fail(v->nic, error,
				       "%s: cannot write 0x%x of configuration space", v->address,
				       offset)
			     : 0;
	}
	volatile uint8_t *data = place(v, region, offset, size);
	if (!data)
		return -EINVAL;
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

static int xen_write_block(void *backend, unsigned region, uint32_t offset, const void *data,
			   size_t bytes)
{
	struct xen *v = backend;

	if (offset % 4 || bytes % 4 || !place(v, region, offset, bytes))
		return gl_fail(v->nic, EINVAL, "a block is words of a BAR");
	for (size_t done = 0; done < bytes; done += 4) {
		uint32_t word;
		memcpy(&word, (const char *)data + done, 4);
		xen_write(v, region, offset + (uint32_t)done, 4, le32toh(word));
	}
	return 0;
}

static int xen_bar_address(void *backend, unsigned bar, uint64_t *address)
{
	struct xen *v = backend;
	uint64_t bytes;

	return gl_xen_bar(v->nic, v->address, bar, address, &bytes);
}

/* Resets the function; the kernel restores what it knows of configuration space, Xen the MSI-X table. */
static int xen_reset(void *backend)
{
	struct xen *v = backend;
	char path[96];
	int error = 0;

	snprintf(path, sizeof(path), SYSFS "/%s/reset", v->address);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return gl_fail(v->nic, ENOTSUP, "%s has no function reset", v->address);
	if (write(fd, "1", 1) != 1)
		error = gl_fail(v->nic, errno, "%s: the function reset failed: %s", v->address,
				strerror(errno));
	close(fd);
	if (!error && v->irqs_on) {
		uint32_t command = PCI_COMMAND_MEMORY;
		config_access(v, true, PCI_COMMAND, 2, &command);
		error = gl_xen_told(v->part, glx_irqs_restore(v->part->irqs));
		if (!error)
			error = set_msix(v);
	}
	return error;
}

/* --- Interrupts ----------------------------------------------------------------------------------------------------------------------- */

static unsigned xen_irq_count(void *backend)
{
	return ((struct xen *)backend)->vectors;
}

static int xen_set_irqs(void *backend, unsigned first, unsigned count, const int *eventfds)
{
	struct xen *v = backend;
	int error = 0;

	if (!count || first >= v->vectors || count > v->vectors - first)
		return gl_fail(v->nic, EINVAL, "%s has no interrupt vectors %u to %u", v->address,
			       first, first + count - 1);
	for (unsigned i = 0; i < count && !error; i++) {
		error = glx_irqs_to_eventfd(v->part->irqs, first + i, eventfds[i]);
		/* Xen's vectors are those of its processors, some 200 each, for all devices; it says EINVAL when there is none. */
		if (error && first + i > 1)
			return gl_fail(v->nic, ENOSPC,
				       "%s has %u interrupt vectors, and Xen has room for %u: %s",
				       v->address, v->vectors, first + i, glx_error(v->part->x));
	}
	/* What Xen has of vectors that are not used is for others. */
	for (unsigned i = first + count; i < v->vectors && !first && !error; i++)
		error = glx_irqs_to_eventfd(v->part->irqs, i, -1);
	if (error)
		return gl_xen_told(v->part, error);
	v->irqs_on = true;
	return set_msix(v);
}

/* Mapped by set_irqs; in bit-vector mode it is not. */
static int xen_irq_to_guest(void *backend, unsigned vector, int eventfd, unsigned domain,
			    uint32_t port)
{
	struct xen *v = backend;

	(void)eventfd;
	return gl_xen_told(v->part, glx_irqs_to_guest(v->part->irqs, vector, domain, port));
}

static int xen_irq_to_host(void *backend, unsigned vector)
{
	struct xen *v = backend;

	return gl_xen_told(v->part, glx_irqs_drop(v->part->irqs, vector));
}

static bool xen_irq_pass(void *backend, unsigned vector)
{
	return glx_irqs_pass(((struct xen *)backend)->part->irqs, vector);
}

static uint64_t xen_irq_passed(void *backend, unsigned vector)
{
	return glx_irqs_count(((struct xen *)backend)->part->irqs, vector);
}

/* --- Memory --------------------------------------------------------------------------------------------------------------------------- */

static int xen_pages_new(void *backend, const char *name, size_t count, int *fd, void **data,
			 uint64_t *bus)
{
	return gl_xen_pages_new(((struct xen *)backend)->part, name, count, fd, data, bus);
}

static int xen_pages_find(void *backend, const char *name, size_t count, int fd, void **data,
			  uint64_t *bus)
{
	return gl_xen_pages_find(((struct xen *)backend)->part, name, count, fd, data, bus);
}

static int xen_pages_bus(void *backend, const char *name, size_t count, uint64_t *bus)
{
	return gl_xen_pages_bus(((struct xen *)backend)->part, name, count, bus);
}

static int xen_pages_free(void *backend, const char *name, int fd, void *data, size_t count)
{
	return gl_xen_pages_free(((struct xen *)backend)->part, name, fd, data, count);
}

static int xen_pages_sweep(void *backend)
{
	return gl_xen_pages_sweep(((struct xen *)backend)->part);
}

static void xen_leave(void *backend)
{
	gl_xen_leave(((struct xen *)backend)->part);
}

const struct gl_backend_ops gl_backend_xen = {
	.scheme = "xen",
	.open = xen_open,
	.adopt = xen_adopt,
	.close = xen_close,
	.fds = xen_fds,
	.read = xen_read,
	.write = xen_write,
	.write_block = xen_write_block,
	.set_irqs = xen_set_irqs,
	.irq_count = xen_irq_count,
	.irqs_end = true,
	.reset = xen_reset,
	.bar_address = xen_bar_address,
	.pages_new = xen_pages_new,
	.pages_find = xen_pages_find,
	.pages_bus = xen_pages_bus,
	.pages_free = xen_pages_free,
	.pages_sweep = xen_pages_sweep,
	.irq_to_guest = xen_irq_to_guest,
	.irq_to_host = xen_irq_to_host,
	.irq_pass = xen_irq_pass,
	.irq_passed = xen_irq_passed,
	.leave = xen_leave,
};
