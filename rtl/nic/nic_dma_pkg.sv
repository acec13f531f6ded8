// SPDX-License-Identifier: Apache-2.0
// Types that only the parts of the DMA engine (nic_dma*) share.
package nic_dma_pkg;
  localparam int unsigned CMD_BITS   = 148;   // bits of nic_pkg::dma_cmd_t
  localparam int unsigned ENTRY_BITS = 72;    // bits of entry_t
  localparam int unsigned LEN_MAX    = 9216;  // longest command in bytes
  localparam int unsigned LIFE_BITS   = 4;    // bits of life_t
  localparam int unsigned TARGET_BITS = 39;   // bits of target_t

  // Counts how often a context was enabled; tells commands given before from those given after.
  typedef logic [LIFE_BITS-1:0] life_t;

  // A piece of a command: bytes inside one guest page, translated, in command order from nic_dma_split to nic_dma_issue.
  // Every command ends with exactly one piece with end_cmd. A piece with a status other than OK has nothing to issue.
  typedef struct packed {
    logic [1:0]  op;       // glregs_pkg::DMA_OP_*
    logic [7:0]  ctx;
    life_t       life;     // of the context when the command was given
    logic [63:0] addr;     // host address; IRQ: InterruptStatus bits in 1:0
    logic [12:0] len;      // 1 to 4096
    logic        in_slot;  // local side: 0 data memory, 1 packet buffer slot
    logic [6:0]  slot;
    logic [15:0] off;      // local byte offset of this piece
    logic        end_cmd;  // the command has no further piece
    logic [2:0]  status;   // glregs_pkg::DMA_STATUS_*
    logic        mine;     // READ into an open slot of the context: a failure spoils the frame
    logic        pinned;   // the owner check of a slot was granted: the slot is pinned until the command retires
    logic        first;    // its first READ: begins at the frame's first byte, so nothing of this frame has failed yet
    logic        sub;      // READ: submit the slot when the command retires (its owner was checked)
    logic        rel;      // WRITE: release the slot when its data has been read
    logic        notify;
    logic [27:0] cookie;
  } piece_t;

  // What nic_dma_retire has to know: one entry per READ piece issued and one per end of any other command.
  typedef struct packed {
    logic        read;     // a request is out: wait for it (they end in any order, entries retire in order)
    logic        end_cmd;  // last entry of the command
    logic [2:0]  status;
    logic [1:0]  op;
    logic [7:0]  ctx;
    logic        mine;     // READ into an open slot of the context: a failure spoils the frame
    logic        pinned;   // nic_pktbuf pins the slot until it hears of the command's end
    logic        first;    // ... its first READ
    logic [6:0]  slot;
    logic        sub;
    logic        rel;      // WRITE from a slot with LAST: counts as a frame delivered
    logic        notify;
    logic [27:0] cookie;
    logic [15:0] bytes;    // octets of that frame
  } entry_t;

  // Where the data of an outstanding READ piece goes, kept per request id.
  typedef struct packed {
    logic        in_slot;
    logic [5:0]  slot;
    logic [12:0] word;     // local word of byte lane 0 of the first host word (modulo 2^13)
    logic [2:0]  rot;      // local byte lane = (host byte lane + rot) modulo 8
    logic [2:0]  lane;     // host byte lane of the first byte
    logic [12:0] stop;     // lane + length: first byte, counted from lane 0 of the first host word, that is not the request's
  } target_t;
endpackage
