/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes Ethernet frames as pcapng with nanosecond time stamps (draft-ietf-opsawg-pcapng); libpcap, which reads it, writes only the older format.
 * Used by the simulator and by glaned. The encoders make blocks in memory, for those who write without blocking; the writer is for files.
 */
#ifndef GL_PCAPNG_H
#define GL_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

enum pcapng_direction { PCAPNG_UNKNOWN = 0, PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

/* --- Encoders: the bytes of the block, 0 if it does not fit into `room`. --- */

/* At most PCAPNG_HEADER_MAX bytes. The name is cut to 200 octets. snaplen 0: no limit. */
#define PCAPNG_HEADER_MAX 320
size_t pcapng_header(void *block, size_t room, const char *interface_name, uint32_t snaplen);
/* One frame of `bytes` octets, of which the first `kept` are written: at most kept + PCAPNG_FRAME_EXTRA bytes. */
#define PCAPNG_FRAME_EXTRA 48
size_t pcapng_frame(void *block, size_t room, uint64_t nanoseconds, const void *frame, size_t kept,
		    size_t bytes, enum pcapng_direction direction);

/* --- A file --- */

struct pcapng;

/* NULL with errno on failure. */
struct pcapng *pcapng_create(const char *file, const char *interface_name);
/* Frames of at most 16 KiB; longer ones are cut. */
void pcapng_write(struct pcapng *p, uint64_t nanoseconds, const void *frame, size_t bytes,
		  enum pcapng_direction direction);
/* 0, or -errno if anything could not be written. NULL is allowed. */
int pcapng_close(struct pcapng *p);

#endif
