// SPDX-License-Identifier: Apache-2.0
// Completions for the NIC's reads: tag table, checks, data alignment, time-outs.

// A tag is free, busy (its read was sent) or quarantined (nobody waits any more, but completions may still come: after a
// time-out or a flush). Completions of busy tags are checked against what is expected next (requester, byte count, lower
// address, length); what does not fit is counted and dropped. Completions of quarantined tags are counted and dropped; the
// last one, or a second time-out, frees the tag. A piece ends with its last byte, an error status, a time-out, or a failure
// before it was sent. When all pieces of a request have ended, one beat with rdat_last_o tells.
//
//   cq_* {lk, eop, data}  completion store, read side
//   reqid_i          own requester ID
//   al_*, iss_*, arm_*, fail_*, tag_*   see pcie_req_rd (arm_tag_i is also the tag of fail_*)
//   flush_i          forget all requests: busy tags become quarantined
//   rdat_*           data of reads, see docs/interfaces.md
//   flight_o         busy tags;  sweep_o: tags are being cleared or quarantined, after a reset or flush
//   ev_bad_o         pulse: completion dropped;  ev_poisoned_o, ev_timeout_o, ev_ur_o, ev_ca_o: a piece failed for that reason
module pcie_req_cpl (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic [15:0] reqid_i,
    input  logic [23:0] cpl_timeout_i,
    input  logic        no_timeout_i,
    input  logic        flush_i,
    input  logic        cq_valid_i,
    output logic        cq_ready_o,
    input  logic [65:0] cq_data_i,
    output logic        tag_ok_o,
    output logic [4:0]  tag_o,
    input  logic        al_valid_i,
    output logic        al_ready_o,
    input  logic [4:0]  al_id_i,
    input  logic [12:0] al_off_i,
    input  logic [12:0] al_len_i,
    input  logic [6:0]  al_lower_i,
    input  logic        al_hold_i,
    input  logic        iss_all_i,
    input  logic [5:0]  iss_count_i,
    input  logic        arm_i,
    input  logic [4:0]  arm_tag_i,
    input  logic        arm_dead_i,
    input  logic        fail_valid_i,
    output logic        fail_ready_o,
    input  logic [2:0]  fail_status_i,
    output logic        rdat_valid_o,
    input  logic        rdat_ready_i,
    output logic [4:0]  rdat_id_o,
    output logic [12:0] rdat_off_o,
    output logic [63:0] rdat_data_o,
    output logic [7:0]  rdat_be_o,
    output logic        rdat_last_o,
    output logic [2:0]  rdat_status_o,
    output logic [5:0]  flight_o,
    output logic        sweep_o,
    output logic        ev_bad_o,
    output logic        ev_poisoned_o,
    output logic        ev_timeout_o,
    output logic        ev_ur_o,
    output logic        ev_ca_o,
    output logic        idle_o
);
  localparam logic [2:0] StOk       = glregs_pkg::DMA_STATUS_OK[2:0];
  localparam logic [2:0] StAbort    = glregs_pkg::DMA_STATUS_ABORT[2:0];
  localparam logic [2:0] StPoisoned = glregs_pkg::DMA_STATUS_POISONED[2:0];
  localparam logic [2:0] StTimeout  = glregs_pkg::DMA_STATUS_TIMEOUT[2:0];

  typedef enum logic [3:0] {
    C_IDLE, C_DW2, C_LOOK, C_CHECK, C_ACT, C_FIRST, C_DATA, C_DROP, C_NOTE, C_LAST, C_DRAIN
  } state_e;
  state_e state_q;

  // --- Tags ---
  typedef enum logic [1:0] {TAG_FREE, TAG_BUSY, TAG_QUAR} tag_e;
  logic [1:0]  tag_mem [32];            // a tag_e each
  logic [4:0]  next_q;                  // tag that is looked at for being free
  logic        tag_ok_q;
  logic [4:0]  tag_free_q;
  logic        al;
  logic        act;                     // C_ACT has the tag memory for itself
  logic        end_busy, to_quar, end_quar;  // of tag_q
  logic        expire;                  // of scan_q
  logic [4:0]  tag_q, scan_q;
  logic        sweep_q, clear_q;        // after a flush: busy tags become quarantined; after reset: all become free
  logic [4:0]  sweep_tag_q;
  logic        tag_we;
  logic [4:0]  tag_waddr;
  tag_e        tag_wdata;

  // What the next completion of a tag must look like.
  typedef struct packed {
    logic [4:0]  id;
    logic [12:0] off;    // offset in the request
    logic [12:0] len;    // bytes still to come
    logic [6:0]  lower;  // address bits 6:0
  } piece_t;
  logic [37:0] table_mem [32];
  logic        table_we;
  logic [4:0]  table_waddr;
  piece_t      table_wdata, t_q;
  logic        update;                  // a split completion has ended

  assign al_ready_o = !update;
  assign al         = al_valid_i && al_ready_o;
  assign tag_ok_o   = tag_ok_q;
  assign tag_o      = tag_free_q;

  // One write port: a read being sent comes first, all else waits.
  always_comb begin
    tag_we    = arm_i || end_busy || end_quar || expire || sweep_q;
    tag_waddr = sweep_tag_q;
    tag_wdata = (!clear_q && tag_mem[sweep_tag_q] != TAG_FREE) ? TAG_QUAR : TAG_FREE;
    if (arm_i) begin
      tag_waddr = arm_tag_i;
      tag_wdata = arm_dead_i ? TAG_QUAR : TAG_BUSY;
    end else if (!sweep_q && (end_busy || end_quar)) begin
      tag_waddr = tag_q;
      tag_wdata = to_quar ? TAG_QUAR : TAG_FREE;
    end else if (!sweep_q) begin
      tag_waddr = scan_q;
      tag_wdata = TAG_FREE;
    end
  end
  assign sweep_o = sweep_q;

  always_ff @(posedge clk_i) begin
    if (tag_we) tag_mem[tag_waddr] <= tag_wdata;
    if (rst_i) begin
      sweep_q     <= 1'b1;
      clear_q     <= 1'b1;
      sweep_tag_q <= '0;
    end else if (flush_i) begin
      sweep_q     <= 1'b1;
      sweep_tag_q <= '0;                // with clear_q, the clearing starts again
    end else if (sweep_q && !arm_i) begin
      sweep_tag_q <= sweep_tag_q + 5'd1;
      if (sweep_tag_q == '1) {sweep_q, clear_q} <= 2'b00;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      tag_ok_q <= 1'b0;
      next_q   <= '0;
      flight_o <= '0;
    end else begin
      flight_o <= flush_i ? '0 : flight_o + {5'd0, arm_i && !arm_dead_i} - {5'd0, end_busy};
      // Look for a free tag, starting behind the one given last: tags rest as long as possible. Not while a tag is given
      // but its read not sent: it does not look busy yet.
      if (!tag_ok_q && !al_hold_i && !sweep_q) begin
        tag_ok_q   <= tag_mem[next_q] == TAG_FREE;
        tag_free_q <= next_q;
        next_q     <= next_q + 5'd1;
      end else if (tag_ok_q && al) begin
        tag_ok_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (table_we) table_mem[table_waddr] <= table_wdata;
  end

  // Pieces that exist (written at each allocation) and pieces that have ended, per request.
  logic [6:0]  iss_mem [32];            // {all, count}
  logic [8:0]  end_mem [32];            // {status, count}
  logic [31:0] end_live_q;              // end_mem has an entry; else 0
  logic [6:0]  iss_q;
  logic [8:0]  end_q, end_new;
  logic        end_we;
  logic [4:0]  end_id;
  logic [2:0]  st_q;                    // what this completion adds
  logic [2:0]  st_all;
  logic [5:0]  ended;                   // with this piece
  logic        is_last;

  always_ff @(posedge clk_i) begin
    if (al) iss_mem[al_id_i] <= {iss_all_i, iss_count_i};
    if (end_we) end_mem[end_id] <= end_new;
  end

  // --- Time-outs: the scanner looks at one tag in four cycles ---
  tag_e        scan_state;
  assign scan_state = tag_e'(tag_mem[scan_q]);
  logic [24:0] now_q, since_q, age_q;
  logic [24:0] since_mem [32];
  logic [1:0]  phase_q;
  logic        scan_busy_q, scan_quar_q, old_q;
  logic        to_valid;                // a busy tag is too old
  logic        to_ready;
  logic        stamp_we;
  logic [4:0]  stamp_tag;
  logic        stamp_quar;              // C_NOTE wants a new stamp for a quarantined tag

  assign stamp_we  = arm_i || stamp_quar;
  assign stamp_tag = arm_i ? arm_tag_i : tag_q;
  assign to_valid  = phase_q == 2'd3 && old_q && scan_busy_q && !no_timeout_i;
  assign expire    = phase_q == 2'd3 && old_q && scan_quar_q && !arm_i && !act && !sweep_q;

  always_ff @(posedge clk_i) begin
    if (stamp_we) since_mem[stamp_tag] <= now_q;
    now_q <= rst_i ? '0 : now_q + 25'd1;
    if (rst_i) begin
      phase_q <= 2'd0;
      scan_q  <= '0;
    end else begin
      unique case (phase_q)
        2'd0: begin
          since_q     <= since_mem[scan_q];
          scan_busy_q <= scan_state == TAG_BUSY;
          scan_quar_q <= scan_state == TAG_QUAR;
          phase_q     <= 2'd1;
        end
        2'd1: begin
          age_q   <= now_q - since_q;
          phase_q <= 2'd2;
        end
        2'd2: begin
          old_q   <= age_q >= {1'b0, cpl_timeout_i};
          phase_q <= 2'd3;
        end
        default: if (!old_q || (scan_busy_q ? (no_timeout_i || to_ready) : (!scan_quar_q || expire))) begin
          scan_q  <= scan_q + 5'd1;
          phase_q <= 2'd0;
        end
      endcase
      // What was seen is no longer so.
      if (sweep_q || (arm_i && arm_tag_i == scan_q)) phase_q <= 2'd0;
    end
  end

  // --- One completion at a time ---
  logic        in_lk, in_eop;
  logic [63:0] in;
  assign {in_lk, in_eop, in} = cq_data_i;

  logic        lk_q, ep_q, has_data_q, eop_q;
  logic [2:0]  cst_q;                   // completion status
  logic [11:0] bc_q;
  logic [6:0]  len_q;
  logic [15:0] rid_q;
  logic [2:0]  ctag_q;                  // tag bits that must be 0
  logic [6:0]  lower_q;
  logic [31:0] hold_q;                  // DW that waits for the other half of its word
  logic        ev_time_q, ev_fail_q;    // not a completion: a time-out, a read that was not sent
  logic        was_busy_q, was_quar_q, kill_q;
  logic        rearmed_q;               // the tag that was too old has ended, and was given and sent again at that moment
  logic        is_final_q;              // last completion of the piece
  logic [8:0]  full_q;                  // bytes that the payload can hold (at most 256, see pcie_rx)
  logic [8:0]  bytes_q;                 // bytes of this completion
  logic        len_ok_q, match_q, quar_end_q;
  logic [12:0] off_q;
  logic [6:0]  dws_q;                   // payload DWs not used
  logic        need_q;                  // the next word needs a beat
  logic [8:0]  words_q;                 // bytes from the first word's start to the end
  logic        endw_q;                  // the next word is the last
  logic        firstw_q;
  logic        last_q;
  logic        take;

  logic [12:0] more;
  assign more = {4'd0, full_q} - t_q.len;

  // Beats for the NIC.
  logic        o_valid, o_ready, o_last;
  logic [7:0]  o_be, be_lo, be_hi;
  logic [63:0] o_data;
  logic        shift;
  assign shift     = !lower_q[2];
  assign be_lo     = firstw_q ? 8'hff << lower_q[2:0] : 8'hff;
  assign be_hi     = endw_q ? 8'hff >> (4'd8 - words_q[3:0]) : 8'hff;

  always_comb begin
    o_valid = 1'b0;
    o_last  = 1'b0;
    o_be    = be_lo & be_hi;
    o_data  = shift ? {in[31:0], hold_q} : in;
    if (state_q == C_FIRST) begin       // the word whose only DW came with the header
      o_valid = !kill_q;
      o_data  = {hold_q, 32'd0};
      o_last  = endw_q && last_q;
    end
    if (state_q == C_DATA) begin
      o_valid = (!need_q || cq_valid_i) && !kill_q;
      o_last  = endw_q && last_q;
    end
    if (state_q == C_LAST) begin
      o_valid = !kill_q;
      o_be    = '0;
      o_last  = 1'b1;
    end
  end
  assign take = (o_valid || kill_q) && (o_ready || kill_q);

  always_comb begin
    unique case (state_q)
      C_IDLE, C_DW2:   cq_ready_o = (state_q == C_DW2) || !(to_valid || fail_valid_i);
      C_DATA:          cq_ready_o = need_q && (o_ready || kill_q);
      C_DROP, C_DRAIN: cq_ready_o = !eop_q;
      default:         cq_ready_o = 1'b0;
    endcase
  end

  assign fail_ready_o = state_q == C_IDLE && fail_valid_i;
  assign to_ready     = state_q == C_IDLE && !fail_valid_i;

  assign act = state_q == C_ACT && !arm_i && !sweep_q;

  // Ends of pieces and requests.
  assign st_all  = (end_q[8:6] != StOk) ? end_q[8:6] : st_q;
  assign ended   = end_q[5:0] + 6'd1;
  assign is_last = iss_q[6] && ended == iss_q[5:0];

  logic [5:0] end_count;
  assign end_count = is_final_q ? ended : end_q[5:0];
  assign end_new   = {st_all, end_count};
  assign end_id    = t_q.id;
  assign end_we    = act && match_q && !kill_q && !flush_i;

  // Table updates at the end of a split completion.
  piece_t t_next;
  assign t_next.id    = t_q.id;
  assign t_next.off   = t_q.off + {4'd0, bytes_q};
  assign t_next.len   = t_q.len - {4'd0, bytes_q};
  assign t_next.lower = t_q.lower + bytes_q[6:0];
  assign update       = act && match_q && !is_final_q && !kill_q;
  assign table_we     = update || al;
  assign table_waddr  = update ? tag_q : tag_free_q;
  assign table_wdata  = update ? t_next : {al_id_i, al_off_i, al_len_i, al_lower_i};

  assign end_busy   = act && match_q && is_final_q && !ev_fail_q && !kill_q;
  assign to_quar    = end_busy && ev_time_q;
  assign stamp_quar = to_quar;
  assign end_quar   = act && quar_end_q;

  always_ff @(posedge clk_i) begin
    ev_bad_o      <= 1'b0;
    ev_poisoned_o <= 1'b0;
    ev_timeout_o  <= 1'b0;
    ev_ur_o       <= 1'b0;
    ev_ca_o       <= 1'b0;
    if (cq_valid_i && cq_ready_o && in_eop) eop_q <= 1'b1;
    rearmed_q <= arm_i && arm_tag_i == scan_q;

    unique case (state_q)
      C_IDLE: begin
        eop_q      <= 1'b0;
        kill_q     <= sweep_q;
        lk_q       <= in_lk;
        has_data_q <= in[30];
        ep_q       <= in[14];
        len_q      <= in[6:0];
        cst_q      <= in[47:45];
        bc_q       <= in[43:32];
        ev_fail_q  <= fail_valid_i;
        ev_time_q  <= !fail_valid_i;
        st_q       <= fail_valid_i ? fail_status_i : StTimeout;
        tag_q      <= fail_valid_i ? arm_tag_i : scan_q;
        if (fail_valid_i || to_valid) state_q <= C_LOOK;
        else if (cq_valid_i) begin
          ev_time_q <= 1'b0;
          state_q   <= C_DW2;
        end
      end
      C_DW2: if (cq_valid_i) begin
        rid_q   <= in[31:16];
        ctag_q  <= in[15:13];
        tag_q   <= in[12:8];
        lower_q <= in[6:0];
        hold_q  <= in[63:32];
        state_q <= C_LOOK;
      end
      C_LOOK: begin
        t_q        <= table_mem[tag_q];
        was_busy_q <= (tag_mem[tag_q] == TAG_BUSY && !(ev_time_q && rearmed_q)) || ev_fail_q;
        was_quar_q <= tag_mem[tag_q] == TAG_QUAR;
        full_q     <= {len_q, 2'b00} - {7'd0, lower_q[1:0]};
        state_q    <= C_CHECK;
      end
      C_CHECK: begin
        iss_q <= iss_mem[t_q.id];
        end_q <= end_live_q[t_q.id] ? end_mem[t_q.id] : '0;
        // full - len is negative (more completions follow), or at most 3 (the last DW is not used up)
        len_ok_q   <= more[12] || more <= 13'd3;
        is_final_q <= !more[12];
        bytes_q    <= more[12] ? full_q : t_q.len[8:0];
        match_q    <= was_busy_q && !lk_q && rid_q == reqid_i && ctag_q == '0;
        quar_end_q <= 1'b0;
        if (ev_time_q || ev_fail_q) begin
          match_q    <= was_busy_q;
          is_final_q <= 1'b1;
          len_ok_q   <= 1'b1;
          state_q    <= C_ACT;
        end else begin
          state_q <= C_NOTE;
        end
      end
      C_NOTE: begin                     // is it what was asked for?
        st_q <= StOk;
        if (cst_q != pcie_pkg::CPL_SC) begin
          st_q       <= StAbort;
          is_final_q <= 1'b1;
        end else if (!has_data_q || !len_ok_q || bc_q != t_q.len[11:0] || lower_q != t_q.lower) begin
          match_q <= 1'b0;
        end else if (ep_q) begin
          st_q <= StPoisoned;
        end
        // The last completion of a quarantined tag: an error, or no more bytes to come than it brings.
        quar_end_q <= (was_quar_q || (was_busy_q && kill_q)) && rid_q == reqid_i && ctag_q == '0 &&
                      (cst_q != pcie_pkg::CPL_SC || {1'b0, bc_q} <= {4'd0, full_q});
        state_q    <= C_ACT;
      end
      C_ACT: if (act) begin
        off_q    <= t_q.off;
        dws_q    <= len_q;
        need_q   <= !shift || len_q > 7'd1;
        words_q  <= bytes_q + {6'd0, lower_q[2:0]};
        endw_q   <= bytes_q + {6'd0, lower_q[2:0]} <= 9'd8;
        firstw_q <= 1'b1;
        last_q   <= is_final_q && is_last;
        st_q     <= st_all;
        if (!match_q || kill_q) begin
          ev_bad_o <= !ev_time_q && !ev_fail_q;
          state_q  <= (ev_time_q || ev_fail_q) ? C_IDLE : C_DROP;
        end else begin
          if (st_q != StOk) begin
            ev_poisoned_o <= st_q == StPoisoned;
            ev_timeout_o  <= st_q == StTimeout;
            ev_ur_o       <= st_q == StAbort && !ev_fail_q && cst_q != pcie_pkg::CPL_CA;
            ev_ca_o       <= st_q == StAbort && !ev_fail_q && cst_q == pcie_pkg::CPL_CA;
            if (is_final_q && is_last) state_q <= C_LAST;
            else state_q <= (ev_time_q || ev_fail_q) ? C_IDLE : C_DROP;
          end else begin
            state_q <= shift ? C_DATA : C_FIRST;
          end
        end
      end
      C_FIRST, C_DATA: if (take) begin
        firstw_q <= 1'b0;
        off_q    <= off_q + (firstw_q ? 13'd8 - {10'd0, lower_q[2:0]} : 13'd8);
        words_q  <= words_q - 9'd8;
        endw_q   <= words_q <= 9'd16;
        dws_q    <= dws_q - 7'd2;       // C_FIRST comes without shift, where it does not count
        need_q   <= !shift || dws_q > 7'd3;
        hold_q   <= in[63:32];
        state_q  <= endw_q ? C_DRAIN : C_DATA;
      end
      C_LAST: if (take) state_q <= (ev_time_q || ev_fail_q) ? C_IDLE : C_DRAIN;
      default: if (eop_q || (cq_valid_i && in_eop)) state_q <= C_IDLE;  // C_DROP, C_DRAIN: the rest of the TLP
    endcase
    if (flush_i) kill_q <= 1'b1;
    if (rst_i) begin
      state_q <= C_IDLE;
      kill_q  <= 1'b0;
    end
  end

  // A request's count of ended pieces lives from its first to its last piece.
  always_ff @(posedge clk_i) begin
    if (rst_i || flush_i) end_live_q <= '0;
    else if (end_we) end_live_q[end_id] <= !(is_final_q && is_last);
  end

  logic [2:0] level;
  lib_fifo #(.WIDTH(94), .DEPTH_LOG2(2)) u_out (
    .clk_i,
    .rst_i      (rst_i || flush_i),
    .wr_valid_i (o_valid),
    .wr_ready_o (o_ready),
    .wr_data_i  ({t_q.id, off_q, o_data, o_be, o_last, o_last ? st_q : StOk}),
    .rd_valid_o (rdat_valid_o),
    .rd_ready_i (rdat_ready_i),
    .rd_data_o  ({rdat_id_o, rdat_off_o, rdat_data_o, rdat_be_o, rdat_last_o, rdat_status_o}),
    .level_o    (level)
  );
  assign idle_o = state_q == C_IDLE && !sweep_q && !cq_valid_i && flight_o == '0 && level == '0;
endmodule
