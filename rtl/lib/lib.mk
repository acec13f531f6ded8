# SPDX-License-Identifier: Apache-2.0
# Shared RTL blocks: FIFOs, block RAMs, the ready/valid monitor. Other parts list LIB_RTL among
# their sources.

LIB_RTL := $(wildcard rtl/lib/*.sv)

$(eval $(call verilator_lint,lib_fifo,lib_fifo,$(LIB_RTL),))
$(eval $(call verilator_lint,lib_fifo_bram,lib_fifo_bram,$(LIB_RTL),))
$(eval $(call verilator_lint,lib_ram_sdp,lib_ram_sdp,$(LIB_RTL),))
$(eval $(call verilator_lint,lib_ram_tdp,lib_ram_tdp,$(LIB_RTL),))

LIB_TB := $(LIB_RTL) tests/unit/lib/lib_tb.sv
$(eval $(call verilator_test,lib,lib_tb,$(LIB_TB),tests/unit/lib/test_lib.cpp,))
$(TB_DIR)/lib: tests/unit/lib/tdp_init.hex
TESTS_FULL += tests/unit/lib/mutants
FORMAT_SRC += tests/unit/lib/test_lib.cpp
