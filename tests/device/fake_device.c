// SPDX-License-Identifier: Apache-2.0
/*
 * The vfio-user server of glane-sim with a device that is easy to look through, for tests of the protocol: `fake_device SOCKET`. BAR0 and BAR2 and
 * configuration space are memory; a few words of BAR0 (fake_device.h) make it read and write the client's memory, interrupt and dawdle.
 */
#include "fake_device.h"
#include "vfio_user_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <linux/vfio.h>

static struct {
	struct vfio_user_server *server;
	uint8_t bar0[FAKE_BAR0_BYTES], bar2[FAKE_BAR2_BYTES], bar4[0x1000], config[4096];
	int timer;
	/* An access under way, until the timer says so. */
	bool slow;
	unsigned region;
	uint64_t offset;
	uint32_t bytes;
	bool write;
	uint8_t *data;
	uint64_t token; /* of the DMA read that is waited for; 0: none */
	uint32_t token_bytes;
} f;

static uint32_t get(unsigned offset)
{
	uint32_t value;

	memcpy(&value, f.bar0 + offset, 4);
	return value;
}

static void set(unsigned offset, uint32_t value)
{
	memcpy(f.bar0 + offset, &value, 4);
}

static void add(unsigned offset)
{
	set(offset, get(offset) + 1);
}

static void power_up(void)
{
	memset(f.bar0, 0, sizeof(f.bar0));
	memset(f.bar2, 0, sizeof(f.bar2));
	set(FAKE_ID, FAKE_ID_VALUE);
}

static uint8_t *memory(unsigned region, uint64_t offset)
{
	switch (region) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return f.bar0 + offset;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return f.bar2 + offset;
	case VFIO_PCI_BAR4_REGION_INDEX:
		return f.bar4 + offset;
	default:
		return f.config + offset;
	}
}

static void finish_access(void)
{
	uint8_t *at = memory(f.region, f.offset);
	int error;

	if (f.write)
		memcpy(at, f.data, f.bytes);
	else
		memcpy(f.data, at, f.bytes);
	f.data = NULL;
	error = (int)get(FAKE_FAIL);
	set(FAKE_FAIL, 0);
	vfio_user_access_done(f.server, error);
}

/* What a word asks for is done before the next access. */
static bool on_ready(void *device)
{
	(void)device;
	return !get(FAKE_DMA_COMMAND) && !get(FAKE_IRQ);
}

static void on_access(void *device, unsigned region, uint64_t offset, uint32_t bytes, bool write,
		      uint8_t *data)
{
	(void)device;
	f.region = region;
	f.offset = offset;
	f.bytes = bytes;
	f.write = write;
	f.data = data;
	uint32_t ms = get(FAKE_SLOW);
	if (!ms) {
		finish_access();
		return;
	}
	f.slow = true;
	struct itimerspec spec = { .it_value = { ms / 1000, (ms % 1000) * 1000000l } };
	timerfd_settime(f.timer, 0, &spec, NULL);
}

static void on_reset(void *device)
{
	uint32_t resets = get(FAKE_RESETS);

	(void)device;
	power_up();
	set(FAKE_RESETS, resets + 1);
	vfio_user_access_done(f.server, 0);
}

static void on_doorbell(void *device, unsigned index, struct vfio_user_doorbell *doorbell)
{
	(void)device;
	*doorbell = (struct vfio_user_doorbell){ index / 2 * 4096 + 0x50, 4, index % 2 };
}

static void on_ring(void *device, unsigned index)
{
	(void)device;
	add(FAKE_RINGS);
	set(FAKE_LAST_RING, index);
}

static void on_mask(void *device, unsigned vector, bool mask)
{
	(void)device, (void)vector;
	add(mask ? FAKE_MASKS : FAKE_UNMASKS);
}

static void on_client(void *device, bool connected)
{
	(void)device;
	if (connected) {
		add(FAKE_CLIENTS);
		return;
	}
	f.slow = false;
	f.data = NULL;
	f.token = 0;
	set(FAKE_SLOW, 0);
	set(FAKE_FAIL, 0);
	set(FAKE_EAGER, 0);
	set(FAKE_DMA_COMMAND, 0);
	set(FAKE_IRQ, 0);
	timerfd_settime(f.timer, 0, &(struct itimerspec){ 0 }, NULL);
}

static void on_dma_done(void *device, uint64_t token, int error, const void *data)
{
	(void)device;
	if (token != f.token || !f.token) {
		fprintf(stderr, "an end of a DMA read that is not awaited\n");
		_exit(3);
	}
	f.token = 0;
	if (data)
		memcpy(f.bar0 + FAKE_BUFFER, data, f.token_bytes);
	set(FAKE_DMA_STATUS, error || !data ? FAKE_DMA_ERROR : FAKE_DMA_OK);
}

/* What the words of BAR0 ask for, when no access is under way. */
static void work(void)
{
	static uint64_t token;
	uint64_t address = get(FAKE_DMA_ADDRESS) | (uint64_t)get(FAKE_DMA_ADDRESS + 4) << 32;
	uint32_t bytes = get(FAKE_DMA_BYTES), command = get(FAKE_DMA_COMMAND);
	int result;

	set(FAKE_DMA_COMMAND, 0);
	if (command && !f.token && bytes <= FAKE_BUFFER_BYTES) {
		if (command == FAKE_DMA_READ) {
			f.token = ++token;
			f.token_bytes = bytes;
			set(FAKE_DMA_STATUS, FAKE_DMA_BUSY);
			result = vfio_user_dma_read(f.server, address, f.bar0 + FAKE_BUFFER, bytes,
						    token);
			if (result != 1) {
				f.token = 0;
				set(FAKE_DMA_STATUS, result ? FAKE_DMA_ERROR : FAKE_DMA_OK);
			}
		} else {
			result =
				vfio_user_dma_write(f.server, address, f.bar0 + FAKE_BUFFER, bytes);
			set(FAKE_DMA_STATUS, result ? FAKE_DMA_ERROR : FAKE_DMA_OK);
		}
	}
	if (get(FAKE_IRQ)) {
		vfio_user_irq(f.server, get(FAKE_IRQ) - 1);
		set(FAKE_IRQ, 0);
	}
}

int main(int argc, char **argv)
{
	static const struct vfio_user_device ops = {
		.region_size = { [VFIO_PCI_BAR0_REGION_INDEX] = FAKE_BAR0_BYTES,
				 [VFIO_PCI_BAR2_REGION_INDEX] = FAKE_BAR2_BYTES,
				 [VFIO_PCI_BAR4_REGION_INDEX] = 0x1000,
				 [VFIO_PCI_CONFIG_REGION_INDEX] = 4096 },
		.vectors = FAKE_VECTORS,
		.doorbells = FAKE_DOORBELLS,
		.doorbell_region = VFIO_PCI_BAR2_REGION_INDEX,
		.reserved = FAKE_RESERVED,
		.reserved_bytes = 0x100000,
		.ready = on_ready,
		.access = on_access,
		.reset = on_reset,
		.doorbell = on_doorbell,
		.ring = on_ring,
		.irq_mask = on_mask,
		.client = on_client,
		.dma_done = on_dma_done,
	};
	char error[256];
	sigset_t end;

	if (argc != 2) {
		fprintf(stderr, "usage: fake_device SOCKET\n");
		return 2;
	}
	power_up();
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	int signals = signalfd(-1, &end, SFD_CLOEXEC);
	f.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	f.server = vfio_user_server_new(argv[1], &ops, &f, error, sizeof(error));
	if (!f.server || signals < 0 || f.timer < 0) {
		fprintf(stderr, "fake_device: %s\n", f.server ? strerror(errno) : error);
		return 1;
	}
	for (;;) {
		struct pollfd p[] = { { signals, POLLIN, 0 },
				      { vfio_user_server_fd(f.server), POLLIN, 0 },
				      { f.timer, POLLIN, 0 } };
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return 1;
		if (p[0].revents)
			break;
		uint64_t expired;
		if (p[2].revents && read(f.timer, &expired, 8) == 8 && f.slow) {
			f.slow = false;
			finish_access();
		}
		vfio_user_server_run(f.server);
		if (f.slow && get(FAKE_EAGER)) {
			set(FAKE_DMA_COMMAND, get(FAKE_EAGER));
			set(FAKE_EAGER, 0);
			work();
		}
		while (!vfio_user_access_pending(f.server) && !on_ready(NULL)) {
			work();
			vfio_user_server_run(f.server);
		}
	}
	vfio_user_server_free(f.server);
	close(f.timer);
	close(signals);
	return 0;
}
