# SPDX-License-Identifier: Apache-2.0
# build/sim/board-sim: the whole board - NIC and host link, two Ethernet ports - in Verilator (docs/hostlink.md).
BOARD_CONTEXTS := 8
BOARD_SIM      := $(BUILD)/sim/board-sim
BOARD_MODEL    := $(BUILD)/sim/board-model
WIRES_C        := $(wildcard sim/device/wire*.c) sim/device/program.c
BOARD_SIM_C    := sim/board-sim/main.c $(WIRES_C) sim/lib/wire.c sim/lib/common.c host-driver/pcapng/pcapng.c

BOARD_VFLAGS := --cc -O3 --x-assign fast --x-initial fast --noassert -Wno-fatal --top-module board_nic --prefix Vboard_nic \
	-GNCTX=$(BOARD_CONTEXTS) --output-split 20000 --output-split-cfuncs 2000

$(BOARD_MODEL)/Vboard_nic__ALL.a: $(BOARD_NIC_RTL) sim/board-sim/board-sim.mk
	@mkdir -p $(@D)
	$(call quietly,VERILATE,$(BUILD)/sim/board-model.log,$(VERILATOR) $(BOARD_VFLAGS) --Mdir $(BOARD_MODEL) $(BOARD_NIC_RTL) && \
		env -u MAKEFLAGS -u MFLAGS make -j2 -C $(BOARD_MODEL) -f Vboard_nic.mk Vboard_nic__ALL.a verilated.o verilated_threads.o \
		OPT_FAST="-Os -march=native -std=c++17" OPT_SLOW=-O1 OPT_GLOBAL="-O3 -march=native")
	@touch $@

$(BUILD)/sim/board_model.o: sim/board-sim/board_model.cpp sim/board-sim/board_model.h $(BOARD_MODEL)/Vboard_nic__ALL.a
	$(call quietly,CXX,$(BUILD)/sim/board-glue.log,$(CXX) -Os -march=native -std=c++17 -I$(BOARD_MODEL) -isystem $(VERILATOR_INC) \
		-isystem $(VERILATOR_INC)/vltstd -c -o $@ $<)

$(BOARD_SIM): $(BOARD_SIM_C) $(BUILD)/sim/board_model.o $(BOARD_MODEL)/Vboard_nic__ALL.a $(SIM_H) $(DEVICE_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) $(DEVICE_INC) -Isim/lib -Isim/board-sim -o $@ $(BOARD_SIM_C) $(BUILD)/sim/board_model.o \
		$(BOARD_MODEL)/Vboard_nic__ALL.a $(BOARD_MODEL)/verilated.o $(BOARD_MODEL)/verilated_threads.o -lstdc++ -lpcap -lz -lm -lpthread

FORMAT_SRC += $(wildcard sim/board-sim/*.c sim/board-sim/*.h sim/board-sim/*.cpp)
