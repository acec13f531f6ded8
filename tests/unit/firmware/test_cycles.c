/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the firmware to the cycles per 64-octet frame that firmware/fastpath.c states, plus 10 %: the NIC in simulation, loaded with
 * more than the wire carries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gl_mbox.h"
#include "guestlane_regs.h"
#include "guestlane_sim.h"

#define OCTETS	 60u
/* Long against the 512 frames that 32 receive queues write back at once, and the start, when all guests ring at once. */
#define WARM	 250000u
#define MEASURE	 400000u
#define STEP	 336u /* cycles of four frames on the wire */
#define CONTEXTS 32u

enum direction { TX = 1, RX = 2, BOTH = 3 };

struct load {
	struct gls *s;
	struct gls_guest *guest[CONTEXTS];
	unsigned contexts;
	unsigned next;
	uint64_t sent, received;
};

static const uint8_t wire_mac[6] = { 2, 0, 0, 0, 1, 0 };

static void frame_for(uint8_t *frame, const uint8_t *to, const uint8_t *from)
{
	memset(frame, 0x5a, OCTETS);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = 0x88; /* local experimental ethertype */
	frame[13] = 0xb5;
}

static void on_wire(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct load *l = arg;

	(void)frame;
	(void)bytes;
	l->sent += fcs_ok;
}

static void on_receive(void *arg, const uint8_t *frame, size_t bytes)
{
	struct load *l = arg;

	(void)frame;
	(void)bytes;
	l->received++;
}

static void fill(struct load *l, enum direction direction)
{
	uint8_t frame[OCTETS], mac[6] = { 2, 0, 0, 0, 0, 0 };

	while (direction & RX && gls_wire_pending(l->s) < 8) {
		mac[5] = (uint8_t)l->next;
		frame_for(frame, mac, wire_mac);
		gls_wire_send(l->s, frame, OCTETS, GLS_WIRE_OK);
		l->next = (l->next + 1) % l->contexts;
	}
	for (unsigned i = 0; direction & TX && i < l->contexts; i++) {
		mac[5] = (uint8_t)i;
		frame_for(frame, wire_mac, mac);
		while (gls_guest_tx_free(l->guest[i]) &&
		       !gls_guest_send(l->guest[i], frame, OCTETS, true))
			;
	}
}

/* Cycles per frame of the loaded directions, the slower one. */
static double measure(unsigned contexts, enum direction direction)
{
	const struct gls_config config = { 0 };
	struct load l = { .contexts = contexts };
	double tx = 0, rx = 0;

	l.s = gls_open(&config);
	if (!l.s)
		fail_msg("%s", gls_error(NULL));
	gls_on_wire(l.s, on_wire, &l);
	for (unsigned i = 0; i < contexts; i++) {
		const struct gls_guest_config guest = {
			.context = i,
			.mac = { 2, 0, 0, 0, 0, (uint8_t)i },
			.switch_control =
				GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_TO_WIRE_MASK,
		};
		l.guest[i] = gls_guest_new(l.s, &guest);
		if (!l.guest[i])
			fail_msg("%s", gls_error(l.s));
		gls_guest_on_receive(l.guest[i], on_receive, &l);
	}
	gls_write(l.s, GLS_BAR0, GL_BAR0_CONTROL,
		  gls_read(l.s, GLS_BAR0, GL_BAR0_CONTROL, 4) | GL_BAR0_CONTROL_MAC_TX_MASK |
			  GL_BAR0_CONTROL_MAC_RX_MASK,
		  4);
	for (uint64_t end = gls_now(l.s) + WARM; gls_now(l.s) < end; gls_run(l.s, STEP))
		fill(&l, direction);
	l.sent = l.received = 0;
	const uint64_t from = gls_now(l.s);
	while (gls_now(l.s) < from + MEASURE) {
		fill(&l, direction);
		gls_run(l.s, STEP);
	}
	const double cycles = (double)(gls_now(l.s) - from);
	if (direction & TX) {
		assert_true(l.sent > 0);
		tx = cycles / (double)l.sent;
	}
	if (direction & RX) {
		assert_true(l.received > 0);
		rx = cycles / (double)l.received;
	}
	printf("# %u contexts: transmit %.1f receive %.1f cycles per frame\n", contexts, tx, rx);
	for (unsigned i = 0; i < contexts; i++)
		gls_guest_free(l.guest[i]);
	gls_close(l.s);
	return tx > rx ? tx : rx;
}

/* Figures of firmware/fastpath.c plus 10 %. */
static void transmit(void **state)
{
	(void)state;
	assert_true(measure(1, TX) < 86 * 1.1);
}

static void receive(void **state)
{
	(void)state;
	assert_true(measure(1, RX) < 102 * 1.1);
}

static void receive_32(void **state)
{
	(void)state;
	assert_true(measure(32, RX) < 102 * 1.1);
}

static void both(void **state)
{
	(void)state;
	assert_true(measure(1, BOTH) < 174 * 1.1);
}

static void both_32(void **state)
{
	(void)state;
	assert_true(measure(32, BOTH) < 184 * 1.1);
}

/* An exception stops the firmware; the host reads its cause, and the NIC's registers still answer. */
static void panic(void **state)
{
	const struct gls_config config = { 0 };
	struct gls *s = gls_open(&config);
	struct gl_fw_info info;
	uint32_t *words = (uint32_t *)&info;

	(void)state;
	if (!s)
		fail_msg("%s", gls_error(NULL));
	const uint32_t at = gls_read(s, GLS_BAR0, GL_BAR0_FW_INFO, 4);
	gls_write(s, GLS_BAR0, GL_BAR0_WINDOW, GL_IMEM_BASE, 4);
	for (uint32_t i = 0x100; i < 0x4000;
	     i += 4) /* behind entry and trap handler: no instruction is all zeros */
		gls_write(s, GLS_BAR0, GL_BAR0_WINDOW_DATA + i, 0, 4);
	gls_write(s, GLS_BAR0, GL_BAR0_WINDOW, GL_IMEM_BASE + 0x4000, 4);
	for (uint32_t i = 0; i < 0x4000; i += 4)
		gls_write(s, GLS_BAR0, GL_BAR0_WINDOW_DATA + i, 0, 4);
	gls_write(s, GLS_BAR0, GL_BAR0_MBOX_DOORBELL, 1, 4); /* wakes it */
	gls_read(s, GLS_BAR0, GL_BAR0_ID, 4);
	gls_run(s, 1000);
	assert_int_equal(gls_read(s, GLS_BAR0, GL_BAR0_FW_STATE, 4), GL_FW_PANIC | 2);
	gls_write(s, GLS_BAR0, GL_BAR0_WINDOW, GL_DMEM_BASE, 4);
	for (uint32_t i = 0; i < sizeof(info) / 4; i++)
		words[i] = gls_read(s, GLS_BAR0, GL_BAR0_WINDOW_DATA + at + 4 * i, 4);
	assert_int_equal(info.magic, GL_FW_INFO_MAGIC);
	assert_int_equal(info.trap_cause, 2);
	assert_in_range(info.trap_pc, 0x100, GL_IMEM_SIZE);
	assert_int_equal(gls_read(s, GLS_BAR0, GL_BAR0_STATUS, 4) & GL_BAR0_STATUS_CORE_SLEEP_MASK,
			 1);
	gls_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transmit), cmocka_unit_test(receive), cmocka_unit_test(receive_32),
		cmocka_unit_test(both),	    cmocka_unit_test(both_32), cmocka_unit_test(panic),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
