// SPDX-License-Identifier: Apache-2.0
// Second half of the DMA engine: issues pieces to the requester, in order, each only while its context runs.

// READ: takes the next request id, stores where the data goes (target_*), asks the requester. WRITE: the same without an id, with
// nic_dma_fetch reading the local data already while the requester is asked; the next piece follows when all data
// has been handed over. IRQ: passes the interrupt on, so behind the data of every WRITE before it. Then the
// slot whose data has been read is released, and the retire entry is pushed (entry_*), which keeps command order.
//
// run_i is looked at in the last two cycles before a request is offered: after it has fallen, at most the one request that
// was on offer still leaves. A piece that finds 0, even while it waits for room, fails its command with STOPPED; what was
// issued of it stays issued. The same for a command that was given before its context was last enabled.
//
//   piece_*              from nic_dma_split
//   run_i                bit c: context c may do DMA;  ctx_o, life_i: the life of the piece's context, looked at as the run bit is
//   req_*                request to the requester, offered only when req_free_i was high in the cycle before
//   fetch_*              nic_dma_fetch (start: parameters valid; grant: data may leave; drop: throw it away; done: the last word has left
//                        or was thrown away)
//   id_free_i            fewer than 16 reads are out; read_issued_o counts one up
//   target_*             where the data of request id goes, to nic_dma_land
//   rel_busy_o           the piece in hand releases slot rel_slot_o
module nic_dma_issue #(
    parameter int unsigned NCTX = 32
) (
    input  logic                 clk_i,
    input  logic                 rst_i,

    input  logic                 piece_valid_i,
    output logic                 piece_ready_o,
    input  nic_dma_pkg::piece_t  piece_i,
    input  logic [NCTX-1:0]      run_i,
    output logic [7:0]           ctx_o,
    input  nic_dma_pkg::life_t   life_i,

    input  logic                 req_free_i,
    output logic                 req_valid_o,
    input  logic                 req_ready_i,
    output logic                 req_write_o,
    output logic [63:0]          req_addr_o,
    output logic [12:0]          req_len_o,
    output logic [3:0]           req_id_o,

    output logic                 fetch_start_o,
    output logic                 fetch_in_slot_o,
    output logic [6:0]           fetch_slot_o,
    output logic [15:0]          fetch_off_o,
    output logic [12:0]          fetch_len_o,
    output logic [2:0]           fetch_lane_o,
    output logic                 fetch_grant_o,
    output logic                 fetch_drop_o,
    input  logic                 fetch_done_i,

    input  logic                 id_free_i,
    output logic                 read_issued_o,
    output logic                 target_we_o,
    output logic [3:0]           target_id_o,
    output nic_dma_pkg::target_t target_o,

    output logic                 entry_valid_o,
    input  logic                 entry_ready_i,
    output nic_dma_pkg::entry_t  entry_o,

    output logic                 irq_valid_o,
    input  logic                 irq_ready_i,
    output logic [7:0]           irq_ctx_o,
    output logic [1:0]           irq_bits_o,

    output logic                 rel_valid_o,
    input  logic                 rel_ready_i,
    output logic [6:0]           rel_slot_o,
    output logic [7:0]           rel_ctx_o,
    output logic                 rel_busy_o,

    output logic                 idle_o
);

  localparam logic [1:0] OpRead    = glregs_pkg::DMA_OP_READ[1:0];
  localparam logic [1:0] OpWrite   = glregs_pkg::DMA_OP_WRITE[1:0];
  localparam logic [2:0] StOk      = glregs_pkg::DMA_STATUS_OK[2:0];
  localparam logic [2:0] StStopped = glregs_pkg::DMA_STATUS_STOPPED[2:0];

  typedef enum logic [2:0] {
    IDLE,   // waiting for a piece
    LOOK,   // first look at the run bit; a WRITE starts to read its data
    GO,     // waiting for room, then the decision
    REQ,    // the request is offered
    DATA,   // write data moves, or is thrown away
    IRQ,    // the interrupt is offered
    REL,    // the release is offered
    FINISH  // retire entry
  } state_e;
  state_e state_q, ended;

  nic_dma_pkg::piece_t p_q;
  logic [2:0]   fail_q;          // the command failed at an earlier piece: nothing more of it is issued
  logic [2:0]   status_q;
  logic         run_q;           // the context runs, in the life that gave the command
  logic [3:0]   id_q;
  logic [255:0] run_all;
  logic         p_read, p_write, p_fails, go_room, go_stop;

  assign run_all = 256'(run_i);
  assign p_read  = p_q.op == OpRead;
  assign p_write = p_q.op == OpWrite;
  assign p_fails = p_q.status != StOk || fail_q != StOk;
  assign go_room = entry_ready_i && (id_free_i || !p_read) && req_free_i;
  assign go_stop = !run_q;
  assign ended   = p_q.rel ? REL : FINISH;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= IDLE;
      id_q    <= '0;
      fail_q  <= StOk;
    end else begin
      unique case (state_q)
        IDLE: if (piece_valid_i) state_q <= LOOK;
        LOOK: state_q <= p_fails ? ended : GO;
        GO: begin
          if (go_stop) begin
            fail_q  <= StStopped;
            state_q <= p_write ? DATA : ended;
          end else if (go_room) begin
            state_q <= (p_read || p_write) ? REQ : IRQ;
          end
        end
        REQ: if (req_ready_i) begin
          state_q <= p_read ? IDLE : DATA;
          if (p_read) id_q <= id_q + 4'd1;
        end
        DATA: if (fetch_done_i) state_q <= ended;
        IRQ: if (irq_ready_i) state_q <= FINISH;
        REL: if (rel_ready_i) state_q <= FINISH;
        FINISH: if (!p_q.end_cmd) begin
          state_q <= IDLE;
        end else if (entry_ready_i) begin
          state_q <= IDLE;
          fail_q  <= StOk;
        end
        default: state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) p_q <= piece_i;
    run_q <= run_all[p_q.ctx] && life_i == p_q.life;
  end

  assign piece_ready_o = state_q == IDLE;
  assign ctx_o         = p_q.ctx;
  assign idle_o        = state_q == IDLE;
  assign status_q      = fail_q != StOk ? fail_q : p_q.status;

  // Requester
  assign req_valid_o = state_q == REQ;
  assign req_write_o = p_write;
  assign req_addr_o  = p_q.addr;
  assign req_len_o   = p_q.len;
  assign req_id_o    = id_q;

  // Write data. The status of a write whose context stopped between LOOK and GO is kept in fail_q.
  assign fetch_start_o   = state_q == LOOK && p_write && !p_fails;
  assign fetch_in_slot_o = p_q.in_slot;
  assign fetch_slot_o    = p_q.slot;
  assign fetch_off_o     = p_q.off;
  assign fetch_len_o     = p_q.len;
  assign fetch_lane_o    = p_q.addr[2:0];
  assign fetch_grant_o   = state_q == DATA && fail_q == StOk;
  assign fetch_drop_o    = state_q == DATA && fail_q != StOk;

  // Where read data goes
  logic [15:0] base;             // local address of byte lane 0 of the first host word
  logic [15:0] base_q;
  logic [12:0] stop_q;

  assign base = p_q.off - {13'd0, p_q.addr[2:0]};
  always_ff @(posedge clk_i) begin
    base_q <= base;
    stop_q <= p_q.len + {10'd0, p_q.addr[2:0]};
  end

  assign read_issued_o = state_q == REQ && req_ready_i && p_read;
  assign target_we_o   = read_issued_o;
  assign target_id_o   = id_q;
  always_comb begin
    target_o.in_slot = p_q.in_slot;
    target_o.slot    = p_q.slot[5:0];
    target_o.word    = base_q[15:3];
    target_o.rot     = base_q[2:0];
    target_o.lane    = p_q.addr[2:0];
    target_o.stop    = stop_q;
  end

  // Retire entries. Only this block pushes, so the room that GO saw is still there in REQ.
  logic [15:0] octets_q;

  always_ff @(posedge clk_i) octets_q <= p_q.off + {3'd0, p_q.len} - 16'(glregs_pkg::SLOT_DATA);

  assign entry_valid_o = read_issued_o || (state_q == FINISH && p_q.end_cmd);
  always_comb begin
    entry_o.read    = state_q == REQ;
    entry_o.end_cmd = p_q.end_cmd;
    entry_o.status  = status_q;
    entry_o.op      = p_q.op;
    entry_o.ctx     = p_q.ctx;
    entry_o.mine    = p_q.mine;
    entry_o.pinned  = p_q.pinned;
    entry_o.first   = p_q.first;
    entry_o.slot    = p_q.slot;
    entry_o.sub     = p_q.sub;
    entry_o.rel     = p_q.rel;
    entry_o.notify  = p_q.notify;
    entry_o.cookie  = p_q.cookie;
    entry_o.bytes   = octets_q;
  end

  // Interrupt, release
  assign irq_valid_o = state_q == IRQ;
  assign irq_ctx_o   = p_q.ctx;
  assign irq_bits_o  = p_q.addr[1:0];

  assign rel_valid_o = state_q == REL;
  assign rel_slot_o  = p_q.slot;
  assign rel_ctx_o   = p_q.ctx;
  assign rel_busy_o  = state_q != IDLE && p_q.rel;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_dma_issue: NCTX must be 1 to 256");

  // Invariant 4 (Revocation): a request that begins to be offered belongs to a context that ran two cycles before, in the life that
  // gave the command. It stays inside a page.
  logic run_seen_q, run_ok_q, req_q;
  logic went_q;                  // the piece in hand has been requested
  logic started;                 // the first reset has been seen
`ifdef FORMAL
  assign started = 1'b1;         // a proof begins with it
`else
  logic started_q = 1'b0;
  always_ff @(posedge clk_i) if (rst_i) started_q <= 1'b1;
  assign started = started_q;
`endif
  always_ff @(posedge clk_i) begin
    run_seen_q <= run_all[p_q.ctx] && life_i == p_q.life;
    run_ok_q   <= run_seen_q;
    req_q      <= req_valid_o && !req_ready_i;
    went_q     <= !rst_i && state_q != IDLE && (went_q || (req_valid_o && req_ready_i));
    if (started && !rst_i) begin
      in_page: assert (!req_valid_o || ({1'b0, req_addr_o[11:0]} + req_len_o <= 13'd4096 && req_len_o != '0));
      runs: assert (!(req_valid_o && !req_q) || run_ok_q);
      room: assert (state_q != REQ || entry_ready_i);
      // Nothing is issued of a piece that was refused, or behind one of its command that was stopped.
      not_failed: assert (!(state_q == GO || state_q == REQ) || !p_fails);
      why_op: assert (state_q != REQ || p_read || p_write);
      why_page: assert (state_q == IDLE || p_q.status != StOk || !(p_read || p_write) ||
                        ({1'b0, p_q.addr[11:0]} + p_q.len <= 13'd4096 && p_q.len != '0));
      fails: assert (fail_q == StOk || fail_q == StStopped);
      // Once; and write data move only behind their request.
      once: assert (!(req_valid_o && went_q));
      data: assert (!fetch_grant_o || (went_q && p_write));
      why_went: assert (!went_q || state_q == IDLE || state_q == DATA || state_q == REL || state_q == FINISH);
      why_data: assert (state_q != DATA || (p_write && (went_q || fail_q != StOk)));
    end
  end
`endif

endmodule
