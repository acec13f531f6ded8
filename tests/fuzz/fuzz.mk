# SPDX-License-Identifier: Apache-2.0
# The fuzzer of the whole NIC: hostile guests beside innocent ones, under a monitor of every TLP.
#
#   make fuzz DURATION=600 SEED=0x1234 FUZZ_FLAGS="--hostile 31 --guests 32"

FUZZ     := $(TB_DIR)/fuzz/glane-fuzz
FUZZ_C   := $(addprefix tests/fuzz/,fuzz.c attack.c dom0.c innocent.c coverage.c monitor.c)
DURATION := 600

$(FUZZ): $(FUZZ_C) $(wildcard tests/fuzz/*.h) $(COSIM_DIR)/cosim.o $(COSIM_H) $(SIM_LIB) | $(FW_ELF)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) -o $@ $(FUZZ_C) $(COSIM_DIR)/cosim.o $(COSIM_LINK) -lcmocka -ljansson

# A minute of it in make test. The seed is printed; SEED in the environment repeats it.
$(TB_DIR)/fuzz/fuzz-minute: $(FUZZ)
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/glane-fuzz" --duration 60\n' >$@ && chmod +x $@

.PHONY: run-fuzz
run-fuzz: $(FUZZ)
	@$(FUZZ) --duration $(DURATION) --json $(TB_DIR)/fuzz/fuzz.json $(if $(SEED),--seed $(SEED)) $(FUZZ_FLAGS)

# The monitor alone, with forged TLPs.
$(eval $(call host_test,fuzz-monitor,tests/fuzz/test_monitor.c tests/fuzz/monitor.c tests/fuzz/monitor.h,-Itests/fuzz,))

TESTS_FULL += $(TB_DIR)/fuzz/fuzz-minute tests/fuzz/mutants
FORMAT_SRC += $(wildcard tests/fuzz/*.[ch])
