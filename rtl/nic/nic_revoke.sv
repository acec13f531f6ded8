// SPDX-License-Identifier: Apache-2.0
// Revocation of a context: register REVOKE of BAR0 and the order of docs/isolation.md.

// 1. the device page dies (its run bit falls at once), 2. the guard forgets root and translations, and what was translated
// before has ended, 3. the switch addresses no frame to the context any more, 4. everything that is kept for it is cleared.
// A step begins when the one before is done.
//
//   cfg_*        configuration bus: REVOKE, REVOKE_CYCLES
//   dis_*        pulse: nic_devpage disables the context
//   inv_*        to nic_guard: all of the context with its root; inv_done_i is a pulse
//   clr_switch_valid_o, clr_valid_o   clear bus, for the switch and then for the others; held until *_done_i, which falls
//                with it
//   ctx_o        the context, while busy_o; BAR0.CTX_CONTROL leaves it disabled meanwhile
//   ev_done_o    pulse: done
//   free_i       nothing outside holds the revocation up (no read is outstanding, the link takes TLPs): cycles in which it
//                is high count for the bound, LIMIT, which simulation asserts
module nic_revoke #(
    parameter int unsigned NCTX  = 32,   // contexts, 1 to 256
    parameter int unsigned LIMIT = 2048  // cycles a revocation takes at most, not counting those in which free_i is low
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        cfg_we_i,
    input  logic [ 7:0] cfg_addr_i,
    input  logic [ 7:0] cfg_ctx_i,
    input  logic [31:0] cfg_wdata_i,
    output logic [31:0] cfg_rdata_o,
    output logic        dis_valid_o,
    output logic        inv_valid_o,
    input  logic        inv_ready_i,
    input  logic        inv_done_i,
    output logic        clr_switch_valid_o,
    input  logic        clr_switch_done_i,
    output logic        clr_valid_o,
    input  logic        clr_done_i,
    output logic [ 7:0] ctx_o,
    output logic        busy_o,
    output logic        ev_done_o,
    input  logic        free_i
);
  typedef enum logic [2:0] {
    StIdle,
    StDisable,
    StAsk,     // the guard takes the invalidation
    StFence,   // and has done it
    StSwitch,
    StClear
  } state_e;

  state_e      state_q;
  logic [ 7:0] ctx_q;
  logic [31:0] cycles_q;
  logic        start;

  assign start = cfg_we_i && cfg_addr_i == glregs_pkg::BAR0_REVOKE[7:0] &&
                 cfg_wdata_i[glregs_pkg::BAR0_REVOKE_START_LSB] && state_q == StIdle;

  always_ff @(posedge clk_i) begin
    ev_done_o <= 1'b0;
    unique case (state_q)
      StIdle:    if (start) state_q <= StDisable;
      StDisable: state_q <= StAsk;
      StAsk:     if (inv_ready_i) state_q <= StFence;
      StFence:   if (inv_done_i) state_q <= StSwitch;
      StSwitch:  if (clr_switch_done_i) state_q <= StClear;
      default:   if (clr_done_i) begin
        state_q   <= StIdle;
        ev_done_o <= 1'b1;
      end
    endcase
    if (rst_i) begin
      state_q   <= StIdle;
      ev_done_o <= 1'b0;
    end
  end

  // The first cycle is the one after the register's write. At 2^31 cycles counting stops.
  always_ff @(posedge clk_i) begin
    if (state_q == StIdle && start) ctx_q <= cfg_ctx_i;
    if (rst_i || (state_q == StIdle && start)) cycles_q <= 32'd0;
    else if (state_q != StIdle && !cycles_q[31]) cycles_q <= cycles_q + 32'd1;
  end

  always_ff @(posedge clk_i) begin
    cfg_rdata_o <= 32'h0;
    if (cfg_addr_i == glregs_pkg::BAR0_REVOKE[7:0]) begin
      cfg_rdata_o[glregs_pkg::BAR0_REVOKE_BUSY_LSB] <= busy_o;
    end else if (cfg_addr_i == glregs_pkg::BAR0_REVOKE_CYCLES[7:0]) begin
      cfg_rdata_o <= cycles_q;
    end
  end

  assign dis_valid_o        = state_q == StDisable;
  assign inv_valid_o        = state_q == StAsk;
  assign clr_switch_valid_o = state_q == StSwitch;
  assign clr_valid_o        = state_q == StClear;
  assign ctx_o              = ctx_q;
  assign busy_o             = state_q != StIdle;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_revoke: NCTX must be 1 to 256");

  logic [31:0] bound_q;
  always_ff @(posedge clk_i) begin
    if (rst_i || state_q == StIdle) bound_q <= 32'd0;
    else if (free_i) bound_q <= bound_q + 32'd1;
    if (!rst_i) begin
      assert (bound_q <= LIMIT);
      if (state_q == StIdle && start) assert (32'(cfg_ctx_i) < NCTX);
    end
  end
`endif
endmodule
