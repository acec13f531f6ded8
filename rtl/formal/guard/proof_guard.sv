// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_guard over free IOTLB and walker: after an invalidation an answer OK is what the tables say. What is proven
// and why it holds stands in nic_guard itself, under WATCH.
module proof_guard #(
    parameter int unsigned NCTX = 32
) (
    input logic            clk_i,
    input logic            flow_rst_i,
    input logic [NCTX-1:0] run_i,
    input logic            gq_valid_i,
    input logic [7:0]      gq_ctx_i,
    input logic [51:0]     gq_gpage_i,
    input logic            gq_write_i,
    input logic [3:0]      gq_queue_i,
    input logic [11:0]     gq_low_i,
    input logic            hq_valid_i,
    input logic [7:0]      hq_ctx_i,
    input logic [26:0]     hq_gpage_i,
    input logic            hq_write_i,
    input logic            wk_ready_i,
    input logic            wd_valid_i,
    input logic [3:0]      wd_id_i,
    input logic [5:0]      wd_off_i,
    input logic [63:0]     wd_data_i,
    input logic [7:0]      wd_be_i,
    input logic            wd_last_i,
    input logic [2:0]      wd_status_i,
    input logic            inv_valid_i,
    input logic [7:0]      inv_ctx_i,
    input logic            fence_done_i,
    input logic            flt_ready_i,
    input logic            cfg_we_i,
    input logic            cfg_re_i,
    input logic [7:0]      cfg_addr_i,
    input logic [7:0]      cfg_ctx_i,
    input logic [31:0]     cfg_wdata_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic          gq_ready_o;
  logic          gr_valid_o;
  logic [2:0]    gr_status_o;
  logic [51:0]   gr_hpage_o;
  logic          hq_ready_o;
  logic          wk_valid_o;
  logic [63:0]   wk_addr_o;
  logic [6:0]    wk_len_o;
  logic [3:0]    wk_id_o;
  logic          inv_ready_o;
  logic          inv_done_o;
  logic          fence_valid_o;
  logic          flt_valid_o;
  logic [7:0]    flt_ctx_o;
  logic [63:0]   flt_addr_o;
  logic [2:0]    flt_kind_o;
  logic          flt_write_o;
  logic [3:0]    flt_queue_o;
  logic [31:0]   cfg_rdata_o;
  logic          ev_hit_o;
  logic          ev_miss_o;
  logic          ev_walk_read_o;
  logic          ev_fault_o;
  logic          ev_inv_o;
  logic          ready_o;
  logic          idle_o;

  nic_guard #(.WATCH(1), .NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst),
    .flow_rst_i, .run_i, .gq_valid_i, .gq_ctx_i, .gq_gpage_i, .gq_write_i, .gq_queue_i, .gq_low_i, .hq_valid_i,
    .hq_ctx_i, .hq_gpage_i, .hq_write_i, .wk_ready_i, .wd_valid_i, .wd_id_i, .wd_off_i, .wd_data_i, .wd_be_i,
    .wd_last_i, .wd_status_i, .inv_valid_i, .inv_ctx_i, .fence_done_i, .flt_ready_i, .cfg_we_i, .cfg_re_i, .cfg_addr_i,
    .cfg_ctx_i, .cfg_wdata_i, .gq_ready_o, .gr_valid_o, .gr_status_o, .gr_hpage_o, .hq_ready_o, .wk_valid_o,
    .wk_addr_o, .wk_len_o, .wk_id_o, .inv_ready_o, .inv_done_o, .fence_valid_o, .flt_valid_o, .flt_ctx_o, .flt_addr_o,
    .flt_kind_o, .flt_write_o, .flt_queue_o, .cfg_rdata_o, .ev_hit_o, .ev_miss_o, .ev_walk_read_o, .ev_fault_o,
    .ev_inv_o, .ready_o, .idle_o
  );

  // Interesting states
  logic [2:0] told_q;
  always_ff @(posedge clk_i) begin
    if (rst) told_q <= '0;
    else if (ev_inv_o) told_q[0] <= 1'b1;
    else if (inv_done_o) told_q[1] <= 1'b1;
    if (!rst && past) begin
      answered: cover (gr_valid_o && gr_status_o == 3'd0 && told_q[0] && !$past(fence_valid_o, 2));
      answered_in_a_fence: cover (gr_valid_o && gr_status_o == 3'd0 && fence_valid_o);
      refused: cover (gr_valid_o && gr_status_o == 3'd1 && told_q[1]);
      stopped: cover (gr_valid_o && gr_status_o == 3'd6);
      both: cover (told_q[1:0] == 2'd3);
    end
  end

endmodule
