# SPDX-License-Identifier: Apache-2.0
# In dom0 of the rig, for the system tests under Xen: guests, byte-checked traffic, dom0's view. Sourced by steps.sh, after tests/lib/tap.sh.
#
# Programs lie in $here: dom0-view, dom0-leak, stream, hostile.ko. Guests are of the rig's image, with stream and hostile.ko in /rig (guest_image).
: "${here:?}" "${tap_tmp:?}"
image=/rig/guest.cpio
bridge=xenbr0

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
	wait_end=$(($(date +%s) + $1)) wait_what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge $wait_end ]; then
			echo "# timeout: $wait_what" >&2
			return 1
		fi
		sleep 0.3
	done
}

# --- guests ---

# The rig's guest image with the tests' programs in /rig behind it: an initramfs may be several archives.
guest_image() {
	mkdir -p "$tap_tmp/extra/rig"
	cp "$here/stream" "$tap_tmp/extra/rig/"
	cp "$here/hostile.ko" "$tap_tmp/extra/rig/"
	(cd "$tap_tmp/extra" && find rig | cpio -o -H newc --quiet) >"$tap_tmp/extra.cpio"
	cat $image "$tap_tmp/extra.cpio" >/run/guest-tests.cpio
	image=/run/guest-tests.cpio
}

# guest_config NAME TYPE NUMBER [VIF OPTION... [; LINE]]: number n has MAC 00:16:3e:00:00:n and address 10.9.0.n
guest_config() {
	cat >"$tap_tmp/$1.cfg" <<-END
		name = "$1"
		type = "$2"
		kernel = "/boot/vmlinux"
		ramdisk = "$image"
		extra = "console=hvc0 name=$1 ip=10.9.0.$3/24 ${guest_words-}"
		memory = ${guest_memory:-160}
		vcpus = 1
		on_crash = "destroy"
		vif = [ 'mac=$(guest_mac "$3"),bridge=$bridge,script=vif-guestlane${4:+,$4}' ]
		${5-}
	END
}

guest_mac() { printf '00:16:3e:00:00:%02x' "$1"; }

# in_guest NAME SCRIPT [ARGUMENT...]
in_guest() { timeout 120 /rig/guest -t 110 "$@"; }

guest_create() {
	timeout 120 xl create -q "$tap_tmp/$1.cfg" >"$tap_tmp/$1.create" 2>&1 || {
		sed 's/^/# /' "$tap_tmp/$1.create"
		return 1
	}
}

# The interface of the queue in a guest: that of driver virtio_net.
queue_of() { in_guest "$1" 'for i in /sys/class/net/*; do case $(readlink -f $i/device/driver) in */virtio_net) basename $i; break ;; esac; done'; }
has_queue() { [ -n "$(queue_of "$1")" ]; }

# Up on a queue and reachable by it.
guest_ready() {
	wait_for 90 "guest $1" in_guest "$1" true && wait_for 60 "a queue in guest $1" has_queue "$1" &&
		wait_for 30 "$1's vif is direct" vif_is "$1" direct
}

# --- the daemon ---

ctl() { timeout 30 glanectl "$@"; }
vif_field() { ctl vif list --json | jq -r --arg n "$1" ".vifs[] | select(.name == \$n) | .$2"; }
vif_is() { [ "$(vif_field "$1" path | head -n 1)" = "$2" ]; }
daemon_pid() { pgrep -xo glaned; }

daemon_start() { setsid glaned --config /etc/guestlane/glaned.conf </dev/null >>/var/log/xen/glaned.log 2>&1 & }

# --- traffic, every byte of which is checked ---

# stream_begin NAME FROM TO NUMBER PORT [KBYTE/S]: from guest to guest (TO has that number); guest - or FROM - is dom0
stream_begin() {
	if [ "$3" = - ]; then
		"$here/stream" serve "$5" >"$tap_tmp/$1.serve" 2>&1 &
		eval "stream_server_$1=$!"
	else
		in_guest "$3" 'setsid /rig/stream serve $1 >/run/$2.serve 2>&1 & echo $! >/run/$2.pid' "$5" "$1"
	fi
	eval "stream_to_$1=$3"
	sleep 0.5
	if [ "$2" = - ]; then
		"$here/stream" send "10.9.0.$4" "$5" "${6:-0}" >"$tap_tmp/$1.send" 2>&1 &
		eval "stream_sender_$1=$!"
	else
		in_guest "$2" 'setsid /rig/stream send $1 $2 $3 >/run/$4.send 2>&1 & echo $! >/run/$4.spid' "10.9.0.$4" "$5" "${6:-0}" "$1"
	fi
	eval "stream_from_$1=$2"
}

# Bytes that have arrived so far.
stream_bytes() {
	eval "to=\$stream_to_$1 server=\${stream_server_$1-}"
	if [ "$to" = - ]; then
		kill -USR1 "$server"
		sleep 0.3
		tail -n 1 "$tap_tmp/$1.serve"
	else
		in_guest "$to" 'kill -USR1 $(cat /run/$1.pid); sleep 0.3; tail -n 1 /run/$1.serve' "$1"
	fi | cut -d ' ' -f 1
}

stream_moves() {
	stream_before=$(stream_bytes "$1")
	sleep "${2:-2}"
	[ "$(stream_bytes "$1")" -gt "$stream_before" ]
}

# Ends it: "all right" if every byte that was sent has come and was right; else what is wrong.
stream_end() {
	eval "to=\$stream_to_$1 from=\$stream_from_$1 server=\${stream_server_$1-} sender=\${stream_sender_$1-}"
	if [ "$from" = - ]; then
		kill -TERM "$sender"
		timeout 60 tail --pid="$sender" -f /dev/null
		sent=$(tail -n 1 "$tap_tmp/$1.send")
	else
		sent=$(in_guest "$from" 'p=$(cat /run/$1.spid); kill -TERM $p; n=0; while [ -d /proc/$p ] && [ $n -lt 100 ]; do sleep 0.3; n=$((n + 1)); done; tail -n 1 /run/$1.send' "$1")
	fi
	if [ "$to" = - ]; then
		timeout 60 tail --pid="$server" -f /dev/null || kill "$server"
		got=$(tail -n 1 "$tap_tmp/$1.serve")
	else
		got=$(in_guest "$to" 'p=$(cat /run/$1.pid); n=0; while [ -d /proc/$p ] && [ $n -lt 200 ]; do sleep 0.3; n=$((n + 1)); done; tail -n 1 /run/$1.serve' "$1")
	fi
	if [ "${got#*, }" = "all right" ] && [ "${got%% *}" = "${sent%% *}" ]; then
		echo "# $1: $got" >&2
		echo "all right"
	else
		echo "sent: $sent; received: $got"
	fi
}

# --- dom0's view ---

# view FILE: what dom0 holds now, and what Xen and the kernel have said since the last view
view_index=0
view_kernel=0
view() {
	"$here/dom0-view" $view_index >"$tap_tmp/view" || return 1
	view_index=$(jq .log.index "$tap_tmp/view")
	dmesg >"$tap_tmp/dmesg"
	tail -n +$((view_kernel + 1)) "$tap_tmp/dmesg" |
		grep -E 'WARNING|BUG|Oops|g\.e\. |DMAR|general protection|unable to handle|leaked|soft lockup|rcu.*stall' >"$tap_tmp/kernel"
	view_kernel=$(wc -l <"$tap_tmp/dmesg")
	pid=$(daemon_pid)
	jq --rawfile kernel "$tap_tmp/kernel" \
		--argjson vifs "$(ctl vif list --json 2>/dev/null | jq '[.vifs[] | {name, handle, context, state, path, grants, error}]' || echo null)" \
		--argjson contexts "$(ctl list --json 2>/dev/null | jq '[.contexts[] | {context, state, owner}]' || echo null)" \
		--argjson files "$(ls "/proc/${pid:-0}/fd" 2>/dev/null | wc -l)" \
		--argjson memory "$(awk '$1 == "RssAnon:" { print $2 }' "/proc/${pid:-0}/status" 2>/dev/null || echo 0)" \
		--argjson sets "$(ls /run/guestlane/xen 2>/dev/null | wc -l)" \
		'. + {kernel: ($kernel | split("\n") | map(select(. != ""))), vifs: $vifs, contexts: $contexts, files: $files, memory: $memory, sets: $sets}' \
		"$tap_tmp/view" >"$1"
	jq -r '(.log.iommu_faults + .log.warnings + .kernel)[]' "$1" >>"$tap_tmp/bad"
}

# What must be the same before and after.
view_compared='{domains: (.domains | map_values(.dying)), grants: (.grants | map_values({host, device})), event_channels: (.event_channels | .pirqs |= length), permissions, msi, nodes, vifs, contexts, files, sets}'

# view_is NAME FILE: that dom0's view becomes the one in FILE (closing takes a moment), and what differs if it does not
view_is() {
	jq -S "$view_compared" "$2" >"$tap_tmp/before"
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
		view "$tap_tmp/now"
		jq -S "$view_compared" "$tap_tmp/now" >"$tap_tmp/after"
		cmp -s "$tap_tmp/before" "$tap_tmp/after" && break
		sleep 2
	done
	tap_is "$1: dom0 and Xen hold what they did" "$(diff "$tap_tmp/before" "$tap_tmp/after")" ""
	view_clean "$1"
}

# view_clean NAME: no IOMMU fault, no warning of Xen's or of dom0's kernel in any view so far
view_clean() {
	tap_is "$1: no IOMMU fault, no warning of Xen or the kernel" "$(cat "$tap_tmp/bad" 2>/dev/null)" ""
	: >"$tap_tmp/bad"
}

# What the guests' kernels say of grants that were not given back.
guest_clean() {
	in_guest "$1" "dmesg | grep -E 'g\.e\. |WARNING|BUG|Oops|still in use'"
}
