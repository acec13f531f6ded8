#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 3600
# An HVM guest of real Xen on a queue, with Debian's QEMU as its device model: the guest's glue, ping and TCP with a PV guest, network-detach, destroy; nothing
# is left. Long, and it fetches packages that the rig's root does not have: only with WHOLE=1 (`make test-xen`).
. tests/lib/tap.sh
. tests/system/xen/interrupts.sh
skip() {
	tap_skip "an HVM guest" "$1"
	tap_end
}
[ "${WHOLE-}" = 1 ] || skip "only in make test-xen"
[ -f build/qemuroot/.complete ] || skip "there is no build/qemuroot (make qemuroot says why)"
rig() { timeout 1200 sim/rig/xen/xen-rig -d test-hvm "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT
dom0() { rig run -t 600 "$@"; }
view='/root/dom0-view | jq -S ".domains, .grants, .event_channels, .permissions, .msi"'

mkdir -p build/xen
tap_check "a device model is there" sim/rig/xen/make-device-model build/xen/device-model
rig stop
tap_check "the machine starts" rig start
tap_check "glaned runs" rig install
tap_check "the device model gets in" rig put build/xen/device-model/device-model build/trixie/tests/xen/dom0-view /root
tap_check "dom0's view before" dom0 "$view >/run/before"
tap_check "a PV guest starts" rig create g1 pv "vif = ['mac=00:16:3e:00:00:01,bridge=xenbr0,script=vif-guestlane']"
tap_check "an HVM guest starts" dom0 '{ cat /root/device-model/hvm.cfg; printf "%s\n" "$@"; } >/root/g2.cfg && xl create -q /root/g2.cfg' \
	"name = 'g2'" "extra = 'console=hvc0 rdinit=/init name=g2 quiet cryptomgr.notests'" "vif = ['mac=00:16:3e:00:00:02,bridge=xenbr0,script=vif-guestlane,type=vif']"
tap_is "it is one" "$(rig guest -t 600 g2 'cat /sys/hypervisor/guest_type')" HVM
tap_check "the PV guest has a queue" rig guest -t 120 g1 "$use_queue" 1 2
tap_check "the HVM guest has a queue" rig guest -t 120 g2 "$use_queue" 2 1
tap_check "they reach each other" rig guest -t 120 g1 'for i in 1 2 3 4 5; do ping -c 1 -W 15 10.9.0.2 && exit; done; exit 1'
tap_is "glanectl knows its kind" "$(dom0 'glanectl --json vif list' | jq -r '[.vifs[] | "\(.name) \(.type) \(.path)"] | sort | join(", ")')" "g1 pv direct, g2 hvm direct"
tap_check "pings go on" rig guest g1 'ping -i 0.3 10.9.0.2 >/tmp/ping 2>&1 </dev/null & echo $! >/tmp/ping.pid'
comes "to both"
pings_end
tap_check "TCP from the HVM guest" rig guest -t 60 g1 'iperf3 -s -1 >/dev/null 2>&1 </dev/null & sleep 2'
tap_check "arrives" rig guest -t 300 g2 'iperf3 -c 10.9.0.1 -n 262144'
tap_check "network-detach" dom0 'xl network-detach g2 0 && for i in $(seq 60); do glanectl --json vif list | jq -e "[.vifs[].name] == [\"g1\"]" && exit; sleep 1; done; exit 1'
tap_check "guests are destroyed" dom0 'xl destroy g1 && xl destroy g2 && for i in $(seq 60); do [ "$(xl list | wc -l)" = 2 ] && exit; sleep 1; done; xl list; exit 1'
tap_check "nothing is left" dom0 "$view >/run/after; diff /run/before /run/after"
tap_check "Xen and dom0 logged no fault" rig check
tap_end
