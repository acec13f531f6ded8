/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NIC on a board, behind the host link, as a struct gls: what guestlane_sim.h says of registers, configuration space, DMA and firmware holds of it, as far as
 * slot.c defines it. Cycles are the time of day in units of 8 ns.
 */
#ifndef HOSTLINK_SLOT_H
#define HOSTLINK_SLOT_H

#include "guestlane_sim.h"
#include "link.h"

struct glane_wire;

struct gls *slot_open(const uint8_t mac[6], const uint8_t *board, uint64_t silence);
void slot_close(struct gls *s);
/* The wire must have been opened with this slot; it is looked at whenever the slot waits. */
void slot_wire(struct gls *s, struct glane_wire *wire);
/* Frames in and out. Returns milliseconds until it must be called again at the latest. */
int slot_run(struct gls *s);
bool slot_up(const struct gls *s);
const struct hostlink *slot_link(const struct gls *s);

#endif
