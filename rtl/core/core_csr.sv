// SPDX-License-Identifier: Apache-2.0
// Control and status registers of machine mode (privileged manual 1.12, chapters 2 and 3): trap state,
// interrupt enables, cycle/instruction counters and four event counters.
//
// CSR instructions take four cycles in stage M1, with addr_i and write_i stable: decode (illegal_o is valid afterwards),
// read (rdata_o is valid afterwards), modify (outside), write (wr_i high).  Nothing older is in flight then, so
// nothing here is speculative.
// Traps arrive from stage W; trap_i and wr_i/mret_i are never high together.
//
// Writable fields: mstatus.MIE/MPIE (MPP reads 3: there is no other mode), mie.MSIE/MTIE/MEIE,
// mtvec (direct or vectored; vectored bases are 64-byte aligned, low bits read 0), mepc[31:2], mcause[31,3:0],
// mtval, mscratch, mcycle[h], minstret[h], mcountinhibit bits 0, 2..6, mhpmcounter3..6 (32 bits wide; any
// write clears them; the upper halves and the counters from 7 read 0).  Event counters, fixed events:
//   3 taken branches and jumps   4 cycles waiting for a load or multiply result
//   5 cycles waiting for data memory   6 cycles waiting for the divider

module core_csr #(
    parameter logic [31:0] HART_ID = 32'h0
) (
    input  logic        clk_i,
    input  logic        rst_i,
    // CSR instruction in M1
    input  logic [11:0] addr_i,
    input  logic        write_i,         // the instruction writes (it is not csrrs/csrrc with rs1 = 0)
    output logic        illegal_o,       // no such CSR, or a write to a read-only one
    output logic [31:0] rdata_o,         // value before the write
    input  logic        wr_i,            // perform the write
    input  logic [31:0] wdata_i,
    // mret in M1
    input  logic        mret_i,
    output logic [31:0] mepc_o,
    // trap in W
    input  logic        trap_i,
    input  logic        trap_irq_i,
    input  logic [ 3:0] trap_code_i,
    input  logic [31:0] trap_pc_i,
    input  logic [31:0] trap_val_i,
    output logic [31:0] trap_target_o,   // combinational from trap_irq_i and trap_code_i
    // interrupts
    input  logic        irq_software_i,
    input  logic        irq_timer_i,
    input  logic        irq_external_i,
    output logic        irq_pending_o,   // something enabled in mie is pending, whatever mstatus.MIE says: wakes wfi
    output logic        irq_take_o,      // ... and mstatus.MIE is set
    output logic [ 3:0] irq_code_o,
    // counters
    input  logic [63:0] time_i,
    input  logic        retire_i,        // an instruction retires in W
    input  logic [ 3:0] event_i          // for mhpmcounter3..6
);

  logic mie_q, mpie_q;
  logic [2:0] ie_q, ip_q;  // external, timer, software
  logic [31:2] mtvec_q, mepc_q;
  logic mtvec_vec_q;
  logic cause_irq_q;
  logic [3:0] cause_q;
  logic [31:0] mtval_q, mscratch_q;
  logic [63:0] mcycle_q, minstret_q;
  logic [3:0][31:0] hpm_q;
  logic [6:0] inhibit_q;

  // Decode.  Counters and event selectors 3..31 all exist; those that are not listed below read zero:
  // [m]hpmcounter3..31[h] (0xb03, 0xb83, 0xc03, 0xc83 and up), mhpmevent3..31 (0x323 and up).
  typedef struct packed {
    logic mstatus, misa, mie, mtvec, mcountinhibit, mscratch, mepc, mcause, mtval, mip;
    logic cycle, cycleh, instret, instreth, tim, timeh, mhartid;
    logic [3:0] hpm;
  } sel_t;

  sel_t sel_d, sel_q;
  logic zero_d;  // exists and reads zero
  always_comb begin
    sel_d  = '0;
    zero_d = 1'b0;
    unique case (addr_i)
      12'h300: sel_d.mstatus = 1'b1;
      12'h301: sel_d.misa = 1'b1;
      12'h304: sel_d.mie = 1'b1;
      12'h305: sel_d.mtvec = 1'b1;
      12'h320: sel_d.mcountinhibit = 1'b1;
      12'h340: sel_d.mscratch = 1'b1;
      12'h341: sel_d.mepc = 1'b1;
      12'h342: sel_d.mcause = 1'b1;
      12'h343: sel_d.mtval = 1'b1;
      12'h344: sel_d.mip = 1'b1;
      12'hb00, 12'hc00: sel_d.cycle = 1'b1;
      12'hb80, 12'hc80: sel_d.cycleh = 1'b1;
      12'hb02, 12'hc02: sel_d.instret = 1'b1;
      12'hb82, 12'hc82: sel_d.instreth = 1'b1;
      12'hc01: sel_d.tim = 1'b1;
      12'hc81: sel_d.timeh = 1'b1;
      12'hb03, 12'hc03: sel_d.hpm[0] = 1'b1;
      12'hb04, 12'hc04: sel_d.hpm[1] = 1'b1;
      12'hb05, 12'hc05: sel_d.hpm[2] = 1'b1;
      12'hb06, 12'hc06: sel_d.hpm[3] = 1'b1;
      12'hf14: sel_d.mhartid = 1'b1;
      12'h310, 12'hf11, 12'hf12, 12'hf13, 12'hf15: zero_d = 1'b1;  // mstatush, vendor, arch, imp, configptr
      default:
      zero_d = addr_i[4:0] > 5'd2 & ((addr_i[11:8] == 4'hb & addr_i[6:5] == 2'd0) |
          (addr_i[11:8] == 4'hc & addr_i[6:5] == 2'd0) | addr_i[11:5] == 7'b0011_001);
    endcase
  end

  // Read.
  logic illegal_q;
  logic [31:0] rdata_q;
  always_ff @(posedge clk_i) begin
    sel_q <= sel_d;
    illegal_q <= (sel_d == '0 & ~zero_d) | (write_i & addr_i[11:10] == 2'b11);
    rdata_q <= ({32{sel_q.mstatus}} & {19'd0, 2'b11, 3'd0, mpie_q, 3'd0, mie_q, 3'd0}) |
        ({32{sel_q.misa}} & 32'h4000_1100) |  // RV32IM
        ({32{sel_q.mie}} & {20'd0, ie_q[2], 3'd0, ie_q[1], 3'd0, ie_q[0], 3'd0}) |
        ({32{sel_q.mip}} & {20'd0, ip_q[2], 3'd0, ip_q[1], 3'd0, ip_q[0], 3'd0}) |
        ({32{sel_q.mtvec}} & {mtvec_q, 1'b0, mtvec_vec_q}) |
        ({32{sel_q.mcountinhibit}} & {25'd0, inhibit_q}) |
        ({32{sel_q.mscratch}} & mscratch_q) | ({32{sel_q.mepc}} & {mepc_q, 2'd0}) |
        ({32{sel_q.mcause}} & {cause_irq_q, 27'd0, cause_q}) | ({32{sel_q.mtval}} & mtval_q) |
        ({32{sel_q.cycle}} & mcycle_q[31:0]) | ({32{sel_q.cycleh}} & mcycle_q[63:32]) |
        ({32{sel_q.instret}} & minstret_q[31:0]) | ({32{sel_q.instreth}} & minstret_q[63:32]) |
        ({32{sel_q.tim}} & time_i[31:0]) | ({32{sel_q.timeh}} & time_i[63:32]) |
        ({32{sel_q.hpm[0]}} & hpm_q[0]) | ({32{sel_q.hpm[1]}} & hpm_q[1]) |
        ({32{sel_q.hpm[2]}} & hpm_q[2]) | ({32{sel_q.hpm[3]}} & hpm_q[3]) |
        ({32{sel_q.mhartid}} & HART_ID);
  end
  assign rdata_o   = rdata_q;
  assign illegal_o = illegal_q;

  // Trap state.
  always_ff @(posedge clk_i) begin
    if (trap_i) begin
      mpie_q <= mie_q;
      mie_q <= 1'b0;
      mepc_q <= trap_pc_i[31:2];
      cause_irq_q <= trap_irq_i;
      cause_q <= trap_code_i;
      mtval_q <= trap_val_i;
    end else if (mret_i) begin
      mie_q  <= mpie_q;
      mpie_q <= 1'b1;
    end else if (wr_i) begin
      if (sel_q.mstatus) {mpie_q, mie_q} <= {wdata_i[7], wdata_i[3]};
      if (sel_q.mie) ie_q <= {wdata_i[11], wdata_i[7], wdata_i[3]};
      if (sel_q.mtvec) begin
        mtvec_q <= wdata_i[0] ? {wdata_i[31:6], 4'd0} : wdata_i[31:2];
        mtvec_vec_q <= wdata_i[0];
      end
      if (sel_q.mcountinhibit) inhibit_q <= wdata_i[6:0] & 7'h7d;
      if (sel_q.mscratch) mscratch_q <= wdata_i;
      if (sel_q.mepc) mepc_q <= wdata_i[31:2];
      if (sel_q.mcause) {cause_irq_q, cause_q} <= {wdata_i[31], wdata_i[3:0]};
      if (sel_q.mtval) mtval_q <= wdata_i;
    end
    if (rst_i) begin
      mie_q <= 1'b0;
      mpie_q <= 1'b0;
      ie_q <= 3'd0;
      mtvec_q <= 30'd0;
      mtvec_vec_q <= 1'b0;
      mepc_q <= 30'd0;
      cause_irq_q <= 1'b0;
      cause_q <= 4'd0;
      mtval_q <= 32'd0;
      mscratch_q <= 32'd0;
      inhibit_q <= 7'd0;
    end
  end

  assign mepc_o = {mepc_q, 2'd0};
  // Vectored: base is 64-byte aligned, so the offset is an OR.
  assign trap_target_o = {
    mtvec_q[31:6], mtvec_q[5:2] | (trap_code_i & {4{mtvec_vec_q & trap_irq_i}}), 2'd0
  };

  // Interrupts; priority external, software, timer.
  logic [2:0] pend;
  assign pend = ip_q & ie_q;
  always_ff @(posedge clk_i) begin
    ip_q <= rst_i ? 3'd0 : {irq_external_i, irq_timer_i, irq_software_i};
    irq_pending_o <= |pend & ~rst_i;
    irq_take_o <= |pend & mie_q & ~rst_i;
    irq_code_o <= pend[2] ? core_pkg::IrqExternal : pend[0] ? core_pkg::IrqSoftware : core_pkg::IrqTimer;
  end

  // Counters.  A write to half of minstret or mcycle takes the place of that half's increment; the instruction
  // that writes minstret is not counted afterwards, so that the next instruction reads what was written.
  logic [3:0][31:0] hpm_d;
  logic skip_q;
  logic [32:0] cyc_lo, ins_lo;
  logic cyc_carry_q, ins_carry_q;
  assign cyc_lo = {1'b0, mcycle_q[31:0]} + {32'd0, ~inhibit_q[0]};
  assign ins_lo = {1'b0, minstret_q[31:0]} + {32'd0, retire_i & ~inhibit_q[2] & ~skip_q};
  always_comb begin
    for (int i = 0; i < 4; i++) hpm_d[i] = hpm_q[i] + {31'd0, event_i[i] & ~inhibit_q[3+i]};
  end

  always_ff @(posedge clk_i) begin
    // The carry into the upper half arrives a cycle late; reads of the upper half see it before they can read
    // a wrapped lower half and come back, since CSR instructions are several cycles apart.
    mcycle_q[31:0] <= cyc_lo[31:0];
    cyc_carry_q <= cyc_lo[32];
    mcycle_q[63:32] <= mcycle_q[63:32] + {31'd0, cyc_carry_q};
    minstret_q[31:0] <= ins_lo[31:0];
    ins_carry_q <= ins_lo[32];
    minstret_q[63:32] <= minstret_q[63:32] + {31'd0, ins_carry_q};
    hpm_q <= hpm_d;
    if (retire_i) skip_q <= 1'b0;
    if (wr_i) begin
      // (cycle, instret and hpmcounter share the selection, but a write to them is illegal.)
      if (sel_q.cycle) mcycle_q[31:0] <= wdata_i;
      if (sel_q.cycleh) mcycle_q[63:32] <= wdata_i;
      if (sel_q.instret) minstret_q[31:0] <= wdata_i;
      if (sel_q.instreth) minstret_q[63:32] <= wdata_i;
      for (int i = 0; i < 4; i++) if (sel_q.hpm[i]) hpm_q[i] <= 32'd0;
      skip_q <= sel_q.instret | sel_q.instreth;
    end
    if (rst_i) begin
      mcycle_q <= 64'd0;
      minstret_q <= 64'd0;
      hpm_q <= 128'd0;
      cyc_carry_q <= 1'b0;
      ins_carry_q <= 1'b0;
      skip_q <= 1'b0;
    end
  end

  logic unused;
  assign unused = ^trap_pc_i[1:0];

endmodule
