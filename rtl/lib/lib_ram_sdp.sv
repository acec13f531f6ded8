// SPDX-License-Identifier: Apache-2.0
// Simple dual port block RAM: one write port, one read port, one clock.

// Contents are not reset. A read of the address that is being written in the same cycle returns an
// undefined word on the FPGA (the simulation gives the old one): callers must not depend on it.
//
//   WIDTH, DEPTH   word width in bits, number of words (any number from 2 up)
//   BYTES_WE       0: we_i is one bit for the whole word; 1: one bit for each byte
//   rdata_o        registered: valid in the cycle after re_i, and held while re_i is low
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

  (* no_rw_check *)
  logic [WIDTH-1:0] mem [DEPTH];
  logic [WIDTH-1:0] rdata_q;

`ifdef VERILATOR
  localparam bit Quick = 1'b1;  // a simulator leaves out what changes nothing
`else
  localparam bit Quick = 1'b0;
`endif

  if (BYTES_WE != 0) begin : g_bytes
    always_ff @(posedge clk_i) if (!Quick || we_i != '0) begin
      for (int i = 0; i < int'(WIDTH / 8); i++) begin
        if (we_i[i]) mem[waddr_i][8*i +: 8] <= wdata_i[8*i +: 8];
      end
    end
  end else begin : g_word
    always_ff @(posedge clk_i) begin
      if (we_i[0]) mem[waddr_i] <= wdata_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (re_i) rdata_q <= mem[raddr_i];
  end

  assign rdata_o = rdata_q;

`ifndef SYNTHESIS
  initial begin
    if (WIDTH < 1 || DEPTH < 2) $fatal(1, "lib_ram_sdp: WIDTH below 1 or DEPTH below 2");
    if (BYTES_WE != 0 && WIDTH % 8 != 0) $fatal(1, "lib_ram_sdp: byte enables need whole bytes");
  end
`endif

endmodule
