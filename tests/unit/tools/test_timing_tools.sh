#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of the FPGA timing tools on small modules: figures and exit status, refusals in a sentence, and the tool root.
. tests/lib/tap.sh

if ! rtl/timing/in-toolroot true 2>"$tap_tmp/why"; then
	echo "1..0 # SKIP $(cat "$tap_tmp/why")"
	exit 0
fi
# Sources must lie below the top folder to be seen in the tool root.
mkdir -p build
dir=$(mktemp -d build/timing-test.XXXXXX)
trap 'rm -rf "$tap_tmp" "$dir" build/timing/t-*' EXIT
counter=tests/unit/demo/counter.sv
timing=rtl/timing/timing.sh

tap_fails "the exit status of a command comes out" rtl/timing/in-toolroot false
tap_is "the command runs in the same directory" "$(cd rtl/timing && ./in-toolroot pwd)" "$PWD/rtl/timing"
tap_is "arguments with blanks arrive whole" "$(rtl/timing/in-toolroot printf '%s|' 'a b' c)" "a b|c|"

tap_check "a small counter reaches 125 MHz" $timing -s 1 -l t-counter counter $counter
tap_is "the result says so" "$(jq -r .reached build/timing/t-counter/result.json)" true
tap_is "it counts the flip-flops" "$(jq -r .ff build/timing/t-counter/result.json)" 8
tap_is "and names the start of the critical path" \
	"$(jq -r '.critical_path.from | test("count_q")' build/timing/t-counter/result.json)" true
tap_refuses "no counter reaches 5000 MHz" "NOT REACHED" $timing -f 5000 -s 1 -l t-fast counter $counter
tap_check "synthesis alone gives sizes" $timing -y -l t-size -G LIMIT=3 counter $counter

cat >"$dir/wide.sv" <<'E2'
module wide (input logic clk_i, input logic [63:0] a_i, output logic [63:0] y_o);
    always_ff @(posedge clk_i) y_o <= a_i + 64'd3;
endmodule
E2
tap_check "a module with more ports than pins is wrapped" $timing -s 1 -l t-wide wide "$dir/wide.sv"
tap_is "flip-flops of the wrapper do not count" "$(jq -r .ff build/timing/t-wide/result.json)" 64

cat >"$dir/latch.sv" <<'E2'
module latch (input logic clk_i, input logic a_i, input logic en_i, output logic y_o);
    always_latch if (en_i) y_o = a_i;
endmodule
E2
tap_refuses "a latch is refused" "latch" $timing -l t-latch latch "$dir/latch.sv"
echo 'module noclk (input logic a_i, output logic y_o); assign y_o = a_i; endmodule' >"$dir/noclk.sv"
tap_refuses "a module without clk_i is refused" "no clock port" $timing -l t-noclk noclk "$dir/noclk.sv"
tap_refuses "a missing file is refused" "cannot read" $timing counter nonexistent.sv
tap_refuses "so is no file at all" "usage" $timing counter
tap_end
