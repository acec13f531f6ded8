/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware file, read and checked (image.c); firmware.c loads it. */
#ifndef GL_LIB_IMAGE_H
#define GL_LIB_IMAGE_H

#include "gl_image.h"

struct gl_firmware {
	struct gl_image_header header;
	struct gl_image_segment segment[GL_IMAGE_SEGMENTS_MAX];
	uint8_t *file;
};

#endif
