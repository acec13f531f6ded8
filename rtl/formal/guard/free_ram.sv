// SPDX-License-Identifier: Apache-2.0
// lib_ram_sdp for proofs that follow one word of it: it reads as anything.

// A proof adds, as an assumption, that the word it follows reads as what was last written there (proof_ram shows that for the real
// RAM); of all other words it then knows nothing, so it holds whatever they are. This keeps the state small.
module lib_ram_sdp #(
    parameter int unsigned WIDTH    = 64,
    parameter int unsigned DEPTH    = 1024,
    parameter int unsigned BYTES_WE = 0
) (
    input  logic                                          clk_i,
    input  logic [((BYTES_WE != 0) ? WIDTH/8 : 1) - 1:0]  we_i,
    input  logic [$clog2(DEPTH)-1:0]                      waddr_i,
    input  logic [WIDTH-1:0]                              wdata_i,
    input  logic                                          re_i,
    input  logic [$clog2(DEPTH)-1:0]                      raddr_i,
    output logic [WIDTH-1:0]                              rdata_o
);

  (* anyseq *) logic [WIDTH-1:0] any;
  always_ff @(posedge clk_i) if (re_i) rdata_o <= any;

endmodule
