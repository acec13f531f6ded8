// SPDX-License-Identifier: Apache-2.0
// Names of the PCI Express transaction layer that several blocks of rtl/pcie share (PCIe Base Specification, chapter 2).
/* verilator lint_off UNUSEDPARAM */ // a module uses only its own part of the package
package pcie_pkg;
  // What a request in the receive store is; pcie_rx classifies, pcie_target and pcie_completer act on it.
  typedef enum logic [2:0] {
    KIND_MRD   = 3'd0,  // memory read
    KIND_MRDLK = 3'd1,  // locked memory read: answered with UR in a CplLk
    KIND_MWR   = 3'd2,  // memory write (posted)
    KIND_CFGRD = 3'd3,  // configuration read, type 0
    KIND_CFGWR = 3'd4,  // configuration write, type 0
    KIND_UR    = 3'd5   // any other non-posted request: answered with UR
  } kind_e;

  // Completion status (2.2.9).
  localparam logic [2:0] CPL_SC = 3'd0;
  localparam logic [2:0] CPL_UR = 3'd1;
  localparam logic [2:0] CPL_CA = 3'd4;

  // Targets behind the BARs: tgt_bar_o, plus the MSI-X table that never leaves pcie_top.
  localparam logic [1:0] TGT_BAR0 = 2'd0;
  localparam logic [1:0] TGT_BAR2 = 2'd1;
  localparam logic [1:0] TGT_BAR4 = 2'd2;

  // A non-posted request that waits for its completion.
  typedef struct packed {
    kind_e       kind;
    logic        ok;      // memory read: a BAR takes it; else UR
    logic [1:0]  bar;
    logic [21:0] dwaddr;  // address / 4 in the BAR; configuration: {bar, dwaddr} = {bus, device, 1'b0, register}
    logic [9:0]  len;     // DWs, 0: 1024
    logic [3:0]  fbe;
    logic [3:0]  lbe;
    logic [15:0] reqid;
    logic [7:0]  tag;
    logic [2:0]  tc;
    logic [2:0]  attr;
    logic [31:0] data;    // of a configuration write
  } np_t;

  // Width of the counters that keep reads and completions behind earlier posted writes.
  localparam int unsigned SEQ_W = 9;

  // Byte enables from a first byte lane up, and up to a last byte lane.
  function automatic logic [3:0] be_from(input logic [1:0] lane);
    unique case (lane)
      2'd0: be_from = 4'b1111;
      2'd1: be_from = 4'b1110;
      2'd2: be_from = 4'b1100;
      default: be_from = 4'b1000;
    endcase
  endfunction

  function automatic logic [3:0] be_upto(input logic [1:0] lane);
    unique case (lane)
      2'd0: be_upto = 4'b0001;
      2'd1: be_upto = 4'b0011;
      2'd2: be_upto = 4'b0111;
      default: be_upto = 4'b1111;
    endcase
  endfunction
endpackage
