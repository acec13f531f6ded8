// SPDX-License-Identifier: Apache-2.0
// What the boards have beside the NIC: serial port, set-up of the PHYs, lights.
#include "tb.h"

#include <string>
#include <vector>

static void clear(void)
{
	dut->valid_i = 0;
	dut->event_i = 0;
	tb_reset(3);
}

// A receiver that looks in the middle of each bit of seven cycles.
static std::string listen(unsigned octets)
{
	std::string got;
	for (unsigned n = 0; n < octets; n++) {
		tb_wait(!dut->txd_o, 200);
		tb_ticks(3);
		assert_false(dut->txd_o); // start bit
		unsigned value = 0;
		for (unsigned i = 0; i < 8; i++) {
			tb_ticks(7);
			value |= (unsigned)dut->txd_o << i;
		}
		tb_ticks(7);
		assert_true(dut->txd_o); // stop bit
		got.push_back((char)value);
	}
	return got;
}

static void give(const std::string &text)
{
	for (char c : text) {
		dut->valid_i = 1;
		dut->data_i = (uint8_t)c;
		tb_tick();
	}
	dut->valid_i = 0;
}

static void sends_octets_in_order(void **state)
{
	(void)state;
	clear();
	tb_ticks(50);
	assert_true(dut->txd_o); // idle
	dut->valid_i = 1;
	dut->data_i = 0xa5;
	tb_tick();
	dut->valid_i = 0;
	assert_int_equal((uint8_t)listen(1)[0], 0xa5);
	give("ok\n");
	assert_true(listen(3) == "ok\n");
	tb_ticks(100);
	assert_true(dut->txd_o);
}

// Nobody waits for the line: of a long burst the first octets come, whole.
static void loses_the_end_of_a_burst(void **state)
{
	std::string text;
	(void)state;
	clear();
	for (unsigned i = 0; i < 60; i++)
		text.push_back((char)('0' + i));
	dut->valid_i = 1;
	std::string got;
	for (unsigned i = 0; i < 60; i++) {
		dut->data_i = (uint8_t)text[i];
		tb_tick();
	}
	dut->valid_i = 0;
	// the first one began while the burst came
	tb_ticks(7 * 10 - (60 - 1) + 4);
	got = listen(31);
	assert_true(got == text.substr(1, 31));
}

struct mdio_frame {
	unsigned preamble, start, op, phy, reg, turn, value;
};

// Reads what is driven at rising edges of MDC, as a PHY does (802.3, 22.2.4).
static std::vector<mdio_frame> watch(void)
{
	std::vector<mdio_frame> frames;
	unsigned ones = 0, bits = 0, high = 0, low = 0;
	uint32_t word = 0;
	bool was = false, in_frame = false;
	for (unsigned i = 0; i < 20000 && !dut->done_o; i++) {
		bool mdc = dut->mdc_o;
		if (mdc)
			high++;
		else
			low++;
		if (mdc && !was) {
			if (frames.size() || in_frame || ones)
				assert_true(low >= 4);
			if (!dut->mdio_oe_o) {
				assert_false(in_frame);
				ones = 0;
			} else if (!in_frame && dut->mdio_o) {
				ones++;
			} else {
				in_frame = true;
				word = word << 1 | dut->mdio_o;
				if (++bits == 32) {
					frames.push_back({ ones, word >> 30, word >> 28 & 3,
							   word >> 23 & 31, word >> 18 & 31,
							   word >> 16 & 3, word & 0xffff });
					in_frame = false;
					ones = bits = 0;
				}
			}
			low = 0;
		}
		if (!mdc && was) {
			assert_true(high >= 4);
			high = 0;
		}
		was = mdc;
		tb_tick();
	}
	return frames;
}

static void tells_both_phys_to_offer_a_gigabit_alone(void **state)
{
	static const unsigned want[3][2] = { { 9, 0x0200 }, { 4, 0x0001 }, { 0, 0x1200 } };
	(void)state;
	clear();
	std::vector<mdio_frame> frames = watch();
	assert_int_equal(frames.size(), 6);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(frames[i].preamble, 32);
		assert_int_equal(frames[i].start, 1);
		assert_int_equal(frames[i].op, 1); // write
		assert_int_equal(frames[i].phy, i / 3);
		assert_int_equal(frames[i].reg, want[i % 3][0]);
		assert_int_equal(frames[i].turn, 2);
		assert_int_equal(frames[i].value, want[i % 3][1]);
	}
	tb_ticks(100);
	assert_true(dut->done_o);
	assert_false(dut->mdio_oe_o);
}

static void waits_before_it_speaks(void **state)
{
	(void)state;
	clear();
	for (unsigned i = 0; i < 60; i++, tb_tick())
		assert_false(dut->mdc_o);
}

static void a_short_event_is_seen(void **state)
{
	unsigned on = 0;
	(void)state;
	clear();
	tb_ticks(200);
	assert_int_equal(dut->light_o, 0);
	dut->event_i = 2;
	tb_tick();
	dut->event_i = 0;
	for (unsigned i = 0; i < 400; i++, tb_tick()) {
		on += dut->light_o == 2;
		assert_true(dut->light_o == 0 || dut->light_o == 2);
	}
	assert_in_range(on, 60, 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(sends_octets_in_order),
		TB_TEST(loses_the_end_of_a_burst),
		TB_TEST(tells_both_phys_to_offer_a_gigabit_alone),
		TB_TEST(waits_before_it_speaks),
		TB_TEST(a_short_event_is_seen),
	};
	return TB_RUN(tests);
}
