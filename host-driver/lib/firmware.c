// SPDX-License-Identifier: Apache-2.0
// The firmware as the host sees it (firmware/include/gl_mbox.h): load, start, restart, mailbox, log.
#define _GNU_SOURCE
#include "nic.h"
#include "image.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES 0x4000u
/* The firmware's heart beats every 2^20 cycles. */
#define WATCHDOG     (8u << 20)
#define LOG_MAX	     4096u
/* The link's switches, and the core's. */
#define RUN                                                            \
	(GL_BAR0_CONTROL_CORE_RUN_MASK | GL_BAR0_CONTROL_MAC_TX_MASK | \
	 GL_BAR0_CONTROL_MAC_RX_MASK | GL_BAR0_CONTROL_PAUSE_MASK)

/* --- Load and start ------------------------------------------------------------------------------------------------------------ */

static int check_abi(struct gl_nic *nic, const struct gl_firmware *f)
{
	if (f->header.abi_version == GL_MBOX_VERSION)
		return 0;
	return gl_fail(nic, EPROTO,
		       "the firmware speaks version %u of the mailbox; this library understands "
		       "version %u only, so nothing was changed",
		       f->header.abi_version, GL_MBOX_VERSION);
}

static int load_segment(struct gl_nic *nic, uint32_t address, const uint8_t *data, uint32_t bytes)
{
	int error = 0;
	for (uint32_t done = 0; done < bytes && !error;) {
		uint32_t at = address + done, inside = at % WINDOW_BYTES;
		uint32_t chunk = WINDOW_BYTES - inside;
		if (chunk > bytes - done)
			chunk = bytes - done;
		gl_reg_write(nic, GL_BAR0_WINDOW, at - inside);
		error = gl_write_block(nic, GL_BAR0_WINDOW_DATA + inside, data + done, chunk);
		done += chunk;
	}
	return error;
}

static const char *state_name(uint32_t state)
{
	return state == GL_FW_NONE   ? "not started"
	       : state == GL_FW_BOOT ? "starting"
	       : state == GL_FW_RUN  ? "running"
				     : "stopped by an exception";
}

/* Loads what the image has bytes for, starts the core, waits until it serves. */
static int start(struct gl_nic *nic, const struct gl_firmware *f)
{
	for (uint32_t i = 0; i < f->header.segments; i++) {
		const struct gl_image_segment *s = &f->segment[i];
		int error = load_segment(nic, s->address, f->file + s->offset, s->bytes);
		if (error)
			return error;
	}
	gl_reg_write(nic, GL_BAR0_CONTROL, RUN);
	gl_reg_write(nic, GL_BAR0_WATCHDOG, WATCHDOG);
	uint64_t limit = gl_now_ms() + nic->timeout_ms;
	uint32_t state = GL_FW_NONE;
	for (unsigned turn = 0; gl_now_ms() <= limit; turn++) {
		state = gl_reg(nic, GL_BAR0_FW_STATE);
		if (state == GL_FW_RUN)
			return 0;
		if (state >= GL_FW_PANIC)
			break;
		gl_pause(turn);
	}
	int error = gl_alive(nic);
	if (error)
		return error;
	return gl_fail(nic, ETIMEDOUT,
		       "the firmware (build %08x) did not start: BAR0.FW_STATE is 0x%x (%s); its "
		       "log may say why",
		       f->header.build_id, state, state_name(state));
}

/* The core stands, nothing of it is under way in the NIC. */
static int halt(struct gl_nic *nic)
{
	gl_reg_write(nic, GL_BAR0_WATCHDOG, 0);
	gl_reg_write(nic, GL_BAR0_RESTART, 1);
	return gl_wait(nic, GL_BAR0_CONTROL, GL_BAR0_CONTROL_CORE_RUN_MASK, 0,
		       "stopping the firmware");
}

int gl_firmware_load(struct gl_nic *nic, const struct gl_firmware *firmware)
{
	int error = check_abi(nic, firmware);
	if (!error)
		error = gl_alive(nic);
	if (error)
		return error;
	/* No device page lives after a reset, so the new firmware resumes none. */
	error = gl_reset(nic);
	if (error)
		return error;
	gl_reg_write(nic, GL_BAR0_CONTROL, 0);
	return start(nic, firmware);
}

int gl_firmware_restart(struct gl_nic *nic, const struct gl_firmware *firmware)
{
	int error = check_abi(nic, firmware);
	if (!error)
		error = gl_alive(nic);
	if (error)
		return error;
	GL_KEEP(nic->session->resume, 1u);
	if (gl_reg(nic, GL_BAR0_CONTROL) & GL_BAR0_CONTROL_CORE_RUN_MASK) {
		/* The watchdog holds the core and lets its DMA end; where it has not fired by itself it does so now. */
		if (!(gl_reg(nic, GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_FIRED_MASK))
			gl_reg_write(nic, GL_BAR0_WATCHDOG, 1);
		error = gl_wait(nic, GL_BAR0_WATCHDOG_STATE, GL_BAR0_WATCHDOG_STATE_STOPPED_MASK,
				GL_BAR0_WATCHDOG_STATE_STOPPED_MASK,
				"DMA of the firmware that hung");
		if (!error)
			error = halt(nic);
	}
	if (!error)
		error = start(nic, firmware);
	return error ? error : gl_begin(nic);
}

/* --- Mailbox ------------------------------------------------------------------------------------------------------------------------ */

bool gl_firmware_serves(struct gl_nic *nic)
{
	return gl_reg(nic, GL_BAR0_FW_STATE) == GL_FW_RUN &&
	       !(gl_reg(nic, GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_FIRED_MASK);
}

static int not_serving(struct gl_nic *nic)
{
	int error = gl_alive(nic);
	if (error)
		return error;
	uint32_t state = gl_reg(nic, GL_BAR0_FW_STATE);
	bool hung = gl_reg(nic, GL_BAR0_WATCHDOG_STATE) & GL_BAR0_WATCHDOG_STATE_FIRED_MASK;
	return gl_fail(nic, EIO, "the firmware does not serve: it is %s; %s it",
		       hung ? "hung" : state_name(state), state == GL_FW_NONE ? "load" : "restart");
}

static int wait_answer(struct gl_nic *nic, const char *what)
{
	uint64_t limit = gl_now_ms() + nic->timeout_ms;
	for (unsigned turn = 0;; turn++) {
		if (!(gl_reg(nic, GL_BAR0_STATUS) & GL_BAR0_STATUS_MBOX_BUSY_MASK))
			return 0;
		if (turn % 16 == 15 && !gl_firmware_serves(nic))
			return not_serving(nic);
		if (gl_now_ms() > limit)
			return gl_fail(nic, ETIMEDOUT,
				       "the firmware did not answer %s within %u ms", what,
				       nic->timeout_ms);
		gl_pause(turn);
	}
}

int gl_mailbox_status(struct gl_nic *nic, unsigned command, unsigned context, const void *payload,
		      size_t bytes, void *answer, size_t room, unsigned *status)
{
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = (uint16_t)command,
				   .sequence = ++nic->sequence,
				   .context = (uint16_t)context,
				   .length = (uint16_t)bytes };
	struct gl_mbox_resp resp;
	if (bytes > sizeof(req.payload))
		return gl_fail(nic, EMSGSIZE, "a mailbox command has at most %zu bytes, not %zu",
			       sizeof(req.payload), bytes);
	if (bytes)
		memcpy(req.payload, payload, bytes);
	if (!gl_firmware_serves(nic))
		return not_serving(nic);
	/* A predecessor's command may be under way still. */
	int error = wait_answer(nic, "an earlier mailbox command");
	if (!error)
		error = gl_write_block(nic, GL_BAR0_MBOX + GL_MBOX_OFF, &req,
				       (offsetof(struct gl_mbox_req, payload) + bytes + 3) & ~3ul);
	if (error)
		return error;
	gl_reg_write(nic, GL_BAR0_MBOX_DOORBELL, 1);
	error = wait_answer(nic, "a mailbox command");
	if (error)
		return error;
	const size_t head = offsetof(struct gl_mbox_resp, payload);
	uint32_t word[sizeof(resp) / 4];
	size_t want = head;
	for (size_t at = 0; at < want; at += 4) {
		word[at / 4] = gl_reg(nic, GL_BAR0_MBOX + GL_MBOX_RESP_OFF + (uint32_t)at);
		if (at + 4 != head)
			continue;
		memcpy(&resp, word, head);
		if (resp.version != GL_MBOX_VERSION || resp.command != req.command ||
		    resp.sequence != req.sequence || resp.length > sizeof(resp.payload)) {
			error = gl_alive(nic);
			return error ? error
				     : gl_fail(nic, EPROTO,
					       "the firmware's answer belongs to no command of "
					       "this "
					       "library; restart it");
		}
		want += (resp.length < room ? resp.length + 3u : room + 3u) & ~3u;
		if (want > sizeof(resp))
			want = sizeof(resp);
	}
	memcpy(&resp, word, want);
	*status = resp.status;
	size_t have = resp.length < room ? resp.length : room;
	if (have)
		memcpy(answer, resp.payload, have);
	return (int)have;
}

int gl_mailbox(struct gl_nic *nic, unsigned command, unsigned context, const void *payload,
	       size_t bytes, void *answer, size_t room)
{
	static const struct {
		int error;
		const char *words;
	} meaning[] = {
		[GL_MBOX_STATUS_VERSION] = { EPROTO, "it speaks another version of the mailbox" },
		[GL_MBOX_STATUS_COMMAND] = { ENOSYS, "it does not know the command" },
		[GL_MBOX_STATUS_LENGTH] = { EINVAL, "the payload is too short" },
		[GL_MBOX_STATUS_CONTEXT] = { EINVAL, "it does not serve that context" },
		[GL_MBOX_STATUS_STATE] = { EBUSY, "the context is not in a state for it" },
		[GL_MBOX_STATUS_VALUE] = { EINVAL, "a value is not allowed" },
	};
	unsigned status;
	int error = gl_begin(nic);
	if (error)
		return error;
	int n = gl_mailbox_status(nic, command, context, payload, bytes, answer, room, &status);
	if (n < 0 || !status)
		return n;
	bool known = status < sizeof(meaning) / sizeof(*meaning);
	return gl_fail(nic, known ? meaning[status].error : EIO,
		       "the firmware refuses mailbox command %u for context %u: %s (status %u)",
		       command, context, known ? meaning[status].words : "unknown status", status);
}

/* --- Information block and log ---------------------------------------------------------------------------------------------------------- */

/* Bytes of the core's data memory through the window; offset and bytes are multiples of 4. */
static int dmem(struct gl_nic *nic, uint32_t offset, void *data, size_t bytes)
{
	uint32_t window = UINT32_MAX;
	if (offset > GL_DMEM_SIZE || bytes > GL_DMEM_SIZE - offset || offset % 4)
		return gl_fail(nic, EPROTO, "the firmware points outside its memory (0x%x)",
			       offset);
	for (size_t at = 0; at < bytes; at += 4) {
		uint32_t address = GL_DMEM_BASE + offset + (uint32_t)at;
		if (address - address % WINDOW_BYTES != window) {
			window = address - address % WINDOW_BYTES;
			gl_reg_write(nic, GL_BAR0_WINDOW, window);
		}
		uint32_t word = gl_reg(nic, GL_BAR0_WINDOW_DATA + address % WINDOW_BYTES);
		memcpy((uint8_t *)data + at, &word, 4);
	}
	return 0;
}

int gl_firmware_info(struct gl_nic *nic, struct gl_fw_info *info)
{
	int error = gl_alive(nic);
	if (!error)
		error = dmem(nic, gl_reg(nic, GL_BAR0_FW_INFO), info, sizeof(*info));
	if (!error && (info->magic != GL_FW_INFO_MAGIC || info->abi_version != GL_MBOX_VERSION))
		error = gl_fail(nic, EPROTO,
				"no firmware that speaks version %u of the mailbox is loaded",
				GL_MBOX_VERSION);
	return error;
}

int gl_firmware_log(struct gl_nic *nic, uint64_t *from, char *text, size_t room)
{
	uint32_t block[LOG_MAX / 4];
	struct gl_fw_info info;
	int error = gl_firmware_info(nic, &info);
	if (error)
		return error;
	uint32_t size = info.log_size;
	if (!size || size & (size - 1) || size > LOG_MAX || info.log_offset % 4)
		return gl_fail(nic, EPROTO, "the firmware's log ring has an absurd size (%u)",
			       size);
	uint32_t head = gl_reg(nic, GL_BAR0_LOG_HEAD);
	/* The register has 32 bits and begins anew with each start. */
	uint64_t at = *from;
	if (at > head)
		at = 0;
	if (head - at > size)
		at = head - size;
	size_t have = (size_t)(head - at) < room ? (size_t)(head - at) : room;
	for (size_t done = 0; done < have;) {
		/* Up to the ring's end, in words. */
		uint32_t place = (uint32_t)((at + done) % size), first = place & ~3u;
		size_t part = have - done < size - place ? have - done : size - place;
		error = dmem(nic, info.log_offset + first, block,
			     ((place + part + 3) & ~3ul) - first);
		if (error)
			return error;
		memcpy(text + done, (const char *)block + (place - first), part);
		done += part;
	}
	if (have) {
		/* What was overwritten while it was read is lost. */
		uint32_t now = gl_reg(nic, GL_BAR0_LOG_HEAD);
		uint64_t safe = now > size ? (uint64_t)now - size : 0;
		if (safe > at) {
			size_t lost = safe - at < have ? (size_t)(safe - at) : have;
			memmove(text, text + lost, have - lost);
			have -= lost;
			at += lost;
		}
	}
	*from = at + have;
	return (int)have;
}
