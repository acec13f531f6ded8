// SPDX-License-Identifier: Apache-2.0
// Receive side: checks the shape of every TLP that arrives and files it: request store, completion store, or dropped.

// A TLP is well formed if its Fmt and Type are known, its payload is not longer than Max_Payload_Size, and eop comes with
// the DW that its header announces. Everything else is counted as malformed and dropped; whatever follows is ignored up to
// the next sop. Messages are accepted and dropped. Poisoned memory writes are counted and dropped. Two pipeline stages:
// A decodes the first DW, B counts DWs and writes the stores.
//
//   mps256_i              Max_Payload_Size: 0 128 bytes, 1 256 bytes
//   rq_* {kind, eop, data}  request store (write side of pcie_store)
//   cq_* {lk, eop, data}    completion store; lk: a completion for a locked request
//   np_seen_o             pulse: a non-posted request was committed to the request store
//   idle_o                no TLP is inside
module pcie_rx (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        tlp_rx_valid_i,
    output logic        tlp_rx_ready_o,
    input  logic [63:0] tlp_rx_data_i,
    input  logic        tlp_rx_sop_i,
    input  logic        tlp_rx_eop_i,
    input  logic        tlp_rx_keep_i,
    input  logic        mps256_i,
    output logic        rq_wr_o,
    output logic        rq_start_o,
    output logic        rq_commit_o,
    output logic [67:0] rq_data_o,
    input  logic        rq_room_i,
    output logic        cq_wr_o,
    output logic        cq_start_o,
    output logic        cq_commit_o,
    output logic [65:0] cq_data_o,
    input  logic        cq_room_i,
    output logic        np_seen_o,
    output logic        ev_malformed_o,
    output logic        ev_poisoned_o,
    output logic        idle_o
);
  typedef enum logic [1:0] {TO_DROP, TO_REQ, TO_CPL, TO_POISON} to_e;
  typedef enum logic [1:0] {B_IDLE, B_IN, B_DROP} b_e;

  // --- Stage A: the beat as it came ---
  logic        ready_q;
  logic        a_valid_q, a_sop_q, a_eop_q, a_keep_q;
  logic [63:0] a_data_q;

  assign tlp_rx_ready_o = ready_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      ready_q   <= 1'b0;
      a_valid_q <= 1'b0;
    end else begin
      ready_q   <= rq_room_i && cq_room_i;
      a_valid_q <= tlp_rx_valid_i && ready_q;
    end
    a_data_q <= tlp_rx_data_i;
    a_sop_q  <= tlp_rx_sop_i;
    a_eop_q  <= tlp_rx_eop_i;
    a_keep_q <= tlp_rx_keep_i;
  end

  logic [2:0] fmt;
  logic [4:0] typ;
  logic [9:0] len;
  logic       td, ep, data, hdr4;
  assign {fmt, typ} = a_data_q[31:24];
  assign td         = a_data_q[15];
  assign ep         = a_data_q[14];
  assign len        = a_data_q[9:0];
  assign data       = fmt[1];
  assign hdr4       = fmt[0];

  logic is_mem, is_lk, is_io, is_cfg0, is_cfg1, is_msg, is_cpl, is_atomic, one_dw;
  assign is_mem    = typ == 5'b00000;
  assign is_lk     = typ == 5'b00001;
  assign is_io     = typ == 5'b00010;
  assign is_cfg0   = typ == 5'b00100;
  assign is_cfg1   = typ == 5'b00101;
  assign is_msg    = typ[4:3] == 2'b10;
  assign is_cpl    = typ[4:1] == 4'b0101;
  assign is_atomic = typ == 5'b01100 || typ == 5'b01101 || typ == 5'b01110;
  assign one_dw    = len == 10'd1;

  logic             known;
  pcie_pkg::kind_e  kind;
  to_e              to;
  logic [10:0]      total;  // DWs of the whole TLP

  assign known = !fmt[2] && (is_mem || (is_lk && !data) || ((is_io || is_cfg0 || is_cfg1 || is_cpl) && !hdr4) ||
                             (is_msg && hdr4) || (is_atomic && data));
  assign total = (data ? {len == '0, len} : 11'd0) + 11'd3 + {10'd0, hdr4} + {10'd0, td};

  always_comb begin
    // Requests that must be one DW long and are not are answered as unsupported.
    kind = pcie_pkg::KIND_UR;
    if (is_mem) kind = data ? pcie_pkg::KIND_MWR : pcie_pkg::KIND_MRD;
    if (is_lk) kind = pcie_pkg::KIND_MRDLK;
    if (is_cfg0 && one_dw) begin
      if (!data) kind = pcie_pkg::KIND_CFGRD;
      else if (!ep) kind = pcie_pkg::KIND_CFGWR;
    end
    to = TO_REQ;
    if (is_cpl) to = TO_CPL;
    if (is_msg) to = TO_DROP;
    if (is_mem && data && ep) to = TO_POISON;
  end

  // --- Stage B: framing ---
  logic            b_valid_q, b_sop_q, b_eop_q, b_keep_q;
  logic [63:0]     b_data_q;
  logic            b_bad_q, b_lk_q, b_np_q;
  pcie_pkg::kind_e b_kind_q;
  to_e             b_to_q;
  logic [10:0]     b_total_q;

  always_ff @(posedge clk_i) begin
    b_valid_q <= a_valid_q && !rst_i;
    b_sop_q   <= a_sop_q;
    b_eop_q   <= a_eop_q;
    b_keep_q  <= a_keep_q;
    b_data_q  <= a_data_q;
    if (a_valid_q && a_sop_q) begin
      b_bad_q   <= !known || (data && (len == '0 || len > (mps256_i ? 10'd64 : 10'd32)));
      b_lk_q    <= typ[0];
      b_np_q    <= !(is_mem && data);
      b_kind_q  <= kind;
      b_to_q    <= to;
      b_total_q <= total;
    end
  end

  b_e          state_q, state_d;
  logic [10:0] rem_q;  // DWs that the TLP still has before this beat
  logic        fits;   // this eop beat is the one that the header announces
  logic        wr, commit, bad_prev, bad_this;
  logic        later_q;

  assign fits = b_keep_q ? rem_q == 11'd2 : rem_q == 11'd1;

  always_comb begin
    state_d  = state_q;
    wr       = 1'b0;
    commit   = 1'b0;
    bad_prev = 1'b0;
    bad_this = 1'b0;
    if (b_valid_q) begin
      if (b_sop_q) begin
        bad_prev = state_q == B_IN;       // the one before was cut off
        bad_this = b_bad_q || b_eop_q;    // no TLP is shorter than 3 DWs
        wr       = !bad_this;
        if (b_eop_q) state_d = B_IDLE;
        else state_d = b_bad_q ? B_DROP : B_IN;
      end else begin
        unique case (state_q)
          B_IDLE: begin                   // no sop
            bad_this = 1'b1;
            state_d  = b_eop_q ? B_IDLE : B_DROP;
          end
          B_IN: begin
            if (b_eop_q) begin
              bad_this = !fits;
              wr       = fits;
              commit   = fits;
              state_d  = B_IDLE;
            end else if (rem_q <= 11'd2) begin
              bad_this = 1'b1;            // too long
              state_d  = B_DROP;
            end else begin
              wr = 1'b1;
            end
          end
          default: if (b_eop_q) state_d = B_IDLE;
        endcase
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q        <= B_IDLE;
      later_q        <= 1'b0;
      ev_malformed_o <= 1'b0;
      ev_poisoned_o  <= 1'b0;
      np_seen_o      <= 1'b0;
    end else begin
      state_q        <= state_d;
      later_q        <= bad_prev && bad_this;  // one pulse each
      ev_malformed_o <= bad_prev || bad_this || later_q;
      ev_poisoned_o  <= commit && b_to_q == TO_POISON;
      np_seen_o      <= commit && b_to_q == TO_REQ && b_np_q;
    end
    if (b_valid_q) rem_q <= (b_sop_q ? b_total_q : rem_q) - 11'd2;
  end

  assign rq_wr_o     = wr && b_to_q == TO_REQ;
  assign rq_start_o  = b_sop_q;
  assign rq_commit_o = commit;
  assign rq_data_o   = {b_kind_q, b_eop_q, b_data_q};
  assign cq_wr_o     = wr && b_to_q == TO_CPL;
  assign cq_start_o  = b_sop_q;
  assign cq_commit_o = commit;
  assign cq_data_o   = {b_lk_q, b_eop_q, b_data_q};
  assign idle_o      = !a_valid_q && !b_valid_q && state_q != B_IN && !np_seen_o;
endmodule
