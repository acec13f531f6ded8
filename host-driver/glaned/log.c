// SPDX-License-Identifier: Apache-2.0
// The log: the journal with fields when it reads our stderr, else one line of text or JSON for each entry.
#include "glaned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

static enum { TO_TEXT, TO_JSON, TO_JOURNAL } target;

/* $JOURNAL_STREAM names the stream (systemd.exec(5)); a redirected stderr is another. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &status) && status.st_dev == device && status.st_ino == inode;
}

void log_open(int format)
{
	target = format == LOG_JSON    ? TO_JSON
		 : format == LOG_TEXT  ? TO_TEXT
		 : stderr_is_journal() ? TO_JOURNAL
				       : TO_TEXT;
	setvbuf(stderr, NULL, _IOLBF, 0);
}

void log_line(int level, int context, const char *event, const char *format, ...)
{
	static const char *const names[] = { "emerg",	"alert",  "crit", "error",
					     "warning", "notice", "info", "debug" };
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* What peers call themselves may be in it: one entry stays one line. */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	if (target == TO_JOURNAL) {
		if (context >= 0)
			sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", level, "EVENT=%s", event,
					"CONTEXT=%d", context, NULL);
		else
			sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", level, "EVENT=%s", event,
					NULL);
		return;
	}
	if (target == TO_JSON) {
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		json_t *line = json_pack("{s:f, s:s, s:s}", "time",
					 (double)t.tv_sec + (double)t.tv_nsec / 1e9, "level",
					 names[level], "event", event);
		if (context >= 0)
			json_object_set_new(line, "context", json_integer(context));
		json_t *words = json_string(text);
		json_object_set_new(line, "text", words ? words : json_string("(not UTF-8)"));
		char *dumped = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(16));
		fprintf(stderr, "%s\n", dumped ? dumped : "{}");
		free(dumped);
		json_decref(line);
		return;
	}
	fprintf(stderr, "glaned: %s%s\n",
		level <= LOG_ERR       ? "error: "
		: level == LOG_WARNING ? "warning: "
				       : "",
		text);
}
