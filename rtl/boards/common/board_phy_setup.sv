// SPDX-License-Identifier: Apache-2.0
// Tells PHYs over MDIO (IEEE 802.3 clause 22) to offer 1000BASE-T full duplex and nothing else, as the MAC can do nothing else.

// For each address: register 9 = 0200 (1000BASE-T full duplex), register 4 = 0001 (neither 10 nor 100 Mb/s), register 0 = 1200
// (negotiate again). A PHY that is not there takes no notice. It is done once, after reset; begin_i is the PHYs' own reset, and
// the first frame comes 2**WAIT_LOG2 cycles after it is released, as PHYs ask for 50 ms.
//
//   ADDRESSES   PHYs at the addresses from 0 on
//   HALF        cycles of half a period of MDC (at most 2.5 MHz)
module board_phy_setup #(
    parameter int unsigned ADDRESSES = 2,
    parameter int unsigned HALF      = 32,
    parameter int unsigned WAIT_LOG2 = 23
) (
    input  logic clk_i,
    input  logic rst_i,
    output logic mdc_o,
    output logic mdio_o,
    output logic mdio_oe_o,
    output logic done_o
);
  localparam int unsigned HW = $clog2(HALF);

  logic [WAIT_LOG2-1:0] wait_q;
  logic [HW-1:0]        half_q;
  logic [6:0]           bit_q;      // of the frame: 32 ones, then 32 of the frame, then idle
  logic [1:0]           reg_q;
  logic [4:0]           phy_q;
  logic [31:0]          frame;
  logic [20:0]          what;       // register, turnaround left out, value

  always_comb begin
    unique case (reg_q)
      2'd0:    what = {5'd9, 16'h0200};
      2'd1:    what = {5'd4, 16'h0001};
      default: what = {5'd0, 16'h1200};
    endcase
  end
  assign frame = {2'b01, 2'b01, phy_q, what[20:16], 2'b10, what[15:0]};

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      wait_q    <= '0;
      half_q    <= '0;
      bit_q     <= '0;
      reg_q     <= '0;
      phy_q     <= '0;
      mdc_o     <= 1'b0;
      mdio_o    <= 1'b1;
      mdio_oe_o <= 1'b0;
      done_o    <= 1'b0;
    end else if (!(&wait_q)) begin
      wait_q <= wait_q + 1'b1;
    end else if (!done_o) begin
      half_q <= half_q == '0 ? HW'(HALF - 1) : half_q - 1'b1;
      if (half_q == '0) begin
        mdc_o <= !mdc_o;
        if (mdc_o) begin  // data changes with the falling edge
          mdio_oe_o <= bit_q < 7'd64;
          mdio_o    <= bit_q < 7'd32 || frame[~bit_q[4:0]];
          bit_q     <= bit_q + 7'd1;
          if (bit_q == 7'd71) begin
            bit_q <= '0;
            reg_q <= reg_q == 2'd2 ? 2'd0 : reg_q + 2'd1;
            if (reg_q == 2'd2) begin
              phy_q  <= phy_q + 5'd1;
              done_o <= phy_q == 5'(ADDRESSES - 1);
            end
          end
        end
      end
    end
  end
endmodule
