/* SPDX-License-Identifier: Apache-2.0
 * Page-mapped memory, see memory.h. The simulated machine and every host we build on are little-endian.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static uint8_t *page_make(struct memory *mem, uint32_t addr)
{
	uint8_t ***table = &mem->directory[addr >> 22];
	uint8_t **page;

	if (!*table)
		*table = calloc(1024, sizeof(**table));
	if (!*table)
		return NULL;
	page = &(*table)[addr >> 12 & 1023];
	if (!*page)
		*page = calloc(1, PAGE);
	return *page;
}

static uint8_t *page_find(struct memory *mem, uint32_t addr)
{
	uint8_t **table = mem->directory[addr >> 22];
	uint8_t *page = table ? table[addr >> 12 & 1023] : NULL;

	if (!page && addr - mem->ram_base < mem->ram_size)
		page = page_make(mem, addr);
	return page;
}

bool memory_map(struct memory *mem, uint32_t addr, uint64_t length)
{
	uint64_t end = addr + length;

	for (uint64_t at = addr & ~(PAGE - 1); at < end; at += PAGE) {
		if (!page_make(mem, (uint32_t)at))
			return false;
	}
	return true;
}

void memory_write(struct memory *mem, uint32_t addr, const void *data, uint32_t length)
{
	const uint8_t *from = data;

	while (length > 0) {
		uint32_t chunk = PAGE - addr % PAGE;
		uint8_t *page = page_find(mem, addr);

		if (chunk > length)
			chunk = length;
		if (page)
			memcpy(page + addr % PAGE, from, chunk);
		addr += chunk;
		from += chunk;
		length -= chunk;
	}
}

bool memory_load(struct memory *mem, uint32_t addr, uint32_t *word)
{
	const uint8_t *page = page_find(mem, addr);

	if (page)
		memcpy(word, page + (addr % PAGE & ~3u), sizeof(*word));
	return page != NULL;
}

bool memory_store(struct memory *mem, uint32_t addr, uint32_t word, unsigned enable)
{
	uint8_t *page = page_find(mem, addr);

	if (!page)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		if (enable >> i & 1)
			page[(addr % PAGE & ~3u) + i] = (uint8_t)(word >> 8 * i);
	}
	return true;
}

void memory_free(struct memory *mem)
{
	for (unsigned i = 0; i < 1024; i++) {
		for (unsigned j = 0; mem->directory[i] && j < 1024; j++)
			free(mem->directory[i][j]);
		free(mem->directory[i]);
		mem->directory[i] = NULL;
	}
}
