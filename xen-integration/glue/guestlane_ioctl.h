/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/guestlane: gives a context of the NIC to this kernel's own virtio drivers. One open file is one context; closing it takes the
 * context away again. Needs CAP_SYS_ADMIN.
 */
#ifndef GUESTLANE_IOCTL_H
#define GUESTLANE_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct guestlane_attach {
	/* The PCI function, and which page of its BAR2 is the context's. */
	__u32 domain, bus, device, function;
	__u32 page;
	/* An eventfd that is signalled for each interrupt of the context. */
	__s32 irq_fd;
	/*
	 * The device's DMA memory: mapped in the calling process, page aligned, and all that the context's translation table leads to.
	 * Stays pinned. guest_address is that of its first byte.
	 */
	__u64 pool;
	__u64 pool_bytes;
	__u64 guest_address;
	/* Filled in: the platform device is virtio-mmio.ID.auto, below the PCI function in sysfs. */
	__s32 id;
	__u32 reserved;
};

/*
 * Adds the device. EBUSY: this file or this page is in use; ENODEV: no such function or page of ours, or the kernel's driver
 * did not take the device (its page is dead, or virtio_mmio is not loaded).
 */
#define GUESTLANE_ATTACH  _IOWR(0xb8, 1, struct guestlane_attach)
/* Replaces the eventfd, by a daemon's successor for example; the device then gets one interrupt in case any were lost. */
#define GUESTLANE_SET_IRQ _IOW(0xb8, 2, __s32)

#endif
