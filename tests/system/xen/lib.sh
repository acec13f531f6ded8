# SPDX-License-Identifier: Apache-2.0
# In dom0 of the rig, for the system tests under Xen: guests, byte-checked traffic, dom0's view. Sourced by steps.sh, after tests/lib/tap.sh.
#
# Programs lie in $here: dom0-view, dom0-leak, stream, hostile.ko. Guests are of the rig's image, with stream and hostile.ko in /rig (guest_image).
: "${here:?}" "${tap_tmp:?}"
image=/rig/guest.cpio
bridge=xenbr0

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
	wait_end=$((EPOCHSECONDS + $1)) wait_what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		if [ $EPOCHSECONDS -ge $wait_end ]; then
			echo "# timeout: $wait_what" >&2
			return 1
		fi
		sleep 0.7
	done
}

# --- guests ---

# The rig's guest image with the tests' programs in /rig behind it: an initramfs may be several archives.
guest_image() {
	mkdir -p "$tap_tmp/extra/rig"
	cp "$here/stream" "$here/hostile.ko" "$here/use-queue" "$tap_tmp/extra/rig/"
	image=/rig/guest.cpio
	# Xen's reboot calls this; the image's first process is no init that busybox's could ask.
	mkdir -p "$tap_tmp/extra/usr/bin"
	printf '#!/bin/sh\nexec busybox reboot -f\n' >"$tap_tmp/extra/usr/bin/reboot"
	chmod +x "$tap_tmp/extra/usr/bin/reboot"
	(cd "$tap_tmp/extra" && find rig usr | cpio -o -H newc --quiet) >"$tap_tmp/extra.cpio"
	cat $image "$tap_tmp/extra.cpio" >/run/guest-tests.cpio
	image=/run/guest-tests.cpio
}

# Another for those that are killed (victim-init): of the rig's image only what a queue needs, so that a victim is up in seconds.
victim_image() {
	mkdir -p "$tap_tmp/rigs" "$tap_tmp/victim/bin" "$tap_tmp/victim/rig" "$tap_tmp/victim/proc" "$tap_tmp/victim/sys"
	# It is static.
	(cd "$tap_tmp/rigs" && cpio -i --quiet <$image)
	(
		cd "$tap_tmp/victim" || exit 1
		cp "$tap_tmp/rigs/bin/busybox" bin/
		for module in failover net_failover virtio_net virtio_mmio; do
			find "$tap_tmp/rigs/lib/modules" -name $module.ko -exec cp {} rig/ \; && echo $module.ko
		done >rig/modules
		echo guestlane.ko >>rig/modules
		cp /root/install/guestlane.ko "$here/stream" "$here/use-queue" rig/
		cp "$here/victim-init" init
		find . | cpio -o -H newc --quiet >/run/victim.cpio
	)
	rm -rf "$tap_tmp/rigs" "$tap_tmp/victim"
}

# victim_config NAME TYPE NUMBER TO: it sends to the guest with number TO
victim_config() {
	guest_config "$1" "$2" "$3"
	sed -i "s,^ramdisk = .*,ramdisk = \"/run/victim.cpio\",; s,^extra = .*,extra = \"console=hvc0 quiet mitigations=off audit=0 cryptomgr.notests rdinit=/init address=10.9.0.$3 to=10.9.0.$4\",; s,memory = 160,memory = 112,; s,maxmem = 160,maxmem = 112," "$tap_tmp/$1.cfg"
}

# guest_config NAME TYPE NUMBER: number n has MAC 00:16:3e:00:00:n and address 10.9.0.n. guest_pool: pages of its pool
guest_config() {
	cat >"$tap_tmp/$1.cfg" <<-END
		name = "$1"
		type = "$2"
		kernel = "/boot/vmlinux"
		ramdisk = "$image"
		extra = "console=hvc0 rdinit=/init name=$1 quiet cryptomgr.notests"
		memory = 160
		maxmem = 160
		vcpus = 1
		on_crash = "destroy"
		vif = [ 'mac=$(guest_mac "$3"),bridge=$bridge,script=vif-guestlane,gatewaydev=guestlane/pool=${guest_pool:-64}' ]
	END
}

guest_mac() { printf '00:16:3e:00:00:%02x' "$1"; }

# libxl gives a script 40 s; where the machine is so busy that they are over, it is no fault of ours.
guest_create() {
	for _ in 1 2 3; do
		timeout 300 xl create -q "$tap_tmp/$1.cfg" >"$tap_tmp/$1.create" 2>&1 && guest_find "$1" && return
		sed 's/^/# /' "$tap_tmp/$1.create"
		grep -q 'because of timeout' "$tap_tmp/$1.create" || return 1
	done
	return 1
}

# Looked up once for each life of a guest: every program counts where the machine is emulated.
guest_find() {
	eval "id_$1=\$(xl domid $1)" || return 1
	eval "wait_for 60 \"the console of $1\" xenstore-exists /local/domain/\$id_$1/console/tty" || return 1
	eval "tty_$1=\$(xenstore-read /local/domain/\$id_$1/console/tty)"
}

# in_guest NAME SCRIPT [ARGUMENT...]
in_guest() {
	eval "terminal=\$tty_$1"
	shift
	timeout 300 /rig/rig-channel run -t 280 "$terminal" -- "$@"
}

guest_destroy() { timeout 300 xl destroy "$1"; }

# Commands are taken when it is up.
guest_up() { wait_for 300 "guest $1" in_guest "$1" true; }
# vif_runs NAME [HANDLE]: the front end has given the device to the driver
vif_runs() { eval "[ \"\$(xenstore-read /local/domain/\$id_$1/device/guestlane/${2:-0}/state)\" = 4 ]"; }
no_vif() { eval "! xenstore-exists /local/domain/0/backend/guestlane/\$id_$1/${2:-0}"; }

# guest_ready NAME NUMBER: it is up on its queue and reachable by it.
guest_ready() {
	guest_up "$1" && wait_for 120 "a queue of guest $1" vif_runs "$1" && guest_address "$1" "$2"
}

# The interface of its queue has the address from now on, and the switch knows it.
guest_address() {
	in_guest "$1" '/rig/use-queue "$1"' "10.9.0.$2" >"$tap_tmp/address" 2>&1 || {
		sed "s/^/# $1: /" "$tap_tmp/address"
		return 1
	}
}

# --- the daemon ---

ctl() { timeout 60 glanectl "$@"; }
daemon=$(pgrep -xo glaned)
# A child that is not the leader of a group becomes glaned itself.
daemon_start() {
	setsid glaned --config /etc/guestlane/glaned.conf </dev/null >>/var/log/xen/glaned.log 2>&1 &
	daemon=$!
}

# Returns when it is dead, as systemd would wait before it starts another. The first one is nobody's child here.
daemon_end() {
	{
		kill -9 "$daemon"
		wait "$daemon"
	} 2>/dev/null
	while [ -d "/proc/$daemon" ]; do
		sleep 0.1
	done
}

# other_daemon FILE: in place of the package's
other_daemon() {
	daemon_end
	cp "$here/$1" "$(command -v glaned)"
	daemon_start
	wait_for 120 "another glaned" ctl list
}

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

# Whether more has arrived than at the last question.
stream_moves() {
	eval "stream_before=\${stream_at_$1:-0}"
	stream_now=$(stream_bytes "$1")
	eval "stream_at_$1=\$stream_now"
	[ "${stream_now:-0}" -gt "$stream_before" ]
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
	dmesg >"$tap_tmp/dmesg"
	tail -n +$((view_kernel + 1)) "$tap_tmp/dmesg" |
		grep -E 'WARNING|BUG|Oops|g\.e\. |DMAR|general protection|unable to handle|leaked' | grep -v 'soft lockup' >"$tap_tmp/kernel"
	view_kernel=$(wc -l <"$tap_tmp/dmesg")
	ctl vif list --json >"$tap_tmp/vifs" 2>/dev/null || echo null >"$tap_tmp/vifs"
	ctl list --json >"$tap_tmp/contexts" 2>/dev/null || echo null >"$tap_tmp/contexts"
	# Without the daemon's handle to look into guests' pages, which it opens with the first guest that attaches after its start, and keeps.
	files=$(ls -l "/proc/$daemon/fd" | grep -cv ' /dev/xen/gntdev$')
	sets=(/run/guestlane/*.vifs/vif-*)
	memory=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$daemon/status")
	jq -S --rawfile kernel "$tap_tmp/kernel" --slurpfile vifs "$tap_tmp/vifs" --slurpfile contexts "$tap_tmp/contexts" \
		--argjson files "$files" --argjson memory "${memory:-0}" --argjson sets ${#sets[@]} '
		. + {
			kernel: ($kernel | split("\n") | map(select(. != ""))),
			vifs: $vifs[0] | [.vifs[]? | {name, handle, context, state, path, grants, error}],
			contexts: $contexts[0] | [.contexts[]? | {context, state, owner}],
			files: $files, memory: $memory, sets: $sets
		} | . + {
			compared: {domains: (.domains | map_values(.dying)), grants: (.grants | map_values({host, device})),
				event_channels: (.event_channels | .pirqs |= length), permissions, msi, nodes, vifs, contexts, files, sets}
		}, .log.index, .memory, ((.log.iommu_faults + .log.warnings + .kernel) | join("\n"))' --raw-output "$tap_tmp/view" >"$tap_tmp/views"
	# The object, with its end at the first line's beginning; index, memory, what is bad.
	sed '/^}/q' "$tap_tmp/views" >"$1"
	sed '1,/^}/d' "$tap_tmp/views" >"$tap_tmp/rest"
	{ read -r view_index; read -r view_memory; grep . >>"$tap_tmp/bad"; } <"$tap_tmp/rest"
	# Two blanks deep is what is compared.
	sed -n '/^  "compared"/,/^  }/p' "$1" >"$1.compared"
}

# view_is NAME FILE: that dom0's view becomes the one in FILE (closing takes a moment), and what differs if it does not
view_is() {
	for _ in 1 2 3 4 5; do
		view "$tap_tmp/now"
		cmp -s "$2.compared" "$tap_tmp/now.compared" && break
		sleep 3
	done
	tap_is "$1: dom0 and Xen hold what they did" "$(diff -U 2 "$2.compared" "$tap_tmp/now.compared" | tail -n +3)" ""
	view_clean "$1"
}

# view_clean NAME: no IOMMU fault, no warning of Xen's or of dom0's kernel in any view so far
view_clean() {
	tap_is "$1: no IOMMU fault, no warning of Xen or the kernel" "$(cat "$tap_tmp/bad" 2>/dev/null)" ""
	: >"$tap_tmp/bad"
}

# What the guests' kernels say of grants that were not given back.
guest_clean() {
	# A guest that gets no processor for a while finds its watchdog unhappy.
	in_guest "$1" "dmesg | grep -E 'g\.e\. |WARNING|BUG|Oops' | grep -v 'soft lockup'; true" || echo "it does not answer"
}
