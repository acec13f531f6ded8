# SPDX-License-Identifier: Apache-2.0
# build/sim/glane-hostlink: a board on an Ethernet interface as a PCI device for vfio-user clients (docs/hostlink.md). It is here and not among the host's
# drivers because it plays the slot, not the driver: root complex, PCI function and vfio-user server are glane-sim's. It needs no model of the NIC.
HOSTLINK     := $(SIM_DIR)/glane-hostlink
HOSTLINK_C   := $(wildcard sim/hostlink/*.c)
HOSTLINK_O   := $(addprefix $(SIM_DIR)/,root.o core.o common.o)

$(HOSTLINK): $(HOSTLINK_C) $(wildcard sim/hostlink/*.h) $(DEVICE_C) $(DEVICE_H) $(HOSTLINK_O) $(SIM_H) $(REGS_H) $(BUILD)/host-driver/libguestlane.a
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) $(DEVICE_INC) -Isim/lib -Isim/hostlink -o $@ \
		$(HOSTLINK_C) $(DEVICE_C) $(HOSTLINK_O) $(BUILD)/host-driver/libguestlane.a -lpcap $(LIBGL_SYS)

ALL        += $(HOSTLINK)
FORMAT_SRC += $(wildcard sim/hostlink/*.c sim/hostlink/*.h)

# Protocol only, for the bench of the RTL.
$(BUILD)/sim/link.o: sim/hostlink/link.c sim/hostlink/link.h
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -c -o $@ $<
