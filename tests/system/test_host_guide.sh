#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/host-driver.md stays true: its C program builds and runs on the simulated NIC, its configuration is accepted, its links lead somewhere, the
# commands that it shows are ones that the programs know.
. tests/lib/tap.sh
guide=docs/host-driver.md
trap 'kill $sim 2>/dev/null; rm -rf "$tap_tmp"' EXIT

build/sim/glane-sim --socket "$tap_tmp/sim.sock" >"$tap_tmp/sim.log" 2>&1 &
sim=$!
sed -n '/^```c$/,/^```$/p' $guide | grep -v '^```' >"$tap_tmp/example.c"
# The command lines are the guide's, with other names for the program.
gcc_lines=$(sed -n 's/^    \(gcc .*\)/\1/p' $guide)
build() { eval "$(echo "$gcc_lines" | grep "$1" | sed "s,example,$tap_tmp/example,g; s,^gcc ,gcc -Wall -Wextra -Werror ,")"; }
if command -v pkg-config >/dev/null; then
	tap_check "the library is installed" make -s NO_DEPS=1 install DESTDIR="$tap_tmp/root"
	export PKG_CONFIG_PATH="$tap_tmp/root/usr/lib/pkgconfig"
	tap_check "its program builds without a warning on the installed library" build pkg-config
	tap_refuses "and runs" "cannot connect to $tap_tmp/none" "$tap_tmp/example" "vfio-user:$tap_tmp/none"
else
	tap_skip "its program builds without a warning on the installed library" "no pkg-config"
fi
rm -f "$tap_tmp/example"
tap_check "its program builds without a warning in this tree" build libguestlane.a
for _ in $(seq 100); do
	[ -S "$tap_tmp/sim.sock" ] && break
	sleep 0.1
done
tap_check "and runs" timeout 60 "$tap_tmp/example" "vfio-user:$tap_tmp/sim.sock"
timeout 60 "$tap_tmp/example" "vfio-user:$tap_tmp/sim.sock" >"$tap_tmp/said" 2>&1
tap_check "it finds 32 contexts" grep -q ': 32 contexts at 125 MHz, firmware build' "$tap_tmp/said"
tap_check "its context is alive" grep -q 'its device ID is 1' "$tap_tmp/said"
tap_check "its memory is mapped" grep -q '^guest address 0x10000 is bus address' "$tap_tmp/said"
tap_refuses "no NIC: a sentence" "cannot connect to $tap_tmp/none" "$tap_tmp/example" "vfio-user:$tap_tmp/none"

sed -n '/^\[nic\]$/,/^```$/p' $guide | grep -v '^```' >"$tap_tmp/glaned.conf"
tap_check "its configuration is accepted" build/host-driver/glaned --config "$tap_tmp/glaned.conf" --firmware build/firmware/guestlane.fw --check-config

missing=
for link in $(grep -o '](\([^)#]*\)' $guide docs/control.md README.md docs/architecture.md docs/reading-the-code.md | sed 's/:](/ /; s/^\([^ ]*\) /\1:/' | grep -v 'http'); do
	file=${link%%:*} target=${link#*:}
	[ -z "$target" ] || [ -e "$(dirname "$file")/$target" ] || missing="$missing $link"
done
tap_is "links of the documents lead to files" "$missing" ""

# Messages of the table, cut where names and numbers stand in them, are in the sources.
find host-driver -name '*.[ch]' -exec cat {} + | tr '\n' ' ' | sed 's/"[[:space:]]*"//g; s/%[-.0-9]*[lzh]*[a-z]/%/g; s/\\"/"/g' >"$tap_tmp/sources"
missing=
messages=0
while read -r part; do
	messages=$((messages + 1))
	grep -qF -e "$part" "$tap_tmp/sources" || missing="$missing$part;"
done < <(sed -n '/^## When something/,/^## A program/s/^| \(`[^|]*\) |.*/\1/p' $guide | grep -o '`[^`]*`' | tr -d '`' | sed -E 's/\b[A-Z]+\b|\.\.\.|:/\n/g' |
	sed 's/^[[:space:]()]*//; s/[[:space:]()]*$//' | awk 'length >= 8 && / /')
tap_check "it explains messages" test $messages -ge 12
tap_is "messages that it explains are in the sources" "$missing" ""

unknown=
shown=0
while read -r -a words; do
	shown=$((shown + 1))
	build/host-driver/glanectl "${words[@]}" --help </dev/null >"$tap_tmp/help" 2>&1 || unknown="$unknown ${words[*]};"
done < <(grep -ohE '(^# |`)glanectl [a-z]+( (add|set|remove|enable|disable|load|log)\b)?' $guide | sed 's/.*glanectl //' | sort -u)
tap_check "it shows commands of glanectl" test $shown -ge 10
tap_is "glanectl knows the commands that it shows" "$unknown" ""
tap_end
