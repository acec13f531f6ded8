// SPDX-License-Identifier: Apache-2.0
// Fence of the DMA engine: tells when everything that was translated before a moment has ended.

// The guard raises fence_valid_i when it has forgotten translations. Pieces that it translated before are at most at four places:
// held by nic_dma_split, in nic_dma_issue (a request on offer among them), out as a read, or handed to the requester as a write.
// The fence looks at one after the other, in the order in which a piece moves through them, so it misses none:
//
//   1. until the piece that nic_dma_split held has been handed over;
//   2. until nic_dma_issue has no piece in hand (it comes to that between any two pieces);
//   3. at that moment, which reads are out and how many writes the link has not taken; until all these have ended.
//
// What comes later is not waited for, so traffic of others does not delay the fence beyond the piece in hand. It takes
// as long as the link and the host take, and never waits for the firmware: nic_dma takes a command only when its completion has a place.
//
//   fence_valid_i, fence_done_o   held until done, a pulse; then the next one may begin
//   held_i         nic_dma_split holds a translated piece, or gets the answer now;  handed_i: it hands one over
//   issue_idle_i   nic_dma_issue has no piece in hand
//   pending_i      reads that are out;  done_*: one ends
//   wr_taken_i     the requester takes a write;  wr_sent_i: its oldest write has been taken by the link, or dropped
//   wr_out_o       writes taken and not sent
module nic_dma_fence (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        fence_valid_i,
    output logic        fence_done_o,
    input  logic        held_i,
    input  logic        handed_i,
    input  logic        issue_idle_i,
    input  logic [15:0] pending_i,
    input  logic        done_valid_i,
    input  logic [3:0]  done_id_i,
    input  logic        wr_taken_i,
    input  logic        wr_sent_i,
    output logic        wr_out_o
);

  typedef enum logic [2:0] {
    IDLE,
    SPLIT,  // the piece in nic_dma_split
    ISSUE,  // the piece in nic_dma_issue
    OUT,    // reads and writes
    DONE
  } state_e;
  state_e state_q;

  logic        held_q;      // nic_dma_split still holds the piece
  logic [15:0] reads_q;     // reads to wait for
  logic [7:0]  writes_q;    // writes to wait for
  logic [7:0]  out_q;       // all writes that are out: at most four in the requester's queue, three in its stages, 128 in its store
  logic [15:0] ended;

  assign ended = done_valid_i ? 16'd1 << done_id_i : '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= IDLE;
      out_q   <= '0;
    end else begin
      out_q <= out_q + {7'd0, wr_taken_i} - {7'd0, wr_sent_i};
      unique case (state_q)
        IDLE:  if (fence_valid_i) state_q <= SPLIT;
        SPLIT: if (!held_q || handed_i) state_q <= ISSUE;
        ISSUE: if (issue_idle_i) state_q <= OUT;
        OUT:   if (reads_q == '0 && writes_q == '0) state_q <= DONE;
        default: state_q <= IDLE;
      endcase
    end
    if (state_q == IDLE) held_q <= held_i && !handed_i;
    if (state_q == OUT) begin
      reads_q <= reads_q & ~ended;
      if (wr_sent_i && writes_q != '0) writes_q <= writes_q - 8'd1;
    end else begin
      reads_q  <= pending_i & ~ended;
      writes_q <= out_q - {7'd0, wr_sent_i};
    end
  end

  assign fence_done_o = state_q == DONE;
  assign wr_out_o     = out_q != '0;

`ifndef SYNTHESIS
  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) begin
    if (rst_i) started_q <= 1'b1;
    if (started_q && !rst_i) begin
      assert (!(wr_sent_i && out_q == '0));
      assert (!(wr_taken_i && out_q == '1));
      assert (!(wr_taken_i && issue_idle_i));
      assert (!(handed_i && !issue_idle_i));
    end
  end
`endif

endmodule
