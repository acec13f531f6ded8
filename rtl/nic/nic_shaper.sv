// SPDX-License-Identifier: Apache-2.0
// Token buckets: what contexts send (TX), receive (RX) and flood (FLOOD, and WIRE_FLOOD for the wire).

// Contract: docs/interfaces.md, "Isolation", and docs/isolation.md, "Shares and limits". A rate is in octets
// per 65536 cycles, a depth in octets. Tokens are counted in units of 2^-F octets and lie in one block RAM,
// rates and depths in another. Every 2^(16-F) cycles a bucket with a limit gets `rate` units, up to its depth: with up to 32
// contexts F = 6, every 1024 cycles; with 256 F = 3, every 8192 (a visit every 8 cycles at most). A frame takes its
// octets when it has passed, so a bucket may be in debt; it lets a frame pass while it holds one octet or more.
// Writing a rate or a depth fills the bucket.
//
// One pipeline works on all buckets, a step per cycle: read, register, sum, limit, write. A step waits while one before it
// is on the same bucket.
//
//   tx_ask_ctx_i -> tx_ok_o   one cycle later: the context may send
//   tx_take_*    in that cycle: takes the tokens of a frame. Nobody with a limit is told that it may send while earlier
//                takes still queue, so none is lost
//   rx_ok_o, flood_ok_o, wire_flood_ok_o   has a token, or has no limit
//   rx_take_*    ready/valid, one per frame and context
//   flood_take_* one per frame, at most one per 16 cycles; flood_take_wire_i: from the wire
//   take_len_i   octets, of both
//   cfg_*        configuration bus; cfg_ready_o: another access may come
//   clr_*        the context's limits go
//   idle_o       no bucket will change
module nic_shaper #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,

    input  logic [7:0]      tx_ask_ctx_i,
    output logic            tx_ok_o,
    input  logic            tx_take_valid_i,
    input  logic [7:0]      tx_take_ctx_i,
    input  logic [13:0]     tx_take_len_i,

    output logic [NCTX-1:0] rx_ok_o,
    output logic [NCTX-1:0] flood_ok_o,
    output logic            wire_flood_ok_o,
    input  logic            rx_take_valid_i,
    output logic            rx_take_ready_o,
    input  logic [7:0]      rx_take_ctx_i,
    input  logic            flood_take_valid_i,
    input  logic            flood_take_wire_i,
    input  logic [7:0]      flood_take_ctx_i,
    input  logic [13:0]     take_len_i,

    input  logic            cfg_we_i,
    input  logic            cfg_re_i,
    input  logic [7:0]      cfg_addr_i,
    input  logic [7:0]      cfg_ctx_i,
    input  logic [31:0]     cfg_wdata_i,
    output logic [31:0]     cfg_rdata_o,
    output logic            cfg_ready_o,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o,

    output logic            idle_o
);

  localparam int unsigned CW       = (NCTX > 1) ? $clog2(NCTX) : 1;
  localparam int unsigned EW       = CW + 2;                       // bucket: {kind, context}
  localparam int unsigned PeriodLog2 = (EW + 3 > 10) ? EW + 3 : 10;  // cycles between two visits of a bucket
  localparam int unsigned F        = 16 - PeriodLog2;              // bits of a token below one octet
  localparam int unsigned GapLog2  = PeriodLog2 - EW;              // cycles between two visits
  localparam int unsigned TW       = 22 + F;                       // signed; a full bucket and a rate
  localparam logic [1:0] KindTx = 2'd0, KindRx = 2'd1, KindFlood = 2'd2, KindWire = 2'd3;

  typedef struct packed {
    logic          refill;  // else take
    logic          fill;    // refill to the brim
    logic [EW-1:0] bucket;
    logic [13:0]   len;
  } step_t;

  // --- Sweep after reset: rates and depths become 0 ---
  logic          sweep_q;
  logic [EW:0]   sweep_addr_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sweep_q      <= 1'b1;
      sweep_addr_q <= '0;
    end else if (sweep_q) begin
      sweep_addr_q <= sweep_addr_q + (EW + 1)'(1);
      sweep_q      <= !(&sweep_addr_q);
    end
  end

  // --- Who has a limit, who has a token: one bit per bucket ---
  logic [2**CW-1:0] tx_lim_q, tx_has_q, rx_lim_q, rx_has_q, fl_lim_q, fl_has_q;
  logic             wire_lim_q, wire_has_q;

  // --- Configuration ---
  logic          mine, cfg_write, re1_q, re2_q, mine1_q, mine2_q;
  logic [EW-1:0] cfg_bucket;
  logic [EW:0]   cfg_cell;
  logic          fill_q;           // the bucket written last is to be filled
  logic [EW-1:0] fill_bucket_q;
  logic [2:0]    clr_step_q;       // kind and half that is cleared; 6: done
  logic          clr_write, clr_done;
  logic          conf_we;
  logic [EW:0]   conf_waddr, conf_raddr;
  logic [19:0]   conf_wdata, conf_rdata;

  assign mine       = cfg_addr_i[7:5] == glregs_pkg::BAR0_TX_RATE[7:5] && 32'(cfg_ctx_i) < NCTX;
  assign cfg_write  = cfg_we_i && mine;
  assign cfg_bucket = {cfg_addr_i[4:3], cfg_addr_i[4:3] == KindWire ? CW'(0) : cfg_ctx_i[CW-1:0]};
  assign cfg_cell   = {cfg_bucket, cfg_addr_i[2]};
  assign clr_done   = clr_step_q == 3'd6;
  assign clr_write  = clr_valid_i && !clr_done && !cfg_write && !sweep_q;
  assign conf_we    = sweep_q || cfg_write || clr_write;
  assign conf_waddr = sweep_q ? sweep_addr_q : cfg_write ? cfg_cell
                              : {clr_step_q[2:1], clr_ctx_i[CW-1:0], clr_step_q[0]};
  assign conf_wdata = cfg_write && !sweep_q ? cfg_wdata_i[19:0] : '0;
  assign clr_done_o = clr_done;

  always_ff @(posedge clk_i) begin
    if (rst_i || !clr_valid_i) clr_step_q <= '0;
    else if (clr_write) clr_step_q <= clr_step_q + 3'd1;
    if (rst_i) begin
      tx_lim_q   <= '0;
      rx_lim_q   <= '0;
      fl_lim_q   <= '0;
      wire_lim_q <= 1'b0;
    end else if ((cfg_write || clr_write) && !conf_waddr[0]) begin
      unique case (conf_waddr[EW:EW-1])
        KindTx:    tx_lim_q[conf_waddr[CW:1]] <= conf_wdata != '0;
        KindRx:    rx_lim_q[conf_waddr[CW:1]] <= conf_wdata != '0;
        KindFlood: fl_lim_q[conf_waddr[CW:1]] <= conf_wdata != '0;
        default:   wire_lim_q <= conf_wdata != '0;
      endcase
    end
    if (rst_i) begin
      {re1_q, re2_q} <= '0;
    end else begin
      {re1_q, re2_q} <= {cfg_re_i, re1_q};
    end
    {mine1_q, mine2_q} <= {mine, mine1_q};
    if (re2_q) cfg_rdata_o <= mine2_q ? {12'd0, conf_rdata} : '0;
    cfg_ready_o <= !rst_i && !sweep_q && !fill_q && !cfg_write;
  end

  // --- Takes, each with a limit only ---
  logic        tx_v, rx_v, fl_v_q, tx_go, rx_go, fl_go, rx_limited;
  logic [CW-1:0] tx_c, rx_c;
  logic [13:0] tx_l, rx_l, fl_l_q;
  logic [EW-1:0] fl_b_q;
  logic        tx_ready, rx_ready;
  logic [2:0]  tx_level;

  lib_fifo #(.WIDTH(CW + 14), .DEPTH_LOG2(2)) u_tx (
    .clk_i, .rst_i,
    .wr_valid_i(tx_take_valid_i && tx_lim_q[tx_take_ctx_i[CW-1:0]]),
    .wr_ready_o(tx_ready),
    .wr_data_i ({tx_take_ctx_i[CW-1:0], tx_take_len_i}),
    .rd_valid_o(tx_v),
    .rd_ready_i(tx_go),
    .rd_data_o ({tx_c, tx_l}),
    .level_o   (tx_level)
  );

  assign rx_limited      = rx_lim_q[rx_take_ctx_i[CW-1:0]];
  assign rx_take_ready_o = rx_ready;
  lib_fifo #(.WIDTH(CW + 14), .DEPTH_LOG2(2)) u_rx (
    .clk_i, .rst_i,
    .wr_valid_i(rx_take_valid_i && rx_limited),
    .wr_ready_o(rx_ready),
    .wr_data_i ({rx_take_ctx_i[CW-1:0], take_len_i}),
    .rd_valid_o(rx_v),
    .rd_ready_i(rx_go),
    .rd_data_o ({rx_c, rx_l}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) fl_v_q <= 1'b0;
    else if (flood_take_valid_i)
      fl_v_q <= flood_take_wire_i ? wire_lim_q : fl_lim_q[flood_take_ctx_i[CW-1:0]];
    else if (fl_go) fl_v_q <= 1'b0;
    if (flood_take_valid_i) begin
      fl_b_q <= flood_take_wire_i ? {KindWire, CW'(0)} : {KindFlood, flood_take_ctx_i[CW-1:0]};
      fl_l_q <= take_len_i;
    end
  end

  // --- Visits ---
  logic [GapLog2-1:0] gap_q;
  logic [EW-1:0]      visit_q;     // bucket
  logic               visit_v_q, visit_go, visit_lim_q;
  logic               dirty_q, clean_q;  // in this round a bucket was not full; the round before found all full

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      gap_q     <= '0;
      visit_q   <= '0;
      visit_v_q <= 1'b0;
      fill_q    <= 1'b0;
    end else begin
      // A visit that has not begun by then (it waits for the port or its bucket) holds up the next one.
      if (!(&gap_q) || !visit_v_q) gap_q <= gap_q + GapLog2'(1);
      if (&gap_q && !visit_v_q) visit_q <= visit_q + EW'(1);
      // The bit is looked up long before it is used.
      if (gap_q == GapLog2'(2)) visit_v_q <= visit_lim_q;
      else if (visit_go) visit_v_q <= 1'b0;
      if (cfg_write) fill_q <= 1'b1;
      else if (visit_go && step.fill) fill_q <= 1'b0;
    end
    unique case (visit_q[EW-1-:2])
      KindTx:    visit_lim_q <= tx_lim_q[visit_q[CW-1:0]];
      KindRx:    visit_lim_q <= rx_lim_q[visit_q[CW-1:0]];
      KindFlood: visit_lim_q <= fl_lim_q[visit_q[CW-1:0]];
      default:   visit_lim_q <= wire_lim_q && visit_q[CW-1:0] == '0;
    endcase
    if (cfg_write) fill_bucket_q <= cfg_bucket;
  end

  // --- The pipeline ---
  step_t         step, s1_q, s2_q;
  logic          v0, v1_q, v2_q, v3_q, v4_q, clash, conf_busy, refill3_q, fill3_q;
  logic [EW-1:0] b3_q, b4_q;
  logic [TW-1:0] tok_rdata, tok2_q, sum3_q, top3, new4_q;
  logic [19:0]   rate2_q, depth3_q;
  logic          over3, full4_q, refill4_q, has5_q, v5_q;
  logic [EW-1:0] b5_q;
  logic          pick_tx, turn_q;  // turn_q: a take of RX goes first

  // Filling goes first, then visits; both need the port of rates and depths in this cycle and the next.
  assign conf_busy = cfg_re_i || re1_q;

  always_comb begin
    step = '0;
    if (fill_q && !conf_busy) begin
      step.refill = 1'b1;
      step.fill   = 1'b1;
      step.bucket = fill_bucket_q;
      v0          = 1'b1;
    end else if (visit_v_q && !conf_busy) begin
      step.refill = 1'b1;
      step.bucket = visit_q;
      v0          = 1'b1;
    end else if (fl_v_q) begin
      step.bucket = fl_b_q;
      step.len    = fl_l_q;
      v0          = 1'b1;
    end else if (pick_tx) begin
      step.bucket = {KindTx, tx_c};
      step.len    = tx_l;
      v0          = 1'b1;
    end else begin
      step.bucket = {KindRx, rx_c};
      step.len    = rx_l;
      v0          = rx_v;
    end
  end

  assign clash = (v1_q && s1_q.bucket == step.bucket) || (v2_q && s2_q.bucket == step.bucket) ||
                 (v3_q && b3_q == step.bucket) || (v4_q && b4_q == step.bucket) ||
                 (v1_q && s1_q.refill && step.refill);  // the depth is being read
  assign visit_go = v0 && !clash && step.refill;
  assign fl_go    = v0 && !clash && !step.refill && fl_v_q;
  assign tx_go    = v0 && !clash && !step.refill && !fl_v_q && pick_tx;
  assign rx_go    = v0 && !clash && !step.refill && !fl_v_q && !pick_tx;
  assign pick_tx  = tx_v && !(rx_v && turn_q);

  assign conf_raddr = re1_q ? cfg_cell : (v1_q && s1_q.refill) ? {s1_q.bucket, 1'b1} : {step.bucket, 1'b0};

  lib_ram_sdp #(.WIDTH(20), .DEPTH(2 ** (EW + 1))) u_conf (
    .clk_i,
    .we_i   (conf_we),
    .waddr_i(conf_waddr),
    .wdata_i(conf_wdata),
    .re_i   (1'b1),
    .raddr_i(conf_raddr),
    .rdata_o(conf_rdata)
  );

  lib_ram_sdp #(.WIDTH(TW), .DEPTH(2 ** EW)) u_tokens (
    .clk_i,
    .we_i   (v4_q),
    .waddr_i(b4_q),
    .wdata_i(new4_q),
    .re_i   (1'b1),
    .raddr_i(step.bucket),
    .rdata_o(tok_rdata)
  );

  assign top3  = {2'b0, depth3_q, F'(0)};
  assign over3 = !sum3_q[TW-1] && sum3_q[TW-2:0] >= top3[TW-2:0];

  always_ff @(posedge clk_i) begin
    if (rst_i) turn_q <= 1'b0;
    else if (tx_go || rx_go) turn_q <= tx_go;
    if (rst_i) {v1_q, v2_q, v3_q, v4_q, v5_q} <= '0;
    else       {v1_q, v2_q, v3_q, v4_q, v5_q} <= {v0 && !clash, v1_q, v2_q, v3_q, v4_q};
    s1_q      <= step;
    s2_q      <= s1_q;
    b3_q      <= s2_q.bucket;
    b4_q      <= b3_q;
    b5_q      <= b4_q;
    tok2_q    <= tok_rdata;
    rate2_q   <= conf_rdata;
    sum3_q    <= s2_q.refill ? tok2_q + TW'(rate2_q) : tok2_q - TW'({s2_q.len, F'(0)});
    depth3_q  <= conf_rdata;
    refill3_q <= s2_q.refill;
    fill3_q   <= s2_q.fill;
    refill4_q <= refill3_q;
    full4_q   <= refill3_q && over3;
    new4_q    <= fill3_q || (refill3_q && over3) ? top3 : sum3_q;
    has5_q    <= !new4_q[TW-1] && new4_q[TW-2:F] != '0;
  end

  always_ff @(posedge clk_i) begin
    if (v5_q) begin
      unique case (b5_q[EW-1-:2])
        KindTx:    tx_has_q[b5_q[CW-1:0]] <= has5_q;
        KindRx:    rx_has_q[b5_q[CW-1:0]] <= has5_q;
        KindFlood: fl_has_q[b5_q[CW-1:0]] <= has5_q;
        default:   wire_has_q <= has5_q;
      endcase
    end
    if (rst_i) begin
      dirty_q <= 1'b0;
      clean_q <= 1'b1;
    end else begin
      if (&gap_q && !visit_v_q && &visit_q) begin
        clean_q <= !dirty_q;
        dirty_q <= 1'b0;
      end
      if (v4_q && !full4_q) begin
        clean_q <= 1'b0;
        dirty_q <= 1'b1;
      end
    end
  end

  // --- Answers ---
  always_ff @(posedge clk_i) begin
    tx_ok_o <= (tx_has_q[tx_ask_ctx_i[CW-1:0]] && tx_level <= 3'd1) || !tx_lim_q[tx_ask_ctx_i[CW-1:0]];
  end
  assign rx_ok_o         = rx_has_q[NCTX-1:0] | ~rx_lim_q[NCTX-1:0];
  assign flood_ok_o      = fl_has_q[NCTX-1:0] | ~fl_lim_q[NCTX-1:0];
  assign wire_flood_ok_o = wire_has_q || !wire_lim_q;
  assign idle_o          = clean_q && !sweep_q && !fill_q && !tx_v && !rx_v && !fl_v_q &&
                           !v1_q && !v2_q && !v3_q && !v4_q && !clr_valid_i;

  /* verilator lint_off UNUSEDSIGNAL */  // more index bits than this number of contexts needs
  logic unused;
  assign unused = ^{tx_ask_ctx_i, tx_take_ctx_i, rx_take_ctx_i, flood_take_ctx_i, cfg_ctx_i, clr_ctx_i,
                    cfg_addr_i, cfg_wdata_i, rx_has_q, fl_has_q, refill4_q, s1_q.len, s1_q.fill};
  /* verilator lint_on UNUSEDSIGNAL */

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_shaper: NCTX must be 1 to 256");

  logic seen_reset_q = 1'b0;
  always_ff @(posedge clk_i) begin
    if (rst_i) seen_reset_q <= 1'b1;
    if (seen_reset_q && !rst_i) begin
      assert (!(tx_take_valid_i && !tx_ready));
      assert (!(flood_take_valid_i && fl_v_q));
      assert (!(cfg_write && (fill_q || sweep_q)));
    end
  end
`endif

endmodule
