// SPDX-License-Identifier: Apache-2.0
// The root complex: TLPs to and from the NIC, host memory, interrupts, faults on request (PCI Express base specification, chapter 2).
// A TLP is an array of DWs: header DWs as the specification prints them, payload DWs with the lowest address in bits 7:0.
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTER_ID 0x0000u /* the root complex: bus 0, device 0, function 0 */
#define NIC_ID	     0x0100u /* the NIC: bus 1, device 0, function 0 */
#define MSI_BASE     0xfee00000u
#define MSI_TOP	     0xfef00000u
#define MAX_DW	     (4 + 1024)
#define HOST_TAGS    32
#define NIC_TAGS     256
#define RCB	     64

/* Fmt and Type of DW0 (table 2-3), with bits 31:24 as they stand there. */
enum {
	T_MRD3 = 0x00,
	T_MRD4 = 0x20,
	T_MWR3 = 0x40,
	T_MWR4 = 0x60,
	T_CFGRD0 = 0x04,
	T_CFGWR0 = 0x44,
	T_CPL = 0x0a,
	T_CPLD = 0x4a,
};

enum { CPL_SC = 0, CPL_UR = 1, CPL_CA = 4 };

struct packet {
	struct packet *next;
	size_t dw_count;
	bool non_posted;
	uint32_t dw[];
};

struct range {
	uint64_t address;
	size_t bytes;
	uint8_t *data;
};

struct fault {
	enum gls_fault kind;
	uint64_t address;
	size_t bytes;
	unsigned count;
};

struct host_read {
	void (*done)(void *arg, uint32_t value);
	void *arg;
	bool busy;
	unsigned offset, size; /* position of the value in its DW */
};

struct irq {
	struct gls *s;
	unsigned vector;
	void (*fn)(void *arg);
	void *arg;
	uint64_t count;
};

struct root {
	struct packet *first, **last; /* to the NIC */
	struct packet *sending;	      /* one of them, taken out */
	size_t sent_dw;
	uint32_t up[MAX_DW]; /* from the NIC */
	size_t up_dw;
	uint64_t bar[6];
	struct range *ranges;
	size_t range_count, range_last;
	struct host_read reads[HOST_TAGS];
	unsigned reads_busy;
	unsigned completions; /* scheduled or waiting for the host, not queued yet */
	struct gls_host host;
	bool has_host, stalled;
	struct completion *waiting[NIC_TAGS]; /* for the host */
	uint32_t epoch;			      /* counts resets */
	size_t packets;			      /* in the list from `first` on */
	uint64_t completion_time;
	struct fault faults[16];
	struct irq irqs[GLS_VECTORS];
	void (*monitor)(void *arg, const uint32_t *dw, size_t count);
	void *monitor_arg;
	void (*down_monitor)(void *arg, const uint32_t *dw, size_t count);
	void *down_monitor_arg;
};

static void forget_packets(struct root *r);

int root_new(struct gls *s)
{
	struct root *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->last = &r->first;
	for (unsigned i = 0; i < GLS_VECTORS; i++) {
		r->irqs[i].s = s;
		r->irqs[i].vector = i;
	}
	s->root = r;
	return 0;
}

void root_free(struct gls *s)
{
	struct root *r = s->root;
	forget_packets(r);
	for (size_t i = 0; i < r->range_count; i++)
		free(r->ranges[i].data);
	free(r->ranges);
	free(r);
}

void gls_set_bar(struct gls *s, enum gls_bar bar, uint64_t address)
{
	s->root->bar[bar] = address;
}

void gls_host_use(struct gls *s, const struct gls_host *host)
{
	s->root->host = *host;
	s->root->has_host = true;
}

void gls_host_stall(struct gls *s, bool stall)
{
	s->root->stalled = stall;
}

static void forget_packets(struct root *r)
{
	while (r->first) {
		struct packet *p = r->first;
		r->first = p->next;
		free(p);
	}
	r->last = &r->first;
	r->packets = 0;
	free(r->sending);
	r->sending = NULL;
	for (unsigned i = 0; i < NIC_TAGS; i++) {
		free(r->waiting[i]);
		r->waiting[i] = NULL;
	}
}

void root_reset(struct gls *s)
{
	struct root *r = s->root;
	forget_packets(r);
	r->epoch++;
	r->up_dw = 0;
	r->completions = 0;
	r->completion_time = 0;
	r->stalled = false;
	memset(r->reads, 0, sizeof(r->reads));
	r->reads_busy = 0;
	s->pins.rx_valid = false;
}

bool root_busy(const struct gls *s)
{
	const struct root *r = s->root;
	return r->first || r->sending || r->up_dw || r->completions || r->reads_busy;
}

/* --- Memory ---------------------------------------------------------------------------------------------------------- */

int gls_memory_add(struct gls *s, uint64_t address, size_t bytes)
{
	struct root *r = s->root;
	for (size_t i = 0; i < r->range_count; i++)
		if (address < r->ranges[i].address + r->ranges[i].bytes &&
		    r->ranges[i].address < address + bytes)
			return gls_fail(s, EEXIST,
					"host memory at 0x%llx overlaps a range added before",
					(unsigned long long)address);
	struct range *ranges = realloc(r->ranges, (r->range_count + 1) * sizeof(*ranges));
	uint8_t *data = calloc(1, bytes);
	if (ranges)
		r->ranges = ranges;
	if (!ranges || !data) {
		free(data);
		return gls_fail(s, ENOMEM, "not enough memory for %zu bytes of host memory", bytes);
	}
	r->ranges[r->range_count++] = (struct range){ address, bytes, data };
	return 0;
}

void *gls_memory(struct gls *s, uint64_t address, size_t bytes)
{
	struct root *r = s->root;
	for (size_t n = 0; n < r->range_count; n++) {
		size_t i = (r->range_last + n) % r->range_count;
		struct range *g = &r->ranges[i];
		if (address >= g->address && address - g->address < g->bytes &&
		    bytes <= g->bytes - (address - g->address)) {
			r->range_last = i;
			return g->data + (address - g->address);
		}
	}
	return NULL;
}

/* --- To the NIC ------------------------------------------------------------------------------------------------------- */

void gls_tlp_send(struct gls *s, const uint32_t *dw, size_t count)
{
	struct root *r = s->root;
	struct packet *p = malloc(sizeof(*p) + count * sizeof(*dw));
	if (!p)
		abort();
	uint32_t type = dw[0] >> 24;
	p->next = NULL;
	p->dw_count = count;
	/* Everything but memory writes, messages and completions. */
	p->non_posted =
		type != T_MWR3 && type != T_MWR4 && (type & 0x1f) != 0x0a && (type & 0x18) != 0x10;
	memcpy(p->dw, dw, count * sizeof(*dw));
	*r->last = p;
	r->last = &p->next;
	r->packets++;
}

size_t gls_tlp_pending(const struct gls *s)
{
	return s->root->packets + !!s->root->sending;
}

/* The next TLP that may go: in order, but a posted one may pass non-posted ones that the NIC cannot take yet (table 2-39). */
static struct packet *next_packet(struct root *r, bool np_ok)
{
	struct packet **at = &r->first;
	while (*at && (*at)->non_posted && !np_ok)
		at = &(*at)->next;
	struct packet *p = *at;
	if (p) {
		*at = p->next;
		if (!*at)
			r->last = at;
		r->packets--;
	}
	return p;
}

static bool link_has_room(struct gls *s, uint32_t *credit)
{
	if (s->config.link_bytes >= 128)
		return true;
	*credit += s->config.link_bytes;
	if (*credit < 128)
		return false;
	*credit -= 128;
	return true;
}

void root_drive(struct gls *s)
{
	struct root *r = s->root;
	struct model_pins *pins = &s->pins;
	if (!r->sending && r->first) {
		r->sending = next_packet(r, pins->rx_np_ok);
		r->sent_dw = 0;
	}
	/* valid, once up, stays until the NIC takes the beat */
	if (r->sending && (pins->rx_valid || link_has_room(s, &s->link_credit_down))) {
		size_t left = r->sending->dw_count - r->sent_dw;
		const uint32_t *dw = r->sending->dw + r->sent_dw;
		pins->rx_valid = true;
		pins->rx_sop = r->sent_dw == 0;
		pins->rx_eop = left <= 2;
		pins->rx_keep = left >= 2;
		pins->rx_data = dw[0] | (left >= 2 ? (uint64_t)dw[1] << 32 : 0);
	} else {
		pins->rx_valid = false;
	}
	pins->tx_ready = !r->stalled && link_has_room(s, &s->link_credit_up);
	if (s->config.tx_stall_percent && gls_below(s, 100) < s->config.tx_stall_percent)
		pins->tx_ready = false;
	pins->tx_np_ok = true;
}

/* --- Completions for the NIC's reads ----------------------------------------------------------------------------------- */

struct completion {
	struct gls *s;
	uint64_t address;
	uint32_t bytes;
	uint16_t requester;
	uint8_t tag, status;
	bool poison, no_data; /* no_data: a bare status */
	uint32_t first_be, last_be, dw_count;
	uint32_t epoch;
};

/* `data`: of this part. */
static void send_completion_part(struct completion *c, uint64_t address, const void *data,
				 uint32_t dws, uint32_t bytes_left)
{
	uint32_t dw[3 + 1024];
	dw[0] = (uint32_t)(c->no_data ? T_CPL : T_CPLD) << 24 | (c->poison ? 1u << 14 : 0) |
		(c->no_data ? 0 : dws & 0x3ff);
	dw[1] = REQUESTER_ID << 16 | (uint32_t)c->status << 13 | (bytes_left & 0xfff);
	dw[2] = (uint32_t)c->requester << 16 | (uint32_t)c->tag << 8 | (address & 0x7f);
	if (!c->no_data)
		memcpy(dw + 3, data, dws * 4);
	gls_tlp_send(c->s, dw, c->no_data ? 3 : 3 + dws);
}

/* Bytes before the first enabled one of a DW, and behind the last one (section 2.3.1.1, table 2-33 ff.). */
static uint32_t leading(uint32_t be)
{
	return be & 1 ? 0 : be & 2 ? 1 : be & 4 ? 2 : be & 8 ? 3 : 0;
}

static uint32_t trailing(uint32_t be)
{
	return be & 8 ? 0 : be & 4 ? 1 : be & 2 ? 2 : be & 1 ? 3 : 3;
}

/* Sends the completion, in parts, and forgets it. `data`: all DWs, not used with no_data. */
static void finish(struct completion *c, const uint8_t *data)
{
	struct gls *s = c->s;
	s->root->completions--;
	if (c->no_data) {
		send_completion_part(c, 0, NULL, 0, 4);
		free(c);
		return;
	}
	uint32_t left = c->bytes;
	uint64_t address = c->address; /* of the first enabled byte */
	uint64_t start = c->address & ~3ull, end = start + c->dw_count * 4ull;
	while (address < end) {
		uint64_t stop = (address & ~3ull) + s->config.max_payload;
		stop -= stop % RCB;
		if (s->config.split && end - address > RCB) {
			uint64_t blocks = (stop - address) / RCB;
			if (blocks > 1)
				stop -= gls_below(s, (uint32_t)blocks) * RCB;
		}
		if (stop > end)
			stop = end;
		send_completion_part(c, address, data + ((address & ~3ull) - start),
				     (uint32_t)((stop - (address & ~3ull)) / 4), left);
		uint32_t moved = (uint32_t)(stop - address);
		left = moved < left ? left - moved : 0;
		address = stop;
	}
	free(c);
}

static void complete(void *arg)
{
	struct completion *c = arg;
	struct gls *s = c->s;
	struct root *r = s->root;
	if (c->epoch != r->epoch) {
		free(c);
		return;
	}
	if (c->no_data || !r->has_host) {
		const uint8_t *data =
			c->no_data ? NULL : gls_memory(s, c->address & ~3ull, c->dw_count * 4);
		static const uint8_t zeroes[4096];
		finish(c, data ? data : zeroes);
		return;
	}
	uint8_t data[4096];
	unsigned slot = 0;
	while (slot < NIC_TAGS - 1 && r->waiting[slot])
		slot++;
	int answer = r->waiting[slot]
			     ? -1
			     : r->host.read(r->host.arg, c->address & ~3ull, data, c->dw_count * 4,
					    (uint64_t)r->epoch << 32 | slot);
	if (answer == 1) {
		r->waiting[slot] = c;
		return;
	}
	if (answer < 0) {
		c->no_data = true;
		c->status = CPL_UR;
	}
	finish(c, data);
}

void gls_host_complete(struct gls *s, uint64_t token, const void *data)
{
	struct root *r = s->root;
	uint32_t slot = (uint32_t)token;
	if (token >> 32 != r->epoch || slot >= NIC_TAGS || !r->waiting[slot])
		return;
	struct completion *c = r->waiting[slot];
	r->waiting[slot] = NULL;
	if (!data) {
		c->no_data = true;
		c->status = CPL_CA;
	}
	finish(c, data);
}

static enum gls_fault fault_of(struct root *r, uint64_t address, size_t bytes)
{
	for (size_t i = 0; i < sizeof(r->faults) / sizeof(r->faults[0]); i++) {
		struct fault *f = &r->faults[i];
		if (f->count && address < f->address + f->bytes && f->address < address + bytes) {
			f->count--;
			return f->kind;
		}
	}
	return GLS_FAULT_NONE;
}

void gls_fault(struct gls *s, enum gls_fault kind, uint64_t address, size_t bytes, unsigned count)
{
	struct root *r = s->root;
	struct fault f = { kind, address, bytes, count };
	if (kind == GLS_FAULT_NONE) {
		for (size_t i = 0; i < sizeof(r->faults) / sizeof(r->faults[0]); i++)
			if (r->faults[i].address < address + bytes &&
			    address < r->faults[i].address + r->faults[i].bytes)
				r->faults[i].count = 0;
		return;
	}
	for (size_t i = 0; i < sizeof(r->faults) / sizeof(r->faults[0]); i++)
		if (!r->faults[i].count) {
			r->faults[i] = f;
			return;
		}
	r->faults[0] = f;
}

static void memory_read(struct gls *s, const uint32_t *dw, uint64_t address)
{
	struct root *r = s->root;
	struct completion *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->s = s;
	c->epoch = r->epoch;
	c->dw_count = dw[0] & 0x3ff ? dw[0] & 0x3ff : 1024;
	c->first_be = dw[1] & 0xf;
	c->last_be = dw[1] >> 4 & 0xf;
	c->requester = (uint16_t)(dw[1] >> 16);
	c->tag = dw[1] >> 8 & 0xff;
	c->address = address + leading(c->first_be);
	if (c->dw_count == 1)
		c->bytes = c->first_be ? 4 - leading(c->first_be) - trailing(c->first_be) : 1;
	else
		c->bytes = c->dw_count * 4 - leading(c->first_be) - trailing(c->last_be);
	enum gls_fault fault = fault_of(r, address, c->dw_count * 4);
	if (fault == GLS_FAULT_DROP) {
		free(c);
		return;
	}
	if (fault == GLS_FAULT_UR || fault == GLS_FAULT_CA ||
	    (!r->has_host && !gls_memory(s, address, c->dw_count * 4))) {
		c->no_data = true;
		c->status = fault == GLS_FAULT_CA ? CPL_CA : CPL_UR;
	}
	c->poison = fault == GLS_FAULT_POISON;
	uint64_t at = s->now + s->config.latency + gls_below(s, s->config.latency_jitter + 1);
	if (!s->config.out_of_order && at < r->completion_time)
		at = r->completion_time;
	r->completion_time = at;
	r->completions++;
	gls_at(s, at, complete, c);
}

/* --- From the NIC --------------------------------------------------------------------------------------------------------- */

static void irq_fire(void *arg)
{
	struct irq *q = arg;
	q->count++;
	if (q->fn)
		q->fn(q->arg);
}

/* Byte enables of DW i of a request of `count`. */
static uint32_t enables(const uint32_t *dw, uint32_t i, uint32_t count)
{
	return i == 0 ? dw[1] & 0xf : i == count - 1 ? dw[1] >> 4 & 0xf : 0xf;
}

/* Gives the host each run of enabled bytes. */
static void host_write(struct gls *s, const uint32_t *dw, uint64_t address, const uint32_t *data,
		       uint32_t count)
{
	const struct gls_host *h = &s->root->host;
	uint32_t start = 0, end = 0;
	if (count == 1 && address == h->msi_address && h->msi) {
		h->msi(h->arg, data[0]);
		return;
	}
	for (uint32_t at = 0; at <= count * 4; at++) {
		bool on = at < count * 4 && enables(dw, at / 4, count) >> (at % 4) & 1;
		if (on && end != at)
			start = at;
		if (on)
			end = at + 1;
		else if (end == at && end > start)
			h->write(h->arg, address + start, (const uint8_t *)data + start,
				 end - start);
	}
}

static void memory_write(struct gls *s, const uint32_t *dw, uint64_t address, const uint32_t *data)
{
	uint32_t count = dw[0] & 0x3ff ? dw[0] & 0x3ff : 1024;
	if (s->root->has_host) {
		if (!(dw[0] & 1u << 14))
			host_write(s, dw, address, data, count);
		return;
	}
	if (address >= MSI_BASE && address < MSI_TOP) {
		if (data[0] < GLS_VECTORS)
			gls_at(s, s->now + s->config.irq_latency, irq_fire,
			       &s->root->irqs[data[0]]);
		return;
	}
	uint8_t *to = gls_memory(s, address, count * 4);
	if (!to || dw[0] & 1u << 14)
		return; /* nobody there, or poisoned: dropped, as a root complex does */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t be = enables(dw, i, count);
		if (be == 0xf) {
			memcpy(to + i * 4, data + i, 4);
			continue;
		}
		for (unsigned b = 0; b < 4; b++)
			if (be & 1u << b)
				to[i * 4 + b] = (uint8_t)(data[i] >> 8 * b);
	}
}

static void host_completion(struct gls *s, const uint32_t *dw, size_t count)
{
	struct root *r = s->root;
	unsigned tag = dw[2] >> 8 & 0xff;
	if (tag >= HOST_TAGS || !r->reads[tag].busy)
		return;
	struct host_read h = r->reads[tag];
	uint32_t value = UINT32_MAX;
	if (!(dw[1] >> 13 & 7))
		value = count > 3 ? dw[3] : 0;
	r->reads[tag].busy = false;
	r->reads_busy--;
	value >>= 8 * h.offset;
	if (h.size < 4)
		value &= (1u << 8 * h.size) - 1;
	if (h.done)
		h.done(h.arg, value);
}

void root_receive(struct gls *s, const uint32_t *dw, size_t count)
{
	uint32_t type = dw[0] >> 24;
	if (s->root->monitor)
		s->root->monitor(s->root->monitor_arg, dw, count);
	switch (type) {
	case T_MRD3:
		memory_read(s, dw, dw[2] & ~3u);
		break;
	case T_MRD4:
		memory_read(s, dw, (uint64_t)dw[2] << 32 | (dw[3] & ~3u));
		break;
	case T_MWR3:
		memory_write(s, dw, dw[2] & ~3u, dw + 3);
		break;
	case T_MWR4:
		memory_write(s, dw, (uint64_t)dw[2] << 32 | (dw[3] & ~3u), dw + 4);
		break;
	case T_CPL:
	case T_CPLD:
		host_completion(s, dw, count);
		break;
	default:
		break;
	}
}

void gls_on_tlp(struct gls *s, void (*fn)(void *arg, const uint32_t *dw, size_t count), void *arg)
{
	s->root->monitor = fn;
	s->root->monitor_arg = arg;
}

void gls_on_tlp_down(struct gls *s, void (*fn)(void *arg, const uint32_t *dw, size_t count),
		     void *arg)
{
	s->root->down_monitor = fn;
	s->root->down_monitor_arg = arg;
}

size_t root_take(struct gls *s, bool np_ok, uint32_t *dw, size_t room, bool *non_posted)
{
	struct root *r = s->root;
	struct packet *p = next_packet(r, np_ok);
	size_t count = 0;
	if (!p)
		return 0;
	if (p->dw_count <= room) {
		count = p->dw_count;
		*non_posted = p->non_posted;
		memcpy(dw, p->dw, count * sizeof(*dw));
		if (r->down_monitor)
			r->down_monitor(r->down_monitor_arg, p->dw, count);
	}
	free(p);
	return count;
}

void root_sample(struct gls *s)
{
	struct root *r = s->root;
	struct model_pins *pins = &s->pins;
	if (pins->rx_valid && pins->rx_ready) {
		pins->rx_valid = false;
		r->sent_dw += 2;
		if (r->sent_dw >= r->sending->dw_count) {
			if (r->down_monitor)
				r->down_monitor(r->down_monitor_arg, r->sending->dw,
						r->sending->dw_count);
			free(r->sending);
			r->sending = NULL;
		}
	}
	if (pins->tx_valid && pins->tx_ready) {
		if (pins->tx_sop)
			r->up_dw = 0;
		if (r->up_dw + 2 <= MAX_DW) {
			r->up[r->up_dw++] = (uint32_t)pins->tx_data;
			if (pins->tx_keep || !pins->tx_eop)
				r->up[r->up_dw++] = (uint32_t)(pins->tx_data >> 32);
		}
		if (pins->tx_eop) {
			size_t count = r->up_dw;
			r->up_dw = 0;
			root_receive(s, r->up, count);
		}
	}
}

/* --- Registers -------------------------------------------------------------------------------------------------------------- */

void gls_on_irq(struct gls *s, unsigned vector, void (*fn)(void *arg), void *arg)
{
	if (vector < GLS_VECTORS) {
		s->root->irqs[vector].fn = fn;
		s->root->irqs[vector].arg = arg;
	}
}

uint64_t gls_irq_count(const struct gls *s, unsigned vector)
{
	return vector < GLS_VECTORS ? s->root->irqs[vector].count : 0;
}

static size_t memory_header(uint32_t *dw, bool write, uint64_t address, uint32_t count, uint32_t be,
			    unsigned tag)
{
	bool wide = address >> 32;
	dw[0] = (uint32_t)((write ? T_MWR3 : T_MRD3) | (wide ? 0x20 : 0)) << 24 | (count & 0x3ff);
	dw[1] = REQUESTER_ID << 16 | tag << 8 | be;
	if (wide)
		dw[2] = (uint32_t)(address >> 32);
	dw[wide ? 3 : 2] = (uint32_t)address & ~3u;
	return wide ? 4 : 3;
}

static bool tag_free(void *arg)
{
	return ((struct gls *)arg)->root->reads_busy < HOST_TAGS;
}

static unsigned take_tag(struct gls *s, void (*done)(void *arg, uint32_t value), void *arg,
			 unsigned offset, unsigned size)
{
	struct root *r = s->root;
	if (r->reads_busy == HOST_TAGS)
		gls_run_until(s, tag_free, s, s->read_limit);
	unsigned tag = 0;
	while (tag < HOST_TAGS - 1 && r->reads[tag].busy)
		tag++;
	r->reads[tag] = (struct host_read){ done, arg, true, offset, size };
	r->reads_busy++;
	return tag;
}

void gls_read_async(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size,
		    void (*done)(void *arg, uint32_t value), void *arg)
{
	uint32_t dw[4];
	uint64_t address = s->root->bar[bar] + offset;
	unsigned tag = take_tag(s, done, arg, address & 3, size);
	size_t n = memory_header(dw, false, address, 1, ((1u << size) - 1) << (address & 3), tag);
	gls_tlp_send(s, dw, n);
}

struct waiting {
	uint32_t value;
	bool done;
};

static void wait_done(void *arg, uint32_t value)
{
	struct waiting *w = arg;
	w->value = value;
	w->done = true;
}

static bool wait_over(void *arg)
{
	return ((struct waiting *)arg)->done;
}

/* Waits for a read; if it is never answered, nothing may write to the caller's stack later. */
static uint32_t wait_for(struct gls *s, struct waiting *w)
{
	if (!gls_run_until(s, wait_over, w, s->read_limit)) {
		for (unsigned i = 0; i < HOST_TAGS; i++)
			if (s->root->reads[i].busy && s->root->reads[i].arg == w) {
				s->root->reads[i].done = NULL;
				s->root->reads[i].busy = false;
				s->root->reads_busy--;
			}
		return UINT32_MAX;
	}
	return w->value;
}

uint32_t gls_read(struct gls *s, enum gls_bar bar, uint32_t offset, unsigned size)
{
	struct waiting w = { 0 };
	gls_read_async(s, bar, offset, size, wait_done, &w);
	return wait_for(s, &w);
}

uint64_t gls_read64(struct gls *s, enum gls_bar bar, uint32_t offset)
{
	uint64_t low = gls_read(s, bar, offset, 4);
	return low | (uint64_t)gls_read(s, bar, offset + 4, 4) << 32;
}

void gls_write(struct gls *s, enum gls_bar bar, uint32_t offset, uint32_t value, unsigned size)
{
	uint32_t dw[5];
	uint64_t address = s->root->bar[bar] + offset;
	size_t n = memory_header(dw, true, address, 1, ((1u << size) - 1) << (address & 3), 0);
	dw[n++] = value << 8 * (address & 3);
	gls_tlp_send(s, dw, n);
}

void root_write_block(struct gls *s, enum gls_bar bar, uint32_t offset, const void *data,
		      size_t bytes)
{
	const uint8_t *from = data;
	while (bytes) {
		uint32_t dw[4 + 64];
		size_t chunk = bytes > s->config.max_payload ? s->config.max_payload : bytes;
		uint32_t count = (uint32_t)(chunk / 4);
		size_t n = memory_header(dw, true, s->root->bar[bar] + offset, count,
					 count > 1 ? 0xff : 0x0f, 0);
		memcpy(dw + n, from, chunk);
		gls_tlp_send(s, dw, n + count);
		from += chunk;
		offset += (uint32_t)chunk;
		bytes -= chunk;
	}
}

static void config_tlp(struct gls *s, unsigned tag, uint32_t offset, uint32_t value, unsigned be,
		       bool write)
{
	uint32_t dw[4];
	dw[0] = (uint32_t)(write ? T_CFGWR0 : T_CFGRD0) << 24 | 1;
	dw[1] = REQUESTER_ID << 16 | tag << 8 | be;
	dw[2] = NIC_ID << 16 | (offset & 0xffc);
	dw[3] = value;
	gls_tlp_send(s, dw, write ? 4 : 3);
}

static uint32_t config_access(struct gls *s, uint32_t offset, uint32_t value, unsigned size,
			      bool write)
{
	struct waiting w = { 0 };
	unsigned tag = take_tag(s, wait_done, &w, offset & 3, size);
	config_tlp(s, tag, offset, value << 8 * (offset & 3), ((1u << size) - 1) << (offset & 3),
		   write);
	return wait_for(s, &w);
}

void gls_config_async(struct gls *s, uint32_t offset, uint32_t value, unsigned byte_enables,
		      bool write, void (*done)(void *arg, uint32_t value), void *arg)
{
	config_tlp(s, take_tag(s, done, arg, 0, 4), offset, value, byte_enables, write);
}

uint32_t gls_config_read(struct gls *s, uint32_t offset, unsigned size)
{
	return config_access(s, offset, 0, size, false);
}

void gls_config_write(struct gls *s, uint32_t offset, uint32_t value, unsigned size)
{
	config_access(s, offset, value, size, true);
}
