// SPDX-License-Identifier: Apache-2.0
// Interrupts, doorbells, events, faults and counters.
#define _GNU_SOURCE
#include "nic.h"
#include "guestlane_names.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One eventfd for each vector, made and connected at once; none is made later. */
int gl_irqs_new(struct gl_nic *nic)
{
	unsigned vectors = nic->contexts + 1, have = nic->ops->irq_count(nic->backend);
	if (have < vectors)
		return gl_fail(nic, EPROTO, "%s has %u interrupt vectors; %u are needed",
			       nic->device, have, vectors);
	for (unsigned v = 0; v < vectors; v++) {
		if (nic->irq[v] < 0)
			nic->irq[v] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (nic->irq[v] < 0)
			return gl_fail(nic, errno, "cannot make an eventfd for vector %u: %s", v,
				       strerror(errno));
	}
	return nic->ops->set_irqs(nic->backend, 0, vectors, nic->irq);
}

int gl_irq_fd(struct gl_nic *nic, unsigned vector)
{
	if (vector <= nic->contexts)
		return nic->irq[vector];
	return gl_fail(nic, EINVAL, "there is no vector %u; this NIC has 0 to %u", vector,
		       nic->contexts);
}

int gl_irq_renew(struct gl_nic *nic, unsigned vector)
{
	int old = gl_irq_fd(nic, vector);
	if (old < 0)
		return old;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return gl_fail(nic, errno, "cannot make an eventfd for vector %u: %s", vector,
			       strerror(errno));
	int error = nic->ops->set_irqs(nic->backend, vector, 1, &fd);
	if (error) {
		close(fd);
		return error;
	}
	nic->irq[vector] = fd;
	nic->generation++;
	close(old);
	return 0;
}

int gl_doorbell_fd(struct gl_nic *nic, unsigned context, unsigned queue)
{
	int error = gl_check_context(nic, context);
	if (error)
		return error;
	if (queue >= GL_MAX_QUEUES)
		return gl_fail(nic, EINVAL, "there is no queue %u; a context has 0 to %u", queue,
			       GL_MAX_QUEUES - 1);
	int *fd = &nic->bell[context][queue];
	if (*fd >= 0)
		return *fd;
	if (!nic->ops->write_fd)
		return gl_fail(nic, ENOTSUP, "%s has no doorbells by descriptor", nic->device);
	error = nic->ops->write_fd(nic->backend, GL_BAR2, context * GL_PAGE + GL_DEV_QUEUE_NOTIFY,
				   queue, fd);
	if (error) {
		*fd = -1;
		return error;
	}
	nic->generation++;
	return *fd;
}

/* --- Events and faults ------------------------------------------------------------------------------------------------------------ */

uint32_t gl_event(struct gl_nic *nic)
{
	return gl_reg(nic, GL_BAR0_EVENT);
}

void gl_event_clear(struct gl_nic *nic, uint32_t events)
{
	gl_reg_write(nic, GL_BAR0_EVENT, events);
}

void gl_event_enable(struct gl_nic *nic, uint32_t events)
{
	gl_reg_write(nic, GL_BAR0_EVENT_ENABLE, events);
}

int gl_fault_next(struct gl_nic *nic)
{
	uint32_t next = gl_reg(nic, GL_BAR0_FAULT_NEXT);
	uint32_t context = next & GL_BAR0_FAULT_NEXT_CONTEXT_MASK;
	/* All ones: the NIC is gone. */
	return next & GL_BAR0_FAULT_NEXT_VALID_MASK && next != UINT32_MAX && context < nic->contexts
		       ? (int)context
		       : -1;
}

bool gl_fault_get(struct gl_nic *nic, unsigned context, struct gl_fault *fault)
{
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	uint32_t info = gl_reg(nic, GL_BAR0_FAULT_INFO);
	if (info == UINT32_MAX || !(info & GL_BAR0_FAULT_INFO_VALID_MASK))
		return false;
	*fault = (struct gl_fault){
		.address = gl_read64(nic, GL_BAR0, GL_BAR0_FAULT_LO),
		.kind = (info & GL_BAR0_FAULT_INFO_KIND_MASK) >> GL_BAR0_FAULT_INFO_KIND_LSB,
		.write = info & GL_BAR0_FAULT_INFO_WRITE_MASK,
		.queue = (info & GL_BAR0_FAULT_INFO_QUEUE_MASK) >> GL_BAR0_FAULT_INFO_QUEUE_LSB,
		.count = (info & GL_BAR0_FAULT_INFO_COUNT_MASK) >> GL_BAR0_FAULT_INFO_COUNT_LSB,
	};
	return true;
}

void gl_fault_clear(struct gl_nic *nic, unsigned context)
{
	gl_reg_write(nic, GL_BAR0_CTX_INDEX, context);
	gl_reg_write(nic, GL_BAR0_FAULT_INFO, 0);
}

/* --- Counters and names ------------------------------------------------------------------------------------------------------------- */

uint64_t gl_stat(struct gl_nic *nic, unsigned stat)
{
	if (stat >= GL_BAR0_STAT_COUNT)
		return 0;
	return gl_read64(nic, GL_BAR0, GL_BAR0_STAT + stat * GL_BAR0_STAT_STRIDE);
}

uint64_t gl_context_stat(struct gl_nic *nic, unsigned context, unsigned stat)
{
	if (context >= nic->contexts || stat >= 128 / GL_BAR0_CTX_STAT_STRIDE)
		return 0;
	return gl_read64(nic, GL_BAR0,
			 GL_BAR0_CTX_STAT + context * 128 + stat * GL_BAR0_CTX_STAT_STRIDE);
}

#define NAME(table, value) ((value) < sizeof(table) / sizeof(*(table)) ? (table)[value] : NULL)

const char *gl_stat_name(unsigned stat)
{
	return NAME(gl_names_stat, stat);
}

const char *gl_context_stat_name(unsigned stat)
{
	return NAME(gl_names_cstat, stat);
}

const char *gl_fault_kind_name(unsigned kind)
{
	return NAME(gl_names_fault_kind, kind);
}

const char *gl_reset_reason_name(unsigned reason)
{
	return NAME(gl_names_reset_reason, reason);
}
