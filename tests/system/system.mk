# SPDX-License-Identifier: Apache-2.0
# Tests of the product as a whole.
TESTS_FULL += tests/system/test_timing.sh
