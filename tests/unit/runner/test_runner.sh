#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of the test runner, tests/run: what must count as a failure does, and its last line and exit status say so.
. tests/lib/tap.sh

# program NAME: makes an executable from stdin
program() {
	cat >"$tap_tmp/$1"
	chmod +x "$tap_tmp/$1"
}

# run PROGRAM...: runs them; sets $status and $last, keeps the output in $tap_tmp/out
run() {
	status=0
	(cd "$tap_tmp" && "$top/tests/run" --logs "$tap_tmp/logs" --timeout 2 "$@") >"$tap_tmp/out" 2>&1 || status=$?
	last=$(tail -n 1 "$tap_tmp/out")
}

top=$PWD

program good <<'E2'
#!/bin/sh
echo 1..3
echo "ok 1 - first"
echo "# ok - a comment"
echo "ok 2 - second # SKIP no such device"
echo "ok 3 - third"
E2
program bad <<'E2'
#!/bin/sh
printf '1..2\nok 1 - first\nnot ok 2 - second\n'
echo "the reason" >&2
exit 1
E2
program bad_but_exits_0 <<'E2'
#!/bin/sh
printf 'not ok 1 - x\n1..1\n'
E2
program crash <<'E2'
#!/bin/sh
printf '1..2\nok 1 - first\n'
kill -SEGV $$
E2
program silent <<'E2'
#!/bin/sh
exit 0
E2
program exits_1 <<'E2'
#!/bin/sh
printf 'ok 1 - x\n1..1\n'
exit 1
E2
program short <<'E2'
#!/bin/sh
printf '1..3\nok 1 - x\n'
E2
program endless <<'E2'
#!/bin/sh
echo "ok 1 - x"
sleep 60
E2
program patient <<'E2'
#!/bin/sh
# tests/run: timeout 9
sleep 3
printf '1..1\nok 1 - x\n'
E2
program skipped <<'E2'
#!/bin/sh
echo "1..0 # SKIP not root"
E2
program cmocka_skip <<'E2'
#!/bin/sh
printf '1..2\nnot ok 1 # SKIP slow\nok 2 - b\n'
E2
program bails <<'E2'
#!/bin/sh
printf 'ok 1 - x\nBail out! no memory\n'
E2

run ./good
tap_is "passes and skips are counted" "$last" "2 passed, 0 failed, 1 skipped"
tap_is "and the exit status is 0" $status 0
tap_check "the reason of a skip is shown" grep -q '^skipped: good: second : no such device$' "$tap_tmp/out"
run ./good ./bad
tap_is "a failing test fails the run" "$last" "3 passed, 1 failed, 1 skipped"
tap_is "and the exit status is 1" $status 1
tap_check "the failing log is shown" grep -q '^the reason$' "$tap_tmp/out"
run ./bad_but_exits_0
tap_is "not ok with exit status 0 is a failure" "$status $last" "1 0 passed, 1 failed, 0 skipped"
run ./crash
tap_is "a crash is a failure" "$status $last" "1 1 passed, 2 failed, 0 skipped"
run ./silent
tap_is "a program that prints no test is a failure" "$status $last" "1 0 passed, 1 failed, 0 skipped"
run ./exits_1
tap_is "a non-zero exit status is a failure" "$status $last" "1 1 passed, 1 failed, 0 skipped"
run ./short
tap_is "fewer tests than planned is a failure" "$status $last" "1 1 passed, 1 failed, 0 skipped"
run ./endless
tap_is "a program that does not end is a failure" "$status $last" "1 1 passed, 1 failed, 0 skipped"
run ./patient
tap_is "a script may ask for more time" "$status $last" "0 1 passed, 0 failed, 0 skipped"
run ./bails
tap_is "Bail out! is a failure" "$status $last" "1 1 passed, 1 failed, 0 skipped"
run ./missing
tap_is "a program that does not exist is a failure" $status 1
run ./skipped ./good
tap_is "a wholly skipped program counts as one skip" "$status $last" "0 2 passed, 0 failed, 2 skipped"
run ./skipped
tap_is "nothing but skips is no success" $status 1
run ./cmocka_skip
tap_is "cmocka's skips are skips" "$status $last" "0 1 passed, 0 failed, 1 skipped"
run
tap_is "no program at all is no success" "$status $last" "1 0 passed, 0 failed, 0 skipped"
run -j x ./good
tap_is "a bad option is refused" $status 2
tap_end
