// SPDX-License-Identifier: Apache-2.0
// Types that several blocks of rtl/nic share. Registers and counters are in glregs_pkg (from rtl/regs.def).
package nic_pkg;
  // A DMA command, as the firmware gives it through FWIO.DMA_CMD.
  typedef struct packed {
    logic [1:0]  op;       // glregs_pkg::DMA_OP_*
    logic [7:0]  ctx;      // on whose behalf
    logic [63:0] addr;     // guest address
    logic [15:0] len;      // bytes; IRQ: InterruptStatus bits
    logic        in_slot;  // local side: 0 data memory, 1 packet buffer slot
    logic [6:0]  slot;     // bit 6: transmit ring
    logic [15:0] off;      // byte offset in data memory or slot
    logic        last;     // READ to slot: submit the frame; WRITE from slot: release the reference
    logic        notify;   // report completion even when all went well
    logic [27:0] cookie;   // comes back with the completion
    logic [3:0]  virtq;    // queue of the context, for the fault record
  } dma_cmd_t;
endpackage
