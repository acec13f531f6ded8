# SPDX-License-Identifier: Apache-2.0
# Outside the rig's machine, with glaned in it: two guests on queues, and their interrupts in both modes (docs/interrupts.md) under ping. Sourced by
# test_xen_suite.sh and test_xen_pvh.sh, which have the functions rig and dom0, and dom0-view in dom0's /root.

# In a guest: an address on the queue, and the other's, for good, so that nothing is lost while an interrupt waits.
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

# two_guests TYPE TYPE: g1 and g2, g1 pings g2
two_guests() {
	for two_n in 1 2; do
		tap_check "a guest starts ($1)" rig create g$two_n "$1" "vif = ['mac=00:16:3e:00:00:0$two_n,bridge=xenbr0,script=vif-guestlane']"
		tap_check "it has a queue" rig guest -t 120 g$two_n "$use_queue" $two_n $((3 - two_n))
		shift
	done
	tap_check "they reach each other" rig guest -t 120 g1 'for i in 1 2 3 4 5; do ping -c 1 -W 15 10.9.0.2 && exit; done; exit 1'
	tap_check "pings go on" rig guest g1 'ping -i 0.3 10.9.0.2 >/tmp/ping 2>&1 </dev/null & echo $! >/tmp/ping.pid'
}

# pings_end: none was lost; the last may be on their way
pings_end() {
	rig guest -t 60 g1 'sleep 1; kill -INT "$(cat /tmp/ping.pid)"; sleep 1; cat /tmp/ping' >"$tap_tmp/ping" 2>&1
	tail -n 3 "$tap_tmp/ping" | sed 's/^/# /'
	tap_check "no ping was lost" awk -F 'icmp_seq=' '/bytes from/ { split($2, s, " "); n++; if (s[1] > max) max = s[1] } END { print n " answers, the last to ping " max; exit !(n > 20 && n == max) }' "$tap_tmp/ping"
}

# Event channels of dom0 that are pirqs: those of the NIC come and go with the mode.
pirqs() { dom0 '/root/dom0-view | jq ".event_channels.pirq // 0"'; }
# Interrupts that were passed on to each guest.
passed() { dom0 'glanectl --json vif list' | jq -r '[.vifs[].interrupts] | join(" ")'; }
# comes HOW: interrupts come to both guests
comes() {
	comes_before=$(passed)
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		sleep 1
		comes_after=$(passed)
		if awk -v before="$comes_before" -v after="$comes_after" \
			'BEGIN { exit !(split(before, b, " ") == 2 && split(after, a, " ") == 2 && a[1] > b[1] + 1 && a[2] > b[2] + 1) }'; then
			tap_ok_ "interrupts come $1"
			return
		fi
	done
	tap_not_ok_ "interrupts come $1"
	echo "# passed on to the guests: $comes_before, later $comes_after"
}

# both_modes GIVEN-BACK: so many pirqs less in bit-vector mode
both_modes() {
	own=$(pirqs)
	comes "by vectors of their own"
	tap_check "the guests share a vector" dom0 'glanectl set --irq-mode bit-vector'
	comes "by the shared vector"
	tap_is "pirqs of vectors that are not used are given back" "$(pirqs)" $((own - $1))
	tap_check "glaned is killed in that mode, and a successor takes over" dom0 'kill -KILL "$(pgrep -xo glaned)"; sleep 0.5; cd /root
		setsid glaned --config /etc/guestlane/glaned.conf </dev/null >>/var/log/xen/glaned.log 2>&1 &
		for i in $(seq 200); do glanectl --json show 2>/dev/null | jq -e ".nic.irq_mode == \"bit-vector\"" && exit; sleep 0.3; done; exit 1'
	comes "by the shared vector, to guests of a successor"
	tap_check "each has its own again" dom0 'glanectl set --irq-mode per-context'
	comes "by vectors of their own again"
	tap_is "with as many pirqs as before" "$(pirqs)" "$own"
	pings_end
}
