#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# libguestlane by its back end `xen`, in real Xen's PV dom0 on the NIC: the suite of all back ends, and that it leaves nothing; then glaned, and two guests on
# queues whose interrupts come by vectors of their own and by the one that all share, changed under ping. Skipped, with the reason, where the rig's root could
# not be made.
. tests/lib/tap.sh
. tests/system/xen/interrupts.sh
if [ ! -f build/qemuroot/.complete ]; then
	tap_skip "the back end xen" "there is no build/qemuroot (make qemuroot says why)"
	tap_end
fi
# The programs are there (TESTS_NEED, TESTS_XEN_NEED).
rig() { timeout 600 sim/rig/xen/xen-rig -d test-suite "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT
dom0() { rig run -t 300 "$@"; }
view=build/trixie/tests/xen/dom0-view

rig stop
tap_check "the machine starts" rig start
tap_check "the suite gets in" rig put build/trixie/tests/device/suite-plain $view build/firmware/guestlane.fw /root

# --- The suite, and what it leaves ---

tap_check "dom0's view before" dom0 '/root/dom0-view >/run/before'
rig run -t 500 'exec /root/suite-plain --device "xen:$(lspci -D -n -d 1209:474c | cut -d " " -f 1)" --firmware /root/guestlane.fw' >"$tap_tmp/suite" 2>&1
status=$?
sed 's/^/# /' "$tap_tmp/suite"
while read -r line; do
	name=${line##*SKIP }
	name=${name##* - }
	case $line in
	"not ok "*) tap_not_ok_ "suite: $name" ;;
	*"# SKIP"*) tap_skip "suite: $name" "the simulator would have to end, and QEMU with it" ;;
	"ok "*) tap_ok_ "suite: $name" ;;
	esac
done <"$tap_tmp/suite"
tap_is "the suite ends well" $status 0
tap_is "all tests of the suite ran" "$(grep -cE '^(not )?ok ' "$tap_tmp/suite")" "$(sed -n 's/^1\.\.//p' "$tap_tmp/suite")"
tap_check "it left no mapping, event channel, pirq or permission" dom0 '/root/dom0-view "$(jq .log.index /run/before)" >/run/after
	what=".domains, .grants, .event_channels, .permissions, .msi"
	jq -S "$what" /run/before >/run/before.what; jq -S "$what" /run/after >/run/after.what; diff /run/before.what /run/after.what'

# --- Interrupts of guests, by vectors of their own and by the shared one ---

tap_check "glaned runs" rig install
two_guests pv pv
# Of 33 two are used.
both_modes 31
tap_check "Xen and dom0 logged no fault" rig check
tap_end
