// SPDX-License-Identifier: Apache-2.0
// RGMII of a PHY at 1 Gb/s to GMII, in the pins of an ECP5 (RGMII 2.0; FPGA-TN-02035, ECP5 High-Speed I/O Interface).

// To the PHY: both edges of tx_clk_i carry four bits, the low ones at the rising edge, and TX_CTL is tx_en, then tx_en xor tx_er. TXC goes
// through a register of the same kind, so it lies on the data's edges but for its delay.
// From the PHY: RXC is the clock of everything received, by the clock network of the device; data and RX_CTL are delayed by about
// what that network takes.
// The PHY's own delays are those of its reset, which the board's top tells. Delays are in steps of the device, about 25 ps.
//
//   TXC_DELAY, RXD_DELAY   0 to 127
//   rx_clk_o               RXC: gmii_rx* belong to it. A PHY may stop it
module rgmii #(
    parameter int unsigned TXC_DELAY = 80,
    parameter int unsigned RXD_DELAY = 80
) (
    input  logic       tx_clk_i,
    output logic       rx_clk_o,
    input  logic [7:0] gmii_txd_i,
    input  logic       gmii_tx_en_i,
    input  logic       gmii_tx_er_i,
    output logic [7:0] gmii_rxd_o,
    output logic       gmii_rx_dv_o,
    output logic       gmii_rx_er_o,

    output logic       rgmii_txc_o,
    output logic [3:0] rgmii_td_o,
    output logic       rgmii_tx_ctl_o,
    input  logic       rgmii_rxc_i,
    input  logic [3:0] rgmii_rd_i,
    input  logic       rgmii_rx_ctl_i
);
  // --- To the PHY: registered once here, so that the path to the pins is the same in every placement ---
  logic [7:0] txd_q;
  logic       tx_en_q, tx_ctl2_q, txc;
  always_ff @(posedge tx_clk_i) begin
    txd_q     <= gmii_txd_i;
    tx_en_q   <= gmii_tx_en_i;
    tx_ctl2_q <= gmii_tx_en_i ^ gmii_tx_er_i;
  end

  ODDRX1F u_txc (.SCLK(tx_clk_i), .RST(1'b0), .D0(1'b1), .D1(1'b0), .Q(txc));
  DELAYG #(.DEL_MODE("USER_DEFINED"), .DEL_VALUE(TXC_DELAY)) u_txc_delay (.A(txc), .Z(rgmii_txc_o));
  ODDRX1F u_tx_ctl (.SCLK(tx_clk_i), .RST(1'b0), .D0(tx_en_q), .D1(tx_ctl2_q), .Q(rgmii_tx_ctl_o));
  for (genvar i = 0; i < 4; i++) begin : g_td
    ODDRX1F u_td (.SCLK(tx_clk_i), .RST(1'b0), .D0(txd_q[i]), .D1(txd_q[i+4]), .Q(rgmii_td_o[i]));
  end

  // --- From the PHY ---
  logic [3:0] rd;
  logic [7:0] rxd;
  logic       rx_ctl, rx_dv, rx_ctl2;
  assign rx_clk_o = rgmii_rxc_i;

  DELAYG #(.DEL_MODE("USER_DEFINED"), .DEL_VALUE(RXD_DELAY)) u_rx_ctl_delay (.A(rgmii_rx_ctl_i), .Z(rx_ctl));
  IDDRX1F u_rx_ctl (.SCLK(rx_clk_o), .RST(1'b0), .D(rx_ctl), .Q0(rx_dv), .Q1(rx_ctl2));
  for (genvar i = 0; i < 4; i++) begin : g_rd
    DELAYG #(.DEL_MODE("USER_DEFINED"), .DEL_VALUE(RXD_DELAY)) u_rd_delay (.A(rgmii_rd_i[i]), .Z(rd[i]));
    IDDRX1F u_rd (.SCLK(rx_clk_o), .RST(1'b0), .D(rd[i]), .Q0(rxd[i]), .Q1(rxd[i+4]));
  end

  always_ff @(posedge rx_clk_o) begin
    gmii_rxd_o   <= rxd;
    gmii_rx_dv_o <= rx_dv;
    gmii_rx_er_o <= rx_dv ^ rx_ctl2;
  end
endmodule
