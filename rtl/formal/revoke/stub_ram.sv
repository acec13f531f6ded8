// SPDX-License-Identifier: Apache-2.0
// In the place of lib_ram_sdp, for proofs: one word of the memory, any one, is remembered; every other reads as anything at any time. What
// holds here holds with the whole memory.
module lib_ram_sdp #(
    parameter int unsigned WIDTH    = 64,
    parameter int unsigned DEPTH    = 1024,
    parameter int unsigned BYTES_WE = 0
) (
    input  logic                     clk_i,
    input  logic                     we_i,
    input  logic [$clog2(DEPTH)-1:0] waddr_i,
    input  logic [WIDTH-1:0]         wdata_i,
    input  logic                     re_i,
    input  logic [$clog2(DEPTH)-1:0] raddr_i,
    output logic [WIDTH-1:0]         rdata_o
);
  (* anyconst *) logic [$clog2(DEPTH)-1:0] addr_c;
  (* anyseq *) logic [WIDTH-1:0] other;

  logic [WIDTH-1:0] word_q, rdata_q;
  always_ff @(posedge clk_i) begin
    if (we_i && waddr_i == addr_c) word_q <= wdata_i;
    if (re_i) rdata_q <= (raddr_i == addr_c) ? word_q : other;
  end
  assign rdata_o = rdata_q;
endmodule
