// SPDX-License-Identifier: Apache-2.0
// Names shared by the files of the soft core: exception causes, CSR addresses and the control word that the
// decoder hands to the execute stage.  Values are those of the RISC-V privileged and unprivileged manuals.

package core_pkg;

  // mcause exception codes (privileged manual, table "Machine cause register values after trap").
  localparam logic [3:0] ExcInsnMisaligned = 4'd0;
  localparam logic [3:0] ExcInsnFault = 4'd1;
  localparam logic [3:0] ExcIllegal = 4'd2;
  localparam logic [3:0] ExcBreakpoint = 4'd3;
  localparam logic [3:0] ExcLoadMisaligned = 4'd4;
  localparam logic [3:0] ExcLoadFault = 4'd5;
  localparam logic [3:0] ExcStoreMisaligned = 4'd6;
  localparam logic [3:0] ExcStoreFault = 4'd7;
  localparam logic [3:0] ExcEcallM = 4'd11;

  localparam logic [3:0] IrqSoftware = 4'd3;
  localparam logic [3:0] IrqTimer = 4'd7;
  localparam logic [3:0] IrqExternal = 4'd11;

  // opcode[6:2] of the instructions we have.
  localparam logic [4:0] OpLoad = 5'b00000;
  localparam logic [4:0] OpMiscMem = 5'b00011;
  localparam logic [4:0] OpOpImm = 5'b00100;
  localparam logic [4:0] OpAuipc = 5'b00101;
  localparam logic [4:0] OpStore = 5'b01000;
  localparam logic [4:0] OpOp = 5'b01100;
  localparam logic [4:0] OpLui = 5'b01101;
  localparam logic [4:0] OpBranch = 5'b11000;
  localparam logic [4:0] OpJalr = 5'b11001;
  localparam logic [4:0] OpJal = 5'b11011;
  localparam logic [4:0] OpSystem = 5'b11100;

  // Which unit of the ALU gives the result; none of them: the logic unit, whose operation may be "zero".
  typedef struct packed {
    logic add;    // adder: add, sub, lui, auipc, sh?add
    logic shl;    // shift or rotate to the left
    logic shr;    // ... to the right
    logic slt;    // set if less than
    logic zbb;    // quick part of the Zbb unit
  } alu_sel_t;

  // Everything the execute stage has to know early in its cycle.  The remaining details (memory access size, CSR
  // number, legality) are decoded later from the instruction word itself, because these bits come straight from
  // a block RAM whose clock-to-output time fills most of the decode cycle.
  typedef struct packed {
    alu_sel_t   sel;
    logic       use_pc;     // operand a is the pc
    logic       use_imm;    // operand b is the immediate
    logic       sub;        // adder subtracts
    logic       inv_b;      // logic unit inverts b (andn, orn, xnor)
    logic [1:0] lgc_op;     // 0 zero, 1 xor, 2 or, 3 and
    logic       sh_reg;     // shift amount is in rs2
    logic       sh_arith;
    logic       sh_rotate;
    logic [1:0] sh_add;     // shift a left by this much before the adder (Zba)
    logic       cmp_uns;    // comparisons are unsigned
    logic       branch_eq;  // beq, bne
    logic       branch_lt;  // blt[u], bge[u]
    logic       branch_inv; // bne, bge[u]
    logic       jal;
    logic       jalr;
    logic       load;
    logic       store;
    logic       zbb_slow;   // slow part of the Zbb unit, in M1
    logic       mul;
    logic       div;
    logic       serial;     // waits until everything older has retired: SYSTEM and FENCE.I
    logic       writes_rd;  // and rd is not x0
  } ctl_t;

endpackage
