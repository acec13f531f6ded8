// SPDX-License-Identifier: Apache-2.0
// The soft core with its memories and its bus of peripherals (space FWIO of rtl/regs.def).
//
// IMEM is fetched by the core and loaded by the host. DMEM has two ports: one for the core, one for the DMA engine (64
// bits, priority) and the host's window. A load or store to DMEM or to a FWIO register is answered in the next cycle; a
// FWIO access that a block cannot take yet (full command queue, CTX window) holds the core until it can.
module nic_core #(
    parameter int unsigned NCTX       = 32,
    parameter int unsigned IMEM_BYTES = glregs_pkg::IMEM_SIZE,
    parameter int unsigned DMEM_BYTES = glregs_pkg::DMEM_SIZE,
    parameter              IMEM_INIT  = "",  // $readmemh images: whole IMEM, even and odd words of DMEM
    parameter              DMEM0_INIT = "",
    parameter              DMEM1_INIT = ""
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        run_i,          // 0: the core alone is held in reset
    output logic        sleep_o,        // the core waits for an interrupt and none is pending
    input  logic [31:0] time_skip_i,    // added to the time in one cycle (simulation; 0 on a board)
    output logic [63:0] time_o,
    output logic [31:0] wake_cycles_o,  // cycles until the timer interrupt, saturating

    // host window into the memories, 32 bits; reads are answered in order
    input  logic        hm_valid_i,
    output logic        hm_ready_o,
    input  logic        hm_we_i,
    input  logic [ 3:0] hm_be_i,
    input  logic [31:0] hm_addr_i,
    input  logic [31:0] hm_wdata_i,
    output logic        hm_rvalid_o,
    output logic [31:0] hm_rdata_o,

    // DMA engine's port of DMEM, 64 bits; reads are answered two cycles after acceptance
    input  logic        dm_valid_i,
    output logic        dm_ready_o,
    input  logic        dm_we_i,
    input  logic [15:0] dm_addr_i,
    input  logic [63:0] dm_wdata_i,
    input  logic [ 7:0] dm_be_i,
    output logic        dm_rvalid_o,
    output logic [63:0] dm_rdata_o,

    // DMA commands and completions
    output logic                   cmd_valid_o,
    input  logic                   cmd_ready_i,
    output nic_pkg::dma_cmd_t      cmd_o,
    input  logic            [ 5:0] cmd_free_i,
    input  logic                   comp_valid_i,
    output logic                   comp_ready_o,
    input  logic            [31:0] comp_data_i,

    // frames
    input  logic        rec_valid_i,
    output logic        rec_ready_o,
    input  logic [31:0] rec_data_i,
    input  logic [31:0] rec_tag_i,      // with rec_data_i
    output logic        rel_valid_o,
    input  logic        rel_ready_i,
    output logic [ 6:0] rel_slot_o,
    output logic [ 7:0] rel_ctx_o,
    output logic        alloc_valid_o,
    output logic [ 7:0] alloc_ctx_o,
    output logic [13:0] alloc_len_o,
    input  logic        alloc_ok_i,
    input  logic        alloc_limited_i,
    input  logic [ 6:0] alloc_slot_i,
    input  logic        tx_room_i,

    // contexts
    input  logic        db_valid_i,
    output logic        db_ready_o,
    input  logic [ 7:0] db_ctx_i,
    input  logic [ 3:0] db_queue_i,
    input  logic        evq_valid_i,
    output logic        evq_ready_o,
    input  logic [ 7:0] evq_ctx_i,
    output logic        ack_valid_o,
    input  logic        ack_ready_i,
    output logic [ 7:0] ack_ctx_o,
    output logic        nr_valid_o,
    input  logic        nr_ready_i,
    output logic [ 7:0] nr_ctx_o,
    output logic [ 7:0] nr_reason_o,
    output logic        fw_valid_o,
    input  logic        fw_ready_i,
    output logic        fw_we_o,
    output logic [15:0] fw_addr_o,
    output logic [31:0] fw_wdata_o,
    input  logic        fw_rvalid_i,
    input  logic [31:0] fw_rdata_i,
    output logic        cst_valid_o,
    input  logic        cst_ready_i,
    output logic [ 7:0] cst_ctx_o,
    output logic [ 3:0] cst_idx_o,
    output logic [15:0] cst_add_o,

    // mailbox and what the firmware shows to the host
    input  logic        mbox_busy_i,
    output logic        mbox_done_o,
    output logic        heartbeat_o,    // pulse: FWIO.HEARTBEAT was written
    output logic [31:0] fw_state_o,     // these four stay when the core is held, until it starts again
    output logic [31:0] fw_heartbeat_o,
    output logic [31:0] fw_info_o,
    output logic [31:0] log_head_o,
    output logic        console_valid_o,  // pulse: FWIO.CONSOLE was written
    output logic [ 7:0] console_data_o
);
  localparam int unsigned IAW = $clog2(IMEM_BYTES / 4);
  localparam int unsigned DAW = $clog2(DMEM_BYTES / 8);

`ifndef SYNTHESIS
  initial begin
    if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_core: NCTX must be 1 to 256");
    if (DMEM_BYTES > 65536) $fatal(1, "nic_core: DMEM_BYTES must be at most 65536");
  end
`endif

  // --- The core ---
  logic        imem_en;
  logic [31:0] imem_addr, imem_rdata;
  logic        imem_err_q;
  logic d_valid, d_ready, d_we, d_rvalid, d_err;
  logic [ 3:0] d_be;
  logic [31:0] d_addr, d_wdata, d_rdata;
  logic timer_irq_q, external_irq_q;
  logic core_rst_q, cpu_sleep;

  always_ff @(posedge clk_i) core_rst_q <= rst_i || !run_i;

  core_cpu #(
      .RESET_PC(glregs_pkg::IMEM_BASE),
      .HART_ID (32'h0),
      .ZB      (1'b0),
      .RVFI    (1'b0)
  ) u_cpu (
      .clk_i,
      .rst_i         (core_rst_q),
      .imem_en_o     (imem_en),
      .imem_addr_o   (imem_addr),
      .imem_rdata_i  (imem_rdata),
      .imem_err_i    (imem_err_q),
      .dmem_valid_o  (d_valid),
      .dmem_ready_i  (d_ready),
      .dmem_we_o     (d_we),
      .dmem_be_o     (d_be),
      .dmem_addr_o   (d_addr),
      .dmem_wdata_o  (d_wdata),
      .dmem_rvalid_i (d_rvalid),
      .dmem_rdata_i  (d_rdata),
      .dmem_err_i    (d_err),
      .irq_software_i(1'b0),
      .irq_timer_i   (timer_irq_q),
      .irq_external_i(external_irq_q),
      .time_i        (time_o),
      .sleep_o       (cpu_sleep),
      /* verilator lint_off PINCONNECTEMPTY */  // RVFI is for the verification of the core alone
      .rvfi_valid_o(), .rvfi_order_o(), .rvfi_insn_o(), .rvfi_trap_o(), .rvfi_halt_o(), .rvfi_intr_o(),
      .rvfi_mode_o(), .rvfi_ixl_o(), .rvfi_rs1_addr_o(), .rvfi_rs2_addr_o(), .rvfi_rs1_rdata_o(),
      .rvfi_rs2_rdata_o(), .rvfi_rd_addr_o(), .rvfi_rd_wdata_o(), .rvfi_pc_rdata_o(), .rvfi_pc_wdata_o(),
      .rvfi_mem_addr_o(), .rvfi_mem_rmask_o(), .rvfi_mem_wmask_o(), .rvfi_mem_rdata_o(), .rvfi_mem_wdata_o()
      /* verilator lint_on PINCONNECTEMPTY */
  );
  assign sleep_o = core_rst_q || (cpu_sleep && !timer_irq_q && !external_irq_q);

  // --- Instruction memory ---
  logic        hi_sel, hi_pending_q;
  logic [31:0] hi_rdata;
  assign hi_sel = hm_addr_i[31:28] == glregs_pkg::IMEM_BASE[31:28];
  lib_ram_tdp #(
      .WIDTH    (32),
      .DEPTH    (IMEM_BYTES / 4),
      .INIT_FILE(IMEM_INIT)
  ) u_imem (
      .clk_i,
      .a_en_i   (imem_en),
      .a_we_i   (4'h0),
      .a_addr_i (imem_addr[IAW+1:2]),
      .a_wdata_i(32'h0),
      .a_rdata_o(imem_rdata),
      .b_en_i   (hm_valid_i && hm_ready_o && hi_sel),
      .b_we_i   (hm_we_i ? hm_be_i : 4'h0),
      .b_addr_i (hm_addr_i[IAW+1:2]),
      .b_wdata_i(hm_wdata_i),
      .b_rdata_o(hi_rdata)
  );
  always_ff @(posedge clk_i) if (imem_en) imem_err_q <= imem_addr[31:IAW+2] != '0;

  // --- Data memory: port A core, port B DMA before host ---
  logic da_sel, da_err;
  logic [DAW-1:0] db_addr;
  logic [31:0] da_rdata0, da_rdata1, db_rdata0, db_rdata1;
  logic db_en, hd_sel, hd_take;
  logic [3:0] db_we0, db_we1;
  logic [31:0] db_wdata0, db_wdata1;
  logic dm_read_q, hd_read_q, hd_odd_q;

  assign da_sel     = d_addr[31:28] == glregs_pkg::DMEM_BASE[31:28];
  assign da_err     = d_addr[27:DAW+3] != '0;
  assign dm_ready_o = 1'b1;
  assign hd_sel     = hm_addr_i[31:28] == glregs_pkg::DMEM_BASE[31:28];
  assign hm_ready_o = !dm_valid_i && !hi_pending_q && !hd_read_q && !hx_pending_q;
  assign hd_take    = hm_valid_i && hm_ready_o && hd_sel;
  assign db_en      = dm_valid_i || hd_take;
  assign db_addr    = dm_valid_i ? dm_addr_i[DAW+2:3] : hm_addr_i[DAW+2:3];
  assign db_wdata0  = dm_valid_i ? dm_wdata_i[31:0] : hm_wdata_i;
  assign db_wdata1  = dm_valid_i ? dm_wdata_i[63:32] : hm_wdata_i;
  always_comb begin
    db_we0 = 4'h0;
    db_we1 = 4'h0;
    if (dm_valid_i) begin
      if (dm_we_i) {db_we1, db_we0} = dm_be_i;
    end else if (hm_we_i) begin
      if (hm_addr_i[2]) db_we1 = hm_be_i;
      else db_we0 = hm_be_i;
    end
  end

  lib_ram_tdp #(
      .WIDTH    (32),
      .DEPTH    (DMEM_BYTES / 8),
      .INIT_FILE(DMEM0_INIT)
  ) u_dmem0 (
      .clk_i,
      .a_en_i   (d_valid && d_ready && da_sel && !d_addr[2]),
      .a_we_i   (d_we && !da_err ? d_be : 4'h0),
      .a_addr_i (d_addr[DAW+2:3]),
      .a_wdata_i(d_wdata),
      .a_rdata_o(da_rdata0),
      .b_en_i   (db_en),
      .b_we_i   (db_we0),
      .b_addr_i (db_addr),
      .b_wdata_i(db_wdata0),
      .b_rdata_o(db_rdata0)
  );
  lib_ram_tdp #(
      .WIDTH    (32),
      .DEPTH    (DMEM_BYTES / 8),
      .INIT_FILE(DMEM1_INIT)
  ) u_dmem1 (
      .clk_i,
      .a_en_i   (d_valid && d_ready && da_sel && d_addr[2]),
      .a_we_i   (d_we && !da_err ? d_be : 4'h0),
      .a_addr_i (d_addr[DAW+2:3]),
      .a_wdata_i(d_wdata),
      .a_rdata_o(da_rdata1),
      .b_en_i   (db_en),
      .b_we_i   (db_we1),
      .b_addr_i (db_addr),
      .b_wdata_i(db_wdata1),
      .b_rdata_o(db_rdata1)
  );

  // Answers of port B. The DMA engine's data is registered once more, away from the block RAM's slow output.
  logic hx_pending_q;  // an address that is in neither memory: reads as zero
  always_ff @(posedge clk_i) begin
    dm_read_q    <= dm_valid_i && !dm_we_i && !rst_i;
    dm_rvalid_o  <= dm_read_q && !rst_i;
    dm_rdata_o   <= {db_rdata1, db_rdata0};
    hd_read_q    <= hd_take && !hm_we_i && !rst_i;
    hd_odd_q     <= hm_addr_i[2];
    hi_pending_q <= hm_valid_i && hm_ready_o && hi_sel && !hm_we_i && !rst_i;
    hx_pending_q <= hm_valid_i && hm_ready_o && !hi_sel && !hd_sel && !hm_we_i && !rst_i;
    hm_rvalid_o  <= (hd_read_q || hi_pending_q || hx_pending_q) && !rst_i;
    hm_rdata_o   <= hi_pending_q ? hi_rdata : hx_pending_q ? 32'h0 : hd_odd_q ? db_rdata1 : db_rdata0;
  end

  // --- Core data requests: DMEM answers in the next cycle, FWIO when its block has taken the access ---
  logic da_resp_q, da_odd_q, err_resp_q;
  logic io_valid_q, io_we_q;
  logic io_hold_q, io_hold_d;  // the access io_valid_q is not done: it stays, and the core with its next one
  logic [16:0] io_addr_q;
  logic io_cmd_q, io_drop_q, io_ack_q, io_nr_q, io_cst_q, io_slow_q;  // a store to that register; the last: to one of the four before
  logic [31:0] io_wdata_q, io_rdata;

  assign d_ready  = !io_hold_q;
  assign d_rvalid = da_resp_q || err_resp_q || (io_valid_q && !io_hold_q);
  assign d_err    = err_resp_q;
  assign d_rdata  = da_resp_q ? (da_odd_q ? da_rdata1 : da_rdata0) : io_rdata;

  logic io_sel;
  logic [10:0] d_reg;
  assign d_reg  = {d_addr[16], d_addr[11:2]};
  assign io_sel = d_addr[31:28] == glregs_pkg::FWIO_BASE[31:28] && d_addr[27:17] == '0 && d_be == 4'hf;
  logic d_cmd, d_drop, d_ack, d_nr, d_cst, d_slow;
  assign d_cmd  = d_we && d_reg == {1'b0, glregs_pkg::FWIO_DMA_CMD[11:2]};
  assign d_drop = d_we && d_reg == {1'b0, glregs_pkg::FWIO_SLOT_DROP[11:2]};
  assign d_ack  = d_we && d_reg == {1'b0, glregs_pkg::FWIO_CTX_ACK[11:2]};
  assign d_nr   = d_we && d_reg == {1'b0, glregs_pkg::FWIO_NEEDS_RESET[11:2]};
  assign d_cst  = d_we && d_reg == {1'b0, glregs_pkg::FWIO_CSTAT_ADD[11:2]};
  assign d_slow = d_drop || d_ack || d_nr || d_cst;
  always_ff @(posedge clk_i) begin
    if (core_rst_q) begin
      da_resp_q  <= 1'b0;
      err_resp_q <= 1'b0;
      io_valid_q <= 1'b0;
      io_hold_q  <= 1'b0;
    end else begin
      io_hold_q  <= io_hold_d;
      da_resp_q  <= d_valid && d_ready && da_sel && !da_err;
      err_resp_q <= d_valid && d_ready && !io_sel && (!da_sel || da_err);
      if (d_ready) io_valid_q <= d_valid && io_sel;
    end
    if (d_ready) begin
      da_odd_q   <= d_addr[2];
      io_we_q    <= d_we;
      io_addr_q  <= d_addr[16:0];
      io_wdata_q <= d_wdata;
      io_cmd_q   <= d_cmd;
      io_drop_q  <= d_drop;
      io_ack_q   <= d_ack;
      io_nr_q    <= d_nr;
      io_cst_q   <= d_cst;
      io_slow_q  <= d_slow;
    end
  end

  // --- FWIO ---
  logic io_ctx, io_load, io_store;
  logic [11:0] io_reg;
  assign io_ctx   = io_addr_q[16];
  assign io_reg   = {io_addr_q[11:2], 2'b00};
  assign io_load  = io_valid_q && !io_we_q && !io_ctx;
  assign io_store = io_valid_q && io_we_q && !io_ctx;

  logic [31:0] dma_addr_lo_q, dma_addr_hi_q, dma_local_q, event_enable_q, rx_tag_q;
  logic [27:0] dma_cookie_q;
  logic [63:0] timecmp_q;
  logic [ 6:0] event_q;
  logic fw_sent_q, fw_wait_q;
  logic [31:0] fw_rdata_q;

  // Accesses that a block may not take at once go through a buffer of one entry each: commands wait in cmd_q, the rare stores in slow_q. Order is
  // kept: a command, or an access to the CTX window, waits for a rare store before it.
  nic_pkg::dma_cmd_t cmd_q;
  logic cmd_valid_q, cmd_valid_d, slow_valid_q, slow_valid_d, fw_done_d;
  logic slow_drop_q, slow_ack_q, slow_nr_q, slow_cst_q;
  logic [31:0] slow_q;
  logic drop_rel_q, drop_cst_q;  // halves of SLOT_DROP already handed over
  logic slow_done;

  logic st_cmd, st_drop, st_ack, st_nr, st_cst, st_alloc, st_slow;
  assign st_cmd   = io_valid_q && io_cmd_q;
  assign st_drop  = io_valid_q && io_drop_q;
  assign st_ack   = io_valid_q && io_ack_q;
  assign st_nr    = io_valid_q && io_nr_q;
  assign st_cst   = io_valid_q && io_cst_q;
  assign st_alloc = io_store && io_reg == glregs_pkg::FWIO_TX_ALLOC[11:0];
  assign st_slow  = io_valid_q && io_slow_q;

  assign cmd_valid_o = cmd_valid_q && !slow_valid_q;
  assign cmd_o       = cmd_q;
  always_ff @(posedge clk_i) begin
    if (core_rst_q) begin
      cmd_valid_q  <= 1'b0;
      slow_valid_q <= 1'b0;
    end else begin
      cmd_valid_q  <= cmd_valid_d;
      slow_valid_q <= slow_valid_d;
    end
    if (!cmd_valid_q) cmd_q <= cmd_d;
    if (!slow_valid_q) begin
      slow_q      <= io_wdata_q;
      slow_drop_q <= st_drop;
      slow_ack_q  <= st_ack;
      slow_nr_q   <= st_nr;
      slow_cst_q  <= st_cst;
    end
    drop_rel_q <= slow_valid_q && slow_drop_q && !slow_done && (drop_rel_q || rel_ready_i);
    drop_cst_q <= slow_valid_q && slow_drop_q && !slow_done && (drop_cst_q || cst_ready_i);
  end
  assign cmd_valid_d  = cmd_valid_q ? !(cmd_valid_o && cmd_ready_i) : st_cmd;
  assign slow_valid_d = slow_valid_q ? !slow_done : st_slow;
  always_comb begin
    slow_done = 1'b1;
    if (slow_drop_q) slow_done = (drop_rel_q || rel_ready_i) && (drop_cst_q || cst_ready_i);
    if (slow_ack_q) slow_done = ack_ready_i;
    if (slow_nr_q) slow_done = nr_ready_i;
    if (slow_cst_q) slow_done = cst_ready_i;
  end

  nic_pkg::dma_cmd_t cmd_d;
  always_comb begin
    cmd_d.op      = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_OP_LSB+:2];
    cmd_d.ctx     = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_CTX_LSB+:8];
    cmd_d.addr    = {dma_addr_hi_q, dma_addr_lo_q};
    cmd_d.len     = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_LEN_LSB+:16];
    cmd_d.in_slot = dma_local_q[glregs_pkg::FWIO_DMA_LOCAL_KIND_LSB];
    cmd_d.slot    = dma_local_q[glregs_pkg::FWIO_DMA_LOCAL_SLOT_LSB+:7];
    cmd_d.off     = dma_local_q[glregs_pkg::FWIO_DMA_LOCAL_OFFSET_LSB+:16];
    cmd_d.last    = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_LAST_LSB];
    cmd_d.notify  = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_NOTIFY_LSB];
    cmd_d.cookie  = dma_cookie_q;
    cmd_d.virtq   = io_wdata_q[glregs_pkg::FWIO_DMA_CMD_QUEUE_LSB+:4];
  end

  assign rel_valid_o   = slow_valid_q && slow_drop_q && !drop_rel_q;
  assign rel_slot_o    = slow_q[glregs_pkg::FWIO_SLOT_DROP_SLOT_LSB+:7];
  assign rel_ctx_o     = slow_q[glregs_pkg::FWIO_SLOT_DROP_CTX_LSB+:8];
  assign cst_valid_o   = slow_valid_q && (slow_cst_q || (slow_drop_q && !drop_cst_q));
  assign cst_ctx_o     = slow_q[glregs_pkg::FWIO_CSTAT_ADD_CTX_LSB+:8];
  assign cst_idx_o     = slow_q[glregs_pkg::FWIO_CSTAT_ADD_CSTAT_LSB+:4];
  assign cst_add_o     = 16'd1;
  assign alloc_valid_o = st_alloc;
  assign alloc_ctx_o   = io_wdata_q[glregs_pkg::FWIO_TX_ALLOC_CTX_LSB+:8];
  assign alloc_len_o   = io_wdata_q[glregs_pkg::FWIO_TX_ALLOC_LEN_LSB+:14];
  assign ack_valid_o   = slow_valid_q && slow_ack_q;
  assign ack_ctx_o     = slow_q[glregs_pkg::FWIO_CTX_ACK_CTX_LSB+:8];
  assign nr_valid_o    = slow_valid_q && slow_nr_q;
  assign nr_ctx_o      = slow_q[glregs_pkg::FWIO_NEEDS_RESET_CTX_LSB+:8];
  assign nr_reason_o   = slow_q[glregs_pkg::FWIO_NEEDS_RESET_REASON_LSB+:8];
  assign mbox_done_o   = io_store && io_reg == glregs_pkg::FWIO_MBOX_DONE[11:0];
  assign fw_valid_o    = io_valid_q && io_ctx && !fw_sent_q && !slow_valid_q;
  assign fw_we_o       = io_we_q;
  assign fw_addr_o     = io_addr_q[15:0];
  assign fw_wdata_o    = io_wdata_q;
  // With the core held nobody takes completions, and DMA must be able to end.
  assign comp_ready_o  = core_rst_q || (io_load && io_reg == glregs_pkg::FWIO_DMA_COMP[11:0]);
  assign rec_ready_o   = io_load && io_reg == glregs_pkg::FWIO_RX_RECORD[11:0];
  assign db_ready_o    = io_load && io_reg == glregs_pkg::FWIO_DOORBELL[11:0];
  assign evq_ready_o   = io_load && io_reg == glregs_pkg::FWIO_CTX_EVENT[11:0];

  // What holds the core in the next cycle, so that it comes from one register: its stall leads far. A new access to the CTX window always waits.
  assign fw_done_d = (fw_valid_o && fw_ready_i && io_we_q) || (fw_wait_q && fw_rvalid_i);
  always_comb begin
    if (d_ready) io_hold_d = d_valid && io_sel && (d_addr[16] || (d_cmd && cmd_valid_d) || (d_slow && slow_valid_d));
    else io_hold_d = io_ctx ? !fw_done_d : io_cmd_q ? cmd_valid_d : slow_valid_d;
  end

  always_comb begin
    io_rdata = 32'h0;
    case (io_reg)
      glregs_pkg::FWIO_EVENT[11:0]:        io_rdata = {25'h0, event_q};
      glregs_pkg::FWIO_EVENT_ENABLE[11:0]: io_rdata = event_enable_q;
      glregs_pkg::FWIO_DMA_ADDR_LO[11:0]:  io_rdata = dma_addr_lo_q;
      glregs_pkg::FWIO_DMA_ADDR_HI[11:0]:  io_rdata = dma_addr_hi_q;
      glregs_pkg::FWIO_DMA_LOCAL[11:0]:    io_rdata = dma_local_q;
      glregs_pkg::FWIO_DMA_COOKIE[11:0]:   io_rdata = {4'h0, dma_cookie_q};
      glregs_pkg::FWIO_DMA_FREE[11:0]:     io_rdata = {26'h0, cmd_free_i};
      glregs_pkg::FWIO_DMA_COMP[11:0]:     io_rdata = comp_valid_i ? {1'b1, comp_data_i[30:0]} : 32'h0;
      glregs_pkg::FWIO_RX_RECORD[11:0]:    io_rdata = rec_valid_i ? {1'b1, rec_data_i[30:0]} : 32'h0;
      glregs_pkg::FWIO_RX_TAG[11:0]:       io_rdata = rx_tag_q;
      glregs_pkg::FWIO_TX_SLOT[11:0]:      io_rdata = {alloc_ok_i, alloc_limited_i, 23'h0, alloc_slot_i};
      glregs_pkg::FWIO_DOORBELL[11:0]:     io_rdata = db_valid_i ? {8'h80, db_ctx_i, 12'h0, db_queue_i} : 32'h0;
      glregs_pkg::FWIO_CTX_EVENT[11:0]:    io_rdata = evq_valid_i ? {8'h80, evq_ctx_i, 16'h0} : 32'h0;
      glregs_pkg::FWIO_NCTX[11:0]:         io_rdata = NCTX;
      glregs_pkg::FWIO_TIME_LO[11:0]:      io_rdata = time_o[31:0];
      glregs_pkg::FWIO_TIME_HI[11:0]:      io_rdata = time_o[63:32];
      glregs_pkg::FWIO_TIMECMP_LO[11:0]:   io_rdata = timecmp_q[31:0];
      glregs_pkg::FWIO_TIMECMP_HI[11:0]:   io_rdata = timecmp_q[63:32];
      default:                             io_rdata = 32'h0;
    endcase
    if (io_ctx) io_rdata = fw_rdata_q;
  end

  always_ff @(posedge clk_i) begin
    if (core_rst_q) begin
      fw_sent_q      <= 1'b0;
      fw_wait_q      <= 1'b0;
      event_enable_q <= 32'h0;
      timecmp_q      <= '1;
    end else begin
      if (d_ready) fw_sent_q <= 1'b0;
      else if (fw_valid_o && fw_ready_i) fw_sent_q <= 1'b1;
      if (fw_valid_o && fw_ready_i && !io_we_q) fw_wait_q <= 1'b1;
      else if (fw_rvalid_i) fw_wait_q <= 1'b0;
      if (io_store) begin
        case (io_reg)
          glregs_pkg::FWIO_EVENT_ENABLE[11:0]: event_enable_q <= io_wdata_q;
          glregs_pkg::FWIO_TIMECMP_LO[11:0]:   timecmp_q[31:0] <= io_wdata_q;
          glregs_pkg::FWIO_TIMECMP_HI[11:0]:   timecmp_q[63:32] <= io_wdata_q;
          default:                             ;
        endcase
      end
    end
    if (io_store) begin
      case (io_reg)
        glregs_pkg::FWIO_DMA_ADDR_LO[11:0]: dma_addr_lo_q <= io_wdata_q;
        glregs_pkg::FWIO_DMA_ADDR_HI[11:0]: dma_addr_hi_q <= io_wdata_q;
        glregs_pkg::FWIO_DMA_LOCAL[11:0]:   dma_local_q <= io_wdata_q;
        glregs_pkg::FWIO_DMA_COOKIE[11:0]:  dma_cookie_q <= io_wdata_q[27:0];
        glregs_pkg::FWIO_FW_STATE[11:0]:    fw_state_o <= io_wdata_q;
        glregs_pkg::FWIO_HEARTBEAT[11:0]:   fw_heartbeat_o <= fw_heartbeat_o + 32'd1;
        glregs_pkg::FWIO_FW_INFO[11:0]:     fw_info_o <= io_wdata_q;
        glregs_pkg::FWIO_LOG_HEAD[11:0]:    log_head_o <= io_wdata_q;
        default:                            ;
      endcase
    end
    console_valid_o <= io_store && io_reg == glregs_pkg::FWIO_CONSOLE[11:0];
    console_data_o  <= io_wdata_q[7:0];
    heartbeat_o <= io_store && io_reg == glregs_pkg::FWIO_HEARTBEAT[11:0];
    if (rst_i || (core_rst_q && run_i)) begin
      fw_state_o     <= 32'h0;
      fw_heartbeat_o <= 32'h0;
      fw_info_o      <= 32'h0;
      log_head_o     <= 32'h0;
    end
    fw_rdata_q     <= fw_rdata_i;
    if (rec_ready_o && rec_valid_i) rx_tag_q <= rec_tag_i;
    event_q        <= {tx_room_i, cmd_free_i >= 6'd16, mbox_busy_i, evq_valid_i, db_valid_i, rec_valid_i, comp_valid_i};
    external_irq_q <= (event_q & event_enable_q[6:0]) != '0;
  end

  // --- Time ---
  logic [31:0] skip_q;
  logic [63:0] left_q;
  assign wake_cycles_o = timecmp_q <= time_o ? 32'h0 : left_q[63:32] != '0 ? 32'hffff_ffff : left_q[31:0];
  always_ff @(posedge clk_i) begin
    skip_q      <= time_skip_i;
    time_o      <= rst_i ? 64'h0 : time_o + {32'h0, skip_q} + 64'd1;
    left_q      <= timecmp_q - time_o;
    timer_irq_q <= time_o >= timecmp_q && !core_rst_q;
  end

  // The core's byte address has two bits more than a word, and DMEM is one window of its segment.
  logic unused;
  assign unused = ^{slow_q[31], slow_q[15:8], imem_addr[1:0], d_addr[1:0], io_addr_q[15:12], dma_local_q[30:23], dm_addr_i[2:0], hm_addr_i[27:16],
                    hm_addr_i[1:0], comp_data_i[31], rec_data_i[31]};
endmodule
