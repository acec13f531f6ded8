/* SPDX-License-Identifier: Apache-2.0
 * Reader for 32-bit little-endian RISC-V executables, see elf32.h. Structures are copied out of the file with memcpy:
 * nothing in it needs to be aligned.
 */
#define _POSIX_C_SOURCE 200809L

#include "elf32.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* More than any firmware; keeps a wrong file (a disk image, say) from being read whole. */
#define ELF32_MAX_FILE (256u << 20)

static bool inside(const struct elf32 *elf, uint64_t offset, uint64_t length)
{
	return offset <= elf->size && length <= elf->size - offset;
}

static const char *read_file(struct elf32 *elf, const char *path)
{
	const char *error = NULL;
	struct stat st;
	FILE *f = fopen(path, "rb");

	if (!f)
		return errno == ENOENT ? "does not exist" : strerror(errno);
	if (fstat(fileno(f), &st) != 0)
		error = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		error = "is not a regular file";
	else if (st.st_size > (off_t)ELF32_MAX_FILE)
		error = "is too large for a core-sim program (limit 256 MiB)";
	if (error)
		goto out;

	elf->size = (size_t)st.st_size;
	elf->data = malloc(elf->size ? elf->size : 1);
	if (!elf->data)
		error = "does not fit in memory";
	else if (fread(elf->data, 1, elf->size, f) != elf->size)
		error = "cannot be read";
out:
	fclose(f);
	return error;
}

static const char *check_header(struct elf32 *elf)
{
	Elf32_Ehdr h;

	if (elf->size < EI_NIDENT || memcmp(elf->data, ELFMAG, SELFMAG) != 0)
		return "is not an ELF file";
	if (elf->data[EI_CLASS] == ELFCLASS64)
		return "is a 64-bit ELF file; the core is RV32, so build it with "
		       "-march=rv32im_zicsr "
		       "-mabi=ilp32";
	if (elf->data[EI_CLASS] != ELFCLASS32 || elf->data[EI_DATA] != ELFDATA2LSB)
		return "is not a 32-bit little-endian ELF file";
	if (elf->size < sizeof(h))
		return "is a truncated ELF file";
	memcpy(&h, elf->data, sizeof(h));
	if (h.e_machine != EM_RISCV)
		return "is an ELF file for another machine, not RISC-V";
	if (h.e_type != ET_EXEC && h.e_type != ET_DYN)
		return "is not an executable ELF file (an object file must be linked first)";
	if (h.e_flags & EF_RISCV_RVC)
		return "uses compressed instructions, which the core does not have; build it with "
		       "-march=rv32im_zicsr";
	if (h.e_phnum == 0)
		return "has no program headers, so there is nothing to load";
	if (h.e_phentsize < sizeof(Elf32_Phdr) ||
	    !inside(elf, h.e_phoff, (uint64_t)h.e_phentsize * h.e_phnum))
		return "has program headers outside the file";
	elf->entry = h.e_entry;
	elf->phoff = h.e_phoff;
	elf->phentsize = h.e_phentsize;
	elf->phnum = h.e_phnum;
	/* Section headers are only needed for symbols: without good ones there are no symbols. */
	if (h.e_shentsize >= sizeof(Elf32_Shdr) &&
	    inside(elf, h.e_shoff, (uint64_t)h.e_shentsize * h.e_shnum)) {
		elf->shoff = h.e_shoff;
		elf->shentsize = h.e_shentsize;
		elf->shnum = h.e_shnum;
	}
	return NULL;
}

const char *elf32_open(struct elf32 *elf, const char *path)
{
	const char *error;

	memset(elf, 0, sizeof(*elf));
	error = read_file(elf, path);
	if (!error)
		error = check_header(elf);
	if (error)
		elf32_close(elf);
	return error;
}

int elf32_segment(const struct elf32 *elf, uint32_t i, struct elf32_segment *seg)
{
	Elf32_Phdr p;

	memcpy(&p, elf->data + elf->phoff + (size_t)i * elf->phentsize, sizeof(p));
	if (p.p_type != PT_LOAD || p.p_memsz == 0)
		return 0;
	if (p.p_filesz > p.p_memsz || !inside(elf, p.p_offset, p.p_filesz))
		return -1;
	if ((uint64_t)p.p_paddr + p.p_memsz > (uint64_t)1 << 32)
		return -1;
	seg->paddr = p.p_paddr;
	seg->memsz = p.p_memsz;
	seg->filesz = p.p_filesz;
	seg->data = elf->data + p.p_offset;
	return 1;
}

static bool section(const struct elf32 *elf, uint32_t i, Elf32_Shdr *s)
{
	if (i >= elf->shnum)
		return false;
	memcpy(s, elf->data + elf->shoff + (size_t)i * elf->shentsize, sizeof(*s));
	return true;
}

bool elf32_symbol(const struct elf32 *elf, const char *name, uint32_t *value)
{
	size_t length = strlen(name) + 1;
	Elf32_Shdr table, strings;
	Elf32_Sym sym;

	for (uint32_t i = 0; section(elf, i, &table); i++) {
		if (table.sh_type != SHT_SYMTAB || !inside(elf, table.sh_offset, table.sh_size))
			continue;
		if (!section(elf, table.sh_link, &strings) ||
		    !inside(elf, strings.sh_offset, strings.sh_size))
			continue;
		for (uint32_t at = 0; at + sizeof(sym) <= table.sh_size; at += sizeof(sym)) {
			memcpy(&sym, elf->data + table.sh_offset + at, sizeof(sym));
			if (sym.st_shndx == SHN_UNDEF || sym.st_name > strings.sh_size ||
			    length > strings.sh_size - sym.st_name)
				continue;
			if (memcmp(elf->data + strings.sh_offset + sym.st_name, name, length) ==
			    0) {
				*value = sym.st_value;
				return true;
			}
		}
	}
	return false;
}

void elf32_close(struct elf32 *elf)
{
	free(elf->data);
	memset(elf, 0, sizeof(*elf));
}
