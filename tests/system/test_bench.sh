#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The bench: its JSON has what it promises, the NIC reaches what it must, bad input is refused in one sentence.
. tests/lib/tap.sh
bench=build/bench/glane-bench
json=$tap_tmp/bench.json

tap_check "64 and 1514, both directions, 1 and 32 contexts" \
	$bench --json "$json" --frame 64 --frame 1514 --contexts 1 --contexts 32 --direction both
sed 's/^/# /' "$tap_tmp/.out"
q() { jq -e "$1" "$json"; }
tap_check "bench.json has the clock and four cases" q '.clock_hz == 125000000 and (.cases | length) == 4'
tap_check "each case names itself" q 'all(.cases[]; .frame and .direction == "both" and .contexts)'
tap_check "each has cycles per frame, Gb/s and share of line rate for both directions" \
	q 'all(.cases[] | .transmit, .receive; .frames > 0 and .cycles_per_frame > 0 and .gbit_per_second > 0 and .line_rate_percent > 0)'
tap_check "each says where the cycles go: 100 % in all" \
	q 'all(.cases[].core_percent; .firmware + .dma_wait + .idle | . > 99.9 and . < 100.1)'
tap_check "each has the simulator's speed" q 'all(.cases[]; .sim_cycles_per_second > 0)'
# One frame more or less in the 400000 cycles that are measured is 0.4 % of 1514-octet frames.
tap_check "1514 octets: line rate in both directions, at most 1538 cycles per frame" \
	q 'all(.cases[] | select(.frame == 1514) | .transmit, .receive; .cycles_per_frame <= 1538 * 1.004)'
tap_check "1514 octets: nothing is lost" q 'all(.cases[] | select(.frame == 1514); .lost == 0)'
tap_check "64 octets: at most 250 cycles per frame and direction" \
	q 'all(.cases[] | select(.frame == 64) | .transmit, .receive; .cycles_per_frame <= 250)'
tap_check "32 contexts cost at most 10 % more than one" \
	q '[.cases[] | select(.frame == 64) | .transmit.cycles_per_frame + .receive.cycles_per_frame] | .[1] <= 1.1 * .[0]'

tap_check "one direction alone, split rings, 9014 octets" \
	$bench --json "$json" --frame 9014 --contexts 2 --direction receive --split
tap_check "has only that direction" q '.rings == "split" and (.cases[0] | .receive and (has("transmit") | not) and .lost == 0)'

refused() { # NAME WORDS COMMAND...
	refused_name=$1 refused_words=$2 refused_status=0
	shift 2
	"$@" >"$tap_tmp/said" 2>&1 || refused_status=$?
	tap_is "refused: $refused_name" \
		"$refused_status $(wc -l <"$tap_tmp/said") $(grep -cF -e "$refused_words" "$tap_tmp/said")" "2 1 1"
}
refused "frames that are too short" "from 64 to 9014" $bench --frame 63
refused "no contexts" "from 1 to 32" $bench --contexts 0
refused "a direction that does not exist" "transmit, receive or both" $bench --direction up
refused "an unknown option" "--fast" $bench --fast
refused "an option without its value" "needs a value" $bench --frame
refused "a file that cannot be written" "give another --json" $bench --json "$tap_tmp/a/b.json"
refused "firmware that is not there" "make all" $bench --json "$json" --firmware "$tap_tmp/none"
tap_end
