/* SPDX-License-Identifier: Apache-2.0
 * The cycle costs that the core promises (head of rtl/core/core_cpu.sv), measured with mcycle on core-sim: each sequence
 * is repeated 64 and 128 times in straight line and the difference counts. Prints TAP.
 */
#include "machine.h"

uint32_t trap(uint32_t cause, uint32_t epc, uint32_t tval)
{
	(void)cause;
	(void)tval;
	return epc + 4;
}

#define REPEAT 64

/* Cycles of n repetitions of the assembly text; a0 to a5 and t0 to t2 are free, s2 points to a table that points to itself. */
#define CYCLES(n, text)                                                                          \
	({                                                                                       \
		uint32_t begin_, end_;                                                           \
		__asm__ volatile(                                                                \
			"mv s2, %2\n mv a0, %2\n li a1, 100\n li a2, 7\n .balign 4\n"            \
			"csrr %0, mcycle\n .rept " #n "\n" text "\n .endr\n csrr %1, mcycle"     \
			: "=&r"(begin_), "=&r"(end_)                                             \
			: "r"(table)                                                             \
			: "a0", "a1", "a2", "a3", "a4", "a5", "t0", "t1", "t2", "s2", "memory"); \
		end_ - begin_;                                                                   \
	})

static uint32_t *table[16];

/* At most limit cycles each, in quarters of a cycle. */
static void cost(uint32_t cycles, uint32_t limit, const char *name)
{
	uint32_t quarters = cycles * 4 / REPEAT;

	put_string("# ");
	put_string(name);
	put_string(": ");
	put_number(quarters / 4);
	put_string(((const char *[]){ "", ".25", ".5", ".75" })[quarters % 4]);
	put_string(" cycles\n");
	tap(cycles <= limit * REPEAT, name);
}

#define COST(limit, text, name) cost(CYCLES(128, text) - CYCLES(64, text), limit, name)

int main(void)
{
	for (unsigned i = 0; i < 16; i++)
		table[i] = (uint32_t *)table;

	/* One instruction is one cycle; a taken branch or jump at most 2 more; a result that comes late at most 2 more. */
	COST(1, "addi a1, a1, 1", "dependent ALU instructions: 1 cycle");
	COST(1, "slli a1, a1, 1", "dependent shifts: 1 cycle");
	COST(1, "beq a1, x0, 1f\n1:", "branch not taken: 1 cycle");
	COST(2, "addi a1, a1, 0\n beqz a1, 1f\n1:", "branch on the result just before it: no wait");
	COST(3, "bne a1, x0, 1f\n1:", "branch taken: at most 2 extra cycles");
	COST(3, "j 1f\n1:", "jump: at most 2 extra cycles");
	COST(5, "la t0, 1f\n jr t0\n nop\n1:", "indirect jump: at most 2 extra cycles");
	COST(9, "jal ra, 1f\n j 2f\n1: ret\n2:", "call, return, jump: at most 2 extra cycles each");
	COST(1, "lw a1, 0(s2)", "loads: one per cycle");
	COST(1, "sw a1, 4(s2)", "stores: one per cycle");
	COST(2, "sw a1, 4(s2)\n lw a2, 4(s2)", "store and load in turn: one per cycle");
	COST(3, "lw a0, 0(a0)", "load address from load: at most 2 extra cycles");
	COST(4, "lbu a1, 0(s2)\n addi a1, a1, 1", "byte load and use: at most 2 extra cycles");
	COST(4, "lw a1, 0(s2)\n nop\n addi a1, a1, 1", "load, one instruction, use: 1 extra cycle");
	COST(4, "lw a1, 0(s2)\n nop\n nop\n addi a1, a1, 1", "load, two instructions, use: none");
	COST(4, "lw a1, 0(s2)\n sw a1, 4(s2)", "copy a word: at most 2 extra cycles");
	COST(1, "mul a3, a1, a2", "multiplications: one per cycle");
	COST(2, "mulhu a3, a1, a2\n mul a4, a1, a2", "64-bit products: two cycles");
	COST(3, "mul a1, a1, a2", "multiplication of a product: at most 2 extra cycles");
	COST(38, "div a3, a1, a2", "division: at most 38 cycles");
	COST(1, "sll a3, a1, a2", "shift by a register: 1 cycle");
	COST(3, "addi a2, x0, 3\n sll a3, a1, a2",
	     "shift by the result just before it: 1 extra cycle");
	return tap_end();
}
