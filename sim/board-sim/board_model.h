/* SPDX-License-Identifier: Apache-2.0 */
/* The Verilated board (rtl/boards/common/board_nic.sv) behind plain C. */
#ifndef BOARD_MODEL_H
#define BOARD_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One of the two GMIIs. */
struct board_gmii {
	uint8_t rxd, txd;
	bool rx_dv, rx_er, tx_en, tx_er;
};

struct board_pins {
	bool rst;
	uint64_t mac; /* first octet in bits 7:0 */
	uint32_t seed;
	uint32_t time_skip;
	struct board_gmii net, host;
	bool up, rx_enabled, idle; /* outputs */
	uint32_t wake_cycles;
};

struct board_model;

struct board_model *board_model_new(void);
void board_model_free(struct board_model *m);
/* One cycle: inputs in, outputs as they are before the edge, the edge. */
void board_model_cycle(struct board_model *m, struct board_pins *p);

#ifdef __cplusplus
}
#endif
#endif
