// SPDX-License-Identifier: Apache-2.0
// The core's memories and its start, by registers alone.
#include "internal.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BYTES   0x4000u
/* Firmware answers within this time after its start. */
#define FIRMWARE_LIMIT 10000000u

static uint32_t bar0(struct gls *s, uint32_t offset)
{
	return gls_read(s, GLS_BAR0, offset, 4);
}

static void bar0_write(struct gls *s, uint32_t offset, uint32_t value)
{
	gls_write(s, GLS_BAR0, offset, value, 4);
}

static int load_segment(struct gls *s, const char *name, uint32_t address, const uint8_t *data,
			size_t bytes)
{
	bool imem = address - GL_IMEM_BASE < GL_IMEM_SIZE &&
		    bytes <= GL_IMEM_SIZE - (address - GL_IMEM_BASE);
	bool dmem = address - GL_DMEM_BASE < GL_DMEM_SIZE &&
		    bytes <= GL_DMEM_SIZE - (address - GL_DMEM_BASE);
	if (!imem && !dmem)
		return gls_fail(
			s, EINVAL,
			"a segment of %s at 0x%08x (%zu bytes) lies in no memory of the core", name,
			address, bytes);
	for (size_t done = 0; done < bytes;) {
		uint32_t at = address + (uint32_t)done, inside = at % WINDOW_BYTES;
		uint8_t block[WINDOW_BYTES] = { 0 };
		size_t chunk = WINDOW_BYTES - inside;
		if (chunk > bytes - done)
			chunk = bytes - done;
		memcpy(block, data + done, chunk);
		bar0_write(s, GL_BAR0_WINDOW, at - inside);
		root_write_block(s, GLS_BAR0, GL_BAR0_WINDOW_DATA + inside, block,
				 (chunk + 3) & ~3ul);
		done += chunk;
	}
	return 0;
}

int core_load_elf(struct gls *s, const char *name)
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
			error = load_segment(s, name, segment[i].p_paddr,
					     (const uint8_t *)raw + segment[i].p_offset,
					     segment[i].p_filesz);
	}
out:
	elf_end(elf);
	close(fd);
	return error;
}

int core_start(struct gls *s)
{
	bar0_write(s, GL_BAR0_CONTROL,
		   GL_BAR0_CONTROL_CORE_RUN_MASK | GL_BAR0_CONTROL_MAC_TX_MASK |
			   GL_BAR0_CONTROL_MAC_RX_MASK | GL_BAR0_CONTROL_PAUSE_MASK);
	uint64_t limit = s->now + (uint64_t)FIRMWARE_LIMIT * s->patience;
	uint32_t state;
	do {
		state = bar0(s, GL_BAR0_FW_STATE);
		if (state == GL_FW_RUN)
			return 0;
		gls_run(s, 100);
	} while (s->now < limit && state < GL_FW_PANIC);
	return gls_fail(s, ETIMEDOUT, "the firmware did not start: BAR0.FW_STATE is 0x%x", state);
}

void gls_core_stop(struct gls *s)
{
	bar0_write(s, GL_BAR0_CONTROL, 0);
}

int gls_core_load(struct gls *s, uint32_t address, const void *data, size_t bytes)
{
	return load_segment(s, "the firmware", address, data, bytes);
}

int gls_core_load_elf(struct gls *s, const char *file)
{
	return core_load_elf(s, file);
}

int gls_core_start(struct gls *s)
{
	return core_start(s);
}
