// SPDX-License-Identifier: Apache-2.0
// The sender's side of the host link's sequence numbers: what is in the buffer, sent, acknowledged; when to go back.

// Words are numbered modulo 2**SEQ_W; word n lies in the buffer at n modulo its size. In order of the numbers:
//
//   una    first word that the peer has not acknowledged      next   word that a frame takes next
//   high   first word never sent                              limit  first word that the peer has no room for
//
// una <= high, next <= high <= limit. next lies before una only while a frame that repeats words is being built and they are
// acknowledged meanwhile; the words stay in the buffer until it has ended, and next is put right then.
//
//   TLP_WORDS, FRAME_WORDS   longest TLP; longest payload of a frame
//   RTO                      cycles without progress until everything is sent again
//   push_i, push_eop_i, room_o   words into the buffer; whole TLPs are sent only. Room for one more word and those of two cycles
//   ack_valid_i ...          the peer's fields of a frame of this session
//   ready_o                  a frame may begin with word next_o; while it is built busy_i is high
//   step_i                   word next_o was taken into the frame, in a cycle in which next_o had stood for two
//   more_o                   another TLP may follow in this frame behind word next_o
//   waiting_o                something is sent and not acknowledged
//   ev_resend_o              a retransmission begins
module hostlink_send #(
    parameter int unsigned SEQ_W       = 32,
    parameter int unsigned BUF_LOG2    = 9,
    parameter int unsigned TLP_WORDS   = 36,
    parameter int unsigned FRAME_WORDS = 128,
    parameter int unsigned RTO         = 131072
) (
    input  logic                clk_i,
    input  logic                rst_i,
    input  logic                push_i,
    input  logic                push_eop_i,
    output logic                room_o,
    output logic [BUF_LOG2-1:0] put_o,
    input  logic                ack_valid_i,
    input  logic [SEQ_W-1:0]    ack_i,
    input  logic [15:0]         window_i,
    input  logic                nak_i,
    output logic                ready_o,
    output logic [SEQ_W-1:0]    next_o,
    input  logic                busy_i,
    input  logic                step_i,
    output logic                more_o,
    output logic                waiting_o,
    output logic                ev_resend_o
);
  localparam int unsigned       RTO_W  = $clog2(RTO + 1);
  localparam int unsigned       CNT_W  = $clog2(FRAME_WORDS + 1);
  localparam logic [SEQ_W-1:0]  One    = 1;
  localparam logic [BUF_LOG2:0] BufOne = 1;
  localparam logic [SEQ_W-1:0]  Longest = SEQ_W'(TLP_WORDS);
  localparam logic [BUF_LOG2:0] Most   = (BUF_LOG2 + 1)'(2 ** BUF_LOG2 - 3);

  logic [SEQ_W-1:0]  una_q, next_q, high_q, limit_q;
  logic [BUF_LOG2:0] put_q, com_q, floor_q;  // first free word, end of the last whole TLP, first word that must stay
  logic [CNT_W-1:0]  count_q;                // words of this frame
  logic              back_q, room_q, more_q;
  logic [RTO_W-1:0]  rto_q;

  // --- What the peer says ---
  logic [SEQ_W-1:0] acked, sent, limit_d;
  logic             ack_good, forward, expired;
  assign acked    = ack_i - una_q;
  assign sent     = high_q - una_q;
  assign ack_good = ack_valid_i && acked <= sent;
  assign forward  = ack_good && acked != '0;
  assign limit_d  = ack_i + SEQ_W'(window_i);
  assign expired  = rto_q == RTO_W'(RTO);

  // --- Where to go on ---
  logic [BUF_LOG2:0] after;
  assign after     = next_q[BUF_LOG2:0] + BufOne;
  logic [SEQ_W-1:0] behind, room_left;
  logic             fix;
  assign behind    = next_q - una_q;
  assign fix       = behind[SEQ_W-1];           // next lies before una
  assign room_left = limit_q - next_q;
  assign ready_o   = !busy_i && !back_q && !fix && next_q[BUF_LOG2:0] != com_q && room_left >= Longest;

  always_ff @(posedge clk_i) begin
    ev_resend_o <= 1'b0;
    if (rst_i) begin
      una_q   <= '0;
      next_q  <= '0;
      high_q  <= '0;
      limit_q <= '0;
      back_q  <= 1'b0;
      rto_q   <= '0;
      count_q <= '0;
      more_q  <= 1'b0;
    end else begin
      if (ack_good) begin
        una_q <= ack_i;
        if (limit_d - una_q > limit_q - una_q) limit_q <= limit_d;
      end
      if (step_i) begin
        next_q <= next_q + One;
        if (next_q == high_q) high_q <= high_q + One;
      end else if (!busy_i) begin
        if (back_q || fix) next_q <= una_q;
        back_q      <= 1'b0;
        ev_resend_o <= back_q && una_q != high_q;
      end
      if ((ack_good && nak_i) || expired) back_q <= 1'b1;

      if (una_q == high_q || forward || expired || (ready_o && !busy_i && next_q == una_q)) rto_q <= '0;
      else rto_q <= rto_q + 1'b1;

      count_q <= !busy_i ? '0 : step_i ? count_q + 1'b1 : count_q;
      more_q  <= after != com_q && room_left > Longest && count_q < CNT_W'(FRAME_WORDS - TLP_WORDS);
    end
  end

  // --- The buffer ---
  logic [BUF_LOG2:0] used;
  assign used = put_q - floor_q;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      put_q   <= '0;
      com_q   <= '0;
      floor_q <= '0;
      room_q  <= 1'b0;
    end else begin
      if (push_i) put_q <= put_q + BufOne;
      if (push_i && push_eop_i) com_q <= put_q + BufOne;
      if (!busy_i) floor_q <= una_q[BUF_LOG2:0];
      room_q <= used < Most;
    end
  end

  assign room_o = room_q;
  assign put_o  = put_q[BUF_LOG2-1:0];
  assign next_o = next_q;
  assign more_o = more_q;
  assign waiting_o = una_q != high_q;

`ifndef SYNTHESIS
  initial if (SEQ_W < BUF_LOG2 + 2 || TLP_WORDS > FRAME_WORDS || TLP_WORDS + 3 > 2 ** BUF_LOG2)
    $fatal(1, "hostlink_send: sizes do not fit each other");
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (used <= {1'b1, {BUF_LOG2{1'b0}}});
      assert (!(step_i && !busy_i));
    end
  end
`endif
endmodule
