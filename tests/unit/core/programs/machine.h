/* SPDX-License-Identifier: Apache-2.0
 * The machine that core-sim models, for test programs written in C: devices, CSR access, TAP on the console.
 */
#ifndef CORE_TEST_MACHINE_H
#define CORE_TEST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#define REG32(addr) (*(volatile uint32_t *)(addr))
#define CONSOLE	    (*(volatile uint8_t *)0x10000000)
#define EXTERNAL    REG32(0x10000004)
#define MSIP	    REG32(0x02000000)
#define MTIMECMP    REG32(0x02004000)
#define MTIMECMPH   REG32(0x02004004)
#define MTIME	    REG32(0x0200bff8)
#define NOWHERE	    0x09000000u /* an address that does not answer */

#define MSTATUS_MIE  0x8u
#define MSTATUS_MPIE 0x80u
#define IRQ_SOFTWARE 3
#define IRQ_TIMER    7
#define IRQ_EXTERNAL 11

#define csr_read(csr)                                                    \
	({                                                               \
		uint32_t v_;                                             \
		__asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory"); \
		v_;                                                      \
	})
#define csr_write(csr, value) __asm__ volatile("csrw " #csr ", %0" ::"rK"(value) : "memory")
#define csr_set(csr, value)   __asm__ volatile("csrs " #csr ", %0" ::"rK"(value) : "memory")
#define csr_clear(csr, value) __asm__ volatile("csrc " #csr ", %0" ::"rK"(value) : "memory")

static unsigned tap_points, tap_failed;

static inline void put_string(const char *s)
{
	while (*s)
		CONSOLE = (uint8_t)*s++;
}

static inline void put_number(uint32_t v)
{
	char digits[11];
	unsigned n = 10;

	digits[n] = '\0';
	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	put_string(digits + n);
}

static inline void put_hex(uint32_t v)
{
	put_string("0x");
	for (int i = 28; i >= 0; i -= 4)
		CONSOLE = (uint8_t) "0123456789abcdef"[v >> i & 15];
}

/* One test point. */
static inline void tap(bool ok, const char *name)
{
	put_string(ok ? "ok " : "not ok ");
	put_number(++tap_points);
	put_string(" - ");
	put_string(name);
	put_string("\n");
	tap_failed += !ok;
}

/* A comment that says which value was wrong. */
static inline bool same(uint32_t got, uint32_t want, const char *what)
{
	if (got != want) {
		put_string("# ");
		put_string(what);
		put_string(": ");
		put_hex(got);
		put_string(", expected ");
		put_hex(want);
		put_string("\n");
	}
	return got == want;
}

static inline int tap_end(void)
{
	put_string("1..");
	put_number(tap_points);
	put_string("\n");
	return tap_failed != 0;
}

#endif
