// SPDX-License-Identifier: Apache-2.0
// One byte step of the Ethernet CRC-32 (IEEE 802.3, 3.2.9), combinational.

// The register is kept bit-reversed (the first bit on the wire in bit 0), so it starts as all ones,
// the FCS is its complement sent low byte first, and after a whole good frame with its FCS it holds
// 32'hdebb20e3. The step is linear: each of the eight bits that leave adds its own remainder.
//
//   crc_i, data_i   register before the step, byte from the wire
//   crc_o           register after the step
module mac_crc32 (
    input  logic [31:0] crc_i,
    input  logic [7:0]  data_i,
    output logic [31:0] crc_o
);

  logic [7:0] out;
  assign out = crc_i[7:0] ^ data_i;

  assign crc_o = {8'h00, crc_i[31:8]}
      ^ ({32{out[0]}} & 32'h77073096) ^ ({32{out[1]}} & 32'hee0e612c)
      ^ ({32{out[2]}} & 32'h076dc419) ^ ({32{out[3]}} & 32'h0edb8832)
      ^ ({32{out[4]}} & 32'h1db71064) ^ ({32{out[5]}} & 32'h3b6e20c8)
      ^ ({32{out[6]}} & 32'h76dc4190) ^ ({32{out[7]}} & 32'hedb88320);

endmodule
