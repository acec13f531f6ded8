// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/guestlane (guestlane_ioctl.h): a process that got a context from glaned hands it to this kernel's virtio drivers. The PCI function
 * stays with vfio-pci; of it this module uses only the physical address of the page, and never touches the page itself.
 */
#define pr_fmt(format) KBUILD_MODNAME ": " format

#include <linux/bitmap.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/file.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "device.h"
#include "guestlane_ioctl.h"
#include "guestlane_regs.h"
#include "pool.h"
#include "user.h"

#define PAGES_BAR 2
#define PAGES_MAX 256 /* contexts that a NIC can have */
#define POOL_MAX  SZ_256M

/* --- The PCI function: who uses which page ----------------------------------------------------------------------------------- */

/*
 * vfio-pci claims the whole BAR once a process has mapped it, and virtio_mmio must claim its page. So vfio-pci's claim is put aside while
 * any page is attached; afterwards it gets it back, if the function is still open.
 */
struct function {
	struct list_head entry;
	struct pci_dev *pci;
	bool put_aside;
	unsigned int count;
	DECLARE_BITMAP(pages, PAGES_MAX);
};

static LIST_HEAD(functions);
static DEFINE_MUTEX(functions_lock);

static bool bar_is_claimed(struct pci_dev *pci)
{
	const struct resource *bar = &pci->resource[PAGES_BAR];
	const struct resource *claim = bar->child;

	return claim && claim->flags & IORESOURCE_BUSY && claim->start == bar->start &&
	       claim->end == bar->end;
}

static struct function *function_get(struct pci_dev *pci, unsigned int page)
{
	struct function *function, *found = NULL;

	mutex_lock(&functions_lock);
	list_for_each_entry(function, &functions, entry) if (function->pci == pci) found = function;
	function = found;
	if (!function) {
		function = kzalloc(sizeof(*function), GFP_KERNEL);
		if (!function) {
			found = ERR_PTR(-ENOMEM);
			goto out;
		}
		function->pci = pci_dev_get(pci);
		list_add(&function->entry, &functions);
	}
	if (__test_and_set_bit(page, function->pages)) {
		found = ERR_PTR(-EBUSY);
		goto out;
	}
	function->count++;
	if (bar_is_claimed(pci)) {
		pci_release_region(pci, PAGES_BAR);
		function->put_aside = true;
	}
	found = function;
out:
	mutex_unlock(&functions_lock);
	return found;
}

static void function_put(struct function *function, unsigned int page)
{
	mutex_lock(&functions_lock);
	__clear_bit(page, function->pages);
	if (!--function->count) {
		/* Closing the function disables it. */
		if (function->put_aside && pci_is_enabled(function->pci) &&
		    pci_request_region(function->pci, PAGES_BAR, "vfio-pci"))
			pci_warn(function->pci, "vfio-pci does not get BAR %d back\n", PAGES_BAR);
		list_del(&function->entry);
		pci_dev_put(function->pci);
		kfree(function);
	}
	mutex_unlock(&functions_lock);
}

/* The function that the caller names, if it is one of ours and has that page. */
static struct pci_dev *find_pci(const struct guestlane_attach *attach)
{
	struct pci_dev *pci;

	if (attach->bus > 0xff || attach->device > 0x1f || attach->function > 7 ||
	    attach->page >= PAGES_MAX)
		return NULL;
	pci = pci_get_domain_bus_and_slot(attach->domain, attach->bus,
					  PCI_DEVFN(attach->device, attach->function));
	if (pci && pci->vendor == GL_PCI_VENDOR_ID && pci->device == GL_PCI_DEVICE_ID &&
	    pci_resource_flags(pci, PAGES_BAR) & IORESOURCE_MEM &&
	    pci_resource_len(pci, PAGES_BAR) >= ((u64)attach->page + 1) * SZ_4K)
		return pci;
	pci_dev_put(pci);
	return NULL;
}

/* --- The interrupt: eventfd to virtual interrupt -------------------------------------------------------------------------------- */

struct interrupt {
	int irq;
	struct irq_work work;
	struct eventfd_ctx *eventfd;
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	poll_table table;
};

/* In interrupt context, as a driver's handler expects. */
static void interrupt_fire(struct irq_work *work)
{
	generic_handle_irq(container_of(work, struct interrupt, work)->irq);
}

/* The eventfd was signalled; its lock is held, interrupts are off. */
static int interrupt_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct interrupt *interrupt = container_of(wait, struct interrupt, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	eventfd_ctx_do_read(interrupt->eventfd, &count);
	irq_work_queue(&interrupt->work);
	return 1;
}

static void interrupt_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct interrupt *interrupt = container_of(table, struct interrupt, table);

	interrupt->head = head;
	add_wait_queue_priority(head, &interrupt->wait);
}

static void interrupt_unhook(struct interrupt *interrupt)
{
	u64 count;

	if (!interrupt->eventfd)
		return;
	eventfd_ctx_remove_wait_queue(interrupt->eventfd, &interrupt->wait, &count);
	eventfd_ctx_put(interrupt->eventfd);
	interrupt->eventfd = NULL;
}

static int interrupt_hook(struct interrupt *interrupt, int fd)
{
	struct file *file = fget(fd);
	struct eventfd_ctx *eventfd;
	int error = 0;

	if (!file)
		return -EBADF;
	eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(eventfd)) {
		error = PTR_ERR(eventfd);
		goto out;
	}
	interrupt_unhook(interrupt);
	interrupt->eventfd = eventfd;
	init_waitqueue_func_entry(&interrupt->wait, interrupt_wake);
	init_poll_funcptr(&interrupt->table, interrupt_queue);
	vfs_poll(file, &interrupt->table);
	/* What came before is not lost, and one too many does no harm. */
	irq_work_queue(&interrupt->work);
out:
	fput(file);
	return error;
}

static int interrupt_init(struct interrupt *interrupt)
{
	init_irq_work(&interrupt->work, interrupt_fire);
	interrupt->irq = irq_alloc_desc(NUMA_NO_NODE);
	if (interrupt->irq < 0)
		return interrupt->irq;
	irq_set_chip_and_handler_name(interrupt->irq, &dummy_irq_chip, handle_simple_irq,
				      "guestlane");
	irq_modify_status(interrupt->irq, IRQ_NOREQUEST, IRQ_NOPROBE);
	return 0;
}

static void interrupt_exit(struct interrupt *interrupt)
{
	interrupt_unhook(interrupt);
	irq_work_sync(&interrupt->work);
	if (interrupt->irq > 0)
		irq_free_desc(interrupt->irq);
}

/* --- The pool: pages of the calling process ------------------------------------------------------------------------------------- */

struct memory {
	struct page **pages;
	unsigned int count;
	void *data;
};

static void memory_exit(struct memory *memory)
{
	vunmap(memory->data);
	if (memory->count)
		unpin_user_pages_dirty_lock(memory->pages, memory->count, true);
	kvfree(memory->pages);
}

static int memory_init(struct memory *memory, u64 address, u64 bytes)
{
	unsigned int count = bytes >> PAGE_SHIFT;

	if (!bytes || bytes > POOL_MAX || (address | bytes) & ~PAGE_MASK)
		return -EINVAL;
	memory->pages = kvcalloc(count, sizeof(*memory->pages), GFP_KERNEL);
	if (!memory->pages)
		return -ENOMEM;
	while (memory->count < count) {
		int got = pin_user_pages_fast(address + ((u64)memory->count << PAGE_SHIFT),
					      count - memory->count, FOLL_WRITE | FOLL_LONGTERM,
					      memory->pages + memory->count);
		if (got <= 0)
			return got ? got : -EFAULT;
		memory->count += got;
	}
	memory->data = vmap(memory->pages, count, VM_MAP, PAGE_KERNEL);
	return memory->data ? 0 : -ENOMEM;
}

/* --- The file ------------------------------------------------------------------------------------------------------------------- */

struct attachment {
	struct mutex lock;
	struct platform_device *device; /* NULL: nothing is attached */
	struct function *function;
	unsigned int page;
	struct memory memory;
	struct guestlane_pool pool;
	struct interrupt interrupt;
};

static int attach(struct attachment *a, struct guestlane_attach *request)
{
	struct pci_dev *pci;
	int error;

	if (a->device)
		return -EBUSY;
	if (request->reserved || request->guest_address & ~PAGE_MASK ||
	    request->guest_address + request->pool_bytes < request->guest_address)
		return -EINVAL;
	pci = find_pci(request);
	if (!pci)
		return -ENODEV;
	memset(&a->memory, 0, sizeof(a->memory));
	memset(&a->interrupt, 0, sizeof(a->interrupt));
	a->page = request->page;
	a->function = function_get(pci, a->page);
	if (IS_ERR(a->function)) {
		error = PTR_ERR(a->function);
		goto put_pci;
	}
	error = memory_init(&a->memory, request->pool, request->pool_bytes);
	if (error)
		goto put_memory;
	error = guestlane_pool_init(&a->pool, a->memory.data, request->pool_bytes,
				    request->guest_address);
	if (error)
		goto put_memory;
	error = interrupt_init(&a->interrupt);
	if (error)
		goto put_pool;
	error = interrupt_hook(&a->interrupt, request->irq_fd);
	if (error)
		goto put_interrupt;
	a->device = guestlane_device_add(
		&pci->dev, pci_resource_start(pci, PAGES_BAR) + (phys_addr_t)a->page * SZ_4K,
		a->interrupt.irq, NULL, &a->pool, 0);
	if (!IS_ERR(a->device)) {
		request->id = a->device->id;
		pci_dev_put(pci);
		return 0;
	}
	error = PTR_ERR(a->device);
	a->device = NULL;
put_interrupt:
	interrupt_exit(&a->interrupt);
put_pool:
	guestlane_pool_exit(&a->pool);
put_memory:
	memory_exit(&a->memory);
	function_put(a->function, a->page);
put_pci:
	pci_dev_put(pci);
	return error;
}

static void detach(struct attachment *a)
{
	if (!a->device)
		return;
	guestlane_device_remove(a->device);
	interrupt_exit(&a->interrupt);
	guestlane_pool_exit(&a->pool);
	memory_exit(&a->memory);
	function_put(a->function, a->page);
	a->device = NULL;
}

static long user_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct attachment *a = file->private_data;
	void __user *user = (void __user *)argument;
	struct guestlane_attach request;
	long error;
	s32 fd;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&a->lock);
	switch (command) {
	case GUESTLANE_ATTACH:
		error = -EFAULT;
		if (copy_from_user(&request, user, sizeof(request)))
			break;
		error = attach(a, &request);
		if (!error && copy_to_user(user, &request, sizeof(request))) {
			detach(a);
			error = -EFAULT;
		}
		break;
	case GUESTLANE_SET_IRQ:
		error = -EFAULT;
		if (copy_from_user(&fd, user, sizeof(fd)))
			break;
		error = a->device ? interrupt_hook(&a->interrupt, fd) : -ENODEV;
		break;
	default:
		error = -ENOTTY;
	}
	mutex_unlock(&a->lock);
	return error;
}

static int user_open(struct inode *inode, struct file *file)
{
	struct attachment *a = kzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return -ENOMEM;
	mutex_init(&a->lock);
	file->private_data = a;
	return 0;
}

static int user_release(struct inode *inode, struct file *file)
{
	struct attachment *a = file->private_data;

	detach(a);
	kfree(a);
	return 0;
}

static const struct file_operations user_operations = {
	.owner = THIS_MODULE,
	.open = user_open,
	.release = user_release,
	.unlocked_ioctl = user_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice user_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "guestlane",
	.mode = 0600,
	.fops = &user_operations,
};

int guestlane_user_init(void)
{
	return misc_register(&user_device);
}

void guestlane_user_exit(void)
{
	misc_deregister(&user_device);
}
