// SPDX-License-Identifier: Apache-2.0
// Ethernet receiver: GMII in, 64-bit words of a frame out (IEEE 802.3 clause 4 full duplex, clause
// 35).

// Finds the SFD, checks length and FCS, strips the FCS (padding stays) and recognises pause frames.
// It needs no gap between frames beyond the one cycle without rx_dv that ends a frame, and no more
// preamble than the SFD.
//
// Output: no back-pressure. rx_sof_o marks the first word, rx_last_o the last; a frame has at least
// two words, all but the last are full, byte 0 is in bits 7:0, bytes behind the last valid one are
// zero. Words come at most every 8 cycles, but the last one may come in the cycle after the one
// before it. With the last word rx_err_o says whether to drop the frame. A frame of 12 bytes or
// less (FCS included) is not delivered at all; one longer than allowed ends, with rx_err_o, after
// the greatest allowed number of bytes.
//
// What counts as a frame starts with an SFD. Every frame makes exactly one of the events, in the
// cycle of its last word if it has words; if several apply, the first in this order:
//   ev_giant_o    more than cfg_max_frame_i bytes without FCS, 4 more if it has a VLAN tag (TPID
//                 8100 or 88a8)
//   ev_er_o       rx_er within the frame (also within the preamble; then nothing is delivered)
//   ev_runt_o     less than 64 bytes with FCS
//   ev_bad_fcs_o
//   ev_pause_o    a pause frame to 01-80-C2-00-00-01; delivered with rx_err_o so that it is dropped
//   ev_frame_o    good
//
//   cfg_rx_en_i               0: further frames are ignored
//   cfg_max_frame_i           greatest frame in bytes without FCS and VLAN tag, header included, 60
//                             or more
//   pause_o, pause_quanta_o   together with ev_pause_o: the pause time, in units of 512 bit times
//   busy_o                    a frame is coming in or going out
module mac_rx (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        cfg_rx_en_i,
    input  logic [13:0] cfg_max_frame_i,

    input  logic [7:0]  gmii_rxd_i,
    input  logic        gmii_rx_dv_i,
    input  logic        gmii_rx_er_i,

    output logic        rx_valid_o,
    output logic        rx_sof_o,
    output logic [63:0] rx_data_o,
    output logic        rx_last_o,
    output logic [3:0]  rx_last_bytes_o,
    output logic        rx_err_o,

    output logic        pause_o,
    output logic [15:0] pause_quanta_o,

    output logic        ev_frame_o,
    output logic        ev_bad_fcs_o,
    output logic        ev_runt_o,
    output logic        ev_giant_o,
    output logic        ev_er_o,
    output logic        ev_pause_o,
    output logic        busy_o
);

  localparam logic [31:0] Residue = 32'hdebb20e3;

  typedef enum logic [1:0] {
    StIdle,      // no carrier
    StPreamble,  // carrier, SFD not yet seen
    StData,
    StSkip       // not of interest until the carrier ends
  } state_e;

  state_e     state_q;
  logic [7:0] rxd_q;
  logic       dv_q, er_q;

  always_ff @(posedge clk_i) begin
    rxd_q <= gmii_rxd_i;
    er_q  <= gmii_rx_er_i;
    dv_q  <= gmii_rx_dv_i;
  end

  // --- Start and end of frames ---
  logic searching, sfd, early_er, in, out, refuse, finish;

  assign searching = dv_q && ((state_q == StIdle && cfg_rx_en_i) || state_q == StPreamble);
  assign early_er  = searching && er_q;
  assign sfd       = searching && !er_q && rxd_q == 8'hd5;
  assign in        = state_q == StData && dv_q;       // a byte enters the delay line
  assign finish    = state_q == StData && (!dv_q || refuse);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= StSkip;  // the reset may end in the middle of a frame
    end else begin
      unique case (state_q)
        StIdle, StPreamble: begin
          if (!dv_q) state_q <= StIdle;
          else if (sfd) state_q <= StData;
          else if (searching && !er_q && rxd_q == 8'h55) state_q <= StPreamble;
          else state_q <= StSkip;
        end
        StData: begin
          if (!dv_q) state_q <= StIdle;
          else if (refuse) state_q <= StSkip;
        end
        default: if (!dv_q) state_q <= StIdle;
      endcase
    end
  end

  // --- Four bytes stay behind so that the FCS never comes out ---
  logic [31:0] delay_q;
  logic [3:0]  delay_valid_q;
  logic [7:0]  byte_out;

  assign byte_out = delay_q[7:0];
  assign out      = in && delay_valid_q[0] && !refuse;  // byte_out is a byte of the frame

  always_ff @(posedge clk_i) begin
    if (sfd) delay_valid_q <= 4'b0000;
    else if (in) delay_valid_q <= {1'b1, delay_valid_q[3:1]};
    if (in) delay_q <= {rxd_q, delay_q[31:8]};
  end

  // --- FCS and rx_er, over all bytes behind the SFD ---
  logic [31:0] crc_q, crc_step;
  logic        er_seen_q;

  mac_crc32 u_crc (.crc_i(crc_q), .data_i(rxd_q), .crc_o(crc_step));

  always_ff @(posedge clk_i) begin
    if (sfd) crc_q <= '1;
    else if (in) crc_q <= crc_step;
    if (sfd) er_seen_q <= 1'b0;
    else if (in && er_q) er_seen_q <= 1'b1;
  end

  // --- Length and header ---
  logic [5:0]  index_q;       // number of byte_out in the frame, stops at 60
  logic [13:0] room_q;        // bytes that may still come out
  logic        full_q;        // room_q is 0
  logic        pause_match_q;
  logic        tpid_81_q, tpid_88_q, tagged_q;
  logic [7:0]  expected;
  logic        matters, uses_room;
  logic [13:0] room_d;

  // Pause frames (802.3, 31B.3.1, 31A): destination, type and opcode.
  always_comb begin
    matters = 1'b1;
    unique case (index_q)
      6'd0:    expected = 8'h01;
      6'd1:    expected = 8'h80;
      6'd2:    expected = 8'hc2;
      6'd3:    expected = 8'h00;
      6'd4:    expected = 8'h00;
      6'd5:    expected = 8'h01;
      6'd12:   expected = 8'h88;
      6'd13:   expected = 8'h08;
      6'd14:   expected = 8'h00;
      6'd15:   expected = 8'h01;
      default: begin
        expected = 8'h00;
        matters  = 1'b0;
      end
    endcase
  end

  // The four bytes from 14 on stand for the tag: they use no room if there is one.
  assign uses_room = !tagged_q || index_q < 6'd14 || index_q > 6'd17;
  assign room_d    = uses_room ? room_q - 14'd1 : room_q;
  assign refuse    = in && delay_valid_q[0] && full_q && uses_room;

  always_ff @(posedge clk_i) begin
    if (sfd) begin
      index_q       <= 6'd0;
      room_q        <= cfg_max_frame_i;
      full_q        <= 1'b0;
      pause_match_q <= 1'b1;
      tagged_q      <= 1'b0;
    end else if (out) begin
      if (index_q != 6'd60) index_q <= index_q + 6'd1;
      room_q <= room_d;
      full_q <= room_d == 14'd0;
      if (matters && byte_out != expected) pause_match_q <= 1'b0;
      tpid_81_q <= byte_out == 8'h81;
      tpid_88_q <= byte_out == 8'h88;
      if (index_q == 6'd13)
        tagged_q <= (tpid_81_q && byte_out == 8'h00) || (tpid_88_q && byte_out == 8'ha8);
      if (index_q == 6'd16) pause_quanta_o[15:8] <= byte_out;
      if (index_q == 6'd17) pause_quanta_o[7:0] <= byte_out;
    end
  end

  // --- Words: a full word waits until it is known whether it is the last ---
  logic [63:0] word_q;
  logic [3:0]  bytes_q;      // valid bytes in word_q
  logic        first_q;      // no word has left yet
  logic        full_word;

  assign full_word = bytes_q[3];

  always_ff @(posedge clk_i) begin
    if (sfd) begin
      bytes_q <= 4'd0;
      first_q <= 1'b1;
    end else if (out) begin
      bytes_q <= full_word ? 4'd1 : bytes_q + 4'd1;
      if (full_word) first_q <= 1'b0;
    end
    if (out) begin
      for (int i = 0; i < 8; i++) begin
        if (full_word || bytes_q == 4'd0) word_q[8*i +: 8] <= (i == 0) ? byte_out : 8'h00;
        else if (bytes_q[2:0] == 3'(i)) word_q[8*i +: 8] <= byte_out;
      end
    end
  end

  // --- The end: one cycle to look at the FCS, then the last word and the event ---
  logic end_q, end_giant_q, end_early_er_q, fcs_good_q;
  logic tail_q;               // the cycle of the event
  logic giant, er, runt, bad_fcs, pause;

  always_ff @(posedge clk_i) begin
    end_q          <= finish && !rst_i;
    end_early_er_q <= early_er && !rst_i;
    end_giant_q    <= refuse;
    tail_q         <= (end_q || end_early_er_q) && !rst_i;
    fcs_good_q     <= crc_q == Residue;
  end

  assign giant   = end_giant_q;
  assign er      = !giant && er_seen_q;
  assign runt    = !giant && !er_seen_q && index_q != 6'd60;
  assign bad_fcs = !giant && !er_seen_q && index_q == 6'd60 && !fcs_good_q;
  assign pause   = !giant && !er_seen_q && index_q == 6'd60 && fcs_good_q && pause_match_q;

  always_ff @(posedge clk_i) begin
    rx_data_o       <= word_q;
    rx_last_bytes_o <= bytes_q;
    rx_last_o       <= end_q;
    rx_sof_o        <= first_q;
    rx_err_o        <= giant || er_seen_q || index_q != 6'd60 || !fcs_good_q || pause_match_q;
    if (rst_i) begin
      rx_valid_o   <= 1'b0;
      ev_frame_o   <= 1'b0;
      ev_bad_fcs_o <= 1'b0;
      ev_runt_o    <= 1'b0;
      ev_giant_o   <= 1'b0;
      ev_er_o      <= 1'b0;
      ev_pause_o   <= 1'b0;
    end else begin
      rx_valid_o   <= (out && full_word) || (end_q && !first_q);
      ev_giant_o   <= end_q && giant;
      ev_er_o      <= (end_q && er) || end_early_er_q;
      ev_runt_o    <= end_q && runt;
      ev_bad_fcs_o <= end_q && bad_fcs;
      ev_pause_o   <= end_q && pause;
      ev_frame_o   <= end_q && !giant && !er && !runt && !bad_fcs && !pause;
    end
  end

  assign pause_o = ev_pause_o;
  assign busy_o  = dv_q || state_q != StIdle || end_q || tail_q;

endmodule
