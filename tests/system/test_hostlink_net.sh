#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1500
# The programs of a host on a board behind the host link: glaned by vfio-user, guests behind glane-tap with the kernel's TCP, and a host on the board's network port.
# The board is its RTL. With WHOLE=1 (`make test-hostlink`) the cable of the link loses, repeats and delays frames; LOSS, REPEAT, REORDER (percent) and JITTER (microseconds)
# in the environment say how many, SEED repeats it, SECONDS_TCP is how long iperf3 sends. Figures go to build/hostlink/net-loss*.json.
. host-driver/demo-net/net.sh
missing=$(net_missing ip ping jq iperf3 curl python3 sha256sum)
[ -n "$missing" ] || net_enter "$0"
. tests/lib/tap.sh
if [ -n "$missing" ]; then
	tap_skip "TCP over the host link" "$missing"
	tap_end
fi
seed=${SEED:-$RANDOM}
percent=${WHOLE:+2}
LOSS=${LOSS-${percent:-0}} REPEAT=${REPEAT-${percent:-0}} REORDER=${REORDER-${percent:-0}}
# Everything here takes many round trips of a link whose two ends wait for a processor.
NET_PATIENCE=10
echo "# seed $seed"
pings() { net_in "$1" ping -n -q -c 3 -i 0.1 -W 20 "$2"; }
# All counters at this moment, as one object.
snapshot() {
	rm -f "$tap_tmp"/{board,cable,link}.json
	kill -USR1 "$net_board_pid" "$net_cable_pid" "$net_link_pid"
	net_wait 20 "statistics" jq -e . "$tap_tmp/board.json" "$tap_tmp/cable.json" "$tap_tmp/link.json"
	jq -s '{board: .[0], cable: .[1], link: .[2]}' "$tap_tmp/board.json" "$tap_tmp/cable.json" "$tap_tmp/link.json"
}
# figures WHAT MBIT BEFORE AFTER: what happened between two snapshots
figures() {
	jq -n --arg what "$1" --argjson mbit "$2" --argjson a "$3" --argjson b "$4" '
		($b.board.simulated - $a.board.simulated) as $cycles | ($b.board.seconds - $a.board.seconds) as $wall
		| (8 * ($b.link.link.words_in + $b.link.link.words_out - $a.link.link.words_in - $a.link.link.words_out)) as $octets
		| {what: $what, tcp_mbit_s: $mbit, tlp_octets: $octets, cycles: $cycles, wall_s: $wall,
		   octets_per_simulated_s: ($octets * 125000000 / $cycles | round), octets_per_wall_s: ($octets / $wall | round),
		   frames: ($b.cable.passed - $a.cable.passed), lost: ($b.cable.lost - $a.cable.lost), repeated: ($b.cable.repeated - $a.cable.repeated),
		   late: ($b.cable.reordered - $a.cable.reordered),
		   resent_by_host: ($b.link.link.resent - $a.link.link.resent), resent_by_board: ($b.link.board.resent - $a.link.board.resent)}'
}

net_begin "$tap_tmp"
# A reset of the NIC is one of the link, which may take seconds over such a cable.
printf '[nic]\ntimeout = 300000\n[context 1]\n[context 2]\n' >"$tap_tmp/glaned.conf"
net_board --loss "$LOSS" --repeat "$REPEAT" --reorder "$REORDER" --delay 100 --jitter "${JITTER-5000}" --seed "$seed"
tap_check "glane-hostlink has found the board" grep -q "board 02:47:4c:00:00:01 has answered" "$tap_tmp/link.log"
net_daemon
net_wait 60 glaned grep -qE "started$|error" "$tap_tmp/glaned.log"
tap_check "glaned has started on it" grep -q "started$" "$tap_tmp/glaned.log"
net_guest g1 1 11
net_guest g2 2 12
tap_check "ping from guest to guest" pings g1 10.77.0.12
tap_check "ping from a guest to the host on the board's network port" pings g2 10.77.0.1

rows=()
tcp() { # WHAT FROM TO ADDRESS
	local before after mbit
	net_spawn "$3" iperf3 -s -1 >"$tap_tmp/server.log" 2>&1
	net_wait 10 "iperf3's server" sh -c "nsenter -t $(eval echo "\$net_pid_$3") -n -- ss -ltn | grep -q :5201"
	before=$(snapshot)
	tap_check "TCP from $1" sh -c "nsenter -t $(eval echo "\$net_pid_$2") -n -- timeout 240 iperf3 -c $4 -t ${SECONDS_TCP-3} --json >'$tap_tmp/iperf.json'"
	after=$(snapshot)
	mbit=$(jq '.end.sum_received.bits_per_second / 1e4 | round / 100' "$tap_tmp/iperf.json")
	tap_check "with some throughput: ${mbit:=0} Mb/s" jq -ne "$mbit > 0.01"
	rows+=("$(figures "$1" "$mbit" "$before" "$after")")
}
tcp "guest to guest" g1 g2 10.77.0.12
tcp "guest to wire" g1 wire 10.77.0.1

mkdir "$tap_tmp/www"
head -c "${FILE_BYTES-200000}" /dev/urandom >"$tap_tmp/www/file"
net_spawn g2 python3 -m http.server --bind 10.77.0.12 --directory "$tap_tmp/www" 8080 >"$tap_tmp/http.log" 2>&1
net_wait 20 "the HTTP server" net_in g1 curl -s -m 10 -o /dev/null -I http://10.77.0.12:8080/
before=$(snapshot)
tap_check "a file by HTTP" net_in g1 timeout 500 curl -sS -o "$tap_tmp/copy" http://10.77.0.12:8080/file
after=$(snapshot)
tap_is "with the same hash" "$(sha256sum <"$tap_tmp/copy")" "$(sha256sum <"$tap_tmp/www/file")"
rows+=("$(figures "file by HTTP, guest to guest" null "$before" "$after")")
if [ "$LOSS" != 0 ]; then
	tap_check "the cable has lost, repeated and delayed frames" jq -ne "$after | .cable | .lost > 5 and .repeated > 5 and .reordered > 5"
fi
tap_is "one session carried all of it" "$(jq -n "$after | .link.link.sessions")" 1
tap_is "no driver saw an error of the device" "$(for g in g1 g2; do
	pid=net_tap_$g
	kill "${!pid}"
	wait "${!pid}" 2>/dev/null
	jq .errors "$tap_tmp/$g.json"
done | tr '\n' ' ')" "0 0 "

mkdir -p "$BUILD/hostlink"
out=$BUILD/hostlink/net-loss$LOSS.json
jq -n --argjson seed "$seed" --argjson counters "$after" --slurpfile rows <(printf '%s\n' "${rows[@]}") '{seed: $seed, rows: $rows, counters: $counters}' >"$out"
echo "# traffic                        TCP Mb/s  TLP octets  kB/s simulated  kB/s wall  frames   lost  again by host/board"
jq -r '.rows[] | [.what, .tcp_mbit_s // 0, .tlp_octets, (.octets_per_simulated_s / 1e3 | round), (.octets_per_wall_s / 1e3 | round), .frames, .lost, .resent_by_host, .resent_by_board] | @tsv' "$out" |
	awk -F '\t' '{ printf "# %-30s %8.2f %11d %15d %10d %7d %6d  %d/%d\n", $1, $2, $3, $4, $5, $6, $7, $8, $9 }'
tap_end
