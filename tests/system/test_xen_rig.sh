#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 900
# The rig for real Xen (sim/rig/xen/xen-rig): a machine restored from its snapshot has a working Xen, the NIC above all memory, and guests that take
# commands; commands' output, input and status come through whole. Skipped, with the reason, where the root with QEMU could not be made.
. tests/lib/tap.sh
if [ ! -f build/qemuroot/.complete ]; then
	tap_skip "a machine with Xen" "there is no build/qemuroot (make qemuroot says why)"
	tap_end
fi
rig() { timeout 500 sim/rig/xen/xen-rig -d test-rig "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT
# A value that a script prints.
value() { "$@" 2>&1 | tail -n 1; }

rig stop
tap_check "the machine starts from its snapshot" rig start --snapshot guests
tap_refuses "and not twice" "runs already" rig start
tap_is "Xen answers" "$(value rig run 'xl info xen_major')" 4
tap_is "three guests run beside dom0" "$(value rig run 'xl list | grep -cE "^(Domain-0|pv1|pv2|pvh1) "')" 4
tap_is "a PV guest takes commands" "$(value rig guest pv2 'cat /sys/hypervisor/guest_type; hostname')" pv2
tap_is "a PVH guest takes commands" "$(value rig guest pvh1 'cat /sys/hypervisor/guest_type')" PVH
tap_is "of dom0 it is known that it is PV" "$(value rig run 'cat /sys/hypervisor/guest_type')" PV

# A frame buffer or a guest's memory map must not cover the BAR with the device pages.
nic=$(value rig nic)
tap_is "dom0 sees the NIC in a root port" "$nic" 0000:01:00.0
bar=$(value rig run "awk 'NR == 3 { print \$1 }' /sys/bus/pci/devices/$nic/resource")
tap_check "BAR 2 is above 4 GiB, so above all memory" test $((bar)) -ge $((1 << 32))
tap_check "its configuration space is the NIC's" rig run "lspci -n -s $nic | grep 1209:474c"
tap_check "the simulated NIC tells its statistics" rig stats

# The channel.
rig run 'exit 42' >"$tap_tmp/out" 2>&1
tap_is "a command's exit status comes back" $? 42
rig guest pv1 'exit 43' >"$tap_tmp/out" 2>&1
tap_is "a guest's as well" $? 43
rig run 'kill -9 $$' >"$tap_tmp/out" 2>&1
tap_is "a signal as a shell tells it" $? 137
rig run -t 2 'sleep 1000 & sleep 1000' >"$tap_tmp/out" 2>&1
tap_is "time runs out" $? 124
tap_fails "the processes are gone then" rig run 'sleep 1; pgrep -x sleep'
rig run 'echo out; echo err >&2' >"$tap_tmp/out" 2>"$tap_tmp/err"
tap_is "output and error output are two" "$(cat "$tap_tmp/out") $(cat "$tap_tmp/err")" "out err"
tap_is "arguments stay whole" "$(rig run 'printf "%s|" "$@"' 'a  b' "it's" '')" "a  b|it's||"
head -c 300000 /dev/urandom >"$tap_tmp/noise"
tap_check "files go into dom0" rig put "$tap_tmp/noise" tests/lib /root/put
tap_check "and come out the same" cmp "$tap_tmp/noise" <(rig get /root/put/noise)
tap_check "folders, too" cmp tests/lib/tap.sh <(rig get /root/put/lib/tap.sh)
head -c 20000 "$tap_tmp/noise" >"$tap_tmp/some"
# All octets, also those that a console takes for something else.
tap_check "files go into a guest" rig guest-put pvh1 "$tap_tmp/some" /tmp
tap_is "and are the same there" "$(rig guest pvh1 'sha256sum </tmp/some')" "$(sha256sum <"$tap_tmp/some")"
for i in 1 2 3 4; do
	rig run "sleep 1; echo $i" >"$tap_tmp/$i" &
done
wait %1 %2 %3 %4
tap_is "commands run beside each other" "$(cat "$tap_tmp"/[1-4] | tr '\n' ' ')" "1 2 3 4 "

tap_check "one more guest" rig create pv3 pv "vif = ['mac=00:16:3e:00:00:07,bridge=xenbr0']"
tap_check "has netfront's interface" rig guest pv3 'ip link show eth0'
tap_check "a second NIC is plugged in" rig plug-nic second
tap_is "and there" "$(value rig run 'lspci -n -d 1209:474c | wc -l')" 2
tap_check "logs are collected" rig logs
tap_check "Xen and dom0 logged no fault" rig check
tap_check "the machine stops" rig stop
tap_refuses "and is gone" "there is no machine" rig run true
tap_end
