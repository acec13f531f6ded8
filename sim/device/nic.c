// SPDX-License-Identifier: Apache-2.0
// The NIC's PCI function as a vfio-user client sees it, on whatever carries TLPs to it: a model, or a link to a board. A host owns some of its configuration space; that part is kept here.
#include "nic.h"
#include "guestlane.h"
#include "guestlane_regs.h"
#include "image.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the BARs are for the NIC; clients see what they write. */
#define BAR0_ADDRESS 0xf0000000ull
#define BAR2_ADDRESS 0xc000000000ull
#define BAR4_ADDRESS 0xf8000000ull
/* Where MSI-X messages go: no client can map memory there. */
#define MSI_ADDRESS  0xfffffffffee00000ull
#define MSI_BYTES    0x100000ull

#define CONFIG_BYTES   4096u
#define PAGE_BYTES     4096u
/* Reads of an access under way at a time, and TLPs that may wait before another request is taken. */
#define READS	       8
#define TLPS_WAITING   32
/* DMA messages that the client has not answered before the NIC is held. */
#define MESSAGES_MAX   128
/* An access that lasts so long waits for DMA that is not going to move before it is answered: those reads fail then. */
#define ACCESS_LIMIT   50000u
/* Cycles that the NIC gets after it has asked for memory by message, before time stands still until the answer. */
#define MESSAGE_CYCLES 2048u

struct nic;

struct piece {
	struct nic *n;
	uint32_t at, size; /* in the access */
	bool busy;
};

struct nic {
	struct gls *s;
	struct vfio_user_server *server;
	const char *firmware;	   /* ELF file, or what was read from an image: */
	struct gl_firmware *image; /* NULL: an ELF file */
	uint64_t bar_size[6];
	unsigned pcie, msix; /* offsets of the capabilities */
	unsigned vectors;

	/* what the host owns of configuration space */
	uint32_t bar[6];	/* as the client wrote them */
	uint32_t bar_mask[6];	/* bits that can be written */
	uint32_t bar_type[6];	/* the others */
	uint8_t payload;	/* Max_Payload_Size field */
	bool memory_enabled;	/* as the client set it */
	uint8_t *masked, *live; /* vectors: masked by the client; as the RTL's table has them */
	bool msix_enabled;

	/* the access under way */
	bool active, write;
	unsigned region;
	uint64_t offset;
	uint32_t bytes, next, done;
	uint8_t *data;
	struct piece pieces[READS];
	bool flr; /* the configuration write is a function level reset */
	uint64_t since, access_limit;

	bool want_irqs, want_restore, want_reset, want_plug;
	uint64_t asked; /* cycle since which DMA messages are not answered */
	struct nic_stats stats;
};

static void go_on(struct nic *n);

/* --- Configuration space ----------------------------------------------------------------------------------------------------------- */

static bool is_bar(uint32_t dword)
{
	return dword >= PCI_BASE_ADDRESS_0 && dword <= PCI_BASE_ADDRESS_5;
}

/* A DW that the RTL has read, as the client is to see it. */
static uint32_t config_seen(const struct nic *n, uint32_t dword, uint32_t value)
{
	if (is_bar(dword)) {
		unsigned i = (dword - PCI_BASE_ADDRESS_0) / 4;
		return n->bar[i] | n->bar_type[i];
	}
	if (dword == n->pcie + PCI_EXP_DEVCTL)
		return (value & ~(uint32_t)PCI_EXP_DEVCTL_PAYLOAD) | (uint32_t)n->payload << 5;
	return value;
}

/* Bits of the bytes that are enabled. */
static uint32_t byte_mask(unsigned be)
{
	return (be & 1 ? 0xffu : 0) | (be & 2 ? 0xff00u : 0) | (be & 4 ? 0xff0000u : 0) |
	       (be & 8 ? 0xff000000u : 0);
}

/* What of a write goes to the RTL: the value, and the byte enables that are left. */
static unsigned config_filter(struct nic *n, uint32_t dword, uint32_t *value, unsigned be)
{
	if (is_bar(dword)) {
		unsigned i = (dword - PCI_BASE_ADDRESS_0) / 4;
		uint32_t m = byte_mask(be) & n->bar_mask[i];
		n->bar[i] = (n->bar[i] & ~m) | (*value & m);
		return 0;
	}
	if (dword == PCI_COMMAND && be & 1)
		n->memory_enabled = *value & PCI_COMMAND_MEMORY;
	if (dword == n->msix)
		be &= 3; /* message control follows SET_IRQS */
	if (dword == n->pcie + PCI_EXP_DEVCTL) {
		if (be & 1) {
			n->payload = (*value & PCI_EXP_DEVCTL_PAYLOAD) >> 5;
			*value = (*value & ~(uint32_t)PCI_EXP_DEVCTL_PAYLOAD) | 1 << 5;
		}
		if (be & 2 && *value & PCI_EXP_DEVCTL_BCR_FLR)
			n->flr = true;
	}
	return be;
}

static unsigned find_capability(struct gls *s, unsigned id)
{
	unsigned at = gls_config_read(s, PCI_CAPABILITY_LIST, 1);
	for (int guard = 0; at && guard < 48; guard++) {
		if (gls_config_read(s, at, 1) == id)
			return at;
		at = gls_config_read(s, at + 1, 1);
	}
	return 0;
}

static void size_bars(struct nic *n)
{
	for (unsigned i = 0; i < 6; i++) {
		uint32_t at = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t type = gls_config_read(n->s, at, 4) & 0xf;
		gls_config_write(n->s, at, 0xffffffff, 4);
		uint32_t mask = gls_config_read(n->s, at, 4) & ~0xfu;
		gls_config_write(n->s, at, 0, 4);
		n->bar_mask[i] = mask;
		n->bar_type[i] = type;
		n->bar_size[i] = mask ? (uint64_t)~mask + 1 : 0;
		if (mask && type & PCI_BASE_ADDRESS_MEM_TYPE_64) {
			n->bar_mask[++i] = 0xffffffff; /* sizes are far below 4 GiB */
			n->bar_type[i] = 0;
			n->bar_size[i] = 0;
		}
	}
}

/* What a host does after a reset; and the interrupts as the client wants them. */
static void plug(struct nic *n)
{
	struct gls *s = n->s;
	gls_config_write(s, PCI_BASE_ADDRESS_0, (uint32_t)BAR0_ADDRESS, 4);
	gls_config_write(s, PCI_BASE_ADDRESS_2, (uint32_t)BAR2_ADDRESS, 4);
	gls_config_write(s, PCI_BASE_ADDRESS_3, (uint32_t)(BAR2_ADDRESS >> 32), 4);
	gls_config_write(s, PCI_BASE_ADDRESS_4, (uint32_t)BAR4_ADDRESS, 4);
	gls_set_bar(s, GLS_BAR0, BAR0_ADDRESS);
	gls_set_bar(s, GLS_BAR2, BAR2_ADDRESS);
	gls_set_bar(s, GLS_BAR4, BAR4_ADDRESS);
	uint32_t control = gls_config_read(s, n->pcie + PCI_EXP_DEVCTL, 2);
	gls_config_write(s, n->pcie + PCI_EXP_DEVCTL,
			 (control & ~(uint32_t)PCI_EXP_DEVCTL_PAYLOAD) | 1 << 5, 2);
	/* As the kernel hands out a device: memory space on, bus master off. */
	gls_config_write(s, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	n->memory_enabled = true;
	memset(n->live, 0, n->vectors);
	n->msix_enabled = false;
	n->want_irqs = true;
	gls_read(s, GLS_BAR0, GL_BAR0_ID, 4); /* answered when the reset is over */
}

static int load_firmware(struct nic *n)
{
	struct gls *s = n->s;
	int error = 0;
	gls_core_stop(s);
	if (n->image) {
		for (uint32_t i = 0; i < n->image->header.segments && !error; i++) {
			const struct gl_image_segment *g = &n->image->segment[i];
			error = gls_core_load(s, g->address, n->image->file + g->offset, g->bytes);
		}
	} else {
		error = gls_core_load_elf(s, n->firmware);
	}
	return error ? error : gls_core_start(s);
}

static void reload_firmware(struct nic *n)
{
	if (n->firmware && load_firmware(n))
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, gls_error(n->s));
}

/* Reads and checks an image before anything is touched; an ELF file is read when it is loaded. */
static int read_firmware(struct nic *n, char *error, size_t room)
{
	char magic[4] = "";
	FILE *f = fopen(n->firmware, "rb");
	bool elf = f && fread(magic, 1, 4, f) == 4 && !memcmp(magic, "\177ELF", 4);
	if (f)
		fclose(f);
	if (!elf && gl_firmware_read(&n->image, n->firmware, NULL)) {
		snprintf(error, room, "%s", gl_error(NULL));
		return -1;
	}
	if (load_firmware(n)) {
		snprintf(error, room, "%s: %s", n->firmware, gls_error(n->s));
		return -1;
	}
	return 0;
}

/* Brings the RTL's MSI-X table to what the client wants: message to MSI_ADDRESS with the vector as data. */
static void set_irqs(struct nic *n)
{
	struct gls *s = n->s;
	bool any = false, changed = false;
	for (unsigned i = 0; i < n->vectors; i++) {
		bool wanted = vfio_user_irq_wanted(n->server, i) && !n->masked[i];
		any |= vfio_user_irq_wanted(n->server, i);
		changed |= wanted != n->live[i];
	}
	if (changed && !n->memory_enabled)
		gls_config_write(s, PCI_COMMAND,
				 gls_config_read(s, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY, 2);
	for (unsigned i = 0; changed && i < n->vectors; i++) {
		bool wanted = vfio_user_irq_wanted(n->server, i) && !n->masked[i];
		if (wanted == n->live[i])
			continue;
		uint32_t at = i * PCI_MSIX_ENTRY_SIZE;
		if (wanted) {
			gls_write(s, GLS_BAR4, at + PCI_MSIX_ENTRY_LOWER_ADDR,
				  (uint32_t)MSI_ADDRESS, 4);
			gls_write(s, GLS_BAR4, at + PCI_MSIX_ENTRY_UPPER_ADDR,
				  (uint32_t)(MSI_ADDRESS >> 32), 4);
			gls_write(s, GLS_BAR4, at + PCI_MSIX_ENTRY_DATA, i, 4);
		}
		gls_write(s, GLS_BAR4, at + PCI_MSIX_ENTRY_VECTOR_CTRL,
			  wanted ? 0 : PCI_MSIX_ENTRY_CTRL_MASKBIT, 4);
		n->live[i] = wanted;
	}
	if (changed)
		gls_read(s, GLS_BAR4, 0, 4); /* all of it has arrived */
	if (any != n->msix_enabled)
		gls_config_write(s, n->msix + PCI_MSIX_FLAGS, any ? PCI_MSIX_FLAGS_ENABLE : 0, 2);
	n->msix_enabled = any;
	if (changed && !n->memory_enabled)
		gls_config_write(s, PCI_COMMAND,
				 gls_config_read(s, PCI_COMMAND, 2) & ~PCI_COMMAND_MEMORY, 2);
}

/* --- Accesses of the client ---------------------------------------------------------------------------------------------------------- */

/* The next piece of the access: naturally aligned, at most a DW. */
static uint32_t piece_size(const struct nic *n)
{
	uint64_t at = n->offset + n->next;
	uint32_t left = n->bytes - n->next, size = 4;
	while (size > left || at & (size - 1))
		size /= 2;
	return size;
}

static void access_end(struct nic *n)
{
	n->active = false;
	if (n->flr) {
		n->want_restore = true; /* the access ends with it */
		return;
	}
	vfio_user_access_done(n->server, 0);
}

static void piece_done(void *arg, uint32_t value)
{
	struct piece *p = arg;
	struct nic *n = p->n;
	p->busy = false;
	if (!n->active)
		return;
	if (!n->write) {
		if (n->region == VFIO_PCI_CONFIG_REGION_INDEX) {
			uint64_t at = n->offset + p->at;
			value = config_seen(n, (uint32_t)at & ~3u, value) >> 8 * (at & 3);
		}
		for (uint32_t i = 0; i < p->size; i++)
			n->data[p->at + i] = (uint8_t)(value >> 8 * i);
	}
	n->done += p->size;
	go_on(n);
}

static uint32_t piece_value(const struct nic *n, uint32_t size)
{
	uint32_t value = 0;
	for (uint32_t i = 0; i < size; i++)
		value |= (uint32_t)n->data[n->next + i] << 8 * i;
	return value;
}

/* One piece of a configuration access; false: it needed no TLP. */
static bool config_piece(struct nic *n, struct piece *p)
{
	uint64_t at = n->offset + n->next;
	uint32_t dword = (uint32_t)at & ~3u, value = 0;
	unsigned be = ((1u << p->size) - 1) << (at & 3);
	n->stats.config_accesses++;
	if (n->write) {
		value = piece_value(n, p->size) << 8 * (at & 3);
		be = config_filter(n, dword, &value, be);
		if (!be)
			return false;
	}
	gls_config_async(n->s, dword, value, be, n->write, piece_done, p);
	return true;
}

static bool in_msix_table(const struct nic *n, uint64_t offset)
{
	return offset < (uint64_t)n->vectors * PCI_MSIX_ENTRY_SIZE;
}

/* A posted write; the MSI-X table is the host's and ignores it. */
static void bar_write(struct nic *n, uint64_t offset, uint32_t value, uint32_t size)
{
	n->stats.register_writes++;
	if (n->region != GLS_BAR4 || !in_msix_table(n, offset))
		gls_write(n->s, (enum gls_bar)n->region, (uint32_t)offset, value, size);
}

/* Issues what can be issued, and ends the access with its last piece. */
static void go_on(struct nic *n)
{
	bool config = n->region == VFIO_PCI_CONFIG_REGION_INDEX;
	while (n->active && n->next < n->bytes) {
		unsigned i = 0;
		/* Configuration accesses go one by one, as a host sends them. */
		unsigned most = config ? 1 : READS;
		while (i < most && n->pieces[i].busy)
			i++;
		if (i == most)
			return;
		struct piece *p = &n->pieces[i];
		uint64_t at = n->offset + n->next;
		p->at = n->next;
		p->size = piece_size(n);
		bool issued = true;
		if (config) {
			issued = config_piece(n, p);
		} else if (n->write) {
			bar_write(n, at, piece_value(n, p->size), p->size);
			issued = false;
		} else {
			n->stats.register_reads++;
			gls_read_async(n->s, (enum gls_bar)n->region, (uint32_t)at, p->size,
				       piece_done, p);
		}
		n->next += p->size;
		p->busy = issued;
		if (!issued)
			n->done += p->size;
	}
	if (n->active && n->done == n->bytes)
		access_end(n);
}

static void op_access(void *device, unsigned region, uint64_t offset, uint32_t bytes, bool write,
		      uint8_t *data)
{
	struct nic *n = device;
	n->active = true;
	n->region = region;
	n->offset = offset;
	n->bytes = bytes;
	n->next = n->done = 0;
	n->write = write;
	n->data = data;
	n->flr = false;
	n->since = gls_simulated(n->s);
	go_on(n);
}

static void op_reset(void *device)
{
	((struct nic *)device)->want_reset = true;
}

static bool op_ready(void *device)
{
	struct nic *n = device;
	return !n->want_irqs && !n->want_plug && gls_tlp_pending(n->s) < TLPS_WAITING;
}

static void op_doorbell(void *device, unsigned index, struct vfio_user_doorbell *d)
{
	(void)device;
	d->offset = (uint64_t)(index / GL_QUEUES) * PAGE_BYTES + GL_DEV_QUEUE_NOTIFY;
	d->bytes = 4;
	d->value = index % GL_QUEUES;
}

static void op_ring(void *device, unsigned index)
{
	struct nic *n = device;
	struct vfio_user_doorbell d;
	op_doorbell(n, index, &d);
	gls_write(n->s, GLS_BAR2, (uint32_t)d.offset, (uint32_t)d.value, d.bytes);
}

static void op_irqs_changed(void *device)
{
	((struct nic *)device)->want_irqs = true;
}

static void op_irq_mask(void *device, unsigned vector, bool mask)
{
	struct nic *n = device;
	n->masked[vector] = mask;
	n->want_irqs = true;
}

static void op_client(void *device, bool connected)
{
	struct nic *n = device;
	if (connected) {
		fprintf(stderr, "%s: a client has connected\n", program_invocation_short_name);
		return;
	}
	fprintf(stderr, "%s: the client is gone: %s\n", program_invocation_short_name,
		vfio_user_left(n->server));
	n->active = false;
	n->want_plug = true;
}

/* --- DMA and interrupts of the NIC --------------------------------------------------------------------------------------------------- */

/* Notes when the client began to owe answers. */
static void before_message(struct nic *n)
{
	if (!vfio_user_dma_pending(n->server))
		n->asked = gls_simulated(n->s);
}

static int host_read(void *arg, uint64_t address, void *data, uint32_t bytes, uint64_t token)
{
	struct nic *n = arg;
	if (!n->server)
		return -EFAULT;
	before_message(n);
	return vfio_user_dma_read(n->server, address, data, bytes, token);
}

static void host_write(void *arg, uint64_t address, const void *data, uint32_t bytes)
{
	struct nic *n = arg;
	if (!n->server)
		return;
	before_message(n);
	vfio_user_dma_write(n->server, address, data, bytes);
}

static void host_msi(void *arg, uint32_t data)
{
	struct nic *n = arg;
	if (n->server)
		vfio_user_irq(n->server, data);
}

static void op_dma_done(void *device, uint64_t token, int error, const void *data)
{
	struct nic *n = device;
	gls_host_complete(n->s, token, error ? NULL : data);
}

bool nic_waits_for_client(const struct nic *n)
{
	/* What the client has sent must get in first: the answers may be behind it. */
	return vfio_user_dma_pending(n->server) && !vfio_user_access_pending(n->server) &&
	       !gls_tlp_pending(n->s) && gls_simulated(n->s) - n->asked > MESSAGE_CYCLES;
}

/* --- Resets ------------------------------------------------------------------------------------------------------------------------------ */

static void forget_access(struct nic *n)
{
	n->active = false;
	for (unsigned i = 0; i < READS; i++)
		n->pieces[i].busy = false;
}

/* Function level reset, as the client's own or for DEVICE_RESET; the host's part of configuration space is put back then. */
static void function_reset(struct nic *n, bool issue)
{
	struct gls *s = n->s;
	n->stats.resets++;
	vfio_user_dma_cancel(n->server);
	gls_host_stall(s, false);
	if (issue) {
		uint32_t control = gls_config_read(s, n->pcie + PCI_EXP_DEVCTL, 2);
		gls_config_write(s, n->pcie + PCI_EXP_DEVCTL, control | PCI_EXP_DEVCTL_BCR_FLR, 2);
	}
	plug(n);
	reload_firmware(n);
}

/* Without a client: as when the machine is switched on. */
static void cold_reset(struct nic *n)
{
	n->stats.resets++;
	forget_access(n);
	gls_reset(n->s);
	memset(n->masked, 0, n->vectors);
	memset(n->bar, 0, sizeof(n->bar));
	n->payload = 1;
	plug(n);
	reload_firmware(n);
}

void nic_service(struct nic *n)
{
	if (n->want_plug) {
		n->want_plug = n->want_reset = n->want_restore = false;
		cold_reset(n);
	}
	if (n->want_reset || n->want_restore) {
		bool issue = n->want_reset;
		n->want_reset = n->want_restore = n->flr = false;
		function_reset(n, issue);
		set_irqs(n);
		n->want_irqs = false;
		vfio_user_access_done(n->server, 0);
	}
	if (n->want_irqs) {
		n->want_irqs = false;
		set_irqs(n);
	}
	if (n->active && vfio_user_dma_pending(n->server) &&
	    gls_simulated(n->s) - n->since > n->access_limit) {
		n->since = gls_simulated(n->s);
		vfio_user_dma_cancel(n->server);
	}
	gls_host_stall(n->s, !n->active && vfio_user_dma_pending(n->server) > MESSAGES_MAX);
}

/* --- Begin and end -------------------------------------------------------------------------------------------------------------------------- */

static void count_up(void *arg, const uint32_t *dw, size_t count)
{
	(void)dw;
	(void)count;
	((struct nic *)arg)->stats.tlps_from_nic++;
}

static void count_down(void *arg, const uint32_t *dw, size_t count)
{
	(void)dw;
	(void)count;
	((struct nic *)arg)->stats.tlps_to_nic++;
}

struct nic *nic_new(struct gls *s, const char *firmware, char *error, size_t room)
{
	struct nic *n = calloc(1, sizeof(*n));
	if (!n) {
		snprintf(error, room, "not enough memory for the NIC");
		return NULL;
	}
	n->s = s;
	n->firmware = firmware;
	n->access_limit = ACCESS_LIMIT;
	n->payload = 1;
	for (unsigned i = 0; i < READS; i++)
		n->pieces[i].n = n;
	struct gls_host host = {
		.arg = n,
		.read = host_read,
		.write = host_write,
		.msi = host_msi,
		.msi_address = MSI_ADDRESS,
	};
	gls_host_use(s, &host);
	n->pcie = find_capability(s, PCI_CAP_ID_EXP);
	n->msix = find_capability(s, PCI_CAP_ID_MSIX);
	if (!n->pcie || !n->msix) {
		snprintf(error, room, "the model has no %s capability",
			 n->pcie ? "MSI-X" : "PCI Express");
		nic_free(n);
		return NULL;
	}
	n->vectors = (gls_config_read(s, n->msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	n->masked = calloc(2, n->vectors);
	if (!n->masked) {
		snprintf(error, room, "not enough memory for the NIC");
		nic_free(n);
		return NULL;
	}
	n->live = n->masked + n->vectors;
	size_bars(n);
	plug(n);
	if (n->firmware && read_firmware(n, error, room)) {
		nic_free(n);
		return NULL;
	}
	n->want_irqs = false;
	gls_on_tlp(s, count_up, n);
	gls_on_tlp_down(s, count_down, n);
	return n;
}

void nic_free(struct nic *n)
{
	if (!n)
		return;
	gl_firmware_free(n->image);
	free(n->masked);
	free(n);
}

struct vfio_user_device nic_device(const struct nic *n)
{
	struct vfio_user_device d = {
		.vectors = n->vectors,
		.doorbells = gls_contexts(n->s) * GL_QUEUES,
		.doorbell_region = VFIO_PCI_BAR2_REGION_INDEX,
		.reserved = MSI_ADDRESS,
		.reserved_bytes = MSI_BYTES,
		.ready = op_ready,
		.access = op_access,
		.reset = op_reset,
		.doorbell = op_doorbell,
		.ring = op_ring,
		.irqs_changed = op_irqs_changed,
		.irq_mask = op_irq_mask,
		.client = op_client,
		.dma_done = op_dma_done,
	};
	for (unsigned i = 0; i < 6; i++)
		d.region_size[i] = n->bar_size[i];
	d.region_size[VFIO_PCI_CONFIG_REGION_INDEX] = CONFIG_BYTES;
	return d;
}

void nic_attach(struct nic *n, struct vfio_user_server *v)
{
	n->server = v;
}

void nic_patience(struct nic *n, uint64_t cycles)
{
	n->access_limit = cycles;
}

void nic_unplugged(struct nic *n)
{
	n->want_plug = true;
}

struct nic_stats nic_stats(const struct nic *n)
{
	return n->stats;
}
