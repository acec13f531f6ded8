// SPDX-License-Identifier: Apache-2.0
/*
 * Calls /dev/guestlane wrongly, in the rig's machine, while contexts 1 and 2 are attached: "glue-refuse 0000:01:00.0". Each call must be refused
 * with the errno that guestlane_ioctl.h says. Nothing may be left behind, so the right call at the end of the list still finds its page dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guestlane_ioctl.h"

#define BYTES (1 << 20)

static int failed;

/* One call on a file of its own. */
static void expect(const char *what, const struct guestlane_attach *a, int error)
{
	struct guestlane_attach copy = *a;
	int fd = open("/dev/guestlane", O_RDWR | O_CLOEXEC);
	int got = fd < 0 || ioctl(fd, GUESTLANE_ATTACH, &copy) ? errno : 0;
	if (got != error) {
		printf("%s: errno %d (%s), should be %d\n", what, got, strerror(got), error);
		failed = 1;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct guestlane_attach good = { .page = 7, .pool_bytes = BYTES, .irq_fd = eventfd(0, 0) },
				a;
	if (argc != 2 || sscanf(argv[1], "%x:%x:%x.%x", &good.domain, &good.bus, &good.device,
				&good.function) != 4)
		return 2;
	char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *readonly = mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || readonly == MAP_FAILED)
		return 2;
	good.pool = (uintptr_t)memory;

#define WITH(what, error, field, value)  \
	do {                             \
		a = good;                \
		a.field = value;         \
		expect(what, &a, error); \
	} while (0)
	WITH("a page in use", EBUSY, page, 1);
	WITH("a page beyond the BAR", ENODEV, page, 32);
	WITH("a page beyond all contexts", ENODEV, page, 256);
	WITH("the largest page number", ENODEV, page, UINT32_MAX);
	WITH("another function", ENODEV, function, 1);
	WITH("a function number that there is not", ENODEV, function, 8);
	WITH("a device number that there is not", ENODEV, device, 32);
	WITH("a bus number that there is not", ENODEV, bus, 256);
	WITH("another domain", ENODEV, domain, 1);
	WITH("a function of another maker", ENODEV, bus, 0);
	WITH("no pool", EINVAL, pool_bytes, 0);
	WITH("a pool of half a page", EINVAL, pool_bytes, 2048);
	WITH("a pool that is not aligned", EINVAL, pool, good.pool + 8);
	WITH("a pool that is too large", EINVAL, pool_bytes, 1ull << 40);
	WITH("a pool of all addresses", EINVAL, pool_bytes, ~4095ull);
	WITH("a pool that is not there", EFAULT, pool, 0);
	WITH("a pool with a hole behind it", EFAULT, pool_bytes, 64 << 20);
	WITH("a pool that may not be written", EFAULT, pool, (uintptr_t)readonly);
	WITH("kernel addresses", EFAULT, pool, 0xffff888000000000);
	WITH("a guest address that is not aligned", EINVAL, guest_address, 8);
	WITH("a guest address that wraps", EINVAL, guest_address, ~4095ull);
	WITH("no eventfd", EBADF, irq_fd, -1);
	WITH("another kind of descriptor", EINVAL, irq_fd, 0);
	WITH("a reserved field", EINVAL, reserved, 1);
	expect("a dead page", &good, ENODEV);

	int fd = open("/dev/guestlane", O_RDWR | O_CLOEXEC), irq = good.irq_fd;
	if (!ioctl(fd, GUESTLANE_SET_IRQ, &irq) || errno != ENODEV) {
		printf("an interrupt without a device is not refused\n");
		failed = 1;
	}
	if (!ioctl(fd, _IO(0xb8, 9)) || errno != ENOTTY) {
		printf("an unknown request is not refused\n");
		failed = 1;
	}
	if (!ioctl(fd, GUESTLANE_ATTACH, NULL) || errno != EFAULT) {
		printf("a request without arguments is not refused\n");
		failed = 1;
	}
	return failed;
}
