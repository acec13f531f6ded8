# SPDX-License-Identifier: Apache-2.0
# Does a unit bench, or a proof, notice bugs? Each mutant is the RTL with one seeded bug, and the bench must fail on it; a
# mutant that survives shows a behaviour that nobody tests. Source it from the top folder, after tests/lib/tap.sh:
#
#   mutants_of NAME TOP BENCH RTL...        what build/tests/NAME is made of
#   mutants_of_proof NAME...                or: proofs of rtl/formal/prove, tried in this order
#   mutant "the gap is one byte short" rtl/mac/mac_tx.sv "s/4'd11/4'd10/"      a bug, as a sed script for one file
#   mutant "..." FILE SCRIPT "equivalent: why"      one that must survive, because nothing can tell it from the original
#   tap_end
#
# A mutant may be caught by the bench's checks, by an assertion in the RTL, or by taking more than 60 s. A proof catches it with a
# counterexample, with a failed induction or with a state that is no longer reached, but not by running out of time.
#
# Each mutant of a bench costs about 7 s of processor time, so MUTANTS=N in the environment takes a random sample of N of a script's
# mutants (`make test` does); SEED=0x... repeats a sample. Without it, or with MUTANTS=all (`make mutants`), all are built.
# A script that builds its mutants in another way starts each with `mutant_chosen || return 0`.

mutants_all=$(grep -c '^mutant ' "$0")
mutants_seen=0
mutants_sample=
case ${MUTANTS-all} in
'' | *[!0-9]*) ;;
*)
	case ${SEED-} in
	'' | random) mutants_seed=$(od -An -N4 -t u4 /dev/urandom | tr -d ' ') ;;
	*) mutants_seed=$((SEED)) ;;
	esac
	# N of the numbers 1 to mutants_all, each in blanks
	mutants_sample=" $(awk -v all="$mutants_all" -v take="$MUTANTS" -v seed="$mutants_seed" 'BEGIN {
		srand(seed)
		for (i = 1; i <= all; i++)
			if (rand() * (all - i + 1) < take) { printf "%d ", i; take-- }
	}')"
	printf '# seed 0x%x: a sample of %d of %d mutants; make mutants takes all\n' "$mutants_seed" \
		"$(echo "$mutants_sample" | wc -w)" "$mutants_all"
	;;
esac

mutant_chosen() {
	mutants_seen=$((mutants_seen + 1))
	[ -z "$mutants_sample" ] && return 0
	case $mutants_sample in *" $mutants_seen "*) return 0 ;; esac
	return 1
}

mutants_of() {
	mutants_by=bench mutants_name=$1 mutants_top=$2 mutants_bench=$3
	shift 3
	mutants_rtl=$*
}

mutants_of_proof() {
	mutants_by=proof mutants_name=prove_$1 mutants_proofs=$*
	if ! rtl/timing/in-toolroot true 2>/dev/null; then
		echo "1..0 # SKIP no build/toolroot; make toolroot makes it"
		exit 0
	fi
}

# Succeeds if the mutant in $mutant_copy, of the file $1, is caught; mutant_how says by what, or mutant_broken why not to be had.
mutant_caught_by_bench() {
	mutant_rtl=
	for mutant_file in $mutants_rtl; do
		[ "$mutant_file" = "$1" ] && mutant_file=$mutant_copy
		mutant_rtl="$mutant_rtl $mutant_file"
	done
	if ! env -u MAKEFLAGS -u MFLAGS OBJCACHE="$(command -v ccache)" verilator --cc -O3 --x-assign fast \
		--x-initial fast --assert -Wno-fatal --exe --build --prefix Vdut -CFLAGS "-std=c++17 -I$PWD/tests/unit" \
		-LDFLAGS -lcmocka -MAKEFLAGS OPT_FAST=-O1 -MAKEFLAGS OPT_SLOW=-O0 --top-module "$mutants_top" \
		--Mdir "$mutant_dir/obj" -o "$PWD/$mutant_dir/bench" $mutant_rtl "$PWD/$mutants_bench" \
		>"$mutant_dir/build.log" 2>&1; then
		tail -n 5 "$mutant_dir/build.log" | sed 's/^/# /'
		mutant_broken="does not build"
		return 1
	fi
	! timeout 60 "$mutant_dir/bench" >"$mutant_dir/bench.log" 2>&1
}

mutant_caught_by_proof() {
	for mutant_proof in $mutants_proofs; do
		rtl/formal/prove --out "$mutant_dir" --replace "$1=$mutant_copy" "$mutant_proof" >"$mutant_dir/log" 2>&1
		mutant_status=$(sed -n 1p "$mutant_dir/$mutant_proof/result" 2>/dev/null)
		mutant_how=" ($mutant_proof: $(sed -n 2p "$mutant_dir/$mutant_proof/result" 2>/dev/null))"
		case $mutant_status in
		failed) return 0 ;;
		proved) ;;
		*)
			sed 's/^/# /' "$mutant_dir/log" | tail -n 12
			mutant_broken="no answer of $mutant_proof"
			return 1
			;;
		esac
	done
	return 1
}

mutant() {
	mutant_chosen || return 0
	mutant_dir=build/mutants/$mutants_name
	rm -rf "$mutant_dir"
	mkdir -p "$mutant_dir/rtl"
	mutant_copy=$mutant_dir/rtl/$(basename "$2")
	sed -e "$3" "$2" >"$mutant_copy"
	if cmp -s "$2" "$mutant_copy"; then
		tap_is "$1" "the bug fits nowhere in $2" "seeded"
		return
	fi
	mutant_how=
	mutant_broken=
	mutant_caught=survives
	"mutant_caught_by_$mutants_by" "$2" && mutant_caught=caught
	if [ -n "$mutant_broken" ]; then
		tap_is "$1" "$mutant_broken" "tried"
	elif [ -n "${4-}" ]; then
		tap_is "survives: $1 (${4})" "$mutant_caught" survives
	else
		tap_is "caught: $1$mutant_how" "$mutant_caught" caught
	fi
}
