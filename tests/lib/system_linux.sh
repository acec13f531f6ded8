# SPDX-License-Identifier: Apache-2.0
# For tests of the virtual machine with the NIC (sim/rig/system-linux). Source it after tests/lib/tap.sh:
#
#   system_linux_start "what it is"      # skips the whole test if there is no root with QEMU; else makes the machine's image
#   system_linux_run FOLDER              # runs the rig (its settings from the environment): each step is a test, and that all ended well

system_linux_start() {
	if [ ! -f build/qemuroot/.complete ]; then
		tap_skip "$1" "there is no build/qemuroot (make qemuroot says why)"
		tap_end
	fi
	# The programs are there (TESTS_NEED); the kernel module and the machine's image need the root.
	tap_check "the machine's image can be made" make -s NO_DEPS=1 build/rig/guest.cpio
}

system_linux_run() {
	rig_status=0
	sim/rig/system-linux "$1" >"$tap_tmp/run" 2>&1 || rig_status=$?
	sed 's/^/# /' "$tap_tmp/run"
	while read -r rig_ok rig_step; do
		if [ "$rig_ok" = true ]; then tap_ok_ "step $rig_step"; else tap_not_ok_ "step $rig_step"; fi
	done <<-END
		$(jq -r '.steps[] | "\(.ok) \(.step)"' "$1/results.json")
	END
	tap_is "the rig ends well" $rig_status 0
}
