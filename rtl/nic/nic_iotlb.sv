// SPDX-License-Identifier: Apache-2.0
// IOTLB of the guard: 16 private translations for each context and SHARED that all contexts share.

// The private part is indexed by the context and the low four bits of the guest page, so only the context's own
// translations replace each other there. What is displaced moves to the shared part, which is indexed by a hash of context and page and
// where any context may replace anything. A lookup reads both parts at once; what it finds in the shared part it moves to the private
// one. Both parts are direct-mapped. The hash is a sum without carry whose first term is the page's low bits, so an
// entry's index and the rest of its page give these bits back and they are not stored.
//
// One operation at a time, each five cycles from the request to the result: a lookup for the query, a lookup for a hint, a fill,
// or a part of a sweep. The query goes first, the others take turns. A sweep reads one entry per cycle, the context's private ones before
// the shared ones, in parts of at least 16 entries between which other operations run. Three rules keep an entry from
// slipping past it: an operation never overlaps a part; a fill displaces entries from the private part, which is swept as one
// part, to the shared one, which is swept after it; while a sweep is under way nothing moves from the shared part to
// the private one.
//
//   lq_*   lookup for the query, held until lq_done_o, which comes with lk_*
//   hl_*   lookup for a hint, the same
//   lk_*   result: found, its permissions and host page (address bits 51:12)
//   fl_*   fill, held until fl_done_o; fl_shared_i: into the shared part, if it is in neither
//   sw_*   sweep of the pages first to last (both included) of a context, held until sw_done_o
//   flow_rst_i  lookups and fills are forgotten
//   ready_o     low after reset while all entries are made invalid
module nic_iotlb #(
`ifdef FORMAL
    parameter int unsigned WATCH = 0,  // 1: the proof below (rtl/formal/guard)
`endif
    parameter int unsigned NCTX   = 32,
    parameter int unsigned SHARED = 512  // entries of the shared part, a power of two from 16 on
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        flow_rst_i,

    input  logic        lq_valid_i,
    input  logic [7:0]  lq_ctx_i,
    input  logic [26:0] lq_page_i,
    output logic        lq_done_o,
    input  logic        hl_valid_i,
    input  logic [7:0]  hl_ctx_i,
    input  logic [26:0] hl_page_i,
    output logic        hl_done_o,
    output logic        lk_hit_o,
    output logic        lk_r_o,
    output logic        lk_w_o,
    output logic [39:0] lk_hpage_o,

    input  logic        fl_valid_i,
    input  logic        fl_shared_i,
    input  logic [7:0]  fl_ctx_i,
    input  logic [26:0] fl_page_i,
    input  logic [39:0] fl_hpage_i,
    input  logic        fl_r_i,
    input  logic        fl_w_i,
    output logic        fl_done_o,

    input  logic        sw_valid_i,
    input  logic [7:0]  sw_ctx_i,
    input  logic [26:0] sw_first_i,
    input  logic [26:0] sw_last_i,
    output logic        sw_done_o,

    output logic        ready_o
);

  localparam int unsigned Priv  = NCTX * 16;
  localparam int unsigned PAw   = $clog2(Priv);
  localparam int unsigned SAw   = $clog2(SHARED);
  localparam int unsigned STag  = 27 - SAw;
  localparam int unsigned Clear = Priv > SHARED ? Priv : SHARED;  // cycles to clear both parts
  localparam int unsigned CAw   = $clog2(Clear);
  localparam int unsigned PW    = 1 + 2 + 23 + 40;        // valid, R and W, page[26:4], host page
  localparam int unsigned SW    = 1 + 2 + 8 + STag + 40;  // valid, R and W, context, page[26:SAw], host page
  localparam logic [CAw-1:0] LastClear = CAw'(Clear - 1);
  localparam logic [8:0]     NumCtx    = 9'(NCTX);

  // What the low bits of a page are summed with, to make an index of the shared part.
  function automatic logic [SAw-1:0] mix(input logic [7:0] ctx, input logic [STag-1:0] high);
    mix = SAw'({ctx[4:0], ctx[7:5], 1'b0}) ^ SAw'(high >> SAw) ^ SAw'(high);
  endfunction

  // --- Clearing after reset ---
  logic           clear_q;
  logic [CAw-1:0] clear_at_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      clear_q    <= 1'b1;
      clear_at_q <= '0;
    end else if (clear_q) begin
      clear_at_q <= clear_at_q + 1'b1;
      if (clear_at_q == LastClear) clear_q <= 1'b0;
    end
  end

  assign ready_o = !clear_q;

  // --- Choice and steps of an operation ---
  typedef enum logic [2:0] {
    IDLE,
    READ,   // addresses are at the RAMs
    WAIT,   // ... their outputs come
    CMP,    // tags are compared
    END,    // result; entries are written
    SWEEP,  // an entry of the sweep is read
    DRAIN   // until the last ones read are written
  } state_e;
  typedef enum logic [1:0] {QUERY, HINT, FILL, NEAR} kind_e;

  state_e      state_q;
  kind_e       kind_q;
  logic        part_q;             // the last operation was a part of a sweep
  logic [7:0]  ctx_q;
  logic [26:0] page_q;
  logic [39:0] hpage_q;
  logic        r_q, w_q;
  logic        ctx_ok_q;
  logic        sw_shared_q;        // the sweep is at the shared part
  logic [SAw:0] sw_at_q;           // next entry to read; SHARED: all are read
  logic        sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q;
  logic        sw_end_part, sw_empty, waiting;

  assign waiting     = lq_valid_i || fl_valid_i || hl_valid_i;
  assign sw_end_part = sw_at_q[3:0] == '1 && (!sw_shared_q || waiting || &sw_at_q[SAw-1:0]);
  assign sw_empty    = !sw_v1_q && !sw_v2_q && !sw_v3_q && !sw_v4_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q     <= IDLE;
      part_q      <= 1'b0;
      sw_shared_q <= 1'b0;
      sw_at_q     <= '0;
    end else begin
      unique case (state_q)
        IDLE: if (!clear_q) begin
          if (lq_valid_i)                  state_q <= READ;
          else if (sw_valid_i && !part_q)  state_q <= SWEEP;
          else if (fl_valid_i)             state_q <= READ;
          else if (hl_valid_i)             state_q <= READ;
          else if (sw_valid_i)             state_q <= SWEEP;
          part_q <= 1'b0;
        end
        READ: state_q <= WAIT;
        WAIT: state_q <= CMP;
        CMP:  state_q <= END;
        END:  state_q <= IDLE;
        SWEEP: begin
          sw_at_q <= sw_at_q + 1'b1;
          if (sw_end_part) state_q <= DRAIN;
        end
        DRAIN: if (sw_empty) begin
          state_q <= IDLE;
          part_q  <= 1'b1;
          if (!sw_shared_q || sw_at_q[SAw]) begin
            sw_shared_q <= !sw_shared_q;
            sw_at_q     <= '0;
          end
        end
        default: state_q <= IDLE;
      endcase
      if (flow_rst_i && state_q != SWEEP && state_q != DRAIN) state_q <= IDLE;
    end
  end

  assign sw_done_o = state_q == DRAIN && sw_empty && sw_shared_q && sw_at_q[SAw];

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      kind_q   <= lq_valid_i ? QUERY : fl_valid_i ? (fl_shared_i ? NEAR : FILL) : HINT;
      ctx_q    <= lq_valid_i ? lq_ctx_i : fl_valid_i ? fl_ctx_i : hl_ctx_i;
      page_q   <= lq_valid_i ? lq_page_i : fl_valid_i ? fl_page_i : hl_page_i;
      ctx_ok_q <= {1'b0, lq_valid_i ? lq_ctx_i : fl_valid_i ? fl_ctx_i : hl_ctx_i} < NumCtx;
      hpage_q  <= fl_hpage_i;
      r_q      <= fl_r_i;
      w_q      <= fl_w_i;
    end
  end

  // --- The two parts ---
  logic           p_we, s_we, re;
  logic [PAw-1:0] p_waddr, p_raddr;
  logic [SAw-1:0] s_waddr, s_raddr, s_index;
  logic [PW-1:0]  p_wdata, p_rdata, p_q;
  logic [SW-1:0]  s_wdata, s_rdata, s_q;

  lib_ram_sdp #(.WIDTH(PW), .DEPTH(Priv)) u_private (
    .clk_i, .we_i(p_we), .waddr_i(p_waddr), .wdata_i(p_wdata), .re_i(re), .raddr_i(p_raddr), .rdata_o(p_rdata)
  );
  lib_ram_sdp #(.WIDTH(SW), .DEPTH(SHARED)) u_shared (
    .clk_i, .we_i(s_we), .waddr_i(s_waddr), .wdata_i(s_wdata), .re_i(re), .raddr_i(s_raddr), .rdata_o(s_rdata)
  );

  assign s_index = page_q[SAw-1:0] ^ mix(ctx_q, page_q[26:SAw]);
  assign re      = state_q == READ || state_q == SWEEP;
  assign p_raddr = state_q == SWEEP ? PAw'({sw_ctx_i, sw_at_q[3:0]}) : PAw'({ctx_q, page_q[3:0]});
  assign s_raddr = state_q == SWEEP ? sw_at_q[SAw-1:0] : s_index;

  always_ff @(posedge clk_i) begin
    p_q <= p_rdata;
    s_q <= s_rdata;
  end

  logic        p_v, p_r, p_w, s_v, s_r, s_w;
  logic [22:0] p_tag;
  logic [26:0] p_page;            // of the private entry that a lookup or fill met
  logic [39:0] p_hpage, s_hpage;
  logic [7:0]  s_ctx;
  logic [STag-1:0] s_tag;

  assign {p_v, p_r, p_w, p_tag, p_hpage}        = p_q;
  assign p_page = {p_tag, page_q[3:0]};
  assign {s_v, s_r, s_w, s_ctx, s_tag, s_hpage} = s_q;

  // --- Result of a lookup, and what it or a fill writes ---
  logic       p_hit_q, s_hit_q, take, move, near;
  logic [SAw-1:0] old_index_q;     // where the private entry goes in the shared part

  always_ff @(posedge clk_i) begin
    p_hit_q     <= ctx_ok_q && p_v && p_tag == page_q[26:4];
    s_hit_q     <= ctx_ok_q && s_v && s_tag == page_q[26:SAw] && s_ctx == ctx_q;
    old_index_q <= p_page[SAw-1:0] ^ mix(ctx_q, p_page[26:SAw]);
  end

  assign lk_hit_o   = p_hit_q || s_hit_q;
  assign lk_r_o     = p_hit_q ? p_r : s_r;
  assign lk_w_o     = p_hit_q ? p_w : s_w;
  assign lk_hpage_o = p_hit_q ? p_hpage : s_hpage;
  assign lq_done_o  = state_q == END && kind_q == QUERY;
  assign hl_done_o  = state_q == END && kind_q == HINT;
  assign fl_done_o  = state_q == END && (kind_q == FILL || kind_q == NEAR);

  assign take = state_q == END && ctx_ok_q && (kind_q == FILL || (kind_q == QUERY && s_hit_q && !p_hit_q && !sw_valid_i));
  assign move = take && p_v && !p_hit_q;
  assign near = state_q == END && ctx_ok_q && kind_q == NEAR && !p_hit_q && !s_hit_q;

  // --- Sweep: read, captured, page put together, compared, made invalid ---
  logic [SAw-1:0] sw_a1_q, sw_a2_q, sw_a3_q, sw_a4_q;
  logic [26:0] sw_page_q;
  logic        sw_own_q, sw_kill_q, kill;

  always_ff @(posedge clk_i) begin
    if (rst_i) {sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q} <= '0;
    else {sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q} <= {state_q == SWEEP, sw_v1_q, sw_v2_q, sw_v3_q};
  end

  always_ff @(posedge clk_i) begin
    sw_a1_q   <= sw_at_q[SAw-1:0];
    sw_a2_q   <= sw_a1_q;
    sw_a3_q   <= sw_a2_q;
    sw_a4_q   <= sw_a3_q;
    sw_page_q <= sw_shared_q ? {s_tag, sw_a2_q ^ mix(s_ctx, s_tag)} : {p_tag, sw_a2_q[3:0]};
    sw_own_q  <= sw_shared_q ? s_v && s_ctx == sw_ctx_i : p_v;
    sw_kill_q <= sw_own_q && sw_page_q >= sw_first_i && sw_page_q <= sw_last_i;
  end

  assign kill = sw_v4_q && sw_kill_q;

  always_comb begin
    p_we    = clear_q || take || (kill && !sw_shared_q);
    p_waddr = clear_q ? PAw'(clear_at_q) : take ? PAw'({ctx_q, page_q[3:0]}) : PAw'({sw_ctx_i, sw_a4_q[3:0]});
    p_wdata = kind_q == FILL ? {1'b1, r_q, w_q, page_q[26:4], hpage_q} : {1'b1, s_r, s_w, page_q[26:4], s_hpage};
    if (!take) p_wdata[PW-1] = 1'b0;
    s_we    = clear_q || move || near || (kill && sw_shared_q);
    s_waddr = clear_q ? SAw'(clear_at_q) : move ? old_index_q : near ? s_index : sw_a4_q;
    s_wdata = move ? {1'b1, p_r, p_w, ctx_q, p_page[26:SAw], p_hpage} : {1'b1, r_q, w_q, ctx_q, page_q[26:SAw], hpage_q};
    if (!move && !near) s_wdata[SW-1] = 1'b0;
  end

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_iotlb: NCTX must be 1 to 256");
  initial if (SHARED < 16 || SHARED > 8192 || SHARED != 1 << SAw) $fatal(1, "nic_iotlb: SHARED must be a power of two, 16 to 8192");

  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst_i) begin
      assert (sw_empty || state_q == SWEEP || state_q == DRAIN);  // an operation never overlaps a part of a sweep
      assert (!(kill && (take || near)));
      if (p_we && !clear_q) assert (p_waddr == PAw'({take ? ctx_q : sw_ctx_i, p_waddr[3:0]}));
    end
  end
`endif

`ifdef FORMAL
  // One page of one context is followed, any page. Its entry may only be what was last filled in: once every fill of it since a sweep
  // of it began had the same value, then after that sweep it is found with this value or not at all.
  if (WATCH != 0) begin : g_watch
    (* anyconst *) logic [7:0]  f_ctx;
    (* anyconst *) logic [26:0] f_page;
    (* anyconst *) logic [41:0] f_value;  // R, W, host page
    always_comb assume ({1'b0, f_ctx} < NumCtx);

    // The two words that may hold it; the RAMs are free otherwise (rtl/formal/guard/free_ram.sv).
    logic [PAw-1:0] f_p_at;
    logic [SAw-1:0] f_s_at;
    logic [PW-1:0]  f_p_q, f_p_read_q;
    logic [SW-1:0]  f_s_q, f_s_read_q;
    logic           f_p_v_q, f_s_v_q;     // the RAM's output is this word
    assign f_p_at = PAw'({f_ctx, f_page[3:0]});
    assign f_s_at = f_page[SAw-1:0] ^ mix(f_ctx, f_page[26:SAw]);

    always_ff @(posedge clk_i) begin
      if (p_we && p_waddr == f_p_at) f_p_q <= p_wdata;
      if (s_we && s_waddr == f_s_at) f_s_q <= s_wdata;
      if (re) begin
        f_p_v_q    <= p_raddr == f_p_at && !(p_we && p_waddr == f_p_at);
        f_s_v_q    <= s_raddr == f_s_at && !(s_we && s_waddr == f_s_at);
        f_p_read_q <= f_p_q;
        f_s_read_q <= f_s_q;
      end
    end
    always_comb begin
      assume (!f_p_v_q || p_rdata == f_p_read_q);
      assume (!f_s_v_q || s_rdata == f_s_read_q);
    end

    // Wrong: it names the page but has another value.
    logic            f_p_v, f_s_v, f_p_bad, f_s_bad, f_fill_bad, f_covers, f_mine;
    logic [22:0]     f_p_tag;
    logic [7:0]      f_s_ctx;
    logic [STag-1:0] f_s_tag;
    logic [41:0]     f_p_value, f_s_value;
    assign {f_p_v, f_p_value[41:40], f_p_tag, f_p_value[39:0]}          = f_p_q;
    assign {f_s_v, f_s_value[41:40], f_s_ctx, f_s_tag, f_s_value[39:0]} = f_s_q;
    assign f_p_bad    = f_p_v && f_p_tag == f_page[26:4] && f_p_value != f_value;
    assign f_s_bad    = f_s_v && f_s_ctx == f_ctx && f_s_tag == f_page[26:SAw] && f_s_value != f_value;
    assign f_mine     = ctx_q == f_ctx && page_q == f_page;
    assign f_fill_bad = state_q == END && (kind_q == FILL || kind_q == NEAR) && f_mine && {r_q, w_q, hpage_q} != f_value;
    assign f_covers   = sw_valid_i && sw_ctx_i == f_ctx && sw_first_i <= f_page && f_page <= sw_last_i;

    logic f_op;  // an operation is under way
    assign f_op = state_q == READ || state_q == WAIT || state_q == CMP || state_q == END;

    // Has the sweep been at the two words?
    logic f_p_swept_q, f_s_swept_q, f_p_way, f_s_way;
    assign f_p_way = !sw_shared_q && ((sw_v1_q && sw_a1_q[3:0] == f_page[3:0]) || (sw_v2_q && sw_a2_q[3:0] == f_page[3:0]) ||
                                      (sw_v3_q && sw_a3_q[3:0] == f_page[3:0]) || (sw_v4_q && sw_a4_q[3:0] == f_page[3:0]));
    assign f_s_way = sw_shared_q && ((sw_v1_q && sw_a1_q == f_s_at) || (sw_v2_q && sw_a2_q == f_s_at) ||
                                     (sw_v3_q && sw_a3_q == f_s_at) || (sw_v4_q && sw_a4_q == f_s_at));
    always_ff @(posedge clk_i) begin
      if (!sw_valid_i) {f_p_swept_q, f_s_swept_q} <= '0;
      else begin
        if (sw_v4_q && !sw_shared_q && sw_a4_q[3:0] == f_page[3:0]) f_p_swept_q <= 1'b1;
        if (sw_v4_q && sw_shared_q && sw_a4_q == f_s_at) f_s_swept_q <= 1'b1;
      end
    end

    logic f_dirty_q;   // a wrong value may be there
    logic f_sweep_q;   // a sweep of the page is under way, and no wrong value came in since it began
    logic f_past_q;
    always_ff @(posedge clk_i) begin
      f_past_q <= !rst_i;
      if (rst_i) begin
        f_dirty_q <= 1'b0;
        f_sweep_q <= 1'b0;
      end else begin
        f_sweep_q <= f_covers && !sw_done_o && !f_fill_bad && (f_sweep_q || !$past(sw_valid_i));
        if (f_fill_bad) f_dirty_q <= 1'b1;
        else if (sw_done_o && f_sweep_q) f_dirty_q <= 1'b0;
      end
    end

    // The rules of the inputs
    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q && $past(!rst_i)) begin
        if ($past(sw_valid_i && !sw_done_o))
          assume (sw_valid_i && $stable(sw_ctx_i) && $stable(sw_first_i) && $stable(sw_last_i));
        if ($past(sw_done_o)) assume (!sw_valid_i);
        if ($past(lq_valid_i && !lq_done_o && !flow_rst_i)) assume (lq_valid_i && $stable(lq_ctx_i) && $stable(lq_page_i));
        if ($past(hl_valid_i && !hl_done_o && !flow_rst_i)) assume (hl_valid_i && $stable(hl_ctx_i) && $stable(hl_page_i));
        if ($past(fl_valid_i && !fl_done_o && !flow_rst_i))
          assume (fl_valid_i && $stable(fl_ctx_i) && $stable(fl_page_i) && $stable(fl_hpage_i) && $stable(fl_r_i) && $stable(fl_w_i)
                  && $stable(fl_shared_i));
      end
      assume (!sw_valid_i || ({1'b0, sw_ctx_i} < NumCtx && !clear_q && !rst_i));
      assume (!rst_i || !sw_valid_i);
    end

    always_ff @(posedge clk_i) begin
      if (!rst_i && f_past_q) begin
        watched: assert (!((lq_done_o || hl_done_o) && f_mine && lk_hit_o && !f_dirty_q) || {lk_r_o, lk_w_o, lk_hpage_o} == f_value);

        asked_query: assert (!(f_op && kind_q == QUERY) || (lq_valid_i && lq_ctx_i == ctx_q && lq_page_i == page_q));
        asked_hint: assert (!(f_op && kind_q == HINT) || (hl_valid_i && hl_ctx_i == ctx_q && hl_page_i == page_q));
        asked_fill: assert (!(f_op && (kind_q == FILL || kind_q == NEAR)) ||
                            (fl_valid_i && fl_ctx_i == ctx_q && fl_page_i == page_q && {fl_r_i, fl_w_i, fl_hpage_i} == {r_q, w_q, hpage_q}));
        apart: assert (!(lq_done_o && sw_done_o) && (!sw_done_o || $past(sw_valid_i)));

        // Why. Reset clears both words; in a sweep, what was read at a word's address is on its way to be compared, or has been.
        clean: assert (clear_q || f_dirty_q || (!f_p_bad && !f_s_bad));
        clear_p: assert (!(clear_q && clear_at_q > CAw'(f_p_at)) || !f_p_v);
        clear_s: assert (!(clear_q && clear_at_q > CAw'(f_s_at)) || !f_s_v);
        clear_idle: assert (!clear_q || (state_q == IDLE && sw_empty && !f_dirty_q));
        part: assert (sw_empty || state_q == SWEEP || state_q == DRAIN);
        part_valid: assert (sw_valid_i || (state_q != SWEEP && state_q != DRAIN && !sw_shared_q && sw_at_q == '0));
        part_p: assert (sw_shared_q || (state_q == SWEEP && sw_at_q < 16) || (state_q == DRAIN && sw_at_q == 16) || sw_at_q == '0);
        part_s: assert (!sw_shared_q || state_q == SWEEP ? !sw_at_q[SAw] || !sw_shared_q : sw_at_q[3:0] == '0);
        part_e: assert (!(sw_shared_q && sw_at_q[SAw]) || (state_q == DRAIN && sw_at_q == SHARED));
        way_p: assert (!(sw_valid_i && (sw_shared_q || sw_at_q > {1'b0, f_page[3:0]})) || f_p_way || f_p_swept_q);
        way_s: assert (!(sw_shared_q && sw_at_q > {1'b0, f_s_at}) || f_s_way || f_s_swept_q);
        way_not: assert (sw_shared_q || !f_s_swept_q || !sw_valid_i);
        covered: assert (!f_sweep_q || (f_covers || $past(sw_done_o)));
        swept_p: assert (!(f_sweep_q && f_p_swept_q) || !f_p_bad);
        swept_s: assert (!(f_sweep_q && f_s_swept_q) || !f_s_bad);
      end
    end
  end
`endif

endmodule
