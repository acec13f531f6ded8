#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 900
# A Debian 13 virtual machine with the simulated NIC as its PCI function (sim/rig/system-linux): each step of the rig is a test, and so is what its
# figures must be. Skipped, with the reason, where the root with QEMU could not be made.
. tests/lib/tap.sh
. tests/lib/system_linux.sh
out=build/system-linux-test

system_linux_start "a virtual machine with the NIC"
system_linux_run "$out"

# holds NAME FILTER: of results.json
holds() { tap_check "$1" jq -e "$2" "$out/results.json"; }
holds "all steps ran, some again after the machine's reset" '[.steps[].step] | length == 25 and (map(select(. == "ping")) | length == 2)'

holds "the test-suite of libguestlane ran" '.values.suite_tests_passed >= 21'
# 6 s alone; other tests run beside it.
holds "it boots in less than two minutes" '.boot_s < 120 and .reboot_s < 120'
for pair in packed_split packed_tap split_tap; do
	holds "ping $pair" ".values.ping_${pair}_ms > 0"
done
for pair in packed_split split_packed packed_tap tap_packed; do
	holds "TCP $pair" ".values.tcp_${pair}_mbit_s > 0 and .values.tcp_${pair}_frames > 20"
done
# One frame alone takes some 2,500 cycles each way; many together take less.
holds "cycles for each frame" '.values.tcp_cycles_per_frame | . > 50 and . < 5000'
holds "DMA went through the client's memory" '.sim.dma | .reads > 0 and .by_message == 0'
holds "none was refused but while the machine reset itself" '[.steps[].dma_refused] | add == 0'
holds "no interrupt was lost" '.sim.vfio_user | .interrupts > 0 and .lost_interrupts == 0 and .errors == 0'
tap_end
