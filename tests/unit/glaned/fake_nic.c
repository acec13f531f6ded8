// SPDX-License-Identifier: Apache-2.0
// The played NIC: strict about what libguestlane is strict about.
#include "fake_nic.h"
#include "gl_mbox.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char thread_error[128] = "nothing";

static int fail(struct gl_nic *nic, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct gl_nic *nic, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(nic ? nic->error : thread_error, sizeof(thread_error), format, args);
	va_end(args);
	return -error;
}

/* Whether this call shall fail. */
static bool unlucky(struct gl_nic *nic)
{
	return nic->fail_in > 0 && --nic->fail_in == 0;
}

struct gl_nic *fake_open(void)
{
	struct gl_nic *nic = calloc(1, sizeof(*nic));
	for (int i = 0; i < FAKE_MEMORIES; i++)
		nic->memory[i].fd = -1;
	for (int i = 0; i <= FAKE_CONTEXTS; i++)
		nic->irq[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	nic->irq_shared = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int i = 0; i < FAKE_CONTEXTS; i++)
		nic->bell[i][0] = nic->bell[i][1] = -1;
	return nic;
}

unsigned fake_memories(const struct gl_nic *nic)
{
	unsigned n = 0;
	for (int i = 0; i < FAKE_MEMORIES; i++)
		n += nic->memory[i].fd >= 0;
	return n;
}

int gl_open(struct gl_nic **nic, const struct gl_config *config)
{
	(void)config;
	*nic = fake_open();
	return 0;
}

void gl_close(struct gl_nic *nic)
{
	for (int i = 0; i < FAKE_MEMORIES; i++) {
		if (nic->memory[i].fd < 0)
			continue;
		if (nic->memory[i].data)
			munmap(nic->memory[i].data, nic->memory[i].bytes);
		close(nic->memory[i].fd);
	}
	for (int i = 0; i <= FAKE_CONTEXTS; i++)
		close(nic->irq[i]);
	close(nic->irq_shared);
	for (int i = 0; i < FAKE_CONTEXTS; i++)
		for (int q = 0; q < 2; q++)
			if (nic->bell[i][q] >= 0)
				close(nic->bell[i][q]);
	free(nic);
}

const char *gl_error(const struct gl_nic *nic)
{
	return nic ? nic->error : thread_error;
}

unsigned gl_contexts(const struct gl_nic *nic)
{
	(void)nic;
	return FAKE_CONTEXTS;
}

uint32_t gl_clock_hz(const struct gl_nic *nic)
{
	(void)nic;
	return 125000000;
}

uint32_t gl_version(const struct gl_nic *nic)
{
	(void)nic;
	return GL_VERSION_VALUE;
}

const char *gl_device(const struct gl_nic *nic)
{
	(void)nic;
	return "fake:0";
}

int gl_alive(struct gl_nic *nic)
{
	return nic->gone ? fail(nic, ENODEV, "the NIC has gone") : 0;
}

uint64_t gl_generation(const struct gl_nic *nic)
{
	return nic->generation;
}

size_t gl_fds(const struct gl_nic *nic, struct gl_fd *fds, size_t room)
{
	size_t n = 0;
	for (int i = 0; i < FAKE_MEMORIES; i++) {
		if (nic->memory[i].fd < 0)
			continue;
		if (n < room) {
			snprintf(fds[n].name, sizeof(fds[n].name), "memory-%d", i);
			fds[n].fd = nic->memory[i].fd;
		}
		n++;
	}
	return n;
}

char *gl_state(const struct gl_nic *nic)
{
	(void)nic;
	return strdup("{\"fake\": true}");
}

int gl_adopt(struct gl_nic **nic, const char *state, const struct gl_fd *fds, size_t count)
{
	(void)state;
	(void)fds;
	(void)count;
	*nic = NULL;
	return fail(NULL, ESTALE, "a played NIC does not outlive its process");
}

/* --- Registers --- */

uint32_t gl_read(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, unsigned size)
{
	(void)bar;
	(void)size;
	if (nic->gone)
		return UINT32_MAX;
	switch (offset) {
	case GL_BAR0_ID:
		return GL_ID_VALUE;
	case GL_BAR0_FW_STATE:
		return GL_FW_RUN;
	case GL_BAR0_WATCHDOG_STATE:
		return nic->watchdog_state;
	}
	return 0;
}

uint64_t gl_read64(struct gl_nic *nic, enum gl_bar bar, uint32_t offset)
{
	return gl_read(nic, bar, offset, 4);
}

void gl_write(struct gl_nic *nic, enum gl_bar bar, uint32_t offset, uint32_t value, unsigned size)
{
	(void)nic;
	(void)bar;
	(void)offset;
	(void)value;
	(void)size;
}

uint32_t gl_page_read(struct gl_nic *nic, unsigned context, uint32_t offset, unsigned size)
{
	(void)size;
	nic->page_accesses++;
	if (nic->gone || context >= FAKE_CONTEXTS || offset >= 4096)
		return UINT32_MAX;
	return nic->context[context].enabled ? nic->context[context].page[offset / 4] : 0;
}

void gl_page_write(struct gl_nic *nic, unsigned context, uint32_t offset, uint32_t value,
		   unsigned size)
{
	(void)size;
	nic->page_accesses++;
	if (!nic->gone && context < FAKE_CONTEXTS && offset < 4096 && nic->context[context].enabled)
		nic->context[context].page[offset / 4] = value;
}

int gl_irq_fd(struct gl_nic *nic, unsigned vector)
{
	return vector <= FAKE_CONTEXTS ? nic->irq[vector] : fail(nic, EINVAL, "no such vector");
}

int gl_irq_mode(struct gl_nic *nic, enum gl_irq_mode mode)
{
	if (unlucky(nic))
		return fail(nic, ENOTSUP, "too few vectors");
	nic->irq_mode = mode;
	return 0;
}

enum gl_irq_mode gl_irq_mode_now(const struct gl_nic *nic)
{
	return nic->irq_mode;
}

int gl_irq_shared_fd(struct gl_nic *nic)
{
	return nic->irq_shared;
}

/* Contexts of `pending`. */
int gl_irq_distribute(struct gl_nic *nic)
{
	uint64_t value = 1;
	int told = 0;
	if (read(nic->irq_shared, &value, sizeof(value)) < 0)
		value = 1;
	for (unsigned c = 0; c < FAKE_CONTEXTS; c++)
		if (nic->pending >> c & 1 && write(nic->irq[1 + c], &value, sizeof(value)) == 8)
			told++;
	nic->pending = 0;
	return nic->gone ? -ENODEV : told;
}

int gl_irq_moderation(struct gl_nic *nic, unsigned microseconds)
{
	nic->irq_moderation = microseconds;
	return nic->gone ? fail(nic, ENODEV, "the NIC is gone") : 0;
}

unsigned gl_irq_moderation_now(const struct gl_nic *nic)
{
	return nic->irq_moderation;
}

int gl_irq_renew(struct gl_nic *nic, unsigned vector)
{
	if (unlucky(nic))
		return fail(nic, EIO, "no new eventfd");
	close(nic->irq[vector]);
	nic->irq[vector] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	nic->generation++;
	return 0;
}

int gl_doorbell_fd(struct gl_nic *nic, unsigned context, unsigned queue)
{
	if (unlucky(nic))
		return fail(nic, EMFILE, "no eventfd");
	if (nic->bell[context][queue] < 0) {
		nic->bell[context][queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		nic->generation++;
	}
	return nic->bell[context][queue];
}

/* --- Memory --- */

static int memory_new(struct gl_nic *nic, const char *name, int fd, size_t bytes, void *data,
		      const struct gl_memory **memory)
{
	for (unsigned i = 0; i < FAKE_MEMORIES; i++) {
		struct gl_memory *m = &nic->memory[i];
		if (m->fd >= 0)
			continue;
		*m = (struct gl_memory){ .data = data,
					 .bus = 0x100000000ull * (i + 1),
					 .bytes = bytes,
					 .fd = fd,
					 .id = i };
		snprintf(nic->memory_name[i], sizeof(nic->memory_name[i]), "%s", name);
		nic->generation++;
		*memory = m;
		return 0;
	}
	close(fd);
	return fail(nic, ENOSPC, "too many memories");
}

int gl_memory_new(struct gl_nic *nic, const char *name, size_t bytes,
		  const struct gl_memory **memory)
{
	if (unlucky(nic))
		return fail(nic, ENOMEM, "no memory");
	int fd = memfd_create("fake", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return fail(nic, ENOMEM, "no memory");
	void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory_new(nic, name, fd, bytes, data, memory);
}

int gl_memory_import(struct gl_nic *nic, const char *name, int fd, size_t bytes,
		     const struct gl_memory **memory)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);
	if (fstat(fd, &status) || (uint64_t)status.st_size < bytes)
		return fail(nic, EINVAL, "the descriptor is too short");
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return fail(nic, EPERM, "the memory is not sealed");
	if (unlucky(nic))
		return fail(nic, ENOMEM, "the IOMMU is full");
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return own < 0 ? fail(nic, EMFILE, "no descriptor")
		       : memory_new(nic, name, own, bytes, NULL, memory);
}

const struct gl_memory *gl_memory_find(const struct gl_nic *nic, const char *name)
{
	for (int i = 0; i < FAKE_MEMORIES; i++)
		if (nic->memory[i].fd >= 0 && !strcmp(nic->memory_name[i], name))
			return &nic->memory[i];
	return NULL;
}

int gl_memory_free(struct gl_nic *nic, const struct gl_memory *memory)
{
	struct gl_memory *m = &nic->memory[memory->id];
	for (int k = 0; k < FAKE_CONTEXTS; k++)
		if (nic->context[k].mapped && nic->context[k].bus == m->bus)
			return fail(nic, EBUSY, "context %d maps it", k);
	if (m->data)
		munmap(m->data, m->bytes);
	close(m->fd);
	m->fd = -1;
	nic->generation++;
	return 0;
}

int gl_map(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bus_address,
	   uint64_t bytes, unsigned flags)
{
	(void)flags;
	struct fake_context *c = &nic->context[context];
	if (!guest_address || guest_address % 4096 || bytes % 4096 || !bytes)
		return fail(nic, EINVAL, "not whole pages");
	if (c->mapped)
		return fail(nic, EEXIST, "mapped already");
	if (unlucky(nic))
		return fail(nic, ENOMEM, "no table pages");
	c->mapped = bytes;
	c->bus = bus_address;
	return 0;
}

int gl_unmap(struct gl_nic *nic, unsigned context, uint64_t guest_address, uint64_t bytes)
{
	(void)guest_address;
	(void)bytes;
	nic->context[context].mapped = 0;
	return 0;
}

int gl_translate(const struct gl_nic *nic, unsigned context, uint64_t guest_address, bool write,
		 uint64_t *bus_address)
{
	(void)write;
	(void)guest_address;
	*bus_address = nic->context[context].bus;
	return nic->context[context].mapped ? GL_FAULT_KIND_NONE : GL_FAULT_KIND_NOT_PRESENT;
}

/* --- Firmware --- */

struct gl_firmware {
	int nothing;
};

int gl_firmware_read(struct gl_firmware **firmware, const char *path, struct gl_firmware_info *info)
{
	if (access(path, R_OK))
		return fail(NULL, errno, "cannot read %s", path);
	*firmware = calloc(1, sizeof(**firmware));
	*info = (struct gl_firmware_info){ .abi_version = 2, .build_id = 1, .contexts = 8 };
	return 0;
}

void gl_firmware_free(struct gl_firmware *firmware)
{
	free(firmware);
}

int gl_firmware_load(struct gl_nic *nic, const struct gl_firmware *firmware)
{
	(void)firmware;
	if (unlucky(nic))
		return fail(nic, ETIMEDOUT, "the firmware does not start");
	nic->loads++;
	nic->watchdog_state = 0;
	for (int k = 0; k < FAKE_CONTEXTS; k++)
		nic->context[k].exists = nic->context[k].enabled = false;
	return 0;
}

int gl_firmware_restart(struct gl_nic *nic, const struct gl_firmware *firmware)
{
	(void)firmware;
	if (unlucky(nic))
		return fail(nic, ETIMEDOUT, "the firmware does not go on");
	nic->restarts++;
	nic->watchdog_state = 0;
	return 0;
}

int gl_firmware_log(struct gl_nic *nic, uint64_t *from, char *text, size_t room)
{
	(void)nic;
	static const char words[] = "firmware says \x01\xff hello\n";
	size_t n = *from < sizeof(words) - 1 ? sizeof(words) - 1 - *from : 0;
	if (n > room)
		n = room;
	if (n)
		memcpy(text, words + *from, n);
	*from += n;
	return (int)n;
}

int gl_firmware_info(struct gl_nic *nic, struct gl_fw_info *info)
{
	(void)nic;
	*info = (struct gl_fw_info){ .build_id = 1 };
	return 0;
}

int gl_mailbox(struct gl_nic *nic, unsigned command, unsigned context, const void *payload,
	       size_t bytes, void *answer, size_t room)
{
	(void)nic;
	(void)command;
	(void)context;
	(void)payload;
	(void)bytes;
	(void)answer;
	(void)room;
	return 0;
}

/* --- Contexts --- */

int gl_context_create(struct gl_nic *nic, unsigned context, const struct gl_context_config *config)
{
	struct fake_context *c = &nic->context[context];
	if (c->exists)
		return fail(nic, EEXIST, "context %u exists", context);
	if (unlucky(nic))
		return fail(nic, EIO, "the firmware refuses context %u", context);
	c->exists = true;
	c->config = *config;
	c->resets = 0;
	memset(c->page, 0, sizeof(c->page));
	return 0;
}

int gl_context_configure(struct gl_nic *nic, unsigned context,
			 const struct gl_context_config *config)
{
	if (!nic->context[context].exists)
		return fail(nic, ENOENT, "context %u does not exist", context);
	if (unlucky(nic))
		return fail(nic, EIO, "the firmware refuses");
	nic->context[context].config = *config;
	return 0;
}

int gl_context_enable(struct gl_nic *nic, unsigned context, bool enable)
{
	if (!nic->context[context].exists)
		return fail(nic, ENOENT, "context %u does not exist", context);
	if (unlucky(nic))
		return fail(nic, EIO, "the firmware refuses");
	nic->context[context].enabled = enable;
	return 0;
}

int64_t gl_context_destroy(struct gl_nic *nic, unsigned context)
{
	struct fake_context *c = &nic->context[context];
	memset(c, 0, sizeof(*c));
	return 1000;
}

int gl_context_get(struct gl_nic *nic, unsigned context, struct gl_context_state *state)
{
	const struct fake_context *c = &nic->context[context];
	if (nic->gone)
		return fail(nic, ENODEV, "the NIC has gone");
	*state = (struct gl_context_state){ .exists = c->exists,
					    .enabled = c->enabled,
					    .device_status = (uint8_t)c->page[GL_DEV_STATUS / 4],
					    .firmware_state = GL_CTX_IDLE,
					    .resets = c->resets };
	return 0;
}

int gl_context_config(const struct gl_nic *nic, unsigned context, struct gl_context_config *config)
{
	*config = nic->context[context].config;
	return nic->context[context].exists ? 0 : -ENOENT;
}

/* --- Events --- */

uint32_t gl_event(struct gl_nic *nic)
{
	return nic->gone ? UINT32_MAX : nic->events;
}

void gl_event_clear(struct gl_nic *nic, uint32_t events)
{
	nic->events &= ~events;
}

void gl_event_enable(struct gl_nic *nic, uint32_t events)
{
	(void)nic;
	(void)events;
}

int gl_fault_next(struct gl_nic *nic)
{
	for (int k = 0; k < FAKE_CONTEXTS; k++)
		if (nic->context[k].fault.kind)
			return k;
	return -1;
}

bool gl_fault_get(struct gl_nic *nic, unsigned context, struct gl_fault *fault)
{
	*fault = nic->context[context].fault;
	return fault->kind != 0;
}

void gl_fault_clear(struct gl_nic *nic, unsigned context)
{
	nic->context[context].fault.kind = 0;
}

uint64_t gl_stat(struct gl_nic *nic, unsigned stat)
{
	(void)nic;
	return stat;
}

uint64_t gl_context_stat(struct gl_nic *nic, unsigned context, unsigned stat)
{
	(void)nic;
	return context * 100 + stat;
}

static const char *name(unsigned i, unsigned count, const char *word)
{
	static char text[4][32];
	static unsigned turn;
	if (i >= count)
		return NULL;
	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s_%u", word, i);
	return text[turn];
}

const char *gl_stat_name(unsigned stat)
{
	return name(stat, 49, "stat");
}

const char *gl_context_stat_name(unsigned stat)
{
	return name(stat, 16, "cstat");
}

const char *gl_fault_kind_name(unsigned kind)
{
	return name(kind, 8, "kind");
}

const char *gl_reset_reason_name(unsigned reason)
{
	return name(reason, 10, "reason");
}
