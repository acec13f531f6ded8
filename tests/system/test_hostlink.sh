#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 900
# The host link end to end: libguestlane's suite on glane-hostlink, a bad cable (hostlink-relay: loss, repetition, delay, reordering, by a seed), and the RTL of the
# whole board in Verilator. Cables are veth pairs in a network namespace made here; HOSTLINK_CABLES=unix takes sockets instead. TEST in the environment says which tests
# of the suite run over the bad cable ('f*': firmware is loaded, guests exchange frames, hung firmware is replaced; '*' is all of it), SEED repeats a run.
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

start board.log $sim/board-sim --link "$d" --stats "$tap_tmp/board.json"
start relay.log $sim/hostlink-relay "$b" "$c" --loss 2 --repeat 2 --reorder 2 --delay 100 --jitter 20000 --seed "$seed" --stats "$tap_tmp/relay.json"
# glane-hostlink, once it listens.
host() {
	start host.log $sim/glane-hostlink "$a" --silence 100 --socket "$tap_tmp/nic.sock" --stats-json "$tap_tmp/host.json"
	for _ in $(seq 400); do
		grep -q listening "$tap_tmp/host.log" && break
		sleep 0.5
	done
}
suite() { build/tests/device/suite --patience 600 --device "vfio-user:$tap_tmp/nic.sock"; }
host
export TEST="${TEST-f*}"
tap_check "the back ends' suite ($TEST) passes over a bad cable" suite
stop
stop
stop
lost=$(number relay.json lost) repeated=$(number relay.json repeated) reordered=$(number relay.json reordered)
echo "# sent again, by host and board: $(grep -o '"resent": [0-9]*' "$tap_tmp/host.json" | grep -o '[0-9]*$' | tr '\n' ' ')times"
tap_check "frames were lost, repeated and overtaken: $lost, $repeated, $reordered of $(number relay.json passed)" \
	test "${lost:-0}" -gt 5 -a "${repeated:-0}" -gt 5 -a "${reordered:-0}" -gt 5

# A good cable: how fast.
start board.log $sim/board-sim --link "$d" --stats "$tap_tmp/board.json"
start relay.log $sim/hostlink-relay "$b" "$c"
host
TEST=frames_go_from_guest_to_guest
tap_check "frames of guests over a good cable" suite
unset TEST
stop
stop
stop
awk -F '[:,}]' '/cycles/ { seconds = $2; simulated = $6 } /"link"/ { octets = $5 + $9; frames = $3 + $7 }
	END { printf "# %d frames, %d octets on the host link in %d cycles of the board and %d s\n", frames, octets, simulated, seconds }' "$tap_tmp/board.json"

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
