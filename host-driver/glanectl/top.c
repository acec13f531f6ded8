// SPDX-License-Identifier: Apache-2.0
// top: rates of the NIC and its contexts, live on a terminal, once as text, or as JSON. Rates are differences of two looks.
#include "glanectl.h"
#include "text.h"

#include "control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CONTEXTS_MAX 256
#define WIDE	     112   /* columns from which on there is room for more */
#define FIRST_MS     500   /* at most, between the first two looks */
#define LOOK_MS	     20000 /* for an answer of the daemon */

struct row {
	unsigned context;
	char state[12], driver[48], mac[20];
	double tx_frames, tx_bits, rx_frames, rx_bits, drops, irqs, doorbells; /* per second */
};

struct view {
	double seconds, time; /* between the looks; of the second one */
	double wire_tx, wire_rx, wire_drops;
	double cycles, firmware, dma_wait, idle; /* cycles per second, then shares of them */
	double cycles_per_frame;		 /* 0: no frame */
	double clock_hz;
	size_t rows, live;
	struct row row[CONTEXTS_MAX], total;
};

enum sort { BY_CONTEXT, BY_TX, BY_RX, BY_DROPS, BY_IRQS, SORTS };
static const char *const sort_names[SORTS] = { "context", "tx", "rx", "drops", "irqs" };

/* --- A look --- */

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/*
 * What contexts there are and who drives them costs a word with the firmware for each. A simulated NIC is slow at it, so it is asked for once in a
 * second, or less often when that would take more than a tenth of the time; and when a context is new.
 */
#define LIST_MS	   1000
#define LIST_SHARE 10

static struct {
	json_t *list;
	int64_t next_ms;
} known;

static bool all_known(const json_t *contexts)
{
	size_t i, j;
	json_t *a, *b;
	if (json_array_size(contexts) != json_array_size(known.list))
		return false;
	json_array_foreach(contexts, i, a)
	{
		bool found = false;
		json_array_foreach(known.list, j, b) found =
			found || json_number(a, "context") == json_number(b, "context");
		if (!found)
			return false;
	}
	return true;
}

static json_t *look(struct ctl *ctl, int *status)
{
	json_t *stats = ctl_stats(ctl, status);
	if (!stats)
		return NULL;
	int64_t begun = now_ms();
	if (!known.list || begun >= known.next_ms ||
	    !all_known(json_object_get(stats, "contexts"))) {
		json_t *list = ctl_contexts(ctl, status);
		if (!list) {
			json_decref(stats);
			return NULL;
		}
		int64_t took = (now_ms() - begun) * LIST_SHARE;
		json_decref(known.list);
		known.list = list;
		known.next_ms = now_ms() + (took > LIST_MS ? took : LIST_MS);
	}
	json_object_set(stats, "list", known.list);
	return stats;
}

static const json_t *of_context(const json_t *list, int64_t context)
{
	size_t i;
	json_t *c;
	json_array_foreach(list, i, c)
	{
		if (json_number(c, "context") == context)
			return c;
	}
	return NULL;
}

/* How much a counter has grown; one that went back began anew. */
static double grown(const json_t *before, const json_t *now, const char *name)
{
	if (!before || !now)
		return 0;
	int64_t a = json_number(before, name), b = json_number(now, name);
	return b >= a ? (double)(b - a) : 0;
}

static double grown_part(const json_t *before, const json_t *now, const char *part)
{
	const char *name;
	json_t *value;
	double sum = 0;
	json_object_foreach((json_t *)now, name, value)
	{
		if (strstr(name, part))
			sum += grown(before, now, name);
	}
	return sum;
}

static void compare(struct view *v, const json_t *before, const json_t *now)
{
	const json_t *nic0 = json_object_get(before, "nic"), *nic1 = json_object_get(now, "nic");
	const json_t *cycles0 = json_object_get(before, "cycles"),
		     *cycles1 = json_object_get(now, "cycles");
	memset(v, 0, sizeof(*v));
	v->time = json_number_value(json_object_get(now, "time"));
	v->seconds = v->time - json_number_value(json_object_get(before, "time"));
	if (v->seconds <= 0)
		v->seconds = 1e-9; /* the same look twice: nothing has grown */
	v->clock_hz = (double)json_number(now, "clock_hz");
	v->wire_tx = grown(nic0, nic1, "mac_tx_frames") / v->seconds;
	v->wire_rx = grown(nic0, nic1, "mac_rx_frames") / v->seconds;
	v->wire_drops = (grown(nic0, nic1, "rx_drop_full") + grown(nic0, nic1, "mac_rx_bad_fcs") +
			 grown(nic0, nic1, "mac_rx_runt") + grown(nic0, nic1, "mac_rx_giant") +
			 grown(nic0, nic1, "mac_rx_er")) /
			v->seconds;
	double total = grown(cycles0, cycles1, "total"),
	       firmware = grown(cycles0, cycles1, "firmware"), frames = 0;
	v->cycles = total / v->seconds;
	if (total > 0) {
		v->firmware = firmware / total;
		v->dma_wait = grown(cycles0, cycles1, "dma_wait") / total;
		v->idle = grown(cycles0, cycles1, "idle") / total;
	}
	size_t i;
	json_t *c;
	json_array_foreach(json_object_get(now, "list"), i, c)
	{
		if (v->rows == CONTEXTS_MAX)
			break;
		struct row *r = &v->row[v->rows++];
		int64_t k = json_number(c, "context");
		const json_t *a = of_context(json_object_get(before, "contexts"), k),
			     *b = of_context(json_object_get(now, "contexts"), k),
			     *peer = json_object_get(c, "peer");
		r->context = (unsigned)k;
		snprintf(r->state, sizeof(r->state), "%.11s", json_text(c, "state"));
		snprintf(r->mac, sizeof(r->mac), "%.17s", json_text(c, "mac"));
		if (json_is_object(peer))
			snprintf(r->driver, sizeof(r->driver), "%.24s (%lld)",
				 json_text(peer, "program"), (long long)json_number(peer, "pid"));
		else if (strcmp(json_text(c, "owner"), "none"))
			snprintf(r->driver, sizeof(r->driver), "%.40s", json_text(c, "owner"));
		v->live += !strcmp(r->state, "live");
		r->tx_frames = grown(a, b, "tx_frames") / v->seconds;
		r->rx_frames = grown(a, b, "rx_frames") / v->seconds;
		r->tx_bits = grown(a, b, "tx_bytes") * 8 / v->seconds;
		r->rx_bits = grown(a, b, "rx_bytes") * 8 / v->seconds;
		r->drops = grown_part(a, b, "drop") / v->seconds;
		r->irqs = grown(a, b, "irqs") / v->seconds;
		r->doorbells = grown(a, b, "doorbells") / v->seconds;
		v->total.tx_frames += r->tx_frames;
		v->total.rx_frames += r->rx_frames;
		v->total.tx_bits += r->tx_bits;
		v->total.rx_bits += r->rx_bits;
		v->total.drops += r->drops;
		v->total.irqs += r->irqs;
		v->total.doorbells += r->doorbells;
	}
	frames = (v->total.tx_frames + v->total.rx_frames) * v->seconds;
	if (frames >= 0.5)
		v->cycles_per_frame = firmware / frames;
}

static double sort_value(const struct row *r, enum sort sort)
{
	switch (sort) {
	case BY_TX:
		return r->tx_bits;
	case BY_RX:
		return r->rx_bits;
	case BY_DROPS:
		return r->drops;
	case BY_IRQS:
		return r->irqs;
	default:
		return 0;
	}
}

static enum sort sorting;

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double u = sort_value(x, sorting), w = sort_value(y, sorting);
	if (u != w)
		return u > w ? -1 : 1;
	return x->context < y->context ? -1 : x->context > y->context;
}

/* --- JSON --- */

static json_t *rates(const struct row *r)
{
	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "tx_frames_per_s", r->tx_frames,
			 "tx_bits_per_s", r->tx_bits, "rx_frames_per_s", r->rx_frames,
			 "rx_bits_per_s", r->rx_bits, "drops_per_s", r->drops, "irqs_per_s",
			 r->irqs, "doorbells_per_s", r->doorbells);
}

static void print_view_json(const struct view *v)
{
	json_t *contexts = json_array();
	for (size_t i = 0; i < v->rows; i++) {
		json_t *c = json_pack("{s:i, s:s, s:s}", "context", (int)v->row[i].context, "state",
				      v->row[i].state, "driver", v->row[i].driver);
		json_object_update_new(c, rates(&v->row[i]));
		json_array_append_new(contexts, c);
	}
	print_json(json_pack("{s:f, s:f, s:f, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f, s:f, s:f, s:f}, "
			     "s:o, s:o}",
			     "time", v->time, "seconds", v->seconds, "clock_hz", v->clock_hz,
			     "wire", "tx_frames_per_s", v->wire_tx, "rx_frames_per_s", v->wire_rx,
			     "drops_per_s", v->wire_drops, "core", "cycles_per_s", v->cycles,
			     "busy", v->firmware + v->dma_wait, "firmware", v->firmware, "dma_wait",
			     v->dma_wait, "idle", v->idle, "firmware_cycles_per_frame",
			     v->cycles_per_frame, "total", rates(&v->total), "contexts", contexts),
		   true);
}

/* --- Text: lines into a buffer, each clipped to the width --- */

struct screen {
	char *text;
	size_t used, room;
	unsigned columns, lines; /* of the window; lines 0: as many as there are */
	unsigned painted;
	bool colours, live; /* live: on a terminal that is painted over */
};

static void append(struct screen *s, const char *text, size_t bytes)
{
	if (s->used + bytes + 1 > s->room) {
		size_t room = (s->used + bytes + 1) * 2;
		char *larger = realloc(s->text, room);
		if (!larger)
			return;
		s->text = larger;
		s->room = room;
	}
	memcpy(s->text + s->used, text, bytes);
	s->used += bytes;
	s->text[s->used] = 0;
}

static void append_text(struct screen *s, const char *text)
{
	append(s, text, strlen(text));
}

static const char *paint(const struct screen *s, const char *sequence)
{
	return s->colours ? sequence : "";
}

/* One line; `sequence`: how it looks. */
static void line(struct screen *s, const char *sequence, const char *text)
{
	size_t n = strlen(text), width = s->columns;
	/* A window of few lines shows the first ones; it must not scroll. */
	if (s->lines && ++s->painted >= s->lines)
		return;
	append_text(s, paint(s, sequence));
	if (n > width) {
		n = width; /* not in the middle of a character */
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	while (n && text[n - 1] == ' ' && !s->live)
		n--;
	append(s, text, n);
	if (*sequence) {
		/* A heading goes through to the edge. */
		for (size_t i = n; s->live && !strcmp(sequence, "\033[7m") && i < width; i++)
			append(s, " ", 1);
		append_text(s, paint(s, "\033[0m"));
	}
	append_text(s, s->live ? "\033[K\r\n" : "\n");
}

static const char *row_text(const struct screen *s, const struct row *r, const char *name)
{
	if (s->columns >= WIDE)
		return text_format("%7s %-8s %-17s %9s %9s %9s %9s %8s %8s %8s  %s", name, r->state,
				   r->mac, text_measure(r->tx_frames),
				   text_format("%.2f", r->tx_bits / 1e6),
				   text_measure(r->rx_frames),
				   text_format("%.2f", r->rx_bits / 1e6), text_measure(r->drops),
				   text_measure(r->irqs), text_measure(r->doorbells), r->driver);
	/* No room for the process number. */
	return text_format("%3s %-8s %8s %8s %8s %8s %7s %7s  %.*s", name, r->state,
			   text_measure(r->tx_frames), text_format("%.2f", r->tx_bits / 1e6),
			   text_measure(r->rx_frames), text_format("%.2f", r->rx_bits / 1e6),
			   text_measure(r->drops), text_measure(r->irqs),
			   (int)strcspn(r->driver, "("), r->driver);
}

static void heading(struct screen *s, enum sort sort)
{
	static const char *const narrow[] = { "CTX",	 "TX f/s", "TX Mb/s", "RX f/s",
					      "RX Mb/s", "DROP/s", "IRQ/s" };
	static const enum sort columns[] = { BY_CONTEXT, SORTS,	   BY_TX,  SORTS,
					     BY_RX,	 BY_DROPS, BY_IRQS };
	const char *h[7];
	/* A star marks the column that rows are sorted by. */
	for (unsigned i = 0; i < 7; i++)
		h[i] = columns[i] == sort && i ? text_format("*%s", narrow[i]) : narrow[i];
	if (s->columns >= WIDE)
		line(s, "\033[7m",
		     text_format("%7s %-8s %-17s %9s %9s %9s %9s %8s %8s %8s  %s",
				 sort == BY_CONTEXT ? "*CTX" : "CONTEXT", "STATE", "MAC ADDRESS",
				 h[1], h[2], h[3], h[4], h[5], h[6], "BELL/s", "DRIVEN BY"));
	else
		line(s, "\033[7m",
		     text_format("%3s %-8s %8s %8s %8s %8s %7s %7s  %s", h[0], "STATE", h[1], h[2],
				 h[3], h[4], h[5], h[6], "DRIVEN BY"));
}

static void percent(char *text, size_t room, double share)
{
	snprintf(text, room, share > 0 && share < 0.001 ? "%.2f %%" : "%.1f %%", 100 * share);
}

static void paint_view(struct screen *s, const struct ctl *ctl, const struct view *v,
		       enum sort sort, size_t scroll)
{
	char busy[16], firmware[16], dma[16];
	const json_t *nic = json_object_get(ctl->hello, "nic");
	line(s, "\033[1m",
	     text_format("%s  %lld contexts, %zu in use, %zu live  %s", json_text(nic, "device"),
			 (long long)json_number(nic, "contexts"), v->rows, v->live,
			 text_clock(v->time)));
	percent(busy, sizeof(busy), v->firmware + v->dma_wait);
	percent(firmware, sizeof(firmware), v->firmware);
	percent(dma, sizeof(dma), v->dma_wait);
	line(s, "",
	     text_format("core  %s busy: firmware %s, waiting for DMA %s; %s", busy, firmware, dma,
			 v->cycles_per_frame > 0
				 ? text_format("%.0f cycles per frame", v->cycles_per_frame)
				 : "no frames"));
	line(s, "",
	     text_format("wire  %s frames/s out, %s in, %s dropped    clock  %sHz of %sHz",
			 text_measure(v->wire_tx), text_measure(v->wire_rx),
			 text_measure(v->wire_drops),
			 text_format("%s%s", text_measure(v->cycles), v->cycles < 999.5 ? " " : ""),
			 text_measure(v->clock_hz)));
	line(s, "", "");
	heading(s, sort);
	size_t room = s->lines ? (s->lines > 8 ? s->lines - 8 : 1) : v->rows, shown = 0;
	for (size_t i = scroll; i < v->rows && shown < room; i++, shown++) {
		const struct row *r = &v->row[i];
		line(s,
		     r->drops > 0 || !strcmp(r->state, "broken") ? "\033[31m"
		     : strcmp(r->state, "live")			 ? "\033[2m"
								 : "",
		     row_text(s, r, text_format("%u", r->context)));
	}
	if (!v->rows)
		line(s, "", "    no contexts; `glanectl context add` makes one");
	else if (v->rows > 1)
		line(s, "\033[1m", row_text(s, &v->total, "sum"));
	if (!s->live)
		return;
	/* The last line is the help's. */
	if (s->lines >= 8) {
		append_text(s, "\033[J");
		append_text(s, text_format("\033[%u;1H", s->lines));
		const char *where = shown < v->rows
					    ? text_format("   %zu to %zu of %zu", scroll + 1,
							  scroll + shown, v->rows)
					    : "";
		size_t used = s->used;
		s->painted = 0;
		line(s, "",
		     text_format("q quit   s sort (%s)   arrows: sort, scroll%s", sort_names[sort],
				 where));
		/* No line feed there, or the terminal scrolls. */
		if (s->used >= used + 2)
			s->used -= 2;
	}
}

/* --- The terminal --- */

static struct termios terminal;
static volatile sig_atomic_t stop_time, resized;

static void on_window(int signal)
{
	(void)signal;
	resized = 1;
}

static void on_suspend(int signal)
{
	(void)signal;
	stop_time = 1;
}

static void put(const char *text)
{
	size_t left = strlen(text);
	while (left) {
		ssize_t n = write(STDOUT_FILENO, text, left);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
}

static void terminal_on(void)
{
	struct termios raw = terminal;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	put("\033[?1049h\033[?25l\033[H\033[J");
}

static void terminal_off(void)
{
	put("\033[0m\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
}

struct state {
	enum sort sort;
	size_t scroll;
	bool quit;
};

/* What came from the keyboard. */
static void keys(struct state *st, size_t rows, size_t page)
{
	char in[64];
	ssize_t n = read(STDIN_FILENO, in, sizeof(in));
	if (n <= 0) {
		st->quit = st->quit || n == 0 || errno != EINTR; /* the terminal is gone */
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		char key = in[i];
		bool arrow = key == '\033' && i + 2 < n && (in[i + 1] == '[' || in[i + 1] == 'O');
		if (arrow) {
			key = in[i + 2];
			i += 2;
			if ((key == '5' || key == '6') && i + 1 < n && in[i + 1] == '~') {
				i++;
				key = key == '5' ? 'P' : 'N';
			}
		}
		if (!arrow && (key == 'q' || key == 'Q'))
			st->quit = true;
		else if ((!arrow && key == 's') || (arrow && key == 'C'))
			st->sort = (st->sort + 1) % SORTS;
		else if (arrow && key == 'D')
			st->sort = (st->sort + SORTS - 1) % SORTS;
		else if (arrow && key == 'A' && st->scroll)
			st->scroll--;
		else if (arrow && key == 'B')
			st->scroll++;
		else if (arrow && key == 'P')
			st->scroll = st->scroll > page ? st->scroll - page : 0;
		else if (arrow && key == 'N')
			st->scroll += page;
	}
	if (st->scroll + page > rows)
		st->scroll = rows > page ? rows - page : 0;
}

static void window(struct screen *s)
{
	struct winsize w = { 0 };
	s->columns = 80;
	s->lines = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		s->columns = w.ws_col;
		s->lines = w.ws_row;
	}
}

static int live(struct ctl *ctl, struct state *st, int interval_ms)
{
	static struct view v;
	struct screen s = { .live = true };
	struct sigaction on = { .sa_handler = on_window };
	const char *no = getenv("NO_COLOR");
	int status = CTL_OK;
	s.colours = !no || !*no;
	json_t *before = look(ctl, &status), *now;
	if (!before)
		return status;
	if (tcgetattr(STDIN_FILENO, &terminal)) {
		json_decref(before);
		return fail(ctl, CTL_USAGE,
			    "top needs a terminal to read keys from; use --once or --json");
	}
	stop_signals();
	sigemptyset(&on.sa_mask);
	sigaction(SIGWINCH, &on, NULL);
	on.sa_handler = on_suspend;
	sigaction(SIGTSTP, &on, NULL);
	stop_hook = terminal_off;
	terminal_on();
	ctl->hold = true;
	compare(&v, before, before);
	int64_t next = now_ms() + (interval_ms < FIRST_MS ? interval_ms : FIRST_MS);
	resized = 1;
	while (!stop_asked && !st->quit) {
		if (resized) {
			resized = 0;
			window(&s);
			put("\033[H\033[J");
		}
		size_t page = s.lines > 8 ? s.lines - 8 : 1;
		if (st->scroll + page > v.rows)
			st->scroll = v.rows > page ? v.rows - page : 0;
		sorting = st->sort;
		qsort(v.row, v.rows, sizeof(v.row[0]), compare_rows);
		s.used = s.painted = 0;
		append_text(&s, "\033[H");
		paint_view(&s, ctl, &v, st->sort, st->scroll);
		if (s.text) {
			s.text[s.used] = 0;
			put(s.text);
		}
		int64_t left = next - now_ms();
		if (left > 0) {
			/* The daemon's end of the connection is watched too: its death shows at once. */
			struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
					       { .fd = glc_fd(ctl->client), .events = 0 } };
			int n = poll(p, 2, (int)left);
			if (n > 0 && p[0].revents)
				keys(st, v.rows, page);
			if (stop_time) {
				stop_time = 0;
				terminal_off();
				raise(SIGSTOP);
				terminal_on();
				resized = 1;
			}
			if (!(n > 0 && p[1].revents) && now_ms() < next)
				continue;
		}
		now = look(ctl, &status);
		if (!now)
			break;
		compare(&v, before, now);
		json_decref(before);
		before = now;
		next = now_ms() + interval_ms;
	}
	terminal_off();
	stop_hook = NULL;
	ctl->hold = false;
	if (status)
		fail(ctl, status, "%s", ctl->held);
	json_decref(before);
	free(s.text);
	return status;
}

int run_top(struct ctl *ctl)
{
	static struct view v;
	struct state st = { 0 };
	int status, interval_ms = (int)(given_seconds(ctl, "interval", 1) * 1000 + 0.5);
	const char *sort = given_text(ctl, "sort", "context");
	bool once = given_flag(ctl, "once");
	ctl->timeout_ms = LOOK_MS;
	while (strcmp(sort_names[st.sort], sort))
		st.sort++;
	if (!once && !ctl->json) {
		if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
			return fail(ctl, CTL_USAGE, "top needs a terminal; use --once or --json");
		status = live(ctl, &st, interval_ms);
		json_decref(known.list);
		return status;
	}
	json_t *before = look(ctl, &status), *now;
	if (!before)
		return status;
	stop_signals();
	do {
		/* Events are not asked for, so what wakes this early is the end of the daemon. */
		ctl_wait(ctl, -1, interval_ms);
		if (stop_asked)
			break;
		now = look(ctl, &status);
		if (!now)
			break;
		compare(&v, before, now);
		json_decref(before);
		before = now;
		sorting = st.sort;
		qsort(v.row, v.rows, sizeof(v.row[0]), compare_rows);
		if (ctl->json) {
			print_view_json(&v);
		} else {
			struct screen s = { .columns = WIDE + 20,
					    .colours = *style_on(stdout, BOLD) };
			paint_view(&s, ctl, &v, st.sort, 0);
			if (s.text)
				fputs(s.text, stdout);
			free(s.text);
		}
	} while (!once && !stop_asked);
	json_decref(before);
	json_decref(known.list);
	return status;
}
