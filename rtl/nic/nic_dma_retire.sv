// SPDX-License-Identifier: Apache-2.0
// Ends DMA commands in order: status of all pieces, completion, submit of transmit slots, counters.

// Entries come in command order from nic_dma_issue. An entry with a read out waits until all data of that read has landed; read ids are given
// out in turn, so the oldest read is always the one to wait for. The first status other than OK among the entries of a
// command is the command's. A completion is queued for a failure, and for a success if NOTIFY was given. When its queue
// (or a counter) has no room everything before waits: nothing is lost.
//
// Per slot of the transmit ring an error bit remembers a failed READ. The first READ of a frame forgets what was before, since a slot
// can also be given up without a submit.
//
//   entry_*                in; read_issued_i counts reads out, id_free_o: one more may be issued
//   pending_i, done_*      from nic_dma_land
//   comp_*                 completions, layout of FWIO.DMA_COMP
//   sub_*                  pulse: submit this slot, with its error bit; at most one in SUB_GAP cycles, as nic_pktbuf has no other way to
//                          hold them up
//   unpin_*                pulse: a command whose owner check of this slot was granted has ended, nothing of it will touch the slot any
//                          more. One per granted check; with sub_valid_o in the same cycle for the READ with LAST
//   cst_*, ev_*            counters
module nic_dma_retire #(
    parameter int unsigned NCTX = 32
) (
    input  logic                clk_i,
    input  logic                rst_i,

    input  logic                entry_valid_i,
    output logic                entry_ready_o,
    input  nic_dma_pkg::entry_t entry_i,

    input  logic                read_issued_i,
    output logic                id_free_o,
    output logic [4:0]          flight_o,

    input  logic [15:0]         pending_i,
    input  logic                done_valid_i,
    input  logic [3:0]          done_id_i,
    input  logic [2:0]          done_status_i,

    output logic                comp_valid_o,
    input  logic                comp_ready_i,
    output logic [31:0]         comp_data_o,

    output logic                sub_valid_o,
    output logic [6:0]          sub_slot_o,
    output logic                sub_err_o,
    output logic                unpin_valid_o,
    output logic [6:0]          unpin_slot_o,

    output logic                cst_valid_o,
    input  logic                cst_ready_i,
    output logic [7:0]          cst_ctx_o,
    output logic [3:0]          cst_idx_o,
    output logic [15:0]         cst_add_o,

    output logic                ev_dma_reads_o,
    output logic                ev_dma_writes_o,
    output logic                ev_dma_refused_o,
    output logic                ev_dma_owner_o,
    output logic                ev_dma_stopped_o,
    output logic                ev_dma_abort_o,
    output logic                ev_dma_poisoned_o,
    output logic                ev_dma_timeout_o,

    output logic                idle_o
);

  localparam logic [1:0] OpRead  = glregs_pkg::DMA_OP_READ[1:0];
  localparam logic [1:0] OpWrite = glregs_pkg::DMA_OP_WRITE[1:0];
  localparam logic [2:0] StOk    = glregs_pkg::DMA_STATUS_OK[2:0];
  localparam logic [4:0] SUB_GAP = 5'd16;

  // --- Entries ---
  logic                head_valid, head_pop;
  nic_dma_pkg::entry_t head;

  /* verilator lint_off PINCONNECTEMPTY */  // only ready/valid is needed
  lib_fifo #(.WIDTH(nic_dma_pkg::ENTRY_BITS), .DEPTH_LOG2(5)) u_entries (
    .clk_i,
    .rst_i,
    .wr_valid_i (entry_valid_i),
    .wr_ready_o (entry_ready_o),
    .wr_data_i  (entry_i),
    .rd_valid_o (head_valid),
    .rd_ready_i (head_pop),
    .rd_data_o  (head),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // --- Reads out: ids are used in turn ---
  logic [2:0] statuses [16];
  logic [2:0] status_of_oldest_q;
  logic [3:0] oldest_q;
  logic [4:0] reads_q;
  logic       oldest_done_q, read_pop;

  always_ff @(posedge clk_i) begin
    if (done_valid_i) statuses[done_id_i] <= done_status_i;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      oldest_q <= '0;
      reads_q  <= '0;
    end else begin
      if (read_pop) oldest_q <= oldest_q + 4'd1;
      if (read_issued_i && !read_pop) reads_q <= reads_q + 5'd1;
      if (!read_issued_i && read_pop) reads_q <= reads_q - 5'd1;
    end
    // The entry is in the queue one cycle at least after pending_i rose.
    oldest_done_q      <= !rst_i && !pending_i[oldest_q] && reads_q != '0 && !read_pop;
    status_of_oldest_q <= statuses[oldest_q];
  end

  assign id_free_o = !reads_q[4];
  assign flight_o  = reads_q;

  // --- Retire ---
  logic [4:0] gap_q;             // bit 4: the last submit was less than SUB_GAP cycles ago

  typedef enum logic [1:0] {
    HEAD,   // waiting for an entry that is done
    OUT,    // completion, submit, events
    COUNT,  // first counter
    COUNT2  // second counter
  } state_e;
  state_e state_q;

  logic [1:0]  op_q;             // what is left of the entry after HEAD
  logic [7:0]  ctx_q;
  logic [6:0]  slot_q;
  logic        mine_q, pinned_q, sub_q, rel_q, notify_q;
  logic [27:0] cookie_q;
  logic [15:0] bytes_q;
  logic [2:0] first_q;           // first failure of the command so far
  logic [2:0] status_q;
  logic       ok_q, out_first_q;
  logic       ctx_ok_q;          // the context exists: it has counters
  logic       head_done, report;
  logic       comp_wr_ready;

  assign head_done = head_valid && (!head.read || oldest_done_q) && !(head.sub && gap_q[4]);
  assign head_pop  = state_q == HEAD && head_done;
  assign read_pop  = head_pop && head.read;
  assign report    = !ok_q || notify_q;

  logic [2:0] head_status;
  assign head_status = head.read ? status_of_oldest_q : head.status;

  logic out_done;
  assign out_done = state_q == OUT && (!report || comp_wr_ready);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= HEAD;
      first_q <= StOk;
    end else begin
      unique case (state_q)
        HEAD: if (head_done) begin
          first_q <= head.end_cmd ? StOk : first_q != StOk ? first_q : head_status;
          if (head.end_cmd) state_q <= OUT;
        end
        OUT:    if (out_done) state_q <= ((!ok_q || rel_q) && ctx_ok_q) ? COUNT : HEAD;
        COUNT:  if (cst_ready_i) state_q <= ok_q ? COUNT2 : HEAD;
        COUNT2: if (cst_ready_i) state_q <= HEAD;
        default: state_q <= HEAD;
      endcase
    end
    if (state_q == HEAD) begin
      op_q      <= head.op;
      ctx_q     <= head.ctx;
      ctx_ok_q  <= {1'b0, head.ctx} < 9'(NCTX);
      slot_q    <= head.slot;
      mine_q    <= head.mine;
      pinned_q  <= head.pinned;
      sub_q     <= head.sub;
      rel_q     <= head.rel;
      notify_q  <= head.notify;
      cookie_q  <= head.cookie;
      bytes_q   <= head.bytes;
      status_q  <= first_q != StOk ? first_q : head_status;
      ok_q      <= first_q == StOk && head_status == StOk;
    end
    out_first_q <= head_pop && head.end_cmd;
  end

  // Completions
  /* verilator lint_off PINCONNECTEMPTY */  // only ready/valid is needed
  lib_fifo #(.WIDTH(31), .DEPTH_LOG2(5)) u_completions (
    .clk_i,
    .rst_i,
    .wr_valid_i (state_q == OUT && report),
    .wr_ready_o (comp_wr_ready),
    .wr_data_i  ({status_q, cookie_q}),
    .rd_valid_o (comp_valid_o),
    .rd_ready_i (comp_ready_i),
    .rd_data_o  (comp_data_o[30:0]),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */
  assign comp_data_o[31] = 1'b1;

  // Submit. out_first_q marks the first cycle in OUT, so that waiting for room repeats nothing.
  logic [63:0] error_q;          // a READ into this transmit slot failed
  logic        slot_error_q;     // error_q of the head's slot
  logic        failed;

  assign failed = !ok_q && mine_q;

  always_ff @(posedge clk_i) begin
    slot_error_q <= error_q[head.slot[5:0]] && !head.first;
    if (rst_i) error_q <= '0;
    else if (out_first_q && mine_q) error_q[slot_q[5:0]] <= failed || slot_error_q;
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) gap_q <= '0;
    else if (head_pop && head.sub) gap_q <= 5'd1 - SUB_GAP;
    else if (gap_q[4]) gap_q <= gap_q + 5'd1;
  end

  assign sub_valid_o = out_first_q && sub_q;
  assign sub_slot_o  = slot_q;
  assign sub_err_o   = !ok_q || slot_error_q;

  assign unpin_valid_o = out_first_q && pinned_q;
  assign unpin_slot_o  = slot_q;

  // Counters
  assign cst_valid_o = state_q == COUNT || state_q == COUNT2;
  assign cst_ctx_o   = ctx_q;
  assign cst_idx_o   = state_q == COUNT2 ? glregs_pkg::CSTAT_RX_BYTES[3:0]
                     : ok_q ? glregs_pkg::CSTAT_RX_FRAMES[3:0] : glregs_pkg::CSTAT_DMA_FAILED[3:0];
  assign cst_add_o   = state_q == COUNT2 ? bytes_q : 16'd1;

  assign ev_dma_reads_o    = out_first_q && op_q == OpRead;
  assign ev_dma_writes_o   = out_first_q && op_q == OpWrite;
  assign ev_dma_refused_o  = out_first_q && status_q == glregs_pkg::DMA_STATUS_REFUSED[2:0];
  assign ev_dma_owner_o    = out_first_q && status_q == glregs_pkg::DMA_STATUS_OWNER[2:0];
  assign ev_dma_stopped_o  = out_first_q && status_q == glregs_pkg::DMA_STATUS_STOPPED[2:0];
  assign ev_dma_abort_o    = out_first_q && status_q == glregs_pkg::DMA_STATUS_ABORT[2:0];
  assign ev_dma_poisoned_o = out_first_q && status_q == glregs_pkg::DMA_STATUS_POISONED[2:0];
  assign ev_dma_timeout_o  = out_first_q && status_q == glregs_pkg::DMA_STATUS_TIMEOUT[2:0];

  assign idle_o = !head_valid && state_q == HEAD && reads_q == '0;

endmodule
