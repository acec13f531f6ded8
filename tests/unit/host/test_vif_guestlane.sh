#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Xen's hotplug script vif-guestlane with played xenstore, glanectl and vif-bridge: what it asks for, what xl gets to see of failures, that no detach fails.
. tests/lib/tap.sh
script=$PWD/xen-integration/hotplug/vif-guestlane
store=$tap_tmp/store calls=$tap_tmp/calls
mkdir "$tap_tmp/bin" "$tap_tmp/scripts"
cp "$script" "$tap_tmp/scripts/"

# xenstore is a folder; what programs are called with stands in $calls.
played() {
	cat >"$tap_tmp/$1"
	chmod +x "$tap_tmp/$1"
}
played bin/xenstore-read <<'E2'
#!/bin/sh
cat "$STORE/$1" 2>/dev/null
E2
played bin/xenstore-exists <<'E2'
#!/bin/sh
[ -e "$STORE/$1" ]
E2
played bin/xenstore-write <<'E2'
#!/bin/sh
while [ $# -gt 1 ]; do
	mkdir -p "$STORE/${1%/*}"
	printf '%s' "$2" >"$STORE/$1"
	shift 2
done
E2
played bin/logger <<'E2'
#!/bin/sh
echo "log $*" >>"$CALLS"
E2
played bin/glanectl <<'E2'
#!/bin/sh
echo "glanectl $*" >>"$CALLS"
[ -z "${REFUSAL-}" ] || { echo "glanectl: $REFUSAL" >&2; exit "${REFUSED-1}"; }
E2
played scripts/vif-bridge <<'E2'
#!/bin/sh
echo "vif-bridge $*" >>"$CALLS"
[ -z "${NO_BRIDGE-}" ] || exit 1
[ "$1" != online ] || xenstore-write "$XENBUS_PATH/hotplug-status" connected
E2

back=backend/vif/3/0
# vif KEY=VALUE...: a vif of domain 3 with these nodes
vif() {
	rm -rf "$store"
	mkdir -p "$store/$back" "$store/local/domain/3/device/vif/0"
	for node in mac=00:16:3e:00:00:01 bridge=none "$@"; do
		printf '%s' "${node#*=}" >"$store/$back/${node%%=*}"
	done
}
run() { # COMMAND...: as libxl calls it
	: >"$calls"
	env STORE="$store" CALLS="$calls" PATH="$tap_tmp/bin:$PATH" XENBUS_PATH=$back XENBUS_TYPE=vif XENBUS_BASE_PATH=backend vif=vif3.0 \
		"$tap_tmp/scripts/vif-guestlane" "${@:-online}" type_if=vif >"$tap_tmp/out" 2>&1
}
asked() { sed -n 's/^glanectl //p' "$calls"; }
status() { cat "$store/$back/hotplug-status" 2>/dev/null; }
error() { cat "$store/$back/hotplug-error" 2>/dev/null; }
socket='--socket /run/guestlane/glaned.sock'

# --- online ---
vif
run online
tap_is "online: asks for a context, then the bridge" "$(grep -v ^log "$calls" | tr '\n' ';')" \
	"glanectl $socket vif add vif3.0 --mac 00:16:3e:00:00:01;vif-bridge online type_if=vif;"
tap_is "and libxl is told" "$(status)" connected
# asks NAME OPTIONS NODE...: glanectl gets these options behind the MAC address
asks() {
	asks_name=$1 asks_options=$2
	shift 2
	vif "$@"
	run online
	tap_is "$asks_name" "$(asked)" "$socket vif add vif3.0 --mac 00:16:3e:00:00:01$asks_options"
}
asks "rate=100Mb/s, as xl writes it" " --tx-rate 100000000" rate=625000,50000
asks "a rate whose interval does not divide it" " --tx-rate 7998400" rate=9998,10000
asks "a long interval" " --tx-rate 8000" rate=4294000,4294000000
asks "no limit beyond 100 Gb/s" "" rate=12500000000,1000000
asks "mtu" " --mtu 9000" mtu=9000
asks "the bridge's MTU, at most the NIC's" " --mtu 9000" bridge=lo
asks "vlan of xl" " --vid 10" vlan=10
asks "vlan of xl, marked" " --vid 10" vlan=10p
asks "vlan for an older xl" " --vid 4094" gatewaydev=guestlane/vlan=4094
asks "the same vlan twice" " --vid 10" vlan=10 gatewaydev=guestlane/vlan=10
asks "weight" " --weight 255" gatewaydev=guestlane/weight=255
asks "whole memory" " --memory whole" gatewaydev=guestlane/memory=whole
asks "a pool's size" " --memory pool --pool-pages 64" gatewaydev=guestlane/memory=pool/pool=64
asks "no option" "" gatewaydev=guestlane
asks "slashes at the end" " --weight 1" gatewaydev=guestlane/weight=1/
vif gatewaydev=guestlane/nic=second
run online
tap_is "another daemon" "$(asked)" "--socket /run/guestlane/second.sock vif add vif3.0 --mac 00:16:3e:00:00:01"
vif gatewaydev=guestlane/path=software
run online
tap_is "the software path needs no context" "$(cat "$calls")" "vif-bridge online type_if=vif"

# --- what is wrong in the vif line: nothing is done, and xl sees a sentence ---
# refuses WORDS NODE...
refuses() {
	refuses_words=$1
	shift
	vif "$@"
	refuses_exit=0
	run online || refuses_exit=$?
	case $(error) in *"$refuses_words"*) refuses_told=yes ;; *) refuses_told="$(error)" ;; esac
	tap_is "refused: $*" "$refuses_exit $(status) $refuses_told $(grep -vc ^log "$calls")" "1 error yes 0"
}
refuses "there is no option 'wieght=3' behind guestlane/" gatewaydev=guestlane/wieght=3
refuses "there is no option 'direct'" gatewaydev=guestlane/direct
refuses "gatewaydev is 'eth0'" gatewaydev=eth0
refuses "gatewaydev is 'guestlanes'" gatewaydev=guestlanes
refuses "weight is '0'; give a number from 1 to 255" gatewaydev=guestlane/weight=0
refuses "weight is '256'" gatewaydev=guestlane/weight=256
refuses "weight is ''" gatewaydev=guestlane/weight=
refuses "weight is '99999999999999999999'" gatewaydev=guestlane/weight=99999999999999999999
refuses "pool is '63'" gatewaydev=guestlane/pool=63
refuses "pool=64 does not go with memory=whole" gatewaydev=guestlane/pool=64/memory=whole
refuses "memory is 'all'; give pool or whole" gatewaydev=guestlane/memory=all
refuses "path is 'fast'" gatewaydev=guestlane/path=fast
# It stays a word.
# shellcheck disable=SC2016
refuses "nic is '\$(id)'" 'gatewaydev=guestlane/nic=$(id)'
refuses "nic is '..'" gatewaydev=guestlane/nic=..
refuses "give one VLAN" vlan=10p/20
refuses "vlan is '4095'" vlan=4095
refuses "contradict each other" vlan=10 gatewaydev=guestlane/vlan=11
refuses "mtu is '9001'" mtu=9001
refuses "rate in xenstore is '1000'" rate=1000
refuses "out of range" rate=1000,0
refuses "less than a bit" rate=0,50000
rm -rf "$store"
mkdir -p "$store/$back"
run online
tap_is "no MAC address in xenstore" "$(error)" "$back/mac is not in xenstore"

# --- the daemon refuses or is not there ---
vif
REFUSAL="all 31 contexts for guests are in use" run online
tap_is "the daemon's sentence reaches xl" "$(status) $(error)" "error no context of the NIC for this vif: all 31 contexts for guests are in use"
tap_is "and the vif stays off the bridge" "$(grep -c vif-bridge "$calls")" 0
vif
if REFUSAL="no glaned listens at /run/guestlane/glaned.sock; start it, or name its socket" REFUSED=3 run online; then refused=no; else refused=yes; fi
tap_is "no daemon: refused, with a sentence" "$refused $(error)" \
	"yes no context of the NIC for this vif: no glaned listens at /run/guestlane/glaned.sock; start it, or name its socket"
vif
NO_BRIDGE=1 run online
tap_is "no bridge: the context is given back" "$(asked | tail -n 1)" "$socket vif remove vif3.0 --seconds 0"

# --- offline ---
vif
tap_check "offline" run offline
tap_is "gives the guest time, then the bridge" "$(grep -v ^log "$calls" | tr '\n' ';')" \
	"glanectl $socket vif remove vif3.0 --seconds 10;vif-bridge offline type_if=vif;"
tap_check "the vif's nodes stay for libxl" test -e "$store/$back/mac"
vif
rm -r "$store/local"
run offline
tap_is "a guest that is destroyed gets no time" "$(asked)" "$socket vif remove vif3.0 --seconds 0"
vif gatewaydev=guestlane/nic=second/weight=3
run offline
tap_is "from the daemon that gave it" "$(asked)" "--socket /run/guestlane/second.sock vif remove vif3.0 --seconds 10"
vif gatewaydev=guestlane/path=software
run offline
tap_is "the software path has nothing to give back" "$(cat "$calls")" "vif-bridge offline type_if=vif"
vif
mkdir -p "$store/backend/guestlane/3/0"
offline_down() { REFUSAL="no glaned listens" REFUSED=3 NO_BRIDGE=1 run offline; }
tap_check "no daemon, no bridge: offline does not fail" offline_down
tap_is "the daemon's successor finds that nobody wants it" "$(cat "$store/backend/guestlane/3/0/online")" 0
tap_is "and there is no error for xl" "$(error)" ""

# --- other calls ---
: >"$calls"
env STORE="$store" CALLS="$calls" PATH="$tap_tmp/bin:$PATH" INTERFACE=vif3.0-emu "$tap_tmp/scripts/vif-guestlane" add type_if=tap
tap_is "an emulated interface goes on the bridge" "$(cat "$calls")" "vif-bridge add type_if=tap"
tap_refuses "an unknown command" "is no command of hotplug scripts" "$script" fly
if command -v shellcheck >/dev/null; then
	tap_check "shellcheck" shellcheck "$script" xen-integration/debian/make-deb xen-integration/debian/guestlane.p* xen-integration/debian/guestlane-dkms.p*
else
	tap_skip "shellcheck" "not installed"
fi
tap_end
