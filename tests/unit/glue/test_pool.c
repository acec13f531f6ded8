// SPDX-License-Identifier: GPL-2.0
/* The pool of guestlane.ko (xen-integration/glue/pool.c) in user space: what is mapped never overlaps, is copied once, and all comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "device.h"
#include "pool.h"

#define PAGES 64
#define BASE  0x200000

unsigned int warnings;
static struct device device;
static struct guestlane_pool pool;
static uint8_t memory[PAGES * PAGE_SIZE];
static const struct dma_map_ops *const ops = &guestlane_pool_ops;

struct guestlane_pool *guestlane_device_pool(struct device *dev)
{
	return dev->pool;
}

static int setup(void **state)
{
	(void)state;
	warnings = 0;
	memset(memory, 0, sizeof(memory));
	device.pool = &pool;
	return guestlane_pool_init(&pool, memory, sizeof(memory), BASE);
}

static int teardown(void **state)
{
	(void)state;
	guestlane_pool_exit(&pool);
	return warnings != 0;
}

static dma_addr_t map(void *data, size_t bytes, enum dma_data_direction direction)
{
	return ops->map_page(&device, data, 0, bytes, direction, 0);
}

static void what_is_sent_is_copied(void **state)
{
	uint8_t frame[1514];
	dma_addr_t address;

	(void)state;
	memset(frame, 0x5a, sizeof(frame));
	address = map(frame, sizeof(frame), DMA_TO_DEVICE);
	assert_true(address >= BASE && address + sizeof(frame) <= BASE + sizeof(memory));
	assert_memory_equal(memory + (address - BASE), frame, sizeof(frame));
	/* What the device writes there is not for us. */
	memset(memory + (address - BASE), 0, sizeof(frame));
	ops->unmap_page(&device, address, sizeof(frame), DMA_TO_DEVICE, 0);
	assert_int_equal(frame[700], 0x5a);
	assert_int_equal(pool.used, 0);
}

static void what_is_received_is_copied_once(void **state)
{
	uint8_t frame[1536];
	dma_addr_t address;

	(void)state;
	memset(frame, 0x11, sizeof(frame));
	address = map(frame, sizeof(frame), DMA_FROM_DEVICE);
	assert_int_equal(memory[address - BASE], 0);
	memset(memory + (address - BASE), 0x77, sizeof(frame));
	ops->unmap_page(&device, address, sizeof(frame), DMA_FROM_DEVICE, 0);
	assert_int_equal(frame[0], 0x77);
	assert_int_equal(frame[1535], 0x77);
	assert_int_equal(pool.used_rx, 0);
}

static void receive_leaves_a_quarter(void **state)
{
	static uint8_t frame[2048];
	dma_addr_t mapped[PAGES * 2], sent;
	unsigned int n = 0;

	(void)state;
	while ((mapped[n] = map(frame, sizeof(frame), DMA_FROM_DEVICE)) != DMA_MAPPING_ERROR)
		n++;
	assert_int_equal(n, PAGES * 2 / 4 * 3);
	sent = map(frame, sizeof(frame), DMA_TO_DEVICE);
	assert_true(sent != DMA_MAPPING_ERROR);
	ops->unmap_page(&device, sent, sizeof(frame), DMA_TO_DEVICE, 0);
	while (n)
		ops->unmap_page(&device, mapped[--n], sizeof(frame), DMA_FROM_DEVICE, 0);
}

/* Single slots kept at hand must not stand in the way of a long run. */
static void a_long_run_takes_spare_slots_back(void **state)
{
	static uint8_t frame[PAGES * PAGE_SIZE];
	dma_addr_t mapped[PAGES * 2];
	unsigned int i;

	(void)state;
	for (i = 0; i < PAGES * 2; i++)
		mapped[i] = map(frame, 100, DMA_TO_DEVICE);
	for (i = 0; i < PAGES * 2; i++)
		ops->unmap_page(&device, mapped[i], 100, DMA_TO_DEVICE, 0);
	mapped[0] = map(frame, sizeof(frame), DMA_TO_DEVICE);
	assert_int_equal(mapped[0], BASE);
	ops->unmap_page(&device, mapped[0], sizeof(frame), DMA_TO_DEVICE, 0);
	assert_true(map(frame, sizeof(frame) + 1, DMA_TO_DEVICE) == DMA_MAPPING_ERROR);
}

static void rings_are_aligned_and_cleared(void **state)
{
	dma_addr_t address, one;
	uint8_t byte = 1, *ring;

	(void)state;
	memset(memory, 0xff, sizeof(memory));
	one = map(&byte, 1, DMA_TO_DEVICE);
	ring = ops->alloc(&device, 3 * PAGE_SIZE, &address, GFP_KERNEL, 0);
	assert_non_null(ring);
	assert_int_equal((address - BASE) % (4 * PAGE_SIZE), 0);
	assert_int_equal(ring[0] | ring[3 * PAGE_SIZE - 1], 0);
	ops->free(&device, 3 * PAGE_SIZE, ring, address, 0);
	ops->unmap_page(&device, one, 1, DMA_TO_DEVICE, 0);
}

/* A few hundred thousand mappings at random; each slot has at most one owner at any time. */
static void nothing_overlaps(void **state)
{
	static uint8_t data[64 * 1024], owner[PAGES * 2];
	struct {
		dma_addr_t address;
		size_t bytes;
		enum dma_data_direction direction;
	} live[64] = { 0 };
	const char *given = getenv("SEED");
	uint64_t seed = given && strcmp(given, "random") ? strtoull(given, NULL, 0) : 1;
	unsigned int round;

	(void)state;
	printf("# SEED=0x%llx\n", (unsigned long long)seed);
	for (round = 0; round < 300000; round++) {
		unsigned int k, first, count;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		k = (seed >> 33) % 64;
		if (live[k].bytes) {
			first = (live[k].address - BASE) / GUESTLANE_SLOT;
			count = DIV_ROUND_UP(live[k].bytes, GUESTLANE_SLOT);
			memset(owner + first, 0, count);
			ops->unmap_page(&device, live[k].address, live[k].bytes, live[k].direction,
					0);
			live[k].bytes = 0;
			continue;
		}
		live[k].bytes = seed >> 62 ? 1 + (seed >> 40) % 2048 : 1 + (seed >> 40) % 65536;
		live[k].direction = seed >> 61 & 1 ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
		live[k].address = map(data, live[k].bytes, live[k].direction);
		if (live[k].address == DMA_MAPPING_ERROR) {
			live[k].bytes = 0;
			continue;
		}
		first = (live[k].address - BASE) / GUESTLANE_SLOT;
		count = DIV_ROUND_UP(live[k].bytes, GUESTLANE_SLOT);
		assert_true(first + count <= PAGES * 2);
		while (count--)
			assert_int_equal(owner[first + count]++, 0);
	}
	for (round = 0; round < 64; round++)
		if (live[round].bytes)
			ops->unmap_page(&device, live[round].address, live[round].bytes,
					live[round].direction, 0);
	assert_int_equal(pool.used, 0);
	assert_int_equal(pool.used_rx, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sent_is_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_received_is_copied_once, setup, teardown),
		cmocka_unit_test_setup_teardown(receive_leaves_a_quarter, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_run_takes_spare_slots_back, setup, teardown),
		cmocka_unit_test_setup_teardown(rings_are_aligned_and_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_overlaps, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
