// SPDX-License-Identifier: Apache-2.0
// Watchdog and RESTART on the whole NIC: firmware that hangs at a random moment under traffic is noticed at the right cycle, DMA
// ends, vector 0 reports it, and after RESTART and a new start of the firmware everything moves again; device pages, tables,
// counters and settings have stayed.
#include "cosim.h"

#define BEAT   1048576u /* the firmware's heartbeat, in cycles */
#define LIMIT  5000u	/* of the watchdog, once it is known that the firmware hangs */
#define ANSWER 40000u	/* cycles of a few accesses of BAR0 and of DMA that ends */
#define JUMP   0x6fu	/* j . */

static uint64_t reported; /* when vector 0 came last */

/* Contexts 0 to guests - 1 send to each other and to the wire, and hear from it: at least as many frames arrive. */
static void frames_arrive(unsigned turn, unsigned guests)
{
	const unsigned arrived = net.arrived;

	for (unsigned c = 0; c < guests; c++) {
		net_send_to(c, (c + 1) % guests, 1514);
		net_send_to(c, WIRE, 60);
		net_send_to(WIRE, c, 700);
	}
	gls_run(nic, 200000);
	if (net.arrived < arrived + 3 * guests)
		fail_msg("turn %u: only %u of %u frames arrive", turn, net.arrived - arrived,
			 3 * guests);
	assert_int_equal(net_problem()[0], 0);
}

static void report(void *arg)
{
	(void)arg;
	reported = gls_now(nic);
}

/* The core finds nothing but jumps to themselves, from some place on and then everywhere. */
static void hang(void)
{
	const uint32_t start = 4 * net_below(GL_IMEM_SIZE / 4);
	for (uint32_t i = 0; i < GL_IMEM_SIZE; i += 4) {
		const uint32_t at = (start + i) % GL_IMEM_SIZE;
		if (!i || !(at % 0x4000))
			net_reg_write(GL_BAR0_WINDOW, GL_IMEM_BASE + at / 0x4000 * 0x4000);
		net_reg_write(GL_BAR0_WINDOW_DATA + at % 0x4000, JUMP);
	}
	net_reg(GL_BAR0_ID);
}

static bool fired(void *arg)
{
	(void)arg;
	return reported;
}

static void wait_until_stopped(void)
{
	const uint64_t from = gls_now(nic);
	while (!(net_reg(GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_STOPPED_MASK))
		if (gls_now(nic) > from + ANSWER)
			fail_msg("DMA does not stop");
}

/* The firmware's sleep is skipped by the simulator: it is not long silence, and real silence ends at its cycle. */
static void silence_is_counted_in_skipped_time(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	gls_on_irq(nic, 0, report, NULL);
	gls_event_enable(nic, GL_BAR0_EVENT_WATCHDOG_MASK);
	net_reg_write(GL_BAR0_WATCHDOG, 2 * BEAT);
	reported = 0;
	gls_run(nic, 200 * (uint64_t)BEAT);
	assert_int_equal(reported, 0);
	assert_int_equal(net_reg(GL_BAR0_WATCHDOG_STATE), 0);
	assert_stat(WATCHDOG, 0);

	/* Asleep until its next heartbeat is due; with its memory gone that never comes. */
	hang();
	const uint32_t limit = 300000;
	net_reg_write(GL_BAR0_WATCHDOG, limit);
	net_reg(GL_BAR0_ID);
	uint64_t from = gls_now(nic);
	assert_true(gls_run_until(nic, fired, NULL, limit + ANSWER));
	assert_in_range(reported, from + limit - 300, from + limit + 600);
	assert_int_equal(gls_event(nic) & GL_BAR0_EVENT_WATCHDOG_MASK, GL_BAR0_EVENT_WATCHDOG_MASK);
	wait_until_stopped();
	assert_stat(WATCHDOG, 1);
}

static void firmware_hangs_under_traffic(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_may_repeat();
	gls_on_irq(nic, 0, report, NULL);
	for (unsigned c = 0; c < 4; c++) {
		net_guest(c, &(struct gls_guest_config){ .split = c & 1 });
		net_lossy(c);
	}
	for (unsigned turn = 0; turn < 6; turn++) {
		for (unsigned i = 0; i < 60; i++) {
			const unsigned from = net_below(5), to = net_below(5);
			if (from != to)
				net_try_to(from == 4 ? WIRE : from, to == 4 ? WIRE : to,
					   60 + net_below(1454));
		}
		gls_run(nic, net_below(8000));
		gls_event_enable(nic, GL_BAR0_EVENT_WATCHDOG_MASK);
		gls_event_clear(nic, UINT32_MAX);
		hang();
		reported = 0;
		net_reg_write(GL_BAR0_WATCHDOG, LIMIT);
		if (!gls_run_until(nic, fired, NULL, LIMIT + ANSWER))
			fail_msg("turn %u: no report", turn);
		assert_int_equal(gls_event(nic) & GL_BAR0_EVENT_WATCHDOG_MASK,
				 GL_BAR0_EVENT_WATCHDOG_MASK);
		assert_stat(WATCHDOG, turn + 1);
		wait_until_stopped();
		assert_int_equal(net_reg(GL_BAR0_STATUS) & GL_BAR0_STATUS_DMA_FLIGHT_MASK, 0);

		/* What dom0 set and the drivers wrote has stayed. */
		const uint64_t frames = gls_stat(nic, GL_STAT_SW_FROM_CTX);
		const uint32_t control = net_reg(GL_BAR0_CONTROL), status = net_status(1);
		net_reg_write(GL_BAR0_WATCHDOG, 0);
		if (gls_restart(nic))
			fail_msg("turn %u: %s", turn, gls_error(nic));
		assert_int_equal(net_reg(GL_BAR0_CONTROL), control);
		assert_int_equal(net_status(1) & GL_BAR0_CTX_STATUS_DEVICE_STATUS_MASK,
				 status & GL_BAR0_CTX_STATUS_DEVICE_STATUS_MASK);
		assert_true(gls_stat(nic, GL_STAT_SW_FROM_CTX) >= frames);
		assert_int_equal(net_reg(GL_BAR0_WATCHDOG_STATE), 0);

		for (unsigned c = 0; c < 4; c++)
			if (gls_guest_restart(guest[c]))
				fail_msg("turn %u: %s", turn, gls_error(nic));
		gls_run(nic, 20000);
		frames_arrive(turn, 4);
	}
	net_drain();
}

/* Contexts that the firmware has resumed (firmware/include/gl_mbox.h). */
static uint32_t resumed(void)
{
	const uint32_t at =
		net_reg(GL_BAR0_FW_INFO) + (uint32_t)offsetof(struct gl_fw_info, resumed);
	net_reg_write(GL_BAR0_WINDOW, GL_DMEM_BASE);
	return net_reg(GL_BAR0_WINDOW_DATA + at);
}

static bool needs_reset(unsigned context)
{
	return net_status(context) & 0x40;
}

/*
 * Drivers notice nothing: the new firmware finds where each queue stood and goes on. A guest whose used entries were being
 * written when the firmware hung needs a reset, for reason WATCHDOG, and only that one.
 */
static void guests_go_on_after_a_hang(void **state)
{
	(void)state;
	unsigned torn = 0, twice = 0;
	net_open(&(struct gls_config){ 0 });
	net_may_repeat();
	gls_on_irq(nic, 0, report, NULL);
	for (unsigned c = 0; c < 8; c++) {
		net_guest(c, &(struct gls_guest_config){ .split = c & 1,
							 .event_idx = c & 2,
							 .random_layout = c & 4,
							 .indirect = c & 4,
							 .tx_interrupts = c & 4 });
		net_lossy(c);
	}
	net_lossy(WIRE);
	for (unsigned turn = 0; turn < 12; turn++) {
		for (unsigned i = 0; i < 100; i++) {
			const unsigned from = net_below(9), to = net_below(9);
			if (from != to)
				net_try_to(from == 8 ? WIRE : from, to == 8 ? WIRE : to,
					   60 + net_below(1454));
			if (turn & 1)
				gls_run(nic, net_below(100));
		}
		gls_run(nic, net_below(4000));
		gls_event_enable(nic, GL_BAR0_EVENT_WATCHDOG_MASK);
		gls_event_clear(nic, UINT32_MAX);
		hang();
		reported = 0;
		net_reg_write(GL_BAR0_WATCHDOG, LIMIT);
		if (!gls_run_until(nic, fired, NULL, LIMIT + ANSWER))
			fail_msg("turn %u: no report", turn);
		net_reg_write(GL_BAR0_WATCHDOG, 0);
		if (gls_restart(nic))
			fail_msg("turn %u: %s", turn, gls_error(nic));
		for (unsigned c = 0; c < 8; c++) {
			const bool again = needs_reset(c);
			if ((resumed() >> c & 1) == again)
				fail_msg("turn %u context %u status %x resumed %x", turn, c,
					 net_status(c), resumed());
			if (!again)
				continue;
			torn++;
			assert_int_equal(net_needs_reset(c), GL_RESET_REASON_WATCHDOG);
			if (gls_guest_restart(guest[c]))
				fail_msg("turn %u: %s", turn, gls_error(nic));
		}
		gls_run(nic, 100000);
		frames_arrive(turn, 8);
		twice += net.twice;
		net.twice = 0;
	}
	printf("# 12 hangs: %u contexts had to be reset, %u frames arrived twice\n", torn, twice);
	net_drain();
}

/* RESTART without a hang: dom0 exchanges the firmware of a NIC at work. */
static void restart_of_a_healthy_nic(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_may_repeat();
	for (unsigned c = 0; c < 2; c++) {
		net_guest(c, &(struct gls_guest_config){ 0 });
		net_lossy(c);
	}
	for (unsigned turn = 0; turn < 8; turn++) {
		for (unsigned i = 0; i < 20; i++) {
			net_try_to(0, 1, 60 + net_below(1454));
			net_try_to(1, WIRE, 60 + net_below(1454));
			net_try_to(WIRE, 0, 60 + net_below(1454));
		}
		gls_run(nic, net_below(6000));
		/* The watchdog with its shortest limit: held at once. */
		net_reg_write(GL_BAR0_WATCHDOG, 1);
		wait_until_stopped();
		net_reg_write(GL_BAR0_WATCHDOG, 0);
		if (gls_restart(nic))
			fail_msg("turn %u: %s", turn, gls_error(nic));
		for (unsigned c = 0; c < 2; c++)
			if (gls_guest_restart(guest[c]))
				fail_msg("turn %u: %s", turn, gls_error(nic));
		gls_run(nic, 20000);
	}
	net_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(silence_is_counted_in_skipped_time),
		NET_TEST(firmware_hangs_under_traffic),
		NET_TEST(guests_go_on_after_a_hang),
		NET_TEST(restart_of_a_healthy_nic),
	};
	return NET_RUN(tests);
}
