// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_switch: two contexts, free inputs. What is proven stands at the end of the module itself (`FORMAL`), and among its
// assertions. Tables, FIFOs and counters of the switch are free as well: it holds whatever they say.
module proof_switch (
    input logic clk_i,
    input logic sw_valid_i,
    input logic [6:0] sw_slot_i,
    input logic [13:0] sw_len_i,
    input logic [7:0] sw_src_i,
    input logic sw_from_ctx_i,
    input logic sw_err_i,
    input logic [159:0] sw_hdr_i,
    input logic wire_ready_i,
    input logic tbl_we_i,
    input logic tbl_re_i,
    input logic [7:0] tbl_index_i,
    input logic [47:0] tbl_mac_i,
    input logic [31:0] tbl_ctl_i,
    input logic cfg_we_i,
    input logic cfg_re_i,
    input logic [7:0] cfg_addr_i,
    input logic [7:0] cfg_ctx_i,
    input logic [31:0] cfg_wdata_i,
    input logic clr_valid_i,
    input logic [7:0] clr_ctx_i,
    input logic [1:0] run_i,
    input logic [1:0] rx_ok_i,
    input logic [1:0] flood_ok_i,
    input logic wire_flood_ok_i,
    input logic rx_take_ready_i,
    input logic gone_valid_i,
    input logic gone_ring_i,
    input logic [7:0] gone_ctx_i,
    input logic rec_ready_i,
    input logic cst_ready_i
);

  logic rst, past, dec_valid, dec_wire, cfg_ready;
  logic [1:0] dec_map;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  nic_switch #(.NCTX(2), .SWEEP_LOG2(2)) dut (
    .clk_i, .rst_i(rst), .flow_rst_i(1'b0),
    .sw_valid_i, .sw_slot_i, .sw_len_i, .sw_src_i, .sw_from_ctx_i, .sw_err_i, .sw_hdr_i, .wire_ready_i, .tbl_we_i, .tbl_re_i, .tbl_index_i, .tbl_mac_i, .tbl_ctl_i, .cfg_we_i, .cfg_re_i, .cfg_addr_i, .cfg_ctx_i, .cfg_wdata_i, .clr_valid_i, .clr_ctx_i, .run_i, .rx_ok_i, .flood_ok_i, .wire_flood_ok_i, .rx_take_ready_i, .gone_valid_i, .gone_ring_i, .gone_ctx_i, .rec_ready_i, .cst_ready_i,
    .dec_valid_o(dec_valid), .dec_wire_o(dec_wire), .dec_map_o(dec_map), .sw_ready_o(), .dec_slot_o(), .dec_refs_o(), .wire_valid_o(), .wire_slot_o(), .wire_tag_valid_o(), .wire_vid_o(), .tbl_mac_o(), .tbl_ctl_o(), .cfg_rdata_o(), .cfg_ready_o(cfg_ready), .clr_done_o(), .rx_take_valid_o(), .rx_take_ctx_o(), .flood_take_valid_o(), .flood_take_wire_o(), .flood_take_ctx_o(), .take_len_o(), .rec_valid_o(), .rec_data_o(), .rec_tag_o(), .cst_valid_o(), .cst_ctx_o(), .cst_idx_o(), .cst_add_o(), .ev_nobody_o(), .ev_source_o(), .ev_vlan_o(), .ev_txerr_o(), .ev_from_wire_o(), .ev_from_ctx_o(), .ev_to_wire_o(), .ev_to_ctx_o(), .ev_flood_o(), .ev_share_o(), .ev_rate_o(), .idle_o()
  );

  always_ff @(posedge clk_i) begin
    if (!rst) begin
      assume (!(cfg_we_i && !cfg_ready));  // nic_mgmt waits
      assume (sw_from_ctx_i == sw_slot_i[6]);
      to_both: cover (past && dec_valid && dec_wire && dec_map[1]);
    end
  end

endmodule
