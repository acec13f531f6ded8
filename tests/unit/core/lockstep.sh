# SPDX-License-Identifier: Apache-2.0
# The core against QEMU, instruction by instruction, on random programs. Source it from the top folder, after tests/lib/tap.sh:
#
#   lockstep SIM SEED ITEMS [OPTION...]     runs one random program on both and compares; 0 if they agree
#
# SIM is a core-sim program; OPTIONs are for it (--stall SEED). LOCKSTEP_ZB=1 takes bit manipulation instructions in.
# The seed and the counts are printed; files of the last program stay in $lockstep_dir.

lockstep_dir=${TMPDIR:-/tmp}/guestlane-lockstep.$$
mkdir -p "$lockstep_dir"
trap 'rm -rf "$tap_tmp" "$lockstep_dir"' EXIT

# The plainest RV32IM that this QEMU can be; options for one instruction per log entry changed names.
lockstep_cpu() {
	lockstep_zb=
	[ -z "${LOCKSTEP_ZB-}" ] || lockstep_zb=,zba=true,zbb=true
	lockstep_version=$(qemu-system-riscv32 --version | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')
	if qemu-system-riscv32 -cpu help | grep -qw rv32i; then
		echo "-cpu rv32i,m=true,zicsr=true,zifencei=true$lockstep_zb"
	else
		echo "-cpu rv32,a=false,f=false,d=false,c=false,s=false,u=false,h=false,mmu=false,pmp=false$lockstep_zb"
	fi
	if [ "$lockstep_version" -ge 9 ]; then
		echo "-accel tcg,one-insn-per-tb=on"
	else
		echo "-accel tcg -singlestep"
	fi
}

lockstep() {
	lockstep_sim=$1 lockstep_seed=$2 lockstep_items=$3
	shift 3
	echo "# seed $lockstep_seed, $lockstep_items items${*:+, core-sim $*}"
	build/core/lockstep-gen "$lockstep_seed" "$lockstep_items" ${LOCKSTEP_ZB:+zb} >"$lockstep_dir/program.S" || return 1
	riscv64-unknown-elf-gcc -march=rv32im_zicsr_zifencei${LOCKSTEP_ZB:+_zba_zbb} -mabi=ilp32 -nostdlib -Wl,-Ttext=0x80000000 \
		-Wl,--no-warn-rwx-segments -o "$lockstep_dir/program.elf" "$lockstep_dir/program.S" || return 1
	lockstep_status=0
	"$lockstep_sim" --max-cycles 20000000 --rvfi "$lockstep_dir/core.rvfi" "$@" "$lockstep_dir/program.elf" || lockstep_status=$?
	if [ "$lockstep_status" -ne 0 ] && [ "$lockstep_status" -ne 124 ]; then
		echo "# core-sim ended with status $lockstep_status"
		return 1
	fi
	# shellcheck disable=SC2046 -- a list of options
	timeout 120 qemu-system-riscv32 -M virt -m 64 -bios none $(lockstep_cpu) -display none -serial null -monitor none \
		-d cpu,nochain -D "$lockstep_dir/qemu.log" -kernel "$lockstep_dir/program.elf" ||
		{ echo "# QEMU ended with status $?"; return 1; }
	build/core/lockstep-cmp "$lockstep_dir/core.rvfi" "$lockstep_dir/qemu.log" && [ "$lockstep_status" -eq 0 ]
}
