// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_doorbell: a ring is never lost, comes out once, waits for a bounded number of others, and a clear touches one context only.

// One queue of one context, any, is watched.
module proof_doorbell #(
    parameter int unsigned NCTX = 2,
    parameter int unsigned OTHERS = 5,  // pops of others that a ring may have to wait for
    parameter int unsigned CYCLES = 8   // cycles in a row in which nothing is offered although it waits
) (
    input logic       clk_i,
    input logic       set_i,
    input logic       clear_i,
    input logic [7:0] ctx_i,
    input logic [3:0] queue_i,
    input logic       clr_valid_i,
    input logic [7:0] clr_ctx_i,
    input logic       pop_ready_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  // What nic_devpage promises.
  always_comb begin
    assume (!(set_i && clear_i));
    assume (32'(ctx_i) < NCTX);
    assume (queue_i < 4'd2);
    assume (32'(clr_ctx_i) < NCTX);
  end

  logic       pop_valid, clr_done;
  logic [7:0] pop_ctx;
  logic [3:0] pop_queue;
  nic_doorbell #(.NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst), .set_i, .clear_i, .ctx_i, .queue_i, .clr_valid_i, .clr_ctx_i, .clr_done_o(clr_done),
    .pop_valid_o(pop_valid), .pop_ready_i, .pop_ctx_o(pop_ctx), .pop_queue_o(pop_queue)
  );

  (* anyconst *) logic [7:0] ctx_c;
  (* anyconst *) logic [3:0] queue_c;
  always_comb assume (32'(ctx_c) < NCTX && queue_c < 4'd2);

  logic offered, popped, rung, cleared, revoked;
  assign offered = pop_valid && pop_ctx == ctx_c && pop_queue == queue_c;
  assign popped  = offered && pop_ready_i;
  assign rung    = set_i && ctx_i == ctx_c && queue_i == queue_c;
  assign cleared = clear_i && ctx_i == ctx_c;
  assign revoked = clr_valid_i && clr_ctx_i == ctx_c;

  logic       waits_q;    // rung, and not popped or cleared since
  logic       may_come_q; // the same, but an offer that stands survives a clear
  logic [3:0] others_q, cycles_q;
  always_ff @(posedge clk_i) begin
    waits_q    <= rung || (waits_q && !popped && !cleared);
    may_come_q <= rung || (may_come_q && !popped && !(cleared && !offered));
    others_q   <= (waits_q && !popped && !cleared) ? others_q + ((pop_valid && pop_ready_i) ? 4'd1 : 4'd0) : 4'd0;
    cycles_q   <= (waits_q && !cleared && !pop_valid) ? cycles_q + 4'd1 : 4'd0;
    if (rst || revoked) begin
      waits_q    <= 1'b0;
      may_come_q <= 1'b0;
      others_q   <= '0;
      cycles_q   <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      once: assert (!offered || may_come_q);
      gone: assert (!offered || !$past(revoked));  // a revoked context is offered no more
      in_range: assert (!pop_valid || (32'(pop_ctx) < NCTX && pop_queue < 4'd2));
      fair: assert (others_q <= 4'(OTHERS));
      prompt: assert (cycles_q <= 4'(CYCLES));
      // Never lost: while it waits, something is offered or will be within CYCLES cycles, and after OTHERS pops it is this ring.

      slowest: cover (others_q == 4'(OTHERS) && popped);
      survives: cover (offered && !waits_q);
      again: cover (popped && rung);
    end
  end

endmodule
