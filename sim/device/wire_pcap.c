// SPDX-License-Identifier: Apache-2.0
/*
 * pcap:IN,OUT[,fast]: the wire ends at capture files. Frames of IN go to the NIC from the moment its receiver is enabled, at their own times in
 * virtual time (after the first one; never backwards) or one behind the other; both directions go to OUT with the times at which they were on the
 * wire.
 */
#include "wire_kind.h"
#include "guestlane_sim.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NS_PER_S       1000000000ull
/* What a call runs while the next frame is not due; time that is skipped does not count. */
#define CYCLES_AT_ONCE 100

struct pcap_wire {
	pcap_t *in; /* NULL: nothing more to send */
	bool fast;
	bool started; /* `first` and `start` belong to the first frame */
	int64_t first;
	uint64_t start;
	/* the next frame, which is libpcap's */
	const uint8_t *frame;
	size_t bytes;
	uint64_t due;	   /* cycle */
	uint64_t timer;	   /* cycle at which time stops being skipped for it */
	uint64_t patience; /* count of simulated cycles that one call runs to */
	int readable;	   /* an eventfd that is never read */
};

static void end_of_input(struct glane_wire *w)
{
	struct pcap_wire *p = w->state;
	wire_set_data(w, -1);
	if (p->in)
		pcap_close(p->in);
	p->in = NULL;
	p->frame = NULL;
}

/* Reads on to the next whole frame. */
static void next_frame(struct glane_wire *w)
{
	struct pcap_wire *p = w->state;
	struct pcap_pkthdr *header;
	uint64_t cycle_ns = NS_PER_S / gls_clock_hz(w->s);
	do {
		/* A damaged file ends here as well: what came before was sent. */
		if (pcap_next_ex(p->in, &header, &p->frame) != 1) {
			end_of_input(w);
			return;
		}
		if (header->caplen < header->len)
			w->stats.refused++; /* cut when it was captured */
	} while (header->caplen < header->len);
	p->bytes = header->len;
	int64_t at = (int64_t)header->ts.tv_sec * (int64_t)NS_PER_S + header->ts.tv_usec;
	if (!p->started) {
		p->started = true;
		p->first = at;
		p->start = p->due = gls_now(w->s);
	}
	if (!p->fast && at > p->first && p->start + (uint64_t)(at - p->first) / cycle_ns > p->due)
		p->due = p->start + (uint64_t)(at - p->first) / cycle_ns;
}

static void pass_time(void *arg)
{
	(void)arg;
}

static bool due(const struct glane_wire *w)
{
	return gls_now(w->s) >= ((const struct pcap_wire *)w->state)->due;
}

static bool due_or_long(void *arg)
{
	const struct glane_wire *w = arg;
	return due(w) || gls_simulated(w->s) >= ((const struct pcap_wire *)w->state)->patience;
}

static void service(struct glane_wire *w)
{
	struct pcap_wire *p = w->state;
	if (!p->in || !gls_wire_listening(w->s))
		return;
	if (w->data < 0) {
		wire_set_data(w, p->readable); /* from now on there is something to do */
		next_frame(w);
	}
	/* Nothing else makes time pass while the NIC sleeps. */
	if (p->in && !due(w) && !gls_wire_pending(w->s)) {
		if (p->timer != p->due)
			gls_at(w->s, p->timer = p->due, pass_time, NULL);
		p->patience = gls_simulated(w->s) + CYCLES_AT_ONCE;
		gls_run_until(w->s, due_or_long, w, p->due - gls_now(w->s));
	}
	while (p->in && wire_has_room(w) && due(w)) {
		wire_give(w, p->frame, p->bytes);
		next_frame(w);
	}
}

static enum wire_fate take(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	(void)w;
	(void)frame;
	(void)bytes;
	return WIRE_TAKEN; /* the record has it */
}

static int close_pcap(struct glane_wire *w)
{
	struct pcap_wire *p = w->state;
	end_of_input(w);
	if (p->readable >= 0)
		close(p->readable);
	free(p);
	return gls_wire_record(w->s, NULL);
}

static int open_input(struct glane_wire *w, const char *file)
{
	struct pcap_wire *p = w->state;
	char why[PCAP_ERRBUF_SIZE] = "";
	p->in = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p->in) {
		/* libpcap names the file itself if it cannot open it. */
		size_t length = strlen(file);
		const char *reason =
			!strncmp(why, file, length) && why[length] == ':' ? why + length + 2 : why;
		return wire_fail(w,
				 "cannot read the capture '%s': %s; give a pcap or pcapng file of "
				 "Ethernet frames",
				 file, reason);
	}
	if (pcap_datalink(p->in) != DLT_EN10MB) {
		const char *name = pcap_datalink_val_to_name(pcap_datalink(p->in));
		return wire_fail(
			w, "'%s' holds %s frames; capture on an Ethernet interface, not on \"any\"",
			file, name ? name : "other");
	}
	return 0;
}

static int open_pcap(struct glane_wire *w, const char *argument)
{
	struct pcap_wire *p = calloc(1, sizeof(*p));
	char *words = strdup(argument);
	int status = -1;
	if (!p || !words) {
		wire_fail(w, "not enough memory for the wire");
		free(p);
		free(words);
		return -1;
	}
	w->state = p;
	p->readable = -1;
	char *out = strchr(words, ',');
	if (!out) {
		wire_fail(w, "the wire 'pcap:%s' lacks the file to record into: give pcap:IN,OUT",
			  argument);
		goto out;
	}
	*out++ = 0;
	char *how = strchr(out, ',');
	if (how) {
		*how++ = 0;
		if (strcmp(how, "fast")) {
			wire_fail(w,
				  "the wire 'pcap:%s' ends with '%s'; only 'fast' is known there",
				  argument, how);
			goto out;
		}
		p->fast = true;
	}
	if (*words && !strcmp(words, out)) {
		wire_fail(w, "'%s' cannot be read and recorded into at the same time", words);
		goto out;
	}
	if (*words && open_input(w, words))
		goto out;
	p->readable = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->readable < 0) {
		wire_fail(w, "the wire 'pcap:%s': no descriptor: %s", argument, strerror(errno));
		goto out;
	}
	if (*out && gls_wire_record(w->s, out)) {
		wire_fail(w, "%s", gls_error(w->s));
		goto out;
	}
	status = 0;
out:
	free(words);
	if (status)
		close_pcap(w);
	return status;
}

const struct wire_kind wire_pcap = { "pcap", "IN,OUT", open_pcap, close_pcap, take, service };
