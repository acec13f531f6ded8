// SPDX-License-Identifier: Apache-2.0
// Takes frames of the host link apart: checks the header, cuts the payload into TLPs and gives them to a store.

// A frame's fields stand from frame_o, a pulse three cycles after its last word, until the next frame. The payload goes into a store
// as it comes, but for its last word, which is held back: who has judged the frame writes that one and commits, or does not.
//
//   rx_*            words of the MAC, no back-pressure (rtl/mac/mac_rx.sv)
//   mac_i           the board's address
//   frame_o         a frame with the right EtherType came; to_me_o: for this address, broadcast_o: for all
//   sane_o          version, flags and reserved octets are as they must be
//   payload_o       the payload is whole TLPs of at most TLP_WORDS, FRAME_WORDS in all, and at least one
//   words_o         words of payload, as numbered by seq
//   ev_bad_o        the MAC found a fault; ev_foreign_o: another EtherType
//   free_i          words that the store has room for
//   wr_* hold_*     words {keep, eop, sop, data} for the store: all but the last one of a frame when they come, the last one on hold_o;
//                   wr_start_o, hold_start_o: the first one of the frame
module hostlink_rx #(
    parameter int unsigned TLP_WORDS   = 36,
    parameter int unsigned FRAME_WORDS = 128
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        rx_valid_i,
    input  logic        rx_sof_i,
    input  logic [63:0] rx_data_i,
    input  logic        rx_last_i,
    input  logic [3:0]  rx_last_bytes_i,
    input  logic        rx_err_i,
    input  logic [47:0] mac_i,
    input  logic [9:0]  free_i,
    output logic        frame_o,
    output logic        to_me_o,
    output logic        broadcast_o,
    output logic        sane_o,
    output logic        payload_o,
    output logic [47:0] source_o,
    output logic [3:0]  type_o,
    output logic        nak_o,
    output logic        poll_o,
    output logic [31:0] tag_o,
    output logic [31:0] seq_o,
    output logic [31:0] ack_o,
    output logic [15:0] window_o,
    output logic [9:0]  words_o,
    output logic        ev_bad_o,
    output logic        ev_foreign_o,
    output logic        wr_o,
    output logic        wr_start_o,
    output logic [66:0] wr_data_o,
    output logic        hold_start_o,
    output logic [66:0] hold_o
);
  localparam logic [2:0] Payload = 3'd4;

  logic [2:0]  at_q;         // word of the header that comes next; Payload: behind it
  logic        ethertype_q, version_q, flags_q, zero_q;
  logic        v_q, done_q, err_q, whole_q;
  logic [63:0] w_q;          // a word of the payload

  // --- Header ---
  logic [2:0] at;
  assign at = rx_sof_i ? 3'd0 : at_q;

  always_ff @(posedge clk_i) begin
    v_q <= 1'b0;
    if (rx_valid_i) begin
      if (at != Payload) at_q <= at + 3'd1;
      else at_q <= Payload;
      unique case (at)
        3'd0: begin
          to_me_o         <= rx_data_i[47:0] == mac_i;
          broadcast_o     <= rx_data_i[47:0] == hostlink_pkg::BROADCAST;
          source_o[15:0]  <= rx_data_i[63:48];
        end
        3'd1: begin
          source_o[47:16] <= rx_data_i[31:0];
          ethertype_q     <= rx_data_i[47:32] == 16'hb588;
          type_o          <= rx_data_i[51:48];
          version_q       <= rx_data_i[55:52] == 4'd1;
          nak_o           <= rx_data_i[56];
          poll_o          <= rx_data_i[57];
          flags_q         <= rx_data_i[63:58] == '0;
        end
        3'd2: {seq_o, tag_o} <= rx_data_i;
        3'd3: begin
          {window_o, ack_o} <= rx_data_i[47:0];
          zero_q            <= rx_data_i[63:48] == '0;
        end
        default: v_q <= 1'b1;
      endcase
      w_q     <= rx_data_i;
      err_q   <= rx_err_i;
      whole_q <= rx_last_bytes_i == 4'd8;
    end
    done_q <= rx_valid_i && rx_last_i && !rst_i;
    if (rst_i) at_q <= Payload;
  end

  // --- Payload: TLPs by the lengths in their headers (as pcie_rx counts them) ---
  logic        boundary_q, ended_q, bad_q, any_q, first_q;
  logic [5:0]  left_q;       // words of this TLP that are to come
  logic        keep_q;       // its last word is whole
  logic [9:0]  words_q;
  logic [10:0] dws;
  logic        no_tlp, fresh;
  logic [10:0] tlp_words;
  assign dws       = (w_q[30] ? {w_q[9:0] == '0, w_q[9:0]} : 11'd0) + 11'd3 + {10'd0, w_q[29]} + {10'd0, w_q[15]};
  assign tlp_words = {1'b0, dws[10:1]} + {10'd0, dws[0]};
  assign no_tlp    = w_q[31:29] == 3'b111;
  assign fresh     = v_q && !ended_q;

  logic        sop, eop, keep, take;
  assign sop  = boundary_q;
  assign eop  = boundary_q ? tlp_words == 11'd1 : left_q == 6'd1;
  assign keep = !eop || (boundary_q ? !dws[0] : keep_q);
  assign take = fresh && !(boundary_q && no_tlp);

  always_ff @(posedge clk_i) begin
    if (rst_i || (rx_valid_i && rx_sof_i)) begin
      boundary_q <= 1'b1;
      ended_q    <= 1'b0;
      bad_q      <= 1'b0;
      any_q      <= 1'b0;
      words_q    <= '0;
    end else if (fresh) begin
      if (boundary_q && no_tlp) begin
        ended_q <= 1'b1;
      end else begin
        any_q      <= 1'b1;
        words_q    <= words_q + 10'd1;
        boundary_q <= eop;
        if (boundary_q) begin
          left_q <= 6'(tlp_words) - 6'd1;
          keep_q <= !dws[0];
          if (tlp_words > 11'(TLP_WORDS)) bad_q <= 1'b1;
        end else begin
          left_q <= left_q - 6'd1;
        end
        if (words_q == 10'(FRAME_WORDS) || words_q >= free_i) bad_q <= 1'b1;
      end
    end
  end

  // The word before goes into the store when another one has come; the last one stays.
  always_ff @(posedge clk_i) begin
    wr_o <= take && any_q && !bad_q && !rst_i;
    if (take) begin
      hold_o     <= {keep, eop, sop, w_q};
      wr_data_o  <= hold_o;
      wr_start_o <= first_q;
    end
    if (rst_i || (rx_valid_i && rx_sof_i)) first_q <= 1'b1;
    else if (take && any_q) first_q <= 1'b0;
  end
  assign hold_start_o = first_q;

  // --- The end of a frame ---
  logic done2_q, err2_q, whole2_q;
  always_ff @(posedge clk_i) begin
    done2_q  <= done_q && !rst_i;
    err2_q   <= err_q;
    whole2_q <= whole_q;
    frame_o      <= 1'b0;
    ev_bad_o     <= 1'b0;
    ev_foreign_o <= 1'b0;
    if (done2_q && !rst_i) begin
      ev_bad_o     <= err2_q || at_q != Payload;
      ev_foreign_o <= !err2_q && at_q == Payload && !ethertype_q;
      frame_o      <= !err2_q && at_q == Payload && ethertype_q;
    end
    sane_o    <= version_q && flags_q && zero_q;
    payload_o <= any_q && boundary_q && !bad_q && (ended_q || whole2_q);
    words_o   <= words_q;
  end
endmodule
