#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 900
# libguestlane by its back end `xen`, in real Xen's PV dom0 on the NIC: the suite of all back ends, and that it leaves nothing; then glaned, and two guests on
# queues whose interrupts come by vectors of their own and by the one that all share, changed under ping. Skipped, with the reason, where the rig's root could
# not be made.
. tests/lib/tap.sh
if [ ! -f build/qemuroot/.complete ]; then
	tap_skip "the back end xen" "there is no build/qemuroot (make qemuroot says why)"
	tap_end
fi
rig() { timeout 600 sim/rig/xen/xen-rig -d test-suite "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT
dom0() { rig run -t 300 "$@"; }
view=build/trixie/tests/xen/dom0-view

mkdir -p build/xen
make_all() {
	make -s NO_DEPS=1 xen-images build/trixie/tests/device/suite-plain build/firmware/guestlane.fw &&
		.ci/in-root build/qemuroot make -s NO_DEPS=1 BUILD=build/trixie $view
}
tap_check "packages, images and programs can be made" flock build/xen/need.lock bash -c "$(declare -f make_all); view=$view make_all"
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
for i in 1 2; do
	tap_check "guest $i starts" rig create g$i pv "vif = ['mac=00:16:3e:00:00:0$i,bridge=xenbr0,script=vif-guestlane']"
done
# In a guest: an address on the queue, and the other's, for good.
# shellcheck disable=SC2016
use_queue='for i in 1 2 3 4 5 6 7 8 9 10; do
	for interface in /sys/class/net/*; do
		case $(readlink "$interface/device/driver") in
		*/virtio_net)
			interface=${interface##*/}
			ip address add "10.9.0.$1/24" dev $interface && ip link set $interface up &&
				exec ip neighbour replace "10.9.0.$2" lladdr "00:16:3e:00:00:0$2" dev $interface nud permanent
			;;
		esac
	done
	sleep 1
done
exit 1'
tap_check "a guest has a queue" rig guest -t 120 g1 "$use_queue" 1 2
tap_check "another one, too" rig guest -t 120 g2 "$use_queue" 2 1
tap_check "they reach each other" rig guest -t 60 g1 'for i in 1 2 3 4 5; do ping -c 1 -W 5 10.9.0.2 && exit; done; exit 1'
tap_check "pings go on" rig guest g1 'ping -i 0.2 10.9.0.2 >/tmp/ping 2>&1 </dev/null & echo $! >/tmp/ping.pid'
# Event channels of dom0 that are pirqs: those of the NIC come and go with the mode.
pirqs() { dom0 '/root/dom0-view "$(jq .log.index /run/before)" | jq ".event_channels.pirq // 0"'; }
# passed: interrupts that were passed on to each guest
passed() { dom0 'glanectl --json vif list' | jq -r '[.vifs[].interrupts] | join(" ")'; }
# more BEFORE AFTER: both guests got some
more() { awk -v before="$1" -v after="$2" 'BEGIN { exit !(split(before, b, " ") == 2 && split(after, a, " ") == 2 && a[1] > b[1] + 1 && a[2] > b[2] + 1) }'; }
# works MODE: interrupts come in it
works() {
	before=$(passed)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		sleep 1
		after=$(passed)
		if more "$before" "$after"; then
			tap_ok_ "interrupts come $1"
			return
		fi
	done
	tap_not_ok_ "interrupts come $1"
	echo "# passed on to the guests: $before, later $after"
}
own=$(pirqs)
works "by vectors of their own"
tap_check "the guests share a vector" dom0 'glanectl set --irq-mode bit-vector'
works "by the shared vector"
tap_is "and the other vectors' pirqs are given back" "$(pirqs)" $((own - 31))
tap_check "glaned is killed in that mode" dom0 'kill -KILL "$(pgrep -xo glaned)"; sleep 0.5; cd /root
	setsid glaned --config /etc/guestlane/glaned.conf </dev/null >>/var/log/xen/glaned.log 2>&1 &
	for i in $(seq 100); do glanectl --json show 2>/dev/null | jq -e ".nic.irq_mode == \"bit-vector\"" && exit; sleep 0.3; done; exit 1'
works "by the shared vector, to guests of a successor"
tap_check "each has its own again" dom0 'glanectl set --irq-mode per-context'
works "by vectors of their own again"
tap_is "with as many pirqs as before" "$(pirqs)" "$own"
tap_check "the pings end" rig guest g1 'kill -INT "$(cat /tmp/ping.pid)"; sleep 1; cat /tmp/ping'
rig guest g1 'tail -n 3 /tmp/ping' >"$tap_tmp/ping"
sed 's/^/# /' "$tap_tmp/ping"
# The last may be on its way.
tap_check "and none was lost" awk '/packets transmitted/ { n++; exit !($1 > 20 && $1 - $4 <= 1) } END { if (!n) exit 1 }' "$tap_tmp/ping"
tap_check "Xen and dom0 logged no fault" rig check
tap_end
