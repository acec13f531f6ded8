// SPDX-License-Identifier: Apache-2.0
// glane-sim as a whole: the process, its socket, and the NIC behind it, driven by libguestlane and a virtio-net driver, and by hand.
//
// Argument "messages": a relay between library and glane-sim keeps the descriptors of DMA maps to itself, so that the NIC's DMA
// goes by messages, which it answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <linux/vfio.h>

#include "guestlane.h"
#include "guestlane_regs.h"
#include "relay.h"
#include "vfio_user.h"
#include "vnet.h"

#define SIM	  "build/sim/glane-sim"
#define FIRMWARE  "build/firmware/guestlane.fw"
#define ELF	  "build/firmware/guestlane.elf"
#define PATIENCE  20000 /* ms: for anything that should take far less */
#define GUEST_AT  0x100000ull
#define FRAME	  1514u

static char folder[64], path[96], relay_path[96], stats_path[96];
static pid_t sim, relay;
static bool messages;

/* --- Processes and time -------------------------------------------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
}

static int try_connect(const char *to)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", to);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	close(fd);
	return -1;
}

/* Starts glane-sim with these arguments (NULL-terminated) behind --socket and waits until the socket is there. */
static void start_sim(const char *const *more)
{
	const char *argv[16] = { SIM, "--socket", path, "--stats-json", stats_path };
	size_t n = 5;
	while (more && *more)
		argv[n++] = *more++;
	argv[n] = NULL;
	sim = fork();
	assert_true(sim >= 0);
	if (!sim) {
		if (!getenv("SIM_LOG")) {
			int null = open("/dev/null", O_WRONLY);
			dup2(null, 2);
		}
		execv(SIM, (char *const *)argv);
		_exit(127);
	}
	uint64_t end = now_ms() + PATIENCE;
	while (access(path, F_OK)) {
		assert_int_equal(waitpid(sim, NULL, WNOHANG), 0);
		assert_true(now_ms() < end);
		nap();
	}
}

static int wait_for(pid_t pid)
{
	int status = 0;
	uint64_t end = now_ms() + PATIENCE;
	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ms() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fail_msg("a process did not end");
		}
		nap();
	}
	return status;
}

static void stop_sim(void)
{
	kill(sim, SIGTERM);
	int status = wait_for(sim);
	sim = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static json_int_t stat_of(const char *group, const char *name)
{
	json_t *all = json_load_file(stats_path, 0, NULL);
	assert_non_null(all);
	json_t *in = group ? json_object_get(all, group) : all;
	json_t *value = json_object_get(in, name);
	assert_non_null(value);
	json_int_t v = json_integer_value(value);
	json_decref(all);
	return v;
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/glane-sim-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/nic.sock", folder);
	snprintf(relay_path, sizeof(relay_path), "%s/relay.sock", folder);
	snprintf(stats_path, sizeof(stats_path), "%s/stats.json", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (sim > 0) {
		kill(sim, SIGKILL);
		waitpid(sim, NULL, 0);
		sim = 0;
	}
	if (relay > 0) {
		kill(relay, SIGKILL);
		waitpid(relay, NULL, 0);
		relay = 0;
	}
	unlink(path);
	unlink(relay_path);
	unlink(stats_path);
	return rmdir(folder);
}

/* --- A NIC with two guests ------------------------------------------------------------------------------------------------------------ */

struct guest {
	struct gl_nic *nic;
	unsigned context;
	const struct gl_memory *memory;
	struct vnet v;
	int irq;
};

static uint32_t page_read(void *arg, uint32_t offset, unsigned size)
{
	struct guest *g = arg;
	return gl_page_read(g->nic, g->context, offset, size);
}

static void page_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	struct guest *g = arg;
	gl_page_write(g->nic, g->context, offset, value, size);
}

static void kick(void *arg, unsigned queue)
{
	struct guest *g = arg;
	uint64_t one = 1;
	int fd = gl_doorbell_fd(g->nic, g->context, queue);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

#define GOOD(call)                                                 \
	do {                                                       \
		int good_result = (int)(call);                     \
		if (good_result < 0)                               \
			fail_msg("%s: %s", #call, gl_error(nic)); \
	} while (0)

static struct gl_nic *nic;

static void open_nic(void)
{
	char device[128];
	if (messages && !relay) {
		relay = relay_start(relay_path, path);
		uint64_t end = now_ms() + PATIENCE;
		while (access(relay_path, F_OK) && now_ms() < end)
			nap();
	}
	snprintf(device, sizeof(device), "vfio-user:%s", messages ? relay_path : path);
	struct gl_config config = { .device = device, .timeout_ms = PATIENCE };
	GOOD(gl_open(&nic, &config));
}

static void load_firmware(void)
{
	struct gl_firmware *firmware;
	GOOD(gl_firmware_read(&firmware, FIRMWARE, NULL));
	GOOD(gl_firmware_load(nic, firmware));
	gl_firmware_free(firmware);
}

static void guest_start(struct guest *g, unsigned context, bool split)
{
	struct gl_context_config config = { .mac = { 2, 0, 0, 0, 0, (uint8_t)context } };
	char name[20];
	snprintf(name, sizeof(name), "guest%u", context);
	size_t bytes = (vnet_bytes(64, 1500) + 4095) & ~4095ul;
	*g = (struct guest){ .nic = nic, .context = context };
	GOOD(gl_memory_new(nic, name, bytes, &g->memory));
	GOOD(gl_context_create(nic, context, &config));
	GOOD(gl_map(nic, context, GUEST_AT, g->memory->bus, bytes, GL_READ | GL_WRITE));
	GOOD(gl_context_enable(nic, context, true));
	g->irq = gl_irq_fd(nic, 1 + context);
	GOOD(g->irq);
	struct vnet_config v = {
		.memory = g->memory->data,
		.bytes = bytes,
		.guest_address = GUEST_AT,
		.split = split,
		.queue_size = 64,
		.device = { page_read, page_write, kick, g },
	};
	int error = vnet_start(&g->v, &v);
	if (error)
		fail_msg("vnet_start: %s", g->v.error);
	vnet_arm(&g->v, false);
}

static void build_frame(uint8_t *frame, unsigned to, unsigned from, unsigned number)
{
	memset(frame, 0, FRAME);
	frame[0] = frame[6] = 2;
	frame[5] = (uint8_t)to;
	frame[11] = (uint8_t)from;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	for (unsigned i = 14; i < FRAME; i++)
		frame[i] = (uint8_t)(i * 7 + number * 13);
}

static bool send_frame(struct guest *g, unsigned to, unsigned number)
{
	size_t room;
	uint8_t *at = vnet_tx_buffer(&g->v, &room);
	if (!at)
		return false;
	memset(at, 0, VNET_HDR_BYTES);
	build_frame(at + VNET_HDR_BYTES, to, g->context, number);
	vnet_tx_send(&g->v, VNET_HDR_BYTES + FRAME);
	return true;
}

/* Waits for an interrupt and checks what came; the number of frames. */
static unsigned receive_frames(struct guest *g, unsigned from, unsigned first)
{
	uint8_t wanted[FRAME];
	struct vnet_frame f;
	unsigned n = 0;
	int got;
	while ((got = vnet_receive(&g->v, &f)) == 1) {
		size_t at = 0;
		build_frame(wanted, g->context, from, first + n);
		assert_int_equal(f.bytes, FRAME);
		for (unsigned i = 0; i < f.parts; i++) {
			assert_memory_equal(f.part[i].iov_base, wanted + at, f.part[i].iov_len);
			at += f.part[i].iov_len;
		}
		n++;
	}
	assert_int_equal(got, 0);
	vnet_rx_release(&g->v);
	vnet_flush(&g->v);
	return n;
}

static void wait_irq(struct guest *g)
{
	struct pollfd p = { .fd = g->irq, .events = POLLIN };
	uint64_t count;
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(read(g->irq, &count, sizeof(count)), sizeof(count));
	uint32_t bits = gl_page_read(nic, g->context, GL_DEV_INTERRUPT_STATUS, 4);
	gl_page_write(nic, g->context, GL_DEV_INTERRUPT_ACK, bits, 4);
}

static void traffic(struct guest *from, struct guest *to, unsigned frames)
{
	for (unsigned sent = 0, got = 0; got < frames;) {
		while (sent < frames && sent - got < 16 && send_frame(from, to->context, sent))
			sent++;
		vnet_flush(&from->v);
		unsigned n = receive_frames(to, from->context, got);
		got += n;
		if (!n && !vnet_arm(&to->v, false))
			wait_irq(to);
	}
}

/* --- Tests ---------------------------------------------------------------------------------------------------------------------------------- */

static void frames_between_guests(void **state)
{
	struct guest a, b;
	(void)state;
	start_sim(NULL);
	open_nic();
	assert_int_equal(gl_contexts(nic), 32);
	load_firmware();
	guest_start(&a, 3, false);
	guest_start(&b, 7, true);
	traffic(&a, &b, 40);
	traffic(&b, &a, 40);
	vnet_stop(&a.v);
	vnet_stop(&b.v);
	gl_close(nic);
	stop_sim();
	assert_int_equal(stat_of("vfio_user", "clients"), 1);
	assert_int_equal(stat_of("dma", "refused_reads"), 0);
	assert_int_equal(stat_of("dma", "refused_writes"), 0);
	assert_true(stat_of("dma", "read_bytes") > 80 * FRAME);
	assert_int_equal(stat_of("dma", "by_message") > 0, messages);
	assert_true(stat_of("vfio_user", "doorbells") > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_between_guests, setup, teardown),
	};
	messages = argc > 1 && !strcmp(argv[1], "messages");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
