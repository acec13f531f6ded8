// SPDX-License-Identifier: Apache-2.0
// pcapng blocks as libpcap reads them back; blocks that do not fit are refused whole.
#include "pcapng.h"

#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static uint8_t frame[9018];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7 + i / 256);
}

/* Opens what was written with libpcap, which knows nothing of our writer. */
static pcap_t *open_bytes(const void *bytes, size_t count)
{
	char error[PCAP_ERRBUF_SIZE];
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, count, f), count);
	rewind(f);
	pcap_t *p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!p)
		fail_msg("libpcap: %s", error);
	return p;
}

static void frames_of_every_length_come_back(void **state)
{
	(void)state;
	static uint8_t file[400000];
	size_t used = pcapng_header(file, sizeof(file), "context 3", 0);
	const size_t lengths[] = { 14, 15, 16, 17, 60, 1514, 9018 };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		size_t n = pcapng_frame(file + used, sizeof(file) - used, 5000000000u * (i + 1) + i,
					frame, lengths[i], lengths[i],
					i % 2 ? PCAPNG_INBOUND : PCAPNG_OUTBOUND);
		assert_true(n > 0 && n <= lengths[i] + PCAPNG_FRAME_EXTRA);
		used += n;
	}
	pcap_t *p = open_bytes(file, used);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	struct pcap_pkthdr *head;
	const u_char *data;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		assert_int_equal(pcap_next_ex(p, &head, &data), 1);
		assert_int_equal(head->caplen, lengths[i]);
		assert_int_equal(head->len, lengths[i]);
		assert_int_equal(head->ts.tv_sec, 5 * (i + 1));
		assert_int_equal(head->ts.tv_usec, i);
		assert_memory_equal(data, frame, lengths[i]);
	}
	assert_int_equal(pcap_next_ex(p, &head, &data), PCAP_ERROR_BREAK);
	pcap_close(p);
}

static void a_cut_frame_keeps_its_true_length(void **state)
{
	(void)state;
	uint8_t file[1000];
	size_t used = pcapng_header(file, sizeof(file), "x", 64);
	used += pcapng_frame(file + used, sizeof(file) - used, 1, frame, 64, 1514, PCAPNG_UNKNOWN);
	pcap_t *p = open_bytes(file, used);
	struct pcap_pkthdr *head;
	const u_char *data;
	assert_int_equal(pcap_snapshot(p), 64);
	assert_int_equal(pcap_next_ex(p, &head, &data), 1);
	assert_int_equal(head->caplen, 64);
	assert_int_equal(head->len, 1514);
	pcap_close(p);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	uint8_t block[512];
	size_t whole = pcapng_frame(block, sizeof(block), 1, frame, 61, 61, PCAPNG_INBOUND);
	for (size_t room = 0; room < whole; room++) {
		uint8_t *exact = malloc(room ? room : 1); /* the sanitizer watches its end */
		assert_non_null(exact);
		assert_int_equal(pcapng_frame(exact, room, 1, frame, 61, 61, PCAPNG_INBOUND), 0);
		free(exact);
	}
	size_t header = pcapng_header(block, sizeof(block), "name", 0);
	assert_true(header > 0);
	for (size_t room = 0; room < header; room++)
		assert_int_equal(pcapng_header(block, room, "name", 0), 0);
}

static void a_long_name_fits_the_promised_room(void **state)
{
	(void)state;
	char name[1000];
	uint8_t block[PCAPNG_HEADER_MAX];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	size_t used = pcapng_header(block, sizeof(block), name, 0);
	assert_true(used > 0);
	pcap_close(open_bytes(block, used));
}

static void the_file_writer_cuts_what_is_too_long(void **state)
{
	(void)state;
	char name[] = "/tmp/guestlane-pcapng.XXXXXX", error[PCAP_ERRBUF_SIZE];
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	close(fd);
	static uint8_t giant[20000];
	struct pcapng *w = pcapng_create(name, "wire");
	assert_non_null(w);
	pcapng_write(w, 1, giant, sizeof(giant), PCAPNG_INBOUND);
	pcapng_write(w, 2, frame, 60, PCAPNG_INBOUND);
	assert_int_equal(pcapng_close(w), 0);
	pcap_t *p = pcap_open_offline(name, error);
	assert_non_null(p);
	struct pcap_pkthdr *head;
	const u_char *data;
	assert_int_equal(pcap_next_ex(p, &head, &data), 1);
	assert_int_equal(head->caplen, 16384);
	assert_int_equal(head->len, 20000);
	assert_int_equal(pcap_next_ex(p, &head, &data), 1);
	assert_int_equal(head->caplen, 60);
	pcap_close(p);
	unlink(name);
	assert_null(pcapng_create("/nonexistent/file", "wire"));
	assert_int_equal(pcapng_close(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_length_come_back),
		cmocka_unit_test(a_cut_frame_keeps_its_true_length),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_long_name_fits_the_promised_room),
		cmocka_unit_test(the_file_writer_cuts_what_is_too_long),
	};
	fill();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
