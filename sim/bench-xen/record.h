/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting instructions of a virtual machine: markers that programs in it execute, and the records that the plugin of QEMU (plugin.c) writes at them and
 * the report (report.c) reads.
 *
 * A marker is the instruction  mov $MARK_MAGIC | number, %eax  (bytes b8, number, and three of the magic). It means something to the plugin only; a program
 * that runs elsewhere loses a register.
 */
#ifndef RECORD_H
#define RECORD_H

#include <assert.h>
#include <stdint.h>

#define MARK_MAGIC    0x474e4c00u
/* Counting starts anew. */
#define MARK_START    0x00
/* What has been executed since is written under the run's number, which then is 0 again. */
#define MARK_END      0x01
/* 0x20 to 0x2f: the run's number is 16 times what it was, and this (so a number comes digit by digit, the first at the left). */
#define MARK_DIGIT    0x20
/* 0x40 to 0x4f: the plugin gives the wire burst 0 to 15 of its command line, whole. */
#define MARK_BURST    0x40
#define MARK_MAX_RUNS 0xffffu

#ifdef __x86_64__
#define MARK(number) \
	__asm__ volatile("movl %0, %%eax" ::"i"(MARK_MAGIC | (number)) : "eax", "memory")
#endif

/* A record, in the byte order of the machine: a header and so many blocks. */
#define RECORD_MAGIC 0x31494c47u /* "GLI1" */

struct record_header {
	uint32_t magic;
	uint32_t run;
	uint64_t blocks;
	uint64_t instructions; /* of all blocks */
	uint64_t from_wire;    /* frames that the plugin gave the wire since the start, */
	uint64_t to_wire;      /* and that it got from there */
	uint64_t interrupts;   /* of the NIC, if it tells (glane-sim --settle) */
	uint64_t cycles;       /* of its clock */
};
static_assert(sizeof(struct record_header) == 56, "record_header");

/* A straight piece of code, as translated: a block, or what of it lies between two string instructions with a repeat prefix. */
struct record_block {
	uint64_t virtual;  /* address of its first instruction */
	uint64_t physical; /* RECORD_NO_RAM | n: not in RAM */
	uint32_t length;   /* instructions */
	uint32_t repeat;   /* opcode of the repeated string instruction that it consists of, or 0 */
	uint64_t executed; /* instructions; of a repeated one each iteration is one */
};
static_assert(sizeof(struct record_block) == 32, "record_block");
#define RECORD_NO_RAM (1ull << 63)

#endif
