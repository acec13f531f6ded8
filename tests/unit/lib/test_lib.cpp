// SPDX-License-Identifier: Apache-2.0
// Unit test of rtl/lib: both FIFOs under random back-pressure, exact capacity and latency, and the
// block RAMs against a model. The bench drives inputs before the rising edge and samples outputs
// just before the next.

#include "tb.h"

#define FIFOS 5

/* As the checks of cmocka, with an explanation. */
#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

static const char *const fifo_name[FIFOS] = { "lib_fifo 2", "lib_fifo 4", "lib_fifo 16",
					      "lib_fifo_bram 4", "lib_fifo_bram 16" };
static const unsigned int fifo_depth[FIFOS] = { 2, 4, 16, 4, 16 };
static const unsigned int fifo_latency[FIFOS] = { 1, 1, 1, 3, 3 };

static unsigned int level(unsigned int n)
{
	return (unsigned int)(dut->level_o >> (8 * n)) & 0xff;
}

static bool bit(unsigned int vector, unsigned int n)
{
	return (vector >> n) & 1;
}

/* Takes exactly its capacity, offers the first word after its latency, keeps the order. */
static void capacity_latency_order(unsigned int n)
{
	unsigned int taken = 0;

	CHECK(!bit(dut->rd_valid_o, n) && level(n) == 0, "not empty after reset");
	for (unsigned int c = 0; c < 2 * fifo_depth[n] + 8; c++) {
		dut->wr_valid_i = 1u << n;
		dut->wr_data_i = 1000 + taken;
		tb_eval();
		CHECK(level(n) == taken, "level %u after %u words", level(n), taken);
		CHECK(bit(dut->rd_valid_o, n) == (c >= fifo_latency[n]), "valid %d in cycle %u",
		      bit(dut->rd_valid_o, n), c);
		if (bit(dut->wr_ready_o, n))
			taken++;
		tb_tick();
	}
	CHECK(taken == fifo_depth[n], "took %u words", taken);
	dut->wr_valid_i = 0;
	dut->rd_ready_i = 1u << n;
	for (unsigned int i = 0; i < taken; i++) {
		tb_eval();
		CHECK(bit(dut->rd_valid_o, n), "no word %u", i);
		CHECK(dut->rd_data_o[n] == 1000 + i, "word %u is %u", i, dut->rd_data_o[n]);
		tb_tick();
	}
	CHECK(!bit(dut->rd_valid_o, n) && level(n) == 0, "not empty at the end");
}

/* With both sides always willing, one word per cycle flows after the latency. */
static void one_word_per_cycle(unsigned int n)
{
	unsigned int in = 0, out = 0;

	dut->rd_ready_i = 1u << n;
	for (unsigned int c = 0; c < 200; c++) {
		dut->wr_valid_i = 1u << n;
		dut->wr_data_i = in;
		tb_eval();
		in += bit(dut->wr_ready_o, n);
		out += bit(dut->rd_valid_o, n);
		tb_tick();
	}
	CHECK(in == 200 && out == 200 - fifo_latency[n], "%u in, %u out in 200 cycles", in, out);
}

/* All FIFOs at once, random valid and ready with changing densities, now and then a reset. */
static void fifos_under_random_back_pressure_and_resets(void **state)
{
	static uint32_t queue[FIFOS][16];
	uint32_t written[FIFOS] = { 0 }, read[FIFOS] = { 0 };
	uint32_t before[FIFOS] = { 0 }, data[FIFOS] = { 0 };
	unsigned int offered = 0;

	(void)state;
	for (unsigned int c = 0; c < 60000; c++) {
		unsigned int write_density = 1 + ((c >> 8) & 7), read_density = 1 + ((c >> 10) & 7);
		uint32_t ready = 0, want_valid;

		/* All FIFOs share the data bus; a word that is not taken is replaced by the next. */
		want_valid = tb_below(8) < write_density ? (uint32_t)(tb_rand() >> 32) & 31 : 0;
		for (unsigned int n = 0; n < FIFOS; n++)
			if (tb_below(8) < read_density)
				ready |= 1u << n;
		dut->wr_data_i = c;
		dut->wr_valid_i = want_valid;
		dut->rd_ready_i = ready;
		tb_eval();
		for (unsigned int n = 0; n < FIFOS; n++) {
			unsigned int held = written[n] - read[n];

			CHECK(level(n) == held, "%s: level %u, expected %u", fifo_name[n], level(n),
			      held);
			CHECK(bit(dut->wr_ready_o, n) == (held < fifo_depth[n]),
			      "%s: ready with %u words", fifo_name[n], held);
			if (bit(offered, n)) {
				CHECK(bit(dut->rd_valid_o, n), "%s: valid fell", fifo_name[n]);
				CHECK(dut->rd_data_o[n] == data[n], "%s: payload changed",
				      fifo_name[n]);
			}
			if (bit(dut->rd_valid_o, n)) {
				CHECK(held > 0, "%s: a word out of nothing", fifo_name[n]);
				CHECK(dut->rd_data_o[n] == queue[n][read[n] & 15], "%s: wrong word",
				      fifo_name[n]);
			}
			data[n] = dut->rd_data_o[n];
			offered &= ~(1u << n);
			if (bit(dut->rd_valid_o, n) && bit(ready, n))
				read[n]++;
			else if (bit(dut->rd_valid_o, n))
				offered |= 1u << n;
			if (bit(want_valid, n) && bit(dut->wr_ready_o, n))
				queue[n][written[n]++ & 15] = c;
		}
		tb_tick();
		if (tb_below(2000) == 0) {
			for (unsigned int n = 0; n < FIFOS; n++) {
				before[n] += read[n];
				written[n] = read[n] = 0;
			}
			offered = 0;
			tb_reset(2);
		}
	}
	for (unsigned int n = 0; n < FIFOS; n++)
		CHECK(before[n] + read[n] > 5000, "%s: only %u words passed", fifo_name[n],
		      before[n] + read[n]);
}

static uint32_t merge(uint32_t old, uint32_t data, unsigned int enables)
{
	for (unsigned int i = 0; i < 4; i++)
		if (bit(enables, i))
			old = (old & ~(0xffu << (8 * i))) | (data & (0xffu << (8 * i)));
	return old;
}

static void simple_dual_port_ram(void **state)
{
	uint32_t word[24], bytes[24], word_out = 0, bytes_out = 0;
	bool known = false;

	(void)state;
	for (unsigned int i = 0; i < 24; i++) {
		dut->sdp_we_i = 15;
		dut->sdp_waddr_i = i;
		dut->sdp_wdata_i = word[i] = bytes[i] = (uint32_t)(tb_rand() >> 32);
		tb_tick();
	}
	for (unsigned int c = 0; c < 20000; c++) {
		unsigned int enables =
				     (uint32_t)(tb_rand() >> 32) & (uint32_t)(tb_rand() >> 32) & 15,
			     wa = tb_below(24), ra = tb_below(24);
		bool re = tb_below(2);
		uint32_t d = (uint32_t)(tb_rand() >> 32);

		if (enables && ra == wa)
			re = false; /* what such a read returns is not defined */
		dut->sdp_we_i = enables;
		dut->sdp_waddr_i = wa;
		dut->sdp_wdata_i = d;
		dut->sdp_re_i = re;
		dut->sdp_raddr_i = ra;
		if (re) {
			word_out = word[ra];
			bytes_out = bytes[ra];
			known = true;
		}
		if (enables) {
			word[wa] = d;
			bytes[wa] = merge(bytes[wa], d, enables);
		}
		tb_tick();
		if (known) {
			CHECK(dut->sdp_word_rdata_o == word_out,
			      "word RAM read %08x, expected %08x", dut->sdp_word_rdata_o, word_out);
			CHECK(dut->sdp_byte_rdata_o == bytes_out,
			      "byte RAM read %08x, expected %08x", dut->sdp_byte_rdata_o,
			      bytes_out);
		}
	}
}

static void true_dual_port_ram_and_image(void **state)
{
	uint32_t mem[16], a_out = 0, b_out = 0;
	bool a_known = false, b_known = false;

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		mem[i] = i == 15 ? 0xdeadbeef : i * 0x11111111u;
		dut->a_en_i = 1;
		dut->a_we_i = 0;
		dut->a_addr_i = i;
		tb_tick();
		CHECK(dut->a_rdata_o == mem[i], "image word %u is %08x", i, dut->a_rdata_o);
	}
	for (unsigned int c = 0; c < 20000; c++) {
		unsigned int aw = (uint32_t)(tb_rand() >> 32) & (uint32_t)(tb_rand() >> 32) & 15,
			     bw = (uint32_t)(tb_rand() >> 32) & (uint32_t)(tb_rand() >> 32) & 15;
		unsigned int aa = tb_below(16), ba = tb_below(16);
		bool ae = tb_below(2), be = tb_below(2);
		uint32_t ad = (uint32_t)(tb_rand() >> 32), bd = (uint32_t)(tb_rand() >> 32);

		if (aa == ba && ae && be)
			aw = bw = 0; /* collisions are not defined */
		dut->a_en_i = ae;
		dut->a_we_i = aw;
		dut->a_addr_i = aa;
		dut->a_wdata_i = ad;
		dut->b_en_i = be;
		dut->b_we_i = bw;
		dut->b_addr_i = ba;
		dut->b_wdata_i = bd;
		if (ae) {
			a_out = mem[aa];
			a_known = true;
		}
		if (be) {
			b_out = mem[ba];
			b_known = true;
		}
		if (ae)
			mem[aa] = merge(mem[aa], ad, aw);
		if (be)
			mem[ba] = merge(mem[ba], bd, bw);
		tb_tick();
		if (a_known)
			CHECK(dut->a_rdata_o == a_out, "port a read %08x, expected %08x",
			      dut->a_rdata_o, a_out);
		if (b_known)
			CHECK(dut->b_rdata_o == b_out, "port b read %08x, expected %08x",
			      dut->b_rdata_o, b_out);
	}
}

static void fifo_capacity_latency_order(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < FIFOS; n++) {
		dut->rd_ready_i = 0;
		tb_reset(2);
		capacity_latency_order(n);
	}
}

static void fifo_one_word_per_cycle(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < FIFOS; n++) {
		dut->wr_valid_i = 0;
		dut->rd_ready_i = 0;
		tb_reset(2);
		one_word_per_cycle(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(fifo_capacity_latency_order),
		TB_TEST(fifo_one_word_per_cycle),
		TB_TEST(fifos_under_random_back_pressure_and_resets),
		TB_TEST(simple_dual_port_ram),
		TB_TEST(true_dual_port_ram_and_image),
	};
	return TB_RUN(tests);
}
