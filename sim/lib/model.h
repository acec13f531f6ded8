/* SPDX-License-Identifier: Apache-2.0 */
/* The Verilated NIC behind plain C: its pins, and one clock cycle in two halves. */
#ifndef GLS_MODEL_H
#define GLS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct model_pins {
	/* inputs */
	bool rst;
	bool rx_valid, rx_sop, rx_eop, rx_keep; /* TLP to the NIC */
	uint64_t rx_data;
	bool tx_ready, tx_np_ok;
	uint8_t gmii_rxd;
	bool gmii_rx_dv, gmii_rx_er;
	/* the other way in and out (rtl/mac/mac_words.sv), instead of the GMII if `words` */
	bool words;
	bool wrx_valid, wrx_sof, wrx_last, wrx_bad_fcs, wrx_er;
	uint8_t wrx_last_bytes;
	uint64_t wrx_data;
	uint32_t time_skip;
	/* outputs, valid after model_settle() */
	bool rx_ready, rx_np_ok;
	bool tx_valid, tx_sop, tx_eop, tx_keep; /* TLP from the NIC */
	uint64_t tx_data;
	uint8_t gmii_txd;
	bool gmii_tx_en, gmii_tx_er;
	bool wrx_ready;
	bool wtx_valid, wtx_sof, wtx_last;
	uint8_t wtx_last_bytes;
	uint64_t wtx_data;
	bool rx_enabled; /* the MAC takes frames */
	bool idle;
	uint32_t wake_cycles;
};

struct model;

/* trace: FST file or NULL. */
struct model *model_new(const char *trace);
void model_free(struct model *m);
/* Takes the inputs, lets combinational logic settle, and shows the outputs as they are before the clock edge. */
void model_settle(struct model *m, struct model_pins *pins);
/* The clock edge; dump tells whether to write this cycle into the trace. */
void model_edge(struct model *m, bool dump);
unsigned model_contexts(void);

#ifdef __cplusplus
}
#endif
#endif
