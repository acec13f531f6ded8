// SPDX-License-Identifier: Apache-2.0
// PCI Express errors on the NIC's reads: unsupported request, completer abort, poison, no completion at all. The command fails with its
// status, the right counter counts, nothing hangs. A frame is lost and its sender goes on; a guest whose rings cannot be read needs a reset.
#include "cosim.h"

static const struct {
	enum gls_fault fault;
	unsigned counter;
	const char *name;
} kinds[] = {
	{ GLS_FAULT_UR, GL_STAT_DMA_ABORT, "unsupported request" },
	{ GLS_FAULT_CA, GL_STAT_DMA_ABORT, "completer abort" },
	{ GLS_FAULT_POISON, GL_STAT_DMA_POISONED, "poison" },
	{ GLS_FAULT_DROP, GL_STAT_DMA_TIMEOUT, "no completion" },
};

static void open3(bool split)
{
	net_open(&(struct gls_config){ .out_of_order = true, .latency_jitter = 50 });
	for (unsigned c = 0; c < 3; c++)
		net_guest(c, &(struct gls_guest_config){ .split = split, .queue_size = 64 });
	net_reg_write(GL_BAR0_CPL_TIMEOUT, 5000);
}

static void broken_device(unsigned context, bool *left)
{
	for (unsigned i = 0; i < 200; i++) {
		if (net_status(context) & 0x40) {
			*left = true;
			return;
		}
		gls_run(nic, 200);
	}
}

/* Where the descriptors of a queue lie in host memory; they are in one piece. */
static uint64_t ring_at(unsigned context, unsigned queue, unsigned area, size_t *bytes)
{
	struct gls_ring_info r;
	gls_guest_ring(guest[context], queue, &r);
	*bytes = area == 0 ? 16ul * r.size : 4;
	return gls_guest_host_address(guest[context], area == 0	  ? r.desc
						      : area == 1 ? r.driver
								  : r.device);
}

/* All of a guest's memory that is not rings: the frame that is sent next is hit. */
static void on_frame_data(bool split)
{
	uint8_t frame[1514], s[6], d[6];
	open3(split);
	net_mac(0, s);
	net_mac(1, d);
	for (unsigned k = 0; k < 4; k++) {
		uint64_t counted = gls_stat(nic, kinds[k].counter),
			 dropped = gls_stat(nic, GL_STAT_SW_DROP_TXERR);
		/* The transmit ring is read by the NIC before the data: mark the page of the frame when its address is known. */
		struct gls_ring_info r;
		gls_guest_ring(guest[0], 1, &r);
		net_build(frame, sizeof(frame), d, s, 0);
		assert_int_equal(gls_guest_send(guest[0], frame, sizeof(frame), false), 0);
		uint64_t at = 0;
		for (unsigned i = 0; i < r.size; i++) {
			uint64_t address;
			uint32_t bytes;
			memcpy(&address, gls_guest_memory(guest[0], r.desc + 16 * i, 16), 8);
			memcpy(&bytes, gls_guest_memory(guest[0], r.desc + 16 * i + 8, 8), 4);
			uint8_t *p = address ? gls_guest_memory(guest[0], address, bytes) : NULL;
			if (p && bytes == 12 + sizeof(frame) &&
			    !memcmp(p + 12, frame, sizeof(frame)))
				at = gls_guest_host_address(guest[0], address);
		}
		assert_true(at != 0);
		gls_fault(nic, kinds[k].fault, at + 200, 64, 1);
		gls_guest_kick(guest[0]);
		for (unsigned i = 0; i < 4; i++) {
			net_send_to(0, 2, 500); /* behind it */
			net_send_to(1, 0, 300);
			net_send_to(2, WIRE, 700);
		}
		net_drain();
		gls_run(nic, 8000);
		printf("# %s: counter %llu, dropped %llu, status 0x%x\n", kinds[k].name,
		       (unsigned long long)(gls_stat(nic, kinds[k].counter) - counted),
		       (unsigned long long)(gls_stat(nic, GL_STAT_SW_DROP_TXERR) - dropped),
		       net_status(0));
		assert_int_equal(gls_stat(nic, kinds[k].counter), counted + 1);
		assert_int_equal(gls_stat(nic, GL_STAT_SW_DROP_TXERR), dropped + 1);
	}
	/* The frame is lost, the device works on. */
	assert_int_equal(net_status(0) & 0x40, 0);
	assert_true(gls_context_stat(nic, 0, GL_CSTAT_TX_DROP_ERROR) >= 4);
	net_drain();
}

static void on_frame_data_packed(void **state)
{
	(void)state;
	on_frame_data(false);
}

static void on_frame_data_split(void **state)
{
	(void)state;
	on_frame_data(true);
}

static void on_rings(bool split)
{
	open3(split);
	net_hostile(0); /* whatever its rings say then */
	for (unsigned k = 0; k < 4; k++)
		for (unsigned queue = 0; queue < 2; queue++)
			for (unsigned area = 0; area < 2; area++) {
				size_t bytes;
				uint64_t at = ring_at(0, queue, area, &bytes);
				uint64_t counted = gls_stat(nic, kinds[k].counter);
				gls_fault(nic, kinds[k].fault, at, bytes, 1);
				bool broken = false;
				for (unsigned i = 0; i < 40; i++) {
					net_try_to(0, 2, 200);
					net_send_to(1, 0, 200);
					if (i % 4 == 0)
						net_send_to(1, 2, 400);
					gls_run(nic, 300);
				}
				broken_device(0, &broken);
				if (!broken || gls_stat(nic, kinds[k].counter) != counted + 1)
					fail_msg("%s on queue %u, area %u: %sbroken, counted %llu "
						 "times",
						 kinds[k].name, queue, area, broken ? "" : "not ",
						 (unsigned long long)(gls_stat(nic,
									       kinds[k].counter) -
								      counted));
				assert_int_equal(net_needs_reset(0), GL_RESET_REASON_DMA_ERROR);
				net_drain();
				assert_int_equal(gls_guest_restart(guest[0]), 0);
				gls_run(nic, 5000);
			}
	unsigned before = net.arrived;
	for (unsigned i = 0; i < 5; i++)
		net_send_to(0, 1, 300);
	gls_run(nic, 20000);
	assert_int_equal(net.arrived, before + 5);
	net_drain();
}

static void on_packed_rings(void **state)
{
	(void)state;
	on_rings(false);
}

static void on_split_rings(void **state)
{
	(void)state;
	on_rings(true);
}

/* A completion that comes after its time-out finds nobody. */
static void a_late_completion_is_dropped(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ .latency = 3000 });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ 0 });
	gls_run(nic, 30000);
	net_hostile(0);
	net_reg_write(GL_BAR0_CPL_TIMEOUT, 1000);
	gls_run(nic, 100);
	net_send_to(0, 1, 500);
	gls_run(nic, 30000);
	assert_true(gls_stat(nic, GL_STAT_DMA_TIMEOUT) > 0);
	assert_true(gls_stat(nic, GL_STAT_PCIE_BAD_CPL) > 0);
	net_reg_write(GL_BAR0_CPL_TIMEOUT, 1000000);
	gls_run(nic, 100);
	assert_int_equal(gls_guest_restart(guest[0]), 0);
	assert_int_equal(gls_guest_restart(guest[1]), 0);
	gls_run(nic, 60000);
	unsigned before = net.arrived;
	net_send_to(0, 1, 500);
	net_send_to(1, 0, 500);
	gls_run(nic, 60000);
	assert_int_equal(net.arrived, before + 2);
}

/* Requests that the NIC does not support are answered so; broken ones are counted; nothing stops. */
static void strange_requests_from_the_host(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ 0 });
	uint64_t ur = gls_stat(nic, GL_STAT_PCIE_UR),
		 poisoned = gls_stat(nic, GL_STAT_PCIE_POISONED),
		 bad = gls_stat(nic, GL_STAT_PCIE_BAD_CPL);
	/* I/O read, memory write to no BAR, poisoned write to SCRATCH, completion that nobody asked for */
	const uint32_t io[] = { 0x02000001, 0x0000ff0f, 0x00000100 };
	const uint32_t nobar[] = { 0x40000001, 0x0000ff0f, 0x12340000, 1 };
	const uint32_t poison[] = { 0x40004001, 0x0000ff0f, 0xf000001c, 0xdeadbeef };
	const uint32_t lost[] = { 0x4a000001, 0x00000004, 0x01001f00, 0x55 };
	net_reg_write(GL_BAR0_SCRATCH, 0x12345678);
	gls_tlp_send(nic, io, 3);
	gls_tlp_send(nic, nobar, 4);
	gls_tlp_send(nic, poison, 4);
	gls_tlp_send(nic, lost, 4);
	net_send_to(0, 1, 100);
	net_drain();
	assert_int_equal(net_reg(GL_BAR0_SCRATCH), 0x12345678);
	assert_int_equal(gls_stat(nic, GL_STAT_PCIE_UR), ur + 2);
	assert_int_equal(gls_stat(nic, GL_STAT_PCIE_POISONED), poisoned + 1);
	assert_int_equal(gls_stat(nic, GL_STAT_PCIE_BAD_CPL), bad + 1);
	net_traffic(20, 1514);
	net_drain();
}

/* With bus mastering off nothing leaves the NIC; on again, and after a restart of the drivers, all is well. */
static void bus_master_off(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ 0 });
	net_traffic(20, 1514);
	net_drain();
	gls_config_write(nic, 4, 0x0002, 2);
	net_hostile(0);
	net_hostile(1);
	uint64_t requests = gls_stat(nic, GL_STAT_MSIX_SENT);
	for (unsigned i = 0; i < 5; i++)
		net_send_to(0, 1, 500);
	gls_run(nic, 30000);
	assert_int_equal(gls_stat(nic, GL_STAT_MSIX_SENT), requests);
	gls_config_write(nic, 4, 0x0006, 2);
	gls_run(nic, 1000);
	for (unsigned c = 0; c < 2; c++)
		assert_int_equal(gls_guest_restart(guest[c]), 0);
	gls_run(nic, 5000);
	unsigned before = net.arrived;
	net_send_to(0, 1, 500);
	net_send_to(1, 0, 500);
	gls_run(nic, 20000);
	assert_int_equal(net.arrived, before + 2);
}

/* dom0 takes memory away from a guest, or makes it read-only: the next access to it is refused, and nothing is written there. */
static void memory_is_taken_away(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 3; turn++) {
		open3(turn & 1);
		net_traffic(20, 1514);
		net_drain();
		net_hostile(0);
		/* 4 MiB from 0x100000; the host addresses do not change */
		assert_int_equal(gls_unmap(nic, 0, 0x100000, 4 << 20), 0);
		for (uint64_t at = 0x100000; turn != 2 && at < 0x500000; at += 4096)
			assert_int_equal(gls_map(nic, 0, at, gls_guest_host_address(guest[0], at),
						 4096, GLS_READ),
					 0);
		gls_run(nic, 2000);
		uint8_t before[4096];
		struct gls_ring_info r;
		gls_guest_ring(guest[0], 0, &r);
		const void *ring = gls_guest_memory(guest[0], r.desc, 1024);
		memcpy(before, ring, 1024);
		for (unsigned i = 0; i < 60; i++) {
			net_try_to(1, 0, 200);
			net_try_to(1, 2, 200);
			net_try_to(2, 1, 200);
			gls_run(nic, 300);
		}
		assert_int_equal(net_needs_reset(0), GL_RESET_REASON_DMA_REFUSED);
		assert_memory_equal(before, ring, 1024);
		assert_true(gls_stat(nic, GL_STAT_DMA_REFUSED) > 0);
		net_drain();
		net_teardown(NULL);
		net_setup(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(on_frame_data_packed),
		NET_TEST(on_frame_data_split),
		NET_TEST(on_packed_rings),
		NET_TEST(on_split_rings),
		NET_TEST(a_late_completion_is_dropped),
		NET_TEST(strange_requests_from_the_host),
		NET_TEST(bus_master_off),
		NET_TEST(memory_is_taken_away),
	};
	return NET_RUN(tests);
}
