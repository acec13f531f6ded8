// SPDX-License-Identifier: GPL-2.0
/* The platform device (device.h), with the pool's state in its sysfs folder. */
#include <linux/dma-map-ops.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "device.h"

/* The platform device's own data. */
struct data {
	struct guestlane_pool *pool;
	int irq;
	const void *front;	      /* whose handler of this interrupt is not virtio_mmio's */
	struct virtio_config_ops ops; /* virtio_mmio's, but for what follows */
	const struct virtio_config_ops *below;
};

struct guestlane_pool *guestlane_device_pool(struct device *dev)
{
	return ((struct data *)dev_get_platdata(dev))->pool;
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

/*
 * Of a NIC that is lost all reads are ones. virtio_net would take that for a status with VIRTIO_NET_S_ANNOUNCE, and acknowledge it by a control
 * queue that there is not: a BUG, with the lock of all interfaces held. Here it is a link that is down, so a bond takes its other path.
 */
static void get_config(struct virtio_device *device, unsigned int offset, void *buffer,
		       unsigned int length)
{
	const struct data *data = container_of(device->config, struct data, ops);

	data->below->get(device, offset, buffer, length);
	if (offset == offsetof(struct virtio_net_config, status) && length == sizeof(u16) &&
	    *(u16 *)buffer == U16_MAX)
		memset(buffer, 0, length);
}

/* Such a device is reset, and the kernel need not warn that it is not. */
static u8 get_status(struct virtio_device *device)
{
	const struct data *data = container_of(device->config, struct data, ops);
	u8 status = data->below->get_status(device);

	return status == U8_MAX ? 0 : status;
}

/*
 * virtio_mmio looks whether a queue is disabled once it has written so, and the kernel warns if it is not, which ends it with panic_on_warn. So of a
 * NIC that is lost the queues are removed here, as virtio_mmio does, without a word to the device.
 */
static void del_vqs(struct virtio_device *device)
{
	const struct data *data = container_of(device->config, struct data, ops);
	struct virtqueue *queue, *next;
	struct irqaction *action;
	struct irq_data *irq;

	if (data->below->get_status(device) != U8_MAX) {
		data->below->del_vqs(device);
		return;
	}
	irq = irq_get_irq_data(data->irq);
	for (action = irq_data_to_desc(irq)->action; action; action = action->next)
		if (action->dev_id != data->front)
			break;
	if (action)
		free_irq(data->irq, action->dev_id);
	/* What virtio_mmio keeps of a queue, a few octets, is its own and stays behind: only its own removal, which would warn, knows how to free it. */
	list_for_each_entry_safe(queue, next, &device->vqs, list)
	{
		vring_del_virtqueue(queue);
	}
}

/* The driver has read the status once by now; the next time is an interrupt's. */
static int shield(struct device *child, void *pointer)
{
	struct data *data = pointer;
	struct virtio_device *device;

	if (!child->bus || strcmp(child->bus->name, "virtio"))
		return 0;
	device = dev_to_virtio(child);
	data->below = device->config;
	data->ops = *device->config;
	data->ops.get = get_config;
	data->ops.get_status = get_status;
	data->ops.del_vqs = del_vqs;
	smp_store_release(&device->config, &data->ops);
	return 1;
}

struct platform_device *guestlane_device_add(struct device *parent, phys_addr_t page, int irq,
					     const void *front, struct guestlane_pool *pool,
					     u64 last)
{
	const struct resource resources[] = {
		DEFINE_RES_MEM_NAMED(page, SZ_4K, "guestlane"),
		DEFINE_RES_IRQ(irq),
	};
	const struct data data = { .pool = pool, .irq = irq, .front = front };
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
		error = platform_device_add_data(device, &data, sizeof(data));
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
	device_for_each_child(&device->dev, dev_get_platdata(&device->dev), shield);
	return device;
}

void guestlane_device_remove(struct platform_device *device)
{
	platform_device_unregister(device);
}
