// SPDX-License-Identifier: Apache-2.0
// What dom0 does while guests attack: tables change under running DMA, contexts are revoked and given to new guests, ports and limits
// change; and what the link and the wire bring.
#include "fuzz.h"

#define PAGE	    4096u
#define HUGE	    0x200000ull
#define REVIVALS    4u	   /* tries to bring a device back */
#define REVIVE_WAIT 40000u /* cycles between two tries */

static struct {
	uint64_t *entry, value;
	struct hostile *h;
} broken[16]; /* entries of tables that were spoiled, and what was in them */
static unsigned broken_count;

/* --- The monitor ----------------------------------------------------------------------------------------------------------- */

static const void *host_memory(void *arg, uint64_t address, size_t bytes)
{
	(void)arg;
	return gls_memory(nic, address, bytes);
}

static uint64_t cycle(void *arg)
{
	(void)arg;
	return gls_now(nic);
}

static bool given(void *arg, unsigned context, uint64_t address, size_t bytes, bool write)
{
	(void)arg;
	return !guest[context] || gls_guest_given(guest[context], address, bytes, write);
}

static void up(void *arg, const uint32_t *dw, size_t count)
{
	monitor_up(arg, dw, count);
}

static void down(void *arg, const uint32_t *dw, size_t count)
{
	monitor_down(arg, dw, count);
}

void dom0_monitor(void (*escape)(void *arg, unsigned context, const char *text))
{
	struct monitor_config c = {
		.contexts = gls_contexts(nic),
		.bar0 = gls_config_read(nic, 0x10, 4) & ~15u,
		.bar4 = gls_config_read(nic, 0x20, 4) & ~15u,
		.region = gls_read64(nic, GLS_BAR0, GL_BAR0_REGION_LO),
		.region_pages = net_reg(GL_BAR0_REGION_PAGES),
		.max_payload = fuzz.link.max_payload,
		.max_read_request = fuzz.link.max_read_request,
		.completion_timeout = net_reg(GL_BAR0_CPL_TIMEOUT),
		.memory = host_memory,
		.now = cycle,
		.given = given,
		.escape = escape,
	};
	fuzz.bar2 = (gls_config_read(nic, 0x18, 4) & ~15u) | (uint64_t)gls_config_read(nic, 0x1c, 4)
								     << 32;
	fuzz.monitor = monitor_new(&c);
	for (unsigned v = 0; v <= c.contexts; v++)
		monitor_vector(fuzz.monitor, v, gls_read64(nic, GLS_BAR4, 16 * v),
			       gls_read(nic, GLS_BAR4, 16 * v + 8, 4));
	gls_on_tlp(nic, up, fuzz.monitor);
	gls_on_tlp_down(nic, down, fuzz.monitor);
	broken_count = 0;
}

/* --- Tables of hostile guests ---------------------------------------------------------------------------------------------- */

static void look(const struct hostile *h)
{
	monitor_look(fuzz.monitor, h->context);
}

static uint64_t host_of(const struct hostile *h, uint64_t address)
{
	return gls_guest_host_address(guest[h->context], address) & ~(uint64_t)(PAGE - 1);
}

/* A range of the guest's pages. */
static uint64_t some_pages(struct hostile *h, struct rng *r, uint64_t *bytes)
{
	uint64_t unit = h->config.huge ? HUGE : PAGE, units = h->bytes / unit;
	uint64_t n = 1 + below(r, below(r, 4) ? 4 : (uint32_t)units);
	uint64_t at = below(r, (uint32_t)units);
	if (!below(r, 3)) /* where its rings are */
		at = (h->queue[below(r, 2)].area[below(r, 3)] - h->memory) / unit % units;
	if (n > units - at)
		n = units - at;
	*bytes = n * unit;
	return h->memory + at * unit;
}

static void mend(struct hostile *h)
{
	look(h);
	for (unsigned i = broken_count; i--;)
		if (broken[i].h == h) {
			*broken[i].entry = broken[i].value;
			broken[i] = broken[--broken_count];
		}
	look(h);
}

/* A page of the guest, full of entries that name what is not its. */
static uint64_t forged_table(struct hostile *h, struct rng *r)
{
	uint64_t at = h->memory + below(r, (uint32_t)(h->bytes / PAGE)) * (uint64_t)PAGE;
	uint64_t *entries = gls_guest_memory(guest[h->context], at, PAGE);
	uint64_t target = 0xfee00000;
	if (fuzz.innocents && below(r, 2))
		target = gls_guest_host_address(guest[fuzz.innocent[below(r, fuzz.innocents)]],
						0x100000 + below(r, 1024) * PAGE);
	for (unsigned i = 0; entries && i < PAGE / 8; i++)
		entries[i] = i & 1 ? target | 3 : (target & ~(HUGE - 1)) | 0x83;
	return host_of(h, at);
}

/* Frames for it, so that it has something to receive. */
static void visit(struct hostile *h, struct rng *r)
{
	uint8_t octet[1514], to[6], from[6];
	net_mac(h->context, to);
	net_mac(fuzz.hostile[below(r, fuzz.hostiles)].context, from);
	for (unsigned n = 1 + below(r, 4); n--;) {
		size_t bytes = 60 + below(r, 1455);
		net_build(octet, bytes, to, from, 0);
		gls_wire_send(nic, octet, bytes, GLS_WIRE_OK);
	}
	gls_run(nic, below(r, 3000));
}

static void spoil(struct hostile *h, struct rng *r)
{
	mend(h); /* one at a time, or the way to an entry leads through a broken one */
	uint64_t bytes, at = some_pages(h, r, &bytes);
	unsigned level = 1 + below(r, 3);
	uint64_t *e = gls_entry(nic, h->context, at, level);
	if (!e || broken_count == sizeof(broken) / sizeof(broken[0]))
		return;
	look(h);
	broken[broken_count].entry = e;
	broken[broken_count].value = *e;
	broken[broken_count++].h = h;
	uint64_t v = *e;
	switch (below(r, 6)) {
	case 0:
		v |= 1ull << 63;
		break;
	case 1: /* unless that makes a leaf of tables */
		v |= level == 2 && !(v & 0x1ff000) ? 1ull << 63 : 1ull << 7;
		break;
	case 2: /* a table that the guest itself can write */
		v = forged_table(h, r) | 3;
		break;
	case 3: /* bits that are software's */
		v ^= any64(r) & 0x7ff0000000000f7cull;
		break;
	case 4:
		v &= ~3ull;
		break;
	default: /* no memory at all */
		v = (any64(r) & 0x000ffffffffff000ull) | 0x0008000000000000ull | 3;
		break;
	}
	__atomic_store_n(e, v, __ATOMIC_RELAXED);
	look(h);
	if (below(r, 3))
		gls_invalidate(nic, h->context, below(r, 2) ? at : 0, below(r, 2) ? PAGE : 0);
	hostile_use(h, r, at, bytes);
	visit(h, r);
}

static void protect(struct hostile *h, struct rng *r)
{
	uint64_t bytes, at = some_pages(h, r, &bytes);
	unsigned permissions = below(r, 4);
	hostile_use(h, r, at, bytes);
	hostile_storm(h, r, below(r, 12), 1000);
	gls_run(nic, below(r, 2000));
	look(h);
	for (uint64_t a = at; a < at + bytes; a += h->config.huge ? HUGE : PAGE) {
		uint64_t *e = gls_entry(nic, h->context, a, h->config.huge ? 2 : 1);
		if (e && *e & 3)
			__atomic_store_n(e, (*e & ~3ull) | permissions, __ATOMIC_RELAXED);
	}
	look(h);
	gls_run(nic, below(r, 500));
	if (gls_invalidate(nic, h->context, at, bytes) < 0)
		fail_msg("%s", gls_error(nic));
	hostile_use(h, r, at, bytes);
	visit(h, r);
}

static void unmap(struct hostile *h, struct rng *r)
{
	uint64_t bytes, at = some_pages(h, r, &bytes);
	hostile_use(h, r, at, bytes);
	visit(h, r);
	hostile_use(h, r, at, bytes);
	hostile_storm(h, r, below(r, 12), 1000);
	gls_run(nic, below(r, 300));
	look(h);
	if (gls_unmap(nic, h->context, at, bytes))
		fail_msg("%s", gls_error(nic));
	hostile_use(h, r, at, bytes);
	visit(h, r);
}

/* All of the guest's memory is its again, for reading and writing. */
static void remap(struct hostile *h)
{
	uint64_t unit = h->config.huge ? HUGE : PAGE;
	mend(h);
	for (uint64_t at = h->memory; at < h->memory + h->bytes; at += unit) {
		uint64_t *e = gls_entry(nic, h->context, at, h->config.huge ? 2 : 1);
		if (e && (*e & 3) == 3)
			continue;
		if (e && *e & 3)
			__atomic_store_n(e, *e | 3, __ATOMIC_RELAXED);
		else if (e && (*e & 0x000ffffffffff000ull) == host_of(h, at) &&
			 !(*e & 0x80) == !h->config.huge)
			__atomic_store_n(e, *e | 3, __ATOMIC_RELAXED);
		else if (gls_map(nic, h->context, at, host_of(h, at), unit,
				 GLS_READ | GLS_WRITE | (h->config.huge ? GLS_HUGE : 0)))
			fail_msg("%s", gls_error(nic));
	}
	if (gls_invalidate(nic, h->context, 0, 0) < 0)
		fail_msg("%s", gls_error(nic));
	gls_fault_clear(nic, h->context);
}

/* --- Revocation and reuse -------------------------------------------------------------------------------------------------- */

static void leave(struct hostile *h)
{
	/* What was to happen to its pages must not happen to the next owner's. */
	for (uint64_t at = h->memory; at < h->memory + h->bytes; at += PAGE)
		gls_fault(nic, GLS_FAULT_NONE, host_of(h, at), PAGE, 0);
	mend(h);
	net_leave(h->context);
	h->absent = true;
}

static void wire(struct hostile *h, struct rng *r);

static void revoke(struct hostile *h, struct rng *r)
{
	hostile_storm(h, r, below(r, 40), 3000);
	gls_run(nic, below(r, 1500));
	mend(h);
	/* What the wire still brings may reach the next guest; what is inside may not. */
	if (below(r, 2))
		wire(h, r);
	while (gls_wire_pending(nic))
		gls_run(nic, 20);
	gls_revoke_start(nic, h->context);
	/* It goes on as if nothing had happened. */
	attack(h, OP_STORM, r);
	gls_run(nic, below(r, 3) ? 0 : below(r, 1000));
	int64_t cycles = gls_revoke_wait(nic, h->context);
	if (cycles < 0)
		fail_msg("%s", gls_error(nic));
	if ((uint64_t)cycles > fuzz.revocation_bound)
		fail_msg("a revocation took %lld cycles, more than %llu", (long long)cycles,
			 (unsigned long long)fuzz.revocation_bound);
	if ((uint64_t)cycles > fuzz.revocation_most)
		fuzz.revocation_most = (uint64_t)cycles;
	gls_run(nic, below(r, 2000));
	leave(h);
}

void dom0_new_hostile(struct hostile *h, struct rng *r)
{
	struct gls_guest_config c = { .split = below(r, 2),
				      .event_idx = below(r, 2),
				      .indirect = below(r, 3),
				      .in_order = below(r, 2),
				      .no_mergeable = !below(r, 4),
				      .random_layout = !below(r, 3),
				      .scatter = !below(r, 3) };
	if (!below(r, 4))
		c.queue_size = 1u << (1 + below(r, 8));
	if (!below(r, 6))
		c.mtu = 9000;
	c.huge = !below(r, 5);
	c.memory = 4u << 20;
	switch (below(r, 4)) {
	case 0: /* the end of all guest addresses */
		c.memory_at = (1ull << 39) - c.memory;
		break;
	case 1: /* across 4 GiB */
		c.memory_at = 0x100000000ull - HUGE;
		break;
	default: /* where others have theirs */
		c.memory_at = c.huge ? HUGE : 0x100000;
		break;
	}
	h->generation++;
	h->fell &= ~(1ull << h->generation % 64);
	h->config = c;
	h->memory = c.memory_at;
	h->bytes = c.memory;
	net_guest(h->context, &c);
	net_ignore(h->context);
	gls_set_rx_share(nic, h->context, fuzz.share);
	h->absent = h->dirty = false;
	hostile_rings(h);
}

bool dom0_revive(struct hostile *h)
{
	if (h->absent) {
		struct rng r = { h->context * 77u + gls_now(nic) };
		dom0_new_hostile(h, &r);
		return true;
	}
	remap(h);
	gls_enable_context(nic, h->context, true);
	for (unsigned i = 0; i < REVIVALS; i++) {
		if (!gls_guest_restart(guest[h->context])) {
			hostile_rings(h);
			h->dirty = false;
			return true;
		}
		gls_run(nic, REVIVE_WAIT);
	}
	return false;
}

/* --- Ports, limits, link, wire --------------------------------------------------------------------------------------------- */

static void port(struct hostile *h, struct rng *r)
{
	uint32_t control = SW(ENABLE) | SW(TO_WIRE);
	static const uint32_t bits[] = { SW(BROADCAST),	 SW(MULTICAST), SW(VLAN_ACCESS),
					 SW(VLAN_TRUNK), SW(UNTAGGED),	SW(FALLBACK) };
	for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (below(r, 2))
			control |= bits[i];
	control |= below(r, 4095) << GL_BAR0_SW_CONTROL_VID_LSB;
	if (!below(r, 8))
		control &= ~SW(ENABLE);
	if (control & SW(FALLBACK))
		h->fell |= 1ull << h->generation % 64;
	struct gls_switch_entry entry = { .control = control };
	net_mac(h->context, entry.mac);
	gls_set_switch(nic, h->context, &entry);
	gls_set_multicast(nic, h->context, any64(r));
	gls_set_vlan_member(nic, h->context, 1 + below(r, 63), below(r, 2));
	gls_set_vlan(nic, below(r, 4095), below(r, 64));
}

static void limit(struct hostile *h, struct rng *r)
{
	static const enum gls_limit limits[] = { GLS_LIMIT_TX, GLS_LIMIT_RX, GLS_LIMIT_FLOOD };
	uint32_t rate = below(r, 2) ? 0 : below(r, 0x100000);
	gls_set_limit(nic, h->context, limits[below(r, 3)], rate, below(r, 0x100000));
	gls_set_rx_share(nic, h->context, below(r, 3) ? fuzz.share : 1 + below(r, fuzz.share));
}

void generation_tag(const struct hostile *h, uint8_t tag[TAG_BYTES])
{
	const uint8_t from[] = { 0x02, 0x47, 0x4c, 0xff };
	net_mac(h->context, tag);
	memcpy(tag + 6, from, sizeof(from));
}

bool may_have_fallen(unsigned to, const uint8_t *frame, size_t bytes)
{
	uint8_t tag[TAG_BYTES];
	for (unsigned i = 0; to == 0 && i < fuzz.hostiles && bytes >= TAG_BYTES + 2; i++) {
		generation_tag(&fuzz.hostile[i], tag);
		if (!memcmp(frame, tag, TAG_BYTES))
			return fuzz.hostile[i].fell >> frame[TAG_BYTES + 1] % 64 & 1;
	}
	return false;
}

/* Frames from the wire that are broken, or for nobody, or for hostile guests. */
static void wire(struct hostile *h, struct rng *r)
{
	static const enum gls_wire_fault faults[] = { GLS_WIRE_OK, GLS_WIRE_BAD_FCS, GLS_WIRE_RX_ER,
						      GLS_WIRE_CUT };
	uint8_t octet[9400], to[6], from[6];
	net_mac(h->context, from);
	for (unsigned n = 1 + below(r, 12); n--;) {
		size_t bytes = below(r, 2) ? 60 + below(r, 1455) : 14 + below(r, 9300);
		if (below(r, 2))
			bytes = 60 + below(r, 10);
		net_mac(below(r, 3) ? fuzz.hostile[below(r, fuzz.hostiles)].context : NOBODY, to);
		if (!below(r, 12))
			memset(to, 255, 6);
		if (!below(r, 12))
			to[0] |= 1;
		net_build(octet, bytes < 20 ? 20 : bytes, to, from,
			  below(r, 4) ? 0 : 1 + below(r, 4095));
		/* For this generation of the guest only, or the next, which may come while it is on the wire. */
		if (!below(r, 3)) {
			unsigned generation = h->generation + h->absent;
			generation_tag(h, octet);
			octet[10] = (uint8_t)(generation >> 8);
			octet[11] = (uint8_t)generation;
		}
		gls_wire_send(nic, octet, bytes, faults[below(r, 4)]);
	}
}

static void read_around(struct hostile *h, struct rng *r)
{
	static const uint32_t offsets[] = {
		GL_BAR0_STATUS,	    GL_BAR0_FW_STATE,  GL_BAR0_EVENT,
		GL_BAR0_FAULT_NEXT, GL_BAR0_CYCLES_LO, GL_BAR0_LOG_HEAD
	};
	for (unsigned n = 1 + below(r, 4); n--;)
		net_reg(offsets[below(r, sizeof(offsets) / sizeof(offsets[0]))]);
	net_status(below(r, 2) ? h->context : below(r, gls_contexts(nic)));
	gls_context_stat(nic, h->context, below(r, 16));
}

/* --- Firmware that hangs --------------------------------------------------------------------------------------------------- */

#define JUMP_TO_ITSELF 0x6fu   /* j . */
#define HANG_LIMIT     3000u   /* cycles of the watchdog */
#define HANG_ANSWER    100000u /* until it has fired and DMA has stopped */
#define HANG_AFTER     400000u /* cycles until drivers have all buffers back */
#define HANG_SETTLE    30000u  /* and frames have arrived */

static int context_state(unsigned context)
{
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = GL_MBOX_CTX_GET,
				   .context = (uint16_t)context };
	struct gl_mbox_resp resp;
	struct gl_mbox_ctx_state state;
	int n = gls_mailbox(nic, &req, offsetof(struct gl_mbox_req, payload), &resp,
			    offsetof(struct gl_mbox_resp, payload) + sizeof(state));
	memcpy(&state, resp.payload, sizeof(state));
	return n < 0 ? n : resp.status ? GL_CTX_ABSENT : state.state;
}

/* What the new firmware does not know, or says is broken, is brought up again by its driver. */
static void driver_again(unsigned context)
{
	if (context_state(context) == GL_CTX_LIVE && !(net_status(context) & 0x40))
		return;
	if (gls_guest_restart(guest[context]))
		fail_msg("after a restart of the firmware: %s", gls_error(nic));
	fuzz.restarted_innocents++;
}

/* Once the watchdog is set. */
static bool load_anew(struct rng *r)
{
	uint64_t end = gls_now(nic) + HANG_ANSWER;
	while (!(net_reg(GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_STOPPED_MASK))
		if (gls_now(nic) > end)
			return false;
	gls_run(nic, below(r, 3000));
	net_reg_write(GL_BAR0_WATCHDOG, 0);
	if (gls_restart(nic))
		fail_msg("%s", gls_error(nic));
	fuzz.firmware_broken = false;
	return true;
}

/* Bits of the firmware's code and data turn over while it runs: whatever it does then, pages that no table names stay out of reach. */
static void firmware_bug(struct rng *r)
{
	for (unsigned n = 1 + below(r, 6); n--;) {
		bool code = !below(r, 3);
		uint32_t at = below(r, code ? GL_IMEM_SIZE : GL_DMEM_SIZE) & ~3u;
		if (!code && below(r, 2)) /* variables lie low */
			at = below(r, GL_DMEM_SIZE / 8) & ~3u;
		net_reg_write(GL_BAR0_WINDOW,
			      (code ? GL_IMEM_BASE : GL_DMEM_BASE) + at / 0x4000 * 0x4000);
		uint32_t offset = GL_BAR0_WINDOW_DATA + at % 0x4000;
		uint32_t old = net_reg(offset);
		net_reg_write(offset, below(r, 2)   ? old ^ 1u << below(r, 32)
				      : below(r, 2) ? (uint32_t)any64(r)
						    : old + 1 - 2 * below(r, 2));
	}
	fuzz.firmware_broken = true;
}

bool dom0_mend_firmware(void)
{
	struct rng r = { gls_now(nic) };
	for (unsigned i = 0; i < fuzz.hostiles; i++)
		fuzz.hostile[i].dirty = true;
	net_reg_write(GL_BAR0_WATCHDOG, 1);
	return load_anew(&r);
}

/* The core runs into jumps to themselves, at some cycle; the watchdog finds out; the firmware is loaded anew. Frames inside may be lost. */
static void hang(struct rng *r)
{
	innocent_pause(true);
	net_forgive(true);
	for (unsigned i = 0; i < fuzz.hostiles; i++)
		if (!fuzz.hostile[i].absent)
			mend(&fuzz.hostile[i]);
	net_reg_write(GL_BAR0_WATCHDOG, below(r, 2) ? 1 : HANG_LIMIT);
	for (uint32_t at = 0; at < GL_IMEM_SIZE; at += 4) {
		if (at % 0x4000 == 0)
			net_reg_write(GL_BAR0_WINDOW, GL_IMEM_BASE + at);
		net_reg_write(GL_BAR0_WINDOW_DATA + at % 0x4000, JUMP_TO_ITSELF);
	}
	if (!load_anew(r))
		fail_msg("the firmware hangs, and the watchdog does not stop it");
	for (unsigned i = 0; i < fuzz.innocents; i++)
		driver_again(fuzz.innocent[i]);
	/* What drivers had sent and were not told of is sent again. */
	uint64_t end = gls_now(nic) + HANG_AFTER;
	while (!innocent_sent_all() && gls_now(nic) < end)
		gls_run(nic, 2000);
	gls_run(nic, HANG_SETTLE);
	fuzz.forgiven += net_forgive(false);
	fuzz.repeated = net.twice;
	innocent_pause(false);
}

void dom0(struct hostile *h, enum op_kind kind, struct rng *r)
{
	if (kind == OP_FIRMWARE_BUG) {
		firmware_bug(r);
		return;
	}
	if (kind == OP_HANG) {
		for (unsigned i = 0; i < fuzz.hostiles; i++)
			fuzz.hostile[i].dirty = true;
		hang(r);
		return;
	}
	if (h->absent && kind != OP_REPLACE && kind != OP_WIRE && kind != OP_LOOK)
		return;
	if (!h->absent && kind != OP_LOOK && kind != OP_WIRE)
		h->dirty = true;
	switch (kind) {
	case OP_LOOK:
		read_around(h, r);
		break;
	case OP_PROTECT:
		mend(h);
		protect(h, r);
		break;
	case OP_UNMAP:
		mend(h);
		unmap(h, r);
		break;
	case OP_BREAK_TABLE:
		spoil(h, r);
		break;
	case OP_INVALIDATE: {
		/* Of anybody: what is forgotten is found again. */
		unsigned c = below(r, 2) || !fuzz.innocents
				     ? h->context
				     : fuzz.innocent[below(r, fuzz.innocents)];
		bool all = below(r, 2);
		if (gls_invalidate(nic, c, all ? 0 : below(r, 1 << 27) * 4096ull, all ? 0 : PAGE) <
		    0)
			fail_msg("%s", gls_error(nic));
		break;
	}
	case OP_REVOKE:
		revoke(h, r);
		break;
	case OP_REPLACE:
		if (!h->absent)
			revoke(h, r);
		dom0_new_hostile(h, r);
		break;
	case OP_ENABLE:
		gls_enable_context(nic, h->context, false);
		hostile_storm(h, r, below(r, 20), 1000);
		gls_run(nic, below(r, 3000));
		gls_enable_context(nic, h->context, true);
		break;
	case OP_LIMIT:
		limit(h, r);
		break;
	case OP_PORT:
		port(h, r);
		break;
	case OP_LINK_FAULT: {
		unsigned kinds = fuzz.swallowed_reads ? GLS_FAULT_DROP : GLS_FAULT_DROP - 1;
		gls_fault(nic, GLS_FAULT_UR + below(r, kinds),
			  host_of(h, h->memory + below(r, (uint32_t)h->bytes)), PAGE,
			  1 + below(r, 3));
		if (h->queue[1].size)
			gls_fault(nic, GLS_FAULT_UR + below(r, kinds),
				  host_of(h, h->queue[1].area[below(r, 3)]), PAGE, 1);
		break;
	}
	case OP_WIRE:
		wire(h, r);
		break;
	default:
		break;
	}
}
