# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Network namespaces as guests of a simulated NIC, for the demo and the crash tests. A bash script sources it first of all:
#
#   . host-driver/demo-net/net.sh
#   net_enter "$0" "$@"      # goes on inside fresh user, network, mount and process namespaces: whatever happens, nothing is left
#   net_begin DIR            # folder for sockets and logs
#   net_sim [OPTION...]      # glane-sim, in the namespace "wire" with the TAP wire0
#   net_board [OPTION...]    # instead of it: board-sim there, glane-hostlink in "host", between them hostlink-relay with these options
#   net_daemon [OPTION...]   # glaned with $net_dir/glaned.conf
#   net_guest NAME CONTEXT ADDRESS [OPTION...]   # a namespace with glane-tap; interface eth0, 10.77.0.ADDRESS and fd77::ADDRESS
#   net_in NAME COMMAND...   # runs a command in a namespace
#   net_spawn NAME COMMAND... >LOG   # the same in the background; $! is the command
#   net_die SENTENCE         # ends with status 2
#
# BUILD names the folder of the programs (build), NET_SIM another glane-sim than the one there.

BUILD=${BUILD:-build}
net_sim_program=${NET_SIM:-$BUILD/sim/glane-sim}
net_daemon_program=$BUILD/host-driver/glaned
net_tap_program=$BUILD/host-driver/glane-tap
net_firmware=$BUILD/firmware/guestlane.fw

net_die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

# What a run needs, or one sentence that says what is missing.
net_missing() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || {
			echo "$program is missing (make deps installs it)"
			return
		}
	done
	[ -c /dev/net/tun ] || {
		echo "this machine has no /dev/net/tun (modprobe tun as root)"
		return
	}
	local user=r
	[ "$(id -u)" = 0 ] && user=
	unshare "-${user:+U$user}nmpf" sh -c ': </dev/net/tun && ip tuntap add dev probe0 mode tap vnet_hdr' 2>/dev/null ||
		echo "a TAP in a network namespace needs root, or a kernel that lets users have namespaces (sysctl kernel.unprivileged_userns_clone=1)"
}

net_enter() {
	[ "${NET_INSIDE-}" != $PPID ] || return 0
	local user=r
	[ "$(id -u)" = 0 ] && user=
	# A process namespace of its own: when its first process ends, so do all the others.
	NET_INSIDE=0 exec unshare "-${user:+U$user}nmpf" --kill-child --mount-proc "$@"
}

net_begin() {
	net_dir=$1
	mkdir -p "$net_dir" || exit 2
	ip link set lo up
	net_space wire
	net_space host
}

# A network namespace, held by a process that sleeps.
net_space() {
	unshare -n sleep infinity &
	eval "net_pid_$1=$!"
	local i
	for i in $(seq 100); do
		[ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.02
	done
	net_in "$1" ip link set lo up
	net_in "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitations' 2>/dev/null
}

net_in() {
	local pid=net_pid_$1
	shift
	nsenter -t "${!pid}" -n -- "$@"
}

net_spawn() {
	local pid=net_pid_$1
	shift
	nsenter -t "${!pid}" -n -- "$@" &
}

# net_wait SECONDS WHAT COMMAND...: until the command succeeds, or ends all. NET_PATIENCE is how often as long it waits.
net_wait() {
	local end=$((SECONDS + $1 * ${NET_PATIENCE:-1})) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || {
			tail -n 5 "$net_dir"/*.log >&2
			net_die "$what does not come up; the ends of the logs in $net_dir are above"
		}
		sleep 0.1
	done
}

net_address() { # NAME INTERFACE ADDRESS
	net_in "$1" ip address add "10.77.0.$3/24" dev "$2"
	net_in "$1" ip address add "fd77::$3/64" dev "$2" nodad
	net_in "$1" ip link set "$2" up
}

net_sim() {
	net_spawn wire "$net_sim_program" --socket "$net_dir/nic.sock" --wire tap:wire0 --line-rate off \
		--stats-json "$net_dir/sim.json" "$@" >"$net_dir/sim.log" 2>&1
	net_sim_pid=$!
	net_wait 20 glane-sim test -S "$net_dir/nic.sock"
	net_wait 5 "the TAP of the wire" net_in wire ip link show wire0
	net_address wire wire0 1
}

# Two veth pairs are the cable, with the relay in its middle. A simulated board may be as slow as the machine is busy.
net_board() {
	net_space cable
	net_in cable ip link add hl1 type veth peer name hl0 netns "$net_pid_host"
	net_in cable ip link add hl2 type veth peer name hl3 netns "$net_pid_wire"
	net_in host ip link set hl0 up
	net_in cable ip link set hl1 up
	net_in cable ip link set hl2 up
	net_in wire ip link set hl3 up
	net_spawn wire "$BUILD/sim/board-sim" --link iface:hl3 --wire tap:wire0 --stats "$net_dir/board.json" >"$net_dir/board.log" 2>&1
	net_board_pid=$!
	net_spawn cable "$BUILD/sim/hostlink-relay" iface:hl1 iface:hl2 --stats "$net_dir/cable.json" "$@" >"$net_dir/cable.log" 2>&1
	net_cable_pid=$!
	net_spawn host "$BUILD/sim/glane-hostlink" hl0 --silence 100 --socket "$net_dir/nic.sock" --stats-json "$net_dir/link.json" \
		>"$net_dir/link.log" 2>&1
	net_link_pid=$!
	net_wait 60 glane-hostlink test -S "$net_dir/nic.sock"
	net_wait 5 "the TAP of the wire" net_in wire ip link show wire0
	net_address wire wire0 1
}

net_daemon() {
	net_spawn host "$net_daemon_program" --config "$net_dir/glaned.conf" --device "vfio-user:$net_dir/nic.sock" \
		--firmware "$net_firmware" --socket "$net_dir/glaned.sock" --state-dir "$net_dir/state" "$@" \
		>>"$net_dir/glaned.log" 2>&1
	net_daemon_pid=$!
}

net_guest() { # NAME CONTEXT ADDRESS [OPTION...]
	local name=$1 context=$2 address=$3
	shift 3
	local pid=net_pid_$name
	[ -n "${!pid-}" ] || net_space "$name"
	net_spawn "$name" "$net_tap_program" --context "$context" --tap eth0 --socket "$net_dir/glaned.sock" \
		--stats-json "$net_dir/$name.json" "$@" >>"$net_dir/$name.log" 2>&1
	eval "net_tap_$name=$!"
	net_wait 20 "guest $name" grep -q "^eth0: context" "$net_dir/$name.log"
	net_address "$name" eth0 "$address"
}
