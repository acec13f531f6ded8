/* SPDX-License-Identifier: Apache-2.0 */
/* The two functions that the compiler calls for struct copies and clears; not on the fast path. */
#include <stddef.h>

void *memset(void *to, int value, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;

	for (size_t i = 0; i < n; i++) /* bound: n */
		t[i] = (unsigned char)value;
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (size_t i = 0; i < n; i++) /* bound: n */
		t[i] = f[i];
	return to;
}
