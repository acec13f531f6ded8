# SPDX-License-Identifier: Apache-2.0
# Tests of the product as a whole.
TESTS_FULL += tests/system/test_timing.sh tests/system/test_resources.sh
TESTS_FULL += tests/system/test_demo.sh tests/system/test_bench.sh
TESTS_NEED += $(DEMO) $(BENCH) $(FIRMWARE_ELF)

# glaned killed under traffic; glane-tap.
STREAM := $(BUILD)/tests/stream
$(STREAM): tests/system/stream.c
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -o $@ $<

TESTS_FULL += tests/system/test_tap.sh tests/system/test_crash.sh tests/system/test_demo_net.sh
TESTS_NEED += $(STREAM) $(SIM_DIR)/glane-sim $(HOST_DIR)/glaned $(HOST_DIR)/glane-tap $(HOST_DIR)/glanectl $(BUILD)/firmware/guestlane.fw
FORMAT_SRC += tests/system/stream.c

# glanectl with the real daemon and two guests. Its programs are named above.
TESTS_FULL += tests/system/test_glanectl.sh tests/system/test_host_guide.sh
TESTS_NEED += $(HOST_DIR)/libguestlane.a

# QEMU with the NIC. The root is made by `make test`, or the test is skipped.
TESTS_NEED += $(RIG_PROGRAMS)
TESTS_FULL += tests/system/test_system_linux.sh tests/system/test_glue_build.sh
