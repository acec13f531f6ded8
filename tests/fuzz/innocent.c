// SPDX-License-Identifier: Apache-2.0
// Innocent guests: paced traffic among themselves and with the wire, checked byte for byte by the switch of tests/cosim, and measured. Their
// unicast frames are full of a secret word that no hostile guest may ever have in its memory.
#include "fuzz.h"

#define WINDOW	    500000u  /* cycles of a measurement */
#define STALLED	    8000000u /* cycles after which a frame that has not arrived is lost */
#define LEAST_COUNT 20u	     /* frames that make a mean of latency */

struct innocent_report innocents;

static const uint8_t secret[5] = { 0xd5, 0x1c, 0x9e, 0x77, 0x3b };
static struct rng traffic;
static unsigned period_of;			/* cycles between two frames of a sender */
static bool running, paused, baseline, partial; /* partial: this window began in the middle */
static struct sender {
	unsigned port;
	uint64_t delivered, delay, delayed; /* in this window: frames it sent, frames it got */
	/* without hostile guests: sums over windows */
	double alone_delivered, alone_delay;
	unsigned alone_windows, alone_means;
} senders[PORTS];
static unsigned sender_count;
static char problem[512];
static unsigned idle_room[WIRE]; /* frames that can be sent when none is under way */

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static struct sender *sender_of(unsigned port)
{
	for (unsigned i = 0; i < sender_count; i++)
		if (senders[i].port == port)
			return &senders[i];
	return NULL;
}

static void arrived(unsigned from, unsigned to, size_t bytes, uint64_t cycles)
{
	struct sender *s = sender_of(from), *t = sender_of(to);
	if (!s || !t)
		return;
	innocents.received++;
	innocents.octets += bytes;
	s->delivered++;
	t->delay += cycles;
	t->delayed++;
}

/* A frame of a hostile guest: nothing in it may be another's. */
static void stray(unsigned from, unsigned to, const uint8_t *frame, size_t bytes)
{
	if (memmem(frame, bytes, secret, sizeof(secret)) && !problem[0])
		snprintf(problem, sizeof(problem),
			 "a frame of hostile guest %u to port %u holds what innocent guests sent",
			 from, to);
}

static void send_some(void *arg)
{
	struct sender *s = arg;
	uint8_t frame[1514], from[6], to[6];
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	if (!running)
		return;
	gls_at(nic, gls_now(nic) + period_of / 2 + below(&traffic, period_of), send_some, s);
	if (paused || sender_count < 2)
		return;
	size_t bytes = below(&traffic, 3) ? 60 + below(&traffic, 200) : 60 + below(&traffic, 1455);
	struct sender *t = &senders[below(&traffic, sender_count - 1)];
	if (t >= s)
		t++;
	net_mac(s->port, from);
	net_mac(t->port, to);
	bool group = s->port != WIRE && !below(&traffic, 64);
	net_build(frame, bytes, group ? all : to, from, 0);
	for (size_t at = 16; !group && at + sizeof(secret) <= bytes; at += 8)
		memcpy(frame + at, secret, sizeof(secret));
	if (net_send(s->port, frame, bytes))
		innocents.sent++;
}

static void window_ends(void *arg)
{
	(void)arg;
	if (!running)
		return;
	gls_at(nic, gls_now(nic) + WINDOW, window_ends, NULL);
	bool whole = !partial;
	partial = paused;
	for (unsigned i = 0; i < sender_count; i++) {
		struct sender *s = &senders[i];
		double delay = s->delayed ? (double)s->delay / (double)s->delayed : 0;
		bool mean = s->delayed >= LEAST_COUNT;
		if (baseline) {
			s->alone_delivered += (double)s->delivered;
			s->alone_windows++;
			if (mean)
				s->alone_delay += delay, s->alone_means++;
		} else if (whole && s->port != WIRE && s->alone_windows && s->alone_means) {
			double base = s->alone_delay / s->alone_means;
			double most = s->alone_delivered / s->alone_windows;
			if (mean &&
			    delay / base > innocents.latency_worst / innocents.latency_alone) {
				innocents.latency_alone = base;
				innocents.latency_worst = delay;
				innocents.slow_latency = s->port;
			}
			if ((double)s->delivered / most <
			    innocents.delivered_worst / innocents.delivered_alone) {
				innocents.delivered_alone = most;
				innocents.delivered_worst = (double)s->delivered;
				innocents.slow_delivered = s->port;
			}
		}
		s->delivered = s->delay = s->delayed = 0;
	}
	if (!baseline && whole)
		innocents.windows++;
}

void innocent_new(unsigned context, struct rng *r)
{
	net_guest(context, &(struct gls_guest_config){ .split = below(r, 2),
						       .event_idx = below(r, 2),
						       .indirect = below(r, 2),
						       .in_order = below(r, 2),
						       .random_layout = !below(r, 3) });
	idle_room[context] = gls_guest_tx_free(guest[context]);
	gls_set_rx_share(nic, context, fuzz.innocent_share);
	monitor_strict(fuzz.monitor, context, true);
}

bool innocent_sent_all(void)
{
	for (unsigned i = 0; i < fuzz.innocents; i++)
		if (gls_guest_tx_free(guest[fuzz.innocent[i]]) < idle_room[fuzz.innocent[i]])
			return false;
	return true;
}

void innocent_start(uint64_t seed, unsigned period)
{
	traffic.state = seed;
	period_of = period;
	running = baseline = true;
	paused = partial = false;
	innocents = (struct innocent_report){ .latency_alone = 1,
					      .delivered_alone = 1,
					      .delivered_worst = 1 };
	sender_count = 0;
	problem[0] = 0;
	for (unsigned i = 0; i <= fuzz.innocents; i++)
		senders[sender_count++] =
			(struct sender){ .port = i < fuzz.innocents ? fuzz.innocent[i] : WIRE };
	net_on_arrival(arrived);
	net_on_stray(stray);
	net_on_stranger(may_have_fallen);
	for (unsigned i = 0; i < sender_count; i++)
		gls_at(nic, gls_now(nic) + 1 + below(&traffic, period), send_some, &senders[i]);
	gls_at(nic, gls_now(nic) + WINDOW, window_ends, NULL);
}

void innocent_baseline_ends(void)
{
	for (unsigned i = 0; i < sender_count; i++)
		printf("# port %u alone: %.1f frames in a window, latency %.0f cycles\n",
		       senders[i].port, ratio(senders[i].alone_delivered, senders[i].alone_windows),
		       ratio(senders[i].alone_delay, senders[i].alone_means));
	baseline = false;
	partial = true;
	for (unsigned i = 0; i < sender_count; i++)
		senders[i].delivered = senders[i].delay = senders[i].delayed = 0;
}

void innocent_pause(bool on)
{
	paused = on;
	partial = true;
}

void innocent_stop(void)
{
	running = false;
}

/* Whether the secret lies in what a hostile guest can read. */
static bool leaked(const struct hostile *h)
{
	for (uint64_t at = 0; at < h->bytes; at += 4096) {
		const void *page = gls_guest_memory(guest[h->context], h->memory + at, 4096);
		if (page && memmem(page, 4096, secret, sizeof(secret)))
			return true;
	}
	return false;
}

/* Whether it has a frame that was sent to an earlier guest of its context. */
static bool inherited(const struct hostile *h)
{
	uint8_t tag[TAG_BYTES];
	generation_tag(h, tag);
	for (uint64_t at = 0; at < h->bytes; at += 4096) {
		const uint8_t *page = gls_guest_memory(guest[h->context], h->memory + at, 4096);
		const uint8_t *end = page + 4096, *p = page;
		while (p && (p = memmem(p, (size_t)(end - p), tag, sizeof(tag))) &&
		       p + TAG_BYTES + 2 <= end) {
			if ((p[TAG_BYTES] << 8 | p[TAG_BYTES + 1]) != h->generation)
				return true;
			p += TAG_BYTES;
		}
	}
	return false;
}

const char *innocent_check(bool thorough)
{
	char text[256];
	unsigned from = 0, to = 0;
	if (problem[0])
		return problem;
	if (net.wrong || net.strange || net.lost)
		snprintf(problem, sizeof(problem), "%u frames wrong, %u strange, %u lost: %s",
			 net.wrong, net.strange, net.lost, net_problem());
	else if (net.twice != fuzz.repeated)
		snprintf(problem, sizeof(problem), "a frame came twice, and no firmware had hung");
	else if (net_oldest(&from, &to) > STALLED)
		snprintf(problem, sizeof(problem),
			 "a frame from port %u to port %u did not arrive in %u cycles", from, to,
			 STALLED);
	for (unsigned i = 0; thorough && i < fuzz.innocents && !problem[0]; i++)
		if (gls_guest_faults(guest[fuzz.innocent[i]], text, sizeof(text)))
			snprintf(problem, sizeof(problem), "innocent guest %u: %s",
				 fuzz.innocent[i], text);
	for (unsigned i = 0; thorough && i < fuzz.hostiles && !problem[0]; i++)
		if (guest[fuzz.hostile[i].context] && leaked(&fuzz.hostile[i]))
			snprintf(problem, sizeof(problem),
				 "hostile guest %u has a frame of innocent guests in its memory",
				 fuzz.hostile[i].context);
		else if (guest[fuzz.hostile[i].context] && inherited(&fuzz.hostile[i]))
			snprintf(problem, sizeof(problem),
				 "the guest of context %u has a frame of its predecessor in its "
				 "memory",
				 fuzz.hostile[i].context);
	return problem;
}

bool innocent_drain(void)
{
	unsigned from, to;
	uint64_t end = gls_now(nic) + STALLED;
	while (net_oldest(&from, &to) && gls_now(nic) < end)
		gls_run(nic, 1000);
	return !net_oldest(&from, &to);
}
