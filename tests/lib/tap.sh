# SPDX-License-Identifier: Apache-2.0
# TAP for test scripts in shell (sh or bash). Source it from the top folder, then one line for each behaviour:
#
#   . tests/lib/tap.sh
#   tap_check "help names every target" grep -q demo "$tap_tmp/help"   # passes if the command succeeds
#   tap_fails "no such file is refused" build/core-sim /nonexistent    # passes if it exits 1 to 125: refused, not crashed
#   tap_refuses "and says why" "no such file" build/core-sim /nonexistent      # the same, and the words are in its output
#   tap_is "frames are counted" "$frames" 1200                         # passes if both words are equal
#   tap_skip "ping between namespaces" "not root"                      # not run here, and why
#   tap_end                                                            # the plan; the script's exit status
#
# Output of the commands is shown as comments when they fail. $tap_tmp is a fresh directory, removed at the end.

tap_count=0
tap_failed=0
tap_tmp=$(mktemp -d "${TMPDIR:-/tmp}/guestlane.XXXXXX") || exit 1
trap 'rm -rf "$tap_tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tap_ok_() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

tap_not_ok_() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
}

tap_check() {
	tap_name=$1
	shift
	if "$@" >"$tap_tmp/.out" 2>&1; then
		tap_ok_ "$tap_name"
	else
		tap_status=$?
		tap_not_ok_ "$tap_name"
		echo "# exit status $tap_status of: $*"
		sed 's/^/# /' "$tap_tmp/.out" | tail -n 40
	fi
}

tap_fails() {
	tap_name=$1
	shift
	tap_status=0
	"$@" >"$tap_tmp/.out" 2>&1 || tap_status=$?
	if [ $tap_status -ge 1 ] && [ $tap_status -le 125 ]; then
		tap_ok_ "$tap_name"
	else
		tap_not_ok_ "$tap_name"
		echo "# exit status $tap_status of: $*"
		sed 's/^/# /' "$tap_tmp/.out" | tail -n 40
	fi
}

tap_refuses() {
	tap_name=$1
	tap_words=$2
	shift 2
	tap_status=0
	"$@" >"$tap_tmp/.out" 2>&1 || tap_status=$?
	if [ $tap_status -ge 1 ] && [ $tap_status -le 125 ] && grep -qF -e "$tap_words" "$tap_tmp/.out"; then
		tap_ok_ "$tap_name"
	else
		tap_not_ok_ "$tap_name"
		echo "# exit status $tap_status of: $*"
		echo "# '$tap_words' should be in:"
		sed 's/^/# /' "$tap_tmp/.out" | tail -n 40
	fi
}

tap_is() {
	if [ "$2" = "$3" ]; then
		tap_ok_ "$1"
	else
		tap_not_ok_ "$1"
		echo "# is '$2', should be '$3'"
	fi
}

tap_skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

tap_end() {
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
	exit $?
}
