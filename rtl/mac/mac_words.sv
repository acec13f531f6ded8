// SPDX-License-Identifier: Apache-2.0
// A wire without a rate, beside the MAC: frames go in and out as 64-bit words, one per cycle.

// For a simulator, where an octet per cycle of GMII is what costs: the same frames, checks and events
// as mac.sv, but no preamble, FCS, gap or pause time. What GMII tells by its signals, words tell by
// flags beside the last one. A board ties the choice of this way in guestlane.sv to 0, and nothing
// of it remains.
//
// To the wire: no back-pressure. sof marks the first word of a frame, last the last one; all but the
// last are full, byte 0 is in bits 7:0, bytes behind the last valid one are zero, frames are padded
// to 60 bytes. A frame of L bytes takes at least L / 8 cycles. A reset may end one without a last word.
//
// From the wire: ready holds words back between frames only. The next frame has to wait until 20
// cycles have passed since the last one, and as long as room_i is 0, but at most MaxWait cycles:
// then it is taken as a MAC would, into a packet buffer that may drop it. Words that belong to no
// frame (their first word came before a reset) are ignored. With the last word:
//   wrx_bad_fcs_i     the frame is damaged
//   wrx_er_i          the frame is damaged, and the PHY would have said so
//
// All other ports as in mac.sv; pause frames are counted and dropped, and hold nothing.
module mac_words (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        cfg_tx_en_i,
    input  logic        cfg_rx_en_i,
    input  logic [13:0] cfg_max_frame_i,
    input  logic        room_i,

    input  logic        tx_valid_i,
    output logic        tx_ready_o,
    input  logic [63:0] tx_data_i,
    input  logic        tx_last_i,
    input  logic [3:0]  tx_last_bytes_i,

    output logic        rx_valid_o,
    output logic        rx_sof_o,
    output logic [63:0] rx_data_o,
    output logic        rx_last_o,
    output logic [3:0]  rx_last_bytes_o,
    output logic        rx_err_o,

    output logic        wtx_valid_o,
    output logic        wtx_sof_o,
    output logic [63:0] wtx_data_o,
    output logic        wtx_last_o,
    output logic [3:0]  wtx_last_bytes_o,
    input  logic        wrx_valid_i,
    output logic        wrx_ready_o,
    input  logic        wrx_sof_i,
    input  logic [63:0] wrx_data_i,
    input  logic        wrx_last_i,
    input  logic [3:0]  wrx_last_bytes_i,
    input  logic        wrx_bad_fcs_i,
    input  logic        wrx_er_i,

    output logic        ev_tx_frame_o,
    output logic        ev_rx_frame_o,
    output logic        ev_rx_bad_fcs_o,
    output logic        ev_rx_runt_o,
    output logic        ev_rx_giant_o,
    output logic        ev_rx_er_o,
    output logic        ev_rx_pause_o,

    output logic        tx_busy_o,
    output logic        rx_busy_o
);

  localparam logic [4:0] Gap     = 5'd20;
  localparam int unsigned MaxWait = 2048;  // a frame per so many cycles: about the rate of a 1 Gb/s wire

  // --- To the wire ---
  logic        sending_q;   // words of the frame have left, and more will come
  logic        pad_q;       // its last word has come, padding follows
  logic [3:0]  place_q;     // number of its next word, stops at 8
  logic        take, leave, whole, last;
  logic [63:0] kept;        // the word, zero behind the last valid byte

  assign tx_ready_o = !pad_q && (sending_q || cfg_tx_en_i);
  assign take       = tx_valid_i && tx_ready_o;
  assign leave      = take || pad_q;
  assign whole      = pad_q || tx_last_i;               // nothing of the frame comes after this
  assign last       = whole && place_q >= 4'd7;         // 60 bytes end in word 7

  always_comb begin
    kept = tx_data_i;
    if (tx_last_i && !tx_last_bytes_i[3]) kept = tx_data_i & ~(64'hffff_ffff_ffff_ffff << {tx_last_bytes_i[2:0], 3'b000});
    if (pad_q) kept = '0;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sending_q     <= 1'b0;
      pad_q         <= 1'b0;
      place_q       <= 4'd0;
      wtx_valid_o   <= 1'b0;
      ev_tx_frame_o <= 1'b0;
    end else begin
      wtx_valid_o   <= leave;
      ev_tx_frame_o <= leave && last;
      if (leave) begin
        sending_q <= !last;
        pad_q     <= whole && !last;
        place_q   <= last ? 4'd0 : place_q[3] ? 4'd8 : place_q + 4'd1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    wtx_data_o       <= kept;
    wtx_sof_o        <= !sending_q;
    wtx_last_o       <= last;
    wtx_last_bytes_o <= pad_q || (place_q == 4'd7 && tx_last_bytes_i < 4'd4) ? 4'd4 : tx_last_bytes_i;
  end

  assign tx_busy_o = sending_q || wtx_valid_o;

  // --- From the wire ---
  typedef enum logic [1:0] {
    StIdle,  // between frames
    StData,
    StSkip   // the rest of a frame that is not of interest
  } state_e;

  state_e      state_q;
  logic [4:0]  gap_q;
  logic [11:0] wait_q;       // cycles that the next frame has waited for room
  logic [13:0] count_q;      // bytes before this word
  logic [1:0]  place_rx_q;   // number of this word, stops at 2
  logic        tagged_q, pause_match_q;

  logic        open, accept, start, word, finish;
  logic [3:0]  bytes;
  logic [1:0]  place;
  logic [14:0] total, limit;
  logic        dest_match, type_match, pause_match;
  logic        giant, er, runt, bad_fcs, pause;

  assign open        = gap_q == '0 && (room_i || wait_q == 12'(MaxWait));
  assign wrx_ready_o = state_q != StIdle || open;
  assign accept      = wrx_valid_i && wrx_ready_o;
  assign start       = accept && state_q == StIdle && wrx_sof_i;
  assign word        = (start && cfg_rx_en_i) || (accept && state_q == StData);
  assign finish      = word && (wrx_last_i || giant);

  assign place = start ? 2'd0 : place_rx_q;
  assign bytes = wrx_last_i ? wrx_last_bytes_i : 4'd8;
  assign total = (start ? 15'd0 : {1'b0, count_q}) + 15'(bytes);
  // The tag is known when it matters: the greatest frame has 60 bytes or more.
  assign limit = {1'b0, cfg_max_frame_i} + (tagged_q ? 15'd4 : 15'd0);

  // Pause frames (802.3, 31B.3.1, 31A): destination 01-80-c2-00-00-01, type 8808, opcode 0001.
  assign dest_match  = wrx_data_i[47:0] == 48'h01_00_00_c2_80_01;
  assign type_match  = wrx_data_i[63:32] == 32'h01_00_08_88;
  assign pause_match = !start && pause_match_q;

  assign giant   = word && !start && total > limit;
  assign er      = !giant && wrx_er_i;
  assign runt    = !giant && !wrx_er_i && total < 15'd60;
  assign bad_fcs = !giant && !wrx_er_i && !runt && wrx_bad_fcs_i;
  assign pause   = !giant && !wrx_er_i && !runt && !wrx_bad_fcs_i && pause_match;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= StIdle;
      gap_q   <= '0;
      wait_q  <= '0;
    end else begin
      unique case (state_q)
        StIdle:  if (start && !wrx_last_i) state_q <= cfg_rx_en_i ? StData : StSkip;
        StData:  if (finish) state_q <= wrx_last_i ? StIdle : StSkip;
        default: if (accept && wrx_last_i) state_q <= StIdle;
      endcase
      if (accept && wrx_last_i) gap_q <= Gap;
      else if (gap_q != '0) gap_q <= gap_q - 5'd1;
      if (accept) wait_q <= '0;
      else if (wrx_valid_i && gap_q == '0) wait_q <= wait_q + 12'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (word) begin
      count_q    <= total[13:0];
      place_rx_q <= place == 2'd0 ? 2'd1 : 2'd2;
      if (place == 2'd0) begin
        tagged_q      <= 1'b0;
        pause_match_q <= dest_match;
      end
      if (place == 2'd1) begin
        tagged_q      <= wrx_data_i[47:32] == 16'h0081 || wrx_data_i[47:32] == 16'ha888;
        pause_match_q <= pause_match_q && type_match;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    rx_data_o       <= wrx_data_i;
    rx_sof_o        <= start;
    rx_last_o       <= finish;
    rx_last_bytes_o <= bytes;
    rx_err_o        <= giant || wrx_er_i || runt || wrx_bad_fcs_i || pause_match;
    if (rst_i) begin
      rx_valid_o      <= 1'b0;
      ev_rx_frame_o   <= 1'b0;
      ev_rx_bad_fcs_o <= 1'b0;
      ev_rx_runt_o    <= 1'b0;
      ev_rx_giant_o   <= 1'b0;
      ev_rx_er_o      <= 1'b0;
      ev_rx_pause_o   <= 1'b0;
    end else begin
      rx_valid_o      <= word;
      ev_rx_giant_o   <= finish && giant;
      ev_rx_er_o      <= finish && er;
      ev_rx_runt_o    <= finish && runt;
      ev_rx_bad_fcs_o <= finish && bad_fcs;
      ev_rx_pause_o   <= finish && pause;
      ev_rx_frame_o   <= finish && !giant && !er && !runt && !bad_fcs && !pause;
    end
  end

  assign rx_busy_o = state_q != StIdle || gap_q != '0 || rx_valid_o;

`ifndef SYNTHESIS
  lib_ready_valid_props #(.WIDTH(69)) u_tx_props (
    .clk_i, .rst_i, .valid_i(tx_valid_i), .ready_i(tx_ready_o),
    .data_i({tx_data_i, tx_last_i, tx_last_bytes_i & {4{tx_last_i}}})
  );
  lib_ready_valid_props #(.WIDTH(70)) u_wrx_props (
    .clk_i, .rst_i, .valid_i(wrx_valid_i), .ready_i(wrx_ready_o),
    .data_i({wrx_sof_i, wrx_data_i, wrx_last_i, wrx_last_bytes_i & {4{wrx_last_i}}})
  );

  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(take && tx_last_i && (tx_last_bytes_i < 4'd1 || tx_last_bytes_i > 4'd8)));
      assert (!(accept && wrx_last_i && (wrx_last_bytes_i < 4'd1 || wrx_last_bytes_i > 4'd8)));
      assert (!(accept && wrx_sof_i && state_q != StIdle));  // a sender ends its frames
    end
  end
`endif

endmodule
