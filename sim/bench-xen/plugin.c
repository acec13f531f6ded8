// SPDX-License-Identifier: Apache-2.0
/*
 * Plugin of QEMU's TCG that counts instructions by where they lie, from marker to marker (record.h), and keeps a virtual machine and the simulated NIC
 * together:
 *
 *   -plugin file=insn-count.so,out=FILE,ram=NAME[,settle=PATH][,wire=PATH][,burst=COUNT/OCTETS/GUESTS]...
 *
 * out     records are appended there
 * ram     what the mapping of guest RAM is called in /proc/self/maps (memory-backend-file's path, memory-backend-memfd's name); it begins at address 0 and
 *         ends below 4 GiB
 * settle  glane-sim's --settle: before Xen halts the processor, the plugin waits until the NIC is at rest. The machine's clock counts instructions
 *         (-icount sleep=off), so it waits in no time; what the NIC has done meanwhile (DMA, interrupts) is there then.
 * wire    glane-sim's --wire unix: frames of the NIC are counted, and marker MARK_BURST + i sends burst i of this command line: COUNT frames of OCTETS of
 *         UDP to one guest, of guests 1 to GUESTS the next with each burst (frame.h), 0: to dom0
 */
#include "frame.h"
#include "qemu_plugin.h"
#include "record.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS_MAX (1u << 20)
#define HASH_SIZE  (1u << 22)
#define BURSTS_MAX 16
/* Where Xen lies in every address space (xen/arch/x86/include/asm/config.h). */
#define XEN_BEGIN  0xffff800000000000ull
#define XEN_END	   0xffff880000000000ull

/* After the NIC raised an interrupt QEMU's main loop needs this long to bring it to the processor. */
#define DELIVER_NS 300000

QEMU_PLUGIN_PUBLIC int qemu_plugin_version = QEMU_PLUGIN_INTERFACE;

struct block {
	struct record_block b;
	uint64_t last; /* counter at the last marker */
};

struct burst {
	unsigned count, octets, guests, next;
};

static struct {
	FILE *out;
	const char *ram_name;
	uint64_t ram, ram_bytes; /* in this process */
	struct block *block;	 /* from 1 on */
	uint32_t blocks, *hash;
	struct qemu_plugin_scoreboard *counters;
	pthread_mutex_t lock;
	uint32_t run;

	int settle, wire; /* -1: none */
	const char *settle_path, *wire_path;
	struct burst burst[BURSTS_MAX];
	unsigned bursts;
	uint64_t cycles, interrupts;		 /* as the NIC said last */
	uint64_t start_cycles, start_interrupts; /* at the start */
	uint64_t sent, start_sent, start_got;
	_Atomic uint64_t got;
} p = { .settle = -1, .wire = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "insn-count: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

/* --- The NIC ------------------------------------------------------------------------------------------------------------------- */

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a.sun_path)) {
		say("'%s' is too long for a socket", path);
		return -1;
	}
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), room = 4 << 20;
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		say("cannot connect to '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

/* Until the NIC is at rest, and its interrupts have arrived. */
static void settle(void)
{
	uint64_t answer[2];
	while (p.settle >= 0) {
		ssize_t n = send(p.settle, "?", 1, MSG_NOSIGNAL);
		if (n == 1)
			n = recv(p.settle, answer, sizeof(answer), 0);
		if (n != sizeof(answer)) {
			say("the NIC does not answer any more");
			close(p.settle);
			p.settle = -1;
			return;
		}
		bool interrupted = answer[1] != p.interrupts;
		p.cycles = answer[0];
		p.interrupts = answer[1];
		if (!interrupted)
			return;
		nanosleep(&(struct timespec){ 0, DELIVER_NS }, NULL);
	}
}

static void before_halt(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	settle();
}

/* Takes frames of the NIC off the wire. */
static void *read_wire(void *arg)
{
	static uint8_t frame[16384];
	(void)arg;
	for (;;) {
		ssize_t n = recv(p.wire, frame, sizeof(frame), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		atomic_fetch_add(&p.got, 1);
	}
}

static void send_burst(struct burst *b)
{
	static const uint8_t dom0[6] = { 0x02, 0, 0, 0, 0, 0x01 };
	uint8_t frame[FRAME_HEADERS + FRAME_PAYLOAD], mac[6];
	unsigned guest = b->guests ? 1 + b->next++ % b->guests : 0;
	for (unsigned i = 0; i < b->count && p.wire >= 0; i++) {
		if (guest)
			frame_guest_mac(mac, guest);
		size_t bytes = frame_build(frame, guest ? mac : dom0, guest ? FRAME_HOST(guest) : 1,
					   b->octets);
		if (send(p.wire, frame, bytes, MSG_NOSIGNAL) < 0) {
			say("the wire takes no frame: %s", strerror(errno));
			return;
		}
		p.sent++;
	}
}

static bool parse_burst(const char *text)
{
	struct burst b = { 0 };
	char rest;
	if (p.bursts == BURSTS_MAX ||
	    sscanf(text, "%u/%u/%u%c", &b.count, &b.octets, &b.guests, &rest) != 3 ||
	    b.octets > FRAME_PAYLOAD || b.guests > FRAME_GUESTS)
		return false;
	p.burst[p.bursts++] = b;
	return true;
}

/* --- Counters ------------------------------------------------------------------------------------------------------------------ */

static void find_ram(void)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;
		if (strstr(line, p.ram_name) && sscanf(line, "%llx-%llx", &from, &to) == 2 &&
		    to - from > p.ram_bytes) {
			p.ram = from;
			p.ram_bytes = to - from;
		}
	}
	if (f)
		fclose(f);
	if (!p.ram_bytes)
		say("no memory is called '%s'", p.ram_name);
}

static uint64_t physical(const struct qemu_plugin_insn *insn)
{
	uint64_t host = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(insn);
	if (host >= p.ram && host - p.ram < p.ram_bytes)
		return host - p.ram;
	return host | RECORD_NO_RAM;
}

/* Number of the block that is this; a new one if there was none. The lock is held. */
static uint32_t block_of(uint64_t virtual, uint64_t physical, uint32_t length, uint32_t repeat)
{
	uint64_t h = virtual * 0x9e3779b97f4a7c15ull ^ physical * 0xc2b2ae3d27d4eb4full ^
		     (uint64_t)length << 8 ^ repeat;
	for (uint32_t i = (uint32_t)(h ^ h >> 29);; i++) {
		uint32_t *k = &p.hash[i % HASH_SIZE];
		struct record_block *b = &p.block[*k].b;
		if (*k && b->virtual == virtual && b->physical == physical && b->length == length &&
		    b->repeat == repeat)
			return *k;
		if (*k)
			continue;
		if (p.blocks == BLOCKS_MAX) {
			say("more than %u pieces of code", BLOCKS_MAX);
			exit(1);
		}
		*k = p.blocks++;
		p.block[*k].b = (struct record_block){
			.virtual = virtual, .physical = physical, .length = length, .repeat = repeat
		};
		return *k;
	}
}

static uint64_t counter(uint32_t block)
{
	uint64_t sum = 0;
	for (int v = 0; v < qemu_plugin_num_vcpus(); v++)
		sum += ((uint64_t *)qemu_plugin_scoreboard_find(p.counters, (unsigned)v))[block];
	return sum;
}

static void write_record(void)
{
	struct record_header h = {
		.magic = RECORD_MAGIC,
		.run = p.run,
		.from_wire = p.sent - p.start_sent,
		.to_wire = p.got - p.start_got,
		.interrupts = p.interrupts - p.start_interrupts,
		.cycles = p.cycles - p.start_cycles,
	};
	long at = ftell(p.out);
	fwrite(&h, sizeof(h), 1, p.out);
	for (uint32_t k = 1; k < p.blocks; k++) {
		struct record_block b = p.block[k].b;
		b.executed = counter(k) - p.block[k].last;
		if (!b.executed)
			continue;
		h.blocks++;
		h.instructions += b.executed;
		fwrite(&b, sizeof(b), 1, p.out);
	}
	fseek(p.out, at, SEEK_SET);
	fwrite(&h, sizeof(h), 1, p.out);
	fseek(p.out, 0, SEEK_END);
	if (fflush(p.out))
		say("a record is not complete: %s", strerror(errno));
}

static void on_mark(unsigned vcpu, void *data)
{
	unsigned mark = (unsigned)(uintptr_t)data;
	(void)vcpu;
	pthread_mutex_lock(&p.lock);
	if (mark == MARK_START) {
		for (uint32_t k = 1; k < p.blocks; k++)
			p.block[k].last = counter(k);
		p.start_sent = p.sent;
		p.start_got = p.got;
		p.start_cycles = p.cycles;
		p.start_interrupts = p.interrupts;
	} else if (mark == MARK_END) {
		write_record();
		p.run = 0;
	} else if (mark >= MARK_DIGIT && mark < MARK_DIGIT + 16) {
		p.run = (p.run << 4 | (mark - MARK_DIGIT)) & MARK_MAX_RUNS;
	} else if (mark >= MARK_BURST && mark < MARK_BURST + p.bursts) {
		send_burst(&p.burst[mark - MARK_BURST]);
	}
	pthread_mutex_unlock(&p.lock);
}

/* The string instruction with a repeat prefix that this is, or 0. */
static unsigned repeated(const uint8_t *code, size_t bytes)
{
	bool repeat = false;
	for (size_t i = 0; i < bytes; i++) {
		uint8_t c = code[i];
		if (c == 0xf2 || c == 0xf3)
			repeat = true;
		else if (c != 0x66 && c != 0x67 && (c & 0xf0) != 0x40)
			return repeat && ((c >= 0xa4 && c <= 0xa7) || (c >= 0xaa && c <= 0xaf) ||
					  (c >= 0x6c && c <= 0x6f))
				       ? c
				       : 0;
	}
	return 0;
}

static void on_translate(struct qemu_plugin_tb *tb, void *data)
{
	size_t count = qemu_plugin_tb_n_insns(tb), first = 0;
	(void)data;
	pthread_mutex_lock(&p.lock);
	if (!p.ram_bytes)
		find_ram();
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint8_t code[16];
		size_t bytes = qemu_plugin_insn_data(insn, code, sizeof(code));
		uint32_t word = 0;
		uint64_t at = qemu_plugin_insn_vaddr(insn);
		unsigned repeat = repeated(code, bytes);
		if (bytes == 5 && code[0] == 0xb8)
			memcpy(&word, code + 1, 4);
		if ((word & ~0xffu) == MARK_MAGIC)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)(word & 0xff));
		if (bytes == 1 && code[0] == 0xf4 && at >= XEN_BEGIN && at < XEN_END &&
		    p.settle >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, before_halt,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		/* A repeated instruction runs on its own: it ends a piece, and one before it ends there. */
		if (!repeat && i != count - 1)
			continue;
		struct qemu_plugin_insn *begin = qemu_plugin_tb_get_insn(tb, first);
		uint32_t length = (uint32_t)(i - first + 1);
		uint32_t k =
			block_of(qemu_plugin_insn_vaddr(begin), physical(begin), length, repeat);
		qemu_plugin_u64 entry = { p.counters, (size_t)k * sizeof(uint64_t) };
		if (first)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
				begin, QEMU_PLUGIN_INLINE_ADD_U64, entry, length);
		else
			qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
				tb, QEMU_PLUGIN_INLINE_ADD_U64, entry, length);
		first = i + 1;
	}
	pthread_mutex_unlock(&p.lock);
}

/* What stands behind name= of an argument, or NULL. */
static const char *value(const char *argument, const char *name)
{
	size_t n = strlen(name);
	return !strncmp(argument, name, n) && argument[n] == '=' ? argument + n + 1 : NULL;
}

QEMU_PLUGIN_PUBLIC int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv);
QEMU_PLUGIN_PUBLIC int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	const char *out = NULL, *v;
	pthread_t thread;
	if (info->version.min > QEMU_PLUGIN_INTERFACE ||
	    info->version.cur < QEMU_PLUGIN_INTERFACE) {
		say("this QEMU takes plugins of versions %d to %d, this is %d", info->version.min,
		    info->version.cur, QEMU_PLUGIN_INTERFACE);
		return -1;
	}
	for (int i = 0; i < argc; i++) {
		if ((v = value(argv[i], "out")))
			out = v;
		else if ((v = value(argv[i], "ram")))
			p.ram_name = strdup(v);
		else if ((v = value(argv[i], "settle")))
			p.settle_path = v;
		else if ((v = value(argv[i], "wire")))
			p.wire_path = v;
		else if (!(v = value(argv[i], "burst")) || !parse_burst(v)) {
			say("'%s' makes no sense", argv[i]);
			return -1;
		}
	}
	if (!out || !p.ram_name) {
		say("out= or ram= is missing");
		return -1;
	}
	p.out = fopen(out, "wb");
	p.block = calloc(BLOCKS_MAX, sizeof(*p.block));
	p.hash = calloc(HASH_SIZE, sizeof(*p.hash));
	p.counters = qemu_plugin_scoreboard_new(BLOCKS_MAX * sizeof(uint64_t));
	p.blocks = 1;
	if (!p.out || !p.block || !p.hash) {
		say("cannot begin '%s': %s", out, strerror(errno));
		return -1;
	}
	if ((p.settle_path && (p.settle = connect_to(p.settle_path)) < 0) ||
	    (p.wire_path && (p.wire = connect_to(p.wire_path)) < 0) ||
	    (p.wire >= 0 && pthread_create(&thread, NULL, read_wire, NULL)))
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate, NULL);
	return 0;
}
