// SPDX-License-Identifier: Apache-2.0
// Translation tables of contexts: radix trees (radix.h) in a memfd that the NIC reads. Their roots are in the session, and in the NIC.
#define _GNU_SOURCE
#include "nic.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TABLES "tables" /* what the back end knows their pages by */

/* --- Registers ------------------------------------------------------------------------------------------------------------------- */

void gl_set_root(struct gl_nic *nic, unsigned context, uint64_t root)
{
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_ROOT_HI, (uint32_t)(root >> 32));
	gl_reg_write(nic, GL_BAR0_ROOT_LO,
		     (uint32_t)root | (root ? GL_BAR0_ROOT_LO_VALID_MASK : 0));
}

static int64_t invalidate(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes)
{
	/* One at a time; a predecessor's may be under way. */
	int error = gl_wait(nic, GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK, 0,
			    "the invalidation before");
	if (error)
		return error;
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_INV_PAGE, (uint32_t)(guest / GL_PAGE));
	gl_reg_write(nic, GL_BAR0_INV_PAGES, (uint32_t)(bytes / GL_PAGE));
	gl_reg_write(nic, GL_BAR0_INV_CONTROL, bytes ? 0 : GL_BAR0_INV_CONTROL_ALL_MASK);
	error = gl_wait(nic, GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK, 0,
			"an invalidation");
	if (error)
		return error;
	return gl_reg(nic, GL_BAR0_INV_CYCLES);
}

static int check_range(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes,
		       uint64_t unit)
{
	int error = gl_check_context(nic, context);
	if (error)
		return error;
	if (!bytes || guest % unit || bytes % unit || guest >> RADIX_GUEST_BITS ||
	    bytes > (1ull << RADIX_GUEST_BITS) - guest)
		return gl_fail(nic, EINVAL,
			       "context %u: guest address 0x%llx, 0x%llx bytes: use multiples of "
			       "0x%llx below 2^%u",
			       context, (unsigned long long)guest, (unsigned long long)bytes,
			       (unsigned long long)unit, RADIX_GUEST_BITS);
	return 0;
}

int64_t gl_invalidate(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	int error = bytes ? check_range(nic, context, guest_address, bytes, GL_PAGE)
			  : gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	return error ? error : invalidate(nic, context, guest_address, bytes);
}

/* --- New, found again ------------------------------------------------------------------------------------------------------------- */

static int map_region(struct gl_nic *nic, uint64_t bytes, uint64_t bus)
{
	struct radix *x = &nic->tables;
	if (!nic->table_data) {
		void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, nic->table_fd, 0);
		if (at == MAP_FAILED)
			return gl_fail(nic, errno,
				       "cannot map %llu bytes for the translation tables: %s",
				       (unsigned long long)bytes, strerror(errno));
		nic->table_data = at;
		nic->table_bytes = bytes;
	}
	x->random = nic->random;
	x->random_arg = nic->random_arg;
	if (bus && !gl_is_paged(nic) &&
	    !radix_new(x, nic->table_data, bus, (uint32_t)(bytes / GL_PAGE)))
		return gl_fail(nic, ENOMEM, "not enough memory for the translation tables");
	return 0;
}

/* Pages that lie anywhere: the region spans them. */
static int new_pages(struct gl_nic *nic, uint64_t bytes, bool adopted)
{
	struct gl_session *s = nic->session;
	uint32_t count = (uint32_t)(bytes / GL_PAGE);
	uint64_t *bus = calloc(count, sizeof(*bus));
	if (!bus)
		return gl_fail(nic, ENOMEM, "not enough memory for the translation tables");
	int error = adopted ? nic->ops->pages_find(nic->backend, TABLES, count, nic->table_fd,
						   &nic->table_data, bus)
			    : nic->ops->pages_new(nic->backend, TABLES, count, &nic->table_fd,
						  &nic->table_data, bus);
	if (!error) {
		nic->table_bytes = bytes;
		if (!radix_new_scattered(&nic->tables, nic->table_data, bus, count))
			error = gl_fail(nic, ENOMEM,
					"not enough memory for the translation tables");
	}
	free(bus);
	if (error)
		return error;
	nic->tables.random = nic->random;
	nic->tables.random_arg = nic->random_arg;
	if (adopted &&
	    (s->table_bus != nic->tables.base || s->region_bytes != radix_span(&nic->tables)))
		return gl_fail(nic, EINVAL,
			       "the memory of the translation tables is not that of the session");
	s->table_bus = nic->tables.base;
	s->table_bytes = bytes;
	s->region_bytes = radix_span(&nic->tables);
	return 0;
}

int gl_tables_new(struct gl_nic *nic, uint64_t bytes)
{
	struct gl_session *s = nic->session;
	if (gl_is_paged(nic))
		return new_pages(nic, bytes, false);
	bytes = gl_memfd_bytes(nic, bytes);
	int fd = gl_new_memfd("guestlane-tables", bytes, nic->ops->memfd_flags);
	if (fd < 0)
		return gl_fail(nic, -fd,
			       "cannot make %llu bytes of memory for the translation tables: %s",
			       (unsigned long long)bytes, strerror(-fd));
	nic->table_fd = fd;
	int error = map_region(nic, bytes, 0);
	if (error)
		return error;
	uint64_t bus = gl_choose_bus(nic, bytes);
	if (!bus)
		return gl_fail(nic, EINVAL, "%llu bytes are too many for translation tables",
			       (unsigned long long)bytes);
	error = nic->ops->dma_map(nic->backend, fd, nic->table_data, bytes, &bus);
	if (error)
		return error;
	s->table_bus = bus;
	s->table_bytes = s->region_bytes = bytes;
	return map_region(nic, bytes, bus);
}

int gl_tables_adopt(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	struct stat st;
	if (!s->table_bytes || s->table_bytes % GL_PAGE || !s->table_bus ||
	    s->table_bus % GL_PAGE || s->table_bytes / GL_PAGE >= 1u << 24 ||
	    (!gl_is_paged(nic) &&
	     (fstat(nic->table_fd, &st) || (uint64_t)st.st_size != s->table_bytes ||
	      s->region_bytes != s->table_bytes)))
		return gl_fail(nic, EINVAL,
			       "the memory of the translation tables is not that of the session");
	int error = gl_is_paged(nic) ? new_pages(nic, s->table_bytes, true)
				     : map_region(nic, s->table_bytes, s->table_bus);
	if (error)
		return error;
	uint8_t *used = calloc(nic->tables.pages, 1);
	if (!used)
		return gl_fail(nic, ENOMEM, "not enough memory for the translation tables");
	for (unsigned c = 0; c < nic->contexts && !error; c++)
		if (s->root[c] && !radix_mark(&nic->tables, used, s->root[c]))
			error = gl_fail(nic, EINVAL,
					"the translation table of context %u is damaged", c);
	radix_set_free(&nic->tables, used);
	free(used);
	return error;
}

void gl_tables_forget(struct gl_nic *nic, unsigned context)
{
	uint64_t root = nic->session->root[context];
	GL_KEEP(nic->session->root[context], 0);
	radix_drop(&nic->tables, root);
}

/* --- Map, unmap --------------------------------------------------------------------------------------------------------------------------- */

/* Pages one after another from `bus` on, or those of the list, of which 0 is none. */
static int map(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bus,
	       const uint64_t *list, uint64_t bytes, unsigned flags)
{
	struct radix *x = &nic->tables;
	const bool huge = flags & GL_HUGE;
	int error = gl_begin(nic);
	if (error)
		return error;
	/* Nothing is touched before it is known that all will fit. */
	uint64_t root = nic->session->root[context];
	uint64_t first = radix_first(x, root, guest, bytes);
	if (first != guest + bytes)
		return gl_fail(nic, EEXIST, "context %u: guest address 0x%llx is mapped already",
			       context, (unsigned long long)first);
	uint64_t need = radix_need(x, root, guest, bytes, huge);
	if (need > x->free_count)
		return gl_fail(nic, ENOMEM,
			       "context %u: tables for 0x%llx bytes need %llu pages, and %u are "
			       "left; open the NIC with more table_bytes",
			       context, (unsigned long long)bytes, (unsigned long long)need,
			       x->free_count);
	gl_job(nic, GL_JOB_MAP, context, guest, bytes);
	if (!root) {
		root = radix_root(x);
		GL_KEEP(nic->session->root[context], root);
		gl_set_root(nic, context, root);
	}
	if (!list)
		radix_map(x, root, guest, bus, bytes, flags & (GL_READ | GL_WRITE), huge);
	for (uint64_t i = 0; list && i < bytes / GL_PAGE; i++)
		if (list[i])
			radix_map(x, root, guest + i * GL_PAGE, list[i], GL_PAGE,
				  flags & (GL_READ | GL_WRITE), false);
	gl_job_done(nic);
	return 0;
}

static int check_flags(struct gl_nic *nic, unsigned context, unsigned flags, unsigned known)
{
	if (flags & (GL_READ | GL_WRITE) && !(flags & ~known))
		return 0;
	return gl_fail(nic, EINVAL, "context %u: flags 0x%x: use GL_READ, GL_WRITE or both%s",
		       context, flags, known & GL_HUGE ? ", and GL_HUGE" : "");
}

/* Memory that the back end gave in pages, under its stand-in. */
static int map_stand_in(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t stand_in,
			uint64_t bytes, unsigned flags)
{
	uint64_t *list = calloc(bytes / GL_PAGE, sizeof(*list));
	int error = list ? 0 : gl_fail(nic, ENOMEM, "not enough memory for a list of pages");
	for (uint64_t i = 0; !error && i < bytes / GL_PAGE; i++) {
		list[i] = gl_real_bus(nic, stand_in + i * GL_PAGE);
		if (!list[i])
			error = gl_fail(nic, EINVAL, "context %u: there is no memory at 0x%llx",
					context, (unsigned long long)(stand_in + i * GL_PAGE));
	}
	if (!error)
		error = map(nic, context, guest, 0, list, bytes, flags & ~(unsigned)GL_HUGE);
	free(list);
	return error;
}

int gl_map(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bus_address,
	   uint64_t bytes, unsigned flags)
{
	const uint64_t unit = flags & GL_HUGE ? RADIX_HUGE : GL_PAGE;
	int error = check_range(nic, context, guest_address, bytes, unit);
	if (!error)
		error = check_flags(nic, context, flags, GL_READ | GL_WRITE | GL_HUGE);
	if (error)
		return error;
	if (bus_address % unit || bus_address & ~RADIX_ADDRESS ||
	    (bus_address + bytes - 1) & ~(RADIX_ADDRESS | (GL_PAGE - 1)))
		return gl_fail(nic, EINVAL,
			       "context %u: bus address 0x%llx, 0x%llx bytes: use multiples of "
			       "0x%llx below 2^52",
			       context, (unsigned long long)bus_address, (unsigned long long)bytes,
			       (unsigned long long)unit);
	return gl_is_paged(nic) && bus_address >= GL_STAND_IN
		       ? map_stand_in(nic, context, guest_address, bus_address, bytes, flags)
		       : map(nic, context, guest_address, bus_address, NULL, bytes, flags);
}

int gl_map_pages(struct gl_nic *nic, unsigned context, uint64_t guest_address, const uint64_t *bus,
		 size_t count, unsigned flags)
{
	uint64_t bytes = count > 1ull << RADIX_GUEST_BITS ? 0 : (uint64_t)count * GL_PAGE;
	int error = check_range(nic, context, guest_address, bytes, GL_PAGE);
	if (!error)
		error = check_flags(nic, context, flags, GL_READ | GL_WRITE);
	for (size_t i = 0; i < count && !error; i++)
		if (bus[i] & ~RADIX_ADDRESS)
			error = gl_fail(nic, EINVAL,
					"context %u: bus address 0x%llx: use multiples of 4096 "
					"below 2^52",
					context, (unsigned long long)bus[i]);
	return error ? error : map(nic, context, guest_address, 0, bus, bytes, flags);
}

int gl_clear_range(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes)
{
	radix_clear(&nic->tables, nic->session->root[context], guest, bytes);
	int64_t cycles = invalidate(nic, context, guest, bytes);
	if (cycles < 0)
		return (int)cycles; /* and the next try reclaims these pages too */
	radix_reclaim(&nic->tables);
	return 0;
}

int gl_unmap(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	uint64_t at;
	int error = check_range(nic, context, guest_address, bytes, GL_PAGE);
	if (!error)
		error = gl_begin(nic);
	if (error)
		return error;
	if (radix_cuts(&nic->tables, nic->session->root[context], guest_address, bytes, &at))
		return gl_fail(nic, EINVAL,
			       "context %u: 0x%llx lies in a 2 MiB page, which is unmapped as a "
			       "whole only",
			       context, (unsigned long long)at);
	gl_job(nic, GL_JOB_UNMAP, context, guest_address, bytes);
	error = gl_clear_range(nic, context, guest_address, bytes);
	if (!error)
		gl_job_done(nic);
	return error;
}

/* --- Looks --------------------------------------------------------------------------------------------------------------------------------- */

bool gl_tables_reach(struct gl_nic *nic, uint64_t bus, uint64_t bytes, unsigned *context,
		     uint64_t *guest)
{
	for (unsigned c = 0; c < nic->contexts; c++)
		if (radix_reach(&nic->tables, nic->session->root[c], bus, bytes, guest)) {
			*context = c;
			return true;
		}
	return false;
}

int gl_tables_cut(struct gl_nic *nic, uint64_t bus, uint64_t bytes)
{
	for (unsigned c = 0; c < nic->contexts; c++)
		if (radix_cut(&nic->tables, nic->session->root[c], bus, bytes)) {
			int64_t cycles = invalidate(nic, c, 0, 0);
			if (cycles < 0)
				return (int)cycles;
		}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* NULL: no memory. */
static uint64_t *sorted(const uint64_t *bus, size_t count)
{
	uint64_t *list = malloc((count ? count : 1) * sizeof(*list));
	if (list) {
		memcpy(list, bus, count * sizeof(*list));
		qsort(list, count, sizeof(*list), by_value);
	}
	return list;
}

bool gl_tables_reach_pages(struct gl_nic *nic, const uint64_t *bus, size_t count, unsigned *context,
			   uint64_t *guest)
{
	uint64_t *list = sorted(bus, count);
	bool found = !list; /* better busy than gone */
	*context = 0;
	*guest = 0;
	for (unsigned c = 0; !found && c < nic->contexts; c++) {
		found = radix_reach_pages(&nic->tables, nic->session->root[c], list, count, guest);
		*context = c;
	}
	free(list);
	return found;
}

int gl_tables_cut_pages(struct gl_nic *nic, const uint64_t *bus, size_t count)
{
	uint64_t *list = sorted(bus, count);
	int64_t cycles = 0;
	if (!list)
		return gl_fail(nic, ENOMEM, "not enough memory for a list of pages");
	for (unsigned c = 0; c < nic->contexts && cycles >= 0; c++)
		if (radix_cut_pages(&nic->tables, nic->session->root[c], list, count))
			cycles = invalidate(nic, c, 0, 0);
	free(list);
	return cycles < 0 ? (int)cycles : 0;
}

int gl_translate(const struct gl_nic *nic, unsigned context, uint64_t guest_address, bool write,
		 uint64_t *bus_address)
{
	int kind = radix_translate(&nic->tables,
				   context < nic->contexts ? nic->session->root[context] : 0,
				   guest_address, write, bus_address);
	if (kind == GL_FAULT_KIND_NONE && bus_address && gl_is_paged(nic))
		*bus_address = gl_stand_in(nic, *bus_address);
	return kind;
}
