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
#define NAME_MAX_OCTETS	      200u
#define FRAME_MAX_OCTETS      16384u

/* A block under construction; once it did not fit, nothing more is put and `full` stays. */
struct block {
	uint8_t *data;
	size_t room, used, start;
	int full;
};

static void put(struct block *b, const void *data, size_t bytes)
{
	if (b->full || bytes > b->room - b->used) {
		b->full = 1;
		return;
	}
	if (bytes)
		memcpy(b->data + b->used, data, bytes);
	b->used += bytes;
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, 4);
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, 2);
}

static void pad(struct block *b)
{
	static const uint8_t zero[4];
	put(b, zero, -b->used & 3);
}

static void option(struct block *b, uint16_t code, const void *data, uint16_t bytes)
{
	put16(b, code);
	put16(b, bytes);
	put(b, data, bytes);
	pad(b);
}

static void begin(struct block *b, uint32_t type)
{
	b->start = b->used;
	put32(b, type);
	put32(b, 0); /* total length, known at the end */
}

static void end(struct block *b)
{
	uint32_t total = (uint32_t)(b->used - b->start) + 4;
	put32(b, total);
	if (!b->full)
		memcpy(b->data + b->start + 4, &total, 4);
}

size_t pcapng_header(void *block, size_t room, const char *interface_name, uint32_t snaplen)
{
	struct block b = { .data = block, .room = room };
	begin(&b, SECTION_HEADER);
	put32(&b, 0x1a2b3c4d); /* byte order of this machine */
	put16(&b, 1);
	put16(&b, 0);
	put32(&b, UINT32_MAX); /* section length not given */
	put32(&b, UINT32_MAX);
	end(&b);
	const uint8_t nanoseconds = 9;
	size_t name = strlen(interface_name);
	begin(&b, INTERFACE_DESCRIPTION);
	put16(&b, LINKTYPE_ETHERNET);
	put16(&b, 0);
	put32(&b, snaplen);
	option(&b, OPT_IF_NAME, interface_name,
	       (uint16_t)(name < NAME_MAX_OCTETS ? name : NAME_MAX_OCTETS));
	option(&b, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(&b, 0);
	end(&b);
	return b.full ? 0 : b.used;
}

size_t pcapng_frame(void *block, size_t room, uint64_t nanoseconds, const void *frame, size_t kept,
		    size_t bytes, enum pcapng_direction direction)
{
	struct block b = { .data = block, .room = room };
	uint32_t flags = direction;
	begin(&b, ENHANCED_PACKET);
	put32(&b, 0);
	put32(&b, (uint32_t)(nanoseconds >> 32));
	put32(&b, (uint32_t)nanoseconds);
	put32(&b, (uint32_t)kept);
	put32(&b, (uint32_t)bytes);
	put(&b, frame, kept);
	pad(&b);
	option(&b, OPT_EPB_FLAGS, &flags, 4);
	put32(&b, 0);
	end(&b);
	return b.full ? 0 : b.used;
}

struct pcapng {
	FILE *file;
	int error;
	uint8_t block[FRAME_MAX_OCTETS + PCAPNG_FRAME_EXTRA];
};

static void write_block(struct pcapng *p, size_t bytes)
{
	if (fwrite(p->block, 1, bytes, p->file) != bytes && !p->error)
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
	write_block(p, pcapng_header(p->block, sizeof(p->block), interface_name, 0));
	return p;
}

void pcapng_write(struct pcapng *p, uint64_t nanoseconds, const void *frame, size_t bytes,
		  enum pcapng_direction direction)
{
	size_t kept = bytes < FRAME_MAX_OCTETS ? bytes : FRAME_MAX_OCTETS;
	write_block(p, pcapng_frame(p->block, sizeof(p->block), nanoseconds, frame, kept, bytes,
				    direction));
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
