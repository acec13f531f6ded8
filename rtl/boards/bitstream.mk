# SPDX-License-Identifier: Apache-2.0
# The boards: lint of each top, bitstreams, flashing, and the resource check of `make test`.
#
#   make bitstream BOARD=versa_ecp5 SEEDS="1 2 3" [CONTEXTS=16] [RING_BYTES=16384] [SYS_DIV=8]
#
# What is particular to a board is in rtl/boards/<board>/: its top, its pins (.lpf) and board.json (part, defaults, budget).

BOARDS    := $(sort $(patsubst rtl/boards/%/board.json,%,$(wildcard rtl/boards/*/board.json)))
BOARD_RTL := $(NIC_RTL) $(wildcard rtl/boards/common/*_pkg.sv) $(filter-out %_pkg.sv,$(wildcard rtl/boards/common/*.sv))
# Firmware for the block RAM.
BOARD_HEX := $(addprefix $(FW_DIR)/,imem.hex dmem0.hex dmem1.hex)

$(foreach b,$(BOARDS),$(eval $(call verilator_lint,$(b),$(b),$(BOARD_RTL) rtl/boards/lint/ecp5.sv rtl/boards/$(b)/$(b).sv,)))

# --- Bitstreams ---
BOARD ?= versa_ecp5
SEEDS ?= 1 2 3
BITSTREAM_FLAGS = -s "$(SEEDS)" $(if $(CONTEXTS),-c $(CONTEXTS)) $(if $(RING_BYTES),-r $(RING_BYTES)) $(if $(SYS_DIV),-d $(SYS_DIV))
.PHONY: bitstream flash flash-persist flash-check test-boards
bitstream: toolroot $(REGS_PKG) $(BOARD_HEX)
	@rtl/boards/bitstream $(BITSTREAM_FLAGS) $(BOARD) $(BOARD_RTL)

# Synthesis alone: build/boards/<board>/size.json (tests/system/test_resources.sh).
.PHONY: board-size
board-size: $(REGS_PKG) $(BOARD_HEX)
	@rtl/boards/bitstream -y $(BITSTREAM_FLAGS) $(BOARD) $(BOARD_RTL)

# All boards with all seeds, the budgets, and the netlist against the RTL.
TESTS_BOARDS := tests/netlist/test_netlist.sh
test-boards: toolroot $(REGS_PKG) $(BOARD_HEX)
	@status=0; for b in $(BOARDS); do $(MAKE) NO_DEPS=1 bitstream BOARD=$$b || status=1; done; \
		$(RUN_TESTS) --timeout 7200 $(TESTS_BOARDS) || status=1; exit $$status

# BIT=file takes another file than build/boards/<board>/guestlane.bit.
flash:
	@rtl/boards/flash sram $(BOARD) $(BIT)
flash-persist:
	@rtl/boards/flash persist $(BOARD) $(BIT)
flash-check:
	@rtl/boards/flash check $(BOARD) $(BIT)

TESTS_CHECK += tests/unit/boards/test_flash.sh
BOARDS_TB := $(addprefix rtl/boards/common/,board_uart.sv board_phy_setup.sv board_lights.sv) $(addprefix rtl/lib/,lib_fifo.sv lib_cdc_sync.sv lib_ready_valid_props.sv) tests/unit/boards/boards_tb.sv
$(eval $(call verilator_test,boards,boards_tb,$(BOARDS_TB),tests/unit/boards/test_boards.cpp,))
$(eval $(call verilator_test,rgmii,rgmii_tb,rtl/boards/common/rgmii.sv tests/unit/boards/ecp5_io.sv,tests/unit/boards/test_rgmii.cpp,))
FORMAT_SRC += tests/unit/boards/test_boards.cpp tests/unit/boards/test_rgmii.cpp
