// SPDX-License-Identifier: Apache-2.0
// What a person sees: blinks while a clock runs, stretches short events.

//   BEAT_LOG2   log2 of the cycles of one blink
//   event_i     levels or pulses, of any clock domain (from flip-flops)
//   beat_o      blinks while clk_i runs; light_o: on for half a blink after an event
module board_lights #(
    parameter int unsigned EVENTS    = 1,
    parameter int unsigned BEAT_LOG2 = 26
) (
    input  logic              clk_i,
    input  logic [EVENTS-1:0] event_i,
    output logic              beat_o,
    output logic [EVENTS-1:0] light_o
);
  logic [EVENTS-1:0]    seen, any_q;
  logic [BEAT_LOG2-1:0] count_q;
  lib_cdc_sync #(.WIDTH(EVENTS)) u_seen (.clk_i, .d_i(event_i), .q_o(seen));
  always_ff @(posedge clk_i) begin
    count_q <= count_q + 1'b1;
    any_q   <= any_q | seen;
    if (count_q[BEAT_LOG2-3:0] == '0) begin
      light_o <= any_q;
      any_q   <= seen;
    end
  end
  assign beat_o = count_q[BEAT_LOG2-1];
endmodule
