// SPDX-License-Identifier: Apache-2.0
// TAP interfaces: made, named, given the device's MAC address, MTU, link and offloads.
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vnet.h"

int tap_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	size_t bytes = strlen(name);
	if (!bytes || bytes >= IFNAMSIZ || strchr(name, '/') || strchr(name, '%'))
		return -EINVAL;
	memcpy(ifr.ifr_name, name, bytes + 1);
	int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0)
		return -errno;
	int header = VNET_HDR_BYTES, little = 1;
	if (ioctl(tap, TUNSETIFF, &ifr) || ioctl(tap, TUNSETVNETHDRSZ, &header) ||
	    ioctl(tap, TUNSETVNETLE, &little)) {
		int error = -errno;
		close(tap);
		return error;
	}
	return tap;
}

int tap_name(int tap, char name[16])
{
	struct ifreq ifr = { 0 };
	if (ioctl(tap, TUNGETIFF, &ifr))
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_VNET_HDR)) != (IFF_TAP | IFF_VNET_HDR))
		return -EINVAL;
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = 0;
	return 0;
}

int tap_set_offload(int tap, uint64_t features)
{
	unsigned long offload = 0;
	if (features >> VNET_F_CSUM & 1) {
		offload |= TUN_F_CSUM;
		if (features >> VNET_F_HOST_TSO4 & 1)
			offload |= TUN_F_TSO4;
		if (features >> VNET_F_HOST_TSO6 & 1)
			offload |= TUN_F_TSO6;
		if (offload & (TUN_F_TSO4 | TUN_F_TSO6) && features >> VNET_F_HOST_ECN & 1)
			offload |= TUN_F_TSO_ECN;
	}
	return ioctl(tap, TUNSETOFFLOAD, offload) ? -errno : 0;
}

int tap_set_mac(int tap, const uint8_t mac[6])
{
	struct ifreq ifr = { 0 };
	int error = tap_name(tap, ifr.ifr_name);
	if (error)
		return error;
	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return ioctl(tap, SIOCSIFHWADDR, &ifr) ? -errno : 0;
}

int tap_set_mtu(int tap, unsigned mtu)
{
	struct ifreq ifr = { 0 };
	int error = tap_name(tap, ifr.ifr_name);
	if (error)
		return error;
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	ifr.ifr_mtu = (int)mtu;
	error = ioctl(s, SIOCSIFMTU, &ifr) ? -errno : 0;
	close(s);
	return error;
}

int tap_set_link(int tap, bool up)
{
	int carrier = up;
	return ioctl(tap, TUNSETCARRIER, &carrier) ? -errno : 0;
}
