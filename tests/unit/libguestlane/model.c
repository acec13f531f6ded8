// SPDX-License-Identifier: Apache-2.0
// The NIC of model.h.
#define _GNU_SOURCE
#include "model.h"
#include "gl_image.h"
#include "guestlane_regs.h"
#include "vfio_user_server.h"

#include <assert.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <zlib.h>

#define MAGIC	 0x4d4f4445u /* first word of an image for the model */
#define PAGE	 4096ull
#define INFO_AT	 0x400u
#define LOG_AT	 0x800u
#define LOG_SIZE 1024u

static struct vfio_user_server *server;

static void broken(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void broken(struct model *m, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!m->faults++)
		vsnprintf(m->fault, sizeof(m->fault), format, args);
	va_end(args);
}

/* --- The walker: what it has read it may remember until an invalidation of the context ----------------------------------------------- */

static void look_leaf(struct model *m, unsigned c, uint64_t guest, uint64_t e)
{
	uint8_t byte;
	if (vfio_user_dma_read(server, e & 0xffffffffff000ull, &byte, 1, 0))
		broken(m, "context %u: guest address 0x%llx leads to 0x%llx, which is not mapped",
		       c, (unsigned long long)guest, (unsigned long long)e);
	/* A hash table; what finds no place is not watched. */
	unsigned at = (unsigned)((guest >> 12) * 2654435761u + c * 977u) % M_LEAVES;
	for (unsigned i = 0; i < 16; i++) {
		struct m_leaf *l = &m->leaf[(at + i) % M_LEAVES];
		if (l->known && (l->context != c || l->guest != guest))
			continue;
		if (l->known && (l->value ^ e) & 0xffffffffff083ull)
			broken(m,
			       "context %u: guest address 0x%llx changed without an invalidation",
			       c, (unsigned long long)guest);
		*l = (struct m_leaf){ guest, e, c, true };
		return;
	}
}

static void look_table(struct model *m, unsigned c, uint64_t table, unsigned level, uint64_t guest)
{
	uint64_t region = (uint64_t)m->region_hi << 32 | m->region_lo, entry[512];
	uint64_t page = (table - region) / PAGE;
	uint64_t key = guest << 2 | level;
	if (table % PAGE || table < region || page >= m->region_pages || page >= M_PAGES) {
		broken(m, "context %u: a table at 0x%llx, outside the region", c,
		       (unsigned long long)table);
		return;
	}
	for (unsigned other = 0; other < M_CONTEXTS; other++)
		if (m->key[other][page] && (other != c || m->key[other][page] != key))
			broken(m, "page %llu was used again, but context %u may remember it",
			       (unsigned long long)page, other);
	m->key[c][page] = key;
	if (vfio_user_dma_read(server, table, entry, sizeof(entry), 0)) {
		broken(m, "context %u: table 0x%llx is not mapped", c, (unsigned long long)table);
		return;
	}
	for (unsigned i = 0; i < 512; i++) {
		uint64_t at = guest + ((uint64_t)i << (12 + 9 * (level - 1)));
		bool leaf = level == 1 || (level == 2 && entry[i] & 0x80);
		if (!(entry[i] & 3))
			continue;
		if (entry[i] >> 63 || (level != 2 && entry[i] & 0x80))
			broken(m, "context %u: reserved bits at guest address 0x%llx", c,
			       (unsigned long long)at);
		if (leaf)
			look_leaf(m, c, at, entry[i]);
		else
			look_table(m, c, entry[i] & 0xffffffffff000ull, level - 1, at);
	}
}

static void look(struct model *m)
{
	for (unsigned c = 0; c < M_CONTEXTS && m->bus_master && m->region_pages; c++)
		if (m->context[c].root & 1)
			look_table(m, c, m->context[c].root & ~(PAGE - 1), 3, 0);
}

static void forget(struct model *m, unsigned c, uint64_t guest, uint64_t bytes)
{
	memset(m->key[c], 0, sizeof(m->key[c]));
	for (unsigned i = 0; i < M_LEAVES; i++)
		if (m->leaf[i].known && m->leaf[i].context == c &&
		    (!bytes || (m->leaf[i].guest - guest < bytes)))
			m->leaf[i].known = false;
}

/* --- Reset, firmware ------------------------------------------------------------------------------------------------------------------ */

static void reset(struct model *m)
{
	const size_t from = offsetof(struct model, scratch), to = offsetof(struct model, resets);
	memset((uint8_t *)m + from, 0, to - from);
	memset(m->key, 0, sizeof(m->key));
	memset(m->leaf, 0, sizeof(m->leaf));
	m->event_enable = GL_BAR0_EVENT_MBOX_MASK;
	m->resets++;
}

static void start(struct model *m)
{
	uint32_t word;
	memcpy(&word, m->imem, 4);
	m->starts++;
	m->fw_state = word == MAGIC && !m->fails ? GL_FW_RUN : GL_FW_BOOT;
	m->hung = false;
	for (unsigned c = 0; c < M_CONTEXTS; c++)
		if (m->forgets >> c & 1 || !m->context[c].control)
			m->context[c].created = m->context[c].enabled = false;
	struct gl_fw_info info = { .magic = GL_FW_INFO_MAGIC,
				   .abi_version = GL_MBOX_VERSION,
				   .size = sizeof(info),
				   .build_id = 0x1234,
				   .log_offset = LOG_AT,
				   .log_size = LOG_SIZE,
				   .max_contexts = 32,
				   .contexts = m->fw_contexts };
	memcpy(m->dmem + INFO_AT, &info, sizeof(info));
}

static uint32_t configure(struct m_context *x, const struct gl_mbox_ctx_config *c)
{
	if (c->mac[0] & 1 || c->mtu < 68 || c->mtu > 9000 || c->queue_size > 256 ||
	    c->fields & ~GL_MBOX_FIELD_ALL || c->link_up > 1)
		return GL_MBOX_STATUS_VALUE;
	x->config = *c;
	return GL_MBOX_STATUS_OK;
}

static void mailbox(struct model *m)
{
	struct gl_mbox_req req;
	struct gl_mbox_resp resp = { .version = GL_MBOX_VERSION };
	struct gl_mbox_ctx_state state = { 0 };
	memcpy(&req, m->dmem + GL_MBOX_OFF, sizeof(req));
	resp.command = req.command;
	resp.sequence = req.sequence;
	struct m_context *x = req.context < M_CONTEXTS ? &m->context[req.context] : NULL;
	m->commands++;
	if (req.version != GL_MBOX_VERSION) {
		resp.status = GL_MBOX_STATUS_VERSION;
	} else if (req.command == GL_MBOX_NOP || req.command == GL_MBOX_SET_LOG_LEVEL) {
		resp.status = GL_MBOX_STATUS_OK;
	} else if (req.command > GL_MBOX_SET_LOG_LEVEL) {
		resp.status = GL_MBOX_STATUS_COMMAND;
	} else if (!x || req.context >= m->fw_contexts) {
		resp.status = GL_MBOX_STATUS_CONTEXT;
	} else {
		bool allowed = req.command == GL_MBOX_CTX_CREATE    ? !x->created
			       : req.command == GL_MBOX_CTX_DESTROY ? x->created && !x->enabled
			       : req.command == GL_MBOX_CTX_ENABLE  ? x->created && !x->enabled
			       : req.command == GL_MBOX_CTX_DISABLE ? x->enabled
								    : true;
		resp.status = allowed ? GL_MBOX_STATUS_OK : GL_MBOX_STATUS_STATE;
		switch (allowed ? req.command : GL_MBOX_NOP) {
		case GL_MBOX_CTX_CREATE:
		case GL_MBOX_CTX_CONFIGURE: {
			struct gl_mbox_ctx_config c;
			memcpy(&c, req.payload, sizeof(c));
			if (req.command == GL_MBOX_CTX_CONFIGURE && (!x->created || m->refuses))
				resp.status = GL_MBOX_STATUS_STATE;
			else
				resp.status = (uint16_t)configure(x, &c);
			x->created |= !resp.status;
			break;
		}
		case GL_MBOX_CTX_DESTROY:
			x->created = false;
			break;
		case GL_MBOX_CTX_ENABLE:
			x->enabled = true;
			break;
		case GL_MBOX_CTX_DISABLE:
			if (x->control)
				broken(m, "context %u is disabled while its page lives",
				       req.context);
			x->enabled = false;
			break;
		case GL_MBOX_CTX_GET:
			state.state = !x->created  ? GL_CTX_ABSENT
				      : x->enabled ? GL_CTX_IDLE
						   : GL_CTX_DISABLED;
			state.mtu = x->config.mtu;
			state.features_lo = 0x28020;
			state.queue[1].size = 256;
			resp.length = sizeof(state);
			memcpy(resp.payload, &state, sizeof(state));
			break;
		default:
			break;
		}
	}
	memcpy(m->dmem + GL_MBOX_RESP_OFF, &resp, sizeof(resp));
}

static void revoke_context(struct model *m)
{
	unsigned c = m->ctx_index;
	struct m_context *x = &m->context[c];
	x->control = x->sw_control = x->share = 0;
	x->sw_mac = x->root = x->filter = x->member = 0;
	memset(x->rate, 0, sizeof(x->rate));
	x->fault = false;
	forget(m, c, 0, 0);
	m->revocations++;
}

/* --- BAR0 -------------------------------------------------------------------------------------------------------------------------------- */

static uint8_t *memory_at(struct model *m, uint32_t address, uint32_t bytes)
{
	if (address - GL_IMEM_BASE <= sizeof(m->imem) - bytes)
		return m->imem + (address - GL_IMEM_BASE);
	if (address - GL_DMEM_BASE <= sizeof(m->dmem) - bytes)
		return m->dmem + (address - GL_DMEM_BASE);
	return NULL;
}

static uint32_t busy(struct model *m, unsigned *left, uint32_t mask)
{
	if (!*left)
		return 0;
	*left -= !m->stuck;
	return mask;
}

static uint32_t bar0_read(struct model *m, uint32_t at)
{
	struct m_context *x = &m->context[m->ctx_index % M_CONTEXTS];
	uint32_t value = 0;
	uint8_t *memory = at >= GL_BAR0_WINDOW_DATA && at < GL_BAR0_CTX_STAT
				  ? memory_at(m, m->window + at - GL_BAR0_WINDOW_DATA, 4)
			  : at >= GL_BAR0_MBOX && at < GL_BAR0_MBOX + GL_MBOX_SIZE
				  ? m->dmem + (at - GL_BAR0_MBOX)
				  : NULL;
	if (memory) {
		memcpy(&value, memory, 4);
		return value;
	}
	if (at >= GL_BAR0_STAT && at < GL_BAR0_MBOX)
		return at - GL_BAR0_STAT;
	if (at >= GL_BAR0_CTX_STAT)
		return at;
	switch (at) {
	case GL_BAR0_ID:
		return GL_ID_VALUE;
	case GL_BAR0_VERSION:
		return m->version;
	case GL_BAR0_CAPS:
		return M_CONTEXTS | 3u << GL_BAR0_CAPS_LEVELS_LSB;
	case GL_BAR0_CLOCK_HZ:
		return 125000000;
	case GL_BAR0_SCRATCH:
		return m->scratch;
	case GL_BAR0_CONTROL:
		return m->core_run;
	case GL_BAR0_STATUS:
		if (m->hung)
			return m->mbox_busy ? GL_BAR0_STATUS_MBOX_BUSY_MASK : 0;
		return busy(m, &m->mbox_busy, GL_BAR0_STATUS_MBOX_BUSY_MASK);
	case GL_BAR0_FW_STATE:
		return m->fw_state;
	case GL_BAR0_FW_INFO:
		return INFO_AT;
	case GL_BAR0_LOG_HEAD:
		return m->log_head;
	case GL_BAR0_IRQ_MODE:
		return m->irq_mode;
	case GL_BAR0_IRQ_MODERATION:
		return m->irq_moderation;
	case GL_BAR0_IRQ_PENDING:
		value = m->pending;
		m->pending = 0;
		return value;
	case GL_BAR0_CTX_CONTROL:
		return x->control;
	case GL_BAR0_CTX_STATUS:
		return x->control ? 0x0b | GL_BAR0_CTX_STATUS_RUN_MASK : 0;
	case GL_BAR0_SW_MAC_LO:
		return (uint32_t)m->context[m->sw_index % M_CONTEXTS].sw_mac;
	case GL_BAR0_SW_MAC_HI:
		return (uint32_t)(m->context[m->sw_index % M_CONTEXTS].sw_mac >> 32);
	case GL_BAR0_SW_CONTROL:
		return m->context[m->sw_index % M_CONTEXTS].sw_control;
	case GL_BAR0_ROOT_LO:
		return (uint32_t)x->root;
	case GL_BAR0_ROOT_HI:
		return (uint32_t)(x->root >> 32);
	case GL_BAR0_INV_CONTROL:
		return busy(m, &m->inv_busy, GL_BAR0_INV_CONTROL_BUSY_MASK);
	case GL_BAR0_INV_CYCLES:
		return 555;
	case GL_BAR0_REVOKE:
		return busy(m, &m->revoke_busy, GL_BAR0_REVOKE_BUSY_MASK);
	case GL_BAR0_REVOKE_CYCLES:
		return 900;
	case GL_BAR0_FAULT_INFO:
		return x->fault ? GL_BAR0_FAULT_INFO_VALID_MASK |
					  GL_FAULT_KIND_PERMISSION << GL_BAR0_FAULT_INFO_KIND_LSB |
					  GL_BAR0_FAULT_INFO_WRITE_MASK |
					  1u << GL_BAR0_FAULT_INFO_QUEUE_LSB |
					  7u << GL_BAR0_FAULT_INFO_COUNT_LSB
				: 0;
	case GL_BAR0_FAULT_LO:
		return 0x5000;
	case GL_BAR0_FAULT_HI:
		return 0x12;
	case GL_BAR0_FAULT_NEXT:
		for (uint32_t c = 0; c < M_CONTEXTS; c++)
			if (m->context[c].fault)
				return GL_BAR0_FAULT_NEXT_VALID_MASK | c;
		return 0;
	case GL_BAR0_WATCHDOG_STATE:
		return m->hung || m->fired ? GL_BAR0_WATCHDOG_STATE_FIRED_MASK |
						     GL_BAR0_WATCHDOG_STATE_STOPPED_MASK
					   : 0;
	case GL_BAR0_EVENT:
		return m->event;
	case GL_BAR0_EVENT_ENABLE:
		return m->event_enable;
	default:
		return 0;
	}
}

static void bar0_write(struct model *m, uint32_t at, uint32_t value)
{
	struct m_context *x = &m->context[m->ctx_index % M_CONTEXTS];
	uint8_t *memory = at >= GL_BAR0_WINDOW_DATA && at < GL_BAR0_CTX_STAT
				  ? memory_at(m, m->window + at - GL_BAR0_WINDOW_DATA, 4)
			  : at >= GL_BAR0_MBOX && at < GL_BAR0_MBOX + GL_MBOX_SIZE
				  ? m->dmem + (at - GL_BAR0_MBOX)
				  : NULL;
	if (memory) {
		if (m->core_run && at >= GL_BAR0_WINDOW_DATA)
			broken(m, "the core's memory is written while it runs");
		memcpy(memory, &value, 4);
		return;
	}
	switch (at) {
	case GL_BAR0_SCRATCH:
		m->scratch = value;
		break;
	case GL_BAR0_RESET:
		reset(m);
		break;
	case GL_BAR0_CONTROL:
		if (value & 1 && !(m->core_run & 1))
			start(m);
		m->core_run = value;
		break;
	case GL_BAR0_WINDOW:
		m->window = value;
		break;
	case GL_BAR0_MBOX_DOORBELL:
		if (m->mbox_busy)
			broken(m, "the mailbox is rung while it is busy");
		m->mbox_busy = m->slow + 1;
		if (!m->hung && m->fw_state == GL_FW_RUN)
			mailbox(m);
		break;
	case GL_BAR0_IRQ_MODE:
		m->irq_mode = value & 1;
		break;
	case GL_BAR0_IRQ_MODERATION:
		m->irq_moderation = value & 0xffffff;
		break;
	case GL_BAR0_SW_INDEX:
		m->sw_index = value;
		break;
	case GL_BAR0_SW_MAC_LO:
		m->sw_lo = value;
		break;
	case GL_BAR0_SW_MAC_HI:
		m->sw_hi = value;
		break;
	case GL_BAR0_SW_CONTROL:
		if (m->sw_index < M_CONTEXTS) {
			m->context[m->sw_index].sw_control =
				(value & ~GL_BAR0_SW_CONTROL_AWAY_MASK) |
				(value & GL_BAR0_SW_CONTROL_FALLBACK_MASK
					 ? GL_BAR0_SW_CONTROL_AWAY_MASK
					 : 0);
			m->context[m->sw_index].sw_mac = (uint64_t)m->sw_hi << 32 | m->sw_lo;
		}
		break;
	case GL_BAR0_CTX_INDEX:
		m->ctx_index = value;
		if (value >= M_CONTEXTS)
			broken(m, "context %u is chosen", value);
		break;
	case GL_BAR0_CTX_CONTROL:
		x->control = value & 1;
		break;
	case GL_BAR0_REGION_LO:
		m->region_lo = value;
		break;
	case GL_BAR0_REGION_HI:
		m->region_hi = value;
		break;
	case GL_BAR0_REGION_PAGES:
		m->region_pages = value;
		break;
	case GL_BAR0_ROOT_HI:
		m->root_hi = value;
		break;
	case GL_BAR0_ROOT_LO:
		x->root = (uint64_t)m->root_hi << 32 | value;
		break;
	case GL_BAR0_INV_PAGE:
		m->inv_page = value;
		break;
	case GL_BAR0_INV_PAGES:
		m->inv_pages = value;
		break;
	case GL_BAR0_INV_CONTROL:
		if (m->inv_busy)
			broken(m, "an invalidation is begun while one is busy");
		m->inv_busy = m->slow;
		m->invalidations++;
		look(m); /* before it forgets, it may have read all of this */
		forget(m, m->ctx_index, m->inv_page * PAGE,
		       value & GL_BAR0_INV_CONTROL_ALL_MASK ? 0 : m->inv_pages * PAGE);
		break;
	case GL_BAR0_REVOKE:
		if (m->revoke_busy)
			broken(m, "a revocation is begun while one is busy");
		m->revoke_busy = m->slow;
		revoke_context(m);
		break;
	case GL_BAR0_FAULT_INFO:
		x->fault = false;
		break;
	case GL_BAR0_WATCHDOG:
		m->watchdog = value;
		m->fired |= value == 1;
		break;
	case GL_BAR0_RESTART:
		m->hung = m->fired = false;
		m->core_run = m->mbox_busy = 0;
		m->restarts++;
		break;
	case GL_BAR0_EVENT:
		m->event &= ~value;
		break;
	case GL_BAR0_EVENT_ENABLE:
		m->event_enable = value;
		break;
	case GL_BAR0_TX_BURST:
	case GL_BAR0_RX_BURST:
	case GL_BAR0_FLOOD_BURST:
		x->rate[(at - GL_BAR0_TX_BURST) / 8][1] = value;
		break;
	case GL_BAR0_TX_RATE:
	case GL_BAR0_RX_RATE:
	case GL_BAR0_FLOOD_RATE:
		x->rate[(at - GL_BAR0_TX_RATE) / 8][0] = value;
		break;
	case GL_BAR0_RX_SHARE:
		x->share = value;
		break;
	case GL_BAR0_MC_FILTER_LO:
		x->filter = (x->filter >> 32 << 32) | value;
		break;
	case GL_BAR0_MC_FILTER_HI:
		x->filter = (uint64_t)value << 32 | (uint32_t)x->filter;
		break;
	case GL_BAR0_VLAN_MAP:
		m->vlan[value & 4095] = value >> GL_BAR0_VLAN_MAP_ENTRY_LSB & 63;
		break;
	case GL_BAR0_VLAN_MEMBER: {
		uint64_t bit = 1ull << (value >> GL_BAR0_VLAN_MEMBER_ENTRY_LSB & 63);
		x->member = (x->member & ~bit) | (value & 1 ? bit : 0);
		break;
	}
	default:
		broken(m, "BAR0 0x%x is written", at);
	}
}

/* --- The PCI function -------------------------------------------------------------------------------------------------------------------------- */

static void config_access(struct model *m, uint64_t at, uint32_t bytes, bool write, uint8_t *data)
{
	uint8_t space[256] = { GL_PCI_VENDOR_ID & 0xff, GL_PCI_VENDOR_ID >> 8,
			       GL_PCI_DEVICE_ID & 0xff, GL_PCI_DEVICE_ID >> 8 };
	memcpy(space + PCI_COMMAND, &m->command, 2);
	if (at >= sizeof(space) || bytes > sizeof(space) - at)
		return;
	if (!write) {
		memcpy(data, space + at, bytes);
	} else if (at == PCI_COMMAND) {
		memcpy(&m->command, data, bytes < 2 ? bytes : 2);
		m->bus_master = m->command & PCI_COMMAND_MASTER;
	}
}

static void op_access(void *device, unsigned region, uint64_t offset, uint32_t bytes, bool write,
		      uint8_t *data)
{
	struct model *m = device;
	uint32_t word = 0;
	m->requests++;
	m->maps = vfio_user_stats(server).maps;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
		config_access(m, offset, bytes, write, data);
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX) {
		for (uint32_t i = 0; i + 4 <= bytes; i += 4) {
			if (write) {
				memcpy(&word, data + i, 4);
				bar0_write(m, (uint32_t)offset + i, word);
			} else {
				word = bar0_read(m, (uint32_t)offset + i);
				memcpy(data + i, &word, 4);
			}
		}
		if (write && (m->requests % 4 == 0 || offset == GL_BAR0_ROOT_LO))
			look(m);
	} else if (!write) {
		memset(data, 0, bytes);
		word = (uint32_t)offset;
		memcpy(data, &word, bytes < 4 ? bytes : 4);
	}
	vfio_user_access_done(server, 0);
}

static void op_reset(void *device)
{
	struct model *m = device;
	reset(m);
	vfio_user_access_done(server, m->reset_refused ? 5 : 0);
}

static void op_doorbell(void *device, unsigned index, struct vfio_user_doorbell *d)
{
	(void)device;
	*d = (struct vfio_user_doorbell){ .offset = index / 2 * PAGE + GL_DEV_QUEUE_NOTIFY,
					  .bytes = 4,
					  .value = index % 2 };
}

static void op_ring(void *device, unsigned index)
{
	struct model *m = device;
	m->context[index / 2].rung[index % 2] = true;
	if (m->irq_mode)
		m->pending |= 1u << index / 2;
	vfio_user_irq(server, m->irq_mode ? 1 : 1 + index / 2);
}

struct model *model_new(void)
{
	struct model *m =
		mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert(m != MAP_FAILED);
	m->version = GL_VERSION_VALUE;
	m->fw_contexts = M_CONTEXTS;
	return m;
}

void model_free(struct model *m)
{
	munmap(m, sizeof(*m));
}

int model_serve(struct model *m, const char *path)
{
	char error[256], ready = 0;
	int pipes[2];
	assert(!pipe(pipes));
	int pid = fork();
	assert(pid >= 0);
	if (pid) {
		close(pipes[1]);
		assert(read(pipes[0], &ready, 1) == 1);
		close(pipes[0]);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	const struct vfio_user_device ops = {
		.region_size = { [VFIO_PCI_BAR0_REGION_INDEX] = 0x10000,
				 [VFIO_PCI_BAR2_REGION_INDEX] = M_CONTEXTS * PAGE,
				 [VFIO_PCI_BAR4_REGION_INDEX] = 0x4000,
				 [VFIO_PCI_CONFIG_REGION_INDEX] = 4096 },
		.vectors = m->vectors ? m->vectors : M_CONTEXTS + 1,
		.doorbells = 2 * M_CONTEXTS,
		.doorbell_region = VFIO_PCI_BAR2_REGION_INDEX,
		.access = op_access,
		.reset = op_reset,
		.doorbell = op_doorbell,
		.ring = op_ring,
	};
	server = vfio_user_server_new(path, &ops, m, error, sizeof(error));
	if (!server) {
		fprintf(stderr, "%s\n", error);
		_exit(1);
	}
	assert(write(pipes[1], &ready, 1) == 1);
	for (;;) {
		struct pollfd p = { .fd = vfio_user_server_fd(server), .events = POLLIN };
		poll(&p, 1, -1);
		vfio_user_server_run(server);
	}
}

void model_image(const char *path, uint32_t abi)
{
	struct {
		struct gl_image_header h;
		struct gl_image_segment s[2];
		uint32_t code[4], data[2];
	} f = { .h = { .magic = GL_IMAGE_MAGIC,
		       .format = GL_IMAGE_FORMAT,
		       .bytes = sizeof(f),
		       .abi_version = abi,
		       .build_id = 0x1234,
		       .contexts = 32,
		       .segments = 2 },
		.s = { { .address = GL_IMEM_BASE,
			 .offset = offsetof(__typeof__(f), code),
			 .bytes = 16 },
		       { .address = GL_DMEM_BASE + 0x1000,
			 .offset = offsetof(__typeof__(f), data),
			 .bytes = 8 } },
		.code = { MAGIC, 1, 2, 3 },
		.data = { 4, 5 } };
	f.h.checksum = (uint32_t)crc32(0, (const uint8_t *)&f, sizeof(f));
	FILE *out = fopen(path, "wb");
	assert(out && fwrite(&f, sizeof(f), 1, out) == 1 && !fclose(out));
}
