// SPDX-License-Identifier: Apache-2.0
// lib_ram_sdp: a word reads as what was last written there, and is held while nothing is read. This is what the other proofs of this
// folder assume of it.
module proof_ram (
    input logic       clk_i,
    input logic       we_i,
    input logic [2:0] waddr_i,
    input logic [3:0] wdata_i,
    input logic       re_i,
    input logic [2:0] raddr_i
);

  (* anyconst *) logic [2:0] at;
  logic [3:0] rdata;
  lib_ram_sdp #(.WIDTH(4), .DEPTH(8)) dut (.clk_i, .we_i, .waddr_i, .wdata_i, .re_i, .raddr_i, .rdata_o(rdata));

  logic       written_q = 1'b0, read_q = 1'b0;
  logic [3:0] word_q, value_q;
  always_ff @(posedge clk_i) begin
    if (we_i && waddr_i == at) begin
      written_q <= 1'b1;
      word_q    <= wdata_i;
    end
    if (re_i) begin
      read_q  <= written_q && raddr_i == at && !(we_i && waddr_i == at);
      value_q <= word_q;
    end
    if (read_q) reads: assert (rdata == value_q);
    seen: cover (read_q && !re_i && $past(we_i) && value_q == 4'd9);
  end

endmodule
