# SPDX-License-Identifier: Apache-2.0
# Tests of the scripts in .ci and rtl/timing.
TESTS_CHECK += tests/unit/tools/test_deps.sh
TESTS_CHECK += tests/unit/tools/test_docs.sh
TESTS_NEED  += $(BUILD)/core-sim $(BUILD)/demo/glane-demo
TESTS_FULL  += tests/unit/tools/test_timing_tools.sh
