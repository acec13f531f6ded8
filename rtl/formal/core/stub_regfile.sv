// SPDX-License-Identifier: Apache-2.0
// Stands in the proofs of the core for core_regfile, which has a proof of its own. It keeps one register only, of the solver's choice; all
// others read as anything. It can do whatever the real one can, so what holds with it holds with the real one.

module core_regfile (
    input  logic        clk_i,
    input  logic        we_i,
    input  logic [ 4:0] waddr_i,
    input  logic [31:0] wdata_i,
    input  logic [ 4:0] raddr1_i,
    input  logic [ 4:0] raddr2_i,
    output logic [31:0] rdata1_o,
    output logic [31:0] rdata2_o
);

  (* anyconst *) logic [4:0] kept;
  (* anyseq *) logic [31:0] any1, any2;
  logic [31:0] mem_q;

  always_ff @(posedge clk_i) begin
    if (we_i && waddr_i == kept) mem_q <= wdata_i;
  end

  assign rdata1_o = (raddr1_i == kept) ? mem_q : any1;
  assign rdata2_o = (raddr2_i == kept) ? mem_q : any2;

endmodule
