// SPDX-License-Identifier: Apache-2.0
// Builds frames of the host link: header, then TLPs out of the retransmission buffer, or the counters.

// The buffer is block RAM that whoever pushes writes; hostlink_send says which word is next. A word is fetched while the MAC sends the one
// before, which takes it eight cycles.
//
//   go_i, type_i    a frame of this type is wanted; go_i stays until start_o, a pulse. Type, tag, address and nak_i are taken then,
//                   ack_i and window_i some cycles later
//   abort_i         a DATA frame under way ends at once; the peer drops it
//   push_* put_i    words {eop, data} into the buffer
//   next_i more_i step_o busy_o     of hostlink_send; busy_o for DATA only
module hostlink_tx #(
    parameter int unsigned BUF_LOG2 = 9
) (
    input  logic                clk_i,
    input  logic                rst_i,
    output logic                tx_valid_o,
    input  logic                tx_ready_i,
    output logic [63:0]         tx_data_o,
    output logic                tx_last_o,
    output logic [3:0]          tx_last_bytes_o,
    input  logic                go_i,
    output logic                start_o,
    input  hostlink_pkg::type_e type_i,
    input  logic [47:0]         source_i,
    input  logic [47:0]         destination_i,
    input  logic [31:0]         tag_i,
    input  logic [31:0]         nonce_i,
    input  logic [31:0]         ack_i,
    input  logic [15:0]         window_i,
    input  logic                nak_i,
    input  logic                abort_i,
    input  logic [127:0]        counters_i,
    input  logic                push_i,
    input  logic [64:0]         push_data_i,
    input  logic [BUF_LOG2-1:0] put_i,
    input  logic [31:0]         next_i,
    input  logic                more_i,
    output logic                step_o,
    output logic                busy_o
);
  typedef enum logic [2:0] {IDLE, HEADER, COUNTERS, FETCH, FETCHED, WORD, FINISH} state_e;
  state_e              state_q;
  hostlink_pkg::type_e type_q;
  logic [1:0]          at_q;
  logic [1:0]          few_q;    // words of payload before this one, up to three
  logic [47:0]         destination_q;
  logic [31:0]         tag_q;
  logic                busy_q, valid_q, last_q, nak_q;
  logic [63:0]         data_q;
  logic [64:0]         word, word_q;
  logic                free, data, end_of_frame;

  lib_ram_sdp #(.WIDTH(65), .DEPTH(2**BUF_LOG2)) u_buffer (
    .clk_i,
    .we_i    (push_i),
    .waddr_i (put_i),
    .wdata_i (push_data_i),
    .re_i    (state_q == FETCH),
    .raddr_i (next_i[BUF_LOG2-1:0]),
    .rdata_o (word)
  );

  assign free    = !valid_q || tx_ready_i;  // the output register takes a word
  assign data    = type_q == hostlink_pkg::DATA;
  assign start_o = state_q == IDLE && go_i;
  assign step_o  = state_q == WORD && free;
  // Padding needs the end marked; four words of payload need no padding.
  assign end_of_frame = (word_q[64] && !more_i) || abort_i;

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      state_q <= IDLE;
      valid_q <= 1'b0;
      busy_q  <= 1'b0;
    end else begin
      if (tx_ready_i) valid_q <= 1'b0;
      unique case (state_q)
        IDLE: begin
          at_q          <= '0;
          few_q         <= '0;
          type_q        <= type_i;
          destination_q <= destination_i;
          tag_q         <= tag_i;
          nak_q         <= nak_i;
          if (go_i) begin
            state_q <= HEADER;
            busy_q  <= type_i == hostlink_pkg::DATA;
          end
        end
        HEADER: if (free) begin
          valid_q <= 1'b1;
          last_q  <= 1'b0;
          at_q    <= at_q + 2'd1;
          unique case (at_q)
            2'd0: data_q <= {source_i[15:0], destination_q};
            2'd1: data_q <= {7'd0, nak_q, 4'd1, type_q, 16'hb588, source_i[47:16]};
            2'd2: data_q <= {type_q == hostlink_pkg::ACCEPT ? nonce_i : next_i, tag_q};
            2'd3: data_q <= {16'd0, window_i, ack_i};
          endcase
          if (at_q == 2'd3) state_q <= data ? FETCH : COUNTERS;
        end
        COUNTERS: if (free) begin
          valid_q <= 1'b1;
          at_q    <= at_q + 2'd1;
          data_q  <= at_q[0] ? counters_i[127:64] : counters_i[63:0];
          last_q  <= at_q[0];
          if (at_q[0]) state_q <= IDLE;
        end
        FETCH: state_q <= FETCHED;  // word comes out of the RAM
        FETCHED: begin
          word_q  <= word;
          state_q <= WORD;
        end
        WORD: if (free) begin
          valid_q <= 1'b1;
          data_q  <= word_q[63:0];
          last_q  <= end_of_frame && few_q == 2'd3;
          if (few_q != 2'd3) few_q <= few_q + 2'd1;
          state_q <= FETCH;
          if (end_of_frame) begin
            busy_q  <= few_q != 2'd3;
            state_q <= few_q == 2'd3 ? IDLE : FINISH;
          end
        end
        default: if (free) begin
          valid_q <= 1'b1;
          data_q  <= '1;
          last_q  <= 1'b1;
          state_q <= IDLE;
          busy_q  <= 1'b0;
        end
      endcase
    end
  end

  assign tx_valid_o      = valid_q;
  assign tx_data_o       = data_q;
  assign tx_last_o       = last_q;
  assign tx_last_bytes_o = 4'd8;
  assign busy_o          = busy_q;
endmodule
