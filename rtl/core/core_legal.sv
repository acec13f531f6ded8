// SPDX-License-Identifier: Apache-2.0
// Tells whether an instruction word is one that this core has (unprivileged manual chapter "RV32/64G instruction
// set listings", SYSTEM instructions of the privileged manual for machine mode only).
//
// Whether a CSR number exists is decided by core_csr.

module core_legal #(
    parameter bit ZB = 1'b0
) (
    input  logic [31:0] insn_i,
    output logic        legal_o,
    output logic        ecall_o,
    output logic        ebreak_o,
    output logic        mret_o,
    output logic        wfi_o,
    output logic        csr_o     // Zicsr instruction
);

  logic [4:0] op;
  logic [2:0] f3;
  logic [6:0] f7;
  logic [4:0] rs2;
  assign op = insn_i[6:2];
  assign f3 = insn_i[14:12];
  assign f7 = insn_i[31:25];
  assign rs2 = insn_i[24:20];

  // SYSTEM with f3 = 0: rs1 and rd are zero.
  logic sys0;
  assign sys0 = insn_i[6:0] == 7'b1110011 & f3 == 3'd0 & insn_i[19:15] == 5'd0 & insn_i[11:7] == 5'd0;
  assign ecall_o = sys0 & insn_i[31:20] == 12'h000;
  assign ebreak_o = sys0 & insn_i[31:20] == 12'h001;
  assign wfi_o = sys0 & insn_i[31:20] == 12'h105;
  assign mret_o = sys0 & insn_i[31:20] == 12'h302;
  assign csr_o = insn_i[6:0] == 7'b1110011 & f3[1:0] != 2'd0;

  logic zb_op, zb_imm;
  if (ZB) begin : g_zb
    always_comb begin
      zb_op = 1'b0;
      unique case (f7)
        7'b0010000: zb_op = f3 == 3'd2 | f3 == 3'd4 | f3 == 3'd6;  // sh1add sh2add sh3add
        7'b0100000: zb_op = f3 == 3'd4 | f3 == 3'd6 | f3 == 3'd7;  // xnor orn andn
        7'b0000101: zb_op = f3[2];  // min minu max maxu
        7'b0110000: zb_op = f3 == 3'd1 | f3 == 3'd5;  // rol ror
        7'b0000100: zb_op = f3 == 3'd4 & rs2 == 5'd0;  // zext.h
        default: zb_op = 1'b0;
      endcase
      zb_imm = 1'b0;
      if (f3 == 3'd1) zb_imm = f7 == 7'b0110000 & (rs2 <= 5'd2 | rs2 == 5'd4 | rs2 == 5'd5);
      else if (f3 == 3'd5)
        zb_imm = f7 == 7'b0110000 | (f7 == 7'b0010100 & rs2 == 5'd7) | (f7 == 7'b0110100 & rs2 == 5'd24);
    end
  end else begin : g_no_zb
    assign zb_op = 1'b0;
    assign zb_imm = 1'b0;
    logic unused_zb;
    assign unused_zb = ^rs2;
  end

  always_comb begin
    legal_o = 1'b0;
    unique case (op)
      core_pkg::OpLui, core_pkg::OpAuipc, core_pkg::OpJal: legal_o = 1'b1;
      core_pkg::OpJalr: legal_o = f3 == 3'd0;
      core_pkg::OpBranch: legal_o = f3[2:1] != 2'b01;
      core_pkg::OpLoad: legal_o = f3 != 3'd3 & f3 != 3'd6 & f3 != 3'd7;
      core_pkg::OpStore: legal_o = f3 == 3'd0 | f3 == 3'd1 | f3 == 3'd2;
      core_pkg::OpOpImm:
      legal_o = f3[1:0] != 2'd1 | f7 == 7'd0 | (f3[2] & f7 == 7'b0100000) | zb_imm;
      core_pkg::OpOp:
      legal_o = f7 == 7'd0 | f7 == 7'd1 | (f7 == 7'b0100000 & (f3 == 3'd0 | f3 == 3'd5)) | zb_op;
      core_pkg::OpMiscMem: legal_o = f3[2:1] == 2'd0;
      core_pkg::OpSystem: legal_o = csr_o | ecall_o | ebreak_o | mret_o | wfi_o;
      default: legal_o = 1'b0;
    endcase
    if (insn_i[1:0] != 2'b11) legal_o = 1'b0;
  end

endmodule
