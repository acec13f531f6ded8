// SPDX-License-Identifier: Apache-2.0
// Compares one entry of the switch's table with a frame: does the context take it, may it send it?

// Two stages. In the cycle with the entry: partial comparisons. One cycle later the results are
// complete, and after that edge they stand in the outputs (two cycles after the entry).
//
//   valid_i      an entry is there; self_i: it is the sender's
//   source_i     compare with the frame's source address (else the destination)
//   enable_i, away_i, entry_i, filter_i   the entry (nic_switch_table, nic_switch_away)
//   zero_i       context 0 sends the frame
//   dst_i, src_i, hash_i          the frame, stable while a scan runs; hash_i: place in half a filter
//   plain_i, vid_i                the frame belongs to no VLAN, or to this one
//   member_i     one cycle after the entry: its trunk is a member of that VLAN
//   take_o       the context takes the frame
//   may_o        its enable and its VLAN let it; it is not the sender
//   falls_o      the frame is for its address, but it is away: context 0 takes it in its place, if it may
//   source_o     the source address is its own, and it has FALLBACK
//   access_o     it is an access port
//   has_mac_o    the context is enabled and has the compared address
//   any_source_o, to_wire_o, enable_o   rules of the entry
module nic_switch_match (
    input  logic        clk_i,
    input  logic        valid_i,
    input  logic        self_i,
    input  logic        source_i,
    input  logic        enable_i,
    input  logic        away_i,
    input  logic        zero_i,
    input  logic [68:0] entry_i,
    input  logic [31:0] filter_i,

    input  logic [47:0] dst_i,
    input  logic [47:0] src_i,
    input  logic [4:0]  hash_i,
    input  logic        plain_i,
    input  logic [11:0] vid_i,
    input  logic        member_i,

    output logic        take_o,
    output logic        may_o,
    output logic        falls_o,
    output logic        source_o,
    output logic        access_o,
    output logic        has_mac_o,
    output logic        any_source_o,
    output logic        to_wire_o,
    output logic        enable_o
);

  logic [47:0] address;
  logic [7:0]  mac_eq_q, src_eq_q;
  logic [1:0]  vid_eq_q;
  logic [7:0]  rules_q;  // entry bits 55:48: UNTAGGED VLAN_TRUNK TO_WIRE ANY_SOURCE VLAN_ACCESS PROMISC MULTICAST BROADCAST
  logic        valid_q, self_q, enable_q, filter_q, fallback_q, away_q;
  logic        mac_eq, src_eq, vlan_ok, broadcast, takes, may, away;

  assign address = source_i ? src_i : dst_i;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 8; i++) mac_eq_q[i] <= entry_i[6*i+:6] == address[6*i+:6];
    for (int i = 0; i < 2; i++) vid_eq_q[i] <= entry_i[56+6*i+:6] == vid_i[6*i+:6];
    for (int i = 0; i < 8; i++) src_eq_q[i] <= entry_i[6*i+:6] == src_i[6*i+:6];
    rules_q  <= entry_i[55:48];
    fallback_q <= entry_i[68];
    away_q   <= away_i;
    filter_q <= filter_i[hash_i];
    valid_q  <= valid_i;
    self_q   <= self_i;
    enable_q <= enable_i;
  end

  // Access before trunk, should both be set.
  assign mac_eq    = &mac_eq_q;
  assign src_eq    = &src_eq_q;
  assign vlan_ok   = rules_q[3] ? !plain_i && (&vid_eq_q) :
                     rules_q[6] ? (plain_i ? rules_q[7] : member_i) : 1'b1;
  assign broadcast = &dst_i;
  assign takes     = mac_eq || rules_q[2] ||
                     (dst_i[0] && (broadcast ? rules_q[0] : rules_q[1] || filter_q));
  assign may       = valid_q && enable_q && !self_q && vlan_ok;
  // A frame with its address from context 0 sends it away, and counts as sent after that.
  assign away      = fallback_q && (away_q || (zero_i && src_eq));

  always_ff @(posedge clk_i) begin
    take_o       <= may && takes && !away;
    may_o        <= may;
    falls_o      <= may && mac_eq && away;
    source_o     <= valid_q && enable_q && fallback_q && src_eq;
    access_o     <= rules_q[3];
    has_mac_o    <= valid_q && enable_q && mac_eq;
    any_source_o <= rules_q[4];
    to_wire_o    <= rules_q[5];
    enable_o     <= enable_q;
  end

endmodule
