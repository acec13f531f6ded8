// SPDX-License-Identifier: Apache-2.0
// Shallow synchronous FIFO (flops or distributed RAM) with ready/valid on both sides.

// Holds exactly 2**DEPTH_LOG2 words, the output register included. All outputs come straight from
// flip-flops. A word written into an empty FIFO is offered one cycle later; one word per cycle
// passes at any fill level, but a full FIFO takes a word only in the cycle after one has left.
//
//   WIDTH        word width in bits
//   DEPTH_LOG2   log2 of the number of words, 1 or more (above 5, take lib_fifo_bram)
//   level_o      number of words inside, 0 .. 2**DEPTH_LOG2
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

  localparam logic [DEPTH_LOG2-1:0] PtrOne   = 1;
  localparam logic [DEPTH_LOG2:0]   LevelOne = 1;

  logic [WIDTH-1:0] mem [2**DEPTH_LOG2];

  logic [DEPTH_LOG2-1:0] wptr_q, rptr_q;
  logic [DEPTH_LOG2:0]   level_q;      // all words
  logic                  mem_empty_q;  // no word waits behind the output register
  logic                  out_valid_q;
  logic [WIDTH-1:0]      out_data_q;

`ifdef VERILATOR
  localparam bit Quick = 1'b1;  // a simulator leaves out what changes nothing
`else
  localparam bit Quick = 1'b0;
`endif

  logic wr, rd, load, bypass, push, pop;
  logic [DEPTH_LOG2-1:0] wptr_d, rptr_d;

  assign wr     = wr_valid_i && !level_q[DEPTH_LOG2];
  assign rd     = out_valid_q && rd_ready_i;
  assign load   = !out_valid_q || rd_ready_i;      // the output register is free for the next word
  assign bypass = wr && load && mem_empty_q;       // straight into the output register
  assign push   = wr && !bypass;
  assign pop    = load && !mem_empty_q;
  assign wptr_d = push ? wptr_q + PtrOne : wptr_q;
  assign rptr_d = pop ? rptr_q + PtrOne : rptr_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wptr_q      <= '0;
      rptr_q      <= '0;
      level_q     <= '0;
      mem_empty_q <= 1'b1;
      out_valid_q <= 1'b0;
    end else if (!Quick || wr || rd || pop) begin
      wptr_q <= wptr_d;
      rptr_q <= rptr_d;
      // The memory never fills up (one word at least is in the output register): equal means empty.
      mem_empty_q <= wptr_d == rptr_d;
      if (load) out_valid_q <= !mem_empty_q || wr;
      if (wr && !rd) level_q <= level_q + LevelOne;
      if (!wr && rd) level_q <= level_q - LevelOne;
    end
  end

  always_ff @(posedge clk_i) begin
    if (wr) mem[wptr_q] <= wr_data_i;
    if (load) out_data_q <= mem_empty_q ? wr_data_i : mem[rptr_q];
  end

  assign wr_ready_o = !level_q[DEPTH_LOG2];
  assign rd_valid_o = out_valid_q;
  assign rd_data_o  = out_data_q;
  assign level_o    = level_q;

`ifndef SYNTHESIS
  initial if (WIDTH < 1 || DEPTH_LOG2 < 1)
    $fatal(1, "lib_fifo: WIDTH and DEPTH_LOG2 must be at least 1");

  lib_ready_valid_props #(.WIDTH(WIDTH)) u_rd_props (
    .clk_i, .rst_i, .valid_i(rd_valid_o), .ready_i(rd_ready_i), .data_i(rd_data_o)
  );

  logic [DEPTH_LOG2:0] behind;  // words in the memory
  assign behind = level_q - {{DEPTH_LOG2{1'b0}}, out_valid_q};

  logic ready_for_checks_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) ready_for_checks_q <= 1'b1;
    if (ready_for_checks_q && !rst_i) begin
      assert (level_q <= {1'b1, {DEPTH_LOG2{1'b0}}});
      assert (!(level_q == '0 && out_valid_q));
      assert (!(!out_valid_q && level_q != '0));  // a word inside is always offered
      assert (mem_empty_q == (behind == '0));
      assert (behind[DEPTH_LOG2-1:0] == wptr_q - rptr_q);
    end
  end
`endif

endmodule
