// SPDX-License-Identifier: Apache-2.0
// glane-sim: the simulated NIC as a process, a PCI device for vfio-user clients. Command line, the loop, statistics.
#include "guestlane_sim.h"
#include "nic.h"
#include "program.h"
#include "settle.h"
#include "vfio_user_server.h"
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM	      "glane-sim"
/* Cycles between two looks at the descriptors: about 100 us of the simulator, half of what a register read may take. */
#define SLICE	      32
/* The firmware's own timer, its heartbeat, is let go by this often at once after activity, then once in so many milliseconds. */
#define WAKES_AT_ONCE 4
#define WAKE_MS	      500
/*
 * A NIC is not idle while the token bucket of a rate limit fills up, which may take minutes here and changes nothing that anybody sees. It dozes when nothing
 * has gone in or out for longer than interrupts are moderated at most (2^24 cycles), and its core, by the timer, does nothing but its heartbeat (every 2^20
 * cycles): who waits for tokens or room sets the timer far more often, and hung firmware, which the watchdog is to find, does not set it.
 */
#define DOZE_AFTER    ((1u << 24) + (1u << 20))
#define DOZE_BEAT     900000u
/* Cycles from a memory read of the NIC to its completion: 128 ns. */
#define LATENCY	      16

struct options {
	const char *socket, *wire, *firmware, *stats, *settle, *trace;
	uint64_t trace_from, trace_cycles;
	unsigned contexts;
	bool line_rate;
};

struct program {
	struct options o;
	struct gls *s;
	struct nic *nic;
	struct vfio_user_server *server;
	struct glane_wire *wire;
	struct settle *settle;
	struct program_events events;
	struct timespec started;
	uint64_t wakes, sleeps;
	uint64_t moved, quiet_since, beats; /* of dozes() */
	uint32_t timer;
};

const char program_name[] = PROGRAM;
const char program_help[] =
	"Usage: glane-sim --socket PATH [OPTION]...\n"
	"The simulated Guestlane NIC as a PCI device for vfio-user clients.\n"
	"\n"
	"  -s, --socket PATH         listen on this UNIX socket (needed)\n"
	"  -w, --wire WIRE           other end of the NIC's wire: none (default), loopback,\n"
	"                            tap:NAME, unix:PATH (another glane-sim with the same) or\n"
	"                            pcap:IN,OUT[,fast] (IN or OUT may be empty)\n"
	"  -c, --contexts N          number of contexts, 1 to 256 (32)\n"
	"  -l, --line-rate on|off    off: frames pass the wire faster than 1 Gb/s (on)\n"
	"  -f, --firmware FILE       firmware that runs when a client comes, and after resets\n"
	"  -j, --stats-json FILE     write statistics at exit and on SIGUSR1\n"
	"  -S, --settle PATH         tell who asks on this UNIX socket when the NIC is at rest\n"
	"  -t, --trace FILE,FROM,TO  write these cycles as FST waveforms (see make TRACE=1)\n"
	"  -h, --help                show this\n"
	"  -V, --version             show the version\n";

/* --- Command line --------------------------------------------------------------------------------------------------------------- */

static void parse_trace(struct options *o, const char *option)
{
	/* getopt's argument stays whole: another program may be given it. */
	char *text = strdup(option);
	if (!text)
		die("not enough memory");
	char *to = strrchr(text, ','), *from = NULL;
	if (to) {
		*to++ = 0;
		from = strrchr(text, ',');
	}
	if (!from || from == text)
		die("--trace '%s' lacks a part; give FILE,FROM,TO with two cycle numbers", option);
	*from++ = 0;
	o->trace = text;
	o->trace_from = number_option("FROM of --trace", from, 0, UINT64_MAX - 1);
	o->trace_cycles =
		number_option("TO of --trace", to, o->trace_from + 1, UINT64_MAX) - o->trace_from;
}

static struct options parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "wire", required_argument, NULL, 'w' },
		{ "contexts", required_argument, NULL, 'c' },
		{ "line-rate", required_argument, NULL, 'l' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "stats-json", required_argument, NULL, 'j' },
		{ "settle", required_argument, NULL, 'S' },
		{ "trace", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct options o = { .line_rate = true };
	int c;
	while ((c = program_option(argc, argv, ":s:w:c:l:f:j:S:t:hV", names)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'w':
			o.wire = optarg;
			break;
		case 'c':
			o.contexts = (unsigned)number_option("--contexts", optarg, 1, 256);
			break;
		case 'l':
			if (strcmp(optarg, "on") && strcmp(optarg, "off"))
				die("--line-rate is '%s'; give on or off", optarg);
			o.line_rate = !strcmp(optarg, "on");
			break;
		case 'f':
			o.firmware = optarg;
			break;
		case 'j':
			o.stats = optarg;
			break;
		case 'S':
			o.settle = optarg;
			break;
		case 't':
			parse_trace(&o, optarg);
			break;
		}
	}
	if (optind < argc)
		die("'%s' is too much; see " PROGRAM " --help", argv[optind]);
	if (!o.socket)
		die("--socket is missing; give the path to listen on, as in --socket "
		    "/run/guestlane/nic0.sock");
	return o;
}

#ifdef GLANE_TRACE
#define TRACES true
#else
#define TRACES false
#endif

/* The number of contexts and traces are compiled into the model: other ones are another program beside this one. */
static void exec_other(const struct options *o, char **argv)
{
	char self[PATH_MAX], suffix[16] = "", program[PATH_MAX + 64];
	unsigned compiled = gls_compiled_contexts(),
		 contexts = o->contexts ? o->contexts : compiled;
	bool trace = o->trace;
	if (contexts == compiled && (TRACES || !trace))
		return;
	if (contexts != 32)
		snprintf(suffix, sizeof(suffix), "-%u", contexts);
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = 0;
		snprintf(program, sizeof(program), "%s/sim%s%s/glane-sim", dirname(dirname(self)),
			 trace ? "-trace" : "", suffix);
		execv(program, argv);
	}
	if (contexts != compiled)
		die("this build has %u contexts, not %u; `make %sSIM_CONTEXTS=%u "
		    "build/sim%s%s/glane-sim` "
		    "builds the other one, which is then found beside this one",
		    compiled, contexts, trace ? "TRACE=1 " : "", contexts, trace ? "-trace" : "",
		    suffix);
	die("this build cannot write the trace '%s'; `make TRACE=1 build/sim-trace%s/glane-sim` "
	    "builds one that can, "
	    "which is then found beside this one",
	    o->trace, suffix);
}

/* --- Statistics --------------------------------------------------------------------------------------------------------------------- */

static void write_stats(const struct program *p)
{
	if (!p->o.stats)
		return;
	struct timespec cpu_time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_time);
	struct vfio_user_stats v = vfio_user_stats(p->server);
	struct glane_wire_stats w = glane_wire_stats(p->wire);
	struct nic_stats n = nic_stats(p->nic);
	double wall = seconds_since(p->started);
	double cpu = (double)cpu_time.tv_sec + 1e-9 * (double)cpu_time.tv_nsec;
	uint64_t simulated = gls_simulated(p->s), frames = w.to_nic + w.from_nic;
#define COUNT(x) (json_int_t)(x)
	json_t *all = json_pack("{s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:I,s:I}", "contexts",
				COUNT(gls_contexts(p->s)), "cycles_simulated", COUNT(simulated),
				"cycles_skipped", COUNT(gls_now(p->s) - simulated), "wall_seconds",
				wall, "cpu_seconds", cpu, "cycles_per_second",
				wall > 0 ? (double)simulated / wall : 0.0, "cycles_per_frame",
				frames ? (double)simulated / (double)frames : 0.0, "sleeps",
				COUNT(p->sleeps), "timer_wakes", COUNT(p->wakes));
	json_object_set_new(all, "wire",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "frames_to_nic",
				      COUNT(w.to_nic), "frames_from_nic", COUNT(w.from_nic),
				      "octets_to_nic", COUNT(w.to_nic_octets), "octets_from_nic",
				      COUNT(w.from_nic_octets), "dropped", COUNT(w.dropped),
				      "dropped_full", COUNT(w.dropped_full), "dropped_no_peer",
				      COUNT(w.dropped_no_peer), "dropped_bad_fcs",
				      COUNT(w.dropped_bad_fcs), "refused", COUNT(w.refused)));
	json_object_set_new(all, "pci",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "tlps_to_nic",
				      COUNT(n.tlps_to_nic), "tlps_from_nic", COUNT(n.tlps_from_nic),
				      "register_reads", COUNT(n.register_reads), "register_writes",
				      COUNT(n.register_writes), "config_accesses",
				      COUNT(n.config_accesses), "resets", COUNT(n.resets)));
	json_object_set_new(all, "dma",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "reads",
				      COUNT(v.dma_reads), "writes", COUNT(v.dma_writes),
				      "read_bytes", COUNT(v.dma_read_bytes), "write_bytes",
				      COUNT(v.dma_write_bytes), "by_message", COUNT(v.dma_messages),
				      "refused_reads", COUNT(v.refused_reads), "refused_writes",
				      COUNT(v.refused_writes), "maps", COUNT(v.maps)));
	json_object_set_new(all, "vfio_user",
			    json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "clients", COUNT(v.clients),
				      "refused_clients", COUNT(v.refused_clients), "requests",
				      COUNT(v.requests), "errors", COUNT(v.errors), "interrupts",
				      COUNT(v.interrupts), "lost_interrupts",
				      COUNT(v.lost_interrupts), "doorbells", COUNT(v.doorbells)));
#undef COUNT
	if (json_dump_file(all, p->o.stats, JSON_INDENT(2)))
		fprintf(stderr, PROGRAM ": cannot write the statistics to '%s': %s\n", p->o.stats,
			strerror(errno));
	json_decref(all);
}

/* --- The loop ------------------------------------------------------------------------------------------------------------------------ */

/* Waits so long for a descriptor (-1: for ever), and looks at what there is. True: something came, or there is more to do. */
static bool look(struct program *p, int milliseconds)
{
	int n = events_wait(&p->events, milliseconds);
	if (events_report(&p->events))
		write_stats(p);
	settle_service(p->settle);
	vfio_user_server_run(p->server);
	glane_wire_service(p->wire);
	nic_service(p->nic);
	return n > 0 || vfio_user_server_ready(p->server) ||
	       (!gls_asleep(p->s) && !nic_waits_for_client(p->nic));
}

/* TLPs and frames so far. */
static uint64_t traffic(const struct program *p)
{
	struct nic_stats n = nic_stats(p->nic);
	struct glane_wire_stats w = glane_wire_stats(p->wire);
	return n.tlps_from_nic + n.tlps_to_nic + w.from_nic + w.to_nic;
}

/* Whether the NIC that is not idle does nothing but fill its buckets. Called after each slice. */
static bool dozes(struct program *p)
{
	uint64_t now = gls_simulated(p->s), moved = traffic(p);
	uint32_t timer = gls_wake_cycles(p->s);
	if (moved != p->moved || gls_wire_pending(p->s) || gls_tlp_pending(p->s) ||
	    vfio_user_server_ready(p->server) || vfio_user_access_pending(p->server)) {
		p->moved = moved;
		p->quiet_since = now;
		p->beats = 0;
	}
	p->beats += timer > p->timer;
	p->timer = timer;
	uint64_t quiet = now - p->quiet_since;
	return quiet > DOZE_AFTER && p->beats >= 2 && p->beats * DOZE_BEAT <= quiet;
}

/* The NIC does nothing more by itself. */
static void at_rest(struct program *p)
{
	struct settle_answer a = {
		.cycles = gls_now(p->s),
		.interrupts = vfio_user_stats(p->server).interrupts,
	};
	settle_answer(p->settle, &a);
}

static void loop(struct program *p)
{
	unsigned wakes = 0;
	uint64_t tlps = 0;
	while (!p->events.stop) {
		bool waits = nic_waits_for_client(p->nic);
		if (!waits && gls_run_awake(p->s, SLICE)) {
			bool doze = dozes(p);
			if (doze)
				at_rest(p);
			look(p, doze ? WAKE_MS : 0);
			continue;
		}
		/* Nothing is pending. What the last cycles left for the client, or it for us, first. */
		if (look(p, 0))
			continue;
		/* Registers that are read leave the firmware nothing to do. */
		struct nic_stats n = nic_stats(p->nic);
		uint64_t moved = n.tlps_from_nic + n.tlps_to_nic - 2 * n.register_reads;
		if (moved != tlps) {
			tlps = moved;
			wakes = 0;
		}
		if (!waits && wakes < WAKES_AT_ONCE && gls_wake(p->s)) {
			wakes++;
			p->wakes++;
			continue;
		}
		p->sleeps++;
		if (!waits)
			at_rest(p);
		bool timer = !waits && gls_wake_set(p->s);
		if (!look(p, timer ? WAKE_MS : -1) && timer && !p->events.stop && gls_wake(p->s))
			p->wakes++;
	}
}

int main(int argc, char **argv)
{
	static struct program p;
	char error[512] = "";
	int status = 1;
	p.o = parse(argc, argv);
	exec_other(&p.o, argv);
	clock_gettime(CLOCK_MONOTONIC, &p.started);

	events_begin(&p.events);
	struct gls_config config = {
		.no_boot = true,
		.latency = LATENCY,
		.trace = p.o.trace,
		.trace_from = p.o.trace_from,
		.trace_cycles = p.o.trace_cycles,
	};
	p.s = gls_open(&config);
	if (!p.s) {
		fprintf(stderr, PROGRAM ": %s\n", gls_error(NULL));
		return 1;
	}
	gls_wire_words(p.s, !p.o.line_rate);
	p.nic = nic_new(p.s, p.o.firmware, error, sizeof(error));
	if (!p.nic)
		goto out;
	p.wire = glane_wire_open(p.o.wire, p.s, error, sizeof(error));
	if (!p.wire)
		goto out;
	if (p.o.settle) {
		p.settle = settle_open(p.o.settle, error, sizeof(error));
		if (!p.settle)
			goto out;
	}
	struct vfio_user_device device = nic_device(p.nic);
	p.server = vfio_user_server_new(p.o.socket, &device, p.nic, error, sizeof(error));
	if (!p.server)
		goto out;
	nic_attach(p.nic, p.server);
	events_watch(&p.events, vfio_user_server_fd(p.server));
	events_watch(&p.events, glane_wire_fd(p.wire));
	events_watch(&p.events, settle_fd(p.settle));
	fprintf(stderr, PROGRAM ": listening on %s, %u contexts\n", p.o.socket, gls_contexts(p.s));
	loop(&p);
	write_stats(&p);
	status = 0;
out:
	if (error[0])
		fprintf(stderr, PROGRAM ": %s\n", error);
	if (p.wire) {
		int wire_error = glane_wire_close(p.wire);
		if (wire_error) {
			fprintf(stderr,
				PROGRAM ": the record of the wire '%s' is not complete: %s\n",
				p.o.wire, strerror(-wire_error));
			status = 1;
		}
	}
	settle_close(p.settle);
	vfio_user_server_free(p.server);
	nic_free(p.nic);
	gls_close(p.s);
	return status;
}
