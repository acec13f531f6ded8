// SPDX-License-Identifier: Apache-2.0
// The ready/valid rules of this project as a monitor that any block can place on any of its
// streams.

// A transfer happens in a cycle with valid_i and ready_i. Once valid_i is high it stays high until
// the transfer, and data_i does not change until then. (The other rule, that valid never waits for
// ready, follows for a monitored stream when a proof makes ready_i a free input.)
//
// In simulation the rules are asserted (Verilator: with --assert). In a proof (FORMAL) they are
// asserted too, or with ASSUME = 1 assumed: the block under proof asserts on its outputs and
// assumes on its inputs.
module lib_ready_valid_props #(
    parameter int unsigned WIDTH  = 1,
    parameter int unsigned ASSUME = 0
) (
    input logic             clk_i,
    input logic             rst_i,
    input logic             valid_i,
    input logic             ready_i,
    input logic [WIDTH-1:0] data_i
);

`ifndef SYNTHESIS
  // stalled_q is not reset: until the first reset cycle nothing is known, so nothing is checked.
  logic             stalled_q = 1'b0;
  logic [WIDTH-1:0] data_q;

  always_ff @(posedge clk_i) begin
    stalled_q <= !rst_i && valid_i && !ready_i;
    data_q    <= data_i;
  end

  if (ASSUME == 0) begin : g_assert
    always_ff @(posedge clk_i) begin
      if (!rst_i && stalled_q) begin
        assert (valid_i);
        assert (data_i == data_q);
      end
    end
  end else begin : g_assume
    always_ff @(posedge clk_i) begin
      if (!rst_i && stalled_q) begin
        assume (valid_i);
        assume (data_i == data_q);
      end
    end
  end

`ifdef FORMAL
  always_ff @(posedge clk_i) begin
    cover (!rst_i && stalled_q && valid_i && ready_i);  // a stall that ends
  end
`endif
`endif

endmodule
