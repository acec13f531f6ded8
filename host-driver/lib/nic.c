// SPDX-License-Identifier: Apache-2.0
// The handle of libguestlane: open, identify, close, registers, reset.
#define _GNU_SOURCE
#include "nic.h"
#include "guestlane_regs.h"
#include "xen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* PCI configuration space (PCI Express base specification, chapter 7). */
#define CFG_ID	    0x00
#define CFG_COMMAND 0x04
#define CFG_MEMORY  0x0002u
#define CFG_MASTER  0x0004u

#define TIMEOUT_MS  10000u
#define TABLE_BYTES (4u << 20)
#define NOBODY	    0xffffffffu /* what a read of a device that is not there gives */

static _Thread_local char thread_error[512] = "no error";

/* --- Errors ------------------------------------------------------------------------------------------------------------------ */

int gl_fail(struct gl_nic *nic, int error, const char *format, ...)
{
	char text[sizeof(thread_error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args); /* arguments may be the old text */
	va_end(args);
	memcpy(nic ? nic->error : thread_error, text, sizeof(text));
	return error < 0 ? error : -error;
}

const char *gl_error(const struct gl_nic *nic)
{
	return nic ? nic->error : thread_error;
}

/* --- Time, chance -------------------------------------------------------------------------------------------------------------- */

uint64_t gl_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void gl_pause(unsigned turn)
{
	if (turn < 16)
		return;
	struct timespec t = { .tv_nsec = turn < 64 ? 50000 : 1000000 };
	nanosleep(&t, NULL);
}

uint64_t gl_random(struct gl_nic *nic)
{
	return nic->random ? nic->random(nic->random_arg) : 0;
}

static uint32_t new_nonce(void)
{
	uint32_t nonce = 0;
	while (!nonce || nonce == NOBODY)
		if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
			nonce = (uint32_t)gl_now_ms() ^ (uint32_t)getpid() << 16;
	return nonce;
}

/* --- Registers ------------------------------------------------------------------------------------------------------------------- */

static uint32_t region_read(struct gl_nic *nic, unsigned region, uint32_t offset, unsigned size)
{
	uint32_t value = 0;
	int error = -EINVAL;
	if ((size == 1 || size == 2 || size == 4) && offset % size == 0)
		error = nic->ops->read(nic->backend, region, offset, size, &value);
	nic->gone |= error == -ENODEV;
	if (error)
		return size == 1 ? 0xffu : size == 2 ? 0xffffu : NOBODY;
	return value;
}

static void region_write(struct gl_nic *nic, unsigned region, uint32_t offset, uint32_t value,
			 unsigned size)
{
	if ((size != 1 && size != 2 && size != 4) || offset % size)
		return;
	/* What was stored to memory before is there before the NIC looks. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	nic->gone |= nic->ops->write(nic->backend, region, offset, size, value) == -ENODEV;
}

uint32_t gl_read(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, unsigned size)
{
	return region_read(nic, bar, offset, size);
}

uint64_t gl_read64(struct gl_nic *nic, enum gl_bar bar, uint32_t offset)
{
	uint64_t low = gl_read(nic, bar, offset, 4);
	return low | (uint64_t)gl_read(nic, bar, offset + 4, 4) << 32;
}

void gl_write(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, uint32_t value, unsigned size)
{
	region_write(nic, bar, offset, value, size);
}

uint32_t gl_config_read(struct gl_nic *nic, uint32_t offset, unsigned size)
{
	return region_read(nic, GL_REGION_CONFIG, offset, size);
}

void gl_config_write(struct gl_nic *nic, uint32_t offset, uint32_t value, unsigned size)
{
	region_write(nic, GL_REGION_CONFIG, offset, value, size);
}

uint32_t gl_page_read(struct gl_nic *nic, unsigned context, uint32_t offset, unsigned size)
{
	if (context >= nic->contexts || offset >= GL_PAGE)
		return NOBODY;
	return gl_read(nic, GL_BAR2, context * GL_PAGE + offset, size);
}

void gl_page_write(struct gl_nic *nic, unsigned context, uint32_t offset, uint32_t value,
		   unsigned size)
{
	if (context < nic->contexts && offset < GL_PAGE)
		gl_write(nic, GL_BAR2, context * GL_PAGE + offset, value, size);
}

int gl_page_address(struct gl_nic *nic, unsigned context, uint64_t *address)
{
	int error = gl_check_context(nic, context);
	if (error)
		return error;
	if (!nic->ops->bar_address)
		return gl_fail(nic, ENOTSUP, "device pages of %s have no physical address",
			       nic->device);
	error = nic->ops->bar_address(nic->backend, GL_BAR2, address);
	if (!error)
		*address += (uint64_t)context * GL_PAGE;
	return error;
}

uint32_t gl_reg(struct gl_nic *nic, uint32_t offset)
{
	return gl_read(nic, GL_BAR0, offset, 4);
}

void gl_reg_write(struct gl_nic *nic, uint32_t offset, uint32_t value)
{
	gl_write(nic, GL_BAR0, offset, value, 4);
}

int gl_write_block(struct gl_nic *nic, uint32_t offset, const void *data, size_t bytes)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return nic->ops->write_block(nic->backend, GL_BAR0, offset, data, bytes);
}

int gl_alive(struct gl_nic *nic)
{
	uint32_t id = nic->gone ? NOBODY : gl_reg(nic, GL_BAR0_ID);
	if (id == GL_ID_VALUE)
		return 0;
	return gl_fail(nic, ENODEV,
		       "%s does not answer any more (BAR0.ID reads %08x): it was unplugged or its "
		       "server has ended; open it anew when it is back",
		       nic->device, id);
}

int gl_wait(struct gl_nic *nic, uint32_t offset, uint32_t bits, uint32_t want, const char *what)
{
	uint64_t limit = gl_now_ms() + nic->timeout_ms;
	for (unsigned turn = 0;; turn++) {
		uint32_t value = gl_reg(nic, offset);
		if (value == NOBODY && gl_alive(nic))
			return -ENODEV;
		if ((value & bits) == want)
			return 0;
		if (gl_now_ms() > limit)
			return gl_fail(nic, ETIMEDOUT, "%s did not end within %u ms", what,
				       nic->timeout_ms);
		gl_pause(turn);
	}
}

int gl_check_context(struct gl_nic *nic, unsigned context)
{
	if (context < nic->contexts)
		return 0;
	return gl_fail(nic, EINVAL, "there is no context %u; this NIC has 0 to %u", context,
		       nic->contexts - 1);
}

/* --- Work of several steps ------------------------------------------------------------------------------------------------------------ */

void gl_job(struct gl_nic *nic, enum gl_job job, unsigned context, uint64_t guest, uint64_t bytes)
{
	struct gl_session *s = nic->session;
	GL_KEEP(s->job.context, context);
	GL_KEEP(s->job.guest, guest);
	GL_KEEP(s->job.bytes, bytes);
	GL_KEEP(s->job.what, (uint32_t)job);
}

void gl_job_done(struct gl_nic *nic)
{
	GL_KEEP(nic->session->job.what, (uint32_t)GL_JOB_NONE);
}

int gl_job_over(struct gl_nic *nic, int error)
{
	if (error != -ENODEV && error != -EIO && error != -ETIMEDOUT)
		gl_job_done(nic);
	return error;
}

int gl_begin(struct gl_nic *nic)
{
	struct gl_session *s = nic->session;
	int error = 0;

	if (nic->gone)
		return gl_alive(nic);
	if (s->resume && gl_firmware_serves(nic))
		error = gl_contexts_resume(nic);
	if (error)
		return error;
	switch (s->job.what) {
	case GL_JOB_NONE:
		return 0;
	case GL_JOB_RESET:
		return gl_reset(nic);
	case GL_JOB_MAP:
	case GL_JOB_UNMAP:
		error = gl_clear_range(nic, s->job.context, s->job.guest, s->job.bytes);
		break;
	default:
		error = gl_context_finish(nic);
	}
	gl_job_over(nic, error);
	/* What the firmware has refused for good does not stand in the way of anything else. */
	return s->job.what == GL_JOB_NONE ? 0 : error;
}

/* --- Open, close ------------------------------------------------------------------------------------------------------------------------ */

static const struct gl_backend_ops *const backends[] = {
	&gl_backend_vfio_user,
	&gl_backend_vfio,
	&gl_backend_vfio_noiommu,
	&gl_backend_xen,
};

const struct gl_backend_ops *gl_find_backend(const char *device, const char **address)
{
	const char *colon = device ? strchr(device, ':') : NULL;
	for (size_t i = 0; colon && i < sizeof(backends) / sizeof(*backends); i++) {
		size_t n = strlen(backends[i]->scheme);
		if (n == (size_t)(colon - device) && !memcmp(device, backends[i]->scheme, n)) {
			*address = colon + 1;
			/* A physical address is no bus address there. */
			if (backends[i] == &gl_backend_vfio_noiommu && glx_is_dom0())
				return &gl_backend_vfio_noiommu_xen;
			return backends[i];
		}
	}
	gl_fail(NULL, EINVAL,
		"'%s' names no device; write vfio:0000:01:00.0, vfio-noiommu:0000:01:00.0, "
		"xen:0000:01:00.0 or vfio-user:/path/of/socket",
		device ? device : "");
	return NULL;
}

struct gl_nic *gl_nic_alloc(const struct gl_backend_ops *ops, const char *device,
			    unsigned timeout_ms)
{
	struct gl_nic *nic = calloc(1, sizeof(*nic));
	if (!nic) {
		gl_fail(NULL, ENOMEM, "not enough memory for a handle of %s", device);
		return NULL;
	}
	nic->ops = ops;
	snprintf(nic->device, sizeof(nic->device), "%s", device);
	nic->timeout_ms = timeout_ms ? timeout_ms : TIMEOUT_MS;
	nic->session_fd = nic->table_fd = -1;
	for (unsigned i = 0; i < GL_MEMORIES; i++)
		nic->memory[i] = (struct gl_memory){ .fd = -1, .id = i };
	memset(nic->irq, -1, sizeof(nic->irq));
	nic->irq_shared = -1;
	memset(nic->bell, -1, sizeof(nic->bell));
	snprintf(nic->error, sizeof(nic->error), "no error");
	return nic;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void gl_nic_free(struct gl_nic *nic)
{
	if (!nic)
		return;
	if (nic->backend)
		nic->ops->close(nic->backend);
	for (unsigned i = 0; i < GL_MEMORIES; i++) {
		if (nic->memory[i].data)
			munmap(nic->memory[i].data, nic->memory[i].bytes);
		close_fd(&nic->memory[i].fd);
		free(nic->pages[i]);
	}
	for (unsigned v = 0; v < GL_VECTORS; v++)
		close_fd(&nic->irq[v]);
	close_fd(&nic->irq_shared);
	for (unsigned c = 0; c < GL_CONTEXTS; c++)
		for (unsigned q = 0; q < GL_MAX_QUEUES; q++)
			close_fd(&nic->bell[c][q]);
	if (nic->table_data)
		munmap(nic->table_data, nic->table_bytes);
	close_fd(&nic->table_fd);
	radix_free(&nic->tables);
	if (nic->session)
		munmap(nic->session, sizeof(*nic->session));
	close_fd(&nic->session_fd);
	free(nic);
}

int gl_identify(struct gl_nic *nic)
{
	uint32_t id = gl_config_read(nic, CFG_ID, 4);
	if (id == NOBODY)
		return gl_fail(nic, ENODEV, "%s does not answer", nic->device);
	if (id != (GL_PCI_DEVICE_ID << 16 | GL_PCI_VENDOR_ID))
		return gl_fail(nic, ENODEV,
			       "%s is the PCI device %04x:%04x, not a Guestlane NIC (%04x:%04x)",
			       nic->device, id & 0xffff, id >> 16, GL_PCI_VENDOR_ID,
			       GL_PCI_DEVICE_ID);
	gl_config_write(nic, CFG_COMMAND, CFG_MEMORY | CFG_MASTER, 2);
	id = gl_reg(nic, GL_BAR0_ID);
	if (id != GL_ID_VALUE)
		return gl_fail(nic, ENODEV, "%s: BAR0.ID is %08x, not %08x", nic->device, id,
			       GL_ID_VALUE);
	nic->version = gl_reg(nic, GL_BAR0_VERSION);
	if (nic->version >> 16 != GL_VERSION_VALUE >> 16)
		return gl_fail(
			nic, EPROTO,
			"%s has registers of version %u.%u; this library understands version "
			"%u (any %u.x): use the library that came with that NIC's bitstream",
			nic->device, nic->version >> 16, nic->version & 0xffff,
			GL_VERSION_VALUE >> 16, GL_VERSION_VALUE >> 16);
	nic->contexts = gl_reg(nic, GL_BAR0_CAPS) & GL_BAR0_CAPS_CONTEXTS_MASK;
	nic->clock_hz = gl_reg(nic, GL_BAR0_CLOCK_HZ);
	if (!nic->contexts || nic->contexts > GL_CONTEXTS || !nic->clock_hz)
		return gl_fail(nic, EPROTO, "%s claims %u contexts and a clock of %u Hz",
			       nic->device, nic->contexts, nic->clock_hz);
	return 0;
}

int gl_set_up(struct gl_nic *nic)
{
	const struct gl_session *s = nic->session;
	gl_config_write(nic, CFG_COMMAND, CFG_MEMORY | CFG_MASTER, 2);
	gl_reg_write(nic, GL_BAR0_REGION_LO, (uint32_t)s->table_bus);
	gl_reg_write(nic, GL_BAR0_REGION_HI, (uint32_t)(s->table_bus >> 32));
	gl_reg_write(nic, GL_BAR0_REGION_PAGES, (uint32_t)(s->region_bytes / GL_PAGE));
	gl_event_enable(nic, GL_BAR0_EVENT_FAULT_MASK | GL_BAR0_EVENT_WATCHDOG_MASK);
	gl_irqs_set_up(nic);
	gl_reg_write(nic, GL_BAR0_SCRATCH, s->nonce);
	return gl_alive(nic);
}

/* What is left of whoever had the NIC before. */
static int stop_all(struct gl_nic *nic)
{
	int error = nic->ops->reset ? nic->ops->reset(nic->backend) : -ENOTSUP;
	if (error && error != -ENOTSUP)
		return error;
	gl_config_write(nic, CFG_COMMAND, CFG_MEMORY | CFG_MASTER, 2);
	if (error)
		gl_reg_write(nic, GL_BAR0_RESET, GL_BAR0_RESET_NIC_MASK);
	return gl_alive(nic);
}

static int new_session(struct gl_nic *nic)
{
	nic->session_fd = gl_new_memfd("guestlane-session", sizeof(*nic->session), 0);
	if (nic->session_fd < 0)
		return gl_fail(nic, -nic->session_fd, "cannot make the session's memory: %s",
			       strerror(-nic->session_fd));
	void *at = mmap(NULL, sizeof(*nic->session), PROT_READ | PROT_WRITE, MAP_SHARED,
			nic->session_fd, 0);
	if (at == MAP_FAILED)
		return gl_fail(nic, errno, "cannot map the session's memory: %s", strerror(errno));
	nic->session = at;
	nic->session->magic = GL_SESSION_MAGIC;
	nic->session->version = GL_SESSION_VERSION;
	nic->session->bytes = sizeof(*nic->session);
	nic->session->contexts = nic->contexts;
	nic->session->nonce = new_nonce();
	return 0;
}

int gl_open(struct gl_nic **out, const struct gl_config *config)
{
	const char *address;
	*out = NULL;
	if (config->device && strlen(config->device) >= sizeof(((struct gl_nic *)0)->device))
		return gl_fail(NULL, ENAMETOOLONG, "the device name has more than %zu characters",
			       sizeof(((struct gl_nic *)0)->device) - 1);
	const struct gl_backend_ops *ops = gl_find_backend(config->device, &address);
	if (!ops)
		return -EINVAL;
	uint64_t table_bytes = config->table_bytes ? config->table_bytes : TABLE_BYTES;
	if (table_bytes % GL_PAGE || table_bytes / GL_PAGE >= 1u << 24)
		return gl_fail(
			NULL, EINVAL,
			"%llu bytes for translation tables: use a multiple of 4096 below 2^36",
			(unsigned long long)table_bytes);
	struct gl_nic *nic = gl_nic_alloc(ops, config->device, config->timeout_ms);
	if (!nic)
		return -ENOMEM;
	nic->random = config->random;
	nic->random_arg = config->random_arg;
	int error = ops->open(nic, address, &nic->backend);
	if (!error)
		error = gl_identify(nic);
	if (!error)
		error = stop_all(nic);
	/* What nobody adopted: nothing runs any more that could reach it. */
	if (!error && nic->ops->pages_sweep)
		error = nic->ops->pages_sweep(nic->backend);
	if (!error)
		error = new_session(nic);
	if (!error)
		error = gl_tables_new(nic, table_bytes);
	if (!error)
		error = gl_irqs_new(nic);
	if (!error)
		error = gl_set_up(nic);
	if (error) {
		gl_fail(NULL, error, "%s", nic->error);
		gl_nic_free(nic);
		return error;
	}
	nic->generation++;
	*out = nic;
	return 0;
}

void gl_close(struct gl_nic *nic)
{
	if (!nic)
		return;
	/* Stops DMA before memory goes: no bus master any more. */
	if (!gl_alive(nic))
		gl_config_write(nic, CFG_COMMAND, CFG_MEMORY, 2);
	/* What would stay behind. */
	if (nic->ops->pages_sweep)
		nic->ops->pages_sweep(nic->backend);
	gl_nic_free(nic);
}

unsigned gl_contexts(const struct gl_nic *nic)
{
	return nic->contexts;
}

uint32_t gl_clock_hz(const struct gl_nic *nic)
{
	return nic->clock_hz;
}

uint32_t gl_version(const struct gl_nic *nic)
{
	return nic->version;
}

const char *gl_device(const struct gl_nic *nic)
{
	return nic->device;
}

int gl_reset(struct gl_nic *nic)
{
	/* In place of whatever was to be finished. */
	GL_KEEP(nic->session->job.what, (uint32_t)GL_JOB_RESET);
	int error = stop_all(nic);
	if (error)
		return error;
	gl_contexts_drop(nic);
	GL_KEEP(nic->session->resume, 0);
	error = gl_set_up(nic);
	if (!error)
		gl_job_done(nic);
	return error;
}
