#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guestlane.ko builds, without a warning, for the kernel whose headers this machine has: 6.1 in Debian 12, 6.12 in Debian 13. (What it does is
# tested by test_system_linux.sh.)
. tests/lib/tap.sh

if ! ls -d /lib/modules/*/build >/dev/null 2>&1; then
	tap_skip "guestlane.ko for this machine's kernel" "no kernel headers (linux-headers-amd64)"
	tap_end
fi
module=build/host-driver/glue/guestlane.ko
rm -rf build/host-driver/glue
make -s NO_DEPS=1 $module >"$tap_tmp/log" 2>&1
tap_is "it is built" $? 0
cat build/host-driver/glue.log >>"$tap_tmp/log"
sed 's/^/# /' "$tap_tmp/log"
tap_is "without a warning" "$(grep -ciE 'warning|undefined' "$tap_tmp/log")" 0
tap_is "its licence lets it use the kernel's interfaces" "$(/sbin/modinfo -F license $module)" GPL
kernel=$(find /lib/modules/*/build -maxdepth 0 | sort -V | tail -n 1 | cut -d/ -f4)
tap_is "it is for the newest kernel here" "$(/sbin/modinfo -F vermagic $module | cut -d' ' -f1)" "$kernel"
tap_end
