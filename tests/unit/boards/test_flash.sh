#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rtl/boards/flash without a board: what it refuses, and with which options it calls the loader. The loader, the USB devices and the
# bitstreams are played.
set -u
. tests/lib/tap.sh

flash=rtl/boards/flash
usb=$tap_tmp/usb
mkdir -p "$usb/1-1" "$tap_tmp/none" "$tap_tmp/nodes/001"
printf '0403\n' >"$usb/1-1/idVendor"
printf '6010\n' >"$usb/1-1/idProduct"
printf '1\n' >"$usb/1-1/busnum"
printf '7\n' >"$usb/1-1/devnum"
: >"$tap_tmp/nodes/001/007"

# As ecppack writes them: an 0xff00, the comments, each ended by a zero, then 0xff.
bit() {
	printf '\377\000Guestlane for board %s\000Part: %s\000\377\275\263' "$1" "$2"
	head -c 2000 /dev/zero
}
bit versa_ecp5 LFE5UM5G-45F-8CABGA381 >"$tap_tmp/good.bit"
bit colorlight_i5 LFE5U-25F-6CABGA381 >"$tap_tmp/other.bit"
bit versa_ecp5 LFE5UM-45F-8CABGA381 >"$tap_tmp/part.bit"
printf 'hello' >"$tap_tmp/text.bit"
: >"$tap_tmp/empty.bit"

cat >"$tap_tmp/loader" <<END
#!/bin/sh
echo "\$*" >>"$tap_tmp/calls"
case " \$* " in
*" --detect "*) cat "$tap_tmp/found"; [ -s "$tap_tmp/found" ] ;;
*" --help "*) echo "--misc-device" ;;
*) [ ! -e "$tap_tmp/broken" ] ;;
esac
END
chmod +x "$tap_tmp/loader"
printf 'index 0:\n\tidcode 0x81112043\n\tmanufacturer lattice\n\tfamily ECP5\n\tmodel  LFE5UM5G-45\n' >"$tap_tmp/found"

LOADER=$tap_tmp/loader USB_DEVICES=$usb USB_NODES=$tap_tmp/nodes
export LOADER USB_DEVICES USB_NODES

calls() { grep -c -e "$1" "$tap_tmp/calls"; }
with() { (export "$1"; shift; "$@"); }

: >"$tap_tmp/calls"
tap_refuses "an unknown board" "unknown board 'arty'; there are: colorlight_i5 versa_ecp5" $flash sram arty "$tap_tmp/good.bit"
tap_refuses "a board's name that is a path" "unknown board" $flash sram ../boards/versa_ecp5 "$tap_tmp/good.bit"
tap_refuses "an unknown mode" "what is 'burn'" $flash burn versa_ecp5 "$tap_tmp/good.bit"
tap_refuses "no bitstream" "make bitstream BOARD=versa_ecp5" $flash sram versa_ecp5 "$tap_tmp/missing.bit"
tap_refuses "a bitstream for another board" "is for the board colorlight_i5, not for versa_ecp5" $flash sram versa_ecp5 "$tap_tmp/other.bit"
tap_refuses "a bitstream for another part" "is for the part LFE5UM-45F-8CABGA381" $flash sram versa_ecp5 "$tap_tmp/part.bit"
tap_refuses "a file that is no bitstream" "no bitstream of this project" $flash sram versa_ecp5 "$tap_tmp/text.bit"
tap_refuses "an empty file" "no bitstream of this project" $flash sram versa_ecp5 "$tap_tmp/empty.bit"
cp "$tap_tmp/good.bit" "$tap_tmp/run-slow.bit"
tap_refuses "a bitstream that missed its timing" "missed its timing" $flash sram versa_ecp5 "$tap_tmp/run.bit"
cp "$tap_tmp/good.bit" "$tap_tmp/big.bit" && truncate -s 17M "$tap_tmp/big.bit"
tap_refuses "a bitstream that the flash cannot hold" "has 16384 KiB" $flash persist versa_ecp5 "$tap_tmp/big.bit"
tap_refuses "no loader" "apt-get install openfpgaloader" with LOADER="$tap_tmp/nothing" $flash sram versa_ecp5 "$tap_tmp/good.bit"
tap_refuses "no cable" "no cable: there is no USB device 0403:6010" with USB_DEVICES="$tap_tmp/none" $flash check versa_ecp5
tap_refuses "the other board's cable" "no USB device 0d28:0204" $flash check colorlight_i5
cp -r "$usb/1-1" "$usb/1-2"
tap_refuses "two cables" "choose one with LOADER_FLAGS" $flash check versa_ecp5
tap_check "two cables, one chosen" with LOADER_FLAGS="--ftdi-serial FT1" $flash check versa_ecp5
tap_check "the choice reaches the loader" grep -q -e "--ftdi-serial FT1 --detect" "$tap_tmp/calls"
rm -r "$usb/1-2"
tap_refuses "a cable that this user may not use: offers the rule" "60-guestlane-boards.rules /etc/udev/rules.d/" \
	with USB_NODES="$tap_tmp/none" $flash check versa_ecp5
cp "$tap_tmp/found" "$tap_tmp/keep"
printf 'index 0:\n\tidcode 0x41111043\n\tmodel  LFE5U-25\n' >"$tap_tmp/found"
tap_refuses "another part behind the cable" "is 0x41111043, not the LFE5UM5G-45F" $flash sram versa_ecp5 "$tap_tmp/good.bit"
: >"$tap_tmp/found"
tap_refuses "nothing behind the cable" "is the board powered" $flash sram versa_ecp5 "$tap_tmp/good.bit"
tap_is "nothing was written until here" "$(calls 'good.bit')" 0

cp "$tap_tmp/keep" "$tap_tmp/found"
tap_check "check finds cable and part" $flash check versa_ecp5
tap_check "into the FPGA" $flash sram versa_ecp5 "$tap_tmp/good.bit"
tap_is "written once, not into the flash" "$(calls "^-c ft2232 .*-m $tap_tmp/good.bit$")" 1
tap_check "into the flash" $flash persist versa_ecp5 "$tap_tmp/good.bit"
tap_is "written once, and verified" "$(calls "^-c ft2232 .*-f --verify $tap_tmp/good.bit$")" 1
printf 'index 0:\n\tidcode 0x191043\nindex 1:\n\tidcode 0x81112043\n' >"$tap_tmp/found"
tap_check "behind another device of the chain" $flash sram versa_ecp5 "$tap_tmp/good.bit"
tap_is "by its place" "$(calls "--index-chain 1 -m $tap_tmp/good.bit$")" 1
: >"$tap_tmp/broken"
tap_refuses "a loader that fails" "without a configuration" $flash sram versa_ecp5 "$tap_tmp/good.bit"
tap_end
