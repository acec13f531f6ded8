// SPDX-License-Identifier: Apache-2.0
// The MAC with its GMII on clocks of its own: the transmitter runs with tx_clk_i, the receiver with rx_clk_i, 125 MHz both.

// What RGMII needs (the receive clock is the PHY's), and what lets the NIC run with a slower clock: inside, words of 64 bits move at
// an eighth of the wire's rate. Ports and their meaning are those of mac.sv; all but the GMII belong to clk_i. Between
// the domains:
//
//   words      lib_fifo_async, 16 of them each way. Whoever sends must give one word in 64 ns, as for mac.sv. The receiver's side cannot
//              stop: one word leaves in each cycle of clk_i, so 16 MHz are enough
//   events     a FIFO too: each one arrives, once
//   settings   two flip-flops; cfg_max_frame_i is taken when it has stood still
//   pause      the value is held, a toggle says that there is a new one
//   resets     lib_cdc_reset. While a PHY gives no clock its direction stays in reset; the transmitter does not need it
//
//   sending_o  a frame is on its way to the wire (gmii_tx_en_o, as clk_i sees it)
module mac_async (
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
  logic tx_near_rst, tx_rst, rx_near_rst, rx_rst;
  lib_cdc_reset u_tx_reset (
    .near_clk_i(clk_i), .rst_i, .near_rst_o(tx_near_rst), .far_clk_i(tx_clk_i), .far_rst_o(tx_rst)
  );
  lib_cdc_reset u_rx_reset (
    .near_clk_i(clk_i), .rst_i, .near_rst_o(rx_near_rst), .far_clk_i(rx_clk_i), .far_rst_o(rx_rst)
  );

  // --- Settings: from registers of clk_i ---
  logic [1:0]  tx_cfg_q, tx_cfg;
  logic        rx_en_q, rx_en;
  logic [13:0] max_q, max, max_seen_q, max_frame_q;
  always_ff @(posedge clk_i) begin
    tx_cfg_q <= {cfg_pause_en_i, cfg_tx_en_i};
    rx_en_q  <= cfg_rx_en_i;
    max_q    <= cfg_max_frame_i;
  end
  lib_cdc_sync #(.WIDTH(2)) u_tx_cfg (.clk_i(tx_clk_i), .d_i(tx_cfg_q), .q_o(tx_cfg));
  lib_cdc_sync u_rx_cfg (.clk_i(rx_clk_i), .d_i(rx_en_q), .q_o(rx_en));
  lib_cdc_sync #(.WIDTH(14)) u_max (.clk_i(rx_clk_i), .d_i(max_q), .q_o(max));
  always_ff @(posedge rx_clk_i) begin
    max_seen_q <= max;
    if (max == max_seen_q) max_frame_q <= max;
  end

  // --- Transmit ---
  logic        wtx_valid, wtx_ready, wtx_last, tx_frame, tx_underrun, tx_busy, tx_ready;
  logic [63:0] wtx_data;
  logic [3:0]  wtx_bytes;
  logic        pause, pause_now;
  logic [15:0] quanta, quanta_q;
  lib_fifo_async #(.WIDTH(69), .DEPTH_LOG2(4)) u_tx_words (
    .wr_clk_i  (clk_i),
    .wr_rst_i  (tx_near_rst),
    .wr_valid_i(tx_valid_i),
    .wr_ready_o(tx_ready),
    .wr_data_i ({tx_last_i, tx_last_bytes_i, tx_data_i}),
    .rd_clk_i  (tx_clk_i),
    .rd_rst_i  (tx_rst),
    .rd_valid_o(wtx_valid),
    .rd_ready_i(wtx_ready),
    .rd_data_o ({wtx_last, wtx_bytes, wtx_data})
  );
  assign tx_ready_o = tx_ready;

  mac_tx u_tx (
    .clk_i          (tx_clk_i),
    .rst_i          (tx_rst),
    .cfg_tx_en_i    (tx_cfg[0]),
    .tx_valid_i     (wtx_valid),
    .tx_ready_o     (wtx_ready),
    .tx_data_i      (wtx_data),
    .tx_last_i      (wtx_last),
    .tx_last_bytes_i(wtx_bytes),
    .pause_i        (pause && tx_cfg[1]),
    .pause_quanta_i (quanta_q),
    .gmii_txd_o, .gmii_tx_en_o, .gmii_tx_er_o,
    .ev_frame_o     (tx_frame),
    .ev_underrun_o  (tx_underrun),
    .busy_o         (tx_busy)
  );

  // --- Receive ---
  logic        wrx_valid, wrx_sof, wrx_last, wrx_err, rx_frame, rx_bad_fcs, rx_runt, rx_giant, rx_er, rx_pause, rx_busy;
  logic [63:0] wrx_data;
  logic [3:0]  wrx_bytes;
  mac_rx u_rx (
    .clk_i          (rx_clk_i),
    .rst_i          (rx_rst),
    .cfg_rx_en_i    (rx_en),
    .cfg_max_frame_i(max_frame_q),
    .gmii_rxd_i, .gmii_rx_dv_i, .gmii_rx_er_i,
    .rx_valid_o     (wrx_valid),
    .rx_sof_o       (wrx_sof),
    .rx_data_o      (wrx_data),
    .rx_last_o      (wrx_last),
    .rx_last_bytes_o(wrx_bytes),
    .rx_err_o       (wrx_err),
    .pause_o        (pause_now),
    .pause_quanta_o (quanta),
    .ev_frame_o     (rx_frame),
    .ev_bad_fcs_o   (rx_bad_fcs),
    .ev_runt_o      (rx_runt),
    .ev_giant_o     (rx_giant),
    .ev_er_o        (rx_er),
    .ev_pause_o     (rx_pause),
    .busy_o         (rx_busy)
  );

  logic rx_room;
  lib_fifo_async #(.WIDTH(71), .DEPTH_LOG2(4)) u_rx_words (
    .wr_clk_i  (rx_clk_i),
    .wr_rst_i  (rx_rst),
    .wr_valid_i(wrx_valid),
    .wr_ready_o(rx_room),
    .wr_data_i ({wrx_sof, wrx_err, wrx_last, wrx_bytes, wrx_data}),
    .rd_clk_i  (clk_i),
    .rd_rst_i  (rx_near_rst),
    .rd_valid_o(rx_valid_o),
    .rd_ready_i(1'b1),
    .rd_data_o ({rx_sof_o, rx_err_o, rx_last_o, rx_last_bytes_o, rx_data_o})
  );

  // A pause frame takes 84 cycles at least, and the value stands that long.
  logic pause_q, pause_seen, pause_seen_q;
  always_ff @(posedge rx_clk_i) begin
    if (pause_now) quanta_q <= quanta;
    if (pause_now) pause_q <= !pause_q;  // no reset: it would look like a pause
  end
  lib_cdc_sync u_pause (.clk_i(tx_clk_i), .d_i(pause_q), .q_o(pause_seen));
  always_ff @(posedge tx_clk_i) pause_seen_q <= pause_seen;
  assign pause = pause_seen != pause_seen_q;

  // --- Events, and what is going on ---
  logic       tx_ev_valid, rx_ev_valid, tx_ev_room, rx_ev_room;
  logic [1:0] tx_ev;
  logic [5:0] rx_ev;
  lib_fifo_async #(.WIDTH(2), .DEPTH_LOG2(2)) u_tx_events (
    .wr_clk_i(tx_clk_i), .wr_rst_i(tx_rst), .wr_valid_i(tx_frame || tx_underrun), .wr_ready_o(tx_ev_room),
    .wr_data_i({tx_frame, tx_underrun}),
    .rd_clk_i(clk_i), .rd_rst_i(tx_near_rst), .rd_valid_o(tx_ev_valid), .rd_ready_i(1'b1), .rd_data_o(tx_ev)
  );
  logic [5:0] rx_events;
  assign rx_events = {rx_frame, rx_bad_fcs, rx_runt, rx_giant, rx_er, rx_pause};
  lib_fifo_async #(.WIDTH(6), .DEPTH_LOG2(4)) u_rx_events (
    .wr_clk_i(rx_clk_i), .wr_rst_i(rx_rst), .wr_valid_i(rx_events != '0), .wr_ready_o(rx_ev_room), .wr_data_i(rx_events),
    .rd_clk_i(clk_i), .rd_rst_i(rx_near_rst), .rd_valid_o(rx_ev_valid), .rd_ready_i(1'b1), .rd_data_o(rx_ev)
  );
  assign {ev_tx_frame_o, ev_tx_underrun_o} = tx_ev & {2{tx_ev_valid}};
  assign {ev_rx_frame_o, ev_rx_bad_fcs_o, ev_rx_runt_o, ev_rx_giant_o, ev_rx_er_o, ev_rx_pause_o} = rx_ev & {6{rx_ev_valid}};

  logic [1:0] tx_state_q;
  logic       rx_state_q, tx_busy_seen, rx_busy_seen;
  always_ff @(posedge tx_clk_i) tx_state_q <= {gmii_tx_en_o, tx_busy || wtx_valid};
  always_ff @(posedge rx_clk_i) rx_state_q <= rx_busy || wrx_valid;
  lib_cdc_sync #(.WIDTH(2)) u_tx_state (.clk_i, .d_i(tx_state_q), .q_o({sending_o, tx_busy_seen}));
  lib_cdc_sync u_rx_state (.clk_i, .d_i(rx_state_q), .q_o(rx_busy_seen));
  assign tx_busy_o = tx_busy_seen || tx_near_rst || tx_ev_valid;
  assign rx_busy_o = rx_busy_seen || rx_valid_o || rx_ev_valid;

`ifndef SYNTHESIS
  logic near_waits;  // the far side leaves its reset first
  assign near_waits = tx_near_rst || rx_near_rst;
  always_ff @(posedge rx_clk_i) if (!rx_rst) assert (rx_room || !wrx_valid || near_waits);
  always_ff @(posedge rx_clk_i) if (!rx_rst) assert (rx_ev_room || rx_events == '0 || near_waits);
  always_ff @(posedge tx_clk_i) if (!tx_rst) assert (tx_ev_room || !(tx_frame || tx_underrun) || near_waits);
`else
  logic unused;
  assign unused = rx_room ^ rx_ev_room ^ tx_ev_room;
`endif
endmodule
