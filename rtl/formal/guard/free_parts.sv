// SPDX-License-Identifier: Apache-2.0
// nic_iotlb and nic_walker for the proof of nic_guard: they do anything; nic_guard assumes what their own proofs have shown.
module nic_iotlb #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,
    input  logic            lq_valid_i,
    input  logic [7:0]      lq_ctx_i,
    input  logic [26:0]     lq_page_i,
    output logic            lq_done_o,
    input  logic            hl_valid_i,
    input  logic [7:0]      hl_ctx_i,
    input  logic [26:0]     hl_page_i,
    output logic            hl_done_o,
    output logic            lk_hit_o,
    output logic            lk_r_o,
    output logic            lk_w_o,
    output logic [39:0]     lk_hpage_o,
    input  logic            fl_valid_i,
    input  logic            fl_shared_i,
    input  logic [7:0]      fl_ctx_i,
    input  logic [26:0]     fl_page_i,
    input  logic [39:0]     fl_hpage_i,
    input  logic            fl_r_i,
    input  logic            fl_w_i,
    output logic            fl_done_o,
    input  logic            sw_valid_i,
    input  logic [7:0]      sw_ctx_i,
    input  logic [26:0]     sw_first_i,
    input  logic [26:0]     sw_last_i,
    output logic            sw_done_o,
    output logic            ready_o
);

  (* anyseq *) logic          any_lq_done_o;
  assign lq_done_o = any_lq_done_o;
  (* anyseq *) logic          any_hl_done_o;
  assign hl_done_o = any_hl_done_o;
  (* anyseq *) logic          any_lk_hit_o;
  assign lk_hit_o = any_lk_hit_o;
  (* anyseq *) logic          any_lk_r_o;
  assign lk_r_o = any_lk_r_o;
  (* anyseq *) logic          any_lk_w_o;
  assign lk_w_o = any_lk_w_o;
  (* anyseq *) logic [39:0]   any_lk_hpage_o;
  assign lk_hpage_o = any_lk_hpage_o;
  (* anyseq *) logic          any_fl_done_o;
  assign fl_done_o = any_fl_done_o;
  (* anyseq *) logic          any_sw_done_o;
  assign sw_done_o = any_sw_done_o;
  (* anyseq *) logic          any_ready_o;
  assign ready_o = any_ready_o;

endmodule

module nic_walker #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,
    input  logic [NCTX-1:0] run_i,
    input  logic            dm_valid_i,
    input  logic [7:0]      dm_ctx_i,
    input  logic [26:0]     dm_page_i,
    output logic            res_valid_o,
    output logic            res_stop_o,
    output logic [2:0]      res_kind_o,
    output logic            res_r_o,
    output logic            res_w_o,
    output logic [39:0]     res_hpage_o,
    input  logic            hs_valid_i,
    input  logic [7:0]      hs_ctx_i,
    input  logic [26:0]     hs_page_i,
    output logic            hs_done_o,
    output logic            fl_valid_o,
    output logic            fl_shared_o,
    output logic [7:0]      fl_ctx_o,
    output logic [26:0]     fl_page_o,
    output logic [39:0]     fl_hpage_o,
    output logic            fl_r_o,
    output logic            fl_w_o,
    input  logic            fl_done_i,
    input  logic            mk_valid_i,
    input  logic [7:0]      mk_ctx_i,
    input  logic            mk_root_i,
    output logic            mk_done_o,
    output logic            stale_o,
    output logic            wk_valid_o,
    input  logic            wk_ready_i,
    output logic [63:0]     wk_addr_o,
    output logic [6:0]      wk_len_o,
    output logic [3:0]      wk_id_o,
    input  logic            wd_valid_i,
    input  logic [3:0]      wd_id_i,
    input  logic [5:0]      wd_off_i,
    input  logic [63:0]     wd_data_i,
    input  logic [7:0]      wd_be_i,
    input  logic            wd_last_i,
    input  logic [2:0]      wd_status_i,
    input  logic [51:0]     region_base_i,
    input  logic [23:0]     region_pages_i,
    input  logic            rt_we_i,
    input  logic            rt_re_i,
    input  logic [7:0]      rt_ctx_i,
    input  logic [52:0]     rt_wdata_i,
    output logic [52:0]     rt_rdata_o,
    output logic            ev_read_o,
    output logic            ready_o,
    output logic            idle_o
);

  (* anyseq *) logic          any_res_valid_o;
  assign res_valid_o = any_res_valid_o;
  (* anyseq *) logic          any_res_stop_o;
  assign res_stop_o = any_res_stop_o;
  (* anyseq *) logic [2:0]    any_res_kind_o;
  assign res_kind_o = any_res_kind_o;
  (* anyseq *) logic          any_res_r_o;
  assign res_r_o = any_res_r_o;
  (* anyseq *) logic          any_res_w_o;
  assign res_w_o = any_res_w_o;
  (* anyseq *) logic [39:0]   any_res_hpage_o;
  assign res_hpage_o = any_res_hpage_o;
  (* anyseq *) logic          any_hs_done_o;
  assign hs_done_o = any_hs_done_o;
  (* anyseq *) logic          any_fl_valid_o;
  assign fl_valid_o = any_fl_valid_o;
  (* anyseq *) logic          any_fl_shared_o;
  assign fl_shared_o = any_fl_shared_o;
  (* anyseq *) logic [7:0]    any_fl_ctx_o;
  assign fl_ctx_o = any_fl_ctx_o;
  (* anyseq *) logic [26:0]   any_fl_page_o;
  assign fl_page_o = any_fl_page_o;
  (* anyseq *) logic [39:0]   any_fl_hpage_o;
  assign fl_hpage_o = any_fl_hpage_o;
  (* anyseq *) logic          any_fl_r_o;
  assign fl_r_o = any_fl_r_o;
  (* anyseq *) logic          any_fl_w_o;
  assign fl_w_o = any_fl_w_o;
  (* anyseq *) logic          any_mk_done_o;
  assign mk_done_o = any_mk_done_o;
  (* anyseq *) logic          any_stale_o;
  assign stale_o = any_stale_o;
  (* anyseq *) logic          any_wk_valid_o;
  assign wk_valid_o = any_wk_valid_o;
  (* anyseq *) logic [63:0]   any_wk_addr_o;
  assign wk_addr_o = any_wk_addr_o;
  (* anyseq *) logic [6:0]    any_wk_len_o;
  assign wk_len_o = any_wk_len_o;
  (* anyseq *) logic [3:0]    any_wk_id_o;
  assign wk_id_o = any_wk_id_o;
  (* anyseq *) logic [52:0]   any_rt_rdata_o;
  assign rt_rdata_o = any_rt_rdata_o;
  (* anyseq *) logic          any_ev_read_o;
  assign ev_read_o = any_ev_read_o;
  (* anyseq *) logic          any_ready_o;
  assign ready_o = any_ready_o;
  (* anyseq *) logic          any_idle_o;
  assign idle_o = any_idle_o;

endmodule
