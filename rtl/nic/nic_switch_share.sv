// SPDX-License-Identifier: Apache-2.0
// Receive shares: how many frames wait for each context in each ring, and who may have one more.

// Counts references held: one more per record given, one less when nic_pktbuf says that a context's
// reference has gone (its verdict, whatever the firmware asked for). The firmware may give up a reference before its record
// is written; the count is then -1 for as long as that takes, so it is signed. Limits and counts
// lie in distributed RAM, changed by a pipeline of two stages, one change per cycle; what a scan
// wants to know is one bit per context and ring, right three cycles after a change.
//
//   sweep_*     counts become 0 (after either reset), limits too (all_i)
//   cfg_*       BAR0.RX_SHARE of context ctx_i; not while busy_o; rdata_o follows ctx_i one cycle later
//   inc_*       a record is given; not in a cycle with gone_valid_i (inc_ready_o)
//   gone_*      from nic_pktbuf, at most one per four cycles
//   clr_*       the limit of the context goes; done until clr_valid_i falls
//   ok_o        by ring (0 receive, 1 transmit): bit c: context c may get one more
module nic_switch_share #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,

    input  logic            sweep_i,
    input  logic            all_i,
    input  logic [8:0]      sweep_addr_i,

    input  logic            cfg_we_i,
    input  logic [7:0]      ctx_i,
    input  logic [6:0]      wdata_i,
    output logic [6:0]      rdata_o,
    output logic            busy_o,

    input  logic            inc_valid_i,
    output logic            inc_ready_o,
    input  logic            inc_ring_i,
    input  logic [7:0]      inc_ctx_i,
    input  logic            gone_valid_i,
    input  logic            gone_ring_i,
    input  logic [7:0]      gone_ctx_i,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o,

    output logic [1:0][NCTX-1:0] ok_o
);

  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;

  (* ram_style = "distributed" *)
  logic [6:0] limits [2**CW];
  (* ram_style = "distributed" *)
  logic [7:0] counts [2**(CW+1)];

  // --- Limits: written by management, or by the clear bus in a cycle of its own ---
  logic       limit_we, clr_we, clr_done_q, all_sweep;
  logic [CW-1:0] limit_waddr;
  logic [6:0] limit_wdata;
  logic [1:0] touch_q;        // rings whose bit is to be found anew after a limit was written
  logic [7:0] touch_ctx_q;

  assign all_sweep   = sweep_i && all_i;
  assign clr_we      = clr_valid_i && !clr_done_q && !cfg_we_i && touch_q == '0;
  assign limit_we    = cfg_we_i || clr_we || all_sweep;
  assign limit_waddr = all_sweep ? sweep_addr_i[CW-1:0] : cfg_we_i ? ctx_i[CW-1:0] : clr_ctx_i[CW-1:0];
  assign limit_wdata = cfg_we_i ? wdata_i : '0;
  assign busy_o      = touch_q != '0;
  assign clr_done_o  = clr_done_q && touch_q == '0;

  always_ff @(posedge clk_i) begin
    if (limit_we) limits[limit_waddr] <= limit_wdata;
    rdata_o <= limits[ctx_i[CW-1:0]];
  end

  // --- Stage 0: what changes; stage 1: the new count; stage 2: may it have one more ---
  typedef enum logic [1:0] {
    KEEP,
    INC,
    DEC,
    ZERO
  } kind_e;

  logic       v0, v1_q, v2_q, fwd_q;
  kind_e      kind0, kind1_q;
  logic [CW:0] addr0, addr1_q, addr2_q;
  logic [7:0] old_q, last_q, prior, sum, new2_q;
  logic [6:0] limit_q, limit2_q;

  assign inc_ready_o = !gone_valid_i;

  always_comb begin
    v0    = 1'b1;
    kind0 = KEEP;
    addr0 = {gone_ring_i, gone_ctx_i[CW-1:0]};
    if (sweep_i) begin
      kind0 = ZERO;
      addr0 = sweep_addr_i[CW:0];
    end else if (gone_valid_i) begin
      kind0 = DEC;
    end else if (inc_valid_i) begin
      kind0 = INC;
      addr0 = {inc_ring_i, inc_ctx_i[CW-1:0]};
    end else begin
      v0    = touch_q != '0;
      addr0 = {!touch_q[0], touch_ctx_q[CW-1:0]};
    end
  end

  assign prior = fwd_q ? last_q : old_q;

  always_comb begin
    unique case (kind1_q)
      INC:     sum = prior + 8'd1;
      DEC:     sum = prior - 8'd1;
      ZERO:    sum = '0;
      default: sum = prior;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      touch_q    <= '0;
      clr_done_q <= 1'b0;
    end else begin
      if (cfg_we_i || clr_we) touch_q <= 2'b11;
      else if (v0 && kind0 == KEEP) touch_q <= touch_q[0] ? 2'b10 : 2'b00;
      // A write of management takes the place of what the clear has still to do: it is done again.
      clr_done_q <= clr_valid_i && (clr_done_q || clr_we) && !(cfg_we_i && touch_q != '0);
    end
    if (cfg_we_i) touch_ctx_q <= ctx_i;
    else if (clr_we) touch_ctx_q <= clr_ctx_i;

    if (rst_i) {v1_q, v2_q} <= '0;
    else       {v1_q, v2_q} <= {v0, v1_q};
    kind1_q  <= kind0;
    addr1_q  <= addr0;
    addr2_q  <= addr1_q;
    old_q    <= counts[addr0];
    limit_q  <= limits[addr0[CW-1:0]];
    fwd_q    <= v1_q && addr1_q == addr0;
    last_q   <= sum;
    limit2_q <= limit_q;
    new2_q   <= sum;
    if (v1_q) counts[addr1_q] <= sum;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i || flow_rst_i) begin
      ok_o <= '1;
    end else if (v2_q) begin
      for (int r = 0; r < 2; r++) begin
        for (int c = 0; c < int'(NCTX); c++) begin
          if (addr2_q == {1'(r), CW'(c)})
            ok_o[r][c] <= limit2_q == '0 || new2_q[7] || new2_q < {1'b0, limit2_q};
        end
      end
    end
  end

  /* verilator lint_off UNUSEDSIGNAL */  // more index bits than this number of contexts needs
  logic unused;
  assign unused = ^{ctx_i, inc_ctx_i, gone_ctx_i, clr_ctx_i, touch_ctx_q, sweep_addr_i};
  /* verilator lint_on UNUSEDSIGNAL */

endmodule
