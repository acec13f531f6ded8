# SPDX-License-Identifier: Apache-2.0
# Rigs: the simulated NIC as a PCI device in virtual machines. `make system-linux` boots Debian 13 in QEMU on it.
RIG_GUEST    := $(BUILD)/rig/guest.cpio
# Ours that run in the machine; those that use libraries of Xen are built in the root, whose release is the machine's.
RIG_TRIXIE   := $(addprefix $(BUILD)/trixie/host-driver/,glaned glanectl glane-hold glane-glue) $(BUILD)/trixie/tests/device/suite-plain
RIG_PROGRAMS := $(RIG_TRIXIE) $(BUILD)/rig/glue-refuse $(BUILD)/firmware/guestlane.fw

$(firstword $(RIG_TRIXIE)): $(LIBGL_C) $(LIBGL_H) $(wildcard host-driver/*/*.[ch] tests/device/*.[ch]) $(REGS_H) | qemuroot
	$(call quietly,TRIXIE,$(BUILD)/rig/trixie.log,env -u MAKEFLAGS -u MFLAGS .ci/in-root $(BUILD)/qemuroot make -s -j2 NO_DEPS=1 BUILD=$(BUILD)/trixie $(RIG_TRIXIE))
$(wordlist 2,9,$(RIG_TRIXIE)): $(firstword $(RIG_TRIXIE)) ;

$(RIG_GUEST): sim/rig/make-guest $(wildcard sim/rig/guest/*) $(BUILD)/rig/glue/guestlane.ko $(RIG_PROGRAMS) | qemuroot
	$(call quietly,GUEST,$(BUILD)/rig/guest.log,sim/rig/make-guest $(CURDIR)/$@ $(filter %.ko,$^) $(RIG_PROGRAMS))

# Runs in the machine, and calls the kernel module as a program should not.
$(BUILD)/rig/glue-refuse: tests/system/rig/glue-refuse.c xen-integration/glue/guestlane_ioctl.h
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -Ixen-integration/glue -o $@ $<

FORMAT_SRC += tests/system/rig/glue-refuse.c
FORMAT_SRC += sim/rig/xen/channel.c

# --- Real Xen (docs/xen-rig.md). What runs in dom0 and in guests is built in the root. ---
XEN_RIG_PROGRAMS := $(BUILD)/sim/glane-sim $(BUILD)/xen/glue/guestlane.ko

# Both build in the root, in one folder.
deb-trixie: | $(firstword $(RIG_TRIXIE))

.PHONY: xen-images xen-shell xen-demo
xen-images: $(XEN_RIG_PROGRAMS) deb-trixie | qemuroot
	@xen-integration/image/make-images $(CURDIR)/$(BUILD)/xen

xen-shell: xen-images
	@sim/rig/xen/xen-shell

xen-demo: xen-images
	@sim/rig/xen/xen-demo

TESTS_NEED += $(BUILD)/sim/glane-sim
TESTS_FULL += tests/system/test_xen_rig.sh
TESTS_XEN += tests/system/test_dkms.sh tests/system/test_xen_xl.sh
