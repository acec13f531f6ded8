/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to the core's peripherals (space FWIO of the register reference): plain loads and stores on the NIC; calls into a
 * model when the same sources are compiled for the host (GL_HOST, tests/unit/firmware).
 */
#ifndef FWIO_H
#define FWIO_H

#include <stdint.h>

#include "guestlane_regs.h"

#ifdef GL_HOST
uint32_t fwio_read(uint32_t offset);
void fwio_write(uint32_t offset, uint32_t value);
#else
static inline uint32_t fwio_read(uint32_t offset)
{
	return *(volatile uint32_t *)(GL_FWIO_BASE + offset);
}

static inline void fwio_write(uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(GL_FWIO_BASE + offset) = value;
}
#endif

/* Register `reg` (offset in space CTX) of context `ctx`. */
static inline uint32_t ctx_read(uint32_t ctx, uint32_t reg)
{
	return fwio_read(GL_FWIO_CTX + ctx * 256u + reg);
}

static inline void ctx_write(uint32_t ctx, uint32_t reg, uint32_t value)
{
	fwio_write(GL_FWIO_CTX + ctx * 256u + reg, value);
}

#endif
