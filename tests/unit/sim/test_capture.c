// SPDX-License-Identifier: Apache-2.0
// The demo's reader of captures: what it takes and leaves out, and damaged files by the hundred, under the sanitizers.
#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CAPTURE "tests/data/guests.pcapng"
#define ROUNDS	200

static char path[] = "/tmp/guestlane-capture.XXXXXX";

static void write_file(const void *data, size_t bytes)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

/* A pcap file in `at`: header, then frames of the given captured and true lengths from host 2. Returns its size. */
static size_t pcap_file(uint8_t *at, const uint32_t (*lengths)[2], size_t frames)
{
	const uint32_t header[6] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 262144, 1 };
	uint8_t *p = at;
	memcpy(p, header, sizeof(header));
	p += sizeof(header);
	for (size_t i = 0; i < frames; i++) {
		const uint32_t record[4] = { 0, 0, lengths[i][0], lengths[i][1] };
		memcpy(p, record, sizeof(record));
		p += sizeof(record);
		memset(p, 2, lengths[i][0]);
		p += lengths[i][0];
	}
	return (size_t)(p - at);
}

static void takes_the_committed_capture(void **state)
{
	(void)state;
	struct capture c;
	char error[512] = "";
	assert_int_equal(capture_read(&c, CAPTURE, error, sizeof(error)), 0);
	assert_true(c.frame_count > 1000);
	assert_int_equal(c.host_count, 8);
	assert_int_equal(c.skipped, 0);
	for (size_t i = 0; i < c.frame_count; i++)
		assert_int_equal(capture_host(&c, c.frames[i].data + 6), c.frames[i].host);
	assert_int_equal(capture_host(&c, (const uint8_t *)"\x02\0\0\0\0\xff"), -1);
	capture_free(&c);
}

static void leaves_out_what_is_no_whole_frame(void **state)
{
	(void)state;
	static uint8_t file[40000];
	/* cut by the capture, too short, too long, and two good ones: the shortest and the longest */
	const uint32_t lengths[][2] = {
		{ 60, 61 }, { 13, 13 }, { 9015, 9015 }, { 14, 14 }, { 9014, 9014 }
	};
	struct capture c;
	char error[512] = "";
	write_file(file, pcap_file(file, lengths, 5));
	assert_int_equal(capture_read(&c, path, error, sizeof(error)), 0);
	assert_int_equal(c.frame_count, 2);
	assert_int_equal(c.skipped, 3);
	assert_int_equal(c.host_count, 1);
	capture_free(&c);
	write_file(file, pcap_file(file, lengths, 3));
	assert_int_equal(capture_read(&c, path, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "no whole Ethernet frame (3 were"));
}

static void survives_damage(void **state)
{
	(void)state;
	const char *text = getenv("SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 0) : 1;
	printf("# seed 0x%x\n", seed);
	srand(seed);
	static uint8_t whole[2 << 20], file[2 << 20];
	FILE *f = fopen(CAPTURE, "rb");
	assert_non_null(f);
	const size_t bytes = fread(whole, 1, sizeof(whole), f);
	assert_in_range(bytes, 10000, sizeof(whole) - 1);
	fclose(f);
	unsigned taken = 0, refused = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		memcpy(file, whole, bytes);
		/* most of the damage near the start, where the headers of the file are */
		for (int n = rand() % 8; n >= 0; n--)
			file[(unsigned)rand() % (round % 2 ? 400 : bytes)] = (uint8_t)rand();
		write_file(file, rand() % 4 ? bytes : (unsigned)rand() % bytes);
		struct capture c;
		char error[512] = "";
		if (capture_read(&c, path, error, sizeof(error))) {
			refused++;
			assert_true(strlen(error) > 20);
			assert_null(strchr(error, '\n'));
			continue;
		}
		taken++;
		for (size_t i = 0; i < c.frame_count; i++)
			assert_true(c.frames[i].host < c.host_count && c.frames[i].bytes <= 9014);
		capture_free(&c);
	}
	printf("# %u files taken, %u refused\n", taken, refused);
	assert_true(taken > 0 && refused > 0);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_committed_capture),
		cmocka_unit_test(leaves_out_what_is_no_whole_frame),
		cmocka_unit_test(survives_damage),
	};
	int file = mkstemp(path);
	if (file < 0)
		return 1;
	close(file);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("capture", tests, NULL, remove_file);
}
