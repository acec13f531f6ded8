// SPDX-License-Identifier: Apache-2.0
// The NIC: PCI Express transaction layer, device pages, DMA with its guard, packet buffers and switch, soft core, MAC.
// Outside are only a TLP stream (docs/interfaces.md, "PCIe transaction layer") and a GMII. What the blocks promise each
// other is in docs/interfaces.md.
module guestlane #(
    parameter int unsigned NCTX       = 32,  // contexts, 1 to 256
    parameter int unsigned RING_BYTES = 32768,  // of each of the two packet buffer rings, see nic_pktbuf
    parameter int unsigned CLOCK_HZ   = 125_000_000,  // of clk_i, for register CLOCK_HZ
    parameter int unsigned GMII_CLOCKS = 0,  // 1: the GMII has clocks of its own, see mac_async; 0: it belongs to clk_i
    parameter              IMEM_INIT  = "",  // firmware in initialised block RAM: $readmemh images; then the core
    parameter              DMEM0_INIT = "",  // runs from reset
    parameter              DMEM1_INIT = ""
) (
    input  logic        clk_i,
    input  logic        rst_i,

    input  logic        tlp_rx_valid_i,
    output logic        tlp_rx_ready_o,
    input  logic [63:0] tlp_rx_data_i,
    input  logic        tlp_rx_sop_i,
    input  logic        tlp_rx_eop_i,
    input  logic        tlp_rx_keep_i,
    output logic        tlp_rx_np_ok_o,
    output logic        tlp_tx_valid_o,
    input  logic        tlp_tx_ready_i,
    output logic [63:0] tlp_tx_data_o,
    output logic        tlp_tx_sop_o,
    output logic        tlp_tx_eop_o,
    output logic        tlp_tx_keep_o,
    input  logic        tlp_tx_np_ok_i,

    input  logic        gmii_tx_clk_i,  // with GMII_CLOCKS = 1
    input  logic        gmii_rx_clk_i,
    output logic [ 7:0] gmii_txd_o,
    output logic        gmii_tx_en_o,
    output logic        gmii_tx_er_o,
    input  logic [ 7:0] gmii_rxd_i,
    input  logic        gmii_rx_dv_i,
    input  logic        gmii_rx_er_i,
    output logic        mac_rx_en_o,    // the host has enabled the receiver
    output logic        console_valid_o,  // pulse: an octet of the firmware's log
    output logic [ 7:0] console_data_o,

    // A wire without a rate, for simulators (mac_words), instead of the GMII; a board ties words_i to 0
    input  logic        words_i,
    output logic        wtx_valid_o,
    output logic        wtx_sof_o,
    output logic [63:0] wtx_data_o,
    output logic        wtx_last_o,
    output logic [ 3:0] wtx_last_bytes_o,
    input  logic        wrx_valid_i,
    output logic        wrx_ready_o,
    input  logic        wrx_sof_i,
    input  logic [63:0] wrx_data_i,
    input  logic        wrx_last_i,
    input  logic [ 3:0] wrx_last_bytes_i,
    input  logic        wrx_bad_fcs_i,
    input  logic        wrx_er_i,

    output logic        idle_o,         // nothing is pending but the core's timer and the watchdog
    output logic [31:0] wake_cycles_o,  // cycles until that timer or the watchdog fires, saturating
    input  logic [31:0] time_skip_i     // added to the time in one cycle; 0 on a board
);
  localparam bit AUTORUN = IMEM_INIT != "";

  logic nic_rst, halt, flr;
  logic flow_rst;  // RESTART: what holds frames and commands
  logic [63:0] now;

  // --- A revocation's clear bus; the other signals of it are below ---
  logic [7:0] revoke_ctx;
  logic clr_valid, clr_page, clr_irq, clr_msix;

  // --- PCI Express ---
  logic tgt_valid, tgt_ready, tgt_we, tgt_rvalid;
  logic [ 1:0] tgt_bar;
  logic [23:0] tgt_addr;
  logic [ 3:0] tgt_be;
  logic [31:0] tgt_wdata, tgt_rdata;
  logic req_valid, req_ready, req_write, wdat_valid, wdat_ready, wr_sent;
  logic [63:0] req_addr, wdat_data, rdat_data;
  logic [12:0] req_len, rdat_off;
  logic [ 4:0] req_id, rdat_id;
  logic rdat_valid, rdat_ready, rdat_last;
  logic [7:0] rdat_be;
  logic [2:0] rdat_status;
  logic msix_valid, msix_ready;
  logic [ 8:0] msix_vector;
  logic [23:0] cpl_timeout;
  logic pcie_idle;
  logic ev_ur, ev_malformed, ev_poisoned, ev_bad_cpl, ev_msix_sent, ev_msix_masked;

  pcie_top #(
      .NCTX(NCTX)
  ) u_pcie (
      .clk_i,
      .rst_i,
      .nic_rst_i       (nic_rst),
      .tlp_rx_valid_i,
      .tlp_rx_ready_o,
      .tlp_rx_data_i,
      .tlp_rx_sop_i,
      .tlp_rx_eop_i,
      .tlp_rx_keep_i,
      .tlp_rx_np_ok_o,
      .tlp_tx_valid_o,
      .tlp_tx_ready_i,
      .tlp_tx_data_o,
      .tlp_tx_sop_o,
      .tlp_tx_eop_o,
      .tlp_tx_keep_o,
      .tlp_tx_np_ok_i,
      .tgt_valid_o     (tgt_valid),
      .tgt_ready_i     (tgt_ready),
      .tgt_we_o        (tgt_we),
      .tgt_bar_o       (tgt_bar),
      .tgt_addr_o      (tgt_addr),
      .tgt_be_o        (tgt_be),
      .tgt_wdata_o     (tgt_wdata),
      .tgt_rvalid_i    (tgt_rvalid),
      .tgt_rdata_i     (tgt_rdata),
      .req_valid_i     (req_valid),
      .req_ready_o     (req_ready),
      .req_write_i     (req_write),
      .req_addr_i      (req_addr),
      .req_len_i       (req_len),
      .req_id_i        (req_id),
      .wdat_valid_i    (wdat_valid),
      .wdat_ready_o    (wdat_ready),
      .wdat_data_i     (wdat_data),
      .wr_sent_o       (wr_sent),
      .rdat_valid_o    (rdat_valid),
      .rdat_ready_i    (rdat_ready),
      .rdat_id_o       (rdat_id),
      .rdat_off_o      (rdat_off),
      .rdat_data_o     (rdat_data),
      .rdat_be_o       (rdat_be),
      .rdat_last_o     (rdat_last),
      .rdat_status_o   (rdat_status),
      .cpl_timeout_i   (cpl_timeout),
      /* verilator lint_off PINCONNECTEMPTY */  // nic_dma counts its requests itself
      .req_flight_o    (),
      .cfg_bus_master_o(),
      /* verilator lint_on PINCONNECTEMPTY */
      .msix_valid_i    (msix_valid),
      .msix_ready_o    (msix_ready),
      .msix_vector_i   (msix_vector),
      .msix_clr_valid_i(clr_valid && clr_page && clr_irq),
      .msix_clr_vector_i({1'b0, revoke_ctx} + 9'd1),
      .msix_clr_done_o (clr_msix),
      .cfg_flr_o       (flr),
      .ev_ur_o         (ev_ur),
      .ev_malformed_o  (ev_malformed),
      .ev_poisoned_o   (ev_poisoned),
      .ev_bad_cpl_o    (ev_bad_cpl),
      .ev_msix_sent_o  (ev_msix_sent),
      .ev_msix_masked_o(ev_msix_masked),
      .idle_o          (pcie_idle)
  );

  // --- Target bus: BAR0 to management, BAR2 to the device pages ---
  logic mg_ready, dp_ready, mg_rvalid, dp_rvalid, mg_idle;
  logic [31:0] mg_rdata, dp_rdata;
  logic unused;
  assign unused = ^tgt_addr[23:20];  // BAR2 of 256 contexts has 1 MiB
  assign tgt_ready  = tgt_bar == 2'd0 ? mg_ready : dp_ready;
  assign tgt_rvalid = mg_rvalid || dp_rvalid;
  assign tgt_rdata  = mg_rvalid ? mg_rdata : dp_rdata;

  // --- Management ---
  logic core_run, mac_tx_en, mac_rx_en, pause_en, core_sleep, mac_sending;
  logic [23:0] moderation;
  logic bit_vector, pend_re, pend_clear;
  logic [2:0] pend_group;
  logic [31:0] pend_data;
  logic [13:0] max_frame;
  logic [ 4:0] dma_flight;
  logic dma_idle;
  logic [63:0] residence_tx, residence_rx;
  logic [31:0] fw_state, fw_heartbeat, fw_info, log_head;
  logic mbox_busy, mbox_done, heartbeat, mg_irq, ev_watchdog;
  logic [31:0] core_wake, watchdog_wake;
  logic sw_we, sw_re, en_we, en_value, st_re;
  logic [ 7:0] sw_index, en_ctx;
  logic [47:0] sw_mac_w, sw_mac_r;
  logic [31:0] sw_ctl_w, sw_ctl_r, st_data;
  logic cfg_we, cfg_re;
  logic [ 7:0] cfg_addr, cfg_ctx;
  logic [31:0] cfg_wdata;
  logic rd_valid, rd_ctx_sel, rd_high, rd_rvalid;
  logic [11:0] rd_index;
  logic [31:0] rd_data;
  logic hm_valid, hm_ready, hm_we, hm_rvalid;
  logic [ 3:0] hm_be;
  logic [31:0] hm_addr, hm_wdata, hm_rdata;

  nic_mgmt #(
      .NCTX    (NCTX),
      .CLOCK_HZ(CLOCK_HZ),
      .AUTORUN (AUTORUN)
  ) u_mgmt (
      .clk_i,
      .rst_i,
      .nic_rst_o     (nic_rst),
      .halt_o        (halt),
      .flow_rst_o    (flow_rst),
      .flr_i         (flr),
      .tables_ready_i(guard_ready && sw_cfg_ready && sh_cfg_ready),
      .tgt_valid_i   (tgt_valid && tgt_bar == 2'd0),
      .tgt_ready_o   (mg_ready),
      .tgt_we_i      (tgt_we),
      .tgt_addr_i    (tgt_addr[15:0]),
      .tgt_be_i      (tgt_be),
      .tgt_wdata_i   (tgt_wdata),
      .tgt_rvalid_o  (mg_rvalid),
      .tgt_rdata_o   (mg_rdata),
      .core_run_o    (core_run),
      .mac_tx_en_o   (mac_tx_en),
      .mac_rx_en_o   (mac_rx_en),
      .pause_en_o    (pause_en),
      .moderation_o  (moderation),
      .irq_bits_o    (bit_vector),
      .pend_re_o     (pend_re),
      .pend_clear_o  (pend_clear),
      .pend_group_o  (pend_group),
      .pend_data_i   (pend_data),
      .max_frame_o   (max_frame),
      .cpl_timeout_o (cpl_timeout),
      .core_sleep_i  (core_sleep),
      .heartbeat_i   (heartbeat),
      .wake_cycles_o (watchdog_wake),
      .idle_o        (mg_idle),
      .nic_idle_i    (idle_o),
      .dma_flight_i  (dma_flight),
      .dma_idle_i    (dma_idle),
      .mac_sending_i (mac_sending),
      .time_skip_i,
      .time_i        (now),
      .residence_tx_i(residence_tx),
      .residence_rx_i(residence_rx),
      .fw_state_i    (fw_state),
      .fw_heartbeat_i(fw_heartbeat),
      .fw_info_i     (fw_info),
      .log_head_i    (log_head),
      .mbox_busy_o   (mbox_busy),
      .mbox_done_i   (mbox_done),
      .sw_we_o       (sw_we),
      .sw_re_o       (sw_re),
      .sw_index_o    (sw_index),
      .sw_mac_o      (sw_mac_w),
      .sw_ctl_o      (sw_ctl_w),
      .sw_mac_i      (sw_mac_r),
      .sw_ctl_i      (sw_ctl_r),
      .cfg_we_o      (cfg_we),
      .cfg_re_o      (cfg_re),
      .cfg_addr_o    (cfg_addr),
      .cfg_ctx_o     (cfg_ctx),
      .cfg_wdata_o   (cfg_wdata),
      .cfg_rdata_i   (cfg_rdata),
      .ev_fault_i    (ev_fault),
      .ev_inv_i      (ev_inv),
      .ev_revoke_i   (ev_revoke),
      .ev_watchdog_o (ev_watchdog),
      .mg_irq_o      (mg_irq),
      .revoke_busy_i (revoke_busy),
      .revoke_ctx_i  (revoke_ctx),
      .en_we_o       (en_we),
      .en_ctx_o      (en_ctx),
      .en_value_o    (en_value),
      .st_re_o       (st_re),
      .st_data_i     (st_data),
      .rd_valid_o    (rd_valid),
      .rd_ctx_sel_o  (rd_ctx_sel),
      .rd_index_o    (rd_index),
      .rd_high_o     (rd_high),
      .rd_rvalid_i   (rd_rvalid),
      .rd_data_i     (rd_data),
      .hm_valid_o    (hm_valid),
      .hm_ready_i    (hm_ready),
      .hm_we_o       (hm_we),
      .hm_be_o       (hm_be),
      .hm_addr_o     (hm_addr),
      .hm_wdata_o    (hm_wdata),
      .hm_rvalid_i   (hm_rvalid),
      .hm_rdata_i    (hm_rdata)
  );

  // Configuration bus: who holds registers of BAR0 0x0100..0x01ff answers, the others give 0.
  logic [31:0] cfg_rdata, guard_rdata, fault_rdata, revoke_rdata, sw_cfg_rdata, sh_cfg_rdata;
  logic sw_cfg_ready, sh_cfg_ready;
  assign cfg_rdata = guard_rdata | fault_rdata | revoke_rdata | sw_cfg_rdata | sh_cfg_rdata;

  // --- Revocation ---
  logic revoke_busy, dis_valid, inv_valid, inv_ready, inv_done, ev_inv, ev_revoke, ev_fault;
  logic clr_switch_valid, clr_switch_done, clr_late;
  logic clr_stats, clr_fault, clr_bell, clr_slots, clr_shaper;

  nic_revoke #(
      .NCTX(NCTX)
  ) u_revoke (
      .clk_i,
      .rst_i             (nic_rst),
      .cfg_we_i          (cfg_we),
      .cfg_addr_i        (cfg_addr),
      .cfg_ctx_i         (cfg_ctx),
      .cfg_wdata_i       (cfg_wdata),
      .cfg_rdata_o       (revoke_rdata),
      .dis_valid_o       (dis_valid),
      .inv_valid_o       (inv_valid),
      .inv_ready_i       (inv_ready),
      .inv_done_i        (inv_done),
      .clr_switch_valid_o(clr_switch_valid),
      .clr_switch_done_i (clr_switch_done),
      .clr_valid_o       (clr_valid),
      .clr_done_i        (clr_page && clr_stats && clr_fault && clr_irq && clr_msix && clr_bell && clr_slots && clr_shaper),
      .ctx_o             (revoke_ctx),
      .busy_o            (revoke_busy),
      .ev_done_o         (ev_revoke),
      .free_i            (dma_flight == '0 && !(tlp_tx_valid_o && !tlp_tx_ready_i) && tlp_tx_np_ok_i)
  );
  // What the device page still had to say has come when it is clear.
  assign clr_late = clr_valid && clr_page;

  // --- Faults ---
  logic flt_valid, flt_ready, flt_write, flt_nr_valid, flt_nr_ready, fault_idle;
  logic [ 7:0] flt_ctx, flt_nr_ctx, flt_nr_reason;
  logic [63:0] flt_addr;
  logic [ 2:0] flt_kind;
  logic [ 3:0] flt_queue;

  nic_fault #(
      .NCTX(NCTX)
  ) u_fault (
      .clk_i,
      .rst_i      (nic_rst),
      .cfg_we_i   (cfg_we),
      .cfg_re_i   (cfg_re),
      .cfg_addr_i (cfg_addr),
      .cfg_ctx_i  (cfg_ctx),
      .cfg_rdata_o(fault_rdata),
      .flt_valid_i(flt_valid),
      .flt_ready_o(flt_ready),
      .flt_ctx_i  (flt_ctx),
      .flt_addr_i (flt_addr),
      .flt_kind_i (flt_kind),
      .flt_write_i(flt_write),
      .flt_queue_i(flt_queue),
      .nr_valid_o (flt_nr_valid),
      .nr_ready_i (flt_nr_ready),
      .nr_ctx_o   (flt_nr_ctx),
      .nr_reason_o(flt_nr_reason),
      .clr_valid_i(clr_valid),
      .clr_ctx_i  (revoke_ctx),
      .clr_done_o (clr_fault),
      .ev_new_o   (ev_fault),
      .idle_o     (fault_idle)
  );

  // Faults and the firmware ask for DEVICE_NEEDS_RESET; what is asked is kept here, as the core may be reset meanwhile.
  logic nrq_valid_q, nrq_ready;
  logic [7:0] nrq_ctx_q, nrq_reason_q;
  assign flt_nr_ready = !nrq_valid_q;
  assign nr_ready     = !nrq_valid_q && !flt_nr_valid;
  always_ff @(posedge clk_i) begin
    if (!nrq_valid_q) begin
      nrq_valid_q  <= flt_nr_valid || nr_valid;
      nrq_ctx_q    <= flt_nr_valid ? flt_nr_ctx : nr_ctx;
      nrq_reason_q <= flt_nr_valid ? flt_nr_reason : nr_reason;
    end else if (nrq_ready) begin
      nrq_valid_q <= 1'b0;
    end
    if (nic_rst) nrq_valid_q <= 1'b0;
  end

  // --- Device pages, doorbells, interrupts ---
  logic [NCTX-1:0] run, run_dma;
  logic fw_valid, fw_ready, fw_we, fw_rvalid;
  logic [15:0] fw_addr;
  logic [31:0] fw_wdata, fw_rdata;
  logic ack_valid, ack_ready, nr_valid, nr_ready;
  logic [7:0] ack_ctx, nr_ctx, nr_reason;
  logic evq_valid, evq_ready;
  logic [7:0] evq_ctx;
  logic db_set, db_clear;
  logic [7:0] db_ctx;
  logic [3:0] db_queue;
  logic isr_set_valid, isr_set_ready;
  logic [7:0] isr_set_ctx;
  logic [1:0] isr_set_bits;
  logic ci_valid, ci_ready;
  logic [7:0] ci_ctx;
  logic dp_idle, irq_idle;
  logic ev_doorbell, ev_doorbell_ignored, ev_bad_write, ev_dev_reset, ev_irq_raised, ev_irq_moderated;

  // Sources of context counter events, in the order of nic_stats' inputs.
  localparam int unsigned NSRC = 5;
  logic [NSRC-1:0] cst_valid, cst_ready;
  logic [NSRC*8-1:0] cst_ctx;
  logic [NSRC*4-1:0] cst_idx;
  logic [NSRC*16-1:0] cst_add;

  assign run_dma = halt ? '0 : run;

  nic_devpage #(
      .NCTX(NCTX)
  ) u_devpage (
      .clk_i,
      .rst_i              (nic_rst),
      .tgt_valid_i        (tgt_valid && tgt_bar != 2'd0),
      .tgt_ready_o        (dp_ready),
      .tgt_we_i           (tgt_we),
      .tgt_addr_i         (tgt_addr[19:0]),
      .tgt_be_i           (tgt_be),
      .tgt_wdata_i        (tgt_wdata),
      .tgt_rvalid_o       (dp_rvalid),
      .tgt_rdata_o        (dp_rdata),
      .fw_valid_i         (fw_valid),
      .fw_ready_o         (fw_ready),
      .fw_we_i            (fw_we),
      .fw_addr_i          (fw_addr),
      .fw_wdata_i         (fw_wdata),
      .fw_rvalid_o        (fw_rvalid),
      .fw_rdata_o         (fw_rdata),
      .en_we_i            (en_we || dis_valid),
      .en_ctx_i           (dis_valid ? revoke_ctx : en_ctx),
      .en_value_i         (en_value && !dis_valid),
      .st_re_i            (st_re),
      .st_ctx_i           (en_ctx),
      .st_data_o          (st_data),
      .ack_valid_i        (ack_valid),
      .ack_ready_o        (ack_ready),
      .ack_ctx_i          (ack_ctx),
      .nr_valid_i         (nrq_valid_q),
      .nr_ready_o         (nrq_ready),
      .nr_ctx_i           (nrq_ctx_q),
      .nr_reason_i        (nrq_reason_q),
      .run_o              (run),
      .evq_valid_o        (evq_valid),
      .evq_ready_i        (evq_ready),
      .evq_ctx_o          (evq_ctx),
      .db_set_o           (db_set),
      .db_clear_o         (db_clear),
      .db_ctx_o           (db_ctx),
      .db_queue_o         (db_queue),
      .clr_valid_i        (clr_valid),
      .clr_ctx_i          (revoke_ctx),
      .clr_done_o         (clr_page),
      .flow_rst_i         (flow_rst),
      .isr_set_valid_i    (isr_set_valid),
      .isr_set_ready_o    (isr_set_ready),
      .isr_set_ctx_i      (isr_set_ctx),
      .isr_set_bits_i     (isr_set_bits),
      .ci_valid_o         (ci_valid),
      .ci_ready_i         (ci_ready),
      .ci_ctx_o           (ci_ctx),
      .cst_valid_o        (cst_valid[2]),
      .cst_ready_i        (cst_ready[2]),
      .cst_ctx_o          (cst_ctx[2*8+:8]),
      .cst_idx_o          (cst_idx[2*4+:4]),
      .cst_add_o          (cst_add[2*16+:16]),
      .ev_doorbell_o      (ev_doorbell),
      .ev_doorbell_ignored_o(ev_doorbell_ignored),
      .ev_bad_write_o     (ev_bad_write),
      .ev_reset_o         (ev_dev_reset),
      .idle_o             (dp_idle)
  );

  logic pop_valid, pop_ready;
  logic [7:0] pop_ctx;
  logic [3:0] pop_queue;
  nic_doorbell #(
      .NCTX(NCTX)
  ) u_doorbell (
      .clk_i,
      .rst_i      (nic_rst || flow_rst),
      .set_i      (db_set),
      .clear_i    (db_clear),
      .ctx_i      (db_ctx),
      .queue_i    (db_queue),
      .clr_valid_i(clr_late),
      .clr_ctx_i  (revoke_ctx),
      .clr_done_o (clr_bell),
      .pop_valid_o(pop_valid),
      .pop_ready_i(pop_ready),
      .pop_ctx_o  (pop_ctx),
      .pop_queue_o(pop_queue)
  );

  logic irq_valid, irq_ready;
  logic [7:0] irq_ctx;
  logic [1:0] irq_bits;
  nic_irq #(
      .NCTX(NCTX)
  ) u_irq (
      .clk_i,
      .rst_i          (nic_rst),
      .irq_valid_i    (irq_valid),
      .irq_ready_o    (irq_ready),
      .irq_ctx_i      (irq_ctx),
      .irq_bits_i     (irq_bits),
      .ci_valid_i     (ci_valid),
      .ci_ready_o     (ci_ready),
      .ci_ctx_i       (ci_ctx),
      .mg_valid_i     (mg_irq),
      .isr_set_valid_o(isr_set_valid),
      .isr_set_ready_i(isr_set_ready),
      .isr_set_ctx_o  (isr_set_ctx),
      .isr_set_bits_o (isr_set_bits),
      .msix_valid_o   (msix_valid),
      .msix_ready_i   (msix_ready),
      .msix_vector_o  (msix_vector),
      .moderation_i   (moderation),
      .bits_i         (bit_vector),
      .pend_re_i      (pend_re),
      .pend_clear_i   (pend_clear),
      .pend_group_i   (pend_group),
      .pend_data_o    (pend_data),
      .time_i         (now[31:0]),
      .cst_valid_o    (cst_valid[3]),
      .cst_ready_i    (cst_ready[3]),
      .cst_ctx_o      (cst_ctx[3*8+:8]),
      .cst_idx_o      (cst_idx[3*4+:4]),
      .cst_add_o      (cst_add[3*16+:16]),
      .clr_valid_i    (clr_late),
      .clr_ctx_i      (revoke_ctx),
      .clr_done_o     (clr_irq),
      .ev_raised_o    (ev_irq_raised),
      .ev_moderated_o (ev_irq_moderated),
      .idle_o         (irq_idle)
  );

  // --- Soft core ---
  logic dm_valid, dm_ready, dm_we, dm_rvalid;
  logic [15:0] dm_addr;
  logic [63:0] dm_wdata, dm_rdata;
  logic [7:0] dm_be;
  logic cmd_valid, cmd_ready, comp_valid, comp_ready, rec_valid, rec_ready;
  nic_pkg::dma_cmd_t cmd;
  logic [5:0] cmd_free;
  logic [31:0] comp_data, rec_data, rec_tag;
  logic core_rel_valid, core_rel_ready;
  logic [6:0] core_rel_slot;
  logic [7:0] core_rel_ctx;
  logic alloc_valid, alloc_ok, alloc_limited, tx_room;
  logic [ 7:0] alloc_ctx;
  logic [13:0] alloc_len;
  logic [ 6:0] alloc_slot;

  nic_core #(
      .NCTX      (NCTX),
      .IMEM_INIT (IMEM_INIT),
      .DMEM0_INIT(DMEM0_INIT),
      .DMEM1_INIT(DMEM1_INIT)
  ) u_core (
      .clk_i,
      .rst_i         (nic_rst),
      .run_i         (core_run),
      .sleep_o       (core_sleep),
      .time_skip_i,
      .time_o        (now),
      .wake_cycles_o (core_wake),
      .hm_valid_i    (hm_valid),
      .hm_ready_o    (hm_ready),
      .hm_we_i       (hm_we),
      .hm_be_i       (hm_be),
      .hm_addr_i     (hm_addr),
      .hm_wdata_i    (hm_wdata),
      .hm_rvalid_o   (hm_rvalid),
      .hm_rdata_o    (hm_rdata),
      .dm_valid_i    (dm_valid),
      .dm_ready_o    (dm_ready),
      .dm_we_i       (dm_we),
      .dm_addr_i     (dm_addr),
      .dm_wdata_i    (dm_wdata),
      .dm_be_i       (dm_be),
      .dm_rvalid_o   (dm_rvalid),
      .dm_rdata_o    (dm_rdata),
      .cmd_valid_o   (cmd_valid),
      .cmd_ready_i   (cmd_ready),
      .cmd_o         (cmd),
      .cmd_free_i    (cmd_free),
      .comp_valid_i  (comp_valid),
      .comp_ready_o  (comp_ready),
      .comp_data_i   (comp_data),
      .rec_valid_i   (rec_valid),
      .rec_ready_o   (rec_ready),
      .rec_data_i    (rec_data),
      .rec_tag_i     (rec_tag),
      .rel_valid_o   (core_rel_valid),
      .rel_ready_i   (core_rel_ready),
      .rel_slot_o    (core_rel_slot),
      .rel_ctx_o     (core_rel_ctx),
      .alloc_valid_o (alloc_valid),
      .alloc_ctx_o   (alloc_ctx),
      .alloc_len_o   (alloc_len),
      .alloc_ok_i    (alloc_ok),
      .alloc_limited_i(alloc_limited),
      .alloc_slot_i  (alloc_slot),
      .tx_room_i     (tx_room),
      .db_valid_i    (pop_valid),
      .db_ready_o    (pop_ready),
      .db_ctx_i      (pop_ctx),
      .db_queue_i    (pop_queue),
      .evq_valid_i   (evq_valid),
      .evq_ready_o   (evq_ready),
      .evq_ctx_i     (evq_ctx),
      .ack_valid_o   (ack_valid),
      .ack_ready_i   (ack_ready),
      .ack_ctx_o     (ack_ctx),
      .nr_valid_o    (nr_valid),
      .nr_ready_i    (nr_ready),
      .nr_ctx_o      (nr_ctx),
      .nr_reason_o   (nr_reason),
      .fw_valid_o    (fw_valid),
      .fw_ready_i    (fw_ready),
      .fw_we_o       (fw_we),
      .fw_addr_o     (fw_addr),
      .fw_wdata_o    (fw_wdata),
      .fw_rvalid_i   (fw_rvalid),
      .fw_rdata_i    (fw_rdata),
      .cst_valid_o   (cst_valid[4]),
      .cst_ready_i   (cst_ready[4]),
      .cst_ctx_o     (cst_ctx[4*8+:8]),
      .cst_idx_o     (cst_idx[4*4+:4]),
      .cst_add_o     (cst_add[4*16+:16]),
      .mbox_busy_i   (mbox_busy),
      .mbox_done_o   (mbox_done),
      .heartbeat_o   (heartbeat),
      .fw_state_o    (fw_state),
      .fw_heartbeat_o(fw_heartbeat),
      .fw_info_o     (fw_info),
      .log_head_o    (log_head),
      .console_valid_o,
      .console_data_o
  );

  // --- DMA ---
  logic chk_valid, chk_ready, chk_write, chk_done, chk_ok;
  logic [6:0] chk_slot;
  logic [7:0] chk_ctx;
  logic [15:0] chk_off, chk_len;
  logic dw_valid, dw_ready, dr_valid, dr_ready, dr_rvalid;
  logic [ 5:0] dw_slot;
  logic [13:0] dw_off, dr_off;
  logic [63:0] dw_data, dr_rdata;
  logic [7:0] dw_be;
  logic [6:0] dr_slot, sub_slot;
  logic sub_valid, sub_err, unpin_valid;
  logic [6:0] unpin_slot;
  logic dma_rel_valid, dma_rel_ready;
  logic [6:0] dma_rel_slot;
  logic [7:0] dma_rel_ctx;
  logic guard_ready;
  logic ev_dma_read, ev_dma_write, ev_dma_refused, ev_dma_owner, ev_dma_stopped;
  logic ev_dma_abort, ev_dma_poisoned, ev_dma_timeout;
  logic ev_iotlb_hit, ev_iotlb_miss, ev_walk_read, ev_guard_fault;

  nic_dma #(
      .NCTX(NCTX)
  ) u_dma (
      .clk_i,
      .rst_i            (nic_rst),
      .flow_rst_i       (flow_rst),
      .run_i            (run_dma),
      .en_valid_i       (en_we && en_value && !dis_valid),
      .en_ctx_i         (en_ctx),
      .cmd_valid_i      (cmd_valid),
      .cmd_ready_o      (cmd_ready),
      .cmd_i            (cmd),
      .cmd_free_o       (cmd_free),
      .comp_valid_o     (comp_valid),
      .comp_ready_i     (comp_ready),
      .comp_data_o      (comp_data),
      .dm_valid_o       (dm_valid),
      .dm_ready_i       (dm_ready),
      .dm_we_o          (dm_we),
      .dm_addr_o        (dm_addr),
      .dm_wdata_o       (dm_wdata),
      .dm_be_o          (dm_be),
      .dm_rvalid_i      (dm_rvalid),
      .dm_rdata_i       (dm_rdata),
      .chk_valid_o      (chk_valid),
      .chk_ready_i      (chk_ready),
      .chk_slot_o       (chk_slot),
      .chk_ctx_o        (chk_ctx),
      .chk_write_o      (chk_write),
      .chk_off_o        (chk_off),
      .chk_len_o        (chk_len),
      .chk_done_i       (chk_done),
      .chk_ok_i         (chk_ok),
      .dw_valid_o       (dw_valid),
      .dw_ready_i       (dw_ready),
      .dw_slot_o        (dw_slot),
      .dw_off_o         (dw_off),
      .dw_data_o        (dw_data),
      .dw_be_o          (dw_be),
      .dr_valid_o       (dr_valid),
      .dr_ready_i       (dr_ready),
      .dr_slot_o        (dr_slot),
      .dr_off_o         (dr_off),
      .dr_rvalid_i      (dr_rvalid),
      .dr_rdata_i       (dr_rdata),
      .sub_valid_o      (sub_valid),
      .sub_slot_o       (sub_slot),
      .sub_err_o        (sub_err),
      .unpin_valid_o    (unpin_valid),
      .unpin_slot_o     (unpin_slot),
      .rel_valid_o      (dma_rel_valid),
      .rel_ready_i      (dma_rel_ready),
      .rel_slot_o       (dma_rel_slot),
      .rel_ctx_o        (dma_rel_ctx),
      .req_valid_o      (req_valid),
      .req_ready_i      (req_ready),
      .req_write_o      (req_write),
      .req_addr_o       (req_addr),
      .req_len_o        (req_len),
      .req_id_o         (req_id),
      .wdat_valid_o     (wdat_valid),
      .wdat_ready_i     (wdat_ready),
      .wdat_data_o      (wdat_data),
      .wr_sent_i        (wr_sent),
      .rdat_valid_i     (rdat_valid),
      .rdat_ready_o     (rdat_ready),
      .rdat_id_i        (rdat_id),
      .rdat_off_i       (rdat_off),
      .rdat_data_i      (rdat_data),
      .rdat_be_i        (rdat_be),
      .rdat_last_i      (rdat_last),
      .rdat_status_i    (rdat_status),
      .irq_valid_o      (irq_valid),
      .irq_ready_i      (irq_ready),
      .irq_ctx_o        (irq_ctx),
      .irq_bits_o       (irq_bits),
      .guard_ready_o    (guard_ready),
      .cfg_we_i         (cfg_we),
      .cfg_re_i         (cfg_re),
      .cfg_addr_i       (cfg_addr),
      .cfg_ctx_i        (cfg_ctx),
      .cfg_wdata_i      (cfg_wdata),
      .cfg_rdata_o      (guard_rdata),
      .inv_valid_i      (inv_valid),
      .inv_ready_o      (inv_ready),
      .inv_ctx_i        (revoke_ctx),
      .inv_done_o       (inv_done),
      .flt_valid_o      (flt_valid),
      .flt_ready_i      (flt_ready),
      .flt_ctx_o        (flt_ctx),
      .flt_addr_o       (flt_addr),
      .flt_kind_o       (flt_kind),
      .flt_write_o      (flt_write),
      .flt_queue_o      (flt_queue),
      .cst_valid_o      (cst_valid[1]),
      .cst_ready_i      (cst_ready[1]),
      .cst_ctx_o        (cst_ctx[1*8+:8]),
      .cst_idx_o        (cst_idx[1*4+:4]),
      .cst_add_o        (cst_add[1*16+:16]),
      .ev_dma_reads_o    (ev_dma_read),
      .ev_dma_writes_o   (ev_dma_write),
      .ev_dma_refused_o  (ev_dma_refused),
      .ev_dma_owner_o    (ev_dma_owner),
      .ev_dma_stopped_o  (ev_dma_stopped),
      .ev_dma_abort_o    (ev_dma_abort),
      .ev_dma_poisoned_o (ev_dma_poisoned),
      .ev_dma_timeout_o  (ev_dma_timeout),
      .ev_iotlb_hit_o    (ev_iotlb_hit),
      .ev_iotlb_miss_o   (ev_iotlb_miss),
      .ev_walk_read_o    (ev_walk_read),
      .ev_guard_fault_o  (ev_guard_fault),
      .ev_inv_o          (ev_inv),
      .flight_o         (dma_flight),
      .idle_o           (dma_idle)
  );

  // References are released by the DMA engine and by the core's SLOT_DROP; the engine goes first.
  logic rel_valid, rel_ready;
  logic [6:0] rel_slot;
  logic [7:0] rel_ctx;
  assign rel_valid      = dma_rel_valid || core_rel_valid;
  assign rel_slot       = dma_rel_valid ? dma_rel_slot : core_rel_slot;
  assign rel_ctx        = dma_rel_valid ? dma_rel_ctx : core_rel_ctx;
  assign dma_rel_ready  = rel_ready;
  assign core_rel_ready = rel_ready && !dma_rel_valid;

  // --- Packet buffers, switch ---
  logic mrx_valid, mrx_sof, mrx_last, mrx_err, rx_half;
  logic [63:0] mrx_data, mtx_data;
  logic [ 3:0] mrx_last_bytes, mtx_last_bytes;
  logic mtx_valid, mtx_ready, mtx_last;
  logic sw_valid, sw_ready, sw_from_ctx, sw_err;
  logic [6:0] sw_slot, dec_slot, wire_slot;
  logic [ 13:0] sw_len;
  logic [  7:0] sw_src;
  logic [159:0] sw_hdr;
  logic dec_valid, dec_wire, wire_valid, wire_ready;
  logic [NCTX-1:0] dec_map;
  logic [8:0] dec_refs;
  logic pb_idle, sw_idle, sh_idle;
  logic gone_valid, gone_ring, wire_tag_valid;
  logic [7:0] gone_ctx;
  logic [11:0] wire_vid;
  logic tx_ok, tx_take, rx_take_valid, rx_take_ready, flood_take_valid, flood_take_wire, wire_flood_ok;
  logic [7:0] tx_take_ctx, rx_take_ctx, flood_take_ctx;
  logic [13:0] tx_take_len, take_len;
  logic [NCTX-1:0] rx_ok, flood_ok;
  logic ev_tx_limited, ev_flood, ev_share, ev_rate;
  logic ev_rx_drop_full, ev_rel_bad, ev_alloc_full;
  logic ev_nobody, ev_source, ev_vlan, ev_txerr, ev_from_wire, ev_from_ctx, ev_to_wire, ev_to_ctx;

  nic_pktbuf #(
      .NCTX      (NCTX),
      .RING_BYTES(RING_BYTES)
  ) u_pktbuf (
      .clk_i,
      .rst_i            (nic_rst),
      .flow_rst_i       (flow_rst),
      .time_i           (now[31:0]),
      .rx_valid_i       (mrx_valid),
      .rx_sof_i         (mrx_sof),
      .rx_data_i        (mrx_data),
      .rx_last_i        (mrx_last),
      .rx_last_bytes_i  (mrx_last_bytes),
      .rx_err_i         (mrx_err),
      .sw_valid_o       (sw_valid),
      .sw_ready_i       (sw_ready),
      .sw_slot_o        (sw_slot),
      .sw_len_o         (sw_len),
      .sw_src_o         (sw_src),
      .sw_from_ctx_o    (sw_from_ctx),
      .sw_err_o         (sw_err),
      .sw_hdr_o         (sw_hdr),
      .dec_valid_i      (dec_valid),
      .dec_slot_i       (dec_slot),
      .dec_wire_i       (dec_wire),
      .dec_map_i        (dec_map),
      .dec_refs_i       (dec_refs),
      .rel_valid_i      (rel_valid),
      .rel_ready_o      (rel_ready),
      .rel_slot_i       (rel_slot),
      .rel_ctx_i        (rel_ctx),
      .gone_valid_o     (gone_valid),
      .gone_ring_o      (gone_ring),
      .gone_ctx_o       (gone_ctx),
      .clr_valid_i      (clr_valid),
      .clr_ctx_i        (revoke_ctx),
      .clr_done_o       (clr_slots),
      .tx_ok_i          (tx_ok),
      .tx_take_o        (tx_take),
      .tx_take_ctx_o    (tx_take_ctx),
      .tx_take_len_o    (tx_take_len),
      .ev_tx_limited_o  (ev_tx_limited),
      .wire_tag_valid_i (wire_tag_valid),
      .wire_vid_i       (wire_vid),
      .wire_valid_i     (wire_valid),
      .wire_ready_o     (wire_ready),
      .wire_slot_i      (wire_slot),
      .tx_valid_o       (mtx_valid),
      .tx_ready_i       (mtx_ready),
      .tx_data_o        (mtx_data),
      .tx_last_o        (mtx_last),
      .tx_last_bytes_o  (mtx_last_bytes),
      .alloc_valid_i    (alloc_valid),
      .alloc_ctx_i      (alloc_ctx),
      .alloc_len_i      (alloc_len),
      .alloc_ok_o       (alloc_ok),
      .alloc_limited_o  (alloc_limited),
      .alloc_slot_o     (alloc_slot),
      .tx_room_o        (tx_room),
      .sub_valid_i      (sub_valid),
      .sub_slot_i       (sub_slot),
      .sub_err_i        (sub_err),
      .unpin_valid_i    (unpin_valid),
      .unpin_slot_i     (unpin_slot),
      .dw_valid_i       (dw_valid),
      .dw_ready_o       (dw_ready),
      .dw_slot_i        (dw_slot),
      .dw_off_i         (dw_off),
      .dw_data_i        (dw_data),
      .dw_be_i          (dw_be),
      .dr_valid_i       (dr_valid),
      .dr_ready_o       (dr_ready),
      .dr_slot_i        (dr_slot),
      .dr_off_i         (dr_off),
      .dr_rvalid_o      (dr_rvalid),
      .dr_rdata_o       (dr_rdata),
      .chk_valid_i      (chk_valid),
      .chk_ready_o      (chk_ready),
      .chk_slot_i       (chk_slot),
      .chk_ctx_i        (chk_ctx),
      .chk_write_i      (chk_write),
      .chk_off_i        (chk_off),
      .chk_len_i        (chk_len),
      .chk_done_o       (chk_done),
      .chk_ok_o         (chk_ok),
      .rx_half_o        (rx_half),
      .residence_tx_o   (residence_tx),
      .residence_rx_o   (residence_rx),
      .ev_rx_drop_full_o(ev_rx_drop_full),
      .ev_rel_bad_o     (ev_rel_bad),
      .ev_alloc_full_o  (ev_alloc_full),
      .idle_o           (pb_idle)
  );

  nic_switch #(
      .NCTX(NCTX)
  ) u_switch (
      .clk_i,
      .rst_i         (nic_rst),
      .flow_rst_i    (flow_rst),
      .sw_valid_i    (sw_valid),
      .sw_ready_o    (sw_ready),
      .sw_slot_i     (sw_slot),
      .sw_len_i      (sw_len),
      .sw_src_i      (sw_src),
      .sw_from_ctx_i (sw_from_ctx),
      .sw_err_i      (sw_err),
      .sw_hdr_i      (sw_hdr),
      .dec_valid_o   (dec_valid),
      .dec_slot_o    (dec_slot),
      .dec_wire_o    (dec_wire),
      .dec_map_o     (dec_map),
      .dec_refs_o    (dec_refs),
      .wire_valid_o  (wire_valid),
      .wire_ready_i  (wire_ready),
      .wire_slot_o   (wire_slot),
      .wire_tag_valid_o(wire_tag_valid),
      .wire_vid_o    (wire_vid),
      .tbl_we_i      (sw_we),
      .tbl_re_i      (sw_re),
      .tbl_index_i   (sw_index),
      .tbl_mac_i     (sw_mac_w),
      .tbl_ctl_i     (sw_ctl_w),
      .tbl_mac_o     (sw_mac_r),
      .tbl_ctl_o     (sw_ctl_r),
      .cfg_we_i      (cfg_we),
      .cfg_re_i      (cfg_re),
      .cfg_addr_i    (cfg_addr),
      .cfg_ctx_i     (cfg_ctx),
      .cfg_wdata_i   (cfg_wdata),
      .cfg_rdata_o   (sw_cfg_rdata),
      .cfg_ready_o   (sw_cfg_ready),
      .clr_valid_i   (clr_switch_valid),
      .clr_ctx_i     (revoke_ctx),
      .clr_done_o    (clr_switch_done),
      .run_i         (run),
      .rx_ok_i       (rx_ok),
      .flood_ok_i    (flood_ok),
      .wire_flood_ok_i(wire_flood_ok),
      .rx_take_valid_o(rx_take_valid),
      .rx_take_ready_i(rx_take_ready),
      .rx_take_ctx_o (rx_take_ctx),
      .flood_take_valid_o(flood_take_valid),
      .flood_take_wire_o(flood_take_wire),
      .flood_take_ctx_o(flood_take_ctx),
      .take_len_o    (take_len),
      .gone_valid_i  (gone_valid),
      .gone_ring_i   (gone_ring),
      .gone_ctx_i    (gone_ctx),
      .rec_valid_o   (rec_valid),
      .rec_ready_i   (rec_ready),
      .rec_data_o    (rec_data),
      .rec_tag_o     (rec_tag),
      .cst_valid_o   (cst_valid[0]),
      .cst_ready_i   (cst_ready[0]),
      .cst_ctx_o     (cst_ctx[0*8+:8]),
      .cst_idx_o     (cst_idx[0*4+:4]),
      .cst_add_o     (cst_add[0*16+:16]),
      .ev_nobody_o   (ev_nobody),
      .ev_source_o   (ev_source),
      .ev_vlan_o     (ev_vlan),
      .ev_txerr_o    (ev_txerr),
      .ev_from_wire_o(ev_from_wire),
      .ev_from_ctx_o (ev_from_ctx),
      .ev_to_wire_o  (ev_to_wire),
      .ev_to_ctx_o   (ev_to_ctx),
      .ev_flood_o    (ev_flood),
      .ev_share_o    (ev_share),
      .ev_rate_o     (ev_rate),
      .idle_o        (sw_idle)
  );

  nic_shaper #(
      .NCTX(NCTX)
  ) u_shaper (
      .clk_i,
      .rst_i             (nic_rst),
      .tx_ask_ctx_i      (alloc_ctx),
      .tx_ok_o           (tx_ok),
      .tx_take_valid_i   (tx_take),
      .tx_take_ctx_i     (tx_take_ctx),
      .tx_take_len_i     (tx_take_len),
      .rx_ok_o           (rx_ok),
      .flood_ok_o        (flood_ok),
      .wire_flood_ok_o   (wire_flood_ok),
      .rx_take_valid_i   (rx_take_valid),
      .rx_take_ready_o   (rx_take_ready),
      .rx_take_ctx_i     (rx_take_ctx),
      .flood_take_valid_i(flood_take_valid),
      .flood_take_wire_i (flood_take_wire),
      .flood_take_ctx_i  (flood_take_ctx),
      .take_len_i        (take_len),
      .cfg_we_i          (cfg_we),
      .cfg_re_i          (cfg_re),
      .cfg_addr_i        (cfg_addr),
      .cfg_ctx_i         (cfg_ctx),
      .cfg_wdata_i       (cfg_wdata),
      .cfg_rdata_o       (sh_cfg_rdata),
      .cfg_ready_o       (sh_cfg_ready),
      .clr_valid_i       (clr_valid),
      .clr_ctx_i         (revoke_ctx),
      .clr_done_o        (clr_shaper),
      .idle_o            (sh_idle)
  );


  // --- MAC, or the wire of words ---
  logic words_q;
  always_ff @(posedge clk_i) words_q <= words_i;

  logic gm_tx_busy, gm_rx_busy, wd_tx_busy, wd_rx_busy, mac_tx_busy, mac_rx_busy;
  logic gm_tx_ready, wd_tx_ready, gm_rx_valid, gm_rx_sof, gm_rx_last, gm_rx_err, wd_rx_valid, wd_rx_sof, wd_rx_last, wd_rx_err;
  logic [63:0] gm_rx_data, wd_rx_data;
  logic [3:0] gm_rx_last_bytes, wd_rx_last_bytes;
  logic [6:0] gm_ev, wd_ev, mac_ev;
  logic ev_mac_tx, ev_mac_underrun, ev_mac_rx, ev_mac_fcs, ev_mac_runt, ev_mac_giant, ev_mac_er, ev_mac_pause;
  // A frame cut by RESTART would leave the MAC waiting for its end.
  mac_gmii #(.CLOCKS(GMII_CLOCKS)) u_mac (
      .clk_i,
      .rst_i           (nic_rst || flow_rst),
      .tx_clk_i        (gmii_tx_clk_i),
      .rx_clk_i        (gmii_rx_clk_i),
      .cfg_tx_en_i     (mac_tx_en),
      .cfg_rx_en_i     (mac_rx_en),
      .cfg_pause_en_i  (pause_en),
      .cfg_max_frame_i (max_frame),
      .tx_valid_i      (mtx_valid && !words_q),
      .tx_ready_o      (gm_tx_ready),
      .tx_data_i       (mtx_data),
      .tx_last_i       (mtx_last),
      .tx_last_bytes_i (mtx_last_bytes),
      .rx_valid_o      (gm_rx_valid),
      .rx_sof_o        (gm_rx_sof),
      .rx_data_o       (gm_rx_data),
      .rx_last_o       (gm_rx_last),
      .rx_last_bytes_o (gm_rx_last_bytes),
      .rx_err_o        (gm_rx_err),
      .gmii_txd_o,
      .gmii_tx_en_o,
      .gmii_tx_er_o,
      .gmii_rxd_i,
      .gmii_rx_dv_i,
      .gmii_rx_er_i,
      .ev_tx_frame_o   (gm_ev[0]),
      .ev_tx_underrun_o(ev_mac_underrun),
      .ev_rx_frame_o   (gm_ev[1]),
      .ev_rx_bad_fcs_o (gm_ev[2]),
      .ev_rx_runt_o    (gm_ev[3]),
      .ev_rx_giant_o   (gm_ev[4]),
      .ev_rx_er_o      (gm_ev[5]),
      .ev_rx_pause_o   (gm_ev[6]),
      .sending_o       (mac_sending),
      .tx_busy_o       (gm_tx_busy),
      .rx_busy_o       (gm_rx_busy)
  );

  mac_words u_mac_words (
      .clk_i,
      .rst_i           (nic_rst || flow_rst),
      .cfg_tx_en_i     (mac_tx_en),
      .cfg_rx_en_i     (mac_rx_en),
      .cfg_max_frame_i (max_frame),
      .room_i          (rx_half),
      .tx_valid_i      (mtx_valid && words_q),
      .tx_ready_o      (wd_tx_ready),
      .tx_data_i       (mtx_data),
      .tx_last_i       (mtx_last),
      .tx_last_bytes_i (mtx_last_bytes),
      .rx_valid_o      (wd_rx_valid),
      .rx_sof_o        (wd_rx_sof),
      .rx_data_o       (wd_rx_data),
      .rx_last_o       (wd_rx_last),
      .rx_last_bytes_o (wd_rx_last_bytes),
      .rx_err_o        (wd_rx_err),
      .wtx_valid_o,
      .wtx_sof_o,
      .wtx_data_o,
      .wtx_last_o,
      .wtx_last_bytes_o,
      .wrx_valid_i     (wrx_valid_i && words_q),
      .wrx_ready_o,
      .wrx_sof_i,
      .wrx_data_i,
      .wrx_last_i,
      .wrx_last_bytes_i,
      .wrx_bad_fcs_i,
      .wrx_er_i,
      .ev_tx_frame_o   (wd_ev[0]),
      .ev_rx_frame_o   (wd_ev[1]),
      .ev_rx_bad_fcs_o (wd_ev[2]),
      .ev_rx_runt_o    (wd_ev[3]),
      .ev_rx_giant_o   (wd_ev[4]),
      .ev_rx_er_o      (wd_ev[5]),
      .ev_rx_pause_o   (wd_ev[6]),
      .tx_busy_o       (wd_tx_busy),
      .rx_busy_o       (wd_rx_busy)
  );

  assign mtx_ready      = words_q ? wd_tx_ready : gm_tx_ready;
  assign mrx_valid      = words_q ? wd_rx_valid : gm_rx_valid;
  assign mrx_sof        = words_q ? wd_rx_sof : gm_rx_sof;
  assign mrx_data       = words_q ? wd_rx_data : gm_rx_data;
  assign mrx_last       = words_q ? wd_rx_last : gm_rx_last;
  assign mrx_last_bytes = words_q ? wd_rx_last_bytes : gm_rx_last_bytes;
  assign mrx_err        = words_q ? wd_rx_err : gm_rx_err;
  assign mac_ev         = words_q ? wd_ev : gm_ev;
  assign mac_tx_busy    = words_q ? wd_tx_busy : gm_tx_busy;
  assign mac_rx_busy    = words_q ? wd_rx_busy || wrx_valid_i : gm_rx_busy;
  assign {ev_mac_pause, ev_mac_er, ev_mac_giant, ev_mac_runt, ev_mac_fcs, ev_mac_rx, ev_mac_tx} = mac_ev;

  // --- Counters: one line per counter of enum STAT ---
  localparam int unsigned NEV = 49;
  logic [NEV-1:0] ev;
  logic stats_idle;
  always_comb begin
    ev = '0;
    ev[glregs_pkg::STAT_MAC_TX_FRAMES]    = ev_mac_tx;
    ev[glregs_pkg::STAT_MAC_TX_UNDERRUN]  = ev_mac_underrun;
    ev[glregs_pkg::STAT_MAC_RX_FRAMES]    = ev_mac_rx;
    ev[glregs_pkg::STAT_MAC_RX_BAD_FCS]   = ev_mac_fcs;
    ev[glregs_pkg::STAT_MAC_RX_RUNT]      = ev_mac_runt;
    ev[glregs_pkg::STAT_MAC_RX_GIANT]     = ev_mac_giant;
    ev[glregs_pkg::STAT_MAC_RX_ER]        = ev_mac_er;
    ev[glregs_pkg::STAT_MAC_RX_PAUSE]     = ev_mac_pause;
    ev[glregs_pkg::STAT_RX_DROP_FULL]     = ev_rx_drop_full;
    ev[glregs_pkg::STAT_SW_DROP_NOBODY]   = ev_nobody;
    ev[glregs_pkg::STAT_SW_DROP_SOURCE]   = ev_source;
    ev[glregs_pkg::STAT_SW_DROP_VLAN]     = ev_vlan;
    ev[glregs_pkg::STAT_SW_DROP_TXERR]    = ev_txerr;
    ev[glregs_pkg::STAT_SW_FROM_WIRE]     = ev_from_wire;
    ev[glregs_pkg::STAT_SW_FROM_CTX]      = ev_from_ctx;
    ev[glregs_pkg::STAT_SW_TO_WIRE]       = ev_to_wire;
    ev[glregs_pkg::STAT_SW_TO_CTX]        = ev_to_ctx;
    ev[glregs_pkg::STAT_TX_ALLOC_FULL]    = ev_alloc_full;
    ev[glregs_pkg::STAT_DMA_READS]        = ev_dma_read;
    ev[glregs_pkg::STAT_DMA_WRITES]       = ev_dma_write;
    ev[glregs_pkg::STAT_DMA_REFUSED]      = ev_dma_refused;
    ev[glregs_pkg::STAT_DMA_OWNER]        = ev_dma_owner || ev_rel_bad;
    ev[glregs_pkg::STAT_DMA_STOPPED]      = ev_dma_stopped;
    ev[glregs_pkg::STAT_DMA_ABORT]        = ev_dma_abort;
    ev[glregs_pkg::STAT_DMA_POISONED]     = ev_dma_poisoned;
    ev[glregs_pkg::STAT_DMA_TIMEOUT]      = ev_dma_timeout;
    ev[glregs_pkg::STAT_PCIE_UR]          = ev_ur;
    ev[glregs_pkg::STAT_PCIE_MALFORMED]   = ev_malformed;
    ev[glregs_pkg::STAT_PCIE_POISONED]    = ev_poisoned;
    ev[glregs_pkg::STAT_PCIE_BAD_CPL]     = ev_bad_cpl;
    ev[glregs_pkg::STAT_MSIX_SENT]        = ev_msix_sent;
    ev[glregs_pkg::STAT_MSIX_MASKED]      = ev_msix_masked;
    ev[glregs_pkg::STAT_IRQ_RAISED]       = ev_irq_raised;
    ev[glregs_pkg::STAT_IRQ_MODERATED]    = ev_irq_moderated;
    ev[glregs_pkg::STAT_DOORBELLS]        = ev_doorbell;
    ev[glregs_pkg::STAT_DOORBELL_IGNORED] = ev_doorbell_ignored;
    ev[glregs_pkg::STAT_DEV_BAD_WRITE]    = ev_bad_write;
    ev[glregs_pkg::STAT_DEV_RESETS]       = ev_dev_reset;
    ev[glregs_pkg::STAT_IOTLB_HIT]        = ev_iotlb_hit;
    ev[glregs_pkg::STAT_IOTLB_MISS]       = ev_iotlb_miss;
    ev[glregs_pkg::STAT_WALK_READS]       = ev_walk_read;
    ev[glregs_pkg::STAT_GUARD_FAULTS]     = ev_guard_fault;
    ev[glregs_pkg::STAT_INVALIDATIONS]    = ev_inv;
    ev[glregs_pkg::STAT_REVOCATIONS]      = ev_revoke;
    ev[glregs_pkg::STAT_WATCHDOG]         = ev_watchdog;
    ev[glregs_pkg::STAT_SW_DROP_FLOOD]    = ev_flood;
    ev[glregs_pkg::STAT_SW_DROP_SHARE]    = ev_share;
    ev[glregs_pkg::STAT_SW_DROP_RATE]     = ev_rate;
    ev[glregs_pkg::STAT_TX_LIMITED]       = ev_tx_limited;
  end

  nic_stats #(
      .NEV (NEV),
      .NCTX(NCTX),
      .NSRC(NSRC)
  ) u_stats (
      .clk_i,
      .rst_i       (nic_rst),
      .ev_i        (ev),
      .cst_valid_i (cst_valid),
      .cst_ready_o (cst_ready),
      .cst_ctx_i   (cst_ctx),
      .cst_idx_i   (cst_idx),
      .cst_add_i   (cst_add),
      .rd_valid_i  (rd_valid),
      .rd_ctx_sel_i(rd_ctx_sel),
      .rd_index_i  (rd_index),
      .rd_high_i   (rd_high),
      .rd_rvalid_o (rd_rvalid),
      .rd_data_o   (rd_data),
      .clr_valid_i (clr_valid),
      .clr_ctx_i   (revoke_ctx),
      .clr_done_o  (clr_stats),
      .on_valid_i  (en_we && en_value),
      .on_ctx_i    (en_ctx),
      .idle_o      (stats_idle)
  );

  assign mac_rx_en_o   = mac_rx_en;
  assign wake_cycles_o = core_wake < watchdog_wake ? core_wake : watchdog_wake;

  // Registered: a simulator that skips time looks at it once per cycle.
  always_ff @(posedge clk_i) begin
    idle_o <= core_sleep && dma_idle && pb_idle && sw_idle && sh_idle && dp_idle && irq_idle && stats_idle && pcie_idle
        && !mac_tx_busy && !mac_rx_busy && !pop_valid && !evq_valid && !rec_valid && !comp_valid
        && mg_idle && fault_idle && !nrq_valid_q;
  end
endmodule
