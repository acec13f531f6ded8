// SPDX-License-Identifier: Apache-2.0
// The core as `make timing` places it: with 32 KiB of instruction RAM and 64 KiB of data RAM, the way the NIC
// uses it, and a register at every other port, so that only paths of the core and its memories count.
//
// The instruction RAM is loaded through ld_*; of what the core does its stores are seen, as one parity bit.

module core_timing #(
    parameter bit ZB = 1'b0
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        ld_we_i,   // writes the instruction RAM
    input  logic        ld_bit_i,  // address and data, bit by bit
    input  logic [ 2:0] irq_i,
    input  logic        time_i,    // one more on the time counter
    output logic        sleep_o,
    output logic        store_o
);

  logic rst_q, ld_we_q, time_q;
  logic [12:0] ld_addr_q;
  logic [31:0] ld_data_q;
  logic [2:0] irq_q;
  logic [63:0] time_count_q;
  logic sleep;
  logic store_q;
  logic [31:0] addr_q, data_q;

  logic imem_en, imem_err_q;
  logic [31:0] imem_addr, imem_rdata_q;
  logic dmem_valid, dmem_we, dmem_rvalid_q, dmem_err_q;
  logic [ 3:0] dmem_be;
  logic [31:0] dmem_addr, dmem_wdata, dmem_rdata_q;

  core_cpu #(
      .ZB(ZB)
  ) u_cpu (
      .clk_i,
      .rst_i(rst_q),
      .imem_en_o(imem_en),
      .imem_addr_o(imem_addr),
      .imem_rdata_i(imem_rdata_q),
      .imem_err_i(imem_err_q),
      .dmem_valid_o(dmem_valid),
      .dmem_ready_i(1'b1),
      .dmem_we_o(dmem_we),
      .dmem_be_o(dmem_be),
      .dmem_addr_o(dmem_addr),
      .dmem_wdata_o(dmem_wdata),
      .dmem_rvalid_i(dmem_rvalid_q),
      .dmem_rdata_i(dmem_rdata_q),
      .dmem_err_i(dmem_err_q),
      .irq_software_i(irq_q[0]),
      .irq_timer_i(irq_q[1]),
      .irq_external_i(irq_q[2]),
      .time_i(time_count_q),
      .sleep_o(sleep),
      /* verilator lint_off PINCONNECTEMPTY */  // RVFI is off
      .rvfi_valid_o(),
      .rvfi_order_o(),
      .rvfi_insn_o(),
      .rvfi_trap_o(),
      .rvfi_halt_o(),
      .rvfi_intr_o(),
      .rvfi_mode_o(),
      .rvfi_ixl_o(),
      .rvfi_rs1_addr_o(),
      .rvfi_rs2_addr_o(),
      .rvfi_rs1_rdata_o(),
      .rvfi_rs2_rdata_o(),
      .rvfi_rd_addr_o(),
      .rvfi_rd_wdata_o(),
      .rvfi_pc_rdata_o(),
      .rvfi_pc_wdata_o(),
      .rvfi_mem_addr_o(),
      .rvfi_mem_rmask_o(),
      .rvfi_mem_wmask_o(),
      .rvfi_mem_rdata_o(),
      .rvfi_mem_wdata_o()
      /* verilator lint_on PINCONNECTEMPTY */
  );

  // Nobody relies on what a fetch sees of a word that is being written.
  (* no_rw_check *) logic [31:0] imem[8192];
  logic [31:0] dmem[16384];

  always_ff @(posedge clk_i) begin
    if (ld_we_q) imem[ld_addr_q] <= ld_data_q;
    if (imem_en) begin
      imem_rdata_q <= imem[imem_addr[14:2]];
      imem_err_q   <= imem_addr[31:15] != 17'd0;
    end
  end

  logic unused;
  assign unused = ^imem_addr[1:0];

  logic dmem_hit;
  assign dmem_hit = dmem_addr[31:16] == 16'h1000;
  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 4; i++) begin
      if (dmem_valid & dmem_we & dmem_hit & dmem_be[i]) dmem[dmem_addr[15:2]][8*i+:8] <= dmem_wdata[8*i+:8];
    end
    dmem_rdata_q  <= dmem[dmem_addr[15:2]];
    dmem_rvalid_q <= dmem_valid & ~rst_q;
    dmem_err_q    <= ~dmem_hit;
  end

  always_ff @(posedge clk_i) begin
    rst_q <= rst_i;
    ld_we_q <= ld_we_i;
    {ld_addr_q, ld_data_q} <= {ld_addr_q[11:0], ld_data_q, ld_bit_i};
    irq_q <= irq_i;
    time_q <= time_i;
    time_count_q <= rst_q ? 64'd0 : time_count_q + {63'd0, time_q};
    sleep_o <= sleep;
    store_q <= dmem_valid & dmem_we;
    addr_q <= dmem_addr;
    data_q <= dmem_wdata;
    store_o <= store_q & ^{addr_q, data_q};
  end

endmodule
