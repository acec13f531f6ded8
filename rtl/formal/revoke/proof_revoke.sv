// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_revoke: the steps of docs/isolation.md in their order, each once, for one context; and the bound.

// The blocks answer when they like, but each within WAIT cycles in which free_i is high: then LIMIT, which nic_revoke asserts,
// holds.
module proof_revoke #(
    parameter int unsigned WAIT  = 3,
    parameter int unsigned LIMIT = 4 * (WAIT + 1) + 2
) (
    input logic        clk_i,
    input logic        cfg_we_i,
    input logic [ 7:0] cfg_addr_i,
    input logic [ 7:0] cfg_ctx_i,
    input logic [31:0] cfg_wdata_i,
    input logic        inv_ready_i,
    input logic        inv_done_i,
    input logic        clr_switch_done_i,
    input logic        clr_done_i,
    input logic        free_i
);
  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic dis, inv, clr_switch, clr, busy, done;
  logic [7:0] ctx;
  logic [31:0] rdata;
  nic_revoke #(.NCTX(32), .LIMIT(LIMIT)) dut (
    .clk_i, .rst_i(rst), .cfg_we_i, .cfg_addr_i, .cfg_ctx_i, .cfg_wdata_i, .cfg_rdata_o(rdata),
    .dis_valid_o(dis), .inv_valid_o(inv), .inv_ready_i, .inv_done_i, .clr_switch_valid_o(clr_switch), .clr_switch_done_i,
    .clr_valid_o(clr), .clr_done_i, .ctx_o(ctx), .busy_o(busy), .ev_done_o(done), .free_i
  );
  always_comb assume (!cfg_we_i || cfg_ctx_i < 8'd32);

  // What has been done of the revocation under way.
  logic disabled_q, asked_q, fenced_q, switched_q;
  always_ff @(posedge clk_i) begin
    if (rst || !busy) begin
      disabled_q <= 1'b0;
      asked_q    <= 1'b0;
      fenced_q   <= 1'b0;
      switched_q <= 1'b0;
    end else begin
      if (dis) disabled_q <= 1'b1;
      if (inv && inv_ready_i) asked_q <= 1'b1;
      if (asked_q && inv_done_i) fenced_q <= 1'b1;
      if (clr_switch && clr_switch_done_i) switched_q <= 1'b1;
    end
  end

  // Nobody keeps it waiting for longer than WAIT cycles that count.
  logic [7:0] wait_q;
  logic waits, answer;
  assign waits  = inv || (asked_q && !fenced_q) || clr_switch || clr;
  assign answer = inv ? inv_ready_i : (asked_q && !fenced_q) ? inv_done_i : clr_switch ? clr_switch_done_i : clr_done_i;
  always_comb assume (!waits || answer || 32'(wait_q) < WAIT);
  always_ff @(posedge clk_i) begin
    if (rst || !waits || answer) wait_q <= '0;
    else if (free_i) wait_q <= wait_q + 8'd1;
  end

  logic start, was_rst;  // a start was written in the cycle before
  always_ff @(posedge clk_i) begin
    was_rst <= rst;
    start   <= cfg_we_i && cfg_addr_i == glregs_pkg::BAR0_REVOKE[7:0] && cfg_wdata_i[0] && !busy && !rst;
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past && !was_rst) begin
      starts: assert (!start || (busy && dis));
      of_the_context: assert (!start || ctx == $past(cfg_ctx_i));
      by_itself_never: assert (!(busy && !$past(busy)) || start);
      one_context: assert (!(busy && $past(busy)) || ctx == $past(ctx));
      disable_first: assert (!busy || dis || disabled_q);
      once: assert (!(dis && disabled_q));
      then_the_guard: assert (!inv || (disabled_q && !asked_q));
      then_the_switch: assert (!clr_switch || (disabled_q && asked_q && fenced_q && !switched_q));
      then_the_rest: assert (!clr || (disabled_q && asked_q && fenced_q && switched_q));
      held: assert (!$past(clr && !clr_done_i) || clr);
      held_switch: assert (!$past(clr_switch && !clr_switch_done_i) || clr_switch);
      held_guard: assert (!$past(inv && !inv_ready_i) || inv);
      done_means_all: assert (!done || ($past(busy) && !busy && $past(disabled_q && asked_q && fenced_q && switched_q && clr && clr_done_i)));
      done_is_told: assert (!($past(busy) && !busy) || done);
      idle_is_quiet: assert (busy || !(dis || inv || clr_switch || clr));
      busy_shows: assert (!$past(cfg_addr_i == glregs_pkg::BAR0_REVOKE[7:0]) || rdata == {$past(busy), 31'h0});

      ends: cover (done && $past(wait_q) == 8'(WAIT));
      slow_host: cover (done && !$past(free_i) && $past(wait_q) == 8'd2);
      again: cover (start && $past(done));
    end
  end
endmodule
