// SPDX-License-Identifier: Apache-2.0
// Proof harness of nic_switch_match: an entry takes a frame exactly when docs/isolation.md lets it.

// The rules are written down again here, one by one, over the entry's fields of BAR0.SW_*. The frame stands still while a scan runs.
module proof_match (
    input logic        clk_i,
    input logic        valid_i,
    input logic        self_i,
    input logic        source_i,
    input logic        enable_i,
    input logic        away_i,
    input logic [68:0] entry_i,
    input logic [31:0] filter_i,
    input logic        member_i
);

  // The frame
  (* anyconst *) logic [47:0] dst, src;
  (* anyconst *) logic [4:0]  hash;
  (* anyconst *) logic        plain;
  (* anyconst *) logic        zero;  // context 0 sends it
  (* anyconst *) logic [11:0] vid;

  logic rst, past;
  formal_reset #(.AGAIN(0)) u_reset (.clk_i, .rst_o(rst), .past_o(past));

  logic take, may, falls, source_is, access, has_mac, any_source, to_wire, enable;

  nic_switch_match dut (
    .clk_i, .valid_i, .self_i, .source_i, .enable_i, .away_i, .zero_i(zero), .entry_i, .filter_i, .dst_i(dst), .src_i(src), .hash_i(hash), .plain_i(plain),
    .vid_i(vid), .member_i, .take_o(take), .may_o(may), .falls_o(falls), .source_o(source_is), .access_o(access), .has_mac_o(has_mac), .any_source_o(any_source), .to_wire_o(to_wire),
    .enable_o(enable)
  );

  // The entry as it was two cycles before the answer, in the words of rtl/regs.def
  logic [68:0] entry1_q, entry_q;
  logic [31:0] filter1_q, filter_q;
  logic        valid1_q, valid_q, self1_q, self_q, source1_q, source_q, enable1_q, enable_q, away1_q, away_q, member_q;
  logic [1:0]  age_q = 2'd0;

  always_ff @(posedge clk_i) begin
    entry1_q  <= entry_i;   entry_q  <= entry1_q;
    filter1_q <= filter_i;  filter_q <= filter1_q;
    valid1_q  <= valid_i;   valid_q  <= valid1_q;
    self1_q   <= self_i;    self_q   <= self1_q;
    source1_q <= source_i;  source_q <= source1_q;
    enable1_q <= enable_i;  enable_q <= enable1_q;
    away1_q   <= away_i;    away_q   <= away1_q;
    member_q  <= member_i;
    if (age_q != 2'd3) age_q <= age_q + 2'd1;
  end

  logic [47:0] mac;
  logic [11:0] port_vid;
  logic        broadcast_on, multicast_on, promisc, is_access, is_trunk, untagged, group, broadcast, vlan, wanted, fallback, away;

  assign mac          = entry_q[47:0];
  assign broadcast_on = entry_q[48];
  assign multicast_on = entry_q[49];
  assign promisc      = entry_q[50];
  assign is_access    = entry_q[51];
  assign is_trunk     = entry_q[54] && !is_access;
  assign untagged     = entry_q[55];
  assign port_vid     = entry_q[67:56];
  assign fallback     = entry_q[68];
  // Its own address from context 0 sends it away with that very frame.
  assign away         = fallback && (away_q || (zero && mac == src));
  assign group        = dst[0];
  assign broadcast    = dst == 48'hffff_ffff_ffff;
  assign vlan         = is_access ? !plain && vid == port_vid : is_trunk ? (plain ? untagged : member_q) : 1'b1;
  assign wanted       = promisc || mac == (source_q ? src : dst) || (broadcast && broadcast_on) ||
                        (group && !broadcast && (multicast_on || filter_q[hash]));

  always_ff @(posedge clk_i) begin
    if (past && age_q == 2'd3) begin
      // Invariant 3: nobody gets a frame that dom0's table does not give him, and whoever it names gets it.
      takes: assert (source_q || take == (valid_q && enable_q && !self_q && vlan && wanted && !away));
      // One that is away takes nothing; what is for its address falls to context 0, if its VLAN lets it in.
      away_takes_nothing: assert (!(take && away));
      falls_to_zero: assert (source_q || falls == (valid_q && enable_q && !self_q && vlan && mac == dst && away));
      zero_may: assert (may == (valid_q && enable_q && !self_q && vlan));
      moves: assert (source_is == (valid_q && enable_q && fallback && mac == src));
      // A source address is the sender's only if it is his, whole, and his entry enabled.
      owns: assert (has_mac == (valid_q && enable_q && mac == (source_q ? src : dst)));
      rules: assert (access == is_access && any_source == entry_q[52] && to_wire == entry_q[53] && enable == enable_q);

      by_fallback: cover (falls && !source_q && is_trunk);
      by_filter: cover (take && !source_q && !promisc && mac != dst && !multicast_on && group && !broadcast);
      by_trunk: cover (take && !source_q && is_trunk && !plain);
      by_access: cover (take && !source_q && is_access);
    end
  end

endmodule
