# SPDX-License-Identifier: Apache-2.0
# Man pages against --help of all programs; make install.
TESTS_FULL += tests/unit/host/test_man.sh
TESTS_NEED += $(BUILD)/core-sim $(BENCH) $(DEMO) $(HOSTLINK) $(FUZZ) $(filter $(BUILD)/%,$(INSTALL_FILES))
