// SPDX-License-Identifier: Apache-2.0
// Memory writes upstream: splits requests at Max_Payload_Size boundaries and packs the data behind the headers.

// Two machines: the splitter makes a description of each TLP while the packer sends the one before, so a TLP costs its beats
// and nothing more. The data already has the byte lanes of the host address; it only has to be shifted by one DW if the
// header's length and address bit 2 ask for it. A TLP enters the store whole or not at all. Requests that may not be sent
// (bus master off) swallow their data and leave a null beat, so that the order of later reads and completions holds.
//
//   wf_*          accepted write requests, MSI-X messages among them (wf_msix_i: 4 bytes of msi_data_i)
//   wdat_*        data words
//   flush_i       forget all requests, started or queued; nothing more of them is sent, their data is not waited for
//   ps_* {own, null, last, eop, keep, data}  posted store, write side; own: a request of req_*, not an MSI-X message
//   msi_done_o    pulse: the MSI-X message is in the store or dropped
//   idle_o        nothing queued, nothing under way;  draining_o: a flush is still being carried out
module pcie_req_wr (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        bus_master_i,
    input  logic        mps256_i,
    input  logic [15:0] reqid_i,
    input  logic        flush_i,
    input  logic        wf_valid_i,
    output logic        wf_ready_o,
    input  logic [63:0] wf_addr_i,
    input  logic [12:0] wf_len_i,
    input  logic        wf_msix_i,
    input  logic [31:0] msi_data_i,
    output logic        msi_done_o,
    input  logic        wdat_valid_i,
    output logic        wdat_ready_o,
    input  logic [63:0] wdat_data_i,
    output logic        ps_wr_o,
    output logic        ps_start_o,
    output logic        ps_commit_o,
    output logic [68:0] ps_data_o,
    input  logic        ps_room_i,
    output logic        draining_o,
    output logic        idle_o
);
  // --- Splitter ---
  typedef enum logic [1:0] {S_IDLE, S_SPLIT, S_LEN} split_e;
  split_e      split_q;
  logic [63:0] addr_q;
  logic [12:0] rem_q;
  logic [8:0]  take_q, bound;
  logic        fin_q, hi_q, msix_q;
  logic        drain_q;

  // Description of the next TLP.
  typedef struct packed {
    logic [63:2] addr;
    logic        is4;    // 4-DW header
    logic [6:0]  dws;
    logic [5:0]  words;  // data words it takes
    logic [3:0]  fbe;
    logic [3:0]  lbe;
    logic        drop;
    logic        last;   // last of its request
    logic        msix;
  } desc_t;
  desc_t d_q, d_new;
  logic  d_valid_q, d_pop;

  /* verilator lint_off UNUSEDSIGNAL */ // the low bits only carry
  logic [8:0] dw_end, word_end;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [1:0] end_lane;
  assign bound    = {1'b0, mps256_i && !addr_q[7], ~addr_q[6:0]} + 9'd1;
  assign dw_end   = {7'd0, addr_q[1:0]} + take_q + 9'd3;
  assign word_end = {6'd0, addr_q[2:0]} + take_q + 9'd7;
  assign end_lane = addr_q[1:0] + take_q[1:0] - 2'd1;

  always_comb begin
    d_new.addr  = addr_q[63:2];
    d_new.is4   = hi_q;
    d_new.dws   = dw_end[8:2];
    d_new.words = word_end[8:3];
    d_new.fbe   = pcie_pkg::be_from(addr_q[1:0]);
    d_new.lbe   = pcie_pkg::be_upto(end_lane);
    if (dw_end[8:2] == 7'd1) begin
      d_new.fbe = pcie_pkg::be_from(addr_q[1:0]) & pcie_pkg::be_upto(end_lane);
      d_new.lbe = 4'd0;
    end
    d_new.drop = !bus_master_i || drain_q;
    d_new.last = fin_q;
    d_new.msix = msix_q;
  end

  assign wf_ready_o = split_q == S_IDLE;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      split_q   <= S_IDLE;
      d_valid_q <= 1'b0;
    end else begin
      if (d_pop) d_valid_q <= 1'b0;
      unique case (split_q)
        S_IDLE:  if (wf_valid_i) split_q <= S_SPLIT;
        S_SPLIT: split_q <= S_LEN;
        default: if (!d_valid_q || d_pop) begin
          d_valid_q <= 1'b1;
          split_q   <= fin_q ? S_IDLE : S_SPLIT;
        end
      endcase
    end
    unique case (split_q)
      S_IDLE: begin
        addr_q <= wf_addr_i;
        rem_q  <= wf_len_i;
        msix_q <= wf_msix_i;
      end
      S_SPLIT: begin
        take_q <= (rem_q <= {4'd0, bound}) ? rem_q[8:0] : bound;
        fin_q  <= rem_q <= {4'd0, bound};
        hi_q   <= addr_q[63:32] != '0;
      end
      default: if (!d_valid_q || d_pop) begin
        d_q          <= d_new;
        addr_q[11:0] <= addr_q[11:0] + {3'd0, take_q};
        rem_q        <= rem_q - {4'd0, take_q};
      end
    endcase
  end

  // --- Packer ---
  typedef enum logic [2:0] {W_HEAD, W_ADDR, W_DATA, W_SKIP, W_NULL} pack_e;
  pack_e       pack_q, pack_d;
  logic [6:0]  left_q;                  // payload DWs not sent;  W_SKIP: words not taken
  logic        shift_q, last_q, msix_q2;
  logic [31:0] hold_q;                  // second half of the word before
  logic        dropping;
  logic        shift, need, word_ok, go;
  logic [63:0] word;
  logic        in_msix;                 // the packer's TLP is an MSI-X message

  assign dropping = d_q.drop || drain_q;
  assign in_msix  = (pack_q == W_HEAD || pack_q == W_ADDR) ? d_q.msix : msix_q2;
  assign word     = in_msix ? {2{msi_data_i}} : wdat_data_i;
  assign word_ok  = in_msix || wdat_valid_i;
  assign shift    = d_q.is4 == d_q.addr[2];
  always_comb begin
    unique case (pack_q)
      W_ADDR:  need = !d_q.is4 || d_q.addr[2];
      W_DATA:  need = !shift_q || left_q > 7'd1;
      W_SKIP:  need = left_q != '0;
      default: need = 1'b0;
    endcase
  end
  assign go = (!need || word_ok) && ps_room_i;

  always_comb begin
    pack_d = pack_q;
    d_pop  = 1'b0;
    unique case (pack_q)
      W_HEAD: if (d_valid_q) begin
        if (dropping) begin
          d_pop  = 1'b1;
          pack_d = W_SKIP;
        end else if (ps_room_i) pack_d = W_ADDR;
      end
      W_ADDR: begin
        if (drain_q) begin
          d_pop  = 1'b1;
          pack_d = W_SKIP;
        end else if (go) begin
          d_pop  = 1'b1;
          pack_d = (!d_q.is4 && d_q.dws == 7'd1) ? W_HEAD : W_DATA;
        end
      end
      W_DATA: begin
        if (drain_q) pack_d = last_q ? W_NULL : W_HEAD;
        else if (go && left_q <= 7'd2) pack_d = W_HEAD;
      end
      W_SKIP: if (left_q == '0 || drain_q) pack_d = last_q ? W_NULL : W_HEAD;
      default: if (ps_room_i) pack_d = W_HEAD;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      pack_q  <= W_HEAD;
      drain_q <= 1'b0;
    end else begin
      pack_q  <= pack_d;
      drain_q <= flush_i || (drain_q && (wf_valid_i || split_q != S_IDLE || d_valid_q || pack_q != W_HEAD));
    end
    if (d_pop) begin
      shift_q <= shift;
      last_q  <= d_q.last;
      msix_q2 <= d_q.msix;
    end
    unique case (pack_q)
      W_HEAD:  left_q <= {1'b0, (drain_q || d_q.msix) ? 6'd0 : d_q.words};
      W_ADDR:  left_q <= drain_q ? '0 : d_q.is4 ? d_q.dws : d_q.dws - 7'd1;
      W_DATA:  if (go) left_q <= left_q - 7'd2;
      default: if (wdat_valid_i && need) left_q <= left_q - 7'd1;
    endcase
    if (go && need) hold_q <= word[63:32];
  end

  assign wdat_ready_o = need && !in_msix && !drain_q && (pack_q == W_SKIP || ps_room_i);

  // --- Into the store ---
  logic ends, keep;
  always_comb begin
    ps_wr_o   = 1'b0;
    ends      = 1'b0;
    keep      = 1'b1;
    ps_data_o[63:0] = word;
    unique case (pack_q)
      W_HEAD: begin
        ps_wr_o = d_valid_q && !dropping && ps_room_i;
        ps_data_o[63:0] = {reqid_i, 8'd0, d_q.lbe, d_q.fbe, 2'b01, d_q.is4, 5'd0, 14'd0, 3'd0, d_q.dws};
      end
      W_ADDR: begin
        ps_wr_o = go && !drain_q;
        ends    = !d_q.is4 && d_q.dws == 7'd1;
        if (d_q.is4) ps_data_o[63:0] = {d_q.addr[31:2], 2'b00, d_q.addr[63:32]};
        else ps_data_o[63:0] = {d_q.addr[2] ? word[63:32] : word[31:0], d_q.addr[31:2], 2'b00};
      end
      W_DATA: begin
        ps_wr_o = go && !drain_q;
        ends    = left_q <= 7'd2;
        keep    = left_q != 7'd1;
        if (shift_q) ps_data_o[63:0] = {word[31:0], hold_q};
      end
      W_NULL: begin
        ps_wr_o = ps_room_i;
        ends    = 1'b1;
      end
      default: ;
    endcase
    ps_data_o[68] = !in_msix;
    ps_data_o[67] = pack_q == W_NULL;
    ps_data_o[66] = pack_q == W_NULL || (pack_q == W_ADDR ? d_q.last : last_q);
    ps_data_o[65] = ends;
    ps_data_o[64] = keep;
  end
  assign ps_start_o  = pack_q == W_HEAD || pack_q == W_NULL;
  assign ps_commit_o = ends;
  assign msi_done_o  = ps_wr_o && ends && in_msix;
  assign draining_o  = drain_q;
  assign idle_o      = !wf_valid_i && split_q == S_IDLE && !d_valid_q && pack_q == W_HEAD;
endmodule
