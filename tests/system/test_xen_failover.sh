#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 7200
# The other path of a guest, in real Xen with the real daemon and NIC: a TCP stream from a guest to a host behind the NIC's wire, and one between
# two guests, every octet of which is checked, go on while the queue goes and comes, the daemon dies, firmware is loaded, the NIC is lost and comes
# back, guests are saved, restored and migrated, vifs are attached and detached. A guest without our parts has netfront. After each move the log
# says how long the streams stood still, and how many pings were lost.
#
# STEPS="WORD...": which of the steps below; by default a few, with WHOLE=1 (make test-xen) all. HOTPLUG=N: how often a vif goes and comes (20).
# KEEP=FOLDER: the machine with its streams goes on, and another run with the same folder begins with its steps.
. tests/lib/tap.sh
images=${XEN_RIG_BUILD:-build/xen}
names="a guest's other path"
if [ ! -f build/qemuroot/.complete ] || [ ! -e "$images/failover/files.tar" ]; then
	tap_skip "$names" "there is no build/qemuroot (make qemuroot says why), or make xen-images has not been run"
	tap_end
fi
user=--map-root-user
[ "$(id -u)" != 0 ] || user=
# shellcheck disable=SC2086 # a word or none
if [ ! -c /dev/net/tun ] || ! unshare $user --net sh -c 'ip tuntap add probe0 mode tap' 2>/dev/null; then
	tap_skip "$names" "a TAP in a network namespace needs /dev/net/tun, and root or a kernel that lets users have namespaces"
	tap_end
fi
few="driver daemon checkpoint lost"
whole="plain driver module daemon firmware nic hotplug save checkpoint no_room pvh_save migrate reboot udev lost"
steps=${STEPS:-${WHOLE:+$whole}}
steps=${steps:-$few}
hotplug=${HOTPLUG:-20}
# The few steps do without the PVH guest.
pvh1=pvh1
[ "$steps" != "$few" ] || pvh1=
between="between guests"
[ -n "$pvh1" ] || between="from dom0"
rig() { timeout 600 sim/rig/xen/xen-rig -d failover-test "$@"; }
# In dom0: failover.sh COMMAND...
dom0() { rig run -t 500 'exec /root/failover/failover.sh "$@"' "$@"; }
outside=10.9.0.254
state=${KEEP:-$tap_tmp}
mkdir -p "$state"
finish() {
	if [ -z "${KEEP-}" ]; then
		rig stop
		# shellcheck disable=SC2086 # words
		kill $wire ${server-} 2>/dev/null
	fi
	rm -rf "$tap_tmp"
}
trap finish EXIT
lap() { echo "# $SECONDS s: $1"; }

# --- A host behind the wire: a namespace that outlives NICs ---

wire_begins() {
	# shellcheck disable=SC2086 # a word or none
	unshare $user --net sh -c 'ip link set lo up && ip tuntap add wire0 mode tap && ip address add "$1/24" dev wire0 && ip link set wire0 up && exec sleep 100000' sh $outside >/dev/null 2>&1 &
	wire=$!
	behind="nsenter ${user:+--user --preserve-credentials} --net -t $wire"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		$behind ip link show wire0 >/dev/null 2>&1 && break
		sleep 0.3
	done
	printf '#!/bin/sh\nexec %s %s/build/sim/glane-sim --wire tap:wire0 "$@"\n' "$behind" "$PWD" >"$state/sim"
	chmod +x "$state/sim"
	export XEN_RIG_SIM=$state/sim
	$behind build/tests/stream serve 7001 >"$state/serve" 2>&1 &
	server=$!
	printf '%s\n' "wire=$wire server=$server" "export XEN_RIG_SIM=$state/sim" >"$state/kept"
}

# --- Streams ---

# Octets of the stream to the outside, and of that between the guests.
outside_has() {
	local lines
	lines=$(wc -l <"$state/serve")
	kill -USR1 $server
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(wc -l <"$state/serve")" = "$lines" ] || break
		sleep 0.1
	done
	tail -n 1 "$state/serve" | cut -d ' ' -f 1
}
between_has() { dom0 received pv1 | grep '^[0-9]'; }
# moves outside|between [SECONDS]: it does, within that time
moves() {
	local before now end=$((SECONDS + ${2:-200}))
	before=$("$1_has")
	until now=$("$1_has") && [ "${now:-0}" -gt "${before:-0}" ]; do
		[ $SECONDS -lt $end ] || { echo "$1: still ${now:-no} octets"; return 1; }
		sleep 1
	done
}
both_move() { moves outside "$@" && moves between "$@"; }
# on GUEST NIC|netfront NAME: guest and daemon say so, and it is that interface that sends
on() { tap_check "$3" dom0 on "$1" "$2"; }

# look GUEST: answered and sent pings, and a pause, in one line
look() { dom0 look "$1" | tr '\n' ' '; }
lost() { echo "$(($4 - $2 - $3 + $1)) of $(($4 - $2)) pings lost"; }
# A measurement begins; took WORDS ends it, and says what the streams and pings saw since: to the outside, from the PV guest, and between the
# guests, from the PVH guest, or from dom0 to the PV guest. A second's rest, for pings that are under way.
begins() {
	outside_has >/dev/null
	outside_line=$(wc -l <"$state/serve")
	read -r pv1_answered pv1_sent _ < <(look pv1)
	[ -z "$pvh1" ] || read -r pvh1_answered pvh1_sent < <(look pvh1)
}
took() {
	local answered sent pause still
	tap_check "the streams live: $1" both_move
	sleep 1
	read -r answered sent pause < <(look pv1)
	outside_has >/dev/null
	still=$(tail -n +$((outside_line + 1)) "$state/serve" | sed -n 's/.* pause \(.*\) s$/\1/p' | sort -n | tail -n 1)
	echo "# moved: $1: to the outside $still s still, $(lost "$pv1_answered" "$pv1_sent" "$answered" "$sent")"
	[ -z "$pvh1" ] || read -r answered sent < <(look pvh1)
	echo "# moved: $1: $between $pause s still${pvh1:+, $(lost "$pvh1_answered" "$pvh1_sent" "$answered" "$sent")}"
	lap "$1"
}

# --- Guests with a queue ---

machine_begins() {
	rig stop
	wire_begins
	tap_check "the machine starts" rig start --snapshot guests || tap_end
	cp tests/system/xen/failover.sh "$images/failover/guest-glue.cpio" "$images/failover/files.tar" "$tap_tmp/"
	rig run 'cp /rig/guest.cpio /rig/plain.cpio'
	tap_check "our packages, and the daemon on the NIC" rig install
	tap_check "files for guests" rig put "$tap_tmp/failover.sh" "$tap_tmp/guest-glue.cpio" "$tap_tmp/files.tar" /root/failover
	dom0 begin
	# Nothing of ours is in them yet: netfront alone.
	for guest in pv1.11 ${pvh1:+pvh1.12}; do
		tap_check "${guest%.*} gets a vif" dom0 attach ${guest%.*} ${guest#*.}
		tap_check "frames flow to ${guest%.*} without our module: files by HTTP" dom0 files ${guest%.*} ${guest#*.}
	done
	lap "vifs"
	tap_is "the daemon says so" "$(rig run 'glanectl --json vif list | jq -r ".vifs[].path"' | sort -u)" fallback
	tap_check "and to the outside, by bridge and context 0" rig guest -t 100 pv1 "ping -n -q -c 3 -i 0.2 -W 20 $outside"
	for guest in pv1 $pvh1; do
		tap_check "$guest gets our module" dom0 module $guest
		tap_check "its two interfaces become one" dom0 path $guest NIC
	done
	dom0 serve pv1 7002
	dom0 send pv1 $outside 7001 8
	dom0 send ${pvh1:--} 10.9.0.11 7002 4
	tap_check "streams to the outside and between the guests" both_move
	dom0 pings pv1 $outside
	on pv1 NIC "the PV guest takes its queue"
	if [ -n "$pvh1" ]; then
		dom0 pings pvh1 10.9.0.11
		on pvh1 NIC "the PVH guest takes its queue"
		begins
		sleep 10
		took "nothing, for comparison"
	fi
	lap "streams"
}

# --- The steps ---

# A guest that never gets our module
step_plain() {
	tap_check "pv2 gets a vif" dom0 attach pv2 13
	tap_check "files by HTTP" dom0 files pv2 13
	tap_check "the other guests, one of them on a queue, answer it" rig guest -t 100 pv2 "ping -n -q -c 3 -W 20 10.9.0.11 && ping -n -q -c 3 -W 20 10.9.0.12"
}

step_driver() {
	begins
	tap_check "the driver of the PV guest is unbound" rig guest -t 200 pv1 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/unbind'
	on pv1 netfront "it goes on by netfront"
	tap_is "its status says that there is no queue" "$(rig guest pv1 'guestlane-failover status')" "vif 0: eth0, by netfront; netfront eth0nsby, queue none"
	took "driver of the PV guest unbound"
	begins
	tap_check "and bound" rig guest -t 200 pv1 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/bind'
	on pv1 NIC "it comes back to the queue"
	took "driver of the PV guest bound"
}

step_module() {
	begins
	tap_check "unbind and rmmod in the PVH guest" rig guest -t 300 pvh1 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/unbind && rmmod guestlane'
	on pvh1 netfront "it goes on by netfront"
	took "unbind and rmmod in the PVH guest"
	begins
	tap_check "insmod in the PVH guest" rig guest -t 300 pvh1 'insmod /rig/guestlane.ko'
	on pvh1 NIC "it comes back to the queue"
	took "insmod in the PVH guest"
}

# Contexts and rings go on, but the guests' interrupts wait.
step_daemon() {
	begins
	dom0 kill_daemon
	tap_check "the daemon comes up again" dom0 daemon
	on pv1 NIC "the guest has its queue all the time"
	took "daemon killed, and started"
}

step_firmware() {
	begins
	tap_check "firmware is loaded anew" rig run -t 300 'glanectl firmware load /usr/lib/guestlane/guestlane.fw'
	on pv1 NIC "the PV guest has its queue again"
	[ -z "$pvh1" ] || on pvh1 NIC "both have"
	took "firmware loaded"
}

# Its memory is not decoded for a while.
step_nic() {
	local nic
	nic=$(rig nic)
	begins
	tap_check "the NIC answers no more" rig run 'setpci -s "$1" COMMAND=0' "$nic"
	tap_check "the daemon ends" dom0 no_daemon
	tap_check "the PV guest goes over to netfront" dom0 path pv1 netfront
	tap_check "the stream between the guests goes on" moves between
	tap_check "the NIC answers again" rig run 'setpci -s "$1" COMMAND=6' "$nic"
	tap_check "the daemon comes up on it" dom0 daemon 120
	on pv1 NIC "the PV guest has a queue"
	[ -z "$pvh1" ] || on pvh1 NIC "both have"
	took "NIC lost, and found again"
}

step_hotplug() {
	local attached=0 round
	begins
	for round in $(seq "$hotplug"); do
		dom0 detach pv1 && dom0 attach pv1 11 && dom0 on pv1 NIC && moves outside && attached=$((attached + 1))
		[ "$round" != 1 ] || took "vif detached and attached"
	done
	tap_is "vif detached and attached $hotplug times under the streams" "$attached" "$hotplug"
	tap_check "both streams live" both_move
	tap_is "one bond, of two interfaces, has been all the time" "$(rig guest pv1 'cat /sys/class/net/bonding_masters; wc -w </sys/class/net/eth0/bonding/slaves')" "eth0
2"
	lap "hotplug"
}

# saved GUEST WORDS
saved() {
	begins
	tap_check "xl save and restore of the $2 guest" dom0 save_restore "$1"
	on "$1" NIC "the restored $2 guest is on its queue"
	took "save and restore of the $2 guest"
}
checkpointed() {
	begins
	tap_check "xl save -c of the $2 guest" dom0 checkpoint "$1"
	on "$1" NIC "the $2 guest goes on, on its queue"
	took "checkpoint of the $2 guest"
}
step_save() { saved pv1 PV; }
step_checkpoint() { checkpointed pv1 PV; }
step_pvh_save() { saved pvh1 PVH && checkpointed pvh1 PVH; }

step_no_room() {
	for guest in pv1 pvh1; do
		begins
		tap_check "xl save of $guest fails, for there is no room, and it answers" dom0 save_fails $guest
		on $guest NIC "$guest goes on, on its queue"
		took "save of $guest that failed"
	done
}

step_migrate() {
	begins
	tap_check "xl migrate of the PVH guest to this machine" dom0 migrate pvh1
	on pvh1 NIC "the migrated guest is on its queue"
	took "migration of the PVH guest"
}

# Connections of its own end with it; its image has our module by now.
step_reboot() {
	tap_check "the guest without our module reboots" dom0 reboot pv2
	tap_check "it has the module now, and a queue" rig guest -t 100 pv2 'for _ in $(seq 100); do ! guestlane-failover status | grep "queue [^n]" || break; sleep 0.5; done
		ip address add 10.9.0.13/24 dev eth0 && guestlane-failover && guestlane-failover status && ip link set eth0 up && ping -n -q -c 3 -W 20 10.9.0.12'
	tap_check "it is on the queue" dom0 path pv2 NIC
	lap "reboot"
}

# Debian's udev does it all.
step_udev() {
	tap_check "a guest with udev" dom0 udev_guest debian 14
	tap_check "loads the module by itself, and pairs its interfaces" dom0 path debian NIC 200
	tap_check "under Debian's name" rig guest debian "ip address show dev enX0 | grep 10.9.0.14 && ping -n -q -c 3 -W 20 $outside"
	tap_check "the vif goes" dom0 detach debian
	tap_check "and comes" dom0 attach debian 14
	tap_check "udev takes it into the bond" dom0 path debian NIC 200
	tap_check "with its address" rig guest -t 100 debian "ping -n -q -c 3 -W 20 $outside"
	tap_check "the guest shuts down" rig run 'xl destroy debian'
	lap "udev"
}

# For good: the stream between the guests goes on. With all steps the simulator is killed, which QEMU 11.1 does not always live through (an
# assertion in its vfio-user client); else the NIC's memory is not decoded any more.
step_lost() {
	local nic
	nic=$(rig nic)
	sent=$(dom0 sent pv1)
	timeout 200 tail --pid="$server" -f /dev/null || kill "$server"
	tap_is "every octet to the outside is right and none is missing" "$(tail -n 1 "$state/serve")" "${sent%% *} bytes, all right"
	if [ -n "$pvh1" ]; then
		tap_check "the NIC is lost" rig kill-nic nic
		sleep 5
		if grep -q 'Assertion.*errp' "$images/rigs/failover-test/qemu.log"; then
			tap_skip "guests go over to netfront" "QEMU ended with the simulator"
			tap_end
		fi
	else
		tap_check "the NIC is lost" rig run 'setpci -s "$1" COMMAND=0' "$nic"
	fi
	tap_check "the daemon ends" dom0 no_daemon
	tap_check "the PV guest goes over to netfront" dom0 path pv1 netfront
	[ -z "$pvh1" ] || tap_check "so does the PVH guest" dom0 path pvh1 netfront
	tap_check "the stream between them goes on" moves between
	read -r _ _ still < <(look pv1)
	echo "# moved: NIC lost: $between $still s still"
	for guest in pv1 $pvh1; do
		tap_check "$guest's kernel has nothing to complain of" rig guest $guest '! dmesg | grep -E "BUG|Oops|Call Trace"'
	done
	sent=$(dom0 sent ${pvh1:--})
	tap_is "every octet between the guests is right and none is missing" "$(dom0 verdict pv1)" "${sent%% *} bytes, all right"
	lap "NIC lost"
}

if [ -e "$state/kept" ]; then
	# shellcheck source=/dev/null
	. "$state/kept"
	rig put tests/system/xen/failover.sh /root/failover
else
	machine_begins
fi
for step in $steps; do
	"step_$step"
done
tap_check "Xen and dom0 logged no fault" rig check
tap_end
