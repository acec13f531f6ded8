// SPDX-License-Identifier: Apache-2.0
// Allocates slots in the transmit ring of the packet buffers.

// The answer stands two cycles after the request, one request per cycle is possible. Entries wait
// in a small queue for the slot table; with that full (the firmware cannot ask so fast) the
// request is refused as if the ring were full.
//
//   enable_i       0: the slot table is not ready, nothing is allocated
//   tx_ok_i        one cycle after alloc_valid_i: the context may send (nic_shaper); else alloc_limited_o
//   alloc_*        request and answer; the answer is held until the next request
//   word_i .. slot_free_i   room (nic_pktbuf_space); take_*: the slot is taken, by
//                  take_ctx_o for a frame of take_len_o octets
//   new_*          slot table entry
module nic_pktbuf_alloc #(
    parameter int unsigned NCTX = 32,
    parameter int unsigned AW   = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,
    input  logic          enable_i,

    input  logic          alloc_valid_i,
    input  logic [7:0]    alloc_ctx_i,
    input  logic [13:0]   alloc_len_i,
    input  logic          tx_ok_i,
    output logic          alloc_ok_o,
    output logic          alloc_limited_o,
    output logic [6:0]    alloc_slot_o,

    input  logic [AW-1:0] word_i,
    input  logic [5:0]    slot_i,
    input  logic [AW:0]   free_i,
    input  logic          slot_free_i,
    output logic          take_o,
    output logic [11:0]   take_words_o,
    output logic [7:0]    take_ctx_o,
    output logic [13:0]   take_len_o,

    output logic          new_valid_o,
    input  logic          new_ready_i,
    output logic [5:0]    new_slot_o,
    output logic [AW-1:0] new_word_o,
    output logic [13:0]   new_len_o,
    output logic [7:0]    new_ctx_o,

    output logic          ev_full_o,
    output logic          ev_limited_o
);

  logic        req_q, ctx_ok_q;
  logic [7:0]  ctx_q;
  logic [13:0] len_q;
  logic [11:0] words_q;
  logic        ok, ok_q, full_q, limited_q, limit_q, queue_ready;
  logic [5:0]  slot_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) req_q <= 1'b0;
    else       req_q <= alloc_valid_i;
    if (alloc_valid_i) begin
      ctx_q    <= alloc_ctx_i;
      ctx_ok_q <= 32'(alloc_ctx_i) < NCTX;
      len_q    <= alloc_len_i;
      words_q  <= {1'b0, alloc_len_i[13:3]} + 12'(|alloc_len_i[2:0]);
    end
  end

  assign ok = req_q && tx_ok_i && ctx_ok_q && enable_i && queue_ready && slot_free_i &&
              (AW + 1)'(words_q) <= free_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      ok_q   <= 1'b0;
      full_q    <= 1'b0;
      limited_q <= 1'b0;
      limit_q   <= 1'b0;
    end else begin
      if (req_q) ok_q <= ok;
      if (req_q) limited_q <= !tx_ok_i;
      full_q  <= req_q && tx_ok_i && !ok;
      limit_q <= req_q && !tx_ok_i;
    end
    if (req_q) slot_q <= slot_i;
  end

  lib_fifo #(.WIDTH(6 + AW + 14 + 8), .DEPTH_LOG2(2)) u_queue (
    .clk_i, .rst_i,
    .wr_valid_i(ok),
    .wr_ready_o(queue_ready),
    .wr_data_i ({slot_i, word_i, len_q, ctx_q}),
    .rd_valid_o(new_valid_o),
    .rd_ready_i(new_ready_i),
    .rd_data_o ({new_slot_o, new_word_o, new_len_o, new_ctx_o}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  assign take_o       = ok;
  assign take_words_o = words_q;
  assign take_ctx_o   = ctx_q;
  assign take_len_o   = len_q;
  assign alloc_ok_o   = ok_q;
  assign alloc_slot_o = {1'b1, slot_q};
  assign ev_full_o    = full_q;

  assign alloc_limited_o = limited_q;
  assign ev_limited_o    = limit_q;

endmodule
