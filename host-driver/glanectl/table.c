// SPDX-License-Identifier: Apache-2.0
// All commands and options of glanectl. Parsing, --help, shell completion and the check of the man page come from here.
#include "glanectl.h"

#define RATE_MAX  100000000000u
#define BURST_MAX 1048575u

const char feature_words[] = "mtu mac mrg_rxbuf status indirect_desc event_idx version_1 "
			     "access_platform ring_packed in_order order_platform";

const struct option_spec global_options[] = {
	{ "socket", 0, OPT_FILE, "PATH", NULL, 0, 0, "socket of the daemon (" CTL_SOCKET ")" },
	{ "json", 0, OPT_FLAG, NULL, NULL, 0, 0,
	  "print JSON, numbers in base units; docs/control.md has the shapes" },
	{ "help", 'h', OPT_FLAG, NULL, NULL, 0, 0, "print this text" },
	{ "version", 'V', OPT_FLAG, NULL, NULL, 0, 0, "print the version" },
	{ 0 },
};

/* Names as in the configuration file's [context N] sections. */
static const struct option_spec config_options[] = {
	{ "mac", 0, OPT_MAC, "ADDRESS", NULL, 0, 0, "MAC address, as 02:00:00:00:00:03" },
	{ "mtu", 0, OPT_NUMBER, "N", NULL, 68, 9000, "MTU that the device shows, 68 to 9000" },
	{ "link", 0, OPT_WORD, "STATE", "up down", 0, 0, "link that the device shows: up or down" },
	{ "features", 0, OPT_FEATURES, "LIST", NULL, 0, 0,
	  "virtio features to offer at most, commas between their names; all: no limit" },
	{ "queue-size", 0, OPT_NUMBER, "N", NULL, 2, 256, "largest queue size, 2 to 256" },
	{ "vlan", 0, OPT_WORD, "MODE", "transparent access trunk", 0, 0,
	  "transparent: frames as they are; access: untagged, in the VLAN --vid; trunk: tagged, in "
	  "the "
	  "VLANs --vids" },
	{ "vid", 0, OPT_NUMBER, "VLAN", NULL, 1, 4094, "VLAN of an access port" },
	{ "vids", 0, OPT_VIDS, "LIST", NULL, 1, 4094, "VLANs of a trunk port, as 10,20-25" },
	{ "untagged", 0, OPT_BOOL, "YESNO", NULL, 0, 0, "trunk port: untagged frames too" },
	{ "wire", 0, OPT_BOOL, "YESNO", NULL, 0, 0, "whether its frames may leave to the wire" },
	{ "promiscuous", 0, OPT_BOOL, "YESNO", NULL, 0, 0,
	  "whether it receives every frame of its VLAN" },
	{ "any-source", 0, OPT_BOOL, "YESNO", NULL, 0, 0,
	  "whether it may send with any source MAC" },
	{ "fallback", 0, OPT_BOOL, "YESNO", NULL, 0, 0,
	  "whether its frames go to context 0 while no driver runs its device" },
	{ "weight", 0, OPT_NUMBER, "N", NULL, 1, 255,
	  "share of transmission against other contexts, 1 to 255" },
	{ "tx-rate", 0, OPT_RATE, "RATE", NULL, 0, RATE_MAX,
	  "limit of what it sends: bit/s, or 100M, 1G; 0: none" },
	{ "rx-rate", 0, OPT_RATE, "RATE", NULL, 0, RATE_MAX, "limit of what it receives" },
	{ "flood-rate", 0, OPT_RATE, "RATE", NULL, 0, RATE_MAX,
	  "limit of the broadcasts and multicasts that it sends" },
	{ "tx-burst", 0, OPT_OCTETS, "SIZE", NULL, 0, BURST_MAX,
	  "octets it may send at once beyond --tx-rate, as 64KiB" },
	{ "rx-burst", 0, OPT_OCTETS, "SIZE", NULL, 0, BURST_MAX, "the same for --rx-rate" },
	{ "flood-burst", 0, OPT_OCTETS, "SIZE", NULL, 0, BURST_MAX, "the same for --flood-rate" },
	{ "rx-share", 0, OPT_NUMBER, "FRAMES", NULL, 0, 64,
	  "frames that may wait for it in the packet buffers, 1 to 64; 0: no limit" },
	{ 0 },
};

static const struct option_spec set_options[] = {
	{ "irq-mode", 0, OPT_WORD, "MODE", "per-context bit-vector", 0, 0,
	  "an interrupt vector for each context, or one for all" },
	{ "irq-moderation", 0, OPT_NUMBER, "MICROSECONDS", NULL, 0, 100000,
	  "least time between two interrupts of a vector, 0 to 100000" },
	{ 0 },
};

static const struct option_spec stats_options[] = {
	{ "all", 'a', OPT_FLAG, NULL, NULL, 0, 0, "counters that are 0, too" },
	{ 0 },
};

static const struct option_spec top_options[] = {
	{ "interval", 'd', OPT_SECONDS, "SECONDS", NULL, 100, 3600000,
	  "time between two looks, 0.1 to 3600 (1)" },
	{ "once", '1', OPT_FLAG, NULL, NULL, 0, 0, "one look, as plain text, and end" },
	{ "sort", 's', OPT_WORD, "COLUMN", "context tx rx drops irqs", 0, 0,
	  "column to sort by at first: context, tx, rx, drops or irqs" },
	{ 0 },
};

static const struct option_spec vif_add_options[] = {
	{ "mac", 0, OPT_MAC, "ADDRESS", NULL, 0, 0,
	  "the guest's MAC address, as 00:16:3e:00:00:01" },
	{ "mtu", 0, OPT_NUMBER, "N", NULL, 68, 9000, "MTU, 68 to 9000" },
	{ "tx-rate", 0, OPT_RATE, "RATE", NULL, 0, RATE_MAX,
	  "limit of what it sends: bit/s, or 100M, 1G; 0: none" },
	{ "vid", 0, OPT_NUMBER, "VLAN", NULL, 1, 4094,
	  "VLAN that it is in; untagged in the guest" },
	{ "weight", 0, OPT_NUMBER, "N", NULL, 1, 255,
	  "share of transmission against other contexts, 1 to 255" },
	{ "memory", 0, OPT_WORD, "MODE", "pool whole", 0, 0,
	  "what the guest grants to the NIC: pool, pages that frames are copied through; whole, "
	  "all "
	  "its memory, without a copy" },
	{ "pool-pages", 0, OPT_NUMBER, "N", NULL, 64, 4096, "size of the pool, 64 to 4096 (512)" },
	{ 0 },
};

static const struct option_spec vif_remove_options[] = {
	{ "seconds", 0, OPT_SECONDS, "SECONDS", NULL, 0, 600000,
	  "time that the guest has to let its device go, 0 to 600 (10)" },
	{ 0 },
};

static const struct option_spec log_options[] = {
	{ "follow", 'f', OPT_FLAG, NULL, NULL, 0, 0, "go on with what comes, until Ctrl-C" },
	{ 0 },
};

static const struct option_spec trace_options[] = {
	{ "kind", 'k', OPT_WORDS, "LIST",
	  "fault reset needs_reset state added removed config attached detached firmware lost", 0,
	  0, "only events of these kinds, commas between them" },
	{ "count", 'c', OPT_NUMBER, "N", NULL, 1, INT64_MAX, "end after that many" },
	{ 0 },
};

static const struct option_spec capture_options[] = {
	{ "write", 'w', OPT_FILE, "FILE", NULL, 0, 0,
	  "write pcapng into the file, - is standard output; without it, a line for each frame" },
	{ "snaplen", 's', OPT_NUMBER, "OCTETS", NULL, 14, 9022, "first octets of each frame only" },
	{ "count", 'c', OPT_NUMBER, "N", NULL, 1, INT64_MAX, "end after that many frames" },
	{ 0 },
};

const struct command_spec command_table[] = {
	{ "list",
	  NULL,
	  "NICs of this machine, contexts of the daemon's NIC",
	  "NICs are PCI functions of ours, and sockets of simulated ones (*.sock) in the folder of "
	  "the daemon's socket.",
	  { NULL, NULL },
	  run_list },
	{ "show",
	  "[CONTEXT]",
	  "all about the NIC, or about a context",
	  NULL,
	  { NULL, NULL },
	  run_show },
	{ "set",
	  NULL,
	  "change how the NIC interrupts",
	  "Lasts until the daemon starts the NIC anew; the configuration file says what it is "
	  "then.",
	  { set_options, NULL },
	  run_set },
	{ "stats",
	  "[CONTEXT]",
	  "counters of the NIC, or of a context",
	  NULL,
	  { stats_options, NULL },
	  run_stats },
	{ "top",
	  NULL,
	  "live view: rates of all contexts, load of the NIC",
	  "Keys: q ends, s or right and left choose the column to sort by, up and down scroll. "
	  "Rates are of this machine's time; a simulated NIC's clock runs slower, and the heading "
	  "says how fast. With --json, one line for each look.",
	  { top_options, NULL },
	  run_top },
	{ "context add",
	  "[CONTEXT]",
	  "create a context, the lowest free one unless named",
	  "A driver may use its device at once.",
	  { config_options, NULL },
	  run_context_add },
	{ "context set",
	  "CONTEXT",
	  "change the configuration of a context",
	  "Only what is given changes, and at once; --features and --queue-size wait until the "
	  "driver resets its device.",
	  { config_options, NULL },
	  run_context_set },
	{ "context remove",
	  "CONTEXT",
	  "take everything away from a context, forget it",
	  NULL,
	  { NULL, NULL },
	  run_context_remove },
	{ "context enable",
	  "CONTEXT",
	  "bring a context's device to life",
	  NULL,
	  { NULL, NULL },
	  run_context_enable },
	{ "context disable",
	  "CONTEXT",
	  "stop a context's device; its configuration stays",
	  NULL,
	  { NULL, NULL },
	  run_context_disable },
	{ "vif add",
	  "VIF",
	  "give a Xen guest a context; what xl's script does",
	  "VIF is vif3.0 or 3.0: domain 3, handle 0. Takes the lowest free context from 1 on and "
	  "does not wait "
	  "for the guest.",
	  { vif_add_options, NULL },
	  run_vif_add },
	{ "vif remove",
	  "VIF",
	  "take the context back; what xl's script does",
	  "A guest that does not let its device go in time is cut off. What is not there is no "
	  "error.",
	  { vif_remove_options, NULL },
	  run_vif_remove },
	{ "vif list",
	  NULL,
	  "contexts of Xen guests",
	  "PATH says how frames for the guest go now: direct, or by netfront and the bridge as "
	  "long as its driver has not sent.",
	  { NULL, NULL },
	  run_vif_list },
	{ "firmware load",
	  "FILE",
	  "load firmware; contexts come up again",
	  "The file is checked before anything is touched.",
	  { NULL, NULL },
	  run_firmware_load },
	{ "firmware log",
	  NULL,
	  "what the firmware has said",
	  NULL,
	  { log_options, NULL },
	  run_firmware_log },
	{ "trace",
	  "[CONTEXT]",
	  "events as they come: faults, resets, changes",
	  "Goes on until Ctrl-C. With --json, one line for each event.",
	  { trace_options, NULL },
	  run_trace },
	{ "capture",
	  "CONTEXT",
	  "frames of a context, for Wireshark or into a file",
	  "glanectl capture 3 -w - | wireshark -k -i -\n"
	  "Goes on until Ctrl-C, and says at the end how many frames there were. Takes a free "
	  "context of the NIC as a promiscuous port of the same VLAN.",
	  { capture_options, NULL },
	  run_capture },
	{ "selftest",
	  NULL,
	  "test the NIC; contexts in use are not disturbed",
	  "Prints TAP: a line for each test, \"ok\" or \"not ok\". Status 1 if a test fails.",
	  { NULL, NULL },
	  run_selftest },
	{ "metrics",
	  NULL,
	  "all figures in the text format of Prometheus",
	  NULL,
	  { NULL, NULL },
	  run_metrics },
	{ "completion",
	  "SHELL",
	  "completion script for a shell: bash or zsh",
	  "source <(glanectl completion bash)",
	  { NULL, NULL },
	  run_completion },
	{ 0 },
};
