/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between two guests and the wire on a NIC whose block RAM holds the firmware, in a record that tells octets and cycles. The
 * test is built twice, with the RTL and with the netlist that synthesis made of it; test_netlist.sh compares the records.
 *
 *	NET_RECORD=file.pcapng build/netlist/run-rtl
 */
#include "../cosim/cosim.h"

static void moves_frames_in_every_direction(void **state)
{
	const char *record = getenv("NET_RECORD");

	(void)state;
	net_gap = 200;
	net_open(&(struct gls_config){ .firmware_in_ram = true });
	if (record)
		assert_int_equal(gls_wire_record(nic, record), 0);
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ .split = true });
	for (unsigned i = 0; i < 3; i++) {
		net_send_to(0, WIRE, 60 + 97 * i);
		net_send_to(1, WIRE, 1514 - 211 * i);
		net_send_to(WIRE, 0, 64 + 333 * i);
		net_send_to(WIRE, 1, 1514 - 500 * i);
		net_send_to(0, 1, 200 + i);
	}
	net_traffic(12, 1514);
	net_drain();
	/* To the wire's end, so that a record shows when guests' frames were delivered too. */
	print_message("# cycles %llu\n", (unsigned long long)gls_now(nic));
	if (record)
		assert_int_equal(gls_wire_record(nic, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(moves_frames_in_every_direction),
	};
	return NET_RUN(tests);
}
