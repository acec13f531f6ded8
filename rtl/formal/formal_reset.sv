// SPDX-License-Identifier: Apache-2.0
// Reset of a proof: high in the first cycle, and with AGAIN = 1 in any later cycle the solver likes.

// All registers start with any value, so nothing may be asserted before the first reset: checks stand under `if (!rst)`.
// past_o is high from the second cycle on: only then does $past mean something.
module formal_reset #(
    parameter int unsigned AGAIN = 0
) (
    input  logic clk_i,
    output logic rst_o,
    output logic past_o
);

  logic first_q = 1'b1;
  always_ff @(posedge clk_i) first_q <= 1'b0;

  (* anyseq *) logic again;
  assign rst_o  = first_q || (AGAIN != 0 && again);
  assign past_o = !first_q;

endmodule
