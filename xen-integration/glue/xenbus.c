// SPDX-License-Identifier: GPL-2.0
/*
 * Front end of a context of the NIC in a guest of Xen (docs/xen-interface.md): grants memory to dom0, which enters it in the context's
 * translation table, and gives page, memory and interrupt to virtio_mmio.
 *
 * What begins in the order memory, context, driver ends in the order driver, context, memory: while the back end has not said Closed, the
 * device may still write to every page of the pool.
 */
#define pr_fmt(format) KBUILD_MODNAME ": " format

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "device.h"
#include "grants.h"
#include "user.h"

#define VERSION	   1
#define POOL_PAGES 512
#define CLOSE_MS   30000 /* for the back end to let go of everything */
#define REBOOT_MS  5000
#define POLL_MS	   20

struct front {
	struct list_head entry;
	struct xenbus_device *xenbus;
	struct mutex lock;   /* of all below */
	bool open;	     /* memory is granted */
	bool reopen;	     /* after suspend */
	bool whole_failed;   /* and is not tried again */
	unsigned int target; /* memory/target when all of memory was granted */
	struct guestlane_memory memory;
	struct guestlane_pool pool;
	evtchn_port_t port;
	int irq;
	struct platform_device *device;
};

static LIST_HEAD(fronts);
static DEFINE_MUTEX(fronts_lock);

/* virtio_mmio adds its own handler to the same interrupt: Xen's functions bind an event channel only together with a handler. */
static irqreturn_t interrupt(int irq, void *data)
{
	return IRQ_HANDLED;
}

/* --- Memory and event channel --------------------------------------------------------------------------------------------------- */

static const char *reason(int error)
{
	switch (error) {
	case -EOPNOTSUPP:
		return "a PV guest's page tables must not be mapped for a device";
	case -EBUSY:
		return "its memory may change its size (memory and maxmem of its configuration "
		       "differ, or xl mem-set)";
	case -E2BIG:
		return "it has more than 4 GiB of guest-physical addresses";
	case -ENOSPC:
		return "its grant table is too small (raise max_grant_frames in its configuration)";
	default:
		return "see the number";
	}
}

static unsigned int memory_target(void)
{
	return xenbus_read_unsigned("memory", "target", 0);
}

static int memory_init(struct front *front)
{
	struct xenbus_device *x = front->xenbus;
	unsigned int pages = xenbus_read_unsigned(x->otherend, "pool-pages", POOL_PAGES);
	char mode[8] = "";
	int error;

	if (xenbus_scanf(XBT_NIL, x->otherend, "memory", "%7s", mode) == 1 &&
	    !strcmp(mode, "whole") && !front->whole_failed) {
		front->target = memory_target();
		error = guestlane_memory_whole(&front->memory, x->otherend_id);
		if (!error)
			return 0;
		guestlane_memory_exit(&front->memory);
		dev_notice(&x->dev,
			   "cannot give all of this guest's memory to the NIC: %s (%d); a pool is "
			   "used instead\n",
			   reason(error), error);
		front->whole_failed = true;
	}
	pages = clamp_t(unsigned int, pages, GUESTLANE_POOL_PAGES_MIN, GUESTLANE_POOL_PAGES_MAX);
	error = guestlane_memory_pool(&front->memory, x->otherend_id, pages);
	if (error)
		return error;
	return guestlane_pool_init(&front->pool, front->memory.pool.data, (size_t)pages * PAGE_SIZE,
				   front->memory.address);
}

static void memory_exit(struct front *front)
{
	unsigned int kept;

	if (front->pool.memory)
		guestlane_pool_exit(&front->pool);
	front->pool = (struct guestlane_pool){};
	kept = guestlane_memory_exit(&front->memory);
	if (kept)
		dev_warn(&front->xenbus->dev,
			 "the back end still maps %u pages; each is freed when it lets go\n", kept);
}

static int event_init(struct front *front)
{
	int irq, error = xenbus_alloc_evtchn(front->xenbus, &front->port);

	if (error)
		return error;
	irq = bind_evtchn_to_irqhandler(front->port, interrupt, IRQF_SHARED, "guestlane", front);
	if (irq < 0) {
		xenbus_free_evtchn(front->xenbus, front->port);
		return irq;
	}
	front->irq = irq;
	return 0;
}

/* What the back end needs; the state that follows tells it to look. */
static int publish(struct front *front)
{
	const struct guestlane_memory *memory = &front->memory;
	const char *node = front->xenbus->nodename;
	unsigned int i;
	char name[24];
	int error = xenbus_printf(XBT_NIL, node, "version", "%u", VERSION);

	if (!error)
		error = xenbus_printf(XBT_NIL, node, "memory", "%s",
				      memory->whole ? "whole" : "pool");
	if (!error)
		error = xenbus_printf(XBT_NIL, node, "pages", "%u", memory->count);
	if (!error)
		error = xenbus_printf(XBT_NIL, node, "guest-address", "0x%llx", memory->address);
	if (!error)
		error = xenbus_printf(XBT_NIL, node, "event-channel", "%u", front->port);
	if (!error)
		error = xenbus_printf(XBT_NIL, node, "directory-pages", "%u",
				      memory->directory.count);
	for (i = 0; !error && i < memory->directory.count; i++) {
		snprintf(name, sizeof(name), "directory-ref%u", i);
		error = xenbus_printf(XBT_NIL, node, name, "%u", memory->directory.refs[i]);
	}
	return error;
}

/* --- States --------------------------------------------------------------------------------------------------------------------- */

static enum xenbus_state backend_state(const struct front *front)
{
	return xenbus_read_unsigned(front->xenbus->otherend, "state", XenbusStateUnknown);
}

/* The driver resets the device and gives its memory back. */
static void disconnect(struct front *front)
{
	if (front->device)
		guestlane_device_remove(front->device);
	front->device = NULL;
}

/* Nothing of the back end is left in our memory, or it will say so much later. */
static void release(struct front *front)
{
	if (front->irq > 0)
		unbind_from_irqhandler(front->irq, front);
	front->irq = 0;
	memory_exit(front);
	front->open = false;
}

static void open(struct front *front)
{
	struct xenbus_device *x = front->xenbus;
	unsigned int version = xenbus_read_unsigned(x->otherend, "version", 0);
	int error;

	if (version != VERSION) {
		xenbus_dev_fatal(x, -EPROTO, "the back end speaks version %u, this driver %u",
				 version, VERSION);
		return;
	}
	front->open = true;
	error = memory_init(front);
	if (!error)
		error = event_init(front);
	if (!error)
		error = publish(front);
	if (error) {
		release(front);
		xenbus_dev_fatal(x, error, "setting up memory and event channel");
		return;
	}
	xenbus_switch_state(x, XenbusStateInitialised);
}

static void connect(struct front *front)
{
	struct xenbus_device *x = front->xenbus;
	struct platform_device *device;
	u64 page;

	if (xenbus_scanf(XBT_NIL, x->otherend, "page-address", "%llx", &page) != 1 || !page ||
	    page & ~PAGE_MASK) {
		xenbus_dev_fatal(x, -EINVAL, "reading the address of the device page");
		return;
	}
	device = guestlane_device_add(&x->dev, page, front->irq, front,
				      front->memory.whole ? NULL : &front->pool,
				      (u64)front->memory.count * PAGE_SIZE - 1);
	if (IS_ERR(device)) {
		xenbus_dev_fatal(x, PTR_ERR(device), "virtio_mmio does not take the device page");
		return;
	}
	front->device = device;
	xenbus_switch_state(x, XenbusStateConnected);
}

/* Ends all from our side: driver, then the back end's part, then memory. */
static void close(struct front *front, unsigned int ms)
{
	enum xenbus_state state;
	unsigned int waited;

	if (!front->open)
		return;
	disconnect(front);
	xenbus_switch_state(front->xenbus, XenbusStateClosed);
	for (waited = 0; waited < ms; waited += POLL_MS) {
		state = backend_state(front);
		if (state != XenbusStateInitialised && state != XenbusStateConnected &&
		    state != XenbusStateClosing && state != XenbusStateInitWait)
			break;
		msleep(POLL_MS);
	}
	release(front);
}

static void backend_changed(struct xenbus_device *x, enum xenbus_state state)
{
	struct front *front = dev_get_drvdata(&x->dev);

	mutex_lock(&front->lock);
	switch (state) {
	case XenbusStateInitWait:
		if (x->state == XenbusStateInitialising && !front->open)
			open(front);
		break;
	case XenbusStateConnected:
		if (x->state == XenbusStateInitialised && front->open)
			connect(front);
		break;
	case XenbusStateClosing:
		disconnect(front);
		xenbus_frontend_closed(x);
		break;
	case XenbusStateClosed:
	case XenbusStateUnknown: /* its folder is gone */
		if (!front->open)
			break;
		disconnect(front);
		release(front);
		xenbus_frontend_closed(x);
		/* The vif is still there, so the back end may come back: a NIC that failed, for example. */
		if (state == XenbusStateClosed && xenbus_read_unsigned(x->otherend, "online", 0))
			xenbus_switch_state(x, XenbusStateInitialising);
		break;
	default:
		break;
	}
	mutex_unlock(&front->lock);
}

/*
 * The balloon begins to move (xl mem-set). A page that it gives back and gets anew later is another machine page, while the device would go on
 * with the old one; so a device that has all of memory gets a pool instead before any page comes back.
 */
static void target_changed(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct front *front;

	mutex_lock(&fronts_lock);
	list_for_each_entry(front, &fronts, entry)
	{
		mutex_lock(&front->lock);
		if (front->open && front->memory.whole && memory_target() != front->target) {
			dev_notice(&front->xenbus->dev, "this guest's memory changes its size: the "
							"NIC gets a pool instead of all of it\n");
			front->whole_failed = true;
			close(front, CLOSE_MS);
			xenbus_switch_state(front->xenbus, XenbusStateInitialising);
		}
		mutex_unlock(&front->lock);
	}
	mutex_unlock(&fronts_lock);
}

static struct xenbus_watch target_watch = {
	.node = "memory/target",
	.callback = target_changed,
};

/* --- Coming and going ----------------------------------------------------------------------------------------------------------- */

static int probe(struct xenbus_device *x, const struct xenbus_device_id *id)
{
	struct front *front = kzalloc(sizeof(*front), GFP_KERNEL);

	if (!front)
		return -ENOMEM;
	front->xenbus = x;
	mutex_init(&front->lock);
	dev_set_drvdata(&x->dev, front);
	mutex_lock(&fronts_lock);
	list_add(&front->entry, &fronts);
	mutex_unlock(&fronts_lock);
	/* After an earlier driver was unbound: the back end gets ready again. Its state is told to us next. */
	return xenbus_switch_state(x, XenbusStateInitialising);
}

static void remove(struct xenbus_device *x)
{
	struct front *front = dev_get_drvdata(&x->dev);

	mutex_lock(&fronts_lock);
	list_del(&front->entry);
	mutex_unlock(&fronts_lock);
	mutex_lock(&front->lock);
	close(front, CLOSE_MS);
	mutex_unlock(&front->lock);
	dev_set_drvdata(&x->dev, NULL);
	kfree(front);
}

/*
 * Suspend (save, migration, checkpoint): the device goes while everything still runs, before the kernel freezes drivers, because a network
 * driver that is frozen cannot be removed. xenwatch runs this itself, so no watch fires: the back end's state is polled.
 */
static int suspend(struct device *dev)
{
	struct front *front = dev_get_drvdata(dev);

	if (!front)
		return 0;
	mutex_lock(&front->lock);
	front->reopen = front->open;
	close(front, CLOSE_MS);
	mutex_unlock(&front->lock);
	return 0;
}

/* In a new domain the state is Initialising already; if the suspend was cancelled it becomes so now. */
static void resume(struct device *dev)
{
	struct front *front = dev_get_drvdata(dev);

	if (!front)
		return;
	mutex_lock(&front->lock);
	if (front->reopen) {
		front->reopen = false;
		front->whole_failed = false;
		xenbus_switch_state(front->xenbus, XenbusStateInitialising);
	}
	mutex_unlock(&front->lock);
}

static const struct dev_pm_ops pm_ops = {
	.prepare = suspend,
	.complete = resume,
};

/* The next kernel (kexec) must not find the device writing to what is its memory then. */
static int reboot(struct notifier_block *block, unsigned long code, void *unused)
{
	struct front *front;

	mutex_lock(&fronts_lock);
	list_for_each_entry(front, &fronts, entry)
	{
		mutex_lock(&front->lock);
		close(front, REBOOT_MS);
		mutex_unlock(&front->lock);
	}
	mutex_unlock(&fronts_lock);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = {
	.notifier_call = reboot,
};

static const struct xenbus_device_id ids[] = { { "guestlane" }, { "" } };

static struct xenbus_driver driver = {
	.name = "guestlane",
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.otherend_changed = backend_changed,
	.not_essential = true,
	.driver.pm = &pm_ops,
};

static int __init guestlane_init(void)
{
	int error = guestlane_user_init();

	if (!xen_domain() || (error && error != -ENODEV))
		return error;
	error = register_xenbus_watch(&target_watch);
	if (error)
		goto user;
	register_reboot_notifier(&reboot_block);
	error = xenbus_register_frontend(&driver);
	if (!error)
		return 0;
	unregister_reboot_notifier(&reboot_block);
	unregister_xenbus_watch(&target_watch);
user:
	guestlane_user_exit();
	return error;
}

static void __exit guestlane_exit(void)
{
	if (xen_domain()) {
		xenbus_unregister_driver(&driver);
		unregister_reboot_notifier(&reboot_block);
		unregister_xenbus_watch(&target_watch);
	}
	guestlane_user_exit();
}

module_init(guestlane_init);
module_exit(guestlane_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Contexts of a Guestlane NIC for this kernel's virtio drivers");
MODULE_ALIAS("xen:guestlane");
MODULE_SOFTDEP("pre: virtio_mmio virtio_net");
