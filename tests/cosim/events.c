// SPDX-License-Identifier: Apache-2.0
// Events: when the guest gets an interrupt and when the NIC gets a doorbell; moderation, InterruptStatus and InterruptACK, MSI-X masks.
#include "cosim.h"

static void open2(const struct gls_guest_config *config)
{
	net_open(&(struct gls_config){ 0 });
	net_guest(0, config);
	net_guest(1, config);
}

static uint64_t irqs(unsigned context)
{
	return gls_irq_count(nic, 1 + context);
}

/* Frames that come one by one: one interrupt each for the receiver, none for the sender unless it wants them. */
static void one_by_one(bool split, bool event_idx, bool tx_interrupts)
{
	open2(&(struct gls_guest_config){
		.split = split, .event_idx = event_idx, .tx_interrupts = tx_interrupts });
	uint64_t before[2] = { irqs(0), irqs(1) };
	for (unsigned i = 0; i < 10; i++) {
		net_send_to(0, 1, 300);
		gls_run(nic, 4000);
	}
	net_drain();
	assert_int_equal(irqs(1) - before[1], 10);
	assert_int_equal(irqs(0) - before[0], tx_interrupts ? 10 : 0);
}

static void one_by_one_packed(void **state)
{
	(void)state;
	one_by_one(false, false, false);
}

static void one_by_one_split(void **state)
{
	(void)state;
	one_by_one(true, false, false);
}

static void one_by_one_packed_event_idx(void **state)
{
	(void)state;
	one_by_one(false, true, false);
}

static void one_by_one_split_event_idx(void **state)
{
	(void)state;
	one_by_one(true, true, false);
}

static void transmit_interrupts_packed(void **state)
{
	(void)state;
	one_by_one(false, false, true);
}

static void transmit_interrupts_split_event_idx(void **state)
{
	(void)state;
	one_by_one(true, true, true);
}

/* In a burst, sent with event_idx, the sender is told when three quarters are done, not for each frame. */
static void event_idx_saves_interrupts(void **state)
{
	(void)state;
	for (unsigned split = 0; split < 2; split++) {
		open2(&(struct gls_guest_config){
			.split = split, .event_idx = true, .tx_interrupts = true });
		uint64_t before = irqs(0);
		for (unsigned i = 0; i < 30; i++)
			net_send_to(0, WIRE, 300);
		net_drain();
		assert_in_range(irqs(0) - before, 1, 8);
		net_teardown(NULL);
		net_setup(NULL);
	}
}

/* A polling guest gets no interrupt at all, and all frames. */
static void a_polling_guest_is_not_interrupted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		open2(&(struct gls_guest_config){
			.split = i & 1, .event_idx = i & 2, .tx_interrupts = true });
		gls_guest_poll(guest[1], true);
		gls_run(nic, 3000);
		uint64_t before = irqs(1);
		for (unsigned k = 0; k < 30; k++) {
			net_send_to(0, 1, 200);
			net_send_to(1, 0, 200);
			gls_run(nic, 500);
		}
		gls_run(nic, 20000);
		assert_int_equal(irqs(1), before);
		assert_int_equal(net.arrived, 60);
		gls_guest_poll(guest[1], false);
		net_send_to(0, 1, 200);
		net_drain();
		assert_int_equal(irqs(1), before + 1);
		net_teardown(NULL);
		net_setup(NULL);
	}
}

/* While the NIC works on a queue, its driver does not ring. */
static void doorbells_are_suppressed_under_load(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		open2(&(struct gls_guest_config){ .split = i & 1, .event_idx = i & 2 });
		net_window(WIRE, 1000);
		uint64_t before = gls_context_stat(nic, 0, GL_CSTAT_DOORBELLS);
		for (unsigned k = 0; k < 200; k++) {
			net_send_to(0, WIRE, 1000);
			gls_run(nic, 100);
		}
		net_drain();
		uint64_t rung = gls_context_stat(nic, 0, GL_CSTAT_DOORBELLS) - before;
		printf("# %s%s: %llu doorbells for 200 frames\n", i & 1 ? "split" : "packed",
		       i & 2 ? " event_idx" : "", (unsigned long long)rung);
		assert_in_range(rung, 1, 100);
		net_teardown(NULL);
		net_setup(NULL);
	}
}

static void moderation_spaces_interrupts(void **state)
{
	(void)state;
	open2(&(struct gls_guest_config){ 0 });
	net_reg_write(GL_BAR0_IRQ_MODERATION, 20000);
	gls_run(nic, 25000);
	uint64_t before = irqs(1), held = gls_stat(nic, GL_STAT_IRQ_MODERATED),
		 begin = gls_now(nic);
	for (unsigned i = 0; i < 30; i++) {
		net_send_to(0, 1, 300);
		gls_run(nic, 1500);
	}
	net_drain();
	uint64_t n = irqs(1) - before, cycles = gls_now(nic) - begin;
	printf("# %llu interrupts in %llu cycles\n", (unsigned long long)n,
	       (unsigned long long)cycles);
	assert_in_range(n, 2, cycles / 20000 + 2);
	assert_true(gls_stat(nic, GL_STAT_IRQ_MODERATED) > held);
}

/* InterruptACK clears only what the last read of InterruptStatus showed. */
static void acknowledge_does_not_race(void **state)
{
	(void)state;
	open2(&(struct gls_guest_config){ 0 });
	gls_on_irq(nic, 1, NULL, NULL); /* guest 0's driver is this test */
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_INTERRUPT_STATUS, 4), 0);
	net_lossy(0);
	net_send_to(1, 0, 100);
	gls_run(nic, 10000);
	uint64_t first = irqs(0);
	/* Not read yet: nothing is cleared. */
	gls_guest_write(guest[0], GL_DEV_INTERRUPT_ACK, 3, 4);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_INTERRUPT_STATUS, 4), 1);
	/* Shown, but the next one comes before the acknowledge: it stays, and there was another message. */
	net_send_to(1, 0, 100);
	gls_run(nic, 10000);
	assert_int_equal(irqs(0), first + 1);
	gls_guest_write(guest[0], GL_DEV_INTERRUPT_ACK, 1, 4);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_INTERRUPT_STATUS, 4), 1);
	gls_guest_write(guest[0], GL_DEV_INTERRUPT_ACK, 1, 4);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_INTERRUPT_STATUS, 4), 0);
}

static void a_masked_vector_is_pending(void **state)
{
	(void)state;
	open2(&(struct gls_guest_config){ 0 });
	uint32_t msix = net_capability(0x11), pba = gls_config_read(nic, msix + 8, 4) & ~7u;
	uint64_t before = irqs(1);
	/* Vector 2 is context 1's. */
	gls_write(nic, GLS_BAR4, 2 * 16 + 12, 1, 4);
	gls_run(nic, 100);
	net_send_to(0, 1, 100);
	net_send_to(0, WIRE, 100);
	gls_run(nic, 20000);
	assert_int_equal(irqs(1), before);
	assert_int_equal(gls_read(nic, GLS_BAR4, pba, 4), 1u << 2);
	assert_true(gls_stat(nic, GL_STAT_MSIX_MASKED) > 0);
	gls_write(nic, GLS_BAR4, 2 * 16 + 12, 0, 4);
	net_drain();
	assert_int_equal(irqs(1), before + 1);
	assert_int_equal(gls_read(nic, GLS_BAR4, pba, 4), 0);
	/* All of the function. */
	gls_config_write(nic, msix + 2, 0xc000, 2);
	net_send_to(0, 1, 100);
	gls_run(nic, 20000);
	assert_int_equal(irqs(1), before + 1);
	gls_config_write(nic, msix + 2, 0x8000, 2);
	net_drain();
	assert_int_equal(irqs(1), before + 2);
}

/* Link down and up: a configuration interrupt, a new generation. */
static void a_change_of_the_link_is_told(void **state)
{
	(void)state;
	open2(&(struct gls_guest_config){ 0 });
	gls_on_irq(nic, 1, NULL, NULL);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_CONFIG + 6, 2), 1);
	uint32_t generation = gls_guest_read(guest[0], GL_DEV_CONFIG_GENERATION, 4);
	struct gl_mbox_req req = { GL_MBOX_VERSION,
				   GL_MBOX_CTX_CONFIGURE,
				   7,
				   0,
				   sizeof(struct gl_mbox_ctx_config),
				   0,
				   { 0 } };
	struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_LINK, .link_up = 0 };
	struct gl_mbox_resp resp;
	memcpy(req.payload, &config, sizeof(config));
	uint64_t before = irqs(0);
	assert_int_equal(gls_mailbox(nic, &req, sizeof(req), &resp, sizeof(resp)), sizeof(resp));
	assert_int_equal(resp.status, GL_MBOX_STATUS_OK);
	gls_run(nic, 5000);
	assert_int_equal(irqs(0), before + 1);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_INTERRUPT_STATUS, 4), 2);
	assert_int_equal(gls_guest_read(guest[0], GL_DEV_CONFIG + 6, 2), 0);
	assert_true(gls_guest_read(guest[0], GL_DEV_CONFIG_GENERATION, 4) != generation);
}

static void counters_agree_with_the_traffic(void **state)
{
	(void)state;
	open2(&(struct gls_guest_config){ 0 });
	for (unsigned i = 0; i < 10; i++) {
		net_send_to(0, 1, 100);
		net_send_to(1, WIRE, 200);
		net_send_to(WIRE, 0, 300);
	}
	net_drain();
	assert_cstat(0, TX_FRAMES, 10);
	assert_cstat(0, TX_BYTES, 1000);
	assert_cstat(0, RX_FRAMES, 10);
	assert_cstat(0, RX_BYTES, 3000);
	assert_cstat(1, TX_FRAMES, 10);
	assert_cstat(1, TX_BYTES, 2000);
	assert_cstat(1, RX_FRAMES, 10);
	assert_cstat(1, RX_BYTES, 1000);
	assert_stat(MAC_TX_FRAMES, 10);
	assert_stat(MAC_RX_FRAMES, 10);
	assert_stat(SW_FROM_WIRE, 10);
	assert_stat(SW_FROM_CTX, 20);
	assert_stat(SW_TO_WIRE, 10);
	assert_stat(SW_TO_CTX, 20);
	uint64_t cycles = gls_read64(nic, GLS_BAR0, GL_BAR0_CYCLES_LO);
	uint64_t busy = gls_read64(nic, GLS_BAR0, GL_BAR0_CYC_FIRMWARE_LO),
		 wait = gls_read64(nic, GLS_BAR0, GL_BAR0_CYC_DMAWAIT_LO),
		 idle = gls_read64(nic, GLS_BAR0, GL_BAR0_CYC_IDLE_LO);
	assert_true(busy > 0 && idle > 0);
	assert_true(busy + wait + idle <= cycles + 10000);
	assert_true(gls_read64(nic, GLS_BAR0, GL_BAR0_TX_RESIDENCE_LO) > 20 * 20);
	assert_true(gls_read64(nic, GLS_BAR0, GL_BAR0_RX_RESIDENCE_LO) > 10 * 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(one_by_one_packed),
		NET_TEST(one_by_one_split),
		NET_TEST(one_by_one_packed_event_idx),
		NET_TEST(one_by_one_split_event_idx),
		NET_TEST(transmit_interrupts_packed),
		NET_TEST(transmit_interrupts_split_event_idx),
		NET_TEST(event_idx_saves_interrupts),
		NET_TEST(a_polling_guest_is_not_interrupted),
		NET_TEST(doorbells_are_suppressed_under_load),
		NET_TEST(moderation_spaces_interrupts),
		NET_TEST(acknowledge_does_not_race),
		NET_TEST(a_masked_vector_is_pending),
		NET_TEST(a_change_of_the_link_is_told),
		NET_TEST(counters_agree_with_the_traffic),
	};
	return NET_RUN(tests);
}
