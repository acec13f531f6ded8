// SPDX-License-Identifier: Apache-2.0
// The slot table of the packet buffers: who owns a slot, who may read it, when it is free again.

// Everything that looks at or changes a slot is one operation of a sequencer, four cycles each
// (PICK one, READ the tables, LATCH what came, EXEC; the write follows with the next PICK), so no
// two of them ever see each other half done:
//
//   decision    the switch has named the contexts and the wire: bitmap and reference count
//   done        the wire's reference is given up
//   end         a DMA command that was granted the slot has ended: unpinned; a transmit slot that is
//               complete is submitted: closed for writing, on to the switch
//   look-up     where and how long a slot is (header fetch, MAC transmitter)
//   clear       one slot of the sweep for the clear bus: the context's reference goes, and its
//               transmit slot that the switch has not seen is dead
//   reclaim     the oldest slot of a ring: if it is free, its room is given back
//   release     a context gives up its reference, or its slot that was never submitted (dead)
//   check       the owner check of the DMA engine
//
// New slots are written when no result is; nothing asks for a slot before it is entered. A READ may
// only be granted for the bytes that follow the last ones granted, so each byte of a slot is granted
// once. A granted check is a reference as well: it pins the slot until the engine says that the
// command has ended (unpin_*), so a slot is never free, nor filled again, while DMA touches it. A dead
// slot gets no grant, is not submitted, and is free when its last pin goes.
//
// Tables, in block RAM, by slot number: entry {word, length, owner}, state {live, submitted, offered,
// decided, dead, references, bytes granted}, bitmap (words of 32 contexts). The bitmap of a slot that is
// not live is all zero; after reset a sweep makes it so, ready_o rises at its end.
//
//   rx_new_*, tx_new_*   a new slot at the head of a ring
//   dec_*                decision of the switch; a pulse, at least 16 cycles after the one before
//   rel_*, chk_*, sub_*, unpin_*   release, owner check, submit, end of DMA (docs/interfaces.md)
//   gone_*               a context's reference of a slot of that ring has gone
//   clr_*                clear bus: done when nothing in the table names the context, but slots that wait
//                        for the end of a DMA command
//   count_*              asks nic_pktbuf_fill how many bytes of a slot were written
//   item_*, get_*, done_*   requests of nic_pktbuf_item and nic_pktbuf_tx; found_* is the answer.
//                        item_discard_i: the frame is withdrawn from the switch, free its slot;
//                        found_dead_o: it was dead and is free now
//   queue_*              a submitted slot that goes to the switch
//   give_*               room that is free again (per ring: 0 receive, 1 transmit)
//   freed_o              a slot of that ring is no longer live (residence sums)
module nic_pktbuf_slots #(
    parameter int unsigned NCTX = 32,
    parameter int unsigned AW   = 12,
    parameter int unsigned SWEEP_LEN = 0   // proofs only: length of the sweep, 0: all; it begins with slots 0, 64, 1, 65
) (
    input  logic            clk_i,
    input  logic            rst_i,
    output logic            ready_o,
    output logic            idle_o,

    input  logic            rx_new_valid_i,
    output logic            rx_new_ready_o,
    input  logic [5:0]      rx_new_slot_i,
    input  logic [AW-1:0]   rx_new_word_i,
    input  logic [13:0]     rx_new_len_i,
    input  logic            tx_new_valid_i,
    output logic            tx_new_ready_o,
    input  logic [5:0]      tx_new_slot_i,
    input  logic [AW-1:0]   tx_new_word_i,
    input  logic [13:0]     tx_new_len_i,
    input  logic [7:0]      tx_new_ctx_i,

    input  logic            dec_valid_i,
    input  logic [6:0]      dec_slot_i,
    input  logic            dec_wire_i,
    input  logic [NCTX-1:0] dec_map_i,
    input  logic [8:0]      dec_refs_i,

    input  logic            rel_valid_i,
    output logic            rel_ready_o,
    input  logic [6:0]      rel_slot_i,
    input  logic [7:0]      rel_ctx_i,
    output logic            ev_rel_bad_o,
    output logic            gone_valid_o,
    output logic            gone_ring_o,
    output logic [7:0]      gone_ctx_o,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o,

    input  logic            chk_valid_i,
    output logic            chk_ready_o,
    input  logic [6:0]      chk_slot_i,
    input  logic [7:0]      chk_ctx_i,
    input  logic            chk_write_i,
    input  logic [15:0]     chk_off_i,
    input  logic [15:0]     chk_len_i,
    output logic            chk_done_o,
    output logic            chk_ok_o,

    input  logic            sub_valid_i,
    input  logic [6:0]      sub_slot_i,
    input  logic            sub_err_i,
    input  logic            unpin_valid_i,
    input  logic [6:0]      unpin_slot_i,
    output logic            count_valid_o,
    output logic [5:0]      count_slot_o,
    input  logic [13:0]     count_i,
    output logic            queue_valid_o,
    output logic [5:0]      queue_slot_o,
    output logic            queue_err_o,

    input  logic            item_valid_i,
    input  logic [6:0]      item_slot_i,
    input  logic            item_discard_i,
    output logic            item_done_o,
    input  logic            get_valid_i,
    input  logic [5:0]      get_slot_i,
    output logic            get_done_o,
    output logic [AW-1:0]   found_word_o,
    output logic [13:0]     found_len_o,
    output logic [7:0]      found_ctx_o,
    output logic            found_dead_o,
    input  logic            done_valid_i,
    output logic            done_ready_o,
    input  logic [5:0]      done_slot_i,

    output logic [1:0]      give_valid_o,
    output logic [11:0]     give_words_o,
    output logic [1:0]      freed_o
`ifdef FORMAL
    , output logic [2:0]    f_reached_o  // states that the proof is to reach
`endif
);

  localparam int unsigned MapWords = (NCTX + 31) / 32;          // words of a bitmap
  localparam int unsigned MapLog2  = $clog2(MapWords);
  localparam int unsigned MapAw    = 7 + MapLog2;
  localparam int unsigned MapBits  = 32 * MapWords;

  typedef enum logic [3:0] {
    OP_DECIDE,
    OP_DONE,
    OP_END,
    OP_ITEM,
    OP_GET,
    OP_CLEAR,
    OP_RECLAIM,
    OP_RELEASE,
    OP_CHECK
  } op_e;

  typedef enum logic [2:0] {
    SWEEP,
    PICK,
    READ,
    LATCH,
    EXEC
  } phase_e;

  typedef struct packed {
    logic [AW-1:0] word;
    logic [13:0]   len;
    logic [7:0]    ctx;
  } entry_t;

  typedef struct packed {
    logic        live;       // allocated or stored, not free yet
    logic        submitted;  // complete (always, in the receive ring)
    logic        offered;    // looked up for the switch
    logic        decided;    // the switch has named who gets it
    logic        dead;       // given up before the switch saw it: free when refs is 0
    logic [8:0]  refs;       // contexts and wire that still need it, and DMA commands under way
    logic [13:0] granted;    // bytes of the frame that READs may fill or have filled
  } state_t;

  phase_e phase_q;
  op_e    op_q, op;

  // --- What waits ---
  logic               dec_pend_q;
  logic [6:0]         dec_slot_q;
  logic [8:0]         dec_refs_q;
  logic [MapBits-1:0] dec_map_q;
  logic               end_valid, end_ready, end_sub, end_unpin, end_err, end_queue_ready;
  logic [6:0]         end_slot;
  logic               rel_valid, rel_ready;
  logic [6:0]         rel_slot;
  logic [7:0]         rel_ctx;
  logic [1:0]         reclaim_q;       // the oldest slot of that ring may be free
  logic [1:0]         empty;
  logic [5:0]         rx_tail_q, tx_tail_q;        // oldest slots

  // The engine's pulses cannot be held; it has at most 36 commands between a grant and its end.
  lib_fifo #(.WIDTH(10), .DEPTH_LOG2(6)) u_end (
    .clk_i, .rst_i,
    .wr_valid_i(sub_valid_i || unpin_valid_i),
    .wr_ready_o(end_queue_ready),
    .wr_data_i ({unpin_valid_i ? unpin_slot_i : sub_slot_i, unpin_valid_i, sub_valid_i, sub_err_i}),
    .rd_valid_o(end_valid),
    .rd_ready_i(end_ready),
    .rd_data_o ({end_slot, end_unpin, end_sub, end_err}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  lib_fifo #(.WIDTH(15), .DEPTH_LOG2(1)) u_rel (
    .clk_i, .rst_i,
    .wr_valid_i(rel_valid_i),
    .wr_ready_o(rel_ready_o),
    .wr_data_i ({rel_slot_i, rel_ctx_i}),
    .rd_valid_o(rel_valid),
    .rd_ready_i(rel_ready),
    .rd_data_o ({rel_slot, rel_ctx}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  // --- PICK ---
  logic       any;
  logic       count_q;           // READ of an end with a submit
  logic [6:0] slot_q, slot;
  logic [7:0] ctx_q;
  logic       rx_reclaim, tx_reclaim, reclaim, rel_pick, chk_pick, clr_pick;
  logic [6:0] clr_slot;

  logic [6:0] rx_count_q, tx_count_q;  // slots in the table and not given back
  assign empty      = {tx_count_q == '0, rx_count_q == '0};
  assign rx_reclaim = reclaim_q[0] && !empty[0];
  assign tx_reclaim = reclaim_q[1] && !empty[1];
  assign rel_pick   = rel_valid && !tx_new_valid_i;    // they may be for the slot that is
  assign chk_pick   = chk_valid_i && !tx_new_valid_i;  // still to be entered
  // A long run of reclaims takes turns with releases and checks.
  assign reclaim    = (rx_reclaim || tx_reclaim) &&
                      (op_q != OP_RECLAIM || !(rel_pick || chk_pick));

  always_comb begin
    any = 1'b1;
    if (dec_pend_q) begin
      op   = OP_DECIDE;
      slot = dec_slot_q;
    end else if (done_valid_i) begin
      op   = OP_DONE;
      slot = {1'b1, done_slot_i};
    end else if (end_valid) begin
      op   = OP_END;
      slot = end_slot;
    end else if (get_valid_i) begin
      op   = OP_GET;
      slot = {1'b1, get_slot_i};
    end else if (item_valid_i) begin
      op   = OP_ITEM;
      slot = item_slot_i;
    end else if (clr_pick) begin
      op   = OP_CLEAR;
      slot = clr_slot;
    end else if (reclaim) begin
      op   = OP_RECLAIM;
      slot = rx_reclaim ? {1'b0, rx_tail_q} : {1'b1, tx_tail_q};
    end else if (rel_pick) begin
      op   = OP_RELEASE;
      slot = rel_slot;
    end else begin
      op   = OP_CHECK;
      slot = chk_slot_i;
      any  = chk_pick;
    end
  end

  always_ff @(posedge clk_i) begin
    if (phase_q == PICK) begin
      op_q   <= op;
      slot_q <= slot;
      ctx_q  <= op == OP_RELEASE ? rel_ctx : op == OP_CLEAR ? clr_ctx_i : chk_ctx_i;
    end
    // The DMA engine's writes wait for it, so it comes from a register.
    count_q <= phase_q == PICK && op == OP_END && end_sub && !rst_i;
  end

  // --- READ and LATCH ---
  logic          reading;
  entry_t        entry_ram, entry_q;
  state_t        state_ram, state_q;
  logic [31:0]   map_ram, map_q, bit_q;
  logic          ctx_ok_q;      // the context exists
  logic          chk_write_q;
  logic [16:0]   end_q;         // check: offset + length
  logic [16:0]   off_rel_q;     // offset in the frame; bit 16: below it
  logic [17:0]   end_rel_q;     // end in the frame; bit 17: below it

  assign reading = phase_q == READ;

  always_ff @(posedge clk_i) begin
    if (reading) begin
      bit_q       <= 32'd1 << ctx_q[4:0];
      ctx_ok_q    <= 32'(ctx_q) < NCTX;
      chk_write_q <= chk_write_i;
      end_q       <= {1'b0, chk_off_i} + {1'b0, chk_len_i};
      off_rel_q   <= {1'b0, chk_off_i} - 17'(glregs_pkg::SLOT_DATA);
    end
    if (phase_q == LATCH) begin
      entry_q   <= entry_ram;
      state_q   <= state_ram;
      map_q     <= map_ram;
      end_rel_q <= {1'b0, end_q} - 18'(glregs_pkg::SLOT_DATA);
    end
  end

  // --- EXEC ---
  logic        exec, last_word, hit, fits, own, open, drop_ref;
  logic        kill, kill_end, rel_bad, chk_ok, sub_ok, free, oldest, one_ref, no_ref, clr_wait;
  logic [2:0]  word_q;          // decision: word of the bitmap
  state_t      next;
  logic [31:0] next_map;
  logic        write_state, write_map;

  assign exec      = phase_q == EXEC;
  assign last_word = op_q != OP_DECIDE || word_q == 3'(MapWords - 1);

  assign hit      = ctx_ok_q && (map_q & bit_q) != '0;           // the switch named this context
  assign own      = entry_q.ctx == ctx_q && slot_q[6];
  assign open     = state_q.live && !state_q.submitted && !state_q.dead && slot_q[6];  // being filled
  assign fits     = end_rel_q[17] || (end_rel_q[16:14] == '0 && end_rel_q[13:0] <= entry_q.len);
  assign chk_ok   = chk_write_q ? hit && fits
                                : open && own && fits && off_rel_q == {3'b000, state_q.granted} &&
                                  !end_rel_q[17];
  assign rel_bad  = !hit && !(open && own);
  assign sub_ok   = open && end_sub;
  assign oldest   = slot_q[5:0] == (slot_q[6] ? tx_tail_q : rx_tail_q);
  assign drop_ref = op_q == OP_DONE || ((op_q == OP_RELEASE || op_q == OP_CLEAR) && hit) ||
                    (op_q == OP_END && end_unpin && state_q.live);
  assign one_ref  = state_q.refs == 9'd1;
  assign no_ref   = state_q.refs == '0;

  // The owner's slot dies. One that was submitted but not looked up yet is freed when that happens;
  // for one that was, the sweep waits until the switch has decided or it was withdrawn.
  assign kill     = (op_q == OP_RELEASE && open && own) ||
                    (op_q == OP_CLEAR && own && state_q.live && !state_q.offered);
  assign kill_end = kill && !state_q.submitted && no_ref;
  assign clr_wait = own && state_q.live && state_q.offered && !state_q.decided;

  // The slot ends: nobody took it, the last reference went, it was given up, or withdrawn.
  assign free = (op_q == OP_DECIDE && dec_refs_q == '0 && no_ref) ||
                (drop_ref && one_ref && (state_q.decided || (state_q.dead && !state_q.submitted))) ||
                (op_q == OP_ITEM && (state_q.dead || item_discard_i)) ||
                kill_end;

  always_comb begin
    next = state_q;
    if (op_q == OP_DECIDE) begin
      next.refs    = state_q.refs + dec_refs_q;
      next.decided = 1'b1;
    end
    if (drop_ref) next.refs = state_q.refs - 9'd1;
    if (op_q == OP_END && sub_ok) next.submitted = 1'b1;
    if (op_q == OP_ITEM) next.offered = 1'b1;
    if (kill) next.dead = 1'b1;
    if (op_q == OP_CHECK && chk_ok) next.refs = state_q.refs + 9'd1;
    if (op_q == OP_CHECK && chk_ok && !chk_write_q) next.granted = end_rel_q[13:0];
    if (free) next.live = 1'b0;
    // (a decision over several words of the bitmap counts its references once, with the last)
    // What changes nothing writes nothing: the slot may be one that is being entered anew.
    write_state = (op_q == OP_DECIDE && last_word) || op_q == OP_ITEM || drop_ref || kill ||
                  (op_q == OP_END && sub_ok) || (op_q == OP_CHECK && chk_ok);
    next_map  = op_q == OP_DECIDE ? dec_map_q[31:0] : map_q & ~bit_q;
    write_map = op_q == OP_DECIDE || ((op_q == OP_RELEASE || op_q == OP_CLEAR) && hit);
  end

  // --- Writes: sweep, result of the operation in the cycle after EXEC, or a new slot ---
  logic             sweep, new_ok;
  logic [MapAw-1:0] sweep_q;
  logic [6:0]       sweep_slot;
  logic             wstate_q, wmap_q;
  logic [6:0]       wslot_q;
  state_t           wnext_q;
  logic [31:0]      wnext_map_q;
  logic             rx_new, tx_new;

  assign sweep          = phase_q == SWEEP;
  assign new_ok         = !sweep && !wstate_q && !count_valid_o;
  assign rx_new_ready_o = new_ok;
  assign tx_new_ready_o = new_ok && !rx_new_valid_i;
  assign rx_new         = rx_new_valid_i && rx_new_ready_o;
  assign tx_new         = tx_new_valid_i && tx_new_ready_o;

  logic       state_we;
  logic [6:0] state_waddr;
  state_t     state_wdata, new_state;
  always_comb begin
    new_state           = '0;
    new_state.live      = 1'b1;
    new_state.submitted = rx_new;
    state_we    = sweep || wstate_q || rx_new || tx_new;
    state_waddr = sweep ? sweep_slot : wstate_q ? wslot_q
                        : rx_new ? {1'b0, rx_new_slot_i} : {1'b1, tx_new_slot_i};
    state_wdata = sweep ? '0 : wstate_q ? wnext_q : new_state;
  end

  lib_ram_sdp #(.WIDTH(28), .DEPTH(128)) u_state (
    .clk_i,
    .we_i   (state_we),
    .waddr_i(state_waddr),
    .wdata_i(state_wdata),
    .re_i   (reading),
    .raddr_i(slot_q),
    .rdata_o(state_ram)
  );

  lib_ram_sdp #(.WIDTH(AW + 22), .DEPTH(128)) u_entry (
    .clk_i,
    .we_i   (rx_new || tx_new),
    .waddr_i(rx_new ? {1'b0, rx_new_slot_i} : {1'b1, tx_new_slot_i}),
    .wdata_i(rx_new ? {rx_new_word_i, rx_new_len_i, 8'd0}
                    : {tx_new_word_i, tx_new_len_i, tx_new_ctx_i}),
    .re_i   (reading),
    .raddr_i(slot_q),
    .rdata_o(entry_ram)
  );

  logic [MapAw-1:0] map_waddr, map_raddr, map_sweep;
  assign sweep_slot = {sweep_q[0], sweep_q[6:1]};
  if (MapLog2 == 0) begin : g_map_one
    assign map_waddr = wslot_q;
    assign map_raddr = slot_q;
    assign map_sweep = sweep_slot;
  end else begin : g_map_more
    logic [MapLog2-1:0] wword_q;
    always_ff @(posedge clk_i) begin
      if (exec) wword_q <= op_q == OP_DECIDE ? word_q[MapLog2-1:0] : ctx_q[5+:MapLog2];
    end
    assign map_waddr = {wslot_q, wword_q};
    assign map_raddr = {slot_q, ctx_q[5+:MapLog2]};
    assign map_sweep = {sweep_slot, sweep_q[MapAw-1:7]};
  end

  lib_ram_sdp #(.WIDTH(32), .DEPTH(2 ** MapAw)) u_map (
    .clk_i,
    .we_i   (sweep || wmap_q),
    .waddr_i(sweep ? map_sweep : map_waddr),
    .wdata_i(sweep ? '0 : wnext_map_q),
    .re_i   (reading),
    .raddr_i(map_raddr),
    .rdata_o(map_ram)
  );

  // --- Sequencer ---
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      phase_q <= SWEEP;
      sweep_q <= '0;
      word_q  <= '0;
    end else begin
      unique case (phase_q)
        SWEEP: begin
          sweep_q <= sweep_q + MapAw'(1);
          if (&sweep_q || (SWEEP_LEN != 0 && sweep_q == MapAw'(SWEEP_LEN - 1))) phase_q <= PICK;
        end
        PICK:  if (any) phase_q <= READ;
        READ:  phase_q <= LATCH;
        LATCH: begin
          phase_q <= EXEC;
          word_q  <= '0;
        end
        default: begin
          word_q <= word_q + 3'd1;
          if (last_word) phase_q <= PICK;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wstate_q     <= 1'b0;
      wmap_q       <= 1'b0;
      dec_pend_q   <= 1'b0;
      reclaim_q    <= '0;
      rx_tail_q    <= '0;
      tx_tail_q    <= '0;
      rx_count_q   <= '0;
      tx_count_q   <= '0;
      give_valid_o <= '0;
      freed_o      <= '0;
      chk_done_o   <= 1'b0;
      ev_rel_bad_o <= 1'b0;
      gone_valid_o <= 1'b0;
    end else begin
      wstate_q <= exec && write_state;
      wmap_q   <= exec && write_map;

      if (dec_valid_i) dec_pend_q <= 1'b1;
      else if (exec && op_q == OP_DECIDE && last_word) dec_pend_q <= 1'b0;

      give_valid_o <= '0;
      freed_o      <= '0;
      if (exec && last_word && free) begin
        if (oldest) reclaim_q[slot_q[6]] <= 1'b1;
        freed_o[slot_q[6]] <= 1'b1;
      end
      if (exec && op_q == OP_RECLAIM) begin
        if (state_q.live) reclaim_q[slot_q[6]] <= 1'b0;
        else              give_valid_o[slot_q[6]] <= 1'b1;
        if (!state_q.live && !slot_q[6]) rx_tail_q <= rx_tail_q + 6'd1;
        if (!state_q.live && slot_q[6])  tx_tail_q <= tx_tail_q + 6'd1;
      end
      rx_count_q <= rx_count_q + 7'(rx_new) -
                    7'(exec && op_q == OP_RECLAIM && !state_q.live && !slot_q[6]);
      tx_count_q <= tx_count_q + 7'(tx_new) -
                    7'(exec && op_q == OP_RECLAIM && !state_q.live && slot_q[6]);

      chk_done_o   <= exec && op_q == OP_CHECK;
      ev_rel_bad_o <= exec && op_q == OP_RELEASE && rel_bad;
      gone_valid_o <= exec && (op_q == OP_RELEASE || op_q == OP_CLEAR) && hit;
    end
  end

  always_ff @(posedge clk_i) begin
    if (dec_valid_i) begin
      dec_slot_q <= dec_slot_i;
      dec_refs_q <= dec_refs_i;
      dec_map_q  <= MapBits'(dec_map_i);
    end else if (exec && op_q == OP_DECIDE) begin
      dec_map_q <= dec_map_q >> 32;
    end
    if (exec) begin
      wslot_q     <= slot_q;
      wnext_q     <= next;
      wnext_map_q <= next_map;
      chk_ok_o    <= chk_ok;
      gone_ring_o <= slot_q[6];
      gone_ctx_o  <= ctx_q;
    end
    give_words_o <= {1'b0, entry_q.len[13:3]} + 12'(|entry_q.len[2:0]);
  end

  // --- Sweep for the clear bus: the slots that were in use when it began, oldest first ---
  typedef enum logic [1:0] {
    CLR_IDLE,  // nothing to clear
    CLR_RX,    // slots of the receive ring
    CLR_TX,    // slots of the transmit ring
    CLR_DONE   // until clr_valid_i falls
  } clr_e;
  clr_e       clr_q;
  logic [5:0] clr_index_q;
  logic [6:0] clr_left_q;
  logic       clr_run, clr_next;

  // It takes turns with the operations that it goes before.
  assign clr_run  = clr_q == CLR_RX || clr_q == CLR_TX;
  assign clr_pick = clr_run && clr_left_q != '0 && op_q != OP_CLEAR;
  assign clr_slot = {clr_q == CLR_TX, clr_index_q};
  assign clr_next = exec && op_q == OP_CLEAR && !clr_wait;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      clr_q <= CLR_IDLE;
    end else begin
      unique case (clr_q)
        CLR_IDLE: if (clr_valid_i && !sweep && !dec_pend_q && !tx_new_valid_i) clr_q <= CLR_RX;
        CLR_RX:   if (clr_left_q == '0) clr_q <= CLR_TX;
        CLR_TX:   if (clr_left_q == '0) clr_q <= CLR_DONE;
        default:  if (!clr_valid_i) clr_q <= CLR_IDLE;
      endcase
    end
    if (clr_q == CLR_IDLE) begin
      clr_index_q <= rx_tail_q;
      clr_left_q  <= rx_count_q;
    end else if (clr_q == CLR_RX && clr_left_q == '0) begin
      clr_index_q <= tx_tail_q;
      clr_left_q  <= tx_count_q;
    end else if (clr_next) begin
      clr_index_q <= clr_index_q + 6'd1;
      clr_left_q  <= clr_left_q - 7'd1;
    end
  end

  assign clr_done_o = clr_q == CLR_DONE;

  // --- Answers. What was picked is consumed in READ or EXEC; requests are stable until then. ---
  assign chk_ready_o   = reading && op_q == OP_CHECK;
  assign rel_ready     = reading && op_q == OP_RELEASE;
  assign end_ready     = exec && op_q == OP_END;
  assign done_ready_o  = exec && op_q == OP_DONE;
  assign count_valid_o = count_q;
  assign count_slot_o  = slot_q[5:0];
  assign queue_valid_o = exec && op_q == OP_END && sub_ok;
  assign queue_slot_o  = slot_q[5:0];
  assign queue_err_o   = end_err || count_i != entry_q.len;
  assign item_done_o   = exec && op_q == OP_ITEM;
  assign get_done_o    = exec && op_q == OP_GET;
  assign found_word_o  = entry_q.word;
  assign found_len_o   = entry_q.len;
  assign found_ctx_o   = entry_q.ctx;
  assign found_dead_o  = state_q.dead;
  assign ready_o       = !sweep;
  assign idle_o        = phase_q == PICK && !any && !wstate_q && give_valid_o == '0;

`ifndef SYNTHESIS
  logic [8:0] dec_ones;
  always_comb begin
    dec_ones = 9'(dec_wire_i);
    for (int i = 0; i < int'(NCTX); i++) dec_ones = dec_ones + 9'(dec_map_i[i]);
  end

  // A proof knows one slot only.
  logic watched;
`ifdef FORMAL
  (* anyconst *) logic [6:0] f_slot;
  assign watched = slot_q == f_slot;
`else
  assign watched = 1'b1;
`endif

  logic seen_reset_q = 1'b0;
  always_ff @(posedge clk_i) begin
    if (rst_i) seen_reset_q <= 1'b1;
    if (seen_reset_q && !rst_i) begin
      assert (!((sub_valid_i || unpin_valid_i) && !end_queue_ready));
      assert (!(sub_valid_i && !sub_slot_i[6]));
      assert (!(sub_valid_i && unpin_valid_i && sub_slot_i != unpin_slot_i));
      // A decision counts every reference, comes once for a complete slot, and not too fast.
      assert (!(dec_valid_i && (dec_ones != dec_refs_i || dec_pend_q)));
      assert (!(exec && watched && op_q == OP_DECIDE && word_q == '0 &&
                !(state_q.live && state_q.submitted && !state_q.decided && !state_q.dead)));
      // References do not underflow; a bit of the bitmap is a reference of a live slot.
      assert (!(exec && watched && drop_ref && (state_q.refs == '0 || !state_q.live)));
      assert (!(exec && watched && op_q == OP_RELEASE && map_q != '0 && state_q.refs == '0));
      // Invariant 3: data of a slot go only to contexts the switch named, and stay in the frame;
      // data enter a slot only from its owner, only before it is submitted.
      assert (!(exec && watched && op_q == OP_CHECK && chk_ok && chk_write_q &&
                !(hit && state_q.live && state_q.decided && !state_q.dead &&
                  {1'b0, end_q} <= 18'(entry_q.len) + 18'(glregs_pkg::SLOT_DATA))));
      assert (!(exec && watched && op_q == OP_CHECK && chk_ok && !chk_write_q &&
                !(slot_q[6] && state_q.live && !state_q.submitted && !state_q.dead && entry_q.ctx == ctx_q &&
                  !off_rel_q[16] && {1'b0, end_q} <= 18'(entry_q.len) +
                                                     18'(glregs_pkg::SLOT_DATA))));
      assert (!(rx_new_valid_i && rx_count_q == 7'd64));
      assert (!(tx_new_valid_i && tx_count_q == 7'd64));
    end
  end
`endif

`ifdef FORMAL
  // Proof (rtl/formal/pktbuf): one slot, any of the first four of the sweep, is followed through all that happens to it; f_* is
  // the truth about it, drawn from the requests and verdicts alone. The RAMs read as anything, but for that slot.
  state_t           f_state_q, f_state_r, f_now;
  entry_t           f_entry_q, f_entry_r;
  logic [31:0]      f_bits_q, f_bits_r, f_bits_now;
  logic             f_busy_q, f_open_q, f_queued_q, f_offered_q, f_decpend_q, f_wire_q, f_decwire_q, f_live_q, f_decided_q;
  logic [NCTX-1:0]  f_named_q, f_decmap_q;
  logic [7:0]       f_owner_q;
  logic [13:0]      f_len_q, f_granted_q;
  logic [2:0]       f_pins_q;
  logic [8:0]       f_sum;
  logic             f_new, f_rx_new, f_tx_new, f_ex, f_grant, f_dec, f_killed, f_open_r, f_named_ctx;

  assign f_rx_new = rx_new && {1'b0, rx_new_slot_i} == f_slot;
  assign f_tx_new = tx_new && {1'b1, tx_new_slot_i} == f_slot;
  assign f_new    = f_rx_new || f_tx_new;
  assign f_ex     = exec && slot_q == f_slot && !rst_i;
  assign f_dec    = dec_valid_i && dec_slot_i == f_slot;
  assign f_grant  = f_ex && op_q == OP_CHECK && chk_ok;
  assign f_killed = f_open_q && f_open_r && (op_q == OP_RELEASE || op_q == OP_CLEAR) && ctx_q == f_owner_q;
  assign f_now      = wstate_q && wslot_q == f_slot ? wnext_q : f_state_q;
  assign f_bits_now = wmap_q && wslot_q == f_slot ? wnext_map_q : f_bits_q;

  always_comb begin
    f_named_ctx = 1'b0;
    for (int i = 0; i < int'(NCTX); i++) if (ctx_q == 8'(i)) f_named_ctx = f_named_q[i];
    f_sum = 9'(f_wire_q) + 9'(f_pins_q);
    for (int i = 0; i < int'(NCTX); i++) f_sum = f_sum + 9'(f_named_q[i]);
  end

  always_ff @(posedge clk_i) begin
    if (state_we && state_waddr == f_slot) f_state_q <= state_wdata;
    if (f_rx_new) f_entry_q <= {rx_new_word_i, rx_new_len_i, 8'd0};
    if (f_tx_new) f_entry_q <= {tx_new_word_i, tx_new_len_i, tx_new_ctx_i};
    if (sweep && sweep_slot == f_slot) f_bits_q <= '0;
    else if (!sweep && wmap_q && wslot_q == f_slot) f_bits_q <= wnext_map_q;
    if (reading) begin
      f_state_r <= f_state_q;
      f_entry_r <= f_entry_q;
      f_bits_r  <= f_bits_q;
    end
    if (rst_i || f_new) f_open_r <= 1'b0;  // it was open when this operation began
    else if (reading) f_open_r <= f_open_q;

    if (f_dec) begin
      f_decmap_q  <= dec_map_i;
      f_decwire_q <= dec_wire_i;
    end
    if (f_new) begin
      f_owner_q <= tx_new_ctx_i;
      f_len_q   <= f_rx_new ? rx_new_len_i : tx_new_len_i;
    end
    if (rst_i) begin
      {f_busy_q, f_open_q, f_queued_q, f_offered_q, f_decpend_q, f_wire_q, f_live_q, f_decided_q} <= '0;
      f_named_q   <= '0;
      f_pins_q    <= '0;
      f_granted_q <= '0;
    end else if (f_new) begin
      f_busy_q    <= 1'b1;
      f_live_q    <= 1'b1;
      f_open_q    <= f_tx_new;
      f_queued_q  <= f_rx_new;
      f_offered_q <= 1'b0;
      f_decpend_q <= 1'b0;
      f_decided_q <= 1'b0;
      f_wire_q    <= 1'b0;
      f_named_q   <= '0;
      f_pins_q    <= '0;
      f_granted_q <= '0;
    end else begin
      if (f_dec) f_decpend_q <= 1'b1;
      if (queue_valid_o && {1'b1, queue_slot_o} == f_slot && !rst_i) f_queued_q <= 1'b1;
      if (f_ex) begin
        unique case (op_q)
          OP_DECIDE: begin
            f_named_q   <= f_decmap_q;
            f_wire_q    <= f_decwire_q;
            f_decpend_q <= 1'b0;
            f_offered_q <= 1'b0;
            f_decided_q <= 1'b1;
          end
          OP_DONE:    f_wire_q <= 1'b0;
          OP_END: begin
            if (end_sub) f_open_q <= 1'b0;
            if (end_unpin) f_pins_q <= f_pins_q - 3'd1;
          end
          OP_ITEM: begin
            f_queued_q  <= 1'b0;
            f_offered_q <= !item_discard_i && !found_dead_o;
          end
          OP_RECLAIM: if (!state_q.live) f_busy_q <= 1'b0;
          OP_RELEASE, OP_CLEAR: begin
            for (int i = 0; i < int'(NCTX); i++) if (ctx_q == 8'(i)) f_named_q[i] <= 1'b0;
            if (f_killed) f_open_q <= 1'b0;
          end
          OP_CHECK: if (chk_ok) begin
            f_pins_q <= f_pins_q + 3'd1;
            if (!chk_write_q) f_granted_q <= end_rel_q[13:0];
          end
          default: ;
        endcase
      end
    end
  end

  assign f_reached_o = {f_ex && op_q == OP_CLEAR && f_killed && f_pins_q != '0,  // cleared under a READ
                        f_grant && !chk_write_q && f_granted_q != '0,              // filled in two pieces
                        f_grant && chk_write_q && !f_named_q[0]};                  // read for context 1

  // What the neighbours promise.
  always_comb begin
    if (SWEEP_LEN != 0) assume (f_slot[5:0] < 6'd2);
    assume (MapWords == 1);
    if (phase_q == LATCH && slot_q == f_slot) begin
      assume (state_ram == f_state_r);
      assume (entry_ram == f_entry_r);
      assume (map_ram == f_bits_r);
    end
    if (!rst_i) begin
      // Slots are taken in ring order (nic_pktbuf_space); a decision comes once, for a frame that was offered.
      assume (!rx_new_valid_i || rx_new_slot_i == rx_tail_q + rx_count_q[5:0]);
      assume (!tx_new_valid_i || tx_new_slot_i == tx_tail_q + tx_count_q[5:0]);
      assume (!(dec_valid_i && (dec_ones != dec_refs_i || dec_pend_q)));
      assume (!(f_dec && (!f_offered_q || f_decpend_q)));
      assume (!(f_dec && item_valid_i && item_slot_i == f_slot));
      assume (!(dec_valid_i && exec && op_q == OP_DECIDE));
      // nic_pktbuf_item looks up a frame once, and withdraws one that was not decided; nic_pktbuf_tx ends what goes to the wire.
      assume (!(item_valid_i && item_slot_i == f_slot && !(item_discard_i ? f_offered_q && !f_decpend_q : f_queued_q)));
      assume (!(done_valid_i && {1'b1, done_slot_i} == f_slot && !f_wire_q));
      // The DMA engine tells the end of what was granted, and has no more than six commands on this slot.
      assume (!(f_ex && op_q == OP_END && (!end_unpin || f_pins_q == '0)));
      // Commands end in order, so a submit comes with the end of the last one.
      assume (!(f_ex && op_q == OP_END && end_sub && f_pins_q != 3'd1));
      assume (!(f_ex && op_q == OP_CHECK && f_pins_q == 3'd6));
      assume (!(sub_valid_i && !sub_slot_i[6]));
      assume (!(sub_valid_i && unpin_valid_i && sub_slot_i != unpin_slot_i));
      assume (end_queue_ready);
      assume (!(rx_new_valid_i && rx_count_q == 7'd64));
      assume (!(tx_new_valid_i && tx_count_q == 7'd64));
    end
  end

  always_ff @(posedge clk_i) begin
    if (seen_reset_q && !rst_i) begin
      // Invariant 3. Out of a slot: only for a context that the switch named and that has not given it up nor been cleared since.
      f_read_out: assert (!(f_grant && chk_write_q) || (f_named_ctx && f_decided_q));
      // Into a slot: only for its owner, before it was submitted, given up or cleared, the bytes behind those granted before.
      f_fill: assert (!(f_grant && !chk_write_q) ||
                      (f_open_q && ctx_q == f_owner_q && slot_q[6] && off_rel_q == {3'd0, f_granted_q} &&
                       {1'b0, end_q} <= 18'(f_len_q) + 18'(glregs_pkg::SLOT_DATA)));
      // No slot is given back, so none is used again, under a DMA command, a reference or a frame to the wire.
      f_reuse: assert (!(f_ex && op_q == OP_RECLAIM && !state_q.live) ||
                       (f_pins_q == '0 && f_named_q == '0 && !f_wire_q && !f_open_q && !f_queued_q));
      // A frame is submitted once, by its owner.
      f_once: assert (!(queue_valid_o && {1'b1, queue_slot_o} == f_slot) || (f_open_q && !f_queued_q && !f_offered_q));

      // What makes it inductive: an operation is of the request that was picked.
      f_i_phase: assert (phase_q <= EXEC && (sweep || phase_q == PICK || op_q <= OP_CHECK) && (phase_q != EXEC || word_q == '0));
      if (phase_q == READ || phase_q == LATCH || phase_q == EXEC) begin
        f_i_op_dec: assert (op_q != OP_DECIDE || (dec_pend_q && slot_q == dec_slot_q));
        f_i_op_end: assert (op_q != OP_END || (end_valid && slot_q == end_slot));
        f_i_op_item: assert (op_q != OP_ITEM || (item_valid_i && slot_q == item_slot_i));
        f_i_op_done: assert (op_q != OP_DONE || (done_valid_i && slot_q == {1'b1, done_slot_i}));
        f_i_op_check: assert (op_q != OP_CHECK || phase_q != READ || (chk_valid_i && slot_q == chk_slot_i && ctx_q == chk_ctx_i));
      end
      f_i_write: assert (!(wstate_q || wmap_q) || phase_q == PICK);
      if (sweep) begin
        f_i_sweep: assert (32'(sweep_q) < SWEEP_LEN && !wstate_q && !wmap_q && f_sum == '0 && !f_busy_q && !f_open_q && !f_queued_q &&
                           !f_offered_q && !f_decpend_q && !f_live_q);
        f_i_swept: assert (sweep_q <= {f_slot[5:0], f_slot[6]} || (f_state_q == '0 && f_bits_q == '0));
      end
      // The table is the truth.
      if (!sweep) begin
        f_i_bits: assert (f_bits_now == 32'(f_named_q));
        if (f_now.live) begin
          f_i_refs: assert (f_now.refs == f_sum);
          f_i_busy: assert (f_busy_q);
          f_i_open: assert (f_open_q == (!f_now.submitted && !f_now.dead && f_slot[6]));
          f_i_decided: assert (f_now.decided == f_decided_q);
          f_i_entry: assert (f_entry_q.len == f_len_q && (!f_slot[6] || f_entry_q.ctx == f_owner_q));
          f_i_open_only: assert (!f_open_q || (!f_decided_q && f_named_q == '0 && !f_wire_q && !f_queued_q && !f_offered_q && !f_now.offered));
          f_i_decided_only: assert (!f_decided_q || (f_now.submitted && f_now.offered && !f_now.dead && !f_queued_q && !f_offered_q));
          f_i_dead_only: assert (!f_now.dead || (!f_decided_q && !f_now.offered && f_named_q == '0 && !f_wire_q && f_slot[6]));
          f_i_undecided: assert (f_decided_q || (f_named_q == '0 && !f_wire_q));
          f_i_granted: assert (!f_open_q || f_now.granted == f_granted_q);
        end else begin
          f_i_dead: assert (f_sum == '0 && !f_open_q && !f_queued_q && !f_offered_q && !f_decpend_q);
        end
      end
      f_i_ring: assert (f_busy_q == (f_slot[6] ? {1'b0, f_slot[5:0] - tx_tail_q} < tx_count_q : {1'b0, f_slot[5:0] - rx_tail_q} < rx_count_q));
      f_i_count: assert (rx_count_q <= 7'd64 && tx_count_q <= 7'd64);
      f_i_reclaim: assert (!(exec && op_q == OP_RECLAIM) || slot_q == (slot_q[6] ? {1'b1, tx_tail_q} : {1'b0, rx_tail_q}));
      f_i_pins: assert (f_pins_q <= 3'd6);
      f_i_rx: assert (f_slot[6] || !f_open_q);
      f_i_wire: assert (!(f_wire_q || f_named_q != '0) || f_decided_q);
      f_i_queued: assert (!f_queued_q || (f_pins_q == '0 && f_now.live && f_now.submitted && !f_now.offered && !f_now.decided));
      f_i_offered: assert (!f_offered_q || (f_now.live && f_now.submitted && f_now.offered && !f_now.dead && !f_now.decided && f_pins_q == '0));
      f_i_decpend: assert (f_decpend_q == (dec_pend_q && dec_slot_q == f_slot));
      f_i_decmap: assert (!f_decpend_q || (f_offered_q && 32'(f_decmap_q) == dec_map_q[31:0] &&
                          dec_refs_q == 9'(f_decwire_q) + 9'($countones(f_decmap_q))));
      if (slot_q == f_slot && phase_q == LATCH) f_i_latch: assert (f_state_r == f_now || !f_state_r.live);
      if (slot_q == f_slot && phase_q == LATCH) f_i_latch_bits: assert (f_bits_r == f_bits_now || f_bits_r == '0);
      if (slot_q == f_slot && phase_q == EXEC) begin
        f_i_exec: assert (state_q == f_now || !state_q.live);
        f_i_exec_bits: assert (map_q == f_bits_now || map_q == '0);
        f_i_exec_entry: assert (!state_q.live || entry_q == f_entry_q);
      end
    end
  end
`endif

endmodule
