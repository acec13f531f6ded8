#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 3600
# The tests of queues under Xen can fail: a glaned with a bug (tests/system/xen/seeded-bugs) is seen by a step of test_xen_queue.sh, by the check that
# is for it. Long: only with WHOLE=1 (`make test-xen`).
. tests/lib/tap.sh
skip() {
	tap_skip "seeded bugs under Xen" "$1"
	tap_end
}
[ "${WHOLE-}" = 1 ] || skip "only in make test-xen"
[ -f build/qemuroot/.complete ] || skip "there is no build/qemuroot (make qemuroot says why)"

bugs='grant channel page'
files=
for bug in $bugs; do
	files="$files $(tests/system/xen/seeded-bugs $bug)" || tap_check "a glaned with the bug '$bug' is built" false
done
env -u WHOLE FILES="$files" TYPES=pv \
	STEPS="daemon=glaned-page attach=1 daemon=glaned-grant kill=1 daemon=glaned-channel kill=1" tests/system/test_xen_queue.sh >"$tap_tmp/run" 2>&1
sed 's/^not ok/# &/; s/^ok/# &/; /^1\.\./d' "$tap_tmp/run"

# caught BUG EXPRESSION: a line that the step after the bug's beginning prints of what it found
caught() {
	awk -v mark="# --- daemon=glaned-$1 ---" '/^# --- daemon=/ { on = $0 == mark } on' "$tap_tmp/run" | grep -q "$2"
}
tap_check "the guests come up" grep -q '^ok .* guest c (pv) has a queue' "$tap_tmp/run"
tap_check "grants that stay mapped are seen, and the domain that they keep" caught grant '^+ *"([0-9]*) by Domain-0"'
tap_check "an event channel that stays is seen" caught channel '^+ *"unbound"'
tap_check "a permission that stays is seen" caught page "^not ok .*guest a may use no device"
tap_end
