// SPDX-License-Identifier: Apache-2.0
// The bit-manipulation instructions of Zbb that are neither logic with inverted operand nor rotates:
// clz ctz cpop sext.b sext.h zext.h min[u] max[u] rev8 orc.b (unprivileged manual, chapter "B").

module core_zbb (
    input  logic [31:7] insn_i,  // the instruction word, without the opcode
    input  logic        imm_i,   // OP-IMM encoding
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic [31:0] res_o
);

  logic [2:0] f3;
  logic [3:0] rs2;
  logic       unused;
  assign f3 = insn_i[14:12];
  assign rs2 = insn_i[23:20];
  assign unused = ^{z8[0], insn_i[31:26], insn_i[24], insn_i[19:15], insn_i[11:7]};

  // Leading zeros of a or of its mirror image: binary search.
  logic [31:0] rev;
  always_comb for (int i = 0; i < 32; i++) rev[i] = a_i[31-i];

  logic [31:0] z;
  logic [15:0] z16;
  logic [ 7:0] z8;
  logic [ 2:0] z4;
  logic [ 5:0] clz;
  always_comb begin
    z = rs2[0] ? rev : a_i;
    clz[5] = z == 32'd0;
    clz[4] = z[31:16] == 16'd0;
    z16 = clz[4] ? z[15:0] : z[31:16];
    clz[3] = z16[15:8] == 8'd0;
    z8 = clz[3] ? z16[7:0] : z16[15:8];
    clz[2] = z8[7:4] == 4'd0;
    z4 = clz[2] ? z8[3:1] : z8[7:5];
    clz[1] = z4[2:1] == 2'd0;
    clz[0] = clz[1] ? ~z4[0] : ~z4[2];
    if (clz[5]) clz[4:0] = 5'd0;
  end

  logic [5:0] cpop;
  always_comb begin
    cpop = 6'd0;
    for (int i = 0; i < 32; i++) cpop = cpop + {5'd0, a_i[i]};
  end

  logic lt, pick_b;
  assign lt = {a_i[31] ^ ~f3[0], a_i[30:0]} < {b_i[31] ^ ~f3[0], b_i[30:0]};
  assign pick_b = lt == f3[1];  // min(f3 100,101): b if not less; max (110,111): b if less

  always_comb begin
    if (imm_i & ~f3[2]) begin
      unique case (rs2[2:0])
        3'd2: res_o = {26'd0, cpop};
        3'd4: res_o = {{24{a_i[7]}}, a_i[7:0]};
        3'd5: res_o = {{16{a_i[15]}}, a_i[15:0]};
        default: res_o = {26'd0, clz};
      endcase
    end else if (imm_i) begin
      if (rs2[3]) res_o = {a_i[7:0], a_i[15:8], a_i[23:16], a_i[31:24]};  // rev8
      else res_o = {{8{|a_i[31:24]}}, {8{|a_i[23:16]}}, {8{|a_i[15:8]}}, {8{|a_i[7:0]}}};  // orc.b
    end else if (~insn_i[25]) begin
      res_o = {16'd0, a_i[15:0]};  // zext.h; min and max have funct7[0] set
    end else begin
      res_o = pick_b ? b_i : a_i;
    end
  end

endmodule
