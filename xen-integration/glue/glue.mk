# SPDX-License-Identifier: Apache-2.0
# guestlane.ko, the kernel module that gives a context to the kernel's own virtio drivers. Three times: for the virtual machine that has the
# NIC itself (glane-glue asks glaned for the context there), for guests of Xen, and for the kernel whose headers are installed here.
GLUE_SRC      := $(wildcard xen-integration/glue/*.c xen-integration/glue/*.h xen-integration/glue/Kbuild xen-integration/glue/build-module)
GLUE_KO       := $(BUILD)/rig/glue/guestlane.ko
GLUE_GUEST_KO := $(BUILD)/xen/glue/guestlane.ko
GLUE_HOST_KO  := $(HOST_DIR)/glue/guestlane.ko

$(GLUE_KO): $(GLUE_SRC) $(REGS_H) | qemuroot
	$(call quietly,MODULE,$(BUILD)/rig/module.log,.ci/in-root $(BUILD)/qemuroot xen-integration/glue/build-module $(@D) $(GEN))

$(GLUE_GUEST_KO): $(GLUE_SRC) | qemuroot
	$(call quietly,MODULE,$(@D).log,.ci/in-root $(BUILD)/qemuroot xen-integration/glue/build-module $(@D))

$(GLUE_HOST_KO): $(GLUE_SRC) $(REGS_H)
	$(call quietly,MODULE,$(@D).log,xen-integration/glue/build-module $(@D) $(GEN))

FORMAT_SRC += $(wildcard xen-integration/glue/*.c xen-integration/glue/*.h)
