/* SPDX-License-Identifier: Apache-2.0
 * Writes a random RV32IM machine-mode program (assembly, on stdout) for the lockstep test.
 *
 *   lockstep-gen SEED ITEMS
 *
 * The program runs unchanged on core-sim and on QEMU's `virt` machine and is deterministic on both: an interrupt is
 * always made pending while interrupts are off and taken at the CSR write that enables it. It ends with a store to tohost,
 * then (for QEMU) with a store to virt's test device.
 *
 * Registers: x8 middle of the data area, x9 CLINT, x18 loop counter, x31 save area of the trap handler; the rest is random.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static unsigned labels;
static bool zb;

static uint32_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32);
}

static unsigned below(unsigned n)
{
	return rnd() % n;
}

#define PICK(list) ((list)[below(sizeof(list) / sizeof((list)[0]))])

/* Few registers are used often, so that most instructions depend on a recent one. */
static unsigned dest(void)
{
	static const uint8_t often[] = { 5, 6, 7, 10, 11, 12 };
	static const uint8_t all[] = { 0,  1,  2,  3,  4,  5,  6,  7,  10, 11, 12, 13, 14, 15,
				       16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 };

	return below(4) ? PICK(often) : PICK(all);
}

static unsigned source(void)
{
	return below(12) ? dest() : PICK(((const uint8_t[]){ 0, 8, 9, 18, 31 }));
}

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	putchar('\t');
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static uint32_t value(void)
{
	static const uint32_t corner[] = { 0,	       1,	   2,	       31,
					   32,	       0x7fffffff, 0x80000000, 0x80000001,
					   0xffffffff, 0xfffffffe, 0x8000,     0xff80 };

	return below(3) ? rnd() >> below(32) : PICK(corner);
}

static void alu(void)
{
	static const char *const rr[] = { "add", "sub", "sll", "slt", "sltu",
					  "xor", "srl", "sra", "or",  "and" };
	static const char *const ri[] = { "addi", "slti", "sltiu", "xori", "ori", "andi" };
	static const char *const sh[] = { "slli", "srli", "srai" };

	switch (below(8)) {
	case 0:
		put("lui x%u, 0x%x", dest(), rnd() & 0xfffff);
		break;
	case 1:
		put("auipc x%u, 0x%x", dest(), rnd() & 0xfffff);
		break;
	case 2:
		put("%s x%u, x%u, %u", PICK(sh), dest(), source(), below(32));
		break;
	case 3:
	case 4:
		put("%s x%u, x%u, %d", PICK(ri), dest(), source(), (int)below(4096) - 2048);
		break;
	default:
		put("%s x%u, x%u, x%u", PICK(rr), dest(), source(), source());
		break;
	}
}

static void bits(void)
{
	static const char *const rr[] = { "sh1add", "sh2add", "sh3add", "andn", "orn", "xnor",
					  "min",    "minu",   "max",	"maxu", "rol", "ror" };
	static const char *const r[] = { "clz",	   "ctz",    "cpop", "sext.b",
					 "sext.h", "zext.h", "rev8", "orc.b" };

	switch (below(5)) {
	case 0:
		put("rori x%u, x%u, %u", dest(), source(), below(32));
		break;
	case 1:
	case 2:
		put("%s x%u, x%u", PICK(r), dest(), source());
		break;
	default:
		put("%s x%u, x%u, x%u", PICK(rr), dest(), source(), source());
		break;
	}
}

static void muldiv(void)
{
	static const char *const mul[] = { "mul", "mulh", "mulhsu", "mulhu" };
	static const char *const div[] = { "div", "divu", "rem", "remu" };

	if (below(4) == 0)
		put("li x%u, %d", dest(), (int)value());
	if (below(3))
		put("%s x%u, x%u, x%u", PICK(mul), dest(), source(), source());
	else
		put("%s x%u, x%u, x%u", PICK(div), dest(), source(), source());
}

static void memory(bool aligned)
{
	static const struct {
		const char *op;
		int size;
	} ops[] = { { "lb", 1 }, { "lbu", 1 }, { "lh", 2 }, { "lhu", 2 }, { "lw", 4 },
		    { "sb", 1 }, { "sh", 2 },  { "sw", 4 }, { "lw", 4 },  { "sw", 4 } };
	unsigned i = below(sizeof(ops) / sizeof(ops[0]));
	/* A small window makes stores and loads meet. */
	int offset = below(3) ? (int)below(32) - 16 : (int)below(4000) - 2000;
	bool load = ops[i].op[0] == 'l';

	if (aligned)
		offset &= -ops[i].size;
	put("%s x%u, %d(x8)", ops[i].op, load ? dest() : source(), offset);
}

static void items(unsigned n, bool in_loop);

static void branch(bool in_loop)
{
	static const char *const ops[] = { "beq", "bne", "blt", "bge", "bltu", "bgeu" };
	unsigned label = labels++;

	put("%s x%u, x%u, L%u", PICK(ops), source(), source(), label);
	items(below(4), in_loop);
	printf("L%u:\n", label);
}

static void loop(void)
{
	unsigned label = labels++;

	put("li x18, %u", 2 + below(3));
	printf("L%u:\n", label);
	items(1 + below(8), true);
	put("addi x18, x18, -1");
	put("bnez x18, L%u", label);
}

static void jump(bool in_loop)
{
	unsigned label = labels++;

	if (below(2)) {
		put("jal x%u, L%u", dest(), label);
		items(below(3), in_loop);
	} else {
		unsigned reg = dest();

		while (reg == 0)
			reg = dest();
		put("la x%u, L%u", reg, label);
		if (below(2)) /* an odd target: bit 0 is ignored */
			put("addi x%u, x%u, 1", reg, reg);
		put("jalr x%u, x%u", dest(), reg);
		items(below(3), in_loop);
	}
	printf("L%u:\n", label);
}

static void trap(void)
{
	static const uint32_t illegal[] = {
		0x00000000,	   0xffffffff,	      0x0000000b, 0x40001033, 0x02000073,
		0x00002007,	   0x0000202f,	      0x10200073, 0x7b200073, 0xc0001073,
		0xf1429073,	   0x7ff02573,	      0x00003003, 0x0000605b, 0x00007003,
		0x00003023,	   0x00002063,	      0x00001067, 0x02001013, 0x80000033,
		0x00002067 + 0x80, 0x30200073 + 0x80, 0x00004073, 0x9000e0f3,
	};

	switch (below(7)) {
	case 0:
	case 1:
		put(".word 0x%08" PRIx32, PICK(illegal));
		break;
	case 2:
		put(below(2) ? "ecall" : "ebreak");
		break;
	case 3: /* load or store where nothing is, followed by stores that must not happen twice or too early */
		put("lui x5, 0x9000");
		put(below(2) ? "lw x%u, %u(x5)" : "sw x%u, %u(x5)", dest(), below(256) * 4);
		put("sw x%u, 0(x8)", source());
		break;
	case 4: /* fetch where nothing is; the handler returns to x1 */
		put("lui x5, 0x9000");
		put("jalr x1, %u(x5)", below(256) * 4);
		break;
	case 5: /* jump to a misaligned address */
		put("la x5, _start");
		put("jalr x0, %u(x5)", 2 + below(2));
		break;
	default:
		memory(false);
		break;
	}
}

static void interrupt(void)
{
	unsigned reg = 5 + below(3);

	switch (below(4)) {
	case 0: /* software interrupt, taken after csrsi */
		put("csrci mstatus, 8");
		put("li x%u, 1", reg);
		put("sw x%u, 0(x9)", reg);
		if (below(2))
			put("csrr x%u, mip", dest());
		put("csrsi mstatus, 8");
		break;
	case 1: /* timer interrupt (mtimecmp is 0 all the time), taken at the write to mie */
		put("li x%u, 0x80", reg);
		put("csrs mie, x%u", reg);
		break;
	case 2: /* both at once, taken after mret-like enabling: software first */
		put("csrci mstatus, 8");
		put("li x%u, 1", reg);
		put("sw x%u, 0(x9)", reg);
		put("li x%u, 0x80", reg);
		put("csrs mie, x%u", reg);
		if (below(2))
			put("wfi");
		put("csrsi mstatus, 8");
		break;
	default: /* pending but disabled: wfi goes on, nothing is taken */
		put("csrci mstatus, 8");
		put("li x%u, 1", reg);
		put("sw x%u, 0(x9)", reg);
		put("wfi");
		put("sw x0, 0(x9)");
		put("csrsi mstatus, 8");
		break;
	}
}

static void csr(void)
{
	static const char *const ops[] = { "csrrw", "csrrs", "csrrc" };
	static const char *const ro[] = { "mhartid", "mtvec", "mie", "mip", "misa", "mvendorid" };
	unsigned reg;

	switch (below(5)) {
	case 0:
	case 1:
		put("%s x%u, mscratch, x%u", PICK(ops), dest(), source());
		break;
	case 2:
		put("%si x%u, mscratch, %u", PICK(ops), dest(), below(32));
		break;
	case 3:
		put("csrr x%u, %s", dest(), PICK(ro));
		break;
	default: /* only these bits are ours to compare */
		reg = dest();
		put("csrr x%u, mstatus", reg);
		put("andi x%u, x%u, 0x88", reg, reg);
		break;
	}
}

static void items(unsigned n, bool in_loop)
{
	while (n--) {
		unsigned kind = below(100);

		if (kind < 38)
			alu();
		else if (kind < 45)
			muldiv();
		else if (kind < 70)
			memory(true);
		else if (kind < 82)
			branch(in_loop);
		else if (kind < 84 && !in_loop)
			loop();
		else if (kind < 89)
			jump(in_loop);
		else if (kind < 92)
			trap();
		else if (kind < 94)
			interrupt();
		else if (kind < 96)
			csr();
		else if (kind < 97)
			put(below(2) ? "fence" : "fence.i");
		else if (zb)
			bits();
		else
			put("li x%u, %d", dest(), (int)value());
	}
}

static const char prologue[] =
	"	.section .text.init, \"ax\"\n"
	"	.globl _start\n"
	"_start:\n"
	"	la t0, vectors\n"
	"	ori t0, t0, VECTORED\n"
	"	csrw mtvec, t0\n"
	"	la x31, save\n"
	"	la x8, data + 2048\n"
	"	li x9, 0x02000000\n"
	"	sw x0, 0(x9)\n"
	"	li t0, 0x02004000\n"
	"	sw x0, 0(t0)\n"
	"	sw x0, 4(t0)\n"
	"	csrw mscratch, x0\n"
	"	li t0, 8\n"
	"	csrw mie, t0\n"
	/* MPIE as every mret leaves it: QEMU takes no trap where a misaligned access makes the core take one */
	"	li t0, 0x88\n"
	"	csrs mstatus, t0\n";

/* The handler keeps every register. Misaligned accesses are traps here and work on QEMU, so they are carried out. */
static const char epilogue[] =
	"	la x8, data\n"
	"	li x5, 1024\n"
	"1:	lw x6, 0(x8)\n"
	"	addi x8, x8, 4\n"
	"	addi x5, x5, -1\n"
	"	bnez x5, 1b\n"
	"	li x5, 1\n"
	"	la x6, tohost\n"
	"	sw x5, 0(x6)\n"
	"	li x5, 0x5555\n"
	"	li x6, 0x100000\n"
	"	sw x5, 0(x6)\n"
	"1:	j 1b\n"
	"	.balign 64\n"
	"vectors:\n"
	"	j trap\n"
	"	.word 0, 0\n"
	"	j trap\n"
	"	.word 0, 0, 0\n"
	"	j trap\n"
	"trap:\n"
	"	sw x28, 4*28(x31)\n"
	"	sw x29, 4*29(x31)\n"
	"	sw x30, 4*30(x31)\n"
	"	csrr x28, mcause\n"
	"	csrr x29, mepc\n"
	"	csrr x30, mtval\n"
	"	bltz x28, irq\n"
	"	li x30, 1\n"
	"	beq x28, x30, fetch_fault\n"
	"	li x30, 4\n"
	"	beq x28, x30, misaligned\n"
	"	li x30, 6\n"
	"	beq x28, x30, misaligned\n"
	"	addi x29, x29, 4\n"
	"	csrw mepc, x29\n"
	"out:	lw x28, 4*28(x31)\n"
	"	lw x29, 4*29(x31)\n"
	"	lw x30, 4*30(x31)\n"
	"	mret\n"
	"fetch_fault:\n"
	"	csrw mepc, x1\n"
	"	j out\n"
	"irq:	andi x28, x28, 15\n"
	"	li x30, 3\n"
	"	beq x28, x30, 1f\n"
	"	li x30, 0x80\n"
	"	csrc mie, x30\n"
	"	j out\n"
	"1:	sw x0, 0(x9)\n"
	"	j out\n"
	"misaligned:\n"
	"	addi x30, x29, 4\n"
	"	csrw mepc, x30\n"
	"	lw x29, 0(x29)\n" /* the instruction */
	"	csrr x30, mtval\n"
	"	andi x28, x29, 0x20\n"
	"	bnez x28, store\n"
	"	lbu x28, 0(x30)\n" /* load: value of two or four bytes into save[rd] */
	"	sw x28, 0(x31)\n"
	"	lbu x28, 1(x30)\n"
	"	sb x28, 1(x31)\n"
	"	srli x28, x29, 12\n"
	"	andi x28, x28, 3\n"
	"	addi x28, x28, -2\n"
	"	bnez x28, half\n"
	"	lbu x28, 2(x30)\n"
	"	sb x28, 2(x31)\n"
	"	lbu x28, 3(x30)\n"
	"	sb x28, 3(x31)\n"
	"	lw x30, 0(x31)\n"
	"	j 2f\n"
	"half:	lh x30, 0(x31)\n"
	"	srli x28, x29, 14\n"
	"	andi x28, x28, 1\n"
	"	beqz x28, 2f\n"
	"	lhu x30, 0(x31)\n"
	"2:	srli x28, x29, 7\n"
	"	andi x28, x28, 31\n"
	"	slli x28, x28, 3\n"
	"	la x29, set_table\n"
	"	add x28, x28, x29\n"
	"	jr x28\n"
	"store:	srli x28, x29, 20\n"
	"	andi x28, x28, 31\n"
	"	slli x28, x28, 3\n"
	"	sw x30, 0(x31)\n"
	"	la x30, get_table\n"
	"	add x28, x28, x30\n"
	"	jr x28\n"
	"stored:	lw x28, 0(x31)\n" /* value in x30, address in x28 */
	"	sb x30, 0(x28)\n"
	"	srli x30, x30, 8\n"
	"	sb x30, 1(x28)\n"
	"	srli x30, x30, 8\n"
	"	srli x29, x29, 12\n"
	"	andi x29, x29, 3\n"
	"	addi x29, x29, -2\n"
	"	bnez x29, out\n"
	"	sb x30, 2(x28)\n"
	"	srli x30, x30, 8\n"
	"	sb x30, 3(x28)\n"
	"	j out\n"
	"	.altmacro\n"
	"	.macro set n\n"
	"	mv x\\n, x30\n"
	"	j out\n"
	"	.endm\n"
	"	.macro get n\n"
	"	mv x30, x\\n\n"
	"	j stored\n"
	"	.endm\n"
	"	.macro entry kind n\n"
	"	.if \\n >= 28 && \\n <= 30\n"
	"	\\kind\\()_saved \\n\n"
	"	.else\n"
	"	\\kind \\n\n"
	"	.endif\n"
	"	.endm\n"
	"	.macro set_saved n\n"
	"	sw x30, 4*\\n(x31)\n"
	"	j out\n"
	"	.endm\n"
	"	.macro get_saved n\n"
	"	lw x30, 4*\\n(x31)\n"
	"	j stored\n"
	"	.endm\n";

int main(int argc, char **argv)
{
	unsigned count;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: lockstep-gen SEED ITEMS [zb]\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
	count = (unsigned)strtoul(argv[2], NULL, 0);
	zb = argc == 4;
	for (int i = 0; i < 8; i++)
		rnd();

	printf("# seed %s\n\t.option norvc\n\t.option norelax\n", argv[1]);
	printf("\t.set VECTORED, %u\n", below(2));
	fputs(prologue, stdout);
	for (unsigned r = 1; r < 31; r++) {
		if (r != 8 && r != 9)
			put("li x%u, 0x%" PRIx32, r, value());
	}
	items(count, false);
	fputs(epilogue, stdout);
	for (int kind = 0; kind < 2; kind++) {
		printf("%s_table:\n", kind ? "get" : "set");
		for (unsigned r = 0; r < 32; r++)
			put("entry %s %u", kind ? "get" : "set", r);
	}
	puts("\t.data\n\t.balign 64\n\t.globl tohost\ntohost:\n\t.word 0, 0\nsave:\n\t.space "
	     "128\n\t.balign 4096\ndata:");
	for (unsigned i = 0; i < 1024; i++)
		put(".word 0x%" PRIx32, value());
	return 0;
}
