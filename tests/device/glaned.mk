# SPDX-License-Identifier: Apache-2.0
# The daemon on the simulated NIC.
GLANED_DEVICE_TEST := $(BUILD)/tests/glaned_device

$(GLANED_DEVICE_TEST): tests/device/test_glaned.c host-driver/control/packet.c host-driver/control/client.c $(LIBGL_C) $(GLANED_H) $(LIBGL_H) $(REGS_H) $(REGS_NAMES)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SAN) -O1 -D_GNU_SOURCE= $(LIBGL_INC) -Ihost-driver/lib -Ihost-driver/vfio-user -Ihost-driver/control -Ihost-driver/glane-hold \
		-o $@ $(filter %.c,$^) $(LIBGL_SYS) -lcmocka

# The same program with arguments: one test only; all that are killed.
$(GLANED_DEVICE_TEST)-start: ARGUMENTS := lives from_start_to_stop
$(GLANED_DEVICE_TEST)-kills: ARGUMENTS := kills
$(GLANED_DEVICE_TEST)-start $(GLANED_DEVICE_TEST)-kills: $(GLANED_DEVICE_TEST)
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/glaned_device" $(ARGUMENTS)\n' >$@ && chmod +x $@

TESTS_NEED  += $(GLANED) $(GLANED_TEST) $(BUILD)/sim/glane-sim $(BUILD)/firmware/guestlane.fw
TESTS_CHECK += $(GLANED_DEVICE_TEST)-start
TESTS_FULL  += $(GLANED_DEVICE_TEST) $(GLANED_DEVICE_TEST)-kills
