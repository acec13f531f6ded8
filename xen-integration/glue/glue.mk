# SPDX-License-Identifier: Apache-2.0
# guestlane.ko, the kernel module that gives a context to the kernel's own virtio drivers: for the rig's guest, and for the kernel whose
# headers are installed here (a test that it builds there too). glane-glue asks glaned for the context.
GLUE_SRC      := $(wildcard xen-integration/glue/*.c xen-integration/glue/*.h xen-integration/glue/Kbuild xen-integration/glue/build-module)
GLUE_KO       := $(BUILD)/rig/glue/guestlane.ko
GLUE_HOST_KO  := $(HOST_DIR)/glue/guestlane.ko

$(GLUE_KO): $(GLUE_SRC) $(REGS_H) | qemuroot
	$(call quietly,MODULE,$(BUILD)/rig/module.log,.ci/in-root $(BUILD)/qemuroot xen-integration/glue/build-module $(@D) $(GEN))

$(GLUE_HOST_KO): $(GLUE_SRC) $(REGS_H)
	$(call quietly,MODULE,$(@D).log,xen-integration/glue/build-module $(@D) $(GEN))

FORMAT_SRC += $(wildcard xen-integration/glue/*.c xen-integration/glue/*.h)
