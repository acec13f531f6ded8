// SPDX-License-Identifier: Apache-2.0
// Queue of frames for the wire, and the reader that feeds them to the MAC.

// Words are read ahead into a queue of 16, so the MAC never waits within a frame: one word is there seven cycles after
// it was asked for, and even a wire of words (rtl/mac/mac_words.sv) takes one in each cycle. The slot's reference for the wire is
// given up when its last word has been read.
//
// A frame with wire_tag_valid_i gets an 802.1Q tag (TPID 8100, priority 0, wire_vid_i) behind its addresses: from
// octet 12 on every word leaves with the upper half of the word before it and its own lower half.
//
//   wire_*       slots to send, in order; holds all slots of the ring
//   get_*        asks the slot table; get_done_i: get_word_i and get_len_i are valid
//   mac_*        read port of the transmit ring (nic_pktbuf_read)
//   done_*       the last word of the slot has been read
//   tx_*         to the MAC (heads of rtl/mac/mac_tx.sv)
//   idle_o       nothing waits, nothing is on its way
module nic_pktbuf_tx #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,

    input  logic          wire_valid_i,
    output logic          wire_ready_o,
    input  logic [6:0]    wire_slot_i,
    input  logic          wire_tag_valid_i,
    input  logic [11:0]   wire_vid_i,

    output logic          get_valid_o,
    output logic [5:0]    get_slot_o,
    input  logic          get_done_i,
    input  logic [AW-1:0] get_word_i,
    input  logic [13:0]   get_len_i,

    output logic          mac_valid_o,
    output logic [AW-1:0] mac_word_o,
    input  logic          mac_rvalid_i,
    input  logic [63:0]   mac_rdata_i,

    output logic          done_valid_o,
    input  logic          done_ready_i,
    output logic [5:0]    done_slot_o,

    output logic          tx_valid_o,
    input  logic          tx_ready_i,
    output logic [63:0]   tx_data_o,
    output logic          tx_last_o,
    output logic [3:0]    tx_last_bytes_o,

    output logic          idle_o
);

  localparam int unsigned AHEAD_LOG2 = 4;
  localparam logic [AHEAD_LOG2:0] CreditAll = {1'b1, {AHEAD_LOG2{1'b0}}};

  typedef enum logic [1:0] {
    IDLE,  // waits for a slot
    GET,   // asks where it is
    RUN,   // reads its words
    DONE   // gives the slot back
  } state_e;

  state_e        state_q;
  logic [5:0]    slot_q, head_slot;
  logic          head_valid;
  logic [AW-1:0] word_q;
  logic [10:0]   left_q;         // words after the one being read
  logic [3:0]    bytes_q;        // in the last word
  logic [AHEAD_LOG2:0] credit_q; // words that may still be asked for
  logic [2:0]    last_q;         // of the reads on their way
  logic          head_tag, tag_q;
  logic [11:0]   head_vid, vid_q;
  logic [3:0]    last_bytes_q;   // of the last word read (the next frame starts much later)
  logic          issue, given, queue_ready;
  logic [13:0]   len_m1;

  lib_fifo #(.WIDTH(19), .DEPTH_LOG2(6)) u_wire (
    .clk_i, .rst_i,
    .wr_valid_i(wire_valid_i),
    .wr_ready_o(wire_ready_o),
    .wr_data_i ({wire_slot_i[5:0], wire_tag_valid_i, wire_vid_i}),
    .rd_valid_o(head_valid),
    .rd_ready_i(state_q == IDLE),
    .rd_data_o ({head_slot, head_tag, head_vid}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  assign issue  = state_q == RUN && credit_q != '0;
  assign given  = tx_valid_o && tx_ready_i;
  assign len_m1 = get_len_i + (tag_q ? 14'd3 : 14'h3fff);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q  <= IDLE;
      credit_q <= CreditAll;
      last_q   <= '0;
    end else begin
      unique case (state_q)
        IDLE:    if (head_valid) state_q <= GET;
        GET:     if (get_done_i) state_q <= RUN;
        RUN:     if (issue && left_q == '0) state_q <= DONE;
        default: if (done_ready_i) state_q <= IDLE;
      endcase
      if (issue && !given) credit_q <= credit_q - 1'b1;
      if (!issue && given) credit_q <= credit_q + 1'b1;
      last_q <= {last_q[1:0], issue && left_q == '0};
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      slot_q <= head_slot;
      tag_q  <= head_tag;
      vid_q  <= head_vid;
    end
    if (state_q == GET) begin
      word_q  <= get_word_i;
      left_q  <= len_m1[13:3];
      bytes_q <= {1'b0, len_m1[2:0]} + 4'd1;
    end else if (issue) begin
      word_q <= word_q + AW'(1);
      left_q <= left_q - 11'd1;
    end
    if (issue && left_q == '0) last_bytes_q <= bytes_q;
  end

  // --- Words as they come: one register away from the ring, then with the tag ---
  logic        back_q, back_last_q, word_valid_q, word_last_q;
  logic [63:0] back_data_q, word_data_q;
  logic [31:0] high_q;           // upper half of the word before
  logic [1:0]  place_q;          // place of the word in its frame: 0, 1, 2 or more
  logic        back_tag_q;       // the frame that words belong to has a tag
  logic [11:0] back_vid_q;
  logic [31:0] tag;

  assign tag = {back_vid_q[7:0], 4'd0, back_vid_q[11:8], 16'h0081};  // octet 0 in bits 7:0

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      back_q       <= 1'b0;
      word_valid_q <= 1'b0;
      place_q      <= 2'd0;
    end else begin
      back_q       <= mac_rvalid_i;
      word_valid_q <= back_q;
      if (back_q) place_q <= back_last_q ? 2'd0 : place_q[1] ? 2'd2 : place_q + 2'd1;
    end
    // The words of a frame come back long before the next one is begun.
    if (state_q == RUN) begin
      back_tag_q <= tag_q;
      back_vid_q <= vid_q;
    end
    back_data_q <= mac_rdata_i;
    back_last_q <= last_q[2];
    word_last_q <= back_last_q;
    if (back_q) high_q <= back_data_q[63:32];
    word_data_q <= back_data_q;
    if (back_tag_q && place_q == 2'd1) word_data_q <= {tag, back_data_q[31:0]};
    if (back_tag_q && place_q[1])      word_data_q <= {back_data_q[31:0], high_q};
  end

  lib_fifo #(.WIDTH(64 + 1 + 4), .DEPTH_LOG2(AHEAD_LOG2)) u_words (
    .clk_i, .rst_i,
    .wr_valid_i(word_valid_q),
    .wr_ready_o(queue_ready),
    .wr_data_i ({word_data_q, word_last_q, last_bytes_q}),
    .rd_valid_o(tx_valid_o),
    .rd_ready_i(tx_ready_i),
    .rd_data_o ({tx_data_o, tx_last_o, tx_last_bytes_o}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  assign get_valid_o  = state_q == GET;
  assign get_slot_o   = slot_q;
  assign mac_valid_o  = issue;
  assign mac_word_o   = word_q;
  assign done_valid_o = state_q == DONE;
  assign done_slot_o  = slot_q;
  assign idle_o       = state_q == IDLE && !head_valid && credit_q == CreditAll;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(word_valid_q && !queue_ready));                   // credits bound what is read ahead
      assert (!(wire_valid_i && (!wire_slot_i[6] || !wire_ready_o)));
      assert (!(get_done_i && state_q == GET && get_len_i == '0));
    end
  end
`endif

endmodule
