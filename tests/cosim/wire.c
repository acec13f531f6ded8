// SPDX-License-Identifier: Apache-2.0
// The wire: broken frames are counted and dropped, pause frames, line rate, bits of BAR0.CONTROL, the pcapng record.
#include "cosim.h"

static bool words; /* the wire without a rate */

static void open2(void)
{
	net_open(&(struct gls_config){ 0 });
	gls_wire_words(nic, words);
	for (unsigned c = 0; c < 2; c++)
		net_guest(c, &(struct gls_guest_config){ .split = c });
}

static size_t to_guest(uint8_t *frame, unsigned to, size_t bytes)
{
	uint8_t d[6], s[6];
	net_mac(to, d);
	net_mac(WIRE, s);
	net_build(frame, bytes, d, s, 0);
	return bytes;
}

static void broken_frames_are_counted_and_dropped(void **state)
{
	(void)state;
	static uint8_t frame[12000];
	open2();
	net_send_to(WIRE, 0, 300);
	gls_wire_send(nic, frame, to_guest(frame, 0, 300), GLS_WIRE_BAD_FCS);
	gls_wire_send(nic, frame, to_guest(frame, 0, 60), GLS_WIRE_BAD_FCS);
	net_send_to(WIRE, 0, 60);
	gls_wire_send(nic, frame, to_guest(frame, 1, 500), GLS_WIRE_RX_ER);
	net_send_to(WIRE, 1, 61);
	gls_wire_send(nic, frame, to_guest(frame, 0, 59), GLS_WIRE_CUT);
	gls_wire_send(nic, frame, to_guest(frame, 0, 20), GLS_WIRE_CUT);
	gls_wire_send(nic, frame, to_guest(frame, 0, 2), GLS_WIRE_CUT);
	net_send_to(WIRE, 1, 1514);
	gls_wire_send(nic, frame, to_guest(frame, 0, 9100), GLS_WIRE_OK);
	gls_wire_send(nic, frame, to_guest(frame, 0, 11000), GLS_WIRE_OK);
	net_send_to(WIRE, 0, 100);
	net_drain();
	assert_int_equal(net.arrived, 5);
	assert_stat(MAC_RX_FRAMES, 5);
	assert_stat(MAC_RX_BAD_FCS, 2);
	assert_stat(MAC_RX_ER, 1);
	assert_stat(MAC_RX_RUNT, 3);
	assert_stat(MAC_RX_GIANT, 2);
}

static void max_frame_is_the_limit(void **state)
{
	(void)state;
	static uint8_t frame[2000];
	open2();
	net_reg_write(GL_BAR0_MAX_FRAME, 1000);
	net_send_to(WIRE, 0, 1000);
	gls_wire_send(nic, frame, to_guest(frame, 0, 1001), GLS_WIRE_OK);
	net_send_to(WIRE, 0, 999);
	net_drain();
	assert_int_equal(net.arrived, 2);
	assert_stat(MAC_RX_GIANT, 1);
}

/* A frame longer than a receive buffer of a guest without merging is dropped, and counted for that guest only. */
static void a_frame_too_long_for_the_guest_is_dropped(void **state)
{
	(void)state;
	static uint8_t frame[9000];
	net_open(&(struct gls_config){ 0 });
	gls_wire_words(nic, words);
	net_guest(0, &(struct gls_guest_config){ .no_mergeable = true });
	net_guest(1, &(struct gls_guest_config){ .mtu = 9000 });
	gls_wire_send(nic, frame, to_guest(frame, 0, 4000), GLS_WIRE_OK);
	net_send_to(WIRE, 0, 1514);
	net_send_to(WIRE, 1, 4000);
	net_drain();
	assert_int_equal(net.arrived, 2);
	assert_cstat(0, RX_DROP_ERROR, 1);
	assert_cstat(1, RX_DROP_ERROR, 0);
}

static void frames_without_a_buffer_are_dropped_and_counted(void **state)
{
	(void)state;
	open2();
	/* The guest's driver sleeps: no interrupt reaches it. */
	gls_on_irq(nic, 1, NULL, NULL);
	net_lossy(0);
	net_window(0, 1000);
	gls_wire_gap(nic, 500);
	for (unsigned i = 0; i < 400; i++) {
		if (words)
			gls_run(nic, 500);
		net_send_to(WIRE, 0, 60);
		if (i % 10 == 0)
			net_send_to(WIRE, 1, 200);
	}
	net_drain();
	uint64_t dropped = gls_context_stat(nic, 0, GL_CSTAT_RX_DROP_NODESC);
	uint64_t delivered = gls_context_stat(nic, 0, GL_CSTAT_RX_FRAMES);
	assert_int_equal(delivered, 256);
	assert_int_equal(delivered + dropped, 400);
	assert_cstat(1, RX_FRAMES, 40);
}

static void frames_before_the_driver_is_up_are_dropped(void **state)
{
	(void)state;
	static uint8_t frame[100];
	open2();
	gls_guest_write(guest[0], GL_DEV_STATUS, 0, 4);
	gls_run(nic, 5000);
	for (unsigned i = 0; i < 7; i++)
		gls_wire_send(nic, frame, to_guest(frame, 0, 100), GLS_WIRE_OK);
	net_send_to(WIRE, 1, 100);
	net_drain();
	assert_cstat(0, RX_DROP_NOTREADY, 7);
	assert_int_equal(gls_guest_restart(guest[0]), 0);
	gls_run(nic, 5000);
	net_send_to(WIRE, 0, 100);
	net_drain();
}

static unsigned on_wire;

static void count(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	(void)arg, (void)frame, (void)bytes;
	on_wire += fcs_ok;
}

static void pause_frames_hold_the_transmitter(void **state)
{
	(void)state;
	open2();
	gls_on_wire(nic, count, NULL);
	on_wire = 0;
	uint8_t frame[60] = {
		0x01, 0x80, 0xc2, 0, 0, 1, 2, 2, 2, 2, 2, 2, 0x88, 0x08, 0, 1, 0, 200
	};
	gls_wire_send(nic, frame, 60, GLS_WIRE_OK); /* 200 quanta of 512 bit times: 12800 cycles */
	gls_run(nic, 500);
	uint8_t to_wire[200], s[6], d[6];
	net_mac(0, s);
	net_mac(WIRE, d);
	net_build(to_wire, 200, d, s, 0);
	assert_int_equal(gls_guest_send(guest[0], to_wire, 200, true), 0);
	gls_run(nic, 11000);
	assert_int_equal(on_wire, words); /* a wire without a rate has no bit times */
	gls_run(nic, 4000);
	assert_int_equal(on_wire, 1);
	assert_stat(MAC_RX_PAUSE, 1);
}

static void switches_of_the_mac(void **state)
{
	(void)state;
	open2();
	uint32_t control = net_reg(GL_BAR0_CONTROL);
	net_reg_write(GL_BAR0_CONTROL, control & ~GL_BAR0_CONTROL_MAC_RX_MASK);
	gls_run(nic, 100);
	static uint8_t frame[100];
	gls_wire_send(nic, frame, to_guest(frame, 0, 100), GLS_WIRE_OK);
	gls_run(nic, 3000);
	net_reg_write(GL_BAR0_CONTROL, control & ~GL_BAR0_CONTROL_MAC_TX_MASK);
	net_send_to(0, WIRE, 100);
	gls_run(nic, 10000);
	assert_int_equal(net.arrived, 0);
	net_reg_write(GL_BAR0_CONTROL, control);
	net_send_to(WIRE, 0, 200);
	net_drain();
	assert_int_equal(net.arrived, 2);
}

/* A new NIC. */
static void again(void **state)
{
	net_teardown(state);
	net_setup(state);
}

/*
 * The same frames by octets and by words: of all lengths, both ways, good and broken. What arrives, byte for byte (cosim.c), and every counter of
 * the MAC and the switch is the same.
 */
static void both_ways_are_the_same(void **state)
{
	static const unsigned stats[] = { GL_STAT_MAC_TX_FRAMES, GL_STAT_MAC_TX_UNDERRUN,
					  GL_STAT_MAC_RX_FRAMES, GL_STAT_MAC_RX_BAD_FCS,
					  GL_STAT_MAC_RX_RUNT,	 GL_STAT_MAC_RX_GIANT,
					  GL_STAT_MAC_RX_ER,	 GL_STAT_MAC_RX_PAUSE,
					  GL_STAT_RX_DROP_FULL,	 GL_STAT_SW_FROM_WIRE,
					  GL_STAT_SW_TO_WIRE,	 GL_STAT_SW_TO_CTX };
	enum { STATS = sizeof(stats) / sizeof(stats[0]), N = 90 };
	static uint8_t frame[9100];
	uint64_t seen[2][STATS], arrived[2];
	for (unsigned way = 0; way < 2; way++) {
		if (way)
			again(state);
		words = way;
		open2();
		uint64_t random = net_seed;
		for (unsigned i = 0; i < N; i++) {
			random = random * 6364136223846793005ull + 1442695040888963407ull;
			unsigned r = (unsigned)(random >> 33);
			size_t bytes =
				i < 70 ? 60 + i
				       : 60 + r % 1455; /* every number of octets in the last word */
			net_send_to(WIRE, i & 1, bytes);
			net_send_to(i & 1, WIRE, bytes);
			if (r >> 20 & 1)
				gls_wire_send(nic, frame, to_guest(frame, 0, 14 + r % 9086),
					      r & 1 ? GLS_WIRE_BAD_FCS : GLS_WIRE_RX_ER);
			/* The guests' rings, and as much as one wire carries while the other waits. */
			if (i % 10 == 9)
				net_drain();
		}
		net_drain();
		for (unsigned k = 0; k < STATS; k++)
			seen[way][k] = gls_stat(nic, stats[k]);
		arrived[way] = net.arrived;
	}
	assert_int_equal(arrived[0], 2 * N);
	assert_int_equal(arrived[1], 2 * N);
	for (unsigned k = 0; k < STATS; k++)
		if (seen[0][k] != seen[1][k])
			fail_msg("counter %u is %llu by octets and %llu by words", stats[k],
				 (unsigned long long)seen[0][k], (unsigned long long)seen[1][k]);
}

/* Cycles for so many frames from the wire to a guest, and as many from another one to the wire at the same time. */
static uint64_t both_ways(unsigned frames, unsigned bytes)
{
	open2();
	net_window(0, 200);
	net_window(WIRE, 200);
	uint64_t begin = gls_now(nic);
	for (unsigned i = 0; i < frames; i++) {
		net_send_to(WIRE, 0, bytes);
		net_send_to(1, WIRE, bytes);
	}
	while (net_pending(PORTS) && gls_now(nic) < begin + 200000)
		gls_run(nic, 100);
	uint64_t cycles = gls_now(nic) - begin;
	printf("# %u frames of %u bytes each way in %llu cycles\n", frames, bytes,
	       (unsigned long long)cycles);
	return cycles;
}

/* Frames of 1514 octets from the wire to a guest and from another one to the wire, with nothing that bounds them but the NIC. */
static void words_are_faster_than_the_line(void **state)
{
	(void)state;
	enum { N = 40, BYTES = 1514 };
	uint64_t cycles = both_ways(N, BYTES);
	/* 190 words of each frame cross the link to the host's memory and the packet buffer once: less than half of the line's time. */
	assert_true(cycles < N * 769 + 8000);
	net_drain();
}

/* The receive ring is full of frames for a guest that has no buffers yet: the wire waits, nothing is lost that the NIC could keep. */
static void the_wire_waits_for_room(void **state)
{
	(void)state;
	open2();
	net_window(0, 400);
	net_window(1, 400);
	for (unsigned i = 0; i < 200; i++)
		net_send_to(WIRE, i & 1, i % 3 ? 1514 : 60);
	net_drain();
	assert_stat(RX_DROP_FULL, 0);
	assert_stat(MAC_RX_FRAMES, 200);
}

/* BAR0.RESTART, a reset and a new choice in the middle of frames: what was cut is not taken for a frame, and what follows is whole. */
static void a_reset_cuts_frames(void **state)
{
	static uint8_t frame[9000];
	for (unsigned i = 0; i < 3; i++) {
		if (i)
			again(state);
		open2();
		on_wire = 0;
		for (unsigned k = 0; k < 4; k++)
			gls_wire_send(nic, frame, to_guest(frame, 0, 9000), GLS_WIRE_OK);
		gls_run(nic, 400 + 397 * i);
		net_reg_write(GL_BAR0_RESET, 1);
		gls_run(nic, 20000);
		assert_int_equal(gls_wire_pending(nic), 0);
		assert_int_equal(gls_boot(nic), 0);
		assert_stat(MAC_RX_FRAMES, 0);
		for (unsigned c = 0; c < 2; c++)
			assert_int_equal(gls_guest_restart(guest[c]), 0);
		gls_run(nic, 5000);
		net_send_to(WIRE, 0, 1000);
		net_send_to(1, WIRE, 1000);
		net_drain();
		assert_stat(MAC_RX_FRAMES, 1);
		assert_stat(MAC_TX_FRAMES, 1);
	}
}

/* Back to back with the least gap, both ways: the MAC sends with no more than that gap either. */
static void line_rate_both_ways(void **state)
{
	(void)state;
	enum { N = 40, BYTES = 1514 };
	uint64_t cycles = both_ways(N, BYTES);
	/* 8 octets of preamble, 4 of FCS, a gap of 12: 1538 cycles each; and the way through the NIC. */
	assert_true(cycles < N * 1538 + 8000);
	net_drain();
}

static void the_wire_is_recorded(void **state)
{
	(void)state;
	char name[] = "/tmp/guestlane-wire-XXXXXX";
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	open2();
	assert_int_equal(gls_wire_record(nic, name), 0);
	net_send_to(WIRE, 0, 100);
	net_send_to(0, WIRE, 101);
	net_drain();
	assert_int_equal(gls_wire_record(nic, "/nonexistent/x"), -ENOENT);
	FILE *f = fdopen(fd, "rb");
	uint32_t magic = 0;
	assert_int_equal(fread(&magic, 4, 1, f), 1);
	assert_int_equal(magic, 0x0a0d0d0a);
	fseek(f, 0, SEEK_END);
	assert_true(ftell(f) > 2 * 100 + 100);
	fclose(f);
	remove(name);
}

/* `wire words`: by words instead of octets. */
int main(int argc, char **argv)
{
	(void)argv;
	const struct CMUnitTest by_octets[] = {
		NET_TEST(broken_frames_are_counted_and_dropped),
		NET_TEST(max_frame_is_the_limit),
		NET_TEST(a_frame_too_long_for_the_guest_is_dropped),
		NET_TEST(frames_without_a_buffer_are_dropped_and_counted),
		NET_TEST(frames_before_the_driver_is_up_are_dropped),
		NET_TEST(pause_frames_hold_the_transmitter),
		NET_TEST(switches_of_the_mac),
		NET_TEST(line_rate_both_ways),
		NET_TEST(the_wire_is_recorded),
	};
	const struct CMUnitTest by_words[] = {
		NET_TEST(broken_frames_are_counted_and_dropped),
		NET_TEST(max_frame_is_the_limit),
		NET_TEST(pause_frames_hold_the_transmitter),
		NET_TEST(switches_of_the_mac),
		NET_TEST(words_are_faster_than_the_line),
		NET_TEST(the_wire_waits_for_room),
		NET_TEST(a_reset_cuts_frames),
		NET_TEST(the_wire_is_recorded),
		NET_TEST(both_ways_are_the_same),
	};
	words = argc > 1;
	return words ? NET_RUN(by_words) : NET_RUN(by_octets);
}
