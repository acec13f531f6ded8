// SPDX-License-Identifier: Apache-2.0
// Command line and configuration file. Both are read wholly before anything is touched.
// libinih, as Debian builds it, tells neither the line of a key nor of an empty section, hence the reader below.
#include "config.h"
#include "control.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GLANED_VERSION
#define GLANED_VERSION "0.5"
#endif

#define LINE_MAX_BYTES 4096

static const char usage[] =
	"Usage: glaned [OPTION]...\n"
	"Owns one Guestlane NIC: loads its firmware, keeps its contexts, answers glanectl and "
	"drivers.\n"
	"\n"
	"  -c, --config FILE          configuration (default: /etc/guestlane/glaned.conf if it "
	"exists)\n"
	"  -d, --device DEVICE        vfio:0000:01:00.0, vfio-noiommu:..., vfio-user:/path\n"
	"  -f, --firmware FILE        firmware image (default: /usr/lib/guestlane/guestlane.fw)\n"
	"  -s, --socket PATH          control socket (default: /run/guestlane/glaned.sock)\n"
	"      --state-dir FOLDER     state, lock, glane-hold's socket (default: /run/guestlane)\n"
	"      --metrics-listen WHERE UNIX socket's path or 127.0.0.1:PORT for Prometheus\n"
	"      --log-format FORMAT    text or json (default: the journal under systemd, else "
	"text)\n"
	"      --check-config         read configuration and firmware, say what is wrong, touch "
	"nothing\n"
	"      --keep                 leave the NIC running when told to stop\n"
	"      --no-hold              keep no descriptors: the NIC stops when glaned dies\n"
	"      --release              close a NIC that glane-hold keeps, forget its state, and "
	"exit\n"
	"  -h, --help                 show this help\n"
	"  -V, --version              show the version\n";

struct reader {
	struct config *config;
	const char *file;
	int line;
	enum { NOWHERE, IN_NIC, IN_CONTEXT } section;
	int context;
	bool given_nic[32];
	uint64_t given_context; /* keys seen in this section, by hash: see once() */
	json_t *seen;
};

static int complain(const struct reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(const struct reader *r, const char *format, ...)
{
	va_list args;
	if (r)
		fprintf(stderr, "glaned: %s:%d: ", r->file, r->line);
	else
		fprintf(stderr, "glaned: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}

static int replace(char **where, const char *value)
{
	char *copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*where);
	*where = copy;
	return 0;
}

/* A whole number with an optional binary suffix. */
static bool parse_bytes(const char *text, uint64_t most, uint64_t *value)
{
	char *end;
	errno = 0;
	if (!isdigit((unsigned char)*text))
		return false;
	unsigned long long n = strtoull(text, &end, 10);
	unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (shift)
		end++;
	if (errno || *end || n > most >> shift)
		return false;
	*value = n << shift;
	return true;
}

static bool parse_bool(const char *text, bool *value)
{
	*value = !strcmp(text, "yes") || !strcmp(text, "on") || !strcmp(text, "true");
	return *value || !strcmp(text, "no") || !strcmp(text, "off") || !strcmp(text, "false");
}

static bool device_known(const char *device)
{
	const char *colon = strchr(device, ':');
	if (!colon || !colon[1])
		return false;
	size_t n = (size_t)(colon - device);
	/* More may come with libguestlane; it has the last word at gl_open(). */
	return n > 0 && strspn(device, "abcdefghijklmnopqrstuvwxyz-") == n;
}

/* One key of [nic], from the file (r) or the command line (NULL). */
static int nic_key(struct config *c, const struct reader *r, const char *key, const char *value)
{
	uint64_t number;
	bool flag;
	if (!strcmp(key, "device")) {
		if (!device_known(value))
			return complain(r,
					"device \"%s\" is not of the form vfio:0000:01:00.0 or "
					"vfio-user:/path",
					value);
		return replace(&c->device, value);
	}
	if (!strcmp(key, "socket"))
		return replace(&c->socket, value);
	if (!strcmp(key, "state-dir"))
		return replace(&c->state_dir, value);
	if (!strcmp(key, "firmware"))
		return replace(&c->firmware, value);
	if (!strcmp(key, "metrics-listen")) {
		const char *port = strncmp(value, "127.0.0.1:", 10) ? NULL : value + 10;
		char *end = NULL;
		long n = port ? strtol(port, &end, 10) : 0;
		if (value[0] != '/' &&
		    (!port || !isdigit((unsigned char)*port) || *end || n < 1 || n > 65535))
			return complain(r,
					"metrics-listen \"%s\" is neither an absolute path nor "
					"127.0.0.1:PORT",
					value);
		return replace(&c->metrics_listen, value);
	}
	if (!strcmp(key, "log-format")) {
		if (strcmp(value, "text") && strcmp(value, "json"))
			return complain(r, "log-format is text or json, not \"%s\"", value);
		c->log_format = !strcmp(value, "json") ? LOG_JSON : LOG_TEXT;
		return 0;
	}
	if (!strcmp(key, "socket-mode")) {
		char *end;
		unsigned long mode = strtoul(value, &end, 8);
		if (!isdigit((unsigned char)*value) || *end || mode > 0777)
			return complain(r, "socket-mode \"%s\" is not an octal mode such as 0660",
					value);
		c->socket_mode = (mode_t)mode;
		return 0;
	}
	if (!strcmp(key, "socket-group")) {
		struct group *group = getgrnam(value);
		if (!group)
			return complain(r, "socket-group \"%s\" does not exist", value);
		c->socket_group = group->gr_gid;
		return 0;
	}
	if (!strcmp(key, "tap")) {
		if (strlen(value) >= sizeof(c->tap) || strpbrk(value, "/ \t:%"))
			return complain(r,
					"tap \"%s\" is not the name of an interface (at most 15 "
					"characters)",
					value);
		strcpy(c->tap, value);
		return 0;
	}
	if (!strcmp(key, "tap-ring")) {
		if (strcmp(value, "packed") && strcmp(value, "split"))
			return complain(r, "tap-ring is packed or split, not \"%s\"", value);
		c->tap_split = !strcmp(value, "split");
		return 0;
	}
	if (!strcmp(key, "attach-timeout")) {
		if (!parse_bytes(value, 3600, &number))
			return complain(r, "attach-timeout is from 0 to 3600 seconds, not \"%s\"",
					value);
		c->attach_timeout_s = (unsigned)number;
		return 0;
	}
	if (!strcmp(key, "attach-bytes")) {
		if (!parse_bytes(value, 1ull << 36, &number) || number % 4096 || !number)
			return complain(r,
					"attach-bytes is a multiple of 4096 up to 64G, not \"%s\"",
					value);
		c->attach_bytes_max = number;
		return 0;
	}
	if (!strcmp(key, "table-bytes")) {
		if (!parse_bytes(value, 1ull << 32, &number) || number % 4096 || number < 65536)
			return complain(
				r, "table-bytes is a multiple of 4096 from 64K to 4G, not \"%s\"",
				value);
		c->table_bytes = number;
		return 0;
	}
	if (!strcmp(key, "watchdog")) {
		if (!parse_bytes(value, 30000, &number))
			return complain(r, "watchdog is from 0 to 30000 milliseconds, not \"%s\"",
					value);
		c->watchdog_ms = (unsigned)number;
		return 0;
	}
	if (!strcmp(key, "irq-moderation")) {
		if (!parse_bytes(value, IRQ_MODERATION_MAX_US, &number))
			return complain(r,
					"irq-moderation is from 0 to %u microseconds, not \"%s\"",
					IRQ_MODERATION_MAX_US, value);
		c->irq_moderation_us = (unsigned)number;
		return 0;
	}
	if (!strcmp(key, "irq-mode")) {
		if (!strcmp(value, "auto"))
			c->irq_mode = IRQ_AUTO;
		else if (!strcmp(value, "per-context"))
			c->irq_mode = IRQ_PER_CONTEXT;
		else if (!strcmp(value, "bit-vector"))
			c->irq_mode = IRQ_BIT_VECTOR;
		else
			return complain(r,
					"irq-mode is auto, per-context or bit-vector, not \"%s\"",
					value);
		return 0;
	}
	if (!strcmp(key, "timeout")) {
		if (!parse_bytes(value, 600000, &number) || number < 100)
			return complain(r, "timeout is from 100 to 600000 milliseconds, not \"%s\"",
					value);
		c->timeout_ms = (unsigned)number;
		return 0;
	}
	if (!strcmp(key, "keep") || !strcmp(key, "hold")) {
		if (!parse_bool(value, &flag))
			return complain(r, "%s is yes or no, not \"%s\"", key, value);
		if (*key == 'k')
			c->keep = flag;
		else
			c->no_hold = !flag;
		return 0;
	}
	return complain(r, "[nic] has no key \"%s\"", key);
}

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	char *end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	return s;
}

static int section(struct reader *r, char *text)
{
	char *close = strchr(text, ']');
	if (!close || close[1])
		return complain(r, "\"%s\" is not a section such as [nic] or [context 3]", text);
	*close = 0;
	char *name = trim(text + 1);
	char key[64];
	if (!strcmp(name, "nic")) {
		r->section = IN_NIC;
	} else if (!strncmp(name, "context", 7) && isspace((unsigned char)name[7])) {
		char *end;
		const char *number = trim(name + 7);
		long k = strtol(number, &end, 10);
		if (!isdigit((unsigned char)*number) || *end || k >= CONTEXTS_MAX)
			return complain(r, "a context is a number from 0 to %d, not \"%s\"",
					CONTEXTS_MAX - 1, number);
		r->section = IN_CONTEXT;
		r->context = (int)k;
		snprintf(key, sizeof(key), "context %ld", k);
		name = key;
		r->config->wanted[k] = true;
		r->config->line[k] = r->line;
	} else {
		return complain(r, "there is no section \"%s\", only [nic] and [context N]", name);
	}
	json_t *line = json_object_get(r->seen, name);
	if (line)
		return complain(r, "[%s] is there already, in line %d", name,
				(int)json_integer_value(line));
	json_object_set_new(r->seen, name, json_integer(r->line));
	return 0;
}

static int line(struct reader *r, char *text)
{
	text = trim(text);
	if (!*text || *text == '#' || *text == ';')
		return 0;
	if (*text == '[')
		return section(r, text);
	char *equals = strchr(text, '=');
	if (!equals)
		return complain(r, "\"%s\" is not of the form key = value", text);
	*equals = 0;
	char *key = trim(text), *value = trim(equals + 1);
	/* A comment behind a value begins with a blank and '#'. */
	for (char *hash = value; (hash = strchr(hash, '#')); hash++) {
		if (hash == value || isspace((unsigned char)hash[-1])) {
			*hash = 0;
			value = trim(value);
			break;
		}
	}
	if (r->section == NOWHERE)
		return complain(r, "\"%s\" stands before the first section", key);
	for (char *p = key; *p; p++)
		if (*p == '_')
			*p = '-';
	char place[LINE_MAX_BYTES];
	snprintf(place, sizeof(place), "%d.%s", r->section == IN_NIC ? -1 : r->context, key);
	json_t *before = json_object_get(r->seen, place);
	if (before)
		return complain(r, "\"%s\" is set already, in line %d", key,
				(int)json_integer_value(before));
	if (json_object_set_new(r->seen, place, json_integer(r->line)))
		return complain(r, "\"%s\" is not UTF-8", key);
	if (!*value)
		return complain(r, "\"%s\" has no value", key);
	if (r->section == IN_NIC)
		return nic_key(r->config, r, key, value);
	char words[512];
	int error = context_config_set_text(&r->config->context[r->context], key, value, words,
					    sizeof(words));
	if (error == -ENOENT)
		return complain(r, "[context %d] has no key \"%s\"", r->context, key);
	return error ? complain(r, "%s", words) : 0;
}

static int read_file(struct config *c, const char *name, bool must_exist)
{
	struct reader r = { .config = c, .file = name, .seen = json_object() };
	FILE *file = fopen(name, "re");
	if (!file) {
		int error = errno;
		json_decref(r.seen);
		if (error == ENOENT && !must_exist)
			return 0;
		return complain(NULL, "cannot read the configuration %s: %s", name,
				strerror(error));
	}
	char text[LINE_MAX_BYTES];
	int error = 0;
	while (!error && fgets(text, sizeof(text), file)) {
		r.line++;
		size_t n = strlen(text);
		if (n && text[n - 1] != '\n' && !feof(file))
			error = complain(&r, "the line is longer than %d bytes or has a null byte",
					 LINE_MAX_BYTES - 2);
		else
			error = line(&r, text);
	}
	if (!error && ferror(file))
		error = complain(NULL, "cannot read the configuration %s: %s", name,
				 strerror(errno));
	fclose(file);
	for (int k = 0; !error && k < CONTEXTS_MAX; k++) {
		char words[256];
		if (!c->wanted[k])
			continue;
		r.line = c->line[k];
		if (context_config_check(&c->context[k], words, sizeof(words)))
			error = complain(&r, "[context %d]: %s", k, words);
		for (int j = 0; !error && c->context[k].mac_given && j < CONTEXTS_MAX; j++)
			if (j != k && c->wanted[j] && c->context[j].mac_given &&
			    c->line[j] < c->line[k] &&
			    !memcmp(c->context[j].gl.mac, c->context[k].gl.mac, 6)) {
				char mac[18];
				mac_text(c->context[k].gl.mac, mac);
				error = complain(&r, "[context %d] has mac %s of [context %d]", k,
						 mac, j);
			}
	}
	json_decref(r.seen);
	return error;
}

int config_read(struct config *c, int argc, char **argv)
{
	enum {
		OPT_STATE = 256,
		OPT_METRICS,
		OPT_LOG,
		OPT_CHECK,
		OPT_KEEP,
		OPT_NO_HOLD,
		OPT_RELEASE
	};
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "device", required_argument, NULL, 'd' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "socket", required_argument, NULL, 's' },
		{ "state-dir", required_argument, NULL, OPT_STATE },
		{ "metrics-listen", required_argument, NULL, OPT_METRICS },
		{ "log-format", required_argument, NULL, OPT_LOG },
		{ "check-config", no_argument, NULL, OPT_CHECK },
		{ "keep", no_argument, NULL, OPT_KEEP },
		{ "no-hold", no_argument, NULL, OPT_NO_HOLD },
		{ "release", no_argument, NULL, OPT_RELEASE },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	*c = (struct config){ .socket_mode = 0660,
			      .socket_group = (gid_t)-1,
			      .attach_timeout_s = 30,
			      .attach_bytes_max = 64ull << 20,
			      .watchdog_ms = 100,
			      .timeout_ms = 10000,
			      .table_bytes = 4ull << 20 };
	c->context = calloc(CONTEXTS_MAX, sizeof(*c->context));
	if (!c->context || replace(&c->socket, GLC_SOCKET) ||
	    replace(&c->state_dir, "/run/guestlane") ||
	    replace(&c->firmware, "/usr/lib/guestlane/guestlane.fw"))
		return complain(NULL, "no memory");
	for (int k = 0; k < CONTEXTS_MAX; k++)
		context_config_default(&c->context[k]);

	/* The file first, wherever its option stands, then the options, which win. */
	opterr = 1;
	int option, error = 0;
	while ((option = getopt_long(argc, argv, "c:d:f:s:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			if (replace(&c->file, optarg))
				return complain(NULL, "no memory");
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("glaned " GLANED_VERSION);
			return 1;
		case '?':
			return -EINVAL;
		}
	}
	if (optind < argc)
		return complain(NULL, "\"%s\" is not an option; see glaned --help", argv[optind]);
	if (c->file)
		error = read_file(c, c->file, true);
	else
		error = read_file(c, "/etc/guestlane/glaned.conf", false);
	optind = 1;
	while (!error && (option = getopt_long(argc, argv, "c:d:f:s:hV", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			error = nic_key(c, NULL, "device", optarg);
			break;
		case 'f':
			error = nic_key(c, NULL, "firmware", optarg);
			break;
		case 's':
			error = nic_key(c, NULL, "socket", optarg);
			break;
		case OPT_STATE:
			error = nic_key(c, NULL, "state-dir", optarg);
			break;
		case OPT_METRICS:
			error = nic_key(c, NULL, "metrics-listen", optarg);
			break;
		case OPT_LOG:
			error = nic_key(c, NULL, "log-format", optarg);
			break;
		case OPT_CHECK:
			c->check_only = true;
			break;
		case OPT_KEEP:
			c->keep = true;
			break;
		case OPT_NO_HOLD:
			c->no_hold = true;
			break;
		case OPT_RELEASE:
			c->release = true;
			break;
		}
	}
	if (!error && !c->device)
		error = complain(NULL, "no NIC is named: use --device or \"device\" in [nic]");
	if (!error && c->tap[0] && !c->wanted[0]) {
		/* dom0's own port: it bridges for whom it wants. */
		c->wanted[0] = true;
		c->context[0].gl.any_source = true;
	}
	return error;
}

void config_free(struct config *c)
{
	free(c->file);
	free(c->device);
	free(c->socket);
	free(c->state_dir);
	free(c->firmware);
	free(c->metrics_listen);
	free(c->context);
}
