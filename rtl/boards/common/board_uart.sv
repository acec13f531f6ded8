// SPDX-License-Identifier: Apache-2.0
// The firmware's log on a serial port: 8 data bits, no parity, one stop bit, output only.

// Nothing waits for the line: what comes while 32 octets wait is lost here (all of it is in the log ring of BAR0).
//
//   DIVIDER   cycles of a bit
module board_uart #(
    parameter int unsigned DIVIDER = 1085
) (
    input  logic       clk_i,
    input  logic       rst_i,
    input  logic       valid_i,
    input  logic [7:0] data_i,
    output logic       txd_o
);
  localparam int unsigned DW = $clog2(DIVIDER);

  logic          full_ready, next_valid, take;
  logic [7:0]    next;
  logic [DW-1:0] time_q;
  logic [3:0]    left_q;   // bits that remain, stop bit included
  logic [8:0]    shift_q;

  /* verilator lint_off PINCONNECTEMPTY */
  lib_fifo #(.WIDTH(8), .DEPTH_LOG2(5)) u_queue (
    .clk_i, .rst_i,
    .wr_valid_i(valid_i), .wr_ready_o(full_ready), .wr_data_i(data_i),
    .rd_valid_o(next_valid), .rd_ready_i(take), .rd_data_o(next),
    .level_o()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  logic unused;
  assign unused = full_ready;

  assign take = left_q == '0 && time_q == '0 && next_valid;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      left_q <= '0;
      time_q <= '0;
      txd_o  <= 1'b1;
    end else if (take) begin
      left_q  <= 4'd9;
      shift_q <= {1'b1, next};
      txd_o   <= 1'b0;
      time_q  <= DW'(DIVIDER - 1);
    end else if (time_q != '0) begin
      time_q <= time_q - 1'b1;
    end else if (left_q != '0) begin
      left_q  <= left_q - 1'b1;
      txd_o   <= shift_q[0];
      shift_q <= {1'b1, shift_q[8:1]};
      time_q  <= DW'(DIVIDER - 1);
    end
  end
endmodule
