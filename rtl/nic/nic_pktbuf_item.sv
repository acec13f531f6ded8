// SPDX-License-Identifier: Apache-2.0
// Offers stored and submitted frames to the switch, each with its first 20 octets.

// Receive frames come in slot order, transmit frames in the order of their submission (a queue
// with room for every slot); with both waiting, the rings take turns. The header is read back
// from the ring (three words) while the switch still works on the frame before.
//
//   rx_new_i     one more frame stands in the receive ring
//   sub_*        a frame of the transmit ring was submitted; never held back
//   get_*        asks the slot table; get_done_i: word, length and owner are valid; get_dead_i: the frame
//                was given up, its slot is free
//   hdr_*        read port of the rings (nic_pktbuf_read)
//   clr_*        clear bus: a frame of that context is withdrawn from the switch if it has not been taken,
//                and its slot given back (get_discard_o)
//   sw_*         the item (docs/interfaces.md)
module nic_pktbuf_item #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,

    input  logic          rx_new_i,
    input  logic          sub_valid_i,
    input  logic [5:0]    sub_slot_i,
    input  logic          sub_err_i,

    input  logic          clr_valid_i,
    input  logic [7:0]    clr_ctx_i,

    output logic          get_valid_o,
    output logic          get_discard_o,
    output logic [6:0]    get_slot_o,
    input  logic          get_done_i,
    input  logic [AW-1:0] get_word_i,
    input  logic [13:0]   get_len_i,
    input  logic [7:0]    get_ctx_i,
    input  logic          get_dead_i,

    output logic          hdr_valid_o,
    input  logic          hdr_ready_i,
    output logic          hdr_ring_o,
    output logic [AW-1:0] hdr_word_o,
    input  logic          hdr_rvalid_i,
    input  logic [63:0]   hdr_rdata_i,

    output logic          sw_valid_o,
    input  logic          sw_ready_i,
    output logic [6:0]    sw_slot_o,
    output logic [13:0]   sw_len_o,
    output logic [7:0]    sw_src_o,
    output logic          sw_from_ctx_o,
    output logic          sw_err_o,
    output logic [159:0]  sw_hdr_o,

    output logic          idle_o
);

  typedef enum logic [2:0] {
    IDLE,    // waits for a frame
    GET,     // asks where it is
    READ,    // reads its first words
    OFFER,   // the switch may take it
    DISCARD  // it was withdrawn
  } state_e;

  state_e        state_q;
  logic [6:0]    rx_waiting_q;  // frames in the receive ring that were not offered yet
  logic [5:0]    rx_slot_q;     // the oldest of them
  logic          tx_valid, tx_err;
  logic [5:0]    tx_slot;
  logic          turn_q;        // the ring that goes first if both have a frame
  logic          ring, any, rx_take, queue_ready;
  logic [6:0]    slot_q;
  logic          err_q;
  logic [13:0]   len_q;
  logic [7:0]    ctx_q;
  logic [AW-1:0] word_q;
  logic [1:0]    asked_q, got_q;
  logic          withdraw_q;    // the frame's sender is being cleared
  logic [159:0]  hdr_q;

  lib_fifo #(.WIDTH(7), .DEPTH_LOG2(6)) u_sub (
    .clk_i, .rst_i,
    .wr_valid_i(sub_valid_i),
    .wr_ready_o(queue_ready),
    .wr_data_i ({sub_slot_i, sub_err_i}),
    .rd_valid_o(tx_valid),
    .rd_ready_i(state_q == IDLE && ring),
    .rd_data_o ({tx_slot, tx_err}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  assign any     = tx_valid || rx_waiting_q != '0;
  assign ring    = tx_valid && (turn_q || rx_waiting_q == '0);
  assign rx_take = state_q == IDLE && any && !ring;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q      <= IDLE;
      rx_waiting_q <= '0;
      rx_slot_q    <= '0;
      turn_q       <= 1'b0;
      asked_q      <= '0;
      got_q        <= '0;
    end else begin
      if (rx_new_i && !rx_take) rx_waiting_q <= rx_waiting_q + 7'd1;
      if (!rx_new_i && rx_take) rx_waiting_q <= rx_waiting_q - 7'd1;
      if (rx_take) rx_slot_q <= rx_slot_q + 6'd1;
      unique case (state_q)
        IDLE: begin
          asked_q <= '0;
          got_q   <= '0;
          if (any) begin
            state_q <= GET;
            turn_q  <= !ring;
          end
        end
        GET: if (get_done_i) state_q <= get_dead_i ? IDLE : READ;
        READ: begin
          if (hdr_valid_o && hdr_ready_i) asked_q <= asked_q + 2'd1;
          if (hdr_rvalid_i) got_q <= got_q + 2'd1;
          if (hdr_rvalid_i && got_q == 2'd2) state_q <= OFFER;
        end
        OFFER: begin
          if (sw_ready_i) state_q <= IDLE;
          else if (withdraw_q) state_q <= DISCARD;
        end
        default: if (get_done_i) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      slot_q <= ring ? {1'b1, tx_slot} : {1'b0, rx_slot_q};
      err_q  <= ring && tx_err;
    end
    withdraw_q <= clr_valid_i && slot_q[6] && ctx_q == clr_ctx_i && (state_q == READ || state_q == OFFER);
    if (state_q == GET) begin
      len_q  <= get_len_i;
      ctx_q  <= get_ctx_i;
      word_q <= get_word_i;
    end else if (hdr_ready_i && hdr_valid_o) begin
      word_q <= word_q + AW'(1);
    end
    if (hdr_rvalid_i && got_q == 2'd0) hdr_q[63:0] <= hdr_rdata_i;
    if (hdr_rvalid_i && got_q == 2'd1) hdr_q[127:64] <= hdr_rdata_i;
    if (hdr_rvalid_i && got_q == 2'd2) hdr_q[159:128] <= hdr_rdata_i[31:0];
  end

  assign get_valid_o   = state_q == GET || state_q == DISCARD;
  assign get_discard_o = state_q == DISCARD;
  assign get_slot_o  = slot_q;
  assign hdr_valid_o = state_q == READ && asked_q != 2'd3;
  assign hdr_ring_o  = slot_q[6];
  assign hdr_word_o  = word_q;

  assign sw_valid_o    = state_q == OFFER;
  assign sw_slot_o     = slot_q;
  assign sw_len_o      = len_q;
  assign sw_src_o      = ctx_q;
  assign sw_from_ctx_o = slot_q[6];
  assign sw_err_o      = err_q;
  assign sw_hdr_o      = hdr_q;
  assign idle_o        = state_q == IDLE && !any;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(sub_valid_i && !queue_ready));  // every slot is submitted once
      assert (rx_waiting_q <= 7'd64);
    end
  end
`endif

endmodule
