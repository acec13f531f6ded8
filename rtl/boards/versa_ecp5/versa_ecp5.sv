// SPDX-License-Identifier: Apache-2.0
// Lattice ECP5-5G Versa Development Board (LFE5UM5G-45F-VERSA): PHY 1 is the network's port, PHY 2 the host's.

// Pins are in versa_ecp5.lpf. The PHYs are Marvell 88E1512, which delay both clocks by themselves after a hardware reset (register 21 of
// page 2); the device's delays beside that are those with which LiteEth runs on this board. Each PHY has an MDIO of its own.
//
//   led_no       0 the clock runs, 1 host link up, 2 and 3 network receives and sends, 4 and 5 the same of the host's port,
//                6 and 7 the network's and the host's PHY are set up
module versa_ecp5 #(
    parameter int unsigned NCTX       = 32,
    parameter int unsigned RING_BYTES = 16384,
    parameter int unsigned SYS_DIV    = 7,      // system clock 750 MHz / SYS_DIV
    parameter              IMEM_INIT  = "",
    parameter              DMEM0_INIT = "",
    parameter              DMEM1_INIT = ""
) (
    input  logic       clk100_i,
    input  logic       rst_ni,

    output logic       net_rst_no,
    output logic       net_mdc_o,
    inout  wire        net_mdio_io,
    output logic       net_txc_o,
    output logic [3:0] net_td_o,
    output logic       net_tx_ctl_o,
    input  logic       net_rxc_i,
    input  logic [3:0] net_rd_i,
    input  logic       net_rx_ctl_i,

    output logic       host_rst_no,
    output logic       host_mdc_o,
    inout  wire        host_mdio_io,
    output logic       host_txc_o,
    output logic [3:0] host_td_o,
    output logic       host_tx_ctl_o,
    input  logic       host_rxc_i,
    input  logic [3:0] host_rd_i,
    input  logic       host_rx_ctl_i,

    output logic       uart_txd_o,
    output logic [7:0] led_no
);
  logic clk, clk125, rst, phy_rst_n, mdc, mdio, mdio_oe, set_up;
  logic [5:0] lights;

  board_clocks #(.CLKI_DIV(4), .CLKFB_DIV(5), .SYS_DIV(SYS_DIV)) u_clocks (
      .osc_i(clk100_i), .rst_ni, .clk_o(clk), .clk125_o(clk125), .rst_o(rst), .phy_rst_no(phy_rst_n)
  );

  // Both PHYs are told the same; their addresses are 0 or 1 by their straps.
  board_phy_setup #(.ADDRESSES(2)) u_phy_setup (
      .clk_i(clk), .rst_i(rst), .mdc_o(mdc), .mdio_o(mdio), .mdio_oe_o(mdio_oe), .done_o(set_up)
  );
  assign net_mdc_o    = mdc;
  assign host_mdc_o   = mdc;
  assign net_mdio_io  = mdio_oe ? mdio : 1'bz;
  assign host_mdio_io = mdio_oe ? mdio : 1'bz;
  assign net_rst_no   = phy_rst_n;
  assign host_rst_no  = phy_rst_n;

  board_ports #(
      .NCTX(NCTX), .RING_BYTES(RING_BYTES), .CLOCK_HZ(750_000_000 / SYS_DIV), .TXC_DELAY(80), .RXD_DELAY(80),
      .IMEM_INIT(IMEM_INIT), .DMEM0_INIT(DMEM0_INIT), .DMEM1_INIT(DMEM1_INIT)
  ) u_ports (
      .clk_i   (clk),
      .rst_i   (rst),
      .clk125_i(clk125),
      .net_txc_o, .net_td_o, .net_tx_ctl_o, .net_rxc_i, .net_rd_i, .net_rx_ctl_i,
      .host_txc_o, .host_td_o, .host_tx_ctl_o, .host_rxc_i, .host_rd_i, .host_rx_ctl_i,
      .uart_txd_o,
      .lights_o(lights)
  );
  assign led_no = ~{set_up, set_up, lights};
endmodule
