#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1200
# Instructions per frame under Xen (docs/bench-xen.md), with few frames: the counting finds what netback costs, and on a context of the NIC a frame sent costs
# Xen and dom0 nothing. By counts, not by time. Skipped, with the reason, where there is no root with QEMU, or nothing that gives guests contexts.
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
# figure FOLDER WORKLOAD FIELD
figure() { jq -r --arg name "$2" ".[] | select(.name == \$name) | $3" "$out/$1.json"; }

tap_check "what it needs is made" make NO_DEPS=1 bench-xen-need
tap_check "the software path is measured" env FEW=256 MANY=768 sim/bench-xen/measure $out/e1000e e1000e pv 1 calls,tx-1470-b0
tap_check "and reported" build/bench-xen/insn-report --json $out/e1000e.json $out/e1000e
# With 1024 and 3072 frames it was 4.0 k, 8.2 k and 6.4 k; a kernel's update moves them by little.
tap_check "netback and bridge cost dom0 thousands of instructions for a frame" between 5000 "$(figure e1000e tx-1470-b0 .dom0)" 12000
tap_check "Xen, for its grants" between 2500 "$(figure e1000e tx-1470-b0 .xen)" 6500
tap_check "the guest" between 4000 "$(figure e1000e tx-1470-b0 .guest)" 9000
tap_check "a system call of a PV guest costs Xen hundreds" between 200 "$(figure e1000e calls .xen)" 1200

if ! grep -aq backend/guestlane build/trixie/host-driver/glaned; then
	tap_skip "transmission from a context" "this glaned gives guests no contexts"
	tap_end
fi
tap_check "a context is measured" env FEW=256 MANY=768 sim/bench-xen/measure $out/direct direct pv 1 calls,tx-1470-b0
tap_check "and reported" build/bench-xen/insn-report --json $out/direct.json $out/direct
tap_check "every frame goes over the NIC's wire" between 0.999 "$(figure direct tx-1470-b0 .to_wire)" 1.001
# What is left are interrupts when the ring was full, and timers: 2 % of what netback costs.
tap_check "a frame costs dom0 nothing" between -250 "$(figure direct tx-1470-b0 .dom0)" 120
call=$(figure direct calls .xen)
tap_check "nor Xen, but for the system call of the guest" between -250 "$(awk -v a="$(figure direct tx-1470-b0 .xen)" -v b="$call" 'BEGIN { print a - b }')" 250
tap_end
