// SPDX-License-Identifier: Apache-2.0
// Writes one record for the firmware for each context that takes a frame.

// During the scan every pair of entries with a match is noted; after the decision the notes are
// walked and each context gives one record (layout of FWIO.RX_RECORD).
//
//   note_i, pair_i, take_i   a pair with a match: contexts 2 * pair_i + bit of take_i
//   go_i                     the decision is made: write the records; ready_o when all are written
//   slot_i, len_i            the frame, stable until ready_o
//   rec_*                    the record FIFO, 128 deep
//   ev_record_o              one pulse per record, up to one per cycle
module nic_switch_records #(
    parameter int unsigned NCTX = 32
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        note_i,
    input  logic [6:0]  pair_i,
    input  logic [1:0]  take_i,
    input  logic        go_i,
    output logic        ready_o,
    input  logic [6:0]  slot_i,
    input  logic [13:0] len_i,

    output logic        rec_valid_o,
    input  logic        rec_ready_i,
    output logic [31:0] rec_data_o,
    output logic        ev_record_o
);

  localparam int unsigned Log2 = (NCTX > 4) ? $clog2((NCTX + 1) / 2) : 1;

  logic       valid, ready, push, push_ready, note_ready;
  logic [6:0] pair;
  logic [1:0] take;
  logic       second_q;  // bit 0 of this pair was written

  lib_fifo #(.WIDTH(9), .DEPTH_LOG2(Log2)) u_notes (
    .clk_i, .rst_i,
    .wr_valid_i(note_i),
    .wr_ready_o(note_ready),
    .wr_data_i ({pair_i, take_i}),
    .rd_valid_o(valid),
    .rd_ready_i(ready),
    .rd_data_o ({pair, take}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );

  logic odd;
  assign odd   = second_q || !take[0];
  assign push  = go_i && valid;
  assign ready = go_i && push_ready && (odd || !take[1]);

  always_ff @(posedge clk_i) begin
    if (rst_i) second_q <= 1'b0;
    else if (push && push_ready) second_q <= !ready;
    ev_record_o <= !rst_i && push && push_ready;
  end

  lib_fifo_bram #(.WIDTH(29), .DEPTH_LOG2(7)) u_records (
    .clk_i, .rst_i,
    .wr_valid_i(push),
    .wr_ready_o(push_ready),
    .wr_data_i ({slot_i, pair, odd, len_i}),
    .rd_valid_o(rec_valid_o),
    .rd_ready_i(rec_ready_i),
    .rd_data_o ({rec_data_o[30:16], rec_data_o[13:0]}),
    /* verilator lint_off PINCONNECTEMPTY */  // the level does not matter
    .level_o   ()
    /* verilator lint_on PINCONNECTEMPTY */
  );
  assign rec_data_o[31]    = 1'b1;
  assign rec_data_o[15:14] = '0;

  assign ready_o = !valid;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) assert (!(note_i && !note_ready));
  end
`endif

endmodule
