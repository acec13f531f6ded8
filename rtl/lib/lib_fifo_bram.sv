// SPDX-License-Identifier: Apache-2.0
// Deep synchronous FIFO in block RAM with ready/valid on both sides.

// Same ports as lib_fifo. Holds exactly 2**DEPTH_LOG2 words, the two read stages (block RAM output,
// then output register) included. First word falls through: a word written into an empty FIFO is
// offered three cycles later; after that one word per cycle passes.
//
//   WIDTH        word width in bits
//   DEPTH_LOG2   log2 of the number of words, 2 or more
//   level_o      number of words inside, 0 .. 2**DEPTH_LOG2
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

  localparam logic [DEPTH_LOG2:0] One = 1;

  logic [DEPTH_LOG2:0] wptr_q, rptr_q;   // one bit more than the address: full and empty differ
  logic [DEPTH_LOG2:0] level_q;
  logic                mem_empty_q;
  logic                ram_valid_q;      // the block RAM's output holds a word
  logic                out_valid_q;
  logic [WIDTH-1:0]    out_data_q;
  logic [WIDTH-1:0]    ram_data;

  logic wr, rd, out_load, ram_load, pop;
  logic [DEPTH_LOG2:0] wptr_d, rptr_d;

  assign wr       = wr_valid_i && !level_q[DEPTH_LOG2];
  assign rd       = out_valid_q && rd_ready_i;
  assign out_load = !out_valid_q || rd_ready_i;
  assign ram_load = !ram_valid_q || out_load;
  assign pop      = ram_load && !mem_empty_q;
  assign wptr_d   = wr ? wptr_q + One : wptr_q;
  assign rptr_d   = pop ? rptr_q + One : rptr_q;

  lib_ram_sdp #(.WIDTH(WIDTH), .DEPTH(2**DEPTH_LOG2)) u_ram (
    .clk_i,
    .we_i    (wr),
    .waddr_i (wptr_q[DEPTH_LOG2-1:0]),
    .wdata_i (wr_data_i),
    .re_i    (pop),
    .raddr_i (rptr_q[DEPTH_LOG2-1:0]),
    .rdata_o (ram_data)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wptr_q      <= '0;
      rptr_q      <= '0;
      level_q     <= '0;
      mem_empty_q <= 1'b1;
      ram_valid_q <= 1'b0;
      out_valid_q <= 1'b0;
    end else begin
      wptr_q      <= wptr_d;
      rptr_q      <= rptr_d;
      mem_empty_q <= wptr_d == rptr_d;
      if (ram_load) ram_valid_q <= !mem_empty_q;
      if (out_load) out_valid_q <= ram_valid_q;
      if (wr && !rd) level_q <= level_q + One;
      if (!wr && rd) level_q <= level_q - One;
    end
  end

  always_ff @(posedge clk_i) begin
    if (out_load) out_data_q <= ram_data;
  end

  assign wr_ready_o = !level_q[DEPTH_LOG2];
  assign rd_valid_o = out_valid_q;
  assign rd_data_o  = out_data_q;
  assign level_o    = level_q;

`ifndef SYNTHESIS
  initial if (WIDTH < 1 || DEPTH_LOG2 < 2)
    $fatal(1, "lib_fifo_bram: WIDTH must be at least 1 and DEPTH_LOG2 at least 2");

  lib_ready_valid_props #(.WIDTH(WIDTH)) u_rd_props (
    .clk_i, .rst_i, .valid_i(rd_valid_o), .ready_i(rd_ready_i), .data_i(rd_data_o)
  );

  logic ready_for_checks_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) ready_for_checks_q <= 1'b1;
    if (ready_for_checks_q && !rst_i) begin
      assert (level_q <= {1'b1, {DEPTH_LOG2{1'b0}}});
      assert (wptr_q - rptr_q <= level_q);
      assert (mem_empty_q == (wptr_q == rptr_q));
      assert (level_q == (wptr_q - rptr_q) + {{DEPTH_LOG2{1'b0}}, ram_valid_q}
                                           + {{DEPTH_LOG2{1'b0}}, out_valid_q});
    end
  end
`endif

endmodule
