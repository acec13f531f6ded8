// SPDX-License-Identifier: Apache-2.0
// Write side of the transmit ring: puts words from the DMA engine into slots and counts their bytes.

// The count is how the slot table knows, when a frame is submitted, that every byte of it was
// written: the owner check grants each byte of a slot to one READ only, so a count equal to
// the length means no byte is left over from an older frame. Bytes 0 to 15 of a slot are
// not stored; writes there are ignored.
//
//   new_valid_i    a slot was allocated at word new_word_i: remember that, count from 0
//   dw_*           one word; not ready in a cycle with new_valid_i or count_valid_i
//   count_valid_i  asks for the count of count_slot_i; count_o has it two cycles later
//   we_o ..        write port of the ring (byte enables)
module nic_pktbuf_fill #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,

    input  logic          new_valid_i,
    input  logic [5:0]    new_slot_i,
    input  logic [AW-1:0] new_word_i,

    input  logic          dw_valid_i,
    output logic          dw_ready_o,
    input  logic [5:0]    dw_slot_i,
    input  logic [13:0]   dw_off_i,
    input  logic [63:0]   dw_data_i,
    input  logic [7:0]    dw_be_i,

    input  logic          count_valid_i,
    input  logic [5:0]    count_slot_i,
    output logic [13:0]   count_o,

    output logic [7:0]    we_o,
    output logic [AW-1:0] waddr_o,
    output logic [63:0]   wdata_o
);

  // Distributed RAM, read in the cycle of use.
  (* ram_style = "distributed" *)
  logic [AW-1:0] base [64];   // start of the slot's byte 0 (16 bytes before what is stored)
  (* ram_style = "distributed" *)
  logic [13:0]   count [64];

  // Stage 1: what was read for the word, and the word
  logic          write_q, clear_q, count_q, fwd_q;
  logic [5:0]    slot_q;
  logic [3:0]    add_q;
  logic [13:0]   old_q, last_q;
  logic [AW-1:0] base_q;
  logic [10:0]   off_q;
  logic [7:0]    be_q;
  logic [63:0]   data_q;

  // Stage 2: the ring is written
  logic [7:0]    we_q;
  logic [AW-1:0] waddr_q;
  logic [63:0]   wdata_q;

  logic          take, off_ok;
  logic [5:0]    slot;
  logic [3:0]    bytes;
  logic [13:0]   before_sum, sum;

  assign dw_ready_o = !new_valid_i && !count_valid_i;
  assign take       = dw_valid_i && dw_ready_o;
  assign off_ok     = dw_off_i[13:4] != '0;
  assign slot       = new_valid_i ? new_slot_i : count_valid_i ? count_slot_i : dw_slot_i;

  always_comb begin
    bytes = '0;
    for (int i = 0; i < 8; i++) bytes = bytes + 4'(dw_be_i[i]);
  end

  // The count in the table is one update behind when the word before was for the same slot.
  assign before_sum = fwd_q ? last_q : old_q;
  assign sum        = clear_q ? '0 : before_sum + 14'(add_q);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      write_q <= 1'b0;
      clear_q <= 1'b0;
      count_q <= 1'b0;
      we_q    <= '0;
    end else begin
      write_q <= take && off_ok;
      clear_q <= new_valid_i;
      count_q <= count_valid_i;
      we_q    <= write_q ? be_q : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    slot_q <= slot;
    old_q  <= count[slot];
    fwd_q  <= (write_q || clear_q) && slot_q == slot;
    last_q <= sum;
    add_q  <= bytes;
    base_q <= base[dw_slot_i];
    off_q  <= dw_off_i[13:3];
    be_q   <= dw_be_i;
    data_q <= dw_data_i;

    waddr_q <= base_q + AW'(off_q);
    wdata_q <= data_q;
    if (count_q) count_o <= before_sum;
  end

  always_ff @(posedge clk_i) begin
    if (write_q || clear_q) count[slot_q] <= sum;
  end

  always_ff @(posedge clk_i) begin
    if (new_valid_i) base[new_slot_i] <= new_word_i - AW'(2);
  end

  assign we_o    = we_q;
  assign waddr_o = waddr_q;
  assign wdata_o = wdata_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(new_valid_i && count_valid_i));
      assert (!(take && dw_off_i[2:0] != '0));
      assert (!(take && !off_ok));  // the owner check grants nothing below byte 16
    end
  end
`endif

endmodule
