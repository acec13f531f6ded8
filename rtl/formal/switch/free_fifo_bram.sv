// SPDX-License-Identifier: Apache-2.0
// lib_fifo_bram for proofs that need not know what waits in it: anything is offered at any time, and there may be room or not.
module lib_fifo_bram #(
    parameter int unsigned WIDTH      = 32,
    parameter int unsigned DEPTH_LOG2 = 9
) (
    input  logic                clk_i,
    input  logic                rst_i,
    input  logic                wr_valid_i,
    output logic                wr_ready_o,
    input  logic [WIDTH-1:0]    wr_data_i,
    output logic                rd_valid_o,
    input  logic                rd_ready_i,
    output logic [WIDTH-1:0]    rd_data_o,
    output logic [DEPTH_LOG2:0] level_o
);

  (* anyseq *) logic any_valid, any_ready;
  (* anyseq *) logic [WIDTH-1:0] any_data;
  (* anyseq *) logic [DEPTH_LOG2:0] any_level;

  logic             held_q;
  logic [WIDTH-1:0] data_q;

  always_ff @(posedge clk_i) begin
    held_q <= !rst_i && rd_valid_o && !rd_ready_i;
    data_q <= rd_data_o;
  end

  assign rd_valid_o = held_q || any_valid;
  assign rd_data_o  = held_q ? data_q : any_data;
  assign wr_ready_o = any_ready;
  assign level_o    = any_level;

endmodule
