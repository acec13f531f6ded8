// SPDX-License-Identifier: Apache-2.0
// glane-sim as a whole: the process, its socket, and the NIC behind it, driven by libguestlane and a virtio-net driver, and by hand.
//
// Argument "long": the tests that take longer, and figures. "messages": a relay between library and glane-sim keeps the descriptors of DMA
// maps to itself, so that the NIC's DMA goes by messages, which it answers. Else the name of a test, or nothing: the quick ones.
// SIM_LOG=1 shows what glane-sim says.
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <linux/vfio.h>

#include "guestlane.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"
#include "relay.h"
#include "vfio_user.h"
#include "vnet.h"

#define SIM	 "build/sim/glane-sim"
#define FIRMWARE "build/firmware/guestlane.fw"
#define ELF	 "build/firmware/guestlane.elf"
#define PATIENCE 20000 /* ms: for anything that should take far less */
#define GUEST_AT 0x100000ull
#define FRAME	 1514u

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
		prctl(PR_SET_PDEATHSIG, SIGKILL);
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
	if (!messages)
		return;
	relay = relay_start(relay_path, path);
	while (access(relay_path, F_OK)) {
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

#define GOOD(call)                                                \
	do {                                                      \
		int good_result = (int)(call);                    \
		if (good_result < 0)                              \
			fail_msg("%s: %s", #call, gl_error(nic)); \
	} while (0)

static struct gl_nic *nic;

static void open_nic(void)
{
	char device[128];
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

/* --- A client by hand ----------------------------------------------------------------------------------------------------------------------- */

static uint16_t message_id;

/* Sends a request with an optional descriptor. */
static void ask(int fd, enum vfio_user_command command, const void *body, size_t bytes,
		const void *data, size_t data_bytes, int pass)
{
	struct vfio_user_header h = {
		.id = ++message_id,
		.command = (uint16_t)command,
		.size = (uint32_t)(sizeof(h) + bytes + data_bytes),
	};
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov[3] = { { &h, sizeof(h) },
				{ (void *)body, bytes },
				{ (void *)data, data_bytes } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };
	if (pass >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), h.size);
}

/* The reply in one recv(): its error, or the bytes of its body (as a negative number minus one: none). */
static int answer(int fd, void *body, size_t room)
{
	uint8_t m[8192];
	struct vfio_user_header h;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	ssize_t n = recv(fd, m, sizeof(m), 0);
	assert_true(n >= (ssize_t)sizeof(h));
	memcpy(&h, m, sizeof(h));
	assert_int_equal(h.size, n);
	assert_int_equal(h.id, message_id);
	if (h.flags & VFIO_USER_ERROR)
		return (int)h.error;
	if (room > (size_t)n - sizeof(h))
		room = (size_t)n - sizeof(h);
	if (room)
		memcpy(body, m + sizeof(h), room);
	return 0;
}

static int hello(int fd)
{
	struct vfio_user_version v = { 0, 0 };
	ask(fd, VFIO_USER_VERSION, &v, sizeof(v), NULL, 0, -1);
	return answer(fd, &v, sizeof(v));
}

static int client(void)
{
	/* The socket's file is there a moment before anybody listens behind it. */
	uint64_t end = now_ms() + PATIENCE;
	int fd;
	while ((fd = try_connect(path)) < 0) {
		assert_true(now_ms() < end);
		nap();
	}
	assert_int_equal(hello(fd), 0);
	return fd;
}

static uint32_t reg_read(int fd, uint32_t region, uint64_t offset)
{
	struct {
		struct vfio_user_region_access a;
		uint32_t value;
	} r = { { offset, region, 4 }, 0 };
	ask(fd, VFIO_USER_REGION_READ, &r.a, sizeof(r.a), NULL, 0, -1);
	assert_int_equal(answer(fd, &r, sizeof(r)), 0);
	return r.value;
}

static void reg_write(int fd, uint32_t region, uint64_t offset, uint32_t value)
{
	struct vfio_user_region_access a = { offset, region, 4 };
	ask(fd, VFIO_USER_REGION_WRITE, &a, sizeof(a), &value, sizeof(value), -1);
	assert_int_equal(answer(fd, &a, sizeof(a)), 0);
}

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX

static void reset_starts_anew(void **state)
{
	struct guest a, b;
	(void)state;
	start_sim(NULL);
	open_nic();
	load_firmware();
	guest_start(&a, 0, false);
	guest_start(&b, 1, false);
	traffic(&a, &b, 3);
	gl_write(nic, GL_BAR0, GL_BAR0_SCRATCH, 0x5ca1ab1e, 4);
	GOOD(gl_reset(nic));
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_FW_STATE, 4), 0);
	/* All of it again; the interrupts are those of before. */
	GOOD(gl_memory_free(nic, a.memory));
	GOOD(gl_memory_free(nic, b.memory));
	load_firmware();
	guest_start(&a, 0, true);
	guest_start(&b, 1, true);
	traffic(&a, &b, 20);
	gl_close(nic);
	stop_sim();
}

/* A function level reset as a client may ask for it: a write to the configuration space. */
static void function_level_reset(void **state)
{
	(void)state;
	start_sim(NULL);
	int fd = client();
	unsigned pcie = 0x60;
	assert_int_equal(reg_read(fd, CONFIG, pcie) & 0xff, 0x10);
	reg_write(fd, CONFIG, 0x10, 0xfebc0000);
	reg_write(fd, 0, GL_BAR0_SCRATCH, 0x12345678);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_SCRATCH), 0x12345678);
	reg_write(fd, CONFIG, pcie + 8, reg_read(fd, CONFIG, pcie + 8) | 0x8000);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_SCRATCH), 0);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	/* What a host owns stays. */
	assert_int_equal(reg_read(fd, CONFIG, 0x10), 0xfebc0000);
	close(fd);
	stop_sim();
}

/* Configuration space: sizes of BARs, and that an access without memory space enabled finds nobody. */
static void configuration_space(void **state)
{
	(void)state;
	start_sim(NULL);
	int fd = client();
	assert_int_equal(reg_read(fd, CONFIG, 0), GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID);
	for (unsigned at = 0x10; at < 0x28; at += 4)
		reg_write(fd, CONFIG, at, 0xffffffff);
	assert_int_equal(reg_read(fd, CONFIG, 0x10), 0xffff0000);
	assert_int_equal(reg_read(fd, CONFIG, 0x14), 0);
	assert_int_equal(reg_read(fd, CONFIG, 0x18), 0xfffe000c);
	assert_int_equal(reg_read(fd, CONFIG, 0x1c), 0xffffffff);
	assert_int_equal(reg_read(fd, CONFIG, 0x20), 0xfffff000);
	/* The NIC still is where the host has put it. */
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	reg_write(fd, CONFIG, 4, 0);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), 0xffffffff);
	reg_write(fd, CONFIG, 4, 2);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	close(fd);
	stop_sim();
}

/* The client is killed with guests that run: the NIC is new for the next one. */
static void client_killed(void **state)
{
	int ready[2];
	char byte;
	(void)state;
	start_sim(NULL);
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		struct guest a, b;
		open_nic();
		load_firmware();
		guest_start(&a, 0, false);
		guest_start(&b, 1, false);
		traffic(&a, &b, 4);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			traffic(&b, &a, 1000);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	kill(child, SIGKILL);
	wait_for(child);

	struct guest a, b;
	open_nic();
	assert_int_equal(gl_read(nic, GL_BAR0, GL_BAR0_FW_STATE, 4), 0);
	load_firmware();
	guest_start(&a, 0, true);
	guest_start(&b, 1, false);
	traffic(&a, &b, 10);
	gl_close(nic);
	stop_sim();
	assert_int_equal(stat_of("vfio_user", "clients"), 2);
	assert_int_equal(stat_of("dma", "maps"), 0);
}

/* A client is whoever holds the socket: the NIC is reset when the last one closes it, and not before. */
static void last_descriptor_counts(void **state)
{
	(void)state;
	start_sim(NULL);
	int fd = client();
	int again = dup(fd);
	reg_write(fd, 0, GL_BAR0_SCRATCH, 0x77);
	close(fd);
	assert_int_equal(reg_read(again, 0, GL_BAR0_SCRATCH), 0x77);
	close(again);
	fd = client();
	assert_int_equal(reg_read(fd, 0, GL_BAR0_SCRATCH), 0);
	close(fd);
	stop_sim();
}

static void second_client_is_refused(void **state)
{
	(void)state;
	start_sim(NULL);
	int fd = client(), second = try_connect(path);
	assert_true(second >= 0);
	assert_int_equal(hello(second), EBUSY);
	close(second);
	/* One that says nothing disturbs nobody. */
	second = try_connect(path);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	close(second);
	close(fd);
	stop_sim();
	assert_true(stat_of("vfio_user", "refused_clients") >= 1);
}

/* Runs glane-sim until it ends by itself; its exit status, and what it said. */
static int run(const char *const *argv, char *said, size_t room)
{
	int out[2];
	assert_int_equal(pipe(out), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		execv(SIM, (char *const *)argv);
		_exit(127);
	}
	close(out[1]);
	size_t have = 0;
	ssize_t n = 1;
	struct pollfd p = { .fd = out[0], .events = POLLIN };
	while (have < room - 1 && n > 0 && poll(&p, 1, PATIENCE) == 1) {
		n = read(out[0], said + have, room - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	said[have] = 0;
	close(out[0]);
	int status = wait_for(pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void socket_file(void **state)
{
	char said[4096];
	const char *const argv[] = { SIM, "--socket", path, NULL };
	(void)state;
	/* Left behind by a process that was killed: replaced. */
	start_sim(NULL);
	kill(sim, SIGKILL);
	wait_for(sim);
	assert_int_equal(access(path, F_OK), 0);
	start_sim(NULL);
	uint64_t end = now_ms() + PATIENCE;
	int fd;
	while ((fd = try_connect(path)) < 0 && now_ms() < end)
		nap();
	assert_int_equal(hello(fd), 0);
	/* In use: refused, and not harmed. */
	assert_int_equal(run(argv, said, sizeof(said)), 1);
	assert_non_null(strstr(said, path));
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	close(fd);
	stop_sim();
	/* Not a socket: left alone. */
	FILE *f = fopen(path, "w");
	fputs("precious", f);
	fclose(f);
	assert_int_equal(run(argv, said, sizeof(said)), 1);
	assert_non_null(strstr(said, path));
	f = fopen(path, "r");
	assert_non_null(fgets(said, sizeof(said), f));
	assert_string_equal(said, "precious");
	fclose(f);
}

static void command_line(void **state)
{
	static const struct {
		const char *argv[8];
		const char *word;
	} bad[] = {
		{ { SIM, NULL }, "--socket" },
		{ { SIM, "--socket", NULL }, "--socket" },
		{ { SIM, "--sock", "x", "--frobnicate", NULL }, "--frobnicate" },
		{ { SIM, "--socket", "x", "extra", NULL }, "extra" },
		{ { SIM, "--socket", "x", "--contexts", "0", NULL }, "'0'" },
		{ { SIM, "--socket", "x", "--contexts", "many", NULL }, "many" },
		{ { SIM, "--socket", "x", "--contexts", "253", NULL }, "253" },
		{ { SIM, "--socket", "x", "--line-rate", "fast", NULL }, "fast" },
		{ { SIM, "--socket", "x", "--trace", "t.fst", NULL }, "t.fst" },
		{ { SIM, "--socket", "x", "--trace", "t.fst,5,4", NULL }, "'4'" },
		{ { SIM, "--socket", "x", "--firmware", "Makefile", NULL }, "Makefile" },
		{ { SIM, "--socket", "x", "--wire", "string", NULL }, "string" },
		{ { SIM, "--socket", "x", "--firmware", "/nowhere.elf", NULL }, "/nowhere.elf" },
		{ { SIM, "--socket", "", NULL }, "''" },
	};
	char said[8192];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[8];
		memcpy(argv, bad[i].argv, sizeof(argv));
		if (argv[2] && !strcmp(argv[2], "x"))
			argv[2] = path;
		int status = run(argv, said, sizeof(said));
		if (!status || !strstr(said, bad[i].word) || strncmp(said, "glane-sim: ", 11) ||
		    strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("status %d: %s", status, said);
	}
	const char *const help[] = { SIM, "--help", NULL }, *const version[] = { SIM, "--version",
										 NULL };
	assert_int_equal(run(help, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "--stats-json"));
	assert_int_equal(run(version, said, sizeof(said)), 0);
}

/* --firmware: it runs when a client comes, and after every reset. */
static void firmware_from_the_start(void **state)
{
	(void)state;
	start_sim((const char *const[]){ "--firmware", ELF, NULL });
	int fd = client();
	assert_int_equal(reg_read(fd, 0, GL_BAR0_FW_STATE), GL_FW_RUN);
	close(fd);
	stop_sim();
	start_sim((const char *const[]){ "--firmware", FIRMWARE, NULL });
	fd = client();
	assert_int_equal(reg_read(fd, 0, GL_BAR0_FW_STATE), GL_FW_RUN);
	ask(fd, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0, -1);
	assert_int_equal(answer(fd, NULL, 0), 0);
	assert_int_equal(reg_read(fd, 0, GL_BAR0_FW_STATE), GL_FW_RUN);
	close(fd);
	fd = client();
	assert_int_equal(reg_read(fd, 0, GL_BAR0_FW_STATE), GL_FW_RUN);
	/* Its heart goes on, however slowly, with nothing else to do. */
	uint32_t beat = reg_read(fd, 0, GL_BAR0_FW_HEARTBEAT);
	uint64_t end = now_ms() + PATIENCE;
	while (reg_read(fd, 0, GL_BAR0_FW_HEARTBEAT) == beat) {
		assert_true(now_ms() < end);
		poll(NULL, 0, 100);
	}
	close(fd);
	stop_sim();
}

static double cpu_seconds(pid_t pid)
{
	char file[64];
	unsigned long user = 0, system = 0;
	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(file, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &system),
			 2);
	fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* With guests that wait for frames the process sleeps. The limit is generous: asked for is 1 %. */
static void idle_costs_nothing(void **state)
{
	struct guest a, b;
	(void)state;
	start_sim(NULL);
	open_nic();
	load_firmware();
	guest_start(&a, 0, false);
	guest_start(&b, 1, false);
	traffic(&a, &b, 4);
	poll(NULL, 0, 500);
	double before = cpu_seconds(sim);
	uint64_t began = now_ms();
	poll(NULL, 0, 2500);
	double percent = 100 * (cpu_seconds(sim) - before) / ((double)(now_ms() - began) / 1000);
	print_message("# idle: %.2f %% of a processor\n", percent);
	assert_true(percent < 5);
	traffic(&a, &b, 4);
	gl_close(nic);
	stop_sim();
}

static int compare_times(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* How long a register read takes: a figure, no test of it but that it ends. */
static void register_read_round_trip(void **state)
{
	enum { READS = 400 };
	double us[READS];
	(void)state;
	start_sim(NULL);
	int fd = client();
	for (unsigned i = 0; i < READS; i++) {
		struct timespec from, to;
		clock_gettime(CLOCK_MONOTONIC, &from);
		assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
		clock_gettime(CLOCK_MONOTONIC, &to);
		us[i] = (double)(to.tv_sec - from.tv_sec) * 1e6 +
			(double)(to.tv_nsec - from.tv_nsec) / 1e3;
	}
	qsort(us, READS, sizeof(us[0]), compare_times);
	print_message("# register read: median %.0f us, 90 %% below %.0f us\n", us[READS / 2],
		      us[READS * 9 / 10]);
	close(fd);
	stop_sim();
}

/* The NIC asks for memory that no map covers: refused, counted, and everything goes on. */
static void unmapped_memory(void **state)
{
	struct guest a, b;
	struct pollfd none = { 0 };
	(void)state;
	start_sim(NULL);
	open_nic();
	load_firmware();
	guest_start(&a, 0, false);
	guest_start(&b, 1, false);
	GOOD(gl_map(nic, 2, GUEST_AT, 0x7000000000ull, 65536, GL_READ | GL_WRITE));
	struct gl_context_config config = { .mac = { 2, 0, 0, 0, 0, 2 } };
	GOOD(gl_context_create(nic, 2, &config));
	GOOD(gl_context_enable(nic, 2, true));
	/* A driver by hand, whose rings lie nowhere. */
	static const struct {
		uint32_t offset, value;
	} w[] = {
		{ GL_DEV_STATUS, 0 },
		{ GL_DEV_STATUS, 3 },
		{ GL_DEV_DRIVER_FEATURES_SEL, 1 },
		{ GL_DEV_DRIVER_FEATURES, 3 },
		{ GL_DEV_STATUS, 11 },
		{ GL_DEV_QUEUE_SEL, 1 },
		{ GL_DEV_QUEUE_NUM, 16 },
		{ GL_DEV_QUEUE_DESC_LO, GUEST_AT },
		{ GL_DEV_QUEUE_DRIVER_LO, GUEST_AT + 4096 },
		{ GL_DEV_QUEUE_DEVICE_LO, GUEST_AT + 8192 },
		{ GL_DEV_QUEUE_READY, 1 },
		{ GL_DEV_STATUS, 15 },
		{ GL_DEV_QUEUE_NOTIFY, 1 },
	};
	for (size_t i = 0; i < sizeof(w) / sizeof(w[0]); i++)
		gl_page_write(nic, 2, w[i].offset, w[i].value, 4);
	uint64_t end = now_ms() + PATIENCE;
	while (!(gl_page_read(nic, 2, GL_DEV_STATUS, 4) & 0x40)) {
		assert_true(now_ms() < end);
		poll(&none, 0, 20);
	}
	traffic(&a, &b, 10);
	gl_close(nic);
	stop_sim();
	assert_true(stat_of("dma", "refused_reads") > 0);
}

static void statistics_on_request(void **state)
{
	(void)state;
	start_sim(NULL);
	int fd = client();
	reg_read(fd, 0, GL_BAR0_ID);
	kill(sim, SIGUSR1);
	uint64_t end = now_ms() + PATIENCE;
	while (access(stats_path, F_OK)) {
		assert_true(now_ms() < end);
		nap();
	}
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	close(fd);
	stop_sim();
	assert_true(stat_of(NULL, "cycles_simulated") > 0);
	assert_int_equal(stat_of("pci", "register_reads"), 2);
}

static uint64_t random_state;

static uint32_t below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

/* Random accesses anywhere, resets, maps, interrupts, doorbells, clients that come and go: the NIC is there at the end. SEED=number repeats a run. */
static void noise(void **state)
{
	static const struct {
		uint32_t region, bytes;
	} in[] = {
		{ 0, 0x200 }, { 0, 0x10000 }, { 2, 0x20000 }, { 4, 0x1000 }, { CONFIG, 0x1000 }
	};
	const char *seed = getenv("SEED");
	uint8_t data[4096];
	(void)state;
	random_state =
		seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	print_message("# SEED=%llu\n", (unsigned long long)random_state);
	random_state |= 1;
	start_sim((const char *const[]){ "--wire", "loopback", NULL });
	int fd = client(), memory = memfd_create("noise", MFD_CLOEXEC);
	assert_true(memory >= 0);
	assert_int_equal(ftruncate(memory, 1 << 20), 0);
	for (unsigned n = 0; n < 3000; n++) {
		unsigned i = below(5), what = below(100);
		uint32_t offset = below(in[i].bytes - 8), bytes = 1u << below(4);
		if (below(4))
			offset &= ~(bytes - 1);
		struct vfio_user_region_access a = { offset, in[i].region, bytes };
		for (unsigned b = 0; b < 8; b++)
			data[b] = (uint8_t)(below(3) ? below(4) : below(256));
		if (what < 40) {
			ask(fd, VFIO_USER_REGION_READ, &a, sizeof(a), NULL, 0, -1);
		} else if (what < 80) {
			ask(fd, VFIO_USER_REGION_WRITE, &a, sizeof(a), data, bytes, -1);
		} else if (what < 83) {
			a = (struct vfio_user_region_access){ 0x4000, 0, sizeof(data) };
			ask(fd, VFIO_USER_REGION_WRITE, &a, sizeof(a), data, sizeof(data), -1);
		} else if (what < 90) {
			struct vfio_user_dma_map m = { 32, 1 + below(3), 0,
						       (uint64_t)below(8) << 20, 1 << 20 };
			ask(fd, VFIO_USER_DMA_MAP, &m, sizeof(m), NULL, 0, memory);
		} else if (what < 93) {
			struct vfio_user_dma_unmap m = { 24, 0, 0, (uint64_t)(1 + below(8)) << 20 };
			ask(fd, VFIO_USER_DMA_UNMAP, &m, sizeof(m), NULL, 0, -1);
		} else if (what < 97) {
			struct vfio_irq_set q = { 20, 1u | 8u << below(3), 2, below(33), 1 };
			ask(fd, VFIO_USER_DEVICE_SET_IRQS, &q, 20, NULL, 0, -1);
		} else if (what < 98) {
			ask(fd, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0, -1);
		} else if (what < 99) {
			uint8_t flr = 0x80;
			a = (struct vfio_user_region_access){ 0x69, CONFIG, 1 };
			ask(fd, VFIO_USER_REGION_WRITE, &a, sizeof(a), &flr, 1, -1);
		} else {
			close(fd);
			fd = client();
			continue;
		}
		answer(fd, data, 0);
	}
	close(fd);
	fd = client();
	assert_int_equal(reg_read(fd, 0, GL_BAR0_ID), GL_ID_VALUE);
	close(fd);
	close(memory);
	stop_sim();
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest quick[] = {
		TEST(frames_between_guests),
		TEST(function_level_reset),
		TEST(configuration_space),
		TEST(last_descriptor_counts),
		TEST(second_client_is_refused),
		TEST(socket_file),
		TEST(command_line),
		TEST(statistics_on_request),
	};
	const struct CMUnitTest slow[] = {
		TEST(reset_starts_anew),       TEST(client_killed), TEST(unmapped_memory),
		TEST(firmware_from_the_start), TEST(noise),	    TEST(register_read_round_trip),
		TEST(idle_costs_nothing),
	};
	const struct CMUnitTest by_messages[] = {
		TEST(frames_between_guests),
		TEST(reset_starts_anew),
		TEST(unmapped_memory),
		TEST(client_killed),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	const char *what = argc > 1 ? argv[1] : "";
	messages = !strcmp(what, "messages");
	if (messages)
		return cmocka_run_group_tests(by_messages, NULL, NULL);
	if (!strcmp(what, "long"))
		return cmocka_run_group_tests(slow, NULL, NULL);
	if (*what)
		cmocka_set_test_filter(what);
	return cmocka_run_group_tests(quick, NULL, NULL) +
	       (*what ? cmocka_run_group_tests(slow, NULL, NULL) : 0);
}
