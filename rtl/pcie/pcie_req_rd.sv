// SPDX-License-Identifier: Apache-2.0
// Memory reads upstream: splits requests at Max_Read_Request_Size boundaries, takes a tag for each piece and sends it.

// A request starts when the writes accepted before it have left (rf_seq_i). The tag's clock starts when the TLP is on its
// way. Reads that may not be sent (bus master off) fail with ABORT, and those that the link does not take within the
// completion time-out fail with TIMEOUT; both are reported through fail_* and end like a failed completion.
//
//   rf_*          accepted read requests
//   wr_done_i     number of writes that have left
//   flush_i       forget all requests (the read queue is emptied by the caller)
//   tag_*         a free tag;  al_*: it is taken, with what its completions need to know; al_hold_o: one is taken and not sent
//   iss_*         the number of pieces of request iss_id_o that exist so far; iss_all_o: there will be no more
//   arm_o, arm_tag_o   the read has been sent;  arm_dead_o: nobody waits for it any more
//   fail_*        the piece ends here, without having been sent
//   np_* {eop, keep, data}  beats for pcie_tx
module pcie_req_rd (
    input  logic                       clk_i,
    input  logic                       rst_i,
    input  logic                       bus_master_i,
    input  logic [11:0]                mrrs_mask_i,
    input  logic [15:0]                reqid_i,
    input  logic [23:0]                cpl_timeout_i,
    input  logic                       no_timeout_i,
    input  logic                       flush_i,
    input  logic                       rf_valid_i,
    output logic                       rf_ready_o,
    input  logic [63:0]                rf_addr_i,
    input  logic [12:0]                rf_len_i,
    input  logic [4:0]                 rf_id_i,
    input  logic [pcie_pkg::SEQ_W-1:0] rf_seq_i,
    input  logic [pcie_pkg::SEQ_W-1:0] wr_done_i,
    input  logic                       tag_ok_i,
    input  logic [4:0]                 tag_i,
    output logic                       al_valid_o,
    input  logic                       al_ready_i,
    output logic [4:0]                 al_id_o,
    output logic [12:0]                al_off_o,
    output logic [12:0]                al_len_o,
    output logic [6:0]                 al_lower_o,
    output logic                       al_hold_o,
    output logic                       iss_all_o,
    output logic [5:0]                 iss_count_o,
    output logic                       arm_o,
    output logic [4:0]                 arm_tag_o,
    output logic                       arm_dead_o,
    output logic                       fail_valid_o,
    input  logic                       fail_ready_i,
    output logic [2:0]                 fail_status_o,
    output logic                       np_valid_o,
    input  logic                       np_ready_i,
    output logic [65:0]                np_data_o,
    input  logic                       np_sel_i,
    output logic                       idle_o
);
  typedef enum logic [2:0] {R_IDLE, R_ORDER, R_SPLIT, R_LEN, R_TAG, R_HEAD, R_ADDR, R_FAIL} state_e;
  state_e                     state_q;
  logic [63:0]                addr_q;
  logic [12:0]                rem_q, off_q, take_q;
  logic [4:0]                 id_q;
  logic [pcie_pkg::SEQ_W-1:0] seq_q, ahead;
  logic                       hi_q, fin_q, dead_q, timeout_q;
  logic [5:0]                 count_q;
  logic [4:0]                 tag_q;
  logic [9:0]                 dws_q;
  logic [3:0]                 fbe_q, lbe_q;
  logic [23:0]                wait_q;
  logic                       late_q;

  logic [12:0] bound;
  /* verilator lint_off UNUSEDSIGNAL */ // the low bits only carry
  logic [12:0] dw_end;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [1:0]  end_lane;
  logic        give_up;
  assign ahead    = wr_done_i - seq_q;
  assign bound    = {1'b0, ~addr_q[11:0] & mrrs_mask_i} + 13'd1;
  assign dw_end   = {11'd0, addr_q[1:0]} + take_q + 13'd3;
  assign end_lane = addr_q[1:0] + take_q[1:0] - 2'd1;
  // Withdrawn before the choice of pcie_tx, never after it.
  assign give_up  = state_q == R_HEAD && !np_sel_i && (flush_i || late_q || !bus_master_i);

  assign rf_ready_o    = state_q == R_IDLE && !flush_i;
  assign al_valid_o    = state_q == R_TAG && tag_ok_i && !flush_i;
  assign al_id_o       = id_q;
  assign al_off_o      = off_q;
  assign al_len_o      = take_q;
  assign al_lower_o    = addr_q[6:0];
  assign al_hold_o     = state_q == R_HEAD || state_q == R_ADDR || state_q == R_FAIL;
  assign iss_all_o     = fin_q;
  assign iss_count_o   = count_q;
  assign arm_tag_o     = tag_q;
  assign arm_o         = state_q == R_ADDR && np_ready_i;
  assign arm_dead_o    = dead_q || flush_i;
  assign fail_valid_o  = state_q == R_FAIL && !flush_i;
  assign fail_status_o = timeout_q ? glregs_pkg::DMA_STATUS_TIMEOUT[2:0] : glregs_pkg::DMA_STATUS_ABORT[2:0];
  assign np_valid_o    = (state_q == R_HEAD && !give_up) || state_q == R_ADDR;
  assign idle_o        = state_q == R_IDLE && !rf_valid_i;

  always_comb begin
    if (state_q == R_HEAD)
      np_data_o = {2'b01, reqid_i, 3'd0, tag_q, lbe_q, fbe_q, 2'b00, hi_q, 5'd0, 14'd0, dws_q};
    else if (hi_q) np_data_o = {2'b11, addr_q[31:2], 2'b00, addr_q[63:32]};
    else np_data_o = {2'b10, 32'd0, addr_q[31:2], 2'b00};
  end

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= R_IDLE;
    end else begin
      unique case (state_q)
        R_IDLE:  if (rf_valid_i) state_q <= R_ORDER;
        R_ORDER: if (!ahead[pcie_pkg::SEQ_W-1]) state_q <= R_SPLIT;
        R_SPLIT: state_q <= R_LEN;
        R_LEN:   state_q <= R_TAG;
        R_TAG:   if (al_valid_o && al_ready_i) state_q <= bus_master_i ? R_HEAD : R_FAIL;
        R_HEAD: begin
          if (give_up) state_q <= R_FAIL;
          else if (np_ready_i) state_q <= R_ADDR;
        end
        R_ADDR:  if (np_ready_i) state_q <= fin_q ? R_IDLE : R_SPLIT;
        default: if (fail_ready_i) state_q <= fin_q ? R_IDLE : R_SPLIT;
      endcase
      // What has been offered to pcie_tx and chosen goes out; all else ends here.
      if (flush_i && !(state_q == R_ADDR) && !(state_q == R_HEAD && np_sel_i)) state_q <= R_IDLE;
      if (state_q == R_ADDR && np_ready_i && (dead_q || flush_i)) state_q <= R_IDLE;
    end
    if (state_q == R_TAG) dead_q <= 1'b0;
    else if (flush_i) dead_q <= 1'b1;

    unique case (state_q)
      R_IDLE: begin
        addr_q  <= rf_addr_i;
        rem_q   <= rf_len_i;
        id_q    <= rf_id_i;
        seq_q   <= rf_seq_i;
        off_q   <= '0;
        count_q <= '0;
        hi_q    <= rf_addr_i[63:32] != '0;
      end
      R_SPLIT: begin
        take_q  <= (rem_q <= bound) ? rem_q : bound;
        fin_q   <= rem_q <= bound;
        count_q <= count_q + 6'd1;
      end
      R_LEN: begin
        dws_q <= dw_end[11:2];
        fbe_q <= (dw_end[12:2] == 11'd1) ? pcie_pkg::be_from(addr_q[1:0]) & pcie_pkg::be_upto(end_lane)
                                         : pcie_pkg::be_from(addr_q[1:0]);
        lbe_q <= (dw_end[12:2] == 11'd1) ? 4'd0 : pcie_pkg::be_upto(end_lane);
      end
      R_TAG: begin
        tag_q     <= tag_i;
        wait_q    <= '0;
        late_q    <= 1'b0;
        timeout_q <= 1'b0;
      end
      R_HEAD: begin
        wait_q <= wait_q + 24'd1;
        late_q <= late_q || (wait_q == cpl_timeout_i && !no_timeout_i);
        if (give_up) timeout_q <= late_q;
      end
      default: ;
    endcase
    if ((state_q == R_ADDR && np_ready_i) || (state_q == R_FAIL && fail_ready_i)) begin
      addr_q[11:0] <= addr_q[11:0] + take_q[11:0];
      off_q        <= off_q + take_q;
      rem_q        <= rem_q - take_q;
    end
  end
endmodule
