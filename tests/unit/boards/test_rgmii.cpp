// SPDX-License-Identifier: Apache-2.0
// rgmii against a PHY that this bench plays: RGMII 2.0, table 1 and figure 2.
#include "tb.h"

#include <vector>

struct octet {
	uint8_t value;
	bool en, er;
	bool operator==(const octet &o) const
	{
		return value == o.value && en == o.en && er == o.er;
	}
};

// A clock cycle: what the PHY saw at both edges of TXC (a quarter later, as TXC is delayed), and what it gives to us, likewise.
static octet cycle(const octet &send, const octet &give)
{
	octet seen = {};
	dut->gmii_txd_i = send.value;
	dut->gmii_tx_en_i = send.en;
	dut->gmii_tx_er_i = send.er;
	dut->clk_i = 1;
	dut->rd_i = give.value & 15;
	dut->rx_ctl_i = give.en;
	dut->eval();
	assert_true(dut->txc_o);
	dut->rxc_i = 1;
	dut->eval();
	seen.value = dut->td_o;
	seen.en = dut->tx_ctl_o;
	dut->clk_i = 0;
	dut->rd_i = give.value >> 4;
	dut->rx_ctl_i = give.en ^ give.er;
	dut->eval();
	assert_false(dut->txc_o);
	dut->rxc_i = 0;
	dut->eval();
	seen.value |= (uint8_t)(dut->td_o << 4);
	seen.er = dut->tx_ctl_o != seen.en;
	return seen;
}

static octet any(void)
{
	return { (uint8_t)tb_rand(), tb_percent(70), tb_percent(20) };
}

static void octets_pass_both_ways(void **state)
{
	std::vector<octet> sent, seen, given, got;
	(void)state;
	cycle(any(), any());
	for (unsigned i = 0; i < 500; i++) {
		sent.push_back(any());
		given.push_back(any());
		seen.push_back(cycle(sent.back(), given.back()));
		got.push_back(
			{ dut->gmii_rxd_o, (bool)dut->gmii_rx_dv_o, (bool)dut->gmii_rx_er_o });
	}
	// registered twice each way (the third one of the receiver is the register behind the pin's)
	for (unsigned i = 0; i + 3 < 500; i++) {
		assert_true(seen[i + 1] == sent[i]);
		assert_true(got[i + 2] == given[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(octets_pass_both_ways),
	};
	return TB_RUN(tests);
}
