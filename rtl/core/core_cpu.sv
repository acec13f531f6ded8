// SPDX-License-Identifier: Apache-2.0
// The soft core: RV32IM Zicsr Zifencei (Zba Zbb with ZB = 1), machine mode only, one instruction per cycle, in
// order.
//
//   stage  what happens                                         registers that feed it
//   F      fetch address to the instruction RAM                 pc_q, or the redirect registers
//   D      RAM output: decode, register file read               d_*   (the instruction itself is held by the RAM)
//   X      forwarding, ALU, branch decision, data address       x_*
//   M1     data request; multiply; divide and CSR wait here     m1_*
//   M2     data response; sum of the partial products           m2_*
//   W      load alignment ends, register write, traps           w_*
//
// Costs (cycles beyond one per instruction): taken branch or jump 2; use of the result of a load, a multiply or clz ctz
// cpop min max by the next instruction 2, by the one after 1; a shift by a register that one of the last four
// instructions wrote 1; divide 35; CSR instructions, mret and fence.i wait until the
// pipeline is empty (about 4) and those that write refetch (2).
//
// Hazards.  Results of the ALU are forwarded from M1, M2, W and from one stage after W (because a register file
// read does not see a write in its own cycle).  Loads, multiplies, divides and CSR reads deliver in W ("late").
// The comparison of register numbers happens in D and its result is registered (x_fwd1_q, x_fwd2_q), so
// that the slow block RAM output never decides about a stall in its own cycle; X then waits if it must.
// While X waits it keeps capturing whatever operand is already there.
//
// Traps are taken in W, where everything older has succeeded; all younger instructions are discarded, and none
// of them has issued a data request because M1 holds its request back until the older access has
// answered without an error.
//
// Ports.  Instruction side: imem_addr_o is taken in every cycle in which imem_en_o is high; imem_rdata_i and
// imem_err_i belong to it in the next cycle and hold while imem_en_o is low.
// Data side: a request is accepted when valid and ready are high; each accepted request, load or store, gets one
// response (dmem_rvalid_i, with dmem_err_i and for loads dmem_rdata_i) one or more cycles later.  A new request can
// be accepted in the cycle of the previous response.  dmem_valid_o depends combinationally on
// dmem_rvalid_i and dmem_err_i; address, data and byte enables come from registers.
// dmem_wdata_o carries the store data on the lanes of dmem_be_o; dmem_addr_o keeps its two low bits.
// sleep_o: the core waits in wfi with an empty pipeline; nothing changes (but the counters) until an
// interrupt line rises.

module core_cpu #(
    parameter logic [31:0] RESET_PC = 32'h0,
    parameter logic [31:0] HART_ID = 32'h0,
    parameter bit ZB = 1'b0,    // Zba and Zbb
    parameter bit RVFI = 1'b0   // drive the RISC-V Formal Interface outputs
) (
    input logic clk_i,
    input logic rst_i,

    output logic        imem_en_o,
    output logic [31:0] imem_addr_o,
    input  logic [31:0] imem_rdata_i,
    input  logic        imem_err_i,

    output logic        dmem_valid_o,
    input  logic        dmem_ready_i,
    output logic        dmem_we_o,
    output logic [ 3:0] dmem_be_o,
    output logic [31:0] dmem_addr_o,
    output logic [31:0] dmem_wdata_o,
    input  logic        dmem_rvalid_i,
    input  logic [31:0] dmem_rdata_i,
    input  logic        dmem_err_i,

    input  logic        irq_software_i,
    input  logic        irq_timer_i,
    input  logic        irq_external_i,
    input  logic [63:0] time_i,
    output logic        sleep_o,

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

`ifndef SYNTHESIS
  initial if (RESET_PC[1:0] != 2'd0) $fatal(1, "core_cpu: RESET_PC must be a multiple of 4");
`endif

  // ---------------------------------------------------------------------------------------------------------
  // Pipeline control
  // ---------------------------------------------------------------------------------------------------------

  logic mstall;    // M1 cannot hand over, so M1, X, D and F stay
  logic m2_wait;   // M2 waits for its response, so M2 stays
  logic x_wait;    // X waits for an operand or for the pipeline to drain
  logic x_step;    // D moves to X and X to M1
  logic flush;     // a trap is taken in W: discard D, X, M1, M2
  logic redirect;  // the fetch address comes from a redirect register: discard D and X

  assign x_step = ~(mstall | x_wait);

  // ---------------------------------------------------------------------------------------------------------
  // F: fetch address
  // ---------------------------------------------------------------------------------------------------------

  logic [31:0] reset_pc;  // a signal, so that a simulator can start elsewhere
  assign reset_pc = RESET_PC;

  logic [31:0] pc_q;  // next sequential address
  logic rd_go_q;  // an instruction has just come to M1; if it is one of these, it redirects
  logic rd_eq_q, rd_lt_q, rd_jal_q, rd_jalr_q;
  logic rd_target, rd_jalr, rd_serial_q, rd_trap_q;  // at most one, for one cycle
  logic [31:0] rd_serial_pc_q, rd_trap_pc_q;
  logic [31:0] m1_target_q;  // pc + immediate of the branch or jump in M1
  logic [31:0] m1_addr_q;    // rs1 + immediate: data address, or target of jalr

  assign rd_target = rd_go_q & (rd_eq_q | rd_lt_q | rd_jal_q);
  assign rd_jalr = rd_go_q & rd_jalr_q;
  assign redirect = rd_target | rd_jalr | rd_serial_q | rd_trap_q;
  assign imem_en_o = redirect | x_step;
  assign imem_addr_o = ({32{~redirect}} & pc_q) | ({32{rd_target}} & m1_target_q) |
      ({32{rd_jalr}} & {m1_addr_q[31:1], 1'b0}) | ({32{rd_serial_q}} & rd_serial_pc_q) |
      ({32{rd_trap_q}} & rd_trap_pc_q);

  logic d_valid_q;
  logic [31:0] d_pc_q;

  always_ff @(posedge clk_i) begin
    if (imem_en_o) begin
      pc_q <= imem_addr_o + 32'd4;
      d_pc_q <= imem_addr_o;
      d_valid_q <= 1'b1;
    end
    if (flush) d_valid_q <= 1'b0;
    if (rst_i) begin
      pc_q <= reset_pc;
      d_valid_q <= 1'b0;
    end
  end

  // ---------------------------------------------------------------------------------------------------------
  // D: decode and register file
  // ---------------------------------------------------------------------------------------------------------

  logic [31:0] d_imm, d_rs1, d_rs2;
  logic d_use_rs1, d_use_rs2;
  core_pkg::ctl_t d_ctl;

  core_decode #(
      .ZB(ZB)
  ) u_decode (
      .insn_i(imem_rdata_i),
      .imm_o(d_imm),
      .use_rs1_o(d_use_rs1),
      .use_rs2_o(d_use_rs2),
      .ctl_o(d_ctl)
  );

  logic w_we;
  logic [ 4:0] w_rd_q;
  logic [31:0] w_data;

  core_regfile u_regfile (
      .clk_i,
      .we_i(w_we),
      .waddr_i(w_rd_q),
      .wdata_i(w_data),
      .raddr1_i(imem_rdata_i[19:15]),
      .raddr2_i(imem_rdata_i[24:20]),
      .rdata1_o(d_rs1),
      .rdata2_o(d_rs2)
  );

  // Where each operand will be when the instruction is in X.  One-hot: a producer is ignored if a younger one
  // writes the same register (the *_hides signals compare registers only, not the RAM output).
  typedef struct packed {
    logic pw;  // one stage after W
    logic w;
    logic m2;
    logic m1;
    logic rf;  // register file, or captured earlier
  } fwd_t;

  logic x_valid_q, m1_valid_q, m2_valid_q;
  logic x_wen_q, m1_wen_q, m2_wen_q, w_wen_q;
  logic [4:0] x_rd_q, m1_rd_q, m2_rd_q;
  logic from_x, from_m1, from_m2, from_w;
  assign from_x = x_valid_q & x_wen_q;
  assign from_m1 = m1_valid_q & m1_wen_q & ~(from_x & x_rd_q == m1_rd_q);
  assign from_m2 = m2_valid_q & m2_wen_q & ~(from_x & x_rd_q == m2_rd_q) &
      ~(m1_valid_q & m1_wen_q & m1_rd_q == m2_rd_q);
  assign from_w = w_wen_q & ~(from_x & x_rd_q == w_rd_q) & ~(m1_valid_q & m1_wen_q & m1_rd_q == w_rd_q) &
      ~(m2_valid_q & m2_wen_q & m2_rd_q == w_rd_q);

  fwd_t d_fwd1, d_fwd2;
  always_comb begin
    d_fwd1.m1 = d_use_rs1 & from_x & imem_rdata_i[19:15] == x_rd_q;
    d_fwd1.m2 = d_use_rs1 & from_m1 & imem_rdata_i[19:15] == m1_rd_q;
    d_fwd1.w = d_use_rs1 & from_m2 & imem_rdata_i[19:15] == m2_rd_q;
    d_fwd1.pw = d_use_rs1 & from_w & imem_rdata_i[19:15] == w_rd_q;
    d_fwd1.rf = d_use_rs1 & ~(d_fwd1.m1 | d_fwd1.m2 | d_fwd1.w | d_fwd1.pw);
    d_fwd2.m1 = d_use_rs2 & from_x & imem_rdata_i[24:20] == x_rd_q;
    d_fwd2.m2 = d_use_rs2 & from_m1 & imem_rdata_i[24:20] == m1_rd_q;
    d_fwd2.w = d_use_rs2 & from_m2 & imem_rdata_i[24:20] == m2_rd_q;
    d_fwd2.pw = d_use_rs2 & from_w & imem_rdata_i[24:20] == w_rd_q;
    d_fwd2.rf = d_use_rs2 & ~(d_fwd2.m1 | d_fwd2.m2 | d_fwd2.w | d_fwd2.pw);
  end

  // ---------------------------------------------------------------------------------------------------------
  // X: execute
  // ---------------------------------------------------------------------------------------------------------

  core_pkg::ctl_t x_ctl_q;
  fwd_t x_fwd1_q, x_fwd2_q;
  logic [31:0] x_insn_q, x_pc_q, x_imm_q, x_rs1_q, x_rs2_q;
  logic x_ferr_q, x_irq_q;
  logic [4:0] x_sh_q;  // shift amount
  logic [3:0] x_irq_code_q;

  logic irq_take, irq_pending;
  logic [ 3:0] irq_code;

  // Operands: AND-OR of the one-hot sources.
  // All of these but one are zero: the selection of the result takes place after the registers.
  logic [31:0] m1_sum_q, m1_lgc_q, m1_sft_q;
  logic m1_slt_q;
  logic [31:0] m1_res, m2_res_q, pw_q;
  assign m1_res = m1_sum_q | m1_lgc_q | m1_sft_q | {31'd0, m1_slt_q};
  logic [31:0] x_a, x_b;
  assign x_a = ({32{x_fwd1_q.rf}} & x_rs1_q) | ({32{x_fwd1_q.m2}} & m2_res_q) | ({32{x_fwd1_q.w}} & w_data) |
      ({32{x_fwd1_q.pw}} & pw_q) | ({32{x_fwd1_q.m1}} & m1_res) | ({32{x_ctl_q.use_pc}} & x_pc_q);
  assign x_b = ({32{x_fwd2_q.rf}} & x_rs2_q) | ({32{x_fwd2_q.m2}} & m2_res_q) | ({32{x_fwd2_q.w}} & w_data) |
      ({32{x_fwd2_q.pw}} & pw_q) | ({32{x_fwd2_q.m1}} & m1_res) | ({32{x_ctl_q.use_imm}} & x_imm_q);

  // Operands after this cycle, if X stays: early results are captured, late ones move along with their producer.
  logic m1_late_q, m2_late_q;
  fwd_t x_fwd1_stay, x_fwd2_stay;
  always_comb begin
    x_fwd1_stay = '0;
    x_fwd1_stay.m1 = x_fwd1_q.m1 & m1_late_q & mstall;
    x_fwd1_stay.m2 = (x_fwd1_q.m1 & m1_late_q & ~mstall) | (x_fwd1_q.m2 & m2_late_q & m2_wait);
    x_fwd1_stay.w = x_fwd1_q.m2 & m2_late_q & ~m2_wait;
    x_fwd1_stay.rf = ~(x_fwd1_q.m1 & m1_late_q | x_fwd1_q.m2 & m2_late_q) & |x_fwd1_q;
    x_fwd2_stay = '0;
    x_fwd2_stay.m1 = x_fwd2_q.m1 & m1_late_q & mstall;
    x_fwd2_stay.m2 = (x_fwd2_q.m1 & m1_late_q & ~mstall) | (x_fwd2_q.m2 & m2_late_q & m2_wait);
    x_fwd2_stay.w = x_fwd2_q.m2 & m2_late_q & ~m2_wait;
    x_fwd2_stay.rf = ~(x_fwd2_q.m1 & m1_late_q | x_fwd2_q.m2 & m2_late_q) & |x_fwd2_q;
  end

  always_ff @(posedge clk_i) begin
    if (x_step) begin
      x_insn_q <= imem_rdata_i;
      x_pc_q <= d_pc_q;
      x_imm_q <= d_imm;
      x_ctl_q <= d_ctl;
      x_wen_q <= d_ctl.writes_rd;
      x_rd_q <= imem_rdata_i[11:7];
      x_ferr_q <= imem_err_i;
      x_irq_q <= irq_take;
      x_irq_code_q <= irq_code;
    end
    x_rs1_q <= x_step ? d_rs1 : x_a;
    x_rs2_q <= x_step ? d_rs2 : x_b;
    // Shifts by a register whose value had to be forwarded wait a cycle: the shift amount fans out to the whole
    // shifter, so it has to come from a register of its own.
    x_sh_q <= ~x_step ? x_b[4:0] : d_use_rs2 ? d_rs2[4:0] : imem_rdata_i[24:20];
    x_fwd1_q <= x_step ? d_fwd1 : x_fwd1_stay;
    x_fwd2_q <= x_step ? d_fwd2 : x_fwd2_stay;
    if (x_step) x_valid_q <= d_valid_q;
    if (redirect | flush | rst_i) x_valid_q <= 1'b0;
  end

  logic x_legal, x_ecall, x_ebreak, x_mret, x_wfi, x_csr;
  core_legal #(
      .ZB(ZB)
  ) u_legal (
      .insn_i(x_insn_q),
      .legal_o(x_legal),
      .ecall_o(x_ecall),
      .ebreak_o(x_ebreak),
      .mret_o(x_mret),
      .wfi_o(x_wfi),
      .csr_o(x_csr)
  );

  logic x_exc;
  assign x_exc = x_irq_q | x_ferr_q | ~x_legal | x_ecall | x_ebreak;
  logic [3:0] x_code;
  always_comb begin
    if (x_irq_q) x_code = x_irq_code_q;
    else if (x_ferr_q) x_code = core_pkg::ExcInsnFault;
    else if (~x_legal) x_code = core_pkg::ExcIllegal;
    else if (x_ecall) x_code = core_pkg::ExcEcallM;
    else x_code = core_pkg::ExcBreakpoint;
  end

  // Waiting: late operands; SYSTEM and FENCE.I until nothing older is left; wfi until an interrupt is pending;
  // anything behind an instruction that refetches.
  logic x_late, x_shift, x_drain, m1_serial_q, w_busy;
  assign x_late = ((x_fwd1_q.m1 | x_fwd2_q.m1) & m1_late_q) | ((x_fwd1_q.m2 | x_fwd2_q.m2) & m2_late_q);
  assign x_shift = x_ctl_q.sh_reg & (x_fwd2_q.m1 | x_fwd2_q.m2 | x_fwd2_q.w | x_fwd2_q.pw);
  logic x_sleep, x_wfi_q, x_again_q;
  always_ff @(posedge clk_i) begin
    x_again_q <= ~x_step;  // X holds the instruction for at least the second cycle, so x_wfi_q belongs to it
    x_wfi_q   <= x_wfi & ~x_irq_q & ~x_ferr_q;
  end
  assign x_drain = x_ctl_q.serial & (m1_valid_q | m2_valid_q | w_busy | ~x_again_q);
  assign x_sleep = x_ctl_q.serial & x_wfi_q & ~irq_pending;
  assign x_wait = x_valid_q & (x_late | x_shift | x_drain | x_sleep) | m1_serial_q;
  assign sleep_o = x_valid_q & x_sleep & ~x_drain & ~redirect & ~flush;

  logic [31:0] x_sum, x_lgc, x_sft, zbb_quick, zbb_minmax;
  logic [5:0] zbb_count;
  logic x_lt, x_eq;
  core_alu #(
      .ZB(ZB)
  ) u_alu (
      .ctl_i(x_ctl_q),
      .a_i(x_a),
      .b_i(x_b),
      .sh_i(x_sh_q),
      .zbb_i(zbb_quick),
      .sum_o(x_sum),
      .lgc_o(x_lgc),
      .shift_o(x_sft),
      .lt_o(x_lt),
      .eq_o(x_eq)
  );

  logic [31:0] x_addr;
  assign x_addr = x_a + x_imm_q;
  logic x_taken_eq, x_taken_lt;
  assign x_taken_eq = x_ctl_q.branch_eq & (x_eq ^ x_ctl_q.branch_inv);
  assign x_taken_lt = x_ctl_q.branch_lt & (x_lt ^ x_ctl_q.branch_inv);

  // Data request: byte enables, store data on its lanes, alignment.
  logic [1:0] x_size;
  logic [3:0] x_be;
  logic [31:0] x_wdata;
  logic x_misaligned;
  assign x_size = x_insn_q[13:12];
  always_comb begin
    unique case (x_size)
      2'd0: begin
        x_be = 4'b0001 << x_addr[1:0];
        x_wdata = {4{x_b[7:0]}};
        x_misaligned = 1'b0;
      end
      2'd1: begin
        x_be = x_addr[1] ? 4'b1100 : 4'b0011;
        x_wdata = {2{x_b[15:0]}};
        x_misaligned = x_addr[0];
      end
      default: begin
        x_be = 4'b1111;
        x_wdata = x_b;
        x_misaligned = |x_addr[1:0];
      end
    endcase
  end

  logic x_go;  // X hands a live instruction to M1
  assign x_go = x_step & x_valid_q & ~redirect & ~flush & ~rst_i;

  // ---------------------------------------------------------------------------------------------------------
  // M1: data request, multiplier, divider, CSR access
  // ---------------------------------------------------------------------------------------------------------

  logic m1_exc_q, m1_irq_q, m1_misal_q, m1_is_mem_q, m1_we_q, m1_mul_q, m1_div_q, m1_csr_q, m1_mret_q;
  logic m1_a_signed_q, m1_b_signed_q;
  logic m1_zbb_q;   // clz ctz cpop min max
  logic m1_link_q;  // result is the return address
  logic [3:0] m1_csr_phase_q;  // one-hot: decode, read, modify, write
  logic [3:0] m1_code_q, m1_be_q;
  logic [31:0] m1_a_q, m1_b_q, m1_wdata_q, m1_pc_q, m1_insn_q;

  always_ff @(posedge clk_i) begin
    // An instruction that traps may redirect as well: nothing comes of it.
    rd_go_q   <= x_go;
    rd_eq_q   <= x_taken_eq;
    rd_lt_q   <= x_taken_lt;
    rd_jal_q  <= x_ctl_q.jal;
    rd_jalr_q <= x_ctl_q.jalr;
    if (~mstall) begin
      m1_target_q <= x_pc_q + x_imm_q;
      m1_addr_q <= x_addr;
      m1_sum_q <= x_ctl_q.sel.add ? x_sum : 32'd0;
      m1_lgc_q <= x_lgc;
      m1_sft_q <= x_sft;
      m1_slt_q <= x_ctl_q.sel.slt & x_lt;
      m1_a_q <= x_a;
      m1_b_q <= x_b;
      m1_a_signed_q <= x_insn_q[13:12] != 2'd3;  // mulhu is unsigned
      m1_b_signed_q <= ~x_insn_q[13];  // mulhsu, mulhu: unsigned
      m1_wdata_q <= x_wdata;
      m1_be_q <= x_be;
      m1_we_q <= x_ctl_q.store;
      m1_pc_q <= x_pc_q;
      m1_insn_q <= x_insn_q;
      m1_rd_q <= x_rd_q;
      m1_wen_q <= x_wen_q;
      // A return address is late as well; nobody waits for it, because the jump's target comes three cycles later.
      m1_late_q <= x_ctl_q.load | x_ctl_q.zbb_slow | x_ctl_q.mul | x_ctl_q.div | x_ctl_q.serial | x_ctl_q.jal | x_ctl_q.jalr;
      m1_link_q <= x_ctl_q.jal | x_ctl_q.jalr;
      m1_zbb_q <= x_ctl_q.zbb_slow;
      m1_irq_q <= x_irq_q;
      m1_code_q <= x_code;
      m1_csr_phase_q <= 4'b0001;
    end else begin
      m1_csr_phase_q <= {m1_csr_phase_q[2:0], 1'b0};
    end
    // Bits with an effect: cleared with the instruction.
    if (~mstall | flush | rst_i) begin
      m1_valid_q <= x_go;
      m1_exc_q <= x_go & x_exc;
      m1_misal_q <= x_go & (x_ctl_q.load | x_ctl_q.store) & x_misaligned;
      m1_is_mem_q <= x_go & (x_ctl_q.load | x_ctl_q.store) & ~x_exc & ~x_misaligned;
      m1_mul_q <= x_go & x_ctl_q.mul;
      m1_div_q <= x_go & x_ctl_q.div & ~x_exc;
      m1_csr_q <= x_go & x_csr & ~x_exc;
      m1_mret_q <= x_go & x_mret & ~x_exc;
      m1_serial_q <= x_go & x_ctl_q.serial & ~x_wfi;
    end
  end

  // Exceptions found so far, in the order of their priority for one instruction.
  logic m1_tgt_bad, csr_illegal, m1_exc;
  logic [3:0] m1_code;
  logic [31:0] m1_tval;
  // A taken branch or jump is in M1: redirects in its first cycle there, and may have to stay longer.
  logic m1_jumps, m1_jumps_jalr, m1_jumped_q, m1_jumped_jalr_q;
  assign m1_jumps = rd_target | m1_jumped_q;
  assign m1_jumps_jalr = rd_jalr | m1_jumped_jalr_q;
  assign m1_tgt_bad = (m1_jumps & m1_target_q[1]) | (m1_jumps_jalr & m1_addr_q[1]);
  always_ff @(posedge clk_i) begin
    m1_jumped_q <= mstall & m1_jumps & ~flush & ~rst_i;
    m1_jumped_jalr_q <= mstall & m1_jumps_jalr & ~flush & ~rst_i;
  end

  assign m1_exc = m1_exc_q | m1_misal_q | m1_tgt_bad | (m1_csr_q & csr_illegal);
  always_comb begin
    m1_code = m1_code_q;
    m1_tval = 32'd0;
    if (m1_exc_q) begin
      if (m1_irq_q | m1_code_q == core_pkg::ExcEcallM) m1_tval = 32'd0;
      else if (m1_code_q == core_pkg::ExcIllegal) m1_tval = m1_insn_q;
      else m1_tval = m1_pc_q;  // fetch fault, breakpoint
    end else if (m1_tgt_bad) begin
      m1_code = core_pkg::ExcInsnMisaligned;
      m1_tval = m1_jumps ? m1_target_q : {m1_addr_q[31:1], 1'b0};
    end else if (m1_csr_q) begin
      m1_code = core_pkg::ExcIllegal;
      m1_tval = m1_insn_q;
    end else begin
      if (m1_misal_q) m1_code = m1_we_q ? core_pkg::ExcStoreMisaligned : core_pkg::ExcLoadMisaligned;
      else m1_code = m1_we_q ? core_pkg::ExcStoreFault : core_pkg::ExcLoadFault;
      m1_tval = m1_addr_q;
    end
  end

  // Data request.
  logic m2_is_mem_q, m2_exc_q, m2_count_q, w_exc_q;
  assign dmem_valid_o = m1_is_mem_q & ~m2_exc_q & ~w_exc_q & (~m2_is_mem_q | (dmem_rvalid_i & ~dmem_err_i));
  assign dmem_we_o = m1_we_q;
  assign dmem_be_o = m1_be_q;
  assign dmem_addr_o = m1_addr_q;
  assign dmem_wdata_o = m1_wdata_q;

  logic div_done;
  logic [31:0] mul_res, div_res;
  core_muldiv u_muldiv (
      .clk_i,
      .rst_i,
      .f3_i(m1_insn_q[14:12]),
      .a_signed_i(m1_a_signed_q),
      .b_signed_i(m1_b_signed_q),
      .a_i(m1_a_q),
      .b_i(m1_b_q),
      .mul_en_i(~m2_wait),
      .mul_res_o(mul_res),
      .div_i(m1_div_q),
      .div_done_o(div_done),
      .div_res_o(div_res)
  );

  if (ZB) begin : g_zbb
    core_zbb u_zbb (
        .x_insn_i(x_insn_q[31:7]),
        .x_a_i(x_a),
        .quick_o(zbb_quick),
        .m1_insn_i(m1_insn_q[31:7]),
        .clk_i,
        .m1_a_i(m1_a_q),
        .m1_b_i(m1_b_q),
        .minmax_o(zbb_minmax),
        .m2_load_i(~m2_wait),
        .m2_count_i(m2_count_q),
        .count_o(zbb_count)
    );
  end else begin : g_no_zbb
    assign zbb_quick  = 32'd0;
    assign zbb_minmax = 32'd0;
    assign zbb_count = 6'd0;
    logic unused_count;
    assign unused_count = m2_count_q;
  end

  assign m2_wait = m2_is_mem_q & ~dmem_rvalid_i;
  assign mstall = m2_wait | (m1_is_mem_q & ~(dmem_valid_o & dmem_ready_i)) | (m1_div_q & ~div_done) |
      (m1_csr_q & ~m1_csr_phase_q[3]);

  // CSR access, one step per cycle: decode the number, read, compute the new value, write.
  logic [31:0] m1_next;
  assign m1_next = m1_pc_q + 32'd4;
  logic m1_step;  // M1 hands a live instruction to M2
  assign m1_step = m1_valid_q & ~mstall & ~flush;

  logic [31:0] csr_rdata, csr_src, csr_wdata_q, csr_mepc;
  logic csr_write, csr_wr_q;
  assign csr_src = m1_insn_q[14] ? {27'd0, m1_insn_q[19:15]} : m1_a_q;
  assign csr_write = ~m1_insn_q[13] | m1_insn_q[19:15] != 5'd0;
  always_ff @(posedge clk_i) begin
    // Nothing else is in the pipeline, so the write can be decided a cycle before.
    csr_wr_q <= m1_csr_q & m1_csr_phase_q[2] & csr_write & ~csr_illegal & ~rst_i;
    unique case (m1_insn_q[13:12])
      2'd2: csr_wdata_q <= csr_rdata | csr_src;
      2'd3: csr_wdata_q <= csr_rdata & ~csr_src;
      default: csr_wdata_q <= csr_src;
    endcase
  end

  logic w_irq_q, w_valid_q, load_use_event, mem_event, div_event;
  logic [3:0] w_code_q;
  logic [31:0] w_pc_q, w_tval_q, trap_target;
  core_csr #(
      .HART_ID(HART_ID)
  ) u_csr (
      .clk_i,
      .rst_i,
      .addr_i(m1_insn_q[31:20]),
      .write_i(csr_write),
      .illegal_o(csr_illegal),
      .rdata_o(csr_rdata),
      .wr_i(csr_wr_q),
      .wdata_i(csr_wdata_q),
      .mret_i(m1_mret_q & m1_step),
      .mepc_o(csr_mepc),
      .trap_i(w_exc_q),
      .trap_irq_i(w_irq_q),
      .trap_code_i(w_code_q),
      .trap_pc_i(w_pc_q),
      .trap_val_i(w_tval_q),
      .trap_target_o(trap_target),
      .irq_software_i,
      .irq_timer_i,
      .irq_external_i,
      .irq_pending_o(irq_pending),
      .irq_take_o(irq_take),
      .irq_code_o(irq_code),
      .time_i,
      .retire_i(w_valid_q),
      .event_i({div_event, mem_event, load_use_event, (rd_target | rd_jalr) & ~m1_exc_q})
  );

  always_ff @(posedge clk_i) begin
    load_use_event <= x_valid_q & x_late & ~mstall;
    mem_event <= m2_wait | (m1_is_mem_q & ~(dmem_valid_o & dmem_ready_i));
    div_event <= m1_div_q;
  end

  // After mret: to mepc.  After a CSR write or fence.i: to the next instruction, fetched again.  X is empty or
  // waits behind m1_serial_q, so only D and X have to be discarded; m1_serial_q covers the cycle in between.
  always_ff @(posedge clk_i) begin
    rd_serial_q <= m1_step & m1_serial_q & ~m1_exc & (m1_mret_q | ~m1_csr_q | csr_write);
    rd_serial_pc_q <= m1_mret_q ? csr_mepc : m1_next;
    if (rst_i) rd_serial_q <= 1'b0;
  end

  // ---------------------------------------------------------------------------------------------------------
  // M2: data response
  // ---------------------------------------------------------------------------------------------------------

  logic m2_irq_q, m2_mul_q, m2_load_q;
  logic [1:0] m2_off_q, m2_size_q;
  logic m2_uns_q;
  logic [3:0] m2_code_q;
  logic [31:0] m2_tval_q, m2_pc_q;

  always_ff @(posedge clk_i) begin
    if (~m2_wait) begin
      m2_res_q <= m1_csr_q ? csr_rdata : m1_div_q ? div_res : m1_link_q ? m1_next : m1_zbb_q ? zbb_minmax : m1_res;
      m2_rd_q <= m1_rd_q;
      m2_wen_q <= m1_wen_q & ~m1_exc;
      m2_late_q <= m1_late_q;
      m2_mul_q <= m1_mul_q;
      m2_count_q <= m1_zbb_q & ~m1_insn_q[5];  // OP-IMM
      m2_load_q <= m1_is_mem_q & ~m1_we_q;
      m2_off_q <= m1_addr_q[1:0];
      m2_size_q <= m1_insn_q[13:12];
      m2_uns_q <= m1_insn_q[14];
      m2_irq_q <= m1_irq_q & m1_exc_q;
      m2_code_q <= m1_code;
      m2_tval_q <= m1_tval;
      m2_pc_q <= m1_pc_q;
    end
    if (~m2_wait | flush | rst_i) begin
      m2_valid_q <= m1_step & ~rst_i;
      m2_exc_q <= m1_step & m1_exc & ~rst_i;
      m2_is_mem_q <= m1_step & m1_is_mem_q & ~rst_i;
    end
  end

  // Load alignment: bytes to their lanes now, the copies of the sign in W.
  logic [31:0] m2_lane;
  logic m2_sign;
  always_comb begin
    unique case (m2_off_q)
      2'd0: m2_lane[7:0] = dmem_rdata_i[7:0];
      2'd1: m2_lane[7:0] = dmem_rdata_i[15:8];
      2'd2: m2_lane[7:0] = dmem_rdata_i[23:16];
      default: m2_lane[7:0] = dmem_rdata_i[31:24];
    endcase
    m2_lane[15:8] = m2_off_q[1] ? dmem_rdata_i[31:24] : dmem_rdata_i[15:8];
    m2_lane[31:16] = dmem_rdata_i[31:16];
    // The sign is the top bit of the byte or half word; for a half word at offset 0 that is byte 1's.
    unique case ({m2_off_q[1], m2_off_q[0] | m2_size_q[0]})
      2'd0: m2_sign = dmem_rdata_i[7];
      2'd1: m2_sign = dmem_rdata_i[15];
      2'd2: m2_sign = dmem_rdata_i[23];
      default: m2_sign = dmem_rdata_i[31];
    endcase
  end

  // ---------------------------------------------------------------------------------------------------------
  // W: write-back and traps
  // ---------------------------------------------------------------------------------------------------------

  logic [31:0] w_res_q, w_lane_q;
  logic w_sign8_q, w_sign16_q, m2_step;
  assign m2_step = m2_valid_q & ~m2_wait & ~flush;

  always_ff @(posedge clk_i) begin
    w_res_q <= m2_mul_q ? mul_res : m2_load_q ? 32'd0 : m2_res_q | {26'd0, zbb_count};
    w_lane_q[7:0] <= m2_load_q ? m2_lane[7:0] : 8'd0;
    w_lane_q[15:8] <= m2_load_q & m2_size_q != 2'd0 ? m2_lane[15:8] : 8'd0;
    w_lane_q[31:16] <= m2_load_q & m2_size_q[1] ? m2_lane[31:16] : 16'd0;
    w_sign8_q <= m2_load_q & ~m2_uns_q & m2_size_q == 2'd0 & m2_sign;
    w_sign16_q <= m2_load_q & ~m2_uns_q & ~m2_size_q[1] & m2_sign;
    w_rd_q <= m2_rd_q;
    w_code_q <= m2_code_q;
    w_irq_q <= m2_irq_q;
    w_pc_q <= m2_pc_q;
    w_tval_q <= m2_tval_q;
    w_wen_q <= m2_step & m2_wen_q & ~(m2_is_mem_q & dmem_err_i);
    w_exc_q <= m2_step & (m2_exc_q | (m2_is_mem_q & dmem_err_i));
    w_valid_q <= m2_step & ~(m2_exc_q | (m2_is_mem_q & dmem_err_i));
    if (rst_i) begin
      w_wen_q <= 1'b0;
      w_exc_q <= 1'b0;
      w_valid_q <= 1'b0;
    end
  end

  assign w_data = w_res_q | w_lane_q | {{16{w_sign16_q}}, {8{w_sign8_q}}, 8'd0};
  assign w_we = w_wen_q;
  assign w_busy = w_valid_q | w_exc_q;
  assign flush = w_exc_q;

  always_ff @(posedge clk_i) begin
    pw_q <= w_data;
    rd_trap_q <= w_exc_q & ~rst_i;
    rd_trap_pc_q <= trap_target;
  end

  // ---------------------------------------------------------------------------------------------------------
  // RVFI
  // ---------------------------------------------------------------------------------------------------------

  if (RVFI) begin : g_rvfi
    core_rvfi u_rvfi (
        .clk_i,
        .rst_i,
        .m1_load_i(~mstall),
        .m2_load_i(~m2_wait),
        .x_insn_i(x_insn_q),
        .x_pc_i(x_pc_q),
        .x_rs1_i((|x_fwd1_q) & ~x_irq_q & ~x_ferr_q),
        .x_rs2_i((|x_fwd2_q) & ~x_irq_q & ~x_ferr_q),
        .x_a_i(x_a),
        .x_b_i(x_b),
        .x_next_i(x_taken_eq | x_taken_lt | x_ctl_q.jal ? x_pc_q + x_imm_q : x_ctl_q.jalr ? {x_addr[31:1], 1'b0} : x_pc_q + 32'd4),
        .m1_mret_i(m1_mret_q),
        .m1_mepc_i(csr_mepc),
        .m1_mem_i(m1_is_mem_q),
        .m1_we_i(m1_we_q),
        .m1_be_i(m1_be_q),
        .m1_addr_i(m1_addr_q),
        .m1_wdata_i(m1_wdata_q),
        .m2_rdata_i(dmem_rdata_i),
        .w_retire_i(w_valid_q),
        .w_exc_i(w_exc_q),
        .w_irq_i(w_irq_q),
        .w_wen_i(w_wen_q),
        .w_rd_i(w_rd_q),
        .w_data_i(w_data),
        .trap_target_i(trap_target),
        .rvfi_valid_o,
        .rvfi_order_o,
        .rvfi_insn_o,
        .rvfi_trap_o,
        .rvfi_halt_o,
        .rvfi_intr_o,
        .rvfi_mode_o,
        .rvfi_ixl_o,
        .rvfi_rs1_addr_o,
        .rvfi_rs2_addr_o,
        .rvfi_rs1_rdata_o,
        .rvfi_rs2_rdata_o,
        .rvfi_rd_addr_o,
        .rvfi_rd_wdata_o,
        .rvfi_pc_rdata_o,
        .rvfi_pc_wdata_o,
        .rvfi_mem_addr_o,
        .rvfi_mem_rmask_o,
        .rvfi_mem_wmask_o,
        .rvfi_mem_rdata_o,
        .rvfi_mem_wdata_o
    );
  end else begin : g_no_rvfi
    assign rvfi_valid_o = 1'b0;
    assign rvfi_order_o = 64'd0;
    assign rvfi_insn_o = 32'd0;
    assign rvfi_trap_o = 1'b0;
    assign rvfi_halt_o = 1'b0;
    assign rvfi_intr_o = 1'b0;
    assign rvfi_mode_o = 2'd0;
    assign rvfi_ixl_o = 2'd0;
    assign rvfi_rs1_addr_o = 5'd0;
    assign rvfi_rs2_addr_o = 5'd0;
    assign rvfi_rs1_rdata_o = 32'd0;
    assign rvfi_rs2_rdata_o = 32'd0;
    assign rvfi_rd_addr_o = 5'd0;
    assign rvfi_rd_wdata_o = 32'd0;
    assign rvfi_pc_rdata_o = 32'd0;
    assign rvfi_pc_wdata_o = 32'd0;
    assign rvfi_mem_addr_o = 32'd0;
    assign rvfi_mem_rmask_o = 4'd0;
    assign rvfi_mem_wmask_o = 4'd0;
    assign rvfi_mem_rdata_o = 32'd0;
    assign rvfi_mem_wdata_o = 32'd0;
  end

`ifndef SYNTHESIS
  // The data side keeps a request until it is accepted; whatever selects by OR is one-hot.
  logic held_q;
  logic [68:0] request, request_q;
  assign request = {dmem_we_o, dmem_be_o, dmem_addr_o, dmem_wdata_o};
  always_ff @(posedge clk_i) begin
    held_q <= dmem_valid_o & ~dmem_ready_i & ~rst_i;
    request_q <= request;
    if (~rst_i) begin
      assert (~held_q | (dmem_valid_o & request == request_q));
      assert ($onehot0({rd_target, rd_jalr, rd_serial_q, rd_trap_q}));
      assert (~x_valid_q | $onehot0({x_fwd1_q, x_ctl_q.use_pc}));
      assert (~x_valid_q | $onehot0({x_fwd2_q, x_ctl_q.use_imm}));
      assert ($onehot0({w_valid_q, w_exc_q}));
    end
  end
`endif

endmodule
