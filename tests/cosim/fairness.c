// SPDX-License-Identifier: Apache-2.0
// Shares of transmission: Jain's index over guests that send more than the wire carries, with equal and other weights and sizes of
// frames, and what innocent guests keep while others ring doorbells, or break the rules and reset, as fast as their page lets them.
// By the NIC's counters; the same in every run.
#include "cosim.h"

#define STEP	 336u /* cycles between two looks at the rings: four short frames on the wire */
#define MOST	 32u
#define QUANTUM	 (GL_WEIGHT_DEFAULT * GL_WEIGHT_OCTETS)
#define BAD_RING 16u /* QueueNum of guests that break the rules */

enum attack { PEACE, BELLS, ERRORS };

struct plan {
	unsigned contexts;
	const uint16_t *sizes; /* of frames, without FCS: guest c sends sizes[c % n_sizes] */
	unsigned n_sizes;
	const uint8_t *weights; /* likewise; NULL: as the firmware has them */
	unsigned n_weights;
	unsigned attackers; /* the last ones, they send nothing */
	enum attack attack;
	bool receive; /* the wire sends short frames to all innocent guests */
	uint64_t warm, measure;
};

struct result {
	uint64_t octets[MOST], received[MOST];
	uint64_t all, all_received;
	double jain;
	uint64_t attacks; /* doorbells or resets */
};

static void set_weight(unsigned c, uint8_t weight)
{
	const struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_WEIGHT,
						   .weight = weight };
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = GL_MBOX_CTX_CONFIGURE,
				   .context = (uint16_t)c,
				   .length = sizeof(config) };
	struct gl_mbox_resp resp;
	memcpy(req.payload, &config, sizeof(config));
	assert_true(gls_mailbox(nic, &req, sizeof(req), &resp, sizeof(resp)) > 0);
	assert_int_equal(resp.status, GL_MBOX_STATUS_OK);
}

static void page_write(unsigned c, uint32_t offset, uint32_t value)
{
	gls_write(nic, GLS_BAR2, c * 4096 + offset, value, 4);
}

static void page_write64(unsigned c, uint32_t offset, uint64_t value)
{
	page_write(c, offset, (uint32_t)value);
	page_write(c, offset + 4, (uint32_t)(value >> 32));
}

/* A driver without a read: resets the device and brings it up again, with a packed transmit ring that has a bad descriptor. */
static void break_and_reset(unsigned c)
{
	struct gls_ring_info ring[2];
	page_write(c, GL_DEV_STATUS, 0);
	page_write(c, GL_DEV_STATUS, 1);
	page_write(c, GL_DEV_STATUS, 3);
	page_write(c, GL_DEV_DRIVER_FEATURES_SEL, 1);
	page_write(c, GL_DEV_DRIVER_FEATURES,
		   1u << (GL_FEATURE_VERSION_1 - 32) | 1u << (GL_FEATURE_ACCESS_PLATFORM - 32) |
			   1u << (GL_FEATURE_RING_PACKED - 32));
	page_write(c, GL_DEV_DRIVER_FEATURES_SEL, 0);
	page_write(c, GL_DEV_DRIVER_FEATURES, 0);
	page_write(c, GL_DEV_STATUS, 0xb);
	for (unsigned n = 0; n < 2; n++) {
		gls_guest_ring(guest[c], n, &ring[n]);
		page_write(c, GL_DEV_QUEUE_SEL, n);
		page_write(c, GL_DEV_QUEUE_NUM, BAD_RING);
		page_write64(c, GL_DEV_QUEUE_DESC_LO, ring[n].desc);
		page_write64(c, GL_DEV_QUEUE_DRIVER_LO, ring[n].driver);
		page_write64(c, GL_DEV_QUEUE_DEVICE_LO, ring[n].device);
		page_write(c, GL_DEV_QUEUE_READY, 1);
	}
	/* available, of length 5: too short for a frame */
	const uint32_t bad[4] = { (uint32_t)ring[1].desc, (uint32_t)(ring[1].desc >> 32), 5,
				  0x80u << 16 };
	memcpy(gls_guest_memory(guest[c], ring[1].desc, sizeof(bad)), bad, sizeof(bad));
	page_write(c, GL_DEV_STATUS, 0xf);
	page_write(c, GL_DEV_QUEUE_NOTIFY, 1);
}

/* Each attacker's processor goes on when the NIC has taken its last writes: a read tells. */
static bool waits[MOST];

static void taken(void *arg, uint32_t value)
{
	(void)value;
	*(bool *)arg = false;
}

static void attack(const struct plan *p, unsigned c)
{
	if (waits[c])
		return;
	if (p->attack == ERRORS)
		break_and_reset(c);
	for (unsigned i = 0; p->attack == BELLS && i < 8; i++)
		page_write(c, GL_DEV_QUEUE_NOTIFY, i & 1);
	waits[c] = true;
	gls_read_async(nic, GLS_BAR2, c * 4096 + GL_DEV_STATUS, 4, taken, &waits[c]);
}

static uint64_t attacks(const struct plan *p)
{
	return gls_stat(nic, p->attack == ERRORS ? GL_STAT_DEV_RESETS : GL_STAT_DOORBELLS);
}

static void load(const struct plan *p, unsigned turn)
{
	static uint8_t frame[9200];
	uint8_t mac[6], wire[6];
	const unsigned innocent = p->contexts - p->attackers;
	net_mac(WIRE, wire);
	for (unsigned c = 0; c < innocent; c++) {
		const uint16_t bytes = p->sizes[c % p->n_sizes];
		net_mac(c, mac);
		net_build(frame, bytes, wire, mac, 0);
		while (gls_guest_tx_free(guest[c]) && !gls_guest_send(guest[c], frame, bytes, true))
			;
	}
	for (unsigned k = 0; p->receive && gls_wire_pending(nic) < 8; k++) {
		net_mac((turn * 5 + k) % innocent, mac);
		net_build(frame, 60, mac, wire, 0);
		gls_wire_send(nic, frame, 60, GLS_WIRE_OK);
	}
}

/* Some time of load and attack. */
static void go_on(const struct plan *p, unsigned turn)
{
	load(p, turn);
	for (unsigned part = 0; part < 8; part++) {
		for (unsigned c = p->contexts - p->attackers; p->attack && c < p->contexts; c++)
			attack(p, c);
		gls_run(nic, STEP / 8);
	}
}

static void ignore(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	(void)arg, (void)frame, (void)bytes, (void)fcs_ok;
}

static void ignore_received(void *arg, const uint8_t *frame, size_t bytes)
{
	(void)arg, (void)frame, (void)bytes;
}

static void run(const struct plan *p, struct result *r)
{
	const unsigned innocent = p->contexts - p->attackers;
	double sum = 0, squares = 0;
	unsigned turn = 0;

	memset(r, 0, sizeof(*r));
	net_open(&(struct gls_config){ 0 });
	for (unsigned c = 0; c < p->contexts; c++) {
		const bool large = p->sizes[c % p->n_sizes] > 1514;
		net_guest(c,
			  &(struct gls_guest_config){ .mtu = large ? 9000 : 1500,
						      .queue_size = large ? 64 : 256,
						      .switch_control = SW(ENABLE) | SW(TO_WIRE) });
		gls_guest_on_receive(guest[c], ignore_received, NULL);
		if (p->weights)
			set_weight(c, p->weights[c % p->n_weights]);
		if (c >= innocent)
			net_hostile(c);
	}
	gls_on_wire(nic, ignore, NULL);
	memset(waits, 0, sizeof(waits));
	for (const uint64_t end = gls_now(nic) + p->warm; gls_now(nic) < end; turn++) {
		go_on(p, turn);
	}
	for (unsigned c = 0; c < innocent; c++) {
		r->octets[c] -= gls_context_stat(nic, c, GL_CSTAT_TX_BYTES);
		r->received[c] -= gls_context_stat(nic, c, GL_CSTAT_RX_BYTES);
	}
	r->attacks -= attacks(p);
	const uint64_t from = gls_now(nic);
	for (; gls_now(nic) < from + p->measure; turn++) {
		go_on(p, turn);
	}
	for (unsigned c = 0; c < innocent; c++) {
		r->octets[c] += gls_context_stat(nic, c, GL_CSTAT_TX_BYTES);
		r->received[c] += gls_context_stat(nic, c, GL_CSTAT_RX_BYTES);
		const double share =
			(double)r->octets[c] / (p->weights ? p->weights[c % p->n_weights] : 1);
		sum += share;
		squares += share * share;
		r->all += r->octets[c];
		r->all_received += r->received[c];
	}
	r->attacks += attacks(p);
	r->jain = squares > 0 ? sum * sum / (innocent * squares) : 0;
	for (unsigned c = 0; c < innocent; c++)
		if (net_status(c) & 0x40)
			fail_msg("context %u needs a reset", c);
	net_teardown(NULL);
	net_setup(NULL);
}

/* --- Jain's index ----------------------------------------------------------------------------------------------------------------- */

static const uint16_t full[] = { 1514 }, small[] = { 60 }, mixed[] = { 60, 1514, 9014 };
static const uint8_t unequal[] = { 8, 16, 32, 64 };

static void fair(const char *what, unsigned contexts, const uint16_t *sizes, unsigned n_sizes,
		 const uint8_t *weights, unsigned n_weights, uint64_t measure)
{
	const struct plan p = { .contexts = contexts,
				.sizes = sizes,
				.n_sizes = n_sizes,
				.weights = weights,
				.n_weights = n_weights,
				.warm = 60000 + 12000 * contexts,
				.measure = measure };
	struct result r;
	run(&p, &r);
	/* An octet takes a cycle at line rate; frames have 24 octets more on the wire. */
	printf("# %2u contexts, %s: Jain %.4f, wire %.1f %% payload\n", contexts, what, r.jain,
	       100.0 * (double)r.all / (double)measure);
	assert_true(r.jain >= 0.99);
	assert_true((double)r.all > 0.6 * (double)measure);
}

/* In each a context gets at least 30 rounds of scheduling. */
static void equal_weights_and_sizes(void **state)
{
	(void)state;
	fair("full-size frames", 2, full, 1, NULL, 0, 200000);
	fair("short frames", 2, small, 1, NULL, 0, 200000);
	fair("full-size frames", 8, full, 1, NULL, 0, 600000);
	fair("short frames", 32, small, 1, NULL, 0, 1000000);
}

static void thirty_two_full_size(void **state)
{
	(void)state;
	fair("full-size frames", 32, full, 1, NULL, 0, 2000000);
}

static void unequal_sizes(void **state)
{
	(void)state;
	fair("60, 1514 and 9014 octets", 2, mixed, 2, NULL, 0, 300000);
	fair("60, 1514 and 9014 octets", 8, mixed, 3, NULL, 0, 1200000);
}

static void thirty_two_unequal_sizes(void **state)
{
	(void)state;
	fair("60, 1514 and 9014 octets", 32, mixed, 3, NULL, 0, 4000000);
}

static void unequal_weights(void **state)
{
	(void)state;
	fair("weights 8 16, 60 and 1514 octets", 2, mixed, 2, unequal, 2, 400000);
	fair("weights 8 16 32 64, 1514 octets", 8, full, 1, unequal, 4, 1600000);
	fair("weights 8 16 32 64, 60 octets", 8, small, 1, unequal, 4, 800000);
}

static void thirty_two_unequal_weights(void **state)
{
	(void)state;
	fair("weights 8 16 32 64, 1514 octets", 32, full, 1, unequal, 4, 4000000);
}

/* --- Attacks ---------------------------------------------------------------------------------------------------------------------- */

/*
 * The fair share of the innocent is what they get when the others do the same as they do. Attackers that send nothing leave more
 * than that over; the least that must remain is 97 % of it (the goal is 99 %; 31 beside one that rings all the time keep 97.9 %).
 * A round of 32 contexts that send short frames takes 90,000 cycles, with reception 200,000: a measurement has ten, so that the turns
 * at its ends weigh little.
 */
static void attacked(unsigned contexts, unsigned attackers, enum attack kind, const uint16_t *sizes,
		     bool receive)
{
	struct plan p = { .contexts = contexts,
			  .sizes = sizes,
			  .n_sizes = 1,
			  .receive = receive,
			  .warm = 250000,
			  .measure = contexts <= 8 ? 500000
				     : receive	   ? 2000000
						   : 1000000 };
	struct result peace, war;
	double fair_tx = 0, fair_rx = 0;

	run(&p, &peace);
	for (unsigned c = 0; c < contexts - attackers; c++) {
		fair_tx += (double)peace.octets[c];
		fair_rx += (double)peace.received[c];
	}
	p.attackers = attackers;
	p.attack = kind;
	run(&p, &war);
	const double tx = 100.0 * (double)war.all / fair_tx;
	const double rx = receive ? 100.0 * (double)war.all_received / fair_rx : 100;
	double least = 1e9;
	/* Rounds of scheduling do not end with the measurement: a turn more or less. */
	for (unsigned c = 0; c < contexts - attackers; c++) {
		assert_true(peace.octets[c] > 4 * QUANTUM);
		const double own = 100.0 * (double)(war.octets[c] + QUANTUM) /
				   (double)(peace.octets[c] - QUANTUM);
		least = own < least ? own : least;
	}
	printf("# %u innocent, %u %s, %u octets%s: innocent keep %.1f %% of their fair share sent "
	       "(each "
	       "at least %.1f %%, give or take a turn)%s",
	       contexts - attackers, attackers, kind == BELLS ? "ring" : "break and reset",
	       sizes[0], receive ? " both ways" : "", tx, least, receive ? "" : "\n");
	if (receive)
		printf(", %.1f %% received\n", rx);
	printf("#   all together had sent %.1f %% of what %u alone send now; %llu %s\n",
	       100.0 * (double)peace.all / (double)war.all, contexts - attackers,
	       (unsigned long long)war.attacks, kind == BELLS ? "doorbells" : "resets");
	assert_true(war.attacks > 100);
	assert_true(tx >= 97);
	assert_true(rx >= 97);
	assert_true(least >= 99);
}

static void doorbells_cost_who_rings(void **state)
{
	(void)state;
	attacked(2, 1, BELLS, small, false);
	attacked(32, 1, BELLS, small, false);
	attacked(32, 16, BELLS, small, false);
}

static void doorbells_beside_both_directions(void **state)
{
	(void)state;
	attacked(8, 1, BELLS, small, true);
	attacked(32, 1, BELLS, small, true);
	attacked(8, 4, BELLS, full, true);
}

static void errors_and_resets_cost_who_makes_them(void **state)
{
	(void)state;
	attacked(2, 1, ERRORS, small, false);
	attacked(32, 1, ERRORS, small, false);
	attacked(8, 4, ERRORS, small, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(equal_weights_and_sizes),
		NET_TEST(thirty_two_full_size),
		NET_TEST(unequal_sizes),
		NET_TEST(thirty_two_unequal_sizes),
		NET_TEST(unequal_weights),
		NET_TEST(thirty_two_unequal_weights),
		NET_TEST(doorbells_cost_who_rings),
		NET_TEST(doorbells_beside_both_directions),
		NET_TEST(errors_and_resets_cost_who_makes_them),
	};
	return NET_RUN(tests);
}
