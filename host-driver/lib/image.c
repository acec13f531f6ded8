// SPDX-License-Identifier: Apache-2.0
// Firmware files (firmware/include/gl_image.h): everything is checked before any of it is believed.
#define _GNU_SOURCE
#include "backend.h"
#include "image.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static int bad(const char *path, const char *what)
{
	return gl_fail(NULL, ENOEXEC, "%s %s; `make all` makes build/firmware/guestlane.fw", path,
		       what);
}

static int read_file(const char *path, uint8_t **data, size_t *bytes)
{
	struct stat st;
	int error = 0;
	*data = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return gl_fail(NULL, errno, "cannot read the firmware %s: %s", path,
			       strerror(errno));
	if (fstat(fd, &st)) {
		error = gl_fail(NULL, errno, "cannot read the firmware %s: %s", path,
				strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		error = bad(path, "is no file");
		goto out;
	}
	if (st.st_size > (off_t)GL_IMAGE_BYTES_MAX) {
		error = bad(path, "is far too long for firmware");
		goto out;
	}
	*bytes = (size_t)st.st_size;
	*data = malloc(*bytes ? *bytes : 1);
	if (!*data) {
		error = gl_fail(NULL, ENOMEM, "not enough memory for the firmware %s", path);
		goto out;
	}
	for (size_t done = 0; done < *bytes;) {
		ssize_t n = read(fd, *data + done, *bytes - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			error = n ? gl_fail(NULL, errno, "cannot read the firmware %s: %s", path,
					    strerror(errno))
				  : bad(path, "became shorter while it was read");
			goto out;
		}
		done += (size_t)n;
	}
out:
	close(fd);
	return error;
}

static bool inside(uint32_t address, uint32_t bytes, uint32_t base, uint32_t size)
{
	return address - base < size && bytes <= size - (address - base);
}

static const char *check_segments(const struct gl_firmware *f)
{
	uint32_t offset =
		(uint32_t)(sizeof(f->header) + f->header.segments * sizeof(f->segment[0]));
	for (uint32_t i = 0; i < f->header.segments; i++) {
		const struct gl_image_segment *s = &f->segment[i];
		if (!s->bytes || s->bytes % 4 || s->address % 4 || s->reserved)
			return "has a segment with an odd address or size";
		if (s->offset != offset || s->bytes > f->header.bytes - offset)
			return "has a segment that is not where it should be in the file";
		offset += s->bytes;
		if (!inside(s->address, s->bytes, GL_IMEM_BASE, GL_IMEM_SIZE) &&
		    !inside(s->address, s->bytes, GL_DMEM_BASE, GL_DMEM_SIZE))
			return "has a segment that lies in no memory of the core";
		for (uint32_t j = 0; j < i; j++)
			if (s->address < f->segment[j].address + f->segment[j].bytes &&
			    f->segment[j].address < s->address + s->bytes)
				return "has segments that overlap";
	}
	return offset == f->header.bytes ? NULL : "has bytes that belong to no segment";
}

static const char *check(struct gl_firmware *f, size_t bytes)
{
	struct gl_image_header *h = &f->header;
	if (bytes >= 4)
		memcpy(&h->magic, f->file, 4);
	if (bytes < 4 || h->magic != GL_IMAGE_MAGIC)
		return "is no firmware image of Guestlane (wrong magic number)";
	if (bytes < sizeof(*h))
		return "is cut short";
	memcpy(h, f->file, sizeof(*h));
	if (h->format != GL_IMAGE_FORMAT)
		return "is an image in a format that this library does not know (it knows format "
		       "1)";
	if (h->bytes > bytes)
		return "is cut short";
	if (h->bytes < bytes)
		return "has bytes behind its end";
	memset(f->file + offsetof(struct gl_image_header, checksum), 0, sizeof(h->checksum));
	if (crc32(0, f->file, (uInt)bytes) != h->checksum)
		return "is damaged (wrong checksum)";
	if (!h->segments || h->segments > GL_IMAGE_SEGMENTS_MAX ||
	    bytes < sizeof(*h) + h->segments * sizeof(f->segment[0]))
		return "has an absurd number of segments";
	if (!h->contexts || h->contexts > 256)
		return "claims to serve an absurd number of contexts";
	memcpy(f->segment, f->file + sizeof(*h), h->segments * sizeof(f->segment[0]));
	return check_segments(f);
}

int gl_firmware_read(struct gl_firmware **firmware, const char *path, struct gl_firmware_info *info)
{
	size_t bytes = 0;
	const char *what;
	*firmware = NULL;
	struct gl_firmware *f = calloc(1, sizeof(*f));
	if (!f)
		return gl_fail(NULL, ENOMEM, "not enough memory for the firmware %s", path);
	int error = read_file(path, &f->file, &bytes);
	if (!error && (what = check(f, bytes)))
		error = bad(path, what);
	if (error) {
		gl_firmware_free(f);
		return error;
	}
	if (info) {
		*info = (struct gl_firmware_info){ .abi_version = f->header.abi_version,
						   .build_id = f->header.build_id,
						   .contexts = f->header.contexts };
		for (uint32_t i = 0; i < f->header.segments; i++)
			info->bytes += f->segment[i].bytes;
	}
	*firmware = f;
	return 0;
}

void gl_firmware_free(struct gl_firmware *firmware)
{
	if (firmware)
		free(firmware->file);
	free(firmware);
}
