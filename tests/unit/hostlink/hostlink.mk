# SPDX-License-Identifier: Apache-2.0
# The host link: lint, and a bench of the RTL with a peer in C++.

$(eval $(call verilator_lint,hostlink,hostlink,$(HOSTLINK_RTL),))
$(eval $(call verilator_lint,board_nic,board_nic,$(BOARD_NIC_RTL),))

# Shorter timers, so that a test costs no minute; the host's program (sim/hostlink/link.c) is the peer.
HOSTLINK_TB := -GOFFER_LOG2=14 -GRTO=16384 -CFLAGS -DOFFER_LOG2=14 -CFLAGS -DRTO_CYCLES=16384 \
	-CFLAGS -I$(CURDIR)/sim/hostlink
$(eval $(call verilator_test,hostlink,hostlink,$(HOSTLINK_RTL),tests/unit/hostlink/test_hostlink.cpp $(BUILD)/sim/link.o sim/hostlink/link.h,$(HOSTLINK_TB)))
FORMAT_SRC += tests/unit/hostlink/test_hostlink.cpp

# Not in `make test` yet: the seeded bugs, and the whole chain over a bad cable.
.PHONY: test-hostlink
test-hostlink: $(BOARD_SIM) $(HOSTLINK) $(HOSTLINK_RELAY) $(BUILD)/tests/device/suite $(FW_IMG) $(BUILD)/sim/link.o
	@$(RUN_TESTS) tests/unit/hostlink/mutants tests/system/test_hostlink.sh
