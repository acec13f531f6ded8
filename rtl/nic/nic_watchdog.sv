// SPDX-License-Identifier: Apache-2.0
// Watchdog of the firmware: registers WATCHDOG and WATCHDOG_STATE of BAR0 (docs/isolation.md, "Watchdog").

// Counts the cycles since the last heartbeat while the core runs, asleep or not, and skipped time as well. After WATCHDOG cycles
// (and two) it fires: fired_o holds the core until clear_i. DMA commands that the firmware had given end by themselves meanwhile.
//
//   cfg_*         configuration bus; writing WATCHDOG starts the count anew
//   run_i         the core runs; the count is 0 otherwise
//   heartbeat_i   pulse: FWIO.HEARTBEAT was written
//   time_skip_i   added to the time in one cycle (simulation; 0 on a board)
//   dma_idle_i    nothing is in the DMA engine
//   clear_i       RESTART: as after reset, but for the limit
//   fired_o       from the moment it fires until clear_i
//   ev_fired_o    pulse when it fires
//   wake_cycles_o cycles until it fires if no heartbeat comes; all ones: never
module nic_watchdog (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        cfg_we_i,
    input  logic [ 7:0] cfg_addr_i,
    input  logic [31:0] cfg_wdata_i,
    output logic [31:0] cfg_rdata_o,
    input  logic        run_i,
    input  logic        heartbeat_i,
    input  logic [31:0] time_skip_i,
    input  logic        dma_idle_i,
    input  logic        clear_i,
    output logic        fired_o,
    output logic        ev_fired_o,
    output logic [31:0] wake_cycles_o
);
  logic        we;
  logic        armed_q;  // a limit is set and the core runs
  logic        start_q;  // begin anew
  logic [31:0] limit_q, skip_q;
  logic [32:0] left_q;   // counts down; below 0 the time is over
  logic        fired_q, stopped_q;
  logic [ 5:0] quiet_q;  // DMA has been idle for so long; at 32 whatever was on its way inside has arrived

  assign we = cfg_we_i && cfg_addr_i == glregs_pkg::BAR0_WATCHDOG[7:0];

  always_ff @(posedge clk_i) begin
    skip_q     <= time_skip_i;
    armed_q    <= run_i && limit_q != '0 && !fired_q;
    start_q    <= heartbeat_i || we;
    left_q     <= start_q || !armed_q ? {1'b0, limit_q} : left_q - {1'b0, skip_q} - 33'd1;
    ev_fired_o <= 1'b0;
    if (armed_q && left_q[32] && run_i && !start_q && !fired_q) begin
      fired_q    <= 1'b1;
      ev_fired_o <= 1'b1;
    end
    if (!fired_q || !dma_idle_i) quiet_q <= 6'd0;
    else if (!quiet_q[5]) quiet_q <= quiet_q + 6'd1;
    stopped_q <= fired_q && quiet_q[5];
    if (we) limit_q <= cfg_wdata_i;
    if (rst_i || clear_i) begin
      armed_q    <= 1'b0;
      fired_q    <= 1'b0;
      stopped_q  <= 1'b0;
      ev_fired_o <= 1'b0;
    end
    if (rst_i) limit_q <= 32'd0;
  end

  assign fired_o       = fired_q;
  assign wake_cycles_o = !armed_q ? '1 : left_q[32] ? 32'd0 : left_q[31:0];

  always_ff @(posedge clk_i) begin
    case (cfg_addr_i)
      glregs_pkg::BAR0_WATCHDOG[7:0]:       cfg_rdata_o <= limit_q;
      glregs_pkg::BAR0_WATCHDOG_STATE[7:0]: cfg_rdata_o <= {30'h0, stopped_q, fired_q};
      default:                              cfg_rdata_o <= 32'h0;
    endcase
  end
endmodule
