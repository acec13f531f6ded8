#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 400
# The demo with network namespaces, as its user starts it: everything works, the report has its figures, the capture its frames; bad input
# is refused in a sentence; nothing stays behind, also when it is interrupted.
. host-driver/demo-net/net.sh
. tests/lib/tap.sh
demo=host-driver/demo-net/demo-net
tap_refuses "too many guests are refused" "--guests is '9'" $demo --guests 9
tap_refuses "no guests, too" "--guests is 'x'" $demo --guests x
tap_refuses "an unknown option" "'--wire' is no option" $demo --wire tap
tap_refuses "an option without its value" "lacks its value" $demo --seconds
missing=$(net_missing ip ping iperf3 curl python3 jq gnuplot dumpcap tshark sha256sum)
if [ -n "$missing" ]; then
	tap_skip "the demo" "$missing"
	tap_end
fi
out=$tap_tmp/out
q() { jq -r "$1" "$out/report.json" 2>&1; }
left() { pgrep -fc -- "$tap_tmp" || true; }
tap_check "the demo ends with status 0" $demo --guests 3 --seconds 2 --out "$out"
tap_is "report.json: every TCP stream has its throughput and its cycles" \
	"$(q '(.tcp | length) == 8 and all(.tcp[]; .mbit_s > 0.1 and .cycles_per_frame > 50 and .cycles_per_s > 0)')" true
tap_is "every ping has its times" "$(q '(.ping | length) == 4 and all(.ping[]; .rtt_ms.min > 0 and .rtt_ms.max >= .rtt_ms.avg)')" true
tap_is "nothing failed" "$(q .failed)" 0
tap_is "report.png is a PNG image" "$(head -c 8 "$out/report.png" | od -An -t x1 | tr -d ' ')" 89504e470d0a1a0a
tap_is "wire.pcapng has frames of the wire" "$(tshark -n -r "$out/wire.pcapng" -Y tcp -c 2000 2>/dev/null | head -n 20 | wc -l)" 20
tap_is "no process is left" "$(left)" 0
timeout --foreground -s INT 6 $demo --guests 2 --out "$tap_tmp/out2" >"$tap_tmp/interrupted" 2>&1
sleep 1
tap_is "nor after an interrupt" "$(left)" 0
tap_end
