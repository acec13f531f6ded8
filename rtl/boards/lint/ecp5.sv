// SPDX-License-Identifier: Apache-2.0
// Ports of the ECP5's primitives that the boards use, for lint only: synthesis takes them from yosys.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNDRIVEN */
module ODDRX1F (input logic SCLK, input logic RST, input logic D0, input logic D1, output logic Q);
endmodule

module IDDRX1F (input logic SCLK, input logic RST, input logic D, output logic Q0, output logic Q1);
endmodule

module DELAYG #(parameter DEL_MODE = "", parameter int unsigned DEL_VALUE = 0) (input logic A, output logic Z);
endmodule

module EHXPLLL #(
    parameter int unsigned CLKI_DIV = 1, parameter int unsigned CLKFB_DIV = 1, parameter FEEDBK_PATH = "",
    parameter CLKOP_ENABLE = "", parameter int unsigned CLKOP_DIV = 1, parameter int unsigned CLKOP_CPHASE = 0,
    parameter int unsigned CLKOP_FPHASE = 0, parameter CLKOS_ENABLE = "", parameter int unsigned CLKOS_DIV = 1,
    parameter int unsigned CLKOS_CPHASE = 0, parameter int unsigned CLKOS_FPHASE = 0
) (
    input logic CLKI, input logic CLKFB, input logic RST, input logic STDBY, input logic PHASESEL0, input logic PHASESEL1,
    input logic PHASEDIR, input logic PHASESTEP, input logic PHASELOADREG, input logic PLLWAKESYNC, input logic ENCLKOP,
    input logic ENCLKOS, input logic ENCLKOS2, input logic ENCLKOS3,
    output logic CLKOP, output logic CLKOS, output logic CLKOS2, output logic CLKOS3, output logic LOCK, output logic INTLOCK,
    output logic REFCLK, output logic CLKINTFB
);
endmodule
