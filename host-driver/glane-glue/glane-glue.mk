# SPDX-License-Identifier: Apache-2.0
# glane-glue: a context for this kernel's own virtio drivers.
GLANE_GLUE := $(HOST_DIR)/glane-glue

$(GLANE_GLUE): host-driver/glane-glue/glane-glue.c xen-integration/glue/guestlane_ioctl.h $(CONTROL_H) $(CONTROL_LIB)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -Ihost-driver/control -Ixen-integration/glue -o $@ $< $(CONTROL_LIB) -ljansson

ALL += $(GLANE_GLUE)
