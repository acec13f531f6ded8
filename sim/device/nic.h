/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NIC, simulated (sim/lib/gls.c) or on a board (sim/hostlink/slot.c), as the device behind the vfio-user server: accesses become TLPs, TLPs of
 * the NIC become DMA and interrupts.
 */
#ifndef GLANE_NIC_H
#define GLANE_NIC_H

#include "guestlane_sim.h"
#include "vfio_user_server.h"

struct nic;

/* firmware: image (gl_image.h) or ELF file to have running after every reset, or NULL. NULL on failure, with a sentence in error[room]. */
struct nic *nic_new(struct gls *s, const char *firmware, char *error, size_t room);
void nic_free(struct nic *n);
/* What the server needs to know; then give it the server. */
struct vfio_user_device nic_device(const struct nic *n);
void nic_attach(struct nic *n, struct vfio_user_server *v);

/* How long an access of the client may wait for DMA by messages, which the client may not serve before it has its answer: cycles (50000). */
void nic_patience(struct nic *n, uint64_t cycles);
/* The NIC has been reset behind our back: everything is set up anew with the next nic_service(). */
void nic_unplugged(struct nic *n);

/* Does what must not be done inside a cycle or a message: resets, interrupt set-up (runs). */
void nic_service(struct nic *n);
/* The NIC waits for the client's memory, and time stands still for it. */
bool nic_waits_for_client(const struct nic *n);

struct nic_stats {
	uint64_t resets;
	uint64_t tlps_to_nic, tlps_from_nic;
	uint64_t register_reads, register_writes, config_accesses;
};
struct nic_stats nic_stats(const struct nic *n);

#endif
