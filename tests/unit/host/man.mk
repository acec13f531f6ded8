# SPDX-License-Identifier: Apache-2.0
# Man pages against --help of all programs; make install.
TESTS_FULL += tests/unit/host/test_man.sh
TESTS_NEED += $(BUILD)/core-sim $(BENCH) $(DEMO) $(FUZZ) $(GLANE_SIM) $(addprefix $(HOST_DIR)/,glaned glanectl glane-hold glane-tap glane-glue)
