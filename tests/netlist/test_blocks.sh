#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Netlists of two small parts pass the unit benches of their RTL: FIFOs and memories, and the MAC's receiver. The whole NIC's netlist takes
# far longer: `make test-boards`.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
for part in lib_tb mac; do
	only='*'
	[ $part != mac ] || only='rx_*'
	tap_check "$part: synthesized" make -s NO_DEPS=1 "build/tests/netlist_$part"
	tap_check "$part: the netlist passes the bench" env TB_ONLY="$only" "build/tests/netlist_$part"
done
tap_check "a memory is block RAM" grep -q DP16KD build/netlist/lib_tb.v
tap_check "a counter has carries" grep -q CCU2C build/netlist/mac.v
tap_end
