// SPDX-License-Identifier: Apache-2.0
// The host link: carries the TLP stream in Ethernet frames, without loss and in order, to one host at a time (docs/hostlink.md).

//   MAC words -> hostlink_rx -> the frame is judged here -> pcie_store -> tlp_rx
//   tlp_tx -> buffer of hostlink_tx (hostlink_send: what is where) -> MAC words
//
//   BUF_LOG2       log2 of the words of each buffer: 9 takes two block RAMs of 18 kbit each
//   RTO, SILENCE_LOG2, OFFER_LOG2    timers in cycles (docs/hostlink.md, "Sending and receiving")
//   mac_i          the board's address; first octet in bits 7:0
//   seed_i         for the nonces; better different for each board
//   ev_mac_bad_i   pulses of the MAC: a frame without words was bad
//   up_o           the link is up. While it is not, what is behind the TLP stream must be in reset
//   idle_o         nothing is to be sent or on its way
//   time_skip_i    cycles that a simulator left out; 0 on a board
module hostlink #(
    parameter int unsigned BUF_LOG2     = 9,
    parameter int unsigned RTO          = 131072,
    parameter int unsigned SILENCE_LOG2 = 27,
    parameter int unsigned OFFER_LOG2   = 20
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic [47:0] mac_i,
    input  logic [31:0] seed_i,
    // MAC
    input  logic        rx_valid_i,
    input  logic        rx_sof_i,
    input  logic [63:0] rx_data_i,
    input  logic        rx_last_i,
    input  logic [3:0]  rx_last_bytes_i,
    input  logic        rx_err_i,
    output logic        tx_valid_o,
    input  logic        tx_ready_i,
    output logic [63:0] tx_data_o,
    output logic        tx_last_o,
    output logic [3:0]  tx_last_bytes_o,
    // TLP streams, from and to the host
    output logic        tlp_rx_valid_o,
    input  logic        tlp_rx_ready_i,
    output logic [63:0] tlp_rx_data_o,
    output logic        tlp_rx_sop_o,
    output logic        tlp_rx_eop_o,
    output logic        tlp_rx_keep_o,
    input  logic        tlp_tx_valid_i,
    output logic        tlp_tx_ready_o,
    input  logic [63:0] tlp_tx_data_i,
    input  logic        tlp_tx_eop_i,
    input  logic        tlp_tx_keep_i,
    output logic        up_o,
    output logic        idle_o,
    input  logic [31:0] time_skip_i
);
  localparam int unsigned TLP_WORDS   = 36;
  localparam int unsigned FRAME_WORDS = 128;
  localparam int unsigned MANY        = 128;   // words taken or read after which the peer is told
  localparam logic [9:0]  Room        = 10'(2 ** BUF_LOG2 - 4);

  typedef enum logic [1:0] {DOWN, RESET, UP} state_e;
  state_e     state_q;
  logic [4:0] reset_q;
  logic       live;
  assign live = state_q == UP;

  // --- Frames from the wire ---
  logic        frame, to_me, broadcast, sane, payload, nak, poll, ev_bad, ev_foreign;
  logic [47:0] source;
  logic [3:0]  kind;
  logic [31:0] tag, seq, ack;
  logic [15:0] window;
  logic [9:0]  words, free_q;
  logic        st_wr, st_start, hold_start;
  logic [66:0] st_data, hold;

  hostlink_rx #(.TLP_WORDS(TLP_WORDS), .FRAME_WORDS(FRAME_WORDS)) u_rx (
    .clk_i, .rst_i,
    .rx_valid_i, .rx_sof_i, .rx_data_i, .rx_last_i, .rx_last_bytes_i, .rx_err_i,
    .mac_i,
    .free_i       (free_q),
    .frame_o      (frame),
    .to_me_o      (to_me),
    .broadcast_o  (broadcast),
    .sane_o       (sane),
    .payload_o    (payload),
    .source_o     (source),
    .type_o       (kind),
    .nak_o        (nak),
    .poll_o       (poll),
    .tag_o        (tag),
    .seq_o        (seq),
    .ack_o        (ack),
    .window_o     (window),
    .words_o      (words),
    .ev_bad_o     (ev_bad),
    .ev_foreign_o (ev_foreign),
    .wr_o         (st_wr),
    .wr_start_o   (st_start),
    .wr_data_o    (st_data),
    .hold_start_o (hold_start),
    .hold_o       (hold)
  );

  // --- The session, and what is on offer ---
  logic [47:0] peer_q, offer_mac_q;
  logic [31:0] peer_tag_q, own_tag_q;      // of frames to the peer; of frames from it
  logic [31:0] offer_peer_tag_q, offer_tag_q;
  logic        offer_q;
  logic [31:0] nonce_q;
  logic [SILENCE_LOG2:0] quiet_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) nonce_q <= seed_i == '0 ? 32'd1 : seed_i;
    else nonce_q <= {nonce_q[30:0], nonce_q[31] ^ nonce_q[21] ^ nonce_q[1] ^ nonce_q[0]};
  end

  // A cycle for comparing, a cycle for judging.
  logic judge_q, mine_q, well_q, open_q, data_q, ack_q, close_q, from_peer_q, from_offer_q, own_q, offered_q, again_q;
  always_ff @(posedge clk_i) begin
    judge_q      <= frame && !rst_i;
    open_q       <= kind == hostlink_pkg::OPEN;
    data_q       <= kind == hostlink_pkg::DATA;
    ack_q        <= kind == hostlink_pkg::ACK;
    close_q      <= kind == hostlink_pkg::CLOSE;
    mine_q       <= to_me || (broadcast && kind == hostlink_pkg::OPEN);
    well_q       <= sane && (kind == hostlink_pkg::OPEN || kind == hostlink_pkg::ACK || kind == hostlink_pkg::CLOSE ||
                             (kind == hostlink_pkg::DATA && payload));
    from_peer_q  <= source == peer_q;
    from_offer_q <= source == offer_mac_q;
    own_q        <= tag == own_tag_q;
    offered_q    <= tag == offer_tag_q;
    again_q      <= seq == offer_peer_tag_q;
  end

  logic judge, session, confirm, opened, refuse, offer_new, close, late, forged;
  assign judge     = judge_q && mine_q && well_q;
  assign session   = judge && !open_q && live && from_peer_q && own_q;
  assign confirm   = judge && ack_q && offer_q && from_offer_q && offered_q && !session;
  assign opened    = judge && open_q;
  assign refuse    = opened && (state_q != DOWN ? !from_peer_q : offer_q && !from_offer_q && quiet_q[SILENCE_LOG2:OFFER_LOG2] == '0);
  assign offer_new = opened && !refuse && !(offer_q && from_offer_q && again_q);
  assign close     = session && close_q;
  assign late      = quiet_q[SILENCE_LOG2];
  assign forged    = judge && !open_q && !session && !confirm;

  // --- Answers to OPEN ---
  logic                start, reply_q;
  hostlink_pkg::type_e reply_type_q, go_type;
  logic [47:0]         reply_mac_q;
  logic [31:0]         reply_tag_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= DOWN;
      offer_q <= 1'b0;
      reply_q <= 1'b0;
      quiet_q <= '0;
      reset_q <= '0;
    end else begin
      if (session || offer_new || confirm) quiet_q <= '0;
      else if (!late) quiet_q <= quiet_q + {{SILENCE_LOG2{1'b0}}, 1'b1} +
                                 (|time_skip_i[31:SILENCE_LOG2] ? {1'b0, {SILENCE_LOG2{1'b1}}} : {1'b0, time_skip_i[SILENCE_LOG2-1:0]});

      reset_q <= state_q == RESET ? reset_q + 5'd1 : '0;
      if (state_q == RESET && reset_q == '1) state_q <= UP;
      if ((live && late) || close) state_q <= DOWN;
      if (confirm) begin
        state_q <= RESET;
        offer_q <= 1'b0;
      end
      if (offer_new) offer_q <= 1'b1;

      if (opened) reply_q <= 1'b1;
      else if (start && reply_q) reply_q <= 1'b0;
    end
    if (confirm) begin
      peer_q     <= offer_mac_q;
      peer_tag_q <= offer_peer_tag_q;
      own_tag_q  <= offer_tag_q;
    end
    if (offer_new) begin
      offer_mac_q      <= source;
      offer_peer_tag_q <= seq;
      offer_tag_q      <= nonce_q;
    end
    if (opened) begin
      reply_type_q <= refuse ? hostlink_pkg::REFUSE : hostlink_pkg::ACCEPT;
      reply_mac_q  <= source;
      reply_tag_q  <= seq;
    end
  end

  // --- Words from the host ---
  logic       take, due, fresh, ack_nak, old, gap, told, tlp_take;
  logic [31:0] expected;
  logic [9:0] level_q;     // in the store
  logic [9:0] read_q;      // read since the peer was told
  hostlink_receive #(.MANY(MANY)) u_receive (
    .clk_i,
    .rst_i      (rst_i || !live),
    .data_i     (session && data_q),
    .seq_i      (seq),
    .words_i    (words),
    .fits_i     (1'b1),
    .take_o     (take),
    .expected_o (expected),
    .told_i     (told),
    .poll_i     ((session && poll) || first_q || read_q >= 10'(MANY)),
    .due_o      (due),
    .fresh_o    (fresh),
    .nak_o      (ack_nak),
    .ev_old_o   (old),
    .ev_gap_o   (gap)
  );

  // The host waits for the first frame of the session.
  logic first_q;
  always_ff @(posedge clk_i) first_q <= state_q == RESET;

  // The last word goes in a cycle later: judging takes most of one.
  logic take_q;
  always_ff @(posedge clk_i) take_q <= take && live && !rst_i;

  pcie_store #(.WIDTH(67), .DEPTH_LOG2(BUF_LOG2)) u_store (
    .clk_i,
    .rst_i      (rst_i || !live),
    .wr_i       (st_wr || take_q),
    .start_i    (take_q ? hold_start : st_start),
    .commit_i   (take_q),
    .wr_data_i  (take_q ? hold : st_data),
    /* verilator lint_off PINCONNECTEMPTY */  // counted here, in words
    .room_o     (),
    .empty_o    (),
    /* verilator lint_on PINCONNECTEMPTY */
    .rd_valid_o (tlp_rx_valid_o),
    .rd_ready_i (tlp_rx_ready_i),
    .rd_data_o  ({tlp_rx_keep_o, tlp_rx_eop_o, tlp_rx_sop_o, tlp_rx_data_o})
  );

  assign tlp_take = tlp_rx_valid_o && tlp_rx_ready_i;
  always_ff @(posedge clk_i) begin
    if (rst_i || !live) begin
      level_q <= '0;
      read_q  <= '0;
    end else begin
      level_q <= level_q + (take ? words : '0) - {9'd0, tlp_take};
      read_q  <= told ? '0 : read_q + {9'd0, tlp_take && read_q < 10'(MANY)};
    end
    free_q <= Room - level_q;
  end

  // --- Words to the host ---
  logic                room, ready, busy, step, more, push, waiting, resent;
  logic [31:0]         next;
  logic [BUF_LOG2-1:0] put;
  assign tlp_tx_ready_o = live && room;
  assign push           = tlp_tx_valid_i && tlp_tx_ready_o;

  hostlink_send #(
    .BUF_LOG2(BUF_LOG2), .TLP_WORDS(TLP_WORDS), .FRAME_WORDS(FRAME_WORDS), .RTO(RTO)
  ) u_send (
    .clk_i,
    .rst_i       (rst_i || !live),
    .push_i      (push),
    .push_eop_i  (tlp_tx_eop_i),
    .room_o      (room),
    .put_o       (put),
    .ack_valid_i (session && (data_q || ack_q)),
    .ack_i       (ack),
    .window_i    (window),
    .nak_i       (nak),
    .ready_o     (ready),
    .next_o      (next),
    .busy_i      (busy),
    .step_i      (step),
    .more_o      (more),
    .waiting_o   (waiting),
    .ev_resend_o (resent)
  );

  logic go;
  always_comb begin
    go      = reply_q || (live && (ready || due));
    go_type = hostlink_pkg::ACK;
    if (ready) go_type = hostlink_pkg::DATA;
    if (reply_q) go_type = reply_type_q;
  end
  assign told = start && !reply_q;

  logic [16*hostlink_pkg::COUNTERS-1:0] counters_q;
  hostlink_tx #(.BUF_LOG2(BUF_LOG2)) u_tx (
    .clk_i, .rst_i,
    .tx_valid_o, .tx_ready_i, .tx_data_o, .tx_last_o, .tx_last_bytes_o,
    .go_i          (go),
    .start_o       (start),
    .type_i        (go_type),
    .source_i      (mac_i),
    .destination_i (reply_q ? reply_mac_q : peer_q),
    .tag_i         (reply_q ? reply_tag_q : peer_tag_q),
    .nonce_i       (offer_tag_q),
    .ack_i         (expected),
    .window_i      ({6'd0, free_q}),
    .nak_i         (ack_nak && !reply_q),
    .abort_i       (!live),
    .counters_i    (counters_q),
    .push_i        (push),
    .push_data_i   ({tlp_tx_eop_i, tlp_tx_keep_i ? tlp_tx_data_i[63:32] : 32'd0, tlp_tx_data_i[31:0]}),
    .put_i         (put),
    .next_i        (next),
    .more_i        (more),
    .step_o        (step),
    .busy_o        (busy)
  );

  // --- Counters ---
  logic [hostlink_pkg::COUNTERS-1:0] ev;
  always_comb begin
    ev = '0;
    ev[hostlink_pkg::BAD]       = ev_bad;
    ev[hostlink_pkg::FOREIGN]   = ev_foreign || (judge_q && !mine_q) || (forged && live && !from_peer_q);
    ev[hostlink_pkg::MALFORMED] = judge_q && mine_q && !well_q;
    ev[hostlink_pkg::FORGED]    = forged && !(live && !from_peer_q);
    ev[hostlink_pkg::REPLAYED]  = old;
    ev[hostlink_pkg::GAP]       = gap;
    ev[hostlink_pkg::REFUSED]   = refuse;
    ev[hostlink_pkg::RESENT]    = resent;
  end
  always_ff @(posedge clk_i) begin
    if (rst_i) counters_q <= '0;
    else begin
      for (int i = 0; i < int'(hostlink_pkg::COUNTERS); i++) begin
        if (ev[i]) counters_q[16*i +: 16] <= counters_q[16*i +: 16] + 16'd1;
      end
    end
  end

  assign up_o   = live;
  assign idle_o = !go && !tx_valid_o && !busy && !judge_q && !take_q && !frame && !rx_valid_i && state_q != RESET &&
                  !(live && (tlp_tx_valid_i || tlp_rx_valid_o || waiting || fresh));
endmodule
