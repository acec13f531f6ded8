// SPDX-License-Identifier: Apache-2.0
// FIFO between two clocks (distributed RAM, pointers in Gray code), ready/valid on both sides.

// Both sides are reset together by lib_cdc_reset. A pointer changes one bit at a time and crosses through two flip-flops, so the other
// side sees an old or the new value, never another one; that holds as long as its bits are not skewed by a whole period of
// the clock that writes it, which the board's report shows (the delay of paths between clocks). A word is in the memory a
// cycle before its pointer leaves. Outputs come from flip-flops.
//
//   WIDTH, DEPTH_LOG2   bits of a word; log2 of the number of words, 2 or more
module lib_fifo_async #(
    parameter int unsigned WIDTH      = 32,
    parameter int unsigned DEPTH_LOG2 = 4
) (
    input  logic             wr_clk_i,
    input  logic             wr_rst_i,
    input  logic             wr_valid_i,
    output logic             wr_ready_o,
    input  logic [WIDTH-1:0] wr_data_i,
    input  logic             rd_clk_i,
    input  logic             rd_rst_i,
    output logic             rd_valid_o,
    input  logic             rd_ready_i,
    output logic [WIDTH-1:0] rd_data_o
);
  localparam int unsigned PW  = DEPTH_LOG2 + 1;
  localparam logic [PW-1:0] One = 1;

  logic [WIDTH-1:0] mem [2**DEPTH_LOG2];

  // --- Write side ---
  logic [PW-1:0] wptr_q, wptr_d, wgray_q, wgray_late_q, rgray_seen;
  logic          wr, full_q;
  assign wr         = wr_valid_i && !full_q;
  assign wptr_d     = wr ? wptr_q + One : wptr_q;
  assign wr_ready_o = !full_q;

  // Full: the pointers differ by the size of the memory, which in Gray code are the two highest bits.
  always_ff @(posedge wr_clk_i) begin
    if (wr_rst_i) begin
      wptr_q       <= '0;
      wgray_q      <= '0;
      wgray_late_q <= '0;
      full_q       <= 1'b1;
    end else begin
      wptr_q       <= wptr_d;
      wgray_q      <= wptr_d ^ (wptr_d >> 1);
      wgray_late_q <= wgray_q;
      full_q       <= (wptr_d ^ (wptr_d >> 1)) == (rgray_seen ^ {2'b11, {(PW - 2) {1'b0}}});
    end
  end
  always_ff @(posedge wr_clk_i) if (wr) mem[wptr_q[DEPTH_LOG2-1:0]] <= wr_data_i;

  // --- Read side ---
  logic [PW-1:0]    rptr_q, rptr_d, rgray_q, wgray_seen;
  logic             pop, empty_q, valid_q;
  logic [WIDTH-1:0] data_q;
  assign pop    = !empty_q && (!valid_q || rd_ready_i);
  assign rptr_d = pop ? rptr_q + One : rptr_q;

  always_ff @(posedge rd_clk_i) begin
    if (rd_rst_i) begin
      rptr_q  <= '0;
      rgray_q <= '0;
      empty_q <= 1'b1;
      valid_q <= 1'b0;
    end else begin
      rptr_q  <= rptr_d;
      rgray_q <= rptr_d ^ (rptr_d >> 1);
      empty_q <= (rptr_d ^ (rptr_d >> 1)) == wgray_seen;
      if (!valid_q || rd_ready_i) valid_q <= !empty_q;
    end
  end
  always_ff @(posedge rd_clk_i) if (pop) data_q <= mem[rptr_q[DEPTH_LOG2-1:0]];
  assign rd_valid_o = valid_q;
  assign rd_data_o  = data_q;

  lib_cdc_sync #(.WIDTH(PW)) u_wgray (.clk_i(rd_clk_i), .d_i(wgray_late_q), .q_o(wgray_seen));
  lib_cdc_sync #(.WIDTH(PW)) u_rgray (.clk_i(wr_clk_i), .d_i(rgray_q), .q_o(rgray_seen));

`ifndef SYNTHESIS
  initial if (WIDTH < 1 || DEPTH_LOG2 < 2) $fatal(1, "lib_fifo_async: WIDTH must be at least 1 and DEPTH_LOG2 at least 2");

  lib_ready_valid_props #(.WIDTH(WIDTH)) u_rd_props (
    .clk_i(rd_clk_i), .rst_i(rd_rst_i), .valid_i(rd_valid_o), .ready_i(rd_ready_i), .data_i(rd_data_o)
  );
`endif
endmodule
