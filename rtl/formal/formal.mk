# SPDX-License-Identifier: Apache-2.0
# Proofs: `make prove`, `make prove-quick`, `make prove-mutants`. rtl/formal/prove explains the lists of proofs.
#
# Sets of seeded bugs are rtl/formal/BLOCK/mutants for quick proofs (part of `make test`) and mutants_long for long ones.

.PHONY: prove prove-quick prove-mutants

PROVE_NEED := toolroot $(REGS_PKG)

prove: $(PROVE_NEED)
	@rtl/formal/prove --jobs 2 $(PROOF)

prove-quick: $(PROVE_NEED)
	@rtl/formal/prove --quick --jobs 2 $(PROOF)

PROOF_MUTANTS := $(sort $(wildcard rtl/formal/*/mutants rtl/formal/*/mutants_long))
prove-mutants: $(PROVE_NEED)
	@MUTANTS=all; export MUTANTS; $(RUN_TESTS) --timeout 7200 $(PROOF_MUTANTS); status=$$?; \
		cat $(patsubst %,$(BUILD)/logs/%.log,$(subst /,_,$(PROOF_MUTANTS))) | $(AWK) \
			'/ - (caught|survives): / { all++; if (/^ok .* - caught/) caught++; if (/^ok .* - survives/) explained++ } \
			END { printf "%d of %d seeded bugs caught, %d survive and are explained\n", caught, all, explained }'; exit $$status

TESTS_NEED += $(REGS_PKG)
TESTS_FULL += rtl/formal/prove-quick $(filter %/mutants,$(PROOF_MUTANTS))
