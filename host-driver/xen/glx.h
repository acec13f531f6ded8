/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of host-driver/xen share: the handle, and the journal. xen.c opens, asks for domains and maps device pages, journal.c keeps files,
 * grants.c maps granted pages and dom0's own, irqs.c has interrupts.
 */
#ifndef GLX_H
#define GLX_H

#include "xen.h"

#include <assert.h>
/* Xen's headers refuse unnamed unions in what does not call itself GNU C; C11 has them. */
#undef __STRICT_ANSI__
#include <xenctrl.h>
#include <xen/grant_table.h>

#define GLX_PAGE 4096u

struct xencall_handle;
struct xc_interface_core;
struct xengntdev_handle;
struct glx_set;

struct glx {
	char error[256];
	int lock; /* descriptor of the folder, locked */
	char folder[200];
	char boot[40];
	bool pv;
	struct xencall_handle *call;
	struct xc_interface_core *xc;
	struct xengntdev_handle *gnttab; /* for views; opened with the first */
	struct glx_set **sets;
	size_t set_count;
	uint64_t window, window_end; /* PVH: guest-physical addresses of dom0 where nothing is */
};

/* Stores the sentence and gives -error back. x NULL: for glx_error(NULL). */
int glx_fail(struct glx *x, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Physical address of a page that is mapped here (/proc/self/pagemap); 0: not known. On a PV dom0 it is pseudo-physical, no machine address. */
uint64_t glx_physical(const void *at);

/* --- journal.c --- */

/* Values of `status` in the arrays that Xen, whose errors are negative, does not write: to be done; nothing to do here; nothing but an address. */
enum { GLX_TODO = 1, GLX_HOLE = 2, GLX_ADDRESS = 3 };
enum glx_set_state { GLX_MAPPING = 1, GLX_LIVE, GLX_UNMAPPING };

#define GLX_MAGIC   0x4a584c47u /* "GLXJ" */
#define GLX_VERSION 1u

/* First page of a file. */
struct glx_head {
	uint32_t magic, version;
	char boot[40]; /* Xen forgets everything with a restart */
	char name[GLX_SET_NAME];
	uint32_t domain, count;
	uint32_t writable;
	uint32_t reserved;
	uint64_t identity; /* of dom0's own pages: physical address of the first; 0: a guest's */
	uint64_t address;  /* PVH: bus address of the first page */
	uint32_t check;	   /* of all before this */
	uint32_t state;	   /* enum glx_set_state */
};
static_assert(sizeof(struct glx_head) == 120, "head of a journal file");
static_assert(sizeof(struct gnttab_map_grant_ref) == 32, "argument of GNTTABOP_map_grant_ref");
static_assert(sizeof(struct gnttab_unmap_grant_ref) == 24, "argument of GNTTABOP_unmap_grant_ref");

struct glx_set {
	struct glx_head *head;
	struct gnttab_map_grant_ref *map;
	struct gnttab_unmap_grant_ref *unmap;
	size_t bytes; /* of the file */
};

/* A file of so many bytes, zeroed, mapped and locked in memory, under a name that counts for nothing yet. */
int glx_file_new(struct glx *x, const char *name, size_t bytes, void **data);
/* The same of one that exists: *bytes of it. */
int glx_file_open(struct glx *x, const char *name, size_t *bytes, void **data);
/* From now on it counts. */
int glx_file_commit(struct glx *x, const char *name);
int glx_file_remove(struct glx *x, const char *name);
/* Pages of a file stay where they are while Xen writes to them. */
int glx_file_lock(struct glx *x, void *data, size_t bytes);
void glx_file_unlock(void *data, size_t bytes);

/* Locks the folder and reads all sets in it; damaged files are set aside. */
int glx_journal_open(struct glx *x, const char *folder);
void glx_journal_close(struct glx *x);
bool glx_name_is_good(const char *name);
struct glx_set *glx_set_find(const struct glx *x, const char *name);
/* A new set, MAPPING, all entries GLX_TODO; not in the journal before glx_set_commit(), which takes it back if it fails. */
int glx_set_new(struct glx *x, const char *name, uint32_t domain, size_t count, bool writable,
		struct glx_set **set);
int glx_set_commit(struct glx *x, struct glx_set *set);
void glx_set_state(struct glx_set *set, enum glx_set_state state);
/* Removes the file; set is no more. */
int glx_set_remove(struct glx *x, struct glx_set *set);

/* --- grants.c --- */
/* Finishes what was cut. */
int glx_grants_recover(struct glx *x);
void glx_grants_close(struct glx *x);

#endif
