// SPDX-License-Identifier: Apache-2.0
// Proof harness of lib_fifo and lib_fifo_bram: what goes in comes out once, in order and unchanged.

// The solver marks one word, any word, as it goes in, and remembers its value and how many words lie before it. When that number
// of words has come out, the next one must be the marked word; as it may be any word with any value, this holds for all of them.
//
//   BRAM = 0   lib_fifo
//   BRAM = 1   lib_fifo_bram
module proof_fifo #(
    parameter int unsigned BRAM       = 0,
    parameter int unsigned WIDTH      = 2,
    parameter int unsigned DEPTH_LOG2 = 2
) (
    input logic             clk_i,
    input logic             wr_valid_i,
    input logic [WIDTH-1:0] wr_data_i,
    input logic             rd_ready_i,
    input logic             mark_i      // mark the word that goes in now
);

  localparam logic [DEPTH_LOG2:0] One  = 1;
  localparam logic [DEPTH_LOG2:0] Full = {1'b1, {DEPTH_LOG2{1'b0}}};

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic                wr_ready, rd_valid;
  logic [WIDTH-1:0]    rd_data;
  logic [DEPTH_LOG2:0] level;

  if (BRAM == 0) begin : g_fifo
    lib_fifo #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2)) dut (
      .clk_i, .rst_i(rst), .wr_valid_i, .wr_ready_o(wr_ready), .wr_data_i,
      .rd_valid_o(rd_valid), .rd_ready_i, .rd_data_o(rd_data), .level_o(level)
    );
  end else begin : g_bram
    lib_fifo_bram #(.WIDTH(WIDTH), .DEPTH_LOG2(DEPTH_LOG2)) dut (
      .clk_i, .rst_i(rst), .wr_valid_i, .wr_ready_o(wr_ready), .wr_data_i,
      .rd_valid_o(rd_valid), .rd_ready_i, .rd_data_o(rd_data), .level_o(level)
    );
  end

  logic wr, rd;
  assign wr = wr_valid_i && wr_ready;
  assign rd = rd_valid && rd_ready_i;

  logic                marked_q;         // the marked word is inside
  logic [WIDTH-1:0]    value_q;
  logic [DEPTH_LOG2:0] count_q, ahead_q; // words inside; words before the marked one
  logic                was_full_q;       // since reset
  logic [2:0]          wait_q;           // cycles with a word inside and none offered

  always_ff @(posedge clk_i) begin
    if (rst) begin
      marked_q   <= 1'b0;
      count_q    <= '0;
      was_full_q <= 1'b0;
      wait_q     <= '0;
    end else begin
      count_q <= count_q + (wr ? One : '0) - (rd ? One : '0);
      if (wr && mark_i && !marked_q) begin
        marked_q <= 1'b1;
        value_q  <= wr_data_i;
        ahead_q  <= count_q - (rd ? One : '0);
      end else if (rd && marked_q) begin
        if (ahead_q == '0) marked_q <= 1'b0;
        ahead_q <= ahead_q - One;
      end
      if (count_q == Full) was_full_q <= 1'b1;
      wait_q <= (count_q != '0 && !rd_valid) ? wait_q + 3'd1 : 3'd0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      level_true: assert (level == count_q);
      no_overflow: assert (count_q <= Full);
      ready_true: assert (wr_ready == (count_q != Full));
      no_underflow: assert (!rd_valid || count_q != '0);
      inside: assert (!marked_q || ahead_q < count_q);
      order: assert (!(marked_q && rd_valid && ahead_q == '0) || rd_data == value_q);
      offered: assert (wait_q < 3'd3);  // a word is offered within three cycles

      fills: cover (count_q == Full);
      drains: cover (was_full_q && count_q == '0);
      both: cover (was_full_q && wr && rd);
      marked_out: cover (rd && marked_q && ahead_q == '0 && was_full_q && value_q != '0);
    end
  end

endmodule
