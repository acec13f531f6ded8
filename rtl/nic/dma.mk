# SPDX-License-Identifier: Apache-2.0
# DMA engine and guard. Other parts that instantiate nic_dma list DMA_RTL among their sources (packages and rtl/lib apart).

GUARD_RTL := rtl/nic/nic_iotlb.sv rtl/nic/nic_walker.sv rtl/nic/nic_guard.sv
DMA_RTL   := rtl/nic/nic_dma_pkg.sv $(GUARD_RTL) rtl/nic/nic_dma_split.sv rtl/nic/nic_dma_issue.sv rtl/nic/nic_dma_fetch.sv \
	rtl/nic/nic_dma_land.sv rtl/nic/nic_dma_retire.sv rtl/nic/nic_dma_req.sv rtl/nic/nic_dma_fence.sv rtl/nic/nic_dma_hint.sv \
	rtl/nic/nic_dma.sv

$(eval $(call verilator_lint,nic_guard,nic_guard,$(REGS_PKG) $(wildcard rtl/lib/*.sv) $(GUARD_RTL),))
$(foreach n,1 256,$(eval $(call verilator_lint,nic_guard-$(n),nic_guard,$(REGS_PKG) $(wildcard rtl/lib/*.sv) $(GUARD_RTL),-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_dma-$(n),nic_dma,$(REGS_PKG) rtl/nic/nic_pkg.sv $(wildcard rtl/lib/*.sv) $(DMA_RTL),-GNCTX=$(n))))

$(eval $(call verilator_test,guard,nic_guard,$(REGS_PKG) $(wildcard rtl/lib/*.sv) $(GUARD_RTL),tests/unit/nic/test_guard.cpp,))
$(foreach n,1 2 256,$(eval $(call verilator_test_full,guard_$(n),nic_guard,$(REGS_PKG) $(wildcard rtl/lib/*.sv) $(GUARD_RTL),tests/unit/nic/test_guard.cpp,-GNCTX=$(n) -CFLAGS -DNCTX=$(n))))
FORMAT_SRC += tests/unit/nic/test_guard.cpp
$(eval $(call verilator_test,dma,nic_dma,$(REGS_PKG) rtl/nic/nic_pkg.sv $(wildcard rtl/lib/*.sv) $(DMA_RTL),tests/unit/nic/test_dma.cpp,))
FORMAT_SRC += tests/unit/nic/test_dma.cpp
TESTS_FULL += tests/unit/nic/mutants_dma tests/unit/nic/mutants_guard
