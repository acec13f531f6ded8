// SPDX-License-Identifier: Apache-2.0
// Transmit side: merges completions, memory reads and posted writes into one TLP stream, whole TLPs at a time.

// Completions first, then reads, then writes; none can starve the others (reads are bounded by tags, completions by the
// host). A completion waits until the writes accepted before it have left; a read is offered here only after that. A read
// starts only with tlp_tx_np_ok_i in the cycle of the choice; since that cycle comes after the previous TLP's sop was taken,
// a link that lowers np_ok in the cycle after the sop it took is never overrun.
//
//   bus_master_i  off: posted writes that are still here are dropped
//   cf_*  completion beats {eop, keep, data};  cps_*  one entry for each whole completion: writes that must have left
//   np_*  memory read beats;  np_sel_o: a read is being sent
//   ps_*  posted beats {own, null, last, eop, keep, data}; last: end of a write request; null: the request ends, nothing is
//         sent; own: a request of req_*, not an MSI-X message
//   wr_done_o  number of write requests that have left
//   wr_sent_o  pulse, in order: the link has taken the last beat of an own request, or the request was dropped
module pcie_tx (
    input  logic                       clk_i,
    input  logic                       rst_i,
    input  logic                       bus_master_i,
    input  logic                       cf_valid_i,
    output logic                       cf_ready_o,
    input  logic [65:0]                cf_data_i,
    input  logic                       cps_valid_i,
    output logic                       cps_ready_o,
    input  logic [pcie_pkg::SEQ_W-1:0] cps_seq_i,
    input  logic                       np_valid_i,
    output logic                       np_ready_o,
    input  logic [65:0]                np_data_i,
    output logic                       np_sel_o,
    input  logic                       ps_valid_i,
    output logic                       ps_ready_o,
    input  logic [68:0]                ps_data_i,
    output logic [pcie_pkg::SEQ_W-1:0] wr_done_o,
    output logic                       wr_sent_o,
    output logic                       tlp_tx_valid_o,
    input  logic                       tlp_tx_ready_i,
    output logic [63:0]                tlp_tx_data_o,
    output logic                       tlp_tx_sop_o,
    output logic                       tlp_tx_eop_o,
    output logic                       tlp_tx_keep_o,
    input  logic                       tlp_tx_np_ok_i,
    output logic                       idle_o
);
  typedef enum logic [2:0] {SEL_NONE, SEL_CPL, SEL_NP, SEL_PS, SEL_DROP} sel_e;

  sel_e                       sel_q;
  logic                       first_q;
  logic                       valid_q, sop_q, eop_q, keep_q;
  logic [63:0]                data_q;
  logic [pcie_pkg::SEQ_W-1:0] done_q, ahead;
  logic                       load, take, null_beat, ps_end;
  logic                       mark_q;                   // what leaves the output register with the next load ends an own request
  logic                       in_valid, cpl_ok;
  logic [65:0]                in;

  assign ahead  = done_q - cps_seq_i;                   // negative: writes are still to leave
  assign cpl_ok = cps_valid_i && !ahead[pcie_pkg::SEQ_W-1];

  always_comb begin
    unique case (sel_q)
      SEL_CPL: {in_valid, in} = {cf_valid_i, cf_data_i};
      SEL_NP:  {in_valid, in} = {np_valid_i, np_data_i};
      SEL_PS:  {in_valid, in} = {ps_valid_i, ps_data_i[65:0]};
      default: {in_valid, in} = {1'b0, ps_data_i[65:0]};
    endcase
  end

  assign load      = !valid_q || tlp_tx_ready_i;
  assign take      = load && in_valid;
  assign null_beat = sel_q == SEL_NONE && ps_valid_i && ps_data_i[67];

  assign cf_ready_o  = load && sel_q == SEL_CPL;
  assign np_ready_o  = load && sel_q == SEL_NP;
  assign ps_ready_o  = load && (sel_q == SEL_PS || sel_q == SEL_DROP || null_beat);
  assign ps_end      = ps_valid_i && ps_ready_o && ps_data_i[65] && ps_data_i[66];
  assign cps_ready_o = sel_q == SEL_CPL && take && first_q;
  assign np_sel_o    = sel_q == SEL_NP;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      sel_q   <= SEL_NONE;
      valid_q <= 1'b0;
      first_q <= 1'b1;
      mark_q  <= 1'b0;
      done_q  <= '0;
    end else begin
      if (load) valid_q <= in_valid;
      if (take) first_q <= in[65];
      if (sel_q == SEL_NONE) begin
        if (cpl_ok) sel_q <= SEL_CPL;
        else if (np_valid_i && tlp_tx_np_ok_i) sel_q <= SEL_NP;
        else if (ps_valid_i && !ps_data_i[67]) sel_q <= bus_master_i ? SEL_PS : SEL_DROP;
      end else if ((take && in[65]) || (sel_q == SEL_DROP && ps_valid_i && load && ps_data_i[65])) begin
        sel_q <= SEL_NONE;
      end
      if (ps_end) done_q <= done_q + pcie_pkg::SEQ_W'(1);
      if (load) mark_q <= ps_end && ps_data_i[68];
    end
    if (load) begin
      data_q <= in[63:0];
      keep_q <= in[64];
      eop_q  <= in[65];
      sop_q  <= first_q;
    end
  end

  assign wr_done_o      = done_q;
  assign wr_sent_o      = mark_q && load;
  assign tlp_tx_valid_o = valid_q;
  assign tlp_tx_data_o  = data_q;
  assign tlp_tx_sop_o   = sop_q;
  assign tlp_tx_eop_o   = eop_q;
  assign tlp_tx_keep_o  = keep_q;
  assign idle_o         = sel_q == SEL_NONE && !valid_q && !mark_q && !cps_valid_i && !ps_valid_i;

`ifndef SYNTHESIS
  lib_ready_valid_props #(.WIDTH(67)) u_tx_props (
    .clk_i, .rst_i, .valid_i(tlp_tx_valid_o), .ready_i(tlp_tx_ready_i),
    .data_i({tlp_tx_sop_o, tlp_tx_eop_o, tlp_tx_keep_o, tlp_tx_data_o})
  );
`endif
endmodule
