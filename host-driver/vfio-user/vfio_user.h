/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vfio-user protocol, version 0.0, as it stands on the socket (docs/interop/vfio-user.rst of QEMU): what glane-sim serves and the vfio-user back
 * end of libguestlane asks. Little-endian, naturally aligned. Region and interrupt structs are those of linux/vfio.h.
 */
#ifndef VFIO_USER_H
#define VFIO_USER_H

#include <assert.h>
#include <stdint.h>

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS = 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11,
	VFIO_USER_DMA_WRITE = 12,
	VFIO_USER_DEVICE_RESET = 13,
	VFIO_USER_REGION_WRITE_MULTI = 15,
};

enum vfio_user_flags {
	VFIO_USER_TYPE_MASK = 0xf,
	VFIO_USER_REQUEST = 0x0,
	VFIO_USER_REPLY = 0x1,
	VFIO_USER_NO_REPLY = 0x10,
	VFIO_USER_ERROR = 0x20,
};

struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of the message, header included */
	uint32_t flags;
	uint32_t error; /* errno, with VFIO_USER_ERROR */
};
static_assert(sizeof(struct vfio_user_header) == 16, "message header");

/* Followed by a JSON text with a terminating zero byte, or nothing. */
struct vfio_user_version {
	uint16_t major, minor;
};
static_assert(sizeof(struct vfio_user_version) == 4, "version");

enum { VFIO_USER_DMA_READABLE = 1, VFIO_USER_DMA_WRITABLE = 2 };
/* With one descriptor: memory at `offset` of it; with none: reached by DMA_READ and DMA_WRITE. */
struct vfio_user_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, address, size;
};
static_assert(sizeof(struct vfio_user_dma_map) == 32, "DMA map");

enum { VFIO_USER_DMA_UNMAP_ALL = 2 };
struct vfio_user_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};
static_assert(sizeof(struct vfio_user_dma_unmap) == 24, "DMA unmap");

/* REGION_READ, REGION_WRITE; data follow in the reply or in the request. */
struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};
static_assert(sizeof(struct vfio_user_region_access) == 16, "region access");

/* REGION_WRITE_MULTI: a 64-bit count, then so many of these; at most 8 bytes each. */
struct vfio_user_write_multi_entry {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};
static_assert(sizeof(struct vfio_user_write_multi_entry) == 24, "write multi entry");

/* DMA_READ, DMA_WRITE; data follow. */
struct vfio_user_dma_access {
	uint64_t address, count;
};
static_assert(sizeof(struct vfio_user_dma_access) == 16, "DMA access");

struct vfio_user_io_fds {
	uint32_t argsz, flags, index, count;
};
static_assert(sizeof(struct vfio_user_io_fds) == 16, "region I/O descriptors");

enum { VFIO_USER_IO_FD_IOEVENTFD = 0, VFIO_USER_IOEVENTFD_DATAMATCH = 1 };
struct vfio_user_ioeventfd {
	uint64_t offset, size;
	uint32_t fd_index, type, flags, padding;
	uint64_t datamatch;
};
static_assert(sizeof(struct vfio_user_ioeventfd) == 40, "ioeventfd");

/* The server's limits. */
enum { VFIO_USER_MAX_FDS = 253, VFIO_USER_MAX_TRANSFER = 1 << 20 };

#endif
