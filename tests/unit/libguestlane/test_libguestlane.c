// SPDX-License-Identifier: Apache-2.0
// libguestlane over a NIC in C (model.h), through a vfio-user socket: each function, its errors, and what reaches the NIC.
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "nic.h"
#include "rig.h"
#include "guestlane_regs.h"

static struct rig r;
#define NIC	   (r.nic)
#define M	   (r.m)
#define RW	   (GL_READ | GL_WRITE)
#define MIB(n)	   ((uint64_t)(n) << 20)
#define says(text) assert_non_null(strstr(gl_error(NIC), text))

static int up(void **state)
{
	(void)state;
	rig_new(&r);
	return 0;
}

static int up_running(void **state)
{
	up(state);
	rig_open(&r, NULL);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_check(&r);
	rig_free(&r);
	return 0;
}

static struct gl_context_config config_for(unsigned context)
{
	return (struct gl_context_config){ .mac = { 2, 0, 0, 0, 1, (uint8_t)context } };
}

static void create(unsigned context)
{
	struct gl_context_config c = config_for(context);
	if (gl_context_create(NIC, context, &c))
		fail_msg("%s", gl_error(NIC));
}

/* --- Open ---------------------------------------------------------------------------------------------------------------------- */

static void open_tells_what_the_nic_is(void **state)
{
	(void)state;
	struct gl_config config = { .device = r.device };
	assert_int_equal(gl_open(&NIC, &config), 0);
	assert_int_equal(gl_contexts(NIC), M_CONTEXTS);
	assert_int_equal(gl_clock_hz(NIC), 125000000);
	assert_int_equal(gl_version(NIC), GL_VERSION_VALUE);
	assert_string_equal(gl_device(NIC), r.device);
	assert_int_equal(gl_alive(NIC), 0);
	assert_int_equal(M->region_pages, 1024); /* 4 MiB */
	assert_true(M->bus_master);
	assert_int_not_equal(M->scratch, 0);
	assert_int_equal(M->resets, 1); /* nothing of an earlier owner goes on */
}

static void open_names_what_is_wrong(void **state)
{
	(void)state;
	static const char *const bad[] = { NULL, "", "vfio-user", "pci:0", "vfio-userx:/tmp", ":" };
	struct gl_config config = { 0 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		config.device = bad[i];
		assert_int_equal(gl_open(&NIC, &config), -EINVAL);
		assert_null(NIC);
		says("names no device");
	}
	config.device = "vfio-user:/nowhere/at/all.sock";
	assert_int_equal(gl_open(&NIC, &config), -ENOENT);
	says("/nowhere/at/all.sock");
	config = (struct gl_config){ .device = r.device, .table_bytes = 4097 };
	assert_int_equal(gl_open(&NIC, &config), -EINVAL);
	says("4097");
}

static void open_refuses_another_version(void **state)
{
	(void)state;
	struct gl_config config = { .device = r.device };
	M->version = 0x00020003;
	assert_int_equal(gl_open(&NIC, &config), -EPROTO);
	says("2.3");
	says("1.x");
	M->version = 0x00010007; /* a later minor version */
	assert_int_equal(gl_open(&NIC, &config), 0);
}

static void a_nic_has_one_owner(void **state)
{
	(void)state;
	struct gl_config config = { .device = r.device, .timeout_ms = 1000 };
	struct gl_nic *second;
	rig_open(&r, NULL);
	assert_int_equal(gl_open(&second, &config), -EBUSY);
	assert_non_null(strstr(gl_error(NULL), "another"));
	assert_int_equal(gl_alive(NIC), 0);
	assert_int_equal(M->resets, 2);
	/* After it has left, the next one comes. */
	gl_close(NIC);
	NIC = NULL;
	config.timeout_ms = 0;
	assert_int_equal(gl_open(&NIC, &config), 0);
}

/* --- Firmware and mailbox ------------------------------------------------------------------------------------------------------------ */

static void firmware_is_loaded_and_started(void **state)
{
	(void)state;
	struct gl_fw_info info;
	rig_open(&r, NULL);
	assert_int_equal(M->starts, 1);
	assert_int_equal(M->core_run, 15);
	assert_int_not_equal(M->watchdog, 0);
	assert_int_equal(M->dmem[0x1000], 4);
	assert_int_equal(gl_firmware_info(NIC, &info), 0);
	assert_int_equal(info.build_id, 0x1234);
}

static void the_log_is_read_by_position(void **state)
{
	(void)state;
	char text[2048], expected[2048];
	uint64_t from = 0;
	memcpy(M->dmem + 0x800, "hello", 5);
	M->log_head = 5;
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), 0);
	from = 0;
	assert_int_equal(gl_firmware_log(NIC, &from, text, 2), 2);
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), 3);
	assert_memory_equal(text, "llo", 3);
	/* Each start and length, over the end of the ring of 1024, and what was overwritten is skipped. */
	for (unsigned i = 0; i < 1024; i++)
		M->dmem[0x800 + i] = (uint8_t)(i * 7);
	M->log_head = 3000;
	for (unsigned i = 0; i < 1024; i++)
		expected[i] = (char)((3000 - 1024 + i) % 1024 * 7);
	from = 5;
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), 1024);
	assert_memory_equal(text, expected, 1024);
	for (unsigned skip = 0; skip < 1024; skip += 41) {
		from = 3000 - 1024 + skip;
		assert_int_equal(gl_firmware_log(NIC, &from, text, 57),
				 skip < 967 ? 57 : 1024 - skip);
		assert_memory_equal(text, expected + skip, skip < 967 ? 57 : 1024 - skip);
	}
	/* A new start begins at 0. */
	M->log_head = 4;
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), 4);
}

static void firmware_of_another_abi_changes_nothing(void **state)
{
	(void)state;
	struct gl_firmware *other;
	struct gl_firmware_info info;
	create(1);
	gl_alive(NIC);
	unsigned requests = M->requests;
	model_image(r.image, GL_MBOX_VERSION + 1);
	assert_int_equal(gl_firmware_read(&other, r.image, &info), 0);
	assert_int_equal(info.abi_version, GL_MBOX_VERSION + 1);
	assert_int_equal(gl_firmware_load(NIC, other), -EPROTO);
	says("version 3");
	assert_int_equal(gl_firmware_restart(NIC, other), -EPROTO);
	assert_int_equal(M->requests, requests);
	assert_true(M->context[1].created);
	gl_firmware_free(other);
}

static void firmware_that_does_not_start_is_told(void **state)
{
	(void)state;
	struct gl_config config = { .timeout_ms = 300 };
	rig_open(&r, &config);
	M->fails = true;
	assert_int_equal(gl_firmware_load(NIC, r.firmware), -ETIMEDOUT);
	says("starting");
	struct gl_context_config c = config_for(0);
	assert_int_equal(gl_context_create(NIC, 0, &c), -EIO);
	M->fails = false;
	assert_int_equal(gl_firmware_load(NIC, r.firmware), 0);
	create(0);
}

static void mailbox_tells_what_the_firmware_says(void **state)
{
	(void)state;
	struct gl_mbox_ctx_state s;
	M->slow = 40;
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_NOP, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_CTX_GET, 2, NULL, 0, &s, sizeof(s)), sizeof(s));
	assert_int_equal(s.queue[1].size, 256);
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_CTX_GET, 2, NULL, 0, &s, 1), 1);
	assert_int_equal(gl_mailbox(NIC, 77, 0, NULL, 0, NULL, 0), -ENOSYS);
	says("77");
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_CTX_GET, 200, NULL, 0, &s, sizeof(s)), -EINVAL);
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_CTX_ENABLE, 2, NULL, 0, NULL, 0), -EBUSY);
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_NOP, 0, &s, 241, NULL, 0), -EMSGSIZE);
}

static void hung_firmware_is_seen_at_once(void **state)
{
	(void)state;
	uint64_t begin = rig_now_ms();
	create(1);
	M->hung = true;
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_NOP, 0, NULL, 0, NULL, 0), -EIO);
	says("hung");
	assert_true(rig_now_ms() - begin < 5000);
}

/* A context is taken away while the firmware hangs: what the NIC does alone is done, and nothing of it comes back. */
static void a_context_goes_while_the_firmware_hangs(void **state)
{
	(void)state;
	create(1);
	M->hung = true;
	assert_int_equal(gl_context_destroy(NIC, 1), 900);
	assert_int_equal(gl_firmware_restart(NIC, r.firmware), 0);
	gl_alive(NIC);
	assert_false(M->context[1].created);
	create(1);
}

static void restart_creates_again_what_was_forgotten(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(2);
	c.mtu = 4000;
	for (unsigned i = 0; i < 4; i++) {
		if (i != 2)
			create(i);
		else
			assert_int_equal(gl_context_create(NIC, 2, &c), 0);
		assert_int_equal(gl_context_enable(NIC, i, i > 0), 0);
	}
	M->hung = true;
	M->forgets = 1 << 2;
	assert_int_equal(gl_firmware_restart(NIC, r.firmware), 0);
	gl_alive(NIC);
	assert_int_equal(M->restarts, 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(M->context[i].created);
		assert_int_equal(M->context[i].enabled, i > 0);
	}
	assert_int_equal(M->context[2].config.mtu, 4000);
	/* It has not hung, but is to be replaced: the watchdog is made to fire. */
	M->forgets = 0;
	assert_int_equal(gl_firmware_restart(NIC, r.firmware), 0);
	assert_int_equal(M->restarts, 2);
	assert_int_not_equal(M->watchdog, 1);
	/* Half way through: RESTART was written, the core stands. */
	gl_write(NIC, GL_BAR0, GL_BAR0_RESTART, 1, 4);
	assert_int_equal(gl_firmware_restart(NIC, r.firmware), 0);
	assert_int_equal(M->restarts, 3);
}

/* --- Memory --------------------------------------------------------------------------------------------------------------------------- */

static void memory_is_mapped_zeroed_and_found(void **state)
{
	(void)state;
	const struct gl_memory *a, *b;
	gl_alive(NIC);
	uint64_t maps = M->maps;
	assert_int_equal(gl_memory_new(NIC, "a", 8192, &a), 0);
	assert_int_equal(gl_memory_new(NIC, "b-2.x", MIB(4), &b), 0);
	gl_alive(NIC);
	assert_int_equal(M->maps, maps + 2);
	assert_int_equal(a->bytes, 8192);
	assert_int_equal(((uint8_t *)a->data)[8191], 0);
	assert_true(a->bus + a->bytes <= b->bus || b->bus + b->bytes <= a->bus);
	assert_int_equal(b->bus % MIB(2), 0);
	assert_ptr_equal(gl_memory_find(NIC, "b-2.x"), b);
	assert_null(gl_memory_find(NIC, "c"));
	assert_int_equal(gl_memory_new(NIC, "a", 8192, &b), -EEXIST);
	assert_int_equal(gl_memory_new(NIC, "a:b", 8192, &b), -EINVAL);
	assert_int_equal(gl_memory_new(NIC, "", 8192, &b), -EINVAL);
	assert_int_equal(gl_memory_new(NIC, "123456789012345678901", 8192, &b), -EINVAL);
	assert_int_equal(gl_memory_new(NIC, "c", 100, &b), -EINVAL);
	says("4096");
	assert_int_equal(gl_memory_new(NIC, "c", MIB(1 << 20), &b), -ENOSPC);
	assert_int_equal(gl_memory_free(NIC, a), 0);
	assert_null(gl_memory_find(NIC, "a"));
	gl_alive(NIC);
	assert_int_equal(M->maps, maps + 1);
}

static void memory_of_others_must_be_sealed(void **state)
{
	(void)state;
	const struct gl_memory *m;
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(gl_memory_import(NIC, "g", fd, 65536, &m), -EPERM);
	says("F_SEAL_SHRINK");
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(gl_memory_import(NIC, "g", fd, 131072, &m), -EINVAL);
	says("65536");
	assert_int_equal(gl_memory_import(NIC, "g", fd, 65536, &m), 0);
	assert_null(m->data);
	assert_int_not_equal(m->fd, fd);
	assert_int_equal(gl_memory_import(NIC, "h", -1, 65536, &m), -EBADF);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(gl_memory_import(NIC, "h", pipes[0], 4096, &m), -EPERM);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

static void memory_in_use_stays(void **state)
{
	(void)state;
	const struct gl_memory *m;
	assert_int_equal(gl_memory_new(NIC, "m", MIB(4), &m), 0);
	assert_int_equal(gl_map(NIC, 3, 0x7000, m->bus + 4096, 4096, GL_READ), 0);
	assert_int_equal(gl_memory_free(NIC, m), -EBUSY);
	says("context 3");
	says("0x7000");
	assert_int_equal(gl_unmap(NIC, 3, 0x7000, 4096), 0);
	assert_int_equal(gl_map(NIC, 4, MIB(2), m->bus + MIB(2), MIB(2), GL_READ | GL_HUGE), 0);
	assert_int_equal(gl_memory_free(NIC, m), -EBUSY);
	assert_int_equal(gl_context_destroy(NIC, 4), 900);
	assert_int_equal(gl_memory_free(NIC, m), 0);
}

/* --- Tables ---------------------------------------------------------------------------------------------------------------------------- */

static void maps_are_checked(void **state)
{
	(void)state;
	const struct gl_memory *m;
	uint64_t bus;
	assert_int_equal(gl_memory_new(NIC, "m", MIB(8), &m), 0);
	assert_int_equal(gl_map(NIC, M_CONTEXTS, 0, m->bus, 4096, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 1, m->bus, 4096, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 0, m->bus, 0, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 0, m->bus + 8, 4096, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 0, m->bus, 4096, 0), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 0, m->bus, 4096, RW | 8), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 1ull << 39, m->bus, 4096, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, (1ull << 39) - 4096, m->bus, 8192, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 0, (1ull << 52) - 4096, 8192, RW), -EINVAL);
	assert_int_equal(gl_map(NIC, 0, 4096, m->bus, MIB(2), RW | GL_HUGE), -EINVAL);
	assert_int_equal(gl_translate(NIC, 0, 0, false, &bus), GL_FAULT_KIND_ROOT);

	assert_int_equal(gl_map(NIC, 0, MIB(2), m->bus, MIB(4), GL_READ | GL_HUGE), 0);
	assert_int_equal(gl_map(NIC, 0, MIB(1), m->bus, MIB(2), RW), -EEXIST);
	says("0x200000");
	assert_int_equal(gl_translate(NIC, 0, MIB(1), false, &bus), GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gl_translate(NIC, 0, MIB(2) + 0x12345, false, &bus), 0);
	assert_int_equal(bus, m->bus + 0x12345);
	assert_int_equal(gl_translate(NIC, 0, MIB(2), true, &bus), GL_FAULT_KIND_PERMISSION);
	assert_int_equal(gl_translate(NIC, 0, 1ull << 39, true, &bus), GL_FAULT_KIND_RANGE);
	assert_int_equal(gl_unmap(NIC, 0, MIB(2), 4096), -EINVAL);
	assert_int_equal(gl_unmap(NIC, 0, MIB(3), MIB(4)), -EINVAL);
	says("0x300000");
	assert_int_equal(gl_translate(NIC, 0, MIB(4), false, &bus), 0);
	assert_int_equal(gl_unmap(NIC, 0, 0, MIB(64)), 0);
	assert_int_equal(gl_translate(NIC, 0, MIB(4), false, &bus), GL_FAULT_KIND_NOT_PRESENT);
}

/* Random maps and unmaps against a list; the model watches that no page is used again too early. */
enum { PAGES = 3072 };
static uint64_t page_bus[M_CONTEXTS][PAGES];

static uint64_t seed = 20261123, state_of_random;
static uint32_t below(uint32_t limit)
{
	state_of_random = state_of_random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state_of_random >> 33) % limit);
}

static uint64_t random_bits(void *arg)
{
	(void)arg;
	return (uint64_t)below(1u << 30) << 34 ^ (uint64_t)below(1u << 30) << 17 ^ below(1u << 30);
}

/* Pages around a boundary of 1 GiB and far away, so that tables of all levels come and go. */
static uint64_t guest_of(unsigned page)
{
	return page < 2048 ? 0x3fc00000ull + page * 4096ull
			   : 0x7f00000000ull + (page - 2048) * 4096ull;
}

static unsigned free_pages(void)
{
	/* What can be mapped at most, in steps of one table of each level. */
	unsigned n = 0;
	const struct gl_memory *m = gl_memory_find(NIC, "m");
	while (!gl_map(NIC, 0, n * 0x40000000ull, m->bus, 4096, RW))
		n++;
	assert_int_equal(gl_unmap(NIC, 0, 0, 1ull << 39), 0);
	return n;
}

static void tables_follow_a_list(void **state)
{
	(void)state;
	const struct gl_memory *m;
	struct gl_config config = { .table_bytes = 32 * 4096, .random = random_bits };
	const char *given = getenv("SEED");
	state_of_random = seed = given ? strtoull(given, NULL, 0) : seed;
	printf("# SEED=%llu\n", (unsigned long long)seed);
	rig_open(&r, &config);
	assert_int_equal(gl_memory_new(NIC, "m", MIB(16), &m), 0);
	unsigned most = free_pages(), full = 0;
	memset(page_bus, 0, sizeof(page_bus));
	for (unsigned turn = 0; turn < 1200; turn++) {
		unsigned c = below(M_CONTEXTS), page = below(PAGES), n = 1 + below(600);
		bool huge = !below(4);
		if (huge) {
			page = page / 512 * 512;
			n = n < 512 ? 512 : n / 512 * 512;
		}
		if ((page < 2048) != (page + n - 1 < 2048) || page + n > PAGES)
			continue;
		uint64_t guest = guest_of(page), bytes = n * 4096ull;
		M->slow = below(3);
		if (below(2)) {
			uint64_t bus = m->bus + (huge ? below(4) * MIB(2) : below(2048) * 4096ull);
			bool taken = false;
			for (unsigned i = 0; i < n; i++)
				taken |= page_bus[c][page + i] != 0;
			int error = gl_map(NIC, c, guest, bus, bytes, RW | (huge ? GL_HUGE : 0));
			full += error == -ENOMEM;
			if (error && error != -ENOMEM)
				assert_int_equal(error, taken || huge ? -EEXIST : 0);
			for (unsigned i = 0; i < n && !error; i++) {
				assert_int_equal(page_bus[c][page + i], 0);
				page_bus[c][page + i] = (bus + i * 4096ull) | huge;
			}
		} else {
			int error = gl_unmap(NIC, c, guest, bytes);
			if (error)
				assert_int_equal(error, -EINVAL); /* half a huge page */
			for (unsigned i = 0; i < n && !error; i++)
				page_bus[c][page + i] = 0;
		}
		for (unsigned i = 0; i < 64; i++) {
			unsigned look = below(PAGES), x = below(M_CONTEXTS);
			uint64_t bus = 1;
			int kind = gl_translate(NIC, x, guest_of(look), true, &bus);
			assert_int_equal(kind == 0, page_bus[x][look] != 0);
			if (!kind)
				assert_int_equal(bus, page_bus[x][look] & ~1ull);
		}
		if (turn % 50 == 0)
			rig_check(&r);
	}
	assert_true(full > 0);
	for (unsigned c = 0; c < M_CONTEXTS; c++)
		assert_true(gl_context_destroy(NIC, c) >= 0);
	assert_int_equal(free_pages(), most);
}

static void a_map_that_does_not_fit_maps_nothing(void **state)
{
	(void)state;
	const struct gl_memory *m;
	struct gl_config config = { .table_bytes = 8 * 4096 };
	uint64_t bus;
	rig_open(&r, &config);
	assert_int_equal(gl_memory_new(NIC, "m", MIB(32), &m), 0);
	/* Root, level 2 and five of level 1 are left; eight pages are needed beyond these. */
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, MIB(2), RW), 0);
	assert_int_equal(gl_map(NIC, 1, MIB(2), m->bus, MIB(16), RW), -ENOMEM);
	says("table_bytes");
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(gl_translate(NIC, 1, MIB(2 + 2 * i), false, &bus),
				 GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gl_map(NIC, 1, MIB(2), m->bus, MIB(10), RW), 0);
	assert_int_equal(gl_map(NIC, 1, MIB(12), m->bus, 4096, RW), -ENOMEM);
	assert_int_equal(gl_map(NIC, 1, MIB(12), m->bus, MIB(20), RW | GL_HUGE), 0);
}

/* --- Contexts ------------------------------------------------------------------------------------------------------------------------------ */

static void a_context_reaches_firmware_and_switch(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(1), back;
	struct gl_context_state s;
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_false(s.exists);
	assert_int_equal(gl_context_config(NIC, 1, &back), -ENOENT);
	create(1);
	gl_alive(NIC);
	assert_true(M->context[1].created);
	assert_false(M->context[1].enabled);
	assert_int_equal(M->context[1].control, 0);
	assert_int_equal(M->context[1].config.mtu, 1500);
	assert_int_equal(M->context[1].config.weight, 16);
	assert_int_equal(M->context[1].config.queue_size, 256);
	assert_int_equal(M->context[1].config.link_up, 1);
	assert_int_equal(M->context[1].sw_control, GL_BAR0_SW_CONTROL_ENABLE_MASK |
							   GL_BAR0_SW_CONTROL_BROADCAST_MASK |
							   GL_BAR0_SW_CONTROL_MULTICAST_MASK |
							   GL_BAR0_SW_CONTROL_TO_WIRE_MASK);
	assert_int_equal(M->context[1].sw_mac, 0x010100000002ull);
	assert_int_equal(gl_context_create(NIC, 1, &c), -EEXIST);

	c = (struct gl_context_config){ .mac = { 2, 0, 0, 0, 1, 1 },
					.mtu = 9000,
					.weight = 200,
					.link_down = 1,
					.queue_size = 64,
					.features = 0x12345678000ull,
					.vlan_mode = GL_VLAN_ACCESS,
					.vid = 4094,
					.no_wire = true,
					.promiscuous = true,
					.any_source = true,
					.filter_multicast = true,
					.multicast_filter = 0x8000000000000001ull,
					.rx_share = 64 };
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	gl_alive(NIC);
	assert_int_equal(M->context[1].config.mtu, 9000);
	assert_int_equal(M->context[1].config.weight, 200);
	assert_int_equal(M->context[1].config.link_up, 0);
	assert_int_equal(M->context[1].config.queue_size, 64);
	assert_int_equal(M->context[1].config.features_lo, 0x45678000);
	assert_int_equal(M->context[1].config.features_hi, 0x123);
	assert_int_equal(M->context[1].sw_control, GL_BAR0_SW_CONTROL_ENABLE_MASK |
							   GL_BAR0_SW_CONTROL_BROADCAST_MASK |
							   GL_BAR0_SW_CONTROL_PROMISC_MASK |
							   GL_BAR0_SW_CONTROL_ANY_SOURCE_MASK |
							   GL_BAR0_SW_CONTROL_VLAN_ACCESS_MASK |
							   4094u << GL_BAR0_SW_CONTROL_VID_LSB);
	assert_int_equal(M->context[1].filter, 0x8000000000000001ull);
	assert_int_equal(M->context[1].share, 64);
	assert_int_equal(gl_context_config(NIC, 1, &back), 0);
	assert_memory_equal(back.mac, c.mac, 6);
	assert_int_equal(back.mtu, 9000);
	assert_int_equal(back.vid, 4094);
	assert_int_equal(back.features, c.features);

	assert_int_equal(gl_context_enable(NIC, 1, true), 0);
	assert_int_equal(gl_context_enable(NIC, 1, true), 0);
	gl_alive(NIC);
	assert_true(M->context[1].enabled && M->context[1].control);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_true(s.exists && s.enabled && s.running);
	assert_int_equal(s.device_status, 0x0b);
	assert_int_equal(s.firmware_state, GL_CTX_IDLE);
	assert_int_equal(s.queue[1].size, 256);
	assert_int_equal(gl_context_enable(NIC, 1, false), 0);
	gl_alive(NIC);
	assert_false(M->context[1].enabled || M->context[1].control);
	assert_int_not_equal(M->context[1].sw_control, 0);
	assert_int_equal(gl_context_enable(NIC, 1, true), 0);

	assert_int_equal(gl_context_destroy(NIC, 1), 900);
	gl_alive(NIC);
	assert_false(M->context[1].created || M->context[1].enabled || M->context[1].control);
	assert_int_equal(M->context[1].sw_control, 0);
	assert_int_equal(gl_context_enable(NIC, 1, true), -ENOENT);
	assert_int_equal(gl_context_configure(NIC, 1, &c), -ENOENT);
	assert_int_equal(gl_context_destroy(NIC, M_CONTEXTS), -EINVAL);
	create(1);
}

/* Whose frames fall back is not sent away by a change that does not concern the switch. */
static void fallback_stays_where_it_is(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(1), back;
	struct gl_context_state s;
	assert_int_equal(gl_context_create(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_false(s.away);
	c.fallback = true;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_true(s.away);
	assert_int_equal(gl_context_config(NIC, 1, &back), 0);
	assert_true(back.fallback);

	/* The guest sends. */
	M->context[1].sw_control &= ~GL_BAR0_SW_CONTROL_AWAY_MASK;
	c.tx_rate = 1000000000;
	c.weight = 3;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_false(s.away);
	assert_int_equal(M->context[1].config.weight, 3);

	c.mac[5] ^= 0x80;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_true(s.away);
	M->context[1].sw_control &= ~GL_BAR0_SW_CONTROL_AWAY_MASK;
	c.no_wire = true;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_true(s.away);

	c.fallback = false;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_get(NIC, 1, &s), 0);
	assert_false(s.away);

	struct gl_context_config zero = config_for(0);
	zero.fallback = true;
	assert_int_equal(gl_context_create(NIC, 0, &zero), -EINVAL);
	assert_non_null(strstr(gl_error(NIC), "fallback"));
}

static void bad_configurations_are_named(void **state)
{
	(void)state;
	static const uint16_t vids[] = { 5, 4095 };
	struct {
		struct gl_context_config c;
		const char *word;
	} bad[] = {
		{ { .mac = { 1, 0, 0, 0, 0, 1 } }, "01:00:00:00:00:01" },
		{ { .mac = { 0 } }, "mac" },
		{ { .mtu = 67 }, "mtu is 67" },
		{ { .mtu = 9001 }, "mtu is 9001" },
		{ { .queue_size = 1 }, "queue_size" },
		{ { .queue_size = 257 }, "queue_size is 257" },
		{ { .vlan_mode = GL_VLAN_ACCESS }, "vid is 0" },
		{ { .vlan_mode = GL_VLAN_ACCESS, .vid = 4095 }, "vid is 4095" },
		{ { .vlan_mode = 7 }, "vlan_mode" },
		{ { .vlan_mode = GL_VLAN_TRUNK, .vids = vids, .vid_count = 2 }, "vids is 4095" },
		{ { .vids = vids, .vid_count = 1 }, "no trunk" },
		{ { .tx_burst = 1 << 20 }, "tx_burst" },
		{ { .rx_burst = 1 << 20 }, "rx_burst" },
		{ { .flood_burst = 1 << 20 }, "flood_burst" },
		{ { .rx_share = 65 }, "rx_share is 65" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (i >= 2)
			memcpy(bad[i].c.mac, "\2\0\0\0\0\5", 6);
		assert_int_equal(gl_context_create(NIC, 0, &bad[i].c), -EINVAL);
		says(bad[i].word);
		says("context 0");
	}
	gl_alive(NIC);
	assert_int_equal(M->commands, 0);
	M->fw_contexts = 2;
	struct gl_context_config c = config_for(3);
	assert_int_equal(gl_context_create(NIC, 3, &c), -EINVAL);
	says("context 3");
	assert_int_equal(gl_context_config(NIC, 3, &c), -ENOENT);
}

static void one_mac_has_one_context(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(1);
	create(1);
	create(2);
	assert_int_equal(gl_context_create(NIC, 3, &c), -EADDRINUSE);
	says("context 1");
	says("02:00:00:00:01:01");
	assert_int_equal(gl_context_configure(NIC, 2, &c), -EADDRINUSE);
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(gl_context_destroy(NIC, 1), 900);
	assert_int_equal(gl_context_configure(NIC, 2, &c), 0);
}

static unsigned vlans_mapped(void)
{
	unsigned n = 0;
	gl_alive(NIC);
	for (unsigned v = 0; v < 4096; v++)
		n += M->vlan[v] != 0;
	return n;
}

static void trunks_share_vlan_entries(void **state)
{
	(void)state;
	uint16_t vids[70] = { 10, 20, 10 };
	struct gl_context_config c = config_for(1), d = config_for(2);
	c.vlan_mode = d.vlan_mode = GL_VLAN_TRUNK;
	c.vids = d.vids = vids;
	c.vid_count = 3;
	d.vid_count = 1;
	c.untagged = true;
	assert_int_equal(gl_context_create(NIC, 1, &c), 0);
	assert_int_equal(gl_context_create(NIC, 2, &d), 0);
	assert_int_equal(vlans_mapped(), 2);
	assert_true(M->vlan[10] && M->vlan[20] && M->vlan[10] != M->vlan[20]);
	assert_int_equal(M->context[1].member, 1ull << M->vlan[10] | 1ull << M->vlan[20]);
	assert_int_equal(M->context[2].member, 1ull << M->vlan[10]);
	assert_true(M->context[1].sw_control & GL_BAR0_SW_CONTROL_UNTAGGED_MASK);
	/* The last trunk that leaves a VLAN frees its entry. */
	vids[0] = 30;
	c.vid_count = 1;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(vlans_mapped(), 2);
	assert_true(M->vlan[10] && M->vlan[30]);
	assert_int_equal(M->context[1].member, 1ull << M->vlan[30]);
	assert_int_equal(gl_context_destroy(NIC, 2), 900);
	assert_int_equal(vlans_mapped(), 1);
	/* 63 fit, of all trunks together. */
	for (unsigned i = 0; i < 70; i++)
		vids[i] = (uint16_t)(100 + i);
	c.vid_count = 63;
	assert_int_equal(gl_context_create(NIC, 2, &d), 0);	     /* 100 */
	assert_int_equal(gl_context_configure(NIC, 1, &c), -ENOSPC); /* beside 30 */
	assert_int_equal(vlans_mapped(), 2);
	c.vid_count = 0;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	c.vid_count = 63;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	assert_int_equal(vlans_mapped(), 63);
	assert_int_equal(M->context[1].member, ~1ull);
	assert_int_equal(gl_context_destroy(NIC, 1), 900);
	assert_int_equal(vlans_mapped(), 1);
}

static void rates_are_octets_in_65536_cycles(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(1);
	c.tx_rate = 100000000; /* 100 Mb/s: 12.5e6 octets/s * 65536 / 125e6 */
	c.tx_burst = 5000;
	c.rx_rate = 1; /* less than the least */
	c.flood_rate = UINT64_MAX;
	assert_int_equal(gl_context_create(NIC, 1, &c), 0);
	gl_alive(NIC);
	assert_int_equal(M->context[1].rate[0][0], 6553);
	assert_int_equal(M->context[1].rate[0][1], 5000);
	assert_int_equal(M->context[1].rate[1][0], 1);
	assert_true(M->context[1].rate[1][1] >= 9018); /* the longest frame passes */
	assert_int_equal(M->context[1].rate[2][0], 0xfffff);
	c.tx_rate = 0;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
	gl_alive(NIC);
	assert_int_equal(M->context[1].rate[0][0], 0);
}

/* --- Events ------------------------------------------------------------------------------------------------------------------------------ */

static void doorbells_and_interrupts_are_eventfds(void **state)
{
	(void)state;
	uint64_t one = 1, count = 0;
	int bell = gl_doorbell_fd(NIC, 3, 1), irq = gl_irq_fd(NIC, 4);
	assert_true(bell >= 0 && irq >= 0);
	assert_int_equal(gl_doorbell_fd(NIC, 3, 1), bell);
	assert_true(gl_doorbell_fd(NIC, 3, 0) >= 0);
	assert_int_equal(gl_doorbell_fd(NIC, 3, 2), -EINVAL);
	assert_int_equal(gl_doorbell_fd(NIC, M_CONTEXTS, 0), -EINVAL);
	assert_int_equal(gl_irq_fd(NIC, M_CONTEXTS + 1), -EINVAL);
	assert_int_equal(write(bell, &one, 8), 8);
	struct pollfd p = { .fd = irq, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(irq, &count, 8), 8);
	assert_true(M->context[3].rung[1]);
	assert_false(M->context[3].rung[0]);
	assert_true(fcntl(bell, F_GETFD) & FD_CLOEXEC && fcntl(irq, F_GETFD) & FD_CLOEXEC);
}

/* Rings the doorbell of a context, which the model answers with an interrupt, and waits for an eventfd. */
static void ring_and_wait(unsigned context, int fd)
{
	uint64_t one = 1;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(write(gl_doorbell_fd(NIC, context, 0), &one, 8), 8);
	assert_int_equal(poll(&p, 1, 10000), 1);
}

/* Contexts whose eventfd is readable, emptied. */
static unsigned told(void)
{
	unsigned bits = 0;
	uint64_t count;
	for (unsigned c = 0; c < M_CONTEXTS; c++)
		if (read(gl_irq_fd(NIC, 1 + c), &count, 8) == 8)
			bits |= 1u << c;
	return bits;
}

static void one_vector_may_do_for_all_contexts(void **state)
{
	(void)state;
	const unsigned all = (1u << M_CONTEXTS) - 1;
	assert_int_equal(gl_irq_mode_now(NIC), GL_IRQ_PER_CONTEXT);
	assert_int_equal(gl_irq_distribute(NIC), 0);
	assert_int_equal(gl_irq_mode(NIC, (enum gl_irq_mode)2), -EINVAL);
	ring_and_wait(2, gl_irq_fd(NIC, 3));
	assert_int_equal(told(), 1u << 2);

	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_BIT_VECTOR), 0);
	assert_int_equal(gl_irq_mode_now(NIC), GL_IRQ_BIT_VECTOR);
	assert_int_equal(M->irq_mode, 1);
	/* What came during the change: everybody looks once. */
	assert_int_equal(told(), all);
	int shared = gl_irq_shared_fd(NIC);
	gl_irq_distribute(NIC);
	for (unsigned c = 0; c < M_CONTEXTS; c++) {
		ring_and_wait(c, shared);
		assert_int_equal(told(), 0);
		assert_int_equal(gl_irq_distribute(NIC), 1);
		assert_int_equal(told(), 1u << c);
		assert_int_equal(gl_irq_distribute(NIC), 0);
	}
	ring_and_wait(1, shared);
	ring_and_wait(3, shared);
	for (unsigned seen = 0; seen != (1u << 1 | 1u << 3); seen |= told())
		gl_irq_distribute(NIC);
	gl_irq_distribute(NIC);
	/* A new eventfd for a context is not connected to anything. */
	assert_int_equal(gl_irq_renew(NIC, 2), 0);
	ring_and_wait(1, shared);
	assert_int_equal(gl_irq_distribute(NIC), 1);
	assert_int_equal(told(), 1u << 1);

	/* A reset of the NIC leaves mode and moderation. */
	assert_int_equal(gl_irq_moderation(NIC, 100), 0);
	assert_int_equal(M->irq_moderation, 12500);
	assert_int_equal(gl_reset(NIC), 0);
	assert_int_equal(M->irq_mode, 1);
	assert_int_equal(M->irq_moderation, 12500);
	assert_int_equal(gl_irq_moderation_now(NIC), 100);
	assert_int_equal(gl_irq_moderation(NIC, 134217), 0);
	assert_int_equal(gl_irq_moderation_now(NIC), 134217);
	assert_int_equal(gl_irq_moderation(NIC, 134218), -EINVAL);
	assert_non_null(strstr(gl_error(NIC), "134217"));
	assert_int_equal(gl_irq_moderation(NIC, 0), 0);
	assert_int_equal(M->irq_moderation, 0);

	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_PER_CONTEXT), 0);
	assert_int_equal(M->irq_mode, 0);
	assert_int_equal(told(), all);
	ring_and_wait(2, gl_irq_fd(NIC, 3));
	ring_and_wait(0, gl_irq_fd(NIC, 1));
	assert_int_equal(told(), 1u << 2 | 1u << 0);
}

static void scarce_vectors_are_shared(void **state)
{
	(void)state;
	struct gl_config config = { .device = r.device };
	struct gl_nic *nic;
	rig_kill_server(&r);
	M->vectors = 1;
	r.server = model_serve(M, r.socket);
	assert_int_equal(gl_open(&nic, &config), -EPROTO);
	assert_non_null(strstr(gl_error(NULL), "1 interrupt vectors"));
	rig_kill_server(&r);
	M->vectors = M_CONTEXTS;
	r.server = model_serve(M, r.socket);
	rig_open(&r, NULL);
	assert_int_equal(gl_irq_mode_now(NIC), GL_IRQ_BIT_VECTOR);
	assert_int_equal(M->irq_mode, 1);
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_PER_CONTEXT), -ENOTSUP);
	ring_and_wait(M_CONTEXTS - 1, gl_irq_shared_fd(NIC));
	assert_int_equal(gl_irq_distribute(NIC), 1);
	assert_int_equal(told(), 1u << (M_CONTEXTS - 1));
}

/* The back end's, but for what the next two tests play: a host with few vectors, and a guest behind vector 3. */
static const struct gl_backend_ops *real_ops;
static unsigned passed, guest_port;

static int few_vectors(void *backend, unsigned first, unsigned count, const int *eventfds)
{
	if (first + count > 3)
		return gl_fail(NIC, ENOSPC, "the host has room for 3");
	return real_ops->set_irqs(backend, first, count, eventfds);
}

static int to_guest(void *backend, unsigned vector, int eventfd, unsigned domain, uint32_t port)
{
	(void)backend;
	assert_int_equal(vector, 3);
	assert_int_equal(eventfd, gl_irq_fd(NIC, 3));
	assert_int_equal(domain, 7);
	guest_port = port;
	return 0;
}

static int to_host(void *backend, unsigned vector)
{
	(void)backend;
	assert_int_equal(vector, 3);
	guest_port = 0;
	return 0;
}

static bool pass(void *backend, unsigned vector)
{
	(void)backend;
	if (vector != 3 || !guest_port)
		return false;
	passed++;
	return true;
}

static void a_host_with_too_few_vectors(void **state)
{
	(void)state;
	struct gl_backend_ops ops = *NIC->ops;
	real_ops = NIC->ops;
	ops.set_irqs = few_vectors;
	NIC->ops = &ops;
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_BIT_VECTOR), 0);
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_PER_CONTEXT), -ENOSPC);
	assert_string_equal(gl_error(NIC), "the host has room for 3");
	/* As before, and it works. */
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(gl_irq_mode_now(NIC), GL_IRQ_BIT_VECTOR);
		assert_int_equal(NIC->session->irq_mode, GL_IRQ_BIT_VECTOR);
		gl_irqs_set_up(NIC);
		assert_int_equal(M->irq_mode, 1);
		gl_irq_distribute(NIC);
		told();
		ring_and_wait(2, gl_irq_shared_fd(NIC));
		assert_int_equal(gl_irq_distribute(NIC), 1);
		assert_int_equal(told(), 1u << 2);
		/* Who opens such a NIC, or takes it over from somebody who had more, has this mode. */
		if (turn == 0) {
			assert_int_equal(gl_irqs_new(NIC), 0);
		} else if (turn == 1) {
			NIC->session->irq_mode = GL_IRQ_PER_CONTEXT | GL_IRQ_CHANGING;
			assert_int_equal(gl_irqs_adopt(NIC), 0);
		}
	}
	NIC->ops = real_ops;
}

static void a_guest_hears_in_both_modes(void **state)
{
	(void)state;
	const unsigned all = (1u << M_CONTEXTS) - 1, others = all & ~(1u << 2);
	assert_int_equal(gl_irq_to_guest(NIC, 2, 7, 9), -ENOTSUP);
	struct gl_backend_ops ops = *NIC->ops;
	real_ops = NIC->ops;
	ops.irq_to_guest = to_guest;
	ops.irq_to_host = to_host;
	ops.irq_pass = pass;
	NIC->ops = &ops;
	passed = guest_port = 0;
	assert_int_equal(gl_irq_to_guest(NIC, 0, 7, 9), -EINVAL);
	assert_int_equal(gl_irq_to_guest(NIC, M_CONTEXTS, 7, 9), -EINVAL);
	assert_int_equal(gl_irq_to_guest(NIC, 2, 7, 9), 0);
	assert_int_equal(guest_port, 9);
	/* A change tells everybody once, and the guest by its channel. */
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_BIT_VECTOR), 0);
	assert_int_equal(passed, 1);
	assert_int_equal(told(), others);
	gl_irq_distribute(NIC);
	ring_and_wait(2, gl_irq_shared_fd(NIC));
	assert_int_equal(gl_irq_distribute(NIC), 1);
	assert_int_equal(passed, 2);
	assert_int_equal(told(), 0);
	ring_and_wait(1, gl_irq_shared_fd(NIC));
	assert_int_equal(gl_irq_distribute(NIC), 1);
	assert_int_equal(passed, 2);
	assert_int_equal(told(), 1u << 1);
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_PER_CONTEXT), 0);
	assert_int_equal(passed, 3);
	assert_int_equal(told(), others);
	assert_int_equal(gl_irq_to_host(NIC, 2), 0);
	assert_int_equal(gl_irq_mode(NIC, GL_IRQ_BIT_VECTOR), 0);
	assert_int_equal(passed, 3);
	assert_int_equal(told(), all);
	NIC->ops = real_ops;
}

static void faults_events_and_counters_are_read(void **state)
{
	(void)state;
	struct gl_fault f;
	assert_int_equal(gl_fault_next(NIC), -1);
	assert_false(gl_fault_get(NIC, 2, &f));
	M->context[2].fault = true;
	assert_int_equal(gl_fault_next(NIC), 2);
	assert_true(gl_fault_get(NIC, 2, &f));
	assert_int_equal(f.address, 0x1200005000ull);
	assert_int_equal(f.kind, GL_FAULT_KIND_PERMISSION);
	assert_true(f.write);
	assert_int_equal(f.queue, 1);
	assert_int_equal(f.count, 7);
	gl_fault_clear(NIC, 2);
	assert_int_equal(gl_fault_next(NIC), -1);

	M->event = 6;
	assert_int_equal(gl_event(NIC), 6);
	gl_event_clear(NIC, 2);
	assert_int_equal(gl_event(NIC), 4);
	assert_int_equal(gl_stat(NIC, 3), 24 | 28ull << 32);
	assert_int_equal(gl_context_stat(NIC, 2, 1), 0x8108 | 0x810cull << 32);
	assert_int_equal(gl_page_read(NIC, 2, 0x100, 4), 0x2100);
	assert_int_equal(gl_page_read(NIC, M_CONTEXTS, 0, 4), UINT32_MAX);

	assert_string_equal(gl_stat_name(GL_STAT_MAC_TX_FRAMES), "mac_tx_frames");
	assert_string_equal(gl_context_stat_name(GL_CSTAT_RX_DROP_LIMIT), "rx_drop_limit");
	assert_null(gl_context_stat_name(16));
	assert_string_equal(gl_fault_kind_name(GL_FAULT_KIND_ROOT), "root");
	assert_string_equal(gl_reset_reason_name(GL_RESET_REASON_WATCHDOG), "watchdog");
	assert_null(gl_reset_reason_name(UINT32_MAX));
	/* The NIC's documentation has these. */
	static const uint8_t all[6] = { 1, 0, 0x5e, 0, 0, 1 }, six[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	assert_int_equal(gl_multicast_hash(all), 31);
	assert_int_equal(gl_multicast_hash(six), 62);
}

/* --- When it goes wrong -------------------------------------------------------------------------------------------------------------------- */

static void what_is_busy_too_long_is_finished_later(void **state)
{
	(void)state;
	const struct gl_memory *m;
	struct gl_config config = { .timeout_ms = 200 };
	uint64_t bus;
	rig_open(&r, &config);
	assert_int_equal(gl_memory_new(NIC, "m", MIB(2), &m), 0);
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, MIB(2), RW), 0);
	create(2);
	M->slow = 1;
	M->stuck = true;
	assert_int_equal(gl_unmap(NIC, 1, 0, 8192), -ETIMEDOUT);
	says("invalidation");
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, 4096, RW), -ETIMEDOUT);
	M->stuck = false;
	unsigned before = M->invalidations;
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, 4096, RW), 0);
	assert_true(M->invalidations > before); /* before anything new */
	assert_int_equal(gl_translate(NIC, 1, 4096, false, &bus), GL_FAULT_KIND_NOT_PRESENT);
	M->stuck = true;
	assert_int_equal(gl_context_destroy(NIC, 2), -ETIMEDOUT);
	says("revocation");
	M->stuck = false;
	create(2);
	assert_int_equal(M->revocations, 2);
}

static void what_the_firmware_refuses_stops_nothing_else(void **state)
{
	(void)state;
	struct gl_context_config c = config_for(1);
	create(1);
	create(2);
	M->refuses = true;
	assert_int_equal(gl_context_configure(NIC, 1, &c), -EPROTO);
	says("refuses");
	assert_int_equal(gl_context_enable(NIC, 2, true), 0);
	M->refuses = false;
	assert_int_equal(gl_context_configure(NIC, 1, &c), 0);
}

static void reset_leaves_memory_and_nothing_else(void **state)
{
	(void)state;
	const struct gl_memory *m;
	uint64_t bus;
	assert_int_equal(gl_memory_new(NIC, "m", MIB(2), &m), 0);
	create(1);
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, MIB(2), RW), 0);
	uint32_t nonce = M->scratch;
	assert_int_equal(gl_reset(NIC), 0);
	assert_int_equal(M->scratch, nonce);
	assert_int_equal(M->region_pages, 1024);
	assert_ptr_equal(gl_memory_find(NIC, "m"), m);
	assert_int_equal(gl_translate(NIC, 1, 0, false, &bus), GL_FAULT_KIND_ROOT);
	struct gl_context_config c;
	assert_int_equal(gl_context_config(NIC, 1, &c), -ENOENT);
	assert_int_equal(gl_firmware_load(NIC, r.firmware), 0);
	create(1);
	/* A server that cannot reset says so. */
	M->reset_refused = true;
	assert_int_equal(gl_reset(NIC), -EIO);
	M->reset_refused = false;
}

static void a_nic_that_vanishes_is_gone_at_once(void **state)
{
	(void)state;
	const struct gl_memory *m, *n;
	struct gl_context_config c = config_for(4);
	struct gl_context_state s;
	struct gl_fault f;
	char text[16];
	uint64_t from = 0, begin = rig_now_ms();
	assert_int_equal(gl_memory_new(NIC, "m", MIB(2), &m), 0);
	create(1);
	rig_kill_server(&r);
	assert_int_equal(gl_read(NIC, GL_BAR0, GL_BAR0_ID, 4), UINT32_MAX);
	assert_int_equal(gl_read(NIC, GL_BAR0, GL_BAR0_ID, 2), 0xffff);
	gl_write(NIC, GL_BAR0, GL_BAR0_SCRATCH, 0, 4);
	assert_int_equal(gl_alive(NIC), -ENODEV);
	assert_int_equal(gl_memory_new(NIC, "n", 4096, &n), -ENODEV);
	assert_int_equal(gl_memory_free(NIC, m), -ENODEV);
	assert_int_equal(gl_map(NIC, 1, 0, m->bus, 4096, RW), -ENODEV);
	assert_int_equal(gl_unmap(NIC, 1, 0, 4096), -ENODEV);
	assert_int_equal(gl_invalidate(NIC, 1, 0, 0), -ENODEV);
	assert_int_equal(gl_context_create(NIC, 4, &c), -ENODEV);
	assert_int_equal(gl_context_configure(NIC, 1, &c), -ENODEV);
	assert_int_equal(gl_context_enable(NIC, 1, true), -ENODEV);
	assert_int_equal(gl_context_get(NIC, 1, &s), -ENODEV);
	assert_int_equal(gl_context_destroy(NIC, 1), -ENODEV);
	assert_int_equal(gl_firmware_load(NIC, r.firmware), -ENODEV);
	assert_int_equal(gl_firmware_restart(NIC, r.firmware), -ENODEV);
	assert_int_equal(gl_firmware_log(NIC, &from, text, sizeof(text)), -ENODEV);
	assert_int_equal(gl_mailbox(NIC, GL_MBOX_NOP, 0, NULL, 0, NULL, 0), -ENODEV);
	assert_int_equal(gl_reset(NIC), -ENODEV);
	assert_int_equal(gl_doorbell_fd(NIC, 1, 1), -ENODEV);
	assert_int_equal(gl_fault_next(NIC), -1);
	assert_false(gl_fault_get(NIC, 1, &f));
	assert_int_equal(gl_alive(NIC), -ENODEV);
	says("does not answer any more");
	assert_true(rig_now_ms() - begin < 5000);
}

/* --- Discovery ---------------------------------------------------------------------------------------------------------------------------- */

static void sockets_are_found(void **state)
{
	(void)state;
	struct gl_found *found;
	assert_int_equal(gl_discover("/nowhere/at/all", &found), 0);
	free(found);
	int n = gl_discover(r.directory, &found), seen = 0;
	for (int i = 0; i < n; i++)
		if (!strcmp(found[i].device, r.device)) {
			assert_true(found[i].usable);
			seen++;
		}
	assert_int_equal(seen, 1);
	free(found);
	rig_kill_server(&r);
	n = gl_discover(r.directory, &found);
	for (int i = 0; i < n; i++)
		if (!strcmp(found[i].device, r.device))
			assert_false(found[i].usable);
	free(found);
}

int main(void)
{
#define T(name)	      cmocka_unit_test_setup_teardown(name, up, down)
#define RUNNING(name) cmocka_unit_test_setup_teardown(name, up_running, down)
	const struct CMUnitTest tests[] = {
		T(open_tells_what_the_nic_is),
		T(open_names_what_is_wrong),
		T(open_refuses_another_version),
		T(a_nic_has_one_owner),
		T(firmware_is_loaded_and_started),
		RUNNING(the_log_is_read_by_position),
		RUNNING(firmware_of_another_abi_changes_nothing),
		T(firmware_that_does_not_start_is_told),
		RUNNING(mailbox_tells_what_the_firmware_says),
		RUNNING(hung_firmware_is_seen_at_once),
		RUNNING(a_context_goes_while_the_firmware_hangs),
		RUNNING(restart_creates_again_what_was_forgotten),
		RUNNING(memory_is_mapped_zeroed_and_found),
		RUNNING(memory_of_others_must_be_sealed),
		RUNNING(memory_in_use_stays),
		RUNNING(maps_are_checked),
		T(tables_follow_a_list),
		T(a_map_that_does_not_fit_maps_nothing),
		RUNNING(a_context_reaches_firmware_and_switch),
		RUNNING(fallback_stays_where_it_is),
		RUNNING(bad_configurations_are_named),
		RUNNING(one_mac_has_one_context),
		RUNNING(trunks_share_vlan_entries),
		RUNNING(rates_are_octets_in_65536_cycles),
		RUNNING(doorbells_and_interrupts_are_eventfds),
		RUNNING(one_vector_may_do_for_all_contexts),
		T(scarce_vectors_are_shared),
		RUNNING(a_host_with_too_few_vectors),
		RUNNING(a_guest_hears_in_both_modes),
		RUNNING(faults_events_and_counters_are_read),
		T(what_is_busy_too_long_is_finished_later),
		RUNNING(what_the_firmware_refuses_stops_nothing_else),
		RUNNING(reset_leaves_memory_and_nothing_else),
		RUNNING(a_nic_that_vanishes_is_gone_at_once),
		T(sockets_are_found),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("libguestlane", tests, NULL, NULL);
}
