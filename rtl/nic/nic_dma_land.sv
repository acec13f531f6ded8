// SPDX-License-Identifier: Apache-2.0
// Read data of the DMA engine: turns the requester's words to local byte lanes and writes them into data memory or slots.

// For each id the target says where the request's data goes. A beat becomes bytes of one or two neighbouring local words; the
// bytes of the second one wait for the next beat, which mostly completes them, so a stream lands one word per cycle whatever
// its alignment. Bytes outside the request and beats of an id that is not outstanding are thrown away: whatever the
// requester delivers, nothing lands beyond the local range of the command.
//
//   target_*   nic_dma_issue sets the target of an id; from then on it is outstanding (pending_o)
//   rdat_*     from the requester
//   done_*     pulse: all data of id has been written and its last beat had this status; pending_o falls with it. From registers:
//              when a write is taken depends on what goes on in nic_pktbuf, and much waits for this pulse
//   dm_*, dw_* writes to data memory and transmit slots
module nic_dma_land (
    input  logic                 clk_i,
    input  logic                 rst_i,

    input  logic                 target_we_i,
    input  logic [3:0]           target_id_i,
    input  nic_dma_pkg::target_t target_i,
    output logic [15:0]          pending_o,

    input  logic                 rdat_valid_i,
    output logic                 rdat_ready_o,
    input  logic [3:0]           rdat_id_i,
    input  logic [12:0]          rdat_off_i,
    input  logic [63:0]          rdat_data_i,
    input  logic [7:0]           rdat_be_i,
    input  logic                 rdat_last_i,
    input  logic [2:0]           rdat_status_i,

    output logic                 done_valid_o,
    output logic [3:0]           done_id_o,
    output logic [2:0]           done_status_o,

    output logic                 dm_valid_o,
    input  logic                 dm_ready_i,
    output logic [15:0]          dm_addr_o,
    output logic [63:0]          dm_data_o,
    output logic [7:0]           dm_be_o,

    output logic                 dw_valid_o,
    input  logic                 dw_ready_i,
    output logic [5:0]           dw_slot_o,
    output logic [13:0]          dw_off_o,
    output logic [63:0]          dw_data_o,
    output logic [7:0]           dw_be_o,

    output logic                 idle_o
);

  localparam int unsigned BEAT_BITS = 4 + 13 + 64 + 8 + 1 + 3;

  // --- Beats in ---
  logic        i_valid, i_last;
  logic [3:0]  i_id;
  logic [12:0] i_off;
  logic [63:0] i_data;
  logic [7:0]  i_be;
  logic [2:0]  i_status;
  logic        go;               // the stages move

  /* verilator lint_off PINCONNECTEMPTY */  // only ready/valid is needed
  lib_fifo #(.WIDTH(BEAT_BITS), .DEPTH_LOG2(2)) u_beats (
    .clk_i,
    .rst_i,
    .wr_valid_i (rdat_valid_i),
    .wr_ready_o (rdat_ready_o),
    .wr_data_i  ({rdat_id_i, rdat_off_i, rdat_data_i, rdat_be_i, rdat_last_i, rdat_status_i}),
    .rd_valid_o (i_valid),
    .rd_ready_i (go),
    .rd_data_o  ({i_id, i_off, i_data, i_be, i_last, i_status}),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // --- Targets ---
  logic [nic_dma_pkg::TARGET_BITS-1:0] targets [16];  // a target_t each: yosys makes one register of a memory of a named type
  nic_dma_pkg::target_t i_target;
  logic [15:0]          pending_q;

  assign i_target = targets[i_id];
  always_ff @(posedge clk_i) begin
    if (target_we_i) targets[target_id_i] <= target_i;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      pending_q <= '0;
    end else begin
      if (done_valid_o) pending_q[done_id_o] <= 1'b0;
      if (target_we_i) pending_q[target_id_i] <= 1'b1;
    end
  end

  assign pending_o = pending_q;

  // --- Stage 1: where in the request ---
  logic                 s1_v_q, s1_last_q;
  logic [3:0]           s1_id_q;
  nic_dma_pkg::target_t s1_t_q;
  logic [9:0]           s1_word_q;  // host word of the beat, 0 is the request's first
  logic [63:0]          s1_data_q;
  logic [7:0]           s1_be_q;
  logic [2:0]           s1_status_q;

  // --- Stage 2: which local word; bytes outside the request are cleared; data turned ---
  logic                 s2_v_q, s2_last_q, s2_slot_q;
  logic [3:0]           s2_id_q;
  logic [5:0]           s2_slotno_q;
  logic [12:0]          s2_word_q;
  logic [63:0]          s2_data_q;  // byte j is host byte lane (j - rot) modulo 8
  logic [7:0]           s2_be_q;    // host lanes
  logic [2:0]           s2_rot_q, s2_status_q;

  // --- Stage 3: byte enables of the two local words ---
  logic                 s3_v_q, s3_last_q, s3_slot_q;
  logic [3:0]           s3_id_q;
  logic [5:0]           s3_slotno_q;
  logic [12:0]          s3_word_q;
  logic [63:0]          s3_data_q;
  logic [7:0]           s3_be0_q, s3_be1_q;
  logic [2:0]           s3_status_q;

  logic [7:0]  in_request;       // lanes of this host word that belong to the request
  logic [9:0]  stop_word;
  logic [15:0] be_turned;
  logic [63:0] turned;

  assign stop_word = s1_t_q.stop[12:3];
  always_comb begin
    in_request = 8'hff;
    if (s1_word_q == 10'd0) in_request = in_request & (8'hff << s1_t_q.lane);
    if (s1_word_q == stop_word) in_request = in_request & ~(8'hff << s1_t_q.stop[2:0]);
    if (s1_word_q > stop_word) in_request = 8'h00;
    unique case (s1_t_q.rot)
      3'd1: turned = {s1_data_q[55:0], s1_data_q[63:56]};
      3'd2: turned = {s1_data_q[47:0], s1_data_q[63:48]};
      3'd3: turned = {s1_data_q[39:0], s1_data_q[63:40]};
      3'd4: turned = {s1_data_q[31:0], s1_data_q[63:32]};
      3'd5: turned = {s1_data_q[23:0], s1_data_q[63:24]};
      3'd6: turned = {s1_data_q[15:0], s1_data_q[63:16]};
      3'd7: turned = {s1_data_q[7:0], s1_data_q[63:8]};
      default: turned = s1_data_q;
    endcase
    be_turned = {8'd0, s2_be_q} << s2_rot_q;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      s1_v_q <= 1'b0;
      s2_v_q <= 1'b0;
      s3_v_q <= 1'b0;
    end else if (go) begin
      s1_v_q <= i_valid && pending_q[i_id];
      s2_v_q <= s1_v_q;
      s3_v_q <= s2_v_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (go) begin
      s1_id_q     <= i_id;
      s1_t_q      <= i_target;
      s1_word_q   <= 10'((i_off + {10'd0, i_target.lane}) >> 3);
      s1_data_q   <= i_data;
      s1_be_q     <= i_be;
      s1_last_q   <= i_last;
      s1_status_q <= i_status;

      s2_id_q     <= s1_id_q;
      s2_slot_q   <= s1_t_q.in_slot;
      s2_slotno_q <= s1_t_q.slot;
      s2_word_q   <= s1_t_q.word + {3'd0, s1_word_q};
      s2_data_q   <= turned;
      s2_be_q     <= s1_be_q & in_request;
      s2_rot_q    <= s1_t_q.rot;
      s2_last_q   <= s1_last_q;
      s2_status_q <= s1_status_q;

      s3_id_q     <= s2_id_q;
      s3_slot_q   <= s2_slot_q;
      s3_slotno_q <= s2_slotno_q;
      s3_word_q   <= s2_word_q;
      s3_data_q   <= s2_data_q;
      s3_be0_q    <= be_turned[7:0];
      s3_be1_q    <= be_turned[15:8];
      s3_last_q   <= s2_last_q;
      s3_status_q <= s2_status_q;
    end
  end

  // --- Stage 4: the bytes of the second word are carried over to the next beat; what does not continue goes out first ---
  logic        c_v_q, c_last_q, c_slot_q;
  logic [3:0]  c_id_q;
  logic [5:0]  c_slotno_q;
  logic [12:0] c_word_q;
  logic [63:0] c_data_q;
  logic [7:0]  c_be_q;
  logic [2:0]  c_status_q;

  logic        o_v_q, o_wr_q, o_last_q, o_slot_q;
  logic [3:0]  o_id_q;
  logic [5:0]  o_slotno_q;
  logic [12:0] o_word_q;
  logic [63:0] o_data_q;
  logic [7:0]  o_be_q;
  logic [2:0]  o_status_q;

  logic match, flush, o_free, take, tail, ended, ended_q;
  logic [3:0] ended_id_q;
  logic [2:0] ended_status_q;

  assign o_free = !o_v_q || !o_wr_q || (o_slot_q ? dw_ready_i : dm_ready_i);
  assign match  = c_v_q && !c_last_q && c_id_q == s3_id_q && c_word_q == s3_word_q;
  assign flush  = c_v_q && (c_last_q || (s3_v_q && !match));
  assign go     = o_free && !flush;
  assign take   = go && s3_v_q;
  assign tail   = s3_be1_q != '0;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      c_v_q <= 1'b0;
      o_v_q <= 1'b0;
    end else if (o_free) begin
      o_v_q <= flush || (s3_v_q && (s3_be0_q != '0 || match || (s3_last_q && !tail)));
      if (flush) c_v_q <= 1'b0;
      else if (s3_v_q) c_v_q <= tail;
    end
  end

  always_ff @(posedge clk_i) begin
    if (o_free && flush) begin
      o_wr_q     <= 1'b1;
      o_last_q   <= c_last_q;
      o_slot_q   <= c_slot_q;
      o_id_q     <= c_id_q;
      o_slotno_q <= c_slotno_q;
      o_word_q   <= c_word_q;
      o_data_q   <= c_data_q;
      o_be_q     <= c_be_q;
      o_status_q <= c_status_q;
    end else if (o_free) begin
      o_wr_q     <= s3_be0_q != '0 || match;
      o_last_q   <= s3_last_q && !tail;
      o_slot_q   <= s3_slot_q;
      o_id_q     <= s3_id_q;
      o_slotno_q <= s3_slotno_q;
      o_word_q   <= s3_word_q;
      for (int unsigned b = 0; b < 8; b++) begin
        o_data_q[8*b +: 8] <= (match && c_be_q[b]) ? c_data_q[8*b +: 8] : s3_data_q[8*b +: 8];
      end
      o_be_q     <= match ? s3_be0_q | c_be_q : s3_be0_q;
      o_status_q <= s3_status_q;
    end
    if (take) begin
      c_last_q   <= s3_last_q;
      c_slot_q   <= s3_slot_q;
      c_id_q     <= s3_id_q;
      c_slotno_q <= s3_slotno_q;
      c_word_q   <= s3_word_q + 13'd1;
      c_data_q   <= s3_data_q;
      c_be_q     <= s3_be1_q;
      c_status_q <= s3_status_q;
    end
  end

  // --- Writes out ---
  assign dm_valid_o = o_v_q && o_wr_q && !o_slot_q;
  assign dm_addr_o  = {o_word_q, 3'b000};
  assign dm_data_o  = o_data_q;
  assign dm_be_o    = o_be_q;

  assign dw_valid_o = o_v_q && o_wr_q && o_slot_q;
  assign dw_slot_o  = o_slotno_q;
  assign dw_off_o   = {o_word_q[10:0], 3'b000};
  assign dw_data_o  = o_data_q;
  assign dw_be_o    = o_be_q;

  assign ended = o_v_q && o_free && o_last_q;
  always_ff @(posedge clk_i) begin
    ended_q        <= ended && !rst_i;
    ended_id_q     <= o_id_q;
    ended_status_q <= o_status_q;
  end

  assign done_valid_o  = ended_q;
  assign done_id_o     = ended_id_q;
  assign done_status_o = ended_status_q;

  assign idle_o = !(i_valid || s1_v_q || s2_v_q || s3_v_q || c_v_q || o_v_q || ended_q);

`ifndef SYNTHESIS
`ifdef FORMAL
  logic started_q;         // a proof begins with a reset
  assign started_q = 1'b1;
`else
  logic started_q = 1'b0;  // the first reset has been seen
  always_ff @(posedge clk_i) if (rst_i) started_q <= 1'b1;
`endif
  always_ff @(posedge clk_i) begin
    if (started_q && !rst_i) begin
      if (target_we_i) assert (!pending_q[target_id_i]);
`ifndef FORMAL  // there for one id, any one
      if (done_valid_o) assert (pending_q[done_id_o]);
`endif
      if (c_v_q) assert (c_be_q != '0);
      if (o_v_q && o_wr_q) assert (o_be_q != '0);
    end
  end
`endif

endmodule
