// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_scan: a bit that stays set is found, once per round, and no other more than once before it.

// One bit, any bit, is watched. While it is set and not served, the finds of other bits are counted, and the cycles in which nothing was
// found. Both have a bound, so whoever sets a bit knows how long it takes.
module proof_scan #(
    parameter int unsigned N = 5
) (
    input logic         clk_i,
    input logic [N-1:0] vec_i,
    input logic         next_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic       found;
  logic [7:0] idx;
  nic_scan #(.N(N)) dut (.clk_i, .rst_i(rst), .vec_i, .next_i, .found_o(found), .idx_o(idx));

  (* anyconst *) logic [7:0] bit_c;
  always_comb assume (32'(bit_c) < N);

  logic [7:0] left;  // steps from the index to the watched bit
  assign left = (bit_c >= idx) ? bit_c - idx : bit_c + 8'(N) - idx;

  logic [7:0] others_q, cycles_q;
  always_ff @(posedge clk_i) begin
    if (rst || !vec_i[bit_c[2:0]] || (found && idx == bit_c)) begin
      others_q <= '0;
      cycles_q <= '0;
    end else begin
      if (found && next_i) others_q <= others_q + 8'd1;
      if (!found) cycles_q <= cycles_q + 8'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      in_range: assert (32'(idx) < N);
      is_set: assert (!(found && $past(!found)) || $past(vec_i[idx[2:0]]));
      stays: assert (!$past(found && !next_i && !rst) || (found && idx == $past(idx)));
      moves_on: assert (!$past(found && next_i && !rst) || !found);
      fair: assert (others_q < 8'(N));
      prompt: assert (cycles_q < 8'(2 * N));
      // Why: each find of another bit, and every second cycle without one, brings the index nearer. (Makes the induction hold.)
      fair_why: assert (others_q + left < 8'(N));
      prompt_why: assert (cycles_q + 8'd2 * left <= 8'(2 * N - 2) + (found ? 8'd1 : 8'd0));

      late: cover (others_q == 8'(N - 1) && found && idx == bit_c);
      all_round: cover (!$past(rst) && idx == '0 && $past(idx) == 8'(N - 1));
    end
  end

endmodule
