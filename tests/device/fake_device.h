/* SPDX-License-Identifier: Apache-2.0 */
/* Words of BAR0 of the device behind the vfio-user server in tests (fake_device.c). Everything else is memory. */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

enum {
	FAKE_BAR0_BYTES = 0x10000,
	FAKE_BAR2_BYTES = 0x20000, /* 32 pages */
	FAKE_VECTORS = 33,
	FAKE_DOORBELLS = 64, /* two of each page: 4 bytes at 0x50 */

	FAKE_ID = 0x00,
	FAKE_ID_VALUE = 0x454b4146,
	FAKE_SCRATCH = 0x1c, /* as on the NIC */
	/* Written by tests. Commands are done when no access is under way. */
	FAKE_DMA_ADDRESS = 0x100, /* 64 bits */
	FAKE_DMA_BYTES = 0x108,
	FAKE_DMA_COMMAND = 0x10c,
	FAKE_DMA_STATUS = 0x110,
	FAKE_IRQ = 0x120,   /* raises this vector, less one */
	FAKE_SLOW = 0x130,  /* every access takes so many milliseconds */
	FAKE_FAIL = 0x134,  /* the access that wrote it, or the next, ends with this error */
	FAKE_EAGER = 0x138, /* this DMA command begins while the next slow access is under way */
	/* Counters */
	FAKE_RINGS = 0x140,
	FAKE_LAST_RING = 0x144,
	FAKE_RESETS = 0x148,
	FAKE_CLIENTS = 0x14c,
	FAKE_MASKS = 0x150,
	FAKE_UNMASKS = 0x154,
	/* What DMA reads fill and DMA writes send */
	FAKE_BUFFER = 0x1000,
	FAKE_BUFFER_BYTES = 0x1000,

	FAKE_DMA_READ = 1,
	FAKE_DMA_WRITE = 2,
	FAKE_DMA_OK = 0x11,
	FAKE_DMA_BUSY = 0x12,
	FAKE_DMA_ERROR = 0x13,
};
#define FAKE_RESERVED 0xfee00000ull /* where nothing may be mapped */

#endif
