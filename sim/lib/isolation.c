// SPDX-License-Identifier: Apache-2.0
// What dom0 does about isolation beside the tables (docs/isolation.md): revocation, fault records, events, rate limits and shares,
// multicast filters, VLAN membership.
#include "internal.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static uint32_t get(struct gls *s, uint32_t offset)
{
	return gls_read(s, GLS_BAR0, offset, 4);
}

static void put(struct gls *s, uint32_t offset, uint32_t value)
{
	gls_write(s, GLS_BAR0, offset, value, 4);
}

/* --- Revocation ------------------------------------------------------------------------------------------------------------ */

/* A mailbox command without payload; what the firmware thinks of it does not count, for the context may be unknown to it. */
static int tell(struct gls *s, unsigned context, enum gl_mbox_command what)
{
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = (uint16_t)what,
				   .context = (uint16_t)context };
	struct gl_mbox_resp resp;
	int n = gls_mailbox(s, &req, offsetof(struct gl_mbox_req, payload), &resp,
			    offsetof(struct gl_mbox_resp, payload));
	return n < 0 ? n : 0;
}

void gls_revoke_start(struct gls *s, unsigned context)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, GL_BAR0_REVOKE, GL_BAR0_REVOKE_START_MASK);
}

int64_t gls_revoke_wait(struct gls *s, unsigned context)
{
	if (gls_wait_clear(s, GL_BAR0_REVOKE, GL_BAR0_REVOKE_BUSY_MASK))
		return gls_fail(s, ETIMEDOUT, "context %u: the revocation does not end", context);
	tables_forget(s, context);
	return get(s, GL_BAR0_REVOKE_CYCLES);
}

int64_t gls_revoke(struct gls *s, unsigned context)
{
	if (context >= gls_contexts(s))
		return gls_fail(s, EINVAL, "there is no context %u", context);
	gls_revoke_start(s, context);
	int64_t cycles = gls_revoke_wait(s, context);
	if (cycles < 0)
		return cycles;
	int error = tell(s, context, GL_MBOX_CTX_DISABLE);
	if (!error)
		error = tell(s, context, GL_MBOX_CTX_DESTROY);
	return error ? error : cycles;
}

/* --- Faults and events --------------------------------------------------------------------------------------------------------- */

bool gls_fault_record(struct gls *s, unsigned context, struct gls_fault_record *record)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	uint32_t info = get(s, GL_BAR0_FAULT_INFO);
	*record = (struct gls_fault_record){
		.address = gls_read64(s, GLS_BAR0, GL_BAR0_FAULT_LO),
		.kind = (info & GL_BAR0_FAULT_INFO_KIND_MASK) >> GL_BAR0_FAULT_INFO_KIND_LSB,
		.write = info & GL_BAR0_FAULT_INFO_WRITE_MASK,
		.queue = (info & GL_BAR0_FAULT_INFO_QUEUE_MASK) >> GL_BAR0_FAULT_INFO_QUEUE_LSB,
		.count = (info & GL_BAR0_FAULT_INFO_COUNT_MASK) >> GL_BAR0_FAULT_INFO_COUNT_LSB,
	};
	return info & GL_BAR0_FAULT_INFO_VALID_MASK;
}

void gls_fault_clear(struct gls *s, unsigned context)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, GL_BAR0_FAULT_INFO, 0);
}

int gls_fault_next(struct gls *s)
{
	uint32_t next = get(s, GL_BAR0_FAULT_NEXT);
	return next & GL_BAR0_FAULT_NEXT_VALID_MASK ? (int)(next & GL_BAR0_FAULT_NEXT_CONTEXT_MASK)
						    : -1;
}

uint32_t gls_event(struct gls *s)
{
	return get(s, GL_BAR0_EVENT);
}

void gls_event_clear(struct gls *s, uint32_t events)
{
	put(s, GL_BAR0_EVENT, events);
}

void gls_event_enable(struct gls *s, uint32_t events)
{
	put(s, GL_BAR0_EVENT_ENABLE, events);
}

int gls_set_weight(struct gls *s, unsigned context, unsigned weight)
{
	struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_WEIGHT,
					     .weight = (uint8_t)weight };
	struct gl_mbox_req req = { .version = GL_MBOX_VERSION,
				   .command = GL_MBOX_CTX_CONFIGURE,
				   .context = (uint16_t)context,
				   .length = sizeof(config) };
	struct gl_mbox_resp resp;
	if (!weight || weight > UINT8_MAX)
		return gls_fail(s, EINVAL, "weight is %u; use 1 to 255", weight);
	memcpy(req.payload, &config, sizeof(config));
	int n = gls_mailbox(s, &req, offsetof(struct gl_mbox_req, payload) + sizeof(config), &resp,
			    offsetof(struct gl_mbox_resp, payload));
	if (n >= 0 && resp.status)
		return gls_fail(s, EIO, "context %u: the firmware refuses weight %u (status %u)",
				context, weight, resp.status);
	return n < 0 ? n : 0;
}

/* --- Limits, filters, VLANs ------------------------------------------------------------------------------------------------------- */

void gls_set_limit(struct gls *s, unsigned context, enum gls_limit limit, uint32_t rate,
		   uint32_t burst)
{
	static const uint32_t at[][2] = {
		[GLS_LIMIT_TX] = { GL_BAR0_TX_RATE, GL_BAR0_TX_BURST },
		[GLS_LIMIT_RX] = { GL_BAR0_RX_RATE, GL_BAR0_RX_BURST },
		[GLS_LIMIT_FLOOD] = { GL_BAR0_FLOOD_RATE, GL_BAR0_FLOOD_BURST },
		[GLS_LIMIT_WIRE_FLOOD] = { GL_BAR0_WIRE_FLOOD_RATE, GL_BAR0_WIRE_FLOOD_BURST },
	};
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, at[limit][1], burst);
	put(s, at[limit][0], rate);
}

void gls_set_rx_share(struct gls *s, unsigned context, unsigned frames)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, GL_BAR0_RX_SHARE, frames);
}

/* The top six bits of the CRC of IEEE 802.3, clause 3.2.9, over the octets, each from bit 0. */
unsigned gls_multicast_hash(const uint8_t mac[6])
{
	uint32_t crc = UINT32_MAX;
	for (unsigned i = 0; i < 6; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t feedback = crc >> 31 ^ (mac[i] >> bit & 1);
			crc = crc << 1 ^ (feedback ? 0x04c11db7u : 0);
		}
	return crc >> 26;
}

void gls_set_multicast(struct gls *s, unsigned context, uint64_t filter)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, GL_BAR0_MC_FILTER_LO, (uint32_t)filter);
	put(s, GL_BAR0_MC_FILTER_HI, (uint32_t)(filter >> 32));
}

void gls_set_vlan(struct gls *s, unsigned vid, unsigned entry)
{
	put(s, GL_BAR0_VLAN_MAP,
	    vid << GL_BAR0_VLAN_MAP_VID_LSB | entry << GL_BAR0_VLAN_MAP_ENTRY_LSB);
}

void gls_set_vlan_member(struct gls *s, unsigned context, unsigned entry, bool member)
{
	put(s, GL_BAR0_CTX_INDEX, context);
	put(s, GL_BAR0_VLAN_MEMBER,
	    entry << GL_BAR0_VLAN_MEMBER_ENTRY_LSB |
		    (member ? GL_BAR0_VLAN_MEMBER_MEMBER_MASK : 0));
}
