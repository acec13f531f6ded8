# SPDX-License-Identifier: Apache-2.0
# Tests of the NIC as a PCI device: libguestlane's back ends, the vfio-user server, the library over a whole NIC.

# The vfio back ends over a kernel that the test plays.
WRAP_VFIO := $(foreach f,open close readlink access opendir pread pwrite mmap fstatfs ioctl,-Wl,--wrap=$(f))
$(eval $(call host_test,backend_vfio,tests/device/test_backend_vfio.c host-driver/lib/backend_vfio.c host-driver/lib/backend.h host-driver/include/guestlane.h,-O1 -Ihost-driver/lib -Ihost-driver/include $(WRAP_VFIO),))

# Wires of glane-sim, with a NIC that the test plays.
$(eval $(call host_test,glane_wire,tests/device/test_wire.c $(wildcard sim/glane-sim/wire*.[ch]) sim/include/guestlane_sim.h,-O1 -D_GNU_SOURCE -Isim/glane-sim -Isim/include,-lpcap))

FORMAT_SRC += $(wildcard tests/device/*.[ch])
