// SPDX-License-Identifier: Apache-2.0
// Surroundings of pcie_top for its benches: a root complex that checks every TLP the NIC sends and answers its reads, the
// targets behind the BARs, and the users of the requester. Written from the PCI Express specification and
// docs/interfaces.md, not from the RTL. step() is one clock cycle of all of it.
#ifndef GUESTLANE_TEST_PCIE_RC_H
#define GUESTLANE_TEST_PCIE_RC_H

#include "tb.h"
#include "guestlane_regs.h"

#include <deque>
#include <map>
#include <vector>

typedef std::vector<uint32_t> dws_t;

#define CHECK(condition, ...)                                                    \
	do {                                                                     \
		if (!(condition)) {                                              \
			printf("# cycle %llu: ", (unsigned long long)tb_cycles); \
			printf(__VA_ARGS__);                                     \
			printf("\n");                                            \
			fail_msg("%s", #condition);                              \
		}                                                                \
	} while (0)

// What the module was built for, and what follows from it.
#ifndef NCTX
#define NCTX 32
#endif
constexpr unsigned pow2(unsigned n)
{
	unsigned p = 1;
	while (p < n)
		p *= 2;
	return p;
}
enum {
	KIB = 1024,
	VECTORS = NCTX + 1,
	BAR0_SIZE = 64 * KIB,
	BAR2_SIZE = 4 * KIB * pow2(NCTX),
	PBA = pow2(VECTORS) * 16 > 2 * KIB ? pow2(VECTORS) * 16 : 2 * KIB,
	BAR4_SIZE = 2 * PBA,
};
enum { ST_OK = 0, ST_ABORT = 2, ST_POISONED = 3, ST_TIMEOUT = 4 }; // enum DMA_STATUS
enum { SC = 0, UR = 1, CRS = 2, CA = 4 };			   // completion status

// Kinds of errors that the root complex can make in answer to a read.
enum fault {
	F_NONE,
	F_UR,
	F_CA,
	F_CRS,
	F_POISON,    // one completion is poisoned
	F_SILENT,    // never answered
	F_LATE,	     // answered after the time-out
	F_CUT,	     // stops after some completions
	F_WRONG_BC,  // first a completion with a wrong byte count
	F_WRONG_LA,  // ... a wrong lower address
	F_WRONG_ID,  // ... another requester's
	F_WRONG_TAG, // ... a tag that is not outstanding
	F_TOO_LONG,  // ... more DWs than were asked for
	F_NO_DATA,   // ... success, but no data
	F_LOCKED,    // ... a completion for a locked read
	F_COUNT
};

// --- Settings of a test; the defaults are quick and clean ---
static struct {
	unsigned rx_gap, tx_stall,
		np_stall; // percent of cycles: host sends nothing, takes nothing, gives no NP credit
	bool tx_block, np_block;		// takes nothing at all; gives no NP credit
	unsigned tgt_stall, tgt_latency;	// percent, cycles
	unsigned wdat_gap, rdat_stall, req_gap; // percent
	unsigned latency_min;			// of host memory, cycles
	unsigned latency;			// added at random, 0 to this
	unsigned split; // percent chance to end a completion at each RCB boundary
	bool in_order;	// completions in request order
	unsigned fault_percent;
	unsigned mps, mrrs, rcb; // as configured, bytes
} opt;

// --- Host memory: a pattern, until it is written ---
static std::map<uint64_t, uint8_t> mem;

static uint8_t mem_get(uint64_t addr)
{
	std::map<uint64_t, uint8_t>::iterator it = mem.find(addr);
	uint64_t h = addr * 0x9e3779b97f4a7c15ull;
	return it == mem.end() ? (uint8_t)(h >> 37) : it->second;
}

// --- Host to NIC ---
struct out_tlp {
	dws_t dw;
	bool np;
	bool cut;    // broken on purpose: eop early or late
	bool no_sop; // broken: starts without sop
	bool no_eop; // broken: has no eop
	uint64_t seq;
};
static std::deque<out_tlp> out_pc, out_np; // posted and completions; non-posted
static uint64_t out_seq;
static out_tlp cur_out;
static size_t cur_beat;
static bool out_busy;
static bool ignore_np_ok;
static unsigned np_sent_unanswered, np_most; // non-posted requests inside the NIC

static void rc_send_raw(const dws_t &dw, bool np)
{
	out_tlp t = out_tlp();
	t.dw = dw;
	t.np = np;
	t.seq = out_seq++;
	(np ? out_np : out_pc).push_back(t);
}

// --- Non-posted requests of the host ---
struct host_np {
	bool active, done, mem, want_lk;
	bool odd; // illegal byte enables: the byte count means nothing
	uint64_t addr;
	unsigned len, fbe, lbe, tc, attr;
	int want_status; // SC or UR
	bool want_data;
	unsigned bytes_left; // to come
	unsigned next_dw;    // first DW not yet come
	bool first;
	dws_t data, want, mask; // as came; as read from the target, and which bits count
	unsigned status;
	uint64_t wr_sent; // bytes of the NIC's writes that had to come before, see wr_seen
};
static host_np np_tab[256];
static unsigned np_active;
static const uint16_t host_id = 0x0008; // root port 0:1.0
static uint16_t nic_id;			// what the NIC must call itself

// --- NIC's memory requests, as accepted ---
struct wr_byte {
	uint64_t addr;
	uint8_t value;
	bool end; // last of its request
};
struct nic_read {
	bool active;
	uint64_t addr;
	unsigned len;
	uint64_t wr_before;	  // wr_accepted at acceptance
	unsigned issued;	  // bytes that MRds have asked for
	std::vector<uint8_t> got; // bytes delivered
	unsigned may_fail;	  // set of statuses that are justified
	bool must_fail;
	uint64_t start;
};
static std::deque<wr_byte> wr_expect;
static uint64_t wr_accepted, wr_seen; // bytes
enum {
	IDS = 32,
	ORPHAN = IDS,
	WALKER = 16
};				// ids from 16 on have a queue of their own that goes first
static nic_read reads[IDS + 1]; // the last one: reads of before a reset
static std::deque<int> read_order, walk_order; // ids whose MRds are still to come, in order
static unsigned only_ids = IDS;		       // that the bench uses
static std::deque<uint64_t> wr_ends;	       // of each accepted write: wr_accepted behind it
static unsigned wr_sent;		       // pulses of wr_sent_o
static unsigned reads_done, reads_failed;
static unsigned orphans; // reads that may still come though the NIC side was reset

struct nic_req {
	bool write;
	uint64_t addr;
	unsigned len;
};
static std::deque<nic_req> req_queue;
static std::deque<uint64_t> wdat_queue;
static bool req_shown;
static nic_req req_cur;
static int req_cur_id;
static std::deque<unsigned> msix_queue; // vectors to ask for
static uint64_t last_write_tlp, count_write_tlps, count_read_tlps;
static bool check_timeouts; // any read may time out, but not before its time
static bool drop_writes;    // bus master is off: accepted writes must not appear

// --- MSI-X: what the host programmed, and what came ---
struct msi_entry {
	uint64_t addr;
	uint32_t data;
};
static std::map<unsigned, msi_entry> msi_table;
static std::vector<unsigned> msi_got;
static std::map<unsigned, std::deque<uint64_t>> msi_before; // wr_accepted at each accepted request
static std::map<unsigned, uint64_t> msi_asked,
	msi_came; // cycle of the last request, of the last message

// --- Reads of the NIC that wait for completions ---
struct pending_read {
	uint64_t addr; // of the first enabled byte
	unsigned bytes, tag, id;
	uint64_t due;
	fault f;
	unsigned served; // completions sent
	uint64_t fault_due;
};
static std::vector<pending_read> host_pending;
static fault next_fault;  // of the next read, once
static bool tag_used[32]; // outstanding as far as the NIC can know
static uint64_t tag_since[32];
static unsigned credits, count_bad_expected;
static uint64_t tgt_reads, tgt_writes;

// --- Event pulses ---
static struct {
	unsigned ur, malformed, poisoned, bad_cpl, msix_sent, msix_masked, flr;
} ev;

// --- Targets: memory by bar and address ---
static std::map<uint32_t, uint32_t> tgt_mem;
struct tgt_access {
	bool we;
	unsigned bar, addr, be;
	uint32_t data;
};
static std::vector<tgt_access> tgt_log;
static bool tgt_log_on;
static bool tgt_pending;
static bool tgt_silent; // reads are not answered
static uint64_t tgt_due;
static uint32_t tgt_value;

// Accesses that must come, in this order; a read not before the writes that were sent earlier.
struct tgt_want {
	unsigned bar, addr, be;
	uint32_t data;		// of a write
	unsigned tag, index;	// of a read
	uint64_t writes_before; // of a read
};
static std::deque<tgt_want> want_writes, want_reads;
static uint64_t writes_wanted, writes_done;
static unsigned ur_wanted;
static bool host_mem_on; // memory space is enabled

static uint32_t tgt_get(unsigned bar, unsigned addr)
{
	uint32_t key = bar << 28 | addr;
	std::map<uint32_t, uint32_t>::iterator it = tgt_mem.find(key);
	return it == tgt_mem.end() ? key * 2654435761u + 12345 : it->second;
}

static uint32_t be_mask(unsigned be)
{
	uint32_t m = 0;
	for (unsigned i = 0; i < 4; i++)
		m |= be >> i & 1 ? 0xffu << 8 * i : 0;
	return m;
}

// ------------------------------------------------------------------------------------------------------------------
// TLPs of the host

static unsigned np_tag_alloc(void)
{
	unsigned t = tb_below(256);
	CHECK(np_active < 256, "no tag left in the host");
	while (np_tab[t].active)
		t = (t + 1) & 255;
	return t;
}

static uint32_t head0(unsigned fmt, unsigned type, unsigned len, unsigned tc, unsigned attr)
{
	return fmt << 29 | type << 24 | tc << 20 | (attr >> 2 & 1) << 18 | (attr & 3) << 12 |
	       (len & 1023);
}

// First and last byte enable of a span of bytes.
static void span_be(uint64_t addr, unsigned bytes, unsigned *len, unsigned *fbe, unsigned *lbe)
{
	uint64_t end = addr + bytes;
	*len = (unsigned)((end + 3) / 4 - addr / 4);
	*fbe = 0xf << (addr & 3) & 0xf;
	*lbe = 0xf >> ((4 - (end & 3)) & 3);
	if (*len == 1) {
		*fbe &= *lbe;
		*lbe = 0;
	}
}

enum { BAR0_AT = 0xd0100000u, BAR4_AT = 0xd0200000u };
#define BAR2_AT 0x38c000000000ull

// The target that takes an address: 0 BAR0, 1 BAR2, 2 BAR4, -1 none.
static int bar_of(uint64_t addr)
{
	if (!host_mem_on)
		return -1;
	if (addr >= BAR0_AT && addr < BAR0_AT + (uint64_t)BAR0_SIZE)
		return 0;
	if (addr >= BAR2_AT && addr < BAR2_AT + (uint64_t)BAR2_SIZE)
		return 1;
	if (addr >= BAR4_AT && addr < BAR4_AT + (uint64_t)BAR4_SIZE)
		return 2;
	return -1;
}

// Legal byte enables and no crossing of a 4-KiB page.
static bool legal(uint64_t addr, unsigned len, unsigned fbe, unsigned lbe)
{
	if ((addr & 4095) / 4 + len > 1024)
		return false;
	return len == 1 ? lbe == 0 : fbe && lbe;
}

// A memory write of the host, any byte enables; 4-DW header if the address needs it, or wide says so.
static void rc_write(uint64_t addr, const dws_t &data, unsigned fbe, unsigned lbe)
{
	bool wide = addr >> 32;
	int bar = legal(addr, (unsigned)data.size(), fbe, lbe) ? bar_of(addr) : -1;
	dws_t dw;
	if (bar < 0)
		ur_wanted++;
	for (unsigned i = 0; i < data.size() && (bar == 0 || bar == 1); i++) {
		tgt_want w = tgt_want();
		w.be = i == 0 ? fbe : i == data.size() - 1 ? lbe : 15;
		w.bar = (unsigned)bar;
		w.addr = (unsigned)((addr + 4 * i) & ((bar ? BAR2_SIZE : BAR0_SIZE) - 4));
		w.data = data[i];
		if (w.be) {
			want_writes.push_back(w);
			writes_wanted++;
		}
	}
	dw.push_back(head0(wide ? 3 : 2, 0, (unsigned)data.size(), tb_below(8), tb_below(8)));
	dw.push_back((uint32_t)host_id << 16 | tb_below(256) << 8 | lbe << 4 | fbe);
	if (wide)
		dw.push_back((uint32_t)(addr >> 32));
	dw.push_back((uint32_t)addr & ~3u);
	dw.insert(dw.end(), data.begin(), data.end());
	if (tb_percent(10)) { // with a digest
		dw[0] |= 1u << 15;
		dw.push_back((uint32_t)tb_rand());
	}
	rc_send_raw(dw, false);
}

static void rc_write32(uint64_t addr, uint32_t value)
{
	dws_t d(1, value);
	rc_write(addr, d, 15, 0);
}

static host_np *np_new(unsigned *tag)
{
	host_np *n;
	*tag = np_tag_alloc();
	n = &np_tab[*tag];
	*n = host_np();
	n->active = n->first = true;
	n->tc = tb_below(8);
	n->attr = tb_below(8);
	n->wr_sent = wr_accepted;
	np_active++;
	return n;
}

// A memory read of the host; the answer is checked when it comes.
static unsigned rc_read(uint64_t addr, unsigned len, unsigned fbe, unsigned lbe,
			bool locked = false)
{
	unsigned tag;
	host_np *n = np_new(&tag);
	bool wide = addr >> 32;
	int bar = legal(addr, len, fbe, lbe) && !locked ? bar_of(addr) : -1;
	dws_t dw;

	n->mem = true;
	n->addr = addr & ~3ull;
	n->len = len;
	n->fbe = fbe;
	n->lbe = lbe;
	n->want_status = bar < 0 ? UR : SC;
	n->want_data = bar >= 0;
	n->odd = !legal(0, len, fbe, lbe);
	ur_wanted += bar < 0;
	n->mask.assign(len, 0);
	n->want.assign(len, 0);
	for (unsigned i = 0; i < len && (bar == 0 || bar == 1); i++) {
		tgt_want w = tgt_want();
		w.be = i == 0 ? fbe : i == len - 1 ? lbe : 15;
		w.bar = (unsigned)bar;
		w.addr = (unsigned)((addr + 4 * i) & ((bar ? BAR2_SIZE : BAR0_SIZE) - 4));
		w.tag = tag;
		w.index = i;
		w.writes_before = writes_wanted;
		if (len > 1 || fbe)
			want_reads.push_back(w);
		n->mask[i] = be_mask(w.be);
	}
	n->want_lk = locked;
	n->bytes_left = 0;
	{ // bytes from the first to the last enabled one
		int lo = -1, hi = -1;
		for (unsigned i = 0; i < len * 4; i++) {
			unsigned be = i / 4 == 0 ? fbe : i / 4 == len - 1 ? lbe : 15;
			if (be >> (i & 3) & 1) {
				lo = lo < 0 ? (int)i : lo;
				hi = (int)i;
			}
		}
		n->bytes_left = lo < 0 ? 1 : (unsigned)(hi - lo + 1);
	}
	dw.push_back(head0(wide ? 1 : 0, locked ? 1 : 0, len, n->tc, n->attr));
	dw.push_back((uint32_t)host_id << 16 | tag << 8 | lbe << 4 | fbe);
	if (wide)
		dw.push_back((uint32_t)(addr >> 32));
	dw.push_back((uint32_t)addr & ~3u);
	rc_send_raw(dw, true);
	return tag;
}

// Any other non-posted request, with payload or not.
static unsigned rc_other_np(unsigned fmt, unsigned type, unsigned len, uint32_t dw2,
			    const dws_t &data, int want_status, bool want_data, unsigned be = 0x0f)
{
	unsigned tag;
	host_np *n = np_new(&tag);
	dws_t dw;

	n->want_status = want_status;
	n->want_data = want_data;
	ur_wanted += want_status == UR;
	n->bytes_left = 4;
	n->len = 1;
	n->fbe = 15;
	if (type == 4 || type == 5 || type == 2)
		n->tc = n->attr = 0;
	dw.push_back(head0(fmt, type, len, n->tc, n->attr));
	dw.push_back((uint32_t)host_id << 16 | tag << 8 | be);
	if (fmt & 1)
		dw.push_back(0);
	dw.push_back(dw2);
	dw.insert(dw.end(), data.begin(), data.end());
	rc_send_raw(dw, true);
	return tag;
}

// ------------------------------------------------------------------------------------------------------------------
// TLPs of the NIC

static uint32_t tlp_len(const dws_t &t)
{
	return (t[0] & 1023) ? t[0] & 1023 : 1024;
}

// A completion for one of the host's requests.
static void check_completion(const dws_t &t)
{
	bool data = t[0] >> 30 & 1;
	unsigned tag = t[2] >> 8 & 255, status = t[1] >> 13 & 7, bc = t[1] & 0xfff, la = t[2] & 127;
	unsigned len = data ? tlp_len(t) : 0;
	host_np *n = &np_tab[tag];

	CHECK(t[2] >> 16 == host_id, "completion for requester %04x", t[2] >> 16);
	CHECK(n->active, "completion for tag %u, which is not outstanding", tag);
	CHECK(t[1] >> 16 == nic_id, "completer %04x, not %04x", t[1] >> 16, nic_id);
	CHECK((t[0] >> 20 & 7) == n->tc && ((t[0] >> 12 & 3) | (t[0] >> 16 & 4)) == n->attr,
	      "TC or Attr not copied: %08x", t[0]);
	CHECK(!(t[1] & 1u << 12) && !(t[2] & 0x80), "BCM or reserved bit set");
	CHECK((t[0] >> 24 & 31) == (n->want_lk ? 11u : 10u), "type %x", t[0] >> 24 & 31);
	CHECK((int)status == n->want_status, "status %u, expected %d, tag %u", status,
	      n->want_status, tag);
	CHECK(data == (n->want_data && status == SC), "data %d", data);
	CHECK(n->odd || bc == (n->bytes_left & 0xfff),
	      "byte count %u, expected %u (addr %llx len %u fbe %x lbe %x)", bc, n->bytes_left,
	      (unsigned long long)n->addr, n->len, n->fbe, n->lbe);
	CHECK(wr_seen >= n->wr_sent, "completion passed writes");
	n->status = status;
	if (!data) {
		if (!n->mem)
			CHECK(la == 0, "lower address %x", la);
		n->done = true;
	} else {
		unsigned start = 0, bytes;
		if (n->mem) {
			if (n->first)
				while (start < 3 && n->fbe && !(n->fbe >> start & 1))
					start++;
			CHECK(la == ((n->addr + 4 * n->next_dw + start) & 127),
			      "lower address %x of %llx", la, (unsigned long long)n->addr);
		} else {
			CHECK(la == 0, "lower address %x", la);
		}
		CHECK(len * 4 <= opt.mps, "payload above MPS");
		bytes = len * 4 - start;
		if (bytes >= n->bytes_left) {
			CHECK(n->next_dw + len == n->len, "last completion with %u DWs", len);
			n->done = true;
		} else {
			// Not the last: it must end at a read completion boundary of an endpoint.
			CHECK(((n->addr + 4 * (n->next_dw + len)) & 127) == 0, "split at %llx",
			      (unsigned long long)(n->addr + 4 * (n->next_dw + len)));
			n->bytes_left -= bytes;
		}
		for (unsigned i = 0; i < len; i++)
			n->data.push_back(t[3 + i]);
		n->next_dw += len;
		n->first = false;
	}
	if (n->done) {
		n->active = false;
		np_active--;
		np_sent_unanswered--;
		for (unsigned i = 0; i < n->data.size() && i < n->mask.size(); i++)
			CHECK((n->data[i] & n->mask[i]) == (n->want[i] & n->mask[i]),
			      "DW %u is %08x, expected %08x", i, n->data[i], n->want[i]);
	}
}

// The bytes that a request's byte enables select; also checks the rules for byte enables (2.2.5).
static void request_span(const dws_t &t, uint64_t addr, uint64_t *first, unsigned *bytes)
{
	unsigned len = tlp_len(t), fbe = t[1] & 15, lbe = t[1] >> 4 & 15;
	static const bool from[16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1
	}; // 1000 1100 1110 1111
	static const bool upto[16] = {
		0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1
	}; // 0001 0011 0111 1111
	unsigned lo = 0, hi = 3;

	if (len == 1) {
		CHECK(lbe == 0 && fbe != 0, "byte enables %x %x of one DW", fbe, lbe);
		while (!(fbe >> lo & 1))
			lo++;
		while (!(fbe >> hi & 1))
			hi--;
		CHECK(fbe == ((0xfu << lo & 0xf) & (0xfu >> (3 - hi))), "holes in %x", fbe);
		*bytes = hi - lo + 1;
	} else {
		CHECK(from[fbe] && upto[lbe], "byte enables %x %x", fbe, lbe);
		while (!(fbe >> lo & 1))
			lo++;
		while (!(lbe >> hi & 1))
			hi--;
		*bytes = 4 * len - lo - (3 - hi);
	}
	*first = addr + lo;
}

static void check_write(const dws_t &t, uint64_t addr, unsigned hdr)
{
	uint64_t first, a;
	unsigned bytes;

	request_span(t, addr, &first, &bytes);
	CHECK(tlp_len(t) * 4 <= opt.mps, "write of %u DWs above MPS", tlp_len(t));
	for (std::map<unsigned, msi_entry>::iterator m = msi_table.begin(); m != msi_table.end();
	     ++m) {
		if (m->second.addr == first && tlp_len(t) == 1) {
			CHECK(bytes == 4 && t[hdr] == m->second.data, "MSI-X data %08x", t[hdr]);
			CHECK(!msi_before[m->first].empty() &&
				      wr_seen >= msi_before[m->first].front(),
			      "MSI-X %u passed writes, or was not asked for", m->first);
			msi_before[m->first]
				.pop_front(); // if requests were merged, one of the later ones' turn
			msi_came[m->first] = tb_cycles;
			msi_got.push_back(m->first);
			return;
		}
	}
	count_write_tlps++;
	last_write_tlp = tb_cycles;
	for (unsigned i = 0; i < bytes; i++) {
		CHECK(!wr_expect.empty(), "write of %llx that nobody asked for",
		      (unsigned long long)first);
		a = wr_expect.front().addr;
		CHECK(a == first + i, "write to %llx, expected %llx",
		      (unsigned long long)(first + i), (unsigned long long)a);
		uint8_t v = (uint8_t)(t[hdr + ((first & 3) + i) / 4] >> 8 * ((first + i) & 3));
		CHECK(v == wr_expect.front().value, "byte at %llx is %02x, expected %02x",
		      (unsigned long long)a, v, wr_expect.front().value);
		mem[a] = v;
		wr_seen++;
		if (i == bytes - 1) // split only where it must be
			CHECK(wr_expect.front().end || (a + 1) % opt.mps == 0,
			      "needless split at %llx", (unsigned long long)a + 1);
		wr_expect.pop_front();
	}
}

// Is this the next MRd of a read?
static bool is_next(const nic_read &r, uint64_t first, unsigned bytes)
{
	uint64_t at = r.addr + r.issued;
	unsigned left = r.len - r.issued, most = opt.mrrs - (unsigned)(at % opt.mrrs);

	return first == at && bytes == (left < most ? left : most);
}

static void check_read(const dws_t &t, uint64_t addr)
{
	uint64_t first;
	unsigned bytes, tag = t[1] >> 8 & 255;
	pending_read p = pending_read();

	request_span(t, addr, &first, &bytes);
	count_read_tlps++;
	CHECK(tlp_len(t) * 4 <= opt.mrrs, "read of %u DWs above MRRS", tlp_len(t));
	CHECK(tag < 32, "tag %u", tag);
	CHECK(!tag_used[tag], "tag %u is outstanding", tag);
	bool walk = !walk_order.empty() && is_next(reads[walk_order.front()], first, bytes);
	if (walk && !read_order.empty() && reads[read_order.front()].issued)
		walk = false; // one that has begun is finished first
	std::deque<int> *order = walk ? &walk_order : &read_order;
	CHECK(!order->empty() || orphans, "read of %llx that nobody asked for",
	      (unsigned long long)first);
	bool orphan = order->empty();
	p.id = orphan ? ORPHAN : (unsigned)order->front();
	nic_read *r = &reads[p.id];
	if (orphan) {
		orphans--;
		r->addr = first;
		r->issued = 0;
		r->len = bytes;
		r->wr_before = 0;
	}
	CHECK(first == r->addr + r->issued, "read of %llx, expected %llx",
	      (unsigned long long)first, (unsigned long long)(r->addr + r->issued));
	CHECK(wr_seen >= r->wr_before, "read passed writes");
	r->issued += bytes;
	CHECK(r->issued == r->len || (r->issued < r->len && (first + bytes) % opt.mrrs == 0),
	      "read ends at %llx", (unsigned long long)(first + bytes));
	if (r->issued == r->len && !orphan)
		order->pop_front();
	tag_used[tag] = true;
	tag_since[tag] = tb_cycles;
	p.tag = tag;
	p.addr = first;
	p.bytes = bytes;
	p.due = tb_cycles + opt.latency_min + tb_below(opt.latency + 1);
	p.f = tb_percent(opt.fault_percent) ? (fault)tb_range(1, F_COUNT - 1) : F_NONE;
	if (next_fault)
		p.f = next_fault;
	next_fault = F_NONE;
	if (p.f == F_POISON) {
		r->may_fail |= 1u << ST_POISONED;
		r->must_fail = true;
	}
	if (p.f == F_UR || p.f == F_CA || p.f == F_CRS) {
		r->may_fail |= 1u << ST_ABORT;
		r->must_fail = true;
	}
	if (p.f == F_SILENT || p.f == F_CUT || p.f == F_LATE) {
		r->may_fail |= 1u << ST_TIMEOUT;
		r->must_fail = true;
		if (p.f == F_LATE)
			p.due = tb_cycles + dut->cpl_timeout_i + 400;
	}
	host_pending.push_back(p);
}

static void rc_take(const dws_t &t)
{
	unsigned fmt = t[0] >> 29, type = t[0] >> 24 & 31;
	unsigned hdr = fmt & 1 ? 4 : 3;
	size_t want = hdr + (fmt & 2 ? tlp_len(t) : 0);

	CHECK(fmt < 4, "Fmt %u", fmt);
	CHECK(t.size() == want, "TLP of %zu DWs, header says %zu", t.size(), want);
	CHECK(!(t[0] & 0x008bcc00), "TD, EP, AT, or reserved bits: %08x", t[0]);
	if (type == 10 || type == 11) {
		check_completion(t);
		return;
	}
	CHECK(type == 0, "type %x", type);
	CHECK(!(t[0] & 0x00743000), "TC or Attr of a request: %08x", t[0]);
	CHECK(t[1] >> 16 == nic_id, "requester ID %04x", t[1] >> 16);
	uint64_t addr = fmt & 1 ? (uint64_t)t[2] << 32 | t[3] : t[2];
	CHECK((addr & 3) == 0, "address %llx", (unsigned long long)addr);
	CHECK(!(fmt & 1) || addr >> 32, "4-DW header below 4 GiB");
	CHECK((addr & 4095) + tlp_len(t) * 4 <= 4096, "crosses 4 KiB");
	if (fmt & 2)
		check_write(t, addr, hdr);
	else
		check_read(t, addr);
}

// ------------------------------------------------------------------------------------------------------------------
// Completions for the NIC's reads

static void rc_complete(unsigned tag, unsigned req, unsigned status, unsigned bc, unsigned la,
			const dws_t &data, bool has_data, bool poisoned, bool locked)
{
	dws_t dw;
	dw.push_back(head0(has_data ? 2 : 0, locked ? 11 : 10, (unsigned)data.size(), 0, 0) |
		     (poisoned ? 1u << 14 : 0));
	dw.push_back(0x00180000u | status << 13 | (bc & 0xfff));
	dw.push_back(req << 16 | tag << 8 | (la & 127));
	dw.insert(dw.end(), data.begin(), data.end());
	if (tb_percent(5)) {
		dw[0] |= 1u << 15;
		dw.push_back((uint32_t)tb_rand());
	}
	rc_send_raw(dw, false);
}

static dws_t mem_dws(uint64_t addr, unsigned bytes, bool spoil)
{
	dws_t d;
	for (uint64_t a = addr & ~3ull; a < addr + bytes; a += 4) {
		uint32_t v = 0;
		for (unsigned i = 0; i < 4; i++)
			v |= (uint32_t)mem_get(a + i) << 8 * i;
		d.push_back(spoil ? ~v : v);
	}
	return d;
}

static void forget(size_t i)
{
	host_pending.erase(host_pending.begin() + (long)i);
}

// Sends the next completion of one pending read, if one is due.
static void rc_serve(void)
{
	size_t i, n = host_pending.size();
	size_t k;

	// Reads that are never answered: their tags rest for two time-outs. Late completions must have been taken out of the
	// NIC's completion store by then.
	unsigned margin = check_timeouts ? 1600 : 100;
	for (i = 0; i < n; i++) {
		pending_read *p = &host_pending[i];
		if ((p->f == F_SILENT || check_timeouts) &&
		    tb_cycles > tag_since[p->tag] + 2 * dut->cpl_timeout_i - margin) {
			tag_used[p->tag] = false;
			forget(i);
			return;
		}
	}
	if (n == 0 || out_pc.size() > 2)
		return;
	k = opt.in_order ? 0 : tb_below(n);
	for (i = 0; i < n; i++, k = (k + 1) % n) {
		if (host_pending[k].due <= tb_cycles && host_pending[k].f != F_SILENT)
			break;
		if (opt.in_order)
			return;
	}
	if (i == n)
		return;
	pending_read *p = &host_pending[k];
	unsigned bytes = p->bytes;
	uint64_t end = p->addr + p->bytes;
	for (uint64_t b = (p->addr / opt.rcb + 1) * opt.rcb; b < end; b += opt.rcb) {
		if (b - (p->addr & ~3ull) > opt.mps || tb_percent(opt.split) ||
		    b + opt.rcb - (p->addr & ~3ull) > opt.mps) {
			bytes = (unsigned)(b - p->addr);
			break;
		}
	}
	bool last = bytes == p->bytes;
	dws_t none, data = mem_dws(p->addr, bytes, false);
	switch (p->f) {
	case F_UR:
	case F_CA:
	case F_CRS:
		if (last || tb_percent(30)) {
			rc_complete(p->tag, nic_id,
				    p->f == F_UR   ? UR
				    : p->f == F_CA ? CA
						   : CRS,
				    p->bytes, (unsigned)p->addr, none, false, false, false);
			tag_used[p->tag] = false;
			forget(k);
			return;
		}
		break;
	case F_POISON:
		if (last || tb_percent(50)) {
			p->f = F_NONE;
			rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr,
				    mem_dws(p->addr, bytes, true), true, true, false);
			goto sent;
		}
		break;
	case F_CUT:
		if (last) {
			p->f = F_SILENT;
			return;
		}
		break;
	case F_WRONG_BC:
		rc_complete(p->tag, nic_id, SC, p->bytes + 4, (unsigned)p->addr,
			    mem_dws(p->addr, bytes, true), true, false, false);
		goto bad;
	case F_WRONG_LA:
		rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr ^ 4,
			    mem_dws(p->addr, bytes, true), true, false, false);
		goto bad;
	case F_WRONG_ID:
		rc_complete(p->tag, nic_id ^ 8u, SC, p->bytes, (unsigned)p->addr,
			    mem_dws(p->addr, bytes, true), true, false, false);
		goto bad;
	case F_WRONG_TAG:
		rc_complete(p->tag | 32u << tb_below(3), nic_id, SC, p->bytes, (unsigned)p->addr,
			    mem_dws(p->addr, bytes, true), true, false, false);
		goto bad;
	case F_TOO_LONG:
		if (data.size() * 4 >= opt.mps || !last) {
			p->f = F_NONE;
			break;
		}
		data.push_back(0x12345678);
		rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr, data, true, false,
			    false);
		goto bad;
	case F_NO_DATA:
		rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr, none, false, false,
			    false);
		goto bad;
	case F_LOCKED:
		rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr, data, true, false,
			    true);
		goto bad;
	default:
		break;
	}
	rc_complete(p->tag, nic_id, SC, p->bytes, (unsigned)p->addr, data, true, false, false);
sent:
	p->served++;
	p->addr += bytes;
	p->bytes -= bytes;
	if (p->f == F_LATE)
		count_bad_expected++;
	if (p->bytes == 0) {
		tag_used[p->tag] = false;
		forget(k);
	}
	return;
bad:
	count_bad_expected++;
	p->f = F_NONE;
}

// ------------------------------------------------------------------------------------------------------------------
// One cycle

static struct {
	bool active;
	dws_t dw;
} in_tlp;
static struct {
	bool valid, sop, eop, keep;
	uint64_t data;
	bool stalled;
} last_tx;

static void drive_rx(void)
{
	if (!out_busy) {
		bool pc = !out_pc.empty(),
		     np = !out_np.empty() && (dut->tlp_rx_np_ok_o || ignore_np_ok);
		// A non-posted request never passes what was sent before it; the others may pass it when it has to wait.
		if (np && pc && out_pc.front().seq < out_np.front().seq)
			np = false;
		if (np) {
			cur_out = out_np.front();
			out_np.pop_front();
		} else if (pc) {
			cur_out = out_pc.front();
			out_pc.pop_front();
		}
		if (np || pc) {
			np_sent_unanswered += np;
			np_most = np_sent_unanswered > np_most ? np_sent_unanswered : np_most;
			out_busy = true;
			cur_beat = 0;
			dut->tlp_rx_valid_i = 0;
		}
	}
	if (!out_busy) {
		dut->tlp_rx_valid_i = 0;
		return;
	}
	if (!dut->tlp_rx_valid_i)
		dut->tlp_rx_valid_i = !tb_percent(opt.rx_gap);
	size_t n = cur_out.dw.size(), i = 2 * cur_beat;
	dut->tlp_rx_data_i = cur_out.dw[i] | (i + 1 < n ? (uint64_t)cur_out.dw[i + 1] << 32
							: (uint64_t)0xdeadbeef << 32);
	dut->tlp_rx_sop_i = cur_beat == 0 && !cur_out.no_sop;
	dut->tlp_rx_eop_i = i + 2 >= n && !cur_out.no_eop;
	dut->tlp_rx_keep_i = i + 1 < n;
}

static void take_rdat(void)
{
	nic_read *r = &reads[dut->rdat_id_o];
	unsigned be = dut->rdat_be_o, off = dut->rdat_off_o, lo = 0, n = 0;

	CHECK(r->active, "data for id %u, which is not outstanding", dut->rdat_id_o);
	if (be) {
		while (!(be >> lo & 1))
			lo++;
		while (lo + n < 8 && be >> (lo + n) & 1)
			n++;
		CHECK(be >> (lo + n) == 0, "byte enables %02x not contiguous", be);
		CHECK(((r->addr + off) & 7) == lo, "offset %u of %llx in lane %u", off,
		      (unsigned long long)r->addr, lo);
		for (unsigned i = 0; i < n; i++) {
			CHECK(off + i < r->len, "offset %u beyond %u", off + i, r->len);
			CHECK(!r->got[off + i], "byte %u twice", off + i);
			r->got[off + i] = 1;
			uint8_t v = (uint8_t)(dut->rdat_data_o >> 8 * (lo + i)),
				w = mem_get(r->addr + off + i);
			CHECK(v == w, "byte %u of id %u (%llx) is %02x, expected %02x", off + i,
			      dut->rdat_id_o, (unsigned long long)r->addr, v, w);
		}
	}
	if (dut->rdat_last_o) {
		unsigned st = dut->rdat_status_o;
		bool all = true;
		for (unsigned i = 0; i < r->len; i++)
			all = all && r->got[i];
		if (st == ST_OK) {
			CHECK(all, "id %u ended without all data", dut->rdat_id_o);
			CHECK(!r->must_fail, "id %u ended well, but may fail with %x",
			      dut->rdat_id_o, r->may_fail);
			CHECK(be != 0, "empty last beat");
		} else {
			bool in_time = check_timeouts && st == ST_TIMEOUT &&
				       tb_cycles - r->start >= dut->cpl_timeout_i;
			CHECK(in_time || r->may_fail >> st & 1,
			      "id %u ended with status %u, not in %x", dut->rdat_id_o, st,
			      r->may_fail);
			reads_failed++;
		}
		r->active = false;
		reads_done++;
	}
}

static void step(void)
{
	bool rx_taken;

	// Inputs for this cycle.
	drive_rx();
	dut->tlp_tx_ready_i = !opt.tx_block && !tb_percent(opt.tx_stall);
	dut->tlp_tx_np_ok_i = credits > 0;
	dut->tgt_ready_i = !tgt_pending && !tb_percent(opt.tgt_stall);
	dut->tgt_rvalid_i = tgt_pending && !tgt_silent && tb_cycles >= tgt_due;
	dut->tgt_rdata_i = dut->tgt_rvalid_i ? tgt_value : (uint32_t)tb_rand();
	if (!req_shown && !req_queue.empty() && !tb_percent(opt.req_gap)) {
		req_cur = req_queue.front();
		req_cur_id = -1;
		for (unsigned i = 0; i < only_ids && !req_cur.write; i++) {
			int id = (int)((tb_cycles + i) % only_ids);
			if (!reads[id].active)
				req_cur_id = id;
		}
		if (req_cur.write || req_cur_id >= 0) {
			req_shown = true;
			req_queue.pop_front();
		}
	}
	dut->req_valid_i = req_shown;
	dut->req_write_i = req_cur.write;
	dut->req_addr_i = req_cur.addr;
	dut->req_len_i = req_cur.len;
	dut->req_id_i = req_cur.write ? tb_below(IDS) : (unsigned)req_cur_id;
	if (wdat_queue.empty())
		dut->wdat_valid_i = 0;
	else if (!dut->wdat_valid_i)
		dut->wdat_valid_i = !tb_percent(opt.wdat_gap);
	dut->wdat_data_i = wdat_queue.empty() ? tb_rand() : wdat_queue.front();
	dut->rdat_ready_i = !tb_percent(opt.rdat_stall);
	dut->msix_valid_i = !msix_queue.empty();
	dut->msix_vector_i = msix_queue.empty() ? 0 : msix_queue.front();
	tb_eval();

	// What is transferred at this edge?
	rx_taken = dut->tlp_rx_valid_i && dut->tlp_rx_ready_o;
	bool wdat_taken = dut->wdat_valid_i && dut->wdat_ready_o;

	if (last_tx.stalled) {
		CHECK(dut->tlp_tx_valid_o, "tlp_tx_valid fell");
		CHECK(dut->tlp_tx_data_o == last_tx.data && dut->tlp_tx_sop_o == last_tx.sop &&
			      dut->tlp_tx_eop_o == last_tx.eop &&
			      dut->tlp_tx_keep_o == last_tx.keep,
		      "tlp_tx changed while it waited");
	}
	last_tx.stalled = dut->tlp_tx_valid_o && !dut->tlp_tx_ready_i;
	last_tx.data = dut->tlp_tx_data_o;
	last_tx.sop = dut->tlp_tx_sop_o;
	last_tx.eop = dut->tlp_tx_eop_o;
	last_tx.keep = dut->tlp_tx_keep_o;
	if (dut->tlp_tx_valid_o && dut->tlp_tx_ready_i) {
		uint64_t d = dut->tlp_tx_data_o;
		CHECK(dut->tlp_tx_sop_o == !in_tlp.active, "sop in the wrong place");
		if (dut->tlp_tx_sop_o) {
			in_tlp.dw.clear();
			in_tlp.active = true;
			if ((d >> 24 & 31) == 0 && !(d >> 30 & 1)) {
				CHECK(credits > 0, "a read without credit");
				credits--;
			}
		}
		CHECK(dut->tlp_tx_keep_o || dut->tlp_tx_eop_o, "keep low before eop");
		in_tlp.dw.push_back((uint32_t)d);
		if (dut->tlp_tx_keep_o)
			in_tlp.dw.push_back((uint32_t)(d >> 32));
		if (dut->tlp_tx_eop_o) {
			in_tlp.active = false;
			rc_take(in_tlp.dw);
		}
	}
	if (!opt.np_block && credits < 4 && !tb_percent(opt.np_stall))
		credits++;

	// Target bus.
	if (dut->tgt_rvalid_i)
		tgt_pending = false;
	if (dut->tgt_valid_o && dut->tgt_ready_i) {
		tgt_access a;
		a.we = dut->tgt_we_o;
		a.bar = dut->tgt_bar_o;
		a.addr = dut->tgt_addr_o;
		a.be = dut->tgt_be_o;
		a.data = dut->tgt_wdata_o;
		CHECK(a.bar <= 1 && (a.addr & 3) == 0 &&
			      a.addr < (unsigned)(a.bar ? BAR2_SIZE : BAR0_SIZE),
		      "target access bar %u addr %x", a.bar, a.addr);
		CHECK(a.be != 0, "target access without bytes");
		if (tgt_log_on)
			tgt_log.push_back(a);
		std::deque<tgt_want> *list = a.we ? &want_writes : &want_reads;
		CHECK(!list->empty(), "target access that nobody asked for: bar %u addr %x", a.bar,
		      a.addr);
		tgt_want w = list->front();
		list->pop_front();
		CHECK(w.bar == a.bar && w.addr == a.addr && w.be == a.be &&
			      (!a.we || w.data == a.data),
		      "target access bar %u addr %x be %x, expected bar %u addr %x be %x", a.bar,
		      a.addr, a.be, w.bar, w.addr, w.be);
		if (a.we) {
			writes_done++;
		} else {
			CHECK(writes_done >= w.writes_before, "read passed a write");
			np_tab[w.tag].want[w.index] = tgt_get(a.bar, a.addr);
		}
		if (a.we) {
			uint32_t m = be_mask(a.be);
			tgt_mem[a.bar << 28 | a.addr] =
				(tgt_get(a.bar, a.addr) & ~m) | (a.data & m);
			tgt_writes++;
		} else {
			tgt_pending = true;
			tgt_due = tb_cycles + 1 + tb_below(opt.tgt_latency + 1);
			tgt_value = tgt_get(a.bar, a.addr);
			tgt_reads++;
		}
	}

	// Requester.
	if (dut->req_valid_i && dut->req_ready_o) {
		req_shown = false;
		if (req_cur.write) {
			wr_ends.push_back(wr_accepted + (drop_writes ? 0 : req_cur.len));
			for (uint64_t a = req_cur.addr & ~7ull; a < req_cur.addr + req_cur.len;
			     a += 8) {
				uint64_t w = tb_rand();
				wdat_queue.push_back(w);
				for (unsigned i = 0; i < 8 && !drop_writes; i++) {
					if (a + i >= req_cur.addr &&
					    a + i < req_cur.addr + req_cur.len) {
						wr_byte b = { a + i, (uint8_t)(w >> 8 * i),
							      a + i + 1 ==
								      req_cur.addr + req_cur.len };
						wr_expect.push_back(b);
						wr_accepted++;
					}
				}
			}
		} else {
			nic_read *r = &reads[req_cur_id];
			*r = nic_read();
			r->active = true;
			r->addr = req_cur.addr;
			r->len = req_cur.len;
			r->wr_before = wr_accepted;
			r->got.assign(req_cur.len, 0);
			r->start = tb_cycles;
			if (drop_writes) {
				r->may_fail = 1u << ST_ABORT;
				r->must_fail = true;
			} else {
				(req_cur_id >= WALKER ? walk_order : read_order)
					.push_back(req_cur_id);
			}
		}
	}
	if (dut->wr_sent_o) { // the link has taken all of the oldest write that was not told yet
		CHECK(!wr_ends.empty() && wr_seen >= wr_ends.front(), "wr_sent too early");
		wr_ends.pop_front();
		wr_sent++;
	}
	if (wdat_taken)
		wdat_queue.pop_front();
	if (dut->rdat_valid_o && dut->rdat_ready_i)
		take_rdat();
	if (dut->msix_valid_i && dut->msix_ready_o) {
		msi_before[msix_queue.front()].push_back(wr_accepted);
		msi_asked[msix_queue.front()] = tb_cycles;
		msix_queue.pop_front();
	}
	ev.ur += dut->ev_ur_o;
	ev.malformed += dut->ev_malformed_o;
	ev.poisoned += dut->ev_poisoned_o;
	ev.bad_cpl += dut->ev_bad_cpl_o;
	ev.msix_sent += dut->ev_msix_sent_o;
	ev.msix_masked += dut->ev_msix_masked_o;
	ev.flr += dut->cfg_flr_o;
	rc_serve();

	tb_tick();
	if (rx_taken) {
		dut->tlp_rx_valid_i = 0;
		if (2 * ++cur_beat >= cur_out.dw.size())
			out_busy = false;
	}
	if (wdat_taken)
		dut->wdat_valid_i = 0;
}

static void steps(unsigned n)
{
	while (n--)
		step();
}

#define step_until(condition, limit)                                               \
	do {                                                                       \
		uint64_t end_ = tb_cycles + (limit);                               \
		while (!(condition)) {                                             \
			if (tb_cycles >= end_)                                     \
				fail_msg("not within %llu cycles: %s",             \
					 (unsigned long long)(limit), #condition); \
			step();                                                    \
		}                                                                  \
	} while (0)

// Nothing left to do anywhere.
static bool all_quiet(void)
{
	bool any = false;
	for (int i = 0; i < IDS; i++)
		any = any || reads[i].active;
	return !any && out_pc.empty() && out_np.empty() && !out_busy && np_active == 0 &&
	       wr_expect.empty() && want_writes.empty() && req_queue.empty() && !req_shown &&
	       wr_ends.empty() && wdat_queue.empty() && msix_queue.empty() && dut->idle_o;
}

static void settle(unsigned limit)
{
	step_until(all_quiet(), limit);
}

// ------------------------------------------------------------------------------------------------------------------
// Start, configuration accesses, requests

static void cfg_write(unsigned reg, uint32_t value, unsigned be = 15)
{
	unsigned tag;
	dws_t d(1, value);

	nic_id = 0x3a28; // bus 3a, device 5, function 0
	tag = rc_other_np(2, 4, 1, (uint32_t)nic_id << 16 | reg, d, SC, false, be);
	step_until(np_tab[tag].done, 2000);
}

static uint32_t cfg_read(unsigned reg)
{
	dws_t none;
	unsigned tag = rc_other_np(0, 4, 1, (uint32_t)0x3a28 << 16 | reg, none, SC, true);
	step_until(np_tab[tag].done, 2000);
	return np_tab[tag].data[0];
}

static uint32_t bar_read(uint64_t addr)
{
	unsigned tag = rc_read(addr, 1, 15, 0);
	step_until(np_tab[tag].done, 20000);
	return np_tab[tag].data[0];
}

static void set_sizes(unsigned mps, unsigned mrrs)
{
	unsigned m = 0, r = 0;

	settle(20000);
	while (128u << m < mps)
		m++;
	while (128u << r < mrrs)
		r++;
	cfg_write(0x68, m << 5 | r << 12, 3);
	opt.mps = mps;
	opt.mrrs = mrrs;
}

static void rc_clear(void)
{
	memset(&opt, 0, sizeof opt);
	opt.mps = 128;
	opt.mrrs = 512;
	opt.rcb = 64;
	mem.clear();
	out_pc.clear();
	out_np.clear();
	out_busy = false;
	ignore_np_ok = false;
	for (int i = 0; i < 256; i++)
		np_tab[i] = host_np();
	np_active = 0;
	nic_id = 0;
	wr_expect.clear();
	wr_accepted = wr_seen = 0;
	for (int i = 0; i < IDS; i++)
		reads[i] = nic_read();
	read_order.clear();
	walk_order.clear();
	only_ids = IDS;
	wr_ends.clear();
	wr_sent = 0;
	reads_done = reads_failed = orphans = 0;
	req_queue.clear();
	wdat_queue.clear();
	req_shown = false;
	msix_queue.clear();
	dut->msix_clr_valid_i = 0;
	msi_table.clear();
	msi_got.clear();
	msi_before.clear();
	msi_asked.clear();
	msi_came.clear();
	host_pending.clear();
	next_fault = F_NONE;
	memset(tag_used, 0, sizeof tag_used);
	credits = 1;
	count_bad_expected = 0;
	count_write_tlps = count_read_tlps = 0;
	tgt_reads = tgt_writes = 0;
	memset(&ev, 0, sizeof ev);
	tgt_mem.clear();
	want_writes.clear();
	want_reads.clear();
	writes_wanted = writes_done = 0;
	ur_wanted = 0;
	host_mem_on = false;
	np_sent_unanswered = np_most = 0;
	tgt_log.clear();
	tgt_log_on = tgt_pending = tgt_silent = false;
	in_tlp.active = false;
	last_tx.stalled = false;
	drop_writes = check_timeouts = false;
	dut->nic_rst_i = 0;
	dut->cpl_timeout_i = 5000;
	dut->tlp_rx_valid_i = dut->wdat_valid_i = 0;
	tb_reset(2);
}

// As a BIOS and a driver leave the function: BARs, memory space and bus master on, MSI-X on.
static void rc_start(void)
{
	rc_clear();
	cfg_write(0x10, BAR0_AT);
	cfg_write(0x18, (uint32_t)BAR2_AT);
	cfg_write(0x1c, (uint32_t)(BAR2_AT >> 32));
	cfg_write(0x20, BAR4_AT);
	cfg_write(0x04, 6, 3);
	host_mem_on = true;
	cfg_write(0x50, 1u << 31, 8);
	step_until(dut->idle_o, 16 * VECTORS + 500); // the MSI-X table has been swept
}

// No request for a message was forgotten.
static void check_no_vector_lost(void)
{
	for (std::map<unsigned, uint64_t>::iterator i = msi_asked.begin(); i != msi_asked.end();
	     ++i)
		CHECK(i->first >= VECTORS || msi_came[i->first] > i->second, "vector %u lost",
		      i->first);
}

static void nic_write(uint64_t addr, unsigned len)
{
	nic_req r = { true, addr, len };
	req_queue.push_back(r);
}

static void nic_read_mem(uint64_t addr, unsigned len)
{
	nic_req r = { false, addr, len };
	req_queue.push_back(r);
}

// A request somewhere in host memory, inside one page.
static void nic_random(bool write)
{
	uint64_t page = tb_percent(50) ? 0x12345ull << 32 | (uint64_t)tb_below(1 << 20) << 12
				       : (uint64_t)tb_below(0x80000) << 12;
	unsigned off = tb_below(4096), len = 1 + tb_below(4096 - off);
	nic_req r;

	if (tb_percent(50) && len > 80)
		len = 1 + tb_below(80);
	// Reads look at another half of memory than writes change, so that their data does not depend on the order.
	page = write ? page | 1ull << 30 : page & ~(1ull << 30);
	r.write = write;
	r.addr = page + off;
	r.len = len;
	req_queue.push_back(r);
}

#endif
