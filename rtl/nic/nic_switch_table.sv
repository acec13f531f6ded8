// SPDX-License-Identifier: Apache-2.0
// The switch's table of contexts: MAC address, rules and multicast filter of each, two entries read per cycle.

// Entries of contexts 2n and 2n+1 stand side by side. After reset no entry is enabled; what else
// an entry holds is undefined until it is written. Filters are 0 when the sweep has ended.
//
//   sweep_*   writes 0 into the filters of pair sweep_pair_i, half sweep_half_i
//   tbl_*     written and read by management (BAR0.SW_*); tbl_mac_o, tbl_ctl_o two cycles after
//             tbl_re_i and held
//   mc_*      half of a multicast filter, written and read (BAR0.MC_FILTER_*); mc_rdata_o two cycles
//             after mc_re_i and held
//   clr_*     the entry is disabled and written with 0, the filter as well: hold clr_i for three cycles
//             in which busy_o is due to nobody else (clr_ok_o), with clr_step_i = 0, 1, 2
//   busy_o    the table is used in this cycle: a scan read does not count
//   pair_i    pair to read, half_i the half of the filters; *_o have them in the next cycle
//   entry_o   {of control (BAR0.SW_CONTROL): FALLBACK, VID, UNTAGGED .. BROADCAST; MAC}, two of them
//   away_i    who is away (nic_switch_away): away_o and the answer to tbl_re_i show it
//   fallback_o  an entry with FALLBACK is written (of tbl_index_i); context 0 has none
//   filter_o  half of the filter, two of them
module nic_switch_table #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        sweep_i,
    input  logic [6:0]  sweep_pair_i,
    input  logic        sweep_half_i,

    input  logic        tbl_we_i,
    input  logic        tbl_re_i,
    input  logic [7:0]  tbl_index_i,
    input  logic [47:0] tbl_mac_i,
    input  logic [31:0] tbl_ctl_i,
    output logic [47:0] tbl_mac_o,
    output logic [31:0] tbl_ctl_o,

    input  logic        mc_we_i,
    input  logic        mc_re_i,
    input  logic        mc_half_i,
    input  logic [7:0]  mc_ctx_i,
    input  logic [31:0] mc_wdata_i,
    output logic [31:0] mc_rdata_o,

    input  logic        clr_i,
    input  logic [1:0]  clr_step_i,
    input  logic [7:0]  clr_ctx_i,
    output logic        clr_ok_o,

    input  logic [NCTX-1:0]   away_i,
    output logic              fallback_o,

    output logic              busy_o,
    input  logic [6:0]        pair_i,
    input  logic              half_i,
    output logic [1:0]        enable_o,
    output logic [1:0]        away_o,
    output logic [1:0][68:0]  entry_o,
    output logic [1:0][31:0]  filter_o
);

  localparam int unsigned Pairs = (NCTX > 3) ? (NCTX + 1) / 2 : 2;
  localparam int unsigned PW    = $clog2(Pairs);

  logic          known, mc_known;  // the index is one of a context
  logic [PW-1:0] rpair, frpair, wpair, fwpair;
  logic [68:0]   wentry;
  logic          fallback;
  logic          tbl_write, clr_write, mc_write, wlane, fwlane, frhalf, fwhalf;
  logic [2*Pairs-1:0] enable_q;
  logic          re1_q, lane1_q, known1_q, mc_re1_q, mc_lane1_q, mc_known1_q;

  assign known     = 32'(tbl_index_i) < NCTX;
  assign mc_known  = 32'(mc_ctx_i) < NCTX;
  assign clr_ok_o  = !tbl_we_i && !mc_we_i && !tbl_re_i && !mc_re_i;
  assign tbl_write = tbl_we_i && known;
  assign clr_write = clr_i && clr_ok_o;
  assign mc_write  = mc_we_i && mc_known;
  assign rpair     = tbl_re_i ? tbl_index_i[PW:1] : pair_i[PW-1:0];
  assign frpair    = mc_re_i ? mc_ctx_i[PW:1] : pair_i[PW-1:0];
  assign frhalf    = mc_re_i ? mc_half_i : half_i;
  assign fallback  = tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_FALLBACK_LSB] && tbl_index_i != '0;
  assign fallback_o = tbl_write && fallback;
  assign wentry    = clr_i ? '0 : {fallback, tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_VID_LSB+:12],
                                   tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_BROADCAST_LSB+:8], tbl_mac_i};
  assign wpair     = clr_i ? clr_ctx_i[PW:1] : tbl_index_i[PW:1];
  assign wlane     = clr_i ? clr_ctx_i[0] : tbl_index_i[0];
  assign fwpair    = sweep_i ? sweep_pair_i[PW-1:0] : clr_i ? clr_ctx_i[PW:1] : mc_ctx_i[PW:1];
  assign fwlane    = clr_i ? clr_ctx_i[0] : mc_ctx_i[0];
  assign fwhalf    = sweep_i ? sweep_half_i : clr_i ? clr_step_i[1] : mc_half_i;
  assign busy_o    = tbl_we_i || tbl_re_i || mc_we_i || mc_re_i || clr_i || sweep_i;

  for (genvar g = 0; g < 2; g++) begin : g_lane
    lib_ram_sdp #(.WIDTH(69), .DEPTH(Pairs)) u_ram (
      .clk_i,
      .we_i   ((tbl_write || (clr_write && clr_step_i == 2'd0)) && wlane == (g == 1)),
      .waddr_i(wpair),
      .wdata_i(wentry),
      .re_i   (1'b1),
      .raddr_i(rpair),
      .rdata_o(entry_o[g])
    );
    lib_ram_sdp #(.WIDTH(32), .DEPTH(2 * Pairs)) u_filter (
      .clk_i,
      .we_i   (sweep_i || ((mc_write || (clr_write && clr_step_i != 2'd0)) && fwlane == (g == 1))),
      .waddr_i({fwpair, fwhalf}),
      .wdata_i(sweep_i || clr_i ? '0 : mc_wdata_i),
      .re_i   (1'b1),
      .raddr_i({frpair, frhalf}),
      .rdata_o(filter_o[g])
    );
  end

  logic [2*Pairs-1:0] away_all;
  assign away_all = (2 * Pairs)'(away_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) enable_q <= '0;
    else if (tbl_write) enable_q[tbl_index_i[PW:0]] <= tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_ENABLE_LSB];
    else if (clr_write) enable_q[clr_ctx_i[PW:0]] <= 1'b0;
    enable_o <= {enable_q[{rpair, 1'b1}], enable_q[{rpair, 1'b0}]};
    away_o   <= {away_all[{rpair, 1'b1}], away_all[{rpair, 1'b0}]};
  end

  // --- Read back ---
  logic [68:0] shown;
  assign shown = entry_o[lane1_q];

  always_ff @(posedge clk_i) begin
    if (rst_i) {re1_q, mc_re1_q} <= '0;
    else       {re1_q, mc_re1_q} <= {tbl_re_i, mc_re_i};
    lane1_q     <= tbl_index_i[0];
    known1_q    <= known;
    mc_lane1_q  <= mc_ctx_i[0];
    mc_known1_q <= mc_known;
    if (re1_q) begin
      tbl_mac_o <= known1_q ? shown[47:0] : '0;
      tbl_ctl_o <= known1_q ? {4'd0, shown[67:56], 5'd0, shown[68] && away_o[lane1_q], shown[68], shown[55:48],
                                enable_o[lane1_q]} : '0;
    end
    if (mc_re1_q) mc_rdata_o <= mc_known1_q ? filter_o[mc_lane1_q] : '0;
  end

  /* verilator lint_off UNUSEDSIGNAL */  // more index bits than this number of contexts needs
  logic [62:0] unused;
  assign unused = {pair_i, mc_ctx_i, clr_ctx_i, sweep_pair_i, 1'b0, tbl_ctl_i};
  /* verilator lint_on UNUSEDSIGNAL */

endmodule
