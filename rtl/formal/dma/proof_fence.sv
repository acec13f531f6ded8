// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_dma_fence: when it says done, no piece that was translated before the fence is under way.

// The neighbours are models that do whatever their rules allow: nic_dma_split holds one piece, translated or not, and hands it to
// nic_dma_issue when that has none; nic_dma_issue issues it as a read or a write, or lets it fall; reads end in any order, writes
// leave in order. One piece, any piece, is followed from its translation to its end.
module proof_fence #(
    parameter int unsigned WRITES = 7     // writes that may be out
) (
    input logic       clk_i,
    input logic       raise_i,            // the guard raises the fence
    input logic       answer_i,           // a translation comes
    input logic       hand_i,             // a piece is handed over (one that needs none, if none is held)
    input logic       read_i,             // the piece in hand becomes a read of this id
    input logic [3:0] id_i,
    input logic       write_i,            // ... or a write
    input logic       end_i,              // nic_dma_issue is through with it
    input logic       done_i,             // a read ends
    input logic [3:0] done_id_i,
    input logic       sent_i,             // the oldest write has left
    input logic       follow_i            // the piece that is translated now is the one to follow
);

  logic rst, past;
  formal_reset #(.AGAIN(0)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic fence_q, fence_done, wr_out;

  // --- Models ---
  logic        held_q, busy_q, issued_q;
  logic [15:0] pending_q;
  logic [2:0]  writes_q;
  logic        answer, hand, read, write, ended, done, sent;

  assign answer = answer_i && !held_q;
  assign hand   = hand_i && !busy_q && !answer;
  assign read   = read_i && busy_q && !issued_q && !pending_q[id_i];
  assign write  = write_i && busy_q && !issued_q && !read && 32'(writes_q) < WRITES;
  assign ended  = busy_q && (read || (end_i && !write));
  assign done   = done_i && pending_q[done_id_i];
  assign sent   = sent_i && writes_q != '0;

  always_ff @(posedge clk_i) begin
    if (rst) begin
      {held_q, busy_q, issued_q, fence_q} <= '0;
      pending_q <= '0;
      writes_q  <= '0;
    end else begin
      held_q   <= answer || (held_q && !hand);
      busy_q   <= hand || (busy_q && !ended);
      issued_q <= write || (issued_q && !ended);
      if (done) pending_q[done_id_i] <= 1'b0;
      if (read) pending_q[id_i] <= 1'b1;
      writes_q <= writes_q + 3'(write) - 3'(sent);
      fence_q  <= fence_q ? !fence_done : raise_i;
    end
  end

  nic_dma_fence dut (
    .clk_i, .rst_i(rst), .fence_valid_i(fence_q), .fence_done_o(fence_done), .held_i(held_q || answer), .handed_i(hand),
    .issue_idle_i(!busy_q), .pending_i(pending_q), .done_valid_i(done), .done_id_i, .wr_taken_i(write), .wr_sent_i(sent),
    .wr_out_o(wr_out)
  );

  // --- The piece that is followed ---
  typedef enum logic [2:0] {NONE, HELD, HAND, READ, WRITE, OVER} at_e;
  at_e        at_q;
  logic [3:0] my_id_q;
  logic [2:0] ahead_q;          // writes before it, and itself
  logic       before_q;         // it was translated before the fence, or in its first cycle
  logic       up_q;             // the fence was up in the cycle before

  always_ff @(posedge clk_i) begin
    up_q <= fence_q && !fence_done && !rst;
    if (rst) begin
      at_q     <= NONE;
      before_q <= 1'b0;
    end else begin
      unique case (at_q)
        NONE:  if (answer && follow_i) at_q <= HELD;
        HELD:  if (hand) at_q <= HAND;
        HAND:  begin
          if (read) at_q <= READ;
          else if (write) at_q <= WRITE;
          else if (ended) at_q <= OVER;
        end
        READ:  if (done && done_id_i == my_id_q) at_q <= OVER;
        WRITE: if (sent && ahead_q == 3'd1) at_q <= OVER;
        default: ;
      endcase
      if (fence_q && !up_q && (at_q != NONE || (answer && follow_i))) before_q <= 1'b1;
    end
    if (at_q == HAND) begin
      my_id_q <= id_i;
      ahead_q <= writes_q + 3'd1 - 3'(sent);
    end else if (sent) begin
      ahead_q <= ahead_q - 3'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      fenced: assert (!(fence_done && before_q && at_q != OVER));
      in_answer: assert (!fence_done || fence_q);
      counted: assert (wr_out == (writes_q != '0));

      of_a_read: cover (fence_done && before_q && $past(at_q == READ, 2));
      of_a_write: cover (fence_done && before_q && $past(at_q == WRITE, 2));
      not_waited_for: cover (fence_done && at_q == READ && !before_q);
    end
  end

endmodule
