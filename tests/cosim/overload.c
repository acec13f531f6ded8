// SPDX-License-Identifier: Apache-2.0
// More frames than the NIC can carry: what arrives is right and in order, and every frame that does not is in a counter.
#include "cosim.h"

static uint64_t drops(unsigned context)
{
	return gls_context_stat(nic, context, GL_CSTAT_RX_DROP_NODESC) +
	       gls_context_stat(nic, context, GL_CSTAT_RX_DROP_NOTREADY) +
	       gls_context_stat(nic, context, GL_CSTAT_RX_DROP_ERROR);
}

/* Nothing of the NIC's books is missing. */
static void books_balance(unsigned contexts, unsigned from_wire, uint64_t sent)
{
	uint64_t rx = 0, dropped = 0, tx = 0;
	for (unsigned c = 0; c < contexts; c++) {
		rx += gls_context_stat(nic, c, GL_CSTAT_RX_FRAMES);
		dropped += drops(c);
		tx += gls_context_stat(nic, c, GL_CSTAT_TX_FRAMES);
	}
	printf("# sent %llu, from the wire %u: to guests %llu, dropped for want of descriptors "
	       "%llu, of room %llu\n",
	       (unsigned long long)sent, from_wire, (unsigned long long)rx,
	       (unsigned long long)dropped,
	       (unsigned long long)gls_stat(nic, GL_STAT_RX_DROP_FULL));
	assert_stat(MAC_RX_FRAMES, from_wire);
	assert_int_equal(gls_stat(nic, GL_STAT_SW_FROM_WIRE) + gls_stat(nic, GL_STAT_RX_DROP_FULL),
			 from_wire);
	assert_int_equal(tx, sent);
	assert_stat(SW_FROM_CTX, sent);
	assert_int_equal(gls_stat(nic, GL_STAT_SW_TO_CTX), rx + dropped);
	assert_int_equal(gls_stat(nic, GL_STAT_SW_TO_WIRE), gls_stat(nic, GL_STAT_MAC_TX_FRAMES));
	assert_int_equal(net.arrived, rx + gls_stat(nic, GL_STAT_MAC_TX_FRAMES));
}

static void flood(unsigned contexts, size_t bytes, bool split, unsigned turns)
{
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < contexts; c++)
		net_guest(c, &(struct gls_guest_config){
				     .split = split, .random_layout = c & 1, .memory = 2u << 20 });
	for (unsigned p = 0; p < contexts; p++)
		net_lossy(p);
	unsigned from_wire = 0;
	uint64_t sent = 0;
	for (unsigned turn = 0; turn < turns; turn++) {
		while (gls_wire_pending(nic) < 4)
			from_wire += net_try_to(WIRE, net_below(contexts), bytes);
		for (unsigned c = 0; c < contexts; c++)
			sent += net_try_to(c, net_below(4) ? (c + 1) % contexts : WIRE, bytes);
		gls_run(nic, 60);
	}
	/* What guests have in their transmit rings goes on for a while. */
	assert_true(gls_settle(nic, 4000000));
	net_drain();
	/* The guests' own drivers had everything they sent taken. */
	books_balance(contexts, from_wire, sent);
	for (unsigned c = 0; c < contexts; c++) {
		unsigned before = net.arrived;
		net_send_to(c, WIRE, 300);
		net_send_to(WIRE, c, 300);
		gls_run(nic, 20000);
		assert_int_equal(net.arrived, before + 2);
	}
	net_drain();
}

static void short_frames_from_four_guests_and_the_wire(void **state)
{
	(void)state;
	flood(4, 60, false, 1500);
}

static void short_frames_over_split_rings(void **state)
{
	(void)state;
	flood(4, 60, true, 1500);
}

static void long_frames_from_four_guests_and_the_wire(void **state)
{
	(void)state;
	flood(4, 1514, false, 3000);
}

static void thirty_two_guests(void **state)
{
	(void)state;
	flood(32, 200, false, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(short_frames_from_four_guests_and_the_wire),
		NET_TEST(short_frames_over_split_rings),
		NET_TEST(long_frames_from_four_guests_and_the_wire),
		NET_TEST(thirty_two_guests),
	};
	return NET_RUN(tests);
}
