# SPDX-License-Identifier: Apache-2.0
# Parts of the co-simulation library that need no NIC.
GUEST_C := $(wildcard sim/lib/virtq*.c) sim/lib/guest.c sim/lib/pages.c
$(eval $(call host_test,guest,tests/unit/sim/test_guest.c $(GUEST_C) sim/lib/virtq.h sim/lib/internal.h,-O1 -Isim/lib -Isim/include -Ifirmware/include,))
$(eval $(call host_test,tables,tests/unit/sim/test_tables.c sim/lib/tables.c sim/lib/internal.h host-driver/lib/radix.c host-driver/lib/radix.h,-O1 -Isim/lib -Isim/include -Ifirmware/include -Ihost-driver/lib,))
FORMAT_SRC += tests/unit/sim/test_guest.c tests/unit/sim/test_tables.c

# The demo's reader of captures.
$(eval $(call host_test,capture,tests/unit/sim/test_capture.c sim/demo/capture.c sim/demo/capture.h,-O1 -D_GNU_SOURCE -Isim/demo,-lpcap))
FORMAT_SRC += tests/unit/sim/test_capture.c
