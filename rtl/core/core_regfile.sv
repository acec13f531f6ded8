// SPDX-License-Identifier: Apache-2.0
// The integer registers: one write port, two asynchronous read ports, meant for distributed (LUT) RAM.
//
// A read in the cycle of a write gives the old value: the pipeline forwards instead.  x0 is an ordinary word
// here; the pipeline never writes it and never selects it.

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

  logic [31:0] mem_q[32];

  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
  end

  assign rdata1_o = mem_q[raddr1_i];
  assign rdata2_o = mem_q[raddr2_i];

endmodule
