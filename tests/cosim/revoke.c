// SPDX-License-Identifier: Apache-2.0
// Revocation (docs/isolation.md) on the whole NIC: a guest loses everything at a random cycle, with frames queued to and from it, doorbells
// ringing, reads and walks under way. It ends within its bound, nothing is issued for the context from then on, nothing of the old guest is
// left for the new one, and the others notice nothing.
#include "cosim.h"

/* docs/isolation.md: cycles beside the time in which the host answers what is outstanding and the link takes what is to be sent. */
#define BOUND	   2048u
/* The goal of the project: 20 us at 125 MHz, with a host that answers within 800 ns. */
#define GOAL	   2500u
#define VICTIM	   0u
#define OTHERS	   0x10000000eull /* guests 1 to 3 and the wire */
#define BELL_EVERY 37u

/* --- The monitor: what the NIC sends for the victim ------------------------------------------------------------------------------------ */

static bool over;	/* the revocation has said done, and nobody has the context */
static unsigned issued; /* for the victim, since then */
static unsigned before; /* and before that */

static void watch(const uint32_t *dw)
{
	uint64_t address;
	size_t bytes;
	bool write;
	if (!net_request(dw, &address, &bytes, &write))
		return;
	bool message =
		write &&
		address >> 20 == 0xfee; /* the vector is the data: enumerate() of the library */
	if (message ? dw[dw[0] & 1u << 29 ? 4 : 3] != 1 + VICTIM
		    : gls_owner(nic, address) != VICTIM)
		return;
	if (over)
		issued++;
	else
		before++;
}

/* Rings the victim's doorbells all the time, whoever has the context. */
static bool ringing, armed;

static void ring_bells(void *arg)
{
	(void)arg;
	armed = ringing;
	if (!ringing)
		return;
	gls_write(nic, GLS_BAR2, VICTIM * 4096 + GL_DEV_QUEUE_NOTIFY, gls_now(nic) / BELL_EVERY & 1,
		  4);
	gls_at(nic, gls_now(nic) + BELL_EVERY, ring_bells, NULL);
}

static void bells(bool on)
{
	ringing = on;
	if (on && !armed)
		ring_bells(NULL);
	while (!on && armed)
		gls_run(nic, BELL_EVERY);
}

/* --- Scenes ------------------------------------------------------------------------------------------------------------------------------- */

static void scene(const struct gls_config *config)
{
	over = ringing = armed = false;
	issued = before = 0;
	net_open(config);
	net_watch(watch);
	net_guest(1, &(struct gls_guest_config){ .split = true, .scatter = true });
	net_guest(2, &(struct gls_guest_config){ .huge = true });
	net_guest(3, &(struct gls_guest_config){ .random_layout = true });
	/* Else frames for a guest that has just gone leave to the wire. */
	for (unsigned c = 1; c < 4; c++)
		net_switch(c, SW(ENABLE) | SW(BROADCAST));
}

static void victim(unsigned turn)
{
	over = false;
	net_guest(VICTIM,
		  &(struct gls_guest_config){ .split = turn & 1,
					      .scatter = turn & 2,
					      .huge = turn % 4 == 1,
					      .memory_at = 0x200000ull * (1 + net_below(100000)),
					      .queue_size = 32u << (turn % 3),
					      .random_layout = turn & 4 });
	net_lossy(VICTIM);
}

/* Frames queued from the victim and to it, and traffic of the others. */
static void load(unsigned frames)
{
	for (unsigned k = 0; k < frames; k++) {
		net_try_to(VICTIM, 2, 60 + net_below(1450));
		net_try_to(2, VICTIM, 60 + net_below(1450));
		net_try_to(3, VICTIM, 60 + net_below(200));
		net_try_to(WIRE, VICTIM, 60 + net_below(1450));
		net_try_to(VICTIM, WIRE, 60 + net_below(1450));
		net_try_to(1, 2, 700);
		net_try_to(3, 1, 100);
	}
}

static bool deaf; /* the host leaves reads without an answer: they end by time-out */

static bool of_victim(uint64_t address)
{
	return gls_owner(nic, address) == VICTIM;
}

/* Takes the context away, with nothing said to the firmware yet. */
static int64_t revoke(uint32_t most)
{
	gls_revoke_start(nic, VICTIM);
	int64_t cycles = gls_revoke_wait(nic, VICTIM);
	over = true;
	if (cycles < 0)
		fail_msg("%s", gls_error(nic));
	if (cycles > most)
		fail_msg("the revocation took %lld cycles, not %u", (long long)cycles, most);
	/* Nothing is under way either: a read that is answered later would see the page's next owner. */
	if (!deaf)
		assert_int_equal(net_unanswered(of_victim), 0);
	return cycles;
}

/* What dom0 and a new guest can see of the old one: nothing. The context is revoked and not enabled yet. */
static void nothing_is_left(void)
{
	struct gls_fault_record r;
	for (unsigned i = 0; i < 16; i++)
		if (gls_context_stat(nic, VICTIM, i))
			fail_msg("counter %u of the context is %llu", i,
				 (unsigned long long)gls_context_stat(nic, VICTIM, i));
	assert_false(gls_fault_record(nic, VICTIM, &r));
	assert_int_equal(net_status(VICTIM), 0);
	assert_int_equal(net_reg(GL_BAR0_ROOT_LO) & GL_BAR0_ROOT_LO_VALID_MASK, 0);
	net_reg_write(GL_BAR0_SW_INDEX, VICTIM);
	assert_int_equal(net_reg(GL_BAR0_SW_CONTROL), 0);
	for (unsigned offset = GL_DEV_DEVICE_ID; offset <= GL_DEV_STATUS; offset += 4) {
		/* VENDOR_ID is the NIC's */
		uint32_t value = gls_read(nic, GLS_BAR2, VICTIM * 4096 + offset, 4);
		if (value && offset != GL_DEV_VENDOR_ID)
			fail_msg("register 0x%03x of the device page reads 0x%x", offset, value);
	}
}

/* What dom0 had set for the old guest. */
static void limits_are_gone(void)
{
	static const uint32_t registers[] = { GL_BAR0_TX_RATE,	    GL_BAR0_RX_RATE,
					      GL_BAR0_FLOOD_RATE,   GL_BAR0_RX_SHARE,
					      GL_BAR0_MC_FILTER_LO, GL_BAR0_MC_FILTER_HI };
	net_reg_write(GL_BAR0_CTX_INDEX, VICTIM);
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (net_reg(registers[i]))
			fail_msg("BAR0 0x%x reads 0x%x", registers[i], net_reg(registers[i]));
}

/* The guest leaves for good; the library tells the firmware and gives its memory to others. */
static void leave(void)
{
	gls_run(nic, 30000); /* what it had sent, and the switch had taken, still arrives */
	net_leave(VICTIM);
	net_forget(VICTIM);
}

/* --- Tests ----------------------------------------------------------------------------------------------------------------------------------- */

static void at_random_cycles(void **state)
{
	(void)state;
	static const struct gls_config hosts[] = {
		{ .out_of_order = true, .latency_jitter = 60 },
		{ .latency = 900, .latency_jitter = 500, .out_of_order = true, .split = true },
		{ .link_bytes = 40, .tx_stall_percent = 40 },
	};
	for (unsigned h = 0; h < 3; h++) {
		int64_t longest = 0;
		/*
		 * The host's own time: its answers; over a slow link, up to 12 outstanding reads of a full frame, 18 KB at
		 * 2.5 bytes per cycle.
		 */
		uint32_t host = hosts[h].latency + hosts[h].latency_jitter + 100 +
				(hosts[h].link_bytes ? 7400 : 0);
		scene(&hosts[h]);
		for (unsigned turn = 0; turn < 10; turn++) {
			victim(turn);
			bells(true);
			load(4 + turn % 5);
			gls_run(nic, net_below(2) ? 200 + net_below(1500) : net_below(8000));
			int64_t cycles = revoke(BOUND + host);
			if (cycles > longest)
				longest = cycles;
			if (turn % 3 == 0)
				nothing_is_left();
			/* Doorbells and frames for it go on for a while. */
			load(2);
			net_traffic_among(OTHERS, 5, 1514);
			assert_int_equal(issued, 0);
			bells(false);
			leave();
			gls_settle(nic, 2000000);
			assert_int_equal(issued, 0);
		}
		printf("# host %u: at most %lld cycles, %u requests before\n", h,
		       (long long)longest, before);
		assert_true(before > 100);
		victim(0);
		net_send_to(VICTIM, 1, 300);
		net_send_to(1, VICTIM, 300);
		gls_run(nic, 20000);
		net_drain();
		net_teardown(NULL);
		net_setup(NULL);
	}
}

/*
 * Found by the fuzzer: a slot that was being filled when its owner was revoked stayed allocated, and after enough of them nobody could
 * send. With nothing to do the NIC must have nothing stored.
 */
static void no_slot_is_left(void **state)
{
	(void)state;
	uint32_t host = 2000;
	scene(&(struct gls_config){ .latency = host, .out_of_order = true });
	for (unsigned turn = 0; turn < 16; turn++) {
		victim(turn);
		for (unsigned k = 0; k < 8; k++)
			net_try_to(VICTIM, turn & 1 ? WIRE : 2, 900 + net_below(600));
		gls_run(nic, net_below(12000));
		revoke(BOUND + 2 * host);
		leave();
		if (!gls_settle(nic, 2000000))
			fail_msg("turn %u: the NIC keeps something of the context", turn);
	}
	net_traffic_among(OTHERS, 40, 1514);
	net_drain();
}

static void walks_under_way(void **state)
{
	(void)state;
	scene(&(struct gls_config){ .latency = 3000 });
	for (unsigned turn = 0; turn < 6; turn++) {
		victim(2 + 4 * (turn & 1));
		load(6);
		/* Nothing of it is known to the IOTLB: all that follows walks. */
		assert_true(gls_invalidate(nic, VICTIM, 0, 0) >= 0);
		gls_guest_kick(guest[VICTIM]);
		gls_run(nic, 500 * turn + net_below(3000));
		revoke(BOUND + 3100);
		net_traffic_among(OTHERS, 2, 500);
		assert_int_equal(issued, 0);
		leave();
		gls_settle(nic, 2000000);
	}
	net_drain();
}

/* The host never answers the victim's reads: their time-outs bound the revocation. */
static void reads_that_are_never_answered(void **state)
{
	(void)state;
	scene(&(struct gls_config){ 0 });
	net_reg_write(GL_BAR0_CPL_TIMEOUT, 6000);
	for (unsigned turn = 0; turn < 3; turn++) {
		victim(turn);
		struct gls_ring_info r;
		gls_guest_ring(guest[VICTIM], 1, &r);
		gls_fault(nic, GLS_FAULT_DROP, gls_guest_host_address(guest[VICTIM], r.desc), 256,
			  1);
		load(4);
		gls_run(nic, 200 + net_below(2000));
		deaf = true;
		revoke(BOUND + 6000 + 200);
		deaf = false;
		assert_int_equal(issued, 0);
		gls_fault(nic, GLS_FAULT_NONE, 0, SIZE_MAX, 0);
		leave();
		gls_settle(nic, 2000000);
	}
	net_drain();
}

/* Frames wait for the context when it is revoked; a new guest takes it at once, with the same MAC address. None of them reaches it. */
static void the_next_guest_sees_nothing(void **state)
{
	(void)state;
	scene(&(struct gls_config){ .latency = 1500 });
	for (unsigned turn = 0; turn < 5; turn++) {
		victim(turn);
		gls_set_limit(nic, VICTIM, GLS_LIMIT_TX, 60000, 20000);
		gls_set_limit(nic, VICTIM, GLS_LIMIT_RX, 60000, 20000);
		gls_set_limit(nic, VICTIM, GLS_LIMIT_FLOOD, 60000, 20000);
		gls_set_rx_share(nic, VICTIM, 40);
		gls_set_multicast(nic, VICTIM, 0x123456789abcdef0ull);
		/* Some get through, so that all counters and registers have something of the old guest. */
		load(3);
		gls_settle(nic, 2000000);
		assert_true(gls_context_stat(nic, VICTIM, GL_CSTAT_TX_FRAMES) > 0);
		for (unsigned k = 0; k < 16; k++)
			net_try_to(WIRE, VICTIM, 200);
		while (gls_wire_pending(nic))
			gls_run(nic, 50);
		revoke(BOUND + 1500 + 100);
		nothing_is_left();
		limits_are_gone();
		leave();
		over = false;
		net_guest(VICTIM, &(struct gls_guest_config){ .split = !(turn & 1),
							      .memory_at = 0x300000000ull });
		/* net_guest() has let it listen for 5000 cycles; whatever came would be strange now. */
		for (unsigned i = 0; i < 16; i++)
			if (i != GL_CSTAT_DOORBELLS && i != GL_CSTAT_RESETS && i != GL_CSTAT_IRQS)
				assert_int_equal(gls_context_stat(nic, VICTIM, i), 0);
		net_send_to(VICTIM, 1, 300);
		net_send_to(1, VICTIM, 300);
		net_send_to(WIRE, VICTIM, 300);
		net_drain();
		leave();
	}
}

/* Frames that reach guest 2, in 64 windows of 10000 cycles each. */
static unsigned got[64];
static uint64_t got_from;

static void count(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	(void)arg, (void)bytes, (void)fcs_ok;
	uint64_t window = (gls_now(nic) - got_from) / 10000;
	if (frame[11] == 3 && window < 64) /* from guest 2 */
		got[window]++;
}

static void send_more(void *arg)
{
	(void)arg;
	uint8_t frame[1514], s[6], d[6];
	net_mac(2, s);
	net_mac(WIRE, d);
	net_build(frame, sizeof(frame), d, s, 0);
	while (gls_guest_tx_free(guest[2]) > 200)
		if (gls_guest_send(guest[2], frame, sizeof(frame), true))
			break;
	if (gls_now(nic) < got_from + 400000)
		gls_at(nic, gls_now(nic) + 3000, send_more, NULL);
}

/* Guest 2 sends full frames at the wire's rate while context 0 is revoked again and again: it gets all of the wire all the time. */
static void others_keep_their_rate(void **state)
{
	(void)state;
	scene(&(struct gls_config){ 0 });
	net_switch(2, SW_USUAL);
	net_lossy(2);
	gls_on_wire(nic, count, NULL);
	gls_guest_poll(guest[2], true);
	victim(0);
	got_from = gls_now(nic);
	memset(got, 0, sizeof(got));
	send_more(NULL);
	unsigned revocations = 0;
	while (gls_now(nic) < got_from + 250000) {
		gls_run(nic, 2000 + net_below(3000));
		revoke(GOAL);
		leave();
		victim(++revocations);
		bells(true);
		gls_run(nic, 2000);
		bells(false);
	}
	gls_run(nic, 200000);
	/* 1538 cycles for each frame; the first windows are on the way up. A window holds 6.5 frames: all of them together count. */
	unsigned sum = 0, least = 99;
	for (unsigned w = 2; w < 24; w++) {
		sum += got[w];
		least = got[w] < least ? got[w] : least;
	}
	printf("# %u revocations; %u of %u frames, at least %u in 10000 cycles\n", revocations, sum,
	       22 * 10000 / 1538, least);
	assert_true(revocations >= 4);
	assert_true(sum >= 22 * 10000 / 1538 * 99 / 100);
	assert_true(least >= 5);
}

/* One after the other, and all at once asked for: a second command while one is under way is ignored. */
static void commands_do_not_mix(void **state)
{
	(void)state;
	scene(&(struct gls_config){ .latency = 1000 });
	victim(0);
	load(4);
	gls_run(nic, 3000);
	uint64_t revocations = gls_stat(nic, GL_STAT_REVOCATIONS);
	gls_event_clear(nic, UINT32_MAX);
	gls_event_enable(nic, GL_BAR0_EVENT_REVOKE_MASK);
	uint64_t messages = gls_irq_count(nic, 0);
	gls_revoke_start(nic, VICTIM);
	gls_revoke_start(nic, 3);
	assert_true(gls_revoke_wait(nic, VICTIM) >= 0);
	over = true;
	assert_true(gls_event(nic) & GL_BAR0_EVENT_REVOKE_MASK);
	assert_int_equal(gls_stat(nic, GL_STAT_REVOCATIONS), revocations + 1);
	gls_run(nic, 1000);
	assert_int_equal(gls_irq_count(nic, 0), messages + 1);
	leave();
	net_traffic_among(OTHERS, 20, 1514);
	net_drain();
	assert_int_equal(issued, 0);
	/* A context that nobody has can be revoked as well. */
	assert_in_range(gls_revoke(nic, 17), 0, GOAL);
	net_traffic_among(OTHERS, 20, 1514);
	net_drain();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(at_random_cycles),
		NET_TEST(no_slot_is_left),
		NET_TEST(walks_under_way),
		NET_TEST(reads_that_are_never_answered),
		NET_TEST(the_next_guest_sees_nothing),
		NET_TEST(others_keep_their_rate),
		NET_TEST(commands_do_not_mix),
	};
	return NET_RUN(tests);
}
