// SPDX-License-Identifier: Apache-2.0
// Proof harness of the soft core: whatever instructions come, each that retires does what core_spec says, through the RISC-V Formal Interface.

// The surroundings answer in any legal way: any instruction word at any time, bus answers after any number of cycles, errors, interrupts. CLASS
// chooses what is asserted, so that each proof is small:
//
//   0 Alu .. 5 Illegal   instructions of that class of core_spec: operands named, result, next pc, memory access, trap with cause and
//                        value, register written
//   6   order of instructions: each starts where the one before it, its trap or the interrupt between them said
//   7   data memory: a request on the bus is an instruction that retires, in order, with the same address, lanes and data, and the
//       reverse; a request that is not accepted stays
//   8   registers: what an instruction reads is what the last one before it wrote, for one register of the solver's choice
//   9   CSRs: an instruction reads what the one before it, or a trap, wrote; only what is enabled interrupts
//
// IRQ = 0 leaves interrupts out. QUIET = 1 starts without a reset, in any state with an empty pipeline: whatever is in CSRs and
// registers. That includes the state after reset, and states that take hundreds of cycles to come to.
module proof_core #(
    parameter int unsigned CLASS = 0,
    parameter int unsigned IRQ   = 1,
    parameter int unsigned QUIET = 0
) (
    input logic        clk_i,
    input logic [31:0] imem_rdata_i,
    input logic        dmem_ready_i,
    input logic        dmem_rvalid_i,
    input logic [31:0] dmem_rdata_i,
    input logic        dmem_err_i,
    input logic [2:0]  irq_i,         // external, timer, software
    input logic [63:0] time_i
);

  localparam logic [31:0] ResetPc = 32'h0000_1000;
  localparam logic [31:0] HartId  = 32'd5;

  logic rst, past, reset;
  formal_reset u_reset (.clk_i, .rst_o(reset), .past_o(past));
  assign rst = reset && QUIET == 0;

  logic        imem_en, imem_err, dmem_valid, dmem_we, sleep;
  logic [31:0] imem_addr, dmem_addr, dmem_wdata;
  logic [3:0]  dmem_be;
  logic        valid, trap, halt, intr;
  logic [63:0] order;
  logic [31:0] insn, a, b, rd_data, pc, next, addr, word, wdata;
  logic [1:0]  mode, ixl;
  logic [4:0]  rs1, rs2, rd;
  logic [3:0]  rmask, wmask;

  core_cpu #(.RESET_PC(ResetPc), .HART_ID(HartId), .RVFI(1'b1)) dut (
    .clk_i, .rst_i(rst), .imem_en_o(imem_en), .imem_addr_o(imem_addr), .imem_rdata_i, .imem_err_i(imem_err),
    .dmem_valid_o(dmem_valid), .dmem_ready_i, .dmem_we_o(dmem_we), .dmem_be_o(dmem_be), .dmem_addr_o(dmem_addr),
    .dmem_wdata_o(dmem_wdata), .dmem_rvalid_i, .dmem_rdata_i, .dmem_err_i,
    .irq_software_i(irq_i[0]), .irq_timer_i(irq_i[1]), .irq_external_i(irq_i[2]), .time_i, .sleep_o(sleep),
    .rvfi_valid_o(valid), .rvfi_order_o(order), .rvfi_insn_o(insn), .rvfi_trap_o(trap), .rvfi_halt_o(halt), .rvfi_intr_o(intr),
    .rvfi_mode_o(mode), .rvfi_ixl_o(ixl), .rvfi_rs1_addr_o(rs1), .rvfi_rs2_addr_o(rs2), .rvfi_rs1_rdata_o(a),
    .rvfi_rs2_rdata_o(b), .rvfi_rd_addr_o(rd), .rvfi_rd_wdata_o(rd_data), .rvfi_pc_rdata_o(pc), .rvfi_pc_wdata_o(next),
    .rvfi_mem_addr_o(addr), .rvfi_mem_rmask_o(rmask), .rvfi_mem_wmask_o(wmask), .rvfi_mem_rdata_o(word),
    .rvfi_mem_wdata_o(wdata)
  );

  // What RVFI does not tell: traps in W.
  (* hierconn *) logic        \dut.w_exc_q ;
  (* hierconn *) logic        \dut.w_irq_q ;
  (* hierconn *) logic [3:0]  \dut.w_code_q ;
  (* hierconn *) logic [31:0] \dut.w_tval_q ;
  (* hierconn *) logic [31:0] \dut.w_pc_q ;
  (* hierconn *) logic [31:0] \dut.trap_target ;
  (* hierconn *) logic [4:0]  \dut.u_regfile.kept ;  // of stub_regfile
  (* hierconn *) logic        \dut.d_valid_q ;
  (* hierconn *) logic        \dut.held_q ;
  (* hierconn *) logic        \dut.x_valid_q ;
  (* hierconn *) logic        \dut.m1_valid_q ;
  (* hierconn *) logic        \dut.m1_exc_q ;
  (* hierconn *) logic        \dut.m1_misal_q ;
  (* hierconn *) logic        \dut.m1_is_mem_q ;
  (* hierconn *) logic        \dut.m1_mul_q ;
  (* hierconn *) logic        \dut.m1_div_q ;
  (* hierconn *) logic        \dut.m1_csr_q ;
  (* hierconn *) logic        \dut.m1_mret_q ;
  (* hierconn *) logic        \dut.m1_serial_q ;
  (* hierconn *) logic        \dut.m1_jumped_q ;
  (* hierconn *) logic        \dut.m1_jumped_jalr_q ;
  (* hierconn *) logic        \dut.m2_valid_q ;
  (* hierconn *) logic        \dut.m2_exc_q ;
  (* hierconn *) logic        \dut.m2_is_mem_q ;
  (* hierconn *) logic        \dut.w_wen_q ;
  (* hierconn *) logic        \dut.w_valid_q ;
  (* hierconn *) logic        \dut.rd_go_q ;
  (* hierconn *) logic        \dut.rd_serial_q ;
  (* hierconn *) logic        \dut.rd_trap_q ;
  (* hierconn *) logic        \dut.csr_wr_q ;
  (* hierconn *) logic        \dut.irq_take ;
  (* hierconn *) logic        \dut.irq_pending ;
  (* hierconn *) logic        \dut.u_csr.mie_q ;
  (* hierconn *) logic        \dut.u_csr.mpie_q ;
  (* hierconn *) logic        \dut.u_csr.mtvec_vec_q ;
  (* hierconn *) logic        \dut.u_csr.cause_irq_q ;
  (* hierconn *) logic        \dut.g_rvfi.u_rvfi.intr_q ;
  (* hierconn *) logic [2:0]  \dut.u_csr.ie_q ;
  (* hierconn *) logic [2:0]  \dut.u_csr.ip_q ;
  (* hierconn *) logic [31:2] \dut.u_csr.mtvec_q ;
  (* hierconn *) logic [31:2] \dut.u_csr.mepc_q ;
  (* hierconn *) logic [3:0]  \dut.u_csr.cause_q ;
  (* hierconn *) logic [31:0] \dut.u_csr.mtval_q ;
  (* hierconn *) logic [31:0] \dut.u_csr.mscratch_q ;
  (* hierconn *) logic [63:0] \dut.g_rvfi.u_rvfi.order_q ;
  (* hierconn *) logic [31:0] \dut.pc_q ;
  logic interrupt;
  assign interrupt = \dut.w_exc_q && \dut.w_irq_q ;

  // ---------------------------------------------------------------- the surroundings

  // Instruction memory: held while imem_en is low. Some sixteenth of the addresses answers with an error.
  (* anyconst *) logic [3:0] bad_code;
  logic        held_q;
  logic [31:0] held_rdata_q, fetch_addr_q;
  always_ff @(posedge clk_i) begin
    held_q       <= !imem_en;
    held_rdata_q <= imem_rdata_i;
    if (imem_en) fetch_addr_q <= imem_addr;
  end
  assign imem_err = fetch_addr_q[5:2] == bad_code;
  always_comb if (past && held_q) assume (imem_rdata_i == held_rdata_q);
  always_comb if (IRQ == 0) assume (irq_i == 3'd0);

  // Data memory: one access may be without its answer.
  logic waits_q;
  always_ff @(posedge clk_i) begin
    if (rst) waits_q <= 1'b0;
    else waits_q <= (dmem_valid && dmem_ready_i) || (waits_q && !dmem_rvalid_i);
  end
  always_comb if (!waits_q) assume (!dmem_rvalid_i);

  // The access that was answered in the last cycle: its instruction is in W.
  logic        access_we_q, answered_q, answer_err_q;
  logic [3:0]  access_be_q, answered_be_q;
  logic [31:0] access_addr_q, access_data_q, answered_addr_q, answered_data_q, answer_q;
  logic        answered_we_q;
  always_ff @(posedge clk_i) begin
    if (dmem_valid && dmem_ready_i) begin
      access_we_q   <= dmem_we;
      access_be_q   <= dmem_be;
      access_addr_q <= dmem_addr;
      access_data_q <= dmem_wdata;
    end
    answered_q      <= dmem_rvalid_i && !rst;
    answer_err_q    <= dmem_err_i;
    answer_q        <= dmem_rdata_i;
    answered_we_q   <= access_we_q;
    answered_be_q   <= access_be_q;
    answered_addr_q <= access_addr_q;
    answered_data_q <= access_data_q;
  end

  // ---------------------------------------------------------------- the machine state as the instructions leave it

  logic [31:0] pc_q;             // of the next instruction
  logic        trapped_q;        // a trap or interrupt came before it
  logic        mie_q, mpie_q, cause_irq_q, vectored_q;
  logic [2:0]  ie_q;
  logic [31:2] mtvec_q, mepc_q;
  logic [3:0]  cause_q;
  logic [31:0] mtval_q, mscratch_q;

  // CSRs that the harness follows; counters and mip are only checked for being there.
  logic [11:0] number;
  logic        known, followed;
  logic [31:0] csr;
  assign number = insn[31:20];
  always_comb begin
    known    = 1'b1;
    followed = 1'b1;
    csr      = '0;
    case (number)
      12'h300: csr = {19'h0, 2'b11, 3'h0, mpie_q, 3'h0, mie_q, 3'h0};
      12'h301: csr = 32'h4000_1100;
      12'h304: csr = {20'h0, ie_q[2], 3'h0, ie_q[1], 3'h0, ie_q[0], 3'h0};
      12'h305: csr = {mtvec_q, 1'b0, vectored_q};
      12'h340: csr = mscratch_q;
      12'h341: csr = {mepc_q, 2'b00};
      12'h342: csr = {cause_irq_q, 27'h0, cause_q};
      12'h343: csr = mtval_q;
      12'hf14: csr = HartId;
      12'h310, 12'hf11, 12'hf12, 12'hf13, 12'hf15: csr = '0;
      12'h320, 12'h344, 12'hb00, 12'hb02, 12'hb80, 12'hb82, 12'hc00, 12'hc01, 12'hc02, 12'hc80, 12'hc81, 12'hc82: followed = 1'b0;
      default: begin
        // mhpmevent3..31; mhpmcounter3..31, hpmcounter3..31 and their upper halves
        followed = number[11:5] == 7'b0011_001 || (number[4:0] > 5'd6) || number[7];
        known    = number[4:0] > 5'd2 && (number[11:5] == 7'b0011_001 || number[11:5] == 7'b1011_000 ||
                   number[11:5] == 7'b1011_100 || number[11:5] == 7'b1100_000 || number[11:5] == 7'b1100_100);
      end
    endcase
  end

  // ---------------------------------------------------------------- what the manuals say

  logic        uses1, uses2, s_mret, s_trap, csr_write;
  logic [4:0]  s_rd;
  logic [31:0] result, s_next, s_tval, s_addr, s_wdata, csr_new, lanes;
  logic [3:0]  s_cause, s_rmask, s_wmask;
  logic [2:0]  insn_class;
  logic        fetch_fault;
  assign fetch_fault = pc[5:2] == bad_code;
  assign lanes = {{8{wmask[3]}}, {8{wmask[2]}}, {8{wmask[1]}}, {8{wmask[0]}}};

  core_spec u_spec (
    .insn_i(insn), .pc_i(pc), .a_i(a), .b_i(b), .word_i(word), .fetch_fault_i(fetch_fault), .data_fault_i(answered_q && answer_err_q),
    .csr_i(followed ? csr : rd_data), .csr_known_i(known), .uses1_o(uses1), .uses2_o(uses2), .rd_o(s_rd), .result_o(result),
    .next_o(s_next), .mret_o(s_mret), .trap_o(s_trap), .cause_o(s_cause), .tval_o(s_tval), .addr_o(s_addr), .rmask_o(s_rmask),
    .wmask_o(s_wmask), .wdata_o(s_wdata), .csr_write_o(csr_write), .csr_o(csr_new), .class_o(insn_class)
  );

  // Where a trap goes: the interrupt's code counts if mtvec is vectored.
  logic [31:0] handler;
  assign handler = {mtvec_q, 2'b00} + ((vectored_q && interrupt) ? {26'h0, \dut.w_code_q , 2'b00} : 32'h0);

  logic [2:0] seen_q;  // interrupt lines that were high since reset
  always_ff @(posedge clk_i) begin
    seen_q <= rst ? 3'd0 : seen_q | irq_i;
    if (interrupt) begin
      mpie_q      <= mie_q;
      mie_q       <= 1'b0;
      mepc_q      <= pc_q[31:2];
      cause_irq_q <= 1'b1;
      cause_q     <= \dut.w_code_q ;
      mtval_q     <= '0;
      pc_q        <= handler;
      trapped_q   <= 1'b1;
    end else if (valid && trap) begin
      mpie_q      <= mie_q;
      mie_q       <= 1'b0;
      mepc_q      <= pc[31:2];
      cause_irq_q <= 1'b0;
      cause_q     <= s_cause;
      mtval_q     <= s_tval;
      pc_q        <= handler;
      trapped_q   <= 1'b1;
    end else if (valid) begin
      pc_q      <= next;
      trapped_q <= 1'b0;
      if (s_mret) begin
        mie_q  <= mpie_q;
        mpie_q <= 1'b1;
      end
      if (insn_class == 3'd4 && insn[6:0] == 7'b1110011 && insn[14:12] != 3'd0 && csr_write) begin
        case (number)
          12'h300: {mpie_q, mie_q} <= {csr_new[7], csr_new[3]};
          12'h304: ie_q <= {csr_new[11], csr_new[7], csr_new[3]};
          12'h305: begin
            vectored_q <= csr_new[0];
            mtvec_q    <= csr_new[0] ? {csr_new[31:6], 4'h0} : csr_new[31:2];
          end
          12'h340: mscratch_q <= csr_new;
          12'h341: mepc_q <= csr_new[31:2];
          12'h342: {cause_irq_q, cause_q} <= {csr_new[31], csr_new[3:0]};
          12'h343: mtval_q <= csr_new;
          default: ;
        endcase
      end
    end
    if (rst) begin
      pc_q        <= ResetPc;
      trapped_q   <= 1'b0;
      mie_q       <= 1'b0;
      mpie_q      <= 1'b0;
      ie_q        <= '0;
      mtvec_q     <= '0;
      vectored_q  <= 1'b0;
      mepc_q      <= '0;
      cause_irq_q <= 1'b0;
      cause_q     <= '0;
      mtval_q     <= '0;
      mscratch_q  <= '0;
    end
  end

  always_comb begin
    if (QUIET != 0 && !past) begin
      assume (!(\dut.d_valid_q  || \dut.held_q  ||
                \dut.x_valid_q  ||
                \dut.m1_valid_q  ||
                \dut.m1_exc_q  ||
                \dut.m1_misal_q  ||
                \dut.m1_is_mem_q  ||
                \dut.m1_mul_q  ||
                \dut.m1_div_q  ||
                \dut.m1_csr_q  ||
                \dut.m1_mret_q  ||
                \dut.m1_serial_q  ||
                \dut.m1_jumped_q  ||
                \dut.m1_jumped_jalr_q  ||
                \dut.m2_valid_q  ||
                \dut.m2_exc_q  ||
                \dut.m2_is_mem_q  ||
                \dut.w_wen_q  ||
                \dut.w_valid_q  ||
                \dut.rd_go_q  ||
                \dut.rd_serial_q  ||
                \dut.rd_trap_q  ||
                \dut.csr_wr_q  ||
                \dut.irq_take  ||
                \dut.irq_pending  ||
                \dut.g_rvfi.u_rvfi.intr_q  ||
                \dut.w_exc_q ));
      assume (\dut.u_csr.ip_q == 3'd0 && seen_q == 3'd0 && \dut.g_rvfi.u_rvfi.order_q == 64'd0);
      assume (pc_q == \dut.pc_q && pc_q[1:0] == 2'b00 && !trapped_q && !waits_q && !answered_q);
      assume (mie_q == \dut.u_csr.mie_q && mpie_q == \dut.u_csr.mpie_q && ie_q == \dut.u_csr.ie_q );
      assume (mtvec_q == \dut.u_csr.mtvec_q && vectored_q == \dut.u_csr.mtvec_vec_q && (!vectored_q || mtvec_q[5:2] == 4'd0));
      assume (mepc_q == \dut.u_csr.mepc_q && mtval_q == \dut.u_csr.mtval_q && mscratch_q == \dut.u_csr.mscratch_q );
      assume (cause_q == \dut.u_csr.cause_q && cause_irq_q == \dut.u_csr.cause_irq_q );
    end
  end

  // ---------------------------------------------------------------- what is asserted

  logic csr_insn;
  assign csr_insn = insn_class == 3'd4 && insn[6:0] == 7'b1110011 && insn[14:12] != 3'd0;

  if (CLASS <= 5) begin : g_class
    logic mine;
    assign mine = !rst && past && valid && insn_class == 3'(CLASS);
    always_ff @(posedge clk_i) begin
      if (mine) begin
        traps: assert (trap == s_trap);
        operand1: assert (!uses1 || trap || rs1 == insn[19:15]);
        operand2: assert (!uses2 || trap || rs2 == insn[24:20]);
        zero1: assert (rs1 != 5'd0 || a == 32'h0);
        zero2: assert (rs2 != 5'd0 || b == 32'h0);
        if (trap) begin
          cause: assert (\dut.w_code_q  == s_cause && !\dut.w_irq_q );
          tval: assert (\dut.w_tval_q  == s_tval);
          epc: assert (\dut.w_pc_q  == pc);
          trap_goes: assert (next == \dut.trap_target );
          no_register: assert (rd == 5'd0 && rd_data == 32'h0);
          no_access: assert (rmask == 4'h0 && wmask == 4'h0);
        end else begin
          register: assert (rd == s_rd);
          zero: assert (rd != 5'd0 || rd_data == 32'h0);
          value: assert (rd == 5'd0 || csr_insn || rd_data == result);
          goes: assert (s_mret || next == s_next);
          read: assert (rmask == s_rmask);
          write: assert (wmask == s_wmask);
          address: assert ((rmask | wmask) == 4'h0 || addr == s_addr);
          data: assert ((wdata & lanes) == (s_wdata & lanes));
        end
      end
      if (CLASS != 5) retires: cover (mine && !trap && order == 64'd2);
      if (CLASS == 5 || CLASS == 1 || CLASS == 2 || CLASS == 4) trapping: cover (mine && trap && order == 64'd1);
    end
  end

  if (CLASS == 6) begin : g_order
    always_ff @(posedge clk_i) begin
      if (!rst && past) begin
        if (valid) begin
          starts: assert (pc == pc_q);
          numbered: assert (order == $past(order) + ($past(valid) ? 64'd1 : 64'd0) || order == 64'd0);
          after_trap: assert (intr == trapped_q);
        end
        if (interrupt) between: assert (\dut.w_pc_q  == pc_q && !valid);
        back_to_back: cover (valid && $past(valid) && $past(valid, 2));
        jump: cover (valid && order == 64'd3 && pc < ResetPc && !trapped_q);
        if (QUIET != 0) interrupted: cover (valid && intr && cause_irq_q);
      end
    end
  end

  if (CLASS == 7) begin : g_memory
    logic kept_q;
    always_ff @(posedge clk_i) begin
      kept_q <= !rst && dmem_valid && !dmem_ready_i;
      if (!rst && past) begin
        one_at_a_time: assert (!(dmem_valid && waits_q && !dmem_rvalid_i));
        request_stays: assert (!kept_q || (dmem_valid && {dmem_we, dmem_be, dmem_addr, dmem_wdata} == $past({dmem_we, dmem_be, dmem_addr, dmem_wdata})));
        if (answered_q) begin
          is_an_instruction: assert (valid && trap == answer_err_q);
          if (!trap) begin
            same_address: assert (addr == {answered_addr_q[31:2], 2'b00});
            same_lanes: assert ((answered_we_q ? wmask : rmask) == answered_be_q && (answered_we_q ? rmask : wmask) == 4'h0);
            same_data: assert (answered_we_q ? (wdata & lanes) == (answered_data_q & lanes) : word == answer_q);
          end
        end else begin
          was_asked: assert (!valid || trap || (rmask | wmask) == 4'h0);
        end
        two: cover (answered_q && $past(answered_q) && answered_we_q);
        fails: cover (answered_q && answer_err_q && answered_we_q);
      end
    end
  end

  if (CLASS == 8) begin : g_registers
    logic        written_q;
    logic [31:0] value_q;
    always_ff @(posedge clk_i) begin
      if (rst) written_q <= 1'b0;
      else if (valid && rd == \dut.u_regfile.kept && rd != 5'd0) begin
        written_q <= 1'b1;
        value_q   <= rd_data;
      end
      if (!rst && past && valid && written_q) begin
        reads1: assert (rs1 != \dut.u_regfile.kept || a == value_q);
        reads2: assert (rs2 != \dut.u_regfile.kept || b == value_q);
        next_one: cover (rs1 == \dut.u_regfile.kept && $past(valid && rd == rs1) && value_q == 32'h1234_5678);
        later: cover (rs2 == \dut.u_regfile.kept && order == 64'd5 && !$past(valid));
      end
    end
  end

  if (CLASS == 9) begin : g_csr
    always_ff @(posedge clk_i) begin
      if (!rst && past) begin
        if (valid && csr_insn && !trap && followed) value: assert (rd == 5'd0 || rd_data == csr);
        if (valid && !trap && s_mret) returns: assert (next == {mepc_q, 2'b00});
        if (valid && trap) handler_of_trap: assert (next == handler);
        if (interrupt) begin
          handler_of_interrupt: assert (\dut.trap_target  == handler);
          enabled: assert (mie_q && ((\dut.w_code_q  == 4'd3 && ie_q[0] && seen_q[0]) || (\dut.w_code_q  == 4'd7 && ie_q[1] && seen_q[1]) ||
                           (\dut.w_code_q  == 4'd11 && ie_q[2] && seen_q[2])));
        end
        read_back: cover (valid && csr_insn && !trap && number == 12'h340 && rd_data == 32'h1234_5678);
        if (QUIET != 0) handled: cover (valid && csr_insn && !trap && intr && number == 12'h342 && rd_data[31]);
      end
    end
  end

endmodule
