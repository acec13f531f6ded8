// SPDX-License-Identifier: Apache-2.0
// Reads the command line by the list of commands and options; every refusal names the offending word.
#include "glanectl.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

/* Edits (insert, delete, change, swap neighbours) that make b of a; capital letters count as small ones. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);
	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		row[1][j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *before = row[(i + 2) % 3], *last = row[i % 3], *now = row[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			size_t d = last[j - 1] + !same;
			if (last[j] + 1 < d)
				d = last[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < d)
				d = before[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[(n + 1) % 3][m];
}

const char *parse_nearest(const char *word, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(word) / 3 + 2; /* one edit in short words, more in longer ones */
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, words[i]);
		/* The beginning of a word is near it. */
		if (strlen(word) >= 2 && !strncmp(word, words[i], strlen(word)))
			d = 0;
		bool nearer = d < least || (best && d == least && strlen(words[i]) < strlen(best));
		if (nearer && d < strlen(words[i])) {
			least = d;
			best = words[i];
		}
	}
	return best;
}

static const char *did_you_mean(const char *nearest, const char *prefix)
{
	static char text[3 * WORD_MAX + 40];
	text[0] = 0;
	if (nearest)
		snprintf(text, sizeof(text), "; did you mean '%s%s'?", prefix, nearest);
	return text;
}

/* --- Values --- */

struct context {
	struct ctl *ctl;
	const struct option_spec *option;
	const char *text; /* as it was written */
};

static int bad_value(const struct context *c, const char *want)
{
	return fail(c->ctl, CTL_USAGE, "--%s is '%s'; give %s", c->option->name, c->text, want);
}

static bool number(const char *text, uint64_t *value, const char **end)
{
	char *stop;
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtoull(text, &stop, 10);
	*end = stop;
	return !errno;
}

/* "100M", "1.5G", "100 Mb/s": prefixes of 1000; "64KiB", "64Ki": of 1024. As in the configuration file. */
static bool scaled(const char *text, const char *const *units, uint64_t *value)
{
	static const char prefixes[] = "kMGT";
	char *end;
	if (!isdigit((unsigned char)text[0]) || strpbrk(text, "xXnN"))
		return false;
	errno = 0;
	double v = strtod(text, &end);
	if (errno)
		return false;
	while (*end == ' ')
		end++;
	const char *p = *end ? strchr(prefixes, *end == 'K' ? 'k' : *end) : NULL;
	if (p) {
		double base = end[1] == 'i' ? 1024 : 1000;
		for (long i = p - prefixes; i >= 0; i--)
			v *= base;
		end += base > 1000 ? 2 : 1;
	}
	bool known = !*end;
	for (size_t i = 0; units[i] && !known; i++)
		known = !strcmp(end, units[i]);
	if (!known || v > 9e18 || v != (double)(uint64_t)v)
		return false;
	*value = (uint64_t)v;
	return true;
}

static bool is_mac(const char *text)
{
	for (unsigned i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	return !text[17];
}

/* Is the word, of `length`, one of the words in `list`? */
static bool one_of(const char *list, const char *word, size_t length)
{
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, " ");
		if (n == length && !strncmp(p, word, n))
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

/* Words with blanks between them as a sentence has them: "up or down". The array for parse_nearest is in words[]. */
static size_t split_words(const char *list, char *text, size_t room, const char **words,
			  size_t most)
{
	size_t count = 0;
	snprintf(text, room, "%s", list);
	for (char *w = strtok(text, " "); w && count < most; w = strtok(NULL, " "))
		words[count++] = w;
	return count;
}

static const char *words_sentence(const char *list)
{
	static char out[300];
	char text[256];
	const char *words[32];
	size_t count = split_words(list, text, sizeof(text), words, 32), used = 0;
	out[0] = 0;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s",
					 !i		  ? ""
					 : i + 1 == count ? " or "
							  : ", ",
					 words[i]);
	return out;
}

static int bad_word(const struct context *c, const char *word, size_t length)
{
	char text[256], one[WORD_MAX];
	const char *words[32];
	size_t count = split_words(c->option->words, text, sizeof(text), words, 32);
	snprintf(one, sizeof(one), "%.*s", (int)length, word);
	const char *nearest = parse_nearest(one, words, count);
	if (strlen(c->text) != length)
		return fail(c->ctl, CTL_USAGE, "--%s has '%s'; give %s%s", c->option->name, one,
			    words_sentence(c->option->words), did_you_mean(nearest, ""));
	return fail(c->ctl, CTL_USAGE, "--%s is '%s'; give %s%s", c->option->name, one,
		    words_sentence(c->option->words), did_you_mean(nearest, ""));
}

static int word_list(const struct context *c, json_t **value)
{
	*value = json_array();
	if (c->option->kind == OPT_FEATURES && !strcmp(c->text, "all"))
		return CTL_OK;
	for (const char *p = c->text;;) {
		size_t n = strcspn(p, ",");
		if (!n)
			return bad_value(c, "names with commas between them");
		if (c->option->words && !one_of(c->option->words, p, n))
			return bad_word(c, p, n);
		json_t *word = json_stringn(p, n);
		if (!word)
			return bad_value(c, "names in UTF-8");
		json_array_append_new(*value, word);
		p += n;
		if (!*p)
			return CTL_OK;
		p++;
	}
}

static int vid_list(const struct context *c, json_t **value)
{
	const uint64_t low = c->option->low, high = c->option->high;
	bool seen[4096] = { false };
	for (const char *p = c->text;;) {
		uint64_t first, last;
		if (!number(p, &first, &p))
			return bad_value(c, "VLANs as 10,20-25");
		last = first;
		if (*p == '-' && !number(p + 1, &last, &p))
			return bad_value(c, "VLANs as 10,20-25");
		if (first < low || last > high || first > last)
			return bad_value(c, "VLANs from 1 to 4094, ranges upwards, as 10,20-25");
		for (uint64_t v = first; v <= last; v++)
			seen[v] = true;
		if (!*p)
			break;
		if (*p++ != ',')
			return bad_value(c, "VLANs as 10,20-25");
	}
	*value = json_array();
	for (uint64_t v = low; v <= high; v++) {
		if (seen[v])
			json_array_append_new(*value, json_integer((json_int_t)v));
	}
	return CTL_OK;
}

static int read_value(const struct context *c, json_t **value)
{
	static const char *const rate_units[] = { "b/s", "bit/s", "bps", NULL };
	static const char *const octet_units[] = { "B", NULL };
	const struct option_spec *o = c->option;
	const char *text = c->text, *end;
	char want[80];
	uint64_t n;
	switch (o->kind) {
	case OPT_FLAG:
		*value = json_true();
		return CTL_OK;
	case OPT_NUMBER:
		if (!number(text, &n, &end) || *end || n < o->low || n > o->high) {
			if (o->high == INT64_MAX)
				snprintf(want, sizeof(want), "a whole number from %llu on",
					 (unsigned long long)o->low);
			else
				snprintf(want, sizeof(want), "a whole number from %llu to %llu",
					 (unsigned long long)o->low, (unsigned long long)o->high);
			return bad_value(c, want);
		}
		*value = json_integer((json_int_t)n);
		return CTL_OK;
	case OPT_SECONDS: {
		char *stop;
		double s = strtod(text, &stop);
		if (stop == text || *stop || !isdigit((unsigned char)text[0]) ||
		    strpbrk(text, "xX") || s * 1000 < (double)o->low ||
		    s * 1000 > (double)o->high) {
			snprintf(want, sizeof(want), "seconds from %g to %g", (double)o->low / 1000,
				 (double)o->high / 1000);
			return bad_value(c, want);
		}
		*value = json_real(s);
		return CTL_OK;
	}
	case OPT_WORD:
		if (!one_of(o->words, text, strlen(text)))
			return bad_word(c, text, strlen(text));
		*value = json_string(text);
		return CTL_OK;
	case OPT_WORDS:
	case OPT_FEATURES:
		return word_list(c, value);
	case OPT_BOOL:
		if (strcmp(text, "yes") && strcmp(text, "no"))
			return bad_value(c, "yes or no");
		*value = json_boolean(!strcmp(text, "yes"));
		return CTL_OK;
	case OPT_TEXT:
	case OPT_FILE:
		if (!*text)
			return bad_value(c, "a path");
		/* Paths need not be UTF-8; only the daemon's messages must. */
		*value = json_stringn_nocheck(text, strlen(text));
		return CTL_OK;
	case OPT_MAC:
		if (!is_mac(text))
			return bad_value(c, "six octets in hexadecimal, as 02:00:00:00:00:03");
		*value = json_string(text);
		return CTL_OK;
	case OPT_RATE:
		if (!scaled(text, rate_units, &n) || n > o->high)
			return bad_value(c, "bit/s, or with k, M or G, as 100M; 0 is no limit");
		*value = json_integer((json_int_t)n);
		return CTL_OK;
	case OPT_OCTETS:
		if (!scaled(text, octet_units, &n) || n > o->high) {
			snprintf(want, sizeof(want),
				 "octets, or as 64KiB, at most %llu; 0 is no limit",
				 (unsigned long long)o->high);
			return bad_value(c, want);
		}
		*value = json_integer((json_int_t)n);
		return CTL_OK;
	case OPT_VIDS:
		return vid_list(c, value);
	}
	return bad_value(c, "another value");
}

/* --- Options --- */

static const struct option_spec *find(const struct option_spec *list, const char *name,
				      size_t length, char letter)
{
	for (; list && list->name; list++) {
		if (letter ? list->letter == letter
			   : strlen(list->name) == length && !strncmp(list->name, name, length))
			return list;
	}
	return NULL;
}

static const struct option_spec *find_option(const struct ctl *ctl, const char *name, size_t length,
					     char letter)
{
	const struct option_spec *o = find(global_options, name, length, letter);
	for (unsigned i = 0; i < 2 && !o && ctl->command; i++)
		o = find(ctl->command->options[i], name, length, letter);
	return o;
}

static int unknown_option(struct ctl *ctl, const char *word)
{
	const char *names[80], *nearest = NULL;
	char name[WORD_MAX];
	size_t count = 0;
	for (const struct option_spec *o = global_options; o->name; o++)
		names[count++] = o->name;
	for (unsigned i = 0; i < 2 && ctl->command; i++) {
		for (const struct option_spec *o = ctl->command->options[i];
		     o && o->name && count < 80; o++)
			names[count++] = o->name;
	}
	if (word[1] == '-') {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
		nearest = parse_nearest(name, names, count);
	}
	if (ctl->command)
		return fail(ctl, CTL_USAGE, "'%s' has no option %s%s", ctl->command->name, word,
			    nearest ? did_you_mean(nearest, "--") : " (try --help)");
	return fail(ctl, CTL_USAGE, "there is no option %s%s", word,
		    nearest ? did_you_mean(nearest, "--") : " before the command (try --help)");
}

static int set_option(struct ctl *ctl, const struct option_spec *o, const char *text)
{
	char key[WORD_MAX];
	json_t *value = NULL;
	int status = read_value(&(struct context){ ctl, o, text }, &value);
	if (status) {
		json_decref(value);
		return status;
	}
	snprintf(key, sizeof(key), "%s", o->name);
	for (char *p = key; *p; p++) {
		if (*p == '-')
			*p = '_';
	}
	if (json_object_set_new_nocheck(ctl->given, key, value))
		return fail(ctl, CTL_USAGE, "--%s is '%s', which is no text", o->name, text);
	return CTL_OK;
}

/* argv[*i] is an option of more than one character; takes its value with it. */
static int read_option(struct ctl *ctl, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	if (word[1] == '-') {
		const char *name = word + 2, *equals = strchr(name, '=');
		size_t length = equals ? (size_t)(equals - name) : strlen(name);
		const struct option_spec *o = find_option(ctl, name, length, 0);
		if (!o)
			return unknown_option(ctl, word);
		if (o->kind == OPT_FLAG && equals)
			return fail(ctl, CTL_USAGE, "--%s takes no value, but '%s' was given",
				    o->name, equals + 1);
		if (o->kind == OPT_FLAG)
			return set_option(ctl, o, "");
		if (equals)
			return set_option(ctl, o, equals + 1);
		if (*i + 1 == argc)
			return fail(ctl, CTL_USAGE, "--%s needs a value: %s", o->name, o->value);
		return set_option(ctl, o, argv[++*i]);
	}
	for (const char *p = word + 1; *p; p++) {
		const struct option_spec *o = find_option(ctl, NULL, 0, *p);
		if (!o) {
			const char letter[] = { '-', *p, 0 };
			return unknown_option(ctl, letter);
		}
		if (o->kind == OPT_FLAG) {
			int status = set_option(ctl, o, "");
			if (status)
				return status;
			continue;
		}
		if (p[1])
			return set_option(ctl, o, p + 1);
		if (*i + 1 == argc)
			return fail(ctl, CTL_USAGE, "-%c needs a value: %s", o->letter, o->value);
		return set_option(ctl, o, argv[++*i]);
	}
	return CTL_OK;
}

/* --- Commands --- */

static int unknown_command(struct ctl *ctl, const char *first, const char *second)
{
	const char *names[40] = { NULL };
	char text[2 * WORD_MAX], group[400] = "";
	size_t count = 0, used = 0, length = strlen(first);
	for (const struct command_spec *c = command_table; c->name && count < 40; c++) {
		names[count++] = c->name;
		if (!strncmp(c->name, first, length) && c->name[length] == ' ')
			used += (size_t)snprintf(group + used, sizeof(group) - used, "%s%s",
						 used ? ", " : "", c->name + length + 1);
	}
	if (used && !second)
		return fail(ctl, CTL_USAGE, "'%s' needs a second word: %s", first, group);
	if (used) {
		const char *seconds[40];
		size_t n = 0;
		for (size_t i = 0; i < count; i++) {
			if (!strncmp(names[i], first, length) && names[i][length] == ' ')
				seconds[n++] = names[i] + length + 1;
		}
		const char *nearest = parse_nearest(second, seconds, n);
		snprintf(text, sizeof(text), "%s ", first);
		if (nearest)
			return fail(ctl, CTL_USAGE, "there is no command '%s %s'%s", first, second,
				    did_you_mean(nearest, text));
		return fail(ctl, CTL_USAGE, "there is no command '%s %s'; there are: %s", first,
			    second, group);
	}
	/* First words of groups, and words that are the second of a group ("add" for "context add"). */
	static char word[8][WORD_MAX];
	for (size_t i = 0, n = count, w = 0; i < n && w < 8 && count < 40; i++) {
		size_t blank = strcspn(names[i], " ");
		if (!names[i][blank] || (w && !strncmp(word[w - 1], names[i], blank)))
			continue;
		snprintf(word[w], WORD_MAX, "%.*s", (int)blank, names[i]);
		names[count++] = word[w++];
	}
	const char *nearest = parse_nearest(first, names, count);
	if (!nearest && second) {
		snprintf(text, sizeof(text), "%.60s %.60s", first, second);
		nearest = parse_nearest(text, names, count);
	}
	for (size_t i = 0; i < count && !nearest; i++) {
		const char *blank = strchr(names[i], ' ');
		if (blank && !strcmp(blank + 1, first))
			nearest = names[i];
	}
	return fail(ctl, CTL_USAGE, "there is no command '%s'%s", first,
		    nearest ? did_you_mean(nearest, "") : " (try --help)");
}

/* The command whose words are first (and second); *words: how many it took. */
static const struct command_spec *find_command(const char *first, const char *second, int *words)
{
	char both[2 * WORD_MAX];
	snprintf(both, sizeof(both), "%.60s %.60s", first, second ? second : "");
	for (const struct command_spec *c = command_table; c->name; c++) {
		*words = strchr(c->name, ' ') ? 2 : 1;
		if (!strcmp(c->name, *words == 2 ? both : first))
			return c;
	}
	return NULL;
}

int parse(struct ctl *ctl, int argc, char **argv)
{
	const char *words[3];
	int count = 0, status;
	bool only_operands = false, needs = true;
	for (int i = 1; i < argc; i++) {
		if (!only_operands && !strcmp(argv[i], "--")) {
			only_operands = true;
			continue;
		}
		if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
			status = read_option(ctl, argc, argv, &i);
			if (status)
				return status;
			continue;
		}
		if (ctl->command) {
			if (!ctl->command->operand)
				return fail(ctl, CTL_USAGE,
					    "'%s' takes no operand, but '%s' was given",
					    ctl->command->name, argv[i]);
			if (ctl->operand)
				return fail(ctl, CTL_USAGE, "'%s' takes one %s; '%s' is too much",
					    ctl->command->name, ctl->command->operand, argv[i]);
			ctl->operand = argv[i];
			continue;
		}
		/* The words of the command, with options between them or not. */
		int taken;
		words[count++] = argv[i];
		const struct command_spec *c =
			find_command(words[0], count > 1 ? words[1] : NULL, &taken);
		if (c && taken == count)
			ctl->command = c;
		else if (count == 2)
			return unknown_command(ctl, words[0], words[1]);
		else {
			bool group = false;
			for (c = command_table; c->name; c++)
				group = group || (!strncmp(c->name, argv[i], strlen(argv[i])) &&
						  c->name[strlen(argv[i])] == ' ');
			if (!group)
				return unknown_command(
					ctl, words[0],
					i + 1 < argc && argv[i + 1][0] != '-' ? argv[i + 1] : NULL);
		}
	}
	ctl->json = given_flag(ctl, "json");
	needs = !given_flag(ctl, "help") && !given_flag(ctl, "version");
	if (!ctl->command && !needs)
		return CTL_OK;
	if (!ctl->command && count)
		return unknown_command(ctl, words[0], NULL);
	if (!ctl->command)
		return fail(ctl, CTL_USAGE,
			    "a command is missing: glanectl list shows what there is "
			    "(try --help)");
	if (needs && ctl->command->operand && ctl->command->operand[0] != '[' && !ctl->operand)
		return fail(ctl, CTL_USAGE, "'%s' needs a %s (try --help)", ctl->command->name,
			    ctl->command->operand);
	return CTL_OK;
}
