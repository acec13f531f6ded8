# SPDX-License-Identifier: Apache-2.0
# Ethernet MAC: lint and unit test.

MAC_RTL := rtl/mac/mac_crc32.sv rtl/mac/mac_tx.sv rtl/mac/mac_rx.sv rtl/mac/mac.sv
MAC_ALL := $(MAC_RTL) rtl/lib/lib_ready_valid_props.sv

$(eval $(call verilator_lint,mac,mac,$(MAC_ALL),))
$(eval $(call verilator_test,mac,mac,$(MAC_ALL),tests/unit/mac/test_mac.cpp,))
TESTS_FULL += tests/unit/mac/mutants
FORMAT_SRC += tests/unit/mac/test_mac.cpp
