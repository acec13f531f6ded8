// SPDX-License-Identifier: Apache-2.0
// The DMA maps of glane-sim's vfio-user server: which are taken, which found, and memory that its owner takes away.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_user_dma.h"

#define K 4096ull

static struct vfio_user_maps *maps;

static int setup(void **state)
{
	(void)state;
	maps = vfio_user_maps_new(8);
	return maps ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vfio_user_maps_free(maps);
	return 0;
}

/* Without a descriptor, for reading and writing. */
static int add(uint64_t address, uint64_t bytes)
{
	return vfio_user_maps_add(maps, address, bytes, true, true, -1, 0);
}

static int file(size_t bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static void ranges_are_checked(void **state)
{
	(void)state;
	assert_int_equal(add(0, 0), -EINVAL);
	assert_int_equal(add(1, K), -EINVAL);
	assert_int_equal(add(0, K + 1), -EINVAL);
	assert_int_equal(add(0 - K, 2 * K), -EINVAL); /* beyond 2^64 */
	assert_int_equal(vfio_user_maps_add(maps, 0, K, false, false, -1, 0), -EINVAL);
	assert_int_equal(add(0 - K, K), 0); /* up to it */
	assert_non_null(vfio_user_maps_find(maps, 0 - K, K));
	assert_null(vfio_user_maps_find(maps, 0 - K, K + 1));
	assert_int_equal(vfio_user_maps_count(maps), 1);
}

static void overlaps_are_refused(void **state)
{
	(void)state;
	assert_int_equal(add(4 * K, 4 * K), 0);
	assert_int_equal(add(4 * K, 4 * K), -EEXIST);
	assert_int_equal(add(0, 5 * K), -EEXIST);
	assert_int_equal(add(7 * K, K), -EEXIST);
	assert_int_equal(add(0, 100 * K), -EEXIST);
	assert_int_equal(add(8 * K, K), 0);
	assert_int_equal(add(0, 4 * K), 0);
	assert_int_equal(vfio_user_maps_count(maps), 3);
}

static void number_is_limited(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(add(2 * i * K, K), 0);
	assert_int_equal(add(100 * K, K), -ENOSPC);
	assert_int_equal(vfio_user_maps_remove(maps, 0, K, NULL, NULL), 0);
	assert_int_equal(add(100 * K, K), 0);
}

/* An access is inside one map. */
static void finding(void **state)
{
	(void)state;
	assert_int_equal(add(2 * K, K), 0);
	assert_int_equal(add(3 * K, K), 0);
	assert_null(vfio_user_maps_find(maps, 2 * K - 1, 1));
	assert_null(vfio_user_maps_find(maps, 2 * K, 0));
	assert_int_equal(vfio_user_maps_find(maps, 2 * K, 1)->address, 2 * K);
	assert_int_equal(vfio_user_maps_find(maps, 3 * K - 1, 1)->address, 2 * K);
	assert_null(vfio_user_maps_find(maps, 3 * K - 1, 2));
	assert_int_equal(vfio_user_maps_find(maps, 3 * K, K)->address, 3 * K);
	assert_null(vfio_user_maps_find(maps, 4 * K, 1));
}

static void count_removed(void *arg, const struct vfio_user_map *map)
{
	assert_true(map->bytes > 0);
	++*(unsigned *)arg;
}

static void removing(void **state)
{
	unsigned removed = 0;
	(void)state;
	assert_int_equal(add(2 * K, 2 * K), 0);
	assert_int_equal(add(4 * K, 2 * K), 0);
	assert_int_equal(add(8 * K, 2 * K), 0);
	/* A part of one: nothing goes, of the others neither. */
	assert_int_equal(vfio_user_maps_remove(maps, 2 * K, 3 * K, count_removed, &removed),
			 -EINVAL);
	assert_int_equal(vfio_user_maps_remove(maps, 3 * K, 20 * K, count_removed, &removed),
			 -EINVAL);
	assert_int_equal(vfio_user_maps_remove(maps, 0, 0, count_removed, &removed), -EINVAL);
	assert_int_equal(removed, 0);
	/* Many at once, with holes; and none at all. */
	assert_int_equal(vfio_user_maps_remove(maps, 0, 7 * K, count_removed, &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(vfio_user_maps_remove(maps, 0, 7 * K, count_removed, &removed), 0);
	assert_int_equal(vfio_user_maps_count(maps), 1);
	assert_null(vfio_user_maps_find(maps, 2 * K, 1));
	assert_non_null(vfio_user_maps_find(maps, 8 * K, 1));
}

static void files_are_checked(void **state)
{
	int fd = file(4 * K), event = eventfd(0, EFD_CLOEXEC), pipes[2];
	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(vfio_user_maps_add(maps, 0, 8 * K, true, true, fd, 0), -EINVAL);
	assert_int_equal(vfio_user_maps_add(maps, 0, 4 * K, true, true, fd, K), -EINVAL);
	assert_int_equal(vfio_user_maps_add(maps, 0, K, true, true, fd, 5), -EINVAL);
	assert_int_equal(vfio_user_maps_add(maps, 0, K, true, true, fd, UINT64_MAX - K + 1),
			 -EINVAL);
	assert_true(vfio_user_maps_add(maps, 0, K, true, true, event, 0) < 0);
	assert_true(vfio_user_maps_add(maps, 0, K, true, true, pipes[0], 0) < 0);
	assert_int_equal(vfio_user_maps_count(maps), 0);
	assert_int_equal(vfio_user_maps_add(maps, 0, 4 * K, true, true, fd, 0), 0);
	close(fd);
	close(event);
	close(pipes[0]);
	close(pipes[1]);
}

/* Every alignment and length, both ways, and nothing beside it is touched. */
static void copying(void **state)
{
	int fd = file(4 * K);
	uint8_t *ours = mmap(NULL, 4 * K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)state;
	assert_ptr_not_equal(ours, MAP_FAILED);
	assert_int_equal(vfio_user_maps_add(maps, 16 * K, 2 * K, true, true, fd, K), 0);
	const struct vfio_user_map *m = vfio_user_maps_find(maps, 16 * K, 2 * K);
	for (unsigned at = 0; at < 16; at++)
		for (unsigned n = 1; n < 40; n++) {
			uint8_t out[40], in[40];
			for (unsigned i = 0; i < n; i++)
				out[i] = (uint8_t)(at + n + i + 1);
			memset(ours, 0xee, 4 * K);
			assert_int_equal(vfio_user_map_copy(m, 16 * K + at, out, n, true), 0);
			assert_memory_equal(ours + K + at, out, n);
			assert_int_equal(ours[K + at - 1], 0xee);
			assert_int_equal(ours[K + at + n], 0xee);
			assert_int_equal(vfio_user_map_copy(m, 16 * K + at, in, n, false), 0);
			assert_memory_equal(in, out, n);
		}
	munmap(ours, 4 * K);
	close(fd);
}

/* The owner cuts the file: the access fails, and the next one, to what is there, does not. */
static void memory_taken_away(void **state)
{
	int fd = file(2 * K);
	uint64_t v = 0x1122334455667788;
	(void)state;
	/* cmocka has a handler of its own for this signal; ours comes with the maps. */
	teardown(state);
	setup(state);
	assert_int_equal(vfio_user_maps_add(maps, 0, 2 * K, true, true, fd, 0), 0);
	const struct vfio_user_map *m = vfio_user_maps_find(maps, 0, 2 * K);
	assert_int_equal(vfio_user_map_copy(m, K, &v, 8, true), 0);
	assert_int_equal(ftruncate(fd, K), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vfio_user_map_copy(m, K, &v, 8, true), -EFAULT);
		assert_int_equal(vfio_user_map_copy(m, K, &v, 8, false), -EFAULT);
		assert_int_equal(vfio_user_map_copy(m, K - 8, &v, 8, true), 0);
	}
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ranges_are_checked),
		TEST(overlaps_are_refused),
		TEST(number_is_limited),
		TEST(finding),
		TEST(removing),
		TEST(files_are_checked),
		TEST(copying),
		TEST(memory_taken_away),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
