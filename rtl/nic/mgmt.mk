# SPDX-License-Identifier: Apache-2.0
# Management, watchdog, fault records and revocation: lint and unit tests of rtl/nic/nic_{mgmt,watchdog,fault,revoke}.sv.

MGMT_LIB := $(REGS_PKG) $(wildcard rtl/lib/*.sv)
MGMT_RTL := rtl/nic/nic_watchdog.sv rtl/nic/nic_mgmt.sv

$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_mgmt-$(n),nic_mgmt,$(MGMT_LIB) $(MGMT_RTL),-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_fault-$(n),nic_fault,$(MGMT_LIB) rtl/nic/nic_fault.sv,-GNCTX=$(n))))
$(foreach n,1 32 256,$(eval $(call verilator_lint,nic_revoke-$(n),nic_revoke,$(MGMT_LIB) rtl/nic/nic_revoke.sv,-GNCTX=$(n))))

$(eval $(call verilator_test,mgmt,nic_mgmt,$(MGMT_LIB) $(MGMT_RTL),tests/unit/nic/test_mgmt.cpp,-GNCTX=20))
$(eval $(call verilator_test,watchdog,nic_watchdog,$(MGMT_LIB) rtl/nic/nic_watchdog.sv,tests/unit/nic/test_watchdog.cpp,))
$(foreach n,1 20 256,$(eval $(call verilator_test,fault_$(n),nic_fault,$(MGMT_LIB) rtl/nic/nic_fault.sv,tests/unit/nic/test_fault.cpp,-GNCTX=$(n) -CFLAGS -DCONTEXTS=$(n))))
$(eval $(call verilator_test,revoke,nic_revoke,$(MGMT_LIB) rtl/nic/nic_revoke.sv,tests/unit/nic/test_revoke.cpp,))
FORMAT_SRC += $(foreach t,mgmt watchdog fault revoke,tests/unit/nic/test_$(t).cpp)
TESTS_FULL += tests/unit/nic/mutants_mgmt
