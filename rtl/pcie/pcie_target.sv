// SPDX-License-Identifier: Apache-2.0
// Requests from the host: finds the BAR, carries out memory writes DW by DW, queues non-posted requests for pcie_completer.

// Requests leave the store in order. A write waits until all earlier non-posted requests are answered, unless the completer
// itself is stuck on a full completion FIFO: then writes go on (posted requests pass stuck non-posted ones, never the other
// way round). Writes that no BAR takes are counted and dropped.
//
//   BAR2_LOG2, BAR4_LOG2   sizes of the BARs (BAR0 is 64 KiB)
//   mem_en_i               memory space is enabled and the function is in D0
//   bar*_i                 base addresses
//   rq_* {kind, eop, data} the request store's read side
//   np_*                   non-posted requests, for pcie_completer
//   cpl_stuck_i            the completer waits for room in its FIFO and leaves the target bus alone
//   np_none_i              no non-posted request is queued or under way
//   wr_active_o            a write owns the target bus
//   w_*                    writes on the target bus; w_bar_o is a pcie_pkg::TGT_*
//   hold_i                 the targets are in reset: start nothing
module pcie_target #(
    parameter int unsigned BAR2_LOG2 = 17,
    parameter int unsigned BAR4_LOG2 = 12
) (
    input  logic                     clk_i,
    input  logic                     rst_i,
    input  logic                     mem_en_i,
    input  logic [31:16]             bar0_i,
    input  logic [63:BAR2_LOG2]      bar2_i,
    input  logic [31:BAR4_LOG2]      bar4_i,
    input  logic                     rq_valid_i,
    output logic                     rq_ready_o,
    input  logic [67:0]              rq_data_i,
    output logic                     np_valid_o,
    input  logic                     np_ready_i,
    output pcie_pkg::np_t            np_o,
    input  logic                     cpl_stuck_i,
    input  logic                     np_none_i,
    output logic                     wr_active_o,
    output logic                     w_valid_o,
    input  logic                     w_ready_i,
    output logic [1:0]               w_bar_o,
    output logic [23:0]              w_addr_o,
    output logic [3:0]               w_be_o,
    output logic [31:0]              w_data_o,
    input  logic                     hold_i,
    output logic                     ev_ur_o,
    output logic                     idle_o
);
  typedef enum logic [3:0] {
    T_HDR0, T_HDR1, T_DEC0, T_DEC1, T_ACT, T_WAIT, T_LOAD, T_ISSUE, T_DRAIN
  } state_e;

  state_e          state_q, state_d;
  pcie_pkg::kind_e kind_q;
  logic            hdr4_q, eop_q;       // eop_q: the last beat has left the store
  logic [9:0]      len_q;
  logic [2:0]      tc_q, attr_q;
  logic [15:0]     reqid_q;
  logic [7:0]      tag_q;
  logic [3:0]      fbe_q, lbe_q;
  logic [63:2]     addr_q;
  logic [31:0]     dw_q;                // the DW behind a 3-DW header
  logic            dw_left_q;           // it has not been used
  logic            half_q;              // next DW is the second of the beat

  // The store's head.
  pcie_pkg::kind_e in_kind;
  logic            in_eop;
  logic [63:0]     in_data;
  assign in_kind = pcie_pkg::kind_e'(rq_data_i[67:65]);
  assign in_eop  = rq_data_i[64];
  assign in_data = rq_data_i[63:0];

  // --- BAR decoding, two stages ---
  logic        hi0_q, eq0_q, eq2lo_q, eq2hi_q, eq4_q, be_ok_q;
  logic [11:0] end_q;                   // DW behind the last, within 4 KiB
  logic        ok_q;
  logic [1:0]  bar_q;
  logic        hit0, hit2, hit4;

  assign hit0 = hi0_q && eq0_q;
  assign hit2 = eq2lo_q && eq2hi_q;
  assign hit4 = hi0_q && eq4_q;

  always_ff @(posedge clk_i) begin
    hi0_q   <= addr_q[63:32] == '0;
    eq0_q   <= addr_q[31:16] == bar0_i;
    eq2lo_q <= addr_q[31:BAR2_LOG2] == bar2_i[31:BAR2_LOG2];
    eq2hi_q <= addr_q[63:32] == bar2_i[63:32];
    eq4_q   <= addr_q[31:BAR4_LOG2] == bar4_i;
    end_q   <= {2'b00, addr_q[11:2]} + {1'b0, len_q == '0, len_q};
    be_ok_q <= (len_q == 10'd1) ? lbe_q == '0 : (fbe_q != '0 && lbe_q != '0);
    if (state_q == T_DEC1) begin
      ok_q  <= mem_en_i && be_ok_q && end_q <= 12'd1024 && (hit0 || hit2 || hit4);
      bar_q <= hit0 ? pcie_pkg::TGT_BAR0 : hit2 ? pcie_pkg::TGT_BAR2 : pcie_pkg::TGT_BAR4;
    end
  end

  // Address within the BAR.
  logic [23:0] off;
  always_comb begin
    unique case (bar_q)
      pcie_pkg::TGT_BAR0: off = {8'd0, addr_q[15:2], 2'b00};
      pcie_pkg::TGT_BAR2: off = {{(24 - BAR2_LOG2){1'b0}}, addr_q[BAR2_LOG2-1:2], 2'b00};
      default:            off = {{(24 - BAR4_LOG2){1'b0}}, addr_q[BAR4_LOG2-1:2], 2'b00};
    endcase
  end

  // --- Non-posted requests ---
  logic is_cfg, is_mwr;
  assign is_cfg = kind_q == pcie_pkg::KIND_CFGRD || kind_q == pcie_pkg::KIND_CFGWR;
  assign is_mwr = kind_q == pcie_pkg::KIND_MWR;

  assign np_valid_o   = state_q == T_ACT && !is_mwr;
  assign np_o.kind    = kind_q;
  // Configuration: function 0 only. DW2 is in addr_q; the bus and device numbers travel where they find room.
  assign np_o.ok      = is_cfg ? addr_q[18:16] == '0 : ok_q;
  assign np_o.bar     = is_cfg ? addr_q[31:30] : bar_q;
  assign np_o.dwaddr  = is_cfg ? {addr_q[29:19], 1'b0, addr_q[11:2]} : off[23:2];
  assign np_o.len     = len_q;
  assign np_o.fbe     = fbe_q;
  assign np_o.lbe     = lbe_q;
  assign np_o.reqid   = reqid_q;
  assign np_o.tag     = tag_q;
  assign np_o.tc      = tc_q;
  assign np_o.attr    = attr_q;
  assign np_o.data    = dw_q;

  // --- The sequence ---
  logic        last_dw, first_q, have_dw, take;
  logic [10:0] left_q;                  // DWs not loaded yet
  logic [23:0] waddr_q;
  logic [1:0]  wbar_q;
  logic [3:0]  wbe_q, next_be;
  logic [31:0] wdata_q, next_dw;

  assign last_dw = left_q == 11'd1;
  assign have_dw = dw_left_q || rq_valid_i;
  assign next_dw = dw_left_q ? dw_q : half_q ? in_data[63:32] : in_data[31:0];
  assign next_be = first_q ? fbe_q : last_dw ? lbe_q : 4'hf;
  assign take    = state_q == T_LOAD && have_dw;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      T_HDR0:  if (rq_valid_i) state_d = T_HDR1;
      T_HDR1:  if (rq_valid_i) state_d = T_DEC0;
      T_DEC0:  state_d = T_DEC1;
      T_DEC1:  state_d = T_ACT;
      T_ACT: begin
        if (is_mwr) state_d = ok_q ? T_WAIT : T_DRAIN;
        else if (np_ready_i) state_d = T_DRAIN;
      end
      T_WAIT:  if ((np_none_i || cpl_stuck_i) && !hold_i) state_d = T_LOAD;
      T_LOAD:  if (have_dw) begin
        if (next_be != '0) state_d = T_ISSUE;
        else if (last_dw) state_d = T_DRAIN;
      end
      T_ISSUE: if (w_ready_i && !hold_i) state_d = (left_q == '0) ? T_DRAIN : T_LOAD;
      default: if (eop_q || (rq_valid_i && in_eop)) state_d = T_HDR0;
    endcase
  end

  always_comb begin
    unique case (state_q)
      T_HDR0, T_HDR1: rq_ready_o = 1'b1;
      T_LOAD:         rq_ready_o = !dw_left_q && half_q;
      T_DRAIN:        rq_ready_o = !eop_q;
      default:        rq_ready_o = 1'b0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= T_HDR0;
      ev_ur_o <= 1'b0;
    end else begin
      state_q <= state_d;
      ev_ur_o <= state_q == T_ACT && is_mwr && !ok_q;
    end
    if (state_q == T_HDR0) begin
      kind_q  <= in_kind;
      hdr4_q  <= in_data[29];
      tc_q    <= in_data[22:20];
      attr_q  <= {in_data[18], in_data[13:12]};
      len_q   <= in_data[9:0];
      reqid_q <= in_data[63:48];
      tag_q   <= in_data[47:40];
      lbe_q   <= in_data[39:36];
      fbe_q   <= in_data[35:32];
      eop_q   <= 1'b0;
    end
    if (rq_valid_i && rq_ready_o && in_eop) eop_q <= 1'b1;
    if (state_q == T_HDR1) begin
      addr_q    <= hdr4_q ? {in_data[31:0], in_data[63:34]} : {32'd0, in_data[31:2]};
      dw_q      <= in_data[63:32];
      dw_left_q <= !hdr4_q;
      half_q    <= 1'b0;
      first_q   <= 1'b1;
    end
    if (state_q == T_WAIT) begin
      waddr_q <= off;
      wbar_q  <= bar_q;
      left_q  <= {len_q == '0, len_q};
    end
    if (take) begin
      dw_left_q <= 1'b0;
      first_q   <= 1'b0;
      left_q    <= left_q - 11'd1;
      if (!dw_left_q) half_q <= !half_q;
      wdata_q   <= next_dw;
      wbe_q     <= next_be;
      if (next_be == '0) waddr_q[11:2] <= waddr_q[11:2] + 10'd1;
    end
    if (w_valid_o && w_ready_i) waddr_q[11:2] <= waddr_q[11:2] + 10'd1;
  end

  assign w_valid_o   = state_q == T_ISSUE && !hold_i;
  assign w_bar_o     = wbar_q;
  assign w_addr_o    = waddr_q;
  assign w_be_o      = wbe_q;
  assign w_data_o    = wdata_q;
  assign wr_active_o = state_q == T_LOAD || state_q == T_ISSUE;
  assign idle_o      = state_q == T_HDR0 && !rq_valid_i && !ev_ur_o;
endmodule
