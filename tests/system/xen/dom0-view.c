// SPDX-License-Identifier: Apache-2.0
/*
 * What dom0 and Xen hold for guests, as JSON: what must be the same before and after a test, or something leaked.
 *
 *   dom0-view [INDEX]      INDEX: log.index of an earlier view; only what Xen has said since then is looked at
 *
 * Domains (also those that are dying), grants that are mapped, event channels of dom0, memory pages of devices and interrupts that guests may use,
 * MSI of Xen, nodes in xenstore, and what Xen's log has of faults and warnings. Domains are named by name, so that one which was made anew
 * compares equal. Grants, permissions and MSI have no hypercall that tells them: the debug keys g, q and M print them into Xen's log, which must
 * be large enough (Xen's option conring_size; with three guests of 512 pages 256 KiB).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <xenctrl.h>
#include <xenstore.h>

enum { MAX_DOMAINS = 256, CHUNK = 16384 };

static xc_interface *xc;
static struct xs_handle *xs;
static xc_domaininfo_t domains[MAX_DOMAINS];
static int domain_count;
static char names[MAX_DOMAINS][64];

static void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("dom0-view: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void find_domains(void)
{
	domain_count = xc_domain_getinfolist(xc, 0, MAX_DOMAINS, domains);
	if (domain_count < 0)
		die("Xen does not list its domains: %s", strerror(errno));
	for (int i = 0; i < domain_count; i++) {
		char path[64];
		unsigned length;
		snprintf(path, sizeof(path), "/local/domain/%u/name", domains[i].domain);
		char *name = xs_read(xs, XBT_NULL, path, &length);
		if (name && !(domains[i].flags & XEN_DOMINF_dying))
			snprintf(names[i], sizeof(names[i]), "%s", name);
		else
			snprintf(names[i], sizeof(names[i]), "(%u)", domains[i].domain);
		free(name);
	}
}

static const char *name_of(unsigned domain)
{
	static char number[16];
	for (int i = 0; i < domain_count; i++)
		if (domains[i].domain == domain)
			return names[i];
	snprintf(number, sizeof(number), "(%u)", domain);
	return number;
}

static json_t *show_domains(void)
{
	json_t *all = json_object();
	for (int i = 0; i < domain_count; i++) {
		uint32_t flags = domains[i].flags;
		json_object_set_new(all, names[i],
				    json_pack("{sb sb sb}", "dying", flags & XEN_DOMINF_dying,
					      "shutdown", flags & XEN_DOMINF_shutdown, "hvm",
					      flags & XEN_DOMINF_hvm_guest));
	}
	return all;
}

/* --- Xen's log --- */

/* What it has from *index on; *index is then its end. */
static char *log_since(uint32_t *index)
{
	size_t have = 0, room = 0;
	char *text = NULL;
	for (;;) {
		if (room < have + CHUNK + 1) {
			room = have + 16 * CHUNK + 1;
			text = realloc(text, room);
			if (!text)
				die("no memory");
		}
		unsigned n = CHUNK;
		if (xc_readconsolering(xc, text + have, &n, 0, 1, index))
			die("Xen's log cannot be read: %s", strerror(errno));
		have += n;
		if (!n)
			break;
	}
	text[have] = 0;
	return text;
}

static char *debug_key(const char *key, const char *begins, uint32_t *index)
{
	char keys[2] = { key[0], 0 };
	free(log_since(index));
	if (xc_send_debug_keys(xc, keys))
		die("Xen refuses the debug key %s: %s", key, strerror(errno));
	char *text = log_since(index);
	if (!strstr(text, begins))
		die("Xen's log is too small for what the debug key %s prints: boot Xen with "
		    "conring_size=4M",
		    key);
	return text;
}

static bool has_any(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (strstr(line, *words))
			return true;
	return false;
}

static json_t *show_log(uint32_t index)
{
	static const char *const faults[] = { "fault addr", "DMAR:[", "Fault Overflow", NULL };
	static const char *const warnings[] = { "WARN",	 "BUG",		 "Assertion",
						"panic", "Panic",	 "Xen call trace",
						"FATAL", "double fault", NULL };
	json_t *fault = json_array(), *warning = json_array(), *other = json_array();
	char *text = log_since(&index), *rest = text, *line;
	while ((line = strsep(&rest, "\n"))) {
		/* A byte that is no UTF-8 may be a guest's. */
		for (char *p = line; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
		if (!*line)
			continue;
		json_t *list = has_any(line, faults)	 ? fault
			       : has_any(line, warnings) ? warning
							 : other;
		json_array_append_new(list, json_string(line));
	}
	free(text);
	while (json_array_size(other) > 30)
		json_array_remove(other, 0);
	return json_pack("{so so so}", "iommu_faults", fault, "warnings", warning, "other", other);
}

/* --- Grants --- */

static void count_up(json_t *object, const char *key, json_int_t by)
{
	json_object_set_new(object, key,
			    json_integer(json_integer_value(json_object_get(object, key)) + by));
}

/* A line of a mapped grant: "[ref] domain that maps, frame, pins", the pins as four octets: host write, host read, device write, device read. */
static json_t *show_grants(uint32_t *index)
{
	json_t *all = json_object();
	char *text = debug_key("g", "[ key 'g' pressed", index), *rest = text, *line;
	unsigned owner = 0;
	while ((line = strsep(&rest, "\n"))) {
		unsigned ref, mapper, pin;
		unsigned long frame;
		char *at = strstr(line, "for remote d");
		if (at)
			sscanf(at, "for remote d%u", &owner);
		at = strstr(line, "[0x");
		if (!at || sscanf(at, "[0x%x] %u 0x%lx 0x%x", &ref, &mapper, &frame, &pin) != 4)
			continue;
		char key[160];
		snprintf(key, sizeof(key), "%s by ", name_of(owner));
		strncat(key, name_of(mapper), sizeof(key) - strlen(key) - 1);
		json_t *entry = json_object_get(all, key);
		if (!entry) {
			entry = json_pack("{si si si}", "pages", 0, "host", 0, "device", 0);
			json_object_set_new(all, key, entry);
		}
		count_up(entry, "pages", 1);
		count_up(entry, "host", (pin & 0xff) + (pin >> 8 & 0xff));
		count_up(entry, "device", (pin >> 16 & 0xff) + (pin >> 24));
	}
	free(text);
	return all;
}

/* --- Event channels --- */

static json_t *show_event_channels(void)
{
	json_t *all = json_object(), *with = json_object(), *pirqs = json_array();
	static const char *const kinds[] = { "closed", "unbound", "interdomain",
					     "pirq",   "virq",	  "ipi" };
	for (uint32_t port = 1;; port++) {
		xc_evtchn_status_t status = { .dom = 0, .port = port };
		if (xc_evtchn_status(xc, &status))
			break;
		if (status.status == EVTCHNSTAT_closed || status.status > EVTCHNSTAT_ipi)
			continue;
		count_up(all, kinds[status.status], 1);
		if (status.status == EVTCHNSTAT_interdomain)
			count_up(with, name_of(status.u.interdomain.dom), 1);
		else if (status.status == EVTCHNSTAT_unbound)
			count_up(with, name_of(status.u.unbound.dom), 1);
		else if (status.status == EVTCHNSTAT_pirq)
			json_array_append_new(pirqs, json_integer(status.u.pirq));
	}
	json_object_set_new(all, "with", with);
	json_object_set_new(all, "pirqs", pirqs);
	return all;
}

/* --- What guests may touch --- */

static json_int_t range_size(const char *list, int base)
{
	json_int_t size = 0;
	const char *at = strchr(list, '{');
	while (at && *at && *at != '}') {
		at++;
		if (*at == '}')
			break;
		char *end;
		unsigned long first = strtoul(at, &end, base), last = first;
		if (end == at)
			continue;
		if (*end == '-')
			last = strtoul(end + 1, &end, base);
		size += (json_int_t)(last - first + 1);
		at = end;
		while (*at && *at != ',' && *at != '}')
			at++;
	}
	return size;
}

/* Of guests; dom0 may touch everything. */
static json_t *show_permissions(uint32_t *index)
{
	json_t *all = json_object();
	char *text = debug_key("q", "Rangesets belonging to domain 0", index);
	char *rest = text, *line;
	unsigned domain = 0;
	while ((line = strsep(&rest, "\n"))) {
		char *at = strstr(line, "Rangesets belonging to domain ");
		if (at) {
			sscanf(at, "Rangesets belonging to domain %u", &domain);
			if (domain)
				json_object_set_new(all, name_of(domain), json_object());
		}
		json_t *entry = domain ? json_object_get(all, name_of(domain)) : NULL;
		if (!entry)
			continue;
		if ((at = strstr(line, "I/O Memory ")))
			json_object_set_new(entry, "memory_pages",
					    json_integer(range_size(at, 16)));
		else if ((at = strstr(line, "Interrupts ")))
			json_object_set_new(entry, "interrupts", json_integer(range_size(at, 10)));
	}
	free(text);
	return all;
}

static json_t *show_msi(uint32_t *index)
{
	json_int_t count = 0;
	char *text = debug_key("M", "MSI", index), *rest = text, *line;
	while ((line = strsep(&rest, "\n")))
		if (strstr(line, " vec=") && strstr(line, "MSI"))
			count++;
	free(text);
	return json_integer(count);
}

/* --- Xenstore --- */

static json_int_t count_nodes(const char *path)
{
	unsigned n;
	json_int_t count = 1;
	char **entries = xs_directory(xs, XBT_NULL, path, &n);
	if (!entries)
		return errno == ENOENT ? 0 : 1;
	for (unsigned i = 0; i < n; i++) {
		char below[512];
		int length = snprintf(below, sizeof(below), "%s/%s", path, entries[i]);
		if (length > 0 && (size_t)length < sizeof(below))
			count += count_nodes(below);
	}
	free(entries);
	return count;
}

static json_t *show_nodes(void)
{
	json_t *all = json_object(), *front = json_object(), *left = json_array();
	json_object_set_new(all, "backend/guestlane",
			    json_integer(count_nodes("/local/domain/0/backend/guestlane")));
	json_object_set_new(all, "backend/vif",
			    json_integer(count_nodes("/local/domain/0/backend/vif")));
	json_object_set_new(all, "device/guestlane", front);
	json_object_set_new(all, "of no domain", left);
	unsigned n = 0;
	char **entries = xs_directory(xs, XBT_NULL, "/local/domain", &n);
	for (unsigned i = 0; i < n; i++) {
		char path[128];
		unsigned domain = (unsigned)strtoul(entries[i], NULL, 10);
		bool there = false;
		for (int j = 0; j < domain_count; j++)
			there |= domains[j].domain == domain;
		if (!there)
			json_array_append_new(left, json_string(entries[i]));
		snprintf(path, sizeof(path), "/local/domain/%u/device/guestlane", domain);
		json_int_t nodes = count_nodes(path);
		if (nodes)
			json_object_set_new(front, name_of(domain), json_integer(nodes));
	}
	free(entries);
	return all;
}

int main(int argc, char **argv)
{
	uint32_t index = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	if (argc > 2)
		die("usage: dom0-view [INDEX]");
	xc = xc_interface_open(NULL, NULL, 0);
	xs = xs_open(0);
	if (!xc || !xs)
		die("neither Xen nor xenstore answers: is this dom0, and are you root?");
	find_domains();
	json_t *view = json_object();
	json_t *log = show_log(index);
	json_object_set_new(view, "domains", show_domains());
	json_object_set_new(view, "grants", show_grants(&index));
	json_object_set_new(view, "event_channels", show_event_channels());
	json_object_set_new(view, "permissions", show_permissions(&index));
	json_object_set_new(view, "msi", show_msi(&index));
	json_object_set_new(view, "nodes", show_nodes());
	free(log_since(&index));
	json_object_set_new(log, "index", json_integer(index));
	json_object_set_new(view, "log", log);
	json_dumpf(view, stdout, JSON_SORT_KEYS | JSON_INDENT(1));
	putchar('\n');
	json_decref(view);
	xs_close(xs);
	xc_interface_close(xc);
	return 0;
}
