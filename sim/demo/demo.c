// SPDX-License-Identifier: Apache-2.0
// glane-demo: the hosts of a capture become guests on one simulated NIC and send what they sent. Every frame that arrives
// anywhere is compared byte for byte and in order with what the capture says should arrive there.
//
// First pass: all hosts are guests; the NIC switches between them, group frames leave to the wire too. Second pass: every other host has
// moved to the far end of the wire, so that its frames cross the GMII in both directions.
#include "capture.h"
#include "guestlane_regs.h"
#include "guestlane_sim.h"
#include "option.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define GUESTS_MIN	8
#define FRAME_MIN	60 /* what the MAC pads to */
#define WIRE_OVERHEAD	24 /* preamble, FCS, inter-frame gap */
/* Pace: a frame is offered every wire time / LOAD, but leaves the NIC this many cycles for each copy it makes. */
#define LOAD_PERCENT	60
#define CYCLES_PER_COPY 400
#define DRAIN_CYCLES	5000000
#define DISK_NEEDED	(1u << 20) /* and twice the frames of the capture, each with a block header */
#define BLOCK_HEADER	64

/* What must arrive at one endpoint from one sender, in order. */
struct expected {
	size_t frame;  /* index in the capture */
	uint64_t sent; /* cycle */
	bool arrived;
};

struct flow {
	struct expected *list;
	size_t first, count, room;
};

struct demo {
	struct gls *s;
	struct capture capture;
	struct report report;
	unsigned guests; /* endpoints 0..guests-1; endpoint `guests` is the wire */
	struct gls_guest *guest[REPORT_CONTEXTS];
	int *place;	   /* host -> endpoint */
	struct flow *flow; /* [host][endpoint] */
	size_t next;	   /* frame of the capture to send next */
	bool wire_pass;
	size_t outstanding; /* expected and not arrived */
	size_t sent_total, total;
	time_t told;
};

struct receiver {
	struct demo *d;
	unsigned endpoint;
};

static struct flow *flow_of(struct demo *d, unsigned host, unsigned endpoint)
{
	return &d->flow[host * (d->guests + 1) + endpoint];
}

static void expect(struct demo *d, size_t frame, unsigned endpoint)
{
	struct flow *f = flow_of(d, d->capture.frames[frame].host, endpoint);
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 64;
		f->list = realloc(f->list, f->room * sizeof(*f->list));
		if (!f->list)
			abort();
	}
	f->list[f->count++] = (struct expected){ frame, gls_now(d->s), false };
	d->outstanding++;
	d->report.frames_expected++;
}

static bool same(const struct capture_frame *want, const uint8_t *frame, size_t bytes)
{
	/* Short frames may have been padded with zeros on the wire. */
	if (bytes < want->bytes || memcmp(want->data, frame, want->bytes))
		return false;
	if (bytes != want->bytes && bytes != FRAME_MIN)
		return false;
	for (size_t i = want->bytes; i < bytes; i++)
		if (frame[i])
			return false;
	return true;
}

static void arrived(struct demo *d, unsigned endpoint, const uint8_t *frame, size_t bytes)
{
	struct report_context *r = &d->report.context[endpoint];
	r->frames_received++;
	r->bytes_received += bytes;
	d->report.frames_out++;
	int host = bytes >= 12 ? capture_host(&d->capture, frame + 6) : -1;
	if (host < 0) {
		d->report.corrupted++;
		return;
	}
	struct flow *f = flow_of(d, (unsigned)host, endpoint);
	while (f->first < f->count && f->list[f->first].arrived)
		f->first++;
	for (size_t i = f->first; i < f->count; i++) {
		if (f->list[i].arrived || !same(&d->capture.frames[f->list[i].frame], frame, bytes))
			continue;
		f->list[i].arrived = true;
		d->outstanding--;
		if (i != f->first)
			d->report.reordered++;
		report_latency(&d->report, endpoint, gls_now(d->s) - f->list[i].sent);
		return;
	}
	d->report.corrupted++;
}

static void on_guest_frame(void *arg, const uint8_t *frame, size_t bytes)
{
	struct receiver *r = arg;
	arrived(r->d, r->endpoint, frame, bytes);
}

static void on_wire_frame(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct demo *d = arg;
	if (!fcs_ok) {
		d->report.corrupted++;
		return;
	}
	arrived(d, d->guests, frame, bytes);
}

/* Where a frame has to arrive, worked out from the capture alone. Returns the number of copies. */
static unsigned receivers(struct demo *d, size_t index, bool note)
{
	const struct capture_frame *f = &d->capture.frames[index];
	unsigned from = (unsigned)d->place[f->host], copies = 0;
	bool group = f->data[0] & 1;
	int to = group ? -1 : capture_host(&d->capture, f->data);
	for (unsigned e = 0; e <= d->guests; e++) {
		/* The wire takes what has no place among the guests. A guest whose host has moved away takes nothing. */
		bool here = e == d->guests || e >= d->capture.host_count || d->place[e] == (int)e;
		bool named = to >= 0 ? d->place[to] == (int)e : e == d->guests;
		if (e == from || !here || !(group || named))
			continue;
		if (note)
			expect(d, index, e);
		copies++;
	}
	return copies;
}

static void progress(struct demo *d, bool last)
{
	time_t now = time(NULL);
	if (!last && now == d->told)
		return;
	d->told = now;
	fprintf(stderr,
		"%s%3zu %% of %zu frames sent, %.1f ms of the NIC's time, %zu copies under way%s",
		isatty(2) ? "\r" : "", 100 * d->sent_total / d->total, d->total,
		1e3 * (double)gls_now(d->s) / gls_clock_hz(d->s), d->outstanding,
		isatty(2) && !last ? "   " : "\n");
}

/* Sends the next frame of the capture and books the one after it. */
static void send_next(void *arg)
{
	struct demo *d = arg;
	const struct capture_frame *f = &d->capture.frames[d->next];
	unsigned from = (unsigned)d->place[f->host];
	unsigned copies = receivers(d, d->next, false);
	/* A frame between two hosts on the far end never comes near the NIC; one from the wire to nobody here would be dropped. */
	bool inside = from < d->guests || copies;
	if (inside) {
		if (from < d->guests) {
			int error = gls_guest_send(d->guest[from], f->data, f->bytes, true);
			if (error) {
				gls_at(d->s, gls_now(d->s) + 500, send_next, d);
				return;
			}
		} else {
			gls_wire_send(d->s, f->data, f->bytes, GLS_WIRE_OK);
		}
		receivers(d, d->next, true);
		d->report.context[from].frames_sent++;
		d->report.context[from].bytes_sent += f->bytes;
		d->report.frames_in++;
	}
	d->next++;
	d->sent_total++;
	progress(d, false);
	if (d->next == d->capture.frame_count)
		return;
	uint64_t pause = (f->bytes + WIRE_OVERHEAD) * 100 / LOAD_PERCENT +
			 (uint64_t)copies * CYCLES_PER_COPY;
	gls_at(d->s, gls_now(d->s) + (inside ? pause : 0), send_next, d);
}

static bool pass_over(void *arg)
{
	struct demo *d = arg;
	return d->next == d->capture.frame_count && !d->outstanding;
}

static bool all_sent(void *arg)
{
	struct demo *d = arg;
	return d->next == d->capture.frame_count;
}

static void set_places(struct demo *d)
{
	for (unsigned h = 0; h < d->capture.host_count; h++) {
		bool outside = h >= d->guests || (d->wire_pass && h % 2);
		d->place[h] = (int)(outside ? d->guests : h);
	}
	for (unsigned g = 0; g < d->guests; g++) {
		bool lives = g >= d->capture.host_count || d->place[g] == (int)g;
		struct gls_switch_entry e = {
			.control = lives ? GL_BAR0_SW_CONTROL_ENABLE_MASK |
						   GL_BAR0_SW_CONTROL_BROADCAST_MASK |
						   GL_BAR0_SW_CONTROL_MULTICAST_MASK |
						   GL_BAR0_SW_CONTROL_TO_WIRE_MASK
					 : 0,
		};
		memcpy(e.mac, d->report.context[g].mac, 6);
		gls_set_switch(d->s, g, &e);
		d->report.context[g].moved = !lives;
	}
	/* A guest that has moved away takes nothing: it leaves the group. */
	gls_run(d->s, 5000);
}

static void run_pass(struct demo *d, bool wire)
{
	d->wire_pass = wire;
	set_places(d);
	for (size_t i = 0; i < d->capture.host_count * (d->guests + 1); i++)
		d->flow[i].first = d->flow[i].count = 0;
	d->next = 0;
	gls_at(d->s, gls_now(d->s) + 1, send_next, d);
	while (!gls_run_until(d->s, all_sent, d, 1000000))
		progress(d, false);
	gls_run_until(d->s, pass_over, d, DRAIN_CYCLES);
	progress(d, true);
	d->report.lost += d->outstanding;
	d->outstanding = 0;
}

static int make_guests(struct demo *d)
{
	static struct receiver receiver[REPORT_CONTEXTS];
	for (unsigned g = 0; g < d->guests; g++) {
		struct gls_guest_config c = {
			.context = g,
			.switch_control =
				GL_BAR0_SW_CONTROL_ENABLE_MASK | GL_BAR0_SW_CONTROL_BROADCAST_MASK |
				GL_BAR0_SW_CONTROL_MULTICAST_MASK | GL_BAR0_SW_CONTROL_TO_WIRE_MASK,
			.mtu = 9000,
			.split = g % 4 ==
				 3, /* both ring formats, as a mixed set of guests has them */
			.event_idx = g % 2,
		};
		struct report_context *r = &d->report.context[g];
		if (g < d->capture.host_count)
			memcpy(c.mac, d->capture.hosts[g], 6);
		else
			memcpy(c.mac, (uint8_t[]){ 0x02, 0x47, 0x4c, 0xff, 0, (uint8_t)g }, 6);
		memcpy(r->mac, c.mac, 6);
		d->guest[g] = gls_guest_new(d->s, &c);
		if (!d->guest[g]) {
			fprintf(stderr, "glane-demo: guest %u does not come up: %s\n", g,
				gls_error(d->s));
			return -1;
		}
		receiver[g] = (struct receiver){ d, g };
		gls_guest_on_receive(d->guest[g], on_guest_frame, &receiver[g]);
	}
	return 0;
}

static void collect(struct demo *d, double seconds)
{
	struct report *r = &d->report;
	r->contexts = d->guests;
	r->clock_hz = gls_clock_hz(d->s);
	r->cycles = gls_now(d->s);
	r->simulated_cycles = gls_simulated(d->s);
	r->wall_seconds = seconds;
	uint64_t tx = 0, rx = 0;
	for (unsigned g = 0; g < d->guests; g++) {
		struct report_context *c = &r->context[g];
		for (unsigned i = 0; i < REPORT_COUNTERS; i++)
			c->counter[i] = gls_context_stat(d->s, g, i);
		tx += c->counter[GL_CSTAT_TX_FRAMES];
		char fault[256];
		int faults = gls_guest_faults(d->guest[g], fault, sizeof(fault));
		if (faults) {
			fprintf(stderr, "glane-demo: guest %u saw %d violations of virtio: %s\n", g,
				faults, fault);
			r->violations += (unsigned)faults;
		}
	}
	rx = gls_stat(d->s, GL_STAT_SW_FROM_WIRE);
	uint64_t tx_cycles = gls_read64(d->s, GLS_BAR0, GL_BAR0_TX_RESIDENCE_LO);
	uint64_t rx_cycles = gls_read64(d->s, GLS_BAR0, GL_BAR0_RX_RESIDENCE_LO);
	r->cycles_per_frame_tx = tx ? (double)tx_cycles / (double)tx : 0;
	r->cycles_per_frame_rx = rx ? (double)rx_cycles / (double)rx : 0;
	r->cycles_firmware = gls_read64(d->s, GLS_BAR0, GL_BAR0_CYC_FIRMWARE_LO);
	r->cycles_dma_wait = gls_read64(d->s, GLS_BAR0, GL_BAR0_CYC_DMAWAIT_LO);
	r->cycles_idle = gls_read64(d->s, GLS_BAR0, GL_BAR0_CYC_IDLE_LO);
}

static void usage(FILE *out)
{
	fputs("usage: glane-demo [--pcap FILE] [--out DIR] [--guests N] [--seed N] [--firmware "
	      "ELF] [--trace FST]\n"
	      "                  [--trace-from CYCLE] [--trace-cycles N]\n"
	      "\n"
	      "The hosts of a capture become guests on one simulated NIC and send what they sent; "
	      "every frame is checked.\n"
	      "\n"
	      "  --pcap FILE      pcap or pcapng file of Ethernet frames "
	      "(tests/data/guests.pcapng)\n"
	      "  --out DIR        folder of report.json, report.png and wire.pcapng (build/demo)\n"
	      "  --guests N       guests on the NIC, 8 to 32 (as many as the capture has hosts); "
	      "other hosts are on the wire\n"
	      "  --seed N         seed of the host's random latencies (1)\n"
	      "  --firmware ELF   firmware (build/firmware/guestlane.elf)\n"
	      "  --trace FST      waveform of a stretch of the run; only in a program built by "
	      "`make TRACE=1 build/demo-trace/glane-demo`\n"
	      "  --trace-from N   first cycle of it (0)\n"
	      "  --trace-cycles N length of it (200000; about 0.6 kB a cycle)\n"
	      "  --help           this text\n"
	      "\n"
	      "Exit status: 0 every frame arrived whole and in order, 1 not so, 2 bad input.\n",
	      out);
}

/* `octets`: what the results may take. */
static int check_out(const char *out, uint64_t octets)
{
	struct statvfs fs;
	if (mkdir(out, 0777) && errno != EEXIST) {
		fprintf(stderr, "glane-demo: cannot make the folder '%s': %s; give another --out\n",
			out, strerror(errno));
		return -1;
	}
	if (access(out, W_OK) || statvfs(out, &fs)) {
		fprintf(stderr, "glane-demo: cannot write into '%s': %s; give another --out\n", out,
			strerror(errno));
		return -1;
	}
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left < octets) {
		fprintf(stderr,
			"glane-demo: the disk of '%s' has %llu MiB left; free %llu MiB or give "
			"another --out\n",
			out, (unsigned long long)left >> 20,
			(unsigned long long)(octets - left + 0xfffff) >> 20);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pcap", required_argument, NULL, 'p' },
		{ "out", required_argument, NULL, 'o' },
		{ "guests", required_argument, NULL, 'g' },
		{ "seed", required_argument, NULL, 's' },
		{ "firmware", required_argument, NULL, 'f' },
		{ "trace", required_argument, NULL, 't' },
		{ "trace-from", required_argument, NULL, 'F' },
		{ "trace-cycles", required_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *file = "tests/data/guests.pcapng", *out = "build/demo";
	unsigned long guests = 0;
	struct gls_config config = { .seed = 1,
				     .latency_jitter = 60,
				     .out_of_order = true,
				     .split = true,
				     .trace_cycles = 200000 };
	struct demo d = { 0 };
	char error[512], path[4096];
	int option, status = 2;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			file = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		case 'g':
			guests = option_number("glane-demo", "guests", optarg, GUESTS_MIN,
					       REPORT_CONTEXTS - 1);
			break;
		case 's':
			config.seed = option_number("glane-demo", "seed", optarg, 1, UINT32_MAX);
			break;
		case 'f':
			config.firmware = optarg;
			break;
		case 't':
			config.trace = optarg;
			break;
		case 'F':
			config.trace_from =
				option_number("glane-demo", "trace-from", optarg, 0, UINT32_MAX);
			break;
		case 'C':
			config.trace_cycles =
				option_number("glane-demo", "trace-cycles", optarg, 1, UINT32_MAX);
			break;
		case 'h':
			usage(stdout);
			return 0;
		case ':':
			fprintf(stderr, "glane-demo: %s needs a value (try --help)\n",
				argv[optind - 1]);
			return 2;
		default:
			fprintf(stderr, "glane-demo: there is no option %s (try --help)\n",
				argv[optind - 1]);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"glane-demo: '%s' is not an option; a capture is given with --pcap (try "
			"--help)\n",
			argv[optind]);
		return 2;
	}
	if (capture_read(&d.capture, file, error, sizeof(error))) {
		fprintf(stderr, "glane-demo: %s\n", error);
		return 2;
	}
	uint64_t octets = DISK_NEEDED;
	for (size_t i = 0; i < d.capture.frame_count; i++)
		octets += 2 * (d.capture.frames[i].bytes + BLOCK_HEADER);
	if (check_out(out, octets))
		goto out;
	if (d.capture.skipped)
		fprintf(stderr,
			"%zu frames of %s left out: cut by the capture, or no Ethernet frame of at "
			"most 9018 octets\n",
			d.capture.skipped, file);

	d.s = gls_open(&config);
	if (!d.s) {
		fprintf(stderr, "glane-demo: %s\n", gls_error(NULL));
		goto out;
	}
	unsigned most =
		gls_contexts(d.s) < REPORT_CONTEXTS - 1 ? gls_contexts(d.s) : REPORT_CONTEXTS - 1;
	d.guests = guests ? (unsigned)guests : (unsigned)d.capture.host_count;
	if (d.guests < GUESTS_MIN)
		d.guests = GUESTS_MIN;
	if (d.guests > most)
		d.guests = most;
	d.total = 2 * d.capture.frame_count;
	d.place = calloc(d.capture.host_count, sizeof(*d.place));
	d.flow = calloc(d.capture.host_count * (d.guests + 1), sizeof(*d.flow));
	if (!d.place || !d.flow) {
		fprintf(stderr, "glane-demo: not enough memory for %zu hosts\n",
			d.capture.host_count);
		goto out;
	}
	snprintf(path, sizeof(path), "%s/wire.pcapng", out);
	if (gls_wire_record(d.s, path)) {
		fprintf(stderr, "glane-demo: %s\n", gls_error(d.s));
		goto out;
	}
	fprintf(stderr, "%zu frames of %zu hosts in %s, %u guests on one NIC\n",
		d.capture.frame_count, d.capture.host_count, file, d.guests);
	struct timespec start, end;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	if (make_guests(&d))
		goto out;
	gls_on_wire(d.s, on_wire_frame, &d);
	fprintf(stderr, "Pass 1: every host is a guest, switched inside the NIC.\n");
	run_pass(&d, false);
	fprintf(stderr, "Pass 2: every other host is at the far end of the wire.\n");
	run_pass(&d, true);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	collect(&d,
		(double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));

	report_print(&d.report);
	if (gls_wire_record(d.s, NULL)) {
		fprintf(stderr, "glane-demo: %s\n", gls_error(d.s));
		goto out;
	}
	if (report_write(&d.report, out, file, error, sizeof(error))) {
		fprintf(stderr, "glane-demo: %s\n", error);
		goto out;
	}
	status = d.report.lost || d.report.corrupted || d.report.reordered || d.report.violations;
	printf("\n%s/report.json, %s/report.png and %s/wire.pcapng are written.\n%s\n", out, out,
	       out,
	       status ? "FAILED: not every frame arrived whole and in order."
		      : "Every frame arrived, byte for byte and in order.");
out:
	for (unsigned g = 0; g < d.guests; g++)
		if (d.guest[g])
			gls_guest_free(d.guest[g]);
	gls_close(d.s);
	if (d.flow)
		for (size_t i = 0; i < d.capture.host_count * (d.guests + 1); i++)
			free(d.flow[i].list);
	free(d.flow);
	free(d.place);
	report_free(&d.report);
	capture_free(&d.capture);
	return status;
}
