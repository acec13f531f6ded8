// SPDX-License-Identifier: Apache-2.0
// IOTLB of the guard: 16 private translations for each context and 512 that all contexts share.

// The private part is indexed by the context and the low four bits of the guest page, so only the context's own
// translations replace each other there. What is displaced moves to the shared part, which is indexed by a hash of context and page and
// where any context may replace anything. A lookup reads both parts at once; what it finds in the shared part it moves to the private
// one. Both parts are direct-mapped. The hash is a sum without carry whose first term is the page's low nine bits, so an
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
    parameter int unsigned NCTX = 32
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
  localparam int unsigned Clear = Priv > 512 ? Priv : 512;  // cycles to clear both parts
  localparam int unsigned CAw   = $clog2(Clear);
  localparam int unsigned PW    = 1 + 2 + 23 + 40;          // valid, R and W, page[26:4], host page
  localparam int unsigned SW    = 1 + 2 + 8 + 18 + 40;      // valid, R and W, context, page[26:9], host page
  localparam logic [CAw-1:0] LastClear = CAw'(Clear - 1);
  localparam logic [8:0]     NumCtx    = 9'(NCTX);

  // What page[8:0] is summed with, to make an index of the shared part.
  function automatic logic [8:0] mix(input logic [7:0] ctx, input logic [17:0] high);
    mix = {ctx[4:0], ctx[7:5], 1'b0} ^ high[17:9] ^ high[8:0];
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
  logic [8:0]  sw_at_q;
  logic        sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q;
  logic        sw_end_part, sw_empty, waiting;

  assign waiting     = lq_valid_i || fl_valid_i || hl_valid_i;
  assign sw_end_part = sw_shared_q ? (sw_at_q == '1 || (sw_at_q[3:0] == '1 && waiting)) : sw_at_q[3:0] == '1;
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
          sw_at_q <= sw_at_q + 9'd1;
          if (sw_end_part) state_q <= DRAIN;
        end
        DRAIN: if (sw_empty) begin
          state_q <= IDLE;
          part_q  <= 1'b1;
          if (!sw_shared_q || sw_at_q == '0) begin
            sw_shared_q <= !sw_shared_q;
            sw_at_q     <= '0;
          end
        end
        default: state_q <= IDLE;
      endcase
      if (flow_rst_i && state_q != SWEEP && state_q != DRAIN) state_q <= IDLE;
    end
  end

  // The address has gone from 511 to 0 when the sweep is done.
  assign sw_done_o = state_q == DRAIN && sw_empty && sw_shared_q && sw_at_q == '0;

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
  logic [8:0]     s_waddr, s_raddr, s_index;
  logic [PW-1:0]  p_wdata, p_rdata, p_q;
  logic [SW-1:0]  s_wdata, s_rdata, s_q;

  lib_ram_sdp #(.WIDTH(PW), .DEPTH(Priv)) u_private (
    .clk_i, .we_i(p_we), .waddr_i(p_waddr), .wdata_i(p_wdata), .re_i(re), .raddr_i(p_raddr), .rdata_o(p_rdata)
  );
  lib_ram_sdp #(.WIDTH(SW), .DEPTH(512)) u_shared (
    .clk_i, .we_i(s_we), .waddr_i(s_waddr), .wdata_i(s_wdata), .re_i(re), .raddr_i(s_raddr), .rdata_o(s_rdata)
  );

  assign s_index = page_q[8:0] ^ mix(ctx_q, page_q[26:9]);
  assign re      = state_q == READ || state_q == SWEEP;
  assign p_raddr = state_q == SWEEP ? PAw'({sw_ctx_i, sw_at_q[3:0]}) : PAw'({ctx_q, page_q[3:0]});
  assign s_raddr = state_q == SWEEP ? sw_at_q : s_index;

  always_ff @(posedge clk_i) begin
    p_q <= p_rdata;
    s_q <= s_rdata;
  end

  logic        p_v, p_r, p_w, s_v, s_r, s_w;
  logic [22:0] p_tag;
  logic [39:0] p_hpage, s_hpage;
  logic [7:0]  s_ctx;
  logic [17:0] s_tag;

  assign {p_v, p_r, p_w, p_tag, p_hpage}        = p_q;
  assign {s_v, s_r, s_w, s_ctx, s_tag, s_hpage} = s_q;

  // --- Result of a lookup, and what it or a fill writes ---
  logic       p_hit_q, s_hit_q, take, move, near;
  logic [8:0] old_index_q;         // where the private entry goes in the shared part

  always_ff @(posedge clk_i) begin
    p_hit_q     <= ctx_ok_q && p_v && p_tag == page_q[26:4];
    s_hit_q     <= ctx_ok_q && s_v && s_tag == page_q[26:9] && s_ctx == ctx_q;
    old_index_q <= {p_tag[4:0], page_q[3:0]} ^ mix(ctx_q, p_tag[22:5]);
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
  logic [8:0]  sw_a1_q, sw_a2_q, sw_a3_q, sw_a4_q;
  logic [26:0] sw_page_q;
  logic        sw_own_q, sw_kill_q, kill;

  always_ff @(posedge clk_i) begin
    if (rst_i) {sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q} <= '0;
    else {sw_v1_q, sw_v2_q, sw_v3_q, sw_v4_q} <= {state_q == SWEEP, sw_v1_q, sw_v2_q, sw_v3_q};
  end

  always_ff @(posedge clk_i) begin
    sw_a1_q   <= sw_at_q;
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
    s_waddr = clear_q ? clear_at_q[8:0] : move ? old_index_q : near ? s_index : sw_a4_q;
    s_wdata = move ? {1'b1, p_r, p_w, ctx_q, p_tag[22:5], p_hpage} : {1'b1, r_q, w_q, ctx_q, page_q[26:9], hpage_q};
    if (!move && !near) s_wdata[SW-1] = 1'b0;
  end

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_iotlb: NCTX must be 1 to 256");

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

endmodule
