// SPDX-License-Identifier: Apache-2.0
// The table of an ECP5 LUT4 as yosys' own cell: written out, it is one expression instead of an instance with three multiplexers.
module LUT4 (
    input A, B, C, D,
    output Z
);
  parameter [15:0] INIT = 16'h0000;
  \$lut #(.WIDTH(4), .LUT(INIT)) _TECHMAP_REPLACE_ (.A({D, C, B, A}), .Y(Z));
endmodule
