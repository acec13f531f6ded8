// SPDX-License-Identifier: Apache-2.0
// Double data rate registers of the ECP5's pins as they behave (FPGA-TN-02035, GDDRX1), and rgmii between them for its bench.
/* verilator lint_off DECLFILENAME */
module ODDRX1F (input logic SCLK, input logic RST, input logic D0, input logic D1, output logic Q);
  logic d0_q, d1_q;
  always_ff @(posedge SCLK) begin
    d0_q <= D0;
    d1_q <= D1;
  end
  assign Q = !RST && (SCLK ? d0_q : d1_q);
endmodule

module IDDRX1F (input logic SCLK, input logic RST, input logic D, output logic Q0, output logic Q1);
  logic rise_q, fall_q;
  always_ff @(posedge SCLK) rise_q <= D;
  always_ff @(negedge SCLK) fall_q <= D;
  always_ff @(posedge SCLK) begin
    Q0 <= rise_q && !RST;
    Q1 <= fall_q && !RST;
  end
endmodule

module DELAYG #(parameter DEL_MODE = "", parameter int unsigned DEL_VALUE = 0) (input logic A, output logic Z);
  initial if (DEL_MODE != "USER_DEFINED" || DEL_VALUE > 127) $fatal(1, "DELAYG: %s %0d", DEL_MODE, DEL_VALUE);
  assign Z = A;
endmodule

module rgmii_tb (
    input  logic       clk_i,      // transmit clock
    input  logic       rst_i,
    input  logic [7:0] gmii_txd_i,
    input  logic       gmii_tx_en_i,
    input  logic       gmii_tx_er_i,
    output logic [7:0] gmii_rxd_o,
    output logic       gmii_rx_dv_o,
    output logic       gmii_rx_er_o,
    output logic       txc_o,
    output logic [3:0] td_o,
    output logic       tx_ctl_o,
    input  logic       rxc_i,
    input  logic [3:0] rd_i,
    input  logic       rx_ctl_i
);
  logic rx_clk, unused;
  assign unused = rst_i ^ rx_clk;
  rgmii u_rgmii (
    .tx_clk_i(clk_i), .rx_clk_o(rx_clk), .gmii_txd_i, .gmii_tx_en_i, .gmii_tx_er_i, .gmii_rxd_o, .gmii_rx_dv_o, .gmii_rx_er_o,
    .rgmii_txc_o(txc_o), .rgmii_td_o(td_o), .rgmii_tx_ctl_o(tx_ctl_o),
    .rgmii_rxc_i(rxc_i), .rgmii_rd_i(rd_i), .rgmii_rx_ctl_i(rx_ctl_i)
  );
endmodule
