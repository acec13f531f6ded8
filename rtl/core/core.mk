# SPDX-License-Identifier: Apache-2.0
# Make fragment of the soft core: lint, build/core-sim (the core alone in simulation), its tests, timing.

CORE_RTL := $(addprefix rtl/core/,core_pkg.sv core_regfile.sv core_decode.sv core_legal.sv core_zbb.sv core_alu.sv \
	core_muldiv.sv core_csr.sv core_rvfi.sv core_cpu.sv)

$(eval $(call verilator_lint,core,core_cpu,$(CORE_RTL),))
$(eval $(call verilator_lint,core-full,core_cpu,$(CORE_RTL),"-GZB=1'b1" "-GRVFI=1'b1"))

# --- core-sim: the core is Verilated once, everything around it is C ---
CORE_SIM_C := $(addprefix sim/core-sim/,core-sim.c elf32.c memory.c)
CORE_SIM_H := $(addprefix sim/core-sim/,elf32.h memory.h model.h)
CORE_SIM_O := $(CORE_SIM_C:sim/core-sim/%.c=$(BUILD)/core/%.o)

$(BUILD)/core/%.o: sim/core-sim/%.c $(CORE_SIM_H)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

# $(call core_sim,PROGRAM,DIRECTORY,FLAGS): one core-sim; the tests build variants of it with a seeded bug in the core.
define core_sim
$(1): $(CORE_RTL) $(CORE_SIM_O) sim/core-sim/core.vlt sim/core-sim/model.cpp sim/core-sim/model.h
	@rm -f $$@  # or it is not linked again when only the C files have changed
	$$(call quietly,VERILATE,$(2)/build.log,$(VERILATOR) $(VERILATOR_FLAGS) --exe --build --trace-fst "-GRVFI=1'b1" $(3) \
		-CFLAGS -I$(CURDIR)/sim/core-sim -CFLAGS -std=c++17 -MAKEFLAGS OPT_FAST=-O2 --top-module core_cpu --Mdir $(2) \
		-o $(CURDIR)/$(1) sim/core-sim/core.vlt $(CORE_RTL) $(CURDIR)/sim/core-sim/model.cpp $(abspath $(CORE_SIM_O)))
	@touch $$@
endef

$(eval $(call core_sim,$(BUILD)/core-sim,$(BUILD)/core/core-sim.v,))

ALL += $(BUILD)/core-sim
FORMAT_SRC += $(CORE_SIM_C) $(CORE_SIM_H) sim/core-sim/model.cpp

# --- make timing ---
CORE_TIMING_TOP := core_timing
CORE_TIMING_RTL := $(CORE_RTL) rtl/core/core_timing.sv
$(eval $(call verilator_lint,core-timing,core_timing,$(CORE_TIMING_RTL),))
