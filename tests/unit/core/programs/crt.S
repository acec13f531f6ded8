# SPDX-License-Identifier: Apache-2.0
# Start, trap entry and exit of the test programs that run on core-sim. main's result becomes the exit status.

	.section .text.init, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la gp, __global_pointer$
	.option pop
	li sp, 0x80f00000
	la t0, trap_entry
	csrw mtvec, t0
	call main
	slli a0, a0, 1
	ori a0, a0, 1
	la t0, tohost
	sw a0, 0(t0)
1:	j 1b

# Saves what a C function may change and calls: uint32_t trap(uint32_t mcause, uint32_t mepc, uint32_t mtval), whose
# result is where execution goes on.
	.balign 4
	.globl trap_entry
trap_entry:
	addi sp, sp, -64
	sw ra, 0(sp)
	sw t0, 4(sp)
	sw t1, 8(sp)
	sw t2, 12(sp)
	sw a0, 16(sp)
	sw a1, 20(sp)
	sw a2, 24(sp)
	sw a3, 28(sp)
	sw a4, 32(sp)
	sw a5, 36(sp)
	sw a6, 40(sp)
	sw a7, 44(sp)
	sw t3, 48(sp)
	sw t4, 52(sp)
	sw t5, 56(sp)
	sw t6, 60(sp)
	csrr a0, mcause
	csrr a1, mepc
	csrr a2, mtval
	call trap
	csrw mepc, a0
	lw ra, 0(sp)
	lw t0, 4(sp)
	lw t1, 8(sp)
	lw t2, 12(sp)
	lw a0, 16(sp)
	lw a1, 20(sp)
	lw a2, 24(sp)
	lw a3, 28(sp)
	lw a4, 32(sp)
	lw a5, 36(sp)
	lw a6, 40(sp)
	lw a7, 44(sp)
	lw t3, 48(sp)
	lw t4, 52(sp)
	lw t5, 56(sp)
	lw t6, 60(sp)
	addi sp, sp, 64
	mret

# For tests of vectored interrupts: each entry leaves its number in a global and goes on as above.
	.balign 64
	.globl vector_table
vector_table:
	.altmacro
	.macro jump n
	j vector_\n
	.endm
	.set n, 0
	.rept 12
	jump %n
	.set n, n + 1
	.endr
	.macro vector n
vector_\n:
	sw t0, -4(sp)
	sw t1, -8(sp)
	la t0, vector_taken
	li t1, \n
	sw t1, 0(t0)
	lw t0, -4(sp)
	lw t1, -8(sp)
	j trap_entry
	.endm
	.set n, 0
	.rept 12
	vector %n
	.set n, n + 1
	.endr

	.section .tohost, "aw"
	.globl tohost
	.balign 8
tohost:
	.word 0, 0

	.bss
	.globl vector_taken
	.balign 4
vector_taken:
	.space 4
