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

/* --- Interrupts (docs/interrupts.md) ------------------------------------------------------------------------------------------------- */

#define SHARED_VECTOR 1u /* of the bit vector */

static int new_eventfd(struct gl_nic *nic, int *fd, unsigned count)
{
	if (*fd < 0)
		*fd = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? gl_fail(nic, errno, "cannot make an eventfd for interrupts: %s",
				 strerror(errno))
		       : 0;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one)); /* full: it is readable anyway */
	(void)n;
}

/* In the place of the context's vector: tells its guest, or whoever waits on its eventfd. */
static void tell_context(struct gl_nic *nic, unsigned context)
{
	if (!nic->ops->irq_pass || !nic->ops->irq_pass(nic->backend, 1 + context))
		signal_fd(nic->irq[1 + context]);
}

static bool bit_vector(const struct gl_nic *nic)
{
	return (nic->session->irq_mode & ~GL_IRQ_CHANGING) == GL_IRQ_BIT_VECTOR;
}

static bool enough_vectors(struct gl_nic *nic, enum gl_irq_mode mode)
{
	unsigned need = mode == GL_IRQ_BIT_VECTOR ? SHARED_VECTOR + 1 : nic->contexts + 1;
	return nic->ops->irq_count(nic->backend) >= need;
}

/* Connects the vectors as the mode wants it. */
static int connect_vectors(struct gl_nic *nic)
{
	const int shared[] = { nic->irq[0], nic->irq_shared };
	return bit_vector(nic) ? nic->ops->set_irqs(nic->backend, 0, SHARED_VECTOR + 1, shared)
			       : nic->ops->set_irqs(nic->backend, 0, nic->contexts + 1, nic->irq);
}

static void write_mode(struct gl_nic *nic)
{
	gl_reg_write(nic, GL_BAR0_IRQ_MODE, bit_vector(nic) ? GL_BAR0_IRQ_MODE_BIT_VECTOR_MASK : 0);
}

/* What came while vectors and mode did not fit together is told here. */
static int finish_mode(struct gl_nic *nic)
{
	int error = connect_vectors(nic);
	if (error)
		return error;
	write_mode(nic);
	error = gl_alive(nic);
	if (error)
		return error;
	for (unsigned c = 0; c < nic->contexts; c++)
		tell_context(nic, c);
	signal_fd(nic->irq_shared);
	GL_KEEP(nic->session->irq_mode, nic->session->irq_mode & ~GL_IRQ_CHANGING);
	return 0;
}

/* All eventfds are made and connected at once; none is made later. */
int gl_irqs_new(struct gl_nic *nic)
{
	enum gl_irq_mode mode =
		enough_vectors(nic, GL_IRQ_PER_CONTEXT) ? GL_IRQ_PER_CONTEXT : GL_IRQ_BIT_VECTOR;
	int error = 0;
	if (!enough_vectors(nic, mode))
		return gl_fail(nic, EPROTO, "%s has %u interrupt vectors; at least %u are needed",
			       nic->device, nic->ops->irq_count(nic->backend), SHARED_VECTOR + 1);
	for (unsigned v = 0; v <= nic->contexts && !error; v++)
		error = new_eventfd(nic, &nic->irq[v], 0);
	if (!error)
		error = new_eventfd(nic, &nic->irq_shared, 0);
	GL_KEEP(nic->session->irq_mode, (uint32_t)mode);
	if (!error)
		error = connect_vectors(nic);
	/* The host has fewer than the function. */
	if (error == -ENOSPC && !bit_vector(nic)) {
		GL_KEEP(nic->session->irq_mode, (uint32_t)GL_IRQ_BIT_VECTOR);
		error = connect_vectors(nic);
	}
	return error;
}

/* Whoever waits on an eventfd that was not kept looks once; so do all whose bits the predecessor may have read, and not passed on. */
int gl_irqs_adopt(struct gl_nic *nic)
{
	bool lost = nic->irq_shared < 0 || nic->ops->irqs_end;
	int error = 0;
	for (unsigned v = 0; v <= nic->contexts && !error; v++) {
		lost |= nic->irq[v] < 0;
		error = new_eventfd(nic, &nic->irq[v], 1);
	}
	if (!error)
		error = new_eventfd(nic, &nic->irq_shared, 1);
	if (!error && (lost || bit_vector(nic) || nic->session->irq_mode & GL_IRQ_CHANGING))
		error = finish_mode(nic);
	if (error == -ENOSPC && !bit_vector(nic)) {
		GL_KEEP(nic->session->irq_mode, GL_IRQ_BIT_VECTOR | GL_IRQ_CHANGING);
		error = finish_mode(nic);
	}
	return error;
}

void gl_irqs_set_up(struct gl_nic *nic)
{
	write_mode(nic);
	gl_reg_write(nic, GL_BAR0_IRQ_MODERATION, nic->session->irq_moderation);
}

int gl_irq_mode(struct gl_nic *nic, enum gl_irq_mode mode)
{
	int error = gl_begin(nic);
	if (error)
		return error;
	if (mode != GL_IRQ_PER_CONTEXT && mode != GL_IRQ_BIT_VECTOR)
		return gl_fail(nic, EINVAL, "there is no interrupt mode %d", (int)mode);
	if (!enough_vectors(nic, mode))
		return gl_fail(
			nic, ENOTSUP,
			"%s has %u interrupt vectors, too few for one for each of %u contexts",
			nic->device, nic->ops->irq_count(nic->backend), nic->contexts);
	if (nic->session->irq_mode == (uint32_t)mode)
		return 0;
	uint32_t before = nic->session->irq_mode;
	GL_KEEP(nic->session->irq_mode, (uint32_t)mode | GL_IRQ_CHANGING);
	error = finish_mode(nic);
	if (error == -ENOSPC) {
		/* The sentence of the refusal stays. */
		char why[sizeof(nic->error)];
		strcpy(why, nic->error);
		GL_KEEP(nic->session->irq_mode, before | GL_IRQ_CHANGING);
		int worse = finish_mode(nic);
		if (worse)
			return worse;
		strcpy(nic->error, why);
	}
	return error;
}

enum gl_irq_mode gl_irq_mode_now(const struct gl_nic *nic)
{
	return bit_vector(nic) ? GL_IRQ_BIT_VECTOR : GL_IRQ_PER_CONTEXT;
}

int gl_irq_shared_fd(struct gl_nic *nic)
{
	return nic->irq_shared;
}

int gl_irq_distribute(struct gl_nic *nic)
{
	uint64_t count;
	int told = 0;
	/* The eventfd first: what comes after the bits are read makes it readable again. */
	ssize_t n = read(nic->irq_shared, &count, sizeof(count));
	(void)n;
	if (!bit_vector(nic))
		return 0;
	for (unsigned first = 0; first < nic->contexts; first += 32) {
		uint32_t bits =
			gl_reg(nic, GL_BAR0_IRQ_PENDING + first / 32 * GL_BAR0_IRQ_PENDING_STRIDE);
		if (bits == UINT32_MAX) {
			int error = gl_alive(nic);
			if (error)
				return error;
		}
		for (unsigned c = first; bits && c < nic->contexts; c++, bits >>= 1) {
			if (bits & 1) {
				tell_context(nic, c);
				told++;
			}
		}
	}
	return told;
}

int gl_irq_moderation(struct gl_nic *nic, unsigned microseconds)
{
	uint64_t cycles = (uint64_t)microseconds * nic->clock_hz / 1000000;
	if (cycles > GL_IRQ_MODERATION_MAX)
		return gl_fail(
			nic, EINVAL, "interrupts cannot be %u us apart; the most is %u us",
			microseconds,
			(unsigned)((uint64_t)GL_IRQ_MODERATION_MAX * 1000000 / nic->clock_hz));
	GL_KEEP(nic->session->irq_moderation, (uint32_t)cycles);
	gl_reg_write(nic, GL_BAR0_IRQ_MODERATION, (uint32_t)cycles);
	return gl_alive(nic);
}

unsigned gl_irq_moderation_now(const struct gl_nic *nic)
{
	return (unsigned)(((uint64_t)nic->session->irq_moderation * 1000000 + nic->clock_hz - 1) /
			  nic->clock_hz);
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
	/* The eventfds of contexts are written here in bit-vector mode. */
	int error =
		vector && bit_vector(nic) ? 0 : nic->ops->set_irqs(nic->backend, vector, 1, &fd);
	if (error) {
		close(fd);
		return error;
	}
	nic->irq[vector] = fd;
	nic->generation++;
	close(old);
	return 0;
}

/* --- Event channels ------------------------------------------------------------------------------------------------------------------ */

static int check_passing(struct gl_nic *nic, unsigned context)
{
	int error = gl_check_context(nic, context);
	if (!error && !nic->ops->irq_to_guest)
		error = gl_fail(
			nic, ENOTSUP,
			"interrupts of %s do not go to event channels: that takes a dom0 of "
			"Xen, and xen: or vfio-noiommu:",
			nic->device);
	/* Its vector is that which all share in bit-vector mode. */
	if (!error && !context)
		error = gl_fail(nic, EINVAL,
				"context 0 is the host's: its interrupts go to no guest");
	return error;
}

int gl_irq_to_guest(struct gl_nic *nic, unsigned context, unsigned domain, uint32_t port)
{
	int error = check_passing(nic, context);
	return error ? error
		     : nic->ops->irq_to_guest(nic->backend, 1 + context, nic->irq[1 + context],
					      domain, port);
}

int gl_irq_to_host(struct gl_nic *nic, unsigned context)
{
	int error = check_passing(nic, context);
	return error ? error : nic->ops->irq_to_host(nic->backend, 1 + context);
}

uint64_t gl_irq_passed(const struct gl_nic *nic, unsigned context)
{
	return context < nic->contexts && nic->ops->irq_passed
		       ? nic->ops->irq_passed(nic->backend, 1 + context)
		       : 0;
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
