// SPDX-License-Identifier: Apache-2.0
// The played Xen (fake_xen.h).
#include "fake_xen.h"
#include "fake_nic.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xenstore.h>

#define PAGES_AT 0xc000000000ull /* machine address of context 0's device page */
#define WATCHES	 64
#define EVENTS	 256

struct fake_xen xen;

struct glx {
	int nothing;
};

struct xs_handle {
	int fd;
	char *path[WATCHES], *token[WATCHES];
	char *event[EVENTS][2];
	unsigned events;
};

static struct xs_handle *connection;
static char words[128];

static int fail(int error, const char *text)
{
	snprintf(words, sizeof(words), "%s", text);
	return -error;
}

void fake_change(void)
{
	if (xen.kill_in && --xen.kill_in == 0)
		xen.kill();
}

static bool unlucky(void)
{
	fake_change();
	return xen.fail_in && --xen.fail_in == 0;
}

/* --- Nodes --- */

static int find(const char *path)
{
	for (int i = 0; i < FAKE_NODES; i++)
		if (xen.path[i] && !strcmp(xen.path[i], path))
			return i;
	return -1;
}

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);
	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

static void fire(const char *path)
{
	for (int i = 0; connection && i < WATCHES; i++) {
		if (!connection->path[i] ||
		    (!below(path, connection->path[i]) && !below(connection->path[i], path)) ||
		    connection->events == EVENTS)
			continue;
		char **e = connection->event[connection->events++];
		e[0] = strdup(path);
		e[1] = strdup(connection->token[i]);
		uint64_t one = 1;
		assert(write(connection->fd, &one, sizeof(one)) == sizeof(one));
	}
}

static void set(const char *path, const char *value, size_t bytes)
{
	int at = find(path);
	for (int i = 0; at < 0 && i < FAKE_NODES; i++)
		if (!xen.path[i])
			at = i;
	assert(at >= 0);
	if (!xen.path[at])
		xen.path[at] = strdup(path);
	free(xen.value[at]);
	xen.value[at] = calloc(1, bytes + 1);
	memcpy(xen.value[at], value, bytes);
	fire(path);
}

static bool drop(const char *path)
{
	bool any = false;
	for (int i = 0; i < FAKE_NODES; i++) {
		if (!xen.path[i] || !below(xen.path[i], path))
			continue;
		free(xen.path[i]);
		free(xen.value[i]);
		xen.path[i] = xen.value[i] = NULL;
		any = true;
	}
	if (any)
		fire(path);
	return any;
}

void fake_xen_reset(void)
{
	xs_close(connection);
	drop("/local");
	for (int i = 0; i < FAKE_DOMAINS; i++)
		for (int j = 0; j < 8; j++)
			free(xen.domain[i].directory[j]);
	memset(&xen, 0, sizeof(xen));
	xen.next_bus = 0x100000000;
}

const char *fake_node(const char *format, ...)
{
	char path[160];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	int at = find(path);
	return at < 0 ? NULL : xen.value[at];
}

void fake_write(const char *value, const char *format, ...)
{
	char path[160];
	va_list args;
	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	if (value)
		set(path, value, strlen(value));
	else
		drop(path);
}

void fake_release(void)
{
	fire("@releaseDomain");
}

unsigned fake_nodes(void)
{
	unsigned n = 0;
	for (int i = 0; i < FAKE_NODES; i++)
		n += xen.path[i] != NULL;
	return n;
}

unsigned fake_sets(void)
{
	unsigned n = 0;
	for (int i = 0; i < FAKE_SETS; i++)
		n += xen.set[i].count != 0;
	return n;
}

/* --- xenstore.h --- */

struct xs_handle *xs_open(unsigned long flags)
{
	(void)flags;
	xs_close(connection); /* of a daemon that died */
	connection = calloc(1, sizeof(*connection));
	connection->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return connection;
}

void xs_close(struct xs_handle *h)
{
	if (!h)
		return;
	for (int i = 0; i < WATCHES; i++) {
		free(h->path[i]);
		free(h->token[i]);
	}
	for (unsigned i = 0; i < h->events; i++) {
		free(h->event[i][0]);
		free(h->event[i][1]);
	}
	close(h->fd);
	free(h);
	connection = NULL;
}

int xs_fileno(struct xs_handle *h)
{
	return h->fd;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	for (int i = 0; i < WATCHES; i++) {
		if (h->path[i])
			continue;
		h->path[i] = strdup(path);
		h->token[i] = strdup(token);
		return true;
	}
	errno = ENOSPC;
	return false;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	for (int i = 0; i < WATCHES; i++) {
		if (!h->path[i] || strcmp(h->path[i], path) || strcmp(h->token[i], token))
			continue;
		free(h->path[i]);
		free(h->token[i]);
		h->path[i] = h->token[i] = NULL;
		return true;
	}
	return false;
}

char **xs_check_watch(struct xs_handle *h)
{
	uint64_t count;
	if (!h->events) {
		if (read(h->fd, &count, sizeof(count)) < 0)
			count = 0;
		errno = EAGAIN;
		return NULL;
	}
	char **e = h->event[0];
	size_t path = strlen(e[0]) + 1, token = strlen(e[1]) + 1;
	char **answer = malloc(2 * sizeof(char *) + path + token);
	answer[XS_WATCH_PATH] = (char *)(answer + 2);
	answer[XS_WATCH_TOKEN] = answer[XS_WATCH_PATH] + path;
	memcpy(answer[XS_WATCH_PATH], e[0], path);
	memcpy(answer[XS_WATCH_TOKEN], e[1], token);
	free(e[0]);
	free(e[1]);
	memmove(h->event[0], h->event[1], --h->events * sizeof(h->event[0]));
	return answer;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *bytes)
{
	(void)h;
	(void)t;
	int at = find(path);
	if (at < 0) {
		errno = ENOENT;
		return NULL;
	}
	*bytes = (unsigned)strlen(xen.value[at]);
	return strdup(xen.value[at]);
}

/* A transaction's changes are seen at once, and one that dies in it leaves half of them: harder than the real thing. */
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	      unsigned bytes)
{
	(void)h;
	(void)t;
	if (unlucky()) {
		errno = EIO;
		return false;
	}
	set(path, data, bytes);
	return true;
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	return find(path) >= 0 || xs_write(h, t, path, "", 0);
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	(void)t;
	fake_change();
	if (drop(path))
		return true;
	errno = ENOENT;
	return false;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned *count)
{
	(void)h;
	(void)t;
	size_t n = strlen(path);
	char **list = calloc(1, FAKE_NODES * (sizeof(char *) + 32));
	char *text = (char *)(list + FAKE_NODES);
	bool there = false;
	*count = 0;
	for (int i = 0; i < FAKE_NODES; i++) {
		if (!xen.path[i] || !below(xen.path[i], path))
			continue;
		there = true;
		if (!xen.path[i][n])
			continue;
		snprintf(text, 32, "%.*s", (int)strcspn(xen.path[i] + n + 1, "/"),
			 xen.path[i] + n + 1);
		bool known = false;
		for (unsigned j = 0; j < *count; j++)
			known = known || !strcmp(list[j], text);
		if (known)
			continue;
		list[(*count)++] = text;
		text += 32;
	}
	if (there)
		return list;
	free(list);
	errno = ENOENT;
	return NULL;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
			struct xs_permissions *permissions, unsigned count)
{
	(void)h;
	(void)t;
	int at = find(path);
	assert(at >= 0 && count == 2);
	if (unlucky()) {
		errno = EIO;
		return false;
	}
	xen.owner[at] = permissions[0].id;
	return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	(void)h;
	return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
	(void)h;
	(void)t;
	(void)abort;
	return true;
}

/* --- xen.h --- */

int glx_open(struct glx **x, const char *state_dir)
{
	static struct glx one;
	(void)state_dir;
	*x = &one;
	return xen.dom0 ? 0 : fail(ENODEV, "this is not dom0");
}

void glx_close(struct glx *x)
{
	(void)x;
}

const char *glx_error(const struct glx *x)
{
	(void)x;
	return words;
}

bool glx_is_dom0(void)
{
	return xen.dom0;
}

int glx_grants_map(struct glx *x, const char *name, uint32_t domain, const uint32_t *refs,
		   size_t count, bool writable, uint64_t *bus)
{
	(void)x;
	assert(writable && count);
	for (int i = 0; i < FAKE_SETS; i++)
		if (xen.set[i].count && !strcmp(xen.set[i].name, name))
			return fail(EEXIST, "there is such a set");
	if (unlucky())
		return fail(EINVAL, "reference 8: bad gref");
	for (int i = 0; i < FAKE_SETS; i++) {
		if (xen.set[i].count)
			continue;
		snprintf(xen.set[i].name, sizeof(xen.set[i].name), "%s", name);
		xen.set[i].domain = domain;
		xen.set[i].count = count;
		xen.set[i].bus = xen.next_bus;
		for (size_t j = 0; j < count; j++)
			bus[j] = refs[j] ? xen.next_bus + j * 4096 : 0;
		xen.next_bus += count * 4096;
		fake_change();
		return 0;
	}
	return fail(ENOSPC, "no more sets");
}

int glx_grants_unmap(struct glx *x, const char *name)
{
	(void)x;
	for (int i = 0; i < FAKE_SETS; i++) {
		if (!xen.set[i].count || strcmp(xen.set[i].name, name))
			continue;
		/* No table leads there any more, and no page is in that guest. */
		for (int k = 0; k < FAKE_CONTEXTS; k++)
			for (unsigned j = 0; j < xen.nic->context[k].granted_count; j++)
				assert(xen.nic->context[k].granted[j] < xen.set[i].bus ||
				       xen.nic->context[k].granted[j] >=
					       xen.set[i].bus + xen.set[i].count * 4096);
		if (unlucky())
			return fail(EIO, "the hypercall failed");
		xen.set[i].count = 0;
		return 0;
	}
	return fail(ENOENT, "there is no such set");
}

bool glx_grants_next(const struct glx *x, size_t *at, char name[GLX_SET_NAME], uint32_t *domain,
		     size_t *count)
{
	(void)x;
	for (; *at < FAKE_SETS; ++*at) {
		if (!xen.set[*at].count)
			continue;
		memcpy(name, xen.set[*at].name, GLX_SET_NAME);
		*domain = xen.set[*at].domain;
		*count = xen.set[*at].count;
		++*at;
		return true;
	}
	return false;
}

int glx_view(struct glx *x, uint32_t domain, const uint32_t *refs, size_t count, const void **data)
{
	(void)x;
	assert(count == 1);
	if (unlucky() || !xen.domain[domain].lives || *refs < 1000 || *refs > 1007 ||
	    !xen.domain[domain].directory[*refs - 1000])
		return fail(EINVAL, "bad gref");
	*data = xen.domain[domain].directory[*refs - 1000];
	return 0;
}

void glx_view_close(struct glx *x, const void *data, size_t count)
{
	(void)x;
	(void)data;
	(void)count;
}

int glx_page_map(struct glx *x, uint32_t domain, uint64_t machine, uint64_t *address)
{
	(void)x;
	unsigned k = (unsigned)((machine - PAGES_AT) / 4096);
	assert(k >= 1 && k < FAKE_CONTEXTS && !xen.page[k].domain);
	if (unlucky())
		return fail(EPERM, "Xen refuses");
	xen.page[k].domain = domain;
	*address = xen.page[k].address = machine;
	fake_change();
	return 0;
}

int glx_page_unmap(struct glx *x, uint32_t domain, uint64_t machine, uint64_t address)
{
	(void)x;
	unsigned k = (unsigned)((machine - PAGES_AT) / 4096);
	assert(k < FAKE_CONTEXTS && address == machine);
	assert(!xen.page[k].domain || xen.page[k].domain == domain);
	/* It must not run any more when the guest loses it. */
	assert(!xen.nic->context[k].enabled);
	if (unlucky())
		return fail(EIO, "the hypercall failed");
	xen.page[k].domain = 0;
	return xen.domain[domain].lives && xen.domain[domain].type == GLX_PV;
}

int glx_domain(struct glx *x, uint32_t domain, enum glx_type *type, bool *dying)
{
	(void)x;
	if (dying)
		*dying = false;
	if (domain >= FAKE_DOMAINS || !xen.domain[domain].lives)
		return fail(ENOENT, "there is no such domain");
	if (type)
		*type = xen.domain[domain].type;
	return 0;
}

/* --- What guestlane.h has for Xen --- */

int gl_page_address(struct gl_nic *nic, unsigned context, uint64_t *address)
{
	(void)nic;
	*address = PAGES_AT + context * 4096ull;
	return 0;
}

int gl_map_pages(struct gl_nic *nic, unsigned context, uint64_t guest, const uint64_t *bus,
		 size_t count, unsigned flags)
{
	(void)flags;
	struct fake_context *c = &nic->context[context];
	assert(guest % 4096 == 0 && !c->enabled);
	fake_change();
	if (nic->fail_in > 0 && --nic->fail_in == 0) {
		snprintf(nic->error, sizeof(nic->error), "no table pages");
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		if (!bus[i])
			continue;
		assert(c->granted_count < FAKE_GRANTED);
		c->granted[c->granted_count++] = bus[i];
	}
	return 0;
}

int gl_irq_to_guest(struct gl_nic *nic, unsigned context, unsigned domain, uint32_t port)
{
	if (unlucky()) {
		snprintf(nic->error, sizeof(nic->error), "the port is bound already");
		return -EINVAL;
	}
	xen.irq[context].domain = domain;
	xen.irq[context].port = port;
	xen.irq[context].signals++;
	return 0;
}

int gl_irq_to_host(struct gl_nic *nic, unsigned context)
{
	(void)nic;
	xen.irq[context].domain = xen.irq[context].port = 0;
	return 0;
}

uint64_t gl_irq_passed(const struct gl_nic *nic, unsigned context)
{
	(void)nic;
	return xen.irq[context].signals;
}
