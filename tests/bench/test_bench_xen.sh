#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1200
# Instructions per frame under real Xen (docs/bench-xen.md), the quick measurement: a PV guest that xl gave a queue, with the daemon of our package in dom0,
# sends and receives by the queue, and by netback, bridge and context 0. By counts, not by time. Skipped, with the reason, where there is no root with QEMU.
. tests/lib/tap.sh
out=build/tests/bench-xen
export SECONDS_MAX=900

if [ ! -f build/qemuroot/.complete ]; then
	tap_skip "instructions per frame" "there is no build/qemuroot (make qemuroot says why)"
	tap_end
fi
mkdir -p build/xen $out
# between LOW VALUE HIGH
between() { awk -v low="$1" -v value="$2" -v high="$3" 'BEGIN { print value; exit !(value >= low && value <= high) }'; }
# figure PATH WORKLOAD FILTER
figure() { jq -r --arg path "$1" --arg workload "$2" ".rows[] | select(.path == \$path and .workload == \$workload) | $3" $out/xen-quick.json; }

tap_check "both paths of a guest are measured" sim/bench-xen/bench-xen --quick $out
tap_check "every part of a total has an owner" jq -e '.rows | all((.xen + .dom0 + .guest - .total) | fabs < 1)' $out/xen-quick.json
tap_is "as many frames pass the NIC's wire as the queue sends, and as are received" \
	"$(figure direct tx-1470-b0 .to_wire; for path in direct software; do figure $path rx-1470-b32 .from_wire; done | sort -u)" "$(printf '1\n1')"
# A bridge may drop.
tap_check "and of netback's next to none is lost" between 0.97 "$(figure software tx-1470-b0 .to_wire)" 1.03
tap_check "a system call of a PV guest costs Xen hundreds" between 400 "$(figure direct calls .xen)" 1300
tap_check "and dom0 nothing" between -300 "$(figure direct calls .dom0)" 300

# Of a frame that the queue sends, Xen sees the guest's own system call, and with dom0 some interrupts: one for about a hundred frames.
call=$(figure direct calls .xen)
tap_check "a frame sent by the queue costs dom0 interrupts at most" between -400 "$(figure direct tx-1470-b0 .dom0)" 500
tap_check "and Xen, beyond the system call" between -400 "$(figure direct tx-1470-b0 ".xen - $call")" 700
tap_check "of which there are few" between -0.01 "$(figure direct tx-1470-b0 .interrupts)" 0.03
tap_check "netback, bridge and context 0 cost dom0 thousands" between 6000 "$(figure software tx-1470-b0 .dom0)" 20000
tap_check "and Xen" between 3500 "$(figure software tx-1470-b0 .xen)" 12000
tap_check "about one interrupt brings 32 frames" between 0.01 "$(figure direct rx-1470-b32 .interrupts)" 0.1
tap_check "a frame received by the queue costs dom0 a share of it" between 100 "$(figure direct rx-1470-b32 .dom0)" 2500
tap_check "and Xen" between 900 "$(figure direct rx-1470-b32 .xen)" 4500
tap_check "in all, what is sent costs less than half of the software path" \
	between 2 "$(jq '[.rows[] | select(.workload == "tx-1470-b0")] | (map(select(.path == "software"))[0].total / map(select(.path == "direct"))[0].total)' $out/xen-quick.json)" 6
tap_check "the goals are reckoned from the rows" jq -e '
	[.rows[] | select(.workload == "tx-1470-b0") | {(.path): (.xen + .dom0)}] | add as $less | input.goals[]
	| select(.what | test("Xen and dom0, transmit.*same NIC")) | select(.value != null) | (.value - 100 * $less.direct / $less.software) | fabs < 0.01' \
	$out/xen-quick.json $out/xen-quick.json
tap_end
