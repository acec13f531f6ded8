/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NIC as the firmware sees it, for tests on the host: FWIO registers, a DMA engine that runs commands in order after a
 * random delay, guest memories, packet buffer slots. Every FWIO access is one unit of time.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "fw.h"

#define MODEL_CTX 4u
#define MODEL_MEM (1u << 20) /* bytes of a guest's memory */
#define MODEL_BASE(c)                \
	(((uint64_t)(c) + 1) << 32 | \
	 0x7ff00000u) /* its first guest address; crosses no 4 GiB border */
#define MODEL_CSTATS 16u

struct model_frame {
	uint32_t ctx;
	uint32_t len;
	uint8_t data[9100];
};

struct model {
	uint32_t seed;
	uint32_t time;
	uint8_t *mem[MODEL_CTX];
	uint32_t regs[MODEL_CTX][64]; /* space CTX */
	uint32_t run[MODEL_CTX];
	uint32_t irqs[MODEL_CTX]; /* used buffer interrupts */
	uint32_t config_irqs[MODEL_CTX];
	uint32_t cstat[MODEL_CTX][MODEL_CSTATS];
	uint32_t fw_state, fw_info, log_head, beats;
	uint32_t mbox_busy;
	uint32_t broken[MODEL_CTX]; /* reason of NEEDS_RESET */
	uint32_t acks[MODEL_CTX];
	uint32_t delay;		 /* largest delay of a command */
	uint32_t tx_room;	 /* transmit slots that may be taken at once */
	bool limited[MODEL_CTX]; /* no tokens */
	uint32_t commands;
	uint32_t writes; /* WRITE commands from data memory */
	uint32_t stray;	 /* things that must not happen, see model_complaint */
	const char *complaint;
	/* reads of guest addresses [fail_from, fail_to) of context fail_ctx end with fail_status */
	uint64_t fail_from, fail_to;
	uint32_t fail_ctx, fail_status;
};

extern struct model model;

void model_reset(uint32_t seed);
void model_free(void);
uint32_t model_rand(uint32_t n); /* 0 .. n-1 */

/* Memory of a guest at a guest address. */
uint8_t *model_at(uint32_t ctx, uint64_t addr);

/* The wire: gives a frame to a context; false if no slot is free. Takes the next frame that a context has sent. */
bool model_receive(uint32_t ctx, const uint8_t *data, uint32_t len);
/* The same with RX_RECORD.VLAN and RX_TAG. */
bool model_receive_tagged(uint32_t ctx, const uint8_t *data, uint32_t len, uint32_t vlan,
			  uint32_t tag);
bool model_sent(struct model_frame *frame);
uint32_t model_sent_bad(void); /* frames that were submitted with an error */
uint32_t model_slots_used(void);
bool model_dma_idle(void);

/* RESTART, and the firmware is loaded anew: device pages, guests and the checkpoint stay. */
void model_restart(void);

/* The driver's register writes. */
void model_status(uint32_t ctx, uint32_t status); /* 0: reset */
void model_enable(uint32_t ctx, bool on);
void model_ring(uint32_t ctx, uint32_t queue);

/* Runs the firmware until nothing is left to do (at most `steps` turns). Returns false if it never was. */
bool model_settle(uint32_t steps);

/* A mailbox command; returns the status of the response. */
uint32_t model_mailbox(uint32_t command, uint32_t ctx, const void *payload, uint32_t length);

#endif
