/* SPDX-License-Identifier: GPL-2.0 */
/* A device page as a platform device that the kernel's virtio_mmio drives. How the page, the pool and the interrupt are got is the caller's. */
#ifndef GUESTLANE_DEVICE_H
#define GUESTLANE_DEVICE_H

#include <linux/platform_device.h>

#include "pool.h"

/*
 * Adds the device whose registers are the 4 KiB at `page`; the driver's probe has run when this returns. The pool and the interrupt must
 * outlive it. If the interrupt has a handler already, its device is `front`. Without a pool it reaches all of memory up to the address `last`. An error
 * pointer: -ENODEV if virtio_mmio did not take it.
 */
struct platform_device *guestlane_device_add(struct device *parent, phys_addr_t page, int irq,
					     const void *front, struct guestlane_pool *pool,
					     u64 last);
/* The driver resets the device and gives its memory back before this returns. */
void guestlane_device_remove(struct platform_device *device);

struct guestlane_pool *guestlane_device_pool(struct device *dev);

#endif
