#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Synthesizes, places and routes one module on the ECP5 part of the Versa board (LFE5UM5G-45F, speed 8, CABGA381) and says
# how fast and how large it is and what its critical path is:
#
#   rtl/timing/timing.sh [OPTION...] TOP FILE.sv...        packages first, as for verilator
#
#   -f MHZ       the limit to reach (default 125); below it the exit status is 1
#   -s "SEEDS"   placement seeds, tried until one reaches the limit (default "1 2 3"; the best one counts)
#   -G NAME=N    a parameter of TOP
#   -l LABEL     the name in tables and files (default TOP)
#   -y           synthesis only: sizes (build/timing/LABEL/size.json), no frequency (quick)
#
# For example: rtl/timing/timing.sh -y lib_fifo rtl/lib/lib_fifo.sv
#
# TOP has one clock, clk_i. A module with more than 40 port bits is wrapped: every input comes from a shift register,
# every output ends in a register of a signature, so paths through the ports count in full and any module can be
# measured alone. The flip-flops of the wrapper are not counted as the module's.
#
# Results: build/timing/LABEL/result.json, and beside it the logs of yosys and nextpnr. Needs `make toolroot` once.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${IN_TOOLROOT-}" ]; then
	exec "$here/in-toolroot" env IN_TOOLROOT=1 "$here/timing.sh" "$@"
fi

die() { echo "timing: $*" >&2; exit 2; }
say() { printf '  %-8s %s\n' "$1" "$2" >&2; }

mhz=125 seeds="1 2 3" label= synth_only= params=()
while getopts f:s:G:l:y option; do
	case $option in
	f) mhz=$OPTARG ;;
	s) seeds=$OPTARG ;;
	G) params+=("$OPTARG") ;;
	l) label=$OPTARG ;;
	y) synth_only=1 ;;
	*) die "unknown option; the head of rtl/timing/timing.sh says how to use it" ;;
	esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || die "usage: rtl/timing/timing.sh [-f MHZ] [-s SEEDS] [-G NAME=N] [-l LABEL] [-y] TOP FILE.sv..."
top=$1
shift
for file; do
	[ -r "$file" ] || die "cannot read $file"
done
label=${label:-$top}
out=build/timing/$label
mkdir -p "$out"

# --- What ports has it? ---
chparam= instance=
for p in "${params[@]}"; do
	chparam+=" -chparam ${p%%=*} ${p#*=}"
	instance+="${instance:+, }.${p%%=*}(${p#*=})"
done
say YOSYS "$label: reading"
yosys -q -l "$out/ports.log" -p "read_verilog -sv $*; hierarchy -top $top $chparam; proc; write_json $out/ports.json" \
	>/dev/null 2>"$out/ports.err" || { tail -n 5 "$out/ports.err" >&2; die "yosys cannot read $top (see $out/ports.log)"; }
# NAME DIRECTION WIDTH of each port of the module that carries the attribute "top"
jq -r '[.modules[] | select(.attributes.top)][0].ports | to_entries[] |
	"\(.key) \(.value.direction) \(.value.bits | length)"' "$out/ports.json" >"$out/ports.txt"
rm -f "$out/ports.json" "$out/ports.err"
grep -q '^clk_i input 1$' "$out/ports.txt" || die "$top has no clock port clk_i"
bits=$(awk '{ n += $3 } END { print n }' "$out/ports.txt")

# --- Wrap it if it would not fit on the pins. ---
files=("$@") build_top=$top wrapper_ff=0
if [ "$bits" -gt 40 ]; then
	build_top=timing_wrap
	wrapper_ff=$(awk '$1 != "clk_i" { n += $3 } END { print n }' "$out/ports.txt")
	awk -v top="$top" -v params="$instance" '
		$1 == "clk_i" { next }
		{
			if ($2 == "input") { from = "in_q[" ins + 0 " +: " $3 "]"; ins += $3 }
			else { from = "out[" outs + 0 " +: " $3 "]"; outs += $3 }
			ports = ports ",\n        ." $1 "(" from ")"
		}
		END {
			print "// Made by rtl/timing/timing.sh: " top " between registers, on three pins."
			print "module timing_wrap (input logic clk_i, input logic s_i, output logic s_o);"
			if (ins) {
				print "    logic [" ins - 1 ":0] in_q;"
				print "    always_ff @(posedge clk_i) in_q <= {in_q, s_i};"
			}
			if (outs) {
				print "    logic [" outs - 1 ":0] out, sum_q;"
				print "    always_ff @(posedge clk_i) sum_q <= {sum_q, s_i} ^ out;"
				print "    assign s_o = sum_q[" outs - 1 "];"
			} else print "    assign s_o = s_i;"
			print "    " top (params ? " #(" params ")" : "") " dut (\n        .clk_i(clk_i)" ports "\n    );"
			print "endmodule"
		}' "$out/ports.txt" >"$out/timing_wrap.sv"
	files+=("$out/timing_wrap.sv")
	chparam=
fi

# --- Synthesis ---
say YOSYS "$label: synthesis (${#files[@]} files)"
start=$SECONDS
yosys -q -l "$out/yosys.log" -p "
	read_verilog -sv ${files[*]}
	hierarchy -check -top $build_top $chparam
	synth_ecp5 -abc9 -top $build_top -json $out/net.json
	tee -q -o $out/stat.json stat -json" >/dev/null 2>"$out/yosys.err" ||
	{ tail -n 5 "$out/yosys.err" >&2; die "synthesis of $top failed (see $out/yosys.log)"; }
synth_seconds=$((SECONDS - start))
count() { jq --arg t "$1" '.design.num_cells_by_type[$t] // 0' "$out/stat.json"; }
lut4=$(count LUT4) ccu2c=$(count CCU2C) dpr=$(count TRELLIS_DPR16X4) mux=$(($(count PFUMX) + $(count L6MUX21)))
ff=$(($(count TRELLIS_FF) - wrapper_ff)) bram=$(count DP16KD) mult=$(count MULT18X18D)
# Latches would mean a broken description.
latches=$(jq '[.design.num_cells_by_type | to_entries[] | select(.key | test("LATCH")) | .value] | add // 0' "$out/stat.json")
[ "$latches" = 0 ] || die "$top has $latches latches"

# Where the area goes, by the level of the hierarchy at which no single part has nearly all of it.
for depth in 1 2 3; do
	jq -r --argjson depth $depth '
		.modules[] | select(.attributes.top) | .cells | to_entries[] |
		select(.value.type | test("^(LUT4|TRELLIS_FF|CCU2C|DP16KD|MULT18X18D|TRELLIS_DPR16X4)$")) |
		(.key | split(".")) as $p |
		"\(if ($p | length) > $depth then $p[:$depth] | join(".") else "(own)" end) \(.value.type)"' "$out/net.json" |
		awk '{ n[$1, $2]++; seen[$1] }
			END {
				for (name in seen)
					print name, n[name, "LUT4"] + 0, n[name, "CCU2C"] + 0, n[name, "TRELLIS_DPR16X4"] + 0,
						n[name, "TRELLIS_FF"] + 0, n[name, "DP16KD"] + 0, n[name, "MULT18X18D"] + 0
			}' | sort -k2,2nr >"$out/area.txt"
	awk -v all="$lut4" '$1 != "(own)" && $2 > 0.8 * all { found = 1 } END { exit !found }' "$out/area.txt" || break
done

if [ -n "$synth_only" ]; then
	echo "$label: LUT4 $lut4, CCU2C $ccu2c, DPR16X4 $dpr, wide muxes $mux, FF $ff, DP16KD $bram, MULT18X18D $mult (synthesis, $synth_seconds s)"
	awk 'BEGIN { printf "  %-36s %6s %6s %6s %6s %6s %6s\n", "part", "LUT4", "CCU2C", "DPR", "FF", "DP16KD", "MULT18" }
		{ printf "  %-36s %6d %6d %6d %6d %6d %6d\n", $1, $2, $3, $4, $5, $6, $7 }' "$out/area.txt"
	# What nextpnr will make of it: two TRELLIS_COMB for each CCU2C, eight for each distributed RAM with its write ports.
	# The part has 43848 and 108 block RAMs.
	jq -n --arg label "$label" --arg top "$top" --argjson lut4 "$lut4" --argjson ff "$ff" --argjson bram "$bram" \
		--argjson comb $((lut4 + 2 * ccu2c + 8 * dpr)) --argjson mult "$mult" --argjson synth "$synth_seconds" '
		{label: $label, top: $top, lut4: $lut4, trellis_comb_estimate: $comb, trellis_comb_available: 43848, ff: $ff,
		 dp16kd: $bram, dp16kd_available: 108, mult18: $mult, synthesis_seconds: $synth}' >"$out/size.json"
	exit 0
fi

# --- Place and route ---
best= best_fmax=0 tried='[]'
for seed in $seeds; do
	say NEXTPNR "$label: place and route, seed $seed (limit $mhz MHz)"
	start=$SECONDS
	nextpnr-ecp5 --um5g-45k --package CABGA381 --speed 8 --lpf-allow-unconstrained --timing-allow-fail \
		--json "$out/net.json" --freq "$mhz" --seed "$seed" --report "$out/report.$seed.json" \
		-q --log "$out/nextpnr.$seed.log" >/dev/null 2>&1 ||
		{ grep -E '^ERROR' "$out/nextpnr.$seed.log" >&2 || true
		  die "place and route of $top failed (see $out/nextpnr.$seed.log)"; }
	fmax=$(jq '[.fmax[].achieved] | min // 0' "$out/report.$seed.json")
	tried=$(jq -c --argjson s "$seed" --argjson f "$fmax" --argjson t $((SECONDS - start)) \
		'. + [{seed: $s, fmax_mhz: $f, seconds: $t}]' <<<"$tried")
	say "" "$label: $(printf %.1f "$fmax") MHz in $((SECONDS - start)) s"
	if [ -z "$best" ] || jq -en "$fmax > $best_fmax" >/dev/null; then
		best=$seed best_fmax=$fmax
	fi
	if jq -en "$fmax >= $mhz" >/dev/null; then
		break
	fi
done

# --- The critical path of the slowest clock, from nextpnr's log: one JSON object for each hop ---
clock=$(jq -r '.fmax | to_entries | min_by(.value.achieved).key // ""' "$out/report.$best.json")
awk -v clock="$clock" '
	function flush() {
		if (net != "")
			printf "{\"ns\":%s,\"at_ns\":%s,\"source\":\"%s\",\"net\":\"%s\",\"sink\":\"%s\",\"rtl\":\"%s\"}\n",
				cell_ns + net_ns, at, source, net, sink, rtl
		net = sink = rtl = ""
	}
	index($0, "Critical path report for clock") { on = index($0, "\047" clock "\047 (posedge -> posedge)") > 0; hops = "" }
	index($0, "Critical path report for") && !index($0, "for clock") { on = 0 }
	!on { next }
	$2 ~ /^[0-9.]+$/ && $4 == "Source" { flush(); cell_ns = $2; source = $5 }
	$2 ~ /^[0-9.]+$/ && $4 == "Net" { net_ns = $2; at = $3; net = $5 }
	$2 ~ /^[0-9.]+$/ && $4 == "Setup" { flush(); on = 0 }
	$2 == "Sink" { sink = $3 }
	$2 ~ /:[0-9]+\.[0-9]+-/ && $2 !~ /^\/usr\// && rtl == "" { rtl = $2; sub(/\.[0-9]+-[0-9.]+$/, "", rtl) }
' "$out/nextpnr.$best.log" >"$out/path.jsonl"

jq --arg label "$label" --arg top "$top" --argjson limit "$mhz" --argjson seed "$best" --argjson tried "$tried" \
	--argjson lut4 "$lut4" --argjson ff "$ff" --argjson bram "$bram" --argjson mult "$mult" --argjson dpr "$dpr" \
	--argjson synth "$synth_seconds" --argjson wrapped "$([ $build_top = "$top" ] && echo false || echo true)" \
	--arg clock "$clock" --slurpfile hops "$out/path.jsonl" '
	def r: . * 1000 | round / 1000;
	(.fmax[$clock].achieved // 0) as $fmax |
	([.critical_paths[] | select((.from | endswith($clock)) and (.to | endswith($clock)))][0].path // []) as $p |
	{
		label: $label, top: $top, wrapped: $wrapped,
		fmax_mhz: ($fmax | r), limit_mhz: $limit, reached: ($fmax >= $limit),
		seed: $seed, seeds_tried: $tried, synthesis_seconds: $synth,
		lut4: $lut4, trellis_comb: .utilization.TRELLIS_COMB.used, trellis_comb_available: .utilization.TRELLIS_COMB.available,
		ff: $ff, dp16kd: $bram, dp16kd_available: .utilization.DP16KD.available, mult18: $mult, distributed_ram: $dpr,
		critical_path: {
			from: ($hops[0].source // null), to: ($hops[-1].sink // null),
			levels: ([$hops[] | select(.source | test("\\.(F[0-9]?|OFX[0-9]?|FCO)$")) | select(.ns > 0)] | length),
			logic_ns: ([$p[] | select(.type != "routing") | .delay] | add // 0 | r),
			routing_ns: ([$p[] | select(.type == "routing") | .delay] | add // 0 | r),
			hops: $hops
		}
	}' "$out/report.$best.json" >"$out/result.json"

# In words: yosys names a cell after the signal it drives and where it drives it; the signal is what a reader knows.
jq -r '
	def signal: (. // "?") | sub("^dut\\."; "") | sub("\\.[A-Z0-9_]+$"; "") | gsub("_TRELLIS_FF_[A-Z0-9]+(_[0-9]+)?$"; "") |
		sub("_?(LUT4|PFUMX|L6MUX21|CCU2C|MULT18X18D|DP16KD|TRELLIS_DPR16X4|TRELLIS_FF)_.*$"; "");
	def net: (. // "?") | sub("^dut\\."; "") | sub("_?(LUT4|PFUMX|L6MUX21|CCU2C|MULT18X18D|DP16KD|TRELLIS_DPR16X4|TRELLIS_FF)_.*$"; " ~");
	"\(.label): \(.fmax_mhz) MHz (limit \(.limit_mhz)), \(if .reached then "OK" else "NOT REACHED" end)",
	"  LUT4 \(.lut4), TRELLIS_COMB \(.trellis_comb) of \(.trellis_comb_available), FF \(.ff), DP16KD \(.dp16kd) of \(.dp16kd_available), MULT18 \(.mult18), distributed RAM \(.distributed_ram)",
	"  critical path: from \(.critical_path.from | signal) to \(.critical_path.to | signal),",
	"    \(.critical_path.logic_ns) ns logic + \(.critical_path.routing_ns) ns routing, \(.critical_path.levels) levels of logic (at ns, net, where it is declared; ~ is logic before it):",
	(.critical_path.hops[] | select(.ns > 0) | "    \(.at_ns)  \(.net | net)  \(.rtl)")' "$out/result.json"
jq -e .reached "$out/result.json" >/dev/null
