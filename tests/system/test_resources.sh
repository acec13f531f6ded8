#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# The whole of the primary board, synthesized: fits its part, and takes no more than the budget in its board.json. Placing it
# takes far longer: `make test-boards`. Who needs more room on purpose changes the budget in the same commit.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
board=${BOARD:-versa_ecp5}
size=build/boards/$board/size.json budget=rtl/boards/$board/board.json
rm -f "$size"
make -s NO_DEPS=1 board-size BOARD="$board" >"$tap_tmp/out" 2>&1
sed 's/^/# /' "$tap_tmp/out"

tap_check "$board is synthesized" test -s "$size"
for what in $(jq -r '.budget | keys_unsorted[]' "$budget"); do
	limit=$(jq ".budget.$what" "$budget")
	tap_check "$what: $(jq ".$what" "$size") of at most $limit" jq -e ".$what <= $limit" "$size"
done
tap_check "the host link and the NIC are both in it" jq -e '[.blocks[].block] | contains(["dma", "host link", "core"])' "$size"
tap_check "the firmware is in its block RAM" grep -q "IMEM_INIT" "build/boards/$board/synth.ys"
tap_end
