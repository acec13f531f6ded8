// SPDX-License-Identifier: Apache-2.0
// RISC-V Formal Interface: carries what an instruction read and wrote down to W and reports it there, in order.
//
// Signal meanings are those of riscv-formal's rvfi.md.  A trapping instruction is reported with trap set and
// pc_wdata = the handler; an interrupt is not an instruction: the first instruction of its handler has intr set
// (and so has the first of an exception handler).  Not part of the product's logic: core_cpu leaves it out
// unless its parameter RVFI is set.

module core_rvfi (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        m1_load_i,      // the M1 registers take X's instruction
    input  logic        m2_load_i,      // the M2 registers take M1's instruction
    input  logic [31:0] x_insn_i,
    input  logic [31:0] x_pc_i,
    input  logic        x_rs1_i,        // the instruction reads rs1
    input  logic        x_rs2_i,
    input  logic [31:0] x_a_i,
    input  logic [31:0] x_b_i,
    input  logic [31:0] x_next_i,       // next pc unless mret
    input  logic        m1_mret_i,
    input  logic [31:0] m1_mepc_i,
    input  logic        m1_mem_i,
    input  logic        m1_we_i,
    input  logic [ 3:0] m1_be_i,
    input  logic [31:0] m1_addr_i,
    input  logic [31:0] m1_wdata_i,
    input  logic [31:0] m2_rdata_i,
    input  logic        w_retire_i,
    input  logic        w_exc_i,
    input  logic        w_irq_i,
    input  logic        w_wen_i,
    input  logic [ 4:0] w_rd_i,
    input  logic [31:0] w_data_i,
    input  logic [31:0] trap_target_i,
    output logic        rvfi_valid_o,
    output logic [63:0] rvfi_order_o,
    output logic [31:0] rvfi_insn_o,
    output logic        rvfi_trap_o,
    output logic        rvfi_halt_o,
    output logic        rvfi_intr_o,
    output logic [ 1:0] rvfi_mode_o,
    output logic [ 1:0] rvfi_ixl_o,
    output logic [ 4:0] rvfi_rs1_addr_o,
    output logic [ 4:0] rvfi_rs2_addr_o,
    output logic [31:0] rvfi_rs1_rdata_o,
    output logic [31:0] rvfi_rs2_rdata_o,
    output logic [ 4:0] rvfi_rd_addr_o,
    output logic [31:0] rvfi_rd_wdata_o,
    output logic [31:0] rvfi_pc_rdata_o,
    output logic [31:0] rvfi_pc_wdata_o,
    output logic [31:0] rvfi_mem_addr_o,
    output logic [ 3:0] rvfi_mem_rmask_o,
    output logic [ 3:0] rvfi_mem_wmask_o,
    output logic [31:0] rvfi_mem_rdata_o,
    output logic [31:0] rvfi_mem_wdata_o
);

  logic unused;
  assign unused = ^m1_addr_i[1:0];

  typedef struct packed {
    logic [31:0] insn;
    logic [31:0] pc;
    logic [31:0] next;
    logic [ 4:0] rs1;
    logic [ 4:0] rs2;
    logic [31:0] rs1_data;
    logic [31:0] rs2_data;
    logic [31:0] addr;
    logic [ 3:0] rmask;
    logic [ 3:0] wmask;
    logic [31:0] rdata;
    logic [31:0] wdata;
  } record_t;

  record_t x, m1_q, m1, m2_q, m2, w_q;

  always_comb begin
    x = '0;
    x.insn = x_insn_i;
    x.pc = x_pc_i;
    x.next = x_next_i;
    x.rs1 = x_rs1_i ? x_insn_i[19:15] : 5'd0;
    x.rs2 = x_rs2_i ? x_insn_i[24:20] : 5'd0;
    x.rs1_data = x_rs1_i ? x_a_i : 32'd0;
    x.rs2_data = x_rs2_i ? x_b_i : 32'd0;

    m1 = m1_q;
    if (m1_mret_i) m1.next = m1_mepc_i;
    if (m1_mem_i) begin
      m1.addr = {m1_addr_i[31:2], 2'd0};
      m1.rmask = m1_we_i ? 4'd0 : m1_be_i;
      m1.wmask = m1_we_i ? m1_be_i : 4'd0;
      m1.wdata = m1_we_i ? m1_wdata_i : 32'd0;
    end

    m2 = m2_q;
    m2.rdata = m2_q.rmask != 4'd0 ? m2_rdata_i : 32'd0;
  end

  logic [63:0] order_q;
  logic intr_q;
  always_ff @(posedge clk_i) begin
    if (m1_load_i) m1_q <= x;
    if (m2_load_i) m2_q <= m1;
    w_q <= m2;
    if (rvfi_valid_o) begin
      order_q <= order_q + 64'd1;
      intr_q  <= 1'b0;
    end
    if (w_exc_i) intr_q <= 1'b1;
    if (rst_i) begin
      order_q <= 64'd0;
      intr_q  <= 1'b0;
    end
  end

  assign rvfi_valid_o = w_retire_i | (w_exc_i & ~w_irq_i);
  assign rvfi_order_o = order_q;
  assign rvfi_insn_o = w_q.insn;
  assign rvfi_trap_o = w_exc_i;
  assign rvfi_halt_o = 1'b0;
  assign rvfi_intr_o = intr_q;
  assign rvfi_mode_o = 2'd3;
  assign rvfi_ixl_o = 2'd1;
  assign rvfi_rs1_addr_o = w_q.rs1;
  assign rvfi_rs2_addr_o = w_q.rs2;
  assign rvfi_rs1_rdata_o = w_q.rs1_data;
  assign rvfi_rs2_rdata_o = w_q.rs2_data;
  assign rvfi_rd_addr_o = w_wen_i ? w_rd_i : 5'd0;
  assign rvfi_rd_wdata_o = w_wen_i ? w_data_i : 32'd0;
  assign rvfi_pc_rdata_o = w_q.pc;
  assign rvfi_pc_wdata_o = w_exc_i ? trap_target_i : w_q.next;
  assign rvfi_mem_addr_o = w_q.addr;
  assign rvfi_mem_rmask_o = w_exc_i ? 4'd0 : w_q.rmask;
  assign rvfi_mem_wmask_o = w_exc_i ? 4'd0 : w_q.wmask;
  assign rvfi_mem_rdata_o = w_q.rdata;
  assign rvfi_mem_wdata_o = w_q.wdata;

endmodule
