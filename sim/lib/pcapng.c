// SPDX-License-Identifier: Apache-2.0
// pcapng writer: one section, one Ethernet interface, enhanced packet blocks (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3).
#include "pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_HEADER	      0x0a0d0d0au
#define INTERFACE_DESCRIPTION 1u
#define ENHANCED_PACKET	      6u
#define LINKTYPE_ETHERNET     1
#define OPT_IF_NAME	      2
#define OPT_IF_TSRESOL	      9
#define OPT_EPB_FLAGS	      2

struct pcapng {
	FILE *file;
	int error;
	uint8_t block[20000];
	size_t used;
};

static void put(struct pcapng *p, const void *data, size_t bytes)
{
	if (p->used + bytes > sizeof(p->block) - 8)
		bytes = sizeof(p->block) - 8 - p->used;
	memcpy(p->block + p->used, data, bytes);
	p->used += bytes;
}

static void put32(struct pcapng *p, uint32_t v)
{
	put(p, &v, 4);
}

static void put16(struct pcapng *p, uint16_t v)
{
	put(p, &v, 2);
}

static void pad(struct pcapng *p)
{
	static const uint8_t zero[4];
	put(p, zero, -p->used & 3);
}

static void option(struct pcapng *p, uint16_t code, const void *data, uint16_t bytes)
{
	put16(p, code);
	put16(p, bytes);
	put(p, data, bytes);
	pad(p);
}

static void begin(struct pcapng *p, uint32_t type)
{
	p->used = 0;
	put32(p, type);
	put32(p, 0); /* total length, known at the end */
}

static void end(struct pcapng *p)
{
	uint32_t total = (uint32_t)p->used + 4;
	memcpy(p->block + 4, &total, 4);
	put32(p, total);
	if (fwrite(p->block, 1, p->used, p->file) != p->used && !p->error)
		p->error = errno;
}

struct pcapng *pcapng_create(const char *file, const char *interface_name)
{
	struct pcapng *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->file = fopen(file, "wb");
	if (!p->file) {
		free(p);
		return NULL;
	}
	begin(p, SECTION_HEADER);
	put32(p, 0x1a2b3c4d); /* byte order of this machine */
	put16(p, 1);
	put16(p, 0);
	put32(p, UINT32_MAX); /* section length not given */
	put32(p, UINT32_MAX);
	end(p);
	const uint8_t nanoseconds = 9;
	begin(p, INTERFACE_DESCRIPTION);
	put16(p, LINKTYPE_ETHERNET);
	put16(p, 0);
	put32(p, 0);
	option(p, OPT_IF_NAME, interface_name, (uint16_t)strlen(interface_name));
	option(p, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(p, 0);
	end(p);
	return p;
}

void pcapng_write(struct pcapng *p, uint64_t nanoseconds, const void *frame, size_t bytes,
		  enum pcapng_direction direction)
{
	uint32_t flags = direction;
	begin(p, ENHANCED_PACKET);
	put32(p, 0);
	put32(p, (uint32_t)(nanoseconds >> 32));
	put32(p, (uint32_t)nanoseconds);
	put32(p, (uint32_t)bytes);
	put32(p, (uint32_t)bytes);
	put(p, frame, bytes);
	pad(p);
	option(p, OPT_EPB_FLAGS, &flags, 4);
	put32(p, 0);
	end(p);
}

int pcapng_close(struct pcapng *p)
{
	if (!p)
		return 0;
	int error = p->error;
	if (fclose(p->file) && !error)
		error = errno;
	free(p);
	return -error;
}
