/* SPDX-License-Identifier: Apache-2.0 */
/* Writes Ethernet frames as pcapng with nanosecond time stamps (draft-ietf-opsawg-pcapng); libpcap, which reads it, writes only the older format. */
#ifndef GLS_PCAPNG_H
#define GLS_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

struct pcapng;

enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

/* NULL with errno on failure. */
struct pcapng *pcapng_create(const char *file, const char *interface_name);
void pcapng_write(struct pcapng *p, uint64_t nanoseconds, const void *frame, size_t bytes,
		  enum pcapng_direction direction);
/* 0, or -errno if anything could not be written. NULL is allowed. */
int pcapng_close(struct pcapng *p);

#endif
