// SPDX-License-Identifier: Apache-2.0
// Proof harness of the host link's numbers: hostlink_send and hostlink_receive over two cables that lose, repeat, delay and overtake as the solver likes.

// Each cable holds two frames. A frame that is built goes into either place, and what was there is lost; what is in a place may arrive at any time, any
// number of times. One word, any word, is marked as it is pushed; `ahead` counts the words that must be delivered before it. The numbers have SEQ_W bits only, so a frame that
// lies most of 2**SEQ_W words back is taken from the cable: no cable keeps one for 2**31 words.
module proof_link #(
    parameter int unsigned SEQ_W  = 5,
    parameter int unsigned BUF    = 3,
    parameter int unsigned TLP    = 1,   // words of the longest TLP, of a frame; room behind the receiver
    parameter int unsigned FRAME  = 2,
    parameter int unsigned STORE  = 3,
    parameter int unsigned UPS    = 1    // frames on the cable to the sender, 1 or 2
) (
    input logic clk_i,
    input logic push_i,
    input logic push_eop_i,
    input logic mark_i,      // mark the word that is pushed now
    input logic go_i,        // the sender begins a frame, if it may
    input logic tell_i,      // the receiver sends what is due
    input logic down_i,      // a frame arrives from place down_place_i
    input logic down_place_i,
    input logic up_i,
    input logic up_place_i,
    input logic down_to_i,   // place where a new frame goes
    input logic up_to_i,
    input logic lose_i,      // a new frame is lost at once
    input logic read_i,      // the receiver's reader takes a word
    input logic poll_i
);
  localparam logic [SEQ_W-1:0] Far = SEQ_W'(2 ** SEQ_W - FRAME - 2), FarAck = SEQ_W'(2 ** SEQ_W - 2 ** (BUF + 1));

  logic rst, past;
  formal_reset u_reset (.clk_i, .rst_o(rst), .past_o(past));

  // --- Cables: what is in their places ---
  logic [1:0]         d_full_q;
  logic [SEQ_W-1:0]   d_seq_q   [2];
  logic [1:0]         d_words_q [2];
  logic               d_mark_q  [2];
  logic [1:0]         d_pos_q   [2];
  logic [SEQ_W-1:0]   d_back_q  [2];   // words by which it lies behind what is expected
  logic [SEQ_W-1:0]   u_back_q  [2];   // words by which it lies behind what is acknowledged
  logic [1:0]         u_full_q;
  logic [SEQ_W-1:0]   u_ack_q   [2];
  logic [2:0]         u_window_q[2];
  logic               u_nak_q   [2];

  logic down, up;
  assign down = down_i && d_full_q[down_place_i];
  assign up   = up_i && u_full_q[up_place];
  logic up_place;
  assign up_place = up_place_i && UPS != 1;

  // --- Sender, and the builder of its frames (as hostlink_tx does; a word every two cycles) ---
  logic             room, ready, busy_q, step, more, resend, waiting;
  logic [SEQ_W-1:0] next;
  logic [BUF-1:0]   put;
  logic             push;
  assign push = push_i && room;

  hostlink_send #(.SEQ_W(SEQ_W), .BUF_LOG2(BUF), .TLP_WORDS(TLP), .FRAME_WORDS(FRAME), .RTO(2)) dut (
    .clk_i, .rst_i(rst),
    .push_i(push), .push_eop_i(push_eop_i), .room_o(room), .put_o(put),
    .ack_valid_i(up), .ack_i(u_ack_q[up_place]), .window_i({13'd0, u_window_q[up_place]}), .nak_i(u_nak_q[up_place]),
    .ready_o(ready), .next_o(next), .busy_i(busy_q), .step_i(step), .more_o(more), .waiting_o(waiting), .ev_resend_o(resend)
  );

  logic [2**BUF-1:0] eop_q, mark_q;    // of the words in the buffer
  logic              in_tlp_q;         // a TLP is half pushed
  logic [1:0]        count_q, pos_q;
  logic              phase_q;
  logic              has_mark_q, sent;
  logic [SEQ_W-1:0]  seq_q;
  logic              w_eop, w_mark, done;
  assign step   = busy_q && phase_q;
  assign w_eop  = eop_q[next[BUF-1:0]];
  assign w_mark = mark_q[next[BUF-1:0]];
  assign done   = step && w_eop && !more;
  assign sent   = done;

  // --- Receiver ---
  logic             take, fresh, due, nak, old, gap, told, data;
  logic [SEQ_W-1:0] expected;
  logic [2:0]       level_q;
  logic [2:0]       f_words;
  assign data    = down;
  assign f_words = {1'b0, d_words_q[down_place_i]};
  assign told    = due && tell_i;
  hostlink_receive #(.SEQ_W(SEQ_W), .DELAY(2), .MANY(2)) dut_receive (
    .clk_i, .rst_i(rst),
    .data_i(data), .seq_i(d_seq_q[down_place_i]), .words_i({7'd0, f_words}), .fits_i(1'b1),
    .take_o(take), .expected_o(expected), .told_i(told), .poll_i(poll_i), .fresh_o(fresh), .due_o(due), .nak_o(nak),
    .ev_old_o(old), .ev_gap_o(gap)
  );

  // --- The marked word ---
  logic           marked_q, delivered_q;
  logic [BUF:0]   ahead_q, inside_q;   // words to be delivered before it; all pushed and not delivered
  logic [BUF:0]   taken;
  assign taken = take ? (BUF + 1)'(f_words) : '0;

  (* hierconn *) logic [SEQ_W-1:0] \dut.limit_q ;
  (* hierconn *) logic [BUF:0] \dut.com_q ;

  // Ages. A frame is built while others arrive: its first word may be taken meanwhile, from a repetition.
  logic [SEQ_W-1:0] una, acked, words, seq_back_q, seq_back_d;
  (* hierconn *) logic [SEQ_W-1:0] \dut.una_q ;
  (* hierconn *) logic [SEQ_W-1:0] \dut.high_q ;
  assign una   = \dut.una_q ;
  assign acked = up && u_ack_q[up_place] - una <= \dut.high_q - una ? u_ack_q[up_place] - una : '0;
  assign words = take ? SEQ_W'(f_words) : '0;

  always_comb begin
    if (!busy_q) seq_back_d = next - expected > SEQ_W'(2 ** (SEQ_W - 1)) ? expected - next + words : next - expected < words ? words - (next - expected) : '0;
    else seq_back_d = seq_back_q != '0 || seq_q == expected ? seq_back_q + words : seq_q - expected < words ? words - (seq_q - expected) : '0;
  end

  always_ff @(posedge clk_i) begin
    if (rst) begin
      d_full_q    <= '0;
      u_full_q    <= '0;
      busy_q      <= 1'b0;
      phase_q     <= 1'b0;
      in_tlp_q    <= 1'b0;
      marked_q    <= 1'b0;
      delivered_q <= 1'b0;
      mark_q      <= '0;
      eop_q       <= '0;
      inside_q    <= '0;
      level_q     <= '0;
      has_mark_q  <= 1'b0;
      count_q     <= '0;
    end else begin
      // Into the buffer
      if (push) begin
        eop_q[put]  <= push_eop_i;
        mark_q[put] <= mark_i && !marked_q;
        in_tlp_q    <= !push_eop_i;
        if (mark_i && !marked_q) begin
          marked_q <= 1'b1;
          ahead_q  <= inside_q - taken;
        end
      end
      if (marked_q && take) begin
        ahead_q <= ahead_q - taken;
        if (ahead_q < taken) delivered_q <= 1'b1;
      end
      inside_q <= inside_q + {{BUF{1'b0}}, push} - taken;

      // Frames out
      if (!busy_q) begin
        if (ready && go_i) begin
          busy_q     <= 1'b1;
          seq_q      <= next;
          count_q    <= '0;
          has_mark_q <= 1'b0;
          phase_q    <= 1'b0;
        end
      end else begin
        phase_q <= !phase_q;
        if (step) begin
          count_q <= count_q + 2'd1;
          if (w_mark && mark_q != '0) begin
            has_mark_q <= 1'b1;
            pos_q      <= count_q;
          end
        end
        if (done) busy_q <= 1'b0;
      end

      seq_back_q <= seq_back_d;

      // The cables
      for (int i = 0; i < 2; i++) begin
        if (take) d_back_q[i] <= d_back_q[i] != '0 || d_seq_q[i] == expected ? d_back_q[i] + words :
                                 d_seq_q[i] - expected < words ? words - (d_seq_q[i] - expected) : '0;
        if (d_back_q[i] >= Far) d_full_q[i] <= 1'b0;
        u_back_q[i] <= u_back_q[i] != '0 || u_ack_q[i] == una ? u_back_q[i] + acked :
                       u_ack_q[i] - una < acked ? acked - (u_ack_q[i] - una) : '0;
        if (u_back_q[i] >= FarAck) u_full_q[i] <= 1'b0;
        if (sent && !lose_i && down_to_i == i[0]) begin
          d_full_q[i]  <= 1'b1;
          d_seq_q[i]   <= seq_q;
          d_words_q[i] <= count_q + 2'd1;
          d_mark_q[i]  <= has_mark_q || w_mark;
          d_pos_q[i]   <= w_mark ? count_q : pos_q;
          d_back_q[i]  <= seq_back_d;
        end
        if (told && !lose_i && (up_to_i && UPS != 1) == i[0]) begin
          u_full_q[i]   <= 1'b1;
          u_ack_q[i]    <= expected;
          u_window_q[i] <= 3'(STORE) - level_q;
          u_nak_q[i]    <= nak;
          u_back_q[i]   <= '0;                        // nothing is acknowledged that is not taken
        end
      end

      // The store behind the receiver
      level_q <= level_q + (take ? f_words : 3'd0) - {2'd0, read_i && level_q != '0};
    end
  end

  // --- What is assumed ---
  always_ff @(posedge clk_i) begin
    assume (!push_i || push_eop_i || (TLP == 2 && !in_tlp_q));  // TLPs have one word or two
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      all_arrive: cover (delivered_q && inside_q == '0);
      repeated: cover (old && delivered_q);
      overtaken: cover (gap && d_words_q[down_place_i] == 2'd2);
      full: cover (inside_q > (BUF + 1)'(2 ** BUF / 2) && delivered_q && resend);
    end
  end

  // --- What is claimed ---
  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      // The marked word is delivered behind those that were pushed before it, in its place, and once.
      no_loss: assert (!(take && marked_q && !delivered_q && ahead_q < taken) ||
                       (d_mark_q[down_place_i] && (BUF + 1)'(d_pos_q[down_place_i]) == ahead_q));
      no_duplicate: assert (!(take && d_mark_q[down_place_i]) || (marked_q && !delivered_q && ahead_q < taken));
      no_overrun: assert (!take || level_q + f_words <= 3'(STORE));
      whole: assert (!step || (next[BUF:0] != \dut.com_q && count_q < 2'(FRAME)));
      kept: assert (inside_q <= (BUF + 1)'(2 ** BUF));
      in_window: assert (!step || \dut.limit_q - next != '0);
      not_too_old: assert (!(sent && !lose_i) || seq_back_d < Far);
    end
  end
endmodule
