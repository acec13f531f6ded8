# SPDX-License-Identifier: Apache-2.0
# Tests of the NIC as a PCI device: libguestlane's back ends, the vfio-user server, the library over a whole NIC.

# The vfio back ends over a kernel that the test plays.
WRAP_VFIO := $(foreach f,open close readlink access opendir pread pwrite mmap fstatfs ioctl,-Wl,--wrap=$(f))
$(eval $(call host_test,backend_vfio,tests/device/test_backend_vfio.c host-driver/lib/backend_vfio.c host-driver/lib/backend.h host-driver/lib/xen_part.h host-driver/xen/xen.h host-driver/include/guestlane.h,-O1 -Ihost-driver/xen -Ihost-driver/lib -Ihost-driver/include $(WRAP_VFIO),))

# Wires of glane-sim, with a NIC that the test plays.
$(eval $(call host_test,glane_wire,tests/device/test_wire.c $(wildcard sim/device/wire*.[ch]) sim/include/guestlane_sim.h,-O1 -D_GNU_SOURCE -Isim/device -Isim/include,-lpcap))

# The vfio-user server with a device that is easy to look through, and what clients may do to it.
VFU_SERVER_C := sim/device/vfio_user_server.c sim/device/vfio_user_dma.c
VFU_H        := tests/device/vfu.h tests/device/fake_device.h host-driver/vfio-user/vfio_user.h sim/device/vfio_user_server.h
VFU_INC      := -D_GNU_SOURCE -Ihost-driver/vfio-user -Isim/device -Itests/device
FAKE_DEVICE  := $(BUILD)/tests/device/fake_device

$(FAKE_DEVICE): tests/device/fake_device.c $(VFU_SERVER_C) $(wildcard sim/device/vfio_user*.h) $(VFU_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SAN) $(VFU_INC) -o $@ $(filter %.c,$^) -ljansson

$(eval $(call host_test,device/conformance,tests/device/conformance.c tests/device/vfu.c $(VFU_H),-O1 $(VFU_INC),-ljansson))
$(BUILD)/tests/device/conformance: | $(FAKE_DEVICE)
TESTS_CHECK += tests/device/test_conformance_sim.sh
# Seeded bugs of the server and of the vfio back ends.
TESTS_FULL  += tests/device/mutants
TESTS_NEED  += $(BUILD)/tests/device/conformance

# A few seconds of the fuzzer in make check; SEED in the environment repeats a run.
$(eval $(call host_test,device/fuzz_vfio_user,tests/device/fuzz_vfio_user.c tests/device/vfu.c $(VFU_H),-O1 $(VFU_INC),))
$(BUILD)/tests/device/fuzz_vfio_user: | $(FAKE_DEVICE)

.PHONY: run-fuzz-vfio-user
run-fuzz-vfio-user: $(BUILD)/tests/device/fuzz_vfio_user
	@$< --duration $(DURATION) $(if $(SEED),--seed $(SEED))

TESTS_NEED  += $(GLANE_SIM)

# libguestlane over a whole NIC, under the sanitizers; suite-plain is the same without, for machines that lack them.
SUITE_C   := tests/device/suite.c tests/device/vfu.c $(LIBGL_C) host-driver/virtio/vnet.c host-driver/virtio/vring.c
SUITE_H   := $(LIBGL_H) $(wildcard host-driver/virtio/*.h tests/device/*.h) $(REGS_H) $(REGS_NAMES)
SUITE_INC := -D_GNU_SOURCE= $(LIBGL_INC) -Ihost-driver/lib -Ihost-driver/vfio-user -Ihost-driver/virtio -Itests/device

$(BUILD)/tests/device/suite: SUITE_FLAGS := $(SAN)
$(BUILD)/tests/device/suite $(BUILD)/tests/device/suite-plain: $(SUITE_C) $(SUITE_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SUITE_FLAGS) $(SUITE_INC) -o $@ $(SUITE_C) -lcmocka $(LIBGL_SYS)
TESTS_FULL += tests/device/test_suite_sim.sh
TESTS_NEED += $(BUILD)/tests/device/suite $(FW_IMG)

FORMAT_SRC += $(wildcard tests/device/*.[ch])
