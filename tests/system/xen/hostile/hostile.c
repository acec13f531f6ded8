// SPDX-License-Identifier: GPL-2.0
/*
 * A front end of device class `guestlane` (docs/xen-interface.md) that lies and scribbles, for tests: what a guest whose kernel is hostile can do
 * to its NIC and to dom0. Loaded in place of guestlane.ko:
 *
 *   echo guestlane-0 >/sys/bus/xen/drivers/guestlane/unbind
 *   rmmod guestlane
 *   insmod hostile.ko seed=1 seconds=60 [attacks=0xff]
 *
 * A thread makes round after round: it writes nodes, true ones or one lie out of enum lie, says Initialised, and if the back end connects, attacks
 * the device page, the rings, the event channel, or the grants; then it closes, in good order or in none. The parameters below, in
 * /sys/module/hostile/parameters, say how far it came: a test of defences that nothing has reached is worth nothing. What must stay 0 is `breaches`.
 */
#define pr_fmt(fmt) "hostile: " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/xen.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xenbus.h>
#include <asm/xen/hypercall.h>

enum attack {
	ATTACK_NODES = 1 << 0,	/* lies in xenstore, in the directory */
	ATTACK_PAGE = 1 << 1,	/* all registers, all widths, as fast as it goes */
	ATTACK_RINGS = 1 << 2,	/* bad indices, loops, foreign addresses, absurd lengths */
	ATTACK_FRAMES = 1 << 3, /* right rings, wrong frames: others' addresses, broadcast */
	ATTACK_EVENTS = 1 << 4, /* a storm on the event channel */
	ATTACK_GRANTS = 1 << 5, /* grants that end or change under the device */
	ATTACK_STATES = 1 << 6, /* states in any order, other domains' nodes */
	ATTACK_STALE = 1 << 7,	/* the device page after it was taken away, pages beside it */
};

static uint seed = 1, seconds = 30, attacks = 0xff;
module_param(seed, uint, 0444);
module_param(seconds, uint, 0444);
module_param(attacks, uint, 0444);

static uint rounds, connected, refused, finished, breaches;
static ulong page_accesses, doorbells, frames, events, ended_early, states, needs_reset;
static ulong stale_accesses, stale_answers, foreign_refused;
module_param(rounds, uint, 0444);
module_param(connected, uint, 0444);
module_param(refused, uint, 0444);
module_param(finished, uint, 0444);
module_param(breaches, uint, 0444);
module_param(page_accesses, ulong, 0444);
module_param(doorbells, ulong, 0444);
module_param(frames, ulong, 0444);
module_param(events, ulong, 0444);
module_param(ended_early, ulong, 0444);
module_param(states, ulong, 0444);
module_param(needs_reset, ulong, 0444);
module_param(stale_accesses, ulong, 0444);
module_param(stale_answers, ulong, 0444);
module_param(foreign_refused, ulong, 0444);

enum { POOL_PAGES = 128, QUEUE = 256, FRAME_PAGE = 64 };

struct hostile {
	struct xenbus_device *xenbus;
	struct task_struct *thread;
	u64 random;
	unsigned long deadline, end;
	struct page *pool[POOL_PAGES];
	u32 refs[POOL_PAGES];
	u32 *directory;
	u32 directory_ref;
	evtchn_port_t port;
	int irq;
	u64 page_address;
	void __iomem *page;
	u8 mac[6];
};

static u64 guest_address = 0x200000;

/* xorshift64* */
static u64 any(struct hostile *h)
{
	h->random ^= h->random >> 12;
	h->random ^= h->random << 25;
	h->random ^= h->random >> 27;
	return h->random * 0x2545f4914f6cdd1dull;
}

static u32 below(struct hostile *h, u32 n)
{
	return (u32)(any(h) >> 32) % n;
}

/* Numbers at which programs break. */
static u64 nasty(struct hostile *h)
{
	static const u64 list[] = {
		0,	    1,		2,	     3,
		0x7f,	    0xff,	0x100,	     0x7fff,
		0x8000,	    0xffff,	0x10000,     0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		~0ull,
	};
	u32 k = below(h, ARRAY_SIZE(list) + 8);

	return k < ARRAY_SIZE(list) ? list[k] : any(h) >> below(h, 64);
}

static bool going(struct hostile *h)
{
	return !kthread_should_stop() && time_before(jiffies, h->deadline);
}

static bool did(enum attack attack, ulong count, ulong least)
{
	return !(attacks & attack) || count >= least;
}

/* On a machine that is slow the time may be over before it has done anything. */
static bool enough(struct hostile *h)
{
	return (connected > 1 && refused > 1 && did(ATTACK_PAGE, page_accesses, 64) &&
		did(ATTACK_RINGS, doorbells, 64) && did(ATTACK_FRAMES, frames, 64) &&
		did(ATTACK_EVENTS, events, 512)) ||
	       time_after(jiffies, h->end);
}

static void nap(struct hostile *h, unsigned int milliseconds)
{
	while (milliseconds && !kthread_should_stop()) {
		msleep(min(milliseconds, 20u));
		milliseconds -= min(milliseconds, 20u);
	}
}

/* --- Nodes --- */

enum lie {
	LIE_NONE,
	LIE_NODE_MISSING,
	LIE_NODE_BINARY,
	LIE_NODE_HUGE,
	LIE_NODE_NUMBER,
	LIE_PAGES,
	LIE_DIRECTORY_PAGES,
	LIE_DIRECTORY_REF,
	LIE_REFS_WRONG,
	LIE_REFS_DOUBLE,
	LIE_REFS_READ_ONLY,
	LIE_REFS_REVOKED,
	LIE_REFS_CHANGING,
	LIE_REFS_OF_OTHERS,
	LIE_ADDRESS,
	LIE_PORT,
	LIE_MEMORY,
	LIE_MANY_NODES,
	LIES
};

static const char *const node_names[] = { "version",	     "memory",	       "pages",
					  "directory-pages", "directory-ref0", "guest-address",
					  "event-channel" };

static void put(struct hostile *h, const char *node, const char *format, ...)
{
	char value[32];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	xenbus_write(XBT_NIL, h->xenbus->nodename, node, value);
}

static void lie_node(struct hostile *h, enum lie lie, const char *node)
{
	char *text = kmalloc(2048, GFP_KERNEL);
	u32 i, length = 1 + below(h, lie == LIE_NODE_HUGE ? 2000 : 60);

	if (!text)
		return;
	for (i = 0; i < length; i++)
		text[i] = lie == LIE_NODE_HUGE ? '9' : (char)(1 + below(h, 255));
	text[length] = 0;
	if (lie == LIE_NODE_MISSING)
		xenbus_rm(XBT_NIL, h->xenbus->nodename, node);
	else if (lie == LIE_NODE_NUMBER)
		put(h, node, below(h, 2) ? "%llu" : "-%llu", nasty(h));
	else
		xenbus_write(XBT_NIL, h->xenbus->nodename, node, text);
	kfree(text);
}

static void regrant(struct hostile *h, u32 i, domid_t domain, int read_only)
{
	if (h->refs[i])
		gnttab_grant_foreign_access_ref(h->refs[i], domain, xen_page_to_gfn(h->pool[i]),
						read_only);
}

/* Writes all nodes, with this lie among them. */
static void tell(struct hostile *h, enum lie lie)
{
	domid_t back = h->xenbus->otherend_id;
	u32 i;

	for (i = 0; i < POOL_PAGES; i++) {
		regrant(h, i, back, lie == LIE_REFS_READ_ONLY && i % 3 == 1);
		h->directory[i] = h->refs[i];
	}
	if (lie == LIE_REFS_WRONG)
		for (i = 0; i < 4; i++)
			h->directory[below(h, POOL_PAGES)] = (u32)nasty(h);
	if (lie == LIE_REFS_DOUBLE)
		for (i = 0; i < POOL_PAGES; i++)
			h->directory[i] = h->refs[i / 2];
	if (lie == LIE_REFS_OF_OTHERS)
		regrant(h, below(h, POOL_PAGES), back + 1 + below(h, 5), 0);
	put(h, "version", "%u", lie == LIE_NODE_NUMBER && below(h, 4) ? 2 : 1);
	put(h, "memory", "%s", lie == LIE_MEMORY ? (below(h, 2) ? "whole" : "half") : "pool");
	put(h, "pages", "%llu", lie == LIE_PAGES ? nasty(h) : POOL_PAGES);
	put(h, "directory-pages", "%llu", lie == LIE_DIRECTORY_PAGES ? nasty(h) : 1);
	put(h, "directory-ref0", "%llu", lie == LIE_DIRECTORY_REF ? nasty(h) : h->directory_ref);
	put(h, "guest-address", "0x%llx", lie == LIE_ADDRESS ? nasty(h) : guest_address);
	put(h, "event-channel", "%llu", lie == LIE_PORT ? nasty(h) : h->port);
	if (lie >= LIE_NODE_MISSING && lie <= LIE_NODE_NUMBER)
		lie_node(h, lie, node_names[below(h, ARRAY_SIZE(node_names))]);
	if (lie == LIE_MANY_NODES)
		for (i = 0; i < 200; i++) {
			char name[16];

			snprintf(name, sizeof(name), "junk%u", i);
			put(h, name, "%llu", nasty(h));
		}
}

static void state(struct hostile *h, u32 value)
{
	states++;
	put(h, "state", "%u", value);
}

static u32 back_state(struct hostile *h)
{
	return xenbus_read_unsigned(h->xenbus->otherend, "state", 0);
}

/* Until the back end is in one of the states of the mask, or the time is over; 0 then. */
static u32 wait_back(struct hostile *h, u32 mask, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);

	while (!kthread_should_stop()) {
		u32 now = back_state(h);

		if (now < 32 && mask >> now & 1)
			return now;
		if (time_after(jiffies, end))
			break;
		msleep(20);
	}
	return 0;
}

/* Nodes that are not the guest's: refused by xenstore, or it is a breach. */
static void write_foreign(struct hostile *h)
{
	static const char *const below_domain[] = { "", "/device/guestlane/0", "/device/vif/0",
						    "/backend/guestlane" };
	u32 me = xenbus_read_unsigned("domid", "", 0), other = below(h, me + 4);
	char path[64];

	if (other == me)
		other = 0;
	snprintf(path, sizeof(path), "/local/domain/%u%s", other,
		 below_domain[below(h, ARRAY_SIZE(below_domain))]);
	if (xenbus_printf(XBT_NIL, path, "state", "%u", below(h, 8)))
		foreign_refused++;
	else
		breaches++;
	if (xenbus_printf(XBT_NIL, h->xenbus->otherend, "state", "%u", below(h, 8)))
		foreign_refused++;
	else
		breaches++;
}

/* --- The device page --- */

static void touch(struct hostile *h, void __iomem *page)
{
	u32 offset = below(h, 4) ? below(h, 0x140) & ~3u : below(h, PAGE_SIZE);
	u64 value = nasty(h);
	u32 width = below(h, 4), write = below(h, 3);

	offset = min_t(u32, offset, PAGE_SIZE - 8);
	switch (width + 4 * !!write) {
	case 0:
		readb(page + offset);
		break;
	case 1:
		readw(page + offset);
		break;
	case 2:
		readl(page + offset);
		break;
	case 3:
		readq(page + offset);
		break;
	case 4:
		writeb((u8)value, page + offset);
		break;
	case 5:
		writew((u16)value, page + offset);
		break;
	case 6:
		writel((u32)value, page + offset);
		break;
	default:
		writeq(value, page + offset);
	}
}

static void attack_page(struct hostile *h, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);

	while (time_before(jiffies, end) && going(h)) {
		int i;

		for (i = 0; i < 64; i++)
			touch(h, h->page);
		page_accesses += 64;
		cond_resched();
	}
}

/* --- The rings --- */

enum {
	MAGIC = 0x00,
	FEATURES = 0x20,
	FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	DESC = 0x80,
	DRIVER = 0x90,
	DEVICE = 0xa0
};

static void reg(struct hostile *h, u32 offset, u32 value)
{
	writel(value, h->page + offset);
}

static void reg64(struct hostile *h, u32 offset, u64 value)
{
	reg(h, offset, (u32)value);
	reg(h, offset + 4, (u32)(value >> 32));
}

static void notify(struct hostile *h, u32 queue)
{
	reg(h, QUEUE_NOTIFY, queue);
	doorbells++;
}

static u64 address_of(u32 page)
{
	return guest_address + (u64)page * PAGE_SIZE;
}

static u8 *memory_of(struct hostile *h, u32 page)
{
	return page_address(h->pool[page]);
}

/*
 * The device set up as virtio 1.2, 3.1 wants, with descriptors of queue q in page 1 + 4q, driver and device area in the two behind; `broken` lets one
 * of the numbers be any.
 */
static void set_up(struct hostile *h, bool packed, bool broken)
{
	u32 q, wrong = broken ? below(h, 12) : ~0u;

	reg(h, STATUS, 0);
	readl(h->page + STATUS);
	reg(h, STATUS, 3);
	reg(h, FEATURES_SEL, 1);
	reg(h, FEATURES, wrong == 0 ? (u32)nasty(h) : 3 | (packed ? 4 : 0));
	reg(h, FEATURES_SEL, 0);
	reg(h, FEATURES, wrong == 1 ? (u32)nasty(h) : 0x20);
	reg(h, STATUS, 0xb);
	for (q = 0; q < 2; q++) {
		reg(h, QUEUE_SEL, wrong == 2 ? (u32)nasty(h) : q);
		reg(h, QUEUE_NUM, wrong == 3 + q ? (u32)nasty(h) : QUEUE);
		reg64(h, DESC, wrong == 5 + q ? nasty(h) : address_of(1 + 4 * q));
		reg64(h, DRIVER, wrong == 7 + q ? nasty(h) : address_of(2 + 4 * q));
		reg64(h, DEVICE, wrong == 9 + q ? nasty(h) : address_of(3 + 4 * q));
		reg(h, QUEUE_READY, wrong == 11 ? (u32)nasty(h) : 1);
	}
	reg(h, STATUS, 0xf);
}

static u64 some_address(struct hostile *h)
{
	return below(h, 3) ? guest_address + below(h, POOL_PAGES * PAGE_SIZE) : nasty(h);
}

/* Descriptors have the same size and address and length in both formats. */
static void scribble_descriptor(struct hostile *h, u8 *at)
{
	u64 address = some_address(h);
	u32 length = below(h, 2) ? below(h, 4096) : (u32)nasty(h);
	u16 a = (u16)(below(h, 2) ? below(h, QUEUE) : nasty(h));
	u16 b = (u16)(below(h, 2) ? below(h, 8) : nasty(h));

	memcpy(at, &address, 8);
	memcpy(at + 8, &length, 4);
	memcpy(at + 12, &a, 2);
	memcpy(at + 14, &b, 2);
}

static void attack_rings(struct hostile *h, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);

	while (time_before(jiffies, end) && going(h)) {
		u32 i, q, storm = below(h, 8) ? below(h, 8) : 400;

		set_up(h, below(h, 2), !below(h, 3));
		for (i = 0; i < 6; i++) {
			for (q = 0; q < 2; q++) {
				u8 *descriptors = memory_of(h, 1 + 4 * q);
				u8 *driver = memory_of(h, 2 + 4 * q);
				u32 n = 1 + below(h, 32);

				while (n--)
					scribble_descriptor(h, descriptors + 16 * below(h, QUEUE));
				/* avail->flags, idx and ring; packed: off_wrap and flags. */
				*(u16 *)driver = (u16)below(h, 4);
				*(u16 *)(driver + 2) =
					(u16)(below(h, 2) ? *(u16 *)(driver + 2) + below(h, 8)
							  : nasty(h));
				for (n = 0; n < 16; n++)
					*(u16 *)(driver + 4 + 2 * below(h, QUEUE)) =
						(u16)(below(h, 4) ? below(h, QUEUE) : nasty(h));
			}
			wmb();
			while (storm--)
				notify(h, below(h, 16) ? below(h, 2) : (u32)nasty(h));
			storm = below(h, 8);
			usleep_range(200, 2000);
			if (readl(h->page + STATUS) & 0x40) {
				needs_reset++;
				break;
			}
		}
		cond_resched();
	}
}

/* --- Frames --- */

static void reset_queues(struct hostile *h)
{
	u32 i;

	for (i = 1; i <= 8; i++)
		memset(memory_of(h, i), 0, PAGE_SIZE);
	set_up(h, false, false);
}

/* Right but for the address: memory that the guest never gave. */
static void send_foreign(struct hostile *h)
{
	u64 at = guest_address + (u64)(POOL_PAGES + below(h, 1 << 16)) * PAGE_SIZE;
	u32 length = 12 + 60;
	int i;

	reset_queues(h);
	memcpy(memory_of(h, 5), &at, 8);
	memcpy(memory_of(h, 5) + 8, &length, 4);
	wmb();
	*(u16 *)(memory_of(h, 6) + 2) = 1;
	wmb();
	notify(h, 1);
	/* As long as that takes: a NIC that was not asked has refused nothing. */
	for (i = 0; i < 100 && !(readl(h->page + STATUS) & 0x40) && !kthread_should_stop(); i++)
		msleep(20);
}

static void attack_frames(struct hostile *h, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);
	u8 *descriptors = memory_of(h, 5), *driver = memory_of(h, 6);
	u16 index = 0;
	u32 i;

	send_foreign(h);
	reset_queues(h);
	while (time_before(jiffies, end) && going(h)) {
		for (i = 0; i < 64; i++) {
			u32 k = (index + i) % QUEUE, length = 12 + 14 + below(h, 1500);
			u8 *frame = memory_of(h, FRAME_PAGE + k % 32) + 2048 * (k / 32 % 2);
			u64 at = address_of(FRAME_PAGE + k % 32) + 2048 * (k / 32 % 2);
			u64 words[2] = { any(h), any(h) };

			memset(frame, below(h, 8) ? 0 : 0xff, 12); /* virtio_net_hdr */
			memcpy(frame + 12, words, 14);
			if (below(h, 2))
				memset(frame + 12, 0xff, 6); /* broadcast */
			else
				memcpy(frame + 12, "\x00\x16\x3e\x00\x00", 5),
					frame[17] = (u8)below(h, 16);
			if (below(h, 2)) { /* as if another guest had sent it */
				memcpy(frame + 18, "\x00\x16\x3e\x00\x00", 5),
					frame[23] = (u8)below(h, 16);
			} else if (below(h, 2)) {
				memcpy(frame + 18, h->mac, 6);
			}
			memcpy(descriptors + 16 * k, &at, 8);
			memcpy(descriptors + 16 * k + 8, &length, 4);
			memset(descriptors + 16 * k + 12, 0, 4);
			*(u16 *)(driver + 4 + 2 * k) = (u16)k;
		}
		index += 64;
		wmb();
		*(u16 *)(driver + 2) = index;
		wmb();
		notify(h, 1);
		frames += 64;
		for (i = 0; i < 200 && *(volatile u16 *)(memory_of(h, 7) + 2) != index && going(h);
		     i++)
			usleep_range(200, 1000);
		if (readl(h->page + STATUS) & 0x40) {
			needs_reset++;
			index = 0;
			reset_queues(h);
		}
	}
}

/* --- Events, grants --- */

static void attack_events(struct hostile *h, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);

	while (time_before(jiffies, end) && going(h)) {
		int i;

		for (i = 0; i < 256; i++)
			notify_remote_via_evtchn(h->port);
		events += 256;
		cond_resched();
	}
}

/* Grants while the device uses them: ended, made read-only, given to somebody else. */
static void attack_grants(struct hostile *h)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		u32 k = below(h, POOL_PAGES);

		switch (below(h, 3)) {
		case 0:
			gnttab_end_foreign_access_ref(h->refs[k]);
			break;
		case 1:
			regrant(h, k, h->xenbus->otherend_id, 1);
			break;
		default:
			regrant(h, k, h->xenbus->otherend_id + 1 + below(h, 4), 0);
		}
		ended_early++;
	}
}

/* --- What was taken away --- */

/* A PV guest asks Xen for a page table entry to a machine page that is not its own. */
static void map_foreign(struct hostile *h)
{
	void *own = vmalloc(PAGE_SIZE);
	long away = (long)below(h, 64) - 32;
	pte_t entry;

	if (!own)
		return;
	if (xen_pv_domain() && away) {
		u64 frame = (h->page_address >> PAGE_SHIFT) + away;

		memset(own, 0, PAGE_SIZE);
		entry.pte = frame << PAGE_SHIFT | _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED |
			    _PAGE_DIRTY | _PAGE_PCD;
		if (HYPERVISOR_update_va_mapping((unsigned long)own, entry, 0)) {
			foreign_refused++;
		} else {
			pr_err("page 0x%llx could be mapped\n", frame << PAGE_SHIFT);
			breaches++;
		}
	}
	vfree(own);
}

static void attack_stale(struct hostile *h, unsigned int milliseconds)
{
	unsigned long end = jiffies + msecs_to_jiffies(milliseconds);

	while (time_before(jiffies, end) && going(h)) {
		if (readl(h->page + MAGIC) == 0x74726976 && readl(h->page + 8))
			stale_answers++; /* an enabled context answers */
		touch(h, h->page);
		notify(h, below(h, 2));
		stale_accesses++;
		cond_resched();
	}
}

/* --- Rounds --- */

static irqreturn_t on_event(int irq, void *data)
{
	return IRQ_HANDLED;
}

static void attack_connected(struct hostile *h)
{
	u64 address = 0;

	if (xenbus_scanf(XBT_NIL, h->xenbus->otherend, "page-address", "%llx", &address) != 1)
		return;
	h->page_address = address;
	h->page = ioremap(address, PAGE_SIZE);
	if (!h->page)
		return;
	state(h, XenbusStateConnected);
	if (attacks & ATTACK_PAGE)
		attack_page(h, 100 + below(h, 300));
	if (attacks & ATTACK_RINGS)
		attack_rings(h, 200 + below(h, 600));
	if (attacks & ATTACK_FRAMES)
		attack_frames(h, 200 + below(h, 600));
	if (attacks & ATTACK_EVENTS)
		attack_events(h, 100 + below(h, 200));
	if (attacks & ATTACK_GRANTS && below(h, 2)) {
		attack_rings(h, 20);
		attack_grants(h);
		attack_rings(h, 100);
	}
	if (attacks & ATTACK_STALE)
		map_foreign(h);
}

static void attack_round(struct hostile *h)
{
	enum lie lie = attacks & ATTACK_NODES && below(h, 2) ? 1 + below(h, LIES - 1) : LIE_NONE;
	unsigned long end;
	u32 reached;
	int i;

	rounds++;
	tell(h, lie);
	state(h, XenbusStateInitialised);
	if (lie == LIE_REFS_REVOKED)
		for (i = 0; i < POOL_PAGES; i++)
			gnttab_end_foreign_access_ref(h->refs[i]);
	if (lie == LIE_REFS_CHANGING) {
		end = jiffies + msecs_to_jiffies(1000);
		while (time_before(jiffies, end) && going(h)) {
			h->directory[below(h, POOL_PAGES)] =
				below(h, 2) ? (u32)nasty(h) : h->refs[below(h, POOL_PAGES)];
			cond_resched();
		}
	}
	if (attacks & ATTACK_STATES && !below(h, 4))
		for (i = 0; i < 20; i++) {
			state(h, below(h, 4) ? below(h, 9) : (u32)nasty(h));
			write_foreign(h);
			if (below(h, 2))
				nap(h, below(h, 60));
		}
	reached = wait_back(
		h, 1 << XenbusStateConnected | 1 << XenbusStateClosing | 1 << XenbusStateClosed,
		6000);
	if (reached == XenbusStateConnected) {
		connected++;
		attack_connected(h);
	} else {
		refused++;
	}
	if (attacks & ATTACK_STATES && !below(h, 3)) /* away without a word */
		state(h, below(h, 7));
	else
		state(h, XenbusStateClosing);
	wait_back(h, 1 << XenbusStateClosing | 1 << XenbusStateClosed, 1000);
	state(h, XenbusStateClosed);
	wait_back(h, 1 << XenbusStateClosed | 1 << XenbusStateInitWait, 5000);
	if (h->page) {
		if (attacks & ATTACK_STALE)
			attack_stale(h, 200);
		iounmap(h->page);
		h->page = NULL;
	}
	state(h, XenbusStateInitialising);
	wait_back(h, 1 << XenbusStateInitWait, 5000);
}

static int attack_all(void *data)
{
	struct hostile *h = data;

	h->deadline = jiffies + seconds * HZ;
	h->end = h->deadline + 15 * seconds * HZ;
	while (going(h) || (!kthread_should_stop() && !enough(h))) {
		if (!going(h))
			h->deadline = jiffies + 20 * HZ; /* a whole round */
		attack_round(h);
	}
	finished = 1;
	pr_info("seed %u: %u rounds, %u connected, %u refused, %lu page accesses, %lu doorbells, "
		"%lu frames, %lu events, %lu needs-reset, %u breaches\n",
		seed, rounds, connected, refused, page_accesses, doorbells, frames, events,
		needs_reset, breaches);
	while (!kthread_should_stop())
		msleep(100);
	return 0;
}

static int hostile_probe(struct xenbus_device *xenbus, const struct xenbus_device_id *id)
{
	struct hostile *h = kzalloc(sizeof(*h), GFP_KERNEL);
	int i, ret = -ENOMEM;

	if (!h)
		return ret;
	h->xenbus = xenbus;
	h->random = seed * 0x9e3779b97f4a7c15ull + 1;
	/* Memory that was granted is never given back: the back end may hold it for as long as it likes. */
	h->directory = (u32 *)get_zeroed_page(GFP_KERNEL);
	if (!h->directory)
		return ret;
	for (i = 0; i < POOL_PAGES; i++) {
		h->pool[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!h->pool[i])
			return ret;
		ret = gnttab_grant_foreign_access(xenbus->otherend_id, xen_page_to_gfn(h->pool[i]),
						  0);
		if (ret < 0)
			return ret;
		h->refs[i] = (u32)ret;
	}
	ret = gnttab_grant_foreign_access(xenbus->otherend_id, virt_to_gfn(h->directory), 1);
	if (ret < 0)
		return ret;
	h->directory_ref = (u32)ret;
	ret = xenbus_alloc_evtchn(xenbus, &h->port);
	if (ret)
		return ret;
	ret = bind_evtchn_to_irqhandler(h->port, on_event, 0, "hostile", h);
	if (ret < 0)
		return ret;
	h->irq = ret;
	if (xenbus_scanf(XBT_NIL, xenbus->otherend, "mac", "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx",
			 &h->mac[0], &h->mac[1], &h->mac[2], &h->mac[3], &h->mac[4],
			 &h->mac[5]) != 6)
		return -EINVAL;
	dev_set_drvdata(&xenbus->dev, h);
	h->thread = kthread_run(attack_all, h, "hostile");
	return PTR_ERR_OR_ZERO(h->thread);
}

static void hostile_remove(struct xenbus_device *xenbus)
{
	struct hostile *h = dev_get_drvdata(&xenbus->dev);

	kthread_stop(h->thread);
	unbind_from_irqhandler(h->irq, h);
}

static const struct xenbus_device_id hostile_ids[] = { { "guestlane" }, { "" } };

static struct xenbus_driver hostile_driver = {
	.name = "hostile",
	.ids = hostile_ids,
	.probe = hostile_probe,
	.remove = hostile_remove,
	.not_essential = true, /* insmod does not wait until it is connected */
};

static int __init hostile_init(void)
{
	return xen_domain() ? xenbus_register_frontend(&hostile_driver) : -ENODEV;
}

static void __exit hostile_exit(void)
{
	xenbus_unregister_driver(&hostile_driver);
}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A hostile guest, for tests of Guestlane");
