# SPDX-License-Identifier: Apache-2.0
# The test runner tests itself.
TESTS_CHECK += tests/unit/runner/test_runner.sh
