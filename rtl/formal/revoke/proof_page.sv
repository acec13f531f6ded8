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
  logic clr_q;
  logic [7:0] clr_ctx_q;
  always_ff @(posedge clk_i) begin
    clr_q     <= !rst && clr_valid_i;
    clr_ctx_q <= clr_ctx_i;
  end
  always_comb begin
    if (rst) assume (!clr_valid_i && !flow_rst_i);
    if (clr_valid_i) begin
      assume (32'(clr_ctx_i) < NCTX && !\dut.en_q [clr_ctx_i[CW-1:0]]);
      assume (!(en_we_i && en_ctx_i == clr_ctx_i));
      assume (!(fw_valid_i && fw_we_i && fw_addr_i[15:8] == clr_ctx_i));
      assume (!clr_q || clr_ctx_i == clr_ctx_q);
    end
  end

  logic was_rst_q;
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
      stays_off: cover ($past(ack_ready && \dut.cur_ctx_q == ctx_c) && off_q == 8'd15);
    end
  end
endmodule
