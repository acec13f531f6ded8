# SPDX-License-Identifier: Apache-2.0
# The committed capture is what the demo needs.
TESTS_CHECK += tests/data/test_capture.sh
FORMAT_SRC += tests/data/pad.c
