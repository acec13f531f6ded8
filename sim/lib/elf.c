// SPDX-License-Identifier: Apache-2.0
// Firmware from an ELF file, by libelf. What need not read such files does without this one.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <string.h>
#include <unistd.h>

int gls_core_load_elf(struct gls *s, const char *name)
{
	int error = 0;
	size_t count = 0, size = 0;
	Elf *elf = NULL;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gls_fail(s, errno, "cannot read the firmware %s: %s; `make all` builds it",
				name, strerror(errno));
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	Elf32_Ehdr *header = elf && elf_kind(elf) == ELF_K_ELF ? elf32_getehdr(elf) : NULL;
	const char *raw = elf ? elf_rawfile(elf, &size) : NULL;
	Elf32_Phdr *segment = header ? elf32_getphdr(elf) : NULL;
	if (!segment || !raw || elf_getphdrnum(elf, &count) || header->e_machine != EM_RISCV) {
		error = gls_fail(s, ENOEXEC, "%s is not a 32-bit RISC-V ELF file", name);
		goto out;
	}
	for (size_t i = 0; i < count && !error; i++) {
		if (segment[i].p_type != PT_LOAD || !segment[i].p_filesz)
			continue;
		if (segment[i].p_offset > size || segment[i].p_filesz > size - segment[i].p_offset)
			error = gls_fail(s, ENOEXEC, "%s is cut short", name);
		else
			error = core_load_segment(s, name, segment[i].p_paddr,
						  (const uint8_t *)raw + segment[i].p_offset,
						  segment[i].p_filesz);
	}
out:
	elf_end(elf);
	close(fd);
	return error;
}
