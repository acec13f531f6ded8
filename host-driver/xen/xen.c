// SPDX-License-Identifier: Apache-2.0
// The handle: opening, what domains there are, device pages in guests.
#define _GNU_SOURCE
#include "glx.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xencall.h>
#include <xenctrl.h>

#define GIB 0x40000000ull

static _Thread_local char thread_error[256] = "no error";

/* --- Errors --------------------------------------------------------------------------------------------------------------------- */

int glx_fail(struct glx *x, int error, const char *format, ...)
{
	char text[sizeof(x->error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args); /* arguments may be the old text */
	va_end(args);
	memcpy(x ? x->error : thread_error, text, sizeof(text));
	return error < 0 ? error : -error;
}

const char *glx_error(const struct glx *x)
{
	return x ? x->error : thread_error;
}

/* --- What this machine is ----------------------------------------------------------------------------------------------------------- */

/* First word of a small file, "" if there is none. */
static void read_word(const char *path, char *word, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, word, room - 1);

	if (fd >= 0)
		close(fd);
	word[n > 0 ? n : 0] = 0;
	word[strcspn(word, " \n")] = 0;
}

bool glx_is_dom0(void)
{
	char type[32], uuid[40];

	read_word("/sys/hypervisor/type", type, sizeof(type));
	read_word("/sys/hypervisor/uuid", uuid, sizeof(uuid));
	return !strcmp(type, "xen") && !strcmp(uuid, "00000000-0000-0000-0000-000000000000");
}

bool glx_is_pv(void)
{
	char type[32];

	read_word("/sys/hypervisor/guest_type", type, sizeof(type));
	return !strcmp(type, "PV");
}

bool glx_dom0_is_pv(const struct glx *x)
{
	return x->pv;
}

uint64_t glx_physical(const void *at)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	/* A word for each page: bit 63 present, bits 54:0 the frame. */
	if (fd < 0)
		return 0;
	*(volatile const char *)at;
	if (pread(fd, &entry, 8, (off_t)((uintptr_t)at / GLX_PAGE * 8)) != 8 || !(entry >> 63))
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * GLX_PAGE;
}

/*
 * Where a PVH dom0 has nothing, as far as every IOMMU reaches: the upper half of the largest gap in /proc/iomem between 4 GiB and 2^39. The kernel takes
 * addresses for its own purposes from below.
 */
static int find_window(struct glx *x)
{
	uint64_t limit = 1ull << 39, from = 4 * GIB, best = 0, start, end;
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	for (unsigned bits; f && fgets(line, sizeof(line), f);)
		if (sscanf(line, "address sizes : %u bits physical", &bits) == 1 && bits < 39)
			limit = 1ull << bits;
	if (f)
		fclose(f);
	f = fopen("/proc/iomem", "re");
	while (f && from < limit) {
		/* Entries of the first level are sorted; those below begin with blanks. */
		bool more = fgets(line, sizeof(line), f);
		if (more && (line[0] == ' ' || sscanf(line, "%lx-%lx", (unsigned long *)&start,
						      (unsigned long *)&end) != 2))
			continue;
		uint64_t to = !more || start > limit ? limit : start;
		if (to > from && to - from > best) {
			best = to - from;
			x->window = from + best / 2;
			x->window_end = to;
		}
		if (!more)
			break;
		if (end >= from)
			from = end + 1;
	}
	if (f)
		fclose(f);
	x->window = (x->window + GIB - 1) / GIB * GIB;
	if (x->window && x->window < x->window_end)
		return 0;
	return glx_fail(x, ENOSPC, "found no unused physical addresses in /proc/iomem");
}

/* --- Open, close --------------------------------------------------------------------------------------------------------------------- */

int glx_open(struct glx **out, const char *state_dir)
{
	int error;

	*out = NULL;
	if (!glx_is_dom0())
		return glx_fail(
			NULL, ENODEV,
			"this is not the dom0 of a Xen (/sys/hypervisor/uuid is not that of "
			"domain 0)");
	struct glx *x = calloc(1, sizeof(*x));
	if (!x)
		return glx_fail(NULL, ENOMEM, "no memory");
	x->lock = -1;
	x->pv = glx_is_pv();
	snprintf(x->error, sizeof(x->error), "no error");
	x->call = xencall_open(NULL, 0);
	x->xc = x->call ? xc_interface_open(NULL, NULL, 0) : NULL;
	if (!x->xc) {
		error = glx_fail(x, errno ? errno : ENODEV, "cannot talk to Xen: %s%s",
				 strerror(errno),
				 errno == ENOENT ? " (is there a /dev/xen/privcmd?)" : "");
		goto out;
	}
	error = x->pv ? 0 : find_window(x);
	if (!error)
		error = glx_journal_open(x, state_dir);
	if (!error)
		error = glx_grants_recover(x);
out:
	if (error) {
		glx_fail(NULL, error, "%s", x->error);
		glx_close(x);
		return error;
	}
	*out = x;
	return 0;
}

void glx_leave(struct glx *x)
{
	if (x->lock >= 0)
		close(x->lock);
	x->lock = -1;
}

void glx_close(struct glx *x)
{
	if (!x)
		return;
	glx_grants_close(x);
	glx_journal_close(x);
	if (x->xc)
		xc_interface_close(x->xc);
	if (x->call)
		xencall_close(x->call);
	free(x);
}

/* --- Domains -------------------------------------------------------------------------------------------------------------------------- */

static int look(struct glx *x, uint32_t domain, xc_domaininfo_t *info)
{
	int n = xc_domain_getinfolist(x->xc, domain, 1, info);

	if (n < 0)
		return glx_fail(x, errno, "cannot ask Xen for domain %u: %s", domain,
				strerror(errno));
	if (!n || info->domain != domain)
		return glx_fail(x, ENOENT, "there is no domain %u", domain);
	return 0;
}

int glx_domain(struct glx *x, uint32_t domain, enum glx_type *type, bool *dying)
{
	xc_domaininfo_t info;
	int error = look(x, domain, &info);
	bool dies = !error && (info.flags & XEN_DOMINF_dying);

	if (dying)
		*dying = dies;
	if (error)
		return error;
	if (type)
		*type = !(info.flags & XEN_DOMINF_hvm_guest)			? GLX_PV
			: info.arch_config.emulation_flags & ~XEN_X86_EMU_LAPIC ? GLX_HVM
										: GLX_PVH;
	return dies ? glx_fail(x, ENOENT, "domain %u is dying", domain) : 0;
}

/* --- The device page in a guest ---------------------------------------------------------------------------------------------------------- */

/*
 * Below 4 GiB, in the hole that guests' memory leaves from 0xfc000000 (PVH) or 0xf0000000 (HVM) on, between ACPI's tables and the I/O APIC: what lies
 * higher than a guest's memory would make xl save and migrate look at every page up to there, for Xen forgets no highest page. Pages of two NICs
 * get different addresses as far as that is possible.
 */
static uint64_t choose_address(uint64_t machine_address)
{
	uint64_t frame = machine_address / GLX_PAGE;

	return 0xfe000000 + ((frame ^ frame >> 11 ^ frame >> 22) & 0x7ff) * GLX_PAGE;
}

int glx_page_map(struct glx *x, uint32_t domain, uint64_t machine_address, uint64_t *address)
{
	enum glx_type type;
	unsigned long frame = (unsigned long)(machine_address / GLX_PAGE);
	int error = glx_domain(x, domain, &type, NULL);

	if (error)
		return error;
	if (!domain || machine_address % GLX_PAGE)
		return glx_fail(x, EINVAL, "no page of a guest: domain %u, address 0x%llx", domain,
				(unsigned long long)machine_address);
	*address = type == GLX_PV ? machine_address : choose_address(machine_address);
	if (xc_domain_iomem_permission(x->xc, domain, frame, 1, 1))
		return glx_fail(x, errno, "Xen does not permit domain %u the page 0x%llx: %s",
				domain, (unsigned long long)machine_address, strerror(errno));
	if (!xc_domain_memory_mapping(x->xc, domain, (unsigned long)(*address / GLX_PAGE), frame, 1,
				      DPCI_ADD_MAPPING))
		return 0;
	error = glx_fail(x, errno, "Xen does not map the page 0x%llx at 0x%llx of domain %u: %s",
			 (unsigned long long)machine_address, (unsigned long long)*address, domain,
			 strerror(errno));
	xc_domain_iomem_permission(x->xc, domain, frame, 1, 0);
	return error;
}

int glx_page_unmap(struct glx *x, uint32_t domain, uint64_t machine_address, uint64_t address)
{
	unsigned long frame = (unsigned long)(machine_address / GLX_PAGE);
	enum glx_type type;
	int error = glx_domain(x, domain, &type, NULL);

	/* What is gone, or is on its way, has nothing. */
	if (error == -ENOENT)
		return 0;
	if (error)
		return error;
	if ((xc_domain_memory_mapping(x->xc, domain, (unsigned long)(address / GLX_PAGE), frame, 1,
				      DPCI_REMOVE_MAPPING) ||
	     xc_domain_iomem_permission(x->xc, domain, frame, 1, 0)) &&
	    errno != ESRCH)
		return glx_fail(x, errno, "Xen does not take the page 0x%llx from domain %u: %s",
				(unsigned long long)machine_address, domain, strerror(errno));
	return type == GLX_PV;
}
