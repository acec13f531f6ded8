# SPDX-License-Identifier: Apache-2.0
# glane-tap: a context of the NIC as a TAP, through glaned.
GLANE_TAP := $(HOST_DIR)/glane-tap

$(GLANE_TAP): host-driver/glane-tap/glane-tap.c sim/tool/option.h $(HOST_DIR)/libglvirtio.a $(HOST_DIR)/libglcontrol.a \
		$(wildcard host-driver/virtio/*.h host-driver/control/control.h)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -Isim/tool -Ihost-driver/control $(VIRTIO_INC) -o $@ $< $(VIRTIO_LIB) $(CONTROL_LIBS) -lpthread

ALL += $(GLANE_TAP)
