// SPDX-License-Identifier: Apache-2.0
/*
 * The test-suite of libguestlane over a whole NIC, whatever the back end: all of guestlane.h, from identification to the death of the owner.
 *
 *   suite --device vfio:0000:01:00.0 [--firmware FILE]             a NIC that is there
 *   suite [--firmware FILE] --sim build/sim/glane-sim --socket SOCKET   one that is started here; SOCKET stands for its socket
 *   --patience SECONDS   for a NIC that is slow to answer (60)
 *
 * SEED in the environment repeats what is random. Frames stay inside the NIC: nothing is sent to the wire.
 */
#include "guestlane.h"
#include "nic.h"
#include "gl_image.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"
#include "vfu.h"
#include "vnet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

enum {
	TABLE_BYTES = 2 << 20,
	GUESTS = 3,
	QUEUE = 16,
	MTU = 1500,
	FRAME_MAX = 14 + MTU,
	PAGE = 4096,
};
#define GUEST_AT 0x40000000ull /* guest address of a guest's memory */

static int patience_ms = 60000; /* for what takes one NIC in a process a moment */
static struct vfu_server sim;
static bool own_sim;
static char device[160];
static const char *firmware_path = "build/firmware/guestlane.fw";
static struct gl_nic *nic;
static uint64_t seed;

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
}

static unsigned descriptors(void)
{
	unsigned count = 0;
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* A call of the library that has to work. */
#define works(call)                                                                  \
	do {                                                                         \
		int64_t result_ = (call);                                            \
		if (result_ < 0)                                                     \
			fail_msg("%s: %s: %s", #call, strerror((int)-result_),       \
				 gl_error(nic)[0] ? gl_error(nic) : gl_error(NULL)); \
	} while (0)
/* One that has to be refused, with a sentence. */
#define refuses(error, call)                                                                  \
	do {                                                                                  \
		int64_t result_ = (call);                                                     \
		if (result_ != -(error))                                                      \
			fail_msg("%s: %lld, not -%s (%s)", #call, (long long)result_, #error, \
				 gl_error(nic));                                              \
	} while (0)

/* --- The NIC and its firmware ------------------------------------------------------------------------------------------- */

static void load_firmware(void)
{
	struct gl_firmware *firmware;
	struct gl_firmware_info info;

	works(gl_firmware_read(&firmware, firmware_path, &info));
	works(gl_firmware_load(nic, firmware));
	gl_firmware_free(firmware);
}

static void open_nic(uint64_t table_bytes)
{
	struct gl_config config = { .device = device,
				    .table_bytes = table_bytes,
				    .timeout_ms = (unsigned)patience_ms / 3 };
	int result = -EBUSY;

	/* Whoever had it before may still be leaving. */
	for (uint64_t end = now_ms() + patience_ms; result == -EBUSY && now_ms() < end; nap())
		result = gl_open(&nic, &config);
	if (result)
		fail_msg("%s: %s", device, gl_error(NULL));
}

/* --- Guests: a virtio-net driver on a context ---------------------------------------------------------------------------- */

struct guest {
	unsigned context;
	const struct gl_memory *memory;
	void *data; /* stays when the handle is given up */
	size_t bytes;
	struct vnet v;
	int irq, bell[2];
	uint32_t sent, received;
};
static struct guest guest[GUESTS];
static bool by_interrupt; /* a frame must come with an interrupt, whichever way that comes */

static struct gl_context_config context_config(unsigned context)
{
	return (struct gl_context_config){ .mac = { 2, 0, 0, 0, 0, (uint8_t)context },
					   .mtu = MTU,
					   .no_wire = true };
}

static uint32_t page_read(void *arg, uint32_t offset, unsigned size)
{
	return gl_page_read(nic, ((struct guest *)arg)->context, offset, size);
}

static void page_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	gl_page_write(nic, ((struct guest *)arg)->context, offset, value, size);
}

/* Device pages, where doorbells have no descriptors: as a guest has them. */
static void *pages;

static void map_pages(void)
{
	char path[128];
	const char *address = strchr(device, ':') + 1;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2", address);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	pages = mmap(NULL, GUESTS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(pages != MAP_FAILED);
}

/* Without the library: also while nobody has a handle. */
static void kick(void *arg, unsigned queue)
{
	uint64_t one = 1;
	const struct guest *g = arg;

	if (g->bell[queue] == -ENOTSUP) {
		if (!pages)
			map_pages();
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*(volatile uint32_t *)((char *)pages + g->context * PAGE + GL_DEV_QUEUE_NOTIFY) =
			queue;
		return;
	}
	if (write(((struct guest *)arg)->bell[queue], &one, 8) != 8)
		fail_msg("cannot ring: %s", strerror(errno));
}

static struct vnet_config driver_config(struct guest *g, bool split)
{
	return (struct vnet_config){ .memory = g->data,
				     .bytes = g->bytes,
				     .guest_address = GUEST_AT,
				     .split = split,
				     .queue_size = QUEUE,
				     .device = { page_read, page_write, kick, g } };
}

static void driver_start(struct guest *g, bool split)
{
	struct vnet_config config = driver_config(g, split);

	memset(g->data, 0, g->bytes);
	if (vnet_start(&g->v, &config))
		fail_msg("context %u: %s", g->context, g->v.error);
	assert_int_equal(vnet_has(&g->v, VNET_F_RING_PACKED), !split);
	g->sent = g->received = 0;
}

static void guest_up(unsigned context, bool split)
{
	struct guest *g = &guest[context];
	struct gl_context_config config = context_config(context);
	char name[16];

	memset(g, 0, sizeof(*g));
	g->context = context;
	g->bytes = (vnet_bytes(QUEUE, MTU) + PAGE - 1) / PAGE * PAGE;
	snprintf(name, sizeof(name), "guest-%u", context);
	works(gl_memory_new(nic, name, g->bytes, &g->memory));
	g->data = g->memory->data;
	works(gl_context_create(nic, context, &config));
	works(gl_map(nic, context, GUEST_AT, g->memory->bus, g->bytes, GL_READ | GL_WRITE));
	works(gl_context_enable(nic, context, true));
	g->irq = gl_irq_fd(nic, 1 + context);
	works(g->irq);
	for (unsigned q = 0; q < 2; q++) {
		g->bell[q] = gl_doorbell_fd(nic, context, q);
		if (g->bell[q] != -ENOTSUP)
			works(g->bell[q]);
	}
	driver_start(g, split);
}

static void guest_down(unsigned context)
{
	works(gl_context_destroy(nic, context));
	works(gl_memory_free(nic, guest[context].memory));
	memset(&guest[context], 0, sizeof(guest[context]));
}

static void fill_frame(uint8_t *frame, unsigned from, unsigned to, uint32_t number, unsigned bytes)
{
	struct gl_context_config a = context_config(to), b = context_config(from);

	memcpy(frame, a.mac, 6);
	memcpy(frame + 6, b.mac, 6);
	memcpy(frame + 12, "\x88\xb5", 2);
	memcpy(frame + 14, &number, 4);
	for (unsigned i = 18; i < bytes; i++)
		frame[i] = (uint8_t)(i * 13 + number + 5 * from);
}

static void send_frame(struct guest *g, unsigned to, unsigned bytes)
{
	size_t room;
	uint8_t *at = NULL;

	for (uint64_t limit = now_ms() + patience_ms; !at && now_ms() < limit;) {
		at = vnet_tx_buffer(&g->v, &room);
		if (!at && !g->v.up)
			fail_msg("context %u: %s", g->context, g->v.error);
		if (!at)
			nap();
	}
	assert_non_null(at);
	assert_true(room >= VNET_HDR_BYTES + bytes);
	memset(at, 0, VNET_HDR_BYTES);
	fill_frame(at + VNET_HDR_BYTES, g->context, to, g->sent++, bytes);
	vnet_tx_send(&g->v, VNET_HDR_BYTES + bytes);
	vnet_flush(&g->v);
}

/* Waits for the guest's interrupt and takes frames until it has received so many, each as it was sent. */
static void receive_frames(struct guest *g, unsigned from, uint32_t total, unsigned bytes)
{
	uint8_t expected[FRAME_MAX];

	for (uint64_t limit = now_ms() + patience_ms; g->received < total;) {
		struct vnet_frame frame;
		int result = vnet_receive(&g->v, &frame);
		if (result < 0)
			fail_msg("context %u: %s", g->context, g->v.error);
		if (!result) {
			uint64_t count;
			struct pollfd p = { g->irq, POLLIN, 0 };
			if (vnet_arm(&g->v, false))
				continue;
			if (by_interrupt) {
				struct pollfd both[2] = { p, { gl_irq_shared_fd(nic), POLLIN, 0 } };
				assert_true(poll(both, 2, patience_ms) > 0);
				if (both[1].revents)
					assert_true(gl_irq_distribute(nic) >= 0);
			}
			if (poll(&p, 1, by_interrupt ? 0 : 100) == 1 && read(g->irq, &count, 8) < 0)
				assert_int_equal(errno, EAGAIN);
			if (now_ms() > limit)
				fail_msg("context %u: %u frames of %u", g->context, g->received,
					 total);
			continue;
		}
		assert_int_equal(frame.parts, 1);
		assert_int_equal(frame.bytes, bytes);
		fill_frame(expected, from, g->context, g->received++, bytes);
		assert_memory_equal(frame.part[0].iov_base, expected, bytes);
		vnet_rx_release(&g->v);
	}
	vnet_flush(&g->v);
}

static void exchange(unsigned a, unsigned b, unsigned frames, unsigned bytes)
{
	/* Fewer at a time than there are receive buffers. */
	while (frames) {
		unsigned some = frames < QUEUE / 2 ? frames : QUEUE / 2;
		for (unsigned i = 0; i < some; i++)
			send_frame(&guest[a], b, bytes);
		receive_frames(&guest[b], a, guest[a].sent, bytes);
		frames -= some;
	}
}

/* Both guests anew, so that their frames are counted from 0. */
static void pair_up(bool split)
{
	guest_up(0, split);
	guest_up(1, split);
}

static void pair_down(void)
{
	guest_down(0);
	guest_down(1);
}

/* --- Between tests -------------------------------------------------------------------------------------------------------- */

/* Opening takes a second or more in simulation, so tests share a handle as long as each leaves the NIC as it was. */
static int begin(void **state)
{
	(void)state;
	if (!nic) {
		open_nic(TABLE_BYTES);
		load_firmware();
	}
	return 0;
}

static int end(void **state)
{
	struct gl_context_config config;
	bool clean = nic && !gl_alive(nic);

	(void)state;
	for (unsigned c = 0; clean && c < gl_contexts(nic); c++)
		clean = gl_context_config(nic, c, &config) == -ENOENT;
	for (unsigned g = 0; g < GUESTS; g++)
		clean &= !guest[g].data;
	if (!clean) {
		gl_close(nic);
		nic = NULL;
		memset(guest, 0, sizeof(guest));
	}
	return 0;
}

/* --- Identity ------------------------------------------------------------------------------------------------------------ */

static void identifies_itself(void **state)
{
	(void)state;
	assert_string_equal(gl_device(nic), device);
	assert_in_range(gl_contexts(nic), 8, 256);
	assert_in_range(gl_clock_hz(nic), 1000000, 2000000000);
	assert_int_equal(gl_version(nic) >> 16, GL_VERSION_VALUE >> 16);
	works(gl_alive(nic));
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_ID, 4), GL_ID_VALUE);
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_ID + 2, 2), GL_ID_VALUE >> 16);
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_ID + 1, 1), GL_ID_VALUE >> 8 & 0xff);
	assert_int_equal(gl_config_read(nic, 0, 4), GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID);
	assert_int_equal(gl_config_read(nic, 4, 2) & 6, 6);
	/* No such access. */
	assert_int_equal(gl_read(nic, GL_BAR0, 2, 4), 0xffffffff);
	assert_int_equal(gl_read(nic, GL_BAR0, 0, 3), 0xffffffff);
	assert_int_equal(gl_read(nic, GL_BAR0, 0x7ffffffc, 4), 0xffffffff);
	assert_int_equal(gl_page_read(nic, gl_contexts(nic), 0, 4), 0xffffffff);
	gl_write(nic, GL_BAR0, 0x7ffffffc, 0, 4);
	gl_page_write(nic, 999, 0, 0, 4);
	works(gl_alive(nic));
	assert_non_null(gl_stat_name(0));
	assert_null(gl_stat_name(100000));
	assert_non_null(gl_fault_kind_name(GL_FAULT_KIND_PERMISSION));
	assert_non_null(gl_reset_reason_name(GL_RESET_REASON_DMA_REFUSED));
}

static void one_owner_at_a_time(void **state)
{
	struct gl_nic *second = (void *)1;
	struct gl_config config = { .device = device, .timeout_ms = 5000 };
	unsigned before = descriptors();

	(void)state;
	assert_int_equal(gl_open(&second, &config), -EBUSY);
	assert_null(second);
	assert_true(strlen(gl_error(NULL)) > 20);
	assert_int_equal(descriptors(), before);
	works(gl_alive(nic));
	struct gl_fw_info info;
	works(gl_firmware_info(nic, &info));
}

static void devices_that_are_not(void **state)
{
	static const char *const wrong[] = { "",
					     ":",
					     "vfio",
					     "pci:0000:01:00.0",
					     "vfio-user:/nonexistent/socket",
					     "vfio-user:",
					     "vfio:0000:01:00",
					     "vfio:0000:ff:1f.7",
					     "vfio-noiommu:0000:ff:1f.7" };
	struct gl_nic *other;
	unsigned before = descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct gl_config config = { .device = wrong[i] };
		assert_true(gl_open(&other, &config) < 0);
		assert_null(other);
		assert_true(strlen(gl_error(NULL)) > 10);
	}
	struct gl_config odd = { .device = device, .table_bytes = 5000 };
	assert_int_equal(gl_open(&other, &odd), -EINVAL);
	assert_int_equal(descriptors(), before);
	/* A directory, a file, a socket on which nobody answers. */
	static const char *const places[] = { "vfio-user:/tmp", "vfio-user:/dev/null" };
	for (size_t i = 0; i < 2; i++) {
		struct gl_config config = { .device = places[i], .timeout_ms = 200 };
		assert_true(gl_open(&other, &config) < 0);
	}
	assert_int_equal(descriptors(), before);
}

static void discovery_finds_it(void **state)
{
	struct gl_found *found = NULL;
	bool seen = false;

	(void)state;
	/* The folder of the socket, if it is one. */
	char folder[256] = "/run/guestlane";
	const char *path = strchr(device, ':') + 1, *slash = strrchr(path, '/');
	if (!strncmp(device, "vfio-user:", 10) && slash)
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	int count = gl_discover(folder, &found);
	assert_true(count >= 1);
	for (int i = 0; i < count; i++) {
		/* A function behind no IOMMU may go by another scheme. */
		const char *colon = strchr(device, ':'), *other = strchr(found[i].device, ':');
		seen |= other && !strcmp(other, colon);
	}
	free(found);
	assert_true(seen);
	assert_int_equal(gl_discover("/nonexistent", &found) >= 0, 1);
	free(found);
}

/* --- Memory and tables --------------------------------------------------------------------------------------------------- */

static void memory_is_shared_and_named(void **state)
{
	const struct gl_memory *a, *b, *none;
	unsigned before = descriptors();

	(void)state;
	works(gl_memory_new(nic, "first", 3 * PAGE, &a));
	works(gl_memory_new(nic, "second-thing.of-20ch", 2 << 20, &b));
	assert_true(a->bytes >= 3 * PAGE && a->bytes % PAGE == 0 && a->bus % PAGE == 0 && a->bus);
	assert_true(a->bus + a->bytes <= b->bus || b->bus + b->bytes <= a->bus);
	assert_int_not_equal(a->id, b->id);
	for (unsigned i = 0; i < a->bytes; i++)
		assert_int_equal(((uint8_t *)a->data)[i], 0);
	memset(a->data, 0x5a, a->bytes);
	const uint8_t *back = mmap(NULL, a->bytes, PROT_READ, MAP_SHARED, a->fd, 0);
	assert_true(back != MAP_FAILED);
	assert_memory_equal(back + PAGE, "ZZZZZZZZ", 8);
	munmap((void *)back, a->bytes);
	assert_ptr_equal(gl_memory_find(nic, "first"), a);
	assert_ptr_equal(gl_memory_find(nic, "second-thing.of-20ch"), b);
	assert_null(gl_memory_find(nic, "third"));
	refuses(EEXIST, gl_memory_new(nic, "first", PAGE, &none));
	assert_null(none);
	refuses(EINVAL, gl_memory_new(nic, "third", 0, &none));
	refuses(EINVAL, gl_memory_new(nic, "third", 100, &none));
	refuses(EINVAL, gl_memory_new(nic, "", PAGE, &none));
	refuses(EINVAL, gl_memory_new(nic, "more-than-20-characters", PAGE, &none));
	refuses(EINVAL, gl_memory_new(nic, "a/b", PAGE, &none));
	assert_true(gl_memory_new(nic, "third", 1ull << 50, &none) < 0);
	works(gl_memory_free(nic, a));
	assert_null(gl_memory_find(nic, "first"));
	works(gl_memory_free(nic, b));
	assert_int_equal(descriptors(), before);
}

static void memory_of_others(void **state)
{
	const struct gl_memory *m;
	int open_fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING), pipes[2];
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(ftruncate(open_fd, 4 * PAGE), 0);
	if (gl_is_paged(nic)) {
		/* Only what Xen has given has an address. */
		refuses(ENOTSUP, gl_memory_import(nic, "open", open_fd, 4 * PAGE, &m));
		close(open_fd);
		close(pipes[0]);
		close(pipes[1]);
		return;
	}
	refuses(EPERM, gl_memory_import(nic, "open", open_fd, 4 * PAGE, &m));
	assert_true(gl_memory_import(nic, "pipe", pipes[0], PAGE, &m) < 0);
	assert_true(gl_memory_import(nic, "closed", 9999, PAGE, &m) < 0);
	if (!strncmp(device, "vfio-noiommu", 12))
		flags |= MFD_HUGETLB;
	size_t bytes = flags & MFD_HUGETLB ? 2 << 20 : 4 * PAGE;
	int sealed = memfd_create("sealed", flags);
	assert_int_equal(ftruncate(sealed, (off_t)bytes), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	refuses(EINVAL, gl_memory_import(nic, "long", sealed, bytes + PAGE, &m));
	refuses(EINVAL, gl_memory_import(nic, "odd", sealed, 100, &m));
	unsigned before = descriptors();
	works(gl_memory_import(nic, "sealed", sealed, bytes, &m));
	assert_int_not_equal(m->fd, sealed);
	assert_int_equal(m->bytes, bytes);
	works(gl_memory_free(nic, m));
	assert_int_equal(descriptors(), before);
	close(open_fd);
	close(sealed);
	close(pipes[0]);
	close(pipes[1]);
}

static void tables_say_what_was_mapped(void **state)
{
	const struct gl_memory *m;
	uint64_t bus = 0, high = (1ull << 39) - PAGE;

	(void)state;
	works(gl_memory_new(nic, "pages", 4 << 20, &m));
	works(gl_map(nic, 3, 0x10000, m->bus, 4 * PAGE, GL_READ | GL_WRITE));
	works(gl_map(nic, 3, 0x14000, m->bus + 0x8000, PAGE, GL_READ));
	works(gl_map(nic, 3, 0x15000, m->bus + 0x9000, PAGE, GL_WRITE));
	works(gl_map(nic, 3, high, m->bus, PAGE, GL_READ));
	assert_int_equal(gl_translate(nic, 3, 0x12345, false, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(bus, m->bus + 0x2345);
	assert_int_equal(gl_translate(nic, 3, 0x12345, true, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(gl_translate(nic, 3, 0x14fff, false, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(bus, m->bus + 0x8fff);
	assert_int_equal(gl_translate(nic, 3, 0x14fff, true, NULL), GL_FAULT_KIND_PERMISSION);
	assert_int_equal(gl_translate(nic, 3, 0x15000, false, NULL), GL_FAULT_KIND_PERMISSION);
	assert_int_equal(gl_translate(nic, 3, 0xffff, false, NULL), GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gl_translate(nic, 3, 0x16000, false, NULL), GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gl_translate(nic, 3, high + 5, false, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(bus, m->bus + 5);
	assert_int_equal(gl_translate(nic, 3, 1ull << 39, false, NULL), GL_FAULT_KIND_RANGE);
	assert_int_not_equal(gl_translate(nic, 4, 0x12345, false, NULL), GL_FAULT_KIND_NONE);
	/* Not over what is there, not even in part; then nothing of it. */
	refuses(EEXIST, gl_map(nic, 3, 0xf000, m->bus, 2 * PAGE, GL_READ));
	assert_int_equal(gl_translate(nic, 3, 0xf000, false, NULL), GL_FAULT_KIND_NOT_PRESENT);
	refuses(EINVAL, gl_map(nic, 3, 0x20800, m->bus, PAGE, GL_READ));
	refuses(EINVAL, gl_map(nic, 3, 0x20000, m->bus + 1, PAGE, GL_READ));
	refuses(EINVAL, gl_map(nic, 3, 0x20000, m->bus, 100, GL_READ));
	refuses(EINVAL, gl_map(nic, 3, 0x20000, m->bus, 0, GL_READ));
	refuses(EINVAL, gl_map(nic, 3, 0x20000, m->bus, PAGE, 0));
	refuses(EINVAL, gl_map(nic, 3, high, m->bus, 2 * PAGE, GL_READ));
	refuses(EINVAL, gl_map(nic, 3, ~0xfffull, m->bus, 2 * PAGE, GL_READ));
	refuses(EINVAL, gl_map(nic, gl_contexts(nic), 0x20000, m->bus, PAGE, GL_READ));
	refuses(EBUSY, gl_memory_free(nic, m));
	/* In pieces, with holes, more than there is. */
	works(gl_unmap(nic, 3, 0x11000, PAGE));
	assert_int_equal(gl_translate(nic, 3, 0x11000, false, NULL), GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gl_translate(nic, 3, 0x12000, false, NULL), GL_FAULT_KIND_NONE);
	works(gl_unmap(nic, 3, 0x10000, 0x100000));
	assert_int_equal(gl_translate(nic, 3, 0x12000, false, NULL), GL_FAULT_KIND_NOT_PRESENT);
	refuses(EBUSY, gl_memory_free(nic, m));
	works(gl_unmap(nic, 3, high, PAGE));
	assert_true(gl_invalidate(nic, 3, 0x10000, PAGE) > 0);
	assert_true(gl_invalidate(nic, 3, 0, 0) > 0);
	/* Large pages. */
	uint64_t large = (m->bus + 0x1fffff) & ~0x1fffffull;
	works(gl_map(nic, 3, 0x400000, large, 2 << 20, GL_READ | GL_WRITE | GL_HUGE));
	assert_int_equal(gl_translate(nic, 3, 0x4abcde, true, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(bus, large + 0xabcde);
	refuses(EINVAL, gl_map(nic, 3, 0x601000, large, 2 << 20, GL_READ | GL_HUGE));
	works(gl_unmap(nic, 3, 0x400000, 2 << 20));
	works(gl_memory_free(nic, m));
}

/* Pages 2 MiB apart take a table page each: how many there are. */
static unsigned tables_hold(const struct gl_memory *m, unsigned context)
{
	unsigned count = 0;
	int result = 0;

	while (count < TABLE_BYTES / PAGE && !result) {
		result = gl_map(nic, context, (uint64_t)count << 21, m->bus, PAGE, GL_READ);
		count += !result;
	}
	assert_int_equal(result, -ENOMEM);
	assert_int_not_equal(gl_translate(nic, context, (uint64_t)count << 21, false, NULL),
			     GL_FAULT_KIND_NONE);
	works(gl_unmap(nic, context, 0, (uint64_t)count << 21));
	return count;
}

static void tables_end_and_are_not_lost(void **state)
{
	const struct gl_memory *m;

	(void)state;
	works(gl_memory_new(nic, "page", PAGE, &m));
	unsigned count = tables_hold(m, 5);
	assert_in_range(count, TABLE_BYTES / PAGE / 2, TABLE_BYTES / PAGE);
	for (unsigned context = 5; context < 8; context++)
		assert_in_range(tables_hold(m, context), count - 3, count);
	works(gl_memory_free(nic, m));
}

/* --- Firmware ------------------------------------------------------------------------------------------------------------ */

static uint8_t *read_file(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	uint8_t *data = malloc(GL_IMAGE_BYTES_MAX);
	assert_non_null(data);
	*bytes = fread(data, 1, GL_IMAGE_BYTES_MAX, file);
	fclose(file);
	return data;
}

static void write_file(const char *path, const void *data, size_t bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static void sign(uint8_t *image, size_t bytes)
{
	struct gl_image_header *header = (void *)image;

	header->checksum = 0;
	header->checksum = (uint32_t)crc32(0, image, (uInt)bytes);
}

static void firmware_that_is_wrong(void **state)
{
	char path[] = "/tmp/gl-suite-fw-XXXXXX";
	struct gl_firmware *firmware;
	struct gl_firmware_info info;
	size_t bytes;
	uint8_t *good = read_file(firmware_path, &bytes), *bad = malloc(bytes + 16);

	(void)state;
	close(mkstemp(path));
	assert_non_null(bad);
	works(gl_firmware_read(&firmware, firmware_path, &info));
	assert_int_equal(info.abi_version, GL_MBOX_VERSION);
	assert_true(info.contexts >= 1 && info.bytes);
	gl_firmware_free(firmware);
	uint32_t build = info.build_id;

	assert_int_equal(gl_firmware_read(&firmware, "/nonexistent", &info), -ENOENT);
	assert_null(firmware);
	/* Cut short, or longer than it says. */
	for (int i = 0; i < 60; i++) {
		size_t length = i < 40 ? (size_t)i : chance((uint32_t)bytes);
		write_file(path, good, length);
		refuses(ENOEXEC, gl_firmware_read(&firmware, path, &info));
	}
	memcpy(bad, good, bytes);
	memset(bad + bytes, 0, 16);
	write_file(path, bad, bytes + 16);
	refuses(ENOEXEC, gl_firmware_read(&firmware, path, &info));
	/* One bit. */
	for (int i = 0; i < 200; i++) {
		memcpy(bad, good, bytes);
		bad[i < 32 ? (uint32_t)i : chance((uint32_t)bytes)] ^= (uint8_t)(1u << chance(8));
		write_file(path, bad, bytes);
		refuses(ENOEXEC, gl_firmware_read(&firmware, path, &info));
	}
	/* Well signed nonsense. */
	for (int i = 0; i < 300; i++) {
		memcpy(bad, good, bytes);
		uint32_t word = i % 24, value = chance(4) ? chance(0x40000) * 4 : 0xfffffffcu;
		if (word == 3 || word == 4 || word == 5 || word == 6)
			continue;
		memcpy(bad + 4 * word, &value, 4);
		sign(bad, bytes);
		if (!memcmp(bad, good, bytes))
			continue;
		write_file(path, bad, bytes);
		/* A segment at another legal place is not ours to judge. */
		if (gl_firmware_read(&firmware, path, &info) == 0)
			gl_firmware_free(firmware);
	}
	struct gl_image_header *header = (void *)bad;
	memcpy(bad, good, bytes);
	header->magic ^= 1;
	sign(bad, bytes);
	write_file(path, bad, bytes);
	refuses(ENOEXEC, gl_firmware_read(&firmware, path, &info));
	assert_true(strlen(gl_error(NULL)) > 10);

	/* Of another ABI: read, but not loaded, and what runs goes on. */
	memcpy(bad, good, bytes);
	header->abi_version = GL_MBOX_VERSION + 7;
	sign(bad, bytes);
	write_file(path, bad, bytes);
	works(gl_firmware_read(&firmware, path, &info));
	pair_up(false);
	refuses(EPROTO, gl_firmware_load(nic, firmware));
	refuses(EPROTO, gl_firmware_restart(nic, firmware));
	exchange(0, 1, 4, 100);
	pair_down();
	gl_firmware_free(firmware);
	struct gl_fw_info block;
	works(gl_firmware_info(nic, &block));
	assert_int_equal(block.build_id, build);
	unlink(path);
	free(good);
	free(bad);
}

static void firmware_talks(void **state)
{
	struct gl_mbox_info info;
	char text[512];
	uint64_t from = 0;

	(void)state;
	assert_int_equal(gl_mailbox(nic, GL_MBOX_NOP, 0, NULL, 0, NULL, 0), 0);
	assert_true(gl_mailbox(nic, GL_MBOX_GET_INFO, 0, NULL, 0, &info, sizeof(info)) > 0);
	refuses(ENOSYS, gl_mailbox(nic, 999, 0, NULL, 0, NULL, 0));
	refuses(EMSGSIZE, gl_mailbox(nic, GL_MBOX_NOP, 0, text, 4096, NULL, 0));
	refuses(EINVAL, gl_mailbox(nic, GL_MBOX_CTX_GET, 0xffff, NULL, 0, NULL, 0));
	int got, all = 0;
	while ((got = gl_firmware_log(nic, &from, text, sizeof(text))) > 0)
		all += got;
	assert_int_equal(got, 0);
	/* From the beginning again, at once. */
	char whole[8192];
	from = 0;
	assert_int_equal(gl_firmware_log(nic, &from, whole, sizeof(whole)) >= all, 1);
}

/* --- Contexts ------------------------------------------------------------------------------------------------------------ */

static void contexts_live_and_die(void **state)
{
	struct gl_context_config config = context_config(2), back;
	struct gl_context_state s;

	(void)state;
	config.weight = 7;
	config.queue_size = 64;
	config.tx_rate = 10000000;
	works(gl_context_create(nic, 2, &config));
	refuses(EEXIST, gl_context_create(nic, 2, &config));
	refuses(EADDRINUSE, gl_context_create(nic, 3, &config));
	refuses(EINVAL, gl_context_create(nic, gl_contexts(nic), &config));
	works(gl_context_get(nic, 2, &s));
	assert_true(s.exists && !s.enabled && !s.running);
	/* Nothing to see before it is enabled. */
	assert_int_equal(gl_page_read(nic, 2, GL_DEV_DEVICE_ID, 4), 0);
	works(gl_context_enable(nic, 2, true));
	works(gl_context_enable(nic, 2, true));
	assert_int_equal(gl_page_read(nic, 2, GL_DEV_DEVICE_ID, 4), 1);
	works(gl_context_get(nic, 2, &s));
	assert_true(s.enabled);
	assert_true(s.features_offered >> VNET_F_RING_PACKED & 1);
	works(gl_context_config(nic, 2, &back));
	assert_memory_equal(back.mac, config.mac, 6);
	assert_int_equal(back.weight, 7);
	assert_int_equal(back.queue_size, 64);
	assert_int_equal(back.tx_rate, 10000000);
	assert_true(back.no_wire);
	config.weight = 9;
	works(gl_context_configure(nic, 2, &config));
	works(gl_context_config(nic, 2, &back));
	assert_int_equal(back.weight, 9);
	works(gl_context_enable(nic, 2, false));
	assert_int_equal(gl_page_read(nic, 2, GL_DEV_DEVICE_ID, 4), 0);
	assert_true(gl_context_destroy(nic, 2) > 0);
	works(gl_context_get(nic, 2, &s));
	assert_false(s.exists);
	assert_int_equal(gl_context_config(nic, 2, &back), -ENOENT);
	refuses(ENOENT, gl_context_enable(nic, 2, true));
	refuses(ENOENT, gl_context_configure(nic, 2, &config));
	/* Every field has its limits, and the sentence its name. */
	struct gl_context_config wrong;
	static const uint16_t vids[] = { 4095 };
#define wrong_field(word, change)                                             \
	do {                                                                  \
		wrong = context_config(2);                                    \
		change;                                                       \
		refuses(EINVAL, gl_context_create(nic, 2, &wrong));           \
		if (!strstr(gl_error(nic), word))                             \
			fail_msg("no \"%s\" in \"%s\"", word, gl_error(nic)); \
	} while (0)
	wrong_field("mac", wrong.mac[0] = 1);
	wrong_field("mac", memset(wrong.mac, 0, 6));
	wrong_field("mtu", wrong.mtu = 67);
	wrong_field("mtu", wrong.mtu = 9001);
	wrong_field("queue_size", wrong.queue_size = 1);
	wrong_field("queue_size", wrong.queue_size = 257);
	wrong_field("vid", (wrong.vlan_mode = GL_VLAN_ACCESS, wrong.vid = 0));
	wrong_field("vid", (wrong.vlan_mode = GL_VLAN_ACCESS, wrong.vid = 4095));
	wrong_field("vids",
		    (wrong.vlan_mode = GL_VLAN_TRUNK, wrong.vids = vids, wrong.vid_count = 1));
	wrong_field("vlan_mode", wrong.vlan_mode = 77);
	works(gl_context_get(nic, 2, &s));
	assert_false(s.exists);
	/* Destroying what does not exist does no harm. */
	assert_true(gl_context_destroy(nic, 2) >= 0);
}

static void frames_go_from_guest_to_guest(void **state)
{
	(void)state;
	for (unsigned split = 0; split < 2; split++) {
		pair_up(split);
		struct gl_context_state s;
		uint64_t before = gl_context_stat(nic, 0, GL_CSTAT_TX_FRAMES);
		exchange(0, 1, 40, 60);
		exchange(1, 0, 10, 1514);
		works(gl_context_get(nic, 0, &s));
		assert_true(s.running && s.queue[0].ready && s.queue[1].ready);
		assert_int_equal(s.queue[0].packed, !split);
		assert_int_equal(s.queue[0].size, QUEUE);
		assert_int_equal(gl_context_stat(nic, 0, GL_CSTAT_TX_FRAMES), before + 40);
		assert_int_equal(gl_context_stat(nic, 1, GL_CSTAT_RX_FRAMES), 40);
		assert_int_equal(gl_context_stat(nic, 1, GL_CSTAT_RX_BYTES), 40 * 60);
		assert_int_equal(gl_fault_next(nic), -1);
		pair_down();
	}
}

/* --- Faults, revocation ---------------------------------------------------------------------------------------------------- */

static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, 8) == 8)
		;
}

static uint32_t wait_event(uint32_t wanted)
{
	uint32_t event = 0;

	for (uint64_t limit = now_ms() + patience_ms; now_ms() < limit;) {
		struct pollfd p = { gl_irq_fd(nic, 0), POLLIN, 0 };
		event = gl_event(nic);
		if (event & wanted)
			break;
		poll(&p, 1, 100);
		drain(p.fd);
	}
	return event;
}

static void a_bad_address_is_a_fault(void **state)
{
	struct gl_fault fault;
	struct gl_context_state s;

	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		guest_up(0, kind);
		guest_up(1, false);
		guest_up(2, false);
		exchange(0, 1, 2, 100);
		drain(gl_irq_fd(nic, 0));
		gl_event_clear(nic, ~0u);
		gl_event_enable(nic, GL_BAR0_EVENT_FAULT_MASK);
		assert_int_equal(gl_fault_next(nic), -1);
		assert_false(gl_fault_get(nic, 0, &fault));
		/* The next frame's buffer is not there any more; or, the receiver's may only be read. */
		size_t room;
		uint8_t *at = vnet_tx_buffer(&guest[0].v, &room);
		assert_non_null(at);
		uint64_t page = ((uint64_t)(at - (uint8_t *)guest[0].data)) / PAGE * PAGE;
		unsigned victim = kind ? 1 : 0;
		if (!kind) {
			works(gl_unmap(nic, 0, GUEST_AT + page, PAGE));
		} else {
			works(gl_unmap(nic, 1, GUEST_AT, guest[1].bytes));
			works(gl_map(nic, 1, GUEST_AT, guest[1].memory->bus, guest[1].bytes,
				     GL_READ));
		}
		send_frame(&guest[0], 1, 200);
		assert_true(wait_event(GL_BAR0_EVENT_FAULT_MASK) & GL_BAR0_EVENT_FAULT_MASK);
		assert_int_equal(gl_fault_next(nic), victim);
		assert_true(gl_fault_get(nic, victim, &fault));
		assert_int_equal(fault.kind,
				 kind ? GL_FAULT_KIND_PERMISSION : GL_FAULT_KIND_NOT_PRESENT);
		assert_int_equal(fault.write, kind);
		assert_int_equal(fault.queue, kind ? 0 : 1);
		assert_true(fault.count >= 1);
		assert_in_range(fault.address, GUEST_AT, GUEST_AT + guest[victim].bytes - 1);
		if (!kind)
			assert_int_equal(fault.address / PAGE * PAGE, GUEST_AT + page);
		/* The guest's device wants a reset; nobody else notices. */
		works(gl_context_get(nic, victim, &s));
		assert_true(s.device_status & 0x40);
		assert_int_equal(s.reset_reason, GL_RESET_REASON_DMA_REFUSED);
		assert_int_equal(vnet_check(&guest[victim].v), -EPROTO);
		assert_int_equal(vnet_check(&guest[2].v), 0);
		/* The record stays until it is taken. */
		gl_fault_clear(nic, victim);
		assert_int_equal(gl_fault_next(nic), -1);
		/* With its memory back and a new start of its driver all is well. */
		works(gl_unmap(nic, victim, GUEST_AT, guest[victim].bytes));
		works(gl_map(nic, victim, GUEST_AT, guest[victim].memory->bus, guest[victim].bytes,
			     GL_READ | GL_WRITE));
		driver_start(&guest[0], false);
		driver_start(&guest[1], false);
		exchange(0, 1, 4, 300);
		exchange(1, 0, 4, 300);
		guest_down(2);
		pair_down();
	}
	gl_event_enable(nic, GL_BAR0_EVENT_FAULT_MASK | GL_BAR0_EVENT_WATCHDOG_MASK);
}

/* Under traffic; what was taken away is not touched again. */
static void revocation_is_final(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		guest_up(0, round & 1);
		guest_up(1, false);
		guest_up(2, round & 1);
		exchange(0, 1, 8, 500);
		/* Frames are on their way to 1 when it goes. */
		for (unsigned i = 0; i < QUEUE / 2; i++)
			send_frame(&guest[0], 1, 1000);
		int64_t cycles = gl_context_destroy(nic, 1);
		assert_true(cycles > 0);
		/* 2048 cycles beside what the host makes the NIC wait for (docs/isolation.md). */
		assert_true(cycles < 2048 + 1000000);
		size_t bytes = guest[1].bytes;
		uint8_t *before = malloc(bytes);
		assert_non_null(before);
		memcpy(before, guest[1].data, bytes);
		works(gl_memory_free(nic, guest[1].memory));
		assert_int_equal(gl_page_read(nic, 1, GL_DEV_DEVICE_ID, 4), 0);
		/* The others go on. */
		for (uint32_t i = 0; i < 8; i++)
			send_frame(&guest[2], 0, 700);
		receive_frames(&guest[0], 2, 8, 700);
		/* The same context for somebody else: he gets none of the old frames. */
		memset(&guest[1], 0, sizeof(guest[1]));
		guest_up(1, true);
		uint32_t first = guest[0].sent;
		for (uint32_t i = 0; i < 4; i++)
			send_frame(&guest[0], 1, 80);
		guest[1].received = first;
		receive_frames(&guest[1], 0, first + 4, 80);
		free(before);
		guest_down(2);
		pair_down();
	}
}

/* The mapping goes while the page is in use: when the call returns nothing more comes. */
static void unmapping_is_final(void **state)
{
	(void)state;
	pair_up(false);
	exchange(0, 1, 4, 100);
	for (unsigned i = 0; i < QUEUE / 2; i++)
		send_frame(&guest[0], 1, 1400);
	works(gl_unmap(nic, 1, GUEST_AT, guest[1].bytes));
	uint8_t *before = malloc(guest[1].bytes);
	assert_non_null(before);
	memcpy(before, guest[1].data, guest[1].bytes);
	for (unsigned i = 0; i < 50; i++)
		nap();
	assert_memory_equal(before, guest[1].data, guest[1].bytes);
	free(before);
	gl_fault_clear(nic, 1);
	pair_down();
	gl_event_clear(nic, ~0u);
}

/* --- Interrupts, events ---------------------------------------------------------------------------------------------------- */

static void each_vector_has_its_descriptor(void **state)
{
	(void)state;
	for (unsigned v = 0; v <= gl_contexts(nic); v++)
		works(gl_irq_fd(nic, v));
	for (unsigned v = 1; v <= gl_contexts(nic); v++)
		assert_int_not_equal(gl_irq_fd(nic, v), gl_irq_fd(nic, v - 1));
	refuses(EINVAL, gl_irq_fd(nic, gl_contexts(nic) + 1));
	refuses(EINVAL, gl_doorbell_fd(nic, gl_contexts(nic), 0));
	refuses(EINVAL, gl_doorbell_fd(nic, 0, 2));
	int bell = gl_doorbell_fd(nic, 1, 1);
	if (bell == -ENOTSUP)
		return;
	works(bell);
	assert_int_equal(gl_doorbell_fd(nic, 1, 1), bell);
	/* Of a context that does not run: nothing happens. */
	uint64_t one = 1;
	assert_int_equal(write(bell, &one, 8), 8);
	works(gl_alive(nic));
}

/* The mode may change while frames are under way, and no interrupt is lost. */
static void contexts_share_a_vector(void **state)
{
	(void)state;
	by_interrupt = true;
	for (unsigned split = 0; split < 2; split++) {
		pair_up(split);
		works(gl_irq_mode(nic, GL_IRQ_BIT_VECTOR));
		assert_int_equal(gl_irq_mode_now(nic), GL_IRQ_BIT_VECTOR);
		exchange(0, 1, 24, 60);
		exchange(1, 0, 12, 1514);
		works(gl_irq_moderation(nic, 100));
		assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_IRQ_MODERATION, 4),
				 gl_clock_hz(nic) / 10000);
		exchange(0, 1, 12, 60);
		for (unsigned i = 0; i < 6; i++) {
			send_frame(&guest[0], 1, 60);
			works(gl_irq_mode(nic, i & 1 ? GL_IRQ_BIT_VECTOR : GL_IRQ_PER_CONTEXT));
			receive_frames(&guest[1], 0, guest[0].sent, 60);
			exchange(1, 0, 3, 60);
		}
		works(gl_irq_moderation(nic, 0));
		works(gl_irq_mode(nic, GL_IRQ_PER_CONTEXT));
		exchange(0, 1, 12, 60);
		pair_down();
	}
	by_interrupt = false;
}

/* --- Watchdog, reset ------------------------------------------------------------------------------------------------------- */

/* The core finds nothing but jumps to themselves. */
static void hang(void)
{
	for (uint32_t at = 0; at < GL_IMEM_SIZE; at += 4) {
		if (at % 0x4000 == 0)
			gl_write(nic, GL_BAR0, GL_BAR0_WINDOW, GL_IMEM_BASE + at, 4);
		gl_write(nic, GL_BAR0, GL_BAR0_WINDOW_DATA + at % 0x4000, 0x6f, 4);
	}
	gl_read(nic, GL_BAR0, GL_BAR0_ID, 4);
}

static void firmware_that_hangs_is_restarted(void **state)
{
	struct gl_firmware *firmware;
	struct gl_firmware_info info;

	(void)state;
	works(gl_firmware_read(&firmware, firmware_path, &info));
	for (unsigned round = 0; round < 2; round++) {
		pair_up(round);
		exchange(0, 1, 5, 400);
		gl_event_clear(nic, ~0u);
		hang();
		gl_write(nic, GL_BAR0, GL_BAR0_WATCHDOG, 50000, 4);
		assert_true(wait_event(GL_BAR0_EVENT_WATCHDOG_MASK) & GL_BAR0_EVENT_WATCHDOG_MASK);
		refuses(EIO, gl_mailbox(nic, GL_MBOX_NOP, 0, NULL, 0, NULL, 0));
		/* What guests have asked for meanwhile is done when the firmware is back. */
		for (unsigned i = 0; i < 3; i++)
			send_frame(&guest[0], 1, 400);
		works(gl_firmware_restart(nic, firmware));
		gl_event_clear(nic, ~0u);
		vnet_kick(&guest[0].v);
		vnet_kick(&guest[1].v);
		receive_frames(&guest[1], 0, guest[0].sent, 400);
		exchange(0, 1, 5, 400);
		exchange(1, 0, 5, 400);
		assert_int_equal(gl_event(nic) & GL_BAR0_EVENT_WATCHDOG_MASK, 0);
		pair_down();
	}
	/* Also one that does not hang. */
	pair_up(false);
	exchange(0, 1, 5, 400);
	works(gl_firmware_restart(nic, firmware));
	vnet_kick(&guest[0].v);
	vnet_kick(&guest[1].v);
	exchange(0, 1, 5, 400);
	pair_down();
	gl_firmware_free(firmware);
}

static void a_reset_leaves_memory(void **state)
{
	struct gl_context_state s;

	(void)state;
	pair_up(false);
	exchange(0, 1, 5, 400);
	memset(guest[0].data, 0x77, guest[0].bytes);
	works(gl_reset(nic));
	works(gl_alive(nic));
	works(gl_context_get(nic, 0, &s));
	assert_false(s.exists);
	assert_int_not_equal(gl_translate(nic, 0, GUEST_AT, false, NULL), GL_FAULT_KIND_NONE);
	assert_int_equal(((uint8_t *)guest[0].data)[12345], 0x77);
	refuses(EIO, gl_mailbox(nic, GL_MBOX_NOP, 0, NULL, 0, NULL, 0));
	assert_true(gl_memory_find(nic, "guest-0") == guest[0].memory);
	works(gl_memory_free(nic, guest[0].memory));
	works(gl_memory_free(nic, guest[1].memory));
	load_firmware();
	pair_up(true);
	exchange(0, 1, 5, 400);
	/* A load is a new beginning too. */
	load_firmware();
	assert_int_equal(gl_page_read(nic, 0, GL_DEV_DEVICE_ID, 4), 0);
	works(gl_memory_free(nic, guest[0].memory));
	works(gl_memory_free(nic, guest[1].memory));
	memset(guest, 0, sizeof(guest));
}

/* --- Outliving the process ------------------------------------------------------------------------------------------------- */

/* What a keeper such as glane-hold has: duplicates of the descriptors, and the state text. */
static struct kept {
	struct gl_fd fds[2048];
	size_t count;
	char *state;
} keeper;

static void keeper_drop(void)
{
	for (size_t i = 0; i < keeper.count; i++)
		close(keeper.fds[i].fd);
	keeper.count = 0;
}

static void keep(void)
{
	static struct gl_fd fds[2048];
	size_t count = gl_fds(nic, fds, 2048);

	assert_in_range(count, 4, 2048);
	keeper_drop();
	for (size_t i = 0; i < count; i++) {
		keeper.fds[i] = fds[i];
		keeper.fds[i].fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 0);
		assert_true(keeper.fds[i].fd >= 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(fds[i].name, fds[j].name);
	}
	keeper.count = count;
	free(keeper.state);
	keeper.state = gl_state(nic);
	assert_non_null(keeper.state);
	assert_null(strchr(keeper.state, '\n'));
}

/*
 * As if this process had died: the handle's descriptors go without a word to the NIC. There is no call for that, so the handle stays
 * where it is.
 */
struct gl_nic *dead[4096]; /* global, so that they do not count as lost */
static unsigned dead_count;

static void die(void)
{
	static struct gl_fd fds[2048];
	size_t n = gl_fds(nic, fds, 2048);

	for (unsigned g = 0; g < GUESTS; g++) {
		if (!guest[g].data)
			continue;
		guest[g].irq = dup(guest[g].irq);
		for (unsigned q = 0; q < 2; q++)
			if (guest[g].bell[q] >= 0)
				guest[g].bell[q] = dup(guest[g].bell[q]);
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i].fd);
	if (nic->ops->leave)
		nic->ops->leave(nic->backend);
	assert_true(dead_count < 4096);
	dead[dead_count++] = nic;
	nic = NULL;
}

/* Guests have their descriptors and memory from the handle that there is now. */
static void guests_follow(void)
{
	for (unsigned g = 0; g < GUESTS; g++) {
		char name[16];
		if (!guest[g].data)
			continue;
		snprintf(name, sizeof(name), "guest-%u", g);
		close(guest[g].irq);
		for (unsigned q = 0; q < 2; q++)
			if (guest[g].bell[q] >= 0)
				close(guest[g].bell[q]);
		guest[g].memory = gl_memory_find(nic, name);
		assert_non_null(guest[g].memory);
		assert_non_null(guest[g].memory->data);
		guest[g].irq = gl_irq_fd(nic, 1 + g);
		for (unsigned q = 0; q < 2; q++)
			guest[g].bell[q] = gl_doorbell_fd(nic, g, q);
	}
}

static void adopt(void)
{
	int result = gl_adopt(&nic, keeper.state, keeper.fds, keeper.count);

	if (result)
		fail_msg("%s: %s", strerror(-result), gl_error(NULL));
	keeper.count = 0;
	guests_follow();
}

static void a_successor_goes_on(void **state)
{
	uint64_t bus;

	(void)state;
	pair_up(false);
	exchange(0, 1, 3, 300);
	uint64_t generation = gl_generation(nic);
	const struct gl_memory *m;
	works(gl_memory_new(nic, "kept", 2 * PAGE, &m));
	assert_true(gl_generation(nic) > generation);
	strcpy(m->data, "what was written before");
	unsigned id = m->id;
	works(gl_map(nic, 4, 0x5000, m->bus, PAGE, GL_READ));
	uint64_t kept_bus = m->bus;
	for (unsigned turn = 0; turn < 3; turn++) {
		keep();
		die();
		/* Guests notice nothing: neither while nobody has the NIC nor after. */
		exchange(0, 1, 3, 300);
		adopt();
		exchange(0, 1, 3, 300);
		exchange(1, 0, 3, 900);
	}
	m = gl_memory_find(nic, "kept");
	assert_non_null(m);
	assert_int_equal(m->id, id);
	assert_int_equal(m->bus, kept_bus);
	assert_string_equal(m->data, "what was written before");
	assert_int_equal(gl_translate(nic, 4, 0x5010, false, &bus), GL_FAULT_KIND_NONE);
	assert_int_equal(bus, kept_bus + 0x10);
	refuses(EBUSY, gl_memory_free(nic, m));
	works(gl_unmap(nic, 4, 0x5000, PAGE));
	works(gl_memory_free(nic, m));
	struct gl_context_config config;
	works(gl_context_config(nic, 1, &config));
	assert_int_equal(config.mac[5], 1);
	pair_down();
	struct gl_context_state s;
	works(gl_context_get(nic, 0, &s));
	assert_false(s.exists);
}

/* A state text or descriptors that are damaged, of another session, or too few: refused, and nothing is disturbed. */
static void what_a_successor_must_not_take(void **state)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "null",
					     "{\"guestlane\":1}",
					     "{\"guestlane\":99,\"device\":\"vfio-user:/x\"}" };
	struct gl_nic *other;

	(void)state;
	pair_up(false);
	keep();
	unsigned before = descriptors();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(gl_adopt(&other, texts[i], keeper.fds, keeper.count), -EINVAL);
		assert_null(other);
	}
	for (size_t i = 0; i < 40; i++) {
		char text[1024];
		snprintf(text, sizeof(text), "%s", keeper.state);
		text[chance((uint32_t)strlen(text))] = 0;
		assert_int_equal(gl_adopt(&other, text, keeper.fds, keeper.count), -EINVAL);
	}
	/* Without one of the descriptors that it needs. */
	static const char *const needed[] = { "session", "tables", "device" };
	for (size_t i = 0; i < 3; i++) {
		struct gl_fd some[2048];
		size_t count = 0;
		for (size_t j = 0; j < keeper.count; j++)
			if (strcmp(keeper.fds[j].name, needed[i]))
				some[count++] = keeper.fds[j];
		/* A back end may have no such descriptor. */
		if (i == 2 && count == keeper.count)
			continue;
		assert_int_equal(count, keeper.count - 1);
		assert_int_equal(gl_adopt(&other, keeper.state, some, count), -EINVAL);
		assert_non_null(strstr(gl_error(NULL), needed[i]));
	}
	assert_int_equal(gl_adopt(&other, keeper.state, NULL, 0), -EINVAL);
	assert_int_equal(descriptors(), before);
	exchange(0, 1, 3, 300);
	/* Somebody reset the NIC, or opened it anew. */
	uint32_t nonce = gl_read(nic, GL_BAR0, GL_BAR0_SCRATCH, 4);
	assert_true(nonce && nonce != 0xffffffff);
	gl_write(nic, GL_BAR0, GL_BAR0_SCRATCH, nonce + 1, 4);
	/* Under Xen nobody can have two handles, so not even look. */
	assert_int_equal(gl_adopt(&other, keeper.state, keeper.fds, keeper.count),
			 gl_is_paged(nic) ? -EBUSY : -ESTALE);
	assert_true(strlen(gl_error(NULL)) > 20);
	assert_int_equal(descriptors(), before);
	gl_write(nic, GL_BAR0, GL_BAR0_SCRATCH, nonce, 4);
	exchange(1, 0, 3, 300);
	pair_down();
	keeper_drop();
}

/* --- The owner is killed, again and again ------------------------------------------------------------------------------------ */

enum { AT_ONCE = 200 };
struct handover {
	unsigned total, first, count;
	char name[AT_ONCE][32];
};

static void give(int to)
{
	static struct gl_fd fds[2048];
	unsigned total = (unsigned)gl_fds(nic, fds, 2048);

	for (unsigned first = 0; first < total; first += AT_ONCE) {
		struct handover h = {
			total, first, total - first < AT_ONCE ? total - first : AT_ONCE, { "" }
		};
		char control[CMSG_SPACE(AT_ONCE * sizeof(int))] = { 0 };
		struct iovec part = { &h, sizeof(h) };
		struct msghdr m = { .msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = CMSG_SPACE(h.count * sizeof(int)) };
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(h.count * sizeof(int));
		for (unsigned i = 0; i < h.count; i++) {
			memcpy(h.name[i], fds[first + i].name, 32);
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fds[first + i].fd, sizeof(int));
		}
		if (sendmsg(to, &m, MSG_NOSIGNAL) != sizeof(h))
			_exit(4);
	}
}

/* The last set of descriptors that came whole; sets that did not are dropped. */
static void take(int from)
{
	static struct gl_fd fresh[2048];
	unsigned have = 0;

	for (;;) {
		struct handover h;
		char control[CMSG_SPACE(AT_ONCE * sizeof(int))];
		struct iovec part = { &h, sizeof(h) };
		struct msghdr m = { .msg_iov = &part,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		if (recvmsg(from, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(h))
			break;
		if (!h.first) {
			for (unsigned i = 0; i < have; i++)
				close(fresh[i].fd);
			have = 0;
		}
		assert_int_equal(h.first, have);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		assert_non_null(c);
		for (unsigned i = 0; i < h.count; i++, have++) {
			memcpy(fresh[have].name, h.name[i], 32);
			memcpy(&fresh[have].fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		}
		if (have == h.total) {
			keeper_drop();
			memcpy(keeper.fds, fresh, have * sizeof(fresh[0]));
			keeper.count = have;
			have = 0;
		}
	}
	for (unsigned i = 0; i < have; i++)
		close(fresh[i].fd);
}

/* Something that changes the NIC's state, on contexts 4 to 7. */
static void disturb(void)
{
	unsigned context = 4 + chance(4), piece = chance(4);
	struct gl_context_config config = context_config(context);
	const struct gl_memory *m;
	static const uint16_t vids[] = { 10, 20, 30, 40 };
	char name[16];

	snprintf(name, sizeof(name), "piece-%u", piece);
	m = gl_memory_find(nic, name);
	switch (chance(9)) {
	case 0:
		config.vlan_mode = GL_VLAN_TRUNK;
		config.vids = vids;
		config.vid_count = chance(4);
		gl_context_create(nic, context, &config);
		break;
	case 1:
		gl_context_destroy(nic, context);
		break;
	case 2:
		gl_context_enable(nic, context, chance(2));
		break;
	case 3:
		config.weight = (uint8_t)(1 + chance(200));
		gl_context_configure(nic, context, &config);
		break;
	case 4:
		gl_memory_new(nic, name, (1 + chance(8)) * PAGE, &m);
		break;
	case 5:
		if (m)
			gl_memory_free(nic, m);
		break;
	case 6:
	case 7:
		if (m)
			gl_map(nic, context, ((uint64_t)chance(32) << 21) + piece * 16 * PAGE,
			       m->bus, (1 + chance((uint32_t)(m->bytes / PAGE))) * PAGE,
			       GL_READ | (chance(2) ? GL_WRITE : 0));
		break;
	case 8:
		gl_unmap(nic, context, (uint64_t)chance(32) << 21,
			 (uint64_t)(1 + chance(32)) << 21);
		break;
	}
}

/* A life as an owner: from adoption until it is killed. Never returns. */
static void owner(int to)
{
	uint64_t given;

	if (gl_adopt(&nic, keeper.state, keeper.fds, keeper.count)) {
		fprintf(stderr, "# the successor: %s\n", gl_error(NULL));
		_exit(3);
	}
	give(to);
	given = gl_generation(nic);
	for (;;) {
		disturb();
		if (gl_alive(nic)) {
			fprintf(stderr, "# the owner: %s\n", gl_error(nic));
			_exit(5);
		}
		if (gl_generation(nic) != given) {
			give(to);
			given = gl_generation(nic);
		}
	}
}

/* Session, firmware and hardware say the same of every context. */
static void agree(unsigned round)
{
	struct gl_context_config config;
	struct gl_context_state s;

	for (unsigned c = 0; c < 8; c++) {
		bool exists = !gl_context_config(nic, c, &config);
		works(gl_context_get(nic, c, &s));
		gl_write(nic, GL_BAR0, GL_BAR0_CTX_INDEX, c, 4);
		bool root = gl_read(nic, GL_BAR0, GL_BAR0_ROOT_LO, 4) & GL_BAR0_ROOT_LO_VALID_MASK;
		bool alive = gl_page_read(nic, c, GL_DEV_DEVICE_ID, 4) == 1;
		bool table = gl_translate(nic, c, 0, false, NULL) != GL_FAULT_KIND_ROOT;
		if (s.exists != exists || (exists && s.firmware_state == GL_CTX_ABSENT) ||
		    alive != s.enabled || (s.enabled && !exists) || root != table)
			fail_msg("round %u, context %u: exists %d, enabled %d, firmware's state "
				 "%u, page %d, "
				 "root %d, table %d",
				 round, c, exists, s.enabled, s.firmware_state, alive, root, table);
	}
}

static void owners_are_killed(void **state)
{
	const struct gl_memory *m;
	unsigned rounds = getenv("ROUNDS") ? (unsigned)atoi(getenv("ROUNDS")) : 25;

	(void)state;
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	works(gl_memory_new(nic, "page", PAGE, &m));
	unsigned pages = tables_hold(m, 7);
	works(gl_memory_free(nic, m));
	guest_up(0, false);
	guest_up(1, true);
	exchange(0, 1, 2, 300);
	pages -= 2; /* what the guests have */
	keep();
	die();
	for (unsigned round = 0; round < rounds; round++) {
		int pair[2], status;
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		int room = 4 << 20;
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		chance(7);
		fflush(NULL);
		pid_t child = fork();
		assert_true(child >= 0);
		if (!child) {
			close(pair[0]);
			owner(pair[1]);
		}
		close(pair[1]);
		/* While it lives, and dies: traffic, and what it hands over. */
		uint64_t limit = now_ms() + 1 + chance(chance(3) ? 40 : 250);
		bool killed = false;
		for (unsigned i = 0; i < 4 || !killed; i++) {
			if (!killed && now_ms() >= limit) {
				kill(child, SIGKILL);
				killed = true;
			}
			send_frame(&guest[0], 1, 300);
			send_frame(&guest[1], 0, 300);
			receive_frames(&guest[1], 0, guest[0].sent, 300);
			receive_frames(&guest[0], 1, guest[1].sent, 300);
			take(pair[0]);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status))
			fail_msg("round %u: the owner ended with status 0x%x", round, status);
		take(pair[0]);
		close(pair[0]);
		exchange(0, 1, 2, 300);
		/* The next successor finds a NIC in order. */
		adopt();
		agree(round);
		keep();
		die();
	}
	/* The last one cleans up. */
	adopt();
	exchange(1, 0, 2, 300);
	for (unsigned context = 4; context < 8; context++)
		works(gl_context_destroy(nic, context));
	for (unsigned piece = 0; piece < 4; piece++) {
		char name[16];
		snprintf(name, sizeof(name), "piece-%u", piece);
		m = gl_memory_find(nic, name);
		if (m)
			works(gl_memory_free(nic, m));
	}
	works(gl_memory_new(nic, "page", PAGE, &m));
	assert_in_range(tables_hold(m, 7), pages - 4, pages + 2);
	works(gl_memory_free(nic, m));
	for (unsigned context = 4; context < 8; context++) {
		struct gl_context_config config = context_config(context);
		works(gl_context_create(nic, context, &config));
		works(gl_context_destroy(nic, context));
	}
	assert_int_equal(gl_fault_next(nic), -1);
	pair_down();
}

/* --- The NIC goes away ------------------------------------------------------------------------------------------------------ */

static void a_nic_that_vanishes(void **state)
{
	struct gl_context_config config = context_config(5);
	struct gl_context_state s;
	const struct gl_memory *m;
	char text[64];
	uint64_t from = 0;

	(void)state;
	if (!own_sim)
		skip();
	guest_up(0, false);
	kill(sim.pid, SIGKILL);
	uint64_t begin = now_ms();
	assert_int_equal(gl_alive(nic), -ENODEV);
	assert_true(strlen(gl_error(nic)) > 20);
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_ID, 4), 0xffffffff);
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_ID, 1), 0xff);
	assert_int_equal(gl_config_read(nic, 0, 4), 0xffffffff);
	gl_write(nic, GL_BAR0, GL_BAR0_SCRATCH, 1, 4);
	refuses(ENODEV, gl_context_get(nic, 0, &s));
	refuses(ENODEV, gl_context_create(nic, 5, &config));
	refuses(ENODEV, gl_memory_new(nic, "more", PAGE, &m));
	refuses(ENODEV, gl_unmap(nic, 0, GUEST_AT, guest[0].bytes));
	refuses(ENODEV, gl_invalidate(nic, 0, 0, 0));
	refuses(ENODEV, gl_context_destroy(nic, 0));
	refuses(ENODEV, gl_mailbox(nic, GL_MBOX_NOP, 0, NULL, 0, NULL, 0));
	refuses(ENODEV, gl_firmware_log(nic, &from, text, sizeof(text)));
	refuses(ENODEV, gl_reset(nic));
	assert_int_equal(gl_fault_next(nic), -1);
	/* Quickly: nothing waits for a time-out. */
	assert_true(now_ms() - begin < 5000);
	assert_int_equal(vnet_check(&guest[0].v), -ENODEV);
	/* Its socket may outlive our connection by a moment. */
	siginfo_t ended;
	assert_int_equal(waitid(P_PID, (id_t)sim.pid, &ended, WEXITED | WNOWAIT), 0);
}

static void a_server_that_is_not_there(void **state)
{
	struct gl_config config = { .device = device };
	struct gl_nic *other;

	(void)state;
	if (!own_sim)
		skip();
	uint64_t begin = now_ms();
	int result = gl_open(&other, &config);
	if (result != -ENOENT && result != -ENODEV)
		fail_msg("%d: %s", result, gl_error(NULL));
	assert_non_null(strstr(gl_error(NULL), sim.path));
	assert_true(now_ms() - begin < 5000);
}

static void usage(void)
{
	fprintf(stderr, "usage: suite [--firmware FILE] --device DEVICE\n"
			"       suite [--firmware FILE] --sim PROGRAM ARGUMENT...\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "device", required_argument, NULL, 'd' },
						 { "firmware", required_argument, NULL, 'f' },
						 { "sim", no_argument, NULL, 's' },
						 { "patience", required_argument, NULL, 'p' },
						 { NULL, 0, NULL, 0 } };
#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		test(identifies_itself),
		test(one_owner_at_a_time),
		test(devices_that_are_not),
		test(discovery_finds_it),
		test(memory_is_shared_and_named),
		test(memory_of_others),
		test(tables_say_what_was_mapped),
		test(tables_end_and_are_not_lost),
		test(firmware_that_is_wrong),
		test(firmware_talks),
		test(contexts_live_and_die),
		test(frames_go_from_guest_to_guest),
		test(a_bad_address_is_a_fault),
		test(revocation_is_final),
		test(unmapping_is_final),
		test(each_vector_has_its_descriptor),
		test(contexts_share_a_vector),
		test(firmware_that_hangs_is_restarted),
		test(a_reset_leaves_memory),
		test(a_successor_goes_on),
		test(what_a_successor_must_not_take),
		test(owners_are_killed),
		test(a_nic_that_vanishes),
		cmocka_unit_test(a_server_that_is_not_there),
	};

	for (int option; (option = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
		if (option == 'd')
			snprintf(device, sizeof(device), "%s", optarg);
		else if (option == 'f')
			firmware_path = optarg;
		else if (option == 's')
			own_sim = true;
		else if (option == 'p' && atoi(optarg) > 0)
			patience_ms = 1000 * atoi(optarg);
		else
			usage();
	}
	if (own_sim == !!device[0] || own_sim != (optind < argc))
		usage();
	if (own_sim) {
		if (!vfu_start(&sim, argv + optind)) {
			printf("Bail out! %s does not answer\n", argv[optind]);
			return 1;
		}
		snprintf(device, sizeof(device), "vfio-user:%s", sim.path);
	}
	const char *wanted = getenv("SEED");
	if (wanted && strcmp(wanted, "random"))
		seed = strtoull(wanted, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = now_ms();
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	cmocka_set_test_filter(getenv("TEST"));
	int failed = _cmocka_run_group_tests(device, tests, sizeof(tests) / sizeof(tests[0]), NULL,
					     NULL);
	gl_close(nic);
	if (own_sim)
		vfu_stop(&sim);
	free(keeper.state);
	return failed;
}
