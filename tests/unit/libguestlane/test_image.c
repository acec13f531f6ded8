// SPDX-License-Identifier: Apache-2.0
// Firmware files: what is right is taken, everything else is refused with a sentence: each rule, each flipped bit, each length.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>
#include <cmocka.h>

#include "guestlane.h"
#include "gl_image.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

struct file {
	struct gl_image_header h;
	struct gl_image_segment s[3];
	uint32_t bytes[12]; /* of the segments: 4, 4, 4 words */
};

/* In memory: thousands are written. */
static int file;
static char path[40];
static const struct file good = {
	.h = { .magic = GL_IMAGE_MAGIC,
	       .format = GL_IMAGE_FORMAT,
	       .bytes = sizeof(struct file),
	       .abi_version = GL_MBOX_VERSION,
	       .build_id = 77,
	       .contexts = 32,
	       .segments = 3 },
	.s = { { .address = GL_IMEM_BASE, .offset = offsetof(struct file, bytes), .bytes = 16 },
	       { .address = GL_IMEM_BASE + GL_IMEM_SIZE - 16,
		 .offset = offsetof(struct file, bytes) + 16,
		 .bytes = 16 },
	       { .address = GL_DMEM_BASE + 0x200,
		 .offset = offsetof(struct file, bytes) + 32,
		 .bytes = 16 } },
	.bytes = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
};

static void put(const void *data, size_t bytes)
{
	assert_int_equal(ftruncate(file, (off_t)bytes), 0);
	assert_int_equal(pwrite(file, data, bytes, 0), bytes);
}

static void seal(void *data, size_t bytes)
{
	struct gl_image_header *h = data;
	h->checksum = 0;
	h->checksum = (uint32_t)crc32(0, data, (uInt)bytes);
}

static int try(struct gl_firmware_info *info)
{
	struct gl_firmware *f;
	int error = gl_firmware_read(&f, path, info);
	assert_int_equal(!error, f != NULL);
	if (error)
		assert_non_null(strstr(gl_error(NULL), path));
	gl_firmware_free(f);
	return error;
}

/* Refused with a sentence that has these words, although the checksum is right. */
static void refused(const struct file *f, const char *words)
{
	struct file sealed = *f;
	seal(&sealed, sizeof(sealed));
	put(&sealed, sizeof(sealed));
	assert_int_equal(try(NULL), -ENOEXEC);
	if (!strstr(gl_error(NULL), words))
		fail_msg("'%s' is not in: %s", words, gl_error(NULL));
}

static void a_good_file_is_taken(void **state)
{
	(void)state;
	struct file f = good;
	struct gl_firmware_info info;
	seal(&f, sizeof(f));
	put(&f, sizeof(f));
	assert_int_equal(try(&info), 0);
	assert_int_equal(info.abi_version, GL_MBOX_VERSION);
	assert_int_equal(info.build_id, 77);
	assert_int_equal(info.contexts, 32);
	assert_int_equal(info.bytes, 48);
}

static void each_rule_has_a_sentence(void **state)
{
	(void)state;
	struct file f;
#define BAD(change, words)          \
	do {                        \
		f = good;           \
		change;             \
		refused(&f, words); \
	} while (0)
	BAD(f.h.magic ^= 1, "magic");
	BAD(f.h.format = 2, "format");
	BAD(f.h.bytes += 4, "cut short");
	BAD(f.h.bytes -= 4, "behind its end");
	BAD(f.h.segments = 0, "number of segments");
	BAD(f.h.segments = GL_IMAGE_SEGMENTS_MAX + 1, "number of segments");
	BAD(f.h.segments = UINT32_MAX, "number of segments");
	BAD(f.h.contexts = 0, "contexts");
	BAD(f.h.contexts = 257, "contexts");
	BAD(f.h.segments = 2, "not where it should be");
	BAD(f.s[0].bytes = 0, "odd");
	BAD(f.s[0].bytes = 15, "odd");
	BAD(f.s[0].address = 2, "odd");
	BAD(f.s[2].reserved = 1, "odd");
	BAD(f.s[1].offset += 4, "not where it should be");
	BAD(f.s[2].bytes = 20, "not where it should be");
	BAD(f.s[2].bytes = UINT32_MAX - 3, "not where it should be");
	BAD(f.s[2].bytes = 12, "no segment");
	BAD(f.s[1].address += 4, "no memory");
	BAD(f.s[2].address = GL_DMEM_BASE - 4, "no memory");
	BAD(f.s[2].address = GL_DMEM_BASE + GL_DMEM_SIZE - 12, "no memory");
	BAD(f.s[2].address = GL_FWIO_BASE, "no memory");
	BAD(f.s[2].address = UINT32_MAX - 3, "no memory");
	BAD(f.s[1].address = 12, "overlap");
	BAD(f.s[2].address = 0, "overlap");
}

static void each_flipped_bit_is_seen(void **state)
{
	(void)state;
	struct file f = good;
	seal(&f, sizeof(f));
	for (size_t bit = 0; bit < 8 * sizeof(f); bit++) {
		((uint8_t *)&f)[bit / 8] ^= 1 << bit % 8;
		put(&f, sizeof(f));
		assert_int_equal(try(NULL), -ENOEXEC);
		((uint8_t *)&f)[bit / 8] ^= 1 << bit % 8;
	}
}

static void each_length_is_seen(void **state)
{
	(void)state;
	uint8_t longer[sizeof(struct file) + 64] = { 0 };
	memcpy(longer, &good, sizeof(good));
	seal(longer, sizeof(good));
	for (size_t n = 0; n <= sizeof(longer); n++) {
		put(longer, n);
		assert_int_equal(try(NULL), n == sizeof(good) ? 0 : -ENOEXEC);
	}
}

/* Whatever is in header and table, with a checksum that fits: nothing outside the file is touched (sanitizers). */
static void random_headers_are_survived(void **state)
{
	(void)state;
	static const uint32_t edge[] = { 0,	     1,		 4,	     16,
					 0x7fff,     0x8000,	 0x10000000, 0x1000fff0,
					 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 4711;
	unsigned taken = 0;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < 4000; i++) {
		struct file f = good;
		size_t bytes = sizeof(f);
		for (unsigned change = 0; change < 1 + i % 3; change++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			uint32_t word = (uint32_t)(seed >> 40) % (sizeof(f) / 4);
			uint32_t value = (uint32_t)(seed >> 20) % 3
						 ? edge[(seed >> 33) % (sizeof(edge) / 4)]
						 : (uint32_t)(seed >> 8);
			if (word)
				memcpy((uint8_t *)&f + 4 * word, &value, 4);
		}
		if (i % 5 == 0)
			bytes = (seed >> 13) % sizeof(f);
		if (bytes >= sizeof(f.h)) {
			f.h.bytes = i % 4 ? (uint32_t)bytes : f.h.bytes;
			seal(&f, bytes);
		}
		put(&f, bytes);
		taken += !try(NULL);
	}
	assert_true(taken > 0);
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	struct gl_firmware *f;
	assert_int_equal(gl_firmware_read(&f, "/nowhere/at/all.fw", NULL), -ENOENT);
	assert_non_null(strstr(gl_error(NULL), "/nowhere/at/all.fw"));
	assert_int_equal(gl_firmware_read(&f, "/tmp", NULL), -ENOEXEC);
	assert_int_equal(gl_firmware_read(&f, "/dev/zero", NULL), -ENOEXEC);
	char fifo[] = "/tmp/guestlane-image.XXXXXX";
	close(mkstemp(fifo));
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0); /* does not wait for a writer */
	assert_int_equal(gl_firmware_read(&f, fifo, NULL), -ENOEXEC);
	unlink(fifo);
	assert_int_equal(ftruncate(file, 1 << 30), 0);
	assert_int_equal(gl_firmware_read(&f, path, NULL), -ENOEXEC);
	assert_non_null(strstr(gl_error(NULL), "too long"));
}

/* The image of the firmware of this tree. */
static void the_build_is_good(void **state)
{
	(void)state;
	struct gl_firmware_info info;
	struct gl_firmware *f;
	assert_int_equal(gl_firmware_read(&f, FW_IMAGE, &info), 0);
	assert_int_equal(info.abi_version, GL_MBOX_VERSION);
	assert_int_equal(info.contexts, 32);
	assert_in_range(info.bytes, 10000, GL_IMEM_SIZE + GL_DMEM_SIZE);
	gl_firmware_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_taken),
		cmocka_unit_test(each_rule_has_a_sentence),
		cmocka_unit_test(each_flipped_bit_is_seen),
		cmocka_unit_test(each_length_is_seen),
		cmocka_unit_test(random_headers_are_survived),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(the_build_is_good),
	};
	file = memfd_create("image", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("firmware image", tests, NULL, NULL);
}
