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
	if (bus && !radix_new(x, nic->table_data, bus, (uint32_t)(bytes / GL_PAGE)))
		return gl_fail(nic, ENOMEM, "not enough memory for the translation tables");
	return 0;
}

int gl_tables_new(struct gl_nic *nic, uint64_t bytes)
{
	struct gl_session *s = nic->session;
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
	s->table_bytes = bytes;
	return map_region(nic, bytes, bus);
}

int gl_tables_adopt(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	struct stat st;
	if (!s->table_bytes || s->table_bytes % GL_PAGE || !s->table_bus ||
	    s->table_bus % GL_PAGE || s->table_bytes / GL_PAGE >= 1u << 24 ||
	    fstat(nic->table_fd, &st) || (uint64_t)st.st_size != s->table_bytes)
		return gl_fail(nic, EINVAL,
			       "the memory of the translation tables is not that of the session");
	int error = map_region(nic, s->table_bytes, s->table_bus);
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

int gl_map(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bus_address,
	   uint64_t bytes, unsigned flags)
{
	struct radix *x = &nic->tables;
	const bool huge = flags & GL_HUGE;
	const uint64_t unit = huge ? RADIX_HUGE : GL_PAGE;
	int error = check_range(nic, context, guest_address, bytes, unit);
	if (error)
		return error;
	if (!(flags & (GL_READ | GL_WRITE)) || flags & ~(unsigned)(GL_READ | GL_WRITE | GL_HUGE))
		return gl_fail(nic, EINVAL,
			       "context %u: flags 0x%x: use GL_READ, GL_WRITE or both, and GL_HUGE",
			       context, flags);
	if (bus_address % unit || bus_address & ~RADIX_ADDRESS ||
	    (bus_address + bytes - 1) & ~(RADIX_ADDRESS | (GL_PAGE - 1)))
		return gl_fail(nic, EINVAL,
			       "context %u: bus address 0x%llx, 0x%llx bytes: use multiples of "
			       "0x%llx below 2^52",
			       context, (unsigned long long)bus_address, (unsigned long long)bytes,
			       (unsigned long long)unit);
	error = gl_begin(nic);
	if (error)
		return error;
	/* Nothing is touched before it is known that all will fit. */
	uint64_t root = nic->session->root[context];
	uint64_t first = radix_first(x, root, guest_address, bytes);
	if (first != guest_address + bytes)
		return gl_fail(nic, EEXIST, "context %u: guest address 0x%llx is mapped already",
			       context, (unsigned long long)first);
	uint64_t need = radix_need(x, root, guest_address, bytes, huge);
	if (need > x->free_count)
		return gl_fail(nic, ENOMEM,
			       "context %u: tables for 0x%llx bytes need %llu pages, and %u are "
			       "left; open the NIC with more table_bytes",
			       context, (unsigned long long)bytes, (unsigned long long)need,
			       x->free_count);
	gl_job(nic, GL_JOB_MAP, context, guest_address, bytes);
	if (!root) {
		root = radix_root(x);
		GL_KEEP(nic->session->root[context], root);
		gl_set_root(nic, context, root);
	}
	radix_map(x, root, guest_address, bus_address, bytes, flags & (GL_READ | GL_WRITE), huge);
	gl_job_done(nic);
	return 0;
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

int gl_translate(const struct gl_nic *nic, unsigned context, uint64_t guest_address, bool write,
		 uint64_t *bus_address)
{
	return radix_translate(&nic->tables,
			       context < nic->contexts ? nic->session->root[context] : 0,
			       guest_address, write, bus_address);
}
