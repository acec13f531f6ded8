// SPDX-License-Identifier: Apache-2.0
// Packet buffers: a receive and a transmit ring of frames, each frame in a slot with an owner.

// Contract and signals: docs/interfaces.md, "Packet buffers". The parts:
//
//   nic_pktbuf_rx      stores frames from the MAC          nic_pktbuf_space  room of a ring
//   nic_pktbuf_alloc   allocates transmit slots            nic_pktbuf_slots  slot table, checks
//   nic_pktbuf_fill    writes transmit slots               nic_pktbuf_item   frames to the switch
//   nic_pktbuf_read    reads both rings                    nic_pktbuf_tx     frames to the MAC
//
// Residence sums: every cycle adds the number of slots that are in use, which over all frames is
// the sum of the cycles that each was there. A received frame enters the sum when it is complete, with
// its age.
//
//   NCTX         contexts, 1 to 256
//   RING_BYTES   size of each ring, a power of two, 16 KiB to 256 KiB
//   flow_rst_i   (BAR0.RESTART) like rst_i, but the residence sums stay. The MAC is reset with it
module nic_pktbuf #(
    parameter int unsigned NCTX       = 32,
    parameter int unsigned RING_BYTES = 32768
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,
    input  logic [31:0]     time_i,

    input  logic            rx_valid_i,
    input  logic            rx_sof_i,
    input  logic [63:0]     rx_data_i,
    input  logic            rx_last_i,
    input  logic [3:0]      rx_last_bytes_i,
    input  logic            rx_err_i,

    output logic            sw_valid_o,
    input  logic            sw_ready_i,
    output logic [6:0]      sw_slot_o,
    output logic [13:0]     sw_len_o,
    output logic [7:0]      sw_src_o,
    output logic            sw_from_ctx_o,
    output logic            sw_err_o,
    output logic [159:0]    sw_hdr_o,

    input  logic            dec_valid_i,
    input  logic [6:0]      dec_slot_i,
    input  logic            dec_wire_i,
    input  logic [NCTX-1:0] dec_map_i,
    input  logic [8:0]      dec_refs_i,

    input  logic            rel_valid_i,
    output logic            rel_ready_o,
    input  logic [6:0]      rel_slot_i,
    input  logic [7:0]      rel_ctx_i,
    output logic            gone_valid_o,
    output logic            gone_ring_o,
    output logic [7:0]      gone_ctx_o,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o,

    input  logic            wire_valid_i,
    output logic            wire_ready_o,
    input  logic [6:0]      wire_slot_i,
    input  logic            wire_tag_valid_i,
    input  logic [11:0]     wire_vid_i,

    output logic            tx_valid_o,
    input  logic            tx_ready_i,
    output logic [63:0]     tx_data_o,
    output logic            tx_last_o,
    output logic [3:0]      tx_last_bytes_o,

    input  logic            alloc_valid_i,
    input  logic [7:0]      alloc_ctx_i,
    input  logic [13:0]     alloc_len_i,
    input  logic            tx_ok_i,
    output logic            tx_take_o,
    output logic [7:0]      tx_take_ctx_o,
    output logic [13:0]     tx_take_len_o,
    output logic            alloc_ok_o,
    output logic            alloc_limited_o,
    output logic [6:0]      alloc_slot_o,
    output logic            tx_room_o,

    input  logic            sub_valid_i,
    input  logic [6:0]      sub_slot_i,
    input  logic            sub_err_i,
    input  logic            unpin_valid_i,
    input  logic [6:0]      unpin_slot_i,

    input  logic            dw_valid_i,
    output logic            dw_ready_o,
    input  logic [5:0]      dw_slot_i,
    input  logic [13:0]     dw_off_i,
    input  logic [63:0]     dw_data_i,
    input  logic [7:0]      dw_be_i,

    input  logic            dr_valid_i,
    output logic            dr_ready_o,
    input  logic [6:0]      dr_slot_i,
    input  logic [13:0]     dr_off_i,
    output logic            dr_rvalid_o,
    output logic [63:0]     dr_rdata_o,

    input  logic            chk_valid_i,
    output logic            chk_ready_o,
    input  logic [6:0]      chk_slot_i,
    input  logic [7:0]      chk_ctx_i,
    input  logic            chk_write_i,
    input  logic [15:0]     chk_off_i,
    input  logic [15:0]     chk_len_i,
    output logic            chk_done_o,
    output logic            chk_ok_o,

    output logic            rx_half_o,
    output logic [63:0]     residence_tx_o,
    output logic [63:0]     residence_rx_o,
    output logic            ev_rx_drop_full_o,
    output logic            ev_rel_bad_o,
    output logic            ev_alloc_full_o,
    output logic            ev_tx_limited_o,
    output logic            idle_o
);

  localparam int unsigned AW = $clog2(RING_BYTES / 8);

  logic table_ready, slots_idle, item_idle, reader_idle, rx_busy;
  logic rst;

  assign rst = rst_i || flow_rst_i;

  // --- Room ---
  logic          rx_take, tx_take, rx_slot_free, tx_slot_free, rx_empty, tx_empty;
  logic [11:0]   rx_take_words, tx_take_words, give_words;
  logic [1:0]    give_valid, freed;
  logic [AW-1:0] rx_head_word, tx_head_word;
  logic [5:0]    rx_head_slot, tx_head_slot;
  logic [AW:0]   rx_free, tx_free;

  nic_pktbuf_space #(.AW(AW)) u_rx_space (
    .clk_i,
    .rst_i       (rst),
    .take_i      (rx_take),
    .take_words_i(rx_take_words),
    .give_i      (give_valid[0]),
    .give_words_i(give_words),
    .word_o      (rx_head_word),
    .slot_o      (rx_head_slot),
    .free_o      (rx_free),
    .slot_free_o (rx_slot_free),
    .half_o      (rx_half_o),
    .empty_o     (rx_empty)
  );

  nic_pktbuf_space #(.AW(AW)) u_tx_space (
    .clk_i,
    .rst_i       (rst),
    .take_i      (tx_take),
    .take_words_i(tx_take_words),
    .give_i      (give_valid[1]),
    .give_words_i(give_words),
    .word_o      (tx_head_word),
    .slot_o      (tx_head_slot),
    .free_o      (tx_free),
    .slot_free_o (tx_slot_free),
    /* verilator lint_off PINCONNECTEMPTY */  // only the wire asks
    .half_o      (),
    /* verilator lint_on PINCONNECTEMPTY */
    .empty_o     (tx_empty)
  );

  // --- Writers ---
  logic          rx_new_valid, rx_new_ready, tx_new_valid, tx_new_ready, rx_new, tx_new;
  logic [5:0]    rx_new_slot, tx_new_slot;
  logic [AW-1:0] rx_new_word, tx_new_word;
  logic [13:0]   rx_new_len, tx_new_len;
  logic [7:0]    tx_new_ctx;
  logic [31:0]   rx_age;
  logic          rx_we, count_valid;
  logic [7:0]    tx_we;
  logic [AW-1:0] rx_waddr, tx_waddr;
  logic [63:0]   rx_wdata, tx_wdata;
  logic [5:0]    count_slot;
  logic [13:0]   count;

  assign rx_new = rx_new_valid && rx_new_ready;
  assign tx_new = tx_new_valid && tx_new_ready;

  nic_pktbuf_rx #(.AW(AW)) u_rx (
    .clk_i,
    .rst_i       (rst),
    .enable_i      (table_ready),
    .time_i,
    .rx_valid_i, .rx_sof_i, .rx_data_i, .rx_last_i, .rx_last_bytes_i, .rx_err_i,
    .word_i        (rx_head_word),
    .slot_i        (rx_head_slot),
    .free_i        (rx_free),
    .slot_free_i   (rx_slot_free),
    .take_o        (rx_take),
    .take_words_o  (rx_take_words),
    .age_o         (rx_age),
    .we_o          (rx_we),
    .waddr_o       (rx_waddr),
    .wdata_o       (rx_wdata),
    .new_valid_o   (rx_new_valid),
    .new_ready_i   (rx_new_ready),
    .new_slot_o    (rx_new_slot),
    .new_word_o    (rx_new_word),
    .new_len_o     (rx_new_len),
    .ev_drop_full_o(ev_rx_drop_full_o),
    .busy_o        (rx_busy)
  );

  nic_pktbuf_alloc #(.NCTX(NCTX), .AW(AW)) u_alloc (
    .clk_i,
    .rst_i       (rst),
    .enable_i    (table_ready),
    .alloc_valid_i, .alloc_ctx_i, .alloc_len_i, .tx_ok_i, .alloc_ok_o, .alloc_limited_o, .alloc_slot_o,
    .word_i      (tx_head_word),
    .slot_i      (tx_head_slot),
    .free_i      (tx_free),
    .slot_free_i (tx_slot_free),
    .take_o      (tx_take),
    .take_words_o(tx_take_words),
    .take_ctx_o  (tx_take_ctx_o),
    .take_len_o  (tx_take_len_o),
    .new_valid_o (tx_new_valid),
    .new_ready_i (tx_new_ready),
    .new_slot_o  (tx_new_slot),
    .new_word_o  (tx_new_word),
    .new_len_o   (tx_new_len),
    .new_ctx_o   (tx_new_ctx),
    .ev_full_o   (ev_alloc_full_o),
    .ev_limited_o(ev_tx_limited_o)
  );

  nic_pktbuf_fill #(.AW(AW)) u_fill (
    .clk_i,
    .rst_i       (rst),
    .new_valid_i  (tx_new),
    .new_slot_i   (tx_new_slot),
    .new_word_i   (tx_new_word),
    .dw_valid_i, .dw_ready_o, .dw_slot_i, .dw_off_i, .dw_data_i, .dw_be_i,
    .count_valid_i(count_valid),
    .count_slot_i (count_slot),
    .count_o      (count),
    .we_o         (tx_we),
    .waddr_o      (tx_waddr),
    .wdata_o      (tx_wdata)
  );

  // --- Rings ---
  logic          rx_re, tx_re;
  logic [AW-1:0] rx_raddr, tx_raddr;
  logic [63:0]   rx_rdata, tx_rdata;

  lib_ram_sdp #(.WIDTH(64), .DEPTH(2 ** AW)) u_rx_ring (
    .clk_i,
    .we_i   (rx_we),
    .waddr_i(rx_waddr),
    .wdata_i(rx_wdata),
    .re_i   (rx_re),
    .raddr_i(rx_raddr),
    .rdata_o(rx_rdata)
  );

  lib_ram_sdp #(.WIDTH(64), .DEPTH(2 ** AW), .BYTES_WE(1)) u_tx_ring (
    .clk_i,
    .we_i   (tx_we),
    .waddr_i(tx_waddr),
    .wdata_i(tx_wdata),
    .re_i   (tx_re),
    .raddr_i(tx_raddr),
    .rdata_o(tx_rdata)
  );

  // --- Slot table ---
  logic          queue_valid, queue_err, item_get_valid, item_get_done, item_discard, found_dead;
  logic          get_valid, get_done;
  logic          done_valid, done_ready;
  logic [5:0]    queue_slot, get_slot, done_slot;
  logic [6:0]    item_get_slot;
  logic [AW-1:0] found_word;
  logic [13:0]   found_len;
  logic [7:0]    found_ctx;

  nic_pktbuf_slots #(.NCTX(NCTX), .AW(AW)) u_slots (
    .clk_i,
    .rst_i       (rst),
    .ready_o       (table_ready),
    .idle_o        (slots_idle),
    .rx_new_valid_i(rx_new_valid),
    .rx_new_ready_o(rx_new_ready),
    .rx_new_slot_i (rx_new_slot),
    .rx_new_word_i (rx_new_word),
    .rx_new_len_i  (rx_new_len),
    .tx_new_valid_i(tx_new_valid),
    .tx_new_ready_o(tx_new_ready),
    .tx_new_slot_i (tx_new_slot),
    .tx_new_word_i (tx_new_word),
    .tx_new_len_i  (tx_new_len),
    .tx_new_ctx_i  (tx_new_ctx),
    .dec_valid_i, .dec_slot_i, .dec_wire_i, .dec_map_i, .dec_refs_i,
    .rel_valid_i, .rel_ready_o, .rel_slot_i, .rel_ctx_i, .ev_rel_bad_o,
    .gone_valid_o, .gone_ring_o, .gone_ctx_o,
    .clr_valid_i, .clr_ctx_i, .clr_done_o,
    .chk_valid_i, .chk_ready_o, .chk_slot_i, .chk_ctx_i, .chk_write_i, .chk_off_i, .chk_len_i,
    .chk_done_o, .chk_ok_o,
    .sub_valid_i, .sub_slot_i, .sub_err_i, .unpin_valid_i, .unpin_slot_i,
    .count_valid_o (count_valid),
    .count_slot_o  (count_slot),
    .count_i       (count),
    .queue_valid_o (queue_valid),
    .queue_slot_o  (queue_slot),
    .queue_err_o   (queue_err),
    .item_valid_i  (item_get_valid),
    .item_slot_i   (item_get_slot),
    .item_discard_i(item_discard),
    .item_done_o   (item_get_done),
    .get_valid_i   (get_valid),
    .get_slot_i    (get_slot),
    .get_done_o    (get_done),
    .found_word_o  (found_word),
    .found_len_o   (found_len),
    .found_ctx_o   (found_ctx),
    .found_dead_o  (found_dead),
    .done_valid_i  (done_valid),
    .done_ready_o  (done_ready),
    .done_slot_i   (done_slot),
    .give_valid_o  (give_valid),
    .give_words_o  (give_words),
    .freed_o       (freed)
  );

  // --- Readers ---
  logic          mac_valid, mac_rvalid, hdr_valid, hdr_ready, hdr_ring, hdr_rvalid;
  logic [AW-1:0] mac_word, hdr_word;
  logic [63:0]   mac_rdata, hdr_rdata;

  nic_pktbuf_item #(.AW(AW)) u_item (
    .clk_i,
    .rst_i       (rst),
    .rx_new_i    (rx_new),
    .sub_valid_i (queue_valid),
    .sub_slot_i  (queue_slot),
    .sub_err_i   (queue_err),
    .clr_valid_i, .clr_ctx_i,
    .get_valid_o (item_get_valid),
    .get_discard_o(item_discard),
    .get_slot_o  (item_get_slot),
    .get_done_i  (item_get_done),
    .get_word_i  (found_word),
    .get_len_i   (found_len),
    .get_ctx_i   (found_ctx),
    .get_dead_i  (found_dead),
    .hdr_valid_o (hdr_valid),
    .hdr_ready_i (hdr_ready),
    .hdr_ring_o  (hdr_ring),
    .hdr_word_o  (hdr_word),
    .hdr_rvalid_i(hdr_rvalid),
    .hdr_rdata_i (hdr_rdata),
    .sw_valid_o, .sw_ready_i, .sw_slot_o, .sw_len_o, .sw_src_o, .sw_from_ctx_o, .sw_err_o, .sw_hdr_o,
    .idle_o      (item_idle)
  );

  nic_pktbuf_tx #(.AW(AW)) u_tx (
    .clk_i,
    .rst_i       (rst),
    .wire_valid_i, .wire_ready_o, .wire_slot_i, .wire_tag_valid_i, .wire_vid_i,
    .get_valid_o (get_valid),
    .get_slot_o  (get_slot),
    .get_done_i  (get_done),
    .get_word_i  (found_word),
    .get_len_i   (found_len),
    .mac_valid_o (mac_valid),
    .mac_word_o  (mac_word),
    .mac_rvalid_i(mac_rvalid),
    .mac_rdata_i (mac_rdata),
    .done_valid_o(done_valid),
    .done_ready_i(done_ready),
    .done_slot_o (done_slot),
    .tx_valid_o, .tx_ready_i, .tx_data_o, .tx_last_o, .tx_last_bytes_o,
    .idle_o      (reader_idle)
  );

  nic_pktbuf_read #(.AW(AW)) u_read (
    .clk_i,
    .rst_i       (rst),
    .new_valid_i (rx_new || tx_new),
    .new_slot_i  (rx_new ? {1'b0, rx_new_slot} : {1'b1, tx_new_slot}),
    .new_word_i  (rx_new ? rx_new_word : tx_new_word),
    .mac_valid_i (mac_valid),
    .mac_word_i  (mac_word),
    .mac_rvalid_o(mac_rvalid),
    .mac_rdata_o (mac_rdata),
    .hdr_valid_i (hdr_valid),
    .hdr_ready_o (hdr_ready),
    .hdr_ring_i  (hdr_ring),
    .hdr_word_i  (hdr_word),
    .hdr_rvalid_o(hdr_rvalid),
    .hdr_rdata_o (hdr_rdata),
    .dr_valid_i, .dr_ready_o, .dr_slot_i, .dr_off_i, .dr_rvalid_o, .dr_rdata_o,
    .rx_re_o     (rx_re),
    .rx_raddr_o  (rx_raddr),
    .rx_rdata_i  (rx_rdata),
    .tx_re_o     (tx_re),
    .tx_raddr_o  (tx_raddr),
    .tx_rdata_i  (tx_rdata)
  );

  // --- Residence ---
  logic [6:0]  rx_live_q, tx_live_q;
  logic [31:0] rx_add_q;
  logic [63:0] rx_sum_q, tx_sum_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      rx_add_q  <= '0;
      rx_sum_q  <= '0;
      tx_sum_q  <= '0;
    end else begin
      rx_add_q  <= 32'(rx_live_q) + (rx_take ? rx_age : '0);
      rx_sum_q  <= rx_sum_q + 64'(rx_add_q);
      tx_sum_q  <= tx_sum_q + 64'(tx_live_q);
    end
    if (rst) begin
      rx_live_q <= '0;
      tx_live_q <= '0;
    end else begin
      rx_live_q <= rx_live_q + 7'(rx_take) - 7'(freed[0]);
      tx_live_q <= tx_live_q + 7'(tx_take) - 7'(freed[1]);
    end
  end

  // Room for the longest frame with a tag.
  localparam logic [AW:0] Longest = (AW + 1)'((glregs_pkg::FRAME_MAX + 4 + 7) / 8);
  always_ff @(posedge clk_i) tx_room_o <= !rst && table_ready && tx_slot_free && tx_free >= Longest;
  assign tx_take_o = tx_take;

  assign residence_rx_o = rx_sum_q;
  assign residence_tx_o = tx_sum_q;

  assign idle_o = rx_empty && tx_empty && table_ready && slots_idle && item_idle && reader_idle &&
                  !rx_busy && !rx_valid_i && !tx_new_valid && !rel_valid_i;

`ifndef SYNTHESIS
  initial begin
    if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_pktbuf: NCTX must be 1 to 256");
    if (RING_BYTES != 8 * 2 ** AW || AW < 11 || AW > 15)
      $fatal(1, "nic_pktbuf: RING_BYTES must be a power of two from 16 KiB to 256 KiB");
  end
`endif

endmodule
