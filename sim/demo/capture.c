// SPDX-License-Identifier: Apache-2.0
// Reads a capture with libpcap and finds its hosts.
#include "capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MIN  14	/* an Ethernet header */
#define FRAME_MAX  9014 /* 9018 octets with FCS */
#define FRAMES_MAX 1000000

int capture_host(const struct capture *c, const uint8_t *mac)
{
	for (size_t i = 0; i < c->host_count; i++)
		if (!memcmp(c->hosts[i], mac, 6))
			return (int)i;
	return -1;
}

static int add_frame(struct capture *c, const uint8_t *data, size_t bytes)
{
	int host = capture_host(c, data + 6);
	if (host < 0) {
		void *hosts = realloc(c->hosts, (c->host_count + 1) * sizeof(*c->hosts));
		if (!hosts)
			return -1;
		c->hosts = hosts;
		host = (int)c->host_count++;
		memcpy(c->hosts[host], data + 6, 6);
	}
	if ((c->frame_count & (c->frame_count - 1)) == 0) {
		size_t room = c->frame_count ? 2 * c->frame_count : 1;
		void *frames = realloc(c->frames, room * sizeof(*c->frames));
		if (!frames)
			return -1;
		c->frames = frames;
	}
	uint8_t *copy = malloc(bytes);
	if (!copy)
		return -1;
	memcpy(copy, data, bytes);
	c->frames[c->frame_count++] = (struct capture_frame){ copy, bytes, (unsigned)host };
	return 0;
}

int capture_read(struct capture *c, const char *file, char *error, size_t room)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	memset(c, 0, sizeof(*c));
	pcap_t *pcap = pcap_open_offline(file, why);
	if (!pcap) {
		/* libpcap names the file itself if it cannot open it. */
		const char *reason = !strncmp(why, file, strlen(file)) && why[strlen(file)] == ':'
					     ? why + strlen(file) + 2
					     : why;
		snprintf(error, room,
			 "cannot read the capture '%s': %s; give a pcap or pcapng file of Ethernet "
			 "frames",
			 file, reason);
		return -1;
	}
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(pcap_datalink(pcap));
		snprintf(error, room,
			 "%s holds %s frames; capture on an Ethernet interface, not on \"any\"",
			 file, name ? name : "other");
		goto fail;
	}
	struct pcap_pkthdr *header;
	const uint8_t *data;
	int result;
	while ((result = pcap_next_ex(pcap, &header, &data)) == 1) {
		if (header->caplen < header->len || header->len < FRAME_MIN ||
		    header->len > FRAME_MAX || data[6] & 1) {
			c->skipped++;
			continue;
		}
		if (c->frame_count == FRAMES_MAX) {
			snprintf(error, room,
				 "%s has more than %d frames; cut it with `editcap -r`", file,
				 FRAMES_MAX);
			goto fail;
		}
		if (add_frame(c, data, header->len)) {
			snprintf(error, room, "not enough memory for the frames of %s", file);
			goto fail;
		}
	}
	if (result == PCAP_ERROR) {
		snprintf(error, room,
			 "%s is damaged after %zu frames: %s; capture it again or repair it with "
			 "`editcap`",
			 file, c->frame_count, pcap_geterr(pcap));
		goto fail;
	}
	if (!c->frame_count) {
		snprintf(error, room,
			 "%s has no whole Ethernet frame (%zu were cut or malformed); capture with "
			 "-s 0",
			 file, c->skipped);
		goto fail;
	}
	pcap_close(pcap);
	return 0;
fail:
	pcap_close(pcap);
	capture_free(c);
	return -1;
}

void capture_free(struct capture *c)
{
	for (size_t i = 0; i < c->frame_count; i++)
		free(c->frames[i].data);
	free(c->frames);
	free(c->hosts);
	memset(c, 0, sizeof(*c));
}
