// SPDX-License-Identifier: Apache-2.0
// MSI-X: table and pending bit array (BAR4), and the messages (PCI Local Bus 3.0, 6.8.2).

// One state machine serves requests for messages and the scan that sends what was held by a mask. BAR4 accesses come in
// between, and whenever a message waits to be sent: a write of the host must never wait for one of ours. A vector
// that may not be sent (its mask, the function mask, MSI-X or bus master off) becomes pending; it is tried again when its
// mask is cleared, and all are when messages become allowed. Table at 0, PBA at half of BAR4. After reset and function level reset a
// sweep sets all mask bits and clears the rest; nothing is served until it ends.
//
//   VECTORS        number of vectors;  BAR4_LOG2: size of BAR4
//   flr_i          function level reset
//   enable_i       messages may be sent (MSI-X enable and no function mask, bus master)
//   tgt_*          target bus, offsets within BAR4
//   msix_*         please send this vector
//   clr_*          a revocation: the vector's pending bit is cleared; clr_done_o (until clr_valid_i falls): it is, and no message of the
//                  vector is on its way
//   m_*            memory write of m_data_o to m_addr_o; m_done_i: it has left (or was dropped), data may change
//   ev_sent_o, ev_masked_o  pulses: message given to the requester; vector held
//   idle_o         nothing under way (vectors may be pending)
module pcie_msix #(
    parameter int unsigned VECTORS   = 33,
    parameter int unsigned BAR4_LOG2 = 12
) (
    input  logic                 clk_i,
    input  logic                 rst_i,
    input  logic                 flr_i,
    input  logic                 enable_i,
    input  logic                 tgt_valid_i,
    output logic                 tgt_ready_o,
    input  logic                 tgt_we_i,
    input  logic [BAR4_LOG2-1:2] tgt_addr_i,
    input  logic [3:0]           tgt_be_i,
    input  logic [31:0]          tgt_wdata_i,
    output logic                 tgt_rvalid_o,
    output logic [31:0]          tgt_rdata_o,
    input  logic                 msix_valid_i,
    output logic                 msix_ready_o,
    input  logic [8:0]           msix_vector_i,
    input  logic                 clr_valid_i,
    input  logic [8:0]           clr_vector_i,
    output logic                 clr_done_o,
    output logic                 m_valid_o,
    input  logic                 m_ready_i,
    output logic [63:0]          m_addr_o,
    output logic [31:0]          m_data_o,
    input  logic                 m_done_i,
    output logic                 ev_sent_o,
    output logic                 ev_masked_o,
    output logic                 idle_o
);
  localparam int unsigned VW    = $clog2(VECTORS);       // bits of a vector number
  localparam int unsigned PBW   = (VW > 5) ? VW - 5 : 1; // bits of a PBA word number
  localparam logic [VW-1:0] Last = VW'(VECTORS - 1);

  typedef enum logic [3:0] {
    M_SWEEP, M_IDLE, M_CTL, M_CTL2, M_LO, M_HI, M_DATA, M_DATA2, M_HOLD, M_SEND, M_DONE, M_NEXT,
    M_CLR, M_CLR2
  } state_e;

  state_e        state_q;
  logic [VW+1:0] sweep_q;
  logic [VW-1:0] vec_q;                 // vector under way, or the scan's position
  logic          scan_q;                // vec_q comes from the scan
  logic          one_q;                 // of this vector only
  logic          kick_q;                // a scan is due
  logic          enable_q;
  logic [VW:0]   pending_q;             // number of pending vectors
  logic [31:0]   lo_q, hi_q, data_q;

  // --- PBA ---
  logic [31:0]    pba [2**PBW];
  logic [31:0]    pba_q;                // word of vec_q
  logic [PBW-1:0] pba_word, pba_tgt;
  if (VW > 5) begin : g_pba_wide
    assign pba_word = vec_q[VW-1:5];
  end else begin : g_pba_one
    assign pba_word = '0;
  end
  assign pba_tgt = tgt_addr_i[PBW+1:2];

  // BAR4 accesses: a read is answered in the next cycle.
  logic tgt_take, tgt_write, tgt_read, in_table, in_pba;
  logic rd_table_q, rd_pba_q, rd_none_q;
  logic [31:0] rd_pba_word_q;
  assign in_table    = !tgt_addr_i[BAR4_LOG2-1] && tgt_addr_i[BAR4_LOG2-2:4] <= (BAR4_LOG2-5)'(VECTORS - 1);
  assign in_pba      = tgt_addr_i[BAR4_LOG2-1] && tgt_addr_i[BAR4_LOG2-2:PBW+2] == '0;
  assign tgt_ready_o = state_q == M_IDLE || state_q == M_SEND || state_q == M_DONE;
  assign tgt_take    = tgt_valid_i && tgt_ready_o;
  assign tgt_write   = tgt_take && tgt_we_i && in_table;
  assign tgt_read    = tgt_take && !tgt_we_i;

  logic [4:0] bitno;
  if (VW >= 5) begin : g_bit
    assign bitno = vec_q[4:0];
  end else begin : g_bit_small
    assign bitno = {{(5 - VW){1'b0}}, vec_q};
  end

  logic is_pending;
  assign is_pending = pba_q[bitno];

  // --- Table: words {vector, 0 address low, 1 address high, 2 data, 3 vector control} ---
  logic [3:0]    ram_we;
  logic [VW+1:0] ram_waddr, ram_raddr;
  logic [31:0]   ram_wdata, ram_rdata;
  logic [1:0]    ram_word;

  always_comb begin
    if (state_q == M_SWEEP) begin
      ram_we    = 4'hf;
      ram_waddr = sweep_q;
      ram_wdata = {31'd0, sweep_q[1:0] == 2'd3};          // masked
    end else begin
      ram_we    = tgt_write ? tgt_be_i : 4'd0;
      ram_waddr = tgt_addr_i[VW+3:2];
      ram_wdata = tgt_wdata_i;
      if (tgt_addr_i[3:2] == 2'd0) ram_wdata[1:0] = 2'b00;
      if (tgt_addr_i[3:2] == 2'd3) ram_wdata[31:1] = '0;
    end
  end
  always_comb begin
    unique case (state_q)
      M_CTL:   ram_word = 2'd3;
      M_LO:    ram_word = 2'd0;
      M_HI:    ram_word = 2'd1;
      default: ram_word = 2'd2;
    endcase
  end
  assign ram_raddr = tgt_read ? tgt_addr_i[VW+3:2] : {vec_q, ram_word};

  lib_ram_sdp #(.WIDTH(32), .DEPTH(2**(VW+2)), .BYTES_WE(1)) u_table (
    .clk_i,
    .we_i    (ram_we),
    .waddr_i (ram_waddr),
    .wdata_i (ram_wdata),
    .re_i    (1'b1),
    .raddr_i (ram_raddr),
    .rdata_o (ram_rdata)
  );

  // --- The machine ---
  logic set_pba, clear_pba;
  assign set_pba   = state_q == M_HOLD && !is_pending;
  assign clear_pba = ((state_q == M_SEND && m_ready_i) || state_q == M_CLR2) && is_pending;

  always_ff @(posedge clk_i) begin
    if (state_q == M_SWEEP) pba[sweep_q[PBW-1:0]] <= '0;
    else if (set_pba) pba[pba_word] <= pba_q | (32'd1 << bitno);
    else if (clear_pba) pba[pba_word] <= pba_q & ~(32'd1 << bitno);
    pba_q       <= pba[pba_word];
    rd_pba_word_q <= pba[pba_tgt];
  end

  always_ff @(posedge clk_i) begin
    rd_table_q   <= !rst_i && tgt_read && in_table;
    rd_pba_q     <= !rst_i && tgt_read && in_pba;
    rd_none_q    <= !rst_i && tgt_read && !in_table && !in_pba;
    tgt_rvalid_o <= !rst_i && (rd_table_q || rd_pba_q || rd_none_q);
    tgt_rdata_o  <= rd_table_q ? ram_rdata : rd_pba_q ? rd_pba_word_q : 32'd0;
    ev_sent_o    <= !rst_i && state_q == M_SEND && m_ready_i;
    ev_masked_o  <= !rst_i && set_pba;
    enable_q     <= enable_i;
    if ((enable_i && !enable_q) || (tgt_write && state_q != M_IDLE)) kick_q <= 1'b1;
    if (set_pba) pending_q <= pending_q + (VW + 1)'(1);
    if (clear_pba) pending_q <= pending_q - (VW + 1)'(1);

    unique case (state_q)
      M_SWEEP: begin
        sweep_q <= sweep_q + (VW + 2)'(1);
        if (sweep_q == '1) state_q <= M_IDLE;
      end
      M_IDLE: begin
        vec_q  <= '0;
        scan_q <= 1'b0;
        one_q  <= 1'b0;
        if (tgt_valid_i) begin
          if (tgt_write && tgt_addr_i[3:2] == 2'd3) begin
            vec_q   <= tgt_addr_i[VW+3:4];
            scan_q  <= 1'b1;
            one_q   <= 1'b1;
            state_q <= M_CTL;
          end
        end else if (clr_valid_i && !clr_done_o) begin
          vec_q   <= clr_vector_i[VW-1:0];
          state_q <= M_CLR;
        end else if (msix_valid_i) begin
          vec_q <= msix_vector_i[VW-1:0];
          if (msix_vector_i < 9'(VECTORS)) state_q <= M_CTL;
        end else if (kick_q) begin
          kick_q <= 1'b0;
          scan_q <= 1'b1;
          if (pending_q != '0 && enable_i) state_q <= M_CTL;
        end
      end
      M_CTL:    state_q <= M_CTL2;     // reads vector control and the PBA word
      M_CTL2: begin
        if (scan_q) state_q <= (is_pending && !ram_rdata[0] && enable_q) ? M_LO : M_NEXT;
        else state_q <= (!ram_rdata[0] && enable_q) ? M_LO : M_HOLD;
      end
      M_LO: state_q <= M_HI;
      M_HI: begin
        lo_q    <= ram_rdata;
        state_q <= M_DATA;
      end
      M_DATA: begin
        hi_q    <= ram_rdata;
        state_q <= M_DATA2;
      end
      M_DATA2: begin
        data_q  <= ram_rdata;
        state_q <= M_SEND;
      end
      M_HOLD: state_q <= M_IDLE;
      M_CLR:  state_q <= M_CLR2;       // reads the PBA word
      M_CLR2: begin
        state_q    <= M_IDLE;
        clr_done_o <= 1'b1;
      end
      M_SEND: if (m_ready_i) state_q <= M_DONE;
      M_DONE: if (m_done_i) state_q <= scan_q ? M_NEXT : M_IDLE;
      default: begin                   // M_NEXT: the scan goes on
        vec_q   <= vec_q + VW'(1);
        state_q <= (one_q || vec_q == Last || !enable_q) ? M_IDLE : M_CTL;
      end
    endcase

    if (!clr_valid_i) clr_done_o <= 1'b0;

    if (rst_i || flr_i) begin
      clr_done_o <= 1'b0;
      sweep_q   <= '0;
      scan_q    <= 1'b0;
      kick_q    <= 1'b0;
      enable_q  <= 1'b0;
      pending_q <= '0;
      state_q   <= M_SWEEP;
    end
  end

  assign msix_ready_o = state_q == M_IDLE && !tgt_valid_i && !(clr_valid_i && !clr_done_o);
  assign m_valid_o    = state_q == M_SEND;
  assign m_addr_o     = {hi_q, lo_q};
  assign m_data_o     = data_q;
  assign idle_o       = state_q == M_IDLE && !kick_q && !tgt_rvalid_o && !rd_table_q && !rd_pba_q && !rd_none_q && !ev_sent_o && !ev_masked_o;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) if (!rst_i && clr_valid_i) assert (clr_vector_i < 9'(VECTORS));
  initial if (VECTORS < 2 || VECTORS > 512 || VECTORS * 16 > 2 ** (BAR4_LOG2 - 1))
    $fatal(1, "pcie_msix: 2 to 512 vectors, and the table must fit into half of BAR4");
`endif
endmodule
