/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's file (build/firmware/guestlane.fw): header, segment table, then the segments' bytes, in this order and nothing
 * else. All fields are little-endian. The checksum (CRC-32 of IEEE 802.3, zlib's crc32) is over all bytes of the file with the field
 * `checksum` as 0. Memory of the core that no segment covers keeps what it has: so a restart finds the checkpoint (gl_mbox.h).
 */
#ifndef GL_IMAGE_H
#define GL_IMAGE_H

#include <stdint.h>

#if !defined(__cplusplus) && !defined(static_assert)
#define static_assert _Static_assert
#endif

#define GL_IMAGE_MAGIC	      0x49464c47u /* "GLFI" in memory order */
#define GL_IMAGE_FORMAT	      1u
#define GL_IMAGE_SEGMENTS_MAX 16u
/* More than both memories of the core hold. */
#define GL_IMAGE_BYTES_MAX    (256u << 10)

struct gl_image_header {
	uint32_t magic;	 /* GL_IMAGE_MAGIC */
	uint32_t format; /* GL_IMAGE_FORMAT */
	uint32_t bytes;	 /* of the file */
	uint32_t checksum;
	uint32_t abi_version; /* GL_MBOX_VERSION that it speaks */
	uint32_t build_id;    /* as gl_fw_info has it */
	uint32_t contexts;    /* most it serves */
	uint32_t segments;    /* entries of the table, 1 to GL_IMAGE_SEGMENTS_MAX */
};
static_assert(sizeof(struct gl_image_header) == 32, "firmware image header");

struct gl_image_segment {
	uint32_t address;  /* in the core's address map, a multiple of 4 */
	uint32_t offset;   /* of its bytes in the file */
	uint32_t bytes;	   /* a multiple of 4; not 0 */
	uint32_t reserved; /* 0 */
};
static_assert(sizeof(struct gl_image_segment) == 16, "firmware image segment");

#endif
