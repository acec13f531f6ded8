// SPDX-License-Identifier: Apache-2.0
// A frame for unit benches of RTL: one Verilated module ("dut", class Vdut), one clock clk_i, one reset rst_i, cmocka's
// checks, TAP on stdout. Written C-like; tests/unit/demo/test_demo.cpp is a whole example:
//
//   #include "tb.h"
//
//   static void counts_when_enabled(void **state)     // one behaviour per test; each starts after a fresh reset
//   {
//           dut->en_i = 1;                              // set inputs
//           tb_tick();                                  // one clock cycle; outputs now show the new state
//           assert_int_equal(dut->count_o, 1);          // any of cmocka's assertions
//   }
//
//   int main(void)
//   {
//           const struct CMUnitTest tests[] = { TB_TEST(counts_when_enabled) };
//           return TB_RUN(tests);
//   }
//
// In the part's fragment: $(eval $(call verilator_test,demo,counter,tests/unit/demo/counter.sv,tests/unit/demo/test_demo.cpp,))
// builds build/tests/demo and adds it to the tests.
//
// Time: tb_tick() takes the inputs as they are now, lets combinational logic settle, and gives one rising edge. To look at
// a combinational output *before* the edge (a ready, say), set inputs, call tb_eval(), look, then tb_tick().
// tb_wait(condition, limit) ticks until the condition holds and fails the test after limit cycles.
//
// Random numbers: tb_rand() and friends are a xorshift generator that each test starts anew from the seed, which is printed
// as "# seed 0x..."; SEED=0x... in the environment sets it, SEED=random takes it from the clock.
//
// Traces: built by `make TRACE=1` (build/tests-trace/NAME), with TB_TRACE_FILE=out.fst in the environment, all is recorded.
// TB_ONLY=name in the environment runs the tests whose names match that pattern (* and ?) only.
#ifndef GUESTLANE_TB_H
#define GUESTLANE_TB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
extern "C" {
#include <cmocka.h>
}
#include <verilated.h>
#include "Vdut.h"
#ifdef TB_TRACE
#include <verilated_fst_c.h>
#endif

static VerilatedContext *tb_context; // what Verilator keeps beside the module, new with it
static Vdut *dut;		     // the module under test, new for each test
static uint64_t tb_cycles;	     // rising edges since the test began
static uint64_t tb_seed;	     // what SEED gave
static uint64_t tb_random;	     // state of the generator
static uint64_t tb_time;	     // trace time, in half cycles, over all tests
static void (*tb_each)(void);	     // if set, a monitor: called before each rising edge
#ifdef TB_TRACE
static VerilatedFstC *tb_trace;
#endif

// Lets combinational logic settle after inputs were changed; no clock edge.
static inline void tb_eval(void)
{
	dut->eval();
}

static inline void tb_dump_(void)
{
#ifdef TB_TRACE
	if (tb_trace)
		tb_trace->dump(tb_time);
#endif
	tb_time++;
}

// One clock cycle.
static inline void tb_tick(void)
{
	dut->clk_i = 0;
	dut->eval();
	if (tb_each)
		tb_each();
	tb_dump_();
	dut->clk_i = 1;
	dut->eval();
	tb_dump_();
	tb_cycles++;
}

static inline void tb_ticks(uint64_t n)
{
	while (n--)
		tb_tick();
}

// Ticks until the condition holds (tried before the first tick, after settling); more than limit cycles fail the test.
#define tb_wait(condition, limit)                                                  \
	do {                                                                       \
		uint64_t tb_end_ = tb_cycles + (limit);                            \
		for (tb_eval(); !(condition); tb_tick(), tb_eval())                \
			if (tb_cycles >= tb_end_)                                  \
				fail_msg("not within %llu cycles: %s",             \
					 (unsigned long long)(limit), #condition); \
	} while (0)

// Holds the reset for n cycles. Inputs keep their values.
static inline void tb_reset(unsigned n)
{
	dut->rst_i = 1;
	tb_ticks(n);
	dut->rst_i = 0;
	tb_eval();
}

// 64 random bits (xorshift64*).
static inline uint64_t tb_rand(void)
{
	tb_random ^= tb_random >> 12;
	tb_random ^= tb_random << 25;
	tb_random ^= tb_random >> 27;
	return tb_random * 0x2545f4914f6cdd1dull;
}

// 0 to n - 1, n in 1..2^32.
static inline uint32_t tb_below(uint64_t n)
{
	return (uint32_t)(((tb_rand() >> 32) * n) >> 32);
}

// low to high, both included.
static inline uint32_t tb_range(uint32_t low, uint32_t high)
{
	return low + tb_below((uint64_t)high - low + 1);
}

// True in that many of 100 cases.
static inline bool tb_percent(unsigned percent)
{
	return tb_below(100) < percent;
}

static int tb_setup_(void **state)
{
	(void)state;
	tb_random = tb_seed ? tb_seed : 1;
	tb_each = NULL;
	tb_context = new VerilatedContext;
	Verilated::threadContextp(tb_context);
#ifdef TB_TRACE
	tb_context->traceEverOn(true);
#endif
	dut = new Vdut(tb_context);
#ifdef TB_TRACE
	const char *file = getenv("TB_TRACE_FILE");
	if (file) {
		tb_trace = new VerilatedFstC;
		dut->trace(tb_trace, 99);
		tb_trace->open(file);
	}
#endif
	tb_reset(4);
	tb_cycles = 0;
	return 0;
}

static int tb_teardown_(void **state)
{
	(void)state;
	dut->final();
#ifdef TB_TRACE
	if (tb_trace) {
		tb_trace->close();
		delete tb_trace;
		tb_trace = NULL;
	}
#endif
	delete dut;
	dut = NULL;
	delete tb_context;
	tb_context = NULL;
	return 0;
}

// One entry of the list of tests.
#define TB_TEST(function) cmocka_unit_test_setup_teardown(function, tb_setup_, tb_teardown_)

static inline void tb_main_(void)
{
	const char *seed = getenv("SEED");
	const char *only = getenv("TB_ONLY");

	if (!seed)
		tb_seed = 0x6c61e5u;
	else if (!strcmp(seed, "random"))
		tb_seed = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15ull;
	else
		tb_seed = strtoull(seed, NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed 0x%llx\n", (unsigned long long)tb_seed);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (only)
		cmocka_set_test_filter(only);
}

// Runs the tests in order; gives main's exit status.
#define TB_RUN(tests) (tb_main_(), cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0)

#endif
