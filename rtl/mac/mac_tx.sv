// SPDX-License-Identifier: Apache-2.0
// Ethernet transmitter: 64-bit words of a frame in, GMII out (IEEE 802.3 clause 4 full duplex,
// clause 35).

// Adds preamble, SFD, padding to 60 bytes and the FCS, and leaves 12 byte times between frames: a
// frame of L bytes (60 or more, without FCS) takes exactly 8 + L + 4 + 12 cycles when the next one
// is waiting.
//
// Input: the words of a frame in order, byte 0 in bits 7:0 first on the wire; all words but the
// last are full, the last one has tx_last_bytes_i = 1..8 valid bytes. One word is held ahead of the
// one being sent, so a source may take 6 cycles from tx_ready_o to tx_valid_i at line rate. If the
// next word is still missing when it is needed, the frame ends there with the complement of its FCS
// and tx_er, and what remains of it is taken and dropped (ev_underrun_o).
//
//   cfg_tx_en_i            0: no further frame is started (the words wait)
//   pause_i, pause_quanta_i  one cycle: stop at the frame boundary for so many times 512 bit times,
//                          counted from now; replaces what was left of an earlier pause, 0 ends it
//                          (802.3 annex 31B)
//   ev_frame_o, ev_underrun_o  one pulse per frame, at its end
//   busy_o                 something changes even if nothing comes in: a frame, a gap, a pause
module mac_tx (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        cfg_tx_en_i,

    input  logic        tx_valid_i,
    output logic        tx_ready_o,
    input  logic [63:0] tx_data_i,
    input  logic        tx_last_i,
    input  logic [3:0]  tx_last_bytes_i,

    input  logic        pause_i,
    input  logic [15:0] pause_quanta_i,

    output logic [7:0]  gmii_txd_o,
    output logic        gmii_tx_en_o,
    output logic        gmii_tx_er_o,

    output logic        ev_frame_o,
    output logic        ev_underrun_o,
    output logic        busy_o
);

  // The gap is counted from 11 because the cycle that decides to start belongs to it.
  localparam logic [3:0] GapAfterFrame = 4'd11;

  typedef enum logic [2:0] {
    StIdle,      // gap, or nothing to send
    StPreamble,  // 7 x 55, d5
    StData,
    StPad,
    StFcs
  } state_e;

  state_e      state_q;
  logic [3:0]  gap_q;         // cycles of the gap that remain
  logic [2:0]  count_q;       // place in preamble and FCS
  logic [5:0]  sent_q;        // bytes of data and padding sent, stops at 59
  logic        enough_q;      // the byte being sent is the 60th or a later one
  logic        abort_q;
  logic        drain_q;       // dropping the rest of an aborted frame

  // The word being sent, lowest byte first, and the word ahead.
  logic [63:0] word_q, next_q;
  logic [3:0]  left_q;        // valid bytes in word_q
  logic        last_q, next_last_q, next_valid_q;
  logic [3:0]  next_bytes_q;

  logic [15:0] pause_left_q;  // quanta, the running one included
  logic [5:0]  pause_part_q;  // 64 cycles per quantum
  logic        paused_q;

  logic [31:0] crc_q, crc_step;
  logic [7:0]  byte_out;

  logic start, word_end, load, underrun, take;

  assign take     = tx_valid_i && tx_ready_o;
  assign start    = state_q == StIdle && gap_q == 4'd0 && next_valid_q && cfg_tx_en_i && !paused_q;
  assign word_end = state_q == StData && left_q == 4'd1;
  assign load     = start || (word_end && !last_q && next_valid_q);
  assign underrun = word_end && !last_q && !next_valid_q;

  // --- Words ---
  assign tx_ready_o = !next_valid_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      next_valid_q <= 1'b0;
      drain_q      <= 1'b0;
    end else begin
      if (load) next_valid_q <= 1'b0;
      else if (take && !drain_q && !underrun) next_valid_q <= 1'b1;

      if (take && tx_last_i) drain_q <= 1'b0;
      else if (underrun) drain_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      next_q       <= tx_data_i;
      next_last_q  <= tx_last_i;
      next_bytes_q <= tx_last_i ? tx_last_bytes_i : 4'd8;
    end
    if (load) begin
      word_q <= next_q;
      last_q <= next_last_q;
      left_q <= next_bytes_q;
    end else if (state_q == StData) begin
      word_q <= word_end ? 64'd0 : {8'h00, word_q[63:8]};  // zero behind the last byte: the padding
      left_q <= left_q - 4'd1;
    end
  end

  // --- Frame ---
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= StIdle;
      gap_q   <= GapAfterFrame;
      count_q <= 3'd0;
    end else begin
      unique case (state_q)
        StIdle: begin
          if (gap_q != 4'd0) gap_q <= gap_q - 4'd1;
          count_q <= 3'd0;
          if (start) state_q <= StPreamble;
        end
        StPreamble: begin
          count_q <= count_q + 3'd1;
          if (count_q == 3'd7) state_q <= StData;
        end
        StData: begin
          count_q <= 3'd0;
          if (word_end && last_q) state_q <= enough_q ? StFcs : StPad;
          else if (underrun) state_q <= StFcs;
        end
        StPad: begin
          if (enough_q) state_q <= StFcs;
        end
        StFcs: begin
          gap_q   <= GapAfterFrame;
          count_q <= count_q + 3'd1;
          if (count_q == 3'd3) state_q <= StIdle;
        end
        default: state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      sent_q   <= 6'd0;
      enough_q <= 1'b0;
      abort_q  <= 1'b0;
    end else begin
      if ((state_q == StData || state_q == StPad) && !enough_q) begin
        sent_q   <= sent_q + 6'd1;
        enough_q <= sent_q == 6'd58;
      end
      if (underrun) abort_q <= 1'b1;
    end
  end

  // --- FCS: the register takes in data and padding, then shifts out ---
  mac_crc32 u_crc (.crc_i(crc_q), .data_i(word_q[7:0]), .crc_o(crc_step));

  always_ff @(posedge clk_i) begin
    if (state_q == StPreamble) crc_q <= '1;
    else if (state_q == StFcs) crc_q <= {8'h00, crc_q[31:8]};
    else crc_q <= crc_step;
  end

  // --- GMII ---
  always_comb begin
    unique case (state_q)
      StPreamble: byte_out = (count_q == 3'd7) ? 8'hd5 : 8'h55;
      StFcs:      byte_out = abort_q ? crc_q[7:0] : ~crc_q[7:0];
      StData:     byte_out = word_q[7:0];
      default:    byte_out = 8'h00;
    endcase
  end

  always_ff @(posedge clk_i) begin
    gmii_txd_o <= byte_out;
    if (rst_i) begin
      gmii_tx_en_o  <= 1'b0;
      gmii_tx_er_o  <= 1'b0;
      ev_frame_o    <= 1'b0;
      ev_underrun_o <= 1'b0;
    end else begin
      gmii_tx_en_o  <= state_q != StIdle;
      gmii_tx_er_o  <= state_q == StFcs && abort_q;
      ev_frame_o    <= state_q == StFcs && count_q == 3'd3 && !abort_q;
      ev_underrun_o <= state_q == StFcs && count_q == 3'd3 && abort_q;
    end
  end

  // --- Pause ---
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      pause_left_q <= '0;
      pause_part_q <= '0;
      paused_q     <= 1'b0;
    end else if (pause_i) begin
      pause_left_q <= pause_quanta_i;
      pause_part_q <= 6'd63;
      paused_q     <= pause_quanta_i != 16'd0;
    end else if (paused_q) begin
      pause_part_q <= pause_part_q - 6'd1;
      if (pause_part_q == 6'd0) begin
        pause_left_q <= pause_left_q - 16'd1;
        paused_q     <= pause_left_q != 16'd1;
      end
    end
  end

  assign busy_o = state_q != StIdle || gap_q != 4'd0 || next_valid_q || drain_q || paused_q;

`ifndef SYNTHESIS
  lib_ready_valid_props #(.WIDTH(69)) u_tx_props (
    .clk_i, .rst_i, .valid_i(tx_valid_i), .ready_i(tx_ready_o),
    .data_i({tx_data_i, tx_last_i, tx_last_bytes_i & {4{tx_last_i}}})
  );

  always_ff @(posedge clk_i) begin
    if (!rst_i && take && tx_last_i) begin
      assert (tx_last_bytes_i >= 4'd1 && tx_last_bytes_i <= 4'd8);
    end
  end
`endif

endmodule
