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

  // Until the walker is here: nothing is mapped.
  logic unused, gr_valid_q, fence_q, inv_done_q;
  assign unused = ^{flow_rst_i, run_i, gq_ctx_i, gq_gpage_i, gq_write_i, gq_queue_i, gq_low_i, hq_valid_i, hq_ctx_i, hq_gpage_i, hq_write_i,
                    wk_ready_i, wd_valid_i, wd_id_i, wd_off_i, wd_data_i, wd_be_i, wd_last_i, wd_status_i, inv_ctx_i, flt_ready_i,
                    cfg_we_i, cfg_re_i, cfg_addr_i, cfg_ctx_i, cfg_wdata_i};

  always_ff @(posedge clk_i) begin
    gr_valid_q <= !rst_i && gq_valid_i;
    fence_q    <= !rst_i && ((inv_valid_i && inv_ready_o) || (fence_q && !fence_done_i));
    inv_done_q <= !rst_i && fence_q && fence_done_i;
  end

  assign gq_ready_o     = 1'b1;
  assign gr_valid_o     = gr_valid_q;
  assign gr_status_o    = glregs_pkg::DMA_STATUS_REFUSED[2:0];
  assign gr_hpage_o     = '0;
  assign hq_ready_o     = 1'b1;
  assign wk_valid_o     = 1'b0;
  assign wk_addr_o      = '0;
  assign wk_len_o       = '0;
  assign wk_id_o        = '0;
  assign inv_ready_o    = !fence_q;
  assign inv_done_o     = inv_done_q;
  assign fence_valid_o  = fence_q;
  assign flt_valid_o    = 1'b0;
  assign flt_ctx_o      = '0;
  assign flt_addr_o     = '0;
  assign flt_kind_o     = '0;
  assign flt_write_o    = 1'b0;
  assign flt_queue_o    = '0;
  assign cfg_rdata_o    = '0;
  assign ev_hit_o       = 1'b0;
  assign ev_miss_o      = 1'b0;
  assign ev_walk_read_o = 1'b0;
  assign ev_fault_o     = 1'b0;
  assign ev_inv_o       = 1'b0;
  assign ready_o        = 1'b1;
  assign idle_o         = !gr_valid_q && !fence_q;

endmodule
