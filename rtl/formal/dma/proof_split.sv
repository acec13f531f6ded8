// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_dma_split: its own assertions hold for any commands, guard, packet buffer and nic_dma_issue.

// The neighbours are free but for their rules: what is offered stays, an answer comes once for each question (stated in the module).
module proof_split (
    input logic                clk_i,
    input logic                cmd_valid_i,
    input nic_pkg::dma_cmd_t   cmd_i,
    input nic_dma_pkg::life_t  cmd_life_i,
    input nic_dma_pkg::life_t  life_i,
    input logic                chk_ready_i,
    input logic                chk_done_i,
    input logic                chk_ok_i,
    input logic                gq_ready_i,
    input logic                gr_valid_i,
    input logic [2:0]          gr_status_i,
    input logic [51:0]         gr_hpage_i,
    input logic                piece_ready_i,
    input logic                rel_busy_i,
    input logic [6:0]          rel_slot_i,
    input logic                sub_valid_i,
    input logic [5:0]          sub_slot_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic                cmd_ready, chk_valid, chk_write, gq_valid, gq_write, piece_valid, held, idle;
  logic [7:0]          ctx, chk_ctx, gq_ctx;
  logic [6:0]          chk_slot;
  logic [15:0]         chk_off, chk_len;
  logic [51:0]         gq_gpage;
  logic [3:0]          gq_queue;
  logic [11:0]         gq_low;
  nic_dma_pkg::piece_t piece;

  nic_dma_split dut (
    .clk_i, .rst_i(rst), .cmd_valid_i, .cmd_ready_o(cmd_ready), .cmd_i, .cmd_life_i, .ctx_o(ctx), .life_i,
    .chk_valid_o(chk_valid), .chk_ready_i, .chk_slot_o(chk_slot), .chk_ctx_o(chk_ctx), .chk_write_o(chk_write), .chk_off_o(chk_off),
    .chk_len_o(chk_len), .chk_done_i, .chk_ok_i, .gq_valid_o(gq_valid), .gq_ready_i, .gq_ctx_o(gq_ctx), .gq_gpage_o(gq_gpage),
    .gq_write_o(gq_write), .gq_queue_o(gq_queue), .gq_low_o(gq_low), .gr_valid_i, .gr_status_i, .gr_hpage_i,
    .piece_valid_o(piece_valid), .piece_ready_i, .piece_o(piece), .held_o(held), .rel_busy_i, .rel_slot_i, .sub_valid_i, .sub_slot_i,
    .idle_o(idle)
  );

  logic [1:0] pieces_q;  // pieces of this command so far, at most 3
  always_ff @(posedge clk_i) begin
    if (rst || cmd_ready) pieces_q <= '0;
    else if (piece_valid && piece_ready_i && pieces_q != '1) pieces_q <= pieces_q + 2'd1;

    if (!rst && past) begin
      // What the guard is told to translate, the owner check and the piece are stable until they are taken.
      chk_stays: assert (!$past(chk_valid && !chk_ready_i && !rst) || (chk_valid && $stable(chk_slot) && $stable(chk_ctx) &&
                         $stable(chk_write) && $stable(chk_off) && $stable(chk_len)));
      gq_stays: assert (!$past(gq_valid && !gq_ready_i && !rst) || (gq_valid && $stable(gq_ctx) && $stable(gq_gpage) &&
                        $stable(gq_write) && $stable(gq_queue) && $stable(gq_low)));
      piece_stays: assert (!$past(piece_valid && !piece_ready_i && !rst) || (piece_valid && $stable(piece)));
      // A piece with a translation is always said to be held: the fence depends on it.
      is_held: assert (!(piece_valid && piece.status == glregs_pkg::DMA_STATUS_OK[2:0] && piece.op != glregs_pkg::DMA_OP_IRQ[1:0]) || held);

      second_piece: cover (piece_valid && pieces_q == 2'd1 && piece.status == glregs_pkg::DMA_STATUS_OK[2:0]);
      of_a_slot: cover (piece_valid && piece.sub && piece.status == glregs_pkg::DMA_STATUS_OK[2:0]);
      refused: cover (piece_valid && pieces_q == 2'd1 && piece.status == glregs_pkg::DMA_STATUS_REFUSED[2:0]);
    end
  end

endmodule
