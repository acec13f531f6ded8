/* SPDX-License-Identifier: Apache-2.0
 * Reader for 32-bit little-endian RISC-V executables: loadable segments, entry, symbols by name.
 * Every offset of the file is checked before it is used, so hostile files give a message, never a crash.
 */
#ifndef CORE_SIM_ELF32_H
#define CORE_SIM_ELF32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf32 {
	uint8_t *data; /* the whole file, owned */
	size_t size;
	uint32_t entry;
	uint32_t phoff, phentsize, phnum;
	uint32_t shoff, shentsize, shnum;
};

struct elf32_segment {
	uint32_t paddr;	     /* physical address of the first byte */
	uint32_t memsz;	     /* bytes in memory; those behind filesz are zero */
	uint32_t filesz;     /* bytes from the file, <= memsz */
	const uint8_t *data; /* filesz bytes, inside the file's image */
};

/* Reads and checks the file. Returns NULL, or a sentence part that says what is wrong ("is not an ELF file"). */
const char *elf32_open(struct elf32 *elf, const char *path);

/* Program header number i (0 <= i < phnum). Returns 1 and fills *seg if it is a non-empty loadable segment, 0 if it is
 * something else, -1 if it is malformed. */
int elf32_segment(const struct elf32 *elf, uint32_t i, struct elf32_segment *seg);

/* Value of the symbol of that name; false if there is none (or no symbol table). */
bool elf32_symbol(const struct elf32 *elf, const char *name, uint32_t *value);

void elf32_close(struct elf32 *elf);

#endif
