#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the documents promise exists: links lead to files, named make targets are targets, man pages know every option.
. tests/lib/tap.sh

links() {
	dir=$(dirname "$1")
	grep -oE '\]\([^)# ]+' "$1" | sed 's/^..//' | while read -r link; do
		case $link in
		http*) ;;
		*) [ -e "$dir/$link" ] || echo "$1: $link does not exist" ;;
		esac
	done
}
for page in README.md docs/*.md; do
	tap_is "links of $page lead to files" "$(links "$page")" ""
done

make -s NO_DEPS=1 help >"$tap_tmp/help"
for target in $(grep -ohE '(^ {4}|`)make [a-z][a-z-]+( |`|$)' README.md docs/*.md | sed 's/.*make //; s/[ `]*$//' | sort -u); do
	case $target in
	lint-*) continue ;; # lint targets have no line of their own in the help
	esac
	tap_check "make $target is in make help" grep -qw "make $target" "$tap_tmp/help"
done
for target in $(awk '{ print $2 }' "$tap_tmp/help"); do
	make -n SHELL=/bin/true NO_DEPS=1 "$target" 2>&1 >/dev/null | grep 'No rule' | sed "s/^/make $target: /"
done >"$tap_tmp/missing"
tap_is "what a target needs is a file or a target" "$(cat "$tap_tmp/missing")" ""
tap_is "every target has one line of help" "$(awk '{ print $2 }' "$tap_tmp/help" | sort | uniq -d)" ""

for man in docs/man/*.1; do
	program=$(sed -n 's/^\.B \(build\/[a-z\/-]*\)$/\1/p' "$man" | head -n 1)
	"$program" --help >"$tap_tmp/options" 2>&1
	missing=
	for option in $(grep -oE '^ +--[a-z-]+' "$tap_tmp/options"); do
		sed 's/\\//g' "$man" | grep -q -e "$option" || missing="$missing $option"
	done
	tap_is "$man knows every option of $program" "$missing" ""
done
tap_end
