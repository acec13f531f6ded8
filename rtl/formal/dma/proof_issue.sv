// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_dma_issue: a request is exactly the translated piece in hand, of a context that runs, and nothing else is.

// Pieces are any that nic_dma_split may give (its proof says which): those with status OK lie in one page. Run bits and lives
// change at any time. The room for retire entries, which only this module uses up, does not go away by itself.
module proof_issue #(
    parameter int unsigned NCTX = 3
) (
    input logic                clk_i,
    input logic                piece_valid_i,
    input nic_dma_pkg::piece_t piece_i,
    input logic [NCTX-1:0]     run_i,
    input nic_dma_pkg::life_t  life_i,
    input logic                req_free_i,
    input logic                req_ready_i,
    input logic                fetch_done_i,
    input logic                id_free_i,
    input logic                entry_ready_i,
    input logic                irq_ready_i,
    input logic                rel_ready_i
);

  localparam logic [1:0] OpRead  = glregs_pkg::DMA_OP_READ[1:0];
  localparam logic [1:0] OpWrite = glregs_pkg::DMA_OP_WRITE[1:0];
  localparam logic [1:0] OpIrq   = glregs_pkg::DMA_OP_IRQ[1:0];
  localparam logic [2:0] StOk    = glregs_pkg::DMA_STATUS_OK[2:0];

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic                 piece_ready, req_valid, req_write, fetch_start, fetch_in_slot, fetch_grant, fetch_drop, read_issued, target_we;
  logic                 entry_valid, irq_valid, rel_valid, rel_busy, idle;
  logic [7:0]           ctx, irq_ctx, rel_ctx;
  logic [63:0]          req_addr;
  logic [12:0]          req_len, fetch_len;
  logic [3:0]           req_id, target_id;
  logic [6:0]           fetch_slot, rel_slot;
  logic [15:0]          fetch_off;
  logic [2:0]           fetch_lane;
  logic [1:0]           irq_bits;
  nic_dma_pkg::target_t target;
  nic_dma_pkg::entry_t  entry;

  nic_dma_issue #(.NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst), .piece_valid_i, .piece_ready_o(piece_ready), .piece_i, .run_i, .ctx_o(ctx), .life_i, .req_free_i,
    .req_valid_o(req_valid), .req_ready_i, .req_write_o(req_write), .req_addr_o(req_addr), .req_len_o(req_len), .req_id_o(req_id),
    .fetch_start_o(fetch_start), .fetch_in_slot_o(fetch_in_slot), .fetch_slot_o(fetch_slot), .fetch_off_o(fetch_off),
    .fetch_len_o(fetch_len), .fetch_lane_o(fetch_lane), .fetch_grant_o(fetch_grant), .fetch_drop_o(fetch_drop), .fetch_done_i,
    .id_free_i, .read_issued_o(read_issued), .target_we_o(target_we), .target_id_o(target_id), .target_o(target),
    .entry_valid_o(entry_valid), .entry_ready_i, .entry_o(entry), .irq_valid_o(irq_valid), .irq_ready_i, .irq_ctx_o(irq_ctx),
    .irq_bits_o(irq_bits), .rel_valid_o(rel_valid), .rel_ready_i, .rel_slot_o(rel_slot), .rel_ctx_o(rel_ctx), .rel_busy_o(rel_busy),
    .idle_o(idle)
  );

  // The piece in hand, and whether its context ran in the last two cycles; a request of this command has gone out.
  nic_dma_pkg::piece_t p_q;
  logic [255:0]        run_all;
  logic                ran, ran1_q, ran2_q, past2_q, free_q, issued_q;
  assign run_all = 256'(run_i);
  assign ran     = run_all[p_q.ctx] && life_i == p_q.life;

  always_ff @(posedge clk_i) begin
    past2_q <= past;
    ran1_q  <= ran;
    ran2_q  <= ran1_q;
    free_q  <= req_free_i;
    if (piece_ready) p_q <= piece_i;
    if (rst || entry_valid) issued_q <= 1'b0;
    else if (req_valid && req_ready_i) issued_q <= 1'b1;

    if (past && !rst) begin
      if (piece_i.status == StOk && piece_i.op != OpIrq)
        assume (piece_i.len != '0 && {1'b0, piece_i.addr[11:0]} + piece_i.len <= 13'd4096 &&
                (piece_i.op == OpRead || piece_i.op == OpWrite));
      if ($past(entry_ready_i && !entry_valid)) assume (entry_ready_i);
      if (fetch_done_i) assume (fetch_grant || fetch_drop);
    end

    if (!rst && past) begin
      // Also while it is not valid: this is what makes the induction hold.
      in_hand: assert (piece_ready || (ctx == p_q.ctx && req_addr == p_q.addr && req_len == p_q.len && req_write == (p_q.op == OpWrite) &&
                       fetch_in_slot == p_q.in_slot && fetch_slot == p_q.slot && fetch_off == p_q.off && fetch_len == p_q.len &&
                       fetch_lane == p_q.addr[2:0] && irq_ctx == p_q.ctx && irq_bits == p_q.addr[1:0] && rel_slot == p_q.slot &&
                       rel_ctx == p_q.ctx));
      is_piece: assert (!req_valid || (!piece_ready && p_q.status == StOk && (p_q.op == OpRead || p_q.op == OpWrite)));
      running: assert (!past2_q || $past(rst) || !(req_valid && !$past(req_valid)) || ran2_q);
      only_if_free: assert (!(req_valid && !$past(req_valid)) || $past(rst) || free_q);
      stays: assert (!$past(req_valid && !req_ready_i && !rst) || (req_valid && (req_write || $stable(req_id))));
      target_is: assert (target_we == (req_valid && req_ready_i && !req_write) && (!target_we || (target_id == req_id &&
                         target.in_slot == p_q.in_slot && target.slot == p_q.slot[5:0] && target.lane == p_q.addr[2:0])));
      interrupt: assert (!irq_valid || (!piece_ready && p_q.status == StOk && p_q.op != OpRead && p_q.op != OpWrite));
      released: assert (!rel_valid || p_q.rel);

      a_read: cover (read_issued && p_q.end_cmd);
      a_write: cover (fetch_grant && fetch_done_i && p_q.rel);
      stopped: cover (fetch_drop && fetch_done_i);
      on_offer: cover (req_valid && !ran2_q && !ran1_q && !ran);
      second_piece_stopped: cover (entry_valid && entry.status == glregs_pkg::DMA_STATUS_STOPPED[2:0] && issued_q);
    end
  end

endmodule
