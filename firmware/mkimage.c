// SPDX-License-Identifier: Apache-2.0
// Makes the firmware's file (include/gl_image.h) of its ELF file:  mkimage guestlane.elf CONTEXTS BUILD_ID guestlane.fw
#define _GNU_SOURCE
#include "gl_image.h"
#include "gl_mbox.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static uint8_t image[GL_IMAGE_BYTES_MAX];

static int fail(const char *file, const char *what)
{
	fprintf(stderr, "mkimage: %s: %s\n", file, what);
	return 1;
}

/* Sections with bytes become segments; what is only reserved (.bss) the firmware clears itself. */
static const char *build(Elf *elf, const char *raw, size_t size, struct gl_image_header *h)
{
	struct gl_image_segment table[GL_IMAGE_SEGMENTS_MAX] = { { 0 } };
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		const Elf32_Shdr *s = elf32_getshdr(section);
		if (!s || s->sh_type != SHT_PROGBITS || !(s->sh_flags & SHF_ALLOC) || !s->sh_size)
			continue;
		if (h->segments == GL_IMAGE_SEGMENTS_MAX)
			return "too many sections";
		if (s->sh_offset > size || s->sh_size > size - s->sh_offset)
			return "is cut short";
		table[h->segments++] = (struct gl_image_segment){ .address = s->sh_addr,
								  .offset = s->sh_offset,
								  .bytes = s->sh_size };
	}
	if (!h->segments)
		return "has nothing to load";
	uint32_t at = (uint32_t)(sizeof(*h) + h->segments * sizeof(table[0]));
	for (uint32_t i = 0; i < h->segments; i++) {
		uint32_t from = table[i].offset, bytes = table[i].bytes;
		if (bytes > sizeof(image) - 4 - at)
			return "too long";
		memcpy(image + at, raw + from, bytes);
		table[i].offset = at;
		table[i].bytes = (bytes + 3) & ~3u;
		at += table[i].bytes;
	}
	h->bytes = at;
	memcpy(image, h, sizeof(*h));
	memcpy(image + sizeof(*h), table, h->segments * sizeof(table[0]));
	h->checksum = (uint32_t)crc32(0, image, at);
	memcpy(image, h, sizeof(*h));
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return fail("usage", "mkimage guestlane.elf CONTEXTS BUILD_ID guestlane.fw");
	struct gl_image_header h = { .magic = GL_IMAGE_MAGIC,
				     .format = GL_IMAGE_FORMAT,
				     .abi_version = GL_MBOX_VERSION,
				     .contexts = (uint32_t)strtoul(argv[2], NULL, 0),
				     .build_id = (uint32_t)strtoul(argv[3], NULL, 0) };
	int status = 1, fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	const char *problem = "is no 32-bit RISC-V ELF file";
	if (fd < 0)
		return fail(argv[1], strerror(errno));
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	const Elf32_Ehdr *header = elf && elf_kind(elf) == ELF_K_ELF ? elf32_getehdr(elf) : NULL;
	const char *raw = header ? elf_rawfile(elf, &size) : NULL;
	if (raw && header->e_machine == EM_RISCV)
		problem = build(elf, raw, size, &h);
	if (problem) {
		fail(argv[1], problem);
	} else {
		FILE *out = fopen(argv[4], "wb");
		status = !out || fwrite(image, 1, h.bytes, out) != h.bytes;
		status |= out && fclose(out);
		if (status)
			fail(argv[4], strerror(errno));
	}
	elf_end(elf);
	close(fd);
	return status;
}
