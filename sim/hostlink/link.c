// SPDX-License-Identifier: Apache-2.0
// The host's side of the host link. docs/hostlink.md has the frame, the states and the rules; names here are its names.
#include "link.h"

#include <stdlib.h>
#include <string.h>

#define MS	     1000000ull
#define OPEN_EVERY   (250 * MS)
#define CONFIRM_FOR  (2000 * MS)
#define POLL_AFTER   (100 * MS)
#define RTO_FIRST    (100 * MS)
#define RTO_LEAST    (2 * MS)
#define RTO_MOST     (2000 * MS)
#define HEADER	     32
#define BUFFER_WORDS 4096u /* a power of two */
#define FRAME_WORDS  128u
#define TLP_WORDS    36u
#define OUR_WINDOW   4096u
#define NP_MOST	     8

enum { OPEN = 1, ACCEPT, REFUSE, DATA, ACK, CLOSE };
enum { NAK = 1, POLL = 2 };

struct hostlink {
	struct link_ops ops;
	uint8_t mac[6], board[6];
	bool paired; /* board is the only one for us */
	uint64_t silence;
	enum link_state state;
	uint32_t own_tag, peer_tag;
	uint64_t since, heard, polled, next_open, next_confirm;

	/* sending */
	uint64_t words[BUFFER_WORDS];
	uint32_t una, next, high, com, limit;
	uint64_t rto, srtt, rttvar, rto_at; /* rto_at: 0 if nothing waits */
	bool timing; /* the round trip of word timed_word is being measured */
	uint32_t timed_word;
	uint64_t timed_at;
	unsigned np_out;

	/* receiving */
	uint32_t expected;
	bool due, gap, nak;
	struct link_stats stats;
};

/* --- Words ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = bytes; i--;)
		v = v << 8 | p[i];
	return v;
}

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* DWs of a TLP by its first DW (PCI Express base specification, 2.2.1); 0: it is none. */
static uint32_t tlp_dws(uint32_t dw)
{
	uint32_t length = dw & 0x3ff ? dw & 0x3ff : 1024;
	if (dw >> 29 == 7)
		return 0;
	return (dw >> 30 & 1 ? length : 0) + 3 + (dw >> 29 & 1) + (dw >> 15 & 1);
}

static uint32_t tlp_words(uint64_t word)
{
	return (tlp_dws((uint32_t)word) + 1) / 2;
}

/* --- Frames out -------------------------------------------------------------------------------------------------------------------- */

static void send_frame(struct hostlink *l, unsigned type, unsigned flags, uint32_t tag,
		       uint32_t seq, uint8_t *frame, size_t payload)
{
	size_t bytes = HEADER + payload;
	memcpy(frame, l->board, 6);
	if (type == OPEN && !l->paired)
		memset(frame, 0xff, 6);
	memcpy(frame + 6, l->mac, 6);
	frame[12] = LINK_ETHERTYPE >> 8;
	frame[13] = LINK_ETHERTYPE & 0xff;
	frame[14] = (uint8_t)(0x10 | type);
	frame[15] = (uint8_t)flags;
	put(frame + 16, tag, 4);
	put(frame + 20, seq, 4);
	put(frame + 24, l->expected, 4);
	put(frame + 28, OUR_WINDOW, 2);
	put(frame + 30, 0, 2);
	if (bytes < 60) {
		memset(frame + bytes, 0, 60 - bytes);
		bytes = 60;
	}
	l->stats.frames_out++;
	l->ops.send(l->ops.arg, frame, bytes);
}

static void send_control(struct hostlink *l, unsigned type, unsigned flags, uint32_t tag,
			 uint32_t seq)
{
	uint8_t frame[64];
	send_frame(l, type, flags, tag, seq, frame, 0);
}

static unsigned tell(struct hostlink *l)
{
	unsigned flags = l->nak ? NAK : 0;
	l->due = l->nak = false;
	return flags;
}

static void send_data(struct hostlink *l, uint64_t now)
{
	uint8_t frame[HEADER + 8 * (FRAME_WORDS + 1)];
	uint32_t first = l->next, count = 0;
	while (l->next != l->com) {
		uint32_t n = tlp_words(l->words[l->next % BUFFER_WORDS]);
		if (count + n > FRAME_WORDS || (int32_t)(l->limit - l->next - n) < 0)
			break;
		for (; n--; count++, l->next++)
			put(frame + HEADER + 8 * count, l->words[l->next % BUFFER_WORDS], 8);
	}
	if (count < 4)
		put(frame + HEADER + 8 * count, UINT64_MAX, 8);
	if ((int32_t)(l->next - l->high) > 0) {
		/* Words that were sent twice tell no round trip (Karn). */
		if (!l->timing && first == l->high) {
			l->timing = true;
			l->timed_word = l->next;
			l->timed_at = now;
		}
		l->stats.words_out += l->next - l->high;
		l->high = l->next;
	}
	if (!l->rto_at)
		l->rto_at = now + l->rto;
	send_frame(l, DATA, tell(l), l->peer_tag, first, frame, 8 * (count + (count < 4)));
}

static void go_back(struct hostlink *l)
{
	if (l->next == l->una)
		return;
	l->next = l->una;
	l->timing = false;
	l->stats.resent++;
}

/* --- States ------------------------------------------------------------------------------------------------------------------------ */

static void down(struct hostlink *l, uint64_t now)
{
	l->state = LINK_DOWN;
	l->own_tag = l->ops.nonce(l->ops.arg);
	l->next_open = now;
	l->una = l->next = l->high = l->com = l->limit = l->expected = 0;
	l->np_out = 0;
	l->rto = RTO_FIRST;
	l->srtt = l->rttvar = l->rto_at = 0;
	l->due = l->gap = l->nak = l->timing = false;
}

static void confirm(struct hostlink *l, uint64_t now)
{
	/* If it is UP already, and what it said then was lost, it says it again. */
	send_control(l, ACK, POLL, l->peer_tag, 0);
	l->next_confirm = now + l->rto;
}

static void accepted(struct hostlink *l, const uint8_t *frame, uint64_t now)
{
	if (l->state != LINK_DOWN) {
		l->stats.refused += memcmp(frame + 6, l->board, 6) != 0;
		return;
	}
	memcpy(l->board, frame + 6, 6);
	l->paired = true;
	l->peer_tag = (uint32_t)get(frame + 20, 4);
	l->state = LINK_CONFIRMING;
	l->since = now;
	confirm(l, now);
}

static void measured(struct hostlink *l, uint64_t rtt)
{
	uint64_t error = rtt > l->srtt ? rtt - l->srtt : l->srtt - rtt;
	if (!l->srtt) {
		l->srtt = rtt;
		l->rttvar = rtt / 2;
	} else { /* RFC 6298 */
		l->rttvar = l->rttvar - l->rttvar / 4 + error / 4;
		l->srtt = l->srtt - l->srtt / 8 + rtt / 8;
	}
	l->stats.round_trip_us = l->srtt / 1000;
}

static void set_rto(struct hostlink *l)
{
	uint64_t rto = l->srtt ? l->srtt + 4 * l->rttvar : RTO_FIRST;
	l->rto = rto < RTO_LEAST ? RTO_LEAST : rto > RTO_MOST ? RTO_MOST : rto;
}

static void acknowledged(struct hostlink *l, uint32_t ack, uint32_t window, bool nak, uint64_t now)
{
	uint32_t n = ack - l->una;
	if (n > l->high - l->una)
		return;
	if (ack + window - l->una > l->limit - l->una)
		l->limit = ack + window;
	l->una = ack;
	if ((int32_t)(l->next - l->una) < 0)
		l->next = l->una;
	/* What a timer that expired has doubled stays so until a round trip has been measured: a board that is slow is not flooded (RFC 6298, 5). */
	if (l->timing && (int32_t)(ack - l->timed_word) >= 0) {
		l->timing = false;
		measured(l, now - l->timed_at);
		set_rto(l);
	}
	if (n)
		l->rto_at = l->una != l->high ? now + l->rto : 0;
	if (nak) {
		go_back(l);
		l->rto_at = now + l->rto;
	}
}

/* --- Frames in ---------------------------------------------------------------------------------------------------------------------- */

/* Words of TLPs in a DATA frame; 0: it is malformed. */
static uint32_t check_payload(const uint8_t *at, size_t bytes)
{
	uint32_t words = 0, room = (uint32_t)(bytes / 8);
	while (words < room) {
		uint32_t n = tlp_words(get(at + 8 * words, 8));
		if (!n)
			break;
		if (n > TLP_WORDS || n > room - words)
			return 0;
		words += n;
	}
	if (words == room && bytes % 8)
		return 0;
	return words > FRAME_WORDS ? 0 : words;
}

static void data(struct hostlink *l, const uint8_t *frame, uint32_t words)
{
	uint32_t seq = (uint32_t)get(frame + 20, 4), ahead = seq - l->expected;
	if (ahead) {
		l->due = true;
		if ((int32_t)ahead < 0) {
			l->stats.replayed++;
		} else {
			l->stats.gaps++;
			l->nak |= !l->gap;
			l->due = l->nak;
			l->gap = true;
		}
		return;
	}
	l->gap = false;
	l->due = true;
	l->expected += words;
	l->stats.words_in += words;
	for (uint32_t i = 0; i < words;) {
		uint32_t dw[2 * TLP_WORDS], first = (uint32_t)get(frame + HEADER + 8 * i, 4);
		uint32_t n = (tlp_dws(first) + 1) / 2;
		for (uint32_t k = 0; k < 2 * n; k++)
			dw[k] = (uint32_t)get(frame + HEADER + 8 * i + 4 * k, 4);
		unsigned type = first >> 24 & 0x1f;
		if (type == 0x0a && l->np_out) /* each of our requests has one completion */
			l->np_out--;
		l->ops.give(l->ops.arg, dw, tlp_dws(first));
		i += n;
	}
}

void link_frame(struct hostlink *l, const uint8_t *frame, size_t bytes, uint64_t now)
{
	if (bytes < 60 || frame[12] != LINK_ETHERTYPE >> 8 ||
	    frame[13] != (LINK_ETHERTYPE & 0xff) || memcmp(frame, l->mac, 6)) {
		l->stats.foreign++;
		return;
	}
	unsigned type = frame[14] & 15, flags = frame[15];
	uint32_t tag = (uint32_t)get(frame + 16, 4);
	uint32_t words = type == DATA ? check_payload(frame + HEADER, bytes - HEADER) : 0;
	if (frame[14] >> 4 != 1 || flags & ~(unsigned)(NAK | POLL) || frame[30] || frame[31] ||
	    type < ACCEPT || type > ACK || (type == DATA && !words)) {
		l->stats.malformed++;
		return;
	}
	if (l->paired && memcmp(frame + 6, l->board, 6)) {
		if (type == ACCEPT && tag == l->own_tag)
			l->stats.refused++;
		else
			l->stats.foreign++;
		return;
	}
	if (tag != l->own_tag || (l->state == LINK_DOWN && type != ACCEPT && type != REFUSE)) {
		l->stats.forged++;
		return;
	}
	l->stats.frames_in++;
	if (type != DATA)
		for (unsigned i = 0; i < 8; i++)
			l->stats.board[i] = (uint16_t)get(frame + HEADER + 2 * i, 2);
	if (type == ACCEPT) {
		accepted(l, frame, now);
		return;
	}
	if (type == REFUSE) {
		l->stats.busy++;
		return;
	}
	l->heard = now;
	if (l->state == LINK_CONFIRMING) {
		l->state = LINK_UP;
		l->stats.sessions++;
		l->due = true; /* it waits for our window */
		l->polled = now;
	}
	acknowledged(l, (uint32_t)get(frame + 24, 4), (uint32_t)get(frame + 28, 2), flags & NAK,
		     now);
	if (flags & POLL)
		l->due = true;
	if (type == DATA)
		data(l, frame, words);
}

/* --- Time --------------------------------------------------------------------------------------------------------------------------- */

/* TLPs into the buffer, as many as fit. */
static void take(struct hostlink *l)
{
	uint32_t dw[LINK_TLP_DW + 1];
	while (BUFFER_WORDS - (l->com - l->una) >= TLP_WORDS) {
		bool non_posted = false;
		size_t n =
			l->ops.take(l->ops.arg, l->np_out < NP_MOST, dw, LINK_TLP_DW, &non_posted);
		if (!n)
			return;
		l->np_out += non_posted;
		/* Its header must tell the board how long it is. */
		if (n != tlp_dws(dw[0]))
			continue;
		dw[n] = 0;
		for (size_t i = 0; i < n; i += 2)
			l->words[l->com++ % BUFFER_WORDS] = dw[i] | (uint64_t)dw[i + 1] << 32;
	}
}

static bool may_send(const struct hostlink *l)
{
	if (l->next == l->com)
		return false;
	uint32_t n = tlp_words(l->words[l->next % BUFFER_WORDS]);
	return (int32_t)(l->limit - l->next - n) >= 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t run_up(struct hostlink *l, uint64_t now)
{
	if (now - l->heard > l->silence) {
		down(l, now);
		return now;
	}
	if (l->rto_at && now >= l->rto_at) {
		go_back(l);
		l->rto = earlier(2 * l->rto, RTO_MOST);
		l->rto_at = l->una != l->high ? now + l->rto : 0;
	}
	take(l);
	while (may_send(l))
		send_data(l, now);
	/* What waits for the window to open is not measured by anything else. */
	bool shut = l->next != l->com;
	uint64_t poll_at = shut			  ? l->polled + l->rto
			   : l->heard > l->polled ? l->heard + POLL_AFTER
						  : l->polled + POLL_AFTER;
	if (now >= poll_at) {
		l->polled = now;
		send_control(l, ACK, tell(l) | POLL, l->peer_tag, l->next);
		poll_at = now + (shut ? l->rto : POLL_AFTER);
	} else if (l->due) {
		send_control(l, ACK, tell(l), l->peer_tag, l->next);
	}
	uint64_t next = earlier(poll_at, l->heard + l->silence + 1);
	return l->rto_at ? earlier(next, l->rto_at) : next;
}

uint64_t link_run(struct hostlink *l, uint64_t now)
{
	if (l->state == LINK_UP)
		return run_up(l, now);
	if (l->state == LINK_CONFIRMING && now - l->since > CONFIRM_FOR)
		down(l, now);
	if (l->state == LINK_CONFIRMING) {
		if (now >= l->next_confirm)
			confirm(l, now);
		return earlier(l->next_confirm, l->since + CONFIRM_FOR + 1);
	}
	if (now >= l->next_open) {
		l->next_open = now + OPEN_EVERY;
		send_control(l, OPEN, 0, 0, l->own_tag);
	}
	return l->next_open;
}

void link_close(struct hostlink *l)
{
	if (l->state != LINK_DOWN)
		send_control(l, CLOSE, 0, l->peer_tag, l->next);
}

void link_reset(struct hostlink *l, uint64_t now)
{
	link_close(l);
	down(l, now);
}

/* --- Begin and end ------------------------------------------------------------------------------------------------------------------ */

struct hostlink *link_new(const struct link_ops *ops, const uint8_t mac[6], const uint8_t *board,
			  uint64_t silence)
{
	struct hostlink *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->ops = *ops;
	l->silence = silence;
	memcpy(l->mac, mac, 6);
	if (board) {
		memcpy(l->board, board, 6);
		l->paired = true;
	}
	down(l, 0);
	return l;
}

void link_free(struct hostlink *l)
{
	free(l);
}

enum link_state link_state(const struct hostlink *l)
{
	return l->state;
}

bool link_used(const struct hostlink *l)
{
	return l->com || l->expected;
}

bool link_busy(const struct hostlink *l)
{
	return l->una != l->com;
}

const uint8_t *link_board(const struct hostlink *l)
{
	return l->board;
}

struct link_stats link_stats(const struct hostlink *l)
{
	return l->stats;
}
