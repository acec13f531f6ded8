// SPDX-License-Identifier: Apache-2.0
// The simulation loop: virtual time, skipping of time in which nothing is pending.
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The NIC's own clock rate, which BAR0.CLOCK_HZ shows. */
#define CLOCK_HZ	 125000000u
/* The NIC must have been idle this long before time is skipped: longer than any path from a pin to a busy flag. */
#define IDLE_BEFORE_SKIP 16
/* Time is skipped to this many cycles before the next event, so that it finds the NIC awake in time. */
#define SKIP_MARGIN	 8

uint64_t gls_now(const struct gls *s)
{
	return s->now;
}

uint64_t gls_simulated(const struct gls *s)
{
	return s->simulated;
}

uint32_t gls_clock_hz(const struct gls *s)
{
	(void)s;
	return CLOCK_HZ;
}

uint32_t gls_contexts(const struct gls *s)
{
	(void)s;
	return model_contexts();
}

unsigned gls_compiled_contexts(void)
{
	return model_contexts();
}

/* --- Cycles ------------------------------------------------------------------------------------------------------------ */

/* One cycle, and if nothing is pending a stretch of skipped time that ends before `end`. */
static void step(struct gls *s, uint64_t end)
{
	timers_run(s);

	uint64_t skip = 0;
	if (s->idle_cycles >= IDLE_BEFORE_SKIP && !root_busy(s) && !wire_busy(s)) {
		uint64_t until = end;
		if (s->timer_count && s->timers[0].cycle < until)
			until = s->timers[0].cycle;
		if (s->now + s->pins.wake_cycles < until && s->pins.wake_cycles != UINT32_MAX)
			until = s->now + s->pins.wake_cycles;
		if (until > s->now + 2 * SKIP_MARGIN)
			skip = until - s->now - SKIP_MARGIN;
		if (skip > INT32_MAX)
			skip = INT32_MAX;
	}
	s->pins.time_skip = (uint32_t)skip;
	root_drive(s);
	wire_drive(s);
	model_settle(s->model, &s->pins);
	root_sample(s);
	wire_sample(s);
	bool dump =
		s->config.trace && s->now >= s->config.trace_from &&
		(!s->config.trace_cycles || s->now < s->config.trace_from + s->config.trace_cycles);
	model_edge(s->model, dump);
	/* The skip reaches the NIC's clock one cycle later, so idleness is counted anew. */
	s->idle_cycles = s->pins.idle && !skip ? s->idle_cycles + 1 : 0;
	s->simulated++;
	s->now += 1 + skip;
}

void gls_run(struct gls *s, uint64_t cycles)
{
	uint64_t end = s->now + cycles;
	while (s->now < end)
		step(s, end);
}

bool gls_run_until(struct gls *s, bool (*done)(void *arg), void *arg, uint64_t limit)
{
	uint64_t end = s->now + limit;
	while (!done(arg)) {
		if (s->now >= end)
			return false;
		step(s, end);
	}
	return true;
}

static bool asleep(const struct gls *s)
{
	return s->idle_cycles >= IDLE_BEFORE_SKIP && !s->timer_count && !root_busy(s) &&
	       !wire_busy(s);
}

static bool settled(void *arg)
{
	return asleep(arg);
}

bool gls_settle(struct gls *s, uint64_t limit)
{
	s->idle_cycles = 0;
	return gls_run_until(s, settled, s, limit);
}

bool gls_asleep(const struct gls *s)
{
	return asleep(s);
}

bool gls_run_awake(struct gls *s, uint32_t cycles)
{
	for (uint32_t i = 0; i < cycles; i++) {
		if (asleep(s))
			return false;
		step(s, s->now);
	}
	return true;
}

uint32_t gls_wake_cycles(const struct gls *s)
{
	return s->pins.wake_cycles;
}

bool gls_wake_set(const struct gls *s)
{
	return s->pins.wake_cycles != UINT32_MAX;
}

bool gls_wake(struct gls *s)
{
	if (!gls_wake_set(s))
		return false;
	step(s, UINT64_MAX);
	return true;
}

static void reset(struct gls *s)
{
	s->pins.rst = true;
	for (int i = 0; i < 16; i++)
		step(s, s->now);
	s->pins.rst = false;
	s->idle_cycles = 0;
}

void gls_reset(struct gls *s)
{
	root_reset(s);
	reset(s);
	root_reset(s);
}

/* --- Open, close --------------------------------------------------------------------------------------------------------- */

static int check_config(struct gls_config *c)
{
	if (!c->seed)
		c->seed = 1;
	if (!c->latency)
		c->latency = 100;
	if (!c->link_bytes)
		c->link_bytes = 128;
	if (!c->max_payload)
		c->max_payload = 256;
	if (!c->max_read_request)
		c->max_read_request = 512;
	if (!c->irq_latency)
		c->irq_latency = 250;
	if (!c->firmware)
		c->firmware = "build/firmware/guestlane.elf";
	if (c->max_payload != 128 && c->max_payload != 256)
		return gls_fail(NULL, EINVAL, "max_payload is %u; use 128 or 256", c->max_payload);
	if (c->max_read_request < 128 || c->max_read_request > 4096 ||
	    (c->max_read_request & (c->max_read_request - 1)))
		return gls_fail(NULL, EINVAL,
				"max_read_request is %u; use a power of two from 128 to 4096",
				c->max_read_request);
	if (c->link_bytes > 128)
		return gls_fail(NULL, EINVAL, "link_bytes is %u; use 1 to 128", c->link_bytes);
	if (c->tx_stall_percent > 90)
		return gls_fail(NULL, EINVAL, "tx_stall_percent is %u; use 0 to 90",
				c->tx_stall_percent);
	return 0;
}

struct gls *gls_open(const struct gls_config *config)
{
	struct gls *s = calloc(1, sizeof(*s));
	if (!s) {
		gls_fail(NULL, ENOMEM, "not enough memory for the simulation");
		return NULL;
	}
	if (config)
		s->config = *config;
	if (check_config(&s->config))
		goto fail;
	s->read_limit = GLS_READ_LIMIT;
	s->patience = 1;
	s->random = s->config.seed * 0x9e3779b97f4a7c15ull | 1;
	s->model = model_new(s->config.trace);
	if (!s->model) {
		gls_fail(NULL, EIO,
			 "cannot write the trace %s: is the folder there, and was this built by "
			 "`make TRACE=1`?",
			 s->config.trace ? s->config.trace : "");
		goto fail;
	}
	if (root_new(s) || wire_new(s)) {
		gls_fail(NULL, ENOMEM, "not enough memory for the simulation");
		goto fail;
	}
	reset(s);
	if (!s->config.no_boot && boot(s)) {
		gls_keep_error(s);
		goto fail;
	}
	return s;
fail:
	gls_close(s);
	return NULL;
}

void gls_close(struct gls *s)
{
	if (!s)
		return;
	if (s->root)
		root_free(s);
	if (s->wire)
		wire_free(s);
	if (s->model)
		model_free(s->model);
	pages_free(s);
	tables_free(s);
	free(s->timers);
	free(s);
}
