// SPDX-License-Identifier: Apache-2.0
// Write data of the DMA engine: reads local words, turns them to the byte lanes of the host address, streams them out.

// A start gives one piece: len bytes from local offset off, whose first byte leaves in byte lane `lane`. Local words are read as fast
// as the source takes addresses, up to CREDIT words ahead. One word per cycle leaves when source and sink allow it.
//
// Output word k consists of bytes r..r+7 of a window over two neighbouring local words, where r = (off - lane) modulo 8, 0 counting as 8.
// If lane < off modulo 8 the first local word only fills that window (prefill).
//
//   start_i     parameters are valid; only while no piece is under way
//   grant_i     words may leave through wdat_* (stays high until done_o)
//   drop_i      words are thrown away instead
//   done_o      pulse: the last word has left
//   dm_*, dr_*  read ports of data memory and packet buffers (answers in order)
module nic_dma_fetch (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        start_i,
    input  logic        in_slot_i,
    input  logic [6:0]  slot_i,
    input  logic [15:0] off_i,
    input  logic [12:0] len_i,
    input  logic [2:0]  lane_i,
    input  logic        grant_i,
    input  logic        drop_i,
    output logic        done_o,

    output logic        dm_valid_o,
    input  logic        dm_ready_i,
    output logic [15:0] dm_addr_o,
    input  logic        dm_rvalid_i,
    input  logic [63:0] dm_rdata_i,

    output logic        dr_valid_o,
    input  logic        dr_ready_i,
    output logic [6:0]  dr_slot_o,
    output logic [13:0] dr_off_o,
    input  logic        dr_rvalid_i,
    input  logic [63:0] dr_rdata_i,

    output logic        wdat_valid_o,
    input  logic        wdat_ready_i,
    output logic [63:0] wdat_data_o
);

  localparam int unsigned CREDIT_LOG2 = 4;
  localparam logic [CREDIT_LOG2:0] CreditAll = {1'b1, {CREDIT_LOG2{1'b0}}};

  logic        in_slot_q;
  logic [6:0]  slot_q;
  logic [12:0] word_q;           // next local word to read
  logic [9:0]  read_left_q;      // local words not yet asked for
  logic [9:0]  in_left_q;        // local words not yet taken from the buffer
  logic [9:0]  out_left_q;       // words not yet produced
  logic [2:0]  turn_q;           // r
  logic        prefill_q;
  logic        more_q;           // read_left_q != 0

  // Parameters of a piece
  logic [9:0] in_words, out_words;
  assign in_words  = 10'((len_i + {10'd0, off_i[2:0]} + 13'd7) >> 3);
  assign out_words = 10'((len_i + {10'd0, lane_i} + 13'd7) >> 3);

  // --- Reads, limited by the room in the buffer ---
  logic [CREDIT_LOG2:0] credit_q;
  logic ask, take;

  assign dm_valid_o = more_q && credit_q != '0 && !in_slot_q;
  assign dr_valid_o = more_q && credit_q != '0 && in_slot_q;
  assign dm_addr_o  = {word_q, 3'b000};
  assign dr_slot_o  = slot_q;
  assign dr_off_o   = {word_q[10:0], 3'b000};
  assign ask        = (dm_valid_o && dm_ready_i) || (dr_valid_o && dr_ready_i);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      credit_q <= CreditAll;
      more_q   <= 1'b0;
    end else begin
      if (ask && !take) credit_q <= credit_q - 1'b1;
      if (take && !ask) credit_q <= credit_q + 1'b1;
      if (start_i) more_q <= 1'b1;
      else if (ask && read_left_q == 10'd1) more_q <= 1'b0;
    end
    if (start_i) begin
      in_slot_q   <= in_slot_i;
      slot_q      <= slot_i;
      word_q      <= off_i[15:3];
      read_left_q <= in_words;
    end else if (ask) begin
      word_q      <= word_q + 13'd1;
      read_left_q <= read_left_q - 10'd1;
    end
  end

  // --- Answers: register, then buffer ---
  logic        back_q, buf_valid;
  logic [63:0] back_data_q, buf_data;

  always_ff @(posedge clk_i) begin
    back_q      <= !rst_i && (in_slot_q ? dr_rvalid_i : dm_rvalid_i);
    back_data_q <= in_slot_q ? dr_rdata_i : dm_rdata_i;
  end

  /* verilator lint_off PINCONNECTEMPTY */  // credits keep the buffer from overflowing; its level is of no interest
  lib_fifo #(.WIDTH(64), .DEPTH_LOG2(CREDIT_LOG2)) u_buffer (
    .clk_i,
    .rst_i,
    .wr_valid_i (back_q),
    .wr_ready_o (),
    .wr_data_i  (back_data_q),
    .rd_valid_o (buf_valid),
    .rd_ready_i (take),
    .rd_data_o  (buf_data),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // --- Window over two words, byte rotation, output register ---
  logic         out_v_q, out_last_q, out_free, produce;
  logic [63:0]  out_q;
  logic [55:0]  prev_q;          // bytes 1 to 7 of the word before
  logic [119:0] pair;            // bytes 1 to 15 of {this word, the one before}
  logic         have;

  assign out_free = !out_v_q || drop_i || (grant_i && wdat_ready_i);
  assign have     = buf_valid || in_left_q == '0;
  assign produce  = out_left_q != '0 && !prefill_q && have && out_free;
  assign take     = buf_valid && (prefill_q || produce);
  assign pair     = {buf_data, prev_q};

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      out_v_q    <= 1'b0;
      out_left_q <= '0;
      prefill_q  <= 1'b0;
    end else begin
      if (out_free) out_v_q <= produce;
      if (start_i) begin
        out_left_q <= out_words;
        prefill_q  <= off_i[2:0] > lane_i;
      end else begin
        if (produce) out_left_q <= out_left_q - 10'd1;
        if (take) prefill_q <= 1'b0;
      end
    end
    if (start_i) begin
      in_left_q <= in_words;
      turn_q    <= off_i[2:0] - lane_i;
    end else if (take) begin
      in_left_q <= in_left_q - 10'd1;
    end
    if (take) prev_q <= buf_data[63:8];
    if (out_free) begin
      out_last_q <= out_left_q == 10'd1;
      unique case (turn_q)       // byte r of the pair is the lowest; r = 1 starts at bit 0 of `pair`
        3'd1: out_q <= pair[0 +: 64];
        3'd2: out_q <= pair[8 +: 64];
        3'd3: out_q <= pair[16 +: 64];
        3'd4: out_q <= pair[24 +: 64];
        3'd5: out_q <= pair[32 +: 64];
        3'd6: out_q <= pair[40 +: 64];
        3'd7: out_q <= pair[48 +: 64];
        default: out_q <= pair[56 +: 64];
      endcase
    end
  end

  assign wdat_valid_o = out_v_q && grant_i;
  assign wdat_data_o  = out_q;
  assign done_o       = out_v_q && out_last_q && (drop_i || (grant_i && wdat_ready_i));

`ifndef SYNTHESIS
  logic [CREDIT_LOG2:0] waiting_q;  // words asked for and not yet in the buffer's input register
  always_ff @(posedge clk_i) begin
    if (rst_i) waiting_q <= '0;
    else waiting_q <= waiting_q + {{CREDIT_LOG2{1'b0}}, ask} - {{CREDIT_LOG2{1'b0}}, dm_rvalid_i || dr_rvalid_i};
    if (!rst_i) begin
      assert (!(start_i && (more_q || out_left_q != '0 || out_v_q)));
      assert (!(dm_rvalid_i && dr_rvalid_i));
      if (dm_rvalid_i || dr_rvalid_i) assert (waiting_q != '0);
      if (dm_rvalid_i) assert (!in_slot_q);
      if (dr_rvalid_i) assert (in_slot_q);
      if (done_o) assert (in_left_q == '0 && !buf_valid && credit_q == CreditAll);
    end
  end
`endif

endmodule
