// SPDX-License-Identifier: Apache-2.0
// Who gets a frame: unicast, broadcast, multicast, promiscuous, VLANs, source addresses, the wire. The switch in C of cosim.c knows
// the answer for every frame that net_send() takes.
#include "cosim.h"

static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 1, 2, 3 };

static void open4(void)
{
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 4; c++)
		net_guest(c, &(struct gls_guest_config){ .split = c & 1 });
}

static void send(unsigned from, const uint8_t to[6], unsigned vid, size_t bytes)
{
	uint8_t frame[2048], source[6];
	net_mac(from, source);
	net_build(frame, bytes, to, source, vid);
	while (!net_send(from, frame, bytes))
		gls_run(nic, 100);
}

static void send_to(unsigned from, unsigned to, unsigned vid, size_t bytes)
{
	uint8_t mac[6];
	net_mac(to, mac);
	send(from, mac, vid, bytes);
}

static void everybody_to_everybody(void)
{
	for (unsigned from = 0; from < 5; from++) {
		unsigned port = from == 4 ? WIRE : from;
		for (unsigned to = 0; to < 6; to++)
			send_to(port,
				to == 4	  ? WIRE
				: to == 5 ? NOBODY
					  : to,
				0, 60 + net_below(500));
		send(port, all, 0, 60 + net_below(500));
		send(port, group, 0, 60 + net_below(500));
	}
	net_drain();
}

static void groups_go_to_all_who_want_them(void **state)
{
	(void)state;
	open4();
	everybody_to_everybody();
	net_switch(1, SW(ENABLE) | SW(BROADCAST) | SW(TO_WIRE));
	net_switch(2, SW(ENABLE) | SW(MULTICAST) | SW(TO_WIRE));
	net_switch(3, SW(ENABLE) | SW(TO_WIRE));
	everybody_to_everybody();
}

static void promiscuous_contexts_get_everything(void **state)
{
	(void)state;
	open4();
	net_switch(2, SW_USUAL | SW(PROMISC));
	everybody_to_everybody();
}

static void without_to_wire_frames_stay_inside(void **state)
{
	(void)state;
	open4();
	net_switch(0, SW(ENABLE) | SW(BROADCAST));
	net_switch(1, SW(ENABLE) | SW(BROADCAST));
	everybody_to_everybody();
	/* to the wire, to nobody, to itself */
	assert_cstat(0, TX_DROP_NOBODY, 3);
	assert_cstat(1, TX_DROP_NOBODY, 3);
	assert_cstat(2, TX_DROP_NOBODY, 1);
}

static void frames_to_nobody_are_counted(void **state)
{
	(void)state;
	open4();
	send_to(WIRE, NOBODY, 0, 100);
	send_to(WIRE, NOBODY, 0, 100);
	send_to(WIRE, 7, 0, 100); /* a context that is not there */
	net_drain();
	assert_stat(SW_DROP_NOBODY, 3);
	assert_stat(SW_FROM_WIRE, 0);
	assert_stat(SW_TO_CTX, 0);
}

static void a_false_source_address_is_dropped(void **state)
{
	(void)state;
	open4();
	uint8_t frame[200], to[6], source[6];
	net_mac(1, to);
	/* the neighbour's, one bit off in the first, one bit off in the last octet, a group */
	for (unsigned i = 0; i < 4; i++) {
		net_mac(i ? 0 : 2, source);
		source[0] ^= i == 1 ? 4 : i == 3 ? 1 : 0;
		source[5] ^= i == 2 ? 0x80 : 0;
		net_build(frame, sizeof(frame), to, source, 0);
		assert_true(net_send(0, frame, sizeof(frame)));
	}
	send_to(0, 1, 0, 300);
	net_drain();
	assert_int_equal(net.arrived, 1);
	assert_cstat(0, TX_DROP_SOURCE, 4);
	assert_stat(SW_DROP_SOURCE, 4);
	/* dom0's own context may */
	net_switch(0, SW_USUAL | SW(ANY_SOURCE));
	source[0] = 2;
	source[5] = 99;
	net_build(frame, sizeof(frame), to, source, 0);
	assert_true(net_send(0, frame, sizeof(frame)));
	net_drain();
	assert_int_equal(net.arrived, 2);
}

/* Frames of all VLANs from everybody to everybody: whoever may not get one must not. */
static void every_vlan_everywhere(void)
{
	static const unsigned vids[] = { 0, 100, 4094, 101 };
	for (unsigned from = 0; from < 5; from++)
		for (unsigned v = 0; v < 4; v++) {
			unsigned port = from == 4 ? WIRE : from;
			for (unsigned to = 0; to < 5; to++)
				if (to != from)
					send_to(port, to == 4 ? WIRE : to, vids[v],
						64 + net_below(200));
			send(port, all, vids[v], 18 + net_below(1480));
			send(port, group, vids[v], 60);
		}
	net_drain();
}

static void access_ports_are_apart(void **state)
{
	(void)state;
	open4();
	net_switch(0, SW_USUAL | SW_VLAN(100));
	net_switch(1, SW_USUAL | SW_VLAN(100));
	net_switch(2, SW_USUAL | SW_VLAN(4094));
	every_vlan_everywhere();
	assert_true(gls_stat(nic, GL_STAT_SW_DROP_VLAN) > 0);
}

static void trunks_carry_their_vlans(void **state)
{
	(void)state;
	open4();
	net_switch(0, SW_USUAL | SW(VLAN_TRUNK));
	net_switch(1, SW_USUAL | SW(VLAN_TRUNK) | SW(UNTAGGED));
	net_switch(2, SW_USUAL | SW_VLAN(100));
	net_vlan(100, 1, 1u << 0 | 1u << 1);
	net_vlan(4094, 63, 1u << 0);
	every_vlan_everywhere();
	assert_true(gls_stat(nic, GL_STAT_SW_DROP_VLAN) > 0);
	net_vlan(100, 1, 1u << 1);
	net_vlan(101, 63, 1u << 0);
	every_vlan_everywhere();
}

/* A tag that comes and goes moves every octet behind it: all sizes, into buffers of all sizes. */
static void tags_move_frames_of_all_sizes(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ .split = true });
	net_guest(2, &(struct gls_guest_config){ 0 });
	net_switch(0, SW_USUAL | SW_VLAN(7));
	for (size_t bytes = 14; bytes < 90; bytes++) {
		send_to(0, 1, 0, bytes); /* inserted */
		send_to(0, WIRE, 0, bytes);
		if (bytes >= 18) {
			send_to(1, 0, 7, bytes); /* stripped */
			send_to(WIRE, 0, 7, bytes);
		}
	}
	for (unsigned i = 0; i < 60; i++) {
		size_t bytes = 60 + net_below(1455);
		send(0, all, 0, bytes);
		send_to(2, 0, 7, bytes);
	}
	net_drain();
}

static void filters_let_in_their_groups(void **state)
{
	(void)state;
	open4();
	for (unsigned c = 0; c < 4; c++)
		net_switch(c, SW(ENABLE) | SW(TO_WIRE));
	net_filter(0, 1ull << gls_multicast_hash(group));
	net_filter(1, ~(1ull << gls_multicast_hash(group)));
	net_filter(2, (uint64_t)net_below(~0u) << 32 | net_below(~0u));
	for (unsigned i = 0; i < 40; i++) {
		const uint8_t mac[6] = { 0x33,
					 0x33,
					 (uint8_t)net_below(256),
					 (uint8_t)net_below(256),
					 (uint8_t)net_below(256),
					 (uint8_t)net_below(256) };
		send(WIRE, mac, 0, 60 + net_below(100));
		send(3, mac, 0, 60 + net_below(100));
	}
	everybody_to_everybody();
}

static void a_disabled_entry_neither_sends_nor_receives(void **state)
{
	(void)state;
	open4();
	net_switch(1, SW(BROADCAST) | SW(MULTICAST) | SW(TO_WIRE) | SW(PROMISC));
	everybody_to_everybody();
	net_switch(1, SW_USUAL);
	everybody_to_everybody();
}

/* From a port to another, with the source address of a third. */
static void send_as(unsigned from, unsigned to, unsigned as)
{
	uint8_t frame[300], mac[6], source[6];
	net_mac(to, mac);
	net_mac(as, source);
	net_build(frame, sizeof(frame), to == PORTS ? all : mac, source, 0);
	while (!net_send(from, frame, sizeof(frame)))
		gls_run(nic, 100);
	net_drain();
}

/* As everybody_to_everybody(), but each frame has arrived before the next is sent: the order of senders decides who is where. */
static void one_by_one(void)
{
	for (unsigned from = 0; from < 5; from++)
		for (unsigned to = 0; to < 6; to++) {
			unsigned port = from == 4 ? WIRE : from;
			send_as(port, to == 4 ? WIRE : to == 5 ? PORTS : to, port);
		}
}

static bool away(unsigned context)
{
	net_reg_write(GL_BAR0_SW_INDEX, context);
	return net_reg(GL_BAR0_SW_CONTROL) & SW(AWAY);
}

/* A guest begins behind context 0 (dom0's bridge), moves to its context, back and forth, and so when its driver goes and comes. */
static void a_guest_moves_between_context_0_and_its_own(void **state)
{
	(void)state;
	open4();
	net_switch(0, SW_USUAL | SW(ANY_SOURCE));
	for (unsigned c = 1; c < 4; c++)
		net_switch(c, SW_USUAL | SW(FALLBACK));
	for (unsigned c = 1; c < 4; c++) {
		assert_true(away(c));
		send_as(WIRE, c, WIRE); /* to context 0 */
		send_as(0, c, 0);	/* to nobody */
	}
	assert_cstat(0, TX_DROP_NOBODY, 3);
	assert_cstat(0, RX_FRAMES, 3);
	for (unsigned round = 0; round < 3; round++) {
		send_as(2, PORTS, 2); /* it announces itself on its context */
		assert_false(away(2));
		one_by_one();
		assert_false(away(1) || away(3));
		send_as(0, PORTS, 2); /* and behind context 0 */
		assert_true(away(2));
		for (unsigned from = 0; from < 5; from++)
			if (from != 2)
				send_as(from == 4 ? WIRE : from, 2, from == 4 ? WIRE : from);
		send_as(WIRE, PORTS, WIRE);
		send_as(3, 2, 2); /* nobody else brings it back */
		send_as(WIRE, 3, 2);
		assert_true(away(2));
	}
	send_as(2, PORTS, 2);
	/* Its driver resets the device. */
	gls_guest_write(guest[2], GL_DEV_STATUS, 0, 4);
	net_away(2);
	assert_true(away(2));
	send_as(WIRE, 2, WIRE);
	if (gls_guest_restart(guest[2]))
		fail_msg("%s", gls_error(nic));
	assert_true(away(2));
	send_as(WIRE, 2, WIRE);
	send_as(2, WIRE, 2);
	send_as(WIRE, 2, WIRE);
	one_by_one();
}

/* All contexts of the NIC, one broadcast domain. */
static void broadcast_to_all_contexts(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < 32; c++)
		net_guest(c, &(struct gls_guest_config){
				     .split = c % 3 == 0, .queue_size = 16, .memory = 1 << 20 });
	unsigned n = gls_contexts(nic);
	assert_int_equal(n, 32);
	for (unsigned i = 0; i < 3; i++) {
		send(WIRE, all, 0, 100 + i * 700);
		send(i * 15, all, 0, 100 + i * 700);
		send_to(31 - i, i, 0, 1514);
	}
	net_drain();
	assert_int_equal(net.arrived, 3 * 32 + 3 * 32 + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(groups_go_to_all_who_want_them),
		NET_TEST(promiscuous_contexts_get_everything),
		NET_TEST(without_to_wire_frames_stay_inside),
		NET_TEST(frames_to_nobody_are_counted),
		NET_TEST(a_false_source_address_is_dropped),
		NET_TEST(access_ports_are_apart),
		NET_TEST(trunks_carry_their_vlans),
		NET_TEST(tags_move_frames_of_all_sizes),
		NET_TEST(filters_let_in_their_groups),
		NET_TEST(a_disabled_entry_neither_sends_nor_receives),
		NET_TEST(a_guest_moves_between_context_0_and_its_own),
		NET_TEST(broadcast_to_all_contexts),
	};
	return NET_RUN(tests);
}
