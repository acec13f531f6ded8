// SPDX-License-Identifier: Apache-2.0
// glane-hostlink: a board on an Ethernet interface of this machine, as a PCI device for vfio-user clients. Command line, the loop, statistics.
#include "nic.h"
#include "program.h"
#include "slot.h"
#include "vfio_user_server.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PROGRAM "glane-hostlink"

/* An access that waits so long for DMA by messages is answered without it: 2 s. */
#define ACCESS_LIMIT (2u * 125000000u)

struct options {
	const char *wire, *socket, *firmware, *stats;
	uint8_t board[6], mac[6];
	bool has_board, has_mac;
	unsigned silence;
};

struct program {
	struct options o;
	char spec[64];
	struct gls *s;
	struct nic *nic;
	struct vfio_user_server *server;
	struct glane_wire *wire;
	struct program_events events;
	struct timespec started;
	bool up;
};

const char program_name[] = PROGRAM;
const char program_help[] =
	"Usage: glane-hostlink IFACE --socket PATH [OPTION]...\n"
	"A Guestlane board on the Ethernet interface IFACE as a PCI device for vfio-user\n"
	"clients. IFACE may also be a wire as glane-sim has them: unix:PATH, tap:NAME.\n"
	"\n"
	"  -s, --socket PATH      listen on this UNIX socket (needed)\n"
	"  -b, --board MAC        pair with this board only (the first one that answers)\n"
	"  -m, --mac MAC          address of this end (the interface's own)\n"
	"  -S, --silence SECONDS  a board that says nothing for so long is gone (5)\n"
	"  -f, --firmware FILE    firmware image that runs when a client comes, and after resets\n"
	"  -j, --stats-json FILE  write statistics at exit and on SIGUSR1\n"
	"  -h, --help             show this\n"
	"  -V, --version          show the version\n";

/* --- Command line --------------------------------------------------------------------------------------------------------------- */

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "board", required_argument, NULL, 'b' },
		{ "mac", required_argument, NULL, 'm' },
		{ "silence", required_argument, NULL, 'S' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "stats-json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct options o = { .silence = 5 };
	int c;
	while ((c = program_option(argc, argv, ":s:b:m:S:f:j:hV", names)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'b':
			mac_option(o.board, "--board", optarg);
			o.has_board = true;
			break;
		case 'm':
			mac_option(o.mac, "--mac", optarg);
			o.has_mac = true;
			break;
		case 'S':
			o.silence = (unsigned)number_option("--silence", optarg, 1, 3600);
			break;
		case 'f':
			o.firmware = optarg;
			break;
		case 'j':
			o.stats = optarg;
			break;
		}
	}
	if (optind == argc)
		die("the interface is missing; give the one that the board is connected to, as in "
		    "eth1");
	o.wire = argv[optind++];
	if (optind < argc)
		die("'%s' is too much; see " PROGRAM " --help", argv[optind]);
	if (!o.socket)
		die("--socket is missing; give the path to listen on, as in --socket "
		    "/run/guestlane/nic0.sock");
	return o;
}

/* The interface's own address; on a wire that has none, a local one at random. */
static void own_mac(uint8_t mac[6], const char *wire)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (getrandom(mac, 6, 0) != 6)
		die("no random numbers: %s", strerror(errno));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", wire);
	if (fd >= 0 && !strchr(wire, ':') && !ioctl(fd, SIOCGIFHWADDR, &request))
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	if (fd >= 0)
		close(fd);
}

/* Two programs with one address would take the board from each other. The name is gone with the process, and belongs to the network namespace. */
static void only_one(const char *wire, bool other_address)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, PROGRAM ":%s", wire);
	if (other_address || strchr(wire, ':') || length >= (int)sizeof(name.sun_path) - 1)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)))
		die("another " PROGRAM " has the interface '%s'", wire);
}

/* --- Statistics --------------------------------------------------------------------------------------------------------------------- */

static void write_stats(const struct program *p)
{
	static const char *const board_names[] = { "bad",      "foreign", "malformed", "forged",
						   "replayed", "gaps",	  "refused",   "resent" };
	if (!p->o.stats)
		return;
	struct link_stats l = link_stats(slot_link(p->s));
	struct nic_stats n = nic_stats(p->nic);
	struct vfio_user_stats v = vfio_user_stats(p->server);
#define COUNT(x) ((json_int_t)(x))
	json_t *all = json_object(), *board = json_object();
	json_object_set_new(all, "seconds", json_real(seconds_since(p->started)));
	json_object_set_new(all, "link",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
				      "sessions", COUNT(l.sessions), "frames_in",
				      COUNT(l.frames_in), "frames_out", COUNT(l.frames_out),
				      "words_in", COUNT(l.words_in), "words_out",
				      COUNT(l.words_out), "foreign", COUNT(l.foreign), "malformed",
				      COUNT(l.malformed), "forged", COUNT(l.forged), "replayed",
				      COUNT(l.replayed), "gaps", COUNT(l.gaps), "refused",
				      COUNT(l.refused), "resent", COUNT(l.resent), "busy",
				      COUNT(l.busy), "round_trip_us", COUNT(l.round_trip_us)));
	for (unsigned i = 0; i < 8; i++)
		json_object_set_new(board, board_names[i], json_integer(l.board[i]));
	json_object_set_new(all, "board", board);
	json_object_set_new(all, "nic",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "tlps_to_nic",
				      COUNT(n.tlps_to_nic), "tlps_from_nic", COUNT(n.tlps_from_nic),
				      "register_reads", COUNT(n.register_reads), "register_writes",
				      COUNT(n.register_writes), "config_accesses",
				      COUNT(n.config_accesses), "resets", COUNT(n.resets)));
	json_object_set_new(
		all, "vfio_user",
		json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "clients", COUNT(v.clients),
			  "requests", COUNT(v.requests), "errors", COUNT(v.errors), "interrupts",
			  COUNT(v.interrupts), "dma_read_bytes", COUNT(v.dma_read_bytes),
			  "dma_write_bytes", COUNT(v.dma_write_bytes), "refused_reads",
			  COUNT(v.refused_reads), "refused_writes", COUNT(v.refused_writes)));
#undef COUNT
	if (json_dump_file(all, p->o.stats, JSON_INDENT(2)))
		fprintf(stderr, PROGRAM ": cannot write the statistics to '%s': %s\n", p->o.stats,
			strerror(errno));
	json_decref(all);
}

/* --- The loop ------------------------------------------------------------------------------------------------------------------------ */

static void wait_for_events(struct program *p, int milliseconds)
{
	events_wait(&p->events, milliseconds);
	if (events_report(&p->events) && p->server)
		write_stats(p);
}

static void say_board(const struct program *p, const char *what)
{
	const uint8_t *m = link_board(slot_link(p->s));
	fprintf(stderr, PROGRAM ": board %02x:%02x:%02x:%02x:%02x:%02x %s\n", m[0], m[1], m[2],
		m[3], m[4], m[5], what);
}

static void loop(struct program *p)
{
	while (!p->events.stop) {
		int ms = slot_run(p->s);
		bool up = slot_up(p->s);
		if (p->up && !up) {
			say_board(p, "is gone; waiting for it");
			/* As a PCI device that is pulled out: the client must begin anew. */
			vfio_user_disconnect(p->server, "the board is gone");
			nic_unplugged(p->nic);
		} else if (up && !p->up) {
			say_board(p, "is back");
		}
		p->up = up;
		vfio_user_server_run(p->server);
		if (up)
			nic_service(p->nic);
		if (vfio_user_server_ready(p->server) && up)
			continue;
		/* What the client has asked for must go out before we sleep. */
		int later = slot_run(p->s);
		wait_for_events(p, later < ms ? later : ms);
	}
}

/* Waits until a board answers. */
static void find_board(struct program *p)
{
	bool said = false;
	uint64_t busy = 0;
	for (;;) {
		int ms = slot_run(p->s);
		if (p->events.stop || slot_up(p->s))
			return;
		if (link_stats(slot_link(p->s)).busy != busy && !busy++)
			fprintf(stderr,
				PROGRAM ": a board on %s is paired with another host; "
					"waiting\n",
				p->o.wire);
		else if (!said)
			fprintf(stderr, PROGRAM ": waiting for a board on %s\n", p->o.wire);
		said = true;
		wait_for_events(p, ms);
	}
}

int main(int argc, char **argv)
{
	static struct program p;
	char error[512] = "";
	uint8_t mac[6];
	int status = 1;
	p.o = parse(argc, argv);
	clock_gettime(CLOCK_MONOTONIC, &p.started);

	events_begin(&p.events);
	only_one(p.o.wire, p.o.has_mac);
	if (p.o.has_mac)
		memcpy(mac, p.o.mac, 6);
	else
		own_mac(mac, p.o.wire);
	p.s = slot_open(mac, p.o.has_board ? p.o.board : NULL, p.o.silence * 1000000000ull);
	if (!p.s)
		die("not enough memory");
	if (strchr(p.o.wire, ':'))
		p.wire = glane_wire_open(p.o.wire, p.s, error, sizeof(error));
	else if (snprintf(p.spec, sizeof(p.spec), "iface:%s", p.o.wire) < (int)sizeof(p.spec))
		p.wire = glane_wire_open(p.spec, p.s, error, sizeof(error));
	else
		snprintf(error, sizeof(error), "'%s' is too long for an interface", p.o.wire);
	if (!p.wire)
		goto out;
	slot_wire(p.s, p.wire);
	events_watch(&p.events, glane_wire_fd(p.wire));
	find_board(&p);
	if (p.events.stop) {
		status = 0;
		goto out;
	}
	say_board(&p, "has answered");
	p.nic = nic_new(p.s, p.o.firmware, error, sizeof(error));
	if (!p.nic)
		goto out;
	nic_patience(p.nic, ACCESS_LIMIT);
	struct vfio_user_device device = nic_device(p.nic);
	p.server = vfio_user_server_new(p.o.socket, &device, p.nic, error, sizeof(error));
	if (!p.server)
		goto out;
	nic_attach(p.nic, p.server);
	events_watch(&p.events, vfio_user_server_fd(p.server));
	fprintf(stderr, PROGRAM ": listening on %s, %u contexts\n", p.o.socket, gls_contexts(p.s));
	p.up = true;
	loop(&p);
	write_stats(&p);
	status = 0;
out:
	if (error[0])
		fprintf(stderr, PROGRAM ": %s\n", error);
	vfio_user_server_free(p.server);
	nic_free(p.nic);
	slot_close(p.s);
	glane_wire_close(p.wire);
	return status;
}
