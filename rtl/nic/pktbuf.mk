# SPDX-License-Identifier: Apache-2.0
# Packet buffers, switch, shaper (rtl/nic/nic_pktbuf*, nic_switch*, nic_shaper): lint and unit tests.

PKTBUF_RTL := $(REGS_PKG) $(LIB_RTL) $(wildcard rtl/nic/nic_pktbuf*.sv)
SHAPER_RTL := $(REGS_PKG) $(LIB_RTL) rtl/nic/nic_shaper.sv
SWITCH_RTL := $(REGS_PKG) $(LIB_RTL) $(wildcard rtl/nic/nic_switch*.sv)

# 32 contexts as on the board; all 256 with small rings, where everything wraps sooner.
PKTBUF_TEST := tests/unit/nic/test_pktbuf.cpp
PKTBUF_256  := -GNCTX=256 -GRING_BYTES=16384 -CFLAGS "-DNCTX=256 -DRING_BYTES=16384"
$(eval $(call verilator_test,pktbuf,nic_pktbuf,$(PKTBUF_RTL),$(PKTBUF_TEST),))
$(eval $(call verilator_test_full,pktbuf_256,nic_pktbuf,$(PKTBUF_RTL),$(PKTBUF_TEST),$(PKTBUF_256)))

SWITCH_TEST := tests/unit/nic/test_switch.cpp
$(eval $(call verilator_test,switch,nic_switch,$(SWITCH_RTL),$(SWITCH_TEST),))
$(eval $(call verilator_test,switch_1,nic_switch,$(SWITCH_RTL),$(SWITCH_TEST),-GNCTX=1 -CFLAGS -DNCTX=1))
$(eval $(call verilator_test,switch_7,nic_switch,$(SWITCH_RTL),$(SWITCH_TEST),-GNCTX=7 -CFLAGS -DNCTX=7))
$(eval $(call verilator_test,switch_256,nic_switch,$(SWITCH_RTL),$(SWITCH_TEST),-GNCTX=256 -CFLAGS -DNCTX=256))

SHAPER_TEST := tests/unit/nic/test_shaper.cpp
$(eval $(call verilator_test,shaper,nic_shaper,$(SHAPER_RTL),$(SHAPER_TEST),))
$(eval $(call verilator_test,shaper_1,nic_shaper,$(SHAPER_RTL),$(SHAPER_TEST),-GNCTX=1 -CFLAGS -DNCTX=1))
$(eval $(call verilator_test_full,shaper_256,nic_shaper,$(SHAPER_RTL),$(SHAPER_TEST),-GNCTX=256 -CFLAGS -DNCTX=256))

$(eval $(call verilator_lint,nic_pktbuf,nic_pktbuf,$(PKTBUF_RTL),))
$(eval $(call verilator_lint,nic_pktbuf_256,nic_pktbuf,$(PKTBUF_RTL),-GNCTX=256))
$(eval $(call verilator_lint,nic_shaper,nic_shaper,$(SHAPER_RTL),))
$(eval $(call verilator_lint,nic_shaper_1,nic_shaper,$(SHAPER_RTL),-GNCTX=1))
$(eval $(call verilator_lint,nic_shaper_256,nic_shaper,$(SHAPER_RTL),-GNCTX=256))
$(eval $(call verilator_lint,nic_switch,nic_switch,$(SWITCH_RTL),))
$(eval $(call verilator_lint,nic_switch_1,nic_switch,$(SWITCH_RTL),-GNCTX=1))
$(eval $(call verilator_lint,nic_switch_256,nic_switch,$(SWITCH_RTL),-GNCTX=256))
FORMAT_SRC += $(PKTBUF_TEST) $(SWITCH_TEST) $(SHAPER_TEST)
TESTS_FULL += tests/unit/nic/mutants_pktbuf
