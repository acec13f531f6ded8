# SPDX-License-Identifier: Apache-2.0
# PCI Express transaction layer. Users list PCIE_RTL after LIB_RTL and REGS_PKG.

PCIE_RTL := rtl/pcie/pcie_pkg.sv $(filter-out rtl/pcie/pcie_pkg.sv,$(wildcard rtl/pcie/*.sv))
PCIE_ALL := $(REGS_PKG) $(LIB_RTL) $(PCIE_RTL)

$(eval $(call verilator_lint,pcie,pcie_top,$(PCIE_ALL),))
$(eval $(call verilator_lint,pcie256,pcie_top,$(PCIE_ALL),-GNCTX=256))

$(eval $(call verilator_test,pcie,pcie_top,$(PCIE_ALL),tests/unit/pcie/test_pcie.cpp tests/unit/pcie/rc.h,))
# The same for 1 and 256 contexts, and longer.
$(eval $(call verilator_test_full,pcie_1,pcie_top,$(PCIE_ALL),tests/unit/pcie/test_pcie.cpp tests/unit/pcie/rc.h,-GNCTX=1 -CFLAGS -DNCTX=1))
$(eval $(call verilator_test_full,pcie_256,pcie_top,$(PCIE_ALL),tests/unit/pcie/test_pcie.cpp tests/unit/pcie/rc.h,-GNCTX=256 -CFLAGS -DNCTX=256 -CFLAGS -DROUNDS=150))
TESTS_FULL += tests/unit/pcie/mutants
FORMAT_SRC += tests/unit/pcie/rc.h tests/unit/pcie/test_pcie.cpp
