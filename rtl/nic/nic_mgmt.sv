// SPDX-License-Identifier: Apache-2.0
// BAR0: the management registers of dom0 (space BAR0 of rtl/regs.def), the reset of the NIC and its cycle counters.
//
// One access at a time: a request is registered, its register answers from a registered multiplexer, tables, counters and
// memories through their own ports. A reset (BAR0.RESET, or function level reset from the PCIe layer) first stops the core and
// all contexts, waits until no DMA is in flight (the completion time-out bounds that), then pulses nic_rst_o. Meanwhile no
// access is taken, so the first read after it sees the NIC reset.
//
// RESTART holds the core, waits until DMA and the frame on the wire have ended by themselves, then pulses flow_rst_o: what holds frames and commands of the
// firmware is reset, tables, device pages and counters are not. The watchdog (nic_watchdog) holds the core as well.
//
// BAR0 0x0100..0x01ff goes to the blocks that hold those registers, but for EVENT, RESTART and the watchdog, which are here.
module nic_mgmt #(
    parameter int unsigned NCTX     = 32,
    parameter int unsigned CLOCK_HZ = 125_000_000,
    parameter bit          AUTORUN  = 1'b0  // the core's memories are initialised: let it run after reset
) (
    input  logic        clk_i,
    input  logic        rst_i,
    output logic        nic_rst_o,  // resets every block but this one and the PCIe layer
    output logic        halt_o,     // stop issuing: a reset is near
    output logic        flow_rst_o, // RESTART
    input  logic        flr_i,
    input  logic        tables_ready_i,  // the tables have been cleared after a reset

    // target bus, BAR0
    input  logic        tgt_valid_i,
    output logic        tgt_ready_o,
    input  logic        tgt_we_i,
    input  logic [15:0] tgt_addr_i,
    input  logic [ 3:0] tgt_be_i,
    input  logic [31:0] tgt_wdata_i,
    output logic        tgt_rvalid_o,
    output logic [31:0] tgt_rdata_o,

    // configuration
    output logic        core_run_o,
    output logic        mac_tx_en_o,
    output logic        mac_rx_en_o,
    output logic        pause_en_o,
    output logic [23:0] moderation_o,
    output logic        irq_bits_o,     // IRQ_MODE.BIT_VECTOR
    output logic        pend_re_o,      // IRQ_PENDING is read: data in the next cycle, held
    output logic        pend_clear_o,   // all of its bytes
    output logic [ 2:0] pend_group_o,
    input  logic [31:0] pend_data_i,
    output logic [13:0] max_frame_o,
    output logic [23:0] cpl_timeout_o,

    // state
    input  logic        core_sleep_i,
    input  logic        heartbeat_i,    // pulse: FWIO.HEARTBEAT was written
    output logic [31:0] wake_cycles_o,  // cycles until the watchdog fires; all ones: never
    output logic        idle_o,         // nothing goes on here (a read apart) but that
    input  logic        nic_idle_i,
    input  logic [ 4:0] dma_flight_i,
    input  logic        dma_idle_i,
    input  logic        mac_sending_i,  // a frame is on its way to the wire
    input  logic [31:0] time_skip_i,
    input  logic [63:0] time_i,
    input  logic [63:0] residence_tx_i,
    input  logic [63:0] residence_rx_i,
    input  logic [31:0] fw_state_i,
    input  logic [31:0] fw_heartbeat_i,
    input  logic [31:0] fw_info_i,
    input  logic [31:0] log_head_i,

    // mailbox
    output logic        mbox_busy_o,
    input  logic        mbox_done_i,

    // switch table
    output logic        sw_we_o,
    output logic        sw_re_o,
    output logic [ 7:0] sw_index_o,
    output logic [47:0] sw_mac_o,
    output logic [31:0] sw_ctl_o,
    input  logic [47:0] sw_mac_i,
    input  logic [31:0] sw_ctl_i,

    // configuration bus: BAR0 0x0100..0x01ff, each block decodes its own registers
    output logic        cfg_we_o,
    output logic        cfg_re_o,
    output logic [ 7:0] cfg_addr_o,
    output logic [ 7:0] cfg_ctx_o,
    output logic [31:0] cfg_wdata_o,
    input  logic [31:0] cfg_rdata_i,  // OR of all blocks, three cycles after cfg_re_o

    // what vector 0 reports
    input  logic        ev_fault_i,
    input  logic        ev_inv_i,
    input  logic        ev_revoke_i,
    output logic        ev_watchdog_o,
    output logic        mg_irq_o,       // pulse: a message on vector 0

    // a revocation is under way: its context stays disabled, RESTART waits
    input  logic        revoke_busy_i,
    input  logic [ 7:0] revoke_ctx_i,

    // contexts
    output logic        en_we_o,
    output logic [ 7:0] en_ctx_o,
    output logic        en_value_o,
    output logic        st_re_o,
    input  logic [31:0] st_data_i,

    // counters
    output logic        rd_valid_o,
    output logic        rd_ctx_sel_o,
    output logic [11:0] rd_index_o,
    output logic        rd_high_o,
    input  logic        rd_rvalid_i,
    input  logic [31:0] rd_data_i,

    // memories of the core
    output logic        hm_valid_o,
    input  logic        hm_ready_i,
    output logic        hm_we_o,
    output logic [ 3:0] hm_be_o,
    output logic [31:0] hm_addr_o,
    output logic [31:0] hm_wdata_o,
    input  logic        hm_rvalid_i,
    input  logic [31:0] hm_rdata_i
);
  localparam logic [31:0] CAPS = 32'(NCTX) | (32'd3 << glregs_pkg::BAR0_CAPS_LEVELS_LSB)
      | ((glregs_pkg::IMEM_SIZE >> 10) << glregs_pkg::BAR0_CAPS_IMEM_KIB_LSB)
      | ((glregs_pkg::DMEM_SIZE >> 12) << glregs_pkg::BAR0_CAPS_DMEM_KIB_LSB);

  typedef enum logic [3:0] {
    IDLE,       // waits for an access
    DECODE,     // the registered access is decoded
    TABLE1,     // tables and context state answer after four cycles
    TABLE2,
    TABLE3,
    TABLE4,
    ANSWER,     // the registered multiplexer has the value
    MEM,        // memory window, request
    MEM_WAIT,   // memory window, read data
    STAT_WAIT,  // counter read
    QUIESCE,    // reset: wait until no DMA is in flight
    RESETTING,  // reset: pulse
    DRAIN,      // RESTART: wait until DMA has ended
    FLOW        // RESTART: pulse
  } state_e;

  state_e state_q;
  logic        we_q;
  logic [15:0] addr_q;
  logic [ 3:0] be_q;
  logic [31:0] wdata_q, rdata_q;
  logic [ 4:0] reset_count_q;
  logic        flr_q;

  logic [31:0] scratch_q, window_q, hold_q;
  logic [ 7:0] sw_index_q, ctx_index_q;
  logic [47:0] sw_mac_q;
  logic [63:0] cyc_firmware_q, cyc_dmawait_q, cyc_idle_q;
  logic [ 3:0] control_q;

  logic is_mbox, is_window, is_stat, is_ctx_stat, is_reg, is_cfg, full;
  // Decoded when the access is taken: what follows in DECODE goes to all blocks.
  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      is_mbox     <= tgt_addr_i[15:9] == glregs_pkg::BAR0_MBOX[15:9];
      is_window   <= tgt_addr_i[15:14] == glregs_pkg::BAR0_WINDOW_DATA[15:14];
      is_stat     <= tgt_addr_i[15:10] == glregs_pkg::BAR0_STAT[15:10];
      is_ctx_stat <= tgt_addr_i[15] && {1'b0, tgt_addr_i[14:7]} < 9'(NCTX);
      is_reg      <= tgt_addr_i[15:8] == 8'h0;
      is_cfg      <= tgt_addr_i[15:8] == 8'h1;
      full        <= tgt_be_i == 4'hf;
    end
  end

  assign tgt_ready_o = state_q == IDLE && !flr_q && tables_ready_i;

  logic run_wanted, fired;
  assign run_wanted   = control_q[glregs_pkg::BAR0_CONTROL_CORE_RUN_LSB] && !halt_o && state_q != DRAIN && state_q != FLOW;
  assign core_run_o   = run_wanted && !fired;
  assign mac_tx_en_o  = control_q[glregs_pkg::BAR0_CONTROL_MAC_TX_LSB] && state_q != DRAIN && state_q != FLOW;
  assign mac_rx_en_o  = control_q[glregs_pkg::BAR0_CONTROL_MAC_RX_LSB];
  assign pause_en_o   = control_q[glregs_pkg::BAR0_CONTROL_PAUSE_LSB];
  assign halt_o       = state_q == QUIESCE || state_q == RESETTING;
  assign sw_index_o   = sw_index_q;
  assign sw_mac_o     = sw_mac_q;
  assign sw_ctl_o     = wdata_q;
  assign en_ctx_o     = ctx_index_q;
  assign en_value_o   = wdata_q[0];
  assign rd_index_o   = is_ctx_stat ? addr_q[14:3] : {5'h0, addr_q[9:3]};
  assign rd_ctx_sel_o = is_ctx_stat;
  assign rd_high_o    = addr_q[2];
  assign rd_valid_o   = state_q == DECODE && !we_q && (is_stat || is_ctx_stat);
  assign hm_valid_o   = state_q == MEM;
  assign hm_we_o      = we_q;
  assign hm_be_o      = be_q;
  assign hm_addr_o    = is_mbox ? glregs_pkg::DMEM_BASE + glregs_pkg::MBOX_OFF + {23'h0, addr_q[8:0]}
                                : {window_q[31:14], addr_q[13:0]};
  assign hm_wdata_o   = wdata_q;

  // Writes act in DECODE, tables' reads start there.
  logic reg_write, table_index_ok, ctx_index_ok;
  assign reg_write      = state_q == DECODE && we_q && is_reg && full;
  // An index that is written is looked at two cycles later at the earliest.
  always_ff @(posedge clk_i) begin
    table_index_ok <= 9'(sw_index_q) < 9'(NCTX);
    ctx_index_ok   <= 9'(ctx_index_q) < 9'(NCTX);
  end
  assign sw_we_o = reg_write && addr_q == glregs_pkg::BAR0_SW_CONTROL[15:0] && table_index_ok;
  assign en_we_o = reg_write && addr_q == glregs_pkg::BAR0_CTX_CONTROL[15:0] && ctx_index_ok
      && !(revoke_busy_i && revoke_ctx_i == ctx_index_q);
  assign sw_re_o = state_q == DECODE && !we_q;
  assign st_re_o = state_q == DECODE && !we_q;

  logic is_pend;
  assign is_pend      = is_reg && addr_q[7:5] == glregs_pkg::BAR0_IRQ_PENDING[7:5];
  assign pend_re_o    = state_q == DECODE && !we_q && is_pend;
  assign pend_clear_o = full;
  assign pend_group_o = addr_q[4:2];

  assign cfg_we_o    = state_q == DECODE && we_q && is_cfg && full && ctx_index_ok;
  assign cfg_re_o    = state_q == DECODE && !we_q && is_cfg && ctx_index_ok;
  assign cfg_addr_o  = addr_q[7:0];
  assign cfg_ctx_o   = ctx_index_q;
  assign cfg_wdata_o = wdata_q;

  logic own_write, reset_write, restart_write, doorbell_write;
  assign own_write     = state_q == DECODE && we_q && is_cfg && full;
  assign restart_write = own_write && addr_q == glregs_pkg::BAR0_RESTART[15:0] && wdata_q[0];
  assign reset_write    = reg_write && addr_q == glregs_pkg::BAR0_RESET[15:0] && wdata_q[0];
  assign doorbell_write = reg_write && addr_q == glregs_pkg::BAR0_MBOX_DOORBELL[15:0] && wdata_q[0];

  logic [31:0] status;
  assign status = {19'h0, dma_flight_i, 5'h0, nic_idle_i, mbox_busy_o, core_sleep_i};

  always_ff @(posedge clk_i) begin
    tgt_rvalid_o <= 1'b0;
    nic_rst_o    <= rst_i;
    flow_rst_o   <= 1'b0;
    if (flr_i) flr_q <= 1'b1;
    unique case (state_q)
      IDLE: begin
        // The PCI Express layer has forgotten all requests already: DMA would wait for ever.
        if (flr_q) begin
          state_q <= RESETTING;
          flr_q   <= 1'b0;
        end else if (tgt_valid_i && tables_ready_i) begin
          state_q <= DECODE;
        end
        we_q    <= tgt_we_i;
        addr_q  <= {tgt_addr_i[15:2], 2'b00};
        be_q    <= tgt_be_i;
        wdata_q <= tgt_wdata_i;
      end
      DECODE: begin
        if (is_mbox || is_window) state_q <= MEM;
        else if (we_q) state_q <= reset_write ? QUIESCE : restart_write ? DRAIN : IDLE;
        else if (is_stat || is_ctx_stat) state_q <= STAT_WAIT;
        else state_q <= TABLE1;
      end
      TABLE1:    state_q <= TABLE2;
      TABLE2:    state_q <= TABLE3;
      TABLE3:    state_q <= TABLE4;
      TABLE4:    state_q <= ANSWER;
      ANSWER: begin
        state_q      <= IDLE;
        tgt_rvalid_o <= 1'b1;
        tgt_rdata_o  <= rdata_q;
      end
      MEM: if (hm_ready_i) state_q <= we_q ? IDLE : MEM_WAIT;
      MEM_WAIT: begin
        if (hm_rvalid_i) begin
          state_q      <= IDLE;
          tgt_rvalid_o <= 1'b1;
          tgt_rdata_o  <= hm_rdata_i;
        end
      end
      STAT_WAIT: begin
        if (rd_rvalid_i) begin
          state_q      <= IDLE;
          tgt_rvalid_o <= 1'b1;
          tgt_rdata_o  <= rd_data_i;
        end
      end
      // DMA is idle for 32 cycles in a row: whatever was on its way inside has arrived
      QUIESCE: begin
        reset_count_q <= dma_idle_i && dma_flight_i == '0 ? reset_count_q + 5'd1 : 5'd0;
        if (&reset_count_q || flr_q) state_q <= RESETTING;
        if (flr_q) begin
          flr_q         <= 1'b0;
          reset_count_q <= 5'd0;
        end
      end
      RESETTING: begin
        nic_rst_o     <= 1'b1;
        reset_count_q <= reset_count_q + 5'd1;
        if (&reset_count_q) state_q <= IDLE;
      end
      DRAIN: begin
        reset_count_q <= dma_idle_i && dma_flight_i == '0 && !revoke_busy_i && !mac_sending_i ? reset_count_q + 5'd1 : 5'd0;
        if (flr_q) begin
          state_q       <= IDLE;
          reset_count_q <= 5'd0;
        end else if (&reset_count_q) begin
          state_q <= FLOW;
        end
      end
      FLOW: begin
        flow_rst_o    <= 1'b1;
        reset_count_q <= reset_count_q + 5'd1;
        if (&reset_count_q) state_q <= IDLE;
      end
      default:   state_q <= IDLE;
    endcase
    if (rst_i) begin
      state_q       <= IDLE;
      flr_q         <= 1'b0;
      reset_count_q <= 5'd0;
      tgt_rvalid_o  <= 1'b0;
      flow_rst_o    <= 1'b0;
    end
  end

  // The multiplexer of registers, valid in ANSWER. Tables and context state have answered by then.
  logic [31:0] mux_q, cfg_rdata_q;
  assign rdata_q = mux_q;
  always_ff @(posedge clk_i) begin
    unique case (addr_q[7:0])
      glregs_pkg::BAR0_ID[7:0]:              mux_q <= glregs_pkg::ID_VALUE;
      glregs_pkg::BAR0_VERSION[7:0]:         mux_q <= glregs_pkg::VERSION_VALUE;
      glregs_pkg::BAR0_CAPS[7:0]:            mux_q <= CAPS;
      glregs_pkg::BAR0_CLOCK_HZ[7:0]:        mux_q <= CLOCK_HZ;
      glregs_pkg::BAR0_CONTROL[7:0]:         mux_q <= {28'h0, control_q};
      glregs_pkg::BAR0_STATUS[7:0]:          mux_q <= status;
      glregs_pkg::BAR0_SCRATCH[7:0]:         mux_q <= scratch_q;
      glregs_pkg::BAR0_IRQ_MODERATION[7:0]:  mux_q <= {8'h0, moderation_o};
      glregs_pkg::BAR0_IRQ_MODE[7:0]:        mux_q <= {31'h0, irq_bits_o};
      glregs_pkg::BAR0_MAX_FRAME[7:0]:       mux_q <= {18'h0, max_frame_o};
      glregs_pkg::BAR0_CPL_TIMEOUT[7:0]:     mux_q <= {8'h0, cpl_timeout_o};
      glregs_pkg::BAR0_FW_STATE[7:0]:        mux_q <= fw_state_i;
      glregs_pkg::BAR0_FW_HEARTBEAT[7:0]:    mux_q <= fw_heartbeat_i;
      glregs_pkg::BAR0_FW_INFO[7:0]:         mux_q <= fw_info_i;
      glregs_pkg::BAR0_LOG_HEAD[7:0]:        mux_q <= log_head_i;
      glregs_pkg::BAR0_WINDOW[7:0]:          mux_q <= window_q;
      glregs_pkg::BAR0_CYCLES_LO[7:0]:       mux_q <= time_i[31:0];
      glregs_pkg::BAR0_CYC_FIRMWARE_LO[7:0]: mux_q <= cyc_firmware_q[31:0];
      glregs_pkg::BAR0_CYC_DMAWAIT_LO[7:0]:  mux_q <= cyc_dmawait_q[31:0];
      glregs_pkg::BAR0_CYC_IDLE_LO[7:0]:     mux_q <= cyc_idle_q[31:0];
      glregs_pkg::BAR0_TX_RESIDENCE_LO[7:0]: mux_q <= residence_tx_i[31:0];
      glregs_pkg::BAR0_RX_RESIDENCE_LO[7:0]: mux_q <= residence_rx_i[31:0];
      glregs_pkg::BAR0_CYCLES_HI[7:0], glregs_pkg::BAR0_CYC_FIRMWARE_HI[7:0], glregs_pkg::BAR0_CYC_DMAWAIT_HI[7:0],
      glregs_pkg::BAR0_CYC_IDLE_HI[7:0], glregs_pkg::BAR0_TX_RESIDENCE_HI[7:0],
      glregs_pkg::BAR0_RX_RESIDENCE_HI[7:0]: mux_q <= hold_q;
      glregs_pkg::BAR0_SW_INDEX[7:0]:        mux_q <= {24'h0, sw_index_q};
      glregs_pkg::BAR0_SW_MAC_LO[7:0]:       mux_q <= sw_mac_i[31:0];
      glregs_pkg::BAR0_SW_MAC_HI[7:0]:       mux_q <= {16'h0, sw_mac_i[47:32]};
      glregs_pkg::BAR0_SW_CONTROL[7:0]:      mux_q <= sw_ctl_i;
      glregs_pkg::BAR0_CTX_INDEX[7:0]:       mux_q <= {24'h0, ctx_index_q};
      glregs_pkg::BAR0_CTX_CONTROL[7:0]:     mux_q <= {31'h0, st_data_i[9]};
      glregs_pkg::BAR0_CTX_STATUS[7:0]:      mux_q <= {8'h0, st_data_i[23:16], 7'h0, st_data_i[8], st_data_i[7:0]};
      default:                               mux_q <= 32'h0;
    endcase
    if (is_pend) mux_q <= pend_data_i;
    if (!is_reg) mux_q <= is_cfg ? cfg_rdata_q : 32'h0;
    cfg_rdata_q <= (ctx_index_ok ? cfg_rdata_i : 32'h0) | own_rdata_q | wd_rdata;

    // Reading a low half holds its high half.
    if (state_q == TABLE4) begin
      case (addr_q[7:0])
        glregs_pkg::BAR0_CYCLES_LO[7:0]:       hold_q <= time_i[63:32];
        glregs_pkg::BAR0_CYC_FIRMWARE_LO[7:0]: hold_q <= cyc_firmware_q[63:32];
        glregs_pkg::BAR0_CYC_DMAWAIT_LO[7:0]:  hold_q <= cyc_dmawait_q[63:32];
        glregs_pkg::BAR0_CYC_IDLE_LO[7:0]:     hold_q <= cyc_idle_q[63:32];
        glregs_pkg::BAR0_TX_RESIDENCE_LO[7:0]: hold_q <= residence_tx_i[63:32];
        glregs_pkg::BAR0_RX_RESIDENCE_LO[7:0]: hold_q <= residence_rx_i[63:32];
        default:                               ;
      endcase
    end
  end

  // Registers that are written.
  always_ff @(posedge clk_i) begin
    if (reg_write) begin
      case (addr_q[7:0])
        glregs_pkg::BAR0_CONTROL[7:0]:        control_q <= wdata_q[3:0];
        glregs_pkg::BAR0_SCRATCH[7:0]:        scratch_q <= wdata_q;
        glregs_pkg::BAR0_IRQ_MODERATION[7:0]: moderation_o <= wdata_q[23:0];
        glregs_pkg::BAR0_IRQ_MODE[7:0]:       irq_bits_o <= wdata_q[glregs_pkg::BAR0_IRQ_MODE_BIT_VECTOR_LSB];
        glregs_pkg::BAR0_MAX_FRAME[7:0]:
        if (wdata_q >= 32'd60 && wdata_q <= glregs_pkg::FRAME_MAX) max_frame_o <= wdata_q[13:0];
        glregs_pkg::BAR0_CPL_TIMEOUT[7:0]:    if (wdata_q[23:0] != '0) cpl_timeout_o <= wdata_q[23:0];
        glregs_pkg::BAR0_WINDOW[7:0]:         window_q <= {wdata_q[31:14], 14'h0};
        glregs_pkg::BAR0_SW_INDEX[7:0]:       sw_index_q <= wdata_q[7:0];
        glregs_pkg::BAR0_SW_MAC_LO[7:0]:      sw_mac_q[31:0] <= wdata_q;
        glregs_pkg::BAR0_SW_MAC_HI[7:0]:      sw_mac_q[47:32] <= wdata_q[15:0];
        glregs_pkg::BAR0_CTX_INDEX[7:0]:      ctx_index_q <= wdata_q[7:0];
        default:                              ;
      endcase
    end
    if (flow_rst_o) begin
      control_q[glregs_pkg::BAR0_CONTROL_CORE_RUN_LSB] <= 1'b0;
      mbox_busy_o <= 1'b0;  // nobody answers any more
    end else if (doorbell_write) mbox_busy_o <= 1'b1;
    else if (mbox_done_i) mbox_busy_o <= 1'b0;
    if (rst_i || nic_rst_o) begin
      control_q     <= {3'b000, AUTORUN};
      moderation_o  <= 24'd0;
      irq_bits_o    <= 1'b0;
      max_frame_o   <= glregs_pkg::FRAME_MAX[13:0] - 14'd4;
      cpl_timeout_o <= 24'd6_250_000;  // 50 ms, the default range of PCI Express
      window_q      <= 32'h0;
      scratch_q     <= 32'h0;
      sw_index_q    <= 8'h0;
      ctx_index_q   <= 8'h0;
      mbox_busy_o   <= 1'b0;
    end
  end

  // --- Watchdog ---
  logic [31:0] wd_rdata;
  nic_watchdog u_watchdog (
      .clk_i,
      .rst_i        (rst_i || nic_rst_o),
      .cfg_we_i     (own_write),
      .cfg_addr_i   (addr_q[7:0]),
      .cfg_wdata_i  (wdata_q),
      .cfg_rdata_o  (wd_rdata),
      .run_i        (run_wanted),
      .heartbeat_i,
      .time_skip_i,
      .dma_idle_i   (dma_idle_i && dma_flight_i == '0),
      .clear_i      (flow_rst_o),
      .fired_o      (fired),
      .ev_fired_o   (ev_watchdog_o),
      .wake_cycles_o
  );

  // --- Events: a new one sends a message even if its bit is still set ---
  localparam int unsigned EVENTS = 5;
  logic [EVENTS-1:0] event_q, event_enable_q, event_new;
  logic [31:0] own_rdata_q;
  always_comb begin
    event_new = '0;
    event_new[glregs_pkg::BAR0_EVENT_MBOX_LSB]     = mbox_done_i;
    event_new[glregs_pkg::BAR0_EVENT_FAULT_LSB]    = ev_fault_i;
    event_new[glregs_pkg::BAR0_EVENT_WATCHDOG_LSB] = ev_watchdog_o;
    event_new[glregs_pkg::BAR0_EVENT_INV_LSB]      = ev_inv_i;
    event_new[glregs_pkg::BAR0_EVENT_REVOKE_LSB]   = ev_revoke_i;
  end
  always_ff @(posedge clk_i) begin
    mg_irq_o <= (event_new & event_enable_q) != '0;
    if (own_write && addr_q[7:0] == glregs_pkg::BAR0_EVENT[7:0]) event_q <= (event_q & ~wdata_q[EVENTS-1:0]) | event_new;
    else event_q <= event_q | event_new;
    if (own_write && addr_q[7:0] == glregs_pkg::BAR0_EVENT_ENABLE[7:0]) event_enable_q <= wdata_q[EVENTS-1:0];
    if (rst_i || nic_rst_o) begin
      event_q        <= '0;
      event_enable_q <= EVENTS'(1) << glregs_pkg::BAR0_EVENT_MBOX_LSB;
      mg_irq_o       <= 1'b0;
    end
    case (addr_q[7:0])
      glregs_pkg::BAR0_EVENT[7:0]:        own_rdata_q <= 32'(event_q);
      glregs_pkg::BAR0_EVENT_ENABLE[7:0]: own_rdata_q <= 32'(event_enable_q);
      default:                            own_rdata_q <= 32'h0;
    endcase
  end

  assign idle_o = state_q != QUIESCE && state_q != RESETTING && state_q != DRAIN && state_q != FLOW && !flr_q && !nic_rst_o
      && !flow_rst_o && event_new == '0 && !mg_irq_o && !revoke_busy_i;

  // Where the cycles go. The core's state is registered; a skipped stretch of time is idle by definition.
  logic sleep_q, flight_q;
  always_ff @(posedge clk_i) begin
    sleep_q  <= core_sleep_i;
    flight_q <= !dma_idle_i;
    if (nic_rst_o) begin
      cyc_firmware_q <= 64'h0;
      cyc_dmawait_q  <= 64'h0;
      cyc_idle_q     <= 64'h0;
    end else begin
      if (!sleep_q) cyc_firmware_q <= cyc_firmware_q + 64'd1;
      if (sleep_q && flight_q) cyc_dmawait_q <= cyc_dmawait_q + 64'd1;
      if (sleep_q && !flight_q) cyc_idle_q <= cyc_idle_q + 64'd1 + {32'h0, time_skip_i};
    end
  end

  // Addresses are DW addresses; the context's state word has spare bits.
  logic unused;
  assign unused = ^{tgt_addr_i[1:0], st_data_i[31:24], st_data_i[15:10]};
endmodule
