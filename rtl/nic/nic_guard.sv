// SPDX-License-Identifier: Apache-2.0
// The guard: translates (context, guest page) to a host page by that context's table in dom0 memory, or refuses. Every
// memory request of the NIC for a context passes here.

// docs/isolation.md has the tables and the rules. The way of a query:
//
//   gq_* -> nic_iotlb: hit ----------------------------------------------------> permission -> gr_*
//              |  miss                                                               ^  |
//              +----> nic_walker: walk cache, root, table reads (wk_*, wd_*), fill --+  +-> flt_* (refused)
//   hq_* -> nic_iotlb: miss ----> nic_walker, nobody waits
//
// One query at a time; an answer from the IOTLB comes six cycles after the query was accepted. Up to 16 walks: 15 that hints
// started, one kept for the query. A query whose page is being walked already waits for that walk.
//
// Queries of a context whose run bit is 0 are answered from the IOTLB as well (nic_dma_issue looks at the run bit itself), but no
// walk is started, none goes on, and nothing counts as a fault: the answer is STOPPED.
//
// Invalidation (INV_CONTROL, or inv_* with the root cleared too), one at a time:
//   1. the walker, between two steps of its own, forgets the context's walk cache and marks the context's walks as stale: what
//      they read is never used, and a query that waits for one starts again;
//   2. the IOTLB is swept, private entries of the context first, then the shared ones;
//   3. fence_valid_o until fence_done_i.
// A result goes from the walker into the IOTLB and to the query in one step of the walker, so at 1 none is on its way, and what is
// filled from then on was read after 1. A query answered during the sweep may still use an old entry; its answer comes
// before fence_valid_o rises, so the fence waits for what is done with it.
//
//   gq_*   query: context, guest page (guest address >> 12), 1 for a write of guest memory; queue and low address bits for the fault record
//   gr_*   answer, a pulse: DMA_STATUS OK with the host page, REFUSED, or STOPPED
//   hq_*   hint that a page will be asked for soon
//   wk_*, wd_*   table reads (8 or 64 bytes, aligned) and their data, 64-bit words in any order; answers of different reads in
//          any order. wd_last_i counts with wd_status_i; a word with a byte missing makes the read fail
//   inv_*  invalidation of a whole context, its root too, for nic_revoke; inv_done_o is a pulse
//   flt_*  a refused query; it is answered when its fault was taken
//   cfg_*  configuration bus: REGION_*, ROOT_*, INV_*
//   flow_rst_i  forgets query, hint and walks: no wd_* of a read that was accepted before may come after. Tables, IOTLB and an
//          invalidation under way stay
//   ev_*   pulses: query found in the IOTLB, not found, table read accepted, fault recorded, invalidation by INV_CONTROL done
//   ready_o  low after reset while tables are cleared (16 * NCTX cycles, at least 512); no query, cfg_* or inv_* before
//   idle_o nothing is under way
module nic_guard #(
`ifdef FORMAL
    parameter int unsigned WATCH = 0,  // 1: the proof below (rtl/formal/guard)
`endif
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,
    input  logic [NCTX-1:0] run_i,

    input  logic            gq_valid_i,
    output logic            gq_ready_o,
    input  logic [7:0]      gq_ctx_i,
    input  logic [51:0]     gq_gpage_i,
    input  logic            gq_write_i,
    input  logic [3:0]      gq_queue_i,
    input  logic [11:0]     gq_low_i,
    output logic            gr_valid_o,
    output logic [2:0]      gr_status_o,
    output logic [51:0]     gr_hpage_o,

    input  logic            hq_valid_i,
    output logic            hq_ready_o,
    input  logic [7:0]      hq_ctx_i,
    input  logic [26:0]     hq_gpage_i,
    input  logic            hq_write_i,

    output logic            wk_valid_o,
    input  logic            wk_ready_i,
    output logic [63:0]     wk_addr_o,
    output logic [6:0]      wk_len_o,
    output logic [3:0]      wk_id_o,
    input  logic            wd_valid_i,
    input  logic [3:0]      wd_id_i,
    input  logic [5:0]      wd_off_i,
    input  logic [63:0]     wd_data_i,
    input  logic [7:0]      wd_be_i,
    input  logic            wd_last_i,
    input  logic [2:0]      wd_status_i,

    input  logic            inv_valid_i,
    output logic            inv_ready_o,
    input  logic [7:0]      inv_ctx_i,
    output logic            inv_done_o,
    output logic            fence_valid_o,
    input  logic            fence_done_i,

    output logic            flt_valid_o,
    input  logic            flt_ready_i,
    output logic [7:0]      flt_ctx_o,
    output logic [63:0]     flt_addr_o,
    output logic [2:0]      flt_kind_o,
    output logic            flt_write_o,
    output logic [3:0]      flt_queue_o,

    input  logic            cfg_we_i,
    input  logic            cfg_re_i,
    input  logic [7:0]      cfg_addr_i,
    input  logic [7:0]      cfg_ctx_i,
    input  logic [31:0]     cfg_wdata_i,
    output logic [31:0]     cfg_rdata_o,

    output logic            ev_hit_o,
    output logic            ev_miss_o,
    output logic            ev_walk_read_o,
    output logic            ev_fault_o,
    output logic            ev_inv_o,
    output logic            ready_o,
    output logic            idle_o
);

  localparam logic [7:0] AtRegionLo    = glregs_pkg::BAR0_REGION_LO[7:0];
  localparam logic [7:0] AtRegionHi    = glregs_pkg::BAR0_REGION_HI[7:0];
  localparam logic [7:0] AtRegionPages = glregs_pkg::BAR0_REGION_PAGES[7:0];
  localparam logic [7:0] AtRootLo      = glregs_pkg::BAR0_ROOT_LO[7:0];
  localparam logic [7:0] AtRootHi      = glregs_pkg::BAR0_ROOT_HI[7:0];
  localparam logic [7:0] AtInvPage     = glregs_pkg::BAR0_INV_PAGE[7:0];
  localparam logic [7:0] AtInvPages    = glregs_pkg::BAR0_INV_PAGES[7:0];
  localparam logic [7:0] AtInvControl  = glregs_pkg::BAR0_INV_CONTROL[7:0];
  localparam logic [7:0] AtInvCycles   = glregs_pkg::BAR0_INV_CYCLES[7:0];

  localparam logic [2:0] StOk      = glregs_pkg::DMA_STATUS_OK[2:0];
  localparam logic [2:0] StRefused = glregs_pkg::DMA_STATUS_REFUSED[2:0];
  localparam logic [2:0] StStopped = glregs_pkg::DMA_STATUS_STOPPED[2:0];

  localparam logic [2:0] KdNone       = glregs_pkg::FAULT_KIND_NONE[2:0];
  localparam logic [2:0] KdPermission = glregs_pkg::FAULT_KIND_PERMISSION[2:0];
  localparam logic [2:0] KdRange      = glregs_pkg::FAULT_KIND_RANGE[2:0];

  logic        tlb_ready, walker_ready, walker_idle, stale;
  logic        lq_done, hl_done, lk_hit, lk_r, lk_w;
  logic [39:0] lk_hpage;
  logic        res_valid, res_stop, res_r, res_w;
  logic [2:0]  res_kind;
  logic [39:0] res_hpage;
  logic        hs_done, mk_done, sw_done;

  assign ready_o = tlb_ready && walker_ready;

  // --- The query ---
  typedef enum logic [2:0] {
    IDLE,
    LOOK,   // in the IOTLB
    WALK,   // not found there
    FAULT,  // refused
    TAKEN   // ... until the fault was taken
  } state_e;
  state_e state_q;

  logic [7:0]   ctx_q;
  logic [51:0]  gpage_q;
  logic         write_q;
  logic [3:0]   queue_q;
  logic [11:0]  low_q;
  logic         range_q, run_q;
  logic [2:0]   kind_q;
  logic [255:0] run_all;
  logic         found, allowed;    // an answer of IOTLB or walker names a page; its permissions allow the access
  logic [2:0]   found_kind;
  logic         found_stop;

  assign run_all    = 256'(run_i);
  assign gq_ready_o = state_q == IDLE && ready_o;
  assign found      = (state_q == LOOK && lq_done && lk_hit) || (state_q == WALK && res_valid);
  assign found_stop = state_q == WALK && res_stop;
  assign found_kind = state_q == WALK ? res_kind : KdNone;
  assign allowed    = state_q == WALK ? (write_q ? res_w : res_r) : (write_q ? lk_w : lk_r);

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (gq_valid_i && gq_ready_o) state_q <= LOOK;
        LOOK, WALK: begin
          if (range_q)                state_q <= FAULT;
          else if (found)             state_q <= found_stop || (found_kind == KdNone && allowed) ? IDLE : FAULT;
          else if (lq_done)           state_q <= WALK;
        end
        FAULT: begin
          if (!run_q)            state_q <= IDLE;
          else if (!flt_valid_o) state_q <= TAKEN;
        end
        TAKEN: if (flt_ready_i) state_q <= IDLE;
        default: state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      ctx_q   <= gq_ctx_i;
      gpage_q <= gq_gpage_i;
      write_q <= gq_write_i;
      queue_q <= gq_queue_i;
      low_q   <= gq_low_i;
    end
    range_q <= state_q == IDLE && gq_gpage_i[51:27] != '0;
    run_q   <= run_all[ctx_q];
    if (range_q) kind_q <= KdRange;
    else if (found) kind_q <= found_kind == KdNone ? KdPermission : found_kind;
  end

  // The answer
  logic        gr_valid_q;
  logic [2:0]  gr_status_q;
  logic [39:0] gr_hpage_q;

  always_ff @(posedge clk_i) begin
    gr_valid_q <= !rst_i && !flow_rst_i && !range_q &&
                  ((found && (found_stop || (found_kind == KdNone && allowed))) || (state_q == FAULT && !run_q)
                   || (state_q == TAKEN && flt_ready_i));
    gr_status_q <= state_q == TAKEN ? StRefused : state_q == FAULT || found_stop ? StStopped : StOk;
    gr_hpage_q  <= state_q == WALK ? res_hpage : lk_hpage;
  end

  assign gr_valid_o  = gr_valid_q;
  assign gr_status_o = gr_status_q;
  assign gr_hpage_o  = {12'd0, gr_hpage_q};

  // The fault: kept even when the flow is reset
  logic        flt_valid_q, flt_write_q;
  logic [7:0]  flt_ctx_q;
  logic [63:0] flt_addr_q;
  logic [2:0]  flt_kind_q;
  logic [3:0]  flt_queue_q;
  logic        flt_put;

  assign flt_put = state_q == FAULT && run_q && !flt_valid_q && !flow_rst_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) flt_valid_q <= 1'b0;
    else flt_valid_q <= flt_put || (flt_valid_q && !flt_ready_i);
    if (flt_put) begin
      flt_ctx_q   <= ctx_q;
      flt_addr_q  <= {gpage_q, low_q};
      flt_kind_q  <= kind_q;
      flt_write_q <= write_q;
      flt_queue_q <= queue_q;
    end
  end

  assign flt_valid_o = flt_valid_q;
  assign flt_ctx_o   = flt_ctx_q;
  assign flt_addr_o  = flt_addr_q;
  assign flt_kind_o  = flt_kind_q;
  assign flt_write_o = flt_write_q;
  assign flt_queue_o = flt_queue_q;

  // --- The hint ---
  typedef enum logic [1:0] {H_IDLE, H_LOOK, H_WALK} hint_e;
  hint_e       hint_q;
  logic [7:0]  h_ctx_q;
  logic [26:0] h_page_q;
  logic        h_unused;

  assign h_unused   = hq_write_i;  // a walk serves reads and writes
  assign hq_ready_o = hint_q == H_IDLE && ready_o;

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      hint_q <= H_IDLE;
    end else begin
      unique case (hint_q)
        H_IDLE: if (hq_valid_i && hq_ready_o) hint_q <= H_LOOK;
        H_LOOK: if (hl_done) hint_q <= lk_hit ? H_IDLE : H_WALK;
        H_WALK: if (hs_done) hint_q <= H_IDLE;
        default: hint_q <= H_IDLE;
      endcase
    end
    if (hint_q == H_IDLE) begin
      h_ctx_q  <= hq_ctx_i;
      h_page_q <= hq_gpage_i;
    end
  end

  // --- Registers ---
  logic [51:0] region_base_q, root_q;
  logic [23:0] region_pages_q;
  logic [31:0] root_hi_q;
  logic [26:0] inv_page_q;
  logic [27:0] inv_pages_q;
  logic [28:0] inv_end_q;         // last page to invalidate
  logic [31:0] inv_cycles_q, inv_count_q;
  logic        inv_new_q, inv_all_q, inv_wait_q, inv_busy_q;
  logic [7:0]  inv_ctx_q;
  logic        root_we_q;
  logic        root_v_q;
  logic        inv_end;           // of an invalidation that INV_CONTROL began

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      region_base_q  <= '0;
      region_pages_q <= '0;
      root_hi_q      <= '0;
      inv_page_q     <= '0;
      inv_pages_q    <= '0;
      inv_new_q      <= 1'b0;
      inv_busy_q     <= 1'b0;
      inv_cycles_q   <= '0;
      root_we_q      <= 1'b0;
    end else begin
      root_we_q <= cfg_we_i && cfg_addr_i == AtRootLo;
      inv_new_q <= cfg_we_i && cfg_addr_i == AtInvControl && !inv_busy_q;
      if (cfg_we_i) begin
        unique case (cfg_addr_i)
          AtRegionLo:    region_base_q[19:0]  <= cfg_wdata_i[31:12];
          AtRegionHi:    region_base_q[51:20] <= cfg_wdata_i;
          AtRegionPages: region_pages_q       <= cfg_wdata_i[23:0];
          AtRootHi:      root_hi_q            <= cfg_wdata_i;
          AtInvPage:     inv_page_q           <= cfg_wdata_i[26:0];
          AtInvPages:    inv_pages_q          <= cfg_wdata_i[27:0];
          AtInvControl:  inv_busy_q           <= 1'b1;
          default: ;
        endcase
      end
      if (inv_end) begin
        inv_busy_q   <= 1'b0;
        inv_cycles_q <= inv_count_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    root_v_q   <= cfg_wdata_i[0];
    root_q     <= {root_hi_q, cfg_wdata_i[31:12]};
    inv_end_q  <= {2'd0, inv_page_q} + {1'b0, inv_pages_q} - 29'd1;
    if (!inv_busy_q) begin
      inv_ctx_q <= cfg_ctx_i;
      inv_all_q <= cfg_wdata_i[0];
    end
    inv_count_q <= inv_busy_q ? inv_count_q + 32'd1 : 32'd1;
  end

  // Reading: the address one cycle later, the register's value two, the output three. The root comes out of the walker's RAM.
  logic        rd1_q, rd1_root_q, rd2_q, rd2_lo_q, rd2_hi_q;
  logic [7:0]  rd1_addr_q, rd1_ctx_q;
  logic [31:0] rd2_data_q, rd3_data_q;
  logic [52:0] root_rdata;

  always_ff @(posedge clk_i) begin
    rd1_q      <= cfg_re_i && !rst_i;
    rd1_root_q <= cfg_re_i && !rst_i && (cfg_addr_i == AtRootLo || cfg_addr_i == AtRootHi);
    rd1_addr_q <= cfg_addr_i;
    rd1_ctx_q  <= cfg_ctx_i;
    rd2_q      <= rd1_q && !rst_i;
    rd2_lo_q   <= rd1_addr_q == AtRootLo;
    rd2_hi_q   <= rd1_addr_q == AtRootHi;
    unique case (rd1_addr_q)
      AtRegionLo:    rd2_data_q <= {region_base_q[19:0], 12'd0};
      AtRegionHi:    rd2_data_q <= region_base_q[51:20];
      AtRegionPages: rd2_data_q <= {8'd0, region_pages_q};
      AtInvPage:     rd2_data_q <= {5'd0, inv_page_q};
      AtInvPages:    rd2_data_q <= {4'd0, inv_pages_q};
      AtInvControl:  rd2_data_q <= {inv_busy_q, 31'd0};
      AtInvCycles:   rd2_data_q <= inv_cycles_q;
      default:       rd2_data_q <= '0;
    endcase
    if (rst_i) rd3_data_q <= '0;
    else if (rd2_q) rd3_data_q <= rd2_lo_q ? {root_rdata[19:0], 11'd0, root_rdata[52]} : rd2_hi_q ? root_rdata[51:20] : rd2_data_q;
  end

  assign cfg_rdata_o = rd3_data_q;

  // --- Invalidation ---
  typedef enum logic [2:0] {I_IDLE, I_MARK, I_SWEEP, I_FENCE, I_STALE, I_DONE} inv_e;
  inv_e        inv_q;
  logic [7:0]  i_ctx_q;
  logic [26:0] i_first_q, i_last_q, w_first_q, w_last_q;
  logic        i_revoke_q;

  assign inv_ready_o = inv_q == I_IDLE && ready_o;
  assign inv_end     = inv_q == I_DONE && !i_revoke_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      inv_q      <= I_IDLE;
      inv_wait_q <= 1'b0;
    end else begin
      unique case (inv_q)
        I_IDLE: if (inv_ready_o && (inv_valid_i || inv_wait_q)) begin
          inv_q <= I_MARK;
          if (!inv_valid_i) inv_wait_q <= 1'b0;
        end
        I_MARK: if (mk_done) inv_q <= I_SWEEP;
        I_SWEEP: if (sw_done) inv_q <= I_FENCE;
        I_FENCE: if (fence_done_i) inv_q <= I_STALE;
        I_STALE: if (!stale) inv_q <= I_DONE;
        I_DONE: inv_q <= I_IDLE;
        default: inv_q <= I_IDLE;
      endcase
      if (inv_new_q) inv_wait_q <= 1'b1;
    end
    if (inv_new_q) begin
      w_first_q <= inv_all_q ? '0 : inv_page_q;
      w_last_q  <= inv_all_q || inv_end_q[28:27] != '0 ? '1 : inv_end_q[26:0];
    end
    if (inv_q == I_IDLE) begin
      i_revoke_q <= inv_valid_i;
      i_ctx_q    <= inv_valid_i ? inv_ctx_i : inv_ctx_q;
      i_first_q  <= inv_valid_i ? '0 : w_first_q;
      i_last_q   <= inv_valid_i ? '1 : w_last_q;
    end
  end

  assign inv_done_o    = inv_q == I_DONE && i_revoke_q;
  assign fence_valid_o = inv_q == I_FENCE;
  assign ev_inv_o      = inv_end;

  // --- IOTLB and walker ---
  logic        fl_valid, fl_shared, fl_r, fl_w, fl_done;
  logic [7:0]  fl_ctx;
  logic [26:0] fl_page;
  logic [39:0] fl_hpage;

  nic_iotlb #(.NCTX(NCTX)) u_iotlb (
    .clk_i,
    .rst_i,
    .flow_rst_i,
    .lq_valid_i  (state_q == LOOK && !range_q),
    .lq_ctx_i    (ctx_q),
    .lq_page_i   (gpage_q[26:0]),
    .lq_done_o   (lq_done),
    .hl_valid_i  (hint_q == H_LOOK),
    .hl_ctx_i    (h_ctx_q),
    .hl_page_i   (h_page_q),
    .hl_done_o   (hl_done),
    .lk_hit_o    (lk_hit),
    .lk_r_o      (lk_r),
    .lk_w_o      (lk_w),
    .lk_hpage_o  (lk_hpage),
    .fl_valid_i  (fl_valid),
    .fl_shared_i (fl_shared),
    .fl_ctx_i    (fl_ctx),
    .fl_page_i   (fl_page),
    .fl_hpage_i  (fl_hpage),
    .fl_r_i      (fl_r),
    .fl_w_i      (fl_w),
    .fl_done_o   (fl_done),
    .sw_valid_i  (inv_q == I_SWEEP),
    .sw_ctx_i    (i_ctx_q),
    .sw_first_i  (i_first_q),
    .sw_last_i   (i_last_q),
    .sw_done_o   (sw_done),
    .ready_o     (tlb_ready)
  );

  nic_walker #(.NCTX(NCTX)) u_walker (
    .clk_i,
    .rst_i,
    .flow_rst_i,
    .run_i,
    .dm_valid_i     (state_q == WALK),
    .dm_ctx_i       (ctx_q),
    .dm_page_i      (gpage_q[26:0]),
    .res_valid_o    (res_valid),
    .res_stop_o     (res_stop),
    .res_kind_o     (res_kind),
    .res_r_o        (res_r),
    .res_w_o        (res_w),
    .res_hpage_o    (res_hpage),
    .hs_valid_i     (hint_q == H_WALK),
    .hs_ctx_i       (h_ctx_q),
    .hs_page_i      (h_page_q),
    .hs_done_o      (hs_done),
    .fl_valid_o     (fl_valid),
    .fl_shared_o    (fl_shared),
    .fl_ctx_o       (fl_ctx),
    .fl_page_o      (fl_page),
    .fl_hpage_o     (fl_hpage),
    .fl_r_o         (fl_r),
    .fl_w_o         (fl_w),
    .fl_done_i      (fl_done),
    .mk_valid_i     (inv_q == I_MARK),
    .mk_ctx_i       (i_ctx_q),
    .mk_root_i      (i_revoke_q),
    .mk_done_o      (mk_done),
    .stale_o        (stale),
    .wk_valid_o,
    .wk_ready_i,
    .wk_addr_o,
    .wk_len_o,
    .wk_id_o,
    .wd_valid_i,
    .wd_id_i,
    .wd_off_i,
    .wd_data_i,
    .wd_be_i,
    .wd_last_i,
    .wd_status_i,
    .region_base_i  (region_base_q),
    .region_pages_i (region_pages_q),
    .rt_we_i        (root_we_q),
    .rt_re_i        (rd1_root_q),
    .rt_ctx_i       (rd1_ctx_q),
    .rt_wdata_i     ({root_v_q, root_q}),
    .rt_rdata_o     (root_rdata),
    .ev_read_o      (ev_walk_read_o),
    .ready_o        (walker_ready),
    .idle_o         (walker_idle)
  );

  // --- Events and state ---
  assign ev_hit_o   = state_q == LOOK && lq_done && lk_hit;
  assign ev_miss_o  = state_q == LOOK && lq_done && !lk_hit;
  assign ev_fault_o = flt_put;
  assign idle_o     = state_q == IDLE && !gr_valid_q && hint_q == H_IDLE && inv_q == I_IDLE && !inv_busy_q && !flt_valid_q && walker_idle
                      && ready_o;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_guard: NCTX must be 1 to 256");

  lib_ready_valid_props #(.WIDTH(80)) u_flt_props (
    .clk_i, .rst_i, .valid_i(flt_valid_o), .ready_i(flt_ready_i), .data_i({flt_ctx_o, flt_addr_o, flt_kind_o, flt_write_o, flt_queue_o})
  );
`endif

`ifdef FORMAL
  // One page of one context is followed, any page. From some time on (fresh) the tables translate it as t_* says, or not at all. After
  // an invalidation that was asked for since then, and from its fence on already, the page is answered OK only so, and only for an access
  // that is allowed. IOTLB and walker are free here, but for what their own proofs say (the assumptions below).
  if (WATCH != 0) begin : g_watch
    (* anyconst *) logic [7:0]  f_ctx;
    (* anyconst *) logic [26:0] f_page;
    (* anyconst *) logic        t_ok, t_r, t_w, f_start;
    (* anyconst *) logic [39:0] t_hpage;
    (* anyseq *)   logic        f_now;
    always_comb assume (f_ctx < NCTX);

    logic sw_valid, mk_valid, lq_valid;
    assign sw_valid = inv_q == I_SWEEP;
    assign mk_valid = inv_q == I_MARK;
    assign lq_valid = state_q == LOOK && !range_q;

    logic f_past_q = 1'b0, f_fresh_q;
    always_ff @(posedge clk_i) begin
      f_past_q <= !rst_i;
      if (rst_i) f_fresh_q <= f_start;
      else if (f_now) f_fresh_q <= 1'b1;
    end

    // The walker: after a mark that was asked for when fresh, fills and results are what the tables say.
    logic f_mark_q, f_settled_q, f_res_true, f_fill_true;
    assign f_res_true  = t_ok && {res_r, res_w, res_hpage} == {t_r, t_w, t_hpage};
    assign f_fill_true = t_ok && {fl_r, fl_w, fl_hpage} == {t_r, t_w, t_hpage};
    always_ff @(posedge clk_i) begin
      if (rst_i) {f_mark_q, f_settled_q} <= {1'b0, f_start};
      else begin
        if (!mk_valid) f_mark_q <= f_fresh_q;
        if (mk_done && f_mark_q && i_ctx_q == f_ctx) f_settled_q <= 1'b1;
      end
    end
    always_comb begin
      assume (!(f_settled_q && fl_valid && fl_ctx == f_ctx && fl_page == f_page) || f_fill_true);
      assume (!(f_settled_q && res_valid && ctx_q == f_ctx && gpage_q[26:0] == f_page && !res_stop && res_kind == KdNone) || f_res_true);
      assume (!res_valid || state_q == WALK);
      assume (!mk_done || mk_valid);
      assume (!fl_done || fl_valid);
      assume (!sw_done || (sw_valid && f_swept_q));  // a sweep takes more than a cycle
      assume (!lq_done || (lq_valid && !sw_done));
      assume (!hl_done || hint_q == H_LOOK);
      assume (!hs_done || hint_q == H_WALK);
    end

    // The IOTLB: once all that was filled in for the page since a sweep of it began was right, it is found so or not at all.
    logic f_covers, f_sweep_q, f_dirty_q, f_fill_bad, f_swept_q;
    always_ff @(posedge clk_i) f_swept_q <= sw_valid;
    assign f_covers   = sw_valid && i_ctx_q == f_ctx && i_first_q <= f_page && f_page <= i_last_q;
    assign f_fill_bad = fl_done && fl_ctx == f_ctx && fl_page == f_page && !f_fill_true;
    always_ff @(posedge clk_i) begin
      if (rst_i) {f_sweep_q, f_dirty_q} <= '0;
      else begin
        f_sweep_q <= f_covers && !sw_done && !f_fill_bad && (f_sweep_q || !$past(sw_valid));
        if (f_fill_bad) f_dirty_q <= 1'b1;
        else if (sw_done && f_sweep_q) f_dirty_q <= 1'b0;
      end
    end
    always_comb assume (!(lq_done && ctx_q == f_ctx && gpage_q[26:0] == f_page && lk_hit && !f_dirty_q) ||
                        (t_ok && {lk_r, lk_w, lk_hpage} == {t_r, t_w, t_hpage}));

    // What was asked for since fresh
    logic f_want_cfg_q, f_want_rev_q, f_sure_q, f_asked, f_fence_sure, f_cfg_runs, f_new_covers;
    logic [28:0] f_end;
    assign f_end   = {2'd0, inv_page_q} + {1'b0, inv_pages_q};
    assign f_asked = cfg_we_i && cfg_addr_i == AtInvControl && !inv_busy_q && cfg_ctx_i == f_ctx && f_fresh_q && inv_pages_q != '0 &&
                     (cfg_wdata_i[0] || (inv_page_q <= f_page && {2'd0, f_page} < f_end));
    always_ff @(posedge clk_i) begin
      if (rst_i) {f_want_cfg_q, f_want_rev_q, f_sure_q} <= {2'b00, f_start};
      else begin
        if (f_asked) f_want_cfg_q <= 1'b1;
        else if (inv_end) f_want_cfg_q <= 1'b0;
        if (inv_valid_i && inv_ready_o) f_want_rev_q <= inv_ctx_i == f_ctx && f_fresh_q;
        if ((inv_end && f_want_cfg_q) || (inv_done_o && f_want_rev_q)) f_sure_q <= 1'b1;
      end
    end
    assign f_cfg_runs   = inv_q != I_IDLE && !i_revoke_q;
    assign f_new_covers = inv_page_q <= f_page && {2'd0, f_page} < f_end && inv_end_q == f_end - 29'd1;
    assign f_fence_sure = fence_valid_o && (i_revoke_q ? f_want_rev_q : f_want_cfg_q);

    // The query as it was accepted
    logic [7:0]  f_q_ctx_q;
    logic [51:0] f_q_page_q;
    logic        f_q_write_q;
    always_ff @(posedge clk_i) if (gq_valid_i && gq_ready_o) {f_q_ctx_q, f_q_page_q, f_q_write_q} <= {gq_ctx_i, gq_gpage_i, gq_write_i};

    // The rules of the inputs
    always_comb begin
      assume (!cfg_we_i || ({1'b0, cfg_ctx_i} < 9'(NCTX) && ready_o));
      assume (!inv_valid_i || {1'b0, inv_ctx_i} < 9'(NCTX));
      assume (!rst_i || !cfg_we_i);
    end

    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q) begin
        answer: assert (!(gr_valid_o && gr_status_o == StOk && (f_sure_q || f_fence_sure) && f_q_ctx_q == f_ctx && f_q_page_q == {25'd0, f_page}) ||
                        (t_ok && (f_q_write_q ? t_w : t_r) && gr_hpage_o == {12'd0, t_hpage}));
        range: assert (!(gr_valid_o && gr_status_o == StOk) || f_q_page_q[51:27] == '0);
        status: assert (!gr_valid_o || gr_status_o == StOk || gr_status_o == StRefused || gr_status_o == StStopped);

        // What the proofs of IOTLB and walker ask of the guard
        rule_lookup: assert (!$past(lq_valid && !lq_done && !flow_rst_i && !rst_i) || (lq_valid && $stable(ctx_q) && $stable(gpage_q)));
        rule_walk: assert (!$past(state_q == WALK && !res_valid && !flow_rst_i && !rst_i) ||
                           (state_q == WALK && $stable(ctx_q) && $stable(gpage_q)));
        rule_walked: assert (!$past(res_valid) || state_q != WALK);
        rule_sweep: assert (!$past(sw_valid && !sw_done && !rst_i) ||
                            (sw_valid && $stable(i_ctx_q) && $stable(i_first_q) && $stable(i_last_q)));
        rule_swept: assert (!$past(sw_done) || !sw_valid);
        rule_mark: assert (!$past(mk_valid && !mk_done && !rst_i) || (mk_valid && $stable(i_ctx_q) && $stable(i_revoke_q)));
        rule_marked: assert (!$past(mk_done) || !mk_valid);
        rule_ctx: assert (inv_q == I_IDLE || {1'b0, i_ctx_q} < 9'(NCTX));
        rule_hint: assert (!$past((hint_q == H_LOOK && !hl_done) || (hint_q == H_WALK && !hs_done)) || $past(flow_rst_i) ||
                           (hint_q == $past(hint_q) && $stable(h_ctx_q) && $stable(h_page_q)));

        // Why
        kept: assert (state_q == IDLE || (f_q_ctx_q == ctx_q && f_q_page_q == gpage_q && f_q_write_q == write_q));
        in_range: assert (!(state_q == LOOK || state_q == WALK) || range_q == (gpage_q[51:27] != '0));
        wait_ctx: assert (!(inv_new_q || inv_wait_q) || ({1'b0, inv_ctx_q} < 9'(NCTX) && inv_busy_q));
        want: assert (!f_want_cfg_q || (inv_busy_q && f_fresh_q));
        want_new: assert (!(f_want_cfg_q && inv_new_q) || (inv_ctx_q == f_ctx && (inv_all_q || f_new_covers)));
        want_wait: assert (!(f_want_cfg_q && inv_wait_q) || (inv_ctx_q == f_ctx && w_first_q <= f_page && f_page <= w_last_q));
        want_one: assert (!inv_busy_q || {1'b0, inv_new_q} + {1'b0, inv_wait_q} + {1'b0, f_cfg_runs} == 2'd1);
        want_runs: assert (!f_cfg_runs || inv_busy_q);
        runs: assert (!((f_cfg_runs && f_want_cfg_q) || (inv_q != I_IDLE && i_revoke_q && f_want_rev_q)) ||
                      (f_fresh_q && i_ctx_q == f_ctx && i_first_q <= f_page && f_page <= i_last_q &&
                       (inv_q != I_MARK || f_mark_q) && (inv_q == I_MARK || f_settled_q) &&
                       (inv_q == I_MARK || inv_q == I_SWEEP || !f_dirty_q) &&
                       (inv_q != I_SWEEP || !$past(inv_q == I_SWEEP) || f_sweep_q)));
        sure: assert (!f_sure_q || (f_settled_q && !f_dirty_q));
        settled: assert ((!f_settled_q && !f_mark_q) || f_fresh_q);
      end
    end
  end
`endif

endmodule
