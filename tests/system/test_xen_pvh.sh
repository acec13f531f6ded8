#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 7200
# A PVH dom0 of real Xen, where Xen gives no interrupts to programs: VFIO without an IOMMU (`make vfio-noiommu`) instead. The suite of all back ends, then glaned
# with a PV and a PVH guest on queues, its death under ping, both interrupt modes; nothing is left. The same modules in a PV dom0. Long: only with
# WHOLE=1 (`make test-xen`).
. tests/lib/tap.sh
. tests/system/xen/interrupts.sh
skip() {
	tap_skip "a PVH dom0" "$1"
	tap_end
}
[ "${WHOLE-}" = 1 ] || skip "only in make test-xen"
[ -f build/qemuroot/.complete ] || skip "there is no build/qemuroot (make qemuroot says why)"
rig() { timeout 1200 sim/rig/xen/xen-rig -d test-pvh "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT
dom0() { rig run -t 600 "$@"; }
modules=build/trixie/vfio-noiommu
tap_check "VFIO's modules are built for dom0's kernel" .ci/in-root build/qemuroot host-driver/xen/build-vfio-noiommu $modules

# Programs and modules get in, and the modules take the NIC in the place of the kernel's.
prepare() {
	rig put build/trixie/tests/device/suite-plain build/trixie/tests/xen/dom0-view build/firmware/guestlane.fw $modules /root &&
		dom0 'cd /root/vfio-noiommu && modprobe irqbypass && insmod vfio.ko enable_unsafe_noiommu_mode=1 &&
			for i in vfio_iommu_type1 vfio-pci-core vfio-pci; do insmod $i.ko || exit 1; done
			echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override" && echo "$1" >/sys/bus/pci/drivers/vfio-pci/bind && ls /dev/vfio/noiommu-0' "$nic"
}
# What dom0 and Xen hold, as far as it must be the same again.
view='/root/dom0-view | jq -S ".domains, .grants, .event_channels, .permissions, .msi"'
suite() {
	tap_check "$1: dom0's view before" dom0 "$view >/run/before"
	rig run -t 1100 'exec /root/suite-plain --device "vfio-noiommu:$1" --firmware /root/guestlane.fw' "$nic" >"$tap_tmp/suite" 2>&1
	tap_status=$?
	sed 's/^/# /' "$tap_tmp/suite"
	tap_is "$1: the suite passes" $tap_status 0
	tap_check "$1: most of it ran" test "$(grep '^ok ' "$tap_tmp/suite" | grep -cv '# SKIP')" -ge 22
	tap_check "$1: and left nothing" dom0 "$view >/run/after; diff /run/before /run/after"
}

# --- PVH ---
rig stop
tap_check "Xen starts with a PVH dom0, the NIC in it from the beginning" rig start --snapshot none --dom0 pvh
tap_is "it is one" "$(dom0 'cat /sys/hypervisor/guest_type')" PVH
nic=$(dom0 'lspci -D -n -d 1209:474c' | cut -d ' ' -f 1)
tap_is "it sees the NIC" "$nic" 0000:01:00.0
tap_check "VFIO without an IOMMU takes the NIC" prepare
suite PVH

tap_check "glaned runs" rig install "$(sed "s/^device = .*/device = vfio-noiommu:$nic/" xen-integration/examples/glaned.conf)"
tap_refuses "the back end xen says what to use here" "vfio-noiommu:$nic" dom0 "mkdir /run/x; timeout 100 glaned --device xen:$nic --socket /run/x/sock --state-dir /run/x"
two_guests pv pvh
# Vectors are the kernel's here.
both_modes 0
tap_check "guests are destroyed" dom0 'xl destroy g1 && xl destroy g2 && for i in $(seq 60); do [ "$(xl list | wc -l)" = 2 ] && exit; sleep 1; done; xl list; exit 1'
tap_check "glaned ends, and the NIC is given back" dom0 'kill "$(pgrep -xo glaned)"; for i in $(seq 60); do pgrep -x glaned >/dev/null || break; sleep 1; done
	exec glaned --config /etc/guestlane/glaned.conf --release'
tap_check "nothing is left" dom0 "$view >/run/after; diff /run/before /run/after"
tap_check "Xen and dom0 logged no fault" rig check
rig stop

# --- PV: not needed there, as Xen gives programs interrupts, but possible ---
tap_check "Xen starts with a PV dom0" rig start
tap_check "VFIO without an IOMMU takes the NIC" prepare
suite PV
tap_check "Xen and dom0 logged no fault" rig check
tap_end
