// SPDX-License-Identifier: Apache-2.0
// The NIC with few pins, for `make timing`: inputs come from a shift register, outputs are registered and folded into one
// bit, so that place and route sees every path of the NIC between flip-flops and none to a pin. 32 contexts with rings of 32 KiB want
// 114 of the part's 108 block RAMs, so the rings have 16 KiB here.
module guestlane_timing #(
    parameter int unsigned NCTX = 32
) (
    input  logic clk_i,
    input  logic rst_i,
    input  logic serial_i,
    output logic serial_o
);
  localparam int unsigned NIN = 64 + 4 + 2 + 8 + 2;
  localparam int unsigned NOUT = 64 + 4 + 2 + 8 + 2 + 1;

  logic rst_q;
  logic [NIN-1:0] in_q;
  logic [NOUT-1:0] out, out_q;
  logic [8:0] fold_q;

  guestlane #(
      .NCTX      (NCTX),
      .RING_BYTES(16384)
  ) u_guestlane (
      .clk_i,
      .rst_i         (rst_q),
      .tlp_rx_data_i (in_q[63:0]),
      .tlp_rx_valid_i(in_q[64]),
      .tlp_rx_sop_i  (in_q[65]),
      .tlp_rx_eop_i  (in_q[66]),
      .tlp_rx_keep_i (in_q[67]),
      .tlp_tx_ready_i(in_q[68]),
      .tlp_tx_np_ok_i(in_q[69]),
      .gmii_tx_clk_i (1'b0),
      .gmii_rx_clk_i (1'b0),
      .gmii_rxd_i    (in_q[77:70]),
      .gmii_rx_dv_i  (in_q[78]),
      .gmii_rx_er_i  (in_q[79]),
      .time_skip_i   (32'h0),
      .words_i       (1'b0),
      .wrx_valid_i   (1'b0),
      .wrx_sof_i     (1'b0),
      .wrx_data_i    (64'h0),
      .wrx_last_i    (1'b0),
      .wrx_last_bytes_i(4'h0),
      .wrx_bad_fcs_i (1'b0),
      .wrx_er_i      (1'b0),
      .tlp_tx_data_o (out[63:0]),
      .tlp_tx_valid_o(out[64]),
      .tlp_tx_sop_o  (out[65]),
      .tlp_tx_eop_o  (out[66]),
      .tlp_tx_keep_o (out[67]),
      .tlp_rx_ready_o(out[68]),
      .tlp_rx_np_ok_o(out[69]),
      .gmii_txd_o    (out[77:70]),
      .gmii_tx_en_o  (out[78]),
      .gmii_tx_er_o  (out[79]),
      .idle_o        (out[80]),
      /* verilator lint_off PINCONNECTEMPTY */  // the simulator's, no path of a board
      .mac_rx_en_o   (),
      .console_valid_o(),
      .console_data_o(),
      .wtx_valid_o   (),
      .wtx_sof_o     (),
      .wtx_data_o    (),
      .wtx_last_o    (),
      .wtx_last_bytes_o(),
      .wrx_ready_o   (),
      .wake_cycles_o ()
      /* verilator lint_on PINCONNECTEMPTY */
  );

  always_ff @(posedge clk_i) begin
    rst_q <= rst_i;
    in_q  <= {in_q[NIN-2:0], serial_i};
    out_q <= out;
    for (int i = 0; i < 9; i++) fold_q[i] <= ^out_q[i*9+:9];
    serial_o <= ^fold_q;
  end
endmodule
