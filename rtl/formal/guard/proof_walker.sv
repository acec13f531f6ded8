// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_walker: fills and results are what the tables say, nothing that was read before a mark job is used after it, and
// only the region is read. What is proven and why it holds stands in nic_walker itself, under WATCH.
module proof_walker #(
    parameter int unsigned NCTX  = 32,
    parameter int unsigned WALKS = 16
) (
    input logic            clk_i,
    input logic            flow_rst_i,
    input logic [NCTX-1:0] run_i,
    input logic            dm_valid_i,
    input logic [7:0]      dm_ctx_i,
    input logic [26:0]     dm_page_i,
    input logic            hs_valid_i,
    input logic [7:0]      hs_ctx_i,
    input logic [26:0]     hs_page_i,
    input logic            fl_done_i,
    input logic            mk_valid_i,
    input logic [7:0]      mk_ctx_i,
    input logic            mk_root_i,
    input logic            wk_ready_i,
    input logic            wd_valid_i,
    input logic [3:0]      wd_id_i,
    input logic [5:0]      wd_off_i,
    input logic [63:0]     wd_data_i,
    input logic [7:0]      wd_be_i,
    input logic            wd_last_i,
    input logic [2:0]      wd_status_i,
    input logic [51:0]     region_base_i,
    input logic [23:0]     region_pages_i,
    input logic            rt_we_i,
    input logic            rt_re_i,
    input logic [7:0]      rt_ctx_i,
    input logic [52:0]     rt_wdata_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic          res_valid_o;
  logic          res_stop_o;
  logic [2:0]    res_kind_o;
  logic          res_r_o;
  logic          res_w_o;
  logic [39:0]   res_hpage_o;
  logic          hs_done_o;
  logic          fl_valid_o;
  logic          fl_shared_o;
  logic [7:0]    fl_ctx_o;
  logic [26:0]   fl_page_o;
  logic [39:0]   fl_hpage_o;
  logic          fl_r_o;
  logic          fl_w_o;
  logic          mk_done_o;
  logic          stale_o;
  logic          wk_valid_o;
  logic [63:0]   wk_addr_o;
  logic [6:0]    wk_len_o;
  logic [3:0]    wk_id_o;
  logic [52:0]   rt_rdata_o;
  logic          ev_read_o;
  logic          ready_o;
  logic          idle_o;

  nic_walker #(.WATCH(1), .NCTX(NCTX), .WALKS(WALKS)) dut (
    .clk_i, .rst_i(rst),
    .flow_rst_i, .run_i, .dm_valid_i, .dm_ctx_i, .dm_page_i, .hs_valid_i, .hs_ctx_i, .hs_page_i, .fl_done_i,
    .mk_valid_i, .mk_ctx_i, .mk_root_i, .wk_ready_i, .wd_valid_i, .wd_id_i, .wd_off_i, .wd_data_i, .wd_be_i,
    .wd_last_i, .wd_status_i, .region_base_i, .region_pages_i, .rt_we_i, .rt_re_i, .rt_ctx_i, .rt_wdata_i,
    .res_valid_o, .res_stop_o, .res_kind_o, .res_r_o, .res_w_o, .res_hpage_o, .hs_done_o, .fl_valid_o, .fl_shared_o,
    .fl_ctx_o, .fl_page_o, .fl_hpage_o, .fl_r_o, .fl_w_o, .mk_done_o, .stale_o, .wk_valid_o, .wk_addr_o, .wk_len_o,
    .wk_id_o, .rt_rdata_o, .ev_read_o, .ready_o, .idle_o
  );

endmodule
