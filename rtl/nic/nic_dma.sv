// SPDX-License-Identifier: Apache-2.0
// DMA engine: moves bytes between guest memory and the NIC's data memory or packet buffers, one command at a time in order.

// docs/interfaces.md, "DMA engine and guard", has the rules. The way of a command:
//
//   queue (32) -> nic_dma_split: checks, owner, pages, nic_guard -> nic_dma_issue: run bit, requester, interrupts
//                                                                     |  WRITE: nic_dma_fetch, local words -> wdat
//                  completions <- nic_dma_retire <- entries in order <+  READ:  nic_dma_land, rdat -> local words
//
// nic_dma_split works on the next command while nic_dma_issue is busy; reads end in any order and retire in command order.
//
// guard_ready_o is low for the first 4 * NCTX cycles after reset, while the guard clears its table: guard_tbl_we_i must wait.
// flight_o counts reads outstanding or not yet retired. idle_o: no command is anywhere in the engine (completions
// may still wait in their queue).
module nic_dma #(
    parameter int unsigned NCTX = 32
) (
    input  logic              clk_i,
    input  logic              rst_i,

    // commands and completions
    input  logic              cmd_valid_i,
    output logic              cmd_ready_o,
    input  nic_pkg::dma_cmd_t cmd_i,
    output logic [5:0]        cmd_free_o,
    output logic              comp_valid_o,
    input  logic              comp_ready_i,
    output logic [31:0]       comp_data_o,

    // contexts that may do DMA
    input  logic [NCTX-1:0]   run_i,

    // guard table, from BAR0
    input  logic              guard_tbl_we_i,
    input  logic              guard_tbl_re_i,
    input  logic [7:0]        guard_tbl_ctx_i,
    input  logic [3:0]        guard_tbl_win_i,
    input  logic [51:0]       guard_tbl_gpage_i,
    input  logic [23:0]       guard_tbl_pages_i,
    input  logic [51:0]       guard_tbl_hpage_i,
    input  logic [2:0]        guard_tbl_ctl_i,
    output logic [51:0]       guard_tbl_gpage_o,
    output logic [23:0]       guard_tbl_pages_o,
    output logic [51:0]       guard_tbl_hpage_o,
    output logic [2:0]        guard_tbl_ctl_o,
    output logic              guard_ready_o,

    // data memory
    output logic              dm_valid_o,
    input  logic              dm_ready_i,
    output logic              dm_we_o,
    output logic [15:0]       dm_addr_o,
    output logic [63:0]       dm_wdata_o,
    output logic [7:0]        dm_be_o,
    input  logic              dm_rvalid_i,
    input  logic [63:0]       dm_rdata_i,

    // packet buffers
    output logic              chk_valid_o,
    input  logic              chk_ready_i,
    output logic [6:0]        chk_slot_o,
    output logic [7:0]        chk_ctx_o,
    output logic              chk_write_o,
    output logic [15:0]       chk_off_o,
    output logic [15:0]       chk_len_o,
    input  logic              chk_done_i,
    input  logic              chk_ok_i,
    output logic              dw_valid_o,
    input  logic              dw_ready_i,
    output logic [5:0]        dw_slot_o,
    output logic [13:0]       dw_off_o,
    output logic [63:0]       dw_data_o,
    output logic [7:0]        dw_be_o,
    output logic              dr_valid_o,
    input  logic              dr_ready_i,
    output logic [6:0]        dr_slot_o,
    output logic [13:0]       dr_off_o,
    input  logic              dr_rvalid_i,
    input  logic [63:0]       dr_rdata_i,
    output logic              sub_valid_o,
    output logic [6:0]        sub_slot_o,
    output logic              sub_err_o,
    output logic              unpin_valid_o,
    output logic [6:0]        unpin_slot_o,
    output logic              rel_valid_o,
    input  logic              rel_ready_i,
    output logic [6:0]        rel_slot_o,
    output logic [7:0]        rel_ctx_o,

    // PCI Express requester
    output logic              req_valid_o,
    input  logic              req_ready_i,
    output logic              req_write_o,
    output logic [63:0]       req_addr_o,
    output logic [12:0]       req_len_o,
    output logic [3:0]        req_id_o,
    output logic              wdat_valid_o,
    input  logic              wdat_ready_i,
    output logic [63:0]       wdat_data_o,
    input  logic              rdat_valid_i,
    output logic              rdat_ready_o,
    input  logic [3:0]        rdat_id_i,
    input  logic [12:0]       rdat_off_i,
    input  logic [63:0]       rdat_data_i,
    input  logic [7:0]        rdat_be_i,
    input  logic              rdat_last_i,
    input  logic [2:0]        rdat_status_i,

    // interrupts
    output logic              irq_valid_o,
    input  logic              irq_ready_i,
    output logic [7:0]        irq_ctx_o,
    output logic [1:0]        irq_bits_o,

    // counters and state
    output logic              cst_valid_o,
    input  logic              cst_ready_i,
    output logic [7:0]        cst_ctx_o,
    output logic [3:0]        cst_idx_o,
    output logic [15:0]       cst_add_o,
    output logic              ev_dma_reads_o,
    output logic              ev_dma_writes_o,
    output logic              ev_dma_refused_o,
    output logic              ev_dma_owner_o,
    output logic              ev_dma_stopped_o,
    output logic              ev_dma_abort_o,
    output logic              ev_dma_poisoned_o,
    output logic              ev_dma_timeout_o,
    output logic [4:0]        flight_o,
    output logic              idle_o
);

  // --- Command queue ---
  logic              head_valid, head_ready;
  nic_pkg::dma_cmd_t head;
  logic [5:0]        level;

  lib_fifo #(.WIDTH(nic_dma_pkg::CMD_BITS), .DEPTH_LOG2(5)) u_queue (
    .clk_i,
    .rst_i,
    .wr_valid_i (cmd_valid_i),
    .wr_ready_o (cmd_ready_o),
    .wr_data_i  (cmd_i),
    .rd_valid_o (head_valid),
    .rd_ready_i (head_ready),
    .rd_data_o  (head),
    .level_o    (level)
  );

  logic [5:0] free_q;
  always_ff @(posedge clk_i) begin
    if (rst_i) free_q <= 6'd32;
    else free_q <= 6'd32 - level - {5'd0, cmd_valid_i && cmd_ready_o} + {5'd0, head_valid && head_ready};
  end
  assign cmd_free_o = free_q;

  // --- Checks, pages, guard ---
  logic                gq_valid, gq_ready, gq_write, gr_valid;
  logic [7:0]          gq_ctx;
  logic [51:0]         gq_gpage, gr_hpage;
  logic [2:0]          gr_status;
  logic                piece_valid, piece_ready, rel_busy, split_idle;
  nic_dma_pkg::piece_t piece;

  nic_guard #(.NCTX(NCTX)) u_guard (
    .clk_i,
    .rst_i,
    .gq_valid_i  (gq_valid),
    .gq_ready_o  (gq_ready),
    .gq_ctx_i    (gq_ctx),
    .gq_gpage_i  (gq_gpage),
    .gq_write_i  (gq_write),
    .gr_valid_o  (gr_valid),
    .gr_status_o (gr_status),
    .gr_hpage_o  (gr_hpage),
    .tbl_we_i    (guard_tbl_we_i),
    .tbl_re_i    (guard_tbl_re_i),
    .tbl_ctx_i   (guard_tbl_ctx_i),
    .tbl_win_i   (guard_tbl_win_i),
    .tbl_gpage_i (guard_tbl_gpage_i),
    .tbl_pages_i (guard_tbl_pages_i),
    .tbl_hpage_i (guard_tbl_hpage_i),
    .tbl_ctl_i   (guard_tbl_ctl_i),
    .tbl_gpage_o (guard_tbl_gpage_o),
    .tbl_pages_o (guard_tbl_pages_o),
    .tbl_hpage_o (guard_tbl_hpage_o),
    .tbl_ctl_o   (guard_tbl_ctl_o),
    .ready_o     (guard_ready_o)
  );

  nic_dma_split u_split (
    .clk_i,
    .rst_i,
    .cmd_valid_i   (head_valid),
    .cmd_ready_o   (head_ready),
    .cmd_i         (head),
    .chk_valid_o,
    .chk_ready_i,
    .chk_slot_o,
    .chk_ctx_o,
    .chk_write_o,
    .chk_off_o,
    .chk_len_o,
    .chk_done_i,
    .chk_ok_i,
    .gq_valid_o    (gq_valid),
    .gq_ready_i    (gq_ready),
    .gq_ctx_o      (gq_ctx),
    .gq_gpage_o    (gq_gpage),
    .gq_write_o    (gq_write),
    .gr_valid_i    (gr_valid),
    .gr_status_i   (gr_status),
    .gr_hpage_i    (gr_hpage),
    .piece_valid_o (piece_valid),
    .piece_ready_i (piece_ready),
    .piece_o       (piece),
    .rel_busy_i    (rel_busy),
    .rel_slot_i    (rel_slot_o),
    .sub_valid_i   (sub_valid_o),
    .sub_slot_i    (sub_slot_o[5:0]),
    .idle_o        (split_idle)
  );

  // --- Issue ---
  logic                 fetch_start, fetch_in_slot, fetch_grant, fetch_drop, fetch_done;
  logic [6:0]           fetch_slot;
  logic [15:0]          fetch_off;
  logic [12:0]          fetch_len;
  logic [2:0]           fetch_lane;
  logic                 id_free, read_issued, target_we, issue_idle;
  logic [3:0]           target_id;
  nic_dma_pkg::target_t target;
  logic                 entry_valid, entry_ready;
  nic_dma_pkg::entry_t  entry;

  nic_dma_issue #(.NCTX(NCTX)) u_issue (
    .clk_i,
    .rst_i,
    .piece_valid_i   (piece_valid),
    .piece_ready_o   (piece_ready),
    .piece_i         (piece),
    .run_i,
    .req_valid_o,
    .req_ready_i,
    .req_write_o,
    .req_addr_o,
    .req_len_o,
    .req_id_o,
    .fetch_start_o   (fetch_start),
    .fetch_in_slot_o (fetch_in_slot),
    .fetch_slot_o    (fetch_slot),
    .fetch_off_o     (fetch_off),
    .fetch_len_o     (fetch_len),
    .fetch_lane_o    (fetch_lane),
    .fetch_grant_o   (fetch_grant),
    .fetch_drop_o    (fetch_drop),
    .fetch_done_i    (fetch_done),
    .id_free_i       (id_free),
    .read_issued_o   (read_issued),
    .target_we_o     (target_we),
    .target_id_o     (target_id),
    .target_o        (target),
    .entry_valid_o   (entry_valid),
    .entry_ready_i   (entry_ready),
    .entry_o         (entry),
    .irq_valid_o,
    .irq_ready_i,
    .irq_ctx_o,
    .irq_bits_o,
    .rel_valid_o,
    .rel_ready_i,
    .rel_slot_o,
    .rel_ctx_o,
    .rel_busy_o      (rel_busy),
    .idle_o          (issue_idle)
  );

  // --- Write data ---
  logic        rd_valid, rd_ready;
  logic [15:0] rd_addr;

  nic_dma_fetch u_fetch (
    .clk_i,
    .rst_i,
    .start_i      (fetch_start),
    .in_slot_i    (fetch_in_slot),
    .slot_i       (fetch_slot),
    .off_i        (fetch_off),
    .len_i        (fetch_len),
    .lane_i       (fetch_lane),
    .grant_i      (fetch_grant),
    .drop_i       (fetch_drop),
    .done_o       (fetch_done),
    .dm_valid_o   (rd_valid),
    .dm_ready_i   (rd_ready),
    .dm_addr_o    (rd_addr),
    .dm_rvalid_i,
    .dm_rdata_i,
    .dr_valid_o,
    .dr_ready_i,
    .dr_slot_o,
    .dr_off_o,
    .dr_rvalid_i,
    .dr_rdata_i,
    .wdat_valid_o,
    .wdat_ready_i,
    .wdat_data_o
  );

  // --- Read data ---
  logic        wr_valid, wr_ready, land_idle, done_valid;
  logic [15:0] wr_addr, pending;
  logic [3:0]  done_id;
  logic [2:0]  done_status;

  nic_dma_land u_land (
    .clk_i,
    .rst_i,
    .target_we_i   (target_we),
    .target_id_i   (target_id),
    .target_i      (target),
    .pending_o     (pending),
    .rdat_valid_i,
    .rdat_ready_o,
    .rdat_id_i,
    .rdat_off_i,
    .rdat_data_i,
    .rdat_be_i,
    .rdat_last_i,
    .rdat_status_i,
    .done_valid_o  (done_valid),
    .done_id_o     (done_id),
    .done_status_o (done_status),
    .dm_valid_o    (wr_valid),
    .dm_ready_i    (wr_ready),
    .dm_addr_o     (wr_addr),
    .dm_data_o     (dm_wdata_o),
    .dm_be_o,
    .dw_valid_o,
    .dw_ready_i,
    .dw_slot_o,
    .dw_off_o,
    .dw_data_o,
    .dw_be_o,
    .idle_o        (land_idle)
  );

  // --- Data memory port: a write goes first, unless a read is already on offer ---
  logic rd_held_q;

  always_ff @(posedge clk_i) rd_held_q <= !rst_i && dm_valid_o && !dm_we_o && !dm_ready_i;

  assign dm_we_o    = wr_valid && !rd_held_q;
  assign dm_valid_o = wr_valid || rd_valid;
  assign dm_addr_o  = dm_we_o ? wr_addr : rd_addr;
  assign wr_ready   = dm_ready_i && dm_we_o;
  assign rd_ready   = dm_ready_i && !dm_we_o;

  // --- Retire ---
  logic retire_idle;

  nic_dma_retire #(.NCTX(NCTX)) u_retire (
    .clk_i,
    .rst_i,
    .entry_valid_i (entry_valid),
    .entry_ready_o (entry_ready),
    .entry_i       (entry),
    .read_issued_i (read_issued),
    .id_free_o     (id_free),
    .flight_o,
    .pending_i     (pending),
    .done_valid_i  (done_valid),
    .done_id_i     (done_id),
    .done_status_i (done_status),
    .comp_valid_o,
    .comp_ready_i,
    .comp_data_o,
    .sub_valid_o,
    .sub_slot_o,
    .sub_err_o,
    .unpin_valid_o,
    .unpin_slot_o,
    .cst_valid_o,
    .cst_ready_i,
    .cst_ctx_o,
    .cst_idx_o,
    .cst_add_o,
    .ev_dma_reads_o,
    .ev_dma_writes_o,
    .ev_dma_refused_o,
    .ev_dma_owner_o,
    .ev_dma_stopped_o,
    .ev_dma_abort_o,
    .ev_dma_poisoned_o,
    .ev_dma_timeout_o,
    .idle_o        (retire_idle)
  );

`ifndef SYNTHESIS
  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst_i) assert (free_q == 6'd32 - level);
  end

  // Every stream keeps the rules of ready and valid.
  lib_ready_valid_props #(.WIDTH(82)) u_req_props (
    .clk_i, .rst_i, .valid_i(req_valid_o), .ready_i(req_ready_i),
    .data_i({req_write_o, req_addr_o, req_len_o, req_write_o ? 4'd0 : req_id_o})
  );
  lib_ready_valid_props #(.WIDTH(64)) u_wdat_props (
    .clk_i, .rst_i, .valid_i(wdat_valid_o), .ready_i(wdat_ready_i), .data_i(wdat_data_o)
  );
  lib_ready_valid_props #(.WIDTH(89)) u_dm_props (
    .clk_i, .rst_i, .valid_i(dm_valid_o), .ready_i(dm_ready_i),
    .data_i({dm_we_o, dm_addr_o, dm_we_o ? {dm_wdata_o, dm_be_o} : 72'd0})
  );
  lib_ready_valid_props #(.WIDTH(92)) u_dw_props (
    .clk_i, .rst_i, .valid_i(dw_valid_o), .ready_i(dw_ready_i),
    .data_i({dw_slot_o, dw_off_o, dw_data_o, dw_be_o})
  );
  lib_ready_valid_props #(.WIDTH(21)) u_dr_props (
    .clk_i, .rst_i, .valid_i(dr_valid_o), .ready_i(dr_ready_i), .data_i({dr_slot_o, dr_off_o})
  );
  lib_ready_valid_props #(.WIDTH(48)) u_chk_props (
    .clk_i, .rst_i, .valid_i(chk_valid_o), .ready_i(chk_ready_i),
    .data_i({chk_slot_o, chk_ctx_o, chk_write_o, chk_off_o, chk_len_o})
  );
  lib_ready_valid_props #(.WIDTH(15)) u_rel_props (
    .clk_i, .rst_i, .valid_i(rel_valid_o), .ready_i(rel_ready_i), .data_i({rel_slot_o, rel_ctx_o})
  );
  lib_ready_valid_props #(.WIDTH(10)) u_irq_props (
    .clk_i, .rst_i, .valid_i(irq_valid_o), .ready_i(irq_ready_i), .data_i({irq_ctx_o, irq_bits_o})
  );
  lib_ready_valid_props #(.WIDTH(28)) u_cst_props (
    .clk_i, .rst_i, .valid_i(cst_valid_o), .ready_i(cst_ready_i), .data_i({cst_ctx_o, cst_idx_o, cst_add_o})
  );
  lib_ready_valid_props #(.WIDTH(61)) u_gq_props (
    .clk_i, .rst_i, .valid_i(gq_valid), .ready_i(gq_ready), .data_i({gq_ctx, gq_gpage, gq_write})
  );
`endif

  assign idle_o = !head_valid && split_idle && issue_idle && land_idle && retire_idle && guard_ready_o;

endmodule
