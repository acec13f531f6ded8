# SPDX-License-Identifier: Apache-2.0
# The host link: lint, and a bench of the RTL with a peer in C++.

$(eval $(call verilator_lint,hostlink,hostlink,$(HOSTLINK_RTL),))
$(eval $(call verilator_lint,board_nic,board_nic,$(BOARD_NIC_RTL),))

# Shorter timers, so that a test costs no minute; the host's program (sim/hostlink/link.c) is the peer.
HOSTLINK_TB := -GOFFER_LOG2=14 -GRTO=16384 -CFLAGS -DOFFER_LOG2=14 -CFLAGS -DRTO_CYCLES=16384 \
	-CFLAGS -I$(CURDIR)/sim/hostlink
$(eval $(call verilator_test,hostlink,hostlink,$(HOSTLINK_RTL),tests/unit/hostlink/test_hostlink.cpp $(BUILD)/sim/link.o sim/hostlink/link.h,$(HOSTLINK_TB)))
FORMAT_SRC += tests/unit/hostlink/test_hostlink.cpp

# A sample of the seeded bugs, and the whole chain over a bad cable; `make test-hostlink` takes all of both.
TESTS_FULL += tests/unit/hostlink/mutants tests/system/test_hostlink.sh tests/system/test_hostlink_net.sh
HOSTLINK_NEED := $(BOARD_SIM) $(HOSTLINK) $(HOSTLINK_RELAY) $(BUILD)/tests/hostlink $(BUILD)/tests/device/suite $(FW_IMG) $(BUILD)/sim/link.o \
	$(HOST_DIR)/glaned $(HOST_DIR)/glane-tap $(HOST_DIR)/glanectl
TESTS_NEED += $(HOSTLINK_NEED)
.PHONY: test-hostlink
test-hostlink: $(HOSTLINK_NEED)
	@export WHOLE=1 MUTANTS=all; env -u MAKEFLAGS -u MFLAGS tests/run -j 2 --timeout 3600 --logs $(BUILD)/logs/hostlink \
		$(BUILD)/tests/hostlink tests/unit/hostlink/mutants tests/system/test_hostlink.sh tests/system/test_hostlink_net.sh tests/system/test_hostlink_qemu.sh
