// SPDX-License-Identifier: Apache-2.0
// Counters of the NIC (enum STAT) and of each context (enum CSTAT): 64 bits each, in RAM.

// Events of the NIC are one-cycle pulses. Each has a small counter of its own, which a scanner adds to the RAM and clears every NEV
// cycles: nothing is lost even if every input pulses in every cycle. Context events come through ready/valid inputs, served
// round robin, one per two cycles (one per five on the same counter).
//
// A read shows every pulse before it and every context event that was offered before it (up to 16). Answers come after NEV + 8
// cycles at most for a counter of the NIC, 48 for one of a context, 3 for a held half. Reading a low half holds the high half, which
// the next read of that counter's high half gives; a high half read on its own is a fresh one.
//
//   ev_i       pulses, index enum STAT
//   cst_*      per source: context, enum CSTAT, what to add
//   rd_*       rd_valid_i starts a read and is not looked at again until after rd_rvalid_o (so a pulse will do, and so will a level
//              that ends with rd_rvalid_o). rd_ctx_sel_i 0: rd_index_i is enum STAT; 1: context * 16 + enum CSTAT
//   clr_*      clear bus (revocation): the 16 counters of the context become 0 and stay so until it is enabled (on_valid_i, on_ctx_i):
//              events that come for it until then are taken and forgotten
//   idle_o     everything is in the RAMs, no read is going on
module nic_stats #(
    parameter int unsigned NEV  = 49,  // counters of the NIC, 8 to 63
    parameter int unsigned NCTX = 32,  // contexts, 1 to 256
    parameter int unsigned NSRC = 5    // inputs for context events, 2 to 8
) (
    input  logic                  clk_i,
    input  logic                  rst_i,
    input  logic [NEV-1:0]        ev_i,
    input  logic [NSRC-1:0]       cst_valid_i,
    output logic [NSRC-1:0]       cst_ready_o,
    input  logic [NSRC-1:0][7:0]  cst_ctx_i,
    input  logic [NSRC-1:0][3:0]  cst_idx_i,
    input  logic [NSRC-1:0][15:0] cst_add_i,
    input  logic                  rd_valid_i,
    input  logic                  rd_ctx_sel_i,
    input  logic [11:0]           rd_index_i,
    input  logic                  rd_high_i,
    output logic                  rd_rvalid_o,
    output logic [31:0]           rd_data_o,
    input  logic                  clr_valid_i,
    input  logic [7:0]            clr_ctx_i,
    output logic                  clr_done_o,
    input  logic                  on_valid_i,
    input  logic [7:0]            on_ctx_i,
    output logic                  idle_o
);

  localparam int unsigned EW = $clog2(NEV);
  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;
  localparam int unsigned AW = CW + 4;
  localparam int unsigned PW = 6;  // bits of a pending counter: the scanner comes every NEV <= 63 cycles
  localparam logic [EW-1:0] EvLast = EW'(NEV - 1);
  localparam logic [EW-1:0] EvOne  = 1;
  localparam logic [AW-1:0] CsOne  = 1;

  // ---------------------------------------------------------------- reads

  typedef enum logic [2:0] { RdIdle, RdNic, RdDrain, RdHold, RdCtx, RdDone } rd_e;
  rd_e         rd_q;
  logic        rd_ctx_q, rd_high_q;
  logic [11:0] rd_index_q;
  logic [5:0]  rd_count_q;
  logic        hold_valid_q, hold_ctx_q;
  logic [11:0] hold_index_q;
  logic [31:0] hold_q;
  logic        nic_hit, ctx_hit;  // the counter's value is there
  logic [63:0] nic_value, ctx_value;
  logic        rd_in_range;
  logic        hold_hit;

  assign rd_in_range = rd_ctx_sel_i ? 32'(rd_index_i) < 16 * NCTX : 32'(rd_index_i) < NEV;
  assign hold_hit    = rd_high_i && hold_valid_q && hold_ctx_q == rd_ctx_sel_i && hold_index_q == rd_index_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      rd_q         <= RdIdle;
      hold_valid_q <= 1'b0;
      rd_rvalid_o  <= 1'b0;
    end else begin
      rd_rvalid_o <= 1'b0;
      unique case (rd_q)
        RdIdle: if (rd_valid_i && !rd_rvalid_o) begin
          rd_q         <= (hold_hit || !rd_in_range) ? RdDone : rd_ctx_sel_i ? RdDrain : RdNic;
          hold_valid_q <= 1'b0;
        end
        RdNic:   if (nic_hit) rd_q <= RdDone;
        RdDrain: if (&rd_count_q[4:0] && !clr_busy) rd_q <= RdHold;
        RdHold:  if (rd_count_q[2:0] == 3'd7) rd_q <= RdCtx;   // no update is in work any more
        RdCtx:   if (ctx_hit) rd_q <= RdDone;
        default: begin
          rd_q         <= RdIdle;
          rd_rvalid_o  <= 1'b1;
          hold_valid_q <= !rd_high_q;
        end
      endcase
      if (clr_we) hold_valid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    // A clear holds updates up.
    if (rd_q == RdIdle) rd_count_q <= '0;
    else if (!(rd_q == RdDrain && clr_busy)) rd_count_q <= rd_count_q + 6'd1;
    if (rd_q == RdIdle) begin
      rd_ctx_q   <= rd_ctx_sel_i;
      rd_high_q  <= rd_high_i;
      rd_index_q <= rd_index_i;
      rd_data_o  <= hold_hit ? hold_q : 32'h0;
      if (rd_valid_i && !rd_high_i && !rd_in_range) hold_q <= 32'h0;
    end
    if (rd_q == RdNic && nic_hit) begin
      rd_data_o <= rd_high_q ? nic_value[63:32] : nic_value[31:0];
      hold_q    <= nic_value[63:32];
    end
    if (rd_q == RdCtx && ctx_hit) begin
      rd_data_o <= rd_high_q ? ctx_value[63:32] : ctx_value[31:0];
      hold_q    <= ctx_value[63:32];
    end
    if (rd_q == RdDone) begin
      hold_ctx_q   <= rd_ctx_q;
      hold_index_q <= rd_index_q;
    end
  end

  // ---------------------------------------------------------------- events of the NIC

  // Pending counters as bit planes: plane b holds bit b of all of them.
  logic [PW-1:0][NEV-1:0] plane_q, plane_d;
  logic [PW-1:0]          pending;       // of the event that the scanner visits
  logic [NEV-1:0]         visit, carry;
  logic [EW-1:0]          e0_q, e1_q, e2_q, e3_q;
  logic                   first_q, first1_q, first2_q;  // first round after reset: the RAM's contents count as 0
  logic                   want1_q, want2_q, want3_q;    // the read waits for this one
  logic                   we2_q, we3_q;
  logic [PW-1:0]          add1_q, add2_q;
  logic [63:0]            e_rdata, e_old2_q, e_sum3_q;

  always_comb begin
    visit       = '0;
    visit[e0_q] = 1'b1;
    for (int unsigned b = 0; b < PW; b++) pending[b] = |(plane_q[b] & visit);
    carry = ev_i;
    for (int unsigned b = 0; b < PW; b++) begin
      plane_d[b] = (plane_q[b] & ~visit) ^ carry;
      carry      = plane_q[b] & ~visit & carry;
    end
  end

  lib_ram_sdp #(.WIDTH(64), .DEPTH(2**EW)) u_nic (
    .clk_i, .we_i(we3_q), .waddr_i(e3_q), .wdata_i(e_sum3_q), .re_i(1'b1), .raddr_i(e0_q), .rdata_o(e_rdata)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      plane_q <= '0;
      e0_q    <= '0;
      first_q <= 1'b1;
      add1_q  <= '0;
      we2_q   <= 1'b0;
      we3_q   <= 1'b0;
    end else begin
      plane_q <= plane_d;
      e0_q    <= (e0_q == EvLast) ? '0 : e0_q + EvOne;
      if (e0_q == EvLast) first_q <= 1'b0;
      add1_q  <= pending;
      we2_q   <= first1_q || add1_q != '0;
      we3_q   <= we2_q;
    end
  end

  always_ff @(posedge clk_i) begin
    e1_q     <= e0_q;
    first1_q <= first_q && !rst_i;
    want1_q  <= rd_q == RdNic && rd_index_q[EW-1:0] == e0_q;
    e2_q     <= e1_q;
    add2_q   <= add1_q;
    first2_q <= first1_q;
    want2_q  <= want1_q;
    e_old2_q <= e_rdata;
    e3_q     <= e2_q;
    want3_q  <= want2_q;
    e_sum3_q <= (first2_q ? 64'h0 : e_old2_q) + 64'(add2_q);
  end

  assign nic_hit   = want3_q;
  assign nic_value = e_sum3_q;

  // ---------------------------------------------------------------- events of contexts

  logic            sweep_q;
  logic [AW-1:0]   sweep_addr_q;
  logic [NSRC-1:0] behind_q;  // sources behind the one served last
  logic [NSRC-1:0] grant, ask, lowest;
  logic            l_valid_q, l_ok_q, l_go;
  logic [AW-1:0]   l_addr_q;
  logic [15:0]     l_add_q;
  logic            s1_q, s2_q, s3_q;       // updates in work; the write is in step 3
  logic [AW-1:0]   s1_addr_q, s2_addr_q, s3_addr_q;
  logic [15:0]     s1_add_q, s2_add_q;
  logic [63:0]     c_rdata, c_old2_q, c_sum3_q;
  logic            c1_q, c2_q;             // the read in work
  logic            c_read;

  assign ask    = cst_valid_i & behind_q;
  assign lowest = (ask != '0) ? ask : cst_valid_i;
  assign grant  = (sweep_q || l_valid_q) ? '0 : lowest & (~lowest + NSRC'(1));
  assign cst_ready_o = grant;

  logic [7:0]  in_ctx;
  logic [3:0]  in_idx;
  logic [15:0] in_add;
  always_comb begin
    in_ctx = '0;
    in_idx = '0;
    in_add = '0;
    if (cst_valid_i != '0) for (int unsigned s = 0; s < NSRC; s++) begin
      in_ctx = in_ctx | (cst_ctx_i[s] & {8{grant[s]}});
      in_idx = in_idx | (cst_idx_i[s] & {4{grant[s]}});
      in_add = in_add | (cst_add_i[s] & {16{grant[s]}});
    end
  end

  // Clear bus: the context is mute from the first cycle on; when no update is in work its counters are written.
  logic [2**CW-1:0] mute_q;
  logic             clr_busy, clr_we, clr_end_q;
  logic [3:0]       clr_idx_q;
  assign clr_busy   = clr_valid_i && !clr_end_q;
  assign clr_we     = clr_busy && clr_wait_q[2];
  assign clr_done_o = clr_end_q;
  logic [2:0]       clr_wait_q;  // updates that began before have ended
  always_ff @(posedge clk_i) begin
    if (rst_i || !clr_valid_i) begin
      clr_wait_q <= '0;
      clr_idx_q  <= '0;
      clr_end_q  <= 1'b0;
    end else begin
      clr_wait_q <= {clr_wait_q[1:0], !sweep_q};
      if (clr_we) begin
        clr_idx_q <= clr_idx_q + 4'd1;
        clr_end_q <= &clr_idx_q;
      end
    end
    if (on_valid_i) mute_q[on_ctx_i[CW-1:0]] <= 1'b0;
    if (clr_valid_i) mute_q[clr_ctx_i[CW-1:0]] <= 1'b1;
    if (rst_i) mute_q <= '0;
  end

  // An update may not start while another of the same counter has not been written.
  assign l_go = l_valid_q && !clr_busy && rd_q != RdHold && rd_q != RdCtx && !(s1_q && s1_addr_q == l_addr_q) &&
                !(s2_q && s2_addr_q == l_addr_q) && !(s3_q && s3_addr_q == l_addr_q);

  assign c_read = rd_q == RdHold && rd_count_q[2:0] == 3'd7;

  lib_ram_sdp #(.WIDTH(64), .DEPTH(2**AW)) u_ctx (
    .clk_i,
    .we_i    (sweep_q || s3_q || clr_we),
    .waddr_i (sweep_q ? sweep_addr_q : clr_we ? {clr_ctx_i[CW-1:0], clr_idx_q} : s3_addr_q),
    .wdata_i ((sweep_q || clr_we) ? 64'h0 : c_sum3_q),
    .re_i    (1'b1),
    .raddr_i ((rd_q == RdHold) ? rd_index_q[AW-1:0] : l_addr_q),
    .rdata_o (c_rdata)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sweep_q      <= 1'b1;
      sweep_addr_q <= '0;
      behind_q     <= '0;
      l_valid_q    <= 1'b0;
      s1_q         <= 1'b0;
      s2_q         <= 1'b0;
      s3_q         <= 1'b0;
    end else begin
      if (sweep_q) begin
        sweep_addr_q <= sweep_addr_q + CsOne;
        if (&sweep_addr_q) sweep_q <= 1'b0;
      end
      if (grant != '0) begin
        behind_q  <= ~(grant | (grant - NSRC'(1)));
        l_valid_q <= 1'b1;
      end else if (l_go) begin
        l_valid_q <= 1'b0;
      end
      s1_q <= l_go && l_ok_q && !mute_q[l_addr_q[AW-1:4]];
      s2_q <= s1_q;
      s3_q <= s2_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!l_valid_q) begin
      l_addr_q <= {in_ctx[CW-1:0], in_idx};
      l_add_q  <= in_add;
      l_ok_q   <= 32'(in_ctx) < NCTX;
    end
    s1_addr_q <= l_addr_q;
    s1_add_q  <= l_add_q;
    c1_q      <= c_read;
    s2_addr_q <= s1_addr_q;
    s2_add_q  <= s1_add_q;
    c_old2_q  <= c_rdata;
    c2_q      <= c1_q;
    s3_addr_q <= s2_addr_q;
    c_sum3_q  <= c_old2_q + 64'(s2_add_q);
  end

  assign ctx_hit   = c2_q;
  assign ctx_value = c_old2_q;

  // ---------------------------------------------------------------- idle

  logic idle_q;
  always_ff @(posedge clk_i) begin
    idle_q <= !rst_i && plane_q == '0 && ev_i == '0 && !first_q && add1_q == '0 && !we2_q && !sweep_q && cst_valid_i == '0 &&
              !l_valid_q && !s1_q && !s2_q && rd_q == RdIdle && !rd_valid_i;
  end
  assign idle_o = idle_q;

`ifndef SYNTHESIS
  initial begin
    if (NEV < 8 || NEV > 63) $fatal(1, "nic_stats: NEV must be 8 to 63");
    if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_stats: NCTX must be 1 to 256");
    if (NSRC < 2 || NSRC > 8) $fatal(1, "nic_stats: NSRC must be 2 to 8");
  end

  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (carry == '0);                         // no pending counter ran over
      assert ((grant & (grant - NSRC'(1))) == '0);  // one source at a time
      assert (!(clr_we && s3_q));
      if (clr_valid_i) assert (32'(clr_ctx_i) < NCTX);
      if (on_valid_i) assert (32'(on_ctx_i) < NCTX);
      assert (!(c_read && (s1_q || s2_q || s3_q)));
    end
  end
`endif

endmodule
