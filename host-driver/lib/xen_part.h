/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What back ends have from Xen in a dom0: memory, and ways from interrupts to event channels of guests (host-driver/xen). Its journal is in
 * /run/guestlane/xen/<function>, which also keeps a second process out.
 */
#ifndef GL_XEN_PART_H
#define GL_XEN_PART_H

#include "backend.h"
#include "xen.h"

struct gl_xen {
	struct gl_nic *nic;
	struct glx *x;
	struct glx_irqs *irqs;
};

/* For a PCI function. msix_bar 0: interrupts come as eventfds only. */
int gl_xen_open(struct gl_nic *nic, const char *function, struct gl_xen **xen);
int gl_xen_irqs(struct gl_xen *xen, const char *function, uint64_t msix_bar, unsigned vectors);
void gl_xen_close(struct gl_xen *xen);
/* Of tests: as if this process had died. The handle is good for nothing then. */
void gl_xen_leave(struct gl_xen *xen);
int gl_xen_pages_new(struct gl_xen *xen, const char *name, size_t count, int *fd, void **data,
		     uint64_t *bus);
int gl_xen_pages_find(struct gl_xen *xen, const char *name, size_t count, int fd, void **data,
		      uint64_t *bus);
int gl_xen_pages_bus(struct gl_xen *xen, const char *name, size_t count, uint64_t *bus);
int gl_xen_pages_free(struct gl_xen *xen, const char *name, int fd, void *data, size_t count);
int gl_xen_pages_sweep(struct gl_xen *xen);
/* Address and size of a BAR, from sysfs. */
int gl_xen_bar(struct gl_nic *nic, const char *function, unsigned bar, uint64_t *address,
	       uint64_t *bytes);
/* An error of host-driver/xen becomes the NIC's. */
int gl_xen_told(const struct gl_xen *xen, int error);

#endif
