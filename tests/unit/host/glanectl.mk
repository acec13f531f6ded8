# SPDX-License-Identifier: Apache-2.0
# glanectl under the sanitizers, and the script that calls it for xl, against a glaned that answers by a script.
GLANECTL_TEST := $(BUILD)/tests/host/glanectl
FAKE_GLANED   := $(BUILD)/tests/host/fake-glaned

$(eval $(call glanectl_program,$(GLANECTL_TEST),$(SAN)))

$(FAKE_GLANED): tests/unit/host/fake_glaned.c $(CONTROL_H) $(CONTROL_LIB)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SAN) -D_GNU_SOURCE -Ihost-driver/control -o $@ $< $(CONTROL_LIBS)

TESTS_NEED  += $(GLANECTL_TEST) $(FAKE_GLANED) $(HOST_DIR)/glanectl.bash
TESTS_CHECK += tests/unit/host/test_glanectl.sh tests/unit/host/test_vif_guestlane.sh tests/unit/host/test_xen_guide.sh
FORMAT_SRC += tests/unit/host/fake_glaned.c
