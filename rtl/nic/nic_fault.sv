// SPDX-License-Identifier: Apache-2.0
// Fault records: the first refusal of the guard for each context since its record was cleared, and how many came
// (FAULT_* of BAR0, docs/isolation.md). Every refusal asks nic_devpage for DEVICE_NEEDS_RESET.

// The words of the records are in RAM, four per context; whether there is a record is a bit, so nothing need be cleared after
// reset. FAULT_NEXT comes from a search in two stages (groups, then contexts in them) that runs all the time.
//
//   cfg_*   configuration bus: FAULT_LO, FAULT_HI, FAULT_INFO, FAULT_NEXT
//   flt_*   from nic_guard: context, address, kind (enum FAULT_KIND), access, queue
//   nr_*    to nic_devpage: NEEDS_RESET with reason DMA_REFUSED
//   clr_*   clear bus: the context's record goes; done when no fault of it is in work
//   ev_new_o  pulse: a context has a new record (EVENT.FAULT)
//   idle_o  nothing is in work
module nic_fault #(
    parameter int unsigned NCTX = 32  // contexts, 1 to 256
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        cfg_we_i,
    input  logic        cfg_re_i,
    input  logic [ 7:0] cfg_addr_i,
    input  logic [ 7:0] cfg_ctx_i,
    output logic [31:0] cfg_rdata_o,
    input  logic        flt_valid_i,
    output logic        flt_ready_o,
    input  logic [ 7:0] flt_ctx_i,
    input  logic [63:0] flt_addr_i,
    input  logic [ 2:0] flt_kind_i,
    input  logic        flt_write_i,
    input  logic [ 3:0] flt_queue_i,
    output logic        nr_valid_o,
    input  logic        nr_ready_i,
    output logic [ 7:0] nr_ctx_o,
    output logic [ 7:0] nr_reason_o,
    input  logic        clr_valid_i,
    input  logic [ 7:0] clr_ctx_i,
    output logic        clr_done_o,
    output logic        ev_new_o,
    output logic        idle_o
);
  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;
  localparam int unsigned N = 2 ** CW;
  localparam int unsigned IW = (CW > 4) ? 4 : CW;  // log2 of the contexts in a group
  localparam int unsigned GS = 2 ** IW;
  localparam int unsigned G = N / GS;

  // Words of a record in RAM: the low bits of the registers' offsets.
  localparam logic [1:0] WLo = glregs_pkg::BAR0_FAULT_LO[3:2];
  localparam logic [1:0] WHi = glregs_pkg::BAR0_FAULT_HI[3:2];
  localparam logic [1:0] WInfo = glregs_pkg::BAR0_FAULT_INFO[3:2];

  typedef enum logic [2:0] {
    StIdle,   // takes a fault
    StLook,   // is there a record? its INFO word is read
    StAdd,    // one more of an old record
    StLo,     // a new record is written
    StHi,
    StInfo,
    StReset   // DEVICE_NEEDS_RESET
  } state_e;

  state_e         state_q;
  logic [    7:0] ctx_q;
  logic [   63:0] addr_q;
  logic [    7:0] what_q;   // queue, write, kind
  logic           old_q;    // there was a record
  logic [  N-1:0] valid_q;  // there is a record
  logic           info_we, cfg_clear;
  logic [CW-1:0]  cfg_ctx, clr_ctx;

  assign cfg_ctx   = cfg_ctx_i[CW-1:0];
  assign clr_ctx   = clr_ctx_i[CW-1:0];
  assign cfg_clear = cfg_we_i && cfg_addr_i == glregs_pkg::BAR0_FAULT_INFO[7:0];

  always_ff @(posedge clk_i) begin
    ev_new_o <= 1'b0;
    unique case (state_q)
      StIdle:  if (flt_valid_i) state_q <= 32'(flt_ctx_i) < NCTX ? StLook : StIdle;
      StLook:  state_q <= StAdd;
      StAdd:   state_q <= old_q ? StInfo : StLo;
      StLo:    state_q <= StHi;
      StHi:    state_q <= StInfo;
      StInfo: begin
        state_q  <= StReset;
        ev_new_o <= !old_q;
      end
      default: if (nr_ready_i) state_q <= StIdle;
    endcase
    if (rst_i) begin
      state_q  <= StIdle;
      ev_new_o <= 1'b0;
    end
  end
  assign flt_ready_o = state_q == StIdle;

  // Later assignments win: a clear beats the record that is just being completed.
  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      ctx_q  <= flt_ctx_i;
      addr_q <= flt_addr_i;
      what_q <= {flt_queue_i, flt_write_i, flt_kind_i};
    end
    if (state_q == StLook) old_q <= valid_q[ctx_q[CW-1:0]];
    if (state_q == StInfo && !old_q) valid_q[ctx_q[CW-1:0]] <= 1'b1;
    if (cfg_clear) valid_q[cfg_ctx] <= 1'b0;
    if (clr_valid_i) valid_q[clr_ctx] <= 1'b0;
    if (rst_i) valid_q <= '0;
  end

  // --- RAM: one write port for the fault in work; its read and the host's share the other, the host waits one cycle ---
  logic            m_we;
  logic [     1:0] m_word;
  logic [    31:0] m_wdata, m_rdata;
  logic            look, want_q, got_q, host_valid_q;
  logic [    31:0] info_q;  // new INFO word
  lib_ram_sdp #(
      .WIDTH(32),
      .DEPTH(4 * N)
  ) u_records (
      .clk_i,
      .we_i   (m_we),
      .waddr_i({ctx_q[CW-1:0], m_word}),
      .wdata_i(m_wdata),
      .re_i   (look || cfg_re_i || want_q),
      .raddr_i(look ? {ctx_q[CW-1:0], WInfo} : {cfg_ctx, cfg_addr_i[3:2]}),
      .rdata_o(m_rdata)
  );
  assign look    = state_q == StLook;
  assign info_we = state_q == StInfo;
  assign m_we    = state_q == StLo || state_q == StHi || info_we;
  always_comb begin
    m_word  = WInfo;
    m_wdata = info_q;
    if (state_q == StLo) begin
      m_word  = WLo;
      m_wdata = addr_q[31:0];
    end else if (state_q == StHi) begin
      m_word  = WHi;
      m_wdata = addr_q[63:32];
    end
  end

  logic [31:0] fresh;
  always_comb begin
    fresh = 32'h0;
    fresh[glregs_pkg::BAR0_FAULT_INFO_VALID_LSB]    = 1'b1;
    fresh[glregs_pkg::BAR0_FAULT_INFO_KIND_LSB+:3]  = what_q[2:0];
    fresh[glregs_pkg::BAR0_FAULT_INFO_WRITE_LSB]    = what_q[3];
    fresh[glregs_pkg::BAR0_FAULT_INFO_QUEUE_LSB+:4] = what_q[7:4];
    fresh[glregs_pkg::BAR0_FAULT_INFO_COUNT_LSB+:16] = 16'd1;
  end
  always_ff @(posedge clk_i) begin
    if (state_q == StAdd) info_q <= old_q ? {m_rdata[31:16] + 16'(!(&m_rdata[31:16])), m_rdata[15:0]} : fresh;
  end

  // --- What the host reads ---
  logic [31:0] next;
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      want_q <= 1'b0;
      got_q  <= 1'b0;
    end else begin
      want_q <= (cfg_re_i || want_q) && look;
      got_q  <= (cfg_re_i || want_q) && !look;
    end
    host_valid_q <= valid_q[cfg_ctx];
    if (cfg_addr_i[7:4] != glregs_pkg::BAR0_FAULT_LO[7:4]) cfg_rdata_o <= 32'h0;
    else if (cfg_addr_i[3:2] == glregs_pkg::BAR0_FAULT_NEXT[3:2]) cfg_rdata_o <= next;
    else if (got_q) cfg_rdata_o <= host_valid_q ? m_rdata : 32'h0;
  end

  // --- The lowest context with a record ---
  logic [G-1:0]         any_q;
  logic [G-1:0][IW-1:0] first_q;
  logic                 next_valid_q;
  logic [CW-1:0]        next_q;
  always_ff @(posedge clk_i) begin
    for (int unsigned g = 0; g < G; g++) begin
      any_q[g]   <= |valid_q[g*GS+:GS];
      first_q[g] <= '0;
      for (int i = int'(GS) - 1; i >= 0; i--) if (valid_q[int'(g*GS)+i]) first_q[g] <= IW'(i);
    end
    next_valid_q <= any_q != '0;
    next_q       <= '0;
    for (int g = int'(G) - 1; g >= 0; g--) if (any_q[g]) next_q <= CW'(g * int'(GS)) | CW'(first_q[g]);
  end
  always_comb begin
    next = 32'h0;
    next[glregs_pkg::BAR0_FAULT_NEXT_CONTEXT_LSB+:8] = 8'(next_q);
    next[glregs_pkg::BAR0_FAULT_NEXT_VALID_LSB]      = next_valid_q;
  end

  assign nr_valid_o  = state_q == StReset;
  assign nr_ctx_o    = ctx_q;
  assign nr_reason_o = glregs_pkg::RESET_REASON_DMA_REFUSED[7:0];
  assign idle_o      = state_q == StIdle && !flt_valid_i;

  always_ff @(posedge clk_i) begin
    clr_done_o <= !rst_i && clr_valid_i && (clr_done_o ||
                  (state_q == StIdle ? !flt_valid_i || flt_ctx_i != clr_ctx_i : ctx_q != clr_ctx_i));
  end

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_fault: NCTX must be 1 to 256");

  lib_ready_valid_props #(.WIDTH(8)) u_nr_props (
    .clk_i, .rst_i, .valid_i(nr_valid_o), .ready_i(nr_ready_i), .data_i(nr_ctx_o)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      if (flt_valid_i) assert (32'(flt_ctx_i) < NCTX);
      if (clr_valid_i) assert (32'(clr_ctx_i) < NCTX);
      if (cfg_we_i || cfg_re_i) assert (32'(cfg_ctx_i) < NCTX);
    end
  end
`endif
endmodule
