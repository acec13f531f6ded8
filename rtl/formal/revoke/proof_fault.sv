// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_fault: the record of a context is its first fault since it was cleared, whole, and nobody else's; every
// fault asks for DEVICE_NEEDS_RESET of its context.

// One context and one bit of its record, any of each, are watched. A fault of the context makes the bit what the fault says if there
// was no record when it was taken; a clear removes the record.
module proof_fault #(
    parameter int unsigned NCTX = 2
) (
    input logic        clk_i,
    input logic        cfg_we_i,
    input logic        cfg_re_i,
    input logic [ 7:0] cfg_addr_i,
    input logic [ 7:0] cfg_ctx_i,
    input logic        flt_valid_i,
    input logic [ 7:0] flt_ctx_i,
    input logic [63:0] flt_addr_i,
    input logic [ 2:0] flt_kind_i,
    input logic        flt_write_i,
    input logic [ 3:0] flt_queue_i,
    input logic        nr_ready_i,
    input logic        clr_valid_i,
    input logic [ 7:0] clr_ctx_i
);
  logic rst, past;
  formal_reset #(.AGAIN(1)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic flt_ready, nr_valid, clr_done, ev_new, idle;
  logic [31:0] rdata;
  logic [7:0] nr_ctx, nr_reason;
  nic_fault #(.NCTX(NCTX)) dut (
    .clk_i, .rst_i(rst), .cfg_we_i, .cfg_re_i, .cfg_addr_i, .cfg_ctx_i, .cfg_rdata_o(rdata),
    .flt_valid_i, .flt_ready_o(flt_ready), .flt_ctx_i, .flt_addr_i, .flt_kind_i, .flt_write_i, .flt_queue_i,
    .nr_valid_o(nr_valid), .nr_ready_i, .nr_ctx_o(nr_ctx), .nr_reason_o(nr_reason),
    .clr_valid_i, .clr_ctx_i, .clr_done_o(clr_done), .ev_new_o(ev_new), .idle_o(idle)
  );

  (* hierconn *) logic [2:0] \dut.state_q ;
  localparam logic [2:0] StIdle = 3'd0, StLook = 3'd1, StInfo = 3'd5, StReset = 3'd6;

  // Contexts exist; the fault waits unchanged; the clear bus holds its context.
  always_comb begin
    assume (32'(flt_ctx_i) < NCTX && 32'(clr_ctx_i) < NCTX && 32'(cfg_ctx_i) < NCTX);
    assume (!(cfg_we_i && cfg_re_i));
  end
  lib_ready_valid_props #(.WIDTH(80), .ASSUME(1)) u_flt (
    .clk_i, .rst_i(rst), .valid_i(flt_valid_i), .ready_i(flt_ready),
    .data_i({flt_ctx_i, flt_addr_i, flt_kind_i, flt_write_i, flt_queue_i})
  );

  (* anyconst *) logic [7:0] ctx_c;
  (* anyconst *) logic [1:0] word_c;
  (* anyconst *) logic [4:0] bit_c;
  always_comb begin
    assume (32'(ctx_c) < NCTX);
    assume (word_c != glregs_pkg::BAR0_FAULT_NEXT[3:2]);
    assume (word_c != glregs_pkg::BAR0_FAULT_INFO[3:2] || bit_c < 5'd16);  // not the count
  end

  // Of the RAM the watched word is enough (stub_ram.sv).
  (* hierconn *) logic [$clog2(NCTX)+1:0] \dut.u_records.addr_c ;
  (* hierconn *) logic [31:0] \dut.u_records.word_q ;
  always_comb assume (\dut.u_records.addr_c == {ctx_c[$clog2(NCTX)-1:0], word_c});

  // The bit as the fault that comes has it.
  logic [31:0] word;
  always_comb begin
    unique case (word_c)
      glregs_pkg::BAR0_FAULT_LO[3:2]: word = flt_addr_i[31:0];
      glregs_pkg::BAR0_FAULT_HI[3:2]: word = flt_addr_i[63:32];
      default:                        word = {20'h0, flt_queue_i, 3'h0, flt_write_i, flt_kind_i, 1'b1};
    endcase
  end

  logic clear;     // a clear of the watched context
  logic valid_q;   // it has a record
  logic bit_q;     // whose watched bit is this
  logic mine_q;    // the fault in work is of the watched context
  logic first_q;   // and found no record
  logic fresh_q;   // the bit of the fault in work
  assign clear = (clr_valid_i && clr_ctx_i == ctx_c) ||
                 (cfg_we_i && cfg_addr_i == glregs_pkg::BAR0_FAULT_INFO[7:0] && cfg_ctx_i == ctx_c);
  always_ff @(posedge clk_i) begin
    if (flt_valid_i && flt_ready) begin
      mine_q  <= flt_ctx_i == ctx_c;
      fresh_q <= word[bit_c];
    end
    if (\dut.state_q == StLook) first_q <= !valid_q;
    if (\dut.state_q == StInfo && mine_q && first_q) begin
      valid_q <= 1'b1;
      bit_q   <= fresh_q;
    end
    if (rst || clear) valid_q <= 1'b0;
  end

  // As nic_mgmt reads: it asks, keeps address and context, and looks three cycles later.
  logic [2:0] read_q;
  logic stable;
  logic [7:0] addr_q, ctx_q;
  assign stable = cfg_addr_i == addr_q && cfg_ctx_i == ctx_q && !cfg_we_i && !cfg_re_i;
  logic changed_q;  // the record changed meanwhile
  always_ff @(posedge clk_i) begin
    addr_q    <= cfg_addr_i;
    ctx_q     <= cfg_ctx_i;
    read_q    <= rst ? 3'b000 : {read_q[1:0] & {2{stable}}, cfg_re_i && cfg_ctx_i == ctx_c && cfg_addr_i == {4'h3, word_c, 2'b00}};
    changed_q <= (cfg_re_i ? 1'b0 : changed_q) || clear || (\dut.state_q == StInfo && mine_q);
  end

  // What makes the induction hold: where the watched bit is in each state.
  (* hierconn *) logic [7:0] \dut.ctx_q ;
  (* hierconn *) logic [63:0] \dut.addr_q ;
  (* hierconn *) logic [7:0] \dut.what_q ;
  (* hierconn *) logic \dut.old_q ;
  (* hierconn *) logic [31:0] \dut.info_q ;
  (* hierconn *) logic [2**$clog2(NCTX)-1:0] \dut.valid_q ;
  (* hierconn *) logic \dut.want_q ;
  (* hierconn *) logic \dut.got_q ;
  (* hierconn *) logic \dut.host_valid_q ;
  (* hierconn *) logic [31:0] \dut.u_records.rdata_q ;
  localparam logic [2:0] StAdd = 3'd2, StLo = 3'd3, StHi = 3'd4;
  logic lo, hi, in_ram, in_work;
  logic [31:0] work;
  assign lo      = word_c == glregs_pkg::BAR0_FAULT_LO[3:2];
  assign hi      = word_c == glregs_pkg::BAR0_FAULT_HI[3:2];
  assign work    = lo ? \dut.addr_q [31:0] : hi ? \dut.addr_q [63:32] : {20'h0, \dut.what_q [7:4], 3'h0, \dut.what_q [3:0], 1'b1};
  assign in_ram  = \dut.u_records.word_q [bit_c];
  assign in_work = \dut.state_q != StIdle;

  logic owed_q;  // a fault was taken, and DEVICE_NEEDS_RESET not given
  always_ff @(posedge clk_i) begin
    if (rst || (nr_valid && nr_ready_i)) owed_q <= 1'b0;
    else if (flt_valid_i && flt_ready) owed_q <= 1'b1;
  end

  logic was_rst_q;
  always_ff @(posedge clk_i) was_rst_q <= rst;
  always_ff @(posedge clk_i) begin
    if (!rst && past && !was_rst_q) begin
      record: assert (!(read_q[2] && stable && !changed_q) || rdata[bit_c] == (valid_q && bit_q));
      kept: assert (!valid_q || \dut.u_records.word_q [bit_c] == bit_q);
      told: assert (!(flt_ready && owed_q));
      told_why: assert (owed_q == in_work);
      of_its_context: assert (!(nr_valid && mine_q) || nr_ctx == ctx_c);
      of_no_other: assert (!(nr_valid && !mine_q) || nr_ctx != ctx_c);
      with_a_reason: assert (nr_reason == glregs_pkg::RESET_REASON_DMA_REFUSED[7:0]);
      before_the_next: assert (!flt_ready || !nr_valid);
      asks_until_taken: assert (!$past(nr_valid && !nr_ready_i) || nr_valid);
      // On the clear bus done means: no record, and no fault of it in work that would make one.
      done: assert (!(clr_done && clr_ctx_i == ctx_c && $past(clr_valid_i && clr_ctx_i == ctx_c)) || !valid_q);
      done_for_good: assert (!(clr_done && !$past(clr_done) && $past(clr_ctx_i) == ctx_c) || \dut.state_q == StIdle || !mine_q);

      why_states: assert (\dut.state_q <= StReset);
      why_valid: assert (valid_q == \dut.valid_q [ctx_c[$clog2(NCTX)-1:0]]);
      why_mine: assert (!in_work || (mine_q == (\dut.ctx_q == ctx_c) && 32'(\dut.ctx_q ) < NCTX));
      why_work: assert (!(in_work && mine_q) || work[bit_c] == fresh_q);
      why_old: assert (!((\dut.state_q == StAdd || \dut.state_q == StLo || \dut.state_q == StHi || \dut.state_q == StInfo) && mine_q) ||
                       \dut.old_q == !first_q);
      why_new: assert (!(\dut.state_q == StLo || \dut.state_q == StHi) || !\dut.old_q );
      why_lo: assert (!((\dut.state_q == StHi || \dut.state_q == StInfo) && mine_q && first_q && lo) || in_ram == fresh_q);
      why_hi: assert (!(\dut.state_q == StInfo && mine_q && first_q && hi) || in_ram == fresh_q);
      why_info: assert (!((\dut.state_q == StLo || \dut.state_q == StHi || \dut.state_q == StInfo) && mine_q && first_q && !lo && !hi) ||
                        \dut.info_q [bit_c] == fresh_q);
      why_count: assert (!(\dut.state_q == StInfo && mine_q && !first_q && !lo && !hi) || \dut.info_q [bit_c] == in_ram);
      why_look: assert (!(\dut.state_q == StAdd && mine_q && !lo && !hi) || \dut.u_records.rdata_q [bit_c] == in_ram);
      why_asked: assert (read_q == 3'b000 || (addr_q == {4'h3, word_c, 2'b00} && ctx_q == ctx_c));
      why_got: assert (!(read_q[0] && !changed_q) ||
                       (\dut.got_q ? (!valid_q || \dut.u_records.rdata_q [bit_c] == in_ram) && \dut.host_valid_q == valid_q && !\dut.want_q
                                    : \dut.want_q && \dut.state_q == StAdd));
      why_answer: assert (!(read_q[1] && !changed_q) ||
                          (\dut.got_q ? (!valid_q || \dut.u_records.rdata_q [bit_c] == in_ram) && \dut.host_valid_q == valid_q
                                       : rdata[bit_c] == (valid_q && bit_q)));
      why_over: assert (!(read_q[1] || read_q[2]) || !\dut.want_q );
      why_quiet: assert (!read_q[2] || !\dut.got_q );

      recorded: cover (read_q[2] && stable && !changed_q && valid_q && bit_q && rdata[bit_c]);
      counted: cover (\dut.state_q == StInfo && mine_q && !first_q);
      in_the_middle: cover (clear && \dut.state_q == StInfo && mine_q);
    end
  end
endmodule
