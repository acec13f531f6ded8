// SPDX-License-Identifier: Apache-2.0
// The coverage signal: which counters of the NIC and of hostile contexts moved since the last look, and by how much (in powers of four);
// which device states, reasons of resets and faults were seen, and after which kind of operation. A point is a bit of a map.
#include "fuzz.h"

#define MAP_BITS (1u << 16)
#define STATS	 (sizeof(stat_numbers) / sizeof(stat_numbers[0]))
#define CSTATS	 16u

static const unsigned stat_numbers[] = {
#define X(name, number, text) number,
	GL_STAT_LIST(X)
#undef X
};
static uint8_t map[MAP_BITS];
static unsigned points;
static uint32_t stat_before[STATS], cstat_before[32][CSTATS];

static unsigned hit(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x = (a * 0x9e3779b97f4a7c15ull ^ b) * 0xbf58476d1ce4e5b9ull ^ c;
	x = (x ^ x >> 29) * 0x94d049bb133111ebull;
	unsigned bit = (unsigned)(x >> 48);
	if (map[bit])
		return 0;
	map[bit] = 1;
	points++;
	return 1;
}

static unsigned bucket(uint32_t moved)
{
	unsigned n = 0;
	for (; moved; moved >>= 2)
		n++;
	return n;
}

static uint32_t stat(unsigned i)
{
	return net_reg(GL_BAR0_STAT + stat_numbers[i] * GL_BAR0_STAT_STRIDE);
}

static uint32_t cstat(unsigned context, unsigned i)
{
	return net_reg(GL_BAR0_CTX_STAT + context * 128 + i * GL_BAR0_CTX_STAT_STRIDE);
}

void coverage_new(void)
{
	memset(map, 0, sizeof(map));
	points = 0;
	for (unsigned i = 0; i < STATS; i++)
		stat_before[i] = stat(i);
	for (unsigned n = 0; n < fuzz.hostiles; n++)
		for (unsigned i = 0; i < CSTATS; i++)
			cstat_before[fuzz.hostile[n].context][i] =
				cstat(fuzz.hostile[n].context, i);
}

unsigned coverage_take(enum op_kind last)
{
	unsigned fresh = 0;
	for (unsigned i = 0; i < STATS; i++) {
		uint32_t now = stat(i);
		if (now != stat_before[i])
			fresh += hit(1, i, bucket(now - stat_before[i]));
		stat_before[i] = now;
	}
	for (unsigned n = 0; n < fuzz.hostiles && n < 4; n++) {
		const struct hostile *h = &fuzz.hostile[n];
		for (unsigned i = 0; i < CSTATS; i++) {
			uint32_t now = cstat(h->context, i);
			if (now != cstat_before[h->context][i])
				fresh += hit(2 + h->packed, i,
					     bucket(now - cstat_before[h->context][i]));
			cstat_before[h->context][i] = now;
		}
		uint32_t status = net_status(h->context);
		fresh += hit(4 + h->packed, status & GL_BAR0_CTX_STATUS_DEVICE_STATUS_MASK,
			     status & GL_BAR0_CTX_STATUS_REASON_MASK);
		if (status & 0x40)
			fresh += hit(6 + h->packed, last, status & GL_BAR0_CTX_STATUS_REASON_MASK);
		uint32_t info = net_reg(GL_BAR0_FAULT_INFO);
		if (info & GL_BAR0_FAULT_INFO_VALID_MASK) {
			uint32_t what = info & (GL_BAR0_FAULT_INFO_KIND_MASK |
						GL_BAR0_FAULT_INFO_WRITE_MASK |
						GL_BAR0_FAULT_INFO_QUEUE_MASK);
			fresh += hit(8 + h->packed, what, 0) + hit(10, what, last);
			net_reg_write(GL_BAR0_FAULT_INFO, 0);
		}
	}
	return fresh;
}

unsigned coverage_points(void)
{
	return points;
}
