// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_dma_req: each request goes out once and as it was asked, one on offer stays, answers find their user.

// The walker is free but keeps what it offers; the DMA engine begins an offer only when it was told that the walker offers none.
module proof_req (
    input logic        clk_i,
    input logic        want_i,       // the DMA engine would like to offer
    input logic        d_write_i,
    input logic [63:0] d_addr_i,
    input logic [12:0] d_len_i,
    input logic [3:0]  d_id_i,
    input logic        wk_valid_i,
    input logic [63:0] wk_addr_i,
    input logic [6:0]  wk_len_i,
    input logic [3:0]  wk_id_i,
    input logic        req_ready_i,
    input logic        rdat_valid_i,
    input logic        rdat_walk_i,
    input logic        d_rready_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic        d_valid_q, d_free, d_ready, wk_ready, req_valid, req_write, rdat_ready, d_rvalid, wd_valid;
  logic [63:0] req_addr;
  logic [12:0] req_len;
  logic [4:0]  req_id;

  nic_dma_req dut (
    .clk_i, .rst_i(rst), .d_valid_i(d_valid_q), .d_free_o(d_free), .d_ready_o(d_ready), .d_write_i, .d_addr_i, .d_len_i, .d_id_i,
    .wk_valid_i, .wk_ready_o(wk_ready), .wk_addr_i, .wk_len_i, .wk_id_i, .req_valid_o(req_valid), .req_ready_i, .req_write_o(req_write),
    .req_addr_o(req_addr), .req_len_o(req_len), .req_id_o(req_id), .rdat_valid_i, .rdat_ready_o(rdat_ready), .rdat_walk_i,
    .d_rvalid_o(d_rvalid), .d_rready_i, .wd_valid_o(wd_valid)
  );

  always_ff @(posedge clk_i) begin
    if (rst) d_valid_q <= 1'b0;
    else if (d_valid_q) d_valid_q <= !d_ready;
    else d_valid_q <= want_i && d_free;
  end

  logic d_goes, wk_goes;
  assign d_goes  = d_valid_q && d_ready;
  assign wk_goes = wk_valid_i && wk_ready;

  always_ff @(posedge clk_i) begin
    if (past && !$past(rst)) begin
      if ($past(d_valid_q && !d_ready)) assume ($stable(d_write_i) && $stable(d_addr_i) && $stable(d_len_i) && $stable(d_id_i));
      if ($past(wk_valid_i && !wk_ready)) assume (wk_valid_i && $stable(wk_addr_i) && $stable(wk_len_i) && $stable(wk_id_i));
    end
    if (!rst && past) begin
      stays: assert (!$past(req_valid && !req_ready_i && !rst) || (req_valid && $stable(req_write) && $stable(req_addr) &&
                     $stable(req_len) && $stable(req_id)));
      one: assert ((req_valid && req_ready_i) == (d_goes || wk_goes) && !(d_goes && wk_goes));
      of_dma: assert (!d_goes || (req_write == d_write_i && req_addr == d_addr_i && req_len == d_len_i && req_id == {1'b0, d_id_i}));
      of_walker: assert (!wk_goes || (!req_write && req_addr == wk_addr_i && req_len == {6'd0, wk_len_i} && req_id == {1'b1, wk_id_i}));
      // An offer of the DMA engine is on the port at once: its look at the run bit is not out of date.
      at_once: assert (!d_valid_q || (req_valid && !req_id[4]));
      answers: assert (d_rvalid == (rdat_valid_i && !rdat_walk_i) && wd_valid == (rdat_valid_i && rdat_walk_i));
      taken: assert (!rdat_valid_i || rdat_ready == (rdat_walk_i || d_rready_i));

      both: cover (d_valid_q && wk_valid_i && !req_ready_i);
      dma_after: cover ($past(wk_goes, 2) && d_goes);
    end
  end

endmodule
