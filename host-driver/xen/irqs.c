// SPDX-License-Identifier: Apache-2.0
// Interrupts of the device, passed on: MSI-X vectors as pirqs bound to event channels (Xen's public headers physdev.h, event_channel.h), or eventfds of
// VFIO; to eventfds here or to event channels of guests.
//
// Each kind of source has a thread, which starts with the first. That of the pirqs reads ports from /dev/xen/evtchn, which masks each until it is written
// back: per interrupt one read, one notify, one write. That of the eventfds waits for edges, so it need not read them: one wait, one notify.
#define _GNU_SOURCE
#include "glx.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xencall.h>
#include <xen/event_channel.h>
#include <xen/physdev.h>
#include <xen/sys/evtchn.h>

#define EVTCHN "/dev/xen/evtchn"
/* Linux 5.18: takes over a port that was bound by other means, and does not close it with the descriptor. */
#ifndef IOCTL_EVTCHN_BIND_STATIC
#define IOCTL_EVTCHN_BIND_STATIC _IOC(_IOC_NONE, 'E', 7, sizeof(struct ioctl_evtchn_notify))
#endif

enum {
	VECTORS_MAX = 2048, /* MSI-X */
	PORTS = 131072,	    /* of Xen's FIFO event channels */
	READ_PORTS = 64,
	NOBODY = 0xffff,
};

/* What the journal has of a vector. Xen writes `map` and `bind`. */
struct slot {
	struct physdev_map_pirq map;  /* pirq -1: none */
	struct evtchn_bind_pirq bind; /* port 0: none */
	uint32_t ends;		      /* the pirq is being given back */
};

#define IRQ_MAGIC 0x49584c47u /* "GLXI" */
struct irq_file {
	uint32_t magic, count;
	char boot[40];
	struct slot slot[];
};

struct vector {
	int eventfd;	 /* where it goes to; -1: nowhere */
	uint32_t port;	 /* the same, of the guest's event channel here; 0: none */
	int source;	 /* eventfd that it comes by; -1: a pirq */
	uint32_t mapped; /* port of the pirq */
	uint64_t count;
};

struct glx_irqs {
	struct glx *x;
	int evtchn, epoll, stop;
	unsigned vectors;
	uint64_t msix_bar;
	unsigned segment, bus, devfn;
	char name[64];
	struct irq_file *file; /* NULL: eventfds only */
	size_t bytes;
	struct vector *vector;
	uint16_t *by_port; /* vector of a pirq's port */
	pthread_t ports_thread, eventfds_thread;
	bool ports_run, eventfds_run;
	uint32_t wake; /* port that ends the first thread */
	bool ending;
};

/* --- Calls -------------------------------------------------------------------------------------------------------------------------- */

/* With an argument of its own memory, which Xen may write. */
static int call(struct glx *x, unsigned hypercall, int command, void *argument, size_t bytes)
{
	void *buffer = xencall_alloc_buffer(x->call, bytes);

	if (!buffer)
		return -ENOMEM;
	memcpy(buffer, argument, bytes);
	int result = xencall2(x->call, hypercall, (uint64_t)command, (uintptr_t)buffer);
	result = result < 0 ? -errno : 0;
	memcpy(argument, buffer, bytes);
	xencall_free_buffer(x->call, buffer);
	return result;
}

static int close_port(struct glx *x, uint32_t port)
{
	struct evtchn_close argument = { .port = port };

	return call(x, __HYPERVISOR_event_channel_op, EVTCHNOP_close, &argument, sizeof(argument));
}

/* Whether a port is bound to that pirq, and not somebody else's by now. */
static bool is_ours(struct glx *x, uint32_t port, int pirq)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	return !call(x, __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)) &&
	       s.status == EVTCHNSTAT_pirq && s.u.pirq == (uint32_t)pirq;
}

/* Gives back what a slot has. Xen refuses to unmap a pirq that somebody has bound (-EBUSY): then it was ours no more. */
static int give_back(struct glx *x, struct slot *slot)
{
	struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = slot->map.pirq };
	int error = 0;

	if (slot->map.pirq >= 0) {
		if (slot->bind.port && is_ours(x, slot->bind.port, slot->map.pirq))
			close_port(x, slot->bind.port);
		slot->ends = 1;
		error = call(x, __HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &unmap,
			     sizeof(unmap));
	}
	*slot = (struct slot){ .map.pirq = -1 };
	return error == -EINVAL || error == -EBUSY ? 0 : error;
}

static int map_pirq(struct glx_irqs *q, unsigned vector)
{
	struct glx *x = q->x;
	struct slot *slot = &q->file->slot[vector];

	*slot = (struct slot){
		.map = { .domid = DOMID_SELF,
			 .type = MAP_PIRQ_TYPE_MSI_SEG,
			 .index = -1,
			 .pirq = -1,
			 .bus = (int)(q->segment << 16 | q->bus),
			 .devfn = (int)q->devfn,
			 .entry_nr = (int)vector,
			 .table_base = q->msix_bar },
	};
	int error = glx_file_lock(x, q->file, q->bytes);
	if (error)
		return error;
	if (xencall2(x->call, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, (uintptr_t)&slot->map)) {
		error = glx_fail(x, errno, "Xen does not map interrupt vector %u: %s", vector,
				 strerror(errno));
		slot->map.pirq = -1;
		return error;
	}
	slot->bind.pirq = (uint32_t)slot->map.pirq;
	if (xencall2(x->call, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq,
		     (uintptr_t)&slot->bind)) {
		error = glx_fail(x, errno, "Xen does not bind interrupt vector %u: %s", vector,
				 strerror(errno));
		slot->bind.port = 0;
		give_back(x, slot);
		return error;
	}
	uint32_t port = slot->bind.port;
	if (port >= PORTS) {
		give_back(x, slot);
		return glx_fail(x, ENOSPC, "event channel %u is beyond what this library counts",
				port);
	}
	q->by_port[port] = (uint16_t)vector;
	q->vector[vector].mapped = port;
	struct ioctl_evtchn_notify bind = { .port = port };
	if (ioctl(q->evtchn, IOCTL_EVTCHN_BIND_STATIC, &bind) < 0) {
		error = glx_fail(
			x, errno,
			"the kernel does not take event channel %u (Linux 5.18 or newer is "
			"needed): %s",
			port, strerror(errno));
		q->by_port[port] = NOBODY;
		q->vector[vector].mapped = 0;
		give_back(x, slot);
	}
	return error;
}

static int unmap_pirq(struct glx_irqs *q, unsigned vector)
{
	struct ioctl_evtchn_unbind unbind = { .port = q->vector[vector].mapped };

	/* The thread may still have read it; nobody's ports are left alone. */
	q->by_port[unbind.port] = NOBODY;
	q->vector[vector].mapped = 0;
	ioctl(q->evtchn, IOCTL_EVTCHN_UNBIND, &unbind);
	return give_back(q->x, &q->file->slot[vector]);
}

/* --- The threads -------------------------------------------------------------------------------------------------------------------------- */

static void notify(const struct glx_irqs *q, uint32_t port)
{
	struct ioctl_evtchn_notify n = { .port = port };

	ioctl(q->evtchn, IOCTL_EVTCHN_NOTIFY, &n);
}

static void pass_on(struct glx_irqs *q, struct vector *v)
{
	uint32_t port = __atomic_load_n(&v->port, __ATOMIC_ACQUIRE);
	int fd = __atomic_load_n(&v->eventfd, __ATOMIC_ACQUIRE);
	uint64_t one = 1;

	if (port) {
		notify(q, port);
		__atomic_fetch_add(&v->count, 1, __ATOMIC_RELAXED);
	} else if (fd >= 0) {
		ssize_t n = write(fd, &one, sizeof(one)); /* full: it is readable anyway */
		(void)n;
	}
}

static void *serve_ports(void *arg)
{
	struct glx_irqs *q = arg;
	uint32_t port[READ_PORTS], ours[READ_PORTS];

	while (!__atomic_load_n(&q->ending, __ATOMIC_ACQUIRE)) {
		ssize_t n = read(q->evtchn, port, sizeof(port));
		size_t count = 0;
		/* Events were lost for want of room (EFBIG), and the kernel wants to know that we know. */
		if (n < 0 && errno != EINTR && ioctl(q->evtchn, IOCTL_EVTCHN_RESET, 0))
			break;
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(*port); i++) {
			uint16_t vector = port[i] < PORTS ? q->by_port[port[i]] : NOBODY;
			/* A guest may ring its own channel: that stays masked. */
			if (vector == NOBODY)
				continue;
			pass_on(q, &q->vector[vector]);
			ours[count++] = port[i];
		}
		if (count) {
			ssize_t done = write(q->evtchn, ours, count * sizeof(*ours));
			(void)done;
		}
	}
	return NULL;
}

static void *serve_eventfds(void *arg)
{
	struct glx_irqs *q = arg;
	struct epoll_event event[READ_PORTS];

	while (!__atomic_load_n(&q->ending, __ATOMIC_ACQUIRE)) {
		int n = epoll_wait(q->epoll, event, READ_PORTS, -1);
		for (int i = 0; i < n; i++)
			if (event[i].data.u32 < VECTORS_MAX)
				pass_on(q, &q->vector[event[i].data.u32]);
	}
	return NULL;
}

static int start(struct glx_irqs *q, bool *runs, pthread_t *thread, void *(*serve)(void *))
{
	sigset_t all, before;

	if (*runs)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
	int error = pthread_create(thread, NULL, serve, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*runs = !error;
	return error ? glx_fail(q->x, error, "no thread for interrupts: %s", strerror(error)) : 0;
}

/* --- Open, close ----------------------------------------------------------------------------------------------------------------------------- */

/* What a predecessor had is given back; the file is made anew. */
static int open_file(struct glx_irqs *q)
{
	struct glx *x = q->x;
	struct irq_file *old;
	void *data;
	size_t bytes;
	int error = glx_file_open(x, q->name, &bytes, &data);

	old = data;
	if (error && error != -ENOENT && error != -EINVAL)
		return error;
	if (!error) {
		size_t room = (bytes - sizeof(*old)) / sizeof(old->slot[0]);
		if (old->magic == IRQ_MAGIC && old->count <= room &&
		    !strncmp(old->boot, x->boot, sizeof(old->boot)))
			for (uint32_t i = 0; i < old->count; i++)
				give_back(x, &old->slot[i]);
		munmap(old, bytes);
	}
	q->bytes = sizeof(*old) + q->vectors * sizeof(old->slot[0]);
	q->bytes = (q->bytes + GLX_PAGE - 1) / GLX_PAGE * GLX_PAGE;
	error = glx_file_new(x, q->name, q->bytes, &data);
	if (error)
		return error;
	q->file = data;
	q->file->magic = IRQ_MAGIC;
	q->file->count = q->vectors;
	strcpy(q->file->boot, x->boot);
	for (unsigned i = 0; i < q->vectors; i++)
		q->file->slot[i].map.pirq = -1;
	return glx_file_commit(x, q->name);
}

/* A channel from dom0 to itself, to end the thread by. */
static int open_wake(struct glx_irqs *q)
{
	struct ioctl_evtchn_bind_unbound_port there = { .remote_domain = 0 };
	int port = ioctl(q->evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &there);
	struct ioctl_evtchn_bind_interdomain here = { .remote_domain = 0,
						      .remote_port = (unsigned)port };

	port = port < 0 ? port : ioctl(q->evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN, &here);
	q->wake = port > 0 ? (uint32_t)port : 0;
	return port < 0 ? glx_fail(q->x, errno, "no event channel: %s", strerror(errno)) : 0;
}

int glx_irqs_open(struct glx *x, const char *function, uint64_t msix_bar, unsigned vectors,
		  struct glx_irqs **out)
{
	unsigned device, number;
	int error = 0;

	*out = NULL;
	if (!vectors || vectors > VECTORS_MAX)
		return glx_fail(x, EINVAL, "%u interrupt vectors; use 1 to %d", vectors,
				VECTORS_MAX);
	if (function && !x->pv)
		return glx_fail(
			x, ENOTSUP,
			"Xen maps interrupts for programs in a PV dom0 only; in this one use "
			"vfio-noiommu:%s",
			function);
	struct glx_irqs *q = calloc(1, sizeof(*q));
	if (!q)
		return glx_fail(x, ENOMEM, "no memory");
	*q = (struct glx_irqs){ .x = x,
				.vectors = vectors,
				.msix_bar = msix_bar,
				.evtchn = -1,
				.epoll = -1,
				.stop = -1 };
	q->vector = calloc(VECTORS_MAX, sizeof(*q->vector));
	q->by_port = malloc(PORTS * sizeof(*q->by_port));
	if (!q->vector || !q->by_port) {
		error = glx_fail(x, ENOMEM, "no memory");
		goto out;
	}
	memset(q->by_port, 0xff, PORTS * sizeof(*q->by_port)); /* NOBODY */
	for (unsigned v = 0; v < VECTORS_MAX; v++)
		q->vector[v] = (struct vector){ .eventfd = -1, .source = -1 };
	q->evtchn = open(EVTCHN, O_RDWR | O_CLOEXEC);
	q->epoll = epoll_create1(EPOLL_CLOEXEC);
	q->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event end = { .events = EPOLLIN | EPOLLET, .data.u32 = UINT32_MAX };
	if (q->evtchn < 0 || q->epoll < 0 || q->stop < 0 ||
	    epoll_ctl(q->epoll, EPOLL_CTL_ADD, q->stop, &end)) {
		error = glx_fail(x, errno, "cannot open " EVTCHN "%s: %s",
				 errno == ENOENT ? " (modprobe xen-evtchn)" : "", strerror(errno));
		goto out;
	}
	if (function) {
		if (sscanf(function, "%x:%x:%x.%x", &q->segment, &q->bus, &device, &number) != 4 ||
		    device > 31 || number > 7) {
			error = glx_fail(x, EINVAL,
					 "'%s' is not a PCI address such as 0000:01:00.0",
					 function);
			goto out;
		}
		q->devfn = device << 3 | number;
		snprintf(q->name, sizeof(q->name), "%04x-%02x-%02x.%x.irqs", q->segment, q->bus,
			 device, number);
		error = open_wake(q);
		if (!error)
			error = open_file(q);
	}
out:
	if (error)
		glx_irqs_close(q);
	else
		*out = q;
	return error;
}

void glx_irqs_leave(struct glx_irqs *q)
{
	uint64_t one = 1;

	__atomic_store_n(&q->ending, true, __ATOMIC_RELEASE);
	if (q->ports_run) {
		notify(q, q->wake);
		pthread_join(q->ports_thread, NULL);
	}
	if (q->eventfds_run) {
		ssize_t n = write(q->stop, &one, sizeof(one));
		(void)n;
		pthread_join(q->eventfds_thread, NULL);
	}
	q->ports_run = q->eventfds_run = false;
	/* The kernel lets go of the ports. */
	if (q->evtchn >= 0)
		close(q->evtchn);
	q->evtchn = -1;
}

void glx_irqs_close(struct glx_irqs *q)
{
	if (!q)
		return;
	glx_irqs_leave(q);
	if (q->file) {
		for (unsigned v = 0; v < q->vectors; v++)
			give_back(q->x, &q->file->slot[v]);
		glx_file_remove(q->x, q->name);
		munmap(q->file, q->bytes);
	}
	if (q->epoll >= 0)
		close(q->epoll);
	if (q->stop >= 0)
		close(q->stop);
	free(q->vector);
	free(q->by_port);
	free(q);
}

int glx_irqs_restore(struct glx_irqs *q)
{
	struct physdev_pci_device device = { .seg = (uint16_t)q->segment,
					     .bus = (uint8_t)q->bus,
					     .devfn = (uint8_t)q->devfn };
	int error = call(q->x, __HYPERVISOR_physdev_op, PHYSDEVOP_restore_msi_ext, &device,
			 sizeof(device));

	return error ? glx_fail(q->x, -error, "Xen does not write the MSI-X table again: %s",
				strerror(-error))
		     : 0;
}

/* --- Routes -------------------------------------------------------------------------------------------------------------------------------------- */

static int check_vector(struct glx_irqs *q, unsigned vector, unsigned vectors)
{
	if (vector < vectors)
		return 0;
	return glx_fail(q->x, EINVAL, "there is no interrupt vector %u; there are %u", vector,
			vectors);
}

static int use_pirq(struct glx_irqs *q, unsigned vector)
{
	if (!q->file)
		return glx_fail(q->x, EINVAL, "there are no interrupts but eventfds here");
	int error = q->vector[vector].mapped ? 0 : map_pirq(q, vector);
	return error ? error : start(q, &q->ports_run, &q->ports_thread, serve_ports);
}

int glx_irqs_to_eventfd(struct glx_irqs *q, unsigned vector, int fd)
{
	int error = check_vector(q, vector, q->vectors);

	if (error)
		return error;
	__atomic_store_n(&q->vector[vector].eventfd, fd, __ATOMIC_RELEASE);
	if (fd >= 0)
		return use_pirq(q, vector);
	error = q->vector[vector].mapped ? unmap_pirq(q, vector) : 0;
	return error ? glx_fail(q->x, -error, "Xen does not unmap interrupt vector %u: %s", vector,
				strerror(-error))
		     : 0;
}

int glx_irqs_drop(struct glx_irqs *q, unsigned vector)
{
	int error = check_vector(q, vector, VECTORS_MAX);

	if (error)
		return error;
	struct vector *v = &q->vector[vector];
	struct ioctl_evtchn_unbind unbind = { .port = v->port };
	if (v->source >= 0)
		epoll_ctl(q->epoll, EPOLL_CTL_DEL, v->source, NULL);
	v->source = -1;
	/* If the thread has read the number just now, its notification goes nowhere, or wakes somebody for nothing. */
	__atomic_store_n(&v->port, 0, __ATOMIC_RELEASE);
	if (unbind.port)
		ioctl(q->evtchn, IOCTL_EVTCHN_UNBIND, &unbind);
	return 0;
}

/* Binds the guest's channel in place of what the vector had. */
static int bind_guest(struct glx_irqs *q, unsigned vector, uint32_t domain, uint32_t port,
		      uint32_t *local)
{
	struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = domain,
						      .remote_port = port };
	int error = glx_irqs_drop(q, vector);

	if (error)
		return error;
	int bound = ioctl(q->evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
	if (bound <= 0)
		return glx_fail(q->x, bound < 0 ? errno : EIO,
				"cannot bind event channel %u of domain %u: %s", port, domain,
				strerror(bound < 0 ? errno : EIO));
	*local = (uint32_t)bound;
	return 0;
}

static void connect_guest(struct glx_irqs *q, struct vector *v, uint32_t local)
{
	__atomic_store_n(&v->port, local, __ATOMIC_RELEASE);
	notify(q, local);
}

int glx_irqs_to_guest(struct glx_irqs *q, unsigned vector, uint32_t domain, uint32_t port)
{
	uint32_t local;
	int error = check_vector(q, vector, VECTORS_MAX);

	if (!error)
		error = bind_guest(q, vector, domain, port, &local);
	if (!error)
		connect_guest(q, &q->vector[vector], local);
	return error;
}

int glx_irqs_eventfd_to_guest(struct glx_irqs *q, unsigned vector, int fd, uint32_t domain,
			      uint32_t port)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = vector };
	uint32_t local;
	int error = check_vector(q, vector, VECTORS_MAX);

	if (!error)
		error = start(q, &q->eventfds_run, &q->eventfds_thread, serve_eventfds);
	if (!error)
		error = bind_guest(q, vector, domain, port, &local);
	if (error)
		return error;
	connect_guest(q, &q->vector[vector], local);
	if (epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &event)) {
		error = glx_fail(q->x, errno, "cannot wait for an eventfd: %s", strerror(errno));
		glx_irqs_drop(q, vector);
		return error;
	}
	q->vector[vector].source = fd;
	return 0;
}

bool glx_irqs_pass(struct glx_irqs *q, unsigned vector)
{
	struct vector *v = vector < VECTORS_MAX ? &q->vector[vector] : NULL;

	if (!v || !v->port)
		return false;
	pass_on(q, v);
	return true;
}

uint64_t glx_irqs_count(const struct glx_irqs *q, unsigned vector)
{
	return vector < VECTORS_MAX ? __atomic_load_n(&q->vector[vector].count, __ATOMIC_RELAXED)
				    : 0;
}
