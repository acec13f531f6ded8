#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# glaned's configuration: every mistake is one sentence with file, line and word, exit status 2, and nothing is touched.
. tests/lib/tap.sh

glaned=build/tests/glaned/glaned
firmware=build/firmware/guestlane.fw
conf=$tap_tmp/glaned.conf
state=$tap_tmp/state

# check NAME TEXT WORDS [ARGUMENT...]: this configuration is refused with these words, in one line, with status 2.
check() {
	local name=$1 text=$2 words=$3 status=0 out
	shift 3
	printf '%b' "$text" >"$conf"
	out=$("$glaned" --config "$conf" --state-dir "$state" "$@" 2>&1) || status=$?
	if [ $status = 2 ] && [[ $out == *"$words"* ]] && [ "$(wc -l <<<"$out")" = 1 ] && [ ! -e "$state" ]; then
		tap_ok_ "$name"
	else
		tap_not_ok_ "$name"
		echo "# status $status, '$words' should be in the one line:"
		sed 's/^/# /' <<<"$out"
	fi
}

nic="[nic]\ndevice = vfio-user:/nonexistent\nfirmware = $firmware\n"

printf '%b' "$nic[context 3]\nmac = 02:00:00:00:00:03\ntx-rate = 10M # bit/s\nvlan=trunk\nvids = 10, 20\n; end\n" >"$conf"
tap_check "a right one is accepted" "$glaned" --config "$conf" --state-dir "$state" --check-config
tap_check "and nothing is touched" test ! -e "$state"
tap_check "the example is accepted" "$glaned" --config host-driver/glaned/glaned.conf --firmware $firmware --check-config

check "no device" "[nic]\nfirmware = $firmware\n" "no NIC is named"
check "unknown section" "$nic[nick]\n" "$conf:4: there is no section \"nick\""
check "broken section" "$nic[context 1\n" "$conf:4: \"[context 1\" is not a section"
check "number of a context" "$nic[context one]\n" "$conf:4: a context is a number from 0 to 255, not \"one\""
check "large number" "$nic[context 256]\n" "not \"256\""
check "section twice" "$nic[context 1]\n\n[context 1]\n" "$conf:6: [context 1] is there already, in line 4"
check "key outside" "device = vfio:0000:01:00.0\n" "$conf:1: \"device\" stands before the first section"
check "no equals sign" "${nic}tap glane0\n" "$conf:4: \"tap glane0\" is not of the form key = value"
check "unknown key of the NIC" "${nic}colour = red\n" "$conf:4: [nic] has no key \"colour\""
check "unknown key of a context" "$nic[context 1]\ncolor = red\n" "$conf:5: [context 1] has no key \"color\""
check "key twice" "$nic[context 1]\nmtu = 1500\nmtu = 9000\n" "$conf:6: \"mtu\" is set already, in line 5"
check "key without value" "$nic[context 1]\nmtu =\n" "$conf:5: \"mtu\" has no value"
check "form of the device" "[nic]\ndevice = 0000\n" "$conf:2: device \"0000\" is not of the form"
check "tap's name" "${nic}tap = a-name-that-is-too-long\n" "tap \"a-name-that-is-too-long\""
check "rings of the tap" "${nic}tap-ring = round\n" "not \"round\""
check "metrics" "${nic}metrics-listen = 0.0.0.0:80\n" "metrics-listen \"0.0.0.0:80\""
check "metrics' port" "${nic}metrics-listen = 127.0.0.1:70000\n" "127.0.0.1:70000"
check "mode" "${nic}socket-mode = 0999\n" "socket-mode \"0999\""
check "group" "${nic}socket-group = no-such-group-here\n" "\"no-such-group-here\" does not exist"
check "seconds" "${nic}attach-timeout = soon\n" "not \"soon\""
check "bytes" "${nic}attach-bytes = 5000\n" "not \"5000\""
check "table" "${nic}table-bytes = 4K\n" "not \"4K\""
check "watchdog" "${nic}watchdog = 1h\n" "not \"1h\""
check "interrupts' distance" "${nic}irq-moderation = 100001\n" "irq-moderation is from 0 to 100000 microseconds, not \"100001\""
check "interrupts' mode" "${nic}irq-mode = msi\n" "irq-mode is auto, per-context or bit-vector, not \"msi\""
check "yes or no" "${nic}keep = maybe\n" "not \"maybe\""
check "log format" "${nic}log-format = xml\n" "not \"xml\""
check "mac" "$nic[context 1]\nmac = 02:00:00:00:00\n" "$conf:5: mac is an address such as 02:00:00:00:00:01, not \"02:00:00:00:00\""
check "group address" "$nic[context 1]\nmac = 01:00:5e:00:00:01\n" "01:00:5e:00:00:01"
check "same mac" "$nic[context 1]\nmac = 02:00:00:00:00:01\n[context 2]\nmac = 02:00:00:00:00:01\n" "$conf:6: [context 2] has mac 02:00:00:00:00:01 of [context 1]"
check "mtu" "$nic[context 1]\nmtu = 10000\n" "$conf:5: mtu is a whole number from 68 to 9000, not \"10000\""
check "mtu with letters" "$nic[context 1]\nmtu = big\n" "not \"big\""
check "weight" "$nic[context 1]\nweight = 0\n" "not \"0\""
check "link" "$nic[context 1]\nlink = on\n" "link is \"up\" or \"down\", not on"
check "queue size" "$nic[context 1]\nqueue-size = 100\n" "$conf:5: queue_size 100 is not a power of two"
check "feature" "$nic[context 1]\nfeatures = ring_packed, warp\n" "\"warp\" is not one"
check "vlan" "$nic[context 1]\nvlan = tunk\n" "tunk"
check "access without vid" "$nic[context 1]\nvlan = access\n" "$conf:4: [context 1]: vlan \"access\" needs a vid"
check "trunk without vids" "$nic[context 1]\nvlan = trunk\n" "needs vids"
check "vids without trunk" "$nic[context 1]\nvids = 1,2\n" "vids belong to vlan \"trunk\""
check "vids" "$nic[context 1]\nvids = 1,x\n" "not \"1,x\""
check "vid twice" "$nic[context 1]\nvids = 7 7\n" "names 7 twice"
check "boolean" "$nic[context 1]\nwire = perhaps\n" "wire is \"yes\" or \"no\", not \"perhaps\""
check "rate" "$nic[context 1]\ntx-rate = 10Q\n" "not \"10Q\""
check "burst without rate" "$nic[context 1]\ntx-burst = 2000\n" "tx_burst needs a tx_rate"
check "share" "$nic[context 1]\nrx-share = 65\n" "not \"65\""
check "null byte" "$nic[context 1]\nmtu\0 = 7\n" "$conf:5: "
check "long line" "$nic# $(head -c 5000 /dev/zero | tr '\0' x)\n" "$conf:4: the line is longer"
check "not UTF-8" "$nic[context 1]\n\xff\xfe = 1\n" "$conf:5: "

check "firmware that is not there" "$nic" "/nonexistent.fw" --firmware /nonexistent.fw
head -c 3000 $firmware >"$tap_tmp/short.fw"
check "firmware that is cut" "$nic" "short.fw" --firmware "$tap_tmp/short.fw"
(cat $firmware | head -c 5000; printf X; tail -c +5002 $firmware) >"$tap_tmp/changed.fw"
check "firmware with a wrong byte" "$nic" "changed.fw" --firmware "$tap_tmp/changed.fw"
check "no such option" "$nic" "colour" --colour
check "superfluous word" "$nic" "\"word\" is not an option" word
check "option without value" "$nic" "requires an argument" --firmware
check "bad value of an option" "$nic" "log-format is text or json, not \"xml\"" --log-format xml
rm -f "$conf"
tap_refuses "no file" "cannot read the configuration $conf: No such file" "$glaned" --config "$conf"

# Right words, but the NIC is not there.
printf '%b' "$nic" >"$conf"
status=0
out=$("$glaned" --config "$conf" --state-dir "$state" --socket "$tap_tmp/glaned.sock" 2>&1) || status=$?
tap_is "a NIC that is not there: status 1" "$status" 1
tap_check "in a sentence that names it" grep -q "/nonexistent" <<<"$out"
tap_is "in one line" "$(wc -l <<<"$out")" 1
"$glaned" --config "$conf" --state-dir "$state" --socket "$tap_tmp/glaned.sock" --log-format json 2>"$tap_tmp/log"
tap_is "for machines, too" "$(jq -r '.level + " " + .event' "$tap_tmp/log")" "error failed"
tap_is "and no glane-hold stays" "$(find "$state" -name '*.hold' | wc -l)" 0
tap_end
