// SPDX-License-Identifier: Apache-2.0
// Collects copies dropped at their receiver into counter events, so that a flood of them holds nobody up.

// One drop per cycle is added to a count of the context; a scanner takes the counts out, one event
// (CSTAT RX_DROP_LIMIT) each. Counts lie in distributed RAM.
//
//   drop_*     a copy for context drop_ctx_i was dropped
//   cst_*      counter events; cst_add_o copies
//   idle_o     everything was handed over
module nic_switch_drops #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        drop_valid_i,
    input  logic [7:0]  drop_ctx_i,

    output logic        cst_valid_o,
    input  logic        cst_ready_i,
    output logic [7:0]  cst_ctx_o,
    output logic [15:0] cst_add_o,
    output logic        idle_o
);

  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;

  (* ram_style = "distributed" *)
  logic [15:0] counts [2**CW];

  logic          sweep_q;           // counts are made 0 after reset
  logic [CW-1:0] scan_q, addr0, addr1_q;
  logic          drop1_q, take1_q, take0, fwd_q, out_q;
  logic [15:0]   old_q, last_q, prior, sum, add_q;
  logic [7:0]    ctx_q;
  logic [23:0]   total_q;           // drops not handed over

  assign take0  = !drop_valid_i && !sweep_q && !out_q && !take1_q && total_q != '0;
  assign addr0  = drop_valid_i ? drop_ctx_i[CW-1:0] : scan_q;
  assign prior = fwd_q ? last_q : old_q;
  assign sum    = drop1_q ? prior + 16'd1 : '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sweep_q <= 1'b1;
      scan_q  <= '0;
      drop1_q <= 1'b0;
      take1_q <= 1'b0;
      out_q   <= 1'b0;
      total_q <= '0;
    end else begin
      drop1_q <= drop_valid_i;
      take1_q <= take0;
      if (sweep_q || take0) scan_q <= scan_q + CW'(1);
      if (&scan_q) sweep_q <= 1'b0;
      if (take1_q) out_q <= prior != '0;
      else if (cst_ready_i) out_q <= 1'b0;
      total_q <= total_q + 24'(drop_valid_i) - (take1_q ? 24'(prior) : '0);
    end
    addr1_q <= addr0;
    old_q   <= counts[addr0];
    fwd_q   <= (drop1_q || take1_q) && addr1_q == addr0;
    last_q  <= sum;
    if (take1_q) begin
      add_q <= prior;
      ctx_q <= 8'(addr1_q);
    end
    if (sweep_q) counts[scan_q] <= '0;
    else if (drop1_q || take1_q) counts[addr1_q] <= sum;
  end

  assign cst_valid_o = out_q;
  assign cst_ctx_o   = ctx_q;
  assign cst_add_o   = add_q;
  assign idle_o      = total_q == '0 && !out_q && !drop1_q;

  /* verilator lint_off UNUSEDSIGNAL */  // more index bits than this number of contexts needs
  logic unused;
  assign unused = ^drop_ctx_i;
  /* verilator lint_on UNUSEDSIGNAL */

endmodule
