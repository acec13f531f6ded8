// SPDX-License-Identifier: Apache-2.0
// Context 0 as a TAP inside glaned: the virtio driver and bridge of host-driver/virtio over libguestlane.
#include "tap0.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "guestlane_regs.h"
#include "tap.h"

#define HUGE_PAGE \
	0x200000ull /* fewer table walks than with small ones; what nobody touches takes no memory */
#define GUEST_ADDRESS HUGE_PAGE /* any but 0 */
#define MTU_LEAST     1500	/* memory is made for this or more */

struct tap0 {
	struct gl_nic *nic;
	unsigned context, queue_size;
	char memory_name[16];
	bool split;
	const struct gl_memory *memory;
	int tap;
	int doorbell[2]; /* of the library; -1: a register write does it */
	struct vnet vnet;
	struct bridge bridge;
	uint64_t restarts;
	char error[256];
};

static int fail(struct tap0 *t, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct tap0 *t, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(t->error, sizeof(t->error), format, args);
	va_end(args);
	return error < 0 ? error : -error;
}

static uint32_t page_read(void *arg, uint32_t offset, unsigned size)
{
	struct tap0 *t = arg;
	return gl_page_read(t->nic, t->context, offset, size);
}

static void page_write(void *arg, uint32_t offset, uint32_t value, unsigned size)
{
	struct tap0 *t = arg;
	gl_page_write(t->nic, t->context, offset, value, size);
}

static void ring_doorbell(void *arg, unsigned queue)
{
	struct tap0 *t = arg;
	uint64_t one = 1;
	if (t->doorbell[queue] < 0 || write(t->doorbell[queue], &one, sizeof(one)) < 0)
		gl_page_write(t->nic, t->context, GL_DEV_QUEUE_NOTIFY, queue, 4);
}

static struct vnet_config vnet_config(struct tap0 *t)
{
	return (struct vnet_config){ .memory = t->memory->data,
				     .bytes = t->memory->bytes,
				     .guest_address = GUEST_ADDRESS,
				     .split = t->split,
				     .queue_size = t->queue_size,
				     .device = { page_read, page_write, ring_doorbell, t } };
}

/* --- Memory and its place in the context's table ----------------------------------------------------------------------------- */

static size_t bytes_needed(const struct tap0 *t)
{
	struct gl_context_config config;
	unsigned mtu = MTU_LEAST;
	if (!gl_context_config(t->nic, t->context, &config) && config.mtu > mtu)
		mtu = config.mtu;
	return (vnet_bytes(t->queue_size, mtu) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static bool is_mapped(const struct tap0 *t)
{
	uint64_t bus;
	uint64_t last = GUEST_ADDRESS + t->memory->bytes - 4096;
	return gl_translate(t->nic, t->context, GUEST_ADDRESS, true, &bus) == GL_FAULT_KIND_NONE &&
	       bus == t->memory->bus &&
	       gl_translate(t->nic, t->context, last, true, &bus) == GL_FAULT_KIND_NONE &&
	       bus == t->memory->bus + t->memory->bytes - 4096;
}

static void give_memory(struct tap0 *t)
{
	if (!t->memory)
		return;
	gl_unmap(t->nic, t->context, GUEST_ADDRESS, t->memory->bytes);
	gl_memory_free(t->nic, t->memory);
	t->memory = NULL;
}

static int take_memory(struct tap0 *t)
{
	size_t bytes = bytes_needed(t);
	int error = 0;
	if (t->memory && t->memory->bytes < bytes)
		give_memory(t);
	if (!t->memory)
		error = gl_memory_new(t->nic, t->memory_name, bytes, &t->memory);
	if (!error && !is_mapped(t)) {
		/* What an earlier daemon left half done. */
		gl_unmap(t->nic, t->context, GUEST_ADDRESS, t->memory->bytes);
		error = gl_map(t->nic, t->context, GUEST_ADDRESS, t->memory->bus, t->memory->bytes,
			       GL_READ | GL_WRITE | (t->memory->bus % HUGE_PAGE ? 0 : GL_HUGE));
	}
	return error ? fail(t, error, "memory of its queues: %s", gl_error(t->nic)) : 0;
}

/* --- The driver ---------------------------------------------------------------------------------------------------------------- */

static int bring_up(struct tap0 *t)
{
	const char *what = "";
	/* Nothing may move while the memory changes hands: a reset stops the context's DMA before the read is answered. */
	page_write(t, GL_DEV_STATUS, 0, 4);
	page_read(t, GL_DEV_STATUS, 4);
	int error = take_memory(t);
	if (error)
		return error;
	struct vnet_config config = vnet_config(t);
	if ((error = vnet_start(&t->vnet, &config)))
		return fail(t, error, "%s", t->vnet.error);
	if ((error = bridge_configure(&t->bridge, &what)))
		return fail(t, error, "the TAP's %s cannot be set (%s)", what, strerror(-error));
	return 0;
}

static int go_on(struct tap0 *t)
{
	t->memory = gl_memory_find(t->nic, t->memory_name);
	if (!t->memory || !t->memory->data || !is_mapped(t))
		return -ESTALE;
	struct vnet_config config = vnet_config(t);
	return vnet_resume(&t->vnet, &config);
}

static int connect_fds(struct tap0 *t)
{
	int irq = gl_irq_fd(t->nic, 1 + t->context);
	if (irq < 0)
		return fail(t, irq, "its interrupt: %s", gl_error(t->nic));
	for (unsigned q = 0; q < 2; q++) {
		t->doorbell[q] = gl_doorbell_fd(t->nic, t->context, q);
		if (t->doorbell[q] < 0)
			t->doorbell[q] = -1;
	}
	int error = bridge_set_irq(&t->bridge, irq);
	return error ? fail(t, error, "its interrupt cannot be waited for") : 0;
}

int tap0_open(struct tap0 **tap0, struct gl_nic *nic, const struct tap0_config *config, char *error,
	      size_t room)
{
	int result;
	bool made = config->tap_fd < 0;
	struct tap0 *t = calloc(1, sizeof(*t));
	*tap0 = NULL;
	if (!t) {
		snprintf(error, room, "not enough memory for the TAP of context %u",
			 config->context);
		return -ENOMEM;
	}
	t->nic = nic;
	t->context = config->context;
	snprintf(t->memory_name, sizeof(t->memory_name), "tap%u", t->context);
	t->split = config->split;
	t->queue_size = config->queue_size ? config->queue_size : VRING_SIZE_MAX;
	t->bridge = (struct bridge){ .epoll = -1, .again = -1, .timer = -1, .irq = -1 };
	t->tap = made ? tap_open(config->name) : config->tap_fd;
	if (t->tap < 0) {
		result = fail(t, t->tap, "the TAP '%s' cannot be made: %s", config->name,
			      strerror(-t->tap));
		goto out;
	}
	if ((result = bridge_open(&t->bridge, &t->vnet, t->tap))) {
		fail(t, result, "no descriptors left");
		goto out;
	}
	if ((result = connect_fds(t)))
		goto out;
	if (made || go_on(t)) {
		t->memory = gl_memory_find(nic, t->memory_name);
		result = bring_up(t);
	}
out:
	if (result) {
		snprintf(error, room, "context %u: %s", config->context, t->error);
		bridge_close(&t->bridge);
		if (made && t->tap >= 0)
			close(t->tap);
		page_write(t, GL_DEV_STATUS, 0, 4);
		page_read(t, GL_DEV_STATUS, 4);
		give_memory(t);
		free(t);
		return result;
	}
	*tap0 = t;
	return 0;
}

void tap0_close(struct tap0 *t)
{
	if (!t)
		return;
	bridge_set_irq(&t->bridge, -1);
	bridge_close(&t->bridge);
	vnet_stop(&t->vnet);
	give_memory(t);
	close(t->tap);
	free(t);
}

int tap0_tap_fd(const struct tap0 *t)
{
	return t->tap;
}

int tap0_fd(const struct tap0 *t)
{
	return bridge_fd(&t->bridge);
}

int tap0_run(struct tap0 *t)
{
	int n = bridge_run(&t->bridge);
	if (n == BRIDGE_CHECK)
		n = bridge_check(&t->bridge);
	if (n == -ENODEV && !t->vnet.error[0])
		return fail(t, ENODEV, "the TAP has been deleted");
	return n < 0 ? fail(t, n, "%s", t->vnet.error) : 0;
}

const char *tap0_error(const struct tap0 *t)
{
	return t->error;
}

int tap0_restart(struct tap0 *t)
{
	t->restarts++;
	int error = connect_fds(t);
	return error ? error : bring_up(t);
}

void tap0_config_changed(struct tap0 *t)
{
	bridge_check(&t->bridge);
}

void tap0_stats(const struct tap0 *t, struct tap0_stats *stats)
{
	const struct vnet_stats *v = &t->vnet.stats;
	const struct bridge_stats *b = &t->bridge.stats;
	*stats = (struct tap0_stats){
		.rx_frames = v->rx_frames,
		.rx_bytes = v->rx_bytes,
		.tx_frames = v->tx_frames,
		.tx_bytes = v->tx_bytes,
		.rx_dropped = b->rx_dropped,
		.tx_dropped = b->tx_dropped,
		.kicks = v->kicks,
		.interrupts = b->interrupts,
		.errors = v->errors,
		.restarts = t->restarts,
	};
}
