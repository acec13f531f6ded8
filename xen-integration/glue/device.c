// SPDX-License-Identifier: GPL-2.0
/* The platform device (device.h), with the pool's state in its sysfs folder. */
#include <linux/dma-map-ops.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

#include "device.h"

struct guestlane_pool *guestlane_device_pool(struct device *dev)
{
	return *(struct guestlane_pool **)dev_get_platdata(dev);
}

#define POOL_ATTRIBUTE(name_, format, value)                                                      \
	static ssize_t name_##_show(struct device *dev, struct device_attribute *attr, char *buf) \
	{                                                                                         \
		return sysfs_emit(buf, format "\n", guestlane_device_pool(dev)->value);           \
	}                                                                                         \
	static DEVICE_ATTR_RO(name_)

POOL_ATTRIBUTE(pool_slots, "%u", slots);
POOL_ATTRIBUTE(pool_used, "%u", used);
POOL_ATTRIBUTE(pool_peak, "%u", peak);
POOL_ATTRIBUTE(pool_failed, "%lu", failed);

static struct attribute *pool_attrs[] = {
	&dev_attr_pool_slots.attr,
	&dev_attr_pool_used.attr,
	&dev_attr_pool_peak.attr,
	&dev_attr_pool_failed.attr,
	NULL,
};
ATTRIBUTE_GROUPS(pool);

struct platform_device *guestlane_device_add(struct device *parent, phys_addr_t page, int irq,
					     struct guestlane_pool *pool, u64 last)
{
	const struct resource resources[] = {
		DEFINE_RES_MEM_NAMED(page, SZ_4K, "guestlane"),
		DEFINE_RES_IRQ(irq),
	};
	struct platform_device *device = platform_device_alloc("virtio-mmio", PLATFORM_DEVID_AUTO);
	int error;

	if (!device)
		return ERR_PTR(-ENOMEM);
	device->dev.parent = parent;
	if (pool) {
		device->dev.groups = pool_groups;
		set_dma_ops(&device->dev, &guestlane_pool_ops);
	} else {
		/* The kernel's own operations: DMA address = guest-physical address. */
		device->dev.bus_dma_limit = last;
	}
	error = platform_device_add_resources(device, resources, ARRAY_SIZE(resources));
	if (!error)
		error = platform_device_add_data(device, &pool, sizeof(pool));
	if (!error)
		error = platform_device_add(device);
	if (error) {
		platform_device_put(device);
		return ERR_PTR(error);
	}
	if (!READ_ONCE(device->dev.driver)) {
		platform_device_unregister(device);
		return ERR_PTR(-ENODEV);
	}
	return device;
}

void guestlane_device_remove(struct platform_device *device)
{
	platform_device_unregister(device);
}
