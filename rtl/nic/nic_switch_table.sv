// SPDX-License-Identifier: Apache-2.0
// The switch's table of contexts: MAC address and rules of each, two entries read per cycle.

// Entries of contexts 2n and 2n+1 stand side by side. After reset no entry is enabled; what else
// an entry holds is undefined until it is written.
//
//   tbl_*     written and read by management (BAR0.SW_*); tbl_mac_o, tbl_ctl_o two cycles after
//             tbl_re_i and held
//   busy_o    management uses the table in this cycle: a scan read does not count
//   pair_i    pair to read; entry_*_o have it in the next cycle
//   entry_o   {control without ENABLE (BAR0.SW_CONTROL): VID, TO_WIRE .. BROADCAST; MAC}, two of them
module nic_switch_table #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        tbl_we_i,
    input  logic        tbl_re_i,
    input  logic [7:0]  tbl_index_i,
    input  logic [47:0] tbl_mac_i,
    input  logic [31:0] tbl_ctl_i,
    output logic [47:0] tbl_mac_o,
    output logic [31:0] tbl_ctl_o,

    output logic              busy_o,
    input  logic [6:0]        pair_i,
    output logic [1:0]        enable_o,
    output logic [1:0][65:0]  entry_o
);

  localparam int unsigned Pairs = (NCTX > 3) ? (NCTX + 1) / 2 : 2;
  localparam int unsigned PW    = $clog2(Pairs);

  logic          known;     // the index is one of a context
  logic [PW-1:0] rpair;
  logic [65:0]   wentry;
  logic [2*Pairs-1:0] enable_q;
  logic          re1_q, lane1_q, known1_q;

  assign known  = 32'(tbl_index_i) < NCTX;
  assign rpair  = tbl_re_i ? tbl_index_i[PW:1] : pair_i[PW-1:0];
  assign wentry = {tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_VID_LSB+:12],
                   tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_BROADCAST_LSB+:6], tbl_mac_i};
  assign busy_o = tbl_we_i || tbl_re_i;

  for (genvar g = 0; g < 2; g++) begin : g_lane
    lib_ram_sdp #(.WIDTH(66), .DEPTH(Pairs)) u_ram (
      .clk_i,
      .we_i   (tbl_we_i && known && tbl_index_i[0] == (g == 1)),
      .waddr_i(tbl_index_i[PW:1]),
      .wdata_i(wentry),
      .re_i   (1'b1),
      .raddr_i(rpair),
      .rdata_o(entry_o[g])
    );
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) enable_q <= '0;
    else if (tbl_we_i && known)
      enable_q[tbl_index_i[PW:0]] <= tbl_ctl_i[glregs_pkg::BAR0_SW_CONTROL_ENABLE_LSB];
    enable_o <= {enable_q[{rpair, 1'b1}], enable_q[{rpair, 1'b0}]};
  end

  // --- Read back ---
  logic [65:0] shown;
  assign shown = entry_o[lane1_q];

  always_ff @(posedge clk_i) begin
    if (rst_i) re1_q <= 1'b0;
    else       re1_q <= tbl_re_i;
    lane1_q  <= tbl_index_i[0];
    known1_q <= known;
    if (re1_q) begin
      tbl_mac_o <= known1_q ? shown[47:0] : '0;
      tbl_ctl_o <= known1_q ? {4'd0, shown[65:54], 9'd0, shown[53:48], enable_o[lane1_q]} : '0;
    end
  end

  /* verilator lint_off UNUSEDSIGNAL */  // more index bits than this number of contexts needs
  logic [39:0] unused;
  assign unused = {pair_i, 1'b0, tbl_ctl_i};
  /* verilator lint_on UNUSEDSIGNAL */

endmodule
