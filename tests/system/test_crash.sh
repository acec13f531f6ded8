#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 420
# glaned is killed (-9) at random points, CRASHES times (100), while TCP runs between two guests and over context 0, and started again:
# contexts and drivers go on, no byte of the streams is wrong, nothing is leaked. Then a driver is killed: its context is free again.
# CRASH_SEED=n repeats the times.
. host-driver/demo-net/net.sh
missing=$(net_missing ip jq)
[ -n "$missing" ] || net_enter "$0"
. tests/lib/tap.sh
if [ -n "$missing" ]; then
	tap_skip "glaned killed under traffic" "$missing"
	tap_end
fi
crashes=${CRASHES:-100}
: "${CRASH_SEED:=$((RANDOM * 32768 + RANDOM))}"
RANDOM=$CRASH_SEED
echo "# CRASH_SEED=$CRASH_SEED CRASHES=$crashes"
stream=$BUILD/tests/stream

ctl() { timeout 20 "$BUILD/host-driver/glanectl" --socket "$tap_tmp/glaned.sock" "$@"; }
contexts() { ctl list --json 2>&1 | jq -c "[.contexts[] | select(.context <= 2) | $1]" 2>&1; }
files() { ls "/proc/$1/fd" 2>/dev/null | wc -l; }
resident() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"; }
private() { awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"; }
# "yes" if the second number is at most that many percent above the first
near() { if [ "$2" -le $(($1 + $1 * $3 / 100)) ]; then echo yes; else echo "$1, then $2"; fi; }
hold() { pgrep -x glane-hold | head -n 1; }
random_nap() { sleep "0.$(printf '%03d' $((RANDOM % $1)))"; }

# --- two guests, dom0, and a stream each way ---
net_begin "$tap_tmp"
printf '[nic]\ntap = glane0\n[context 0]\n[context 1]\n[context 2]\n' >"$tap_tmp/glaned.conf"
net_sim
net_daemon
net_wait 60 glaned test -S "$tap_tmp/glaned.sock"
net_wait 60 "dom0's TAP" net_in host ip link show glane0
net_address host glane0 100
net_guest g1 1 11
net_guest g2 2 12
# One restart first: what it needs for the first time is no leak.
kill -9 "$net_daemon_pid"
wait "$net_daemon_pid" 2>/dev/null
net_daemon
net_wait 20 "glaned after a restart" ctl list
sleep 1
resets=$(contexts .resets)
files_daemon=$(files "$net_daemon_pid") files_hold=$(files "$(hold)") files_sim=$(files "$net_sim_pid")
net_spawn g2 "$stream" serve 7001 >"$tap_tmp/serve1"
serve1=$!
net_spawn host "$stream" serve 7002 >"$tap_tmp/serve2"
serve2=$!
sleep 0.3
net_spawn g1 "$stream" send 10.77.0.12 7001 >"$tap_tmp/send1"
send1=$!
net_spawn g2 "$stream" send 10.77.0.100 7002 >"$tap_tmp/send2"
send2=$!
sleep 2
memory_hold=$(private "$(hold)") memory_sim=$(private "$net_sim_pid")

# --- the crashes ---
begun=$SECONDS
came_up=0
for i in $(seq "$crashes"); do
	# Every other time the daemon is killed in its work, else while it comes up.
	if [ $((i % 2)) = 0 ]; then
		net_wait 30 "glaned after $i crashes" ctl list
		came_up=$((came_up + 1))
		random_nap 900
	else
		random_nap 250
	fi
	kill -9 "$net_daemon_pid"
	wait "$net_daemon_pid" 2>/dev/null
	random_nap 300
	net_daemon
done
net_wait 30 "glaned after all crashes" ctl list
sleep 2
echo "# $crashes crashes in $((SECONDS - begun)) s"

# --- nothing has happened ---
tap_is "every restart came up that was waited for" "$came_up" $((crashes / 2))
tap_is "the contexts are up" "$(contexts .state)" '["live","live","live"]'
tap_is "they belong to whom they did" "$(contexts .owner)" '["tap","attached","attached"]'
tap_is "no device was reset" "$(contexts .resets)" "$resets"
tap_is "and none had a fault" "$(contexts .faults)" "[0,0,0]"
moved1=$(ctl stats --json | jq '[.contexts[] | select(.context == 0)][0].rx_frames')
sleep 2
moved2=$(ctl stats --json | jq '[.contexts[] | select(.context == 0)][0].rx_frames')
tap_is "context 0 receives" "$([ "$moved2" -gt "$moved1" ] && echo yes)" yes
kill -TERM $send1 $send2
for p in $send1 $send2 $serve1 $serve2; do
	timeout 60 tail --pid=$p -f /dev/null || kill $p
	wait $p
done
tap_is "every byte between the guests is right" "$(sed 's/^[0-9]* //' "$tap_tmp/serve1")" "bytes, all right"
tap_is "and all that was sent has come" "$(cut -d ' ' -f 1 "$tap_tmp/serve1")" "$(cut -d ' ' -f 1 "$tap_tmp/send1")"
tap_is "every byte over context 0 is right" "$(sed 's/^[0-9]* //' "$tap_tmp/serve2")" "bytes, all right"
tap_is "and all that was sent has come" "$(cut -d ' ' -f 1 "$tap_tmp/serve2")" "$(cut -d ' ' -f 1 "$tap_tmp/send2")"
echo "# between guests: $(cat "$tap_tmp/serve1"); over context 0: $(cat "$tap_tmp/serve2")"
tap_is "the daemon has no more descriptors than before" "$(near "$files_daemon" "$(files "$net_daemon_pid")" 0)" yes
tap_is "nor has glane-hold" "$(near "$files_hold" "$(files "$(hold)")" 0)" yes
tap_is "nor has glane-sim" "$(near "$files_sim" "$(files "$net_sim_pid")" 0)" yes
tap_is "one glane-hold runs" "$(pgrep -cx glane-hold)" 1
tap_is "glane-hold's memory has not grown" "$(near "$memory_hold" "$(private "$(hold)")" 20)" yes
tap_is "nor has glane-sim's" "$(near "$memory_sim" "$(private "$net_sim_pid")" 20)" yes
tap_is "the daemon is below 20 MiB" "$([ "$(resident "$net_daemon_pid")" -lt 20480 ] && echo yes || resident "$net_daemon_pid")" yes
kill -USR1 "$net_tap_g1" "$net_tap_g2"
net_wait 5 "the drivers' statistics" test -s "$tap_tmp/g2.json"
sleep 0.2
tap_is "the drivers saw no error and began nothing anew" "$(jq -sc 'map([.errors, .restarts])' "$tap_tmp/g1.json" "$tap_tmp/g2.json")" "[[0,0],[0,0]]"
tap_is "but went on with new daemons" "$(jq -s 'all(.resumed > 0)' "$tap_tmp/g1.json" "$tap_tmp/g2.json")" true

# --- a driver dies ---
kill -9 "$net_tap_g1"
wait "$net_tap_g1" 2>/dev/null
free_again() { [ "$(contexts .owner | jq -r '.[1]')" = none ]; }
tap_check "the context of a killed glane-tap is free again" net_wait 10 "context 1" free_again
tap_is "and its neighbours do not notice" "$(contexts .state | jq -c '[.[0], .[2]]')" '["live","live"]'
: >"$tap_tmp/g1.log"
net_guest g1 1 11 2>/dev/null
tap_check "another glane-tap takes it" net_in g1 ping -n -q -c 3 -i 0.1 -W 10 10.77.0.12
kill -TERM "$net_tap_g1"
wait "$net_tap_g1"
tap_is "and ends with status 0 when it is told to" "$?" 0
tap_check "its context is free again" net_wait 10 "context 1" free_again
tap_refuses "a context that does not exist is refused in a sentence" "context 9" \
	net_in g1 "$net_tap_program" --context 9 --tap eth9 --socket "$tap_tmp/glaned.sock"
tap_refuses "a context that belongs to another, too" "context 2 belongs to" \
	net_in g1 "$net_tap_program" --context 2 --tap eth9 --socket "$tap_tmp/glaned.sock"
tap_end
