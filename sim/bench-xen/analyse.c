// SPDX-License-Identifier: Apache-2.0
// Attribution of counted instructions, and slopes.
#include "analyse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where Xen lies in every address space of a 64-bit machine (xen/arch/x86/include/asm/config.h); above it are the domains' kernels. */
#define XEN_BEGIN  0xffff800000000000ull
#define XEN_END	   0xffff880000000000ull
#define PAGE_SHIFT 12

static bool fail(char *error, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool fail(char *error, size_t room, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error, room, format, args);
	va_end(args);
	return false;
}

const char *owner_name(enum owner o)
{
	static const char *const name[OWNERS] = { "xen", "dom0", "guest", "none" };
	return name[o];
}

/* Room for one more in an array that doubles. */
static bool grow(void **array, size_t count, size_t bytes)
{
	if (count & (count - 1) || (count && count < 16))
		return true;
	void *more = realloc(*array, (count ? 2 * count : 16) * bytes);
	if (!more)
		return false;
	*array = more;
	return true;
}

/* --- Pages ---------------------------------------------------------------------------------------------------------------------- */

struct range {
	uint64_t first, end;
	int domain;
};

struct pages {
	struct range *range;
	size_t count;
};

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

struct pages *pages_read(FILE *f, unsigned *line)
{
	struct pages *p = calloc(1, sizeof(*p));
	char text[128];
	*line = 0;
	while (p && fgets(text, sizeof(text), f)) {
		struct range r;
		++*line;
		if (sscanf(text, "%d %" SCNx64 " %" SCNx64, &r.domain, &r.first, &r.end) != 3 ||
		    r.end <= r.first || r.domain < 0 ||
		    !grow((void **)&p->range, p->count, sizeof(r))) {
			pages_free(p);
			return NULL;
		}
		p->range[p->count++] = r;
	}
	if (p && p->count)
		qsort(p->range, p->count, sizeof(*p->range), by_first);
	return p;
}

void pages_free(struct pages *p)
{
	if (p)
		free(p->range);
	free(p);
}

int pages_domain(const struct pages *p, uint64_t page)
{
	size_t low = 0, high = p->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (p->range[middle].end <= page)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->count && p->range[low].first <= page ? p->range[low].domain : -1;
}

enum owner owner_of(const struct pages *p, const struct record_block *b)
{
	if (b->virtual >= XEN_BEGIN && b->virtual < XEN_END)
		return OWNER_XEN;
	if (b->physical & RECORD_NO_RAM)
		return OWNER_NONE;
	return pages_domain(p, b->physical >> PAGE_SHIFT) ? OWNER_GUEST : OWNER_DOM0;
}

bool is_user(const struct record_block *b)
{
	return !(b->virtual >> 63);
}

/* --- Symbols -------------------------------------------------------------------------------------------------------------------- */

struct symbol {
	uint64_t address;
	char *name;
};

struct symbols {
	struct symbol *symbol;
	size_t count;
};

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;
	return (x->address > y->address) - (x->address < y->address);
}

bool symbols_read(struct symbols **s, FILE *f)
{
	char text[1024], name[512], module[128];
	if (!*s && !(*s = calloc(1, sizeof(**s))))
		return false;
	while (fgets(text, sizeof(text), f)) {
		uint64_t address;
		char type;
		module[0] = 0;
		int n = sscanf(text, "%" SCNx64 " %c %511s %127s", &address, &type, name, module);
		if (n < 3 || !strchr("tTwW", type))
			continue;
		size_t bytes = strlen(name) + strlen(module) + 2;
		if (!grow((void **)&(*s)->symbol, (*s)->count, sizeof(struct symbol)))
			return false;
		struct symbol *to = &(*s)->symbol[(*s)->count];
		to->address = address;
		to->name = malloc(bytes);
		if (!to->name)
			return false;
		snprintf(to->name, bytes, "%s%s%s", name, module[0] ? " " : "", module);
		(*s)->count++;
	}
	if ((*s)->count)
		qsort((*s)->symbol, (*s)->count, sizeof(struct symbol), by_address);
	return true;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		free(s->symbol[i].name);
	free(s->symbol);
	free(s);
}

const char *symbols_find(const struct symbols *s, uint64_t address)
{
	size_t low = 0, high = s ? s->count : 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (s->symbol[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? s->symbol[low - 1].name : "?";
}

/* --- Profiles: counts by name, sorted by name while they are summed up ------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct count *)a)->name, ((const struct count *)b)->name);
}

static int by_cost(const void *a, const void *b)
{
	double x = ((const struct count *)a)->instructions,
	       y = ((const struct count *)b)->instructions;
	return (x < y) - (x > y);
}

static bool add_count(struct count **list, size_t *count, const char *name, double instructions)
{
	if (!grow((void **)list, *count, sizeof(**list)))
		return false;
	char *copy = strdup(name);
	if (!copy)
		return false;
	(*list)[(*count)++] = (struct count){ copy, instructions };
	return true;
}

/* One of each name. */
static void merge_counts(struct count *list, size_t *count)
{
	size_t kept = 0;
	if (*count)
		qsort(list, *count, sizeof(*list), by_name);
	for (size_t i = 0; i < *count; i++) {
		if (kept && !strcmp(list[kept - 1].name, list[i].name)) {
			list[kept - 1].instructions += list[i].instructions;
			free(list[i].name);
		} else {
			list[kept++] = list[i];
		}
	}
	*count = kept;
}

static void free_counts(struct count *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i].name);
	free(list);
}

/* --- Runs ------------------------------------------------------------------------------------------------------------------------- */

bool runs_read_names(struct runs *r, FILE *f, char *error, size_t room)
{
	char text[256];
	for (unsigned line = 1; fgets(text, sizeof(text), f); line++) {
		struct run run = { 0 };
		if (sscanf(text, "%u %47s %u", &run.number, run.name, &run.frames) != 3 ||
		    run.number > MARK_MAX_RUNS)
			return fail(error, room, "line %u of the runs makes no sense", line);
		if (!grow((void **)&r->run, r->count, sizeof(run)))
			return fail(error, room, "not enough memory");
		r->run[r->count++] = run;
	}
	return true;
}

static struct run *find_run(struct runs *r, uint32_t number)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->run[i].number == number)
			return &r->run[i];
	return NULL;
}

static bool add_block(struct run *run, const struct record_block *b, const struct pages *pages,
		      const struct symbols *const *symbols)
{
	enum owner o = owner_of(pages, b);
	double n = (double)b->executed;
	char name[700];
	run->owner[o] += n;
	if (is_user(b))
		run->user[o] += n;
	if (b->repeat && b->length == 1)
		run->repeat += n;
	const char *function = is_user(b) ? "(programs)" : symbols_find(symbols[o], b->virtual);
	snprintf(name, sizeof(name), "%s %s", owner_name(o), o == OWNER_NONE ? "" : function);
	return add_count(&run->profile, &run->functions, name, n);
}

bool runs_read_records(struct runs *r, FILE *f, const struct pages *pages,
		       const struct symbols *xen, const struct symbols *dom0,
		       const struct symbols *guest, char *error, size_t room)
{
	const struct symbols *symbols[OWNERS] = { xen, dom0, guest, NULL };
	struct record_header h;
	while (fread(&h, sizeof(h), 1, f) == 1) {
		if (h.magic != RECORD_MAGIC)
			return fail(error, room, "the records are damaged");
		struct run *run = find_run(r, h.run);
		if (run && run->recorded)
			return fail(error, room, "run %u is recorded twice", h.run);
		if (run) {
			run->recorded = true;
			run->header = h;
		}
		for (uint64_t i = 0; i < h.blocks; i++) {
			struct record_block b;
			if (fread(&b, sizeof(b), 1, f) != 1)
				return fail(error, room, "the records are cut off in run %u",
					    h.run);
			if (run && !add_block(run, &b, pages, symbols))
				return fail(error, room, "not enough memory");
		}
		if (run)
			merge_counts(run->profile, &run->functions);
	}
	return true;
}

static FILE *open_file(const char *directory, const char *name, char *error, size_t room)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *f = fopen(path, "r");
	if (!f)
		fail(error, room, "%s: %s", path, strerror(errno));
	return f;
}

static bool load_symbols(struct symbols **s, const char *directory, const char *name, char *error,
			 size_t room)
{
	FILE *f = open_file(directory, name, error, room);
	/* The quick measurement takes no functions. */
	if (!f)
		return errno == ENOENT;
	bool ok = symbols_read(s, f);
	fclose(f);
	return ok || fail(error, room, "not enough memory");
}

/* The guests' kernel is dom0's, with other modules. */
static bool without_modules(struct symbols **to, const struct symbols *from)
{
	*to = calloc(1, sizeof(**to));
	for (size_t i = 0; *to && from && i < from->count; i++) {
		if (strstr(from->symbol[i].name, " ["))
			continue;
		if (!grow((void **)&(*to)->symbol, (*to)->count, sizeof(struct symbol)))
			return false;
		char *copy = strdup(from->symbol[i].name);
		if (!copy)
			return false;
		(*to)->symbol[(*to)->count++] = (struct symbol){ from->symbol[i].address, copy };
	}
	return *to;
}

struct runs *runs_load(const char *directory, char *error, size_t room)
{
	struct runs *r = calloc(1, sizeof(*r)), *result = NULL;
	struct symbols *xen = NULL, *dom0 = NULL, *guest = NULL;
	struct pages *pages = NULL;
	unsigned line;
	FILE *f = open_file(directory, "pages", error, room);
	if (!r || !f)
		goto out;
	pages = pages_read(f, &line);
	fclose(f);
	if (!pages) {
		fail(error, room, "%s/pages: line %u makes no sense", directory, line);
		goto out;
	}
	if (!load_symbols(&xen, directory, "xensyms", error, room) ||
	    !load_symbols(&dom0, directory, "symbols", error, room))
		goto out;
	if (!without_modules(&guest, dom0)) {
		fail(error, room, "not enough memory");
		goto out;
	}
	if (!load_symbols(&guest, directory, "guest-symbols", error, room))
		goto out;
	f = open_file(directory, "runs", error, room);
	if (!f)
		goto out;
	bool ok = runs_read_names(r, f, error, room);
	fclose(f);
	f = ok ? open_file(directory, "records", error, room) : NULL;
	if (!f)
		goto out;
	ok = runs_read_records(r, f, pages, xen, dom0, guest, error, room);
	fclose(f);
	if (ok)
		result = r;
out:
	if (!result)
		runs_free(r);
	pages_free(pages);
	symbols_free(xen);
	symbols_free(dom0);
	symbols_free(guest);
	return result;
}

void runs_free(struct runs *r)
{
	for (size_t i = 0; r && i < r->count; i++)
		free_counts(r->run[i].profile, r->run[i].functions);
	if (r)
		free(r->run);
	free(r);
}

/* --- Slopes ------------------------------------------------------------------------------------------------------------------------- */

const struct slope *slopes_find(const struct slopes *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->slope[i].name, name))
			return &s->slope[i];
	return NULL;
}

static struct slope *slope_named(struct slopes *s, const char *name)
{
	const struct slope *found = slopes_find(s, name);
	if (found)
		return &s->slope[found - s->slope];
	if (!grow((void **)&s->slope, s->count, sizeof(*s->slope)))
		return NULL;
	struct slope *n = &s->slope[s->count++];
	*n = (struct slope){ 0 };
	snprintf(n->name, sizeof(n->name), "%s", name);
	return n;
}

/* Adds what b has more than a, for each of the frames that it has more. */
static bool add_pair(struct slope *s, const struct run *a, const struct run *b)
{
	double frames = (double)b->frames - (double)a->frames, total = 0, offload = 0;
	for (unsigned o = 0; o < OWNERS; o++) {
		double d = (b->owner[o] - a->owner[o]) / frames;
		s->owner[o] += d;
		s->user[o] += (b->user[o] - a->user[o]) / frames;
		total += d;
		if (o == OWNER_XEN || o == OWNER_DOM0)
			offload += d;
	}
	s->repeat += (b->repeat - a->repeat) / frames;
	s->total += total;
	s->interrupts += ((double)b->header.interrupts - (double)a->header.interrupts) / frames;
	s->from_wire += ((double)b->header.from_wire - (double)a->header.from_wire) / frames;
	s->to_wire += ((double)b->header.to_wire - (double)a->header.to_wire) / frames;
	if (!s->pairs || total < s->least)
		s->least = total;
	if (!s->pairs || total > s->most)
		s->most = total;
	if (!s->pairs || offload < s->offload_least)
		s->offload_least = offload;
	if (!s->pairs || offload > s->offload_most)
		s->offload_most = offload;
	s->pairs++;
	s->few = a->frames;
	s->many = b->frames;
	for (size_t i = 0; i < b->functions; i++)
		if (!add_count(&s->profile, &s->functions, b->profile[i].name,
			       b->profile[i].instructions / frames))
			return false;
	for (size_t i = 0; i < a->functions; i++)
		if (!add_count(&s->profile, &s->functions, a->profile[i].name,
			       -a->profile[i].instructions / frames))
			return false;
	merge_counts(s->profile, &s->functions);
	return true;
}

static void average(struct slope *s)
{
	double n = s->pairs;
	for (unsigned o = 0; o < OWNERS; o++) {
		s->owner[o] /= n;
		s->user[o] /= n;
	}
	s->repeat /= n;
	s->total /= n;
	s->interrupts /= n;
	s->from_wire /= n;
	s->to_wire /= n;
	for (size_t i = 0; i < s->functions; i++)
		s->profile[i].instructions /= n;
	if (s->functions)
		qsort(s->profile, s->functions, sizeof(*s->profile), by_cost);
}

static bool add_runs(struct slopes *s, const struct runs *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct run *a = &r->run[i];
		if (!a->recorded)
			continue;
		/* The next of this name, if it has more frames. */
		for (size_t j = i + 1; j < r->count; j++) {
			const struct run *b = &r->run[j];
			if (strcmp(a->name, b->name))
				continue;
			if (b->recorded && b->frames > a->frames) {
				struct slope *to = slope_named(s, a->name);
				if (!to || !add_pair(to, a, b))
					return false;
			}
			break;
		}
	}
	return true;
}

bool slopes_make(struct slopes *s, const struct runs *const *runs, size_t folders)
{
	*s = (struct slopes){ 0 };
	for (size_t i = 0; i < folders; i++)
		if (!add_runs(s, runs[i]))
			return false;
	for (size_t i = 0; i < s->count; i++)
		average(&s->slope[i]);
	return true;
}

static bool copy_profile(struct slope *to, const struct slope *from, double factor)
{
	for (size_t i = 0; i < from->functions; i++)
		if (!add_count(&to->profile, &to->functions, from->profile[i].name,
			       factor * from->profile[i].instructions))
			return false;
	return true;
}

/* What rx[GUESTS]-OCTETS-bBURST[-MORE] is to be relieved of: ref-OCTETS-bBURST-MORE, or, since frames from the wire cost no machine anything, the same without MORE,
 * or with frames of full size; NULL if there is none. */
static const struct slope *reference_of(const struct slopes *s, const char *rx)
{
	char name[64], burst[24];
	const struct slope *found;
	const char *rest = strchr(rx, '-');
	int octets;
	if (strncmp(rx, "rx", 2) || !rest || sscanf(rest, "-%d-%23[b0-9]", &octets, burst) != 2)
		return NULL;
	snprintf(name, sizeof(name), "ref%.48s", rest);
	if ((found = slopes_find(s, name)))
		return found;
	snprintf(name, sizeof(name), "ref-%d-%s", octets, burst);
	if ((found = slopes_find(s, name)))
		return found;
	snprintf(name, sizeof(name), "ref-1470-%s", burst);
	return slopes_find(s, name);
}

bool slopes_subtract(struct slopes *s)
{
	size_t count = s->count;
	for (size_t i = 0; i < count; i++) {
		char name[48];
		const struct slope *found = reference_of(s, s->slope[i].name);
		if (!found)
			continue;
		size_t ref = (size_t)(found - s->slope);
		snprintf(name, sizeof(name), "%.40s-gross", s->slope[i].name);
		struct slope *gross = slope_named(s, name); /* may move all */
		if (!gross)
			return false;
		struct slope *net = &s->slope[i];
		const struct slope *less = &s->slope[ref];
		*gross = *net;
		snprintf(gross->name, sizeof(gross->name), "%s", name);
		for (unsigned o = 0; o < OWNERS; o++) {
			net->owner[o] -= less->owner[o];
			net->user[o] -= less->user[o];
		}
		net->repeat -= less->repeat;
		net->total -= less->total;
		net->least -= less->most;
		net->most -= less->least;
		net->offload_least -= less->offload_most;
		net->offload_most -= less->offload_least;
		net->interrupts -= less->interrupts;
		net->profile = NULL;
		net->functions = 0;
		if (!copy_profile(net, gross, 1) || !copy_profile(net, less, -1))
			return false;
		merge_counts(net->profile, &net->functions);
		if (net->functions)
			qsort(net->profile, net->functions, sizeof(*net->profile), by_cost);
	}
	return true;
}

void slopes_free(struct slopes *s)
{
	for (size_t i = 0; i < s->count; i++)
		free_counts(s->slope[i].profile, s->slope[i].functions);
	free(s->slope);
	*s = (struct slopes){ 0 };
}
