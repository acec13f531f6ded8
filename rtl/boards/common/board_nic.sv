// SPDX-License-Identifier: Apache-2.0
// What every board without a PCIe slot has inside: the NIC, the MAC of the host's port, and the link between them.

// The board's top makes GMII of its PHYs' RGMII. The NIC is in reset while the link is down.
//
//   mac_i, seed_i   of hostlink: the address of the host's port, and a number for nonces
//   net_*           GMII of the network; host_*: of the host link
//   up_o            the link is up
//   idle_o, wake_cycles_o, time_skip_i    for simulators, as of guestlane
module board_nic #(
    parameter int unsigned NCTX       = 32,
    parameter int unsigned RING_BYTES = 32768,
    parameter int unsigned CLOCK_HZ   = 125_000_000,
    parameter int unsigned GMII_CLOCKS = 0,  // 1: each GMII has clocks of its own (mac_async); 0: they belong to clk_i
    parameter              IMEM_INIT  = "",
    parameter              DMEM0_INIT = "",
    parameter              DMEM1_INIT = ""
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        gmii_tx_clk_i,  // with GMII_CLOCKS = 1: transmit clock of both, receive clock of each
    input  logic        net_rx_clk_i,
    input  logic        host_rx_clk_i,
    input  logic [47:0] mac_i,
    input  logic [31:0] seed_i,
    output logic [7:0]  net_txd_o,
    output logic        net_tx_en_o,
    output logic        net_tx_er_o,
    input  logic [7:0]  net_rxd_i,
    input  logic        net_rx_dv_i,
    input  logic        net_rx_er_i,
    output logic [7:0]  host_txd_o,
    output logic        host_tx_en_o,
    output logic        host_tx_er_o,
    input  logic [7:0]  host_rxd_i,
    input  logic        host_rx_dv_i,
    input  logic        host_rx_er_i,
    output logic        console_valid_o,
    output logic [7:0]  console_data_o,
    output logic        up_o,
    output logic        rx_enabled_o,
    output logic        idle_o,
    output logic [31:0] wake_cycles_o,
    input  logic [31:0] time_skip_i
);
  // The longest frame of the link, without FCS: header and 128 words.
  localparam logic [13:0] MaxFrame = 14'd1056;

  logic        nic_rst_q, nic_idle, link_idle, mac_tx_busy, mac_rx_busy;
  logic        d_valid, d_ready, d_sop, d_eop, d_keep;   // TLPs down, to the NIC
  logic        u_valid, u_ready, u_eop, u_keep;          // TLPs up
  logic [63:0] d_data, u_data;
  logic        rx_valid, rx_sof, rx_last, rx_err, tx_valid, tx_ready, tx_last;
  logic [63:0] rx_data, tx_data;
  logic [3:0]  rx_last_bytes, tx_last_bytes;

  always_ff @(posedge clk_i) nic_rst_q <= rst_i || !up_o;

  /* verilator lint_off PINCONNECTEMPTY */  // the wire of words is not used; the host paces itself (docs/hostlink.md)
  guestlane #(
    .NCTX(NCTX), .RING_BYTES(RING_BYTES), .CLOCK_HZ(CLOCK_HZ), .GMII_CLOCKS(GMII_CLOCKS), .IMEM_INIT(IMEM_INIT), .DMEM0_INIT(DMEM0_INIT), .DMEM1_INIT(DMEM1_INIT)
  ) u_nic (
    .clk_i,
    .rst_i            (nic_rst_q),
    .tlp_rx_valid_i   (d_valid),
    .tlp_rx_ready_o   (d_ready),
    .tlp_rx_data_i    (d_data),
    .tlp_rx_sop_i     (d_sop),
    .tlp_rx_eop_i     (d_eop),
    .tlp_rx_keep_i    (d_keep),
    .tlp_rx_np_ok_o   (),
    .tlp_tx_valid_o   (u_valid),
    .tlp_tx_ready_i   (u_ready),
    .tlp_tx_data_o    (u_data),
    .tlp_tx_sop_o     (),
    .tlp_tx_eop_o     (u_eop),
    .tlp_tx_keep_o    (u_keep),
    .tlp_tx_np_ok_i   (1'b1),
    .gmii_tx_clk_i,
    .gmii_rx_clk_i    (net_rx_clk_i),
    .gmii_txd_o       (net_txd_o),
    .gmii_tx_en_o     (net_tx_en_o),
    .gmii_tx_er_o     (net_tx_er_o),
    .gmii_rxd_i       (net_rxd_i),
    .gmii_rx_dv_i     (net_rx_dv_i),
    .gmii_rx_er_i     (net_rx_er_i),
    .mac_rx_en_o      (rx_enabled_o),
    .console_valid_o,
    .console_data_o,
    .words_i          (1'b0),
    .wtx_valid_o      (),
    .wtx_sof_o        (),
    .wtx_data_o       (),
    .wtx_last_o       (),
    .wtx_last_bytes_o (),
    .wrx_valid_i      (1'b0),
    .wrx_ready_o      (),
    .wrx_sof_i        (1'b0),
    .wrx_data_i       ('0),
    .wrx_last_i       (1'b0),
    .wrx_last_bytes_i ('0),
    .wrx_bad_fcs_i    (1'b0),
    .wrx_er_i         (1'b0),
    .idle_o           (nic_idle),
    .wake_cycles_o,
    .time_skip_i
  );

  mac_gmii #(.CLOCKS(GMII_CLOCKS)) u_mac (
    .clk_i, .rst_i,
    .tx_clk_i         (gmii_tx_clk_i),
    .rx_clk_i         (host_rx_clk_i),
    .cfg_tx_en_i      (1'b1),
    .cfg_rx_en_i      (1'b1),
    .cfg_pause_en_i   (1'b1),
    .cfg_max_frame_i  (MaxFrame),
    .tx_valid_i       (tx_valid),
    .tx_ready_o       (tx_ready),
    .tx_data_i        (tx_data),
    .tx_last_i        (tx_last),
    .tx_last_bytes_i  (tx_last_bytes),
    .rx_valid_o       (rx_valid),
    .rx_sof_o         (rx_sof),
    .rx_data_o        (rx_data),
    .rx_last_o        (rx_last),
    .rx_last_bytes_o  (rx_last_bytes),
    .rx_err_o         (rx_err),
    .gmii_txd_o       (host_txd_o),
    .gmii_tx_en_o     (host_tx_en_o),
    .gmii_tx_er_o     (host_tx_er_o),
    .gmii_rxd_i       (host_rxd_i),
    .gmii_rx_dv_i     (host_rx_dv_i),
    .gmii_rx_er_i     (host_rx_er_i),
    .ev_tx_frame_o    (),
    .ev_tx_underrun_o (),
    .ev_rx_frame_o    (),
    .ev_rx_bad_fcs_o  (),
    .ev_rx_runt_o     (),
    .ev_rx_giant_o    (),
    .ev_rx_er_o       (),
    .ev_rx_pause_o    (),
    .sending_o        (),
    .tx_busy_o        (mac_tx_busy),
    .rx_busy_o        (mac_rx_busy)
  );
  /* verilator lint_on PINCONNECTEMPTY */

  hostlink u_link (
    .clk_i, .rst_i, .mac_i, .seed_i,
    .rx_valid_i      (rx_valid),
    .rx_sof_i        (rx_sof),
    .rx_data_i       (rx_data),
    .rx_last_i       (rx_last),
    .rx_last_bytes_i (rx_last_bytes),
    .rx_err_i        (rx_err),
    .tx_valid_o      (tx_valid),
    .tx_ready_i      (tx_ready),
    .tx_data_o       (tx_data),
    .tx_last_o       (tx_last),
    .tx_last_bytes_o (tx_last_bytes),
    .tlp_rx_valid_o  (d_valid),
    .tlp_rx_ready_i  (d_ready),
    .tlp_rx_data_o   (d_data),
    .tlp_rx_sop_o    (d_sop),
    .tlp_rx_eop_o    (d_eop),
    .tlp_rx_keep_o   (d_keep),
    .tlp_tx_valid_i  (u_valid),
    .tlp_tx_ready_o  (u_ready),
    .tlp_tx_data_i   (u_data),
    .tlp_tx_eop_i    (u_eop),
    .tlp_tx_keep_i   (u_keep),
    .up_o,
    .idle_o          (link_idle),
    .time_skip_i
  );

  always_ff @(posedge clk_i)
    idle_o <= link_idle && (nic_idle || nic_rst_q) && !mac_tx_busy && !mac_rx_busy && !d_valid && !u_valid;
endmodule
