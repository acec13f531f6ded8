/* SPDX-License-Identifier: Apache-2.0 */
/* Entry at the reset vector, trap handler, and the turn to C. Contents of .data and .rodata were loaded with the image. */
#include "guestlane_regs.h"

	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la	sp, __stack_top
	.option pop
	la	t0, trap
	csrw	mtvec, t0
	csrw	mstatus, zero
	/* zero everything behind the mailbox up to the end of .bss */
	la	t0, __zero_start
	la	t1, __zero_end
1:	bgeu	t0, t1, 2f
	sw	zero, 0(t0)
	addi	t0, t0, 4
	j	1b
2:	j	fw_main

	/* Any exception ends the firmware: say what happened and stop. */
	.balign	4
trap:
	la	t0, shm + 0x240
	csrr	t1, mcause
	sw	t1, 0(t0)
	csrr	t2, mepc
	sw	t2, 4(t0)
	csrr	t2, mtval
	sw	t2, 8(t0)
	li	t2, GL_FWIO_BASE
	andi	t1, t1, 0xf
	ori	t1, t1, 0x80
	sw	t1, GL_FWIO_FW_STATE(t2)
	/* sleep for good: neither events nor the timer */
	sw	zero, GL_FWIO_EVENT_ENABLE(t2)
	li	t1, -1
	sw	t1, GL_FWIO_TIMECMP_HI(t2)
	csrw	mie, zero
4:	wfi
	j	4b
