# SPDX-License-Identifier: Apache-2.0
# Make fragment of the soft core: lint, build/core-sim (the core alone in simulation), its tests, timing.

# Mutants of the core are built from a copy elsewhere (tests/unit/core/mutants).
CORE_DIR := rtl/core
CORE_RTL := $(addprefix $(CORE_DIR)/,core_pkg.sv core_regfile.sv core_decode.sv core_legal.sv core_zbb.sv core_alu.sv \
	core_muldiv.sv core_csr.sv core_rvfi.sv core_cpu.sv)

$(eval $(call verilator_lint,core,core_cpu,$(CORE_RTL),))
$(eval $(call verilator_lint,core-full,core_cpu,$(CORE_RTL),"-GZB=1'b1" "-GRVFI=1'b1"))

# --- core-sim: the core is Verilated, everything around it is C ---
CORE_SIM_C := $(addprefix sim/core-sim/,core-sim.c elf32.c memory.c)
CORE_SIM_H := $(addprefix sim/core-sim/,elf32.h memory.h model.h)
CORE_SIM_O := $(CORE_SIM_C:sim/core-sim/%.c=$(BUILD)/core/%.o)
CORE_SIM_PROGRAM := $(BUILD)/core-sim
CORE_SIM_PARAMETERS := "-GRVFI=1'b1"

$(BUILD)/core/%.o: sim/core-sim/%.c $(CORE_SIM_H)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

# $(call core_sim,PROGRAM,DIRECTORY,FLAGS): Verilator does not link again when only the C files have changed, so the old
# program is removed first.
define core_sim
$(1): $(CORE_RTL) $(CORE_SIM_O) sim/core-sim/core.vlt sim/core-sim/model.cpp sim/core-sim/model.h
	@rm -f $$@
	$$(call quietly,VERILATE,$(2)/build.log,$(VERILATOR) $(VERILATOR_FLAGS) --exe --build --trace-fst $(CORE_SIM_PARAMETERS) $(3) \
		-CFLAGS -I$(CURDIR)/sim/core-sim -CFLAGS -std=c++17 -MAKEFLAGS OPT_FAST=-O2 --top-module core_cpu --Mdir $(2) \
		-o $(CURDIR)/$(1) sim/core-sim/core.vlt $(CORE_RTL) $(CURDIR)/sim/core-sim/model.cpp $(abspath $(CORE_SIM_O)))
	@touch $$@
endef

$(eval $(call core_sim,$(CORE_SIM_PROGRAM),$(CORE_SIM_PROGRAM).v,))
$(eval $(call core_sim,$(BUILD)/core/core-sim-zb,$(BUILD)/core/core-sim-zb.v,"-GZB=1'b1"))

ALL += $(BUILD)/core-sim
FORMAT_SRC += $(CORE_SIM_C) $(CORE_SIM_H) sim/core-sim/model.cpp

# --- Tests ---
CORE_TESTS := tests/unit/core

$(BUILD)/core/lockstep-%: $(CORE_TESTS)/lockstep-%.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -o $@ $<

$(BUILD)/core/%.elf: $(CORE_TESTS)/programs/crt.S $(CORE_TESTS)/programs/%.c $(CORE_TESTS)/programs/machine.h
	@mkdir -p $(@D)
	@$(RISCV_CC) -march=rv32im_zicsr_zifencei -mabi=ilp32 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib \
		-Wl,-Ttext=0x80000000,--no-warn-rwx-segments -o $@ $(filter %.S %.c,$^) -lgcc

TESTS_NEED += $(BUILD)/core-sim $(addprefix $(BUILD)/core/,lockstep-gen lockstep-cmp directed.elf performance.elf mix.elf)
TESTS_CHECK += $(addprefix $(CORE_TESTS)/,core-sim directed lockstep)
TESTS_FULL += $(addprefix $(CORE_TESTS)/,lockstep-full lockstep-yosys mutants)
FORMAT_SRC += $(addprefix $(CORE_TESTS)/,lockstep-gen.c lockstep-cmp.c programs/directed.c programs/performance.c programs/mix.c \
	programs/machine.h)

# The full tests also need the core with Zba and Zbb.
ifneq (,$(filter test,$(MAKECMDGOALS)))
TESTS_NEED += $(BUILD)/core/core-sim-zb
endif

# --- make timing ---
CORE_TIMING_TOP := core_timing
CORE_TIMING_RTL := $(CORE_RTL) $(CORE_DIR)/core_timing.sv
$(eval $(call verilator_lint,core-timing,core_timing,$(CORE_TIMING_RTL),))
