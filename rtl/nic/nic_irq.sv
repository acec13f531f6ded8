// SPDX-License-Identifier: Apache-2.0
// Interrupt unit: gathers what wants an interrupt, moderates it, sets InterruptStatus and then asks for the MSI-X message.

// Vector 0 is management, vector 1 + c context c. What is wanted is kept as bits (two per context: used buffer and
// configuration change), so nothing is lost and a burst becomes one message. A vector that wants a message gets it when
// moderation_i cycles have passed since its last one; then, in this order: the bits are taken, InterruptStatus is set, the message
// is asked for. What comes after the taking asks for another message, so every event is followed by a message whose handler
// finds the InterruptStatus bit, unless it was acknowledged in between.
//
// With bits_i (BAR0.IRQ_MODE.BIT_VECTOR) contexts have no vectors of their own: when InterruptStatus is set the context's bit of
// the vector of pending contexts is set as well, and a message of vector 1 is wanted, which is moderated as any other. So every bit
// is followed by a message; dom0's handler reads the bits, which clears them.
//
// The vectors are visited round robin, one per cycle; the time of the last message of each is in RAM.
//
//   irq_*         from nic_dma (IRQ commands); bits as in InterruptStatus
//   ci_*          from nic_devpage: configuration change interrupt
//   mg_valid_i    pulse: vector 0
//   isr_set_*     to nic_devpage: sets bits of InterruptStatus
//   msix_*        to pcie_top
//   moderation_i  least cycles between two messages of a vector
//   bits_i        bit-vector mode; counts from the moment at which InterruptStatus is set
//   pend_*        32 bits of pending contexts are read: data in the next cycle, held; pend_clear_i with pend_re_i clears them
//   time_i        cycles since reset, jumps forward when the simulator skips time
//   cst_*         context counter IRQS: one per entry taken from irq_* or ci_*
//   clr_*         clear bus (revocation): forgets what the context wanted and when its last message was; done when no message of
//                 it is in work
//   ev_raised_o   pulse: an IRQ command; ev_moderated_o: a vector has to wait
//   idle_o        nothing is pending, moderated or not
module nic_irq #(
    parameter int unsigned NCTX = 32  // contexts, 1 to 256
) (
    input  logic        clk_i,
    input  logic        rst_i,
    input  logic        irq_valid_i,
    output logic        irq_ready_o,
    input  logic [7:0]  irq_ctx_i,
    input  logic [1:0]  irq_bits_i,
    input  logic        ci_valid_i,
    output logic        ci_ready_o,
    input  logic [7:0]  ci_ctx_i,
    input  logic        mg_valid_i,
    output logic        isr_set_valid_o,
    input  logic        isr_set_ready_i,
    output logic [7:0]  isr_set_ctx_o,
    output logic [1:0]  isr_set_bits_o,
    output logic        msix_valid_o,
    input  logic        msix_ready_i,
    output logic [8:0]  msix_vector_o,
    input  logic [23:0] moderation_i,
    input  logic        bits_i,
    input  logic        pend_re_i,
    input  logic        pend_clear_i,
    input  logic [2:0]  pend_group_i,
    output logic [31:0] pend_data_o,
    input  logic [31:0] time_i,
    output logic        cst_valid_o,
    input  logic        cst_ready_i,
    output logic [7:0]  cst_ctx_o,
    output logic [3:0]  cst_idx_o,
    output logic [15:0] cst_add_o,
    input  logic        clr_valid_i,
    input  logic [7:0]  clr_ctx_i,
    output logic        clr_done_o,
    output logic        ev_raised_o,
    output logic        ev_moderated_o,
    output logic        idle_o
);

  localparam int unsigned CW = (NCTX > 1) ? $clog2(NCTX) : 1;
  localparam int unsigned NV = NCTX + 2;  // visited: management, contexts, the bit vector's
  // A round is at least 8 long: then a vector is not read again before what the last visit wrote is there.
  localparam int unsigned VW = (NV > 8) ? $clog2(NV) : 3;
  localparam logic [VW-1:0] Last = (NV > 8) ? VW'(NV - 1) : VW'(7);
  localparam logic [VW-1:0] One  = 1;
  localparam logic [VW-1:0] Shared = VW'(NCTX + 1);  // asks for vector 1

  // ---------------------------------------------------------------- what is wanted

  logic [NCTX-1:0] used_q, config_q;  // InterruptStatus bits 0 and 1 still to set, with a message
  logic            mgmt_q, shared_q;
  logic            irq_take, ci_take, turn_q;
  logic            room;
  logic            in_valid_q;
  logic [7:0]      in_ctx_q;
  logic [1:0]      in_bits_q;
  logic            cst_valid_q;
  logic [7:0]      cst_ctx_q;

  // Both inputs are taken in turns; each entry is counted.
  assign room        = !cst_valid_q;
  assign irq_ready_o = room && !(ci_valid_i && turn_q);
  assign ci_ready_o  = room && !(irq_valid_i && !turn_q);
  assign irq_take    = irq_valid_i && irq_ready_o;
  assign ci_take     = ci_valid_i && ci_ready_o;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      turn_q      <= 1'b0;
      in_valid_q  <= 1'b0;
      cst_valid_q <= 1'b0;
      ev_raised_o <= 1'b0;
    end else begin
      in_valid_q  <= irq_take || ci_take;
      ev_raised_o <= irq_take;
      if (irq_take || ci_take) begin
        turn_q      <= irq_take;
        cst_valid_q <= 1'b1;
      end else if (cst_ready_i) begin
        cst_valid_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (room) begin
      in_ctx_q  <= irq_take ? irq_ctx_i : ci_ctx_i;
      in_bits_q <= irq_take ? irq_bits_i : 2'b10;
      cst_ctx_q <= irq_take ? irq_ctx_i : ci_ctx_i;
    end
  end

  assign cst_valid_o = cst_valid_q;
  assign cst_ctx_o   = cst_ctx_q;
  assign cst_idx_o   = glregs_pkg::CSTAT_IRQS[3:0];
  assign cst_add_o   = 16'd1;

  // ---------------------------------------------------------------- visits

  typedef enum logic [2:0] { StSweep, StScan, StTake, StIsr, StMsix } step_e;
  step_e step_q;

  // What is kept of a vector.
  typedef struct packed {
    logic        waits;  // a message was sent and its time is not over
    logic        noted;  // that something has to wait was counted
    logic [31:0] last;   // when the message was sent
  } vector_t;

  logic [VW-1:0] idx_q;          // visited now
  logic [VW-1:0] v1_q, v2_q, v3_q, v4_q;
  logic          valid1_q, valid2_q, valid3_q, valid4_q;
  logic          want1_q, want2_q, want3_q, want4_q;
  vector_t       word2_q;
  logic          waits3_q, noted3_q, noted4_q, clear4_q, due4_q;
  logic [31:0]   age3_q, time_q;
  logic          send;

  logic           v_we;
  logic [VW-1:0]  v_waddr;
  vector_t        v_wdata;
  logic [33:0]    v_rdata;

  lib_ram_sdp #(.WIDTH(34), .DEPTH(2**VW)) u_last (
    .clk_i, .we_i(v_we), .waddr_i(v_waddr), .wdata_i(v_wdata), .re_i(1'b1), .raddr_i(idx_q), .rdata_o(v_rdata)
  );

  logic [2**VW-1:0] want;  // index: vector
  assign want = (2**VW)'({shared_q, used_q | config_q, mgmt_q});

  logic over;  // the vector's time is over
  assign over = !waits3_q || age3_q[31:24] != '0 || age3_q[23:0] >= moderation_i;

  always_ff @(posedge clk_i) begin
    time_q   <= time_i;
    // Stage 1: the RAM is read.
    v1_q     <= idx_q;
    want1_q  <= want[idx_q];
    // Stage 2
    v2_q     <= v1_q;
    want2_q  <= want1_q;
    word2_q  <= v_rdata;
    // Stage 3
    v3_q     <= v2_q;
    want3_q  <= want2_q;
    age3_q   <= time_q - word2_q.last;
    waits3_q <= word2_q.waits;
    noted3_q <= word2_q.noted;
    // Stage 4
    v4_q     <= v3_q;
    want4_q  <= want3_q;
    due4_q   <= over;
    noted4_q <= noted3_q;
    clear4_q <= over && waits3_q;  // else an old time would look young again after 2^32 cycles
    if (rst_i || step_q != StScan || send) begin
      valid1_q <= 1'b0;
      valid2_q <= 1'b0;
      valid3_q <= 1'b0;
      valid4_q <= 1'b0;
    end else begin
      valid1_q <= 1'b1;
      valid2_q <= valid1_q;
      valid3_q <= valid2_q;
      valid4_q <= valid3_q;
    end
  end

  assign send = valid4_q && want4_q && due4_q;

  logic          note;
  logic [VW-1:0] cur_q;  // the vector in work; context cur_q - 1
  logic [7:0]    cur_ctx_q;
  logic [8:0]    vector_q;
  logic [1:0]    bits_q;
  logic          gone;   // what it wanted was cleared meanwhile
  assign gone = !used_q[cur_ctx_q[CW-1:0]] && !config_q[cur_ctx_q[CW-1:0]];
  assign note = valid4_q && want4_q && !due4_q && !noted4_q;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      step_q <= StSweep;
      idx_q  <= '0;
    end else begin
      unique case (step_q)
        StSweep: begin
          idx_q <= idx_q + One;
          if (&idx_q) step_q <= StScan;
        end
        StScan: begin
          idx_q <= (idx_q == Last) ? '0 : idx_q + One;
          if (send) begin
            step_q <= StTake;
            idx_q  <= (v4_q == Last) ? '0 : v4_q + One;
          end
        end
        StTake: step_q <= (cur_q == '0 || cur_q == Shared) ? StMsix : gone ? StScan : StIsr;
        StIsr: if (isr_set_ready_i) step_q <= bits_i ? StScan : StMsix;
        default: if (msix_ready_i) step_q <= StScan;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (step_q == StScan) begin
      cur_q     <= v4_q;
      cur_ctx_q <= 8'(v4_q) - 8'd1;
    end
    vector_q <= (cur_q == Shared) ? 9'd1 : 9'(cur_q);
    if (step_q == StTake) bits_q <= {config_q[cur_ctx_q[CW-1:0]], used_q[cur_ctx_q[CW-1:0]]};
  end

  // New wishes are assigned last: they win over the taking of old ones.
  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      used_q   <= '0;
      config_q <= '0;
      mgmt_q   <= 1'b0;
      shared_q <= 1'b0;
    end else begin
      if (step_q == StTake) begin
        if (cur_q == '0) mgmt_q <= 1'b0;
        else if (cur_q == Shared) shared_q <= 1'b0;
        else begin
          used_q[cur_ctx_q[CW-1:0]]   <= 1'b0;
          config_q[cur_ctx_q[CW-1:0]] <= 1'b0;
        end
      end
      if (in_valid_q && 32'(in_ctx_q) < NCTX) begin
        if (in_bits_q[0]) used_q[in_ctx_q[CW-1:0]] <= 1'b1;
        if (in_bits_q[1]) config_q[in_ctx_q[CW-1:0]] <= 1'b1;
      end
      if (clr_valid_i) begin
        used_q[clr_ctx_i[CW-1:0]]   <= 1'b0;
        config_q[clr_ctx_i[CW-1:0]] <= 1'b0;
      end
      if (mg_valid_i) mgmt_q <= 1'b1;
      if (pend_set) shared_q <= 1'b1;
    end
  end

  // Contexts that have set InterruptStatus in bit-vector mode. A bit that is set while it is read stays for the next time.
  localparam int unsigned Groups = (NCTX + 31) / 32;
  localparam int unsigned PW     = $clog2(32 * Groups);
  logic [Groups*32-1:0] pend_q;
  logic                 pend_set;
  assign pend_set = step_q == StIsr && isr_set_ready_i && bits_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      pend_q <= '0;
    end else begin
      for (int g = 0; g < int'(Groups); g++) begin
        if (pend_re_i && pend_clear_i && pend_group_i == 3'(g)) pend_q[32*g+:32] <= '0;
      end
      if (pend_set) pend_q[cur_ctx_q[PW-1:0]] <= 1'b1;
      if (clr_valid_i) pend_q[clr_ctx_i[PW-1:0]] <= 1'b0;
    end
    if (pend_re_i) begin
      pend_data_o <= '0;
      for (int g = 0; g < int'(Groups); g++) begin
        if (pend_group_i == 3'(g)) pend_data_o <= pend_q[32*g+:32];
      end
    end
  end

  assign isr_set_valid_o = step_q == StIsr;
  assign isr_set_ctx_o   = cur_ctx_q;
  assign isr_set_bits_o  = bits_q;
  assign msix_valid_o    = step_q == StMsix;
  assign msix_vector_o   = vector_q;

  always_comb begin
    v_we    = 1'b0;
    v_waddr = v4_q;
    v_wdata = '0;
    if (step_q == StSweep) begin
      v_we    = 1'b1;
      v_waddr = idx_q;
    end else if (step_q == StMsix && msix_ready_i) begin
      v_we          = 1'b1;
      v_waddr       = cur_q;
      v_wdata.waits = 1'b1;
      v_wdata.last  = time_q;
    end else if (valid4_q && !want4_q && clear4_q) begin
      v_we = 1'b1;
    end else if (note) begin
      v_we          = 1'b1;
      v_wdata.waits = 1'b1;
      v_wdata.noted = 1'b1;
      v_wdata.last  = last4_q;
    end else if (clr_write) begin
      v_we    = 1'b1;
      v_waddr = clr_vector;
    end
  end

  // Clear bus: the bits are held at 0; when no visit that saw them is in work any more, the time is forgotten.
  logic [VW-1:0] clr_vector;
  logic          clr_quiet, clr_write, clr_done_q;
  logic [2:0]    clr_count_q;
  assign clr_vector = VW'(clr_ctx_i) + One;
  assign clr_quiet  = !(step_q == StSweep || ((step_q == StTake || step_q == StIsr || step_q == StMsix) && cur_q == clr_vector));
  assign clr_write  = clr_valid_i && clr_quiet && (&clr_count_q) && !clr_done_q;
  always_ff @(posedge clk_i) begin
    if (rst_i || !clr_valid_i || !clr_quiet) clr_count_q <= '0;
    else if (!(&clr_count_q)) clr_count_q <= clr_count_q + 3'd1;
    if (rst_i || !clr_valid_i) clr_done_q <= 1'b0;
    else if (clr_write && !(step_q == StMsix && msix_ready_i) && !(valid4_q && !want4_q && clear4_q) && !note) clr_done_q <= 1'b1;
  end
  assign clr_done_o = clr_done_q;

  logic [31:0] last3_q, last4_q;
  always_ff @(posedge clk_i) begin
    last3_q        <= word2_q.last;
    last4_q        <= last3_q;
    ev_moderated_o <= !rst_i && note;
  end

  logic idle_q;
  always_ff @(posedge clk_i) begin
    idle_q <= !rst_i && step_q == StScan && want == '0 && !irq_valid_i && !ci_valid_i && !mg_valid_i && !in_valid_q &&
              !cst_valid_q;
  end
  assign idle_o = idle_q;

`ifndef SYNTHESIS
  initial if (NCTX < 1 || NCTX > 256) $fatal(1, "nic_irq: NCTX must be 1 to 256");

  lib_ready_valid_props #(.WIDTH(10)) u_isr_props (
    .clk_i, .rst_i, .valid_i(isr_set_valid_o), .ready_i(isr_set_ready_i), .data_i({isr_set_ctx_o, isr_set_bits_o})
  );
  lib_ready_valid_props #(.WIDTH(9)) u_msix_props (
    .clk_i, .rst_i, .valid_i(msix_valid_o), .ready_i(msix_ready_i), .data_i(msix_vector_o)
  );
  lib_ready_valid_props #(.WIDTH(8)) u_cst_props (
    .clk_i, .rst_i, .valid_i(cst_valid_o), .ready_i(cst_ready_i), .data_i(cst_ctx_o)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_i && clr_valid_i) assert (32'(clr_ctx_i) < NCTX);
    if (!rst_i && step_q == StIsr) assert (bits_q != 2'b00);  // a message of a context always has a reason
  end
`endif

endmodule
