# SPDX-License-Identifier: Apache-2.0
# The whole NIC: its list of sources, lint, and the module that `make timing` places and routes.

NIC_RTL := $(REGS_PKG) $(wildcard rtl/*/*_pkg.sv) \
	$(filter-out %_pkg.sv %_timing.sv,$(wildcard rtl/lib/*.sv rtl/core/*.sv rtl/mac/*.sv rtl/pcie/*.sv rtl/nic/*.sv))

NIC_TIMING_TOP := guestlane_timing
NIC_TIMING_RTL := $(NIC_RTL) rtl/nic/guestlane_timing.sv

$(eval $(call verilator_lint,guestlane,guestlane,$(NIC_RTL),))
$(eval $(call verilator_lint,guestlane_clocks,guestlane,$(NIC_RTL),-GGMII_CLOCKS=1))
