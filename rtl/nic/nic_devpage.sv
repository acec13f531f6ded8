// SPDX-License-Identifier: Apache-2.0
// Device pages: the registers of one virtio-mmio (version 2) network device per context, answered from RAM.
//
// Standards: virtio 1.2, 4.2.2 (MMIO register layout), 2.1 (device status), 2.2 (feature bits), 5.1.4 (configuration).

// One engine serves one operation at a time, so each is atomic: an access of the host to a page (target bus), an access of
// the firmware (FWIO.CTX), a CTX_ACK, a NEEDS_RESET, new InterruptStatus bits, a change of BAR0.CTX_CONTROL. An operation
// takes 4 to 7 cycles. The host's accesses and all others alternate when both wait, so an access of the host is done after 13 cycles
// at most, whatever the other pages, the firmware or the interrupt unit do (6 more when it meets a context that is being
// enabled or disabled in that moment).
//
// Two memories: the state of a context that most operations need (state_t), and 64 words per context laid out as space CTX
// of registers.md. A device reset writes the state only: words it would have to clear (driver features, queue sizes) have a
// valid bit there. Both memories are cleared after reset of the NIC, 64 cycles per context, before anything is answered.
//
//   tgt_*      target bus, BAR2 only: address bits 11:0 register, 19:12 context. An access is accepted when it has taken
//              effect; a read is answered in the cycle after.
//   fw_*       firmware's view (space CTX), context in address bits 15:8; a read is answered in the cycle after acceptance
//   en_*       BAR0.CTX_CONTROL was written: takes effect on run_o at once. Writing what is there already has no effect.
//   st_*       BAR0.CTX_STATUS, and CTX_CONTROL.ENABLE in bit 9: st_data_o is valid four cycles after st_re_i and held
//   ack_*      FWIO.CTX_ACK. Honoured only if no reset came since the event was taken; that reset's event is still to come.
//   nr_*       FWIO.NEEDS_RESET. Without effect while a reset waits for its acknowledgement.
//   run_o      DMA of the context may run: enabled, no reset unacknowledged, not DEVICE_NEEDS_RESET
//   evq_*      FWIO.CTX_EVENT
//   db_*       to nic_doorbell: ring a queue, forget all rings of a context
//   clr_*      clear bus (revocation) of a disabled context: all its words and its state go, but for a reset that the firmware has
//              yet to acknowledge; the page reads as after reset. Words are cleared beside the other operations.
//   flow_rst_i RESTART: raises CTX_EVENT for every context, for the firmware that comes next; nothing else changes
//   isr_set_*  from nic_irq: sets bits of InterruptStatus (of a device with DRIVER_OK)
//   ci_*       to nic_irq: a configuration change interrupt is wanted
//   cst_*      context counters: DOORBELLS, RESETS, NEEDS_RESET
//   ev_*       one-cycle pulses for the NIC's counters
//   idle_o     nothing is pending here
module nic_devpage #(
    parameter int unsigned NCTX  = 32,   // contexts, 1 to 256
    parameter bit          SWEEP = 1'b1  // 0: memories are not cleared after reset; for proofs, where they may hold anything
) (
    input  logic            clk_i,
    input  logic            rst_i,

    input  logic            tgt_valid_i,
    output logic            tgt_ready_o,
    input  logic            tgt_we_i,
    /* verilator lint_off UNUSEDSIGNAL */ // bits 1:0: accesses are whole words
    input  logic [19:0]     tgt_addr_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [3:0]      tgt_be_i,
    input  logic [31:0]     tgt_wdata_i,
    output logic            tgt_rvalid_o,
    output logic [31:0]     tgt_rdata_o,

    input  logic            fw_valid_i,
    output logic            fw_ready_o,
    input  logic            fw_we_i,
    /* verilator lint_off UNUSEDSIGNAL */ // bits 1:0: accesses are whole words
    input  logic [15:0]     fw_addr_i,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [31:0]     fw_wdata_i,
    output logic            fw_rvalid_o,
    output logic [31:0]     fw_rdata_o,

    input  logic            en_we_i,
    input  logic [7:0]      en_ctx_i,
    input  logic            en_value_i,
    input  logic            st_re_i,
    input  logic [7:0]      st_ctx_i,
    output logic [31:0]     st_data_o,

    input  logic            ack_valid_i,
    output logic            ack_ready_o,
    input  logic [7:0]      ack_ctx_i,
    input  logic            nr_valid_i,
    output logic            nr_ready_o,
    input  logic [7:0]      nr_ctx_i,
    input  logic [7:0]      nr_reason_i,

    output logic [NCTX-1:0] run_o,
    output logic            evq_valid_o,
    input  logic            evq_ready_i,
    output logic [7:0]      evq_ctx_o,

    output logic            db_set_o,
    output logic            db_clear_o,
    output logic [7:0]      db_ctx_o,
    output logic [3:0]      db_queue_o,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o,
    input  logic            flow_rst_i,

    input  logic            isr_set_valid_i,
    output logic            isr_set_ready_o,
    input  logic [7:0]      isr_set_ctx_i,
    input  logic [1:0]      isr_set_bits_i,
    output logic            ci_valid_o,
    input  logic            ci_ready_i,
    output logic [7:0]      ci_ctx_o,

    output logic            cst_valid_o,
    input  logic            cst_ready_i,
    output logic [7:0]      cst_ctx_o,
    output logic [3:0]      cst_idx_o,
    output logic [15:0]     cst_add_o,
    output logic            ev_doorbell_o,
    output logic            ev_doorbell_ignored_o,
    output logic            ev_bad_write_o,
    output logic            ev_reset_o,
    output logic            idle_o
);

  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;

  localparam logic [31:0] Magic    = 32'h7472_6976;  // "virt"
  localparam logic [31:0] Version  = 32'd2;
  localparam logic [31:0] DeviceId = 32'd1;          // network card
  localparam logic [31:0] VendorId = 32'h4e4c_4731;
  localparam logic [15:0] NumMax   = glregs_pkg::QUEUE_SIZE_MAX[15:0];

  // Bits of the device status (virtio 1.2, 2.1).
  localparam int unsigned DriverOk   = 2;
  localparam int unsigned FeaturesOk = 3;
  localparam int unsigned NeedsReset = 6;
  localparam logic [7:0]  DriverSets = 8'h83;  // FAILED, DRIVER, ACKNOWLEDGE: bits that the driver sets without a condition

  // State of a context. A select register keeps bit 0 and whether any other bit is set (then nothing is selected).
  typedef struct packed {
    logic [7:0] reason;     // of the last DEVICE_NEEDS_RESET
    logic [1:0] num_ok;     // per queue: a legal size was written since reset
    logic [1:0] drv_ok;     // per word: the driver's features are a subset of the device's (and have VERSION_1)
    logic [1:0] drv_valid;  // per word: driver features were written since reset
    logic [1:0] qsel;       // QueueSel
    logic [1:0] drvsel;     // DriverFeaturesSel
    logic [1:0] devsel;     // DeviceFeaturesSel
    logic [1:0] shown;      // InterruptStatus bits that a read has shown and that were not set again since
    logic [1:0] isr;        // InterruptStatus
    logic [1:0] ready;      // per queue: QueueReady
    logic       reset;      // reset, and not acknowledged by the firmware yet
    logic [7:0] status;     // device status
  } state_t;
  localparam int unsigned StateW = 35;

  // Word numbers in space CTX.
  localparam logic [5:0] WStatus  = 6'(glregs_pkg::CTX_STATUS >> 2);
  localparam logic [5:0] WDrvLo   = 6'(glregs_pkg::CTX_DRIVER_FEATURES_LO >> 2);
  localparam logic [5:0] WDrvHi   = 6'(glregs_pkg::CTX_DRIVER_FEATURES_HI >> 2);
  localparam logic [5:0] WDevLo   = 6'(glregs_pkg::CTX_DEVICE_FEATURES_LO >> 2);
  localparam logic [5:0] WDevHi   = 6'(glregs_pkg::CTX_DEVICE_FEATURES_HI >> 2);
  localparam logic [5:0] WGen     = 6'(glregs_pkg::CTX_CONFIG_GENERATION >> 2);
  localparam logic [5:0] WQNum    = 6'(glregs_pkg::CTX_Q_NUM >> 2);      // + 8 * queue
  localparam logic [5:0] WQNumMax = 6'(glregs_pkg::CTX_Q_NUM_MAX >> 2);  // + 8 * queue
  localparam logic [5:0] WQDesc   = 6'(glregs_pkg::CTX_Q_DESC_LO >> 2);  // + 8 * queue, six words

  typedef enum logic [2:0] { StSweep, StArb, StRead, StLoad, StSel, StAux, StExe } step_e;
  typedef enum logic [2:0] { OpTgt, OpFw, OpAck, OpNr, OpIsr, OpEn, OpClr } op_e;

  // ---------------------------------------------------------------- memories

  logic                s_we, s_re;
  logic [CW-1:0]       s_waddr;
  logic [StateW-1:0]   s_wdata, s_rdata;
  logic                m_we, m_re;
  logic [CW+5:0]       m_waddr, m_raddr;
  logic [31:0]         m_wdata, m_rdata;
  logic                t_re;
  logic [15:0]         t_rdata;
  logic [CW-1:0]       t_raddr;

  lib_ram_sdp #(.WIDTH(StateW), .DEPTH(2**CW)) u_state (
    .clk_i, .we_i(s_we), .waddr_i(s_waddr), .wdata_i(s_wdata), .re_i(s_re), .raddr_i(cur_ctx_q[CW-1:0]), .rdata_o(s_rdata)
  );

  lib_ram_sdp #(.WIDTH(32), .DEPTH(64 * 2**CW)) u_words (
    .clk_i, .we_i(m_we), .waddr_i(m_waddr), .wdata_i(m_wdata), .re_i(m_re), .raddr_i(m_raddr), .rdata_o(m_rdata)
  );

  // Copy of status and reason for BAR0.CTX_STATUS, which wants a fixed latency.
  lib_ram_sdp #(.WIDTH(16), .DEPTH(2**CW)) u_shadow (
    .clk_i, .we_i(s_we), .waddr_i(s_waddr), .wdata_i({s_wdata[StateW-1 -: 8], s_wdata[7:0]}),
    .re_i(t_re), .raddr_i(t_raddr), .rdata_o(t_rdata)
  );

  // ---------------------------------------------------------------- bits per context

  logic [NCTX-1:0] en_q;      // BAR0.CTX_CONTROL.ENABLE
  logic [NCTX-1:0] toggled_q; // ENABLE changed, and the engine has not reset the page yet
  logic [NCTX-1:0] run_q;
  logic [NCTX-1:0] event_q;   // CTX_EVENT
  logic [NCTX-1:0] fresh_q;   // reset since the last event was taken

  // ---------------------------------------------------------------- the operation in work

  step_e       step_q;
  op_e         cur_op_q;
  logic [7:0]  cur_ctx_q;
  logic        cur_we_q;
  logic        cur_full_q;   // all byte enables
  logic [9:0]  cur_word_q;   // word in the page, or in space CTX
  logic [31:0] cur_data_q;
  logic        last_isr_q;   // among the others: the last one was nic_irq's

  // What a stage of its own finds out about it, in StRead.
  logic ctx_ok_q, en_hit_q, toggled_hit_q, fresh_hit_q, run_hit_q;
  logic need_aux_q, fw_aux_q;
  logic d_magic_q, d_version_q, d_devid_q, d_vendor_q, d_devfeat_q, d_devsel_q, d_drvfeat_q, d_drvsel_q, d_qsel_q;
  logic d_nummax_q, d_qnum_q, d_qready_q, d_notify_q, d_isr_q, d_ack_q, d_status_q, d_qaddr_q, d_shm_q, d_gen_q;
  logic d_config_q;
  logic data_zero_q, data_one_q, data_hi31_q, data_hi24_q, data_hi16_q, data_le_max_q;

  state_t      state_q;
  logic [31:0] aux_q;

  // What the operation does, in the cycle after StExe (the commit).
  logic        com_q, com_tgt_q, com_fw_q, com_ack_q, com_nr_q, com_isr_q, com_en_q, com_clr_q, com_read_q;
  logic        com_state_we_q, com_word_we_q;
  state_t      com_state_q;
  logic [5:0]  com_word_q;
  logic [31:0] com_data_q;
  logic [31:0] com_rdata_q;
  logic        com_run_set_q, com_run_clr_q, com_event_q, com_fresh_q;
  logic        com_db_set_q, com_db_clear_q, com_ci_q, com_cst_q;
  logic        com_queue_q;
  logic [3:0]  com_cst_idx_q;
  logic        ev_ignored_q, ev_bad_q, ev_reset_q;

  // ---------------------------------------------------------------- arbitration

  logic       clr_want;          // the clear bus wants a context's state cleared
  logic       t_found;           // a context was enabled or disabled
  logic [7:0] t_idx;
  logic       cst_room;
  logic       ci_valid_q;
  logic [7:0] ci_ctx_q;
  logic       tgt_want, en_want, ack_want, nr_want, isr_want, fw_want, core_want, other_want;
  logic       pick_tgt, pick_en, pick_isr, pick_ack, pick_nr, pick_clr;

  assign tgt_want   = tgt_valid_i && !com_tgt_q && cst_room;
  assign en_want    = t_found;
  assign ack_want   = ack_valid_i && !com_ack_q;
  assign nr_want    = nr_valid_i && !com_nr_q && cst_room && !ci_valid_q;
  assign isr_want   = isr_set_valid_i && !com_isr_q;
  assign fw_want    = fw_valid_i && !com_fw_q;
  assign core_want  = ack_want || nr_want || fw_want;
  assign other_want = en_want || clr_want || isr_want || core_want;

  // In the cycle in which an access of the host is accepted (tgt_want is low then), whoever waits gets the engine; so the host,
  // though first here, alternates with the others.
  assign pick_tgt = tgt_want;
  assign pick_en  = !pick_tgt && en_want;
  assign pick_clr = !pick_tgt && !en_want && clr_want;
  assign pick_isr = !pick_tgt && !en_want && !clr_want && isr_want && !(last_isr_q && core_want);
  assign pick_ack = !pick_tgt && !en_want && !clr_want && !pick_isr && ack_want;
  assign pick_nr  = !pick_tgt && !en_want && !clr_want && !pick_isr && !ack_want && nr_want;

  nic_scan #(.N(NCTX)) u_toggled (
    .clk_i, .rst_i, .vec_i(toggled_q), .next_i(step_q == StArb && pick_en), .found_o(t_found), .idx_o(t_idx)
  );

  // ---------------------------------------------------------------- steps

  logic [CW+5:0] sweep_q;
  localparam logic [CW+5:0] SweepOne = 1;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      step_q     <= SWEEP ? StSweep : StArb;
      sweep_q    <= '0;
      last_isr_q <= 1'b0;
    end else begin
      unique case (step_q)
        StSweep: begin
          sweep_q <= sweep_q + SweepOne;
          if (&sweep_q) step_q <= StArb;
        end
        StArb: if (tgt_want || other_want) begin
          step_q     <= StRead;
          if (!pick_tgt && !pick_en && !pick_clr) last_isr_q <= pick_isr;
        end
        StRead: step_q <= StLoad;
        StLoad: step_q <= (need_aux_q && !(cur_op_q == OpTgt && toggled_hit_q)) ? StSel : StExe;
        StSel:  step_q <= StAux;
        StAux:  step_q <= StExe;
        default: step_q <= StArb;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (step_q == StArb) begin
      cur_op_q   <= pick_tgt ? OpTgt : pick_en ? OpEn : pick_clr ? OpClr : pick_isr ? OpIsr : pick_ack ? OpAck : pick_nr ? OpNr : OpFw;
      cur_ctx_q  <= pick_tgt ? tgt_addr_i[19:12] : pick_en ? t_idx : pick_clr ? clr_ctx_i : pick_isr ? isr_set_ctx_i :
                    pick_ack ? ack_ctx_i : pick_nr ? nr_ctx_i : fw_addr_i[15:8];
      cur_we_q   <= pick_tgt ? tgt_we_i : fw_we_i;
      cur_full_q <= tgt_be_i == 4'hf;
      cur_word_q <= pick_tgt ? tgt_addr_i[11:2] : {4'h0, fw_addr_i[7:2]};
      cur_data_q <= pick_tgt ? tgt_wdata_i : pick_isr ? {30'h0, isr_set_bits_i} : pick_nr ? {24'h0, nr_reason_i} :
                    fw_wdata_i;
    end else if (step_q == StLoad && cur_op_q == OpTgt && toggled_hit_q) begin
      cur_op_q <= OpEn;  // the page is reset first; the host's access waits for its next turn
    end
  end

  // ---------------------------------------------------------------- StRead: state is read, address and data are decoded

  logic [11:0] cur_off;
  assign cur_off = {cur_word_q, 2'b00};

  // The six registers of a queue's areas: {desc, driver, device} * {low, high}.
  logic is_qaddr;
  assign is_qaddr = cur_off[11:6] == 6'h02 && cur_off[5:4] != 2'b11 && !cur_off[3];

  logic cur_exists;
  assign cur_exists = 32'(cur_ctx_q) < NCTX;

  assign s_re = step_q == StRead;

  always_ff @(posedge clk_i) begin
    if (step_q == StRead) begin
      ctx_ok_q      <= cur_exists;
      en_hit_q      <= cur_exists && en_q[cur_ctx_q[CW-1:0]];
      toggled_hit_q <= cur_exists && toggled_q[cur_ctx_q[CW-1:0]];
      fresh_hit_q   <= fresh_q[cur_ctx_q[CW-1:0]];
      run_hit_q     <= run_q[cur_ctx_q[CW-1:0]];

      d_magic_q   <= cur_off == glregs_pkg::DEV_MAGIC[11:0];
      d_version_q <= cur_off == glregs_pkg::DEV_VERSION[11:0];
      d_devid_q   <= cur_off == glregs_pkg::DEV_DEVICE_ID[11:0];
      d_vendor_q  <= cur_off == glregs_pkg::DEV_VENDOR_ID[11:0];
      d_devfeat_q <= cur_off == glregs_pkg::DEV_DEVICE_FEATURES[11:0];
      d_devsel_q  <= cur_off == glregs_pkg::DEV_DEVICE_FEATURES_SEL[11:0];
      d_drvfeat_q <= cur_off == glregs_pkg::DEV_DRIVER_FEATURES[11:0];
      d_drvsel_q  <= cur_off == glregs_pkg::DEV_DRIVER_FEATURES_SEL[11:0];
      d_qsel_q    <= cur_off == glregs_pkg::DEV_QUEUE_SEL[11:0];
      d_nummax_q  <= cur_off == glregs_pkg::DEV_QUEUE_NUM_MAX[11:0];
      d_qnum_q    <= cur_off == glregs_pkg::DEV_QUEUE_NUM[11:0];
      d_qready_q  <= cur_off == glregs_pkg::DEV_QUEUE_READY[11:0];
      d_notify_q  <= cur_off == glregs_pkg::DEV_QUEUE_NOTIFY[11:0];
      d_isr_q     <= cur_off == glregs_pkg::DEV_INTERRUPT_STATUS[11:0];
      d_ack_q     <= cur_off == glregs_pkg::DEV_INTERRUPT_ACK[11:0];
      d_status_q  <= cur_off == glregs_pkg::DEV_STATUS[11:0];
      d_qaddr_q   <= is_qaddr;
      d_shm_q     <= cur_off == glregs_pkg::DEV_SHM_LEN_LO[11:0] || cur_off == glregs_pkg::DEV_SHM_LEN_HI[11:0];
      d_gen_q     <= cur_off == glregs_pkg::DEV_CONFIG_GENERATION[11:0];
      d_config_q  <= cur_off[11:6] == glregs_pkg::DEV_CONFIG[11:6];

      // Which operations look at a word besides the state. (Of the firmware's: all, for simplicity.)
      need_aux_q <= cur_op_q == OpFw || (cur_op_q == OpTgt && (
                    cur_off == glregs_pkg::DEV_DEVICE_FEATURES[11:0] || cur_off == glregs_pkg::DEV_DRIVER_FEATURES[11:0] ||
                    cur_off == glregs_pkg::DEV_QUEUE_NUM_MAX[11:0] || cur_off == glregs_pkg::DEV_QUEUE_NUM[11:0] ||
                    cur_off == glregs_pkg::DEV_CONFIG_GENERATION[11:0] || cur_off[11:6] == glregs_pkg::DEV_CONFIG[11:6]));
      fw_aux_q   <= cur_op_q == OpFw;

      data_zero_q   <= cur_data_q == 32'd0;
      data_one_q    <= cur_data_q == 32'd1;
      data_hi31_q   <= cur_data_q[31:1] != '0;
      data_hi24_q   <= cur_data_q[31:8] != '0;
      data_hi16_q   <= cur_data_q[31:16] != '0;
      data_le_max_q <= cur_data_q[15:0] <= NumMax;
    end
  end

  // ---------------------------------------------------------------- StLoad, StSel, StAux: state, then the word

  logic [5:0] q_off;  // of the selected queue's words
  assign q_off = {2'b00, state_q.qsel[0], 3'b000};

  logic [5:0] aux_word;
  always_comb begin
    if (fw_aux_q) aux_word = cur_word_q[5:0];
    else if (d_devfeat_q) aux_word = state_q.devsel[0] ? WDevHi : WDevLo;
    else if (d_drvfeat_q) aux_word = state_q.drvsel[0] ? WDevHi : WDevLo;
    else if (d_gen_q) aux_word = WGen;
    else if (d_config_q) aux_word = {2'b11, cur_word_q[3:0]};
    else aux_word = WQNumMax + q_off;
  end

  assign m_re    = step_q == StSel;
  assign m_raddr = {cur_ctx_q[CW-1:0], aux_word};

  always_ff @(posedge clk_i) begin
    if (step_q == StLoad) state_q <= s_rdata;
    if (step_q == StAux) aux_q <= m_rdata;
  end

  // ---------------------------------------------------------------- StExe: what happens

  logic        alive;
  logic [1:0]  q_mask, drv_mask;
  logic        q_ready, q_num_ok, q_config_ok;
  logic        features_ok;
  logic        num_legal, feature_subset;
  logic [7:0]  new_status;
  logic        notify_ok;

  assign alive    = en_hit_q;
  assign q_mask   = state_q.qsel[0] ? 2'b10 : 2'b01;
  assign drv_mask = state_q.drvsel[0] ? 2'b10 : 2'b01;
  assign q_ready  = (state_q.ready & q_mask) != 2'b00;
  assign q_num_ok = (state_q.num_ok & q_mask) != 2'b00;
  // Queues are set up between FEATURES_OK and QueueReady.
  assign q_config_ok = state_q.status[FeaturesOk] && !state_q.qsel[1] && !q_ready;

  assign num_legal = !data_zero_q && !data_hi16_q &&
                     ((aux_q[15:0] == '0) ? data_le_max_q : cur_data_q[15:0] <= aux_q[15:0]);
  // Word 1 has VERSION_1 in its bit 0 (feature bit 32), without which there is no version 2 device.
  assign feature_subset = (cur_data_q & ~aux_q) == '0 && (!state_q.drvsel[0] || cur_data_q[0]);

  // A word that the driver never wrote counts as 0.
  assign features_ok = state_q.status[FeaturesOk] ||
                       ((!state_q.drv_valid[0] || state_q.drv_ok[0]) && state_q.drv_valid[1] && state_q.drv_ok[1]);
  always_comb begin
    new_status = state_q.status | (cur_data_q[7:0] & DriverSets);
    new_status[FeaturesOk] = state_q.status[FeaturesOk] || (cur_data_q[FeaturesOk] && features_ok);
    new_status[DriverOk]   = state_q.status[DriverOk] || (cur_data_q[DriverOk] && features_ok &&
                             (cur_data_q[FeaturesOk] || state_q.status[FeaturesOk]));
  end

  assign notify_ok = !data_hi31_q && state_q.status[DriverOk] && !state_q.status[NeedsReset] &&
                     (cur_data_q[0] ? state_q.ready[1] : state_q.ready[0]);

  logic        exe;
  assign exe = step_q == StExe;

  state_t      x_state;
  logic        x_bad, x_ignored, x_reset, x_event, x_fresh, x_run_set, x_run_clr, x_db_set, x_db_clear, x_ci, x_cst;
  logic        x_word_we;
  logic [5:0]  x_word;
  logic [3:0]  x_cst_idx;
  logic [31:0] x_rdata;

  always_comb begin
    x_state    = state_q;
    x_bad      = 1'b0;
    x_ignored  = 1'b0;
    x_reset    = 1'b0;
    x_event    = 1'b0;
    x_fresh    = 1'b0;
    x_run_set  = 1'b0;
    x_run_clr  = 1'b0;
    x_db_set   = 1'b0;
    x_db_clear = 1'b0;
    x_ci       = 1'b0;
    x_cst      = 1'b0;
    x_cst_idx  = glregs_pkg::CSTAT_DOORBELLS[3:0];
    x_word_we  = 1'b0;
    x_word     = cur_word_q[5:0];
    x_rdata    = '0;

    if (exe) unique case (cur_op_q)  // (the condition saves the simulator work)
      OpTgt: begin
        if (!cur_we_q) begin
          if (d_magic_q) x_rdata = Magic;
          if (d_version_q) x_rdata = Version;
          if (alive) begin
            if (d_devid_q) x_rdata = DeviceId;
            if (d_vendor_q) x_rdata = VendorId;
            if (d_devfeat_q && !state_q.devsel[1]) x_rdata = aux_q;
            if (d_nummax_q && !state_q.qsel[1]) x_rdata = {16'h0, (aux_q[15:0] == '0) ? NumMax : aux_q[15:0]};
            if (d_qready_q && !state_q.qsel[1]) x_rdata = {31'h0, q_ready};
            if (d_isr_q) begin
              x_rdata       = {30'h0, state_q.isr};
              x_state.shown = state_q.isr;
            end
            if (d_status_q) x_rdata = {24'h0, state_q.status};
            if (d_shm_q) x_rdata = '1;
            if (d_gen_q || d_config_q) x_rdata = aux_q;
          end
        end else if (!alive || !cur_full_q) begin
          x_bad = 1'b1;
        end else if (d_devsel_q) begin
          x_state.devsel = {data_hi31_q, cur_data_q[0]};
        end else if (d_drvsel_q) begin
          x_state.drvsel = {data_hi31_q, cur_data_q[0]};
        end else if (d_qsel_q) begin
          x_state.qsel = {data_hi31_q, cur_data_q[0]};
        end else if (d_drvfeat_q) begin
          if (state_q.status[FeaturesOk]) begin
            x_bad = 1'b1;
          end else if (state_q.drvsel[1]) begin
            x_bad = !data_zero_q;  // there are no features above bit 63
          end else begin
            x_word_we         = 1'b1;
            x_word            = state_q.drvsel[0] ? WDrvHi : WDrvLo;
            x_state.drv_valid = state_q.drv_valid | drv_mask;
            x_state.drv_ok    = feature_subset ? (state_q.drv_ok | drv_mask) : (state_q.drv_ok & ~drv_mask);
          end
        end else if (d_qnum_q) begin
          x_word = WQNum + q_off;
          if (!q_config_ok) begin
            x_bad = 1'b1;
          end else begin
            x_word_we      = 1'b1;
            x_bad          = !num_legal;
            x_state.num_ok = num_legal ? (state_q.num_ok | q_mask) : (state_q.num_ok & ~q_mask);
          end
        end else if (d_qaddr_q) begin
          x_word    = WQDesc + q_off + {3'b000, cur_off[5:4], cur_off[2]};
          x_word_we = q_config_ok;
          x_bad     = !q_config_ok;
        end else if (d_qready_q) begin
          if (data_zero_q) begin
            if (!state_q.qsel[1]) begin
              x_state.ready = state_q.ready & ~q_mask;
              x_event       = q_ready;
            end
          end else if (data_one_q && q_config_ok && q_num_ok) begin
            x_state.ready = state_q.ready | q_mask;
            x_event       = state_q.status[DriverOk];
          end else begin
            x_bad = 1'b1;
          end
        end else if (d_notify_q) begin
          x_db_set  = notify_ok;
          x_cst     = notify_ok;
          x_ignored = !notify_ok;
        end else if (d_ack_q) begin
          x_state.isr   = state_q.isr & ~(cur_data_q[1:0] & state_q.shown);
          x_state.shown = state_q.shown & ~cur_data_q[1:0];
        end else if (d_status_q) begin
          if (data_zero_q) begin
            x_state        = '0;
            x_state.reason = state_q.reason;
            x_state.reset  = 1'b1;
            x_reset        = 1'b1;
            x_event        = 1'b1;
            x_fresh        = 1'b1;
            x_run_clr      = 1'b1;
            x_db_clear     = 1'b1;
            x_cst          = 1'b1;
            x_cst_idx      = glregs_pkg::CSTAT_RESETS[3:0];
          end else if (data_hi24_q) begin
            x_bad = 1'b1;
          end else begin
            x_state.status = new_status;
            x_event        = new_status[DriverOk] && !state_q.status[DriverOk];
            x_bad          = (cur_data_q[7:0] & ~new_status) != '0;
          end
        end else begin
          x_bad = 1'b1;
        end
      end

      OpFw: begin
        unique case (cur_word_q[5:0])
          WStatus: x_rdata = {21'h0, run_hit_q, en_hit_q, state_q.reset, state_q.status};
          WDrvLo:  x_rdata = state_q.drv_valid[0] ? aux_q : '0;
          WDrvHi:  x_rdata = state_q.drv_valid[1] ? aux_q : '0;
          WQNum:   x_rdata = {state_q.ready[0], 15'h0, state_q.num_ok[0] ? aux_q[15:0] : 16'h0};
          WQNum + 6'd8: x_rdata = {state_q.ready[1], 15'h0, state_q.num_ok[1] ? aux_q[15:0] : 16'h0};
          default: x_rdata = aux_q;
        endcase
        if (!ctx_ok_q) x_rdata = '0;
        // Features offered, generation, QueueNumMax, configuration.
        x_word_we = cur_we_q && ctx_ok_q &&
                    (cur_word_q[5:0] == WDevLo || cur_word_q[5:0] == WDevHi || cur_word_q[5:0] == WGen ||
                     {cur_word_q[5:4], 1'b0, cur_word_q[2:0]} == WQNumMax || cur_word_q[5:4] == 2'b11);
        // What the driver accepted was compared with the features before.
        if (cur_we_q && cur_word_q[5:0] == WDevLo) x_state.drv_ok = state_q.drv_ok & 2'b10;
        if (cur_we_q && cur_word_q[5:0] == WDevHi) x_state.drv_ok = state_q.drv_ok & 2'b01;
      end

      OpAck: begin
        if (ctx_ok_q && !fresh_hit_q && !toggled_hit_q) begin
          x_state.reset = 1'b0;
          x_run_set     = state_q.reset && en_hit_q && !state_q.status[NeedsReset];
        end
      end

      OpNr: begin
        // The complaint is about a device that is gone while a reset waits.
        if (alive && !toggled_hit_q && !state_q.reset && !state_q.status[NeedsReset]) begin
          x_state.status[NeedsReset] = 1'b1;
          x_state.reason = cur_data_q[7:0];
          x_run_clr      = 1'b1;
          x_db_clear     = 1'b1;
          x_ci           = state_q.status[DriverOk];
          x_cst          = 1'b1;
          x_cst_idx      = glregs_pkg::CSTAT_NEEDS_RESET[3:0];
        end
      end

      OpIsr: begin
        if (alive && !toggled_hit_q && state_q.status[DriverOk]) begin
          x_state.isr   = state_q.isr | cur_data_q[1:0];
          x_state.shown = state_q.shown & ~cur_data_q[1:0];
        end
      end

      OpClr: begin
        if (!en_hit_q && !toggled_hit_q) begin
          x_state       = '0;
          x_state.reset = state_q.reset;
        end
      end

      default: begin  // OpEn
        if (toggled_hit_q) begin
          x_state        = '0;
          x_state.reason = en_hit_q ? 8'h0 : state_q.reason;
          x_state.reset  = 1'b1;
          x_event        = 1'b1;
          x_fresh        = 1'b1;
          x_run_clr      = 1'b1;
          x_db_clear     = 1'b1;
        end
      end
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      com_q          <= 1'b0;
      com_tgt_q      <= 1'b0;
      com_fw_q       <= 1'b0;
      com_ack_q      <= 1'b0;
      com_nr_q       <= 1'b0;
      com_isr_q      <= 1'b0;
      com_en_q       <= 1'b0;
      com_clr_q      <= 1'b0;
      com_state_we_q <= 1'b0;
      com_word_we_q  <= 1'b0;
      com_run_set_q  <= 1'b0;
      com_run_clr_q  <= 1'b0;
      com_event_q    <= 1'b0;
      com_fresh_q    <= 1'b0;
      com_db_set_q   <= 1'b0;
      com_db_clear_q <= 1'b0;
      com_ci_q       <= 1'b0;
      com_cst_q      <= 1'b0;
      ev_ignored_q   <= 1'b0;
      ev_bad_q       <= 1'b0;
      ev_reset_q     <= 1'b0;
    end else begin
      com_q          <= exe;
      com_tgt_q      <= exe && cur_op_q == OpTgt;
      com_fw_q       <= exe && cur_op_q == OpFw;
      com_ack_q      <= exe && cur_op_q == OpAck;
      com_nr_q       <= exe && cur_op_q == OpNr;
      com_isr_q      <= exe && cur_op_q == OpIsr;
      com_en_q       <= exe && cur_op_q == OpEn && toggled_hit_q;
      com_clr_q      <= exe && cur_op_q == OpClr && !en_hit_q && !toggled_hit_q;
      com_state_we_q <= exe && ctx_ok_q;
      com_word_we_q  <= x_word_we;
      com_run_set_q  <= x_run_set;
      com_run_clr_q  <= x_run_clr;
      com_event_q    <= x_event;
      com_fresh_q    <= x_fresh;
      com_db_set_q   <= x_db_set;
      com_db_clear_q <= x_db_clear;
      com_ci_q       <= x_ci;
      com_cst_q      <= x_cst;
      ev_ignored_q   <= x_ignored;
      ev_bad_q       <= x_bad;
      ev_reset_q     <= x_reset;
    end
    // Not reset: an accepted read is answered in any case.
    tgt_rvalid_o <= com_tgt_q && com_read_q;
    fw_rvalid_o  <= com_fw_q && com_read_q;
  end

  always_ff @(posedge clk_i) begin
    if (exe) begin
      com_read_q    <= !cur_we_q;
      com_state_q   <= x_state;
      com_word_q    <= x_word;
      com_data_q    <= cur_data_q;
      com_rdata_q   <= x_rdata;
      com_queue_q   <= cur_data_q[0];
      com_cst_idx_q <= x_cst_idx;
    end
  end

  // ---------------------------------------------------------------- commit (cur_ctx_q is still the operation's)

  // The clear bus: first the state, then the words, each in a cycle in which no other operation writes one.
  logic       clr_state_q;   // the state is cleared
  logic       clr_done_q;
  logic       clr_op_q;      // the operation is chosen or in work
  logic       clr_ready_q;   // the page was reset already
  logic [5:0] clr_word_q;
  logic       clr_write;     // a word is cleared
  assign clr_want  = clr_valid_i && clr_ready_q && !clr_state_q && !clr_op_q;
  assign clr_write = clr_state_q && !clr_done_q && !com_word_we_q;
  always_ff @(posedge clk_i) begin
    if (rst_i || !clr_valid_i) begin
      clr_state_q <= 1'b0;
      clr_done_q  <= 1'b0;
      clr_op_q    <= 1'b0;
      clr_ready_q <= 1'b0;
      clr_word_q  <= '0;
    end else begin
      clr_ready_q <= !toggled_q[clr_ctx_i[CW-1:0]];
      if (step_q == StArb && pick_clr) clr_op_q <= 1'b1;
      else if (com_q) clr_op_q <= 1'b0;
      if (com_clr_q) clr_state_q <= 1'b1;
      if (clr_write) begin
        clr_word_q <= clr_word_q + 6'd1;
        clr_done_q <= &clr_word_q;
      end
    end
  end
  // A configuration interrupt that the context still wanted has gone to nic_irq.
  assign clr_done_o = clr_done_q && !(ci_valid_q && ci_ctx_q == clr_ctx_i);

  logic sweeping;
  assign sweeping = step_q == StSweep;
  assign s_we     = sweeping || com_state_we_q;
  assign s_waddr  = sweeping ? sweep_q[CW+5:6] : cur_ctx_q[CW-1:0];
  assign s_wdata  = sweeping ? '0 : com_state_q;
  assign m_we     = sweeping || com_word_we_q || clr_write;
  assign m_waddr  = sweeping ? sweep_q : clr_write ? {clr_ctx_i[CW-1:0], clr_word_q} : {cur_ctx_q[CW-1:0], com_word_q};
  assign m_wdata  = (sweeping || clr_write) ? '0 : com_data_q;

  logic       en_new;            // CTX_CONTROL changes
  logic       touched_q;         // of the context in work, since StRead looked
  logic       run_set;
  logic       event_take;

  assign en_new     = en_we_i && 32'(en_ctx_i) < NCTX && en_q[en_ctx_i[CW-1:0]] != en_value_i;
  assign run_set    = com_run_set_q && !touched_q;
  assign event_take = evq_valid_o && evq_ready_i;

  // Later assignments win: what stops a context beats what starts it, and a new event beats the taking of the old one.
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      en_q      <= '0;
      toggled_q <= '0;
      run_q     <= '0;
      event_q   <= '0;
      fresh_q   <= '0;
      touched_q <= 1'b0;
    end else begin
      touched_q <= step_q != StArb && (touched_q || (en_new && en_ctx_i == cur_ctx_q));
      if (run_set) run_q[cur_ctx_q[CW-1:0]] <= 1'b1;
      if (com_run_clr_q) run_q[cur_ctx_q[CW-1:0]] <= 1'b0;
      if (com_en_q) toggled_q[cur_ctx_q[CW-1:0]] <= 1'b0;
      if (en_new) begin
        en_q[en_ctx_i[CW-1:0]]      <= en_value_i;
        toggled_q[en_ctx_i[CW-1:0]] <= 1'b1;
        run_q[en_ctx_i[CW-1:0]]     <= 1'b0;
      end
      if (event_take) begin
        event_q[evq_ctx_o[CW-1:0]] <= 1'b0;
        fresh_q[evq_ctx_o[CW-1:0]] <= 1'b0;
      end
      if (com_event_q) event_q[cur_ctx_q[CW-1:0]] <= 1'b1;
      if (flow_rst_i) event_q <= '1;
      if (com_fresh_q) fresh_q[cur_ctx_q[CW-1:0]] <= 1'b1;
    end
  end

  assign run_o = run_q;

  nic_scan #(.N(NCTX)) u_event (
    .clk_i, .rst_i, .vec_i(event_q), .next_i(evq_ready_i), .found_o(evq_valid_o), .idx_o(evq_ctx_o)
  );

  assign tgt_ready_o     = com_tgt_q;
  assign tgt_rdata_o     = com_rdata_q;
  assign fw_ready_o      = com_fw_q;
  assign fw_rdata_o      = com_rdata_q;
  assign ack_ready_o     = com_ack_q;
  assign nr_ready_o      = com_nr_q;
  assign isr_set_ready_o = com_isr_q;

  assign db_set_o   = com_db_set_q;
  assign db_clear_o = com_db_clear_q;
  assign db_ctx_o   = cur_ctx_q;
  assign db_queue_o = {3'b000, com_queue_q};

  assign ev_doorbell_o         = com_db_set_q;
  assign ev_doorbell_ignored_o = ev_ignored_q;
  assign ev_bad_write_o        = ev_bad_q;
  assign ev_reset_o            = ev_reset_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      ci_valid_q <= 1'b0;
      ci_ctx_q   <= '0;
    end else if (com_ci_q) begin
      ci_valid_q <= 1'b1;
      ci_ctx_q   <= cur_ctx_q;
    end else if (ci_ready_i) begin
      ci_valid_q <= 1'b0;
    end
  end
  assign ci_valid_o = ci_valid_q;
  assign ci_ctx_o   = ci_ctx_q;

  // An operation may add one entry; the one before may add its own while the next is chosen.
  logic [3:0] cst_level;
  /* verilator lint_off UNUSEDSIGNAL */ // cst_room keeps space
  logic       cst_ready;
  /* verilator lint_on UNUSEDSIGNAL */
  lib_fifo #(.WIDTH(12), .DEPTH_LOG2(3)) u_cst (
    .clk_i, .rst_i,
    .wr_valid_i (com_cst_q), .wr_ready_o(cst_ready), .wr_data_i({cur_ctx_q, com_cst_idx_q}),
    .rd_valid_o (cst_valid_o), .rd_ready_i(cst_ready_i), .rd_data_o({cst_ctx_o, cst_idx_o}),
    .level_o    (cst_level)
  );
  assign cst_room  = cst_level < 4'd7;
  assign cst_add_o = 16'd1;

  // ---------------------------------------------------------------- BAR0.CTX_STATUS

  // The copy is read one cycle after st_re_i, or one later if it is being written just then (never twice in a row).
  logic       st_want_q;
  logic [7:0] st_ctx_q;
  logic       st_got_q;
  logic       st_run_q, st_ok_q, st_en_q;
  assign t_re    = st_want_q && !s_we;
  assign t_raddr = st_ctx_q[CW-1:0];

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      st_want_q <= 1'b0;
      st_got_q  <= 1'b0;
    end else begin
      st_want_q <= st_re_i || (st_want_q && !t_re);
      st_got_q  <= t_re;
    end
  end

  always_ff @(posedge clk_i) begin
    if (st_re_i) st_ctx_q <= st_ctx_i;
    st_run_q <= run_q[st_ctx_q[CW-1:0]];
    st_en_q  <= 32'(st_ctx_q) < NCTX && en_q[st_ctx_q[CW-1:0]];
    st_ok_q  <= 32'(st_ctx_q) < NCTX && en_q[st_ctx_q[CW-1:0]] && !toggled_q[st_ctx_q[CW-1:0]];
    if (st_got_q) begin
      st_data_o <= {8'h0, t_rdata[15:8], 6'h0, st_en_q, st_run_q && st_ok_q, st_ok_q ? t_rdata[7:0] : 8'h0};
    end
  end

  // ---------------------------------------------------------------- idle

  // Low for some cycles more: until then nic_doorbell shows what it was given last.
  logic       quiet_q;
  logic [3:0] idle_q;
  always_ff @(posedge clk_i) begin
    quiet_q <= step_q == StArb && !(tgt_valid_i || fw_valid_i || en_we_i || other_want) && !com_q && event_q == '0 &&
               toggled_q == '0 && !ci_valid_q && cst_level == '0 && !st_want_q;
    if (rst_i || !quiet_q) idle_q <= 4'd0;
    else if (!idle_q[3]) idle_q <= idle_q + 4'd1;
  end
  assign idle_o = idle_q[3] && quiet_q;

`ifndef SYNTHESIS
  initial begin
    if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_devpage: NCTX must be 1 to 256");
    if (glregs_pkg::QUEUES != 2) $fatal(1, "nic_devpage: written for two queues");
  end

  lib_ready_valid_props #(.WIDTH(57)) u_tgt_props (
    .clk_i, .rst_i, .valid_i(tgt_valid_i), .ready_i(tgt_ready_o),
    .data_i({tgt_we_i, tgt_addr_i, tgt_be_i, tgt_wdata_i})
  );
  lib_ready_valid_props #(.WIDTH(49)) u_fw_props (
    .clk_i, .rst_i, .valid_i(fw_valid_i), .ready_i(fw_ready_o), .data_i({fw_we_i, fw_addr_i, fw_wdata_i})
  );
  lib_ready_valid_props #(.WIDTH(8)) u_evq_props (
    .clk_i, .rst_i, .valid_i(evq_valid_o), .ready_i(evq_ready_i), .data_i(evq_ctx_o)
  );
  lib_ready_valid_props #(.WIDTH(8)) u_ci_props (
    .clk_i, .rst_i, .valid_i(ci_valid_o), .ready_i(ci_ready_i), .data_i(ci_ctx_o)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert ((run_q & ~en_q) == '0);                     // a disabled context never runs
      assert ((run_q & toggled_q) == '0);
      assert (!(com_cst_q && cst_level[3]));
      if (clr_valid_i) assert (32'(clr_ctx_i) < NCTX && !en_q[clr_ctx_i[CW-1:0]]);
      assert (!(com_ci_q && ci_valid_q));
    end
  end
`endif

endmodule
