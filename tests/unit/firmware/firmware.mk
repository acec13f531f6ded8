# SPDX-License-Identifier: Apache-2.0
# Cycles per frame of the firmware on the simulated NIC (the other tests of the firmware are in firmware/firmware.mk).
FW_CYCLES := $(BUILD)/tests/firmware_cycles
$(FW_CYCLES): tests/unit/firmware/test_cycles.c $(SIM_LIB) $(SIM_H) $(REGS_H) | $(FW_ELF)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $< $(SIM_LIBS) -lcmocka
ifneq (,$(SIM_LIB))
TESTS_FULL += $(FW_CYCLES)
endif
FORMAT_SRC += tests/unit/firmware/test_cycles.c
