// SPDX-License-Identifier: Apache-2.0
// In place of host-driver/xen in a build without it: there is no Xen to serve.
#include "guestlane.h"
#include "xen.h"

#include <errno.h>

int glx_open(struct glx **x, const char *state_dir)
{
	(void)state_dir;
	*x = NULL;
	return -ENODEV;
}

void glx_close(struct glx *x)
{
	(void)x;
}

const char *glx_error(const struct glx *x)
{
	(void)x;
	return "this program was built without what reaches Xen (host-driver/xen)";
}

bool glx_is_dom0(void)
{
	return false;
}

/* Without a handle nobody calls these. */
#define NEVER_CALLED(name, ...) \
	int name(__VA_ARGS__)   \
	{                       \
		return -ENODEV; \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
NEVER_CALLED(glx_grants_map, struct glx *x, const char *set, uint32_t domain, const uint32_t *refs,
	     size_t count, bool writable, uint64_t *bus)
NEVER_CALLED(glx_grants_unmap, struct glx *x, const char *set)
NEVER_CALLED(glx_view, struct glx *x, uint32_t domain, const uint32_t *refs, size_t count,
	     const void **data)
NEVER_CALLED(glx_page_map, struct glx *x, uint32_t domain, uint64_t machine, uint64_t *address)
NEVER_CALLED(glx_page_unmap, struct glx *x, uint32_t domain, uint64_t machine, uint64_t address)
NEVER_CALLED(glx_domain, struct glx *x, uint32_t domain, enum glx_type *type, bool *dying)
NEVER_CALLED(gl_page_address, struct gl_nic *nic, unsigned context, uint64_t *address)
NEVER_CALLED(gl_map_pages, struct gl_nic *nic, unsigned context, uint64_t guest,
	     const uint64_t *bus, size_t count, unsigned flags)
NEVER_CALLED(gl_irq_to_guest, struct gl_nic *nic, unsigned context, unsigned domain, uint32_t port)
NEVER_CALLED(gl_irq_to_host, struct gl_nic *nic, unsigned context)

uint64_t gl_irq_passed(const struct gl_nic *nic, unsigned context)
{
	(void)nic;
	(void)context;
	return 0;
}

bool glx_grants_next(const struct glx *x, size_t *at, char name[GLX_SET_NAME], uint32_t *domain,
		     size_t *count)
{
	(void)x;
	(void)at;
	(void)name;
	(void)domain;
	(void)count;
	return false;
}

void glx_view_close(struct glx *x, const void *data, size_t count)
{
	(void)x;
	(void)data;
	(void)count;
}
