// SPDX-License-Identifier: Apache-2.0
// The self-test: what can be tried on a NIC in use without disturbing its contexts.
#include "glaned.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRAMES	8
#define WAIT_US 2000000
#define PATTERN 0x5a

static void result(json_t *list, const char *name, bool ok, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void result(json_t *list, const char *name, bool ok, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(list,
			      json_pack("{s:s, s:b, s:s}", "name", name, "ok", ok, "text", text));
}

static void registers(struct daemon *d, json_t *list)
{
	uint32_t id = gl_read(d->nic, GL_BAR0, GL_BAR0_ID, 4);
	uint64_t before = gl_read64(d->nic, GL_BAR0, GL_BAR0_CYCLES_LO);
	/* A register that only the switch's entry choice uses; each user sets it first. */
	uint32_t was = gl_read(d->nic, GL_BAR0, GL_BAR0_SW_INDEX, 4);
	gl_write(d->nic, GL_BAR0, GL_BAR0_SW_INDEX, d->count - 1, 4);
	uint32_t seen = gl_read(d->nic, GL_BAR0, GL_BAR0_SW_INDEX, 4);
	gl_write(d->nic, GL_BAR0, GL_BAR0_SW_INDEX, was, 4);
	uint64_t after = gl_read64(d->nic, GL_BAR0, GL_BAR0_CYCLES_LO);
	result(list, "registers", id == GL_ID_VALUE && seen == d->count - 1 && after > before,
	       "ID %08x, write and read back %u of %u, %llu cycles for it", id, seen, d->count - 1,
	       (unsigned long long)(after - before));
}

static void firmware(struct daemon *d, json_t *list)
{
	int error = gl_mailbox(d->nic, GL_MBOX_NOP, 0, NULL, 0, NULL, 0);
	struct gl_fw_info info = { 0 };
	int no_info = gl_firmware_info(d->nic, &info);
	if (error || no_info)
		result(list, "firmware", false, "%s", gl_error(d->nic));
	else
		result(list, "firmware", info.build_id == d->firmware_info.build_id,
		       "the mailbox answers; build %08x runs, %08x was loaded", info.build_id,
		       d->firmware_info.build_id);
}

static void tables(struct daemon *d, json_t *list)
{
	unsigned tried = 0, wrong = 0;
	for (unsigned k = 0; k < d->count; k++) {
		const struct context *c = &d->context[k];
		uint64_t bus;
		if (!c->exists || c->owner != OWNER_ATTACHED || !c->attachment.memory)
			continue;
		for (int end = 0; end < 2; end++) {
			uint64_t offset = end ? c->attachment.bytes - 4096 : 0;
			tried++;
			wrong += gl_translate(d->nic, k, ATTACH_GUEST_ADDRESS + offset, true,
					      &bus) != GL_FAULT_KIND_NONE ||
				 bus != c->attachment.memory->bus + offset;
		}
	}
	result(list, "tables", !wrong, "%u addresses of attached contexts looked up, %u wrong",
	       tried, wrong);
}

/* Frames from one free context to another: rings, tables, DMA both ways, switch. */
static void loop(struct daemon *d, json_t *list)
{
	struct port from, to;
	struct context_config config;
	context_config_default(&config);
	config.gl.queue_size = 16;
	config.gl.no_wire = true;
	int a = context_free(d);
	if (a < 0) {
		result(list, "dma", true, "not tried: no context is free");
		return;
	}
	if (port_open(&from, d, (unsigned)a, OWNER_SELFTEST, &config)) {
		result(list, "dma", false, "%s", d->error);
		return;
	}
	int b = context_free(d);
	if (b < 0) {
		result(list, "dma", true, "not tried: only one context is free");
	} else if (port_open(&to, d, (unsigned)b, OWNER_SELFTEST, &config)) {
		result(list, "dma", false, "%s", d->error);
	} else {
		const uint8_t *source = d->context[a].config.gl.mac;
		const uint8_t *target = d->context[b].config.gl.mac;
		unsigned sent = 0, got = 0, bad = 0;
		for (; sent < FRAMES; sent++) {
			size_t room;
			uint8_t *frame = vnet_tx_buffer(&from.vnet, &room);
			size_t bytes = VNET_HDR_BYTES + 60 + sent * 180;
			if (!frame || room < bytes)
				break;
			memset(frame, 0, VNET_HDR_BYTES);
			frame += VNET_HDR_BYTES;
			memset(frame, (uint8_t)(PATTERN + sent), bytes - VNET_HDR_BYTES);
			memcpy(frame, target, 6);
			memcpy(frame + 6, source, 6);
			frame[12] = 0x88; /* IEEE 802 local experimental */
			frame[13] = 0xb5;
			vnet_tx_send(&from.vnet, bytes);
		}
		vnet_flush(&from.vnet);
		vnet_kick(&from.vnet);
		uint64_t limit = now_us() + WAIT_US;
		while (got < sent && now_us() < limit) {
			struct vnet_frame f;
			int n = vnet_receive(&to.vnet, &f);
			if (n == 1) {
				const uint8_t *data = f.part[0].iov_base;
				size_t last = f.part[f.parts - 1].iov_len - 1;
				const uint8_t *end = f.part[f.parts - 1].iov_base;
				/* Broadcasts of others are none of ours. */
				if (f.part[0].iov_len < 14 || memcmp(data, target, 6))
					continue;
				bad += f.bytes != 60 + got * 180 ||
				       end[last] != (uint8_t)(PATTERN + got);
				got++;
			} else if (n < 0) {
				break;
			} else {
				nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
			}
		}
		vnet_rx_release(&to.vnet);
		result(list, "dma", sent == FRAMES && got == sent && !bad,
		       "%u frames from context %d to context %d: %u arrived, %u wrong", sent, a, b,
		       got, bad);
		port_close(&to);
	}
	port_close(&from);
}

json_t *selftest_run(struct daemon *d)
{
	json_t *list = json_array();
	registers(d, list);
	firmware(d, list);
	tables(d, list);
	loop(d, list);
	return json_pack("{s:o}", "tests", list);
}
