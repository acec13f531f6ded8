// SPDX-License-Identifier: Apache-2.0
// Answers non-posted requests one by one: reads the target or configuration space and builds the completions.

// Completions of memory reads are split at 128-byte boundaries, which is the read completion boundary of an endpoint and
// never above Max_Payload_Size. A completion is handed over (cps_*) when it is whole, so it never stops half way on the
// link. cps_seq_i is remembered with it: pcie_tx keeps it behind the posted writes accepted until then.
//
//   np_*             requests; {bus, device} of a configuration write become the completer ID (2.2.6.2)
//   bdf_i            bus and device number
//   bdf_we_o, bdf_o  captured bus and device number
//   r_*              reads on the target bus
//   wr_active_i      a posted write owns the target bus
//   hold_i           the targets are in reset: start nothing; a read under way gives all ones
//   cfg_*            configuration space: one pulse, data two cycles later
//   cf_* {eop, keep, data}  completion beats;  cps_* one entry for each whole completion
//   stuck_o          waiting for room in the completion FIFO
//   done_o           pulse: a request has its last completion
//   ev_ur_o          pulse: answered with UR
module pcie_completer (
    input  logic                        clk_i,
    input  logic                        rst_i,
    input  logic                        np_valid_i,
    output logic                        np_ready_o,
    input  pcie_pkg::np_t               np_i,
    input  logic [12:0]                 bdf_i,
    output logic                        bdf_we_o,
    output logic [12:0]                 bdf_o,
    input  logic                        wr_active_i,
    input  logic                        hold_i,
    output logic                        r_valid_o,
    input  logic                        r_ready_i,
    output logic [1:0]                  r_bar_o,
    output logic [23:0]                 r_addr_o,
    output logic [3:0]                  r_be_o,
    input  logic                        r_rvalid_i,
    input  logic [31:0]                 r_rdata_i,
    output logic                        cfg_valid_o,
    output logic                        cfg_we_o,
    output logic [9:0]                  cfg_reg_o,
    output logic [3:0]                  cfg_be_o,
    output logic [31:0]                 cfg_wdata_o,
    input  logic [31:0]                 cfg_rdata_i,
    output logic                        cf_valid_o,
    input  logic                        cf_ready_i,
    output logic [65:0]                 cf_data_o,
    output logic                        cps_valid_o,
    output logic [pcie_pkg::SEQ_W-1:0]  cps_seq_o,
    input  logic [pcie_pkg::SEQ_W-1:0]  cps_seq_i,
    output logic                        stuck_o,
    output logic                        done_o,
    output logic                        ev_ur_o,
    output logic                        idle_o
);
  typedef enum logic [3:0] {
    N_IDLE, N_PREP, N_COUNT, N_CFG, N_CFG2, N_PIECE, N_HEAD, N_GET, N_ASK, N_WAIT, N_PUT, N_END
  } state_e;

  state_e        state_q, state_d;
  pcie_pkg::np_t np_q;
  logic          sc_q, data_q;          // successful; completions carry data
  logic [1:0]    lead_q, trail_q;       // bytes not enabled at either end
  logic          zero_q;                // zero-length read
  logic [12:0]   bc_q;                  // bytes that this and later completions bring
  logic [10:0]   left_q;                // DWs not fetched
  logic [5:0]    piece_q, pleft_q;      // DWs of this completion, and of these not fetched
  logic [21:0]   dwaddr_q;
  logic          first_q, firstdw_q;    // first completion, first DW of the request
  logic          h2_q;                  // beat 1 (with DW2) has been put
  logic          half_q;                // dw_q[31:0] waits for a second DW
  logic [31:0]   dw0_q, dw1_q;

  logic is_mrd, is_cfg;
  assign is_mrd = np_q.kind == pcie_pkg::KIND_MRD;
  assign is_cfg = np_q.kind == pcie_pkg::KIND_CFGRD || np_q.kind == pcie_pkg::KIND_CFGWR;

  function automatic logic [1:0] low_lane(input logic [2:0] be);
    low_lane = be[0] ? 2'd0 : be[1] ? 2'd1 : be[2] ? 2'd2 : 2'd3;
  endfunction
  function automatic logic [1:0] high_gap(input logic [2:0] be);  // lanes 3 to 1
    high_gap = be[2] ? 2'd0 : be[1] ? 2'd1 : be[0] ? 2'd2 : 2'd3;
  endfunction

  // --- The beats of a completion ---
  logic [31:0] h0, h1, h2;
  logic [6:0]  lower;
  logic        last_put;
  assign lower = !(is_mrd || np_q.kind == pcie_pkg::KIND_MRDLK) ? 7'd0 : first_q ? {np_q.dwaddr[4:0], lead_q} : 7'd0;
  assign h0 = {1'b0, data_q, 1'b0, 4'b0101, np_q.kind == pcie_pkg::KIND_MRDLK, 1'b0, np_q.tc, 1'b0, np_q.attr[2], 2'b00, 2'b00,
               np_q.attr[1:0], 2'b00, data_q ? {4'd0, piece_q} : 10'd0};
  assign h1 = {bdf_i, 3'd0, sc_q ? pcie_pkg::CPL_SC : pcie_pkg::CPL_UR, 1'b0, bc_q[11:0]};
  assign h2 = {np_q.reqid, np_q.tag, 1'b0, lower};

  assign last_put = pleft_q == '0;
  always_comb begin
    cf_valid_o = state_q == N_HEAD || state_q == N_PUT;
    if (state_q == N_HEAD) cf_data_o = {2'b01, h1, h0};
    else if (!h2_q) cf_data_o = {last_put, data_q, dw0_q, h2};
    else cf_data_o = {last_put, !half_q, half_q ? 32'd0 : dw1_q, dw0_q};
  end
  assign stuck_o     = cf_valid_o && !cf_ready_i;
  assign cps_valid_o = state_q == N_PUT && last_put && cf_ready_i;
  assign cps_seq_o   = cps_seq_i;

  // --- Target and configuration accesses ---
  logic [3:0] be;
  logic       got;
  assign be          = firstdw_q ? np_q.fbe : (left_q == 11'd1) ? np_q.lbe : 4'hf;
  assign r_valid_o   = state_q == N_ASK && !hold_i;
  assign r_bar_o     = np_q.bar;
  assign r_addr_o    = {dwaddr_q, 2'b00};
  assign r_be_o      = be;
  assign got         = (r_rvalid_i && ((r_valid_o && r_ready_i) || state_q == N_WAIT)) ||
                       (hold_i && state_q == N_WAIT);
  assign cfg_valid_o = state_q == N_CFG;
  assign cfg_we_o    = np_q.kind == pcie_pkg::KIND_CFGWR;
  assign cfg_reg_o   = np_q.dwaddr[9:0];
  assign cfg_be_o    = np_q.fbe;
  assign cfg_wdata_o = np_q.data;
  assign bdf_o       = {np_q.bar, np_q.dwaddr[21:11]};
  assign bdf_we_o    = cfg_valid_o && cfg_we_o;

  // A DW has come: does a beat go out now?
  logic dw_ends_beat;
  assign dw_ends_beat = !h2_q || half_q || pleft_q == 6'd1;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      N_IDLE:  if (np_valid_i && !wr_active_i) state_d = N_PREP;
      N_PREP:  state_d = N_COUNT;
      N_COUNT: state_d = (sc_q && is_cfg) ? N_CFG : N_PIECE;
      N_CFG:   state_d = N_CFG2;
      N_CFG2:  state_d = N_PIECE;
      N_PIECE: state_d = N_HEAD;
      N_HEAD:  if (cf_ready_i) state_d = (sc_q && is_mrd) ? N_GET : N_PUT;
      N_GET: begin
        if (zero_q) state_d = N_PUT;
        else if (!wr_active_i && !hold_i) state_d = N_ASK;
      end
      N_ASK: begin
        if (r_ready_i && !hold_i) state_d = !got ? N_WAIT : dw_ends_beat ? N_PUT : N_GET;
      end
      N_WAIT:  if (got) state_d = dw_ends_beat ? N_PUT : N_GET;
      N_PUT:   if (cf_ready_i) state_d = !last_put ? N_GET : N_END;
      default: state_d = (sc_q && is_mrd && left_q != '0) ? N_PIECE : N_IDLE;
    endcase
  end

  assign np_ready_o = state_q == N_IDLE && !wr_active_i;
  assign done_o     = state_q == N_END && state_d == N_IDLE;
  assign ev_ur_o    = done_o && !sc_q;
  assign idle_o     = state_q == N_IDLE && !np_valid_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) state_q <= N_IDLE;
    else state_q <= state_d;

    unique case (state_q)
      N_IDLE: np_q <= np_i;
      N_PREP: begin
        sc_q      <= np_q.ok && (is_mrd || is_cfg);
        data_q    <= np_q.ok && (is_mrd || np_q.kind == pcie_pkg::KIND_CFGRD);
        lead_q    <= (np_q.fbe == '0) ? 2'd0 : low_lane(np_q.fbe[2:0]);
        trail_q   <= high_gap((np_q.len == 10'd1) ? np_q.fbe[3:1] : np_q.lbe[3:1]);
        zero_q    <= np_q.len == 10'd1 && np_q.fbe == '0;
        left_q    <= {np_q.len == '0, np_q.len};
        dwaddr_q  <= np_q.dwaddr;
        first_q   <= 1'b1;
        firstdw_q <= 1'b1;
      end
      N_COUNT: begin
        if (is_mrd || np_q.kind == pcie_pkg::KIND_MRDLK)
          bc_q <= zero_q ? 13'd1 : {left_q, 2'b00} - {11'd0, lead_q} - {11'd0, trail_q};
        else bc_q <= 13'd4;
      end
      N_PIECE: begin
        // Up to the next 128-byte boundary.
        if (is_cfg) piece_q <= 6'd1;
        else if (left_q < 11'd32 && left_q[5:0] <= 6'd32 - {1'b0, dwaddr_q[4:0]}) piece_q <= left_q[5:0];
        else piece_q <= 6'd32 - {1'b0, dwaddr_q[4:0]};
        h2_q   <= 1'b0;
        half_q <= 1'b0;
        dw0_q  <= data_q ? cfg_rdata_i : 32'd0;
        pleft_q <= '0;
      end
      N_HEAD: if (sc_q && is_mrd) pleft_q <= piece_q;
      N_GET: if (zero_q) begin
        dw0_q   <= 32'd0;
        pleft_q <= '0;
        left_q  <= '0;
      end
      N_PUT: if (cf_ready_i) begin
        h2_q   <= 1'b1;
        half_q <= 1'b0;
      end
      N_END: begin
        bc_q    <= bc_q - ({5'd0, piece_q, 2'b00} - (first_q ? {11'd0, lead_q} : 13'd0));
        first_q <= 1'b0;
      end
      default: ;
    endcase
    if (got && (state_q == N_WAIT || state_q == N_ASK)) begin
      if (!h2_q || !half_q) dw0_q <= hold_i ? 32'hffff_ffff : r_rdata_i;
      else dw1_q <= hold_i ? 32'hffff_ffff : r_rdata_i;
      // A DW that begins a beat and does not end it waits.
      half_q    <= h2_q && !half_q;
      left_q    <= left_q - 11'd1;
      pleft_q   <= pleft_q - 6'd1;
      dwaddr_q  <= dwaddr_q + 22'd1;
      firstdw_q <= 1'b0;
    end
  end
endmodule
