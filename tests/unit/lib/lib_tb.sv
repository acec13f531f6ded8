// SPDX-License-Identifier: Apache-2.0
// Test bench top for rtl/lib: several sizes of both FIFOs side by side, and the block RAMs.

module lib_tb #(
    parameter INIT_FILE = "tests/unit/lib/tdp_init.hex"
) (
    input  logic             clk_i,
    input  logic             rst_i,

    // FIFO n: 0..2 lib_fifo with 2, 4, 16 words; 3..4 lib_fifo_bram with 4, 16 words
    input  logic [4:0]       wr_valid_i,
    output logic [4:0]       wr_ready_o,
    input  logic [31:0]      wr_data_i,
    output logic [4:0]       rd_valid_o,
    input  logic [4:0]       rd_ready_i,
    output logic [4:0][31:0] rd_data_o,
    output logic [4:0][7:0]  level_o,

    // one set of inputs for both simple dual port RAMs (32 x 24); 'byte' has byte enables
    input  logic [3:0]       sdp_we_i,
    input  logic [4:0]       sdp_waddr_i,
    input  logic [31:0]      sdp_wdata_i,
    input  logic             sdp_re_i,
    input  logic [4:0]       sdp_raddr_i,
    output logic [31:0]      sdp_word_rdata_o,
    output logic [31:0]      sdp_byte_rdata_o,

    // true dual port RAM (32 x 16), initialised from INIT_FILE
    input  logic             a_en_i,
    input  logic [3:0]       a_we_i,
    input  logic [3:0]       a_addr_i,
    input  logic [31:0]      a_wdata_i,
    output logic [31:0]      a_rdata_o,
    input  logic             b_en_i,
    input  logic [3:0]       b_we_i,
    input  logic [3:0]       b_addr_i,
    input  logic [31:0]      b_wdata_i,
    output logic [31:0]      b_rdata_o
);

  for (genvar g = 0; g < 5; g++) begin : g_fifo
    localparam int unsigned Log2 = (g == 0) ? 1 : (g == 1 || g == 3) ? 2 : 4;
    logic [Log2:0] level;
    assign level_o[g] = 8'(level);
    if (g < 3) begin : g_flop
      lib_fifo #(.WIDTH(32), .DEPTH_LOG2(Log2)) u_fifo (
        .clk_i, .rst_i,
        .wr_valid_i(wr_valid_i[g]), .wr_ready_o(wr_ready_o[g]), .wr_data_i,
        .rd_valid_o(rd_valid_o[g]), .rd_ready_i(rd_ready_i[g]), .rd_data_o(rd_data_o[g]),
        .level_o(level)
      );
    end else begin : g_bram
      lib_fifo_bram #(.WIDTH(32), .DEPTH_LOG2(Log2)) u_fifo (
        .clk_i, .rst_i,
        .wr_valid_i(wr_valid_i[g]), .wr_ready_o(wr_ready_o[g]), .wr_data_i,
        .rd_valid_o(rd_valid_o[g]), .rd_ready_i(rd_ready_i[g]), .rd_data_o(rd_data_o[g]),
        .level_o(level)
      );
    end
  end

  lib_ram_sdp #(.WIDTH(32), .DEPTH(24)) u_sdp_word (
    .clk_i, .we_i(|sdp_we_i), .waddr_i(sdp_waddr_i), .wdata_i(sdp_wdata_i),
    .re_i(sdp_re_i), .raddr_i(sdp_raddr_i), .rdata_o(sdp_word_rdata_o)
  );

  lib_ram_sdp #(.WIDTH(32), .DEPTH(24), .BYTES_WE(1)) u_sdp_byte (
    .clk_i, .we_i(sdp_we_i), .waddr_i(sdp_waddr_i), .wdata_i(sdp_wdata_i),
    .re_i(sdp_re_i), .raddr_i(sdp_raddr_i), .rdata_o(sdp_byte_rdata_o)
  );

  lib_ram_tdp #(.WIDTH(32), .DEPTH(16), .INIT_FILE(INIT_FILE)) u_tdp (
    .clk_i,
    .a_en_i, .a_we_i, .a_addr_i, .a_wdata_i, .a_rdata_o,
    .b_en_i, .b_we_i, .b_addr_i, .b_wdata_i, .b_rdata_o
  );

endmodule
