// SPDX-License-Identifier: Apache-2.0
// Block RAM and multiplier of the ECP5 as synthesis uses them, for simulating netlists: yosys has models of all other cells,
// but only the ports of these (FPGA-TN-02204, ECP5 Memory; FPGA-TN-02205, ECP5 sysDSP).
//
// Of DP16KD: both ports with widths of 1 to 18 bits, or port A writing and port B reading 36; no output registers; synchronous
// reset of the outputs; a word that is written while it is read at the other port reads as it was.
// Of MULT18X18D: the product, without registers.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off MULTIDRIVEN */
module DP16KD #(
    parameter [319:0] INITVAL_00 = 320'h0,
    parameter [319:0] INITVAL_01 = 320'h0,
    parameter [319:0] INITVAL_02 = 320'h0,
    parameter [319:0] INITVAL_03 = 320'h0,
    parameter [319:0] INITVAL_04 = 320'h0,
    parameter [319:0] INITVAL_05 = 320'h0,
    parameter [319:0] INITVAL_06 = 320'h0,
    parameter [319:0] INITVAL_07 = 320'h0,
    parameter [319:0] INITVAL_08 = 320'h0,
    parameter [319:0] INITVAL_09 = 320'h0,
    parameter [319:0] INITVAL_0A = 320'h0,
    parameter [319:0] INITVAL_0B = 320'h0,
    parameter [319:0] INITVAL_0C = 320'h0,
    parameter [319:0] INITVAL_0D = 320'h0,
    parameter [319:0] INITVAL_0E = 320'h0,
    parameter [319:0] INITVAL_0F = 320'h0,
    parameter [319:0] INITVAL_10 = 320'h0,
    parameter [319:0] INITVAL_11 = 320'h0,
    parameter [319:0] INITVAL_12 = 320'h0,
    parameter [319:0] INITVAL_13 = 320'h0,
    parameter [319:0] INITVAL_14 = 320'h0,
    parameter [319:0] INITVAL_15 = 320'h0,
    parameter [319:0] INITVAL_16 = 320'h0,
    parameter [319:0] INITVAL_17 = 320'h0,
    parameter [319:0] INITVAL_18 = 320'h0,
    parameter [319:0] INITVAL_19 = 320'h0,
    parameter [319:0] INITVAL_1A = 320'h0,
    parameter [319:0] INITVAL_1B = 320'h0,
    parameter [319:0] INITVAL_1C = 320'h0,
    parameter [319:0] INITVAL_1D = 320'h0,
    parameter [319:0] INITVAL_1E = 320'h0,
    parameter [319:0] INITVAL_1F = 320'h0,
    parameter [319:0] INITVAL_20 = 320'h0,
    parameter [319:0] INITVAL_21 = 320'h0,
    parameter [319:0] INITVAL_22 = 320'h0,
    parameter [319:0] INITVAL_23 = 320'h0,
    parameter [319:0] INITVAL_24 = 320'h0,
    parameter [319:0] INITVAL_25 = 320'h0,
    parameter [319:0] INITVAL_26 = 320'h0,
    parameter [319:0] INITVAL_27 = 320'h0,
    parameter [319:0] INITVAL_28 = 320'h0,
    parameter [319:0] INITVAL_29 = 320'h0,
    parameter [319:0] INITVAL_2A = 320'h0,
    parameter [319:0] INITVAL_2B = 320'h0,
    parameter [319:0] INITVAL_2C = 320'h0,
    parameter [319:0] INITVAL_2D = 320'h0,
    parameter [319:0] INITVAL_2E = 320'h0,
    parameter [319:0] INITVAL_2F = 320'h0,
    parameter [319:0] INITVAL_30 = 320'h0,
    parameter [319:0] INITVAL_31 = 320'h0,
    parameter [319:0] INITVAL_32 = 320'h0,
    parameter [319:0] INITVAL_33 = 320'h0,
    parameter [319:0] INITVAL_34 = 320'h0,
    parameter [319:0] INITVAL_35 = 320'h0,
    parameter [319:0] INITVAL_36 = 320'h0,
    parameter [319:0] INITVAL_37 = 320'h0,
    parameter [319:0] INITVAL_38 = 320'h0,
    parameter [319:0] INITVAL_39 = 320'h0,
    parameter [319:0] INITVAL_3A = 320'h0,
    parameter [319:0] INITVAL_3B = 320'h0,
    parameter [319:0] INITVAL_3C = 320'h0,
    parameter [319:0] INITVAL_3D = 320'h0,
    parameter [319:0] INITVAL_3E = 320'h0,
    parameter [319:0] INITVAL_3F = 320'h0,
    parameter DATA_WIDTH_A = 18,
    parameter DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter INIT_DATA = "STATIC",
    parameter GSR = "AUTO"
) (
    input CLKA, WEA, CEA, OCEA, RSTA, CSA0, CSA1, CSA2,
    input CLKB, WEB, CEB, OCEB, RSTB, CSB0, CSB1, CSB2,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11,
    input ADA12, ADA13,
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8, DIA9, DIA10, DIA11,
    input DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8, DOA9, DOA10, DOA11,
    output DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11,
    input ADB12, ADB13,
    input DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8, DIB9, DIB10, DIB11,
    input DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8, DOB9, DOB10, DOB11,
    output DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
  wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [17:0] dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2,
      DIA1, DIA0};
  wire [17:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2,
      DIB1, DIB0};
  reg  [17:0] doa, dob;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = doa;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = dob;

  initial begin
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $fatal(1, "DP16KD: an output register, which this model does not have");
    if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB") $fatal(1, "DP16KD: a mode that this model does not have");
  end

  // yosys writes ASYNC where nothing is ever reset.
  always @(posedge CLKA) if (RESETMODE != "SYNC" && (RSTA || RSTB)) $fatal(1, "DP16KD: an asynchronous reset, which this model does not have");

  // 1024 rows of two bytes of nine bits. Narrow words use the lower eight of each.
  reg [17:0] mem [0:1023];
  localparam [64*320-1:0] Init = {INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
      INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E,
      INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
      INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A,
      INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
      INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06,
      INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00};
  integer k;
  initial begin
    for (k = 0; k < 1024; k = k + 1) mem[k] = Init[(k / 16) * 320 + (k % 16) * 20 +: 18];
    doa = 0;
    dob = 0;
  end

  function [17:0] pick(input [17:0] row, input [13:0] address, input integer width);
    case (width)
      1:       pick = {17'h0, row[(address[3] ? 9 : 0) + address[2:0]]};
      2:       pick = {16'h0, row[(address[3] ? 9 : 0) + address[2:1] * 2 +: 2]};
      4:       pick = {14'h0, row[(address[3] ? 9 : 0) + address[2] * 4 +: 4]};
      9:       pick = {9'h0, row[(address[3] ? 9 : 0) +: 9]};
      default: pick = row;
    endcase
  endfunction

  function [17:0] merged(input [17:0] row, input [13:0] address, input [17:0] data, input integer width);
    begin
      merged = row;
      if (width < 18) merged = 18'h0;  // what is read are the lower bits alone
      case (width)
        1:       merged[0] = data[0];
        2:       merged[1:0] = data[1:0];
        4:       merged[3:0] = data[3:0];
        9:       merged[8:0] = data[8:0];
        default: begin
          if (address[0]) merged[8:0] = data[8:0];
          if (address[1]) merged[17:9] = data[17:9];
        end
      endcase
    end
  endfunction

  wire [17:0] rowa = mem[ada[13:4]];
  wire [17:0] rowb = mem[adb[13:4]];

  generate
    if (DATA_WIDTH_A == 36) begin : g_wide
      always @(posedge CLKA) if (CEA && WEA && !RSTA) begin
        if (ada[0]) mem[{ada[13:5], 1'b0}][8:0] <= dia[8:0];
        if (ada[1]) mem[{ada[13:5], 1'b0}][17:9] <= dia[17:9];
        if (ada[2]) mem[{ada[13:5], 1'b1}][8:0] <= dib[8:0];
        if (ada[3]) mem[{ada[13:5], 1'b1}][17:9] <= dib[17:9];
      end
    end else begin : g_a
      always @(posedge CLKA) begin
        // Only the bits that are written: the other port may write others of the row at the same time.
        if (CEA && WEA && !RSTA) begin
          case (DATA_WIDTH_A)
            1: mem[ada[13:4]][(ada[3] ? 9 : 0) + ada[2:0]] <= dia[0];
            2: mem[ada[13:4]][(ada[3] ? 9 : 0) + ada[2:1] * 2 +: 2] <= dia[1:0];
            4: mem[ada[13:4]][(ada[3] ? 9 : 0) + ada[2] * 4 +: 4] <= dia[3:0];
            9: mem[ada[13:4]][(ada[3] ? 9 : 0) +: 9] <= dia[8:0];
            default: begin
              if (ada[0]) mem[ada[13:4]][8:0] <= dia[8:0];
              if (ada[1]) mem[ada[13:4]][17:9] <= dia[17:9];
            end
          endcase
        end
        if (DATA_WIDTH_B == 36) begin end  // port B drives all outputs
        else if (RSTA) doa <= 0;
        else if (CEA && !WEA) doa <= pick(rowa, ada, DATA_WIDTH_A);
        else if (CEA && WRITEMODE_A == "READBEFOREWRITE") doa <= pick(rowa, ada, DATA_WIDTH_A);
        else if (CEA && WRITEMODE_A == "WRITETHROUGH") doa <= merged(rowa, ada, dia, DATA_WIDTH_A);
      end
    end
    if (DATA_WIDTH_B == 36) begin : g_wide_read
      always @(posedge CLKB) begin
        if (RSTB) {dob, doa} <= 0;
        else if (CEB) {dob, doa} <= {mem[{adb[13:5], 1'b1}], mem[{adb[13:5], 1'b0}]};
      end
    end else if (DATA_WIDTH_A == 36) begin : g_narrow_read
      always @(posedge CLKB) begin
        if (RSTB) dob <= 0;
        else if (CEB) dob <= pick(rowb, adb, DATA_WIDTH_B);
      end
    end else begin : g_b
      always @(posedge CLKB) begin
        // Only the bits that are written: the other port may write others of the row at the same time.
        if (CEB && WEB && !RSTB) begin
          case (DATA_WIDTH_B)
            1: mem[adb[13:4]][(adb[3] ? 9 : 0) + adb[2:0]] <= dib[0];
            2: mem[adb[13:4]][(adb[3] ? 9 : 0) + adb[2:1] * 2 +: 2] <= dib[1:0];
            4: mem[adb[13:4]][(adb[3] ? 9 : 0) + adb[2] * 4 +: 4] <= dib[3:0];
            9: mem[adb[13:4]][(adb[3] ? 9 : 0) +: 9] <= dib[8:0];
            default: begin
              if (adb[0]) mem[adb[13:4]][8:0] <= dib[8:0];
              if (adb[1]) mem[adb[13:4]][17:9] <= dib[17:9];
            end
          endcase
        end
        if (RSTB) dob <= 0;
        else if (CEB && !WEB) dob <= pick(rowb, adb, DATA_WIDTH_B);
        else if (CEB && WRITEMODE_B == "READBEFOREWRITE") dob <= pick(rowb, adb, DATA_WIDTH_B);
        else if (CEB && WRITEMODE_B == "WRITETHROUGH") dob <= merged(rowb, adb, dib, DATA_WIDTH_B);
      end
    end
  endgenerate
endmodule

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",
    parameter REG_INPUTB_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE",
    parameter REG_OUTPUT_CLK = "NONE"
) (
    input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11,
    input A12, A13, A14, A15, A16, A17,
    input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11,
    input B12, B13, B14, B15, B16, B17,
    input C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11,
    input C12, C13, C14, C15, C16, C17,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11,
    output P12, P13, P14, P15, P16, P17, P18, P19, P20, P21, P22, P23,
    output P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
  initial if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_PIPELINE_CLK != "NONE" || REG_OUTPUT_CLK != "NONE")
    $fatal(1, "MULT18X18D: a register, which this model does not have");

  wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  wire signed [37:0] p = $signed({a[17] & SIGNEDA, a}) * $signed({b[17] & SIGNEDB, b});
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13, P12,
      P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p[35:0];
endmodule
