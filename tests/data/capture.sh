#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes tests/data/guests.pcapng: what the network stacks of eight Linux hosts send to each other, every frame once.
#
#   tests/data/capture.sh [FILE]        as root, about 20 seconds; FILE is replaced (default tests/data/guests.pcapng)
#
# The hosts h1..h8 are network namespaces, each with eth0 on one bridge. What a host sends is captured where it enters the
# bridge. Behind that point two ports delay and lose frames, so that TCP has something to control. All segmentation and
# checksum offload is off: frames are as they would be on a wire, and short ones are padded to 60 bytes as an Ethernet
# controller does. Nothing of this is seen outside and nothing remains: namespaces and files are private to the run.
#
#   h1..h4, h7, h8    MTU 1500     h5, h6    MTU 9000     h7, h8    also VLAN 100     h2, h4    behind a lossy port
#   MAC 02:47:4c:00:00:0k, 10.0.0.k/24, fd00::k/64, on the VLAN 10.0.100.k/24
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

die() { echo "capture: $*" >&2; exit 1; }

if [ -z "${CAPTURE_INSIDE-}" ]; then
	here=$(cd "$(dirname "$0")" && pwd)
	file=${1:-$here/guests.pcapng}
	[ -d "$(dirname "$file")" ] || die "there is no directory $(dirname "$file") to write to"
	[ "$(id -u)" = 0 ] || die "making network namespaces needs root"
	for tool in ip tc ethtool tcpdump iperf3 ping mergecap editcap capinfos gcc; do
		command -v $tool >/dev/null || die "$tool is missing; run \`make deps\` first"
	done
	export CAPTURE_INSIDE=1
	exec unshare --net --mount --pid --fork --kill-child --mount-proc "$here/capture.sh" "$(realpath "$file")" "$here"
fi
file=$1 here=$2

# Private from here on: /run (names of namespaces) and /tmp.
mount -t tmpfs none /run
mkdir -p /run/netns
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -std=c11 -O1 -Wall -Wextra -Werror -o "$work/pad" "$here/pad.c" -lpcap ||
	die "tests/data/pad.c does not compile; is libpcap-dev there?"

on() { local host=$1; shift; ip netns exec "$host" "$@"; }
offload_off() { "$@" tso off gso off gro off tx off rx off sg off rxvlan off txvlan off >/dev/null; }

# --- Eight hosts on a bridge ---
ip link add br0 type bridge mcast_snooping 0 || die "this kernel has no bridge"
ip link set br0 addrgenmode none mtu 9000 up
for k in 1 2 3 4 5 6 7 8; do
	mtu=1500
	case $k in 5 | 6) mtu=9000 ;; esac
	ip netns add h$k
	ip link add p$k mtu 9000 type veth peer name eth0 netns h$k address 02:47:4c:00:00:0$k mtu $mtu
	ip link set p$k addrgenmode none master br0 up
	offload_off ethtool -K p$k
	offload_off on h$k ethtool -K eth0
	on h$k ip link set lo up
done
ip -n h7 link add link eth0 name eth0.100 type vlan id 100 2>/dev/null ||
	die "this kernel has no VLANs (module 8021q); run it on one that has, such as any Debian kernel"
ip -n h8 link add link eth0 name eth0.100 type vlan id 100
for port in p2 p4; do
	tc qdisc add dev $port root netem delay 2ms 500us loss 4% 2>/dev/null ||
		die "this kernel has no network emulation (module sch_netem); run it on one that has, such as any Debian kernel"
done

# --- Capture, then bring the hosts up: their first frames are IPv6's ---
captures=()
for k in 1 2 3 4 5 6 7 8; do
	tcpdump -q --nano --immediate-mode -U -i p$k -Q in -w "$work/$k.pcap" 2>/dev/null &
	captures+=($!)
done
sleep 1
for k in 1 2 3 4 5 6 7 8; do
	ip -n h$k addr add 10.0.0.$k/24 dev eth0
	ip -n h$k link set eth0 up
	ip -n h$k addr add fd00::$k/64 dev eth0
done
for k in 7 8; do
	ip -n h$k addr add 10.0.100.$k/24 dev eth0.100
	ip -n h$k link set eth0.100 up
done
sleep 2.5 # duplicate address detection

# --- Traffic ---
# iperf FROM TO ADDRESS PORT OPTION...: one transfer
iperf() {
	local from=$1 to=$2 address=$3 port=$4 tries=0
	shift 4
	on "$to" iperf3 -s -1 -p "$port" >/dev/null 2>&1 &
	until [ -n "$(on "$to" ss -H -ltn "sport = :$port")" ]; do
		[ $((tries += 1)) -le 100 ] || die "iperf3 does not start"
		sleep 0.1
	done
	on "$from" iperf3 -c "$address" -p "$port" "$@" >"$work/iperf.$port" 2>&1 ||
		die "iperf3 from $from to $to failed: $(tail -n 1 "$work/iperf.$port")"
}

echo "capture: echo requests of all sizes" >&2
for k in 1 3 5 7; do
	on h$k ping -q -c 2 -i 0.2 -s 18 10.0.0.$((k + 1)) &       # 60 bytes, the shortest frame
	on h$k ping -q -c 2 -i 0.2 -s 1472 10.0.0.$((9 - k)) &     # 1514 bytes, the longest without jumbo
	on h$k ping -q -c 3 -i 0.2 -s 4000 10.0.0.$((k % 8 + 1)) & # three fragments, or one jumbo frame
	on h$k ping -q -6 -c 2 -i 0.2 fd00::$((8 - k)) &
	sleep 0.3
done >/dev/null
on h5 ping -q -c 3 -i 0.2 -s 8972 10.0.0.6 >/dev/null &     # 9014 bytes
on h7 ping -q -c 3 -i 0.2 -s 56 10.0.100.8 >/dev/null &
on h8 ping -q -c 2 -i 0.2 -s 1472 10.0.100.7 >/dev/null &   # 1518 bytes with the tag
sleep 2

echo "capture: TCP and UDP between several pairs at once" >&2
jobs=()
run() { iperf "$@" & jobs+=($!); }
run h1 h2 10.0.0.2 5201 -n 60K -l 4K -C cubic               # through losses
run h3 h4 fd00::4 5202 -n 40K -l 4K -C reno
run h1 h4 10.0.0.4 5203 -n 24K -l 4K -C reno               # through losses
run h5 h6 10.0.0.6 5204 -n 70K -l 10K                       # jumbo
run h6 h3 fd00::3 5205 -n 20K -l 4K                         # 9000 to 1500
run h7 h8 10.0.100.8 5206 -n 24K -l 4K                      # tagged
run h8 h7 10.0.100.7 5207 -n 1500 -l 30 -N                  # tagged, short segments
run h2 h7 10.0.0.7 5208 -n 2400 -l 48 -N                    # short segments
run h6 h5 10.0.0.5 5209 -u -l 18 -b 24K -t 1                # 60-byte frames (at a rate: iperf3 overruns -n with UDP)
run h8 h1 10.0.0.1 5210 -u -l 1472 -b 250K -t 1             # full frames
run h3 h2 10.0.0.2 5211 -u -l 8000 -b 200K -t 1             # fragments
run h1 h8 fd00::8 5212 -u -l 200 -b 80K -t 1
for job in "${jobs[@]}"; do
	wait "$job" || die "a transfer failed (see above)"
done
sleep 0.5
kill -INT "${captures[@]}"
wait "${captures[@]}" 2>/dev/null || true

# --- One file in the order of time ---
mergecap -F nsecpcap -w "$work/all.pcap" "$work"/[1-8].pcap
"$work/pad" "$work/all.pcap" "$work/padded.pcap"
editcap -F pcapng "$work/padded.pcap" "$work/guests.pcapng"
bytes=$(stat -c %s "$work/guests.pcapng")
[ "$bytes" -le $((700 * 1024)) ] || die "the capture has $bytes bytes, more than 700 KiB: something sent more than it should"
cp "$work/guests.pcapng" "$file.new"
mv "$file.new" "$file"
echo "capture: $file: $(capinfos -c -M -T -r "$file" | awk '{ print $NF }') frames, $bytes bytes" >&2
