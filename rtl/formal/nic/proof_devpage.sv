// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_devpage (invariant 2): what is of context c changes only by an operation on c, and every access ends soon.

// One context, any, is watched: its state, one of its 64 words (any), its run bit, its event, its doorbells and interrupts. The memories
// are stub_ram, which keeps just those words.
module proof_devpage #(
    parameter int unsigned NCTX = 2,
    parameter int unsigned WAIT = 20,  // cycles of an access of the host, the last one included
    parameter int unsigned SOON = 0    // assert that
) (
    input logic        clk_i,
    input logic        tgt_valid_i,
    input logic        tgt_we_i,
    input logic [19:0] tgt_addr_i,
    input logic [3:0]  tgt_be_i,
    input logic [31:0] tgt_wdata_i,
    input logic        fw_valid_i,
    input logic        fw_we_i,
    input logic [15:0] fw_addr_i,
    input logic [31:0] fw_wdata_i,
    input logic        en_we_i,
    input logic [7:0]  en_ctx_i,
    input logic        en_value_i,
    input logic        st_re_i,
    input logic [7:0]  st_ctx_i,
    input logic        ack_valid_i,
    input logic [7:0]  ack_ctx_i,
    input logic        nr_valid_i,
    input logic [7:0]  nr_ctx_i,
    input logic [7:0]  nr_reason_i,
    input logic        evq_ready_i,
    input logic        clr_valid_i,
    input logic [7:0]  clr_ctx_i,
    input logic        flow_rst_i,
    input logic        isr_set_valid_i,
    input logic [7:0]  isr_set_ctx_i,
    input logic [1:0]  isr_set_bits_i
);

  logic rst, past;
  formal_reset u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic            tgt_ready, tgt_rvalid, fw_ready, fw_rvalid, ack_ready, nr_ready, evq_valid, db_set, db_clear, isr_ready, ci_valid, cst_valid;
  logic            clr_done, ev_doorbell, ev_ignored, ev_bad, ev_reset, idle;
  logic [31:0]     tgt_rdata, fw_rdata, st_data;
  logic [NCTX-1:0] run;
  logic [7:0]      evq_ctx, db_ctx, ci_ctx, cst_ctx;
  logic [3:0]      db_queue, cst_idx;
  logic [15:0]     cst_add;

  // The counters (cst_*) and nic_irq (ci_*) take at once: a full queue to the counters makes the host wait.
  nic_devpage #(.NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst), .tgt_valid_i, .tgt_ready_o(tgt_ready), .tgt_we_i, .tgt_addr_i, .tgt_be_i, .tgt_wdata_i,
    .tgt_rvalid_o(tgt_rvalid), .tgt_rdata_o(tgt_rdata), .fw_valid_i, .fw_ready_o(fw_ready), .fw_we_i, .fw_addr_i, .fw_wdata_i,
    .fw_rvalid_o(fw_rvalid), .fw_rdata_o(fw_rdata), .en_we_i, .en_ctx_i, .en_value_i, .st_re_i, .st_ctx_i, .st_data_o(st_data),
    .ack_valid_i, .ack_ready_o(ack_ready), .ack_ctx_i, .nr_valid_i, .nr_ready_o(nr_ready), .nr_ctx_i, .nr_reason_i, .run_o(run),
    .evq_valid_o(evq_valid), .evq_ready_i, .evq_ctx_o(evq_ctx), .db_set_o(db_set), .db_clear_o(db_clear), .db_ctx_o(db_ctx),
    .db_queue_o(db_queue), .clr_valid_i, .clr_ctx_i, .clr_done_o(clr_done), .flow_rst_i, .isr_set_valid_i, .isr_set_ready_o(isr_ready),
    .isr_set_ctx_i, .isr_set_bits_i, .ci_valid_o(ci_valid), .ci_ready_i(1'b1), .ci_ctx_o(ci_ctx), .cst_valid_o(cst_valid),
    .cst_ready_i(1'b1), .cst_ctx_o(cst_ctx), .cst_idx_o(cst_idx), .cst_add_o(cst_add), .ev_doorbell_o(ev_doorbell),
    .ev_doorbell_ignored_o(ev_ignored), .ev_bad_write_o(ev_bad), .ev_reset_o(ev_reset), .idle_o(idle)
  );

  // ---------------------------------------------------------------- what the neighbours promise

  lib_ready_valid_props #(.WIDTH(57), .ASSUME(1)) u_tgt (
    .clk_i, .rst_i(rst), .valid_i(tgt_valid_i), .ready_i(tgt_ready), .data_i({tgt_we_i, tgt_addr_i, tgt_be_i, tgt_wdata_i})
  );
  lib_ready_valid_props #(.WIDTH(49), .ASSUME(1)) u_fw (
    .clk_i, .rst_i(rst), .valid_i(fw_valid_i), .ready_i(fw_ready), .data_i({fw_we_i, fw_addr_i, fw_wdata_i})
  );
  lib_ready_valid_props #(.WIDTH(8), .ASSUME(1)) u_ack (
    .clk_i, .rst_i(rst), .valid_i(ack_valid_i), .ready_i(ack_ready), .data_i(ack_ctx_i)
  );
  lib_ready_valid_props #(.WIDTH(16), .ASSUME(1)) u_nr (
    .clk_i, .rst_i(rst), .valid_i(nr_valid_i), .ready_i(nr_ready), .data_i({nr_ctx_i, nr_reason_i})
  );
  lib_ready_valid_props #(.WIDTH(10), .ASSUME(1)) u_isr (
    .clk_i, .rst_i(rst), .valid_i(isr_set_valid_i), .ready_i(isr_ready), .data_i({isr_set_ctx_i, isr_set_bits_i})
  );
  lib_ready_valid_props #(.WIDTH(8), .ASSUME(1)) u_clear (
    .clk_i, .rst_i(rst), .valid_i(clr_valid_i), .ready_i(clr_done), .data_i(clr_ctx_i)
  );

  (* hierconn *) logic [NCTX-1:0] \dut.en_q ;
  (* hierconn *) logic [NCTX-1:0] \dut.event_q ;
  (* hierconn *) logic [2:0]      \dut.step_q ;
  (* hierconn *) logic            \dut.com_en_q ;
  (* hierconn *) logic [7:0]      \dut.cur_ctx_q ;
  (* hierconn *) logic [NCTX-1:0] \dut.toggled_q ;
  (* hierconn *) logic            \dut.touched_q ;
  (* hierconn *) logic            \dut.en_hit_q ;
  (* hierconn *) logic            \dut.toggled_hit_q ;
  (* hierconn *) logic            \dut.com_run_set_q ;
  (* hierconn *) logic [3:0]      \dut.cst_level ;
  (* hierconn *) logic            \dut.u_cst.ready_for_checks_q ;
  (* hierconn *) logic            \dut.m_re ;
  (* hierconn *) logic [6:0]      \dut.m_raddr ;
  (* hierconn *) logic            \dut.u_state.kept ;
  (* hierconn *) logic [34:0]     \dut.u_state.mem_q ;
  (* hierconn *) logic [6:0]      \dut.u_words.kept ;
  (* hierconn *) logic [31:0]     \dut.u_words.mem_q ;

  // nic_revoke disables a context before it clears it, and nobody enables it meanwhile; then the request falls.
  // How soon holds if dom0 enables and disables contexts at most every 64 cycles: each time costs a waiting access six cycles.
  logic [5:0] calm_q;
  always_ff @(posedge clk_i) calm_q <= rst ? 6'd0 : en_we_i ? 6'd63 : (calm_q != 6'd0) ? calm_q - 6'd1 : 6'd0;
  logic over_q;
  always_ff @(posedge clk_i) over_q <= clr_valid_i && clr_done;
  always_comb begin
    if (clr_valid_i) assume (32'(clr_ctx_i) < NCTX && !\dut.en_q [clr_ctx_i[0]] && !(en_we_i && en_value_i && en_ctx_i == clr_ctx_i));
    if (SOON != 0 && calm_q != 6'd0) assume (!en_we_i);
    if (past && over_q) assume (!clr_valid_i);
  end

  // ---------------------------------------------------------------- what is done to the watched context in this cycle

  (* anyconst *) logic ctx_c;
  always_comb assume (\dut.u_state.kept == ctx_c && \dut.u_words.kept [6] == ctx_c);

  logic sweeping, by_tgt, by_fw, by_ack, by_nr, by_isr, by_en, by_clr, reset_write;
  assign sweeping = \dut.step_q  == 3'd0;
  assign by_tgt = tgt_valid_i && tgt_ready && tgt_addr_i[19:12] == {7'd0, ctx_c};
  assign by_fw  = fw_valid_i && fw_ready && fw_addr_i[15:8] == {7'd0, ctx_c};
  assign by_ack = ack_valid_i && ack_ready && ack_ctx_i == {7'd0, ctx_c};
  assign by_nr  = nr_valid_i && nr_ready && nr_ctx_i == {7'd0, ctx_c};
  assign by_isr = isr_set_valid_i && isr_ready && isr_set_ctx_i == {7'd0, ctx_c};
  assign by_en  = \dut.com_en_q  && \dut.cur_ctx_q  == {7'd0, ctx_c};
  assign by_clr = clr_valid_i && clr_ctx_i == {7'd0, ctx_c};
  assign reset_write = by_tgt && tgt_we_i && tgt_addr_i[11:2] == glregs_pkg::DEV_STATUS[11:2] && tgt_be_i == 4'hf && tgt_wdata_i == 32'h0;

  logic working, exists;
  assign working = \dut.step_q  >= 3'd3;
  assign exists  = 32'(\dut.cur_ctx_q ) < NCTX;

  logic [4:0]  wait_q;
  logic        en_c, changed_q;
  logic [34:0] state_q;
  logic [31:0] word_q;
  logic        run_q, event_q, en_q, was_q, any_q, write_q, run_may_fall_q, run_may_rise_q, reset_write_q, pending_q;
  assign en_c = en_we_i && en_ctx_i == {7'd0, ctx_c};
  always_ff @(posedge clk_i) begin
    wait_q  <= (rst || sweeping || !tgt_valid_i || tgt_ready) ? 5'd0 : wait_q + 5'd1;
    was_q   <= !rst;
    state_q <= \dut.u_state.mem_q ;
    word_q  <= \dut.u_words.mem_q ;
    run_q   <= run[ctx_c];
    event_q <= \dut.event_q [ctx_c];
    en_q    <= \dut.en_q [ctx_c];
    any_q   <= sweeping || by_tgt || by_fw || by_ack || by_nr || by_isr || by_en || by_clr;
    write_q <= sweeping || (by_tgt && tgt_we_i) || (by_fw && fw_we_i) || by_clr;
    run_may_fall_q <= reset_write || by_nr || by_en || en_c;
    run_may_rise_q <= by_ack;
    reset_write_q  <= reset_write;
    pending_q      <= by_en || (by_tgt && tgt_we_i) || flow_rst_i;
    changed_q      <= en_c;
  end

  always_ff @(posedge clk_i) begin
    if (!rst && past && was_q) begin
      state_is_own: assert (state_q == \dut.u_state.mem_q  || any_q);
      word_is_own: assert (word_q == \dut.u_words.mem_q  || write_q);
      // An answer is made of the state and the word that the operation has read, so it is the page's own.
      reads_own: assert (!(working && \dut.m_re ) || !exists || \dut.m_raddr [6] == \dut.cur_ctx_q [0]);
      answers_own: assert (!(tgt_valid_i && tgt_ready) || \dut.cur_ctx_q == tgt_addr_i[19:12]);
      firmware_own: assert (!(fw_valid_i && fw_ready) || \dut.cur_ctx_q == fw_addr_i[15:8]);
      run_falls: assert (!(run_q && !run[ctx_c]) || run_may_fall_q);
      run_rises: assert (!(!run_q && run[ctx_c]) || run_may_rise_q);
      reset_stops: assert (!reset_write_q || !run[ctx_c]);
      enable_is_own: assert (en_q == \dut.en_q [ctx_c] || changed_q);
      event_is_own: assert (event_q || !\dut.event_q [ctx_c] || pending_q);
      ring_is_own: assert (!(db_set && db_ctx == {7'd0, ctx_c}) ||
                           (by_tgt && tgt_we_i && tgt_addr_i[11:2] == glregs_pkg::DEV_QUEUE_NOTIFY[11:2]));
      forget_is_own: assert (!(db_clear && db_ctx == {7'd0, ctx_c}) || reset_write || by_nr || by_en);
      // Why nothing runs that was disabled meanwhile. (Makes the induction hold.)
      looked_enabled: assert (!(working && !\dut.touched_q  && \dut.en_hit_q ) || \dut.en_q [\dut.cur_ctx_q [0]]);
      looked_settled: assert (!(working && !\dut.touched_q  && !\dut.toggled_hit_q  && exists) || !\dut.toggled_q [\dut.cur_ctx_q [0]]);
      starts: assert (!(\dut.com_run_set_q  && !\dut.touched_q ) ||
                      (exists && \dut.en_q [\dut.cur_ctx_q [0]] && !\dut.toggled_q [\dut.cur_ctx_q [0]]));
      fifo_checks: assert (\dut.u_cst.ready_for_checks_q );
      counters_take: assert (\dut.cst_level  <= 4'd2);
      if (SOON != 0) soon: assert (wait_q < 5'(WAIT));
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst && past && was_q) begin
      served: cover (by_tgt && !tgt_we_i);
      other: cover (tgt_valid_i && tgt_ready && tgt_we_i && tgt_addr_i[19:12] == {7'd0, !ctx_c} && run[ctx_c]);
      reset_while_running: cover (reset_write_q && run_q);
    end
  end

endmodule
