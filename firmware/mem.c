/* SPDX-License-Identifier: Apache-2.0 */
/* The two functions that the compiler calls for struct copies and clears; not on the fast path. */
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;

	if (!((uintptr_t)t & 3u)) {
		const uint32_t word = (unsigned char)value * 0x01010101u;
		for (; n >= 4; n -= 4, t += 4) /* bound: n / 4 */
			*(uint32_t *)(void *)t = word;
	}
	for (size_t i = 0; i < n; i++) /* bound: n */
		t[i] = (unsigned char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (!(((uintptr_t)t | (uintptr_t)f) & 3u)) {
		for (; n >= 4; n -= 4, t += 4, f += 4) /* bound: n / 4 */
			*(uint32_t *)(void *)t = *(const uint32_t *)(const void *)f;
	}
	for (size_t i = 0; i < n; i++) /* bound: n */
		t[i] = f[i];
	return to;
}
