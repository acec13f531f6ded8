// SPDX-License-Identifier: Apache-2.0
// Frame of the co-simulation tests: see cosim.h.
#include "cosim.h"

#define FLOW_LIMIT 4000000 /* cycles in which a frame arrives, with all before it */

struct gls *nic;
struct gls_guest *guest[PORTS];
struct net_counts net;
uint64_t net_seed = 0x6c61e5;
unsigned net_gap = 2000;

struct frame {
	struct frame *next;
	uint64_t cycle; /* sent */
	size_t bytes;
	uint8_t octet[];
};

/* Frames under way from one port to another, in order. */
#define SEEN 64
struct flow {
	struct frame *first, **last;
	struct frame *seen[SEEN]; /* that arrived last, if frames may come twice */
	unsigned seen_at;
};

static struct flow flows[PORTS][PORTS];
static struct {
	bool up, lossy, hostile, ignored, away;
	uint32_t control;
	unsigned pending, window;
} ports[PORTS];
static uint64_t random_state;
static bool forgiving;
static char first_problem[256];
static void (*watch)(const uint32_t *dw);
static void (*on_arrival)(unsigned from, unsigned to, size_t bytes, uint64_t cycles);
static void (*on_stray)(unsigned from, unsigned to, const uint8_t *frame, size_t bytes);
static bool (*may_come)(unsigned to, const uint8_t *frame, size_t bytes);

static uint64_t rand64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dull;
}

uint32_t net_below(uint32_t n)
{
	return n ? (uint32_t)((rand64() >> 32) * n >> 32) : 0;
}

static void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void problem(const char *format, ...)
{
	if (first_problem[0])
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(first_problem, sizeof(first_problem), format, args);
	va_end(args);
}

/* --- The switch in C (docs/interfaces.md, "Switch") ------------------------------------------------------------------------ */

void net_mac(unsigned port, uint8_t mac[6])
{
	const uint8_t base[6] = {
		0x02, 0x47, 0x4c, 0, (uint8_t)(port == WIRE), (uint8_t)(port + 1)
	};
	memcpy(mac, base, 6);
}

static unsigned port_of(const uint8_t mac[6])
{
	uint8_t other[6];
	for (unsigned p = 0; p < PORTS; p++) {
		net_mac(p, other);
		if (!memcmp(mac, other, 6))
			return p;
	}
	return NOBODY;
}

/* VLAN entries: VID -> entry, entry -> member ports. */
static uint8_t vlan_entry[4096];
static uint32_t vlan_members[64];
static uint64_t filters[WIRE];

#define NO_VLAN	 (-1)
#define BAD_VLAN (-2)

static bool is_access(unsigned p)
{
	return p != WIRE && ports[p].control & SW(VLAN_ACCESS);
}

static unsigned access_vid(unsigned p)
{
	return (ports[p].control & GL_BAR0_SW_CONTROL_VID_MASK) >> GL_BAR0_SW_CONTROL_VID_LSB;
}

static bool carries(unsigned p, int vid)
{
	return vlan_entry[vid] && vlan_members[vlan_entry[vid]] >> p & 1;
}

/* VLAN that a frame belongs to (docs/isolation.md, "Switch"), NO_VLAN, or BAD_VLAN if its sender may not send it. */
static int vlan_of(unsigned from, const uint8_t *f, size_t bytes)
{
	uint32_t c = from == WIRE ? 0 : ports[from].control;
	bool typed = f[12] == 0x81 && f[13] == 0x00, tagged = typed && bytes >= 18;
	int vid = tagged ? (f[14] & 15) << 8 | f[15] : 0;
	if (is_access(from))
		return typed ? BAD_VLAN : (int)access_vid(from);
	if (c & SW(VLAN_TRUNK) &&
	    ((typed && !tagged) || (vid ? !carries(from, vid) : !(c & SW(UNTAGGED)))))
		return BAD_VLAN;
	return vid ? vid : NO_VLAN;
}

static bool may_take(unsigned p, int vlan)
{
	uint32_t c = ports[p].control;
	if (!ports[p].up || !(c & SW(ENABLE)))
		return false;
	return !(is_access(p) ? vlan != (int)access_vid(p)
			      : c & SW(VLAN_TRUNK) && !(vlan == NO_VLAN ? (c & SW(UNTAGGED)) != 0
									: carries(p, vlan)));
}

/* As a frame from a port finds it. */
static bool is_away(unsigned from, unsigned p, const uint8_t *f)
{
	return ports[p].control & SW(FALLBACK) &&
	       (ports[p].away || (from == 0 && port_of(f + 6) == p));
}

static bool takes(unsigned p, const uint8_t *f, int vlan)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint32_t c = ports[p].control;
	if (!may_take(p, vlan))
		return false;
	if (c & SW(PROMISC) || port_of(f) == p)
		return true;
	if (!memcmp(f, all, 6))
		return c & SW(BROADCAST);
	return f[0] & 1 && (c & SW(MULTICAST) || filters[p] >> gls_multicast_hash(f) & 1);
}

/* Ports that get the frame. */
static uint64_t switched(unsigned from, const uint8_t *f, size_t bytes)
{
	uint64_t to = 0;
	uint32_t c = from == WIRE ? 0 : ports[from].control;
	int vlan = vlan_of(from, f, bytes);
	if (from != WIRE && (!(c & SW(ENABLE)) || vlan == BAD_VLAN ||
			     (port_of(f + 6) != from && !(c & SW(ANY_SOURCE)))))
		return 0;
	bool unicast = false;
	for (unsigned p = 0; p < WIRE; p++) {
		if (p != from && is_away(from, p, f)) {
			if (from != 0 && port_of(f) == p && may_take(p, vlan) && may_take(0, vlan))
				to |= 1;
		} else if (p != from && takes(p, f, vlan)) {
			to |= 1ull << p;
		}
		if (ports[p].up && ports[p].control & SW(ENABLE) && port_of(f) == p)
			unicast = true;
	}
	if (from != WIRE && c & SW(TO_WIRE) && (f[0] & 1 || !unicast))
		to |= 1ull << WIRE;
	return to;
}

/* Who is where after the frame (docs/isolation.md, "Fallback"). */
static void move(unsigned from, const uint8_t *f, size_t bytes)
{
	uint32_t c = from == WIRE ? 0 : ports[from].control;
	unsigned source = port_of(f + 6);
	if (!(c & SW(ENABLE)) || vlan_of(from, f, bytes) == BAD_VLAN ||
	    (source != from && !(c & SW(ANY_SOURCE))))
		return;
	ports[from].away = false;
	if (from == 0 && source < WIRE)
		ports[source].away = true;
}

/* The frame as it looks where it arrives: with a tag, without, padded by a MAC. */
static size_t delivered(unsigned from, unsigned to, const uint8_t *f, size_t bytes, uint8_t *out)
{
	memset(out, 0, bytes + 60);
	memcpy(out, f, bytes);
	if (from == WIRE && bytes < 60)
		bytes = 60;
	if (is_access(from) && !is_access(to)) {
		const uint8_t tag[4] = { 0x81, 0, (uint8_t)(access_vid(from) >> 8),
					 (uint8_t)access_vid(from) };
		memmove(out + 16, out + 12, bytes - 12);
		memcpy(out + 12, tag, 4);
		bytes += 4;
	} else if (!is_access(from) && is_access(to)) {
		memmove(out + 12, out + 16, bytes - 16);
		bytes -= 4;
	}
	return to == WIRE && bytes < 60 ? 60 : bytes;
}

/* --- Sending and arriving ------------------------------------------------------------------------------------------------------ */

static void note(unsigned from, unsigned to, const uint8_t *f, size_t bytes)
{
	struct frame *n = calloc(1, sizeof(*n) + bytes + 64);
	struct flow *flow = &flows[from][to];
	n->bytes = delivered(from, to, f, bytes, n->octet);
	n->cycle = gls_now(nic);
	if (!flow->first)
		flow->last = &flow->first;
	*flow->last = n;
	flow->last = &n->next;
	ports[to].pending++;
}

static bool may_repeat;

void net_may_repeat(void)
{
	may_repeat = true;
}

static void forget(unsigned from, unsigned to)
{
	struct flow *flow = &flows[from][to];
	struct frame *f = flow->first;
	flow->first = f->next;
	ports[to].pending--;
	if (may_repeat) {
		struct frame **place = &flow->seen[flow->seen_at++ % SEEN];
		free(*place);
		*place = f;
	} else {
		free(f);
	}
}

bool net_send(unsigned from, const void *frame, size_t bytes)
{
	uint64_t to = switched(from, frame, bytes);
	for (unsigned p = 0; p < PORTS; p++)
		if (to >> p & 1 && ports[p].pending >= ports[p].window)
			return false;
	if (from == WIRE) {
		gls_wire_send(nic, frame, bytes, GLS_WIRE_OK);
	} else {
		int error = gls_guest_send(guest[from], frame, bytes, true);
		if (error == -ENOSPC || (error == -ENOTCONN && ports[from].lossy) ||
		    (error == -EIO && ports[from].hostile))
			return false;
		if (error)
			fail_msg("%s", gls_error(nic));
	}
	net.sent++;
	move(from, frame, bytes);
	for (unsigned p = 0; p < PORTS; p++)
		if (to >> p & 1 && !ports[p].ignored)
			note(from, p, frame, bytes);
	return true;
}

static bool same(const struct frame *f, const uint8_t *octet, size_t bytes)
{
	return f->bytes == bytes && !memcmp(f->octet, octet, bytes);
}

/* The frame is not the next one of its flow, but has arrived already. */
static bool came_before(unsigned to, const uint8_t *octet, size_t bytes)
{
	const unsigned from = may_repeat && bytes >= 12 ? port_of(octet + 6) : NOBODY;

	if (from == NOBODY)
		return false;
	struct flow *flow = &flows[from][to];
	for (const struct frame *f = flow->first; f; f = f->next)
		if (same(f, octet, bytes))
			return false;
	for (unsigned i = 0; i < SEEN; i++) {
		const struct frame *f = flow->seen[i];
		if (!f || !same(f, octet, bytes))
			continue;
		net.twice++;
		return true;
	}
	return false;
}

static void arrived(unsigned to, const uint8_t *octet, size_t bytes)
{
	/* Whoever sent it: by its source address, or (ANY_SOURCE, broken addresses) whoever has such a frame under way. */
	unsigned from = bytes >= 12 ? port_of(octet + 6) : NOBODY;
	if (came_before(to, octet, bytes))
		return;
	net.arrived++;
	for (unsigned p = 0; p < PORTS && (from == NOBODY || !flows[from][to].first); p++)
		if (flows[p][to].first && same(flows[p][to].first, octet, bytes))
			from = p;
	/* A context that is being revoked has no address: frames to it leave to the wire like those to any stranger. */
	unsigned dest = bytes >= 12 ? port_of(octet) : NOBODY;
	if (to == WIRE && dest < WIRE && ports[dest].lossy && from < WIRE &&
	    ports[from].control & SW(TO_WIRE) &&
	    !(flows[from][to].first && same(flows[from][to].first, octet, bytes)))
		return;
	if (from == NOBODY || !flows[from][to].first) {
		/* Who writes rings by hand sends what happens to lie there. */
		if (from != NOBODY && ports[from].hostile) {
			if (on_stray)
				on_stray(from, to, octet, bytes);
			return;
		}
		if (from == NOBODY && may_come && may_come(to, octet, bytes))
			return;
		net.strange++;
		problem("port %u got a frame of %zu bytes that was not sent to it", to, bytes);
		return;
	}
	struct flow *flow = &flows[from][to];
	if (!same(flow->first, octet, bytes)) {
		unsigned skip = 0;
		const struct frame *f = flow->first;
		while (f && !same(f, octet, bytes))
			f = f->next, skip++;
		if (!f && (ports[from].hostile || ports[to].hostile)) {
			return;
		} else if (!f) {
			size_t at = 0;
			while (at < bytes && at < flow->first->bytes &&
			       octet[at] == flow->first->octet[at])
				at++;
			net.wrong++;
			problem("port %u got a frame of %zu bytes from port %u that differs at "
				"byte %zu (%zu bytes were sent)",
				to, bytes, from, at, flow->first->bytes);
			if (ports[from].lossy || ports[to].lossy)
				return;
		} else if (!forgiving && !ports[from].lossy && !ports[to].lossy) {
			net.lost += skip;
			problem("port %u did not get %u frames from port %u, but a later one", to,
				skip, from);
		}
		while (f && skip--)
			forget(from, to);
	}
	if (on_arrival)
		on_arrival(from, to, bytes, gls_now(nic) - flow->first->cycle);
	forget(from, to);
}

unsigned net_forgive(bool on)
{
	unsigned n = 0;
	for (unsigned from = 0; from < PORTS; from++)
		for (unsigned to = 0; forgiving && !on && to < PORTS; to++)
			for (; flows[from][to].first; n++)
				forget(from, to);
	forgiving = on;
	return n;
}

void net_on_arrival(void (*fn)(unsigned from, unsigned to, size_t bytes, uint64_t cycles))
{
	on_arrival = fn;
}

void net_on_stray(void (*fn)(unsigned from, unsigned to, const uint8_t *frame, size_t bytes))
{
	on_stray = fn;
}

void net_on_stranger(bool (*fn)(unsigned to, const uint8_t *frame, size_t bytes))
{
	may_come = fn;
}

uint64_t net_oldest(unsigned *from, unsigned *to)
{
	uint64_t oldest = UINT64_MAX;
	for (unsigned f = 0; f < PORTS; f++)
		for (unsigned t = 0; t < PORTS; t++)
			if (flows[f][t].first && flows[f][t].first->cycle < oldest &&
			    !ports[f].lossy && !ports[t].lossy) {
				oldest = flows[f][t].first->cycle;
				*from = f, *to = t;
			}
	return oldest == UINT64_MAX ? 0 : gls_now(nic) - oldest;
}

const char *net_problem(void)
{
	return first_problem;
}

static void guest_got(void *arg, const uint8_t *frame, size_t bytes)
{
	arrived((unsigned)(uintptr_t)arg, frame, bytes);
}

static void wire_got(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	(void)arg;
	if (!fcs_ok) {
		net.wrong++;
		problem("a frame of %zu bytes with a bad FCS left to the wire", bytes);
	}
	arrived(WIRE, frame, bytes);
}

void net_build(uint8_t *frame, size_t bytes, const uint8_t to[6], const uint8_t from[6],
	       unsigned vid)
{
	uint64_t r = 0;
	for (size_t i = 0; i < bytes; i++) {
		if (i % 8 == 0)
			r = rand64();
		frame[i] = (uint8_t)(r >> 8 * (i % 8));
	}
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	size_t at = 12;
	if (vid) {
		frame[at++] = 0x81;
		frame[at++] = 0x00;
		frame[at++] = (uint8_t)(vid >> 8);
		frame[at++] = (uint8_t)vid;
	}
	/* an EtherType for experiments (IEEE 802, local experimental 1) */
	frame[at++] = 0x88;
	frame[at] = 0xb5;
}

static void between(uint8_t *frame, unsigned from, unsigned to, size_t bytes)
{
	uint8_t s[6], d[6];
	net_mac(from, s);
	net_mac(to, d);
	net_build(frame, bytes, d, s, 0);
}

bool net_try_to(unsigned from, unsigned to, size_t bytes)
{
	uint8_t frame[16384];
	between(frame, from, to, bytes);
	return net_send(from, frame, bytes);
}

void net_send_to(unsigned from, unsigned to, size_t bytes)
{
	uint8_t frame[16384];
	between(frame, from, to, bytes);
	for (unsigned tries = 0; !net_send(from, frame, bytes); tries++) {
		if (tries > 40000)
			fail_msg("port %u cannot send to port %u; %s", from, to, first_problem);
		gls_run(nic, 100);
	}
}

/* --- Guests, running, checking ----------------------------------------------------------------------------------------------------- */

static void note_read(const uint32_t *dw);

/* Whatever happens, the NIC reaches pages of guests, tables to read them, and the MSI address only (DESIGN.md, invariant 1). */
static void upstream(void *arg, const uint32_t *dw, size_t count)
{
	(void)arg, (void)count;
	uint64_t address, region, region_bytes;
	size_t bytes;
	bool write;
	note_read(dw);
	if (watch)
		watch(dw);
	if (!net_request(dw, &address, &bytes, &write))
		return;
	gls_table_region(nic, &region, &region_bytes);
	if (write ? address >> 20 == 0xfee : address - region < region_bytes)
		return;
	if (gls_owner(nic, address) >= 0 && address % 4096 + bytes <= 4096)
		return;
	net.strange++;
	problem("the NIC asks for %zu bytes at 0x%llx, which is no guest's page", bytes,
		(unsigned long long)address);
}

bool net_request(const uint32_t *dw, uint64_t *address, size_t *bytes, bool *write)
{
	uint32_t type = dw[0] >> 24;
	if (type != 0x00 && type != 0x20 && type != 0x40 && type != 0x60)
		return false;
	*address = (type & 0x20 ? (uint64_t)dw[2] << 32 | dw[3] : dw[2]) & ~3ull;
	*bytes = (dw[0] & 0x3ff ? dw[0] & 0x3ff : 1024) * 4ul;
	*write = type & 0x40;
	return true;
}

/* Reads that the NIC has sent and that are not wholly answered, by tag. */
static struct {
	uint64_t address;
	bool open;
} reads[256];

static void note_read(const uint32_t *dw)
{
	uint64_t address;
	size_t bytes;
	bool write;
	if (!net_request(dw, &address, &bytes, &write) || write)
		return;
	reads[dw[1] >> 8 & 0xff].address = address;
	reads[dw[1] >> 8 & 0xff].open = true;
}

/* A completion: the last one of a read has as many bytes as are left (PCI Express base specification, 2.2.9). */
static void downstream(void *arg, const uint32_t *dw, size_t count)
{
	(void)arg;
	uint32_t type = dw[0] >> 24;
	if (count < 3 || (type != 0x0a && type != 0x4a))
		return;
	uint32_t left = dw[1] & 0xfff ? dw[1] & 0xfff : 4096,
		 here = (dw[0] & 0x3ff ? dw[0] & 0x3ff : 1024) * 4 - (dw[2] & 3);
	if (type == 0x0a || left <= here)
		reads[dw[2] >> 8 & 0xff].open = false;
}

unsigned net_unanswered(bool (*which)(uint64_t address))
{
	unsigned n = 0;
	for (unsigned tag = 0; tag < 256; tag++)
		n += reads[tag].open && which(reads[tag].address);
	return n;
}

void net_watch(void (*fn)(const uint32_t *dw))
{
	watch = fn;
}

void net_open(const struct gls_config *config)
{
	memset(vlan_entry, 0, sizeof(vlan_entry));
	memset(vlan_members, 0, sizeof(vlan_members));
	memset(filters, 0, sizeof(filters));
	struct gls_config c = *config;
	if (!c.seed)
		c.seed = net_seed;
	c.trace = getenv("NET_TRACE");
	if (!c.firmware)
		c.firmware = getenv("NET_FIRMWARE");
	nic = gls_open(&c);
	if (!nic)
		fail_msg("%s", gls_error(NULL));
	gls_on_wire(nic, wire_got, NULL);
	gls_on_tlp(nic, upstream, NULL);
	gls_on_tlp_down(nic, downstream, NULL);
	memset(reads, 0, sizeof(reads));
	ports[WIRE].up = true;
	ports[WIRE].window = 64;
}

void net_got(unsigned port, const uint8_t *frame, size_t bytes)
{
	arrived(port, frame, bytes);
}

void net_listen(unsigned context)
{
	gls_guest_on_receive(guest[context], guest_got, (void *)(uintptr_t)context);
}

struct gls_guest *net_guest(unsigned context, const struct gls_guest_config *config)
{
	struct gls_guest_config c = *config;
	c.context = context;
	net_mac(context, c.mac);
	if (!c.switch_control)
		c.switch_control = SW_USUAL;
	guest[context] = gls_guest_new(nic, &c);
	if (!guest[context])
		fail_msg("%s", gls_error(nic));
	net_listen(context);
	ports[context].up = true;
	ports[context].control = c.switch_control;
	ports[context].lossy = ports[context].ignored = false;
	ports[context].window = 32;
	/* A ring must take what may be under way, or frames are dropped rightly. */
	unsigned size = c.queue_size ? c.queue_size : 256,
		 buffer = c.rx_buffer ? c.rx_buffer : 1536;
	unsigned buffers =
		((c.mtu ? c.mtu : 1500) + 30 + buffer - 1) / buffer * (c.random_layout ? 4 : 1);
	if (size / buffers < 2 * ports[context].window)
		ports[context].window = size / buffers / 2 ? size / buffers / 2 : 1;
	/* The firmware keeps at most 8 frames of a context that wait for descriptors; more of them at memory speed are dropped. */
	if (buffers > 1 && ports[context].window > 8)
		ports[context].window = 8;
	/* Frames are dropped, and counted, until the firmware has seen DRIVER_OK and read descriptors. */
	gls_run(nic, 5000);
	return guest[context];
}

void net_leave(unsigned context)
{
	gls_guest_free(guest[context]);
	guest[context] = NULL;
	ports[context].up = false;
}

void net_lossy(unsigned port)
{
	ports[port].lossy = true;
	ports[port].window = UINT32_MAX; /* what is lost never arrives */
}

void net_hostile(unsigned port)
{
	ports[port].lossy = ports[port].hostile = true;
	ports[port].window = UINT32_MAX;
}

void net_ignore(unsigned port)
{
	net_hostile(port);
	ports[port].ignored = true;
	if (guest[port])
		gls_guest_on_receive(guest[port], NULL, NULL);
}

void net_forget(unsigned port)
{
	for (unsigned p = 0; p < PORTS; p++) {
		while (flows[p][port].first)
			forget(p, port);
		while (flows[port][p].first)
			forget(port, p);
	}
}

void net_window(unsigned port, unsigned frames)
{
	ports[port].window = frames;
}

void net_switch(unsigned context, uint32_t control)
{
	struct gls_switch_entry entry = { .control = control };
	net_mac(context, entry.mac);
	gls_set_switch(nic, context, &entry);
	ports[context].control = control;
	ports[context].away = true;
}

void net_away(unsigned context)
{
	ports[context].away = true;
}

void net_filter(unsigned context, uint64_t filter)
{
	gls_set_multicast(nic, context, filter);
	net_reg(GL_BAR0_SCRATCH); /* the writes have arrived */
	filters[context] = filter;
}

void net_vlan(unsigned vid, unsigned entry, uint32_t contexts)
{
	gls_set_vlan(nic, vid, entry);
	vlan_entry[vid] = (uint8_t)entry;
	for (unsigned c = 0; c < gls_contexts(nic) && entry; c++)
		gls_set_vlan_member(nic, c, entry, contexts >> c & 1);
	vlan_members[entry] = contexts;
	net_reg(GL_BAR0_SCRATCH);
}

unsigned net_pending(unsigned port)
{
	unsigned n = 0;
	for (unsigned p = 0; p < PORTS; p++)
		if (port == p || port == PORTS)
			n += ports[p].pending;
	return n;
}

static unsigned must_arrive(void)
{
	unsigned n = 0;
	for (unsigned to = 0; to < PORTS; to++)
		for (unsigned from = 0; from < PORTS; from++)
			if (!ports[to].lossy && !ports[from].lossy)
				for (const struct frame *f = flows[from][to].first; f; f = f->next)
					n++;
	return n;
}

static bool all_here(void *arg)
{
	(void)arg;
	return !must_arrive();
}

void net_check(void)
{
	char text[2048];
	for (unsigned p = 0; p < WIRE; p++)
		if (guest[p] && !ports[p].hostile && gls_guest_faults(guest[p], text, sizeof(text)))
			fail_msg("guest %u: %s", p, text);
	if (net.wrong || net.lost || net.strange)
		fail_msg("%u frames wrong, %u lost, %u strange: %s", net.wrong, net.lost,
			 net.strange, first_problem);
}

void net_drain(void)
{
	uint64_t limit = 0;
	/* In small steps: all_here() is not cheap. */
	for (; limit < FLOW_LIMIT && !all_here(NULL); limit += 500)
		gls_run(nic, 500);
	if (!all_here(NULL))
		for (unsigned from = 0; from < PORTS; from++)
			for (unsigned to = 0; to < PORTS; to++)
				if (flows[from][to].first && !ports[to].lossy && !ports[from].lossy)
					problem("a frame of %zu bytes from port %u to port %u, and "
						"%u in all, did not arrive",
						flows[from][to].first->bytes, from, to,
						must_arrive());
	if (first_problem[0]) {
		net_check();
		fail_msg("%s", first_problem);
	}
	/* Whatever else is under way must not be a frame that nobody sent. */
	gls_settle(nic, 2000000);
	/* What a lossy port has not got by now it will not get. */
	for (unsigned from = 0; from < PORTS; from++)
		for (unsigned to = 0; to < PORTS; to++)
			while (flows[from][to].first && (ports[from].lossy || ports[to].lossy))
				forget(from, to);
	net_check();
}

void net_traffic_among(uint64_t set, unsigned frames, size_t most)
{
	uint8_t frame[16384];
	unsigned list[PORTS], n = 0;
	for (unsigned p = 0; p < PORTS; p++)
		if (set >> p & 1 && ports[p].up)
			list[n++] = p;
	unsigned idle = 0;
	for (unsigned sent = 0; sent < frames;) {
		unsigned from = list[net_below(n)], to = list[net_below(n)];
		static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
		size_t bytes = 14 + net_below(net_below(2) ? 50 : (uint32_t)most - 13);
		if (bytes > most)
			bytes = most;
		if (from == WIRE && to == WIRE)
			continue;
		between(frame, from, from == to ? NOBODY : to, bytes);
		if (!net_below(20))
			memcpy(frame, all, 6);
		if (net_send(from, frame, bytes)) {
			sent++;
			idle = 0;
		} else if (++idle > 40000) {
			fail_msg("no port can send any more, %u frames under way; %s",
				 net_pending(PORTS), first_problem);
		}
		gls_run(nic, net_below(4) ? net_below(net_gap / 10) : net_below(net_gap));
	}
}

void net_traffic(unsigned frames, size_t most)
{
	net_traffic_among(UINT64_MAX, frames, most);
}

/* --- Registers ------------------------------------------------------------------------------------------------------------------------- */

uint32_t net_reg(uint32_t offset)
{
	return gls_read(nic, GLS_BAR0, offset, 4);
}

void net_reg_write(uint32_t offset, uint32_t value)
{
	gls_write(nic, GLS_BAR0, offset, value, 4);
}

uint32_t net_status(unsigned context)
{
	net_reg_write(GL_BAR0_CTX_INDEX, context);
	return net_reg(GL_BAR0_CTX_STATUS);
}

unsigned net_needs_reset(unsigned context)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t status = net_status(context);
		if (status & 0x40)
			return (status & GL_BAR0_CTX_STATUS_REASON_MASK) >>
			       GL_BAR0_CTX_STATUS_REASON_LSB;
		gls_run(nic, 500);
	}
	return GL_RESET_REASON_NONE;
}

uint32_t net_capability(uint32_t id)
{
	uint32_t at = gls_config_read(nic, 0x34, 1);
	for (int i = 0; at && i < 48; i++) {
		if (gls_config_read(nic, at, 1) == id)
			return at;
		at = gls_config_read(nic, at + 1, 1);
	}
	fail_msg("no capability 0x%x", id);
	return 0;
}

/* --- Tests --------------------------------------------------------------------------------------------------------------------------------- */

int net_setup(void **state)
{
	(void)state;
	random_state = net_seed ? net_seed : 1;
	memset(&net, 0, sizeof(net));
	memset(ports, 0, sizeof(ports));
	memset(guest, 0, sizeof(guest));
	first_problem[0] = 0;
	watch = NULL;
	forgiving = false;
	on_arrival = NULL;
	on_stray = NULL;
	may_come = NULL;
	may_repeat = false;
	return 0;
}

static void show_counters(void)
{
	static const char *const names[] = {
#define X(name, number, text) [number] = #name,
		GL_STAT_LIST(X)
	};
	static const char *const context_names[] = { GL_CSTAT_LIST(X) };
#undef X
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && gls_stat(nic, i))
			printf("# %s %llu\n", names[i], (unsigned long long)gls_stat(nic, i));
	for (unsigned c = 0; c < WIRE; c++)
		for (unsigned i = 0;
		     guest[c] && i < sizeof(context_names) / sizeof(context_names[0]); i++)
			if (context_names[i] && gls_context_stat(nic, c, i))
				printf("# context %u %s %llu\n", c, context_names[i],
				       (unsigned long long)gls_context_stat(nic, c, i));
}

int net_teardown(void **state)
{
	(void)state;
	if (!nic)
		return 0;
	if (getenv("NET_LOG")) {
		show_counters();
		char text[4096];
		gls_log(nic, text, sizeof(text));
		printf("# %llu cycles, %llu simulated; firmware's log:\n%s\n",
		       (unsigned long long)gls_now(nic), (unsigned long long)gls_simulated(nic),
		       text);
	}
	for (unsigned p = 0; p < WIRE; p++)
		gls_guest_free(guest[p]);
	for (unsigned from = 0; from < PORTS; from++)
		for (unsigned to = 0; to < PORTS; to++) {
			while (flows[from][to].first)
				forget(from, to);
			for (unsigned i = 0; i < SEEN; i++) {
				free(flows[from][to].seen[i]);
				flows[from][to].seen[i] = NULL;
			}
		}
	gls_close(nic);
	nic = NULL;
	return 0;
}

void net_main(void)
{
	const char *seed = getenv("SEED"), *only = getenv("TB_ONLY");
	if (seed)
		net_seed = strtoull(seed, NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed 0x%llx\n", (unsigned long long)net_seed);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (only)
		cmocka_set_test_filter(only);
}
