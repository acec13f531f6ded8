// SPDX-License-Identifier: Apache-2.0
// Finds the next set bit of a vector, round robin, by looking at one bit per cycle.

// While found_o is low the index moves on, one per cycle; it stops at a set bit and raises found_o. The owner of the
// vector then acts on idx_o and pulses next_i, upon which the search goes on behind idx_o. found_o may be stale (the owner
// has cleared the bit since): owners that clear bits on their own must look again.
//
//   N   bits of the vector, 1 to 256
module nic_scan #(
    parameter int unsigned N = 32
) (
    input  logic         clk_i,
    input  logic         rst_i,
    input  logic [N-1:0] vec_i,
    input  logic         next_i,
    output logic         found_o,
    output logic [7:0]   idx_o
);

  localparam int unsigned W = (N > 1) ? $clog2(N) : 1;
  localparam logic [W-1:0] Last = W'(N - 1);
  localparam logic [W-1:0] One  = 1;

  logic [W-1:0] idx_q;
  logic         found_q;

  logic [2**W-1:0] padded;  // so that an index never leaves the vector
  assign padded = (2**W)'(vec_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      idx_q   <= '0;
      found_q <= 1'b0;
    end else if (found_q ? next_i : !padded[idx_q]) begin
      idx_q   <= (idx_q == Last) ? '0 : idx_q + One;
      found_q <= 1'b0;
    end else begin
      found_q <= 1'b1;
    end
  end

  assign found_o = found_q;
  assign idx_o   = 8'(idx_q);

`ifndef SYNTHESIS
  initial if (N < 1 || N > 256) $fatal(1, "nic_scan: N must be 1 to 256");
`endif

endmodule
