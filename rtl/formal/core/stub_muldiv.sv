// SPDX-License-Identifier: Apache-2.0
// Stands in the proofs of the core for core_muldiv, which has a proof of its own: same ports and rules of time, but simpler functions
// of the same operands (core_spec.sv has the same), and a division takes any number of cycles.

module core_muldiv (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic [ 2:0] f3_i,
    input  logic        a_signed_i,
    input  logic        b_signed_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic        mul_en_i,
    output logic [31:0] mul_res_o,
    input  logic        div_i,
    output logic        div_done_o,
    output logic [31:0] div_res_o
);

  always_ff @(posedge clk_i) begin
    if (mul_en_i) begin
      mul_res_o <= a_i ^ {b_i[15:0], b_i[31:16]} ^
                   ((f3_i[1:0] == 2'b00) ? 32'h0 : {1'b1, 29'h0, b_signed_i, a_signed_i});
    end
  end

  (* anyseq *) logic done;
  logic busy_q;
  always_ff @(posedge clk_i) busy_q <= div_i && !div_done_o && !rst_i;
  assign div_done_o = busy_q && done;
  assign div_res_o  = {a_i[7:0], a_i[31:8]} ^ b_i ^ {29'h0, f3_i};

endmodule
