// SPDX-License-Identifier: Apache-2.0
// Unit test of the wire of words (rtl/mac/mac_words.sv): frames that go in come out, padded or checked; monitors watch the word
// protocol of both sides, the events and the busy flags in every cycle.

#include "tb.h"

#include <deque>
#include <vector>

typedef std::vector<uint8_t> bytes;

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

#define MAX_FRAME 9014
#define GAP	  20
#define MAX_WAIT  2048

enum event { EV_FRAME, EV_BAD_FCS, EV_RUNT, EV_GIANT, EV_ER, EV_PAUSE, EV_COUNT };

// A frame for the NIC or for the wire. Words come with random pauses of up to `pause` cycles. no_sof: the rest of a frame whose
// beginning nobody saw.
struct offered {
	bytes data;
	unsigned pause;
	bool bad_fcs, er, no_sof;
};

struct got_frame {
	uint64_t first, at; // cycles of its first word and of its event
	enum event event;
	bool err, words;
	bytes data;
};

static std::deque<offered> source, line;
static size_t source_at, line_at;
static unsigned source_wait, line_wait;
static bool source_up, line_up; // a word is on offer: it stays
static std::vector<bytes> sent; // to the wire
static std::vector<uint64_t> sent_at;
static std::vector<got_frame> got; // to the NIC
static bytes out_data, in_data;
static bool out_open, in_open;
static uint64_t in_first, line_last_at, line_waited;
static unsigned tx_events;
static bool idle_before;

static bytes random_bytes(size_t len)
{
	bytes data(len);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(tb_rand() >> 32);
	if (len)
		data[0] &= 0xfe;
	return data;
}

static uint64_t word_of(const bytes &data, size_t at)
{
	uint64_t word = 0;
	for (unsigned i = 0; i < 8 && at + i < data.size(); i++)
		word |= (uint64_t)data[at + i] << (8 * i);
	return word;
}

static void source_drive(void)
{
	if (source_up)
		return;
	dut->tx_valid_i = 0;
	dut->tx_data_i = tb_rand();
	dut->tx_last_i = tb_rand() & 1;
	dut->tx_last_bytes_i = 1 + tb_below(8);
	if (source.empty())
		return;
	if (source_wait) {
		source_wait--;
		return;
	}
	const bytes &d = source.front().data;
	size_t left = d.size() - source_at;
	dut->tx_valid_i = source_up = true;
	dut->tx_last_i = left <= 8;
	if (left <= 8)
		dut->tx_last_bytes_i = left;
	// Bytes behind the last valid one are anything.
	uint64_t keep = left < 8 ? (1ull << (8 * left)) - 1 : ~0ull;
	dut->tx_data_i = (word_of(d, source_at) & keep) | (tb_rand() & ~keep);
}

static void source_taken(void)
{
	if (!dut->tx_valid_i || !dut->tx_ready_o)
		return;
	source_up = false;
	source_wait = source.front().pause ? tb_below(source.front().pause + 1) : 0;
	source_at += 8;
	if (dut->tx_last_i) {
		source.pop_front();
		source_at = 0;
	}
}

static void line_drive(void)
{
	if (line_up)
		return;
	dut->wrx_valid_i = 0;
	dut->wrx_data_i = tb_rand();
	dut->wrx_sof_i = tb_rand() & 1;
	dut->wrx_last_i = tb_rand() & 1;
	dut->wrx_last_bytes_i = 1 + tb_below(8);
	dut->wrx_bad_fcs_i = tb_rand() & 1;
	dut->wrx_er_i = tb_rand() & 1;
	if (line.empty())
		return;
	if (line_wait) {
		line_wait--;
		return;
	}
	const offered &f = line.front();
	size_t left = f.data.size() - line_at;
	dut->wrx_valid_i = line_up = true;
	dut->wrx_sof_i = line_at == 0 && !f.no_sof;
	dut->wrx_last_i = left <= 8;
	dut->wrx_last_bytes_i = left <= 8 ? left : 8;
	dut->wrx_data_i = word_of(f.data, line_at);
	dut->wrx_bad_fcs_i = f.bad_fcs;
	dut->wrx_er_i = f.er;
	line_waited = 0;
}

static void line_taken(void)
{
	if (!dut->wrx_valid_i)
		return;
	if (!dut->wrx_ready_o) {
		CHECK(dut->wrx_sof_i || line_at == 0, "held back in the middle of a frame");
		line_waited++;
		return;
	}
	if (dut->wrx_sof_i)
		CHECK(tb_cycles > line_last_at + GAP, "a frame %u cycles after the last",
		      (unsigned)(tb_cycles - line_last_at));
	line_up = false;
	line_wait = line.front().pause ? tb_below(line.front().pause + 1) : 0;
	line_at += 8;
	if (dut->wrx_last_i) {
		line.pop_front();
		line_at = 0;
		line_last_at = tb_cycles;
	}
}

static void watch_tx(void)
{
	bool ends = dut->wtx_valid_o && dut->wtx_last_o;
	if (dut->wtx_valid_o) {
		unsigned n = dut->wtx_last_o ? dut->wtx_last_bytes_o : 8;
		CHECK(dut->wtx_sof_o == !out_open, "sof %d, but a frame is %sopen", dut->wtx_sof_o,
		      out_open ? "" : "not ");
		CHECK(n >= 1 && n <= 8, "%u bytes in a word", n);
		if (dut->wtx_sof_o)
			sent_at.push_back(tb_cycles);
		for (unsigned i = 0; i < 8; i++) {
			uint8_t b = (uint8_t)(dut->wtx_data_o >> (8 * i));
			if (i < n)
				out_data.push_back(b);
			else
				CHECK(b == 0, "byte %u behind the last is %02x", i, b);
		}
		out_open = !dut->wtx_last_o;
		if (ends) {
			sent.push_back(out_data);
			out_data.clear();
		}
	}
	CHECK(dut->ev_tx_frame_o == ends, "event %d with last %d", dut->ev_tx_frame_o, ends);
	tx_events += dut->ev_tx_frame_o;
}

static void watch_rx(void)
{
	unsigned events = dut->ev_rx_frame_o << EV_FRAME | dut->ev_rx_bad_fcs_o << EV_BAD_FCS |
			  dut->ev_rx_runt_o << EV_RUNT | dut->ev_rx_giant_o << EV_GIANT |
			  dut->ev_rx_er_o << EV_ER | dut->ev_rx_pause_o << EV_PAUSE;
	bool ends = dut->rx_valid_o && dut->rx_last_o;
	if (dut->rx_valid_o) {
		unsigned n = dut->rx_last_o ? dut->rx_last_bytes_o : 8;
		CHECK(dut->rx_sof_o == !in_open, "sof %d, but a frame is %sopen", dut->rx_sof_o,
		      in_open ? "" : "not ");
		CHECK(n >= 1 && n <= 8, "%u bytes in a word", n);
		if (dut->rx_sof_o)
			in_first = tb_cycles;
		for (unsigned i = 0; i < n; i++)
			in_data.push_back((uint8_t)(dut->rx_data_o >> (8 * i)));
		in_open = !dut->rx_last_o;
	}
	CHECK((events != 0) == ends, "events %x with last %d", events, ends);
	if (!ends)
		return;
	CHECK(!(events & (events - 1)), "more than one event: %x", events);
	CHECK(dut->rx_err_o == !dut->ev_rx_frame_o, "rx_err_o %d with event %x", dut->rx_err_o,
	      events);
	got_frame g = { in_first, tb_cycles, EV_COUNT, (bool)dut->rx_err_o, true, in_data };
	for (unsigned e = 0; e < EV_COUNT; e++)
		if (events >> e & 1)
			g.event = (enum event)e;
	got.push_back(g);
	in_data.clear();
}

static void watch_busy(void)
{
	static uint64_t out_before;
	static bool room_before;
	uint64_t out = dut->tx_ready_o | dut->wrx_ready_o << 1 | dut->rx_valid_o << 2 |
		       dut->wtx_valid_o << 3 | dut->ev_tx_frame_o << 4 | dut->tx_busy_o << 5 |
		       dut->rx_busy_o << 6 | dut->ev_rx_frame_o << 7 | dut->ev_rx_runt_o << 8;
	if (idle_before && room_before == dut->room_i)
		CHECK(out == out_before, "outputs changed from %llx to %llx while idle",
		      (unsigned long long)out_before, (unsigned long long)out);
	idle_before = !dut->tx_busy_o && !dut->rx_busy_o && !dut->tx_valid_i && !dut->wrx_valid_i &&
		      !dut->rst_i;
	out_before = out;
	room_before = dut->room_i;
}

static void each_cycle(void)
{
	source_drive();
	line_drive();
	dut->eval();
	source_taken();
	line_taken();
	watch_tx();
	watch_rx();
	watch_busy();
}

static void forget(void)
{
	source.clear();
	line.clear();
	source_at = line_at = 0;
	source_wait = line_wait = 0;
	source_up = line_up = false;
	out_data.clear();
	in_data.clear();
	out_open = in_open = false;
	idle_before = false;
	dut->tx_valid_i = dut->wrx_valid_i = 0;
}

static void start(void)
{
	forget();
	sent.clear();
	sent_at.clear();
	got.clear();
	tx_events = 0;
	dut->cfg_tx_en_i = 1;
	dut->cfg_rx_en_i = 1;
	dut->cfg_max_frame_i = MAX_FRAME;
	dut->room_i = 1;
	tb_reset(2);
	tb_each = each_cycle;
	tb_ticks(2);
	line_last_at = 0;
	tb_ticks(30);
}

static void run_dry(void)
{
	tb_wait(source.empty() && line.empty(), 400000);
	tb_ticks(40);
}

static void offer(const bytes &data, unsigned pause = 0, bool bad_fcs = false, bool er = false)
{
	line.push_back({ data, pause, bad_fcs, er, false });
}

static void expect_sent(size_t i, const bytes &data)
{
	bytes padded = data;
	while (padded.size() < 60)
		padded.push_back(0);
	CHECK(i < sent.size(), "frame %zu was not sent", i);
	CHECK(sent[i] == padded, "frame %zu of %zu bytes came out as %zu bytes, or others", i,
	      data.size(), sent[i].size());
}

static void expect_got(size_t i, enum event event, const bytes &data)
{
	CHECK(i < got.size(), "frame %zu did not come", i);
	CHECK(got[i].event == event, "frame %zu of %zu bytes made event %d, not %d", i, data.size(),
	      got[i].event, event);
	if (event != EV_GIANT)
		CHECK(got[i].data == data, "frame %zu of %zu bytes came as %zu bytes, or others", i,
		      data.size(), got[i].data.size());
}

// --- To the wire ---

static void frames_leave_whole_and_padded(void **)
{
	std::vector<bytes> want;
	start();
	for (size_t len = 1; len <= 140; len++)
		want.push_back(random_bytes(len));
	want.push_back(random_bytes(1514));
	want.push_back(random_bytes(9018));
	for (unsigned pause = 0; pause < 4; pause += 3)
		for (const bytes &b : want)
			source.push_back({ b, pause, false, false, false });
	run_dry();
	assert_int_equal(sent.size(), 2 * want.size());
	assert_int_equal(tx_events, 2 * want.size());
	for (size_t i = 0; i < sent.size(); i++)
		expect_sent(i, want[i % want.size()]);
}

static void a_word_leaves_in_every_cycle(void **)
{
	start();
	for (unsigned i = 0; i < 5; i++)
		source.push_back({ random_bytes(1514), 0, false, false, false });
	run_dry();
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(sent_at[i] - sent_at[i - 1], 190);
}

static void transmission_stops_between_frames(void **)
{
	start();
	bytes a = random_bytes(20), b = random_bytes(400);
	source.push_back({ b, 0, false, false, false });
	source.push_back({ a, 0, false, false, false });
	tb_ticks(10);
	dut->cfg_tx_en_i = 0;
	tb_ticks(200);
	assert_int_equal(sent.size(), 1);
	expect_sent(0, b);
	assert_false(dut->tx_busy_o);
	dut->cfg_tx_en_i = 1;
	run_dry();
	assert_int_equal(sent.size(), 2);
	expect_sent(1, a);
}

// --- From the wire ---

static void good_frames_arrive(void **)
{
	std::vector<bytes> want;
	start();
	for (size_t len = 60; len <= 140; len++)
		want.push_back(random_bytes(len));
	want.push_back(random_bytes(1514));
	want.push_back(random_bytes(MAX_FRAME));
	for (unsigned pause = 0; pause < 4; pause += 3)
		for (const bytes &b : want)
			offer(b, pause);
	run_dry();
	assert_int_equal(got.size(), 2 * want.size());
	for (size_t i = 0; i < got.size(); i++)
		expect_got(i, EV_FRAME, want[i % want.size()]);
}

static void frames_come_as_fast_as_they_may(void **)
{
	start();
	for (unsigned i = 0; i < 4; i++)
		offer(random_bytes(1514));
	run_dry();
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(got[i].first - got[i - 1].first, 190 + GAP);
}

static void runts_and_damage_are_told(void **)
{
	std::vector<bytes> want;
	std::vector<enum event> events;
	start();
	for (size_t len = 1; len < 64; len++)
		for (unsigned bad = 0; bad < 4; bad++) {
			want.push_back(random_bytes(len));
			offer(want.back(), 0, bad & 1, bad & 2);
			events.push_back(bad & 2    ? EV_ER
					 : len < 60 ? EV_RUNT
					 : bad	    ? EV_BAD_FCS
						    : EV_FRAME);
		}
	run_dry();
	assert_int_equal(got.size(), want.size());
	for (size_t i = 0; i < got.size(); i++)
		expect_got(i, events[i], want[i]);
}

static void tag(bytes &b, uint8_t high, uint8_t low)
{
	b[12] = high;
	b[13] = low;
}

static void giants_end_at_the_limit(void **)
{
	static const unsigned limits[] = { 60, 61, 64, 1000, 1514 };
	static const uint8_t types[][2] = {
		{ 8, 0 }, { 0x81, 0 }, { 0x88, 0xa8 }, { 0x81, 0xa8 }, { 0x88, 0 }
	};
	start();
	for (unsigned limit : limits)
		for (auto t : types) {
			bool tagged = (t[0] == 0x81 && t[1] == 0) || (t[0] == 0x88 && t[1] == 0xa8);
			dut->cfg_max_frame_i = limit;
			for (unsigned over = 0; over < 12; over++) {
				bytes b = random_bytes(limit + over);
				tag(b, t[0], t[1]);
				got.clear();
				offer(b, 0, over == 11, over == 11);
				bytes after = random_bytes(60);
				tag(after, 8, 0);
				offer(after);
				run_dry();
				assert_int_equal(got.size(), 2);
				expect_got(0, over > (tagged ? 4 : 0) ? EV_GIANT : EV_FRAME, b);
				CHECK(got[0].data.size() < limit + 12, "%zu bytes of a giant",
				      got[0].data.size());
				expect_got(1, EV_FRAME, after);
			}
		}
	// A long one: the packet buffer sees its end early.
	got.clear();
	dut->cfg_max_frame_i = 100;
	offer(random_bytes(5000));
	tb_wait(got.size() == 1, 100);
	dut->room_i = 0; // which does not hold up the rest of it
	run_dry();
	dut->room_i = 1;
	assert_int_equal(got.size(), 1);
	assert_int_equal(got[0].event, EV_GIANT);
	assert_true(got[0].data.size() <= 112);
}

static void pause_frames_are_dropped(void **)
{
	static const uint8_t head[18] = { 1, 0x80, 0xc2, 0,    0, 1, 2, 2, 2,
					  2, 2,	   2,	 0x88, 8, 0, 1, 1, 0 };
	start();
	bytes pause(60);
	memcpy(pause.data(), head, sizeof(head));
	offer(pause);
	source.push_back({ random_bytes(60), 0, false, false, false });
	run_dry();
	expect_got(0, EV_PAUSE, pause);
	assert_int_equal(sent.size(), 1);
	for (unsigned i = 0; i < 16; i++) {
		bool matters = i < 6 || i >= 12;
		bytes b = pause;
		b[i] ^= 1 << tb_below(8);
		got.clear();
		offer(b);
		run_dry();
		expect_got(0, matters ? EV_FRAME : EV_PAUSE, b);
	}
}

static void a_receiver_that_is_off_ignores_frames(void **)
{
	start();
	dut->cfg_rx_en_i = 0;
	offer(random_bytes(300));
	offer(random_bytes(5));
	run_dry();
	assert_int_equal(got.size(), 0);
	// On in the middle of a frame: that one is not of interest any more; off: it is taken to its end.
	offer(random_bytes(300));
	tb_ticks(20);
	dut->cfg_rx_en_i = 1;
	run_dry();
	assert_int_equal(got.size(), 0);
	bytes b = random_bytes(300);
	offer(b);
	tb_ticks(20);
	dut->cfg_rx_en_i = 0;
	run_dry();
	assert_int_equal(got.size(), 1);
	expect_got(0, EV_FRAME, b);
}

static void the_next_frame_waits_for_room(void **)
{
	start();
	dut->room_i = 0;
	bytes a = random_bytes(500), b = random_bytes(100);
	offer(a);
	tb_ticks(1000);
	assert_int_equal(got.size(), 0);
	uint64_t now = tb_cycles;
	dut->room_i = 1;
	tb_ticks(4);
	dut->room_i = 0; // within a frame nothing is held back
	tb_wait(got.size() == 1, 100);
	assert_true(tb_cycles < now + 80);
	expect_got(0, EV_FRAME, a);
	// No room for long: it comes all the same, and the next one waits as long again.
	offer(b);
	offer(b);
	tb_wait(got.size() == 2, MAX_WAIT + 100);
	now = tb_cycles;
	tb_wait(got.size() == 3, MAX_WAIT + 100);
	assert_true(tb_cycles > now + MAX_WAIT - 10);
	// Nothing waits: nothing is counted.
	tb_ticks(MAX_WAIT);
	offer(b);
	tb_ticks(MAX_WAIT - 100);
	assert_int_equal(got.size(), 3);
}

static void a_reset_forgets_frames(void **)
{
	start();
	for (unsigned i = 0; i < 40; i++) {
		offer(random_bytes(200), 1);
		source.push_back({ random_bytes(30), 1, false, false, false });
		tb_ticks(25 + tb_below(60));
		// What the line goes on sending belongs to no frame.
		bytes rest = random_bytes(1 + tb_below(100));
		tb_each = NULL;
		forget();
		tb_reset(1);
		tb_each = each_cycle;
		line_last_at = 0;
		got.clear();
		sent.clear();
		line.push_back({ rest, 0, false, false, true });
		bytes b = random_bytes(60 + tb_below(200)), c = random_bytes(1 + tb_below(100));
		offer(b);
		source.push_back({ c, 0, false, false, false });
		tb_ticks(40);
		run_dry();
		assert_int_equal(got.size(), 1);
		expect_got(0, EV_FRAME, b);
		assert_int_equal(sent.size(), 1);
		expect_sent(0, c);
		forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(frames_leave_whole_and_padded),
		TB_TEST(a_word_leaves_in_every_cycle),
		TB_TEST(transmission_stops_between_frames),
		TB_TEST(good_frames_arrive),
		TB_TEST(frames_come_as_fast_as_they_may),
		TB_TEST(runts_and_damage_are_told),
		TB_TEST(giants_end_at_the_limit),
		TB_TEST(pause_frames_are_dropped),
		TB_TEST(a_receiver_that_is_off_ignores_frames),
		TB_TEST(the_next_frame_waits_for_room),
		TB_TEST(a_reset_forgets_frames),
	};
	return TB_RUN(tests);
}
