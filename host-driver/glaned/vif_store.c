// SPDX-License-Identifier: Apache-2.0
// The nodes of vifs in xenstore (docs/xen-interface.md). What a front end writes is hostile: each node is read once, and is a number or a word in its range, or refused. No
// path is taken from there.
#include "glaned.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>

#define BACK	   "/local/domain/0/backend/guestlane"
#define PATH_ROOM  128
#define TRIES	   50 /* of a transaction that others disturb */
#define RELEASE	   "@releaseDomain"
#define PAGES_MOST (1u << 20) /* 1024 directory pages of 1024 references */
#define POOL_MOST  4096u
#define PORTS_MOST (1u << 17) /* FIFO event channels */
#define POOL_UNIT  (2ull << 20)
#define GUEST_BITS 39 /* of a guest address */
#define XEN_PAGE   4096ull

static void back_path(char *path, const struct vif *v, const char *node)
{
	snprintf(path, PATH_ROOM, BACK "/%u/%u%s%s", v->domain, v->handle, node ? "/" : "",
		 node ? node : "");
}

static void front_path(char *path, const struct vif *v, const char *node)
{
	snprintf(path, PATH_ROOM, "/local/domain/%u/device/guestlane/%u%s%s", v->domain, v->handle,
		 node ? "/" : "", node ? node : "");
}

static int store_fail(struct daemon *d, const char *what, const char *path)
{
	int error = errno ? errno : EIO;
	return daemon_fail(d, error, "xenstore: cannot %s %s: %s", what, path, strerror(error));
}

/* --- The connection --- */

int store_open(struct daemon *d)
{
	struct vifs *s = &d->vifs;
	s->xs = xs_open(0);
	if (!s->xs)
		return daemon_fail(d, ENODEV, "xenstore does not answer: %s", strerror(errno));
	if (!xs_watch(s->xs, RELEASE, RELEASE)) {
		int error = store_fail(d, "watch", RELEASE);
		store_close(d);
		return error;
	}
	return 0;
}

void store_close(struct daemon *d)
{
	if (d->vifs.xs)
		xs_close(d->vifs.xs);
	d->vifs.xs = NULL;
}

static int of_token(struct daemon *d, const char *token)
{
	unsigned domain, handle;
	if (sscanf(token, "%u/%u", &domain, &handle) != 2)
		return -1;
	for (unsigned k = 0; k < d->count; k++) {
		const struct context *c = &d->context[k];
		if (c->exists && c->owner == OWNER_VIF && c->vif.domain == domain &&
		    c->vif.handle == handle)
			return (int)k;
	}
	return -1;
}

int store_event(struct daemon *d, int *context)
{
	char **event;
	while ((event = xs_check_watch(d->vifs.xs))) {
		bool release = !strcmp(event[XS_WATCH_TOKEN], RELEASE);
		*context = release ? -1 : of_token(d, event[XS_WATCH_TOKEN]);
		free(event);
		if (release || *context >= 0)
			return 1;
	}
	return errno == EAGAIN ? 0 : -EIO;
}

int store_watch(struct daemon *d, unsigned k)
{
	const struct vif *v = &d->context[k].vif;
	char path[PATH_ROOM], token[32];
	front_path(path, v, "state");
	snprintf(token, sizeof(token), "%u/%u", v->domain, v->handle);
	if (!xs_watch(d->vifs.xs, path, token) && errno != EEXIST)
		return store_fail(d, "watch", path);
	return 0;
}

/* --- Folders --- */

static bool put(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool put(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	return xs_write(xs, t, path, text, (unsigned)n);
}

/* Both folders with their permissions and nodes. False with errno. */
static bool fill(struct daemon *d, xs_transaction_t t, unsigned k)
{
	struct xs_handle *xs = d->vifs.xs;
	const struct context *c = &d->context[k];
	const struct vif *v = &c->vif;
	char back[PATH_ROOM], front[PATH_ROOM], path[PATH_ROOM], mac[18];
	struct xs_permissions back_of[2] = { { .id = 0, .perms = XS_PERM_NONE },
					     { .id = v->domain, .perms = XS_PERM_READ } };
	struct xs_permissions front_of[2] = { { .id = v->domain, .perms = XS_PERM_NONE },
					      { .id = 0, .perms = XS_PERM_READ } };
	back_path(back, v, NULL);
	front_path(front, v, NULL);
	mac_text(c->config.gl.mac, mac);
	/* What is left of an earlier vif of that name. */
	if ((!xs_rm(xs, t, back) && errno != ENOENT) || (!xs_rm(xs, t, front) && errno != ENOENT))
		return false;
	if (!xs_mkdir(xs, t, back) || !xs_set_permissions(xs, t, back, back_of, 2))
		return false;
#define BACK_NODE(node, ...)                        \
	do {                                        \
		back_path(path, v, node);           \
		if (!put(xs, t, path, __VA_ARGS__)) \
			return false;               \
	} while (0)
	BACK_NODE("frontend", "%s", front);
	BACK_NODE("frontend-id", "%u", v->domain);
	BACK_NODE("handle", "%u", v->handle);
	BACK_NODE("nic", "%s", d->config.device);
	BACK_NODE("version", "1");
	BACK_NODE("mac", "%s", mac);
	BACK_NODE("mtu", "%u", c->config.gl.mtu);
	BACK_NODE("memory", "%s", v->whole ? "whole" : "pool");
	BACK_NODE("pool-pages", "%u", v->pool_pages);
	BACK_NODE("online", "1");
	BACK_NODE("state", "%d", XB_INITIALISING);
#undef BACK_NODE
	if (!xs_mkdir(xs, t, front) || !xs_set_permissions(xs, t, front, front_of, 2))
		return false;
	front_path(path, v, "backend");
	if (!put(xs, t, path, "%s", back))
		return false;
	front_path(path, v, "backend-id");
	if (!put(xs, t, path, "0"))
		return false;
	front_path(path, v, "state");
	return put(xs, t, path, "%d", XB_INITIALISING);
}

/* Does something in a transaction, as often as others disturb it. */
static int transact(struct daemon *d, bool (*what)(struct daemon *, xs_transaction_t, unsigned),
		    unsigned k, const char *words)
{
	char path[PATH_ROOM];
	back_path(path, &d->context[k].vif, NULL);
	for (int i = 0; i < TRIES; i++) {
		xs_transaction_t t = xs_transaction_start(d->vifs.xs);
		if (t == XBT_NULL)
			return store_fail(d, "begin a transaction for", path);
		if (!what(d, t, k)) {
			int error = store_fail(d, words, path);
			xs_transaction_end(d->vifs.xs, t, true);
			return error;
		}
		if (xs_transaction_end(d->vifs.xs, t, false))
			return 0;
		if (errno != EAGAIN)
			break;
	}
	return store_fail(d, words, path);
}

int store_add(struct daemon *d, unsigned k)
{
	int error = transact(d, fill, k, "make");
	return error ? error : store_watch(d, k);
}

static void drop(struct xs_handle *xs, xs_transaction_t t, uint32_t domain, uint32_t handle)
{
	const struct vif v = { .domain = domain, .handle = handle };
	char path[PATH_ROOM];
	unsigned count;
	front_path(path, &v, NULL);
	xs_rm(xs, t, path);
	back_path(path, &v, NULL);
	xs_rm(xs, t, path);
	snprintf(path, sizeof(path), BACK "/%u", domain);
	char **left = xs_directory(xs, t, path, &count);
	if (left && !count)
		xs_rm(xs, t, path);
	free(left);
}

static bool empty(struct daemon *d, xs_transaction_t t, unsigned k)
{
	drop(d->vifs.xs, t, d->context[k].vif.domain, d->context[k].vif.handle);
	return true;
}

int store_remove(struct daemon *d, unsigned k)
{
	const struct vif *v = &d->context[k].vif;
	char path[PATH_ROOM], token[32];
	front_path(path, v, "state");
	snprintf(token, sizeof(token), "%u/%u", v->domain, v->handle);
	xs_unwatch(d->vifs.xs, path, token);
	return transact(d, empty, k, "remove");
}

/* --- Nodes --- */

int vif_number(const char *text, uint64_t most, uint64_t *value)
{
	uint64_t n = 0;
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > (UINT64_MAX - 9) / 10)
			return -EINVAL;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*value = n;
	return n <= most ? 0 : -ERANGE;
}

/* 0x and up to 16 digits. */
static int hexadecimal(const char *text, uint64_t *value)
{
	uint64_t n = 0;
	size_t digits = 0;
	if (text[0] != '0' || text[1] != 'x')
		return -EINVAL;
	for (text += 2; *text; text++, digits++) {
		int c = tolower((unsigned char)*text);
		if (digits == 16 || !isxdigit(c))
			return -EINVAL;
		n = n << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*value = n;
	return digits ? 0 : -EINVAL;
}

/* A front end's node, as much of it as people may see. False: there is none, or it is no text. */
static bool front_text(struct daemon *d, const struct vif *v, const char *node, char text[32])
{
	char path[PATH_ROOM];
	unsigned n;
	front_path(path, v, node);
	char *value = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	bool whole = value && n < 32 && strlen(value) == n;
	snprintf(text, 32, "%.31s", value ? value : "");
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	free(value);
	return whole;
}

static int front_number(struct daemon *d, const struct vif *v, const char *node, uint64_t least,
			uint64_t most, uint32_t *number)
{
	char text[32];
	uint64_t value = 0;
	bool there = front_text(d, v, node, text);
	if (!there || vif_number(text, most, &value) || value < least)
		return daemon_fail(
			d, EPROTO,
			"the front end's node %s is a number from %llu to %llu, not \"%s\"", node,
			(unsigned long long)least, (unsigned long long)most, text);
	*number = (uint32_t)value;
	return 0;
}

int store_front_state(struct daemon *d, unsigned k, unsigned *state)
{
	const struct vif *v = &d->context[k].vif;
	char path[PATH_ROOM];
	unsigned n;
	uint64_t value;
	front_path(path, v, "state");
	char *text = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	if (!text && errno != ENOENT)
		return store_fail(d, "read", path);
	*state = !text ? XB_NONE : XB_UNKNOWN;
	if (text && strlen(text) == n && !vif_number(text, XB_CLOSED, &value))
		*state = (unsigned)value;
	free(text);
	return 0;
}

bool store_offline(struct daemon *d, unsigned k)
{
	char path[PATH_ROOM];
	unsigned n;
	back_path(path, &d->context[k].vif, "online");
	char *text = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	bool off = text && !strcmp(text, "0");
	free(text);
	return off;
}

int store_back_write(struct daemon *d, unsigned k, const char *node, const char *format, ...)
{
	char path[PATH_ROOM], text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	back_path(path, &d->context[k].vif, node);
	return put(d->vifs.xs, XBT_NULL, path, "%s", text) ? 0 : store_fail(d, "write", path);
}

void store_back_clear(struct daemon *d, unsigned k, const char *node)
{
	char path[PATH_ROOM];
	back_path(path, &d->context[k].vif, node);
	xs_rm(d->vifs.xs, XBT_NULL, path);
}

int store_back_state(struct daemon *d, unsigned k, enum xenbus state)
{
	char path[PATH_ROOM], now[4];
	unsigned n;
	snprintf(now, sizeof(now), "%d", state);
	back_path(path, &d->context[k].vif, "state");
	char *before = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	bool same = before && !strcmp(before, now), there = before != NULL;
	free(before);
	/* A folder that somebody removed is not made again by one node of it. */
	if (same || !there)
		return same ? 0 : daemon_fail(d, ENOENT, "%s has been removed", path);
	return store_back_write(d, k, "state", "%s", now);
}

int store_front(struct daemon *d, unsigned k, struct vif_front *f)
{
	const struct vif *v = &d->context[k].vif;
	char text[32];
	uint32_t version, most;
	*f = (struct vif_front){ 0 };
	int error = front_number(d, v, "version", 1, 1, &version);
	if (error)
		return error;
	if (!front_text(d, v, "memory", text) || (strcmp(text, "pool") && strcmp(text, "whole")))
		return daemon_fail(d, EPROTO,
				   "the front end's node memory is pool or whole, not \"%s\"",
				   text);
	f->whole = !strcmp(text, "whole");
	if (f->whole && !v->whole)
		return daemon_fail(
			d, EPERM,
			"the front end takes memory=whole, which its vif line does not allow");
	most = f->whole ? PAGES_MOST : POOL_MOST;
	error = front_number(d, v, "pages", 1, most, &f->pages);
	if (error)
		return error;
	uint32_t need = (f->pages + 1023) / 1024;
	error = front_number(d, v, "directory-pages", need, need, &f->directory_pages);
	if (error)
		return error;
	bool there = front_text(d, v, "guest-address", text);
	if (!there || hexadecimal(text, &f->guest_address) ||
	    (f->whole ? f->guest_address != 0
		      : f->guest_address == 0 || f->guest_address % POOL_UNIT ||
				f->guest_address >= 1ull << GUEST_BITS))
		return daemon_fail(d, EPROTO,
				   "the front end's node guest-address is %s, not \"%s\"",
				   f->whole ? "0x0 with memory=whole"
					    : "a multiple of 0x200000 below 2^39 and not 0",
				   text);
	return front_number(d, v, "event-channel", 1, PORTS_MOST - 1, &f->port);
}

int store_front_reference(struct daemon *d, unsigned k, unsigned i, uint32_t *reference)
{
	char node[32];
	snprintf(node, sizeof(node), "directory-ref%u", i);
	return front_number(d, &d->context[k].vif, node, 1, UINT32_MAX, reference);
}

void store_name(struct daemon *d, uint32_t domain, char *name, size_t room)
{
	char path[PATH_ROOM];
	unsigned n;
	snprintf(path, sizeof(path), "/local/domain/%u/name", domain);
	char *text = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	snprintf(name, room, "%s", text ? text : "");
	for (char *p = name; *p; p++)
		if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
			*p = '?';
	free(text);
}

/* --- What is left over --- */

static bool ours(struct daemon *d, const struct vif *v)
{
	char path[PATH_ROOM];
	unsigned n;
	back_path(path, v, "nic");
	char *nic = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	bool same = nic && !strcmp(nic, d->config.device);
	free(nic);
	return same;
}

/* What the back end wrote of the device page; 0: nothing. */
static uint64_t back_address(struct daemon *d, const struct vif *v, const char *node)
{
	char path[PATH_ROOM];
	unsigned n;
	uint64_t value = 0;
	back_path(path, v, node);
	char *text = xs_read(d->vifs.xs, XBT_NULL, path, &n);
	if (!text || (hexadecimal(text, &value) && vif_number(text, UINT64_MAX, &value)))
		value = 0;
	free(text);
	return value;
}

void store_sweep(struct daemon *d)
{
	struct xs_handle *xs = d->vifs.xs;
	unsigned domains, handles;
	char path[PATH_ROOM];
	char **domain = xs_directory(xs, XBT_NULL, BACK, &domains);
	for (unsigned i = 0; domain && i < domains; i++) {
		uint64_t D, N;
		snprintf(path, sizeof(path), BACK "/%.16s", domain[i]);
		char **handle = vif_number(domain[i], UINT16_MAX, &D)
					? NULL
					: xs_directory(xs, XBT_NULL, path, &handles);
		for (unsigned j = 0; handle && j < handles; j++) {
			char token[32];
			if (vif_number(handle[j], UINT32_MAX, &N))
				continue;
			struct vif v = { .domain = (uint32_t)D, .handle = (uint32_t)N };
			snprintf(token, sizeof(token), "%u/%u", v.domain, v.handle);
			if (of_token(d, token) >= 0 || !ours(d, &v))
				continue;
			log_line(LOG_NOTICE, NO_CONTEXT, "vif.sweep",
				 "vif %u of domain %u belongs to no context: it is removed",
				 v.handle, v.domain);
			vif_orphan(d, v.domain, back_address(d, &v, "page-mfn") * XEN_PAGE,
				   back_address(d, &v, "page-address"));
			drop(xs, XBT_NULL, v.domain, v.handle);
		}
		free(handle);
	}
	free(domain);
}
