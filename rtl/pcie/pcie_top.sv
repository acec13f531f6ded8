// SPDX-License-Identifier: Apache-2.0
// PCI Express transaction layer of an endpoint: TLP stream on one side, target bus, requester and MSI-X on the other.

// The signals and their rules are in docs/interfaces.md, "PCIe transaction layer". How a TLP travels:
//
//   tlp_rx -> pcie_rx -> request store -> pcie_target -> posted writes: target bus
//                    |                        +-> queue -> pcie_completer (reads, configuration) -> completions -> pcie_tx
//                    +-> completion store -> pcie_req (pcie_req_cpl) -> rdat
//   req, wdat, msix (pcie_msix) -> pcie_req (pcie_req_rd, pcie_req_wr -> posted store) -> pcie_tx -> tlp_tx
//
//   NCTX         contexts, 1 to 256: BAR2 has 4 KiB for each, rounded up to a power of two, and there are NCTX + 1 vectors
//   nic_rst_i    the NIC side (targets and requester) is in reset, but not this layer: requests not sent are forgotten,
//                outstanding reads are quarantined, target accesses wait (one read under way gives all ones). Function
//                level reset does the same to the requester.
module pcie_top #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        nic_rst_i,
    // TLP streams
    input  logic        tlp_rx_valid_i,
    output logic        tlp_rx_ready_o,
    input  logic [63:0] tlp_rx_data_i,
    input  logic        tlp_rx_sop_i,
    input  logic        tlp_rx_eop_i,
    input  logic        tlp_rx_keep_i,
    output logic        tlp_rx_np_ok_o,
    output logic        tlp_tx_valid_o,
    input  logic        tlp_tx_ready_i,
    output logic [63:0] tlp_tx_data_o,
    output logic        tlp_tx_sop_o,
    output logic        tlp_tx_eop_o,
    output logic        tlp_tx_keep_o,
    input  logic        tlp_tx_np_ok_i,
    // Target bus
    output logic        tgt_valid_o,
    input  logic        tgt_ready_i,
    output logic        tgt_we_o,
    output logic [1:0]  tgt_bar_o,
    output logic [23:0] tgt_addr_o,
    output logic [3:0]  tgt_be_o,
    output logic [31:0] tgt_wdata_o,
    input  logic        tgt_rvalid_i,
    input  logic [31:0] tgt_rdata_i,
    // Requester
    input  logic        req_valid_i,
    output logic        req_ready_o,
    input  logic        req_write_i,
    input  logic [63:0] req_addr_i,
    input  logic [12:0] req_len_i,
    input  logic [4:0]  req_id_i,
    output logic [5:0]  req_flight_o,
    input  logic        wdat_valid_i,
    output logic        wdat_ready_o,
    input  logic [63:0] wdat_data_i,
    output logic        wr_sent_o,
    output logic        rdat_valid_o,
    input  logic        rdat_ready_i,
    output logic [4:0]  rdat_id_o,
    output logic [12:0] rdat_off_o,
    output logic [63:0] rdat_data_o,
    output logic [7:0]  rdat_be_o,
    output logic        rdat_last_o,
    output logic [2:0]  rdat_status_o,
    input  logic [23:0] cpl_timeout_i,
    // MSI-X
    input  logic        msix_valid_i,
    output logic        msix_ready_o,
    input  logic [8:0]  msix_vector_i,
    input  logic        msix_clr_valid_i,
    input  logic [8:0]  msix_clr_vector_i,
    output logic        msix_clr_done_o,
    // Configuration, events
    output logic        cfg_bus_master_o,
    output logic        cfg_flr_o,
    output logic        ev_ur_o,
    output logic        ev_malformed_o,
    output logic        ev_poisoned_o,
    output logic        ev_bad_cpl_o,
    output logic        ev_msix_sent_o,
    output logic        ev_msix_masked_o,
    output logic        idle_o
);
  localparam int unsigned VECTORS   = NCTX + 1;
  localparam int unsigned BAR2_LOG2 = 12 + $clog2(NCTX);
  localparam int unsigned BAR4_LOG2 = ($clog2(VECTORS) + 5 > 12) ? $clog2(VECTORS) + 5 : 12;
  localparam int unsigned NP_LOG2   = 4;   // depth of the queue of non-posted requests
  localparam int unsigned SW        = pcie_pkg::SEQ_W;

  logic flush;
  assign flush = nic_rst_i || cfg_flr_o;

  // --- Configuration ---
  logic                mem_en, mps256, no_timeout, msix_en, msix_fmask;
  logic [31:16]        bar0;
  logic [63:BAR2_LOG2] bar2;
  logic [31:BAR4_LOG2] bar4;
  logic [11:0]         mrrs_mask;
  logic [12:0]         bdf, bdf_new;
  logic                bdf_we;
  logic                cfg_valid, cfg_we;
  logic [9:0]          cfg_reg;
  logic [3:0]          cfg_be;
  logic [31:0]         cfg_wdata, cfg_rdata;
  logic                ur_p, ur_np, rx_poisoned, cpl_poisoned, cpl_timeout, got_ur, got_ca;

  pcie_cfg #(.NCTX(NCTX), .BAR2_LOG2(BAR2_LOG2), .BAR4_LOG2(BAR4_LOG2)) u_cfg (
    .clk_i, .rst_i,
    .cfg_valid_i        (cfg_valid),
    .cfg_we_i           (cfg_we),
    .cfg_reg_i          (cfg_reg),
    .cfg_be_i           (cfg_be),
    .cfg_wdata_i        (cfg_wdata),
    .cfg_rdata_o        (cfg_rdata),
    .bdf_we_i           (bdf_we),
    .bdf_i              (bdf_new),
    .bdf_o              (bdf),
    .ur_np_set_i        (ur_np),
    .ur_p_set_i         (ur_p),
    .malformed_set_i    (ev_malformed_o),
    .poisoned_set_i     (rx_poisoned),
    .poisoned_cpl_set_i (cpl_poisoned),
    .bad_cpl_set_i      (ev_bad_cpl_o),
    .timeout_set_i      (cpl_timeout),
    .got_ur_set_i       (got_ur),
    .got_ca_set_i       (got_ca),
    .pending_i          (req_flight_o != '0),
    .bus_master_o       (cfg_bus_master_o),
    .mem_en_o           (mem_en),
    .bar0_o             (bar0),
    .bar2_o             (bar2),
    .bar4_o             (bar4),
    .mps256_o           (mps256),
    .mrrs_mask_o        (mrrs_mask),
    .no_timeout_o       (no_timeout),
    .msix_en_o          (msix_en),
    .msix_fmask_o       (msix_fmask),
    .flr_o              (cfg_flr_o)
  );

  // --- Receive ---
  logic        rq_wr, rq_start, rq_commit, rq_room, rq_valid, rq_ready;
  logic [67:0] rq_wdata, rq_rdata;
  logic        cq_wr, cq_start, cq_commit, cq_room, cq_valid, cq_ready;
  logic [65:0] cq_wdata, cq_rdata;
  logic        np_seen, rx_idle, rq_empty, cq_empty;

  pcie_rx u_rx (
    .clk_i, .rst_i,
    .tlp_rx_valid_i, .tlp_rx_ready_o, .tlp_rx_data_i, .tlp_rx_sop_i, .tlp_rx_eop_i, .tlp_rx_keep_i,
    .mps256_i      (mps256),
    .rq_wr_o       (rq_wr),
    .rq_start_o    (rq_start),
    .rq_commit_o   (rq_commit),
    .rq_data_o     (rq_wdata),
    .rq_room_i     (rq_room),
    .cq_wr_o       (cq_wr),
    .cq_start_o    (cq_start),
    .cq_commit_o   (cq_commit),
    .cq_data_o     (cq_wdata),
    .cq_room_i     (cq_room),
    .np_seen_o     (np_seen),
    .ev_malformed_o,
    .ev_poisoned_o (rx_poisoned),
    .idle_o        (rx_idle)
  );

  pcie_store #(.WIDTH(68), .DEPTH_LOG2(9)) u_rq (
    .clk_i, .rst_i,
    .wr_i       (rq_wr),
    .start_i    (rq_start),
    .commit_i   (rq_commit),
    .wr_data_i  (rq_wdata),
    .room_o     (rq_room),
    .empty_o    (rq_empty),
    .rd_valid_o (rq_valid),
    .rd_ready_i (rq_ready),
    .rd_data_o  (rq_rdata)
  );

  pcie_store #(.WIDTH(66), .DEPTH_LOG2(9)) u_cq (
    .clk_i, .rst_i,
    .wr_i       (cq_wr),
    .start_i    (cq_start),
    .commit_i   (cq_commit),
    .wr_data_i  (cq_wdata),
    .room_o     (cq_room),
    .empty_o    (cq_empty),
    .rd_valid_o (cq_valid),
    .rd_ready_i (cq_ready),
    .rd_data_o  (cq_rdata)
  );

  // --- Requests from the host ---
  logic          np_wr_valid, np_wr_ready, np_valid, np_ready;
  pcie_pkg::np_t np_wr, np;
  logic          stuck, np_done, wr_active, target_idle, completer_idle;
  logic          w_valid, w_ready, r_valid, r_ready, r_rvalid;
  logic [1:0]    w_bar, r_bar;
  logic [23:0]   w_addr, r_addr;
  logic [3:0]    w_be, r_be;
  logic [31:0]   w_data, r_rdata;

  pcie_target #(.BAR2_LOG2(BAR2_LOG2), .BAR4_LOG2(BAR4_LOG2)) u_target (
    .clk_i, .rst_i,
    .mem_en_i    (mem_en),
    .bar0_i      (bar0),
    .bar2_i      (bar2),
    .bar4_i      (bar4),
    .rq_valid_i  (rq_valid),
    .rq_ready_o  (rq_ready),
    .rq_data_i   (rq_rdata),
    .np_valid_o  (np_wr_valid),
    .np_ready_i  (np_wr_ready),
    .np_o        (np_wr),
    .cpl_stuck_i (stuck),
    .np_none_i   (completer_idle),
    .wr_active_o (wr_active),
    .w_valid_o   (w_valid),
    .w_ready_i   (w_ready),
    .w_bar_o     (w_bar),
    .w_addr_o    (w_addr),
    .w_be_o      (w_be),
    .w_data_o    (w_data),
    .hold_i      (flush),
    .ev_ur_o     (ur_p),
    .idle_o      (target_idle)
  );

  localparam int unsigned NPBits = 108;    // of pcie_pkg::np_t
  logic [NPBits-1:0]      np_raw;
  logic [NP_LOG2:0]       np_level;
  assign np = np_raw;

  lib_fifo #(.WIDTH(NPBits), .DEPTH_LOG2(NP_LOG2)) u_np (
    .clk_i, .rst_i,
    .wr_valid_i (np_wr_valid),
    .wr_ready_o (np_wr_ready),
    .wr_data_i  (np_wr),
    .rd_valid_o (np_valid),
    .rd_ready_i (np_ready),
    .rd_data_o  (np_raw),
    .level_o    (np_level)
  );

  // Non-posted requests inside, from the request store to the last completion. Half the queue is for those that were on
  // their way when np_ok fell.
  logic [7:0] np_inside_q;
  logic       np_ok_q;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      np_inside_q <= '0;
      np_ok_q     <= 1'b0;
    end else begin
      np_inside_q <= np_inside_q + {7'd0, np_seen} - {7'd0, np_done};
      np_ok_q     <= np_inside_q < 8'd8;
    end
  end
  assign tlp_rx_np_ok_o = np_ok_q;

  logic          cf_wvalid, cf_wready, cf_valid, cf_ready, cps_wvalid, cps_valid, cps_ready;
  logic [65:0]   cf_wdata, cf_data;
  logic [SW-1:0] cps_wseq, cps_seq, seq;

  pcie_completer u_completer (
    .clk_i, .rst_i,
    .np_valid_i  (np_valid),
    .np_ready_o  (np_ready),
    .np_i        (np),
    .bdf_i       (bdf),
    .bdf_we_o    (bdf_we),
    .bdf_o       (bdf_new),
    .wr_active_i (wr_active),
    .hold_i      (flush),
    .r_valid_o   (r_valid),
    .r_ready_i   (r_ready),
    .r_bar_o     (r_bar),
    .r_addr_o    (r_addr),
    .r_be_o      (r_be),
    .r_rvalid_i  (r_rvalid),
    .r_rdata_i   (r_rdata),
    .cfg_valid_o (cfg_valid),
    .cfg_we_o    (cfg_we),
    .cfg_reg_o   (cfg_reg),
    .cfg_be_o    (cfg_be),
    .cfg_wdata_o (cfg_wdata),
    .cfg_rdata_i (cfg_rdata),
    .cf_valid_o  (cf_wvalid),
    .cf_ready_i  (cf_wready),
    .cf_data_o   (cf_wdata),
    .cps_valid_o (cps_wvalid),
    .cps_seq_o   (cps_wseq),
    .cps_seq_i   (seq),
    .stuck_o     (stuck),
    .done_o      (np_done),
    .ev_ur_o     (ur_np),
    .idle_o      (completer_idle)
  );

  // 32 beats hold at least one completion of 128 bytes; 16 entries are one for each of the shortest.
  logic cps_wready;
  /* verilator lint_off UNUSEDSIGNAL */ // fill levels are of no interest
  logic [5:0] cf_level;
  logic [4:0] cps_level;
  /* verilator lint_on UNUSEDSIGNAL */
  lib_fifo #(.WIDTH(66), .DEPTH_LOG2(5)) u_cf (
    .clk_i, .rst_i,
    .wr_valid_i (cf_wvalid),
    .wr_ready_o (cf_wready),
    .wr_data_i  (cf_wdata),
    .rd_valid_o (cf_valid),
    .rd_ready_i (cf_ready),
    .rd_data_o  (cf_data),
    .level_o    (cf_level)
  );
  lib_fifo #(.WIDTH(SW), .DEPTH_LOG2(4)) u_cps (
    .clk_i, .rst_i,
    .wr_valid_i (cps_wvalid),
    .wr_ready_o (cps_wready),
    .wr_data_i  (cps_wseq),
    .rd_valid_o (cps_valid),
    .rd_ready_i (cps_ready),
    .rd_data_o  (cps_seq),
    .level_o    (cps_level)
  );

  // --- Target bus: to the NIC, or to the MSI-X table. Writes and reads never meet. ---
  logic        t_we, t_msix, x_ready, x_rvalid;
  logic [1:0]  t_bar;
  logic [31:0] x_rdata;
  assign t_we        = w_valid;
  assign t_bar       = t_we ? w_bar : r_bar;
  assign t_msix      = t_bar == pcie_pkg::TGT_BAR4;
  assign tgt_valid_o = (w_valid || r_valid) && !t_msix;
  assign tgt_we_o    = t_we;
  assign tgt_bar_o   = t_bar;
  assign tgt_addr_o  = t_we ? w_addr : r_addr;
  assign tgt_be_o    = t_we ? w_be : r_be;
  assign tgt_wdata_o = w_data;
  assign w_ready     = t_msix ? x_ready : tgt_ready_i;
  assign r_ready     = (t_msix ? x_ready : tgt_ready_i) && !t_we;
  assign r_rvalid    = tgt_rvalid_i || x_rvalid;
  assign r_rdata     = x_rvalid ? x_rdata : tgt_rdata_i;

  // --- MSI-X ---
  logic        m_valid, m_ready, m_done, msix_idle;
  logic [63:0] m_addr;
  logic [31:0] m_data;

  pcie_msix #(.VECTORS(VECTORS), .BAR4_LOG2(BAR4_LOG2)) u_msix (
    .clk_i, .rst_i,
    .flr_i        (cfg_flr_o),
    .enable_i     (msix_en && !msix_fmask && cfg_bus_master_o),
    .tgt_valid_i  ((w_valid || r_valid) && t_msix),
    .tgt_ready_o  (x_ready),
    .tgt_we_i     (t_we),
    .tgt_addr_i   (tgt_addr_o[BAR4_LOG2-1:2]),
    .tgt_be_i     (tgt_be_o),
    .tgt_wdata_i  (w_data),
    .tgt_rvalid_o (x_rvalid),
    .tgt_rdata_o  (x_rdata),
    .msix_valid_i, .msix_ready_o, .msix_vector_i,
    .clr_valid_i  (msix_clr_valid_i),
    .clr_vector_i (msix_clr_vector_i),
    .clr_done_o   (msix_clr_done_o),
    .m_valid_o    (m_valid),
    .m_ready_i    (m_ready),
    .m_addr_o     (m_addr),
    .m_data_o     (m_data),
    .m_done_i     (m_done),
    .ev_sent_o    (ev_msix_sent_o),
    .ev_masked_o  (ev_msix_masked_o),
    .idle_o       (msix_idle)
  );

  // --- Requester ---
  logic          ps_wr, ps_start, ps_commit, ps_room, ps_valid, ps_ready, ps_empty;
  logic [68:0]   ps_wdata, ps_rdata;
  logic          nq_valid, nq_ready, nq_sel;
  logic [65:0]   nq_data;
  logic [SW-1:0] wr_done;
  logic          wr_sent, req_idle, tx_idle;

  pcie_req u_req (
    .clk_i, .rst_i,
    .bus_master_i  (cfg_bus_master_o),
    .mps256_i      (mps256),
    .mrrs_mask_i   (mrrs_mask),
    .reqid_i       ({bdf, 3'd0}),
    .cpl_timeout_i,
    .no_timeout_i  (no_timeout),
    .flush_i       (flush),
    .req_valid_i, .req_ready_o, .req_write_i, .req_addr_i, .req_len_i, .req_id_i,
    .wdat_valid_i, .wdat_ready_o, .wdat_data_i,
    .rdat_valid_o, .rdat_ready_i, .rdat_id_o, .rdat_off_o, .rdat_data_o, .rdat_be_o, .rdat_last_o, .rdat_status_o,
    .m_valid_i     (m_valid),
    .m_ready_o     (m_ready),
    .m_addr_i      (m_addr),
    .m_data_i      (m_data),
    .m_done_o      (m_done),
    .cq_valid_i    (cq_valid),
    .cq_ready_o    (cq_ready),
    .cq_data_i     (cq_rdata),
    .seq_o         (seq),
    .wr_done_i     (wr_done),
    .ps_wr_o       (ps_wr),
    .ps_start_o    (ps_start),
    .ps_commit_o   (ps_commit),
    .ps_data_o     (ps_wdata),
    .ps_room_i     (ps_room),
    .np_valid_o    (nq_valid),
    .np_ready_i    (nq_ready),
    .np_data_o     (nq_data),
    .np_sel_i      (nq_sel),
    .flight_o      (req_flight_o),
    .ev_bad_o      (ev_bad_cpl_o),
    .ev_poisoned_o (cpl_poisoned),
    .ev_timeout_o  (cpl_timeout),
    .ev_ur_o       (got_ur),
    .ev_ca_o       (got_ca),
    .idle_o        (req_idle)
  );

  pcie_store #(.WIDTH(69), .DEPTH_LOG2(7)) u_ps (
    .clk_i, .rst_i,
    .wr_i       (ps_wr),
    .start_i    (ps_start),
    .commit_i   (ps_commit),
    .wr_data_i  (ps_wdata),
    .room_o     (ps_room),
    .empty_o    (ps_empty),
    .rd_valid_o (ps_valid),
    .rd_ready_i (ps_ready),
    .rd_data_o  (ps_rdata)
  );

  pcie_tx u_tx (
    .clk_i, .rst_i,
    .bus_master_i (cfg_bus_master_o),
    .cf_valid_i   (cf_valid),
    .cf_ready_o   (cf_ready),
    .cf_data_i    (cf_data),
    .cps_valid_i  (cps_valid),
    .cps_ready_o  (cps_ready),
    .cps_seq_i    (cps_seq),
    .np_valid_i   (nq_valid),
    .np_ready_o   (nq_ready),
    .np_data_i    (nq_data),
    .np_sel_o     (nq_sel),
    .ps_valid_i   (ps_valid),
    .ps_ready_o   (ps_ready),
    .ps_data_i    (ps_rdata),
    .wr_done_o    (wr_done),
    .wr_sent_o    (wr_sent),
    .tlp_tx_valid_o, .tlp_tx_ready_i, .tlp_tx_data_o, .tlp_tx_sop_o, .tlp_tx_eop_o, .tlp_tx_keep_o, .tlp_tx_np_ok_i,
    .idle_o       (tx_idle)
  );

  // --- wr_sent_o: not for requests accepted before a flush, whose remains end later ---
  logic [7:0] wr_out_q, wr_stale_q;    // own write requests not sent; those of them from before the flush
  logic       wr_take;
  assign wr_take   = req_valid_i && req_ready_o && req_write_i;
  assign wr_sent_o = wr_sent && wr_stale_q == '0 && !flush;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wr_out_q   <= '0;
      wr_stale_q <= '0;
    end else begin
      wr_out_q <= wr_out_q + {7'd0, wr_take} - {7'd0, wr_sent};
      if (flush) wr_stale_q <= wr_out_q - {7'd0, wr_sent};
      else if (wr_sent && wr_stale_q != '0) wr_stale_q <= wr_stale_q - 8'd1;
    end
  end

  // --- Events; two sources of one counter may pulse together, the second then comes a cycle later ---
  logic ur_later_q;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      ev_ur_o    <= 1'b0;
      ur_later_q <= 1'b0;
    end else begin
      ev_ur_o    <= ur_p || ur_np || ur_later_q;
      ur_later_q <= (ur_p && ur_np) || (ur_later_q && (ur_p || ur_np));
    end
  end
  assign ev_poisoned_o = rx_poisoned;

  // Not idle either while an event is being told.
  logic quiet;
  assign quiet  = !ev_ur_o && !ur_later_q && !ev_malformed_o && !ev_poisoned_o && !ev_bad_cpl_o;
  assign idle_o = quiet && rx_idle && rq_empty && cq_empty && target_idle && completer_idle && np_level == '0 && msix_idle &&
                  req_idle && ps_empty && tx_idle;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "pcie_top: NCTX must be 1 to 256");
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(w_valid && r_valid));
      assert (!(cps_wvalid && !cps_wready));
      assert (!(wr_sent && wr_out_q == '0));
      assert (!(wr_take && wr_out_q == '1));
    end
  end
  lib_ready_valid_props #(.WIDTH(31)) u_tgt_props (
    .clk_i, .rst_i (rst_i || flush), .valid_i (tgt_valid_o), .ready_i (tgt_ready_i),
    .data_i ({tgt_we_o, tgt_bar_o, tgt_addr_o, tgt_be_o})
  );
`endif
endmodule
