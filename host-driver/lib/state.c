// SPDX-License-Identifier: Apache-2.0
// A NIC that outlives its process: descriptors and state for a keeper, and the successor that goes on with them.
//
// The state text has only what tells one session from another; everything that changes is in the session's memory (session.h), one of the
// descriptors. So the text is written once, and a successor cannot find text and memory at odds.
#define _GNU_SOURCE
#include "nic.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_VERSION 1

/* --- For the keeper -------------------------------------------------------------------------------------------------------------- */

uint64_t gl_generation(const struct gl_nic *nic)
{
	return nic->generation;
}

struct list {
	struct gl_fd *fds;
	size_t room, count;
};

static void add(struct list *l, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct list *l, int fd, const char *format, ...)
{
	if (fd < 0)
		return;
	if (l->count < l->room) {
		va_list args;
		va_start(args, format);
		vsnprintf(l->fds[l->count].name, sizeof(l->fds[0].name), format, args);
		va_end(args);
		l->fds[l->count].fd = fd;
	}
	l->count++;
}

size_t gl_fds(const struct gl_nic *nic, struct gl_fd *fds, size_t room)
{
	struct list l = { fds, room, 0 };
	l.count = nic->ops->fds(nic->backend, fds, room);
	add(&l, nic->session_fd, "session");
	add(&l, nic->table_fd, "tables");
	for (unsigned v = 0; v < GL_VECTORS; v++)
		add(&l, nic->irq[v], "irq-%u", v);
	add(&l, nic->irq_shared, "irq-shared");
	for (unsigned c = 0; c < GL_CONTEXTS; c++)
		for (unsigned q = 0; q < GL_MAX_QUEUES; q++)
			add(&l, nic->bell[c][q], "bell-%u-%u", c, q);
	for (unsigned i = 0; i < GL_MEMORIES; i++)
		add(&l, nic->memory[i].fd, "memory-%u", i);
	return l.count;
}

char *gl_state(const struct gl_nic *nic)
{
	json_t *o = json_pack("{s:i, s:s, s:I, s:i, s:i}", "guestlane", STATE_VERSION, "device",
			      nic->device, "nonce", (json_int_t)nic->session->nonce, "contexts",
			      (int)nic->contexts, "timeout_ms", (int)nic->timeout_ms);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}

/* --- The successor ---------------------------------------------------------------------------------------------------------------- */

struct state {
	char device[256];
	uint32_t nonce;
	unsigned contexts, timeout_ms;
};

static int parse(const char *text, struct state *s)
{
	json_error_t e;
	json_t *o = json_loads(text ? text : "", 0, &e);
	json_int_t version = json_integer_value(json_object_get(o, "guestlane"));
	const char *device = json_string_value(json_object_get(o, "device"));
	json_int_t nonce = json_integer_value(json_object_get(o, "nonce"));
	json_int_t contexts = json_integer_value(json_object_get(o, "contexts"));
	json_int_t timeout = json_integer_value(json_object_get(o, "timeout_ms"));
	int error = 0;
	if (!json_is_object(o))
		error = gl_fail(NULL, EINVAL, "the state text is damaged: %s",
				o ? "it is no JSON object" : e.text);
	else if (version != STATE_VERSION)
		error = gl_fail(
			NULL, EINVAL,
			"the state text has version %lld; this library understands version %d",
			(long long)version, STATE_VERSION);
	else if (!device || strlen(device) >= sizeof(s->device) || nonce <= 0 ||
		 nonce >= UINT32_MAX || contexts < 1 || contexts > GL_CONTEXTS || timeout < 1 ||
		 timeout > INT32_MAX)
		error = gl_fail(
			NULL, EINVAL,
			"the state text is damaged: device, nonce, contexts or timeout_ms is "
			"missing or absurd");
	if (!error) {
		snprintf(s->device, sizeof(s->device), "%s", device);
		s->nonce = (uint32_t)nonce;
		s->contexts = (unsigned)contexts;
		s->timeout_ms = (unsigned)timeout;
	}
	json_decref(o);
	return error;
}

/* Takes the descriptor out of the list. */
static int take(struct gl_fd *fds, size_t count, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int take(struct gl_fd *fds, size_t count, const char *format, ...)
{
	char name[sizeof(fds->name)];
	va_list args;
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	for (size_t i = 0; i < count; i++)
		if (fds[i].fd >= 0 && !strncmp(fds[i].name, name, sizeof(name))) {
			int fd = fds[i].fd;
			fds[i].fd = -1;
			return fd;
		}
	return -1;
}

static int adopt_session(struct gl_nic *nic, const struct state *state)
{
	struct stat st;
	if (nic->session_fd < 0 || nic->table_fd < 0)
		return gl_fail(nic, EINVAL, "the descriptor '%s' is missing",
			       nic->session_fd < 0 ? "session" : "tables");
	if (fstat(nic->session_fd, &st) || st.st_size != sizeof(struct gl_session))
		return gl_fail(
			nic, EINVAL,
			"the session's memory has another size: it was made by another version of "
			"this library");
	void *at = mmap(NULL, sizeof(struct gl_session), PROT_READ | PROT_WRITE, MAP_SHARED,
			nic->session_fd, 0);
	if (at == MAP_FAILED)
		return gl_fail(nic, errno, "cannot map the session's memory: %s", strerror(errno));
	nic->session = at;
	const struct gl_session *s = at;
	if (s->magic != GL_SESSION_MAGIC || s->version != GL_SESSION_VERSION ||
	    s->bytes != sizeof(*s))
		return gl_fail(
			nic, EINVAL,
			"the session's memory has version %u; this library understands version %u",
			s->version, GL_SESSION_VERSION);
	if (s->nonce != state->nonce || s->contexts != state->contexts)
		return gl_fail(nic, ESTALE,
			       "the state text belongs to another session than the memory");
	return 0;
}

/* Nothing that is used as an index or in a loop may be absurd, whoever wrote it. */
static int check_session(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	bool good = s->job.what <= GL_JOB_DESTROY && s->job.context < nic->contexts &&
		    s->job.guest % GL_PAGE == 0 && s->job.bytes % GL_PAGE == 0 &&
		    (s->irq_mode & ~GL_IRQ_CHANGING) <= GL_IRQ_BIT_VECTOR &&
		    s->irq_moderation <= GL_IRQ_MODERATION_MAX && s->job.guest < 1ull << 39 &&
		    s->job.bytes <= (1ull << 39) - s->job.guest;
	for (unsigned e = 0; e < GL_VLANS; e++)
		good &= s->vid[e] < 4095;
	for (unsigned i = 0; i < GL_MEMORIES; i++) {
		const struct gl_kept_memory *m = &s->memory[i];
		good &= m->state <= GL_MEMORY_LIVE && m->bytes % GL_PAGE == 0 &&
			m->bus % GL_PAGE == 0 && m->bus + m->bytes >= m->bus &&
			memchr(m->name, 0, sizeof(m->name));
	}
	return good ? 0 : gl_fail(nic, EINVAL, "the session's memory is damaged");
}

static int adopt_memory(struct gl_nic *nic, unsigned id)
{
	struct gl_kept_memory *k = &nic->session->memory[id];
	struct gl_memory *m = &nic->memory[id];
	struct stat st;

	if (k->state == GL_MEMORY_FREE)
		goto drop;
	if (k->state == GL_MEMORY_LIVE && m->fd >= 0 && gl_is_paged(nic) &&
	    !gl_memory_adopt_pages(nic, id))
		return 0;
	if (k->state == GL_MEMORY_LIVE && m->fd >= 0 && !gl_is_paged(nic) && !fstat(m->fd, &st) &&
	    st.st_ino == k->inode && (uint64_t)st.st_size >= k->bytes) {
		m->bus = k->bus;
		m->bytes = k->bytes;
		if (k->imported)
			return 0;
		void *at = mmap(NULL, k->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
		if (at == MAP_FAILED)
			return gl_fail(nic, errno, "cannot map %llu bytes of '%s': %s",
				       (unsigned long long)k->bytes, k->name, strerror(errno));
		m->data = at;
		return 0;
	}
	/* Half made or half freed, or its descriptor was not kept: nobody has it. */
	int error = gl_memory_drop(nic, id);
	if (error)
		return error;
	GL_KEEP(k->state, (uint8_t)GL_MEMORY_FREE);
drop:
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return 0;
}

/* What the NIC has of the tables must be what the session says; the last steps of a change may be missing. */
static void adopt_roots(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	for (unsigned c = 0; c < nic->contexts; c++) {
		gl_reg_write(nic, GL_BAR0_CTX_INDEX, c);
		uint32_t low = gl_reg(nic, GL_BAR0_ROOT_LO);
		uint64_t root = (uint64_t)gl_reg(nic, GL_BAR0_ROOT_HI) << 32 |
				(low & GL_BAR0_ROOT_LO_ADDRESS_MASK);
		if (!(low & GL_BAR0_ROOT_LO_VALID_MASK))
			root = 0;
		if (root != s->root[c])
			gl_set_root(nic, c, s->root[c]);
	}
}

static int check_nonce(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	uint32_t nonce = gl_reg(nic, GL_BAR0_SCRATCH);
	/* A reset of the session's own may have been cut. */
	if (nonce == s->nonce || (nonce == 0 && s->job.what == GL_JOB_RESET))
		return gl_alive(nic);
	int error = gl_alive(nic);
	return error ? error
		     : gl_fail(nic, ESTALE,
			       "%s was reset, or is in the hands of another session, since the "
			       "state was "
			       "kept; open it anew",
			       nic->device);
}

static int go_on(struct gl_nic *nic, const char *address, const struct state *state,
		 const struct gl_fd *fds, size_t count)
{
	int error = adopt_session(nic, state);
	if (!error)
		error = nic->ops->adopt(nic, address, fds, count, &nic->backend);
	if (!error)
		error = gl_identify(nic);
	if (!error && nic->contexts != state->contexts)
		error = gl_fail(nic, ESTALE, "%s has %u contexts; the session's NIC had %u",
				nic->device, nic->contexts, state->contexts);
	if (!error)
		error = check_session(nic);
	if (!error)
		error = check_nonce(nic);
	if (!error)
		error = gl_tables_adopt(nic);
	/* Nothing starts while the last thing that was started is BUSY. */
	if (!error)
		error = gl_wait(nic, GL_BAR0_INV_CONTROL, GL_BAR0_INV_CONTROL_BUSY_MASK, 0,
				"an invalidation of the process before");
	if (!error)
		error = gl_wait(nic, GL_BAR0_REVOKE, GL_BAR0_REVOKE_BUSY_MASK, 0,
				"a revocation of the process before");
	if (error)
		return error;
	adopt_roots(nic);
	for (unsigned i = 0; i < GL_MEMORIES && !error; i++)
		error = adopt_memory(nic, i);
	if (!error)
		error = gl_irqs_adopt(nic);
	/* What needs firmware that serves stays undone while it hangs; gl_firmware_restart() goes on with it. */
	if (!error)
		error = gl_begin(nic);
	if (error == -EIO || error == -ETIMEDOUT)
		error = gl_alive(nic);
	return error;
}

static void name_fds(struct gl_nic *nic, struct gl_fd *fds, size_t count)
{
	nic->session_fd = take(fds, count, "session");
	nic->table_fd = take(fds, count, "tables");
	for (unsigned v = 0; v < GL_VECTORS; v++)
		nic->irq[v] = take(fds, count, "irq-%u", v);
	nic->irq_shared = take(fds, count, "irq-shared");
	for (unsigned c = 0; c < GL_CONTEXTS; c++)
		for (unsigned q = 0; q < GL_MAX_QUEUES; q++)
			nic->bell[c][q] = take(fds, count, "bell-%u-%u", c, q);
	for (unsigned i = 0; i < GL_MEMORIES; i++)
		nic->memory[i].fd = take(fds, count, "memory-%u", i);
}

int gl_adopt(struct gl_nic **out, const char *text, const struct gl_fd *fds, size_t count)
{
	struct state state;
	const char *address;
	*out = NULL;
	int error = parse(text, &state);
	if (error)
		return error;
	const struct gl_backend_ops *ops = gl_find_backend(state.device, &address);
	if (!ops)
		return -EINVAL;
	struct gl_nic *nic = gl_nic_alloc(ops, state.device, state.timeout_ms);
	struct gl_fd *own = calloc(count ? count : 1, sizeof(*own));
	if (!nic || !own) {
		error = gl_fail(NULL, ENOMEM, "not enough memory for a handle of %s", state.device);
		free(own);
		gl_nic_free(nic);
		return error;
	}
	/* Works with duplicates: the caller's are closed only when all went well. */
	for (size_t i = 0; i < count; i++) {
		own[i] = fds[i];
		own[i].name[sizeof(own[i].name) - 1] = 0;
		own[i].fd = error ? -1 : fcntl(fds[i].fd, F_DUPFD_CLOEXEC, 0);
		if (own[i].fd < 0 && !error)
			error = gl_fail(nic, errno, "the descriptor '%s' cannot be used: %s",
					own[i].name, strerror(errno));
	}
	name_fds(nic, own, count);
	/* What is left is the back end's. */
	if (!error)
		error = go_on(nic, address, &state, own, count);
	/* The back end has those that it named, unless it refused. */
	struct gl_fd taken[8];
	size_t n = nic->backend ? ops->fds(nic->backend, taken, sizeof(taken) / sizeof(*taken)) : 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < n && k < sizeof(taken) / sizeof(*taken); k++)
			if (own[i].fd == taken[k].fd)
				own[i].fd = -1;
	for (size_t i = 0; i < count; i++)
		if (own[i].fd >= 0)
			close(own[i].fd);
	free(own);
	if (error) {
		gl_fail(NULL, error, "%s", nic->error);
		gl_nic_free(nic);
		return error;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i].fd);
	nic->generation++;
	*out = nic;
	return 0;
}
