// SPDX-License-Identifier: Apache-2.0
// Proof harness against deadlock of the host link: hostlink_send and hostlink_receive over two cables. However many frames were lost, once no more are, words move within a
// bounded time.
//
// The proof has three parts, which together need no bound on the length of a run or on the number of losses:
//
//   START = 0            from reset: what is called J below holds after it, and the states from which it is hardest to come back are reached.
//   START = 1            from any state in which J holds, a cycle of a cable that loses, repeats, delays and overtakes as the solver likes: J holds again. So it holds always.
//   START = 1, CALM = 1  from any state in which J holds, so from any that losses can lead to. From then on no frame is lost; each arrives within three cycles of being
//                        sent, once, as does the one that may lie on each cable. The receiver's reader takes a word in four cycles. Then:
//                        while words wait, one is delivered within WAIT cycles; while delivered words are not acknowledged, or the buffer has no room, one is acknowledged.
//
// A cable has two places. A frame that is built goes into either, and what was there is lost; what is in a place may arrive at any time, any number of times. In calm
// frames go into place 0 only. TLPs have one word. Numbers have SEQ_W bits only: a frame that lies most of 2**SEQ_W words back is taken from the cable.
module proof_progress #(
    parameter int unsigned START = 0,
    parameter int unsigned CALM  = 0,
    parameter int unsigned SEQ_W = 4,
    parameter int unsigned BUF   = 2,
    parameter int unsigned FRAME = 2,    // words of the longest frame; room behind the receiver
    parameter int unsigned STORE = 2,
    parameter int unsigned RTO   = 2,
    parameter int unsigned LATE  = 1,    // cycles by which a frame may be late in calm
    parameter int unsigned READ  = 1,    // cycles in which the reader takes nothing
    parameter int unsigned POLL  = 2,    // cycles in which the window is shut until the sender asks
    parameter int unsigned WAIT  = 22
) (
    input logic clk_i,
    input logic push_i,
    input logic go_i,        // the sender begins a frame, if it may
    input logic tell_i,      // the receiver sends what is due
    input logic down_i,      // a frame arrives from place down_place_i
    input logic down_place_i,
    input logic up_i,
    input logic up_place_i,
    input logic down_to_i,   // place where a new frame goes
    input logic up_to_i,
    input logic lose_i,      // a new frame is lost at once
    input logic gone_down_i, // one that arrives does not arrive again
    input logic gone_up_i,
    input logic read_i,      // the receiver's reader takes a word
    input logic poll_i
);
  localparam int unsigned      SIZE   = 2 ** BUF;
  localparam logic [SEQ_W-1:0] Far    = SEQ_W'(2 ** SEQ_W - FRAME - 2);
  localparam logic [SEQ_W-1:0] FarAck = SEQ_W'(2 ** SEQ_W - 2 * SIZE);

  logic first, past, rst;
  formal_reset u_reset (.clk_i, .rst_o(first), .past_o(past));
  assign rst = first && START == 0;

  // --- Cables ---
  logic [1:0]       d_full_q, u_full_q;
  logic [SEQ_W-1:0] d_seq_q [2], d_back_q[2];    // words by which it lies behind what is expected
  logic [1:0]       d_words_q[2];
  logic [SEQ_W-1:0] u_ack_q [2], u_back_q[2];    // words by which it lies behind what is acknowledged
  logic [2:0]       u_window_q[2];
  logic             u_nak_q [2];

  // --- When things happen in calm: what has waited longest is forced ---
  logic [1:0] d_age_q = 2'd0, u_age_q = 2'd0;
  logic [1:0] t_gap_q = 2'd3, read_gap_q = 2'd0;
  logic       denied_q = 1'b0, due_q = 1'b0;
  logic [3:0] shut_q = 4'd0;
  logic       ready, due, shut;
  logic       d_must, u_must, go, tell, down, down_place, up, up_place, lose, d_to, u_to, read, poll, told, sent;
  assign d_must     = CALM != 0 && d_age_q == 2'(LATE);
  assign u_must     = CALM != 0 && u_age_q == 2'(LATE);
  assign down_place = d_must ? 1'b0 : down_place_i;
  assign up_place   = u_must ? 1'b0 : up_place_i;
  assign down       = (d_must || down_i) && d_full_q[down_place];
  assign up         = (u_must || up_i) && u_full_q[up_place];
  assign lose       = CALM == 0 && lose_i;
  assign d_to       = CALM == 0 && down_to_i;
  assign u_to       = CALM == 0 && up_to_i;
  assign go         = go_i || (CALM != 0 && denied_q);
  assign tell       = CALM == 0 ? tell_i : t_gap_q == 2'd3 && (tell_i || due_q);
  assign read       = read_i || (CALM != 0 && read_gap_q == 2'(READ));
  assign poll       = poll_i || (CALM != 0 && shut_q == 4'(POLL));
  assign told       = due && tell;

  // --- Sender, and the builder of its frames (as hostlink_tx does; a word every two cycles) ---
  logic             room, busy_q, phase_q, step, more, resend, waiting, push;
  logic [SEQ_W-1:0] next, seq_q;
  logic [BUF-1:0]   put_low;
  assign push = push_i && room;
  assign step = busy_q && phase_q;
  assign sent = step && !more;

  // yosys 0.52 cannot give a module parameters again if a port is tied to an expression: so these are signals.
  logic [SEQ_W-1:0] u_ack, d_seq;
  logic [15:0]      u_window;
  logic [9:0]       d_words;
  logic             u_nak, one;
  assign u_ack    = u_ack_q[up_place];
  assign u_window = {13'd0, u_window_q[up_place]};
  assign u_nak    = u_nak_q[up_place];
  assign d_seq    = d_seq_q[down_place];
  assign d_words  = {8'd0, d_words_q[down_place]};
  assign one      = 1'b1;

  hostlink_send #(.SEQ_W(SEQ_W), .BUF_LOG2(BUF), .TLP_WORDS(1), .FRAME_WORDS(FRAME), .RTO(RTO)) dut (
    .clk_i, .rst_i(rst),
    .push_i(push), .push_eop_i(one), .room_o(room), .put_o(put_low),
    .ack_valid_i(up), .ack_i(u_ack), .window_i(u_window), .nak_i(u_nak),
    .ready_o(ready), .next_o(next), .busy_i(busy_q), .step_i(step), .more_o(more), .waiting_o(waiting), .ev_resend_o(resend)
  );

  // --- Receiver ---
  logic             take, fresh, nak, old, gap;
  logic [SEQ_W-1:0] expected, words;
  logic [2:0]       level_q;
  hostlink_receive #(.SEQ_W(SEQ_W), .DELAY(2), .MANY(2)) dut_receive (
    .clk_i, .rst_i(rst),
    .data_i(down), .seq_i(d_seq), .words_i(d_words), .fits_i(one),
    .take_o(take), .expected_o(expected), .told_i(told), .poll_i(poll), .fresh_o(fresh), .due_o(due), .nak_o(nak),
    .ev_old_o(old), .ev_gap_o(gap)
  );
  assign words = take ? SEQ_W'(d_words_q[down_place]) : '0;

  // --- Distances: `base` is the word that `floor` of the sender stands for; everything in the buffer is counted from it ---
  (* hierconn *) logic [SEQ_W-1:0] \dut.una_q ;
  (* hierconn *) logic [SEQ_W-1:0] \dut.high_q ;
  (* hierconn *) logic [SEQ_W-1:0] \dut.limit_q ;
  (* hierconn *) logic [BUF:0] \dut.put_q ;
  (* hierconn *) logic [BUF:0] \dut.com_q ;
  (* hierconn *) logic [BUF:0] \dut.floor_q ;
  (* hierconn *) logic [1:0] \dut.count_q ;
  logic [SEQ_W-1:0] una, high, limit, base, una_b, high_b, limit_b, next_b, seq_b, exp_b, exp_new_b, acked;
  logic [BUF:0]     put_b, una_behind;
  assign una        = \dut.una_q ;
  assign high       = \dut.high_q ;
  assign limit      = \dut.limit_q ;
  assign una_behind = una[BUF:0] - \dut.floor_q ;
  assign base       = una - SEQ_W'(una_behind);
  assign una_b      = una - base;
  assign high_b     = high - base;
  assign limit_b    = limit - base;
  assign next_b     = next - base;
  assign seq_b      = seq_q - base;
  assign exp_b      = expected - base;
  assign exp_new_b  = exp_b + words;
  assign put_b      = \dut.put_q - \dut.floor_q ;
  assign acked      = up && u_ack_q[up_place] - una <= high - una ? u_ack_q[up_place] - una : '0;

  assign shut = !busy_q && next_b < SEQ_W'(put_b) && limit == next;

  // How long there was no progress.
  logic [7:0] stuck_q = 8'd0, full_q = 8'd0;

  always_ff @(posedge clk_i) begin
    if (rst) begin
      d_full_q  <= '0;
      u_full_q  <= '0;
      busy_q    <= 1'b0;
      phase_q   <= 1'b0;
      level_q   <= '0;
    end else begin
      if (!busy_q) begin
        phase_q <= 1'b0;
        if (ready && go) begin
          busy_q <= 1'b1;
          seq_q  <= next;
        end
      end else begin
        phase_q <= !phase_q;
        if (sent) busy_q <= 1'b0;
      end
      for (int i = 0; i < 2; i++) begin
        if (take) d_back_q[i] <= d_back_q[i] != '0 || d_seq_q[i] == expected ? d_back_q[i] + words :
                                 d_seq_q[i] - expected < words ? words - (d_seq_q[i] - expected) : '0;
        if (d_back_q[i] >= Far) d_full_q[i] <= 1'b0;
        u_back_q[i] <= u_back_q[i] != '0 || u_ack_q[i] == una ? u_back_q[i] + acked :
                       u_ack_q[i] - una < acked ? acked - (u_ack_q[i] - una) : '0;
        if (u_back_q[i] >= FarAck) u_full_q[i] <= 1'b0;
        if (sent && !lose && d_to == i[0]) begin
          d_full_q[i]  <= 1'b1;
          d_seq_q[i]   <= seq_q;
          d_words_q[i] <= 2'(next_b - seq_b) + 2'd1;
          d_back_q[i]  <= exp_new_b > seq_b ? exp_new_b - seq_b : '0;
        end
        if (told && !lose && u_to == i[0]) begin
          u_full_q[i]   <= 1'b1;
          u_ack_q[i]    <= expected;
          u_window_q[i] <= 3'(STORE) - level_q;
          u_nak_q[i]    <= nak;
          u_back_q[i]   <= '0;                        // nothing is acknowledged that is not taken
        end
      end
      // What has arrived may be gone; in calm it is.
      if (down && (CALM != 0 ? !sent : gone_down_i)) d_full_q[down_place] <= 1'b0;
      if (up && (CALM != 0 ? !told : gone_up_i)) u_full_q[up_place] <= 1'b0;
      level_q <= level_q + words[2:0] - {2'd0, read && level_q != '0};
    end
    // Time
    d_age_q <= sent ? 2'd0 : d_age_q + 2'd1;
    u_age_q    <= told ? 2'd0 : u_age_q + 2'd1;
    t_gap_q    <= told ? 2'd1 : t_gap_q == 2'd3 ? 2'd3 : t_gap_q + 2'd1;
    read_gap_q <= read || level_q == '0 ? 2'd0 : read_gap_q + 2'd1;
    denied_q   <= !busy_q && (denied_q || (ready && !go));
    due_q      <= due && t_gap_q == 2'd3;
    shut_q     <= poll || !shut ? 4'd0 : shut_q + 4'd1;
    stuck_q    <= una_b == SEQ_W'(put_b) || take || acked != '0 ? 8'd0 : stuck_q + 8'd1;
    full_q     <= room || una_b != SEQ_W'(put_b) ? 8'd0 : full_q + 8'd1;
  end

  // --- J ---
  logic [1:0] d_good, u_good;
  always_comb begin
    for (int i = 0; i < 2; i++) begin
      // Behind what is expected by back, or not behind it; no word that was never sent.
      d_good[i] = d_words_q[i] != 2'd0 && d_words_q[i] <= 2'(FRAME) && d_back_q[i] <= Far + SEQ_W'(FRAME - 1) &&
                  (d_back_q[i] != '0 ? expected - d_seq_q[i] == d_back_q[i] && {1'b0, d_back_q[i]} + {1'b0, high - expected} >= (SEQ_W + 1)'(d_words_q[i])
                                     : d_seq_q[i] - expected <= high - expected && d_seq_q[i] - expected + SEQ_W'(d_words_q[i]) <= high - expected);
      // Acknowledges nothing that has not arrived, and promises no room that is not there.
      u_good[i] = u_back_q[i] <= FarAck + SEQ_W'(SIZE - 1) &&
                  (u_back_q[i] != '0 ? una - u_ack_q[i] == u_back_q[i]
                                     : u_ack_q[i] - una <= expected - una &&
                                       u_ack_q[i] - una + SEQ_W'(u_window_q[i]) <= expected - una + SEQ_W'(STORE) - SEQ_W'(level_q)) &&
                  u_window_q[i] <= 3'(STORE);
    end
  end
  logic j_order, j_next, j_window, j_frame, j_more, j_down, j_up;
  assign j_order  = una_b <= exp_b && exp_b <= high_b && high_b <= SEQ_W'(put_b) && put_b <= (BUF + 1)'(SIZE - 2) && (!room || put_b <= (BUF + 1)'(SIZE - 3)) &&
                    \dut.com_q == \dut.put_q ;
  assign j_next   = next_b <= high_b;
  assign j_window = level_q <= 3'(STORE) && high_b <= limit_b && limit_b <= exp_b + SEQ_W'(STORE) - SEQ_W'(level_q);
  assign j_frame  = !busy_q || (next_b < SEQ_W'(put_b) && next_b < limit_b && seq_b <= next_b && SEQ_W'(\dut.count_q ) == next_b - seq_b && \dut.count_q < 2'(FRAME));
  assign j_more   = !(busy_q && phase_q && more) || (next_b + SEQ_W'(1) < SEQ_W'(put_b) && next_b + SEQ_W'(1) < limit_b && \dut.count_q < 2'(FRAME - 1));
  assign j_down   = &(~d_full_q | d_good);
  assign j_up     = &(~u_full_q | u_good);

  if (START != 0) begin : g_from_j
    always_ff @(posedge clk_i) begin
      if (first || CALM != 0) assume (j_order && j_next && j_window && j_frame && j_more && j_down && j_up);
      if (first && CALM != 0) assume (!d_full_q[1] && !u_full_q[1]);
    end
  end
  if (CALM == 0) begin : g_any
    always_ff @(posedge clk_i) begin
      if (!rst && past) begin
        order: assert (j_order);
        next_in_buffer: assert (j_next);
        window: assert (j_window);
        frame: assert (j_frame);
        another: assert (j_more);
        frames_down: assert (j_down);
        frames_up: assert (j_up);
        // The states from which it is hardest to come back can be reached.
        frame_lost: cover (high == SEQ_W'(1) && expected == '0 && !busy_q && d_full_q == '0 && u_full_q == '0);
        acknowledgement_lost: cover (expected == SEQ_W'(1) && una == '0 && !due && !fresh && d_full_q == '0 && u_full_q == '0);
        window_lost: cover (una == SEQ_W'(STORE) && una == high && shut && level_q == '0 && !due && !fresh && u_full_q == '0);
      end
    end
  end else begin : g_calm
    always_ff @(posedge clk_i) begin
      moves: assert (stuck_q < 8'(WAIT));
      room_again: assert (full_q < 8'(WAIT));
      late: cover (take && stuck_q == 8'd6);
    end
  end
endmodule
