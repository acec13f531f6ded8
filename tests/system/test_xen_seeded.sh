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

# caught BUG STEP CHECK...: that this step with that bug fails, in one of these checks, and what its beginning shows is right
caught() {
	bug=$1 step=$2
	shift 2
	daemon=$(tests/system/xen/seeded-bugs "$bug") || return 1
	env -u WHOLE GLANED="$daemon" STEPS="$step" COUNT_KILL=2 COUNT_ATTACH=2 TYPES=pv tests/system/test_xen_queue.sh >"$tap_tmp/$bug" 2>&1
	grep '^not ok' "$tap_tmp/$bug" | sed "s/^/# $bug: /"
	grep -q '^ok .* guest c (pv) has a queue' "$tap_tmp/$bug" || { sed 's/^/# /' "$tap_tmp/$bug"; return 1; }
	for check; do
		! grep -q "^not ok .*$check" "$tap_tmp/$bug" || return 0
	done
	sed 's/^/# /' "$tap_tmp/$bug"
	return 1
}
tap_check "grants that stay mapped are seen" caught grant kill "dom0 and Xen hold what they did"
tap_check "an event channel that stays is seen" caught channel kill "dom0 and Xen hold what they did"
tap_check "a permission that stays is seen" caught page attach "dom0 and Xen hold what they did"
tap_check "memory that is taken from under the device is seen" caught revoke kill "no IOMMU fault" "Xen and dom0 logged no fault"
tap_end
