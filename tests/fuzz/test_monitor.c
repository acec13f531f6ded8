// SPDX-License-Identifier: Apache-2.0
// The monitor of the fuzzer is fed with forged TLPs: what is allowed passes, each kind of escape is reported.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "monitor.h"
#include "guestlane_regs.h"

#define BAR0   0xf0000000ull
#define BAR4   0xf0100000ull
#define REGION 0x200000000ull
#define PAGE   4096ull
#define R      1ull
#define W      2ull
#define RW     3ull
#define MSI    0xfee00000ull

/* Tables of context 2: root, one level 2 and one level 1 page; a spare one; context 3 has a root. */
enum { ROOT = 0, L2 = 1, L1 = 2, SPARE = 3, ROOT3 = 4, TABLE_PAGES = 5 };

static uint8_t tables[TABLE_PAGES * 4096];
static struct monitor *m;
static uint64_t cycle;
static unsigned escapes;
static char last[512];
static bool given_answer;

static const void *memory(void *arg, uint64_t address, size_t bytes)
{
	(void)arg;
	if (address < REGION || address - REGION + bytes > sizeof(tables))
		return NULL;
	return tables + (address - REGION);
}

static uint64_t now(void *arg)
{
	(void)arg;
	return ++cycle;
}

static void escaped(void *arg, unsigned context, const char *text)
{
	(void)arg, (void)context;
	escapes++;
	snprintf(last, sizeof(last), "%s", text);
}

static bool given(void *arg, unsigned context, uint64_t address, size_t bytes, bool write)
{
	(void)arg, (void)context, (void)address, (void)bytes, (void)write;
	return given_answer;
}

static void entry(unsigned page, unsigned index, uint64_t value)
{
	for (unsigned k = 0; k < 8; k++)
		tables[page * PAGE + index * 8 + k] = (uint8_t)(value >> 8 * k);
}

static uint64_t table(unsigned page)
{
	return REGION + page * PAGE;
}

/* --- TLPs of the host ---------------------------------------------------------------------------------------------------- */

static void reg(uint32_t offset, uint32_t value)
{
	monitor_down(m, (uint32_t[]){ 0x40000001, 0x0000000f, (uint32_t)BAR0 + offset, value }, 4);
}

/* A read by the host of a register, answered with a value. */
static void show(uint32_t offset, uint32_t value)
{
	monitor_down(m, (uint32_t[]){ 0x00000001, 0x0000050f, (uint32_t)BAR0 + offset }, 3);
	monitor_up(m, (uint32_t[]){ 0x4a000001, 0x01000004, 0x00000500, value }, 4);
}

static void root(unsigned context, unsigned page)
{
	reg(GL_BAR0_CTX_INDEX, context);
	reg(GL_BAR0_ROOT_HI, (uint32_t)(table(page) >> 32));
	reg(GL_BAR0_ROOT_LO, (uint32_t)table(page) | GL_BAR0_ROOT_LO_VALID_MASK);
}

static void enable(unsigned context)
{
	reg(GL_BAR0_CTX_INDEX, context);
	reg(GL_BAR0_CTX_CONTROL, GL_BAR0_CTX_CONTROL_ENABLE_MASK);
}

/* --- TLPs of the NIC ------------------------------------------------------------------------------------------------------- */

static void mem(bool write, uint64_t address, uint32_t dws, uint32_t first_be, uint32_t last_be)
{
	uint32_t dw[4 + 1024] = { (write ? 0x60000000u : 0x20000000u) | (dws & 0x3ff),
				  0x01000000u | last_be << 4 | first_be, (uint32_t)(address >> 32),
				  (uint32_t)address };
	monitor_up(m, dw, write ? 4 + dws : 4);
}

static void nic_reads(uint64_t address, uint32_t bytes)
{
	mem(false, address, bytes / 4, 15, bytes > 4 ? 15 : 0);
}

static void nic_writes(uint64_t address, uint32_t bytes)
{
	mem(true, address, bytes / 4, 15, bytes > 4 ? 15 : 0);
}

static void message(unsigned vector, uint32_t data)
{
	(void)vector;
	monitor_up(m, (uint32_t[]){ 0x40000001, 0x0100000f, (uint32_t)MSI, data }, 4);
}

#define allowed(call)                                                \
	do {                                                         \
		unsigned before = escapes;                           \
		call;                                                \
		if (escapes != before)                               \
			fail_msg("%s is reported: %s", #call, last); \
	} while (0)

#define reported(call, word)                                                          \
	do {                                                                          \
		unsigned before = escapes;                                            \
		call;                                                                 \
		if (escapes != before + 1)                                            \
			fail_msg("%s is reported %u times", #call, escapes - before); \
		if (!strstr(last, word))                                              \
			fail_msg("%s is reported as: %s", #call, last);               \
	} while (0)

/* Context 2: guest page 0 RW at 0x10_0000_0000, page 1 R, page 2 W, page 3 absent; 2 MiB at guest 2 MiB at 0x20_0000_0000. */
#define P_RW	0x1000000000ull
#define P_R	0x1000001000ull
#define P_W	0x1000002000ull
#define P_OTHER 0x1000003000ull
#define LARGE	0x2000000000ull

static int setup(void **state)
{
	(void)state;
	memset(tables, 0, sizeof(tables));
	escapes = 0;
	cycle = 1000;
	given_answer = true;
	m = monitor_new(&(struct monitor_config){ .contexts = 32,
						  .bar0 = BAR0,
						  .bar4 = BAR4,
						  .max_payload = 256,
						  .max_read_request = 512,
						  .completion_timeout = 8000,
						  .memory = memory,
						  .now = now,
						  .given = given,
						  .escape = escaped });
	entry(ROOT, 0, table(L2) | RW);
	entry(L2, 0, table(L1) | RW);
	entry(L2, 1, LARGE | 0x80 | RW);
	entry(L1, 0, P_RW | RW);
	entry(L1, 1, P_R | R);
	entry(L1, 2, P_W | W);
	reg(GL_BAR0_REGION_LO, (uint32_t)REGION);
	reg(GL_BAR0_REGION_HI, REGION >> 32);
	reg(GL_BAR0_REGION_PAGES, TABLE_PAGES);
	for (unsigned v = 0; v < 33; v++) {
		monitor_down(m, (uint32_t[]){ 0x40000001, 15, (uint32_t)BAR4 + v * 16, MSI }, 4);
		monitor_down(m, (uint32_t[]){ 0x40000001, 15, (uint32_t)BAR4 + v * 16 + 8, v }, 4);
	}
	root(2, ROOT);
	enable(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	monitor_free(m);
	return 0;
}

static void what_the_table_names_is_allowed(void **state)
{
	(void)state;
	allowed(nic_reads(P_RW, 512));
	allowed(nic_writes(P_RW + 4096 - 256, 256));
	allowed(nic_reads(P_R + 64, 4));
	allowed(nic_writes(P_W, 4));
	allowed(nic_reads(LARGE, 64));
	allowed(nic_writes(LARGE + (2 << 20) - 256, 256));
	assert_int_equal(monitor_counts(m)->reads, 3);
	assert_int_equal(monitor_counts(m)->writes, 3);
}

static void permissions_count(void **state)
{
	(void)state;
	reported(nic_writes(P_R, 4), "may only be read");
	reported(nic_reads(P_W, 64), "may only be written");
	/* A permission that an upper level takes away is gone. */
	entry(L2, 1, LARGE | 0x80 | R);
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_CONTROL, 1);
	show(GL_BAR0_INV_CONTROL, 0);
	reported(nic_writes(LARGE, 64), "may only be read");
}

static void pages_that_no_table_names(void **state)
{
	(void)state;
	reported(nic_reads(P_OTHER, 64), "no table names");
	reported(nic_writes(P_OTHER, 64), "no table names");
	reported(nic_reads(LARGE - 64, 64), "no table names");
	reported(nic_reads(LARGE + (2 << 20), 64), "no table names");
	reported(nic_reads(0, 64), "no table names");
	reported(nic_writes(BAR0, 4), "no table names");
	reported(nic_reads(P_RW + 4096 - 4, 8), "crosses a page");
	reported(nic_writes(P_RW, 512), "more than 256");
	reported(nic_reads(P_RW, 1024), "more than 512");
}

static void broken_tables_name_nothing(void **state)
{
	(void)state;
	entry(L1, 3, P_OTHER | RW | 0x80);
	reported(nic_reads(P_OTHER, 64), "no table names");
	entry(L1, 3, P_OTHER | RW | 1ull << 63);
	reported(nic_reads(P_OTHER, 64), "no table names");
	entry(L1, 3, 0);
	entry(L2, 5, (P_OTHER & ~0x1fffffull) | 0x1000 | 0x80 | RW); /* bit 12 of a large page */
	reported(nic_reads(P_OTHER, 64), "no table names");
	entry(ROOT, 1, (P_OTHER & ~0x3fffffffull) | 0x80 | RW); /* there are no 1 GiB pages */
	reported(nic_reads(P_OTHER, 64), "no table names");
	entry(ROOT, 1, table(TABLE_PAGES) | RW); /* outside the region */
	reported(nic_reads(table(TABLE_PAGES), 64), "no table names");
}

static void reads_of_tables(void **state)
{
	(void)state;
	allowed(nic_reads(table(ROOT), 64));
	allowed(nic_reads(table(L2) + 8, 8));
	allowed(nic_reads(table(L1) + 4096 - 64, 64));
	reported(nic_reads(table(L1), 16), "table read of 16 bytes");
	reported(nic_reads(table(L1) + 4, 8), "table read of 8 bytes");
	reported(nic_reads(table(L1) + 32, 64), "table read of 64 bytes");
	reported(nic_reads(table(SPARE), 64), "no table names");
	reported(nic_writes(table(L1), 8), "is a translation table");
	reported(nic_reads(table(ROOT3), 64), "no table names");
	root(3, ROOT3);
	reported(nic_reads(table(ROOT3), 64), "not enabled");
	enable(3);
	allowed(nic_reads(table(ROOT3), 64));
}

/* A page that leaves the table is allowed until the invalidation is seen done, and not in the next TLP. */
static void invalidation_ends_it(void **state)
{
	(void)state;
	monitor_look(m, 2);
	entry(L1, 0, 0);
	allowed(nic_reads(P_RW, 64));
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_PAGE, 0);
	reg(GL_BAR0_INV_PAGES, 1);
	reg(GL_BAR0_INV_CONTROL, 0);
	show(GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK);
	allowed(nic_writes(P_RW, 64));
	show(GL_BAR0_INV_CONTROL, 0);
	reported(nic_writes(P_RW, 64), "no table names");
	allowed(nic_reads(P_R, 64));
	assert_int_equal(monitor_counts(m)->invalidations, 1);
}

static void invalidation_of_other_pages_does_not(void **state)
{
	(void)state;
	monitor_look(m, 2);
	entry(L1, 0, 0);
	entry(L1, 1, 0);
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_PAGE, 1);
	reg(GL_BAR0_INV_PAGES, 1);
	reg(GL_BAR0_INV_CONTROL, 0);
	show(GL_BAR0_INV_CONTROL, 0);
	allowed(nic_reads(P_RW, 64));
	reported(nic_reads(P_R, 64), "no table names");
}

/* A store behind the start of an invalidation is not covered by it. */
static void a_store_too_late_for_the_invalidation(void **state)
{
	(void)state;
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_CONTROL, 1);
	monitor_look(m, 2);
	entry(L1, 0, 0);
	show(GL_BAR0_INV_CONTROL, 0);
	allowed(nic_reads(P_RW, 64));
	reg(GL_BAR0_INV_CONTROL, 1);
	show(GL_BAR0_INV_CONTROL, 0);
	reported(nic_reads(P_RW, 64), "no table names");
}

/* A register read that was under way before the command does not show its end. */
static void an_old_answer_is_no_end(void **state)
{
	(void)state;
	monitor_look(m, 2);
	entry(L1, 0, 0);
	reg(GL_BAR0_CTX_INDEX, 2);
	monitor_down(m, (uint32_t[]){ 1, 0x60f, (uint32_t)BAR0 + GL_BAR0_INV_CONTROL }, 3);
	reg(GL_BAR0_INV_CONTROL, 1);
	monitor_up(m, (uint32_t[]){ 0x4a000001, 0x01000004, 0x600, 0 }, 4);
	allowed(nic_reads(P_RW, 64));
	assert_int_equal(monitor_counts(m)->invalidations, 0);
}

static void an_unlinked_table_is_forbidden_too(void **state)
{
	(void)state;
	allowed(nic_reads(table(L1), 64));
	monitor_look(m, 2);
	entry(L2, 0, 0);
	allowed(nic_reads(table(L1), 64));
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_CONTROL, 1);
	show(GL_BAR0_INV_CONTROL, 0);
	reported(nic_reads(table(L1), 64), "no table names");
	reported(nic_reads(P_RW, 64), "no table names");
}

/* A completion for the NIC's read with tag 0. */
static void answer(uint32_t bytes_left, uint32_t dws)
{
	uint32_t dw[3 + 64] = { 0x4a000000u | dws, bytes_left, 0x01000000 };
	monitor_down(m, dw, 3 + dws);
}

static void reads_that_wait_at_the_end(void **state)
{
	(void)state;
	for (unsigned answered = 0; answered < 3; answered++) {
		entry(L1, 0, P_RW | RW);
		allowed(nic_reads(P_RW, 64));
		monitor_look(m, 2);
		entry(L1, 0, 0);
		reg(GL_BAR0_CTX_INDEX, 2);
		reg(GL_BAR0_INV_CONTROL, 1);
		if (answered > 0)
			answer(64, 8);
		if (answered > 1)
			answer(32, 8);
		if (answered < 2)
			reported(show(GL_BAR0_INV_CONTROL, 0), "still waits");
		else
			allowed(show(GL_BAR0_INV_CONTROL, 0));
	}
	/* A read of a page that stays may wait. */
	allowed(nic_reads(P_R, 64));
	reg(GL_BAR0_INV_CONTROL, 1);
	allowed(show(GL_BAR0_INV_CONTROL, 0));
	/* One that was never answered is given up. */
	cycle += 10000;
	reg(GL_BAR0_REVOKE, 1);
	allowed(show(GL_BAR0_REVOKE, 0));
}

/* It is enough that a page which it serves was invalidated. */
static void an_unlinked_table_after_one_page(void **state)
{
	(void)state;
	monitor_look(m, 2);
	entry(L2, 0, 0);
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_INV_PAGE, 511);
	reg(GL_BAR0_INV_PAGES, 1);
	reg(GL_BAR0_INV_CONTROL, 0);
	show(GL_BAR0_INV_CONTROL, 0);
	reported(nic_reads(table(L1), 64), "no table names");
	allowed(nic_reads(P_RW, 64));
	allowed(nic_reads(table(L2), 64));
}

static void revocation_ends_all(void **state)
{
	(void)state;
	allowed(message(3, 3));
	reg(GL_BAR0_CTX_INDEX, 2);
	reg(GL_BAR0_REVOKE, 1);
	cycle += 500;
	show(GL_BAR0_REVOKE, GL_BAR0_REVOKE_BUSY_MASK);
	allowed(nic_writes(P_RW, 64));
	allowed(message(3, 3));
	show(GL_BAR0_REVOKE, 0);
	reported(nic_writes(P_RW, 64), "no table names");
	reported(nic_reads(LARGE, 64), "no table names");
	reported(nic_reads(table(ROOT), 64), "no table names");
	reported(message(3, 3), "after its revocation");
	allowed(message(4, 4));
	assert_int_equal(monitor_counts(m)->revocations, 1);
	assert_true(monitor_counts(m)->revocation_most >= 500);
	/* The next guest of the context: nothing before it is enabled. */
	root(2, ROOT);
	reported(nic_writes(P_RW, 64), "revoked");
	enable(2);
	allowed(nic_writes(P_RW, 64));
	allowed(message(3, 3));
}

static void a_context_without_root_or_enable(void **state)
{
	(void)state;
	reg(GL_BAR0_CTX_INDEX, 3);
	reg(GL_BAR0_ROOT_HI, (uint32_t)(table(ROOT3) >> 32));
	entry(ROOT3, 0, table(SPARE) | RW);
	entry(SPARE, 0, 0x3000000000ull | 0x80 | RW);
	reported(nic_reads(0x3000000000ull, 64), "no table names");
	root(3, ROOT3);
	reported(nic_reads(0x3000000000ull, 64), "not enabled");
	enable(3);
	allowed(nic_reads(0x3000000000ull, 64));
}

static void messages(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 33; v++)
		allowed(message(v, v));
	reported(message(0, 33), "no table names");
	reported(mem(true, MSI, 1, 3, 0), "no table names");
	reported(nic_writes(MSI + 4, 4), "no table names");
	reported(nic_writes(MSI, 8), "no table names");
	reported(nic_reads(MSI, 4), "no table names");
}

static void completions_and_others(void **state)
{
	(void)state;
	show(GL_BAR0_ID, 1);
	assert_int_equal(escapes, 0);
	reported(monitor_up(m, (uint32_t[]){ 0x4a000001, 0x01000004, 0x500, 1 }, 4),
		 "nobody waits for");
	reported(monitor_up(m, (uint32_t[]){ 0x34000000, 0x01000000, 0, 0 }, 4), "never sends");
	reported(monitor_up(m, (uint32_t[]){ 0x04000001, 0x0100000f, 0x01000000 }, 3),
		 "never sends");
	reported(monitor_up(m, (uint32_t[]){ 0x42000001, 0x0100000f, 0xcf8, 0 }, 4), "never sends");
	reported(monitor_up(m, (uint32_t[]){ 0x60000004, 0x010000ff, 0x10, 0, 0 }, 5), "malformed");
}

static void what_a_driver_has_not_given(void **state)
{
	(void)state;
	given_answer = false;
	allowed(nic_writes(P_RW, 64));
	monitor_strict(m, 2, true);
	reported(nic_writes(P_RW, 64), "has not given");
	reported(nic_reads(P_RW, 64), "has not given");
	allowed(mem(true, P_RW, 1, 0, 0)); /* no byte is enabled */
	given_answer = true;
	allowed(nic_writes(P_RW, 64));
}

static void grants_without_a_table(void **state)
{
	(void)state;
	monitor_grant(m, 5, P_OTHER, 1, R);
	monitor_enabled(m, 5, true);
	allowed(nic_reads(P_OTHER, 64));
	reported(nic_writes(P_OTHER, 64), "may only be read");
	monitor_withdraw(m, 5);
	reported(nic_reads(P_OTHER, 64), "no table names");
	allowed(nic_reads(P_RW, 64));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_the_table_names_is_allowed),
		TEST(permissions_count),
		TEST(pages_that_no_table_names),
		TEST(broken_tables_name_nothing),
		TEST(reads_of_tables),
		TEST(invalidation_ends_it),
		TEST(invalidation_of_other_pages_does_not),
		TEST(a_store_too_late_for_the_invalidation),
		TEST(an_old_answer_is_no_end),
		TEST(an_unlinked_table_is_forbidden_too),
		TEST(reads_that_wait_at_the_end),
		TEST(an_unlinked_table_after_one_page),
		TEST(revocation_ends_all),
		TEST(a_context_without_root_or_enable),
		TEST(messages),
		TEST(completions_and_others),
		TEST(what_a_driver_has_not_given),
		TEST(grants_without_a_table),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
