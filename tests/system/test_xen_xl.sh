#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 900
# What an administrator does, in real Xen and a dom0 with systemd: our package installed, upgraded under traffic, removed; xl create from the examples,
# pause, reboot, shutdown, each with frames on the queue; refusals as xl prints them; the daemon killed; nothing is left of anything. With WHOLE=1 (make test-xen)
# also a PVH guest with all its memory, the options of the vif line, network-attach, -list, -detach, VLANs, destroy. Skipped, with the reason, where
# the rig's root or images could not be made.
. tests/lib/tap.sh
rig() { timeout 400 sim/rig/xen/xen-rig -d test-xl "$@"; }
trap 'rig stop >/dev/null 2>&1; rm -rf "$tap_tmp"' EXIT
if [ ! -f build/qemuroot/.complete ] || ! ls build/trixie/deb/guestlane_*.deb >/dev/null 2>&1 || [ ! -e build/xen/glue/guestlane.ko ]; then
	tap_skip "xl with our script" "the root with Xen or our packages for it are not there (make xen-images says why)"
	tap_end
fi
dom0() { rig run -t 300 "$@"; }
# value COMMAND...: what dom0 prints, in one line
value() { dom0 "$@" 2>&1 | tr '\n' ' ' | sed 's/ $//'; }
# xl_says COMMAND: in dom0, once more if libxl's patience with scripts (40 s) was too short for a busy machine
xl_says() {
	for _ in 1 2 3; do
		dom0 "$1" >"$tap_tmp/xl" 2>&1
		status=$?
		grep -q 'because of timeout' "$tap_tmp/xl" || break
	done
	cat "$tap_tmp/xl"
	return $status
}
# refuses NAME WORDS COMMAND: it fails, and the words are in what xl says
refuses() { tap_refuses "$1" "$2" xl_says "$3"; }
# vif NAME FILTER: what the daemon knows of a guest's vif, as pv1.0, through jq
vif() { dom0 'glanectl --json vif list' | jq -r --arg name "${1%.*}" --argjson handle "${1#*.}" ".vifs[] | select(.name == \$name and .handle == \$handle) | $2"; }
# becomes SECONDS VALUE COMMAND...: until what the command prints is the value; prints the last one
becomes() {
	end=$((SECONDS + $1)) wanted=$2
	shift 2
	while got=$("$@") && [ "$got" != "$wanted" ] && [ $SECONDS -lt $end ]; do sleep 1; done
	printf '%s\n' "$got"
}
# In a guest: pings by the interface with that MAC address and driver (virtio_net: the queue; vif: netfront), which gets an address.
in_guest='driver=$1 mac=$2 address=$3 to=$4 found=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	for interface in /sys/class/net/*; do
		of=$(readlink "$interface/device/driver") && [ "${of##*/}" = "$driver" ] && [ "$(cat "$interface/address")" = "$mac" ] && found=${interface##*/}
	done
	[ -z "$found" ] || break
	sleep 1
done
[ -n "$found" ] || { echo "there is no interface of $driver with $mac"; exit 1; }
ip address replace "$address/24" dev "$found"
ip link set "$found" up
# What comes first may go the other path: the switch learns from what is sent where the guest is.
for _ in 1 2 3 4 5 6; do
	ping -I "$found" -c 1 -W 10 "$to" >/dev/null 2>&1 && break
done
ping -I "$found" -c 3 -i 0.2 -W 30 "$to"'
# pings GUEST DRIVER MAC ADDRESS TO
pings() { rig guest -t 200 "$1" "$in_guest" "$2" "$3" "$4" "$5"; }
# left: domains, netback's interfaces, vifs' nodes of both kinds, journals of grants, contexts that there are
left() {
	value 'echo domains $(xl list | tail -n +2 | wc -l), netback $(ls /sys/class/net | grep -c ^vif), vifs $(xenstore-ls -f /local/domain/0/backend | grep -c "^/local/domain/0/backend/vif/[0-9]*/[0-9]* "), \
		queues $(xenstore-ls -f /local/domain/0/backend | grep -c "^/local/domain/0/backend/guestlane/[0-9]*/[0-9]* "), sets $(ls /run/guestlane/*.vifs | cut -d . -f 1 | sort -u | wc -l), contexts $(glanectl --json list | jq ".contexts | length")'
}
both='domains 3, netback 2, vifs 2, queues 2, sets 2, contexts 3'
one='domains 2, netback 1, vifs 1, queues 1, sets 1, contexts 2'
none='domains 1, netback 0, vifs 0, queues 0, sets 0, contexts 1'
script='bridge=xenbr0,script=vif-guestlane'
a=00:16:3e:00:00:01 b=00:16:3e:00:00:03

rig stop
if ! rig start --dom0 systemd >"$tap_tmp/start" 2>&1; then
	tap_check "Xen starts" cat "$tap_tmp/start" false
	tap_end
fi
tap_check "our package is installed" rig install
tap_is "its unit runs" "$(value 'systemctl is-enabled glaned; systemctl is-active glaned; systemctl show -p Result glaned')" "enabled active Result=success"
tap_check "glanectl reaches it" dom0 'glanectl list'
dom0 'mkdir -p /var/lib/guests && ln -s /boot/vmlinux /var/lib/guests/vmlinuz && ln -s /rig/guest.cpio /var/lib/guests/initrd.img && cp /root/install/examples/*.cfg /root
	sed -i "s/^extra .*/extra = \"console=hvc0 quiet cryptomgr.notests\"/" /root/*.cfg
	for n in 0 1 2 3; do ip address add 10.0.$n.1/24 dev xenbr0; done'

# --- create; refusals while the guests boot ---
tap_check "create the PV example" xl_says 'xl create /root/pv1.cfg'
all=$one
[ -z "${WHOLE-}" ] || all=$both
[ -z "${WHOLE-}" ] || tap_check "create the PVH example with options" xl_says \
	"xl create /root/pvh1.cfg max_grant_frames=160 \"vif=['mac=$b,$script,rate=50Mb/s,gatewaydev=guestlane/weight=32/memory=whole']\""
# An attachment that was refused stays in network-list until it is detached.
attach='bridge=xenbr0 script=vif-guestlane'
refused() { echo "xl network-attach pv1 mac=${2:-00:16:3e:00:00:09} $attach $1; status=\$?; xl network-detach pv1 1; exit \$status"; }
refuses "an unknown option, create" "script: vif line: there is no option 'wieght=3' behind guestlane/" \
	"xl create /root/pv2.cfg \"vif=['mac=00:16:3e:00:00:09,$script,gatewaydev=guestlane/wieght=3']\""
refuses "a bridge that is not there" "script: Could not find bridge device none0" "$(refused rate=1Mb/s | sed 's/xenbr0/none0/')"
refuses "a list of VLANs" "script: vif line: vlan is '10p/20'" "$(refused vlan=10p/20)"
refuses "a NIC that is not there" "script: no context of the NIC for this vif: no glaned listens at /run/guestlane/second.sock" "$(refused gatewaydev=guestlane/nic=second)"
refuses "the MAC address of another" "script: no context of the NIC for this vif: context 1 has mac $a already" "$(refused '' $a)"
dom0 'while glanectl context add; do :; done' >"$tap_tmp/fill" 2>&1
# Of another guest: what a PV guest had before is kept for it.
refuses "contexts used up, create" "script: no context of the NIC for this vif: all 32 contexts of the NIC are in use" 'xl create /root/pv2.cfg'
dom0 'for i in $(glanectl --json list | jq ".contexts[] | select(.owner == \"none\") | .context"); do glanectl context remove $i || exit 1; done' >"$tap_tmp/fill" 2>&1 || sed 's/^/# /' "$tap_tmp/fill"

# --- on the queue ---
tap_is "the PV guest's queue" "$(becomes 240 'connected pool' vif pv1.0 '"\(.state) \(.memory)"')" "connected pool"
tap_is "nothing is left of what was refused" "$(becomes 240 "$all" left)" "$all"
tap_check "pings dom0" pings pv1 virtio_net $a 10.0.0.11 10.0.0.1
tap_is "its path is the NIC's" "$(vif pv1.0 .path)" direct
tap_is "its netback is on the bridge" "$(value 'sed -n s/INTERFACE=//p /sys/class/net/vif1.0/master/uevent')" xenbr0

if [ -n "${WHOLE-}" ]; then
	tap_is "the PVH guest's queue, with all its memory" "$(becomes 240 'connected whole' vif pvh1.0 '"\(.state) \(.memory)"')" "connected whole"
	tap_check "more than 60000 pages of it" test "$(vif pvh1.0 .grants)" -gt 60000
	tap_check "pings dom0" pings pvh1 virtio_net $b 10.0.0.13 10.0.0.1
	tap_check "pings the other" pings pvh1 virtio_net $b 10.0.0.13 10.0.0.11
	tap_is "its options are in the NIC" "$(dom0 'glanectl --json show 2' | jq -c '[.mac, .tx_rate, .weight, .vlan]')" "[\"$b\",50000000,32,\"transparent\"]"

	# --- network-attach, -list, -detach: a VLAN of two, and one by netback alone ---
	tap_check "network-attach with vlan, PV" dom0 "xl network-attach pv1 mac=00:16:3e:00:01:01 $attach vlan=10"
	tap_check "network-attach with vlan, PVH" dom0 "xl network-attach pvh1 mac=00:16:3e:00:01:03 $attach gatewaydev=guestlane/vlan=10/weight=7"
	tap_check "network-attach by netback alone" dom0 "xl network-attach pv1 mac=00:16:3e:00:02:01 $attach gatewaydev=guestlane/path=software"
	refuses "network-attach with a key of ours outside gatewaydev" "unrecognized argument" "xl network-attach pv1 mac=00:16:3e:00:00:09 $attach weight=5"
	tap_is "network-list" "$(value "xl network-list pv1 | awk 'NR > 1 { print \$3 }'")" "$a 00:16:3e:00:01:01 00:16:3e:00:02:01"
	tap_is "vif list" "$(dom0 'glanectl --json vif list' | jq -r '.vifs[] | "\(.name).\(.handle)"' | sort | tr '\n' ' ')" "pv1.0 pv1.1 pvh1.0 pvh1.1 "
	tap_is "a VLAN is an access port's" "$(dom0 'glanectl --json show 4' | jq -c '[.vlan, .vid, .weight]')" '["access",10,7]'
	# The first ping gives the second interface its address; nobody answers yet.
	rig guest pvh1 "$in_guest" virtio_net 00:16:3e:00:01:03 10.0.1.13 10.0.1.13 >/dev/null
	tap_check "ping in the VLAN, from queue to queue" pings pv1 virtio_net 00:16:3e:00:01:01 10.0.1.11 10.0.1.13
	tap_fails "not out of it" rig guest pv1 'ping -I 10.0.1.11 -c 2 -W 3 10.0.1.1'
	tap_check "ping by netback" pings pv1 vif 00:16:3e:00:02:01 10.0.2.11 10.0.2.1
	tap_check "network-detach" dom0 'xl network-detach pv1 1 && xl network-detach pv1 2 && xl network-detach pvh1 1'
	tap_is "the guest's interfaces of both paths are gone" "$(becomes 60 2 rig guest pv1 'ls -d /sys/class/net/eth* | wc -l')" 2
	tap_is "nothing is left of them" "$(left)" "$all"
fi

# --- pause, reboot ---
# A guest that is paused while it idles is blocked (b) and paused (p).
tap_check "pause" dom0 'xl pause pv1 && sleep 1 && xl list pv1 | grep -- "-[-b]p---"'
tap_check "unpause" dom0 'xl unpause pv1 && xl list pv1 && ! xl list pv1 | grep -- "-[-b]p---"'
tap_check "the queue is where it was" pings pv1 virtio_net $a 10.0.0.11 10.0.0.1
tap_check "reboot" dom0 'id=$(xl domid pv1) && xl reboot pv1 && for i in $(seq 240); do now=$(xl domid pv1 2>/dev/null) && [ "$now" != "$id" ] && exit; sleep 0.5; done; exit 1'
tap_is "the new domain has a queue" "$(becomes 240 connected vif pv1.0 .state)" connected
tap_check "pings dom0" pings pv1 virtio_net $a 10.0.0.11 10.0.0.1

# --- an upgrade, under traffic from queue to queue ---
dpkg-deb -R build/trixie/deb/guestlane_*.deb "$tap_tmp/new"
sed -i 's/^Version: .*/&.1/' "$tap_tmp/new/DEBIAN/control"
dpkg-deb -Znone -b "$tap_tmp/new" "$tap_tmp/new.deb" >"$tap_tmp/out"
rig put "$tap_tmp/new.deb" /root
# resets of context 0 and the guest's, and the daemon's process
resets() { value 'glanectl --json list' | jq -c '[.contexts[] | select(.context < 2) | .resets]'; }
before=$(resets) process=$(value 'systemctl show -p MainPID glaned')
rig guest pv1 'setsid ping -W 60 10.0.0.1 >/tmp/ping 2>&1 </dev/null &'
tap_check "an upgrade" dom0 'dpkg -i /root/new.deb && systemctl is-active glaned && glanectl list'
tap_check "is another process" test "$(value 'systemctl show -p MainPID glaned')" != "$process"
tap_is "that has reset no device" "$(resets)" "$before"
rig guest pv1 'sleep 1; killall -INT ping; sleep 1; cat /tmp/ping' >"$tap_tmp/ping"
tap_check "pings went on" test "$(grep -c ' bytes from ' "$tap_tmp/ping")" -gt 1
# What had not been answered in the end is not lost.
tap_is "and none was lost" "$(sed -n 's/.*icmp_seq=\([0-9]*\) .*/\1/p' "$tap_tmp/ping" | sort -n | awk '$1 != NR { print "no answer to", NR; exit }')" ""

# --- killed, and not back for a while: the queue stays, its interrupts wait ---
dom0 'mkdir -p /run/systemd/system/glaned.service.d && printf "[Service]\nRestartSec=1h\n" >/run/systemd/system/glaned.service.d/late.conf && systemctl daemon-reload &&
	systemctl kill -s KILL glaned'
refuses "network-attach while the daemon is down" "script: no context of the NIC for this vif: no glaned listens at /run/guestlane/glaned.sock; start it" "$(refused '')"
[ -z "${WHOLE-}" ] || tap_check "destroy does not fail" dom0 'xl destroy pvh1'
tap_check "the daemon comes back" dom0 'systemctl restart glaned && glanectl list'
tap_is "it gives back what the destroyed one had" "$(becomes 120 "$one" left)" "$one"
tap_is "no device was reset" "$(resets)" "$before"
tap_check "pings dom0 again" pings pv1 virtio_net $a 10.0.0.11 10.0.0.1

# --- destroy, remove ---
tap_check "shutdown" dom0 'xl shutdown -w pv1'
tap_is "nothing is left" "$(becomes 120 "$none" left)" "$none"
tap_check "neither Xen nor dom0 logged a fault" rig check
tap_check "removing the package stops the daemon" dom0 'dpkg -r guestlane && test -e /etc/guestlane/glaned.conf && ! test -e /usr/sbin/glaned && ! pgrep -x glaned'
tap_check "purging it" dom0 'dpkg -P guestlane && ! test -e /etc/guestlane && ! test -e /etc/xen/scripts/vif-guestlane'
tap_end
