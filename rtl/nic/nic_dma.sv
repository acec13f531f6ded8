// SPDX-License-Identifier: Apache-2.0
// DMA engine: moves bytes between guest memory and the NIC's data memory or packet buffers, one command at a time in order.

// docs/interfaces.md, "DMA engine and guard", has the rules. The way of a command:
//
//   queue (32) -> nic_dma_split: checks, owner, pages, nic_guard -> nic_dma_issue: run bit, requester, interrupts
//       |                                                             |  WRITE: nic_dma_fetch, local words -> wdat
//   nic_dma_hint -> nic_guard
//                  completions <- nic_dma_retire <- entries in order <+  READ:  nic_dma_land, rdat -> local words
//
// nic_dma_split works on the next command while nic_dma_issue is busy; reads end in any order and retire in command order.
// nic_dma_req shares the requester between the commands and the guard's table walker, nic_dma_fence tells the guard when what it
// had translated has ended.
//
// A command leaves the queue only when its completion has a place (32: commands under way and completions not
// taken), so what has begun ends whether the firmware takes completions or not.
//
// en_*: dom0 enables a context. If it does not run, its commands that are still here were given in an earlier life, perhaps for
// another guest: they end with STOPPED. So nothing that the firmware had asked for before a revocation is done after it.
//
// flow_rst_i forgets commands and completions, but not the guard's tables; only while idle_o is high.
// guard_ready_o is low after reset while the guard clears its tables: no cfg_* or inv_* before.
// flight_o counts reads outstanding or not yet retired. idle_o: no command is anywhere in the engine, no write or walk on its way
// (completions may still wait in their queue).
module nic_dma #(
    parameter int unsigned NCTX = 32
) (
    input  logic              clk_i,
    input  logic              rst_i,
    input  logic              flow_rst_i,

    // commands and completions
    input  logic              cmd_valid_i,
    output logic              cmd_ready_o,
    input  nic_pkg::dma_cmd_t cmd_i,
    output logic [5:0]        cmd_free_o,
    output logic              comp_valid_o,
    input  logic              comp_ready_i,
    output logic [31:0]       comp_data_o,

    // contexts that may do DMA; a context is enabled (en_ctx_i is there a cycle before)
    input  logic [NCTX-1:0]   run_i,
    input  logic              en_valid_i,
    input  logic [7:0]        en_ctx_i,

    // guard: registers, invalidation by nic_revoke, faults
    input  logic              cfg_we_i,
    input  logic              cfg_re_i,
    input  logic [7:0]        cfg_addr_i,
    input  logic [7:0]        cfg_ctx_i,
    input  logic [31:0]       cfg_wdata_i,
    output logic [31:0]       cfg_rdata_o,
    input  logic              inv_valid_i,
    output logic              inv_ready_o,
    input  logic [7:0]        inv_ctx_i,
    output logic              inv_done_o,
    output logic              flt_valid_o,
    input  logic              flt_ready_i,
    output logic [7:0]        flt_ctx_o,
    output logic [63:0]       flt_addr_o,
    output logic [2:0]        flt_kind_o,
    output logic              flt_write_o,
    output logic [3:0]        flt_queue_o,
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
    output logic [4:0]        req_id_o,
    output logic              wdat_valid_o,
    input  logic              wdat_ready_i,
    output logic [63:0]       wdat_data_o,
    input  logic              wr_sent_i,
    input  logic              rdat_valid_i,
    output logic              rdat_ready_o,
    input  logic [4:0]        rdat_id_i,
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
    output logic              ev_iotlb_hit_o,
    output logic              ev_iotlb_miss_o,
    output logic              ev_walk_read_o,
    output logic              ev_guard_fault_o,
    output logic              ev_inv_o,
    output logic [4:0]        flight_o,
    output logic              idle_o
);

  logic rst;       // of all but the guard and what counts its requests
  assign rst = rst_i || flow_rst_i;

  // --- Lives of contexts ---
  // Only whether two numbers are equal counts, so the memory needs no start value.
  localparam int unsigned CAW = NCTX > 1 ? $clog2(NCTX) : 1;
  logic [nic_dma_pkg::LIFE_BITS-1:0] lives [2**CAW];  // a life_t each: yosys makes one register of a memory of a named type
  nic_dma_pkg::life_t cmd_life, head_life, split_life, issue_life;
  nic_dma_pkg::life_t next_q;
  /* verilator lint_off UNUSEDSIGNAL */  // the upper bits of a context number; those from NCTX on never run
  logic [7:0]         split_ctx, issue_ctx;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [255:0]       run_all;
  logic               stopped_q;

  assign run_all = 256'(run_i);
  always_ff @(posedge clk_i) begin
    stopped_q <= !run_all[en_ctx_i];
    next_q    <= lives[CAW'(en_ctx_i)] + nic_dma_pkg::life_t'(1);
    if (en_valid_i && stopped_q) lives[CAW'(en_ctx_i)] <= next_q;  // seen in the cycle in which the run bit may rise
  end

  assign cmd_life   = lives[CAW'(cmd_i.ctx)];
  assign split_life = lives[CAW'(split_ctx)];
  assign issue_life = lives[CAW'(issue_ctx)];

  // --- Command queue ---
  logic              head_valid, head_ready, split_ready;
  nic_pkg::dma_cmd_t head;
  logic [5:0]        level;

  lib_fifo #(.WIDTH(nic_dma_pkg::CMD_BITS + nic_dma_pkg::LIFE_BITS), .DEPTH_LOG2(5)) u_queue (
    .clk_i,
    .rst_i      (rst),
    .wr_valid_i (cmd_valid_i),
    .wr_ready_o (cmd_ready_o),
    .wr_data_i  ({cmd_life, cmd_i}),
    .rd_valid_o (head_valid),
    .rd_ready_i (head_ready),
    .rd_data_o  ({head_life, head}),
    .level_o    (level)
  );

  logic [5:0] free_q;
  always_ff @(posedge clk_i) begin
    if (rst) free_q <= 6'd32;
    else free_q <= 6'd32 - level - {5'd0, cmd_valid_i && cmd_ready_o} + {5'd0, head_valid && head_ready};
  end
  assign cmd_free_o = free_q;

  // Commands under way and completions that were not taken.
  logic [5:0] begun_q;
  logic       quiet;             // a command ends without a completion
  assign head_ready = split_ready && !begun_q[5];
  always_ff @(posedge clk_i) begin
    if (rst) begun_q <= '0;
    else begun_q <= begun_q + {5'd0, head_valid && head_ready} - {5'd0, quiet} - {5'd0, comp_valid_o && comp_ready_i};
  end

  // --- Guard ---
  logic                gq_valid, gq_ready, gq_write, gr_valid;
  logic [7:0]          gq_ctx;
  logic [51:0]         gq_gpage, gr_hpage;
  logic [3:0]          gq_queue;
  logic [11:0]         gq_low;
  logic [2:0]          gr_status;
  logic                piece_valid, piece_ready, rel_busy, split_idle, held;
  nic_dma_pkg::piece_t piece;
  logic                hq_valid, hq_ready, hq_write;
  logic [7:0]          hq_ctx;
  logic [26:0]         hq_gpage;
  logic                wk_valid, wk_ready, wd_valid;
  logic [63:0]         wk_addr;
  logic [6:0]          wk_len;
  logic [3:0]          wk_id;
  logic                fence_valid, fence_done, guard_idle;

  nic_guard #(.NCTX(NCTX)) u_guard (
    .clk_i,
    .rst_i,
    .flow_rst_i,
    .run_i,
    .gq_valid_i     (gq_valid),
    .gq_ready_o     (gq_ready),
    .gq_ctx_i       (gq_ctx),
    .gq_gpage_i     (gq_gpage),
    .gq_write_i     (gq_write),
    .gq_queue_i     (gq_queue),
    .gq_low_i       (gq_low),
    .gr_valid_o     (gr_valid),
    .gr_status_o    (gr_status),
    .gr_hpage_o     (gr_hpage),
    .hq_valid_i     (hq_valid),
    .hq_ready_o     (hq_ready),
    .hq_ctx_i       (hq_ctx),
    .hq_gpage_i     (hq_gpage),
    .hq_write_i     (hq_write),
    .wk_valid_o     (wk_valid),
    .wk_ready_i     (wk_ready),
    .wk_addr_o      (wk_addr),
    .wk_len_o       (wk_len),
    .wk_id_o        (wk_id),
    .wd_valid_i     (wd_valid),
    .wd_id_i        (rdat_id_i[3:0]),
    .wd_off_i       (rdat_off_i[5:0]),
    .wd_data_i      (rdat_data_i),
    .wd_be_i        (rdat_be_i),
    .wd_last_i      (rdat_last_i),
    .wd_status_i    (rdat_status_i),
    .inv_valid_i,
    .inv_ready_o,
    .inv_ctx_i,
    .inv_done_o,
    .fence_valid_o  (fence_valid),
    .fence_done_i   (fence_done),
    .flt_valid_o,
    .flt_ready_i,
    .flt_ctx_o,
    .flt_addr_o,
    .flt_kind_o,
    .flt_write_o,
    .flt_queue_o,
    .cfg_we_i,
    .cfg_re_i,
    .cfg_addr_i,
    .cfg_ctx_i,
    .cfg_wdata_i,
    .cfg_rdata_o,
    .ev_hit_o       (ev_iotlb_hit_o),
    .ev_miss_o      (ev_iotlb_miss_o),
    .ev_walk_read_o,
    .ev_fault_o     (ev_guard_fault_o),
    .ev_inv_o,
    .ready_o        (guard_ready_o),
    .idle_o         (guard_idle)
  );

  nic_dma_hint u_hint (
    .clk_i,
    .rst_i       (rst),
    .cmd_valid_i (cmd_valid_i && cmd_ready_o),
    .cmd_op_i    (cmd_i.op),
    .cmd_ctx_i   (cmd_i.ctx),
    .cmd_addr_i  (cmd_i.addr),
    .cmd_len_i   (cmd_i.len),
    .hq_valid_o  (hq_valid),
    .hq_ready_i  (hq_ready),
    .hq_ctx_o    (hq_ctx),
    .hq_gpage_o  (hq_gpage),
    .hq_write_o  (hq_write)
  );

  // --- Checks, pages ---
  nic_dma_split u_split (
    .clk_i,
    .rst_i         (rst),
    .cmd_valid_i   (head_valid && !begun_q[5]),
    .cmd_ready_o   (split_ready),
    .cmd_i         (head),
    .cmd_life_i    (head_life),
    .ctx_o         (split_ctx),
    .life_i        (split_life),
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
    .gq_queue_o    (gq_queue),
    .gq_low_o      (gq_low),
    .gr_valid_i    (gr_valid),
    .gr_status_i   (gr_status),
    .gr_hpage_i    (gr_hpage),
    .piece_valid_o (piece_valid),
    .piece_ready_i (piece_ready),
    .piece_o       (piece),
    .held_o        (held),
    .rel_busy_i    (rel_busy),
    .rel_slot_i    (rel_slot_o),
    .sub_valid_i   (sub_valid_o),
    .sub_slot_i    (sub_slot_o[5:0]),
    .idle_o        (split_idle)
  );

  // --- Issue ---
  logic                 d_valid, d_free, d_ready, d_write, d_rvalid, d_rready;
  logic [63:0]          d_addr;
  logic [12:0]          d_len;
  logic [3:0]           d_id;
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
    .rst_i         (rst),
    .piece_valid_i   (piece_valid),
    .piece_ready_o   (piece_ready),
    .piece_i         (piece),
    .run_i,
    .ctx_o           (issue_ctx),
    .life_i          (issue_life),
    .req_free_i      (d_free),
    .req_valid_o     (d_valid),
    .req_ready_i     (d_ready),
    .req_write_o     (d_write),
    .req_addr_o      (d_addr),
    .req_len_o       (d_len),
    .req_id_o        (d_id),
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

  nic_dma_req u_req (
    .clk_i,
    .rst_i,
    .d_valid_i    (d_valid),
    .d_free_o     (d_free),
    .d_ready_o    (d_ready),
    .d_write_i    (d_write),
    .d_addr_i     (d_addr),
    .d_len_i      (d_len),
    .d_id_i       (d_id),
    .wk_valid_i   (wk_valid),
    .wk_ready_o   (wk_ready),
    .wk_addr_i    (wk_addr),
    .wk_len_i     (wk_len),
    .wk_id_i      (wk_id),
    .req_valid_o,
    .req_ready_i,
    .req_write_o,
    .req_addr_o,
    .req_len_o,
    .req_id_o,
    .rdat_valid_i,
    .rdat_ready_o,
    .rdat_walk_i  (rdat_id_i[4]),
    .d_rvalid_o   (d_rvalid),
    .d_rready_i   (d_rready),
    .wd_valid_o   (wd_valid)
  );

  // --- Write data ---
  logic        rd_valid, rd_ready;
  logic [15:0] rd_addr;

  nic_dma_fetch u_fetch (
    .clk_i,
    .rst_i         (rst),
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
    .rst_i         (rst),
    .target_we_i   (target_we),
    .target_id_i   (target_id),
    .target_i      (target),
    .pending_o     (pending),
    .rdat_valid_i  (d_rvalid),
    .rdat_ready_o  (d_rready),
    .rdat_id_i     (rdat_id_i[3:0]),
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

  always_ff @(posedge clk_i) rd_held_q <= !rst && dm_valid_o && !dm_we_o && !dm_ready_i;

  assign dm_we_o    = wr_valid && !rd_held_q;
  assign dm_valid_o = wr_valid || rd_valid;
  assign dm_addr_o  = dm_we_o ? wr_addr : rd_addr;
  assign wr_ready   = dm_ready_i && dm_we_o;
  assign rd_ready   = dm_ready_i && !dm_we_o;

  // --- Retire ---
  logic retire_idle;

  nic_dma_retire #(.NCTX(NCTX)) u_retire (
    .clk_i,
    .rst_i         (rst),
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
    .quiet_o       (quiet),
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

  // --- Fence ---
  logic wr_out;

  nic_dma_fence u_fence (
    .clk_i,
    .rst_i,
    .fence_valid_i (fence_valid),
    .fence_done_o  (fence_done),
    .held_i        (held),
    .handed_i      (piece_valid && piece_ready),
    .issue_idle_i  (issue_idle),
    .pending_i     (pending),
    .done_valid_i  (done_valid),
    .done_id_i     (done_id),
    .wr_taken_i    (d_valid && d_ready && d_write),
    .wr_sent_i,
    .wr_out_o      (wr_out)
  );

`ifndef SYNTHESIS
  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst) begin
      assert (free_q == 6'd32 - level);
      assert (begun_q <= 6'd32);
      assert (!(quiet && begun_q == '0));
    end
    if (started_q && !rst_i && flow_rst_i) assert (idle_o);
  end

  // Every stream keeps the rules of ready and valid.
  lib_ready_valid_props #(.WIDTH(64)) u_wdat_props (
    .clk_i, .rst_i(rst), .valid_i(wdat_valid_o), .ready_i(wdat_ready_i), .data_i(wdat_data_o)
  );
  lib_ready_valid_props #(.WIDTH(89)) u_dm_props (
    .clk_i, .rst_i(rst), .valid_i(dm_valid_o), .ready_i(dm_ready_i),
    .data_i({dm_we_o, dm_addr_o, dm_we_o ? {dm_wdata_o, dm_be_o} : 72'd0})
  );
  lib_ready_valid_props #(.WIDTH(92)) u_dw_props (
    .clk_i, .rst_i(rst), .valid_i(dw_valid_o), .ready_i(dw_ready_i),
    .data_i({dw_slot_o, dw_off_o, dw_data_o, dw_be_o})
  );
  lib_ready_valid_props #(.WIDTH(21)) u_dr_props (
    .clk_i, .rst_i(rst), .valid_i(dr_valid_o), .ready_i(dr_ready_i), .data_i({dr_slot_o, dr_off_o})
  );
  lib_ready_valid_props #(.WIDTH(48)) u_chk_props (
    .clk_i, .rst_i(rst), .valid_i(chk_valid_o), .ready_i(chk_ready_i),
    .data_i({chk_slot_o, chk_ctx_o, chk_write_o, chk_off_o, chk_len_o})
  );
  lib_ready_valid_props #(.WIDTH(15)) u_rel_props (
    .clk_i, .rst_i(rst), .valid_i(rel_valid_o), .ready_i(rel_ready_i), .data_i({rel_slot_o, rel_ctx_o})
  );
  lib_ready_valid_props #(.WIDTH(10)) u_irq_props (
    .clk_i, .rst_i(rst), .valid_i(irq_valid_o), .ready_i(irq_ready_i), .data_i({irq_ctx_o, irq_bits_o})
  );
  lib_ready_valid_props #(.WIDTH(28)) u_cst_props (
    .clk_i, .rst_i(rst), .valid_i(cst_valid_o), .ready_i(cst_ready_i), .data_i({cst_ctx_o, cst_idx_o, cst_add_o})
  );
  lib_ready_valid_props #(.WIDTH(77)) u_gq_props (
    .clk_i, .rst_i(rst), .valid_i(gq_valid), .ready_i(gq_ready), .data_i({gq_ctx, gq_gpage, gq_write, gq_queue, gq_low})
  );
`endif

  assign idle_o = !head_valid && split_idle && issue_idle && land_idle && retire_idle && !wr_out && guard_idle && guard_ready_o;

endmodule
