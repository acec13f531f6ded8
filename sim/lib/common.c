// SPDX-License-Identifier: Apache-2.0
// What a simulation and a host link to a board have in common: errors, random numbers, timers.
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char open_error[256];

int gls_fail(struct gls *s, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s ? s->error : open_error, sizeof(open_error), format, args);
	va_end(args);
	return -error;
}

const char *gls_error(const struct gls *s)
{
	return s ? s->error : open_error;
}

void gls_keep_error(const struct gls *s)
{
	memcpy(open_error, s->error, sizeof(open_error));
}

/* xorshift64* */
uint64_t gls_rand(struct gls *s)
{
	uint64_t x = s->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	s->random = x;
	return x * 0x2545f4914f6cdd1dull;
}

uint32_t gls_below(struct gls *s, uint32_t limit)
{
	return limit ? (uint32_t)((gls_rand(s) >> 32) * limit >> 32) : 0;
}

/* --- Timers: a binary heap ------------------------------------------------------------------------------------------- */

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->cycle != b->cycle ? a->cycle < b->cycle : a->order < b->order;
}

void gls_at(struct gls *s, uint64_t cycle, void (*fn)(void *arg), void *arg)
{
	if (s->timer_count == s->timer_room) {
		s->timer_room = s->timer_room ? 2 * s->timer_room : 64;
		s->timers = realloc(s->timers, s->timer_room * sizeof(*s->timers));
		if (!s->timers)
			abort();
	}
	struct timer t = { cycle, s->timer_order++, fn, arg };
	size_t i = s->timer_count++;
	for (; i && earlier(&t, &s->timers[(i - 1) / 2]); i = (i - 1) / 2)
		s->timers[i] = s->timers[(i - 1) / 2];
	s->timers[i] = t;
}

static struct timer timer_pop(struct gls *s)
{
	struct timer top = s->timers[0], last = s->timers[--s->timer_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= s->timer_count)
			break;
		if (child + 1 < s->timer_count && earlier(&s->timers[child + 1], &s->timers[child]))
			child++;
		if (!earlier(&s->timers[child], &last))
			break;
		s->timers[i] = s->timers[child];
		i = child;
	}
	s->timers[i] = last;
	return top;
}

void timers_run(struct gls *s)
{
	while (s->timer_count && s->timers[0].cycle <= s->now) {
		struct timer t = timer_pop(s);
		t.fn(t.arg);
	}
}
