// SPDX-License-Identifier: Apache-2.0
// Single-cycle arithmetic of the execute stage: adder, logic, shifter, comparison, and the Zbb unit when ZB is set.
//
// Comparison and addition use separate carry chains, so that the branch decision does not wait for the
// add/subtract selection.

module core_alu #(
    parameter bit ZB = 1'b0
) (
    input  core_pkg::ctl_t        ctl_i,
    input  logic           [31:7] insn_i,   // for the Zbb unit
    input  logic                  imm_i,    // the instruction is OP-IMM, for the Zbb unit
    input  logic           [31:0] a_i,
    input  logic           [31:0] b_i,
    input  logic           [ 4:0] sh_i,     // shift amount, early in the cycle
    output logic           [31:0] sum_o,    // result of the adder
    output logic           [31:0] oth_o,    // result of everything else but slt; zero if it is not wanted
    output logic                  lt_o,     // a < b (signed or unsigned)
    output logic                  eq_o      // a == b
);

  // Adder; the carry in makes the two's complement.
  logic [31:0] add_a, add_b;
  logic        sum_lsb_unused;
  assign add_b = b_i ^ {32{ctl_i.sub}};
  assign {sum_o, sum_lsb_unused} = {add_a, 1'b1} + {add_b, ctl_i.sub};

  // Comparison.
  logic [32:0] cmp_a, cmp_b;
  assign cmp_a = {a_i[31] ^ ~ctl_i.cmp_uns, a_i[30:0], 1'b0};
  assign cmp_b = {b_i[31] ^ ~ctl_i.cmp_uns, b_i[30:0], 1'b0};
  assign lt_o = cmp_a < cmp_b;
  assign eq_o = a_i == b_i;

  // Logic.
  logic [31:0] lgc, lgc_b;
  assign lgc_b = b_i ^ {32{ctl_i.inv_b}};
  always_comb begin
    unique case (ctl_i.lgc_op)
      2'd0: lgc = 32'd0;
      2'd1: lgc = a_i ^ lgc_b;
      2'd2: lgc = a_i | lgc_b;
      default: lgc = a_i & lgc_b;
    endcase
  end

  // Shifter: one right shifter; a left shift reverses the bits before and after.  The reversal before is part of
  // the first four-way selection, the one after is part of the selection of the result.
  logic [31:0] sh_in, sh0, sh1, sh2, sh3, sh4, sh4_rev;
  logic [15:0] fill;
  always_comb begin
    for (int i = 0; i < 32; i++) sh_in[i] = ctl_i.sel.shl ? a_i[31-i] : a_i[i];
    fill = ctl_i.sh_rotate ? sh_in[15:0] : {16{ctl_i.sh_arith & a_i[31] & ctl_i.sel.shr}};
    sh0 = sh_i[4] ? {fill, sh_in[31:16]} : sh_in;
    sh1 = sh_i[3] ? {(ctl_i.sh_rotate ? sh0[7:0] : fill[7:0]), sh0[31:8]} : sh0;
    sh2 = sh_i[2] ? {(ctl_i.sh_rotate ? sh1[3:0] : fill[3:0]), sh1[31:4]} : sh1;
    sh3 = sh_i[1] ? {(ctl_i.sh_rotate ? sh2[1:0] : fill[1:0]), sh2[31:2]} : sh2;
    sh4 = sh_i[0] ? {(ctl_i.sh_rotate ? sh3[0] : fill[0]), sh3[31:1]} : sh3;
    for (int i = 0; i < 32; i++) sh4_rev[i] = sh4[31-i];
  end

  logic [31:0] zbb;
  if (ZB) begin : g_zb
    always_comb begin
      unique case (ctl_i.sh_add)
        2'd1: add_a = {a_i[30:0], 1'b0};
        2'd2: add_a = {a_i[29:0], 2'b0};
        2'd3: add_a = {a_i[28:0], 3'b0};
        default: add_a = a_i;
      endcase
    end
    core_zbb u_zbb (
        .insn_i,
        .imm_i,
        .a_i,
        .b_i,
        .res_o(zbb)
    );
  end else begin : g_no_zb
    assign add_a = a_i;
    assign zbb   = 32'd0;
    logic unused_zb;
    assign unused_zb = ^{insn_i, imm_i, ctl_i.sh_add};
  end

  always_comb begin
    oth_o = lgc | ({32{ctl_i.sel.shr}} & sh4) | ({32{ctl_i.sel.shl}} & sh4_rev) | ({32{ctl_i.sel.zbb}} & zbb);
  end

  logic unused;
  assign unused = ^{ctl_i, sum_lsb_unused};

endmodule
