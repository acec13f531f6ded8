/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dom0 gets from Xen for a NIC: pages that a device can reach, its own and those granted by guests; the device page in a guest; interrupts as event
 * channels. On libxencall, libxenctrl, libxenevtchn, libxengnttab; unmodified Xen, dom0 PV or PVH. Used by the `xen` back end, by the `vfio-noiommu` back
 * end in dom0 (memory), and by glaned.
 *
 * Functions return 0 or a negative errno; glx_error() has a sentence. One handle, one thread, but for what is said of interrupts.
 *
 * The journal is a folder on tmpfs with one file for each set of mappings ("<set>.grants") and one for a function's interrupts. The argument array of the
 * hypercall lies in the file's own pages, so what Xen answers outlives the process, and no handle is ever known to Xen alone.
 */
#ifndef GLX_XEN_H
#define GLX_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glx;

/*
 * -ENODEV: this is not dom0, and the sentence says what it is. `state_dir`: where the journal lies; exists, on tmpfs; -EBUSY: another handle has it (each
 * needs a folder of its own). What a predecessor left half mapped or half unmapped is unmapped first.
 */
int glx_open(struct glx **x, const char *state_dir);
/* What is mapped stays mapped. */
void glx_close(struct glx *x);
const char *glx_error(const struct glx *x); /* NULL: of glx_open in this thread */
/* Whether this is a dom0 at all; no privileges are needed. */
bool glx_is_dom0(void);
bool glx_is_pv(void); /* this domain, not PVH or HVM */
bool glx_dom0_is_pv(const struct glx *x);
/* Lets go of the journal, as a process that dies; the handle is good for glx_close() only. */
void glx_leave(struct glx *x);

/* --- Grant mappings for the device. A set is what one vif or one piece of dom0's memory has; sets have names and outlive the process (journal). --- */

#define GLX_SET_NAME 32 /* with the terminator; letters, digits, '-', '.', '_' */
/*
 * Maps refs of a domain for the device and writes their bus addresses. PV dom0: GNTMAP_device_map only, the bus address is the machine address. PVH dom0:
 * GNTMAP_host_map at guest-physical addresses of dom0 where nothing is, which are the bus addresses. Neither belongs to the process.
 * A reference of 0 is passed over, its bus address is 0. All or nothing. -EEXIST: there is a set with that name. Errors name the reference and Xen's status.
 */
int glx_grants_map(struct glx *x, const char *set, uint32_t domain, const uint32_t *refs,
		   size_t count, bool writable, uint64_t *bus);
/* Nothing may lead there any more: revoke first. Gives back all of a set, also of one that a dead predecessor mapped, wholly or in part. -ENOENT. */
int glx_grants_unmap(struct glx *x, const char *set);
/* Sets there are, for recovery: name, domain, mappings. False: no more. *at is 0 at first. */
bool glx_grants_next(const struct glx *x, size_t *at, char name[GLX_SET_NAME], uint32_t *domain,
		     size_t *count);
/* The bus addresses again, after a restart; -ENOENT. */
int glx_grants_bus(const struct glx *x, const char *set, uint64_t *bus, size_t count);

/* Maps granted pages to be read here (a directory); unmapped with glx_view_close. At most 1024. */
int glx_view(struct glx *x, uint32_t domain, const uint32_t *refs, size_t count, const void **data);
void glx_view_close(struct glx *x, const void *data, size_t count);

/* --- dom0's own pages that the device can reach (gntalloc and, on a PV dom0, a grant mapping to itself) --- */

/*
 * New zeroed pages, mapped shared at *data; bus[i] of each, in general not contiguous. fd keeps them alive and lets a successor map them (offset 0).
 * Journalled as a set of domain 0 under the name. On a PV dom0 the set keeps the pages from being used for anything else, even when all descriptors are closed.
 */
int glx_pages_new(struct glx *x, const char *set, size_t count, int *fd, void **data,
		  uint64_t *bus);
/* A successor's: maps them and checks that fd has the pages of that set. */
int glx_pages_find(struct glx *x, const char *set, size_t count, int fd, void **data,
		   uint64_t *bus);
/* fd is closed. fd -1, data NULL: what a dead predecessor had. */
int glx_pages_free(struct glx *x, const char *set, int fd, void *data, size_t count);

/* --- The device page in a guest --- */

/* Gives the guest permission for one machine page and maps it; *address: guest-physical address (PV: the machine address). */
int glx_page_map(struct glx *x, uint32_t domain, uint64_t machine_address, uint64_t *address);
/*
 * Takes both back; a domain that is gone is no error. 1: the domain is PV and lives. Xen does not look for mappings of device memory in page tables, so a hostile
 * guest may have kept one: the page must not be given to another domain before this one is gone.
 */
int glx_page_unmap(struct glx *x, uint32_t domain, uint64_t machine_address, uint64_t address);

/* --- Interrupts: MSI-X vectors and eventfds in; eventfds and event channels of guests out. The one thread of this library serves them. --- */

struct glx_irqs;
/*
 * For a PCI function ("0000:01:00.0") with so many MSI-X vectors, whose table lies in the BAR at that machine address. The journal remembers what was mapped,
 * so that a successor gives it back first. The caller enables MSI-X when vectors are in use. function NULL: for eventfds only. -ENOTSUP: Xen maps
 * interrupts for user space in a PV dom0 only.
 */
int glx_irqs_open(struct glx *x, const char *function, uint64_t msix_bar, unsigned vectors,
		  struct glx_irqs **irqs);
/* Stops, and leaves the rest to a successor, as a process that dies; good for glx_irqs_close() only, when there is no successor. */
void glx_irqs_leave(struct glx_irqs *irqs);
/* Gives the pirqs back. Before glx_close(). */
void glx_irqs_close(struct glx_irqs *irqs);
/* Vector v writes this eventfd; its pirq is mapped with the first use. -1: none; the pirq is given back. */
int glx_irqs_to_eventfd(struct glx_irqs *irqs, unsigned vector, int eventfd);
/*
 * Vector v is passed on to an event channel of a guest, without waking anything else here, if glx_irqs_to_eventfd() has mapped it; what else is to be passed on
 * comes by glx_irqs_pass(), for a v that the function does not have as well. Signals the channel once, in case one was lost.
 */
int glx_irqs_to_guest(struct glx_irqs *irqs, unsigned vector, uint32_t domain, uint32_t port);
/* The same for an interrupt that comes as an eventfd (VFIO); the eventfd stays the caller's. */
int glx_irqs_eventfd_to_guest(struct glx_irqs *irqs, unsigned vector, int eventfd, uint32_t domain,
			      uint32_t port);
/* As if vector v had come, if it goes to a guest; false: it does not. */
bool glx_irqs_pass(struct glx_irqs *irqs, unsigned vector);
/* Stops passing on to a guest and closes the channel. */
int glx_irqs_drop(struct glx_irqs *irqs, unsigned vector);
/* After a reset of the function: Xen writes its MSI-X table again. */
int glx_irqs_restore(struct glx_irqs *irqs);
/* How often vector v was passed on to guests. */
uint64_t glx_irqs_count(const struct glx_irqs *irqs, unsigned vector);

/* --- Domains --- */
enum glx_type { GLX_PV, GLX_PVH, GLX_HVM };
/* -ENOENT: no such domain; a dying one counts as none, and *dying tells (may be NULL). */
int glx_domain(struct glx *x, uint32_t domain, enum glx_type *type, bool *dying);

#endif
