// SPDX-License-Identifier: Apache-2.0
// Brings level signals into another clock domain: two flip-flops for each bit.

// Bits of one word may arrive in different cycles; whoever needs them together takes Gray code (lib_fifo_async) or
// waits until they stand still. d_i must come straight from flip-flops.
module lib_cdc_sync #(
    parameter int unsigned WIDTH = 1
) (
    input  logic             clk_i,
    input  logic [WIDTH-1:0] d_i,
    output logic [WIDTH-1:0] q_o
);
  (* keep *) logic [WIDTH-1:0] meta_q, sync_q;

  always_ff @(posedge clk_i) begin
    meta_q <= d_i;
    sync_q <= meta_q;
  end
  assign q_o = sync_q;
endmodule
