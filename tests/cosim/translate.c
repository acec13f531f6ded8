// SPDX-License-Identifier: Apache-2.0
// Translation (docs/isolation.md) on the whole NIC: what a table allows works, byte for byte, with both page sizes and across pages;
// everything else is refused, recorded and reported, harms nobody, and is forgotten when the table is mended.
#include "cosim.h"

#define STATUS_NEEDS_RESET 0x40u
#define AVAIL		   0x80u
#define NEXT		   1u
#define PAGE		   4096u
#define HUGE_BYTES	   0x200000ull
#define AT		   0x100000ull /* guest memory, 4 MiB */
#define SPARE		   0x300000ull /* the second half of it: no rings, no buffers */
#define AREA		   0x1240000000ull /* guest addresses that the tests map, in a table of their own */

static bool split;
static struct gls_ring_info tx, rx;

/* --- Guest 0's transmit queue, written by hand ------------------------------------------------------------------------------------ */

static void *memory(uint64_t address, size_t bytes)
{
	void *p = gls_guest_memory(guest[0], address, bytes);
	assert_non_null(p);
	return p;
}

struct piece {
	uint64_t address;
	uint32_t bytes;
};

/* The chain is the first that the driver makes available. */
static void send_pieces(const struct piece *piece, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct {
			uint64_t address;
			uint32_t bytes;
			uint16_t a, b;
		} d = { piece[i].address, piece[i].bytes, 0, 0 };
		uint16_t flags = i + 1 < count ? NEXT : 0;
		d.a = split ? flags : (uint16_t)i;
		d.b = split ? (uint16_t)(i + 1) : (uint16_t)(flags | AVAIL);
		memcpy(memory(tx.desc + 16 * i, 16), &d, 16);
	}
	if (split) {
		memset(memory(tx.driver + 4, 2), 0, 2);
		*(uint16_t *)memory(tx.driver + 2, 2) = 1;
	}
	gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
}

static void send_at(uint64_t address, uint32_t bytes)
{
	send_pieces(&(struct piece){ address, bytes }, 1);
}

/* --- Scenes -------------------------------------------------------------------------------------------------------------------------- */

static void scene(const struct gls_config *config, const struct gls_guest_config *first)
{
	net_open(config);
	struct gls_guest_config c = *first;
	c.split = split;
	c.indirect = true;
	net_guest(0, &c);
	net_guest(1,
		  &(struct gls_guest_config){ .split = true, .scatter = true, .all_memory = true });
	net_guest(2, &(struct gls_guest_config){ .huge = true, .all_memory = true });
	gls_guest_ring(guest[0], 1, &tx);
	gls_guest_ring(guest[0], 0, &rx);
	net_hostile(0);
}

static void restarted(void)
{
	if (gls_guest_restart(guest[0]))
		fail_msg("%s", gls_error(nic));
	gls_run(nic, 4000);
	gls_guest_ring(guest[0], 1, &tx);
	gls_guest_ring(guest[0], 0, &rx);
}

static uint64_t host(uint64_t guest_address)
{
	return gls_guest_host_address(guest[0], guest_address);
}

/* A page of guest 0's spare memory under another guest address. */
static void map(uint64_t at, uint64_t to, unsigned flags)
{
	assert_int_equal(gls_map(nic, 0, at, host(to), PAGE, flags), 0);
}

/* A frame from guest 0 to guest 1 with its header, as memory holds it; sent again after each restart. */
static uint8_t frame[12 + 1514];

static void new_frame(void)
{
	uint8_t s[6], d[6];
	net_mac(0, s);
	net_mac(1, d);
	memset(frame, 0, 12);
	net_build(frame + 12, sizeof(frame) - 12, d, s, 0);
}

static unsigned got, got_wrong;

static void on_frame(void *arg, const uint8_t *octet, size_t bytes)
{
	(void)arg;
	if (octet[11] != 1) /* not from guest 0 */
		net_got(1, octet, bytes);
	else if (bytes == sizeof(frame) - 12 && !memcmp(octet, frame + 12, bytes))
		got++;
	else
		got_wrong++;
}

/* Sends the frame, which lies in these pieces, and looks what guest 1 gets. */
static void arrives(const struct piece *piece, unsigned count)
{
	got = got_wrong = 0;
	gls_guest_on_receive(guest[1], on_frame, NULL);
	send_pieces(piece, count);
	/* With the slowest host of these tests a frame takes up to 20000 cycles. */
	for (unsigned i = 0; i < 400 && !got && !got_wrong; i++)
		gls_run(nic, 200);
	assert_int_equal(got_wrong, 0);
	if (!got)
		fail_msg("the frame at 0x%llx did not arrive: status 0x%x",
			 (unsigned long long)piece->address, net_status(0));
	net_listen(1);
	restarted();
}

static void put_frame(uint64_t at, uint32_t from, uint32_t bytes)
{
	memcpy(memory(at, bytes), frame + from, bytes);
}

/* The next access of guest 0's device to `page` must fault: `act` makes it. */
static bool either; /* it may read or write */

static void faults(const char *name, void (*act)(uint64_t arg), uint64_t arg, uint64_t page,
		   unsigned kind, bool write, unsigned queue)
{
	struct gls_fault_record r;
	uint64_t counted = gls_stat(nic, GL_STAT_GUARD_FAULTS),
		 refused = gls_stat(nic, GL_STAT_DMA_REFUSED), messages = gls_irq_count(nic, 0);
	gls_event_clear(nic, UINT32_MAX);
	gls_event_enable(nic, GL_BAR0_EVENT_FAULT_MASK);
	act(arg);
	unsigned reason = net_needs_reset(0);
	if (reason != GL_RESET_REASON_DMA_REFUSED)
		fail_msg("%s: the reason is %u, status 0x%x", name, reason, net_status(0));
	if (!gls_fault_record(nic, 0, &r))
		fail_msg("%s: no fault record", name);
	if (r.kind != kind || (r.write != write && !either) || r.address / PAGE != page / PAGE ||
	    !r.count)
		fail_msg("%s: kind %u (not %u), %s at 0x%llx, %u times", name, r.kind, kind,
			 r.write ? "write" : "read", (unsigned long long)r.address, r.count);
	if (r.queue != queue)
		fail_msg("%s: queue %u", name, r.queue);
	assert_true(gls_event(nic) & GL_BAR0_EVENT_FAULT_MASK);
	assert_int_equal(gls_fault_next(nic), 0);
	assert_true(gls_stat(nic, GL_STAT_GUARD_FAULTS) > counted);
	assert_true(gls_stat(nic, GL_STAT_DMA_REFUSED) > refused);
	gls_run(nic, 1000);
	assert_true(gls_irq_count(nic, 0) > messages);
	assert_true(gls_guest_status(guest[0]) & STATUS_NEEDS_RESET);
	gls_event_clear(nic, GL_BAR0_EVENT_FAULT_MASK);
	gls_fault_clear(nic, 0);
	assert_false(gls_fault_record(nic, 0, &r));
	assert_int_equal(gls_fault_next(nic), -1);
	assert_false(gls_event(nic) & GL_BAR0_EVENT_FAULT_MASK);
}

static void send_there(uint64_t address)
{
	send_at(address, sizeof(frame));
}

static void send_faults(const char *name, uint64_t address, unsigned kind)
{
	faults(name, send_there, address, address, kind, false, 1);
	restarted();
}

/* All of guest 0's receive descriptors point there; a frame comes. */
static void receive_there(uint64_t address)
{
	for (unsigned n = 0; n < 90; n++) {
		for (unsigned i = 0; i < rx.size; i++)
			memcpy(memory(rx.desc + 16 * i, 8), &address, 8);
		net_send_to(1, 0, 1514);
		gls_run(nic, 1000);
		if (gls_guest_status(guest[0]) & STATUS_NEEDS_RESET)
			return;
	}
}

static void receive_faults(const char *name, uint64_t address, uint64_t page, unsigned kind)
{
	faults(name, receive_there, address, page, kind, true, 0);
	restarted();
}

/* Guests 1 and 2 have seen nothing. */
static void others_are_well(void)
{
	net_traffic_among(0x100000006ull, 15, 1514);
	net_drain();
}

/* --- What is allowed --------------------------------------------------------------------------------------------------------------- */

static void frames_cross_pages(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		split = turn;
		scene(&(struct gls_config){ .out_of_order = true, .latency_jitter = 40 },
		      &(struct gls_guest_config){ .scatter = true });
		/* Pages one after the other for the guest, anywhere in the host; the same page twice; the last page of all. */
		map(AREA, SPARE + 7 * PAGE, GLS_READ);
		map(AREA + PAGE, SPARE + 3 * PAGE, GLS_READ);
		map(AREA + 2 * PAGE, SPARE + 7 * PAGE, GLS_READ);
		map((1ull << 39) - PAGE, SPARE + 5 * PAGE, GLS_READ);
		static const uint32_t cuts[] = { 1, 12, 13, 500, 1521, 1525 };
		for (unsigned i = 0; i < 6; i++) {
			uint32_t n = cuts[i], rest = sizeof(frame) - n;
			new_frame();
			put_frame(SPARE + 8 * PAGE - n, 0, n);
			put_frame(SPARE + 3 * PAGE, n, rest);
			arrives(&(struct piece){ AREA + PAGE - n, sizeof(frame) }, 1);
			/* the other way round, in two descriptors */
			put_frame(SPARE + 4 * PAGE - n, 0, n);
			put_frame(SPARE + 7 * PAGE, n, rest);
			arrives((struct piece[]){ { AREA + 2 * PAGE - n, n },
						  { AREA + 2 * PAGE, rest } },
				2);
		}
		new_frame();
		put_frame(SPARE + 6 * PAGE - sizeof(frame), 0, sizeof(frame));
		arrives(&(struct piece){ (1ull << 39) - sizeof(frame), sizeof(frame) }, 1);
		others_are_well();
		net_teardown(NULL);
		net_setup(NULL);
	}
}

static void pages_of_2_mib(void **state)
{
	(void)state;
	split = false;
	scene(&(struct gls_config){ 0 }, &(struct gls_guest_config){ .huge = true,
								     .memory = 8 << 20,
								     .memory_at = 0x40000000 });
	/* From a 2 MiB page into another, and into a small one. */
	uint64_t last = 0x40000000 + (8 << 20);
	assert_int_equal(gls_map(nic, 0, AREA, host(last - 2 * HUGE_BYTES), HUGE_BYTES,
				 GLS_READ | GLS_HUGE),
			 0);
	map(AREA + HUGE_BYTES, last - PAGE, GLS_READ);
	new_frame();
	put_frame(last - HUGE_BYTES - 700, 0, 700);
	put_frame(last - PAGE, 700, sizeof(frame) - 700);
	arrives(&(struct piece){ AREA + HUGE_BYTES - 700, sizeof(frame) }, 1);
	put_frame(last - HUGE_BYTES, 700, sizeof(frame) - 700);
	arrives(&(struct piece){ last - HUGE_BYTES - 700, sizeof(frame) }, 1);
	/* It is read-only, and the next page is not there. */
	receive_faults("write to a 2 MiB page that is read-only", AREA + 0x12345, AREA + 0x12345,
		       GL_FAULT_KIND_PERMISSION);
	send_faults("behind the small page", AREA + HUGE_BYTES + PAGE, GL_FAULT_KIND_NOT_PRESENT);
	others_are_well();
}

/* --- What is refused --------------------------------------------------------------------------------------------------------------- */

static void every_kind_of_fault(void **state)
{
	(void)state;
	split = false;
	scene(&(struct gls_config){ 0 }, &(struct gls_guest_config){ 0 });
	map(AREA, SPARE, GLS_READ);
	map(AREA + PAGE, SPARE + PAGE, GLS_WRITE);
	map(AREA + 2 * PAGE, SPARE + 2 * PAGE, GLS_READ);
	uint64_t *leaf = gls_entry(nic, 0, AREA, 1), *middle = gls_entry(nic, 0, AREA, 2),
		 *top = gls_entry(nic, 0, AREA, 3);
	uint64_t was;

	send_faults("no leaf", AREA + 3 * PAGE, GL_FAULT_KIND_NOT_PRESENT);
	send_faults("no table", AREA + HUGE_BYTES, GL_FAULT_KIND_NOT_PRESENT);
	send_faults("no table of tables", AREA + 0x40000000, GL_FAULT_KIND_NOT_PRESENT);
	send_faults("read what is to write", AREA + PAGE, GL_FAULT_KIND_PERMISSION);
	receive_faults("write what is to read", AREA, AREA, GL_FAULT_KIND_PERMISSION);
	send_faults("40 bits", AREA | 1ull << 39, GL_FAULT_KIND_RANGE);
	send_faults("64 bits", AREA | 1ull << 63, GL_FAULT_KIND_RANGE);

	/* Upper levels allow less than the leaf. */
	const struct {
		const char *name;
		uint64_t *entry, set, clear;
		unsigned kind;
	} broken[] = {
		{ "level 2 not to read", middle, 0, 1, GL_FAULT_KIND_PERMISSION },
		{ "level 3 not to read", top, 0, 1, GL_FAULT_KIND_PERMISSION },
		{ "level 2 outside the region", middle, 1ull << 45, 0, GL_FAULT_KIND_REGION },
		{ "level 3 outside the region", top, 1ull << 40, 0, GL_FAULT_KIND_REGION },
		{ "bit 63 of a leaf", leaf, 1ull << 63, 0, GL_FAULT_KIND_RESERVED },
		{ "bit 63 of level 2", middle, 1ull << 63, 0, GL_FAULT_KIND_RESERVED },
		{ "bit 63 of level 3", top, 1ull << 63, 0, GL_FAULT_KIND_RESERVED },
		{ "bit 7 of a leaf", leaf, 0x80, 0, GL_FAULT_KIND_RESERVED },
		{ "bit 7 of level 3", top, 0x80, 0, GL_FAULT_KIND_RESERVED },
		{ "2 MiB page that is not aligned", middle, 0x1080, 0, GL_FAULT_KIND_RESERVED },
	};
	for (unsigned i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		was = *broken[i].entry;
		*broken[i].entry = (was | broken[i].set) & ~broken[i].clear;
		assert_true(gls_invalidate(nic, 0, AREA, 4 * PAGE) >= 0);
		assert_int_equal(gls_translate(nic, 0, AREA, false, NULL), broken[i].kind);
		send_faults(broken[i].name, AREA, broken[i].kind);
		*broken[i].entry = was;
		assert_true(gls_invalidate(nic, 0, AREA, 4 * PAGE) >= 0);
	}

	/* Refusals are not remembered: mended, it works. */
	new_frame();
	put_frame(SPARE, 0, sizeof(frame));
	arrives(&(struct piece){ AREA, sizeof(frame) }, 1);

	/* The region shrinks below the tables: nothing of anybody's is walked any more. Here only what is not known yet. */
	uint64_t region, bytes;
	gls_table_region(nic, &region, &bytes);
	net_reg_write(GL_BAR0_REGION_PAGES, 0);
	assert_true(gls_invalidate(nic, 0, AREA, 4 * PAGE) >= 0);
	assert_true(gls_invalidate(nic, 0, tx.desc, PAGE) >= 0);
	faults("no region", send_there, AREA, tx.desc, GL_FAULT_KIND_REGION, false, 1);
	net_reg_write(GL_BAR0_REGION_PAGES, (uint32_t)(bytes / PAGE));
	restarted();

	/* The root goes. */
	net_reg_write(GL_BAR0_CTX_INDEX, 0);
	net_reg_write(GL_BAR0_ROOT_LO, 0);
	assert_true(gls_invalidate(nic, 0, 0, 0) >= 0);
	faults("no root", send_there, AREA, tx.desc, GL_FAULT_KIND_ROOT, false, 1);
	uint64_t root = gls_root(nic, 0);
	net_reg_write(GL_BAR0_CTX_INDEX, 0);
	net_reg_write(GL_BAR0_ROOT_HI, (uint32_t)(root >> 32));
	net_reg_write(GL_BAR0_ROOT_LO, (uint32_t)root | GL_BAR0_ROOT_LO_VALID_MASK);
	assert_int_equal(net_reg(GL_BAR0_ROOT_LO), ((uint32_t)root | GL_BAR0_ROOT_LO_VALID_MASK));
	assert_int_equal(net_reg(GL_BAR0_ROOT_HI), root >> 32);
	restarted();
	arrives(&(struct piece){ AREA, sizeof(frame) }, 1);
	others_are_well();
}

static void pieces_are_checked_one_by_one(void **state)
{
	(void)state;
	split = true;
	scene(&(struct gls_config){ 0 }, &(struct gls_guest_config){ .scatter = true });
	map(AREA, SPARE, GLS_READ | GLS_WRITE);
	map(AREA + 2 * PAGE, SPARE + PAGE, GLS_READ);
	map(AREA + 4 * PAGE, SPARE + 2 * PAGE, GLS_WRITE);
	map(AREA + 3 * PAGE, SPARE + 3 * PAGE, GLS_READ | GLS_WRITE);
	uint8_t *page = memory(SPARE + PAGE, PAGE);
	memset(page, 0x77, PAGE);
	/* The first page may be read, the second is not there, or may not be. */
	uint64_t at = AREA + PAGE - 100;
	faults("second page missing", send_there, at, AREA + PAGE, GL_FAULT_KIND_NOT_PRESENT, false,
	       1);
	restarted();
	at = AREA + 4 * PAGE - 1;
	faults("second page to write", send_there, at, AREA + 4 * PAGE, GL_FAULT_KIND_PERMISSION,
	       false, 1);
	restarted();
	/* A frame of 1514 octets into a buffer whose second page may only be read. */
	at = AREA + PAGE - 200;
	receive_faults("second page missing", at, AREA + PAGE, GL_FAULT_KIND_NOT_PRESENT);
	assert_int_equal(gls_unmap(nic, 0, AREA + 4 * PAGE, PAGE), 0);
	assert_int_equal(gls_unmap(nic, 0, AREA + 3 * PAGE, PAGE), 0);
	assert_int_equal(gls_unmap(nic, 0, AREA, PAGE), 0);
	map(AREA + PAGE, SPARE + 3 * PAGE, GLS_READ | GLS_WRITE);
	at = AREA + 2 * PAGE - 200;
	receive_faults("second page to read", at, AREA + 2 * PAGE, GL_FAULT_KIND_PERMISSION);
	for (unsigned i = 0; i < PAGE; i++)
		assert_int_equal(page[i], 0x77);
	others_are_well();
}

/* The same guest address is another page, or none, for another guest, also while that guest's translation is known. */
static void guests_do_not_share(void **state)
{
	(void)state;
	split = false;
	scene(&(struct gls_config){ 0 }, &(struct gls_guest_config){ 0 });
	net_guest(3, &(struct gls_guest_config){ .memory_at = AREA, .scatter = true });
	struct gls_ring_info r;
	gls_guest_ring(guest[3], 1, &r);
	for (unsigned i = 0; i < 10; i++) {
		net_send_to(3, 2, 1000);
		net_send_to(2, 3, 1000);
	}
	gls_run(nic, 20000);
	send_faults("another guest's ring", r.desc, GL_FAULT_KIND_NOT_PRESENT);
	send_faults("its guest's host address",
		    gls_guest_host_address(guest[1], AT) & 0x7fffffffffull,
		    GL_FAULT_KIND_NOT_PRESENT);
	receive_faults("into another guest's ring", r.desc + 64, r.desc + 64,
		       GL_FAULT_KIND_NOT_PRESENT);
	/* The table itself is no guest memory. */
	receive_faults("into its own root page", gls_root(nic, 0) & 0x7fffffffffull,
		       gls_root(nic, 0) & 0x7fffffffffull, GL_FAULT_KIND_NOT_PRESENT);
	others_are_well();
}

/* Takes a page of the rings away; then there is something to send, and something to receive. */
static void take_ring(uint64_t page)
{
	assert_int_equal(gls_unmap(nic, 0, page, PAGE), 0);
	for (unsigned i = 0; i < 12; i++) {
		net_try_to(0, 1, 200);
		net_send_to(1, 0, 200);
		gls_run(nic, 500);
	}
}

/* A ring whose page is taken away breaks the device, each area of each queue. */
static void rings_are_refused(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 2; turn++) {
		split = turn;
		scene(&(struct gls_config){ 0 },
		      &(struct gls_guest_config){ .scatter = true, .queue_size = 64 });
		/* Frames that guest 0 loses stay under way to it. */
		net_window(1, 1000);
		for (unsigned queue = 0; queue < 2; queue++)
			for (unsigned area = 0; area < 3; area++) {
				const struct gls_ring_info *r = queue ? &tx : &rx;
				uint64_t at = area == 0	  ? r->desc
					      : area == 1 ? r->driver
							  : r->device;
				/* Packed: the device's area is for the device to write, which it may do seldom. */
				if (area == 2 && !split)
					continue;
				bool write = area == 2;
				either = area == 0 && !split; /* the packed ring is both */
				char name[32];
				snprintf(name, sizeof(name), "queue %u, area %u", queue, area);
				faults(name, take_ring, at - at % PAGE, at,
				       GL_FAULT_KIND_NOT_PRESENT, write, queue);
				either = false;
				map(at - at % PAGE, at - at % PAGE, GLS_READ | GLS_WRITE);
				restarted();
			}
		others_are_well();
		net_teardown(NULL);
		net_setup(NULL);
	}
}

static void table_reads_fail(void **state)
{
	(void)state;
	static const enum gls_fault kinds[] = { GLS_FAULT_UR, GLS_FAULT_CA, GLS_FAULT_POISON,
						GLS_FAULT_DROP };
	split = false;
	scene(&(struct gls_config){ .out_of_order = true, .latency_jitter = 30 },
	      &(struct gls_guest_config){ 0 });
	net_reg_write(GL_BAR0_CPL_TIMEOUT, 4000);
	map(AREA, SPARE, GLS_READ);
	new_frame();
	put_frame(SPARE, 0, sizeof(frame));
	for (unsigned k = 0; k < 4; k++)
		for (unsigned level = 1; level <= 3; level++) {
			uint64_t table = gls_root(nic, 0);
			if (level < 3)
				table = *gls_entry(nic, 0, AREA, level + 1) & 0x000ffffffffff000ull;
			assert_true(gls_invalidate(nic, 0, 0, 0) >= 0);
			/* The rings are known again before the table goes bad. */
			net_send_to(1, 0, 100);
			net_try_to(0, 1, 100);
			gls_run(nic, 6000);
			restarted();
			assert_true(gls_invalidate(nic, 0, AREA, PAGE) >= 0);
			uint64_t index = AREA >> (12 + 9 * (level - 1)) & 511;
			/* The walk that a command starts early is not the one that counts. */
			gls_fault(nic, kinds[k], table + index * 8, 8, 1000);
			char name[64];
			snprintf(name, sizeof(name), "kind %u on level %u", k, level);
			/* While others walk too. */
			net_traffic_among(0x100000006ull, 2, 1514);
			faults(name, send_there, AREA, AREA, GL_FAULT_KIND_WALK_ERROR, false, 1);
			gls_fault(nic, GLS_FAULT_NONE, 0, SIZE_MAX, 0);
			restarted();
			arrives(&(struct piece){ AREA, sizeof(frame) }, 1);
		}
	others_are_well();
}

/* --- Invalidation --------------------------------------------------------------------------------------------------------------- */

static uint64_t gone_from, gone_to; /* host addresses that the NIC must not use */
static unsigned used_gone;

static void watch_gone(const uint32_t *dw)
{
	uint64_t address;
	size_t bytes;
	bool write;
	if (net_request(dw, &address, &bytes, &write) && address < gone_to &&
	    address + bytes > gone_from)
		used_gone++;
}

static bool is_gone(uint64_t address)
{
	return address >= gone_from && address < gone_to;
}

/* Sends frames one after the other from AREA; the device has many of them at once. */
static void stream(unsigned frames)
{
	for (unsigned i = 0; i < frames; i++) {
		struct {
			uint64_t address;
			uint32_t bytes;
			uint16_t id, flags;
		} d = { AREA + 64 * i, sizeof(frame), (uint16_t)i, AVAIL };
		memcpy(memory(tx.desc + 16 * i, 16), &d, 16);
	}
	gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
}

/* A page is taken away while the device reads it: when the call returns no request for it follows, and what is mapped there then is used. */
static void pages_go_under_traffic(void **state)
{
	(void)state;
	split = false;
	used_gone = 0;
	/* The host answers later than a look at all of the IOTLB takes. */
	scene(&(struct gls_config){ .latency = 1500,
				    .latency_jitter = 500,
				    .out_of_order = true,
				    .tx_stall_percent = 30 },
	      &(struct gls_guest_config){ .scatter = true });
	net_watch(watch_gone);
	map(AREA, SPARE, GLS_READ);
	map(AREA + PAGE, SPARE + PAGE, GLS_READ);
	for (unsigned turn = 0; turn < 12; turn++) {
		gone_from = gone_to = 0;
		net_traffic_among(0x100000006ull, 3, 1514);
		stream(40);
		gls_run(nic, 2500 + net_below(4000));
		if (turn % 3 == 0) {
			/* a page */
			assert_int_equal(gls_unmap(nic, 0, AREA, PAGE), 0);
		} else if (turn % 3 == 1) {
			/* a range around it */
			assert_int_equal(gls_unmap(nic, 0, AREA - 300 * PAGE, 301 * PAGE), 0);
		} else {
			/* the context */
			*gls_entry(nic, 0, AREA, 1) = 0;
			assert_true(gls_invalidate(nic, 0, 0, 0) >= 0);
		}
		gone_from = host(turn & 1 ? SPARE + 2 * PAGE : SPARE);
		gone_to = gone_from + PAGE;
		assert_int_equal(net_unanswered(is_gone), 0);
		net_traffic_among(0x100000006ull, 2, 1514);
		gls_run(nic, 12000);
		assert_int_equal(used_gone, 0);
		restarted();
		gls_fault_clear(nic, 0);
		/* Another page in its place, with another frame: the device may know nothing of the first. */
		uint64_t other = turn & 1 ? SPARE : SPARE + 2 * PAGE;
		map(AREA, other, GLS_READ);
		memset(memory(SPARE, PAGE), 0xee, PAGE);
		memset(memory(SPARE + 2 * PAGE, PAGE), 0xee, PAGE);
		new_frame();
		put_frame(other, 0, sizeof(frame));
		arrives(&(struct piece){ AREA, sizeof(frame) }, 1);
		assert_int_equal(used_gone, 0);
	}
	others_are_well();
}

/* An invalidation of one guest's pages costs the others nothing, however often it comes. */
static void invalidations_under_traffic(void **state)
{
	(void)state;
	split = false;
	scene(&(struct gls_config){ 0 }, &(struct gls_guest_config){ 0 });
	uint64_t before = gls_stat(nic, GL_STAT_INVALIDATIONS);
	int64_t longest = 0;
	for (unsigned turn = 0; turn < 30; turn++) {
		net_traffic_among(0x100000006ull, 2, 1514);
		uint64_t bytes = turn % 3 == 0 ? 0 : turn % 3 == 1 ? PAGE : 1ull << 39;
		int64_t cycles = gls_invalidate(nic, 1 + turn % 2, turn % 3 == 1 ? AT : 0, bytes);
		assert_true(cycles >= 0);
		if (cycles > longest)
			longest = cycles;
	}
	printf("# invalidations took at most %lld cycles\n", (long long)longest);
	assert_int_equal(gls_stat(nic, GL_STAT_INVALIDATIONS), before + 30);
	assert_true(gls_event(nic) & GL_BAR0_EVENT_INV_MASK);
	others_are_well();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(frames_cross_pages),
		NET_TEST(pages_of_2_mib),
		NET_TEST(every_kind_of_fault),
		NET_TEST(pieces_are_checked_one_by_one),
		NET_TEST(guests_do_not_share),
		NET_TEST(rings_are_refused),
		NET_TEST(table_reads_fail),
		NET_TEST(pages_go_under_traffic),
		NET_TEST(invalidations_under_traffic),
	};
	return NET_RUN(tests);
}
