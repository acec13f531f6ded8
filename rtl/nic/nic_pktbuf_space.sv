// SPDX-License-Identifier: Apache-2.0
// Room of one packet buffer ring: where the next frame goes and how many words and slots are free.

// Words and slots are taken at the head and given back at the tail, both in ring order, so two
// counters and two head pointers say all. A frame is taken and given whole.
//
//   AW               log2 of the ring size in 8-byte words
//   take_*           a slot of so many words is taken at word_o, slot_o (the caller has seen room)
//   give_*           the oldest slot, of so many words, is free again
//   word_o, slot_o   word and slot index of the next frame
//   free_o           free words; slot_free_o: a slot is free; half_o: at least half of the words and of the slots is
//                    free; empty_o: all of it is
module nic_pktbuf_space #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,
    input  logic          take_i,
    input  logic [11:0]   take_words_i,
    input  logic          give_i,
    input  logic [11:0]   give_words_i,
    output logic [AW-1:0] word_o,
    output logic [5:0]    slot_o,
    output logic [AW:0]   free_o,
    output logic          slot_free_o,
    output logic          half_o,
    output logic          empty_o
);

  localparam logic [AW:0] RingWords = 1 << AW;

  logic [AW-1:0] word_q;
  logic [5:0]    slot_q;
  logic [AW:0]   free_q;
  logic [6:0]    used_q;  // slots

  logic [AW:0] take, give;
  assign take = take_i ? (AW + 1)'(take_words_i) : '0;
  assign give = give_i ? (AW + 1)'(give_words_i) : '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      word_q <= '0;
      slot_q <= '0;
      free_q <= RingWords;
      used_q <= '0;
    end else begin
      word_q <= word_q + take[AW-1:0];
      free_q <= free_q - take + give;
      if (take_i) slot_q <= slot_q + 6'd1;
      if (take_i && !give_i) used_q <= used_q + 7'd1;
      if (!take_i && give_i) used_q <= used_q - 7'd1;
    end
  end

  assign word_o      = word_q;
  assign slot_o      = slot_q;
  assign free_o      = free_q;
  assign slot_free_o = !used_q[6];
  assign half_o      = free_q >= (RingWords >> 1) && used_q <= 7'd32;
  assign empty_o     = used_q == '0;

`ifndef SYNTHESIS
  logic seen_reset_q = 1'b0;
  always_ff @(posedge clk_i) begin
    if (rst_i) seen_reset_q <= 1'b1;
    if (seen_reset_q && !rst_i) begin
      assert (used_q <= 7'd64);
      assert (free_q <= RingWords);
      assert (!(used_q == '0 && free_q != RingWords));
      assert (!(take_i && take > free_q));
      assert (!(take_i && used_q[6]));
      assert (!(give_i && used_q == '0));
    end
  end
`endif

endmodule
