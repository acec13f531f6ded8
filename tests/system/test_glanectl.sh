#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An evening with the NIC: glane-sim, glaned, glanectl and two network namespaces as guests, as docs/host-driver.md tells it. Every command of glanectl
# against the real daemon; nothing of the daemon is scripted here.
. tests/lib/tap.sh
if [ "$(id -u)" != 0 ] && [ -z "${IN_NAMESPACE-}" ] && unshare -Urn true 2>/dev/null; then
	IN_NAMESPACE=1 exec unshare -Urn "$0"
fi
build=build/host-driver
sim_socket=$tap_tmp/sim.sock
if ! unshare -n true 2>/dev/null || [ ! -c /dev/net/tun ]; then
	tap_skip "glanectl with a real NIC" "this kernel gives no network namespaces here; root has them"
	tap_end
fi
stop_all() {
	# shellcheck disable=SC2046 -- numbers
	kill $(jobs -p) 2>/dev/null
	wait 2>/dev/null
	rm -rf "$tap_tmp"
}
trap stop_all EXIT
ctl() { $build/glanectl --socket "$tap_tmp/glaned.sock" "$@"; }
# until_ok SECONDS COMMAND...: as soon as the command succeeds
until_ok() {
	until_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $until_end ] || return 1
		sleep 0.2
	done
}
field() { # FILTER ARGUMENT...: what jq says of glanectl --json
	field_filter=$1
	shift
	ctl --json "$@" 2>/dev/null | jq -r "$field_filter"
}
says() { # NAME WORDS ARGUMENT...
	says_name=$1 says_words=$2
	shift 2
	tap_check "$says_name" sh -c '"$@" 2>&1 | tee /dev/stderr | grep -qF -e "$0"' "$says_words" $build/glanectl --socket "$tap_tmp/glaned.sock" "$@"
}

build/sim/glane-sim --socket "$sim_socket" >"$tap_tmp/sim.log" 2>&1 &
until_ok 20 test -S "$sim_socket"
tap_is "list finds the NIC without a daemon" "$(ctl list 2>/dev/null | grep -c "vfio-user:$sim_socket")" 1
ctl list >/dev/null 2>&1
tap_is "and ends with status 3" $? 3
$build/glaned --device "vfio-user:$sim_socket" --firmware build/firmware/guestlane.fw --socket "$tap_tmp/glaned.sock" --state-dir "$tap_tmp" \
	>"$tap_tmp/glaned.log" 2>&1 &
tap_check "the daemon answers" until_ok 60 ctl show

says "list: the daemon drives it" "driven by glaned" list
says "show: firmware runs" "running, build" show
says "context add" "context 1 is created: idle, MAC address 02:00:00:00:00:01" context add 1 --mac 02:00:00:00:00:01
says "context add takes a free one" "MAC address 02:00:00:00:00:02" context add --mac 02:00:00:00:00:02
tap_is "two contexts" "$(field '.contexts | length' list)" 2
second=$(field '.contexts[] | select(.mac == "02:00:00:00:00:02").context' list)
tap_refuses "a MAC address twice" "02:00:00:00:00:01" ctl context add 7 --mac 02:00:00:00:00:01
tap_refuses "a context twice" "exists" ctl context add 1
tap_refuses "a context that is not there" "does not exist" ctl context remove 9
tap_refuses "a context beyond the NIC's" "this NIC has contexts 0 to 31" ctl show 32
says "context set" "context 1 is changed" context set 1 --tx-rate 50M --tx-burst 32KiB --weight 20
says "show has it in words" "50 Mb/s, 32 KiB at once" show 1
ctl context set 1 --tx-rate 0 --tx-burst 0 >/dev/null 2>&1
says "context disable" "disabled" context disable 1
tap_is "show: disabled" "$(field .state show 1)" disabled
says "context enable" "idle" context enable 1
tap_is "what set takes, show gives back" "$(ctl context set 1 --vlan trunk --vids 10,20-22 --untagged yes --promiscuous yes --json | jq -c '[.vlan, .vids, .untagged, .promiscuous]')" \
	'["trunk",[10,20,21,22],true,true]'
ctl context set 1 --vlan transparent --promiscuous no >/dev/null 2>&1
# The shapes that docs/control.md promises.
documented() { # N FILTER: what jq says of the Nth example
	awk -v n="$1" '/^```/ { if (inside) inside = 0; else if ($0 == "```json" && ++count == n) inside = 1; next } inside' docs/control.md | jq -c "$2"
}
keys='[keys[] | select(. != "peer")]'
tap_is "nic.show as documented" "$(ctl show --json | jq -c '.nic | [keys, (.firmware | keys), (.events | keys)]')" "$(documented 1 '[keys, (.firmware | keys), (.events | keys)]')"
tap_is "contexts as documented" "$(ctl show 1 --json | jq -c "$keys, (.queues[0] | keys)")" "$(documented 2 "$keys, (.queues[0] | keys)")"
tap_is "stats.get as documented" "$(ctl stats --json | jq -c '[keys, (.cycles | keys)]')" "$(documented 3 '[keys, (.cycles | keys)]')"
tap_is "all counters have names" "$(ctl stats 1 --json | jq -c '.contexts[0] | keys | length')" "$(($(sed -n '/^enum  *CSTAT/,/^enum/p' rtl/regs.def | grep -c '^item') + 1))"
says "selftest" "ok 1 - registers" selftest
ctl selftest >/dev/null 2>&1
tap_is "all of it passes" $? 0
says "firmware log" "firmware runs" firmware log
says "metrics" "guestlane_up 1" metrics
echo "no firmware" >"$tap_tmp/bad.fw"
tap_refuses "firmware that is none" "bad.fw" ctl firmware load "$tap_tmp/bad.fw"
tap_is "and the old one runs on" "$(field .nic.firmware.state show)" run
$build/glanectl --socket "$tap_tmp/glaned.sock" trace >"$tap_tmp/trace" 2>&1 &

# --- two guests ---
guest() { # CONTEXT NUMBER: a namespace with glane-tap; its process is in $tap_tmp/guest.NUMBER
	unshare -n sh -c "$build/glane-tap --context $1 --tap eth0 --socket '$tap_tmp/glaned.sock' & echo \$! >'$tap_tmp/guest.$2'; wait" >"$tap_tmp/guest$2.log" 2>&1 &
	until_ok 20 test -s "$tap_tmp/guest.$2" && guest_process=$(cat "$tap_tmp/guest.$2")
	until_ok 20 nsenter -t "$guest_process" -n ip link show eth0 || return 1
	nsenter -t "$guest_process" -n ip address add "10.0.0.$2/24" dev eth0
	nsenter -t "$guest_process" -n ip link set eth0 up
}
tap_check "guest 1" guest 1 1
tap_check "guest 2" guest "$second" 2
one=$(cat "$tap_tmp/guest.1")
live() { [ "$(field .state show 1)" = live ] && [ "$(field .state show "$second")" = live ]; }
tap_check "both are live" until_ok 30 live
says "show names the driver" "glane-tap, process $one" show 1
$build/glanectl --socket "$tap_tmp/glaned.sock" capture 1 -w "$tap_tmp/ping.pcapng" >/dev/null 2>"$tap_tmp/captured" &
capture=$!
tap_check "the capture begins" until_ok 20 grep -q capturing "$tap_tmp/captured"
tap_check "ping" nsenter -t "$one" -n ping -q -c 5 -i 0.2 -W 5 10.0.0.2
# The last answer may still be on its way to the capture's port.
until_ok 10 sh -c "[ \"\$(tshark -r '$tap_tmp/ping.pcapng' -Y icmp 2>/dev/null | wc -l)\" = 10 ]"
kill -TERM $capture
wait $capture
tap_is "the capture ends cleanly" $? 0
tap_is "with both directions of each ping" "$(tshark -r "$tap_tmp/ping.pcapng" -Y icmp -T fields -e icmp.type 2>/dev/null | sort -n | uniq -c | tr -s ' ' | tr '\n' ',')" " 5 0, 5 8,"
tap_check "its port is given back" until_ok 10 sh -c "[ \"\$($build/glanectl --socket '$tap_tmp/glaned.sock' --json list | jq '.contexts | length')\" = 2 ]"
tap_check "stats count frames" test "$(field '.contexts[0].tx_frames' stats 1)" -ge 5
(nsenter -t "$one" -n ping -q -i 0.05 -w 3 10.0.0.2 >/dev/null 2>&1 &)
tap_check "top sees the frames" test "$(field '.total.tx_frames_per_s > 1 and .core.firmware_cycles_per_frame > 10' top --once -d 1.5)" = true
says "firmware load, with guests" "runs" firmware load build/firmware/guestlane.fw
kill "$one" "$(cat "$tap_tmp/guest.2")"
idle() { [ "$(field .state show 1)" = idle ]; }
tap_check "a driver that ends leaves an idle context" until_ok 20 idle
says "context remove" "context 1 is removed; the NIC took" context remove 1
tap_check "trace has seen it come and go" until_ok 5 sh -c "grep -q ' attached ' '$tap_tmp/trace' && grep -q ' detached ' '$tap_tmp/trace' && grep -q ' removed ' '$tap_tmp/trace'"
$build/glanectl --socket "$tap_tmp/glaned.sock" top --json -d 0.2 >"$tap_tmp/top" 2>"$tap_tmp/top.said" &
top=$!
until_ok 10 test -s "$tap_tmp/top"
# The daemon goes away.
kill %2
wait $top
tap_is "top ends with status 3 when the daemon goes" $? 3
tap_check "and a sentence" grep -q "glaned has closed the connection" "$tap_tmp/top.said"
tap_end
