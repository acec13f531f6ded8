// SPDX-License-Identifier: Apache-2.0
// Frames between a virtio-net device and a TAP.
#include "bridge.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tap.h"

#define BUDGET	       256 /* frames of each direction in one call: others have a turn in the loop, too */
#define RX_BATCH       16	  /* receive buffers go back, */
#define TX_BATCH       16	  /* and frames to the device, after so many */
#define CHECK_AFTER_NS 500000000l /* one look at the status for all interrupts of this time */

static int watch(struct bridge *b, int operation, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };
	return epoll_ctl(b->epoll, operation, fd, &e) ? -errno : 0;
}

int bridge_open(struct bridge *b, struct vnet *v, int tap)
{
	*b = (struct bridge){ .v = v, .tap = tap, .irq = -1 };
	b->epoll = epoll_create1(EPOLL_CLOEXEC);
	b->again = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	b->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int error = b->epoll < 0 || b->again < 0 || b->timer < 0 ? -errno : 0;
	if (!error)
		error = watch(b, EPOLL_CTL_ADD, b->again, EPOLLIN);
	if (!error)
		error = watch(b, EPOLL_CTL_ADD, b->timer, EPOLLIN);
	if (!error)
		error = watch(b, EPOLL_CTL_ADD, b->tap, EPOLLIN);
	if (error)
		bridge_close(b);
	return error;
}

void bridge_close(struct bridge *b)
{
	int *fds[] = { &b->epoll, &b->again, &b->timer };
	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void call_again(struct bridge *b)
{
	uint64_t one = 1;
	ssize_t n = write(b->again, &one, sizeof(one));
	(void)n; /* full is as good */
}

int bridge_set_irq(struct bridge *b, int irq)
{
	if (b->irq >= 0)
		watch(b, EPOLL_CTL_DEL, b->irq, 0);
	b->irq = irq;
	if (irq < 0)
		return 0;
	call_again(b); /* interrupts before this one went elsewhere */
	return watch(b, EPOLL_CTL_ADD, irq, EPOLLIN);
}

static int set_mtu(const struct bridge *b)
{
	bool limited = b->mtu_limit && b->mtu_limit < b->v->mtu;
	return tap_set_mtu(b->tap, limited ? b->mtu_limit : b->v->mtu);
}

int bridge_configure(struct bridge *b, const char **what)
{
	int error = tap_set_offload(b->tap, b->v->features);
	*what = "offloads";
	if (!error && vnet_has(b->v, VNET_F_MAC)) {
		*what = "MAC address";
		error = tap_set_mac(b->tap, b->v->mac);
	}
	if (!error) {
		*what = "MTU";
		error = set_mtu(b);
	}
	if (!error) {
		*what = "link";
		error = tap_set_link(b->tap, b->v->link_up);
	}
	call_again(b);
	return error;
}

void bridge_follow(struct bridge *b, const struct vnet *seen)
{
	unsigned mtu = b->v->mtu;
	bool link_up = b->v->link_up;
	b->v->mtu = seen->mtu;
	b->v->link_up = seen->link_up;
	if (b->v->link_up != link_up)
		tap_set_link(b->tap, b->v->link_up);
	if (b->v->mtu != mtu) /* frames that are too long for the buffers are dropped */
		set_mtu(b);
}

int bridge_check(struct bridge *b)
{
	struct vnet seen = *b->v;
	int error = vnet_check(&seen);
	b->v->up = seen.up;
	memcpy(b->v->error, seen.error, sizeof(seen.error));
	if (!error)
		bridge_follow(b, &seen);
	return error;
}

/* --- Frames ---------------------------------------------------------------------------------------------------------------- */

/* From the device to the TAP; true: there may be more. */
static int receive(struct bridge *b)
{
	struct vnet_frame f;
	int n = 0, got = 0;
	while (got < BUDGET && (n = vnet_receive(b->v, &f)) > 0) {
		struct iovec out[VNET_PARTS + 1] = { { &f.hdr, VNET_HDR_BYTES } };
		memcpy(out + 1, f.part, f.parts * sizeof(f.part[0]));
		if (writev(b->tap, out, (int)f.parts + 1) < 0)
			b->stats.rx_dropped++;
		if (++got % RX_BATCH == 0) {
			vnet_rx_release(b->v);
			vnet_flush(b->v);
		}
	}
	vnet_rx_release(b->v);
	return n < 0 ? n : got == BUDGET;
}

/* From the TAP to the device; true: there may be more. */
static bool transmit(struct bridge *b)
{
	for (unsigned sent = 0; sent < BUDGET;) {
		size_t room;
		void *to = vnet_tx_buffer(b->v, &room);
		if (!to) {
			b->stats.tx_full += b->v->up && !b->tap_waits;
			if (!b->tap_waits)
				watch(b, EPOLL_CTL_MOD, b->tap, 0);
			b->tap_waits = true;
			return false;
		}
		ssize_t bytes = read(b->tap, to, room);
		if (bytes < 0 && (errno == EFAULT || errno == EINVAL || errno == EMSGSIZE)) {
			b->stats.tx_dropped++;
			sent++;
			continue;
		}
		if (b->tap_waits)
			watch(b, EPOLL_CTL_MOD, b->tap, EPOLLIN);
		b->tap_waits = false;
		if (bytes < (ssize_t)VNET_HDR_BYTES)
			return false;
		vnet_tx_send(b->v, (size_t)bytes);
		if (++sent % TX_BATCH == 0)
			vnet_flush(b->v);
	}
	return true;
}

static void drain(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
}

int bridge_run(struct bridge *b)
{
	struct epoll_event e[4];
	int result = 0;
	int n = epoll_wait(b->epoll, e, 4, 0);
	for (int i = 0; i < n; i++) {
		int fd = e[i].data.fd;
		if (fd != b->tap)
			drain(fd);
		else if (e[i].events & (EPOLLERR | EPOLLHUP))
			return -ENODEV;
		if (fd == b->timer) {
			b->check_armed = false;
			result = BRIDGE_CHECK;
		}
		if (fd == b->irq) {
			b->stats.interrupts++;
			/* It may have been for the configuration: nobody looks at InterruptStatus for each. */
			struct itimerspec when = { .it_value.tv_nsec = CHECK_AFTER_NS };
			if (!b->check_armed)
				timerfd_settime(b->timer, 0, &when, NULL);
			b->check_armed = true;
		}
	}
	vnet_quiet(b->v);
	int received = receive(b);
	bool sent = received >= 0 && transmit(b);
	vnet_flush(b->v);
	if (received < 0 || !b->v->up)
		return b->v->error[0] ? -EPROTO : result;
	/* Armed only when there is nothing left to do: the next interrupt then says that there is. */
	if (received || sent || vnet_arm(b->v, b->tap_waits))
		call_again(b);
	return result;
}
