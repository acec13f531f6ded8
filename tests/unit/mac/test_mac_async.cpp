// SPDX-License-Identifier: Apache-2.0
// mac_async: frames, events, settings and pauses between three clocks that know nothing of each other.
//
// Time is counted in picoseconds; each clock has a period of its own. What the transmitter sends is received, octet by
// octet, unless a test says otherwise.
#include "tb.h"

#include <deque>
#include <vector>

typedef std::vector<uint8_t> frame;

enum { EV_TX, EV_UNDERRUN, EV_RX, EV_FCS, EV_RUNT, EV_GIANT, EV_ER, EV_PAUSE, EVENTS };

static uint64_t now_ps, due_clk, due_tx, due_rx;
static uint64_t clk_ps, tx_ps, rx_ps; // periods; 0: the clock stands still
static bool damage;		      // one bit of what is received is wrong
static bool silent;		      // nothing is received
static unsigned counts[EVENTS];
static std::deque<uint16_t> line; // octets on the wire, bit 8: valid
static std::deque<frame> to_send;
static std::vector<frame> received;
static size_t sent_at;
static frame building;
static uint64_t rx_octets;
static unsigned gap_least, gap;

static void start(uint64_t clk, uint64_t tx, uint64_t rx)
{
	clk_ps = clk, tx_ps = tx, rx_ps = rx;
	now_ps = 0, due_clk = 1, due_tx = 2, due_rx = 3;
	damage = silent = false;
	memset(counts, 0, sizeof(counts));
	line.clear();
	to_send.clear();
	received.clear();
	building.clear();
	sent_at = 0;
	rx_octets = 0;
	gap_least = gap = 1000;
	dut->cfg_tx_en_i = 1;
	dut->cfg_rx_en_i = 1;
	dut->cfg_pause_en_i = 1;
	dut->cfg_max_frame_i = 1514;
}

static void offer_word(void)
{
	dut->tx_valid_i = !to_send.empty();
	if (to_send.empty())
		return;
	const frame &f = to_send.front();
	uint64_t word = 0;
	size_t n = f.size() - sent_at < 8 ? f.size() - sent_at : 8;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)f[sent_at + i] << (8 * i);
	dut->tx_data_i = word;
	dut->tx_last_i = sent_at + n == f.size();
	dut->tx_last_bytes_i = (uint8_t)n;
}

static void edge_clk(void)
{
	offer_word();
	dut->clk_i = 0;
	dut->eval();
	bool took = dut->tx_valid_i && dut->tx_ready_o && !dut->rst_i;
	for (unsigned i = 0; i < EVENTS; i++)
		counts[i] += dut->ev_o >> i & 1;
	if (dut->rx_valid_o) {
		if (dut->rx_sof_o)
			building.clear();
		unsigned n = dut->rx_last_o ? dut->rx_last_bytes_o : 8;
		for (unsigned i = 0; i < n; i++)
			building.push_back((uint8_t)(dut->rx_data_o >> (8 * i)));
		if (dut->rx_last_o) {
			if (!dut->rx_err_o)
				received.push_back(building);
			building.clear();
		}
	}
	dut->clk_i = 1;
	dut->eval();
	if (took) {
		sent_at += 8;
		if (sent_at >= to_send.front().size()) {
			to_send.pop_front();
			sent_at = 0;
		}
	}
}

static void edge_tx(void)
{
	dut->tx_clk_i = 0;
	dut->eval();
	line.push_back((uint16_t)(dut->gmii_tx_en_o << 8 | dut->gmii_txd_o));
	dut->tx_clk_i = 1;
	dut->eval();
	if (dut->gmii_tx_en_o) {
		if (gap && gap < gap_least)
			gap_least = gap;
		gap = 0;
	} else {
		gap++;
	}
}

// The PHY at the other end: an elastic store that lets gaps shrink and grow, as clocks differ by 100 ppm.
static void edge_rx(void)
{
	uint16_t octet = 0;
	static bool inside;
	if (inside ? !line.empty() : line.size() > 8) {
		octet = line.front();
		line.pop_front();
		while (!(octet >> 8) && line.size() > 16 && !(line.front() >> 8))
			line.pop_front();
	}
	inside = octet >> 8;
	if (silent)
		octet = 0;
	dut->rx_clk_i = 0;
	dut->gmii_rx_dv_i = octet >> 8;
	dut->gmii_rxd_i = (uint8_t)octet;
	if (octet >> 8 && damage && ++rx_octets == 40)
		dut->gmii_rxd_i ^= 4;
	dut->eval();
	dut->rx_clk_i = 1;
	dut->eval();
}

static void run_ns(uint64_t ns)
{
	uint64_t end = now_ps + ns * 1000;
	while (now_ps < end) {
		uint64_t next = due_clk;
		if (tx_ps && due_tx < next)
			next = due_tx;
		if (rx_ps && due_rx < next)
			next = due_rx;
		now_ps = next;
		if (next == due_clk) {
			edge_clk();
			due_clk += clk_ps;
		} else if (tx_ps && next == due_tx) {
			edge_tx();
			due_tx += tx_ps;
		} else {
			edge_rx();
			due_rx += rx_ps;
		}
	}
}

static void reset(void)
{
	dut->rst_i = 1;
	run_ns(200);
	dut->rst_i = 0;
	run_ns(500);
}

static frame random_frame(unsigned length)
{
	frame f(length);
	for (auto &b : f)
		b = (uint8_t)tb_rand();
	f[0] &= 0xfe;
	return f;
}

static void check_traffic(uint64_t clk, uint64_t tx, uint64_t rx, unsigned n)
{
	std::vector<frame> want;
	start(clk, tx, rx);
	reset();
	for (unsigned i = 0; i < n; i++) {
		want.push_back(random_frame(tb_percent(50) ? 60 : tb_range(60, 1514)));
		to_send.push_back(want.back());
	}
	for (unsigned i = 0; i < 4000 && received.size() < n; i++)
		run_ns(1000);
	run_ns(1000);
	assert_int_equal(received.size(), n);
	for (unsigned i = 0; i < n; i++)
		assert_true(received[i] == want[i]);
	assert_int_equal(counts[EV_TX], n);
	assert_int_equal(counts[EV_RX], n);
	assert_int_equal(counts[EV_UNDERRUN], 0);
	assert_int_equal(counts[EV_FCS], 0);
	assert_int_equal(gap_least, 12); // frames follow each other at the wire's rate
	assert_false(dut->tx_busy_o);
	assert_false(dut->rx_busy_o);
}

// The NIC's clock at the speeds that boards may choose, and the PHY's 100 ppm off.
static void carries_frames_at_125_mhz(void **state)
{
	(void)state;
	check_traffic(8000, 8000, 8001, 60);
}

static void carries_frames_at_93_mhz(void **state)
{
	(void)state;
	check_traffic(10667, 8000, 7999, 60);
}

static void carries_frames_at_40_mhz(void **state)
{
	(void)state;
	check_traffic(25000, 8000, 8001, 60);
}

static void carries_frames_at_any_ratio(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		clk_ps = tb_range(5000, 30000);
		check_traffic(clk_ps, 8000, tb_range(7999, 8001), 12);
	}
}

static void counts_a_damaged_frame_once(void **state)
{
	(void)state;
	start(10667, 8000, 8000);
	reset();
	damage = true;
	to_send.push_back(random_frame(100));
	to_send.push_back(random_frame(100));
	run_ns(5000);
	assert_int_equal(counts[EV_FCS], 1);
	assert_int_equal(counts[EV_RX], 1);
	assert_int_equal(received.size(), 1);
}

static void takes_new_settings(void **state)
{
	(void)state;
	start(10667, 8000, 8000);
	reset();
	dut->cfg_max_frame_i = 100;
	run_ns(500);
	to_send.push_back(random_frame(101));
	to_send.push_back(random_frame(100));
	run_ns(5000);
	assert_int_equal(counts[EV_GIANT], 1);
	assert_int_equal(counts[EV_RX], 1);
	dut->cfg_tx_en_i = 0;
	run_ns(500);
	to_send.push_back(random_frame(100));
	run_ns(5000);
	assert_int_equal(counts[EV_TX], 2);
	dut->cfg_tx_en_i = 1;
	run_ns(5000);
	assert_int_equal(counts[EV_TX], 3);
}

// 10 quanta are 5120 bit times, 5.12 us.
static void a_pause_frame_holds_the_transmitter(void **state)
{
	(void)state;
	static const uint8_t head[] = { 0x01, 0x80, 0xc2, 0,	0, 1, 2, 0, 0,
					0,    0,    3,	  0x88, 8, 0, 1, 0, 10 };
	frame pause(60);
	start(10667, 8000, 8000);
	reset();
	memcpy(pause.data(), head, sizeof(head));
	to_send.push_back(pause); // it comes back to its own sender
	run_ns(1500);
	assert_int_equal(counts[EV_PAUSE], 1);
	to_send.push_back(random_frame(60));
	run_ns(4000);
	assert_int_equal(counts[EV_TX], 1);
	run_ns(3000);
	assert_int_equal(counts[EV_TX], 2);
}

static void sends_while_the_phy_gives_no_clock(void **state)
{
	(void)state;
	start(10667, 8000, 0);
	reset();
	to_send.push_back(random_frame(200));
	run_ns(5000);
	assert_int_equal(counts[EV_TX], 1);
	assert_int_equal(received.size(), 0);
}

// After it both sides begin anew, also if the clock of one came back much later.
static void receives_when_the_clock_comes_back(void **state)
{
	(void)state;
	start(10667, 8000, 0);
	reset();
	run_ns(20000);
	rx_ps = 8000;
	due_rx = now_ps + 777;
	line.clear();
	run_ns(500);
	frame f = random_frame(300);
	to_send.push_back(f);
	run_ns(8000);
	assert_int_equal(received.size(), 1);
	assert_true(received[0] == f);
}

// While one clock stands still, its half cannot be reset; the other half must not begin before it has been.
static void both_sides_begin_together(void **state)
{
	(void)state;
	start(10667, 8000, 8000);
	reset();
	tx_ps = 0;
	dut->rst_i = 1;
	run_ns(200);
	dut->rst_i = 0;
	frame f = random_frame(200);
	to_send.push_back(f);
	run_ns(5000);
	assert_int_equal(sent_at, 0);
	assert_int_equal(to_send.size(), 1);
	tx_ps = 8000;
	due_tx = now_ps + 777;
	run_ns(8000);
	assert_int_equal(counts[EV_TX], 1);
	assert_int_equal(received.size(), 1);
	assert_true(received[0] == f);
}

static void resets_at_any_time_leave_nothing(void **state)
{
	(void)state;
	start(10667, 8000, 8000);
	reset();
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 3; k++)
			to_send.push_back(random_frame(tb_range(60, 400)));
		run_ns(tb_range(0, 6000));
		to_send.clear();
		sent_at = 0;
		silent = true;
		dut->rst_i = 1;
		run_ns(tb_range(11, 400));
		dut->rst_i = 0;
		run_ns(tb_range(100, 6000));
		line.clear();
		silent = false;
		received.clear();
		building.clear();
		run_ns(2000);
		assert_int_equal(received.size(), 0);
		frame f = random_frame(tb_range(60, 200));
		to_send.push_back(f);
		run_ns(6000);
		assert_int_equal(received.size(), 1);
		assert_true(received[0] == f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(carries_frames_at_125_mhz),
		TB_TEST(carries_frames_at_93_mhz),
		TB_TEST(carries_frames_at_40_mhz),
		TB_TEST(carries_frames_at_any_ratio),
		TB_TEST(counts_a_damaged_frame_once),
		TB_TEST(takes_new_settings),
		TB_TEST(a_pause_frame_holds_the_transmitter),
		TB_TEST(sends_while_the_phy_gives_no_clock),
		TB_TEST(receives_when_the_clock_comes_back),
		TB_TEST(both_sides_begin_together),
		TB_TEST(resets_at_any_time_leave_nothing),
	};
	return TB_RUN(tests);
}
