// SPDX-License-Identifier: Apache-2.0
// Unit test of nic_irq: every event is followed by InterruptStatus bits and then a message, in that order, or, in bit-vector mode, a
// bit of its context and then a message of the vector that all share; moderation holds and ends by itself; nothing is lost or made up.

#include "tb.h"
#include "guestlane_regs.h"

#ifndef CONTEXTS
#define CONTEXTS 32
#endif
#define VECTORS (CONTEXTS + 1)
// A visit of all vectors and the stages of a visit.
#define ROUND	((VECTORS < 7 ? 8 : VECTORS + 1) + 12)

#define CHECK(cond, ...)                       \
	do {                                   \
		if (!(cond))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

static uint8_t wanted[VECTORS];	  // bits that a message is owed for; vector 0: bit 0
static uint8_t due[4][VECTORS];	  // the same, not seen by the unit for n cycles more
static uint8_t told[VECTORS];	  // bits set in InterruptStatus whose message is still to come
static uint64_t sent_at[VECTORS]; // cycle of the last message
static bool sent_once[VECTORS];
static uint64_t wanted_at[VECTORS];
static uint64_t now; // time_i
static uint32_t messages[VECTORS];
static bool isr_before, msix_before; // valid and not ready in the last cycle
static uint8_t cst_queue[4096];
static unsigned cst_head, cst_tail, raised, raised_want, moderated;
static uint64_t patience;   // cycles that a wish may wait beyond its moderation; 0: not checked
static bool pend[CONTEXTS]; // bit-vector mode: bits to be read
static struct {
	bool wanted, told, once; // of the vector that all contexts share
	uint64_t sent_at;
	uint32_t messages;
} shared;
static uint64_t reads[CONTEXTS],
	sets[CONTEXTS]; // bits that were read as 1; times InterruptStatus was set
static bool read_before;
static uint32_t read_want;
static uint64_t gap_from; // moderation is checked between messages after this cycle

static void start(void)
{
	memset(wanted, 0, sizeof(wanted));
	memset(due, 0, sizeof(due));
	memset(told, 0, sizeof(told));
	memset(sent_once, 0, sizeof(sent_once));
	memset(messages, 0, sizeof(messages));
	memset(pend, 0, sizeof(pend));
	memset(&shared, 0, sizeof(shared));
	memset(reads, 0, sizeof(reads));
	memset(sets, 0, sizeof(sets));
	read_before = false;
	dut->bits_i = dut->pend_re_i = dut->pend_clear_i = dut->pend_group_i = 0;
	isr_before = msix_before = false;
	cst_head = cst_tail = raised = raised_want = moderated = 0;
	now = 1000;
	patience = 0;
	gap_from = 0;
	dut->irq_valid_i = dut->ci_valid_i = dut->mg_valid_i = dut->clr_valid_i = 0;
	dut->isr_set_ready_i = dut->msix_ready_i = dut->cst_ready_i = 1;
	dut->moderation_i = 0;
}

// The unit has taken what it knew of the vector, in the cycle before.
static uint8_t taken(unsigned v)
{
	uint8_t bits = wanted[v];

	CHECK(bits, "vector %u asks for something that nobody wants", v);
	wanted[v] = 0;
	return bits;
}

static void cycle(void)
{
	bool irq, ci;

	dut->time_i = (uint32_t)now;
	tb_eval();

	if (dut->isr_set_valid_o && !isr_before) {
		unsigned c = dut->isr_set_ctx_o;

		CHECK(c < CONTEXTS, "context %u", c);
		told[c + 1] = taken(c + 1);
		CHECK(dut->isr_set_bits_o == told[c + 1], "sets 0x%x, wanted 0x%x",
		      dut->isr_set_bits_o, told[c + 1]);
	}
	if (dut->msix_valid_o && !msix_before) {
		unsigned v = dut->msix_vector_o;

		CHECK(v < VECTORS, "vector %u", v);
		if (v == 0)
			told[0] = taken(0);
		if (v == 1 && !told[1]) {
			CHECK(shared.wanted, "a message for no bit");
			shared.wanted = false;
			shared.told = true;
		}
		CHECK(told[v] || (v == 1 && shared.told),
		      "message of vector %u before its InterruptStatus", v);
	}
	CHECK(!(dut->isr_set_valid_o && dut->msix_valid_o), "both at once");
	if (dut->msix_valid_o && dut->msix_ready_i) {
		unsigned v = dut->msix_vector_o;

		if (shared.told) {
			CHECK(v == 1, "the bits' message on vector %u", v);
			if (shared.once && shared.sent_at >= gap_from)
				CHECK(tb_cycles - shared.sent_at >= dut->moderation_i,
				      "%llu cycles after the bits' message before",
				      (unsigned long long)(tb_cycles - shared.sent_at));
			shared.told = false;
			shared.once = true;
			shared.sent_at = tb_cycles;
			shared.messages++;
			goto sent;
		}
		told[v] = 0;
		if (sent_once[v] && sent_at[v] >= gap_from)
			CHECK(tb_cycles - sent_at[v] >= dut->moderation_i,
			      "%llu cycles after the message before",
			      (unsigned long long)(tb_cycles - sent_at[v]));
		sent_at[v] = tb_cycles;
		sent_once[v] = true;
		messages[v]++;
	}
sent:
	if (read_before)
		CHECK(dut->pend_data_o == read_want, "bits 0x%x are read, 0x%x are set",
		      dut->pend_data_o, read_want);
	read_before = dut->pend_re_i;
	if (dut->pend_re_i) {
		read_want = 0;
		for (unsigned c = 32u * dut->pend_group_i, i = 0; c < CONTEXTS && i < 32;
		     c++, i++) {
			read_want |= (uint32_t)pend[c] << i;
			reads[c] += pend[c] && dut->pend_clear_i;
			if (dut->pend_clear_i)
				pend[c] = false;
		}
	}
	if (dut->isr_set_valid_o && dut->isr_set_ready_i) {
		unsigned c = dut->isr_set_ctx_o;
		sets[c]++;
		if (dut->bits_i) {
			told[c + 1] = 0;
			pend[c] = true;
			shared.wanted = true;
		}
	}
	isr_before = dut->isr_set_valid_o && !dut->isr_set_ready_i;
	msix_before = dut->msix_valid_o && !dut->msix_ready_i;

	// What came in some cycles ago is seen by the next taking.
	for (unsigned v = 0; v < VECTORS; v++) {
		if (due[0][v] && !wanted[v])
			wanted_at[v] = tb_cycles;
		wanted[v] |= due[0][v];
		if (wanted[v] && patience) {
			uint64_t from = wanted_at[v];

			if (sent_once[v] && sent_at[v] + dut->moderation_i > from)
				from = sent_at[v] + dut->moderation_i;
			CHECK(tb_cycles <= from + patience, "vector %u waits %llu cycles too long",
			      v, (unsigned long long)(tb_cycles - from));
		}
	}
	memmove(due[0], due[1], sizeof(due) - sizeof(due[0]));
	memset(due[3], 0, sizeof(due[3]));

	irq = dut->irq_valid_i && dut->irq_ready_o;
	ci = dut->ci_valid_i && dut->ci_ready_o;
	if (irq)
		due[1][dut->irq_ctx_i + 1] |= dut->irq_bits_i;
	if (ci)
		due[1][dut->ci_ctx_i + 1] |= 2;
	if (dut->mg_valid_i)
		due[0][0] |= 1;
	if (irq || ci)
		cst_queue[cst_tail++ % sizeof(cst_queue)] = irq ? dut->irq_ctx_i : dut->ci_ctx_i;
	CHECK(!(irq && ci), "takes both at once");
	if (dut->cst_valid_o && dut->cst_ready_i) {
		CHECK(cst_head != cst_tail &&
			      cst_queue[cst_head % sizeof(cst_queue)] == dut->cst_ctx_o &&
			      dut->cst_idx_o == GL_CSTAT_IRQS && dut->cst_add_o == 1,
		      "wrong counter entry");
		cst_head++;
	}
	raised += dut->ev_raised_o;
	raised_want += irq;
	moderated += dut->ev_moderated_o;

	tb_tick();
	now++;
	if (irq)
		dut->irq_valid_i = 0;
	if (ci)
		dut->ci_valid_i = 0;
	dut->mg_valid_i = 0;
	dut->pend_re_i = 0;
}

static void cycles(unsigned n)
{
	while (n--)
		cycle();
}

static void irq(unsigned c, unsigned bits)
{
	dut->irq_valid_i = 1;
	dut->irq_ctx_i = c;
	dut->irq_bits_i = bits;
	while (dut->irq_valid_i)
		cycle();
}

static bool pending(void)
{
	for (unsigned v = 0; v < VECTORS; v++)
		if (wanted[v] || told[v] || due[0][v] || due[1][v] || due[2][v] || due[3][v])
			return true;
	return shared.wanted || shared.told;
}

// What is read of the group of a context.
static uint32_t read_bits(unsigned c, bool clear)
{
	dut->pend_re_i = 1;
	dut->pend_clear_i = clear;
	dut->pend_group_i = c / 32;
	cycle();
	tb_eval();
	uint32_t bits = dut->pend_data_o;
	cycle();
	return bits;
}

static void each_vector_gets_its_message(void **state)
{
	(void)state;
	start();
	patience = ROUND;
	cycles(300); // the times are being cleared
	for (unsigned c = 0; c < CONTEXTS; c++) {
		irq(c, 1 + c % 3);
		cycles(ROUND + 8);
		assert_int_equal(messages[c + 1], 1);
	}
	dut->mg_valid_i = 1;
	cycles(ROUND + 8);
	assert_int_equal(messages[0], 1);
	dut->ci_valid_i = 1;
	dut->ci_ctx_i = CONTEXTS - 1;
	cycles(ROUND + 8);
	assert_int_equal(messages[CONTEXTS], 2);
	assert_int_equal(moderated, 0);
	irq(CONTEXTS - 1, 0); // nothing to raise
	cycles(ROUND + 8);
	assert_int_equal(messages[CONTEXTS], 2);
}

static void moderation_ends_by_itself(void **state)
{
	static const unsigned values[] = { 1, 100, 1000, 70000, 0xffffff };

	(void)state;
	start();
	cycles(300);
	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		// A value that grows does not reach back: the first message goes at once.
		dut->moderation_i = 0;
		cycles(2 * ROUND);
		dut->moderation_i = values[i];
		gap_from = tb_cycles;
		irq(0, 1);
		cycles(ROUND + 8);
		uint32_t before = messages[1];
		unsigned noted = moderated;
		uint64_t at = sent_at[1];
		bool far = values[i] > 70000;

		irq(0, 1);
		irq(0, 2); // coalesces
		cycles(20);
		if (values[i] > 500) {
			cycles(ROUND);
			assert_int_equal(messages[1], before);
			assert_false(dut->idle_o);
			assert_int_equal(moderated, noted + 1); // counted once
		}
		if (far) { // time passes faster than cycles
			now += values[i] - 100000;
			cycles(1000);
			assert_int_equal(messages[1], before);
			now += 100000;
			gap_from = tb_cycles;
			cycles(ROUND + 8);
		} else {
			while (tb_cycles < at + values[i])
				cycle();
			cycles(ROUND + 8);
		}
		assert_int_equal(messages[1], before + 1);
		assert_false(pending());
		cycles(3);
		assert_true(dut->idle_o);
	}
}

// One vector's moderation holds back no other.
static void moderation_is_per_vector(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->moderation_i = 5000;
	irq(0, 1);
	cycles(ROUND + 8);
	irq(0, 1);
	dut->mg_valid_i = 1;
	if (CONTEXTS > 1)
		irq(CONTEXTS - 1, 1);
	cycles(ROUND + 8);
	assert_int_equal(messages[0], 1);
	assert_int_equal(messages[1], 1);
	assert_int_equal(messages[CONTEXTS], 1);
}

// A last message 2^32 cycles ago is old, not young.
static void time_may_wrap(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->moderation_i = 1000;
	irq(0, 1);
	cycles(3000);
	now += 0x100000000ull - 3000;
	irq(0, 1);
	cycles(ROUND + 8);
	assert_int_equal(messages[1], 2);
}

static void an_event_after_the_taking_gets_another_message(void **state)
{
	(void)state;
	start();
	cycles(300);
	// Held at InterruptStatus, then at the message.
	for (unsigned where = 0; where < 2; where++) {
		dut->isr_set_ready_i = where == 1;
		dut->msix_ready_i = 0;
		uint32_t before = messages[1];
		irq(0, 1);
		cycles(ROUND + 8);
		assert_true(where ? dut->msix_valid_o : dut->isr_set_valid_o);
		irq(0, 1);
		cycles(5);
		dut->isr_set_ready_i = dut->msix_ready_i = 1;
		cycles(2 * ROUND + 20);
		assert_int_equal(messages[1], before + 2);
	}
}

// Revocation: what the context wanted is gone, so is its moderation; a message that has begun ends first; the others get theirs.
static void clear_bus_forgets_one_vector(void **state)
{
	(void)state;
	start();
	cycles(300);
	for (unsigned n = 0; n < 400; n++) {
		const unsigned c = tb_below(CONTEXTS), other = (c + 1) % CONTEXTS;

		dut->moderation_i = 0;
		cycles(2 * ROUND);
		dut->moderation_i = 3000;
		gap_from = tb_cycles;
		if (tb_percent(50)) { // its time runs
			irq(c, 1);
			cycles(ROUND + 8);
		}
		dut->isr_set_ready_i = tb_percent(80);
		dut->msix_ready_i = tb_percent(80);
		if (CONTEXTS > 1 && tb_percent(50))
			irq(other, 2);
		if (tb_percent(80))
			irq(c, 1 + tb_below(3));
		cycles(tb_below(ROUND + 20));
		dut->clr_valid_i = 1;
		dut->clr_ctx_i = (uint8_t)c;
		unsigned t = 0;
		for (tb_eval(); !dut->clr_done_o; tb_eval(), t++) {
			if (t > 20)
				dut->isr_set_ready_i = dut->msix_ready_i = 1;
			cycle();
			CHECK(t < 20 + 60, "takes too long");
			if (t >= 2) // in work already, or forgotten
				wanted[c + 1] &= told[c + 1];
			for (unsigned i = 0; i < 4; i++)
				due[i][c + 1] = 0;
		}
		CHECK(!told[c + 1], "done in the middle of a message");
		const uint32_t before = messages[c + 1];
		wanted[c + 1] = 0;
		for (unsigned i = 0; i < 4; i++)
			due[i][c + 1] = 0;
		dut->clr_valid_i = 0;
		dut->isr_set_ready_i = dut->msix_ready_i = 1;
		cycle();
		CHECK(!dut->clr_done_o, "done stays");
		cycles(2 * ROUND);
		assert_int_equal(messages[c + 1], before);
		// The next guest's first message does not wait for the last guest's time.
		sent_once[c + 1] = false;
		irq(c, 1);
		cycles(2 * ROUND + 8);
		assert_int_equal(messages[c + 1], before + 1);
		cycles(3000 + 2 * ROUND);
		assert_false(pending());
	}
}

static void contexts_share_a_vector_in_bit_vector_mode(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->bits_i = 1;
	for (unsigned c = 0; c < CONTEXTS; c++) {
		irq(c, 1 + c % 3);
		cycles(2 * ROUND + 8);
		assert_int_equal(shared.messages, c + 1);
		assert_int_equal(read_bits(c, false),
				 1u << c % 32); // a part of the register takes nothing away
		assert_int_equal(read_bits(c, true), 1u << c % 32);
		assert_int_equal(read_bits(c, true), 0);
	}
	for (unsigned v = 0; v < VECTORS; v++)
		assert_int_equal(messages[v], 0);
	gap_from = tb_cycles + 1;
	// Many at once: one message may do.
	dut->moderation_i = 5000;
	for (unsigned c = 0; c < CONTEXTS; c++)
		irq(c, 1);
	cycles(12000);
	assert_true(shared.messages <= CONTEXTS + 3);
	for (unsigned c = 0; c < CONTEXTS; c++)
		assert_int_equal(read_bits(c, true) >> c % 32 & 1, c % 32 == 0);
	dut->mg_valid_i = 1;
	cycles(2 * ROUND + 8);
	assert_int_equal(messages[0], 1);
	assert_false(pending());
	assert_true(dut->idle_o);
	// Groups that no context is in.
	dut->pend_re_i = 1;
	dut->pend_clear_i = 1;
	dut->pend_group_i = 7;
	cycle();
	tb_eval();
	assert_int_equal(dut->pend_data_o, 0);
}

// The bit comes in the very cycle in which it is read, or one before, or one after.
static void a_bit_that_comes_while_it_is_read_is_read_next_time(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->bits_i = 1;
	for (unsigned wait = 0; wait < ROUND + 20; wait++) {
		irq(0, 1);
		cycles(wait);
		uint32_t bits = read_bits(0, true) & 1, before = shared.messages;
		cycles(2 * ROUND + 8);
		if (!bits) // a message has come since, and it is there
			assert_true(shared.messages > before && (read_bits(0, true) & 1));
		assert_int_equal(read_bits(0, true), 0);
		assert_false(pending());
	}
	assert_int_equal(reads[0], ROUND + 20);
}

static void bit_vector_mode_is_moderated(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->bits_i = 1;
	dut->moderation_i = 4000;
	for (unsigned i = 0; i < 20; i++) {
		// InterruptStatus and the bit do not wait for the message.
		irq(i % CONTEXTS, 1);
		cycles(ROUND + 8);
		assert_int_equal(read_bits(i % CONTEXTS, true) >> i % CONTEXTS % 32, 1);
	}
	assert_true(shared.messages >= 1 && shared.messages <= 2);
	cycles(4000 + 2 * ROUND);
	assert_false(pending());
	assert_int_equal(moderated, shared.messages - 1);
	// Back to a vector for each context.
	dut->bits_i = 0;
	irq(CONTEXTS - 1, 2);
	cycles(ROUND + 8);
	assert_int_equal(messages[CONTEXTS], 1);
	assert_int_equal(read_bits(CONTEXTS - 1, true), 0);
}

static void clear_bus_forgets_the_bit(void **state)
{
	(void)state;
	start();
	cycles(300);
	dut->bits_i = 1;
	irq(0, 1);
	irq(CONTEXTS - 1, 1);
	cycles(3 * ROUND);
	dut->clr_valid_i = 1;
	dut->clr_ctx_i = 0;
	pend[0] = false;
	for (tb_eval(); !dut->clr_done_o; tb_eval())
		cycle();
	dut->clr_valid_i = 0;
	cycle();
	assert_int_equal(read_bits(0, true) & 1, 0);
	if (CONTEXTS > 1)
		assert_int_equal(read_bits(CONTEXTS - 1, true) >> (CONTEXTS - 1) % 32,
				 CONTEXTS <= 32 ? 0 : 1);
}

static void random_events(void **state)
{
	unsigned total = 0;

	(void)state;
	start();
	cycles(300);
	for (unsigned round = 0; round < 40; round++) {
		unsigned rate = tb_range(1, 60), isr = tb_range(20, 100), msix = tb_range(20, 100),
			 cst = tb_range(20, 100);
		bool smooth = tb_percent(30);
		unsigned span = tb_range(1, CONTEXTS);

		dut->moderation_i = tb_percent(30) ? 0 : tb_below(tb_percent(50) ? 100 : 2000);
		gap_from = tb_cycles;
		if (!pending())
			dut->bits_i = tb_percent(40);
		unsigned look = tb_below(8);
		if (smooth)
			isr = msix = cst = 100;
		// Every vector may come before this one, each with two outputs.
		patience = smooth ? 4 * ROUND + 12 * VECTORS : 0;
		for (unsigned n = 0; n < 3000; n++) {
			if (!dut->irq_valid_i && tb_percent(rate)) {
				dut->irq_valid_i = 1;
				dut->irq_ctx_i = tb_below(span);
				dut->irq_bits_i = tb_below(4);
			}
			if (!dut->ci_valid_i && tb_percent(2)) {
				dut->ci_valid_i = 1;
				dut->ci_ctx_i = tb_below(span);
			}
			dut->mg_valid_i = tb_percent(2);
			dut->isr_set_ready_i = tb_percent(isr);
			dut->msix_ready_i = tb_percent(msix);
			dut->cst_ready_i = tb_percent(cst);
			dut->pend_re_i = tb_percent(look);
			dut->pend_clear_i = tb_percent(90);
			dut->pend_group_i = tb_below((CONTEXTS + 31) / 32);
			if (tb_below(1000) < 3)
				dut->bits_i ^= 1; // in the middle of everything
			cycle();
			if (pending())
				CHECK(!dut->idle_o, "idle with something pending");
		}
		dut->isr_set_ready_i = dut->msix_ready_i = dut->cst_ready_i = 1;
		while (dut->irq_valid_i || dut->ci_valid_i)
			cycle();
		cycles(4200 + 4 * ROUND + 12 * VECTORS); // the mode may change between two waits
		assert_false(pending());
		assert_int_equal(cst_head, cst_tail);
		assert_int_equal(raised, raised_want);
		assert_true(dut->idle_o);
		for (unsigned c = 0; c < CONTEXTS; c += 32)
			read_bits(c, true);
	}
	assert_true(shared.messages > 0);
	for (unsigned v = 0; v < VECTORS; v++)
		total += messages[v];
	printf("# %u interrupts raised, %u messages, %u moderated\n", raised, total, moderated);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TB_TEST(each_vector_gets_its_message),
		TB_TEST(moderation_ends_by_itself),
		TB_TEST(moderation_is_per_vector),
		TB_TEST(time_may_wrap),
		TB_TEST(an_event_after_the_taking_gets_another_message),
		TB_TEST(clear_bus_forgets_one_vector),
		TB_TEST(contexts_share_a_vector_in_bit_vector_mode),
		TB_TEST(a_bit_that_comes_while_it_is_read_is_read_next_time),
		TB_TEST(bit_vector_mode_is_moderated),
		TB_TEST(clear_bus_forgets_the_bit),
		TB_TEST(random_events),
	};
	return TB_RUN(tests);
}
