#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: timeout 600
# The guests' package, installed by dpkg in a Debian 13 with kernel headers (the root of the rigs, with what changes in memory): dkms builds guestlane.ko
# for the kernel there, modprobe finds it by its xenbus alias; upgrade, removal and purge leave what they should. And the steps of `make install`.
. tests/lib/tap.sh
root=$(realpath build/qemuroot)
packages=$PWD/build/trixie/deb
if [ ! -f "$root/.complete" ] || ! ls "$packages"/guestlane-dkms_*.deb >/dev/null 2>&1; then
	tap_skip "guestlane-dkms in Debian 13" "the root of the rigs or our packages for it are not there (make deb-trixie says why)"
	tap_end
fi
namespaces=(--mount --propagation private)
[ "$(id -u)" = 0 ] || namespaces+=(--map-root-user --map-auto)
# Takes commands on its input, in the root. Mounts end with it.
coproc debian {
	exec unshare "${namespaces[@]}" bash -c '
		root=$1 packages=$2 work=$3
		mount -t tmpfs tmpfs "$work" && mkdir "$work/upper" "$work/work" "$work/root" &&
			mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$work/root" &&
			mkdir -p "$work/root/packages" && mount --bind "$packages" "$work/root/packages" && mount --rbind /dev "$work/root/dev" || { echo "status 126"; exit; }
		mount -t proc proc "$work/root/proc" 2>/dev/null || mount --rbind /proc "$work/root/proc"
		echo ready
		while read -r command; do
			chroot "$work/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -c "$command" </dev/null 2>&1
			echo "status $?"
		done' root "$root" "$packages" "$tap_tmp" 2>&1
}
exec 3<&"${debian[0]}" 4>&"${debian[1]}"
read -r said <&3
if [ "$said" != ready ]; then
	tap_skip "guestlane-dkms in Debian 13" "this user may not make mounts of his own ($said)"
	tap_end
fi
# in_debian COMMAND: its output and status
in_debian() {
	printf '%s\n' "$1" >&4
	while read -r line <&3; do
		case $line in
		'status '*) return "${line#status }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
	return 125
}
kernel=$(in_debian 'ls /lib/modules')
version=$(in_debian 'dpkg-deb -f /packages/guestlane-dkms_*.deb Version')
tap_check "the package is installed" in_debian 'dpkg -i /packages/guestlane-dkms_*.deb'
tap_is "dkms has built and installed the module" "$(in_debian 'dkms status -m guestlane')" "guestlane/$version, $kernel, x86_64: installed"
tap_is "modprobe finds it by its xenbus alias" "$(in_debian "modprobe -S $kernel -R xen:guestlane")" guestlane
tap_is "it is for that kernel" "$(in_debian "modinfo -k $kernel -F vermagic guestlane" | cut -d ' ' -f 1)" "$kernel"
tap_is "its build has no warning" "$(in_debian "grep -i -c 'warning[: ]' /var/lib/dkms/guestlane/$version/$kernel/x86_64/log/make.log")" 0
tap_is "the bond's files are there" "$(in_debian 'ls /usr/sbin/guestlane-failover /usr/lib/udev/rules.d/70-guestlane-failover.rules | wc -l')" 2
# Another version of the same.
in_debian "cd /tmp && dpkg-deb -R /packages/guestlane-dkms_*.deb new && grep -rl '$version' new | xargs sed -i 's/$version/$version.1/' && mv new/usr/src/guestlane-$version new/usr/src/guestlane-$version.1 && dpkg-deb -b new new.deb" >"$tap_tmp/repack"
tap_check "an upgrade" in_debian 'dpkg -i /tmp/new.deb'
tap_is "has the new module, and only that" "$(in_debian 'dkms status -m guestlane')" "guestlane/$version.1, $kernel, x86_64: installed"
tap_check "removal" in_debian 'dpkg -r guestlane-dkms'
tap_is "takes the module away" "$(in_debian "dkms status -m guestlane; modprobe -S $kernel -R xen:guestlane 2>/dev/null; ls /var/lib/dkms /usr/src | grep ^guestlane")" ""
tap_check "purge" in_debian 'dpkg -P guestlane-dkms'
exec 4>&-
tap_end
