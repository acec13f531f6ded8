#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In dom0 of the rig, for tests/system/test_xen_failover.sh: one thing for each call.
#
#   failover.sh COMMAND [ARGUMENT...]       the functions do_COMMAND below; status 1: it did not come true
#
# Beside this: guest-glue.cpio of make-guests, and files.tar for guests that run already. Guest NAME has the address 10.9.0.N, its MAC address ends
# with N.
set -u
here=$(cd "$(dirname "$0")" && pwd)
run=/run/failover
mkdir -p $run
dom0=10.9.0.1

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt $wait_end ] || return 1
		sleep 0.5
	done
}

in_guest() { /rig/guest -t 200 "$@"; }
mac() { printf 00:16:3e:00:00:%02x "$1"; }

# The bridge has an address, and files for guests.
do_begin() {
	ip address add $dom0/24 dev xenbr0
	busybox httpd -p $dom0:80 -h "$here"
	tar -x -f "$here/files.tar" -C "$here" ./stream
}

# --- Guests ---

do_attach() { # NAME N: what a vif line does, on a running guest
	# libxl gives a script 40 s, which an emulated machine on a busy computer may exceed.
	for _ in 1 2 3 4 5; do
		xl network-attach "$1" mac="$(mac "$2")" bridge=xenbr0 script=vif-guestlane 2>$run/log && return
		cat $run/log
		grep -q 'because of timeout' $run/log || return 1
		xl network-detach "$1" 0
	done
	return 1
}

do_detach() { # NAME
	xl network-detach "$1" 0
}

do_files() { # NAME N: what the tests need goes into a guest by its netfront interface, which gets its address
	in_guest "$1" 'for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -e /sys/class/net/eth0 ] || break; sleep 0.5; done
		ip address add "$1/24" dev eth0 && ip link set eth0 up && cd /rig && wget -q -O files.tar "http://$2/files.tar" &&
		tar -x -f files.tar && rm files.tar && cp guestlane-failover /usr/bin' "10.9.0.$2" $dom0
}

do_module() { # NAME: and what stands in for udev there, as in the rule of the package
	in_guest "$1" 'cat >/rig/udev <<"END"
while sleep 2; do
	for queue in /sys/devices/guestlane-0/virtio-mmio.*/virtio*/net/*; do
		[ ! -e "$queue" ] || [ -e "$queue/master" ] || guestlane-failover pair
	done
done
END
insmod /rig/guestlane.ko && { setsid sh /rig/udev >/run/udev.log 2>&1 </dev/null & }'
}

do_udev_guest() { # NAME N: a PV guest whose udev does all of it
	cat /rig/plain.cpio "$here/guest-glue.cpio" >$run/guest.cpio || return
	cat >$run/"$1".cfg <<-END
		name = "$1"
		type = "pv"
		kernel = "/boot/vmlinux"
		ramdisk = "$run/guest.cpio"
		extra = "console=hvc0 rdinit=/init name=$1 address=10.9.0.$2/24"
		memory = 192
		vcpus = 1
		vif = [ 'mac=$(mac "$2"),bridge=xenbr0,script=vif-guestlane' ]
	END
	xl create -q $run/"$1".cfg && in_guest "$1" true
}

# --- Which path ---

vif_path() { glanectl --json vif list | jq -r --arg n "$1" '[.vifs[] | select(.name == $n) | .path] | first // "none"'; }
# Asks a guest for its path, as its failover says: NIC, netfront, or nothing; and for the frames that its queue and netfront have sent.
ask() {
	in_guest "$1" 'guestlane-failover status | sed -n "s/^vif 0: [^,]*, by \(the \)\?\([^;]*\);.*/path=\2/p"
		cd /sys/devices; cat guestlane-0/virtio-mmio.*/virtio*/net/*/statistics/tx_packets 2>/dev/null | sed "s/^/by_nic=/"
		cat vif-0/net/*/statistics/tx_packets 2>/dev/null | sed "s/^/by_netfront=/"' >$run/"$1".says
	path='' by_nic=0 by_netfront=0
	while IFS='=' read -r key value; do
		case $key in
		path) path=$value ;;
		by_nic) by_nic=$value ;;
		by_netfront) by_netfront=$value ;;
		esac
	done <$run/"$1".says
	case $2 in NIC) frames=$by_nic ;; *) frames=$by_netfront ;; esac
}
both_say() { ask "$@" && [ "$path" = "$2" ] && case $2 in NIC) [ "$(vif_path "$1")" = direct ] ;; *) [ "$(vif_path "$1")" != direct ] ;; esac; }
do_path() { # NAME NIC|netfront [SECONDS]: guest and daemon come to say so
	wait_for "${3:-120}" both_say "$1" "$2" || {
		in_guest "$1" 'guestlane-failover status; dmesg | tail -n 20'
		glanectl vif list
		tail -n 5 /var/log/xen/glaned.log
		return 1
	}
}
sends_more() { ask "$1" "$2" && [ "$path" = "$2" ] && [ "$frames" -gt "$3" ]; }
do_on() { # NAME NIC|netfront: it comes to say so, and that interface sends, while a stream runs
	do_path "$1" "$2" && wait_for 60 sends_more "$1" "$2" "$frames"
}

# --- Streams: `stream` in guests; NAME - is dom0 ---

# there NAME SCRIPT [ARGUMENT...]
there() {
	case $1 in
	-) shift; PATH=$PATH:$here sh -c "$1" sh "${@:2}" ;;
	*) in_guest "$@" ;;
	esac
}

do_serve() { # NAME PORT
	in_guest "$1" 'setsid /rig/stream serve $1 >>/run/serve 2>&1 </dev/null & echo $! >/run/serve.pid' "$2"
}

do_send() { # NAME ADDRESS PORT KBYTE/S
	there "$1" 'PATH=$PATH:/rig; setsid stream send $1 $2 $3 >/run/send 2>&1 </dev/null & echo $! >/run/send.pid' "$2" "$3" "$4"
}

# A server's answer to the signal is its last line.
answer='n=$(wc -l </run/serve); kill -USR1 $(cat /run/serve.pid)
	for _ in 1 2 3 4 5 6 7 8 9 10; do [ $(wc -l </run/serve) = $n ] || break; sleep 0.2; done'
do_received() { # NAME: octets that its server has by now
	in_guest "$1" "$answer; tail -n 1 /run/serve" | cut -d ' ' -f 1
}

do_pings() { # NAME ADDRESS: two in a second, for ever
	in_guest "$1" 'setsid ping -n -i 0.5 $1 >/run/ping 2>&1 </dev/null &' "$2"
}

do_look() { # NAME: pings answered and sent so far, and the longest pause of what its server receives since it was asked last
	in_guest "$1" 'awk -F seq= "NF > 1 && !/DUP/ { n++; if (\$2 + 0 > m) m = \$2 + 0 } END { print n + 0, m + 1 }" /run/ping
		[ -e /run/serve.pid ] || exit 0
		'"$answer"'
		sed -n "s/.* pause \(.*\) s$/\1/p" /run/serve | sort -n | tail -n 1; : >/run/serve'
}

do_sent() { # NAME: its sender ends; what it says
	there "$1" 'p=$(cat /run/send.pid); kill -TERM $p; n=0; while [ -d /proc/$p ] && [ $n -lt 200 ]; do sleep 0.3; n=$((n + 1)); done; tail -n 1 /run/send'
}

do_verdict() { # NAME: what its server says in the end
	in_guest "$1" 'p=$(cat /run/serve.pid); n=0; while [ -d /proc/$p ] && [ $n -lt 300 ]; do sleep 0.3; n=$((n + 1)); done; tail -n 1 /run/serve'
}

# --- The daemon ---

do_daemon() { # SECONDS: it comes up
	setsid glaned --config /etc/guestlane/glaned.conf </dev/null >>/var/log/xen/glaned.log 2>&1 &
	wait_for "${1:-60}" glanectl list >/dev/null 2>&1 || { tail -n 5 /var/log/xen/glaned.log; return 1; }
	ip link set glane0 master xenbr0 up
}

do_kill_daemon() { kill -9 "$(pgrep -xo glaned)"; }

daemon_is_gone() { ! pgrep -x glaned >/dev/null; }
do_no_daemon() { wait_for 60 daemon_is_gone; }

# --- Save, restore, migration ---

do_save_restore() { # NAME
	xl save "$1" $run/saved >$run/log 2>&1 && glanectl vif list >$run/between && xl restore $run/saved >>$run/log 2>&1 || {
		tail -n 5 $run/log
		return 1
	}
	rm -f $run/saved
	! grep -q " $1 " $run/between || { cat $run/between; return 1; }
}

do_checkpoint() { # NAME
	xl save -c "$1" $run/saved >$run/log 2>&1 || { tail -n 5 $run/log; return 1; }
	rm -f $run/saved
}

do_save_fails() { # NAME: there is no room for it when the guest has been suspended and some of it was written; the guest goes on
	mkdir -p $run/small
	mount -t tmpfs -o size=16m small $run/small
	xl save "$1" $run/small/saved >$run/log 2>&1
	saved=$? room=$(df $run/small | awk 'END { print $4 }')
	umount $run/small
	if [ $saved = 0 ] || [ "$room" != 0 ] || ! in_guest "$1" true; then
		echo "xl save ended with $saved, room left: $room"
		tail -n 12 $run/log
		xl list
		return 1
	fi
}

do_reboot() { # NAME: another domain of that name comes up
	before=$(xl domid "$1") || return
	xl reboot -F "$1" || return
	wait_for 120 another "$1" "$before" && in_guest "$1" true
}
another() {
	now=$(xl domid "$1" 2>/dev/null) && [ "$now" != "$2" ]
}

do_migrate() { # NAME: from this machine to this machine
	xl migrate -s '' "$1" 'xl migrate-receive' >$run/log 2>&1 || { grep -v progress $run/log | tail -n 12; return 1; }
}

command=$1
shift
"do_$command" "$@"
