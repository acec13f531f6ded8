// SPDX-License-Identifier: Apache-2.0
// The state file: what the successor of a killed daemon must know. Written whole (write, fsync, rename), and before the first step of each
// operation, so that the successor finds what was under way.
//
// Order against the keeper: a descriptor is there before the file names it, and leaves after the file has forgotten it. What
// the keeper has and the file does not name is dropped at the next start.
#include "glaned.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_VERSION 1

static const char *const phase_names[] = { "steady",  "adding",	   "removing",
					   "setting", "attaching", "detaching" };
static const char *const owner_names[] = {
	"none", "tap", "attached", "capture", "selftest", "vif"
};

const char *owner_name(enum owner owner)
{
	return owner_names[owner];
}

static int find(const char *const *names, size_t count, const json_t *value)
{
	const char *name = json_string_value(value);
	for (size_t i = 0; name && i < count; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

json_t *state_read(const char *file, bool *damaged)
{
	json_error_t where;
	*damaged = false;
	if (access(file, F_OK) && errno == ENOENT)
		return NULL;
	json_t *state = json_load_file(file, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(state) ||
	    json_integer_value(json_object_get(state, "version")) != STATE_VERSION ||
	    !json_is_string(json_object_get(state, "nic")) ||
	    !json_is_array(json_object_get(state, "contexts"))) {
		json_decref(state);
		*damaged = true;
		return NULL;
	}
	return state;
}

static int apply_context(struct daemon *d, const json_t *entry)
{
	json_t *number = json_object_get(entry, "context"), *value;
	json_int_t k = json_integer_value(number);
	const char *key;
	char words[256];
	if (!json_is_integer(number) || k < 0 || k >= d->count)
		return -EINVAL;
	struct context *c = &d->context[k];
	int phase = find(phase_names, 6, json_object_get(entry, "phase"));
	int owner = find(owner_names, 6, json_object_get(entry, "owner"));
	json_t *config = json_object_get(entry, "config");
	if (phase < 0 || owner < 0 || !json_is_object(config) || c->exists)
		return -EINVAL;
	c->exists = true;
	c->enabled = json_is_true(json_object_get(entry, "enabled"));
	c->phase = (enum phase)phase;
	c->owner = (enum owner)owner;
	c->faults = (uint64_t)json_integer_value(json_object_get(entry, "faults"));
	context_config_default(&c->config);
	json_object_foreach(config, key, value)
	{
		if (context_config_set(&c->config, key, value, words, sizeof(words)))
			return -EINVAL;
	}
	if (c->owner == OWNER_VIF && vif_from_kept(&c->vif, json_object_get(entry, "vif")))
		return -EINVAL;
	const json_t *a = json_object_get(entry, "attachment");
	if (json_is_object(a)) {
		const char *name = json_string_value(json_object_get(a, "memory"));
		const char *program = json_string_value(json_object_get(a, "program"));
		snprintf(c->attachment.memory_name, sizeof(c->attachment.memory_name), "%s",
			 name ? name : "");
		snprintf(c->attachment.program, sizeof(c->attachment.program), "%s",
			 program ? program : "");
		c->attachment.bytes = (uint64_t)json_integer_value(json_object_get(a, "bytes"));
		c->attachment.pid = (pid_t)json_integer_value(json_object_get(a, "pid"));
		c->attachment.uid = (uid_t)json_integer_value(json_object_get(a, "uid"));
	}
	return 0;
}

int state_apply(struct daemon *d, const json_t *state)
{
	size_t i;
	json_t *entry;
	const json_t *list = json_object_get(state, "contexts");
	json_array_foreach((json_t *)list, i, entry)
	{
		if (apply_context(d, entry)) {
			memset(d->context, 0, d->count * sizeof(*d->context));
			return -EINVAL;
		}
	}
	json_array_foreach(json_object_get(state, "held"), i, entry)
	{
		if (i < d->count)
			d->held[i] = (uint32_t)json_integer_value(entry);
	}
	d->serial = (uint64_t)json_integer_value(json_object_get(state, "serial"));
	d->firmware_restarts =
		(uint64_t)json_integer_value(json_object_get(state, "firmware_restarts"));
	d->started = json_number_value(json_object_get(state, "started"));
	return 0;
}

static json_t *state_json(struct daemon *d)
{
	char *nic = gl_state(d->nic);
	if (!nic)
		return NULL;
	json_t *list = json_array();
	for (unsigned k = 0; k < d->count; k++) {
		const struct context *c = &d->context[k];
		if (!c->exists)
			continue;
		json_t *entry = json_pack("{s:i, s:b, s:s, s:s, s:I, s:o}", "context", k, "enabled",
					  c->enabled, "phase", phase_names[c->phase], "owner",
					  owner_names[c->owner], "faults", (json_int_t)c->faults,
					  "config", context_config_json(&c->config));
		if (c->owner == OWNER_ATTACHED) {
			const struct attachment *a = &c->attachment;
			json_object_set_new(entry, "attachment",
					    json_pack("{s:s, s:I, s:i, s:I, s:s}", "memory",
						      a->memory_name, "bytes", (json_int_t)a->bytes,
						      "pid", (int)a->pid, "uid", (json_int_t)a->uid,
						      "program", a->program));
		}
		if (c->owner == OWNER_VIF)
			json_object_set_new(entry, "vif", vif_kept(&c->vif));
		json_array_append_new(list, entry);
	}
	json_t *held = json_array();
	for (unsigned k = 0; k < d->count; k++)
		json_array_append_new(held, json_integer((json_int_t)d->held[k]));
	json_t *state = json_pack("{s:i, s:s, s:s, s:I, s:I, s:f, s:s, s:o, s:o}", "version",
				  STATE_VERSION, "device", d->config.device, "nic", nic, "serial",
				  (json_int_t)d->serial, "firmware_restarts",
				  (json_int_t)d->firmware_restarts, "started", d->started,
				  "firmware", d->config.firmware, "contexts", list, "held", held);
	free(nic);
	return state;
}

static int write_file(const char *file, const char *text)
{
	char fresh[4096];
	snprintf(fresh, sizeof(fresh), "%s.new", file);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int error = 0;
	for (size_t left = strlen(text); left && !error;) {
		ssize_t n = write(fd, text, left);
		if (n < 0)
			error = errno == EINTR ? 0 : -errno;
		else {
			text += n;
			left -= (size_t)n;
		}
	}
	if (!error && fsync(fd))
		error = -errno;
	close(fd);
	if (!error && rename(fresh, file))
		error = -errno;
	if (error) {
		unlink(fresh);
		return error;
	}
	snprintf(fresh, sizeof(fresh), "%s", file);
	int folder = open(dirname(fresh), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0) {
		fsync(folder);
		close(folder);
	}
	return 0;
}

#define FDS_ROOM 2048

int state_commit(struct daemon *d)
{
	static struct gl_fd fds[FDS_ROOM];
	if (!d->running)
		return 0;
	size_t count = 0;
	bool changed =
		gl_generation(d->nic) != d->saved_generation || (d->tap0 != NULL) != d->saved_extra;
	int error = 0;
	if (changed) {
		count = gl_fds(d->nic, fds, FDS_ROOM - 1);
		if (count > FDS_ROOM - 1)
			count = FDS_ROOM - 1;
		if (d->tap0) {
			snprintf(fds[count].name, sizeof(fds[count].name), "tap0.tap");
			fds[count++].fd = tap0_tap_fd(d->tap0);
		}
		error = keeper_add(d->keeper, fds, count);
	}
	json_t *state = state_json(d);
	char *text = state ? json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(16)) : NULL;
	json_decref(state);
	int written = text ? write_file(d->state_file, text) : -ENOMEM;
	free(text);
	if (!written && changed) {
		keeper_prune(d->keeper, fds, count);
		d->saved_generation = gl_generation(d->nic);
		d->saved_extra = d->tap0 != NULL;
	}
	if (written && !d->commit_failed)
		log_line(LOG_ERR, NO_CONTEXT, "state",
			 "cannot write %s: %s; the contexts will not survive this daemon",
			 d->state_file, strerror(-written));
	d->commit_failed = written != 0;
	return error ? error : written;
}

void state_forget(struct daemon *d)
{
	unlink(d->state_file);
}
