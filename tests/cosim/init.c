// SPDX-License-Identifier: Apache-2.0
// A NIC whose block RAM holds the firmware from the start, as a bitstream would: it runs out of reset without a load over BAR0.
#include "cosim.h"

static void runs_and_moves_frames(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ .firmware_in_ram = true });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_guest(1, &(struct gls_guest_config){ .split = true });
	net_traffic(60, 1514);
	net_drain();
}

static void the_host_may_still_load_another(void **state)
{
	(void)state;
	net_open(&(struct gls_config){ 0 });
	net_guest(0, &(struct gls_guest_config){ 0 });
	net_traffic(20, 1514);
	net_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(runs_and_moves_frames),
		NET_TEST(the_host_may_still_load_another),
	};
	return NET_RUN(tests);
}
