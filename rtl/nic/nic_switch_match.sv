// SPDX-License-Identifier: Apache-2.0
// Compares one entry of the switch's table with a frame: does the context take it, may it send it?

// Two stages. In the cycle with the entry: partial comparisons. One cycle later the results are
// complete, and after that edge they stand in the outputs (two cycles after the entry).
//
//   valid_i      an entry is there; self_i: it is the sender's
//   source_i     compare with the frame's source address (else the destination)
//   enable_i, entry_i   the entry (nic_switch_table)
//   dst_i .. vid_i      the frame, stable while a scan runs; tagged_i: it has an 802.1Q tag
//   take_o       the context takes the frame
//   has_mac_o    the context is enabled and has the compared address
//   vlan_ok_o, any_source_o, to_wire_o, enable_o   rules of the entry
module nic_switch_match (
    input  logic        clk_i,
    input  logic        valid_i,
    input  logic        self_i,
    input  logic        source_i,
    input  logic        enable_i,
    input  logic [65:0] entry_i,

    input  logic [47:0] dst_i,
    input  logic [47:0] src_i,
    input  logic        tagged_i,
    input  logic [11:0] vid_i,

    output logic        take_o,
    output logic        has_mac_o,
    output logic        vlan_ok_o,
    output logic        any_source_o,
    output logic        to_wire_o,
    output logic        enable_o
);

  logic [47:0] address;
  logic [7:0]  mac_eq_q;
  logic [1:0]  vid_eq_q;
  logic [5:0]  rules_q;  // entry bits 53:48: TO_WIRE ANY_SOURCE VLAN_ACCESS PROMISC MULTICAST BROADCAST
  logic        valid_q, self_q, enable_q;
  logic        mac_eq, vlan_ok, broadcast, takes;

  assign address = source_i ? src_i : dst_i;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 8; i++) mac_eq_q[i] <= entry_i[6*i+:6] == address[6*i+:6];
    for (int i = 0; i < 2; i++) vid_eq_q[i] <= entry_i[54+6*i+:6] == vid_i[6*i+:6];
    rules_q  <= entry_i[53:48];
    valid_q  <= valid_i;
    self_q   <= self_i;
    enable_q <= enable_i;
  end

  assign mac_eq    = &mac_eq_q;
  assign vlan_ok   = !rules_q[3] || (tagged_i && (&vid_eq_q));
  assign broadcast = &dst_i;
  assign takes     = mac_eq || rules_q[2] || (dst_i[0] && (broadcast ? rules_q[0] : rules_q[1]));

  always_ff @(posedge clk_i) begin
    take_o       <= valid_q && enable_q && !self_q && vlan_ok && takes;
    has_mac_o    <= valid_q && enable_q && mac_eq;
    vlan_ok_o    <= vlan_ok;
    any_source_o <= rules_q[4];
    to_wire_o    <= rules_q[5];
    enable_o     <= enable_q;
  end

endmodule
