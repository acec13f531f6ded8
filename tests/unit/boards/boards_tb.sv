// SPDX-License-Identifier: Apache-2.0
// Serial port and PHY set-up of the boards, with short times, for their bench.
module boards_tb (
    input  logic       clk_i,
    input  logic       rst_i,
    input  logic       valid_i,
    input  logic [7:0] data_i,
    output logic       txd_o,
    output logic       mdc_o,
    output logic       mdio_o,
    output logic       mdio_oe_o,
    output logic       done_o,
    input  logic [1:0] event_i,
    output logic       beat_o,
    output logic [1:0] light_o
);
  board_uart #(.DIVIDER(7)) u_uart (.clk_i, .rst_i, .valid_i, .data_i, .txd_o);
  board_phy_setup #(.ADDRESSES(2), .HALF(4), .WAIT_LOG2(6)) u_setup (.clk_i, .rst_i, .mdc_o, .mdio_o, .mdio_oe_o, .done_o);
  board_lights #(.EVENTS(2), .BEAT_LOG2(8)) u_lights (.clk_i, .event_i, .beat_o, .light_o);
endmodule
