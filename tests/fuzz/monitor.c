// SPDX-License-Identifier: Apache-2.0
// The monitor of upstream TLPs: see monitor.h.
#include "monitor.h"
#include "guestlane_regs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	     4096u
#define ENTRIES	     512u
#define GUEST_PAGES  (1ull << 27) /* 39 bits of guest address */
#define VECTORS	     (MONITOR_CONTEXTS + 1)
#define BUCKETS	     (1u << 14)
#define ALWAYS	     UINT64_MAX
#define MAY_READ     1u
#define MAY_WRITE    2u
#define ENTRY_LARGE  (1ull << 7)
#define ENTRY_63     (1ull << 63)
#define ENTRY_PAGE   0x000ffffffffff000ull
#define BAR0_BYTES   0x10000u
#define MSIX_ENTRIES 2048u

/* A page of host memory that a context's table names, or a page of the table itself. */
struct node {
	struct node *next;
	uint64_t page;	      /* host address */
	uint64_t guest, span; /* guest pages that it serves: first, number */
	uint64_t seen;	      /* event number at which it was last found in the table */
	uint16_t context;
	uint8_t permissions;
	bool table;
};

struct context {
	bool enabled, revoked, strict, root_valid;
	uint64_t root;
};

/* What a read of the host will show, by its tag. */
enum asked { ASKED_OTHER, ASKED_INVALIDATION, ASKED_REVOCATION };
struct host_request {
	bool waiting;
	enum asked asked;
	uint64_t event; /* at which the NIC took it */
};

/* A read of the NIC, by its tag, until its last completion. */
struct nic_read {
	bool out;
	uint64_t page, cycle;
};

struct monitor {
	struct monitor_config c;
	struct monitor_counts counts;
	struct node *bucket[BUCKETS];
	struct context context[MONITOR_CONTEXTS];
	struct {
		uint64_t address;
		uint32_t data;
	} vector[VECTORS];
	struct host_request request[256];
	struct nic_read read[256];
	uint64_t event; /* counts what happens, in order */
	uint32_t index; /* BAR0.CTX_INDEX */
	uint32_t root_hi, inv_page, inv_pages;
	struct {
		bool busy, all;
		unsigned context;
		uint64_t first, pages, event;
	} invalidation;
	struct {
		bool busy;
		unsigned context;
		uint64_t event, cycle;
	} revocation;
};

struct monitor *monitor_new(const struct monitor_config *config)
{
	struct monitor *m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	m->c = *config;
	m->inv_pages = 1;
	return m;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct node *n = m->bucket[b], *next; n; n = next) {
			next = n->next;
			free(n);
		}
	free(m);
}

const struct monitor_counts *monitor_counts(struct monitor *m)
{
	return &m->counts;
}

static uint64_t now(const struct monitor *m)
{
	return m->c.now ? m->c.now(m->c.arg) : 0;
}

static void escape(struct monitor *m, unsigned context, const uint32_t *dw, size_t count,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
static void escape(struct monitor *m, unsigned context, const uint32_t *dw, size_t count,
		   const char *format, ...)
{
	char text[512], why[256];
	va_list args;
	m->counts.escapes++;
	if (!m->c.escape)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	int n = snprintf(text, sizeof(text),
			 "cycle %llu: %s; TLP of %zu DW:", (unsigned long long)now(m), why, count);
	for (size_t i = 0; i < count && i < 8 && n > 0 && (size_t)n < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %08x", dw[i]);
	m->c.escape(m->c.arg, context, text);
}

/* --- The books ------------------------------------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t page)
{
	return (unsigned)((page >> 12) * 0x9e3779b97f4a7c15ull >> 50);
}

static void note(struct monitor *m, unsigned context, uint64_t page, uint64_t guest, uint64_t span,
		 unsigned permissions, bool table, uint64_t seen)
{
	struct node **b = &m->bucket[bucket_of(page)];
	for (struct node *n = *b; n; n = n->next)
		if (n->page == page && n->context == context && n->guest == guest &&
		    n->table == table && n->span == span && n->permissions == permissions) {
			n->seen = seen;
			return;
		}
	struct node *n = malloc(sizeof(*n));
	if (!n)
		abort();
	*n = (struct node){ .next = *b,
			    .page = page,
			    .guest = guest,
			    .span = span,
			    .seen = seen,
			    .context = (uint16_t)context,
			    .permissions = (uint8_t)permissions,
			    .table = table };
	*b = n;
	m->counts.pages++;
}

/* Takes out what a context had in the books and was not found in its tables since an event. */
static void forget(struct monitor *m, unsigned context, uint64_t event, uint64_t first,
		   uint64_t pages)
{
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct node **at = &m->bucket[b]; *at;) {
			struct node *n = *at;
			/* A table page is software's again when a range that it serves was invalidated. */
			bool touched = n->guest < first + pages && first < n->guest + n->span;
			if (n->context != context || n->seen >= event || !touched) {
				at = &n->next;
				continue;
			}
			*at = n->next;
			free(n);
			m->counts.pages--;
		}
}

static bool in_region(const struct monitor *m, uint64_t address, uint64_t bytes)
{
	return address >= m->c.region && address - m->c.region < m->c.region_pages * PAGE &&
	       bytes <= m->c.region_pages * PAGE - (address - m->c.region);
}

/* Walks the table page at `table` of that level, which serves guest pages from `guest` on. */
static void walk(struct monitor *m, unsigned context, uint64_t table, unsigned level,
		 uint64_t guest, unsigned permissions)
{
	uint64_t step = 1ull << 9 * (level - 1); /* guest pages of an entry */
	const uint8_t *bytes = m->c.memory(m->c.arg, table, PAGE);
	if (!in_region(m, table, PAGE) || !bytes)
		return;
	note(m, context, table, guest, step * ENTRIES, 0, true, m->event);
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t entry = 0;
		for (unsigned k = 8; k--;)
			entry = entry << 8 | bytes[8 * i + k];
		unsigned now = permissions & (unsigned)entry;
		uint64_t at = guest + i * step;
		bool large = entry & ENTRY_LARGE;
		if (!(entry & (MAY_READ | MAY_WRITE)) || entry & ENTRY_63 || (large && level != 2))
			continue;
		if (level == 1) {
			note(m, context, entry & ENTRY_PAGE, at, 1, now, false, m->event);
		} else if (large) {
			for (unsigned p = 0; p < ENTRIES && !(entry & 0x1ff000); p++)
				note(m, context, (entry & ENTRY_PAGE) + p * PAGE, at + p, 1, now,
				     false, m->event);
		} else {
			walk(m, context, entry & ENTRY_PAGE, level - 1, at, now);
		}
	}
}

void monitor_look(struct monitor *m, unsigned context)
{
	m->event++;
	if (context < m->c.contexts && m->context[context].root_valid)
		walk(m, context, m->context[context].root, 3, 0, MAY_READ | MAY_WRITE);
}

void monitor_strict(struct monitor *m, unsigned context, bool strict)
{
	m->context[context].strict = strict;
}

void monitor_grant(struct monitor *m, unsigned context, uint64_t address, uint64_t pages,
		   unsigned permissions)
{
	for (uint64_t p = 0; p < pages; p++)
		note(m, context, address + p * PAGE, GUEST_PAGES, 1, permissions, false, ALWAYS);
}

void monitor_withdraw(struct monitor *m, unsigned context)
{
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct node *n = m->bucket[b]; n; n = n->next)
			if (n->context == context && n->seen == ALWAYS)
				n->seen = 0;
	forget(m, context, 1, GUEST_PAGES, 1);
}

void monitor_vector(struct monitor *m, unsigned vector, uint64_t address, uint32_t data)
{
	if (vector < VECTORS) {
		m->vector[vector].address = address;
		m->vector[vector].data = data;
	}
}

void monitor_enabled(struct monitor *m, unsigned context, bool enabled)
{
	m->context[context].enabled = enabled;
}

/* --- TLPs -------------------------------------------------------------------------------------------------------------------- */

struct tlp {
	enum { TLP_READ, TLP_WRITE, TLP_COMPLETION, TLP_CONFIG, TLP_OTHER } kind;
	bool wide, has_data;
	uint32_t header, length; /* DW */
	uint64_t address;
	uint32_t first_be, last_be;
	uint8_t tag;
};

/* PCI Express base specification, 2.2: Fmt and Type in bits 31:24 of the first DW. */
static bool decode(struct tlp *t, const uint32_t *dw, size_t count)
{
	if (count < 3)
		return false;
	uint32_t fmt = dw[0] >> 29, type = dw[0] >> 24 & 0x1f;
	t->wide = fmt & 1;
	t->has_data = fmt & 2;
	t->header = t->wide ? 4 : 3;
	t->length = dw[0] & 0x3ff ? dw[0] & 0x3ff : 1024;
	if (fmt > 3 || count < t->header + (t->has_data ? t->length : 0))
		return false;
	t->first_be = dw[1] & 15;
	t->last_be = dw[1] >> 4 & 15;
	t->tag = dw[1] >> 8 & 0xff;
	t->address = (t->wide ? (uint64_t)dw[2] << 32 | dw[3] : dw[2]) & ~3ull;
	if (type == 0) {
		t->kind = t->has_data ? TLP_WRITE : TLP_READ;
	} else if (type == 0x0a && !t->wide) {
		t->kind = TLP_COMPLETION;
		t->tag = dw[2] >> 8 & 0xff;
	} else if (type == 4 || type == 5) {
		t->kind = TLP_CONFIG;
	} else {
		t->kind = TLP_OTHER;
	}
	return true;
}

/* Of the completions for a request (2.2.9): its byte count, 0 for 4096, is not more than it brings. */
static bool last_part(const struct tlp *t, const uint32_t *dw)
{
	uint32_t left = dw[1] & 0xfff ? dw[1] & 0xfff : 4096;
	return !t->has_data || left <= t->length * 4 - (dw[2] & 3);
}

/* Whether any message of that address and data is programmed; its vector. */
static unsigned vector_of(const struct monitor *m, uint64_t address, uint32_t data)
{
	for (unsigned v = 0; v <= m->c.contexts; v++)
		if (m->vector[v].address && m->vector[v].address == address &&
		    m->vector[v].data == data)
			return v;
	return VECTORS;
}

struct verdict {
	bool table, page;     /* found as that */
	unsigned permissions; /* of the page */
	unsigned context;     /* whose it is */
};

static struct verdict look_up(struct monitor *m, uint64_t page)
{
	struct verdict v = { false, false, 0, MONITOR_NOBODY };
	for (struct node *n = m->bucket[bucket_of(page)]; n; n = n->next) {
		if (n->page != page)
			continue;
		v.context = n->context;
		if (n->table)
			v.table = true;
		else
			v.page = true, v.permissions |= n->permissions;
	}
	return v;
}

static void memory_request(struct monitor *m, const struct tlp *t, const uint32_t *dw, size_t count)
{
	bool write = t->kind == TLP_WRITE;
	uint64_t end = t->address + t->length * 4ull, page = t->address & ~(PAGE - 1ull);
	const char *what = write ? "write" : "read";
	unsigned long long at = t->address;
	if (write) {
		m->counts.writes++;
	} else {
		m->counts.reads++;
		m->read[t->tag] = (struct nic_read){ true, page, now(m) };
	}
	uint32_t most = write ? m->c.max_payload : m->c.max_read_request;
	if (most && t->length * 4 > most) {
		escape(m, MONITOR_NOBODY, dw, count, "%s of %u bytes at 0x%llx, more than %u", what,
		       t->length * 4, at, most);
		return;
	}
	if (write && t->length == 1 && t->first_be == 15) {
		unsigned v = vector_of(m, t->address, dw[t->header]);
		if (v < VECTORS) {
			m->counts.messages++;
			if (v && m->context[v - 1].revoked)
				escape(m, v - 1, dw, count,
				       "interrupt message of context %u after its revocation",
				       v - 1);
			return;
		}
	}
	if (end - page > PAGE) {
		escape(m, MONITOR_NOBODY, dw, count, "%s of %u bytes at 0x%llx crosses a page",
		       what, t->length * 4, at);
		return;
	}
	unsigned need = write ? MAY_WRITE : MAY_READ;
	struct verdict v = look_up(m, page);
	if (!(v.permissions & need) && !(v.table && !write)) {
		/* A table may have got it since the last look. */
		for (unsigned c = 0; c < m->c.contexts; c++)
			monitor_look(m, c);
		v = look_up(m, page);
	}
	if (v.table && !write && !v.page) {
		uint32_t bytes = t->length * 4;
		m->counts.table_reads++;
		if (!in_region(m, t->address, bytes))
			escape(m, v.context, dw, count,
			       "table read at 0x%llx outside the table region", at);
		else if ((bytes != 8 && bytes != 64) || t->address % bytes || t->first_be != 15 ||
			 t->last_be != 15)
			escape(m, v.context, dw, count,
			       "table read of %u bytes (enables %x %x) at 0x%llx", bytes,
			       t->first_be, t->last_be, at);
		else if (!m->context[v.context].enabled)
			escape(m, v.context, dw, count,
			       "table read at 0x%llx for context %u, which is not enabled", at,
			       v.context);
		return;
	}
	if (!(v.permissions & need)) {
		escape(m, v.context, dw, count, "%s of %u bytes at 0x%llx, which %s", what,
		       t->length * 4, at,
		       v.table	 ? "is a translation table"
		       : !v.page ? "no table names"
		       : write	 ? "may only be read"
				 : "may only be written");
		return;
	}
	const struct context *c = &m->context[v.context];
	if (!c->enabled) {
		escape(m, v.context, dw, count,
		       "%s of %u bytes at 0x%llx for context %u, which is %s", what, t->length * 4,
		       at, v.context, c->revoked ? "revoked" : "not enabled");
		return;
	}
	if (!c->strict || !m->c.given)
		return;
	/* The bytes that are enabled; a write may have none in an odd DW (2.2.5). */
	uint64_t from = t->address, to = end;
	if (!t->first_be)
		return;
	from += (unsigned)__builtin_ctz(t->first_be);
	uint32_t last = t->length > 1 ? t->last_be : t->first_be;
	if (last)
		to -= (unsigned)__builtin_clz(last << 28);
	if (!m->c.given(m->c.arg, v.context, from, to - from, write))
		escape(m, v.context, dw, count,
		       "%s of %llu bytes at 0x%llx, which the driver of context %u has not given "
		       "to its device for that",
		       what, (unsigned long long)(to - from), (unsigned long long)from, v.context);
}

/* At the end of an invalidation or revocation: reads that were under way have been answered, or given up. */
static void no_read_waits(struct monitor *m, unsigned context)
{
	for (unsigned tag = 0; tag < 256; tag++) {
		struct nic_read *r = &m->read[tag];
		if (!r->out)
			continue;
		struct verdict v = look_up(m, r->page);
		bool given_up = m->c.completion_timeout &&
				now(m) - r->cycle + 16 >= m->c.completion_timeout;
		if (!v.page && !v.table && !given_up)
			escape(m, context, NULL, 0,
			       "a read of the page at 0x%llx, tag %u, still waits at the end of "
			       "an invalidation or revocation of context %u",
			       (unsigned long long)r->page, tag, context);
		/* Once is enough. */
		r->out = v.page || v.table;
	}
}

static void done(struct monitor *m, const struct host_request *r, uint32_t value)
{
	if (r->asked == ASKED_INVALIDATION && m->invalidation.busy &&
	    !(value & GL_BAR0_INV_CONTROL_BUSY_MASK) && r->event > m->invalidation.event) {
		m->invalidation.busy = false;
		m->counts.invalidations++;
		monitor_look(m, m->invalidation.context);
		forget(m, m->invalidation.context, m->invalidation.event, m->invalidation.first,
		       m->invalidation.pages);
		no_read_waits(m, m->invalidation.context);
	}
	if (r->asked == ASKED_REVOCATION && m->revocation.busy &&
	    !(value & GL_BAR0_REVOKE_BUSY_MASK) && r->event > m->revocation.event) {
		unsigned c = m->revocation.context;
		m->revocation.busy = false;
		m->counts.revocations++;
		uint64_t cycles = now(m) - m->revocation.cycle;
		if (cycles > m->counts.revocation_most)
			m->counts.revocation_most = cycles;
		/* A new guest's table may already be set; then only what is in it. */
		monitor_look(m, c);
		forget(m, c, m->revocation.event, 0, GUEST_PAGES);
		no_read_waits(m, c);
		m->context[c].enabled = false;
		m->context[c].revoked = true;
	}
}

void monitor_up(struct monitor *m, const uint32_t *dw, size_t count)
{
	struct tlp t;
	m->counts.upstream++;
	m->event++;
	if (!decode(&t, dw, count)) {
		escape(m, MONITOR_NOBODY, dw, count, "malformed TLP");
		return;
	}
	switch (t.kind) {
	case TLP_READ:
	case TLP_WRITE:
		memory_request(m, &t, dw, count);
		break;
	case TLP_COMPLETION: {
		struct host_request *r = &m->request[t.tag];
		m->counts.completions++;
		if (!r->waiting) {
			escape(m, MONITOR_NOBODY, dw, count, "completion that nobody waits for");
			break;
		}
		if (last_part(&t, dw))
			r->waiting = false;
		if (t.has_data && !(dw[1] >> 13 & 7))
			done(m, r, dw[3]);
		break;
	}
	default:
		escape(m, MONITOR_NOBODY, dw, count, "a TLP that the NIC never sends");
		break;
	}
}

/* --- What the host does ------------------------------------------------------------------------------------------------------ */

static void bar0_write(struct monitor *m, uint32_t offset, uint32_t value)
{
	struct context *c = &m->context[m->index];
	switch (offset) {
	case GL_BAR0_CTX_INDEX:
		m->index = value < m->c.contexts ? value : 0;
		break;
	case GL_BAR0_CTX_CONTROL:
		c->enabled = c->enabled || value & GL_BAR0_CTX_CONTROL_ENABLE_MASK;
		if (value & GL_BAR0_CTX_CONTROL_ENABLE_MASK)
			c->revoked = false;
		break;
	case GL_BAR0_REGION_LO:
		m->c.region = (m->c.region & ~0xffffffffull) | (value & ~0xfffu);
		break;
	case GL_BAR0_REGION_HI:
		m->c.region = (m->c.region & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case GL_BAR0_REGION_PAGES:
		m->c.region_pages = value & 0xffffff;
		break;
	case GL_BAR0_ROOT_HI:
		m->root_hi = value;
		break;
	case GL_BAR0_ROOT_LO:
		monitor_look(m, m->index);
		c->root_valid = value & GL_BAR0_ROOT_LO_VALID_MASK;
		c->root = (uint64_t)m->root_hi << 32 | (value & ~0xfffu);
		monitor_look(m, m->index);
		break;
	case GL_BAR0_INV_PAGE:
		m->inv_page = value;
		break;
	case GL_BAR0_INV_PAGES:
		m->inv_pages = value;
		break;
	case GL_BAR0_INV_CONTROL:
		/* If one is under way, which of both the next "done" is for cannot be known: the host shall not do that. */
		if (m->invalidation.busy) {
			m->invalidation.busy = false;
			break;
		}
		m->invalidation.busy = true;
		m->invalidation.all = value & GL_BAR0_INV_CONTROL_ALL_MASK;
		m->invalidation.context = m->index;
		m->invalidation.first = m->invalidation.all ? 0 : m->inv_page;
		m->invalidation.pages = m->invalidation.all ? GUEST_PAGES : m->inv_pages;
		m->invalidation.event = m->event;
		break;
	case GL_BAR0_REVOKE:
		if (!(value & GL_BAR0_REVOKE_START_MASK) || m->revocation.busy)
			break;
		monitor_look(m, m->index);
		c->root_valid = false;
		m->revocation.busy = true;
		m->revocation.context = m->index;
		m->revocation.event = ++m->event;
		m->revocation.cycle = now(m);
		break;
	default:
		break;
	}
}

static void msix_write(struct monitor *m, uint32_t offset, uint32_t value)
{
	unsigned v = offset / 16;
	if (v >= VECTORS)
		return;
	uint64_t *a = &m->vector[v].address;
	if (offset % 16 == 0)
		*a = (*a & ~0xffffffffull) | value;
	else if (offset % 16 == 4)
		*a = (*a & 0xffffffffull) | (uint64_t)value << 32;
	else if (offset % 16 == 8)
		m->vector[v].data = value;
}

void monitor_down(struct monitor *m, const uint32_t *dw, size_t count)
{
	struct tlp t;
	m->event++;
	if (!decode(&t, dw, count))
		return;
	if (t.kind == TLP_COMPLETION) {
		if (last_part(&t, dw))
			m->read[t.tag].out = false;
		return;
	}
	uint64_t bar0 = t.address - m->c.bar0, bar4 = t.address - m->c.bar4;
	if (t.kind != TLP_WRITE) {
		struct host_request *r = &m->request[t.tag];
		r->waiting = true;
		r->event = m->event;
		r->asked = t.kind != TLP_READ || t.length != 1 ? ASKED_OTHER
			   : bar0 == GL_BAR0_INV_CONTROL       ? ASKED_INVALIDATION
			   : bar0 == GL_BAR0_REVOKE	       ? ASKED_REVOCATION
							       : ASKED_OTHER;
		return;
	}
	for (uint32_t i = 0; i < t.length; i++) {
		uint32_t be = i == 0 ? t.first_be : i == t.length - 1 ? t.last_be : 15;
		if (be != 15)
			continue; /* these registers are written as whole words */
		if (bar0 < BAR0_BYTES)
			bar0_write(m, (uint32_t)bar0 + 4 * i, dw[t.header + i]);
		else if (bar4 < MSIX_ENTRIES * 16)
			msix_write(m, (uint32_t)bar4 + 4 * i, dw[t.header + i]);
	}
}
