// SPDX-License-Identifier: Apache-2.0
// Instruction decoder, the part that must be ready early: operand selection, immediate and unit selection.
//
// Runs in the same cycle in which the instruction leaves the block RAM, so everything here is two or three LUTs
// deep and takes liberties with encodings that are illegal: core_legal decides about those one stage later and
// turns them into traps before they have any effect.

module core_decode #(
    parameter bit ZB = 1'b0  // decode Zba and Zbb as well
) (
    input  logic [31:0]         insn_i,
    output logic [31:0]         imm_o,      // immediate of the instruction's own format
    output logic                use_rs1_o,  // operand a is register rs1 (and rs1 is not x0)
    output logic                use_rs2_o,  // operand b is register rs2 (and rs2 is not x0)
    output core_pkg::ctl_t      ctl_o
);

  logic unused;
  assign unused = ^insn_i[1:0];  // core_legal looks at them

  logic [4:0] op;
  logic [2:0] f3;
  assign op = insn_i[6:2];
  assign f3 = insn_i[14:12];

  logic is_op, is_opimm, is_alu, is_md;
  assign is_op = op == core_pkg::OpOp;
  assign is_opimm = op == core_pkg::OpOpImm;
  assign is_alu = is_op | is_opimm;
  assign is_md = is_op & insn_i[25] & ~insn_i[27];  // funct7 0000001; 0000101 is min/max

  // rs1 is unused by lui, auipc, jal; rs2 is used by OP, STORE, BRANCH only.
  assign use_rs1_o = ~(insn_i[2] & (insn_i[4] | insn_i[3])) & (insn_i[19:15] != 5'd0);
  assign use_rs2_o = insn_i[5] & ~insn_i[2] & ~(insn_i[6] & insn_i[4]) & (insn_i[24:20] != 5'd0);

  // Immediates, unprivileged manual section 2.3.
  always_comb begin
    imm_o = {{21{insn_i[31]}}, insn_i[30:20]};  // I
    if (insn_i[4] & insn_i[2]) imm_o = {insn_i[31:12], 12'd0};  // U
    else if (insn_i[3])
      imm_o = {{12{insn_i[31]}}, insn_i[19:12], insn_i[20], insn_i[30:21], 1'b0};  // J
    else if (insn_i[6:2] == core_pkg::OpStore)
      imm_o = {{21{insn_i[31]}}, insn_i[30:25], insn_i[11:7]};  // S
    else if (insn_i[6:2] == core_pkg::OpBranch)
      imm_o = {{20{insn_i[31]}}, insn_i[7], insn_i[30:25], insn_i[11:8], 1'b0};  // B
  end

  // Zba / Zbb encodings that differ from the base ones in funct7.
  logic zb_shadd, zb_inv, zb_rot, zb_quick, zb_slow, zb_bit;
  assign zb_bit = zb_quick | zb_slow;
  if (ZB) begin : g_zb
    logic [6:0] f7;
    assign f7 = insn_i[31:25];
    assign zb_shadd = is_op & (f7 == 7'b0010000);
    assign zb_inv = is_op & (f7 == 7'b0100000);  // andn, orn, xnor (sub and sra are not logic)
    assign zb_rot = is_alu & (f7 == 7'b0110000) & (is_op | f3[2]);
    // clz ctz cpop (rs2 field 0 1 2), sext.b sext.h (4 5): 0110000, f3 001, imm; min max: 0000101;
    // rev8 orc.b: ??101??, f3 101, imm; zext.h: 0000100
    assign zb_slow = (is_opimm & (f7 == 7'b0110000) & (f3 == 3'b001) & ~insn_i[22]) | (is_op & (f7 == 7'b0000101));
    assign zb_quick = (is_opimm & (f7 == 7'b0110000) & (f3 == 3'b001) & insn_i[22]) |
        (is_opimm & (f3 == 3'b101) & (f7[4:2] == 3'b101)) | (is_op & (f7 == 7'b0000100));
  end else begin : g_no_zb
    assign zb_shadd = 1'b0;
    assign zb_inv = 1'b0;
    assign zb_rot = 1'b0;
    assign zb_quick = 1'b0;
    assign zb_slow = 1'b0;
  end

  always_comb begin
    ctl_o = '0;
    ctl_o.sel.zbb = zb_quick;
    ctl_o.zbb_slow = zb_slow;
    ctl_o.sel.shl = is_alu & ~zb_bit & ~zb_shadd & f3 == 3'd1;
    ctl_o.sel.shr = is_alu & ~zb_bit & ~zb_shadd & f3 == 3'd5;
    ctl_o.sel.slt = is_alu & ~zb_bit & ~zb_shadd & (f3 == 3'd2 | f3 == 3'd3);
    ctl_o.sel.add = (is_alu & f3 == 3'd0) | (insn_i[4] & insn_i[2]) | zb_shadd;
    ctl_o.use_pc = op == core_pkg::OpAuipc;
    ctl_o.use_imm = ~insn_i[6] & insn_i[4] & (~insn_i[5] | insn_i[2]);
    ctl_o.sub = is_op & insn_i[30] & ~zb_shadd;
    ctl_o.inv_b = zb_inv;
    // xor 4, or 6, and 7
    ctl_o.lgc_op = is_alu & ~zb_bit & ~zb_shadd & f3[2] & f3 != 3'd5 ? {f3[1], f3[1] ~^ f3[0]} : 2'd0;
    ctl_o.sh_reg = is_op & f3[1:0] == 2'd1 & ~insn_i[25];
    ctl_o.sh_arith = insn_i[30];
    ctl_o.sh_rotate = zb_rot;
    ctl_o.sh_add = zb_shadd ? f3[2:1] : 2'd0;
    // slt(i)/sltu(i): f3[0]; branches: f3[1]
    ctl_o.cmp_uns = insn_i[6] ? f3[1] : f3[0];
    ctl_o.branch_eq = op == core_pkg::OpBranch & ~f3[2];
    ctl_o.branch_lt = op == core_pkg::OpBranch & f3[2];
    ctl_o.branch_inv = f3[0];
    ctl_o.jal = op == core_pkg::OpJal;
    ctl_o.jalr = op == core_pkg::OpJalr;
    ctl_o.load = op == core_pkg::OpLoad;
    ctl_o.store = op == core_pkg::OpStore;
    ctl_o.mul = is_md & ~f3[2];
    ctl_o.div = is_md & f3[2];
    ctl_o.serial = op == core_pkg::OpSystem | (op == core_pkg::OpMiscMem & f3[0]);
    ctl_o.writes_rd = insn_i[11:7] != 5'd0 & op != core_pkg::OpStore & op != core_pkg::OpBranch &
        op != core_pkg::OpMiscMem;
  end

endmodule
