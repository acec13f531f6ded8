# SPDX-License-Identifier: Apache-2.0
# Ethernet MAC, and the wire of words beside it: lint and unit tests.

MAC_RTL := rtl/mac/mac_crc32.sv rtl/mac/mac_tx.sv rtl/mac/mac_rx.sv rtl/mac/mac.sv
MAC_ALL := $(MAC_RTL) rtl/lib/lib_ready_valid_props.sv

$(eval $(call verilator_lint,mac,mac,$(MAC_ALL),))
$(eval $(call verilator_test,mac,mac,$(MAC_ALL),tests/unit/mac/test_mac.cpp,))
MAC_WORDS_ALL := rtl/mac/mac_words.sv rtl/lib/lib_ready_valid_props.sv
$(eval $(call verilator_lint,mac_words,mac_words,$(MAC_WORDS_ALL),))
$(eval $(call verilator_test,mac_words,mac_words,$(MAC_WORDS_ALL),tests/unit/mac/test_mac_words.cpp,))
TESTS_FULL += tests/unit/mac/mutants_words tests/unit/mac/mutants_async
TESTS_FULL += tests/unit/mac/mutants
FORMAT_SRC += tests/unit/mac/test_mac.cpp tests/unit/mac/test_mac_words.cpp
MAC_ASYNC_ALL := $(MAC_ALL) $(addprefix rtl/lib/,lib_cdc_sync.sv lib_cdc_reset.sv lib_fifo_async.sv) rtl/mac/mac_async.sv
$(eval $(call verilator_lint,mac_async,mac_async,$(MAC_ASYNC_ALL),))
$(eval $(call verilator_test,mac_async,mac_async_tb,$(MAC_ASYNC_ALL) rtl/mac/mac_gmii.sv tests/unit/mac/mac_async_tb.sv,tests/unit/mac/test_mac_async.cpp,))
FORMAT_SRC += tests/unit/mac/test_mac_async.cpp
$(eval $(call verilator_lint,mac_gmii,mac_gmii,$(MAC_ASYNC_ALL) rtl/mac/mac_gmii.sv,))
$(eval $(call verilator_lint,mac_gmii_clocks,mac_gmii,$(MAC_ASYNC_ALL) rtl/mac/mac_gmii.sv,-GCLOCKS=1))
