#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# The core, placed and routed, reaches its 125 MHz. Whether the NIC fits its board is test_resources.sh's; its frequency takes far
# longer to find out: `make timing` and `make test-boards` do.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
core=build/timing/core/result.json
rm -f $core
make NO_DEPS=1 timing-core >"$tap_tmp/out" 2>&1
sed 's/^/# /' "$tap_tmp/out"

tap_check "the core reaches 125 MHz" jq -e '.limit_mhz == 125 and .reached' $core
tap_check "the core has at most 3500 look-up tables" jq -e '.lut4 <= 3500' $core
tap_end
