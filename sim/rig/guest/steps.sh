# SPDX-License-Identifier: Apache-2.0
# What the virtual machine does, a function for each step; sim/rig/system-linux calls them by name and shows the line step_about_NAME. A step
# fails by its status. Lines "= KEY VALUE" are results. Each runs in a shell of its own; what it leaves running stays.

logs=/run/guestlane
socket=/run/guestlane/glaned.sock

fail() { echo "$*"; exit 1; }
# The PCI function of ours.
nic() { lspci -Dn -d 1209:474c | cut -d' ' -f1; }
# eventually SECONDS COMMAND...: until the command succeeds
eventually() {
	eventually_end=$(($(date +%s) + $1))
	shift
	until "$@" >/run/eventually 2>&1; do
		[ "$(date +%s)" -lt $eventually_end ] || { cat /run/eventually; return 1; }
		sleep 0.1
	done
}
# on NAMESPACE COMMAND...; "host" is the machine itself
on() {
	on_name=$1
	shift
	if [ "$on_name" = host ]; then "$@"; else nsenter --net=/run/netns/"$on_name" "$@"; fi
}
stats() { glanectl --socket $socket --json stats; }

step_about_pci='lspci -vv of the function: nothing unknown, right sizes'
step_pci() { # CONTEXTS
	[ "$(nic | wc -l)" = 1 ] || { lspci -nn; fail "not one function 1209:474c"; }
	lspci -vv -s "$(nic)" | tee /run/lspci
	# lspci's ways to say that something is not as it should be
	! grep -nE 'Unknown|unknown|chain broken|chain looping|<unassigned>|\[disabled\]|<ignored>|access denied|Capabilities: \[[0-9a-f]+\] #|\?\?|rev ff' /run/lspci ||
		fail "lspci does not understand the line above"
	while read -r line; do
		grep -qF -e "$line" /run/lspci || fail "lspci does not show: $line"
	done <<-EOF
		Ethernet controller
		(32-bit, non-prefetchable) [size=64K]
		(64-bit, prefetchable) [size=$((4 * $1))K]
		(32-bit, non-prefetchable) [size=4K]
		Capabilities: [40] Power Management version 3
		Capabilities: [50] MSI-X: Enable- Count=$(($1 + 1)) Masked-
		Vector table: BAR=4 offset=00000000
		PBA: BAR=4 offset=00000800
		Capabilities: [60] Express (v2) Endpoint
		FLReset+
		LnkSta:	Speed 2.5GT/s, Width x1
	EOF
	[ "$(grep -c 'Capabilities: ' /run/lspci)" = 3 ] || fail "not three capabilities"
	echo "= lspci_capabilities 3"
}

step_about_bind='vfio-pci takes it, alone in its IOMMU group'
step_bind() {
	modprobe vfio-pci && modprobe vfio_iommu_type1 || exit 1
	device=/sys/bus/pci/devices/$(nic)
	echo vfio-pci >"$device/driver_override"
	[ -e "$device/driver" ] || nic >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink -f "$device/driver")")" = vfio-pci ] || fail "not bound to vfio-pci"
	group=$(basename "$(readlink -f "$device/iommu_group")")
	[ "$(ls "$device/iommu_group/devices" | wc -l)" = 1 ] || { ls "$device/iommu_group/devices"; fail "group $group has other devices"; }
	[ -c "/dev/vfio/$group" ] || fail "no /dev/vfio/$group"
	echo "IOMMU group $group, type $(cat "$device/iommu_group/type")"
}

step_about_suite='the test-suite of libguestlane, back end vfio'
step_suite() { # CONTEXTS [TESTS]; what it says goes to step.log as it happens
	TEST=${2:-*} suite-plain --patience "${patience:-60}" --device "vfio:$(nic)" --firmware /rig/guestlane.fw 2>&1
	suite_status=$?
	echo "= suite_tests_passed $(grep '^ok ' /run/step.log | grep -cv '# SKIP')"
	return $suite_status
}

step_about_daemon='glaned on it: firmware, contexts 0 (TAP), 1 (packed rings), 2 (split rings)'
config() {
	cat <<-EOF
		[nic]
		device = vfio:$(nic)
		firmware = /rig/guestlane.fw
		tap = glane0

		[context 0]
		mac = 02:00:00:00:00:10

		[context 1]
		mac = 02:00:00:00:00:01

		[context 2]
		mac = 02:00:00:00:00:02
		features = mac, mtu, status, mrg_rxbuf, version_1, access_platform
	EOF
}
start_daemon() {
	glaned --config /run/glaned.conf >>$logs/glaned.log 2>&1 &
	echo $! >/run/glaned.pid
}
wait_daemon() {
	eventually 60 glanectl --socket $socket show || { tail -n 20 $logs/glaned.log; fail "glaned does not answer"; }
}
stop_daemon() {
	kill "$(cat /run/glaned.pid)"
	eventually 30 sh -c "! kill -0 $(cat /run/glaned.pid)" || fail "glaned does not end"
}
step_daemon() {
	modprobe tun
	config >/run/glaned.conf
	start_daemon
	wait_daemon
	glanectl --socket $socket show
	glanectl --socket $socket list
}

step_about_glue='stock virtio_mmio and virtio_net on contexts 1 and 2'
# glue CONTEXT [KIB]
glue() {
	# What the one before said, if it was killed.
	rm -f /run/glue."$1"
	glane-glue --socket $socket --context "$1" --pool "${2:-4096}" >/run/glue."$1" 2>>$logs/glue.log &
	echo $! >/run/glue."$1".pid
	eventually 30 grep -q . /run/glue."$1" || { cat $logs/glue.log; fail "no interface on context $1"; }
	cat /run/glue."$1"
}
interface() { sed -n 's/^context [0-9]*: \([a-z0-9]*\) (.*/\1/p' /run/glue."$1"; }
device() { sed -n 's/^context [0-9]*: .*(\(.*\))$/\1/p' /run/glue."$1"; }
unglue() {
	kill "$(cat /run/glue."$1".pid)"
	eventually 30 sh -c "! kill -0 $(cat /run/glue."$1".pid)" || fail "glane-glue does not end"
	[ ! -e "/sys/bus/platform/devices/$(device "$1")" ] || fail "$(device "$1") is still there"
	rm -f /run/glue."$1" /run/glue."$1".pid
}
# Negotiated features of an interface, bit 0 first (virtio 1.2, 2.2).
features() { cat "/sys/class/net/$1/device/features"; }
feature() { features "$1" | cut -c$(($2 + 1)); }
step_glue() {
	modprobe virtio_net
	modprobe guestlane || exit 1
	glue 1
	glue 2
	for context in 1 2; do
		if=$(interface $context)
		driver=$(basename "$(readlink -f "/sys/class/net/$if/device/driver")")
		transport=$(basename "$(readlink -f "/sys/class/net/$if/device/../driver")")
		echo "context $context: $if, $transport, $driver, features $(features "$if")"
		[ "$driver" = virtio_net ] && [ "$transport" = virtio-mmio ] || fail "not the kernel's drivers"
	done
	[ "$(feature "$(interface 1)" 34)" = 1 ] || fail "context 1 has no packed rings"
	[ "$(feature "$(interface 2)" 34)" = 0 ] || fail "context 2 has no split rings"
}

# Interfaces become "nic" in the namespaces a (context 1) and b (context 2).
step_about_addresses='two network namespaces with one interface each'
namespace() {
	ip netns add "$1" 2>/dev/null
	ip link set "$(interface "$2")" netns "$1" name nic || exit 1
	on "$1" ip link set lo up
	on "$1" ip address add 10.9.0."$2"/24 dev nic
	on "$1" ip link set nic up
}
step_addresses() {
	namespace a 1
	namespace b 2
	ip link set glane0 up || fail "glaned made no TAP glane0"
	ip address add 10.9.0.100/24 dev glane0 2>/dev/null
	on a ip link show nic
	on b ip link show nic
}

# rtt KEY NAMESPACE ADDRESS: 20 pings without loss
rtt() {
	# The first has to resolve the address.
	on "$2" ping -c 2 -i 0.2 -W 5 "$3" >/dev/null
	on "$2" ping -c 20 -i 0.05 -W 5 "$3" >/run/ping || { cat /run/ping; fail "$2 does not reach $3"; }
	tail -n 2 /run/ping
	grep -q ' 0% packet loss' /run/ping || fail "packets are lost from $2 to $3"
	echo "= ping_$1_ms $(sed -n 's,^rtt [^=]*= [0-9.]*/\([0-9.]*\)/.*,\1,p' /run/ping)"
}
step_about_ping='packed to split, and each to dom0: no packet lost'
step_ping() {
	rtt packed_split a 10.9.0.2
	rtt packed_tap a 10.9.0.100
	rtt split_tap b 10.9.0.100
	on a ping -c 3 -i 0.1 -W 5 -M do -s 1472 10.9.0.2 || fail "no frames of 1514 octets"
}

# tcp KEY FROM TO ADDRESS SECONDS: Mb/s as received, and the firmware's cycles for each frame
tcp() {
	on "$3" iperf3 -s -1 -D --logfile /dev/null
	eventually 30 on "$3" grep -q ':1451 ' /proc/net/tcp /proc/net/tcp6 || fail "iperf3 does not listen"
	stats >/run/before
	on "$2" iperf3 -J -c "$4" -t "$5" -P 4 >/run/iperf || { cat /run/iperf; fail "no TCP from $2 to $4"; }
	stats >/run/after
	jq -c '.end.streams[0].sender | {retransmits, max_snd_cwnd, min_rtt, mean_rtt}' /run/iperf
	echo "= tcp_$1_mbit_s $(jq '.end.sum_received.bits_per_second / 1e4 | round / 100' /run/iperf)"
	jq -rn --slurpfile a /run/before --slurpfile b /run/after --arg key "$1" '
		def frames: [.contexts[] | .tx_frames + .rx_frames] | add;
		(($b[0] | frames) - ($a[0] | frames)) as $frames |
		"= tcp_\($key)_frames \($frames)",
		"= tcp_\($key)_firmware_cycles_per_frame \(($b[0].cycles.firmware - $a[0].cycles.firmware) / ([$frames, 1] | max) | round)"'
}
step_about_iperf='TCP between the stock interfaces, and with dom0'
step_iperf() {
	tcp packed_split a b 10.9.0.2 4
	tcp split_packed b a 10.9.0.1 4
	tcp packed_tap a host 10.9.0.100 4
	tcp tap_packed host a 10.9.0.1 4
}

step_about_rebind='unbind and bind of the stock driver, while the other one runs'
step_rebind() {
	cd /sys/bus/platform/drivers/virtio-mmio || exit 1
	old=$(device 1)
	echo "$old" >unbind
	[ "$(cat "../../devices/$old/pool_used")" = 0 ] || fail "the driver left DMA memory in use"
	on b ping -c 3 -i 0.1 -W 5 10.9.0.100 || fail "context 2 is disturbed"
	echo "$old" >bind
	# The interface is new.
	new=$(basename "$old"/virtio*/net/*)
	sed -i "s/: [a-z0-9]* /: $new /" /run/glue.1
	namespace a 1
	reach a 10.9.0.2
}
# reach NAMESPACE ADDRESS: the link may take a moment
reach() {
	eventually 30 on "$1" ping -c 1 -W 1 "$2" || fail "$1 does not reach $2"
	on "$1" ping -c 5 -i 0.1 -W 5 "$2" || fail "packets are lost from $1 to $2"
}

step_about_reload='contexts given back, module unloaded and loaded again'
step_reload() {
	unglue 1
	unglue 2
	# Of BAR 0, which it has always, and of BAR 2.
	[ "$(grep -c ': vfio-pci$' /proc/iomem)" = 2 ] || { cat /proc/iomem; fail "vfio-pci has no claim"; }
	glanectl --socket $socket list
	rmmod guestlane || { lsmod; fail "the module stays"; }
	step_glue
	step_addresses
	reach a 10.9.0.2
	reach b 10.9.0.100
}

step_about_restart='glaned killed under traffic and started again: the stock drivers see nothing'
# What each driver has seen of its device: resets, and what it negotiated.
driver_state() { glanectl --socket $socket --json list | jq -c '[.contexts[] | {context, state, device_status, resets, reset_reason, features_accepted}]'; }
step_restart() {
	before=$(driver_state)
	on a ping -c 100 -i 0.05 -W 5 10.9.0.2 >/run/ping &
	ping=$!
	sleep 1
	kill -9 "$(cat /run/glaned.pid)"
	sleep 1
	start_daemon
	wait_daemon
	wait $ping || { cat /run/ping; fail "the ping ended badly"; }
	tail -n 2 /run/ping
	grep -q ' 0% packet loss' /run/ping || fail "packets were lost"
	# glane-glue has found the successor.
	eventually 30 sh -c 'glanectl --socket '$socket' --json list | jq -e ".contexts | map(select(.owner == \"attached\")) | length == 2"' ||
		{ glanectl --socket $socket list; fail "the contexts are not attached to the new daemon"; }
	[ "$(driver_state)" = "$before" ] || { echo "$before"; driver_state; fail "the devices are not as before"; }
	reach a 10.9.0.100
	reach b 10.9.0.1
}

step_about_crash='glane-glue killed under traffic: the kernel lets go of the device, the other one goes on'
step_crash() {
	on a ping -c 100 -i 0.05 -W 1 10.9.0.2 >/run/ping 2>&1 &
	ping=$!
	sleep 1
	kill -9 "$(cat /run/glue.1.pid)"
	eventually 30 [ ! -e "/sys/bus/platform/devices/$(device 1)" ] || fail "$(device 1) is still there"
	kill $ping
	reach b 10.9.0.100
	# Nobody resumes it; glaned gives it to the next.
	glue 1
	namespace a 1
	reach a 10.9.0.2
}

step_about_stop='glaned told to end under traffic: the devices go, nothing hangs'
step_stop() {
	on a ping -c 100 -i 0.05 -W 1 10.9.0.2 >/run/ping 2>&1 &
	ping=$!
	sleep 1
	stop_daemon
	for context in 1 2; do
		eventually 30 [ ! -e "/sys/bus/platform/devices/$(device $context)" ] || fail "$(device $context) is still there"
	done
	kill $ping
	tail -n 4 $logs/glue.log
	[ "$(tail -n 4 $logs/glue.log | grep -c 'is lost: the NIC was closed')" = 2 ] || fail "glane-glue does not say why"
	# vfio-pci lost its claim before it could give it back (glane-glue(8), NOTES): one line of the kernel's, no more.
	echo 1 >/run/nonexistent
	step_daemon
	step_glue
	step_addresses
	reach a 10.9.0.2
}

step_about_refused='what glane-glue and the module must refuse'
# refused WORDS COMMAND...
refused() {
	refused_words=$1
	shift
	! timeout 20 "$@" >/run/refused 2>&1 || fail "not refused: $*"
	grep -qF -e "$refused_words" /run/refused || { cat /run/refused; fail "'$refused_words' is missing in the above, from: $*"; }
	head -n 1 /run/refused
}
step_refused() {
	refused 'context 5 does not exist' glane-glue --socket $socket --context 5
	refused 'context 1 belongs to glane-glue' glane-glue --socket $socket --context 1
	refused 'no glaned' glane-glue --socket /run/none.sock --context 1
	glue-refuse "$(nic)" || fail "see above"
	reach a 10.9.0.2
}

step_about_reset='function level reset, and everything set up anew'
step_reset() {
	unglue 1
	unglue 2
	stop_daemon
	echo 1 >"/sys/bus/pci/devices/$(nic)/reset" || fail "the function cannot be reset"
	step_pci >/dev/null || fail "lspci differs after the reset"
	step_daemon
	step_glue
	step_addresses
	reach a 10.9.0.2
	reach b 10.9.0.100
}

# 128 slots: the receive ring alone would take 256.
step_about_small='a pool too small for the rings: receive does not starve transmit'
step_small() {
	unglue 1
	glue 1 256
	namespace a 1
	reach a 10.9.0.2
	on b iperf3 -s -1 -D --logfile /dev/null
	eventually 30 on b grep -q ':1451 ' /proc/net/tcp /proc/net/tcp6 || fail "iperf3 does not listen"
	on a iperf3 -c 10.9.0.2 -t 2 --bidir >/run/iperf || { cat /run/iperf; fail "no TCP"; }
	pool=/sys/bus/platform/devices/$(device 1)
	echo "used at most $(cat "$pool/pool_peak") of $(cat "$pool/pool_slots"), refused $(cat "$pool/pool_failed")"
	[ "$(cat "$pool/pool_failed")" -gt 0 ] || fail "it was large enough: nothing was tested"
	reach a 10.9.0.2
}

step_about_plug='a second NIC is plugged into the running machine'
step_plug() {
	eventually 30 eval '[ "$(nic | wc -l)" = 2 ]' || { lspci; fail "it does not appear"; }
	first=$(nic | head -n 1)
	second=$(nic | tail -n 1)
	lspci -vv -s "$second"
	[ "$(lspci -vv -s "$second" | grep -c 'Capabilities: ')" = 3 ] || fail "it has not the capabilities of the first"
	[ "$(lspci -vv -s "$second" | grep -c 'Memory at .*size=')" = 3 ] || fail "it has not the BARs of the first"
	modprobe vfio-pci
	echo vfio-pci >"/sys/bus/pci/devices/$second/driver_override"
	echo "$second" >/sys/bus/pci/drivers_probe
	glanectl --socket /run/none.sock list
	selftest=$(glaned --config /dev/null --device "vfio:$second" --firmware /rig/guestlane.fw --socket /run/second.sock --state-dir /run/second \
		>$logs/second.log 2>&1 & echo $!)
	eventually 60 glanectl --socket /run/second.sock show || { cat $logs/second.log; fail "glaned does not drive it"; }
	glanectl --socket /run/second.sock selftest || fail "its selftest fails"
	kill "$selftest"
	echo "first $first, second $second"
}

step_about_kernel='no warning of the kernel, no failed DMA mapping, no loss'
step_kernel() {
	! dmesg | grep -nE 'WARNING|BUG|Oops|Call Trace|Unexpected TXQ|DMAR.*fault|NETDEV WATCHDOG|guestlane.*not get' ||
		fail "the kernel complains"
	[ "$(dmesg | grep -c 'nonexistent resource')" = "$(cat /run/nonexistent 2>/dev/null || echo 0)" ] || fail "claims in /proc/iomem went wrong"
	for file in /sys/bus/platform/devices/virtio-mmio.*/pool_peak; do
		echo "$file: $(cat "$file") of $(cat "${file%peak}slots"), $(cat "${file%peak}failed") refused"
	done
}

step_logs() {
	dmesg
	for file in $logs/*.log; do
		echo "--- $file"
		cat "$file"
	done
}
step_reboot() {
	on a ping -f -w 20 10.9.0.2 >/dev/null 2>&1 &
	sleep 1
	reboot -f
}
step_poweroff() { poweroff -f; }
