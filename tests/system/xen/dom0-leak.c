// SPDX-License-Identifier: Apache-2.0
/*
 * Leaks on purpose, for the test of dom0-view:
 *
 *   dom0-leak DOMAIN KIND      leaves behind: grant, channel, permission, node; prints what `undo` needs
 *   dom0-leak undo KIND WORDS  takes it back
 *
 * The grant is that of the guest's console ring, which every guest has.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xencall.h>
#include <xenctrl.h>
#include <xenstore.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>

/* A machine page that is no memory: the chipset's HPET. */
enum { LEAKED_PAGE = 0xfed00 };

static xencall_handle *call;

static int fail(const char *what)
{
	fprintf(stderr, "dom0-leak: %s: %s\n", what, strerror(errno));
	return 1;
}

static int grant(uint32_t domain)
{
	struct gnttab_map_grant_ref *map = xencall_alloc_buffer(call, sizeof(*map));
	memset(map, 0, sizeof(*map));
	map->flags = GNTMAP_device_map;
	map->dom = (domid_t)domain;
	map->ref = GNTTAB_RESERVED_CONSOLE;
	if (xencall3(call, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uintptr_t)map, 1))
		return fail("map_grant_ref");
	if (map->status) {
		fprintf(stderr, "dom0-leak: map_grant_ref: status %d\n", map->status);
		return 1;
	}
	printf("%u %llu\n", map->handle, (unsigned long long)map->dev_bus_addr);
	return 0;
}

static int ungrant(uint32_t handle, uint64_t bus)
{
	struct gnttab_unmap_grant_ref *unmap = xencall_alloc_buffer(call, sizeof(*unmap));
	memset(unmap, 0, sizeof(*unmap));
	unmap->handle = handle;
	unmap->dev_bus_addr = bus;
	if (xencall3(call, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uintptr_t)unmap,
		     1) ||
	    unmap->status)
		return fail("unmap_grant_ref");
	return 0;
}

static int channel(uint32_t domain)
{
	struct evtchn_alloc_unbound *alloc = xencall_alloc_buffer(call, sizeof(*alloc));
	alloc->dom = DOMID_SELF;
	alloc->remote_dom = (domid_t)domain;
	if (xencall2(call, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uintptr_t)alloc))
		return fail("alloc_unbound");
	printf("%u\n", alloc->port);
	return 0;
}

static int unchannel(uint32_t port)
{
	struct evtchn_close *close = xencall_alloc_buffer(call, sizeof(*close));
	close->port = port;
	if (xencall2(call, __HYPERVISOR_event_channel_op, EVTCHNOP_close, (uintptr_t)close))
		return fail("close");
	return 0;
}

static int permission(uint32_t domain, int allow)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	if (!xc || xc_domain_iomem_permission(xc, domain, LEAKED_PAGE, 1, (uint8_t)allow))
		return fail("iomem_permission");
	if (allow)
		printf("%u\n", domain);
	return 0;
}

static int node(uint32_t domain, int there)
{
	char path[96];
	struct xs_handle *xs = xs_open(0);
	snprintf(path, sizeof(path), "/local/domain/0/backend/guestlane/%u/77", domain);
	if (!xs || !(there ? xs_write(xs, XBT_NULL, path, "x", 1) : xs_rm(xs, XBT_NULL, path)))
		return fail(path);
	if (there)
		printf("%u\n", domain);
	else {
		/* Of the domain and of the class, the node that writing made: only if it is empty. */
		for (int i = 0; i < 2; i++) {
			unsigned n = 1;
			*strrchr(path, '/') = 0;
			char **entries = xs_directory(xs, XBT_NULL, path, &n);
			if (entries && !n)
				xs_rm(xs, XBT_NULL, path);
			free(entries);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	call = xencall_open(NULL, 0);
	if (!call)
		return fail("privcmd");
	int undo = argc >= 4 && !strcmp(argv[1], "undo");
	const char *kind = argc >= 3 ? argv[2] : "";
	uint32_t word = argc >= 2 ? (uint32_t)strtoul(argv[undo ? 3 : 1], NULL, 10) : 0;
	if (!strcmp(kind, "grant"))
		return undo ? ungrant(word, argc > 4 ? strtoull(argv[4], NULL, 10) : 0)
			    : grant(word);
	if (!strcmp(kind, "channel"))
		return undo ? unchannel(word) : channel(word);
	if (!strcmp(kind, "permission"))
		return permission(word, !undo);
	if (!strcmp(kind, "node"))
		return node(word, !undo);
	fputs("usage: dom0-leak DOMAIN grant|channel|permission|node | dom0-leak undo KIND WORDS\n",
	      stderr);
	return 2;
}
