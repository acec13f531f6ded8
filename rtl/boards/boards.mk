# SPDX-License-Identifier: Apache-2.0
# What boards have in common: the host link (docs/hostlink.md) and the NIC behind it. Lint and tests are in tests/unit/hostlink: fragments of
# rtl/ are read in the order of their names, and NIC_RTL comes later.

HOSTLINK_PARTS := $(addprefix rtl/boards/common/,hostlink_pkg.sv hostlink_send.sv hostlink_receive.sv hostlink_rx.sv hostlink_tx.sv hostlink.sv)
HOSTLINK_RTL   := $(HOSTLINK_PARTS) rtl/pcie/pcie_store.sv rtl/lib/lib_ram_sdp.sv rtl/lib/lib_ready_valid_props.sv
BOARD_NIC_RTL   = $(NIC_RTL) $(HOSTLINK_PARTS) rtl/boards/common/board_nic.sv
