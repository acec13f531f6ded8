#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# The host link end to end: libguestlane's suite on glane-hostlink, a cable (hostlink-relay: loss, repetition, delay, reordering, by a seed), and the RTL of the
# whole board in Verilator. Cables are veth pairs in a network namespace made here; HOSTLINK_CABLES=unix takes sockets instead. WHOLE=1 (`make test-hostlink`): the whole
# suite over a bad cable and over a good one, else the tests in TEST ('f*': firmware is loaded, guests exchange frames, hung firmware is replaced). SEED repeats a run.
# Throughput goes to build/hostlink/throughput.json.
. tests/lib/tap.sh
sim=build/sim
if [ -z "${HOSTLINK_INSIDE-}" ] && [ "${HOSTLINK_CABLES-veth}" = veth ]; then
	new="unshare -n"
	[ "$(id -u)" = 0 ] || new="unshare -Urn"
	if $new sh -c 'ip link add hl0 type veth peer name hl1' 2>/dev/null; then
		HOSTLINK_INSIDE=1 exec $new "$0"
	fi
	HOSTLINK_CABLES=unix
	echo "# no network namespace or no veth here: cables are sockets"
fi
tap_refuses "a host link needs an interface" "the interface is missing" $sim/glane-hostlink --socket x
tap_refuses "and a socket" "--socket is missing" $sim/glane-hostlink lo
tap_refuses "an interface that is not there is refused" "there is no interface 'nosuch'" $sim/glane-hostlink nosuch --socket x
tap_refuses "a board's address is checked" "--board is '02:47'" $sim/glane-hostlink lo --socket x --board 02:47
tap_refuses "a board needs a link" "--link is missing" $sim/board-sim

if [ "${HOSTLINK_CABLES-veth}" = veth ]; then
	for n in 0 2; do
		ip link add hl$n type veth peer name hl$((n + 1))
		ip link set hl$n up
		ip link set hl$((n + 1)) up
	done
	a=hl0 b=iface:hl1 c=iface:hl2 d=iface:hl3
else
	a=unix:$tap_tmp/a b=unix:$tap_tmp/a c=unix:$tap_tmp/b d=unix:$tap_tmp/b
fi
seed=${SEED:-$RANDOM}
echo "# seed $seed"

pids=
start() { # LOG COMMAND...
	local log=$tap_tmp/$1
	shift
	"$@" 2>"$log" &
	pids="$pids $!"
}
stop() { # the last one that was started, and waits for it
	set -- $pids
	eval "last=\$$#"
	kill "$last" 2>/dev/null
	wait "$last" 2>/dev/null
	pids=${pids% *}
}
trap 'kill $pids 2>/dev/null; rm -rf "$tap_tmp"' EXIT
number() { grep -o "\"$2\": [0-9]*" "$tap_tmp/$1" | tail -n 1 | grep -o '[0-9]*$'; }

# glane-hostlink, once it listens.
host() {
	start host.log $sim/glane-hostlink "$a" --silence 100 --socket "$tap_tmp/nic.sock" --stats-json "$tap_tmp/host.json"
	for _ in $(seq 400); do
		grep -q listening "$tap_tmp/host.log" && break
		sleep 0.5
	done
}
suite() { build/tests/device/suite --patience 600 --device "vfio-user:$tap_tmp/nic.sock"; }
# over CABLE [OPTION...]: the suite's tests in TEST over a cable with these options of the relay; a row of figures
mkdir -p build/hostlink
: >"$tap_tmp/rows"
over() {
	local cable=$1
	shift
	start board.log $sim/board-sim --link "$d" --stats "$tap_tmp/board.json"
	start relay.log $sim/hostlink-relay "$b" "$c" "$@" --seed "$seed" --stats "$tap_tmp/relay.json"
	host
	tap_check "the back ends' suite ($TEST) over a $cable cable" suite
	grep -E '^(ok|not ok) ' "$tap_tmp/.out" | sed 's/^/# /'
	stop
	stop
	stop
	jq -cn --arg cable "$cable" --arg tests "$TEST" --slurpfile b "$tap_tmp/board.json" --slurpfile r "$tap_tmp/relay.json" --slurpfile h "$tap_tmp/host.json" '
		$b[0] as $b | $r[0] as $r | $h[0] as $h | (8 * ($h.link.words_in + $h.link.words_out)) as $octets
		| {cable: $cable, tests: $tests, seed: $r.seed, tlps: ($h.nic.tlps_to_nic + $h.nic.tlps_from_nic), tlp_octets: $octets, cycles: $b.simulated, wall_s: $b.seconds,
		   octets_per_simulated_s: ($octets * 125000000 / $b.simulated | round), octets_per_wall_s: ($octets / $b.seconds | round),
		   frames: ($r.passed + $r.lost), lost: $r.lost, repeated: $r.repeated, late: $r.reordered, resent_by_host: $h.link.resent, resent_by_board: $h.board.resent,
		   sessions: $h.link.sessions}' >>"$tap_tmp/rows"
}
export TEST="${TEST-f*}"
good=${GOOD-frames_go_from_guest_to_guest}
[ -z "${WHOLE-}" ] || TEST='*' good='*'
over bad --loss 2 --repeat 2 --reorder 2 --delay 100 --jitter 20000
lost=$(number relay.json lost) repeated=$(number relay.json repeated) reordered=$(number relay.json reordered)
tap_check "frames were lost, repeated and overtaken: $lost, $repeated, $reordered of $(number relay.json passed)" \
	test "${lost:-0}" -gt 5 -a "${repeated:-0}" -gt 5 -a "${reordered:-0}" -gt 5
TEST=$good
over good
unset TEST
# The RTL alone with the host's part of the protocol: both sides in simulated time, the cable always full.
rm -f "$tap_tmp/bench"
tap_check "the cable's share that TLPs take, in simulated time" env REPORT="$tap_tmp/bench" TB_ONLY='*cable*' build/tests/hostlink
jq -n --slurpfile suite "$tap_tmp/rows" --slurpfile rtl "$tap_tmp/bench" '{suite: $suite, rtl: $rtl}' >build/hostlink/throughput.json
tap_is "build/hostlink/throughput.json has a row for each cable" "$(jq -r '[(.suite, .rtl | length)] | join(" ")' build/hostlink/throughput.json)" "2 7"
echo "# cable  tests   TLPs   TLP octets  MB/s while awake  kB/s of wall time  frames   lost  again by host/board"
jq -r '.suite[] | [.cable, .tests[:6], .tlps, .tlp_octets, .octets_per_simulated_s / 1e6, .octets_per_wall_s / 1e3, .frames, .lost, .resent_by_host, .resent_by_board] | @tsv' build/hostlink/throughput.json |
	awk -F '\t' '{ printf "# %-6s %-6s %7d %11d %17.1f %18.1f %7d %6d  %d/%d\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 }'
echo "# RTL alone, cable                        MB/s down    up  frames   lost  again by host/board"
jq -r '.rtl[] | [.cable, .down_octets_per_s / 1e6, .up_octets_per_s / 1e6, .frames, .lost, .resent_by_host, .resent_by_board] | @tsv' build/hostlink/throughput.json |
	awk -F '\t' '{ printf "# %-40s %8.2f %6.2f %7d %6d  %d/%d\n", $1, $2, $3, $4, $5, $6, $7 }'

# A second host, on the same cable, while the first one has the board.
start board.log $sim/board-sim --link "$d"
start relay.log $sim/hostlink-relay "$b" "$c"
start first.log $sim/glane-hostlink "$a" --socket "$tap_tmp/1.sock"
for _ in $(seq 200); do
	grep -q listening "$tap_tmp/first.log" && break
	sleep 0.5
done
tap_check "the board answers" grep -q "board 02:47:4c:00:00:01 has answered" "$tap_tmp/first.log"
if [ "${HOSTLINK_CABLES-veth}" = veth ]; then
	tap_refuses "a second program on one interface is refused" "another glane-hostlink has" $sim/glane-hostlink hl0 --socket "$tap_tmp/2.sock"
	start second.log $sim/glane-hostlink hl0 --mac 02:47:4c:00:00:99 --socket "$tap_tmp/2.sock"
	for _ in $(seq 200); do
		grep -q paired "$tap_tmp/second.log" && break
		sleep 0.5
	done
	tap_check "a second host is told that the board is paired" grep -q "is paired with another host" "$tap_tmp/second.log"
	tap_fails "and gets no socket" test -e "$tap_tmp/2.sock"
	stop
else
	tap_skip "a second host is told that the board is paired" "no interfaces"
fi
stop
stop
stop
tap_end
