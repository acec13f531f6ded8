// SPDX-License-Identifier: Apache-2.0
// Proof harness of core_muldiv, at its full 32 bits.

// Multiply: with AH, AL, BH, BL the halves of the operands (the upper ones signed where the operand is), A * B =
// 2^32 AH BH + 2^16 (AH BL + AL BH) + AL BL. Proven: the unit gives the asked half of the right side for all operands. (The identity itself is
// algebra; products of 16 bits are taken as the tools know them, the same on both sides.)
//
// Divide: in each step the dividend's bits so far, read as a number, are (quotient so far) * divisor + remainder, and the remainder is
// less than the divisor. The harness adds up the product itself, bit by bit, so that nothing but additions is left to prove.
module proof_muldiv #(
    parameter int unsigned DIVIDE = 0
) (
    input logic        clk_i,
    input logic [2:0]  f3_i,
    input logic        a_signed_i,
    input logic        b_signed_i,
    input logic [31:0] a_i,
    input logic [31:0] b_i,
    input logic        mul_en_i,
    input logic        div_i
);

  logic rst, past;
  formal_reset u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic        div_done;
  logic [31:0] mul_res, div_res;
  core_muldiv dut (
    .clk_i, .rst_i(rst), .f3_i, .a_signed_i, .b_signed_i, .a_i, .b_i, .mul_en_i, .mul_res_o(mul_res), .div_i, .div_done_o(div_done),
    .div_res_o(div_res)
  );

  if (DIVIDE == 0) begin : g_multiply
    logic signed [17:0] al, ah, bl, bh;
    assign al = {2'b00, a_i[15:0]};
    assign bl = {2'b00, b_i[15:0]};
    assign ah = {{2{a_signed_i & a_i[31]}}, a_i[31:16]};
    assign bh = {{2{b_signed_i & b_i[31]}}, b_i[31:16]};
    logic signed [35:0] ll_q, lh_q, hl_q, hh_q;
    logic               high_q, loaded_q;
    always_ff @(posedge clk_i) begin
      loaded_q <= !rst && (mul_en_i || loaded_q);
      if (mul_en_i) begin
        ll_q   <= al * bl;
        lh_q   <= al * bh;
        hl_q   <= ah * bl;
        hh_q   <= ah * bh;
        high_q <= f3_i[1:0] != 2'd0;
      end
    end
    logic signed [63:0] ll, lh, hl, hh, product;
    assign ll = 64'(ll_q);
    assign lh = 64'(lh_q);
    assign hl = 64'(hl_q);
    assign hh = 64'(hh_q);
    assign product = (hh <<< 32) + (lh <<< 16) + (hl <<< 16) + ll;
    always_ff @(posedge clk_i) begin
      if (!rst && past && loaded_q) begin
        half: assert (mul_res == (high_q ? product[63:32] : product[31:0]));
        negative: cover (high_q && mul_res == 32'hffff_fffe);
      end
    end
  end

  (* hierconn *) logic [1:0]  \dut.state_q ;
  (* hierconn *) logic [4:0]  \dut.count_q ;
  (* hierconn *) logic [31:0] \dut.rem_q ;
  (* hierconn *) logic [31:0] \dut.quo_q ;
  (* hierconn *) logic [31:0] \dut.dvs_q ;
  (* hierconn *) logic [31:0] \dut.res_q ;
  (* hierconn *) logic        \dut.neg_quo_q ;
  (* hierconn *) logic        \dut.neg_rem_q ;
  (* hierconn *) logic        \dut.want_rem_q ;

  if (DIVIDE != 0) begin : g_division
    // The pipeline keeps the instruction in M1 until the division is done or abandoned.
    logic        held_q;
    logic [66:0] request_q;
    always_ff @(posedge clk_i) begin
      held_q    <= div_i && !div_done && !rst;
      request_q <= {f3_i, a_i, b_i};
    end
    always_comb if (past && held_q && div_i) assume ({f3_i, a_i, b_i} == request_q);

    logic        is_signed;
    logic [31:0] dividend, divisor;  // magnitudes
    assign is_signed = !f3_i[0];
    assign dividend  = (is_signed && a_i[31]) ? -a_i : a_i;
    assign divisor   = (is_signed && b_i[31]) ? -b_i : b_i;

    // The dividend's upper bits that were used, and the product of the quotient so far and the divisor.
    logic [63:0] prefix_q, product_q;
    logic [31:0] rest_q, quotient_q;
    logic        running;
    assign running = \dut.state_q  == 2'd1;
    logic [32:0] partial;
    logic        one;
    assign partial = {\dut.rem_q , rest_q[31]};
    assign one     = partial >= {1'b0, divisor};
    always_ff @(posedge clk_i) begin
      if (\dut.state_q  == 2'd0) begin
        prefix_q   <= '0;
        product_q  <= '0;
        rest_q     <= dividend;
        quotient_q <= '0;
      end else if (running) begin
        prefix_q   <= {prefix_q[62:0], rest_q[31]};
        rest_q     <= {rest_q[30:0], 1'b0};
        quotient_q <= {quotient_q[30:0], one};
        product_q  <= {product_q[62:0], 1'b0} + (one ? {32'h0, divisor} : 64'h0);
      end
    end

    logic [31:0] quotient, remainder;
    assign quotient  = (is_signed && (a_i[31] ^ b_i[31]) && b_i != 32'h0) ? -quotient_q : quotient_q;
    assign remainder = (is_signed && a_i[31]) ? -\dut.rem_q  : \dut.rem_q ;

    always_ff @(posedge clk_i) begin
      if (!rst && past && div_i && \dut.state_q  != 2'd0) begin
        // What the unit keeps of the request.
        keeps_signs: assert (\dut.neg_quo_q  == (is_signed && (a_i[31] ^ b_i[31]) && b_i != 32'h0) &&
                             \dut.neg_rem_q  == (is_signed && a_i[31]) && \dut.want_rem_q  == f3_i[1]);
        under_way: assert (held_q);
        zero_product: assert (divisor != 32'h0 || product_q == 64'h0);
        keeps_divisor: assert (\dut.dvs_q  == divisor);
        // prefix = quotient * divisor + remainder, remainder < divisor (for a divisor of 0: product 0, quotient all ones)
        division: assert (prefix_q == product_q + {32'h0, \dut.rem_q });
        less: assert (divisor == 32'h0 || \dut.rem_q  < divisor);
        small: assert (prefix_q[63:32] == 32'h0 && (\dut.state_q  != 2'd1 || \dut.count_q  != 5'd0 || prefix_q == 64'h0));
        if (running) begin
          split: assert (((64'(dividend) << \dut.count_q ) & 64'h0000_0000_ffff_ffff) == {32'h0, rest_q});
          used: assert (prefix_q == ({32'h0, dividend} << \dut.count_q ) >> 32);
          quotient_so_far: assert (\dut.quo_q  == (rest_q | (quotient_q & ~(32'hffff_ffff << \dut.count_q ))));
          short: assert ((quotient_q & (32'hffff_ffff << \dut.count_q )) == 32'h0);
          all_ones: assert (divisor != 32'h0 || quotient_q == ~(32'hffff_ffff << \dut.count_q ));
        end else begin
          whole: assert (prefix_q == {32'h0, dividend} && \dut.quo_q  == quotient_q);
          by_zero: assert (divisor != 32'h0 || (quotient_q == 32'hffff_ffff && \dut.rem_q  == dividend));
        end
        if (\dut.state_q  == 2'd3) result: assert (div_res == (f3_i[1] ? remainder : quotient));
      end
      if (!rst && past) begin
        done: assert (!div_done || \dut.state_q  == 2'd3);
        divides: cover (div_done);
      end
    end
  end

endmodule
