// SPDX-License-Identifier: Apache-2.0
// Colorlight i5 V7.0 on its extension board (LFE5U-25F): PHY 0 is the network's port, PHY 1 the host's.

// Pins are in colorlight_i5.lpf. The PHYs are Broadcom B50612D; TXC is not delayed here, as LiteEth runs on this board. They share reset and
// MDIO, at the addresses 0 and 1. The one light is on while the host link is up, and blinks while it is not.
module colorlight_i5 #(
    parameter int unsigned NCTX       = 8,
    parameter int unsigned RING_BYTES = 16384,
    parameter int unsigned SYS_DIV    = 10,     // system clock 750 MHz / SYS_DIV
    parameter              IMEM_INIT  = "",
    parameter              DMEM0_INIT = "",
    parameter              DMEM1_INIT = ""
) (
    input  logic       clk25_i,
    input  logic       rst_ni,
    output logic       phy_rst_no,
    output logic       mdc_o,
    inout  wire        mdio_io,

    output logic       net_txc_o,
    output logic [3:0] net_td_o,
    output logic       net_tx_ctl_o,
    input  logic       net_rxc_i,
    input  logic [3:0] net_rd_i,
    input  logic       net_rx_ctl_i,

    output logic       host_txc_o,
    output logic [3:0] host_td_o,
    output logic       host_tx_ctl_o,
    input  logic       host_rxc_i,
    input  logic [3:0] host_rd_i,
    input  logic       host_rx_ctl_i,

    output logic       uart_txd_o,
    output logic       led_no
);
  logic clk, clk125, rst, mdio, mdio_oe;
  logic [5:0] lights;

  board_clocks #(.CLKI_DIV(1), .CLKFB_DIV(5), .SYS_DIV(SYS_DIV)) u_clocks (
      .osc_i(clk25_i), .rst_ni, .clk_o(clk), .clk125_o(clk125), .rst_o(rst), .phy_rst_no
  );

  /* verilator lint_off PINCONNECTEMPTY */
  board_phy_setup #(.ADDRESSES(2)) u_phy_setup (
      .clk_i(clk), .rst_i(rst), .mdc_o, .mdio_o(mdio), .mdio_oe_o(mdio_oe), .done_o()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  assign mdio_io = mdio_oe ? mdio : 1'bz;

  board_ports #(
      .NCTX(NCTX), .RING_BYTES(RING_BYTES), .CLOCK_HZ(750_000_000 / SYS_DIV), .TXC_DELAY(0), .RXD_DELAY(80),
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
  logic unused;
  assign unused = ^lights[5:2];
  assign led_no = !(lights[0] || lights[1]);
endmodule
