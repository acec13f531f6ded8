// SPDX-License-Identifier: Apache-2.0
// The root complex (sim/lib/root.c) over the host link: the time of day instead of cycles, frames instead of pins.
#include "slot.h"
#include "guestlane_regs.h"
#include "internal.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define NS_PER_CYCLE 8
#define CLOCK_HZ     (1000000000u / NS_PER_CYCLE)
/* A register read over a link that loses frames, to a board that may be simulated. */
#define READ_LIMIT   (30ull * CLOCK_HZ)
#define PATIENCE     1000
/* How long a reset waits for the link to come up again. */
#define RESET_LIMIT  (10ull * CLOCK_HZ)

/* What the wire knows: a slot is the only one of its process. */
static struct {
	void (*on_frame)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok);
	void *on_frame_arg;
	struct glane_wire *wire;
	uint32_t contexts;
} slot;

static uint64_t time_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t gls_now(const struct gls *s)
{
	(void)s;
	return time_ns() / NS_PER_CYCLE;
}

uint64_t gls_simulated(const struct gls *s)
{
	return gls_now(s);
}

uint32_t gls_clock_hz(const struct gls *s)
{
	(void)s;
	return CLOCK_HZ;
}

/* --- Frames ------------------------------------------------------------------------------------------------------------------------- */

void gls_on_wire(struct gls *s,
		 void (*fn)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok), void *arg)
{
	(void)s;
	slot.on_frame = fn;
	slot.on_frame_arg = arg;
}

/* A frame of the wire, for us. */
void gls_wire_send(struct gls *s, const void *frame, size_t bytes, enum gls_wire_fault fault)
{
	(void)fault;
	link_frame(s->link, frame, bytes, time_ns());
}

size_t gls_wire_pending(const struct gls *s)
{
	(void)s;
	return 0;
}

bool gls_wire_listening(const struct gls *s)
{
	(void)s;
	return true;
}

int gls_wire_record(struct gls *s, const char *file)
{
	return file ? gls_fail(s, ENOTSUP, "a host link records nothing; use a capture program")
		    : 0;
}

static void op_send(void *arg, const uint8_t *frame, size_t bytes)
{
	(void)arg;
	if (slot.on_frame)
		slot.on_frame(slot.on_frame_arg, frame, bytes, true);
}

static size_t op_take(void *arg, bool np_ok, uint32_t *dw, size_t room, bool *non_posted)
{
	return root_take(arg, np_ok, dw, room, non_posted);
}

static void op_give(void *arg, const uint32_t *dw, size_t count)
{
	struct gls *s = arg;
	s->now = gls_now(s);
	root_receive(s, dw, count);
}

static uint32_t op_nonce(void *arg)
{
	uint32_t n = 0;
	(void)arg;
	while (!n)
		if (getrandom(&n, sizeof(n), 0) != sizeof(n))
			n = (uint32_t)time_ns();
	return n;
}

int slot_run(struct gls *s)
{
	if (slot.wire)
		glane_wire_service(slot.wire);
	s->now = gls_now(s);
	timers_run(s); /* completions of what the board has read */
	uint64_t now = time_ns(), next = link_run(s->link, now);
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

bool slot_up(const struct gls *s)
{
	return link_state(s->link) == LINK_UP;
}

const struct hostlink *slot_link(const struct gls *s)
{
	return s->link;
}

/* --- Waiting ------------------------------------------------------------------------------------------------------------------------ */

static void wait_for_frames(struct gls *s, uint64_t end)
{
	int ms = slot_run(s);
	uint64_t now = gls_now(s), left = now < end ? (end - now) / (CLOCK_HZ / 1000) : 0;
	if ((uint64_t)ms > left)
		ms = (int)left;
	struct pollfd p = { .fd = slot.wire ? glane_wire_fd(slot.wire) : -1, .events = POLLIN };
	if (ms)
		poll(&p, 1, ms);
}

static bool wait_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit, bool up)
{
	uint64_t end = gls_now(s) + limit;
	for (;;) {
		slot_run(s);
		if (done(arg))
			return true;
		if (gls_now(s) >= end || (up && !slot_up(s)))
			return false;
		wait_for_frames(s, end);
	}
}

bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	return wait_until(s, done, arg, limit, true);
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

void gls_run(struct gls *s, uint64_t cycles)
{
	wait_until(s, never, NULL, cycles, false);
}

static bool is_up(void *arg)
{
	return slot_up(arg);
}

/* Images (.fw) need no library for ELF files. */
int gls_core_load_elf(struct gls *s, const char *file)
{
	return gls_fail(s, ENOTSUP, "%s is an ELF file; give a firmware image, guestlane.fw", file);
}

/* A session that nobody has used is as good as a new one. */
void gls_reset(struct gls *s)
{
	root_reset(s);
	if (!slot_up(s) || link_used(s->link))
		link_reset(s->link, time_ns());
	wait_until(s, is_up, s, RESET_LIMIT, false);
	root_reset(s);
}

uint32_t gls_contexts(const struct gls *s)
{
	if (!slot.contexts)
		slot.contexts = gls_read((struct gls *)s, GLS_BAR0, GL_BAR0_CAPS, 4) &
				GL_BAR0_CAPS_CONTEXTS_MASK;
	return slot.contexts <= 256 ? slot.contexts : 0;
}

/* --- Begin and end ------------------------------------------------------------------------------------------------------------------ */

struct gls *slot_open(const uint8_t mac[6], const uint8_t *board, uint64_t silence)
{
	struct gls *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	struct link_ops ops = {
		.arg = s, .send = op_send, .take = op_take, .give = op_give, .nonce = op_nonce
	};
	s->config.max_payload = 256;
	s->read_limit = READ_LIMIT;
	s->patience = PATIENCE;
	s->random = 1;
	s->link = link_new(&ops, mac, board, silence);
	if (!s->link || root_new(s)) {
		link_free(s->link);
		free(s);
		return NULL;
	}
	return s;
}

void slot_close(struct gls *s)
{
	if (!s)
		return;
	link_close(s->link);
	link_free(s->link);
	root_free(s);
	free(s->timers);
	free(s);
}

void slot_wire(struct gls *s, struct glane_wire *wire)
{
	(void)s;
	slot.wire = wire;
}
