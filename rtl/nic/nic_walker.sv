// SPDX-License-Identifier: Apache-2.0
// Table walker of the guard: finds the translation of a guest page in the context's table in dom0 memory.

// docs/isolation.md has the tables. One state machine takes small jobs, one after the other, and is idle between them, while
// up to WALKS table reads are outstanding:
//
//   mark   an invalidation begins: the context's walk cache is cleared (its root too), its walks become stale
//   start  of a walk, for the query or for a hint: nothing is done if the page is being walked already; else the walk cache is looked up,
//          then the root; the first table read goes out, or a 2 MiB page of the walk cache is the result at once
//   data   a table read has ended: the entry is checked, and the next table read goes out or the walk ends
//
// A walk ends with a result: a host page with its permissions, or the kind of the fault. A host page goes into the IOTLB, then, if the
// query waits for this page, the result goes to the query, and all that before the next job. (A refusal that a hint's walk met is not the
// query's: the entry may have been written since. The query then walks itself.) So no result is on its way when a
// mark job begins, and all that is read before it is not used after it. The last table is read 64 bytes at a time; the seven
// neighbours of the entry that was wanted go into the shared part of the IOTLB if nothing urgent waits.
//
// The last walk belongs to the query, the others to hints: whatever hints do, the query's walk starts. Permissions are
// ANDed on the way down; whether they suffice is for the guard to say.
//
// The upper RAM holds for each context, from address 8 * context on, four walk cache entries (indexed by guest address
// bits 22:21; each the level 2 entry of 2 MiB) and the root (at 4). rt_* writes the root or reads it, at any time; the state
// machine waits a cycle then.
//
//   dm_*    the query waits for this page, held until res_valid_o: res_stop_o, or res_kind_o (FAULT_KIND), or the page
//   hs_*    a hint, held until hs_done_o
//   fl_*    to the IOTLB; mk_* mark job, held until mk_done_o; stale_o: a stale walk still waits for its read
//   region_*   the table region; no other address is read
//   rt_rdata_o is valid in the cycle after rt_re_i
module nic_walker #(
`ifdef FORMAL
    parameter int unsigned WATCH = 0,  // 1: the proof below (rtl/formal/guard)
`endif
    parameter int unsigned NCTX  = 32,
    parameter int unsigned WALKS = 16   // walks under way, 2 to 16
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,
    input  logic [NCTX-1:0] run_i,

    input  logic            dm_valid_i,
    input  logic [7:0]      dm_ctx_i,
    input  logic [26:0]     dm_page_i,
    output logic            res_valid_o,
    output logic            res_stop_o,
    output logic [2:0]      res_kind_o,
    output logic            res_r_o,
    output logic            res_w_o,
    output logic [39:0]     res_hpage_o,

    input  logic            hs_valid_i,
    input  logic [7:0]      hs_ctx_i,
    input  logic [26:0]     hs_page_i,
    output logic            hs_done_o,

    output logic            fl_valid_o,
    output logic            fl_shared_o,
    output logic [7:0]      fl_ctx_o,
    output logic [26:0]     fl_page_o,
    output logic [39:0]     fl_hpage_o,
    output logic            fl_r_o,
    output logic            fl_w_o,
    input  logic            fl_done_i,

    input  logic            mk_valid_i,
    input  logic [7:0]      mk_ctx_i,
    input  logic            mk_root_i,
    output logic            mk_done_o,
    output logic            stale_o,

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

    input  logic [51:0]     region_base_i,
    input  logic [23:0]     region_pages_i,
    input  logic            rt_we_i,
    input  logic            rt_re_i,
    input  logic [7:0]      rt_ctx_i,
    input  logic [52:0]     rt_wdata_i,
    output logic [52:0]     rt_rdata_o,

    output logic            ev_read_o,
    output logic            ready_o,
    output logic            idle_o
);

  localparam int unsigned Uppers = NCTX * 8;
  localparam int unsigned UAw    = $clog2(Uppers);
  localparam int unsigned UW     = 1 + 18 + 1 + 2 + 40;  // valid, guest address bits 38:21, leaf, R and W, address bits 51:12
  localparam logic [UAw-1:0] LastUpper = UAw'(Uppers - 1);
  localparam logic [8:0]     NumCtx    = 9'(NCTX);
  localparam logic [3:0]     Own       = 4'(WALKS - 1);  // walk of the query

  localparam logic [2:0] KdNone       = glregs_pkg::FAULT_KIND_NONE[2:0];
  localparam logic [2:0] KdNotPresent = glregs_pkg::FAULT_KIND_NOT_PRESENT[2:0];
  localparam logic [2:0] KdRoot       = glregs_pkg::FAULT_KIND_ROOT[2:0];
  localparam logic [2:0] KdRegion     = glregs_pkg::FAULT_KIND_REGION[2:0];
  localparam logic [2:0] KdWalkError  = glregs_pkg::FAULT_KIND_WALK_ERROR[2:0];
  localparam logic [2:0] KdReserved   = glregs_pkg::FAULT_KIND_RESERVED[2:0];

  typedef enum logic [4:0] {
    IDLE,
    MARK,      // entries of the upper RAM are cleared, one per cycle
    LOOK,      // start: read the walk cache; is the page being walked?
    LOOK_W,
    LOOK_T,    // tag
    LOOK_GO,
    ROOT,      // read the root
    ROOT_W,
    ROOT_GO,
    NEXT,      // a table address: distance from the region
    NEXT_C,    // inside?
    NEXT_GO,   // read it
    LOAD,      // data: what is known of the walk
    DATA,      // read the entry
    DATA_W,
    DATA_C,    // check it
    DATA_GO,
    CACHE,     // write the walk cache
    FILL,      // write the IOTLB
    MATCH,     // does the query wait for this page?
    ANSWER,
    NEAR,      // a neighbour: read
    NEAR_W,
    NEAR_C,
    NEAR_FILL
  } state_e;
  state_e state_q;

  // --- The job: a walk as far as it has come ---
  logic [7:0]  ctx_q;
  logic [26:0] page_q;
  logic        query_q, hint_q;  // this is a start job for the query, for a hint
  logic        slot_q;           // it has a walk number
  logic [3:0]  id_q;
  logic [1:0]  level_q;          // of the table that addr_q names
  logic        r_q, w_q;         // permissions so far
  logic        upper_r_q, upper_w_q;
  logic [51:0] addr_q;           // table page, or the result
  logic [2:0]  kind_q;
  logic        stop_q;
  logic        near_q;           // neighbours may follow
  logic [2:0]  k_q;              // which neighbour, or entry of the upper RAM
  logic        run_q, ctx_ok_q;
  logic        taken_q;          // the query's walk is under way (its own or another)
  logic [255:0] run_all;

  assign run_all = 256'(run_i);

  // --- Walks ---
  logic [WALKS-1:0]  busy_q, stale_q, bad_q, same;
  logic [WALKS-1:0][34:0] walk_q;     // context and page, all at once for the comparisons
  logic [38:0]       walk_mem [WALKS];  // the same, the level of the table being read, permissions
  logic              own_done_q;   // the read of the query's walk has ended
  logic              fifo_valid, fifo_pop;
  logic [3:0]        fifo_id;
  logic [3:0]        free_q;     // a free one of the others
  logic              any_free;
  logic              issue, finish;
  logic [3:0]        issue_id;

  assign any_free = busy_q[WALKS-2:0] != '1;

  always_ff @(posedge clk_i) begin
    free_q <= 4'd0;
    for (int i = int'(WALKS) - 2; i >= 0; i--) if (!busy_q[i]) free_q <= 4'(i);
  end

  // Table reads end in any order; they are served in the order in which they ended, but the query's own goes first.
  /* verilator lint_off PINCONNECTEMPTY */
  lib_fifo #(.WIDTH(4), .DEPTH_LOG2(4)) u_ended (
    .clk_i,
    .rst_i      (rst_i || flow_rst_i),
    .wr_valid_i (wd_valid_i && wd_last_i && wd_id_i != Own && busy_q[wd_id_i]),
    .wr_ready_o (),
    .wr_data_i  (wd_id_i),
    .rd_valid_o (fifo_valid),
    .rd_ready_i (fifo_pop),
    .rd_data_o  (fifo_id),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // --- Clearing after reset ---
  logic           clear_q;
  logic [UAw-1:0] clear_at_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      clear_q    <= 1'b1;
      clear_at_q <= '0;
    end else if (clear_q) begin
      clear_at_q <= clear_at_q + 1'b1;
      if (clear_at_q == LastUpper) clear_q <= 1'b0;
    end
  end

  assign ready_o = !clear_q;

  // --- Walk cache and roots ---
  logic           u_we, u_re, u_mark, u_cache;
  logic [UAw-1:0] u_waddr, u_raddr;
  logic [UW-1:0]  u_wdata, u_rdata, u_q;
  logic           u_v, u_leaf, u_r, u_w, tag_hit_q;
  logic [17:0]    u_tag;
  logic [39:0]    u_addr;

  lib_ram_sdp #(.WIDTH(UW), .DEPTH(Uppers)) u_upper (
    .clk_i, .we_i(u_we), .waddr_i(u_waddr), .wdata_i(u_wdata), .re_i(u_re), .raddr_i(u_raddr), .rdata_o(u_rdata)
  );

  assign u_mark  = state_q == MARK && !rt_we_i && !rt_re_i;
  assign u_cache = state_q == CACHE && !rt_we_i;
  assign u_we    = clear_q || rt_we_i || (u_cache && (r_q || w_q)) || u_mark;
  assign u_re    = rt_re_i || state_q == LOOK || state_q == ROOT;
  assign u_raddr = rt_re_i ? UAw'({rt_ctx_i, 3'd4}) : UAw'({ctx_q, state_q == ROOT ? 3'd4 : {1'b0, page_q[10:9]}});

  always_comb begin
    u_waddr = UAw'({ctx_q, state_q == MARK ? k_q : {1'b0, page_q[10:9]}});
    u_wdata = {1'b1, page_q[26:9], level_q == 2'd0, r_q, w_q, addr_q[39:0]};
    if (state_q == MARK) u_wdata = '0;
    if (rt_we_i) begin
      u_waddr = UAw'({rt_ctx_i, 3'd4});
      u_wdata = {9'd0, rt_wdata_i};
    end
    if (clear_q) begin
      u_waddr = clear_at_q;
      u_wdata = '0;
    end
  end

  assign rt_rdata_o = u_rdata[52:0];
  assign {u_v, u_tag, u_leaf, u_r, u_w, u_addr} = u_q;

  // --- Data of table reads: eight words for each walk ---
  logic        d_re;
  logic [63:0] d_rdata, e_q;
  logic [2:0]  d_word;

  lib_ram_sdp #(.WIDTH(64), .DEPTH(128)) u_data (
    .clk_i,
    .we_i    (wd_valid_i),
    .waddr_i ({wd_id_i, wd_off_i[5:3]}),
    .wdata_i (wd_data_i),
    .re_i    (d_re),
    .raddr_i ({id_q, d_word}),
    .rdata_o (d_rdata)
  );

  logic d_unused;
  assign d_unused = ^{wd_off_i[2:0], e_q[62:52], e_q[11:8], e_q[6:2]};  // words are aligned; bits left to software

  assign d_re   = state_q == DATA || state_q == NEAR;
  assign d_word = state_q == NEAR ? k_q : level_q == 2'd1 ? page_q[2:0] : 3'd0;

  logic e_none_q, e_rsvd_q, e_leaf_q, e_stale_q, e_bad_q;

  always_ff @(posedge clk_i) begin
    e_none_q  <= e_q[1:0] == 2'b00;
    e_rsvd_q  <= e_q[63] || (e_q[7] && (level_q != 2'd2 || e_q[20:12] != '0));
    e_leaf_q  <= level_q == 2'd1 || e_q[7];
    e_stale_q <= stale_q[id_q];
    e_bad_q   <= bad_q[id_q];
  end

  // --- Jobs ---
  logic [52:0] diff_q;
  logic        in_q, same_q, match_q, urgent, own_k, own, again;
  logic [39:0] near_hpage_q;
  logic        near_r_q, near_w_q;

  assign urgent = (dm_valid_i && !taken_q) || own_done_q || mk_valid_i;
  assign own_k  = k_q == page_q[2:0];

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (!clear_q) begin
          if (mk_valid_i)                       state_q <= MARK;
          else if (dm_valid_i && !taken_q)      state_q <= LOOK;
          else if (own_done_q || fifo_valid)      state_q <= LOAD;
          else if (hs_valid_i && any_free)    state_q <= LOOK;
        end
        MARK: if (mk_done_o) state_q <= IDLE;

        LOOK: if (!rt_re_i) state_q <= LOOK_W;
        LOOK_W: state_q <= LOOK_T;
        LOOK_T: state_q <= LOOK_GO;
        LOOK_GO: begin
          if (same_q || (hint_q && (!run_q || !ctx_ok_q))) state_q <= IDLE;
          else if (!run_q || !ctx_ok_q)                    state_q <= MATCH;
          else if (!tag_hit_q)                             state_q <= ROOT;
          else                                             state_q <= u_leaf ? FILL : NEXT;
        end
        ROOT: if (!rt_re_i && !rt_we_i) state_q <= ROOT_W;  // what is read while it is written is undefined
        ROOT_W: state_q <= ROOT_GO;
        ROOT_GO: state_q <= u_q[52] ? NEXT : MATCH;

        NEXT: state_q <= NEXT_C;
        NEXT_C: state_q <= NEXT_GO;
        NEXT_GO: begin
          if (!in_q)            state_q <= MATCH;
          else if (!wk_valid_o) state_q <= IDLE;
        end

        LOAD: state_q <= DATA;
        DATA: state_q <= DATA_W;
        DATA_W: state_q <= DATA_C;
        DATA_C: state_q <= DATA_GO;
        DATA_GO: begin
          if (e_stale_q)                                      state_q <= IDLE;
          else if (e_bad_q || !run_q || e_none_q || e_rsvd_q) state_q <= MATCH;
          else if (level_q == 2'd2)                           state_q <= CACHE;
          else if (e_leaf_q)                                  state_q <= FILL;
          else                                                state_q <= NEXT;
        end
        CACHE: if (u_cache) state_q <= level_q == 2'd0 ? FILL : NEXT;

        FILL: if (fl_done_i || !(r_q || w_q)) state_q <= MATCH;
        MATCH: state_q <= ANSWER;
        ANSWER: state_q <= near_q ? NEAR : IDLE;

        NEAR: state_q <= urgent || own_k ? IDLE : NEAR_W;
        NEAR_W: state_q <= NEAR_C;
        NEAR_C: state_q <= NEAR_FILL;
        NEAR_FILL: if (fl_done_i || !fl_valid_o) state_q <= NEAR;
        default: state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    run_q    <= run_all[ctx_q];
    ctx_ok_q <= {1'b0, ctx_q} < NumCtx;
    diff_q   <= {1'b0, addr_q} - {1'b0, region_base_i};
    in_q     <= diff_q[52:24] == '0 && diff_q[23:0] < region_pages_i;
    if (state_q == LOOK_W || state_q == ROOT_W) u_q <= u_rdata;  // a read of rt_* may follow at once
    e_q      <= d_rdata;
    tag_hit_q <= u_v && u_tag == page_q[26:9];
    same_q    <= same != '0;
    match_q   <= dm_valid_i && dm_ctx_i == ctx_q && dm_page_i == page_q;

    unique case (state_q)
      IDLE: begin
        query_q <= 1'b0;
        hint_q  <= 1'b0;
        slot_q  <= 1'b0;
        stop_q  <= 1'b0;
        near_q  <= 1'b0;
        kind_q  <= KdNone;
        k_q     <= '0;
        id_q    <= own_done_q ? Own : fifo_id;
        ctx_q   <= hs_ctx_i;
        page_q  <= hs_page_i;
        if (mk_valid_i) begin
          ctx_q <= mk_ctx_i;
        end else if (dm_valid_i && !taken_q) begin
          query_q <= 1'b1;
          ctx_q   <= dm_ctx_i;
          page_q  <= dm_page_i;
        end else if (own_done_q || fifo_valid) begin
          slot_q  <= 1'b1;
        end else begin
          hint_q  <= hs_valid_i && any_free;
        end
      end
      MARK: if (u_mark) k_q <= k_q + 3'd1;
      LOOK_GO: begin
        stop_q <= !run_q;
        if (!ctx_ok_q) kind_q <= KdRoot;
        level_q <= 2'd1;
        {r_q, w_q} <= {u_r, u_w};
        addr_q  <= {12'd0, u_addr[39:9], u_leaf ? page_q[8:0] : u_addr[8:0]};
      end
      ROOT_GO: begin
        if (!u_q[52]) kind_q <= KdRoot;
        level_q <= 2'd3;
        {r_q, w_q} <= 2'b11;
        addr_q  <= u_q[51:0];
      end
      NEXT_GO: if (!in_q) kind_q <= KdRegion;
      LOAD: begin
        {ctx_q, page_q, level_q, upper_r_q, upper_w_q} <= walk_mem[id_q];
      end
      DATA_GO: begin
        r_q <= upper_r_q && e_q[0];
        w_q <= upper_w_q && e_q[1];
        if (!run_q) stop_q <= 1'b1;
        else if (e_bad_q) kind_q <= KdWalkError;
        else if (e_none_q) kind_q <= KdNotPresent;
        else if (e_rsvd_q) kind_q <= KdReserved;
        near_q  <= level_q == 2'd1 && run_q && !e_bad_q && !e_none_q && !e_rsvd_q;
        addr_q  <= {12'd0, e_q[51:21], level_q == 2'd2 && e_leaf_q ? page_q[8:0] : e_q[20:12]};
        level_q <= e_leaf_q ? 2'd0 : level_q - 2'd1;
      end
      ANSWER: k_q <= page_q[2:0] + 3'd1;  // the next page first, then round
      NEAR_FILL: if (fl_done_i || !fl_valid_o) k_q <= k_q + 3'd1;
      default: ;
    endcase
  end

  // The table read
  logic        wk_valid_q, leaf_table;
  logic [63:0] wk_addr_q;
  logic [3:0]  wk_id_q;
  logic        wk_long_q;

  assign leaf_table = level_q == 2'd1;
  assign issue      = state_q == NEXT_GO && in_q && !wk_valid_q;
  assign issue_id   = slot_q ? id_q : query_q ? Own : free_q;

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) wk_valid_q <= 1'b0;
    else wk_valid_q <= issue || (wk_valid_q && !wk_ready_i);
    if (issue) begin
      wk_id_q   <= issue_id;
      wk_long_q <= leaf_table;
      wk_addr_q <= {addr_q, leaf_table ? {page_q[8:3], 6'd0} : {level_q == 2'd2 ? page_q[17:9] : page_q[26:18], 3'd0}};
      walk_q[issue_id]   <= {ctx_q, page_q};
      walk_mem[issue_id] <= {ctx_q, page_q, level_q, r_q, w_q};
    end
  end

  assign wk_valid_o = wk_valid_q;
  assign wk_addr_o  = wk_addr_q;
  assign wk_len_o   = wk_long_q ? 7'd64 : 7'd8;
  assign wk_id_o    = wk_id_q;
  assign ev_read_o  = wk_valid_q && wk_ready_i;

  // Which walks are for this page; which belong to this context
  logic [WALKS-1:0] of_ctx;

`ifdef VERILATOR
  localparam bit Quick = 1'b1;  // a simulator leaves out what changes nothing
`else
  localparam bit Quick = 1'b0;
`endif

  always_comb begin
    of_ctx = '0;
    same   = '0;
    for (int i = 0; i < int'(WALKS); i++) if (!Quick || busy_q != '0) begin
      of_ctx[i] = busy_q[i] && walk_q[i][34:27] == ctx_q;
      same[i]   = of_ctx[i] && walk_q[i][26:0] == page_q;
    end
  end

  // A walk is over, or is given up, in the last state of its job.
  assign finish = slot_q && ((state_q == DATA_GO && e_stale_q) || (state_q == ANSWER && !near_q) || (state_q == NEAR && (urgent || own_k)));

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      busy_q   <= '0;
      stale_q  <= '0;
      own_done_q <= 1'b0;
      taken_q  <= 1'b0;
    end else begin
      if (finish) begin
        busy_q[id_q]  <= 1'b0;
        stale_q[id_q] <= 1'b0;
      end
      if (issue) begin
        busy_q[issue_id]  <= 1'b1;
        stale_q[issue_id] <= 1'b0;
      end
      if (state_q == MARK) stale_q <= stale_q | of_ctx;
      if (state_q == LOAD && id_q == Own) own_done_q <= 1'b0;
      else if (wd_valid_i && wd_last_i && wd_id_i == Own && busy_q[Own]) own_done_q <= 1'b1;

      if (!dm_valid_i) taken_q <= 1'b0;
      else if (query_q && ((state_q == LOOK_GO && same_q) || issue)) taken_q <= 1'b1;
      else if ((state_q == DATA_GO && e_stale_q && match_q) || again) taken_q <= 1'b0;
    end
    if (issue) bad_q[issue_id] <= 1'b0;
    if (wd_valid_i && (wd_be_i != '1 || (wd_last_i && wd_status_i != '0))) bad_q[wd_id_i] <= 1'b1;
  end

  assign fifo_pop = state_q == LOAD && id_q != Own;

  // Results
  assign own         = query_q || (slot_q && id_q == Own);
  assign again       = state_q == ANSWER && match_q && !own && (stop_q || kind_q != KdNone);
  assign res_valid_o = state_q == ANSWER && match_q && !again;
  assign res_stop_o  = stop_q;
  assign res_kind_o  = kind_q;
  assign res_r_o     = r_q;
  assign res_w_o     = w_q;
  assign res_hpage_o = addr_q[39:0];

  assign hs_done_o = hint_q && (issue || (state_q == LOOK_GO && (same_q || !run_q || !ctx_ok_q)) || state_q == ANSWER);
  assign stale_o   = stale_q != '0;
  assign mk_done_o = u_mark && k_q == (mk_root_i ? 3'd4 : 3'd3);

  // To the IOTLB. Entries that allow nothing are not kept.
  always_ff @(posedge clk_i) begin
    near_hpage_q <= e_q[51:12];
    near_r_q     <= upper_r_q && e_q[0] && !(e_q[63] || e_q[7]);
    near_w_q     <= upper_w_q && e_q[1] && !(e_q[63] || e_q[7]);
  end

  assign fl_shared_o = state_q == NEAR_FILL;
  assign fl_valid_o  = (state_q == FILL && (r_q || w_q)) || (state_q == NEAR_FILL && (near_r_q || near_w_q));
  assign fl_ctx_o    = ctx_q;
  assign fl_page_o   = {page_q[26:3], state_q == NEAR_FILL ? k_q : page_q[2:0]};
  assign fl_hpage_o  = state_q == NEAR_FILL ? near_hpage_q : addr_q[39:0];
  assign fl_r_o      = state_q == NEAR_FILL ? near_r_q : r_q;
  assign fl_w_o      = state_q == NEAR_FILL ? near_w_q : w_q;

  assign idle_o = state_q == IDLE && busy_q == '0 && !dm_valid_i && !hs_valid_i && !mk_valid_i && !clear_q;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_walker: NCTX must be 1 to 256");
  initial if (WALKS < 2 || WALKS > 16) $fatal(1, "nic_walker: WALKS must be 2 to 16");

  lib_ready_valid_props #(.WIDTH(75)) u_wk_props (
    .clk_i, .rst_i(rst_i || flow_rst_i), .valid_i(wk_valid_o), .ready_i(wk_ready_i), .data_i({wk_addr_o, wk_len_o, wk_id_o})
  );

  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst_i && !flow_rst_i) begin
      if (issue && !slot_q) assert (!busy_q[issue_id]);  // a walk number is given once
      if (issue && slot_q) assert (busy_q[issue_id] && !stale_q[issue_id]);
      if (query_q && state_q == ANSWER) assert (match_q);  // the query waits for the walk it started
      if (wd_valid_i) assert (busy_q[wd_id_i]);
    end
  end
`endif

`ifdef FORMAL
  // One page of one context is followed, any page, and the three entries that translate it. From some time on (fresh) they and the root
  // are what f_root and f_e3..f_e1 say; before, memory may have said anything. After a mark job that began when they were
  // fresh, the page's fills and results are what these entries say.
  if (WATCH != 0) begin : g_watch
    (* anyconst *) logic [7:0]  f_ctx;
    (* anyconst *) logic [26:0] f_page;
    (* anyconst *) logic [51:0] f_root;
    (* anyconst *) logic [63:0] f_e3, f_e2, f_e1;
    (* anyconst *) logic        f_start;   // fresh since reset
    (* anyseq *)   logic        f_now;     // becomes fresh
    always_comb assume ({1'b0, f_ctx} < NumCtx);

    // What the tables say, by docs/isolation.md
    logic        t_ok3, t_ok2, t_large, t_ok;
    logic [1:0]  t_rw3, t_rw2, t_rw;
    logic [39:0] t_hpage;
    assign t_ok3   = f_e3[1:0] != 2'b00 && !f_e3[63] && !f_e3[7];
    assign t_large = f_e2[7];
    assign t_ok2   = t_ok3 && f_e2[1:0] != 2'b00 && !f_e2[63] && !(t_large && f_e2[20:12] != '0);
    assign t_ok    = t_ok2 && (t_large || (f_e1[1:0] != 2'b00 && !f_e1[63] && !f_e1[7]));
    assign t_rw3   = {f_e3[0], f_e3[1]};
    assign t_rw2   = t_rw3 & {f_e2[0], f_e2[1]};
    assign t_rw    = t_large ? t_rw2 : t_rw2 & {f_e1[0], f_e1[1]};
    assign t_hpage = t_large ? {f_e2[51:21], f_page[8:0]} : f_e1[51:12];

    // Time
    logic f_past_q = 1'b0, f_fresh_q, f_mark_q, f_settled_q;
    always_ff @(posedge clk_i) begin
      f_past_q <= !rst_i;
      if (rst_i) begin
        {f_fresh_q, f_settled_q} <= {2{f_start}};
        f_mark_q <= 1'b0;
      end else begin
        if (f_now) f_fresh_q <= 1'b1;
        if (state_q == IDLE) f_mark_q <= f_fresh_q && mk_valid_i && mk_ctx_i == f_ctx;
        if (mk_done_o && f_mark_q) f_settled_q <= 1'b1;
      end
    end

    function automatic logic good_c(input logic [UW-1:0] word);  // a walk cache entry that is not of the page, or is right
      good_c = !word[61] || word[60:43] != f_page[26:9] ||
               (t_ok2 && word[42] == t_large && word[41:40] == t_rw2 && word[39:9] == f_e2[51:21] && (t_large || word[8:0] == f_e2[20:12]));
    endfunction

    // Two words of the upper RAM: the page's walk cache entry, the root
    logic [UAw-1:0] f_c_at, f_t_at;
    logic [UW-1:0]  f_c_q, f_t_q, f_c_read_q, f_t_read_q;
    logic           f_c_v_q, f_t_v_q;
    assign f_c_at = UAw'({f_ctx, 1'b0, f_page[10:9]});
    assign f_t_at = UAw'({f_ctx, 3'd4});
    always_ff @(posedge clk_i) begin
      if (u_we && u_waddr == f_c_at) f_c_q <= u_wdata;
      if (u_we && u_waddr == f_t_at) f_t_q <= u_wdata;
      if (u_re) begin
        f_c_v_q    <= u_raddr == f_c_at && !(u_we && u_waddr == f_c_at);
        f_t_v_q    <= u_raddr == f_t_at && !(u_we && u_waddr == f_t_at);
        f_c_read_q <= f_c_q;
        f_t_read_q <= f_t_q;
      end
    end
    always_comb begin
      assume (!f_c_v_q || u_rdata == f_c_read_q);
      assume (!f_t_v_q || u_rdata == f_t_read_q);
      // Roots are dom0's; a fresh one is f_root, or none.
      assume (!f_fresh_q || clear_q || !f_t_q[52] || f_t_q[51:0] == f_root);
      assume (!(rt_we_i && rt_ctx_i == f_ctx && f_fresh_q) || !rt_wdata_i[52] || rt_wdata_i[51:0] == f_root);
    end

    // Table reads: which of the three entries does each fetch, and was it sent when they were fresh?
    logic [WALKS-1:0] f_is3_q, f_is2_q, f_is1_q, f_new_q, f_out_q, f_end_q;
    logic [63:0] f_addr;
    logic        f_long;
    assign f_addr = {addr_q, leaf_table ? {page_q[8:3], 6'd0} : {level_q == 2'd2 ? page_q[17:9] : page_q[26:18], 3'd0}};
    assign f_long = leaf_table;
    always_ff @(posedge clk_i) begin
      if (issue) begin
        f_is3_q[issue_id] <= !f_long && f_addr == {f_root, f_page[26:18], 3'd0};
        f_is2_q[issue_id] <= !f_long && f_addr == {12'd0, f_e3[51:12], f_page[17:9], 3'd0};
        f_is1_q[issue_id] <= f_long && f_addr == {12'd0, f_e2[51:12], f_page[8:3], 6'd0};
        f_new_q[issue_id] <= f_fresh_q;
      end
      if (rst_i || flow_rst_i) begin
        f_out_q <= '0;
        f_end_q <= '0;
      end else begin
        if (wk_valid_o && wk_ready_i) f_out_q[wk_id_o] <= 1'b1;
        if (wd_valid_i && wd_last_i) begin
          f_out_q[wd_id_i] <= 1'b0;
          f_end_q[wd_id_i] <= 1'b1;
        end
        if (state_q == LOAD) f_end_q[id_q] <= 1'b0;
      end
    end
    logic [3:0] f_d_id_q;
    logic [2:0] f_d_word_q;
    always_ff @(posedge clk_i) if (d_re) {f_d_id_q, f_d_word_q} <= {id_q, d_word};
    always_comb if (f_new_q[f_d_id_q]) begin
      assume (!f_is3_q[f_d_id_q] || f_d_word_q != '0 || d_rdata == f_e3);
      assume (!f_is2_q[f_d_id_q] || f_d_word_q != '0 || d_rdata == f_e2);
      assume (!f_is1_q[f_d_id_q] || f_d_word_q != f_page[2:0] || d_rdata == f_e1);
    end
    always_comb begin
      assume (!wd_valid_i || f_out_q[wd_id_i]);
      assume (!fifo_valid || (f_end_q[fifo_id] && fifo_id != Own));  // what lib_fifo's proof says
    end

    // The rules of the inputs
    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q && $past(!rst_i)) begin
        if ($past(dm_valid_i && !res_valid_o && !flow_rst_i)) assume (dm_valid_i && $stable(dm_ctx_i) && $stable(dm_page_i));
        if ($past(mk_valid_i && !mk_done_o)) assume (mk_valid_i && $stable(mk_ctx_i) && $stable(mk_root_i));
        if ($past(res_valid_o)) assume (!dm_valid_i);
        if ($past(mk_done_o)) assume (!mk_valid_i);
      end
      assume (!mk_valid_i || (!clear_q && !rst_i));
      assume (!rst_i || !(dm_valid_i || mk_valid_i || rt_we_i));
      assume (!rt_we_i || ({1'b0, rt_ctx_i} < NumCtx && !clear_q));
      assume (!mk_valid_i || {1'b0, mk_ctx_i} < NumCtx);
    end

    // The job, seen from the page
    logic f_mine, f_large, f_way3, f_line, f_data, f_seen, f_after;
    assign f_mine  = ctx_q == f_ctx;
    assign f_way3  = f_mine && page_q[26:18] == f_page[26:18];
    assign f_large = f_mine && page_q[26:9] == f_page[26:9];
    assign f_line  = f_mine && page_q[26:3] == f_page[26:3];
    assign f_data  = state_q == LOAD || state_q == DATA || state_q == DATA_W || state_q == DATA_C || state_q == DATA_GO;
    assign f_seen  = (state_q == DATA_C || state_q == DATA_GO) && !stale_q[id_q];
    assign f_after = state_q == FILL || state_q == MATCH || state_q == ANSWER;

    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q && f_settled_q) begin
        filled: assert (!(fl_valid_o && fl_ctx_o == f_ctx && fl_page_o == f_page) ||
                        (t_ok && {fl_r_o, fl_w_o} == t_rw && fl_hpage_o == t_hpage));
        result: assert (!(res_valid_o && dm_ctx_i == f_ctx && dm_page_i == f_page && !res_stop_o && res_kind_o == KdNone) ||
                        (t_ok && {res_r_o, res_w_o} == t_rw && res_hpage_o == t_hpage));

        // Why. The walk cache, then the job in each of its states.
        cached: assert (clear_q || good_c(f_c_q));
        look: assert (!(state_q == LOOK_W && f_mine && page_q[10:9] == f_page[10:9]) || good_c(u_rdata));
        looked: assert (!((state_q == LOOK_T || state_q == LOOK_GO) && f_mine && page_q[10:9] == f_page[10:9]) || good_c(u_q));
        root: assert (!(state_q == ROOT_W && f_mine && u_rdata[52]) || u_rdata[51:0] == f_root);
        rooted: assert (!(state_q == ROOT_GO && f_mine && u_q[52]) || u_q[51:0] == f_root);
        read3: assert (!(f_seen && f_way3 && level_q == 2'd3) || e_q == f_e3);
        read2: assert (!(f_seen && f_large && level_q == 2'd2) || e_q == f_e2);
        read1: assert (!(f_seen && f_mine && page_q == f_page && level_q == 2'd1) || e_q == f_e1);
        read_near: assert (!((state_q == NEAR_C || state_q == NEAR_FILL) && f_line && k_q == f_page[2:0]) || e_q == f_e1);
        next3: assert (!((state_q == NEXT || state_q == NEXT_C || state_q == NEXT_GO) && f_mine && level_q == 2'd3) ||
                       (addr_q == f_root && r_q && w_q));
        next2: assert (!((state_q == NEXT || state_q == NEXT_C || state_q == NEXT_GO) && f_way3 && level_q == 2'd2) ||
                       (t_ok3 && addr_q == {12'd0, f_e3[51:12]} && {r_q, w_q} == t_rw3));
        next1: assert (!((state_q == NEXT || state_q == NEXT_C || state_q == NEXT_GO || state_q == CACHE) && f_large && level_q == 2'd1) ||
                       (t_ok2 && !t_large && addr_q == {12'd0, f_e2[51:12]} && {r_q, w_q} == t_rw2));
        cache: assert (!(state_q == CACHE && f_large && level_q == 2'd0) ||
                       (t_ok2 && t_large && addr_q == {12'd0, f_e2[51:21], page_q[8:0]} && {r_q, w_q} == t_rw2));
        ended: assert (!(f_after && f_mine && page_q == f_page && kind_q == KdNone && !stop_q) ||
                       (t_ok && addr_q[39:0] == t_hpage && {r_q, w_q} == t_rw));
        neighbours: assert (!((state_q == NEAR || state_q == NEAR_W || state_q == NEAR_C || state_q == NEAR_FILL || (f_after && near_q)) &&
                              f_line) ||
                            (t_ok2 && !t_large && {upper_r_q, upper_w_q} == t_rw2 && f_is1_q[id_q] && f_new_q[id_q]));
      end
    end

    logic f_going, f_start_job;  // on the way to a table read; a start job
    assign f_going     = state_q == ROOT || state_q == ROOT_W || state_q == ROOT_GO || state_q == NEXT || state_q == NEXT_C || state_q == NEXT_GO;
    assign f_start_job = state_q == LOOK || state_q == LOOK_W || state_q == LOOK_T || state_q == LOOK_GO || (f_going && !slot_q);

    // The walks under way: a bit for each that is as it should be
    logic [WALKS-1:0] w_numbers, w_out, w_sent, w_end, w_stale, w_level, w_level3, w_level2, w_level1, w_marked, w_like_own, w_ctx;
    for (genvar i = 0; i < WALKS; i++) begin : g_walk
      logic [7:0]  ctx;
      logic [26:0] page;
      logic [1:0]  level, rw;
      logic        job, mine;
      assign {ctx, page, level, rw} = walk_mem[i];
      assign job         = slot_q && state_q != IDLE && id_q == i;
      assign mine        = f_settled_q && busy_q[i] && !stale_q[i] && ctx == f_ctx;
      assign w_numbers[i] = !busy_q[i] || walk_q[i] == {ctx, page};
      assign w_out[i]     = !f_out_q[i] || (busy_q[i] && !f_end_q[i] && !(wk_valid_q && wk_id_q == i) && !job);
      assign w_sent[i]    = !(wk_valid_q && wk_id_q == i) || (busy_q[i] && !f_end_q[i] && !job);
      assign w_end[i]     = !f_end_q[i] || (busy_q[i] && !(job && state_q != LOAD));
      assign w_like_own[i] = busy_q[i] && {ctx, page} == walk_q[Own];
      assign w_ctx[i]     = !busy_q[i] || {1'b0, ctx} < NumCtx;
      assign w_marked[i]  = !busy_q[i] || stale_q[i] || ctx != f_ctx;
      assign w_stale[i]   = !stale_q[i] || busy_q[i];
      assign w_level[i]   = !busy_q[i] || level != 2'd0;
      assign w_level3[i]  = !(mine && level == 2'd3 && page[26:18] == f_page[26:18]) || (f_is3_q[i] && f_new_q[i] && rw == 2'b11);
      assign w_level2[i]  = !(mine && level == 2'd2 && page[26:9] == f_page[26:9]) ||
                            (f_is2_q[i] && f_new_q[i] && t_ok3 && rw == t_rw3);
      assign w_level1[i]  = !(mine && level == 2'd1 && page[26:9] == f_page[26:9]) ||
                            (f_new_q[i] && t_ok2 && !t_large && rw == t_rw2 && (f_is1_q[i] || page[8:3] != f_page[8:3]));
    end

    logic [51:0] f_base1_q, f_base2_q;  // the region's base one and two cycles ago, its size one cycle ago
    logic [23:0] f_pages_q;
    logic [52:0] f_diff;
    assign f_diff = {1'b0, addr_q} - {1'b0, f_base2_q};
    always_ff @(posedge clk_i) begin
      f_base1_q <= region_base_i;
      f_base2_q <= f_base1_q;
      f_pages_q <= region_pages_i;
    end

    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q) begin
        result_asked: assert ((!res_valid_o || dm_valid_i) && (!mk_done_o || mk_valid_i));
        fill_steady: assert (!$past(fl_valid_o && !fl_done_i && !flow_rst_i && !rst_i) ||
                             (fl_valid_o && $stable(fl_shared_o) && $stable(fl_ctx_o) && $stable(fl_page_o) && $stable(fl_hpage_o) &&
                              $stable(fl_r_o) && $stable(fl_w_o)));
        numbers: assert (&w_numbers);
        out: assert (&w_out);
        sent: assert (&w_sent);
        read_ended: assert (&w_end);
        stale: assert (&w_stale);
        level: assert (&w_level);
        level3: assert (&w_level3);
        level2: assert (&w_level2);
        level1: assert (&w_level1);
        clear_c: assert (!(clear_q && clear_at_q > f_c_at) || !f_c_q[61]);
        clear_idle: assert (!clear_q || (state_q == IDLE && busy_q == '0 && !wk_valid_q));
        own_end: assert (own_done_q == f_end_q[Own]);
        job: assert (!slot_q || state_q == IDLE || busy_q[id_q]);
        job_stale: assert (!slot_q || state_q == IDLE || f_data || !stale_q[id_q]);
        job_kind: assert (!f_data || slot_q);
        job_near: assert (!near_q || state_q == IDLE || (slot_q && (f_after || state_q == NEAR || state_q == NEAR_W || state_q == NEAR_C ||
                                                                     state_q == NEAR_FILL)));
        job_look: assert (!(state_q == LOOK || state_q == LOOK_W || state_q == LOOK_T || state_q == LOOK_GO || state_q == ROOT ||
                            state_q == ROOT_W || state_q == ROOT_GO) || !slot_q);
        job_level: assert (!(state_q == NEXT || state_q == NEXT_C || state_q == NEXT_GO) || level_q != 2'd0);
        start: assert (!f_start_job || (query_q != hint_q && !slot_q));
        start_hint: assert (!(f_start_job && hint_q) || (free_q < Own && !busy_q[free_q]));
        start_query: assert (!((f_start_job || (f_after && !slot_q)) && query_q) ||
                             (!busy_q[Own] && !taken_q && dm_valid_i && dm_ctx_i == ctx_q && dm_page_i == page_q));
        start_same: assert (state_q != LOOK_GO || same_q == (same != '0));
        start_alone: assert (!((f_going || f_after) && !slot_q) || same == '0);
        walk_own: assert (!busy_q[Own] || (dm_valid_i && taken_q && walk_q[Own] == {dm_ctx_i, dm_page_i} && w_like_own[WALKS-2:0] == '0) ||
                          (slot_q && id_q == Own && (state_q == NEAR || state_q == NEAR_W || state_q == NEAR_C || state_q == NEAR_FILL)));
        walk_none: assert (!slot_q || state_q == IDLE || (!query_q && !hint_q));
        ctx_known: assert (state_q != LOOK_GO || ctx_ok_q == ({1'b0, ctx_q} < NumCtx));
        ctx_going: assert (!(f_going || state_q == CACHE) || {1'b0, ctx_q} < NumCtx);
        ctx_walk: assert (&w_ctx);
        job_cache: assert (state_q != CACHE || (slot_q && !level_q[1]));
        job_well: assert (state_q == IDLE || ((state_q == MATCH || state_q == ANSWER) && !near_q) || (kind_q == KdNone && !stop_q));
        job_mark: assert (state_q != MARK || (mk_valid_i && ctx_q == mk_ctx_i));
        job_data: assert (!(f_data && state_q != LOAD) || {level_q, upper_r_q, upper_w_q} == walk_mem[id_q][3:0]);
        job_words: assert (state_q != DATA_W || (f_d_id_q == id_q && f_d_word_q == (level_q == 2'd1 ? page_q[2:0] : 3'd0)));
        job_word: assert (!((state_q == DATA_C || state_q == NEAR_C) && f_d_id_q == id_q) || e_q == d_rdata);
        job_flags: assert (state_q != DATA_GO || (e_none_q == (e_q[1:0] == 2'b00) && e_leaf_q == (level_q == 2'd1 || e_q[7]) &&
                                                  e_rsvd_q == (e_q[63] || (e_q[7] && (level_q != 2'd2 || e_q[20:12] != '0))) &&
                                                  e_stale_q == stale_q[id_q]));
        near_words: assert (state_q != NEAR_W || (f_d_id_q == id_q && f_d_word_q == k_q));
        near_flags: assert (state_q != NEAR_FILL || (near_hpage_q == e_q[51:12] &&
                                                     near_r_q == (upper_r_q && e_q[0] && !e_q[63] && !e_q[7]) &&
                                                     near_w_q == (upper_w_q && e_q[1] && !e_q[63] && !e_q[7])));
        look_same: assert (state_q != LOOK_GO || tag_hit_q == (u_v && u_tag == page_q[26:9]));
        matched: assert (!(state_q == ANSWER && match_q && dm_valid_i) || (dm_ctx_i == ctx_q && dm_page_i == page_q));
        marking: assert (!f_mark_q || state_q != MARK || (f_fresh_q && ctx_q == f_ctx && (k_q <= {1'b0, f_page[10:9]} || !f_c_q[61]) &&
                                                           (k_q == '0 || &w_marked)));
        settled: assert (!f_settled_q || f_fresh_q);
        job_walk: assert (!slot_q || state_q == IDLE || state_q == LOAD || walk_q[id_q] == {ctx_q, page_q});
        region: assert (!(issue && f_base2_q == region_base_i && f_pages_q == region_pages_i) ||
                        (addr_q >= region_base_i && addr_q - region_base_i < {28'd0, region_pages_i}));
        region_diff: assert (!(state_q == NEXT_C || state_q == NEXT_GO) || diff_q == {1'b0, addr_q} - {1'b0, f_base1_q});
        region_in: assert (state_q != NEXT_GO || in_q == (f_diff[52:24] == '0 && f_diff[23:0] < f_pages_q));
        region_sent: assert (!(wk_valid_o && $past(issue)) || wk_addr_o[63:12] == $past(addr_q));
      end
    end
  end
`endif

endmodule
