/* SPDX-License-Identifier: Apache-2.0 */
/* A capture as the demo needs it: its Ethernet frames in order, and the hosts that sent them. */
#ifndef DEMO_CAPTURE_H
#define DEMO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_frame {
	uint8_t *data;
	size_t bytes;
	unsigned host; /* sender: index into hosts */
};

struct capture {
	struct capture_frame *frames;
	size_t frame_count;
	uint8_t (*hosts)[6]; /* MAC addresses in order of their first frame */
	size_t host_count;
	size_t skipped; /* frames that the capture cut, too short or too long for Ethernet, or with a group address as sender */
};

/*
 * Reads pcap or pcapng. 0, or -1 with a sentence in error. The caller frees with capture_free().
 */
int capture_read(struct capture *c, const char *file, char *error, size_t room);
void capture_free(struct capture *c);
/* Index of the host with that MAC, or -1. */
int capture_host(const struct capture *c, const uint8_t *mac);

#endif
