// SPDX-License-Identifier: Apache-2.0
// iface:NAME: the wire is an interface of this machine, by a raw packet socket (packet(7)). Frames that this machine sends there are not seen.
#include "wire_kind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the burst of a whole window, and for what else is on the cable. */
#define RECEIVE_BUFFER (1 << 20)

static int open_iface(struct glane_wire *w, const char *name)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq every = { .mr_type = PACKET_MR_PROMISC };
	int room = RECEIVE_BUFFER, on = 1;
	unsigned index = strlen(name) < IFNAMSIZ ? if_nametoindex(name) : 0;
	if (!index)
		return wire_fail(w, "there is no interface '%s'; `ip link` lists them", name);
	/* No protocol before it is bound: nothing of other interfaces comes in. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return wire_fail(w, "the interface '%s': %s", name,
				 errno == EPERM ? "a raw packet socket needs CAP_NET_RAW"
						: strerror(errno));
	every.mr_ifindex = to.sll_ifindex = (int)index;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &every, sizeof(every)) ||
	    bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		int error = errno;
		close(fd);
		return wire_fail(w, "cannot listen on the interface '%s': %s", name,
				 strerror(error));
	}
	wire_set_data(w, fd);
	return 0;
}

static int close_iface(struct glane_wire *w)
{
	int fd = w->data;
	wire_set_data(w, -1);
	if (fd >= 0)
		close(fd);
	return 0;
}

static enum wire_fate take(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	if (w->data < 0)
		return WIRE_NO_PEER;
	if (send(w->data, frame, bytes, 0) >= 0)
		return WIRE_TAKEN;
	return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? WIRE_FULL : WIRE_NO_PEER;
}

static void service(struct glane_wire *w)
{
	while (w->data >= 0 && wire_has_room(w)) {
		ssize_t n = recv(w->data, w->frame, sizeof(w->frame), 0);
		if (n >= 0) {
			wire_give(w, w->frame, (size_t)n);
			continue;
		}
		/* ENETDOWN is told once; the interface may come up again. */
		if (errno == ENETDOWN || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			close_iface(w);
		return;
	}
}

const struct wire_kind wire_iface = { "iface", "NAME", open_iface, close_iface, take, service };
