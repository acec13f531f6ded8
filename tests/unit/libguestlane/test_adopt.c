// SPDX-License-Identifier: Apache-2.0
// A NIC outlives its process. First the rules of gl_fds, gl_state and gl_adopt; then processes that work on the NIC are killed at random
// instructions, gl_adopt among their work, and each time the successor must find the NIC (model.h), the tables and the session agreed, and
// what was under way done wholly or not at all.
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
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "rig.h"
#include "nic.h"
#include "guestlane_regs.h"

#define RW     (GL_READ | GL_WRITE)
#define MIB(n) ((uint64_t)(n) << 20)
enum { FDS = 128 };

static struct rig r;
static struct keeper {
	struct gl_fd fds[FDS];
	size_t count;
	char *state;
} keeper;

/* --- The keeper ------------------------------------------------------------------------------------------------------------------ */

static void drop_kept(void)
{
	for (size_t i = 0; i < keeper.count; i++)
		close(keeper.fds[i].fd);
	keeper.count = 0;
}

static void keep(struct gl_nic *nic)
{
	struct gl_fd fds[FDS];
	drop_kept();
	free(keeper.state);
	keeper.state = gl_state(nic);
	keeper.count = gl_fds(nic, fds, FDS);
	assert_in_range(keeper.count, 1, FDS);
	for (size_t i = 0; i < keeper.count; i++) {
		keeper.fds[i] = fds[i];
		keeper.fds[i].fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 0);
	}
}

static int kept_fd(const char *name)
{
	for (size_t i = 0; i < keeper.count; i++)
		if (!strcmp(keeper.fds[i].name, name))
			return keeper.fds[i].fd;
	return -1;
}

/* As if the process had died: nothing is said to the NIC. */
static void vanish(void)
{
	gl_nic_free(r.nic);
	r.nic = NULL;
}

static int adopt_with(const struct gl_fd *fds, size_t count)
{
	struct gl_fd own[FDS] = { 0 };
	for (size_t i = 0; i < count; i++) {
		own[i] = fds[i];
		own[i].fd = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 0);
	}
	int error = gl_adopt(&r.nic, keeper.state, own, count);
	for (size_t i = 0; error && i < count; i++) {
		assert_true(fcntl(own[i].fd, F_GETFD) >= 0); /* stay the caller's */
		close(own[i].fd);
	}
	return error;
}

static int adopt(void)
{
	return adopt_with(keeper.fds, keeper.count);
}

static int up(void **state)
{
	struct gl_config config = { .table_bytes = 96 * 4096 };
	(void)state;
	rig_new(&r);
	rig_open(&r, &config);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_check(&r);
	rig_free(&r);
	drop_kept();
	free(keeper.state);
	keeper.state = NULL;
	return 0;
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- Rules --------------------------------------------------------------------------------------------------------------------------- */

static void a_successor_finds_everything(void **state)
{
	(void)state;
	static const uint16_t vids[] = { 7, 9 };
	struct gl_context_config c = { .mac = { 2, 0, 0, 0, 0, 1 },
				       .mtu = 3000,
				       .vlan_mode = GL_VLAN_TRUNK,
				       .vids = vids,
				       .vid_count = 2 };
	const struct gl_memory *m;
	uint64_t generation = gl_generation(r.nic), bus, one = 1, count;
	assert_int_equal(gl_memory_new(r.nic, "m", MIB(4), &m), 0);
	assert_true(gl_generation(r.nic) > generation);
	generation = gl_generation(r.nic);
	assert_int_equal(gl_context_create(r.nic, 1, &c), 0);
	assert_int_equal(gl_map(r.nic, 1, 0, m->bus, MIB(4), RW), 0);
	assert_int_equal(gl_context_enable(r.nic, 1, true), 0);
	assert_int_equal(gl_generation(r.nic), generation); /* a keeper has nothing to do */
	assert_true(gl_doorbell_fd(r.nic, 1, 0) >= 0);
	assert_true(gl_generation(r.nic) > generation);
	strcpy(m->data, "what was there");
	uint64_t expected = m->bus;
	unsigned id = m->id;
	keep(r.nic);
	unsigned requests = r.m->resets;
	for (int i = 0; i < 3; i++) {
		vanish();
		assert_int_equal(write(kept_fd("irq-2"), &one, 8), 8);
		assert_int_equal(adopt(), 0);
		assert_int_equal(read(gl_irq_fd(r.nic, 2), &count, 8), 8); /* not lost */
		m = gl_memory_find(r.nic, "m");
		assert_non_null(m);
		assert_string_equal(m->data, "what was there");
		assert_int_equal(m->bus, expected);
		assert_int_equal(m->id, id);
		assert_int_equal(gl_translate(r.nic, 1, MIB(3), true, &bus), 0);
		assert_int_equal(bus, expected + MIB(3));
		assert_int_equal(gl_context_config(r.nic, 1, &c), 0);
		assert_int_equal(c.mtu, 3000);
		assert_string_equal(gl_device(r.nic), r.device);
	}
	assert_int_equal(r.m->resets, requests);
	assert_int_equal(r.m->invalidations, 0);
	/* And goes on. */
	struct gl_context_state s;
	assert_int_equal(gl_context_get(r.nic, 1, &s), 0);
	assert_true(s.exists && s.enabled);
	assert_int_equal(gl_unmap(r.nic, 1, 0, MIB(1)), 0);
	assert_int_equal(write(gl_doorbell_fd(r.nic, 1, 0), &one, 8), 8);
	assert_int_equal(gl_context_destroy(r.nic, 1), 900);
	assert_int_equal(gl_memory_free(r.nic, m), 0);
	assert_int_equal(r.nic->tables.free_count, r.nic->tables.pages);
}

static void damaged_state_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"7",
		"{}",
		"{\"guestlane\":2}",
		"{\"guestlane\":1,\"device\":\"vfio-user:/x\"}",
		"{\"guestlane\":1,\"device\":7,\"nonce\":1,\"contexts\":6,\"timeout_ms\":1}",
		"{\"guestlane\":1,\"device\":\"pci:1\",\"nonce\":1,\"contexts\":6,\"timeout_ms\":"
		"1}",
		"{\"guestlane\":1,\"device\":\"vfio-user:/"
		"x\",\"nonce\":-1,\"contexts\":6,\"timeout_ms\":1}",
		"{\"guestlane\":1,\"device\":\"vfio-user:/"
		"x\",\"nonce\":1,\"contexts\":257,\"timeout_ms\":1}",
	};
	keep(r.nic);
	vanish();
	unsigned before = open_descriptors();
	char *good = keeper.state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		keeper.state = (char *)(uintptr_t)bad[i];
		assert_int_equal(adopt(), -EINVAL);
		assert_null(r.nic);
	}
	/* Each text with a character changed: refused, or the same. */
	char text[512];
	for (size_t i = 0; good[i]; i++) {
		strcpy(text, good);
		text[i] ^= 1;
		keeper.state = text;
		int error = adopt();
		assert_true(!error || error == -EINVAL || error == -ESTALE);
		if (!error)
			vanish();
	}
	keeper.state = good;
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(adopt(), 0);
}

static void missing_descriptors_are_named_or_replaced(void **state)
{
	(void)state;
	static const char *const needed[] = { "device", "session", "tables" };
	struct gl_fd fds[FDS];
	keep(r.nic);
	vanish();
	for (size_t n = 0; n < 3; n++) {
		size_t count = 0;
		for (size_t i = 0; i < keeper.count; i++)
			if (strcmp(keeper.fds[i].name, needed[n]))
				fds[count++] = keeper.fds[i];
		assert_int_equal(adopt_with(fds, count), -EINVAL);
		assert_non_null(strstr(gl_error(NULL), needed[n]));
	}
	/* An interrupt's is made anew, and says once that there may have been one. */
	size_t count = 0;
	uint64_t value;
	for (size_t i = 0; i < keeper.count; i++)
		if (strcmp(keeper.fds[i].name, "irq-3"))
			fds[count++] = keeper.fds[i];
	assert_int_equal(adopt_with(fds, count), 0);
	assert_int_equal(read(gl_irq_fd(r.nic, 3), &value, 8), 8);
	assert_int_equal(write(gl_doorbell_fd(r.nic, 2, 0), &value, 8), 8);
	struct pollfd p = { .fd = gl_irq_fd(r.nic, 3), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
}

/* A predecessor may have read bits of the bit vector and died before it passed them on; or in the middle of a change of the mode. */
static void interrupts_of_the_dead_are_told(void **state)
{
	(void)state;
	uint64_t value;
	assert_int_equal(gl_irq_mode(r.nic, GL_IRQ_BIT_VECTOR), 0);
	assert_int_equal(gl_irq_moderation(r.nic, 80), 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned c = 0; c < M_CONTEXTS; c++)
			while (read(gl_irq_fd(r.nic, 1 + c), &value, 8) == 8)
				;
		if (turn)
			r.nic->session->irq_mode = GL_IRQ_PER_CONTEXT | GL_IRQ_CHANGING;
		keep(r.nic);
		vanish();
		assert_int_equal(adopt(), 0);
		assert_int_equal(gl_irq_mode_now(r.nic),
				 turn ? GL_IRQ_PER_CONTEXT : GL_IRQ_BIT_VECTOR);
		assert_int_equal(r.m->irq_mode, !turn);
		assert_int_equal(r.m->irq_moderation, 10000);
		for (unsigned c = 0; c < M_CONTEXTS; c++)
			assert_int_equal(read(gl_irq_fd(r.nic, 1 + c), &value, 8), 8);
		value = 1;
		struct pollfd p = { .fd = turn ? gl_irq_fd(r.nic, 3) : gl_irq_shared_fd(r.nic),
				    .events = POLLIN };
		if (!turn)
			gl_irq_distribute(r.nic);
		assert_int_equal(write(gl_doorbell_fd(r.nic, 2, 0), &value, 8), 8);
		assert_int_equal(poll(&p, 1, 10000), 1);
		if (!turn)
			assert_int_equal(gl_irq_distribute(r.nic), 1);
		assert_int_equal(read(gl_irq_fd(r.nic, 3), &value, 8), 8);
	}
}

static void a_session_is_not_mistaken(void **state)
{
	(void)state;
	keep(r.nic);
	vanish();
	/* The NIC was reset behind our back. */
	uint32_t nonce = r.m->scratch;
	r.m->scratch = 0;
	assert_int_equal(adopt(), -ESTALE);
	assert_non_null(strstr(gl_error(NULL), "reset"));
	r.m->scratch = nonce + 1;
	assert_int_equal(adopt(), -ESTALE);
	r.m->scratch = nonce;
	r.m->version = 0x00030000;
	assert_int_equal(adopt(), -EPROTO);
	r.m->version = GL_VERSION_VALUE;
	assert_int_equal(adopt(), 0);
	vanish();
	rig_kill_server(&r);
	assert_int_equal(adopt(), -ENODEV);
}

static void damaged_memory_is_refused(void **state)
{
	(void)state;
	const struct gl_memory *m;
	assert_int_equal(gl_memory_new(r.nic, "m", MIB(4), &m), 0);
	assert_int_equal(gl_map(r.nic, 1, 0, m->bus, MIB(4), RW), 0);
	assert_int_equal(gl_map(r.nic, 2, 0, m->bus, MIB(4), RW), 0);
	keep(r.nic);
	struct gl_session *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, r.nic->session_fd, 0);
	size_t table_bytes = (size_t)r.nic->tables.pages * GL_PAGE;
	uint64_t *tables =
		mmap(NULL, table_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r.nic->table_fd, 0);
	vanish();
	struct gl_session good = *s;
#define REFUSED(change)                             \
	do {                                        \
		change;                             \
		assert_int_equal(adopt(), -EINVAL); \
		*s = good;                          \
	} while (0)
	REFUSED(s->magic++);
	REFUSED(s->version++);
	REFUSED(s->job.what = 100);
	REFUSED(s->job.context = 6);
	REFUSED(s->job.bytes = UINT64_MAX << 12);
	REFUSED(s->vid[63] = 5000);
	REFUSED(s->memory[0].bytes = 1);
	REFUSED(s->memory[0].bus = UINT64_MAX << 12);
	REFUSED(memset(s->memory[0].name, 'x', sizeof(s->memory[0].name)));
	REFUSED(s->table_bytes += 4096);
	REFUSED(s->root[1] += 8);
	REFUSED(s->root[1] = s->table_bus + s->table_bytes);
	REFUSED(s->root[1] = s->root[2]); /* a table of two contexts */
	uint64_t root = (s->root[1] - s->table_bus) / 8, entry = tables[root];
	tables[root] = s->root[1] | 3; /* a loop */
	assert_int_equal(adopt(), -EINVAL);
	tables[root] = entry;
	assert_int_equal(adopt(), 0);
	munmap(s, sizeof(*s));
	munmap(tables, table_bytes);
}

static void memory_that_nobody_kept_is_cut_off(void **state)
{
	(void)state;
	const struct gl_memory *m, *lost;
	uint64_t bus;
	assert_int_equal(gl_memory_new(r.nic, "old", MIB(2), &m), 0);
	assert_int_equal(gl_memory_new(r.nic, "m", MIB(2), &lost), 0);
	assert_int_equal(gl_map(r.nic, 1, 0, m->bus, MIB(2), RW), 0);
	assert_int_equal(gl_memory_free(r.nic, lost), 0);
	keep(r.nic);
	/* Not kept; its number was free, so a keeper could have an older descriptor under the name. */
	assert_int_equal(gl_memory_new(r.nic, "new", MIB(2), &lost), 0);
	assert_int_equal(gl_map(r.nic, 1, MIB(2), lost->bus, MIB(2), RW), 0);
	snprintf(keeper.fds[keeper.count].name, sizeof(keeper.fds[0].name), "memory-%u", lost->id);
	int older = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(older, MIB(2)), 0);
	keeper.fds[keeper.count++].fd = older;
	gl_alive(r.nic);
	assert_int_equal(r.m->maps, 3); /* with the tables */
	vanish();
	assert_int_equal(adopt(), 0);
	gl_alive(r.nic);
	assert_null(gl_memory_find(r.nic, "new"));
	assert_non_null(gl_memory_find(r.nic, "old"));
	assert_int_equal(r.m->maps, 2); /* "old" and the tables */
	assert_int_equal(gl_translate(r.nic, 1, 0, true, &bus), 0);
	assert_int_equal(gl_translate(r.nic, 1, MIB(2), true, &bus), GL_FAULT_KIND_NOT_PRESENT);
}

static void answers_to_the_dead_are_dropped(void **state)
{
	(void)state;
	keep(r.nic);
	/* Requests whose answers nobody has read. */
	int device = kept_fd("device");
	for (uint16_t id = 0; id < 50; id++) {
		uint32_t m[8] = { id | 9u << 16, 32, 0, 0, GL_BAR0_VERSION, 0, 0, 4 };
		assert_int_equal(send(device, m, sizeof(m), MSG_NOSIGNAL), sizeof(m));
	}
	vanish();
	assert_int_equal(adopt(), 0);
	assert_int_equal(gl_read(r.nic, GL_BAR0, GL_BAR0_ID, 4), GL_ID_VALUE);
}

static void hung_firmware_does_not_keep_a_successor_out(void **state)
{
	(void)state;
	struct gl_context_config c = { .mac = { 2, 0, 0, 0, 0, 1 } };
	assert_int_equal(gl_context_create(r.nic, 1, &c), 0);
	r.m->hung = true;
	c.mtu = 4000;
	assert_int_equal(gl_context_configure(r.nic, 1, &c), -EIO);
	keep(r.nic);
	vanish();
	assert_int_equal(adopt(), 0);
	assert_int_equal(gl_firmware_restart(r.nic, r.firmware), 0);
	gl_alive(r.nic);
	assert_int_equal(r.m->context[1].config.mtu, 4000); /* what had been begun is done */
}

/* --- Killed anywhere ------------------------------------------------------------------------------------------------------------------- */

enum op {
	OP_CREATE,
	OP_CONFIGURE,
	OP_ENABLE,
	OP_DISABLE,
	OP_DESTROY,
	OP_MAP,
	OP_UNMAP,
	OP_NEW,
	OP_FREE,
	OP_RESTART,
	OP_LOAD,
	OPS
};
enum { AREAS = 5, PIECES = 3 };

/* What the NIC should have. */
struct view {
	bool exists[M_CONTEXTS], enabled[M_CONTEXTS], mapped[M_CONTEXTS][AREAS], piece[PIECES];
	uint16_t mtu[M_CONTEXTS];
};

struct task {
	enum op op;
	unsigned context, which; /* area or piece */
	uint16_t mtu;
};

/* Between the worker and its successor: view[turn / 2 % 2] counts; odd: `task` is under way. */
static struct shared {
	uint32_t turn;
	struct view view[2];
	struct task task;
} * shared;

static uint64_t chance;
static uint32_t below(uint32_t limit)
{
	chance = chance * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((chance >> 33) % limit);
}

/* Areas of guest addresses: one page, over a boundary of 2 MiB, of 1 GiB, huge, far away. */
static const struct {
	uint64_t guest, bytes;
	unsigned flags;
} areas[AREAS] = { { 0x5000, 0x1000, RW },
		   { MIB(6) - 0x3000, 0x7000, RW },
		   { MIB(1024) - 0x2000, 0x4000, GL_READ },
		   { MIB(64), MIB(4), RW | GL_HUGE },
		   { 0x7f12340000ull, 0x20000, RW } };

static struct gl_context_config configuration(const struct task *t)
{
	static const uint16_t vids[] = { 100, 101, 102, 103, 104, 105 };
	return (struct gl_context_config){ .mac = { 2, 0, 0, 0, 0, (uint8_t)t->context },
					   .mtu = t->mtu,
					   .tx_rate = 1000000ull * t->mtu,
					   .vlan_mode = GL_VLAN_TRUNK,
					   .vids = vids + t->mtu % 3,
					   .vid_count = t->mtu % 4 };
}

static bool possible(const struct view *v, const struct task *t)
{
	switch (t->op) {
	case OP_CREATE:
		return !v->exists[t->context];
	case OP_CONFIGURE:
	case OP_ENABLE:
	case OP_DISABLE:
		return v->exists[t->context];
	case OP_MAP:
		return !v->mapped[t->context][t->which];
	case OP_NEW:
		return !v->piece[t->which];
	case OP_FREE:
		return v->piece[t->which];
	default:
		return true;
	}
}

static void apply(struct view *v, const struct task *t)
{
	switch (t->op) {
	case OP_CREATE:
	case OP_CONFIGURE:
		v->exists[t->context] = true;
		v->mtu[t->context] = t->mtu;
		break;
	case OP_ENABLE:
	case OP_DISABLE:
		v->enabled[t->context] = t->op == OP_ENABLE;
		break;
	case OP_DESTROY:
		v->exists[t->context] = v->enabled[t->context] = false;
		memset(v->mapped[t->context], 0, sizeof(v->mapped[0]));
		break;
	case OP_MAP:
	case OP_UNMAP:
		v->mapped[t->context][t->which] = t->op == OP_MAP;
		break;
	case OP_NEW:
	case OP_FREE:
		v->piece[t->which] = t->op == OP_NEW;
		break;
	case OP_LOAD:
		memset(v->exists, 0, sizeof(v->exists));
		memset(v->enabled, 0, sizeof(v->enabled));
		memset(v->mapped, 0, sizeof(v->mapped));
		break;
	default:
		break;
	}
}

static int do_task(struct gl_nic *nic, const struct task *t)
{
	const struct gl_memory *base = gl_memory_find(nic, "base"), *m;
	struct gl_context_config c = configuration(t);
	char name[] = { 'p', (char)('0' + t->which), 0 };
	int64_t n;
	switch (t->op) {
	case OP_CREATE:
		return gl_context_create(nic, t->context, &c);
	case OP_CONFIGURE:
		return gl_context_configure(nic, t->context, &c);
	case OP_ENABLE:
	case OP_DISABLE:
		return gl_context_enable(nic, t->context, t->op == OP_ENABLE);
	case OP_DESTROY:
		n = gl_context_destroy(nic, t->context);
		return n < 0 ? (int)n : 0;
	case OP_MAP:
		return gl_map(nic, t->context, areas[t->which].guest, base->bus,
			      areas[t->which].bytes, areas[t->which].flags);
	case OP_UNMAP:
		return gl_unmap(nic, t->context, areas[t->which].guest, areas[t->which].bytes);
	case OP_NEW:
		return gl_memory_new(nic, name, 65536, &m);
	case OP_FREE:
		return gl_memory_free(nic, gl_memory_find(nic, name));
	case OP_RESTART:
		r.m->forgets = below(1 << M_CONTEXTS);
		r.m->hung = below(2);
		return gl_firmware_restart(nic, r.firmware);
	default:
		return gl_firmware_load(nic, r.firmware);
	}
}

/* The worker gives its descriptors to the keeper as glaned does, in one message. */
static void hand_over(struct gl_nic *nic, int to)
{
	struct gl_fd fds[FDS];
	int numbers[FDS];
	size_t count = gl_fds(nic, fds, FDS);
	union {
		char data[CMSG_SPACE(sizeof(numbers))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec io = { .iov_base = fds, .iov_len = count * sizeof(*fds) };
	struct msghdr msg = { .msg_iov = &io,
			      .msg_iovlen = 1,
			      .msg_control = control.data,
			      .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	for (size_t i = 0; i < count; i++)
		numbers[i] = fds[i].fd;
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), numbers, count * sizeof(int));
	if (sendmsg(to, &msg, MSG_NOSIGNAL) < 0)
		_exit(3);
}

static void take_over(int from)
{
	for (;;) {
		struct gl_fd fds[FDS];
		int numbers[FDS];
		union {
			char data[CMSG_SPACE(sizeof(numbers))];
			struct cmsghdr align;
		} control;
		struct iovec io = { .iov_base = fds, .iov_len = sizeof(fds) };
		struct msghdr msg = { .msg_iov = &io,
				      .msg_iovlen = 1,
				      .msg_control = control.data,
				      .msg_controllen = sizeof(control.data) };
		ssize_t n = recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return;
		size_t count = (size_t)n / sizeof(*fds);
		memcpy(numbers, CMSG_DATA(CMSG_FIRSTHDR(&msg)), count * sizeof(int));
		drop_kept();
		for (size_t i = 0; i < count; i++) {
			keeper.fds[i] = fds[i];
			keeper.fds[i].fd = numbers[i];
		}
		keeper.count = count;
	}
}

static void boundary(void)
{
	raise(SIGSTOP);
}

static void fail_worker(const char *what, int error)
{
	printf("# worker: %s: %d %s\n", what, error, gl_error(r.nic));
	fflush(stdout);
	_exit(2);
}

static void work(int to)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	boundary();
	int error = adopt();
	if (error)
		fail_worker("adopt", error);
	if (!gl_firmware_serves(r.nic) && (error = gl_firmware_restart(r.nic, r.firmware)))
		fail_worker("restart", error);
	uint64_t generation = 0;
	for (;;) {
		const struct view *v = &shared->view[shared->turn / 2 % 2];
		struct task t;
		if (generation != gl_generation(r.nic))
			hand_over(r.nic, to);
		generation = gl_generation(r.nic);
		do {
			t = (struct task){ .op = below(OPS - 2),
					   .context = below(M_CONTEXTS),
					   .mtu = (uint16_t)(1000 + below(100)) };
			t.op = below(40) ? t.op : OP_RESTART;
			t.op = below(60) ? t.op : OP_LOAD;
			t.which = below(t.op == OP_NEW || t.op == OP_FREE ? PIECES : AREAS);
		} while (!possible(v, &t));
		shared->task = t;
		GL_KEEP(shared->turn, shared->turn + 1);
		boundary();
		error = do_task(r.nic, &t);
		if (error)
			fail_worker("task", error);
		struct view *next = &shared->view[(shared->turn / 2 + 1) % 2];
		*next = *v;
		apply(next, &t);
		GL_KEEP(shared->turn, shared->turn + 1);
	}
}

/* Runs a worker and kills it somewhere. False: tracing is not allowed here. */
static bool run_and_kill(void)
{
	int pair[2], status;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fflush(stdout);
	int pid = fork();
	if (!pid) {
		close(pair[0]);
		work(pair[1]);
	}
	close(pair[1]);
	unsigned tasks = below(4), calls = 1u << below(10), steps = below(2000);
	calls = below(calls + 1);
	bool killed = false;
	for (unsigned stops = 0; !killed; stops++) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77 && !stops)
			return false;
		if (!WIFSTOPPED(status))
			fail_msg("the worker ended by itself (0x%x)", status);
		if (!stops)
			ptrace(PTRACE_SETOPTIONS, pid, NULL,
			       PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
		if (stops < tasks) {
			ptrace(PTRACE_CONT, pid, NULL, NULL);
			continue;
		}
		/* From system call to system call, which is from register to register, and then by the instruction. */
		for (unsigned i = 0; i < calls + steps && !killed; i++) {
			ptrace(i < calls ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, pid, NULL, NULL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			if (!WIFSTOPPED(status))
				fail_msg("the worker ended by itself (0x%x)", status);
			/* The next task is about to begin: that is as good a place. */
			killed = WSTOPSIG(status) == SIGSTOP;
		}
		killed = true;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	take_over(pair[0]);
	close(pair[0]);
	return true;
}

/* What the successor finds. */
static struct view look_around(void)
{
	struct view v = { 0 };
	for (unsigned c = 0; c < M_CONTEXTS; c++) {
		struct gl_context_config config;
		v.exists[c] = !gl_context_config(r.nic, c, &config);
		v.mtu[c] = v.exists[c] ? config.mtu : 0;
		v.enabled[c] = r.nic->session->context[c].enabled;
		for (unsigned a = 0; a < AREAS; a++) {
			unsigned pages = 0, all = 0;
			for (uint64_t at = 0; at < areas[a].bytes; at += 4096, all++)
				pages += !gl_translate(r.nic, c, areas[a].guest + at, false, NULL);
			if (pages && pages != all)
				fail_msg("context %u: %u of %u pages of area %u", c, pages, all, a);
			v.mapped[c][a] = pages;
		}
	}
	for (unsigned p = 0; p < PIECES; p++) {
		char name[] = { 'p', (char)('0' + p), 0 };
		v.piece[p] = gl_memory_find(r.nic, name);
	}
	return v;
}

static void print_view(const char *name, const struct view *v)
{
	printf("# %s:", name);
	for (unsigned c = 0; c < M_CONTEXTS; c++) {
		printf(" %s%s%u/", v->exists[c] ? "c" : "-", v->enabled[c] ? "e" : "-", v->mtu[c]);
		for (unsigned a = 0; a < AREAS; a++)
			printf("%u", v->mapped[c][a]);
	}
	for (unsigned p = 0; p < PIECES; p++)
		printf(" %u", v->piece[p]);
	printf("\n");
}

static void forget_mtu(struct view *v)
{
	for (unsigned c = 0; c < M_CONTEXTS; c++)
		if (!v->exists[c])
			v->mtu[c] = 0;
}

/* The NIC has what the session says. */
static void check_nic(void)
{
	const struct gl_session *s = r.nic->session;
	const struct model *m = r.m;
	unsigned live = 0, entries = 0, mapped = 0;
	assert_int_equal(gl_alive(r.nic), 0);
	assert_int_equal(s->job.what, GL_JOB_NONE);
	assert_int_equal(s->resume, 0);
	for (unsigned c = 0; c < M_CONTEXTS; c++) {
		const struct gl_kept_context *k = &s->context[c];
		const struct gl_kept_config *config = &k->config[k->current];
		const struct m_context *x = &m->context[c];
		uint64_t members = 0;
		assert_int_equal(x->created, k->exists);
		assert_int_equal(x->enabled, k->enabled);
		assert_int_equal(x->control, k->enabled);
		assert_int_equal(!!(x->sw_control & 1), k->exists);
		assert_int_equal(x->root & ~4095ull, s->root[c]);
		if (k->exists) {
			assert_int_equal(x->config.mtu, config->mtu);
			assert_int_equal(x->sw_mac >> 40, c);
			assert_int_equal(x->rate[0][0], config->tx_rate * 65536 / 8 / 125000000);
			for (unsigned i = 0; i < config->mtu % 4; i++)
				members |= 1ull << m->vlan[100 + config->mtu % 3 + i];
			assert_false(members & 1);
		}
		assert_int_equal(x->member, members);
	}
	for (unsigned v = 0; v < 4096; v++)
		mapped += m->vlan[v] != 0;
	for (unsigned e = 1; e < GL_VLANS; e++) {
		entries += s->vid[e] != 0;
		assert_true(!s->vid[e] || m->vlan[s->vid[e]] == e);
	}
	assert_int_equal(mapped, entries);
	for (unsigned i = 0; i < GL_MEMORIES; i++) {
		assert_int_not_equal(s->memory[i].state, GL_MEMORY_CHANGING);
		live += s->memory[i].state == GL_MEMORY_LIVE;
	}
	assert_int_equal(m->maps, live + 1);
	rig_check(&r);
}

static void killed_anywhere_leaves_sense(void **state)
{
	(void)state;
	const struct gl_memory *base;
	const char *given = getenv("SEED"), *rounds = getenv("ROUNDS");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 20261123;
	unsigned count = rounds ? (unsigned)strtoul(rounds, NULL, 0) : 120, seen[OPS] = { 0 };
	uint64_t end = rig_now_ms() + (rounds ? 1u << 30 : 5000);
	printf("# SEED=%llu\n", (unsigned long long)seed);
	chance = seed;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	memset(shared, 0, sizeof(*shared));
	assert_int_equal(gl_memory_new(r.nic, "base", MIB(8), &base), 0);
	keep(r.nic);
	vanish();
	unsigned done = 0;
	for (; done < count && rig_now_ms() < end; done++) {
		r.m->slow = below(4);
		r.m->forgets = 0;
		if (!run_and_kill()) {
			print_message("# skipped: processes may not be traced here\n");
			skip();
		}
		below(1);
		bool under_way = shared->turn % 2;
		struct view before = shared->view[shared->turn / 2 % 2], after = before;
		struct task t = shared->task;
		seen[t.op] += under_way;
		if (under_way)
			apply(&after, &t);
		if (adopt())
			fail_msg("round %u, operation %d: %s", done, under_way ? (int)t.op : -1,
				 gl_error(NULL));
		if (!gl_firmware_serves(r.nic) && gl_firmware_restart(r.nic, r.firmware))
			fail_msg("round %u: %s", done, gl_error(r.nic));
		struct view found = look_around();
		forget_mtu(&before);
		forget_mtu(&after);
		/* Pieces whose descriptors did not reach the keeper are gone. */
		if (under_way && t.op == OP_NEW)
			after.piece[t.which] = found.piece[t.which];
		for (unsigned p = 0; p < PIECES; p++)
			if (!found.piece[p])
				before.piece[p] = after.piece[p] = false;
		if (memcmp(&found, &before, sizeof(found)) &&
		    memcmp(&found, &after, sizeof(found))) {
			print_view("before", &before);
			print_view("after", &after);
			print_view("found", &found);
			fail_msg("round %u: operation %d on context %u is half done", done,
				 (int)t.op, t.context);
		}
		check_nic();
		keep(r.nic);
		shared->view[0] = found;
		shared->turn = 0;
		vanish();
		if (r.m->faults)
			break;
	}
	printf("# %u rounds; killed in each operation:", done);
	for (unsigned i = 0; i < OPS; i++)
		printf(" %u", seen[i]);
	printf("\n");
	/* Nothing has leaked. */
	assert_int_equal(adopt(), 0);
	for (unsigned c = 0; c < M_CONTEXTS; c++)
		assert_true(gl_context_destroy(r.nic, c) >= 0);
	assert_int_equal(r.nic->tables.free_count, r.nic->tables.pages);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, up, down)
	const struct CMUnitTest tests[] = {
		T(a_successor_finds_everything),
		T(damaged_state_is_refused),
		T(missing_descriptors_are_named_or_replaced),
		T(interrupts_of_the_dead_are_told),
		T(a_session_is_not_mistaken),
		T(damaged_memory_is_refused),
		T(memory_that_nobody_kept_is_cut_off),
		T(answers_to_the_dead_are_dropped),
		T(hung_firmware_does_not_keep_a_successor_out),
		T(killed_anywhere_leaves_sense),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
}
