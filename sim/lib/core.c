// SPDX-License-Identifier: Apache-2.0
// The core's memories and its start, by registers alone.
#include "internal.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int core_load_segment(struct gls *s, const char *name, uint32_t address, const uint8_t *data,
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
	return core_load_segment(s, "the firmware", address, data, bytes);
}

int gls_core_start(struct gls *s)
{
	return core_start(s);
}
