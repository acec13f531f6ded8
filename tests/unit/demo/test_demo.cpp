// SPDX-License-Identifier: Apache-2.0
// Example of a unit bench, and a test of tests/unit/tb.h itself.
#include "tb.h"

static void starts_at_zero(void **state)
{
	(void)state;
	assert_int_equal(dut->count_o, 0);
	assert_false(dut->full_o);
}

static void counts_only_when_enabled(void **state)
{
	unsigned expected = 0;
	(void)state;

	while (expected < 9) {
		dut->en_i = tb_percent(50);
		expected += dut->en_i;
		tb_tick();
		assert_int_equal(dut->count_o, expected);
	}
}

static void stops_at_its_limit(void **state)
{
	(void)state;
	dut->en_i = 1;
	tb_wait(dut->full_o, 20);
	assert_int_equal(tb_cycles, 9);
	tb_ticks(10);
	assert_int_equal(dut->count_o, 9);
}

static void random_numbers_start_from_the_seed(void **state)
{
	uint64_t first = tb_rand();
	unsigned i;
	(void)state;

	tb_random = tb_seed;
	assert_true(tb_rand() == first);
	for (i = 0; i < 1000; i++) {
		assert_in_range(tb_range(60, 1514), 60, 1514);
		assert_true(tb_below(7) < 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(starts_at_zero),
		TB_TEST(counts_only_when_enabled),
		TB_TEST(stops_at_its_limit),
		TB_TEST(random_numbers_start_from_the_seed),
	};
	return TB_RUN(tests);
}
