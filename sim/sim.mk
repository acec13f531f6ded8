# SPDX-License-Identifier: Apache-2.0
# The co-simulation library, build/sim/libguestlane-sim.a: the Verilated NIC, root complex, wire and guests.
#
# `make TRACE=1` builds everything of this fragment once more below build/sim-trace, able to write FST traces; tracing support costs
# speed even when it is off, so it is not in the ordinary build. SIM_CONTEXTS sets the number of contexts (32). SIM_INIT=1 makes a
# NIC whose block RAM holds the firmware from the start, as a bitstream would (build/sim-init). SIM_NETLIST=1 takes the netlist that
# synthesis makes of it (tests/netlist). SIM_PGO=pgo builds for speed with a
# profile: `make SIM_PGO=pgo build/sim-pgo/glane-sim` is 15 % faster, and costs a minute more (a model that counts, and a run of the demo).

SIM_CONTEXTS := 32
FIRMWARE_ELF := $(BUILD)/firmware/guestlane.elf
SIM_DIR      := $(BUILD)/sim$(if $(TRACE),-trace)$(if $(filter-out 32,$(SIM_CONTEXTS)),-$(SIM_CONTEXTS))$(if $(SIM_INIT),-init)$(if $(SIM_NETLIST),-netlist)$(if $(SIM_PGO),-$(SIM_PGO))
SIM_LIB      := $(SIM_DIR)/libguestlane-sim.a
SIM_MODEL    := $(SIM_DIR)/model
SIM_C        := $(wildcard sim/lib/*.c) host-driver/pcapng/pcapng.c host-driver/lib/radix.c
SIM_H        := $(wildcard sim/lib/*.h) sim/include/guestlane_sim.h firmware/include/gl_mbox.h host-driver/pcapng/pcapng.h host-driver/lib/radix.h
SIM_INC      := -Isim/include -Isim/tool -Ifirmware/include -Ihost-driver/pcapng -I$(GEN)
# What a program that uses the library links with.
SIM_LIBS     := $(SIM_LIB) -lstdc++ -lelf -lz -lm -lpthread
VERILATOR_INC = $(shell verilator --getenv VERILATOR_ROOT)/include

upper = $(subst dmem,DMEM,$(subst imem,IMEM,$1))

SIM_RTL := $(NIC_RTL)

# Optimized for size: the model is one long walk through its code each cycle, and what fits the caches runs 7 % faster than -O3.
SIM_VFLAGS := --cc -O3 --x-assign fast --x-initial fast --noassert -Wno-fatal --top-module guestlane \
	--prefix Vguestlane -GNCTX=$(SIM_CONTEXTS) --output-split 20000 --output-split-cfuncs 2000 $(if $(TRACE),--trace-fst) \
	$(if $(SIM_INIT),$(foreach m,imem dmem0 dmem1,-G$(call upper,$m)_INIT='"$(BUILD)/firmware/$m.hex"'))
SIM_CXXFLAGS := -Os -march=native -std=c++17
ifdef SIM_NETLIST
SIM_RTL      := $(BUILD)/netlist/guestlane_flat.v tests/netlist/ecp5_ram.sv
SIM_VFLAGS   := $(filter-out -G%,$(SIM_VFLAGS)) -Wno-lint -Wno-MULTIDRIVEN
SIM_CXXFLAGS := -O0 -std=c++17  # it runs once, and for seconds
endif
# With a profile what is seldom done lies elsewhere. What counts is how many lines of code a cycle walks through, so instructions are
# short ones.
SIM_SHORT := -O2 -march=native -mno-avx -mno-bmi -mno-bmi2 -fno-tree-vectorize -fno-tree-slp-vectorize -falign-functions=1 \
	-falign-jumps=1 -falign-loops=1 -falign-labels=1 -std=c++17
ifeq ($(SIM_PGO),pgo)
SIM_CXXFLAGS := $(SIM_SHORT) -fprofile-use -Wno-missing-profile -Wno-coverage-mismatch
SIM_PROFILE  := $(BUILD)/sim-gen/profile
$(SIM_PROFILE): $(NIC_RTL) sim/sim.mk $(FIRMWARE_ELF) tests/data/guests.pcapng
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) -s --no-print-directory NO_DEPS=1 SIM_PGO=gen $(BUILD)/demo-gen/glane-demo
	@rm -f $(BUILD)/sim-gen/model/*.gcda
	@$(BUILD)/demo-gen/glane-demo --pcap tests/data/guests.pcapng --out $(BUILD)/demo-gen >$(BUILD)/sim-gen/profile.log 2>&1
	@touch $@
else ifeq ($(SIM_PGO),gen)
SIM_CXXFLAGS := $(SIM_SHORT) -fprofile-generate
SIM_LIBS     += -lgcov
endif

$(SIM_MODEL)/Vguestlane__ALL.a: $(SIM_RTL) sim/sim.mk $(if $(SIM_INIT),$(FW_HEX)) $(SIM_PROFILE)
	@mkdir -p $(@D)
	$(call quietly,VERILATE,$(SIM_DIR)/model.log,$(VERILATOR) $(SIM_VFLAGS) --Mdir $(SIM_MODEL) $(SIM_RTL) && \
		$(if $(SIM_PROFILE),cp $(BUILD)/sim-gen/model/*.gcda $(SIM_MODEL)/ &&) \
		env -u MAKEFLAGS -u MFLAGS make -j2 -C $(SIM_MODEL) -f Vguestlane.mk Vguestlane__ALL.a verilated.o verilated_threads.o \
		$(if $(TRACE),verilated_fst_c.o) OPT_FAST="$(SIM_CXXFLAGS)" OPT_SLOW=$(if $(SIM_NETLIST),-O0,-O1) OPT_GLOBAL="-O3 -march=native")
	@touch $@

$(SIM_DIR)/model.o: sim/lib/model.cpp sim/lib/model.h $(SIM_MODEL)/Vguestlane__ALL.a
	$(call quietly,CXX,$(SIM_DIR)/glue.log,$(CXX) $(SIM_CXXFLAGS) -I$(SIM_MODEL) -isystem $(VERILATOR_INC) -isystem $(VERILATOR_INC)/vltstd \
		-DGLS_NCTX=$(SIM_CONTEXTS) $(if $(TRACE),-DGLS_TRACE) -c -o $@ $<)

$(SIM_DIR)/%.o: sim/lib/%.c $(SIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -c -o $@ $<

# Translation tables, as libguestlane keeps them.
$(SIM_DIR)/tables.o: SIM_INC += -Ihost-driver/lib
$(SIM_DIR)/radix.o: host-driver/lib/radix.c $(SIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SIM_INC) -c -o $@ $<

$(SIM_DIR)/pcapng.o: host-driver/pcapng/pcapng.c $(SIM_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SIM_INC) -c -o $@ $<

$(SIM_LIB): $(patsubst %.c,$(SIM_DIR)/%.o,$(notdir $(SIM_C))) $(SIM_DIR)/model.o $(SIM_MODEL)/Vguestlane__ALL.a
	@echo "  AR       $@"
	@rm -f $@ && cp $(SIM_MODEL)/Vguestlane__ALL.a $@ && $(AR) rs $@ $(filter %.o,$^) $(SIM_MODEL)/verilated.o \
		$(SIM_MODEL)/verilated_threads.o $(if $(TRACE),$(SIM_MODEL)/verilated_fst_c.o) 2>/dev/null

ALL        += $(SIM_LIB)
FORMAT_SRC += $(wildcard sim/lib/*.c sim/lib/*.h sim/lib/*.cpp sim/include/*.h)

# --- make demo: PCAP=file, DEMO_FLAGS="--guests 16" ---
DEMO := $(BUILD)/demo$(if $(TRACE),-trace)$(if $(SIM_PGO),-$(SIM_PGO))/glane-demo
PCAP := tests/data/guests.pcapng

$(DEMO): $(wildcard sim/demo/*.c sim/demo/*.h) sim/tool/option.h $(SIM_LIB) $(SIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $(filter sim/demo/%.c,$^) $(SIM_LIBS) -lpcap -ljansson

.PHONY: run-demo
run-demo: $(DEMO) $(FIRMWARE_ELF)
	@$(DEMO) --pcap "$(PCAP)" $(DEMO_FLAGS)

DEMOS      += run-demo
ALL        += $(DEMO)
FORMAT_SRC += $(wildcard sim/demo/*.c sim/demo/*.h sim/tool/*.h)

# --- make bench: BENCH_FLAGS="--frame 64 --contexts 1" ---
BENCH := $(BUILD)/bench$(if $(TRACE),-trace)$(if $(SIM_PGO),-$(SIM_PGO))/glane-bench

$(BENCH): $(wildcard sim/bench/*.c sim/bench/*.h) sim/tool/option.h $(SIM_LIB) $(SIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $(filter sim/bench/%.c,$^) $(SIM_LIBS) -ljansson

.PHONY: run-bench
run-bench: $(BENCH) $(FIRMWARE_ELF)
	@$(BENCH) $(BENCH_FLAGS)

BENCHES    += run-bench
ALL        += $(BENCH)
FORMAT_SRC += $(wildcard sim/bench/*.c sim/bench/*.h)

# Programs with a folder and a fragment of their own.
include $(sort $(wildcard sim/*/*.mk))
