// SPDX-License-Identifier: Apache-2.0
// Resets both sides of a clock domain crossing together, whatever the clocks do.

// rst_i, in the near domain, may be short. The near side then stays in reset until the far side has been in reset and has
// left it, so neither ever works against a half that remembers an earlier life. If the far clock stands still (a PHY without
// a link may stop its own), the near side waits in reset until it runs again.
module lib_cdc_reset (
    input  logic near_clk_i,
    input  logic rst_i,
    output logic near_rst_o,
    input  logic far_clk_i,
    output logic far_rst_o
);
  typedef enum logic [1:0] {RUN, ASK, RELEASE} state_e;
  state_e state_q;
  logic   again_q;  // a reset came while the one before was being let go
  logic   ask_q, far_ask, far_rst_q, far_seen;

  lib_cdc_sync u_ask (.clk_i(far_clk_i), .d_i(ask_q), .q_o(far_ask));
  lib_cdc_sync u_seen (.clk_i(near_clk_i), .d_i(far_rst_q), .q_o(far_seen));

  always_ff @(posedge far_clk_i) far_rst_q <= far_ask;
  assign far_rst_o = far_rst_q;

  always_ff @(posedge near_clk_i) begin
    again_q <= rst_i || (again_q && state_q != RUN);
    unique case (state_q)
      ASK:     if (far_seen && !rst_i) state_q <= RELEASE;
      RELEASE: if (!far_seen) state_q <= RUN;
      default: if (rst_i || again_q) state_q <= ASK;
    endcase
    ask_q      <= state_q == ASK;
    near_rst_o <= rst_i || again_q || state_q != RUN;
  end
endmodule
