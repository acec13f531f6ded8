// SPDX-License-Identifier: Apache-2.0
// Decides for every frame which contexts get it and whether it goes to the wire.

// Contract and signals: docs/interfaces.md, "Switch". One frame at a time: the sender's entry is
// read first, then all entries, two per cycle (nic_switch_table, nic_switch_match); then the
// decision goes to nic_pktbuf, a record per context into the record FIFO (nic_switch_records) and the
// slot into the wire queue. With 32 contexts a frame takes about 30 cycles.
//
// What drops a frame of a context, in this order: a DMA error or fewer than 14 octets; an entry
// that is not enabled or not the source address (unless ANY_SOURCE); a VLAN that is not the
// sender's; nobody takes it.
//
//   NCTX       contexts, 1 to 256
//   ev_to_ctx_o may pulse in NCTX cycles in a row (a group address); all others once per frame
module nic_switch #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,

    input  logic            sw_valid_i,
    output logic            sw_ready_o,
    input  logic [6:0]      sw_slot_i,
    input  logic [13:0]     sw_len_i,
    input  logic [7:0]      sw_src_i,
    input  logic            sw_from_ctx_i,
    input  logic            sw_err_i,
    input  logic [159:0]    sw_hdr_i,

    output logic            dec_valid_o,
    output logic [6:0]      dec_slot_o,
    output logic            dec_wire_o,
    output logic [NCTX-1:0] dec_map_o,
    output logic [8:0]      dec_refs_o,

    output logic            wire_valid_o,
    input  logic            wire_ready_i,
    output logic [6:0]      wire_slot_o,

    input  logic            tbl_we_i,
    input  logic            tbl_re_i,
    input  logic [7:0]      tbl_index_i,
    input  logic [47:0]     tbl_mac_i,
    input  logic [31:0]     tbl_ctl_i,
    output logic [47:0]     tbl_mac_o,
    output logic [31:0]     tbl_ctl_o,

    output logic            rec_valid_o,
    input  logic            rec_ready_i,
    output logic [31:0]     rec_data_o,
    output logic [31:0]     rec_tag_o,

    output logic            cst_valid_o,
    input  logic            cst_ready_i,
    output logic [7:0]      cst_ctx_o,
    output logic [3:0]      cst_idx_o,
    output logic [15:0]     cst_add_o,

    output logic            ev_nobody_o,
    output logic            ev_source_o,
    output logic            ev_vlan_o,
    output logic            ev_txerr_o,
    output logic            ev_from_wire_o,
    output logic            ev_from_ctx_o,
    output logic            ev_to_wire_o,
    output logic            ev_to_ctx_o,
    output logic            idle_o
);

  localparam int unsigned Pairs   = (NCTX + 1) / 2;
  localparam logic [13:0] MinLen  = 14'd14;      // both addresses and the type
  localparam logic [13:0] TagLen  = 14'd18;      // the same with an 802.1Q tag
  localparam logic [15:0] TpidTag = 16'h0081;    // TPID 8100 as it lies in the header, octet 0 low

  typedef enum logic [2:0] {
    IDLE,     // waits for a frame
    SOURCE,   // reads the sender's entry
    SCAN,     // reads all entries
    FLUSH,    // waits for the last comparison
    DECIDE,   // puts the result together
    TELL,     // hands the decision to nic_pktbuf
    RECORDS   // writes records, wire queue
  } state_e;

  state_e        state_q;
  logic [3:0]    gap_q;       // nic_pktbuf takes a decision every 16 cycles
  logic [6:0]    pair_q;
  logic [1:0]    flush_q;

  // The frame
  logic [6:0]    slot_q;
  logic [13:0]   len_q;
  logic [7:0]    src_ctx_q;
  logic          from_ctx_q, err_q;
  logic [47:0]   dst_q, src_q;
  logic          tagged_q;
  logic [11:0]   vid_q;

  logic take_frame;
  assign sw_ready_o = state_q == IDLE;
  assign take_frame = sw_ready_o && sw_valid_i;

  always_ff @(posedge clk_i) begin
    if (take_frame) begin
      slot_q     <= sw_slot_i;
      len_q      <= sw_len_i;
      src_ctx_q  <= sw_src_i;
      from_ctx_q <= sw_from_ctx_i;
      err_q      <= sw_err_i || sw_len_i < MinLen;
      dst_q      <= sw_hdr_i[47:0];
      src_q      <= sw_hdr_i[95:48];
      tagged_q   <= sw_hdr_i[111:96] == TpidTag && sw_len_i >= TagLen;
      vid_q      <= {sw_hdr_i[115:112], sw_hdr_i[127:120]};
    end
  end

  // --- Scan: stage 0 address, 1 entry, 2 and 3 comparison (nic_switch_match), then the sums ---
  logic             busy;
  logic [6:0]       pair;
  logic [1:0]       enable;
  logic [1:0][65:0] entry;
  logic             read0, source0, v1_q, v2_q, v3_q, source1_q, source2_q, source3_q;
  logic [6:0]       pair1_q, pair2_q, pair3_q;
  logic [1:0]       take, has_mac, vlan_ok, any_source, to_wire, lane_enable;

  assign source0 = state_q == SOURCE;
  assign read0   = (source0 || state_q == SCAN) && !busy;
  assign pair    = source0 ? src_ctx_q[7:1] : pair_q;

  nic_switch_table #(.NCTX(NCTX)) u_table (
    .clk_i, .rst_i,
    .tbl_we_i, .tbl_re_i, .tbl_index_i, .tbl_mac_i, .tbl_ctl_i, .tbl_mac_o, .tbl_ctl_o,
    .busy_o  (busy),
    .pair_i  (pair),
    .enable_o(enable),
    .entry_o (entry)
  );

  for (genvar g = 0; g < 2; g++) begin : g_lane
    nic_switch_match u_match (
      .clk_i,
      .valid_i     (v1_q),
      .self_i      (from_ctx_q && src_ctx_q == {pair1_q, 1'(g)}),
      .source_i    (source1_q),
      .enable_i    (enable[g]),
      .entry_i     (entry[g]),
      .dst_i       (dst_q),
      .src_i       (src_q),
      .tagged_i    (tagged_q),
      .vid_i       (vid_q),
      .take_o      (take[g]),
      .has_mac_o   (has_mac[g]),
      .vlan_ok_o   (vlan_ok[g]),
      .any_source_o(any_source[g]),
      .to_wire_o   (to_wire[g]),
      .enable_o    (lane_enable[g])
    );
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) {v1_q, v2_q, v3_q} <= '0;
    else       {v1_q, v2_q, v3_q} <= {read0, v1_q, v2_q};
    {source1_q, source2_q, source3_q} <= {source0, source1_q, source2_q};
    {pair1_q, pair2_q, pair3_q}       <= {pair, pair1_q, pair2_q};
  end

  // --- Sums of the scan ---
  logic [2*Pairs-1:0] map_q;
  logic [8:0]         refs_q;       // contexts
  logic               owned_q;      // a context has the destination address
  logic               source_bad_q, vlan_bad_q, wire_ok_q;
  logic [1:0]         taken;

  assign taken = take & {2{v3_q && !source3_q && !source_bad_q && !vlan_bad_q}};

  always_ff @(posedge clk_i) begin
    if (take_frame) begin
      map_q        <= '0;
      refs_q       <= '0;
      owned_q      <= 1'b0;
      source_bad_q <= 1'b0;
      vlan_bad_q   <= 1'b0;
      wire_ok_q    <= 1'b0;
    end else if (v3_q && source3_q) begin
      source_bad_q <= !lane_enable[src_ctx_q[0]] ||
                      !(has_mac[src_ctx_q[0]] || any_source[src_ctx_q[0]]);
      vlan_bad_q   <= !vlan_ok[src_ctx_q[0]];
      wire_ok_q    <= to_wire[src_ctx_q[0]];
    end else if (v3_q) begin
      map_q   <= (2 * Pairs)'({taken, map_q} >> 2);
      refs_q  <= refs_q + 9'(taken[0]) + 9'(taken[1]);
      owned_q <= owned_q || has_mac != '0;
    end
  end

  // --- Decision ---
  logic       wire_q, dec_q, wire_valid_q;
  logic [8:0] total_q;
  logic       cst_busy, records_done, count;

  always_ff @(posedge clk_i) begin
    if (state_q == DECIDE) begin
      wire_q  <= !err_q && from_ctx_q && !source_bad_q && !vlan_bad_q && wire_ok_q &&
                 (dst_q[0] || !owned_q);
    end
    // Once more per cycle while waiting in TELL; complete one cycle after wire_q.
    total_q <= refs_q + 9'(wire_q);
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= IDLE;
      gap_q   <= '0;
      dec_q   <= 1'b0;
    end else begin
      dec_q <= 1'b0;
      if (gap_q != '0) gap_q <= gap_q - 4'd1;
      unique case (state_q)
        IDLE: begin
          pair_q <= '0;
          if (sw_valid_i)
            state_q <= (sw_err_i || sw_len_i < MinLen) ? DECIDE : sw_from_ctx_i ? SOURCE : SCAN;
        end
        SOURCE: if (!busy) state_q <= SCAN;
        SCAN: begin
          flush_q <= 2'd3;
          if (!busy) pair_q <= pair_q + 7'd1;
          if (!busy && pair_q == 7'(Pairs - 1)) state_q <= FLUSH;
        end
        FLUSH: begin
          flush_q <= flush_q - 2'd1;
          if (flush_q == 2'd1) state_q <= DECIDE;
        end
        DECIDE: state_q <= TELL;
        TELL: if (gap_q == '0 && !cst_busy) begin
          state_q <= RECORDS;
          dec_q   <= 1'b1;
          gap_q   <= 4'd15;
        end
        default: if (!dec_q && records_done && !wire_valid_q) state_q <= IDLE;
      endcase
    end
  end

  assign dec_valid_o = dec_q;
  assign dec_slot_o  = slot_q;
  assign dec_wire_o  = wire_q;
  assign dec_map_o   = map_q[NCTX-1:0];
  assign dec_refs_o  = total_q;
  assign count       = dec_q;

  // --- Wire queue ---
  always_ff @(posedge clk_i) begin
    if (rst_i) wire_valid_q <= 1'b0;
    else if (dec_q) wire_valid_q <= wire_q;
    else if (wire_ready_i) wire_valid_q <= 1'b0;
  end
  assign wire_valid_o = wire_valid_q;
  assign wire_slot_o  = slot_q;

  // --- Records ---
  nic_switch_records #(.NCTX(NCTX)) u_records (
    .clk_i, .rst_i,
    .note_i     (taken != '0),
    .pair_i     (pair3_q),
    .take_i     (taken),
    .go_i       (state_q == RECORDS && !dec_q),
    .ready_o    (records_done),
    .slot_i     (slot_q),
    .len_i      (len_q),
    .rec_valid_o, .rec_ready_i, .rec_data_o,
    .ev_record_o(ev_to_ctx_o)
  );

  assign rec_tag_o = '0;

  // --- Counters: of the NIC as pulses, of the sender as one or two events ---
  logic        nobody;
  logic [1:0]  cst_q;       // bit 0: an event with cst_idx_q, then bit 1: TX_BYTES
  logic [3:0]  cst_idx_q;
  logic [7:0]  cst_ctx_q;
  logic [13:0] cst_len_q;

  assign nobody = !err_q && !source_bad_q && !vlan_bad_q && total_q == '0;

  always_ff @(posedge clk_i) begin
    ev_txerr_o     <= !rst_i && count && err_q;
    ev_source_o    <= !rst_i && count && source_bad_q;
    ev_vlan_o      <= !rst_i && count && !source_bad_q && vlan_bad_q;
    ev_nobody_o    <= !rst_i && count && nobody;
    ev_from_wire_o <= !rst_i && count && !from_ctx_q && total_q != '0;
    ev_from_ctx_o  <= !rst_i && count && from_ctx_q && total_q != '0;
    ev_to_wire_o   <= !rst_i && count && wire_q;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) cst_q <= '0;
    else if (count && from_ctx_q) cst_q <= {total_q != '0, 1'b1};
    else if (cst_ready_i) cst_q <= cst_q[0] ? {cst_q[1], 1'b0} : '0;
    if (count) begin
      cst_ctx_q <= src_ctx_q;
      cst_len_q <= len_q;
      cst_idx_q <= err_q ? 4'(glregs_pkg::CSTAT_TX_DROP_ERROR) :
                   source_bad_q || vlan_bad_q ? 4'(glregs_pkg::CSTAT_TX_DROP_SOURCE) :
                   total_q == '0 ? 4'(glregs_pkg::CSTAT_TX_DROP_NOBODY)
                                 : 4'(glregs_pkg::CSTAT_TX_FRAMES);
    end
  end

  assign cst_busy    = cst_q != '0;
  assign cst_valid_o = cst_busy;
  assign cst_ctx_o   = cst_ctx_q;
  assign cst_idx_o   = cst_q[0] ? cst_idx_q : 4'(glregs_pkg::CSTAT_TX_BYTES);
  assign cst_add_o   = cst_q[0] ? 16'd1 : 16'(cst_len_q);

  assign idle_o = state_q == IDLE && !sw_valid_i && !rec_valid_o && !cst_busy;

  /* verilator lint_off UNUSEDSIGNAL */  // octets 16 to 19, priority bits of the tag
  logic unused;
  assign unused = ^{sw_hdr_i[159:128], sw_hdr_i[119:116], pair2_q};
  /* verilator lint_on UNUSEDSIGNAL */

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_switch: NCTX must be 1 to 256");

  logic [8:0] ones;
  always_comb begin
    ones = 9'(dec_wire_o);
    for (int i = 0; i < int'(NCTX); i++) ones = ones + 9'(dec_map_o[i]);
  end

  lib_ready_valid_props #(.WIDTH(32)) u_rec_props (
    .clk_i, .rst_i, .valid_i(rec_valid_o), .ready_i(rec_ready_i), .data_i(rec_data_o)
  );
  lib_ready_valid_props #(.WIDTH(28)) u_cst_props (
    .clk_i, .rst_i, .valid_i(cst_valid_o), .ready_i(cst_ready_i),
    .data_i({cst_ctx_o, cst_idx_o, cst_add_o})
  );
  lib_ready_valid_props #(.WIDTH(7)) u_wire_props (
    .clk_i, .rst_i, .valid_i(wire_valid_o), .ready_i(wire_ready_i), .data_i(wire_slot_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_i && dec_valid_o) begin
      assert (ones == dec_refs_o);
      assert (!(dec_wire_o && !dec_slot_o[6]));  // frames from the wire do not go back to it
      // Invariant 3: nothing leaves a context that is not allowed to send it, nor comes back to it.
      assert (!((err_q || source_bad_q || vlan_bad_q) && dec_refs_o != '0));
    end
  end
`endif

endmodule
