#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of .ci/deps with a make-believe dpkg-query, apt-get and sudo: only what is missing is installed, and failures are told.
. tests/lib/tap.sh

mkdir "$tap_tmp/bin"
fake() {
	cat >"$tap_tmp/bin/$1"
	chmod +x "$tap_tmp/bin/$1"
}
# Installed are the packages in the file "installed"; apt-get notes its arguments, and fails as the file "apt_fails" says.
fake dpkg-query <<'E2'
#!/bin/sh
shift 3
for name; do
	grep -qx "$name" "$FAKE/installed" && echo "$name installed"
done
exit 1
E2
fake apt-get <<'E2'
#!/bin/sh
echo "$*" >>"$FAKE/apt"
case $* in *" update") : >"$FAKE/updated"; exit 0 ;; esac
[ ! -e "$FAKE/apt_fails" ] || [ -e "$FAKE/updated" ] && exit 0
exit 100
E2
fake sudo <<'E2'
#!/bin/sh
echo sudo >>"$FAKE/apt"
exec "$@"
E2
export FAKE="$tap_tmp"
deps() {
	rm -f "$tap_tmp/apt" "$tap_tmp/updated"
	: >"$tap_tmp/apt"
	PATH="$tap_tmp/bin:$PATH" .ci/deps
}

.ci/deps --list | tr ' ' '\n' >"$tap_tmp/all"
tap_check "--list names packages" grep -qx verilator "$tap_tmp/all"

cp "$tap_tmp/all" "$tap_tmp/installed"
tap_check "nothing is done when all is there" deps
tap_check "apt is not called then" test ! -s "$tap_tmp/apt"

grep -vx -e ccache -e tshark "$tap_tmp/all" >"$tap_tmp/installed"
tap_check "what is missing is installed" deps
tap_check "that and nothing else" grep -q 'install --no-install-recommends ccache tshark$' "$tap_tmp/apt"
tap_check "without asking" grep -q -- '-y' "$tap_tmp/apt"
if [ "$(id -u)" = 0 ]; then
	tap_fails "root needs no sudo" grep -q sudo "$tap_tmp/apt"
else
	tap_check "other users need sudo" grep -q sudo "$tap_tmp/apt"
fi

: >"$tap_tmp/apt_fails"
tap_check "old package lists are renewed" deps
tap_is "once, between two tries" "$(grep -c -e install -e update "$tap_tmp/apt")" 3
tap_end
