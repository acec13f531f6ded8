// SPDX-License-Identifier: Apache-2.0
// The methods of the control protocol (docs/control.md).
#include "glaned.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifndef GLANED_VERSION
#define GLANED_VERSION "0.5"
#endif

struct call {
	struct daemon *d;
	struct peer *peer;
	struct glc_request *request;
	struct reply *reply;
};

static void refuse(struct call *c, int code, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void refuse(struct call *c, int code, int error, const char *format, ...)
{
	va_list args;
	c->reply->code = code;
	c->reply->error = error;
	va_start(args, format);
	vsnprintf(c->reply->text, sizeof(c->reply->text), format, args);
	va_end(args);
}

/* error: a negative errno whose sentence is in d->error. */
static void failed(struct call *c, int64_t error)
{
	refuse(c, GLC_FAILED, (int)-error, "%s", c->d->error);
}

/* A whole number; false: refused. */
static bool number(struct call *c, const char *name, uint64_t most, uint64_t *value)
{
	const json_t *given = json_object_get(c->request->params, name);
	if (json_is_integer(given) && json_integer_value(given) >= 0 &&
	    (uint64_t)json_integer_value(given) <= most) {
		*value = (uint64_t)json_integer_value(given);
		return true;
	}
	refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"%s\" is a whole number from 0 to %llu", name,
	       (unsigned long long)most);
	return false;
}

static bool given(const struct call *c, const char *name)
{
	return json_object_get(c->request->params, name) != NULL;
}

/* Parameters that the method does not know are mistakes. `names` ends with NULL. */
static bool only(struct call *c, const char *const *names)
{
	const char *key;
	json_t *value;
	json_object_foreach(c->request->params, key, value)
	{
		bool known = !strcmp(key, "fds");
		for (size_t i = 0; names[i] && !known; i++)
			known = !strcmp(key, names[i]);
		if (!known) {
			refuse(c, GLC_INVALID_PARAMS, EINVAL, "%s has no parameter \"%s\"",
			       c->request->method, key);
			return false;
		}
	}
	return true;
}
#define ONLY(c, ...) only(c, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static bool descriptors(struct call *c, size_t count)
{
	if (c->request->fd_count == count)
		return true;
	refuse(c, GLC_INVALID_PARAMS, EINVAL, "%s comes with %zu descriptor%s, not %zu",
	       c->request->method, count, count == 1 ? "" : "s", c->request->fd_count);
	return false;
}

/* The context that "context" names. */
static bool existing(struct call *c, unsigned *k)
{
	uint64_t value;
	if (!number(c, "context", c->d->count - 1, &value))
		return false;
	*k = (unsigned)value;
	if (!c->d->context[*k].exists) {
		refuse(c, GLC_FAILED, ENOENT, "context %u does not exist", *k);
		return false;
	}
	return true;
}

static bool ours_to_change(struct call *c, unsigned k)
{
	enum owner owner = c->d->context[k].owner;
	const struct vif *v = &c->d->context[k].vif;
	if (owner == OWNER_VIF && strcmp(c->request->method, "context.set")) {
		refuse(c, GLC_FAILED, EBUSY,
		       "context %u is that of vif %u of domain %u; use vif.remove", k, v->handle,
		       v->domain);
		return false;
	}
	if (owner != OWNER_CAPTURE && owner != OWNER_SELFTEST)
		return true;
	refuse(c, GLC_FAILED, EBUSY, "context %u is in use by the daemon (%s)", k,
	       owner_name(owner));
	return false;
}

static bool config_from(struct call *c, struct context_config *config)
{
	const char *key;
	json_t *value;
	char words[256];
	json_object_foreach(c->request->params, key, value)
	{
		if (!strcmp(key, "context"))
			continue;
		int error = context_config_set(config, key, value, words, sizeof(words));
		if (error == -ENOENT) {
			refuse(c, GLC_INVALID_PARAMS, EINVAL, "%s has no parameter \"%s\"",
			       c->request->method, key);
			return false;
		}
		if (error) {
			refuse(c, GLC_INVALID_PARAMS, EINVAL, "%s", words);
			return false;
		}
	}
	if (context_config_check(config, words, sizeof(words))) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "%s", words);
		return false;
	}
	return true;
}

static const char *const irq_modes[] = { "per-context", "bit-vector" }; /* enum gl_irq_mode */

json_t *nic_json(struct daemon *d)
{
	static const char *const names[] = { "mbox", "fault", "watchdog", "inv", "revoke" };
	char version[16];
	uint32_t v = gl_version(d->nic);
	uint32_t state = gl_read(d->nic, GL_BAR0, GL_BAR0_FW_STATE, 4);
	snprintf(version, sizeof(version), "%u.%u", v >> 16, v & 0xffff);
	const char *device = gl_device(d->nic), *colon = strchr(device, ':');
	json_t *events = json_object();
	for (int i = 0; i < 5; i++)
		json_object_set_new(events, names[i], json_integer((json_int_t)d->event_count[i]));
	const char *words = state >= GL_FW_PANIC  ? "panic"
			    : state == GL_FW_RUN  ? "run"
			    : state == GL_FW_BOOT ? "boot"
						  : "none";
	if (gl_read(d->nic, GL_BAR0, GL_BAR0_WATCHDOG_STATE, 4) & GL_BAR0_WATCHDOG_STATE_FIRED_MASK)
		words = "hung";
	return json_pack(
		"{s:s, s:o, s:i, s:I, s:s, s:s, s:i, s:{s:s, s:I, s:I, s:I, s:s}, s:I, s:o}",
		"device", device, "backend",
		json_stringn(device, colon ? (size_t)(colon - device) : strlen(device)), "contexts",
		d->count, "clock_hz", (json_int_t)gl_clock_hz(d->nic), "version", version,
		"irq_mode", irq_modes[gl_irq_mode_now(d->nic)], "irq_moderation",
		(int)gl_irq_moderation_now(d->nic), "firmware", "state", words, "build_id",
		(json_int_t)d->firmware_info.build_id, "abi",
		(json_int_t)d->firmware_info.abi_version, "restarts",
		(json_int_t)d->firmware_restarts, "path", d->config.firmware, "uptime_s",
		(json_int_t)(now_wall() - d->started), "events", events);
}

static void hello(struct call *c)
{
	uint64_t protocol;
	const char *program = json_string_value(json_object_get(c->request->params, "program"));
	if (!number(c, "protocol", 1u << 30, &protocol))
		return;
	if (protocol != GLC_PROTOCOL) {
		refuse(c, GLC_FAILED, EPROTO,
		       "protocol %llu is not known here; this daemon speaks protocol %d",
		       (unsigned long long)protocol, GLC_PROTOCOL);
		return;
	}
	if (!program || !*program) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"program\" is the caller's name");
		return;
	}
	snprintf(c->peer->program, sizeof(c->peer->program), "%.31s", program);
	/* Names go into logs and answers, so they are plain. */
	for (char *p = c->peer->program; *p; p++)
		if (*p <= ' ' || *p > '~')
			*p = '?';
	c->peer->hello = true;
	c->reply->result = json_pack("{s:i, s:s, s:o}", "protocol", GLC_PROTOCOL, "version",
				     GLANED_VERSION, "nic", nic_json(c->d));
}

static void nic_show(struct call *c)
{
	if (ONLY(c))
		c->reply->result = nic_json(c->d);
}

static void nic_set(struct call *c)
{
	uint64_t microseconds = 0;
	const char *word = json_string_value(json_object_get(c->request->params, "irq_mode"));
	int error = 0, mode = 0;
	if (!ONLY(c, "irq_mode", "irq_moderation"))
		return;
	if (given(c, "irq_moderation") &&
	    !number(c, "irq_moderation", IRQ_MODERATION_MAX_US, &microseconds))
		return;
	if (given(c, "irq_mode")) {
		while (mode < 2 && (!word || strcmp(word, irq_modes[mode])))
			mode++;
		if (mode == 2) {
			refuse(c, GLC_INVALID_PARAMS, EINVAL, "irq_mode is \"%s\" or \"%s\"",
			       irq_modes[0], irq_modes[1]);
			return;
		}
		error = gl_irq_mode(c->d->nic, (enum gl_irq_mode)mode);
	}
	if (!error && given(c, "irq_moderation"))
		error = gl_irq_moderation(c->d->nic, (unsigned)microseconds);
	if (error)
		failed(c, daemon_nic_fail(c->d, error));
	else
		c->reply->result = nic_json(c->d);
}

/* So many fit into one packet, whatever their configuration. */
#define LIST_MOST 64

static void context_list(struct call *c)
{
	uint64_t from = 0;
	unsigned k;
	if (!ONLY(c, "from"))
		return;
	if (given(c, "from") && !number(c, "from", c->d->count, &from))
		return;
	json_t *list = json_array();
	for (k = (unsigned)from; k < c->d->count && json_array_size(list) < LIST_MOST; k++)
		if (c->d->context[k].exists)
			json_array_append_new(list, context_json(c->d, k));
	c->reply->result = json_pack("{s:o}", "contexts", list);
	for (; k < c->d->count; k++) {
		if (c->d->context[k].exists) {
			json_object_set_new(c->reply->result, "next", json_integer(k));
			return;
		}
	}
}

static void context_get(struct call *c)
{
	unsigned k;
	if (ONLY(c, "context") && existing(c, &k))
		c->reply->result = context_json(c->d, k);
}

static void context_add_(struct call *c)
{
	struct context_config config;
	uint64_t k;
	if (given(c, "context")) {
		if (!number(c, "context", c->d->count - 1, &k))
			return;
	} else {
		int lowest = context_free(c->d);
		if (lowest < 0) {
			refuse(c, GLC_FAILED, ENOSPC, "all %u contexts of the NIC exist",
			       c->d->count);
			return;
		}
		k = (uint64_t)lowest;
	}
	context_config_default(&config);
	if (!config_from(c, &config))
		return;
	int error = context_add(c->d, (unsigned)k, &config, OWNER_NONE);
	if (error)
		failed(c, error);
	else
		c->reply->result = context_json(c->d, (unsigned)k);
}

static void context_set_(struct call *c)
{
	unsigned k;
	if (!existing(c, &k) || !ours_to_change(c, k))
		return;
	struct context_config config = c->d->context[k].config;
	if (!config_from(c, &config))
		return;
	int error = context_set(c->d, k, &config);
	if (error)
		failed(c, error);
	else
		c->reply->result = context_json(c->d, k);
}

static void context_remove_(struct call *c)
{
	unsigned k;
	if (!ONLY(c, "context") || !existing(c, &k) || !ours_to_change(c, k))
		return;
	if (c->d->context[k].owner == OWNER_TAP) {
		refuse(c, GLC_FAILED, EBUSY, "context %u is dom0's TAP %s", k, c->d->config.tap);
		return;
	}
	if (c->peer->attached == (int)k) {
		refuse(c, GLC_FAILED, EBUSY, "this connection is attached to context %u", k);
		return;
	}
	int64_t cycles = context_remove(c->d, k);
	if (cycles < 0)
		failed(c, cycles);
	else
		c->reply->result = json_pack("{s:I}", "cycles", (json_int_t)cycles);
}

static void enable(struct call *c, bool on)
{
	unsigned k;
	if (!ONLY(c, "context") || !existing(c, &k) || !ours_to_change(c, k))
		return;
	int error = context_enable(c->d, k, on);
	if (error)
		failed(c, error);
	else
		c->reply->result = context_json(c->d, k);
}

static void context_enable_(struct call *c)
{
	enable(c, true);
}

static void context_disable_(struct call *c)
{
	enable(c, false);
}

static void context_attach_(struct call *c)
{
	struct daemon *d = c->d;
	uint64_t bytes;
	unsigned k;
	const json_t *resume = json_object_get(c->request->params, "resume");
	if (!ONLY(c, "context", "bytes", "resume") || !descriptors(c, 1) || !existing(c, &k))
		return;
	if (!number(c, "bytes", INT64_MAX, &bytes))
		return;
	if (resume && !json_is_boolean(resume)) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"resume\" is true or false");
		return;
	}
	if (!bytes || bytes % 4096 || bytes > d->config.attach_bytes_max) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL,
		       "\"bytes\" is a multiple of 4096 up to %llu, not %llu",
		       (unsigned long long)d->config.attach_bytes_max, (unsigned long long)bytes);
		return;
	}
	if (c->peer->attached >= 0) {
		refuse(c, GLC_FAILED, EBUSY, "this connection is attached to context %d already",
		       c->peer->attached);
		return;
	}
	int error = json_is_true(resume) ? context_resume(d, k, c->peer, c->request->fds[0], bytes)
					 : context_attach(d, k, c->peer, c->request->fds[0], bytes);
	if (error) {
		failed(c, error);
		return;
	}
	int fds[3] = { gl_irq_fd(d->nic, 1 + k), gl_doorbell_fd(d->nic, k, 0),
		       gl_doorbell_fd(d->nic, k, 1) };
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			continue;
		daemon_nic_fail(d, fds[i]);
		failed(c, fds[i]);
		context_detach(d, k, "its eventfds could not be made");
		return;
	}
	/* Doorbells are made when they are first asked for: descriptors that a successor needs. */
	state_commit(d);
	char mac[18];
	mac_text(d->context[k].config.gl.mac, mac);
	memcpy(c->reply->fds, fds, sizeof(fds));
	c->reply->fd_count = 3;
	c->reply->result =
		json_pack("{s:I, s:s, s:i}", "guest_address", (json_int_t)ATTACH_GUEST_ADDRESS,
			  "mac", mac, "mtu", d->context[k].config.gl.mtu);
}

static bool page_place(struct call *c, uint64_t *offset, uint64_t *size)
{
	if (c->peer->attached < 0) {
		refuse(c, GLC_FAILED, ENOTCONN,
		       "this connection is attached to no context: call context.attach first");
		return false;
	}
	if (!number(c, "offset", 4095, offset) || !number(c, "size", 4, size))
		return false;
	if ((*size != 1 && *size != 2 && *size != 4) || *offset % *size) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL,
		       "\"size\" is 1, 2 or 4, and \"offset\" a multiple of it");
		return false;
	}
	return true;
}

static void page_read(struct call *c)
{
	uint64_t offset, size;
	if (!ONLY(c, "offset", "size") || !page_place(c, &offset, &size))
		return;
	uint32_t value = gl_page_read(c->d->nic, (unsigned)c->peer->attached, (uint32_t)offset,
				      (unsigned)size);
	c->reply->result = json_pack("{s:I}", "value", (json_int_t)value);
}

static void page_write(struct call *c)
{
	uint64_t offset, size, value;
	if (!ONLY(c, "offset", "size", "value") || !page_place(c, &offset, &size) ||
	    !number(c, "value", UINT32_MAX, &value))
		return;
	gl_page_write(c->d->nic, (unsigned)c->peer->attached, (uint32_t)offset, (uint32_t)value,
		      (unsigned)size);
	c->reply->result = json_pack("{s:I}", "value", (json_int_t)value);
}

/* Contexts in one answer. */
#define STATS_MOST 16

static void stats_get(struct call *c)
{
	struct daemon *d = c->d;
	unsigned k = 0, to = d->count;
	uint64_t from;
	if (!ONLY(c, "context", "from"))
		return;
	if (given(c, "context")) {
		if (!existing(c, &k))
			return;
		to = k + 1;
	} else if (given(c, "from")) {
		if (!number(c, "from", d->count, &from))
			return;
		k = (unsigned)from;
	}
	json_t *nic = json_object(), *contexts = json_array();
	const char *name;
	for (unsigned i = 0; (name = gl_stat_name(i)); i++)
		json_object_set_new(nic, name, json_integer((json_int_t)gl_stat(d->nic, i)));
	for (; k < to && json_array_size(contexts) < STATS_MOST; k++) {
		if (!d->context[k].exists)
			continue;
		json_t *one = json_pack("{s:i}", "context", k);
		for (unsigned i = 0; (name = gl_context_stat_name(i)); i++)
			json_object_set_new(
				one, name, json_integer((json_int_t)gl_context_stat(d->nic, k, i)));
		json_array_append_new(contexts, one);
	}
	c->reply->result = json_pack(
		"{s:f, s:I, s:o, s:o, s:{s:I, s:I, s:I, s:I}}", "time", now_wall(), "clock_hz",
		(json_int_t)gl_clock_hz(d->nic), "nic", nic, "contexts", contexts, "cycles",
		"total", (json_int_t)gl_read64(d->nic, GL_BAR0, GL_BAR0_CYCLES_LO), "firmware",
		(json_int_t)gl_read64(d->nic, GL_BAR0, GL_BAR0_CYC_FIRMWARE_LO), "dma_wait",
		(json_int_t)gl_read64(d->nic, GL_BAR0, GL_BAR0_CYC_DMAWAIT_LO), "idle",
		(json_int_t)gl_read64(d->nic, GL_BAR0, GL_BAR0_CYC_IDLE_LO));
	while (k < to && !d->context[k].exists)
		k++;
	if (k < to)
		json_object_set_new(c->reply->result, "next", json_integer(k));
}

static void events_subscribe(struct call *c)
{
	if (ONLY(c))
		c->peer->subscribed = true;
}

static void firmware_load(struct call *c)
{
	const char *path = json_string_value(json_object_get(c->request->params, "path"));
	struct gl_firmware *firmware;
	struct gl_firmware_info info;
	if (!ONLY(c, "path"))
		return;
	if (!path || path[0] != '/') {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"path\" is the absolute path of a file");
		return;
	}
	int error = gl_firmware_read(&firmware, path, &info);
	if (error) {
		refuse(c, GLC_FAILED, -error, "%s", gl_error(NULL));
		return;
	}
	error = daemon_firmware_load(c->d, firmware, &info, path);
	if (error) {
		failed(c, error);
		return;
	}
	c->reply->result = json_pack("{s:I, s:I}", "build_id", (json_int_t)info.build_id, "abi",
				     (json_int_t)info.abi_version);
}

static void firmware_log(struct call *c)
{
	uint64_t from = 0;
	char text[8192];
	if (!ONLY(c, "from") || (given(c, "from") && !number(c, "from", INT64_MAX, &from)))
		return;
	int n = gl_firmware_log(c->d->nic, &from, text, sizeof(text));
	if (n < 0) {
		daemon_nic_fail(c->d, n);
		failed(c, n);
		return;
	}
	/* Whatever firmware writes is shown. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)text[i] > '~' || (text[i] < ' ' && !strchr("\n\t\r", text[i])) ||
		    !text[i])
			text[i] = '?';
	c->reply->result = json_pack("{s:s#, s:I}", "text", text, n, "next", (json_int_t)from);
}

static void capture(struct call *c)
{
	uint64_t snaplen = 0;
	unsigned k, via;
	if (!ONLY(c, "context", "snaplen") || !descriptors(c, 1) || !existing(c, &k) ||
	    (given(c, "snaplen") && !number(c, "snaplen", 65535, &snaplen)))
		return;
	int fd = c->request->fds[0];
	c->request->fds[0] = -1;
	int error = capture_start(c->d, k, (unsigned)snaplen, fd, &via);
	if (error)
		failed(c, error);
	else
		c->reply->result = json_pack("{s:i}", "via", via);
}

static void selftest(struct call *c)
{
	if (ONLY(c))
		c->reply->result = selftest_run(c->d);
}

/* Bytes in one answer. */
#define METRICS_MOST 16384

static void metrics(struct call *c)
{
	uint64_t from = 0;
	if (!ONLY(c, "from") || (given(c, "from") && !number(c, "from", INT32_MAX, &from)))
		return;
	/* Parts of one moment: what does not fit waits with the connection. */
	if (!from) {
		free(c->peer->metrics);
		c->peer->metrics = metrics_text(c->d);
	}
	const char *text = c->peer->metrics ? c->peer->metrics : "";
	size_t bytes = strlen(text);
	if (from > bytes)
		from = bytes;
	size_t part = bytes - from > METRICS_MOST ? METRICS_MOST : bytes - from;
	c->reply->result = json_pack("{s:s#}", "text", text + from, (int)part);
	if (from + part < bytes) {
		json_object_set_new(c->reply->result, "next",
				    json_integer((json_int_t)(from + part)));
	} else {
		free(c->peer->metrics);
		c->peer->metrics = NULL;
	}
}

/* --- Guests of Xen --- */

/* Xen's DOMID_FIRST_RESERVED is 0x7ff0. */
#define DOMAIN_MOST 0x7fef
#define HANDLE_MOST 65535
#define POOL_LEAST  64
#define POOL_MOST   4096
#define POOL_WISH   512

static bool vif_named(struct call *c, struct vif *v)
{
	uint64_t domain, handle;
	if (!number(c, "domain", DOMAIN_MOST, &domain) ||
	    !number(c, "handle", HANDLE_MOST, &handle))
		return false;
	if (!domain) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "domain 0 has no vif: it has context 0");
		return false;
	}
	v->domain = (uint32_t)domain;
	v->handle = (uint32_t)handle;
	return true;
}

static void vif_add_(struct call *c)
{
	static const char *const ours[] = { "domain", "handle", "memory", "pool_pages" };
	struct vif wish = { .pool_pages = POOL_WISH };
	struct context_config config;
	uint64_t pages;
	unsigned k;
	const json_t *memory = json_object_get(c->request->params, "memory");
	const char *word = json_string_value(memory);
	if (!vif_named(c, &wish))
		return;
	if (memory && (!word || (strcmp(word, "pool") && strcmp(word, "whole")))) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "memory is \"pool\" or \"whole\"");
		return;
	}
	wish.whole = word && !strcmp(word, "whole");
	if (given(c, "pool_pages")) {
		if (!number(c, "pool_pages", POOL_MOST, &pages))
			return;
		if (pages < POOL_LEAST) {
			refuse(c, GLC_INVALID_PARAMS, EINVAL, "pool_pages is from %d to %d",
			       POOL_LEAST, POOL_MOST);
			return;
		}
		wish.pool_pages = (uint32_t)pages;
	}
	if (!given(c, "mac")) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"mac\" is the guest's address");
		return;
	}
	context_config_default(&config);
	config.gl.fallback = true;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		json_object_del(c->request->params, ours[i]);
	if (!config_from(c, &config))
		return;
	int error = vif_add(c->d, &wish, &config, &k);
	if (error)
		failed(c, error);
	else
		c->reply->result = vif_json(c->d, k);
}

static void vif_remove_(struct call *c)
{
	struct vif v = { 0 };
	const json_t *given = json_object_get(c->request->params, "seconds");
	double seconds = given ? json_number_value(given) : 10;
	if (!ONLY(c, "domain", "handle", "seconds") || !vif_named(c, &v))
		return;
	if ((given && !json_is_number(given)) || !(seconds >= 0 && seconds <= 3600)) {
		refuse(c, GLC_INVALID_PARAMS, EINVAL, "\"seconds\" is a number from 0 to 3600");
		return;
	}
	int later = vif_remove(c->d, c->peer, v.domain, v.handle, seconds);
	if (later < 0)
		failed(c, later);
	else if (later)
		c->reply->later = true;
	else
		c->reply->result = json_pack("{s:f}", "seconds", 0.0);
}

static void vif_list(struct call *c)
{
	if (!ONLY(c))
		return;
	int error = vifs_ready(c->d);
	if (error) {
		failed(c, error);
		return;
	}
	json_t *list = json_array();
	for (unsigned k = 0; k < c->d->count; k++)
		if (c->d->context[k].exists && c->d->context[k].owner == OWNER_VIF)
			json_array_append_new(list, vif_json(c->d, k));
	c->reply->result = json_pack("{s:o}", "vifs", list);
}

static const struct method {
	const char *name;
	void (*call)(struct call *c);
	bool changes; /* only for root and the daemon's own user */
} methods[] = {
	{ "hello", hello, false },
	{ "nic.show", nic_show, false },
	{ "nic.set", nic_set, true },
	{ "context.list", context_list, false },
	{ "context.get", context_get, false },
	{ "context.add", context_add_, true },
	{ "context.set", context_set_, true },
	{ "context.remove", context_remove_, true },
	{ "context.enable", context_enable_, true },
	{ "context.disable", context_disable_, true },
	{ "context.attach", context_attach_, true },
	{ "page.read", page_read, true },
	{ "page.write", page_write, true },
	{ "stats.get", stats_get, false },
	{ "events.subscribe", events_subscribe, false },
	{ "firmware.load", firmware_load, true },
	{ "firmware.log", firmware_log, false },
	{ "capture.start", capture, true },
	{ "selftest", selftest, true },
	{ "metrics", metrics, false },
	{ "vif.add", vif_add_, true },
	{ "vif.remove", vif_remove_, true },
	{ "vif.list", vif_list, false },
};

void method_call(struct daemon *d, struct peer *peer, struct glc_request *request,
		 struct reply *reply)
{
	struct call c = { d, peer, request, reply };
	const struct method *method = NULL;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i].name, request->method))
			method = &methods[i];
	d->error[0] = 0;
	if (!method)
		refuse(&c, GLC_NO_METHOD, 0, "there is no method \"%.64s\"", request->method);
	else if (!peer->hello && method->call != hello)
		refuse(&c, GLC_FAILED, EPROTO, "the first request of a connection is hello");
	else if (method->changes && !peer->privileged)
		refuse(&c, GLC_FAILED, EPERM, "%s is for root and the daemon's own user",
		       method->name);
	else
		method->call(&c);
	if (reply->code) {
		json_decref(reply->result);
		reply->result = NULL;
		reply->fd_count = 0;
	}
}
