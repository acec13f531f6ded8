// SPDX-License-Identifier: Apache-2.0
// Read side of both packet buffer rings: the MAC transmitter, the header fetch, the DMA engine.

// Priority: MAC (a word of the transmit ring whenever it asks), header fetch, DMA. A request names
// the ring word (MAC, header fetch) or slot and offset (DMA); data come in order and after a fixed
// time. Bytes 0 to 15 of a slot are not in the ring: 4 zero bytes and the struct virtio_net_hdr of a
// frame without offloads (virtio 1.2, 5.1.6: all zero but num_buffers = 1) are made here.
//
//   new_*        a slot of that ring starts at that word
//   mac_*        mac_rvalid_o three cycles after mac_valid_i
//   hdr_*        hdr_rvalid_o four cycles after the request was taken
//   dr_*         dr_rvalid_o four cycles after the request was taken
//   rx_*, tx_*   read ports of the rings (registered data)
module nic_pktbuf_read #(
    parameter int unsigned AW = 12
) (
    input  logic          clk_i,
    input  logic          rst_i,

    input  logic          new_valid_i,
    input  logic [6:0]    new_slot_i,
    input  logic [AW-1:0] new_word_i,

    input  logic          mac_valid_i,
    input  logic [AW-1:0] mac_word_i,
    output logic          mac_rvalid_o,
    output logic [63:0]   mac_rdata_o,

    input  logic          hdr_valid_i,
    output logic          hdr_ready_o,
    input  logic          hdr_ring_i,
    input  logic [AW-1:0] hdr_word_i,
    output logic          hdr_rvalid_o,
    output logic [63:0]   hdr_rdata_o,

    input  logic          dr_valid_i,
    output logic          dr_ready_o,
    input  logic [6:0]    dr_slot_i,
    input  logic [13:0]   dr_off_i,
    output logic          dr_rvalid_o,
    output logic [63:0]   dr_rdata_o,

    output logic          rx_re_o,
    output logic [AW-1:0] rx_raddr_o,
    input  logic [63:0]   rx_rdata_i,
    output logic          tx_re_o,
    output logic [AW-1:0] tx_raddr_o,
    input  logic [63:0]   tx_rdata_i
);

  // Byte 14 is the low byte of num_buffers.
  localparam logic [63:0] HdrWord1 = 64'h0001_0000_0000_0000;

  (* ram_style = "distributed" *)
  logic [AW-1:0] base [128];  // distributed RAM: start of the slot's byte 0

  // Stages 1 to 4 of the common pipeline (header fetch or DMA) and of the MAC's
  logic          v1_q, v2_q, v3_q, v4_q, hdr1_q, hdr2_q, hdr3_q, hdr4_q;
  logic          ring1_q, ring2_q, ring3_q;
  logic [1:0]    head1_q, head2_q, head3_q;  // bit 0: word 0 of a slot, bit 1: word 1
  logic          mac1_q, mac2_q, mac3_q;
  logic [AW-1:0] base1_q, mac_word1_q, raddr_rx_q, raddr_tx_q, raddr;
  logic [10:0]   off1_q;
  logic [63:0]   data4_q;

  logic hdr_take, dr_take;
  assign hdr_ready_o = !(mac_valid_i && hdr_ring_i);
  assign dr_ready_o  = !hdr_valid_i && !(mac_valid_i && dr_slot_i[6]);
  assign hdr_take    = hdr_valid_i && hdr_ready_o;
  assign dr_take     = dr_valid_i && dr_ready_o;
  assign raddr       = base1_q + AW'(off1_q);

  always_ff @(posedge clk_i) begin
    if (rst_i) begin
      {v1_q, v2_q, v3_q, v4_q} <= '0;
      {mac1_q, mac2_q, mac3_q} <= '0;
    end else begin
      v1_q   <= hdr_take || dr_take;
      v2_q   <= v1_q;
      v3_q   <= v2_q;
      v4_q   <= v3_q;
      mac1_q <= mac_valid_i;
      mac2_q <= mac1_q;
      mac3_q <= mac2_q;
    end
  end

  always_ff @(posedge clk_i) begin
    hdr1_q      <= hdr_valid_i;
    ring1_q     <= hdr_valid_i ? hdr_ring_i : dr_slot_i[6];
    base1_q     <= hdr_valid_i ? hdr_word_i : base[dr_slot_i];
    off1_q      <= hdr_valid_i ? '0 : dr_off_i[13:3];
    head1_q     <= {dr_off_i[13:3] == 11'd1, dr_off_i[13:3] == 11'd0} & {2{!hdr_valid_i}};
    mac_word1_q <= mac_word_i;

    hdr2_q     <= hdr1_q;
    ring2_q    <= ring1_q;
    head2_q    <= head1_q;
    raddr_rx_q <= raddr;
    raddr_tx_q <= mac1_q ? mac_word1_q : raddr;

    hdr3_q  <= hdr2_q;
    ring3_q <= ring2_q;
    head3_q <= head2_q;

    hdr4_q  <= hdr3_q;
    data4_q <= head3_q[0] ? '0 : head3_q[1] ? HdrWord1 : ring3_q ? tx_rdata_i : rx_rdata_i;
  end

  always_ff @(posedge clk_i) begin
    if (new_valid_i) base[new_slot_i] <= new_word_i - AW'(2);
  end

  assign rx_re_o    = v2_q && !ring2_q;
  assign tx_re_o    = mac2_q || (v2_q && ring2_q);
  assign rx_raddr_o = raddr_rx_q;
  assign tx_raddr_o = raddr_tx_q;

  assign mac_rvalid_o = mac3_q;
  assign mac_rdata_o  = tx_rdata_i;
  assign hdr_rvalid_o = v4_q && hdr4_q;
  assign hdr_rdata_o  = data4_q;
  assign dr_rvalid_o  = v4_q && !hdr4_q;
  assign dr_rdata_o   = data4_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (!rst_i) begin
      assert (!(dr_take && dr_off_i[2:0] != '0));
      assert (!(mac2_q && v2_q && ring2_q));  // one reader of the transmit ring at a time
    end
  end
`endif

endmodule
