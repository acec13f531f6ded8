#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In dom0 of the rig, for tests/system/test_xen_failover.sh: guests with and without the glue, and what is seen of their two paths.
#
#   failover.sh COMMAND [ARGUMENT...]       the functions below named do_COMMAND
#
# Guest NAME has the MAC address 00:16:3e:00:00:N and 10.9.0.N. Beside this are the archives of make-guests.
set -u
here=$(cd "$(dirname "$0")" && pwd)
run=/run/failover
mkdir -p $run
die() { echo "$*" >&2; exit 1; }

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $wait_end ] || return 1
		sleep 0.3
	done
}

# in_guest NAME SCRIPT [ARGUMENT...]
in_guest() { timeout 120 /rig/guest -t 110 "$@"; }

# --- Images: the rig's without any of our parts, and what make-guests made behind it ---

do_images() { # before our packages are installed
	for kind in glue plain; do
		cat /rig/guest.cpio "$here/guest-$kind.cpio" >$run/$kind.cpio || exit
	done
}

# --- Guests ---

do_create() { # NAME TYPE NUMBER glue|plain [VIF OPTION...]
	name=$1 type=$2 n=$3 kind=$4
	shift 4
	cat >"$run/$name.cfg" <<-END
		name = "$name"
		type = "$type"
		kernel = "/boot/vmlinux"
		ramdisk = "$run/$kind.cpio"
		extra = "console=hvc0 rdinit=/init name=$name address=10.9.0.$n/24"
		memory = ${MEMORY:-192}
		maxmem = ${MEMORY:-192}
		vcpus = 1
		on_crash = "preserve"
		vif = [ 'mac=$(printf 00:16:3e:00:00:%02x "$n"),bridge=xenbr0,script=vif-guestlane${1:+,$1}' ]
	END
	xl create -q "$run/$name.cfg" && wait_for 240 in_guest "$name" true
}

# --- Paths ---

vif_field() { glanectl vif list --json | jq -r --arg n "$1" "[.vifs[] | select(.name == \$n) | .$2][0]"; }

# By which path the guest NAME goes: what its bond says, and the daemon.
do_path() {
	echo "$(in_guest "$1" 'guestlane-failover status' | sed -n 's/^vif 0: [^,]*, \(by [^;]*\);.*/\1/p'), $(vif_field "$1" path)"
}

"do_$1" "${@:2}"
