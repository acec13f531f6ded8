// SPDX-License-Identifier: Apache-2.0
// The example for unit benches (tests/unit/tb.h): a counter that steps while enabled and stops at its limit.
//
//   en_i      step in this cycle
//   count_o   steps taken since reset, at most LIMIT
//   full_o    no further step is taken (combinational from the state)
module counter #(
    parameter int unsigned LIMIT = 9
) (
    input  logic       clk_i,
    input  logic       rst_i,
    input  logic       en_i,
    output logic [7:0] count_o,
    output logic       full_o
);
    logic [7:0] count_q;

    assign count_o = count_q;
    assign full_o  = count_q == 8'(LIMIT);

    always_ff @(posedge clk_i) begin
        if (rst_i) count_q <= '0;
        else if (en_i && !full_o) count_q <= count_q + 1'b1;
    end

`ifndef SYNTHESIS
    initial if (LIMIT < 1 || LIMIT > 255) $fatal(1, "LIMIT must be 1 to 255");
    always_ff @(posedge clk_i) if (!rst_i) assert (count_q <= 8'(LIMIT));
`endif
endmodule
