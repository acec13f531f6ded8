// SPDX-License-Identifier: Apache-2.0
// Doorbells: which queues have been rung, as bits, and the next one for the firmware, round robin over the contexts.

// A bit per queue; ringing a queue that is already rung changes nothing, so a thousand rings cost as much as one. A search for the
// next context with a bit behind the last one takes three cycles (two levels: groups, then contexts in them) and runs ahead of the
// firmware: one context is offered, the next waits behind it. A context's queues are offered together, lowest first, so no queue
// starves another of its context and no context another.
//
//   set_i, clear_i  ring queue_i of ctx_i; forget all rings of ctx_i (device reset). Not both at once.
//   pop_*           next rung queue; taking it clears its bit. What is offered already stays offered when its context is
//                   cleared: the firmware must be able to ignore a ring.
//   clr_*           clear bus (revocation): all rings of the context go, the offered one as well; it has none meanwhile
//                   A ring is offered 6 cycles after set_i at the latest when nothing else waits.
module nic_doorbell #(
    parameter int unsigned NCTX = 32  // contexts, 1 to 256
) (
    input  logic       clk_i,
    input  logic       rst_i,
    input  logic       set_i,
    input  logic       clear_i,
    input  logic [7:0] ctx_i,
    input  logic [3:0] queue_i,
    input  logic       clr_valid_i,
    input  logic [7:0] clr_ctx_i,
    output logic       clr_done_o,
    output logic       pop_valid_o,
    input  logic       pop_ready_i,
    output logic [7:0] pop_ctx_o,
    output logic [3:0] pop_queue_o
);

  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;
  localparam int unsigned N  = 2**CW;
  localparam int unsigned IW = (CW > 6) ? 4 : (CW > 3) ? 3 : CW;  // log2 of the contexts in a group
  localparam int unsigned GS = 2**IW;
  localparam int unsigned G  = N / GS;

  logic [1:0][N-1:0] rung_q;  // [queue][context]
  logic [N-1:0]      any;
  assign any = rung_q[0] | rung_q[1];

  // ---------------------------------------------------------------- search

  // Step 0: all rung contexts, and of these the ones behind the last. Step 1: first of each group. Step 2: first group.
  logic [1:0]           step_q;
  logic                 found_q;           // a context waits to be taken
  logic [CW-1:0]        last_q;            // the last one found
  logic [N-1:0]         all0_q, behind0_q, behind;
  logic [G-1:0]         all1_q, behind1_q;
  logic [G-1:0][IW-1:0] all1_idx_q, behind1_idx_q;
  logic                 take, take_free;

  localparam logic [N-1:0] Second = 2;
  assign behind = ~((Second << last_q) - N'(1));

  function automatic logic [IW-1:0] first(input logic [GS-1:0] bits);
    first = '0;
    for (int i = int'(GS) - 1; i >= 0; i--) if (bits[i]) first = IW'(i);
  endfunction

  logic [CW-1:0] pick;
  logic          pick_valid;
  always_comb begin
    pick       = '0;
    pick_valid = |all1_q;
    for (int g = int'(G) - 1; g >= 0; g--) if (all1_q[g]) pick = CW'(g * int'(GS)) | CW'(all1_idx_q[g]);
    if (|behind1_q) begin
      for (int g = int'(G) - 1; g >= 0; g--) if (behind1_q[g]) pick = CW'(g * int'(GS)) | CW'(behind1_idx_q[g]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      step_q  <= 2'd0;
      found_q <= 1'b0;
      last_q  <= '1;
    end else begin
      unique case (step_q)
        2'd0: begin
          if (!found_q || take) begin
            if (any != '0) step_q <= 2'd1;
            found_q <= 1'b0;
          end
        end
        2'd1: step_q <= 2'd2;
        default: begin
          step_q  <= 2'd0;
          found_q <= pick_valid;
          if (pick_valid) last_q <= pick;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (step_q == 2'd0) begin
      all0_q    <= any;
      behind0_q <= any & behind;
    end
    if (step_q == 2'd1) begin
      for (int unsigned g = 0; g < G; g++) begin
        all1_q[g]        <= |all0_q[g*GS +: GS];
        all1_idx_q[g]    <= first(all0_q[g*GS +: GS]);
        behind1_q[g]     <= |behind0_q[g*GS +: GS];
        behind1_idx_q[g] <= first(behind0_q[g*GS +: GS]);
      end
    end
  end

  // ---------------------------------------------------------------- the next context, and the one offered

  logic [1:0]    next_q, next_d, cur_q, cur_d, offered, taken;  // queues
  logic [CW-1:0] next_ctx_q, cur_ctx_q;
  logic          pop, move;
  logic [1:0]    queue_bit;
  logic          known;  // the ring that comes in waits there already

  assign offered   = cur_q[0] ? 2'b01 : 2'b10;
  assign pop       = cur_q != 2'b00 && pop_ready_i;
  assign queue_bit = queue_i[0] ? 2'b10 : 2'b01;

  assign take_free = next_q == 2'b00 || move;
  assign take      = step_q == 2'd0 && found_q && take_free;
  assign taken     = take ? {rung_q[1][last_q], rung_q[0][last_q]} : 2'b00;

  logic in_cur, in_next, in_taken;
  assign in_cur   = ctx_i[CW-1:0] == cur_ctx_q;
  assign in_next  = ctx_i[CW-1:0] == next_ctx_q;
  assign in_taken = take && ctx_i[CW-1:0] == last_q;

  logic [CW-1:0] clr_ctx;
  logic clr_cur, clr_next, clr_taken;
  assign clr_ctx   = clr_ctx_i[CW-1:0];
  assign clr_cur   = clr_valid_i && cur_ctx_q == clr_ctx;
  assign clr_next  = clr_valid_i && next_ctx_q == clr_ctx;
  assign clr_taken = clr_valid_i && last_q == clr_ctx;

  logic [1:0] cur_left;  // what stays offered
  assign cur_left = clr_cur ? 2'b00 :
                    (pop ? cur_q & ~offered : cur_q) & ~((clear_i && in_cur) ? ~offered : 2'b00);
  assign move     = cur_left == 2'b00 && next_q != 2'b00;
  assign next_d   = ((clear_i && in_next) || clr_next) ? 2'b00 : next_q;
  assign cur_d    = move ? next_d : cur_left;

  assign known = (in_cur && (cur_left & queue_bit) != 2'b00) || (in_next && (next_q & queue_bit) != 2'b00) ||
                 (in_taken && (taken & queue_bit) != 2'b00);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      cur_q  <= 2'b00;
      next_q <= 2'b00;
      rung_q <= '0;
    end else begin
      cur_q <= cur_d;
      if (take) next_q <= ((clear_i && in_taken) || clr_taken) ? 2'b00 : taken;
      else next_q <= move ? 2'b00 : next_d;
      if (take) begin
        rung_q[0][last_q] <= 1'b0;
        rung_q[1][last_q] <= 1'b0;
      end
      if (clear_i) begin
        rung_q[0][ctx_i[CW-1:0]] <= 1'b0;
        rung_q[1][ctx_i[CW-1:0]] <= 1'b0;
      end
      if (set_i && !known) begin
        if (queue_i[0]) rung_q[1][ctx_i[CW-1:0]] <= 1'b1;
        else rung_q[0][ctx_i[CW-1:0]] <= 1'b1;
      end
      if (clr_valid_i) begin
        rung_q[0][clr_ctx] <= 1'b0;
        rung_q[1][clr_ctx] <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) next_ctx_q <= last_q;
    if (move) cur_ctx_q <= next_ctx_q;
    clr_done_o <= !rst_i && clr_valid_i;
  end

  assign pop_valid_o = cur_q != 2'b00;
  assign pop_ctx_o   = 8'(cur_ctx_q);
  assign pop_queue_o = {3'b000, !cur_q[0]};

`ifndef SYNTHESIS
  initial begin
    if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_doorbell: NCTX must be 1 to 256");
    if (glregs_pkg::QUEUES != 2) $fatal(1, "nic_doorbell: written for two queues");
  end

  lib_ready_valid_props #(.WIDTH(12)) u_pop_props (
    .clk_i, .rst_i(rst_i || clr_valid_i), .valid_i(pop_valid_o), .ready_i(pop_ready_i), .data_i({pop_ctx_o, pop_queue_o})
  );
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(set_i && clear_i));
      if (set_i) assert (queue_i[3:1] == '0);
      if (set_i || clear_i) assert (32'(ctx_i) < NCTX);
      if (clr_valid_i) assert (32'(clr_ctx_i) < NCTX);
    end
  end
`endif

endmodule
