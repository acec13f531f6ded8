// SPDX-License-Identifier: Apache-2.0
// VLANs of the switch's trunk ports: VLAN identifier -> entry, entry -> member contexts.

// Two tables in block RAM, both 0 after the sweep that follows a reset: the map has an entry number
// for each of 4096 VIDs, 0 for none; a row of NCTX bits for each of 64 entries says whose trunk
// carries it. A frame costs two reads. Management changes them one bit at a time, in cycles in which
// no frame reads: one engine that reads a row, changes it and writes it back.
//
//   sweep_*      writes 0 at that address of both tables
//   look_i       starts a look-up of vid_i; row_o has the members four cycles later, until the next one
//                (0 for a VID that no trunk carries). At most one per 4 cycles
//   set_*        BAR0.VLAN_MAP (set_map_i) or VLAN_MEMBER of context ctx_i is written. Not while busy_o
//   ctx_i        context that member_o shows; stable while busy_o
//   map_o, member_o   what BAR0.VLAN_MAP and VLAN_MEMBER show
//   clr_*        the context leaves all entries; clr_done_o until clr_valid_i falls
module nic_switch_vlan #(
    parameter int unsigned NCTX = 32
) (
    input  logic            clk_i,
    input  logic            rst_i,

    input  logic            sweep_i,
    input  logic [11:0]     sweep_addr_i,

    input  logic            look_i,
    input  logic [11:0]     vid_i,
    output logic [NCTX-1:0] row_o,

    input  logic            set_valid_i,
    input  logic            set_map_i,
    input  logic [31:0]     set_data_i,
    input  logic [7:0]      ctx_i,
    output logic            busy_o,
    output logic [31:0]     map_o,
    output logic [31:0]     member_o,

    input  logic            clr_valid_i,
    input  logic [7:0]      clr_ctx_i,
    output logic            clr_done_o
);

  localparam int unsigned EntryLsb = glregs_pkg::BAR0_VLAN_MEMBER_ENTRY_LSB;
  localparam int unsigned ReadBit  = glregs_pkg::BAR0_VLAN_MAP_READ_LSB;

  typedef enum logic [2:0] {
    IDLE,
    MAP_WRITE,  // the entry of a VID
    MAP_READ,   // and what reading shows
    ROW_READ,   // a row
    ROW_WAIT,   // it stands at the RAM's output
    ROW_SHOW,   // it stands in row_q
    ROW_WRITE,  // changed
    CLR_NEXT    // the next row of a context that leaves
  } state_e;

  state_e          state_q;
  logic            set_q, set_map_q, read_q, member_q;  // a write of management waits; what it says
  logic [11:0]     sel_vid_q;
  logic [5:0]      set_entry_q, sel_entry_q, row_addr_q;
  logic            clr_q, clr_done_q;      // rows of clr_ctx_i are being gone through
  logic            show1_q;
  logic [NCTX-1:0] row_q, shown_q, one;
  logic [7:0]      bit_q;

  // --- Look-up: map, entry, row ---
  logic            look1_q, look2_q, look3_q;
  logic [5:0]      map_rdata, entry_q;
  logic [NCTX-1:0] row_rdata;
  logic            map_free, row_free;   // for the engine, in this cycle
  logic [11:0]     map_waddr;

  assign map_free = !look_i && !sweep_i;
  assign row_free = !look2_q && !sweep_i;

  lib_ram_sdp #(.WIDTH(6), .DEPTH(4096)) u_map (
    .clk_i,
    .we_i   (sweep_i || (state_q == MAP_WRITE && map_free)),
    .waddr_i(map_waddr),
    .wdata_i(sweep_i ? '0 : set_entry_q),
    .re_i   (look_i || state_q == MAP_READ),
    .raddr_i(look_i ? vid_i : sel_vid_q),
    .rdata_o(map_rdata)
  );
  assign map_waddr = sweep_i ? sweep_addr_i : sel_vid_q;

  lib_ram_sdp #(.WIDTH(NCTX), .DEPTH(64)) u_rows (
    .clk_i,
    .we_i   (sweep_i || (state_q == ROW_WRITE && row_free)),
    .waddr_i(sweep_i ? sweep_addr_i[5:0] : row_addr_q),
    .wdata_i(sweep_i ? '0 : row_q),
    .re_i   (1'b1),
    .raddr_i(look2_q ? entry_q : row_addr_q),
    .rdata_o(row_rdata)
  );

  always_ff @(posedge clk_i) begin
    if (rst_i) {look1_q, look2_q, look3_q} <= '0;
    else       {look1_q, look2_q, look3_q} <= {look_i, look1_q, look2_q};
    if (look1_q) entry_q <= map_rdata;
    if (look3_q) row_o <= entry_q == '0 ? '0 : row_rdata;
  end

  // --- Engine ---
  always_comb begin
    one = '0;
    for (int i = 0; i < int'(NCTX); i++) one[i] = bit_q == 8'(i);
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q     <= IDLE;
      set_q       <= 1'b0;
      clr_q       <= 1'b0;
      clr_done_q  <= 1'b0;
      sel_vid_q   <= '0;
      sel_entry_q <= '0;
      shown_q     <= '0;
      show1_q     <= 1'b0;
      map_o       <= '0;
    end else begin
      if (set_valid_i) set_q <= 1'b1;
      if (!clr_valid_i) clr_done_q <= 1'b0;
      show1_q <= state_q == MAP_READ && map_free;
      if (show1_q) map_o <= {10'd0, map_rdata, 4'd0, sel_vid_q};
      unique case (state_q)
        IDLE: if (!sweep_i) begin
          bit_q <= clr_valid_i && !clr_done_q ? clr_ctx_i : ctx_i;
          if (clr_valid_i && !clr_done_q) begin
            clr_q      <= 1'b1;
            row_addr_q <= 6'd1;
            state_q    <= ROW_READ;
          end else if (set_q) begin
            set_q <= 1'b0;
            if (set_map_q) begin
              state_q <= read_q ? MAP_READ : MAP_WRITE;
            end else begin
              sel_entry_q <= set_entry_q;
              row_addr_q  <= set_entry_q;
              state_q     <= ROW_READ;
            end
          end
        end
        MAP_WRITE: if (map_free) state_q <= MAP_READ;
        MAP_READ:  if (map_free) state_q <= IDLE;
        ROW_READ:  if (row_free) state_q <= ROW_WAIT;
        ROW_WAIT:  state_q <= ROW_SHOW;
        ROW_SHOW: begin
          row_q   <= clr_q || !member_q ? row_q & ~one : row_q | one;
          state_q <= clr_q || (!read_q && row_addr_q != '0) ? ROW_WRITE : IDLE;
          if (row_addr_q == sel_entry_q) shown_q <= row_q;
        end
        ROW_WRITE: if (row_free) begin
          state_q <= clr_q ? CLR_NEXT : IDLE;
          if (row_addr_q == sel_entry_q) shown_q <= row_q;
        end
        default: begin
          row_addr_q <= row_addr_q + 6'd1;
          state_q    <= &row_addr_q ? IDLE : ROW_READ;
          if (&row_addr_q) begin
            clr_q      <= 1'b0;
            clr_done_q <= 1'b1;
          end
        end
      endcase
    end
    if (state_q == ROW_WAIT) row_q <= row_rdata;
    if (set_valid_i) begin
      set_map_q   <= set_map_i;
      read_q      <= set_data_i[ReadBit];
      member_q    <= set_data_i[glregs_pkg::BAR0_VLAN_MEMBER_MEMBER_LSB];
      set_entry_q <= set_data_i[EntryLsb+:6];
      if (set_map_i) sel_vid_q <= set_data_i[11:0];
    end
  end

  assign busy_o     = set_q || (state_q != IDLE && !clr_q) || show1_q;
  assign clr_done_o = clr_done_q;

  // Which context member_o shows is known long before it is read.
  logic [2**$clog2(NCTX < 2 ? 2 : NCTX)-1:0] shown_all;
  assign shown_all = ($bits(shown_all))'(shown_q);
  always_ff @(posedge clk_i) begin
    member_o <= {10'd0, sel_entry_q, 15'd0, shown_all[ctx_i[$clog2(NCTX < 2 ? 2 : NCTX)-1:0]]};
  end

  /* verilator lint_off UNUSEDSIGNAL */  // bits that the registers do not have
  logic unused;
  assign unused = ^{set_data_i, ctx_i};
  /* verilator lint_on UNUSEDSIGNAL */

`ifndef SYNTHESIS
  logic seen_reset_q = 1'b0;
`ifdef FORMAL
  always_ff @(posedge clk_i) f_i_seen: assert (rst_i || seen_reset_q);
`endif
  always_ff @(posedge clk_i) begin
    if (rst_i) seen_reset_q <= 1'b1;
    if (seen_reset_q && !rst_i) begin
      assert (!(set_valid_i && busy_o));
      assert (!(clr_q && (state_q == IDLE || state_q == MAP_WRITE || state_q == MAP_READ)));
      assert (!(look_i && (look1_q || look2_q || look3_q)));
    end
  end
`endif

endmodule
