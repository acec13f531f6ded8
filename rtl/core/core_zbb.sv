// SPDX-License-Identifier: Apache-2.0
// The bit-manipulation instructions of Zbb that are neither logic with inverted operand nor rotates (unprivileged manual,
// chapter "B").  Two parts: those that are mere wiring and a selection are done in stage X (quick_o): sext.b sext.h
// zext.h rev8 orc.b; those that count or compare in stage M1, from registered operands (slow_o): clz ctz cpop min[u] max[u].

module core_zbb (
    input  logic [31:7] x_insn_i,   // the instruction in X, without its opcode
    input  logic [31:0] x_a_i,
    output logic [31:0] quick_o,
    input  logic [31:7] m1_insn_i,  // the instruction in M1
    input  logic        m1_imm_i,   // ... has the OP-IMM encoding
    input  logic [31:0] m1_a_i,
    input  logic [31:0] m1_b_i,
    output logic [31:0] slow_o
);

  // Quick part.  zext.h has funct3 100, sext 001, rev8 and orc.b 101.
  always_comb begin
    if (~x_insn_i[12]) quick_o = {16'd0, x_a_i[15:0]};  // zext.h
    else if (~x_insn_i[14] & ~x_insn_i[20]) quick_o = {{24{x_a_i[7]}}, x_a_i[7:0]};  // sext.b
    else if (~x_insn_i[14]) quick_o = {{16{x_a_i[15]}}, x_a_i[15:0]};  // sext.h
    else if (x_insn_i[23]) quick_o = {x_a_i[7:0], x_a_i[15:8], x_a_i[23:16], x_a_i[31:24]};  // rev8
    else quick_o = {{8{|x_a_i[31:24]}}, {8{|x_a_i[23:16]}}, {8{|x_a_i[15:8]}}, {8{|x_a_i[7:0]}}};  // orc.b
  end

  // Leading zeros of a or, for ctz, of its mirror image: binary search.
  logic [31:0] rev, z;
  logic [15:0] z16;
  logic [ 7:0] z8;
  logic [ 2:0] z4;
  logic [ 5:0] clz;
  always_comb begin
    for (int i = 0; i < 32; i++) rev[i] = m1_a_i[31-i];
    z = m1_insn_i[20] ? rev : m1_a_i;
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

  // Population count: a tree of sums.
  logic [7:0][2:0] ones4;
  logic [3:0][3:0] ones8;
  logic [5:0] cpop;
  always_comb begin
    for (int i = 0; i < 8; i++) begin
      ones4[i] = ({2'd0, m1_a_i[4*i]} + {2'd0, m1_a_i[4*i+1]}) + ({2'd0, m1_a_i[4*i+2]} + {2'd0, m1_a_i[4*i+3]});
    end
    for (int i = 0; i < 4; i++) ones8[i] = {1'b0, ones4[2*i]} + {1'b0, ones4[2*i+1]};
    cpop = ({2'd0, ones8[0]} + {2'd0, ones8[1]}) + ({2'd0, ones8[2]} + {2'd0, ones8[3]});
  end

  // min 100, minu 101, max 110, maxu 111
  logic lt, pick_b, is_signed;
  assign is_signed = ~m1_insn_i[12];
  assign lt = {m1_a_i[31] ^ is_signed, m1_a_i[30:0]} < {m1_b_i[31] ^ is_signed, m1_b_i[30:0]};
  assign pick_b = lt == m1_insn_i[13];

  always_comb begin
    if (m1_imm_i) slow_o = {26'd0, m1_insn_i[21] ? cpop : clz};
    else slow_o = pick_b ? m1_b_i : m1_a_i;
  end

  logic unused;
  assign unused = ^{z8[0], x_insn_i[31:24], x_insn_i[22:21], x_insn_i[19:15], x_insn_i[13], x_insn_i[11:7],
      m1_insn_i[31:22], m1_insn_i[19:14], m1_insn_i[11:7]};

endmodule
