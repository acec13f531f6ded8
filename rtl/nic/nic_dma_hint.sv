// SPDX-License-Identifier: Apache-2.0
// Hints to the guard: the first and the last guest page of each READ and WRITE as it enters the command queue.

// So the guard can begin to walk while the command waits. A hint is worth nothing but time: when the FIFO is full it is dropped, and
// commands are never delayed. Pages beyond 39 bits of guest address, which no table maps, give no hint.
//
//   cmd_*   a command enters the queue (pulse)
//   hq_*    to nic_guard
module nic_dma_hint (
    input  logic              clk_i,
    input  logic              rst_i,
    input  logic              cmd_valid_i,
    input  logic [1:0]        cmd_op_i,
    input  logic [7:0]        cmd_ctx_i,
    input  logic [63:0]       cmd_addr_i,
    input  logic [15:0]       cmd_len_i,
    output logic              hq_valid_o,
    input  logic              hq_ready_i,
    output logic [7:0]        hq_ctx_o,
    output logic [26:0]       hq_gpage_o,
    output logic              hq_write_o
);

  localparam logic [1:0] OpRead  = glregs_pkg::DMA_OP_READ[1:0];
  localparam logic [1:0] OpWrite = glregs_pkg::DMA_OP_WRITE[1:0];

  // 1: the command; how many pages behind its first one the last byte lies
  logic        v1_q, write1_q;
  logic [7:0]  ctx1_q;
  logic [26:0] first1_q;
  logic [4:0]  pages1_q;
  // 2: its last page
  logic        v2_q, write2_q, more2_q;
  logic [7:0]  ctx2_q;
  logic [26:0] first2_q, last2_q;

  logic        over;             // the last page is beyond 39 bits
  logic [26:0] last1;
  assign {over, last1} = {1'b0, first1_q} + {23'd0, pages1_q};

  /* verilator lint_off UNUSEDSIGNAL */  // the low bits only carry
  logic [16:0] last_byte;
  /* verilator lint_on UNUSEDSIGNAL */
  assign last_byte = {5'd0, cmd_addr_i[11:0]} + {1'b0, cmd_len_i} - 17'd1;

  always_ff @(posedge clk_i) begin
    v1_q <= cmd_valid_i && !rst_i && (cmd_op_i == OpRead || cmd_op_i == OpWrite) && cmd_addr_i[63:39] == '0 && cmd_len_i != '0;
    v2_q <= v1_q && !rst_i;
    write1_q <= cmd_op_i == OpWrite;
    ctx1_q   <= cmd_ctx_i;
    first1_q <= cmd_addr_i[38:12];
    pages1_q <= last_byte[16:12];
    write2_q <= write1_q;
    ctx2_q   <= ctx1_q;
    first2_q <= first1_q;
    last2_q  <= last1;
    more2_q  <= pages1_q != '0 && !over;
  end

  logic        f_valid, f_write, f_more;
  logic [7:0]  f_ctx;
  logic [26:0] f_first, f_last;
  logic        last_q;           // the first page has been taken

  /* verilator lint_off PINCONNECTEMPTY */  // what finds no room is dropped
  lib_fifo #(.WIDTH(64), .DEPTH_LOG2(4)) u_hints (
    .clk_i,
    .rst_i,
    .wr_valid_i (v2_q),
    .wr_ready_o (),
    .wr_data_i  ({write2_q, more2_q, ctx2_q, first2_q, last2_q}),
    .rd_valid_o (f_valid),
    .rd_ready_i (hq_ready_i && (!f_more || last_q)),
    .rd_data_o  ({f_write, f_more, f_ctx, f_first, f_last}),
    .level_o    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  always_ff @(posedge clk_i) begin
    if (rst_i) last_q <= 1'b0;
    else if (f_valid && hq_ready_i) last_q <= f_more && !last_q;
  end

  assign hq_valid_o = f_valid;
  assign hq_ctx_o   = f_ctx;
  assign hq_gpage_o = last_q ? f_last : f_first;
  assign hq_write_o = f_write;

`ifndef SYNTHESIS
  lib_ready_valid_props #(.WIDTH(36)) u_hq_props (
    .clk_i, .rst_i, .valid_i(hq_valid_o), .ready_i(hq_ready_i), .data_i({hq_ctx_o, hq_gpage_o, hq_write_o})
  );
`endif

endmodule
