// SPDX-License-Identifier: Apache-2.0
// Store-and-forward FIFO for TLPs in block RAM: a packet becomes visible to the reader when it is complete.

// The writer marks the first beat of a packet with start_i and its last one with commit_i. A packet that turns out bad is
// simply not committed: the next start_i overwrites it.
//
//   WIDTH, DEPTH_LOG2   width of a beat; log2 of the number of beats (a packet must fit)
//   wr_i                a beat is written (no ready: the writer looks at room_o)
//   room_o              at least 8 more beats fit; registered, so a pipeline of up to 5 beats may follow its fall
//   empty_o             no committed beat is inside
module pcie_store #(
    parameter int unsigned WIDTH      = 66,
    parameter int unsigned DEPTH_LOG2 = 9
) (
    input  logic             clk_i,
    input  logic             rst_i,
    input  logic             wr_i,
    input  logic             start_i,
    input  logic             commit_i,
    input  logic [WIDTH-1:0] wr_data_i,
    output logic             room_o,
    output logic             empty_o,
    output logic             rd_valid_o,
    input  logic             rd_ready_i,
    output logic [WIDTH-1:0] rd_data_o
);
  localparam logic [DEPTH_LOG2:0] One  = 1;
  localparam logic [DEPTH_LOG2:0] Most = (DEPTH_LOG2 + 1)'(2 ** DEPTH_LOG2 - 8);

  // One bit more than the address: full and empty differ.
  logic [DEPTH_LOG2:0] wptr_q, cptr_q, rptr_q, rnext_q;  // rnext_q: rptr_q + 1
  logic [DEPTH_LOG2:0] waddr, wnext, cptr_d;
  logic                mem_empty_q, room_q;
  logic                ram_valid_q, out_valid_q;
  logic [WIDTH-1:0]    ram_data, out_data_q;
  logic                out_load, ram_load, pop;

  assign waddr    = start_i ? cptr_q : wptr_q;
  assign wnext    = waddr + One;
  assign cptr_d   = (wr_i && commit_i) ? wnext : cptr_q;
  assign out_load = !out_valid_q || rd_ready_i;
  assign ram_load = !ram_valid_q || out_load;
  assign pop      = ram_load && !mem_empty_q;

  lib_ram_sdp #(.WIDTH(WIDTH), .DEPTH(2**DEPTH_LOG2)) u_ram (
    .clk_i,
    .we_i    (wr_i),
    .waddr_i (waddr[DEPTH_LOG2-1:0]),
    .wdata_i (wr_data_i),
    .re_i    (ram_load),
    .raddr_i (rptr_q[DEPTH_LOG2-1:0]),
    .rdata_o (ram_data)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wptr_q      <= '0;
      cptr_q      <= '0;
      rptr_q      <= '0;
      rnext_q     <= One;
      mem_empty_q <= 1'b1;
      room_q      <= 1'b0;
      ram_valid_q <= 1'b0;
      out_valid_q <= 1'b0;
    end else begin
      if (wr_i) wptr_q <= wnext;
      cptr_q      <= cptr_d;
      if (pop) begin
        rptr_q  <= rnext_q;
        rnext_q <= rnext_q + One;
      end
      // Sees a commit one cycle late, which is early enough. pop comes late: it only chooses.
      mem_empty_q <= pop ? cptr_q == rnext_q : cptr_q == rptr_q;
      room_q      <= (wptr_q - rptr_q) <= Most;
      if (ram_load) ram_valid_q <= !mem_empty_q;
      if (out_load) out_valid_q <= ram_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (out_load) out_data_q <= ram_data;
  end

  assign room_o     = room_q;
  assign empty_o    = cptr_q == rptr_q && !ram_valid_q && !out_valid_q;
  assign rd_valid_o = out_valid_q;
  assign rd_data_o  = out_data_q;

`ifndef SYNTHESIS
  initial if (WIDTH < 1 || DEPTH_LOG2 < 6) $fatal(1, "pcie_store: WIDTH at least 1, DEPTH_LOG2 at least 6");

  lib_ready_valid_props #(.WIDTH(WIDTH)) u_rd_props (
    .clk_i, .rst_i, .valid_i(rd_valid_o), .ready_i(rd_ready_i), .data_i(rd_data_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_i && wr_i) assert ((wnext - rptr_q) <= (One << DEPTH_LOG2));  // never overrun
  end
`endif
endmodule
