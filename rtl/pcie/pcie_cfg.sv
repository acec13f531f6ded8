// SPDX-License-Identifier: Apache-2.0
// Configuration space: type 0 header, power management, MSI-X and PCI Express capabilities (function 0).

// Registers that are not here read 0 and ignore writes, the extended space (from 0x100) included. Function level reset
// puts everything back except what the specification keeps: bus and device number, Max_Payload_Size, and link control
// (7.5.3.4, 6.6.2).
//
//   NCTX                    contexts; the function has NCTX + 1 MSI-X vectors
//   BAR2_LOG2, BAR4_LOG2    sizes of the BARs; the table is at the start of BAR4 and the PBA at half of it
//   cfg_*                   one access per pulse of cfg_valid_i; cfg_rdata_o two cycles later
//   bdf_*                   captured bus and device number
//   *_set_i                 pulses that set status bits: UR sent for a non-posted request (ur_np), UR of a posted one (ur_p), malformed
//                           TLP, poisoned TLP received, unexpected completion, completion time-out, UR or CA received
//   pending_i               requests of the NIC are outstanding (Transactions Pending)
//   bus_master_o            requests may be sent (Bus Master Enable and D0); mem_en_o likewise for BAR accesses
//   mrrs_mask_o             Max_Read_Request_Size - 1 (127 to 4095);  mps256_o: Max_Payload_Size 256, else 128
//   no_timeout_o            completion time-out is switched off
//   flr_o                   pulse: function level reset
module pcie_cfg #(
    parameter int unsigned NCTX      = 32,
    parameter int unsigned BAR2_LOG2 = 17,
    parameter int unsigned BAR4_LOG2 = 12
) (
    input  logic                clk_i,
    input  logic                rst_i,
    input  logic                cfg_valid_i,
    input  logic                cfg_we_i,
    input  logic [9:0]          cfg_reg_i,
    input  logic [3:0]          cfg_be_i,
    input  logic [31:0]         cfg_wdata_i,
    output logic [31:0]         cfg_rdata_o,
    input  logic                bdf_we_i,
    input  logic [12:0]         bdf_i,
    output logic [12:0]         bdf_o,
    input  logic                ur_np_set_i,
    input  logic                ur_p_set_i,
    input  logic                malformed_set_i,
    input  logic                poisoned_set_i,
    input  logic                poisoned_cpl_set_i,
    input  logic                bad_cpl_set_i,
    input  logic                timeout_set_i,
    input  logic                got_ur_set_i,
    input  logic                got_ca_set_i,
    input  logic                pending_i,
    output logic                bus_master_o,
    output logic                mem_en_o,
    output logic [31:16]        bar0_o,
    output logic [63:BAR2_LOG2] bar2_o,
    output logic [31:BAR4_LOG2] bar4_o,
    output logic                mps256_o,
    output logic [11:0]         mrrs_mask_o,
    output logic                no_timeout_o,
    output logic                msix_en_o,
    output logic                msix_fmask_o,
    output logic                flr_o
);
  // Register numbers (offset / 4).
  localparam logic [9:0] RegId = 10'h00, RegCommand = 10'h01, RegClass = 10'h02, RegMisc = 10'h03, RegBar0 = 10'h04,
                         RegBar2 = 10'h06, RegBar3 = 10'h07, RegBar4 = 10'h08, RegSub = 10'h0b, RegCapPtr = 10'h0d,
                         RegInt = 10'h0f, RegPm = 10'h10, RegPmcsr = 10'h11, RegMsix = 10'h14, RegTable = 10'h15,
                         RegPba = 10'h16, RegExp = 10'h18, RegDevCap = 10'h19, RegDevCtl = 10'h1a, RegLinkCap = 10'h1b,
                         RegLinkCtl = 10'h1c, RegDevCap2 = 10'h21, RegDevCtl2 = 10'h22, RegLinkCap2 = 10'h23,
                         RegLinkCtl2 = 10'h24;

  logic        mem_q, bme_q, perr_q, serr_q, intxd_q;     // command
  logic [15:11] st_q;                                     // status, RW1C
  logic        st8_q;
  logic [7:0]  line_q, cache_q;
  logic [31:16]        bar0_q;
  logic [63:BAR2_LOG2] bar2_q;
  logic [31:BAR4_LOG2] bar4_q;
  logic        d3_q;
  logic        msix_en_q, msix_fmask_q;
  logic [3:0]  err_en_q, err_q;                           // device control 3:0, device status 3:0
  logic [2:0]  mps_q, mrrs_q;
  logic [7:0]  lctl_q;
  logic        notmo_q;
  logic [3:0]  speed_q;
  logic [12:0] bdf_q;
  logic        flr_q;

  logic [31:0] rdata_q, wd;
  logic [3:0]  we;
  assign wd = cfg_wdata_i;
  assign we = (cfg_valid_i && cfg_we_i) ? cfg_be_i : 4'd0;

  // --- Read ---
  logic [31:0] bar2_lo;
  assign bar2_lo = {bar2_q[31:BAR2_LOG2], {(BAR2_LOG2 - 4){1'b0}}, 4'b1100};

  always_ff @(posedge clk_i) begin
    unique case (cfg_reg_i)
      RegId:       rdata_q <= {glregs_pkg::PCI_DEVICE_ID[15:0], glregs_pkg::PCI_VENDOR_ID[15:0]};
      RegCommand:  rdata_q <= {st_q, 2'b00, st8_q, 3'b000, 1'b1, 4'd0,
                               5'd0, intxd_q, 1'b0, serr_q, 1'b0, perr_q, 3'b000, bme_q, mem_q, 1'b0};
      RegClass:    rdata_q <= {24'h020000, 8'h01};        // Ethernet controller, revision 1
      RegMisc:     rdata_q <= {24'h000000, cache_q};
      RegBar0:     rdata_q <= {bar0_q, 16'd0};
      RegBar2:     rdata_q <= bar2_lo;
      RegBar3:     rdata_q <= bar2_q[63:32];
      RegBar4:     rdata_q <= {bar4_q, {BAR4_LOG2{1'b0}}};
      RegSub:      rdata_q <= {16'h0001, glregs_pkg::PCI_VENDOR_ID[15:0]};
      RegCapPtr:   rdata_q <= 32'h0000_0040;
      RegInt:      rdata_q <= {24'd0, line_q};            // no INTx
      RegPm:       rdata_q <= {16'h0003, 8'h50, 8'h01};   // version 3; D0 and D3hot, no PME
      RegPmcsr:    rdata_q <= {28'd0, 1'b1, 1'b0, d3_q, d3_q};  // No_Soft_Reset
      RegMsix:     rdata_q <= {msix_en_q, msix_fmask_q, 3'd0, 11'(NCTX), 8'h60, 8'h11};
      RegTable:    rdata_q <= 32'd4;                      // BAR4
      RegPba:      rdata_q <= 32'(2 ** (BAR4_LOG2 - 1)) | 32'd4;
      RegExp:      rdata_q <= {16'h0002, 8'h00, 8'h10};   // version 2, endpoint
      RegDevCap:   rdata_q <= 32'h1000_8001;              // FLR, role-based errors, 256 bytes of payload
      RegDevCtl:   rdata_q <= {10'd0, pending_i, 1'b0, err_q, 1'b0, mrrs_q, 4'd0, mps_q, 1'b0, err_en_q};
      RegLinkCap:  rdata_q <= 32'h0040_0011;              // x1, 2.5 GT/s, no ASPM
      RegLinkCtl:  rdata_q <= {16'h0011, 8'd0, lctl_q};
      RegDevCap2:  rdata_q <= 32'h0000_0010;              // completion time-out can be disabled
      RegDevCtl2:  rdata_q <= {27'd0, notmo_q, 4'd0};
      RegLinkCap2: rdata_q <= 32'h0000_0002;
      RegLinkCtl2: rdata_q <= {28'd0, speed_q};
      default:     rdata_q <= 32'd0;
    endcase
  end
  assign cfg_rdata_o = rdata_q;

  // --- Write ---
  logic flr;
  assign flr = we[1] && cfg_reg_i == RegDevCtl && wd[15];

  always_ff @(posedge clk_i) begin
    flr_q <= flr && !rst_i;
    if (rst_i || flr_q) begin
      {mem_q, bme_q, perr_q, serr_q, intxd_q} <= '0;
      st_q    <= '0;
      st8_q   <= 1'b0;
      line_q  <= '0;
      cache_q <= '0;
      bar0_q  <= '0;
      bar2_q  <= '0;
      bar4_q  <= '0;
      d3_q    <= 1'b0;
      {msix_en_q, msix_fmask_q} <= '0;
      err_en_q <= '0;
      err_q    <= '0;
      mrrs_q   <= 3'd2;
      notmo_q  <= 1'b0;
      if (rst_i) begin
        mps_q   <= '0;
        lctl_q  <= '0;
        speed_q <= 4'd1;
        bdf_q   <= '0;
      end
    end else begin
      unique case (cfg_reg_i)
        RegCommand: begin
          if (we[0]) {perr_q, bme_q, mem_q} <= {wd[6], wd[2], wd[1]};
          if (we[1]) {intxd_q, serr_q} <= {wd[10], wd[8]};
          if (we[3]) {st_q, st8_q} <= {st_q, st8_q} & ~{wd[31:27], wd[24]};
        end
        RegMisc: if (we[0]) cache_q <= wd[7:0];
        RegBar0: begin
          if (we[2]) bar0_q[23:16] <= wd[23:16];
          if (we[3]) bar0_q[31:24] <= wd[31:24];
        end
        RegBar2: for (int i = int'(BAR2_LOG2); i < 32; i++) if (we[i/8]) bar2_q[i] <= wd[i];
        RegBar3: for (int i = 0; i < 32; i++) if (we[i/8]) bar2_q[32 + i] <= wd[i];
        RegBar4: for (int i = int'(BAR4_LOG2); i < 32; i++) if (we[i/8]) bar4_q[i] <= wd[i];
        RegInt:  if (we[0]) line_q <= wd[7:0];
        // D1 and D2 do not exist: writing them changes nothing.
        RegPmcsr: if (we[0] && wd[1] == wd[0]) d3_q <= wd[0];
        RegMsix: if (we[3]) {msix_en_q, msix_fmask_q} <= wd[31:30];
        RegDevCtl: begin
          if (we[0]) {mps_q, err_en_q} <= {wd[7:5], wd[3:0]};
          if (we[1]) mrrs_q <= wd[14:12];
          if (we[2]) err_q <= err_q & ~wd[19:16];
        end
        RegLinkCtl:  if (we[0]) lctl_q <= {wd[7:6], 2'b00, wd[3], 1'b0, wd[1:0]};
        RegDevCtl2:  if (we[0]) notmo_q <= wd[4];
        RegLinkCtl2: if (we[0]) speed_q <= wd[3:0];
        default: ;
      endcase
      // Errors (6.2): correctable is also where advisory non-fatal ones go.
      if (ur_np_set_i || bad_cpl_set_i) err_q[0] <= 1'b1;
      if (ur_p_set_i || poisoned_set_i || poisoned_cpl_set_i || timeout_set_i) err_q[1] <= 1'b1;
      if (malformed_set_i) err_q[2] <= 1'b1;
      if (ur_np_set_i || ur_p_set_i) err_q[3] <= 1'b1;
      if (got_ca_set_i) st_q[12] <= 1'b1;
      if (got_ur_set_i) st_q[13] <= 1'b1;
      if (poisoned_set_i || poisoned_cpl_set_i) st_q[15] <= 1'b1;
      if (poisoned_cpl_set_i && perr_q) st8_q <= 1'b1;
    end
    if (bdf_we_i && !rst_i) bdf_q <= bdf_i;
  end

  assign bdf_o        = bdf_q;
  assign bus_master_o = bme_q && !d3_q;
  assign mem_en_o     = mem_q && !d3_q;
  assign bar0_o       = bar0_q;
  assign bar2_o       = bar2_q;
  assign bar4_o       = bar4_q;
  assign mps256_o     = mps_q != '0;
  assign no_timeout_o = notmo_q;
  assign msix_en_o    = msix_en_q;
  assign msix_fmask_o = msix_fmask_q;
  assign flr_o        = flr_q;

  always_ff @(posedge clk_i) begin
    unique case (mrrs_q)
      3'd0:    mrrs_mask_o <= 12'h07f;
      3'd1:    mrrs_mask_o <= 12'h0ff;
      3'd2:    mrrs_mask_o <= 12'h1ff;
      3'd3:    mrrs_mask_o <= 12'h3ff;
      3'd4:    mrrs_mask_o <= 12'h7ff;
      default: mrrs_mask_o <= 12'hfff;
    endcase
  end
endmodule
