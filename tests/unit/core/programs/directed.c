/* SPDX-License-Identifier: Apache-2.0
 * Directed tests of the core: traps with their cause, address and value, interrupts, wfi, CSRs. Runs on core-sim, prints TAP.
 * What instructions compute is compared with QEMU by the lockstep test; here stands what that test cannot see.
 */
#include "machine.h"

extern volatile uint32_t vector_taken; /* set by vector_table */

static volatile struct {
	unsigned count;
	uint32_t cause, epc, tval, mstatus;
	uint32_t resume; /* where to go on after an exception; 0: behind it */
} last;

uint32_t trap(uint32_t cause, uint32_t epc, uint32_t tval)
{
	last.count++;
	last.cause = cause;
	last.epc = epc;
	last.tval = tval;
	last.mstatus = csr_read(mstatus);
	if (cause & 0x80000000) {
		switch (cause & 15) {
		case IRQ_SOFTWARE:
			MSIP = 0;
			break;
		case IRQ_TIMER:
			MTIMECMPH = 0xffffffff;
			break;
		default:
			EXTERNAL = 0;
		}
		return epc;
	}
	return last.resume ? last.resume : epc + 4;
}

static void expect_none(void)
{
	last.count = 0;
	last.resume = 0;
}

static bool trapped(uint32_t cause, uint32_t epc, uint32_t tval)
{
	bool ok = same(last.count, 1, "traps");

	ok &= same(last.cause, cause, "mcause");
	ok &= same(last.epc, epc, "mepc");
	ok &= same(last.tval, tval, "mtval");
	ok &= same(last.mstatus & 0x1888, 0x1800 | (last.mstatus & 0x80), "mstatus in the handler");
	return ok;
}

/* Runs one instruction that must trap; its address goes to pc. */
#define TRAPS(pc, insn, ...) __asm__ volatile("la %0, 1f\n1: " insn : "=&r"(pc) : __VA_ARGS__)

static void exceptions(void)
{
	uint32_t pc, data[2] = { 0x11223344, 0x55667788 }, value = 0xabcd;
	uint32_t at = (uint32_t)data;

	expect_none();
	TRAPS(pc, ".word 0", "r"(0));
	tap(trapped(2, pc, 0), "illegal instruction: all zeros");

	expect_none();
	TRAPS(pc, ".word 0xffffffff", "r"(0));
	tap(trapped(2, pc, 0xffffffff), "illegal instruction: all ones, mtval is the instruction");

	expect_none();
	TRAPS(pc, "ecall", "r"(0));
	tap(trapped(11, pc, 0), "ecall");

	expect_none();
	TRAPS(pc, "ebreak", "r"(0));
	tap(trapped(3, pc, pc), "ebreak");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: lw %1, 1(%2)" : "=&r"(pc), "+r"(value) : "r"(at));
	tap(trapped(4, pc, at + 1) & same(value, 0xabcd, "rd"), "misaligned load leaves rd");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: lhu %1, 3(%2)" : "=&r"(pc), "+r"(value) : "r"(at));
	tap(trapped(4, pc, at + 3), "misaligned half-word load");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: sh %1, 1(%2)" : "=&r"(pc) : "r"(value), "r"(at) : "memory");
	tap(trapped(6, pc, at + 1) & same(data[0], 0x11223344, "memory"),
	    "misaligned store leaves memory");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: lb %1, 5(%2)" : "=&r"(pc), "+r"(value) : "r"(NOWHERE));
	tap(trapped(5, pc, NOWHERE + 5) & same(value, 0xabcd, "rd"), "load access fault leaves rd");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: sw %1, 8(%2)"
			 : "=&r"(pc)
			 : "r"(value), "r"(NOWHERE)
			 : "memory");
	tap(trapped(7, pc, NOWHERE + 8), "store access fault");

	expect_none();
	__asm__ volatile("la %0, 2f\n sw %0, %3\n jr %2\n2:"
			 : "=&r"(pc), "+r"(value)
			 : "r"(NOWHERE), "m"(last.resume));
	tap(trapped(1, NOWHERE, NOWHERE), "fetch access fault");

	expect_none();
	__asm__ volatile("la %0, 1f\n mv %1, %0\n1: jalr %1, 6(%0)" : "=&r"(pc), "+r"(value));
	tap(trapped(0, pc, pc + 6) & same(value, pc, "link register"),
	    "misaligned jump target leaves rd");

	expect_none();
	__asm__ volatile("la %0, 1f\n1: .word 0x00000163" : "=&r"(pc)); /* beq x0, x0, +2 */
	tap(trapped(0, pc, pc + 2), "misaligned target of a taken branch");

	expect_none();
	__asm__ volatile("1: .word 0x00001163"); /* bne x0, x0, +2 */
	tap(same(last.count, 0, "traps"), "misaligned target of a branch not taken is no trap");
}

/* Younger instructions must have no effect, whatever they are, and older ones must be complete. */
static void precise(void)
{
	uint32_t data[4] = { 0 }, pc, a = 0, resume;
	uint32_t at = (uint32_t)data;

	expect_none();
	__asm__ volatile("la %0, 2f\n sw %0, %4\n li %1, 7\n sw %1, 0(%2)\n lw x0, 0(%3)\n sw %1, "
			 "4(%2)\n li %1, 9\n"
			 " sw %1, 8(%2)\n csrwi mscratch, 5\n div %1, %1, %1\n2:"
			 : "=&r"(resume), "=&r"(a)
			 : "r"(at), "r"(NOWHERE), "m"(last.resume)
			 : "memory");
	tap(same(last.cause, 5, "mcause") & same(data[0], 7, "older store") &
		    same(data[1] | data[2], 0, "younger stores") & same(a, 7, "register"),
	    "load access fault: nothing younger happens");

	expect_none();
	__asm__ volatile(
		"la %0, 2f\n sw %0, %4\n li %1, 7\n sw %1, 0(%3)\n sw %1, 4(%2)\n sw %1, 8(%2)\n2:"
		: "=&r"(resume), "=&r"(a)
		: "r"(at), "r"(NOWHERE), "m"(last.resume)
		: "memory");
	tap(same(last.cause, 7, "mcause") & same(data[1] | data[2], 0, "younger stores"),
	    "store access fault: the stores right behind it do not happen");

	expect_none();
	csr_write(mscratch, 1);
	__asm__ volatile("la %0, 2f\n sw %0, %3\n la %1, 1f\n1: .word 0\n csrwi mscratch, 2\n sw "
			 "%1, 12(%2)\n2:"
			 : "=&r"(resume), "=&r"(pc)
			 : "r"(at), "m"(last.resume)
			 : "memory");
	tap(trapped(2, pc, 0) & same(csr_read(mscratch), 1, "mscratch") &
		    same(data[3], 0, "younger store"),
	    "illegal instruction: nothing younger happens");

	expect_none();
	__asm__ volatile("la %0, 2f\n sw %0, %3\n li %1, 100\n div %1, %1, %1\n lw %1, 0(%2)\n div "
			 "%1, %1, %1\n2:"
			 : "=&r"(resume), "=&r"(a)
			 : "r"(NOWHERE), "m"(last.resume)
			 : "memory");
	tap(same(last.cause, 5, "mcause") & same(a, 1, "register"),
	    "a divide behind a faulting load is abandoned");
	__asm__ volatile("li %0, 91\n li %1, 7\n div %0, %0, %1" : "=&r"(a), "=&r"(pc));
	tap(same(a, 13, "91 / 7"), "the divider works after that");
}

static void interrupts(void)
{
	uint32_t a, b, pc;

	expect_none();
	csr_write(mie, 0x888);
	MSIP = 1;
	a = csr_read(mip);
	tap(same(a, 8, "mip") & same(last.count, 0, "traps"),
	    "software interrupt pending, mstatus.MIE = 0");
	__asm__ volatile("la %0, 1f\n csrsi mstatus, 8\n1: nop" : "=&r"(pc)::"memory");
	tap(trapped(0x80000003, pc, 0) & same(csr_read(mip), 0, "mip"),
	    "software interrupt is taken right behind the CSR write that enables it");

	expect_none();
	csr_clear(mie, 8);
	MSIP = 1;
	__asm__ volatile("nop\n nop\n nop\n nop");
	tap(same(last.count, 0, "traps"), "not enabled in mie: not taken");
	__asm__ volatile("la %0, 1f\n csrsi mie, 8\n1: nop" : "=&r"(pc)::"memory");
	tap(trapped(0x80000003, pc, 0), "enabled in mie: taken right behind that write");
	csr_clear(mstatus, 8);

	expect_none();
	EXTERNAL = 1;
	MSIP = 1;
	MTIMECMP = 0;
	MTIMECMPH = 0;
	a = csr_read(mip);
	csr_set(mstatus, 8);
	b = last.cause;
	csr_clear(mstatus, 8);
	tap(same(a, 0x888, "mip") & same(last.count, 3, "traps") &
		    same(b, 0x80000007, "last cause"),
	    "three at once are all taken, the timer last");
	expect_none();
	EXTERNAL = 1;
	MSIP = 1;
	csr_write(mie, 0x808);
	__asm__ volatile("csrsi mstatus, 8\n csrci mstatus, 8" ::: "memory");
	tap(same(last.count, 2, "traps") & same(last.cause, 0x80000003, "last cause"),
	    "external goes before software");

	/* A handler must not be entered behind the instruction that disables interrupts. */
	bool ok = true;
	csr_write(mie, 0x80);
	for (unsigned delay = 1; delay < 60; delay++) {
		expect_none();
		MTIMECMP = MTIME + delay;
		MTIMECMPH = 0;
		__asm__ volatile("csrsi mstatus, 8\n nop\n nop\n nop\n csrci mstatus, 8\n la %0, "
				 "1f\n1: nop\n nop\n nop\n nop\n nop\n nop\n nop"
				 : "=&r"(pc)::"memory");
		ok &= last.count == 0 || last.epc < pc;
		MTIMECMPH = 0xffffffff;
	}
	tap(ok, "no interrupt behind the instruction that disables them, at any moment");

	/* Vectored mode. */
	csr_write(mtvec, (uint32_t)&vector_taken); /* any multiple of 4 */
	tap(same(csr_read(mtvec), (uint32_t)&vector_taken, "mtvec"), "mtvec holds a direct base");
	extern char vector_table[], trap_entry[];
	csr_write(mtvec, (uint32_t)vector_table | 1);
	expect_none();
	vector_taken = 99;
	csr_write(mie, 0x888);
	EXTERNAL = 1;
	csr_set(mstatus, 8);
	csr_clear(mstatus, 8);
	tap(same(vector_taken, 11, "vector") & same(last.count, 1, "traps"),
	    "vectored: external interrupt");
	vector_taken = 99;
	__asm__ volatile("ecall");
	tap(same(vector_taken, 0, "vector"), "vectored: exceptions go to the base");
	csr_write(mtvec, (uint32_t)trap_entry);
	csr_write(mie, 0);
}

static void wait_for_interrupt(void)
{
	uint32_t before, after, pc;

	expect_none();
	csr_write(mie, 0x80);
	before = MTIME;
	MTIMECMP = before + 500;
	MTIMECMPH = 0;
	__asm__ volatile("wfi");
	after = MTIME;
	tap(after - before >= 500 && after - before < 540 && same(last.count, 0, "traps"),
	    "wfi sleeps until the timer and goes on without a trap if mstatus.MIE = 0");

	MTIMECMP = MTIME + 300;
	csr_set(mstatus, 8);
	__asm__ volatile("la %0, 1f\n wfi\n1: nop" : "=&r"(pc)::"memory");
	csr_clear(mstatus, 8);
	tap(trapped(0x80000007, pc, 0), "wfi wakes into the handler, mepc behind wfi");

	expect_none();
	csr_write(mie, 8);
	MSIP = 1;
	__asm__ volatile("wfi");
	MSIP = 0;
	tap(same(last.count, 0, "traps"), "wfi with something pending goes on at once");
	csr_write(mie, 0);
}

static void csrs(void)
{
	uint32_t pc, a, b, c;

	tap(same(csr_read(misa), 0x40001100, "misa"), "misa is RV32IM");
	tap(same(csr_read(mhartid) | csr_read(mvendorid) | csr_read(marchid) | csr_read(mimpid), 0,
		 "ids"),
	    "ids read zero");
	csr_write(mstatus, 0xffffffff & ~8u);
	a = csr_read(mstatus);
	csr_write(mstatus, 0);
	tap(same(a, 0x1880, "mstatus written ones") &
		    same(csr_read(mstatus), 0x1800, "mstatus written zero"),
	    "mstatus: MPIE and MIE are writable, MPP is machine mode");
	csr_write(mie, 0xffffffff);
	a = csr_read(mie);
	csr_write(mie, 0);
	tap(same(a, 0x888, "mie"), "mie has the three machine interrupts");
	csr_write(mepc, 0xffffffff);
	tap(same(csr_read(mepc), 0xfffffffc, "mepc"), "mepc is a multiple of 4");
	csr_write(mcause, 0xffffffff);
	tap(same(csr_read(mcause), 0x8000000f, "mcause"), "mcause holds every code");
	csr_write(mtval, 0x12345678);
	csr_write(mscratch, 0x9abcdef0);
	tap(same(csr_read(mtval), 0x12345678, "mtval") &
		    same(csr_read(mscratch), 0x9abcdef0, "mscratch"),
	    "mtval, mscratch");

	__asm__ volatile("csrrw %0, mscratch, %2\n csrrs %1, mscratch, x0"
			 : "=&r"(a), "=&r"(b)
			 : "r"(0x0f0f0000));
	__asm__ volatile("csrrsi %0, mscratch, 31\n" : "=&r"(c));
	tap(same(a, 0x9abcdef0, "old") & same(b, 0x0f0f0000, "new") &
		    same(csr_read(mscratch), 0x0f0f001f, "csrrsi"),
	    "CSR instructions back to back");

	expect_none();
	TRAPS(pc, "csrw mhartid, x0", "r"(0));
	tap(trapped(2, pc, 0xf1401073), "writing a read-only CSR is illegal");
	expect_none();
	TRAPS(pc, "csrw cycle, x0", "r"(0));
	tap(trapped(2, pc, 0xc0001073), "... and so is writing cycle");
	expect_none();
	TRAPS(pc, "csrrs x0, 0x7c0, x0", "r"(0));
	tap(trapped(2, pc, 0x7c002073), "a CSR that does not exist is illegal");
	expect_none();
	a = csr_read(mhartid) | csr_read(0xb1f) | csr_read(0xb9f) | csr_read(0x33f) |
	    csr_read(0xc1f) | csr_read(0x310) | csr_read(0xf15);
	__asm__ volatile("csrrsi x0, mhartid, 0\n csrrc x0, cycle, x0");
	tap(same(a, 0, "value") & same(last.count, 0, "traps"),
	    "unused counters read zero; reading is never illegal");

	a = csr_read(minstret);
	b = csr_read(minstret);
	tap(same(b - a, 1, "minstret difference"), "minstret counts the CSR instruction itself");
	__asm__ volatile("csrw minstret, %2\n csrr %0, minstret\n csrr %1, instret"
			 : "=&r"(a), "=&r"(b)
			 : "r"(1000));
	tap(same(a, 1000, "first") & same(b, 1001, "second"),
	    "minstret reads what was written to it");
	csr_write(minstreth, 7);
	tap(same(csr_read(instreth), 7, "instreth"), "upper half of minstret");
	csr_write(mcycle, 0xfffffff0);
	csr_write(mcycleh, 4);
	__asm__ volatile("nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop");
	tap(same(csr_read(cycleh), 5, "cycleh") & (csr_read(cycle) < 100),
	    "mcycle carries into its upper half");
	a = csr_read(cycle);
	b = csr_read(mcycle);
	tap(b - a < 20 && b > a, "cycle is mcycle");
	a = MTIME;
	b = csr_read(time);
	tap(b - a < 20 && b > a, "time is the platform's mtime");
	csr_write(mcountinhibit, 5);
	a = csr_read(mcycle);
	b = csr_read(minstret);
	tap(same(csr_read(mcycle), a, "mcycle") & same(csr_read(minstret), b, "minstret"),
	    "mcountinhibit stops both");
	csr_write(mcountinhibit, 0);
	csr_write(mhpmcounter3, 0);
	__asm__ volatile(".rept 10\n j 1f\n1:\n .endr");
	a = csr_read(mhpmcounter3);
	tap(same(a, 10, "mhpmcounter3"), "event counter of taken branches");
}

/* Code that was just written is seen behind fence.i. */
static void self_modifying(void)
{
	static uint32_t code[2] = { 0x00100513, 0x00008067 }; /* li a0, 1; ret */
	uint32_t (*function)(void) = (uint32_t(*)(void))code;
	uint32_t a = function(), b;

	code[0] = 0x00200513;
	__asm__ volatile("fence.i" ::: "memory");
	b = function();
	tap(same(a, 1, "before") & same(b, 2, "after"), "fence.i makes stores visible to fetch");
}

int main(void)
{
	exceptions();
	precise();
	interrupts();
	wait_for_interrupt();
	csrs();
	self_modifying();
	return tap_end();
}
