// SPDX-License-Identifier: Apache-2.0
// What a guest grants: mapped for the device and entered in its context's table, one directory page at a time, so that nobody waits long for a large guest. The pages of
// directory page i of vif N of domain D are the set "vif-D-N.i" in Xen's journal (host-driver/xen/xen.h).
#include "glaned.h"
#include "xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	   4096ull
#define REFERENCES 1024u /* of a directory page */

int memory_map(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	const struct vif_front *f = &v->front;
	struct glx *x = d->vifs.glx;
	static uint32_t references[REFERENCES];
	static uint64_t bus[REFERENCES];
	char set[GLX_SET_NAME];
	uint32_t directory, first = v->done * REFERENCES;
	size_t count = f->pages - first < REFERENCES ? f->pages - first : REFERENCES;
	const void *page;
	int error = store_front_reference(d, k, v->done, &directory);
	if (error)
		return error;
	error = glx_view(x, v->domain, &directory, 1, &page);
	if (error)
		return daemon_fail(d, -error, "directory page %u: %s", v->done, glx_error(x));
	/* The guest can still write there: what is checked is what is used. */
	memcpy(references, page, count * sizeof(references[0]));
	glx_view_close(x, page, 1);
	for (size_t i = 0; i < count; i++) {
		v->grants += references[i] != 0;
		if (f->whole ? i + first == 0 && references[i] : !references[i])
			return daemon_fail(
				d, EPROTO,
				f->whole ? "page 0 is granted, but address 0 must lead nowhere"
					 : "page %zu of the pool is not granted",
				i + first);
	}
	snprintf(set, sizeof(set), "vif-%u-%u.%u", v->domain, v->handle, v->done);
	error = glx_grants_map(x, set, v->domain, references, count, true, bus);
	if (error)
		return daemon_fail(d, -error, "%s", glx_error(x));
	error = gl_map_pages(d->nic, k, f->guest_address + first * PAGE, bus, count,
			     GL_READ | GL_WRITE);
	if (error)
		return daemon_nic_fail(d, error);
	v->done++;
	return v->done < f->directory_pages;
}

static bool set_of(const char *name, uint32_t *domain, uint32_t *handle, uint32_t *part)
{
	char end;
	return sscanf(name, "vif-%u-%u.%u%c", domain, handle, part, &end) == 3;
}

int memory_unmap(struct daemon *d, uint32_t domain, uint32_t handle)
{
	struct glx *x = d->vifs.glx;
	char name[GLX_SET_NAME];
	size_t at = 0, count;
	uint32_t owner, D, N, part;
	while (glx_grants_next(x, &at, name, &owner, &count)) {
		if (!set_of(name, &D, &N, &part) || D != domain || N != handle)
			continue;
		int error = glx_grants_unmap(x, name);
		return error && error != -ENOENT ? daemon_fail(d, -error, "%s", glx_error(x)) : 1;
	}
	return 0;
}

bool memory_complete(struct daemon *d, unsigned k)
{
	struct vif *v = &d->context[k].vif;
	char name[GLX_SET_NAME];
	size_t at = 0, count;
	uint32_t owner, D, N, part, parts = 0;
	v->grants = 0;
	while (glx_grants_next(d->vifs.glx, &at, name, &owner, &count)) {
		if (!set_of(name, &D, &N, &part) || D != v->domain || N != v->handle)
			continue;
		parts++;
		v->grants += count;
	}
	v->done = parts;
	return parts == v->front.directory_pages;
}

/* A vif that holds nothing at the moment is none here. */
static bool may_have_sets(struct daemon *d, uint32_t domain, uint32_t handle)
{
	for (unsigned k = 0; k < d->count; k++) {
		const struct context *c = &d->context[k];
		if (c->exists && c->owner == OWNER_VIF && c->vif.domain == domain &&
		    c->vif.handle == handle && c->vif.phase != VIF_ADDING &&
		    c->vif.phase != VIF_WAITING && c->vif.phase != VIF_CLOSED)
			return true;
	}
	return false;
}

void memory_sweep(struct daemon *d)
{
	char name[GLX_SET_NAME];
	size_t at = 0, count;
	uint32_t owner, domain, handle, part;
	while (glx_grants_next(d->vifs.glx, &at, name, &owner, &count)) {
		if (!set_of(name, &domain, &handle, &part) || may_have_sets(d, domain, handle))
			continue;
		log_line(LOG_NOTICE, NO_CONTEXT, "vif.sweep",
			 "%zu grants of domain %u (%s) belong to no vif: they are given back",
			 count, owner, name);
		if (glx_grants_unmap(d->vifs.glx, name))
			log_line(LOG_ERR, NO_CONTEXT, "vif.sweep", "%s", glx_error(d->vifs.glx));
		else
			at = 0; /* the list has moved */
	}
}
