#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# guestlane.ko builds, without a warning, for the kernel whose headers this machine has: 6.1 in Debian 12, 6.12 in Debian 13. (What it does is
# tested by test_system_linux.sh.)
. tests/lib/tap.sh

if ! ls -d /lib/modules/*/build >/dev/null 2>&1; then
	tap_skip "guestlane.ko for this machine's kernel" "no kernel headers (linux-headers-amd64)"
	tap_end
fi
module=$tap_tmp/glue/guestlane.ko
env -u MAKEFLAGS -u MFLAGS xen-integration/glue/build-module "$tap_tmp/glue" build/gen >"$tap_tmp/log" 2>&1
tap_is "it is built" $? 0
sed 's/^/# /' "$tap_tmp/log"
tap_is "without a warning" "$(grep -ciE 'warning|undefined' "$tap_tmp/log")" 0
info() { tr '\0' '\n' <"$module" | sed -n "s/^$1=\([^ ]*\).*/\1/p" | head -n 1; }
tap_is "its licence lets it use the kernel's interfaces" "$(info license)" GPL
kernel=$(find /lib/modules/*/build -maxdepth 0 | sort -V | tail -n 1 | cut -d/ -f4)
tap_is "it is for the newest kernel here" "$(info vermagic)" "$kernel"
# The guest's module: without /dev/guestlane, and without the NIC's registers.
env -u MAKEFLAGS -u MFLAGS xen-integration/glue/build-module "$tap_tmp/guest" >"$tap_tmp/log" 2>&1
tap_is "the guest's is built" $? 0
tap_is "without a warning either" "$(grep -ciE 'warning|undefined' "$tap_tmp/log")" 0
module=$tap_tmp/guest/guestlane.ko
tap_is "it loads for its xenbus device" "$(info alias)" xen:guestlane
tap_end
