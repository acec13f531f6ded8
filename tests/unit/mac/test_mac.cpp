// SPDX-License-Identifier: Apache-2.0
// Unit test of the Ethernet MAC (rtl/mac): what it sends is taken apart bit-exactly from the GMII,
// what it receives is compared with frames made here, and monitors watch the word protocol, the
// events and the busy flags in every cycle.

#include "tb.h"

#include <deque>
#include <vector>

typedef std::vector<uint8_t> bytes;

// cmocka's failure with an explanation.
#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

#define MAX_FRAME 9014 // default of cfg_max_frame_i in these tests
#define GAP	  12
#define PREAMBLE  8
#define FCS	  4

// One cycle of the GMII receive side.
struct gmii {
	uint8_t data, dv, er;
};

// A frame for the transmitter. A word is offered `latency` cycles after the MAC was ready for it;
// word late_word, if it is not negative, late_by cycles after that.
struct tx_frame {
	bytes data;
	unsigned latency, gap; // gap: cycles before the first word is offered
	int late_word;
	unsigned late_by;
};

// A frame seen on the GMII transmit side.
struct sent_frame {
	uint64_t start, end; // cycle of the first byte of preamble, and one after the last byte
	bytes data;	     // from preamble to FCS
	bool er, er_at_end;
};

enum event { EV_FRAME, EV_BAD_FCS, EV_RUNT, EV_GIANT, EV_ER, EV_PAUSE, EV_COUNT };

// An event of the receiver, with the words that came before it.
struct got_frame {
	uint64_t at;
	enum event event;
	bool words, err; // words: something was delivered
	bytes data;
};

static std::deque<tx_frame> source;
static size_t source_word;
static unsigned source_wait;
static bool source_ready_seen;
static std::deque<gmii> line;
static std::vector<sent_frame> sent;
static std::vector<got_frame> got;
static bool on_wire;
static bytes words_data;
static bool words_open, words_done, words_err;
static uint64_t words_last_at;
static unsigned tx_events, tx_underruns;
static bool loopback;
static bool idle_before; // the cycle before this one could have been skipped

// The CRC-32 of IEEE 802.3 from its definition, one bit at a time.
static uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++)
		for (unsigned b = 0; b < 8; b++)
			crc = (crc >> 1) ^ (((crc ^ (data[i] >> b)) & 1) ? 0xedb88320 : 0);
	return ~crc;
}

static void append_fcs(bytes &frame)
{
	uint32_t fcs = crc32(frame.data(), frame.size());

	for (unsigned i = 0; i < FCS; i++)
		frame.push_back((uint8_t)(fcs >> (8 * i)));
}

static bytes random_bytes(size_t len)
{
	bytes data(len);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(tb_rand() >> 32);
	return data;
}

// --- Transmit side: drives the word port as a source with latency, records what is on the GMII ---

static void send(const bytes &data, unsigned latency, unsigned gap)
{
	source.push_back({ data, latency, gap, -1, 0 });
}

// Sets the word port for this cycle; outputs of the state are settled.
static void source_drive(void)
{
	dut->tx_valid_i = 0;
	dut->tx_data_i = tb_rand();
	dut->tx_last_i = tb_rand() & 1;
	dut->tx_last_bytes_i = 1 + tb_below(8);
	if (source.empty())
		return;

	const tx_frame &f = source.front();
	size_t words = (f.data.size() + 7) / 8, at = 8 * source_word;

	if (!source_ready_seen && dut->tx_ready_o) {
		source_ready_seen = true;
		source_wait = (source_word == 0 ? f.gap : f.latency);
		if ((int)source_word == f.late_word)
			source_wait += f.late_by;
	}
	if (!source_ready_seen)
		return;
	if (source_wait) {
		source_wait--;
		return;
	}
	dut->tx_valid_i = 1;
	for (unsigned i = 0; i < 8 && at + i < f.data.size(); i++) {
		dut->tx_data_i &= ~(0xffull << (8 * i));
		dut->tx_data_i |= (uint64_t)f.data[at + i] << (8 * i);
	}
	dut->tx_last_i = source_word == words - 1;
	if (dut->tx_last_i)
		dut->tx_last_bytes_i = f.data.size() - at;
}

static void source_taken(void)
{
	if (!dut->tx_valid_i || !dut->tx_ready_o)
		return;
	source_ready_seen = false;
	if (dut->tx_last_i) {
		source.pop_front();
		source_word = 0;
	} else {
		source_word++;
	}
}

static void watch_tx(void)
{
	if (dut->gmii_tx_en_o) {
		if (!on_wire)
			sent.push_back({ tb_cycles, 0, bytes(), false, false });
		sent.back().data.push_back(dut->gmii_txd_o);
		sent.back().er_at_end = dut->gmii_tx_er_o;
		sent.back().er |= dut->gmii_tx_er_o;
	} else {
		assert_int_equal(dut->gmii_tx_er_o, 0);
		if (on_wire)
			sent.back().end = tb_cycles;
	}
	on_wire = dut->gmii_tx_en_o;
	tx_events += dut->ev_tx_frame_o;
	tx_underruns += dut->ev_tx_underrun_o;
}

// --- Receive side: drives the GMII, checks the word protocol, collects frames and events ---

static void line_idle(unsigned cycles)
{
	while (cycles--)
		line.push_back({ (uint8_t)tb_rand(), 0, 0 });
}

static void line_bytes(const bytes &data)
{
	for (uint8_t b : data)
		line.push_back({ b, 1, 0 });
}

// n bytes of preamble in all, the last one is the SFD.
static void line_preamble(unsigned n)
{
	while (n-- > 1)
		line.push_back({ 0x55, 1, 0 });
	line.push_back({ 0xd5, 1, 0 });
}

// A frame (without FCS) as a good sender would send it, and the gap behind it.
static void line_frame(const bytes &data, unsigned gap)
{
	bytes f = data;

	append_fcs(f);
	line_preamble(PREAMBLE);
	line_bytes(f);
	line_idle(gap);
}

static void line_drive(void)
{
	if (loopback) {
		dut->gmii_rxd_i = dut->gmii_txd_o;
		dut->gmii_rx_dv_i = dut->gmii_tx_en_o;
		dut->gmii_rx_er_i = dut->gmii_tx_er_o;
	} else if (!line.empty()) {
		dut->gmii_rxd_i = line.front().data;
		dut->gmii_rx_dv_i = line.front().dv;
		dut->gmii_rx_er_i = line.front().er;
		line.pop_front();
	} else {
		dut->gmii_rxd_i = 0;
		dut->gmii_rx_dv_i = 0;
		dut->gmii_rx_er_i = 0;
	}
}

static void watch_rx(void)
{
	unsigned events = dut->ev_rx_frame_o << EV_FRAME | dut->ev_rx_bad_fcs_o << EV_BAD_FCS |
			  dut->ev_rx_runt_o << EV_RUNT | dut->ev_rx_giant_o << EV_GIANT |
			  dut->ev_rx_er_o << EV_ER | dut->ev_rx_pause_o << EV_PAUSE;

	words_done = false;
	if (dut->rx_valid_o) {
		unsigned n = dut->rx_last_o ? dut->rx_last_bytes_o : 8;

		CHECK(dut->rx_sof_o == !words_open, "sof %d, but a frame is %sopen", dut->rx_sof_o,
		      words_open ? "" : "not ");
		CHECK(!(dut->rx_sof_o && dut->rx_last_o), "a frame of one word");
		CHECK(n >= 1 && n <= 8, "%u bytes in a word", n);
		CHECK(dut->rx_sof_o || dut->rx_last_o || tb_cycles >= words_last_at + 8,
		      "words too close");
		words_last_at = tb_cycles;
		words_open = !dut->rx_last_o;
		words_done = dut->rx_last_o;
		words_err = dut->rx_err_o;
		for (unsigned i = 0; i < 8; i++) {
			uint8_t b = (uint8_t)(dut->rx_data_o >> (8 * i));

			if (i < n)
				words_data.push_back(b);
			else
				CHECK(b == 0, "byte %u behind the last is %02x", i, b);
		}
	}
	if (!events) {
		CHECK(!words_done, "last word without an event");
		return;
	}
	CHECK(!(events & (events - 1)), "more than one event: %x", events);
	CHECK(!words_open, "event in the middle of a frame");
	CHECK(words_done || words_data.empty(), "event apart from the last word");
	CHECK(!words_done || words_err == !dut->ev_rx_frame_o, "rx_err_o %d with event %x",
	      words_err, events);

	got_frame g;
	g.at = tb_cycles;
	g.event = EV_COUNT;
	for (unsigned e = 0; e < EV_COUNT; e++)
		if (events >> e & 1)
			g.event = (enum event)e;
	g.words = words_done;
	g.err = words_err;
	g.data = words_data;
	got.push_back(g);
	words_data.clear();
}

// When both flags are low and nothing comes in, the MAC must stand still: the simulator skips such
// time.
static void watch_busy(void)
{
	static uint64_t out_before;
	uint64_t out = dut->gmii_txd_o | dut->gmii_tx_en_o << 8 | dut->gmii_tx_er_o << 9 |
		       dut->tx_ready_o << 10 | dut->rx_valid_o << 11 | dut->ev_tx_frame_o << 12 |
		       dut->ev_tx_underrun_o << 13 | dut->ev_rx_frame_o << 14 |
		       dut->ev_rx_bad_fcs_o << 15 | dut->ev_rx_runt_o << 16 |
		       dut->ev_rx_giant_o << 17 | dut->ev_rx_er_o << 18 | dut->ev_rx_pause_o << 19 |
		       dut->tx_busy_o << 20 | dut->rx_busy_o << 21;

	if (idle_before)
		CHECK(out == out_before, "outputs changed from %llx to %llx while idle",
		      (unsigned long long)out_before, (unsigned long long)out);
	idle_before = !dut->tx_busy_o && !dut->rx_busy_o && !dut->tx_valid_i &&
		      !dut->gmii_rx_dv_i && !dut->rst_i;
	out_before = out;
}

static void each_cycle(void)
{
	source_drive();
	line_drive();
	dut->eval();
	source_taken();
	watch_tx();
	watch_rx();
	watch_busy();
}

static void start(void)
{
	source.clear();
	source_word = 0;
	source_ready_seen = false;
	line.clear();
	sent.clear();
	got.clear();
	on_wire = false;
	words_data.clear();
	words_open = false;
	words_last_at = 0;
	tx_events = tx_underruns = 0;
	loopback = false;
	idle_before = false;
	dut->cfg_tx_en_i = 1;
	dut->cfg_rx_en_i = 1;
	dut->cfg_pause_en_i = 1;
	dut->cfg_max_frame_i = MAX_FRAME;
	dut->gmii_rx_dv_i = 0;
	dut->tx_valid_i = 0;
	tb_reset(2);
	tb_each = each_cycle;
	tb_ticks(20);
}

// Ticks until all that was queued has gone through and the MAC says that it is at rest.
static void finish(void)
{
	unsigned quiet = 0;
	uint64_t limit = tb_cycles + 5000000;

	while (quiet < 30) {
		tb_tick();
		quiet = source.empty() && line.empty() && !dut->tx_busy_o && !dut->rx_busy_o
				? quiet + 1
				: 0;
		CHECK(tb_cycles < limit, "never at rest");
	}
}

// The bytes on the wire for a frame given to the transmitter.
static bytes expected_on_wire(const bytes &data)
{
	bytes w = data, f;

	if (w.size() < 60)
		w.resize(60, 0);
	append_fcs(w);
	f.assign(7, 0x55);
	f.push_back(0xd5);
	f.insert(f.end(), w.begin(), w.end());
	return f;
}

static void check_sent(const sent_frame &s, const bytes &data)
{
	bytes want = expected_on_wire(data);

	CHECK(s.data.size() == want.size(), "%zu bytes on the wire, expected %zu", s.data.size(),
	      want.size());
	for (size_t i = 0; i < want.size(); i++)
		CHECK(s.data[i] == want[i], "length %zu: byte %zu is %02x, expected %02x",
		      data.size(), i, s.data[i], want[i]);
	CHECK(!s.er, "tx_er in a good frame");
}

static void check_got(const got_frame &g, enum event event, const bytes &data)
{
	CHECK(g.event == event, "length %zu: event %d, expected %d", data.size(), g.event, event);
	if (!g.words) {
		CHECK(data.size() <= 8 && event != EV_FRAME, "length %zu: not delivered",
		      data.size());
		return;
	}
	CHECK(g.data.size() == data.size(), "%zu bytes delivered, expected %zu", g.data.size(),
	      data.size());
	for (size_t i = 0; i < data.size(); i++)
		CHECK(g.data[i] == data[i], "length %zu: byte %zu is %02x, expected %02x",
		      data.size(), i, g.data[i], data[i]);
}

// 1..80, 1500..1530, 9014
static std::vector<unsigned> lengths(void)
{
	std::vector<unsigned> l;

	for (unsigned i = 1; i <= 80; i++)
		l.push_back(i);
	for (unsigned i = 1500; i <= 1530; i++)
		l.push_back(i);
	l.push_back(9014);
	return l;
}

// --- Transmit tests ---

// Every length back to back, from sources that answer within 0..6 cycles: exact bytes, and a frame
// of L bytes takes preamble 8 + max(L, 60) + FCS 4 + gap 12 cycles.
static void tx_every_length_back_to_back(void **state)
{
	(void)state;
	for (unsigned latency = 0; latency <= 6; latency += 3) {
		std::vector<bytes> frames;

		start();
		for (unsigned l : lengths()) {
			frames.push_back(random_bytes(l));
			send(frames.back(), latency, latency);
		}
		finish();
		assert_int_equal(sent.size(), frames.size());
		for (size_t i = 0; i < frames.size(); i++) {
			unsigned body = frames[i].size() < 60 ? 60 : (unsigned)frames[i].size();

			check_sent(sent[i], frames[i]);
			if (i + 1 < frames.size())
				CHECK(sent[i + 1].start - sent[i].start ==
					      PREAMBLE + body + FCS + GAP,
				      "length %zu took %llu cycles, latency %u", frames[i].size(),
				      (unsigned long long)(sent[i + 1].start - sent[i].start),
				      latency);
		}
		assert_int_equal(tx_events, frames.size());
		assert_int_equal(tx_underruns, 0);
	}
}

// Frames that come late by any number of cycles start late, never with less than 12 cycles of gap.
static void tx_gap_is_never_short(void **state)
{
	(void)state;
	std::vector<bytes> frames;

	start();
	for (unsigned gap = 0; gap < 200; gap++) {
		frames.push_back(random_bytes(60 + tb_below(30)));
		send(frames.back(), tb_below(7), gap);
	}
	finish();
	assert_int_equal(sent.size(), frames.size());
	for (size_t i = 0; i < frames.size(); i++) {
		check_sent(sent[i], frames[i]);
		if (i)
			CHECK(sent[i].start - sent[i - 1].end >= GAP, "gap of %llu",
			      (unsigned long long)(sent[i].start - sent[i - 1].end));
	}
}

// Each word in turn comes too late, by a little or a lot: the frame ends with tx_er and a wrong
// FCS, the rest of it vanishes, the frames around it are untouched. The first word cannot be late;
// the second has the preamble's time too.
static void tx_underrun_aborts_one_frame(void **state)
{
	(void)state;
	for (int word = 1; word < 12; word++) {
		for (unsigned late = 20; late < 60; late += 7) {
			bytes before = random_bytes(70), bad = random_bytes(8 * 12 - 3),
			      after = random_bytes(64);

			start();
			send(before, 2, 2);
			source.push_back({ bad, 2, 2, word, late });
			send(after, 2, 2);
			finish();
			assert_int_equal(sent.size(), 3);
			check_sent(sent[0], before);
			check_sent(sent[2], after);
			assert_int_equal(tx_events, 2);
			assert_int_equal(tx_underruns, 1);
			CHECK(sent[1].er && sent[1].er_at_end, "no tx_er");
			assert_int_equal(sent[1].data.size(), PREAMBLE + 8 * word + FCS);

			bytes part(sent[1].data.begin() + PREAMBLE, sent[1].data.end() - FCS);
			append_fcs(part);
			for (unsigned i = 0; i < FCS; i++)
				CHECK((uint8_t)~part[8 * word + i] ==
					      sent[1].data[PREAMBLE + 8 * word + i],
				      "FCS is not the complement");
			part.resize(8 * word);
			bad.resize(8 * word);
			CHECK(part == bad, "wrong bytes before the abort");
			CHECK(sent[2].start - sent[1].end >= GAP,
			      "short gap behind an aborted frame");
		}
	}
}

// The limit of lateness, exactly: a word is in time up to 6 cycles after tx_ready_o, and with 7 it
// is an underrun; also when the late word is the last, so that nothing remains to be dropped but
// itself.
static void tx_underrun_limit(void **state)
{
	(void)state;
	for (int word = 2; word < 5; word++) {
		for (unsigned late = 0; late < 12; late++) {
			bytes f = random_bytes(8 * 5), after = random_bytes(61);

			start();
			source.push_back({ f, 0, 0, word, late });
			send(after, 0, 0);
			finish();
			assert_int_equal(sent.size(), 2);
			CHECK(tx_underruns == (late > 6), "word %d, %u late: %u underruns", word,
			      late, tx_underruns);
			if (late <= 6)
				check_sent(sent[0], f);
			check_sent(sent[1], after);
		}
	}
}

static void tx_disabled_between_frames(void **state)
{
	(void)state;
	bytes a = random_bytes(100), b = random_bytes(101);

	start();
	send(a, 0, 0);
	send(b, 0, 0);
	tb_ticks(40);
	dut->cfg_tx_en_i = 0; // in the first frame, which still ends well
	tb_ticks(1000);
	assert_int_equal(sent.size(), 1);
	check_sent(sent[0], a);
	dut->cfg_tx_en_i = 1;
	finish();
	assert_int_equal(sent.size(), 2);
	check_sent(sent[1], b);
}

// --- Receive tests ---

static void rx_every_length(void **state)
{
	(void)state;
	std::vector<bytes> frames;

	start();
	for (unsigned l : lengths()) {
		frames.push_back(random_bytes(l));
		line_frame(frames.back(), GAP);
	}
	finish();
	assert_int_equal(got.size(), frames.size());
	for (size_t i = 0; i < frames.size(); i++)
		check_got(got[i], frames[i].size() < 60 ? EV_RUNT : EV_FRAME, frames[i]);
}

// 0 to 12 bytes behind the SFD: a runt, and nothing delivered.
static void rx_tiny_fragments(void **state)
{
	(void)state;
	bytes good = random_bytes(60);

	for (unsigned n = 0; n <= 12; n++) {
		start();
		line_preamble(PREAMBLE);
		line_bytes(random_bytes(n));
		line_idle(GAP);
		line_frame(good, GAP);
		finish();
		assert_int_equal(got.size(), 2);
		assert_int_equal(got[0].event, EV_RUNT);
		assert_false(got[0].words);
		check_got(got[1], EV_FRAME, good);
	}
}

// Carrier without an SFD, however long, is not a frame and makes no event; nor is what follows a
// byte that is neither.
static void rx_no_sfd(void **state)
{
	(void)state;
	bytes good = random_bytes(64), other = random_bytes(80);

	start();
	for (unsigned n = 1; n <= 20; n++) {
		for (unsigned i = 0; i < n; i++)
			line.push_back({ 0x55, 1, 0 });
		line_idle(1 + tb_below(GAP));
	}
	line.push_back({ 0x55, 1, 0 });
	line.push_back(
		{ 0x54, 1, 0 }); // not a preamble: ignored up to the end of the carrier, SFD or not
	line_preamble(PREAMBLE);
	line_bytes(other);
	line_idle(GAP);
	line_frame(good, GAP);
	finish();
	assert_int_equal(got.size(), 1);
	check_got(got[0], EV_FRAME, good);
}

// rx_er without rx_dv is false carrier or carrier extension, no matter what is on the data lines.
static void rx_false_carrier(void **state)
{
	(void)state;
	bytes good = random_bytes(77);

	start();
	for (unsigned i = 0; i < 600; i++)
		line.push_back({ (uint8_t)(i < 300 ? 0x0e : i), 0, (uint8_t)tb_below(2) });
	line_frame(good, 0);
	for (unsigned i = 0; i < 20; i++)
		line.push_back({ 0x0f, 0, 1 });
	line_frame(good, GAP);
	finish();
	assert_int_equal(got.size(), 2);
	check_got(got[0], EV_FRAME, good);
	check_got(got[1], EV_FRAME, good);
}

// Gaps from 12 down to one cycle, preambles from 8 down to the SFD alone.
static void rx_short_gap_and_preamble(void **state)
{
	(void)state;
	std::vector<bytes> frames;

	start();
	for (unsigned gap = GAP; gap >= 1; gap--) {
		for (unsigned preamble = PREAMBLE; preamble >= 1; preamble--) {
			bytes f = random_bytes(60 + tb_below(16));

			frames.push_back(f);
			append_fcs(f);
			line_preamble(preamble);
			line_bytes(f);
			line_idle(gap);
		}
	}
	finish();
	assert_int_equal(got.size(), frames.size());
	for (size_t i = 0; i < frames.size(); i++)
		check_got(got[i], EV_FRAME, frames[i]);
}

// Every single bit error of a frame of 64 bytes, and some of a longer one.
static void rx_bad_fcs(void **state)
{
	(void)state;
	unsigned n = 0;

	for (unsigned len = 60; len <= 1514; len += 1454) {
		bytes f = random_bytes(len);

		append_fcs(f);
		start();
		for (size_t bit = 0; bit < 8 * f.size(); bit += (len == 60 ? 1 : 97)) {
			bytes bad = f;

			bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			line_preamble(PREAMBLE);
			line_bytes(bad);
			line_idle(GAP);
			n++;
		}
		finish();
		for (const got_frame &g : got) {
			assert_int_equal(g.event, EV_BAD_FCS);
			assert_true(g.words && g.err);
			assert_int_equal(g.data.size(), len);
		}
		assert_int_equal(got.size(), n);
		n = 0;
	}
}

// One cycle of rx_er anywhere in a frame; in preamble or SFD nothing is delivered.
static void rx_er_anywhere(void **state)
{
	(void)state;
	bytes f = random_bytes(70), good = random_bytes(60);
	unsigned total = PREAMBLE + 70 + FCS;

	for (unsigned at = 0; at < total; at++) {
		start();
		line_frame(f, GAP);
		line[at].er = 1;
		line_frame(good, GAP);
		finish();
		assert_int_equal(got.size(), 2);
		assert_int_equal(got[0].event, EV_ER);
		assert_int_equal(got[0].words, at >= PREAMBLE);
		if (got[0].words)
			check_got(got[0], EV_ER, f);
		check_got(got[1], EV_FRAME, good);
	}
}

// The limit is exact, for several limits; what is beyond it is cut off. A VLAN tag adds four bytes.
static void rx_giants(void **state)
{
	(void)state;
	static const unsigned limits[] = { 64, 1514, 1515, MAX_FRAME };
	static const uint8_t tpid[3][2] = { { 0x08, 0x00 }, { 0x81, 0x00 }, { 0x88, 0xa8 } };

	for (unsigned limit : limits) {
		for (unsigned t = 0; t < 3; t++) {
			unsigned most = limit + (t ? 4 : 0);
			std::vector<bytes> frames;

			start();
			dut->cfg_max_frame_i = limit;
			for (unsigned l = most - 9; l <= most + 13; l++) {
				bytes f = random_bytes(l < 60 ? 60 : l);

				f[12] = tpid[t][0];
				f[13] = tpid[t][1];
				frames.push_back(f);
				line_frame(f, GAP);
			}
			finish();
			assert_int_equal(got.size(), frames.size());
			for (size_t i = 0; i < frames.size(); i++) {
				bool giant = frames[i].size() > most;

				frames[i].resize(giant ? most : frames[i].size());
				check_got(got[i], giant ? EV_GIANT : EV_FRAME, frames[i]);
			}
		}
	}
	// One without an end: the receiver cuts it off and finds the next frame.
	bytes good = random_bytes(60);

	start();
	line_preamble(PREAMBLE);
	line_bytes(random_bytes(70000));
	line_idle(GAP);
	line_frame(good, GAP);
	finish();
	assert_int_equal(got.size(), 2);
	assert_int_equal(got[0].event, EV_GIANT);
	assert_in_range(got[0].data.size(), MAX_FRAME, MAX_FRAME + 4);
	check_got(got[1], EV_FRAME, good);
}

// Switched off and on, or reset, in the middle of frames: only whole frames are received.
static void rx_enable_and_reset_in_a_frame(void **state)
{
	(void)state;
	bytes a = random_bytes(200), good = random_bytes(60);

	start();
	dut->cfg_rx_en_i = 0;
	line_frame(a, GAP);
	tb_ticks(100);
	dut->cfg_rx_en_i = 1; // in the middle of a: still ignored
	line_frame(good, GAP);
	tb_ticks(150);
	dut->cfg_rx_en_i = 0; // in the middle of good: still received
	finish();
	assert_int_equal(got.size(), 1);
	check_got(got[0], EV_FRAME, good);

	for (unsigned at = 1; at < 120; at++) {
		bytes trap = random_bytes(100);

		start();
		for (size_t i = 0; i < trap.size(); i++)
			trap[i] = i % 3 ? 0x55 : 0xd5; // looks like an SFD wherever the reset ends
		line_frame(trap, GAP);
		line_frame(good, GAP);
		tb_ticks(at);
		tb_each = NULL;
		dut->rst_i = 1;
		for (unsigned i = 0; i < 2; i++) {
			line_drive();
			tb_tick();
		}
		dut->rst_i = 0;
		words_data.clear();
		words_open = false;
		idle_before = false;
		got.clear();
		tb_each = each_cycle;
		finish();
		CHECK(got.size() == 1, "reset at %u: %zu frames", at, got.size());
		check_got(got[0], EV_FRAME, good);
	}
}

// --- Pause ---

static bytes pause_frame(unsigned quanta)
{
	static const uint8_t head[16] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x01, 0x02, 0x00,
					  0x00, 0x00, 0x00, 0x07, 0x88, 0x08, 0x00, 0x01 };
	bytes f(60, 0);

	for (unsigned i = 0; i < 16; i++)
		f[i] = head[i];
	f[16] = (uint8_t)(quanta >> 8);
	f[17] = (uint8_t)quanta;
	return f;
}

// Receives the frame, then has one frame to send; gives the cycles from the pause event to its
// first byte on the GMII.
static uint64_t pause_to_start(const bytes &control)
{
	bytes f = random_bytes(60);

	start();
	line_frame(control, GAP);
	while (got.empty())
		tb_tick();
	send(f, 0, 0);
	finish();
	assert_int_equal(sent.size(), 1);
	check_sent(sent[0], f);
	return sent[0].start - got[0].at;
}

// Time is counted from the cycle after the event; then one cycle decides, one makes the first byte,
// and one brings it to the output: 64 cycles per quantum, and 3.
static void pause_duration_is_exact(void **state)
{
	(void)state;
	uint64_t base = pause_to_start(pause_frame(1));

	assert_int_equal(got[0].event, EV_PAUSE);
	assert_true(got[0].words && got[0].err);
	assert_int_equal(base, 64 + 3);
	for (unsigned quanta = 2; quanta < 1000; quanta = 3 * quanta + 1)
		assert_int_equal(pause_to_start(pause_frame(quanta)) - base, 64 * (quanta - 1));
	assert_int_equal(pause_to_start(pause_frame(65535)) - base, 64 * 65534);
	assert_true(pause_to_start(pause_frame(0)) < 10);
}

// A pause with nothing to send is time that must not be skipped.
static void pause_is_busy(void **state)
{
	(void)state;
	start();
	line_frame(pause_frame(7), GAP);
	while (got.empty())
		tb_tick();
	for (unsigned i = 0; i < 7 * 64; i++) {
		CHECK(dut->tx_busy_o, "not busy after %u cycles", i);
		tb_tick();
	}
	CHECK(!dut->tx_busy_o, "still busy");
}

// A frame on the wire is finished; the next waits; a later pause frame replaces the time, zero ends
// it.
static void pause_at_the_frame_boundary(void **state)
{
	(void)state;
	bytes a = random_bytes(1000), b = random_bytes(60);

	start();
	send(a, 0, 0);
	send(b, 0, 0);
	line_frame(pause_frame(100), GAP);
	finish();
	assert_int_equal(sent.size(), 2);
	check_sent(sent[0], a);
	check_sent(sent[1], b);
	CHECK(sent[1].start >= got[0].at + 6400 && sent[1].start <= got[0].at + 6404,
	      "started after %llu", (unsigned long long)(sent[1].start - got[0].at));

	start();
	line_frame(pause_frame(65535), 1000);
	line_frame(pause_frame(10), 100);
	tb_ticks(200);
	send(b, 0, 0);
	finish();
	CHECK(sent[0].start >= got[1].at + 640 && sent[0].start <= got[1].at + 644, "not replaced");

	start();
	line_frame(pause_frame(65535), 1000);
	line_frame(pause_frame(0), 100);
	tb_ticks(200);
	send(b, 0, 0);
	finish();
	CHECK(sent[0].start <= got[1].at + 4, "not ended");
}

// What is not quite a pause frame is an ordinary (or a bad) frame and holds nothing up.
static void pause_lookalikes(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 16; at++) {
		bytes f = pause_frame(500);

		f[at] ^= 1;
		uint64_t t = pause_to_start(f);
		bool source_address = at >= 6 && at < 12;

		CHECK(got[0].event == (source_address ? EV_PAUSE : EV_FRAME),
		      "byte %u changed: event %d", at, got[0].event);
		CHECK(source_address == (t > 100), "byte %u changed: started after %llu", at,
		      (unsigned long long)t);
	}
	bytes bad = pause_frame(500), sent_after = random_bytes(60);

	append_fcs(bad);
	bad[63] ^= 0x40;
	for (unsigned i = 0; i < 3; i++) { // bad FCS, short, rx_er
		start();
		if (i == 0) {
			line_preamble(PREAMBLE);
			line_bytes(bad);
		} else {
			bytes f = pause_frame(500);

			f.resize(i == 1 ? 59 : 60);
			line_frame(f, 0);
			if (i == 2)
				line[40].er = 1;
		}
		while (got.empty())
			tb_tick();
		send(sent_after, 0, 0);
		finish();
		assert_int_equal(got[0].event, i == 0 ? EV_BAD_FCS : i == 1 ? EV_RUNT : EV_ER);
		assert_true(sent[0].start - got[0].at < 10);
	}
}

static void pause_disabled(void **state)
{
	(void)state;
	bytes f = random_bytes(60);

	start();
	dut->cfg_pause_en_i = 0;
	line_frame(pause_frame(1000), GAP);
	while (got.empty())
		tb_tick();
	send(f, 0, 0);
	finish();
	assert_int_equal(got[0].event, EV_PAUSE);
	assert_true(got[0].err);
	assert_true(sent[0].start - got[0].at < 10);
}

// --- Both directions ---

static void loopback_random(void **state)
{
	(void)state;
	std::vector<bytes> frames;

	start();
	loopback = true;
	for (unsigned i = 0; i < 400; i++) {
		unsigned l = tb_percent(5)    ? tb_range(1, 9014)
			     : tb_percent(50) ? tb_range(1, 130)
					      : tb_range(1, 1514);

		frames.push_back(random_bytes(l));
		send(frames.back(), tb_below(7), tb_percent(50) ? 0 : tb_below(300));
	}
	finish();
	assert_int_equal(got.size(), frames.size());
	for (size_t i = 0; i < frames.size(); i++) {
		if (frames[i].size() < 60)
			frames[i].resize(60, 0);
		check_got(got[i], EV_FRAME, frames[i]);
	}
	assert_int_equal(tx_events, frames.size());
}

// Independent random traffic in both directions; the receive side with all kinds of damage.
static void random_both_ways(void **state)
{
	(void)state;
	std::vector<bytes> out, in;
	std::vector<enum event> kinds;

	start();
	dut->cfg_max_frame_i = 1514;
	for (unsigned i = 0; i < 800; i++) {
		out.push_back(random_bytes(tb_percent(70) ? tb_range(1, 100) : tb_range(1, 1514)));
		send(out.back(), tb_below(7), tb_below(40));

		bytes f = random_bytes(tb_percent(70) ? tb_range(60, 100) : tb_range(60, 1514));
		unsigned kind = tb_below(10);
		f[12] = 0x08;

		if (kind == 0) { // bad FCS
			bytes bad = f;

			append_fcs(bad);
			bad[tb_below(bad.size())] ^= (uint8_t)(1 << tb_below(8));
			line_preamble(PREAMBLE);
			line_bytes(bad);
			line_idle(tb_range(1, 30));
			f.clear();
			kinds.push_back(EV_BAD_FCS);
		} else if (kind == 1) { // runt
			f.resize(tb_range(1, 59));
			line_frame(f, tb_range(1, 30));
			kinds.push_back(EV_RUNT);
		} else if (kind == 2) { // giant
			bytes big = random_bytes(tb_range(1515, 2000));

			big[12] = 0x08;
			line_frame(big, tb_range(1, 30));
			f = big;
			f.resize(1514);
			kinds.push_back(EV_GIANT);
		} else if (kind == 3) { // rx_er
			size_t at = line.size() + PREAMBLE + tb_below(f.size() + FCS);

			line_frame(f, tb_range(1, 30));
			line[at].er = 1;
			kinds.push_back(EV_ER);
		} else {
			line_frame(f, tb_range(1, 30));
			kinds.push_back(EV_FRAME);
		}
		if (tb_percent(10)) { // noise between frames
			for (unsigned n = tb_below(9); n; n--)
				line.push_back({ 0x55, 1, 0 });
			line_idle(3);
		}
		in.push_back(f);
	}
	finish();
	assert_int_equal(sent.size(), out.size());
	for (size_t i = 0; i < out.size(); i++)
		check_sent(sent[i], out[i]);
	assert_int_equal(got.size(), in.size());
	for (size_t i = 0; i < in.size(); i++) {
		if (kinds[i] == EV_BAD_FCS)
			assert_int_equal(got[i].event, EV_BAD_FCS);
		else
			check_got(got[i], kinds[i], in[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(tx_every_length_back_to_back),
		TB_TEST(tx_gap_is_never_short),
		TB_TEST(tx_underrun_aborts_one_frame),
		TB_TEST(tx_underrun_limit),
		TB_TEST(tx_disabled_between_frames),
		TB_TEST(rx_every_length),
		TB_TEST(rx_tiny_fragments),
		TB_TEST(rx_no_sfd),
		TB_TEST(rx_false_carrier),
		TB_TEST(rx_short_gap_and_preamble),
		TB_TEST(rx_bad_fcs),
		TB_TEST(rx_er_anywhere),
		TB_TEST(rx_giants),
		TB_TEST(rx_enable_and_reset_in_a_frame),
		TB_TEST(pause_duration_is_exact),
		TB_TEST(pause_is_busy),
		TB_TEST(pause_at_the_frame_boundary),
		TB_TEST(pause_lookalikes),
		TB_TEST(pause_disabled),
		TB_TEST(loopback_random),
		TB_TEST(random_both_ways),
	};
	return TB_RUN(tests);
}
