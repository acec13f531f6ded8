// SPDX-License-Identifier: Apache-2.0
// mac_gmii with clocks of its own, mac_async, for its bench: the GMII is looped back through an elastic store of the bench's, and hands out what crosses.
module mac_async_tb (
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
    output logic [7:0]  ev_o,          // tx frame, underrun, rx frame, bad FCS, runt, giant, er, pause: bits 0 to 7
    output logic        sending_o,
    output logic        tx_busy_o,
    output logic        rx_busy_o
);
  mac_gmii #(.CLOCKS(1)) u_mac (
    .clk_i, .rst_i, .tx_clk_i, .rx_clk_i,
    .cfg_tx_en_i, .cfg_rx_en_i, .cfg_pause_en_i, .cfg_max_frame_i,
    .tx_valid_i, .tx_ready_o, .tx_data_i, .tx_last_i, .tx_last_bytes_i,
    .rx_valid_o, .rx_sof_o, .rx_data_o, .rx_last_o, .rx_last_bytes_o, .rx_err_o,
    .gmii_txd_o, .gmii_tx_en_o, .gmii_tx_er_o, .gmii_rxd_i, .gmii_rx_dv_i, .gmii_rx_er_i,
    .ev_tx_frame_o(ev_o[0]), .ev_tx_underrun_o(ev_o[1]), .ev_rx_frame_o(ev_o[2]), .ev_rx_bad_fcs_o(ev_o[3]),
    .ev_rx_runt_o(ev_o[4]), .ev_rx_giant_o(ev_o[5]), .ev_rx_er_o(ev_o[6]), .ev_rx_pause_o(ev_o[7]),
    .sending_o, .tx_busy_o, .rx_busy_o
  );
endmodule
