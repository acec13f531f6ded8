// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_switch_away: five contexts, free inputs. What is proven stands at the end of the module itself (`FORMAL`): for any
// context but 0, who may send it away and who brings it back.
module proof_away (
    input logic       clk_i,
    input logic [4:0] run_i,
    input logic       set_i,
    input logic [7:0] set_index_i,
    input logic       scan_i,
    input logic [6:0] pair_i,
    input logic [1:0] source_i,
    input logic       from_ctx_i,
    input logic [7:0] sender_i,
    input logic       pass_i
);

  logic rst, past;
  logic [4:0] away;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  nic_switch_away #(.NCTX(5)) dut (
    .clk_i, .rst_i(rst), .run_i, .set_i, .set_index_i, .scan_i, .pair_i, .source_i, .from_ctx_i, .sender_i, .pass_i, .away_o(away)
  );

  always_ff @(posedge clk_i) begin
    if (!rst && past) begin
      all_here: cover (away == '0);
      one_there: cover (away == 5'b01000);
    end
  end

endmodule
