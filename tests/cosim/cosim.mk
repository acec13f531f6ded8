# SPDX-License-Identifier: Apache-2.0
# Co-simulation tests: C programs that see the NIC through sim/include/guestlane_sim.h only.


COSIM_CHECK := frames random switch shares wire words events reset errors translate revoke
COSIM_FULL  := watchdog hostile noise overload random-long fairness

COSIM_H    := tests/cosim/cosim.h sim/include/guestlane_sim.h firmware/include/gl_mbox.h
COSIM_DIR  := $(TB_DIR)/cosim
COSIM_LINK := $(SIM_LIBS)

$(COSIM_DIR)/cosim.o: tests/cosim/cosim.c $(COSIM_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -c -o $@ $<

# The firmware is loaded when a test runs.
$(COSIM_DIR)/%: tests/cosim/%.c $(COSIM_DIR)/cosim.o $(COSIM_H) $(SIM_LIB) | $(FW_ELF)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $< $(COSIM_DIR)/cosim.o $(COSIM_LINK) -lcmocka

# The same programs with arguments: random traffic for longer, noise in rings and registers.
$(COSIM_DIR)/random-long: $(COSIM_DIR)/random
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/random" 12 500\n' >$@ && chmod +x $@
$(COSIM_DIR)/noise: $(COSIM_DIR)/hostile
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/hostile" noise\n' >$@ && chmod +x $@

# The wire's tests with a wire of words.
$(COSIM_DIR)/words: $(COSIM_DIR)/wire
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/wire" words\n' >$@ && chmod +x $@

# The NIC with its firmware in block RAM is another model, made by the same rules.
ifndef SIM_INIT
SIM_INIT_LIB := $(BUILD)/sim-init/libguestlane-sim.a
$(SIM_INIT_LIB): $(NIC_RTL) $(SIM_C) $(SIM_H) $(FW_HEX)
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) NO_DEPS=1 SIM_INIT=1 $@
$(COSIM_DIR)/init: tests/cosim/init.c $(COSIM_DIR)/cosim.o $(COSIM_H) $(SIM_INIT_LIB)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $< $(COSIM_DIR)/cosim.o $(patsubst $(SIM_LIB),$(SIM_INIT_LIB),$(COSIM_LINK)) -lcmocka
TESTS_FULL += $(COSIM_DIR)/init
endif

TESTS_CHECK += $(addprefix $(COSIM_DIR)/,$(COSIM_CHECK))
TESTS_FULL  += $(addprefix $(COSIM_DIR)/,$(COSIM_FULL))
FORMAT_SRC  += $(wildcard tests/cosim/*.[ch])
