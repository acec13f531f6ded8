/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --settle PATH: a socket (SOCK_SEQPACKET) on which another program asks when the NIC has come to rest. Any packet is a question; the answer comes when
 * everything that was on its way to the NIC by then has been taken in and nothing is pending: no request, frame, DMA or interrupt, the core asleep. A
 * virtual machine whose clock must not run on while it waits for the NIC holds its processor until then (sim/bench-xen).
 */
#ifndef GLANE_SETTLE_H
#define GLANE_SETTLE_H

#include <stddef.h>
#include <stdint.h>

/* The answer, in the byte order of this machine. */
struct settle_answer {
	uint64_t cycles;     /* of the NIC's clock, with those that were skipped */
	uint64_t interrupts; /* MSI-X messages so far */
};

struct settle;

/* NULL on failure, with a sentence in error[room]. */
struct settle *settle_open(const char *path, char *error, size_t room);
void settle_close(struct settle *t);
/* Readable when settle_service() has something to do. */
int settle_fd(const struct settle *t);
/* Takes questions, without waiting. Called before what they are about is taken in. */
void settle_service(struct settle *t);
/* The NIC is at rest: who has asked gets this answer. */
void settle_answer(struct settle *t, const struct settle_answer *a);

#endif
