// SPDX-License-Identifier: Apache-2.0
// Translation tables (docs/isolation.md): a memfd that the NIC reads, its pages given out one by one, and in it a radix tree of three levels
// for each context.
//
// The process may be killed anywhere. Each store below leaves trees that a walk from the roots can follow: a page is zeroed before it is
// linked, and used again only when it is linked nowhere and the NIC has forgotten it. Which pages are free is not stored: a walk finds it.
#define _GNU_SOURCE
#include "nic.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define HUGE_BYTES 0x200000ull
#define GIB	   0x40000000ull
#define GUEST_BITS 39
#define ENTRIES	   512u

/* Bits of a table entry. */
#define E_READ	   0x0000000000000001ull
#define E_WRITE	   0x0000000000000002ull
#define E_HUGE	   0x0000000000000080ull
#define E_ADDRESS  0x000ffffffffff000ull
#define E_SOFTWARE 0x7ff0000000000f7cull
#define E_HIGHEST  0x8000000000000000ull

/* --- Pages of the region ------------------------------------------------------------------------------------------------------ */

static bool in_region(const struct gl_nic *nic, uint64_t address)
{
	return address >= nic->tables.bus &&
	       address - nic->tables.bus < (uint64_t)nic->tables.pages * GL_PAGE;
}

static uint32_t page_of(const struct gl_nic *nic, uint64_t address)
{
	return (uint32_t)((address - nic->tables.bus) / GL_PAGE);
}

static uint64_t *entries(const struct gl_nic *nic, uint64_t table)
{
	return (uint64_t *)(void *)(nic->tables.data + (table - nic->tables.bus));
}

static void set(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* The caller has looked that there are enough. */
static uint64_t take_page(struct gl_nic *nic)
{
	uint32_t *free_pages = nic->tables.free, *count = &nic->tables.free_count;
	uint32_t n = nic->random ? (uint32_t)(gl_random(nic) % *count) : *count - 1;
	uint32_t page = free_pages[n];
	free_pages[n] = free_pages[--*count];
	memset(nic->tables.data + (size_t)page * GL_PAGE, 0, GL_PAGE);
	return nic->tables.bus + (uint64_t)page * GL_PAGE;
}

/* A page that is no table any more gets all bits set: whatever still reads it faults. */
static void give_page(struct gl_nic *nic, uint32_t page)
{
	memset(nic->tables.data + (size_t)page * GL_PAGE, 0xff, GL_PAGE);
	nic->tables.free[nic->tables.free_count++] = page;
}

static unsigned shift_of(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static uint64_t *entry_in(const struct gl_nic *nic, uint64_t table, unsigned level, uint64_t guest)
{
	return entries(nic, table) + (guest >> shift_of(level)) % ENTRIES;
}

static bool present(uint64_t e)
{
	return e & (E_READ | E_WRITE);
}

static bool is_leaf(uint64_t e, unsigned level)
{
	return level == 1 || (level == 2 && e & E_HUGE);
}

/* Frees a table and all below it; nothing leads to it any more. */
static void give_table(struct gl_nic *nic, uint64_t table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t e = entries(nic, table)[i];
		if (present(e) && !is_leaf(e, level))
			give_table(nic, e & E_ADDRESS, level - 1);
	}
	give_page(nic, page_of(nic, table));
}

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
	if (!bytes || guest % unit || bytes % unit || guest >> GUEST_BITS ||
	    bytes > (1ull << GUEST_BITS) - guest)
		return gl_fail(nic, EINVAL,
			       "context %u: guest address 0x%llx, 0x%llx bytes: use multiples of "
			       "0x%llx below 2^%u",
			       context, (unsigned long long)guest, (unsigned long long)bytes,
			       (unsigned long long)unit, GUEST_BITS);
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

static int map_region(struct gl_nic *nic, uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, nic->tables.fd, 0);
	if (at == MAP_FAILED)
		return gl_fail(nic, errno, "cannot map %llu bytes for the translation tables: %s",
			       (unsigned long long)bytes, strerror(errno));
	nic->tables.data = at;
	nic->tables.pages = (uint32_t)(bytes / GL_PAGE);
	nic->tables.free = calloc(nic->tables.pages, sizeof(uint32_t));
	nic->tables.unlinked = calloc(nic->tables.pages, sizeof(uint32_t));
	if (!nic->tables.free || !nic->tables.unlinked)
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
	nic->tables.fd = fd;
	int error = map_region(nic, bytes);
	if (error)
		return error;
	uint64_t bus = gl_choose_bus(nic, bytes);
	if (!bus)
		return gl_fail(nic, EINVAL, "%llu bytes are too many for translation tables",
			       (unsigned long long)bytes);
	error = nic->ops->dma_map(nic->backend, fd, nic->tables.data, bytes, &bus);
	if (error)
		return error;
	nic->tables.bus = s->table_bus = bus;
	s->table_bytes = bytes;
	for (uint32_t i = nic->tables.pages; i > 0; i--)
		nic->tables.free[nic->tables.free_count++] = i - 1;
	return 0;
}

/* Marks a table and those below it as used. */
static int mark(const struct gl_nic *nic, uint8_t *used, uint64_t table, unsigned level)
{
	if (table % GL_PAGE || !in_region(nic, table) || used[page_of(nic, table)])
		return -EINVAL;
	used[page_of(nic, table)] = 1;
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		uint64_t e = entries(nic, table)[i];
		if (present(e) && !is_leaf(e, level) &&
		    (e & E_HUGE || mark(nic, used, e & E_ADDRESS, level - 1)))
			return -EINVAL;
	}
	return 0;
}

int gl_tables_adopt(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	struct stat st;
	if (!s->table_bytes || s->table_bytes % GL_PAGE || s->table_bus % GL_PAGE ||
	    s->table_bytes / GL_PAGE >= 1u << 24 || fstat(nic->tables.fd, &st) ||
	    (uint64_t)st.st_size != s->table_bytes)
		return gl_fail(nic, EINVAL,
			       "the memory of the translation tables is not that of the session");
	int error = map_region(nic, s->table_bytes);
	if (error)
		return error;
	nic->tables.bus = s->table_bus;
	uint8_t *used = calloc(nic->tables.pages, 1);
	if (!used)
		return gl_fail(nic, ENOMEM, "not enough memory for the translation tables");
	for (unsigned c = 0; c < nic->contexts && !error; c++)
		if (s->root[c] && mark(nic, used, s->root[c], 3))
			error = gl_fail(nic, EINVAL,
					"the translation table of context %u is damaged", c);
	for (uint32_t i = nic->tables.pages; i > 0; i--)
		if (!used[i - 1])
			nic->tables.free[nic->tables.free_count++] = i - 1;
	free(used);
	return error;
}

void gl_tables_forget(struct gl_nic *nic, unsigned context)
{
	uint64_t root = nic->session->root[context];
	GL_KEEP(nic->session->root[context], 0);
	if (root)
		give_table(nic, root, 3);
}

/* --- Map, unmap, walk ----------------------------------------------------------------------------------------------------------------- */

/* The entry for an address at a level (1 or 2), or NULL: an upper level is not present. A leaf above it is given instead. */
static uint64_t *find(const struct gl_nic *nic, unsigned context, uint64_t guest, unsigned level)
{
	uint64_t table = nic->session->root[context];
	for (unsigned at = 3; table; at--) {
		uint64_t *e = entry_in(nic, table, at, guest);
		if (at == level || (at == 2 && *e & E_HUGE && present(*e)))
			return e;
		if (!present(*e))
			return NULL;
		table = *e & E_ADDRESS;
	}
	return NULL;
}

/* Pages that tables for a range need beyond those that are there. */
static uint64_t missing(const struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes,
			bool huge)
{
	uint64_t root = nic->session->root[context], end = guest + bytes, n = !root;
	for (uint64_t at = guest; at < end; at += GIB - at % GIB) {
		uint64_t next = at + GIB - at % GIB;
		bool middle = root && present(*entry_in(nic, root, 3, at));
		n += !middle;
		for (uint64_t in = at; !huge && in < next && in < end;
		     in += HUGE_BYTES - in % HUGE_BYTES) {
			const uint64_t *e = middle ? find(nic, context, in, 2) : NULL;
			n += !e || !present(*e);
		}
	}
	return n;
}

static uint64_t *make(struct gl_nic *nic, unsigned context, uint64_t guest, unsigned level)
{
	struct gl_session *s = nic->session;
	if (!s->root[context]) {
		uint64_t root = take_page(nic);
		GL_KEEP(s->root[context], root);
		gl_set_root(nic, context, root);
	}
	uint64_t table = s->root[context];
	for (unsigned at = 3; at > level; at--) {
		uint64_t *e = entry_in(nic, table, at, guest);
		if (!present(*e))
			set(e, take_page(nic) | E_READ | E_WRITE | (gl_random(nic) & E_SOFTWARE));
		table = *e & E_ADDRESS;
	}
	return entry_in(nic, table, level, guest);
}

int gl_map(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bus_address,
	   uint64_t bytes, unsigned flags)
{
	const bool huge = flags & GL_HUGE;
	const uint64_t unit = huge ? HUGE_BYTES : GL_PAGE;
	int error = check_range(nic, context, guest_address, bytes, unit);
	if (error)
		return error;
	if (!(flags & (GL_READ | GL_WRITE)) || flags & ~(unsigned)(GL_READ | GL_WRITE | GL_HUGE))
		return gl_fail(nic, EINVAL,
			       "context %u: flags 0x%x: use GL_READ, GL_WRITE or both, and GL_HUGE",
			       context, flags);
	if (bus_address % unit || bus_address & ~E_ADDRESS ||
	    (bus_address + bytes - 1) & ~(E_ADDRESS | (GL_PAGE - 1)))
		return gl_fail(nic, EINVAL,
			       "context %u: bus address 0x%llx, 0x%llx bytes: use multiples of "
			       "0x%llx below 2^52",
			       context, (unsigned long long)bus_address, (unsigned long long)bytes,
			       (unsigned long long)unit);
	error = gl_begin(nic);
	if (error)
		return error;
	/* Nothing is touched before it is known that all will fit. */
	for (uint64_t at = 0; at < bytes; at += unit) {
		const uint64_t *e = find(nic, context, guest_address + at, huge ? 2 : 1);
		if (e && present(*e))
			return gl_fail(nic, EEXIST,
				       "context %u: guest address 0x%llx is mapped already",
				       context, (unsigned long long)(guest_address + at));
	}
	uint64_t need = missing(nic, context, guest_address, bytes, huge);
	if (need > nic->tables.free_count)
		return gl_fail(nic, ENOMEM,
			       "context %u: tables for 0x%llx bytes need %llu pages, and %u are "
			       "left; open the NIC with more table_bytes",
			       context, (unsigned long long)bytes, (unsigned long long)need,
			       nic->tables.free_count);
	gl_job(nic, GL_JOB_MAP, context, guest_address, bytes);
	for (uint64_t at = 0; at < bytes; at += unit) {
		uint64_t *e = make(nic, context, guest_address + at, huge ? 2 : 1);
		set(e, (bus_address + at) | (flags & GL_READ ? E_READ : 0) |
			       (flags & GL_WRITE ? E_WRITE : 0) | (huge ? E_HUGE : 0) |
			       (gl_random(nic) & E_SOFTWARE));
	}
	gl_job_done(nic);
	return 0;
}

static bool empty(const struct gl_nic *nic, uint64_t table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (present(entries(nic, table)[i]))
			return false;
	return true;
}

int gl_clear_range(struct gl_nic *nic, unsigned context, uint64_t guest, uint64_t bytes)
{
	uint64_t end = guest + bytes;
	uint32_t count = 0, *unlinked = nic->tables.unlinked;

	for (uint64_t at = guest; at < end;) {
		uint64_t *e = find(nic, context, at, 1);
		bool huge = e && e == find(nic, context, at, 2);
		/* The other bits of an entry that is not present do not count. */
		if (e)
			set(e, gl_random(nic) & (E_SOFTWARE | E_ADDRESS));
		at += e && !huge ? GL_PAGE : HUGE_BYTES - at % HUGE_BYTES;
	}
	/* Tables with nothing in them leave the tree now, and become free when the NIC has forgotten them. */
	uint64_t root = nic->session->root[context];
	for (uint64_t at = guest - guest % HUGE_BYTES; root && at < end; at += HUGE_BYTES) {
		uint64_t *e3 = entry_in(nic, root, 3, at);
		if (!present(*e3)) {
			at += GIB - HUGE_BYTES - at % GIB;
			continue;
		}
		uint64_t *e2 = entry_in(nic, *e3 & E_ADDRESS, 2, at);
		if (present(*e2) && !(*e2 & E_HUGE) && empty(nic, *e2 & E_ADDRESS)) {
			unlinked[count++] = page_of(nic, *e2 & E_ADDRESS);
			set(e2, 0);
		}
		if (empty(nic, *e3 & E_ADDRESS)) {
			unlinked[count++] = page_of(nic, *e3 & E_ADDRESS);
			set(e3, 0);
		}
	}
	int64_t cycles = invalidate(nic, context, guest, bytes);
	/* When that failed, whoever opens or adopts the NIC again finds these pages by a walk. */
	if (cycles < 0)
		return (int)cycles;
	while (count)
		give_page(nic, unlinked[--count]);
	return 0;
}

int gl_unmap(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	int error = check_range(nic, context, guest_address, bytes, GL_PAGE);
	if (!error)
		error = gl_begin(nic);
	if (error)
		return error;
	uint64_t end = guest_address + bytes;
	/* Huge pages at the ends only can be cut. */
	const uint64_t edge[2] = { guest_address, end };
	for (int i = 0; i < 2; i++) {
		const uint64_t *e = edge[i] % HUGE_BYTES
					    ? find(nic, context, edge[i] - edge[i] % HUGE_BYTES, 2)
					    : NULL;
		if (e && present(*e) && *e & E_HUGE)
			return gl_fail(nic, EINVAL,
				       "context %u: 0x%llx lies in a 2 MiB page, which is unmapped "
				       "as a whole only",
				       context, (unsigned long long)edge[i]);
	}
	gl_job(nic, GL_JOB_UNMAP, context, guest_address, bytes);
	error = gl_clear_range(nic, context, guest_address, bytes);
	if (!error)
		gl_job_done(nic);
	return error;
}

/* --- Who reaches a piece of memory ------------------------------------------------------------------------------------------------------ */

struct reach {
	uint64_t bus, bytes;
	bool cut;
	uint64_t guest; /* of the first leaf found */
};

static bool reach(const struct gl_nic *nic, uint64_t table, unsigned level, uint64_t guest,
		  struct reach *r)
{
	bool found = false;
	uint64_t size = 1ull << shift_of(level);
	for (unsigned i = 0; i < ENTRIES; i++, guest += size) {
		uint64_t *e = entries(nic, table) + i;
		if (!present(*e))
			continue;
		if (!is_leaf(*e, level)) {
			found |= reach(nic, *e & E_ADDRESS, level - 1, guest, r);
		} else if ((*e & E_ADDRESS) < r->bus + r->bytes &&
			   r->bus < (*e & E_ADDRESS) + size) {
			if (r->cut)
				set(e, 0);
			else
				r->guest = guest;
			found = true;
		}
		if (found && !r->cut)
			return true;
	}
	return found;
}

bool gl_tables_reach(struct gl_nic *nic, uint64_t bus, uint64_t bytes, unsigned *context,
		     uint64_t *guest)
{
	struct reach r = { .bus = bus, .bytes = bytes };
	for (unsigned c = 0; c < nic->contexts; c++)
		if (nic->session->root[c] && reach(nic, nic->session->root[c], 3, 0, &r)) {
			*context = c;
			*guest = r.guest;
			return true;
		}
	return false;
}

int gl_tables_cut(struct gl_nic *nic, uint64_t bus, uint64_t bytes)
{
	struct reach r = { .bus = bus, .bytes = bytes, .cut = true };
	for (unsigned c = 0; c < nic->contexts; c++)
		if (nic->session->root[c] && reach(nic, nic->session->root[c], 3, 0, &r)) {
			int64_t cycles = invalidate(nic, c, 0, 0);
			if (cycles < 0)
				return (int)cycles;
		}
	return 0;
}

int gl_translate(const struct gl_nic *nic, unsigned context, uint64_t guest_address, bool write,
		 uint64_t *bus_address)
{
	if (guest_address >> GUEST_BITS)
		return GL_FAULT_KIND_RANGE;
	uint64_t table = context < nic->contexts ? nic->session->root[context] : 0;
	uint64_t allowed = E_READ | E_WRITE;
	if (!table)
		return GL_FAULT_KIND_ROOT;
	for (unsigned level = 3;; level--) {
		if (!in_region(nic, table))
			return GL_FAULT_KIND_REGION;
		uint64_t e = *entry_in(nic, table, level, guest_address);
		if (!present(e))
			return GL_FAULT_KIND_NOT_PRESENT;
		bool leaf = is_leaf(e, level);
		if (e & E_HIGHEST || (level != 2 && e & E_HUGE) ||
		    (level == 2 && leaf && e & (HUGE_BYTES - GL_PAGE)))
			return GL_FAULT_KIND_RESERVED;
		allowed &= e;
		if (!leaf) {
			table = e & E_ADDRESS;
			continue;
		}
		if (!(allowed & (write ? E_WRITE : E_READ)))
			return GL_FAULT_KIND_PERMISSION;
		uint64_t below = (1ull << shift_of(level)) - 1;
		if (bus_address)
			*bus_address = (e & E_ADDRESS & ~below) | (guest_address & below);
		return GL_FAULT_KIND_NONE;
	}
}
