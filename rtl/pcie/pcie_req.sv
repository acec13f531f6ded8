// SPDX-License-Identifier: Apache-2.0
// Requester: accepts the NIC's memory requests and keeps their order; writes, reads and completions have a block each.

// Order: writes leave in the order of acceptance, MSI-X messages among them. A read or a completion of ours (cps_seq_o) does
// not leave before the writes accepted earlier. Writes never wait for reads: reads queue apart, ids 0 to 15 and 16 to 31 each
// in a queue of their own, which always has room since an id is out once. Ids from 16 on (the table walker) go first.
//
//   req_*, wdat_*, rdat_*  see docs/interfaces.md
//   m_*           MSI-X message;  m_done_o: it is in the posted store, or dropped
//   flush_i       the NIC side is in reset: everything not sent is forgotten, outstanding reads are quarantined
//   seq_o         number of write requests accepted;  wr_done_i: number that have left
//   ps_*, np_*    to pcie_tx;  cq_*: completion store
//   other ports   see pcie_req_wr, pcie_req_rd, pcie_req_cpl
module pcie_req (
    input  logic                       clk_i,
    input  logic                       rst_i,
    input  logic                       bus_master_i,
    input  logic                       mps256_i,
    input  logic [11:0]                mrrs_mask_i,
    input  logic [15:0]                reqid_i,
    input  logic [23:0]                cpl_timeout_i,
    input  logic                       no_timeout_i,
    input  logic                       flush_i,
    input  logic                       req_valid_i,
    output logic                       req_ready_o,
    input  logic                       req_write_i,
    input  logic [63:0]                req_addr_i,
    input  logic [12:0]                req_len_i,
    input  logic [4:0]                 req_id_i,
    input  logic                       wdat_valid_i,
    output logic                       wdat_ready_o,
    input  logic [63:0]                wdat_data_i,
    output logic                       rdat_valid_o,
    input  logic                       rdat_ready_i,
    output logic [4:0]                 rdat_id_o,
    output logic [12:0]                rdat_off_o,
    output logic [63:0]                rdat_data_o,
    output logic [7:0]                 rdat_be_o,
    output logic                       rdat_last_o,
    output logic [2:0]                 rdat_status_o,
    input  logic                       m_valid_i,
    output logic                       m_ready_o,
    input  logic [63:0]                m_addr_i,
    input  logic [31:0]                m_data_i,
    output logic                       m_done_o,
    input  logic                       cq_valid_i,
    output logic                       cq_ready_o,
    input  logic [65:0]                cq_data_i,
    output logic [pcie_pkg::SEQ_W-1:0] seq_o,
    input  logic [pcie_pkg::SEQ_W-1:0] wr_done_i,
    output logic                       ps_wr_o,
    output logic                       ps_start_o,
    output logic                       ps_commit_o,
    output logic [68:0]                ps_data_o,
    input  logic                       ps_room_i,
    output logic                       np_valid_o,
    input  logic                       np_ready_i,
    output logic [65:0]                np_data_o,
    input  logic                       np_sel_i,
    output logic [5:0]                 flight_o,
    output logic                       ev_bad_o,
    output logic                       ev_poisoned_o,
    output logic                       ev_timeout_o,
    output logic                       ev_ur_o,
    output logic                       ev_ca_o,
    output logic                       idle_o
);
  // --- Acceptance ---
  logic                       wf_ready, open, draining, sweep;
  logic                       wf_wr, rf_wr;
  logic [pcie_pkg::SEQ_W-1:0] seq_q;

  assign open        = wf_ready && !flush_i && !draining && !sweep;
  assign m_ready_o   = open;
  assign req_ready_o = open && !m_valid_i;
  assign wf_wr       = open && (m_valid_i || (req_valid_i && req_write_i));
  assign rf_wr       = open && !m_valid_i && req_valid_i && !req_write_i;
  assign seq_o       = seq_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) seq_q <= '0;
    else if (wf_wr) seq_q <= seq_q + pcie_pkg::SEQ_W'(1);
  end

  // --- Writes ---
  logic        wf_valid, wf_take, wf_msix;
  logic [63:0] wf_addr;
  logic [12:0] wf_len;
  logic        wr_idle;
  /* verilator lint_off UNUSEDSIGNAL */ // fill levels of the queues are of no interest here, nor whether reads have room
  logic        rf_ready, rw_ready;
  logic [2:0]  wf_level;
  logic [4:0]  rf_level, rw_level;
  /* verilator lint_on UNUSEDSIGNAL */

  lib_fifo #(.WIDTH(78), .DEPTH_LOG2(2)) u_wf (
    .clk_i, .rst_i,
    .wr_valid_i (wf_wr),
    .wr_ready_o (wf_ready),
    .wr_data_i  (m_valid_i ? {1'b1, 13'd4, m_addr_i} : {1'b0, req_len_i, req_addr_i}),
    .rd_valid_o (wf_valid),
    .rd_ready_i (wf_take),
    .rd_data_o  ({wf_msix, wf_len, wf_addr}),
    .level_o    (wf_level)
  );

  pcie_req_wr u_wr (
    .clk_i, .rst_i, .bus_master_i, .mps256_i, .reqid_i, .flush_i,
    .wf_valid_i (wf_valid),
    .wf_ready_o (wf_take),
    .wf_addr_i  (wf_addr),
    .wf_len_i   (wf_len),
    .wf_msix_i  (wf_msix),
    .msi_data_i (m_data_i),
    .msi_done_o (m_done_o),
    .wdat_valid_i, .wdat_ready_o, .wdat_data_i,
    .ps_wr_o, .ps_start_o, .ps_commit_o, .ps_data_o, .ps_room_i,
    .draining_o (draining),
    .idle_o     (wr_idle)
  );

  // --- Reads ---
  localparam int unsigned RW = 81 + pcie_pkg::SEQ_W;
  logic                       rf_valid, rw_valid, rd_take;
  logic [RW-1:0]              rf_data, rw_data;
  logic                       rd_idle, cpl_idle;

  lib_fifo #(.WIDTH(RW), .DEPTH_LOG2(4)) u_rf (
    .clk_i,
    .rst_i      (rst_i || flush_i),
    .wr_valid_i (rf_wr && !req_id_i[4]),
    .wr_ready_o (rf_ready),
    .wr_data_i  ({seq_q, req_id_i[3:0], req_len_i, req_addr_i}),
    .rd_valid_o (rf_valid),
    .rd_ready_i (rd_take && !rw_valid),
    .rd_data_o  (rf_data),
    .level_o    (rf_level)
  );

  lib_fifo #(.WIDTH(RW), .DEPTH_LOG2(4)) u_rw (
    .clk_i,
    .rst_i      (rst_i || flush_i),
    .wr_valid_i (rf_wr && req_id_i[4]),
    .wr_ready_o (rw_ready),
    .wr_data_i  ({seq_q, req_id_i[3:0], req_len_i, req_addr_i}),
    .rd_valid_o (rw_valid),
    .rd_ready_i (rd_take),
    .rd_data_o  (rw_data),
    .level_o    (rw_level)
  );

  logic [63:0]                rd_addr;
  logic [12:0]                rd_len;
  logic [3:0]                 rd_id;
  logic [pcie_pkg::SEQ_W-1:0] rd_seq;
  assign {rd_seq, rd_id, rd_len, rd_addr} = rw_valid ? rw_data : rf_data;

  logic        tag_ok, al_hold, al_valid, al_ready, iss_all, arm, arm_dead, fail_valid, fail_ready;
  logic [4:0]  tag, arm_tag;
  logic [4:0]  al_id;
  logic [12:0] al_off, al_len;
  logic [6:0]  al_lower;
  logic [5:0]  iss_count;
  logic [2:0]  fail_status;

  pcie_req_rd u_rd (
    .clk_i, .rst_i, .bus_master_i, .mrrs_mask_i, .reqid_i, .cpl_timeout_i, .no_timeout_i, .flush_i,
    .rf_valid_i    (rw_valid || rf_valid),
    .rf_ready_o    (rd_take),
    .rf_addr_i     (rd_addr),
    .rf_len_i      (rd_len),
    .rf_id_i       ({rw_valid, rd_id}),
    .rf_seq_i      (rd_seq),
    .wr_done_i,
    .tag_ok_i      (tag_ok),
    .tag_i         (tag),
    .al_valid_o    (al_valid),
    .al_ready_i    (al_ready),
    .al_id_o       (al_id),
    .al_off_o      (al_off),
    .al_len_o      (al_len),
    .al_lower_o    (al_lower),
    .al_hold_o     (al_hold),
    .iss_all_o     (iss_all),
    .iss_count_o   (iss_count),
    .arm_o         (arm),
    .arm_tag_o     (arm_tag),
    .arm_dead_o    (arm_dead),
    .fail_valid_o  (fail_valid),
    .fail_ready_i  (fail_ready),
    .fail_status_o (fail_status),
    .np_valid_o, .np_ready_i, .np_data_o, .np_sel_i,
    .idle_o        (rd_idle)
  );

  pcie_req_cpl u_cpl (
    .clk_i, .rst_i, .reqid_i, .cpl_timeout_i, .no_timeout_i, .flush_i,
    .cq_valid_i, .cq_ready_o, .cq_data_i,
    .tag_ok_o      (tag_ok),
    .tag_o         (tag),
    .al_valid_i    (al_valid),
    .al_ready_o    (al_ready),
    .al_id_i       (al_id),
    .al_off_i      (al_off),
    .al_len_i      (al_len),
    .al_lower_i    (al_lower),
    .al_hold_i     (al_hold),
    .iss_all_i     (iss_all),
    .iss_count_i   (iss_count),
    .arm_i         (arm),
    .arm_tag_i     (arm_tag),
    .arm_dead_i    (arm_dead),
    .fail_valid_i  (fail_valid),
    .fail_ready_o  (fail_ready),
    .fail_status_i (fail_status),
    .rdat_valid_o, .rdat_ready_i, .rdat_id_o, .rdat_off_o, .rdat_data_o, .rdat_be_o, .rdat_last_o, .rdat_status_o,
    .flight_o,
    .sweep_o       (sweep),
    .ev_bad_o, .ev_poisoned_o, .ev_timeout_o, .ev_ur_o, .ev_ca_o,
    .idle_o        (cpl_idle)
  );

  assign idle_o = wr_idle && rd_idle && cpl_idle && !draining;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i && req_valid_i && req_ready_o) begin
      assert (req_len_i != '0 && req_len_i <= 13'd4096);
      assert (req_write_i || (req_id_i[4] ? rw_ready : rf_ready));
      assert ({1'b0, req_addr_i[11:0]} + req_len_i <= 13'd4096);  // inside one page
    end
  end
`endif
endmodule
