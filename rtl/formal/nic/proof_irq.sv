// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_irq: no event is lost, a message has a reason, InterruptStatus comes before the message, messages keep their distance;
// and so with the bits and the one vector of bit-vector mode, which may be switched at any time.

// One context, any, is watched, and one of its two InterruptStatus bits; and vector 0. "Wanted" is what has come in and was not set in
// InterruptStatus since; "owed" is a message for which InterruptStatus was set.
//
//   PROMPT = 1   how soon: without moderation and with takers that are always ready, a message comes within LIMIT cycles
//   PROMPT = 2   moderation: messages of a vector are at least moderation_i cycles apart
module proof_irq #(
    parameter int unsigned NCTX   = 2,
    parameter int unsigned PROMPT = 0,
    parameter int unsigned LIMIT  = 34
) (
    input logic        clk_i,
    input logic        irq_valid_i,
    input logic [7:0]  irq_ctx_i,
    input logic [1:0]  irq_bits_i,
    input logic        ci_valid_i,
    input logic [7:0]  ci_ctx_i,
    input logic        mg_valid_i,
    input logic        clr_valid_i,
    input logic [7:0]  clr_ctx_i,
    input logic        isr_set_ready_i,
    input logic        msix_ready_i,
    input logic        cst_ready_i,
    input logic        bits_i,
    input logic        pend_re_i,
    input logic        pend_clear_i,
    input logic [2:0]  pend_group_i,
    input logic [31:0] any_time_i
);

  logic rst, past;
  formal_reset #(.AGAIN(PROMPT == 0)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  (* anyconst *) logic [3:0] distance;
  logic [31:0] time_now, time_q;
  always_ff @(posedge clk_i) time_q <= rst ? 32'd0 : time_q + 32'd1;
  assign time_now = (PROMPT == 2) ? time_q : any_time_i;

  always_comb begin
    assume (irq_bits_i != 2'b00);
    assume (32'(irq_ctx_i) < NCTX && 32'(ci_ctx_i) < NCTX && 32'(clr_ctx_i) < NCTX);
  end
  if (PROMPT == 1) begin : g_ready
    always_comb assume (isr_set_ready_i && msix_ready_i && cst_ready_i);
  end
  if (PROMPT != 0) begin : g_no_clear
    always_comb assume (!clr_valid_i);
  end

  logic        irq_ready, ci_ready, isr_valid, msix_valid, cst_valid, ev_raised, ev_moderated, idle, clr_done;
  logic [7:0]  isr_ctx, cst_ctx;
  logic [1:0]  isr_bits;
  logic [8:0]  vector;
  logic [3:0]  cst_idx;
  logic [15:0] cst_add;
  logic [31:0] pend_data;
  nic_irq #(.NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst), .irq_valid_i, .irq_ready_o(irq_ready), .irq_ctx_i, .irq_bits_i, .ci_valid_i, .ci_ready_o(ci_ready), .ci_ctx_i,
    .mg_valid_i, .isr_set_valid_o(isr_valid), .isr_set_ready_i, .isr_set_ctx_o(isr_ctx), .isr_set_bits_o(isr_bits),
    .msix_valid_o(msix_valid), .msix_ready_i, .msix_vector_o(vector), .moderation_i((PROMPT == 1) ? 24'd0 : {20'd0, distance}),
    .bits_i, .pend_re_i, .pend_clear_i, .pend_group_i, .pend_data_o(pend_data), .time_i(time_now), .cst_valid_o(cst_valid), .cst_ready_i, .cst_ctx_o(cst_ctx), .cst_idx_o(cst_idx), .cst_add_o(cst_add),
    .clr_valid_i, .clr_ctx_i, .clr_done_o(clr_done), .ev_raised_o(ev_raised), .ev_moderated_o(ev_moderated), .idle_o(idle)
  );

  // nic_revoke's promise: one context until it is done.
  lib_ready_valid_props #(.WIDTH(8), .ASSUME(1)) u_clear (
    .clk_i, .rst_i(rst), .valid_i(clr_valid_i), .ready_i(clr_done), .data_i(clr_ctx_i)
  );

  logic over_q;  // and then valid falls
  always_ff @(posedge clk_i) over_q <= clr_valid_i && clr_done;
  always_comb if (past && over_q) assume (!clr_valid_i);

  (* hierconn *) logic [NCTX-1:0] \dut.used_q ;
  (* hierconn *) logic [NCTX-1:0] \dut.config_q ;
  (* hierconn *) logic            \dut.mgmt_q ;
  (* hierconn *) logic            \dut.in_valid_q ;
  (* hierconn *) logic [7:0]      \dut.in_ctx_q ;
  (* hierconn *) logic [1:0]      \dut.in_bits_q ;
  (* hierconn *) logic [2:0]      \dut.step_q ;
  (* hierconn *) logic [2:0]      \dut.cur_q ;
  (* hierconn *) logic            \dut.shared_q ;
  (* hierconn *) logic [31:0]     \dut.pend_q ;
  localparam logic [2:0] Shared = 3'(NCTX + 1);
  localparam logic [2:0] StTake = 3'd2;

  (* anyconst *) logic [7:0] ctx_c;
  (* anyconst *) logic       bit_c;
  always_comb assume (32'(ctx_c) < NCTX);
  logic clears, came, set, sent, sent0, kept, taking, own_message, shared_message, any_bit, takes_shared, reads;
  // Whose message it is: vector 1 may be context 0's or the bits'.
  assign own_message    = msix_valid && \dut.cur_q  == ctx_c[2:0] + 3'd1;
  assign shared_message = msix_valid && \dut.cur_q  == Shared;
  assign any_bit        = isr_valid && isr_set_ready_i && bits_i;
  assign takes_shared   = \dut.step_q  == StTake && \dut.cur_q  == Shared;
  assign reads          = pend_re_i && pend_clear_i && pend_group_i == 3'd0;
  assign taking = \dut.step_q  == StTake && \dut.cur_q  == ctx_c[2:0] + 3'd1;
  assign clears = clr_valid_i && clr_ctx_i == ctx_c;
  assign came   = (irq_valid_i && irq_ready && irq_ctx_i == ctx_c && irq_bits_i[bit_c]) ||
                  (ci_valid_i && ci_ready && ci_ctx_i == ctx_c && bit_c);
  assign set    = isr_valid && isr_set_ready_i && isr_ctx == ctx_c;
  assign sent   = own_message && msix_ready_i;
  assign sent0  = msix_valid && msix_ready_i && vector == 9'd0;
  // Where an event can be that is not set in InterruptStatus yet.
  assign kept = (\dut.in_valid_q  && \dut.in_ctx_q  == ctx_c && \dut.in_bits_q [bit_c]) ||
                (bit_c ? \dut.config_q [ctx_c[0]] : \dut.used_q [ctx_c[0]]) ||
                (isr_valid && isr_ctx == ctx_c && isr_bits[bit_c]);

  logic       bit_q, follows_q, some_q, taken_some_q;  // bit-vector mode
  logic       wanted_q, reason_q, taken_q, owed_q, taken0_q, wanted0_q, first_q;
  logic [5:0] waited_q, late_q;
  logic [4:0] since_q;
  always_ff @(posedge clk_i) begin
    // What is being set counts as wanted until it is set; an event that comes meanwhile is wanted anew.
    wanted_q <= came || (wanted_q && !(set && isr_bits[bit_c]));
    // An event gives a reason until the unit takes the bits; one that is on its way in then, for the next time.
    if (taking) taken_q <= reason_q;
    reason_q <= came || (reason_q && !(taking && !(\dut.in_valid_q  && \dut.in_ctx_q  == ctx_c && \dut.in_bits_q [bit_c])));
    owed_q   <= (set && !bits_i) || (owed_q && !sent);
    bit_q        <= (set && bits_i) || (bit_q && !reads);
    follows_q    <= (set && bits_i) || (follows_q && !(shared_message && msix_ready_i));
    some_q       <= any_bit || (some_q && !takes_shared);
    taken_some_q <= (takes_shared && some_q) || (taken_some_q && !(shared_message && msix_ready_i));
    late_q       <= follows_q ? late_q + 6'd1 : 6'd0;
    wanted0_q <= mg_valid_i || (wanted0_q && !(\dut.step_q  == StTake && \dut.cur_q  == 3'd0));
    taken0_q  <= (\dut.step_q  == StTake && \dut.cur_q  == 3'd0 && wanted0_q) || (taken0_q && !sent0);
    waited_q <= (wanted_q && !sent && !(set && bits_i)) ? waited_q + 6'd1 : 6'd0;
    if (sent) since_q <= 5'd0;
    else if (since_q != 5'd31) since_q <= since_q + 5'd1;
    if (sent) first_q <= 1'b0;
    if (clears) wanted_q <= 1'b0;
    if (clears) bit_q <= 1'b0;
    if (rst) begin
      wanted_q  <= 1'b0;
      reason_q  <= 1'b0;
      taken_q   <= 1'b0;
      owed_q    <= 1'b0;
      bit_q     <= 1'b0;
      follows_q <= 1'b0;
      some_q    <= 1'b0;
      late_q    <= '0;
      taken_some_q <= 1'b0;
      wanted0_q <= 1'b0;
      taken0_q  <= 1'b0;
      waited_q  <= '0;
      first_q   <= 1'b1;
      since_q   <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      if (PROMPT == 0) begin
        never_lost: assert (!wanted_q || kept);
        never_lost0: assert (!wanted0_q || \dut.mgmt_q );
        status_first: assert (!own_message || (owed_q && vector == 9'(ctx_c) + 9'd1));
        a_message_follows: assert (!owed_q || own_message);
        // Bit-vector mode: the bit stays until it is read, and a message that begins after it was set follows.
        bit_is_kept: assert (\dut.pend_q [ctx_c[4:0]] == bit_q);
        bit_is_read: assert (!$past(!rst && pend_re_i && pend_group_i == 3'd0) || pend_data[ctx_c[4:0]] == $past(bit_q));
        bits_message_follows: assert (!follows_q || \dut.shared_q  || shared_message);
        bits_reason: assert (!shared_message || (taken_some_q && vector == 9'd1));
        reason: assert (!(isr_valid && isr_ctx == ctx_c && isr_bits[bit_c]) || taken_q);
        reason0: assert (!(msix_valid && vector == 9'd0) || taken0_q);
        in_range: assert (!msix_valid || 32'(vector) <= NCTX);
        cleared: assert (!clr_done || !$past(clears) || !own_message);

        both_bits: cover (set && isr_bits == 2'b11);
        both_ways: cover (shared_message && bit_q && ctx_c == 8'd1);
        during: cover (wanted_q && owed_q && sent);
        mgmt: cover (sent0);
        clear: cover (clr_done && clears);
      end
      if (PROMPT == 1) begin
        prompt: assert (waited_q <= 6'(LIMIT));
        prompt_bits: assert (late_q <= 6'(LIMIT));
        slow: cover (waited_q == 6'(LIMIT));
      end
      if (PROMPT == 2) begin
        apart: assert (!own_message || first_q || since_q >= {1'b0, distance});
        spaced: cover (sent && !first_q && distance == 4'd12);
      end
    end
  end

endmodule
