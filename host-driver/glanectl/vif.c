// SPDX-License-Identifier: Apache-2.0
// vif add, remove, list: contexts of Xen's guests. A vif is named as dom0 names its interface: vif3.0 is handle 0 of domain 3.
#include "glanectl.h"
#include "text.h"

#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libxl gives its script 40 s. */
#define ADD_TIMEOUT_MS	  30000
#define REMOVE_TIMEOUT_MS 20000 /* beyond the guest's own time */

static bool number(const char **text, unsigned long high, json_int_t *value)
{
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	unsigned long n = strtoul(*text, &end, 10);
	if (errno || n > high)
		return false;
	*text = end;
	*value = (json_int_t)n;
	return true;
}

/* {"domain", "handle"} of the operand: vif3.0, 3.0, or 3, which is its first vif. NULL: no such name. */
static json_t *named(const char *text)
{
	json_int_t domain, handle = 0;
	if (!strncmp(text, "vif", 3))
		text += 3;
	/* Xen's DOMID_FIRST_RESERVED is 0x7ff0. */
	if (!number(&text, 0x7fef, &domain) ||
	    (*text == '.' && (text++, !number(&text, 65535, &handle))) || *text)
		return NULL;
	return json_pack("{s:I, s:I}", "domain", domain, "handle", handle);
}

static json_t *operand(struct ctl *ctl, int *status)
{
	json_t *params = named(ctl->operand);
	*status = params ? CTL_OK
			 : fail(ctl, CTL_USAGE,
				"the vif is '%s'; give it as vif3.0 or 3.0: domain 3, handle 0",
				ctl->operand);
	return params;
}

static const char *name_of(const json_t *vif)
{
	return text_format("vif%lld.%lld", (long long)json_number(vif, "domain"),
			   (long long)json_number(vif, "handle"));
}

int run_vif_add(struct ctl *ctl)
{
	static const char *const keys[] = { "mac",    "mtu",	"tx_rate",   "vid",
					    "weight", "memory", "pool_pages" };
	int status;
	json_t *params = operand(ctl, &status);
	if (!params)
		return status;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *value = json_object_get(ctl->given, keys[i]);
		if (value)
			json_object_set(params, keys[i], value);
	}
	if (!json_object_get(params, "mac")) {
		json_decref(params);
		return fail(ctl, CTL_USAGE,
			    "'vif add' needs the guest's MAC address: --mac ADDRESS");
	}
	if (json_object_get(params, "vid"))
		json_object_set_new(params, "vlan", json_string("access"));
	ctl->timeout_ms = ADD_TIMEOUT_MS;
	json_t *vif = ctl_call(ctl, &status, "vif.add", params);
	if (!vif)
		return status;
	if (ctl->json) {
		print_json(vif, false);
		return CTL_OK;
	}
	printf("%s has context %lld, MAC address %s\n", name_of(vif),
	       (long long)json_number(vif, "context"), json_text(vif, "mac"));
	json_decref(vif);
	return CTL_OK;
}

int run_vif_remove(struct ctl *ctl)
{
	int status;
	json_t *params = operand(ctl, &status);
	if (!params)
		return status;
	double seconds = given_seconds(ctl, "seconds", 10);
	json_object_set_new(params, "seconds", json_real(seconds));
	ctl->timeout_ms = REMOVE_TIMEOUT_MS + (unsigned)(seconds * 1000);
	const char *name = name_of(params);
	json_t *result = ctl_call(ctl, &status, "vif.remove", params);
	if (!result)
		return status;
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	printf("%s has no context any more; it took %.1f s\n", name,
	       json_number_value(json_object_get(result, "seconds")));
	json_decref(result);
	return CTL_OK;
}

static enum style state_style(const char *state)
{
	return !strcmp(state, "connected") ? GOOD : DIM;
}

static void print_vifs(const json_t *vifs)
{
	static const char *const heads[] = { "VIF",  "DOMAIN", "TYPE",	 "CONTEXT", "STATE",
					     "PATH", "MAC",    "MEMORY", "GRANTS",  "INTERRUPTS" };
	struct grid *g = grid_new("lllrlllrrr");
	size_t i;
	json_t *v;
	for (i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		grid_cell(g, BOLD, heads[i]);
	json_array_foreach(vifs, i, v)
	{
		const char *state = json_text(v, "state"), *path = json_text(v, "path");
		grid_cell(g, PLAIN, name_of(v));
		grid_cell(g, PLAIN, json_text(v, "name"));
		grid_cell(g, PLAIN, json_text(v, "type"));
		grid_cell(g, PLAIN, text_format("%lld", (long long)json_number(v, "context")));
		grid_cell(g, state_style(state), state);
		grid_cell(g, !strcmp(path, "direct") ? GOOD : PLAIN, path);
		grid_cell(g, PLAIN, json_text(v, "mac"));
		grid_cell(g, PLAIN, json_text(v, "memory"));
		grid_cell(g, PLAIN, text_format("%lld", (long long)json_number(v, "grants")));
		grid_cell(g, PLAIN, text_format("%lld", (long long)json_number(v, "interrupts")));
	}
	grid_print(g, stdout, 0, true);
	json_array_foreach(vifs, i, v)
	{
		if (*json_text(v, "error"))
			printf("%s: %s%s%s\n", name_of(v), style_on(stdout, WARN),
			       json_text(v, "error"), style_off(stdout));
	}
}

int run_vif_list(struct ctl *ctl)
{
	int status;
	json_t *result = ctl_call(ctl, &status, "vif.list", NULL);
	if (!result)
		return status;
	const json_t *vifs = json_object_get(result, "vifs");
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	if (json_array_size(vifs))
		print_vifs(vifs);
	else
		puts("No guest has a context. In a guest's configuration: vif = "
		     "['script=vif-guestlane']");
	json_decref(result);
	return CTL_OK;
}

/* Whose contexts they are: "vif" of those that a guest has. A daemon that cannot say does no harm. */
void vif_owners(struct ctl *ctl, json_t *contexts)
{
	size_t i, j;
	json_t *c, *v, *result = NULL;
	bool any = false;
	json_array_foreach(contexts, i, c) any = any || !strcmp(json_text(c, "owner"), "vif");
	if (!any || glc_call(ctl->client, "vif.list", NULL, &result))
		return;
	json_array_foreach(contexts, i, c)
	{
		json_array_foreach(json_object_get(result, "vifs"), j, v)
		{
			if (!strcmp(json_text(c, "owner"), "vif") &&
			    json_number(v, "context") == json_number(c, "context"))
				json_object_set(c, "vif", v);
		}
	}
	json_decref(result);
}

const char *vif_words(const json_t *context)
{
	const json_t *vif = json_object_get(context, "vif");
	if (!json_is_object(vif))
		return NULL;
	const char *name = json_text(vif, "name");
	return text_format("%s%s%s%s", name, *name ? " (" : "", name_of(vif), *name ? ")" : "");
}
