// SPDX-License-Identifier: Apache-2.0
// Decides for every frame which contexts get it and whether it goes to the wire.

// Contract and signals: docs/interfaces.md, "Switch"; rules: docs/isolation.md. One frame at a time: the
// sender's entry is read first, then the members of the frame's VLAN (nic_switch_vlan), then all entries,
// two per cycle, context 0 last, since it takes what is for those who are away (nic_switch_table, nic_switch_away,
// nic_switch_match); then the decision goes to nic_pktbuf, a record per
// context into the record FIFO (nic_switch_records) and the slot into the wire queue. With 32 contexts a
// frame takes about 35 cycles.
//
// What drops a frame, in this order: a DMA error or fewer than 14 octets; of a context: an entry
// that is not enabled or not the source address (unless ANY_SOURCE), then a VLAN that is not the
// sender's; a group address over the flood limit; nobody takes it. What drops a copy: its receiver's
// share of the packet buffers (nic_switch_share), then its rate (nic_shaper).
//
// A frame belongs to the VLAN of its 802.1Q tag (TPID 8100; VID 0 is none) or, from an access
// port, to the port's; then it has no tag in its slot and gets one everywhere else (records and wire say so).
//
//   NCTX       contexts, 1 to 256
//   flow_rst_i frames and records are forgotten, tables stay
//   cfg_*      configuration bus: RX_SHARE, MC_FILTER_*, VLAN_MAP, VLAN_MEMBER; cfg_ready_o: another access may
//              come (low after reset until the tables are swept, and while a write is worked on)
//   clr_*      clear bus (docs/isolation.md, "Revocation", 3). Done: no decision of a frame whose scan began
//              before is still to come
//   run_i      bit c: the device of context c runs
//   rx_ok_i .. flood and receive limits (nic_shaper): bit c: context c has tokens
//   gone_*     nic_pktbuf: a reference of a context has gone
//   wire_tag_valid_o, wire_vid_o   with the wire queue entry: insert a tag with this VID
//   rec_tag_o  with rec_data_o: the tag to insert, octet 0 in bits 7:0
//   ev_to_ctx_o, ev_share_o, ev_rate_o may pulse in NCTX cycles in a row (a group address); others once per frame
module nic_switch #(
    parameter int unsigned NCTX       = 32,
    parameter int unsigned SWEEP_LOG2 = 12   // less for proofs only: log2 of the cycles that the sweep of all tables takes
) (
    input  logic            clk_i,
    input  logic            rst_i,
    input  logic            flow_rst_i,

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
    output logic            wire_tag_valid_o,
    output logic [11:0]     wire_vid_o,

    input  logic            tbl_we_i,
    input  logic            tbl_re_i,
    input  logic [7:0]      tbl_index_i,
    input  logic [47:0]     tbl_mac_i,
    input  logic [31:0]     tbl_ctl_i,
    output logic [47:0]     tbl_mac_o,
    output logic [31:0]     tbl_ctl_o,

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

    input  logic [NCTX-1:0] run_i,
    input  logic [NCTX-1:0] rx_ok_i,
    input  logic [NCTX-1:0] flood_ok_i,
    input  logic            wire_flood_ok_i,
    output logic            rx_take_valid_o,
    input  logic            rx_take_ready_i,
    output logic [7:0]      rx_take_ctx_o,
    output logic            flood_take_valid_o,
    output logic            flood_take_wire_o,
    output logic [7:0]      flood_take_ctx_o,
    output logic [13:0]     take_len_o,

    input  logic            gone_valid_i,
    input  logic            gone_ring_i,
    input  logic [7:0]      gone_ctx_i,

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
    output logic            ev_flood_o,
    output logic            ev_share_o,
    output logic            ev_rate_o,
    output logic            idle_o
);

  localparam int unsigned Pairs   = (NCTX + 1) / 2;
  localparam int unsigned SweepFlow = SWEEP_LOG2 < 9 ? SWEEP_LOG2 : 9;
  localparam logic [13:0] MinLen  = 14'd14;      // both addresses and the type
  localparam logic [13:0] TagLen  = 14'd18;      // the same with an 802.1Q tag
  localparam logic [15:0] TpidTag = 16'h0081;    // TPID 8100 as it lies in the header, octet 0 low

  // IEEE 802.3 CRC-32 of six octets, bits in the order of transmission, the register's top bit first: ether_crc().
  function automatic logic [5:0] ether_hash(input logic [47:0] mac);
    logic [31:0] crc;
    crc = '1;
    for (int i = 0; i < 48; i++) crc = {crc[30:0], 1'b0} ^ ((crc[31] ^ mac[i]) ? 32'h04c1_1db7 : 32'h0);
    ether_hash = crc[31:26];
  endfunction

  typedef enum logic [2:0] {
    IDLE,     // waits for a frame
    SOURCE,   // reads the sender's entry
    LOOK,     // starts to look up the frame's VLAN
    SCAN,     // reads all entries
    FLUSH,    // waits for the last comparison
    DECIDE,   // puts the result together
    TELL,     // hands the decision to nic_pktbuf
    RECORDS   // writes records, wire queue
  } state_e;

  logic          rst;
  state_e        state_q;
  logic [3:0]    gap_q;       // nic_pktbuf takes a decision every 16 cycles
  logic [6:0]    pair_q;
  logic [1:0]    flush_q;
  logic          cst_busy, records_done, count;
  logic          wire_q, dec_q, wire_valid_q;

  assign rst = rst_i || flow_rst_i;

  // --- After a reset all tables are swept, after a restart the counts of shares ---
  logic        sweep_q, sweep_all_q;
  logic [11:0] sweep_addr_q;

  always_ff @(posedge clk_i) begin
    if (rst) begin
      sweep_q      <= 1'b1;
      sweep_all_q  <= rst_i || (sweep_q && sweep_all_q);
      sweep_addr_q <= '0;
    end else if (sweep_q) begin
      sweep_addr_q <= sweep_addr_q + 12'd1;
      if (sweep_all_q ? &sweep_addr_q[SWEEP_LOG2-1:0] : &sweep_addr_q[SweepFlow-1:0]) sweep_q <= 1'b0;
    end
  end

  // The frame
  logic [6:0]    slot_q;
  logic [13:0]   len_q;
  logic [7:0]    src_ctx_q;
  logic          from_ctx_q, err_q;
  logic [47:0]   dst_q, src_q;
  logic          typed_q;     // its type is TPID 8100
  logic          tagged_q;    // and it is long enough for a tag
  logic [11:0]   vid_q;
  logic [5:0]    hash_q;

  logic take_frame;
  assign sw_ready_o = state_q == IDLE && !sweep_q;
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
      typed_q    <= sw_hdr_i[111:96] == TpidTag;
      tagged_q   <= sw_hdr_i[111:96] == TpidTag && sw_len_i >= TagLen;
      vid_q      <= {sw_hdr_i[115:112], sw_hdr_i[127:120]};
    end
    hash_q <= ether_hash(dst_q);
  end

  // --- Configuration ---
  logic        is_share, is_filter, is_map, is_member, filter_we, filter_re, vlan_we, share_we;
  logic        vlan_busy, share_busy;
  logic [31:0] filter_rdata, map_rdata, member_rdata;
  logic [6:0]  share_rdata;
  logic [3:0]  is_q;

  assign is_share  = cfg_addr_i == glregs_pkg::BAR0_RX_SHARE[7:0];
  assign is_filter = cfg_addr_i[7:3] == glregs_pkg::BAR0_MC_FILTER_LO[7:3];
  assign is_map    = cfg_addr_i == glregs_pkg::BAR0_VLAN_MAP[7:0];
  assign is_member = cfg_addr_i == glregs_pkg::BAR0_VLAN_MEMBER[7:0];
  assign filter_we = cfg_we_i && is_filter;
  assign filter_re = cfg_re_i && is_filter;
  assign vlan_we   = cfg_we_i && (is_map || is_member);
  assign share_we  = cfg_we_i && is_share;

  always_ff @(posedge clk_i) begin
    is_q <= {is_share, is_filter, is_map, is_member};
    cfg_rdata_o <= ({32{is_q[3]}} & {25'd0, share_rdata}) | ({32{is_q[2]}} & filter_rdata) |
                   ({32{is_q[1]}} & map_rdata) | ({32{is_q[0]}} & member_rdata);
    cfg_ready_o <= !rst_i && !(sweep_q && sweep_all_q) && !vlan_busy && !share_busy && !vlan_we && !share_we;
  end

  // --- Clear bus: the entry first; when no older frame is left, memberships and share ---
  typedef enum logic [2:0] {
    CLR_IDLE,
    CLR_ENTRY,  // entry and filter are written with 0
    CLR_FRAME,  // waits for the frame in hand
    CLR_REST,
    CLR_DONE    // until clr_valid_i falls
  } clr_e;
  clr_e       clr_q;
  logic [1:0] clr_step_q;
  logic       clr_ok, vlan_clr_done, share_clr_done;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      clr_q      <= CLR_IDLE;
      clr_step_q <= 2'd0;
    end else begin
      unique case (clr_q)
        CLR_IDLE:  if (clr_valid_i && !sweep_q) clr_q <= CLR_ENTRY;
        CLR_ENTRY: if (clr_ok) begin
          clr_step_q <= clr_step_q + 2'd1;
          if (clr_step_q == 2'd2) begin
            clr_step_q <= 2'd0;
            clr_q      <= CLR_FRAME;
          end
        end
        // In RECORDS the decision has been handed over.
        CLR_FRAME: if (state_q == IDLE || (state_q == RECORDS && !dec_q)) clr_q <= CLR_REST;
        CLR_REST:  if (vlan_clr_done && share_clr_done) clr_q <= CLR_DONE;
        default:   if (!clr_valid_i) clr_q <= CLR_IDLE;
      endcase
    end
  end

  assign clr_done_o = clr_q == CLR_DONE;

  // --- Scan: stage 0 address, 1 entry, 2 and 3 comparison (nic_switch_match), then the sums ---
  logic             busy;
  logic [6:0]       pair;
  logic [1:0]       enable, away;
  logic [1:0][68:0] entry;
  logic [1:0][31:0] filter;
  logic             read0, source0, v1_q, v2_q, v3_q, source1_q, source2_q, source3_q;
  logic [6:0]       pair1_q, pair2_q, pair3_q;
  logic             last3_q;     // with v3_q: contexts 0 and 1, the last of the scan
  logic [NCTX-1:0]  away_all;
  logic             fallback_set;
  logic [1:0]       take, may, falls, source_is, access, has_mac, any_source, to_wire, lane_enable, member;

  assign source0 = state_q == SOURCE;
  assign read0   = (source0 || state_q == SCAN) && !busy;
  assign pair    = source0 ? src_ctx_q[7:1] : pair_q;

  nic_switch_table #(.NCTX(NCTX)) u_table (
    .clk_i, .rst_i,
    .sweep_i     (sweep_q && sweep_all_q),
    .sweep_pair_i(sweep_addr_q[6:0]),
    .sweep_half_i(sweep_addr_q[7]),
    .tbl_we_i, .tbl_re_i, .tbl_index_i, .tbl_mac_i, .tbl_ctl_i, .tbl_mac_o, .tbl_ctl_o,
    .mc_we_i     (filter_we),
    .mc_re_i     (filter_re),
    .mc_half_i   (cfg_addr_i[2]),
    .mc_ctx_i    (cfg_ctx_i),
    .mc_wdata_i  (cfg_wdata_i),
    .mc_rdata_o  (filter_rdata),
    .clr_i       (clr_q == CLR_ENTRY),
    .clr_step_i  (clr_step_q),
    .clr_ctx_i,
    .clr_ok_o    (clr_ok),
    .away_i      (away_all),
    .fallback_o  (fallback_set),
    .busy_o      (busy),
    .pair_i      (pair),
    .half_i      (hash_q[5]),
    .enable_o    (enable),
    .away_o      (away),
    .entry_o     (entry),
    .filter_o    (filter)
  );

  // --- The frame's VLAN. Step 0: the sender's entry is there; 1: which VLAN; 2: look-up, with the members in step 6. ---
  logic [6:0]    step_q;         // one bit per step; SCAN begins with step 4
  logic [68:0]   sender;
  logic          access_q;       // the sender is an access port
  logic          trunk_q, untagged_q;
  logic [11:0]   access_vid_q;
  logic          plain_q;        // the frame belongs to no VLAN
  logic [11:0]   evid_q;         // else to this one
  logic [NCTX-1:0] row, flood_all;
  logic [2*Pairs-1:0] row_q, share_q, rate_q;  // shifted by two with each pair of the scan
  logic [1:0][NCTX-1:0] share_ok;
  logic [1:0]    share_now, rate_now;
  logic          flood_ok_q, sender_member;

  assign sender = entry[src_ctx_q[0]];

  always_ff @(posedge clk_i) begin
    if (rst) step_q <= '0;
    else     step_q <= {step_q[5:0], source0 && read0} |
                       {5'd0, take_frame && !sw_from_ctx_i && !(sw_err_i || sw_len_i < MinLen), 1'b0};
    if (take_frame) begin
      access_q <= 1'b0;
      trunk_q  <= 1'b0;
    end else if (step_q[0]) begin
      access_q     <= sender[51];
      trunk_q      <= sender[54];
      untagged_q   <= sender[55];
      access_vid_q <= sender[67:56];
    end
    if (step_q[1]) begin
      plain_q <= !access_q && !(tagged_q && vid_q != '0);
      evid_q  <= access_q ? access_vid_q : vid_q;
    end
  end

  nic_switch_vlan #(.NCTX(NCTX)) u_vlan (
    .clk_i, .rst_i,
    .sweep_i     (sweep_q && sweep_all_q),
    .sweep_addr_i(sweep_addr_q),
    .look_i      (step_q[2]),
    .vid_i       (evid_q),
    .row_o       (row),
    .set_valid_i (vlan_we),
    .set_map_i   (is_map),
    .set_data_i  (cfg_wdata_i),
    .ctx_i       (cfg_ctx_i),
    .busy_o      (vlan_busy),
    .map_o       (map_rdata),
    .member_o    (member_rdata),
    .clr_valid_i (clr_q == CLR_REST || clr_q == CLR_DONE),
    .clr_ctx_i,
    .clr_done_o  (vlan_clr_done)
  );

  // What the scan, from the last pair on, shifts along: members; who has room in the frame's ring; who has tokens.
  logic first2_q;
  logic [2*Pairs-1:0] row_now;
  assign row_now = first2_q ? (2 * Pairs)'(row) : row_q;
  assign member  = row_now[2*Pairs-1-:2];

  always_ff @(posedge clk_i) begin
    if (take_frame) first2_q <= 1'b1;
    else if (v2_q && !source2_q) first2_q <= 1'b0;
    if (v2_q && !source2_q) row_q <= row_now << 2;
    if (step_q[4]) begin
      share_q <= (2 * Pairs)'(share_ok[slot_q[6]]);
      rate_q  <= (2 * Pairs)'(rx_ok_i);
    end else if (v3_q && !source3_q) begin
      share_q <= share_q << 2;
      rate_q  <= rate_q << 2;
    end
    flood_ok_q <= from_ctx_q ? flood_all[src_ctx_q[$clog2(NCTX < 2 ? 2 : NCTX)-1:0]] : wire_flood_ok_i;
  end

  for (genvar g = 0; g < 2; g++) begin : g_lane
    nic_switch_match u_match (
      .clk_i,
      .valid_i     (v1_q),
      .self_i      (from_ctx_q && src_ctx_q == {pair1_q, 1'(g)}),
      .source_i    (source1_q),
      .enable_i    (enable[g]),
      .away_i      (away[g]),
      .zero_i      (from_ctx_q && src_ctx_q == '0),
      .entry_i     (entry[g]),
      .filter_i    (filter[g]),
      .dst_i       (dst_q),
      .src_i       (src_q),
      .hash_i      (hash_q[4:0]),
      .plain_i     (plain_q),
      .vid_i       (evid_q),
      .member_i    (member[g]),
      .take_o      (take[g]),
      .may_o       (may[g]),
      .falls_o     (falls[g]),
      .source_o    (source_is[g]),
      .access_o    (access[g]),
      .has_mac_o   (has_mac[g]),
      .any_source_o(any_source[g]),
      .to_wire_o   (to_wire[g]),
      .enable_o    (lane_enable[g])
    );
  end

  always_ff @(posedge clk_i) begin
    if (rst) {v1_q, v2_q, v3_q} <= '0;
    else     {v1_q, v2_q, v3_q} <= {read0, v1_q, v2_q};
    {source1_q, source2_q, source3_q} <= {source0, source1_q, source2_q};
    {pair1_q, pair2_q, pair3_q}       <= {pair, pair1_q, pair2_q};
    last3_q <= pair2_q == '0;
  end

  // --- Sums of the scan ---
  logic [2*Pairs-1:0] map_q;
  logic [8:0]         refs_q;       // contexts
  logic               owned_q;      // a context has the destination address
  logic               limited_q;    // a copy is dropped
  logic               source_bad_q, vlan_bad_q, flood_bad_q, wire_ok_q, bad;
  logic               falls_q;      // it is for a context that is away
  logic [1:0]         takes, wanted, taken, full, late;

  assign bad    = source_bad_q || vlan_bad_q || flood_bad_q;
  assign takes  = {take[1], take[0] || (last3_q && may[0] && (falls_q || falls[1]))};
  assign wanted = takes & {2{v3_q && !source3_q && !bad}};
  assign taken  = wanted & share_now & rate_now;
  assign full   = wanted & ~share_now;
  assign late   = wanted & share_now & ~rate_now;
  assign share_now = share_q[2*Pairs-1-:2];
  assign rate_now  = rate_q[2*Pairs-1-:2];

  always_ff @(posedge clk_i) begin
    if (take_frame) begin
      map_q        <= '0;
      refs_q       <= '0;
      owned_q      <= 1'b0;
      limited_q    <= 1'b0;
      source_bad_q <= 1'b0;
      vlan_bad_q   <= 1'b0;
      flood_bad_q  <= 1'b0;
      wire_ok_q    <= 1'b0;
      falls_q      <= 1'b0;
    end else begin
      if (v3_q && source3_q) begin
        source_bad_q <= !lane_enable[src_ctx_q[0]] ||
                        !(has_mac[src_ctx_q[0]] || any_source[src_ctx_q[0]]);
        wire_ok_q    <= to_wire[src_ctx_q[0]];
      end else if (v3_q) begin
        map_q     <= (2 * Pairs)'({map_q, taken});
        refs_q    <= refs_q + 9'(taken[0]) + 9'(taken[1]);
        owned_q   <= owned_q || has_mac != '0;
        falls_q   <= falls_q || falls != '0;
        limited_q <= limited_q || (full | late) != '0;
      end
      // A sender's tag: none on an access port, none cut short, on a trunk one of its own VLANs.
      if (step_q[6]) begin
        vlan_bad_q  <= access_q ? typed_q :
                       trunk_q && ((typed_q && !tagged_q) || (plain_q ? !untagged_q : !sender_member));
        flood_bad_q <= dst_q[0] && !flood_ok_q;
      end
    end
  end

  logic [2**$clog2(NCTX < 2 ? 2 : NCTX)-1:0] row_all;
  assign row_all       = ($bits(row_all))'(row);
  assign sender_member = row_all[src_ctx_q[$clog2(NCTX < 2 ? 2 : NCTX)-1:0]];

  // --- Who is away ---
  nic_switch_away #(.NCTX(NCTX)) u_away (
    .clk_i, .rst_i, .run_i,
    .set_i      (fallback_set),
    .set_index_i(tbl_index_i),
    .scan_i     (v3_q && !source3_q),
    .pair_i     (pair3_q),
    .source_i   (source_is),
    .from_ctx_i (from_ctx_q),
    .sender_i   (src_ctx_q),
    .pass_i     (!source_bad_q && !vlan_bad_q),
    .away_o     (away_all)
  );

  // --- Decision ---
  logic [8:0] total_q;

  always_ff @(posedge clk_i) begin
    if (state_q == DECIDE) wire_q <= !err_q && from_ctx_q && !bad && wire_ok_q && (dst_q[0] || !owned_q);
    // Once more per cycle while waiting in TELL; complete one cycle after wire_q.
    total_q <= refs_q + 9'(wire_q);
  end

  always_ff @(posedge clk_i) begin
    if (rst) begin
      state_q <= IDLE;
      gap_q   <= '0;
      dec_q   <= 1'b0;
    end else begin
      dec_q <= 1'b0;
      if (gap_q != '0) gap_q <= gap_q - 4'd1;
      unique case (state_q)
        IDLE: begin
          pair_q <= 7'(Pairs - 1);
          if (take_frame)
            state_q <= (sw_err_i || sw_len_i < MinLen) ? DECIDE : sw_from_ctx_i ? SOURCE : LOOK;
        end
        SOURCE: if (!busy) state_q <= LOOK;
        LOOK: if (step_q[3]) state_q <= SCAN;
        SCAN: begin
          flush_q <= 2'd3;
          if (!busy) pair_q <= pair_q - 7'd1;
          if (!busy && pair_q == '0) state_q <= FLUSH;
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

  // --- Tokens ---
  assign flood_all          = flood_ok_i;
  assign flood_take_valid_o = dec_q && dst_q[0] && !err_q && !bad;
  assign flood_take_wire_o  = !from_ctx_q;
  assign flood_take_ctx_o   = src_ctx_q;
  assign take_len_o         = len_q;

  // --- Wire queue ---
  always_ff @(posedge clk_i) begin
    if (rst) wire_valid_q <= 1'b0;
    else if (dec_q) wire_valid_q <= wire_q;
    else if (wire_ready_i) wire_valid_q <= 1'b0;
  end
  assign wire_valid_o = wire_valid_q;
  assign wire_slot_o  = slot_q;
  assign wire_tag_valid_o = access_q;
  assign wire_vid_o       = evid_q;

  // --- Records ---
  logic       inc_valid, inc_ready, drop_valid;
  logic [7:0] walk_ctx;

  nic_switch_records #(.NCTX(NCTX)) u_records (
    .clk_i,
    .rst_i       (rst),
    .note_i      (wanted != '0),
    .pair_i      (pair3_q),
    .take_i      (taken),
    .full_i      (full),
    .late_i      (late),
    .access_i    (access),
    .go_i        (state_q == RECORDS && !dec_q),
    .ready_o     (records_done),
    .slot_i      (slot_q),
    .len_i       (len_q),
    .plain_i     (access_q),
    .rec_valid_o, .rec_ready_i, .rec_data_o,
    .inc_valid_o (inc_valid),
    .inc_ready_i (inc_ready),
    .take_valid_o(rx_take_valid_o),
    .take_ready_i(rx_take_ready_i),
    .drop_valid_o(drop_valid),
    .ctx_o       (walk_ctx),
    .ev_record_o (ev_to_ctx_o),
    .ev_full_o   (ev_share_o),
    .ev_late_o   (ev_rate_o)
  );
  assign rx_take_ctx_o = walk_ctx;

  nic_switch_share #(.NCTX(NCTX)) u_share (
    .clk_i, .rst_i, .flow_rst_i,
    .sweep_i     (sweep_q),
    .all_i       (sweep_all_q),
    .sweep_addr_i(sweep_addr_q[8:0]),
    .cfg_we_i    (share_we),
    .ctx_i       (cfg_ctx_i),
    .wdata_i     (cfg_wdata_i[6:0]),
    .rdata_o     (share_rdata),
    .busy_o      (share_busy),
    .inc_valid_i (inc_valid),
    .inc_ready_o (inc_ready),
    .inc_ring_i  (slot_q[6]),
    .inc_ctx_i   (walk_ctx),
    .gone_valid_i, .gone_ring_i, .gone_ctx_i,
    .clr_valid_i (clr_q == CLR_REST || clr_q == CLR_DONE),
    .clr_ctx_i,
    .clr_done_o  (share_clr_done),
    .ok_o        (share_ok)
  );

  // The tag of a record is its sender's VLAN, kept by slot.
  (* ram_style = "distributed" *)
  logic [11:0] tag_vids [64];
  logic [11:0] rec_vid;

  always_ff @(posedge clk_i) begin
    if (dec_q && slot_q[6]) tag_vids[slot_q[5:0]] <= evid_q;
  end
  assign rec_vid   = tag_vids[rec_data_o[29:24]];
  assign rec_tag_o = rec_data_o[15:14] == glregs_pkg::RX_VLAN_INSERT[1:0]
                         ? {rec_vid[7:0], 4'd0, rec_vid[11:8], TpidTag} : '0;

  // --- Counters: of the NIC as pulses, of the sender as one or two events ---
  logic        nobody, switched;
  logic [1:0]  cst_q;       // bit 0: an event with cst_idx_q, then bit 1: TX_BYTES
  logic [3:0]  cst_idx_q;
  logic [7:0]  cst_ctx_q;
  logic [13:0] cst_len_q;

  // A frame all of whose copies were dropped at their receivers was switched all the same.
  assign switched = total_q != '0 || limited_q;
  assign nobody   = !err_q && !bad && !switched;

  always_ff @(posedge clk_i) begin
    ev_txerr_o     <= !rst_i && count && err_q;
    ev_source_o    <= !rst_i && count && source_bad_q;
    ev_vlan_o      <= !rst_i && count && !source_bad_q && vlan_bad_q;
    ev_flood_o     <= !rst_i && count && !source_bad_q && !vlan_bad_q && flood_bad_q;
    ev_nobody_o    <= !rst_i && count && nobody;
    ev_from_wire_o <= !rst_i && count && !from_ctx_q && switched;
    ev_from_ctx_o  <= !rst_i && count && from_ctx_q && switched;
    ev_to_wire_o   <= !rst_i && count && wire_q;
  end

  always_ff @(posedge clk_i) begin
    if (rst) cst_q <= '0;
    else if (count && from_ctx_q) cst_q <= {switched, 1'b1};
    else if (cst_load) cst_q <= cst_q[0] ? {cst_q[1], 1'b0} : '0;
    if (count) begin
      cst_ctx_q <= src_ctx_q;
      cst_len_q <= len_q;
      cst_idx_q <= err_q ? 4'(glregs_pkg::CSTAT_TX_DROP_ERROR) :
                   source_bad_q || vlan_bad_q ? 4'(glregs_pkg::CSTAT_TX_DROP_SOURCE) :
                   !switched ? 4'(glregs_pkg::CSTAT_TX_DROP_NOBODY)
                                 : 4'(glregs_pkg::CSTAT_TX_FRAMES);
    end
  end

  // Dropped copies are collected per context; a sender's events go first.
  logic        drops_valid, drops_ready, drops_idle, cst_load, cst_valid_q;
  logic [7:0]  drops_ctx;
  logic [15:0] drops_add;

  nic_switch_drops #(.NCTX(NCTX)) u_drops (
    .clk_i, .rst_i,
    .drop_valid_i(drop_valid),
    .drop_ctx_i  (walk_ctx),
    .cst_valid_o (drops_valid),
    .cst_ready_i (drops_ready),
    .cst_ctx_o   (drops_ctx),
    .cst_add_o   (drops_add),
    .idle_o      (drops_idle)
  );

  assign cst_busy    = cst_q != '0;
  assign cst_load    = !cst_valid_q || cst_ready_i;
  assign drops_ready = cst_load && !cst_busy;

  always_ff @(posedge clk_i) begin
    if (rst_i) cst_valid_q <= 1'b0;
    else if (cst_load) cst_valid_q <= cst_busy || drops_valid;
    if (cst_load) begin
      cst_ctx_o <= cst_busy ? cst_ctx_q : drops_ctx;
      cst_idx_o <= !cst_busy ? 4'(glregs_pkg::CSTAT_RX_DROP_LIMIT) :
                   cst_q[0] ? cst_idx_q : 4'(glregs_pkg::CSTAT_TX_BYTES);
      cst_add_o <= !cst_busy ? drops_add : cst_q[0] ? 16'd1 : 16'(cst_len_q);
    end
  end

  assign cst_valid_o = cst_valid_q;

  assign idle_o = state_q == IDLE && !sw_valid_i && !rec_valid_o && !cst_busy && !cst_valid_q && drops_idle &&
                  !sweep_q && clr_q == CLR_IDLE;

  /* verilator lint_off UNUSEDSIGNAL */  // octets 16 to 19, priority bits of the tag, what registers do not have
  logic unused;
  assign unused = ^{sw_hdr_i[159:128], sw_hdr_i[119:116], pair2_q, cfg_wdata_i, sender, may[1]};
  /* verilator lint_on UNUSEDSIGNAL */

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_switch: NCTX must be 1 to 256");

  logic [8:0] ones;
  always_comb begin
    ones = 9'(dec_wire_o);
    for (int i = 0; i < int'(NCTX); i++) ones = ones + 9'(dec_map_o[i]);
  end

  lib_ready_valid_props #(.WIDTH(32)) u_rec_props (
    .clk_i, .rst_i(rst), .valid_i(rec_valid_o), .ready_i(rec_ready_i), .data_i(rec_data_o)
  );
  lib_ready_valid_props #(.WIDTH(28)) u_cst_props (
    .clk_i, .rst_i, .valid_i(cst_valid_o), .ready_i(cst_ready_i),
    .data_i({cst_ctx_o, cst_idx_o, cst_add_o})
  );
  lib_ready_valid_props #(.WIDTH(20)) u_wire_props (
    .clk_i, .rst_i(rst), .valid_i(wire_valid_o), .ready_i(wire_ready_i), .data_i({wire_slot_o, wire_tag_valid_o, wire_vid_o})
  );

  always_ff @(posedge clk_i) begin
    if (!rst_i && dec_valid_o) begin
      assert (ones == dec_refs_o);
      assert (!(dec_wire_o && !dec_slot_o[6]));  // frames from the wire do not go back to it
      // Invariant 3: nothing leaves a context that is not allowed to send it, nor comes back to it.
      assert (!((err_q || bad) && dec_refs_o != '0));
    end
  end
`endif

`ifdef FORMAL
  // Proof (rtl/formal/switch): no decision names anybody for a frame that its sender may not send; tables, FIFOs and neighbours are free.
  // These make it inductive: where the frame is in the pipeline, and that it has no receivers yet.
  logic f_scan1, f_scan2, f_scan3;
  assign f_scan1 = v1_q && !source1_q;
  assign f_scan2 = v2_q && !source2_q;
  assign f_scan3 = v3_q && !source3_q;

  // Whoever moves a context (nic_switch_away) was found to be a sender that may send this frame.
  logic f_known;
  assign f_known = step_q == '0;

  always_ff @(posedge clk_i) begin
    if (!rst_i && !flow_rst_i) begin
      f_moves: assert (!f_scan3 || (f_known && !err_q));
      f_falls: assert (!(dec_valid_o && dec_map_o[0]) || (!err_q && !bad));
      f_wire_only: assert (!(dec_valid_o && dec_wire_o) || (from_ctx_q && !err_q && !bad && wire_ok_q));
      f_nobody: assert (!(dec_valid_o && (err_q || bad)) || (dec_map_o == '0 && dec_refs_o == '0));

      f_i_step: assert ((step_q & (step_q - 7'd1)) == '0);
      f_i_look: assert ((state_q == LOOK) == (step_q[3:0] != '0));
      f_i_later: assert (step_q[6:4] == '0 || state_q == SCAN || state_q == FLUSH);
      f_i_quiet: assert (!(state_q == IDLE || state_q == SOURCE || state_q == DECIDE || state_q == TELL || state_q == RECORDS) ||
                         (!v1_q && !v2_q && !v3_q && step_q == '0));
      f_i_flush: assert (state_q != FLUSH || (flush_q != '0 && (flush_q == 2'd3 || !v1_q) && (flush_q != 2'd1 || !v2_q)));
      f_i_first: assert ((step_q[4:0] == '0 || !f_scan1) && (step_q[5:0] == '0 || !f_scan2) && (step_q == '0 || !f_scan3));
      f_i_source: assert ((!(v1_q && source1_q) || step_q[0]) && (!(v2_q && source2_q) || step_q[1]) &&
                          (!(v3_q && source3_q) || step_q[2]));
      f_i_flush_late: assert (state_q != FLUSH || flush_q != 2'd1 || step_q == '0);
      f_i_none: assert (!(step_q != '0 || state_q == SOURCE || bad || err_q) || state_q == IDLE || (refs_q == '0 && map_q == '0));
      f_i_err: assert (!err_q || state_q == IDLE || state_q == DECIDE || state_q == TELL || state_q == RECORDS);
      f_i_wire: assert (!(state_q == TELL || state_q == RECORDS) || !wire_q || (from_ctx_q && !err_q && !bad && wire_ok_q));
      f_i_total: assert (state_q != RECORDS || total_q == refs_q + 9'(wire_q));
      f_i_slot: assert (state_q == IDLE || from_ctx_q == slot_q[6]);
      f_i_pair: assert (!(state_q == SOURCE || state_q == LOOK || (Pairs == 1 && state_q == SCAN)) || pair_q == 7'(Pairs - 1));
      f_i_one: assert (Pairs != 1 || (!(f_scan1 && f_scan2) && !(f_scan1 && f_scan3) && !(f_scan2 && f_scan3) &&
                       !(state_q == SCAN && (f_scan1 || f_scan2 || f_scan3)) &&
                       !((state_q == SCAN || f_scan1 || f_scan2 || f_scan3) && (refs_q != '0 || map_q != '0))));
      f_i_ones: assert (state_q == IDLE || refs_q == 9'($countones(map_q)));
      f_i_ready: assert (!(cfg_ready_o && vlan_busy));
      f_i_dec: assert (!(dec_q || wire_valid_q) || state_q == RECORDS);
    end
  end
`endif

endmodule
