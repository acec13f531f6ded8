// SPDX-License-Identifier: Apache-2.0
// Numbers of the host link's frames (docs/hostlink.md).
package hostlink_pkg;
  localparam logic [47:0] BROADCAST = '1;

  typedef enum logic [3:0] {
    NONE   = 4'd0,
    OPEN   = 4'd1,
    ACCEPT = 4'd2,
    REFUSE = 4'd3,
    DATA   = 4'd4,
    ACK    = 4'd5,
    CLOSE  = 4'd6
  } type_e;

  // Counters, in the order of the frame.
  localparam int unsigned COUNTERS  = 8;
  localparam int unsigned BAD       = 0;
  localparam int unsigned FOREIGN   = 1;
  localparam int unsigned MALFORMED = 2;
  localparam int unsigned FORGED    = 3;
  localparam int unsigned REPLAYED  = 4;
  localparam int unsigned GAP       = 5;
  localparam int unsigned REFUSED   = 6;
  localparam int unsigned RESENT    = 7;
endpackage
