// SPDX-License-Identifier: Apache-2.0
// The MAC as whoever has a GMII takes it: in the clock of the rest, or with clocks of the GMII's own.

// Ports and their meaning are those of mac.sv and mac_async.sv.
//
//   CLOCKS      1: mac_async, the GMII belongs to tx_clk_i and rx_clk_i; 0: mac, it belongs to clk_i and those two are not used
//   sending_o   a frame is on its way to the wire
//   rx_busy_o   the receiver is at work, or something stands at its input
module mac_gmii #(
    parameter int unsigned CLOCKS = 0
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        tx_clk_i,
    input  logic        rx_clk_i,

    input  logic        cfg_tx_en_i,
    input  logic        cfg_rx_en_i,
    input  logic        cfg_pause_en_i,
    input  logic [13:0] cfg_max_frame_i,

    input  logic        tx_valid_i,
    output logic        tx_ready_o,
    input  logic [63:0] tx_data_i,
    input  logic        tx_last_i,
    input  logic [3:0]  tx_last_bytes_i,

    output logic        rx_valid_o,
    output logic        rx_sof_o,
    output logic [63:0] rx_data_o,
    output logic        rx_last_o,
    output logic [3:0]  rx_last_bytes_o,
    output logic        rx_err_o,

    output logic [7:0]  gmii_txd_o,
    output logic        gmii_tx_en_o,
    output logic        gmii_tx_er_o,
    input  logic [7:0]  gmii_rxd_i,
    input  logic        gmii_rx_dv_i,
    input  logic        gmii_rx_er_i,

    output logic        ev_tx_frame_o,
    output logic        ev_tx_underrun_o,
    output logic        ev_rx_frame_o,
    output logic        ev_rx_bad_fcs_o,
    output logic        ev_rx_runt_o,
    output logic        ev_rx_giant_o,
    output logic        ev_rx_er_o,
    output logic        ev_rx_pause_o,

    output logic        sending_o,
    output logic        tx_busy_o,
    output logic        rx_busy_o
);
  if (CLOCKS != 0) begin : g_clocks
    mac_async u_mac (
      .clk_i, .rst_i, .tx_clk_i, .rx_clk_i, .cfg_tx_en_i, .cfg_rx_en_i, .cfg_pause_en_i, .cfg_max_frame_i, .tx_valid_i, .tx_ready_o, .tx_data_i,
      .tx_last_i, .tx_last_bytes_i, .rx_valid_o, .rx_sof_o, .rx_data_o, .rx_last_o, .rx_last_bytes_o, .rx_err_o, .gmii_txd_o, .gmii_tx_en_o,
      .gmii_tx_er_o, .gmii_rxd_i, .gmii_rx_dv_i, .gmii_rx_er_i, .ev_tx_frame_o, .ev_tx_underrun_o, .ev_rx_frame_o, .ev_rx_bad_fcs_o, .ev_rx_runt_o,
      .ev_rx_giant_o, .ev_rx_er_o, .ev_rx_pause_o, .sending_o, .tx_busy_o, .rx_busy_o
    );
  end else begin : g_clock
    logic busy, unused;
    mac u_mac (
      .clk_i, .rst_i, .cfg_tx_en_i, .cfg_rx_en_i, .cfg_pause_en_i, .cfg_max_frame_i, .tx_valid_i, .tx_ready_o, .tx_data_i, .tx_last_i,
      .tx_last_bytes_i, .rx_valid_o, .rx_sof_o, .rx_data_o, .rx_last_o, .rx_last_bytes_o, .rx_err_o, .gmii_txd_o, .gmii_tx_en_o, .gmii_tx_er_o,
      .gmii_rxd_i, .gmii_rx_dv_i, .gmii_rx_er_i, .ev_tx_frame_o, .ev_tx_underrun_o, .ev_rx_frame_o, .ev_rx_bad_fcs_o, .ev_rx_runt_o, .ev_rx_giant_o,
      .ev_rx_er_o, .ev_rx_pause_o, .tx_busy_o, .rx_busy_o (busy)
    );
    assign sending_o = gmii_tx_en_o;
    assign rx_busy_o = busy || gmii_rx_dv_i;
    assign unused    = tx_clk_i ^ rx_clk_i;
  end
endmodule
