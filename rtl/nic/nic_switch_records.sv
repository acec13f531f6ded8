// SPDX-License-Identifier: Apache-2.0
// Writes one record for the firmware for each context that takes a frame, and counts the copies that were dropped.

// During the scan every pair of entries with a match is noted; after the decision the notes are
// walked, one context per cycle: a record (layout of FWIO.RX_RECORD), its share and its tokens, or
// a dropped copy.
//
//   note_i, pair_i    a pair with a match: contexts 2 * pair_i and 2 * pair_i + 1
//   take_i, full_i, late_i   by context: it gets the frame, or a copy was dropped over its share or over its rate
//   access_i          by context: it is an access port
//   go_i              the decision is made: write the records; ready_o when all are written
//   slot_i, len_i     the frame, stable until ready_o; plain_i: it lies in the slot without the tag that it
//                     carries elsewhere (its sender is an access port)
//   rec_*             the record FIFO, 128 deep
//   inc_*             nic_switch_share: one more for the context; take_* nic_shaper: len_i octets of it
//   drop_*            a copy was dropped for the context
//   ev_*              one pulse per record or dropped copy, up to one per cycle
module nic_switch_records #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        note_i,
    input  logic [6:0]  pair_i,
    input  logic [1:0]  take_i,
    input  logic [1:0]  full_i,
    input  logic [1:0]  late_i,
    input  logic [1:0]  access_i,
    input  logic        go_i,
    output logic        ready_o,
    input  logic [6:0]  slot_i,
    input  logic [13:0] len_i,
    input  logic        plain_i,

    output logic        rec_valid_o,
    input  logic        rec_ready_i,
    output logic [31:0] rec_data_o,

    output logic        inc_valid_o,
    input  logic        inc_ready_i,
    output logic        take_valid_o,
    input  logic        take_ready_i,
    output logic        drop_valid_o,
    output logic [7:0]  ctx_o,

    output logic        ev_record_o,
    output logic        ev_full_o,
    output logic        ev_late_o
);

  localparam int unsigned Log2 = (NCTX > 4) ? $clog2((NCTX + 1) / 2) : 1;
  localparam logic [1:0] Keep   = glregs_pkg::RX_VLAN_KEEP[1:0];
  localparam logic [1:0] Strip  = glregs_pkg::RX_VLAN_STRIP[1:0];
  localparam logic [1:0] Insert = glregs_pkg::RX_VLAN_INSERT[1:0];

  logic       valid, walk, push_ready, note_ready, take, full, late, access, some;
  logic [6:0] pair;
  logic [1:0] takes, fulls, lates, accesses, any;
  logic [1:0] vlan;
  logic       second_q;  // bit 0 of this pair was dealt with

  lib_fifo #(.WIDTH(15), .DEPTH_LOG2(Log2)) u_notes (
    .clk_i, .rst_i,
    .wr_valid_i(note_i),
    .wr_ready_o(note_ready),
    .wr_data_i ({pair_i, take_i, full_i, late_i, access_i}),
    .rd_valid_o(valid),
    .rd_ready_i(walk && (odd || !any[1])),
    .rd_data_o ({pair, takes, fulls, lates, accesses}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  logic odd;
  assign any    = takes | fulls | lates;
  assign odd    = second_q || !any[0];
  assign take   = takes[odd];
  assign full   = fulls[odd];
  assign late   = lates[odd];
  assign access = accesses[odd];
  assign some   = go_i && valid;
  assign walk   = some && (!take || (push_ready && inc_ready_i && take_ready_i));
  assign vlan   = access == plain_i ? Keep : access ? Strip : Insert;

  always_ff @(posedge clk_i) begin
    if (rst_i) second_q <= 1'b0;
    else if (walk) second_q <= !(odd || !any[1]);
    ev_record_o <= !rst_i && walk && take;
    ev_full_o   <= !rst_i && walk && full;
    ev_late_o   <= !rst_i && walk && late;
  end

  assign ctx_o        = {pair, odd};
  assign inc_valid_o  = walk && take;
  assign take_valid_o = walk && take;
  assign drop_valid_o = walk && !take;

  lib_fifo_bram #(.WIDTH(31), .DEPTH_LOG2(7)) u_records (
    .clk_i, .rst_i,
    .wr_valid_i(walk && take),
    .wr_ready_o(push_ready),
    .wr_data_i ({slot_i, pair, odd, vlan, len_i}),
    .rd_valid_o(rec_valid_o),
    .rd_ready_i(rec_ready_i),
    .rd_data_o (rec_data_o[30:0]),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );
  assign rec_data_o[31] = 1'b1;

  assign ready_o = !valid;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(note_i && !note_ready));
      assert (!(note_i && ((take_i & full_i) | (take_i & late_i) | (full_i & late_i)) != '0));
    end
  end
`endif

endmodule
