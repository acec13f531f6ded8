// SPDX-License-Identifier: Apache-2.0
// Shares and limits (docs/isolation.md) with firmware, guests and wire: rates hold over a long time, floods and slow receivers hurt
// nobody else, every frame that is missing is counted.
#include "cosim.h"

static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

static void open_guests(unsigned n)
{
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < n; c++)
		net_guest(c, &(struct gls_guest_config){ .split = c & 1 });
}

static void broadcast(unsigned from, size_t bytes)
{
	uint8_t frame[2048], source[6];
	net_mac(from, source);
	net_build(frame, bytes, all, source, 0);
	net_send(from, frame, bytes);
}

/* Octets that a context sent, as the NIC counts them. */
static uint64_t sent_octets(unsigned c)
{
	return gls_context_stat(nic, c, GL_CSTAT_TX_BYTES);
}

/* A guest that always has frames to send gets its rate, not more, and loses none of them. */
static void a_sender_keeps_to_its_rate(void **state)
{
	(void)state;
	open_guests(2);
	net_window(WIRE, 10000);
	const uint32_t rate = 65536 / 10,
		       burst = 4000; /* a tenth of an octet per cycle: 100 Mb/s at 125 MHz */
	gls_set_limit(nic, 0, GLS_LIMIT_TX, rate, burst);
	uint64_t start = gls_now(nic), before = sent_octets(0);
	while (gls_now(nic) - start < 400000) {
		net_try_to(0, WIRE, 60 + net_below(1455));
		net_try_to(1, WIRE, 1000); /* nobody limits this one */
		gls_run(nic, 2000);
	}
	uint64_t octets = sent_octets(0) - before, cycles = gls_now(nic) - start;
	uint64_t most =
		cycles * rate / 65536 + burst + 1514 + rate / 64; /* and one visit of the bucket */
	printf("# %llu octets in %llu cycles, %llu allowed\n", (unsigned long long)octets,
	       (unsigned long long)cycles, (unsigned long long)most);
	assert_true(octets <= most);
	assert_true(octets >= cycles * rate / 65536 * 9 / 10);
	assert_true(gls_stat(nic, GL_STAT_TX_LIMITED) > 0);
	assert_true(sent_octets(1) > 150 * 1000);
	net_drain();
}

/* Frames over the receiver's rate are dropped at the receiver and counted. */
static void a_receiver_keeps_to_its_rate(void **state)
{
	(void)state;
	open_guests(3);
	net_lossy(0);
	const uint32_t rate = 65536 / 20, burst = 3000;
	gls_set_limit(nic, 0, GLS_LIMIT_RX, rate, burst);
	net_reg(GL_BAR0_SCRATCH);
	uint64_t start = gls_now(nic);
	for (unsigned i = 0; i < 300; i++) {
		net_try_to(1, 0, 1000);
		net_try_to(1, 2, 200);
		gls_run(nic, 1500);
	}
	uint64_t cycles = gls_now(nic) - start;
	net_drain();
	uint64_t octets = gls_context_stat(nic, 0, GL_CSTAT_RX_BYTES);
	uint64_t dropped = gls_context_stat(nic, 0, GL_CSTAT_RX_DROP_LIMIT);
	printf("# %llu octets in %llu cycles, %llu frames dropped\n", (unsigned long long)octets,
	       (unsigned long long)cycles, (unsigned long long)dropped);
	assert_true(octets <= (cycles + 20000) * rate / 65536 + burst + 1000 + rate / 64);
	assert_true(octets >= cycles * rate / 65536);
	assert_true(dropped > 0);
	assert_int_equal(gls_stat(nic, GL_STAT_SW_DROP_RATE), dropped);
	assert_int_equal(gls_context_stat(nic, 1, GL_CSTAT_TX_FRAMES),
			 gls_context_stat(nic, 0, GL_CSTAT_RX_FRAMES) + dropped +
				 gls_context_stat(nic, 2, GL_CSTAT_RX_FRAMES));
}

/* Group frames over the limit are dropped whole; unicast of the same guest passes. */
static void a_flood_is_cut(void **state)
{
	(void)state;
	open_guests(4);
	for (unsigned c = 0; c < 4; c++)
		net_lossy(c);
	gls_set_limit(nic, 0, GLS_LIMIT_FLOOD, 655, 2000);
	gls_set_limit(nic, 0, GLS_LIMIT_WIRE_FLOOD, 655, 2000);
	net_reg(GL_BAR0_SCRATCH);
	for (unsigned i = 0; i < 100; i++) {
		broadcast(0, 500);
		broadcast(WIRE, 500);
		net_send_to(0, 1, 100);
		net_send_to(WIRE, 2, 100);
		gls_run(nic, 1000);
	}
	gls_run(nic, 200000);
	net_check();
	uint64_t passed = gls_context_stat(nic, 3, GL_CSTAT_RX_FRAMES),
		 cut = gls_stat(nic, GL_STAT_SW_DROP_FLOOD);
	printf("# %llu floods passed, %llu were cut\n", (unsigned long long)passed,
	       (unsigned long long)cut);
	assert_int_equal(passed + cut, 200);
	assert_true(passed >= 8 && passed <= 20);
	assert_int_equal(gls_context_stat(nic, 2, GL_CSTAT_RX_FRAMES), 100 + passed);
}

/* A guest with few buffers gets a flood: what others send each other is neither lost nor late. */
static void a_slow_receiver_stalls_nobody(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ .queue_size = 4 });
	net_guest(1, &(struct gls_guest_config){ 0 });
	net_guest(2, &(struct gls_guest_config){ 0 });
	net_guest(3, &(struct gls_guest_config){ 0 });
	net_hostile(0);
	gls_set_rx_share(nic, 0, 3);
	net_reg(GL_BAR0_SCRATCH);
	for (unsigned i = 0; i < 400; i++) {
		net_try_to(1, 0, 1514);
		net_try_to(WIRE, 0, 1514);
		net_send_to(2, 3, 1000);
		net_send_to(3, 2, 400);
		gls_run(nic, 700);
	}
	net_drain();
	printf("# %llu copies over the share, %llu without a buffer\n",
	       (unsigned long long)gls_stat(nic, GL_STAT_SW_DROP_SHARE),
	       (unsigned long long)gls_context_stat(nic, 0, GL_CSTAT_RX_DROP_NODESC));
	assert_int_equal(gls_stat(nic, GL_STAT_SW_DROP_SHARE),
			 gls_context_stat(nic, 0, GL_CSTAT_RX_DROP_LIMIT));
	assert_int_equal(gls_context_stat(nic, 3, GL_CSTAT_RX_FRAMES), 400);
	assert_int_equal(gls_context_stat(nic, 2, GL_CSTAT_RX_FRAMES), 400);
}

/* Shares come back: after any load a context gets as many frames as before. */
static void a_share_is_given_back(void **state)
{
	(void)state;
	open_guests(4);
	for (unsigned c = 0; c < 4; c++) {
		net_lossy(c);
		gls_set_rx_share(nic, c, 1 + c);
	}
	net_reg(GL_BAR0_SCRATCH);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 60; i++) {
			broadcast(net_below(4), 60 + net_below(1000));
			broadcast(WIRE, 60 + net_below(1000));
		}
		gls_run(nic, 150000);
		/* One at a time: none may be missing. */
		for (unsigned c = 0; c < 4; c++) {
			uint64_t before = gls_context_stat(nic, c, GL_CSTAT_RX_FRAMES);
			for (unsigned i = 0; i < 3; i++) {
				net_send_to(WIRE, c, 300);
				gls_run(nic, 10000);
				net_send_to((c + 1) % 4, c, 300);
				gls_run(nic, 10000);
			}
			assert_int_equal(gls_context_stat(nic, c, GL_CSTAT_RX_FRAMES), before + 6);
		}
	}
	assert_true(gls_stat(nic, GL_STAT_SW_DROP_SHARE) > 0);
	net_check();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(a_sender_keeps_to_its_rate),
		NET_TEST(a_receiver_keeps_to_its_rate),
		NET_TEST(a_flood_is_cut),
		NET_TEST(a_slow_receiver_stalls_nobody),
		NET_TEST(a_share_is_given_back),
	};
	return NET_RUN(tests);
}
