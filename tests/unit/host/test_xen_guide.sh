#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/xen.md stays true: commands and options that it shows exist, its vif options are the script's, its messages are in the sources, links lead to files;
# the example configurations use only what it explains.
. tests/lib/tap.sh
guide=docs/xen.md
script=xen-integration/hotplug/vif-guestlane

missing=
while read -r target; do
	[ -e "docs/$target" ] || missing="$missing $target"
done < <(grep -oE '\]\([^)#]+\)' $guide | tr -d '])(' | grep -v http)
tap_is "links lead to files" "$missing" ""

unknown=
shown=0
while read -r -a words; do
	shown=$((shown + 1))
	build/host-driver/glanectl "${words[@]}" --help </dev/null >/dev/null 2>&1 || unknown="$unknown ${words[*]};"
done < <(grep -ohE '(^# |`)glanectl [a-z]+( (add|remove|list))?' $guide | sed 's/.*glanectl //' | grep -v '^is' | sort -u)
tap_check "it shows commands of glanectl" test $shown -ge 2
tap_is "glanectl knows them" "$unknown" ""
unknown=
for target in $(grep -oE '\bmake [a-z][a-z-]+' $guide | sed 's/make //' | sort -u); do
	case $target in deb*) grep -q "^$target: ##" Makefile || unknown="$unknown $target" ;; esac
done
tap_is "make knows its targets" "$unknown" ""

# Both ways: what the guide lists, and what the script takes.
listed=$(sed -n '/^## The vif line/,/^## Whole/s/^| `\/\([a-z]*\)=.*/\1/p' $guide | sort -u | tr '\n' ' ')
taken=$(sed -n '/^read_options/,/^}/s/^\t\t\([a-z]*\)=[^)]*).*/\1/p' $script | grep -v vlan | sort -u | tr '\n' ' ')
tap_is "options behind guestlane/ are the script's" "$listed" "$taken"
tap_is "the script's own list of them" "$(grep -o 'there are vlan, .*path' $script | sed 's/there are //; s/,//g' | tr ' ' '\n' | sort | tr '\n' ' ')" \
	"$(printf '%s\n' $listed vlan | sort | tr '\n' ' ')"

cat $script host-driver/control/client.c >"$tap_tmp/sources"
missing=
while read -r part; do
	grep -qF -e "$part" "$tap_tmp/sources" || missing="$missing$part;"
done < <(sed -n '/^## Trouble/,/^## Security/s/^| `\([^`]*\)` |.*/\1/p' $guide | grep -vE 'unrecognized argument|Could not find bridge' |
	sed 's/\.\.\./\n/g' | sed "s/^['; ]*//; s/[: ']*$//" | awk 'length >= 8')
tap_is "messages that it explains are in the sources" "$missing" ""

wrong=
for example in xen-integration/examples/*.cfg; do
	for option in $(sed -n "s/^vif *= *\['\(.*\)'\]/\1/p" "$example" | tr ',' ' '); do
		grep -qF "${option%%=*}=" $guide || wrong="$wrong $option"
	done
	grep -q '^vif' "$example" || wrong="$wrong $example"
done
tap_is "examples have a vif line of explained options" "$wrong" ""
tap_is "the example of glaned.conf names a NIC and the tap" "$(grep -cE '^(device = xen:|tap = )' xen-integration/examples/glaned.conf)" 2
tap_end
