#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The system tests under Xen, run in the rig's dom0 with glaned driving the NIC; prints TAP:
#
#   steps.sh STEP...       view, attach, kill, crash, both, hostile, save, reboot; COUNT_ATTACH=10, COUNT_KILL=3, ... say how often,
#                          SEED=n repeats the times at which something is killed, TYPES="pv pvh" what guests there are
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/lib.sh"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"
RANDOM=$SEED
echo "# SEED=$SEED"
types=${TYPES:-pv pvh}
first_type=${types%% *} last_type=${types##* }
random_nap() { sleep "$(($1 * (RANDOM % 1000) / 1000000)).$(printf '%03d' $(($1 * (RANDOM % 1000) / 1000 % 1000)))"; }

# Two guests that stay, with a stream between them over their queues, and one from dom0 over context 0 (the software path's end of the NIC).
witnesses_begin() {
	tap_check "guest b ($first_type) has a queue" guest_ready b
	tap_check "guest c ($last_type) has a queue" guest_ready c
	stream_begin bc b c 12 7001 100
	stream_begin c0 c - 1 7002 100
	tap_check "a stream between them moves" wait_for 30 stream stream_moves bc 1
	tap_check "so does one to dom0" wait_for 30 stream stream_moves c0 1
}

witnesses_end() {
	tap_is "$1: every byte between the guests is right and none is missing" "$(stream_end bc)" "all right"
	tap_is "$1: so is every byte to dom0" "$(stream_end c0)" "all right"
}

guests_begin() {
	guest_image
	guest_config a "${types%% *}" 10
	guest_config b "$first_type" 11
	guest_config c "$last_type" 12
	ip address add 10.9.0.1/24 dev $bridge 2>/dev/null
	guest_create b && guest_create c
}

# The test of the tests: what is left on purpose must be seen.
step_view() {
	guest_ready b
	view "$tap_tmp/clean"
	id=$(xl domid b)
	for kind in grant channel permission node; do
		words=$("$here/dom0-leak" "$id" $kind) || { tap_check "leaks a $kind" false; continue; }
		view "$tap_tmp/leaked"
		jq -S "$view_compared" "$tap_tmp/clean" >"$tap_tmp/before"
		jq -S "$view_compared" "$tap_tmp/leaked" >"$tap_tmp/after"
		tap_fails "a leaked $kind is seen" cmp "$tap_tmp/before" "$tap_tmp/after"
		diff "$tap_tmp/before" "$tap_tmp/after" | sed 's/^/# /' | head -n 4
		# shellcheck disable=SC2086 # words of a list
		"$here/dom0-leak" undo $kind $words
	done
	view_is "after the leaks were taken back" "$tap_tmp/clean"
}

# Attaching and detaching to a running guest; every fourth time under traffic.
step_attach() {
	count=${COUNT_ATTACH:-10}
	witnesses_begin
	cat >"$tap_tmp/a.novif" <"$tap_tmp/a.cfg"
	sed -i '/^vif/d' "$tap_tmp/a.cfg"
	guest_create a
	wait_for 90 "guest a" in_guest a true
	# Once first: what it needs for the first time is no leak.
	attach_once 0 && done_count=0
	view "$tap_tmp/before.attach"
	begun=$(date +%s)
	for i in $(seq "$count"); do
		attach_once "$i" || break
		done_count=$i
	done
	echo "# $done_count times attached and detached in $(($(date +%s) - begun)) s"
	tap_is "attached and detached $count times" "$done_count" "$count"
	view_is "after $count times" "$tap_tmp/before.attach"
	tap_is "guest a's kernel has nothing to complain of" "$(guest_clean a)" ""
	xl destroy a
	witnesses_end "attach"
	mv "$tap_tmp/a.novif" "$tap_tmp/a.cfg"
}

attach_once() {
	if ! xl network-attach a mac="$(guest_mac 10)" bridge=$bridge script=vif-guestlane >"$tap_tmp/attach.log" 2>&1; then
		sed 's/^/# attach: /' "$tap_tmp/attach.log"
		return 1
	fi
	wait_for 40 "the queue of round $1" has_queue a || return 1
	handle=$(xl network-list a | awk 'NR > 1 { h = $1 } END { print h }')
	if [ $(($1 % 4)) = 0 ]; then
		guest_address a 10
		in_guest a 'timeout 20 ping -n -q -c 3 -i 0.2 -W 10 10.9.0.12' >"$tap_tmp/ping" 2>&1 || { sed 's/^/# ping: /' "$tap_tmp/ping"; return 1; }
		# Still flying when the queue goes.
		in_guest a 'setsid ping -n -q -f -w 20 10.9.0.12 >/dev/null 2>&1 &'
		random_nap 400
	fi
	if ! xl network-detach a "$handle" >"$tap_tmp/attach.log" 2>&1; then
		sed 's/^/# detach: /' "$tap_tmp/attach.log"
		return 1
	fi
	in_guest a 'pkill ping; true'
	no_queue() { ! has_queue a; }
	wait_for 30 "the queue of round $1 to go" no_queue
}

# The victim sends and receives when it is destroyed.
victim_begin() {
	guest_create a || return 1
	guest_ready a || return 1
	in_guest b 'setsid /rig/stream serve 7009 >/run/victim 2>&1 & sleep 0.2'
	in_guest a 'setsid /rig/stream send 10.9.0.11 7009 >/dev/null 2>&1 & setsid ping -n -q -f 10.9.0.12 >/dev/null 2>&1 & true'
	victim_flies() {
		v=$(vif_field a context)
		n=$(ctl stats --json | jq ".contexts[] | select(.context == $v) | .tx_frames")
		sleep 0.3
		[ "$(ctl stats --json | jq ".contexts[] | select(.context == $v) | .tx_frames")" -gt "$n" ]
	}
	wait_for 30 "frames of the victim" victim_flies
}

victim_end() {
	in_guest b 'pkill -f "stream serve 7009"; true'
}

step_kill() {
	count=${COUNT_KILL:-3}
	witnesses_begin
	victim_begin
	xl destroy a
	victim_end
	sleep 1
	view "$tap_tmp/before.kill"
	begun=$(date +%s)
	done_count=0
	for i in $(seq "$count"); do
		victim_begin || break
		random_nap 700
		xl destroy a
		victim_end
		done_count=$i
		if ! stream_moves bc 1; then
			echo "# round $i: the others' stream has stopped"
			break
		fi
	done
	echo "# $done_count guests killed in $(($(date +%s) - begun)) s"
	tap_is "guest killed with DMA in flight $count times" "$done_count" "$count"
	view_is "after $count kills" "$tap_tmp/before.kill"
	witnesses_end "kill"
}

daemon_kill() {
	kill -9 "$(daemon_pid)"
	[ "${1-}" = quick ] || random_nap 400
	daemon_start
}

# The daemon dies in its work and while it comes up, by turns.
step_crash() {
	count=${COUNT_CRASH:-6}
	witnesses_begin
	daemon_kill
	wait_for 60 "glaned after a restart" ctl list
	sleep 2
	view "$tap_tmp/before.crash"
	resets=$(ctl list --json | jq -c '[.contexts[].resets]')
	begun=$(date +%s)
	done_count=0
	for i in $(seq "$count"); do
		if [ $((i % 2)) = 0 ]; then
			wait_for 60 "glaned after $i crashes" ctl list || break
			random_nap 1500
		else
			random_nap 500
		fi
		daemon_kill
		done_count=$i
	done
	wait_for 60 "glaned after all crashes" ctl list
	echo "# $done_count crashes in $(($(date +%s) - begun)) s"
	tap_is "glaned killed $count times" "$done_count" "$count"
	tap_check "the stream between the guests goes on" wait_for 40 stream stream_moves bc 2
	tap_is "no device was reset" "$(ctl list --json | jq -c '[.contexts[].resets]')" "$resets"
	view_is "after $count crashes" "$tap_tmp/before.crash"
	tap_check "glaned is below 30 MiB" test "$(jq .memory "$tap_tmp/now")" -lt 30720
	witnesses_end "crash"
}

# Guest and daemon die together, in either order.
step_both() {
	count=${COUNT_BOTH:-3}
	witnesses_begin
	victim_begin
	xl destroy a
	victim_end
	sleep 1
	view "$tap_tmp/before.both"
	done_count=0
	for i in $(seq "$count"); do
		victim_begin || break
		random_nap 500
		if [ $((i % 2)) = 0 ]; then
			kill -9 "$(daemon_pid)"
			xl destroy a
		else
			xl destroy a &
			random_nap 300
			kill -9 "$(daemon_pid)"
			wait $!
		fi
		victim_end
		daemon_start
		wait_for 60 "glaned after round $i" ctl list || break
		done_count=$i
	done
	tap_is "guest and glaned killed together $count times" "$done_count" "$count"
	view_is "after $count times" "$tap_tmp/before.both"
	witnesses_end "both"
}

# A guest whose kernel is hostile, of each type in turn.
step_hostile() {
	seconds=${SECONDS_HOSTILE:-40}
	witnesses_begin
	for type in $types; do
		view "$tap_tmp/before.hostile"
		guest_words=blacklist=guestlane guest_config a "$type" 10
		guest_create a
		wait_for 90 "guest a" in_guest a true
		in_guest a 'rmmod guestlane 2>/dev/null; insmod /rig/hostile.ko seed=$1 seconds=$2' "$SEED" "$seconds"
		finished() { [ "$(in_guest a 'cat /sys/module/hostile/parameters/finished')" = 1 ]; }
		tap_check "$type: the hostile guest does all it wants for $seconds s" wait_for $((seconds + 90)) "the hostile guest" finished
		in_guest a 'cd /sys/module/hostile/parameters && grep . *' | tr '\n' ' ' >"$tap_tmp/hostile"
		echo "# $(cat "$tap_tmp/hostile")"
		said() { sed -n "s/.*\b$1:\([0-9]*\).*/\1/p" "$tap_tmp/hostile"; }
		tap_is "$type: nothing was written or mapped that is not its own" "$(said breaches)" 0
		tap_check "$type: it was connected, and refused" test "$(said connected)" -gt 0 -a "$(said refused)" -gt 0
		tap_check "$type: it reached page, rings and event channel" \
			test "$(said page_accesses)" -gt 1000 -a "$(said doorbells)" -gt 100 -a "$(said frames)" -gt 100 -a "$(said events)" -gt 1000
		tap_check "$type: the stream between the others goes on" wait_for 40 stream stream_moves bc 2
		tap_check "$type: and that to dom0" wait_for 40 stream stream_moves c0 2
		echo "# NIC: $(ctl stats --json | jq -c '.nic | {guard_faults, dev_bad_write, doorbell_ignored, dev_resets, doorbells}')"
		xl destroy a
		view_is "$type: after the hostile guest" "$tap_tmp/before.hostile"
	done
	guest_words='' guest_config a "${types%% *}" 10
	witnesses_end "hostile"
}

# The guest goes away and comes back, with a connection through its bond.
step_save() {
	for type in $types; do
		guest_config a "$type" 10
		guest_create a
		guest_ready a && guest_ready b
		view "$tap_tmp/before.save"
		stream_begin ab a b 11 7003 50
		tap_check "$type: a stream moves" wait_for 30 stream stream_moves ab 1
		tap_check "$type: xl pause, unpause" sh -c 'xl pause a && sleep 1 && xl unpause a'
		tap_check "$type: the stream goes on" wait_for 60 stream stream_moves ab 2
		tap_check "$type: xl save" timeout 300 xl save a "$tap_tmp/a.saved"
		tap_check "$type: nothing of it is left in dom0" no_vif a
		tap_check "$type: xl restore" timeout 300 xl restore "$tap_tmp/a.saved"
		rm -f "$tap_tmp/a.saved"
		tap_check "$type: it comes back to a queue" wait_for 90 "a queue" vif_is a direct
		tap_check "$type: the stream goes on" wait_for 90 stream stream_moves ab 2
		view_is "$type: after save and restore" "$tap_tmp/before.save"
		tap_check "$type: xl save -c" timeout 300 xl save -c a "$tap_tmp/a.saved"
		rm -f "$tap_tmp/a.saved"
		tap_check "$type: it is on a queue again" wait_for 90 "a queue" vif_is a direct
		tap_check "$type: the stream goes on" wait_for 90 stream stream_moves ab 2
		view_is "$type: after save -c" "$tap_tmp/before.save"
		tap_is "$type: no byte was lost" "$(stream_end ab)" "all right"
		tap_is "$type: the guest's kernel has nothing to complain of" "$(guest_clean a)" ""
		xl destroy a
	done
}

no_vif() { [ -z "$(vif_field "$1" handle)" ]; }

step_reboot() {
	guest_config a "${types%% *}" 10
	guest_create a
	guest_ready a
	view "$tap_tmp/before.reboot"
	id=$(xl domid a)
	tap_check "xl reboot" xl reboot -F a
	another() { [ "$(xl domid a)" != "$id" ]; }
	tap_check "a new domain" wait_for 120 "a new domain" another
	tap_check "has a queue again" guest_ready a
	view_is "after a reboot" "$tap_tmp/before.reboot"
	xl destroy a
}

: >"$tap_tmp/bad"
guests_begin
for step; do
	echo "# --- $step ---"
	step_begun=$(date +%s)
	"step_$step"
	echo "# $step: $(($(date +%s) - step_begun)) s"
done
tap_end
