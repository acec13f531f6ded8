// SPDX-License-Identifier: Apache-2.0
// The bit-manipulation instructions of Zbb that are neither logic with inverted operand nor rotates (unprivileged manual,
// chapter "B").  Those that are mere wiring and a selection are done in stage X (quick_o): sext.b sext.h zext.h rev8
// orc.b; min[u] max[u] in M1 from registered operands (minmax_o); clz ctz cpop in M1 and M2 (count_o).

module core_zbb (
    input  logic        clk_i,
    input  logic [31:7] x_insn_i,    // the instruction in X, without its opcode
    input  logic [31:0] x_a_i,
    output logic [31:0] quick_o,
    input  logic [31:7] m1_insn_i,   // the instruction in M1
    input  logic [31:0] m1_a_i,
    input  logic [31:0] m1_b_i,
    output logic [31:0] minmax_o,    // zero if it is not min or max
    input  logic        m2_load_i,   // M2's registers take what is in M1
    input  logic        m2_count_i,  // clz, ctz or cpop is in M2
    output logic [ 5:0] count_o      // its result, else zero
);

  // Quick part.  zext.h has funct3 100, sext 001, rev8 and orc.b 101.
  always_comb begin
    if (~x_insn_i[12]) quick_o = {16'd0, x_a_i[15:0]};  // zext.h
    else if (~x_insn_i[14] & ~x_insn_i[20]) quick_o = {{24{x_a_i[7]}}, x_a_i[7:0]};  // sext.b
    else if (~x_insn_i[14]) quick_o = {{16{x_a_i[15]}}, x_a_i[15:0]};  // sext.h
    else if (x_insn_i[23]) quick_o = {x_a_i[7:0], x_a_i[15:8], x_a_i[23:16], x_a_i[31:24]};  // rev8
    else quick_o = {{8{|x_a_i[31:24]}}, {8{|x_a_i[23:16]}}, {8{|x_a_i[15:8]}}, {8{|x_a_i[7:0]}}};  // orc.b
  end

  // Leading zeros of a or, for ctz, of its mirror image: binary search, half of it in each stage.
  logic [31:0] rev, z;
  logic [15:0] z16;
  logic [ 7:0] z8_q;
  logic [ 2:0] z4;
  logic [ 5:0] clz;
  logic [ 5:3] clz_q;
  always_comb begin
    for (int i = 0; i < 32; i++) rev[i] = m1_a_i[31-i];
    z = m1_insn_i[20] ? rev : m1_a_i;
    clz[5] = z == 32'd0;
    clz[4] = z[31:16] == 16'd0;
    z16 = clz[4] ? z[15:0] : z[31:16];
    clz[3] = z16[15:8] == 8'd0;
    clz[2] = z8_q[7:4] == 4'd0;
    z4 = clz[2] ? z8_q[3:1] : z8_q[7:5];
    clz[1] = z4[2:1] == 2'd0;
    clz[0] = clz[1] ? ~z4[0] : ~z4[2];
  end

  // Population count: a tree of sums.
  logic [7:0][2:0] ones4;
  logic [3:0][3:0] ones8, ones8_q;
  logic [5:0] cpop;
  always_comb begin
    for (int i = 0; i < 8; i++) begin
      ones4[i] = ({2'd0, m1_a_i[4*i]} + {2'd0, m1_a_i[4*i+1]}) + ({2'd0, m1_a_i[4*i+2]} + {2'd0, m1_a_i[4*i+3]});
    end
    for (int i = 0; i < 4; i++) ones8[i] = {1'b0, ones4[2*i]} + {1'b0, ones4[2*i+1]};
    cpop = ({2'd0, ones8_q[0]} + {2'd0, ones8_q[1]}) + ({2'd0, ones8_q[2]} + {2'd0, ones8_q[3]});
  end

  logic pop_q;
  always_ff @(posedge clk_i) begin
    if (m2_load_i) begin
      clz_q <= clz[5:3];
      z8_q <= clz[3] ? z16[7:0] : z16[15:8];
      ones8_q <= ones8;
      pop_q <= m1_insn_i[21];
    end
  end

  always_comb begin
    if (~m2_count_i) count_o = 6'd0;
    else if (pop_q) count_o = cpop;
    else if (clz_q[5]) count_o = 6'd32;
    else count_o = {1'b0, clz_q[4:3], clz[2:0]};
  end

  // min 100, minu 101, max 110, maxu 111; the others here have funct3 001
  logic lt, pick_b, is_signed;
  assign is_signed = ~m1_insn_i[12];
  assign lt = {m1_a_i[31] ^ is_signed, m1_a_i[30:0]} < {m1_b_i[31] ^ is_signed, m1_b_i[30:0]};
  assign pick_b = lt == m1_insn_i[13];
  assign minmax_o = {32{m1_insn_i[14]}} & (pick_b ? m1_b_i : m1_a_i);

  logic unused;
  assign unused = ^{z8_q[0], x_insn_i[31:24], x_insn_i[22:21], x_insn_i[19:15], x_insn_i[13], x_insn_i[11:7],
      m1_insn_i[31:22], m1_insn_i[19:15], m1_insn_i[11:7]};

endmodule
