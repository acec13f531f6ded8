# SPDX-License-Identifier: Apache-2.0
# Tests of the product as a whole.
TESTS_FULL += tests/system/test_timing.sh
TESTS_FULL += tests/system/test_demo.sh tests/system/test_bench.sh
TESTS_NEED += $(DEMO) $(BENCH) $(FIRMWARE_ELF)
