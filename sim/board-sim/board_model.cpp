// SPDX-License-Identifier: Apache-2.0
// Glue between C and the Verilated board; no behaviour of its own.
#include "board_model.h"
#include "Vboard_nic.h"
#include "verilated.h"

struct board_model {
	VerilatedContext context;
	Vboard_nic *top;
};

struct board_model *board_model_new(void)
{
	struct board_model *m = new board_model();
	m->top = new Vboard_nic(&m->context, "board");
	m->top->clk_i = 0;
	return m;
}

void board_model_free(struct board_model *m)
{
	m->top->final();
	delete m->top;
	delete m;
}

void board_model_cycle(struct board_model *m, struct board_pins *p)
{
	Vboard_nic *t = m->top;
	t->clk_i = 0;
	t->rst_i = p->rst;
	t->mac_i = p->mac;
	t->seed_i = p->seed;
	t->time_skip_i = p->time_skip;
	t->net_rxd_i = p->net.rxd;
	t->net_rx_dv_i = p->net.rx_dv;
	t->net_rx_er_i = p->net.rx_er;
	t->host_rxd_i = p->host.rxd;
	t->host_rx_dv_i = p->host.rx_dv;
	t->host_rx_er_i = p->host.rx_er;
	t->eval();
	p->net.txd = t->net_txd_o;
	p->net.tx_en = t->net_tx_en_o;
	p->net.tx_er = t->net_tx_er_o;
	p->host.txd = t->host_txd_o;
	p->host.tx_en = t->host_tx_en_o;
	p->host.tx_er = t->host_tx_er_o;
	p->up = t->up_o;
	p->rx_enabled = t->rx_enabled_o;
	p->idle = t->idle_o;
	p->wake_cycles = t->wake_cycles_o;
	t->clk_i = 1;
	t->eval();
}
