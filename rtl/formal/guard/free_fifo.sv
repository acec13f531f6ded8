// SPDX-License-Identifier: Apache-2.0
// lib_fifo for proofs that need to know only a little of its contents: it gives anything; the proof assumes what it needs.
module lib_fifo #(
    parameter int unsigned WIDTH      = 32,
    parameter int unsigned DEPTH_LOG2 = 4
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

  (* anyseq *) logic wr_ready, rd_valid;
  (* anyseq *) logic [WIDTH-1:0] rd_data;
  (* anyseq *) logic [DEPTH_LOG2:0] level;
  assign wr_ready_o = wr_ready;
  assign rd_valid_o = rd_valid;
  assign rd_data_o  = rd_data;
  assign level_o    = level;

endmodule
