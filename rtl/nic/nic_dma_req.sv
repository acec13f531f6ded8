// SPDX-License-Identifier: Apache-2.0
// One requester for two users: the DMA engine's requests and the table walker's reads, and their answers back.

// A request on offer stays on offer until it is taken. The walker goes first: nic_dma_issue begins to offer a request only while
// the walker offers none (d_free_o, one cycle before), so that it is on offer at once and its look at the run bit is not out of date.
// The walker's state machine works for some cycles between two reads, and nic_dma_issue between two requests: neither starves.
// Ids from 16 on are the walker's.
//
// Answers to the walker are always taken. They come through the same stream as read data, so they wait behind data for
// which nic_dma_land has no room. That cannot become a circle: nic_dma_land waits for the ports of data memory and
// packet buffers only, and those wait for the core, the MAC and the slot table, never for the guard or a DMA command.
//
//   req_*, rdat_*   the requester (docs/interfaces.md);  wk_*, wd_*  the guard's walker
//   d_*             the DMA engine's requests and read data
module nic_dma_req (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        d_valid_i,
    output logic        d_free_o,
    output logic        d_ready_o,
    input  logic        d_write_i,
    input  logic [63:0] d_addr_i,
    input  logic [12:0] d_len_i,
    input  logic [3:0]  d_id_i,

    input  logic        wk_valid_i,
    output logic        wk_ready_o,
    input  logic [63:0] wk_addr_i,
    input  logic [6:0]  wk_len_i,
    input  logic [3:0]  wk_id_i,

    output logic        req_valid_o,
    input  logic        req_ready_i,
    output logic        req_write_o,
    output logic [63:0] req_addr_o,
    output logic [12:0] req_len_o,
    output logic [4:0]  req_id_o,

    input  logic        rdat_valid_i,
    output logic        rdat_ready_o,
    input  logic        rdat_walk_i,    // bit 4 of its id
    output logic        d_rvalid_o,
    input  logic        d_rready_i,
    output logic        wd_valid_o
);

  logic walk;      // the walker's turn

  assign walk        = !d_valid_i;
  assign d_free_o    = !wk_valid_i;
  assign req_valid_o = d_valid_i || wk_valid_i;
  assign req_write_o = d_write_i && !walk;
  assign req_addr_o  = walk ? wk_addr_i : d_addr_i;
  assign req_len_o   = walk ? {6'd0, wk_len_i} : d_len_i;
  assign req_id_o    = {walk, walk ? wk_id_i : d_id_i};
  assign d_ready_o   = req_ready_i;
  assign wk_ready_o  = req_ready_i && walk;

  assign d_rvalid_o   = rdat_valid_i && !rdat_walk_i;
  assign wd_valid_o   = rdat_valid_i && rdat_walk_i;
  assign rdat_ready_o = rdat_walk_i || d_rready_i;

`ifndef SYNTHESIS
  // A request that is not taken stays as it is, if its user keeps it so.
  lib_ready_valid_props #(.WIDTH(83)) u_req_props (
    .clk_i, .rst_i, .valid_i(req_valid_o), .ready_i(req_ready_i),
    .data_i({req_write_o, req_addr_o, req_len_o, req_write_o ? 5'd0 : req_id_o})
  );
`endif

endmodule
