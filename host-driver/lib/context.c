// SPDX-License-Identifier: Apache-2.0
// Contexts: what is configured is kept in the session and brought into firmware and switch; taking away ends with a revocation.
#define _GNU_SOURCE
#include "nic.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_MAX \
	0xfffffu /* of TX_RATE and its like, in octets per RATE_CYCLES; of a bucket's depth too */
#define RATE_CYCLES 65536u
#define BURST_LEAST \
	16384u /* at least one frame of any length, and what comes in between two fillings */
#define SHARE_MAX 64u

static struct gl_kept_context *kept(const struct gl_nic *nic, unsigned context)
{
	return &nic->session->context[context];
}

static struct gl_kept_config *config_of(const struct gl_nic *nic, unsigned context)
{
	struct gl_kept_context *k = kept(nic, context);
	return &k->config[k->current & 1];
}

/* The other copy is written, then it becomes the one that counts. */
static void keep(const struct gl_nic *nic, unsigned context, const struct gl_kept_config *config)
{
	struct gl_kept_context *k = kept(nic, context);
	uint8_t other = !(k->current & 1);
	k->config[other] = *config;
	GL_KEEP(k->current, other);
}

/* --- Checks --------------------------------------------------------------------------------------------------------------------- */

static int check_value(struct gl_nic *nic, unsigned context, const char *field, uint64_t value,
		       uint64_t least, uint64_t most)
{
	if (value >= least && value <= most)
		return 0;
	return gl_fail(nic, EINVAL, "context %u: %s is %llu; use %llu to %llu", context, field,
		       (unsigned long long)value, (unsigned long long)least,
		       (unsigned long long)most);
}

static int check_mac(struct gl_nic *nic, unsigned context, const uint8_t mac[6])
{
	static const uint8_t none[6];
	char text[18];
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	if (mac[0] & 1 || !memcmp(mac, none, 6))
		return gl_fail(nic, EINVAL,
			       "context %u: mac %s is not the address of one station: its first "
			       "octet must be even, and not all may be 0",
			       context, text);
	for (unsigned c = 0; c < nic->contexts; c++)
		if (c != context && kept(nic, c)->exists && !memcmp(config_of(nic, c)->mac, mac, 6))
			return gl_fail(nic, EADDRINUSE, "context %u: context %u has the mac %s",
				       context, c, text);
	return 0;
}

/* --- VLAN entries: 1 to 63, shared by all trunks ------------------------------------------------------------------------------------ */

static unsigned vlan_find(const struct gl_nic *nic, uint16_t vid)
{
	for (unsigned e = 1; e < GL_VLANS; e++)
		if (nic->session->vid[e] == vid)
			return e;
	return 0;
}

static uint64_t vlans_in_use(const struct gl_nic *nic)
{
	uint64_t used = 0;
	for (unsigned c = 0; c < nic->contexts; c++)
		if (kept(nic, c)->exists)
			used |= config_of(nic, c)->vlans;
	return used;
}

static void vlan_map(struct gl_nic *nic, unsigned vid, unsigned entry)
{
	gl_reg_write(nic, GL_BAR0_VLAN_MAP,
		     vid << GL_BAR0_VLAN_MAP_VID_LSB | entry << GL_BAR0_VLAN_MAP_ENTRY_LSB);
}

/* Entries that no trunk uses become free. */
static void vlans_tidy(struct gl_nic *nic)
{
	uint64_t used = vlans_in_use(nic);
	for (unsigned e = 1; e < GL_VLANS; e++)
		if (nic->session->vid[e] && !(used >> e & 1)) {
			vlan_map(nic, nic->session->vid[e], 0);
			GL_KEEP(nic->session->vid[e], (uint16_t)0);
		}
}

/* Finds or takes an entry for each VLAN identifier, after a look whether there are enough. */
static int vlans_take(struct gl_nic *nic, unsigned context, const struct gl_context_config *config,
		      uint64_t *vlans)
{
	unsigned need = 0, room = 0;
	*vlans = 0;
	for (size_t i = 0; i < config->vid_count; i++) {
		int error = check_value(nic, context, "vids", config->vids[i], 1, 4094);
		bool again = false;
		if (error)
			return error;
		for (size_t j = 0; j < i; j++)
			again |= config->vids[j] == config->vids[i];
		need += !again && !vlan_find(nic, config->vids[i]);
	}
	for (unsigned e = 1; e < GL_VLANS; e++)
		room += !nic->session->vid[e];
	if (need > room)
		return gl_fail(nic, ENOSPC,
			       "context %u: the trunks of this NIC would carry more than %d VLANs",
			       context, GL_VLANS - 1);
	for (size_t i = 0; i < config->vid_count; i++) {
		unsigned e = vlan_find(nic, config->vids[i]);
		if (!e) {
			e = vlan_find(nic, 0);
			GL_KEEP(nic->session->vid[e], config->vids[i]);
		}
		*vlans |= 1ull << e;
	}
	return 0;
}

/* --- From the caller's configuration to what is kept, and back ------------------------------------------------------------------------- */

static int digest(struct gl_nic *nic, unsigned context, const struct gl_context_config *config,
		  struct gl_kept_config *k)
{
	*k = (struct gl_kept_config){
		.features = config->features,
		.multicast_filter = config->multicast_filter,
		.tx_rate = config->tx_rate,
		.rx_rate = config->rx_rate,
		.flood_rate = config->flood_rate,
		.tx_burst = config->tx_burst,
		.rx_burst = config->rx_burst,
		.flood_burst = config->flood_burst,
		.mtu = config->mtu ? config->mtu : 1500,
		.queue_size = config->queue_size ? config->queue_size : GL_QUEUE_SIZE_MAX,
		.vid = config->vid,
		.weight = config->weight ? config->weight : GL_WEIGHT_DEFAULT,
		.link_down = !!config->link_down,
		.vlan_mode = (uint8_t)config->vlan_mode,
		.untagged = config->untagged,
		.no_wire = config->no_wire,
		.promiscuous = config->promiscuous,
		.any_source = config->any_source,
		.filter_multicast = config->filter_multicast,
		.rx_share = config->rx_share,
		.fallback = config->fallback,
	};
	memcpy(k->mac, config->mac, 6);
	int error = check_mac(nic, context, k->mac);
	if (!error && k->fallback && context == 0)
		error = gl_fail(
			nic, EINVAL,
			"context 0 cannot have fallback: it is the one that frames fall back to");
	if (!error)
		error = check_value(nic, context, "mtu", k->mtu, 68, 9000);
	if (!error)
		error = check_value(nic, context, "queue_size", k->queue_size, 2,
				    GL_QUEUE_SIZE_MAX);
	if (!error && (unsigned)config->vlan_mode > GL_VLAN_TRUNK)
		error = check_value(nic, context, "vlan_mode", (unsigned)config->vlan_mode, 0,
				    GL_VLAN_TRUNK);
	if (!error && config->vlan_mode == GL_VLAN_ACCESS)
		error = check_value(nic, context, "vid", config->vid, 1, 4094);
	if (!error && config->vlan_mode != GL_VLAN_TRUNK && config->vid_count)
		error = gl_fail(nic, EINVAL, "context %u: vids are given, but it is no trunk",
				context);
	if (!error)
		error = check_value(nic, context, "tx_burst", k->tx_burst, 0, RATE_MAX);
	if (!error)
		error = check_value(nic, context, "rx_burst", k->rx_burst, 0, RATE_MAX);
	if (!error)
		error = check_value(nic, context, "flood_burst", k->flood_burst, 0, RATE_MAX);
	if (!error)
		error = check_value(nic, context, "rx_share", k->rx_share, 0, SHARE_MAX);
	if (!error)
		error = vlans_take(nic, context, config, &k->vlans);
	return error;
}

int gl_context_config(const struct gl_nic *nic, unsigned context, struct gl_context_config *config)
{
	if (context >= nic->contexts || !kept(nic, context)->exists)
		return -ENOENT;
	const struct gl_kept_config *k = config_of(nic, context);
	*config = (struct gl_context_config){
		.mtu = k->mtu,
		.weight = k->weight,
		.link_down = k->link_down,
		.queue_size = k->queue_size,
		.features = k->features,
		.vlan_mode = (enum gl_vlan_mode)k->vlan_mode,
		.vid = k->vid,
		.untagged = k->untagged,
		.no_wire = k->no_wire,
		.promiscuous = k->promiscuous,
		.any_source = k->any_source,
		.multicast_filter = k->multicast_filter,
		.filter_multicast = k->filter_multicast,
		.tx_rate = k->tx_rate,
		.rx_rate = k->rx_rate,
		.flood_rate = k->flood_rate,
		.tx_burst = k->tx_burst,
		.rx_burst = k->rx_burst,
		.flood_burst = k->flood_burst,
		.rx_share = k->rx_share,
		.fallback = k->fallback,
	};
	memcpy(config->mac, k->mac, 6);
	return 0;
}

/* --- Into the NIC --------------------------------------------------------------------------------------------------------------------------- */

/* The top six bits of the CRC of IEEE 802.3, clause 3.2.9, over the octets, each from bit 0. */
unsigned gl_multicast_hash(const uint8_t mac[6])
{
	uint32_t crc = UINT32_MAX;
	for (unsigned i = 0; i < 6; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t feedback = crc >> 31 ^ (mac[i] >> bit & 1);
			crc = crc << 1 ^ (feedback ? 0x04c11db7u : 0);
		}
	return crc >> 26;
}

static uint32_t rate_of(const struct gl_nic *nic, uint64_t bits_per_second)
{
	/* 64 bits hold it: no rate above the largest that the register can say is multiplied. */
	uint64_t most = (uint64_t)RATE_MAX * 8 * nic->clock_hz / RATE_CYCLES;
	if (bits_per_second >= most)
		return bits_per_second ? RATE_MAX : 0;
	uint64_t rate = bits_per_second * RATE_CYCLES / 8 / nic->clock_hz;
	return rate || !bits_per_second ? (uint32_t)rate : 1;
}

static void limit(struct gl_nic *nic, uint32_t rate_register, uint64_t bits_per_second,
		  uint32_t burst)
{
	uint32_t rate = rate_of(nic, bits_per_second);
	if (!burst) /* a quarter of what comes in 65536 cycles (0.5 ms at 125 MHz) */
		burst = rate / 4 > BURST_LEAST ? rate / 4 : BURST_LEAST;
	gl_reg_write(nic, rate_register + 4, burst);
	gl_reg_write(nic, rate_register, rate);
}

/* Switch entry, filters, limits, memberships. `live` false: no frame is for the context. */
static void set_switch(struct gl_nic *nic, unsigned context, const struct gl_kept_config *k,
		       bool live)
{
	const uint8_t *m = k->mac;
	bool all = k->filter_multicast
			   ? k->multicast_filter == UINT64_MAX
			   : k->multicast_filter == 0 || k->multicast_filter == UINT64_MAX;
	uint32_t control = GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_BROADCAST_MASK;
	control |= all ? GL_BAR0_SW_CONTROL_MULTICAST_MASK : 0;
	control |= k->promiscuous ? GL_BAR0_SW_CONTROL_PROMISC_MASK : 0;
	control |= k->any_source ? GL_BAR0_SW_CONTROL_ANY_SOURCE_MASK : 0;
	control |= k->no_wire ? 0 : GL_BAR0_SW_CONTROL_TO_WIRE_MASK;
	control |= k->fallback ? GL_BAR0_SW_CONTROL_FALLBACK_MASK : 0;
	if (k->vlan_mode == GL_VLAN_ACCESS)
		control |= GL_BAR0_SW_CONTROL_VLAN_ACCESS_MASK |
			   (uint32_t)k->vid << GL_BAR0_SW_CONTROL_VID_LSB;
	if (k->vlan_mode == GL_VLAN_TRUNK)
		control |= GL_BAR0_SW_CONTROL_VLAN_TRUNK_MASK |
			   (k->untagged ? GL_BAR0_SW_CONTROL_UNTAGGED_MASK : 0);

	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_MC_FILTER_LO, (uint32_t)k->multicast_filter);
	gl_reg_write(nic, GL_BAR0_MC_FILTER_HI, (uint32_t)(k->multicast_filter >> 32));
	limit(nic, GL_BAR0_TX_RATE, k->tx_rate, k->tx_burst);
	limit(nic, GL_BAR0_RX_RATE, k->rx_rate, k->rx_burst);
	limit(nic, GL_BAR0_FLOOD_RATE, k->flood_rate, k->flood_burst);
	gl_reg_write(nic, GL_BAR0_RX_SHARE, k->rx_share);
	for (unsigned e = 1; e < GL_VLANS; e++) {
		if (k->vlans >> e & 1)
			vlan_map(nic, nic->session->vid[e], e);
		gl_reg_write(nic, GL_BAR0_VLAN_MEMBER,
			     e << GL_BAR0_VLAN_MEMBER_ENTRY_LSB |
				     (k->vlans >> e & 1 ? GL_BAR0_VLAN_MEMBER_MEMBER_MASK : 0));
	}
	uint32_t low = m[0] | m[1] << 8 | m[2] << 16 | (uint32_t)m[3] << 24,
		 high = m[4] | m[5] << 8;
	gl_reg_write(nic, GL_BAR0_SW_INDEX, context);
	/* Writing an entry with FALLBACK sends the context away, so one that would stay as it is stays untouched. */
	if (live && k->fallback &&
	    (gl_reg(nic, GL_BAR0_SW_CONTROL) & ~GL_BAR0_SW_CONTROL_AWAY_MASK) == control &&
	    gl_reg(nic, GL_BAR0_SW_MAC_LO) == low && gl_reg(nic, GL_BAR0_SW_MAC_HI) == high)
		return;
	gl_reg_write(nic, GL_BAR0_SW_MAC_LO, low);
	gl_reg_write(nic, GL_BAR0_SW_MAC_HI, high);
	gl_reg_write(nic, GL_BAR0_SW_CONTROL, live ? control : 0);
}

/* CTX_CREATE or CTX_CONFIGURE; an error also when the firmware refuses. */
static int tell(struct gl_nic *nic, unsigned context, unsigned command,
		const struct gl_kept_config *k)
{
	struct gl_mbox_ctx_config config = { .fields = GL_MBOX_FIELD_ALL,
					     .features_lo = (uint32_t)k->features,
					     .features_hi = (uint32_t)(k->features >> 32),
					     .mtu = k->mtu,
					     .queue_size = k->queue_size,
					     .link_up = !k->link_down,
					     .weight = k->weight };
	unsigned status;
	memcpy(config.mac, k->mac, 6);
	int n = gl_mailbox_status(nic, command, context, &config, sizeof(config), NULL, 0, &status);
	if (n >= 0 && status == GL_MBOX_STATUS_CONTEXT)
		return gl_fail(nic, EINVAL,
			       "the firmware does not serve context %u; it serves fewer", context);
	if (n >= 0 && status)
		return gl_fail(nic, EPROTO,
			       "the firmware refuses the configuration of context %u (status %u)",
			       context, status);
	return n < 0 ? n : 0;
}

/* A command without payload. Its status in *status. */
static int order(struct gl_nic *nic, unsigned context, unsigned command, unsigned *status)
{
	int n = gl_mailbox_status(nic, command, context, NULL, 0, NULL, 0, status);
	return n < 0 ? n : 0;
}

static int get_state(struct gl_nic *nic, unsigned context, struct gl_mbox_ctx_state *state)
{
	unsigned status;
	int n = gl_mailbox_status(nic, GL_MBOX_CTX_GET, context, NULL, 0, state, sizeof(*state),
				  &status);
	if (n >= 0 && (status || n < (int)sizeof(*state)))
		return gl_fail(nic, EIO, "the firmware tells nothing about context %u (status %u)",
			       context, status);
	return n < 0 ? n : 0;
}

static void control(struct gl_nic *nic, unsigned context, bool enable)
{
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_CTX_CONTROL, enable ? GL_BAR0_CTX_CONTROL_ENABLE_MASK : 0);
}

/* These can be done any number of times, from any state between begin and end: jobs (session.h). */

static int do_configure(struct gl_nic *nic, unsigned context)
{
	const struct gl_kept_config *k = config_of(nic, context);
	int error = tell(nic, context, GL_MBOX_CTX_CONFIGURE, k);
	if (error)
		return error;
	set_switch(nic, context, k, true);
	vlans_tidy(nic);
	return 0;
}

static int do_enable(struct gl_nic *nic, unsigned context)
{
	struct gl_mbox_ctx_state state;
	unsigned status;
	GL_KEEP(kept(nic, context)->enabled, (uint8_t)1);
	int error = order(nic, context, GL_MBOX_CTX_ENABLE, &status);
	if (!error && status) { /* allowed only if it was enabled before */
		error = get_state(nic, context, &state);
		if (!error && (state.state == GL_CTX_ABSENT || state.state == GL_CTX_DISABLED))
			error = gl_fail(nic, EPROTO,
					"the firmware refuses to enable context %u (status %u)",
					context, status);
	}
	if (!error)
		control(nic, context, true);
	return error;
}

static int do_disable(struct gl_nic *nic, unsigned context)
{
	unsigned status;
	GL_KEEP(kept(nic, context)->enabled, (uint8_t)0);
	control(nic, context, false);
	/* Refused when it was disabled before. */
	return order(nic, context, GL_MBOX_CTX_DISABLE, &status);
}

/* Firmware that does not serve has to be restarted, and then resumes no context whose device page is dead. */
static int forget_in_firmware(struct gl_nic *nic, unsigned context)
{
	unsigned status;
	int error = 0;
	if (gl_firmware_serves(nic)) {
		error = order(nic, context, GL_MBOX_CTX_DISABLE, &status);
		if (!error)
			error = order(nic, context, GL_MBOX_CTX_DESTROY, &status);
		if (error && gl_firmware_serves(nic))
			return error;
	}
	return gl_alive(nic);
}

static void forget_here(struct gl_nic *nic, unsigned context)
{
	GL_KEEP(kept(nic, context)->exists, (uint8_t)0);
	GL_KEEP(kept(nic, context)->enabled, (uint8_t)0);
	vlans_tidy(nic);
}

/* The device page was never alive; the table stays, which may be older than the context. */
static int undo_create(struct gl_nic *nic, unsigned context)
{
	static const struct gl_kept_config nothing;
	int error = forget_in_firmware(nic, context);
	if (error)
		return error;
	set_switch(nic, context, &nothing, false);
	forget_here(nic, context);
	return 0;
}

static int64_t do_destroy(struct gl_nic *nic, unsigned context)
{
	/* One at a time; a predecessor's may be under way. */
	int error =
		gl_wait(nic, GL_BAR0_REVOKE, GL_BAR0_REVOKE_BUSY_MASK, 0, "the revocation before");
	if (error)
		return error;
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_REVOKE, GL_BAR0_REVOKE_START_MASK);
	error = gl_wait(nic, GL_BAR0_REVOKE, GL_BAR0_REVOKE_BUSY_MASK, 0, "a revocation");
	if (error)
		return error;
	int64_t cycles = gl_reg(nic, GL_BAR0_REVOKE_CYCLES);
	/* Nothing reaches the table any more. */
	gl_tables_forget(nic, context);
	error = forget_in_firmware(nic, context);
	if (error)
		return error;
	forget_here(nic, context);
	return cycles;
}

int gl_context_finish(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	unsigned context = s->job.context;
	int64_t n;

	switch (s->job.what) {
	case GL_JOB_CONFIGURE:
		return do_configure(nic, context);
	case GL_JOB_ENABLE:
		return do_enable(nic, context);
	case GL_JOB_DISABLE:
		return do_disable(nic, context);
	case GL_JOB_CREATE:
		return undo_create(nic, context);
	default:
		n = do_destroy(nic, context);
		return n < 0 ? (int)n : 0;
	}
}

/* --- Public ------------------------------------------------------------------------------------------------------------------------------------ */

static int check_exists(struct gl_nic *nic, unsigned context)
{
	int error = gl_check_context(nic, context);
	if (!error && !kept(nic, context)->exists)
		error = gl_fail(nic, ENOENT, "context %u does not exist; create it first", context);
	return error;
}

int gl_context_create(struct gl_nic *nic, unsigned context, const struct gl_context_config *config)
{
	struct gl_kept_config k;
	int error = gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	if (!error && kept(nic, context)->exists)
		error = gl_fail(nic, EEXIST, "context %u exists already", context);
	if (!error && !gl_firmware_serves(nic)) {
		error = gl_alive(nic);
		if (!error)
			error = gl_fail(nic, EIO,
					"context %u cannot be created: no firmware is running",
					context);
	}
	if (!error)
		error = digest(nic, context, config, &k);
	if (error)
		return error;
	gl_job(nic, GL_JOB_CREATE, context, 0, 0);
	keep(nic, context, &k);
	GL_KEEP(kept(nic, context)->enabled, (uint8_t)0);
	GL_KEEP(kept(nic, context)->exists, (uint8_t)1);
	error = tell(nic, context, GL_MBOX_CTX_CREATE, &k);
	if (error) {
		char reason[sizeof(nic->error)];
		memcpy(reason, nic->error, sizeof(reason));
		if (!gl_begin(nic))
			memcpy(nic->error, reason, sizeof(reason));
		return error;
	}
	set_switch(nic, context, &k, true);
	gl_job_done(nic);
	return 0;
}

int gl_context_configure(struct gl_nic *nic, unsigned context,
			 const struct gl_context_config *config)
{
	struct gl_kept_config k;
	int error = gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	if (!error)
		error = check_exists(nic, context);
	if (!error)
		error = digest(nic, context, config, &k);
	if (error)
		return error;
	gl_job(nic, GL_JOB_CONFIGURE, context, 0, 0);
	keep(nic, context, &k);
	return gl_job_over(nic, do_configure(nic, context));
}

int gl_context_enable(struct gl_nic *nic, unsigned context, bool enable)
{
	int error = gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	if (!error)
		error = check_exists(nic, context);
	if (error || kept(nic, context)->enabled == enable)
		return error;
	gl_job(nic, enable ? GL_JOB_ENABLE : GL_JOB_DISABLE, context, 0, 0);
	return gl_job_over(nic, enable ? do_enable(nic, context) : do_disable(nic, context));
}

int64_t gl_context_destroy(struct gl_nic *nic, unsigned context)
{
	int error = gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	if (error)
		return error;
	gl_job(nic, GL_JOB_DESTROY, context, 0, 0);
	int64_t cycles = do_destroy(nic, context);
	if (cycles >= 0)
		gl_job_done(nic);
	return cycles;
}

int gl_context_get(struct gl_nic *nic, unsigned context, struct gl_context_state *state)
{
	struct gl_mbox_ctx_state firmware = { 0 };
	int error = gl_check_context(nic, context);
	if (!error)
		error = gl_begin(nic);
	if (error)
		return error;
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	uint32_t status = gl_reg(nic, GL_BAR0_CTX_STATUS);
	*state = (struct gl_context_state){
		.exists = kept(nic, context)->exists,
		.enabled = kept(nic, context)->enabled,
		.running = status & GL_BAR0_CTX_STATUS_RUN_MASK,
		.device_status = (uint8_t)status,
		.reset_reason =
			(status & GL_BAR0_CTX_STATUS_REASON_MASK) >> GL_BAR0_CTX_STATUS_REASON_LSB,
	};
	gl_reg_write(nic, GL_BAR0_SW_INDEX, context);
	state->away = gl_reg(nic, GL_BAR0_SW_CONTROL) & GL_BAR0_SW_CONTROL_AWAY_MASK;
	error = gl_alive(nic);
	if (!error && state->exists)
		error = get_state(nic, context, &firmware);
	if (error)
		return error;
	state->firmware_state = firmware.state;
	state->resets = firmware.resets;
	state->features_offered = firmware.features_lo | (uint64_t)firmware.features_hi << 32;
	state->features_accepted = firmware.accepted_lo | (uint64_t)firmware.accepted_hi << 32;
	for (unsigned q = 0; q < 2; q++) {
		state->queue[q].ready = firmware.queue[q].ready;
		state->queue[q].packed = firmware.queue[q].packed;
		state->queue[q].size = firmware.queue[q].size;
		state->queue[q].buffers = firmware.queue[q].buffers;
	}
	return 0;
}

/* The firmware has started anew: most contexts go on by themselves, others are unknown to it (gl_mbox.h). */
int gl_contexts_resume(struct gl_nic *nic)
{
	for (unsigned c = 0; c < nic->contexts; c++) {
		struct gl_mbox_ctx_state state;
		unsigned status;
		if (!kept(nic, c)->exists)
			continue;
		int error = get_state(nic, c, &state);
		if (!error && state.state == GL_CTX_ABSENT)
			error = tell(nic, c, GL_MBOX_CTX_CREATE, config_of(nic, c));
		if (!error && kept(nic, c)->enabled &&
		    (state.state == GL_CTX_ABSENT || state.state == GL_CTX_DISABLED))
			error = order(nic, c, GL_MBOX_CTX_ENABLE, &status);
		if (error)
			return error;
	}
	GL_KEEP(nic->session->resume, 0);
	return 0;
}

void gl_contexts_drop(struct gl_nic *nic)
{
	for (unsigned c = 0; c < nic->contexts; c++) {
		GL_KEEP(kept(nic, c)->exists, (uint8_t)0);
		GL_KEEP(kept(nic, c)->enabled, (uint8_t)0);
		gl_tables_forget(nic, c);
	}
	for (unsigned e = 1; e < GL_VLANS; e++)
		GL_KEEP(nic->session->vid[e], (uint16_t)0);
}
