// SPDX-License-Identifier: Apache-2.0
// The receiver's side of the host link's sequence numbers: which frame is the next one, and when the peer must be told.

//   data_i ...      pulse: a DATA frame of this session has come; its first word's number, its words, whether it can be taken
//   take_o          in the same cycle: it is the next one, commit it
//   expected_o      number of the next word: `ack` of every frame that is sent
//   told_i          pulse: a frame with expected_o in it goes out
//   poll_i          pulse: tell at once; so after an old frame and after the first one behind a gap
//   fresh_o         words were taken and the peer was not told
//   due_o, nak_o    a frame with `ack` must go out now; with NAK
module hostlink_receive #(
    parameter int unsigned SEQ_W = 32,
    parameter int unsigned DELAY = 512,  // cycles until taken words are acknowledged
    parameter int unsigned MANY  = 128   // words after which they are at once
) (
    input  logic             clk_i,
    input  logic             rst_i,
    input  logic             data_i,
    input  logic [SEQ_W-1:0] seq_i,
    input  logic [9:0]       words_i,
    input  logic             fits_i,
    output logic             take_o,
    output logic [SEQ_W-1:0] expected_o,
    input  logic             told_i,
    input  logic             poll_i,
    output logic             fresh_o,
    output logic             due_o,
    output logic             nak_o,
    output logic             ev_old_o,
    output logic             ev_gap_o
);
  localparam int unsigned DELAY_W = $clog2(DELAY + 1);

  logic [SEQ_W-1:0]   expected_q, ahead;
  logic [10:0]        fresh_q;   // words taken and not told
  logic [DELAY_W-1:0] delay_q;
  logic               due_q, nak_q, gap_q;

  assign ahead    = seq_i - expected_q;
  assign take_o   = data_i && fits_i && ahead == '0;
  assign ev_old_o = data_i && ahead[SEQ_W-1];
  assign ev_gap_o = data_i && !ahead[SEQ_W-1] && ahead != '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      expected_q <= '0;
      fresh_q    <= '0;
      delay_q    <= '0;
      due_q      <= 1'b0;
      nak_q      <= 1'b0;
      gap_q      <= 1'b0;
    end else begin
      if (told_i) begin
        fresh_q <= '0;
        delay_q <= '0;
        due_q   <= 1'b0;
        nak_q   <= 1'b0;
      end else begin
        if (fresh_q != '0) delay_q <= delay_q + 1'b1;
        if (delay_q == DELAY_W'(DELAY) || fresh_q >= 11'(MANY)) due_q <= 1'b1;
      end
      if (take_o) begin
        expected_q <= expected_q + SEQ_W'(words_i);
        fresh_q    <= (told_i ? '0 : fresh_q) + {1'b0, words_i};
        gap_q      <= 1'b0;
      end
      if (poll_i || ev_old_o) due_q <= 1'b1;
      if (ev_gap_o && !gap_q) begin
        gap_q <= 1'b1;
        due_q <= 1'b1;
        nak_q <= 1'b1;
      end
    end
  end

  assign expected_o = expected_q;
  assign fresh_o    = fresh_q != '0;
  assign due_o      = due_q;
  assign nak_o      = nak_q;
endmodule
