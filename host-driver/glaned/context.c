// SPDX-License-Identifier: Apache-2.0
// Contexts: what is done to them step by step, what of that a successor must finish or undo, and what has become of them.
//
// Each operation writes its phase to the state file before its first step and "steady" after its last one, when the caller has its answer still to
// come. A successor undoes "adding" and "attaching", finishes "removing", "setting" and "detaching".
#include "glaned.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

static void begin(struct daemon *d, struct context *c, enum phase phase)
{
	c->phase = phase;
	state_commit(d);
}

static void end(struct daemon *d, struct context *c)
{
	c->phase = PHASE_STEADY;
	state_commit(d);
}

int context_free(const struct daemon *d)
{
	for (unsigned k = 0; k < d->count; k++)
		if (!d->context[k].exists && !d->held[k])
			return (int)k;
	return -1;
}

/* Locally administered, and on this host the same for a context each time. */
void context_default_mac(const struct daemon *d, unsigned k, uint8_t mac[6])
{
	sd_id128_t machine = { 0 };
	uint64_t hash = 0xcbf29ce484222325ull;
	if (sd_id128_get_machine(&machine) < 0)
		machine = SD_ID128_NULL;
	for (size_t i = 0; i < sizeof(machine.bytes); i++)
		hash = (hash ^ machine.bytes[i]) * 0x100000001b3ull;
	for (const char *p = d->config.device; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3ull;
	mac[0] = 0x02;
	for (int i = 1; i < 5; i++)
		mac[i] = (uint8_t)(hash >> 8 * i);
	mac[5] = (uint8_t)k;
}

static int check_mac(struct daemon *d, unsigned k, const struct context_config *config)
{
	for (unsigned j = 0; j < d->count; j++) {
		if (j == k || !d->context[j].exists || d->context[j].owner == OWNER_CAPTURE ||
		    memcmp(d->context[j].config.gl.mac, config->gl.mac, 6))
			continue;
		char mac[18];
		mac_text(config->gl.mac, mac);
		return daemon_fail(d, EADDRINUSE, "context %u has mac %s already", j, mac);
	}
	return 0;
}

/* Steps that bring the device to life: what a successor undoes with destroy(). */
static int create(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	int error = gl_context_create(d->nic, k, context_config_gl(&c->config));
	if (!error && c->enabled)
		error = gl_context_enable(d->nic, k, true);
	return error ? daemon_nic_fail(d, error) : 0;
}

static void forget_memory(struct daemon *d, struct context *c)
{
	struct attachment *a = &c->attachment;
	if (c->owner == OWNER_VIF)
		return;
	if (!a->memory && a->memory_name[0])
		a->memory = gl_memory_find(d->nic, a->memory_name);
	if (a->memory && gl_memory_free(d->nic, a->memory))
		log_line(LOG_ERR, (int)(c - d->context), "memory", "memory %s is not freed: %s",
			 a->memory_name, gl_error(d->nic));
	if (a->peer)
		a->peer->attached = -1;
	*a = (struct attachment){ 0 };
	c->owner = OWNER_NONE;
}

static int64_t destroy(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	int64_t cycles = gl_context_destroy(d->nic, k);
	if (cycles == -ENOENT)
		cycles = 0;
	if (cycles < 0)
		return daemon_nic_fail(d, (int)cycles);
	if (c->owner != OWNER_ATTACHED)
		return cycles;
	forget_memory(d, c);
	/* The driver may keep its eventfds: what comes now is not for it. */
	if (gl_irq_renew(d->nic, 1 + k))
		log_line(LOG_ERR, (int)k, "interrupt",
			 "context %u: its interrupt is still shared: %s", k, gl_error(d->nic));
	return cycles;
}

int context_add(struct daemon *d, unsigned k, const struct context_config *config, enum owner owner)
{
	struct context *c = &d->context[k];
	if (c->exists)
		return daemon_fail(d, EEXIST, "context %u exists already", k);
	struct context_config full = *config;
	if (!full.mac_given)
		context_default_mac(d, k, full.gl.mac);
	int error = owner == OWNER_CAPTURE ? 0 : check_mac(d, k, &full);
	if (!error)
		error = vif_may_have(d, k, owner == OWNER_VIF ? c->vif.domain : 0);
	if (error)
		return error;
	struct vif vif = owner == OWNER_VIF ? c->vif : (struct vif){ 0 };
	*c = (struct context){ .exists = true,
			       .enabled = owner != OWNER_VIF,
			       .owner = owner,
			       .config = full,
			       .vif = vif };
	begin(d, c, PHASE_ADDING);
	error = create(d, k);
	if (error) {
		gl_context_destroy(d->nic, k);
		c->exists = false;
	}
	end(d, c);
	if (!error)
		tell(d, LOG_INFO, (int)k, "added", "context %u: added", k);
	return error;
}

int64_t context_remove(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct peer *peer = c->owner == OWNER_ATTACHED ? c->attachment.peer : NULL;
	begin(d, c, PHASE_REMOVING);
	int64_t cycles = destroy(d, k);
	if (cycles < 0) {
		end(d, c);
		return cycles;
	}
	c->exists = false;
	end(d, c);
	memset(c, 0, sizeof(*c));
	tell(d, LOG_INFO, (int)k, "removed", "context %u: removed, after %lld cycles", k,
	     (long long)cycles);
	/* Its driver has nothing left to talk to. */
	if (peer)
		peer_close(peer, "its context was removed");
	return cycles;
}

int context_set(struct daemon *d, unsigned k, const struct context_config *config)
{
	struct context *c = &d->context[k];
	struct context_config before = c->config;
	int error = check_mac(d, k, config);
	if (error)
		return error;
	c->config = *config;
	begin(d, c, PHASE_SETTING);
	error = gl_context_configure(d->nic, k, context_config_gl(&c->config));
	if (error) {
		daemon_nic_fail(d, error);
		c->config = before;
		gl_context_configure(d->nic, k, context_config_gl(&c->config));
	}
	end(d, c);
	if (!error)
		tell(d, LOG_INFO, (int)k, "config", "context %u: configuration changed", k);
	if (!error && c->owner == OWNER_TAP && d->tap0)
		tap0_config_changed(d->tap0);
	return error;
}

int context_enable(struct daemon *d, unsigned k, bool enable)
{
	struct context *c = &d->context[k];
	bool before = c->enabled;
	c->enabled = enable;
	begin(d, c, PHASE_SETTING);
	int error = gl_context_enable(d->nic, k, enable);
	if (error) {
		daemon_nic_fail(d, error);
		c->enabled = before;
	}
	end(d, c);
	if (!error && before != enable)
		tell(d, LOG_INFO, (int)k, "config", "context %u: %s", k,
		     enable ? "enabled" : "disabled");
	if (!error && c->owner == OWNER_TAP && enable)
		daemon_tap0_again(d);
	return error;
}

static void attached(struct context *c, struct peer *peer, unsigned k)
{
	struct attachment *a = &c->attachment;
	const struct glc_peer *who = glc_connection_peer(peer->connection);
	a->peer = peer;
	a->pid = who->pid;
	a->uid = who->uid;
	a->deadline = 0;
	snprintf(a->program, sizeof(a->program), "%s", peer->program);
	peer->attached = (int)k;
}

/* Pages of 2 MiB where that is possible: fewer table walks. */
static unsigned map_flags(const struct gl_memory *memory, uint64_t bytes)
{
	const uint64_t huge = 2ull << 20;
	return GL_READ | GL_WRITE |
	       ((bytes | memory->bus | ATTACH_GUEST_ADDRESS) % huge ? 0 : GL_HUGE);
}

int context_attach(struct daemon *d, unsigned k, struct peer *peer, int fd, uint64_t bytes)
{
	struct context *c = &d->context[k];
	struct attachment *a = &c->attachment;
	struct stat status;
	if (c->owner == OWNER_ATTACHED)
		return daemon_fail(d, EBUSY, "context %u belongs to %s, process %d", k, a->program,
				   (int)a->pid);
	if (c->owner != OWNER_NONE)
		return daemon_fail(d, EBUSY, "context %u belongs to the daemon (%s)", k,
				   owner_name(c->owner));
	if (!c->enabled)
		return daemon_fail(d, ENETDOWN, "context %u is disabled; enable it first", k);
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || (uint64_t)status.st_size < bytes)
		return daemon_fail(d, EINVAL,
				   "the descriptor is not a memfd of at least %llu bytes",
				   (unsigned long long)bytes);
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return daemon_fail(d, EPERM,
				   "the memfd is not sealed against shrinking (F_SEAL_SHRINK)");
	/* A name that no other memory had: what a killed predecessor left is never taken for it. */
	d->serial++;
	snprintf(a->memory_name, sizeof(a->memory_name), "c%u.%llu", k,
		 (unsigned long long)d->serial);
	a->bytes = bytes;
	c->owner = OWNER_ATTACHED;
	begin(d, c, PHASE_ATTACHING);
	int error = gl_memory_import(d->nic, a->memory_name, fd, bytes, &a->memory);
	if (!error)
		error = gl_map(d->nic, k, ATTACH_GUEST_ADDRESS, a->memory->bus, bytes,
			       map_flags(a->memory, bytes));
	if (error) {
		daemon_nic_fail(d, error);
		forget_memory(d, c);
		end(d, c);
		return error;
	}
	attached(c, peer, k);
	end(d, c);
	tell(d, LOG_INFO, (int)k, "attached", "context %u: attached to %s, process %d", k,
	     a->program, (int)a->pid);
	return 0;
}

int context_resume(struct daemon *d, unsigned k, struct peer *peer, int fd, uint64_t bytes)
{
	struct context *c = &d->context[k];
	struct attachment *a = &c->attachment;
	struct stat theirs, ours;
	if (c->owner != OWNER_ATTACHED || a->peer || !a->memory)
		return daemon_fail(d, ENOENT, "there is nothing of context %u to resume", k);
	/* Who has the same memory is the same driver. */
	if (a->bytes != bytes || fstat(fd, &theirs) || fstat(a->memory->fd, &ours) ||
	    theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
		return daemon_fail(d, EPERM, "context %u was attached with another memory", k);
	attached(c, peer, k);
	state_commit(d);
	tell(d, LOG_INFO, (int)k, "attached", "context %u: resumed by %s, process %d", k,
	     a->program, (int)a->pid);
	return 0;
}

/* The device is taken away from its driver; the context comes up anew for the next. */
int context_detach(struct daemon *d, unsigned k, const char *why)
{
	struct context *c = &d->context[k];
	pid_t pid = c->attachment.pid;
	if (c->attachment.peer) {
		c->attachment.peer->attached = -1;
		c->attachment.peer = NULL;
	}
	begin(d, c, PHASE_DETACHING);
	int64_t cycles = destroy(d, k);
	int error = cycles < 0 ? (int)cycles : create(d, k);
	if (error)
		log_line(LOG_ERR, (int)k, "detach", "context %u did not come up anew: %s", k,
			 d->error);
	end(d, c);
	tell(d, LOG_INFO, (int)k, "detached", "context %u: taken from process %d: %s", k, (int)pid,
	     why);
	return error;
}

int context_renew(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	begin(d, c, PHASE_DETACHING);
	int64_t cycles = destroy(d, k);
	if (cycles >= 0 && create(d, k))
		log_line(LOG_ERR, (int)k, "detach", "context %u did not come up anew: %s", k,
			 d->error);
	end(d, c);
	return cycles < 0 ? (int)cycles : 0;
}

int context_recover(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	enum phase phase = c->phase;
	int error = 0;
	if (phase != PHASE_STEADY)
		log_line(LOG_NOTICE, (int)k, "recover",
			 "context %u: the daemon before was killed in an operation on it", k);
	if (c->owner == OWNER_CAPTURE || c->owner == OWNER_SELFTEST || phase == PHASE_ADDING)
		phase = PHASE_REMOVING;
	switch (phase) {
	case PHASE_STEADY:
		break;
	case PHASE_ADDING:
	case PHASE_REMOVING:
		destroy(d, k);
		memset(c, 0, sizeof(*c));
		return 0;
	case PHASE_SETTING:
		error = gl_context_configure(d->nic, k, context_config_gl(&c->config));
		if (!error)
			error = gl_context_enable(d->nic, k, c->enabled);
		break;
	case PHASE_ATTACHING:
	case PHASE_DETACHING: {
		int64_t cycles = destroy(d, k);
		error = cycles < 0 ? (int)cycles : create(d, k);
		forget_memory(d, c);
		break;
	}
	}
	struct gl_context_state state;
	if (!error && gl_context_get(d->nic, k, &state) == 0 && !state.exists) {
		destroy(d, k);
		error = create(d, k);
		forget_memory(d, c);
	}
	if (c->owner == OWNER_ATTACHED) {
		c->attachment.memory = gl_memory_find(d->nic, c->attachment.memory_name);
		c->attachment.deadline = now_us() + (uint64_t)d->config.attach_timeout_s * 1000000;
	}
	c->phase = PHASE_STEADY;
	return error;
}

int context_again(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	uint64_t bus;
	if (c->owner == OWNER_VIF)
		c->enabled = false;
	int error = create(d, k);
	if (!error && c->owner == OWNER_ATTACHED && c->attachment.memory) {
		if (gl_translate(d->nic, k, ATTACH_GUEST_ADDRESS, false, &bus) !=
		    GL_FAULT_KIND_NONE)
			error = gl_map(d->nic, k, ATTACH_GUEST_ADDRESS, c->attachment.memory->bus,
				       c->attachment.bytes,
				       map_flags(c->attachment.memory, c->attachment.bytes));
		if (error)
			daemon_nic_fail(d, error);
		/* Its driver looks at the device, finds it reset, and sets it up again. */
		int fd = gl_irq_fd(d->nic, 1 + k);
		uint64_t one = 1;
		if (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
			log_line(LOG_WARNING, (int)k, "attach",
				 "context %u: its driver is not woken: %s", k, strerror(errno));
	}
	if (c->owner == OWNER_VIF)
		vif_again(d, k);
	memset(&c->seen, 0, sizeof(c->seen));
	return error;
}

const char *context_state_name(const struct gl_context_state *s)
{
	static const char *const names[] = { "disabled", "disabled", "idle",
					     "live",	 "drain",    "broken" };
	if (!s->enabled)
		return "disabled";
	return s->firmware_state < 6 ? names[s->firmware_state] : "unknown";
}

#define STATUS_NEEDS_RESET 0x40
#define FAULT_PAUSE_US	   1000000

void context_fault(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct gl_fault fault;
	if (!gl_fault_get(d->nic, k, &fault))
		return;
	gl_fault_clear(d->nic, k);
	c->faults += fault.count;
	c->fault = fault;
	const char *kind = gl_fault_kind_name(fault.kind);
	tell(d, LOG_WARNING, (int)k, "fault",
	     "context %u: %s of guest address 0x%llx refused: %s (queue %u, %u times)", k,
	     fault.write ? "write" : "read", (unsigned long long)fault.address, kind ? kind : "?",
	     fault.queue, fault.count);
}

/*
 * A guest can fault as often as it likes. While its record is not cleared there is no new event, so that is done, and told, once in a while.
 */
void context_faulted(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	uint64_t now = now_us();
	c->fault_waits = c->fault_told && now - c->fault_told < FAULT_PAUSE_US;
	if (c->fault_waits)
		return;
	unsigned before = (unsigned)c->faults;
	context_fault(d, k);
	if ((unsigned)c->faults != before)
		c->fault_told = now;
	context_look(d, k);
}

/* One register read while nothing changes. */
void context_look(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct gl_context_state now;
	uint32_t status = gl_page_read(d->nic, k, GL_DEV_STATUS, 4);
	if (c->seen.exists && (status & 0xff) == c->seen.device_status)
		return;
	if (gl_context_get(d->nic, k, &now))
		return;
	const char *reason = gl_reset_reason_name(now.reset_reason);
	if ((now.device_status & STATUS_NEEDS_RESET) &&
	    !(c->seen.device_status & STATUS_NEEDS_RESET))
		tell(d, LOG_WARNING, (int)k, "needs_reset", "context %u: device needs reset: %s", k,
		     reason ? reason : "?");
	if (c->seen.exists && now.resets != c->seen.resets)
		tell(d, LOG_INFO, (int)k, "reset", "context %u: its driver reset the device", k);
	if (c->seen.exists && strcmp(context_state_name(&now), context_state_name(&c->seen)))
		tell(d, LOG_INFO, (int)k, "state", "context %u: %s", k, context_state_name(&now));
	c->seen = now;
}

json_t *context_json(struct daemon *d, unsigned k)
{
	struct context *c = &d->context[k];
	struct gl_context_state s;
	context_fault(d, k);
	if (gl_context_get(d->nic, k, &s))
		s = c->seen;
	const char *reason = gl_reset_reason_name(s.reset_reason);
	json_t *queues = json_array();
	for (int q = 0; q < 2; q++)
		json_array_append_new(queues, json_pack("{s:b, s:b, s:i, s:I}", "ready",
							s.queue[q].ready, "packed",
							s.queue[q].packed, "size", s.queue[q].size,
							"buffers", (json_int_t)s.queue[q].buffers));
	json_t *object =
		json_pack("{s:i, s:s, s:b, s:b, s:i, s:s, s:i, s:s, s:n, s:o, s:o, s:o, s:n, s:I}",
			  "context", k, "state", context_state_name(&s), "enabled", c->enabled,
			  "away", s.away, "device_status", s.device_status, "reset_reason",
			  reason ? reason : "none", "resets", s.resets, "owner",
			  owner_name(c->owner), "peer", "features_offered",
			  features_json(s.features_offered), "features_accepted",
			  features_json(s.features_accepted), "queues", queues, "fault", "faults",
			  (json_int_t)c->faults);
	if (c->owner == OWNER_ATTACHED)
		json_object_set_new(object, "peer",
				    json_pack("{s:i, s:s}", "pid", (int)c->attachment.pid,
					      "program", c->attachment.program));
	if (c->owner == OWNER_VIF)
		json_object_set_new(object, "vif",
				    json_pack("{s:I, s:I}", "domain", (json_int_t)c->vif.domain,
					      "handle", (json_int_t)c->vif.handle));
	if (c->fault.kind != GL_FAULT_KIND_NONE) {
		const char *kind = gl_fault_kind_name(c->fault.kind);
		json_object_set_new(object, "fault",
				    json_pack("{s:s, s:I, s:b, s:i, s:i}", "kind",
					      kind ? kind : "?", "address",
					      (json_int_t)c->fault.address, "write", c->fault.write,
					      "queue", c->fault.queue, "count", c->fault.count));
	}
	json_t *config = context_config_json(&c->config);
	json_object_update(object, config);
	json_decref(config);
	return object;
}
