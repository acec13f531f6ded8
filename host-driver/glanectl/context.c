// SPDX-License-Identifier: Apache-2.0
// context add, set, remove, enable, disable; set; firmware load and log.
#include "glanectl.h"
#include "text.h"

#include "control.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Config keys that were given, as params. */
static json_t *config_params(const struct ctl *ctl, int context)
{
	json_t *params = json_object();
	for (const struct option_spec *o = ctl->command->options[0]; o && o->name; o++) {
		char key[64];
		snprintf(key, sizeof(key), "%s", o->name);
		for (char *p = key; *p; p++) {
			if (*p == '-')
				*p = '_';
		}
		json_t *value = json_object_get(ctl->given, key);
		if (value)
			json_object_set(params, key, value);
	}
	if (context >= 0)
		json_object_set_new(params, "context", json_integer(context));
	return params;
}

/* What an access or trunk port needs beside its mode. */
static int check_vlan(struct ctl *ctl)
{
	const char *mode = given_text(ctl, "vlan", "");
	bool vid = json_object_get(ctl->given, "vid"), vids = json_object_get(ctl->given, "vids");
	if (!strcmp(mode, "access") && vids)
		return fail(ctl, CTL_USAGE, "an access port has one VLAN: give --vid, not --vids");
	if (!strcmp(mode, "trunk") && vid)
		return fail(ctl, CTL_USAGE,
			    "a trunk port has a list of VLANs: give --vids, not --vid");
	if (!strcmp(mode, "transparent") && (vid || vids))
		return fail(ctl, CTL_USAGE,
			    "a transparent port has no VLAN: --%s does not go with it",
			    vid ? "vid" : "vids");
	return CTL_OK;
}

static int change(struct ctl *ctl, const char *method, const char *done)
{
	int context, status = check_vlan(ctl);
	if (!status)
		status = ctl_context(ctl, &context);
	if (status)
		return status;
	json_t *result = ctl_call(ctl, &status, method, config_params(ctl, context));
	if (!result)
		return status;
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	printf("context %lld %s: %s, MAC address %s\n", (long long)json_number(result, "context"),
	       done, json_text(result, "state"), json_text(result, "mac"));
	json_decref(result);
	return CTL_OK;
}

int run_context_add(struct ctl *ctl)
{
	return change(ctl, "context.add", "is created");
}

/* Whether an option of the command was given. */
static int anything(struct ctl *ctl, const char *command, const char *example)
{
	for (const struct option_spec *o = ctl->command->options[0]; o->name; o++) {
		char key[64];
		snprintf(key, sizeof(key), "%s", o->name);
		for (char *p = key; *p; p++)
			*p = *p == '-' ? '_' : *p;
		if (json_object_get(ctl->given, key))
			return CTL_OK;
	}
	return fail(ctl, CTL_USAGE, "'%s' needs what to change, as %s (try --help)", command,
		    example);
}

int run_context_set(struct ctl *ctl)
{
	int status = anything(ctl, "context set", "--mtu 1500");
	return status ? status : change(ctl, "context.set", "is changed");
}

int run_set(struct ctl *ctl)
{
	int status = anything(ctl, "set", "--irq-moderation 50");
	if (status)
		return status;
	json_t *result = ctl_call(ctl, &status, "nic.set", config_params(ctl, -1));
	if (!result)
		return status;
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	printf("interrupts: %s\n", irq_words(result));
	json_decref(result);
	return CTL_OK;
}

int run_context_enable(struct ctl *ctl)
{
	return change(ctl, "context.enable", "is enabled");
}

int run_context_disable(struct ctl *ctl)
{
	return change(ctl, "context.disable", "is disabled");
}

int run_context_remove(struct ctl *ctl)
{
	int context, status = ctl_context(ctl, &context);
	if (status)
		return status;
	json_t *result =
		ctl_call(ctl, &status, "context.remove", json_pack("{s:i}", "context", context));
	if (!result)
		return status;
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	int64_t cycles = json_number(result, "cycles"),
		clock = json_number(json_object_get(ctl->hello, "nic"), "clock_hz");
	if (clock > 0)
		printf("context %d is removed; the NIC took %lld cycles (%.1f us)\n", context,
		       (long long)cycles, (double)cycles * 1e6 / (double)clock);
	else
		printf("context %d is removed; the NIC took %lld cycles\n", context,
		       (long long)cycles);
	json_decref(result);
	return CTL_OK;
}

int run_firmware_load(struct ctl *ctl)
{
	int status;
	char path[PATH_MAX];
	/* The daemon's working directory is another one. */
	if (!realpath(ctl->operand, path))
		return fail(ctl, CTL_REFUSED, "cannot open the firmware '%s': %s", ctl->operand,
			    strerror(errno));
	json_t *name = json_string(path);
	if (!name)
		return fail(ctl, CTL_REFUSED, "the path of '%s' is not UTF-8", ctl->operand);
	json_t *result = ctl_call(ctl, &status, "firmware.load", json_pack("{s:o}", "path", name));
	if (!result)
		return status;
	if (ctl->json) {
		print_json(result, false);
		return CTL_OK;
	}
	printf("firmware %08llx (mailbox version %lld) runs\n",
	       (unsigned long long)json_number(result, "build_id"),
	       (long long)json_number(result, "abi"));
	json_decref(result);
	return CTL_OK;
}

/* Lines stay lines; the rest may be what a guest made the firmware say. */
static void print_log(const char *text)
{
	for (; *text; text++)
		putchar(((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') ||
					*text == 0x7f
				? '?'
				: *text);
	fflush(stdout);
}

int run_firmware_log(struct ctl *ctl)
{
	int status = CTL_OK;
	int64_t from = 0;
	bool follow = given_flag(ctl, "follow");
	json_t *all = json_string(""); /* without --follow, JSON is one object */
	if (follow)
		stop_signals();
	while (!stop_asked) {
		json_t *result = ctl_call(ctl, &status, "firmware.log",
					  json_pack("{s:I}", "from", (json_int_t)from));
		if (!result)
			break;
		const char *text = json_string_value(json_object_get(result, "text"));
		text = text ? text : "";
		bool more = *text && json_number(result, "next") != from;
		from = json_number(result, "next");
		if (!ctl->json) {
			print_log(text);
		} else if (follow && *text) {
			print_json(json_incref(result), true);
		} else if (!follow) {
			json_t *joined = json_sprintf("%s%s", json_string_value(all), text);
			json_decref(all);
			all = joined;
		}
		json_decref(result);
		if (more)
			continue;
		if (!follow)
			break;
		ctl_wait(ctl, -1, 500);
	}
	if (!status && ctl->json && !follow)
		print_json(json_pack("{s:O, s:I}", "text", all, "next", (json_int_t)from), false);
	json_decref(all);
	return status;
}
