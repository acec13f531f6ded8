// SPDX-License-Identifier: Apache-2.0
// Single-cycle arithmetic of the execute stage: adder, logic, shifter, comparison, and with ZB the pre-shift of sh?add.
//
// Comparison and addition use separate carry chains, so that the branch decision does not wait for the
// add/subtract selection.

module core_alu #(
    parameter bit ZB = 1'b0
) (
    input  core_pkg::ctl_t        ctl_i,
    input  logic           [31:0] a_i,
    input  logic           [31:0] b_i,
    input  logic           [ 4:0] sh_i,     // shift amount, early in the cycle
    input  logic           [31:0] zbb_i,    // result of the Zbb unit
    output logic           [31:0] sum_o,    // result of the adder
    output logic           [31:0] lgc_o,    // result of the logic and Zbb units; zero if it is not wanted
    output logic           [31:0] shift_o,  // result of the shifter; zero if it is not wanted
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

  // Shifter: rotate to the right, then mask.  A left shift by n is a rotation to the right by -n.  The mask comes from
  // the shift amount alone and is ready before the operand; it is zero if the instruction is no shift.
  logic [ 4:0] rot;
  logic [31:0] rot0, rot1, rot2, below_n, keep;
  logic        fill;
  // -n bit by bit, not with a carry chain; the low bits are ready first and used first.
  assign rot[0] = sh_i[0];
  assign rot[1] = sh_i[1] ^ (ctl_i.sel.shl & sh_i[0]);
  assign rot[2] = sh_i[2] ^ (ctl_i.sel.shl & (|sh_i[1:0]));
  assign rot[3] = sh_i[3] ^ (ctl_i.sel.shl & (|sh_i[2:0]));
  assign rot[4] = sh_i[4] ^ (ctl_i.sel.shl & (|sh_i[3:0]));
  always_comb begin
    unique case (rot[1:0])
      2'd0: rot0 = a_i;
      2'd1: rot0 = {a_i[0], a_i[31:1]};
      2'd2: rot0 = {a_i[1:0], a_i[31:2]};
      default: rot0 = {a_i[2:0], a_i[31:3]};
    endcase
    unique case (rot[3:2])
      2'd0: rot1 = rot0;
      2'd1: rot1 = {rot0[3:0], rot0[31:4]};
      2'd2: rot1 = {rot0[7:0], rot0[31:8]};
      default: rot1 = {rot0[11:0], rot0[31:12]};
    endcase
    rot2 = rot[4] ? {rot1[15:0], rot1[31:16]} : rot1;
`ifdef VERILATOR
    // The same in whole words: a simulator takes the bits of the loops below one by one.
    below_n = ~(32'hffff_ffff << sh_i);
    keep = ({32{ctl_i.sel.shl}} & ({32{ctl_i.sh_rotate}} | ~below_n)) |
        ({32{ctl_i.sel.shr}} & ({32{ctl_i.sh_rotate}} | (32'hffff_ffff >> sh_i)));
`else
    for (int i = 0; i < 32; i++) below_n[i] = i < {27'd0, sh_i};
    for (int i = 0; i < 32; i++) begin
      keep[i] = (ctl_i.sel.shl & (ctl_i.sh_rotate | ~below_n[i])) | (ctl_i.sel.shr & (ctl_i.sh_rotate | ~below_n[31-i]));
    end
`endif
    fill = ctl_i.sel.shr & ctl_i.sh_arith & ~ctl_i.sh_rotate & a_i[31];
    shift_o = (rot2 & keep) | (~keep & {32{fill}});
  end

  if (ZB) begin : g_zb
    always_comb begin
      unique case (ctl_i.sh_add)
        2'd1: add_a = {a_i[30:0], 1'b0};
        2'd2: add_a = {a_i[29:0], 2'b0};
        2'd3: add_a = {a_i[28:0], 3'b0};
        default: add_a = a_i;
      endcase
    end
  end else begin : g_no_zb
    assign add_a = a_i;
    logic unused_zb;
    assign unused_zb = ^ctl_i.sh_add;
  end

  always_comb begin
    lgc_o = lgc | ({32{ctl_i.sel.zbb}} & zbb_i);
  end

  logic unused;
  assign unused = ^{ctl_i, sum_lsb_unused};

endmodule
