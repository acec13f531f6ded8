#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo as its user meets it: the committed capture with its report, chart and capture of the wire; other captures; bad
# input, each refused in one sentence with exit status 2.
. tests/lib/tap.sh
demo=build/demo/glane-demo
data=tests/data/guests.pcapng
out=$tap_tmp/out

# q FILTER: what jq says of the report
q() { jq -r "$1" "$out/report.json" 2>&1; }
# Frames in a capture file; malformed ones.
frames() { tshark -r "$1" 2>/dev/null | wc -l; }
malformed() { tshark -r "$1" -Y _ws.malformed 2>/dev/null | wc -l; }

# --- the committed capture ---
tap_check "the committed capture ends with status 0" $demo --out "$out"
for key in contexts clock_hz cycles frames_in frames_out lost corrupted reordered cycles_per_frame_tx cycles_per_frame_rx \
	latency_ns.p50 latency_ns.p99 latency_ns.max sim_cycles_per_second; do
	tap_is "report.json: $key is a number" "$(q ".$key | type")" number
done
tap_is "report.json: one entry of per_context for each context" "$(q '(.per_context | length) == .contexts and .contexts >= 8')" true
tap_is "no frame is lost, corrupted or out of order" "$(q '[.lost, .corrupted, .reordered] | add')" 0
tap_is "nobody breaks the rules of virtio" "$(q .virtio_violations)" 0
tap_is "guests and wire together sent frames_in" "$(q '([.per_context[].frames_sent] | add) + .wire.frames_to_nic == .frames_in')" true
tap_is "and received frames_out" "$(q '([.per_context[].frames_received] | add) + .wire.frames_from_nic == .frames_out')" true
tap_is "every guest sent and received" "$(q 'all(.per_context[]; .frames_sent > 0 and .frames_received > 0)')" true
tap_is "wire.pcapng has each frame on the wire" "$(frames "$out/wire.pcapng")" "$(q '.wire.frames_to_nic + .wire.frames_from_nic')"
tap_is "none is malformed" "$(malformed "$out/wire.pcapng")" 0
tap_is "its capture is whole" "$(capinfos -c "$out/wire.pcapng" 2>&1 | grep -ci 'cut short')" 0
tap_is "report.png is a PNG image" "$(head -c 8 "$out/report.png" | od -An -t x1 | tr -d ' ')" 89504e470d0a1a0a

# --- captures of other shapes ---
# host_frames HOSTS FRAMES: hex dumps for text2pcap; host h sends to the next host 60 octets and more
host_frames() {
	awk -v hosts="$1" -v frames="$2" 'BEGIN {
		for (f = 0; f < frames; f++) {
			h = f % hosts; to = (h + 1) % hosts
			printf "000000 02 00 00 00 00 %02x 02 00 00 00 00 %02x 88 b5", to + 1, h + 1
			for (i = 14; i < 60 + f % 7 * 100; i++) printf " %02x", (f * 7 + i) % 256
			print ""
		}
	}'
}
none_lost() { # NAME FILE OPTION...
	none_lost_name=$1 none_lost_file=$2
	shift 2
	rm -f "$out/report.json"
	tap_check "$none_lost_name" $demo --pcap "$none_lost_file" --out "$out" "$@"
	tap_is "$none_lost_name: none lost" "$(q '[.lost, .corrupted, .reordered, .virtio_violations] | add')" 0
}
host_frames 2 40 | text2pcap -q - "$tap_tmp/two.pcapng" >/dev/null 2>&1
none_lost "a capture of two hosts" "$tap_tmp/two.pcapng"
tap_is "still has eight guests" "$(q .contexts)" 8
host_frames 40 200 | text2pcap -q - "$tap_tmp/forty.pcapng" >/dev/null 2>&1
none_lost "a capture of 40 hosts, more than contexts" "$tap_tmp/forty.pcapng"
tap_is "fills 32 contexts" "$(q .contexts)" 32
none_lost "40 hosts, 9 of them guests" "$tap_tmp/forty.pcapng" --guests 9 --seed 7
tap_is "has nine guests" "$(q .contexts)" 9
editcap -F pcap "$tap_tmp/two.pcapng" "$tap_tmp/two.pcap" 2>/dev/null
none_lost "classic pcap" "$tap_tmp/two.pcap"
awk 'BEGIN {
	for (f = 0; f < 12; f++) {
		printf "000000 02 00 00 00 00 %02x 02 00 00 00 00 %02x 88 b5", 1 + (f + 1) % 2, 1 + f % 2
		for (i = 14; i < 9014 - f % 3; i++) printf " %02x", (f + i) % 256
		print ""
	}
}' | text2pcap -q - "$tap_tmp/jumbo.pcapng" >/dev/null 2>&1
none_lost "jumbo frames of 9014 octets" "$tap_tmp/jumbo.pcapng"
tap_is "all go through" "$(q .frames_in)" 24

# --- bad input ---
# refused NAME WORDS COMMAND...: exit status 2, one line that has WORDS
refused() {
	refused_name=$1 refused_words=$2 refused_status=0
	shift 2
	"$@" >"$tap_tmp/said" 2>&1 </dev/null || refused_status=$?
	if [ $refused_status -eq 2 ] && [ "$(wc -l <"$tap_tmp/said")" -eq 1 ] && grep -qF -e "$refused_words" "$tap_tmp/said"; then
		tap_ok_ "refused: $refused_name"
	else
		tap_not_ok_ "refused: $refused_name"
		echo "# exit status $refused_status, should be 2, with one line that has '$refused_words':"
		sed 's/^/# /' "$tap_tmp/said" | tail -n 20
	fi
}
bad=$tap_tmp/bad
refused "a capture that is not there" "No such file" $demo --pcap "$bad"
: >"$bad"
refused "an empty file" "truncated" $demo --pcap "$bad"
echo "This is no capture, but some text." >"$bad"
refused "a text file" "unknown file format" $demo --pcap "$bad"
refused "a folder" "pcapng" $demo --pcap "$tap_tmp"
head -c 100000 $data >"$bad"
refused "a pcapng file that was cut" "is damaged after" $demo --pcap "$bad"
head -c 700 "$tap_tmp/two.pcap" >"$bad"
refused "a pcap file that was cut" "is damaged after" $demo --pcap "$bad"
editcap -F pcap -T linux-sll "$tap_tmp/two.pcap" "$bad" 2>/dev/null
refused "another link type" "not on \"any\"" $demo --pcap "$bad"
editcap -F pcap -s 40 "$tap_tmp/two.pcap" "$bad" 2>/dev/null
refused "a capture of headers only" "capture with -s 0" $demo --pcap "$bad"
editcap -F pcap "$tap_tmp/two.pcap" "$bad" 1-1000 2>/dev/null
refused "a capture without a frame" "no whole Ethernet frame" $demo --pcap "$bad"
refused "an unknown option" "--fast" $demo --fast
refused "an option without its value" "needs a value" $demo --pcap
refused "a word that is no option" "is not an option" $demo capture.pcap
refused "three guests" "from 8 to 32" $demo --guests 3
refused "guests that are no number" "whole number" $demo --guests many
refused "seed 0" "whole number" $demo --seed 0
refused "a results folder that cannot be made" "give another --out" $demo --out "$tap_tmp/a/b"
refused "results in a file" "Not a directory" $demo --out "$bad"
refused "no name of a folder" "give another --out" $demo --out ""
refused "firmware that is not there" "make all" $demo --out "$out" --firmware "$tap_tmp/none"
echo "no program" >"$bad"
refused "firmware that is no ELF file" "ELF" $demo --out "$out" --firmware "$bad"
refused "firmware of another processor" "RISC-V" $demo --out "$out" --firmware /bin/true
head -c 3000 build/firmware/guestlane.elf >"$bad"
refused "firmware that was cut" "cut short" $demo --out "$out" --firmware "$bad"
if [ "$(id -u)" != 0 ]; then
	mkdir "$tap_tmp/closed" && chmod 555 "$tap_tmp/closed"
	refused "a results folder that may not be written" "Permission denied" $demo --out "$tap_tmp/closed"
elif unshare -m true 2>/dev/null; then
	mkdir "$tap_tmp/disk"
	# shellcheck disable=SC2016 -- expanded by the inner shell
	refused "a full disk" "free" unshare -m sh -c 'mount -t tmpfs -o size=64k none "$1" && exec "$2" --out "$1"' sh "$tap_tmp/disk" $demo
	refused "a disk that cannot be written" "Read-only" \
		unshare -m sh -c 'mount -t tmpfs -o ro none "$1" && exec "$2" --out "$1"' sh "$tap_tmp/disk" $demo
else
	tap_skip "a full disk" "may not mount"
fi

# --- as make calls it ---
refused "make demo with a capture that is not there" "No such file" \
	sh -c 'make -s NO_DEPS=1 demo PCAP=/nonexistent.pcap 2>&1 | grep glane-demo; exit 2'
tap_fails "make demo fails then" make -s NO_DEPS=1 demo PCAP=/nonexistent.pcap
tap_end
