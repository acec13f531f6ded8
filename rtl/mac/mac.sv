// SPDX-License-Identifier: Apache-2.0
// Ethernet MAC, 1 Gb/s full duplex, GMII: transmitter, receiver, and the pause frames between them.

// One clock of 125 MHz for everything; the GMII signals belong to it (a board top crosses clocks
// where its PHY needs that). One byte per cycle on the wire, 64-bit words inside. No FCS and no
// preamble inside; transmitted frames are padded, the padding of received frames stays. The heads
// of mac_tx.sv and mac_rx.sv say what the ports promise, word by word.
//
//   cfg_tx_en_i, cfg_rx_en_i   0: stop at the next frame boundary
//   cfg_pause_en_i             received pause frames hold the transmitter (they are counted and
//                              dropped in any case)
//   cfg_max_frame_i            greatest received frame without FCS, header included, 60 or more; a
//                              VLAN tag may add 4. 9014 lets frames of up to 9,018 bytes (tagged
//                              9,022) with FCS in
//   ev_*_o                     one-cycle pulses, exactly one per frame and direction
//   tx_busy_o, rx_busy_o       the direction has something to do by itself; with both low, nothing
//                              in the MAC changes until a word, a byte or a new setting comes
module mac (
    input  logic        clk_i,
    input  logic        rst_i,

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

    output logic        tx_busy_o,
    output logic        rx_busy_o
);

  logic        pause;
  logic [15:0] pause_quanta;

  mac_tx u_tx (
    .clk_i, .rst_i,
    .cfg_tx_en_i,
    .tx_valid_i, .tx_ready_o, .tx_data_i, .tx_last_i, .tx_last_bytes_i,
    .pause_i        (pause && cfg_pause_en_i),
    .pause_quanta_i (pause_quanta),
    .gmii_txd_o, .gmii_tx_en_o, .gmii_tx_er_o,
    .ev_frame_o     (ev_tx_frame_o),
    .ev_underrun_o  (ev_tx_underrun_o),
    .busy_o         (tx_busy_o)
  );

  mac_rx u_rx (
    .clk_i, .rst_i,
    .cfg_rx_en_i, .cfg_max_frame_i,
    .gmii_rxd_i, .gmii_rx_dv_i, .gmii_rx_er_i,
    .rx_valid_o, .rx_sof_o, .rx_data_o, .rx_last_o, .rx_last_bytes_o, .rx_err_o,
    .pause_o        (pause),
    .pause_quanta_o (pause_quanta),
    .ev_frame_o     (ev_rx_frame_o),
    .ev_bad_fcs_o   (ev_rx_bad_fcs_o),
    .ev_runt_o      (ev_rx_runt_o),
    .ev_giant_o     (ev_rx_giant_o),
    .ev_er_o        (ev_rx_er_o),
    .ev_pause_o     (ev_rx_pause_o),
    .busy_o         (rx_busy_o)
  );

endmodule
