#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The systemd unit: systemd understands all of it, and it says what the daemon needs.
. tests/lib/tap.sh

unit=host-driver/systemd/glaned.service
if ! command -v systemd-analyze >/dev/null; then
	tap_skip "the unit is well-formed" "no systemd-analyze"
else
	# The program is taken from where it is built, so that it is there.
	sed "s|^ExecStart=/usr/sbin/|ExecStart=$PWD/build/host-driver/|; /^Documentation=/d" $unit >"$tap_tmp/glaned.service"
	systemd-analyze verify "$tap_tmp/glaned.service" >"$tap_tmp/said" 2>&1
	grep -F glaned.service "$tap_tmp/said" >"$tap_tmp/ours"
	tap_check "the unit is well-formed" test ! -s "$tap_tmp/ours"
	sed 's/^/# /' "$tap_tmp/ours"
fi
value() {
	sed -n "s/^$1=//p" $unit
}
tap_is "readiness is told" "$(value Type)" notify
tap_is "it comes back" "$(value Restart)" always
tap_check "but not with a wrong configuration" test "$(value RestartPreventExitStatus)" = 2
# 256 contexts: an interrupt, two doorbells and a memory each, and a few for the NIC.
tap_check "the store has room for all descriptors" test "$(value FileDescriptorStoreMax)" -ge 1100
tap_is "the state stays over a restart" "$(value RuntimeDirectoryPreserve)" restart
tap_check "a restart leaves the NIC alone" grep -q -- --keep <<<"$(value ExecStart)"
tap_check "the watchdog is longer than the library's longest wait" test "$(value WatchdogSec)" -ge 30
tap_end
