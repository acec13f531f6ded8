// SPDX-License-Identifier: Apache-2.0
// First half of the DMA engine: takes commands in order, checks them and cuts them into translated pieces.

// Per command: lengths and ranges are checked (REFUSED), the slot's owner is asked for (OWNER), and for each guest page it
// touches the guard is asked (REFUSED). The first failure ends the command: its last piece carries the status and
// nothing is issued for it.
//
// A READ that fails with OWNER has no effect on its slot: it neither submits it nor counts against the frame. (Its
// bytes were not granted, so the packet buffer grants no later ones, or finds them missing.) A command with an illegal length or address
// is still checked for the owner, with length 0, and with LAST submits the slot as failed.
//
// Two things that the packet buffer cannot know yet are refused or held here, because this half runs ahead of the other:
//   - a READ into a slot for which a READ with LAST is already on its way (until that one has been submitted): OWNER;
//   - a WRITE from a slot whose reference nic_dma_issue is about to release waits, so that the owner check sees the release.
//
//   cmd_*        commands, from the queue, with the life of their context when they were given
//   ctx_o, life_i   the life of that context now: a command of an earlier one asks for no translation and ends with STOPPED
//   chk_*, gq_*, gr_*   owner check of nic_pktbuf, guard
//   piece_*      to nic_dma_issue
//   held_o       a translated piece is here, or its translation comes now
//   rel_busy_i, rel_slot_i   nic_dma_issue holds a piece that releases this slot
//   sub_valid_i, sub_slot_i  this slot of the transmit ring has been submitted
module nic_dma_split (
    input  logic                clk_i,
    input  logic                rst_i,

    input  logic                cmd_valid_i,
    output logic                cmd_ready_o,
    input  nic_pkg::dma_cmd_t   cmd_i,
    input  nic_dma_pkg::life_t  cmd_life_i,

    output logic [7:0]          ctx_o,
    input  nic_dma_pkg::life_t  life_i,

    output logic                chk_valid_o,
    input  logic                chk_ready_i,
    output logic [6:0]          chk_slot_o,
    output logic [7:0]          chk_ctx_o,
    output logic                chk_write_o,
    output logic [15:0]         chk_off_o,
    output logic [15:0]         chk_len_o,
    input  logic                chk_done_i,
    input  logic                chk_ok_i,

    output logic                gq_valid_o,
    input  logic                gq_ready_i,
    output logic [7:0]          gq_ctx_o,
    output logic [51:0]         gq_gpage_o,
    output logic                gq_write_o,
    output logic [3:0]          gq_queue_o,
    output logic [11:0]         gq_low_o,
    input  logic                gr_valid_i,
    input  logic [2:0]          gr_status_i,
    input  logic [51:0]         gr_hpage_i,

    output logic                piece_valid_o,
    input  logic                piece_ready_i,
    output nic_dma_pkg::piece_t piece_o,
    output logic                held_o,

    input  logic                rel_busy_i,
    input  logic [6:0]          rel_slot_i,
    input  logic                sub_valid_i,
    input  logic [5:0]          sub_slot_i,

    output logic                idle_o
);

  localparam logic [1:0] OpRead  = glregs_pkg::DMA_OP_READ[1:0];
  localparam logic [1:0] OpWrite = glregs_pkg::DMA_OP_WRITE[1:0];
  localparam logic [1:0] OpIrq   = glregs_pkg::DMA_OP_IRQ[1:0];
  localparam logic [2:0] StOk      = glregs_pkg::DMA_STATUS_OK[2:0];
  localparam logic [2:0] StRefused = glregs_pkg::DMA_STATUS_REFUSED[2:0];
  localparam logic [2:0] StOwner   = glregs_pkg::DMA_STATUS_OWNER[2:0];
  localparam logic [2:0] StStopped = glregs_pkg::DMA_STATUS_STOPPED[2:0];

  typedef enum logic [2:0] {
    IDLE,   // waiting for a command
    PREP,   // sums over the command
    ASK,    // decide what to ask
    NEXT,   // the same for the pages after the first
    WAIT,   // for the owner check and the guard
    EMIT    // the piece is offered
  } state_e;
  state_e state_q;

  nic_pkg::dma_cmd_t c_q;        // the command; addr, len and off move on with the pieces
  nic_dma_pkg::life_t life_q;    // of its context when it was given
  logic              stale_q;    // ... and that is over
  logic              c_mem;      // READ or WRITE

  assign c_mem = c_q.op == OpRead || c_q.op == OpWrite;

  // PREP: sums. The end of a range may be the last byte of the address space but not beyond.
  logic        len_bad_q, high_q, no_slot_q;
  logic [14:0] low_end_q;        // end of the range, counted from addr[63:14]
  logic [16:0] local_end_q;
  logic [12:0] room_q;           // bytes to the end of the guest page
  logic [63:0] closing_q;        // per slot of the transmit ring: its READ with LAST has passed here and is not yet submitted

  always_ff @(posedge clk_i) begin
    if (state_q == PREP) begin
      len_bad_q   <= c_q.len == '0 || c_q.len > 16'(nic_dma_pkg::LEN_MAX);
      high_q      <= &c_q.addr[63:14];
      low_end_q   <= {1'b0, c_q.addr[13:0]} + {1'b0, c_q.len[13:0]};
      local_end_q <= {1'b0, c_q.off} + {1'b0, c_q.len};
      no_slot_q   <= c_q.op == OpRead && (!c_q.slot[6] || closing_q[c_q.slot[5:0]]);
      room_q      <= 13'd4096 - {1'b0, c_q.addr[11:0]};
    end else if (state_q == EMIT) begin
      room_q      <= 13'd4096;
    end
  end

  logic bad, hold;
  assign bad  = len_bad_q || (high_q && low_end_q > 15'h4000) || (!c_q.in_slot && local_end_q > 17'h10000);
  assign hold = c_q.op == OpWrite && c_q.in_slot && rel_busy_i && rel_slot_i == c_q.slot;

  logic        gq_q, gwait_q;    // query offered; answer awaited
  logic        chk_q, cwait_q;
  logic        late_q;           // stale at ASK
  logic        bad_q, owner_q;   // refused before any question; the owner check has passed (or is not needed)
  logic        first_q;          // READ: from the frame's first byte
  logic [2:0]  gstatus_q;
  logic [51:0] hpage_q;
  logic [12:0] plen_q;           // length of this piece

  logic [2:0]  status_q;
  logic        end_q;            // last piece of the command

  logic rest;                    // bytes of the command remain after this piece
  logic [2:0] status;
  assign rest   = c_q.len[15:13] != '0 || c_q.len[12:0] != plen_q;
  assign status = bad_q ? StRefused : !owner_q ? StOwner : late_q ? StStopped : gstatus_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= IDLE;
      gq_q    <= 1'b0;
      gwait_q <= 1'b0;
      chk_q   <= 1'b0;
      cwait_q <= 1'b0;
    end else begin
      if (gq_q && gq_ready_i) gq_q <= 1'b0;
      if (gr_valid_i) gwait_q <= 1'b0;
      if (chk_q && chk_ready_i) chk_q <= 1'b0;
      if (chk_done_i) cwait_q <= 1'b0;
      unique case (state_q)
        IDLE: if (cmd_valid_i) state_q <= PREP;
        PREP: state_q <= ASK;
        ASK: if (!hold) begin
          state_q <= WAIT;
          gq_q    <= c_mem && !bad && !stale_q;
          gwait_q <= c_mem && !bad && !stale_q;
          chk_q   <= c_mem && c_q.in_slot && !no_slot_q;
          cwait_q <= c_mem && c_q.in_slot && !no_slot_q;
        end
        NEXT: begin
          state_q <= WAIT;
          gq_q    <= 1'b1;
          gwait_q <= 1'b1;
        end
        WAIT: if (!gwait_q && !cwait_q) state_q <= EMIT;
        EMIT: if (piece_ready_i) state_q <= end_q ? IDLE : NEXT;
        default: state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      c_q    <= cmd_i;
      life_q <= cmd_life_i;
    end
    stale_q <= life_i != life_q;
    if (state_q == ASK) begin
      late_q    <= stale_q;
      bad_q     <= c_mem ? bad : c_q.op != OpIrq;
      owner_q   <= !(c_mem && c_q.in_slot && no_slot_q);
      first_q   <= c_q.off == 16'(glregs_pkg::SLOT_DATA);
      gstatus_q <= StOk;
    end
    if (chk_done_i) owner_q <= chk_ok_i;
    if (gr_valid_i) begin
      gstatus_q <= gr_status_i;
      hpage_q   <= gr_hpage_i;
    end
    if (state_q == ASK || state_q == NEXT) plen_q <= (c_q.len > {3'd0, room_q}) ? room_q : c_q.len[12:0];
    if (state_q == WAIT) begin
      status_q <= status;
      end_q    <= status != StOk || !c_mem || !rest;
    end
    if (state_q == EMIT && piece_ready_i) begin
      c_q.addr <= {c_q.addr[63:12] + 52'd1, 12'd0};
      c_q.len  <= c_q.len - {3'd0, plen_q};
      c_q.off  <= c_q.off + {3'd0, plen_q};
    end
  end

  // A translation has come and its piece has not been handed over.
  logic held_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) held_q <= 1'b0;
    else if (gr_valid_i) held_q <= 1'b1;
    else if (piece_valid_o && piece_ready_i) held_q <= 1'b0;
  end

  assign held_o = held_q || gr_valid_i;

  // Slots whose last READ is on its way. Cleared some cycles after the submit, when an owner check sees it.
  // Set one cycle after the piece has left: the next command asks two cycles after it.
  logic            shut_q;
  logic [5:0]      shut_slot_q;
  logic [3:0]      sub_q;
  logic [3:0][5:0] sub_slot_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      closing_q <= '0;
      sub_q     <= '0;
      shut_q    <= 1'b0;
    end else begin
      sub_q <= {sub_q[2:0], sub_valid_i};
      shut_q <= state_q == EMIT && piece_ready_i && piece_o.sub;
      if (shut_q) closing_q[shut_slot_q] <= 1'b1;
      if (sub_q[3]) closing_q[sub_slot_q[3]] <= 1'b0;
    end
    sub_slot_q  <= {sub_slot_q[2:0], sub_slot_i};
    shut_slot_q <= c_q.slot[5:0];
  end

  assign cmd_ready_o = state_q == IDLE;
  assign ctx_o       = c_q.ctx;
  assign idle_o      = state_q == IDLE;

  assign chk_valid_o = chk_q;
  assign chk_slot_o  = c_q.slot;
  assign chk_ctx_o   = c_q.ctx;
  assign chk_write_o = c_q.op == OpWrite;
  assign chk_off_o   = c_q.off;
  assign chk_len_o   = bad_q ? '0 : c_q.len;

  assign gq_valid_o  = gq_q;
  assign gq_ctx_o    = c_q.ctx;
  assign gq_gpage_o  = c_q.addr[63:12];
  assign gq_write_o  = c_q.op == OpWrite;
  assign gq_queue_o  = c_q.virtq;
  assign gq_low_o    = c_q.addr[11:0];

  assign piece_valid_o = state_q == EMIT;
  always_comb begin
    piece_o.op      = c_q.op;
    piece_o.ctx     = c_q.ctx;
    piece_o.life    = life_q;
    piece_o.addr    = {hpage_q, c_q.addr[11:0]};
    piece_o.len     = plen_q;
    piece_o.in_slot = c_q.in_slot;
    piece_o.slot    = c_q.slot;
    piece_o.off     = c_q.off;
    piece_o.end_cmd = end_q;
    piece_o.status  = status_q;
    piece_o.mine    = c_q.op == OpRead && c_q.in_slot && owner_q;
    piece_o.pinned  = c_mem && c_q.in_slot && owner_q;
    piece_o.first   = first_q;
    piece_o.sub     = c_q.op == OpRead && c_q.in_slot && owner_q && c_q.last && end_q;
    piece_o.rel     = c_q.op == OpWrite && c_q.in_slot && c_q.last && end_q;
    piece_o.notify  = c_q.notify;
    piece_o.cookie  = c_q.cookie;
    if (c_q.op == OpIrq) piece_o.addr[1:0] = c_q.len[1:0];
  end

`ifndef SYNTHESIS
  // What was asked for this piece and this command, and what was answered.
  logic        a_gr_q, a_chk_q;              // there is an answer
  logic [51:0] a_page_q, a_hpage_q;
  logic [7:0]  a_ctx_q, a_chk_ctx_q;
  logic        a_write_q, a_chk_write_q;
  logic [2:0]  a_status_q;
  logic        a_ok_q;                       // the owner check was granted
  logic [6:0]  a_slot_q;
  logic [16:0] a_from_q, a_to_q;             // range that was checked
  logic [63:0] a_addr_q;                     // guest address and length left: what a reader of the command expects
  logic [15:0] a_left_q, a_off_q;
  logic        a_asked;                    // between ASK or NEXT and the hand-over
`ifdef FORMAL
  logic        started_q;                    // a proof begins with a reset
  assign started_q = 1'b1;
`else
  logic        started_q = 1'b0;             // the first reset has been seen
  always_ff @(posedge clk_i) if (rst_i) started_q <= 1'b1;
`endif

  logic [15:0] a_room;                       // bytes to the end of the guest page
  assign a_room  = 16'd4096 - {4'd0, c_q.addr[11:0]};
  assign a_asked = state_q == WAIT || state_q == EMIT;

  always_ff @(posedge clk_i) begin
    if (rst_i || state_q == IDLE || (state_q == EMIT && piece_ready_i)) a_gr_q <= 1'b0;
    else if (gr_valid_i) a_gr_q <= 1'b1;
    if (gq_valid_o && gq_ready_i) {a_page_q, a_ctx_q, a_write_q} <= {gq_gpage_o, gq_ctx_o, gq_write_o};
    if (gr_valid_i) {a_hpage_q, a_status_q} <= {gr_hpage_i, gr_status_i};
    if (rst_i || state_q == IDLE) a_chk_q <= 1'b0;
    else if (chk_done_i) a_chk_q <= 1'b1;
    if (chk_valid_o && chk_ready_i) begin
      {a_slot_q, a_chk_ctx_q, a_chk_write_q} <= {chk_slot_o, chk_ctx_o, chk_write_o};
      a_from_q <= {1'b0, chk_off_o};
      a_to_q   <= {1'b0, chk_off_o} + {1'b0, chk_len_o};
    end
    if (chk_done_i) a_ok_q <= chk_ok_i;
    if (state_q == IDLE) {a_addr_q, a_left_q, a_off_q} <= {cmd_i.addr, cmd_i.len, cmd_i.off};
    else if (state_q == EMIT && piece_ready_i) begin
      a_addr_q <= a_addr_q + {51'd0, piece_o.len};
      a_left_q <= a_left_q - {3'd0, piece_o.len};
      a_off_q  <= a_off_q + {3'd0, piece_o.len};
    end

    if (started_q && !rst_i) begin
      // The neighbours answer what they were asked, once; no slot is longer than 14 bits can tell.
`ifdef FORMAL
      assume (!gr_valid_i || (gwait_q && !gq_q));
      assume (!chk_done_i || (cwait_q && !chk_q));
      assume (!(chk_done_i && chk_ok_i) || a_to_q <= 17'(glregs_pkg::SLOT_DATA) + 17'h03fff);
`else
      assert (!gr_valid_i || (gwait_q && !gq_q));
      assert (!chk_done_i || (cwait_q && !chk_q));
      assert (!(chk_done_i && chk_ok_i) || a_to_q <= 17'(glregs_pkg::SLOT_DATA) + 17'h03fff);
`endif
      // Invariant 1 (Memory): a piece lies in one page, and its host page is the guard's answer for exactly its guest page, context
      // and direction. Pieces follow each other without a gap.
      if (state_q == EMIT && status_q == StOk && c_mem) begin
        in_page: assert (plen_q != '0 && {1'b0, c_q.addr[11:0]} + plen_q <= 13'd4096);
        answered: assert (a_gr_q && a_status_q == StOk && hpage_q == a_hpage_q && a_page_q == a_addr_q[63:12] &&
                          a_ctx_q == c_q.ctx && a_write_q == (c_q.op == OpWrite));
        in_order: assert (c_q.addr[11:0] == a_addr_q[11:0] && c_q.off == a_off_q && c_q.len == a_left_q && {3'd0, plen_q} <= a_left_q);
        ends: assert (end_q == ({3'd0, plen_q} == a_left_q));
        in_range: assert (c_q.in_slot || {1'b0, c_q.off} + {4'd0, plen_q} <= 17'h10000);
        // Invariant 3 (Frames): only with the packet buffer's consent to this slot, context, direction and range.
        owned: assert (!c_q.in_slot || (a_chk_q && a_ok_q && a_slot_q == c_q.slot && a_chk_ctx_q == c_q.ctx &&
                                        a_chk_write_q == (c_q.op == OpWrite) && {1'b0, c_q.off} >= a_from_q &&
                                        {1'b0, c_q.off} + {4'd0, plen_q} <= a_to_q));
      end
      if (state_q == EMIT) fails_last: assert (status_q == StOk || end_q);
      // Why. (Makes the induction hold.)
      why_prep: assert (state_q != ASK || (len_bad_q == (c_q.len == '0 || c_q.len > 16'(nic_dma_pkg::LEN_MAX)) &&
                                           local_end_q == {1'b0, c_q.off} + {1'b0, c_q.len}));
      why_gq: assert ((!gq_q || gwait_q) && (!gwait_q || state_q == WAIT));
      why_chk: assert ((!chk_q || cwait_q) && (!cwait_q || state_q == WAIT));
      why_asked: assert (!(gwait_q && !gq_q) || (a_page_q == c_q.addr[63:12] && a_ctx_q == c_q.ctx && a_write_q == (c_q.op == OpWrite)));
      why_addr: assert (state_q == IDLE || (c_q.addr == a_addr_q && c_q.len == a_left_q && c_q.off == a_off_q));
      why_room: assert (!(state_q == ASK || state_q == NEXT) || room_q == 13'd4096 - {1'b0, c_q.addr[11:0]});
      why_plen: assert (!a_asked || (a_room >= c_q.len ? {3'd0, plen_q} == c_q.len : {3'd0, plen_q} == a_room));
      why_held: assert (held_q == a_gr_q && (!held_q || a_asked));
      why_answer: assert (!(a_asked && c_mem && !bad_q && !late_q && !gwait_q) ||
                          (a_gr_q && gstatus_q == a_status_q && hpage_q == a_hpage_q && a_page_q == c_q.addr[63:12] &&
                           a_ctx_q == c_q.ctx && a_write_q == (c_q.op == OpWrite)));
      why_late: assert (!(state_q == NEXT) || (c_mem && !bad_q && !late_q && owner_q));
      why_status: assert (state_q != EMIT || (status_q == status && end_q == (status != StOk || !c_mem || !rest)));
      why_checked: assert (!(chk_q || cwait_q || a_chk_q) || (c_mem && c_q.in_slot));
      why_check: assert (!(cwait_q && !chk_q) || (a_slot_q == c_q.slot && a_chk_ctx_q == c_q.ctx && a_chk_write_q == (c_q.op == OpWrite) &&
                         (bad_q || (a_from_q == {1'b0, c_q.off} && a_to_q == {1'b0, c_q.off} + {1'b0, c_q.len}))));
      why_granted: assert (!((a_asked || state_q == NEXT) && c_mem && c_q.in_slot && owner_q && !cwait_q) ||
                           (a_chk_q && a_ok_q && a_slot_q == c_q.slot && a_chk_ctx_q == c_q.ctx && a_chk_write_q == (c_q.op == OpWrite) &&
                            a_to_q <= 17'(glregs_pkg::SLOT_DATA) + 17'h03fff && (bad_q || ({1'b0, c_q.off} >= a_from_q && {1'b0, c_q.off} + {1'b0, c_q.len} == a_to_q))));
      why_local: assert (!((a_asked || state_q == NEXT) && c_mem && !bad_q && !c_q.in_slot) ||
                         {1'b0, c_q.off} + {1'b0, c_q.len} <= 17'h10000);
      why_len: assert (!((a_asked || state_q == NEXT) && c_mem && !bad_q) || c_q.len != '0);
    end
  end
`endif

endmodule
