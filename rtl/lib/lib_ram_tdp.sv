// SPDX-License-Identifier: Apache-2.0
// True dual port block RAM: two ports that both read and write, byte enables, one clock.

// Each port: with x_en_i high, the bytes selected by x_we_i are written and x_rdata_o takes, for
// the next cycle on, the word as it was before; with x_en_i low, x_rdata_o is held. When both ports
// use one address in one cycle and at least one of them writes, what the other one reads (or, with
// two writers, what is stored) is undefined on the FPGA: callers must not do it or not look.
//
//   WIDTH       word width in bits, a multiple of 8
//   DEPTH       number of words, from 2 up
//   INIT_FILE   image for $readmemh, "" for none; without it the contents start undefined
module lib_ram_tdp #(
    parameter int unsigned WIDTH     = 32,
    parameter int unsigned DEPTH     = 1024,
    parameter              INIT_FILE = ""
) (
    input  logic                     clk_i,

    input  logic                     a_en_i,
    input  logic [WIDTH/8-1:0]       a_we_i,
    input  logic [$clog2(DEPTH)-1:0] a_addr_i,
    input  logic [WIDTH-1:0]         a_wdata_i,
    output logic [WIDTH-1:0]         a_rdata_o,

    input  logic                     b_en_i,
    input  logic [WIDTH/8-1:0]       b_we_i,
    input  logic [$clog2(DEPTH)-1:0] b_addr_i,
    input  logic [WIDTH-1:0]         b_wdata_i,
    output logic [WIDTH-1:0]         b_rdata_o
);

  (* no_rw_check *)
  logic [WIDTH-1:0] mem [DEPTH];
  logic [WIDTH-1:0] a_rdata_q, b_rdata_q;

  // One always block per port is the form that every tool takes as a true dual port RAM.
  /* verilator lint_off MULTIDRIVEN */
  always_ff @(posedge clk_i) begin
    if (a_en_i) begin
      for (int i = 0; i < int'(WIDTH / 8); i++) begin
        if (a_we_i[i]) mem[a_addr_i][8*i +: 8] <= a_wdata_i[8*i +: 8];
      end
      a_rdata_q <= mem[a_addr_i];
    end
  end

  always_ff @(posedge clk_i) begin
    if (b_en_i) begin
      for (int i = 0; i < int'(WIDTH / 8); i++) begin
        if (b_we_i[i]) mem[b_addr_i][8*i +: 8] <= b_wdata_i[8*i +: 8];
      end
      b_rdata_q <= mem[b_addr_i];
    end
  end
  /* verilator lint_on MULTIDRIVEN */

  assign a_rdata_o = a_rdata_q;
  assign b_rdata_o = b_rdata_q;

  if (INIT_FILE != "") begin : g_init
    initial $readmemh(INIT_FILE, mem);
  end

`ifndef SYNTHESIS
  initial begin
    if (WIDTH < 8 || WIDTH % 8 != 0) $fatal(1, "lib_ram_tdp: WIDTH must be whole bytes");
    if (DEPTH < 2) $fatal(1, "lib_ram_tdp: DEPTH must be at least 2");
  end
`endif

endmodule
