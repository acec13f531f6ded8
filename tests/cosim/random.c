// SPDX-License-Identifier: Apache-2.0
// Random traffic over random ring layouts, with back-pressure, latency jitter, split and reordered completions: every frame arrives, once,
// right and in order of its flow. `random N` runs N rounds, each with another seed.
#include "cosim.h"

static unsigned rounds = 3, frames = 250;

static unsigned choice(unsigned n, const unsigned *list)
{
	return list[net_below(n)];
}

static void one_round(void)
{
	static const unsigned latencies[] = { 20, 100, 100, 300, 800 };
	static const unsigned payloads[] = { 128, 256 };
	static const unsigned requests[] = { 128, 256, 512, 1024, 4096 };
	static const unsigned stalls[] = { 0, 0, 10, 50, 80 };
	static const unsigned links[] = { 0, 0, 64, 40 };
	static const unsigned sizes[] = { 8, 16, 32, 64, 128, 256, 256, 256 };
	static const unsigned buffers[] = { 0, 0, 0, 128, 256, 600, 2048, 4096 };
	struct gls_config c = {
		.seed = 1 + net_below(1u << 31),
		.latency = choice(5, latencies),
		.latency_jitter = net_below(2) ? net_below(400) : 0,
		.out_of_order = net_below(2),
		.split = net_below(2),
		.link_bytes = choice(4, links),
		.tx_stall_percent = choice(5, stalls),
		.max_payload = choice(2, payloads),
		.max_read_request = choice(5, requests),
		.irq_latency = 1 + net_below(600),
	};
	static const unsigned gaps[] = { 10, 200, 2000 };
	net_gap = choice(3, gaps);
	bool jumbo = !net_below(3);
	static const unsigned counts[] = { 2, 3, 6, 6, 6, 12, 32 };
	unsigned contexts = choice(7, counts);
	net_open(&c);
	for (unsigned i = 0; i < contexts; i++) {
		struct gls_guest_config g = {
			.split = net_below(2),
			.no_mergeable = !net_below(4),
			.event_idx = net_below(2),
			.indirect = net_below(2),
			.in_order = !net_below(4),
			.tx_interrupts = net_below(2),
			.queue_size = choice(8, sizes),
			.rx_buffer = choice(8, buffers),
			.chain = 1 + net_below(8),
			.random_layout = net_below(4) != 0,
			.mtu = jumbo ? 9000 : 1500,
			.memory = jumbo ? 6u << 20 : 0,
			.scatter = net_below(2),
			.huge = !net_below(4),
			.all_memory = net_below(2),
		};
		/* Anywhere in the 39 bits of guest addresses, at either end too. */
		uint64_t unit = g.huge ? 0x200000 : 4096, top = (1ull << 39) / unit,
			 units = ((g.memory ? g.memory : 4 << 20) + unit - 1) / unit;
		g.memory_at = unit *
			      (net_below(8) ? 1 + net_below((uint32_t)(top - units)) : top - units);
		/* A frame takes at most 15 merged buffers. */
		if (g.rx_buffer && g.rx_buffer < g.mtu / 14u)
			g.rx_buffer = 700;
		/* The largest frame and one more must fit the ring. */
		unsigned need = 2 * (g.mtu + 30) / (g.rx_buffer ? g.rx_buffer : 1536) + 2;
		if (g.queue_size < 4 * need && !g.no_mergeable)
			g.queue_size = 256;
		if (!g.split && net_below(2))
			g.queue_size -= net_below(g.queue_size / 4);
		net_guest(i, &g);
	}
	net_traffic(frames, jumbo ? 9014 : 1514);
	net_drain();
}

static void random_traffic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t seed = net_seed;
		printf("# round with SEED=0x%llx\n", (unsigned long long)seed);
		one_round();
		printf("# %u frames sent, %u arrived, cycle %llu\n", net.sent, net.arrived,
		       (unsigned long long)gls_now(nic));
		net_teardown(NULL);
		net_seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		net_setup(NULL);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { NET_TEST(random_traffic) };
	if (argc > 1)
		rounds = (unsigned)strtoul(argv[1], NULL, 0);
	if (argc > 2)
		frames = (unsigned)strtoul(argv[2], NULL, 0);
	return NET_RUN(tests);
}
