/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame of the co-simulation tests: one NIC per test, guests on it, and a switch in C that knows which frames must come out where. Every
 * frame that arrives anywhere is compared, byte for byte and in order of its flow, with what was sent.
 *
 *	static void frames_arrive(void **state)
 *	{
 *		net_open(&(struct gls_config){ 0 });
 *		net_guest(0, &(struct gls_guest_config){ 0 });
 *		net_guest(1, &(struct gls_guest_config){ .split = true });
 *		net_send_to(0, 1, 1514);	// from guest 0 to guest 1
 *		net_send_to(0, WIRE, 60);	// and to somebody on the wire
 *		net_drain();			// runs until all has arrived, and checks that nothing else did
 *	}
 *	int main(void)
 *	{
 *		const struct CMUnitTest tests[] = { NET_TEST(frames_arrive) };
 *		return NET_RUN(tests);
 *	}
 *
 * In the environment: SEED sets the seed that is printed, TB_ONLY=pattern runs some tests only, NET_LOG=1 shows counters and the
 * firmware's log, NET_FIRMWARE names another ELF file, NET_TRACE an FST file to write (built by `make TRACE=1`).
 */
#ifndef COSIM_H
#define COSIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "guestlane_sim.h"
#include "guestlane_regs.h"
#include "gl_mbox.h"

#define WIRE   32u /* the port that is no guest */
#define PORTS  33u
#define NOBODY 99u /* a destination that no port has */

#define SW(bit)	     GL_BAR0_SW_CONTROL_##bit##_MASK
#define SW_USUAL     (SW(ENABLE) | SW(BROADCAST) | SW(MULTICAST) | SW(TO_WIRE))
#define SW_VLAN(vid) (SW(VLAN_ACCESS) | (uint32_t)(vid) << GL_BAR0_SW_CONTROL_VID_LSB)

extern struct gls *nic;
extern struct gls_guest *guest[PORTS];
extern uint64_t net_seed;
extern unsigned net_gap; /* most cycles between two frames of random traffic (2000) */

/* Counts of this test. */
extern struct net_counts {
	unsigned sent, arrived, wrong, lost, strange, twice;
} net;

void net_open(const struct gls_config *config);
/* Creates a guest in that context; mac and context of the configuration are filled in. */
struct gls_guest *net_guest(unsigned context, const struct gls_guest_config *config);
/* For a test that has a gls_guest_on_receive() of its own: compares a frame as usual; compares all of them again. */
void net_got(unsigned port, const uint8_t *frame, size_t bytes);
void net_listen(unsigned context);
/* Frees it. */
void net_leave(unsigned context);
/* The MAC address of a port; NOBODY's is nobody's. */
void net_mac(unsigned port, uint8_t mac[6]);
/* A port may lose frames from now on (its device is reset); what arrives must still be right. */
void net_lossy(unsigned port);
/*
 * From now on a frame of the last 64 of its flow may arrive again (counted in net.twice): firmware that goes on after a
 * RESTART sends again what it had not returned.
 */
void net_may_repeat(void);
/* The same as net_lossy(), and the test writes the guest's rings by hand: what its driver thinks of them does not count. */
void net_hostile(unsigned port);
/* The same, and nobody looks at what it gets. */
void net_ignore(unsigned port);
/* Nothing is expected any more to or from that port of what was sent so far: it must not arrive. */
void net_forget(unsigned port);
/* Frames for a port that may be under way before net_send() says no (32). */
void net_window(unsigned port, unsigned frames);
/* What the switch in C believes of a context. */
void net_switch(unsigned context, uint32_t control);
/* Its device has stopped: with FALLBACK it is away. The switch in C moves a context when a frame is sent, so all before must have arrived. */
void net_away(unsigned context);
/* The multicast filter of a context, and the trunks (a bit per context) that carry a VLAN, kept in an entry from 1 to 63. */
void net_filter(unsigned context, uint64_t filter);
void net_vlan(unsigned vid, unsigned entry, uint32_t contexts);

/* Sends a frame from a port. The switch in C notes who must get it. False: no room now. */
bool net_send(unsigned from, const void *frame, size_t bytes);
/* The same with random octets behind the header; waits for room. */
void net_send_to(unsigned from, unsigned to, size_t bytes);
/* The same if there is room now. */
bool net_try_to(unsigned from, unsigned to, size_t bytes);
/* Builds such a frame. vid: 0 or an 802.1Q tag. */
void net_build(uint8_t *frame, size_t bytes, const uint8_t to[6], const uint8_t from[6],
	       unsigned vid);
/* Frames that have not arrived yet, for one port or PORTS: all. */
unsigned net_pending(unsigned port);
/* Called with each frame that arrives as it should, and the cycles since it was sent. NULL: no more. */
void net_on_arrival(void (*fn)(unsigned from, unsigned to, size_t bytes, uint64_t cycles));
/* Called with each frame that a hostile port sent from rings written by hand. */
void net_on_stray(void (*fn)(unsigned from, unsigned to, const uint8_t *frame, size_t bytes));
/* Asked about each frame whose source address is no port's and which was not sent to a port: whether it may come there. */
void net_on_stranger(bool (*fn)(unsigned to, const uint8_t *frame, size_t bytes));
/* While on, frames may be lost anywhere. When it ends, what has not arrived is forgotten; their number. */
unsigned net_forgive(bool on);
/* Age in cycles of the oldest frame that must arrive, and its ports; 0: there is none. */
uint64_t net_oldest(unsigned *from, unsigned *to);
/* What was wrong first: a sentence, or "". */
const char *net_problem(void);
/* Runs until everything has arrived; then nothing may be wrong anywhere. */
void net_drain(void);
/* Checks without running. */
void net_check(void);
/* Random traffic between all ports that are up: frames of random sizes up to `most`. */
void net_traffic(unsigned frames, size_t most);
/* The same from guests of a list (a bit each) to others of it. */
void net_traffic_among(uint64_t ports, unsigned frames, size_t most);

/* A memory request that the NIC sends: host address of its first DW and bytes. False: another TLP. */
bool net_request(const uint32_t *dw, uint64_t *address, size_t *bytes, bool *write);
/* Calls fn for every TLP that the NIC sends (header and payload), beside the check that all requests lie in guests' pages or tables. */
void net_watch(void (*fn)(const uint32_t *dw));
/* Memory reads under way, not wholly answered, of addresses that which() names. */
unsigned net_unanswered(bool (*which)(uint64_t address));

uint32_t net_below(uint32_t n);
uint32_t net_reg(uint32_t offset);
void net_reg_write(uint32_t offset, uint32_t value);
/* CTX_STATUS of a context. */
uint32_t net_status(unsigned context);
/* Runs until the device of a context has DEVICE_NEEDS_RESET; gives the reason. */
unsigned net_needs_reset(unsigned context);
/* Address of an MSI-X table entry's control word and of a capability in configuration space. */
uint32_t net_capability(uint32_t id);

#define assert_stat(stat, value) assert_int_equal(gls_stat(nic, GL_STAT_##stat), value)
#define assert_cstat(context, stat, value) \
	assert_int_equal(gls_context_stat(nic, context, GL_CSTAT_##stat), value)

int net_setup(void **state);
int net_teardown(void **state);
void net_main(void);
#define NET_TEST(function) cmocka_unit_test_setup_teardown(function, net_setup, net_teardown)
#define NET_RUN(tests)	   (net_main(), cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0)

#endif
