#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 3600
# The netlist of the NIC, firmware in its block RAM included, moves the same frames in the same cycles as the RTL.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
make -s NO_DEPS=1 build/netlist/run-rtl build/netlist/run-netlist >"$tap_tmp/out" 2>&1 || sed 's/^/# /' "$tap_tmp/out"
for kind in rtl netlist; do
	tap_check "$kind: frames arrive where they must" env NET_RECORD="$tap_tmp/$kind.pcapng" "build/netlist/run-$kind"
	grep '^# cycles' "$tap_tmp/.out" >"$tap_tmp/$kind.cycles"
done
tap_check "the run took cycles" test -s "$tap_tmp/rtl.cycles"
tap_check "both take the same number of cycles" cmp "$tap_tmp/rtl.cycles" "$tap_tmp/netlist.cycles"
tap_check "both put the same octets on the wire in the same cycles" cmp "$tap_tmp/rtl.pcapng" "$tap_tmp/netlist.pcapng"
tap_check "the record has frames" test "$(stat -c %s "$tap_tmp/rtl.pcapng")" -gt 5000
tap_end
