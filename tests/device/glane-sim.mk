# SPDX-License-Identifier: Apache-2.0
# Tests of glane-sim as a process, and of the DMA maps of its vfio-user server.
DEVICE_SIM  := $(BUILD)/sim/glane-sim
DEVICE_TEST := $(BUILD)/tests/glane_sim

$(DEVICE_TEST): tests/device/test_glane_sim.c tests/device/relay.c tests/device/relay.h host-driver/vfio-user/vfio_user.h $(LIBGL) $(VIRTIO_LIB) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SAN) -D_GNU_SOURCE $(LIBGL_INC) $(VIRTIO_INC) -Ihost-driver/vfio-user -Itests/device -o $@ \
		$(filter %.c,$^) $(VIRTIO_LIB) $(LIBGL_LIBS) -lcmocka

# The same program with arguments.
$(DEVICE_TEST)-long $(DEVICE_TEST)-messages: $(DEVICE_TEST)-%: $(DEVICE_TEST)
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/glane_sim" $*\n' >$@ && chmod +x $@

$(eval $(call host_test,dma_maps,tests/device/test_dma_maps.c sim/device/vfio_user_dma.c sim/device/vfio_user_dma.h,-O1 -D_GNU_SOURCE -Isim/device,))

TESTS_NEED  += $(DEVICE_SIM) $(BUILD)/firmware/guestlane.fw $(FW_ELF)
TESTS_CHECK += $(DEVICE_TEST)
TESTS_FULL  += $(DEVICE_TEST)-long $(DEVICE_TEST)-messages
