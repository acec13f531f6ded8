// SPDX-License-Identifier: Apache-2.0
// Instructions per frame: whose code a record is, in which function, and slopes; markers as they are executed. The recorded file is part of a measurement of
// netfront and netback: transmit in bursts of 32, twice with 256 and 512 frames, the most executed pieces only.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyse.h"
#include "frame.h"

#define RECORDED   "tests/bench/insn"
#define NEAR(a, b) assert_true(fabs((a) - (b)) < 0.5)

static FILE *text(const char *lines)
{
	FILE *f = tmpfile();
	assert_non_null(f);
	fputs(lines, f);
	rewind(f);
	return f;
}

static struct pages *pages_of(const char *lines, unsigned *line)
{
	FILE *f = text(lines);
	struct pages *p = pages_read(f, line);
	fclose(f);
	return p;
}

/* --- Owners ---------------------------------------------------------------------------------------------------------------------- */

static void test_pages_tell_domains(void **state)
{
	unsigned line;
	struct pages *p = pages_of("1 20 30\n0 100 180\n0 10 20\n", &line);
	(void)state;
	assert_non_null(p);
	assert_int_equal(pages_domain(p, 0xf), -1);
	assert_int_equal(pages_domain(p, 0x10), 0);
	assert_int_equal(pages_domain(p, 0x1f), 0);
	assert_int_equal(pages_domain(p, 0x20), 1);
	assert_int_equal(pages_domain(p, 0x30), -1);
	assert_int_equal(pages_domain(p, 0x17f), 0);
	assert_int_equal(pages_domain(p, 0x180), -1);
	pages_free(p);
}

static void test_pages_that_make_no_sense(void **state)
{
	static const char *const wrong[] = { "0 10 20\n1 x 30\n", "0 10 20\n1 30 30\n",
					     "0 10 20\n-1 30 40\n", "0 10 20\n\n" };
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		unsigned line;
		assert_null(pages_of(wrong[i], &line));
		assert_int_equal(line, 2);
	}
}

static void test_owner_of_code(void **state)
{
	unsigned line;
	struct pages *p = pages_of("0 10 20\n3 20 30\n", &line);
	static const struct {
		uint64_t virtual, physical;
		enum owner owner;
		bool user;
	} expected[] = {
		/* Xen is where it is, whoever had the page. */
		{ 0xffff82d040200000, 0x10000, OWNER_XEN, false },
		{ 0xffff87ffffffffff, 0x10000, OWNER_XEN, false },
		{ 0xffffffff81000000, 0x10fff, OWNER_DOM0, false },
		{ 0xffff880000000000, 0x10000, OWNER_DOM0, false },
		{ 0x0000555500000000, 0x1ffff, OWNER_DOM0, true },
		{ 0xffffffff81000000, 0x20000, OWNER_GUEST, false },
		{ 0x0000555500000000, 0x20000, OWNER_GUEST, true },
		/* Nobody's: that of a guest that is translated. */
		{ 0xffffffff81000000, 0x90000, OWNER_GUEST, false },
		{ 0xffffffff81000000, RECORD_NO_RAM | 0x10000, OWNER_NONE, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		struct record_block b = { .virtual = expected[i].virtual,
					  .physical = expected[i].physical };
		assert_int_equal(owner_of(p, &b), expected[i].owner);
		assert_int_equal(is_user(&b), expected[i].user);
	}
	pages_free(p);
}

static void test_symbols(void **state)
{
	struct symbols *s = NULL;
	FILE *f =
		text("ffffffff81000200 T second\nffffffff81000100 t first\n"
		     "ffffffff81000180 d data\nffffffffc0000000 t in_module\t[module]\nnonsense\n");
	(void)state;
	assert_true(symbols_read(&s, f));
	fclose(f);
	assert_string_equal(symbols_find(s, 0xffffffff810000ff), "?");
	assert_string_equal(symbols_find(s, 0xffffffff81000100), "first");
	assert_string_equal(symbols_find(s, 0xffffffff810001ff), "first");
	assert_string_equal(symbols_find(s, 0xffffffff81000200), "second");
	assert_string_equal(symbols_find(s, 0xffffffffffffffff), "in_module [module]");
	symbols_free(s);
	assert_string_equal(symbols_find(NULL, 1), "?");
}

/* --- Records ---------------------------------------------------------------------------------------------------------------------- */

static void put(FILE *f, unsigned run, uint64_t xen, uint64_t guest)
{
	struct record_header h = { .magic = RECORD_MAGIC, .run = run, .blocks = 2 };
	struct record_block b[2] = {
		{ .virtual = 0xffff82d040200000, .length = 1, .executed = xen },
		{ .virtual = 0xffffffff81000000,
		  .physical = 0x5000,
		  .length = 1,
		  .executed = guest },
	};
	h.instructions = xen + guest;
	fwrite(&h, sizeof(h), 1, f);
	fwrite(b, sizeof(b), 1, f);
}

static struct runs *names_of(const char *lines, char *error, size_t room)
{
	struct runs *r = calloc(1, sizeof(*r));
	FILE *f = text(lines);
	bool ok = runs_read_names(r, f, error, room);
	fclose(f);
	if (ok)
		return r;
	runs_free(r);
	return NULL;
}

static bool read_into(struct runs *r, FILE *f, char *error, size_t room)
{
	unsigned line;
	struct pages *p = pages_of("0 1 2\n", &line);
	rewind(f);
	bool ok = runs_read_records(r, f, p, NULL, NULL, NULL, error, room);
	fclose(f);
	pages_free(p);
	return ok;
}

static void test_slope_is_what_each_frame_more_costs(void **state)
{
	char error[256];
	struct runs *r = names_of("1 a 10\n2 a 30\n3 a 10\n4 a 30\n5 b 10\n", error, sizeof(error));
	struct slopes s;
	(void)state;
	FILE *f = tmpfile();
	put(f, 1, 1000, 5000);
	put(f, 2, 3000, 5200);
	put(f, 3, 1000, 5000);
	put(f, 4, 3200, 5200);
	put(f, 5, 7, 7);
	put(f, 99, 1, 1); /* a run without a name is nobody's */
	assert_true(read_into(r, f, error, sizeof(error)));
	assert_true(slopes_make(&s, (const struct runs *const[]){ r }, 1));
	assert_int_equal(s.count, 1); /* one point makes no slope */
	const struct slope *a = slopes_find(&s, "a");
	assert_non_null(a);
	assert_int_equal(a->pairs, 2);
	NEAR(a->owner[OWNER_XEN], 105);
	NEAR(a->owner[OWNER_GUEST], 10);
	NEAR(a->total, 115);
	NEAR(a->least, 110);
	NEAR(a->most, 120);
	NEAR(a->offload_least, 100);
	NEAR(a->offload_most, 110);
	slopes_free(&s);
	runs_free(r);
}

static void test_what_makes_frames_come_is_taken_off(void **state)
{
	char error[256];
	struct runs *r =
		names_of("1 rx-18-b32 10\n2 rx-18-b32 20\n3 ref-18-b32 10\n4 ref-18-b32 20\n",
			 error, sizeof(error));
	struct slopes s;
	(void)state;
	FILE *f = tmpfile();
	put(f, 1, 0, 0);
	put(f, 2, 900, 500);
	put(f, 3, 0, 0);
	put(f, 4, 300, 100);
	assert_true(read_into(r, f, error, sizeof(error)));
	assert_true(slopes_make(&s, (const struct runs *const[]){ r }, 1));
	assert_true(slopes_subtract(&s));
	NEAR(slopes_find(&s, "rx-18-b32")->total, 100);
	NEAR(slopes_find(&s, "rx-18-b32")->owner[OWNER_XEN], 60);
	NEAR(slopes_find(&s, "rx-18-b32-gross")->total, 140);
	NEAR(slopes_find(&s, "ref-18-b32")->total, 40);
	slopes_free(&s);
	runs_free(r);
}

/* Which row is taken off which: nobody pays for frames from the wire, whatever the way they take behind it. */
static void test_one_reference_serves_many(void **state)
{
	static const struct {
		const char *names[3]; /* the row, references that there are */
		double total;	      /* of 10 */
	} expected[] = {
		{ { "rx-18-b32-software", "ref-18-b32", "ref-1470-b32" }, 8 },
		{ { "rx-18-b32-software", "ref-18-b32", "ref-18-b32-software" }, 7 },
		{ { "rx-18-b32", "ref-18-b8", "ref-1470-b32" }, 7 },
		{ { "rx4-1470-b32-m400", "ref-1470-b32", "ref-1470-b8" }, 8 },
		{ { "rx-1470-b8", "ref-1470-b32", "ref-18-b1" }, 10 },
		{ { "tx-1470-b32", "ref-1470-b32", "ref-18-b1" }, 10 },
		{ { "calls", "ref-1470-b32", "ref-18-b1" }, 10 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		char error[256], text[256];
		struct slopes s;
		FILE *f = tmpfile();
		const char *const *n = expected[i].names;
		snprintf(text, sizeof(text), "1 %s 1\n2 %s 2\n3 %s 1\n4 %s 2\n5 %s 1\n6 %s 2\n",
			 n[0], n[0], n[1], n[1], n[2], n[2]);
		struct runs *r = names_of(text, error, sizeof(error));
		for (unsigned k = 0; k < 3; k++) {
			put(f, 2 * k + 1, 0, 0);
			put(f, 2 * k + 2, k ? 1 + k : 6, k ? 0 : 4);
		}
		assert_true(read_into(r, f, error, sizeof(error)));
		assert_true(slopes_make(&s, (const struct runs *const[]){ r }, 1));
		assert_true(slopes_subtract(&s));
		NEAR(slopes_find(&s, n[0])->total, expected[i].total);
		slopes_free(&s);
		runs_free(r);
	}
}

static void test_records_that_are_damaged(void **state)
{
	char error[256];
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		struct runs *r = names_of("1 a 10\n", error, sizeof(error));
		FILE *f = tmpfile();
		put(f, 1, 1, 1);
		if (how == 0)
			put(f, 1, 1, 1);
		else if (how == 1)
			fputs("this is no header at all, but long enough to be one, it is", f);
		else if (!fflush(f))
			assert_int_equal(
				ftruncate(fileno(f), (off_t)sizeof(struct record_header) + 32), 0);
		assert_false(read_into(r, f, error, sizeof(error)));
		assert_non_null(strstr(error, how == 0	 ? "twice"
					      : how == 1 ? "damaged"
							 : "cut off"));
		runs_free(r);
	}
	assert_null(names_of("1 a 10\nx\n", error, sizeof(error)));
	assert_non_null(strstr(error, "line 2"));
	assert_null(names_of("70000 a 10\n", error, sizeof(error)));
}

static void test_recorded(void **state)
{
	char error[256] = "";
	struct runs *r = runs_load(RECORDED, error, sizeof(error));
	struct slopes s;
	(void)state;
	assert_string_equal(error, "");
	assert_non_null(r);
	assert_int_equal(r->count, 4);
	assert_true(slopes_make(&s, (const struct runs *const[]){ r }, 1));
	const struct slope *a = slopes_find(&s, "tx-1470-b32");
	assert_non_null(a);
	assert_int_equal(a->few, 256);
	assert_int_equal(a->many, 512);
	NEAR(a->total, 3410);
	NEAR(a->owner[OWNER_XEN], 1194);
	NEAR(a->owner[OWNER_DOM0], 1222);
	NEAR(a->owner[OWNER_GUEST], 993);
	NEAR(a->repeat, 435);
	NEAR(a->to_wire, 1);
	/* The most expensive first; modules' functions with their modules, each in its own machine. */
	assert_string_equal(a->profile[0].name, "xen lstar_enter");
	NEAR(a->profile[0].instructions, 424.1);
	unsigned front = 0, bridge = 0;
	for (size_t i = 0; i < a->functions; i++) {
		front += !strcmp(a->profile[i].name, "guest xennet_tx_setup_grant [xen_netfront]");
		bridge += !strcmp(a->profile[i].name, "dom0 fdb_find_rcu [bridge]");
	}
	assert_int_equal(front, 1);
	assert_int_equal(bridge, 1);
	slopes_free(&s);
	runs_free(r);
	assert_null(runs_load("tests/bench", error, sizeof(error)));
	assert_non_null(strstr(error, "tests/bench/pages"));
}

/* --- Markers and frames --------------------------------------------------------------------------------------------------------------- */

#ifdef __x86_64__
__attribute__((noinline)) static void marks(void)
{
	MARK(MARK_START);
	MARK(MARK_END);
	MARK(MARK_DIGIT | 10);
	MARK(MARK_BURST | 7);
}

static void test_markers_are_these_bytes(void **state)
{
	static const uint8_t number[] = { 0x00, 0x01, 0x2a, 0x47 };
	uint8_t code[256];
	size_t found = 0;
	(void)state;
	marks();
	memcpy(code, (const void *)(uintptr_t)marks, sizeof(code));
	for (size_t i = 0; i + 5 <= sizeof(code) && found < 4; i++) {
		const uint8_t mark[5] = { 0xb8, number[found], 'L', 'N', 'G' };
		if (!memcmp(code + i, mark, 5))
			found++;
	}
	assert_int_equal(found, 4);
}
#endif

static void test_frame(void **state)
{
	uint8_t frame[FRAME_HEADERS + FRAME_PAYLOAD], mac[6];
	unsigned sum = 0;
	(void)state;
	frame_guest_mac(mac, 3);
	assert_int_equal(frame_build(frame, mac, FRAME_HOST(3), FRAME_PAYLOAD), 1512);
	assert_memory_equal(frame, mac, 6);
	assert_int_equal(frame[12] << 8 | frame[13], 0x0800);
	for (unsigned i = 14; i < 34; i += 2)
		sum += (unsigned)frame[i] << 8 | frame[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16),
			 0xffff); /* RFC 791: with its checksum, ones */
	assert_int_equal(frame[16] << 8 | frame[17], 1498);
	assert_int_equal(frame[33], 13);
	assert_int_equal(frame[36] << 8 | frame[37], FRAME_PORT);
	assert_int_equal(frame[38] << 8 | frame[39], 1478);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_tell_domains),
		cmocka_unit_test(test_pages_that_make_no_sense),
		cmocka_unit_test(test_owner_of_code),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_slope_is_what_each_frame_more_costs),
		cmocka_unit_test(test_what_makes_frames_come_is_taken_off),
		cmocka_unit_test(test_one_reference_serves_many),
		cmocka_unit_test(test_records_that_are_damaged),
		cmocka_unit_test(test_recorded),
#ifdef __x86_64__
		cmocka_unit_test(test_markers_are_these_bytes),
#endif
		cmocka_unit_test(test_frame),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
