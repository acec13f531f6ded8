#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 1800
# Stock QEMU and Linux on a board behind the host link: QEMU's vfio-user-pci is the client of glane-hostlink, which talks over veth pairs and hostlink-relay to the RTL of the
# whole board in Verilator; in the machine VFIO and libguestlane's suite, then glaned and the kernel's own virtio_net. STEPS, SUITE_TESTS and CABLE in the environment are
# those of sim/rig/system-linux and sim/rig/board-nic. Part of `make test-hostlink`. Skipped, with the reason, where the root with QEMU could not be made.
. tests/lib/tap.sh
. tests/lib/system_linux.sh
out=build/system-linux-board
system_linux_start "a virtual machine with a board"
export STEPS="${STEPS-pci bind suite daemon glue addresses ping}" SUITE_TESTS="${SUITE_TESTS-f*}"
# board-sim has 8 contexts.
export NIC_PROGRAM=sim/rig/board-nic NIC_CONTEXTS=8 STEP_SECONDS=600 SECONDS_ALL=1700
system_linux_run "$out"
tap_is "all steps ran" "$(jq -r '[.steps[].step] | join(" ")' "$out/results.json")" "$STEPS"
tap_check "the cable carried it" jq -e '.link.words_in > 1000 and .link.words_out > 1000' "$out/nic.json"
echo "# link: $(jq -c '.link' "$out/nic.json")"
echo "# board: $(jq -c . "$out/nic.sock.board")"
echo "# cable: $(jq -c . "$out/nic.sock.cable")"
tap_end
