# SPDX-License-Identifier: Apache-2.0
# Device pages, doorbells, interrupts, counters: lint and unit tests of rtl/nic/nic_{devpage,doorbell,irq,stats}.sv.

DEVPAGE_LIB := $(REGS_PKG) $(wildcard rtl/lib/*.sv)
DEVPAGE_RTL := rtl/nic/nic_devpage.sv rtl/nic/nic_scan.sv

$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_devpage-$(n),nic_devpage,$(DEVPAGE_LIB) $(DEVPAGE_RTL),-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_doorbell-$(n),nic_doorbell,$(DEVPAGE_LIB) rtl/nic/nic_doorbell.sv,-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_irq-$(n),nic_irq,$(DEVPAGE_LIB) rtl/nic/nic_irq.sv,-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_stats-$(n),nic_stats,$(DEVPAGE_LIB) rtl/nic/nic_stats.sv,-GNCTX=$(n))))

$(eval $(call verilator_test,devpage,nic_devpage,$(DEVPAGE_LIB) $(DEVPAGE_RTL),tests/unit/nic/test_devpage.cpp,-GNCTX=32))
$(eval $(call verilator_test,devpage_5,nic_devpage,$(DEVPAGE_LIB) $(DEVPAGE_RTL),tests/unit/nic/test_devpage.cpp,-GNCTX=5 -CFLAGS -DCONTEXTS=5))
FORMAT_SRC += tests/unit/nic/test_devpage.cpp

DOORBELL_RTL := $(DEVPAGE_LIB) rtl/nic/nic_doorbell.sv
$(foreach n,1 32 100,$(eval $(call verilator_test,doorbell_$(n),nic_doorbell,$(DOORBELL_RTL),tests/unit/nic/test_doorbell.cpp,-GNCTX=$(n) -CFLAGS -DCONTEXTS=$(n))))
FORMAT_SRC += tests/unit/nic/test_doorbell.cpp

IRQ_RTL := $(DEVPAGE_LIB) rtl/nic/nic_irq.sv
$(foreach n,1 32 70,$(eval $(call verilator_test,irq_$(n),nic_irq,$(IRQ_RTL),tests/unit/nic/test_irq.cpp,-GNCTX=$(n) -CFLAGS -DCONTEXTS=$(n))))
FORMAT_SRC += tests/unit/nic/test_irq.cpp

$(eval $(call verilator_test,stats,nic_stats,$(DEVPAGE_LIB) rtl/nic/nic_stats.sv,tests/unit/nic/test_stats.cpp,))
FORMAT_SRC += tests/unit/nic/test_stats.cpp
TESTS_FULL += tests/unit/nic/mutants_devpage
