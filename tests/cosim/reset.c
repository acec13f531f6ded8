// SPDX-License-Identifier: Apache-2.0
// Resets at any time: of a device by its driver, of a context by dom0, of the function, of the NIC, of the firmware; and the mailbox with
// everything that it must refuse.
#include "cosim.h"

static void open4(void)
{
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 4; c++)
		net_guest(c, &(struct gls_guest_config){
				     .split = c & 1, .random_layout = c & 2, .indirect = c & 2 });
}

/* Frames reach a guest that was down, and those that it sends arrive. */
static void works(unsigned context, unsigned other)
{
	gls_run(nic, 5000);
	unsigned before = net.arrived;
	for (unsigned i = 0; i < 3; i++) {
		net_send_to(context, other, 300);
		net_send_to(other, context, 300);
	}
	for (unsigned i = 0; i < 100 && net.arrived < before + 6; i++)
		gls_run(nic, 500);
	if (net.arrived < before + 6)
		fail_msg("only %u of 6 frames after a reset of context %u", net.arrived - before,
			 context);
}

/* What drivers of lossy guests left in their rings is theirs; frames that were under way may have come or not. */
static void a_driver_resets_its_device_under_traffic(void **state)
{
	(void)state;
	open4();
	net_lossy(0);
	net_lossy(1);
	for (unsigned i = 0; i < 6; i++) {
		unsigned context = i & 1;
		/* Bursts to and from it, so that DMA is in flight when the reset comes, sooner or later in it. */
		for (unsigned k = 0; k < 8; k++) {
			net_try_to(context, 2, 60 + net_below(1400));
			net_try_to(2, context, 60 + net_below(1400));
			net_try_to(3, 2, 60 + net_below(1400));
			net_try_to(2, WIRE, 60 + net_below(1400));
		}
		gls_run(nic, net_below(4000));
		if (gls_guest_restart(guest[context]))
			fail_msg("%s", gls_error(nic));
		works(context, 3);
	}
	net_drain();
	assert_true(gls_context_stat(nic, 0, GL_CSTAT_RESETS) >= 3);
}

/* Status 0 at each point of the bring-up, and bring-up at once after it. */
static void a_reset_during_bring_up(void **state)
{
	(void)state;
	open4();
	net_hostile(0);
	for (unsigned i = 0; i < 5; i++) {
		static const uint32_t steps[] = { 1, 3, 11, 15 };
		gls_guest_write(guest[0], GL_DEV_STATUS, 0, 4);
		for (unsigned k = 0; k < i % 5 && k < 4; k++)
			gls_guest_write(guest[0], GL_DEV_STATUS, steps[k], 4);
		gls_run(nic, net_below(600));
		net_traffic_among(0x10000000eull, 4, 1514);
		if (gls_guest_restart(guest[0]))
			fail_msg("%s", gls_error(nic));
		works(0, 1);
	}
	net_drain();
}

static int mailbox(unsigned command, unsigned context, const void *payload, size_t bytes,
		   void *answer, size_t room)
{
	static unsigned sequence;
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = (uint16_t)command,
				   .sequence = ++sequence,
				   .context = (uint16_t)context,
				   .length = (uint16_t)bytes };
	struct gl_mbox_resp resp;
	if (bytes)
		memcpy(req.payload, payload, bytes);
	assert_int_equal(gls_mailbox(nic, &req, sizeof(req), &resp, sizeof(resp)), sizeof(resp));
	assert_int_equal(resp.sequence, sequence);
	assert_int_equal(resp.command, command);
	if (answer)
		memcpy(answer, resp.payload, room);
	return resp.status;
}

/* dom0 takes a context away in the middle of its traffic: its DMA ends at once, nothing of it is left, others see nothing. */
static void dom0_disables_a_context_under_traffic(void **state)
{
	(void)state;
	open4();
	net_hostile(0);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 8; k++) {
			net_try_to(0, 2, 1000);
			net_try_to(2, 0, 1000);
			net_try_to(3, 2, 700);
		}
		gls_run(nic, net_below(3000));
		gls_enable_context(nic, 0, false);
		assert_int_equal(mailbox(GL_MBOX_CTX_DISABLE, 0, NULL, 0, NULL, 0),
				 GL_MBOX_STATUS_OK);
		assert_int_equal(net_status(0) & (GL_BAR0_CTX_STATUS_RUN_MASK | 0xff), 0);
		assert_int_equal(gls_guest_read(guest[0], GL_DEV_DEVICE_ID, 4), 0);
		/* Its memory is not touched any more. */
		struct gls_ring_info r;
		gls_guest_ring(guest[0], 0, &r);
		memset(gls_guest_memory(guest[0], r.desc, 4096), 0xee, 4096);
		gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 0, 4);
		gls_guest_write(guest[0], GL_DEV_QUEUE_NOTIFY, 1, 4);
		net_traffic_among(0x10000000eull, 10, 1514);
		const uint8_t *p = gls_guest_memory(guest[0], r.desc, 4096);
		for (unsigned b = 0; b < 4096; b++)
			assert_int_equal(p[b], 0xee);
		assert_int_equal(mailbox(GL_MBOX_CTX_DESTROY, 0, NULL, 0, NULL, 0),
				 GL_MBOX_STATUS_OK);
		if (gls_guest_restart(guest[0]))
			fail_msg("%s", gls_error(nic));
		works(0, 1);
	}
	net_drain();
}

/* Guests go under traffic, and others with other rings, memory and MTU take their contexts. */
static void guests_come_and_go(void **state)
{
	(void)state;
	open4();
	net_hostile(0);
	/* Else frames to a guest that has just gone leave to the wire. */
	for (unsigned c = 1; c < 4; c++)
		net_switch(c, SW(ENABLE) | SW(BROADCAST));
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 8; k++) {
			net_try_to(0, 2, 1000);
			net_try_to(2, 0, 1000);
			net_try_to(3, 2, 700);
		}
		gls_run(nic, net_below(3000));
		net_leave(0);
		net_traffic_among(0x10000000eull, 5, 1514);
		/* A broadcast that is still in a sender's ring would reach the next guest, rightly. */
		gls_settle(nic, 2000000);
		net_guest(0, &(struct gls_guest_config){ .split = i & 1,
							 .queue_size = 32u << (i % 3),
							 .memory = (1u + i) << 20,
							 .memory_at = 0x40000000ull * (i + 1),
							 .mtu = i & 1 ? 1500 : 9000,
							 .random_layout = i & 2 });
		net_hostile(0);
		works(0, 1);
	}
	net_drain();
}

static void all_lossy(void)
{
	for (unsigned p = 0; p < PORTS; p++)
		net_lossy(p);
}

static void all_again(void)
{
	if (gls_boot(nic))
		fail_msg("%s", gls_error(nic));
	for (unsigned c = 0; c < 4; c++)
		if (gls_guest_restart(guest[c]))
			fail_msg("%s", gls_error(nic));
	for (unsigned c = 0; c < 4; c++)
		works(c, (c + 1) % 4);
	net_traffic(20, 1514);
}

static void busy(unsigned frames)
{
	for (unsigned i = 0; i < frames; i++)
		net_try_to(i % 5 == 4 ? WIRE : i % 5, (i + 1) % 4, 60 + net_below(1400));
	gls_run(nic, net_below(3000));
}

static void function_level_reset_under_traffic(void **state)
{
	(void)state;
	open4();
	all_lossy();
	for (unsigned i = 0; i < 2; i++) {
		uint32_t pcie = net_capability(0x10);
		busy(30);
		gls_config_write(nic, pcie + 8, 0x8000 | gls_config_read(nic, pcie + 8, 2), 2);
		gls_run(nic, 2000); /* a host waits 100 ms */
		assert_int_equal(gls_config_read(nic, 4, 2) & 6, 0);
		all_again();
	}
	net_drain();
}

static void reset_through_bar0_under_traffic(void **state)
{
	(void)state;
	open4();
	all_lossy();
	for (unsigned i = 0; i < 2; i++) {
		busy(30);
		net_reg_write(GL_BAR0_RESET, 1);
		gls_run(nic, 2000);
		/* PCI configuration is as it was: registers answer. */
		assert_int_equal(net_reg(GL_BAR0_ID), GL_ID_VALUE);
		assert_int_equal(net_reg(GL_BAR0_CONTROL), 0);
		all_again();
	}
	net_drain();
}

static void new_firmware_under_traffic(void **state)
{
	(void)state;
	open4();
	all_lossy();
	for (unsigned i = 0; i < 2; i++) {
		busy(30);
		all_again();
	}
	net_drain();
}

static void the_mailbox_refuses_what_is_wrong(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	struct gl_mbox_info info;
	struct gl_mbox_ctx_config good = { .fields = GL_MBOX_FIELD_ALL,
					   .mtu = 1500,
					   .queue_size = 64,
					   .mac = { 2, 1, 2, 3, 4, 5 },
					   .link_up = 1 };
	struct gl_mbox_ctx_config c;
	unsigned n = gls_contexts(nic);
	assert_int_equal(mailbox(GL_MBOX_NOP, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(mailbox(GL_MBOX_GET_INFO, 0, NULL, 0, &info, sizeof(info)),
			 GL_MBOX_STATUS_OK);
	assert_int_equal(info.abi_version, GL_MBOX_VERSION);
	assert_int_equal(info.contexts, n);
	assert_int_equal(info.queue_size_max, GL_QUEUE_SIZE_MAX);
	assert_int_equal(mailbox(200, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_COMMAND);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, n, &good, sizeof(good), NULL, 0),
			 GL_MBOX_STATUS_CONTEXT);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, 0xffff, &good, sizeof(good), NULL, 0),
			 GL_MBOX_STATUS_CONTEXT);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, 0, &good, sizeof(good) - 1, NULL, 0),
			 GL_MBOX_STATUS_LENGTH);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_LENGTH);
	for (unsigned i = 0; i < 5; i++) {
		c = good;
		switch (i) {
		case 0:
			c.mtu = 67;
			break;
		case 1:
			c.mtu = 9001;
			break;
		case 2:
			c.queue_size = GL_QUEUE_SIZE_MAX + 1;
			break;
		case 3:
			c.link_up = 2;
			break;
		default:
			c.mac[0] = 3; /* a group */
			break;
		}
		if (mailbox(GL_MBOX_CTX_CREATE, 0, &c, sizeof(c), NULL, 0) != GL_MBOX_STATUS_VALUE)
			fail_msg("configuration %u was not refused", i);
	}
	assert_int_equal(mailbox(GL_MBOX_CTX_ENABLE, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(mailbox(GL_MBOX_CTX_DESTROY, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(mailbox(GL_MBOX_CTX_DISABLE, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	assert_int_equal(mailbox(GL_MBOX_CTX_CONFIGURE, 0, &good, sizeof(good), NULL, 0),
			 GL_MBOX_STATUS_STATE);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, 0, &good, sizeof(good), NULL, 0),
			 GL_MBOX_STATUS_OK);
	assert_int_equal(mailbox(GL_MBOX_CTX_CREATE, 0, &good, sizeof(good), NULL, 0),
			 GL_MBOX_STATUS_STATE);
	assert_int_equal(mailbox(GL_MBOX_CTX_ENABLE, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_OK);
	assert_int_equal(mailbox(GL_MBOX_CTX_DESTROY, 0, NULL, 0, NULL, 0), GL_MBOX_STATUS_STATE);
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION + 1 };
	struct gl_mbox_resp resp;
	assert_int_equal(gls_mailbox(nic, &req, sizeof(req), &resp, sizeof(resp)), sizeof(resp));
	assert_int_equal(resp.status, GL_MBOX_STATUS_VERSION);
	/* Another context works. */
	net_guest(1, &(struct gls_guest_config){ 0 });
	net_send_to(1, WIRE, 100);
	net_send_to(WIRE, 1, 100);
	net_drain();
}

/* Random bytes as requests: each is answered. */
static void the_mailbox_answers_noise(void **state)
{
	(void)state;
	open4();
	for (unsigned i = 0; i < 60; i++) {
		struct gl_mbox_req req;
		struct gl_mbox_resp resp;
		for (unsigned k = 0; k < sizeof(req); k++)
			((uint8_t *)&req)[k] = (uint8_t)net_below(256);
		if (net_below(4))
			req.version = GL_MBOX_VERSION;
		if (net_below(4))
			req.command = (uint16_t)net_below(12);
		req.context = (uint16_t)(4 + net_below(40));
		if (net_below(2))
			req.length = (uint16_t)net_below(300);
		assert_int_equal(gls_mailbox(nic, &req, sizeof(req), &resp, sizeof(resp)),
				 sizeof(resp));
		assert_int_equal(resp.sequence, req.sequence);
		if (i % 10 == 0)
			net_traffic_among(0x10000000full, 5, 1514);
	}
	net_drain();
}

static void firmware_that_is_none(void **state)
{
	(void)state;
	struct gls_config c = { .firmware = "/nonexistent.elf" };
	assert_null(gls_open(&c));
	assert_non_null(strstr(gls_error(NULL), "/nonexistent.elf"));
	c.firmware = "/bin/sh";
	assert_null(gls_open(&c));
	assert_non_null(strstr(gls_error(NULL), "RISC-V"));
}

static void the_heart_beats(void **state)
{
	(void)state;
	open4();
	uint32_t before = net_reg(GL_BAR0_FW_HEARTBEAT);
	gls_run(nic, 5000000); /* mostly skipped */
	assert_in_range(net_reg(GL_BAR0_FW_HEARTBEAT) - before, 3, 6);
	assert_true(gls_now(nic) - gls_simulated(nic) > 4000000);
	net_traffic(10, 1514);
	net_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_driver_resets_its_device_under_traffic),
		NET_TEST(a_reset_during_bring_up),
		NET_TEST(dom0_disables_a_context_under_traffic),
		NET_TEST(guests_come_and_go),
		NET_TEST(function_level_reset_under_traffic),
		NET_TEST(reset_through_bar0_under_traffic),
		NET_TEST(new_firmware_under_traffic),
		NET_TEST(the_mailbox_refuses_what_is_wrong),
		NET_TEST(the_mailbox_answers_noise),
		NET_TEST(firmware_that_is_none),
		NET_TEST(the_heart_beats),
	};
	return NET_RUN(tests);
}
