/* SPDX-License-Identifier: Apache-2.0
 * Page-mapped memory of the simulated machine: 4 GiB of address space in which 4 KiB pages exist or do not.
 */
#ifndef CORE_SIM_MEMORY_H
#define CORE_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory {
	uint8_t **directory[1024]; /* [address bits 31:22][address bits 21:12] -> 4 KiB page */
	uint32_t ram_base;	   /* pages in [ram_base, ram_base + ram_size) come into being, */
	uint32_t ram_size;	   /* filled with zero, when they are first touched */
};

/* Makes the pages of [addr, addr + length) exist; false if the host has no memory left. */
bool memory_map(struct memory *mem, uint32_t addr, uint64_t length);

/* Copies into mapped pages. */
void memory_write(struct memory *mem, uint32_t addr, const void *data, uint32_t length);

/* The aligned 32-bit word at addr; false if there is no memory there. */
bool memory_load(struct memory *mem, uint32_t addr, uint32_t *word);

/* Writes the bytes of word whose bits are set in enable (bit 0: lowest address) at the aligned address. */
bool memory_store(struct memory *mem, uint32_t addr, uint32_t word, unsigned enable);

void memory_free(struct memory *mem);

#endif
