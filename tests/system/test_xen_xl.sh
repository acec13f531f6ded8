#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an administrator does with xl, in real Xen, with our package installed and no daemon: create, network-attach, -list, -detach, pause, reboot,
# destroy; refusals as xl prints them, and nothing left of what was refused. The path of frames here is netback's; the NIC's own is in the other tests.
#
#   test_xen_xl.sh [FOLDER]     on the rig of another folder (its sim/rig/xen/xen-rig), for machines whose images are there
. tests/lib/tap.sh
rig_folder=${1:-$PWD}
rig() { (cd "$rig_folder" && exec timeout 300 sim/rig/xen/xen-rig -d xl-test "$@"); }
trap 'rig stop >/dev/null 2>&1; rm -rf "$tap_tmp"' EXIT
if [ ! -f build/qemuroot/.complete ] || ! ls build/trixie/deb/guestlane_*.deb >/dev/null 2>&1; then
	tap_skip "xl with our script" "the root with Xen is not there, or make deb-trixie has not been run"
	tap_end
fi
if ! rig start --no-nic >"$tap_tmp/start" 2>&1; then
	tap_not_ok_ "Xen starts"
	sed 's/^/# /' "$tap_tmp/start"
	tap_end
fi
dom0() { rig run -t 120 "$@"; }
# refuses NAME WORDS COMMAND: in dom0; it fails, and the words are in what xl says
refuses() { tap_refuses "$1" "$2" rig run -t 120 "$3"; }

cp build/trixie/deb/guestlane_*.deb xen-integration/examples/pv1.cfg "$tap_tmp/"
tap_check "the package gets into dom0" rig put "$tap_tmp"/guestlane_*.deb "$tap_tmp/pv1.cfg" /root
tap_check "and is installed" dom0 'dpkg -i /root/guestlane_*.deb && test -x /etc/xen/scripts/vif-guestlane'
tap_check "installing it again is an upgrade" dom0 'dpkg -i /root/guestlane_*.deb'
dom0 'sed -i "s,^kernel.*,kernel = \"/boot/vmlinux\",; s,^ramdisk.*,ramdisk = \"/rig/guest.cpio\",; s/^memory.*/memory = 128/" /root/pv1.cfg'

refuses "the example, without a daemon" "script: no context of the NIC for this vif: no glaned listens" 'xl create /root/pv1.cfg'
line() { echo "xl create /root/pv1.cfg \"vif=['mac=00:16:3e:00:00:01,bridge=xenbr0,script=vif-guestlane,$1']\""; }
refuses "an unknown option" "script: vif line: there is no option 'wieght=3' behind guestlane/" "$(line gatewaydev=guestlane/wieght=3)"
refuses "a list of VLANs" "script: vif line: vlan is '10p/20'" "$(line vlan=10p/20)"
refuses "a bridge that is not there" "script: Could not find bridge device none0" "$(line gatewaydev=guestlane/path=software | sed 's/xenbr0/none0/')"
tap_is "nothing is left of them" "$(dom0 'xl list | wc -l; xenstore-list /local/domain/0/backend/vif 2>/dev/null; ls -d /sys/class/net/vif* 2>/dev/null')" 2

tap_check "create, by netback alone" dom0 "$(line rate=100Mb/s,gatewaydev=guestlane/path=software/weight=3)"
tap_is "its vif is on the bridge" "$(dom0 'cat /sys/class/net/vif$(xl domid pv1).0/master/uevent | grep INTERFACE')" INTERFACE=xenbr0
tap_is "options reach xenstore" "$(dom0 'xenstore-read backend/vif/$(xl domid pv1)/0/gatewaydev backend/vif/$(xl domid pv1)/0/rate' | tr '\n' ' ')" \
	"guestlane/path=software/weight=3 625000,50000 "
tap_check "network-attach" dom0 'xl network-attach pv1 mac=00:16:3e:00:00:02 bridge=xenbr0 script=vif-guestlane gatewaydev=guestlane/path=software'
refuses "network-attach without a daemon" "script: no context of the NIC for this vif: no glaned listens" \
	'xl network-attach pv1 mac=00:16:3e:00:00:03 script=vif-guestlane gatewaydev=guestlane/weight=5'
refuses "network-attach with a key of ours outside gatewaydev" "unrecognized argument" 'xl network-attach pv1 mac=00:16:3e:00:00:04 script=vif-guestlane weight=5'
tap_is "network-list" "$(dom0 'xl network-list pv1 | awk "NR > 1 { print \$3 }"' | tr '\n' ' ')" "00:16:3e:00:00:01 00:16:3e:00:00:02 00:16:3e:00:00:03 "
tap_check "network-detach" dom0 'xl network-detach pv1 1'
tap_check "network-detach of the refused one" dom0 'xl network-detach pv1 2'
tap_is "one is left" "$(dom0 'xl network-list pv1 | wc -l; ls -d /sys/class/net/vif*' | wc -l)" 2
tap_check "pause, unpause" dom0 'xl pause pv1 && xl list pv1 | grep -q -- --p--- && xl unpause pv1'
tap_check "destroy does not fail without a daemon" dom0 'xl destroy pv1'
tap_is "nothing is left" "$(dom0 'xl list | wc -l; ls -d /sys/class/net/vif* 2>/dev/null')" 2
tap_check "removing the package" dom0 'dpkg -r guestlane && test -e /etc/guestlane/glaned.conf && ! test -e /usr/sbin/glaned'
tap_check "purging it" dom0 'dpkg -P guestlane && ! test -e /etc/guestlane && ! test -e /etc/xen/scripts/vif-guestlane'
tap_end
