// SPDX-License-Identifier: Apache-2.0
// Stands in proofs for lib_ram_sdp: it keeps one word only, of the solver's choice; all others read as anything. It can do whatever the
// real one can, so what holds with it holds with the real one, of any depth.

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

  (* anyconst *) logic [$clog2(DEPTH)-1:0] kept;
  (* anyseq *) logic [WIDTH-1:0] any;
  logic [WIDTH-1:0] mem_q;

  always_ff @(posedge clk_i) begin
    if (we_i && waddr_i == kept) mem_q <= wdata_i;
    if (re_i) rdata_o <= (raddr_i == kept) ? mem_q : any;
  end

  initial if (BYTES_WE != 0) $fatal(1, "stub of lib_ram_sdp: no byte enables");

endmodule
