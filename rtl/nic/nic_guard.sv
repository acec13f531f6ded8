// SPDX-License-Identifier: Apache-2.0
// The guard: translates (context, guest page) to a host page, or refuses. Every memory request of the NIC for a context passes here.

// Each context has four windows: guest pages [gpage, gpage + pages) map to host pages from hpage on, with R (the NIC may read) and W (the
// NIC may write). They are kept in block RAM and read one per cycle; the first valid window that holds the page and
// has the permission answers, six cycles after the query was accepted for window 0, one more for each further
// window; a refusal takes nine. One query at a time.
//
// The table is written and read through tbl_* only, which nic_mgmt drives from BAR0: the firmware has no way to it. After
// reset every window is made invalid, one per cycle; until ready_o is high no query is accepted and tbl_we_i must not be used.
//
//   gq_*   query: context, guest page (guest address >> 12), 1 for a write of guest memory
//   gr_*   answer, a pulse: DMA_STATUS OK with the host page, or REFUSED
//   tbl_*  table: tbl_we_i writes a window (ctl: bit 0 valid, 1 R, 2 W); tbl_re_i reads one, tbl_*_o are valid two cycles later
//          and held. Contexts from NCTX on have no windows.
module nic_guard #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        gq_valid_i,
    output logic        gq_ready_o,
    input  logic [7:0]  gq_ctx_i,
    input  logic [51:0] gq_gpage_i,
    input  logic        gq_write_i,
    output logic        gr_valid_o,
    output logic [2:0]  gr_status_o,
    output logic [51:0] gr_hpage_o,

    input  logic        tbl_we_i,
    input  logic        tbl_re_i,
    input  logic [7:0]  tbl_ctx_i,
    input  logic [3:0]  tbl_win_i,
    input  logic [51:0] tbl_gpage_i,
    input  logic [23:0] tbl_pages_i,
    input  logic [51:0] tbl_hpage_i,
    input  logic [2:0]  tbl_ctl_i,
    output logic [51:0] tbl_gpage_o,
    output logic [23:0] tbl_pages_o,
    output logic [51:0] tbl_hpage_o,
    output logic [2:0]  tbl_ctl_o,
    output logic        ready_o
);

  localparam int unsigned WINDOWS = 4;
  localparam int unsigned ENTRIES = NCTX * WINDOWS;
  localparam int unsigned AW      = $clog2(ENTRIES);
  localparam int unsigned EW      = 52 + 24 + 52 + 3;
  localparam logic [AW-1:0] LastEntry = AW'(ENTRIES - 1);
  localparam logic [8:0]    NumCtx    = 9'(NCTX);

  // --- Sweep after reset ---
  logic          sweep_q;
  logic [AW-1:0] sweep_at_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sweep_q    <= 1'b1;
      sweep_at_q <= '0;
    end else if (sweep_q) begin
      sweep_at_q <= sweep_at_q + 1'b1;
      if (sweep_at_q == LastEntry) sweep_q <= 1'b0;
    end
  end

  assign ready_o = !sweep_q;

  // --- The table ---
  logic          tbl_in_range, we, re;
  logic [AW-1:0] tbl_at, waddr, raddr;
  logic [EW-1:0] wdata, rdata;

  assign tbl_in_range = {1'b0, tbl_ctx_i} < NumCtx && tbl_win_i[3:2] == 2'b00;
  assign tbl_at       = AW'({tbl_ctx_i, tbl_win_i[1:0]});
  assign we           = sweep_q || (tbl_we_i && tbl_in_range);
  assign waddr        = sweep_q ? sweep_at_q : tbl_at;
  assign wdata        = sweep_q ? '0 : {tbl_gpage_i, tbl_pages_i, tbl_hpage_i, tbl_ctl_i};

  lib_ram_sdp #(.WIDTH(EW), .DEPTH(ENTRIES)) u_ram (
    .clk_i,
    .we_i    (we),
    .waddr_i (waddr),
    .wdata_i (wdata),
    .re_i    (re),
    .raddr_i (raddr),
    .rdata_o (rdata)
  );

  // Read back: takes the read port for a cycle, a lookup waits.
  logic tbl_read_q, tbl_range_q;
  logic [EW-1:0] tbl_out_q;

  always_ff @(posedge clk_i) begin
    tbl_read_q  <= tbl_re_i && !rst_i;
    tbl_range_q <= tbl_in_range;
    if (tbl_read_q) tbl_out_q <= tbl_range_q ? rdata : '0;
  end

  assign {tbl_gpage_o, tbl_pages_o, tbl_hpage_o, tbl_ctl_o} = tbl_out_q;

  // --- Lookup: query registers, then one window per cycle through four stages ---
  logic        busy_q, ask_q, write_q, in_range_q;
  logic [7:0]  ctx_q;
  logic [51:0] gpage_q;
  logic [1:0]  win_q;                       // next window to read
  logic        step, answer;
  logic        r_v_q, e_v_q, f_v_q, g_v_q;  // a window is in this stage
  logic        r_l_q, e_l_q, f_l_q, g_l_q;  // ... and it is the last one
  logic        g_hit_q;                     // ... and it maps the page with the permission

  assign gq_ready_o = !busy_q && !sweep_q;
  assign step       = ask_q && !tbl_re_i;
  assign re         = tbl_re_i || ask_q;
  assign raddr      = tbl_re_i ? tbl_at : AW'({ctx_q, win_q});
  assign answer     = g_v_q && (g_hit_q || g_l_q);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      busy_q <= 1'b0;
      ask_q  <= 1'b0;
      r_v_q  <= 1'b0;
      e_v_q  <= 1'b0;
      f_v_q  <= 1'b0;
      g_v_q  <= 1'b0;
    end else begin
      if (gq_valid_i && gq_ready_o) begin
        busy_q <= 1'b1;
        ask_q  <= 1'b1;
      end else begin
        if (answer) busy_q <= 1'b0;
        if (answer || (step && win_q == 2'd3)) ask_q <= 1'b0;
      end
      r_v_q <= step && !answer;
      e_v_q <= r_v_q && !answer;
      f_v_q <= e_v_q && !answer;
      g_v_q <= f_v_q && !answer;
    end
  end

  always_ff @(posedge clk_i) begin
    if (gq_ready_o) begin
      ctx_q      <= gq_ctx_i;
      in_range_q <= {1'b0, gq_ctx_i} < NumCtx;
      gpage_q    <= gq_gpage_i;
      write_q    <= gq_write_i;
      win_q      <= 2'd0;
    end else if (step) begin
      win_q <= win_q + 2'd1;
    end
    r_l_q <= win_q == 2'd3;
    e_l_q <= r_l_q;
    f_l_q <= e_l_q;
    g_l_q <= f_l_q;
  end

  // e: the window as the RAM gave it, once more registered. f: distance of the page from the window's first one.
  // g: inside or not, and the host page.
  logic [51:0] e_gpage_q, e_hpage_q, f_hpage_q, g_hpage_q;
  logic [23:0] e_pages_q, f_pages_q;
  logic [2:0]  e_ctl_q;
  logic [52:0] f_diff_q;                    // bit 52: the page lies before the window
  logic        f_perm_q;

  always_ff @(posedge clk_i) begin
    {e_gpage_q, e_pages_q, e_hpage_q, e_ctl_q} <= rdata;

    f_diff_q  <= {1'b0, gpage_q} - {1'b0, e_gpage_q};
    f_hpage_q <= e_hpage_q;
    f_pages_q <= e_pages_q;
    f_perm_q  <= in_range_q && e_ctl_q[0] && (write_q ? e_ctl_q[2] : e_ctl_q[1]);

    g_hit_q   <= f_perm_q && f_diff_q[52:24] == '0 && f_diff_q[23:0] < f_pages_q;
    g_hpage_q <= f_hpage_q + {28'd0, f_diff_q[23:0]};
  end

  // Answer
  logic        gr_valid_q, gr_ok_q;
  logic [51:0] gr_hpage_q;

  always_ff @(posedge clk_i) begin
    gr_valid_q <= answer && !rst_i;
    gr_ok_q    <= g_hit_q;
    gr_hpage_q <= g_hpage_q;
  end

  assign gr_valid_o  = gr_valid_q;
  assign gr_status_o = gr_ok_q ? glregs_pkg::DMA_STATUS_OK[2:0] : glregs_pkg::DMA_STATUS_REFUSED[2:0];
  assign gr_hpage_o  = gr_hpage_q;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_guard: NCTX must be 1 to 256");

  // Invariant 1 (Memory), checked against a copy of the table that knows nothing of the lookup above: an answer OK
  // names a page inside a valid window of that context with the permission asked for. A window that was
  // written while the query was under way may count as before or as after.
  logic [EW-1:0] shadow [ENTRIES];
  logic          changed_q;
  logic [7:0]    a_ctx;
  logic [3:0]    a_covers;
  logic [51:0]   a_gpage, a_hpage;
  logic [23:0]   a_pages;
  logic [2:0]    a_ctl;

  assign a_ctx = ctx_q;

  always_ff @(posedge clk_i) if (we) shadow[waddr] <= wdata;
  always_ff @(posedge clk_i) begin
    if (gq_ready_o) changed_q <= 1'b0;
    else if (tbl_we_i) changed_q <= 1'b1;
  end

  always_comb begin
    a_covers = '0;
    a_gpage  = '0;
    a_pages  = '0;
    a_hpage  = '0;
    a_ctl    = '0;
    if (answer) begin
      for (int unsigned w = 0; w < WINDOWS; w++) begin
        {a_gpage, a_pages, a_hpage, a_ctl} = shadow[AW'({a_ctx, w[1:0]})];
        a_covers[w[1:0]] = {1'b0, a_ctx} < NumCtx && a_ctl[0] && (write_q ? a_ctl[2] : a_ctl[1]) && gpage_q >= a_gpage
                           && {1'b0, gpage_q} < {1'b0, a_gpage} + {29'd0, a_pages} && g_hpage_q == a_hpage + (gpage_q - a_gpage);
      end
    end
  end

  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst_i) begin
      if (answer && g_hit_q && !changed_q) assert (a_covers != '0);
      if (answer && !changed_q && g_hit_q) assert (!sweep_q);
`ifdef FORMAL
      assume (!(tbl_we_i && sweep_q));
      cover (answer && g_hit_q && win_q == 2'd0);  // the last window answers
`else
      assert (!(tbl_we_i && sweep_q));
`endif
    end
  end
`endif

endmodule
