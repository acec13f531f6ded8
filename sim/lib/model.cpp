// SPDX-License-Identifier: Apache-2.0
// Glue between C and the Verilated NIC; no behaviour of its own.
#include "model.h"
#include "Vguestlane.h"
#include "verilated.h"
#ifdef GLS_TRACE
#include "verilated_fst_c.h"
#endif

struct model {
	VerilatedContext context;
	Vguestlane *top;
#ifdef GLS_TRACE
	VerilatedFstC *fst;
#endif
	uint64_t time;
};

unsigned model_contexts(void)
{
	return GLS_NCTX;
}

struct model *model_new(const char *trace)
{
	struct model *m = new model();
	m->context.traceEverOn(trace != nullptr);
	m->top = new Vguestlane(&m->context, "nic");
#ifdef GLS_TRACE
	if (trace) {
		m->fst = new VerilatedFstC;
		m->top->trace(m->fst, 99);
		m->fst->open(trace);
		if (!m->fst->isOpen()) {
			model_free(m);
			return nullptr;
		}
	}
#else
	if (trace) {
		model_free(m);
		return nullptr;
	}
#endif
	m->top->clk_i = 0;
	return m;
}

void model_free(struct model *m)
{
#ifdef GLS_TRACE
	if (m->fst) {
		m->fst->close();
		delete m->fst;
	}
#endif
	m->top->final();
	delete m->top;
	delete m;
}

void model_settle(struct model *m, struct model_pins *p)
{
	Vguestlane *t = m->top;
	t->clk_i = 0;
	t->rst_i = p->rst;
	t->tlp_rx_valid_i = p->rx_valid;
	t->tlp_rx_sop_i = p->rx_sop;
	t->tlp_rx_eop_i = p->rx_eop;
	t->tlp_rx_keep_i = p->rx_keep;
	t->tlp_rx_data_i = p->rx_data;
	t->tlp_tx_ready_i = p->tx_ready;
	t->tlp_tx_np_ok_i = p->tx_np_ok;
	t->gmii_rxd_i = p->gmii_rxd;
	t->gmii_rx_dv_i = p->gmii_rx_dv;
	t->gmii_rx_er_i = p->gmii_rx_er;
	t->words_i = p->words;
	t->wrx_valid_i = p->wrx_valid;
	t->wrx_sof_i = p->wrx_sof;
	t->wrx_last_i = p->wrx_last;
	t->wrx_bad_fcs_i = p->wrx_bad_fcs;
	t->wrx_er_i = p->wrx_er;
	t->wrx_last_bytes_i = p->wrx_last_bytes;
	t->wrx_data_i = p->wrx_data;
	t->time_skip_i = p->time_skip;
	t->eval();
	p->rx_ready = t->tlp_rx_ready_o;
	p->rx_np_ok = t->tlp_rx_np_ok_o;
	p->tx_valid = t->tlp_tx_valid_o;
	p->tx_sop = t->tlp_tx_sop_o;
	p->tx_eop = t->tlp_tx_eop_o;
	p->tx_keep = t->tlp_tx_keep_o;
	p->tx_data = t->tlp_tx_data_o;
	p->gmii_txd = t->gmii_txd_o;
	p->gmii_tx_en = t->gmii_tx_en_o;
	p->gmii_tx_er = t->gmii_tx_er_o;
	p->wrx_ready = t->wrx_ready_o;
	p->wtx_valid = t->wtx_valid_o;
	p->wtx_sof = t->wtx_sof_o;
	p->wtx_last = t->wtx_last_o;
	p->wtx_last_bytes = t->wtx_last_bytes_o;
	p->wtx_data = t->wtx_data_o;
	p->rx_enabled = t->mac_rx_en_o;
	p->idle = t->idle_o;
	p->wake_cycles = t->wake_cycles_o;
}

void model_edge(struct model *m, bool dump)
{
#ifdef GLS_TRACE
	if (m->fst && dump)
		m->fst->dump(m->time);
#endif
	m->top->clk_i = 1;
	m->top->eval();
#ifdef GLS_TRACE
	if (m->fst && dump)
		m->fst->dump(m->time + 1);
#else
	(void)dump;
#endif
	m->time += 2;
}
