// SPDX-License-Identifier: Apache-2.0
// What the boards have in common: board_nic between two RGMII ports, the network's and the host's, with serial port and lights.

// The serial port runs at 125 MHz; what depends on the frequency of clk_i is told by CLOCK_HZ.
//
//   TXC_DELAY, RXD_DELAY   of rgmii
//   ADDRESS      MAC address of the host's port: locally administered, the board's number in its last octet
//   lights_o     beat, host link up, network receives, network sends, host port receives, host port sends
module board_ports #(
    parameter int unsigned NCTX        = 32,
    parameter int unsigned RING_BYTES  = 16384,
    parameter int unsigned CLOCK_HZ    = 125_000_000,
    parameter int unsigned TXC_DELAY   = 80,
    parameter int unsigned RXD_DELAY   = 80,
    parameter logic [47:0] ADDRESS     = 48'h01_00_00_4c_47_02,  // 02:47:4c:00:00:01, first octet in bits 7:0
    parameter              IMEM_INIT   = "",
    parameter              DMEM0_INIT  = "",
    parameter              DMEM1_INIT  = ""
) (
    input  logic       clk_i,
    input  logic       rst_i,
    input  logic       clk125_i,

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
    output logic [5:0] lights_o
);
  logic net_rx_clk, net_tx_en, net_tx_er, net_rx_dv, net_rx_er;
  logic host_rx_clk, host_tx_en, host_tx_er, host_rx_dv, host_rx_er;
  logic [7:0] net_txd, net_rxd, host_txd, host_rxd, console_data;
  logic console_valid, up;

  rgmii #(.TXC_DELAY(TXC_DELAY), .RXD_DELAY(RXD_DELAY)) u_net (
      .tx_clk_i      (clk125_i),
      .rx_clk_o      (net_rx_clk),
      .gmii_txd_i    (net_txd),
      .gmii_tx_en_i  (net_tx_en),
      .gmii_tx_er_i  (net_tx_er),
      .gmii_rxd_o    (net_rxd),
      .gmii_rx_dv_o  (net_rx_dv),
      .gmii_rx_er_o  (net_rx_er),
      .rgmii_txc_o   (net_txc_o),
      .rgmii_td_o    (net_td_o),
      .rgmii_tx_ctl_o(net_tx_ctl_o),
      .rgmii_rxc_i   (net_rxc_i),
      .rgmii_rd_i    (net_rd_i),
      .rgmii_rx_ctl_i(net_rx_ctl_i)
  );
  rgmii #(.TXC_DELAY(TXC_DELAY), .RXD_DELAY(RXD_DELAY)) u_host (
      .tx_clk_i      (clk125_i),
      .rx_clk_o      (host_rx_clk),
      .gmii_txd_i    (host_txd),
      .gmii_tx_en_i  (host_tx_en),
      .gmii_tx_er_i  (host_tx_er),
      .gmii_rxd_o    (host_rxd),
      .gmii_rx_dv_o  (host_rx_dv),
      .gmii_rx_er_o  (host_rx_er),
      .rgmii_txc_o   (host_txc_o),
      .rgmii_td_o    (host_td_o),
      .rgmii_tx_ctl_o(host_tx_ctl_o),
      .rgmii_rxc_i   (host_rxc_i),
      .rgmii_rd_i    (host_rd_i),
      .rgmii_rx_ctl_i(host_rx_ctl_i)
  );

  // The seed of the link's nonces: how long the PHY took until its clock and frames came differs from start to start.
  logic [31:0] seed_q;
  logic        dv_seen;
  lib_cdc_sync u_dv (.clk_i, .d_i(host_rx_dv), .q_o(dv_seen));
  always_ff @(posedge clk_i) seed_q <= {seed_q[30:0], ~(seed_q[31] ^ seed_q[21] ^ seed_q[1] ^ seed_q[0] ^ dv_seen)};

  /* verilator lint_off PINCONNECTEMPTY */  // for simulators
  board_nic #(
      .NCTX       (NCTX),
      .RING_BYTES (RING_BYTES),
      .CLOCK_HZ   (CLOCK_HZ),
      .GMII_CLOCKS(1),
      .IMEM_INIT  (IMEM_INIT),
      .DMEM0_INIT (DMEM0_INIT),
      .DMEM1_INIT (DMEM1_INIT)
  ) u_board_nic (
      .clk_i,
      .rst_i,
      .gmii_tx_clk_i  (clk125_i),
      .net_rx_clk_i   (net_rx_clk),
      .host_rx_clk_i  (host_rx_clk),
      .mac_i          (ADDRESS),
      .seed_i         (seed_q),
      .net_txd_o      (net_txd),
      .net_tx_en_o    (net_tx_en),
      .net_tx_er_o    (net_tx_er),
      .net_rxd_i      (net_rxd),
      .net_rx_dv_i    (net_rx_dv),
      .net_rx_er_i    (net_rx_er),
      .host_txd_o     (host_txd),
      .host_tx_en_o   (host_tx_en),
      .host_tx_er_o   (host_tx_er),
      .host_rxd_i     (host_rxd),
      .host_rx_dv_i   (host_rx_dv),
      .host_rx_er_i   (host_rx_er),
      .console_valid_o(console_valid),
      .console_data_o (console_data),
      .up_o           (up),
      .rx_enabled_o   (),
      .idle_o         (),
      .wake_cycles_o  (),
      .time_skip_i    (32'h0)
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // 115200 Bd
  logic       console_rst, console_rst125, console_room, octet_valid;
  logic [7:0] octet;
  lib_cdc_reset u_console_reset (
      .near_clk_i(clk_i), .rst_i, .near_rst_o(console_rst), .far_clk_i(clk125_i), .far_rst_o(console_rst125)
  );
  lib_fifo_async #(.WIDTH(8), .DEPTH_LOG2(2)) u_console (
      .wr_clk_i(clk_i), .wr_rst_i(console_rst), .wr_valid_i(console_valid), .wr_ready_o(console_room), .wr_data_i(console_data),
      .rd_clk_i(clk125_i), .rd_rst_i(console_rst125), .rd_valid_o(octet_valid), .rd_ready_i(1'b1), .rd_data_o(octet)
  );
  board_uart #(.DIVIDER(1085)) u_uart (
      .clk_i(clk125_i), .rst_i(console_rst125), .valid_i(octet_valid), .data_i(octet), .txd_o(uart_txd_o)
  );
  logic unused;
  assign unused = console_room;

  board_lights #(.EVENTS(5)) u_lights (
      .clk_i,
      .event_i({host_tx_en, host_rx_dv, net_tx_en, net_rx_dv, up}),
      .beat_o (lights_o[0]),
      .light_o(lights_o[5:1])
  );
endmodule
