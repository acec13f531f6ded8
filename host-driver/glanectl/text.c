// SPDX-License-Identifier: Apache-2.0
// Texts for people: tables, numbers with units, colours, text from elsewhere made harmless.
#include "text.h"

#include "guestlane_regs.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define RING	  64
#define TEXT_ROOM 512

static char ring[RING][TEXT_ROOM];
static unsigned ring_next;

static char *ring_text(void)
{
	return ring[ring_next++ % RING];
}

const char *style_on(FILE *out, enum style style)
{
	static const char *const sequence[] = { "",	    "\033[1m",	"\033[2m",
						"\033[32m", "\033[33m", "\033[1;31m" };
	const char *no = getenv("NO_COLOR");
	if ((no && *no) || !isatty(fileno(out)))
		return "";
	return sequence[style];
}

const char *style_off(FILE *out)
{
	return *style_on(out, BOLD) ? "\033[0m" : "";
}

const char *clean(const char *text)
{
	char *t = ring_text();
	size_t n = 0;
	for (; *text && n < 500; text++) {
		unsigned char c = (unsigned char)*text;
		/* C0 and DEL; C1 controls are 0xc2 0x80..0x9f in UTF-8, which jansson has checked. */
		if (c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0) {
			t[n++] = '?';
			text++;
		} else {
			t[n++] = c < ' ' || c == 0x7f ? '?' : (char)c;
		}
	}
	t[n] = 0;
	return t;
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? clean(text) : "";
}

int64_t json_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool json_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

const char *text_format(const char *format, ...)
{
	char *t = ring_text();
	va_list args;
	va_start(args, format);
	vsnprintf(t, TEXT_ROOM, format, args);
	va_end(args);
	return t;
}

const char *text_rate(uint64_t bits)
{
	static const struct {
		uint64_t scale;
		const char *unit;
	} units[] = { { 1000000000, "Gb/s" }, { 1000000, "Mb/s" }, { 1000, "kb/s" } };
	for (unsigned i = 0; i < 3; i++) {
		/* One digit behind the point if that is exact. */
		if (bits >= units[i].scale && bits % (units[i].scale / 10) == 0)
			return bits % units[i].scale
				       ? text_format("%.1f %s",
						     (double)bits / (double)units[i].scale,
						     units[i].unit)
				       : text_format("%llu %s",
						     (unsigned long long)(bits / units[i].scale),
						     units[i].unit);
	}
	return text_format("%llu b/s", (unsigned long long)bits);
}

const char *text_octets(uint64_t octets)
{
	if (octets >= 1 << 20 && octets % (1 << 20) == 0)
		return text_format("%llu MiB", (unsigned long long)octets >> 20);
	if (octets >= 1 << 10 && octets % (1 << 10) == 0)
		return text_format("%llu KiB", (unsigned long long)octets >> 10);
	return text_format("%llu octets", (unsigned long long)octets);
}

const char *text_measure(double v)
{
	static const char prefixes[] = " kMGTP";
	unsigned i = 0;
	while (v >= 999.5 && prefixes[i + 1]) {
		v /= 1000;
		i++;
	}
	int digits = v >= 99.95 || (!i && v == (double)(uint64_t)v) ? 0 : v >= 9.995 ? 1 : 2;
	if (!i)
		return text_format("%.*f", digits, v);
	return text_format("%.*f%c", digits, v, prefixes[i]);
}

const char *text_duration(double seconds)
{
	unsigned long long s = seconds > 0 ? (unsigned long long)seconds : 0;
	if (s < 60)
		return text_format("%llu s", s);
	if (s < 3600)
		return text_format("%llu min %llu s", s / 60, s % 60);
	if (s < 86400)
		return text_format("%llu h %llu min", s / 3600, s / 60 % 60);
	return text_format("%llu d %llu h", s / 86400, s / 3600 % 24);
}

const char *text_clock(double t)
{
	time_t whole = (time_t)t;
	struct tm tm;
	char clock[16];
	if (t < 0 || t > 1e11 || !localtime_r(&whole, &tm) ||
	    !strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		return "--:--:--.---";
	return text_format("%s.%03d", clock, (int)((t - (double)whole) * 1000));
}

const char *text_ranges(const json_t *numbers)
{
	char *t = ring_text();
	size_t used = 0, n = json_array_size(numbers);
	t[0] = 0;
	for (size_t i = 0; i < n && used < TEXT_ROOM - 40;) {
		json_int_t first = json_integer_value(json_array_get(numbers, i)), last = first;
		for (i++; i < n && json_integer_value(json_array_get(numbers, i)) == last + 1; i++)
			last++;
		used += (size_t)snprintf(t + used, TEXT_ROOM - used,
					 last > first ? "%s%lld-%lld" : "%s%lld", used ? ", " : "",
					 (long long)first, (long long)last);
	}
	return t;
}

const char *text_names(const json_t *names)
{
	char *t = ring_text();
	size_t used = 0, i;
	json_t *name;
	t[0] = 0;
	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		if (text && used + strlen(text) < TEXT_ROOM - 2)
			used += (size_t)snprintf(t + used, TEXT_ROOM - used, "%s%s",
						 used ? " " : "", clean(text));
	}
	return t;
}

/* --- Meanings --- */

struct meaning {
	const char *name, *text;
};
#define MEANING(name, value, text) { #name, text },

static const char *meaning(const struct meaning *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcasecmp(list[i].name, name))
			return list[i].text;
	}
	return NULL;
}

const char *meaning_reset_reason(const char *name)
{
	static const struct meaning list[] = { GL_RESET_REASON_LIST(MEANING) };
	return meaning(list, sizeof(list) / sizeof(*list), name);
}

const char *meaning_fault_kind(const char *name)
{
	static const struct meaning list[] = { GL_FAULT_KIND_LIST(MEANING) };
	return meaning(list, sizeof(list) / sizeof(*list), name);
}

const char *meaning_stat(const char *name)
{
	static const struct meaning list[] = { GL_STAT_LIST(MEANING) };
	return meaning(list, sizeof(list) / sizeof(*list), name);
}

const char *meaning_context_stat(const char *name)
{
	static const struct meaning list[] = { GL_CSTAT_LIST(MEANING) };
	return meaning(list, sizeof(list) / sizeof(*list), name);
}

/* --- Tables --- */

#define GRID_COLUMNS 16

struct cell {
	char *text;
	enum style style;
};

struct grid {
	size_t columns, cells, room;
	char align[GRID_COLUMNS];
	struct cell *cell;
};

static void *checked(void *memory)
{
	if (!memory) {
		fputs("glanectl: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

struct grid *grid_new(const char *columns)
{
	struct grid *g = checked(calloc(1, sizeof(*g)));
	g->columns = strlen(columns) < GRID_COLUMNS ? strlen(columns) : GRID_COLUMNS;
	memcpy(g->align, columns, g->columns);
	return g;
}

void grid_cell(struct grid *g, enum style style, const char *text)
{
	if (g->cells == g->room) {
		g->room = g->room ? 2 * g->room : 64;
		g->cell = checked(realloc(g->cell, g->room * sizeof(*g->cell)));
	}
	g->cell[g->cells++] = (struct cell){ checked(strdup(text)), style };
}

/* Columns of a terminal that UTF-8 text takes, about: each character one. */
static size_t columns_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void grid_print(struct grid *g, FILE *out, unsigned indent, bool heading)
{
	size_t width[GRID_COLUMNS] = { 0 };
	for (size_t i = 0; i < g->cells; i++) {
		size_t n = columns_of(g->cell[i].text);
		if (n > width[i % g->columns])
			width[i % g->columns] = n;
	}
	for (size_t i = 0; i < g->cells; i++) {
		const struct cell *c = &g->cell[i];
		size_t column = i % g->columns;
		bool last = column + 1 == g->columns;
		int blanks = (int)(width[column] - columns_of(c->text));
		enum style style = heading && i < g->columns ? BOLD : c->style;
		if (!column)
			fprintf(out, "%*s", (int)indent, "");
		if (g->align[column] == 'r')
			fprintf(out, "%*s", blanks, "");
		fprintf(out, "%s%s%s", style_on(out, style), c->text,
			style == PLAIN ? "" : style_off(out));
		if (last)
			fputc('\n', out);
		else
			fprintf(out, "%*s", (g->align[column] == 'l' ? blanks : 0) + 2, "");
	}
	for (size_t i = 0; i < g->cells; i++)
		free(g->cell[i].text);
	free(g->cell);
	free(g);
}

void print_wrapped(FILE *out, const char *text, unsigned column, unsigned indent, unsigned width)
{
	bool first = true;
	while (*text) {
		unsigned n = (unsigned)strcspn(text, " ");
		if (!first && column + 1 + n > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		fprintf(out, "%s%.*s", first ? "" : " ", (int)n, text);
		column += n + !first;
		first = false;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}
