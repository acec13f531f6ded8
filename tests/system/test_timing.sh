#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# `make timing` reaches its limits: the core 125 MHz, the NIC with 32 contexts 100 MHz, and both fit the part.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
rm -f build/timing/timing.json
make NO_DEPS=1 timing >"$tap_tmp/out" 2>&1
sed 's/^/# /' "$tap_tmp/out"

# of LABEL EXPRESSION: what jq says of that module
of() {
	jq -r --arg label "$1" ".modules[] | select(.label == \$label) | $2" build/timing/timing.json 2>/dev/null
}
tap_is "the core reaches 125 MHz" "$(of core '.limit_mhz == 125 and .reached')" true
tap_is "the NIC reaches 100 MHz" "$(of nic '.limit_mhz == 100 and .reached')" true
tap_is "the core has at most 3500 look-up tables" "$(of core '.lut4 <= 3500')" true
tap_is "the NIC's logic fits the part" "$(of nic '.trellis_comb <= .trellis_comb_available')" true
tap_is "the NIC's memories fit the part" "$(of nic '.dp16kd <= .dp16kd_available')" true
tap_end
