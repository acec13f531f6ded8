// SPDX-License-Identifier: Apache-2.0
// What one instruction of RV32IM Zicsr Zifencei does, written from the manuals as one function: the proofs compare the core with it.

// Unprivileged manual: chapters RV32I, M, Zicsr, Zifencei and the instruction set listings; privileged manual: 3.1.15 (causes and their
// priority), 3.3 (SYSTEM instructions). Multiplication and division are replaced by simpler functions of the same operands, as
// in stub_muldiv.sv.
//
//   a_i, b_i       values of the registers rs1 and rs2
//   word_i         the aligned word of data memory, if it is a load
//   data_fault_i   the access to data memory was answered with an error
//   csr_i          value of the CSR before; csr_known_i: it exists
module core_spec (
    input  logic [31:0] insn_i,
    input  logic [31:0] pc_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    input  logic [31:0] word_i,
    input  logic        fetch_fault_i,
    input  logic        data_fault_i,
    input  logic [31:0] csr_i,
    input  logic        csr_known_i,
    output logic        uses1_o,
    output logic        uses2_o,
    output logic [4:0]  rd_o,        // register written, 0 for none
    output logic [31:0] result_o,
    output logic [31:0] next_o,      // unless it is mret or traps
    output logic        mret_o,
    output logic        trap_o,
    output logic [3:0]  cause_o,
    output logic [31:0] tval_o,
    output logic [31:0] addr_o,      // aligned
    output logic [3:0]  rmask_o,
    output logic [3:0]  wmask_o,
    output logic [31:0] wdata_o,     // on the lanes of wmask_o
    output logic        csr_write_o,
    output logic [31:0] csr_o,       // what is written
    output logic [2:0]  class_o
);

  localparam logic [2:0] Alu = 3'd0, Jump = 3'd1, Memory = 3'd2, MulDiv = 3'd3, System = 3'd4, Illegal = 3'd5;

  logic [6:0]  f7;
  logic [2:0]  f3;
  assign f7 = insn_i[31:25];
  assign f3 = insn_i[14:12];

  logic [31:0] imm_i, imm_s, imm_b, imm_u, imm_j;
  assign imm_i = 32'($signed(insn_i[31:20]));
  assign imm_s = 32'($signed({insn_i[31:25], insn_i[11:7]}));
  assign imm_b = 32'($signed({insn_i[31], insn_i[7], insn_i[30:25], insn_i[11:8], 1'b0}));
  assign imm_u = {insn_i[31:12], 12'h000};
  assign imm_j = 32'($signed({insn_i[31], insn_i[19:12], insn_i[20], insn_i[30:21], 1'b0}));

  logic [31:0] right;   // second operand of OP and OP-IMM
  assign right = insn_i[5] ? b_i : imm_i;

  logic signed [31:0] a_signed, b_signed, right_signed, shifted_signed;
  assign a_signed       = a_i;
  assign b_signed       = b_i;
  assign right_signed   = right;
  assign shifted_signed = a_signed >>> right[4:0];

  logic        legal, taken, misaligned, access, store;
  logic [31:0] target, address, lane;
  logic [1:0]  size;
  assign size = f3[1:0];

  always_comb begin
    legal       = 1'b0;
    class_o     = Illegal;
    uses1_o     = 1'b0;
    uses2_o     = 1'b0;
    rd_o        = insn_i[11:7];
    result_o    = '0;
    taken       = 1'b0;
    target      = pc_i + imm_b;
    access      = 1'b0;
    store       = 1'b0;
    address     = a_i + imm_i;
    mret_o      = 1'b0;
    csr_write_o = 1'b0;
    csr_o       = '0;

    case (insn_i[6:0])
      7'b0110111: begin  // LUI
        legal    = 1'b1;
        class_o  = Alu;
        result_o = imm_u;
      end
      7'b0010111: begin  // AUIPC
        legal    = 1'b1;
        class_o  = Alu;
        result_o = pc_i + imm_u;
      end
      7'b1101111: begin  // JAL
        legal    = 1'b1;
        class_o  = Jump;
        taken    = 1'b1;
        target   = pc_i + imm_j;
        result_o = pc_i + 32'd4;
      end
      7'b1100111: begin  // JALR
        legal     = f3 == 3'b000;
        class_o   = Jump;
        uses1_o   = 1'b1;
        taken     = 1'b1;
        target    = a_i + imm_i;
        target[0] = 1'b0;
        result_o  = pc_i + 32'd4;
      end
      7'b1100011: begin  // BEQ, BNE, BLT, BGE, BLTU, BGEU
        class_o = Jump;
        uses1_o = 1'b1;
        uses2_o = 1'b1;
        rd_o    = 5'd0;
        case (f3)
          3'b000: begin legal = 1'b1; taken = a_i == b_i; end
          3'b001: begin legal = 1'b1; taken = a_i != b_i; end
          3'b100: begin legal = 1'b1; taken = a_signed < b_signed; end
          3'b101: begin legal = 1'b1; taken = a_signed >= b_signed; end
          3'b110: begin legal = 1'b1; taken = a_i < b_i; end
          3'b111: begin legal = 1'b1; taken = a_i >= b_i; end
          default: legal = 1'b0;
        endcase
      end
      7'b0000011: begin  // LB, LH, LW, LBU, LHU
        legal   = f3 == 3'b000 || f3 == 3'b001 || f3 == 3'b010 || f3 == 3'b100 || f3 == 3'b101;
        class_o = Memory;
        uses1_o = 1'b1;
        access  = 1'b1;
        case (f3)
          3'b000:  result_o = 32'($signed(lane[7:0]));
          3'b001:  result_o = 32'($signed(lane[15:0]));
          3'b100:  result_o = {24'h0, lane[7:0]};
          3'b101:  result_o = {16'h0, lane[15:0]};
          default: result_o = lane;
        endcase
      end
      7'b0100011: begin  // SB, SH, SW
        legal   = f3 == 3'b000 || f3 == 3'b001 || f3 == 3'b010;
        class_o = Memory;
        uses1_o = 1'b1;
        uses2_o = 1'b1;
        rd_o    = 5'd0;
        access  = 1'b1;
        store   = 1'b1;
        address = a_i + imm_s;
      end
      7'b0010011, 7'b0110011: begin  // OP-IMM, OP
        class_o = Alu;
        uses1_o = 1'b1;
        uses2_o = insn_i[5];
        legal   = f7 == 7'b0000000;
        case (f3)
          3'b000: result_o = a_i + right;
          3'b001: result_o = a_i << right[4:0];
          3'b010: result_o = {31'h0, a_signed < right_signed};
          3'b011: result_o = {31'h0, a_i < right};
          3'b100: result_o = a_i ^ right;
          3'b101: result_o = a_i >> right[4:0];
          3'b110: result_o = a_i | right;
          default: result_o = a_i & right;
        endcase
        if (!insn_i[5] && f3 != 3'b001 && f3 != 3'b101) legal = 1'b1;  // an immediate, no funct7
        if (f7 == 7'b0100000 && f3 == 3'b101) begin                   // SRA, SRAI
          legal    = 1'b1;
          result_o = shifted_signed;
        end
        if (f7 == 7'b0100000 && f3 == 3'b000 && insn_i[5]) begin      // SUB
          legal    = 1'b1;
          result_o = a_i - b_i;
        end
        if (f7 == 7'b0000001 && insn_i[5]) begin                      // M
          legal    = 1'b1;
          class_o  = MulDiv;
          case (f3)
            3'b000:  result_o = a_i ^ {b_i[15:0], b_i[31:16]};                        // MUL
            3'b001:  result_o = a_i ^ {b_i[15:0], b_i[31:16]} ^ 32'h8000_0003;        // MULH
            3'b010:  result_o = a_i ^ {b_i[15:0], b_i[31:16]} ^ 32'h8000_0001;        // MULHSU
            3'b011:  result_o = a_i ^ {b_i[15:0], b_i[31:16]} ^ 32'h8000_0000;        // MULHU
            default: result_o = {a_i[7:0], a_i[31:8]} ^ b_i ^ {29'h0, f3};            // DIV, DIVU, REM, REMU
          endcase
        end
      end
      7'b0001111: begin  // FENCE, FENCE.I: nothing but the next instruction
        legal   = f3 == 3'b000 || f3 == 3'b001;
        class_o = System;
        rd_o    = 5'd0;
      end
      7'b1110011: begin  // SYSTEM
        class_o = System;
        if (f3 == 3'b000) begin
          rd_o   = 5'd0;
          mret_o = insn_i == 32'h3020_0073;
          legal  = mret_o || insn_i == 32'h1050_0073 /* WFI */ || insn_i == 32'h0000_0073 || insn_i == 32'h0010_0073;
        end else if (f3 != 3'b100) begin
          uses1_o     = !f3[2];
          csr_write_o = f3[1:0] == 2'b01 || insn_i[19:15] != 5'd0;
          legal       = csr_known_i && !(csr_write_o && insn_i[31:30] == 2'b11);
          result_o    = csr_i;
          case (f3[1:0])
            2'b01:   csr_o = f3[2] ? {27'h0, insn_i[19:15]} : a_i;
            2'b10:   csr_o = csr_i | (f3[2] ? {27'h0, insn_i[19:15]} : a_i);
            default: csr_o = csr_i & ~(f3[2] ? {27'h0, insn_i[19:15]} : a_i);
          endcase
        end
      end
      default: legal = 1'b0;
    endcase
    if (!legal) class_o = Illegal;
  end

  assign misaligned = (size == 2'b01 && address[0]) || (size == 2'b10 && address[1:0] != 2'b00);
  assign lane       = word_i >> {address[1:0], 3'b000};
  assign addr_o     = {address[31:2], 2'b00};
  assign next_o     = taken ? target : pc_i + 32'd4;
  assign wdata_o    = b_i << {address[1:0], 3'b000};

  always_comb begin
    trap_o  = 1'b1;
    cause_o = '0;
    tval_o  = '0;
    if (fetch_fault_i) begin
      cause_o = 4'd1;
      tval_o  = pc_i;
    end else if (!legal) begin
      cause_o = 4'd2;
      tval_o  = insn_i;
    end else if (insn_i == 32'h0000_0073) begin  // ECALL
      cause_o = 4'd11;
    end else if (insn_i == 32'h0010_0073) begin  // EBREAK
      cause_o = 4'd3;
      tval_o  = pc_i;
    end else if (taken && target[1]) begin
      cause_o = 4'd0;
      tval_o  = target;
    end else if (access && misaligned) begin
      cause_o = store ? 4'd6 : 4'd4;
      tval_o  = address;
    end else if (access && data_fault_i) begin
      cause_o = store ? 4'd7 : 4'd5;
      tval_o  = address;
    end else begin
      trap_o = 1'b0;
    end
    rmask_o = '0;
    wmask_o = '0;
    if (!fetch_fault_i && legal && access && !misaligned) begin
      rmask_o = (size == 2'b00) ? 4'b0001 << address[1:0] : (size == 2'b01) ? 4'b0011 << address[1:0] : 4'b1111;
      if (store) begin
        wmask_o = rmask_o;
        rmask_o = '0;
      end
    end
  end

endmodule
