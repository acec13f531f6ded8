// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_iotlb: a page is found with what was last filled in, and after a sweep of it with nothing older than the sweep.
// What is proven and why it holds stands in nic_iotlb itself, under WATCH.
module proof_iotlb #(
    parameter int unsigned NCTX   = 32,
    parameter int unsigned SHARED = 512
) (
    input logic        clk_i,
    input logic        flow_rst_i,
    input logic        lq_valid_i,
    input logic [7:0]  lq_ctx_i,
    input logic [26:0] lq_page_i,
    input logic        hl_valid_i,
    input logic [7:0]  hl_ctx_i,
    input logic [26:0] hl_page_i,
    input logic        fl_valid_i,
    input logic        fl_shared_i,
    input logic [7:0]  fl_ctx_i,
    input logic [26:0] fl_page_i,
    input logic [39:0] fl_hpage_i,
    input logic        fl_r_i,
    input logic        fl_w_i,
    input logic        sw_valid_i,
    input logic [7:0]  sw_ctx_i,
    input logic [26:0] sw_first_i,
    input logic [26:0] sw_last_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic        lq_done, hl_done, lk_hit, lk_r, lk_w, fl_done, sw_done, ready;
  logic [39:0] lk_hpage;
  nic_iotlb #(.WATCH(1), .NCTX(NCTX), .SHARED(SHARED)) dut (
    .clk_i, .rst_i(rst), .flow_rst_i,
    .lq_valid_i, .lq_ctx_i, .lq_page_i, .lq_done_o(lq_done), .hl_valid_i, .hl_ctx_i, .hl_page_i, .hl_done_o(hl_done),
    .lk_hit_o(lk_hit), .lk_r_o(lk_r), .lk_w_o(lk_w), .lk_hpage_o(lk_hpage),
    .fl_valid_i, .fl_shared_i, .fl_ctx_i, .fl_page_i, .fl_hpage_i, .fl_r_i, .fl_w_i, .fl_done_o(fl_done),
    .sw_valid_i, .sw_ctx_i, .sw_first_i, .sw_last_i, .sw_done_o(sw_done), .ready_o(ready)
  );

  // Interesting states, as they are seen from outside: pages a and b take the same place in the private part.
  (* anyconst *) logic [7:0]  ctx;
  (* anyconst *) logic [26:0] a, b;
  logic a_filled_q, a_near_q, b_filled_q, a_hit_q;
  always_ff @(posedge clk_i) begin
    if (rst || flow_rst_i) begin
      {a_filled_q, a_near_q, b_filled_q, a_hit_q} <= '0;
    end else begin
      if (fl_done && fl_ctx_i == ctx && fl_page_i == a) begin
        a_filled_q <= !fl_shared_i && !a_near_q;
        a_near_q   <= fl_shared_i && !a_filled_q;
      end
      if (fl_done && fl_ctx_i == ctx && fl_page_i == b && a_filled_q) b_filled_q <= !fl_shared_i;
      if (lq_done && lq_ctx_i == ctx && lq_page_i == a && lk_hit && lk_w) a_hit_q <= 1'b1;
    end
  end

  logic asked;
  assign asked = !rst && past && a != b && a[3:0] == b[3:0] && lq_done && lq_ctx_i == ctx;
  always_ff @(posedge clk_i) if (asked) begin
    found: cover (lq_page_i == a && a_filled_q && lk_hit && lk_hpage == 40'd5);
    found_near: cover (lq_page_i == a && a_near_q && lk_hit && hl_valid_i);
    found_displaced: cover (lq_page_i == a && a_filled_q && b_filled_q && lk_hit);
    found_again: cover (lq_page_i == b && a_filled_q && b_filled_q && a_hit_q && lk_hit);
  end

endmodule
