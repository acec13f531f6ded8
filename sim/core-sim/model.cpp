// SPDX-License-Identifier: Apache-2.0
// Glue between C and the Verilated core_cpu (see model.h). Nothing here knows what the core does.
#include "model.h"

#include <cstdio>
#include <verilated.h>
#include <verilated_fst_c.h>
#include "Vcore_cpu.h"
#include "Vcore_cpu___024root.h"

struct model {
	VerilatedContext *ctx;
	Vcore_cpu *top;
	VerilatedFstC *trace;
	uint64_t half_cycles;
};

static void eval(struct model *m)
{
	m->top->eval();
	if (m->trace)
		m->trace->dump(m->half_cycles);
	m->half_cycles++;
}

struct model *model_new(uint32_t pc, const char *trace)
{
	struct model *m = new model();

	m->ctx = new VerilatedContext;
	m->ctx->traceEverOn(trace != nullptr);
	m->top = new Vcore_cpu(m->ctx);
	if (trace) {
		// Verilator does not report that it cannot write, so try first.
		FILE *f = fopen(trace, "wb");
		if (!f) {
			model_free(m);
			return nullptr;
		}
		fclose(f);
		m->trace = new VerilatedFstC;
		m->top->trace(m->trace, 99);
		m->trace->open(trace);
	}
	m->top->rst_i = 1;
	m->top->eval();
	// The reset address is a constant of the hardware; a simulated program may start anywhere.
	m->top->rootp->core_cpu__DOT__reset_pc = pc;
	for (int i = 0; i < 4; i++) {
		m->top->clk_i = i & 1;
		eval(m);
	}
	m->top->rst_i = 0;
	return m;
}

void model_settle(struct model *m, const struct model_in *in, struct model_out *out)
{
	Vcore_cpu *t = m->top;

	t->imem_rdata_i = in->imem_rdata;
	t->imem_err_i = in->imem_err;
	t->dmem_ready_i = in->dmem_ready;
	t->dmem_rvalid_i = in->dmem_rvalid;
	t->dmem_rdata_i = in->dmem_rdata;
	t->dmem_err_i = in->dmem_err;
	t->irq_software_i = in->irq_software;
	t->irq_timer_i = in->irq_timer;
	t->irq_external_i = in->irq_external;
	t->time_i = in->time;
	t->clk_i = 0;
	eval(m);

	out->imem_en = t->imem_en_o;
	out->imem_addr = t->imem_addr_o;
	out->dmem_valid = t->dmem_valid_o;
	out->dmem_we = t->dmem_we_o;
	out->dmem_be = t->dmem_be_o;
	out->dmem_addr = t->dmem_addr_o;
	out->dmem_wdata = t->dmem_wdata_o;
	out->sleep = t->sleep_o;
	out->valid = t->rvfi_valid_o;
	if (!out->valid)
		return;
	out->trap = t->rvfi_trap_o;
	out->intr = t->rvfi_intr_o;
	out->insn = t->rvfi_insn_o;
	out->pc = t->rvfi_pc_rdata_o;
	out->next_pc = t->rvfi_pc_wdata_o;
	out->rs1 = t->rvfi_rs1_addr_o;
	out->rs2 = t->rvfi_rs2_addr_o;
	out->rd = t->rvfi_rd_addr_o;
	out->rs1_data = t->rvfi_rs1_rdata_o;
	out->rs2_data = t->rvfi_rs2_rdata_o;
	out->rd_data = t->rvfi_rd_wdata_o;
	out->mem_addr = t->rvfi_mem_addr_o;
	out->mem_rmask = t->rvfi_mem_rmask_o;
	out->mem_wmask = t->rvfi_mem_wmask_o;
	out->mem_rdata = t->rvfi_mem_rdata_o;
	out->mem_wdata = t->rvfi_mem_wdata_o;
}

void model_clock(struct model *m)
{
	m->top->clk_i = 1;
	eval(m);
}

void model_free(struct model *m)
{
	if (m->trace) {
		m->trace->close();
		delete m->trace;
	}
	m->top->final();
	delete m->top;
	delete m->ctx;
	delete m;
}
