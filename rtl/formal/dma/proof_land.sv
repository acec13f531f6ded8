// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_dma_land: whatever the requester delivers, bytes land only where the read that they answer may put them.

// One id, any id, is followed from its target to its end. Its target is a range of data memory or of a slot, as nic_dma_issue makes it
// from a piece; the other ids do what they like. Data are left out: which bytes land, not their values.
module proof_land (
    input logic        clk_i,
    input logic        target_we_i,
    input logic [3:0]  target_id_i,
    input logic        in_slot_i,       // the piece: where, and the host byte lane that it begins in
    input logic [5:0]  slot_i,
    input logic [15:0] off_i,
    input logic [12:0] len_i,
    input logic [2:0]  lane_i,
    input logic        rdat_valid_i,
    input logic [3:0]  rdat_id_i,
    input logic [12:0] rdat_off_i,
    input logic [7:0]  rdat_be_i,
    input logic        rdat_last_i,
    input logic [2:0]  rdat_status_i,
    input logic        dm_ready_i,
    input logic        dw_ready_i
);

  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic [15:0]          pending, base_new, dm_addr;
  logic                 rdat_ready, done_valid, dm_valid, dw_valid, idle;
  logic [3:0]           done_id;
  logic [2:0]           done_status;
  logic [63:0]          dm_data, dw_data;
  logic [7:0]           dm_be, dw_be;
  logic [5:0]           dw_slot;
  logic [13:0]          dw_off;
  nic_dma_pkg::target_t target;

  assign base_new = off_i - {13'd0, lane_i};
  always_comb begin
    target.in_slot = in_slot_i;
    target.slot    = slot_i;
    target.word    = base_new[15:3];
    target.rot     = base_new[2:0];
    target.lane    = lane_i;
    target.stop    = len_i + {10'd0, lane_i};
  end

  nic_dma_land dut (
    .clk_i, .rst_i(rst), .target_we_i, .target_id_i, .target_i(target), .pending_o(pending), .rdat_valid_i, .rdat_ready_o(rdat_ready),
    .rdat_id_i, .rdat_off_i, .rdat_data_i(64'd0), .rdat_be_i, .rdat_last_i, .rdat_status_i, .done_valid_o(done_valid),
    .done_id_o(done_id), .done_status_o(done_status), .dm_valid_o(dm_valid), .dm_ready_i, .dm_addr_o(dm_addr), .dm_data_o(dm_data),
    .dm_be_o(dm_be), .dw_valid_o(dw_valid), .dw_ready_i, .dw_slot_o(dw_slot), .dw_off_o(dw_off), .dw_data_o(dw_data), .dw_be_o(dw_be),
    .idle_o(idle)
  );

  // The id that is followed, and its piece.
  (* anyconst *) logic [3:0] my;
  logic        in_slot_q, seen_q;       // seen_q: its last beat has been taken
  logic [5:0]  slot_q;
  logic [15:0] off_q;
  logic [12:0] len_q;
  logic [2:0]  lane_q;
  logic [15:0] base;
  nic_dma_pkg::target_t target_q;
  assign base = off_q - {13'd0, lane_q};

  always_ff @(posedge clk_i) begin
    if (target_we_i && target_id_i == my) begin
      {in_slot_q, slot_q, off_q, len_q, lane_q} <= {in_slot_i, slot_i, off_i, len_i, lane_i};
      target_q <= target;
    end
  end

  // Is this byte of a local word the read's? Its bytes begin `rot` + `lane` bytes behind the start of the target's word, and there are len.
  logic [15:0] from, upto;
  assign from = {13'd0, target_q.rot} + {13'd0, lane_q};
  assign upto = from + {3'd0, len_q};

  function automatic logic all_mine(input logic [12:0] word, input logic [7:0] be, input logic [12:0] first, input logic [15:0] low,
                                    input logic [15:0] high);
    logic [12:0] behind;
    behind   = word - first;
    all_mine = 1'b1;
    for (int unsigned b = 0; b < 8; b++) all_mine = all_mine && (!be[b] || ({behind, b[2:0]} >= low && {behind, b[2:0]} < high));
  endfunction

  // Inside.
  (* hierconn *) logic        \dut.go ;
  (* hierconn *) logic        \dut.i_valid ;
  (* hierconn *) logic        \dut.i_last ;
  (* hierconn *) logic [3:0]  \dut.i_id ;
  (* hierconn *) logic [38:0] \dut.i_target ;
  (* hierconn *) logic        \dut.s1_v_q ;
  (* hierconn *) logic        \dut.s1_last_q ;
  (* hierconn *) logic [3:0]  \dut.s1_id_q ;
  (* hierconn *) logic [38:0] \dut.s1_t_q ;
  (* hierconn *) logic        \dut.s2_v_q ;
  (* hierconn *) logic        \dut.s2_last_q ;
  (* hierconn *) logic        \dut.s2_slot_q ;
  (* hierconn *) logic [3:0]  \dut.s2_id_q ;
  (* hierconn *) logic [5:0]  \dut.s2_slotno_q ;
  (* hierconn *) logic [12:0] \dut.s2_word_q ;
  (* hierconn *) logic [7:0]  \dut.s2_be_q ;
  (* hierconn *) logic [2:0]  \dut.s2_rot_q ;
  (* hierconn *) logic        \dut.s3_v_q ;
  (* hierconn *) logic        \dut.s3_last_q ;
  (* hierconn *) logic        \dut.s3_slot_q ;
  (* hierconn *) logic [3:0]  \dut.s3_id_q ;
  (* hierconn *) logic [5:0]  \dut.s3_slotno_q ;
  (* hierconn *) logic [12:0] \dut.s3_word_q ;
  (* hierconn *) logic [7:0]  \dut.s3_be0_q ;
  (* hierconn *) logic [7:0]  \dut.s3_be1_q ;
  (* hierconn *) logic        \dut.c_v_q ;
  (* hierconn *) logic        \dut.c_last_q ;
  (* hierconn *) logic        \dut.c_slot_q ;
  (* hierconn *) logic [3:0]  \dut.c_id_q ;
  (* hierconn *) logic [5:0]  \dut.c_slotno_q ;
  (* hierconn *) logic [12:0] \dut.c_word_q ;
  (* hierconn *) logic [7:0]  \dut.c_be_q ;
  (* hierconn *) logic        \dut.o_v_q ;
  (* hierconn *) logic        \dut.o_wr_q ;
  (* hierconn *) logic        \dut.o_last_q ;
  (* hierconn *) logic        \dut.o_slot_q ;
  (* hierconn *) logic [5:0]  \dut.o_slotno_q ;
  (* hierconn *) logic [12:0] \dut.o_word_q ;
  (* hierconn *) logic [7:0]  \dut.o_be_q ;

  // Beats of the read in each stage, and its last one.
  logic v1, v2, v3, vc, vo, l1, l2, l3, lc, lo, came;
  assign v1 = \dut.s1_v_q && \dut.s1_id_q == my;
  assign v2 = \dut.s2_v_q && \dut.s2_id_q == my;
  assign v3 = \dut.s3_v_q && \dut.s3_id_q == my;
  assign vc = \dut.c_v_q && \dut.c_id_q == my;
  assign vo = \dut.o_v_q && done_id == my;
  assign l1 = v1 && \dut.s1_last_q ;
  assign l2 = v2 && \dut.s2_last_q ;
  assign l3 = v3 && \dut.s3_last_q ;
  assign lc = vc && \dut.c_last_q ;
  assign lo = vo && \dut.o_last_q ;
  assign came = \dut.go && \dut.i_valid && \dut.i_id == my && pending[my];

  always_ff @(posedge clk_i) begin
    if (rst) seen_q <= 1'b0;
    else if (target_we_i && target_id_i == my) seen_q <= 1'b0;
    else if (came && \dut.i_last ) seen_q <= 1'b1;

    if (past && !rst) begin
      // nic_dma_issue: an id is free when it is given again, and a piece lies in its memory. The requester: nothing comes behind the
      // last beat. (What waits in the FIFO in front comes out of it as it went in: lib_fifo.) The target memory: what was written is read.
      if (target_we_i) assume (!pending[target_id_i]);
      assume (len_i != '0 && len_i <= 13'd4096 && {1'b0, off_i} + {4'd0, len_i} <= (in_slot_i ? 17'h04000 : 17'h10000));
      assume (!(\dut.i_valid && \dut.i_id == my && seen_q));
      assume (!(\dut.i_valid && \dut.i_id == my && pending[my]) || \dut.i_target == target_q);
    end

    if (!rst && past) begin
      dmem: assert (!(dm_valid && done_id == my) || (!in_slot_q && pending[my] && all_mine(dm_addr[15:3], dm_be, target_q.word, from, upto)));
      slot: assert (!(dw_valid && done_id == my) || (in_slot_q && pending[my] && dw_slot == slot_q && all_mine({2'b00, dw_off[13:3]}, dw_be, target_q.word, from, upto)));
      ended: assert (!(done_valid && done_id == my) || (seen_q && !v1 && !v2 && !v3 && !vc));

      // Why: stage by stage.
      why_target: assert (!pending[my] || (target_q.in_slot == in_slot_q && target_q.slot == slot_q && {target_q.word, target_q.rot} == base &&
                          target_q.lane == lane_q && target_q.stop == len_q + {10'd0, lane_q}));
      why_piece: assert (!pending[my] || (len_q != '0 && len_q <= 13'd4096 &&
                         {1'b0, off_q} + {4'd0, len_q} <= (in_slot_q ? 17'h04000 : 17'h10000)));
      why_pending: assert (!(v1 || v2 || v3 || vc || vo) || pending[my]);
      why_last: assert ((pending[my] && seen_q) == (l1 || l2 || l3 || lc || lo));
      why_order: assert (!(l2 && v1) && !(l3 && (v1 || v2)) && !(lc && (v1 || v2 || v3)) && !(lo && (v1 || v2 || v3 || vc)));
      why_s1: assert (!v1 || \dut.s1_t_q == target_q);
      why_s2: assert (!v2 || (\dut.s2_slot_q == in_slot_q && \dut.s2_slotno_q == slot_q && \dut.s2_rot_q == base[2:0]));
      why_s2_be: assert (!v2 || all_mine(\dut.s2_word_q , \dut.s2_be_q , target_q.word, {13'd0, lane_q}, {3'd0, len_q} + {13'd0, lane_q}));
      why_s3: assert (!v3 || (\dut.s3_slot_q == in_slot_q && \dut.s3_slotno_q == slot_q && all_mine(\dut.s3_word_q , \dut.s3_be0_q , target_q.word, from, upto) &&
                      all_mine(\dut.s3_word_q + 13'd1, \dut.s3_be1_q , target_q.word, from, upto)));
      why_c: assert (!vc || (\dut.c_slot_q == in_slot_q && \dut.c_slotno_q == slot_q && all_mine(\dut.c_word_q , \dut.c_be_q , target_q.word, from, upto)));
      why_o: assert (!(vo && \dut.o_wr_q ) || (\dut.o_slot_q == in_slot_q && \dut.o_slotno_q == slot_q && all_mine(\dut.o_word_q , \dut.o_be_q , target_q.word, from, upto)));

      two_words: cover (dm_valid && done_id == my && dm_be == 8'hf8 && off_q[2:0] == 3'd3 && lane_q == 3'd6);
      into_a_slot: cover (dw_valid && done_id == my && done_valid && dw_be == 8'h07 && off_q[2:0] == 3'd3 && lane_q == 3'd6);
    end
  end

endmodule
