// SPDX-License-Identifier: Apache-2.0
// Stores frames from the MAC in the receive ring of the packet buffers.

// Words go into the ring as they come, behind the last good frame. Only the last word of a good
// frame takes the room; a bad frame or one that found no room leaves nothing behind, the next one
// overwrites it.
//
//   enable_i       0: the slot table is not ready, every frame is dropped as if the ring were full
//   rx_*           words from the MAC, never held back; at least 20 cycles between two frames
//   word_i .. slot_free_i   room (nic_pktbuf_space); take_*: the frame's words and slot are taken
//   we_o, waddr_o, wdata_o  write port of the ring
//   new_*          the stored frame as a slot table entry; held until new_ready_i
//   age_o          with take_o: cycles since its first word
//   ev_drop_full_o one pulse per good frame that found no room
module nic_pktbuf_rx #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,
    input  logic          enable_i,
    input  logic [31:0]   time_i,

    input  logic          rx_valid_i,
    input  logic          rx_sof_i,
    input  logic [63:0]   rx_data_i,
    input  logic          rx_last_i,
    input  logic [3:0]    rx_last_bytes_i,
    input  logic          rx_err_i,

    input  logic [AW-1:0] word_i,
    input  logic [5:0]    slot_i,
    input  logic [AW:0]   free_i,
    input  logic          slot_free_i,
    output logic          take_o,
    output logic [11:0]   take_words_o,
    output logic [31:0]   age_o,

    output logic          we_o,
    output logic [AW-1:0] waddr_o,
    output logic [63:0]   wdata_o,

    output logic          new_valid_o,
    input  logic          new_ready_i,
    output logic [5:0]    new_slot_o,
    output logic [AW-1:0] new_word_o,
    output logic [13:0]   new_len_o,

    output logic          ev_drop_full_o,
    output logic          busy_o
);

  logic          in_q;           // a frame is being stored
  logic [10:0]   count_q;        // words of it so far
  logic [AW-1:0] ptr_q;          // where the next word goes
  logic [31:0]   first_time_q;   // when its first word came
  logic          take_q, pend_q; // frame complete: take the room; entry not yet in the table
  logic [5:0]    slot_q;
  logic [AW-1:0] start_q;
  logic [13:0]   len_q;
  logic [11:0]   words_q;
  logic [31:0]   age_q;
  logic          drop_q;
  logic          we_q;           // one stage before the many block RAMs of the ring
  logic [AW-1:0] waddr_q;
  logic [63:0]   wdata_q;

  logic          sof, room, store, done;
  logic [10:0]   count;
  logic [AW-1:0] waddr;

  assign sof   = rx_valid_i && rx_sof_i;
  assign count = rx_sof_i ? '0 : count_q;
  assign waddr = rx_sof_i ? word_i : ptr_q;
  // The length has 14 bits; a frame that is longer still finds "no room" (the MAC forbids it).
  assign room  = rx_sof_i ? enable_i && slot_free_i && !pend_q && free_i != '0
                          : in_q && (AW + 1)'(count_q) < free_i && !(&count_q);
  assign store = rx_valid_i && room;
  assign done  = store && rx_last_i && !rx_err_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      in_q   <= 1'b0;
      take_q <= 1'b0;
      pend_q <= 1'b0;
      drop_q <= 1'b0;
      we_q   <= 1'b0;
    end else begin
      if (rx_valid_i) in_q <= store && !rx_last_i;
      take_q <= done;
      we_q   <= store;
      if (done) pend_q <= 1'b1;
      else if (new_ready_i) pend_q <= 1'b0;
      drop_q <= rx_valid_i && rx_last_i && !rx_err_i && !room;
    end
  end

  always_ff @(posedge clk_i) begin
    if (store) begin
      count_q <= count + 11'd1;
      ptr_q   <= waddr + AW'(1);
    end
    if (sof) first_time_q <= time_i;
    if (sof && room) begin
      start_q <= word_i;
      slot_q  <= slot_i;
    end
    if (done) begin
      len_q   <= {count, 3'b000} + 14'(rx_last_bytes_i);
      words_q <= {1'b0, count} + 12'd1;
    end
    waddr_q <= waddr;
    wdata_q <= rx_data_i;
    age_q   <= time_i - (rx_sof_i ? time_i : first_time_q);
  end

  assign we_o    = we_q;
  assign waddr_o = waddr_q;
  assign wdata_o = wdata_q;

  assign take_o       = take_q;
  assign take_words_o = words_q;
  assign age_o        = age_q;

  assign new_valid_o = pend_q;
  assign new_slot_o  = slot_q;
  assign new_word_o  = start_q;
  assign new_len_o   = len_q;

  assign ev_drop_full_o = drop_q;
  assign busy_o         = in_q || pend_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(sof && pend_q));  // the gap between frames is long enough to enter the last one
      assert (!(rx_valid_i && rx_last_i && (rx_last_bytes_i < 4'd1 || rx_last_bytes_i > 4'd8)));
    end
  end
`endif

endmodule
