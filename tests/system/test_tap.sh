#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 200
# glane-tap: both rings, a daemon that does not answer, link and MTU that follow the context, new firmware, an interface that goes away,
# bad input, rest when there is nothing to do.
. host-driver/demo-net/net.sh
missing=$(net_missing ip ping jq)
[ -n "$missing" ] || net_enter "$0"
. tests/lib/tap.sh
tap_program=$net_tap_program
tap_refuses "a context is needed" "--context is missing" $tap_program --tap x
tap_refuses "an interface is needed" "--tap is missing" $tap_program --context 1
tap_refuses "an unknown ring is refused" "--ring is 'round'" $tap_program --context 1 --tap x --ring round
tap_refuses "a queue size that is no power of two" "power of two" $tap_program --context 1 --tap x --queue-size 100
tap_refuses "a word too many" "'more' is one word too many" $tap_program --context 1 --tap x more
tap_refuses "no daemon" "no glaned listens at $tap_tmp/none" $tap_program --context 1 --tap x --socket "$tap_tmp/none"
if [ -n "$missing" ]; then
	tap_skip "glane-tap at work" "$missing"
	tap_end
fi

ctl() { timeout 30 "$BUILD/host-driver/glanectl" --socket "$tap_tmp/glaned.sock" "$@"; }
pings() { net_in "$1" ping -n -q -c "${3-3}" -i 0.1 -W 10 "$2"; }
mtu_of() { net_in "$1" ip -j link show eth0 | jq '.[0].mtu'; }
carrier() { net_in "$1" ip -j link show eth0 | jq -r '.[0].flags | index("NO-CARRIER") == null'; }
soon() { # COMMAND... = WORD, within 15 s
	local word=${!#} end=$((SECONDS + 15)) said
	set -- "${@:1:$#-1}"
	while said=$("$@"); [ "$said" != "$word" ] && [ $SECONDS -lt $end ]; do sleep 0.2; done
	echo "$said"
}
counter() { # NAME KEY: of the driver's statistics
	local pid=net_tap_$1
	rm -f "$tap_tmp/$1.json"
	kill -USR1 "${!pid}"
	net_wait 5 "the driver's statistics" jq -e . "$tap_tmp/$1.json"
	jq ".$2" "$tap_tmp/$1.json"
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

net_begin "$tap_tmp"
printf '[nic]\n[context 1]\n[context 2]\n[context 3]\n' >"$tap_tmp/glaned.conf"
net_sim
net_daemon
net_wait 60 glaned ctl list
net_guest g1 1 11
net_guest g2 2 12 --ring split --queue-size 16
net_guest g3 3 13 --mtu 1300
tap_is "packed rings by default" "$(counter g1 packed)" true
tap_is "split rings when asked" "$(counter g2 packed)" false
tap_check "frames pass between them" pings g1 10.77.0.12
tap_check "also IPv6" pings g2 fd77::11
tap_is "the interface has the context's MAC address" "$(net_in g1 ip -j link show eth0 | jq -r '.[0].address')" "$(ctl show 1 --json | jq -r .mac)"
tap_is "and its MTU" "$(mtu_of g1)" 1500
tap_is "or less, if asked" "$(mtu_of g3)" 1300

# --- rest ---
sleep 1
before=$(ticks "$net_tap_g1")
sleep 2
tap_is "no work, no processor time" "$([ $(($(ticks "$net_tap_g1") - before)) -le 1 ] && echo yes)" yes

# --- a daemon that stands still ---
kill -STOP "$net_daemon_pid"
tap_check "frames pass while glaned does not answer" pings g1 10.77.0.12 20
kill -CONT "$net_daemon_pid"
tap_check "and afterwards" pings g1 10.77.0.12
tap_is "without a new beginning" "$(counter g1 restarts)" 0

# --- configuration ---
ctl context set 1 --link down >/dev/null
tap_is "the link goes down with the context's" "$(soon carrier g1 false)" false
ctl context set 1 --link up >/dev/null
tap_is "and comes up again" "$(soon carrier g1 true)" true
ctl context set 1 --mtu 1400 >/dev/null
tap_is "the MTU follows" "$(soon mtu_of g1 1400)" 1400
tap_check "frames pass" pings g1 10.77.0.12

# --- new firmware: the device is reset under its driver ---
tap_check "firmware is loaded anew" ctl firmware load "$net_firmware"
tap_check "the drivers bring their devices up again" pings g2 10.77.0.11 10
tap_is "once" "$(counter g1 restarts)" 1

# --- ends ---
net_in g3 ip link del eth0
wait "$net_tap_g3"
tap_is "an interface that is deleted ends it with status 1" "$?" 1
tap_check "in a sentence" grep -q "has been deleted" "$tap_tmp/g3.log"
kill -TERM "$net_daemon_pid"
wait "$net_daemon_pid" 2>/dev/null
sleep 0.5
tap_check "a daemon that ends is waited for" kill -0 "$net_tap_g1"
net_daemon
net_wait 60 glaned ctl list
owner() { ctl show 1 --json | jq -r .owner; }
tap_is "and its successor asked for the context" "$(soon owner attached)" attached
tap_check "frames pass" pings g2 10.77.0.11 10
tap_end
