#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Queues of real Xen's guests under attach and detach, kills of guests and of the daemon, a hostile guest, save, restore and reboot: all bytes of
# others' traffic are right, and dom0 holds afterwards what it did before (tests/system/xen/steps.sh, which runs in dom0). A few rounds of each;
# WHOLE=1 (`make test-xen`) is as many as the numbers below say. FILES="FILE..." are put beside the steps, for step daemon=FILE.
. tests/lib/tap.sh
skip() {
	tap_skip "queues of Xen's guests" "$1"
	tap_end
}
programs=build/trixie/tests/xen
[ -f build/qemuroot/.complete ] || skip "there is no build/qemuroot (make qemuroot says why)"
rig() { sim/rig/xen/xen-rig -d test-queue "$@"; }
finish() {
	rig stop
	rm -rf "$tap_tmp"
}
trap finish EXIT

# What takes long to begin is only among the whole.
if [ "${WHOLE-}" = 1 ]; then
	steps=${STEPS:-view attach kill crash both hostile save reboot}
	: "${COUNT_ATTACH:=100}" "${COUNT_KILL:=50}" "${COUNT_CRASH:=50}" "${COUNT_BOTH:=20}" "${SECONDS_HOSTILE:=60}"
else
	steps=${STEPS:-view kill crash both hostile}
	: "${COUNT_ATTACH:=4}" "${COUNT_KILL:=2}" "${COUNT_CRASH:=4}" "${COUNT_BOTH:=2}" "${SECONDS_HOSTILE:=10}" "${TYPES_HOSTILE:=pv}" "${TYPES_SAVE:=pv}"
fi
settings=
for name in COUNT_ATTACH COUNT_KILL COUNT_CRASH COUNT_BOTH SECONDS_HOSTILE TYPES TYPES_HOSTILE TYPES_SAVE SEED; do
	[ -z "${!name-}" ] || settings="$settings $name='${!name}'"
done

rig stop
{ rig start && rig install && rig put tests/lib/tap.sh tests/system/xen/{lib.sh,steps.sh,use-queue,victim-init} \
	$programs/{dom0-view,dom0-leak,dom0-destroy,stream,hostile/hostile.ko} ${FILES-} /root/tests; } >"$tap_tmp/start" 2>&1 || {
	sed 's/^/# /' "$tap_tmp/start"
	tap_check "a machine with Xen, glaned and the tests' programs starts" false
	tap_end
}
# Its lines as they come; its plan is checked, ours is the one that counts.
planned=none
while IFS= read -r line; do
	case $line in
	1..*) planned=${line#1..} ;;
	"ok "*)
		tap_count=$((tap_count + 1))
		echo "$line"
		;;
	"not ok "*)
		tap_count=$((tap_count + 1)) tap_failed=$((tap_failed + 1))
		echo "$line"
		;;
	*) echo "$line" ;;
	esac
done < <(rig run -t "${SECONDS_ALL:-7000}" "cd /root/tests && export $settings && exec bash ./steps.sh $steps" 2>&1)
tap_is "the steps went through to their end" "$planned" "$tap_count"
tap_check "Xen and dom0 logged no fault" rig check
tap_check "logs are collected" rig logs
tap_end
