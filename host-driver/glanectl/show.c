// SPDX-License-Identifier: Apache-2.0
// list, show, stats, metrics, selftest: what is, in words or as JSON.
#include "glanectl.h"
#include "text.h"

#include "control.h"
#include "guestlane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- Words --- */

static enum style state_style(const char *state)
{
	if (!strcmp(state, "live"))
		return GOOD;
	if (!strcmp(state, "broken"))
		return BAD;
	return !strcmp(state, "drain") ? WARN : DIM;
}

/* "glane-tap (4711)", "tap", "-" */
static const char *driven_by(const json_t *context)
{
	const json_t *peer = json_object_get(context, "peer");
	const char *owner = json_text(context, "owner"), *vif = vif_words(context);
	if (vif)
		return vif;
	if (json_is_object(peer))
		return text_format("%s (%lld)", json_text(peer, "program"),
				   (long long)json_number(peer, "pid"));
	return !*owner || !strcmp(owner, "none") ? "-" : owner;
}

static const char *vlan_words(const json_t *context)
{
	const char *mode = json_text(context, "vlan");
	if (!strcmp(mode, "access"))
		return text_format("access %lld", (long long)json_number(context, "vid"));
	if (!strcmp(mode, "trunk")) {
		const char *vids = text_ranges(json_object_get(context, "vids"));
		return text_format("trunk %s%s", *vids ? vids : "of no VLAN",
				   json_flag(context, "untagged") ? ", untagged" : "");
	}
	return "-";
}

static const char *limit_words(const json_t *context, const char *rate, const char *burst)
{
	int64_t bits = json_number(context, rate), octets = json_number(context, burst);
	if (!bits)
		return "no limit";
	return octets ? text_format("%s, %s at once", text_rate((uint64_t)bits),
				    text_octets((uint64_t)octets))
		      : text_rate((uint64_t)bits);
}

/* Virtio 1.2, 2.1 */
static const char *device_status_words(int64_t status)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = { { 1, "ACKNOWLEDGE" },	    { 2, "DRIVER" },
		      { 8, "FEATURES_OK" },	    { 4, "DRIVER_OK" },
		      { 64, "DEVICE_NEEDS_RESET" }, { 128, "FAILED" } };
	char text[128];
	size_t used = 0;
	if (!status)
		return "0, no driver";
	used += (size_t)snprintf(text, sizeof(text), "%lld:", (long long)status);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (status & names[i].bit)
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
						 names[i].name);
	}
	return text_format("%s", text);
}

static const char *plural(int64_t n, const char *one, const char *many)
{
	return text_format("%lld %s", (long long)n, n == 1 ? one : many);
}

/* Bits of BAR0.EVENT */
static const char *event_words(const char *name)
{
	static const char *const words[][2] = { { "mbox", "mailbox answers" },
						{ "fault", "faults" },
						{ "watchdog", "firmware hangs" },
						{ "inv", "invalidations" },
						{ "revoke", "revocations" } };
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(words[i][0], name))
			return words[i][1];
	}
	return clean(name);
}

static const char *firmware_words(const json_t *nic)
{
	const json_t *fw = json_object_get(nic, "firmware");
	const char *state = json_text(fw, "state");
	if (!json_is_object(fw) || !*state || !strcmp(state, "none"))
		return "none is loaded";
	return text_format("%s, build %08llx, mailbox version %lld, %s",
			   !strcmp(state, "run") ? "running" : state,
			   (unsigned long long)json_number(fw, "build_id"),
			   (long long)json_number(fw, "abi"),
			   json_number(fw, "restarts")
				   ? plural(json_number(fw, "restarts"), "restart", "restarts")
				   : "never restarted");
}

/* A line "  name      text", wrapped. */
static void fact(const char *name, const char *text)
{
	printf("  %s%-18s%s", style_on(stdout, BOLD), name, style_off(stdout));
	print_wrapped(stdout, text, 20, 20, 100);
}

/* --- list --- */

static void print_contexts(const json_t *contexts)
{
	static const char *const heads[] = { "CONTEXT", "STATE", "MAC",	     "VLAN",
					     "LINK",	"RINGS", "DRIVEN BY" };
	struct grid *g = grid_new("rllllll");
	size_t i;
	json_t *c;
	for (i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		grid_cell(g, BOLD, heads[i]);
	json_array_foreach(contexts, i, c)
	{
		const json_t *queue = json_array_get(json_object_get(c, "queues"), 0);
		const char *state = json_text(c, "state");
		grid_cell(g, PLAIN, text_format("%lld", (long long)json_number(c, "context")));
		grid_cell(g, state_style(state), state);
		grid_cell(g, PLAIN, json_text(c, "mac"));
		grid_cell(g, PLAIN, vlan_words(c));
		grid_cell(g, PLAIN, json_text(c, "link"));
		grid_cell(g, PLAIN,
			  !json_flag(queue, "ready")   ? "-"
			  : json_flag(queue, "packed") ? "packed"
						       : "split");
		grid_cell(g, PLAIN, driven_by(c));
	}
	grid_print(g, stdout, 0, true);
}

/* A path as text of JSON: what is not UTF-8 loses its special characters. */
static json_t *path_json(const char *path)
{
	json_t *text = json_string(clean(path));
	char ascii[300];
	if (text)
		return text;
	snprintf(ascii, sizeof(ascii), "%s", clean(path));
	for (char *p = ascii; *p; p++)
		*p = (unsigned char)*p < 0x80 ? *p : '?';
	return json_string(ascii);
}

/* The folder of the daemon's socket, where simulated NICs have theirs. */
static void socket_folder(const struct ctl *ctl, char *folder, size_t room)
{
	const char *slash = strrchr(ctl->socket, '/');
	if (!slash)
		snprintf(folder, room, ".");
	else
		snprintf(folder, room, "%.*s",
			 slash == ctl->socket ? 1 : (int)(slash - ctl->socket), ctl->socket);
}

static void print_nics(const json_t *nics, int error, const char *folder)
{
	size_t i;
	json_t *n;
	printf("%sNICs of this machine%s\n", style_on(stdout, BOLD), style_off(stdout));
	struct grid *g = grid_new("ll");
	json_array_foreach(nics, i, n)
	{
		grid_cell(g, json_flag(n, "usable") ? GOOD : PLAIN, json_text(n, "device"));
		grid_cell(g, PLAIN, json_text(n, "detail"));
	}
	grid_print(g, stdout, 2, false);
	if (error)
		printf("  cannot look for them: %s\n", gl_error(NULL));
	else if (!json_array_size(nics))
		printf("  none: no PCI function of ours, no socket in %s\n", folder);
	putchar('\n');
}

int run_list(struct ctl *ctl)
{
	char folder[300], own[320];
	struct gl_found *found = NULL;
	json_t *nics = json_array(), *contexts = NULL;
	const json_t *nic = NULL;
	/* A sentence about a missing daemon comes behind the NICs. */
	ctl->hold = true;
	int status = ctl_connect(ctl);
	ctl->hold = false;
	if (!status)
		nic = json_object_get(ctl->hello, "nic");
	socket_folder(ctl, folder, sizeof(folder));
	snprintf(own, sizeof(own), "vfio-user:%s", ctl->socket);
	int count = gl_discover(folder, &found);
	for (int i = 0; i < count; i++) {
		/* The daemon's socket is no NIC. */
		if (!strcmp(found[i].device, own))
			continue;
		const char *driven = json_string_value(json_object_get(nic, "device"));
		bool ours = driven && !strcmp(driven, found[i].device);
		json_array_append_new(
			nics,
			json_pack("{s:o, s:b, s:b, s:o}", "device", path_json(found[i].device),
				  "usable", found[i].usable, "driven", ours, "detail",
				  path_json(ours ? "driven by glaned" : found[i].detail)));
	}
	free(found);
	if (!ctl->json)
		print_nics(nics, count < 0, folder);
	if (status && ctl->json) {
		fprintf(stderr, "glanectl: %s\n", ctl->held);
		print_json(json_pack("{s:O, s:{s:i, s:s}}", "nics", nics, "error", "status", status,
				     "message", ctl->held),
			   false);
	} else if (status) {
		fail(ctl, status, "%s", ctl->held);
	} else {
		contexts = ctl_contexts(ctl, &status);
	}
	if (!contexts)
		goto out;
	vif_owners(ctl, contexts);
	if (ctl->json) {
		print_json(json_pack("{s:O, s:O, s:O}", "nics", nics, "nic", nic, "contexts",
				     contexts),
			   false);
		goto out;
	}
	printf("%sglaned %s%s drives %s: %s of %lld\n", style_on(stdout, BOLD),
	       json_text(ctl->hello, "version"), style_off(stdout), json_text(nic, "device"),
	       json_array_size(contexts)
		       ? plural((int64_t)json_array_size(contexts), "context", "contexts")
		       : "no context",
	       (long long)json_number(nic, "contexts"));
	if (json_array_size(contexts))
		print_contexts(contexts);
	else
		puts("`glanectl context add` makes one.");
out:
	json_decref(contexts);
	json_decref(nics);
	return status;
}

/* --- show --- */

static void show_context(const json_t *c)
{
	static const char *const queue_names[] = { "receive queue", "transmit queue" };
	const char *state = json_text(c, "state"), *reason = json_text(c, "reset_reason"), *why;
	const json_t *fault = json_object_get(c, "fault");
	printf("%scontext %lld%s: %s%s%s\n", style_on(stdout, BOLD),
	       (long long)json_number(c, "context"), style_off(stdout),
	       style_on(stdout, state_style(state)), state, style_off(stdout));
	fact("driven by",
	     driven_by(c)[0] == '-' ? "nobody"
	     : vif_words(c)	    ? text_format("Xen guest %s", vif_words(c))
	     : json_is_object(json_object_get(c, "peer"))
		     ? text_format("%s, process %lld",
				   json_text(json_object_get(c, "peer"), "program"),
				   (long long)json_number(json_object_get(c, "peer"), "pid"))
	     : !strcmp(json_text(c, "owner"), "tap") ? "glaned's own TAP interface"
						     : driven_by(c));
	fact("device",
	     text_format("%s; status %s", json_flag(c, "enabled") ? "enabled" : "disabled",
			 device_status_words(json_number(c, "device_status"))));
	fact("MAC address", json_text(c, "mac"));
	fact("MTU", text_format("%lld", (long long)json_number(c, "mtu")));
	fact("link", json_text(c, "link"));
	const char *mode = json_text(c, "vlan");
	if (!strcmp(mode, "access"))
		fact("VLAN",
		     text_format("access: sends and receives untagged frames, VLAN %lld elsewhere",
				 (long long)json_number(c, "vid")));
	else if (!strcmp(mode, "trunk"))
		fact("VLAN", text_format("trunk: tagged frames of VLANs %s%s",
					 json_array_size(json_object_get(c, "vids"))
						 ? text_ranges(json_object_get(c, "vids"))
						 : "(none)",
					 json_flag(c, "untagged") ? ", and untagged ones" : ""));
	else
		fact("VLAN", "transparent: frames as they are");
	fact("may reach",
	     text_format("%s%s%s",
			 json_flag(c, "wire") ? "other contexts and the wire"
					      : "other contexts, not the wire",
			 json_flag(c, "any_source") ? "; with any source address" : "",
			 json_flag(c, "promiscuous") ? "; receives everything in its VLAN" : ""));
	if (json_flag(c, "fallback"))
		fact("fallback", json_flag(c, "away") ? "away: its frames go to context 0"
						      : "stands by: the context has its frames");
	fact("features",
	     text_format("%s", json_array_size(json_object_get(c, "features_accepted"))
				       ? text_names(json_object_get(c, "features_accepted"))
				       : "none agreed"));
	/* What the driver left. */
	json_t *left = json_array(), *offered = json_object_get(c, "features_offered"), *name,
	       *taken;
	size_t i, j;
	json_array_foreach(offered, i, name)
	{
		bool is = false;
		json_array_foreach(json_object_get(c, "features_accepted"), j, taken) is =
			is || json_equal(name, taken);
		if (!is)
			json_array_append(left, name);
	}
	if (json_array_size(left))
		fact("  offered only", text_names(left));
	json_decref(left);
	for (i = 0; i < 2; i++) {
		const json_t *q = json_array_get(json_object_get(c, "queues"), i);
		if (json_flag(q, "ready"))
			fact(queue_names[i],
			     text_format("%s ring of %lld, %lld buffers taken so far",
					 json_flag(q, "packed") ? "packed" : "split",
					 (long long)json_number(q, "size"),
					 (long long)json_number(q, "buffers")));
		else
			fact(queue_names[i], text_format("not set up; at most %lld entries",
							 (long long)json_number(c, "queue_size")));
	}
	fact("sends", limit_words(c, "tx_rate", "tx_burst"));
	fact("  group frames", limit_words(c, "flood_rate", "flood_burst"));
	fact("receives", limit_words(c, "rx_rate", "rx_burst"));
	fact("buffer share", json_number(c, "rx_share")
				     ? plural(json_number(c, "rx_share"), "frame waiting at most",
					      "frames waiting at most")
				     : "no limit");
	fact("weight", text_format("%lld", (long long)json_number(c, "weight")));
	why = meaning_reset_reason(reason);
	fact("resets", text_format("%lld", (long long)json_number(c, "resets")));
	if (*reason && strcmp(reason, "none"))
		fact("needed a reset", why ? text_format("%s: %s", reason, why) : reason);
	else
		fact("needed a reset", "never");
	if (json_is_object(fault)) {
		const char *kind = json_text(fault, "kind");
		why = meaning_fault_kind(kind);
		fact("fault", text_format("%s of guest address 0x%llx by the %s refused, %s%s%s",
					  json_flag(fault, "write") ? "write" : "read",
					  (unsigned long long)json_number(fault, "address"),
					  queue_names[json_number(fault, "queue") == 1], kind,
					  why ? ": " : "", why ? why : ""));
		fact("", plural(json_number(c, "faults"), "fault so far", "faults so far"));
	} else {
		fact("fault", "none");
	}
}

const char *irq_words(const json_t *nic)
{
	int64_t apart = json_number(nic, "irq_moderation");
	const char *vectors = strcmp(json_text(nic, "irq_mode"), "bit-vector")
				      ? "a vector for each context"
				      : "one vector for all contexts";
	return apart ? text_format("%s, at least %lld us apart", vectors, (long long)apart)
		     : text_format("%s, not moderated", vectors);
}

static void show_nic(const struct ctl *ctl, const json_t *nic, const json_t *contexts)
{
	const json_t *fw = json_object_get(nic, "firmware"), *value;
	const char *name;
	unsigned state[6] = { 0 };
	static const char *const states[] = { "live", "idle", "disabled", "drain", "broken" };
	size_t i;
	json_t *c;
	json_array_foreach(contexts, i, c)
	{
		for (unsigned k = 0; k < 5; k++)
			state[k] += !strcmp(json_text(c, "state"), states[k]);
	}
	printf("%s%s%s\n", style_on(stdout, BOLD), json_text(nic, "device"), style_off(stdout));
	fact("driven by",
	     text_format("glaned %s at %s, for %s", json_text(ctl->hello, "version"), ctl->socket,
			 text_duration(json_number_value(json_object_get(nic, "uptime_s")))));
	fact("back end", json_text(nic, "backend"));
	fact("registers", text_format("version %s", json_text(nic, "version")));
	fact("clock", text_format("%.10g MHz", (double)json_number(nic, "clock_hz") / 1e6));
	char counts[160] = "";
	size_t used = 0;
	for (unsigned k = 0; k < 5; k++) {
		if (state[k])
			used += (size_t)snprintf(counts + used, sizeof(counts) - used, "%s%u %s",
						 used ? ", " : "", state[k], states[k]);
	}
	fact("contexts",
	     text_format("%zu of %lld in use%s%s", json_array_size(contexts),
			 (long long)json_number(nic, "contexts"), used ? ": " : "", counts));
	if (*json_text(nic, "irq_mode"))
		fact("interrupts", irq_words(nic));
	fact("firmware", firmware_words(nic));
	if (*json_text(fw, "path"))
		fact("", json_text(fw, "path"));
	char events[300] = "";
	used = 0;
	json_object_foreach(json_object_get((json_t *)nic, "events"), name, value)
	{
		if (json_integer_value(value) && used < sizeof(events) - 60)
			used += (size_t)snprintf(events + used, sizeof(events) - used,
						 "%s%lld %.40s", used ? ", " : "",
						 (long long)json_integer_value(value),
						 event_words(name));
	}
	fact("events", used ? events : "none");
	if (json_array_size(contexts)) {
		putchar('\n');
		print_contexts(contexts);
	}
}

int run_show(struct ctl *ctl)
{
	int status, context;
	json_t *nic = NULL, *contexts = NULL;
	status = ctl_context(ctl, &context);
	if (status)
		return status;
	if (context >= 0) {
		json_t *c = ctl_call(ctl, &status, "context.get",
				     json_pack("{s:i}", "context", context));
		if (!c)
			return status;
		json_t *one = json_pack("[O]", c);
		vif_owners(ctl, one);
		json_decref(one);
		if (ctl->json) {
			print_json(c, false);
		} else {
			show_context(c);
			json_decref(c);
		}
		return CTL_OK;
	}
	nic = ctl_call(ctl, &status, "nic.show", NULL);
	if (nic)
		contexts = ctl_contexts(ctl, &status);
	if (contexts)
		vif_owners(ctl, contexts);
	if (contexts && ctl->json)
		print_json(json_pack("{s:O, s:O}", "nic", nic, "contexts", contexts), false);
	else if (contexts)
		show_nic(ctl, nic, contexts);
	json_decref(nic);
	json_decref(contexts);
	return status;
}

/* --- stats --- */

static void counters(const json_t *values, const char *(*meaning)(const char *), bool all,
		     const char *nothing)
{
	struct grid *g = grid_new("rll");
	const char *name;
	json_t *value;
	bool any = false;
	json_object_foreach((json_t *)values, name, value)
	{
		if (!json_is_integer(value) || !strcmp(name, "context") ||
		    (!all && !json_integer_value(value)))
			continue;
		bool bad = strstr(name, "drop") || strstr(name, "bad") || strstr(name, "refused") ||
			   !strcmp(name, "needs_reset") || !strcmp(name, "watchdog") ||
			   strstr(name, "fault") || strstr(name, "failed");
		const char *text = meaning(name);
		grid_cell(g, bad && json_integer_value(value) ? WARN : PLAIN,
			  text_format("%lld", (long long)json_integer_value(value)));
		grid_cell(g, PLAIN, clean(name));
		grid_cell(g, DIM, text ? text : "");
		any = true;
	}
	grid_print(g, stdout, 2, false);
	if (!any)
		printf("  %s\n", nothing);
}

static int64_t sum_of(const json_t *values, const char *part)
{
	const char *name;
	json_t *value;
	int64_t sum = 0;
	json_object_foreach((json_t *)values, name, value)
	{
		if (strstr(name, part))
			sum += json_integer_value(value);
	}
	return sum;
}

static void context_table(const json_t *contexts)
{
	static const char *const heads[] = { "CONTEXT",	  "TX FRAMES", "TX OCTETS", "RX FRAMES",
					     "RX OCTETS", "DROPS",     "IRQS",	    "DOORBELLS" };
	static const char *const keys[] = { "context",	"tx_frames", "tx_bytes", "rx_frames",
					    "rx_bytes", NULL,	     "irqs",	 "doorbells" };
	struct grid *g = grid_new("rrrrrrrr");
	size_t i;
	json_t *c;
	for (i = 0; i < 8; i++)
		grid_cell(g, BOLD, heads[i]);
	json_array_foreach(contexts, i, c)
	{
		for (unsigned k = 0; k < 8; k++) {
			int64_t n = keys[k] ? json_number(c, keys[k]) : sum_of(c, "drop");
			grid_cell(g, !keys[k] && n ? WARN : PLAIN,
				  text_format("%lld", (long long)n));
		}
	}
	grid_print(g, stdout, 2, true);
}

int run_stats(struct ctl *ctl)
{
	int status, context;
	bool all = given_flag(ctl, "all");
	status = ctl_context(ctl, &context);
	if (status)
		return status;
	json_t *stats = context >= 0 ? ctl_call(ctl, &status, "stats.get",
						json_pack("{s:i}", "context", context))
				     : ctl_stats(ctl, &status);
	if (!stats)
		return status;
	if (ctl->json) {
		print_json(stats, false);
		return CTL_OK;
	}
	const json_t *contexts = json_object_get(stats, "contexts");
	if (context >= 0) {
		printf("%scontext %d%s\n", style_on(stdout, BOLD), context, style_off(stdout));
		json_t *c, *found = NULL;
		size_t i;
		json_array_foreach(contexts, i, c) found =
			json_number(c, "context") == context ? c : found;
		counters(found, meaning_context_stat, all, "nothing counted yet");
		json_decref(stats);
		return CTL_OK;
	}
	printf("%sNIC%s\n", style_on(stdout, BOLD), style_off(stdout));
	counters(json_object_get(stats, "nic"), meaning_stat, all, "nothing counted yet");
	const json_t *cycles = json_object_get(stats, "cycles");
	double total = (double)json_number(cycles, "total");
	if (total > 0)
		printf("  soft core: %.1f %% firmware, %.1f %% asleep with DMA under way, %.1f %% "
		       "asleep\n",
		       100 * (double)json_number(cycles, "firmware") / total,
		       100 * (double)json_number(cycles, "dma_wait") / total,
		       100 * (double)json_number(cycles, "idle") / total);
	if (json_array_size(contexts)) {
		printf("\n%scontexts%s\n", style_on(stdout, BOLD), style_off(stdout));
		context_table(contexts);
	}
	json_decref(stats);
	return CTL_OK;
}

/* --- metrics, selftest --- */

int run_metrics(struct ctl *ctl)
{
	int status;
	char *text = NULL;
	size_t bytes;
	FILE *all = open_memstream(&text, &bytes);
	json_int_t from = 0, next = 0;
	if (!all)
		return fail(ctl, CTL_REFUSED, "not enough memory");
	do {
		from = next;
		json_t *part = ctl_call(ctl, &status, "metrics",
					from ? json_pack("{s:I}", "from", from) : NULL);
		if (!part) {
			fclose(all);
			free(text);
			return status;
		}
		const char *words = json_string_value(json_object_get(part, "text"));
		fputs(words ? words : "", all);
		next = json_integer_value(json_object_get(part, "next"));
		json_decref(part);
	} while (next > from);
	fclose(all);
	if (ctl->json)
		print_json(json_pack("{s:s}", "text", text), false);
	else
		fputs(text, stdout);
	free(text);
	return CTL_OK;
}

int run_selftest(struct ctl *ctl)
{
	int status;
	json_t *result = ctl_call(ctl, &status, "selftest", NULL), *test;
	if (!result)
		return status;
	const json_t *tests = json_object_get(result, "tests");
	size_t i, bad = 0;
	if (!ctl->json)
		printf("1..%zu\n", json_array_size(tests));
	json_array_foreach(tests, i, test)
	{
		bool ok = json_flag(test, "ok");
		const char *text = json_text(test, "text");
		bad += !ok;
		if (!ctl->json)
			printf("%s%sok%s %zu - %s%s%s\n", style_on(stdout, ok ? GOOD : BAD),
			       ok ? "" : "not ", style_off(stdout), i + 1, json_text(test, "name"),
			       *text ? ": " : "", text);
	}
	if (!json_array_size(tests))
		status = fail(ctl, CTL_REFUSED, "the daemon ran no test");
	if (bad)
		status = CTL_REFUSED;
	if (ctl->json)
		print_json(result, false);
	else
		json_decref(result);
	return status;
}
