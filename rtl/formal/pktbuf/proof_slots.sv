// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_pktbuf_slots: free inputs. What is proven stands at the end of the module itself (`FORMAL`), since it speaks of the
// operation that its sequencer executes.

// Two contexts; slots 0, 1, 64 and 65 for all of their rings. The neighbours' promises are assumed there as well: requests that wait stay.
module proof_slots (
    input logic         clk_i,
    input logic         rx_new_valid_i,
    input logic [5:0]   rx_new_slot_i,
    input logic [10:0]  rx_new_word_i,
    input logic [13:0]  rx_new_len_i,
    input logic         tx_new_valid_i,
    input logic [5:0]   tx_new_slot_i,
    input logic [10:0]  tx_new_word_i,
    input logic [13:0]  tx_new_len_i,
    input logic [7:0]   tx_new_ctx_i,
    input logic         dec_valid_i,
    input logic [6:0]   dec_slot_i,
    input logic         dec_wire_i,
    input logic [1:0]   dec_map_i,
    input logic [8:0]   dec_refs_i,
    input logic         rel_valid_i,
    input logic [6:0]   rel_slot_i,
    input logic [7:0]   rel_ctx_i,
    input logic         clr_valid_i,
    input logic [7:0]   clr_ctx_i,
    input logic         chk_valid_i,
    input logic [6:0]   chk_slot_i,
    input logic [7:0]   chk_ctx_i,
    input logic         chk_write_i,
    input logic [15:0]  chk_off_i,
    input logic [15:0]  chk_len_i,
    input logic         sub_valid_i,
    input logic [6:0]   sub_slot_i,
    input logic         sub_err_i,
    input logic         unpin_valid_i,
    input logic [6:0]   unpin_slot_i,
    input logic [13:0]  count_i,
    input logic         item_valid_i,
    input logic [6:0]   item_slot_i,
    input logic         item_discard_i,
    input logic         get_valid_i,
    input logic [5:0]   get_slot_i,
    input logic         done_valid_i,
    input logic [5:0]   done_slot_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic [2:0] reached;
  logic       rx_new_ready, tx_new_ready, chk_ready, item_done, get_done, done_ready;

  nic_pktbuf_slots #(.NCTX(2), .AW(11), .SWEEP_LEN(4)) dut (
    .clk_i, .rst_i(rst), .ready_o(), .idle_o(),
    .rx_new_valid_i, .rx_new_ready_o(rx_new_ready), .rx_new_slot_i, .rx_new_word_i, .rx_new_len_i,
    .tx_new_valid_i, .tx_new_ready_o(tx_new_ready), .tx_new_slot_i, .tx_new_word_i, .tx_new_len_i, .tx_new_ctx_i,
    .dec_valid_i, .dec_slot_i, .dec_wire_i, .dec_map_i, .dec_refs_i,
    .rel_valid_i, .rel_ready_o(), .rel_slot_i, .rel_ctx_i, .ev_rel_bad_o(), .gone_valid_o(), .gone_ring_o(), .gone_ctx_o(),
    .clr_valid_i, .clr_ctx_i, .clr_done_o(),
    .chk_valid_i, .chk_ready_o(chk_ready), .chk_slot_i, .chk_ctx_i, .chk_write_i, .chk_off_i, .chk_len_i, .chk_done_o(), .chk_ok_o(),
    .sub_valid_i, .sub_slot_i, .sub_err_i, .unpin_valid_i, .unpin_slot_i,
    .count_valid_o(), .count_slot_o(), .count_i, .queue_valid_o(), .queue_slot_o(), .queue_err_o(),
    .item_valid_i, .item_slot_i, .item_discard_i, .item_done_o(item_done), .get_valid_i, .get_slot_i, .get_done_o(get_done),
    .found_word_o(), .found_len_o(), .found_ctx_o(), .found_dead_o(), .done_valid_i, .done_ready_o(done_ready), .done_slot_i,
    .give_valid_o(), .give_words_o(), .freed_o(), .f_reached_o(reached)
  );

  // What waits stays as it is.
  always_ff @(posedge clk_i) begin
    if (past && !rst && !$past(rst)) begin
      if ($past(rx_new_valid_i && !rx_new_ready)) assume (rx_new_valid_i && $stable(rx_new_slot_i) && $stable(rx_new_len_i));
      if ($past(tx_new_valid_i && !tx_new_ready)) assume (tx_new_valid_i && $stable(tx_new_slot_i) && $stable(tx_new_len_i) && $stable(tx_new_ctx_i));
      if ($past(chk_valid_i && !chk_ready)) assume (chk_valid_i && $stable(chk_slot_i) && $stable(chk_ctx_i) && $stable(chk_write_i) &&
                                                    $stable(chk_off_i) && $stable(chk_len_i));
      if ($past(item_valid_i && !item_done)) assume (item_valid_i && $stable(item_slot_i) && $stable(item_discard_i));
      if ($past(get_valid_i && !get_done)) assume (get_valid_i && $stable(get_slot_i));
      if ($past(done_valid_i && !done_ready)) assume (done_valid_i && $stable(done_slot_i));
      read_for_context_1: cover (reached[0]);
      filled_in_two_pieces: cover (reached[1]);
      cleared_under_a_read: cover (reached[2]);
    end
  end

endmodule
