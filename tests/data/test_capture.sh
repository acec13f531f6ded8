#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/data/guests.pcapng holds every kind of traffic that the demo and the co-simulation tests rely on.
. tests/lib/tap.sh
export XDG_CONFIG_HOME=$tap_tmp LC_ALL=C.UTF-8
file=tests/data/guests.pcapng

# One pass of tshark: a line of fields for each frame, tried by awk expressions below.
tshark -n -r $file -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
	-o ip.defragment:FALSE -o ipv6.defragment:FALSE -T fields -E separator=, -E occurrence=f \
	-e frame.len -e frame.cap_len -e eth.src -e vlan.id -e arp.opcode -e ip.proto -e ip.flags.mf -e ip.frag_offset \
	-e icmp.type -e icmpv6.type -e ipv6.nxt -e tcp.len -e tcp.analysis.retransmission -e udp.length \
	-e tcp.analysis.duplicate_ack -e ip.checksum.status -e tcp.checksum.status -e udp.checksum.status \
	-e eth.dst -e ip.src >"$tap_tmp/frames" 2>"$tap_tmp/err" || { echo "Bail out! $(tail -n 1 "$tap_tmp/err")"; exit 1; }
names="len cap src vlan arp proto mf offset icmp icmp6 nxt tcp retransmission udp dupack ipsum tcpsum udpsum dst ipsrc"

# frames EXPRESSION: how many frames it is true for; the names above are the fields
frames() {
	awk -F, "{ $(n=0; for name in $names; do n=$((n + 1)); printf '%s=$%d; ' "$name" $n; done) if ($1) count++ }
		END { print count + 0 }" "$tap_tmp/frames"
}
at_least() { [ "$(frames "$2")" -ge "$1" ] || { echo "$(frames "$2") frames, not $1: $2"; false; }; }
none() { [ "$(frames "$1")" = 0 ] || { echo "$(frames "$1") frames: $1"; false; }; }
hosts() { [ "$(cut -d, -f3 "$tap_tmp/frames" | sort -u | grep -c '^02:47:4c:00:00:0[1-8]$')" = 8 ] &&
	none 'src !~ /^02:47:4c:00:00:0[1-8]$/'; }

tap_check "1000 to 2000 frames" test "$(frames 1)" -ge 1000 -a "$(frames 1)" -le 2000
tap_check "at most 700 KiB" test "$(stat -c %s $file)" -le 716800
tap_check "eight hosts send and nobody else" hosts
tap_check "every frame is whole" none 'len != cap'
tap_check "none is shorter than Ethernet allows" none 'len < 60'
tap_check "none is longer than 9014 octets" none 'len > 9014'
tap_check "frames of 60 octets" at_least 50 'len == 60'
tap_check "frames of 1514 octets" at_least 50 'len == 1514'
tap_check "jumbo frames of 9014 octets" at_least 5 'len == 9014'
tap_check "tagged frames of 1518 octets" at_least 2 'len == 1518 && vlan == 100'
tap_check "TCP over IPv4 with data" at_least 100 'proto == 6 && tcp > 0'
tap_check "TCP over IPv6 with data" at_least 30 'nxt == 6 && tcp > 0'
tap_check "TCP retransmissions" at_least 3 'retransmission'
tap_check "TCP duplicate acknowledgements" at_least 3 'dupack'
tap_check "short UDP" at_least 50 'udp > 0 && udp < 30'
tap_check "long UDP" at_least 10 'udp == 1480'
tap_check "ICMP echo request and reply" at_least 10 'icmp == 8 || icmp == 0 && icmp != ""'
tap_check "ICMPv6 echo request and reply" at_least 8 'icmp6 == 128 || icmp6 == 129'
tap_check "neighbour solicitation and advertisement" at_least 16 'icmp6 == 135 || icmp6 == 136'
tap_check "ARP request to all" at_least 8 'arp == 1 && dst == "ff:ff:ff:ff:ff:ff"'
tap_check "ARP reply to one" at_least 8 'arp == 2 && dst ~ /^02:/'
tap_check "IPv6 multicast" at_least 8 'dst ~ /^33:33:/'
tap_check "VLAN tags on TCP, ICMP and ARP" at_least 50 'vlan == 100'
tap_check "first and last fragments of IPv4 packets" at_least 20 'mf ~ /^(1|True)$/ || offset > 0'
# 0 is tshark's "bad"; a fragment's transport checksum is not checked.
tap_check "no bad checksum: offload was off" none 'ipsum == "0" || tcpsum == "0" || udpsum == "0" && offset == 0 && mf !~ /^(1|True)$/'

# The script refuses in one sentence where it cannot work.
tap_refuses "a directory that does not exist is refused" "no directory /nonexistent" \
	tests/data/capture.sh /nonexistent/file.pcapng
tap_end
