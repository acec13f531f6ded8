#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each program's man page says what its --help says: every option (long and short) in both, none missing either way, each option's value by the same
# name, every command of glanectl with its own options, every key of glaned's configuration. groff and man find nothing to complain of.
. tests/lib/tap.sh
export LC_ALL=C.UTF-8

# man_tags FILE SECTION: what stands behind .TP and what sections are called, as text: "-c, --config FILE"
man_tags() {
	awk '
	function plain(s) { gsub(/\\f[BIPR]|\\f\([A-Z]+/, "", s); gsub(/\\-/, "-", s); gsub(/\\\(dq/, "\"", s); gsub(/\\&/, "", s); return s }
	# Arguments of a macro: joined by nothing where fonts alternate, else by blanks.
	function text(line,    macro, out, word) {
		macro = line; sub(/ .*/, "", macro); sub(/^\.[A-Z]+ */, "", line)
		while (line != "") {
			if (substr(line, 1, 1) == "\"") { word = substr(line, 2); sub(/".*/, "", word); line = substr(line, length(word) + 3) }
			else { word = line; sub(/ .*/, "", word); line = substr(line, length(word) + 1) }
			sub(/^ /, "", line)
			out = out word (length(macro) == 3 ? "" : " ")
		}
		sub(/ $/, "", out)
		return plain(out)
	}
	/^\.S[HS] / { print "section " text($0) }
	tagged { print "tag " (/^\./ ? text($0) : plain($0)); tagged = 0 }
	/^\.TP/ { tagged = 1 }' "$1"
}
# "-c --config" of each option that a help text lists
help_options() { sed -nE 's/^ {2,}((-.), )?(--[a-z][a-z-]*)(.*)/\2 \3/p' | sed 's/^ //' | sort -u; }
# the same of the tags of a man page
tag_options() { sed -nE 's/^tag ((-.), )?(--[a-z][a-z-]*)(.*)/\2 \3/p' | sed 's/^ //' | sort -u; }

compared="glanectl.1 glaned.conf.5"
compare() { # NAME PROGRAM PAGE
	compared="$compared ${3##*/}"
	if ! $2 --help >"$tap_tmp/help" 2>&1; then
		tap_not_ok_ "$1 --help"
		return
	fi
	man_tags "$3" >"$tap_tmp/tags"
	help_options <"$tap_tmp/help" >"$tap_tmp/in-help"
	tag_options <"$tap_tmp/tags" >"$tap_tmp/in-man"
	tap_is "$1 has options" "$([ -s "$tap_tmp/in-help" ] && echo some)" some
	tap_is "$1: options of --help that are not in the man page" "$(comm -23 "$tap_tmp/in-help" "$tap_tmp/in-man" | tr '\n' ';')" ""
	tap_is "$1: options of the man page that are not in --help" "$(comm -13 "$tap_tmp/in-help" "$tap_tmp/in-man" | tr '\n' ';')" ""
	# --config FILE: the value has one name.
	values=
	while read -r tag; do
		grep -qF -e "$tag" "$tap_tmp/help" || values="$values$tag;"
	done < <(sed -nE 's/^tag (-., )?(--[a-z-]* [^ ].*)$/\2/p' "$tap_tmp/tags")
	tap_is "$1: values by the same name" "$values" ""
}

# What --help lists and the page, of each program with a page.
compare core-sim build/core-sim docs/man/core-sim.1
compare glane-bench build/bench/glane-bench docs/man/glane-bench.1
compare glane-demo build/demo/glane-demo docs/man/glane-demo.1
compare glane-fuzz build/tests/fuzz/glane-fuzz docs/man/glane-fuzz.1
compare glane-sim build/sim/glane-sim docs/man/glane-sim.1
compare glane-hostlink build/sim/glane-hostlink docs/man/glane-hostlink.1
compare glane-glue build/host-driver/glane-glue docs/man/glane-glue.8
compare glane-tap build/host-driver/glane-tap docs/man/glane-tap.1
compare glane-hold build/host-driver/glane-hold docs/man/glane-hold.8
compare glaned build/host-driver/glaned docs/man/glaned.8
compare guestlane-failover xen-integration/glue/guestlane-failover docs/man/guestlane-failover.8
compare glane-glue build/host-driver/glane-glue docs/man/glane-glue.8

# --- glanectl: command by command ---
ctl=build/host-driver/glanectl
page=docs/man/glanectl.1
man_tags $page >"$tap_tmp/tags"
$ctl --help >"$tap_tmp/help"
sed -n '/^Commands:/,/^$/s/^  \([a-z].*\)/\1/p' "$tap_tmp/help" | sed 's/  .*//' >"$tap_tmp/commands"
sed -n '/^section COMMANDS/,/^section FEATURES/s/^section \([a-z].*\)/\1/p' "$tap_tmp/tags" >"$tap_tmp/in-man"
tap_is "glanectl: commands, in the same order" "$(tr '\n' ';' <"$tap_tmp/in-man")" "$(tr '\n' ';' <"$tap_tmp/commands")"
sed -n '/^section OPTIONS/,/^section COMMANDS/p' "$tap_tmp/tags" | tag_options >"$tap_tmp/global-man"
help_options <"$tap_tmp/help" >"$tap_tmp/global-help"
tap_is "glanectl: options of every command" "$(cat "$tap_tmp/global-man")" "$(cat "$tap_tmp/global-help")"
while read -r head; do
	read -r -a words <<<"${head%% [A-Z\[]*}"
	$ctl "${words[@]}" --help </dev/null | sed '/^Options of every/,$d' >"$tap_tmp/own"
	awk -v head="section $head" '/^section/ { inside = $0 == head } inside' "$tap_tmp/tags" >"$tap_tmp/own-tags"
	tap_is "glanectl ${words[*]}: options" "$(tag_options <"$tap_tmp/own-tags")" "$(help_options <"$tap_tmp/own")"
	values=
	while read -r tag; do
		grep -qF -e "$tag" "$tap_tmp/own" || values="$values$tag;"
	done < <(sed -nE 's/^tag (-., )?(--[a-z-]* [^ ].*)$/\2/p' "$tap_tmp/own-tags")
	tap_is "glanectl ${words[*]}: values by the same name" "$values" ""
done <"$tap_tmp/commands"

# --- glaned.conf: keys ---
man_tags docs/man/glaned.conf.5 >"$tap_tmp/tags"
keys() { awk -v head="$1" '/^section/ { inside = index($0, head) } inside && /^tag/' "$tap_tmp/tags" | sed 's/^tag //; s/, /\n/g' | sort; }
tap_is "glaned.conf: [context N] has the options of glanectl context add" "$(keys '[context')" \
	"$($ctl context add --help | sed '/^Options of every/,$d' | sed -nE 's/^  --([a-z-]*).*/\1/p' | sort)"
refused=
for key in $(keys '[nic]'); do
	printf '[nic]\n%s = \001\n' "$key" >"$tap_tmp/glaned.conf"
	build/host-driver/glaned --config "$tap_tmp/glaned.conf" --check-config 2>&1 | grep -q 'has no key' && refused="$refused $key"
done
tap_is "glaned.conf: glaned knows each key of [nic]" "$refused" ""
refused=
for key in $(keys '[context'); do
	printf '[context 1]\n%s = \001\n' "$key" >"$tap_tmp/glaned.conf"
	build/host-driver/glaned --config "$tap_tmp/glaned.conf" --check-config 2>&1 | grep -q 'has no key' && refused="$refused $key"
done
tap_is "glaned.conf: and each of [context N]" "$refused" ""
tap_is "glaned.conf: the page has each key of [nic] that glaned knows" \
	"$(sed -n '/^static int nic_key/,/^}/s/.*strcmp(key, "\([a-z-]*\)").*/\1/p; /^static int nic_key/,/^}/s/.*|| !strcmp(key, "\([a-z-]*\)").*/\1/p' host-driver/glaned/config.c |
		sort -u | comm -23 - <(keys '[nic]' | sort -u))" ""

# The example shows defaults, and so does the page.
wrong=
while read -r key value; do
	awk -v key="$key" '/^\.TP/ { getline; tag = $0; gsub(/\\-/, "-", tag); inside = tag == ".B " key } inside' docs/man/glaned.conf.5 |
		grep -qF "($value)" || wrong="$wrong $key=$value"
done < <(sed -n 's/^# \([a-z-]*\) = \([0-9][0-9]*[KMG]\{0,1\}\) .*/\1 \2/p' host-driver/glaned/glaned.conf)
tap_is "glaned.conf: defaults as in the example" "$wrong" ""
tap_is "every page has been compared" "$(for page in docs/man/*; do case " $compared " in *" ${page##*/} "*) ;; *) echo "$page" ;; esac; done)" ""

# --- form ---
for page in docs/man/*; do
	name=$(basename "$page")
	title=$(sed -n 's/^\.TH \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page" | tr '[:upper:]' '[:lower:]')
	tap_is "$name: .TH names it" "$title" "$name"
	tap_check "$name: NAME is one line" grep -qE "^${name%.*}( |\\\\-)" <(sed 's/\\-/-/g' "$page" | sed -n '/^\.SH NAME/{n;p}')
	if command -v groff >/dev/null; then
		tap_is "$name: groff has no warnings" "$(groff -man -ww -Tutf8 -t "$page" 2>&1 >/dev/null)" ""
	else
		tap_skip "$name: groff has no warnings" "no groff"
	fi
	if command -v man >/dev/null; then
		tap_is "$name: man has no warnings" "$(man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ""
	else
		tap_skip "$name: man has no warnings" "no man"
	fi
	# Pages that it sends its reader to.
	missing=
	while read -r other section; do
		[ -f "docs/man/$other.$section" ] || missing="$missing $other($section)"
	done < <(sed 's/\\-/-/g' "$page" | sed -n '/^\.SH "\?SEE ALSO/,$s/^\.BR \([a-z.-]*\) (\([0-9]\)).*/\1 \2/p')
	tap_is "$name: SEE ALSO" "$missing" ""
done

# --- make install ---
tap_check "make install" make -s NO_DEPS=1 install DESTDIR="$tap_tmp/root"
for file in usr/sbin/glaned usr/sbin/glane-hold usr/bin/glanectl usr/bin/glane-tap usr/bin/glane-sim usr/bin/glane-hostlink usr/share/man/man1/glane-hostlink.1 usr/lib/guestlane/guestlane.fw usr/lib/libguestlane.a usr/lib/pkgconfig/guestlane.pc \
	usr/include/guestlane.h usr/share/bash-completion/completions/glanectl usr/share/zsh/vendor-completions/_glanectl usr/share/man/man1/glanectl.1 \
	usr/share/man/man5/glaned.conf.5 usr/share/man/man8/glaned.8 usr/lib/systemd/system/glaned.service etc/guestlane/glaned.conf \
	etc/xen/scripts/vif-guestlane usr/share/guestlane/glaned.service.d-xen.conf; do
	tap_check "installed: $file" test -s "$tap_tmp/root/$file"
done
tap_check "the installed programs run" "$tap_tmp/root/usr/bin/glanectl" --version
tap_check "also glane-hostlink" "$tap_tmp/root/usr/bin/glane-hostlink" --version
tap_end
