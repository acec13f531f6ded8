// SPDX-License-Identifier: Apache-2.0
// Table walker of the guard: finds the translation of a guest page in the context's table in dom0 memory.

// docs/isolation.md has the tables. One state machine takes small jobs, one after the other, and is idle between them, while
// up to 16 table reads are outstanding:
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
// Walks 0 to 14 belong to hints, 15 to the query: whatever hints do, the query's walk starts. Permissions are
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
    parameter int unsigned NCTX = 32
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
  localparam logic [3:0]     Own       = 4'd15;          // walk of the query

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
  logic [15:0]       busy_q, stale_q, bad_q, same;
  logic [15:0][34:0] walk_q;     // context and page, all at once for the comparisons
  logic [38:0]       walk_mem [16];  // the same, the level of the table being read, permissions
  logic              done15_q;   // the read of walk 15 has ended
  logic              fifo_valid, fifo_pop;
  logic [3:0]        fifo_id;
  logic [3:0]        free_q;     // a free one of walks 0 to 14
  logic              any_free;
  logic              issue, finish;
  logic [3:0]        issue_id;

  assign any_free = busy_q[14:0] != '1;

  always_ff @(posedge clk_i) begin
    free_q <= 4'd0;
    for (int i = 14; i >= 0; i--) if (!busy_q[i]) free_q <= 4'(i);
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

  assign u_mark  = state_q == MARK && !rt_we_i;
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

  assign urgent = (dm_valid_i && !taken_q) || done15_q || mk_valid_i;
  assign own_k  = k_q == page_q[2:0];

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (!clear_q) begin
          if (mk_valid_i)                       state_q <= MARK;
          else if (dm_valid_i && !taken_q)      state_q <= LOOK;
          else if (done15_q || fifo_valid)      state_q <= LOAD;
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
        ROOT: if (!rt_re_i) state_q <= ROOT_W;
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

        NEAR: begin
          if (urgent)      state_q <= IDLE;
          else if (!own_k) state_q <= NEAR_W;
          else if (k_q == '1) state_q <= IDLE;
        end
        NEAR_W: state_q <= NEAR_C;
        NEAR_C: state_q <= NEAR_FILL;
        NEAR_FILL: if (fl_done_i || !fl_valid_o) state_q <= k_q == '1 ? IDLE : NEAR;
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
        id_q    <= done15_q ? Own : fifo_id;
        ctx_q   <= hs_ctx_i;
        page_q  <= hs_page_i;
        if (mk_valid_i) begin
          ctx_q <= mk_ctx_i;
        end else if (dm_valid_i && !taken_q) begin
          query_q <= 1'b1;
          ctx_q   <= dm_ctx_i;
          page_q  <= dm_page_i;
        end else if (done15_q || fifo_valid) begin
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
      NEAR: if (own_k) k_q <= k_q + 3'd1;
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
  logic [15:0] of_ctx;

  always_comb begin
    for (int i = 0; i < 16; i++) begin
      of_ctx[i] = busy_q[i] && walk_q[i][34:27] == ctx_q;
      same[i]   = of_ctx[i] && walk_q[i][26:0] == page_q;
    end
  end

  // A walk is over, or is given up, in the last state of its job.
  assign finish = slot_q && ((state_q == DATA_GO && e_stale_q) || (state_q == ANSWER && !near_q) ||
                             (state_q == NEAR && (urgent || (own_k && k_q == '1))) ||
                             (state_q == NEAR_FILL && (fl_done_i || !fl_valid_o) && k_q == '1));

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      busy_q   <= '0;
      stale_q  <= '0;
      done15_q <= 1'b0;
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
      if (state_q == LOAD && id_q == Own) done15_q <= 1'b0;
      else if (wd_valid_i && wd_last_i && wd_id_i == Own && busy_q[15]) done15_q <= 1'b1;

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

endmodule
