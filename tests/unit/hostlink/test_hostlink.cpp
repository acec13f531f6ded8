// SPDX-License-Identifier: Apache-2.0
// Bench of the host link (rtl/boards/common/hostlink.sv). The other end is either frames built here by docs/hostlink.md, one at a time, or the host's own program
// (sim/hostlink/link.c) behind a cable that loses, repeats, delays and overtakes. TLPs carry their number, so that each one is missed or seen twice.

#include "tb.h"
extern "C" {
#include "link.h"
}

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

typedef std::vector<uint8_t> bytes;
typedef std::vector<uint32_t> tlp;

#define BOARD	0x0100004c4702ull /* 02:47:4c:00:00:01 */
#define HOST	0x0200004c4702ull
#define HOST2	0x0300004c4702ull
#define ALL	0xffffffffffffull
#define HEADER	32
#define SILENCE (1u << 27)

enum { OPEN = 1, ACCEPT, REFUSE, DATA, ACK, CLOSE };
enum { BAD, FOREIGN, MALFORMED, FORGED, REPLAYED, GAP, REFUSED, RESENT };

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

// --- The MAC's side -----------------------------------------------------------------------------------------------------------------

static std::deque<bytes> wire_in;   // frames for the board
static std::vector<bytes> wire_out; // what the board has sent
static size_t in_at;
static unsigned in_wait, out_wait;
static bool in_bad; // the frame that goes in next ends with an error
static bytes out;

// --- The NIC's side -----------------------------------------------------------------------------------------------------------------

static std::deque<tlp> up; // for the host
static size_t up_at;
static bool up_offered;	      // a word of it
static std::vector<tlp> down; // from the host
static tlp down_now;
static unsigned stall_percent, pause_percent; // of the NIC's ready and valid
static bool held;			      // the NIC takes nothing
static bool coupled;			      // the NIC takes a TLP only when it has got rid of one
static unsigned credit;			      // TLPs that it may take then

static uint64_t le(const bytes &f, size_t at, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = n; i--;)
		v = v << 8 | f[at + i];
	return v;
}

static void set_le(bytes &f, size_t at, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		f[at + i] = (uint8_t)(v >> 8 * i);
}

static void each_cycle(void)
{
	// What the clock edge transfers is what stands now, with inputs as they were set after the last one.
	if (dut->tx_valid_o && dut->tx_ready_i) {
		for (unsigned i = 0; i < 8; i++)
			out.push_back((uint8_t)(dut->tx_data_o >> 8 * i));
		if (dut->tx_last_o) {
			wire_out.push_back(out);
			out.clear();
			out_wait = 24;
		} else {
			out_wait = out.size() == 8 ? 0 : 7;
		}
	}
	if (dut->tlp_tx_valid_i && dut->tlp_tx_ready_o) {
		up_offered = false;
		up_at += 2;
		if (up_at >= up.front().size()) {
			up.pop_front();
			up_at = 0;
			credit++;
		}
	}
	if (dut->tlp_rx_valid_o && dut->tlp_rx_ready_i) {
		CHECK(!!dut->tlp_rx_sop_o == down_now.empty(), "a TLP begins inside another");
		down_now.push_back((uint32_t)dut->tlp_rx_data_o);
		CHECK(dut->tlp_rx_keep_o || dut->tlp_rx_eop_o, "half a word in a TLP");
		if (dut->tlp_rx_keep_o)
			down_now.push_back((uint32_t)(dut->tlp_rx_data_o >> 32));
		if (dut->tlp_rx_eop_o) {
			down.push_back(down_now);
			down_now.clear();
			credit -= coupled;
		}
	}
}

static void drive(void)
{
	dut->tx_ready_i = out_wait == 0;
	if (out_wait)
		out_wait--;
	dut->rx_valid_i = dut->rx_last_i = dut->rx_sof_i = dut->rx_err_i = 0;
	if (in_wait) {
		in_wait--;
	} else if (!wire_in.empty()) {
		const bytes &f = wire_in.front();
		size_t n = std::min<size_t>(8, f.size() - in_at);
		dut->rx_valid_i = 1;
		dut->rx_sof_i = in_at == 0;
		dut->rx_data_i = le(f, in_at, (unsigned)n);
		dut->rx_last_i = in_at + n == f.size();
		dut->rx_last_bytes_i = (uint8_t)n;
		dut->rx_err_i = dut->rx_last_i && in_bad;
		in_at += n;
		in_wait = 7;
		if (dut->rx_last_i) {
			wire_in.pop_front();
			in_at = 0;
			in_wait = 24; // FCS, gap, preamble
			in_bad = false;
		} else if (f.size() - in_at <= 8 && tb_percent(50)) {
			in_wait = 0; // the last word may come at once
		}
	}
	if (!dut->up_o) {
		up_at = 0;
		down_now.clear();
	}
	if (!up_offered || !dut->up_o) {
		up_offered = dut->up_o && !up.empty() && !tb_percent(pause_percent);
		if (up_offered) {
			const tlp &t = up.front();
			dut->tlp_tx_eop_i = up_at + 2 >= t.size();
			dut->tlp_tx_keep_i = up_at + 2 <= t.size();
			dut->tlp_tx_data_i =
				t[up_at] | (up_at + 1 < t.size() ? (uint64_t)t[up_at + 1] << 32
								 : 0xdeadbeef00000000ull);
		}
	}
	dut->tlp_tx_valid_i = up_offered;
	dut->tlp_rx_ready_i = !held && (!coupled || credit) && !tb_percent(stall_percent);
}

static void cycle(void)
{
	drive();
	tb_tick();
}

static void cycles(uint64_t n)
{
	while (n--)
		cycle();
}

static int fresh(void **state)
{
	int status = tb_setup_(state);
	wire_in.clear();
	wire_out.clear();
	up.clear();
	down.clear();
	down_now.clear();
	out.clear();
	in_at = up_at = in_wait = out_wait = stall_percent = pause_percent = 0;
	in_bad = held = up_offered = coupled = false;
	credit = 0;
	dut->mac_i = BOARD;
	dut->seed_i = (uint32_t)tb_rand();
	dut->time_skip_i = 0;
	dut->tlp_tx_valid_i = 0;
	tb_each = NULL;
	tb_reset(4);
	tb_each = each_cycle;
	return status;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, tb_teardown_)

// --- Frames by hand -----------------------------------------------------------------------------------------------------------------

static bytes frame(uint64_t to, uint64_t from, unsigned type, uint32_t tag, uint32_t seq,
		   uint32_t ack = 0, unsigned window = 4096)
{
	bytes f(60);
	set_le(f, 0, to, 6);
	set_le(f, 6, from, 6);
	f[12] = 0x88;
	f[13] = 0xb5;
	f[14] = (uint8_t)(0x10 | type);
	set_le(f, 16, tag, 4);
	set_le(f, 20, seq, 4);
	set_le(f, 24, ack, 4);
	set_le(f, 28, window, 2);
	return f;
}

// A memory write of `dws` DWs whose first one is `number`.
static tlp write_tlp(uint32_t number, unsigned dws, bool wide = false)
{
	tlp t = { (wide ? 0x60000000u : 0x40000000u) | dws, dws > 1 ? 0xffu : 0xfu };
	if (wide)
		t.push_back(0x12);
	t.push_back(0xf0000000u);
	for (unsigned i = 0; i < dws; i++)
		t.push_back(number + i * 0x01000193u);
	return t;
}

static bytes with_tlps(bytes f, const std::vector<tlp> &tlps)
{
	f.resize(HEADER);
	size_t words = 0;
	for (const tlp &t : tlps) {
		for (size_t i = 0; i < t.size() + t.size() % 2; i++) {
			f.resize(f.size() + 4);
			set_le(f, f.size() - 4, i < t.size() ? t[i] : 0, 4);
		}
		words += (t.size() + 1) / 2;
	}
	if (words < 4)
		f.insert(f.end(), 8, 0xff);
	if (f.size() < 60)
		f.resize(60);
	return f;
}

static uint32_t board_tag, host_tag;

// Frames of the board since the last call.
static std::vector<bytes> heard(uint64_t n)
{
	wire_out.clear();
	cycles(n);
	return wire_out;
}

static bytes the_one(const std::vector<bytes> &frames, unsigned type)
{
	CHECK(frames.size() == 1, "%zu frames, not one", frames.size());
	CHECK(frames[0][14] == (0x10 | type), "type and version %02x, not %02x", frames[0][14],
	      0x10 | type);
	return frames[0];
}

static void say(const bytes &f)
{
	wire_in.push_back(f);
}

static bytes offer(uint64_t host, uint32_t nonce)
{
	say(frame(ALL, host, OPEN, 0, nonce));
	return the_one(heard(400), ACCEPT);
}

static void pair(uint64_t host = HOST, uint32_t nonce = 0x1234567)
{
	bytes a = offer(host, nonce);
	host_tag = nonce;
	board_tag = (uint32_t)le(a, 20, 4);
	say(frame(BOARD, host, ACK, board_tag, 0));
	std::vector<bytes> frames = heard(800);
	CHECK(dut->up_o, "the link is not up");
	bytes f = the_one(frames, ACK);
	assert_int_equal(le(f, 16, 4), nonce);
	// What came with the confirmation is forgotten with the reset: our window comes again.
	say(frame(BOARD, host, ACK, board_tag, 0));
	cycles(200);
}

static unsigned counter(unsigned which)
{
	bytes p = frame(BOARD, HOST, ACK, board_tag, 0);
	p[15] = 2; // POLL
	say(p);
	std::vector<bytes> frames = heard(400);
	CHECK(!frames.empty(), "no answer to POLL");
	return (unsigned)le(frames.back(), HEADER + 2 * which, 2);
}

// --- Pairing ------------------------------------------------------------------------------------------------------------------------

static void an_open_is_answered_by_an_offer(void **state)
{
	(void)state;
	bytes a = offer(HOST, 0xcafe);
	assert_int_equal(le(a, 0, 6), HOST);
	assert_int_equal(le(a, 6, 6), BOARD);
	assert_int_equal(le(a, 16, 4), 0xcafe);
	assert_int_not_equal(le(a, 20, 4), 0);
	assert_false(dut->up_o);
	// The same again: the same offer. Another nonce: another one.
	assert_int_equal(le(offer(HOST, 0xcafe), 20, 4), le(a, 20, 4));
	assert_int_not_equal(le(offer(HOST, 0xcaff), 20, 4), le(a, 20, 4));
}

static void an_offer_is_kept_for_its_host(void **state)
{
	(void)state;
	offer(HOST, 1);
	say(frame(ALL, HOST2, OPEN, 0, 2));
	assert_int_equal(le(the_one(heard(400), REFUSE), 0, 6), HOST2);
	cycles(1u << OFFER_LOG2);
	assert_int_equal(le(offer(HOST2, 2), 0, 6), HOST2);
}

static void only_the_right_confirmation_counts(void **state)
{
	(void)state;
	bytes a = offer(HOST, 77);
	uint32_t tag = (uint32_t)le(a, 20, 4);
	say(frame(BOARD, HOST, ACK, tag ^ 1, 0));
	say(frame(BOARD, HOST2, ACK, tag, 0));
	say(with_tlps(frame(BOARD, HOST, DATA, tag, 0), { write_tlp(1, 1) }));
	say(frame(BOARD, HOST, CLOSE, tag, 0));
	say(frame(HOST2, HOST, ACK, tag, 0));
	cycles(1000);
	assert_false(dut->up_o);
	say(frame(BOARD, HOST, ACK, tag, 0));
	cycles(300);
	assert_true(dut->up_o);
}

static void a_second_host_is_refused(void **state)
{
	(void)state;
	pair();
	say(frame(ALL, HOST2, OPEN, 0, 9));
	bytes r = the_one(heard(400), REFUSE);
	assert_int_equal(le(r, 0, 6), HOST2);
	assert_int_equal(le(r, 16, 4), 9);
	assert_int_equal(counter(REFUSED), 1);
	assert_true(dut->up_o);
}

static void an_open_in_our_name_changes_nothing(void **state)
{
	(void)state;
	pair();
	uint32_t tag = board_tag;
	say(frame(ALL, HOST, OPEN, 0, 4711));
	bytes a = the_one(heard(400), ACCEPT);
	assert_true(dut->up_o);
	say(with_tlps(frame(BOARD, HOST, DATA, tag, 0), { write_tlp(5, 1) }));
	cycles(300);
	assert_int_equal(down.size(), 1);
	// But whoever got the offer may take it: a host that was started again.
	say(frame(BOARD, HOST, ACK, (uint32_t)le(a, 20, 4), 0));
	tb_wait((drive(), !dut->up_o), 300);
	cycles(200);
	assert_true(dut->up_o);
	say(with_tlps(frame(BOARD, HOST, DATA, tag, 2), { write_tlp(6, 1) }));
	cycles(300);
	assert_int_equal(down.size(), 1);
}

static void close_and_silence_end_it(void **state)
{
	(void)state;
	pair();
	say(frame(BOARD, HOST, CLOSE, board_tag ^ 4, 0));
	cycles(200);
	assert_true(dut->up_o);
	say(frame(BOARD, HOST, CLOSE, board_tag, 0));
	cycles(200);
	assert_false(dut->up_o);
	pair(HOST2, 31);
	dut->time_skip_i = SILENCE - 2000; // a simulator sleeps
	cycle();
	dut->time_skip_i = 0;
	cycles(1000);
	assert_true(dut->up_o);
	cycles(1200);
	assert_false(dut->up_o);
	pair(HOST, 32);
	dut->time_skip_i = 0xffffffff;
	cycle();
	dut->time_skip_i = 0;
	cycles(10);
	assert_false(dut->up_o);
}

// --- Data ---------------------------------------------------------------------------------------------------------------------------

static void tlps_come_out_as_they_were(void **state)
{
	(void)state;
	pair();
	std::vector<tlp> sent;
	uint32_t seq = 0;
	for (unsigned dws : { 1u, 2u, 3u, 4u, 5u, 31u, 32u, 63u, 64u })
		for (bool wide : { false, true })
			sent.push_back(write_tlp(dws, dws, wide));
	sent.push_back({ 0x04000001, 0x0f, 0x01000010 });
	sent.push_back({ 0x44008001, 0x0f, 0x01000010, 7, 8 }); // with a digest
	for (const tlp &t : sent) {
		say(with_tlps(frame(BOARD, HOST, DATA, board_tag, seq), { t }));
		seq += (uint32_t)(t.size() + 1) / 2;
	}
	cycles(20000);
	assert_true(down == sent);
	assert_int_equal(counter(MALFORMED), 0);
}

static void what_the_nic_sends_comes_in_frames(void **state)
{
	(void)state;
	pair();
	for (unsigned i = 1; i <= 3; i++)
		up.push_back(write_tlp(i, i));
	std::vector<bytes> frames = heard(1500);
	uint32_t seq = 0;
	std::vector<tlp> got;
	for (const bytes &f : frames) {
		if (f[14] != 0x14)
			continue;
		assert_int_equal(le(f, 0, 6), HOST);
		assert_int_equal(le(f, 16, 4), host_tag);
		assert_int_equal(le(f, 20, 4), seq);
		for (size_t at = HEADER; at < f.size() && le(f, at, 4) >> 29 != 7;) {
			size_t n = 3 + (le(f, at, 4) & 0x3ff);
			tlp t;
			for (size_t i = 0; i < n; i++)
				t.push_back((uint32_t)le(f, at + 4 * i, 4));
			if (n % 2)
				assert_int_equal(le(f, at + 4 * n, 4), 0);
			got.push_back(t);
			at += (n + 1) / 2 * 8;
			seq += (uint32_t)(n + 1) / 2;
		}
	}
	assert_int_equal(got.size(), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(got[i] == write_tlp(i + 1, i + 1));
	// Not acknowledged: sent again, and again.
	size_t before = frames.size();
	frames = heard(3 * (RTO_CYCLES + 1000));
	assert_true(before >= 1 && frames.size() >= 3);
	assert_int_equal(le(frames[0], 20, 4), 0);
	// Acknowledged: no more.
	say(frame(BOARD, HOST, ACK, board_tag, 0, seq));
	cycles(500);
	assert_int_equal(heard(3 * RTO_CYCLES).size(), 0);
}

static void what_is_not_ours_is_dropped_and_counted(void **state)
{
	(void)state;
	pair();
	bytes good = with_tlps(frame(BOARD, HOST, DATA, board_tag, 0), { write_tlp(1, 8) }), f;
	unsigned malformed = 0;
	// Of another session, or made by someone who has not seen it.
	f = good;
	f[16] ^= 1;
	say(f);
	say(frame(BOARD, HOST, ACK, 0, 0));
	// From someone else, for someone else, something else.
	f = good;
	f[6] ^= 4;
	say(f);
	f = good;
	f[0] ^= 4;
	say(f);
	f = good;
	f[13] = 0xb6;
	say(f);
	say(bytes(60, 0xff));
	// Malformed: version, type, flags, reserved octets, a TLP that is cut, two of them, one too long, no TLP at all, half a word behind.
	for (auto change :
	     { std::make_pair(14, 0x24), std::make_pair(14, 0x17), std::make_pair(14, 0x12),
	       std::make_pair(15, 0x04), std::make_pair(30, 1), std::make_pair(31, 0x80) }) {
		f = good;
		f[(size_t)change.first] = (uint8_t)change.second;
		say(f);
		malformed++;
	}
	f = good;
	f.resize(f.size() - 8);
	say(f);
	f = good;
	f.insert(f.end(), 8, 0);
	say(f);
	say(with_tlps(frame(BOARD, HOST, DATA, board_tag, 0), { write_tlp(1, 70) }));
	say(with_tlps(frame(BOARD, HOST, DATA, board_tag, 0), {}));
	f = good;
	f.insert(f.end(), 4, 0);
	say(f);
	f = good; // the last TLP ends with a word that is not whole
	f.resize(f.size() - 4);
	say(f);
	malformed += 6;
	cycles(20 * 400);
	assert_int_equal(down.size(), 0);
	assert_int_equal(counter(FORGED), 2);
	assert_int_equal(counter(FOREIGN), 4);
	assert_int_equal(counter(MALFORMED), malformed);
	// A bad check sequence; then the same frame whole, twice; one from behind a gap.
	say(good);
	in_bad = true;
	cycles(400);
	assert_int_equal(down.size(), 0);
	say(good);
	say(good);
	say(with_tlps(frame(BOARD, HOST, DATA, board_tag, 99), { write_tlp(1, 8) }));
	wire_out.clear();
	cycles(2000);
	assert_int_equal(down.size(), 1);
	bool nak = false;
	for (const bytes &g : wire_out)
		nak |= g[15] & 1;
	assert_true(nak);
	assert_int_equal(counter(BAD), 1);
	assert_int_equal(counter(REPLAYED), 1);
	assert_int_equal(counter(GAP), 1);
	assert_true(dut->up_o);
	// What the board sends itself, and nobody acknowledges.
	assert_int_equal(counter(RESENT), 0);
	up.push_back(write_tlp(1, 8));
	cycles(RTO_CYCLES + 2000);
	assert_int_equal(counter(RESENT), 1);
}

static void acknowledgements_of_what_was_not_sent_are_ignored(void **state)
{
	(void)state;
	pair();
	up.push_back(write_tlp(1, 1));
	cycles(500);
	say(frame(BOARD, HOST, ACK, board_tag, 0, 3));
	say(frame(BOARD, HOST, ACK, board_tag, 0, 0xffffffff));
	cycles(500);
	std::vector<bytes> frames = heard(RTO_CYCLES + 1000);
	CHECK(!frames.empty() && frames[0][14] == 0x14,
	      "what was not acknowledged is not sent again");
}

static void nobody_is_overrun(void **state)
{
	(void)state;
	pair();
	held = true;
	uint32_t seq = 0;
	unsigned window = 0;
	for (unsigned i = 0; i < 40; i++) { // 40 * 18 words are more than 512
		bytes p = frame(BOARD, HOST, ACK, board_tag, 0);
		p[15] = 2;
		say(p);
		std::vector<bytes> frames = heard(400);
		CHECK(!frames.empty(), "no answer to POLL");
		window = (unsigned)le(frames.back(), 28, 2);
		CHECK(le(frames.back(), 24, 4) == seq, "%llu acknowledged, not %u",
		      (unsigned long long)le(frames.back(), 24, 4), seq);
		if (window < 18)
			break;
		say(with_tlps(frame(BOARD, HOST, DATA, board_tag, seq), { write_tlp(i, 33) }));
		cycles(400);
		seq += 18;
	}
	CHECK(window < 18 && seq > 400, "window %u after %u words", window, seq);
	// One more than that is dropped.
	say(with_tlps(frame(BOARD, HOST, DATA, board_tag, seq), { write_tlp(99, 33) }));
	cycles(400);
	assert_int_equal(counter(MALFORMED), 1);
	wire_out.clear();
	held = false;
	cycles(3000);
	assert_int_equal(down.size(), seq / 18);
	// The host learns that there is room, without asking.
	CHECK(!wire_out.empty() && le(wire_out.back(), 28, 2) > 400, "no word about the room");
}

// --- With the host's own program ------------------------------------------------------------------------------------------------------

static struct hostlink *host;
static uint64_t skipped; // cycles
static std::deque<tlp> to_board;
static std::vector<tlp> from_board;
static std::multimap<uint64_t, bytes> cable_down, cable_up; // by the cycle at which they arrive
static unsigned loss, repeat, late;			    // in percent
static unsigned delay, late_by;
static unsigned settle; // cycles after an exchange
static uint64_t last_down, last_up, frames_lost, frames_seen;
static uint64_t lose_from,
	lose_to;	     // frames of the session that are lost, by their number in frames_seen
static uint64_t losses_left; // no more are, of any kind

static void into(std::multimap<uint64_t, bytes> &cable, uint64_t &last, const bytes &f)
{
	unsigned copies = 1 + tb_percent(repeat);
	frames_seen++;
	while (copies--) {
		bool chosen = frames_seen > lose_from && frames_seen <= lose_to;
		if (losses_left && (chosen || tb_percent(loss))) {
			frames_lost++;
			losses_left--;
			continue;
		}
		uint64_t at = tb_cycles + delay + f.size();
		if (tb_percent(late))
			at += tb_below(late_by + 1);
		else
			last = at = std::max(at, last + 1);
		cable.emplace(at, f);
	}
}

static void host_send(void *, const uint8_t *f, size_t n)
{
	into(cable_down, last_down, bytes(f, f + n));
}

static size_t host_take(void *, bool np_ok, uint32_t *dw, size_t room, bool *non_posted)
{
	(void)np_ok;
	if (to_board.empty())
		return 0;
	tlp t = to_board.front();
	to_board.pop_front();
	CHECK(t.size() <= room, "no room");
	std::copy(t.begin(), t.end(), dw);
	*non_posted = false;
	return t.size();
}

static void host_give(void *, const uint32_t *dw, size_t n)
{
	from_board.emplace_back(dw, dw + n);
}

static uint32_t host_nonce(void *)
{
	return (uint32_t)tb_rand() | 1;
}

static void host_begin(void)
{
	static const uint8_t mac[6] = { 2, 0x47, 0x4c, 0, 0, 2 };
	struct link_ops ops = {};
	ops.send = host_send;
	ops.take = host_take;
	ops.give = host_give;
	ops.nonce = host_nonce;
	host = link_new(&ops, mac, NULL, 5000000000ull);
	to_board.clear();
	from_board.clear();
	cable_down.clear();
	cable_up.clear();
	last_down = last_up = skipped = frames_lost = frames_seen = lose_from = lose_to = 0;
	losses_left = UINT64_MAX;
	loss = repeat = late = 0;
	delay = late_by = 500;
	settle = 100000;
}

// A board and a host that know nothing of each other.
static void anew(void **state)
{
	tb_teardown_(state);
	uint64_t random = tb_random;
	fresh(state);
	tb_random = random;
	host_begin();
}

static uint64_t now_ns(void)
{
	return 8 * (tb_cycles + skipped);
}

static uint64_t host_at; // ns: it wants to run

// Nothing moves until a timer of the host fires: that time passes at once.
static void skip_time(void)
{
	static unsigned idle;
	bool quiet = dut->idle_o && cable_up.empty() && cable_down.empty() && wire_in.empty() &&
		     up.empty();
	idle = quiet ? idle + 1 : 0;
	dut->time_skip_i = 0;
	if (idle > 100 && host_at > now_ns() + 8000) {
		dut->time_skip_i = (uint32_t)((host_at - now_ns()) / 8);
		skipped += dut->time_skip_i;
	}
}

static void host_cycle(void)
{
	skip_time();
	cycle();
	for (bytes &f : wire_out)
		into(cable_up, last_up, f);
	wire_out.clear();
	bool any = false;
	while (!cable_up.empty() && cable_up.begin()->first <= tb_cycles) {
		const bytes &f = cable_up.begin()->second;
		bytes padded = f;
		if (padded.size() < 60)
			padded.resize(60);
		link_frame(host, padded.data(), padded.size(), now_ns());
		cable_up.erase(cable_up.begin());
		any = true;
	}
	if (any || now_ns() >= host_at || (tb_cycles % 256 == 0 && !to_board.empty()))
		host_at = link_run(host, now_ns());
	while (!cable_down.empty() && cable_down.begin()->first <= tb_cycles) {
		wire_in.push_back(cable_down.begin()->second);
		cable_down.erase(cable_down.begin());
	}
}

static void come_up(void)
{
	host_at = 0;
	for (uint64_t end = tb_cycles + 400000000; link_state(host) != LINK_UP || !dut->up_o;
	     host_cycle())
		CHECK(tb_cycles < end, "the link does not come up");
}

// Both directions, `count` TLPs each of up to `dws` DWs. Returns the cycles it took, those that were skipped with them.
static uint64_t exchange(unsigned count, unsigned dws, uint64_t limit)
{
	std::vector<tlp> sent_down, sent_up;
	come_up();
	for (unsigned i = 0; i < count; i++) {
		sent_down.push_back(write_tlp(i, 1 + tb_below(dws), tb_percent(50)));
		sent_up.push_back(write_tlp(~i, 1 + tb_below(dws), tb_percent(50)));
	}
	to_board.assign(sent_down.begin(), sent_down.end());
	up.assign(sent_up.begin(), sent_up.end());
	uint64_t begin = now_ns() / 8;
	while (down.size() < count || from_board.size() < count || link_busy(host)) {
		host_cycle();
		CHECK(now_ns() / 8 - begin < limit, "%zu and %zu of %u after %llu cycles",
		      down.size(), from_board.size(), count,
		      (unsigned long long)(now_ns() / 8 - begin));
	}
	uint64_t took = now_ns() / 8 - begin;
	for (unsigned i = 0; i < settle; i++) // what is late must not come twice
		host_cycle();
	assert_true(down == sent_down);
	assert_true(from_board == sent_up);
	assert_int_equal(link_stats(host).sessions, 1);
	return took;
}

// A row of the table: octets of TLPs in a second of simulated time, frames and retransmissions. REPORT in the environment names a file for the same as JSON.
static void report(const char *cable, uint64_t took)
{
	struct link_stats s = link_stats(host);
	double seconds = (double)took * 8e-9;
	double up_rate = 8.0 * (double)s.words_in / seconds,
	       down_rate = 8.0 * (double)s.words_out / seconds;
	print_message("# %-44s %7.2f MB/s down, %7.2f up, %llu of %llu frames lost, sent again by "
		      "host %llu, by "
		      "board %u\n",
		      cable, down_rate / 1e6, up_rate / 1e6, (unsigned long long)frames_lost,
		      (unsigned long long)frames_seen, (unsigned long long)s.resent,
		      s.board[RESENT]);
	FILE *f = getenv("REPORT") ? fopen(getenv("REPORT"), "a") : NULL;
	if (!f)
		return;
	fprintf(f,
		"{\"cable\": \"%s\", \"cycles\": %llu, \"down_octets_per_s\": %.0f, "
		"\"up_octets_per_s\": %.0f, "
		"\"frames\": %llu, \"lost\": %llu, \"resent_by_host\": %llu, \"resent_by_board\": "
		"%u}\n",
		cable, (unsigned long long)took, down_rate, up_rate,
		(unsigned long long)frames_seen, (unsigned long long)frames_lost,
		(unsigned long long)s.resent, s.board[RESENT]);
	fclose(f);
}

static void a_good_cable_is_used_well(void **state)
{
	(void)state;
	host_begin();
	uint64_t took = exchange(2000, 64, 40000000);
	struct link_stats s = link_stats(host);
	double load_down = 8.0 * (double)s.words_out / (double)took,
	       load_up = 8.0 * (double)s.words_in / (double)took;
	print_message("# TLPs take %.0f %% of the cable down, %.0f %% up; round trip %llu us\n",
		      100 * load_down, 100 * load_up, (unsigned long long)s.round_trip_us);
	report("good", took);
	assert_int_equal(s.resent, 0);
	assert_int_equal(s.board[RESENT], 0);
	// A buffer of 4 KiB in 1000 cycles of cable and an acknowledgement that a frame of 1 KiB may hold up: less than the wire.
	CHECK(load_down > 0.6 && load_up > 0.6, "the cable is not used");
	link_free(host);
}

static void a_bad_cable_loses_nothing(void **state)
{
	(void)state;
	static const struct {
		unsigned loss, repeat, late, delay, late_by;
	} cables[] = { { 1, 0, 0, 500, 0 },	 { 10, 0, 0, 500, 0 },
		       { 0, 20, 0, 500, 0 },	 { 0, 0, 20, 500, 20000 },
		       { 5, 5, 10, 3000, 9000 }, { 30, 10, 30, 100, 30000 } };
	for (const auto &c : cables) {
		anew(state);
		loss = c.loss;
		repeat = c.repeat;
		late = c.late;
		delay = c.delay;
		late_by = c.late_by;
		stall_percent = tb_percent(50) ? 30 : 0;
		pause_percent = tb_percent(50) ? 60 : 0;
		uint64_t took = exchange(c.loss > 20 ? 150 : 400, 64, 4000000000ull);
		char name[80];
		snprintf(name, sizeof(name), "%u %% lost, %u %% repeated, %u %% late", c.loss,
			 c.repeat, c.late);
		report(name, took);
		link_free(host);
	}
}

// Both directions full, a NIC that takes nothing before it has got rid of something, and a cable that loses every hundredth, tenth or second frame, but not for ever:
// everything arrives. Neither direction waits for the other, and what was lost comes again by the timer of the side that sent it.
static void full_both_ways_it_drains(void **state)
{
	for (unsigned percent : { 1, 10, 50 }) {
		anew(state);
		settle = 1000;
		loss = percent;
		losses_left = 200;
		coupled = true;
		uint64_t took = exchange(600, 64, 4000000000ull);
		char name[80];
		snprintf(name, sizeof(name), "both ways full, %u %% of 200 lost", percent);
		report(name, took);
		link_free(host);
	}
}

// Whichever frame is lost, and the ones behind it: it is made good within the time of one retransmission for each loss, on both sides.
static void whichever_frame_is_lost_it_drains(void **state)
{
	unsigned runs = 0;
	for (unsigned many : { 1, 3 }) {
		uint64_t frames = 1;
		for (uint64_t from = 0; from < frames; from += many) {
			anew(state);
			settle = 1000;
			come_up();
			host_cycle();
			lose_from = frames_seen + from;
			lose_to = lose_from + many;
			uint64_t before = frames_seen;
			losses_left = many;
			coupled = true;
			// The host's timer begins at 100 ms and doubles; it polls each 100 ms.
			uint64_t took = exchange(100, 64, (100ull << (many + 1)) * 125000);
			(void)took;
			frames = frames_seen - before - many;
			runs++;
			link_free(host);
		}
	}
	print_message("# %u runs\n", runs);
	assert_true(runs > 30);
}

// The host's side: frames to it, made by hand, and its counters.
static bytes for_host(unsigned type, uint32_t tag, uint32_t seq, uint64_t from = BOARD)
{
	return frame(HOST, from, type, tag, seq);
}

static void to_host(const bytes &f)
{
	link_frame(host, f.data(), f.size(), now_ns());
}

static void the_host_drops_and_counts(void **state)
{
	(void)state;
	host_begin();
	link_run(host, now_ns());
	assert_int_equal(cable_down.size(), 1);
	uint32_t own = (uint32_t)le(cable_down.begin()->second, 20, 4), tag = 0xb0a2d;
	to_host(for_host(REFUSE, own, 0));
	assert_int_equal(link_stats(host).busy, 1);
	assert_int_equal(link_state(host), LINK_DOWN);
	to_host(for_host(ACCEPT, own ^ 1, tag)); // for whoever asked with another nonce
	assert_int_equal(link_state(host), LINK_DOWN);
	to_host(for_host(ACCEPT, own, tag));
	assert_int_equal(link_state(host), LINK_CONFIRMING);
	to_host(for_host(ACCEPT, own, 0x5ec, 0x9900004c4702ull)); // a second board
	assert_int_equal(link_stats(host).refused, 1);
	to_host(for_host(ACK, own, 0));
	assert_int_equal(link_state(host), LINK_UP);

	bytes good = with_tlps(for_host(DATA, own, 0), { write_tlp(1, 8) }), f;
	// Forged: another tag, or none; one of them was counted before.
	f = good;
	f[17] ^= 1;
	to_host(f);
	to_host(for_host(ACK, 0, 0));
	assert_int_equal(link_stats(host).forged, 3);
	// Foreign: to another address, from another one, another EtherType, too short.
	f = good;
	f[0] ^= 4;
	to_host(f);
	f = good;
	f[6] ^= 4;
	to_host(f);
	f = good;
	f[12] = 0x08;
	to_host(f);
	to_host(bytes(good.begin(), good.begin() + 20));
	assert_int_equal(link_stats(host).foreign, 4);
	// Malformed: version, types of hosts, flags, reserved octets, TLPs that are cut, too long or none.
	unsigned malformed = 0;
	for (auto change :
	     { std::make_pair(14, 0x24), std::make_pair(14, 0x11), std::make_pair(14, 0x16),
	       std::make_pair(15, 0x80), std::make_pair(30, 1), std::make_pair(31, 1) }) {
		f = good;
		f[(size_t)change.first] = (uint8_t)change.second;
		to_host(f);
		malformed++;
	}
	f = good;
	f.resize(f.size() - 8);
	to_host(f);
	f = good;
	f.resize(f.size() - 4);
	to_host(f);
	to_host(with_tlps(for_host(DATA, own, 0), { write_tlp(1, 70) }));
	to_host(with_tlps(for_host(DATA, own, 0), {}));
	assert_int_equal(link_stats(host).malformed, malformed + 4);
	assert_int_equal(from_board.size(), 0);
	// In order; then the same again; one from behind a gap.
	to_host(good);
	to_host(good);
	to_host(with_tlps(for_host(DATA, own, 99), { write_tlp(1, 8) }));
	assert_int_equal(from_board.size(), 1);
	assert_int_equal(link_stats(host).replayed, 1);
	assert_int_equal(link_stats(host).gaps, 1);
	assert_int_equal(link_state(host), LINK_UP);
	link_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_is_answered_by_an_offer),
		TEST(an_offer_is_kept_for_its_host),
		TEST(only_the_right_confirmation_counts),
		TEST(a_second_host_is_refused),
		TEST(an_open_in_our_name_changes_nothing),
		TEST(close_and_silence_end_it),
		TEST(tlps_come_out_as_they_were),
		TEST(what_the_nic_sends_comes_in_frames),
		TEST(what_is_not_ours_is_dropped_and_counted),
		TEST(acknowledgements_of_what_was_not_sent_are_ignored),
		TEST(nobody_is_overrun),
		TEST(a_good_cable_is_used_well),
		TEST(a_bad_cable_loses_nothing),
		TEST(full_both_ways_it_drains),
		TEST(whichever_frame_is_lost_it_drains),
		TEST(the_host_drops_and_counts),
	};
	return TB_RUN(tests);
}
