# SPDX-License-Identifier: Apache-2.0
# build/sim/glane-sim: the simulated NIC as a PCI device for vfio-user clients. `make SIM_CONTEXTS=n build/sim-n/glane-sim` makes one
# with another number of contexts, `make TRACE=1 build/sim-trace/glane-sim` one that writes traces.
GLANE_SIM     := $(SIM_DIR)/glane-sim
GLANE_SIM_C   := $(wildcard sim/glane-sim/*.c) $(DEVICE_C)
GLANE_SIM_H   := $(wildcard sim/glane-sim/*.h) $(DEVICE_H)
# Reads firmware images.
GLANE_SIM_LIB := $(BUILD)/host-driver/libguestlane.a

$(GLANE_SIM): $(GLANE_SIM_C) $(GLANE_SIM_H) $(GLANE_SIM_LIB) $(SIM_LIB) $(SIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) $(DEVICE_INC) \
		$(if $(TRACE),-DGLANE_TRACE) -o $@ $(GLANE_SIM_C) $(SIM_LIBS) $(GLANE_SIM_LIB) -lpcap $(LIBGL_SYS)

ALL        += $(GLANE_SIM)
FORMAT_SRC += $(wildcard sim/glane-sim/*.c sim/glane-sim/*.h)
