/* SPDX-License-Identifier: Apache-2.0
 * Ordinary C as the NIC's firmware has it (descriptor walks, header parsing, checksums, bit vectors, sorting), to see the
 * cycles per instruction of the whole mix. Each part checks its result; prints TAP and the CPI of each part.
 */
#include "machine.h"

uint32_t trap(uint32_t cause, uint32_t epc, uint32_t tval)
{
	(void)cause;
	(void)tval;
	return epc + 4;
}

struct descriptor {
	uint32_t address, address_high, length;
	uint16_t flags, next;
};

#define RING 64
static struct descriptor ring[RING];
static uint16_t available[RING];
static uint8_t frame[1514];
static uint32_t numbers[256];
static uint32_t seed = 1;

static uint32_t random32(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed;
}

/* Chains of three descriptors; the sum of the lengths of all chains. */
static uint32_t walk_ring(void)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < RING; i++) {
		unsigned at = available[i], bound = RING;

		do {
			const struct descriptor *d = &ring[at];

			total += d->length;
			if (!(d->flags & 1))
				break;
			at = d->next % RING;
		} while (--bound);
	}
	return total;
}

static uint32_t internet_checksum(const uint8_t *p, unsigned length)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t classify(unsigned rounds)
{
	uint32_t kinds = 0;

	for (unsigned i = 0; i < rounds; i++) {
		const uint8_t *p = frame + (i & 7) * 4;
		uint32_t type = (uint32_t)p[12] << 8 | p[13];

		switch (type) {
		case 0x0800:
			kinds += 1;
			break;
		case 0x86dd:
			kinds += 2;
			break;
		case 0x8100:
			kinds += 3;
			break;
		default:
			kinds += p[0] & 1 ? 5 : 7;
		}
	}
	return kinds;
}

static uint32_t bit_vector(unsigned rounds)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < rounds; i++) {
		uint32_t pending = random32();

		while (pending) {
			unsigned n = 0;

			for (uint32_t low = pending & -pending; low > 1; low >>= 1)
				n++;
			sum += n;
			pending &= pending - 1;
		}
	}
	return sum;
}

static bool sort(void)
{
	for (unsigned gap = 121; gap; gap /= 3) {
		for (unsigned i = gap; i < 256; i++) {
			uint32_t v = numbers[i];
			unsigned j = i;

			for (; j >= gap && numbers[j - gap] > v; j -= gap)
				numbers[j] = numbers[j - gap];
			numbers[j] = v;
		}
	}
	for (unsigned i = 1; i < 256; i++) {
		if (numbers[i - 1] > numbers[i])
			return false;
	}
	return true;
}

static uint32_t cycles, instructions, all_cycles, all_instructions;

static void start(void)
{
	instructions = csr_read(minstret);
	cycles = csr_read(mcycle);
}

static void cpi(uint32_t c, uint32_t n, const char *name)
{
	uint32_t hundredths = c * 100 / n;

	put_string("# ");
	put_string(name);
	put_string(": ");
	put_number(n);
	put_string(" instructions, CPI ");
	put_number(hundredths / 100);
	put_string(hundredths % 100 < 10 ? ".0" : ".");
	put_number(hundredths % 100);
	put_string("\n");
}

static void stop(bool ok, const char *name)
{
	uint32_t c = csr_read(mcycle) - cycles, n = csr_read(minstret) - instructions;

	all_cycles += c;
	all_instructions += n;
	cpi(c, n, name);
	tap(ok, name);
}

int main(void)
{
	uint32_t want = 0, got;

	for (unsigned i = 0; i < RING; i++) {
		available[i] = (uint16_t)(random32() >> 8) % RING;
		ring[i] = (struct descriptor){ .length = random32() >> 20,
					       .flags = i % 3 != 2,
					       .next = (uint16_t)(i + 1) };
	}
	for (unsigned i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(random32() >> 16);
	for (unsigned i = 0; i < 256; i++)
		numbers[i] = random32();
	for (unsigned i = 0; i < RING; i++) {
		for (unsigned at = available[i];; at = (at + 1) % RING) {
			want += ring[at].length;
			if (at % 3 == 2)
				break;
		}
	}

	start();
	got = walk_ring();
	stop(got == want, "descriptor walk");
	start();
	got = internet_checksum(frame, sizeof(frame));
	stop(got > 0 && got < 0x10000, "checksum of a frame");
	start();
	got = classify(200);
	stop(got >= 200, "header parsing");
	start();
	got = bit_vector(20);
	stop(got > 0, "bit vectors");
	start();
	bool sorted = sort();
	stop(sorted, "sorting");

	/* Taken branches and loads used at once cost two cycles each: most code schedules around half of that. */
	cpi(all_cycles, all_instructions, "all");
	tap(all_cycles * 100 / all_instructions <= 150,
	    "the mix takes at most 1.5 cycles per instruction");
	return tap_end();
}
