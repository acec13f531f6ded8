#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 2400
# The other path of a guest, in real Xen with the real daemon and NIC: a TCP stream from a guest to a host behind the NIC's wire, and one between
# two guests, every octet of which is checked, go on while the queue goes and comes, the daemon dies, firmware is loaded, the NIC is lost and comes
# back, guests are saved, restored and migrated, vifs are attached and detached. A guest without our parts has netfront.
#
# WHOLE=1 (make test-xen): with a guest whose udev does it all, save and migration of the PVH guest, 20 rounds of attaching; HOTPLUG=n: of these.
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
all=${WHOLE-}
hotplug=${HOTPLUG:-${all:+20}}
hotplug=${hotplug:-2}
rig() { timeout 600 sim/rig/xen/xen-rig -d failover-test "$@"; }
# In dom0: failover.sh COMMAND...
dom0() { rig run -t 500 'exec /root/failover/failover.sh "$@"' "$@"; }
outside=10.9.0.254
finish() {
	rig stop
	# shellcheck disable=SC2086 # words
	kill $wire ${server-} 2>/dev/null
	rm -rf "$tap_tmp"
}
trap finish EXIT

# --- The host behind the wire: a namespace that outlives NICs ---
# shellcheck disable=SC2086 # a word or none
unshare $user --net sh -c 'ip link set lo up && ip tuntap add wire0 mode tap && ip address add "$1/24" dev wire0 && ip link set wire0 up && exec sleep 100000' sh $outside &
wire=$!
behind="nsenter ${user:+--user --preserve-credentials} --net -t $wire"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	$behind ip link show wire0 >/dev/null 2>&1 && break
	sleep 0.3
done
printf '#!/bin/sh\nexec %s %s/build/sim/glane-sim --wire tap:wire0 "$@"\n' "$behind" "$PWD" >"$tap_tmp/sim"
chmod +x "$tap_tmp/sim"
export XEN_RIG_SIM=$tap_tmp/sim
$behind build/tests/stream serve 7001 >"$tap_tmp/serve" 2>&1 &
server=$!

# --- Streams ---
# Octets of the stream to the outside, and of that between the guests.
outside_has() {
	kill -USR1 $server
	sleep 0.3
	tail -n 1 "$tap_tmp/serve" | cut -d ' ' -f 1
}
between_has() { dom0 received pv1; }
# moves outside|between [SECONDS]: it does, within that time
moves() {
	local before now end=$((SECONDS + ${2:-100}))
	before=$("$1_has")
	while now=$("$1_has") && [ "${now:-0}" -le "${before:-0}" ]; do
		[ $SECONDS -lt $end ] || { echo "$1: still $now octets"; return 1; }
		sleep 1
	done
}
both_move() { moves outside "$@" && moves between "$@"; }
# on GUEST NIC|netfront NAME: guest and daemon say so, and it is that interface that sends
on() { tap_check "$3" dom0 on "$1" "$2"; }
lap() { echo "# $SECONDS s: $1"; }

# --- Guests with and without a queue ---
rig stop
tap_check "the machine starts" rig start --snapshot guests || tap_end
cp tests/system/xen/failover.sh "$images/failover/guest-glue.cpio" "$images/failover/files.tar" "$tap_tmp/"
rig run 'cp /rig/guest.cpio /rig/plain.cpio'
tap_check "our packages, and the daemon on the NIC" rig install
tap_check "files for guests" rig put "$tap_tmp/failover.sh" "$tap_tmp/guest-glue.cpio" "$tap_tmp/files.tar" /root/failover
dom0 begin
for guest in pv1.11 pvh1.12 pv2.13; do
	tap_check "${guest%.*} gets a vif" dom0 attach ${guest%.*} ${guest#*.}
done
lap "vifs"
# Nothing of ours is in them yet: netfront alone.
for guest in pv1.11 pvh1.12 pv2.13; do
	tap_check "frames flow to ${guest%.*} without our module: files by HTTP" dom0 files ${guest%.*} ${guest#*.}
done
tap_check "and to the outside, by bridge and context 0" rig guest -t 100 pv2 "ping -n -q -c 3 -i 0.2 -W 20 $outside"
tap_is "the daemon says so" "$(rig run 'glanectl --json vif list | jq -r ".vifs[].path"' | sort | uniq -c | tr -s ' ')" " 3 fallback"
for guest in pv1 pvh1; do
	tap_check "$guest gets our module" dom0 module $guest
	tap_check "its two interfaces become one" dom0 path $guest NIC
done
dom0 serve pv1 7002
dom0 send pv1 $outside 7001 40
dom0 send pvh1 10.9.0.11 7002 20
tap_check "streams to the outside and between the guests" both_move
on pv1 NIC "the PV guest takes its queue"
on pvh1 NIC "the PVH guest takes its queue"
lap "streams"

# --- The queue goes and comes ---
tap_check "the driver of the PV guest is unbound" rig guest -t 200 pv1 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/unbind'
on pv1 netfront "it goes on by netfront"
tap_is "its status says that there is no queue" "$(rig guest pv1 'guestlane-failover status')" "vif 0: eth0, by netfront; netfront eth0nsby, queue none"
tap_check "and bound" rig guest -t 200 pv1 'echo guestlane-0 >/sys/bus/xen/drivers/guestlane/bind'
on pv1 NIC "it comes back to the queue"
tap_check "rmmod and insmod in the PVH guest" rig guest -t 300 pvh1 'rmmod guestlane && insmod /rig/guestlane.ko'
on pvh1 NIC "it comes back to the queue, too"
lap "drivers"

# --- The daemon dies: nothing happens ---
dom0 kill_daemon
tap_check "streams move without a daemon" both_move
tap_check "the daemon comes up again" dom0 daemon
on pv1 NIC "the guest has its queue all the time"
lap "daemon"

# --- Firmware ---
tap_check "firmware is loaded anew" rig run -t 300 'glanectl firmware load /usr/lib/guestlane/guestlane.fw'
on pv1 NIC "it has its queue again"
on pvh1 NIC "both have"
lap "firmware"

# --- The NIC answers no more, and then again: its memory is not decoded ---
tap_check "the NIC answers no more" rig run 'setpci -s "$1" COMMAND=0' "$(rig nic)"
tap_check "the daemon ends" dom0 no_daemon
tap_check "the PV guest goes over to netfront" dom0 path pv1 netfront
tap_check "the stream between the guests goes on" moves between
tap_check "the NIC answers again" rig run 'setpci -s "$1" COMMAND=6' "$(rig nic)"
tap_check "the daemon comes up on it" dom0 daemon 120
on pv1 NIC "the PV guest has a queue"
on pvh1 NIC "both have"
lap "NIC"

# --- The vif goes and comes ---
attached=0
for _ in $(seq "$hotplug"); do
	dom0 detach pv1 && dom0 attach pv1 11 && dom0 on pv1 NIC && moves outside && attached=$((attached + 1))
done
tap_is "vif detached and attached $hotplug times under the streams" "$attached" "$hotplug"
tap_check "both streams live" both_move
lap "hotplug"

# --- The guest goes and comes ---
saved() { # GUEST WORDS
	tap_check "xl save and restore of the $2 guest" dom0 save_restore "$1"
	on "$1" NIC "the restored $2 guest is on its queue"
	tap_check "xl save -c of the $2 guest" dom0 checkpoint "$1"
	on "$1" NIC "the $2 guest goes on, on its queue"
}
saved pv1 PV
if [ -n "$all" ]; then
	saved pvh1 PVH
	tap_check "xl migrate of the PVH guest to this machine" dom0 migrate pvh1
	on pvh1 NIC "the migrated guest is on its queue"
fi
lap "save, restore"

# --- Debian's udev does it all ---
if [ -n "$all" ]; then
	tap_check "a guest with udev" dom0 udev_guest debian 14
	tap_check "loads the module by itself, and pairs its interfaces" dom0 path debian NIC 200
	tap_check "under Debian's name" rig guest debian "ip address show dev enX0 | grep 10.9.0.14 && ping -n -q -c 3 -W 20 $outside"
	tap_check "the vif goes" dom0 detach debian
	tap_check "and comes" dom0 attach debian 14
	tap_check "udev takes it into the bond" dom0 path debian NIC 200
	tap_check "with its address" rig guest -t 100 debian "ping -n -q -c 3 -W 20 $outside"
	lap "udev"
fi
# --- The NIC is lost for good: the stream between the guests goes on ---
to_outside() {
	sent=$(dom0 sent pv1)
	timeout 200 tail --pid=$server -f /dev/null || kill $server
	tap_is "every octet to the outside is right and none is missing" "$(tail -n 1 "$tap_tmp/serve")" "${sent%% *} bytes, all right"
}
to_outside
tap_check "the NIC is lost" rig kill-nic nic
tap_check "the daemon ends" dom0 no_daemon
tap_check "the PV guest goes over to netfront" dom0 path pv1 netfront
tap_check "so does the PVH guest" dom0 path pvh1 netfront
tap_check "the stream between them goes on" moves between
for guest in pv1 pvh1; do
	tap_check "$guest's kernel has nothing to complain of" rig guest $guest '! dmesg | grep -E "BUG|Oops|Call Trace"'
done
sent=$(dom0 sent pvh1)
tap_is "every octet between the guests is right and none is missing" "$(dom0 verdict pv1)" "${sent%% *} bytes, all right"
lap "NIC lost"
tap_check "Xen and dom0 logged no fault" rig check
tap_end
