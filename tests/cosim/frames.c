// SPDX-License-Identifier: Apache-2.0
// Frames of every size class, each way, over every kind of ring and buffer.
#include "cosim.h"

static const size_t sizes[] = { 14,  15,  17,	20,   33,   59,	  60,	61,   62,   63,	  64,
				65,  71,  72,	100,  127,  128,  129,	255,  256,  257,  511,
				512, 513, 1000, 1023, 1024, 1025, 1500, 1513, 1514, 1515, 1518 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void all_sizes(bool split)
{
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ .split = split });
	net_guest(1, &(struct gls_guest_config){ .split = split });
	for (unsigned i = 0; i < SIZES; i++) {
		net_send_to(0, 1, sizes[i]);
		net_send_to(1, 0, sizes[i]);
		net_send_to(0, WIRE, sizes[i]);
		net_send_to(WIRE, 1, sizes[i]);
	}
	net_drain();
	assert_int_equal(net.sent, 4 * SIZES);
	assert_int_equal(net.arrived, 4 * SIZES);
}

static void every_size_over_packed_rings(void **state)
{
	(void)state;
	all_sizes(false);
}

static void every_size_over_split_rings(void **state)
{
	(void)state;
	all_sizes(true);
}

static void between_split_and_packed(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ .split = true });
	net_guest(1, &(struct gls_guest_config){ .split = false });
	net_traffic(150, 1514);
	net_drain();
}

static void chained(bool split, bool indirect)
{
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 2; c++)
		net_guest(c, &(struct gls_guest_config){
				     .split = split, .indirect = indirect, .chain = c ? 8 : 2 });
	for (unsigned i = 0; i < SIZES; i += 2) {
		net_send_to(0, 1, sizes[i]);
		net_send_to(1, WIRE, sizes[i]);
		net_send_to(WIRE, 0, sizes[i]);
	}
	net_drain();
}

static void chains_of_packed_descriptors(void **state)
{
	(void)state;
	chained(false, false);
}

static void chains_of_split_descriptors(void **state)
{
	(void)state;
	chained(true, false);
}

static void indirect_tables_packed(void **state)
{
	(void)state;
	chained(false, true);
}

static void indirect_tables_split(void **state)
{
	(void)state;
	chained(true, true);
}

static void merged(bool split)
{
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ .split = split, .rx_buffer = 128 });
	net_guest(1, &(struct gls_guest_config){ .split = split, .rx_buffer = 300 });
	for (unsigned i = 0; i < SIZES; i++) {
		net_send_to(1, 0, sizes[i]);
		net_send_to(0, 1, sizes[i]);
		net_send_to(WIRE, i & 1, sizes[i]);
	}
	net_drain();
}

static void mergeable_buffers_packed(void **state)
{
	(void)state;
	merged(false);
}

static void mergeable_buffers_split(void **state)
{
	(void)state;
	merged(true);
}

static void jumbo(bool split, bool no_mergeable)
{
	static const size_t big[] = { 1514, 1536, 2048, 4095, 4096, 4097,
				      5000, 8192, 8999, 9000, 9014 };
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 2; c++)
		net_guest(c, &(struct gls_guest_config){ .split = split,
							 .mtu = 9000,
							 .no_mergeable = no_mergeable,
							 .chain = 3,
							 .indirect = c });
	for (unsigned i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		net_send_to(0, 1, big[i]);
		net_send_to(1, WIRE, big[i]);
		net_send_to(WIRE, 0, big[i]);
	}
	net_drain();
}

static void jumbo_frames_packed(void **state)
{
	(void)state;
	jumbo(false, false);
}

static void jumbo_frames_split(void **state)
{
	(void)state;
	jumbo(true, false);
}

static void jumbo_frames_without_mergeable_buffers(void **state)
{
	(void)state;
	jumbo(false, true);
}

/* Rings of two and four entries, and sizes that are no power of two. */
static void small_rings(void **state)
{
	(void)state;
	static const unsigned ring[] = { 2, 4, 5, 7, 24, 33 };
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 6; c++)
		net_guest(c, &(struct gls_guest_config){ .queue_size = ring[c], .split = c < 2 });
	net_traffic(200, 1514);
	net_drain();
}

static void in_order_rings(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 4; c++)
		net_guest(c, &(struct gls_guest_config){ .in_order = true,
							 .split = c & 1,
							 .rx_buffer = c & 2 ? 400 : 0,
							 .chain = c & 2 ? 3 : 1 });
	net_traffic(200, 1514);
	net_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(every_size_over_packed_rings),
		NET_TEST(every_size_over_split_rings),
		NET_TEST(between_split_and_packed),
		NET_TEST(chains_of_packed_descriptors),
		NET_TEST(chains_of_split_descriptors),
		NET_TEST(indirect_tables_packed),
		NET_TEST(indirect_tables_split),
		NET_TEST(mergeable_buffers_packed),
		NET_TEST(mergeable_buffers_split),
		NET_TEST(jumbo_frames_packed),
		NET_TEST(jumbo_frames_split),
		NET_TEST(jumbo_frames_without_mergeable_buffers),
		NET_TEST(small_rings),
		NET_TEST(in_order_rings),
	};
	return NET_RUN(tests);
}
