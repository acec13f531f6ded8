// SPDX-License-Identifier: Apache-2.0
// RV32M.  Multiply: three pipeline steps (operands, 18x18 products, sum), one multiplication per cycle.
// Divide: one quotient bit per cycle, restoring, 34 cycles; the pipeline waits.
//
// Multiply: the operands are the memory stage's registers.  The products are registered when mul_en_i is high
// (with the step from stage M1 to M2) and their sum is on mul_res_o during M2.
// Divide: div_i is high while a divide instruction waits in M1; div_done_o is high for the last cycle of the
// wait, with div_res_o valid.  Dropping div_i abandons the division (a trap of an older instruction).

module core_muldiv (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic [ 2:0] f3_i,       // funct3 of the instruction in M1
    input  logic        a_signed_i, // multiply: operand is signed
    input  logic        b_signed_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic        mul_en_i,
    output logic [31:0] mul_res_o,
    input  logic        div_i,
    output logic        div_done_o,
    output logic [31:0] div_res_o
);

  // Four products of 16-bit halves; the upper halves carry a sign bit when their operand is signed.
  logic a_sgn, b_sgn;
  assign a_sgn = a_signed_i & a_i[31];
  assign b_sgn = b_signed_i & b_i[31];

  logic signed [17:0] al, ah, bl, bh;
  assign al = {2'b00, a_i[15:0]};
  assign bl = {2'b00, b_i[15:0]};
  assign ah = {{2{a_sgn}}, a_i[31:16]};
  assign bh = {{2{b_sgn}}, b_i[31:16]};

  logic signed [35:0] ll_q, lh_q, hl_q, hh_q;
  logic hi_q;
  always_ff @(posedge clk_i) begin
    if (mul_en_i) begin
      ll_q <= al * bl;
      lh_q <= al * bh;
      hl_q <= ah * bl;
      hh_q <= ah * bh;
      hi_q <= f3_i[1:0] != 2'd0;
    end
  end

  // Sum: {hh, ll} + (lh + hl) << 16.  The low 16 bits of ll need no addition.
  // A carry-save step first, then one 48-bit adder.
  logic [47:0] op0, op1, op2, csa_s, csa_c, mul_hi;
  assign op0 = {hh_q[31:0], ll_q[31:16]};
  assign op1 = {{12{lh_q[35]}}, lh_q};
  assign op2 = {{12{hl_q[35]}}, hl_q};
  assign csa_s = op0 ^ op1 ^ op2;
  assign csa_c = {(op0[46:0] & op1[46:0]) | (op0[46:0] & op2[46:0]) | (op1[46:0] & op2[46:0]), 1'b0};
  assign mul_hi = csa_s + csa_c;
  assign mul_res_o = hi_q ? mul_hi[47:16] : {mul_hi[15:0], ll_q[15:0]};

  // Divider on magnitudes.  Division by zero gives all ones and the dividend by itself; the overflow case
  // (-2^31 / -1) comes out right as well (unprivileged manual section 12.2).
  typedef enum logic [1:0] {
    DivIdle,
    DivRun,
    DivSign,
    DivDone
  } div_state_e;
  div_state_e  state_q;
  logic [ 4:0] count_q;
  logic [31:0] rem_q, quo_q, dvs_q, res_q;
  logic neg_quo_q, neg_rem_q, want_rem_q;

  logic div_sgn;
  assign div_sgn = ~f3_i[0];
  logic [32:0] diff;
  assign diff = {rem_q, quo_q[31]} - {1'b0, dvs_q};

  logic [31:0] out;
  assign out = want_rem_q ? rem_q : quo_q;

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      DivIdle: begin
        rem_q <= 32'd0;
        quo_q <= div_sgn & a_i[31] ? -a_i : a_i;
        dvs_q <= div_sgn & b_i[31] ? -b_i : b_i;
        neg_quo_q <= div_sgn & (a_i[31] ^ b_i[31]) & (b_i != 32'd0);
        neg_rem_q <= div_sgn & a_i[31];
        want_rem_q <= f3_i[1];
        count_q <= 5'd0;
        if (div_i) state_q <= DivRun;
      end
      DivRun: begin
        rem_q <= diff[32] ? {rem_q[30:0], quo_q[31]} : diff[31:0];
        quo_q <= {quo_q[30:0], ~diff[32]};
        count_q <= count_q + 5'd1;
        if (count_q == 5'd31) state_q <= DivSign;
      end
      DivSign: begin
        res_q   <= (want_rem_q ? neg_rem_q : neg_quo_q) ? -out : out;
        state_q <= DivDone;
      end
      default: state_q <= DivIdle;
    endcase
    if (rst_i | ~div_i) state_q <= DivIdle;
  end

  assign div_done_o = state_q == DivDone;
  assign div_res_o  = res_q;

  logic unused;
  assign unused = ^{ll_q[35:32], hh_q[35:32], f3_i[2]};

endmodule
