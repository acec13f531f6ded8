// SPDX-License-Identifier: Apache-2.0
// Which contexts are away: what is for the MAC address of one that has FALLBACK goes to context 0 then.

// A context is away from the moment its entry is written or its device stops running, or context 0 sends a frame with its address,
// until it sends a frame itself (docs/isolation.md, "Fallback"). Without FALLBACK the bit means nothing. Proof (rtl/formal/switch):
// of all senders only context 0 and the context itself change it.
//
//   run_i        bit c: the device of context c runs
//   set_*        an entry with FALLBACK is written
//   scan_i       the frame in hand is compared with the contexts of pair_i; source_i: its source address is that of
//                2 * pair_i and 2 * pair_i + 1
//   from_ctx_i, sender_i   who sends it; pass_i: it may, by source address and VLAN
//   away_o       bit c: context c is away
module nic_switch_away #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,

    input  logic [NCTX-1:0] run_i,
    input  logic            set_i,
    input  logic [7:0]      set_index_i,

    input  logic            scan_i,
    input  logic [6:0]      pair_i,
    input  logic [1:0]      source_i,
    input  logic            from_ctx_i,
    input  logic [7:0]      sender_i,
    input  logic            pass_i,

    output logic [NCTX-1:0] away_o
);

  logic            own, zero;
  logic [NCTX-1:0] away_q, comes, goes;

  assign own  = scan_i && from_ctx_i && pass_i && sender_i[7:1] == pair_i;
  assign zero = scan_i && from_ctx_i && pass_i && sender_i == '0;

  always_comb begin
    for (int i = 0; i < int'(NCTX); i++) begin
      comes[i] = own && sender_i == 8'(i);
      goes[i]  = !run_i[i] || (set_i && set_index_i == 8'(i)) || (zero && pair_i == 7'(i / 2) && source_i[i%2]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) away_q <= '1;
    else       away_q <= (away_q & ~comes) | goes;
  end

  assign away_o = away_q;

`ifdef FORMAL
  // The context that is looked at is any but 0; guests are all others.
  (* anyconst *) logic [7:0] f_k;
  logic f_past = 1'b0, f_away, f_was, f_run, f_set, f_own, f_zero;
  assign f_away = away_q[f_k[$clog2(NCTX)-1:0]];

  always_ff @(posedge clk_i) begin
    assume (f_k != '0 && 32'(f_k) < NCTX);
    f_past <= !rst_i;
    f_was  <= f_away;
    f_run  <= run_i[f_k[$clog2(NCTX)-1:0]];
    f_set  <= set_i && set_index_i == f_k;
    f_own  <= scan_i && from_ctx_i && pass_i && sender_i == f_k && pair_i == f_k[7:1];
    f_zero <= scan_i && from_ctx_i && pass_i && sender_i == '0 && pair_i == f_k[7:1] && source_i[f_k[0]];
    if (f_past) begin
      f_comes: assert (!f_was || f_away || (f_own && f_run && !f_set));
      f_goes: assert (f_was || !f_away || !f_run || f_set || f_zero);
      f_stopped: assert (f_run || f_away);
      f_written: assert (!f_set || f_away);
      f_sent: assert (!f_zero || f_away);
      f_here: assert (!(f_own && f_run && !f_set) || !f_away);
    end
  end
`endif

endmodule
