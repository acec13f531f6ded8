#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# glanectl as its user meets it, against a glaned that answers by a script (tests/unit/host/glaned.json): what each command asks the daemon, what it
# prints, in words and as JSON; wrong command lines; daemons that refuse, are gone or go away; completion; the terminal after top.
. tests/lib/tap.sh
# glanectl.mk names these; the paths are its.
program=build/tests/host/glanectl
fake=build/tests/host/fake-glaned
export TZ=UTC LC_ALL=C ASAN_OPTIONS=detect_leaks=1
unset NO_COLOR

# start NAME SCRIPT: a fake daemon at $tap_tmp/NAME.sock, which ends with this test
start() {
	exec {pipe}> >(exec "$fake" "$tap_tmp/$1.sock" "$2" "$tap_tmp/$1.log")
	for _ in $(seq 200); do
		[ -S "$tap_tmp/$1.sock" ] && return
		sleep 0.05
	done
	echo "Bail out! the scripted daemon does not start"
	exit 1
}
ctl() { "$program" --socket "$tap_tmp/ctl.sock" "$@"; }

# prints NAME STATUS ARGUMENT... : runs glanectl; its output, both streams, is what stands on standard input
prints() {
	prints_name=$1 prints_want=$2 prints_status=0
	shift 2
	cat >"$tap_tmp/want"
	ctl "$@" >"$tap_tmp/got" 2>&1 </dev/null || prints_status=$?
	sed -i "s|$tap_tmp|/tmp|g" "$tap_tmp/got"
	if [ $prints_status -eq "$prints_want" ] && diff -u "$tap_tmp/want" "$tap_tmp/got" >"$tap_tmp/diff"; then
		tap_ok_ "$prints_name"
	else
		tap_not_ok_ "$prints_name"
		echo "# exit status $prints_status, should be $prints_want"
		sed 's/^/# /' "$tap_tmp/diff"
	fi
}
# wrong SENTENCE ARGUMENT... : refused with status 2 and that one line; nothing is asked of the daemon
wrong() {
	wrong_sentence=$1
	shift
	prints "refused: $*" 2 "$@" <<<"glanectl: $wrong_sentence"
}
# asks NAME LINE ARGUMENT... : the last request is LINE
asks() {
	asks_name=$1 asks_line=$2
	shift 2
	ctl "$@" >/dev/null 2>&1 </dev/null
	tap_is "$asks_name" "$(tail -n 1 "$tap_tmp/ctl.log")" "$asks_line"
}
# json NAME FILTER VALUE ARGUMENT...
json() {
	json_name=$1 json_filter=$2 json_value=$3
	shift 3
	tap_is "$json_name" "$(ctl --json "$@" 2>/dev/null </dev/null | jq -cr "$json_filter" 2>&1)" "$json_value"
}

start ctl tests/unit/host/glaned.json

# --- wrong command lines ---
wrong "there is no command 'shwo'; did you mean 'show'?" shwo
wrong "there is no command 'contex'; did you mean 'context'?" contex 3
wrong "there is no command 'context ad'; did you mean 'context add'?" context ad
wrong "there is no command 'context grow'; there are: add, set, remove, enable, disable" context grow 3
wrong "there is no command 'add'; did you mean 'context add'?" add
wrong "there is no command 'xyzzy' (try --help)" xyzzy
wrong "'context' needs a second word: add, set, remove, enable, disable" context
wrong "a command is missing: glanectl list shows what there is (try --help)"
wrong "'list' takes no operand, but '3' was given" list 3
wrong "'show' takes one [CONTEXT]; '4' is too much" show 3 4
wrong "'capture' needs a CONTEXT (try --help)" capture
wrong "'firmware load' needs a FILE (try --help)" firmware load
wrong "'top' has no option --intervall; did you mean '--interval'?" top --intervall 3
wrong "'show' has no option -x (try --help)" show -x
wrong "there is no option --mac before the command (try --help)" --mac 02:00:00:00:00:01 context add
wrong "--interval needs a value: SECONDS" top --interval
wrong "-d needs a value: SECONDS" top -d
wrong "--once takes no value, but 'yes' was given" top --once=yes
wrong "--interval is '0'; give seconds from 0.1 to 3600" top --interval 0
wrong "--sort is 'ty'; give context, tx, rx, drops or irqs; did you mean 'tx'?" top --sort ty
wrong "the context is 'three'; give a number, as \`glanectl list\` shows them" show three
wrong "the context is '-1'; give a number, as \`glanectl list\` shows them" show -- -1
wrong "--mtu is '67'; give a whole number from 68 to 9000" context set 3 --mtu 67
wrong "--mtu is '1500x'; give a whole number from 68 to 9000" context set 3 --mtu=1500x
wrong "--mac is '02:00:00:00:00'; give six octets in hexadecimal, as 02:00:00:00:00:03" context set 3 --mac 02:00:00:00:00
wrong "--link is 'Up'; give up or down; did you mean 'up'?" context set 3 --link Up
wrong "--wire is 'maybe'; give yes or no" context set 3 --wire maybe
wrong "--vid is '4095'; give a whole number from 1 to 4094" context set 3 --vid 4095
wrong "--vids is '20-10'; give VLANs from 1 to 4094, ranges upwards, as 10,20-25" context set 3 --vids 20-10
wrong "--vids is '1,,2'; give VLANs as 10,20-25" context set 3 --vids 1,,2
wrong "--tx-rate is '100Q'; give bit/s, or with k, M or G, as 100M; 0 is no limit" context set 3 --tx-rate 100Q
wrong "--tx-rate is '-5'; give bit/s, or with k, M or G, as 100M; 0 is no limit" context set 3 --tx-rate -5
wrong "--tx-burst is '2M'; give octets, or as 64KiB, at most 1048575; 0 is no limit" context set 3 --tx-burst 2M
wrong "--features is 'mac,'; give names with commas between them" context set 3 --features mac,
wrong "--kind has 'falt'; give fault, reset, needs_reset, state, added, removed, config, attached, detached, firmware or lost; did you mean 'fault'?" \
	trace --kind reset,falt
wrong "an access port has one VLAN: give --vid, not --vids" context set 3 --vlan access --vids 1,2
wrong "a trunk port has a list of VLANs: give --vids, not --vid" context set 3 --vlan trunk --vid 1
wrong "a transparent port has no VLAN: --vid does not go with it" context set 3 --vlan transparent --vid 1
wrong "'context set' needs what to change, as --mtu 1500 (try --help)" context set 3
wrong "top needs a terminal; use --once or --json" top
wrong "there is no completion for 'bahs'; give bash or zsh; did you mean 'bash'?" completion bahs
tap_is "none of them has asked the daemon for anything" "$(grep -vc '^hello' "$tap_tmp/ctl.log")" 0
tap_is "with --json the sentence is JSON too" "$(ctl show --jsn --json 2>/dev/null | jq -c .)" \
	"{\"error\":{\"status\":2,\"errno\":\"\",\"message\":\"'show' has no option --jsn; did you mean '--json'?\"}}"

# --- what each command prints ---
prints "list" 0 list <<'E'
NICs of this machine
  none: no PCI function of ours, no socket in /tmp

glaned 1.0 drives vfio-user:/run/guestlane/sim.sock: 3 contexts of 32
CONTEXT  STATE     MAC                VLAN                       LINK  RINGS   DRIVEN BY
      0  live      02:00:00:00:00:00  -                          up    packed  tap
      3  broken    02:00:00:00:00:03  trunk 10, 20-22, untagged  up    split   glane-tap (4711)
      4  disabled  02:00:00:00:00:04  access 7                   down  -       -
E
prints "show" 0 show <<'E'
vfio-user:/run/guestlane/sim.sock
  driven by         glaned 1.0 at /tmp/ctl.sock, for 1 d 2 h
  back end          vfio-user
  registers         version 1.0
  clock             125 MHz
  contexts          3 of 32 in use: 1 live, 1 disabled, 1 broken
  interrupts        one vector for all contexts, at least 50 us apart
  firmware          running, build 12345678, mailbox version 2, 1 restart
                    /usr/lib/guestlane/guestlane.fw
  events            4 mailbox answers, 12 invalidations

CONTEXT  STATE     MAC                VLAN                       LINK  RINGS   DRIVEN BY
      0  live      02:00:00:00:00:00  -                          up    packed  tap
      3  broken    02:00:00:00:00:03  trunk 10, 20-22, untagged  up    split   glane-tap (4711)
      4  disabled  02:00:00:00:00:04  access 7                   down  -       -
E
prints "show of a context" 0 show 3 <<'E'
context 3: broken
  driven by         glane-tap, process 4711
  device            enabled; status 79: ACKNOWLEDGE DRIVER FEATURES_OK DRIVER_OK DEVICE_NEEDS_RESET
  MAC address       02:00:00:00:00:03
  MTU               1500
  link              up
  VLAN              trunk: tagged frames of VLANs 10, 20-22, and untagged ones
  may reach         other contexts and the wire
  features          mac mrg_rxbuf version_1
    offered only    mtu event_idx ring_packed
  receive queue     split ring of 128, 7 buffers taken so far
  transmit queue    not set up; at most 256 entries
  sends             100 Mb/s, 64 KiB at once
    group frames    1.5 Mb/s, 3000 octets at once
  receives          no limit
  buffer share      8 frames waiting at most
  weight            16
  resets            2
  needed a reset    bad_index: Available index moved by more than the queue size
  fault             read of guest address 0x1000 by the transmit queue refused, not_present: A table
                    entry allows neither read nor write
                    3 faults so far
E
prints "stats" 0 stats <<'E'
NIC
  100  mac_tx_frames  Frames sent to the wire
   50  mac_rx_frames  Good frames received
  soft core: 10.1 % firmware, 5.0 % asleep with DMA under way, 84.9 % asleep

contexts
  CONTEXT  TX FRAMES  TX OCTETS  RX FRAMES  RX OCTETS  DROPS  IRQS  DOORBELLS
        0          9        600          4        256      0     2          0
        3          1         60          0          0      6     0          0
E
prints "stats of a context" 0 stats 3 <<'E'
context 3
   1  tx_frames       Frames sent
  60  tx_bytes        Octets sent
   1  tx_drop_error   Sent frames dropped: DMA error or broken descriptors
   5  rx_drop_nodesc  Received frames dropped: no receive buffer
E
prints "stats of a context, all" 0 stats 3 --all <<'E'
context 3
   1  tx_frames       Frames sent
  60  tx_bytes        Octets sent
   1  tx_drop_error   Sent frames dropped: DMA error or broken descriptors
   0  rx_frames       Frames delivered
   5  rx_drop_nodesc  Received frames dropped: no receive buffer
E
prints "top --once" 0 top --once -d 0.1 <<'E'
vfio-user:/run/guestlane/sim.sock  32 contexts, 3 in use, 1 live  06:13:22.000
core  15.1 % busy: firmware 10.1 %, waiting for DMA 5.0 %; 200 cycles per frame
wire  1.00k frames/s out, 500 in, 4 dropped    clock  3.00MHz of 125MHz

   *CTX STATE    MAC ADDRESS          TX f/s   TX Mb/s    RX f/s   RX Mb/s   DROP/s    IRQ/s   BELL/s  DRIVEN BY
      0 live     02:00:00:00:00:00     1.00k     12.11       500      0.26        0      150       22  tap
      3 broken   02:00:00:00:00:03        10      0.01         0      0.00        3        0        0  glane-tap (4711)
      4 disabled 02:00:00:00:00:04         0      0.00         0      0.00        0        0        0
    sum                                1.01k     12.12       500      0.26        3      150       22
E
prints "context add" 0 context add 5 --mac 02:00:00:00:00:05 <<'E'
context 5 is created: disabled, MAC address 02:00:00:00:00:05
E
prints "context remove" 0 context remove 3 <<'E'
context 3 is removed; the NIC took 1144 cycles (9.2 us)
E
prints "firmware log, made harmless for a terminal" 0 firmware log <<'E'
boot
context 3 ?[31mbad index
E
prints "metrics" 0 metrics <<'E'
# TYPE guestlane_contexts gauge
guestlane_contexts 3
E
prints "selftest with a failure has status 1" 1 selftest <<'E'
1..2
ok 1 - registers: 64 words
not ok 2 - table walk: fault
E
prints "trace until the daemon goes" 3 trace <<'E'
06:13:20.250  fault          3  context 3: read of guest address 0x1000 refused: not present
06:13:21.500  firmware       -  firmware restarted
06:13:21.750  state          4  context 4: idle
glanectl: glaned has closed the connection (/tmp/ctl.sock)
E
prints "trace of a context" 0 trace 3 --count 1 <<'E'
06:13:20.250  fault          3  context 3: read of guest address 0x1000 refused: not present
E
prints "trace of kinds" 0 trace --kind state,firmware -c 2 <<'E'
06:13:21.500  firmware       -  firmware restarted
06:13:21.750  state          4  context 4: idle
E

# --- what each command asks ---
asks "context add: every key of the configuration" 'context.add {"any_source":true,"context":5,"fallback":true,"features":["mac","mtu"],"flood_burst":3000,"flood_rate":1500000,"link":"down","mac":"02:00:00:00:00:05","mtu":9000,"promiscuous":false,"queue_size":128,"rx_burst":0,"rx_rate":0,"rx_share":8,"tx_burst":65536,"tx_rate":100000000,"untagged":true,"vids":[1,5,6,7],"vlan":"trunk","weight":20,"wire":false}' \
	context add 5 --mac 02:00:00:00:00:05 --mtu 9000 --link=down --features mac,mtu --queue-size 128 --vlan trunk --vids 7,1,5-6 --untagged yes \
	--wire no --promiscuous no --any-source yes --fallback yes --weight 20 --tx-rate '100 Mb/s' --tx-burst 64KiB --rx-rate 0 --rx-burst 0 --flood-rate 1.5M \
	--flood-burst 3000 --rx-share 8
asks "context add leaves the number to the daemon" 'context.add {}' context add
asks "context set" 'context.set {"context":3,"features":[],"tx_rate":1000000000}' context set 3 --tx-rate 1Gb/s --features all
asks "context set: an access port" 'context.set {"context":3,"vid":7,"vlan":"access"}' context set 3 --vlan access --vid 7
asks "set" 'nic.set {"irq_mode":"bit-vector","irq_moderation":50}' set --irq-moderation 50 --irq-mode bit-vector
asks "context remove" 'context.remove {"context":3}' context remove 3
asks "context enable" 'context.enable {"context":3}' context enable 3
asks "context disable, options behind the operand" 'context.disable {"context":3}' context disable 3 --json
asks "list goes on with the next page" 'context.list {"from":4}' list
asks "show" 'context.get {"context":0}' show 0
asks "stats" 'stats.get {"context":31}' stats 31
asks "firmware load names the whole path" "firmware.load {\"path\":\"$PWD/README.md\"}" firmware load README.md
asks "firmware log goes on where it was" 'firmware.log {"from":30}' firmware log
asks "capture, with its pipe" 'capture.start {"context":3,"fds":1,"snaplen":96}' capture 3 -s 96

# --- JSON ---
json "list --json" '[.nics, .nic.contexts, [.contexts[].context]]' '[[],32,[0,3,4]]' list
json "show --json" '[.nic.firmware.build_id, .contexts[1].state]' '[305419896,"broken"]' show
json "show --json of a context" '[.context, .fault.kind, .tx_rate]' '[3,"not_present",100000000]' show 3
json "stats --json" '[.nic.mac_tx_frames, .contexts[0].tx_frames]' '[100,9]' stats
json "top --json --once" '[.seconds, .wire.tx_frames_per_s, .core.firmware_cycles_per_frame, .contexts[0].tx_bits_per_s]' '[2,1000,200,12112000]' top --once -d 0.1
json "context add --json" .context 5 context add 5
json "context remove --json" .cycles 1144 context remove 3
json "firmware log --json" .next 30 firmware log
json "metrics --json" '.text | length > 0' true metrics
json "selftest --json" '[.tests[].ok]' '[true,false]' selftest
json "trace --json: a line for each event" .kind "fault
firmware
state" trace -c 3
json "a refusal in JSON" '.error | [.status, .errno]' '[1,"ENOENT"]' context enable 9

# --- refusals of the daemon, daemons that are gone ---
prints "a refusal has status 1 and the daemon's sentence" 1 context enable 9 <<<"glanectl: context 9 does not exist"
prints "a context that the NIC does not have" 1 show 40 <<<"glanectl: context 40: this NIC has contexts 0 to 31"
prints "firmware that is not there" 1 firmware load /nonexistent <<<"glanectl: cannot open the firmware '/nonexistent': No such file or directory"
prints "an unknown method of an old daemon" 1 context disable 4 <<<"glanectl: there is no method 'context.disable'"
tap_is "no daemon: status 3" "$("$program" --socket "$tap_tmp/none" show 2>&1; echo $?)" \
	"glanectl: no glaned listens at $tap_tmp/none; start it, or name its socket
3"
tap_is "list without a daemon still lists NICs" "$("$program" --socket "$tap_tmp/none" list 2>/dev/null | head -n 1)" "NICs of this machine"
tap_is "as JSON too" "$("$program" --socket "$tap_tmp/none" list --json 2>/dev/null | jq -c '[.nics, .error.status]')" "[[],3]"
jq '.["nic.show"] = [{"close": true}] | .["selftest"] = [{"result": {"tests": []}}] |
	.["context.get"] = [{"result": {"context": 3, "state": "\u001b[2J", "mac": 5, "queues": "none", "vids": {}, "fault": [], "peer": {"program": "a\u009bb"}}}] |
	.["context.list"] = [{"result": {}}] | .["stats.get"] = [{"result": {"nic": 7}}]' tests/unit/host/glaned.json >"$tap_tmp/odd.json"
start odd "$tap_tmp/odd.json"
odd() { "$program" --socket "$tap_tmp/odd.sock" "$@"; }
tap_is "a daemon that hangs up: status 3" "$(odd show 2>&1 | sed "s|$tap_tmp|/tmp|"; odd show >/dev/null 2>&1; echo $?)" \
	"glanectl: glaned has closed the connection (/tmp/odd.sock)
3"
tap_fails "selftest without a test" odd selftest
tap_is "control characters do not reach the terminal" "$(odd show 3 | grep -c "$(printf '[\033\233]')")" 0
for command in list "show 3" stats "stats 3" "top --once -d 0.1"; do
	# shellcheck disable=SC2086 -- words of a command line
	tap_check "answers of other shapes: $command" odd $command
done
tap_fails "output that cannot be written" sh -c "exec '$program' --socket '$tap_tmp/ctl.sock' show >/dev/full"

# --- capture ---
for destination in 1 2 4; do
	printf '000000 02 00 00 00 00 %02d 02 00 00 00 00 03 81 00 00 07 08 00 45 00 00 14 00 00 00 00 40 11 00 00 0a 00 00 01 0a 00 00 02\n' $destination
done | text2pcap -q -n - "$tap_tmp/frames.pcapng" 2>/dev/null
hex=$(od -An -v -t x1 "$tap_tmp/frames.pcapng" | tr -d ' \n')
jq --arg hex "$hex" '.["capture.start"] = [{"result": {"via": 31}, "write": $hex}]' tests/unit/host/glaned.json >"$tap_tmp/capture.json"
jq --arg hex "${hex}06000000" '.["capture.start"] = [{"result": {"via": 31}, "write": $hex, "keep": true}]' tests/unit/host/glaned.json >"$tap_tmp/endless.json"
jq '.["capture.start"] = [{"result": {"via": 31}, "write": "474554202f20485454502f312e310d0a0d0a", "keep": true}]' tests/unit/host/glaned.json >"$tap_tmp/text.json"
start capture "$tap_tmp/capture.json"
start endless "$tap_tmp/endless.json"
start text "$tap_tmp/text.json"
frames() { capinfos -cM "$1" 2>&1 | sed -n 's/^Number of packets: *//p'; }
capture() { # DAEMON OPTION...: captures context 3
	capture_daemon=$1
	shift
	"$program" --socket "$tap_tmp/$capture_daemon.sock" capture 3 "$@"
}
tap_is "a capture that the daemon ends keeps its frames, status 1" \
	"$(capture capture -w "$tap_tmp/a.pcapng" 2>&1 | sed "s|$tap_tmp|/tmp|"; frames "$tap_tmp/a.pcapng")" \
	"capturing context 3 through context 31; Ctrl-C ends
glanectl: the daemon ended the capture
3 frames of context 3 in /tmp/a.pcapng
3"
tap_is "capture -c ends by itself" "$(capture endless -c 2 -w "$tap_tmp/b.pcapng" 2>&1 | tail -n 1)" "2 frames of context 3 in $tap_tmp/b.pcapng"
tap_is "into a pipe" "$(capture endless -c 3 -w - 2>/dev/null >"$tap_tmp/pipe.pcapng"; frames "$tap_tmp/pipe.pcapng")" 3
tap_is "as lines" "$(capture endless -c 1 2>/dev/null | cut -d ' ' -f 3-)" "02:00:00:00:00:03 > 02:00:00:00:00:01  VLAN 7 IPv4, 38 octets"
tap_is "as JSON" "$(capture endless -c 1 --json 2>/dev/null | jq -c 'del(.time)' | head -n 1)" \
	'{"source":"02:00:00:00:00:03","destination":"02:00:00:00:00:01","type":2048,"octets":38,"vlan":7}'
# Ctrl-C, when the frames are in the file: the block that had begun is left out. Jobs in the background ignore SIGINT, so SIGTERM stands for it.
"$program" --socket "$tap_tmp/endless.sock" capture 3 -w "$tap_tmp/c.pcapng" 2>"$tap_tmp/said" &
pid=$!
for _ in $(seq 200); do
	[ "$(stat -c %s "$tap_tmp/c.pcapng" 2>/dev/null || echo 0)" -ge $((${#hex} / 2)) ] && break
	sleep 0.05
done
kill -TERM $pid
wait $pid
tap_is "a signal ends a capture with status 0" $? 0
tap_is "and it says the number of frames" "$(tail -n 1 "$tap_tmp/said")" "3 frames of context 3 in $tap_tmp/c.pcapng"
tap_is "the file is whole" "$(capinfos -c "$tap_tmp/c.pcapng" 2>&1 | grep -ci 'cut short'; frames "$tap_tmp/c.pcapng")" "0
3"
tap_is "a reader that has gone is a clean end" "$( (sleep 0.3; capture endless -w - 2>"$tap_tmp/said"; echo $? >"$tap_tmp/status") | true; cat "$tap_tmp/status")" 0
tap_refuses "what is no pcapng" "is not pcapng" capture text -w "$tap_tmp/d.pcapng"
tap_refuses "a file that cannot be written" "cannot write '/nonexistent/x'" capture endless -w /nonexistent/x
tap_refuses "a full disk" "cannot write '/dev/full': No space" capture endless -w /dev/full

# --- top on a terminal ---
# What the terminal was before the program, what the program wrote, and what the terminal is then.
jq '.["stats.get"] += [{"close": true}]' tests/unit/host/glaned.json >"$tap_tmp/dies.json"
start dies "$tap_tmp/dies.json"
on_terminal() { # COMMAND: in a pseudo-terminal of 80 x 24; Ctrl-C ends the program only
	script -qec "trap : INT; rm -f $tap_tmp/after; stty rows 24 cols 80; stty -g >$tap_tmp/before; $1; echo status \$?; stty -g >$tap_tmp/after" /dev/null
}
(sleep 0.4; echo q; sleep 0.3) | on_terminal "$program --socket $tap_tmp/ctl.sock top -d 0.1" >"$tap_tmp/screen" 2>&1
tap_check "q ends top" grep -q 'status 0' "$tap_tmp/screen"
tap_check "it has shown the contexts" grep -q 'glane-tap' "$tap_tmp/screen"
tap_check "in colours" grep -qF "$(printf '\033[31m')" "$tap_tmp/screen"
tap_is "the terminal is as before" "$(cat "$tap_tmp/after")" "$(cat "$tap_tmp/before")"
sleep 1 | on_terminal "$program --socket $tap_tmp/dies.sock top -d 0.1" >"$tap_tmp/screen" 2>&1
tap_check "top ends with status 3 when the daemon dies" grep -q 'status 3' "$tap_tmp/screen"
tap_check "and says so behind the end of the full screen" sh -c "tr -d '\r' <'$tap_tmp/screen' | grep -A1 -F '$(printf '\033[?1049l')' | grep -q 'closed the connection'"
tap_is "the terminal is as before then" "$(cat "$tap_tmp/after")" "$(cat "$tap_tmp/before")"
jq '.["stats.get"] += [{"silent": true}]' tests/unit/host/glaned.json >"$tap_tmp/silent.json"
start silent "$tap_tmp/silent.json"
# ^C twice
(sleep 0.8; printf '\003'; sleep 0.2; printf '\003'; sleep 0.3) | on_terminal "$program --socket $tap_tmp/silent.sock top -d 0.1" >"$tap_tmp/screen" 2>&1
tap_is "a daemon that does not answer: Ctrl-C twice ends top, and the terminal is as before" "$(cat "$tap_tmp/after")" "$(cat "$tap_tmp/before")"
tap_check "behind the end of the full screen" grep -qF "$(printf '\033[?1049l')" "$tap_tmp/screen"
(sleep 0.4; echo q; sleep 0.3) | on_terminal "NO_COLOR=1 $program --socket $tap_tmp/ctl.sock top -d 0.1" >"$tap_tmp/screen" 2>&1
tap_check "NO_COLOR" sh -c "grep -q glane-tap '$tap_tmp/screen' && ! grep -qF '$(printf '\033[31m')' '$tap_tmp/screen'"

# --- help and completion agree with the list of commands ---
ctl --help >"$tap_tmp/help"
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\?\) .*/\1/p' "$tap_tmp/help" | sed 's/ *$//')
tap_is "--help lists the commands" "$(echo "$commands" | wc -l)" 20
helps() {
	ctl --help
	while read -r -a words; do
		ctl "${words[@]}" --help </dev/null
	done <<<"$commands"
}
while read -r -a words; do
	tap_check "${words[*]} --help" sh -c "'$program' ${words[*]} --help </dev/null | grep -q '^usage: glanectl ${words[*]}'"
done <<<"$commands"
tap_is "no line of any help is longer than 80 columns" "$(helps | awk 'length > 80')" ""

# complete_words WORD... : what bash offers for the last word
complete_words() {
	(
		"$program" completion bash >"$tap_tmp/completion"
		compopt() { :; }
		# shellcheck disable=SC1091 -- made by the program
		. "$tap_tmp/completion"
		COMP_WORDS=("$program" "$@")
		COMP_CWORD=$#
		_glanectl "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		echo "${COMPREPLY[*]}"
	)
}
tap_is "bash: commands" "$(complete_words s)" "show set stats selftest"
tap_is "bash: all first words" "$(complete_words "")" "list show set stats top context vif firmware trace capture selftest metrics completion"
tap_is "bash: second words" "$(complete_words context "")" "add set remove enable disable"
tap_is "bash: options of a command" "$(complete_words context add --f)" "--features --fallback --flood-rate --flood-burst"
tap_is "bash: options of every command" "$(complete_words show --)" "--socket --json --help --version"
tap_is "bash: values of an option" "$(complete_words context set 3 --vlan t)" "transparent trunk"
tap_is "bash: a list's last word" "$(complete_words context set 3 --features mac,ring)" "mac,ring_packed"
tap_is "bash: yes or no" "$(complete_words context set 3 --wire "")" "yes no"
tap_is "bash: shells" "$(complete_words completion z)" "zsh"
tap_is "bash: files" "$(complete_words firmware load READ)" "README.md"
tap_is "bash: contexts, from the daemon" "$(complete_words --socket "$tap_tmp/ctl.sock" show "")" "0 3 4"
tap_is "bash: nothing for a number" "$(complete_words context set 3 --mtu "")" ""
tap_check "the installed script is the same" cmp build/host-driver/glanectl.bash "$tap_tmp/completion"
ctl completion zsh >"$tap_tmp/_glanectl"
if command -v zsh >/dev/null; then
	tap_check "zsh takes its script" zsh -n "$tap_tmp/_glanectl"
else
	tap_skip "zsh takes its script" "no zsh"
fi
missing=
for option in $(helps | sed -n 's/^  \(-., \)\?\(--[a-z-]*\).*/\2/p' | sort -u); do
	grep -qF -- "'$option" "$tap_tmp/_glanectl" || missing="$missing $option"
done
tap_is "zsh: has every option of the help" "$missing" ""
tap_end
