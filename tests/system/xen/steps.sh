#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The system tests under Xen, run in the rig's dom0 with glaned driving the NIC; prints TAP:
#
#   steps.sh STEP...       view, attach, kill, crash, both, hostile, save, reboot; COUNT_ATTACH=10, COUNT_KILL=3, ... say how often,
#                          or kill=3; SEED=n repeats the times at which something is killed, TYPES="pv pvh" what guests there are;
#                          daemon=FILE, a file beside this one, is the glaned from there on
#
# Two guests, b and c, stay through all steps: a stream from b to c over their queues, and one from c to dom0 by context 0. Guest a is the one
# that things are done to.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
. "$here/lib.sh"
: "${SEED:=$((RANDOM * 32768 + RANDOM))}"
RANDOM=$SEED
echo "# SEED=$SEED"
types=${TYPES:-pv pvh}
first_type=${types%% *} last_type=${types##* }
# random_nap MILLISECONDS: at most
random_nap() {
	nap=$(($1 * (RANDOM % 1000) / 1000))
	sleep "$((nap / 1000)).$(printf '%03d' $((nap % 1000)))"
}

witnesses_begin() {
	guest_image
	victim_image
	guest_config b "$first_type" 11
	guest_config c "$last_type" 12
	ip address add 10.9.0.1/24 dev $bridge 2>/dev/null
	# libxl gives its scripts 40 s, which a dom0 that guests keep from its only processor may not make.
	xl sched-credit2 -d 0 -w 8192 >/dev/null 2>&1
	tap_check "guest b ($first_type) has a queue" guest_begin b 11
	tap_check "guest c ($last_type) has a queue" guest_begin c 12
	stream_begin bc b c 12 7001 5
	stream_begin c0 c - 1 7002 2
	witnesses_go_on "from the beginning"
}

guest_begin() { guest_create "$1" && guest_ready "$1" "$2"; }

witnesses_go_on() {
	tap_check "$1: the stream between the guests moves" wait_for 120 stream stream_moves bc
	tap_check "$1: the stream to dom0 moves" wait_for 120 stream stream_moves c0
}

witnesses_end() {
	tap_is "every byte between the guests came and was right" "$(stream_end bc)" "all right"
	tap_is "every byte to dom0 came and was right" "$(stream_end c0)" "all right"
	guest_destroy b
	guest_destroy c
}

# The test of the tests: what is left on purpose must be seen.
step_view() {
	view "$tap_tmp/clean"
	id=$id_b
	for kind in grant channel permission node; do
		words=$("$here/dom0-leak" "$id" $kind) || { tap_check "leaks a $kind" false; continue; }
		view "$tap_tmp/leaked"
		tap_fails "a leaked $kind is seen" cmp "$tap_tmp/clean.compared" "$tap_tmp/leaked.compared"
		diff "$tap_tmp/clean.compared" "$tap_tmp/leaked.compared" | sed 's/^/# /' | head -n 6
		# shellcheck disable=SC2086 # words of a list
		"$here/dom0-leak" undo $kind $words
	done
	view_is "after the leaks were taken back" "$tap_tmp/clean"
}

# The ping to it.
victim_end() { { kill "$flying" && wait "$flying"; } 2>/dev/null; }

# Attaching and detaching to a running guest; every fourth time under traffic.
step_attach() {
	count=${COUNT_ATTACH:-10}
	guest_config a "$first_type" 10
	# Debian's netfront loses its 256 receive pages at each detachment, over netback as well (docs/xen.md): room for a hundred.
	sed -i '/^vif/d; s/memory = 160/memory = 352/; s/maxmem = 160/maxmem = 352/' "$tap_tmp/a.cfg"
	if ! guest_create a || ! guest_up a; then
		tap_check "guest a without a vif" false
		return
	fi
	# Once first: what it needs for the first time is no leak.
	done_count=0
	attach_once 0 || count=0
	view "$tap_tmp/before.attach"
	begun=$(date +%s)
	for i in $(seq "$count"); do
		round=$(date +%s)
		attach_once "$i" || break
		done_count=$i
		[ "$count" -lt 20 ] || echo "# round $i: $(($(date +%s) - round)) s"
	done
	echo "# $done_count times attached and detached in $(($(date +%s) - begun)) s"
	tap_is "attached and detached ${COUNT_ATTACH:-10} times" "$done_count" "${COUNT_ATTACH:-10}"
	view_is "after $count times" "$tap_tmp/before.attach"
	# Where it was seen before the first round of all, it would be no difference.
	tap_is "guest a may use no device's memory or interrupt" "$(jq -c '.permissions.a // {} | [.memory_pages // 0, .interrupts // 0]' "$tap_tmp/now")" "[0,0]"
	tap_is "guest a's kernel has nothing to complain of" "$(guest_clean a)" ""
	guest_destroy a
	witnesses_go_on attach
}

attach_once() {
	if ! timeout 300 xl network-attach a mac="$(guest_mac 10)" bridge=$bridge script=vif-guestlane gatewaydev=guestlane/pool=64 >"$tap_tmp/attach.log" 2>&1; then
		sed 's/^/# attach: /' "$tap_tmp/attach.log"
		return 1
	fi
	handle=$(xenstore-list "/local/domain/$id_a/device/vif" | tail -n 1)
	wait_for 120 "the queue of round $1" vif_runs a "$handle" || return 1
	if [ $(($1 % 4)) = 0 ]; then
		guest_address a 10 && wait_for 60 "guest a's answer" ping -n -q -c 1 -W 5 10.9.0.10 || return 1
		# Still flying when the queue goes.
		ping -n -q -i 0.05 10.9.0.10 >/dev/null 2>&1 &
		flying=$!
		random_nap 1000
	fi
	if ! timeout 300 xl network-detach a "$handle" >"$tap_tmp/attach.log" 2>&1; then
		sed 's/^/# detach: /' "$tap_tmp/attach.log"
		return 1
	fi
	[ $(($1 % 4)) != 0 ] || victim_end
	wait_for 120 "the queue of round $1 to go" no_vif a "$handle" || return 1
	# The guest's netfront waits for a back end to close that is there anew if the same handle is attached before it has let go: it waits for ever then.
	wait_for 120 "guest a to let go of round $1" in_guest a '[ ! -e "/sys/bus/xen/devices/vif-$1" ] && [ ! -e "/sys/bus/xen/devices/guestlane-$1" ]' "$handle"
}

# The victim sends and receives when it is destroyed. Every fifth is of the other type.
victim_begin() {
	if [ $(($1 % 5)) = 3 ]; then
		victim_config a "$last_type" 10 11
	else
		victim_config a "$first_type" 10 11
	fi
	guest_create a || return 1
	# It has no other interface than its queue's.
	wait_for 300 "the victim's answer" ping -n -q -c 1 -W 2 10.9.0.10 || return 1
	# Frames for it that come at the same pace whether it lives or not, for as long as it has buffers.
	ping -n -q -i 0.02 -s 1000 10.9.0.10 >/dev/null 2>&1 &
	flying=$!
}

# frames CONTEXT: that it has sent and received
frames() { ctl stats "$1" --json | jq -r '.contexts[0] | .tx_frames + .rx_frames'; }

# The domain is no more, whatever its toolstack would have done; then what that would have removed from xenstore.
guest_vanishes() {
	"$here/dom0-destroy" "$id_a" || return 1
	wait_for 120 "the domain's end" sh -c "! xl domid a" || return 1
	for node in /local/domain/0/backend/{console,vif,guestlane}/"$id_a" /local/domain/"$id_a" /libxl/"$id_a"; do
		xenstore-exists "$node" && xenstore-rm "$node"
	done
	return 0
}

# A guest that is paused does nothing any more; what its device still moves was under way. Every third one dies without a toolstack.
step_kill() {
	count=${COUNT_KILL:-3}
	view "$tap_tmp/before.kill"
	begun=$(date +%s)
	done_count=0 flying_count=0 stood=$(stream_bytes bc)
	: >"$tap_tmp/events"
	glanectl trace --json >"$tap_tmp/events" &
	events=$!
	for i in $(seq "$count"); do
		round=$(date +%s)
		victim_begin "$i" || break
		context=$(ctl vif list --json | jq '.vifs[] | select(.name == "a").context')
		random_nap 1000
		xl pause a
		at_pause=$(frames "$context")
		if [ $((i % 3)) = 2 ]; then
			how="by Xen"
			guest_vanishes || break
		else
			how="by xl destroy"
			guest_destroy a
		fi
		victim_end
		wait_for 60 "the event of its end" grep -q "of domain $id_a: removed" "$tap_tmp/events" || break
		at_end=$(sed -n "s/.*of domain $id_a: revoked; it had sent \\([0-9]*\\) frames and received \\([0-9]*\\).*/\\1 + \\2/p" "$tap_tmp/events")
		flown=$((at_end - at_pause))
		[ "$flown" -le 0 ] || flying_count=$((flying_count + 1))
		done_count=$i
		last=$stood stood=$(stream_bytes bc)
		echo "# round $i: guest $id_a ended $how, $at_pause frames when it stopped, $flown after that; others' stream +$((stood - last)) bytes; $(($(date +%s) - round)) s"
		if [ "$stood" -le "$last" ]; then
			echo "# round $i: the others' stream stands at $stood bytes"
			break
		fi
	done
	{ kill $events && wait $events; } 2>/dev/null
	echo "# $done_count guests killed in $(($(date +%s) - begun)) s; kills that met DMA in flight: $flying_count of $done_count"
	tap_is "guest killed $count times" "$done_count" "$count"
	tap_check "most kills met DMA in flight" test $((2 * flying_count)) -gt "$count"
	view_is "after $count kills" "$tap_tmp/before.kill"
	witnesses_go_on kill
}

daemon_kill() {
	daemon_end
	random_nap "${1:-1}"
	daemon_start
}

# The daemon dies in its work and while it comes up, by turns.
step_crash() {
	count=${COUNT_CRASH:-6}
	# A successor has other files open than the first.
	daemon_kill
	wait_for 120 "glaned after a restart" ctl list
	view "$tap_tmp/before.crash"
	resets=$(ctl list --json | jq -c '[.contexts[].resets]')
	begun=$(date +%s)
	done_count=0
	for i in $(seq "$count"); do
		if [ $((i % 2)) = 1 ]; then
			wait_for 120 "glaned after $((i - 1)) crashes" ctl list || break
			random_nap 1500
			daemon_kill 400
		else
			random_nap 700
			daemon_kill
		fi
		done_count=$i
	done
	wait_for 120 "glaned after all crashes" ctl list
	echo "# $done_count crashes in $(($(date +%s) - begun)) s"
	tap_is "glaned killed $count times" "$done_count" "$count"
	tap_is "no device was reset" "$(ctl list --json | jq -c '[.contexts[].resets]')" "$resets"
	view_is "after $count crashes" "$tap_tmp/before.crash"
	tap_check "glaned is below 30 MiB" test "${view_memory:-0}" -gt 0 -a "$view_memory" -lt 30720
	witnesses_go_on crash
}

# Guest and daemon die together, in either order.
step_both() {
	count=${COUNT_BOTH:-3}
	daemon_kill
	wait_for 120 "glaned after a restart" ctl list
	view "$tap_tmp/before.both"
	begun=$(date +%s)
	done_count=0
	for i in $(seq "$count"); do
		round=$(date +%s)
		victim_begin "$i" || break
		random_nap 500
		if [ $((i % 2)) = 0 ]; then
			daemon_end
			guest_destroy a
		else
			guest_destroy a &
			destroying=$!
			random_nap 300
			daemon_end
			wait $destroying
		fi
		victim_end
		daemon_start
		wait_for 120 "glaned after round $i" ctl list || break
		done_count=$i
		[ "$count" -lt 20 ] || echo "# round $i: $(($(date +%s) - round)) s"
	done
	echo "# $done_count times in $(($(date +%s) - begun)) s"
	tap_is "guest and glaned killed together $count times" "$done_count" "$count"
	view_is "after $count times" "$tap_tmp/before.both"
	witnesses_go_on both
}

# Of the contexts of guests b and c: faults, resets, states.
others() { ctl list --json | jq -c '[.contexts[] | select(.vif.name == "b" or .vif.name == "c") | [.context, .state, .faults, .resets, .vif.state]]'; }
# The driver has the device's queue when it is bound.
hostile_begin() {
	wait_for 120 "a queue of guest a" vif_runs a || return 1
	in_guest a 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/unbind && rmmod guestlane && insmod /rig/hostile.ko seed=$1 seconds=$2' "$SEED" "$1"
}

# A guest whose kernel is hostile, of each type in turn.
step_hostile() {
	seconds=${SECONDS_HOSTILE:-40}
	for type in ${TYPES_HOSTILE:-$types}; do
		view "$tap_tmp/before.hostile"
		guest_config a "$type" 10
		guest_create a && guest_up a
		counters=$(ctl stats --json) unharmed=$(others)
		begun=$(date +%s)
		tap_check "$type: hostile.ko takes the device" hostile_begin "$seconds"
		finished() { [ "$(in_guest a 'cat /sys/module/hostile/parameters/finished')" = 1 ]; }
		stood=$(stream_bytes bc)
		sleep $((seconds / 2))
		witnesses_go_on "$type: while it is at it"
		tap_check "$type: dom0 answers meanwhile" wait_for 60 "an answer" in_guest c 'ping -q -c 1 -W 5 10.9.0.1'
		tap_check "$type: the hostile guest does all it wants for $seconds s, and something of each kind" wait_for $((4 * seconds + 200)) "the hostile guest" finished
		echo "# the others' stream +$(($(stream_bytes bc) - stood)) bytes in $(($(date +%s) - begun)) s"
		in_guest a 'cd /sys/module/hostile/parameters && grep . *' | tr '\n' ' ' >"$tap_tmp/hostile"
		echo "# $(cat "$tap_tmp/hostile")"
		said() { sed -n "s/.*\b$1:\([0-9]*\).*/\1/p" "$tap_tmp/hostile"; }
		tap_is "$type: nothing was written or mapped that is not its own" "$(said breaches)" 0
		tap_check "$type: it was connected, and refused" test "$(said connected)" -gt 0 -a "$(said refused)" -gt 0
		tap_check "$type: it reached page, rings and event channel" \
			test "$(said page_accesses)" -gt 60 -a "$(said doorbells)" -gt 50 -a "$(said frames)" -gt 60 -a "$(said events)" -gt 500
		tap_is "$type: no other guest's device was reset, or met a fault" "$(others)" "$unharmed"
		# What the NIC has had to refuse meanwhile.
		ctl stats --json | jq -c --argjson before "$counters" '.nic | {guard_faults, dma_refused, dma_stopped, sw_drop_source, sw_from_ctx, dev_bad_write,
			doorbell_ignored, dev_resets, doorbells, revocations} | with_entries(.value -= $before.nic[.key])' >"$tap_tmp/refused"
		echo "# NIC: $(cat "$tap_tmp/refused")"
		tap_check "$type: the NIC refused wrong writes, addresses and senders" \
			jq -e '.dev_bad_write > 0 and .doorbell_ignored > 0 and .guard_faults > 0 and .sw_drop_source > 0' "$tap_tmp/refused"
		guest_destroy a
		view_is "$type: after the hostile guest" "$tap_tmp/before.hostile"
		witnesses_go_on "$type: hostile"
	done
}

# path_is NAME PATH: by which its frames go, direct or fallback
path_is() { [ "$(ctl vif list --json | jq -r --arg name "$1" '.vifs[] | select(.name == $name).path')" = "$2" ]; }
# The guest goes away and comes back, with a connection through its bond.
step_save() {
	for type in ${TYPES_SAVE:-$types}; do
		guest_config a "$type" 10
		guest_create a && guest_up a && wait_for 120 "a queue of guest a" vif_runs a
		# What udev and ifupdown would do.
		in_guest a 'ip address add 10.9.0.10/24 dev eth0; ip link set eth0 up
			setsid sh -c "while :; do guestlane-failover; sleep 1; done" >/run/failover.log 2>&1 </dev/null &
			for _ in $(seq 60); do guestlane-failover status | grep -q "by the NIC" && exit 0; sleep 1; done; cat /run/failover.log; exit 1' ||
			tap_check "$type: a bond" false
		view "$tap_tmp/before.save"
		stream_begin ab a b 11 7003 30
		tap_check "$type: a stream moves" wait_for 120 stream stream_moves ab
		tap_check "$type: xl pause, unpause" sh -c 'xl pause a && sleep 1 && xl unpause a'
		tap_check "$type: the stream goes on" wait_for 120 stream stream_moves ab
		tap_check "$type: xl save" timeout 600 xl save a "$tap_tmp/a.saved"
		tap_check "$type: nothing of it is left in dom0" no_vif a
		tap_check "$type: xl restore" timeout 600 xl restore "$tap_tmp/a.saved"
		rm -f "$tap_tmp/a.saved"
		guest_find a
		tap_check "$type: it comes back to a queue" wait_for 120 "a queue" vif_runs a
		tap_check "$type: and uses it" wait_for 120 "the way by the queue" path_is a direct
		tap_check "$type: the stream goes on" wait_for 180 stream stream_moves ab
		tap_check "$type: xl save -c" timeout 600 xl save -c a "$tap_tmp/a.saved"
		rm -f "$tap_tmp/a.saved"
		tap_check "$type: it is on a queue again" wait_for 120 "a queue" vif_runs a
		tap_check "$type: and uses it" wait_for 120 "the way by the queue" path_is a direct
		tap_check "$type: the stream goes on" wait_for 180 stream stream_moves ab
		view_is "$type: after save, restore and save -c" "$tap_tmp/before.save"
		tap_is "$type: no byte was lost" "$(stream_end ab)" "all right"
		tap_is "$type: the guest's kernel has nothing to complain of" "$(guest_clean a)" ""
		guest_destroy a
	done
	witnesses_go_on save
}

step_reboot() {
	guest_config a "$first_type" 10
	guest_begin a 10
	view "$tap_tmp/before.reboot"
	before=$id_a
	tap_check "xl reboot" timeout 120 xl reboot a
	another() { id=$(xl domid a) && [ "$id" != "$before" ]; }
	tap_check "a new domain" wait_for 300 "a new domain" another
	guest_find a
	tap_check "has a queue again" guest_ready a 10
	tap_check "and answers over it" wait_for 60 "an answer" ping -n -q -c 1 -W 2 10.9.0.10
	view_is "after a reboot" "$tap_tmp/before.reboot"
	guest_destroy a
	witnesses_go_on reboot
}

: >"$tap_tmp/bad"
witnesses_begin
for step; do
	echo "# --- $step ---"
	step_begun=$(date +%s)
	case $step in
	attach=* | kill=* | crash=* | both=*)
		name=${step%=*}
		declare "COUNT_${name^^}=${step#*=}"
		"step_$name"
		;;
	daemon=*) tap_check "another glaned: ${step#*=}" other_daemon "${step#*=}" ;;
	*) "step_$step" ;;
	esac
	echo "# $step: $(($(date +%s) - step_begun)) s"
done
witnesses_end
tap_end
