# SPDX-License-Identifier: Apache-2.0
# Make fragment of the soft core: lint, build/core-sim (the core alone in simulation), its tests, timing.

CORE_RTL := $(addprefix rtl/core/,core_pkg.sv core_regfile.sv core_decode.sv core_legal.sv core_zbb.sv core_alu.sv \
	core_muldiv.sv core_csr.sv core_rvfi.sv core_cpu.sv)

$(eval $(call verilator_lint,core,core_cpu,$(CORE_RTL),))
$(eval $(call verilator_lint,core-full,core_cpu,$(CORE_RTL),"-GZB=1'b1" "-GRVFI=1'b1"))

# --- core-sim: the core is Verilated once, everything around it is C ---
CORE_SIM_C := $(addprefix sim/core-sim/,core-sim.c elf32.c memory.c)
CORE_SIM_H := $(addprefix sim/core-sim/,elf32.h memory.h model.h)
CORE_SIM_V := $(BUILD)/core/verilated
CORE_SIM_O := $(CORE_SIM_C:sim/core-sim/%.c=$(BUILD)/core/%.o)

$(CORE_SIM_V)/Vcore_cpu__ALL.a: $(CORE_RTL) sim/core-sim/core.vlt
	$(call quietly,VERILATE,$(CORE_SIM_V)/build.log,$(VERILATOR) $(VERILATOR_FLAGS) --build --trace-fst \
		"-GRVFI=1'b1" $(CORE_SIM_DEFINES) -MAKEFLAGS OPT_FAST=-O2 --top-module core_cpu --Mdir $(CORE_SIM_V) sim/core-sim/core.vlt $(CORE_RTL))
	@touch $@

VERILATOR_INC = $(shell verilator -getenv VERILATOR_ROOT)/include

$(BUILD)/core/%.o: sim/core-sim/%.c $(CORE_SIM_H)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/core/model.o: sim/core-sim/model.cpp $(CORE_SIM_H) $(CORE_SIM_V)/Vcore_cpu__ALL.a
	@$(CXX) $(CXXFLAGS) -I$(CORE_SIM_V) -isystem $(VERILATOR_INC) -isystem $(VERILATOR_INC)/vltstd -c -o $@ $<

$(BUILD)/core-sim: $(CORE_SIM_O) $(BUILD)/core/model.o $(CORE_SIM_V)/Vcore_cpu__ALL.a
	@echo "  LINK     $@"
	@$(CXX) -o $@ $^ $(CORE_SIM_V)/libverilated.a -lz -lpthread

ALL += $(BUILD)/core-sim
FORMAT_SRC += $(CORE_SIM_C) $(CORE_SIM_H) sim/core-sim/model.cpp
