// SPDX-License-Identifier: Apache-2.0
// A guest breaks every rule of virtio. Its own device needs a reset, with the right reason, counted and logged; nothing outside its memory is
// touched; the frames of the others all arrive; and after a reset it is a good guest again.
#include "cosim.h"

#define NEXT		   1u
#define WRITE		   2u
#define INDIRECT	   4u
#define AVAIL		   0x80u
#define OUTSIDE		   0x7f00000000ull /* no guest memory */
#define STATUS_NEEDS_RESET 0x40u

struct desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t a, b;
};

static bool split;
static struct gls_ring_info tx, rx;

static void *memory(uint64_t address, size_t bytes)
{
	void *p = gls_guest_memory(guest[0], address, bytes);
	assert_non_null(p);
	return p;
}

/* Descriptor i of a table or ring. `next`: split rings only. */
static void desc(uint64_t ring, unsigned i, uint64_t address, uint32_t bytes, unsigned flags,
		 unsigned next)
{
	struct desc d = { address, bytes, 0, 0 };
	if (split) {
		d.a = (uint16_t)flags;
		d.b = (uint16_t)next;
	} else {
		d.a = (uint16_t)i;
		d.b = (uint16_t)(flags | (ring == tx.desc || ring == rx.desc ? AVAIL : 0));
	}
	memcpy(memory(ring + 16ul * i, 16), &d, 16);
}

/* Makes the chain at `head` of the transmit queue available. */
static void offer(unsigned head)
{
	if (split) {
		*(uint16_t *)memory(tx.driver + 4, 2) = (uint16_t)head;
		*(uint16_t *)memory(tx.driver + 2, 2) = 1;
	}
	gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
}

/* A piece of guest memory that no ring or buffer uses: the last page. */
static uint64_t spare(void)
{
	return 0x100000 + (4u << 20) - 4096;
}

static void length_zero(void)
{
	desc(tx.desc, 0, spare(), 0, 0, 0);
	offer(0);
}

static void length_of_a_header(void)
{
	desc(tx.desc, 0, spare(), 12, 0, 0);
	offer(0);
}

static void length_too_short(void)
{
	desc(tx.desc, 0, spare(), 12 + 13, 0, 0);
	offer(0);
}

static void length_too_long(void)
{
	desc(tx.desc, 0, 0x100000, 12 + 9018 + 5, 0, 0);
	offer(0);
}

static void length_huge(void)
{
	desc(tx.desc, 0, 0x100000, 0xffffffff, 0, 0);
	offer(0);
}

static void length_huge_in_a_chain(void)
{
	desc(tx.desc, 0, spare(), 100, NEXT, 1);
	desc(tx.desc, 1, spare(), 0xfffffff0, 0, 0);
	offer(0);
}

static void length_zero_in_a_chain(void)
{
	desc(tx.desc, 0, spare(), 100, NEXT, 1);
	desc(tx.desc, 1, spare(), 0, NEXT, 2);
	desc(tx.desc, 2, spare(), 100, 0, 0);
	offer(0);
}

static void address_of_nobody(void)
{
	desc(tx.desc, 0, OUTSIDE, 100, 0, 0);
	offer(0);
}

static void address_beyond_the_end(void)
{
	desc(tx.desc, 0, spare() + 4096 - 60, 100, 0, 0);
	offer(0);
}

static void address_that_wraps(void)
{
	desc(tx.desc, 0, 0xffffffffffffffc0ull, 200, 0, 0);
	offer(0);
}

static void address_of_the_host(void)
{
	desc(tx.desc, 0, gls_guest_host_address(guest[1], 0x100000), 100, 0, 0);
	offer(0);
}

static void address_of_nobody_in_a_chain(void)
{
	desc(tx.desc, 0, spare(), 100, NEXT, 1);
	desc(tx.desc, 1, OUTSIDE, 100, 0, 0);
	offer(0);
}

static void writable_to_send(void)
{
	desc(tx.desc, 0, spare(), 100, WRITE, 0);
	offer(0);
}

static void writable_in_a_chain(void)
{
	desc(tx.desc, 0, spare(), 100, NEXT, 1);
	desc(tx.desc, 1, spare(), 100, WRITE, 0);
	offer(0);
}

static void table_outside_memory(void)
{
	desc(tx.desc, 0, OUTSIDE, 32, INDIRECT, 0);
	offer(0);
}

static void table_of_odd_length(void)
{
	desc(tx.desc, 0, spare(), 40, INDIRECT, 0);
	offer(0);
}

static void table_of_no_length(void)
{
	desc(tx.desc, 0, spare(), 0, INDIRECT, 0);
	offer(0);
}

static void table_too_long(void)
{
	desc(tx.desc, 0, 0x100000, 0x100000, INDIRECT, 0);
	offer(0);
}

static void table_that_is_chained(void)
{
	desc(tx.desc, 0, spare(), 16, INDIRECT | NEXT, 1);
	desc(tx.desc, 1, spare(), 100, 0, 0);
	desc(spare(), 0, spare(), 100, 0, 0);
	offer(0);
}

static void table_in_a_table(void)
{
	desc(tx.desc, 0, spare(), 32, INDIRECT, 0);
	desc(spare(), 0, spare(), 100, NEXT, 1);
	desc(spare(), 1, spare(), 32, INDIRECT, 0);
	offer(0);
}

static void table_with_addresses_of_nobody(void)
{
	desc(tx.desc, 0, spare(), 32, INDIRECT, 0);
	desc(spare(), 0, spare(), 100, NEXT, 1);
	desc(spare(), 1, OUTSIDE, 100, 0, 0);
	offer(0);
}

static void table_with_a_loop(void)
{
	desc(tx.desc, 0, spare(), 32, INDIRECT, 0);
	desc(spare(), 0, spare(), 10, NEXT, 1);
	desc(spare(), 1, spare(), 10, NEXT, 0);
	offer(0);
}

static void table_with_a_wild_next(void)
{
	desc(tx.desc, 0, spare(), 32, INDIRECT, 0);
	desc(spare(), 0, spare(), 10, NEXT, 60000);
	desc(spare(), 1, spare(), 10, 0, 0);
	offer(0);
}

/* Split: the last points to the first. Packed: the ring has no end of a chain. */
static void chain_without_end(void)
{
	for (unsigned i = 0; i < tx.size; i++)
		desc(tx.desc, i, spare(), 1, NEXT, (i + 1) % tx.size);
	offer(0);
}

static void chain_to_itself(void)
{
	desc(tx.desc, 5, spare(), 10, NEXT, 5);
	offer(5);
}

static void next_outside_the_table(void)
{
	desc(tx.desc, 0, spare(), 10, NEXT, tx.size);
	offer(0);
}

static void head_outside_the_table(void)
{
	offer(tx.size);
}

static void head_far_outside_the_table(void)
{
	offer(0xffff);
}

static void available_index_jumps(void)
{
	*(uint16_t *)memory(tx.driver + 2, 2) = (uint16_t)(tx.size + 1);
	gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
}

static void available_index_goes_back(void)
{
	*(uint16_t *)memory(tx.driver + 2, 2) = 0xfff0;
	gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
}

/*
 * Receive: all descriptors of the ring are spoiled before each of more frames than the firmware reads descriptors ahead. `address` and `bytes`
 * only where set_* say so.
 */
static void spoil(uint64_t address, uint32_t bytes, unsigned flags, bool set_address,
		  bool set_bytes)
{
	for (unsigned frame = 0; frame < 90; frame++) {
		for (unsigned i = 0; i < rx.size; i++) {
			struct desc d;
			memcpy(&d, memory(rx.desc + 16ul * i, 16), 16);
			if (set_address)
				d.address = address;
			if (set_bytes)
				d.bytes = bytes;
			uint16_t *f = split ? &d.a : &d.b;
			*f = (uint16_t)((*f & ~(NEXT | WRITE | INDIRECT)) | flags);
			if (split && flags & NEXT)
				d.b = 7;
			memcpy(memory(rx.desc + 16ul * i, 16), &d, 16);
		}
		net_send_to(1, 0, 300);
		gls_run(nic, 400);
		if (gls_guest_status(guest[0]) & STATUS_NEEDS_RESET)
			return;
	}
}

static void receive_outside_memory(void)
{
	spoil(OUTSIDE, 0, WRITE, true, false);
}

static void receive_into_another_guest(void)
{
	spoil(gls_guest_host_address(guest[1], 0x100000), 0, WRITE, true, false);
}

static void receive_beyond_the_end(void)
{
	spoil(spare() + 4096 - 100, 0, WRITE, true, false);
}

static void receive_length_zero(void)
{
	spoil(0, 0, WRITE, false, true);
}

static void receive_length_below_a_header(void)
{
	spoil(0, 11, WRITE, false, true);
}

static void receive_read_only(void)
{
	spoil(0, 0, 0, false, false);
}

static void receive_without_end(void)
{
	spoil(0, 4, WRITE | NEXT, false, true);
}

static void receive_table_outside_memory(void)
{
	spoil(OUTSIDE, 64, WRITE | INDIRECT, true, true);
}

/* Brings guest 0's driver down and up by hand. */
static void by_hand(uint64_t desc_at, uint64_t driver_at, uint64_t device_at, unsigned size)
{
	struct gls_guest *g = guest[0];
	uint64_t features = gls_guest_features(g);
	gls_guest_write(g, GL_DEV_STATUS, 0, 4);
	gls_guest_read(g, GL_DEV_STATUS, 4);
	gls_guest_write(g, GL_DEV_STATUS, 3, 4);
	gls_guest_write(g, GL_DEV_DRIVER_FEATURES_SEL, 1, 4);
	gls_guest_write(g, GL_DEV_DRIVER_FEATURES, (uint32_t)(features >> 32), 4);
	gls_guest_write(g, GL_DEV_DRIVER_FEATURES_SEL, 0, 4);
	gls_guest_write(g, GL_DEV_DRIVER_FEATURES, (uint32_t)features, 4);
	gls_guest_write(g, GL_DEV_STATUS, 11, 4);
	for (unsigned q = 0; q < 2; q++) {
		uint64_t area[3] = { desc_at, driver_at, device_at };
		gls_guest_write(g, GL_DEV_QUEUE_SEL, q, 4);
		gls_guest_write(g, GL_DEV_QUEUE_NUM, size, 4);
		for (unsigned i = 0; i < 3; i++) {
			gls_guest_write(g, GL_DEV_QUEUE_DESC_LO + 16 * i, (uint32_t)area[i], 4);
			gls_guest_write(g, GL_DEV_QUEUE_DESC_HI + 16 * i, (uint32_t)(area[i] >> 32),
					4);
		}
		gls_guest_write(g, GL_DEV_QUEUE_READY, 1, 4);
	}
	gls_guest_write(g, GL_DEV_STATUS, 15, 4);
	gls_run(nic, 20000);
	for (unsigned q = 0; q < 2; q++)
		gls_guest_write(g, GL_DEV_QUEUE_NOTIFY, q, 4);
	for (unsigned i = 0; i < 12; i++)
		net_send_to(1, 0, 300);
	gls_run(nic, 20000);
}

static void rings_outside_memory(void)
{
	by_hand(OUTSIDE, OUTSIDE + 0x10000, OUTSIDE + 0x20000, 256);
}

static void descriptors_outside_memory(void)
{
	by_hand(OUTSIDE, tx.driver, tx.device, 256);
	if (split)
		offer(0); /* or nobody reads a descriptor */
}

static void rings_at_odd_addresses(void)
{
	by_hand(tx.desc + 8, tx.driver, tx.device, 256);
}

static void device_area_at_an_odd_address(void)
{
	by_hand(tx.desc, tx.driver, tx.device + 2, 256);
}

static void split_ring_of_odd_size(void)
{
	by_hand(tx.desc, tx.driver, tx.device, 100);
}

enum { BOTH, PACKED, SPLIT };
#define R(reason) (1u << GL_RESET_REASON_##reason)

static const struct crime {
	const char *name;
	void (*commit)(void);
	unsigned rings;
	uint32_t reasons; /* a bit for each RESET_REASON that is right */
} crimes[] = {
#define CRIME(name, rings, reasons)         \
	{                                   \
#name, name, rings, reasons \
	}
	CRIME(length_zero, BOTH, R(BAD_LENGTH)),
	CRIME(length_of_a_header, BOTH, R(BAD_LENGTH)),
	CRIME(length_too_short, BOTH, R(BAD_LENGTH)),
	CRIME(length_too_long, BOTH, R(BAD_LENGTH)),
	CRIME(length_huge, BOTH, R(BAD_LENGTH)),
	CRIME(length_huge_in_a_chain, BOTH, R(BAD_LENGTH)),
	CRIME(length_zero_in_a_chain, BOTH, R(BAD_LENGTH)),
	CRIME(address_of_nobody, BOTH, R(DMA_REFUSED)),
	CRIME(address_beyond_the_end, BOTH, R(DMA_REFUSED)),
	CRIME(address_that_wraps, BOTH, R(DMA_REFUSED)),
	CRIME(address_of_the_host, BOTH, R(DMA_REFUSED)),
	CRIME(address_of_nobody_in_a_chain, BOTH, R(DMA_REFUSED)),
	CRIME(writable_to_send, BOTH, R(BAD_FLAGS)),
	CRIME(writable_in_a_chain, BOTH, R(BAD_FLAGS)),
	CRIME(table_outside_memory, BOTH, R(DMA_REFUSED)),
	CRIME(table_of_odd_length, BOTH, R(BAD_LENGTH)),
	CRIME(table_of_no_length, BOTH, R(BAD_LENGTH)),
	CRIME(table_too_long, BOTH, R(BAD_LENGTH)),
	CRIME(table_that_is_chained, BOTH, R(BAD_FLAGS)),
	CRIME(table_in_a_table, BOTH, R(BAD_FLAGS)),
	CRIME(table_with_addresses_of_nobody, BOTH, R(DMA_REFUSED)),
	CRIME(table_with_a_loop, SPLIT, R(LOOP)),
	CRIME(table_with_a_wild_next, SPLIT, R(BAD_DESC)),
	CRIME(chain_without_end, BOTH, R(LOOP)),
	CRIME(chain_to_itself, SPLIT, R(LOOP)),
	CRIME(next_outside_the_table, SPLIT, R(BAD_DESC)),
	CRIME(head_outside_the_table, SPLIT, R(BAD_DESC)),
	CRIME(head_far_outside_the_table, SPLIT, R(BAD_DESC)),
	CRIME(available_index_jumps, SPLIT, R(BAD_INDEX)),
	CRIME(available_index_goes_back, SPLIT, R(BAD_INDEX)),
	CRIME(receive_outside_memory, BOTH, R(DMA_REFUSED)),
	CRIME(receive_into_another_guest, BOTH, R(DMA_REFUSED)),
	CRIME(receive_beyond_the_end, BOTH, R(DMA_REFUSED)),
	CRIME(receive_length_zero, BOTH, R(BAD_LENGTH)),
	CRIME(receive_length_below_a_header, BOTH, R(BAD_LENGTH)),
	CRIME(receive_read_only, BOTH, R(BAD_FLAGS)),
	CRIME(receive_without_end, SPLIT, R(LOOP)),
	CRIME(receive_table_outside_memory, BOTH, R(DMA_REFUSED)),
	CRIME(rings_outside_memory, BOTH, R(DMA_REFUSED)),
	CRIME(descriptors_outside_memory, BOTH, R(DMA_REFUSED)),
	CRIME(rings_at_odd_addresses, BOTH, R(BAD_QUEUE)),
	CRIME(device_area_at_an_odd_address, BOTH, R(BAD_QUEUE)),
	CRIME(split_ring_of_odd_size, SPLIT, R(BAD_QUEUE)),
};

static void open_with_victim(void)
{
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ .split = split, .indirect = true });
	net_guest(1, &(struct gls_guest_config){
			     .split = true, .random_layout = true, .indirect = true });
	net_guest(2, &(struct gls_guest_config){ .random_layout = true });
	net_hostile(0);
	gls_guest_ring(guest[0], 1, &tx);
	gls_guest_ring(guest[0], 0, &rx);
}

static void restarted(void)
{
	if (gls_guest_restart(guest[0]))
		fail_msg("%s", gls_error(nic));
	gls_run(nic, 4000);
	gls_guest_ring(guest[0], 1, &tx);
	gls_guest_ring(guest[0], 0, &rx);
}

/* The victim works again after a reset. */
static void rehabilitated(const char *name)
{
	restarted();
	unsigned before = net.arrived;
	for (unsigned i = 0; i < 4; i++) {
		net_send_to(0, 1, 200);
		net_send_to(1, 0, 200);
	}
	for (unsigned i = 0; i < 100 && net.arrived < before + 8; i++)
		gls_run(nic, 500);
	if (net.arrived < before + 8)
		fail_msg("after %s and a restart only %u of 8 frames arrive", name,
			 net.arrived - before);
}

static void all_crimes(void)
{
	const char *only = getenv("CRIME");
	unsigned bad = 0;
	open_with_victim();
	net_traffic_among(0x100000006ull, 20, 1514);
	net_drain();
	for (unsigned i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
		const struct crime *c = &crimes[i];
		if ((c->rings == PACKED && split) || (c->rings == SPLIT && !split) ||
		    (only && strcmp(only, c->name)))
			continue;
		uint64_t counted = gls_context_stat(nic, 0, GL_CSTAT_NEEDS_RESET);
		net_traffic_among(0x100000006ull, 3, 1514);
		c->commit();
		net_traffic_among(0x100000006ull, 3, 1514);
		unsigned reason = net_needs_reset(0);
		if (!(c->reasons >> reason & 1)) {
			printf("# %s: reason %u\n", c->name, reason);
			bad++;
		} else if (gls_context_stat(nic, 0, GL_CSTAT_NEEDS_RESET) != counted + 1) {
			printf("# %s: counted %llu times\n", c->name,
			       (unsigned long long)(gls_context_stat(nic, 0, GL_CSTAT_NEEDS_RESET) -
						    counted));
			bad++;
		} else if (gls_run(nic, 2000), !(gls_guest_status(guest[0]) & STATUS_NEEDS_RESET)) {
			printf("# %s: the guest was not told (Status 0x%x)\n", c->name,
			       gls_guest_status(guest[0]));
			bad++;
		}
		net_drain();
		if (i % 5 == 0)
			rehabilitated(c->name);
		restarted(); /* rings from their beginning for the next one */
	}
	rehabilitated("all");
	net_drain();
	assert_int_equal(bad, 0);
	char log[4096];
	gls_log(nic, log, sizeof(log));
	assert_non_null(strstr(log, "needs reset 0"));
}

static void crimes_on_packed_rings(void **state)
{
	(void)state;
	split = false;
	all_crimes();
}

static void crimes_on_split_rings(void **state)
{
	(void)state;
	split = true;
	all_crimes();
}

/* Anything in any register, in any size, while the device is live; then a reset makes it good. */
static void nonsense_in_registers(void **state)
{
	(void)state;
	static const uint32_t values[] = { 0,	    1,		2,	    3,
					   4,	    8,		15,	    0x40,
					   0x80,    0xff,	0x100,	    0xffff,
					   0x10000, 0x7fffffff, 0xfffffff0, 0xffffffff };
	split = false;
	open_with_victim();
	for (unsigned turn = 0; turn < 6; turn++) {
		for (unsigned i = 0; i < 60; i++) {
			unsigned size = 1u << net_below(3);
			uint32_t offset = net_below(net_below(8) ? 0x140 : 0x1000) & ~(size - 1);
			uint32_t value = net_below(3) ? values[net_below(16)]
						      : (uint32_t)net_below(UINT32_MAX);
			/* A reset in each turn is enough. */
			if (offset >= GL_DEV_STATUS && offset < GL_DEV_STATUS + 4 && net_below(8))
				continue;
			gls_guest_write(guest[0], offset, value, size);
			if (!net_below(4))
				gls_guest_read(guest[0], net_below(0x1000) & ~3u, 4);
			if (!net_below(8))
				net_traffic_among(0x100000007ull, 1, 1514);
		}
		net_traffic_among(0x100000006ull, 6, 1514);
		rehabilitated("nonsense");
	}
	net_drain();
}

/* Rings and their neighbourhood full of random bytes, at any time. */
static void noise(bool split_rings)
{
	split = split_rings;
	open_with_victim();
	unsigned broken = 0;
	for (unsigned turn = 0; turn < 12; turn++) {
		for (unsigned i = 0; i < 6; i++) {
			const struct gls_ring_info *r = net_below(2) ? &tx : &rx;
			uint64_t area = net_below(2)   ? r->desc
					: net_below(2) ? r->driver
						       : r->device;
			unsigned n = 1 + net_below(64);
			for (unsigned k = 0; k < n; k++) {
				unsigned bytes = r->size * (area == r->desc ? 16 : 4);
				uint8_t *p = gls_guest_memory(
					guest[0],
					area + net_below(net_below(2) ? bytes / 16 : bytes), 1);
				if (p)
					*p = (uint8_t)net_below(256);
			}
			gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, net_below(2), 4);
			net_traffic_among(0x100000007ull, 2, 1514);
		}
		gls_run(nic, 5000);
		if (net_status(0) & STATUS_NEEDS_RESET)
			broken++;
		rehabilitated("noise");
	}
	net_drain();
	printf("# %u of 12 times the device needed a reset\n", broken);
}

static void noise_in_packed_rings(void **state)
{
	(void)state;
	noise(false);
}

static void noise_in_split_rings(void **state)
{
	(void)state;
	noise(true);
}

/* A guest that rings all the time slows the others' register accesses by a bounded time only, and loses them nothing. */
static void doorbells_without_end(void **state)
{
	(void)state;
	split = false;
	open_with_victim();
	for (unsigned i = 0; i < 60; i++) {
		for (unsigned k = 0; k < 30; k++)
			gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, net_below(3), 4);
		net_traffic_among(0x100000006ull, 1, 1514);
	}
	gls_run(nic, 20000);
	uint64_t before = gls_now(nic);
	assert_int_equal(gls_guest_read(guest[1], GL_DEV_MAGIC, 4), 0x74726976);
	/* A read is answered by RTL: at most 16 cycles for each access before it, and the way there and back. */
	assert_true(gls_now(nic) - before < 200);
	net_drain();
	rehabilitated("ringing");
	net_drain();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest crime[] = {
		NET_TEST(crimes_on_packed_rings),
		NET_TEST(crimes_on_split_rings),
	};
	const struct CMUnitTest noises[] = {
		NET_TEST(nonsense_in_registers),
		NET_TEST(noise_in_packed_rings),
		NET_TEST(noise_in_split_rings),
		NET_TEST(doorbells_without_end),
	};
	if (argc > 1 && !strcmp(argv[1], "noise"))
		return NET_RUN(noises);
	return NET_RUN(crime);
}
