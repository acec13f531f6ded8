// SPDX-License-Identifier: Apache-2.0
// tap:NAME: the wire ends at a TAP interface of this machine (Documentation/networking/tuntap.rst of Linux).
#include "wire_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_tap(struct glane_wire *w, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	size_t length = strlen(name);
	if (length >= IFNAMSIZ)
		return wire_fail(w,
				 "'%s' is too long for the name of a TAP; give at most %d letters",
				 name, IFNAMSIZ - 1);
	if (strpbrk(name, "/:% \t\n") || !strcmp(name, ".") || !strcmp(name, ".."))
		return wire_fail(w, "'%s' cannot be the name of a TAP", name);
	memcpy(request.ifr_name, name, length + 1);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return wire_fail(w, "the TAP '%s': cannot open /dev/net/tun: %s", name,
				 strerror(errno));
	if (ioctl(fd, TUNSETIFF, &request)) {
		int error = errno;
		close(fd);
		if (error == EPERM)
			return wire_fail(
				w,
				"not allowed to use the TAP '%s': it needs CAP_NET_ADMIN, or an "
				"interface made "
				"for this user by `ip tuntap add dev %s mode tap user NAME`",
				name, name);
		if (error == EBUSY)
			return wire_fail(w, "the TAP '%s' is in use by another process", name);
		if (error == EINVAL)
			return wire_fail(w, "'%s' is an interface, but not a TAP", name);
		return wire_fail(w, "cannot attach to the TAP '%s': %s", name, strerror(error));
	}
	wire_set_data(w, fd);
	return 0;
}

static int close_tap(struct glane_wire *w)
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
	if (write(w->data, frame, bytes) >= 0)
		return WIRE_TAKEN;
	/* EIO: the interface is down. */
	return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? WIRE_FULL : WIRE_NO_PEER;
}

static void service(struct glane_wire *w)
{
	while (w->data >= 0 && wire_has_room(w)) {
		ssize_t n = read(w->data, w->frame, sizeof(w->frame));
		if (n < 0) {
			/* Somebody has deleted the interface: it does not come back under this descriptor. */
			if (errno != EAGAIN && errno != EINTR)
				close_tap(w);
			return;
		}
		wire_give(w, w->frame, (size_t)n);
	}
}

const struct wire_kind wire_tap = { "tap", "NAME", open_tap, close_tap, take, service };
