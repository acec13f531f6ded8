# SPDX-License-Identifier: Apache-2.0
# The netlist that synthesis makes of the NIC, against the RTL: the same frames in the same cycles (part of `make test-boards`).

NETLIST_DIR      := $(BUILD)/netlist
NETLIST_CONTEXTS := 4

# Firmware in block RAM included.
$(NETLIST_DIR)/guestlane.v: $(NIC_RTL) $(BOARD_HEX) tests/netlist/netlist.mk
	@mkdir -p $(@D)
	@echo "  YOSYS    $@"
	@{ echo "read_verilog -sv -defer $(NIC_RTL)"; \
		echo 'chparam -set NCTX $(NETLIST_CONTEXTS) -set IMEM_INIT "$(FW_DIR)/imem.hex" -set DMEM0_INIT "$(FW_DIR)/dmem0.hex" -set DMEM1_INIT "$(FW_DIR)/dmem1.hex" guestlane'; \
		echo "synth_ecp5 -abc9 -top guestlane"; echo "rename -top guestlane"; echo "write_verilog -noattr $@.new"; } >$(@D)/synth.ys
	@rtl/timing/in-toolroot yosys -q -l $(@D)/yosys.log -s $(@D)/synth.ys >/dev/null 2>&1 || { tail -n 5 $(@D)/yosys.log; exit 1; }
	@mv $@.new $@

# Of yosys' models of the cells, so that the host's Verilator reads the same ones.
$(NETLIST_DIR)/cells.v: tests/netlist/netlist.mk
	@mkdir -p $(@D)
	@rtl/timing/in-toolroot cat /usr/share/yosys/lattice/common_sim.vh /usr/share/yosys/lattice/ccu2c_sim.vh >$@.all
	@grep -v '^`include' $@.all >$@.new && rm $@.all && mv $@.new $@

# What Verilator reads: cells replaced by their models, so that it need not do so for some 40,000 instances. Names go, functions stay.
$(NETLIST_DIR)/%_flat.v: $(NETLIST_DIR)/%.v $(NETLIST_DIR)/cells.v tests/netlist/lut.v
	@echo "  YOSYS    $@"
	@rtl/timing/in-toolroot yosys -q -l $(@D)/$*_flat.log -p "read_verilog $<; techmap -map tests/netlist/lut.v; read_verilog $(@D)/cells.v; \
		read_verilog -lib /usr/share/yosys/lattice/cells_bb_ecp5.v; hierarchy -top $*; proc; flatten; rename -hide; splitnets; \
		opt_expr -mux_undef; opt_dff; opt_clean -purge; write_verilog -noattr $@.new" >/dev/null 2>&1 || { tail -n 5 $(@D)/$*_flat.log; exit 1; }
	@mv $@.new $@

# The same program with both: sub-makes, as they are other models of the same rules.
ifeq (,$(SIM_INIT)$(SIM_NETLIST))
NETLIST_LIB := $(BUILD)/sim-$(NETLIST_CONTEXTS)-netlist/libguestlane-sim.a
NETLIST_RTL := $(BUILD)/sim-$(NETLIST_CONTEXTS)-init/libguestlane-sim.a
$(NETLIST_LIB): $(NETLIST_DIR)/guestlane_flat.v tests/netlist/ecp5_ram.sv $(SIM_C) $(SIM_H)
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) NO_DEPS=1 SIM_NETLIST=1 SIM_CONTEXTS=$(NETLIST_CONTEXTS) $@
$(NETLIST_RTL): $(NIC_RTL) $(SIM_C) $(SIM_H) $(FW_HEX)
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) NO_DEPS=1 SIM_INIT=1 SIM_CONTEXTS=$(NETLIST_CONTEXTS) $@
$(NETLIST_DIR)/run-rtl: NETLIST_WITH := $(NETLIST_RTL)
$(NETLIST_DIR)/run-netlist: NETLIST_WITH := $(NETLIST_LIB)
$(NETLIST_DIR)/run-rtl: $(NETLIST_RTL)
$(NETLIST_DIR)/run-netlist: $(NETLIST_LIB)
$(NETLIST_DIR)/run-rtl $(NETLIST_DIR)/run-netlist: tests/netlist/netlist.c $(COSIM_DIR)/cosim.o $(COSIM_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -Itests/cosim -o $@ $< $(COSIM_DIR)/cosim.o $(patsubst $(SIM_LIB),$(NETLIST_WITH),$(SIM_LIBS)) -lcmocka
endif

# Netlists of small parts under their unit benches, which shows within a minute that cells, memories and benches go together:
# test_blocks.sh, part of `make test`.
define netlist_block
$(NETLIST_DIR)/$(1).v: $(2) tests/netlist/netlist.mk
	@mkdir -p $$(@D)
	@echo "  YOSYS    $$@"
	@rtl/timing/in-toolroot yosys -q -p "read_verilog -sv $(2); synth_ecp5 -abc9 -top $(1); write_verilog -noattr $$@.new" \
		>$(NETLIST_DIR)/$(1).log 2>&1 || { tail -n 5 $(NETLIST_DIR)/$(1).log; exit 1; }
	@mv $$@.new $$@
$(call verilator_program,netlist_$(1),$(1),$(NETLIST_DIR)/$(1)_flat.v tests/netlist/ecp5_ram.sv,$(3),-Wno-lint)
endef
$(eval $(call netlist_block,lib_tb,$(filter-out %_props.sv,$(LIB_TB)),tests/unit/lib/test_lib.cpp))
$(TB_DIR)/netlist_lib_tb: tests/unit/lib/tdp_init.hex
$(eval $(call netlist_block,mac,$(MAC_RTL),tests/unit/mac/test_mac.cpp))
TESTS_FULL += tests/netlist/test_blocks.sh

FORMAT_SRC += tests/netlist/netlist.c
