// SPDX-License-Identifier: Apache-2.0
// Clocks of a board, by one PLL of an ECP5: 125 MHz for RGMII, and the NIC's own (FPGA-TN-02200, ECP5 sysCLOCK PLL).

// The oscillator of a board runs inside 125 MHz * CLKI_DIV / CLKFB_DIV; the VCO runs at 125 MHz * 6 = 750 MHz (400 to 800 are allowed), and
// clk_o at 750 MHz / SYS_DIV: 6 gives 125 MHz, 7 107.1, 8 93.75, 9 83.3, 10 75.
//
//   rst_o       reset of clk_o's domain: until 2**RESET_LOG2 of its cycles after the PLL has locked and rst_ni is released
//   phy_rst_no  released in the middle of that time, so PHYs have a reset of at least 10 ms with RESET_LOG2 = 21
module board_clocks #(
    parameter int unsigned CLKI_DIV   = 4,
    parameter int unsigned CLKFB_DIV  = 5,
    parameter int unsigned SYS_DIV    = 8,
    parameter int unsigned RESET_LOG2 = 21
) (
    input  logic osc_i,
    input  logic rst_ni,
    output logic clk_o,
    output logic clk125_o,
    output logic rst_o,
    output logic phy_rst_no
);
  logic locked;

  /* verilator lint_off PINCONNECTEMPTY */
  (* ICP_CURRENT = "12" *) (* LPF_RESISTOR = "8" *)
  EHXPLLL #(
      .CLKI_DIV     (CLKI_DIV),
      .CLKFB_DIV    (CLKFB_DIV),
      .FEEDBK_PATH  ("CLKOP"),
      .CLKOP_ENABLE ("ENABLED"),
      .CLKOP_DIV    (6),
      .CLKOP_CPHASE (5),
      .CLKOP_FPHASE (0),
      .CLKOS_ENABLE ("ENABLED"),
      .CLKOS_DIV    (SYS_DIV),
      .CLKOS_CPHASE (SYS_DIV - 1),
      .CLKOS_FPHASE (0)
  ) u_pll (
      .CLKI        (osc_i),
      .CLKFB       (clk125_o),
      .RST         (1'b0),
      .STDBY       (1'b0),
      .PHASESEL0   (1'b0),
      .PHASESEL1   (1'b0),
      .PHASEDIR    (1'b0),
      .PHASESTEP   (1'b0),
      .PHASELOADREG(1'b0),
      .PLLWAKESYNC (1'b0),
      .ENCLKOP     (1'b0),
      .ENCLKOS     (1'b0),
      .ENCLKOS2    (1'b0),
      .ENCLKOS3    (1'b0),
      .CLKOP       (clk125_o),
      .CLKOS       (clk_o),
      .CLKOS2      (),
      .CLKOS3      (),
      .LOCK        (locked),
      .INTLOCK     (),
      .REFCLK      (),
      .CLKINTFB    ()
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // Flip-flops of an ECP5 are 0 after configuration, so the counter begins there too.
  logic                  good;
  logic [RESET_LOG2-1:0] count_q;
  lib_cdc_sync u_good (.clk_i(clk_o), .d_i(locked && rst_ni), .q_o(good));
  always_ff @(posedge clk_o) begin
    rst_o      <= !(&count_q);
    phy_rst_no <= count_q[RESET_LOG2-1];
    if (!good) count_q <= '0;
    else if (!(&count_q)) count_q <= count_q + 1'b1;
  end
endmodule
