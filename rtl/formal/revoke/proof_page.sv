// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_devpage: a disabled context does not run from the next cycle on, until it is enabled and the firmware has
// acknowledged; its page is dead; a cleared one holds nothing; what starts and stops one context leaves the others alone.

// One context and one of its words, any of each, are watched. What the page RAM holds is anything (stub_ram.sv), but for that word.
module proof_page #(
    parameter int unsigned NCTX = 2
) (
    input logic        clk_i,
    input logic        tgt_valid_i,
    input logic        tgt_we_i,
    input logic [19:0] tgt_addr_i,
    input logic [ 3:0] tgt_be_i,
    input logic [31:0] tgt_wdata_i,
    input logic        fw_valid_i,
    input logic        fw_we_i,
    input logic [15:0] fw_addr_i,
    input logic [31:0] fw_wdata_i,
    input logic        en_we_i,
    input logic [ 7:0] en_ctx_i,
    input logic        en_value_i,
    input logic        ack_valid_i,
    input logic [ 7:0] ack_ctx_i,
    input logic        nr_valid_i,
    input logic [ 7:0] nr_ctx_i,
    input logic [ 7:0] nr_reason_i,
    input logic        evq_ready_i,
    input logic        clr_valid_i,
    input logic [ 7:0] clr_ctx_i,
    input logic        isr_set_valid_i,
    input logic [ 7:0] isr_set_ctx_i,
    input logic [ 1:0] isr_set_bits_i,
    input logic        ci_ready_i,
    input logic        cst_ready_i,
    input logic        flow_rst_i
);
  logic rst, past;
  formal_reset #(.AGAIN(0)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic tgt_ready, tgt_rvalid, fw_ready, fw_rvalid, ack_ready, nr_ready, evq_valid, db_set, db_clear, clr_done, isr_ready, ci_valid;
  logic cst_valid, ev0, ev1, ev2, ev3, idle;
  logic [31:0] tgt_rdata, fw_rdata, st_data;
  logic [NCTX-1:0] run;
  logic [7:0] evq_ctx, db_ctx, ci_ctx, cst_ctx;
  logic [3:0] db_queue, cst_idx;
  logic [15:0] cst_add;

  nic_devpage #(.NCTX(NCTX), .SWEEP(1'b0)) dut (
    .clk_i, .rst_i(rst),
    .tgt_valid_i, .tgt_ready_o(tgt_ready), .tgt_we_i, .tgt_addr_i, .tgt_be_i, .tgt_wdata_i, .tgt_rvalid_o(tgt_rvalid), .tgt_rdata_o(tgt_rdata),
    .fw_valid_i, .fw_ready_o(fw_ready), .fw_we_i, .fw_addr_i, .fw_wdata_i, .fw_rvalid_o(fw_rvalid), .fw_rdata_o(fw_rdata),
    .en_we_i, .en_ctx_i, .en_value_i, .st_re_i(1'b0), .st_ctx_i(8'h0), .st_data_o(st_data),
    .ack_valid_i, .ack_ready_o(ack_ready), .ack_ctx_i, .nr_valid_i, .nr_ready_o(nr_ready), .nr_ctx_i, .nr_reason_i,
    .run_o(run), .evq_valid_o(evq_valid), .evq_ready_i, .evq_ctx_o(evq_ctx),
    .db_set_o(db_set), .db_clear_o(db_clear), .db_ctx_o(db_ctx), .db_queue_o(db_queue),
    .clr_valid_i, .clr_ctx_i, .clr_done_o(clr_done), .flow_rst_i,
    .isr_set_valid_i, .isr_set_ready_o(isr_ready), .isr_set_ctx_i, .isr_set_bits_i,
    .ci_valid_o(ci_valid), .ci_ready_i, .ci_ctx_o(ci_ctx),
    .cst_valid_o(cst_valid), .cst_ready_i, .cst_ctx_o(cst_ctx), .cst_idx_o(cst_idx), .cst_add_o(cst_add),
    .ev_doorbell_o(ev0), .ev_doorbell_ignored_o(ev1), .ev_bad_write_o(ev2), .ev_reset_o(ev3), .idle_o(idle)
  );

  lib_ready_valid_props #(.WIDTH(57), .ASSUME(1)) u_tgt (
    .clk_i, .rst_i(rst), .valid_i(tgt_valid_i), .ready_i(tgt_ready), .data_i({tgt_we_i, tgt_addr_i, tgt_be_i, tgt_wdata_i})
  );
  lib_ready_valid_props #(.WIDTH(49), .ASSUME(1)) u_fw (
    .clk_i, .rst_i(rst), .valid_i(fw_valid_i), .ready_i(fw_ready), .data_i({fw_we_i, fw_addr_i, fw_wdata_i})
  );
  (* anyconst *) logic [7:0] ctx_c;
  (* anyconst *) logic [5:0] word_c;
  localparam int unsigned CW = $clog2(NCTX);
  always_comb assume (32'(ctx_c) < NCTX);
  (* hierconn *) logic [CW+5:0] \dut.u_words.addr_c ;
  (* hierconn *) logic [31:0] \dut.u_words.word_q ;
  always_comb assume (\dut.u_words.addr_c == {ctx_c[CW-1:0], word_c});

  logic was_rst_q;

  // nic_revoke and nic_mgmt: the clear bus holds its context, which was disabled before and stays so; the firmware leaves its words alone.
  logic on_q, other_on_q;  // the watched context is enabled; the one on the clear bus is
  logic [7:0] off_q;       // cycles since it was disabled, at most 15
  always_ff @(posedge clk_i) begin
    if (rst) on_q <= 1'b0;
    else if (en_we_i && en_ctx_i == ctx_c) on_q <= en_value_i;
    if (rst || on_q || (en_we_i && en_ctx_i == ctx_c && en_value_i)) off_q <= 8'd0;
    else if (off_q != 8'd15) off_q <= off_q + 8'd1;
  end
  (* hierconn *) logic [NCTX-1:0] \dut.en_q ;
  (* hierconn *) logic [7:0] \dut.cur_ctx_q ;  // of the operation that ends; who asked for it may have been reset since
  logic clr_q, clr_done_q;
  logic [7:0] clr_ctx_q;
  always_ff @(posedge clk_i) begin
    clr_q     <= !rst && clr_valid_i;
    clr_ctx_q <= clr_ctx_i;
    clr_done_q <= clr_done;
  end
  always_comb begin
    if (rst) assume (!clr_valid_i && !flow_rst_i);
    if (clr_q && !clr_valid_i) assume (clr_done_q);  // held until done
    if (clr_valid_i) begin
      assume (32'(clr_ctx_i) < NCTX && !\dut.en_q [clr_ctx_i[CW-1:0]]);
      assume (!(en_we_i && en_ctx_i == clr_ctx_i));
      assume (!(fw_valid_i && fw_we_i && fw_addr_i[15:8] == clr_ctx_i));
      assume (!clr_q || clr_ctx_i == clr_ctx_q);
    end
  end

  // What makes the induction hold: an operation in work knows the state of its context but for what touched_q tells.
  (* hierconn *) logic [2:0] \dut.step_q ;
  (* hierconn *) logic [2:0] \dut.cur_op_q ;
  (* hierconn *) logic \dut.cur_we_q ;
  (* hierconn *) logic \dut.ctx_ok_q ;
  (* hierconn *) logic \dut.en_hit_q ;
  (* hierconn *) logic \dut.toggled_hit_q ;
  (* hierconn *) logic \dut.touched_q ;
  (* hierconn *) logic [NCTX-1:0] \dut.toggled_q ;
  (* hierconn *) logic \dut.com_q ;
  (* hierconn *) logic \dut.com_tgt_q ;
  (* hierconn *) logic \dut.com_fw_q ;
  (* hierconn *) logic \dut.com_ack_q ;
  (* hierconn *) logic \dut.com_nr_q ;
  (* hierconn *) logic \dut.com_isr_q ;
  (* hierconn *) logic \dut.com_en_q ;
  (* hierconn *) logic \dut.com_clr_q ;
  (* hierconn *) logic \dut.com_read_q ;
  (* hierconn *) logic \dut.com_run_set_q ;
  (* hierconn *) logic \dut.com_run_clr_q ;
  (* hierconn *) logic \dut.com_db_clear_q ;
  (* hierconn *) logic \dut.com_db_set_q ;
  (* hierconn *) logic \dut.com_word_we_q ;
  (* hierconn *) logic \dut.com_cst_q ;
  (* hierconn *) logic \dut.com_ci_q ;
  (* hierconn *) logic \dut.ci_valid_q ;
  (* hierconn *) logic [7:0] \dut.ci_ctx_q ;
  (* hierconn *) logic [31:0] \dut.com_rdata_q ;
  (* hierconn *) logic [3:0] \dut.cst_level ;
  (* hierconn *) logic \dut.u_cst.ready_for_checks_q ;
  (* hierconn *) logic \dut.clr_state_q ;
  (* hierconn *) logic \dut.clr_done_q ;
  (* hierconn *) logic \dut.clr_op_q ;
  (* hierconn *) logic \dut.clr_ready_q ;
  (* hierconn *) logic [5:0] \dut.clr_word_q ;
  localparam logic [2:0] StArb = 3'd1, StRead = 3'd2, StLoad = 3'd3, StSel = 3'd4, StAux = 3'd5, StExe = 3'd6;
  localparam logic [2:0] OpTgt = 3'd0, OpFw = 3'd1, OpAck = 3'd2, OpNr = 3'd3, OpClr = 3'd6;
  logic works, knows, mine;
  logic [CW-1:0] cur;
  logic [7:0] known;  // cycles after a disable until an operation in this step knows of it
  assign works = \dut.step_q == StRead || \dut.step_q == StLoad || \dut.step_q == StSel || \dut.step_q == StAux || \dut.step_q == StExe;
  assign knows = works && \dut.step_q != StRead;
  assign cur   = \dut.cur_ctx_q [CW-1:0];
  assign mine  = \dut.cur_ctx_q == ctx_c;
  always_comb begin
    unique case (\dut.step_q )
      StLoad:  known = 8'd2;
      StSel:   known = 8'd3;
      StAux:   known = 8'd4;
      default: known = 8'd5;  // StExe
    endcase
  end
  logic [7:0] clr_age_q;  // cycles since the clear bus named the watched context, at most 15
  always_ff @(posedge clk_i) begin
    if (rst || !(clr_valid_i && clr_ctx_i == ctx_c)) clr_age_q <= 8'd0;
    else if (clr_age_q != 8'd15) clr_age_q <= clr_age_q + 8'd1;
  end
  always_ff @(posedge clk_i) begin
    if (!rst && past && !was_rst_q) begin
      why_on: assert (on_q == \dut.en_q [ctx_c[CW-1:0]]);
      why_off: assert (on_q == (off_q == 8'd0) || (!on_q && off_q == 8'd0 && $past(on_q || rst || was_rst_q)));
      why_checked: assert (\dut.u_cst.ready_for_checks_q );
      why_counts: assert (off_q <= 8'd15 && clr_age_q <= 8'd15);
      why_steps: assert (works || \dut.step_q == StArb);
      why_commit: assert (!\dut.com_q || \dut.step_q == StArb);
      why_parts: assert (\dut.com_q || !(\dut.com_tgt_q || \dut.com_fw_q || \dut.com_ack_q || \dut.com_nr_q || \dut.com_isr_q || \dut.com_en_q ||
                         \dut.com_clr_q || \dut.com_run_set_q || \dut.com_run_clr_q || \dut.com_db_clear_q || \dut.com_db_set_q || \dut.com_word_we_q ||
                         \dut.com_cst_q || \dut.com_ci_q ));
      why_known: assert (!(knows && !\dut.touched_q && 32'(\dut.cur_ctx_q ) < NCTX) ||
                         (\dut.en_hit_q == \dut.en_q [cur] && (!\dut.toggled_q [cur] || \dut.toggled_hit_q )));
      why_exists: assert (!knows || (\dut.ctx_ok_q == (32'(\dut.cur_ctx_q ) < NCTX) && (\dut.ctx_ok_q || !(\dut.en_hit_q || \dut.toggled_hit_q ))));
      why_set: assert (!(\dut.com_run_set_q && !\dut.touched_q ) || (\dut.en_q [cur] && !\dut.toggled_q [cur]));
      why_set_ack: assert (!\dut.com_run_set_q || (\dut.com_ack_q && 32'(\dut.cur_ctx_q ) < NCTX));
      why_clear: assert (!\dut.com_run_clr_q || (\dut.com_db_clear_q && 32'(\dut.cur_ctx_q ) < NCTX));
      why_room: assert (!((works && (\dut.cur_op_q == OpTgt || \dut.cur_op_q == OpNr)) || \dut.com_cst_q ) || \dut.cst_level < 4'd8);
      why_ci: assert (!((works && \dut.cur_op_q == OpNr) || \dut.com_ci_q ) || !\dut.ci_valid_q );
      why_dead: assert (!(knows && mine && off_q >= known) || !\dut.en_hit_q );
      why_dead_read: assert (!(\dut.com_tgt_q && \dut.com_read_q && mine && off_q >= 8'd6) ||
                             \dut.com_rdata_q == 32'h0 || \dut.com_rdata_q == 32'h7472_6976 || \dut.com_rdata_q == 32'd2);
      why_no_bell: assert (!(\dut.com_db_set_q && mine && off_q >= 8'd6));
      why_asked: assert (!((works && \dut.cur_op_q == OpTgt) || \dut.com_tgt_q ) || (tgt_valid_i && tgt_addr_i[19:12] == \dut.cur_ctx_q ));
      why_fw: assert (!((works && \dut.cur_op_q == OpFw) || \dut.com_fw_q ) || (fw_valid_i && fw_addr_i[15:8] == \dut.cur_ctx_q ));
      why_fw_we: assert (!(works && \dut.cur_op_q == OpFw && \dut.cur_we_q ) || fw_we_i);
      why_age: assert (clr_age_q == 8'd0 || (off_q >= clr_age_q && clr_q && clr_ctx_q == ctx_c));
      why_age_too: assert (!(clr_q && clr_ctx_q == ctx_c) || clr_age_q != 8'd0);
      why_ready: assert (!\dut.clr_ready_q || clr_q);
      why_op: assert (!((works && \dut.cur_op_q == OpClr) || \dut.com_clr_q ) ||
                      (\dut.clr_op_q && !\dut.clr_state_q && clr_q && \dut.cur_ctx_q == clr_ctx_q));
      why_op_q: assert (!(\dut.clr_op_q || \dut.clr_state_q || \dut.clr_done_q ) || clr_q);
      why_op_age: assert (!(works && \dut.cur_op_q == OpClr && mine) ||
                          clr_age_q >= (\dut.step_q == StRead ? 8'd2 : \dut.step_q == StLoad ? 8'd3 : 8'd4));
      why_com_age: assert (!(\dut.com_clr_q && mine) || clr_age_q >= 8'd5);
      why_clr: assert (!(\dut.clr_state_q && clr_q && clr_ctx_q == ctx_c) || clr_age_q >= 8'd6);
      why_word: assert (!(\dut.clr_state_q && clr_q && clr_ctx_q == ctx_c && (\dut.clr_done_q || \dut.clr_word_q > word_c)) ||
                        \dut.u_words.word_q == 32'h0);
      why_first: assert (\dut.clr_state_q || \dut.clr_word_q == 6'd0);
      why_done: assert (!\dut.clr_done_q || \dut.clr_state_q );
      why_writer: assert (!\dut.com_word_we_q || (32'(\dut.cur_ctx_q ) < NCTX && (\dut.com_tgt_q || (\dut.com_fw_q && fw_we_i))));
      why_no_word: assert (!(\dut.com_word_we_q && mine && clr_age_q >= 8'd6));
      why_no_ci: assert (!(\dut.com_ci_q && mine && off_q >= 8'd6));
    end
  end

  logic [7:0] read_ctx_q;  // whose page is read
  always_ff @(posedge clk_i) begin
    was_rst_q  <= rst;
    read_ctx_q <= tgt_addr_i[19:12];
  end
  always_ff @(posedge clk_i) begin
    if (!rst && past && !was_rst_q) begin
      disabled: assert (on_q || !run[ctx_c[CW-1:0]]);
      at_once: assert (!$past(en_we_i && !en_value_i && en_ctx_i == ctx_c) || !run[ctx_c[CW-1:0]]);
      acknowledged: assert (!(run[ctx_c[CW-1:0]] && !$past(run[ctx_c[CW-1:0]])) || $past(ack_ready && \dut.cur_ctx_q == ctx_c));
      left_alone: assert (!(!run[ctx_c[CW-1:0]] && $past(run[ctx_c[CW-1:0]])) ||
                          $past((db_clear && db_ctx == ctx_c) || (en_we_i && en_ctx_i == ctx_c)));
      dead_page: assert (!(tgt_rvalid && read_ctx_q == ctx_c && off_q == 8'd15) ||
                         tgt_rdata == 32'h0 || tgt_rdata == 32'h7472_6976 || tgt_rdata == 32'd2);
      no_bell: assert (!(db_set && db_ctx == ctx_c && off_q == 8'd15));
      scrubbed: assert (!(clr_done && clr_valid_i && clr_ctx_i == ctx_c) || \dut.u_words.word_q == 32'h0);
      quiet: assert (!(clr_done && clr_valid_i && clr_ctx_i == ctx_c) || !(ci_valid && ci_ctx == ctx_c));

      starts: cover (run[ctx_c[CW-1:0]]);
      stops: cover (!run[ctx_c[CW-1:0]] && $past(run[ctx_c[CW-1:0]]) && !on_q);
      clears: cover (\dut.clr_word_q == 6'd2 && mine && works && !on_q && clr_age_q != 8'd0);
      stays_off: cover ($past(ack_ready && \dut.cur_ctx_q == ctx_c) && off_q == 8'd15);
    end
  end
endmodule
