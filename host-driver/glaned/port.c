// SPDX-License-Identifier: Apache-2.0
// A context that the daemon drives itself, for captures and the self-test: added, given memory and a virtio driver, and removed again.
#include "glaned.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t page_read(void *arg, uint32_t offset, unsigned size)
{
	struct port *p = arg;
	return gl_page_read(p->daemon->nic, p->context, offset, size);
}

static void page_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	struct port *p = arg;
	gl_page_write(p->daemon->nic, p->context, offset, value, size);
}

static void kick(void *arg, unsigned queue)
{
	page_write(arg, GL_DEV_QUEUE_NOTIFY, queue, 4);
}

int port_open(struct port *p, struct daemon *d, unsigned k, enum owner owner,
	      const struct context_config *config)
{
	*p = (struct port){ .daemon = d, .context = k };
	int error = context_add(d, k, config, owner);
	if (error)
		return error;
	char name[20];
	size_t bytes = (vnet_bytes(config->gl.queue_size, config->gl.mtu) + 4095) & ~4095ul;
	snprintf(name, sizeof(name), "p%u.%llu", k, (unsigned long long)++d->serial);
	error = gl_memory_new(d->nic, name, bytes, &p->memory);
	if (!error)
		error = gl_map(d->nic, k, ATTACH_GUEST_ADDRESS, p->memory->bus, bytes,
			       GL_READ | GL_WRITE);
	if (error) {
		daemon_nic_fail(d, error);
	} else {
		struct vnet_config v = { .memory = p->memory->data,
					 .bytes = bytes,
					 .guest_address = ATTACH_GUEST_ADDRESS,
					 .queue_size = config->gl.queue_size,
					 .device = { page_read, page_write, kick, p } };
		error = vnet_start(&p->vnet, &v);
		if (error)
			daemon_fail(d, -error, "context %u: %s", k, p->vnet.error);
	}
	if (error) {
		char words[sizeof(d->error)];
		memcpy(words, d->error, sizeof(words));
		port_close(p);
		memcpy(d->error, words, sizeof(words));
	}
	state_commit(d);
	return error;
}

void port_close(struct port *p)
{
	struct daemon *d = p->daemon;
	/* Its DMA has ended when the context is away: then the memory is ours alone. */
	if (d->context[p->context].exists)
		context_remove(d, p->context);
	if (p->memory)
		gl_memory_free(d->nic, p->memory);
	p->memory = NULL;
	state_commit(d);
}
