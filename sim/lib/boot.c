// SPDX-License-Identifier: Apache-2.0
// What a host does with the NIC before and beside traffic: enumeration, MSI-X, mailbox, tables, counters.
#include "internal.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <string.h>

#define BAR0_ADDRESS 0xf0000000ull
#define BAR2_ADDRESS 0xc000000000ull
#define BAR4_ADDRESS 0xf0100000ull
#define MSI_ADDRESS  0xfee00000u

/* PCI configuration space (PCI Express base specification, chapter 7). */
#define CFG_ID		 0x00
#define CFG_COMMAND	 0x04
#define CFG_BAR0	 0x10
#define CFG_CAPABILITIES 0x34
#define CAP_PCIE	 0x10
#define CAP_MSIX	 0x11
#define PCIE_DEVCTL	 0x08
#define MSIX_CONTROL	 0x02

#define WINDOW_BYTES   0x4000u
/* Firmware answers within this time after a mailbox doorbell. */
#define FIRMWARE_LIMIT 10000000u
/* The NIC's own work (invalidation, revocation, a stop by the watchdog) ends within this time, whatever the host does: CPL_TIMEOUT is at most 2^24. */
#define NIC_LIMIT      20000000u

static uint32_t bar0(struct gls *s, uint32_t offset)
{
	return gls_read(s, GLS_BAR0, offset, 4);
}

static void bar0_write(struct gls *s, uint32_t offset, uint32_t value)
{
	gls_write(s, GLS_BAR0, offset, value, 4);
}

static uint32_t capability(struct gls *s, uint32_t id)
{
	uint32_t at = gls_config_read(s, CFG_CAPABILITIES, 1);
	for (int guard = 0; at && guard < 48; guard++) {
		if (gls_config_read(s, at, 1) == id)
			return at;
		at = gls_config_read(s, at + 1, 1);
	}
	return 0;
}

static uint32_t log2_of(uint32_t v)
{
	uint32_t n = 0;
	while (v >>= 1)
		n++;
	return n;
}

static int enumerate(struct gls *s)
{
	uint32_t id = gls_config_read(s, CFG_ID, 4);
	if (id != (GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID))
		return gls_fail(s, ENODEV, "the PCI function answers with ID %08x, not %04x:%04x",
				id, GL_PCI_VENDOR_ID, GL_PCI_DEVICE_ID);
	gls_config_write(s, CFG_BAR0, (uint32_t)BAR0_ADDRESS, 4);
	gls_config_write(s, CFG_BAR0 + 8, (uint32_t)BAR2_ADDRESS, 4);
	gls_config_write(s, CFG_BAR0 + 12, (uint32_t)(BAR2_ADDRESS >> 32), 4);
	gls_config_write(s, CFG_BAR0 + 16, (uint32_t)BAR4_ADDRESS, 4);
	gls_set_bar(s, GLS_BAR0, BAR0_ADDRESS);
	gls_set_bar(s, GLS_BAR2, BAR2_ADDRESS);
	gls_set_bar(s, GLS_BAR4, BAR4_ADDRESS);

	uint32_t pcie = capability(s, CAP_PCIE), msix = capability(s, CAP_MSIX);
	if (!pcie || !msix)
		return gls_fail(s, ENODEV, "the PCI function lacks the %s capability",
				pcie ? "MSI-X" : "PCI Express");
	uint32_t control = gls_config_read(s, pcie + PCIE_DEVCTL, 2);
	control = (control & ~0x70e0u) | (log2_of(s->config.max_payload) - 7) << 5 |
		  (log2_of(s->config.max_read_request) - 7) << 12;
	gls_config_write(s, pcie + PCIE_DEVCTL, control, 2);
	gls_config_write(s, CFG_COMMAND, 0x0006, 2); /* memory space, bus master */

	for (uint32_t v = 0; v <= gls_contexts(s); v++) {
		gls_write(s, GLS_BAR4, v * 16, MSI_ADDRESS, 4);
		gls_write(s, GLS_BAR4, v * 16 + 4, 0, 4);
		gls_write(s, GLS_BAR4, v * 16 + 8, v, 4);
		gls_write(s, GLS_BAR4, v * 16 + 12, 0, 4);
	}
	gls_config_write(s, msix + MSIX_CONTROL, 0x8000, 2);
	return 0;
}

int boot(struct gls *s)
{
	int error = enumerate(s);
	if (error)
		return error;
	uint32_t id = bar0(s, GL_BAR0_ID);
	if (id != GL_ID_VALUE)
		return gls_fail(s, ENODEV, "BAR0.ID is %08x, not %08x", id, GL_ID_VALUE);
	error = tables_start(s);
	if (!error && !s->config.firmware_in_ram)
		error = gls_core_load_elf(s, s->config.firmware);
	return error ? error : core_start(s);
}

int gls_boot(struct gls *s)
{
	bar0_write(s, GL_BAR0_CONTROL,
		   0); /* the core must stand still while its memories are loaded */
	/* Everything begins anew: the firmware is to resume no context. */
	for (unsigned c = 0; c < gls_contexts(s); c++)
		gls_enable_context(s, c, false);
	return boot(s);
}

int gls_wait_clear(struct gls *s, uint32_t offset, uint32_t bits)
{
	uint64_t limit = s->now + NIC_LIMIT;
	while (bar0(s, offset) & bits)
		if (s->now > limit)
			return -ETIMEDOUT;
	return 0;
}

int gls_restart(struct gls *s)
{
	uint64_t limit = s->now + NIC_LIMIT;
	while (!(bar0(s, GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_STOPPED_MASK))
		if (s->now > limit)
			return gls_fail(s, ETIMEDOUT,
					"BAR0.WATCHDOG_STATE does not show STOPPED: the firmware "
					"has not hung, or DMA goes on");
	bar0_write(s, GL_BAR0_RESTART, 1);
	s->restarts++;
	/* Loads what the image has bytes for; the checkpoint, which has none, stays. */
	int error = gls_core_load_elf(s, s->config.firmware);
	return error ? error : core_start(s);
}

int gls_mailbox(struct gls *s, const void *request, size_t bytes, void *response, size_t room)
{
	struct gl_mbox_req req = { 0 };
	struct gl_mbox_resp resp;
	if (bytes > sizeof(req))
		return gls_fail(s, EMSGSIZE, "the mailbox request has %zu bytes; at most %zu fit",
				bytes, sizeof(req));
	memcpy(&req, request, bytes);
	root_write_block(s, GLS_BAR0, GL_BAR0_MBOX + GL_MBOX_OFF, &req, (bytes + 3) & ~3ul);
	bar0_write(s, GL_BAR0_MBOX_DOORBELL, 1);
	uint64_t limit = s->now + FIRMWARE_LIMIT;
	while (bar0(s, GL_BAR0_STATUS) & GL_BAR0_STATUS_MBOX_BUSY_MASK) {
		if (s->now > limit)
			return gls_fail(s, ETIMEDOUT, "the firmware does not answer the mailbox");
		gls_run(s, 50);
	}
	size_t want = room < sizeof(resp) ? room : sizeof(resp);
	for (size_t at = 0; at < want; at += 4) {
		uint32_t v = bar0(s, GL_BAR0_MBOX + GL_MBOX_RESP_OFF + (uint32_t)at);
		memcpy((uint8_t *)&resp + at, &v, 4);
	}
	memcpy(response, &resp, want);
	return (int)want;
}

void gls_set_switch(struct gls *s, unsigned context, const struct gls_switch_entry *entry)
{
	const uint8_t *m = entry->mac;
	bar0_write(s, GL_BAR0_SW_INDEX, context);
	bar0_write(s, GL_BAR0_SW_MAC_LO, m[0] | m[1] << 8 | m[2] << 16 | (uint32_t)m[3] << 24);
	bar0_write(s, GL_BAR0_SW_MAC_HI, m[4] | m[5] << 8);
	bar0_write(s, GL_BAR0_SW_CONTROL, entry->control);
}

void gls_enable_context(struct gls *s, unsigned context, bool enable)
{
	bar0_write(s, GL_BAR0_CTX_INDEX, context);
	bar0_write(s, GL_BAR0_CTX_CONTROL, enable ? GL_BAR0_CTX_CONTROL_ENABLE_MASK : 0);
}

uint64_t gls_stat(struct gls *s, unsigned stat)
{
	return gls_read64(s, GLS_BAR0, GL_BAR0_STAT + stat * GL_BAR0_STAT_STRIDE);
}

uint64_t gls_context_stat(struct gls *s, unsigned context, unsigned stat)
{
	return gls_read64(s, GLS_BAR0,
			  GL_BAR0_CTX_STAT + context * 128 + stat * GL_BAR0_CTX_STAT_STRIDE);
}

/* A word of the core's data memory through the window. */
static uint32_t dmem_word(struct gls *s, uint32_t offset)
{
	bar0_write(s, GL_BAR0_WINDOW, GL_DMEM_BASE + offset - offset % WINDOW_BYTES);
	return bar0(s, GL_BAR0_WINDOW_DATA + (offset % WINDOW_BYTES & ~3u));
}

size_t gls_log(struct gls *s, char *text, size_t room)
{
	struct gl_fw_info info;
	uint32_t at = bar0(s, GL_BAR0_FW_INFO), head = bar0(s, GL_BAR0_LOG_HEAD);
	for (uint32_t i = 0; i < sizeof(info); i += 4) {
		uint32_t v = dmem_word(s, at + i);
		memcpy((uint8_t *)&info + i, &v, 4);
	}
	if (!room)
		return 0;
	text[0] = 0;
	if (info.magic != GL_FW_INFO_MAGIC || !info.log_size || info.log_size > GL_DMEM_SIZE)
		return 0;
	uint32_t have = head < info.log_size ? head : info.log_size;
	if (have > room - 1)
		have = (uint32_t)room - 1;
	for (uint32_t i = 0; i < have; i++) {
		uint32_t byte = info.log_offset + (head - have + i) % info.log_size;
		text[i] = (char)(dmem_word(s, byte) >> 8 * (byte % 4));
	}
	text[have] = 0;
	return have;
}
