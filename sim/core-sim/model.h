/* SPDX-License-Identifier: Apache-2.0
 * C view of the Verilated core_cpu: its ports as two structs and one function per clock phase.
 */
#ifndef CORE_SIM_MODEL_H
#define CORE_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct model;

struct model_in {
	uint32_t imem_rdata;
	bool imem_err;
	bool dmem_ready;
	bool dmem_rvalid;
	uint32_t dmem_rdata;
	bool dmem_err;
	bool irq_software;
	bool irq_timer;
	bool irq_external;
	uint64_t time;
};

struct model_out {
	bool imem_en;
	uint32_t imem_addr;
	bool dmem_valid;
	bool dmem_we;
	unsigned dmem_be;
	uint32_t dmem_addr;
	uint32_t dmem_wdata;
	bool sleep;

	/* RVFI, see rtl/core/core_rvfi.sv */
	bool valid, trap, intr;
	uint32_t insn, pc, next_pc;
	unsigned rs1, rs2, rd;
	uint32_t rs1_data, rs2_data, rd_data;
	uint32_t mem_addr, mem_rdata, mem_wdata;
	unsigned mem_rmask, mem_wmask;
};

/* A core out of reset whose first fetch will be at pc. trace: path of an FST file, or NULL.
 * Returns NULL if the trace file cannot be written. */
struct model *model_new(uint32_t pc, const char *trace);

/* Combinational outputs of this cycle for these inputs. */
void model_settle(struct model *m, const struct model_in *in, struct model_out *out);

/* The rising clock edge that ends this cycle. */
void model_clock(struct model *m);

void model_free(struct model *m);

#ifdef __cplusplus
}
#endif

#endif
